/* The contract of bus.h, judged on every backend. */
#include "bus/bus.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/time.h"
#include "suite/bus_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- names and limits ---- */

static void names_are_checked(void **state)
{
	FIXTURE(f);
	char longest[257];
	memset(longest, 'a', sizeof longest);
	longest[255] = '\0';
	ok(bus_create_topic(f.bus, longest, &err));
	ok(bus_create_topic(f.bus, "Abc-._~+%9", &err));
	longest[255] = 'a';
	longest[256] = '\0';
	refused(RC_REJECT, "3 to 255", bus_create_topic(f.bus, longest, &err));
	refused(RC_REJECT, "3 to 255", bus_create_topic(f.bus, "ab", &err));
	refused(RC_REJECT, "letter first", bus_create_topic(f.bus, "1bc", &err));
	refused(RC_REJECT, "letter first", bus_create_topic(f.bus, "", &err));
	refused(RC_REJECT, "goog", bus_create_topic(f.bus, "google-topic", &err));
	refused(RC_REJECT, "column 4", bus_create_topic(f.bus, "abc/d", &err));
	refused(RC_REJECT, "column 4", bus_create_topic(f.bus, "abc\xc3\xa9", &err));
}

static enum rc publish_message(struct fixture *f, struct bus_message m, struct err *err)
{
	return bus_publish(f->bus, "topic-a", &m, 1, &f->arena, err);
}

