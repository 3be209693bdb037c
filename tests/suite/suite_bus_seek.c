/* Retention, ordering, snapshots and seek: that half of the contract of bus.h and bus_admin.h, on every backend. */
#include "suite/bus_fixture.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)

static const struct bus_subscription keeping = {
	.name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "",
	.retention_ms = 7 * DAY_MS, .retain_acked = true,
};

static void setup_of(struct fixture *f, const struct bus_subscription *sub)
{
	ok(bus_create_topic(f->bus, sub->topic, &err));
	ok(bus_create_subscription(f->bus, sub, &err));
}

/* The data of all that comes, joined: "a b c". */
static const char *pulled(struct fixture *f, const char *sub, size_t max)
{
	static char text[1024];
	struct bus_delivery *d;
	size_t count = pull(f, sub, max, &d);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		(void) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i ? " " : "", SLICE_FMT(d[i].message.data));
	return text;
}

static void ack_all(struct fixture *f, const char *sub)
{
	struct bus_delivery *d;
	size_t count = pull(f, sub, 100, &d);
	for (size_t i = 0; i < count; i++)
		ack(f, sub, d[i]);
}

static void publish_key(struct fixture *f, const char *data, const char *key)
{
	struct bus_message m = { .data = slice_of(data), .ordering_key = slice_of(key) };
	ok(bus_publish(f->bus, "topic-a", &m, 1, &f->arena, &err));
}

/* ---- settings ---- */

static void settings_are_kept_and_changed(void **state)
{
	FIXTURE(f);
	struct bus_subscription sub = keeping, got;
	struct bus_topic topic = { .name = "topic-a", .retention_ms = 10 * MINUTE_MS, .labels = "{\"a\":\"b\"}" }, read;
	sub.push_config = "{\"pushEndpoint\":\"http://x\"}";
	sub.labels = "{\"l\":\"1\"}";
	ok(bus_make_topic(f.bus, &topic, &err));
	ok(bus_create_subscription(f.bus, &sub, &err));
	ok(bus_topic(f.bus, "topic-a", &f.arena, &read, &err));
	assert_true(read.retention_ms == 10 * MINUTE_MS && strcmp(read.labels, topic.labels) == 0 && strcmp(read.name, "topic-a") == 0);
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_true(got.retain_acked && got.retention_ms == 7 * DAY_MS && !got.ordered && !got.detached);
	assert_string_equal(got.push_config, sub.push_config);
	assert_string_equal(got.labels, sub.labels);
	sub.push_config = NULL;
	sub.retain_acked = false;
	ok(bus_create_subscription(f.bus, &sub, &err));
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_true(!got.retain_acked && got.push_config[0] == '\0');
	topic.retention_ms = 0;
	ok(bus_update_topic(f.bus, &topic, &err));
	ok(bus_topic(f.bus, "topic-a", &f.arena, &read, &err));
	assert_int_equal(read.retention_ms, 0);
	topic.name = "topic-z";
	refused(RC_NOT_FOUND, "topic-z", bus_update_topic(f.bus, &topic, &err));
	topic.retention_ms = 5;
	refused(RC_REJECT, "retention", bus_make_topic(f.bus, &topic, &err));
	sub.retention_ms = 32 * DAY_MS;
	refused(RC_REJECT, "retention", bus_create_subscription(f.bus, &sub, &err));
	sub.retention_ms = 0;
	sub.retain_acked = true;
	refused(RC_REJECT, "retained for a time", bus_create_subscription(f.bus, &sub, &err));
	sub = keeping;
	sub.ordered = true;
	refused(RC_REJECT, "is not ordered", bus_create_subscription(f.bus, &sub, &err));
}

/* ---- retention ---- */

