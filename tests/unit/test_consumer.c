/* The consumer: what is published is stored soon, over full disks, stops and others on the same subscription; what cannot go on says so. */
#include "serve/consumer.h"

#include "bus/bus_admin.h"
#include "support/line.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>

#define SOON_MS 30000 /* under a sanitizer, on a busy machine */
#define PAGES 3
#define OBJECTS (PAGES + 2) /* of a snapshot: its pages, the playlist, the manifest */
#define ATTEMPTS 5

/* A store that refuses what is to be written while `refuse` is set, and counts that; `slow_ms` a write. */
struct moody {
	struct store base;
	struct store *inner;
	_Atomic(enum rc) refuse;
	const char *only; /* keys that hold this; NULL: all */
	atomic_int refused, slow_ms;
};
struct fixture {
	struct line line; /* its store is moody's */
	struct moody moody;
	atomic_int completed;
	struct consumer *consumer;
};

static struct moody *self(struct store *s)
{
	return CONTAINER_OF(s, struct moody, base);
}

static enum rc moody_put(struct store *s, struct slice key, struct slice body, bool *out_created, struct err *err)
{
	enum rc refuse = atomic_load(&self(s)->refuse);
	clock_sleep_ms(clock_system(), atomic_load(&self(s)->slow_ms));
	if (refuse == RC_OK || (self(s)->only && slice_find_str(key, slice_of(self(s)->only)) >= key.len))
		return store_put_if_absent(self(s)->inner, key, body, out_created, err);
	(void) atomic_fetch_add(&self(s)->refused, 1);
	return err_set(err, refuse, "no room for '%.*s'", SLICE_FMT(key));
}

static enum rc moody_get(struct store *s, struct slice key, struct arena *arena, struct slice *out_body, int64_t *out_version, struct err *err)
{
	return store_get(self(s)->inner, key, arena, out_body, out_version, err);
}

static enum rc moody_list(struct store *s, struct slice prefix, struct slice from, size_t max, struct arena *arena, struct store_list *out,
                          struct err *err)
{
	return store_list(self(s)->inner, prefix, from, max, arena, out, err);
}

static void moody_close(struct store *s)
{
	store_close(self(s)->inner);
}

static const struct store_ops moody_ops = { .name = "moody", .put_if_absent = moody_put, .get = moody_get, .list = moody_list, .close = moody_close };

