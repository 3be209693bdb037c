/* Drift of a home: the field counts of all partitions, streamed once. */
#include "bronze/drift.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"

/* Files read by one query: their number must not decide the length of a statement. */
#define FILES_BATCH 2000
#define ROWS_PER_STOP 4096 /* between two looks at *stop */

struct follower {
	struct slice playlist_id;
	int64_t seen_at; /* of its latest row */
	struct drift_state state[FIELD_COUNT];
};
struct scan {
	const struct drift_options *o;
	struct drift_sum *sum;
	struct arena arena;
	struct follower **follower; /* in the order they were met */
	size_t count, cap;
	uint32_t *slot; /* open addressing: index + 1, 0 = free */
	size_t slots;
	struct follower *current;
};

static void scan_done(struct scan *s)
{
	mem_free(s->follower);
	mem_free(s->slot);
	arena_done(&s->arena);
}

/* --- who is followed ---------------------------------------------------------------------------------------- */

static size_t slot_of(const struct scan *s, struct slice id)
{
	size_t i = (size_t) hash_u64(id) & (s->slots - 1);
	while (s->slot[i] && !slice_eq(s->follower[s->slot[i] - 1]->playlist_id, id))
		i = (i + 1) & (s->slots - 1);
	return i;
}

static void grow(struct scan *s)
{
	s->cap = s->cap ? 2 * s->cap : 64;
	s->follower = mem_realloc(s->follower, s->cap * sizeof *s->follower);
	mem_free(s->slot);
	s->slots = 4 * s->cap;
	s->slot = mem_alloc_array(s->slots, sizeof *s->slot);
	for (size_t i = 0; i < s->count; i++)
		s->slot[slot_of(s, s->follower[i]->playlist_id)] = (uint32_t) i + 1;
}

/* Rows of a playlist lie together: mostly it is the one of the row before. */
static struct follower *follow(struct scan *s, struct slice id)
{
	if (s->current && slice_eq(s->current->playlist_id, id))
		return s->current;
	if (s->count == s->cap)
		grow(s);
	size_t i = slot_of(s, id);
	if (!s->slot[i]) {
		struct follower *f = arena_alloc(&s->arena, sizeof *f);
		f->playlist_id = arena_copy(&s->arena, id);
		f->seen_at = INT64_MIN;
		s->follower[s->count++] = f;
		s->slot[i] = (uint32_t) s->count;
	}
	s->current = s->follower[s->slot[i] - 1];
	return s->current;
}

/* --- events ------------------------------------------------------------------------------------------------- */

static enum rc tell(struct scan *s, const struct follower *f, enum watched_field field, const struct drift_change *change,
                    bool is_last, struct err *err)
{
	const struct drift_event event = { field, f->playlist_id, *change, is_last };
	return s->o->on_event ? s->o->on_event(s->o->ctx, &event, err) : RC_OK;
}

static void add_to_line(struct drift_line *l, const struct follower *f, const struct drift_change *c)
{
	if (l->playlists == 0 || c->snapshot_at < l->since_at) {
		l->since_at = c->snapshot_at;
		l->since_day = c->day_number;
		(void) snprintf(l->playlist, sizeof l->playlist, "%.*s", SLICE_FMT(f->playlist_id));
	}
	l->playlists++;
	l->as_null += c->as_null;
}

static int by_playlist(const void *a, const void *b)
{
	const struct follower *const *x = a, *const *y = b;
	return slice_cmp((*x)->playlist_id, (*y)->playlist_id);
}

