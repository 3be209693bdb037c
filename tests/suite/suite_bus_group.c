/* What only the group decorator promises: many threads on one bus, and one call for those who wait together. */
#include "base/mem.h"
#include "base/thread.h"
#include "suite/bus_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define PUBLISHERS 64
#define EACH 20
#define WAITERS 10

/* --- between the decorator and the embedded bus: sees the calls, and holds the first one up ------------------ */

struct spy {
	struct bus base;
	struct bus *inner;
	atomic_int publishes, acks, arrived, told;
	atomic_size_t largest;
	atomic_int hold_until; /* the first publish waits until so many have arrived */
	enum rc fails;         /* publishes that hold a message "poison" */
};

static struct spy *spy_of(struct bus *b)
{
	return CONTAINER_OF(b, struct spy, base);
}

static void hold(struct spy *s)
{
	int wanted = atomic_exchange(&s->hold_until, 0);
	if (!wanted)
		return;
	for (int i = 0; i < 5000 && atomic_load(&s->arrived) < wanted; i++)
		clock_sleep_ms(clock_system(), 1);
	clock_sleep_ms(clock_system(), 100); /* the last of them is on its way into the queue */
}

static enum rc spy_create_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	return bus_make_topic(spy_of(b)->inner, topic, err);
}

static enum rc spy_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err)
{
	return bus_create_subscription(spy_of(b)->inner, sub, err);
}

static enum rc spy_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                           struct err *err)
{
	struct spy *s = spy_of(b);
	(void) atomic_fetch_add(&s->publishes, 1);
	hold(s);
	if (count > atomic_load(&s->largest))
		atomic_store(&s->largest, count);
	for (size_t i = 0; i < count; i++)
		if (slice_is(message[i].data, "poison"))
			return err_set(err, s->fails, "poison");
	return bus_publish(s->inner, topic, message, count, arena, err);
}

static enum rc spy_pull(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena, struct bus_delivery **out,
                        size_t *out_count, struct err *err)
{
	return bus_pull(spy_of(b)->inner, sub, max, max_bytes, arena, out, out_count, err);
}

static enum rc spy_ack(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	(void) atomic_fetch_add(&spy_of(b)->acks, 1);
	return bus_ack(spy_of(b)->inner, sub, ack_id, count, err);
}

static enum rc spy_stats(struct bus *b, const char *sub, struct bus_stats *out, struct err *err)
{
	return bus_stats(spy_of(b)->inner, sub, out, err);
}

static void spy_close(struct bus *b)
{
	bus_close(spy_of(b)->inner);
}

static const struct bus_ops spy_ops = {
	.name = "spy", .create_topic = spy_create_topic, .create_subscription = spy_create_subscription, .publish = spy_publish,
	.pull = spy_pull, .ack = spy_ack, .stats = spy_stats, .close = spy_close,
};

static void published(void *ctx, const char *topic)
{
	struct spy *s = ctx;
	assert(strcmp(topic, "topic-a") == 0);
	(void) atomic_fetch_add(&s->told, 1);
}

#define SPIED(f, s)                                                             \
	CLEANUP(fixture_done) struct fixture f = { .arena = arena_new((size_t) 64 << 20) }; \
	struct spy s = { .base.ops = &spy_ops, .fails = RC_REJECT };            \
	clock_fake_init(&(f).clock, NOW_MS);                                    \
	(s).inner = open_sqlite(&(f).clock.base);                               \
	(f).bus = bus_group_open(&(s).base);                                    \
	bus_group_on_publish((f).bus, published, &(s));                         \
	setup_plain(&(f))

/* --- publishing ---------------------------------------------------------------------------------------------- */

struct publisher {
	struct bus *bus;
	struct spy *spy;
	int64_t id[PUBLISHERS][EACH];
};

static enum rc publish_in_turn(void *ctx, size_t i, struct err *err)
{
	struct publisher *p = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	for (int k = 0; k < EACH; k++) {
		struct bus_message m = { .data = arena_printf(&arena, "%zu.%d", i, k) };
		TRY(bus_publish(p->bus, "topic-a", &m, 1, &arena, err));
		if (!slice_to_int(m.id, &p->id[i][k]) || m.publish_time_ms != NOW_MS)
			return err_set(err, RC_REJECT, "id '%.*s'", SLICE_FMT(m.id));
	}
	return RC_OK;
}

