/* Plan: which task of a run may start, and what becomes of a task that ended.  No I/O, no clock, no chance of its own.
 *
 *   PENDING -> RUNNING -> DONE
 *      |          |-> WAITING -> RUNNING   (RC_RETRY with tries left; RC_FATAL; its process was killed)
 *      |          '-> DEAD                 (RC_REJECT, or no tries left)
 *      '-> SKIPPED                         (a task it needs is DEAD or SKIPPED)
 *   DEAD, SKIPPED, WAITING -> PENDING      (a person asks for another try: `dag retry`)
 *   DONE -> PENDING                        (the same, of a deferred run, which is done as far as it could be)
 *
 * Times are milliseconds since 1970 UTC. */
#ifndef DAG_PLAN_H
#define DAG_PLAN_H

#include "base/err.h"
#include "base/rand.h"

#define PLAN_TASKS_MAX 16
#define PLAN_NEEDS_MAX 4
#define TASK_SUMMARY_BYTES 416

#define TASK_STATES(X) X(PENDING) X(RUNNING) X(WAITING) X(DONE) X(DEAD) X(SKIPPED)
enum task_state {
#define X(name) TASK_##name,
	TASK_STATES(X)
#undef X
	TASK_STATE_COUNT
};
const char *task_state_name(enum task_state state);
/* False when no state has that name. */
MUST_USE bool task_state_parse(const char *name, enum task_state *out);
/* May a task go from one to the other? */
bool task_may_move(enum task_state from, enum task_state to);

/* What is known of a task before any run. */
struct task_spec {
	const char *name, *help;
	const char *needs[PLAN_NEEDS_MAX]; /* names of tasks that stand before it */
};

struct task {
	const struct task_spec *spec;
	enum task_state state; /* written by task_move() only */
	int attempt;           /* tries that counted, the running one too */
	int64_t not_before_ms; /* WAITING */
	int64_t started_ms, ended_ms; /* of the last try; 0 = never */
	int64_t elapsed_ms;    /* of all tries, by the monotonic clock */
	int64_t rows, bytes;
	char summary[TASK_SUMMARY_BYTES]; /* what changed, for people; "" until DONE */
	char error[ERR_MSG_BYTES];        /* of the last try that failed; "" when none did */
	bool changed;          /* since the run log saved it */
};

/* The only function that writes task->state. */
void task_move(struct task *t, enum task_state to);

struct plan {
	struct task task[PLAN_TASKS_MAX]; /* in an order that can be run one after the other */
	size_t count;
};

/* All tasks, or with `from` (not NULL) that one and those that need it, directly or not: what they need besides is taken
 * as done.  RC_NOT_FOUND names the known tasks when `from` is none of them. */
MUST_USE enum rc plan_init(struct plan *plan, const struct task_spec *spec, size_t count, const char *from, struct err *err);
/* NULL when there is none. */
struct task *plan_find(struct plan *plan, const char *name);

enum plan_do { PLAN_START, PLAN_WAIT, PLAN_FINISHED };
struct plan_step {
	enum plan_do what;
	struct task *task; /* to start or to wait for */
	int64_t wait_ms;   /* PLAN_WAIT; never more than was decided when the task ended, however the clock jumps */
};
/* Moves tasks that can no longer run to SKIPPED, then says what to do. */
struct plan_step plan_next(struct plan *plan, int64_t now_ms);

struct plan_policy {
	int64_t retry_min_ms, retry_max_ms; /* bounds of the wait that this side chooses */
	int64_t attempts_max;
	int64_t defer_above_ms; /* a longer wait, asked for by the other side, is not sat out: the run is deferred */
};
enum plan_run { PLAN_GO_ON, PLAN_DEFER, PLAN_STOP };
struct plan_verdict {
	enum task_state to;
	int64_t not_before_ms; /* with TASK_WAITING */
	enum plan_run run;
	bool counts; /* this try counts against attempts_max */
};
/* Decides, changes nothing; all retry policy lives here. */
struct plan_verdict plan_after(const struct task *t, enum rc rc, int64_t retry_after_ms, int64_t now_ms,
                               const struct plan_policy *policy, struct rand_gen *rand);

void plan_start(struct task *t, int64_t now_ms);
/* `error` is NULL for a task that is done. */
void plan_end(struct task *t, const struct plan_verdict *verdict, int64_t now_ms, int64_t elapsed_ms, const char *error);
/* A task that was cut off by us may run again, now; the try does not count. */
struct plan_verdict plan_cut_off(int64_t now_ms);
/* The process that ran this plan is gone: what it was running was cut off. */
void plan_recover(struct plan *plan, int64_t now_ms);
/* Everything that is not done gets a new set of tries; when all is done, everything does. */
void plan_retry(struct plan *plan);

#endif
