/* POST /extract as Cloud Scheduler calls it: a run is done once, its answer can be had again, no call is lost. */
#include "serve/door_extract.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "support/wire.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define SCHEDULED(time) "X-CloudScheduler: true\r\nX-CloudScheduler-JobName: hourly\r\nX-CloudScheduler-ScheduleTime: " time "\r\n"
#define AT_1 SCHEDULED("2026-01-01T01:00:00Z")
#define AT_2 SCHEDULED("2026-01-01T02:00:00Z")

struct fixture {
	struct state *state;
	struct door_extract *door;
	struct server *server;
	struct arena arena;
	char path[512];
	atomic_bool stop;
	/* what the work does, and what was seen of it */
	enum rc rc;
	int64_t retry_after_ms;
	atomic_int runs, inside;
	atomic_bool hold;
	bool two_inside;
	struct door_extract_job job; /* the last; its strings have gone with the request */
	char first_playlist[64], key[1024];
};

static enum rc work(void *ctx, const struct door_extract_job *job, struct json *out_summary, struct err *err)
{
	struct fixture *f = ctx;
	int runs = atomic_fetch_add(&f->runs, 1) + 1;
	f->two_inside |= atomic_fetch_add(&f->inside, 1) > 0;
	f->job = *job;
	(void) snprintf(f->key, sizeof f->key, "%s", job->key);
	if (job->playlist_count)
		(void) snprintf(f->first_playlist, sizeof f->first_playlist, "%.*s", SLICE_FMT(job->playlist[0]));
	while (atomic_load(&f->hold))
		clock_sleep_ms(clock_system(), 5);
	json_set(out_summary, "run", json_new_integer(runs));
	(void) atomic_fetch_sub(&f->inside, 1);
	if (f->rc == RC_OK)
		return RC_OK;
	(void) err_set(err, f->rc, "the source says \"no\"");
	err->retry_after_ms = f->retry_after_ms;
	return f->rc;
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	if (!door_extract_handle(f->door, rq, reply))
		reply->status = 418;
}

