/* The schedule: what is due, claimed, missed and caught up on, over restarts, kills, a second daemon and a clock that jumps. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/time.h"
#include "dag/schedule.h"
#include "io/db.h"
#include "raw/state.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_S 86400
#define NOON_S 1795521600 /* 2026-11-24T12:00:00Z, a Tuesday */
#define DEAD "b0070000-0000-0000-0000-000000000000 pid:[4026531836] 41 500" /* of a machine that was started anew since */

#define OK(expr)                                                                 \
	do {                                                                     \
		enum rc ok_rc_ = (expr);                                         \
		if (ok_rc_ != RC_OK)                                             \
			fail_msg("%s: %s: %s", #expr, rc_name(ok_rc_), err.msg); \
	} while (0)

static struct clock_fake fake;
static struct zone *utc;
static struct err err;

/* A daemon on a home. */
struct daemon {
	struct state *state;
	struct schedule *schedule;
};

static void set(const struct daemon *d, const char *cron, enum schedule_missed missed, int64_t jitter_s)
{
	struct schedule_job job;
	OK(schedule_job_init(&job, "run", cron, utc, missed, jitter_s, &err));
	OK(schedule_set(d->schedule, &job, 1, &err));
}

static struct daemon start(const char *path, const char *holder)
{
	struct daemon d = { 0 };
	OK(state_open(path, &fake.base, &d.state, &err));
	d.schedule = schedule_open(&(struct schedule_options){ .state = d.state, .clock = &fake.base, .holder = holder });
	return d;
}

static void end(struct daemon *d)
{
	schedule_closep(&d->schedule);
	state_closep(&d->state);
}

static const char *new_home(char path[static 512])
{
	if (!utc)
		OK(zone_open(SLICE("UTC"), &utc, &err));
	(void) snprintf(path, 512, "%s/state.db", test_tmpdir());
	clock_fake_init(&fake, NOON_S * 1000LL);
	return path;
}

static struct schedule_claim next(const struct daemon *d)
{
	struct schedule_claim c;
	OK(schedule_next(d->schedule, &c, &err));
	return c;
}

/* The claim of that due time ("2026-11-25T00:00:00Z"), not yet done. */
static struct schedule_claim claims(const struct daemon *d, const char *due, bool late)
{
	struct schedule_claim c = next(d);
	if (strcmp(c.job, "run") != 0 || strcmp(time_rfc3339(c.due_s).s, due) != 0 || c.late != late)
		fail_msg("want %s%s, got '%s' %s%s", due, late ? " late" : "", c.job, time_rfc3339(c.due_s).s, c.late ? " late" : "");
	return c;
}

static void waits(const struct daemon *d)
{
	struct schedule_claim c = next(d);
	if (c.job[0] || c.wait_ms <= 0 || c.wait_ms > SCHEDULE_WAIT_MS_MAX)
		fail_msg("want nothing due, got '%s' %s, wait %lld ms", c.job, time_rfc3339(c.due_s).s, (long long) c.wait_ms);
}

static void runs(const struct daemon *d, const char *due, bool late)
{
	struct schedule_claim c = claims(d, due, late);
	OK(schedule_done(d->schedule, &c, SCHEDULE_DONE, NULL, &err));
}

static void set_clock(const char *at)
{
	int64_t unix_s;
	assert_true(time_parse_rfc3339(slice_of(at), &unix_s));
	fake.now_ms = unix_s * 1000;
}

static struct schedule_status status(const struct daemon *d, const char *cron)
{
	static struct arena arena;
	struct schedule_job job;
	struct schedule_status st;
	arena_done(&arena);
	arena = arena_new(4096);
	OK(schedule_job_init(&job, "run", cron, utc, SCHEDULE_SKIP, 0, &err));
	OK(schedule_look(d->schedule, &job, &arena, &st, &err));
	return st;
}

static void a_due_job_is_claimed_once_and_waited_for(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	waits(&d);
	set_clock("2026-11-24T23:59:50Z");
	assert_int_equal(next(&d).wait_ms, 10000);
	set_clock("2026-11-25T00:00:00Z");
	struct schedule_claim c = claims(&d, "2026-11-25T00:00:00Z", false);
	waits(&d);
	assert_int_equal(status(&d, "@daily").outcome, SCHEDULE_RUNNING);
	fake.now_ms += 5000;
	OK(schedule_done(d.schedule, &c, SCHEDULE_FAILED, "gold: disk full", &err));
	waits(&d);
	struct schedule_status st = status(&d, "@daily");
	assert_true(st.known && st.started && st.outcome == SCHEDULE_FAILED && st.missed == 0);
	assert_true(slice_is(st.error, "gold: disk full"));
	assert_int_equal(st.ended_ms - st.started_ms, 5000);
	assert_string_equal(time_rfc3339(st.next_due_s).s, "2026-11-26T00:00:00Z");
	end(&d);
}

static void a_restart_forgets_nothing_and_starts_nothing_again(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-25T00:00:01Z");
	runs(&d, "2026-11-25T00:00:00Z", false);
	end(&d);
	d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	waits(&d);
	assert_string_equal(time_rfc3339(status(&d, "@daily").next_due_s).s, "2026-11-26T00:00:00Z");
	end(&d);
}

static void missed_times_are_caught_up_on_once(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	end(&d);
	set_clock("2026-11-28T09:00:00Z"); /* nobody was there on the 25th, 26th, 27th and 28th */
	d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	runs(&d, "2026-11-28T00:00:00Z", true);
	waits(&d);
	assert_int_equal(status(&d, "@daily").missed, 3);
	end(&d);
}

static void or_skipped_as_the_policy_says(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_SKIP, 0);
	set_clock("2026-11-28T00:01:01Z");
	waits(&d);
	assert_int_equal(status(&d, "@daily").missed, 4);
	set_clock("2026-11-29T00:01:00Z"); /* late by a minute is in time */
	runs(&d, "2026-11-29T00:00:00Z", false);
	assert_int_equal(status(&d, "@daily").missed, 4);
	end(&d);
}