static void messages_over_a_limit_are_refused_whole(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	static char bytes[BUS_MESSAGE_BYTES_MAX + 1];
	struct bus_attr attr[BUS_ATTRS_MAX + 1];
	char key[BUS_ATTRS_MAX + 1][8];
	for (size_t i = 0; i < COUNT_OF(attr); i++) {
		(void) snprintf(key[i], sizeof key[i], "k%zu", i);
		attr[i] = (struct bus_attr){ slice_of(key[i]), SLICE("") };
	}
	memset(bytes, 'x', sizeof bytes);
	struct slice long_key = { bytes, BUS_ATTR_KEY_BYTES_MAX }, long_value = { bytes, BUS_ATTR_VALUE_BYTES_MAX };

	refused(RC_REJECT, "neither data nor", publish_message(&f, (struct bus_message){ .data = SLICE("") }, &err));
	refused(RC_REJECT, "10000001 bytes",
	        publish_message(&f, (struct bus_message){ .data = { bytes, BUS_MESSAGE_BYTES_MAX + 1 } }, &err));
	refused(RC_REJECT, "101 attributes", publish_message(&f, (struct bus_message){ .attr = attr, .attr_count = 101 }, &err));
	struct {
		struct bus_attr attr;
		const char *why;
	} bad[] = {
		{ { SLICE(""), SLICE("v") }, "key of 0 bytes" },
		{ { { bytes, BUS_ATTR_KEY_BYTES_MAX + 1 }, SLICE("v") }, "key of 257 bytes" },
		{ { SLICE("k"), { bytes, BUS_ATTR_VALUE_BYTES_MAX + 1 } }, "value of 1025 bytes" },
		{ { SLICE("goog-k"), SLICE("v") }, "goog" },
		{ { SLICE("k\xff"), SLICE("v") }, "UTF-8" },
		{ { SLICE("k"), SLICE("v\xff") }, "UTF-8" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused(RC_REJECT, bad[i].why, publish_message(&f, (struct bus_message){ .attr = &bad[i].attr, .attr_count = 1 }, &err));
	attr[1].key = attr[0].key;
	refused(RC_REJECT, "'k0' is given twice", publish_message(&f, (struct bus_message){ .attr = attr, .attr_count = 2 }, &err));
	refused(RC_REJECT, "ordering key of 1025",
	        publish_message(&f, (struct bus_message){ .data = SLICE("d"), .ordering_key = { bytes, 1025 } }, &err));
	refused(RC_REJECT, "with its attributes",
	        publish_message(&f, (struct bus_message){ .data = { bytes, BUS_MESSAGE_BYTES_MAX }, .attr = attr, .attr_count = 1 }, &err));

	/* all or none */
	struct bus_message three[] = { { .data = SLICE("a") }, { .data = SLICE("") }, { .data = SLICE("c") } };
	refused(RC_REJECT, "message 2 of 3", bus_publish(f.bus, "topic-a", three, 3, &f.arena, &err));
	struct bus_message many[BUS_PUBLISH_MESSAGES_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct bus_message){ .data = { bytes, 10000 } };
	refused(RC_REJECT, "1001 messages", bus_publish(f.bus, "topic-a", many, COUNT_OF(many), &f.arena, &err));
	many[0].data.len = 10001;
	refused(RC_REJECT, "10000001 bytes", bus_publish(f.bus, "topic-a", many, COUNT_OF(many) - 1, &f.arena, &err));
	refused(RC_NOT_FOUND, "no topic 'topic-z'", bus_publish(f.bus, "topic-z", three, 1, &f.arena, &err));
	assert_int_equal(waiting(&f, "sub-a"), 0);

	/* and at the limits they pass */
	many[0].data.len = 10000;
	ok(bus_publish(f.bus, "topic-a", many, BUS_PUBLISH_MESSAGES_MAX, &f.arena, &err));
	attr[1].key = long_key;
	attr[1].value = long_value;
	ok(publish_message(&f, (struct bus_message){ .attr = attr, .attr_count = 100, .ordering_key = { bytes, 1024 } }, &err));
	assert_int_equal(stats(&f, "sub-a").waiting, 1001);
}

static void what_is_unknown_is_not_found(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct bus_delivery *d;
	size_t count;
	struct bus_stats s;
	struct slice id = SLICE("1-1-1");
	refused(RC_NOT_FOUND, "'sub-z'", bus_pull(f.bus, "sub-z", 1, 1, &f.arena, &d, &count, &err));
	refused(RC_NOT_FOUND, "'sub-z'", bus_ack(f.bus, "sub-z", &id, 1, &err));
	refused(RC_NOT_FOUND, "'sub-z'", bus_modify_deadline(f.bus, "sub-z", &id, 1, 0, &err));
	refused(RC_NOT_FOUND, "'sub-z'", bus_stats(f.bus, "sub-z", &s, &err));
	struct bus_subscription sub = plain;
	sub.name = "sub-b";
	sub.topic = "topic-z";
	refused(RC_NOT_FOUND, "'topic-z'", bus_create_subscription(f.bus, &sub, &err));
}

/* ---- subscriptions ---- */

static void a_subscription_is_made_once_and_can_be_changed(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	setup_plain(&f);
	ok(bus_create_topic(f.bus, "topic-b", &err));
	struct bus_subscription sub = plain;
	sub.topic = "topic-b";
	refused(RC_REJECT, "exists on topic 'topic-a'", bus_create_subscription(f.bus, &sub, &err));
	sub = plain;
	sub.filter = "attributes:x";
	refused(RC_REJECT, "exists with filter ''", bus_create_subscription(f.bus, &sub, &err));
	(void) publish(&f, "topic-a", "m");
	sub = plain;
	sub.ack_deadline_s = 10;
	sub.dead_letter_topic = "topic-dead";
	sub.max_delivery_attempts = 5;
	ok(bus_create_subscription(f.bus, &sub, &err));
	(void) pull_one(&f, "sub-a");
	clock_fake_advance_ms(&f.clock, 10000);
	assert_int_equal(pull_one(&f, "sub-a").attempt, 2); /* the message is still there, the new deadline holds */
	(void) publish(&f, "topic-dead", "made with the subscription");
}

static void settings_out_of_range_are_refused(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	const struct {
		struct bus_subscription sub;
		const char *why;
	} bad[] = {
		{ { .name = "x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "" }, "bus name 'x'" },
		{ { .name = "sub-x", .topic = "!", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "" }, "bus name '!'" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "oops", .ack_deadline_s = 60, .dead_letter_topic = "" }, "column 1" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 9, .dead_letter_topic = "" }, "ack deadline (s) 9" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 601, .dead_letter_topic = "" }, "ack deadline (s) 601" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .backoff_min_ms = -1, .dead_letter_topic = "" }, "backoff minimum" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .backoff_min_ms = 2, .backoff_max_ms = 1, .dead_letter_topic = "" }, "backoff maximum" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .backoff_max_ms = 600001, .dead_letter_topic = "" }, "backoff maximum" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "?", .max_delivery_attempts = 5 }, "bus name '?'" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "topic-d", .max_delivery_attempts = 4 }, "delivery attempts 4" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "topic-d", .max_delivery_attempts = 101 }, "delivery attempts 101" },
		{ { .name = "sub-x", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "topic-a", .max_delivery_attempts = 5 }, "its own topic" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused(RC_REJECT, bad[i].why, bus_create_subscription(f.bus, &bad[i].sub, &err));
}

