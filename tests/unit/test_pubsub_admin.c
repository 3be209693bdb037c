/* The Pub/Sub REST API over a bus in memory: what can be set, changed, sought and kept, and what the state of a thing forbids. */
#include "base/rand.h"
#include "support/rest.h"
#include "test.h"

#include <stdio.h>

#define TOPIC_A "topics/topic-a"
#define SUB_A "subscriptions/sub-a"
#define SNAP_A "snapshots/snap-a"
#define ON_TOPIC_A "'topic':'projects/p1/topics/topic-a'"
#define NOW "2023-11-14T22:13:20.123Z"

static void setup(struct rest *r)
{
	rest_call(r, 200, "PUT", TOPIC_A, "{}");
	rest_call(r, 200, "PUT", SUB_A, "{" ON_TOPIC_A "}");
}

static void publish(struct rest *r, const char *key)
{
	char body[128];
	(void) snprintf(body, sizeof body, "{'messages':[{'attributes':{'k':'%s'}}]}", key);
	rest_call(r, 200, "POST", TOPIC_A ":publish", body);
}

/* What comes at once, and is acknowledged: the values of "k" with a blank behind each. */
static void drained_is(struct rest *r, const char *want)
{
	char got[256] = "", body[256];
	rest_call(r, 200, "POST", SUB_A ":pull", "{'maxMessages':10,'returnImmediately':true}");
	CLEANUP(json_freep) struct json *answer = TAKE(r->answer);
	const struct json *list = json_get(answer, "receivedMessages");
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *one = json_at(list, i);
		struct slice k = json_get_string(json_get(json_get(one, "message"), "attributes"), "k");
		(void) snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s ", SLICE_FMT(k));
		(void) snprintf(body, sizeof body, "{'ackIds':['%.*s']}", SLICE_FMT(json_get_string(one, "ackId")));
		rest_call(r, 200, "POST", SUB_A ":acknowledge", body);
	}
	assert_string_equal(got, want);
}

/* --- topics and labels -------------------------------------------------------------------------------------- */

static void a_topic_keeps_what_it_is_given_and_changes_by_mask(void **unused UNUSED)
{
	REST(r);
	rest_call(&r, 200, "PUT", TOPIC_A, "{'labels':{'a':'1','b-c_9':''},'messageRetentionDuration':'600s','state':'ACTIVE'}");
	rest_is(&r, "{'name':'projects/p1/topics/topic-a','labels':{'a':'1','b-c_9':''},'messageRetentionDuration':'600s'}");
	rest_call(&r, 200, "PATCH", TOPIC_A, "{'topic':{'labels':{'x':'y'},'messageRetentionDuration':'900s','kmsKeyName':'k'},'updateMask':'labels'}");
	rest_is(&r, "{'name':'projects/p1/topics/topic-a','labels':{'x':'y'},'messageRetentionDuration':'600s'}");
	rest_call(&r, 200, "PATCH", TOPIC_A, "{'topic':{},'update_mask':'labels,message_retention_duration,kmsKeyName'}");
	rest_is(&r, "{'name':'projects/p1/topics/topic-a'}");
	rest_call(&r, 200, "PATCH", TOPIC_A "?updateMask=messageRetentionDuration", "{'topic':{'messageRetentionDuration':'2678400s'}}");
	rest_call(&r, 400, "PATCH", TOPIC_A, "{'topic':{'labels':{'a':'b'},'messageRetentionDuration':'599s'},'updateMask':'labels,messageRetentionDuration'}");
	rest_call(&r, 501, "PATCH", TOPIC_A, "{'topic':{'kmsKeyName':'k'},'updateMask':'kmsKeyName'}");
	rest_call(&r, 400, "PATCH", TOPIC_A, "{'topic':{},'updateMask':'name'}");
	rest_is_error(&r, 400, "INVALID_ARGUMENT", "'name' is not a known, mutable Topic field");
	rest_call(&r, 400, "PATCH", TOPIC_A, "{'topic':{},'updateMask':' , '}");
	rest_call(&r, 400, "PATCH", TOPIC_A, "{'topic':[],'updateMask':'labels'}");
	rest_call(&r, 400, "PATCH", TOPIC_A, "{'topic':{'x':1},'updateMask':'labels'}");
	rest_call(&r, 404, "PATCH", "topics/none", "{'topic':{},'updateMask':'labels'}");
	rest_is_error(&r, 404, "NOT_FOUND", "Resource not found (resource=none).");
	rest_call(&r, 200, "GET", TOPIC_A, "");
	rest_is(&r, "{'name':'projects/p1/topics/topic-a','messageRetentionDuration':'2678400s'}");
	rest_call(&r, 200, "PUT", SUB_A, "{" ON_TOPIC_A "}");
	assert_true(slice_is(json_get_string(r.answer, "topicMessageRetentionDuration"), "2678400s"));
}

