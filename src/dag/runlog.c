#include "dag/runlog.h"

#include "base/clock.h"
#include "base/time.h"
#include "io/db.h"
#include "raw/state.h"

/* A holder that cannot be judged counts as dead when its run is older than this. */
#define UNKNOWN_HOLDER_MS (24 * 60 * 60 * 1000LL)
#define ID_TRIES 64

static const char *const state_name[] = {
#define X(name) [RUN_##name] = #name,
	RUN_STATES(X)
#undef X
};

const char *run_state_name(enum run_state state)
{
	assert((unsigned) state < RUN_STATE_COUNT);
	return state_name[state];
}

void runlog_init(struct runlog *log, struct state *st, struct rand_gen *rand)
{
	*log = (struct runlog){ .db = state_db(st), .clock = state_clock(st), .rand = rand, .self = process_self() };
}

static void bind_time(struct db_stmt *stmt, int i, int64_t ms)
{
	if (ms)
		db_bind_int(stmt, i, ms);
	else
		db_bind_null(stmt, i);
}

static void bind_words(struct db_stmt *stmt, int i, const char *s)
{
	db_bind_text(stmt, i, s && s[0] ? slice_of(s) : SLICE_NULL);
}

/* ---- reading ---- */

#define RUN_COLUMNS "id, args, source, state, holder, started_at, ended_at, error"

static enum rc too_large(struct slice id, struct err *err)
{
	return err_set(err, RC_REJECT, "run %.*s needs more memory than allowed to be shown", SLICE_FMT(id));
}

static bool parse_run_state(struct slice name, enum run_state *out)
{
	for (unsigned i = 0; i < RUN_STATE_COUNT; i++) {
		if (slice_is(name, state_name[i])) {
			*out = (enum run_state) i;
			return true;
		}
	}
	return false;
}

static enum rc read_run(struct db_stmt *stmt, struct arena *arena, struct run *out, struct err *err)
{
	static const int texts[] = { 0, 1, 2, 4, 7 };
	size_t size = 0;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		size += db_column_text(stmt, texts[i]).len + 32;
	if (!arena_fits(arena, size))
		return too_large(db_column_text(stmt, 0), err);
	*out = (struct run){
		.id = arena_copy(arena, db_column_text(stmt, 0)),
		.args = arena_copy(arena, db_column_text(stmt, 1)),
		.source = arena_copy(arena, db_column_text(stmt, 2)),
		.holder = arena_copy(arena, db_column_text(stmt, 4)),
		.started_ms = db_column_int(stmt, 5),
		.ended_ms = db_column_int(stmt, 6),
		.error = arena_copy(arena, db_column_text(stmt, 7)),
	};
	if (!parse_run_state(db_column_text(stmt, 3), &out->state))
		return err_set(err, RC_FATAL, "state.db: run %.*s: no such state '%.*s'", SLICE_FMT(out->id),
		               SLICE_FMT(db_column_text(stmt, 3)));
	return RC_OK;
}

/* The rows of a statement whose last column is the number of all rows. */
static enum rc read_runs(struct db_stmt *stmt, int64_t limit, struct arena *arena, struct runs *out, struct err *err)
{
	*out = (struct runs){ 0 };
	bool row;
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	int64_t total = db_column_int(stmt, 8);
	size_t most = (size_t) (total < limit ? total : limit);
	if (!arena_fits(arena, most * sizeof *out->run))
		return err_set(err, RC_REJECT, "%zu runs are more than can be shown at once: ask for fewer", most);
	struct run *run = arena_alloc_array(arena, most, sizeof *run);
	size_t count = 0;
	for (; row; count++) {
		assert(count < most);
		TRY(read_run(stmt, arena, &run[count], err));
		TRY(db_step(stmt, &row, err));
	}
	*out = (struct runs){ run, count };
	return RC_OK;
}

