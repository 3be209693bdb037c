#include "raw/freshness.h"

#include "base/mem.h"
#include "base/time.h"
#include "io/db.h"
#include "raw/key.h"

#define CURSOR_BYTES 2048

/* A playlist's receipts are those between "raw/playlist_id=<id>/" and "raw/playlist_id=<id>0": '0' follows '/'. */
static struct slice key_of(struct slice playlist_id, const char *rest, struct arena *arena)
{
	return arena_printf(arena, "raw/playlist_id=%.*s%s", SLICE_FMT(playlist_id), rest);
}

static enum rc read_newest(struct state *st, struct slice playlist_id, int64_t *out_at, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(4 * CURSOR_BYTES);
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	TRY(db_query(state_db(st),
	             "SELECT snapshot_at FROM receipt WHERE key > ?1 AND key < ?2 AND kind = 'snapshot_complete'"
	             " ORDER BY key DESC LIMIT 1",
	             &stmt, err));
	db_bind_text(stmt, 1, key_of(playlist_id, "/", &scratch));
	db_bind_text(stmt, 2, key_of(playlist_id, "0", &scratch));
	TRY(db_step(stmt, &row, err));
	*out_at = row ? db_column_int(stmt, 0) : 0;
	return RC_OK;
}

/* A message delivered twice has two receipts of one key. */
static enum rc read_count(struct state *st, struct slice playlist_id, int64_t since_s, int64_t *out_count, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(4 * CURSOR_BYTES);
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	TRY(db_query(state_db(st),
	             "SELECT count(DISTINCT key) FROM receipt WHERE key >= ?1 AND key < ?2 AND kind = 'snapshot_complete'", &stmt,
	             err));
	struct slice from = arena_printf(&scratch, "/snapshot_at=%s", time_compact(since_s > 0 ? since_s : 0).s);
	db_bind_text(stmt, 1, key_of(playlist_id, from.ptr, &scratch));
	db_bind_text(stmt, 2, key_of(playlist_id, "0", &scratch));
	TRY(db_step(stmt, &row, err));
	*out_count = row ? db_column_int(stmt, 0) : 0;
	return RC_OK;
}

enum rc freshness_look(struct state *st, struct slice playlist_id, int64_t since_s, struct freshness *out, struct err *err)
{
	*out = (struct freshness){ .playlist_id = playlist_id };
	if (playlist_id.len > PLAYLIST_ID_BYTES_MAX) /* ingest would not have taken it */
		return RC_OK;
	TRY(read_newest(st, playlist_id, &out->newest_at, err));
	return read_count(st, playlist_id, since_s, &out->count, err);
}

/* The first key that is not before `cursor`; *out_found = false at the end. */
static enum rc next_key(struct state *st, const char *cursor, char out_key[static CURSOR_BYTES], bool *out_found, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(state_db(st), "SELECT key FROM receipt WHERE key >= ?1 ORDER BY key LIMIT 1", &stmt, err));
	db_bind_text(stmt, 1, slice_of(cursor));
	TRY(db_step(stmt, out_found, err));
	if (*out_found)
		(void) snprintf(out_key, CURSOR_BYTES, "%.*s", SLICE_FMT(db_column_text(stmt, 0)));
	return RC_OK;
}

static int by_id(const void *a, const void *b)
{
	return slice_cmp(((const struct freshness *) a)->playlist_id, ((const struct freshness *) b)->playlist_id);
}

struct list {
	struct freshness *at;
	size_t count, cap;
};

static void list_done(struct list *list)
{
	mem_free(list->at);
}

static enum rc add(struct list *list, struct state *st, struct slice playlist_id, int64_t since_s, struct arena *arena,
                   struct err *err)
{
	if (!arena_fits(arena, playlist_id.len + 32 + (list->count + 1) * sizeof *list->at))
		return err_set(err, RC_REJECT, "more than %zu playlists: too many to be told", list->count);
	if (list->count == list->cap) {
		list->cap = list->cap ? 2 * list->cap : 64;
		list->at = mem_realloc(list->at, list->cap * sizeof *list->at);
	}
	return freshness_look(st, arena_copy(arena, playlist_id), since_s, &list->at[list->count++], err);
}

enum rc freshness_list(struct state *st, int64_t since_s, struct arena *arena, struct freshness_list *out, struct err *err)
{
	CLEANUP(list_done) struct list list = { 0 };
	char cursor[CURSOR_BYTES] = "raw/playlist_id=", key[CURSOR_BYTES] = "";
	bool found;
	*out = (struct freshness_list){ 0 };
	for (;;) {
		struct raw_name name;
		TRY(next_key(st, cursor, key, &found, err));
		if (!found)
			break;
		if (raw_key_parse(slice_of(key), &name)) {
			TRY(add(&list, st, name.playlist_id, since_s, arena, err));
			(void) snprintf(cursor, sizeof cursor, "raw/playlist_id=%.*s0", SLICE_FMT(name.playlist_id));
		} else {
			(void) snprintf(cursor, sizeof cursor, "%.*s~", CURSOR_BYTES - 2, key); /* no raw key: past it */
		}
	}
	if (!list.count)
		return RC_OK;
	qsort(list.at, list.count, sizeof *list.at, by_id);
	out->playlist = arena_alloc_array(arena, list.count, sizeof *list.at);
	memcpy(out->playlist, list.at, list.count * sizeof *list.at);
	out->count = list.count;
	return RC_OK;
}
