#include "source/archive_md.h"

#define HOST "://open.spotify.com/"
#define DESCRIPTION_BYTES_MAX 65536
#define DESCRIPTION_LINES_MAX 64

static const struct broken_reason reasons[MD_REASON_COUNT] = {
#define X(name, what) { "archive_" #name, what },
	MD_REASONS(X)
#undef X
};

const struct broken_reason *md_reason(enum md_reason reason)
{
	assert((unsigned) reason < MD_REASON_COUNT);
	return &reasons[reason];
}

/* --- text --------------------------------------------------------------------------------------------------- */

static struct slice behind(struct slice s, size_t from)
{
	return slice_sub(s, from, s.len - from);
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_punctuation(char c)
{
	return c > ' ' && c < 0x7f && !is_alnum(c);
}

static bool is_text(struct slice s)
{
	return slice_is_utf8(s, NULL) && !(s.len && memchr(s.ptr, 0, s.len));
}

/* Does the name show that its punctuation was not escaped?  Escaped ones never have a bare bracket. */
static bool is_bare(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '\\')
			i++;
		else if (memchr("()[]", name.ptr[i], 4))
			return true;
	}
	return false;
}

static struct slice unescape(struct slice name, struct arena *arena)
{
	char *out = arena_alloc(arena, name.len + 1);
	size_t len = 0;
	bool bare = is_bare(name);
	for (size_t i = 0; i < name.len; i++) {
		bool pair = name.ptr[i] == '\\' && i + 1 < name.len && is_punctuation(name.ptr[i + 1]);
		i += pair && (!bare || name.ptr[i + 1] == '|');
		out[len++] = name.ptr[i];
	}
	return (struct slice){ out, len };
}

struct link {
	struct slice text, kind, id; /* "track" and what follows it */
	size_t len;                  /* of all of it */
};

/* The link at the beginning of `s`: [text](https://open.spotify.com/…/kind/id). */
static bool read_link(struct slice s, struct link *out)
{
	if (s.len == 0 || s.ptr[0] != '[')
		return false;
	for (size_t at = 1; (at = slice_find(s, ']', at)) < s.len; at++) {
		struct slice rest = behind(s, at + 1);
		size_t scheme = slice_starts(rest, SLICE("(https" HOST)) ? 6 : slice_starts(rest, SLICE("(http" HOST)) ? 5 : 0;
		if (!scheme)
			continue;
		size_t end = slice_find(rest, ')', 0);
		if (end == rest.len)
			return false;
		size_t from = scheme + sizeof HOST - 1;
		struct slice path = slice_sub(rest, from, end - from);
		path = slice_sub(path, 0, slice_find(path, '?', 0));
		size_t slash = path.len;
		while (slash > 0 && path.ptr[slash - 1] != '/')
			slash--;
		out->text = slice_sub(s, 1, at - 1);
		out->id = behind(path, slash);
		struct slice before = slice_sub(path, 0, slash ? slash - 1 : 0);
		size_t kind = before.len;
		while (kind > 0 && before.ptr[kind - 1] != '/')
			kind--;
		out->kind = behind(before, kind);
		out->len = at + 1 + end + 1;
		bool ok = out->id.len > 0 && out->id.len <= 64;
		for (size_t i = 0; i < out->id.len && ok; i++)
			ok = is_alnum(out->id.ptr[i]);
		return ok;
	}
	return false;
}

static bool next_line(struct md_reader *r, struct slice *out)
{
	if (r->at >= r->text.len)
		return false;
	size_t end = slice_find(r->text, '\n', r->at);
	*out = slice_sub(r->text, r->at, end - r->at);
	if (slice_ends(*out, SLICE("\r")))
		out->len--;
	r->at = end < r->text.len ? end + 1 : end;
	r->line++;
	return true;
}

/* --- above the table ---------------------------------------------------------------------------------------- */

/* "[owner](…) - 1,234 likes - 50 songs - …" */
static void read_owner(struct slice line, struct arena *arena, struct md_reader *r)
{
	struct link link;
	if (r->owner_name.ptr || line.len > MD_ROW_BYTES_MAX || !read_link(line, &link) || !slice_is(link.kind, "user"))
		return;
	r->owner_id = link.id;
	r->owner_name = unescape(link.text, arena);
	struct slice rest = behind(line, link.len);
	size_t like = slice_find_str(rest, SLICE(" like"));
	if (!slice_starts(rest, SLICE(" - ")) || like == SIZE_MAX || like < 3)
		return;
	int64_t count = 0;
	for (size_t i = 3; i < like; i++) {
		if (rest.ptr[i] == ',')
			continue;
		if (rest.ptr[i] < '0' || rest.ptr[i] > '9' || count > 100000000000)
			return;
		count = 10 * count + (rest.ptr[i] - '0');
	}
	r->has_followers = like > 3;
	r->followers = count;
}