/* ---- delivery ---- */

static void a_message_comes_as_it_was_published(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct bus_attr attr[] = { { SLICE("b"), SLICE("2") }, { SLICE("a"), SLICE("\u307f\0x") }, { SLICE("empty"), SLICE("") } };
	struct bus_message sent[] = {
		{ .data = { "a\0\xff\n", 4 }, .attr = attr, .attr_count = 3, .ordering_key = SLICE("key") },
		{ .attr = attr, .attr_count = 1 },
	};
	ok(bus_publish(f.bus, "topic-a", sent, 2, &f.arena, &err));
	assert_true(sent[0].id.len && sent[1].id.len && !slice_eq(sent[0].id, sent[1].id));
	assert_int_equal(sent[1].publish_time_ms, NOW_MS);
	clock_fake_advance_ms(&f.clock, 5000);
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 10, &d), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct bus_message *got = &d[i].message;
		assert_true(slice_eq(got->data, sent[i].data) && got->data.ptr);
		assert_true(slice_eq(got->ordering_key, sent[i].ordering_key));
		assert_true(slice_eq(got->id, sent[i].id));
		assert_int_equal(got->publish_time_ms, NOW_MS);
		assert_int_equal(d[i].attempt, 1);
		assert_int_equal(got->attr_count, sent[i].attr_count);
		for (size_t j = 0; j < got->attr_count; j++)
			assert_true(slice_eq(got->attr[j].key, attr[j].key) && slice_eq(got->attr[j].value, attr[j].value));
	}
	assert_null(bus_attr_get(&d[1].message, "empty").ptr);
	assert_non_null(bus_attr_get(&d[0].message, "empty").ptr);
}

static void ten_megabytes_pass(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	char *bytes = arena_alloc(&f.arena, BUS_MESSAGE_BYTES_MAX);
	for (size_t i = 0; i < BUS_MESSAGE_BYTES_MAX; i++)
		bytes[i] = (char) (i * 2654435761u >> 13);
	struct bus_message m = { .data = { bytes, BUS_MESSAGE_BYTES_MAX } };
	ok(bus_publish(f.bus, "topic-a", &m, 1, &f.arena, &err));
	struct bus_delivery d = pull_one(&f, "sub-a");
	assert_true(slice_eq(d.message.data, m.data));
	ack(&f, "sub-a", d);
	clock_fake_advance_ms(&f.clock, 600000);
	assert_int_equal(waiting(&f, "sub-a"), 0);
}