#define OK(expr)                                                                 \
	do {                                                                     \
		struct err err = { 0 };                                          \
		enum rc ok_rc_ = (expr);                                         \
		if (ok_rc_ != RC_OK)                                             \
			fail_msg("%s: %s: %s", #expr, rc_name(ok_rc_), err.msg); \
	} while (0)

static void subscribe(struct bus *bus)
{
	const struct bus_subscription raw = { .name = SUBSCRIPTION, .topic = TOPIC, .filter = SUBSCRIPTION_FILTER, .ack_deadline_s = 60,
		                              .dead_letter_topic = DEAD_TOPIC, .max_delivery_attempts = ATTEMPTS };
	const struct bus_subscription dead = { .name = DEAD_SUBSCRIPTION, .topic = DEAD_TOPIC, .filter = "", .ack_deadline_s = 60,
		                               .dead_letter_topic = "" };
	OK(bus_create_topic(bus, TOPIC, &err));
	OK(bus_create_topic(bus, DEAD_TOPIC, &err));
	OK(bus_create_subscription(bus, &dead, &err));
	OK(bus_create_subscription(bus, &raw, &err));
}

static void fixture_open(struct fixture *f)
{
	*f = (struct fixture){ .moody.base.ops = &moody_ops };
	f->moody.inner = store_mem_open(test_tmpdir());
	f->line.source = source_mem_open();
	f->line.bus = bus_group_open(bus_mem_open(clock_system()));
	f->line.store = &f->moody.base;
	subscribe(f->line.bus);
}

static void fixture_close(struct fixture *f)
{
	consumer_close(f->consumer);
	line_close(&f->line);
}
#define FIXTURE(f)                                 \
	CLEANUP(fixture_close) struct fixture f; \
	fixture_open(&f)

static void completed(void *ctx)
{
	struct fixture *f = ctx;
	(void) atomic_fetch_add(&f->completed, 1);
}

static struct consumer_options options(struct fixture *f)
{
	return (struct consumer_options){ .bus = f->line.bus, .store = f->line.store, .clock = clock_system(), .run_id = "test",
		                          .page_limit_bytes = 1 << 20, .threads = 3, .look_ms = 20, .retry_min_ms = 10, .retry_max_ms = 20,
		                          .on_complete = completed, .ctx = f };
}

static void start(struct fixture *f)
{
	const struct consumer_options o = options(f);
	f->consumer = consumer_open(&o);
}

static void publish(struct fixture *f, int first, int count)
{
	struct extract_result result;
	for (int i = first; i < first + count; i++)
		line_add_snapshot(&f->line, LINE_PLAYLIST, LINE_AT + i * INT64_C(86400), PAGES);
	OK(line_extract(&f->line, &result, &err));
	assert_int_equal(result.snapshots, count);
}

static int64_t mono_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static bool has_objects(struct fixture *f, size_t wanted)
{
	return line_count(&f->line, "raw/") >= wanted;
}

static bool was_refused(struct fixture *f, size_t wanted)
{
	return atomic_load(&f->moody.refused) >= (int) wanted;
}

static bool has_failed(struct fixture *f, size_t unused UNUSED)
{
	struct err why;
	return consumer_failed(f->consumer, &why);
}

static bool has_quarantined(struct fixture *f, size_t wanted)
{
	return line_count(&f->line, "quarantine/") >= wanted;
}

static bool has_told(struct fixture *f, size_t wanted)
{
	return atomic_load(&f->completed) >= (int) wanted;
}

#define SOON(f, what, n)                                                                                      \
	do {                                                                                                  \
		for (int64_t until_ = mono_ms() + SOON_MS; !what(f, n); clock_sleep_ms(clock_system(), 5)) \
			if (mono_ms() > until_)                                                               \
				fail_msg("line %d: not " #what, __LINE__);                                    \
	} while (0)

static int64_t unacked(struct fixture *f)
{
	struct bus_stats stats;
	OK(bus_stats(f->line.bus, SUBSCRIPTION, &stats, &err));
	return stats.waiting + stats.leased;
}

static bool is_drained(struct fixture *f, size_t unused UNUSED)
{
	return unacked(f) == 0;
}

/* All of it, once, nothing in quarantine, nothing left to deliver. */
static void all_is_stored(struct fixture *f, size_t snapshots)
{
	SOON(f, has_objects, snapshots * OBJECTS);
	SOON(f, is_drained, 0);
	assert_int_equal(line_count(&f->line, "raw/"), snapshots * OBJECTS);
	assert_int_equal(line_count(&f->line, "quarantine/"), 0);
}

static void what_is_published_is_stored_and_told(void **unused UNUSED)
{
	FIXTURE(f);
	start(&f);
	publish(&f, 0, 4);
	all_is_stored(&f, 4);
	SOON(&f, has_told, 1);
	assert_false(has_failed(&f, 0));
	int before = atomic_load(&f.completed);
	publish(&f, 4, 1);
	all_is_stored(&f, 5);
	SOON(&f, has_told, (size_t) before + 1);
}

static void nobody_need_listen(void **unused UNUSED)
{
	FIXTURE(f);
	struct consumer_options o = options(&f);
	o.on_complete = NULL;
	f.consumer = consumer_open(&o);
	publish(&f, 0, 1);
	all_is_stored(&f, 1);
}

static void woken_it_looks_at_once(void **unused UNUSED)
{
	FIXTURE(f);
	struct consumer_options o = options(&f);
	o.look_ms = 3600000;
	f.consumer = consumer_open(&o);
	clock_sleep_ms(clock_system(), 200); /* it has looked */
	publish(&f, 0, 1);
	clock_sleep_ms(clock_system(), 200);
	assert_int_equal(line_count(&f.line, "raw/"), 0); /* nobody has told it */
	consumer_wake(f.consumer);
	all_is_stored(&f, 1);
}

/* Far more often than a message may be delivered: a disk that is full for an hour makes no dead letter. */
static void a_full_disk_is_waited_for_and_costs_no_message(void **unused UNUSED)
{
	FIXTURE(f);
	atomic_store(&f.moody.refuse, RC_RETRY);
	start(&f);
	publish(&f, 0, 3);
	SOON(&f, was_refused, 20 * (size_t) ATTEMPTS * 3 * OBJECTS);
	assert_false(has_failed(&f, 0));
	assert_int_equal(line_count(&f.line, "raw/"), 0);
	assert_int_equal(unacked(&f), 3 * OBJECTS);
	atomic_store(&f.moody.refuse, RC_OK);
	all_is_stored(&f, 3);
}

/* What cannot be stored while all else can is given up on as the subscription has it, and holds up nobody. */
static void one_that_alone_cannot_be_stored_stops_nobody(void **unused UNUSED)
{
	FIXTURE(f);
	f.moody.only = "20260102";
	atomic_store(&f.moody.refuse, RC_RETRY);
	publish(&f, 0, 3);
	start(&f);
	SOON(&f, has_objects, 2 * OBJECTS);
	assert_false(has_failed(&f, 0));
	atomic_store(&f.moody.refuse, RC_OK);
	SOON(&f, is_drained, 0);
	assert_true(line_count(&f.line, "raw/") >= 2 * OBJECTS);
}

static void what_a_person_must_mend_ends_it(void **unused UNUSED)
{
	FIXTURE(f);
	struct err why = { 0 };
	atomic_store(&f.moody.refuse, RC_FATAL);
	start(&f);
	publish(&f, 0, 1);
	SOON(&f, has_failed, 0);
	assert_true(consumer_failed(f.consumer, &why));
	assert_non_null(strstr(why.msg, "no room for 'raw/"));
	assert_int_equal(unacked(&f), OBJECTS); /* for the next one */
	consumer_close(f.consumer);
	atomic_store(&f.moody.refuse, RC_OK);
	start(&f);
	all_is_stored(&f, 1);
}

/* A client of the API may do that; the doors and the other topics live on. */
static void without_its_subscription_it_waits_for_it(void **unused UNUSED)
{
	FIXTURE(f);
	start(&f);
	publish(&f, 0, 1);
	all_is_stored(&f, 1);
	OK(bus_delete_subscription(f.line.bus, SUBSCRIPTION, &err));
	clock_sleep_ms(clock_system(), 200);
	assert_false(has_failed(&f, 0));
	subscribe(f.line.bus);
	publish(&f, 1, 1);
	all_is_stored(&f, 2);
}

static void poison_goes_to_quarantine_and_stops_nobody(void **unused UNUSED)
{
	FIXTURE(f);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("../../etc/passwd") } };
	struct bus_message m = { .data = SLICE("poison"), .attr = attr, .attr_count = COUNT_OF(attr) };
	start(&f);
	OK(bus_publish(f.line.bus, TOPIC, &m, 1, &arena, &err));
	publish(&f, 0, 1);
	SOON(&f, has_objects, OBJECTS);
	SOON(&f, has_quarantined, 1);
	SOON(&f, is_drained, 0);
	assert_false(has_failed(&f, 0));
}