static void labels_have_rules(void **unused UNUSED)
{
#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define E32 "éééééééééééééééééééééééééééééééé"
	static const struct {
		int status;
		const char *labels;
	} cases[] = {
		{ 200, "{'" L63 "':'" L63 "'}" }, { 200, "{'" E32 "':'9_-'}" }, { 200, "{}" },     { 200, "null" },
		{ 400, "{'" L63 "l':''}" },       { 400, "{'a':'" L63 "l'}" },  { 400, "{'':'a'}" }, { 400, "{'A':'a'}" },
		{ 400, "{'a':'A'}" },             { 400, "{'9a':'a'}" },        { 400, "{'a b':''}" }, { 400, "{'a':1}" },
		{ 400, "{'a':null}" },            { 400, "[]" },                { 400, "'a'" },       { 400, "{'a':'\\u0000'}" },
		{ 400, "{'" E32 E32 "':''}" },
	};
	REST(r);
	char path[64], body[512];
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		(void) snprintf(path, sizeof path, "topics/topic-%zu", i);
		(void) snprintf(body, sizeof body, "{'labels':%s}", cases[i].labels);
		rest_call(&r, cases[i].status, "PUT", path, body);
	}
	for (int count = 64; count <= 65; count++) {
		CLEANUP(buf_done) struct buf text = buf_new(4096);
		buf_adds(&text, "{'labels':{");
		for (int i = 0; i < count; i++)
			buf_addf(&text, "%s'l%d':''", i ? "," : "", i);
		buf_adds(&text, "}}");
		rest_call(&r, count == 64 ? 200 : 400, "PUT", "topics/many", buf_str(&text));
	}
	rest_is_error(&r, 400, "INVALID_ARGUMENT", "65 of them");
}

/* --- lists -------------------------------------------------------------------------------------------------- */

static void a_page_token_belongs_to_its_list(void **unused UNUSED)
{
	REST(r);
	char path[256], token[128];
	setup(&r);
	rest_call(&r, 200, "PUT", "topics/topic-b", "{}");
	rest_call(&r, 200, "PUT", "subscriptions/sub-b", "{" ON_TOPIC_A "}");
	rest_call(&r, 200, "GET", "topics?pageSize=1", "");
	(void) snprintf(token, sizeof token, "%.*s", SLICE_FMT(json_get_string(r.answer, "nextPageToken")));
	rest_call(&r, 200, "DELETE", TOPIC_A, ""); /* where the token points to */
	(void) snprintf(path, sizeof path, "topics?pageToken=%s", token);
	rest_call(&r, 200, "GET", path, "");
	rest_is(&r, "{'topics':[{'name':'projects/p1/topics/topic-b'}]}");
	(void) snprintf(path, sizeof path, "subscriptions?pageToken=%s", token);
	rest_call(&r, 400, "GET", path, "");
	rest_is_error(&r, 400, "INVALID_ARGUMENT", "Invalid page token");
	static const char *const bad[] = { "topic-a", "no%20such%20token", "%2F", "AAAA", "%FF" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		(void) snprintf(path, sizeof path, "topics?pageToken=%s", bad[i]);
		rest_call(&r, 400, "GET", path, "");
	}
	rest_call(&r, 200, "GET", "topics?pageToken=", "");
}

/* --- subscriptions ------------------------------------------------------------------------------------------ */

#define WHOLE                                                                                                                    \
	"{" ON_TOPIC_A ",'pushConfig':{'pushEndpoint':'http://h/p','noWrapper':{}},'ackDeadlineSeconds':20,'retainAckedMessages':true,"  \
	"'messageRetentionDuration':'600s','labels':{'a':'b'},'enableMessageOrdering':true,'expirationPolicy':{},"                       \
	"'retryPolicy':{},'detached':false,'state':2}"
#define TOLD                                                                                                                     \
	"{'name':'projects/p1/subscriptions/sub-a'," ON_TOPIC_A ",'pushConfig':{'pushEndpoint':'http://h/p','attributes':"                \
	"{'x-goog-version':'v1'},'noWrapper':{}},'ackDeadlineSeconds':20,'retainAckedMessages':true,'messageRetentionDuration':'600s',"    \
	"'labels':{'a':'b'},'enableMessageOrdering':true,'expirationPolicy':{},'retryPolicy':{'minimumBackoff':'10s','maximumBackoff':'600s'},"

