#include "cmd/dead_show.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"
#include "cmd/grid.h"
#include "raw/key.h"
#include "raw/mend.h"
#include "raw/snapshot.h"
#include "serve/dead_api.h"

#include <errno.h>

#define TEXT_BYTES_MAX ((size_t) 4 << 20)
#define SHOWN_BYTES 2048 /* of a letter's data */
#define REASONS_MAX 64
#define COLUMNS 8
#define DETAIL_COLUMNS 24

/* --- list ---------------------------------------------------------------------------------------------------- */

struct reason_count {
	char reason[64];
	size_t count;
};
struct listing {
	enum dead_format format;
	struct grid *grid;
	struct buf out;
	struct reason_count reason[REASONS_MAX]; /* in the order they come: sorted */
	size_t reason_count, count;
};

static void listing_done(struct listing *l)
{
	grid_free(l->grid);
	buf_done(&l->out);
}

static void count_reason(struct listing *list, struct slice reason)
{
	struct reason_count *last = list->reason_count ? &list->reason[list->reason_count - 1] : NULL;
	list->count++;
	if (last && slice_is(reason, last->reason)) {
		last->count++;
	} else if (list->reason_count < REASONS_MAX) {
		last = &list->reason[list->reason_count++];
		(void) snprintf(last->reason, sizeof last->reason, "%.*s", SLICE_FMT(reason));
		last->count = 1;
	}
}

static void add_line(const struct letter *l, struct buf *out)
{
	(void) display_add(l->reason, SIZE_MAX, out);
	buf_addc(out, '/');
	(void) display_add(l->name, SIZE_MAX, out);
	buf_addf(out, "\t%s\t", letter_kind_name(l->kind));
	(void) display_add(l->playlist_id, SIZE_MAX, out);
	buf_addf(out, "\t%s\t", l->has_snapshot_at ? time_rfc3339(l->snapshot_at).s : "");
	(void) display_add(l->detail, SIZE_MAX, out);
	buf_addc(out, '\n');
}

