/* /healthz and /readyz, and the file that says who serves a home. */
#include "serve/health.h"

#include "bus/bus_admin.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/process.h"
#include "serve/lookout.h"
#include "serve/presence.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_MS INT64_C(1795446707000)

struct fixture {
	char home[400];
	struct clock_fake clock;
	struct bus *bus;
	struct state *state;
	struct health_options o;
	struct health *health;
	struct arena arena;
	atomic_bool stop;
	int status;
	struct json *answer;
};

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	char path[512];
	*f = (struct fixture){ .arena = arena_new(1 << 20) };
	(void) snprintf(f->home, sizeof f->home, "%s", test_tmpdir());
	(void) snprintf(path, sizeof path, "%s/state.db", f->home);
	clock_fake_init(&f->clock, NOW_MS);
	f->bus = bus_mem_open(&f->clock.base);
	if (state_open(path, &f->clock.base, &f->state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	f->o = (struct health_options){ .bus = f->bus, .state = f->state, .home = f->home, .stop = &f->stop };
}

static void fixture_done(struct fixture *f)
{
	health_close(f->health);
	bus_close(f->bus);
	state_close(f->state);
	json_free(f->answer);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

static void ask(struct fixture *f, const char *method, const char *path)
{
	const struct server_request rq = { .method = method, .path = path, .target = path, .arena = &f->arena };
	struct server_reply reply = { .status = 200 };
	struct err err = { 0 };
	if (!f->health)
		f->health = health_open(&f->o);
	json_freep(&f->answer);
	assert_true(health_handle(f->health, &rq, &reply));
	if (json_parse(reply.body, &f->answer, &err) != RC_OK)
		fail_msg("%s", err.msg);
	f->status = reply.status;
}

/* The word of one check: "" when it is well. */
static struct slice why(struct fixture *f, const char *check)
{
	const struct json *checks = json_get(f->answer, "checks");
	for (size_t i = 0; i < json_size(checks); i++) {
		const struct json *one = json_at(checks, i);
		bool ok = false;
		if (!slice_is(json_get_string(one, "check"), check))
			continue;
		assert_true(json_bool(json_get(one, "ok"), &ok));
		assert_true(ok != (json_get_string(one, "why").len > 0));
		return ok ? SLICE("") : json_get_string(one, "why");
	}
	fail_msg("no check %s", check);
	return SLICE_NULL;
}

static void a_service_that_works_is_alive_and_ready(void **state)
{
	(void) state;
	FIXTURE(f);
	bool ready = false;
	ask(&f, "GET", "/healthz");
	assert_int_equal(f.status, 200);
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 200);
	assert_true(json_bool(json_get(f.answer, "ready"), &ready) && ready);
	assert_int_equal(json_size(json_get(f.answer, "checks")), 5);
	ask(&f, "HEAD", "/readyz");
	assert_int_equal(f.status, 200);
	ask(&f, "POST", "/readyz");
	assert_int_equal(f.status, 405);
	const struct server_request other = { .method = "GET", .path = "/readyz/", .target = "/readyz/", .arena = &f.arena };
	struct server_reply reply = { .status = 200 };
	assert_false(health_handle(f.health, &other, &reply));
}

static void *ask_often(void *arg)
{
	struct fixture *f = arg;
	int *refused = mem_alloc(sizeof *refused);
	for (int i = 0; i < 300; i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		const struct server_request rq = { .method = "GET", .path = "/readyz", .target = "/readyz", .arena = &arena };
		struct server_reply reply = { .status = 200 };
		*refused += !health_handle(f->health, &rq, &reply) || reply.status != 200;
	}
	return refused;
}

static void many_who_ask_at_once_get_the_same_answer(void **state)
{
	(void) state;
	FIXTURE(f);
	pthread_t thread[4];
	f.health = health_open(&f.o);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &f), 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++) {
		void *refused;
		assert_int_equal(pthread_join(thread[i], &refused), 0);
		assert_int_equal(*(int *) refused, 0);
		mem_free(refused);
	}
}

static void one_that_stops_is_alive_and_not_ready(void **state)
{
	(void) state;
	FIXTURE(f);
	f.stop = true;
	ask(&f, "GET", "/healthz");
	assert_int_equal(f.status, 200);
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 503);
	assert_true(slice_is(why(&f, "running"), "the service is stopping"));
}

static void each_check_fails_by_itself(void **state)
{
	(void) state;
	FIXTURE(f);
	f.o.free_bytes_min = INT64_MAX;
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 503);
	assert_true(slice_find_str(why(&f, "disk"), SLICE("disk_free_min_mb")) != SIZE_MAX);
	assert_true(why(&f, "bus").len == 0 && why(&f, "state").len == 0 && why(&f, "home").len == 0);
	FIXTURE(g);
	g.bus = g.o.bus = bus_fault_open(g.bus, 1, false, RC_FATAL);
	ask(&g, "GET", "/readyz");
	assert_int_equal(g.status, 503);
	assert_true(why(&g, "bus").len > 0 && why(&g, "disk").len == 0);
	ask(&g, "GET", "/readyz"); /* it answers again */
	assert_int_equal(g.status, 200);
}

static void a_home_that_has_gone_is_not_ready(void **state)
{
	(void) state;
	FIXTURE(f);
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 200);
	assert_int_equal(file_remove_tree(f.home, NULL), RC_OK);
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 503);
	assert_true(why(&f, "home").len > 0);
}

/* A bus whose disk hangs. */
static enum rc hang(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	(void) b, (void) sub, (void) arena, (void) out;
	clock_sleep_ms(clock_system(), 3000);
	return err_set(err, RC_RETRY, "too late");
}