static void a_subscription_tells_all_it_was_given(void **unused UNUSED)
{
	REST(r);
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	rest_call(&r, 200, "PUT", SUB_A, WHOLE);
	rest_is(&r, TOLD "'state':'ACTIVE'}");
	rest_call(&r, 200, "GET", SUB_A "?$alt=json%3Benum-encoding%3Dint", "");
	rest_is(&r, TOLD "'state':1}");
}

/* The home's own are made without a time, and say none. */
static void a_subscription_of_the_home_has_no_retention(void **unused UNUSED)
{
	REST(r);
	struct err err = { 0 };
	const struct bus_subscription own = { .name = "own", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "" };
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	assert_int_equal(bus_create_subscription(r.bus, &own, &err), RC_OK);
	rest_call(&r, 200, "PATCH", "subscriptions/own", "{'subscription':{'labels':{'a':'b'}},'updateMask':'labels'}");
	assert_null(json_get(r.answer, "messageRetentionDuration"));
	rest_call(&r, 400, "PATCH", "subscriptions/own", "{'subscription':{'retainAckedMessages':true},'updateMask':'retainAckedMessages'}");
	rest_call(&r, 200, "PATCH", "subscriptions/own",
	          "{'subscription':{'retainAckedMessages':true},'updateMask':'messageRetentionDuration,retainAckedMessages'}");
	assert_true(slice_is(json_get_string(r.answer, "messageRetentionDuration"), "604800s"));
}

static void an_update_changes_all_it_names_or_nothing(void **unused UNUSED)
{
	static const struct {
		int status;
		const char *body;
	} bad[] = {
		{ 400, "{'subscription':{'ackDeadlineSeconds':30,'labels':{'A':''}},'updateMask':'ackDeadlineSeconds,labels'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds,topic'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30,'filter':'x'},'updateMask':'ackDeadlineSeconds,filter'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds,enableMessageOrdering'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds,detached'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds,retryPolicy.minimumBackoff'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30,'pushConfig':{'pushEndpoint':'x'}},'updateMask':'ackDeadlineSeconds,pushConfig'}" },
		{ 400, "{'subscription':{'ackDeadlineSeconds':30,'expirationPolicy':{'ttl':'1s'}},'updateMask':'ackDeadlineSeconds,expirationPolicy'}" },
		{ 501, "{'subscription':{'ackDeadlineSeconds':30,'expirationPolicy':{'ttl':'86400s'}},'updateMask':'ackDeadlineSeconds,expirationPolicy'}" },
		{ 501, "{'subscription':{'enableExactlyOnceDelivery':true},'updateMask':'ackDeadlineSeconds,enableExactlyOnceDelivery'}" },
		{ 404, "{'subscription':{'ackDeadlineSeconds':30,'deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/none'}},"
		       "'updateMask':'ackDeadlineSeconds,deadLetterPolicy'}" },
	};
	REST(r);
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	rest_call(&r, 200, "PUT", SUB_A, WHOLE);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		rest_call(&r, bad[i].status, "PATCH", SUB_A, bad[i].body);
		rest_call(&r, 200, "GET", SUB_A, "");
		rest_is(&r, TOLD "'state':'ACTIVE'}");
	}
	rest_call(&r, 200, "PATCH", SUB_A,
	          "{'subscription':{'name':'x','ackDeadlineSeconds':30,'filter':'ignored','expirationPolicy':{'ttl':'1s'}},"
	          "'updateMask':'ackDeadlineSeconds,push_config,retainAckedMessages,messageRetentionDuration,labels,retryPolicy,deadLetterPolicy'}");
	rest_is(&r, "{'name':'projects/p1/subscriptions/sub-a'," ON_TOPIC_A ",'pushConfig':{},'ackDeadlineSeconds':30,"
	            "'messageRetentionDuration':'604800s','enableMessageOrdering':true,'expirationPolicy':{},'state':'ACTIVE'}");
}

