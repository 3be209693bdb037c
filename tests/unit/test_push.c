/* The push deliverer against endpoints that take, refuse, hang, vanish and come back: nothing is lost, nobody waits for another. */
#include "serve/push.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "raw/snapshot.h"
#include "serve/door_push.h"
#include "serve/oidc.h"
#include "support/line.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PROJECT "project-a"
#define ARENA_BYTES ((size_t) 512 << 20)
#define SEEN_MAX 4096
#define PATIENCE_MS 120000

/* --- an endpoint -------------------------------------------------------------------------------------------- */

struct seen {
	struct slice data, key, subscription, token, body;
	int64_t attempt; /* 0: not said */
	int64_t at_ns;
};
struct endpoint {
	struct server *server;
	int port;
	pthread_mutex_t lock;
	struct arena arena;
	struct seen seen[SEEN_MAX];
	int count;               /* requests that came */
	atomic_int status;       /* what it answers */
	atomic_int refuse_first; /* so many are answered 503 before */
	atomic_bool hang, reset, keep_bodies;
	atomic_int inside, inside_max;
	atomic_int answer_bytes;
	struct slice refused;    /* data that is always refused */
	struct slice inside_key[64];
	int keys_inside, key_clashes;
};

static void look_inside(struct endpoint *e, struct seen *s, const struct server_request *rq)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice data;
	s->at_ns = clock_mono_ns(clock_system());
	assert_null(server_header(rq, "Expect")); /* a large body would wait a second */
	s->token = arena_copy(&e->arena, slice_of(server_header(rq, "Authorization")));
	if (atomic_load(&e->keep_bodies))
		s->body = arena_copy(&e->arena, rq->body);
	if (json_parse(rq->body, &root, NULL) != RC_OK)
		return;
	const struct json *message = json_get(root, "message");
	data = json_get_string(message, "data");
	if (data.ptr && data.len < 1000)
		assert_true(base64_decode(data, &e->arena, &s->data));
	s->key = arena_copy(&e->arena, json_get_string(message, "orderingKey"));
	s->subscription = arena_copy(&e->arena, json_get_string(root, "subscription"));
	s->attempt = json_get_integer(root, "deliveryAttempt", 0);
}

static void enter(struct endpoint *e, const struct seen *s)
{
	int inside = atomic_fetch_add(&e->inside, 1) + 1;
	if (inside > atomic_load(&e->inside_max))
		atomic_store(&e->inside_max, inside);
	for (int i = 0; s->key.len && i < e->keys_inside; i++)
		e->key_clashes += slice_eq(e->inside_key[i], s->key);
	if (s->key.len && e->keys_inside < 64)
		e->inside_key[e->keys_inside++] = s->key;
}

static void leave(struct endpoint *e, const struct seen *s)
{
	pthread_mutex_lock(&e->lock);
	(void) atomic_fetch_sub(&e->inside, 1);
	for (int i = 0; s->key.len && i < e->keys_inside; i++)
		if (slice_eq(e->inside_key[i], s->key)) {
			e->inside_key[i] = e->inside_key[--e->keys_inside];
			break;
		}
	pthread_mutex_unlock(&e->lock);
}

static void endpoint_handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct endpoint *e = ctx;
	pthread_mutex_lock(&e->lock);
	assert_true(e->count < SEEN_MAX);
	struct seen *s = &e->seen[e->count++];
	look_inside(e, s, rq);
	enter(e, s);
	pthread_mutex_unlock(&e->lock);
	while (atomic_load(&e->hang))
		clock_sleep_ms(clock_system(), 5);
	reply->status = atomic_load(&e->status);
	reply->wrong.reset = atomic_load(&e->reset);
	if (atomic_load(&e->refuse_first) > 0 && atomic_fetch_sub(&e->refuse_first, 1) > 0)
		reply->status = 503;
	if (e->refused.ptr && slice_eq(s->data, e->refused))
		reply->status = 500;
	if (reply->status == 301)
		server_reply_header(reply, "Location", "/elsewhere");
	if (atomic_load(&e->answer_bytes))
		reply->body = (struct slice){ arena_alloc(rq->arena, (size_t) atomic_load(&e->answer_bytes)), (size_t) atomic_load(&e->answer_bytes) };
	leave(e, s);
}