static void what_is_too_old_does_not_come(void **state)
{
	FIXTURE(f);
	struct bus_subscription sub = keeping;
	sub.retention_ms = 10 * MINUTE_MS;
	sub.retain_acked = false;
	setup_of(&f, &sub);
	(void) publish(&f, "topic-a", "old");
	clock_fake_advance_ms(&f.clock, 9 * MINUTE_MS);
	(void) publish(&f, "topic-a", "young");
	clock_fake_advance_ms(&f.clock, MINUTE_MS);
	assert_string_equal(pulled(&f, "sub-a", 10), "young");
	clock_fake_advance_ms(&f.clock, 20 * MINUTE_MS);
	(void) publish(&f, "topic-a", "new"); /* the leased one is too old by now, too */
	assert_int_equal(stats(&f, "sub-a").waiting + stats(&f, "sub-a").leased, 1);
	assert_string_equal(pulled(&f, "sub-a", 10), "new");
}

static void without_retention_a_message_waits_for_years(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "old");
	clock_fake_advance_ms(&f.clock, 1000 * DAY_MS);
	(void) publish(&f, "topic-a", "new");
	assert_string_equal(pulled(&f, "sub-a", 10), "old new");
}

/* ---- order ---- */

static void of_a_key_one_comes_after_the_other(void **state)
{
	FIXTURE(f);
	struct bus_subscription sub = plain;
	struct bus_delivery d;
	sub.ordered = true;
	setup_of(&f, &sub);
	publish_key(&f, "a1", "a");
	publish_key(&f, "a2", "a");
	publish_key(&f, "b1", "b");
	publish_key(&f, "-", "");
	d = pull_one(&f, "sub-a");
	assert_true(slice_is(d.message.data, "a1"));
	assert_string_equal(pulled(&f, "sub-a", 10), "b1 -"); /* a2 waits for a1 */
	assert_int_equal(stats(&f, "sub-a").next_delivery_ms, -1);
	ack(&f, "sub-a", d);
	assert_string_equal(pulled(&f, "sub-a", 10), "a2");
}

static void in_one_pull_a_key_comes_in_order_and_comes_again_so(void **state)
{
	FIXTURE(f);
	struct bus_subscription sub = plain;
	struct bus_delivery *d;
	sub.ordered = true;
	setup_of(&f, &sub);
	publish_key(&f, "a1", "a");
	publish_key(&f, "a2", "a");
	publish_key(&f, "a3", "a");
	assert_int_equal(pull(&f, "sub-a", 2, &d), 2);
	assert_true(slice_is(d[0].message.data, "a1") && slice_is(d[1].message.data, "a2"));
	modify(&f, "sub-a", d[0], 0); /* so a2 comes again, too */
	assert_string_equal(pulled(&f, "sub-a", 10), "a1 a2 a3");
	clock_fake_advance_ms(&f.clock, 60001);
	assert_string_equal(pulled(&f, "sub-a", 1), "a1");
	assert_string_equal(pulled(&f, "sub-a", 10), "");
}

static void a_dead_letter_lets_the_next_of_its_key_through(void **state)
{
	FIXTURE(f);
	struct bus_subscription sub = mortal;
	sub.ordered = true;
	setup_of(&f, &sub);
	publish_key(&f, "a1", "a");
	publish_key(&f, "a2", "a");
	kill_by_nack(&f, "sub-a", 5);
	assert_string_equal(pulled(&f, "sub-a", 10), "a2");
}

/* ---- seek ---- */