static void the_oldest_come_first(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	int64_t id[10];
	for (size_t i = 0; i < COUNT_OF(id); i++)
		id[i] = publish(&f, "topic-a", "m");
	struct bus_delivery *first, *rest, *again;
	int64_t got;
	assert_int_equal(pull(&f, "sub-a", 3, &first), 3);
	clock_fake_advance_ms(&f.clock, 1000);
	assert_int_equal(pull(&f, "sub-a", 3, &rest), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(slice_to_int(first[i].message.id, &got) && got == id[i]);
		assert_true(slice_to_int(rest[i].message.id, &got) && got == id[i + 3]);
	}
	/* those that came back are older than those that never went out */
	clock_fake_advance_ms(&f.clock, 59000);
	assert_int_equal(pull(&f, "sub-a", 5, &again), 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(slice_to_int(again[i].message.id, &got) && got == (i < 3 ? id[i] : id[i + 3]));
}

static void a_filter_decides_when_a_message_is_published(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct bus_subscription some = plain;
	some.name = "sub-some";
	some.filter = "attributes.kind = \"page\" AND NOT attributes:skip";
	ok(bus_create_subscription(f.bus, &some, &err));
	struct bus_attr page[] = { { SLICE("kind"), SLICE("page") }, { SLICE("skip"), SLICE("") } };
	struct bus_message m[] = {
		{ .data = SLICE("1"), .attr = page, .attr_count = 1 },
		{ .data = SLICE("2"), .attr = page, .attr_count = 2 },
		{ .data = SLICE("3") },
	};
	ok(bus_publish(f.bus, "topic-a", m, 3, &f.arena, &err));
	assert_int_equal(waiting(&f, "sub-a"), 3);
	assert_true(slice_is(pull_one(&f, "sub-some").message.data, "1"));
	assert_int_equal(waiting(&f, "sub-some"), 0);
	/* a topic that nobody listens to drops, as the real one does */
	ok(bus_create_topic(f.bus, "topic-b", &err));
	(void) publish(&f, "topic-b", "unheard");
	some.name = "sub-late";
	some.topic = "topic-b";
	some.filter = "";
	ok(bus_create_subscription(f.bus, &some, &err));
	assert_int_equal(waiting(&f, "sub-late"), 0);
}

static void subscriptions_do_not_know_of_each_other(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct bus_subscription other = plain;
	other.name = "sub-b";
	ok(bus_create_subscription(f.bus, &other, &err));
	(void) publish(&f, "topic-a", "both");
	struct bus_delivery a = pull_one(&f, "sub-a"), b = pull_one(&f, "sub-b");
	ack(&f, "sub-b", a); /* an ack id of another subscription means nothing */
	modify(&f, "sub-b", a, 0);
	assert_int_equal(stats(&f, "sub-a").leased, 1);
	ack(&f, "sub-a", a);
	clock_fake_advance_ms(&f.clock, 60000);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	struct bus_delivery again = pull_one(&f, "sub-b");
	assert_true(slice_is(again.message.data, "both") && again.attempt == 2 && !slice_eq(again.ack_id, b.ack_id));
	ack(&f, "sub-b", again);
	clock_fake_advance_ms(&f.clock, 60000);
	assert_int_equal(waiting(&f, "sub-b"), 0);
}

static void a_pull_stays_below_its_bytes(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	char hundred[101];
	memset(hundred, 'x', 100);
	hundred[100] = '\0';
	const struct {
		size_t max_bytes, want;
	} row[] = { { 1, 1 }, { 199, 1 }, { 200, 2 }, { 299, 2 }, { 300, 3 }, { 1000, 4 } };
	for (size_t i = 0; i < 4; i++)
		(void) publish(&f, "topic-a", hundred);
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		struct bus_delivery *d;
		size_t count;
		ok(bus_pull(f.bus, "sub-a", 1000, row[i].max_bytes, &f.arena, &d, &count, &err));
		assert_int_equal(count, row[i].want);
		clock_fake_advance_ms(&f.clock, 60000);
	}
}

static void what_does_not_fit_the_reader_is_refused_and_not_leased(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	char *big = arena_alloc(&f.arena, 100001);
	memset(big, 'x', 100000);
	(void) publish(&f, "topic-a", big);
	(void) publish(&f, "topic-a", big);
	struct bus_delivery *d;
	size_t count;
	CLEANUP(arena_done) struct arena tiny = arena_new(16), small = arena_new(50000), medium = arena_new(150000);
	refused(RC_REJECT, "arena", bus_pull(f.bus, "sub-a", 1, SOME_BYTES, &tiny, &d, &count, &err));
	refused(RC_REJECT, "limit of the reader", bus_pull(f.bus, "sub-a", 1, SOME_BYTES, &small, &d, &count, &err));
	assert_int_equal(count, 0);
	ok(bus_pull(f.bus, "sub-a", 10, SOME_BYTES, &medium, &d, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(d[0].attempt, 1);
	assert_int_equal(pull_one(&f, "sub-a").attempt, 1);
}

/* ---- leases ---- */

static void a_lease_ends_at_its_deadline(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "m");
	struct bus_delivery first = pull_one(&f, "sub-a");
	assert_int_equal(waiting(&f, "sub-a"), 0);
	clock_fake_advance_ms(&f.clock, 59999);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	clock_fake_advance_ms(&f.clock, 1);
	struct bus_delivery second = pull_one(&f, "sub-a");
	assert_int_equal(second.attempt, 2);
	assert_true(slice_eq(second.message.id, first.message.id) && !slice_eq(second.ack_id, first.ack_id));
}

static void a_deadline_can_be_moved_while_the_lease_lasts(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "m");
	struct bus_delivery d = pull_one(&f, "sub-a");
	clock_fake_advance_ms(&f.clock, 50000);
	modify(&f, "sub-a", d, 600);
	clock_fake_advance_ms(&f.clock, 599999);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	modify(&f, "sub-a", d, 1); /* shorter, too */
	clock_fake_advance_ms(&f.clock, 1000);
	modify(&f, "sub-a", d, 600); /* too late */
	d = pull_one(&f, "sub-a");
	assert_int_equal(d.attempt, 2);
}