enum rc runlog_list(struct runlog *log, int64_t limit, struct arena *arena, struct runs *out, struct err *err)
{
	assert(limit > 0);
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db, "SELECT " RUN_COLUMNS ", count(*) OVER () FROM run ORDER BY seq DESC LIMIT ?1", &stmt, err));
	db_bind_int(stmt, 1, limit);
	return read_runs(stmt, limit, arena, out, err);
}

enum rc runlog_find(struct runlog *log, struct slice id, struct arena *arena, struct run *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?1 OR ?1 = 'last' ORDER BY seq DESC LIMIT 1", &stmt,
	             err));
	db_bind_text(stmt, 1, id);
	bool row;
	TRY(db_step(stmt, &row, err));
	if (row)
		return read_run(stmt, arena, out, err);
	if (slice_is(id, "last"))
		return err_set(err, RC_NOT_FOUND, "no run yet: `sargam run` makes one");
	return err_set(err, RC_NOT_FOUND, "no run '%.*s': `sargam dag runs` lists them", SLICE_FMT(id));
}

static bool is_dead(struct runlog *log, const struct run *run)
{
	switch (process_look(run->holder.ptr)) {
	case PROCESS_ALIVE:
		return false;
	case PROCESS_DEAD:
		return true;
	case PROCESS_UNKNOWN:
		return clock_now_ms(log->clock) - run->started_ms > UNKNOWN_HOLDER_MS;
	}
	abort();
}

bool runlog_is_unfinished(struct runlog *log, const struct run *run)
{
	return run->state == RUN_RUNNING && is_dead(log, run);
}

enum rc runlog_unfinished(struct runlog *log, struct arena *arena, struct runs *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db, "SELECT " RUN_COLUMNS ", count(*) OVER () FROM run WHERE state = 'RUNNING' ORDER BY seq DESC",
	             &stmt, err));
	struct runs running;
	TRY(read_runs(stmt, INT64_MAX, arena, &running, err));
	*out = (struct runs){ .run = running.run };
	for (size_t i = 0; i < running.count; i++)
		if (runlog_is_unfinished(log, &running.run[i]))
			out->run[out->count++] = running.run[i];
	return RC_OK;
}

static void copy_words(char *out, size_t size, struct slice s)
{
	(void) snprintf(out, size, "%.*s", SLICE_FMT(s));
}

static enum rc read_task(struct db_stmt *stmt, struct slice id, struct arena *arena, struct task *out, struct err *err)
{
	struct task_spec *spec = arena_alloc(arena, sizeof *spec);
	*spec = (struct task_spec){ .name = arena_strdup(arena, db_column_text(stmt, 0)), .help = "" };
	*out = (struct task){
		.spec = spec,
		.attempt = (int) db_column_int(stmt, 2),
		.not_before_ms = db_column_int(stmt, 3),
		.started_ms = db_column_int(stmt, 4),
		.ended_ms = db_column_int(stmt, 5),
		.elapsed_ms = db_column_int(stmt, 6),
		.rows = db_column_int(stmt, 7),
		.bytes = db_column_int(stmt, 8),
	};
	copy_words(out->summary, sizeof out->summary, db_column_text(stmt, 9));
	copy_words(out->error, sizeof out->error, db_column_text(stmt, 10));
	struct slice state = db_column_text(stmt, 1);
	if (!state.ptr || !task_state_parse(state.ptr, &out->state))
		return err_set(err, RC_FATAL, "state.db: task %s of run %.*s: no such state '%.*s'", spec->name, SLICE_FMT(id),
		               SLICE_FMT(state));
	return RC_OK;
}

enum rc runlog_tasks(struct runlog *log, struct slice id, struct arena *arena, struct task **out_task, size_t *out_count,
                     struct err *err)
{
	*out_task = NULL;
	*out_count = 0;
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db,
	             "SELECT name, state, attempt, not_before, started_at, ended_at, elapsed_ms, rows, bytes, summary, error,"
	             " count(*) OVER () FROM task WHERE run_id = ?1 ORDER BY seq",
	             &stmt, err));
	db_bind_text(stmt, 1, id);
	bool row;
	TRY(db_step(stmt, &row, err));
	if (!row)
		return RC_OK;
	size_t total = (size_t) db_column_int(stmt, 11);
	if (!arena_fits(arena, total * (sizeof **out_task + sizeof(struct task_spec) + 256)))
		return too_large(id, err);
	struct task *task = arena_alloc_array(arena, total, sizeof *task);
	size_t count = 0;
	for (; row; count++) {
		assert(count < total);
		if (db_column_text(stmt, 0).len > 200)
			return too_large(id, err);
		TRY(read_task(stmt, id, arena, &task[count], err));
		TRY(db_step(stmt, &row, err));
	}
	*out_task = task;
	*out_count = count;
	return RC_OK;
}

