#include "raw/state.h"

#include "base/clock.h"
#include "base/mem.h"
#include "io/db.h"

#define PLAYLIST_ID_BYTES_MAX 128
#define META_VALUE_BYTES_MAX 4096

/* Never change a step that has been released: a home of any age walks through all of them.  tests/fixtures/state-schema-<N>.sql
 * is a home of each version. */
static const struct db_migration steps[] = {
	{ "CREATE TABLE meta ("
	  "	key TEXT NOT NULL PRIMARY KEY,"
	  "	value TEXT NOT NULL"
	  ") STRICT, WITHOUT ROWID;"
	  "CREATE TABLE watch ("
	  "	playlist_id TEXT NOT NULL PRIMARY KEY,"
	  "	added_at INTEGER NOT NULL"
	  ") STRICT, WITHOUT ROWID;"
	  "CREATE TABLE snapshot_clock ("
	  "	playlist_id TEXT NOT NULL PRIMARY KEY,"
	  "	last_at INTEGER NOT NULL"
	  ") STRICT, WITHOUT ROWID;"
	  "CREATE TABLE receipt ("
	  "	key TEXT NOT NULL,"
	  "	message_id TEXT NOT NULL,"
	  "	run_id TEXT NOT NULL,"
	  "	playlist_id TEXT NOT NULL,"
	  "	snapshot_at INTEGER NOT NULL,"
	  "	kind TEXT NOT NULL,"
	  "	sha256 TEXT NOT NULL,"
	  "	bytes INTEGER NOT NULL,"
	  "	received_at INTEGER NOT NULL,"
	  "	PRIMARY KEY (key, message_id)"
	  ") STRICT, WITHOUT ROWID;"
	  /* times of runs and tasks are milliseconds since 1970 UTC */
	  "CREATE TABLE run ("
	  "	seq INTEGER PRIMARY KEY," /* the order they began in, whatever the clock said */
	  "	id TEXT NOT NULL UNIQUE,"
	  "	args TEXT NOT NULL,"
	  "	source TEXT NOT NULL,"
	  "	state TEXT NOT NULL CHECK (state IN ('RUNNING', 'DONE', 'FAILED', 'DEFERRED', 'ABANDONED')),"
	  "	holder TEXT NOT NULL,"
	  "	started_at INTEGER NOT NULL,"
	  "	ended_at INTEGER,"
	  "	error TEXT"
	  ") STRICT;"
	  "CREATE INDEX run_unfinished ON run (seq) WHERE state = 'RUNNING';"
	  "CREATE TABLE task ("
	  "	run_id TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
	  "	name TEXT NOT NULL,"
	  "	seq INTEGER NOT NULL,"
	  "	state TEXT NOT NULL CHECK (state IN ('PENDING', 'RUNNING', 'WAITING', 'DONE', 'DEAD', 'SKIPPED')),"
	  "	attempt INTEGER NOT NULL,"
	  "	not_before INTEGER NOT NULL,"
	  "	started_at INTEGER,"
	  "	ended_at INTEGER,"
	  "	elapsed_ms INTEGER NOT NULL,"
	  "	rows INTEGER NOT NULL,"
	  "	bytes INTEGER NOT NULL,"
	  "	summary TEXT,"
	  "	error TEXT,"
	  "	PRIMARY KEY (run_id, name)"
	  ") STRICT, WITHOUT ROWID;" },
	/* due times are seconds, the others milliseconds since 1970 UTC */
	{ "CREATE TABLE schedule ("
	  "	job TEXT NOT NULL PRIMARY KEY,"
	  "	rule TEXT NOT NULL,"
	  "	next_due INTEGER NOT NULL,"
	  "	missed INTEGER NOT NULL"
	  ") STRICT, WITHOUT ROWID;"
	  "CREATE TABLE schedule_start ("
	  "	id INTEGER PRIMARY KEY,"
	  "	job TEXT NOT NULL,"
	  "	due INTEGER NOT NULL,"
	  "	attempt INTEGER NOT NULL,"
	  "	holder TEXT NOT NULL,"
	  "	started_at INTEGER NOT NULL,"
	  "	ended_at INTEGER,"
	  "	outcome TEXT NOT NULL CHECK (outcome IN ('RUNNING', 'DONE', 'FAILED', 'DEFERRED', 'STOPPED', 'DIED')),"
	  "	error TEXT,"
	  "	UNIQUE (job, due, attempt)"
	  ") STRICT;"
	  "CREATE INDEX schedule_start_last ON schedule_start (job, id);" },
	/* calls of others that are done (raw/state_call.h) */
	{ "CREATE TABLE call ("
	  "	key TEXT NOT NULL PRIMARY KEY,"
	  "	request_sha256 TEXT NOT NULL,"
	  "	answer TEXT NOT NULL,"
	  "	done_at INTEGER NOT NULL"
	  ") STRICT, WITHOUT ROWID;"
	  "CREATE INDEX call_done_at ON call (done_at);" },
};

