#include "expect.h"

#include "base/json.h"

#define PAIRS_MAX 64
#define VALUE_BYTES 512

struct pair {
	struct slice name, value; /* value NULL is null */
};
struct line {
	const char *what;
	int number;
	struct slice kind;
	struct pair pair[PAIRS_MAX];
	size_t pair_count;
	struct arena arena;
};

/* --- reading a line ----------------------------------------------------------------------------------------- */

static size_t skip_spaces(struct slice s, size_t i)
{
	while (i < s.len && (s.ptr[i] == ' ' || s.ptr[i] == '\t'))
		i++;
	return i;
}

static struct slice quoted(struct line *line, struct slice text)
{
	struct json *v CLEANUP(json_freep) = NULL;
	struct err err = { 0 };
	struct slice s = SLICE_NULL;
	if (json_parse(text, &v, &err) != RC_OK || !json_string(v, &s))
		fail_msg("%s:%d: %.*s: %s", line->what, line->number, SLICE_FMT(text), err.msg);
	return arena_copy(&line->arena, s);
}

static size_t end_of_value(struct slice s, size_t i)
{
	if (i < s.len && s.ptr[i] == '"') {
		for (i++; i < s.len && s.ptr[i] != '"'; i++)
			i += s.ptr[i] == '\\';
		return i + 1;
	}
	return slice_find(s, ' ', i);
}

static void read_line(struct line *line, struct slice text)
{
	size_t i = slice_find(text, ' ', 0);
	line->kind = slice_sub(text, 0, i);
	line->pair_count = 0;
	for (i = skip_spaces(text, i); i < text.len; i = skip_spaces(text, i)) {
		size_t equals = slice_find(text, '=', i), end = end_of_value(text, equals + 1);
		if (end > text.len || line->pair_count == PAIRS_MAX)
			fail_msg("%s:%d: cannot read '%.*s'", line->what, line->number, SLICE_FMT(text));
		struct slice value = slice_sub(text, equals + 1, end - equals - 1);
		if (value.len && value.ptr[0] == '"')
			value = quoted(line, value);
		else if (slice_is(value, "null"))
			value = SLICE_NULL;
		line->pair[line->pair_count++] = (struct pair){ slice_sub(text, i, equals - i), value };
		i = end;
	}
}

static struct slice pair_value(const struct line *line, const char *name)
{
	for (size_t i = 0; i < line->pair_count; i++)
		if (slice_is(line->pair[i].name, name))
			return line->pair[i].value;
	fail_msg("%s:%d: wants '%s='", line->what, line->number, name);
	return SLICE_NULL;
}

static int64_t pair_integer(const struct line *line, const char *name)
{
	int64_t i = 0;
	if (!slice_to_int(pair_value(line, name), &i))
		fail_msg("%s:%d: '%s' wants a number", line->what, line->number, name);
	return i;
}

/* --- columns by name ---------------------------------------------------------------------------------------- */

enum column_type { TEXT, INTEGER, OPT_INTEGER, OPT_BOOL, BOOL, SIZE, SCOPE, REASON };
struct column {
	const char *name;
	size_t offset;
	enum column_type type;
};

