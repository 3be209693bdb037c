#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct slice encode(struct slice bytes, const char *digits, bool pad, struct arena *arena)
{
	char *text = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
	size_t len = 0;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i, chars = left >= 3 ? 4 : left + 1;
		uint32_t three = 0;
		for (size_t k = 0; k < 3; k++)
			three = three << 8 | (k < left ? (unsigned char) bytes.ptr[i + k] : 0);
		for (size_t k = 0; k < 4; k++) {
			if (k < chars)
				text[len++] = digits[three >> (18 - 6 * k) & 63];
			else if (pad)
				text[len++] = '=';
		}
	}
	return (struct slice){ text, len };
}

#define NO_DIGIT 64

static void make_values(const char *digits, uint8_t value[static 256])
{
	memset(value, NO_DIGIT, 256);
	for (uint8_t i = 0; i < 64; i++)
		value[(unsigned char) digits[i]] = i;
}

static bool decode(struct slice text, const char *digits, bool pad, struct arena *arena, struct slice *out)
{
	if (pad && text.len % 4)
		return false;
	for (int i = 0; pad && i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
		text.len--;
	if (text.len % 4 == 1)
		return false;
	uint8_t value[256];
	make_values(digits, value);
	char *bytes = arena_alloc(arena, text.len / 4 * 3 + 4);
	size_t len = 0, bits = 0;
	uint32_t kept = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t digit = value[(unsigned char) text.ptr[i]];
		if (digit == NO_DIGIT)
			return false;
		kept = (kept << 6 | digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[len++] = (char) (kept >> bits);
		}
	}
	if (kept & ((1u << bits) - 1))
		return false;
	*out = (struct slice){ bytes, len };
	return true;
}

struct slice base64_encode(struct slice bytes, struct arena *arena)
{
	return encode(bytes, standard, true, arena);
}

struct slice base64url_encode(struct slice bytes, struct arena *arena)
{
	return encode(bytes, url, false, arena);
}

bool base64_decode(struct slice text, struct arena *arena, struct slice *out)
{
	return decode(text, standard, true, arena, out);
}

bool base64url_decode(struct slice text, struct arena *arena, struct slice *out)
{
	return decode(text, url, false, arena, out);
}

bool base64_decode_lenient(struct slice text, struct arena *arena, struct slice *out)
{
	bool is_url = text.len && (memchr(text.ptr, '-', text.len) || memchr(text.ptr, '_', text.len));
	size_t padding = 0;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	if (padding && text.len % 4)
		return false;
	text.len -= padding;
	return decode(text, is_url ? url : standard, false, arena, out);
}