static enum rc add_row(struct grid *grid, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(TEXT_BYTES_MAX);
	const struct slice text[COLUMNS] = {
		arena_printf(&scratch, "%.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name)),
		arena_printf(&scratch, "%lld", (long long) letter_attempts(l)),
		arena_copy(&scratch, slice_of(l->last_at > 0 ? time_rfc3339(l->last_at).s : "")),
		l->detail,
		arena_copy(&scratch, slice_of(l->first_at > 0 ? time_rfc3339(l->first_at).s : "")),
		slice_of(letter_kind_name(l->kind)),
		l->playlist_id,
		arena_copy(&scratch, slice_of(l->has_snapshot_at ? time_rfc3339(l->snapshot_at).s : "")),
	};
	struct grid_cell cell[COLUMNS] = { 0 };
	for (size_t i = 0; i < COLUMNS; i++)
		cell[i].text = text[i].ptr ? text[i] : SLICE("");
	return grid_row(grid, cell, err);
}

static enum rc on_letter(void *ctx, const struct letter *l, bool *out_stop UNUSED, struct err *err)
{
	struct listing *list = ctx;
	count_reason(list, l->reason);
	if (list->format == DEAD_TABLE)
		return add_row(list->grid, l, err);
	if (list->format == DEAD_JSON) {
		CLEANUP(json_freep) struct json *json = dead_api_letter(l);
		buf_adds(&list->out, list->count == 1 ? "[" : ",\n");
		json_write(json, JSON_COMPACT, &list->out);
	} else {
		add_line(l, &list->out);
	}
	TRY(buf_ok(&list->out, "letter", err));
	return terminal_write(&list->out, err);
}

static void tell_counts(const struct listing *list)
{
	if (list->count == 0) {
		log_note("no dead letters");
		return;
	}
	for (size_t i = 0; i < list->reason_count; i++)
		log_note("%zu of reason %s", list->reason[i].count, list->reason[i].reason);
	log_note("%zu dead letters; `sargam dead show NAME` shows one, edit mends it, replay tries again, drop forgets it", list->count);
}

enum rc dead_show_list(const struct dead_place *p, const struct dead_filter *filter, enum dead_format format,
                       const struct terminal *t, struct err *err)
{
	static const struct grid_column column[COLUMNS] = {
		{ .name = SLICE("letter") }, { .name = SLICE("tried"), .right = true }, { .name = SLICE("last") },
		{ .name = SLICE("detail"), .cut = DETAIL_COLUMNS }, { .name = SLICE("first") }, { .name = SLICE("kind") },
		{ .name = SLICE("playlist") }, { .name = SLICE("snapshot") }, /* what the name says, too, goes first where room is short */
	};
	CLEANUP(listing_done) struct listing list = { .format = format, .out = buf_new(TEXT_BYTES_MAX), .grid = grid_new(t, column, COLUMNS) };
	TRY(dead_walk(p, filter, SLICE_NULL, &(struct letter_visit){ &list, on_letter }, err));
	if (format == DEAD_TABLE && list.count)
		TRY(grid_end(list.grid, NULL, err));
	if (format == DEAD_JSON)
		buf_adds(&list.out, list.count ? "]\n" : "[]\n");
	TRY(terminal_write(&list.out, err));
	tell_counts(&list);
	return RC_OK;
}

/* --- show ---------------------------------------------------------------------------------------------------- */

static void add_field(const char *name, struct slice text, struct buf *out)
{
	buf_addf(out, "%-12s ", name);
	(void) display_add(text.ptr ? text : SLICE(""), SIZE_MAX, out);
	buf_addc(out, '\n');
}

static void add_time(const char *name, int64_t at, struct buf *out)
{
	if (at > 0)
		add_field(name, slice_of(time_rfc3339(at).s), out);
}

static void add_attributes(const char *name, const struct bus_attr *attr, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		buf_addf(out, "%-12s ", name);
		(void) display_add(attr[i].key, SIZE_MAX, out);
		buf_adds(out, " = ");
		(void) display_add(attr[i].value, SIZE_MAX, out);
		buf_addc(out, '\n');
	}
}

/* Where a snapshot's pages came from: its manifest says. */
static enum rc add_origin(struct store *store, const struct letter *l, struct buf *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(64 * MANIFEST_BYTES_MAX);
	struct raw_snapshot s;
	struct manifest m;
	if (l->kind != LETTER_SNAPSHOT || !playlist_id_ok(l->playlist_id) || !l->has_snapshot_at)
		return RC_OK;
	enum rc rc = raw_snapshot_look(store, l->playlist_id, l->snapshot_at, &s, err);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !s.has_manifest))
		return RC_OK;
	TRY(rc);
	TRY(raw_manifest_read(store, &s, &arena, &m, err));
	add_field("source", m.source, out);
	if (m.origin.ptr)
		add_field("origin", m.origin, out);
	if (s.revision)
		buf_addf(out, "%-12s revision %lld\n", "mended", (long long) s.revision);
	return RC_OK;
}

static enum rc add_mend(struct store *store, const struct letter *l, struct buf *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(2 * (size_t) BUS_MESSAGE_BYTES_MAX);
	struct bus_message m;
	int64_t revision;
	if (l->kind != LETTER_MESSAGE)
		return RC_OK;
	enum rc rc = mend_read(store, l, &arena, &m, &revision, err);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !revision))
		return RC_OK;
	TRY(rc);
	buf_addf(out, "%-12s revision %lld, %zu bytes: `sargam dead replay` sends that one\n", "mended", (long long) revision, m.data.len);
	add_attributes("mended to", m.attr, m.attr_count, out);
	return RC_OK;
}