static void what_still_runs_is_not_started_beside_itself(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "0 * * * *", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-24T13:00:00Z");
	struct schedule_claim c = claims(&d, "2026-11-24T13:00:00Z", false);
	for (int hour = 14; hour < 17; hour++) {
		fake.now_ms += 3600 * 1000;
		waits(&d);
	}
	assert_int_equal(status(&d, "0 * * * *").missed, 3);
	OK(schedule_done(d.schedule, &c, SCHEDULE_DONE, NULL, &err));
	waits(&d); /* and the missed ones are not caught up on: it has just run */
	set_clock("2026-11-24T17:00:00Z");
	runs(&d, "2026-11-24T17:00:00Z", false);
	end(&d);
}

static void a_clock_that_jumps_back_starts_no_due_time_twice(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	for (int day = 25; day <= 28; day++) {
		char due[64];
		(void) snprintf(due, sizeof due, "2026-11-%dT00:00:00Z", day);
		set_clock(due);
		runs(&d, due, false);
	}
	set_clock("2026-11-25T12:00:00Z");
	for (int hour = 0; hour < 75; hour++, fake.now_ms += 3600 * 1000)
		waits(&d); /* the 26th, 27th and 28th again */
	set_clock("2026-11-29T00:00:00Z");
	runs(&d, "2026-11-29T00:00:00Z", false);
	set_clock("2026-11-28T23:59:58Z"); /* a correction by seconds */
	waits(&d);
	set_clock("2026-11-29T00:00:00Z");
	waits(&d);
	assert_int_equal(status(&d, "@daily").missed, 0);
	end(&d);
}

static void a_clock_that_was_wrong_by_years_stops_nothing(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2030-05-05T05:00:00Z");
	runs(&d, "2030-05-05T00:00:00Z", true);
	waits(&d);
	set_clock("2026-11-24T13:00:00Z");
	waits(&d);
	set_clock("2026-11-25T00:00:00Z");
	runs(&d, "2026-11-25T00:00:00Z", false);
	set_clock("2026-11-26T00:00:00Z");
	runs(&d, "2026-11-26T00:00:00Z", false);
	end(&d);
}

