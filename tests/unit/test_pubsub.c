/* The Pub/Sub REST API over a bus in memory, as a client meets it: topics, subscriptions, messages. */
#include "support/rest.h"
#include "test.h"

#include <stdio.h>

#define TOPIC_A "topics/topic-a"
#define SUB_A "subscriptions/sub-a"

/* --- resources ---------------------------------------------------------------------------------------------- */

static void topics_come_and_go(void **unused UNUSED)
{
	REST(f);
	rest_call(&f, 200, "GET", "topics", "");
	rest_is(&f, "{'topics':[]}");
	rest_call(&f, 200, "PUT", TOPIC_A, "{}");
	rest_is(&f, "{'name':'projects/p1/topics/topic-a'}");
	rest_call(&f, 409, "PUT", TOPIC_A, "{'name':'projects/p1/topics/topic-a'}");
	rest_is_error(&f, 409, "ALREADY_EXISTS", "already exists");
	rest_call(&f, 200, "GET", TOPIC_A, "");
	rest_call(&f, 404, "GET", "topics/other", "");
	rest_is_error(&f, 404, "NOT_FOUND", "other");
	rest_call(&f, 400, "PUT", "topics/ab", "{}");
	rest_is_error(&f, 400, "INVALID_ARGUMENT", "3 to 255");
	rest_call(&f, 501, "PUT", "topics/abc", "{'kmsKeyName':'k'}");
	rest_is_error(&f, 501, "UNIMPLEMENTED", "kmsKeyName");
	rest_call(&f, 400, "PUT", "topics/abc", "{'lables':{}}");
	rest_is_error(&f, 400, "INVALID_ARGUMENT", "Unknown name \"lables\"");
	rest_call(&f, 200, "DELETE", TOPIC_A, "");
	rest_is(&f, "{}");
	rest_call(&f, 404, "DELETE", TOPIC_A, "");
}

static void lists_come_in_pages(void **unused UNUSED)
{
	REST(f);
	char path[128], seen[256] = "";
	for (int i = 0; i < 7; i++) {
		(void) snprintf(path, sizeof path, "topics/t-%d-x", i);
		rest_call(&f, 200, "PUT", path, "{}");
	}
	char token[64] = "";
	int pages = 0;
	do {
		(void) snprintf(path, sizeof path, "topics?pageSize=3&pageToken=%s", token);
		rest_call(&f, 200, "GET", path, "");
		const struct json *list = json_get(f.answer, "topics");
		for (size_t i = 0; i < json_size(list); i++)
			(void) snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s ", SLICE_FMT(json_get_string(json_at(list, i), "name")));
		struct slice next = json_get_string(f.answer, "nextPageToken");
		(void) snprintf(token, sizeof token, "%.*s", SLICE_FMT(next));
		pages++;
	} while (*token);
	assert_int_equal(pages, 3);
	for (int i = 0; i < 7; i++) {
		(void) snprintf(path, sizeof path, "projects/p1/topics/t-%d-x ", i);
		assert_non_null(strstr(seen, path));
	}
	rest_call(&f, 400, "GET", "topics?pageSize=x", "");
}

