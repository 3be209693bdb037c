/* The HTTP server with workers: the queue, the parked, the slow, the many, and the end. */
#include "io/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/wire.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define HOST "Host: 127.0.0.1\r\n"
#define WORKERS 2
#define QUEUE_MAX 8
#define HELD_MAX 3000000
#define BODY_LIMIT 2000000
#define PARKED 200
#define LONG_MS 30000
#define LARGE 20000000 /* more than the buffers of both sockets */

/* /fast, /hold (until told), /park?key=K (until woken or told to end), /poll (asked again every 50 ms, answers after 300),
 * /large. */
struct fixture {
	struct server *server;
	int port;
	struct arena arena;
	atomic_int asked, holding, answered, ended;
	atomic_bool go;
};

static void say(const struct server_request *rq, struct server_reply *reply, const char *what)
{
	reply->body = arena_printf(rq->arena, "%s woken=%d ending=%d", what, rq->woken, rq->ending);
}

static void hold(struct fixture *f)
{
	(void) atomic_fetch_add(&f->holding, 1);
	while (!atomic_load(&f->go))
		clock_sleep_ms(clock_system(), 1);
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	(void) atomic_fetch_add(&f->asked, 1);
	(void) atomic_fetch_add(&f->ended, rq->ending ? 1 : 0);
	assert_int_equal(rq->arena->used, 0);
	if (strcmp(rq->path, "/hold") == 0) {
		hold(f);
	} else if (strcmp(rq->path, "/park") == 0 && !rq->woken && !rq->ending) {
		(void) arena_alloc(rq->arena, 1000); /* must be gone at the next call */
		reply->park_ms = LONG_MS;
		reply->park_key = server_key(server_query(rq, "key"));
		return;
	} else if (strcmp(rq->path, "/poll") == 0 && rq->waited_ms < 300) {
		reply->park_ms = 50;
		return;
	} else if (strcmp(rq->path, "/large") == 0) {
		reply->body = (struct slice){ arena_alloc(rq->arena, LARGE), LARGE };
		return;
	}
	say(rq, reply, rq->path);
	(void) atomic_fetch_add(&f->answered, 1);
}

