/* Pub/Sub's push envelopes, wrapped and not, as the real service and its emulator send them, and others. */
#include "serve/envelope.h"

#include "base/base64.h"
#include "base/buf.h"
#include "test.h"

#include <stdio.h>
#include <strings.h>

#define BODY_BYTES ((size_t) 20 << 20)

struct fixture {
	struct arena arena, texts;
	struct envelope e;
	struct err err;
};

static void fixture_done(struct fixture *f)
{
	arena_done(&f->arena);
	arena_done(&f->texts);
}
#define FIXTURE(f) \
	CLEANUP(fixture_done) struct fixture f = { .arena = arena_new(ENVELOPE_ARENA_BYTES), .texts = arena_new((size_t) 256 << 20) }

/* JSON in single quotes for double ones. */
static enum rc read_text(struct fixture *f, const char *json)
{
	char *text = arena_strdup(&f->texts, slice_of(json));
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	arena_reset(&f->arena);
	f->err.msg[0] = '\0';
	return envelope_read(slice_of(text), &f->arena, &f->e, &f->err);
}

static void good(struct fixture *f, const char *json)
{
	if (read_text(f, json) != RC_OK)
		fail_msg("%s: %s", json, f->err.msg);
	assert_true(f->e.is_push);
}

static void bad(struct fixture *f, const char *json, bool is_push, const char *why)
{
	if (read_text(f, json) != RC_REJECT || f->e.is_push != is_push || !strstr(f->err.msg, why))
		fail_msg("%s: is_push %d, want %d and '%s': %s", json, f->e.is_push, is_push, why, f->err.msg);
}

static void what_the_emulator_sends(void **unused UNUSED)
{
	FIXTURE(f);
	good(&f, "{'subscription':'projects\\/p\\/subscriptions\\/s','message':{'data':'aGVsbG8=','attributes':{'type':'playlist','k':'v'},"
	         "'messageId':'17','message_id':'17','publishTime':'2026-01-01T00:00:05.123Z','publish_time':'2026-01-01T00:00:05.123Z'}}");
	assert_true(slice_is(f.e.subscription, "projects/p/subscriptions/s"));
	assert_true(slice_is(f.e.message.data, "hello"));
	assert_true(slice_is(f.e.message.id, "17"));
	assert_true(slice_is(bus_attr_get(&f.e.message, "type"), "playlist"));
	assert_true(slice_is(bus_attr_get(&f.e.message, "k"), "v"));
	assert_int_equal(f.e.message.attr_count, 2);
	assert_int_equal(f.e.message.publish_time_ms, INT64_C(1767225605000));
	assert_int_equal(f.e.message.ordering_key.len, 0);
	assert_int_equal(f.e.delivery_attempt, 0);
}

static void what_the_service_sends(void **unused UNUSED)
{
	FIXTURE(f);
	good(&f, "{'deliveryAttempt':5,'message':{'attributes':{'type':'playlist_page'},'data':'eyJhIjoxfQ==','messageId':'2070443601311540',"
	         "'message_id':'2070443601311540','orderingKey':'p1','publishTime':'2021-02-26T19:13:55.749Z','publish_time':'2021-02-26T19:13:55.749Z'},"
	         "'subscription':'projects/myproject/subscriptions/mysubscription'}");
	assert_true(slice_is(f.e.message.data, "{\"a\":1}"));
	assert_true(slice_is(f.e.message.ordering_key, "p1"));
	assert_int_equal(f.e.delivery_attempt, 5);
}

