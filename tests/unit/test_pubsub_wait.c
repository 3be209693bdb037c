/* Pulls that wait: many at once on two workers, woken by what this process publishes, and soon aware of what others do. */
#include "serve/pubsub.h"

#include "base/clock.h"
#include "base/thread.h"
#include "support/wire.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define PULLS 100
#define LONG_MS 30000
#define SHORT_MS 2000

/* The embedded bus, and how often somebody looks at it. */
struct counted {
	struct bus base;
	struct bus *inner;
	atomic_int looks;
};
struct fixture {
	struct counted counted;
	struct bus *bus, *other; /* other: as another process has it */
	struct pubsub *pubsub;
	struct server *server;
	struct arena arena;
};

static struct counted *self(struct bus *b)
{
	return CONTAINER_OF(b, struct counted, base);
}

static enum rc counted_subscription(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	return bus_subscription(self(b)->inner, sub, arena, out, err);
}

static enum rc counted_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                               struct err *err)
{
	return bus_publish(self(b)->inner, topic, message, count, arena, err);
}

static enum rc counted_pull(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena, struct bus_delivery **out,
                            size_t *out_count, struct err *err)
{
	(void) atomic_fetch_add(&self(b)->looks, 1);
	return bus_pull(self(b)->inner, sub, max, max_bytes, arena, out, out_count, err);
}

static void counted_close(struct bus *b)
{
	bus_close(self(b)->inner);
}

static const struct bus_admin_ops counted_admin = { .subscription = counted_subscription };
static const struct bus_ops counted_ops = {
	.name = "counted", .admin = &counted_admin, .publish = counted_publish, .pull = counted_pull, .close = counted_close,
};

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	assert_true(pubsub_handle(ctx, rq, reply));
}

static void published(void *ctx, const char *topic)
{
	server_wake(ctx, pubsub_published_key(topic));
}

#define ok(call)                                                    \
	do {                                                        \
		struct err err = { 0 };                             \
		if ((call) != RC_OK)                                \
			fail_msg("line %d: %s", __LINE__, err.msg); \
	} while (0)

static void fixture_open(struct fixture *f, int64_t wait_ms)
{
	static const struct bus_subscription sub = { .name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "" };
	char path[512];
	*f = (struct fixture){ .counted.base.ops = &counted_ops, .arena = arena_new(ARENA_BYTES) };
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	ok(bus_sqlite_open(path, clock_system(), &f->other, &err));
	ok(bus_create_topic(f->other, "topic-a", &err));
	ok(bus_create_subscription(f->other, &sub, &err));
	ok(bus_sqlite_open(path, clock_system(), &f->counted.inner, &err));
	f->bus = bus_group_open(&f->counted.base);
	f->pubsub = pubsub_open(&(struct pubsub_options){ .bus = f->bus, .project = "p1", .clock = clock_system(), .pull_wait_ms = wait_ms });
	const struct server_options so = { .what = "test", .connections_max = PULLS + 10, .body_limit_bytes = (size_t) 1 << 20,
		                           .head_limit_bytes = 4000, .idle_timeout_s = 30, .handle = handle, .ctx = f->pubsub, .workers = 2,
		                           .queue_max = PULLS, .held_bytes_max = (size_t) 64 << 20, .transfer_timeout_s = 30 };
	ok(server_open(&so, &f->server, &err));
	bus_group_on_publish(f->bus, published, f->server);
}

static void fixture_done(struct fixture *f)
{
	server_close(f->server);
	pubsub_close(f->pubsub);
	bus_close(f->bus);
	bus_close(f->other);
	arena_done(&f->arena);
}
#define FIXTURE(f, wait_ms)                        \
	CLEANUP(fixture_done) struct fixture f;    \
	fixture_open(&(f), wait_ms)

