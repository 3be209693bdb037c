/* One call to Google's APIs: where it goes, what is sent, what an answer means, how often it is tried. */
#include "gcp/gcp.h"

#include "gcp/answer.h"
#include "gcp/transport.h"
#include "support/cloud.h"
#include "test.h"

#include <stdio.h>

#define ERROR(code, status, message) "{\"error\":{\"code\":" #code ",\"message\":\"" message "\",\"status\":\"" status "\"}}"
#define REASON(code, reason, message) \
	"{\"error\":{\"code\":" #code ",\"message\":\"" message "\",\"errors\":[{\"reason\":\"" reason "\",\"message\":\"" message "\"}]}}"

/* --- answers -------------------------------------------------------------------------------------------------- */

static void an_answer_has_one_class(void **unused UNUSED)
{
	static const struct {
		int status;
		const char *body, *retry_after;
		enum answer_class class;
		int64_t wait_ms;
		const char *reason, *said;
	} table[] = {
		{ 200, "{}", NULL, GOOGLE_OK, -1, "", "200" },
		{ 204, "", "7", GOOGLE_OK, -1, "", "200" },
		{ 302, "", NULL, GOOGLE_REDIRECT, -1, "", "302 with an empty body" },
		{ 308, "", NULL, GOOGLE_REDIRECT, -1, "", "308" },
		{ 400, ERROR(400, "INVALID_ARGUMENT", "bad filter"), NULL, GOOGLE_REFUSED, -1, "INVALID_ARGUMENT", "400 bad filter (INVALID_ARGUMENT)" },
		{ 400, REASON(400, "jobRateLimitExceeded", "too fast"), NULL, GOOGLE_BUSY, -1, "jobRateLimitExceeded", "400 too fast" },
		{ 400, REASON(400, "jobInternalError", "again"), NULL, GOOGLE_REFUSED, -1, "jobInternalError", "400 again (jobInternalError)" },
		{ 400, REASON(400, "tableUnavailable", "again"), NULL, GOOGLE_BUSY, -1, "tableUnavailable", "400" },
		{ 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Bad Request\"}", NULL, GOOGLE_REFUSED, -1, "invalid_grant",
		  "400 Bad Request (invalid_grant)" },
		{ 400, "{\"error\":\"temporarily_unavailable\"}", NULL, GOOGLE_PASSING, -1, "temporarily_unavailable", "400" },
		{ 401, "", NULL, GOOGLE_UNAUTHORIZED, -1, "", "401" },
		{ 403, REASON(403, "forbidden", "no"), NULL, GOOGLE_FORBIDDEN, -1, "forbidden", "403 no (forbidden)" },
		{ 403, REASON(403, "rateLimitExceeded", "slow down"), "3", GOOGLE_BUSY, 3000, "rateLimitExceeded", "403 slow down" },
		{ 403, REASON(403, "userRateLimitExceeded", "slow down"), NULL, GOOGLE_BUSY, -1, "userRateLimitExceeded", "403" },
		{ 403, REASON(403, "quotaExceeded", "spent"), NULL, GOOGLE_QUOTA, -1, "quotaExceeded", "403 spent" },
		{ 429, REASON(429, "quotaExceeded", "spent"), "60", GOOGLE_QUOTA, 60000, "quotaExceeded", "429 spent" },
		{ 404, "No such object: b/o", NULL, GOOGLE_NOT_FOUND, -1, "", "404 No such object: b/o" },
		{ 410, "", NULL, GOOGLE_NOT_FOUND, -1, "", "410" },
		{ 408, "", NULL, GOOGLE_PASSING, -1, "", "408" },
		{ 409, ERROR(409, "ALREADY_EXISTS", "there"), NULL, GOOGLE_REFUSED, -1, "ALREADY_EXISTS", "409 there" },
		{ 409, ERROR(409, "ABORTED", "conflict"), NULL, GOOGLE_BUSY, -1, "ABORTED", "409 conflict" },
		{ 412, "[{\"error\":{\"code\":412,\"message\":\"pre\"}}]", NULL, GOOGLE_REFUSED, -1, "", "412 pre" },
		{ 413, "", NULL, GOOGLE_REFUSED, -1, "", "413" },
		{ 429, ERROR(429, "RESOURCE_EXHAUSTED", "slow"), "1.5", GOOGLE_BUSY, 2000, "RESOURCE_EXHAUSTED", "429 slow" },
		{ 429, "", "soon", GOOGLE_BUSY, -1, "", "429" },
		{ 429, "", "-1", GOOGLE_BUSY, -1, "", "429" },
		{ 429, "", "99999999999", GOOGLE_BUSY, GOOGLE_WAIT_MS_MAX, "", "429" },
		{ 429, "", "Mon, 21 Sep 2026 14:13:30 GMT", GOOGLE_BUSY, 10000, "", "429" },
		{ 429, "", "Mon, 21 Sep 2020 14:13:30 GMT", GOOGLE_BUSY, 0, "", "429" },
		{ 499, "", NULL, GOOGLE_PASSING, -1, "", "499" },
		{ 500, "", NULL, GOOGLE_PASSING, -1, "", "500" },
		{ 501, ERROR(501, "UNIMPLEMENTED", "not here"), NULL, GOOGLE_REFUSED, -1, "UNIMPLEMENTED", "501" },
		{ 502, "<html><title>502</title>\n<p>Server Error</p>", NULL, GOOGLE_PASSING, -1, "", "502 502 Server Error" },
		{ 503, "\x1b[31mno\xff", "0", GOOGLE_PASSING, 0, "", "503 [31mno" },
		{ 504, "{\"error\":[1]}", NULL, GOOGLE_PASSING, -1, "", "504" },
		{ 403, "{\"error\":{\"message\":\"x\",\"details\":[{\"@type\":\"h\"},{\"reason\":\"IAM_PERMISSION_DENIED\"}]}}", NULL, GOOGLE_FORBIDDEN, -1,
		  "IAM_PERMISSION_DENIED", "403 x" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct http_header header = { SLICE("Retry-After"), slice_of(table[i].retry_after) };
		const struct http_response r = { .status = table[i].status, .body = slice_of(table[i].body), .header = &header,
			                         .header_count = table[i].retry_after ? 1 : 0 };
		struct google_answer a;
		google_answer(&r, CLOUD_NOW_MS, &arena, &a);
		bool same = a.class == table[i].class && a.wait_ms == table[i].wait_ms && slice_is(a.reason, table[i].reason);
		if (!same || strncmp(a.said, table[i].said, strlen(table[i].said)) != 0)
			fail_msg("%d %s: class %d, wait %lld, reason '%.*s', said '%s'", table[i].status, table[i].body, (int) a.class, (long long) a.wait_ms,
			         SLICE_FMT(a.reason), a.said);
	}
}

static void a_refusal_names_the_next_step(void **unused UNUSED)
{
	static const struct {
		const char *body, *advice;
	} table[] = {
		{ REASON(403, "accessNotConfigured", "x"), "gcloud services enable" },
		{ "{\"error\":{\"details\":[{\"reason\":\"SERVICE_DISABLED\",\"metadata\":{\"service\":\"pubsub.googleapis.com\"}}]}}",
		  "`gcloud services enable pubsub.googleapis.com`" },
		{ REASON(403, "accountDisabled", "x"), "billing" },
		{ "{\"error\":{\"details\":[{\"reason\":\"BILLING_DISABLED\"}]}}", "billing" },
		{ "{\"error\":{\"details\":[{\"reason\":\"USER_PROJECT_DENIED\"}]}}", "GOOGLE_CLOUD_QUOTA_PROJECT" },
		{ "{\"error\":{\"details\":[{\"reason\":\"ACCESS_TOKEN_SCOPE_INSUFFICIENT\"}]}}", "scope" },
		{ "{\"error\":{\"details\":[{\"reason\":\"IAM_PERMISSION_DENIED\",\"metadata\":{\"permission\":\"pubsub.topics.publish\"}}]}}",
		  "permission pubsub.topics.publish" },
		{ REASON(403, "forbidden", "x"), "add-iam-policy-binding" },
		{ "", "add-iam-policy-binding" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		const struct http_response r = { .status = 403, .body = slice_of(table[i].body) };
		struct google_answer a;
		google_answer(&r, CLOUD_NOW_MS, &arena, &a);
		if (a.class != GOOGLE_FORBIDDEN || !strstr(a.advice, table[i].advice))
			fail_msg("%s: %s", table[i].body, a.advice);
	}
}

/* An answer that gives back what was sent must not bring it into a message. */
static void a_long_word_is_not_repeated(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
	buf_adds(&body, "{\"error\":\"invalid_grant\",\"error_description\":\"bad assertion ");
	for (int i = 0; i < 400; i++)
		buf_adds(&body, "secret");
	buf_adds(&body, " refused\"}");
	const struct http_response r = { .status = 400, .body = buf_slice(&body) };
	struct google_answer a;
	google_answer(&r, CLOUD_NOW_MS, &arena, &a);
	assert_string_equal(a.said, "400 bad assertion ... refused (invalid_grant)");
}

/* --- patience ------------------------------------------------------------------------------------------------- */

static void backoff_grows_to_its_cap_and_is_spread_over_the_whole_of_it(void **unused UNUSED)
{
	struct clock_fake clock;
	struct transport t;
	int64_t longest[8] = { 0 }, shortest[8], wait_ms;
	clock_fake_init(&clock, CLOUD_NOW_MS);
	transport_init(&t, &clock.base, rand_new(test_seed()), NULL, 1);
	for (size_t i = 0; i < COUNT_OF(shortest); i++)
		shortest[i] = INT64_MAX;
	for (int round = 0; round < 2000; round++) {
		struct patience p = { .start_ms = 100, .factor = 4, .cap_ms = 60000, .tries_max = 100, .deadline_ns = INT64_MAX };
		for (size_t i = 0; i < COUNT_OF(longest); i++) {
			int64_t before = clock.slept_ms;
			assert_int_equal(patience_wait(&t, &p, -1, &wait_ms), PATIENCE_AGAIN);
			int64_t slept = clock.slept_ms - before;
			longest[i] = slept > longest[i] ? slept : longest[i];
			shortest[i] = slept < shortest[i] ? slept : shortest[i];
		}
	}
	static const int64_t ceiling[] = { 100, 400, 1600, 6400, 25600, 60000, 60000, 60000 };
	for (size_t i = 0; i < COUNT_OF(ceiling); i++)
		if (longest[i] > ceiling[i] || longest[i] < ceiling[i] * 95 / 100 || shortest[i] > ceiling[i] / 20)
			fail_msg("wait %zu: %lld to %lld, want 0 to %lld", i, (long long) shortest[i], (long long) longest[i], (long long) ceiling[i]);
	transport_done(&t);
}

static void patience_ends_with_its_tries_its_time_and_the_stop(void **unused UNUSED)
{
	struct clock_fake clock;
	struct transport t;
	atomic_bool stop = false;
	int64_t wait_ms;
	clock_fake_init(&clock, CLOUD_NOW_MS);
	transport_init(&t, &clock.base, rand_new(1), &stop, 1);
	struct patience two = { .start_ms = 10, .factor = 2, .cap_ms = 100, .tries_max = 2, .deadline_ns = INT64_MAX };
	assert_int_equal(patience_wait(&t, &two, -1, &wait_ms), PATIENCE_AGAIN);
	assert_int_equal(patience_wait(&t, &two, -1, &wait_ms), PATIENCE_SPENT);
	struct patience asked = { .start_ms = 10, .factor = 2, .cap_ms = 100, .tries_max = 9, .deadline_ns = clock.mono_ns + (int64_t) 5000 * 1000000 };
	int64_t before = clock.slept_ms;
	assert_int_equal(patience_wait(&t, &asked, 3000, &wait_ms), PATIENCE_AGAIN);
	assert_int_equal(clock.slept_ms - before, 3000);
	assert_int_equal(patience_wait(&t, &asked, 3000, &wait_ms), PATIENCE_SPENT); /* 2 s are left */
	assert_int_equal(wait_ms, 3000);
	assert_int_equal(clock.slept_ms - before, 3000);
	stop = true;
	assert_int_equal(patience_wait(&t, &asked, -1, &wait_ms), PATIENCE_STOPPED);
	transport_done(&t);
}

/* --- where it goes -------------------------------------------------------------------------------------------- */

static void emulators_get_no_token_and_need_none(void **unused UNUSED)
{
	CLOUD(c);
	const char *host = fake_url(c.fake) + strlen("http://");
	(void) setenv("PUBSUB_EMULATOR_HOST", host, 1);
	(void) setenv("STORAGE_EMULATOR_HOST", fake_url(c.fake), 1);
	(void) setenv("BIGQUERY_EMULATOR_HOST", arena_printf(&c.arena, "%s/", fake_url(c.fake)).ptr, 1);
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere", 1);
	(void) setenv("GOOGLE_CLOUD_PROJECT", "p", 1);
	cloud_must_connect(&c);
	for (enum gcp_api api = 0; api < GCP_API_COUNT; api++) {
		assert_true(gcp_is_emulator(c.gcp, api));
		assert_string_equal(gcp_url(c.gcp, api), fake_url(c.fake));
	}
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL); /* the fake wants one, an emulator does not */
	assert_non_null(strstr(c.err.msg, "401"));
	assert_int_equal(cloud_count(&c, "GET " CLOUD_PATH), 1);
	assert_int_equal(cloud_count(&c, "*token*"), 0);
	assert_non_null(strstr(fake_log(c.fake, &c.arena).ptr, "\"has_authorization\":false"));
}

static void an_address_of_the_environment_is_looked_at(void **unused UNUSED)
{
	static const struct {
		const char *name, *value, *url; /* NULL: refused */
		enum gcp_api api;
	} table[] = {
		{ "PUBSUB_EMULATOR_HOST", "localhost:8085", "http://localhost:8085", GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "[::1]:8085", "http://[::1]:8085", GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "pubsub:8085", "http://pubsub:8085", GCP_PUBSUB }, /* no token goes there */
		{ "STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443/", "http://127.0.0.1:4443", GCP_STORAGE },
		{ "STORAGE_EMULATOR_HOST", "127.0.0.1:4443", "http://127.0.0.1:4443", GCP_STORAGE },
		{ "BIGQUERY_EMULATOR_HOST", "https://bq:9050", "https://bq:9050", GCP_BIGQUERY },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "http://127.0.0.1:4443/storage/v1/", "http://127.0.0.1:4443", GCP_STORAGE },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY", "http://localhost:1/bigquery/v2/", "http://localhost:1", GCP_BIGQUERY },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "https://pubsub.us-central1.rep.googleapis.com/", "https://pubsub.us-central1.rep.googleapis.com",
		  GCP_PUBSUB },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "", "https://pubsub.googleapis.com", GCP_PUBSUB },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "", "https://storage.googleapis.com", GCP_STORAGE },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY", "", "https://bigquery.googleapis.com", GCP_BIGQUERY },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "http://10.0.0.1:80", NULL, GCP_PUBSUB },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "http://localhost.evil.example", NULL, GCP_PUBSUB },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "http://localhost:1@evil.example", NULL, GCP_PUBSUB },
		{ "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "pubsub.example", NULL, GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "http://", NULL, GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "http:///x", NULL, GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "ftp://x", NULL, GCP_PUBSUB },
		{ "PUBSUB_EMULATOR_HOST", "a b", NULL, GCP_PUBSUB },
		{ "STORAGE_EMULATOR_HOST", "http://h/?x", NULL, GCP_STORAGE },
		{ "STORAGE_EMULATOR_HOST", "http://h\r\nX: y", NULL, GCP_STORAGE },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		(void) setenv(table[i].name, table[i].value, 1);
		enum rc rc = cloud_connect(&c);
		if (!table[i].url && (rc != RC_FATAL || !strstr(c.err.msg, table[i].name)))
			fail_msg("%s=%s: %s: %s", table[i].name, table[i].value, rc_name(rc), c.err.msg);
		if (table[i].url && (rc != RC_OK || strcmp(gcp_url(c.gcp, table[i].api), table[i].url) != 0))
			fail_msg("%s=%s: %s %s", table[i].name, table[i].value, rc_name(rc), rc == RC_OK ? gcp_url(c.gcp, table[i].api) : c.err.msg);
		(void) unsetenv(table[i].name);
	}
}