/* ---- writing; the callers hold the transaction ---- */

static enum rc write_task(struct runlog *log, struct slice id, size_t seq, const struct task *t, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(log->db,
	             "INSERT INTO task (run_id, name, seq, state, attempt, not_before, started_at, ended_at, elapsed_ms,"
	             " rows, bytes, summary, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
	             " ON CONFLICT (run_id, name) DO UPDATE SET state = ?4, attempt = ?5, not_before = ?6, started_at = ?7,"
	             " ended_at = ?8, elapsed_ms = ?9, rows = ?10, bytes = ?11, summary = ?12, error = ?13",
	             &stmt, err));
	db_bind_text(stmt, 1, id);
	db_bind_text(stmt, 2, slice_of(t->spec->name));
	db_bind_int(stmt, 3, (int64_t) seq);
	db_bind_text(stmt, 4, slice_of(task_state_name(t->state)));
	db_bind_int(stmt, 5, t->attempt);
	db_bind_int(stmt, 6, t->not_before_ms);
	bind_time(stmt, 7, t->started_ms);
	bind_time(stmt, 8, t->ended_ms);
	db_bind_int(stmt, 9, t->elapsed_ms);
	db_bind_int(stmt, 10, t->rows);
	db_bind_int(stmt, 11, t->bytes);
	bind_words(stmt, 12, t->summary);
	bind_words(stmt, 13, t->error);
	return db_run(stmt, err);
}

static enum rc write_changed(struct runlog *log, struct slice id, const struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->task[i].changed)
			TRY(write_task(log, id, i, &plan->task[i], err));
	return RC_OK;
}

static void all_saved(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		plan->task[i].changed = false;
}

/* ended_ms 0 with RUN_RUNNING: this process holds it (again). */
static enum rc write_run_state(struct runlog *log, struct slice id, enum run_state state, int64_t ended_ms,
                               const char *error, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(log->db,
	             "UPDATE run SET state = ?2, ended_at = ?3, error = ?4, holder = coalesce(?5, holder) WHERE id = ?1", &stmt,
	             err));
	db_bind_text(stmt, 1, id);
	db_bind_text(stmt, 2, slice_of(run_state_name(state)));
	bind_time(stmt, 3, ended_ms);
	bind_words(stmt, 4, error);
	db_bind_text(stmt, 5, state == RUN_RUNNING ? slice_of(log->self.s) : SLICE_NULL);
	return db_run(stmt, err);
}

static enum rc has_run(struct runlog *log, const char *id, bool *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db, "SELECT 1 FROM run WHERE id = ?1", &stmt, err));
	db_bind_text(stmt, 1, slice_of(id));
	return db_step(stmt, out, err);
}

/* Time and chance: the chance only has to tell apart the runs of one second. */
static enum rc new_id(struct runlog *log, int64_t now_ms, struct run_id *out, struct err *err)
{
	bool taken = true;
	for (int i = 0; taken && i < ID_TRIES; i++) {
		(void) snprintf(out->s, sizeof out->s, "%.24s-%04x", time_compact(now_ms / 1000).s,
		                (unsigned) rand_below(log->rand, 0x10000));
		TRY(has_run(log, out->s, &taken, err));
	}
	return taken ? err_set(err, RC_RETRY, "too many runs began in this second: run the command again") : RC_OK;
}