static void three_days_ahead_are_one_catch_up(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "*/10 * * * *", SCHEDULE_CATCH_UP, 0);
	fake.now_ms += 3 * DAY_S * 1000LL + 300 * 1000; /* 12:05 three days later */
	runs(&d, "2026-11-27T12:00:00Z", true);
	waits(&d);
	assert_int_equal(status(&d, "*/10 * * * *").missed, 3 * 144 - 1);
	end(&d);
}

static void centuries_ahead_are_counted_within_a_bound(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "* * * * *", SCHEDULE_CATCH_UP, 0);
	set_clock("2826-11-24T12:00:30Z");
	runs(&d, "2826-11-24T12:00:00Z", false);
	waits(&d);
	assert_in_range(status(&d, "* * * * *").missed, 100000, 100200);
	end(&d);
}

/* ---- deaths ---- */

static void a_start_whose_process_died_is_tried_once_more(void **unused UNUSED)
{
	char path[512];
	new_home(path);
	for (int life = 0; life < 3; life++) {
		struct daemon d = start(path, DEAD);
		set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
		if (life == 0)
			set_clock("2026-11-25T00:00:00Z");
		if (life < 2)
			(void) claims(&d, "2026-11-25T00:00:00Z", life == 1);
		else
			waits(&d); /* it kills its process each time */
		assert_int_equal(status(&d, "@daily").outcome, SCHEDULE_DIED);
		end(&d);
	}
	struct daemon d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-26T00:00:00Z");
	runs(&d, "2026-11-26T00:00:00Z", false);
	end(&d);
}

static void or_not_where_missed_times_are_skipped(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), DEAD);
	set(&d, "@daily", SCHEDULE_SKIP, 0);
	set_clock("2026-11-25T00:00:00Z");
	(void) claims(&d, "2026-11-25T00:00:00Z", false);
	end(&d);
	d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_SKIP, 0);
	waits(&d);
	struct schedule_status st = status(&d, "@daily");
	assert_true(st.outcome == SCHEDULE_DIED && slice_is(st.error, "its process ended"));
	end(&d);
}

static void a_later_due_time_stands_for_one_that_died(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), DEAD);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-25T00:00:00Z");
	(void) claims(&d, "2026-11-25T00:00:00Z", false);
	end(&d);
	set_clock("2026-11-27T10:00:00Z");
	d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	runs(&d, "2026-11-27T00:00:00Z", true);
	waits(&d);
	assert_int_equal(status(&d, "@daily").missed, 1); /* the 26th; the 25th was started */
	end(&d);
}

static void what_a_stop_cut_off_goes_on_after_it(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-25T00:00:00Z");
	struct schedule_claim c = claims(&d, "2026-11-25T00:00:00Z", false);
	for (int stop = 0; stop < 4; stop++) { /* as often as it takes */
		OK(schedule_done(d.schedule, &c, SCHEDULE_STOPPED, "asked to stop", &err));
		end(&d);
		d = start(path, NULL);
		set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
		c = claims(&d, "2026-11-25T00:00:00Z", true);
	}
	OK(schedule_done(d.schedule, &c, SCHEDULE_DONE, NULL, &err));
	waits(&d);
	end(&d);
}

/* A real process, killed while its job runs. */
static void a_killed_daemon_is_found_dead(void **unused UNUSED)
{
	char path[512];
	new_home(path);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct daemon child = start(path, NULL);
		set(&child, "@daily", SCHEDULE_CATCH_UP, 0);
		set_clock("2026-11-25T00:00:00Z");
		bool claimed = next(&child).job[0];
		_exit(write(ready[1], claimed ? "y" : "n", 1) == 1 ? (int) pause() : 1);
	}
	char claimed = 0;
	assert_int_equal(read(ready[0], &claimed, 1), 1);
	assert_int_equal(claimed, 'y');
	set_clock("2026-11-25T00:00:10Z");
	struct daemon d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	waits(&d); /* it lives: the job runs */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	runs(&d, "2026-11-25T00:00:00Z", true);
	end(&d);
	(void) close(ready[0]);
	(void) close(ready[1]);
}

