#include "bronze/film.h"

/* Bytes of the double quote at `i`: straight, or one of the typographic pair; 0 for anything else. */
static size_t quote_at(struct slice s, size_t i)
{
	struct slice rest = slice_sub(s, i, s.len - i);
	if (slice_starts(rest, SLICE("\"")))
		return 1;
	return slice_starts(rest, SLICE("\u201c")) || slice_starts(rest, SLICE("\u201d")) ? 3 : 0;
}

static bool opens(char c)
{
	return c == '(' || c == '[';
}

static bool closes(struct slice s, size_t i)
{
	return i < s.len && (s.ptr[i] == ')' || s.ptr[i] == ']');
}

/* X when (From "X") stands at `i`.  Which bracket closes does not matter. */
static bool from_at(struct slice s, size_t i, struct slice *out)
{
	static const struct slice from = { "From ", 5 };
	if (!opens(s.ptr[i]) || !slice_starts(slice_sub(s, i + 1, s.len - i - 1), from))
		return false;
	size_t begin = i + 1 + from.len;
	size_t quote = quote_at(s, begin);
	if (!quote)
		return false;
	begin += quote;
	size_t end = begin;
	while (end < s.len && !quote_at(s, end))
		end++;
	if (end == begin || end == s.len || !closes(s, end + quote_at(s, end)))
		return false;
	*out = slice_sub(s, begin, end - begin);
	return true;
}

static bool find_from(struct slice s, struct slice *out)
{
	for (size_t i = 0; i < s.len; i++)
		if (from_at(s, i, out))
			return true;
	return false;
}

static bool find_soundtrack(struct slice s, struct slice *out)
{
	static const struct slice marks[] = { { "Original Motion Picture Soundtrack", 34 }, { "Original Soundtrack", 19 } };
	for (size_t i = 0; i < s.len && s.ptr[i] != '\n'; i++) {
		struct slice rest = slice_sub(s, i + 1, s.len - i - 1);
		for (size_t m = 0; opens(s.ptr[i]) && m < COUNT_OF(marks); m++) {
			if (slice_starts(rest, marks[m]) && closes(rest, marks[m].len)) {
				*out = slice_sub(s, 0, i);
				return true;
			}
		}
	}
	return false;
}

/* Bytes of the white space character at the start (or, `last`, at the end) of `s`; 0 when there is none.
 * Unicode's White_Space and the four separators U+001C to U+001F. */
static size_t space_len(struct slice s, bool last)
{
	static const struct slice wide[] = {
		{ "\xc2\x85", 2 }, { "\u00a0", 2 }, { "\u1680", 3 }, { "\u2000", 3 }, { "\u2001", 3 }, { "\u2002", 3 },
		{ "\u2003", 3 }, { "\u2004", 3 }, { "\u2005", 3 }, { "\u2006", 3 }, { "\u2007", 3 }, { "\u2008", 3 },
		{ "\u2009", 3 }, { "\u200a", 3 }, { "\u2028", 3 }, { "\u2029", 3 }, { "\u202f", 3 }, { "\u205f", 3 },
		{ "\u3000", 3 },
	};
	if (!s.len)
		return 0;
	unsigned char c = (unsigned char) s.ptr[last ? s.len - 1 : 0];
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
	for (size_t i = 0; i < COUNT_OF(wide); i++)
		if (last ? slice_ends(s, wide[i]) : slice_starts(s, wide[i]))
			return wide[i].len;
	return 0;
}

static struct slice trimmed_or_null(struct slice s)
{
	size_t len;
	while ((len = space_len(s, false)))
		s = slice_sub(s, len, s.len - len);
	while ((len = space_len(s, true)))
		s.len -= len;
	return s.len ? s : SLICE_NULL;
}

struct slice film_name(struct slice track_name, struct slice album_name)
{
	struct slice found;
	if (find_from(track_name, &found) || find_from(album_name, &found) || find_soundtrack(album_name, &found))
		return trimmed_or_null(found);
	return SLICE_NULL;
}
