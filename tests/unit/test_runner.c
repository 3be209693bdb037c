#include "base/clock.h"
#include "base/fault.h"
#include "base/metrics.h"
#include "dag/runner.h"
#include "io/db.h"
#include "raw/state.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1795446707000
#define ARGS SLICE("{\"source\":\"sample\"}")

static const struct task_spec chain[] = {
	{ "extract", "", { NULL } },
	{ "ingest", "", { "extract" } },
	{ "bronze", "", { "ingest" } },
	{ "gold", "", { "bronze" } },
};
static const struct task_spec other_chain[] = {
	{ "extract", "", { NULL } },
	{ "silver", "", { "extract" } },
};

/* A home, and what its tasks answer when they are tried. */
struct world {
	char path[512];
	struct clock_fake clock;
	struct rand_gen rand;
	struct state *state;
	struct runlog log;
	struct plan plan;
	struct arena arena;
	struct {
		const char *task;
		enum rc rc;
		int64_t retry_after_ms;
	} answer[16]; /* used up one by one; then RC_OK */
	size_t answers, answered;
	char tried[512]; /* "extract1 ingest1 ingest2 " */
	char events[1024];
	atomic_bool stop;
	const char *stop_in;
	bool stop_at_wait;
};

static void open_world(struct world *w, const char *path)
{
	*w = (struct world){ .rand = rand_new(test_seed()), .arena = arena_new(1 << 20) };
	if (path)
		(void) snprintf(w->path, sizeof w->path, "%s", path);
	else
		(void) snprintf(w->path, sizeof w->path, "%s/state.db", test_tmpdir());
	clock_fake_init(&w->clock, NOW);
	struct err err = { 0 };
	if (state_open(w->path, &w->clock.base, &w->state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	runlog_init(&w->log, w->state, &w->rand);
	if (plan_init(&w->plan, chain, COUNT_OF(chain), NULL, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void close_world(struct world *w)
{
	state_closep(&w->state);
	arena_done(&w->arena);
}
#define WORLD(w)                                       \
	CLEANUP(close_world) struct world w = { .state = NULL }; \
	open_world(&w, NULL)

/* What this world does from here on is done by a process that is dead. */
static void act_as_dead_process(struct world *w)
{
	char *start = strrchr(w->log.self.s, ' ') + 1;
	start[0] = start[0] == '9' ? '8' : '9';
}

static void act_as_living_process(struct world *w)
{
	w->log.self = process_self();
}

static void answer(struct world *w, const char *task, enum rc rc, int64_t retry_after_ms)
{
	assert_true(w->answers < COUNT_OF(w->answer));
	w->answer[w->answers].task = task;
	w->answer[w->answers].rc = rc;
	w->answer[w->answers++].retry_after_ms = retry_after_ms;
}

static void note(char *out, size_t size, const char *what, int n)
{
	size_t len = strlen(out);
	(void) snprintf(out + len, size - len, "%s%d ", what, n);
}

static enum rc run_task(void *ctx, const char *name, int attempt, struct task_result *out, struct err *err)
{
	struct world *w = ctx;
	note(w->tried, sizeof w->tried, name, attempt);
	clock_fake_advance_ms(&w->clock, 1500);
	if (w->stop_in && strcmp(w->stop_in, name) == 0)
		w->stop = true;
	*out = (struct task_result){ .rows = attempt * 10, .bytes = 1 << 20 };
	(void) snprintf(out->summary, sizeof out->summary, "%s has done it", name);
	if (w->answered == w->answers || strcmp(w->answer[w->answered].task, name) != 0)
		return RC_OK;
	enum rc rc = w->answer[w->answered].rc;
	(void) err_set(err, rc, "playlist p: %s", rc_name(rc));
	err->retry_after_ms = w->answer[w->answered++].retry_after_ms;
	return rc;
}

static void on_event(void *ctx, enum runner_event event, const struct task *t, int64_t wait_ms)
{
	static const char *const name[] = { [RUNNER_STARTED] = "+", [RUNNER_ENDED] = "-", [RUNNER_WAITS] = "~" };
	struct world *w = ctx;
	char what[64];
	(void) snprintf(what, sizeof what, "%s%s", name[event], t->spec->name);
	note(w->events, sizeof w->events, what, (int) wait_ms);
	w->stop |= event == RUNNER_WAITS && w->stop_at_wait;
}

static struct runner runner_of(struct world *w, struct run_id id)
{
	return (struct runner){
		.plan = &w->plan,
		.log = &w->log,
		.id = id,
		.policy = { .retry_min_ms = 1000, .retry_max_ms = 60000, .attempts_max = 3, .defer_above_ms = 90000 },
		.clock = &w->clock.base,
		.rand = &w->rand,
		.stop = &w->stop,
		.ctx = w,
		.run_task = run_task,
		.on_event = on_event,
	};
}

#define OK(expr)                                                                 \
	do {                                                                     \
		struct err err = { 0 };                                          \
		enum rc ok_rc_ = (expr);                                         \
		if (ok_rc_ != RC_OK)                                             \
			fail_msg("%s: %s: %s", #expr, rc_name(ok_rc_), err.msg); \
	} while (0)

static void new_plan(struct world *w, const struct task_spec *spec, size_t count)
{
	OK(plan_init(&w->plan, spec, count, NULL, &err));
}

static struct run_id begin(struct world *w)
{
	struct run_id id;
	new_plan(w, chain, COUNT_OF(chain));
	OK(runlog_begin(&w->log, ARGS, "sample", &w->plan, &id, &err));
	return id;
}

static struct run_outcome carry_on(struct world *w, struct run_id id)
{
	struct runner r = runner_of(w, id);
	struct run_outcome out;
	w->tried[0] = w->events[0] = '\0';
	OK(runner_run(&r, &out, &err));
	return out;
}

static struct run find(struct world *w, const char *id)
{
	struct run run = { 0 };
	OK(runlog_find(&w->log, slice_of(id), &w->arena, &run, &err));
	return run;
}

/* "DONE1 DEAD3 SKIPPED0 " */
static const char *states(struct world *w, struct run_id id)
{
	static char out[256];
	struct task *task;
	size_t count;
	OK(runlog_tasks(&w->log, slice_of(id.s), &w->arena, &task, &count, &err));
	out[0] = '\0';
	for (size_t i = 0; i < count; i++)
		note(out, sizeof out, task_state_name(task[i].state), task[i].attempt);
	return out;
}

/* ---- the run log ---- */

static void a_run_id_tells_the_time_and_is_its_own(void **unused UNUSED)
{
	WORLD(w);
	struct run_id first = begin(&w);
	assert_int_equal(strlen(first.s), 21);
	assert_memory_equal(first.s, "20261123T151147Z-", 17);
	for (int i = 0; i < 20; i++) { /* the same dice again: the same ids come first */
		w.rand = rand_new(test_seed());
		struct run_id id = begin(&w);
		assert_string_not_equal(id.s, first.s);
	}
}

static void a_run_keeps_what_is_needed_to_tell_of_it(void **unused UNUSED)
{
	WORLD(w);
	answer(&w, "ingest", RC_RETRY, 500);
	struct run_id id = begin(&w);
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_DONE);

	struct run run = find(&w, id.s);
	assert_true(slice_eq(run.args, ARGS));
	assert_true(slice_is(run.source, "sample"));
	assert_true(slice_is(run.holder, process_self().s));
	assert_int_equal(run.state, RUN_DONE);
	assert_int_equal(run.started_ms, NOW);
	assert_int_equal(run.ended_ms, NOW + 5 * 1500 + 500);
	assert_null(run.error.ptr);

	struct task *task;
	size_t count;
	OK(runlog_tasks(&w.log, slice_of(id.s), &w.arena, &task, &count, &err));
	assert_int_equal(count, 4);
	assert_string_equal(task[1].spec->name, "ingest");
	assert_int_equal(task[1].attempt, 2);
	assert_int_equal(task[1].started_ms, NOW + 2 * 1500 + 500);
	assert_int_equal(task[1].ended_ms, NOW + 3 * 1500 + 500);
	assert_int_equal(task[1].elapsed_ms, 3000);
	assert_int_equal(task[1].rows, 20);
	assert_int_equal(task[1].bytes, 1 << 20);
	assert_string_equal(task[1].summary, "ingest has done it");
	assert_string_equal(task[1].error, "");
}

static void runs_are_listed_the_newest_first_whatever_the_clock_said(void **unused UNUSED)
{
	WORLD(w);
	struct runs runs;
	OK(runlog_list(&w.log, 10, &w.arena, &runs, &err));
	assert_int_equal(runs.count, 0);
	struct run_id id[3];
	for (int i = 0; i < 3; i++) {
		id[i] = begin(&w);
		clock_fake_advance_ms(&w.clock, -3600000);
	}
	OK(runlog_list(&w.log, 2, &w.arena, &runs, &err));
	assert_int_equal(runs.count, 2);
	assert_true(slice_is(runs.run[0].id, id[2].s));
	assert_true(slice_is(runs.run[1].id, id[1].s));
	assert_true(slice_is(find(&w, "last").id, id[2].s));
	assert_true(slice_is(find(&w, id[0].s).id, id[0].s));
}

static void a_run_that_is_not_there_is_named(void **unused UNUSED)
{
	WORLD(w);
	struct err why = { 0 };
	struct run run;
	assert_int_equal(runlog_find(&w.log, SLICE("last"), &w.arena, &run, &why), RC_NOT_FOUND);
	assert_non_null(strstr(why.msg, "sargam run"));
	assert_int_equal(runlog_find(&w.log, SLICE("2026"), &w.arena, &run, &why), RC_NOT_FOUND);
	assert_non_null(strstr(why.msg, "no run '2026': `sargam dag runs`"));
	assert_int_equal(runlog_retry(&w.log, SLICE("2026"), &w.plan, &why), RC_NOT_FOUND);
}

static void the_oldest_runs_are_forgotten(void **unused UNUSED)
{
	WORLD(w);
	OK(db_exec(state_db(w.state),
	           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
	           " INSERT INTO run (id, args, source, state, holder, started_at)"
	           " SELECT 'r' || i, '', '', CASE i WHEN 7 THEN 'RUNNING' ELSE 'DONE' END, '', 0 FROM n;"
	           "INSERT INTO task (run_id, name, seq, state, attempt, not_before, elapsed_ms, rows, bytes)"
	           " VALUES ('r5', 'gold', 0, 'DONE', 1, 0, 0, 0, 0)",
	           &err));
	(void) begin(&w);
	struct runs runs;
	OK(runlog_list(&w.log, 5000, &w.arena, &runs, &err));
	assert_int_equal(runs.count, RUNLOG_RUNS_KEPT + 1);
	assert_true(slice_is(runs.run[RUNLOG_RUNS_KEPT - 1].id, "r202"));
	assert_true(slice_is(runs.run[RUNLOG_RUNS_KEPT].id, "r7")); /* it still runs */
	struct task *task;
	size_t count;
	OK(runlog_tasks(&w.log, SLICE("r5"), &w.arena, &task, &count, &err));
	assert_int_equal(count, 0);
}

static void more_than_the_memory_allowed_is_refused(void **unused UNUSED)
{
	WORLD(w);
	struct err why = { 0 };
	struct run_id id = begin(&w);
	struct run run;
	struct runs runs;
	struct task *task;
	size_t count;
	CLEANUP(arena_done) struct arena tiny = arena_new(100);
	assert_int_equal(runlog_find(&w.log, slice_of(id.s), &tiny, &run, &why), RC_REJECT);
	assert_int_equal(runlog_list(&w.log, 10, &tiny, &runs, &why), RC_REJECT);
	assert_int_equal(runlog_tasks(&w.log, slice_of(id.s), &tiny, &task, &count, &why), RC_REJECT);
	static char big[RUN_ARGS_BYTES_MAX + 1];
	memset(big, 'x', sizeof big);
	assert_int_equal(runlog_begin(&w.log, (struct slice){ big, sizeof big }, "", &w.plan, &id, &why), RC_REJECT);
	assert_non_null(strstr(why.msg, "too long"));
}

/* ---- running ---- */

static void tasks_run_in_order_and_each_step_is_told(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = begin(&w);
	assert_string_equal(states(&w, id), "PENDING0 PENDING0 PENDING0 PENDING0 ");
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_DONE);
	assert_null(out.task);
	assert_string_equal(out.error, "");
	assert_string_equal(w.tried, "extract1 ingest1 bronze1 gold1 ");
	assert_string_equal(w.events, "+extract0 -extract0 +ingest0 -ingest0 +bronze0 -bronze0 +gold0 -gold0 ");
	assert_string_equal(states(&w, id), "DONE1 DONE1 DONE1 DONE1 ");
}

static void a_task_that_may_succeed_later_is_tried_again(void **unused UNUSED)
{
	WORLD(w);
	int64_t retries = metric_get(METRIC_task_retries);
	answer(&w, "bronze", RC_RETRY, 0);
	answer(&w, "bronze", RC_RETRY, 2500);
	struct run_id id = begin(&w);
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_DONE);
	assert_string_equal(w.tried, "extract1 ingest1 bronze1 bronze2 bronze3 gold1 ");
	assert_int_equal(w.clock.slept_ms, 1000 + 2500);
	assert_non_null(strstr(w.events, "-bronze0 ~bronze1000 +bronze0 -bronze0 ~bronze2500 +bronze0 -bronze0 +gold0"));
	assert_int_equal(metric_get(METRIC_task_retries) - retries, 2);
}

static void without_tries_left_the_run_fails_and_names_the_task(void **unused UNUSED)
{
	WORLD(w);
	for (int i = 0; i < 3; i++)
		answer(&w, "ingest", RC_RETRY, 0);
	struct run_id id = begin(&w);
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_FAILED);
	assert_string_equal(out.task, "ingest");
	assert_string_equal(out.error, "ingest: playlist p: retry");
	assert_string_equal(w.tried, "extract1 ingest1 ingest2 ingest3 ");
	assert_string_equal(states(&w, id), "DONE1 DEAD3 SKIPPED0 SKIPPED0 ");
	struct run run = find(&w, "last");
	assert_int_equal(run.state, RUN_FAILED);
	assert_true(slice_is(run.error, "ingest: playlist p: retry"));
}

static void what_can_never_succeed_is_not_tried_again(void **unused UNUSED)
{
	WORLD(w);
	answer(&w, "gold", RC_REJECT, 0);
	struct run_id id = begin(&w);
	assert_int_equal(carry_on(&w, id).state, RUN_FAILED);
	assert_string_equal(states(&w, id), "DONE1 DONE1 DONE1 DEAD1 ");
	assert_int_equal(w.clock.slept_ms, 0);
}

static void our_own_fault_stops_the_run_at_once(void **unused UNUSED)
{
	WORLD(w);
	answer(&w, "ingest", RC_FATAL, 0);
	struct run_id id = begin(&w);
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_FAILED);
	assert_string_equal(out.error, "ingest: playlist p: fatal");
	assert_string_equal(states(&w, id), "DONE1 WAITING0 PENDING0 PENDING0 ");
}

static void a_spent_quota_defers_the_run(void **unused UNUSED)
{
	WORLD(w);
	answer(&w, "extract", RC_RETRY, 3600000);
	struct run_id id = begin(&w);
	struct run_outcome out = carry_on(&w, id);
	assert_int_equal(out.state, RUN_DEFERRED);
	assert_string_equal(out.task, "extract");
	assert_int_equal(out.retry_at_ms, NOW + 1500 + 3600000);
	assert_int_equal(w.clock.slept_ms, 0);
	assert_int_equal(find(&w, id.s).state, RUN_DEFERRED);
	assert_string_equal(states(&w, id), "WAITING1 PENDING0 PENDING0 PENDING0 ");
}

static void a_signal_stops_between_tasks_and_the_run_can_go_on(void **unused UNUSED)
{
	WORLD(w);
	w.stop_in = "ingest";
	struct run_id id = begin(&w);
	assert_int_equal(carry_on(&w, id).state, RUN_RUNNING);
	assert_string_equal(w.tried, "extract1 ingest1 ");
	assert_string_equal(states(&w, id), "DONE1 DONE1 PENDING0 PENDING0 ");
	assert_int_equal(find(&w, id.s).state, RUN_RUNNING);
	w.stop = false;
	assert_int_equal(carry_on(&w, id).state, RUN_DONE);
	assert_string_equal(w.tried, "bronze1 gold1 ");
}

static void a_task_that_a_signal_ends_early_loses_no_try(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = begin(&w);
	w.stop_in = "extract";
	for (int i = 0; i < 5; i++) { /* more often than it may fail */
		answer(&w, "extract", RC_RETRY, i * 100000);
		assert_int_equal(carry_on(&w, id).state, RUN_RUNNING);
		assert_string_equal(w.tried, "extract1 ");
		assert_string_equal(states(&w, id), "WAITING0 PENDING0 PENDING0 PENDING0 ");
		w.stop = false;
	}
	w.stop_in = NULL;
	assert_int_equal(carry_on(&w, id).state, RUN_DONE);
	assert_int_equal(w.clock.slept_ms, 0);
}

static void a_signal_ends_a_wait(void **unused UNUSED)
{
	WORLD(w);
	w.stop_at_wait = true;
	answer(&w, "extract", RC_RETRY, 60000);
	struct run_id id = begin(&w);
	assert_int_equal(carry_on(&w, id).state, RUN_RUNNING);
	assert_string_equal(states(&w, id), "WAITING1 PENDING0 PENDING0 PENDING0 ");
	assert_int_equal(w.clock.slept_ms, 0);
}

static enum rc fail_silently(void *ctx UNUSED, const char *name UNUSED, int attempt UNUSED, struct task_result *out,
                             struct err *err UNUSED)
{
	memset(out->summary, 'x', sizeof out->summary);
	return RC_REJECT;
}

static void a_task_that_fails_without_a_word_still_says_something(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = begin(&w);
	struct runner r = runner_of(&w, id);
	struct run_outcome out;
	r.run_task = fail_silently;
	r.on_event = NULL;
	r.stop = NULL;
	OK(runner_run(&r, &out, &err));
	assert_string_equal(out.error, "extract: failed without a word (reject)");
}

/* ---- going on with a run whose process died ---- */

/* A run that got as far as `task`, when its process was killed. */
static struct run_id leave_unfinished(struct world *w, const char *task)
{
	act_as_dead_process(w);
	struct run_id id = begin(w);
	for (size_t i = 0; i < w->plan.count; i++) {
		struct task *t = &w->plan.task[i];
		plan_start(t, NOW);
		OK(runlog_save(&w->log, &id, &w->plan, &err));
		if (strcmp(t->spec->name, task) == 0)
			break;
		struct plan_verdict done = { .to = TASK_DONE, .counts = true };
		plan_end(t, &done, NOW, 1, NULL);
	}
	act_as_living_process(w);
	new_plan(w, chain, COUNT_OF(chain));
	return id;
}

static void an_unfinished_run_with_the_same_arguments_is_finished(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = leave_unfinished(&w, "bronze");
	assert_string_equal(states(&w, id), "DONE1 DONE1 RUNNING1 PENDING0 ");
	struct takeover taken;
	OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
	assert_true(taken.adopted);
	assert_string_equal(taken.id.s, id.s);
	assert_int_equal(taken.abandoned.count, 0);
	assert_string_equal(states(&w, id), "DONE1 DONE1 WAITING0 PENDING0 ");
	assert_true(slice_is(find(&w, id.s).holder, process_self().s));

	assert_int_equal(carry_on(&w, id).state, RUN_DONE);
	assert_string_equal(w.tried, "bronze1 gold1 "); /* what was done is not repeated */
	struct runs left;
	OK(runlog_unfinished(&w.log, &w.arena, &left, &err));
	assert_int_equal(left.count, 0);
}

static void an_unfinished_run_with_other_arguments_is_abandoned(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = leave_unfinished(&w, "ingest");
	struct takeover taken;
	OK(runlog_take_over(&w.log, SLICE("{}"), &w.plan, &w.arena, &taken, &err));
	assert_false(taken.adopted);
	assert_int_equal(taken.abandoned.count, 1);
	assert_true(slice_is(taken.abandoned.run[0].id, id.s));
	assert_non_null(strstr(taken.abandoned.run[0].error.ptr, "asked for something else"));
	struct run run = find(&w, id.s);
	assert_int_equal(run.state, RUN_ABANDONED);
	assert_int_equal(run.ended_ms, NOW);
	assert_non_null(strstr(run.error.ptr, "asked for something else"));
	assert_int_equal(w.plan.task[0].state, TASK_PENDING); /* the plan is untouched */
}

static void of_several_unfinished_runs_the_newest_is_finished(void **unused UNUSED)
{
	WORLD(w);
	struct run_id older = leave_unfinished(&w, "gold");
	struct run_id newer = leave_unfinished(&w, "ingest");
	struct takeover taken;
	OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
	assert_string_equal(taken.id.s, newer.s);
	assert_int_equal(taken.abandoned.count, 1);
	assert_true(slice_is(taken.abandoned.run[0].id, older.s));
	assert_int_equal(find(&w, older.s).state, RUN_ABANDONED);
	assert_string_equal(states(&w, newer), "DONE1 WAITING0 PENDING0 PENDING0 ");
}

static void a_run_of_other_stages_cannot_be_gone_on_with(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = leave_unfinished(&w, "ingest");
	new_plan(&w, other_chain, COUNT_OF(other_chain));
	struct takeover taken;
	OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
	assert_false(taken.adopted);
	assert_non_null(strstr(find(&w, id.s).error.ptr, "not those of this version"));
	assert_int_equal(w.plan.task[0].state, TASK_PENDING);
}

static void a_run_of_a_living_process_is_left_alone(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = begin(&w);
	new_plan(&w, chain, COUNT_OF(chain));
	struct takeover taken;
	OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
	assert_false(taken.adopted);
	assert_int_equal(taken.abandoned.count, 0);
	assert_int_equal(find(&w, id.s).state, RUN_RUNNING);
	struct err why = { 0 };
	assert_int_equal(runlog_retry(&w.log, slice_of(id.s), &w.plan, &why), RC_REJECT);
	assert_non_null(strstr(why.msg, "still running (process "));
}

static void a_holder_that_cannot_be_judged_counts_as_dead_after_a_day(void **unused UNUSED)
{
	WORLD(w);
	char *digit = strchr(w.log.self.s, '[') + 1;
	*digit = *digit == '1' ? '2' : '1'; /* another container */
	(void) begin(&w);
	act_as_living_process(&w);
	struct runs left;
	clock_fake_advance_ms(&w.clock, 86400000);
	OK(runlog_unfinished(&w.log, &w.arena, &left, &err));
	assert_int_equal(left.count, 0);
	clock_fake_advance_ms(&w.clock, 1);
	OK(runlog_unfinished(&w.log, &w.arena, &left, &err));
	assert_int_equal(left.count, 1);
}

static void whose_run_was_taken_over_stops(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = leave_unfinished(&w, "ingest");
	struct takeover taken;
	OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
	act_as_dead_process(&w); /* it was only slow */
	struct runner r = runner_of(&w, id);
	struct run_outcome out;
	struct err why = { 0 };
	assert_int_equal(runner_run(&r, &out, &why), RC_FATAL);
	assert_non_null(strstr(why.msg, "taken over by another process"));
	assert_string_equal(w.tried, "");
	assert_int_equal(out.state, RUN_RUNNING);
}

/* ---- trying a failed run again ---- */

static void a_failed_run_goes_on_where_it_failed(void **unused UNUSED)
{
	WORLD(w);
	answer(&w, "bronze", RC_REJECT, 0);
	struct run_id id = begin(&w);
	assert_int_equal(carry_on(&w, id).state, RUN_FAILED);
	new_plan(&w, chain, COUNT_OF(chain));
	OK(runlog_retry(&w.log, SLICE("last"), &w.plan, &err));
	assert_string_equal(states(&w, id), "DONE1 DONE1 PENDING0 PENDING0 ");
	struct run run = find(&w, id.s);
	assert_int_equal(run.state, RUN_RUNNING);
	assert_int_equal(run.ended_ms, 0);
	assert_null(run.error.ptr);
	assert_int_equal(carry_on(&w, id).state, RUN_DONE);
	assert_string_equal(w.tried, "bronze1 gold1 ");
}

static void a_deferred_or_stopped_run_can_be_tried_again(void **unused UNUSED)
{
	static const struct {
		enum rc rc;
		int64_t retry_after_ms;
	} reason[] = { { RC_RETRY, 3600000 }, { RC_FATAL, 0 } };
	for (size_t i = 0; i < COUNT_OF(reason); i++) {
		WORLD(w);
		answer(&w, "extract", reason[i].rc, reason[i].retry_after_ms);
		struct run_id id = begin(&w);
		assert_int_not_equal(carry_on(&w, id).state, RUN_DONE);
		OK(runlog_retry(&w.log, slice_of(id.s), &w.plan, &err));
		assert_int_equal(carry_on(&w, id).state, RUN_DONE);
		assert_string_equal(w.tried, "extract1 ingest1 bronze1 gold1 ");
	}
}

static void a_killed_run_can_be_tried_again_by_name(void **unused UNUSED)
{
	WORLD(w);
	struct run_id id = leave_unfinished(&w, "bronze");
	OK(runlog_retry(&w.log, slice_of(id.s), &w.plan, &err));
	assert_int_equal(carry_on(&w, id).state, RUN_DONE);
	assert_string_equal(w.tried, "bronze1 gold1 ");
}

static void what_is_done_or_of_other_stages_is_not_tried_again(void **unused UNUSED)
{
	WORLD(w);
	struct err why = { 0 };
	struct run_id id = begin(&w);
	(void) carry_on(&w, id);
	assert_int_equal(runlog_retry(&w.log, slice_of(id.s), &w.plan, &why), RC_REJECT);
	assert_non_null(strstr(why.msg, "is DONE: nothing to try again"));

	answer(&w, "extract", RC_REJECT, 0);
	id = begin(&w);
	(void) carry_on(&w, id);
	new_plan(&w, other_chain, COUNT_OF(other_chain));
	assert_int_equal(runlog_retry(&w.log, slice_of(id.s), &w.plan, &why), RC_REJECT);
	assert_non_null(strstr(why.msg, "stages are not those"));
	assert_int_equal(find(&w, id.s).state, RUN_FAILED);
}

/* ---- torture: every step of the database fails once ---- */

static void a_fault_of_the_log_leaves_a_run_that_the_next_one_finishes(void **unused UNUSED)
{
	int rounds = 0;
	for (uint64_t nth = 1;; nth++, rounds++) {
		WORLD(w);
		struct err why = { 0 };
		struct run_id id = { "" };
		struct run_outcome out;
		act_as_dead_process(&w);
		fault_arm("db.*", nth, EIO);
		enum rc rc = runlog_begin(&w.log, ARGS, "sample", &w.plan, &id, &why);
		struct runner r = runner_of(&w, id);
		if (rc == RC_OK)
			rc = runner_run(&r, &out, &why);
		bool fired = fault_fired();
		(void) fault_disarm();
		if (!fired) {
			assert_int_equal(rc, RC_OK);
			break;
		}
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(why.msg, "state.db"));

		act_as_living_process(&w);
		struct takeover taken;
		new_plan(&w, chain, COUNT_OF(chain));
		OK(runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &err));
		if (!taken.adopted) { /* it never began, or was finished before the fault */
			struct run run;
			rc = runlog_find(&w.log, SLICE("last"), &w.arena, &run, &why);
			assert_true(rc == RC_NOT_FOUND || (rc == RC_OK && run.state == RUN_DONE));
			continue;
		}
		assert_int_equal(carry_on(&w, taken.id).state, RUN_DONE);
		assert_string_equal(states(&w, taken.id), "DONE1 DONE1 DONE1 DONE1 ");
	}
	assert_true(rounds > 30);
}