#define COLUMN(row, member, type) { #member, offsetof(struct row, member), type }
#define E(member, type) COLUMN(entry_row, member, type)
static const struct column entry_columns[] = {
	E(position, INTEGER), E(added_at, OPT_INTEGER), E(added_by_id, TEXT), E(track_id, TEXT), E(playable_id, TEXT),
	E(track_name, TEXT), E(track_uri, TEXT), E(track_href, TEXT), E(track_url, TEXT), E(isrc, TEXT),
	E(duration_ms, OPT_INTEGER), { "explicit", offsetof(struct entry_row, explicit_), OPT_BOOL },
	E(popularity, OPT_INTEGER), E(disc_number, OPT_INTEGER), E(track_number, OPT_INTEGER), E(is_playable, OPT_BOOL),
	E(restriction, TEXT), E(album_id, TEXT), E(album_name, TEXT), E(album_type, TEXT), E(album_uri, TEXT),
	E(album_href, TEXT), E(album_url, TEXT), E(album_image_url, TEXT), E(album_total_tracks, OPT_INTEGER),
	E(release_date, TEXT), E(release_precision, TEXT), E(release_day, OPT_INTEGER), E(artist_count, INTEGER),
	E(artist_id, TEXT), E(artist_name, TEXT), E(artist_names, TEXT), E(film_name, TEXT), E(raw_index, INTEGER), { 0 },
};
#define C(member, type) COLUMN(credit_row, member, type)
static const struct column credit_columns[] = {
	C(position, INTEGER), C(track_id, TEXT), C(scope, SCOPE), C(ordinal, INTEGER), C(artist_id, TEXT),
	C(artist_name, TEXT), C(artist_uri, TEXT), C(artist_url, TEXT), { 0 },
};
#define R(member, type) COLUMN(reject_row, member, type)
static const struct column reject_columns[] = {
	R(position, INTEGER), R(reason, REASON), R(detail, TEXT), R(raw_index, INTEGER), { 0 },
};
#define F(member) COLUMN(field_count, member, INTEGER)
static const struct column field_columns[] = { F(items), F(present), F(nulls), F(wrong_type), { 0 } };
#define L(member, type) COLUMN(playlist_facts, member, type)
static const struct column playlist_columns[] = {
	L(id, TEXT), L(name, TEXT), L(owner_id, TEXT), L(owner_name, TEXT), L(description, TEXT), L(snapshot_id, TEXT),
	L(followers, OPT_INTEGER), { 0 },
};
#define P(member, type) COLUMN(page, member, type)
static const struct column page_columns[] = {
	P(offset, OPT_INTEGER), P(total, OPT_INTEGER), P(has_next, BOOL), P(shape_items, BOOL), P(has_playlist, BOOL),
	P(items, INTEGER), { 0 },
};
static const struct column count_columns[] = {
	{ "entries", offsetof(struct page, entry_count), SIZE }, { "credits", offsetof(struct page, credit_count), SIZE },
	{ "rejects", offsetof(struct page, reject_count), SIZE }, { 0 },
};

static struct slice integer_text(char *buf, int64_t i)
{
	return (struct slice){ buf, (size_t) snprintf(buf, VALUE_BYTES, "%lld", (long long) i) };
}

static struct slice bool_text(bool b)
{
	return b ? SLICE("true") : SLICE("false");
}

static struct slice column_text(const struct column *column, const void *row, char *buf)
{
	const void *at = (const char *) row + column->offset;
	const struct opt_int *opt_int = at;
	const struct opt_bool *opt_bool = at;
	switch (column->type) {
	case TEXT: return *(const struct slice *) at;
	case INTEGER: return integer_text(buf, *(const int64_t *) at);
	case OPT_INTEGER: return opt_int->has ? integer_text(buf, opt_int->value) : SLICE_NULL;
	case OPT_BOOL: return opt_bool->has ? bool_text(opt_bool->value) : SLICE_NULL;
	case BOOL: return bool_text(*(const bool *) at);
	case SIZE: return integer_text(buf, (int64_t) *(const size_t *) at);
	case SCOPE: return slice_of(*(const enum credit_scope *) at == CREDIT_TRACK ? "track" : "album");
	case REASON: return slice_of(reject_reason_name(*(const enum reject_reason *) at));
	}
	return SLICE_NULL;
}

static void compare_value(const struct line *line, struct slice name, struct slice want, struct slice got)
{
	if ((want.ptr == NULL) == (got.ptr == NULL) && slice_eq(want, got))
		return;
	struct slice null = SLICE("null");
	want = want.ptr ? want : null;
	got = got.ptr ? got : null;
	fail_msg("%s:%d: %.*s: wants '%.*s', is '%.*s'", line->what, line->number, SLICE_FMT(name), SLICE_FMT(want),
	         SLICE_FMT(got));
}

static void compare_row(const struct line *line, const struct column *columns, const void *row)
{
	char buf[VALUE_BYTES];
	for (size_t i = 0; i < line->pair_count; i++) {
		const struct column *column = columns;
		while (column->name && !slice_is(line->pair[i].name, column->name))
			column++;
		if (!column->name)
			fail_msg("%s:%d: no column '%.*s'", line->what, line->number, SLICE_FMT(line->pair[i].name));
		compare_value(line, line->pair[i].name, line->pair[i].value, column_text(column, row, buf));
	}
}

/* --- rows by key -------------------------------------------------------------------------------------------- */

static void compare_entry(const struct line *line, const struct page *page)
{
	int64_t position = pair_integer(line, "position");
	for (size_t i = 0; i < page->entry_count; i++)
		if (page->entry[i].position == position) {
			compare_row(line, entry_columns, &page->entry[i]);
			return;
		}
	fail_msg("%s:%d: no entry at position %lld", line->what, line->number, (long long) position);
}

