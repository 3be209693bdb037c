#include "source/csv.h"

#include "base/macros.h"

struct cursor {
	const char *at, *end;
	bool more;          /* the text was cut at `end`, and more would fit */
	struct csv_record *r;
};

static bool is_line_end(const struct cursor *c, const char *at)
{
	return at == c->end || *at == '\n' || (*at == '\r' && at + 1 < c->end && at[1] == '\n');
}

/* The text was cut within what may be a line end behind a quote: CR LF, or one with ';' before it. */
static bool is_cut(const struct cursor *c)
{
	struct slice rest = { c->at, (size_t) (c->end - c->at) };
	return c->more && (slice_is(rest, "\r") || slice_is(rest, ";\r"));
}

static const char *line_end(const char *at, const char *end)
{
	const char *found = memchr(at, '\n', (size_t) (end - at));
	return found ? found : end;
}

/* Its lines would be one, and what stands behind the columns of the first would never be looked at. */
static bool has_bare_cr(struct slice head)
{
	struct slice line = slice_sub(head, 0, slice_find(head, '\n', 0));
	return slice_find(line, '\r', 0) + 1 < line.len;
}

const char *csv_unfit(struct slice head)
{
	static const char *const packed[] = { "\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", ("\xfd" "7zXZ"), "7z\xbc\xaf", "BZh" };
	for (size_t i = 0; i < COUNT_OF(packed); i++)
		if (slice_starts(head, slice_of(packed[i])))
			return "is compressed: unpack it first";
	if (slice_starts(head, SLICE("\xff\xfe")) || slice_starts(head, SLICE("\xfe\xff")))
		return "is UTF-16 text: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8 FILE >NEW)";
	if (has_bare_cr(head))
		return "ends its lines with CR alone: convert it first (tr '\\r' '\\n' <FILE >NEW)";
	return NULL;
}

static void add_field(struct csv_record *r, const char *from, const char *to)
{
	if (r->count < CSV_COLUMNS_MAX)
		r->field[r->count] = (struct slice){ from, (size_t) (to - from) };
	r->count++;
}

/* Ends with at[0] on the comma, the line end or the text's end. */
static void read_plain(struct cursor *c)
{
	const char *from = c->at;
	while (c->at < c->end && *c->at != ',' && *c->at != '\n')
		c->at++;
	const char *to = c->at;
	if (to > from && to[-1] == '\r' && (to == c->end || *to == '\n'))
		to--;
	add_field(c->r, from, to);
}

static void unquote(struct csv_record *r, const char *from, const char *to)
{
	char *out = r->unquoted + r->unquoted_len, *begin = out;
	for (const char *at = from; at < to; at++) {
		*out++ = *at;
		at += *at == '"'; /* the second one of a pair */
	}
	r->unquoted_len += (size_t) (out - begin);
	add_field(r, begin, out);
}

static enum csv_state read_quoted(struct cursor *c)
{
	const char *from = ++c->at;
	bool doubled = false;
	for (;;) {
		const char *quote = memchr(c->at, '"', (size_t) (c->end - c->at));
		if (!quote)
			return c->more ? CSV_MORE : CSV_UNTERMINATED_QUOTE;
		if (quote + 1 == c->end && c->more)
			return CSV_MORE;
		c->at = quote + 1;
		if (c->at < c->end && *c->at == '"') {
			doubled = true;
			c->at++;
			continue;
		}
		if (is_cut(c))
			return CSV_MORE;
		if (doubled)
			unquote(c->r, from, quote);
		else
			add_field(c->r, from, quote);
		bool alone = c->r->count == 1;
		if (alone && c->at < c->end && *c->at == ';' && is_line_end(c, c->at + 1))
			c->at++;
		if (c->at < c->end && *c->at == '\r' && is_line_end(c, c->at + 1))
			c->at++;
		if (c->at == c->end || *c->at == ',' || *c->at == '\n') {
			c->r->wrapped = alone && (c->at == c->end || *c->at == '\n');
			return CSV_RECORD;
		}
		return CSV_UNTERMINATED_QUOTE; /* text after the quote: it was the next field's opening one */
	}
}

static enum csv_state read_fields(struct cursor *c)
{
	for (;;) {
		if (c->at < c->end && *c->at == '"') {
			enum csv_state state = read_quoted(c);
			if (state != CSV_RECORD)
				return state;
		} else {
			read_plain(c);
		}
		if (c->at == c->end || *c->at == '\n')
			return c->at == c->end && c->more ? CSV_MORE : CSV_RECORD;
		c->at++; /* the comma */
	}
}

/* Sets raw, bytes and lines for what stands from `begin` to the line end at `to`. */
static void set_extent(struct csv_record *r, const char *begin, const char *to, const char *end)
{
	const char *raw_end = to;
	if (raw_end > begin && raw_end[-1] == '\r')
		raw_end--;
	r->raw = (struct slice){ begin, (size_t) (raw_end - begin) };
	r->bytes = (size_t) (to - begin) + (to < end);
	r->lines = 1;
	for (const char *at = begin; (at = memchr(at, '\n', (size_t) (raw_end - at))); at++)
		r->lines++;
}

enum csv_state csv_read(struct slice text, bool at_end, struct csv_record *out)
{
	assert(text.len > 0);
	bool full = text.len >= CSV_RECORD_BYTES_MAX;
	const char *end = text.ptr + (full ? CSV_RECORD_BYTES_MAX : text.len);
	struct cursor c = { .at = text.ptr, .end = end, .more = !full && !at_end, .r = out };
	out->count = out->unquoted_len = 0;
	out->wrapped = false;
	enum csv_state state = read_fields(&c);
	if (state == CSV_MORE || (state == CSV_UNTERMINATED_QUOTE && c.more && line_end(text.ptr, end) == end))
		return CSV_MORE; /* what is broken ends with its line */
	/* A text longer than the limit was cut at it, one of just that length only when something follows. */
	bool cut = text.len > CSV_RECORD_BYTES_MAX || (full && !at_end);
	if (state == CSV_UNTERMINATED_QUOTE || (state == CSV_RECORD && c.at == end && cut)) {
		const char *line = line_end(text.ptr, end);
		bool goes_on = line == end && cut;
		set_extent(out, text.ptr, line, end);
		return goes_on ? CSV_TOO_LONG : CSV_UNTERMINATED_QUOTE;
	}
	set_extent(out, text.ptr, c.at, end);
	return out->count > CSV_COLUMNS_MAX ? CSV_TOO_MANY_COLUMNS : CSV_RECORD;
}

enum csv_state csv_unwrap(const struct csv_record *outer, struct csv_record *out)
{
	assert(outer->wrapped && outer != out);
	struct slice text = outer->field[0];
	enum csv_state state = CSV_UNTERMINATED_QUOTE;
	if (text.len)
		state = csv_read(text, true, out);
	bool whole = text.len && out->bytes == text.len;
	out->raw = outer->raw;
	out->bytes = outer->bytes;
	out->lines = outer->lines;
	return state == CSV_RECORD && !whole ? CSV_UNTERMINATED_QUOTE : state;
}

void csv_first_line(struct csv_record *r)
{
	const char *line = line_end(r->raw.ptr, r->raw.ptr + r->raw.len);
	assert(r->lines > 1);
	set_extent(r, r->raw.ptr, line, line + 1);
}