static void seek_brings_back_what_was_acknowledged(void **state)
{
	FIXTURE(f);
	setup_of(&f, &keeping);
	(void) publish(&f, "topic-a", "one");
	clock_fake_advance_ms(&f.clock, MINUTE_MS);
	(void) publish(&f, "topic-a", "two");
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 10, &d), 2);
	ack(&f, "sub-a", d[0]);
	ack(&f, "sub-a", d[1]);
	assert_int_equal(stats(&f, "sub-a").oldest_unacked_ms, 0);
	ok(bus_seek_time(f.bus, "sub-a", NOW_MS + MINUTE_MS, &err));
	ack(&f, "sub-a", d[1]); /* an id from before: means nothing */
	struct bus_delivery again = pull_one(&f, "sub-a");
	assert_true(slice_is(again.message.data, "two") && again.attempt == 1);
	assert_false(slice_eq(again.ack_id, d[1].ack_id));
	ok(bus_seek_time(f.bus, "sub-a", 0, &err));
	assert_string_equal(pulled(&f, "sub-a", 10), "one two");
	ok(bus_seek_time(f.bus, "sub-a", NOW_MS + DAY_MS, &err)); /* all that is there counts as done */
	assert_string_equal(pulled(&f, "sub-a", 10), "");
	(void) publish(&f, "topic-a", "three");
	assert_string_equal(pulled(&f, "sub-a", 10), "three");
	refused(RC_NOT_FOUND, "no subscription 'sub-z'", bus_seek_time(f.bus, "sub-z", 0, &err));
}

static void a_topic_that_retains_serves_who_came_late(void **state)
{
	FIXTURE(f);
	const struct bus_topic topic = { .name = "topic-a", .retention_ms = 10 * MINUTE_MS };
	ok(bus_make_topic(f.bus, &topic, &err));
	(void) publish(&f, "topic-a", "early");
	ok(bus_create_subscription(f.bus, &plain, &err));
	assert_string_equal(pulled(&f, "sub-a", 10), "");
	(void) publish(&f, "topic-a", "later");
	ack_all(&f, "sub-a");
	ok(bus_seek_time(f.bus, "sub-a", NOW_MS, &err));
	assert_string_equal(pulled(&f, "sub-a", 10), "early later");
	ack_all(&f, "sub-a");
	clock_fake_advance_ms(&f.clock, 10 * MINUTE_MS);
	(void) publish(&f, "topic-a", "last");
	ok(bus_seek_time(f.bus, "sub-a", NOW_MS, &err));
	assert_true(strstr(pulled(&f, "sub-a", 10), "last") != NULL);
}

static void a_snapshot_is_what_was_open_and_all_that_follows(void **state)
{
	FIXTURE(f);
	struct bus_names names;
	struct bus_snapshot got;
	setup_plain(&f);
	(void) publish(&f, "topic-a", "done");
	ack_all(&f, "sub-a");
	(void) publish(&f, "topic-a", "open");
	clock_fake_advance_ms(&f.clock, MINUTE_MS);
	ok(bus_create_snapshot(f.bus, "snap-a", "sub-a", "{}", &err));
	refused(RC_REJECT, "it exists", bus_create_snapshot(f.bus, "snap-a", "sub-a", "", &err));
	refused(RC_NOT_FOUND, "no subscription 'sub-z'", bus_create_snapshot(f.bus, "snap-z", "sub-z", "", &err));
	ack_all(&f, "sub-a");
	(void) publish(&f, "topic-a", "after");
	ack_all(&f, "sub-a");
	ok(bus_snapshot(f.bus, "snap-a", &f.arena, &got, &err));
	assert_string_equal(got.topic, "topic-a");
	assert_string_equal(got.labels, "{}");
	assert_int_equal(got.expire_ms, NOW_MS + 7 * DAY_MS);
	ok(bus_subscriptions(f.bus, NULL, &f.arena, &names, &err));
	assert_int_equal(names.count, 1); /* it is no subscription */
	ok(bus_snapshots(f.bus, "topic-a", &f.arena, &names, &err));
	assert_true(names.count == 1 && slice_is(names.name[0], "snap-a"));
	ok(bus_seek_snapshot(f.bus, "sub-a", "snap-a", &err));
	assert_string_equal(pulled(&f, "sub-a", 10), "open after");
	ok(bus_seek_snapshot(f.bus, "sub-a", "snap-a", &err)); /* again: a snapshot is not used up */
	assert_string_equal(pulled(&f, "sub-a", 10), "open after");
	ok(bus_delete_snapshot(f.bus, "snap-a", &err));
	refused(RC_NOT_FOUND, "no snapshot 'snap-a'", bus_delete_snapshot(f.bus, "snap-a", &err));
	refused(RC_NOT_FOUND, "no snapshot 'snap-a'", bus_seek_snapshot(f.bus, "sub-a", "snap-a", &err));
}