static void compare_credit(const struct line *line, const struct page *page)
{
	int64_t position = pair_integer(line, "position"), ordinal = pair_integer(line, "ordinal");
	enum credit_scope scope = slice_is(pair_value(line, "scope"), "track") ? CREDIT_TRACK : CREDIT_ALBUM;
	for (size_t i = 0; i < page->credit_count; i++) {
		const struct credit_row *row = &page->credit[i];
		if (row->position == position && row->ordinal == ordinal && row->scope == scope) {
			compare_row(line, credit_columns, row);
			return;
		}
	}
	fail_msg("%s:%d: no such credit at position %lld", line->what, line->number, (long long) position);
}

static void compare_reject(const struct line *line, const struct page *page)
{
	int64_t position = pair_integer(line, "position");
	for (size_t i = 0; i < page->reject_count; i++)
		if (page->reject[i].position == position) {
			compare_row(line, reject_columns, &page->reject[i]);
			return;
		}
	fail_msg("%s:%d: no reject at position %lld", line->what, line->number, (long long) position);
}

static void compare_field(struct line *line, const struct page *page)
{
	struct slice path = pair_value(line, "path");
	for (int f = 0; f < FIELD_COUNT; f++)
		if (slice_is(path, watched_field_path[f])) {
			/* the key stands first */
			memmove(line->pair, line->pair + 1, (--line->pair_count) * sizeof line->pair[0]);
			compare_row(line, field_columns, &page->field[f]);
			return;
		}
	fail_msg("%s:%d: no watched field '%.*s'", line->what, line->number, SLICE_FMT(path));
}

static void compare_uri(const struct line *line, const struct page *page)
{
	int64_t i = pair_integer(line, "raw_index");
	if (i < 0 || i >= page->items)
		fail_msg("%s:%d: no item %lld", line->what, line->number, (long long) i);
	compare_value(line, SLICE("uri"), pair_value(line, "uri"), page->uri[i]);
}

static void compare_refusal(const struct line *line, enum rc rc, const struct page *page, const struct err *err)
{
	struct slice part = pair_value(line, "message");
	if (rc != RC_REJECT)
		fail_msg("%s:%d: was not refused: %s", line->what, line->number, rc_name(rc));
	compare_value(line, SLICE("reason"), pair_value(line, "reason"), slice_of(page->reason));
	if (slice_find_str(slice_of(err->msg), part) == SIZE_MAX)
		fail_msg("%s:%d: message wants '%.*s', is '%s'", line->what, line->number, SLICE_FMT(part), err->msg);
}

void expect_page(const char *what, struct slice expected, enum rc rc, const struct page *page, const struct err *err)
{
	struct line line = { .what = what, .arena = arena_new(1 << 20) };
	bool counted = false, refused = false;
	for (size_t from = 0, end; from < expected.len; from = end + 1) {
		end = slice_find(expected, '\n', from);
		struct slice text = slice_trim(slice_sub(expected, from, end - from));
		line.number++;
		if (!text.len || text.ptr[0] == '#')
			continue;
		read_line(&line, text);
		refused = refused || slice_is(line.kind, "refused");
		counted = counted || slice_is(line.kind, "counts");
		if (!refused && rc != RC_OK)
			fail_msg("%s: refused: %s: %s", what, page->reason, err->msg);
		if (slice_is(line.kind, "refused"))
			compare_refusal(&line, rc, page, err);
		else if (slice_is(line.kind, "page"))
			compare_row(&line, page_columns, page);
		else if (slice_is(line.kind, "counts"))
			compare_row(&line, count_columns, page);
		else if (slice_is(line.kind, "playlist"))
			compare_row(&line, playlist_columns, &page->playlist);
		else if (slice_is(line.kind, "entry"))
			compare_entry(&line, page);
		else if (slice_is(line.kind, "credit"))
			compare_credit(&line, page);
		else if (slice_is(line.kind, "reject"))
			compare_reject(&line, page);
		else if (slice_is(line.kind, "field"))
			compare_field(&line, page);
		else if (slice_is(line.kind, "uri"))
			compare_uri(&line, page);
		else
			fail_msg("%s:%d: no such kind '%.*s'", what, line.number, SLICE_FMT(line.kind));
	}
	if (!counted && !refused)
		fail_msg("%s: wants a 'counts' or a 'refused' line", what);
	arena_done(&line.arena);
}