static enum rc forget_old_runs(struct runlog *log, struct err *err)
{
	struct db_stmt *stmt;
	TRY(db_query(log->db, "DELETE FROM run WHERE state <> 'RUNNING' AND seq <= (SELECT max(seq) FROM run) - ?1", &stmt,
	             err));
	db_bind_int(stmt, 1, RUNLOG_RUNS_KEPT);
	return db_run(stmt, err);
}

enum rc runlog_begin(struct runlog *log, struct slice args, const char *source, struct plan *plan, struct run_id *out_id,
                     struct err *err)
{
	if (args.len > RUN_ARGS_BYTES_MAX)
		return err_set(err, RC_REJECT, "the arguments of the run are too long: %zu bytes, at most %d", args.len,
		               RUN_ARGS_BYTES_MAX);
	int64_t now_ms = clock_now_ms(log->clock);
	TRY(db_begin(log->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = log->db;
	TRY(new_id(log, now_ms, out_id, err));
	struct db_stmt *stmt;
	TRY(db_query(log->db,
	             "INSERT INTO run (id, args, source, state, holder, started_at) VALUES (?1, ?2, ?3, 'RUNNING', ?4, ?5)",
	             &stmt, err));
	db_bind_text(stmt, 1, slice_of(out_id->s));
	db_bind_text(stmt, 2, args.ptr ? args : SLICE(""));
	db_bind_text(stmt, 3, slice_of(source));
	db_bind_text(stmt, 4, slice_of(log->self.s));
	db_bind_int(stmt, 5, now_ms);
	TRY(db_run(stmt, err));
	for (size_t i = 0; i < plan->count; i++)
		TRY(write_task(log, slice_of(out_id->s), i, &plan->task[i], err));
	TRY(forget_old_runs(log, err));
	TRY(db_commit(transaction, err));
	all_saved(plan);
	return RC_OK;
}

/* ---- going on with a run of another process ---- */

/* False when the tasks of the run are not those of the plan. */
static enum rc load_plan(struct runlog *log, struct slice id, struct plan *plan, struct arena *arena, bool *out_same,
                         struct err *err)
{
	struct task *task;
	size_t count;
	TRY(runlog_tasks(log, id, arena, &task, &count, err));
	*out_same = count == plan->count;
	for (size_t i = 0; *out_same && i < count; i++)
		*out_same = strcmp(task[i].spec->name, plan->task[i].spec->name) == 0;
	for (size_t i = 0; *out_same && i < count; i++) {
		task[i].spec = plan->task[i].spec;
		plan->task[i] = task[i];
	}
	return RC_OK;
}

static enum rc adopt(struct runlog *log, const struct run *run, struct plan *plan, struct arena *arena, bool *out_done,
                     struct err *err)
{
	TRY(load_plan(log, run->id, plan, arena, out_done, err));
	if (!*out_done)
		return RC_OK;
	plan_recover(plan, clock_now_ms(log->clock));
	TRY(write_changed(log, run->id, plan, err));
	return write_run_state(log, run->id, RUN_RUNNING, 0, NULL, err);
}

static enum rc abandon(struct runlog *log, struct run *run, const char *why, struct arena *arena, struct err *err)
{
	if (!arena_fits(arena, strlen(why) + 1))
		return too_large(run->id, err);
	run->state = RUN_ABANDONED;
	run->ended_ms = clock_now_ms(log->clock);
	run->error = arena_copy(arena, slice_of(why));
	return write_run_state(log, run->id, RUN_ABANDONED, run->ended_ms, why, err);
}

enum rc runlog_take_over(struct runlog *log, struct slice args, struct plan *plan, struct arena *arena,
                         struct takeover *out, struct err *err)
{
	*out = (struct takeover){ 0 };
	struct runs left;
	TRY(runlog_unfinished(log, arena, &left, err));
	if (left.count == 0)
		return RC_OK; /* the usual case writes nothing */

	TRY(db_begin(log->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = log->db;
	TRY(runlog_unfinished(log, arena, &left, err)); /* another run may have been first */
	out->abandoned.run = left.run;
	for (size_t i = 0; i < left.count; i++) {
		struct run run = left.run[i];
		const char *why = "its process ended, and a later run was asked for something else";
		if (slice_eq(run.args, args)) {
			bool same = false;
			if (!out->adopted)
				TRY(adopt(log, &run, plan, arena, &same, err));
			if (same) {
				out->adopted = true;
				(void) snprintf(out->id.s, sizeof out->id.s, "%.*s", SLICE_FMT(run.id));
				continue;
			}
			why = out->adopted ? "its process ended, and a later run with the same arguments went on"
			                   : "its process ended, and its stages are not those of this version of sargam";
		}
		TRY(abandon(log, &run, why, arena, err));
		out->abandoned.run[out->abandoned.count++] = run;
	}
	TRY(db_commit(transaction, err));
	all_saved(plan);
	return RC_OK;
}

static enum rc check_retry(struct runlog *log, const struct run *run, struct err *err)
{
	if (run->state == RUN_FAILED || run->state == RUN_DEFERRED || runlog_is_unfinished(log, run))
		return RC_OK;
	if (run->state == RUN_RUNNING)
		return err_set(err, RC_REJECT, "run %.*s is still running (process %ld): wait for it, or end it first",
		               SLICE_FMT(run->id), process_pid(run->holder.ptr));
	return err_set(err, RC_REJECT, "run %.*s is %s: nothing to try again; `sargam run` makes a new run", SLICE_FMT(run->id),
	               run_state_name(run->state));
}

enum rc runlog_retry(struct runlog *log, struct slice id, struct plan *plan, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(256 << 10);
	TRY(db_begin(log->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = log->db;
	struct run run;
	TRY(runlog_find(log, id, &arena, &run, err));
	TRY(check_retry(log, &run, err));
	bool same;
	TRY(load_plan(log, run.id, plan, &arena, &same, err));
	if (!same)
		return err_set(err, RC_REJECT, "run %.*s: its stages are not those of this version: `sargam run` makes a new run",
		               SLICE_FMT(run.id));
	plan_recover(plan, clock_now_ms(log->clock));
	plan_retry(plan);
	TRY(write_changed(log, run.id, plan, err));
	TRY(write_run_state(log, run.id, RUN_RUNNING, 0, NULL, err));
	TRY(db_commit(transaction, err));
	all_saved(plan);
	return RC_OK;
}

/* ---- the holder's own progress ---- */

static enum rc check_holder(struct runlog *log, const struct run_id *id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	TRY(db_query(log->db, "SELECT holder FROM run WHERE id = ?1 AND state = 'RUNNING'", &stmt, err));
	db_bind_text(stmt, 1, slice_of(id->s));
	bool row;
	TRY(db_step(stmt, &row, err));
	if (row && slice_is(db_column_text(stmt, 0), log->self.s))
		return RC_OK;
	return err_set(err, RC_FATAL, "run %s was taken over by another process: `sargam dag show %s` tells what became of it",
	               id->s, id->s);
}

static enum rc save(struct runlog *log, const struct run_id *id, struct plan *plan, enum run_state state,
                    const char *error, struct err *err)
{
	TRY(db_begin(log->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = log->db;
	TRY(check_holder(log, id, err));
	TRY(write_changed(log, slice_of(id->s), plan, err));
	if (state != RUN_RUNNING)
		TRY(write_run_state(log, slice_of(id->s), state, clock_now_ms(log->clock), error, err));
	TRY(db_commit(transaction, err));
	all_saved(plan);
	return RC_OK;
}

enum rc runlog_save(struct runlog *log, const struct run_id *id, struct plan *plan, struct err *err)
{
	TRY_WRAP(save(log, id, plan, RUN_RUNNING, NULL, err), err, "run %s", id->s);
	return RC_OK;
}

enum rc runlog_finish(struct runlog *log, const struct run_id *id, struct plan *plan, enum run_state state,
                      const char *error, struct err *err)
{
	assert(state != RUN_RUNNING);
	TRY_WRAP(save(log, id, plan, state, error, err), err, "run %s", id->s);
	return RC_OK;
}
