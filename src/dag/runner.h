/* Runner: carries out a plan, task after task, and keeps the run log true at every step.
 *
 * A task is saved as RUNNING before it starts, and what became of it before the next one does.  Kill the process at any
 * point: a task whose end was not saved runs again, which its own contract (an effect has a name made of its input) makes
 * harmless. */
#ifndef DAG_RUNNER_H
#define DAG_RUNNER_H

#include "dag/runlog.h"

struct task_result {
	int64_t rows, bytes;
	char summary[TASK_SUMMARY_BYTES]; /* what changed, for people */
	/* Done as far as it could be, a part is left to a later run: those that need it go on, the run ends as DEFERRED. */
	bool deferred;
	int64_t retry_after_ms;
	char deferred_why[ERR_MSG_BYTES];
};
enum runner_event { RUNNER_STARTED, RUNNER_ENDED, RUNNER_WAITS };

struct runner {
	struct plan *plan;
	struct runlog *log;
	struct run_id id; /* begun, adopted or retried */
	struct plan_policy policy;
	struct clock *clock;
	struct rand_gen *rand;
	/* Set by a signal handler: no further task is started, and one that ends with RC_RETRY was cut off.  May be NULL. */
	const atomic_bool *stop;
	void *ctx;
	/* Does the task; may be called again for the same one, in this process or another. */
	enum rc (*run_task)(void *ctx, const char *name, int attempt, struct task_result *out, struct err *err);
	/* For the log and the progress bar; may be NULL.  wait_ms: until the task runs (again), with RUNNER_WAITS. */
	void (*on_event)(void *ctx, enum runner_event event, const struct task *task, int64_t wait_ms);
};

struct run_outcome {
	enum run_state state;   /* DONE, FAILED, DEFERRED; RUNNING when it was stopped: a later run goes on with it */
	const char *task;       /* the one that failed or is deferred, else NULL */
	int64_t retry_at_ms;    /* DEFERRED: not before */
	char error[ERR_MSG_BYTES + 64]; /* "gold: …"; "" when there is none */
};
/* Not RC_OK only when the run log cannot be kept; the run stays unfinished then. */
MUST_USE enum rc runner_run(const struct runner *r, struct run_outcome *out, struct err *err);

#endif
