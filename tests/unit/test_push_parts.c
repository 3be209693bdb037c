/* What the push deliverer is made of: the window, the request, the key and its tokens. */
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/rsa.h"
#include "base/rsa_secret.h"
#include "io/file.h"
#include "serve/envelope.h"
#include "serve/oidc.h"
#include "serve/push_request.h"
#include "serve/push_token.h"
#include "serve/push_window.h"
#include "support/wire.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ARENA_BYTES ((size_t) 64 << 20)
#define MS INT64_C(1000000)

#define ok(call)                                                    \
	do {                                                        \
		struct err err = { 0 };                             \
		if ((call) != RC_OK)                                \
			fail_msg("line %d: %s", __LINE__, err.msg); \
	} while (0)

/* --- the window ---------------------------------------------------------------------------------------------- */

static void the_window_doubles_with_each_round_taken(void **unused UNUSED)
{
	struct push_window w;
	push_window_init(&w);
	for (size_t size = PUSH_WINDOW_FIRST; size < PUSH_WINDOW_MAX; size *= 2) {
		assert_int_equal(push_window_room(&w, 0, 0), size);
		for (size_t i = 0; i < size; i++)
			push_window_taken(&w);
	}
	for (int i = 0; i < 1000; i++)
		push_window_taken(&w);
	assert_int_equal(push_window_room(&w, 0, 0), PUSH_WINDOW_MAX);
	assert_int_equal(push_window_room(&w, 60, 0), PUSH_WINDOW_MAX - 60);
	assert_int_equal(push_window_room(&w, 100, 0), 0);
}

static void a_round_that_fails_halves_it_once(void **unused UNUSED)
{
	struct push_window w;
	push_window_init(&w);
	for (int i = 0; i < 100; i++)
		push_window_taken(&w);
	for (int i = 0; i < 64; i++)
		push_window_failed(&w, 0, false, 1000 * MS);
	assert_int_equal(push_window_room(&w, 0, 1099 * MS), 0); /* 100 ms, though 64 failed */
	assert_int_equal(push_window_room(&w, 0, 1100 * MS), 32);
	push_window_taken(&w);
	assert_int_equal(w.size, 32); /* from here on by one a round */
	for (int i = 0; i < 32; i++)
		push_window_taken(&w);
	assert_int_equal(w.size, 33);
}

static void the_pause_doubles_up_to_a_minute_and_a_success_ends_it(void **unused UNUSED)
{
	struct push_window w;
	int64_t want_ms = 100;
	push_window_init(&w);
	for (uint64_t i = 0; i < 50; i++) {
		push_window_failed(&w, i, false, 0);
		assert_int_equal(w.hold_until_ns, want_ms * MS);
		want_ms = want_ms * 2 > 60000 ? 60000 : want_ms * 2;
	}
	assert_int_equal(push_window_room(&w, 0, 60000 * MS), 1);
	push_window_taken(&w);
	assert_int_equal(push_window_room(&w, 0, 0), 2);
	push_window_failed(&w, 50, true, 0);
	assert_int_equal(w.hold_until_ns, 100 * MS);
	assert_int_equal(w.size, PUSH_WINDOW_FIRST); /* the endpoint is there: more than one message is tried */
}

/* --- the request --------------------------------------------------------------------------------------------- */

static struct bus_delivery delivery_of(struct slice data, struct bus_attr *attr, size_t attr_count, const char *key)
{
	return (struct bus_delivery){ .message = { .data = data, .attr = attr, .attr_count = attr_count, .ordering_key = slice_of(key),
		                                   .id = SLICE("42"), .publish_time_ms = INT64_C(1767225605007) },
		                      .ack_id = SLICE("ack"), .attempt = 3 };
}

static const char *header(const struct http_request *rq, const char *name)
{
	static char value[2048];
	for (size_t i = 0; i < rq->header_count; i++)
		if (rq->header[i].name.len == strlen(name) && strncasecmp(rq->header[i].name.ptr, name, strlen(name)) == 0) {
			(void) snprintf(value, sizeof value, "%.*s", SLICE_FMT(rq->header[i].value));
			return value;
		}
	return NULL;
}

static const char *header_of(const void *ctx, const char *name)
{
	return header(ctx, name);
}