struct state {
	struct db *db;
	struct clock *clock;
};

enum rc state_open(const char *path, struct clock *clock, struct state **out, struct err *err)
{
	CLEANUP(state_closep) struct state *st = mem_alloc(sizeof *st);
	st->clock = clock;
	TRY(db_open(path, steps, COUNT_OF(steps), &st->db, err));
	*out = TAKE(st);
	return RC_OK;
}

enum rc state_open_reader(const char *path, struct clock *clock, struct state **out, struct err *err)
{
	CLEANUP(state_closep) struct state *st = mem_alloc(sizeof *st);
	st->clock = clock;
	TRY(db_open_reader(path, COUNT_OF(steps), &st->db, err));
	*out = TAKE(st);
	return RC_OK;
}

void state_close(struct state *st)
{
	if (!st)
		return;
	db_close(st->db);
	mem_free(st);
}

struct db *state_db(struct state *st)
{
	return st->db;
}

struct clock *state_clock(struct state *st)
{
	return st->clock;
}

static int64_t now_s(struct state *st)
{
	return clock_now_ms(st->clock) / 1000;
}

enum rc state_meta_get(struct state *st, const char *key, struct arena *arena, struct slice *out_value, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(st->db, "SELECT value FROM meta WHERE key = ?1", &stmt, err));
	db_bind_text(stmt, 1, slice_of(key));
	bool row;
	TRY(db_step(stmt, &row, err));
	*out_value = SLICE_NULL;
	if (!row)
		return RC_OK;
	struct slice value = db_column_text(stmt, 0);
	if (!arena_fits(arena, value.len + 1))
		return err_set(err, RC_REJECT, "state.db: meta '%s' is too large (%zu bytes)", key, value.len);
	*out_value = arena_copy(arena, value);
	return RC_OK;
}