static void a_stop_in_the_middle_loses_nothing(void **unused UNUSED)
{
	FIXTURE(f);
	publish(&f, 0, 50); /* some batches */
	atomic_store(&f.moody.slow_ms, 2);
	start(&f);
	SOON(&f, has_objects, 1);
	consumer_stop(f.consumer);
	consumer_close(f.consumer);
	f.consumer = NULL;
	size_t have = line_count(&f.line, "raw/");
	assert_in_range(have, 1, 50 * OBJECTS - 1);
	assert_int_equal(unacked(&f), 50 * OBJECTS - have); /* the batch was finished */
	start(&f);
	all_is_stored(&f, 50);
}

static void a_stop_while_the_disk_is_full_takes_no_time(void **unused UNUSED)
{
	FIXTURE(f);
	struct consumer_options o = options(&f);
	o.retry_min_ms = o.retry_max_ms = INGEST_HOLD_MS_MAX;
	atomic_store(&f.moody.refuse, RC_RETRY);
	publish(&f, 0, 1);
	f.consumer = consumer_open(&o);
	SOON(&f, was_refused, 1);
	int64_t begin_ms = mono_ms();
	consumer_close(f.consumer);
	f.consumer = NULL;
	assert_in_range(mono_ms() - begin_ms, 0, SOON_MS);
	atomic_store(&f.moody.refuse, RC_OK);
	start(&f); /* at once: the lease was given back */
	all_is_stored(&f, 1);
}

/* Each with a handle of its own on the same file, as processes have. */
static void several_share_the_subscription(void **unused UNUSED)
{
	enum { CONSUMERS = 3, SNAPSHOTS = 40 };
	struct fixture f = { .moody.base.ops = &moody_ops };
	struct bus *bus[CONSUMERS];
	struct state *state[CONSUMERS];
	struct consumer *consumer[CONSUMERS];
	char path[512], state_path[512];
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	(void) snprintf(state_path, sizeof state_path, "%s/state.db", test_tmpdir());
	f.moody.inner = store_mem_open(test_tmpdir());
	f.line.source = source_mem_open();
	f.line.store = &f.moody.base;
	OK(bus_sqlite_open(path, clock_system(), &f.line.bus, &err));
	subscribe(f.line.bus);
	for (int i = 0; i < CONSUMERS; i++) {
		struct consumer_options o = options(&f);
		OK(bus_sqlite_open(path, clock_system(), &bus[i], &err));
		OK(state_open(state_path, clock_system(), &state[i], &err));
		o.bus = bus[i];
		o.state = state[i];
		consumer[i] = consumer_open(&o);
	}
	publish(&f, 0, SNAPSHOTS);
	all_is_stored(&f, SNAPSHOTS);
	for (int i = 0; i < CONSUMERS; i++) {
		struct err why = { 0 };
		assert_false(consumer_failed(consumer[i], &why));
		consumer_close(consumer[i]);
		bus_close(bus[i]);
		state_close(state[i]);
	}
	line_close(&f.line);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_published_is_stored_and_told),
	cmocka_unit_test(nobody_need_listen),
	cmocka_unit_test(woken_it_looks_at_once),
	cmocka_unit_test(a_full_disk_is_waited_for_and_costs_no_message),
	cmocka_unit_test(one_that_alone_cannot_be_stored_stops_nobody),
	cmocka_unit_test(what_a_person_must_mend_ends_it),
	cmocka_unit_test(without_its_subscription_it_waits_for_it),
	cmocka_unit_test(poison_goes_to_quarantine_and_stops_nobody),
	cmocka_unit_test(a_stop_in_the_middle_loses_nothing),
	cmocka_unit_test(a_stop_while_the_disk_is_full_takes_no_time),
	cmocka_unit_test(several_share_the_subscription),
};
TEST_SUITE(consumer, tests)
