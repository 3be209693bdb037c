/* The conductor: builds once for many triggers, again after a failure, runs when the schedule says so, ends when told. */
#include "serve/conductor.h"

#include "base/clock.h"
#include "raw/state.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#define SOON_MS 20000 /* under a sanitizer, on a busy machine */
#define QUIET_MS 100

/* What the pipeline would do: notes that it was called, and takes as long and ends as the test wants. */
struct works {
	pthread_mutex_t lock;
	int count[2], under_way, at_once_max;
	enum schedule_outcome outcome;
	bool held;     /* work does not end */
	bool stopping; /* but then with STOPPED */
	int64_t begun_ms[16];
};

static int64_t mono_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static enum schedule_outcome work(void *ctx, enum conductor_work what, struct err *out_why)
{
	struct works *w = ctx;
	(void) pthread_mutex_lock(&w->lock);
	int sum = w->count[0] + w->count[1];
	if (sum < 16)
		w->begun_ms[sum] = mono_ms();
	w->count[what]++;
	if (++w->under_way > w->at_once_max)
		w->at_once_max = w->under_way;
	while (w->held && !w->stopping) {
		(void) pthread_mutex_unlock(&w->lock);
		clock_sleep_ms(clock_system(), 5);
		(void) pthread_mutex_lock(&w->lock);
	}
	enum schedule_outcome outcome = w->stopping ? SCHEDULE_STOPPED : w->outcome;
	w->under_way--;
	(void) pthread_mutex_unlock(&w->lock);
	if (outcome != SCHEDULE_DONE)
		(void) err_set(out_why, RC_FATAL, "it did not work");
	return outcome;
}

static struct works works_new(enum schedule_outcome outcome)
{
	return (struct works){ .lock = PTHREAD_MUTEX_INITIALIZER, .outcome = outcome };
}

static struct conductor *start_with(struct works *w, struct schedule *schedule)
{
	return conductor_open(&(struct conductor_options){ .schedule = schedule, .quiet_ms = QUIET_MS, .quiet_max_ms = 4 * QUIET_MS,
	                                                   .retry_min_ms = 100, .retry_max_ms = 300, .work = work, .ctx = w });
}

static struct conductor *start(struct works *w)
{
	return start_with(w, NULL);
}

static int count(struct works *w, enum conductor_work what)
{
	(void) pthread_mutex_lock(&w->lock);
	int n = w->count[what];
	(void) pthread_mutex_unlock(&w->lock);
	return n;
}

static void set(struct works *w, bool held, bool stopping, enum schedule_outcome outcome)
{
	(void) pthread_mutex_lock(&w->lock);
	w->held = held;
	w->stopping = stopping;
	w->outcome = outcome;
	(void) pthread_mutex_unlock(&w->lock);
}

static void reaches(struct works *w, enum conductor_work what, int wanted)
{
	for (int64_t until = mono_ms() + SOON_MS; count(w, what) < wanted; clock_sleep_ms(clock_system(), 2))
		if (mono_ms() > until)
			fail_msg("%d instead of %d", count(w, what), wanted);
}

static void stays(struct works *w, enum conductor_work what, int wanted)
{
	clock_sleep_ms(clock_system(), 6 * QUIET_MS);
	assert_int_equal(count(w, what), wanted);
}

static void end(struct conductor *c)
{
	int64_t begin_ms = mono_ms();
	conductor_close(c);
	assert_in_range(mono_ms() - begin_ms, 0, SOON_MS);
}

static void without_a_trigger_nothing_is_built(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_DONE);
	struct conductor *c = start(&w);
	stays(&w, CONDUCTOR_BUILD, 0);
	end(c);
	assert_int_equal(count(&w, CONDUCTOR_RUN), 0);
	conductor_close(NULL);
}

static void many_triggers_are_one_build(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_DONE);
	struct conductor *c = start(&w);
	int64_t begin_ms = mono_ms();
	for (int i = 0; i < 100; i++)
		conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 1);
	assert_true(w.begun_ms[0] - begin_ms >= QUIET_MS);
	stays(&w, CONDUCTOR_BUILD, 1);
	end(c);
}