static int64_t now_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static int begin_pull(struct fixture *f)
{
	static const char body[] = "{\"maxMessages\":1}";
	char request[300];
	int fd = wire_connect(server_port(f->server));
	(void) snprintf(request, sizeof request,
	                "POST /v1/projects/p1/subscriptions/sub-a:pull HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	                "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	assert_true(wire_send(fd, slice_of(request)));
	return fd;
}

/* The message id, or SLICE_NULL when nothing came. */
static struct slice finish_pull(struct fixture *f, int fd)
{
	struct wire_reply r;
	const struct slice mark = SLICE("\"messageId\":\"");
	wire_read(fd, &f->arena, &r);
	(void) close(fd);
	assert_int_equal(r.status, 200);
	size_t at = slice_find_str(r.body, mark);
	if (at == SIZE_MAX) {
		assert_true(slice_is(r.body, "{}\n"));
		return SLICE_NULL;
	}
	return slice_sub(r.body, at + mark.len, slice_find(r.body, '"', at + mark.len) - at - mark.len);
}

static void publish(struct fixture *f, struct bus *bus, size_t count)
{
	struct bus_message *m = arena_alloc_array(&f->arena, count, sizeof *m);
	for (size_t i = 0; i < count; i++)
		m[i].data = SLICE("x");
	ok(bus_publish(bus, "topic-a", m, count, &f->arena, &err));
}

static void wait_for_looks(struct fixture *f, int count)
{
	for (int64_t until_ms = now_ms() + 20000; atomic_load(&f->counted.looks) < count;) {
		assert_true(now_ms() < until_ms);
		clock_sleep_ms(clock_system(), 1);
	}
}

static void a_hundred_pulls_wait_and_each_gets_one(void **unused UNUSED)
{
	FIXTURE(f, LONG_MS);
	int fd[PULLS];
	bool seen[PULLS + 1] = { 0 };
	for (int i = 0; i < PULLS; i++)
		fd[i] = begin_pull(&f);
	wait_for_looks(&f, PULLS);
	int64_t begin_ms = now_ms();
	publish(&f, f.bus, PULLS);
	for (int i = 0; i < PULLS; i++) {
		int64_t id = 0;
		assert_true(slice_to_int(finish_pull(&f, fd[i]), &id) && id >= 1 && id <= PULLS && !seen[id]);
		seen[id] = true;
	}
	assert_true(now_ms() - begin_ms < LONG_MS / 2);
}

static void a_publish_of_this_process_wakes_at_once(void **unused UNUSED)
{
	FIXTURE(f, LONG_MS);
	int64_t best_ms = INT64_MAX;
	for (int i = 0; i < 10; i++) {
		int looks = atomic_load(&f.counted.looks);
		int fd = begin_pull(&f);
		wait_for_looks(&f, looks + 1);
		int64_t begin_ms = now_ms();
		publish(&f, f.bus, 1);
		assert_non_null(finish_pull(&f, fd).ptr);
		best_ms = now_ms() - begin_ms < best_ms ? now_ms() - begin_ms : best_ms;
	}
	assert_true(best_ms < 50); /* looking by time alone takes 100, less than half of that never ten times */
}

static void a_publish_of_another_process_is_seen_soon(void **unused UNUSED)
{
	FIXTURE(f, LONG_MS);
	int fd = begin_pull(&f);
	wait_for_looks(&f, 1);
	int64_t begin_ms = now_ms();
	publish(&f, f.other, 1);
	assert_non_null(finish_pull(&f, fd).ptr);
	assert_true(now_ms() - begin_ms < LONG_MS / 2);
}

static void those_who_wait_in_vain_look_for_each_other(void **unused UNUSED)
{
	FIXTURE(f, SHORT_MS);
	int fd[PULLS];
	int64_t begin_ms = now_ms();
	for (int i = 0; i < PULLS; i++)
		fd[i] = begin_pull(&f);
	for (int i = 0; i < PULLS; i++)
		assert_null(finish_pull(&f, fd[i]).ptr);
	int64_t took_ms = now_ms() - begin_ms;
	assert_true(took_ms >= SHORT_MS);
	/* Each at the beginning and at the end, and together every 100 ms. */
	int looks = atomic_load(&f.counted.looks);
	assert_in_range(looks, 2 * PULLS + 5, 2 * PULLS + 2 * took_ms / 100);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_hundred_pulls_wait_and_each_gets_one),
	cmocka_unit_test(a_publish_of_this_process_wakes_at_once),
	cmocka_unit_test(a_publish_of_another_process_is_seen_soon),
	cmocka_unit_test(those_who_wait_in_vain_look_for_each_other),
};
TEST_SUITE(pubsub_wait, tests)