static void an_ack_is_good_until_the_message_is_leased_again(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "a");
	(void) publish(&f, "topic-a", "b");
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 2, &d), 2);
	clock_fake_advance_ms(&f.clock, 61000);
	ack(&f, "sub-a", d[0]); /* the lease has run out, nobody else has it */
	struct bus_delivery again = pull_one(&f, "sub-a");
	assert_true(slice_is(again.message.data, "b"));
	ack(&f, "sub-a", d[1]); /* somebody else has it */
	modify(&f, "sub-a", d[1], 0);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	clock_fake_advance_ms(&f.clock, 60000);
	again = pull_one(&f, "sub-a");
	assert_int_equal(again.attempt, 3);
	modify(&f, "sub-a", again, 0);
	ack(&f, "sub-a", again); /* after a nack it still is the last lease */
	assert_int_equal(waiting(&f, "sub-a"), 0);
	assert_int_equal(stats(&f, "sub-a").waiting, 0);
}

static void ack_ids_that_mean_nothing_are_ignored(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "m");
	static const char *const nothing[] = { "", "-", "--", "1-1", "1-1-0", "1-1-1", "1-1-2", "1-1-1-1", "1-9-1", "9-1-1", "a-b-c",
		                               "1-1-99999999999999999999", " 1-1-1", "projects/p/subscriptions/s:1" };
	struct slice id[COUNT_OF(nothing)];
	for (size_t i = 0; i < COUNT_OF(nothing); i++)
		id[i] = slice_of(nothing[i]);
	ok(bus_ack(f.bus, "sub-a", id, COUNT_OF(id), &err));
	ok(bus_modify_deadline(f.bus, "sub-a", id, COUNT_OF(id), 0, &err));
	ok(bus_modify_deadline(f.bus, "sub-a", id, COUNT_OF(id), 600, &err));
	ok(bus_ack(f.bus, "sub-a", NULL, 0, &err));
	struct bus_delivery d = pull_one(&f, "sub-a");
	assert_int_equal(d.attempt, 1);
	struct slice twice[] = { d.ack_id, SLICE("nonsense"), d.ack_id };
	ok(bus_ack(f.bus, "sub-a", twice, 3, &err));
	ok(bus_ack(f.bus, "sub-a", twice, 3, &err));
	assert_int_equal(stats(&f, "sub-a").leased, 0);
}

/* ---- nack and backoff ---- */

static void nacks_come_back_later_and_later(void **state)
{
	FIXTURE(f);
	ok(bus_create_topic(f.bus, "topic-a", &err));
	struct bus_subscription sub = plain;
	sub.backoff_min_ms = 100;
	sub.backoff_max_ms = 1000;
	ok(bus_create_subscription(f.bus, &sub, &err));
	(void) publish(&f, "topic-a", "m");
	static const int64_t wait_ms[] = { 100, 200, 400, 800, 1000, 1000 };
	struct bus_delivery d = pull_one(&f, "sub-a");
	for (size_t i = 0; i < COUNT_OF(wait_ms); i++) {
		modify(&f, "sub-a", d, 0);
		clock_fake_advance_ms(&f.clock, 50);
		modify(&f, "sub-a", d, 0);   /* twice is once */
		clock_fake_advance_ms(&f.clock, -50);
		modify(&f, "sub-a", d, 600); /* no lease left to move */
		assert_int_equal(stats(&f, "sub-a").next_delivery_ms, wait_ms[i]);
		clock_fake_advance_ms(&f.clock, wait_ms[i] - 1);
		assert_int_equal(waiting(&f, "sub-a"), 0);
		assert_int_equal(stats(&f, "sub-a").next_delivery_ms, 1);
		clock_fake_advance_ms(&f.clock, 1);
		d = pull_one(&f, "sub-a");
		assert_int_equal(d.attempt, (int) i + 2);
	}
	/* a lease that runs out waits no longer than that */
	clock_fake_advance_ms(&f.clock, 60000);
	assert_int_equal(pull_one(&f, "sub-a").attempt, COUNT_OF(wait_ms) + 2);
}

