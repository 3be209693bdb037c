/* The HTTP server over raw sockets: what it lets in, what it refuses, and how an answer goes wrong when it is told to. */
#include "io/server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/wire.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 64 << 20)
#define BODY_LIMIT 5000
#define HEAD_LIMIT 2000
#define CONNECTIONS_MAX 60 /* twice the clients: one that has closed counts until the server has seen it */
#define HOST "Host: 127.0.0.1\r\n"

struct fixture {
	struct server *server;
	int port;
	struct arena arena;
	atomic_int handled;
	struct server_reply reply; /* what the handler is to send; without a body it tells what it was asked */
};

static void tell(const struct server_request *rq, struct server_reply *reply)
{
	const char *x = server_query(rq, "x"), *header = server_header(rq, "x-TEST"), *field = server_form(rq, "f");
	reply->body = arena_printf(rq->arena, "%s %s target=%s x=%s header=%s f=%s body=%zu", rq->method, rq->path, rq->target,
	                           x ? x : "(none)", header ? header : "(none)", field ? field : "(none)", rq->body.len);
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	(void) atomic_fetch_add(&f->handled, 1);
	if (f->reply.status)
		*reply = f->reply;
	if (!reply->body.ptr)
		tell(rq, reply);
}

static int open_with(void **state, int workers)
{
	struct fixture *f = mem_alloc(sizeof *f);
	const struct server_options options = {
		.what = "test",
		.connections_max = CONNECTIONS_MAX,
		.body_limit_bytes = BODY_LIMIT,
		.head_limit_bytes = HEAD_LIMIT,
		.idle_timeout_s = 2,
		.handle = handle,
		.ctx = f,
		.workers = workers,
		.queue_max = 100,
		.held_bytes_max = 1 << 20,
		.transfer_timeout_s = 10,
	};
	struct err err = { 0 };
	f->arena = arena_new(ARENA_BYTES);
	if (server_open(&options, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	f->port = server_port(f->server);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return open_with(state, 0);
}

static int setup_pooled(void **state)
{
	return open_with(state, 3);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	server_close(f->server);
	arena_done(&f->arena);
	mem_free(f);
	return 0;
}

static struct wire_reply ask(struct fixture *f, const char *request)
{
	struct wire_reply reply;
	wire_ask(f->port, request, &f->arena, &reply);
	return reply;
}

#define assert_body(reply, text) assert_string_equal((reply).body.ptr, text)

static void a_request_is_handed_over_whole(void **state)
{
	struct wire_reply r = ask(*state, "GET /a%20b?x=1%2B1+2&x=no HTTP/1.1\r\n" HOST "X-Test: yes\r\n\r\n");
	assert_int_equal(r.status, 200);
	assert_body(r, "GET /a b target=/a%20b?x=1%2B1+2&x=no x=1+1 2 header=yes f=(none) body=0");
	r = ask(*state, "GET /?x HTTP/1.1\r\n" HOST "\r\n");
	assert_body(r, "GET / target=/?x x= header=(none) f=(none) body=0");
	r = ask(*state, "GET /? HTTP/1.1\r\n" HOST "\r\n");
	assert_body(r, "GET / target=/? x=(none) header=(none) f=(none) body=0");
}

static void a_form_is_decoded(void **state)
{
	struct wire_reply r = ask(*state, "POST / HTTP/1.1\r\n" HOST "Content-Length: 24\r\n\r\na=1&g=2&%66=x+y%26z&f=9&&");
	assert_body(r, "POST / target=/ x=(none) header=(none) f=x y&z body=24");
	r = ask(*state, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nf");
	assert_body(r, "POST / target=/ x=(none) header=(none) f= body=1");
	r = ask(*state, "POST / HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\nf=a%00bc");
	assert_body(r, "POST / target=/ x=(none) header=(none) f=(none) body=8");
	r = ask(*state, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nf=a\r\n2\r\nbc\r\n0\r\n\r\n");
	assert_body(r, "POST / target=/ x=(none) header=(none) f=abc body=5");
}

static void headers_and_status_are_sent(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 429, .body = SLICE("slow down") };
	server_reply_header(&f->reply, "Retry-After", "7");
	server_reply_header(&f->reply, "Content-Type", "text/plain");
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 429);
	assert_true(slice_is(wire_header(&r, "retry-after"), "7") && slice_is(wire_header(&r, "Content-Type"), "text/plain"));
	assert_body(r, "slow down");
	f->reply = (struct server_reply){ .status = 304, .body = SLICE("") };
	r = ask(f, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	assert_int_equal(r.status, 304);
	assert_true(r.body.len == 0 && r.end == WIRE_WHOLE);
}

static void a_header_with_a_line_break_never_leaves(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 200, .body = SLICE("x") };
	server_reply_header(&f->reply, "Location", "http://a/\r\nX-Evil: 1");
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 500);
	assert_null(wire_header(&r, "X-Evil").ptr);
}

static void a_body_over_the_limit_is_413(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
	struct wire_reply r = ask(f, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5001\r\n\r\n");
	assert_int_equal(r.status, 413);
	/* Not announced: it is noticed on the way. */
	buf_adds(&b, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 6; i++)
		buf_addf(&b, "3e8\r\n%01000d\r\n", 0);
	buf_adds(&b, "0\r\n\r\n");
	r = ask(f, buf_str(&b));
	assert_int_equal(r.status, 413);
	assert_int_equal(atomic_load(&f->handled), 0);
	buf_reset(&b);
	buf_addf(&b, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n\r\n%05000d", 0);
	r = ask(f, buf_str(&b));
	assert_int_equal(r.status, 200);
	assert_true(slice_ends(r.body, SLICE("body=5000")));
}

static void a_body_without_end_is_cut_off(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
	int fd = wire_connect(f->port), pieces = 0;
	bool taken = wire_send(fd, SLICE("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
	buf_addf(&b, "8000\r\n%032768d\r\n", 0);
	for (; taken && pieces < 4000; pieces++)
		taken = wire_send(fd, buf_slice(&b));
	(void) close(fd);
	assert_false(taken); /* 4000 of them are 131 MB */
	assert_int_equal(atomic_load(&f->handled), 0);
}

static void a_head_over_the_limit_is_414_or_431(void **state)
{
	struct fixture *f = *state;
	static const int sizes[] = { 2500, 9000, 40000, 300000 };
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
		buf_addf(&b, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", sizes[i], 0);
		struct wire_reply r = ask(f, buf_str(&b));
		assert_true(r.status == 414 || (sizes[i] > 9000 && (r.status == 431 || r.end == WIRE_RESET)));
		buf_reset(&b);
		buf_addf(&b, "GET / HTTP/1.1\r\n" HOST "X-Test: %0*d\r\n\r\n", sizes[i], 0);
		r = ask(f, buf_str(&b));
		assert_true(r.status == 431 || (sizes[i] > 9000 && r.end == WIRE_RESET));
	}
	assert_int_equal(atomic_load(&f->handled), 0);
	CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
	buf_addf(&b, "GET /%01800d HTTP/1.1\r\n" HOST "\r\n", 0);
	assert_int_equal(ask(f, buf_str(&b)).status, 200);
}

static void what_two_servers_would_read_differently_is_refused(void **state)
{
	static const char *const bad[] = {
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: five\r\n\r\nabcde",
		"GET /a%00b HTTP/1.1\r\n" HOST "\r\n",
		"GET /?x=%00 HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n\r\n",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct wire_reply r = ask(f, bad[i]);
		if (r.status != 400)
			fail_msg("request %zu: status %d", i, r.status);
	}
	assert_int_equal(atomic_load(&f->handled), 0);
}

static void a_connection_serves_many_requests(void **state)
{
	struct fixture *f = *state;
	int fd = wire_connect(f->port);
	for (int i = 0; i < 50; i++) {
		struct wire_reply r;
		wire_send(fd, SLICE("POST /k HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nf=a"));
		wire_read(fd, &f->arena, &r);
		assert_int_equal(r.status, 200);
		assert_body(r, "POST /k target=/k x=(none) header=(none) f=a body=3");
	}
	(void) close(fd);
}

static void reset_is_a_reset(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 200, .body = SLICE("0123456789"), .wrong.reset = true };
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.end, WIRE_RESET);
	assert_true(r.head.len == 0 && r.body.len == 0);
}

static void truncate_announces_more_than_comes(void **state)
{
	struct fixture *f = *state;
	static const size_t sent[] = { 4, 0, 9 };
	for (size_t i = 0; i < COUNT_OF(sent); i++) {
		f->reply = (struct server_reply){ .status = 200,
			                           .body = SLICE("0123456789"),
			                           .wrong = { .truncate = true, .send_bytes = sent[i] } };
		struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
		assert_true(slice_is(wire_header(&r, "Content-Length"), "10"));
		assert_true(r.end == WIRE_CUT || r.end == WIRE_RESET);
		assert_true(r.body.len == sent[i] && memcmp(r.body.ptr, "0123456789", sent[i]) == 0);
	}
}

static void short_length_announces_less_than_there_is(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 200,
		                           .body = SLICE("0123456789"),
		                           .wrong = { .short_length = true, .send_bytes = 4 } };
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_true(slice_is(wire_header(&r, "Content-Length"), "4") && r.end == WIRE_WHOLE);
	assert_body(r, "0123");
}

static void slow_takes_its_time_and_comes_whole(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 200,
		                           .body = SLICE("0123456789"),
		                           .wrong = { .delay_ms = 100, .pause_ms = 60, .pause_bytes = 3 } };
	int64_t begin = clock_mono_ns(clock_system());
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	int64_t took_ms = (clock_mono_ns(clock_system()) - begin) / 1000000;
	assert_true(r.end == WIRE_WHOLE);
	assert_body(r, "0123456789");
	assert_true(took_ms >= 100 + 3 * 60);
}

/* A pause that is longer than the idle timeout is the server's own, not the client's silence. */
static void slow_may_be_slower_than_the_idle_timeout(void **state)
{
	struct fixture *f = *state;
	f->reply = (struct server_reply){ .status = 200, .body = SLICE("0123456789"), .wrong.delay_ms = 3500 };
	struct wire_reply r = ask(f, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_true(r.end == WIRE_WHOLE && r.body.len == 10);
}

static void the_silent_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct wire_reply r;
	int fd = wire_connect(f->port);
	wire_send(fd, SLICE("GET / HT"));
	wire_read(fd, &f->arena, &r);
	(void) close(fd);
	assert_true(r.end != WIRE_TIMEOUT && r.status != 200);
	assert_int_equal(atomic_load(&f->handled), 0);
}

static enum rc one_client(void *ctx, size_t i, struct err *err)
{
	struct fixture *f = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	char request[128], want[32];
	for (int k = 0; k < 20; k++) {
		struct wire_reply r;
		(void) snprintf(request, sizeof request, "GET /?x=%zu.%d HTTP/1.1\r\n" HOST "\r\n", i, k);
		(void) snprintf(want, sizeof want, " x=%zu.%d ", i, k);
		wire_ask(f->port, request, &arena, &r);
		if (r.status != 200 || slice_find_str(r.body, slice_of(want)) == SIZE_MAX)
			return err_set(err, RC_REJECT, "client %zu: status %d", i, r.status);
	}
	return RC_OK;
}

static void many_clients_at_once(void **state)
{
	struct err err = { 0 };
	if (thread_each(24, 24, one_client, *state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(atomic_load(&((struct fixture *) *state)->handled), 24 * 20);
}

static void connections_over_the_limit_are_closed(void **state)
{
	struct fixture *f = *state;
	struct wire_reply r;
	int fd[CONNECTIONS_MAX];
	for (size_t i = 0; i < COUNT_OF(fd); i++) {
		fd[i] = wire_connect(f->port);
		wire_send(fd[i], SLICE("GET / HTTP/1.1\r\n" HOST "\r\n"));
		wire_read(fd[i], &f->arena, &r);
		assert_int_equal(r.status, 200);
	}
	int handled = atomic_load(&f->handled);
	int one_more = wire_connect(f->port);
	wire_send(one_more, SLICE("GET / HTTP/1.1\r\n" HOST "\r\n"));
	wire_read(one_more, &f->arena, &r);
	(void) close(one_more);
	assert_true(r.status == 0 && r.end != WIRE_TIMEOUT);
	assert_int_equal(atomic_load(&f->handled), handled);
	for (size_t i = 0; i < COUNT_OF(fd); i++)
		(void) close(fd[i]);
}

static void a_taken_port_is_named(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	struct server *second;
	char port[16];
	const struct server_options options = {
		.what = "test",
		.port = f->port,
		.connections_max = 1,
		.body_limit_bytes = 1,
		.head_limit_bytes = 1000,
		.idle_timeout_s = 1,
		.handle = handle,
		.ctx = f,
	};
	assert_int_equal(server_open(&options, &second, &err), RC_FATAL);
	assert_null(second);
	(void) snprintf(port, sizeof port, "%d", f->port);
	assert_true(strstr(err.msg, port) && strstr(err.msg, "taken"));
}

static void closing_lets_a_slow_answer_end(void **state)
{
	struct fixture *f = *state;
	struct wire_reply r;
	f->reply = (struct server_reply){ .status = 200, .body = SLICE("0123456789"), .wrong = { .delay_ms = 60000 } };
	int fd = wire_connect(f->port);
	wire_send(fd, SLICE("GET / HTTP/1.1\r\n" HOST "\r\n"));
	while (atomic_load(&f->handled) == 0)
		clock_sleep_ms(clock_system(), 1);
	int64_t begin = clock_mono_ns(clock_system());
	server_close(TAKE(f->server));
	assert_true((clock_mono_ns(clock_system()) - begin) / 1000000 < 4000);
	wire_read(fd, &f->arena, &r);
	(void) close(fd);
	assert_true(r.end == WIRE_WHOLE);
	assert_body(r, "0123456789");
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define pooled(f) { #f " [workers]", f, setup_pooled, teardown, NULL }
static const struct CMUnitTest tests[] = {
	test(a_request_is_handed_over_whole),
	pooled(a_request_is_handed_over_whole),
	test(a_form_is_decoded),
	pooled(a_form_is_decoded),
	test(headers_and_status_are_sent),
	pooled(headers_and_status_are_sent),
	test(a_header_with_a_line_break_never_leaves),
	pooled(a_header_with_a_line_break_never_leaves),
	test(a_body_over_the_limit_is_413),
	pooled(a_body_over_the_limit_is_413),
	test(a_body_without_end_is_cut_off),
	pooled(a_body_without_end_is_cut_off),
	test(a_head_over_the_limit_is_414_or_431),
	pooled(a_head_over_the_limit_is_414_or_431),
	test(what_two_servers_would_read_differently_is_refused),
	pooled(what_two_servers_would_read_differently_is_refused),
	test(a_connection_serves_many_requests),
	pooled(a_connection_serves_many_requests),
	test(reset_is_a_reset),
	test(truncate_announces_more_than_comes),
	test(short_length_announces_less_than_there_is),
	test(slow_takes_its_time_and_comes_whole),
	test(slow_may_be_slower_than_the_idle_timeout),
	test(the_silent_are_dropped),
	pooled(the_silent_are_dropped),
	test(many_clients_at_once),
	pooled(many_clients_at_once),
	test(connections_over_the_limit_are_closed),
	pooled(connections_over_the_limit_are_closed),
	test(a_taken_port_is_named),
	test(closing_lets_a_slow_answer_end),
};
TEST_SUITE(server, tests)