static void a_whole_address_is_followed_within_the_api_only(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = arena_printf(&c.arena, "%s" CLOUD_PATH "?upload_id=x", fake_url(c.fake)) };
	assert_int_equal(cloud_send(&c, &rq), RC_OK);
	static const char *const elsewhere[] = { "http://127.0.0.1:1/x", "https://evil.example/x", "https://evil.example/.googleapis.com",
		                                 "https://storage.googleapis.com/x", "x", "ftp://h/x", "/a b", "/a\nb", "" };
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
		rq.path = slice_of(elsewhere[i]);
		if (cloud_send(&c, &rq) != RC_REJECT)
			fail_msg("'%s' is followed", elsewhere[i]);
	}
	assert_int_equal(c.done, 1);
}

static void a_redirect_is_not_followed(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'GET " CLOUD_PATH "','do':'status','status':302,'headers':{'Location':'" CLOUD_PATH "'}}");
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL);
	assert_non_null(strstr(c.err.msg, "redirect"));
	assert_int_equal(c.done, 0);
}

/* --- what is sent --------------------------------------------------------------------------------------------- */

static const struct json *last_request(struct cloud *c, struct json **owner)
{
	assert_int_equal(json_parse(fake_log(c->fake, &c->arena), owner, NULL), RC_OK);
	const struct json *list = json_get(*owner, "requests");
	return json_at(list, json_size(list) - 1);
}