static void without_backoff_a_nack_comes_back_at_once(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "m");
	for (int attempt = 1; attempt < 200; attempt++) {
		struct bus_delivery d = pull_one(&f, "sub-a");
		assert_int_equal(d.attempt, attempt);
		modify(&f, "sub-a", d, 0);
		assert_int_equal(stats(&f, "sub-a").next_delivery_ms, 0);
	}
}

/* ---- dead letters ---- */

static void the_last_nack_makes_a_dead_letter(void **state)
{
	FIXTURE(f);
	setup_mortal(&f, "sub-dead");
	struct bus_attr attr[] = { { SLICE("k"), SLICE("v") } };
	struct bus_message m = { .data = SLICE("poison"), .attr = attr, .attr_count = 1, .ordering_key = SLICE("o") };
	ok(bus_publish(f.bus, "topic-a", &m, 1, &f.arena, &err));
	clock_fake_advance_ms(&f.clock, 7777);
	kill_by_nack(&f, "sub-a", 4);
	assert_int_equal(waiting(&f, "sub-dead"), 0);
	struct bus_delivery last = pull_one(&f, "sub-a");
	assert_int_equal(last.attempt, 5);
	modify(&f, "sub-a", last, 0);
	clock_fake_advance_ms(&f.clock, 600000);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	assert_int_equal(stats(&f, "sub-a").waiting, 0);
	ack(&f, "sub-a", last); /* too late, and harmless */
	struct bus_delivery dead = pull_one(&f, "sub-dead");
	assert_int_equal(dead.attempt, 1);
	assert_true(slice_is(dead.message.data, "poison") && slice_is(dead.message.ordering_key, "o"));
	assert_false(slice_eq(dead.message.id, m.id));
	assert_int_equal(dead.message.attr_count, 4);
	assert_true(is_attr(&dead.message, "k", "v"));
	assert_true(is_attr(&dead.message, "CloudPubSubDeadLetterSourceDeliveryCount", "5"));
	assert_true(is_attr(&dead.message, "CloudPubSubDeadLetterSourceSubscription", "sub-a"));
	assert_true(is_attr(&dead.message, "CloudPubSubDeadLetterSourceTopicPublishTime", "2023-11-14T22:13:20.123Z"));
	ack(&f, "sub-dead", dead);
}

static void leases_that_run_out_make_a_dead_letter_too(void **state)
{
	FIXTURE(f);
	setup_mortal(&f, "sub-dead");
	(void) publish(&f, "topic-a", "poison");
	(void) publish(&f, "topic-a", "poison, too");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(waiting(&f, "sub-a"), 2);
		clock_fake_advance_ms(&f.clock, 10000);
	}
	assert_int_equal(stats(&f, "sub-a").waiting, 2); /* nobody has looked */
	(void) publish(&f, "topic-a", "good");
	assert_true(slice_is(pull_one(&f, "sub-a").message.data, "good")); /* the dead do not take the place of the living */
	assert_int_equal(waiting(&f, "sub-dead"), 2);
}

static void a_dead_letter_waits_for_a_subscription(void **state)
{
	FIXTURE(f);
	setup_mortal(&f, NULL);
	(void) publish(&f, "topic-a", "poison");
	kill_by_nack(&f, "sub-a", 5);
	struct bus_subscription dead = plain;
	dead.name = "sub-other";
	dead.topic = "topic-dead";
	dead.filter = "attributes:other";
	ok(bus_create_subscription(f.bus, &dead, &err));
	assert_int_equal(waiting(&f, "sub-other"), 0);
	dead.name = "sub-dead";
	dead.filter = "attributes.CloudPubSubDeadLetterSourceSubscription = \"sub-a\"";
	ok(bus_create_subscription(f.bus, &dead, &err));
	struct bus_delivery d = pull_one(&f, "sub-dead");
	assert_true(slice_is(d.message.data, "poison"));
	ack(&f, "sub-dead", d);
	dead.name = "sub-third"; /* it was claimed: a third one does not get it again */
	ok(bus_create_subscription(f.bus, &dead, &err));
	assert_int_equal(waiting(&f, "sub-third"), 0);
}