static enum rc tell_last(struct scan *s, struct err *err)
{
	if (s->count)
		qsort(s->follower, s->count, sizeof(*s->follower), by_playlist);
	for (size_t i = 0; i < s->count; i++) {
		const struct follower *f = s->follower[i];
		for (enum watched_field field = 0; field < FIELD_COUNT; field++) {
			const struct drift_state *state = &f->state[field];
			if (!state->has_last)
				continue;
			add_to_line(&s->sum->line[field][state->last.what], f, &state->last);
			TRY(tell(s, f, field, &state->last, true, err));
		}
	}
	return RC_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------- */

enum { COL_PLAYLIST, COL_AT, COL_DAY, COL_FIELD, COL_ITEMS, COL_PRESENT, COL_NULLS, COL_WRONG };
#define COLUMNS "playlist_id, snapshot_at, day_number, field, items, present, nulls, wrong_type"

/* A snapshot's rows come in the order of the fields: mostly it is the one after the last.  FIELD_COUNT: not watched. */
static enum watched_field field_of(struct slice path, enum watched_field guess)
{
	if (guess < FIELD_COUNT && slice_is(path, watched_field_path[guess]))
		return guess;
	for (guess = 0; guess < FIELD_COUNT; guess++)
		if (slice_is(path, watched_field_path[guess]))
			break;
	return guess;
}

static enum rc take_row(struct scan *s, const struct duck_result *r, enum watched_field field, struct err *err)
{
	struct follower *f = follow(s, duck_string(r, COL_PLAYLIST));
	int64_t at = duck_int(r, COL_AT) / 1000000;
	if (at < f->seen_at)
		return err_set(err, RC_RETRY, "the field counts of %.*s are out of order at %s: `sargam rebuild` mends them",
		               SLICE_FMT(f->playlist_id), time_rfc3339(at).s);
	f->seen_at = at;
	const struct field_count count = { duck_int(r, COL_ITEMS), duck_int(r, COL_PRESENT), duck_int(r, COL_NULLS),
		                           duck_int(r, COL_WRONG) };
	struct drift_state *state = &f->state[field];
	struct drift_change before = state->last;
	bool had_last = state->has_last;
	if (!drift_step(state, field, &count, at, duck_int(r, COL_DAY)) || !had_last)
		return RC_OK;
	s->sum->older++;
	return tell(s, f, field, &before, false, err);
}

static enum rc read_rows(struct scan *s, const char *sql, struct err *err)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	enum watched_field field = 0;
	bool row;
	TRY(duck_query(s->o->conn, sql, &r, err));
	for (size_t n = 1;; n++) {
		if (n % ROWS_PER_STOP == 0 && s->o->stop && *s->o->stop)
			return err_set(err, RC_RETRY, "stopped");
		TRY(duck_next(r, &row, err));
		if (!row)
			return RC_OK;
		field = field_of(duck_string(r, COL_FIELD), field);
		if (field < FIELD_COUNT)
			TRY(take_row(s, r, field, err));
		field = field < FIELD_COUNT ? field + 1 : 0;
	}
}

/* Files as they are listed, by group and month, and rows as they were written: so a playlist's snapshots come in order. */
static enum rc read_files(struct scan *s, const struct partition *p, size_t count, struct err *err)
{
	CLEANUP(arena_done) struct arena paths = arena_new((size_t) 1 << 26);
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 26);
	buf_adds(&sql, "SELECT " COLUMNS " FROM read_parquet([");
	for (size_t i = 0; i < count; i++) {
		struct slice path;
		if (!p[i].inputs.ptr)
			return err_set(err, RC_RETRY, "bronze of %.*s, %.*s is torn: `sargam bronze` mends it", SLICE_FMT(p[i].group),
			               SLICE_FMT(p[i].month));
		TRY(store_get_file(s->o->store, p[i].key[BRONZE_FIELD], &paths, &path, err));
		buf_adds(&sql, i ? ", " : "");
		duck_quote_text(path, &sql);
	}
	buf_adds(&sql, "], hive_partitioning = false) WHERE items > 0");
	TRY(buf_ok(&sql, "list of files", err));
	return read_rows(s, buf_str(&sql), err);
}

enum rc drift_scan(const struct drift_options *o, struct drift_sum *out, struct err *err)
{
	CLEANUP(scan_done) struct scan s = { .o = o, .sum = out, .arena = arena_new(SIZE_MAX / 4) };
	*out = (struct drift_sum){ 0 };
	for (size_t from = 0; from < o->partitions->count; from += FILES_BATCH) {
		size_t left = o->partitions->count - from;
		TRY_WRAP(read_files(&s, o->partitions->partition + from, left < FILES_BATCH ? left : FILES_BATCH, err), err, "drift");
	}
	out->playlists = (int64_t) s.count;
	return tell_last(&s, err);
}