static void wrapped_as_the_service_writes_it(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
	struct bus_attr attr[] = { { SLICE("kind"), SLICE("track") }, { SLICE("empty"), SLICE("") } };
	struct bus_delivery d = delivery_of(SLICE("hello"), attr, 2, "key-a");
	const struct push_config config = { .endpoint = "https://x.example/p", .version = "v1", .oidc_email = "", .oidc_audience = "" };
	struct push_subject s = { "p", "s", true, true };
	struct http_request rq;
	push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
	assert_string_equal(buf_str(&body),
	                    "{\"message\":{\"data\":\"aGVsbG8=\",\"attributes\":{\"kind\":\"track\",\"empty\":\"\"},\"messageId\":\"42\","
	                    "\"publishTime\":\"2026-01-01T00:00:05.007Z\",\"orderingKey\":\"key-a\",\"message_id\":\"42\","
	                    "\"publish_time\":\"2026-01-01T00:00:05.007Z\"},\"subscription\":\"projects/p/subscriptions/s\",\"deliveryAttempt\":3}");
	assert_string_equal(rq.url, "https://x.example/p");
	assert_string_equal(header(&rq, "content-type"), "application/json");
	assert_null(header(&rq, "authorization"));
	buf_reset(&body);
	s = (struct push_subject){ "p", "s", false, false };
	d = delivery_of(SLICE(""), attr, 1, "key-a");
	push_request_make(&config, &s, &d, SLICE("a.b.c"), &arena, &body, &rq);
	assert_string_equal(buf_str(&body), "{\"message\":{\"attributes\":{\"kind\":\"track\"},\"messageId\":\"42\","
	                                    "\"publishTime\":\"2026-01-01T00:00:05.007Z\",\"message_id\":\"42\","
	                                    "\"publish_time\":\"2026-01-01T00:00:05.007Z\"},\"subscription\":\"projects/p/subscriptions/s\"}");
	assert_string_equal(header(&rq, "authorization"), "Bearer a.b.c");
}

static void odd_attributes_arrive_as_they_are(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ENVELOPE_ARENA_BYTES);
	CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
	struct bus_attr attr[] = { { SLICE("a\"b\\c\n\x01"), SLICE("\x7f/</script>\t\xe2\x80\xa8\xf0\x9f\x98\x80") }, { SLICE("\xc3\xa9"), SLICE(" ") } };
	struct bus_delivery d = delivery_of(SLICE("\0\xff"), attr, 2, "\xf0\x9f\x98\x80");
	const struct push_config config = { .endpoint = "http://x", .version = "v1", .oidc_email = "", .oidc_audience = "" };
	struct push_subject s = { "p", "s", true, false };
	struct http_request rq;
	struct envelope e;
	push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
	ok(envelope_read(rq.body, &arena, &e, &err));
	assert_true(slice_eq(e.message.data, d.message.data));
	assert_true(slice_eq(e.message.ordering_key, d.message.ordering_key));
	assert_int_equal(e.message.attr_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(slice_eq(e.message.attr[i].key, attr[i].key));
		assert_true(slice_eq(e.message.attr[i].value, attr[i].value));
	}
}

/* Encoded by pieces: as if it were whole, whatever its length. */
static void data_of_any_length_is_one_base64(void **unused UNUSED)
{
	static char data[3 * (3 << 14)];
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 256 << 20);
	const struct push_config config = { .endpoint = "http://x", .version = "v1", .oidc_email = "", .oidc_audience = "" };
	struct push_subject s = { "p", "s", false, false };
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char) (i * 7 + i / 251);
	for (int around = 0; around < 3; around++)
		for (int more = -4; more <= 4; more++) {
			CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
			size_t len = (size_t) ((around << 14) * 3 + more);
			struct bus_delivery d = delivery_of((struct slice){ data, len }, NULL, 0, NULL);
			struct http_request rq;
			struct envelope e;
			if (around == 0 && more < 1)
				continue;
			push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
			ok(envelope_read(rq.body, &arena, &e, &err));
			assert_true(slice_eq(e.message.data, d.message.data));
		}
}