static void a_request_says_what_it_is(void **unused UNUSED)
{
	CLOUD(c);
	CLEANUP(json_freep) struct json *post = NULL;
	CLEANUP(json_freep) struct json *get = NULL;
	CLEANUP(json_freep) struct json *put = NULL;
	cloud_credentials(&c, "service_account");
	(void) setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer", 1);
	cloud_must_connect(&c);
	assert_int_equal(cloud_call(&c, "POST", false), RC_OK); /* also without a body */
	const struct json *one = last_request(&c, &post);
	assert_true(slice_is(json_get_string(one, "content_type"), "application/json"));
	assert_true(slice_starts(json_get_string(one, "user_agent"), SLICE("sargam/")));
	assert_true(slice_is(json_get_string(one, "user_project"), "payer"));
	assert_true(slice_is(json_get_string(one, "email"), FAKE_EMAIL));
	assert_int_equal(cloud_call(&c, "GET", true), RC_OK);
	assert_null(json_get(last_request(&c, &get), "content_type"));
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "PUT", .path = SLICE(CLOUD_PATH), .content_type = "application/octet-stream",
		                        .body = SLICE("abc") };
	assert_int_equal(cloud_send(&c, &rq), RC_OK);
	assert_true(slice_is(json_get_string(last_request(&c, &put), "content_type"), "application/octet-stream"));
	assert_int_equal(c.reply.status, 200);
	assert_int_equal(c.reply.tries, 1);
	assert_false(c.reply.was_lost);
	assert_true(slice_is(c.reply.body, "{\"done\":3}"));
	assert_true(slice_starts(gcp_reply_header(&c.reply, "content-type"), SLICE("application/json")));
}