static void endpoint_listen(struct endpoint *e, int port)
{
	struct err err = { 0 };
	const struct server_options o = { .what = "endpoint", .port = port, .connections_max = 200, .body_limit_bytes = (size_t) 20 << 20,
		                          .head_limit_bytes = 1 << 17, .idle_timeout_s = 60, .handle = endpoint_handle, .ctx = e };
	if (server_open(&o, &e->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	e->port = server_port(e->server);
}

static void endpoint_open(struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	e->arena = arena_new(ARENA_BYTES);
	(void) pthread_mutex_init(&e->lock, NULL);
	atomic_store(&e->status, 204);
	endpoint_listen(e, 0);
}

static void endpoint_close(struct endpoint *e)
{
	atomic_store(&e->hang, false);
	server_close(e->server);
	arena_done(&e->arena);
	(void) pthread_mutex_destroy(&e->lock);
}

static int came(struct endpoint *e)
{
	pthread_mutex_lock(&e->lock);
	int count = e->count;
	pthread_mutex_unlock(&e->lock);
	return count;
}

/* --- a clock that is turned while others read it -------------------------------------------------------------- */

struct turned_clock {
	struct clock base;
	atomic_llong ms;
};

static int64_t turned_now_ms(struct clock *c)
{
	return INT64_C(1700000000000) + atomic_load(&CONTAINER_OF(c, struct turned_clock, base)->ms);
}

static int64_t turned_mono_ns(struct clock *c)
{
	return atomic_load(&CONTAINER_OF(c, struct turned_clock, base)->ms) * INT64_C(1000000);
}

static void turned_sleep_ms(struct clock *c, int64_t ms)
{
	(void) atomic_fetch_add(&CONTAINER_OF(c, struct turned_clock, base)->ms, ms);
}

static const struct clock_ops turned_ops = { turned_now_ms, turned_mono_ns, turned_sleep_ms };

/* --- a bus with a deliverer ---------------------------------------------------------------------------------- */

struct fixture {
	struct bus *bus;
	struct clock *clock;
	struct turned_clock turned;
	struct push *push;
	struct arena arena;
	struct endpoint e;
	char key_path[512];
};

static void published(void *ctx, const char *topic)
{
	push_wake(ctx, topic);
}

static void start_at(struct fixture *f, size_t concurrency, const char *url)
{
	f->push = push_open(&(struct push_options){ .bus = f->bus, .clock = f->clock, .project = PROJECT, .key_path = f->key_path,
	                                            .concurrency = concurrency });
	bus_group_on_publish(f->bus, published, f->push);
	push_start(f->push, url);
}

static void start(struct fixture *f, size_t concurrency)
{
	start_at(f, concurrency, "http://issuer.example");
}

static void stop(struct fixture *f, int64_t wait_ms)
{
	push_stop(f->push);
	bus_group_on_publish(f->bus, NULL, NULL);
	push_close(f->push, wait_ms);
	f->push = NULL;
}

static void fixture_open(struct fixture *f, bool is_turned)
{
	struct err err = { 0 };
	struct bus *inner;
	char path[512];
	const char *folder = test_tmpdir();
	memset(f, 0, sizeof *f);
	f->turned.base.ops = &turned_ops;
	f->clock = is_turned ? &f->turned.base : clock_system();
	f->arena = arena_new(ARENA_BYTES);
	(void) snprintf(path, sizeof path, "%s/bus.db", folder);
	(void) snprintf(f->key_path, sizeof f->key_path, "%s/serve-key.pem", folder);
	if (bus_sqlite_open(path, f->clock, &inner, &err) != RC_OK)
		fail_msg("%s", err.msg);
	f->bus = bus_group_open(inner);
	endpoint_open(&f->e);
	start(f, 16);
}

static void fixture_done(struct fixture *f)
{
	atomic_store(&f->e.hang, false);
	if (f->push)
		stop(f, 0);
	endpoint_close(&f->e);
	bus_close(f->bus);
	arena_done(&f->arena);
}
#define FIXTURE_ON(f, is_turned)                                      \
	CLEANUP(fixture_freep) struct fixture *f = mem_alloc(sizeof *f); \
	fixture_open(f, is_turned)
#define FIXTURE(f) FIXTURE_ON(f, false)

static void fixture_freep(struct fixture **f)
{
	fixture_done(*f);
	mem_free(*f);
}

#define ok(call)                                                    \
	do {                                                        \
		struct err err = { 0 };                             \
		if ((call) != RC_OK)                                \
			fail_msg("line %d: %s", __LINE__, err.msg); \
	} while (0)

/* A topic of the same name, and a subscription that pushes to `port`. */
static void subscribe(struct fixture *f, const char *name, int port, struct bus_subscription s, const char *more)
{
	s.name = s.topic = name;
	s.filter = "";
	s.dead_letter_topic = s.dead_letter_topic ? s.dead_letter_topic : "";
	s.ack_deadline_s = s.ack_deadline_s ? s.ack_deadline_s : 10;
	s.push_config = arena_printf(&f->arena, "{\"pushEndpoint\":\"http://127.0.0.1:%d/%s\"%s}", port, name, more).ptr;
	ok(bus_create_topic(f->bus, name, &err));
	ok(bus_create_subscription(f->bus, &s, &err));
	push_wake(f->push, NULL);
}

static void publish(struct fixture *f, const char *topic, struct slice data, const char *key)
{
	struct bus_message m = { .data = data, .ordering_key = slice_of(key) };
	ok(bus_publish(f->bus, topic, &m, 1, &f->arena, &err));
}

static int64_t waiting(struct fixture *f, const char *sub)
{
	struct bus_stats stats;
	ok(bus_stats(f->bus, sub, &stats, &err));
	return stats.waiting + stats.leased;
}

#define wait_until(condition)                                                                    \
	do {                                                                                     \
		int64_t until_ = clock_mono_ns(clock_system()) + PATIENCE_MS * INT64_C(1000000); \
		while (!(condition)) {                                                           \
			if (clock_mono_ns(clock_system()) > until_)                              \
				fail_msg("line %d: waited in vain: %s", __LINE__, #condition);   \
			clock_sleep_ms(clock_system(), 5);                                       \
		}                                                                                \
	} while (0)

/* --- what is taken ------------------------------------------------------------------------------------------- */

static void a_message_is_posted_and_acknowledged(void **unused UNUSED)
{
	FIXTURE(f);
	int64_t observed = metric_get(METRIC_push_latency_seconds);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	wait_until(came(&f->e) == 1 && waiting(f, "topic-a") == 0);
	assert_true(slice_is(f->e.seen[0].data, "hello"));
	assert_true(slice_is(f->e.seen[0].subscription, "projects/" PROJECT "/subscriptions/topic-a"));
	assert_int_equal(f->e.seen[0].attempt, 0);
	assert_null(f->e.seen[0].token.ptr);
	wait_until(metric_get(METRIC_push_latency_seconds) == observed + 1);
}

/* On a clock that stands still nothing comes again by itself. */
static void only_the_statuses_of_the_service_acknowledge(void **unused UNUSED)
{
	static const struct {
		int status;
		bool is_taken;
	} cases[] = { { 200, true }, { 201, true }, { 202, true }, { 204, true }, { 203, false }, { 206, false }, { 301, false },
		      { 400, false }, { 404, false }, { 429, false }, { 500, false }, { 503, false } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		FIXTURE_ON(f, true);
		const struct bus_subscription s = { .backoff_min_ms = 10000, .backoff_max_ms = 600000 };
		int64_t failures = metric_get(METRIC_push_failures);
		atomic_store(&f->e.status, cases[i].status);
		subscribe(f, "topic-a", f->e.port, s, "");
		publish(f, "topic-a", SLICE("hello"), NULL);
		wait_until(came(&f->e) == 1 && push_outstanding(f->push) == 0);
		if ((waiting(f, "topic-a") == 0) != cases[i].is_taken || metric_get(METRIC_push_failures) != failures + !cases[i].is_taken)
			fail_msg("status %d: %d", cases[i].status, (int) waiting(f, "topic-a"));
		assert_int_equal(came(&f->e), 1); /* no redirect was followed */
	}
}

static void what_is_refused_comes_again_soon(void **unused UNUSED)
{
	FIXTURE(f);
	const struct bus_subscription s = { .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5 };
	atomic_store(&f->e.refuse_first, 2);
	subscribe(f, "topic-a", f->e.port, s, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	wait_until(came(&f->e) == 3 && waiting(f, "topic-a") == 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->e.seen[i].attempt, i + 1);
	assert_true(f->e.seen[1].at_ns - f->e.seen[0].at_ns >= 90 * 1000000);
	assert_true(f->e.seen[2].at_ns - f->e.seen[1].at_ns >= 190 * 1000000);
}

static void what_is_refused_too_often_becomes_a_dead_letter(void **unused UNUSED)
{
	FIXTURE(f);
	const struct bus_subscription s = { .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5 };
	struct bus_delivery *d;
	size_t count;
	f->e.refused = SLICE("poison");
	subscribe(f, "topic-a", f->e.port, s, "");
	ok(bus_create_subscription(f->bus, &(struct bus_subscription){ .name = "dead", .topic = "topic-dead", .filter = "",
	                           .ack_deadline_s = 10, .dead_letter_topic = "" }, &err));
	publish(f, "topic-a", SLICE("poison"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(came(&f->e), 5);
	ok(bus_pull(f->bus, "dead", 10, 1 << 20, &f->arena, &d, &count, &err));
	assert_int_equal(count, 1);
	assert_true(slice_is(d[0].message.data, "poison"));
	assert_true(slice_is(bus_attr_get(&d[0].message, "CloudPubSubDeadLetterSourceDeliveryCount"), "5"));
}

/* Without a retry policy and a dead-letter policy it would be the oldest for ever. */
static void a_poisoned_message_does_not_stand_before_the_others(void **unused UNUSED)
{
	FIXTURE(f);
	f->e.refused = SLICE("poison");
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	for (int i = 0; i < 5; i++)
		publish(f, "topic-a", SLICE("poison"), NULL);
	wait_until(came(&f->e) >= 5);
	for (int i = 0; i < 20; i++)
		publish(f, "topic-a", SLICE("good"), NULL);
	wait_until(waiting(f, "topic-a") == 5);
}

static void ten_megabytes_arrive_whole(void **unused UNUSED)
{
	FIXTURE(f);
	char *data = arena_alloc(&f->arena, BUS_MESSAGE_BYTES_MAX);
	for (size_t i = 0; i < BUS_MESSAGE_BYTES_MAX; i++)
		data[i] = (char) (i * 31 + i / 4096);
	atomic_store(&f->e.keep_bodies, true);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ .ack_deadline_s = 120 }, "");
	for (int i = 0; i < 4; i++)
		publish(f, "topic-a", (struct slice){ data, BUS_MESSAGE_BYTES_MAX }, NULL);
	wait_until(came(&f->e) >= 4 && waiting(f, "topic-a") == 0);
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice got;
	ok(json_parse(f->e.seen[3].body, &root, &err));
	assert_true(base64_decode(json_get_string(json_get(root, "message"), "data"), &f->arena, &got));
	assert_true(slice_eq(got, (struct slice){ data, BUS_MESSAGE_BYTES_MAX }));
}

static void a_long_answer_is_thrown_away(void **unused UNUSED)
{
	FIXTURE(f);
	atomic_store(&f->e.status, 200);
	atomic_store(&f->e.answer_bytes, 8 << 20);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(came(&f->e), 1);
}

static void unwrapped_it_is_the_bytes_themselves(void **unused UNUSED)
{
	FIXTURE(f);
	atomic_store(&f->e.keep_bodies, true);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, ",\"noWrapper\":{\"writeMetadata\":true}");
	publish(f, "topic-a", (struct slice){ "a\0b\xff", 4 }, NULL);
	wait_until(came(&f->e) == 1 && waiting(f, "topic-a") == 0);
	assert_true(slice_eq(f->e.seen[0].body, (struct slice){ "a\0b\xff", 4 }));
}

/* --- how much at once ---------------------------------------------------------------------------------------- */

static void a_thousand_messages_go_side_by_side(void **unused UNUSED)
{
	FIXTURE(f);
	struct bus_message *m = arena_alloc_array(&f->arena, 1000, sizeof *m);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	for (int i = 0; i < 1000; i++)
		m[i].data = arena_printf(&f->arena, "%d", i);
	int64_t from_ns = clock_mono_ns(clock_system());
	ok(bus_publish(f->bus, "topic-a", m, 1000, &f->arena, &err));
	wait_until(came(&f->e) >= 1000 && waiting(f, "topic-a") == 0);
	print_message("1000 messages in %lld ms, %d at once\n", (long long) (clock_mono_ns(clock_system()) - from_ns) / 1000000,
	              atomic_load(&f->e.inside_max));
	assert_int_equal(came(&f->e), 1000); /* each once */
	assert_in_range(atomic_load(&f->e.inside_max), 2, 8); /* half of what there is */
}

static void one_that_hangs_holds_up_nobody(void **unused UNUSED)
{
	FIXTURE(f);
	static struct endpoint hanging;
	endpoint_open(&hanging);
	atomic_store(&hanging.hang, true);
	for (int i = 0; i < 3; i++) {
		const char *name = arena_printf(&f->arena, "hangs-%d", i).ptr;
		subscribe(f, name, hanging.port, (struct bus_subscription){ .ack_deadline_s = 600 }, "");
		for (int k = 0; k < 50; k++)
			publish(f, name, SLICE("x"), NULL);
	}
	wait_until(came(&hanging) >= 9);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	int64_t from_ns = clock_mono_ns(clock_system());
	for (int i = 0; i < 100; i++)
		publish(f, "topic-a", SLICE("y"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	assert_true(clock_mono_ns(clock_system()) - from_ns < 10 * INT64_C(1000000000));
	assert_int_equal(came(&f->e), 100);
	assert_true(push_outstanding(f->push) >= 9); /* they hang still */
	int64_t stop_ns = clock_mono_ns(clock_system());
	stop(f, 100);
	assert_true(clock_mono_ns(clock_system()) - stop_ns < 5 * INT64_C(1000000000));
	endpoint_close(&hanging);
	assert_int_equal(waiting(f, "hangs-0"), 50); /* given back, not lost */
}

static void no_answer_in_time_is_a_refusal(void **unused UNUSED)
{
	FIXTURE(f);
	const struct bus_subscription s = { .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5 };
	atomic_store(&f->e.hang, true);
	subscribe(f, "topic-a", f->e.port, s, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	wait_until(came(&f->e) == 2); /* the ack deadline is ten seconds */
	assert_true(f->e.seen[1].at_ns - f->e.seen[0].at_ns >= INT64_C(9000000000));
	assert_true(f->e.seen[1].at_ns - f->e.seen[0].at_ns < INT64_C(13000000000));
	atomic_store(&f->e.hang, false);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(f->e.seen[1].attempt, 2);
}

static void at_rest_there_is_one_thread(void **unused UNUSED)
{
	FIXTURE(f);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	for (int i = 0; i < 20; i++)
		publish(f, "topic-a", SLICE("x"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	assert_true(push_threads(f->push) > 1);
	wait_until(push_threads(f->push) == 1);
}

/* --- an endpoint that goes and comes ------------------------------------------------------------------------- */

static void down_for_an_hour_it_costs_little_and_loses_nothing(void **unused UNUSED)
{
	FIXTURE_ON(f, true);
	int port = f->e.port;
	int64_t failures = metric_get(METRIC_push_failures);
	server_close(TAKE(f->e.server));
	subscribe(f, "topic-a", port, (struct bus_subscription){ 0 }, "");
	for (int i = 0; i < 100; i++)
		publish(f, "topic-a", arena_printf(&f->arena, "%d", i), NULL);
	wait_until(metric_get(METRIC_push_failures) > failures);
	for (int s = 0; s < 3600; s += 10) {
		wait_until(push_outstanding(f->push) == 0);
		clock_sleep_ms(f->clock, 10000);
		push_wake(f->push, "topic-a");
		clock_sleep_ms(clock_system(), 5);
	}
	int64_t tries = metric_get(METRIC_push_failures) - failures;
	print_message("%lld tries in an hour\n", (long long) tries);
	assert_in_range(tries, 10, 120);
	assert_int_equal(waiting(f, "topic-a"), 100);
	endpoint_listen(&f->e, port);
	for (int i = 0; i < 100 && waiting(f, "topic-a"); i++) {
		clock_sleep_ms(f->clock, 10000);
		push_wake(f->push, "topic-a");
		clock_sleep_ms(clock_system(), 50);
	}
	assert_int_equal(waiting(f, "topic-a"), 0);
}

static void a_connection_that_is_reset_loses_nothing(void **unused UNUSED)
{
	FIXTURE(f);
	atomic_store(&f->e.reset, true);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	wait_until(came(&f->e) >= 2);
	atomic_store(&f->e.reset, false);
	wait_until(waiting(f, "topic-a") == 0);
}

static void settings_that_change_are_followed(void **unused UNUSED)
{
	FIXTURE(f);
	static struct endpoint other;
	struct bus_subscription s;
	endpoint_open(&other);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("one"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	subscribe(f, "topic-a", other.port, (struct bus_subscription){ 0 }, "");
	wait_until(push_outstanding(f->push) == 0);
	clock_sleep_ms(clock_system(), 1500);
	publish(f, "topic-a", SLICE("two"), NULL);
	wait_until(came(&other) == 1);
	ok(bus_subscription(f->bus, "topic-a", &f->arena, &s, &err));
	s.push_config = "";
	ok(bus_create_subscription(f->bus, &s, &err));
	push_wake(f->push, NULL);
	clock_sleep_ms(clock_system(), 1500);
	publish(f, "topic-a", SLICE("three"), NULL);
	clock_sleep_ms(clock_system(), 700);
	assert_int_equal(waiting(f, "topic-a"), 1); /* for whoever pulls */
	ok(bus_delete_subscription(f->bus, "topic-a", &err));
	push_wake(f->push, NULL);
	assert_int_equal(came(&f->e), 1);
	assert_int_equal(came(&other), 1);
	endpoint_close(&other);
}

/* It was down for long; its operator gives another address and does not want to wait for a minute. */
static void another_address_ends_the_pause(void **unused UNUSED)
{
	FIXTURE_ON(f, true);
	int64_t failures = metric_get(METRIC_push_failures);
	subscribe(f, "topic-a", 1, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("hello"), NULL);
	for (int i = 0; i < 12; i++) {
		wait_until(metric_get(METRIC_push_failures) > failures + i && push_outstanding(f->push) == 0);
		if (i < 11) {
			clock_sleep_ms(f->clock, 60000);
			push_wake(f->push, "topic-a");
		}
	}
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(came(&f->e), 1);
}

/* What another process made and publishes: nobody wakes this one. */
static void what_nobody_told_of_is_found(void **unused UNUSED)
{
	FIXTURE(f);
	bus_group_on_publish(f->bus, NULL, NULL);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	publish(f, "topic-a", SLICE("one"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	publish(f, "topic-a", SLICE("two"), NULL);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(came(&f->e), 2);
}

static void stopped_in_the_middle_nothing_is_lost(void **unused UNUSED)
{
	FIXTURE(f);
	struct bus_message *m = arena_alloc_array(&f->arena, 500, sizeof *m);
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ 0 }, "");
	for (int i = 0; i < 500; i++)
		m[i].data = arena_printf(&f->arena, "%d", i);
	ok(bus_publish(f->bus, "topic-a", m, 500, &f->arena, &err));
	wait_until(came(&f->e) >= 50);
	stop(f, 5000);
	int before = came(&f->e);
	struct bus_stats stats;
	ok(bus_stats(f->bus, "topic-a", &stats, &err));
	assert_int_equal(stats.leased, 0);
	assert_int_equal(stats.waiting, 500 - before); /* all that was posted was acknowledged */
	start(f, 16);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(came(&f->e), 500);
}

/* --- order --------------------------------------------------------------------------------------------------- */

static void of_a_key_one_comes_after_the_other(void **unused UNUSED)
{
	FIXTURE(f);
	int next[4] = { 0 };
	subscribe(f, "topic-a", f->e.port, (struct bus_subscription){ .ordered = true }, "");
	atomic_store(&f->e.refuse_first, 3);
	for (int i = 0; i < 25; i++)
		for (int k = 0; k < 4; k++)
			publish(f, "topic-a", arena_printf(&f->arena, "%d", i), arena_printf(&f->arena, "key-%d", k).ptr);
	wait_until(waiting(f, "topic-a") == 0);
	assert_int_equal(f->e.key_clashes, 0);
	assert_int_equal(came(&f->e), 103);
	for (int i = 0; i < came(&f->e); i++) { /* a refused one may come twice; none comes before the one it follows */
		int64_t number, key = f->e.seen[i].key.ptr[4] - '0';
		assert_true(slice_to_int(f->e.seen[i].data, &number));
		assert_true(number <= next[key]);
		next[key] = number == next[key] ? next[key] + 1 : next[key];
	}
	for (int k = 0; k < 4; k++)
		assert_int_equal(next[k], 25);
}

/* --- into the project's own door ------------------------------------------------------------------------------ */

struct door {
	struct fixture *f;
	struct line line;
	struct door_push *push;
	struct server *server;
	struct oidc *oidc;
	struct state *state;
	atomic_int refused;
};

static void door_handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct door *d = ctx;
	struct slice bearer = SLICE("Bearer "), given = slice_of(server_header(rq, "Authorization"));
	if (push_handle(d->f->push, rq, reply))
		return;
	if (!given.ptr || !slice_starts(given, bearer) ||
	    oidc_check(d->oidc, slice_sub(given, bearer.len, given.len - bearer.len), NULL) != OIDC_GOOD) {
		(void) atomic_fetch_add(&d->refused, 1);
		reply->status = 401;
		return;
	}
	assert_true(door_push_handle(d->push, rq, reply));
}

static void door_open(struct door *d, struct fixture *f)
{
	char path[512];
	d->f = f;
	line_open(&d->line);
	line_add_snapshot(&d->line, LINE_PLAYLIST, LINE_AT, 3);
	(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
	ok(state_open(path, f->clock, &d->state, &err));
	d->push = door_push_open(&(struct door_push_options){ .store = d->line.store, .state = d->state, .clock = f->clock, .run_id = "serve",
	                                                      .page_limit_bytes = 9900000, .at_once = 8, .wait_ms = 5000 });
	const struct server_options so = { .what = "door", .connections_max = 64, .body_limit_bytes = (size_t) 20 << 20,
		                           .head_limit_bytes = 1 << 16, .idle_timeout_s = 30, .handle = door_handle, .ctx = d };
	ok(server_open(&so, &d->server, &err));
	const char *url = arena_printf(&f->arena, "http://127.0.0.1:%d", server_port(d->server)).ptr;
	const struct oidc_options oo = { .audience = "sargam", .emails = "push@home.example", .issuers = url,
		                         .jwks_url = arena_printf(&f->arena, "%s/oauth2/v3/certs", url).ptr, .clock = f->clock };
	ok(oidc_open(&oo, &d->oidc, &err));
	stop(f, 0);
	start_at(f, 16, url);
}

static void door_close(struct door *d)
{
	server_close(d->server);
	door_push_close(d->push);
	oidc_close(d->oidc);
	state_close(d->state);
	line_close(&d->line);
}

static void into_our_own_door_with_a_token_it_believes(void **unused UNUSED)
{
	FIXTURE(f);
	static struct door d;
	struct extract_result er;
	struct bus_delivery *m;
	struct raw_snapshot snapshot;
	size_t count;
	door_open(&d, f);
	subscribe(f, "push", server_port(d.server), (struct bus_subscription){ 0 },
	          ",\"oidcToken\":{\"serviceAccountEmail\":\"push@home.example\",\"audience\":\"sargam\"}");
	ok(line_extract(&d.line, &er, &err));
	ok(bus_pull(d.line.bus, SUBSCRIPTION, 100, 1 << 24, &f->arena, &m, &count, &err));
	for (size_t i = 0; i < count; i++)
		ok(bus_publish(f->bus, "push", &m[i].message, 1, &f->arena, &err));
	wait_until(waiting(f, "push") == 0);
	assert_int_equal(atomic_load(&d.refused), 0);
	ok(raw_snapshot_look(d.line.store, SLICE(LINE_PLAYLIST), LINE_AT, &snapshot, &err));
	assert_true(snapshot.complete);
	stop(f, 1000);
	door_close(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_message_is_posted_and_acknowledged),
	cmocka_unit_test(only_the_statuses_of_the_service_acknowledge),
	cmocka_unit_test(what_is_refused_comes_again_soon),
	cmocka_unit_test(what_is_refused_too_often_becomes_a_dead_letter),
	cmocka_unit_test(a_poisoned_message_does_not_stand_before_the_others),
	cmocka_unit_test(ten_megabytes_arrive_whole),
	cmocka_unit_test(a_long_answer_is_thrown_away),
	cmocka_unit_test(unwrapped_it_is_the_bytes_themselves),
	cmocka_unit_test(a_thousand_messages_go_side_by_side),
	cmocka_unit_test(one_that_hangs_holds_up_nobody),
	cmocka_unit_test(no_answer_in_time_is_a_refusal),
	cmocka_unit_test(at_rest_there_is_one_thread),
	cmocka_unit_test(down_for_an_hour_it_costs_little_and_loses_nothing),
	cmocka_unit_test(a_connection_that_is_reset_loses_nothing),
	cmocka_unit_test(settings_that_change_are_followed),
	cmocka_unit_test(another_address_ends_the_pause),
	cmocka_unit_test(what_nobody_told_of_is_found),
	cmocka_unit_test(stopped_in_the_middle_nothing_is_lost),
	cmocka_unit_test(of_a_key_one_comes_after_the_other),
	cmocka_unit_test(into_our_own_door_with_a_token_it_believes),
};
TEST_SUITE(push, tests)