static void a_take_over_happens_whole_or_not_at_all(void **unused UNUSED)
{
	int rounds = 0;
	for (uint64_t nth = 1;; nth++, rounds++) {
		WORLD(w);
		struct err why = { 0 };
		struct run_id other = leave_unfinished(&w, "gold");
		struct run_id id = leave_unfinished(&w, "ingest");
		struct takeover taken;
		fault_arm("db.*", nth, EIO);
		enum rc rc = runlog_take_over(&w.log, ARGS, &w.plan, &w.arena, &taken, &why);
		bool fired = fault_fired();
		(void) fault_disarm();
		if (!fired)
			break;
		assert_int_equal(rc, RC_RETRY);
		bool whole = find(&w, other.s).state == RUN_ABANDONED;
		assert_string_equal(states(&w, id), whole ? "DONE1 WAITING0 PENDING0 PENDING0 "
		                                          : "DONE1 RUNNING1 PENDING0 PENDING0 ");
		assert_int_equal(slice_is(find(&w, id.s).holder, process_self().s), whole);
	}
	assert_true(rounds > 8);
}

/* ---- crash: kill -9 ---- */

/* What a child process did, one byte a task, in a file that outlives it. */
static void note_in_file(const char *path, char c)
{
	FILE *f = fopen(path, "ae");
	if (!f || fputc(c, f) == EOF || fclose(f))
		abort();
}

