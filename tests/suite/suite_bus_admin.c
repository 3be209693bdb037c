/* What exists on a bus, and how it goes: the administrative half of bus.h's contract, on every backend. */
#include "suite/bus_fixture.h"

static void names_are(const struct bus_names *names, const char *text)
{
	char got[512] = "";
	for (size_t i = 0; i < names->count; i++)
		(void) snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "", SLICE_FMT(names->name[i]));
	assert_string_equal(got, text);
}

static void what_exists_is_listed_in_order(void **state)
{
	FIXTURE(f);
	struct bus_names names;
	ok(bus_topics(f.bus, &f.arena, &names, &err));
	names_are(&names, "");
	setup_plain(&f);
	ok(bus_create_topic(f.bus, "Zulu", &err));
	ok(bus_create_topic(f.bus, "alpha", &err));
	struct bus_subscription other = plain;
	other.name = "a-sub";
	other.topic = "alpha";
	other.filter = "attributes:x";
	other.backoff_min_ms = 100;
	other.backoff_max_ms = 2000;
	other.dead_letter_topic = "dead";
	other.max_delivery_attempts = 7;
	ok(bus_create_subscription(f.bus, &other, &err));
	ok(bus_topics(f.bus, &f.arena, &names, &err));
	names_are(&names, "Zulu alpha dead topic-a");
	ok(bus_subscriptions(f.bus, NULL, &f.arena, &names, &err));
	names_are(&names, "a-sub sub-a");
	ok(bus_subscriptions(f.bus, "alpha", &f.arena, &names, &err));
	names_are(&names, "a-sub");
	ok(bus_subscriptions(f.bus, "Zulu", &f.arena, &names, &err));
	names_are(&names, "");
	struct bus_subscription got;
	ok(bus_subscription(f.bus, "a-sub", &f.arena, &got, &err));
	assert_string_equal(got.name, "a-sub");
	assert_string_equal(got.topic, "alpha");
	assert_string_equal(got.filter, "attributes:x");
	assert_string_equal(got.dead_letter_topic, "dead");
	assert_int_equal(got.ack_deadline_s, 60);
	assert_int_equal(got.backoff_min_ms, 100);
	assert_int_equal(got.backoff_max_ms, 2000);
	assert_int_equal(got.max_delivery_attempts, 7);
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_string_equal(got.dead_letter_topic, "");
	refused(RC_NOT_FOUND, "no topic 'nobody'", bus_subscriptions(f.bus, "nobody", &f.arena, &names, &err));
	refused(RC_NOT_FOUND, "no subscription 'nobody'", bus_subscription(f.bus, "nobody", &f.arena, &got, &err));
}

static void a_deleted_topic_leaves_its_subscriptions_what_they_have(void **state)
{
	FIXTURE(f);
	struct bus_subscription got;
	struct bus_names names;
	setup_plain(&f);
	(void) publish(&f, "topic-a", "before");
	ok(bus_delete_topic(f.bus, "topic-a", &err));
	struct bus_message m = { .data = SLICE("x") };
	refused(RC_NOT_FOUND, "no topic 'topic-a'", bus_publish(f.bus, "topic-a", &m, 1, &f.arena, &err));
	refused(RC_NOT_FOUND, "no topic 'topic-a'", bus_delete_topic(f.bus, "topic-a", &err));
	ok(bus_topics(f.bus, &f.arena, &names, &err));
	names_are(&names, "");
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_string_equal(got.topic, BUS_DELETED_TOPIC);
	ok(bus_create_topic(f.bus, "topic-a", &err)); /* the name is free, and means another topic */
	(void) publish(&f, "topic-a", "after");
	refused(RC_REJECT, "choose another name", bus_create_subscription(f.bus, &plain, &err));
	struct bus_delivery d = pull_one(&f, "sub-a");
	assert_true(slice_is(d.message.data, "before"));
	ack(&f, "sub-a", d);
	struct bus_delivery *none;
	assert_int_equal(pull(&f, "sub-a", 10, &none), 0);
	ok(bus_delete_subscription(f.bus, "sub-a", &err));
	ok(bus_create_subscription(f.bus, &plain, &err));
	(void) publish(&f, "topic-a", "anew");
	assert_true(slice_is(pull_one(&f, "sub-a").message.data, "anew"));
}

static void a_deleted_subscription_takes_its_messages_along(void **state)
{
	FIXTURE(f);
	setup_plain(&f);
	struct bus_subscription other = plain;
	other.name = "sub-b";
	ok(bus_create_subscription(f.bus, &other, &err));
	(void) publish(&f, "topic-a", "one");
	(void) publish(&f, "topic-a", "two");
	struct bus_delivery leased = pull_one(&f, "sub-a"), *more;
	ok(bus_delete_subscription(f.bus, "sub-a", &err));
	refused(RC_NOT_FOUND, "no subscription 'sub-a'", bus_delete_subscription(f.bus, "sub-a", &err));
	size_t count;
	refused(RC_NOT_FOUND, "no subscription 'sub-a'", bus_pull(f.bus, "sub-a", 1, SOME_BYTES, &f.arena, &more, &count, &err));
	assert_int_equal(pull(&f, "sub-b", 10, &more), 2); /* another's are untouched */
	ok(bus_create_subscription(f.bus, &plain, &err));
	assert_int_equal(pull(&f, "sub-a", 10, &more), 0); /* a new one begins with nothing */
	ok(bus_ack(f.bus, "sub-a", &leased.ack_id, 1, &err)); /* of the old one: means nothing */
	(void) publish(&f, "topic-a", "three");
	assert_true(slice_is(pull_one(&f, "sub-a").message.data, "three"));
}

static void without_its_dead_letter_topic_a_message_keeps_coming(void **state)
{
	FIXTURE(f);
	setup_mortal(&f, NULL);
	(void) publish(&f, "topic-a", "x");
	ok(bus_delete_topic(f.bus, "topic-dead", &err));
	for (int i = 0; i < 8; i++)
		modify(&f, "sub-a", pull_one(&f, "sub-a"), 0);
	struct bus_subscription got;
	ok(bus_subscription(f.bus, "sub-a", &f.arena, &got, &err));
	assert_string_equal(got.dead_letter_topic, BUS_DELETED_TOPIC);
}

#define EACH_TEST(X, b)                                            \
	X(what_exists_is_listed_in_order, b) \
	X(a_deleted_topic_leaves_its_subscriptions_what_they_have, b) \
	X(a_deleted_subscription_takes_its_messages_along, b) \
	X(without_its_dead_letter_topic_a_message_keeps_coming, b)

static const struct CMUnitTest tests[] = {
	EACH_TEST(ON_BUS, sqlite)
	EACH_TEST(ON_BUS, mem)
	EACH_TEST(ON_BUS, fault)
	EACH_TEST(ON_BUS, group)
};
TEST_SUITE(bus_admin, tests);