static void who_was_taken_for_dead_learns_of_it(void **unused UNUSED)
{
	char path[512];
	struct daemon gone = start(new_home(path), DEAD);
	set(&gone, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-25T00:00:00Z");
	struct schedule_claim c = claims(&gone, "2026-11-25T00:00:00Z", false);
	struct daemon d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	runs(&d, "2026-11-25T00:00:00Z", true);
	assert_int_equal(schedule_done(gone.schedule, &c, SCHEDULE_DONE, NULL, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "took this process for dead"));
	assert_int_equal(status(&d, "@daily").outcome, SCHEDULE_DONE);
	end(&gone);
	end(&d);
}

/* ---- several daemons ---- */

#define DAEMONS 4
#define DUES 20
static int claimed[DUES];
static pthread_mutex_t claimed_lock = PTHREAD_MUTEX_INITIALIZER;

static void *daemon_life(void *arg)
{
	const struct daemon *d = arg;
	struct err why = { 0 };
	for (int i = 0; i < 200; i++) {
		struct schedule_claim c;
		if (schedule_next(d->schedule, &c, &why) != RC_OK)
			return why.msg[0] ? "an error" : "no word";
		if (!c.job[0])
			continue;
		assert_int_equal(pthread_mutex_lock(&claimed_lock), 0);
		claimed[(c.due_s - NOON_S) / 60 % DUES]++;
		assert_int_equal(pthread_mutex_unlock(&claimed_lock), 0);
		if (schedule_done(d->schedule, &c, SCHEDULE_DONE, NULL, &why) != RC_OK)
			return "not done";
	}
	return NULL;
}

static void of_several_daemons_one_gets_a_due_time(void **unused UNUSED)
{
	char path[512];
	struct daemon d[DAEMONS];
	pthread_t thread[DAEMONS];
	new_home(path);
	for (int i = 0; i < DAEMONS; i++) {
		d[i] = start(path, NULL);
		set(&d[i], "* * * * *", SCHEDULE_CATCH_UP, 0);
	}
	memset(claimed, 0, sizeof claimed);
	for (int due = 0; due < DUES; due++) { /* the clock stands still while they ask */
		fake.now_ms += 60 * 1000;
		for (int i = 0; i < DAEMONS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, daemon_life, &d[i]), 0);
		for (int i = 0; i < DAEMONS; i++) {
			void *why;
			assert_int_equal(pthread_join(thread[i], &why), 0);
			assert_null(why);
		}
	}
	for (int due = 0; due < DUES; due++)
		assert_int_equal(claimed[due], 1);
	assert_int_equal(status(&d[0], "* * * * *").missed, 0);
	for (int i = 0; i < DAEMONS; i++)
		end(&d[i]);
}

/* ---- jobs ---- */

static void jitter_is_drawn_once_for_all_restarts(void **unused UNUSED)
{
	char path[512];
	struct schedule_job job, other;
	int64_t at_s = NOON_S, least = 1000, most = -1;
	new_home(path);
	OK(schedule_job_init(&job, "run", "@hourly", utc, SCHEDULE_SKIP, 300, &err));
	OK(schedule_job_init(&other, "walk", "@hourly", utc, SCHEDULE_SKIP, 300, &err));
	bool same = true;
	for (int i = 0; i < 500; i++, at_s = schedule_due_after(&job, at_s)) {
		int64_t by_s = schedule_start_of(&job, at_s) - at_s;
		assert_int_equal(schedule_start_of(&job, at_s) - at_s, by_s);
		same = same && schedule_start_of(&other, at_s) - at_s == by_s;
		least = by_s < least ? by_s : least;
		most = by_s > most ? by_s : most;
	}
	assert_true(!same && least >= 0 && least < 30 && most > 270 && most <= 300);

	int64_t due_s = schedule_due_after(&job, NOON_S);
	while (schedule_start_of(&job, due_s) == due_s)
		due_s = schedule_due_after(&job, due_s);
	fake.now_ms = (due_s - 1) * 1000;
	struct daemon d = start(path, NULL);
	set(&d, "@hourly", SCHEDULE_SKIP, 300);
	fake.now_ms = schedule_start_of(&job, due_s) * 1000 - 1;
	waits(&d);
	fake.now_ms++;
	runs(&d, time_rfc3339(due_s).s, false);
	end(&d);
}