static void add_hex(struct slice bytes, struct buf *out)
{
	for (size_t at = 0; at < bytes.len; at += 16) {
		buf_addf(out, "%08zx ", at);
		for (size_t i = 0; i < 16; i++)
			if (at + i < bytes.len)
				buf_addf(out, " %02x", (unsigned) (unsigned char) bytes.ptr[at + i]);
			else
				buf_adds(out, "   ");
		buf_adds(out, "  ");
		for (size_t i = at; i < at + 16 && i < bytes.len; i++)
			buf_addc(out, bytes.ptr[i] >= ' ' && bytes.ptr[i] <= '~' ? bytes.ptr[i] : '.');
		buf_addc(out, '\n');
	}
}

static bool is_text(struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if ((unsigned char) bytes.ptr[i] < ' ' && !strchr("\n\r\t", bytes.ptr[i]))
			return false;
	return slice_is_utf8(bytes, NULL) && !memchr(bytes.ptr, '\0', bytes.len);
}

static void add_text(struct slice bytes, struct buf *out)
{
	for (size_t from = 0; from < bytes.len;) {
		size_t end = slice_find(bytes, '\n', from);
		(void) display_add(slice_sub(bytes, from, end - from), SIZE_MAX, out);
		buf_addc(out, '\n');
		from = end + 1;
	}
}

static enum rc add_bytes(const struct dead_place *p, const struct letter *l, struct buf *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	struct slice bytes;
	enum rc rc = quarantine_body(p->store, l, &arena, &bytes, err);
	if (rc == RC_NOT_FOUND) {
		add_field("bytes", SLICE("none"), out);
		return RC_OK;
	}
	TRY(rc);
	char hex[HASH_HEX_BYTES];
	hash_sha256_hex(bytes, hex);
	add_field("bytes", arena_printf(&arena, "%.*s (%zu bytes, sha256 %.16s…)", SLICE_FMT(l->object), bytes.len, hex), out);
	struct slice head = slice_sub(bytes, 0, bytes.len < SHOWN_BYTES ? bytes.len : SHOWN_BYTES);
	if (head.len < bytes.len) /* no character is cut in two */
		while (head.len && ((unsigned char) bytes.ptr[head.len] & 0xc0) == 0x80)
			head.len--;
	buf_addc(out, '\n');
	if (is_text(head))
		add_text(head, out);
	else
		add_hex(head, out);
	if (head.len < bytes.len)
		buf_addf(out, "… %zu more bytes: --raw prints them all as they are\n", bytes.len - head.len);
	return RC_OK;
}

enum rc dead_show_letter(const struct dead_place *p, const struct letter *l, struct err *err)
{
	CLEANUP(buf_done) struct buf out = buf_new(TEXT_BYTES_MAX);
	add_field("reason", l->reason, &out);
	add_field("name", l->name, &out);
	add_field("kind", slice_of(letter_kind_name(l->kind)), &out);
	add_field("detail", l->detail, &out);
	add_field("playlist", l->playlist_id, &out);
	add_field("snapshot_at", slice_of(l->has_snapshot_at ? time_rfc3339(l->snapshot_at).s : ""), &out);
	buf_addf(&out, "%-12s %lld\n", "attempts", (long long) letter_attempts(l));
	add_time("first", l->first_at, &out);
	add_time("last", l->last_at, &out);
	add_attributes("attribute", l->attr, l->attr_count, &out);
	TRY(add_origin(p->store, l, &out, err));
	TRY(add_mend(p->store, l, &out, err));
	TRY(add_bytes(p, l, &out, err));
	TRY(buf_ok(&out, "letter", err));
	return terminal_write(&out, err);
}

enum rc dead_show_bytes(const struct dead_place *p, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	struct slice bytes;
	TRY(quarantine_body(p->store, l, &arena, &bytes, err));
	if (fwrite(bytes.ptr, 1, bytes.len, stdout) != bytes.len)
		return err_set(err, RC_FATAL, "standard output: %s", strerror(errno));
	return RC_OK;
}
