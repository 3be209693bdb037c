/* The bus in memory as a model of the embedded one: whatever is done to both, they answer the same. */
#include "bus/bus_admin.h"

#include "base/clock.h"
#include "base/rand.h"
#include "suite/bus_ok.h"
#include "suite/bus_tables.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define NOW_MS INT64_C(1700000000123)
#define STEPS 2500

struct pair {
	struct bus *bus[2];
	struct clock_fake clock[2];
	struct arena arena;
	struct rand_gen g;
	struct slice ack_id[4000]; /* every one ever given, of any subscription */
	size_t ack_ids, sought;
	int64_t expire_ms[2];
};

static const struct bus_subscription pool[] = {
	{ .name = "sub-all", .topic = "topic-a", .filter = "", .ack_deadline_s = 10, .dead_letter_topic = "" },
	{ .name = "sub-some", .topic = "topic-a", .filter = "attributes:x OR attributes.y = \"1\"", .ack_deadline_s = 60, .backoff_min_ms = 100,
	  .backoff_max_ms = 2000, .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5 },
	{ .name = "sub-prefix", .topic = "topic-a", .filter = "hasPrefix(attributes.y, \"1\")", .ack_deadline_s = 600, .backoff_min_ms = 600000,
	  .backoff_max_ms = 600000, .dead_letter_topic = "topic-dead", .max_delivery_attempts = 6 },
	{ .name = "sub-dead", .topic = "topic-dead", .filter = "NOT attributes:x", .ack_deadline_s = 10, .backoff_min_ms = 50,
	  .backoff_max_ms = 50, .dead_letter_topic = "" },
	{ .name = "sub-dead-2", .topic = "topic-dead", .filter = "", .ack_deadline_s = 30, .backoff_max_ms = 1000,
	  .dead_letter_topic = "topic-a", .max_delivery_attempts = 5 }, /* round and round */
	{ .name = "sub-order", .topic = "topic-a", .filter = "", .ack_deadline_s = 20, .ordered = true, .dead_letter_topic = "" },
	{ .name = "sub-order-2", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .backoff_min_ms = 1000, .backoff_max_ms = 9000,
	  .ordered = true, .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5, .retention_ms = BUS_RETENTION_MS_MIN,
	  .retain_acked = true },
	{ .name = "sub-keep", .topic = "topic-a", .filter = "attributes:x", .ack_deadline_s = 60, .dead_letter_topic = "",
	  .retention_ms = 3 * BUS_RETENTION_MS_MIN, .retain_acked = true },
	{ .name = "sub-brief", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "", .retention_ms = BUS_RETENTION_MS_MIN },
};
static const char *const snapshot[] = { "snap-1", "snap-2", "snap-3" };
static const char *random_subscription(struct pair *p)
{
	return pool[rand_below(&p->g, COUNT_OF(pool))].name;
}

static void same_error(enum rc rc[2], struct err err[2])
{
	if (rc[0] != rc[1] || (rc[0] != RC_OK && rc[0] != RC_NOT_FOUND && rc[0] != RC_REJECT))
		fail_msg("sqlite: %s %s; mem: %s %s", rc_name(rc[0]), err[0].msg, rc_name(rc[1]), err[1].msg);
}

static void do_publish(struct pair *p)
{
	static const struct slice key[] = { { "", 0 }, { "a", 1 }, { "b", 1 } };
	struct bus_attr attr[2];
	struct bus_message m[2][3];
	size_t count = 1 + rand_below(&p->g, 3), attrs = 0;
	if (rand_chance(&p->g, 2))
		attr[attrs++] = (struct bus_attr){ SLICE("x"), SLICE("0") };
	if (rand_chance(&p->g, 2))
		attr[attrs++] = (struct bus_attr){ SLICE("y"), rand_chance(&p->g, 2) ? SLICE("1") : SLICE("12") };
	for (size_t i = 0; i < count; i++)
		m[0][i] = m[1][i] = (struct bus_message){
			.data = arena_printf(&p->arena, "%llu", (unsigned long long) rand_below(&p->g, 1000000)),
			.attr = attr,
			.attr_count = attrs,
			.ordering_key = key[rand_below(&p->g, COUNT_OF(key))],
		};
	for (size_t b = 0; b < 2; b++)
		ok(bus_publish(p->bus[b], "topic-a", m[b], count, &p->arena, &err));
	for (size_t i = 0; i < count; i++)
		assert_true(slice_eq(m[0][i].id, m[1][i].id));
}