static struct server_options options_of(struct fixture *f)
{
	return (struct server_options){ .what = "test",
		                         .connections_max = PARKED + 50,
		                         .body_limit_bytes = BODY_LIMIT,
		                         .head_limit_bytes = 4000,
		                         .idle_timeout_s = 2,
		                         .handle = handle,
		                         .ctx = f,
		                         .workers = WORKERS,
		                         .queue_max = QUEUE_MAX,
		                         .held_bytes_max = HELD_MAX,
		                         .transfer_timeout_s = 3,
		                         .close_wait_ms = 1000 };
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct server_options options = options_of(f);
	struct err err = { 0 };
	f->arena = arena_new(ARENA_BYTES);
	if (server_open(&options, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	f->port = server_port(f->server);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	atomic_store(&f->go, true);
	server_close(f->server);
	arena_done(&f->arena);
	mem_free(f);
	return 0;
}

static int64_t now_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static void reach(atomic_int *count, int wanted)
{
	int64_t until_ms = now_ms() + 20000;
	while (atomic_load(count) < wanted) {
		if (now_ms() > until_ms)
			fail_msg("%d of %d", atomic_load(count), wanted);
		clock_sleep_ms(clock_system(), 1);
	}
}

static int begin(struct fixture *f, const char *target)
{
	char request[200];
	int fd = wire_connect(f->port);
	(void) snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
	assert_true(wire_send(fd, slice_of(request)));
	return fd;
}

static struct wire_reply finish(struct fixture *f, int fd)
{
	struct wire_reply r;
	wire_read(fd, &f->arena, &r);
	(void) close(fd);
	return r;
}

static struct wire_reply get(struct fixture *f, const char *target)
{
	return finish(f, begin(f, target));
}

#define assert_reply(r, status_, text)                                                               \
	do {                                                                                         \
		struct wire_reply r_ = (r);                                                          \
		if (r_.status != (status_) || slice_find_str(r_.body, slice_of(text)) == SIZE_MAX)    \
			fail_msg("line %d: %d %.*s", __LINE__, r_.status, SLICE_FMT(r_.body));        \
	} while (0)

/* --- parked */

static void the_parked_cost_no_thread_and_are_woken_by_key(void **state)
{
	struct fixture *f = *state;
	int fd[PARKED];
	for (int i = 0; i < PARKED; i++) {
		fd[i] = begin(f, i % 2 ? "/park?key=odd" : "/park?key=even");
		reach(&f->asked, i + 1); /* more than the queue holds would be refused */
	}
	assert_reply(get(f, "/fast"), 200, "/fast woken=0 ending=0");
	server_wake(f->server, server_key("nobody"));
	server_wake(f->server, server_key("odd"));
	for (int i = 1; i < PARKED; i += 2)
		assert_reply(finish(f, fd[i]), 200, "/park woken=1 ending=0");
	assert_int_equal(atomic_load(&f->answered), 1 + PARKED / 2);
	server_wake(f->server, server_key("even"));
	for (int i = 0; i < PARKED; i += 2)
		assert_reply(finish(f, fd[i]), 200, "/park woken=1 ending=0");
	assert_int_equal(atomic_load(&f->asked), 2 * PARKED + 1);
}

static void the_parked_are_asked_again_in_time(void **state)
{
	struct fixture *f = *state;
	int64_t begin_ms = now_ms();
	assert_reply(get(f, "/poll"), 200, "/poll woken=0 ending=0");
	int64_t took_ms = now_ms() - begin_ms;
	assert_true(took_ms >= 300 && took_ms < 3000);
	assert_in_range(atomic_load(&f->asked), 3, 7);
}

static enum rc wake_often(void *ctx, size_t i, struct err *err UNUSED)
{
	struct fixture *f = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct wire_reply r;
	for (int k = 0; k < 100; k++) {
		if (i == 0) {
			while (atomic_load(&f->answered) <= k && atomic_load(&f->ended) == 0)
				server_wake(f->server, server_key("k"));
			continue;
		}
		wire_ask(f->port, "GET /park?key=k HTTP/1.1\r\n" HOST "\r\n", &arena, &r);
		if (r.status != 200)
			return err_set(err, RC_REJECT, "status %d", r.status);
	}
	return RC_OK;
}

/* A wake that comes while the handler finds nothing must not be lost: parking would take LONG_MS. */
static void no_wake_is_lost(void **state)
{
	struct err err = { 0 };
	int64_t begin_ms = now_ms();
	if (thread_each(2, 2, wake_often, *state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_true(now_ms() - begin_ms < LONG_MS);
}

static void who_has_gone_is_not_asked_again(void **state)
{
	struct fixture *f = *state;
	int fd = begin(f, "/park?key=k");
	reach(&f->asked, 1);
	(void) close(fd);
	clock_sleep_ms(clock_system(), 50);
	server_wake(f->server, server_key("k"));
	assert_reply(get(f, "/fast"), 200, "/fast");
	int64_t until_ms = now_ms() + 10000;
	while (server_connections(f->server) > 0 && now_ms() < until_ms)
		clock_sleep_ms(clock_system(), 5);
	assert_int_equal(server_connections(f->server), 0);
	assert_int_equal(atomic_load(&f->asked), 2);
}

/* --- too much */

static void a_full_queue_is_503_and_empties_again(void **state)
{
	struct fixture *f = *state;
	int fd[WORKERS + QUEUE_MAX];
	for (int i = 0; i < WORKERS; i++)
		fd[i] = begin(f, "/hold");
	reach(&f->holding, WORKERS);
	for (int i = WORKERS; i < WORKERS + QUEUE_MAX; i++)
		fd[i] = begin(f, "/fast");
	struct wire_reply r = { 0 };
	for (int64_t until_ms = now_ms() + 5000; r.status != 503 && now_ms() < until_ms;) {
		int over = begin(f, "/fast"); /* the last of those before may still be on their way */
		if (r.status == 0)
			r = finish(f, over);
	}
	assert_int_equal(r.status, 503);
	assert_true(slice_is(wire_header(&r, "Retry-After"), "1") && slice_find_str(r.body, SLICE("too many requests")) != SIZE_MAX);
	atomic_store(&f->go, true);
	for (size_t i = 0; i < COUNT_OF(fd); i++)
		assert_int_equal(finish(f, fd[i]).status, 200);
	assert_reply(get(f, "/fast"), 200, "/fast");
}

static int post_part(struct fixture *f, int announced, int sent)
{
	static char zeros[BODY_LIMIT];
	char head[200];
	int fd = wire_connect(f->port);
	(void) snprintf(head, sizeof head, "POST /fast HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", announced);
	assert_true(wire_send(fd, slice_of(head)) && wire_send(fd, (struct slice){ zeros, (size_t) sent }));
	return fd;
}

static void bodies_that_would_fill_the_memory_are_503(void **state)
{
	struct fixture *f = *state;
	int first = post_part(f, BODY_LIMIT, BODY_LIMIT - 1);
	clock_sleep_ms(clock_system(), 200);
	assert_reply(finish(f, post_part(f, BODY_LIMIT, BODY_LIMIT)), 503, "too much is in memory");
	assert_true(wire_send(first, SLICE("x"))); /* what came before is served */
	assert_reply(finish(f, first), 200, "/fast");
	assert_reply(finish(f, post_part(f, BODY_LIMIT, BODY_LIMIT)), 200, "/fast");
}

static void answers_that_nobody_takes_are_counted_too(void **state)
{
	struct fixture *f = *state;
	int reader = begin(f, "/large");
	reach(&f->asked, 1);
	clock_sleep_ms(clock_system(), 200);
	assert_reply(get(f, "/fast"), 503, "too much is in memory");
	assert_int_equal(finish(f, reader).body.len, LARGE);
	clock_sleep_ms(clock_system(), 200);
	assert_reply(get(f, "/fast"), 200, "/fast");
}

/* --- slow on purpose */

static bool trickle(struct fixture *f, const char *head, int every_ms, int64_t *out_ms)
{
	struct wire_reply r;
	int64_t begin_ms = now_ms();
	int fd = wire_connect(f->port);
	bool open = wire_send(fd, slice_of(head));
	while (open && now_ms() - begin_ms < 15000) {
		clock_sleep_ms(clock_system(), every_ms);
		open = wire_send(fd, SLICE("x"));
	}
	*out_ms = now_ms() - begin_ms;
	wire_read(fd, &f->arena, &r);
	(void) close(fd);
	return !open && r.status != 200;
}

static void one_byte_at_a_time_holds_no_connection(void **state)
{
	struct fixture *f = *state;
	static const char *const heads[] = {
		"GET /",
		"GET / HTTP/1.1\r\n" HOST "X: ",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n",
	};
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		int64_t ms;
		if (!trickle(f, heads[i], 100, &ms) || ms > 6000)
			fail_msg("'%s' was held for %lld ms", heads[i], (long long) ms);
	}
	assert_int_equal(atomic_load(&f->asked), 0);
	assert_int_equal(server_connections(f->server), 0);
}

static void a_reader_that_sips_is_dropped(void **state)
{
	struct fixture *f = *state;
	char byte[512];
	ssize_t n = 1;
	size_t got = 0;
	int64_t begin_ms = now_ms();
	int fd = begin(f, "/large");
	reach(&f->asked, 1);
	while (n > 0 && server_connections(f->server) > 0 && now_ms() - begin_ms < 15000) {
		n = read(fd, byte, sizeof byte);
		got += n > 0 ? (size_t) n : 0;
		clock_sleep_ms(clock_system(), 20);
	}
	(void) close(fd);
	assert_true(got < LARGE && now_ms() - begin_ms < 8000);
}

/* --- the end */

static void *close_server(void *arg)
{
	struct fixture *f = arg;
	server_close(TAKE(f->server));
	return NULL;
}

static void closing_tells_the_parked_and_lets_the_running_end(void **state)
{
	struct fixture *f = *state;
	pthread_t closer;
	int parked = begin(f, "/park?key=k"), idle = begin(f, "/fast");
	struct wire_reply r;
	wire_read(idle, &f->arena, &r);
	reach(&f->asked, 2);
	int running = begin(f, "/hold");
	reach(&f->holding, 1);
	assert_int_equal(pthread_create(&closer, NULL, close_server, f), 0);
	assert_reply(finish(f, parked), 200, "/park woken=0 ending=1");
	assert_true(wire_send(idle, SLICE("GET /fast HTTP/1.1\r\n" HOST "\r\n")));
	r = finish(f, idle);
	assert_reply(r, 503, "stopping");
	assert_true(slice_is(wire_header(&r, "Connection"), "close"));
	atomic_store(&f->go, true);
	assert_reply(finish(f, running), 200, "/hold");
	(void) pthread_join(closer, NULL);
}

static void what_nobody_has_begun_is_refused_when_the_time_is_over(void **state)
{
	struct fixture *f = *state;
	pthread_t closer;
	int running[WORKERS];
	for (int i = 0; i < WORKERS; i++)
		running[i] = begin(f, "/hold");
	reach(&f->holding, WORKERS);
	int waiting = begin(f, "/fast");
	clock_sleep_ms(clock_system(), 100);
	assert_int_equal(pthread_create(&closer, NULL, close_server, f), 0);
	clock_sleep_ms(clock_system(), 1500); /* close_wait_ms is 1000 */
	atomic_store(&f->go, true);
	(void) pthread_join(closer, NULL);
	assert_reply(finish(f, waiting), 503, "stopping");
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(finish(f, running[i]).status, 200);
}

/* --- where it listens */

static void an_address_can_be_chosen(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	struct server *second;
	struct server_options options = options_of(f);
	options.address = "0.0.0.0";
	if (server_open(&options, &second, &err) != RC_OK)
		fail_msg("%s", err.msg);
	struct wire_reply r;
	wire_ask(server_port(second), "GET /fast HTTP/1.1\r\n" HOST "\r\n", &f->arena, &r);
	server_close(second);
	assert_int_equal(r.status, 200);
	static const char *const bad[] = { "localhost", "127.0.0.1:80", "300.0.0.1", "" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		options.address = bad[i];
		assert_int_equal(server_open(&options, &second, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, "want an IPv4 or IPv6 address"));
	}
	options.address = "192.0.2.1";
	assert_int_equal(server_open(&options, &second, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "192.0.2.1"));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
static const struct CMUnitTest tests[] = {
	test(the_parked_cost_no_thread_and_are_woken_by_key),
	test(the_parked_are_asked_again_in_time),
	test(no_wake_is_lost),
	test(who_has_gone_is_not_asked_again),
	test(a_full_queue_is_503_and_empties_again),
	test(bodies_that_would_fill_the_memory_are_503),
	test(answers_that_nobody_takes_are_counted_too),
	test(one_byte_at_a_time_holds_no_connection),
	test(a_reader_that_sips_is_dropped),
	test(closing_tells_the_parked_and_lets_the_running_end),
	test(what_nobody_has_begun_is_refused_when_the_time_is_over),
	test(an_address_can_be_chosen),
};
TEST_SUITE(server_pool, tests)