/* --- storms --------------------------------------------------------------------------------------------------- */

static void what_passes_is_tried_again(void **unused UNUSED)
{
	static const int status[] = { 408, 429, 499, 500, 502, 503, 504 };
	for (size_t i = 0; i < COUNT_OF(status); i++) {
		CLOUD(c);
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		cloud_control(&c, arena_printf(&c.arena, "{'match':'* " CLOUD_PATH "','times':3,'do':'status','status':%d}", status[i]).ptr);
		assert_int_equal(cloud_call(&c, "POST", true), RC_OK);
		assert_int_equal(c.reply.tries, 4);
		assert_int_equal(c.done, 1);
		assert_int_equal(c.reply.was_lost, status[i] != 429);
		assert_true(c.clock.slept_ms <= 100 + 400 + 1600);
	}
}

static void a_storm_that_does_not_end_is_given_up_within_the_budget(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','times':1000,'do':'status','status':503}");
	assert_int_equal(cloud_call(&c, "GET", true), RC_RETRY);
	assert_in_range(c.reply.tries, 2, GCP_TRIES_MAX);
	assert_in_range(c.clock.slept_ms, 1, CLOUD_BUDGET_MS);
	assert_in_range(c.err.retry_after_ms, 1000, 64000);
	assert_int_equal(c.reply.status, 503);
	assert_non_null(strstr(c.err.msg, "Pub/Sub: GET " CLOUD_PATH ": given up after"));
}