static bool is_table_head(struct slice line)
{
	static const char *const want[] = { "No.", "Title", "Artist(s)", "Album", "Length" };
	line = slice_trim(line);
	if (!slice_starts(line, SLICE("|")) || !slice_ends(line, SLICE("|")))
		return false;
	size_t count = 0;
	for (size_t at = 1; at < line.len; count++) {
		size_t end = slice_find(line, '|', at);
		if (count == COUNT_OF(want) || !slice_is(slice_trim(slice_sub(line, at, end - at)), want[count]))
			return false;
		at = end + 1;
	}
	return count == COUNT_OF(want);
}

/* The id of the version as Spotify told it; it stands below the table. */
static struct slice find_snapshot_id(struct slice text)
{
	struct slice mark = SLICE("\nSnapshot ID: `");
	size_t tail = text.len > 4096 ? text.len - 4096 : 0;
	struct slice rest = behind(text, tail);
	size_t at = slice_find_str(rest, mark);
	if (at == SIZE_MAX)
		return SLICE_NULL;
	rest = behind(rest, at + mark.len);
	size_t end = slice_find(rest, '`', 0);
	return end > 0 && end < rest.len && end <= 256 ? slice_sub(rest, 0, end) : SLICE_NULL;
}

static void add_description(struct slice line, struct arena *arena, struct md_reader *r)
{
	struct slice more = slice_trim(behind(line, 1));
	if (++r->description_lines > DESCRIPTION_LINES_MAX || r->description.len + more.len > DESCRIPTION_BYTES_MAX)
		return;
	r->description = r->description.ptr && r->description.len
	                         ? arena_printf(arena, "%.*s %.*s", SLICE_FMT(r->description), SLICE_FMT(more))
	                         : more;
}

enum md_reason md_open(struct slice text, struct arena *arena, struct md_reader *out)
{
	struct slice line;
	struct link link;
	*out = (struct md_reader){ .text = text };
	while (next_line(out, &line)) {
		if (!out->playlist_id.ptr) {
			struct slice head = slice_starts(line, SLICE("### ")) ? slice_trim(behind(line, 4)) : SLICE_NULL;
			if (head.ptr && head.len <= MD_ROW_BYTES_MAX && read_link(head, &link) && slice_is(link.kind, "playlist")) {
				out->playlist_id = link.id;
				out->name = unescape(link.text, arena);
			}
			continue;
		}
		if (slice_starts(line, SLICE(">"))) {
			add_description(line, arena, out);
			continue;
		}
		if (!is_table_head(line)) {
			read_owner(line, arena, out);
			continue;
		}
		struct md_reader below = *out; /* the line of dashes; a table may lack it */
		if (next_line(&below, &line) && slice_starts(slice_trim(line), SLICE("|-")))
			*out = below;
		out->snapshot_id = find_snapshot_id(text);
		bool text_only = is_text(out->name) && is_text(out->description) && is_text(out->owner_name) && is_text(out->snapshot_id);
		return text_only ? MD_FINE : MD_REASON_not_utf8;
	}
	return out->playlist_id.ptr ? MD_REASON_no_table : MD_REASON_no_header;
}

/* --- rows --------------------------------------------------------------------------------------------------- */

/* Moves on behind "| " and the like. */
static bool take_pipe(struct slice *rest)
{
	*rest = slice_trim(*rest);
	if (!slice_starts(*rest, SLICE("|")))
		return false;
	*rest = slice_trim(behind(*rest, 1));
	return true;
}

/* Where the plain cell at the beginning of `s` ends: at the first pipe that is not escaped. */
static size_t cell_end(struct slice s)
{
	size_t at = 0;
	while (at < s.len && s.ptr[at] != '|')
		at += s.ptr[at] == '\\' && at + 1 < s.len ? 2 : 1;
	return at < s.len ? at : s.len;
}

/* "3:48", "1:02:03", "45"; empty is unknown. */
static bool read_length(struct slice s, struct import_item *item)
{
	int64_t seconds = 0;
	size_t parts = 0;
	item->has_duration = s.len > 0;
	while (s.len) {
		size_t end = slice_find(s, ':', 0);
		int64_t part;
		if (end == 0 || end > 6 || s.ptr[0] == '-' || !slice_to_int(slice_sub(s, 0, end), &part) || ++parts > 3 ||
		    (parts > 1 && (part > 59 || end != 2)) || end + 1 == s.len)
			return false;
		seconds = 60 * seconds + part;
		s = behind(s, end < s.len ? end + 1 : end);
	}
	item->duration_ms = 1000 * seconds;
	return true;
}