static void one_spelling_is_enough_and_parts_may_be_absent(void **unused UNUSED)
{
	FIXTURE(f);
	good(&f, "{'message':{'message_id':'1','publish_time':'2026-01-01T00:00:05Z','ordering_key':'k','data':'YQ=='}}");
	assert_true(slice_is(f.e.message.id, "1") && slice_is(f.e.message.ordering_key, "k"));
	assert_int_equal(f.e.message.publish_time_ms, INT64_C(1767225605000));
	assert_int_equal(f.e.message.attr_count, 0);
	assert_int_equal(f.e.subscription.len, 0);
	good(&f, "{'message':{'messageId':'1','attributes':{'a':''}}}");
	assert_int_equal(f.e.message.data.len, 0);
	assert_true(slice_is(bus_attr_get(&f.e.message, "a"), ""));
	good(&f, "{'message':{'messageId':'1','attributes':{'a':'b'},'data':null,'publishTime':null,'orderingKey':null},'subscription':null}");
	good(&f, "{'message':{'messageId':'1','data':'YQ==','attributes':{}}}");
	good(&f, "{'message':{'messageId':'1','data':'YQ==','attributes':null,'deliveryAttempt':3}}");
	assert_int_equal(f.e.delivery_attempt, 3);
	good(&f, "{'message':{'messageId':'1','data':'-_-_'}}"); /* the other alphabet, as protocol buffers allow */
	assert_true(slice_is(f.e.message.data, "\xfb\xff\xbf"));
	good(&f, "{'message':{'messageId':'1','data':'YQ'}}"); /* and without padding */
	good(&f, "{'message':{'messageId':'1','data':'YQ==','publishTime':'yesterday'},'deliveryAttempt':'many'}");
	assert_int_equal(f.e.message.publish_time_ms, 0);
	assert_int_equal(f.e.delivery_attempt, 0);
}

static void unknown_fields_are_passed_over(void **unused UNUSED)
{
	FIXTURE(f);
	good(&f, "{'new':{'a':[1,{'b':null}]},'message':{'messageId':'1','data':'YQ==','new':[{}]}}");
	good(&f, " {'message' : {'messageId':'1','data':'YQ==','attributes':{'googclient_schemaencoding':'JSON','googclient_schemaname':'n','a':'b'}}} ");
	assert_int_equal(f.e.message.attr_count, 1);
	assert_true(slice_is(bus_attr_get(&f.e.message, "a"), "b"));
}

static void attributes_hold_any_text(void **unused UNUSED)
{
	FIXTURE(f);
	good(&f, "{'message':{'messageId':'1','attributes':{'\\u0915\\\\':'\\ud83c\\udfb5\\n\\u0000','iana.org/x':'\\''}}}");
	assert_true(slice_eq(bus_attr_get(&f.e.message, "\xe0\xa4\x95\\"), (struct slice){ "\xf0\x9f\x8e\xb5\n\0", 6 }));
	bad(&f, "{'message':{'messageId':'1','attributes':{'a':'\\ud83c'}}}", false, "");
}

static void what_is_no_envelope_is_told_apart(void **unused UNUSED)
{
	static const char *const none[] = { "", "{", "[]", "1", "null", "'x'", "{}", "{'message':null}", "{'message':[]}", "{'message':'x'}", "{'message':{}}",
		                            "{'messages':[{'messageId':'1','data':'YQ=='}]}", "{'message':{'data':'YQ=='}}", "{'message':{'messageId':1,'data':'YQ=='}}",
		                            "{'message':{'messageId':'','data':'YQ=='}}", "{'message':{'messageId':'1','data':'YQ=='}} {}",
		                            "{'message':{'messageId':'1','data':'YQ=='},'subscription':7}", "{'offset':0,'items':[]}" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(none); i++)
		bad(&f, none[i], false, "");
}

static void a_message_that_cannot_be_used_is_a_push_all_the_same(void **unused UNUSED)
{
	FIXTURE(f);
	bad(&f, "{'message':{'messageId':'1'}}", true, "neither data nor");
	bad(&f, "{'message':{'messageId':'1','attributes':{'googclient_schemaname':'n'}}}", true, "neither data nor");
}

static void bad_base64_is_refused(void **unused UNUSED)
{
	static const char *const data[] = { "Y", "YQ=", "YQ===", "Y Q=", "YQ==YQ==", "YR==", "!!!!", "aGVsbG8=\\n", "+/-_", "\xc3\xa4\xc3\xa4" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(data); i++) {
		bad(&f, arena_printf(&f.texts, "{'message':{'messageId':'1','data':'%s','attributes':{'type':'x'}}}", data[i]).ptr, true, "base64");
		assert_true(slice_is(bus_attr_get(&f.e.message, "type"), "x")); /* what could be read is handed out */
	}
	bad(&f, "{'message':{'messageId':'1','data':7}}", true, "data is no string");
	bad(&f, "{'message':{'messageId':'1','data':['YQ==']}}", true, "data is no string");
}

