#include "dag/schedule_table.h"

#include "io/db.h"

static const char *const outcome_name[] = {
#define X(name) [SCHEDULE_##name] = #name,
	SCHEDULE_OUTCOMES(X)
#undef X
};

const char *schedule_outcome_name(enum schedule_outcome outcome)
{
	assert((unsigned) outcome < SCHEDULE_OUTCOME_COUNT);
	return outcome_name[outcome];
}

/* ---- reading ---- */

static void copy_text(struct slice s, char *out, size_t size)
{
	(void) snprintf(out, size, "%.*s", (int) (s.len < size ? s.len : size), s.ptr ? s.ptr : "");
}

static enum rc read_outcome(struct slice name, enum schedule_outcome *out, struct err *err)
{
	for (unsigned i = 0; i < SCHEDULE_OUTCOME_COUNT; i++) {
		if (slice_is(name, outcome_name[i])) {
			*out = (enum schedule_outcome) i;
			return RC_OK;
		}
	}
	return err_set(err, RC_FATAL, "state.db: schedule: no such outcome '%.*s'", SLICE_FMT(name));
}

static enum rc read_plan(struct db *db, const char *job, struct schedule_row *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(db, "SELECT rule, next_due, missed FROM schedule WHERE job = ?1", &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	TRY(db_step(stmt, &out->known, err));
	if (!out->known)
		return RC_OK;
	copy_text(db_column_text(stmt, 0), out->rule, sizeof out->rule);
	out->next_due_s = db_column_int(stmt, 1);
	out->missed = db_column_int(stmt, 2);
	return RC_OK;
}

static enum rc read_last_start(struct db *db, const char *job, struct schedule_row *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	TRY(db_query(db,
	             "SELECT id, due, started_at, ended_at, outcome, holder,"
	             " (SELECT count(*) FROM schedule_start t WHERE t.job = ?1 AND t.due = s.due AND t.outcome = 'DIED'),"
	             " (SELECT max(due) FROM schedule_start t WHERE t.job = ?1)"
	             " FROM schedule_start s WHERE job = ?1 ORDER BY id DESC LIMIT 1",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	out->id = db_column_int(stmt, 0);
	out->due_s = db_column_int(stmt, 1);
	out->started_ms = db_column_int(stmt, 2);
	out->ended_ms = db_column_int(stmt, 3);
	copy_text(db_column_text(stmt, 5), out->holder, sizeof out->holder);
	out->deaths = db_column_int(stmt, 6);
	out->last_due_s = db_column_int(stmt, 7);
	return read_outcome(db_column_text(stmt, 4), &out->outcome, err);
}

enum rc schedule_row_read(struct db *db, const char *job, struct schedule_row *out, struct err *err)
{
	*out = (struct schedule_row){ .last_due_s = INT64_MIN };
	TRY(read_plan(db, job, out, err));
	return read_last_start(db, job, out, err);
}

enum rc schedule_row_error(struct db *db, int64_t id, struct arena *arena, struct slice *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	*out = SLICE_NULL;
	TRY(db_query(db, "SELECT error FROM schedule_start WHERE id = ?1", &stmt, err));
	db_bind_int(stmt, 1, id);
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	struct slice text = db_column_text(stmt, 0);
	if (!arena_fits(arena, text.len + 1))
		return err_set(err, RC_REJECT, "state.db: an error of the schedule is too large to be shown (%zu bytes)", text.len);
	*out = arena_copy(arena, text);
	return RC_OK;
}

enum rc schedule_row_started(struct db *db, const char *job, int64_t due_s, bool *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(db, "SELECT 1 FROM schedule_start WHERE job = ?1 AND due = ?2", &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	db_bind_int(stmt, 2, due_s);
	return db_step(stmt, out, err);
}

/* ---- writing ---- */

enum rc schedule_row_plan(struct db *db, const char *job, const char *rule, int64_t next_due_s, int64_t missed, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(db,
	             "INSERT INTO schedule (job, rule, next_due, missed) VALUES (?1, ?2, ?3, ?4)"
	             " ON CONFLICT (job) DO UPDATE SET rule = ?2, next_due = ?3, missed = ?4",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	db_bind_text(stmt, 2, slice_of(rule));
	db_bind_int(stmt, 3, next_due_s);
	db_bind_int(stmt, 4, missed);
	return db_run(stmt, err);
}

static enum rc forget_old_starts(struct db *db, const char *job, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(db,
	             "DELETE FROM schedule_start WHERE job = ?1 AND id <= (SELECT id FROM schedule_start WHERE job = ?1"
	             " ORDER BY id DESC LIMIT 1 OFFSET ?2)",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	db_bind_int(stmt, 2, SCHEDULE_STARTS_KEPT);
	return db_run(stmt, err);
}

enum rc schedule_row_start(struct db *db, const char *job, int64_t due_s, const char *holder, int64_t now_ms, int64_t *out_id,
                           struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(db,
	             "INSERT INTO schedule_start (job, due, attempt, holder, started_at, outcome)"
	             " VALUES (?1, ?2, 1 + (SELECT coalesce(max(attempt), 0) FROM schedule_start WHERE job = ?1 AND due = ?2), ?3, ?4,"
	             " 'RUNNING')",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(job));
	db_bind_int(stmt, 2, due_s);
	db_bind_text(stmt, 3, slice_of(holder));
	db_bind_int(stmt, 4, now_ms);
	TRY(db_run(stmt, err));
	*out_id = db_last_id(db);
	return forget_old_starts(db, job, err);
}

/* The same end may be told twice: the first answer may have been lost. */
enum rc schedule_row_end(struct db *db, int64_t id, const char *holder, enum schedule_outcome outcome, int64_t now_ms,
                         const char *error, bool *out_ended, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(db,
	             "UPDATE schedule_start SET outcome = ?3, ended_at = ?4, error = ?5"
	             " WHERE id = ?1 AND holder = ?2 AND outcome IN ('RUNNING', ?3)",
	             &stmt, err));
	db_bind_int(stmt, 1, id);
	db_bind_text(stmt, 2, slice_of(holder));
	db_bind_text(stmt, 3, slice_of(schedule_outcome_name(outcome)));
	db_bind_int(stmt, 4, now_ms);
	db_bind_text(stmt, 5, error && error[0] ? slice_of(error) : SLICE_NULL);
	TRY(db_run(stmt, err));
	*out_ended = db_changes(db) > 0;
	return RC_OK;
}

static enum rc list_jobs(struct db *db, struct arena *arena, struct slice names[static SCHEDULE_JOBS_MAX], size_t *out_count,
                         struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	*out_count = 0;
	TRY(db_query(db, "SELECT job FROM schedule LIMIT ?1", &stmt, err));
	db_bind_int(stmt, 1, SCHEDULE_JOBS_MAX);
	TRY(db_step(stmt, &row, err));
	while (row) {
		struct slice name = db_column_text(stmt, 0);
		if (!arena_fits(arena, name.len + 1))
			return err_set(err, RC_REJECT, "state.db: schedule: a job's name has %zu bytes", name.len);
		names[(*out_count)++] = arena_copy(arena, name);
		TRY(db_step(stmt, &row, err));
	}
	return RC_OK;
}

enum rc schedule_row_keep(struct db *db, const struct schedule_job *job, size_t count, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 16);
	struct slice names[SCHEDULE_JOBS_MAX];
	size_t known;
	TRY(list_jobs(db, &arena, names, &known, err));
	for (size_t i = 0; i < known; i++) {
		size_t k = 0;
		while (k < count && !slice_is(names[i], job[k].name))
			k++;
		if (k < count)
			continue;
		struct db_stmt *stmt;
		TRY(db_query(db, "DELETE FROM schedule WHERE job = ?1", &stmt, err));
		db_bind_text(stmt, 1, names[i]);
		TRY(db_run(stmt, err));
	}
	return RC_OK;
}