static void snapshots_end_and_are_of_one_topic(void **state)
{
	FIXTURE(f);
	struct bus_names names;
	struct bus_snapshot got;
	struct bus_subscription other = plain;
	setup_plain(&f);
	other.name = "sub-b";
	other.topic = "topic-b";
	setup_of(&f, &other);
	ok(bus_create_snapshot(f.bus, "snap-b", "sub-b", "", &err));
	refused(RC_REJECT, "of another topic", bus_seek_snapshot(f.bus, "sub-a", "snap-b", &err));
	ok(bus_update_snapshot(f.bus, &(struct bus_snapshot){ .name = "snap-b", .labels = "{\"x\":\"y\"}", .expire_ms = NOW_MS + 5000 }, &err));
	ok(bus_snapshot(f.bus, "snap-b", &f.arena, &got, &err));
	assert_true(got.expire_ms == NOW_MS + 5000 && strcmp(got.labels, "{\"x\":\"y\"}") == 0);
	clock_fake_advance_ms(&f.clock, 5000);
	refused(RC_NOT_FOUND, "no snapshot 'snap-b'", bus_snapshot(f.bus, "snap-b", &f.arena, &got, &err));
	ok(bus_snapshots(f.bus, NULL, &f.arena, &names, &err));
	assert_int_equal(names.count, 0);
	ok(bus_create_snapshot(f.bus, "snap-b", "sub-b", "", &err)); /* the name is free */
	(void) publish(&f, "topic-a", "old");
	clock_fake_advance_ms(&f.clock, 7 * DAY_MS - 30 * MINUTE_MS);
	refused(RC_REJECT, "would not last an hour", bus_create_snapshot(f.bus, "snap-a", "sub-a", "", &err));
}

static void detached_it_is_empty_and_gets_nothing(void **state)
{
	FIXTURE(f);
	struct bus_subscription got;
	struct bus_delivery *d;
	size_t count;
	setup_plain(&f);
	(void) publish(&f, "topic-a", "one");
	ok(bus_detach(f.bus, "sub-a", &err));
	ok(bus_detach(f.bus, "sub-a", &err));
	(void) publish(&f, "topic-a", "two");
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_true(got.detached);
	assert_int_equal(stats(&f, "sub-a").waiting, 0);
	refused(RC_REJECT, "is detached", bus_pull(f.bus, "sub-a", 1, SOME_BYTES, &f.arena, &d, &count, &err));
	refused(RC_REJECT, "is detached", bus_create_snapshot(f.bus, "snap-a", "sub-a", "", &err));
	refused(RC_NOT_FOUND, "no subscription 'sub-z'", bus_detach(f.bus, "sub-z", &err));
}

#define EACH_TEST(X, b)                                            \
	X(settings_are_kept_and_changed, b)                        \
	X(what_is_too_old_does_not_come, b)                        \
	X(without_retention_a_message_waits_for_years, b)          \
	X(of_a_key_one_comes_after_the_other, b)                   \
	X(in_one_pull_a_key_comes_in_order_and_comes_again_so, b)  \
	X(a_dead_letter_lets_the_next_of_its_key_through, b)       \
	X(seek_brings_back_what_was_acknowledged, b)               \
	X(a_topic_that_retains_serves_who_came_late, b)            \
	X(a_snapshot_is_what_was_open_and_all_that_follows, b)     \
	X(snapshots_end_and_are_of_one_topic, b)                   \
	X(detached_it_is_empty_and_gets_nothing, b)

static const struct CMUnitTest tests[] = {
	EACH_TEST(ON_BUS, sqlite)
	EACH_TEST(ON_BUS, mem)
	EACH_TEST(ON_BUS, fault)
	EACH_TEST(ON_BUS, group)
};
TEST_SUITE(bus_seek, tests);