static void same_delivery(const struct bus_delivery *a, const struct bus_delivery *b)
{
	assert_int_equal(a->attempt, b->attempt);
	assert_true(slice_eq(a->ack_id, b->ack_id));
	assert_true(slice_eq(a->message.id, b->message.id) && slice_eq(a->message.data, b->message.data));
	assert_int_equal(a->message.publish_time_ms, b->message.publish_time_ms);
	assert_int_equal(a->message.attr_count, b->message.attr_count);
	for (size_t i = 0; i < a->message.attr_count; i++)
		assert_true(slice_eq(a->message.attr[i].key, b->message.attr[i].key) &&
		            slice_eq(a->message.attr[i].value, b->message.attr[i].value));
}

static void do_pull(struct pair *p)
{
	const char *sub = random_subscription(p);
	size_t max = 1 + rand_below(&p->g, 8), max_bytes = rand_below(&p->g, 30), count[2];
	struct bus_delivery *d[2];
	enum rc rc[2];
	struct err err[2] = { 0 };
	for (size_t b = 0; b < 2; b++)
		rc[b] = bus_pull(p->bus[b], sub, max, max_bytes, &p->arena, &d[b], &count[b], &err[b]);
	same_error(rc, err);
	assert_int_equal(count[0], count[1]);
	for (size_t i = 0; i < count[0]; i++) {
		same_delivery(&d[0][i], &d[1][i]);
		if (p->ack_ids < COUNT_OF(p->ack_id))
			p->ack_id[p->ack_ids++] = d[0][i].ack_id;
	}
}

/* Mostly young ack ids, sometimes very old ones, sometimes on the wrong subscription. */
static void do_ack_or_modify(struct pair *p, bool ack, int64_t seconds)
{
	size_t young = p->ack_ids < 20 || rand_chance(&p->g, 5) ? 0 : p->ack_ids - 20;
	if (!p->ack_ids)
		return;
	struct slice id[3];
	const char *sub = NULL;
	size_t count = 1 + rand_below(&p->g, 3);
	for (size_t i = 0; i < count; i++)
		id[i] = p->ack_id[young + rand_below(&p->g, p->ack_ids - young)];
	for (size_t s = 0; s < COUNT_OF(pool); s++) { /* on each: only one of them knows it */
		sub = pool[s].name;
		enum rc rc[2];
		struct err err[2] = { 0 };
		for (size_t b = 0; b < 2; b++)
			rc[b] = ack ? bus_ack(p->bus[b], sub, id, count, &err[b])
			            : bus_modify_deadline(p->bus[b], sub, id, count, seconds, &err[b]);
		same_error(rc, err);
	}
}

static void do_stats(struct pair *p)
{
	for (size_t i = 0; i < COUNT_OF(pool); i++) {
		struct bus_stats s[2];
		enum rc rc[2];
		struct err err[2] = { 0 };
		for (size_t b = 0; b < 2; b++)
			rc[b] = bus_stats(p->bus[b], pool[i].name, &s[b], &err[b]);
		same_error(rc, err);
		if (s[0].waiting != s[1].waiting)
			fail_msg("%s: sqlite %lld waiting, mem %lld", pool[i].name, (long long) s[0].waiting, (long long) s[1].waiting);
		assert_int_equal(s[0].leased, s[1].leased);
		assert_int_equal(s[0].oldest_unacked_ms, s[1].oldest_unacked_ms);
		assert_int_equal(s[0].next_delivery_ms, s[1].next_delivery_ms);
	}
}

static void do_advance(struct pair *p)
{
	int64_t ms = (int64_t) rand_below(&p->g, rand_chance(&p->g, 4) ? 400000 : 3000);
	if (rand_chance(&p->g, 20))
		ms = -(int64_t) rand_below(&p->g, 2000000);
	ms -= ms % 1000; /* what is old goes once a second */
	for (size_t b = 0; b < 2; b++) {
		struct bus_message m = { .data = SLICE("tick") };
		clock_fake_advance_ms(&p->clock[b], ms);
		ok(bus_publish(p->bus[b], "topic-tick", &m, 1, &p->arena, &err));
	}
}