static void subscriptions_keep_their_settings(void **unused UNUSED)
{
	REST(f);
	rest_call(&f, 404, "PUT", SUB_A, "{'topic':'projects/p1/topics/topic-a'}");
	rest_call(&f, 200, "PUT", TOPIC_A, "{}");
	rest_call(&f, 200, "PUT", "topics/dead", "{}");
	rest_call(&f, 200, "PUT", SUB_A, "{'topic':'projects/p1/topics/topic-a'}");
	rest_is(&f, "{'name':'projects/p1/subscriptions/sub-a','topic':'projects/p1/topics/topic-a','pushConfig':{},"
	              "'ackDeadlineSeconds':10,'messageRetentionDuration':'604800s','expirationPolicy':{},'state':'ACTIVE'}");
	rest_call(&f, 409, "PUT", SUB_A, "{'topic':'projects/p1/topics/topic-a'}");
	rest_call(&f, 200, "PUT", "subscriptions/sub-b",
	     "{'topic':'projects/p1/topics/topic-a','ack_deadline_seconds':'60','filter':'attributes:x','retryPolicy':{'minimumBackoff':'1.5s'},"
	     "'deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/dead'}}");
	rest_is(&f, "{'name':'projects/p1/subscriptions/sub-b','topic':'projects/p1/topics/topic-a','pushConfig':{},'ackDeadlineSeconds':60,"
	              "'messageRetentionDuration':'604800s','expirationPolicy':{},'filter':'attributes:x','retryPolicy':{'minimumBackoff':'1.500s','maximumBackoff':'600s'},"
	              "'deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/dead','maxDeliveryAttempts':5},'state':'ACTIVE'}");
	rest_call(&f, 200, "PATCH", "subscriptions/sub-b",
	     "{'subscription':{'ackDeadlineSeconds':90,'filter':'ignored'},'updateMask':'ackDeadlineSeconds,retry_policy'}");
	assert_int_equal(json_get_integer(f.answer, "ackDeadlineSeconds", 0), 90);
	assert_null(json_get(f.answer, "retryPolicy"));
	rest_call(&f, 400, "PATCH", "subscriptions/sub-b", "{'subscription':{'filter':'x'},'updateMask':'filter'}");
	rest_is_error(&f, 400, "INVALID_ARGUMENT", "'filter' is not a known, mutable");
	rest_call(&f, 400, "PATCH", "subscriptions/sub-b", "{'subscription':{}}");
	rest_call(&f, 200, "GET", "subscriptions", "");
	assert_int_equal(json_size(json_get(f.answer, "subscriptions")), 2);
	rest_call(&f, 200, "GET", TOPIC_A "/subscriptions", "");
	rest_is(&f, "{'subscriptions':['projects/p1/subscriptions/sub-a','projects/p1/subscriptions/sub-b']}");
	rest_call(&f, 200, "DELETE", TOPIC_A, "");
	rest_call(&f, 200, "GET", SUB_A, "");
	assert_true(slice_is(json_get_string(f.answer, "topic"), "_deleted-topic_"));
	rest_call(&f, 200, "DELETE", SUB_A, "");
	rest_call(&f, 404, "GET", SUB_A, "");
}