static void another_rule_is_planned_from_now_on(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-28T09:30:00Z");
	set(&d, "0 9 * * *", SCHEDULE_CATCH_UP, 0); /* nothing to catch up on: it was not asked for */
	waits(&d);
	assert_false(status(&d, "@daily").known);
	assert_string_equal(time_rfc3339(status(&d, "0 9 * * *").next_due_s).s, "2026-11-29T09:00:00Z");
	OK(schedule_set(d.schedule, NULL, 0, &err)); /* no schedule */
	set_clock("2026-12-05T09:00:00Z");
	waits(&d);
	set(&d, "0 9 * * *", SCHEDULE_CATCH_UP, 0);
	waits(&d);
	set_clock("2026-12-06T09:00:00Z");
	runs(&d, "2026-12-06T09:00:00Z", false);
	end(&d);
}

static void new_settings_take_no_claim_back(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@hourly", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-24T13:00:00Z");
	struct schedule_claim c = claims(&d, "2026-11-24T13:00:00Z", false);
	set(&d, "@hourly", SCHEDULE_CATCH_UP, 0);
	waits(&d);
	OK(schedule_done(d.schedule, &c, SCHEDULE_DEFERRED, "quota", &err));
	waits(&d);
	end(&d);
}

static void several_jobs_are_due_side_by_side(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	static struct schedule_job jobs[SCHEDULE_JOBS_MAX + 1];
	char name[80];
	for (size_t i = 0; i <= SCHEDULE_JOBS_MAX; i++) {
		(void) snprintf(name, sizeof name, "job-%zu", i);
		OK(schedule_job_init(&jobs[i], name, i % 2 ? "30 * * * *" : "0 * * * *", utc, SCHEDULE_CATCH_UP, 0, &err));
	}
	assert_int_equal(schedule_set(d.schedule, jobs, SCHEDULE_JOBS_MAX + 1, &err), RC_REJECT);
	OK(schedule_set(d.schedule, jobs, SCHEDULE_JOBS_MAX, &err));
	set_clock("2026-11-24T12:30:00Z");
	for (size_t i = 0; i < SCHEDULE_JOBS_MAX / 2; i++)
		assert_true(next(&d).job[0]);
	waits(&d);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	struct schedule_job job;
	assert_int_equal(schedule_job_init(&job, name, "@daily", utc, SCHEDULE_SKIP, 0, &err), RC_REJECT);
	assert_int_equal(schedule_job_init(&job, "", "@daily", utc, SCHEDULE_SKIP, 0, &err), RC_REJECT);
	assert_int_equal(schedule_job_init(&job, "run", "@dayly", utc, SCHEDULE_SKIP, 0, &err), RC_REJECT);
	end(&d);
}

static void starts_are_forgotten_when_they_are_many(void **unused UNUSED)
{
	char path[512];
	struct daemon d = start(new_home(path), NULL);
	set(&d, "@daily", SCHEDULE_SKIP, 0);
	OK(db_exec(state_db(d.state),
	           "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
	           " INSERT INTO schedule_start (job, due, attempt, holder, started_at, outcome)"
	           " SELECT 'run', i, 1, 'h', 0, 'DONE' FROM n; UPDATE schedule_start SET job = 'walk' WHERE due < 100",
	           &err));
	set_clock("2026-11-25T00:00:00Z");
	runs(&d, "2026-11-25T00:00:00Z", false);
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	bool row;
	OK(db_query(state_db(d.state), "SELECT count(*) FILTER (WHERE job = 'run'), count(*) FROM schedule_start", &stmt, &err));
	OK(db_step(stmt, &row, &err));
	assert_int_equal(db_column_int(stmt, 0), SCHEDULE_STARTS_KEPT);
	assert_int_equal(db_column_int(stmt, 1), SCHEDULE_STARTS_KEPT + 100); /* of each job */
	db_donep(&stmt);
	end(&d);
}

/* ---- a database that fails ---- */