struct child {
	struct world w;
	char notes[600];
	const char *die_in;
};

static enum rc run_in_child(void *ctx, const char *name, int attempt UNUSED, struct task_result *out, struct err *err UNUSED)
{
	struct child *c = ctx;
	*out = (struct task_result){ 0 };
	note_in_file(c->notes, name[0]);
	if (c->die_in && strcmp(c->die_in, name) == 0)
		(void) kill(getpid(), SIGKILL);
	return RC_OK;
}

/* Opens the home as a process of its own would, takes over or begins a run, runs it to its end. */
static int child_main(const char *path, const char *die_in, const char *fault)
{
	static struct child c;
	struct err err = { 0 };
	struct takeover taken;
	struct run_outcome out;
	c.die_in = die_in;
	(void) snprintf(c.notes, sizeof c.notes, "%s.notes", path);
	open_world(&c.w, path);
	if (fault) {
		(void) setenv("SARGAM_FAULT", fault, 1);
		fault_init_from_env();
	}
	enum rc rc = runlog_take_over(&c.w.log, ARGS, &c.w.plan, &c.w.arena, &taken, &err);
	if (rc == RC_OK && !taken.adopted)
		rc = runlog_begin(&c.w.log, ARGS, "sample", &c.w.plan, &taken.id, &err);
	struct runner r = runner_of(&c.w, taken.id);
	r.ctx = &c;
	r.run_task = run_in_child;
	r.on_event = NULL;
	if (rc == RC_OK)
		rc = runner_run(&r, &out, &err);
	close_world(&c.w);
	return rc == RC_OK && out.state == RUN_DONE ? 0 : 1;
}