static void what_cannot_be_meant_is_refused(void **unused UNUSED)
{
	static const struct {
		int status;
		const char *body, *message;
	} cases[] = {
		{ 400, "{}", "Invalid resource name" },
		{ 400, "{'topic':'topic-a'}", "Invalid resource name" },
		{ 400, "{'topic':'projects/p2/topics/topic-a'}", "projects/p1/topics/NAME" },
		{ 400, "{'topic':7}", "'topic': want a string" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','ackDeadlineSeconds':5}", "10 to 600" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','ackDeadlineSeconds':'x'}", "whole number" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','filter':'attributes:a AND attributes:b OR attributes:c'}", "column" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','retryPolicy':{'minimumBackoff':'10'}}", "a duration" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','retryPolicy':{'minimumBackoff':'601s'}}", "backoff" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','pushConfig':{'pushEndpoint':'x'}}", "push endpoint" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','enableMessageOrdering':1}", "true or false" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','filter':'attributes:a\\u0000'}", "without NUL" },
		{ 400, "{'topic':'projects/p1/topics/topic-a\\u0000b'}", "Invalid resource name" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','retryPolicy':[]}", "want an object" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','messageRetentionDuration':'0s'}", "ten minutes to 31 days" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','messageRetentionDuration':'599s'}", "want 600000" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','state':'ASLEEP'}", "names of this field" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','expirationPolicy':{'ttl':'86399s'}}", "a day at least" },
		{ 501, "{'topic':'projects/p1/topics/topic-a','expirationPolicy':{'ttl':'86400s'}}", "expirationPolicy.ttl" },
		{ 501, "{'topic':'projects/p1/topics/topic-a','enableExactlyOnceDelivery':true}", "enableExactlyOnceDelivery" },
		{ 400, "{'topic':'projects/p1/topics/topic-a','deadLetterPolicy':{'maxDeliveryAttempts':7}}", "Invalid resource name" },
		{ 404, "{'topic':'projects/p1/topics/topic-a','deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/none'}}", "none" },
		{ 400, "[]", "want an object" },
		{ 400, "{", "" },
	};
	REST(f);
	rest_call(&f, 200, "PUT", TOPIC_A, "{}");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		rest_call(&f, cases[i].status, "PUT", SUB_A, cases[i].body);
		if (slice_find_str(json_get_string(json_get(f.answer, "error"), "message"), slice_of(cases[i].message)) == SIZE_MAX)
			fail_msg("%s: %.*s", cases[i].body, SLICE_FMT(json_get_string(json_get(f.answer, "error"), "message")));
	}
	rest_call(&f, 404, "POST", SUB_A ":frobnicate", "{}");
	rest_call(&f, 501, "GET", TOPIC_A ":getIamPolicy", "");
	rest_call(&f, 501, "POST", "schemas", "{}");
	rest_call(&f, 404, "POST", SUB_A, "{}");
	rest_call(&f, 404, "GET", "nothing", "");
	char url[128];
	(void) snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/projects/other/topics", server_port(f.server));
	rest_send(&f, "application/json", "GET", url, SLICE(""));
	rest_is_error(&f, 404, "NOT_FOUND", "other");
	(void) snprintf(url, sizeof url, "%s/topics/abc", f.url);
	rest_send(&f, "application/x-www-form-urlencoded", "PUT", url, SLICE("{}"));
	rest_is_error(&f, 400, "INVALID_ARGUMENT", "want application/json");
}

/* --- messages ----------------------------------------------------------------------------------------------- */

static void setup(struct rest *f)
{
	rest_call(f, 200, "PUT", TOPIC_A, "{}");
	rest_call(f, 200, "PUT", SUB_A, "{'topic':'projects/p1/topics/topic-a'}");
}

static void a_message_goes_through(void **unused UNUSED)
{
	REST(f);
	setup(&f);
	rest_call(&f, 200, "POST", TOPIC_A ":publish?%24alt=json%3Benum-encoding%3Dint",
	     "{'messages':[{'data':'aGVsbG8=','attributes':{'k':'v'},'orderingKey':'o'}]}");
	rest_is(&f, "{'messageIds':['1']}");
	rest_call(&f, 200, "POST", SUB_A ":pull", "{'maxMessages':10,'returnImmediately':true}");
	CLEANUP(json_freep) struct json *got = TAKE(f.answer);
	const struct json *received = json_at(json_get(got, "receivedMessages"), 0), *m = json_get(received, "message");
	assert_int_equal(json_size(json_get(got, "receivedMessages")), 1);
	assert_true(slice_is(json_get_string(m, "data"), "aGVsbG8=") && slice_is(json_get_string(m, "orderingKey"), "o"));
	assert_true(slice_is(json_get_string(json_get(m, "attributes"), "k"), "v"));
	assert_true(slice_is(json_get_string(m, "publishTime"), "2023-11-14T22:13:20.123Z"));
	assert_null(json_get(received, "deliveryAttempt"));
	char body[256];
	(void) snprintf(body, sizeof body, "{'ackIds':['%.*s'],'ackDeadlineSeconds':30}", SLICE_FMT(json_get_string(received, "ackId")));
	rest_call(&f, 200, "POST", SUB_A ":modifyAckDeadline", body);
	clock_fake_advance_ms(&f.clock, 29000);
	rest_call(&f, 200, "POST", SUB_A ":pull", "{'maxMessages':10,'returnImmediately':true}");
	rest_is(&f, "{}");
	(void) snprintf(body, sizeof body, "{'ackIds':['%.*s','nonsense']}", SLICE_FMT(json_get_string(received, "ackId")));
	rest_call(&f, 200, "POST", SUB_A ":acknowledge", body);
	clock_fake_advance_ms(&f.clock, 600000);
	rest_call(&f, 200, "POST", SUB_A ":pull", "{'maxMessages':10}"); /* waits, and finds nothing */
	rest_is(&f, "{}");
}