static void unwrapped_the_rest_goes_along_in_headers(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist") }, { SLICE("Content-Type"), SLICE("text/csv") } };
	struct bus_delivery d = delivery_of(SLICE("raw"), attr, 2, "key-a");
	struct push_config config = { .endpoint = "http://x", .version = "v1", .oidc_email = "", .oidc_audience = "", .no_wrapper = true,
		                      .write_metadata = true };
	struct push_subject s = { "p", "s", true, true };
	struct http_request rq;
	struct envelope e;
	push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
	assert_true(envelope_is_unwrapped(header_of, &rq));
	ok(envelope_read_unwrapped(rq.body, header_of, &rq, &arena, &e, &err));
	assert_true(slice_is(e.message.data, "raw"));
	assert_true(slice_is(e.message.id, "42"));
	assert_true(slice_is(e.message.ordering_key, "key-a"));
	assert_true(slice_is(e.subscription, "projects/p/subscriptions/s"));
	assert_true(slice_is(bus_attr_get(&e.message, "type"), "playlist"));
	assert_string_equal(header(&rq, "content-type"), "text/csv");
	config.write_metadata = false;
	push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
	assert_false(envelope_is_unwrapped(header_of, &rq));
	assert_null(header(&rq, "type"));
	assert_string_equal(header(&rq, "content-type"), "application/octet-stream");
}

/* Whoever publishes must not write the request of who pushes. */
static void an_attribute_does_not_change_the_request(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
	struct bus_attr attr[] = {
		{ SLICE("Host"), SLICE("evil.example") }, { SLICE("content-LENGTH"), SLICE("0") }, { SLICE("Transfer-Encoding"), SLICE("chunked") },
		{ SLICE("x-goog-pubsub-message-id"), SLICE("1") }, { SLICE("Authorization"), SLICE("Bearer evil") }, { SLICE("a b"), SLICE("v") },
		{ SLICE("c:d"), SLICE("v") }, { SLICE("lines"), SLICE("a\r\nX-Evil: 1") }, { SLICE("nul"), SLICE("a\0b") }, { SLICE("blank"), SLICE(" a") },
		{ SLICE("proxy-authorization"), SLICE("v") }, { SLICE("\xc3\xa9"), SLICE("v") }, { SLICE("empty"), SLICE("") }, { SLICE("fine"), SLICE("v") },
	};
	struct bus_delivery d = delivery_of(SLICE("raw"), attr, COUNT_OF(attr), NULL);
	const struct push_config config = { .endpoint = "http://x", .version = "v1", .oidc_email = "", .oidc_audience = "", .no_wrapper = true,
		                            .write_metadata = true };
	struct push_subject s = { "p", "s", false, false };
	struct http_request rq;
	push_request_make(&config, &s, &d, SLICE("our.own.token"), &arena, &body, &rq);
	assert_string_equal(header(&rq, "fine"), "v");
	assert_string_equal(header(&rq, "authorization"), "Bearer our.own.token");
	assert_int_equal(rq.header_count, 7); /* Expect, Authorization, three of the message, fine, Content-Type */
	push_request_make(&config, &s, &d, SLICE_NULL, &arena, &body, &rq);
	assert_string_equal(header(&rq, "authorization"), "Bearer evil"); /* the documented way to bring a key of one's own */
}

/* --- the key and its tokens ---------------------------------------------------------------------------------- */

struct fixture {
	struct clock_fake clock;
	struct push_tokens *tokens;
	struct server *server;
	struct oidc *oidc;
	struct arena arena;
	char path[512], url[64];
};

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	if (!push_tokens_handle(f->tokens, rq, reply))
		reply->status = 404;
}

static void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->arena = arena_new(ARENA_BYTES);
	clock_fake_init(&f->clock, INT64_C(1795446707000));
	(void) snprintf(f->path, sizeof f->path, "%s/serve-key.pem", test_tmpdir());
	f->tokens = push_tokens_open(f->path, &f->clock.base);
	const struct server_options so = { .what = "test", .connections_max = 16, .body_limit_bytes = 1 << 16, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = f };
	ok(server_open(&so, &f->server, &err));
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", server_port(f->server));
	push_tokens_set_issuer(f->tokens, f->url);
	const struct oidc_options o = { .audience = "https://receiver.example/push", .emails = "push@project.example", .issuers = f->url,
		                        .jwks_url = arena_printf(&f->arena, "%s%s", f->url, PUSH_CERTS_PATH).ptr, .clock = &f->clock.base };
	ok(oidc_open(&o, &f->oidc, &err));
}