/* True when it was killed. */
static bool run_process(const char *path, const char *die_in, const char *fault)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(child_main(path, die_in, fault));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void read_notes(const char *path, char *out, size_t size)
{
	char notes[600];
	(void) snprintf(notes, sizeof notes, "%s.notes", path);
	FILE *f = fopen(notes, "re");
	out[f ? fread(out, 1, size - 1, f) : 0] = '\0';
	if (f)
		(void) fclose(f);
}

static void assert_one_run_done(const char *path)
{
	CLEANUP(close_world) struct world w = { .state = NULL };
	open_world(&w, path);
	struct runs runs;
	OK(runlog_list(&w.log, 10, &w.arena, &runs, &err));
	assert_int_equal(runs.count, 1);
	assert_int_equal(runs.run[0].state, RUN_DONE);
}

static void a_run_killed_in_a_task_is_finished_by_the_next_process(void **unused UNUSED)
{
	static const char *const want[] = { "eeibg", "eiibg", "eibbg", "eibgg" };
	for (size_t i = 0; i < COUNT_OF(chain); i++) {
		char path[512], notes[64];
		(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
		assert_true(run_process(path, chain[i].name, NULL));
		assert_false(run_process(path, NULL, NULL));
		read_notes(path, notes, sizeof notes);
		assert_string_equal(notes, want[i]);
		assert_one_run_done(path);
	}
}

static void a_run_killed_at_any_commit_is_finished(void **unused UNUSED)
{
	char folder[400], path[512], fault[64], notes[64];
	int kills = 0;
	(void) snprintf(folder, sizeof folder, "%s", test_tmpdir());
	for (;; kills++) {
		(void) snprintf(path, sizeof path, "%s/state-%d.db", folder, kills);
		(void) snprintf(fault, sizeof fault, "kill:db.commit.*:%d", kills + 1);
		if (!run_process(path, NULL, fault))
			break;
		bool nothing_begun = false;
		{
			CLEANUP(close_world) struct world w = { .state = NULL };
			struct runs runs;
			open_world(&w, path);
			OK(runlog_list(&w.log, 10, &w.arena, &runs, &err));
			nothing_begun = runs.count == 0;
			if (runs.count && runs.run[0].state == RUN_DONE)
				continue; /* killed after the last commit */
		}
		assert_false(run_process(path, NULL, NULL));
		assert_one_run_done(path);
		read_notes(path, notes, sizeof notes);
		assert_true(strlen(notes) == 4 || (strlen(notes) == 5 && !nothing_begun)); /* one task twice at most */
		for (size_t i = 0; i < COUNT_OF(chain); i++)
			assert_non_null(strchr(notes, chain[i].name[0]));
	}
	assert_true(kills >= 12);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_run_id_tells_the_time_and_is_its_own),
	cmocka_unit_test(a_run_keeps_what_is_needed_to_tell_of_it),
	cmocka_unit_test(runs_are_listed_the_newest_first_whatever_the_clock_said),
	cmocka_unit_test(a_run_that_is_not_there_is_named),
	cmocka_unit_test(the_oldest_runs_are_forgotten),
	cmocka_unit_test(more_than_the_memory_allowed_is_refused),
	cmocka_unit_test(tasks_run_in_order_and_each_step_is_told),
	cmocka_unit_test(a_task_that_may_succeed_later_is_tried_again),
	cmocka_unit_test(without_tries_left_the_run_fails_and_names_the_task),
	cmocka_unit_test(what_can_never_succeed_is_not_tried_again),
	cmocka_unit_test(our_own_fault_stops_the_run_at_once),
	cmocka_unit_test(a_spent_quota_defers_the_run),
	cmocka_unit_test(a_signal_stops_between_tasks_and_the_run_can_go_on),
	cmocka_unit_test(a_task_that_a_signal_ends_early_loses_no_try),
	cmocka_unit_test(a_signal_ends_a_wait),
	cmocka_unit_test(a_task_that_fails_without_a_word_still_says_something),
	cmocka_unit_test(an_unfinished_run_with_the_same_arguments_is_finished),
	cmocka_unit_test(an_unfinished_run_with_other_arguments_is_abandoned),
	cmocka_unit_test(of_several_unfinished_runs_the_newest_is_finished),
	cmocka_unit_test(a_run_of_other_stages_cannot_be_gone_on_with),
	cmocka_unit_test(a_run_of_a_living_process_is_left_alone),
	cmocka_unit_test(a_holder_that_cannot_be_judged_counts_as_dead_after_a_day),
	cmocka_unit_test(whose_run_was_taken_over_stops),
	cmocka_unit_test(a_failed_run_goes_on_where_it_failed),
	cmocka_unit_test(a_deferred_or_stopped_run_can_be_tried_again),
	cmocka_unit_test(a_killed_run_can_be_tried_again_by_name),
	cmocka_unit_test(what_is_done_or_of_other_stages_is_not_tried_again),
	cmocka_unit_test(a_fault_of_the_log_leaves_a_run_that_the_next_one_finishes),
	cmocka_unit_test(a_take_over_happens_whole_or_not_at_all),
	cmocka_unit_test(a_run_killed_in_a_task_is_finished_by_the_next_process),
	cmocka_unit_test(a_run_killed_at_any_commit_is_finished),
};
TEST_SUITE(runner, tests);