static void do_seek(struct pair *p)
{
	const char *sub = random_subscription(p), *to = snapshot[rand_below(&p->g, COUNT_OF(snapshot))];
	bool to_time = rand_chance(&p->g, 2);
	int64_t time_ms = clock_now_ms(&p->clock[0].base) - (int64_t) rand_below(&p->g, 900000) + (int64_t) rand_below(&p->g, 100000);
	enum rc rc[2];
	struct err err[2] = { 0 };
	for (size_t b = 0; b < 2; b++)
		rc[b] = to_time ? bus_seek_time(p->bus[b], sub, time_ms, &err[b]) : bus_seek_snapshot(p->bus[b], sub, to, &err[b]);
	same_error(rc, err);
	p->sought += rc[0] == RC_OK;
}

static void do_snapshot(struct pair *p)
{
	const char *name = snapshot[rand_below(&p->g, COUNT_OF(snapshot))], *sub = random_subscription(p);
	bool make = rand_chance(&p->g, 2);
	enum rc rc[2];
	struct err err[2] = { 0 };
	for (size_t b = 0; b < 2; b++)
		rc[b] = make ? bus_create_snapshot(p->bus[b], name, sub, "", &err[b]) : bus_delete_snapshot(p->bus[b], name, &err[b]);
	same_error(rc, err);
	for (size_t b = 0; b < 2; b++) {
		struct bus_snapshot s;
		rc[b] = bus_snapshot(p->bus[b], name, &p->arena, &s, &err[b]);
		if (rc[b] == RC_OK)
			p->expire_ms[b] = s.expire_ms;
	}
	same_error(rc, err);
	assert_int_equal(p->expire_ms[0], p->expire_ms[1]);
}

static void do_admin(struct pair *p)
{
	const char *sub = random_subscription(p);
	uint64_t what = rand_below(&p->g, 4);
	const struct bus_topic topic = { .name = "topic-a", .retention_ms = rand_chance(&p->g, 2) ? 0 : 2 * BUS_RETENTION_MS_MIN };
	enum rc rc[2];
	struct err err[2] = { 0 };
	for (size_t b = 0; b < 2; b++)
		rc[b] = what == 0   ? bus_delete_subscription(p->bus[b], sub, &err[b])
		        : what == 1 ? bus_detach(p->bus[b], sub, &err[b])
		                    : bus_update_topic(p->bus[b], &topic, &err[b]);
	same_error(rc, err);
}

static void step(struct pair *p)
{
	switch (rand_below(&p->g, 16)) {
	case 0:
	case 1:
		do_publish(p);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		do_pull(p);
		break;
	case 6:
		do_ack_or_modify(p, true, 0);
		break;
	case 7:
	case 8:
		do_ack_or_modify(p, false, 0);
		break;
	case 9:
		do_ack_or_modify(p, false, 1 + (int64_t) rand_below(&p->g, 600));
		break;
	case 10:
		do_advance(p);
		break;
	case 11:
		do_seek(p);
		break;
	case 12:
		do_snapshot(p);
		break;
	case 13:
		if (rand_chance(&p->g, 6))
			do_admin(p);
		break;
	default: {
		const struct bus_subscription *sub = &pool[rand_below(&p->g, COUNT_OF(pool))];
		enum rc rc[2];
		struct err err[2] = { 0 };
		for (size_t b = 0; b < 2; b++)
			rc[b] = bus_create_subscription(p->bus[b], sub, &err[b]);
		same_error(rc, err);
	}
	}
	do_stats(p);
}

static void both_embedded_buses_do_the_same(void **state)
{
	(void) state;
	static struct pair p;
	static const char *const topic[] = { "topic-a", "topic-tick" };
	char path[512];
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	p = (struct pair){ .arena = arena_new((size_t) 64 << 20), .g = rand_fork(test_seed(), "bus", 0) };
	for (size_t b = 0; b < 2; b++)
		clock_fake_init(&p.clock[b], NOW_MS);
	ok(bus_sqlite_open(path, &p.clock[0].base, &p.bus[0], &err));
	p.bus[1] = bus_mem_open(&p.clock[1].base);
	for (size_t b = 0; b < 2; b++)
		for (size_t t = 0; t < COUNT_OF(topic); t++)
			ok(bus_create_topic(p.bus[b], topic[t], &err));
	for (int i = 0; i < STEPS; i++)
		step(&p);
	bus_close(p.bus[0]);
	bus_close(p.bus[1]);
	arena_done(&p.arena);
	bus_tables_check(path);
	assert_true(p.ack_ids > 300 && p.sought > 50);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(both_embedded_buses_do_the_same),
};
TEST_SUITE(bus_model, tests);
