#include "store/store.h"

#define KEY_BYTES_MAX 1024
#define PART_BYTES_MAX 255

static bool part_ok(struct slice part)
{
	if (part.len == 0 || part.len > PART_BYTES_MAX)
		return false;
	if (slice_is(part, ".") || slice_is(part, ".."))
		return false;
	return !slice_starts(part, SLICE(".tmp-")) && !slice_starts(part, SLICE(".store-"));
}

bool store_key_ok(struct slice key)
{
	size_t bad;
	if (key.len == 0 || key.len > KEY_BYTES_MAX || !slice_is_utf8(key, &bad))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char) key.ptr[i] < ' ' || key.ptr[i] == 0x7f)
			return false;
	for (size_t at = 0, end; at <= key.len; at = end + 1) {
		end = slice_find(key, '/', at);
		if (!part_ok(slice_sub(key, at, end - at)))
			return false;
	}
	return true;
}