static void retry_after_is_honoured_within_the_budget(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','do':'status','status':429,'retry_after':'70'}");
	assert_int_equal(cloud_call(&c, "POST", false), RC_OK);
	assert_int_equal(c.clock.slept_ms, 70000);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','do':'status','status':429,'retry_after':'601'}");
	assert_int_equal(cloud_call(&c, "POST", false), RC_RETRY);
	assert_int_equal(c.err.retry_after_ms, 601000);
	assert_int_equal(c.clock.slept_ms, 70000);
	assert_int_equal(c.done, 1);
}

static void rate_limits_pass_and_quotas_do_not(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','times':2,'do':'status','status':403,'reason':'rateLimitExceeded'}");
	assert_int_equal(cloud_call(&c, "POST", false), RC_OK);
	assert_int_equal(c.reply.tries, 3);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','times':2,'do':'status','status':403,'reason':'quotaExceeded'}");
	assert_int_equal(cloud_call(&c, "POST", true), RC_RETRY);
	assert_int_equal(c.reply.tries, 1);
	assert_int_equal(c.err.retry_after_ms, 3600000);
	assert_true(slice_is(c.reply.reason, "quotaExceeded"));
}

/* --- fates ---------------------------------------------------------------------------------------------------- */

static void what_may_be_done_twice_is_and_is_said_to(void **unused UNUSED)
{
	static const char *const lost[] = { "lose-reply", "close", "truncate" };
	for (size_t i = 0; i < COUNT_OF(lost); i++) {
		CLOUD(c);
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		assert_int_equal(cloud_call(&c, "POST", true), RC_OK); /* the connection is kept from now on */
		assert_false(c.reply.was_lost);
		int before = c.done;
		cloud_control(&c, arena_printf(&c.arena, "{'match':'* " CLOUD_PATH "','do':'%s','bytes':3}", lost[i]).ptr);
		assert_int_equal(cloud_call(&c, "POST", true), RC_OK);
		assert_true(c.reply.was_lost);
		assert_int_equal(c.done - before, strcmp(lost[i], "close") == 0 ? 1 : 2);
	}
}

