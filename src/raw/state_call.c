#include "raw/state_call.h"

#include "base/clock.h"
#include "io/db.h"

static int64_t oldest(struct state *st)
{
	return clock_now_ms(state_clock(st)) / 1000 - STATE_CALL_KEEP_S;
}

enum rc state_call_get(struct state *st, struct slice key, struct arena *arena, struct state_call *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	*out = (struct state_call){ 0 };
	TRY(db_query(state_db(st), "SELECT request_sha256, answer, done_at FROM call WHERE key = ?1 AND done_at > ?2", &stmt, err));
	db_bind_text(stmt, 1, key);
	db_bind_int(stmt, 2, oldest(st));
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	struct slice request = db_column_text(stmt, 0), answer = db_column_text(stmt, 1);
	if (!arena_fits(arena, request.len + answer.len + 64))
		return err_set(err, RC_REJECT, "state.db: the answer to call '%.*s' is too large (%zu bytes)", SLICE_FMT(key), answer.len);
	*out = (struct state_call){ true, arena_copy(arena, request), arena_copy(arena, answer), db_column_int(stmt, 2) };
	return RC_OK;
}

static enum rc forget_old(struct state *st, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(state_db(st), "DELETE FROM call WHERE done_at <= ?1", &stmt, err));
	db_bind_int(stmt, 1, oldest(st));
	return db_run(stmt, err);
}

static enum rc insert(struct state *st, struct slice key, const char *request_sha256, struct slice answer, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(state_db(st),
	             "INSERT INTO call (key, request_sha256, answer, done_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO NOTHING", &stmt,
	             err));
	db_bind_text(stmt, 1, key);
	db_bind_text(stmt, 2, slice_of(request_sha256));
	db_bind_text(stmt, 3, answer);
	db_bind_int(stmt, 4, clock_now_ms(state_clock(st)) / 1000);
	return db_run(stmt, err);
}

enum rc state_call_put(struct state *st, struct slice key, const char request_sha256[static HASH_HEX_BYTES], struct slice answer,
                       struct err *err)
{
	if (key.len > STATE_CALL_KEY_BYTES_MAX || answer.len > STATE_CALL_ANSWER_BYTES_MAX)
		return err_set(err, RC_REJECT, "state.db: call: a key of %zu bytes with an answer of %zu, at most %d and %zu are allowed", key.len,
		               answer.len, STATE_CALL_KEY_BYTES_MAX, STATE_CALL_ANSWER_BYTES_MAX);
	TRY_WRAP(db_begin(state_db(st), err), err, "call");
	CLEANUP(db_rollbackp) struct db *transaction = state_db(st);
	TRY_WRAP(forget_old(st, err), err, "call");
	TRY_WRAP(insert(st, key, request_sha256, answer, err), err, "call");
	TRY_WRAP(db_commit(transaction, err), err, "call");
	return RC_OK;
}