/* Data "I.K" under the very id that its publisher was told, each once. */
static void is_what_was_published(struct fixture *f, const struct publisher *p)
{
	bool seen[PUBLISHERS][EACH] = { 0 };
	struct bus_delivery *d;
	size_t total = 0, count;
	while ((count = pull(f, "sub-a", 1000, &d)) > 0)
		for (size_t n = 0; n < count; n++, total++) {
			struct slice data = d[n].message.data;
			size_t dot = slice_find(data, '.', 0);
			int64_t i = 0, k = 0, id = 0;
			assert_true(slice_to_int(slice_sub(data, 0, dot), &i) && slice_to_int(slice_sub(data, dot + 1, data.len - dot - 1), &k));
			assert_true(slice_to_int(d[n].message.id, &id) && id == p->id[i][k] && !seen[i][k]);
			seen[i][k] = true;
		}
	assert_int_equal(total, PUBLISHERS * EACH);
}

static void many_publishers_lose_nothing_and_share_the_disk(void **state UNUSED)
{
	SPIED(f, s);
	struct publisher p = { .bus = f.bus };
	ok(thread_each(PUBLISHERS, PUBLISHERS, publish_in_turn, &p, &err));
	for (size_t i = 0; i < PUBLISHERS; i++)
		for (int k = 1; k < EACH; k++)
			assert_true(p.id[i][k] > p.id[i][k - 1]);
	is_what_was_published(&f, &p);
	assert_true(atomic_load(&s.publishes) < PUBLISHERS * EACH / 2); /* a call of the bus took more than two along */
	assert_int_equal(atomic_load(&s.told), atomic_load(&s.publishes));
}

/* Caller 0 publishes and is held up; the others come meanwhile, caller 5 with poison. */
static enum rc publish_one(void *ctx, size_t i, struct err *err)
{
	struct publisher *p = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	struct bus_message m = { .data = i == 5 ? SLICE("poison") : arena_printf(&arena, "%zu.0", i) };
	while (i > 0 && atomic_load(&p->spy->publishes) == 0)
		clock_sleep_ms(clock_system(), 1);
	(void) atomic_fetch_add(&p->spy->arrived, 1);
	enum rc rc = bus_publish(p->bus, "topic-a", &m, 1, &arena, err);
	p->id[i][0] = rc;
	return RC_OK;
}

static void what_one_may_not_publish_spoils_nothing_for_the_others(void **state UNUSED)
{
	SPIED(f, s);
	struct publisher p = { .bus = f.bus, .spy = &s };
	atomic_store(&s.hold_until, WAITERS);
	ok(thread_each(WAITERS, WAITERS, publish_one, &p, &err));
	assert_true(atomic_load(&s.largest) > 1);
	for (size_t i = 0; i < WAITERS; i++)
		assert_int_equal(p.id[i][0], i == 5 ? RC_REJECT : RC_OK);
	assert_int_equal(waiting(&f, "sub-a"), WAITERS - 1);
}

static void a_failure_of_the_bus_is_told_to_all_who_waited(void **state UNUSED)
{
	SPIED(f, s);
	struct publisher p = { .bus = f.bus, .spy = &s };
	s.fails = RC_RETRY;
	atomic_store(&s.hold_until, WAITERS);
	ok(thread_each(WAITERS, WAITERS, publish_one, &p, &err));
	size_t failed = 0;
	for (size_t i = 0; i < WAITERS; i++)
		failed += p.id[i][0] == RC_RETRY;
	assert_true(failed > 1 && p.id[0][0] == RC_OK && p.id[5][0] == RC_RETRY);
	assert_int_equal(waiting(&f, "sub-a"), WAITERS - failed); /* what was not accepted is not there */
	struct bus_message m = { .data = SLICE("poison") };
	refused(RC_RETRY, "poison", bus_publish(f.bus, "topic-a", &m, 1, &f.arena, &err));
	assert_true(atomic_load(&s.told) < atomic_load(&s.publishes));
}

#define LARGE 600
static enum rc publish_large(void *ctx, size_t i, struct err *err)
{
	struct publisher *p = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	struct bus_message m[LARGE];
	int64_t before = 0, id = 0;
	for (size_t k = 0; k < LARGE; k++)
		m[k] = (struct bus_message){ .data = arena_printf(&arena, "%zu.%zu", i, k) };
	while (i > 0 && atomic_load(&p->spy->publishes) == 0)
		clock_sleep_ms(clock_system(), 1);
	(void) atomic_fetch_add(&p->spy->arrived, 1);
	TRY(bus_publish(p->bus, "topic-a", m, LARGE - 100 * i, &arena, err));
	for (size_t k = 0; k < LARGE - 100 * i; k++, before = id)
		if (!slice_to_int(m[k].id, &id) || id <= before)
			return err_set(err, RC_REJECT, "message %zu: id '%.*s'", k, SLICE_FMT(m[k].id));
	return RC_OK;
}