static void fixture_done(struct fixture *f)
{
	oidc_close(f->oidc);
	server_close(f->server);
	push_tokens_close(f->tokens);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

static struct slice token(struct fixture *f, const char *email, const char *audience)
{
	struct slice t = SLICE_NULL;
	ok(push_tokens_get(f->tokens, email, audience, &f->arena, &t, &err));
	return t;
}

static void a_receiver_believes_the_token_and_no_other(void **unused UNUSED)
{
	FIXTURE(f);
	struct err err = { 0 };
	struct slice good = token(&f, "push@project.example", "https://receiver.example/push");
	if (oidc_check(f.oidc, good, &err) != OIDC_GOOD)
		fail_msg("%s", err.msg);
	assert_int_equal(oidc_check(f.oidc, token(&f, "push@project.example", "https://other.example"), &err), OIDC_OTHER);
	assert_int_equal(oidc_check(f.oidc, token(&f, "other@project.example", "https://receiver.example/push"), &err), OIDC_OTHER);
	char *forged = arena_strdup(&f.arena, good);
	forged[good.len - 10] = forged[good.len - 10] == 'A' ? 'B' : 'A';
	assert_int_equal(oidc_check(f.oidc, slice_of(forged), &err), OIDC_BAD);
	clock_fake_advance_ms(&f.clock, 3662 * 1000);
	assert_int_equal(oidc_check(f.oidc, good, &err), OIDC_BAD);
}

static void a_token_is_kept_until_five_minutes_before_its_end(void **unused UNUSED)
{
	FIXTURE(f);
	struct slice first = token(&f, "a@b", "x");
	clock_fake_advance_ms(&f.clock, 3299 * 1000);
	assert_true(slice_eq(token(&f, "a@b", "x"), first));
	assert_false(slice_eq(token(&f, "a@b", "y"), first));
	assert_false(slice_eq(token(&f, "c@b", "x"), first));
	clock_fake_advance_ms(&f.clock, 2000);
	struct slice second = token(&f, "a@b", "x");
	assert_false(slice_eq(second, first));
	f.clock.now_ms -= 3600 * 1000; /* set back: it would be of the future */
	assert_false(slice_eq(token(&f, "a@b", "x"), second));
	for (int i = 0; i < 200; i++) /* more than are kept */
		(void) token(&f, arena_printf(&f.arena, "%d@b", i).ptr, "x");
	struct err why = { 0 };
	struct slice out;
	char *huge = arena_alloc(&f.arena, 100000);
	memset(huge, 'x', 99999);
	assert_int_equal(push_tokens_get(f.tokens, "a@b", huge, &f.arena, &out, &why), RC_REJECT);
}

static void the_key_is_private_and_shared_by_the_home(void **unused UNUSED)
{
	FIXTURE(f);
	struct stat st;
	struct slice first = token(&f, "a@b", "x"), second;
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	struct push_tokens *other = push_tokens_open(f.path, &f.clock.base);
	push_tokens_set_issuer(other, f.url);
	ok(push_tokens_get(other, "a@b", "x", &f.arena, &second, &err));
	assert_true(slice_eq(first, second)); /* RS256 is deterministic: the same key */
	push_tokens_close(other);
}

struct racer {
	const char *path, *url;
	struct clock *clock;
	struct arena arena;
	struct slice token;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct push_tokens *t = push_tokens_open(r->path, r->clock);
	struct err err = { 0 };
	push_tokens_set_issuer(t, r->url);
	enum rc rc = push_tokens_get(t, "a@b", "x", &r->arena, &r->token, &err);
	assert(rc == RC_OK);
	push_tokens_close(t);
	return NULL;
}

static void of_many_that_make_the_key_at_once_one_wins(void **unused UNUSED)
{
	FIXTURE(f);
	struct racer r[4];
	pthread_t thread[4];
	for (int i = 0; i < 4; i++) {
		r[i] = (struct racer){ f.path, f.url, &f.clock.base, arena_new(1 << 20), SLICE_NULL };
		assert_int_equal(pthread_create(&thread[i], NULL, race, &r[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		(void) pthread_join(thread[i], NULL);
	for (int i = 0; i < 4; i++) {
		assert_true(slice_eq(r[i].token, r[0].token));
		if (i)
			arena_done(&r[i].arena);
	}
	arena_done(&r[0].arena);
}

static void a_key_file_that_cannot_be_trusted_is_refused(void **unused UNUSED)
{
	FIXTURE(f);
	struct slice out;
	struct err why = { 0 };
	struct wire_reply reply;
	ok(file_replace_secret(f.path, SLICE("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &err));
	assert_int_equal(push_tokens_get(f.tokens, "a@b", "x", &f.arena, &out, &why), RC_FATAL);
	assert_non_null(strstr(why.msg, "delete it"));
	wire_ask(server_port(f.server), "GET " PUSH_CERTS_PATH " HTTP/1.1\r\nHost: x\r\n\r\n", &f.arena, &reply);
	assert_int_equal(reply.status, 500);
	assert_int_equal(slice_find_str(reply.body, slice_of(f.path)), SIZE_MAX);
	ok(file_remove(f.path, &err));
	(void) token(&f, "a@b", "x");
	assert_int_equal(chmod(f.path, 0640), 0);
	struct push_tokens *other = push_tokens_open(f.path, &f.clock.base);
	assert_int_equal(push_tokens_get(other, "a@b", "x", &f.arena, &out, &why), RC_FATAL);
	assert_non_null(strstr(why.msg, "others can read"));
	push_tokens_close(other);
}

static void what_others_verify_with_is_published(void **unused UNUSED)
{
	FIXTURE(f);
	struct wire_reply reply;
	wire_ask(server_port(f.server), "GET " PUSH_DISCOVERY_PATH " HTTP/1.1\r\nHost: x\r\n\r\n", &f.arena, &reply);
	assert_int_equal(reply.status, 200);
	assert_true(slice_find_str(reply.body, arena_printf(&f.arena, "\"jwks_uri\":\"%s%s\"", f.url, PUSH_CERTS_PATH)) != SIZE_MAX);
	assert_true(slice_is(wire_header(&reply, "Cache-Control"), "public, max-age=3600"));
	wire_ask(server_port(f.server), "GET " PUSH_CERTS_PATH " HTTP/1.1\r\nHost: x\r\n\r\n", &f.arena, &reply);
	assert_int_equal(reply.status, 200);
	assert_true(slice_find_str(reply.body, SLICE("\"e\":\"AQAB\"")) != SIZE_MAX);
	assert_int_equal(slice_find_str(reply.body, SLICE("\"d\"")), SIZE_MAX);
	wire_ask(server_port(f.server), "POST " PUSH_CERTS_PATH " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &f.arena, &reply);
	assert_int_equal(reply.status, 405);
	wire_ask(server_port(f.server), "GET /oauth2/v3/other HTTP/1.1\r\nHost: x\r\n\r\n", &f.arena, &reply);
	assert_int_equal(reply.status, 404);
}

static void a_signature_is_verified_by_its_public_half(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(rsa_secret_freep) struct rsa_secret *key = rsa_secret_new(), *again = NULL;
	CLEANUP(rsa_key_freep) struct rsa_key *public = NULL;
	struct rsa_secret *none = NULL;
	struct slice modulus, exponent;
	ok(rsa_secret_parse(rsa_secret_pem(key, &arena), &again, &err));
	rsa_secret_public(again, &arena, &modulus, &exponent);
	ok(rsa_key_new(modulus, exponent, &public, &err));
	assert_true(rsa_verify(public, SLICE("text"), rsa_secret_sign(key, SLICE("text"), &arena)));
	assert_false(rsa_verify(public, SLICE("texT"), rsa_secret_sign(key, SLICE("text"), &arena)));
	struct slice bad[] = { SLICE(""), SLICE("x"), rsa_secret_sign(key, SLICE("x"), &arena), slice_sub(rsa_secret_pem(key, &arena), 0, 800) };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(rsa_secret_parse(bad[i], &none, NULL), RC_REJECT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_window_doubles_with_each_round_taken),
	cmocka_unit_test(a_round_that_fails_halves_it_once),
	cmocka_unit_test(the_pause_doubles_up_to_a_minute_and_a_success_ends_it),
	cmocka_unit_test(wrapped_as_the_service_writes_it),
	cmocka_unit_test(odd_attributes_arrive_as_they_are),
	cmocka_unit_test(data_of_any_length_is_one_base64),
	cmocka_unit_test(unwrapped_the_rest_goes_along_in_headers),
	cmocka_unit_test(an_attribute_does_not_change_the_request),
	cmocka_unit_test(a_receiver_believes_the_token_and_no_other),
	cmocka_unit_test(a_token_is_kept_until_five_minutes_before_its_end),
	cmocka_unit_test(the_key_is_private_and_shared_by_the_home),
	cmocka_unit_test(of_many_that_make_the_key_at_once_one_wins),
	cmocka_unit_test(a_key_file_that_cannot_be_trusted_is_refused),
	cmocka_unit_test(what_others_verify_with_is_published),
	cmocka_unit_test(a_signature_is_verified_by_its_public_half),
};
TEST_SUITE(push_parts, tests)