/* libcurl would send it again on a new connection by itself. */
static void what_may_not_be_done_twice_is_sent_once(void **unused UNUSED)
{
	static const char *const lost[] = { "{'match':'* " CLOUD_PATH "','do':'lose-reply'}", "{'match':'* " CLOUD_PATH "','do':'close'}",
		                            "{'match':'* " CLOUD_PATH "','do':'truncate','bytes':3}",
		                            "{'match':'* " CLOUD_PATH "','do':'status','status':503}" };
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	assert_int_equal(cloud_call(&c, "POST", false), RC_OK);
	for (size_t i = 0; i < COUNT_OF(lost); i++) {
		size_t before = cloud_count(&c, "POST " CLOUD_PATH);
		cloud_control(&c, lost[i]);
		assert_int_equal(cloud_call(&c, "POST", false), RC_RETRY);
		assert_int_equal(cloud_count(&c, "POST " CLOUD_PATH) - before, 1);
		assert_true(c.reply.was_lost);
		assert_non_null(strstr(c.err.msg, "may or may not have been done"));
		assert_int_equal(c.clock.slept_ms, 0);
	}
}

static void what_surely_was_not_done_is_sent_again(void **unused UNUSED)
{
	CLOUD(c);
	(void) setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1", 1); /* nobody is there */
	(void) setenv("GOOGLE_CLOUD_PROJECT", "p", 1);
	cloud_must_connect(&c);
	assert_int_equal(cloud_call(&c, "POST", false), RC_RETRY);
	assert_in_range(c.reply.tries, 2, GCP_TRIES_MAX);
	assert_false(c.reply.was_lost);
	assert_int_equal(c.reply.status, 0);
	(void) unsetenv("PUBSUB_EMULATOR_HOST");
}