/* They never pause for quiet_ms, and yet. */
static void none_waits_longer_than_the_latest(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_DONE);
	struct conductor *c = start(&w);
	int64_t begin_ms = mono_ms();
	while (!count(&w, CONDUCTOR_BUILD) && mono_ms() < begin_ms + SOON_MS) {
		conductor_trigger(c);
		clock_sleep_ms(clock_system(), QUIET_MS / 20);
	}
	assert_int_equal(count(&w, CONDUCTOR_BUILD), 1);
	assert_true(w.begun_ms[0] - begin_ms >= QUIET_MS);
	end(c);
}

static void what_comes_during_a_build_is_one_more(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_DONE);
	struct conductor *c = start(&w);
	set(&w, true, false, SCHEDULE_DONE);
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 1);
	conductor_trigger(c);
	conductor_trigger(c);
	stays(&w, CONDUCTOR_BUILD, 1);
	set(&w, false, false, SCHEDULE_DONE);
	reaches(&w, CONDUCTOR_BUILD, 2);
	stays(&w, CONDUCTOR_BUILD, 2);
	end(c);
	assert_int_equal(w.at_once_max, 1);
}

static void a_build_that_fails_is_tried_again_ever_later(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_FAILED);
	struct conductor *c = start(&w);
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 5);
	set(&w, false, false, SCHEDULE_DONE);
	reaches(&w, CONDUCTOR_BUILD, 6);
	stays(&w, CONDUCTOR_BUILD, 6);
	static const int64_t wait_ms[] = { 100, 200, 300, 300, 300 };
	for (size_t i = 0; i < COUNT_OF(wait_ms); i++)
		assert_true(w.begun_ms[i + 1] - w.begun_ms[i] >= wait_ms[i]);
	set(&w, false, false, SCHEDULE_FAILED); /* after a success it begins with the shortest wait */
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 8);
	end(c);
	assert_true(w.begun_ms[7] - w.begun_ms[6] < w.begun_ms[5] - w.begun_ms[4] + SOON_MS);
}

static void after_a_failure_triggers_wait_too(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_FAILED);
	struct conductor *c =
		conductor_open(&(struct conductor_options){ .quiet_ms = 10, .quiet_max_ms = 20, .retry_min_ms = 1000, .retry_max_ms = 1000,
	                                                    .work = work, .ctx = &w });
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 1);
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 2);
	assert_true(w.begun_ms[1] - w.begun_ms[0] >= 1000);
	end(c);
}

/* A build that was cut off though nobody stopped the service (no process to be had) is not forgotten. */
static void a_build_that_was_cut_off_comes_again(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_STOPPED);
	struct conductor *c = start(&w);
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 2);
	end(c);
}

static void stopped_it_ends_with_the_work_and_begins_none(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_DONE);
	struct conductor *c = start(&w);
	set(&w, true, false, SCHEDULE_DONE);
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 1);
	conductor_trigger(c);
	conductor_stop(c);
	set(&w, true, true, SCHEDULE_DONE);
	end(c);
	assert_int_equal(count(&w, CONDUCTOR_BUILD), 1);
}

static void stopped_while_it_waits_it_ends_at_once(void **unused UNUSED)
{
	struct works w = works_new(SCHEDULE_FAILED);
	struct conductor *c =
		conductor_open(&(struct conductor_options){ .retry_min_ms = 3600000, .retry_max_ms = 3600000, .work = work, .ctx = &w });
	conductor_trigger(c);
	reaches(&w, CONDUCTOR_BUILD, 1);
	end(c);
	assert_int_equal(count(&w, CONDUCTOR_BUILD), 1);
}

/* --- the schedule ------------------------------------------------------------------------------------------- */

