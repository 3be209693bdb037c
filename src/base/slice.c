#include "base/slice.h"

int slice_cmp(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_eq((struct slice){ s.ptr, prefix.len }, prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_eq((struct slice){ s.ptr + s.len - suffix.len, suffix.len }, suffix);
}

size_t slice_find(struct slice s, char c, size_t from)
{
	if (from >= s.len)
		return s.len;
	const char *at = memchr(s.ptr + from, c, s.len - from);
	return at ? (size_t) (at - s.ptr) : s.len;
}

size_t slice_find_str(struct slice s, struct slice needle)
{
	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return SIZE_MAX;
	const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return at ? (size_t) (at - s.ptr) : SIZE_MAX;
}

struct slice slice_sub(struct slice s, size_t from, size_t len)
{
	assert(from <= s.len && len <= s.len - from);
	return (struct slice){ s.ptr + from, len };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool slice_next_entry(struct slice *inout_rest, struct slice *out_entry)
{
	struct slice rest = *inout_rest;
	*out_entry = SLICE("");
	while (rest.len && !out_entry->len) {
		size_t end = slice_find(rest, ',', 0), after = end < rest.len ? end + 1 : end;
		*out_entry = slice_trim(slice_sub(rest, 0, end));
		rest = slice_sub(rest, after, rest.len - after);
	}
	*inout_rest = rest;
	return out_entry->len > 0;
}

bool slice_to_int(struct slice s, int64_t *out_value)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	size_t i = negative ? 1 : 0;
	if (i == s.len)
		return false;
	int64_t value = 0;
	for (; i < s.len; i++) {
		int digit = s.ptr[i] - '0';
		if (digit < 0 || digit > 9)
			return false;
		if (__builtin_mul_overflow(value, 10, &value))
			return false;
		if (__builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN has no positive twin */
			return false;
	}
	if (!negative && __builtin_sub_overflow(0, value, &value))
		return false;
	*out_value = value;
	return true;
}

/* Length of the sequence at `p`, 0 when it is ill-formed.  Table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t len;
	unsigned char low = 0x80, high = 0xbf;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

bool slice_is_utf8(struct slice s, size_t *out_bad)
{
	const unsigned char *p = (const unsigned char *) s.ptr;
	for (size_t i = 0; i < s.len;) {
		size_t len = utf8_sequence(p + i, s.len - i);
		if (!len) {
			if (out_bad)
				*out_bad = i;
			return false;
		}
		i += len;
	}
	return true;
}
