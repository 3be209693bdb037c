/* Run log: the runs of a home and their tasks, in state.db, so that a killed run is finished by the next.
 *
 * A run is RUNNING while its holder works on it.  Its holder is a process by name, start and boot (io/process.h): a dead
 * one is known as dead although its id was given to another.  A holder that cannot be judged (another container) counts
 * as dead a day after its run began.  Every call is one transaction, durable when it returns RC_OK. */
#ifndef DAG_RUNLOG_H
#define DAG_RUNLOG_H

#include "base/arena.h"
#include "dag/plan.h"
#include "io/process.h"

#define RUN_ID_BYTES 32
#define RUN_ARGS_BYTES_MAX 16384
#define RUNLOG_RUNS_KEPT 1000

/* RUNNING -> DONE, FAILED, DEFERRED (a quota is spent: try later), ABANDONED (its process died and no later run went on
 * with it); FAILED and DEFERRED -> RUNNING by runlog_retry(). */
#define RUN_STATES(X) X(RUNNING) X(DONE) X(FAILED) X(DEFERRED) X(ABANDONED)
enum run_state {
#define X(name) RUN_##name,
	RUN_STATES(X)
#undef X
	RUN_STATE_COUNT
};
const char *run_state_name(enum run_state state);

struct run_id {
	char s[RUN_ID_BYTES]; /* 20261123T151147Z-4f3a: sorts by time */
};
struct run {
	struct slice id, args, source, holder, error; /* error: why it failed, was deferred or abandoned; else SLICE_NULL */
	enum run_state state;
	int64_t started_ms, ended_ms; /* ended_ms 0 = not yet */
};
struct runs {
	struct run *run;
	size_t count;
};

struct state;
struct clock;
struct db;
struct runlog {
	struct db *db;
	struct clock *clock;
	struct rand_gen *rand;
	struct process_name self;
};
/* Borrows all of them. */
void runlog_init(struct runlog *log, struct state *st, struct rand_gen *rand);

/* A new run, all tasks of the plan PENDING.  `args` tells equal runs: the same bytes mean the same work.  Old runs beyond
 * RUNLOG_RUNS_KEPT are forgotten. */
MUST_USE enum rc runlog_begin(struct runlog *log, struct slice args, const char *source, struct plan *plan,
                              struct run_id *out_id, struct err *err);

/* RUNNING under a dead holder? */
bool runlog_is_unfinished(struct runlog *log, const struct run *run);
/* Those runs, the newest first. */
MUST_USE enum rc runlog_unfinished(struct runlog *log, struct arena *arena, struct runs *out, struct err *err);

/* What a new run with these arguments does about them: the newest with the same arguments and the same tasks is adopted:
 * its tasks are read into `plan` (done ones stay done, a running one waits), this process becomes its holder.  All others
 * are ABANDONED with the reason; what they published is worked on by any later run. */
struct takeover {
	bool adopted;
	struct run_id id;      /* when adopted */
	struct runs abandoned; /* with the reason as their error */
};
MUST_USE enum rc runlog_take_over(struct runlog *log, struct slice args, struct plan *plan, struct arena *arena,
                                  struct takeover *out, struct err *err);
/* A FAILED or DEFERRED run, or one whose holder died, becomes RUNNING under this process; its tasks are read into `plan`
 * (made for its arguments), those that are not DONE become PENDING.  RC_REJECT when there is nothing to retry. */
MUST_USE enum rc runlog_retry(struct runlog *log, struct slice id, struct plan *plan, struct err *err);

/* The tasks that changed since the last save, all at once.  RC_FATAL when another process has taken over the run. */
MUST_USE enum rc runlog_save(struct runlog *log, const struct run_id *id, struct plan *plan, struct err *err);
/* The same, and the run ends in `state`; `error` may be NULL. */
MUST_USE enum rc runlog_finish(struct runlog *log, const struct run_id *id, struct plan *plan, enum run_state state,
                               const char *error, struct err *err);

/* At most `limit`, the newest first. */
MUST_USE enum rc runlog_list(struct runlog *log, int64_t limit, struct arena *arena, struct runs *out, struct err *err);
/* By id, or "last"; RC_NOT_FOUND says where ids are listed. */
MUST_USE enum rc runlog_find(struct runlog *log, struct slice id, struct arena *arena, struct run *out, struct err *err);
/* The tasks of a run in their order; of their spec only the name is set. */
MUST_USE enum rc runlog_tasks(struct runlog *log, struct slice id, struct arena *arena, struct task **out_task,
                              size_t *out_count, struct err *err);

#endif