enum rc state_meta_set(struct state *st, const char *key, struct slice value, struct err *err)
{
	if (value.len > META_VALUE_BYTES_MAX)
		return err_set(err, RC_REJECT, "state.db: meta '%s': %zu bytes, at most %d", key, value.len, META_VALUE_BYTES_MAX);
	struct db_stmt *stmt;
	TRY(db_query(st->db,
	             "INSERT INTO meta (key, value) VALUES (?1, ?2)"
	             " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(key));
	db_bind_text(stmt, 2, value.ptr ? value : SLICE(""));
	return db_run(stmt, err);
}

static bool is_invented(struct slice source)
{
	return slice_is(slice_sub(source, 0, slice_find(source, ':', 0)), "sample");
}

static enum rc refuse_source(struct slice held, struct slice wanted, struct err *err)
{
	if (is_invented(held) && is_invented(wanted))
		return err_set(err, RC_FATAL,
		               "this home holds another invented history (%.*s): use another --home for %.*s", SLICE_FMT(held),
		               SLICE_FMT(wanted));
	return err_set(err, RC_FATAL,
	               "this home holds %s (%.*s) and the two are never mixed: use another --home for %.*s",
	               is_invented(held) ? "the invented sample" : "real data", SLICE_FMT(held), SLICE_FMT(wanted));
}

static enum rc check_held(struct slice held, struct slice wanted, struct err *err)
{
	if (slice_eq(held, wanted) || (!is_invented(held) && !is_invented(wanted)))
		return RC_OK;
	return refuse_source(held, wanted, err);
}

enum rc state_check_source(struct state *st, const char *source, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * META_VALUE_BYTES_MAX);
	struct slice held;
	TRY(state_meta_get(st, "source", &arena, &held, err));
	if (held.ptr)
		return check_held(held, slice_of(source), err);

	/* The first one.  Two first runs at once: whoever writes second looks at what the other wrote. */
	TRY(db_begin(st->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = st->db;
	TRY(state_meta_get(st, "source", &arena, &held, err));
	if (held.ptr)
		return check_held(held, slice_of(source), err);
	TRY(state_meta_set(st, "source", slice_of(source), err));
	return db_commit(transaction, err);
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static enum rc check_playlist_id(struct slice id, struct err *err)
{
	bool ok = id.len >= 1 && id.len <= PLAYLIST_ID_BYTES_MAX && is_alnum(id.ptr[0]);
	for (size_t i = 0; ok && i < id.len; i++)
		ok = is_alnum(id.ptr[i]) || id.ptr[i] == '-' || id.ptr[i] == '_' || id.ptr[i] == '.';
	if (ok)
		return RC_OK;
	return err_set(err, RC_REJECT,
	               "'%.*s' is no playlist id: want what stands after /playlist/ in its address, such as 37i9dQZF1DX5cZuAHLNjGz",
	               (int) (id.len < 200 ? id.len : 200), id.ptr ? id.ptr : "");
}

enum rc state_watch_add(struct state *st, struct slice playlist_id, bool *out_added, struct err *err)
{
	TRY(check_playlist_id(playlist_id, err));
	struct db_stmt *stmt;
	TRY(db_query(st->db, "INSERT INTO watch (playlist_id, added_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &stmt, err));
	db_bind_text(stmt, 1, playlist_id);
	db_bind_int(stmt, 2, now_s(st));
	TRY(db_run(stmt, err));
	*out_added = db_changes(st->db) > 0;
	return RC_OK;
}

enum rc state_watch_remove(struct state *st, struct slice playlist_id, bool *out_removed, struct err *err)
{
	TRY(check_playlist_id(playlist_id, err));
	struct db_stmt *stmt;
	TRY(db_query(st->db, "DELETE FROM watch WHERE playlist_id = ?1", &stmt, err));
	db_bind_text(stmt, 1, playlist_id);
	TRY(db_run(stmt, err));
	*out_removed = db_changes(st->db) > 0;
	return RC_OK;
}

enum rc state_watch_list(struct state *st, struct arena *arena, struct state_watches *out, struct err *err)
{
	*out = (struct state_watches){ 0 };
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(st->db, "SELECT playlist_id, added_at, count(*) OVER () FROM watch ORDER BY playlist_id", &stmt, err));
	bool row;
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	size_t total = (size_t) db_column_int(stmt, 2);
	if (!arena_fits(arena, total * (sizeof *out->watch + PLAYLIST_ID_BYTES_MAX + 32)))
		return err_set(err, RC_REJECT, "the watch list is too long: %zu playlists", total);
	struct state_watch *watch = arena_alloc_array(arena, total, sizeof *watch);
	size_t count = 0;
	for (; row; count++) {
		assert(count < total);
		watch[count].playlist_id = arena_copy(arena, db_column_text(stmt, 0));
		watch[count].added_at = db_column_int(stmt, 1);
		TRY(db_step(stmt, &row, err));
	}
	*out = (struct state_watches){ watch, count };
	return RC_OK;
}

static enum rc receipt_add(struct state *st, const struct state_receipt *r, int64_t received_at, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(st->db,
	             "INSERT INTO receipt (key, message_id, run_id, playlist_id, snapshot_at, kind, sha256, bytes, received_at)"
	             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
	             &stmt, err));
	const struct slice text[] = { r->key, r->message_id, r->run_id, r->playlist_id };
	for (int i = 0; i < (int) COUNT_OF(text); i++)
		db_bind_text(stmt, 1 + i, text[i].ptr ? text[i] : SLICE(""));
	db_bind_int(stmt, 5, r->snapshot_at);
	db_bind_text(stmt, 6, r->kind.ptr ? r->kind : SLICE(""));
	db_bind_text(stmt, 7, r->sha256.ptr ? r->sha256 : SLICE(""));
	db_bind_int(stmt, 8, r->bytes);
	db_bind_int(stmt, 9, received_at);
	return db_run(stmt, err);
}

enum rc state_receipts_add(struct state *st, const struct state_receipt *receipt, size_t count, struct err *err)
{
	if (count == 0)
		return RC_OK;
	int64_t received_at = now_s(st);
	TRY_WRAP(db_begin(st->db, err), err, "receipts");
	CLEANUP(db_rollbackp) struct db *transaction = st->db;
	for (size_t i = 0; i < count; i++)
		TRY_WRAP(receipt_add(st, &receipt[i], received_at, err), err, "receipt of message %.*s",
		         SLICE_FMT(receipt[i].message_id));
	TRY_WRAP(db_commit(transaction, err), err, "receipts");
	return RC_OK;
}

static enum rc receipt_read(struct db_stmt *stmt, struct slice key, struct arena *arena, struct state_receipt *out,
                            struct err *err)
{
	size_t size = 0;
	for (int i = 0; i <= 4; i++)
		size += db_column_text(stmt, i).len + 32;
	if (!arena_fits(arena, size))
		return err_set(err, RC_REJECT, "receipts of '%.*s' need more memory than allowed", SLICE_FMT(key));
	*out = (struct state_receipt){
		.message_id = arena_copy(arena, db_column_text(stmt, 0)),
		.run_id = arena_copy(arena, db_column_text(stmt, 1)),
		.playlist_id = arena_copy(arena, db_column_text(stmt, 2)),
		.kind = arena_copy(arena, db_column_text(stmt, 3)),
		.sha256 = arena_copy(arena, db_column_text(stmt, 4)),
		.snapshot_at = db_column_int(stmt, 5),
		.bytes = db_column_int(stmt, 6),
		.received_at = db_column_int(stmt, 7),
		.key = key,
	};
	return RC_OK;
}

enum rc state_receipts_by_key(struct state *st, struct slice key, struct arena *arena, struct state_receipts *out,
                              struct err *err)
{
	*out = (struct state_receipts){ 0 };
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(st->db,
	             "SELECT message_id, run_id, playlist_id, kind, sha256, snapshot_at, bytes, received_at, count(*) OVER ()"
	             " FROM receipt WHERE key = ?1 ORDER BY received_at, message_id",
	             &stmt, err));
	db_bind_text(stmt, 1, key);
	bool row;
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	size_t total = (size_t) db_column_int(stmt, 8);
	if (!arena_fits(arena, total * sizeof *out->receipt + key.len + 32))
		return err_set(err, RC_REJECT, "receipts of '%.*s' need more memory than allowed", SLICE_FMT(key));
	struct state_receipt *receipt = arena_alloc_array(arena, total, sizeof *receipt);
	struct slice own_key = arena_copy(arena, key);
	size_t count = 0;
	for (; row; count++) {
		assert(count < total);
		TRY(receipt_read(stmt, own_key, arena, &receipt[count], err));
		TRY(db_step(stmt, &row, err));
	}
	*out = (struct state_receipts){ receipt, count };
	return RC_OK;
}

enum rc state_snapshot_at_last(struct state *st, struct slice playlist_id, int64_t *out_at, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(st->db, "SELECT last_at FROM snapshot_clock WHERE playlist_id = ?1", &stmt, err));
	db_bind_text(stmt, 1, playlist_id);
	bool row;
	TRY(db_step(stmt, &row, err));
	*out_at = row ? db_column_int(stmt, 0) : 0;
	return RC_OK;
}

enum rc state_snapshot_at_seen(struct state *st, struct slice playlist_id, int64_t at, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(st->db,
	             "INSERT INTO snapshot_clock (playlist_id, last_at) VALUES (?1, ?2)"
	             " ON CONFLICT (playlist_id) DO UPDATE SET last_at = max(last_at, excluded.last_at)",
	             &stmt, err));
	db_bind_text(stmt, 1, playlist_id);
	db_bind_int(stmt, 2, at);
	return db_run(stmt, err);
}

enum rc state_snapshot_at_next(struct state *st, struct slice playlist_id, int64_t now, int64_t *out_at, struct err *err)
{
	TRY(db_begin(st->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = st->db;
	int64_t last;
	TRY(state_snapshot_at_last(st, playlist_id, &last, err));
	int64_t at = now > last ? now : last + 1;
	TRY(state_snapshot_at_seen(st, playlist_id, at, err));
	TRY(db_commit(transaction, err));
	*out_at = at;
	return RC_OK;
}
