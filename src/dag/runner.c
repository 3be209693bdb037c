#include "dag/runner.h"

#include "base/clock.h"
#include "base/metrics.h"

static bool stopped(const struct runner *r)
{
	return r->stop && *r->stop;
}

static void tell(const struct runner *r, enum runner_event event, const struct task *t, int64_t wait_ms)
{
	if (r->on_event)
		r->on_event(r->ctx, event, t, wait_ms);
}

static void note_deferral(const struct task *t, const struct task_result *result, int64_t now_ms, struct run_outcome *out)
{
	if (!result->deferred || out->retry_at_ms)
		return;
	out->task = t->spec->name;
	out->retry_at_ms = now_ms + result->retry_after_ms;
	(void) snprintf(out->error, sizeof out->error, "%s: %s", t->spec->name, result->deferred_why);
}

static struct plan_verdict run_task(const struct runner *r, struct task *t, struct run_outcome *out)
{
	struct task_result result = { 0 };
	struct err err = { 0 };
	int64_t begin_ns = clock_mono_ns(r->clock);
	enum rc rc = r->run_task(r->ctx, t->spec->name, t->attempt, &result, &err);
	int64_t elapsed_ms = (clock_mono_ns(r->clock) - begin_ns) / 1000000;
	if (rc != RC_OK && !err.msg[0])
		(void) err_set(&err, rc, "failed without a word (%s)", rc_name(rc));

	int64_t now_ms = clock_now_ms(r->clock);
	struct plan_verdict verdict = plan_after(t, rc, err.retry_after_ms, now_ms, &r->policy, r->rand);
	if (rc == RC_RETRY && stopped(r)) /* it ended early because it was asked to */
		verdict = plan_cut_off(now_ms);
	plan_end(t, &verdict, now_ms, elapsed_ms, rc == RC_OK ? NULL : err.msg);
	t->rows = result.rows;
	t->bytes = result.bytes;
	result.summary[sizeof result.summary - 1] = '\0';
	memcpy(t->summary, result.summary, sizeof t->summary);
	if (rc == RC_OK)
		note_deferral(t, &result, now_ms, out);
	return verdict;
}

static void blame(struct run_outcome *out, enum run_state state, const struct task *t)
{
	out->state = state;
	out->task = t->spec->name;
	(void) snprintf(out->error, sizeof out->error, "%s: %s", t->spec->name, t->error);
}

/* Nothing can run any more: done, unless a task is dead. */
static void conclude(const struct plan *plan, struct run_outcome *out)
{
	out->state = out->retry_at_ms ? RUN_DEFERRED : RUN_DONE;
	for (size_t i = 0; i < plan->count && out->state != RUN_FAILED; i++)
		if (plan->task[i].state == TASK_DEAD)
			blame(out, RUN_FAILED, &plan->task[i]);
}

/* Until the plan is finished, has to stop, or was asked to. */
static enum rc carry_out(const struct runner *r, struct run_outcome *out, struct err *err)
{
	while (!stopped(r)) {
		struct plan_step step = plan_next(r->plan, clock_now_ms(r->clock));
		if (step.what == PLAN_FINISHED) {
			conclude(r->plan, out);
			return RC_OK;
		}
		struct task *t = step.task;
		if (step.what == PLAN_WAIT) {
			TRY(runlog_save(r->log, &r->id, r->plan, err));
			tell(r, RUNNER_WAITS, t, step.wait_ms);
			clock_sleep_unless(r->clock, step.wait_ms, r->stop);
			continue;
		}
		plan_start(t, clock_now_ms(r->clock));
		TRY(runlog_save(r->log, &r->id, r->plan, err)); /* with what became of the one before */
		if (t->attempt > 1)
			metric_add(METRIC_task_retries, 1);
		tell(r, RUNNER_STARTED, t, 0);
		struct plan_verdict verdict = run_task(r, t, out);
		tell(r, RUNNER_ENDED, t, 0);
		if (verdict.run != PLAN_GO_ON) {
			blame(out, verdict.run == PLAN_DEFER ? RUN_DEFERRED : RUN_FAILED, t);
			out->retry_at_ms = verdict.run == PLAN_DEFER ? verdict.not_before_ms : 0;
			return RC_OK;
		}
	}
	return RC_OK;
}

enum rc runner_run(const struct runner *r, struct run_outcome *out, struct err *err)
{
	*out = (struct run_outcome){ .state = RUN_RUNNING };
	enum rc rc = carry_out(r, out, err);
	if (rc == RC_OK && out->state == RUN_RUNNING)
		return runlog_save(r->log, &r->id, r->plan, err);
	if (rc == RC_OK)
		rc = runlog_finish(r->log, &r->id, r->plan, out->state, out->error[0] ? out->error : NULL, err);
	if (rc != RC_OK)
		out->state = RUN_RUNNING;
	return rc;
}