static void a_dead_letter_can_die_again(void **state)
{
	FIXTURE(f);
	setup_mortal(&f, NULL);
	struct bus_subscription dead = mortal;
	dead.name = "sub-dead";
	dead.topic = "topic-dead";
	dead.dead_letter_topic = "topic-dead-dead";
	dead.max_delivery_attempts = 6;
	ok(bus_create_subscription(f.bus, &dead, &err));
	dead = plain;
	dead.name = "sub-last";
	dead.topic = "topic-dead-dead";
	ok(bus_create_subscription(f.bus, &dead, &err));
	(void) publish(&f, "topic-a", "poison");
	kill_by_nack(&f, "sub-a", 5);
	kill_by_nack(&f, "sub-dead", 6);
	struct bus_delivery d = pull_one(&f, "sub-last");
	assert_int_equal(d.message.attr_count, 3);
	assert_true(is_attr(&d.message, "CloudPubSubDeadLetterSourceDeliveryCount", "6"));
	assert_true(is_attr(&d.message, "CloudPubSubDeadLetterSourceSubscription", "sub-dead"));
}

static void fewer_attempts_hold_for_messages_that_are_there(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	(void) publish(&f, "topic-a", "poison");
	kill_by_nack(&f, "sub-a", 7);
	setup_mortal(&f, "sub-dead");
	assert_int_equal(waiting(&f, "sub-a"), 0);
	struct bus_delivery d = pull_one(&f, "sub-dead");
	assert_true(is_attr(&d.message, "CloudPubSubDeadLetterSourceDeliveryCount", "7"));
}

/* ---- figures and the clock ---- */

static void figures_follow_a_message(void **state)
{
	FIXTURE(f);
	ok(bus_create_topic(f.bus, "topic-a", &err));
	struct bus_subscription sub = plain;
	sub.backoff_min_ms = sub.backoff_max_ms = 5000;
	ok(bus_create_subscription(f.bus, &sub, &err));
	struct bus_stats s = stats(&f, "sub-a");
	assert_true(s.waiting == 0 && s.leased == 0 && s.oldest_unacked_ms == 0 && s.next_delivery_ms == -1);
	(void) publish(&f, "topic-a", "a");
	clock_fake_advance_ms(&f.clock, 1000);
	(void) publish(&f, "topic-a", "b");
	s = stats(&f, "sub-a");
	assert_true(s.waiting == 2 && s.leased == 0 && s.oldest_unacked_ms == 1000 && s.next_delivery_ms == 0);
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 2, &d), 2);
	s = stats(&f, "sub-a");
	assert_true(s.waiting == 0 && s.leased == 2 && s.oldest_unacked_ms == 1000 && s.next_delivery_ms == -1);
	modify(&f, "sub-a", d[0], 0);
	clock_fake_advance_ms(&f.clock, 2000);
	modify(&f, "sub-a", d[1], 0);
	s = stats(&f, "sub-a");
	assert_true(s.waiting == 2 && s.leased == 0 && s.oldest_unacked_ms == 3000 && s.next_delivery_ms == 3000);
	ack(&f, "sub-a", d[0]);
	s = stats(&f, "sub-a");
	assert_true(s.waiting == 1 && s.leased == 0 && s.oldest_unacked_ms == 2000 && s.next_delivery_ms == 5000);
	clock_fake_advance_ms(&f.clock, 5000);
	assert_int_equal(stats(&f, "sub-a").next_delivery_ms, 0);
	(void) pull_one(&f, "sub-a");
	clock_fake_advance_ms(&f.clock, 60000); /* the lease runs out: it waits again, before anyone pulls */
	s = stats(&f, "sub-a");
	assert_true(s.waiting == 1 && s.leased == 0 && s.next_delivery_ms == 0);
}

static void a_clock_that_jumps_back_makes_nothing_eternal(void **state)
{
	FIXTURE(f);
	ok(bus_create_topic(f.bus, "topic-a", &err));
	struct bus_subscription sub = plain;
	sub.backoff_min_ms = sub.backoff_max_ms = 5000;
	ok(bus_create_subscription(f.bus, &sub, &err));
	(void) publish(&f, "topic-a", "m");
	/* a day back: under a lease, then backing off */
	(void) pull_one(&f, "sub-a");
	clock_fake_advance_ms(&f.clock, -86400000);
	struct bus_stats s = stats(&f, "sub-a");
	assert_true(s.waiting == 1 && s.leased == 0 && s.next_delivery_ms == 0 && s.oldest_unacked_ms == 0);
	struct bus_delivery d = pull_one(&f, "sub-a");
	assert_int_equal(d.attempt, 2);
	modify(&f, "sub-a", d, 0);
	clock_fake_advance_ms(&f.clock, -86400000);
	assert_int_equal(stats(&f, "sub-a").next_delivery_ms, 0);
	d = pull_one(&f, "sub-a");
	assert_int_equal(d.attempt, 3);
	/* ten minutes back: at most eleven from now */
	clock_fake_advance_ms(&f.clock, -600000);
	assert_int_equal(waiting(&f, "sub-a"), 0);
	clock_fake_advance_ms(&f.clock, 660000);
	assert_int_equal(waiting(&f, "sub-a"), 1);
}