static void a_disk_that_hangs_does_not_hold_up_the_answer(void **state)
{
	(void) state;
	static const struct bus_admin_ops admin = { .subscription = hang };
	static const struct bus_ops ops = { .name = "hanging", .admin = &admin };
	struct bus hanging = { .ops = &ops };
	FIXTURE(f);
	f.o.bus = &hanging;
	int64_t begin_ns = clock_mono_ns(clock_system());
	ask(&f, "GET", "/readyz");
	assert_int_equal(f.status, 503);
	assert_true(slice_is(why(&f, "bus"), "no answer yet"));
	ask(&f, "GET", "/healthz");
	assert_int_equal(f.status, 200);
	int64_t elapsed_ms = (clock_mono_ns(clock_system()) - begin_ns) / 1000000;
	if (elapsed_ms > 2500)
		fail_msg("%lld ms", (long long) elapsed_ms);
}

/* --- looking on demand -------------------------------------------------------------------------------------- */

struct slow {
	_Atomic int begun, ended;
};

static void slow_look(void *ctx)
{
	struct slow *s = ctx;
	(void) atomic_fetch_add(&s->begun, 1);
	clock_sleep_ms(clock_system(), 200);
	(void) atomic_fetch_add(&s->ended, 1);
}

static void a_look_begins_after_it_was_asked_for_and_is_shared(void **state)
{
	(void) state;
	struct slow s = { 0 };
	struct lookout *l = lookout_open(slow_look, &s);
	assert_false(lookout_ask(l, 0));
	assert_true(lookout_ask(l, 5000)); /* joined the first one, or asked for the one after it */
	assert_true(atomic_load(&s.ended) >= 1 && atomic_load(&s.begun) <= 2);
	int begun = atomic_load(&s.begun);
	assert_true(lookout_ask(l, 5000)); /* what ended before does not count */
	assert_int_equal(atomic_load(&s.begun), begun + 1);
	assert_false(lookout_ask(l, 20));
	assert_true(lookout_ask(l, 5000));
	lookout_close(l);
	assert_int_equal(atomic_load(&s.begun), atomic_load(&s.ended));
}

/* --- who serves --------------------------------------------------------------------------------------------- */

static enum presence_state look(const char *home, struct presence *out)
{
	enum presence_state found;
	struct err err = { 0 };
	if (presence_look(home, out, &found, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return found;
}

static void put(const char *home, const char *text)
{
	char path[512];
	(void) snprintf(path, sizeof path, "%s/serve.json", home);
	assert_int_equal(file_replace(path, slice_of(text), NULL), RC_OK);
}

static void whoever_serves_says_so_until_it_ends(void **state)
{
	(void) state;
	FIXTURE(f);
	struct presence p;
	assert_int_equal(look(f.home, &p), PRESENCE_NONE);
	assert_int_equal(presence_write(f.home, "http://127.0.0.1:8085", 8085, &f.clock.base, NULL), RC_OK);
	assert_int_equal(look(f.home, &p), PRESENCE_ALIVE);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.port, 8085);
	assert_int_equal(p.since_s, NOW_MS / 1000);
	assert_string_equal(p.url, "http://127.0.0.1:8085");
	presence_remove(f.home);
	assert_int_equal(look(f.home, &p), PRESENCE_NONE);
	presence_remove(f.home);
}

static void a_process_that_was_killed_is_told_from_a_living_one(void **state)
{
	(void) state;
	FIXTURE(f);
	struct presence p;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(presence_write(f.home, "u", 1, &f.clock.base, NULL) != RC_OK);
	int status;
	assert_true(waitpid(child, &status, 0) == child && status == 0);
	assert_int_equal(look(f.home, &p), PRESENCE_DEAD);
	assert_int_equal(p.pid, child);
	presence_remove(f.home); /* not ours */
	assert_int_equal(look(f.home, &p), PRESENCE_DEAD);
}

static void a_file_nobody_understands_steers_nothing(void **state)
{
	(void) state;
	FIXTURE(f);
	struct presence p;
	static const char *const text[] = { "", "{", "[]", "null", "{\"process\":7,\"port\":\"x\",\"since\":{}}",
		                            "{\"process\":\"a b\",\"url\":\"x\\u001b[31m\\u0000y\",\"pid\":1e99}" };
	for (size_t i = 0; i < COUNT_OF(text); i++) {
		put(f.home, text[i]);
		assert_int_equal(look(f.home, &p), PRESENCE_UNKNOWN);
		assert_true(p.pid == 0 && p.port == 0 && p.since_s == 0);
	}
	assert_string_equal(p.url, "x[31my");
	char *large = arena_alloc(&f.arena, 100000);
	memset(large, ' ', 99999);
	put(f.home, large);
	assert_int_equal(look(f.home, &p), PRESENCE_UNKNOWN);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_service_that_works_is_alive_and_ready),
	cmocka_unit_test(many_who_ask_at_once_get_the_same_answer),
	cmocka_unit_test(one_that_stops_is_alive_and_not_ready),
	cmocka_unit_test(each_check_fails_by_itself),
	cmocka_unit_test(a_home_that_has_gone_is_not_ready),
	cmocka_unit_test(a_disk_that_hangs_does_not_hold_up_the_answer),
	cmocka_unit_test(a_look_begins_after_it_was_asked_for_and_is_shared),
	cmocka_unit_test(whoever_serves_says_so_until_it_ends),
	cmocka_unit_test(a_process_that_was_killed_is_told_from_a_living_one),
	cmocka_unit_test(a_file_nobody_understands_steers_nothing),
};
TEST_SUITE(health, tests);