static bool read_artists(struct slice *rest, struct arena *arena, struct md_row *row)
{
	while (rest->len && rest->ptr[0] != '|') {
		struct link link;
		if (row->item.artist_count == MD_ARTISTS_MAX)
			return false;
		struct import_artist *a = &row->artist[row->item.artist_count++];
		*a = (struct import_artist){ 0 };
		if (read_link(*rest, &link)) {
			a->name = unescape(link.text, arena);
			a->is_spotify = slice_is(link.kind, "artist");
			a->id = a->is_spotify ? link.id : SLICE_NULL;
			*rest = behind(*rest, link.len);
		} else { /* one without an address */
			size_t end = cell_end(*rest), comma = slice_find_str(*rest, SLICE(", ["));
			if (comma < end)
				end = comma;
			a->name = unescape(slice_trim(slice_sub(*rest, 0, end)), arena);
			*rest = behind(*rest, end);
		}
		struct slice after = slice_trim(*rest);
		if (slice_starts(after, SLICE(",")))
			*rest = slice_trim(behind(after, 1));
		else if (slice_starts(after, SLICE("|")))
			*rest = after;
		else
			return false;
	}
	return true;
}

/* The album may hold bare pipes when it has no address: the last two pipes of the row are those around the length. */
static bool read_album_and_length(struct slice rest, struct arena *arena, struct import_item *item)
{
	struct link link;
	if (!slice_ends(rest, SLICE("|")))
		return false;
	rest.len--;
	size_t last = rest.len;
	while (last > 0 && rest.ptr[last - 1] != '|')
		last--;
	if (last == 0 || !read_length(slice_trim(behind(rest, last)), item))
		return false;
	struct slice album = slice_trim(slice_sub(rest, 0, last - 1));
	item->has_album = true;
	if (read_link(album, &link)) {
		if (link.len != album.len)
			return false;
		item->album_name = unescape(link.text, arena);
		item->album_id = slice_is(link.kind, "album") ? link.id : SLICE_NULL;
	} else {
		item->album_name = unescape(album, arena);
	}
	return true;
}

static bool read_title(struct slice *rest, struct arena *arena, struct import_item *item)
{
	struct link link;
	if (!read_link(*rest, &link)) {
		size_t end = cell_end(*rest);
		item->kind = IMPORT_LOCAL;
		item->name = unescape(slice_trim(slice_sub(*rest, 0, end)), arena);
		*rest = behind(*rest, end);
		return item->name.len > 0;
	}
	item->kind = slice_is(link.kind, "track") ? IMPORT_TRACK : IMPORT_EPISODE;
	item->id = link.id;
	item->name = unescape(link.text, arena);
	*rest = behind(*rest, link.len);
	return item->kind == IMPORT_TRACK || slice_is(link.kind, "episode");
}

/* What stands behind the number. */
static bool read_cells(struct slice rest, struct arena *arena, struct md_row *row)
{
	struct import_item *item = &row->item;
	*item = (struct import_item){ .artist = row->artist };
	return read_title(&rest, arena, item) && take_pipe(&rest) && read_artists(&rest, arena, row) && take_pipe(&rest) &&
	       read_album_and_length(rest, arena, item);
}

static bool read_number(struct slice *rest, int64_t *out)
{
	if (!take_pipe(rest))
		return false;
	size_t end = slice_find(*rest, '|', 0);
	if (!slice_to_int(slice_trim(slice_sub(*rest, 0, end)), out) || *out < 1 || *out > MD_POSITION_MAX)
		return false;
	*rest = behind(*rest, end);
	return take_pipe(rest);
}

bool md_next(struct md_reader *r, struct arena *arena, struct md_row *out)
{
	int64_t number = 0;
	out->line = r->line + 1;
	if (!next_line(r, &out->text) || slice_trim(out->text).len == 0)
		return false;
	struct slice rest = slice_trim(out->text);
	/* A number far ahead is no number: what nobody saw is not to be filled up with nothing. */
	bool numbered = rest.len <= MD_ROW_BYTES_MAX && read_number(&rest, &number) && number <= r->position + MD_GAP_MAX;
	if (numbered && number <= r->position) {
		out->reason = MD_REASON_bad_number;
		out->position = 0;
	} else if (!numbered && !slice_starts(slice_trim(out->text), SLICE("|"))) {
		out->reason = MD_REASON_bad_row; /* half of a row at most */
		out->position = 0;
	} else {
		out->position = r->position = numbered ? number : r->position + 1;
		out->reason = !is_text(out->text)                       ? MD_REASON_not_utf8
		              : numbered && read_cells(rest, arena, out) ? MD_FINE
		                                                         : MD_REASON_bad_row;
	}
	if (out->reason != MD_FINE)
		out->item = (struct import_item){ .kind = IMPORT_NULL };
	return true;
}