static void a_clock_that_is_set_right_ends_no_lease(void **state)
{
	FIXTURE(f);
	ok(bus_create_topic(f.bus, "topic-a", &err));
	struct bus_subscription sub = plain;
	sub.ack_deadline_s = 600;
	sub.backoff_min_ms = sub.backoff_max_ms = BUS_BACKOFF_MS_MAX;
	ok(bus_create_subscription(f.bus, &sub, &err));
	(void) publish(&f, "topic-a", "a");
	(void) publish(&f, "topic-a", "b");
	struct bus_delivery *d;
	assert_int_equal(pull(&f, "sub-a", 2, &d), 2);
	modify(&f, "sub-a", d[0], 0);
	clock_fake_advance_ms(&f.clock, -1000);
	assert_int_equal(waiting(&f, "sub-a"), 0);
}

/* ---- the decorator ---- */

static void one_call_fails_before_or_after_it_is_done(void **state)
{
	(void) state;
	for (int after = 0; after < 2; after++) {
		CLEANUP(fixture_done) struct fixture f = { .arena = arena_new(SOME_BYTES) };
		clock_fake_init(&f.clock, NOW_MS);
		f.bus = bus_fault_open(bus_mem_open(&f.clock.base), 4, after, RC_RETRY);
		setup_plain(&f);
		(void) publish(&f, "topic-a", "m");
		assert_false(bus_fault_fired(f.bus));
		struct bus_delivery *d;
		size_t count;
		refused(RC_RETRY, "'sub-a': injected fault", bus_pull(f.bus, "sub-a", 1, SOME_BYTES, &f.arena, &d, &count, &err));
		assert_true(bus_fault_fired(f.bus) && count == 0);
		assert_int_equal(stats(&f, "sub-a").leased, after);
	}
}

/* ---- the list ---- */

#define EACH_TEST(X, b)                                            \
	X(names_are_checked, b)                                    \
	X(messages_over_a_limit_are_refused_whole, b)              \
	X(what_is_unknown_is_not_found, b)                         \
	X(a_subscription_is_made_once_and_can_be_changed, b)       \
	X(settings_out_of_range_are_refused, b)                    \
	X(a_message_comes_as_it_was_published, b)                  \
	X(ten_megabytes_pass, b)                                   \
	X(the_oldest_come_first, b)                                \
	X(a_filter_decides_when_a_message_is_published, b)         \
	X(subscriptions_do_not_know_of_each_other, b)              \
	X(a_pull_stays_below_its_bytes, b)                         \
	X(what_does_not_fit_the_reader_is_refused_and_not_leased, b) \
	X(a_lease_ends_at_its_deadline, b)                         \
	X(a_deadline_can_be_moved_while_the_lease_lasts, b)        \
	X(an_ack_is_good_until_the_message_is_leased_again, b)     \
	X(ack_ids_that_mean_nothing_are_ignored, b)                \
	X(nacks_come_back_later_and_later, b)                      \
	X(without_backoff_a_nack_comes_back_at_once, b)            \
	X(the_last_nack_makes_a_dead_letter, b)                    \
	X(leases_that_run_out_make_a_dead_letter_too, b)           \
	X(a_dead_letter_waits_for_a_subscription, b)               \
	X(a_dead_letter_can_die_again, b)                          \
	X(fewer_attempts_hold_for_messages_that_are_there, b)      \
	X(figures_follow_a_message, b)                             \
	X(a_clock_that_jumps_back_makes_nothing_eternal, b)        \
	X(a_clock_that_is_set_right_ends_no_lease, b)

static const struct CMUnitTest tests[] = {
	EACH_TEST(ON_BUS, sqlite)
	EACH_TEST(ON_BUS, mem)
	EACH_TEST(ON_BUS, fault)
	EACH_TEST(ON_BUS, group)
	cmocka_unit_test(one_call_fails_before_or_after_it_is_done),
};
TEST_SUITE(bus, tests);