static struct schedule_claim ask_twice(const struct daemon *d)
{
	struct schedule_claim c;
	enum rc rc = schedule_next(d->schedule, &c, &err);
	if (rc == RC_OK)
		return c;
	assert_int_equal(rc, RC_RETRY);
	assert_non_null(strstr(err.msg, "job 'run'"));
	return next(d);
}

/* Every step of claiming and ending fails once: whatever the answer was, asked again each due time is started once. */
static void a_failing_disk_costs_no_start_and_doubles_none(void **unused UNUSED)
{
	bool fired = true;
	for (uint64_t nth = 1; fired || nth < 12; nth++) {
		char path[512];
		struct daemon d = start(new_home(path), NULL);
		set(&d, "@daily", SCHEDULE_SKIP, 0);
		set_clock("2026-11-25T00:00:00Z");
		fault_arm("db.*", nth, nth % 2 ? EIO : ENOSPC);
		struct schedule_claim c = ask_twice(&d);
		assert_string_equal(c.job, "run");
		assert_string_equal(ask_twice(&d).job, "");
		enum rc rc = schedule_done(d.schedule, &c, SCHEDULE_DONE, NULL, &err);
		assert_true(rc == RC_OK || rc == RC_RETRY);
		if (rc == RC_RETRY)
			OK(schedule_done(d.schedule, &c, SCHEDULE_DONE, NULL, &err));
		assert_string_equal(ask_twice(&d).job, "");
		fired = fault_fired();
		(void) fault_disarm();
		struct schedule_status st = status(&d, "@daily");
		assert_true(st.outcome == SCHEDULE_DONE && st.missed == 0);
		end(&d);
	}
}

/* The same when the answer to the last step of a claim is lost for good: the process ends there. */
static void a_claim_nobody_heard_of_is_a_death(void **unused UNUSED)
{
	char path[512];
	struct schedule_claim c;
	struct daemon d = start(new_home(path), DEAD);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	set_clock("2026-11-25T00:00:00Z");
	fault_arm("db.commit.after", 1, EIO);
	assert_int_equal(schedule_next(d.schedule, &c, &err), RC_RETRY);
	(void) fault_disarm();
	end(&d);
	d = start(path, NULL);
	set(&d, "@daily", SCHEDULE_CATCH_UP, 0);
	runs(&d, "2026-11-25T00:00:00Z", true);
	end(&d);
}

static int close_zone(void **unused UNUSED)
{
	zone_closep(&utc);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_due_job_is_claimed_once_and_waited_for),
	cmocka_unit_test(a_restart_forgets_nothing_and_starts_nothing_again),
	cmocka_unit_test(missed_times_are_caught_up_on_once),
	cmocka_unit_test(or_skipped_as_the_policy_says),
	cmocka_unit_test(what_still_runs_is_not_started_beside_itself),
	cmocka_unit_test(a_clock_that_jumps_back_starts_no_due_time_twice),
	cmocka_unit_test(a_clock_that_was_wrong_by_years_stops_nothing),
	cmocka_unit_test(three_days_ahead_are_one_catch_up),
	cmocka_unit_test(centuries_ahead_are_counted_within_a_bound),
	cmocka_unit_test(a_start_whose_process_died_is_tried_once_more),
	cmocka_unit_test(or_not_where_missed_times_are_skipped),
	cmocka_unit_test(a_later_due_time_stands_for_one_that_died),
	cmocka_unit_test(what_a_stop_cut_off_goes_on_after_it),
	cmocka_unit_test(a_killed_daemon_is_found_dead),
	cmocka_unit_test(who_was_taken_for_dead_learns_of_it),
	cmocka_unit_test(of_several_daemons_one_gets_a_due_time),
	cmocka_unit_test(jitter_is_drawn_once_for_all_restarts),
	cmocka_unit_test(another_rule_is_planned_from_now_on),
	cmocka_unit_test(new_settings_take_no_claim_back),
	cmocka_unit_test(several_jobs_are_due_side_by_side),
	cmocka_unit_test(starts_are_forgotten_when_they_are_many),
	cmocka_unit_test(a_failing_disk_costs_no_start_and_doubles_none),
	cmocka_unit_test(a_claim_nobody_heard_of_is_a_death),
};
TEST_SUITE_WITH(schedule, tests, NULL, close_zone);