static void open_door(struct fixture *f, int64_t wait_ms, int waiting_max)
{
	struct err err = { 0 };
	if (state_open(f->path, clock_system(), &f->state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	const struct door_extract_options o = { .run = work, .ctx = f, .state = f->state, .clock = clock_system(), .wait_ms = wait_ms,
		                                .waiting_max = waiting_max, .stop = &f->stop };
	f->door = door_extract_open(&o);
}

static void close_door(struct fixture *f)
{
	door_extract_close(f->door);
	state_close(f->state);
}

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	memset(f, 0, sizeof *f);
	f->arena = arena_new((size_t) 64 << 20);
	(void) snprintf(f->path, sizeof f->path, "%s/state.db", test_tmpdir());
	open_door(f, 60000, 16);
	const struct server_options so = { .what = "test", .connections_max = 64, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = f };
	if (server_open(&so, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void fixture_done(struct fixture *f)
{
	server_close(f->server);
	close_door(f);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

/* JSON in single quotes for double ones. */
static struct wire_reply ask_as(struct fixture *f, const char *what, const char *headers, const char *body, struct arena *arena)
{
	struct wire_reply r;
	char *text = arena_strdup(arena, slice_of(body));
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	wire_ask(server_port(f->server),
	         arena_printf(arena, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", what, headers,
	                      strlen(text), text).ptr,
	         arena, &r);
	return r;
}

static struct wire_reply ask(struct fixture *f, const char *headers, const char *body, int status)
{
	struct wire_reply r = ask_as(f, "POST /extract", headers, body, &f->arena);
	if (r.status != status)
		fail_msg("%s %s: %d, want %d: %.*s", headers, body, r.status, status, SLICE_FMT(r.body));
	assert_int_equal(wire_header(&r, "Retry-After").ptr != NULL, status == 503);
	assert_true(slice_starts(wire_header(&r, "Content-Type"), SLICE("application/json")));
	return r;
}

static bool is_replayed(const struct wire_reply *r)
{
	return slice_is(wire_header(r, "Idempotent-Replayed"), "true");
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

static void a_scheduled_run_is_done_once(void **unused UNUSED)
{
	FIXTURE(f);
	struct wire_reply one = ask(&f, AT_1, "", 200), again;
	assert_true(slice_is(one.body, "{\"state\":\"done\",\"summary\":{\"run\":1}}\n"));
	assert_false(is_replayed(&one));
	for (int i = 0; i < 3; i++) {
		again = ask(&f, AT_1, "", 200);
		assert_true(is_replayed(&again) && slice_eq(again.body, one.body));
	}
	assert_int_equal(f.runs, 1);
	again = ask(&f, AT_2, "", 200);
	assert_true(slice_is(again.body, "{\"state\":\"done\",\"summary\":{\"run\":2}}\n"));
	again = ask(&f, "X-CloudScheduler-JobName: daily\r\nX-CloudScheduler-ScheduleTime: 2026-01-01T01:00:00Z\r\n", "", 200);
	assert_int_equal(f.runs, 3);
}

static void also_when_the_service_was_started_anew(void **unused UNUSED)
{
	FIXTURE(f);
	struct wire_reply one = ask(&f, AT_1, "", 200);
	close_door(&f);
	open_door(&f, 60000, 16);
	struct wire_reply again = ask(&f, AT_1, "", 200);
	assert_true(is_replayed(&again) && slice_eq(again.body, one.body));
	assert_int_equal(f.runs, 1);
}

static void any_program_may_bring_its_own_key(void **unused UNUSED)
{
	FIXTURE(f);
	(void) ask(&f, "Idempotency-Key: \"8e03978e-40d5-43e8-bc93-6894a57f9324\"\r\n", "", 200);
	struct wire_reply r = ask(&f, "Idempotency-Key: \"8e03978e-40d5-43e8-bc93-6894a57f9324\"\r\n", "", 200);
	assert_true(is_replayed(&r));
	(void) ask(&f, "Idempotency-Key: other\r\n", "", 200);
	assert_int_equal(f.runs, 2);
	/* The scheduler's goes first: a job's fixed header must not make all its runs one. */
	(void) ask(&f, "Idempotency-Key: other\r\n" AT_1, "", 200);
	(void) ask(&f, "Idempotency-Key: other\r\n" AT_2, "", 200);
	assert_int_equal(f.runs, 4);
	/* A key cannot be made to look like the scheduler's. */
	(void) ask(&f, "Idempotency-Key: scheduler hourly 2026-01-01T01:00:00Z\r\n", "", 200);
	assert_int_equal(f.runs, 5);
}

static void without_a_key_each_call_is_its_own(void **unused UNUSED)
{
	static const char *const none[] = { "", "X-CloudScheduler: true\r\n", "X-CloudScheduler-JobName: hourly\r\n",
		                            "X-CloudScheduler-ScheduleTime: 2026-01-01T01:00:00Z\r\n", "Idempotency-Key: \r\n" };
	FIXTURE(f);
	for (int i = 0; i < 10; i++) {
		struct wire_reply r = ask(&f, none[i % 5], "", 200);
		assert_false(is_replayed(&r));
	}
	assert_int_equal(f.runs, 10);
	assert_string_equal(f.key, "");
}

static void a_key_means_one_request(void **unused UNUSED)
{
	FIXTURE(f);
	(void) ask(&f, AT_1, "{'playlists':['a']}", 200);
	(void) ask(&f, AT_1, "{'playlists':['b']}", 422);
	(void) ask(&f, AT_1, "", 422);
	struct wire_reply r = ask(&f, AT_1, "{'playlists':['a']}", 200);
	assert_true(is_replayed(&r));
	assert_int_equal(f.runs, 1);
}

static void keys_are_checked(void **unused UNUSED)
{
	FIXTURE(f);
	(void) ask(&f, "Idempotency-Key: \xc3\xa4\r\n", "", 400);
	(void) ask(&f, "X-CloudScheduler-JobName: a\tb\r\n", "", 400);
	(void) ask(&f, arena_printf(&f.arena, "Idempotency-Key: %0500d\r\n", 1).ptr, "", 200);
	(void) ask(&f, arena_printf(&f.arena, "Idempotency-Key: %0501d\r\n", 1).ptr, "", 400);
	assert_int_equal(f.runs, 1);
}

/* --- what goes wrong ----------------------------------------------------------------------------------------- */

static void what_failed_is_tried_again(void **unused UNUSED)
{
	static const enum rc failed[] = { RC_FATAL, RC_REJECT, RC_NOT_FOUND };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(failed); i++) {
		CLEANUP(json_freep) struct json *root = NULL;
		f.rc = failed[i];
		struct wire_reply r = ask(&f, AT_1, "", 500);
		assert_int_equal(json_parse(r.body, &root, NULL), RC_OK);
		assert_true(slice_is(json_get_string(json_get(root, "error"), "message"), "the source says \"no\""));
		assert_int_equal(json_get_integer(json_get(root, "error"), "code", 0), 500);
	}
	f.rc = RC_OK;
	struct wire_reply r = ask(&f, AT_1, "", 200);
	assert_false(is_replayed(&r));
	assert_int_equal(f.runs, 4);
}

static void what_is_deferred_says_when(void **unused UNUSED)
{
	static const int64_t ms[][2] = { { 0, 30 }, { 1, 1 }, { 1000, 1 }, { 1001, 2 }, { 3600000, 3600 } };
	FIXTURE(f);
	f.rc = RC_RETRY;
	for (size_t i = 0; i < COUNT_OF(ms); i++) {
		f.retry_after_ms = ms[i][0];
		struct wire_reply r = ask(&f, AT_1, "", 503);
		int64_t seconds = -1;
		assert_true(slice_to_int(wire_header(&r, "Retry-After"), &seconds));
		assert_int_equal(seconds, ms[i][1]);
	}
	f.rc = RC_OK;
	(void) ask(&f, AT_1, "", 200);
}

static void a_database_that_fails_loses_no_call(void **unused UNUSED)
{
	FIXTURE(f);
	int replayed = 0, later = 0;
	for (uint64_t nth = 1; nth < 12; nth++) {
		const char *headers = arena_printf(&f.arena, "Idempotency-Key: k%d\r\n", (int) nth).ptr;
		fault_arm("db.*", nth, ENOSPC);
		struct wire_reply r = ask_as(&f, "POST /extract", headers, "", &f.arena);
		(void) fault_disarm();
		assert_true(r.status == 200 || r.status == 503);
		later += r.status == 503;
		r = ask(&f, headers, "", 200);
		replayed += is_replayed(&r);
	}
	/* Not looked up: later. Not remembered: done all the same, and done once more by the next try. */
	assert_true(later >= 1 && replayed >= 5 && replayed <= 10);
	assert_int_equal(f.runs, 22 - later - replayed);
}

/* --- several at once ----------------------------------------------------------------------------------------- */

struct caller {
	struct fixture *f;
	const char *headers, *body;
	struct arena arena;
	struct wire_reply reply;
	pthread_t thread;
};

static void *call_it(void *ctx)
{
	struct caller *c = ctx;
	c->reply = ask_as(c->f, "POST /extract", c->headers, c->body, &c->arena);
	return NULL;
}

static void begin(struct caller *c, struct fixture *f, const char *headers)
{
	*c = (struct caller){ .f = f, .headers = headers, .body = "", .arena = arena_new(1 << 20) };
	assert_int_equal(pthread_create(&c->thread, NULL, call_it, c), 0);
}

static void end(struct caller *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
}

static void wait_for_runs(struct fixture *f, int runs)
{
	while (atomic_load(&f->runs) < runs)
		clock_sleep_ms(clock_system(), 5);
}

static void the_same_run_tried_again_waits_for_the_answer(void **unused UNUSED)
{
	for (int way = 0; way < 2; way++) {
		FIXTURE(f);
		struct caller c[4];
		f.rc = way ? RC_RETRY : RC_OK;
		f.hold = true;
		begin(&c[0], &f, AT_1);
		wait_for_runs(&f, 1);
		for (size_t i = 1; i < COUNT_OF(c); i++)
			begin(&c[i], &f, AT_1);
		(void) ask(&f, AT_1, "{'playlists':['a']}", 422);
		clock_sleep_ms(clock_system(), 200);
		f.hold = false;
		for (size_t i = 0; i < COUNT_OF(c); i++) {
			end(&c[i]);
			/* One whose request arrived late is answered from state.db, or is a try of its own after a failure. */
			assert_int_equal(c[i].reply.status, way ? 503 : 200);
			if (!way)
				assert_true(slice_eq(c[i].reply.body, c[0].reply.body) && is_replayed(&c[i].reply) == (i > 0));
		}
		if (!way)
			assert_int_equal(f.runs, 1);
		for (size_t i = 0; i < COUNT_OF(c); i++)
			arena_done(&c[i].arena);
	}
}

static void one_works_at_a_time_and_the_others_get_their_turn(void **unused UNUSED)
{
	static const char *const headers[] = { "", AT_1, AT_2, "", "Idempotency-Key: k\r\n", "" };
	FIXTURE(f);
	struct caller c[6];
	f.hold = true;
	for (size_t i = 0; i < COUNT_OF(c); i++)
		begin(&c[i], &f, headers[i]);
	wait_for_runs(&f, 1);
	clock_sleep_ms(clock_system(), 200);
	assert_int_equal(f.runs, 1);
	f.hold = false;
	for (size_t i = 0; i < COUNT_OF(c); i++) {
		end(&c[i]);
		assert_int_equal(c[i].reply.status, 200);
		arena_done(&c[i].arena);
	}
	assert_int_equal(f.runs, 6);
	assert_false(f.two_inside);
}

static void waiting_has_an_end(void **unused UNUSED)
{
	FIXTURE(f);
	struct caller c;
	close_door(&f);
	open_door(&f, 300, 16);
	f.hold = true;
	begin(&c, &f, AT_1);
	wait_for_runs(&f, 1);
	struct wire_reply r = ask(&f, AT_2, "", 503);
	assert_true(slice_find_str(r.body, SLICE("another extract is under way")) != SIZE_MAX);
	(void) ask(&f, AT_1, "", 503); /* of the same key, too */
	f.hold = false;
	end(&c);
	assert_int_equal(c.reply.status, 200);
	arena_done(&c.arena);
	(void) ask(&f, AT_2, "", 200);
}

static void only_so_many_wait(void **unused UNUSED)
{
	FIXTURE(f);
	struct caller c[3];
	close_door(&f);
	open_door(&f, 60000, 2);
	f.hold = true;
	begin(&c[0], &f, AT_1);
	wait_for_runs(&f, 1);
	begin(&c[1], &f, AT_1);
	begin(&c[2], &f, AT_2);
	clock_sleep_ms(clock_system(), 500);
	struct wire_reply r = ask(&f, "", "", 503);
	assert_true(slice_find_str(r.body, SLICE("too many calls wait")) != SIZE_MAX);
	f.hold = false;
	for (size_t i = 0; i < COUNT_OF(c); i++) {
		end(&c[i]);
		assert_int_equal(c[i].reply.status, 200);
		arena_done(&c[i].arena);
	}
}

static void who_waits_is_let_go_at_the_end(void **unused UNUSED)
{
	FIXTURE(f);
	struct caller c[3];
	f.hold = true;
	begin(&c[0], &f, AT_1);
	wait_for_runs(&f, 1);
	begin(&c[1], &f, AT_1);
	begin(&c[2], &f, AT_2);
	clock_sleep_ms(clock_system(), 300);
	f.stop = true;
	for (size_t i = 1; i < COUNT_OF(c); i++) {
		end(&c[i]);
		assert_int_equal(c[i].reply.status, 503);
	}
	f.hold = false;
	end(&c[0]);
	assert_int_equal(c[0].reply.status, 200); /* what was begun is answered */
	for (size_t i = 0; i < COUNT_OF(c); i++)
		arena_done(&c[i].arena);
	(void) ask(&f, AT_2, "", 503); /* and nothing is begun any more */
	struct wire_reply r = ask(&f, AT_1, "", 200);
	assert_true(is_replayed(&r));
	assert_int_equal(f.runs, 1);
}

/* --- what is asked ------------------------------------------------------------------------------------------- */

static void the_body_says_what(void **unused UNUSED)
{
	FIXTURE(f);
	(void) ask(&f, "", "", 200);
	assert_int_equal(f.job.playlist_count, 0);
	assert_false(f.job.has_since || f.job.has_until);
	(void) ask(&f, "", " {} \n", 200);
	assert_int_equal(f.job.playlist_count, 0);
	(void) ask(&f, "Content-Type: application/json\r\n", "{'playlists':['37i9dQZF1DX5cZuAHLNjGz','chart-IN'],'since':'1970-01-03','until':'1970-01-03'}", 200);
	assert_int_equal(f.job.playlist_count, 2);
	assert_string_equal(f.first_playlist, "37i9dQZF1DX5cZuAHLNjGz");
	assert_true(f.job.has_since && f.job.has_until);
	assert_int_equal(f.job.since_day, 2);
	assert_int_equal(f.job.until_day, 2);
	(void) ask(&f, "Content-Type: application/octet-stream\r\n" AT_1, "{'until':'1970-01-03'}", 200); /* as the scheduler does */
	assert_true(!f.job.has_since && f.job.has_until);
	assert_string_equal(f.key, "scheduler hourly 2026-01-01T01:00:00Z");
}

static void a_body_that_cannot_be_meant_is_refused(void **unused UNUSED)
{
	static const char *const bad[] = { "{", "[]", "1", "null", "'x'", "{'playlist':['a']}", "{'playlists':'a'}", "{'playlists':[]}", "{'playlists':[1]}",
		                           "{'playlists':['']}", "{'playlists':['a/b']}", "{'playlists':['..']}", "{'playlists':null}", "{'since':'yesterday'}",
		                           "{'since':20260101}", "{'since':'2026-02-30'}", "{'until':'2026-01-01T00:00:00Z'}", "{'since':'2026-01-02','until':'2026-01-01'}",
		                           "{'since':'2026-01-01','force':true}", "{} {}", "\xff" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		(void) ask(&f, AT_1, bad[i], 400);
	CLEANUP(buf_done) struct buf many = buf_new(1 << 20);
	for (int n = 1000; n <= 1001; n++) {
		buf_reset(&many);
		buf_adds(&many, "{'playlists':[");
		for (int i = 0; i < n; i++)
			buf_addf(&many, "%s'p%d'", i ? "," : "", i);
		buf_adds(&many, "]}");
		(void) ask(&f, "", buf_str(&many), n == 1000 ? 200 : 400);
	}
	buf_reset(&many);
	buf_addf(&many, "%*s", (128 << 10) + 1, "");
	(void) ask(&f, "", buf_str(&many), 413);
	(void) ask(&f, "Content-Type: text/plain\r\n", "{}", 415);
	(void) ask(&f, "Content-Type: application/x-www-form-urlencoded\r\n", "{}", 415);
	assert_int_equal(f.runs, 1);
}

static void only_post_works(void **unused UNUSED)
{
	static const char *const methods[] = { "GET", "PUT", "DELETE", "OPTIONS" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct wire_reply r = ask_as(&f, arena_printf(&f.arena, "%s /extract", methods[i]).ptr, "", "", &f.arena);
		assert_int_equal(r.status, 405);
		assert_true(slice_is(wire_header(&r, "Allow"), "POST"));
	}
	assert_int_equal(ask_as(&f, "POST /extract/", "", "", &f.arena).status, 418);
	assert_int_equal(f.runs, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_scheduled_run_is_done_once),
	cmocka_unit_test(also_when_the_service_was_started_anew),
	cmocka_unit_test(any_program_may_bring_its_own_key),
	cmocka_unit_test(without_a_key_each_call_is_its_own),
	cmocka_unit_test(a_key_means_one_request),
	cmocka_unit_test(keys_are_checked),
	cmocka_unit_test(what_failed_is_tried_again),
	cmocka_unit_test(what_is_deferred_says_when),
	cmocka_unit_test(a_database_that_fails_loses_no_call),
	cmocka_unit_test(the_same_run_tried_again_waits_for_the_answer),
	cmocka_unit_test(one_works_at_a_time_and_the_others_get_their_turn),
	cmocka_unit_test(waiting_has_an_end),
	cmocka_unit_test(only_so_many_wait),
	cmocka_unit_test(who_waits_is_let_go_at_the_end),
	cmocka_unit_test(the_body_says_what),
	cmocka_unit_test(a_body_that_cannot_be_meant_is_refused),
	cmocka_unit_test(only_post_works),
};
TEST_SUITE(door_extract, tests)