static void an_answer_that_does_not_come_is_waited_for_no_longer_than_said(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','do':'slow','ms':4000}");
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = SLICE(CLOUD_PATH), .timeout_ms = 300, .idempotent = true };
	assert_int_equal(cloud_send(&c, &rq), RC_OK);
	assert_int_equal(c.reply.tries, 2);
	assert_true(c.reply.was_lost);
}

/* --- classes -------------------------------------------------------------------------------------------------- */

static void what_is_expected_is_the_callers(void **unused UNUSED)
{
	static const int expect[] = { 308, 404, 409, 412, 416 };
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	for (size_t i = 0; i < COUNT_OF(expect); i++) {
		const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = SLICE(CLOUD_PATH), .expect = expect, .expect_count = 5 };
		const char *rule = arena_printf(&c.arena, "{'match':'* " CLOUD_PATH "','times':2,'do':'status','status':%d,'reason':'duplicate'}", expect[i]).ptr;
		cloud_control(&c, rule);
		assert_int_equal(cloud_send(&c, &rq), RC_OK);
		assert_int_equal(c.reply.status, expect[i]);
		assert_true(slice_is(c.reply.reason, "duplicate"));
		enum rc want = expect[i] == 404 ? RC_NOT_FOUND : expect[i] == 308 ? RC_FATAL : RC_REJECT;
		assert_int_equal(cloud_call(&c, "GET", true), want);
		assert_int_equal(c.reply.tries, 1);
	}
	/* a conflict that passes is none to judge */
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = SLICE(CLOUD_PATH), .expect = expect, .expect_count = 5 };
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','do':'status','status':409,'body':{'error':{'code':409,'status':'ABORTED'}}}");
	assert_int_equal(cloud_send(&c, &rq), RC_OK);
	assert_int_equal(c.reply.status, 200);
}

static void a_refusal_is_final_and_names_who_and_what(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','do':'status','status':403,'body':{'error':{'code':403,'message':'Cloud Pub/Sub API has not been used',"
	              "'status':'PERMISSION_DENIED','details':[{'reason':'SERVICE_DISABLED','metadata':{'service':'pubsub.googleapis.com'}}]}}}");
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL);
	assert_non_null(strstr(c.err.msg, FAKE_EMAIL));
	assert_non_null(strstr(c.err.msg, "gcloud services enable pubsub.googleapis.com"));
	assert_int_equal(c.reply.status, 403);
	cloud_assert_no_secret(&c, slice_of(c.err.msg));
}

static void a_stop_ends_a_call(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	c.stop = true;
	assert_int_equal(cloud_call(&c, "GET", true), RC_RETRY);
	assert_non_null(strstr(c.err.msg, "stopped"));
	assert_int_equal(c.done, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_answer_has_one_class),
	cmocka_unit_test(a_refusal_names_the_next_step),
	cmocka_unit_test(a_long_word_is_not_repeated),
	cmocka_unit_test(backoff_grows_to_its_cap_and_is_spread_over_the_whole_of_it),
	cmocka_unit_test(patience_ends_with_its_tries_its_time_and_the_stop),
	cmocka_unit_test(emulators_get_no_token_and_need_none),
	cmocka_unit_test(an_address_of_the_environment_is_looked_at),
	cmocka_unit_test(a_whole_address_is_followed_within_the_api_only),
	cmocka_unit_test(a_redirect_is_not_followed),
	cmocka_unit_test(a_request_says_what_it_is),
	cmocka_unit_test(what_passes_is_tried_again),
	cmocka_unit_test(a_storm_that_does_not_end_is_given_up_within_the_budget),
	cmocka_unit_test(retry_after_is_honoured_within_the_budget),
	cmocka_unit_test(rate_limits_pass_and_quotas_do_not),
	cmocka_unit_test(what_may_be_done_twice_is_and_is_said_to),
	cmocka_unit_test(what_may_not_be_done_twice_is_sent_once),
	cmocka_unit_test(what_surely_was_not_done_is_sent_again),
	cmocka_unit_test(an_answer_that_does_not_come_is_waited_for_no_longer_than_said),
	cmocka_unit_test(what_is_expected_is_the_callers),
	cmocka_unit_test(a_refusal_is_final_and_names_who_and_what),
	cmocka_unit_test(a_stop_ends_a_call),
};
TEST_SUITE(gcp, tests)