static void one_call_stays_within_the_limits(void **state UNUSED)
{
	SPIED(f, s);
	struct publisher p = { .bus = f.bus, .spy = &s };
	atomic_store(&s.hold_until, 6);
	ok(thread_each(6, 6, publish_large, &p, &err));
	assert_in_range(atomic_load(&s.largest), LARGE + 1, BUS_PUBLISH_MESSAGES_MAX);
	assert_int_equal(stats(&f, "sub-a").waiting, 600 + 500 + 400 + 300 + 200 + 100);
}

static void ids_that_do_not_fit_are_refused(void **state UNUSED)
{
	SPIED(f, s);
	CLEANUP(arena_done) struct arena arena = arena_new(32);
	struct bus_message m = { .data = SLICE("x") };
	refused(RC_REJECT, "no room for 1 message ids", bus_publish(f.bus, "topic-a", &m, 1, &arena, &err));
	assert_int_equal(atomic_load(&s.publishes), 0);
}

/* --- acknowledging ------------------------------------------------------------------------------------------- */

struct acker {
	struct bus *bus;
	const struct bus_delivery *delivery;
};

static enum rc ack_some(void *ctx, size_t i, struct err *err)
{
	const struct acker *a = ctx;
	for (size_t k = 0; k < EACH; k++)
		TRY(bus_ack(a->bus, "sub-a", &a->delivery[i * EACH + k].ack_id, 1, err));
	return RC_OK;
}

static void many_acks_are_all_done(void **state UNUSED)
{
	SPIED(f, s);
	struct bus_message m[32 * EACH];
	for (size_t i = 0; i < COUNT_OF(m); i++)
		m[i] = (struct bus_message){ .data = SLICE("x") };
	ok(bus_publish(f.bus, "topic-a", m, COUNT_OF(m), &f.arena, &err));
	struct acker a = { .bus = f.bus };
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 1000, &d), COUNT_OF(m));
	a.delivery = d;
	ok(thread_each(32, 32, ack_some, &a, &err));
	assert_true(atomic_load(&s.acks) < 32 * EACH);
	struct bus_stats left = stats(&f, "sub-a");
	assert_true(left.waiting == 0 && left.leased == 0);
}

/* --- all at once --------------------------------------------------------------------------------------------- */

struct crowd {
	struct bus *bus;
	atomic_int consumed;
};

/* Half of them publish, a quarter consume, the others look and lengthen. */
static enum rc mingle(void *ctx, size_t i, struct err *err)
{
	struct crowd *c = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	for (int k = 0; i % 2 && k < EACH; k++) {
		struct bus_message m = { .data = SLICE("x") };
		TRY(bus_publish(c->bus, "topic-a", &m, 1, &arena, err));
	}
	while (i % 4 == 0 && atomic_load(&c->consumed) < 16 * EACH) {
		struct bus_delivery *d;
		size_t count;
		TRY(bus_pull(c->bus, "sub-a", 7, SOME_BYTES, &arena, &d, &count, err));
		for (size_t n = 0; n < count; n++)
			TRY(bus_ack(c->bus, "sub-a", &d[n].ack_id, 1, err));
		(void) atomic_fetch_add(&c->consumed, (int) count);
		arena_reset(&arena);
	}
	for (int k = 0; i % 4 == 2 && k < EACH; k++) {
		struct bus_stats s;
		struct bus_names names;
		const struct slice nothing = SLICE("1-1-1");
		TRY(bus_stats(c->bus, "sub-a", &s, err));
		TRY(bus_subscriptions(c->bus, NULL, &arena, &names, err));
		TRY(bus_modify_deadline(c->bus, "sub-a", &nothing, 1, 30, err));
	}
	return RC_OK;
}

static void all_kinds_of_calls_at_once(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct crowd c = { .bus = f.bus };
	ok(thread_each(32, 32, mingle, &c, &err));
	assert_int_equal(atomic_load(&c.consumed), 16 * EACH);
	struct bus_stats left = stats(&f, "sub-a");
	assert_true(left.waiting == 0 && left.leased == 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(many_publishers_lose_nothing_and_share_the_disk),
	cmocka_unit_test(what_one_may_not_publish_spoils_nothing_for_the_others),
	cmocka_unit_test(a_failure_of_the_bus_is_told_to_all_who_waited),
	cmocka_unit_test(one_call_stays_within_the_limits),
	cmocka_unit_test(ids_that_do_not_fit_are_refused),
	cmocka_unit_test(many_acks_are_all_done),
	ON_BUS(all_kinds_of_calls_at_once, group)
};
TEST_SUITE(bus_group, tests)