/* n attributes of such sizes and the data of that many bytes. */
static enum rc read_sized(struct fixture *f, size_t attrs, size_t key_bytes, size_t value_bytes, size_t data_bytes)
{
	CLEANUP(buf_done) struct buf text = buf_new(BODY_BYTES);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct slice data = { arena_alloc(&arena, data_bytes + 1), data_bytes };
	struct slice encoded = base64_encode(data, &arena);
	buf_addf(&text, "{\"message\":{\"messageId\":\"1\",\"data\":\"%.*s\",\"attributes\":{", SLICE_FMT(encoded));
	for (size_t i = 0; i < attrs; i++)
		buf_addf(&text, "%s\"%0*zu\":\"%0*d\"", i ? "," : "", (int) key_bytes, i, (int) value_bytes, 7);
	buf_adds(&text, "}}}");
	assert_false(text.over);
	arena_reset(&f->arena);
	return envelope_read(buf_slice(&text), &f->arena, &f->e, &f->err);
}

static void limits_are_those_of_the_bus(void **unused UNUSED)
{
	FIXTURE(f);
	assert_int_equal(read_sized(&f, 100, 256, 1024, 100), RC_OK);
	assert_int_equal(f.e.message.attr_count, 100);
	assert_int_equal(read_sized(&f, 101, 4, 4, 1), RC_REJECT);
	assert_true(f.e.is_push);
	assert_int_equal(f.e.message.attr_count, 100);
	assert_int_equal(read_sized(&f, 1, 257, 4, 1), RC_REJECT);
	assert_int_equal(read_sized(&f, 1, 4, 1025, 1), RC_REJECT);
	assert_int_equal(read_sized(&f, 0, 1, 1, BUS_MESSAGE_BYTES_MAX), RC_OK);
	assert_int_equal(f.e.message.data.len, BUS_MESSAGE_BYTES_MAX);
	assert_int_equal(read_sized(&f, 1, 1, 1, BUS_MESSAGE_BYTES_MAX), RC_REJECT); /* with its attributes */
	assert_int_equal(read_sized(&f, 0, 1, 1, BUS_MESSAGE_BYTES_MAX + 1), RC_REJECT);
	assert_int_equal(read_sized(&f, 0, 1, 1, BUS_MESSAGE_BYTES_MAX + 500000), RC_REJECT);
	assert_true(f.e.is_push);
	bad(&f, "{'message':{'messageId':'1','attributes':{'':'x'}}}", true, "attributes");
	bad(&f, "{'message':{'messageId':'1','attributes':{'a':1,'b':'kept'}}}", true, "no string");
	assert_true(slice_is(bus_attr_get(&f.e.message, "b"), "kept"));
	bad(&f, "{'message':{'messageId':'1','attributes':['a']}}", true, "no object");
}

/* A body that would be a tree of gigabytes is refused before one is made. */
static void a_flood_of_brackets_is_no_envelope(void **unused UNUSED)
{
	FIXTURE(f);
	char *body = arena_alloc(&f.texts, ENVELOPE_BYTES_MAX + 1);
	for (size_t i = 0; i < ENVELOPE_BYTES_MAX; i += 3)
		memcpy(body + i, "[],", ENVELOPE_BYTES_MAX - i < 3 ? ENVELOPE_BYTES_MAX - i : 3);
	assert_int_equal(envelope_read((struct slice){ body, ENVELOPE_BYTES_MAX }, &f.arena, &f.e, &f.err), RC_REJECT);
	assert_non_null(strstr(f.err.msg, "more than 4096 values"));
	assert_int_equal(envelope_read((struct slice){ body, ENVELOPE_BYTES_MAX + 1 }, &f.arena, &f.e, &f.err), RC_REJECT);
	assert_non_null(strstr(f.err.msg, "are allowed"));
	/* In a string they are text. */
	memset(body, ',', 100000);
	struct slice text = arena_printf(&f.texts, "{\"x\":\"\\\"%.*s\",\"message\":{\"messageId\":\"1\",\"data\":\"YQ==\"}}", 100000, body);
	assert_int_equal(envelope_read(text, &f.arena, &f.e, &f.err), RC_OK);
}

/* --- unwrapped ----------------------------------------------------------------------------------------------- */