static void messages_that_cannot_be_are_refused_whole(void **unused UNUSED)
{
	static const char *const bad[] = {
		"{}", "{'messages':[]}", "{'messages':{}}", "{'messages':[7]}", "{'messages':[{}]}", "{'messages':[{'data':'a'}]}",
		"{'messages':[{'data':'aGk='},{'data':'*'}]}", "{'messages':[{'data':7}]}", "{'messages':[{'attributes':[]}]}",
		"{'messages':[{'attributes':{'a':1}}]}", "{'messages':[{'attributes':{'goog':'x'}}]}", "{'messages':[{'data':'aGk=','x':1}]}",
		"{'messages':[{'data':'aGk=','orderingKey':'a'},{'data':'aGk=','orderingKey':'b'}]}", "{'messages':[{'data':'aGk='}],'more':1}",
	};
	REST(f);
	setup(&f);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		rest_call(&f, 400, "POST", TOPIC_A ":publish", bad[i]);
		rest_is_error(&f, 400, "INVALID_ARGUMENT", "");
	}
	rest_call(&f, 404, "POST", "topics/other:publish", "{'messages':[{'data':'aGk='}]}");
	rest_call(&f, 200, "POST", SUB_A ":pull", "{'maxMessages':10,'returnImmediately':true}");
	rest_is(&f, "{}");
	static const char *const pulls[] = { "{}", "{'maxMessages':0}", "{'maxMessages':-1}", "{'maxMessages':'x'}", "{'maxMessages':1,'x':1}" };
	for (size_t i = 0; i < COUNT_OF(pulls); i++)
		rest_call(&f, 400, "POST", SUB_A ":pull", pulls[i]);
	static const char *const acks[] = { "{}", "{'ackIds':[]}", "{'ackIds':'x'}", "{'ackIds':[1]}" };
	for (size_t i = 0; i < COUNT_OF(acks); i++)
		rest_call(&f, 400, "POST", SUB_A ":acknowledge", acks[i]);
	rest_call(&f, 400, "POST", SUB_A ":modifyAckDeadline", "{'ackIds':['a'],'ackDeadlineSeconds':601}");
	rest_call(&f, 404, "POST", "subscriptions/none:pull", "{'maxMessages':1}");
}

static void the_attempt_is_told_where_it_counts(void **unused UNUSED)
{
	REST(f);
	rest_call(&f, 200, "PUT", TOPIC_A, "{}");
	rest_call(&f, 200, "PUT", "topics/dead", "{}");
	rest_call(&f, 200, "PUT", SUB_A, "{'topic':'projects/p1/topics/topic-a','deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/dead'}}");
	rest_call(&f, 200, "POST", TOPIC_A ":publish", "{'messages':[{'attributes':{'only':'this'}}]}");
	for (int attempt = 1; attempt <= 3; attempt++) {
		rest_call(&f, 200, "POST", SUB_A ":pull", "{'maxMessages':1,'returnImmediately':true}");
		assert_int_equal(json_get_integer(json_at(json_get(f.answer, "receivedMessages"), 0), "deliveryAttempt", 0), attempt);
		clock_fake_advance_ms(&f.clock, 11000);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(topics_come_and_go),
	cmocka_unit_test(lists_come_in_pages),
	cmocka_unit_test(subscriptions_keep_their_settings),
	cmocka_unit_test(what_cannot_be_meant_is_refused),
	cmocka_unit_test(a_message_goes_through),
	cmocka_unit_test(messages_that_cannot_be_are_refused_whole),
	cmocka_unit_test(the_attempt_is_told_where_it_counts),
};
TEST_SUITE(pubsub, tests)
