#include "dag/plan.h"
#include "test.h"

#define NOW 1795446707000

static const struct task_spec chain[] = {
	{ "extract", "", { NULL } },
	{ "ingest", "", { "extract" } },
	{ "bronze", "", { "ingest" } },
};
/*  a -> b -> d,  a -> c -> d,  e alone  */
static const struct task_spec diamond[] = {
	{ "a", "", { NULL } },
	{ "b", "", { "a" } },
	{ "c", "", { "a" } },
	{ "d", "", { "b", "c" } },
	{ "e", "", { NULL } },
};
static const struct plan_policy policy = {
	.retry_min_ms = 1000, .retry_max_ms = 60000, .attempts_max = 4, .defer_above_ms = 90000,
};
static struct rand_gen dice;

static struct plan plan_of(const struct task_spec *spec, size_t count)
{
	struct plan plan;
	struct err err = { 0 };
	dice = rand_new(test_seed());
	if (plan_init(&plan, spec, count, NULL, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return plan;
}

static struct plan_verdict end_task(struct task *t, enum rc rc, int64_t retry_after_ms, int64_t now_ms)
{
	struct plan_verdict verdict = plan_after(t, rc, retry_after_ms, now_ms, &policy, &dice);
	plan_end(t, &verdict, now_ms, 10, rc == RC_OK ? NULL : "why");
	return verdict;
}

static struct plan_verdict try_task(struct plan *plan, const char *name, enum rc rc, int64_t retry_after_ms, int64_t now_ms)
{
	struct task *t = plan_find(plan, name);
	plan_start(t, now_ms);
	return end_task(t, rc, retry_after_ms, now_ms);
}

/* ---- states ---- */

static void a_task_moves_only_as_the_table_says(void **unused UNUSED)
{
	static const char *const may[TASK_STATE_COUNT] = {
		[TASK_PENDING] = "RUNNING SKIPPED",
		[TASK_RUNNING] = "WAITING DONE DEAD",
		[TASK_WAITING] = "RUNNING PENDING",
		[TASK_DONE] = "PENDING",
		[TASK_DEAD] = "PENDING",
		[TASK_SKIPPED] = "PENDING",
	};
	for (unsigned from = 0; from < TASK_STATE_COUNT; from++) {
		for (unsigned to = 0; to < TASK_STATE_COUNT; to++) {
			bool allowed = strstr(may[from], task_state_name((enum task_state) to)) != NULL;
			if (task_may_move((enum task_state) from, (enum task_state) to) != allowed)
				fail_msg("%s -> %s", task_state_name((enum task_state) from), task_state_name((enum task_state) to));
			struct task t = { .state = (enum task_state) from };
			if (!allowed)
				continue;
			task_move(&t, (enum task_state) to);
			assert_int_equal(t.state, to);
			assert_true(t.changed);
		}
	}
}

static void a_state_is_found_by_its_name(void **unused UNUSED)
{
	enum task_state state;
	for (unsigned i = 0; i < TASK_STATE_COUNT; i++) {
		assert_true(task_state_parse(task_state_name((enum task_state) i), &state));
		assert_int_equal(state, i);
	}
	assert_false(task_state_parse("done", &state));
}

/* ---- what is ready ---- */

static void a_chain_runs_one_task_after_the_other(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	for (size_t i = 0; i < COUNT_OF(chain); i++) {
		struct plan_step step = plan_next(&plan, NOW);
		assert_int_equal(step.what, PLAN_START);
		assert_string_equal(step.task->spec->name, chain[i].name);
		assert_int_equal(try_task(&plan, chain[i].name, RC_OK, 0, NOW).run, PLAN_GO_ON);
		assert_int_equal(plan.task[i].state, TASK_DONE);
	}
	assert_int_equal(plan_next(&plan, NOW).what, PLAN_FINISHED);
}

static void a_task_waits_for_all_it_needs(void **unused UNUSED)
{
	struct plan plan = plan_of(diamond, COUNT_OF(diamond));
	try_task(&plan, "a", RC_OK, 0, NOW);
	try_task(&plan, "b", RC_RETRY, 5000, NOW); /* waits */
	try_task(&plan, "c", RC_OK, 0, NOW);
	struct plan_step step = plan_next(&plan, NOW);
	assert_string_equal(step.task->spec->name, "e"); /* not d */
	try_task(&plan, "e", RC_OK, 0, NOW);
	step = plan_next(&plan, NOW + 1);
	assert_int_equal(step.what, PLAN_WAIT);
	assert_string_equal(step.task->spec->name, "b");
	assert_int_equal(step.wait_ms, 4999);
	step = plan_next(&plan, NOW + 5000);
	assert_int_equal(step.what, PLAN_START);
	assert_string_equal(step.task->spec->name, "b");
}

static void what_needs_a_dead_task_is_skipped_and_the_rest_goes_on(void **unused UNUSED)
{
	struct plan plan = plan_of(diamond, COUNT_OF(diamond));
	try_task(&plan, "a", RC_OK, 0, NOW);
	try_task(&plan, "b", RC_REJECT, 0, NOW);
	assert_string_equal(plan_next(&plan, NOW).task->spec->name, "c");
	try_task(&plan, "c", RC_OK, 0, NOW);
	assert_string_equal(plan_next(&plan, NOW).task->spec->name, "e");
	assert_int_equal(plan_find(&plan, "d")->state, TASK_SKIPPED);
	try_task(&plan, "e", RC_OK, 0, NOW);
	assert_int_equal(plan_next(&plan, NOW).what, PLAN_FINISHED);

	plan = plan_of(chain, COUNT_OF(chain)); /* skipped all the way down */
	try_task(&plan, "extract", RC_NOT_FOUND, 0, NOW);
	assert_int_equal(plan_next(&plan, NOW).what, PLAN_FINISHED);
	assert_int_equal(plan_find(&plan, "ingest")->state, TASK_SKIPPED);
	assert_int_equal(plan_find(&plan, "bronze")->state, TASK_SKIPPED);
}

static void the_shortest_wait_is_waited(void **unused UNUSED)
{
	struct plan plan = plan_of(diamond, COUNT_OF(diamond));
	try_task(&plan, "a", RC_RETRY, 9000, NOW);
	try_task(&plan, "e", RC_RETRY, 2000, NOW);
	struct plan_step step = plan_next(&plan, NOW);
	assert_int_equal(step.what, PLAN_WAIT);
	assert_string_equal(step.task->spec->name, "e");
	assert_int_equal(step.wait_ms, 2000);
}

static void a_clock_that_jumps_back_does_not_stretch_a_wait(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	try_task(&plan, "extract", RC_RETRY, 5000, NOW);
	struct plan_step step = plan_next(&plan, NOW - 86400000);
	assert_int_equal(step.what, PLAN_WAIT);
	assert_int_equal(step.wait_ms, 5000);
}

static void a_plan_from_a_stage_takes_what_stands_before_as_done(void **unused UNUSED)
{
	struct plan plan;
	struct err err = { 0 };
	assert_int_equal(plan_init(&plan, chain, COUNT_OF(chain), "ingest", &err), RC_OK);
	assert_int_equal(plan.count, 2);
	assert_string_equal(plan_next(&plan, NOW).task->spec->name, "ingest");
	assert_null(plan_find(&plan, "extract"));

	assert_int_equal(plan_init(&plan, diamond, COUNT_OF(diamond), "c", &err), RC_OK);
	assert_int_equal(plan.count, 2);
	assert_non_null(plan_find(&plan, "d"));

	assert_int_equal(plan_init(&plan, chain, COUNT_OF(chain), "silver", &err), RC_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no stage 'silver': want one of extract, ingest, bronze"));
}

/* ---- what becomes of a task ---- */

static void a_wait_grows_and_stays_within_its_bounds(void **unused UNUSED)
{
	dice = rand_new(test_seed());
	int64_t longest[8] = { 0 }, shortest[8];
	for (int attempt = 1; attempt < 8; attempt++) {
		struct plan_policy patient = policy;
		patient.attempts_max = 100;
		struct task t = { .state = TASK_RUNNING, .attempt = attempt };
		shortest[attempt] = INT64_MAX;
		for (int i = 0; i < 500; i++) {
			int64_t wait = plan_after(&t, RC_RETRY, 0, NOW, &patient, &dice).not_before_ms - NOW;
			assert_true(wait >= policy.retry_min_ms && wait <= policy.retry_max_ms);
			longest[attempt] = wait > longest[attempt] ? wait : longest[attempt];
			shortest[attempt] = wait < shortest[attempt] ? wait : shortest[attempt];
		}
	}
	assert_int_equal(longest[1], 1000);
	assert_true(longest[2] > 1500 && longest[2] <= 2000);
	assert_true(longest[3] > 3500 && longest[3] <= 4000 && shortest[3] >= 2000);
	assert_true(longest[7] > 55000 && shortest[7] >= 30000 && shortest[7] < 35000); /* chance is in it */
}

static void bounds_that_leave_no_choice_are_kept(void **unused UNUSED)
{
	struct task t = { .state = TASK_RUNNING, .attempt = 3 };
	struct plan_policy none = { .retry_min_ms = 0, .retry_max_ms = 0, .attempts_max = 9 };
	assert_int_equal(plan_after(&t, RC_RETRY, 0, NOW, &none, &dice).not_before_ms, NOW);
	struct plan_policy crossed = { .retry_min_ms = 5000, .retry_max_ms = 2000, .attempts_max = 9 };
	assert_int_equal(plan_after(&t, RC_RETRY, 0, NOW, &crossed, &dice).not_before_ms, NOW + 2000);
	struct plan_policy zero_min = { .retry_min_ms = 0, .retry_max_ms = 2000, .attempts_max = 9 };
	assert_int_equal(plan_after(&t, RC_RETRY, 0, NOW, &zero_min, &dice).not_before_ms, NOW);
}

static void the_wait_the_other_side_asks_for_is_honoured(void **unused UNUSED)
{
	struct task t = { .state = TASK_RUNNING, .attempt = 3 };
	struct plan_verdict verdict = plan_after(&t, RC_RETRY, 77, NOW, &policy, &dice);
	assert_int_equal(verdict.to, TASK_WAITING);
	assert_int_equal(verdict.not_before_ms, NOW + 77);
	verdict = plan_after(&t, RC_RETRY, policy.defer_above_ms, NOW, &policy, &dice);
	assert_int_equal(verdict.run, PLAN_GO_ON);
	assert_int_equal(verdict.not_before_ms, NOW + policy.defer_above_ms);
	verdict = plan_after(&t, RC_RETRY, -5, NOW, &policy, &dice); /* nonsense counts as none */
	assert_true(verdict.not_before_ms >= NOW + policy.retry_min_ms);
}

static void a_longer_wait_than_the_run_has_defers_it(void **unused UNUSED)
{
	struct task t = { .state = TASK_RUNNING, .attempt = 4 }; /* the last try: a quota is no failure all the same */
	struct plan_verdict verdict = plan_after(&t, RC_RETRY, policy.defer_above_ms + 1, NOW, &policy, &dice);
	assert_int_equal(verdict.run, PLAN_DEFER);
	assert_int_equal(verdict.to, TASK_WAITING);
	assert_int_equal(verdict.not_before_ms, NOW + policy.defer_above_ms + 1);
	verdict = plan_after(&t, RC_RETRY, INT64_MAX, NOW, &policy, &dice);
	assert_int_equal(verdict.run, PLAN_DEFER);
	assert_true(verdict.not_before_ms > NOW && verdict.not_before_ms < NOW + 400LL * 86400000);
}

static void a_task_without_tries_left_is_dead(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	int64_t now = NOW;
	for (int i = 1; i < 4; i++) {
		assert_int_equal(try_task(&plan, "extract", RC_RETRY, 0, now).to, TASK_WAITING);
		now = plan.task[0].not_before_ms;
		assert_int_equal(plan_next(&plan, now).what, PLAN_START);
	}
	assert_int_equal(try_task(&plan, "extract", RC_RETRY, 0, now).to, TASK_DEAD);
	assert_int_equal(plan.task[0].attempt, 4);
	assert_string_equal(plan.task[0].error, "why");
	assert_int_equal(plan.task[0].elapsed_ms, 40); /* all tries */
}

static void what_can_never_be_used_is_dead_at_once(void **unused UNUSED)
{
	struct task t = { .state = TASK_RUNNING, .attempt = 1 };
	assert_int_equal(plan_after(&t, RC_REJECT, 0, NOW, &policy, &dice).to, TASK_DEAD);
	assert_int_equal(plan_after(&t, RC_NOT_FOUND, 0, NOW, &policy, &dice).to, TASK_DEAD);
	assert_int_equal(plan_after(&t, RC_REJECT, 0, NOW, &policy, &dice).run, PLAN_GO_ON);
}

static void our_own_fault_stops_the_run_and_costs_the_task_no_try(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	assert_int_equal(try_task(&plan, "extract", RC_FATAL, 0, NOW).run, PLAN_STOP);
	assert_int_equal(plan.task[0].state, TASK_WAITING);
	assert_int_equal(plan.task[0].attempt, 0);
	assert_string_equal(plan.task[0].error, "why");
	assert_int_equal(plan_next(&plan, NOW).what, PLAN_START);
}

static void a_task_that_is_done_forgets_its_errors(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	try_task(&plan, "extract", RC_RETRY, 0, NOW);
	try_task(&plan, "extract", RC_OK, 0, NOW + 60000);
	assert_string_equal(plan.task[0].error, "");
	assert_int_equal(plan.task[0].attempt, 2);
	assert_int_equal(plan.task[0].not_before_ms, 0);
}

static void a_task_whose_process_died_may_run_again_at_once(void **unused UNUSED)
{
	struct plan plan = plan_of(chain, COUNT_OF(chain));
	try_task(&plan, "extract", RC_OK, 0, NOW);
	plan_start(plan_find(&plan, "ingest"), NOW);
	plan_recover(&plan, NOW - 5000); /* by a clock that is behind */
	assert_int_equal(plan.task[0].state, TASK_DONE);
	assert_int_equal(plan.task[1].state, TASK_WAITING);
	assert_int_equal(plan.task[1].attempt, 0);
	struct plan_step step = plan_next(&plan, NOW - 5000);
	assert_int_equal(step.what, PLAN_START);
	assert_string_equal(step.task->spec->name, "ingest");
}

static void a_retry_gives_all_that_is_not_done_new_tries(void **unused UNUSED)
{
	struct plan plan = plan_of(diamond, COUNT_OF(diamond));
	try_task(&plan, "a", RC_OK, 0, NOW);
	try_task(&plan, "b", RC_REJECT, 0, NOW);
	try_task(&plan, "c", RC_RETRY, 0, NOW);
	(void) plan_next(&plan, NOW); /* skips d */
	plan_retry(&plan);
	const enum task_state want[] = { TASK_DONE, TASK_PENDING, TASK_PENDING, TASK_PENDING, TASK_PENDING };
	for (size_t i = 0; i < plan.count; i++) {
		assert_int_equal(plan.task[i].state, want[i]);
		assert_int_equal(plan.task[i].attempt, i == 0);
	}
	assert_string_equal(plan_next(&plan, NOW).task->spec->name, "b");
}

/* Chance decides every outcome: whatever happens, a plan comes to its end and every task ends in a state that fits. */
static void a_plan_always_comes_to_its_end(void **unused UNUSED)
{
	for (int round = 0; round < 2000; round++) {
		struct plan plan = plan_of(diamond, COUNT_OF(diamond));
		dice = rand_fork(test_seed(), "plan", (uint64_t) round);
		int64_t now = NOW;
		int steps = 0;
		struct plan_step step;
		for (; (step = plan_next(&plan, now)).what != PLAN_FINISHED; steps++) {
			assert_true(steps < 1000);
			if (step.what == PLAN_WAIT) {
				assert_true(step.wait_ms > 0);
				now += step.wait_ms;
				continue;
			}
			static const enum rc rc[] = { RC_OK, RC_OK, RC_OK, RC_RETRY, RC_RETRY, RC_REJECT, RC_FATAL };
			plan_start(step.task, now);
			end_task(step.task, rc[rand_below(&dice, COUNT_OF(rc))], (int64_t) rand_below(&dice, 3000), now);
		}
		for (size_t i = 0; i < plan.count; i++) {
			bool lost = false;
			for (size_t n = 0; n < PLAN_NEEDS_MAX && plan.task[i].spec->needs[n]; n++)
				lost |= plan_find(&plan, plan.task[i].spec->needs[n])->state != TASK_DONE;
			assert_int_equal(plan.task[i].state == TASK_SKIPPED, lost);
			assert_true(lost || plan.task[i].state == TASK_DONE || plan.task[i].state == TASK_DEAD);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_task_moves_only_as_the_table_says),
	cmocka_unit_test(a_state_is_found_by_its_name),
	cmocka_unit_test(a_chain_runs_one_task_after_the_other),
	cmocka_unit_test(a_task_waits_for_all_it_needs),
	cmocka_unit_test(what_needs_a_dead_task_is_skipped_and_the_rest_goes_on),
	cmocka_unit_test(the_shortest_wait_is_waited),
	cmocka_unit_test(a_clock_that_jumps_back_does_not_stretch_a_wait),
	cmocka_unit_test(a_plan_from_a_stage_takes_what_stands_before_as_done),
	cmocka_unit_test(a_wait_grows_and_stays_within_its_bounds),
	cmocka_unit_test(bounds_that_leave_no_choice_are_kept),
	cmocka_unit_test(the_wait_the_other_side_asks_for_is_honoured),
	cmocka_unit_test(a_longer_wait_than_the_run_has_defers_it),
	cmocka_unit_test(a_task_without_tries_left_is_dead),
	cmocka_unit_test(what_can_never_be_used_is_dead_at_once),
	cmocka_unit_test(our_own_fault_stops_the_run_and_costs_the_task_no_try),
	cmocka_unit_test(a_task_that_is_done_forgets_its_errors),
	cmocka_unit_test(a_task_whose_process_died_may_run_again_at_once),
	cmocka_unit_test(a_retry_gives_all_that_is_not_done_new_tries),
	cmocka_unit_test(a_plan_always_comes_to_its_end),
};
TEST_SUITE(plan, tests);