struct header {
	const char *name, *value;
};

static const char *look_up(const void *ctx, const char *name)
{
	for (const struct header *h = ctx; h->name; h++)
		if (strcasecmp(h->name, name) == 0)
			return h->value;
	return NULL;
}

static void an_unwrapped_message_is_its_body(void **unused UNUSED)
{
	static const struct header sent[] = { { "Host", "a" }, { "X-Goog-Pubsub-Message-Id", "17" }, { "x-goog-pubsub-subscription-name", "projects/p/subscriptions/s" },
		                              { "x-goog-pubsub-publish-time", "2026-01-01T00:00:05.1Z" }, { "x-goog-ordering-key", "k" },
		                              { "User-Agent", "APIs-Google" }, { "Type", "playlist_page" }, { "playlist_id", "p1" }, { "page", "0" },
		                              { "Content-Type", "application/x-www-form-urlencoded" }, { NULL, NULL } };
	FIXTURE(f);
	assert_true(envelope_is_unwrapped(look_up, sent));
	assert_int_equal(envelope_read_unwrapped(SLICE("{\"a\":1}"), look_up, sent, &f.arena, &f.e, &f.err), RC_OK);
	assert_true(slice_is(f.e.message.data, "{\"a\":1}"));
	assert_true(slice_is(f.e.message.id, "17"));
	assert_true(slice_is(f.e.message.ordering_key, "k"));
	assert_true(slice_is(f.e.subscription, "projects/p/subscriptions/s"));
	assert_int_equal(f.e.message.publish_time_ms, INT64_C(1767225605000));
	assert_int_equal(f.e.message.attr_count, 3); /* those of our messages; the others are HTTP's */
	assert_true(slice_is(bus_attr_get(&f.e.message, "type"), "playlist_page"));
	assert_true(slice_is(bus_attr_get(&f.e.message, "playlist_id"), "p1"));
}

static void without_metadata_it_is_not_known_as_one(void **unused UNUSED)
{
	static const struct header sent[] = { { "type", "playlist_page" }, { "x-goog-pubsub-message-id", "" }, { NULL, NULL } };
	assert_false(envelope_is_unwrapped(look_up, sent));
	assert_false(envelope_is_unwrapped(look_up, &sent[2]));
}

static void headers_have_limits_too(void **unused UNUSED)
{
	static char longest[3000];
	FIXTURE(f);
	memset(longest, 'x', sizeof longest - 1);
	const struct header cases[][3] = {
		{ { "x-goog-pubsub-message-id", longest }, { NULL, NULL } },
		{ { "x-goog-pubsub-message-id", "1" }, { "type", longest }, { NULL, NULL } },
		{ { "x-goog-pubsub-message-id", "1" }, { "type", "\xff" }, { NULL, NULL } },
		{ { "x-goog-pubsub-message-id", "1" }, { "x-goog-pubsub-ordering-key", longest }, { NULL, NULL } },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(envelope_read_unwrapped(SLICE("x"), look_up, cases[i], &f.arena, &f.e, &f.err), RC_REJECT);
		assert_true(f.e.is_push);
	}
	static const struct header empty[] = { { "x-goog-pubsub-message-id", "1" }, { NULL, NULL } };
	assert_int_equal(envelope_read_unwrapped(SLICE(""), look_up, empty, &f.arena, &f.e, &f.err), RC_REJECT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_the_emulator_sends),
	cmocka_unit_test(what_the_service_sends),
	cmocka_unit_test(one_spelling_is_enough_and_parts_may_be_absent),
	cmocka_unit_test(unknown_fields_are_passed_over),
	cmocka_unit_test(attributes_hold_any_text),
	cmocka_unit_test(what_is_no_envelope_is_told_apart),
	cmocka_unit_test(a_message_that_cannot_be_used_is_a_push_all_the_same),
	cmocka_unit_test(bad_base64_is_refused),
	cmocka_unit_test(limits_are_those_of_the_bus),
	cmocka_unit_test(a_flood_of_brackets_is_no_envelope),
	cmocka_unit_test(an_unwrapped_message_is_its_body),
	cmocka_unit_test(without_metadata_it_is_not_known_as_one),
	cmocka_unit_test(headers_have_limits_too),
};
TEST_SUITE(envelope, tests)