#define OK(expr)                                                                 \
	do {                                                                     \
		struct err err = { 0 };                                          \
		enum rc ok_rc_ = (expr);                                         \
		if (ok_rc_ != RC_OK)                                             \
			fail_msg("%s: %s: %s", #expr, rc_name(ok_rc_), err.msg); \
	} while (0)

/* A home whose yearly job was missed, so that one start is due at once and the next is far. */
struct yearly {
	struct zone *zone;
	struct state *state, *look_state;
	struct schedule_job job;
	struct schedule *schedule, *look;
};

static void yearly_open(struct yearly *y)
{
	struct clock_fake past;
	char path[512];
	(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
	clock_fake_init(&past, clock_now_ms(clock_system()) - INT64_C(400) * 86400000);
	OK(zone_open(SLICE("UTC"), &y->zone, &err));
	OK(schedule_job_init(&y->job, "run", "0 0 1 1 *", y->zone, SCHEDULE_CATCH_UP, 0, &err));
	OK(state_open(path, &past.base, &y->state, &err));
	y->schedule = schedule_open(&(struct schedule_options){ .state = y->state, .clock = &past.base });
	OK(schedule_set(y->schedule, &y->job, 1, &err));
	schedule_closep(&y->schedule);
	state_closep(&y->state);
	OK(state_open(path, clock_system(), &y->state, &err));
	OK(state_open(path, clock_system(), &y->look_state, &err));
	y->schedule = schedule_open(&(struct schedule_options){ .state = y->state, .clock = clock_system() });
	y->look = schedule_open(&(struct schedule_options){ .state = y->look_state, .clock = clock_system() });
	OK(schedule_set(y->schedule, &y->job, 1, &err));
}

static void yearly_close(struct yearly *y)
{
	schedule_closep(&y->schedule);
	schedule_closep(&y->look);
	state_closep(&y->state);
	state_closep(&y->look_state);
	zone_closep(&y->zone);
}

static enum schedule_outcome last_outcome(struct yearly *y)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct schedule_status status;
	OK(schedule_look(y->look, &y->job, &arena, &status, &err));
	assert_true(status.started);
	if (status.outcome != SCHEDULE_DONE && status.outcome != SCHEDULE_RUNNING)
		assert_true(slice_is(status.error, "it did not work"));
	return status.outcome;
}

static void how_a_scheduled_run_ends_is_told(void **unused UNUSED)
{
	static const enum schedule_outcome outcomes[] = { SCHEDULE_DONE, SCHEDULE_FAILED, SCHEDULE_DEFERRED };
	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		CLEANUP(yearly_close) struct yearly y = { 0 };
		struct works w = works_new(outcomes[i]);
		yearly_open(&y);
		set(&w, true, false, outcomes[i]);
		struct conductor *c = start_with(&w, y.schedule);
		reaches(&w, CONDUCTOR_RUN, 1);
		assert_int_equal(last_outcome(&y), SCHEDULE_RUNNING);
		conductor_trigger(c); /* a build waits for the run, not beside it */
		stays(&w, CONDUCTOR_BUILD, 0);
		set(&w, false, false, outcomes[i]);
		for (int64_t until = mono_ms() + SOON_MS; last_outcome(&y) == SCHEDULE_RUNNING && mono_ms() < until;)
			clock_sleep_ms(clock_system(), 10);
		assert_int_equal(last_outcome(&y), outcomes[i]);
		reaches(&w, CONDUCTOR_BUILD, 1);
		assert_int_equal(count(&w, CONDUCTOR_RUN), 1);
		assert_int_equal(w.at_once_max, 1);
		end(c);
	}
}

static void a_run_that_a_stop_cut_off_comes_again(void **unused UNUSED)
{
	CLEANUP(yearly_close) struct yearly y = { 0 };
	struct works w = works_new(SCHEDULE_DONE);
	yearly_open(&y);
	set(&w, true, false, SCHEDULE_DONE);
	struct conductor *c = start_with(&w, y.schedule);
	reaches(&w, CONDUCTOR_RUN, 1);
	conductor_stop(c);
	set(&w, true, true, SCHEDULE_DONE);
	end(c);
	assert_int_equal(last_outcome(&y), SCHEDULE_STOPPED);
	set(&w, false, false, SCHEDULE_DONE);
	c = start_with(&w, y.schedule);
	reaches(&w, CONDUCTOR_RUN, 2);
	stays(&w, CONDUCTOR_RUN, 2);
	end(c);
	assert_int_equal(last_outcome(&y), SCHEDULE_DONE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_a_trigger_nothing_is_built),
	cmocka_unit_test(many_triggers_are_one_build),
	cmocka_unit_test(none_waits_longer_than_the_latest),
	cmocka_unit_test(what_comes_during_a_build_is_one_more),
	cmocka_unit_test(a_build_that_fails_is_tried_again_ever_later),
	cmocka_unit_test(after_a_failure_triggers_wait_too),
	cmocka_unit_test(a_build_that_was_cut_off_comes_again),
	cmocka_unit_test(stopped_it_ends_with_the_work_and_begins_none),
	cmocka_unit_test(stopped_while_it_waits_it_ends_at_once),
	cmocka_unit_test(how_a_scheduled_run_ends_is_told),
	cmocka_unit_test(a_run_that_a_stop_cut_off_comes_again),
};
TEST_SUITE(conductor, tests)