static void what_has_lost_its_topic_says_so(void **unused UNUSED)
{
	REST(r);
	setup(&r);
	rest_call(&r, 200, "PUT", "topics/dead", "{}");
	rest_call(&r, 200, "PUT", "subscriptions/sub-b", "{" ON_TOPIC_A ",'deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/dead'}}");
	rest_call(&r, 200, "DELETE", "topics/dead", "");
	rest_call(&r, 200, "GET", "subscriptions/sub-b", "");
	assert_true(slice_is(json_get_string(json_get(r.answer, "deadLetterPolicy"), "deadLetterTopic"), "_deleted-topic_"));
	rest_call(&r, 400, "PATCH", "subscriptions/sub-b", "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds'}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "update deadLetterPolicy, too");
	rest_call(&r, 200, "PATCH", "subscriptions/sub-b", "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds,deadLetterPolicy'}");
	rest_call(&r, 200, "DELETE", TOPIC_A, "");
	rest_call(&r, 200, "GET", SUB_A, "");
	assert_true(slice_is(json_get_string(r.answer, "topic"), "_deleted-topic_"));
	rest_call(&r, 400, "PATCH", SUB_A, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds'}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "topic of subscription 'sub-a' has been deleted");
	rest_call(&r, 404, "GET", "topics/_deleted-topic_", "");
}

static void what_is_pushed_or_detached_cannot_be_pulled(void **unused UNUSED)
{
	REST(r);
	setup(&r);
	publish(&r, "a");
	rest_call(&r, 200, "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{'pushEndpoint':'https://h/p'}}");
	rest_is(&r, "{}");
	rest_call(&r, 200, "GET", SUB_A, "");
	assert_true(slice_is(json_get_string(json_get(r.answer, "pushConfig"), "pushEndpoint"), "https://h/p"));
	rest_call(&r, 400, "POST", SUB_A ":pull", "{'maxMessages':1}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "is pushed");
	rest_call(&r, 400, "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{'pushEndpoint':'ftp://h'}}");
	rest_call(&r, 404, "POST", "subscriptions/none:modifyPushConfig", "{}");
	rest_call(&r, 200, "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{}}");
	drained_is(&r, "a ");
	publish(&r, "b");
	rest_call(&r, 400, "POST", SUB_A ":detach", "{'x':1}");
	rest_call(&r, 200, "POST", SUB_A ":detach", "");
	rest_call(&r, 200, "POST", SUB_A ":detach", "{}");
	rest_call(&r, 200, "GET", SUB_A, "");
	bool detached = false;
	assert_true(json_bool(json_get(r.answer, "detached"), &detached) && detached);
	rest_call(&r, 400, "POST", SUB_A ":pull", "{'maxMessages':1}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "is detached");
	rest_call(&r, 400, "POST", SUB_A ":seek", "{'time':'" NOW "'}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "is detached");
	rest_call(&r, 400, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "is detached");
	rest_call(&r, 404, "POST", "subscriptions/none:detach", "{}");
}

/* --- snapshots and seek ------------------------------------------------------------------------------------- */

static void a_snapshot_lives(void **unused UNUSED)
{
	REST(r);
	setup(&r);
	rest_call(&r, 200, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a','labels':{'a':'b'}}");
	rest_is(&r, "{'name':'projects/p1/snapshots/snap-a','topic':'projects/p1/topics/topic-a','expireTime':'2023-11-21T22:13:20.123Z','labels':{'a':'b'}}");
	rest_call(&r, 409, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_is_error(&r, 409, "ALREADY_EXISTS", "snap-a");
	rest_call(&r, 404, "PUT", "snapshots/snap-b", "{'subscription':'projects/p1/subscriptions/none'}");
	rest_is_error(&r, 404, "NOT_FOUND", "Resource not found (resource=none).");
	rest_call(&r, 400, "PUT", "snapshots/sn", "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_call(&r, 400, "PUT", "snapshots/snap-b", "{'subscription':'sub-a'}");
	rest_call(&r, 400, "PUT", "snapshots/snap-b", "{'subscription':'projects/p1/subscriptions/sub-a','labels':{'A':''}}");
	rest_call(&r, 200, "PUT", "snapshots/snap-b", "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_call(&r, 200, "GET", "snapshots?pageSize=1", "");
	assert_int_equal(json_size(json_get(r.answer, "snapshots")), 1);
	assert_non_null(json_get(r.answer, "nextPageToken"));
	rest_call(&r, 200, "GET", TOPIC_A "/snapshots", "");
	rest_is(&r, "{'snapshots':['projects/p1/snapshots/snap-a','projects/p1/snapshots/snap-b']}");
	rest_call(&r, 404, "GET", "topics/none/snapshots", "");
	rest_call(&r, 200, "DELETE", "snapshots/snap-b", "");
	rest_call(&r, 404, "DELETE", "snapshots/snap-b", "");
	rest_call(&r, 404, "GET", "snapshots/snap-b", "");
	rest_is_error(&r, 404, "NOT_FOUND", "Resource not found (resource=snap-b).");
}

static void a_snapshot_changes_by_mask(void **unused UNUSED)
{
	static const char *const bad[] = {
		"{'snapshot':{},'updateMask':'topic'}", "{'snapshot':{},'updateMask':''}", "{'snapshot':{},'updateMask':'expireTime'}",
		"{'snapshot':{'expireTime':'" NOW "'},'updateMask':'expireTime'}",
		"{'snapshot':{'labels':{},'expireTime':'2023-11-21T22:13:20.124Z'},'updateMask':'labels,expireTime'}",
		"{'snapshot':{'expireTime':'soon'},'updateMask':'expireTime'}", "{'snapshot':{'x':1},'updateMask':'labels'}",
	};
	REST(r);
	setup(&r);
	rest_call(&r, 200, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a','labels':{'a':'b'}}");
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		rest_call(&r, 400, "PATCH", SNAP_A, bad[i]);
	rest_call(&r, 404, "PATCH", "snapshots/none", "{'snapshot':{},'updateMask':'labels'}");
	rest_call(&r, 200, "PATCH", SNAP_A, "{'snapshot':{'expireTime':'2023-11-15T00:13:20.5+01:00'},'updateMask':'expire_time'}");
	rest_call(&r, 200, "GET", SNAP_A, "");
	rest_is(&r, "{'name':'projects/p1/snapshots/snap-a','topic':'projects/p1/topics/topic-a','expireTime':'2023-11-14T23:13:20.500Z','labels':{'a':'b'}}");
	clock_fake_advance_ms(&r.clock, 3600377);
	rest_call(&r, 404, "GET", SNAP_A, "");
}

static void a_backlog_may_be_too_old_for_a_snapshot(void **unused UNUSED)
{
	REST(r);
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	rest_call(&r, 200, "PUT", SUB_A, "{" ON_TOPIC_A ",'messageRetentionDuration':'2678400s'}");
	publish(&r, "a");
	clock_fake_advance_ms(&r.clock, 7 * INT64_C(86400000) - 3600000 + 1);
	rest_call(&r, 400, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_is_error(&r, 400, "FAILED_PRECONDITION", "would not last an hour");
}

static void a_seek_goes_back_and_forth(void **unused UNUSED)
{
	REST(r);
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	rest_call(&r, 200, "PUT", SUB_A, "{" ON_TOPIC_A ",'retainAckedMessages':true}");
	publish(&r, "a");
	rest_call(&r, 200, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a'}");
	clock_fake_advance_ms(&r.clock, 1000);
	publish(&r, "b");
	drained_is(&r, "a b ");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'snapshot':'projects/p1/snapshots/snap-a'}");
	rest_is(&r, "{}");
	drained_is(&r, "a b ");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'time':'" NOW "'}"); /* published at it comes again */
	drained_is(&r, "a b ");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'time':'2023-11-14T22:13:20.123000001Z'}"); /* before it does not */
	drained_is(&r, "b ");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'time':'2023-11-15T03:43:20+05:30'}"); /* 22:13:20Z */
	drained_is(&r, "a b ");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'time':'0001-01-01T00:00:00Z'}");
	rest_call(&r, 200, "POST", SUB_A ":seek", "{'time':'9999-12-31T23:59:59.999999999Z'}");
	drained_is(&r, "");
}

static void a_seek_must_have_one_target_that_is_there(void **unused UNUSED)
{
	static const struct {
		int status;
		const char *body;
	} bad[] = {
		{ 400, "{}" },
		{ 400, "{'time':'" NOW "','snapshot':'projects/p1/snapshots/snap-a'}" },
		{ 400, "{'time':'2023-11-14'}" },
		{ 400, "{'time':'2023-11-14T22:13:20'}" },
		{ 400, "{'time':'2023-11-14T22:13:20.1234567890Z'}" },
		{ 400, "{'time':1700000000}" },
		{ 400, "{'snapshot':''}" },
		{ 400, "{'snapshot':'snap-a'}" },
		{ 400, "{'snapshot':'projects/p1/snapshots/snap-a'}" }, /* of another topic */
		{ 404, "{'snapshot':'projects/p1/snapshots/none'}" },
		{ 400, "{'when':'" NOW "'}" },
	};
	REST(r);
	setup(&r);
	rest_call(&r, 200, "PUT", SNAP_A, "{'subscription':'projects/p1/subscriptions/sub-a'}");
	rest_call(&r, 200, "PUT", "topics/topic-b", "{}");
	rest_call(&r, 200, "PUT", "subscriptions/sub-b", "{'topic':'projects/p1/topics/topic-b'}");
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		rest_call(&r, bad[i].status, "POST", "subscriptions/sub-b:seek", bad[i].body);
	rest_call(&r, 404, "POST", "subscriptions/none:seek", "{'time':'" NOW "'}");
	rest_is_error(&r, 404, "NOT_FOUND", "Resource not found (resource=none).");
}

/* --- messages ----------------------------------------------------------------------------------------------- */

static void a_dead_letter_says_its_project(void **unused UNUSED)
{
	REST(r);
	rest_call(&r, 200, "PUT", "topics/dead", "{}");
	rest_call(&r, 200, "PUT", "subscriptions/dead-letters", "{'topic':'projects/p1/topics/dead'}");
	rest_call(&r, 200, "PUT", TOPIC_A, "{}");
	rest_call(&r, 200, "PUT", SUB_A, "{" ON_TOPIC_A ",'deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/dead'}}");
	publish(&r, "a");
	for (int i = 0; i < 6; i++) {
		rest_call(&r, 200, "POST", SUB_A ":pull", "{'maxMessages':1,'returnImmediately':true}");
		clock_fake_advance_ms(&r.clock, 11000);
	}
	rest_call(&r, 200, "POST", "subscriptions/dead-letters:pull", "{'maxMessages':1,'returnImmediately':true}");
	const struct json *a = json_get(json_get(json_at(json_get(r.answer, "receivedMessages"), 0), "message"), "attributes");
	assert_int_equal(json_size(a), 5);
	assert_true(slice_is(json_get_string(a, "k"), "a"));
	assert_true(slice_is(json_get_string(a, "CloudPubSubDeadLetterSourceDeliveryCount"), "5"));
	assert_true(slice_is(json_get_string(a, "CloudPubSubDeadLetterSourceSubscription"), "sub-a"));
	assert_true(slice_is(json_get_string(a, "CloudPubSubDeadLetterSourceSubscriptionProject"), "p1"));
	assert_true(slice_is(json_get_string(a, "CloudPubSubDeadLetterSourceTopicPublishTime"), NOW));
}

static void an_update_names_sixty_four_fields_at_most(void **unused UNUSED)
{
	REST(r);
	CLEANUP(buf_done) struct buf body = buf_new(8192);
	setup(&r);
	buf_adds(&body, "{'subscription':{'labels':{'a':'b'}},'updateMask':'labels");
	for (int i = 1; i < 64; i++)
		buf_adds(&body, ",labels");
	size_t len = body.len;
	buf_adds(&body, "'}");
	rest_call(&r, 200, "PATCH", SUB_A, buf_str(&body));
	body.len = len;
	buf_adds(&body, ",labels'}");
	rest_call(&r, 400, "PATCH", SUB_A, buf_str(&body));
	rest_is_error(&r, 400, "INVALID_ARGUMENT", "more than 64 paths");
}

/* --- anything at all ---------------------------------------------------------------------------------------- */

static const char *const values[] = {
	"null", "true", "0", "-1", "30", "1e400", "1e18", "''", "'a'", "'-'", "'3e1'", "'30s'", "'600s'", "'1.5s'", "'s'", "'" NOW "'", "[]", "{}", "'v1'", "'a@b'",
	"'projects/p1/topics/topic-a'", "'projects/p1/topics/'", "'projects/p1/subscriptions/sub-a'", "'projects/p1/snapshots/snap-a'", "'ACTIVE'",
	"'labels,pushConfig'", "'ackDeadlineSeconds'", "'http://h'", "'http://h/\\u0000'", "'\\u0000'", "'aGk'", "'a=='", "[{}]", "['1-1-1-0']", "'attributes:a'",
};

static const struct {
	const char *method, *path, *body;
} forms[] = {
	{ "PUT", "topics/topic-b", "{'name':'','labels':{'a':'b'},'messageRetentionDuration':'600s','state':1,'satisfiesPzs':true,'schemaSettings':{}}" },
	{ "PATCH", TOPIC_A, "{'topic':{'name':'','labels':{'a':'b'},'messageRetentionDuration':'900s'},'updateMask':'labels,messageRetentionDuration'}" },
	{ "PUT", "subscriptions/sub-b", WHOLE },
	{ "PUT", "subscriptions/sub-b", "{" ON_TOPIC_A ",'filter':'attributes:a','deadLetterPolicy':{'deadLetterTopic':'projects/p1/topics/topic-a',"
	  "'maxDeliveryAttempts':5},'retryPolicy':{'minimumBackoff':'1s','maximumBackoff':'2s'},'pushConfig':{'oidcToken':"
	  "{'serviceAccountEmail':'a@b','audience':'c'},'attributes':{'x-goog-version':'v1'},'pubsubWrapper':{}},'expirationPolicy':{'ttl':'1s'}}" },
	{ "PATCH", SUB_A, "{'subscription':" WHOLE ",'updateMask':'pushConfig,labels,retryPolicy,deadLetterPolicy,retainAckedMessages,expirationPolicy'}" },
	{ "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{'pushEndpoint':'http://h','noWrapper':{'writeMetadata':true},'oidcToken':{'serviceAccountEmail':'a@b'}}}" },
	{ "POST", SUB_A ":modifyPushConfig", "{}" },
	{ "PUT", "snapshots/snap-b", "{'subscription':'projects/p1/subscriptions/sub-a','labels':{'a':'b'}}" },
	{ "PATCH", "snapshots/snap-b", "{'snapshot':{'labels':{'a':'b'},'expireTime':'2023-11-15T00:00:00Z'},'updateMask':'labels,expireTime'}" },
	{ "POST", SUB_A ":seek", "{'snapshot':'projects/p1/snapshots/snap-b','time':null}" },
	{ "POST", SUB_A ":seek", "{'time':'" NOW "'}" },
	{ "POST", SUB_A ":pull", "{'maxMessages':1,'returnImmediately':true}" },
	{ "POST", TOPIC_A ":publish", "{'messages':[{'data':'aGk=','attributes':{'k':'v'},'orderingKey':'k'}]}" },
	{ "POST", SUB_A ":acknowledge", "{'ackIds':['1-1-1-0']}" },
	{ "POST", SUB_A ":modifyAckDeadline", "{'ackIds':['1-1-1-0'],'ackDeadlineSeconds':'3e1'}" },
};

/* From a ':' that is in no text: the end of the value behind it. */
static size_t value_end(const char *body, size_t at)
{
	int depth = 0;
	bool quoted = false;
	for (at++; body[at]; at++) {
		quoted ^= body[at] == '\'';
		if (quoted)
			continue;
		if (depth == 0 && strchr(",}]", body[at]))
			break;
		depth += body[at] == '{' || body[at] == '[';
		depth -= body[at] == '}' || body[at] == ']';
	}
	return at;
}

/* `body` with some of its values replaced by others. */
static void add_changed(struct rand_gen *g, const char *body, struct buf *out)
{
	bool quoted = false;
	for (size_t i = 0; body[i]; i++) {
		quoted ^= body[i] == '\'';
		buf_addc(out, body[i]);
		if (quoted || body[i] != ':' || rand_next(g) % 6)
			continue;
		buf_adds(out, values[rand_next(g) % COUNT_OF(values)]);
		i = value_end(body, i) - 1;
	}
}

/* It lives, and says no fault of its own. */
static void any_values_have_an_answer(void **unused UNUSED)
{
	REST(r);
	struct rand_gen g = rand_new(test_seed());
	int good = 0, count = 4000;
	setup(&r);
	for (int i = 0; i < count; i++) {
		CLEANUP(buf_done) struct buf body = buf_new(1 << 16);
		size_t k = rand_next(&g) % COUNT_OF(forms);
		add_changed(&g, forms[k].body, &body);
		rest_ask(&r, forms[k].method, forms[k].path, buf_str(&body));
		if (r.status != 200 && r.status != 400 && r.status != 404 && r.status != 409 && r.status != 501)
			fail_msg("%s %s %s: %d", forms[k].method, forms[k].path, buf_str(&body), r.status);
		good += r.status == 200;
	}
	assert_in_range(good, count / 10, count * 9 / 10); /* both are met */
}

/* --- faults ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *method, *path, *body;
} requests[] = {
	{ "PUT", "topics/topic-b", "{'labels':{'a':'b'}}" },
	{ "PATCH", TOPIC_A, "{'topic':{'labels':{'a':'b'}},'updateMask':'labels'}" },
	{ "GET", "topics", "" },
	{ "GET", TOPIC_A "/snapshots", "" },
	{ "PUT", "subscriptions/sub-b", "{" ON_TOPIC_A "}" },
	{ "PATCH", SUB_A, "{'subscription':{'ackDeadlineSeconds':30},'updateMask':'ackDeadlineSeconds'}" },
	{ "GET", "subscriptions", "" },
	{ "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{'pushEndpoint':'http://h'}}" },
	{ "POST", SUB_A ":modifyPushConfig", "{}" },
	{ "PUT", "snapshots/snap-b", "{'subscription':'projects/p1/subscriptions/sub-a'}" },
	{ "PATCH", SNAP_A, "{'snapshot':{'labels':{'a':'b'}},'updateMask':'labels'}" },
	{ "GET", "snapshots", "" },
	{ "POST", SUB_A ":seek", "{'snapshot':'projects/p1/snapshots/snap-a'}" },
	{ "POST", SUB_A ":seek", "{'time':'" NOW "'}" },
	{ "POST", SUB_A ":pull", "{'maxMessages':1,'returnImmediately':true}" },
	{ "DELETE", SNAP_A, "" },
	{ "POST", SUB_A ":detach", "{}" },
	{ "DELETE", SUB_A, "" },
	{ "DELETE", TOPIC_A, "" },
};

#define CALLS_MAX 12 /* of the bus, more than any of these requests makes */

/* The status of request `i` when the n-th call of the bus fails. */
static int status_with_fault(struct rest *r, size_t i, int n)
{
	struct err err = { 0 };
	const struct bus_subscription s = { .name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 10, .dead_letter_topic = "" };
	struct bus *bus = bus_mem_open(&r->clock.base);
	assert_int_equal(bus_create_topic(bus, "topic-a", &err), RC_OK);
	assert_int_equal(bus_create_subscription(bus, &s, &err), RC_OK);
	assert_int_equal(bus_create_snapshot(bus, "snap-a", "sub-a", "", &err), RC_OK);
	bus = bus_group_open(bus_fault_open(bus, n, false, RC_RETRY));
	rest_use(r, bus);
	rest_ask(r, requests[i].method, requests[i].path, requests[i].body);
	if (r->status != 200)
		rest_is_error(r, 503, "UNAVAILABLE", "injected fault");
	rest_use(r, r->bus);
	bus_close(bus);
	return r->status;
}

static void a_bus_that_fails_is_unavailable(void **unused UNUSED)
{
	REST(r);
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		int failed = 0;
		for (int n = 1; n <= CALLS_MAX; n++) {
			bool fails = status_with_fault(&r, i, n) != 200;
			if (fails && failed != n - 1)
				fail_msg("%s %s: call %d of the bus failed, and nobody said so", requests[i].method, requests[i].path, n - 1);
			failed += fails;
		}
		assert_in_range(failed, 1, CALLS_MAX - 1);
	}
}

static void changes_of_subscriptions_are_told_and_nothing_else(void **unused UNUSED)
{
	static const struct {
		const char *method, *path, *body;
		int status, changes;
	} table[] = {
		{ "PUT", TOPIC_A, "{}", 200, 0 },
		{ "PUT", SUB_A, "{" ON_TOPIC_A "}", 200, 1 },
		{ "PUT", SUB_A, "{" ON_TOPIC_A "}", 409, 1 },
		{ "POST", TOPIC_A ":publish", "{'messages':[{'data':'eA=='}]}", 200, 1 },
		{ "POST", SUB_A ":pull", "{'maxMessages':1,'returnImmediately':true}", 200, 1 },
		{ "POST", SUB_A ":modifyPushConfig", "{'pushConfig':{'pushEndpoint':'http://127.0.0.1:9/x'}}", 200, 2 },
		{ "PATCH", SUB_A, "{'subscription':{'ackDeadlineSeconds':20},'updateMask':'ackDeadlineSeconds'}", 200, 3 },
		{ "GET", SUB_A, "", 200, 3 },
		{ "POST", SUB_A ":detach", "{}", 200, 4 },
		{ "DELETE", SUB_A, "", 200, 5 },
		{ "DELETE", SUB_A, "", 404, 5 },
	};
	REST(r);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		rest_call(&r, table[i].status, table[i].method, table[i].path, table[i].body);
		if (r.changes != table[i].changes)
			fail_msg("%s %s: %d changes were told, not %d", table[i].method, table[i].path, (int) r.changes, table[i].changes);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(changes_of_subscriptions_are_told_and_nothing_else),
	cmocka_unit_test(a_topic_keeps_what_it_is_given_and_changes_by_mask),
	cmocka_unit_test(labels_have_rules),
	cmocka_unit_test(a_page_token_belongs_to_its_list),
	cmocka_unit_test(a_subscription_tells_all_it_was_given),
	cmocka_unit_test(a_subscription_of_the_home_has_no_retention),
	cmocka_unit_test(an_update_changes_all_it_names_or_nothing),
	cmocka_unit_test(what_has_lost_its_topic_says_so),
	cmocka_unit_test(what_is_pushed_or_detached_cannot_be_pulled),
	cmocka_unit_test(a_snapshot_lives),
	cmocka_unit_test(a_snapshot_changes_by_mask),
	cmocka_unit_test(a_backlog_may_be_too_old_for_a_snapshot),
	cmocka_unit_test(a_seek_goes_back_and_forth),
	cmocka_unit_test(a_seek_must_have_one_target_that_is_there),
	cmocka_unit_test(a_dead_letter_says_its_project),
	cmocka_unit_test(an_update_names_sixty_four_fields_at_most),
	cmocka_unit_test(any_values_have_an_answer),
	cmocka_unit_test(a_bus_that_fails_is_unavailable),
};
TEST_SUITE(pubsub_admin, tests)
