/* The client of Spotify before a server, a disk and a file that mean no good: nothing ends the program, and nothing that is not the
 * playlist's fault is held against it. */
#include "base/buf.h"
#include "io/file.h"
#include "io/server.h"
#include "spotify/account.h"
#include "spotify/api.h"
#include "test.h"

#include <stdio.h>

#define NOW_MS ((int64_t) 1795000000 * 1000)
#define DAY_MS ((int64_t) 86400 * 1000)

/* Accounts service and Web API in one; the test says what the API answers. */
struct peer {
	struct server *server;
	struct http *http;
	struct clock_fake clock;
	struct token_keeper *token;
	struct spotify_api *api;
	struct arena arena;
	char url[80], accounts[64], file[512];
	void (*answer)(struct peer *p, const struct server_request *rq, struct server_reply *reply);
	int tokens, calls;
	const char *seen_etag;
};

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct peer *p = ctx;
	if (strcmp(rq->path, "/api/token") == 0) {
		reply->body = arena_printf(rq->arena, "{\"access_token\":\"access-%d\",\"expires_in\":3600}", ++p->tokens);
		return;
	}
	const char *etag = server_header(rq, "If-None-Match");
	p->seen_etag = etag ? arena_strdup(&p->arena, slice_of(etag)) : NULL;
	p->calls++;
	reply->body = SLICE("{}");
	if (p->answer)
		p->answer(p, rq, reply);
}

/* A new process: what the last one held in memory is gone. */
static void begin(struct peer *p, const char *secret, const char *refresh)
{
	spotify_api_close(p->api);
	token_close(p->token);
	p->token = token_open(&(struct token_options){ .http = p->http, .clock = &p->clock.base, .accounts_url = p->accounts, .client_id = "app",
	                                               .client_secret = secret, .refresh_token = refresh, .file = p->file });
	p->api = spotify_api_open(&(struct spotify_api_options){ .http = p->http, .token = p->token, .clock = &p->clock.base,
	                                                         .rand = rand_new(test_seed()), .api_url = p->url, .attempts_max = 3,
	                                                         .budget_ms = 300000, .playlist_budget_ms = 30000 });
}

static void peer_open(struct peer *p)
{
	struct err err = { 0 };
	*p = (struct peer){ .arena = arena_new((size_t) 64 << 20) };
	const struct server_options so = { .what = "peer", .connections_max = 8, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 17,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = p };
	const struct http_options ho = { .connect_timeout_ms = 10000, .timeout_ms = 60000, .body_limit_bytes = 1 << 20,
		                         .user_agent = "sargam-test" };
	if (server_open(&so, &p->server, &err) != RC_OK || http_open(&ho, &p->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(p->accounts, sizeof p->accounts, "http://127.0.0.1:%d", server_port(p->server));
	(void) snprintf(p->url, sizeof p->url, "%s/v1", p->accounts);
	(void) snprintf(p->file, sizeof p->file, "%s/token.json", test_tmpdir());
	clock_fake_init(&p->clock, NOW_MS);
	begin(p, "secret", "");
}

static void peer_close(struct peer *p)
{
	spotify_api_close(p->api);
	token_close(p->token);
	http_close(p->http);
	server_close(p->server);
	arena_done(&p->arena);
}
#define PEER(p)                            \
	CLEANUP(peer_close) struct peer p; \
	peer_open(&(p))

static enum rc get_with(struct peer *p, const char *path, struct slice etag, struct spotify_reply *out, struct err *err)
{
	const struct spotify_request rq = { .url = arena_printf(&p->arena, "%s%s", p->url, path).ptr, .etag = etag };
	return spotify_get(p->api, &rq, &p->arena, out, err);
}

static enum rc get(struct peer *p, const char *path, struct err *err)
{
	struct spotify_reply reply;
	return get_with(p, path, SLICE_NULL, &reply, err);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static void answer_long_etag(struct peer *p UNUSED, const struct server_request *rq, struct server_reply *reply)
{
	char *etag = arena_alloc(rq->arena, 40001);
	memset(etag, 'e', 40000);
	server_reply_header(reply, "ETag", etag);
}

static void an_etag_that_cannot_be_sent_back_is_none(void **unused UNUSED)
{
	PEER(p);
	struct spotify_reply reply;
	struct err err = { 0 };
	p.answer = answer_long_etag;
	assert_int_equal(get_with(&p, "/me", SLICE_NULL, &reply, &err), RC_OK);
	assert_null(reply.etag.ptr);
	assert_int_equal(get_with(&p, "/me", SLICE("\"good\""), &reply, &err), RC_OK);
	assert_string_equal(p.seen_etag, "\"good\"");
	const struct slice bad[] = { SLICE("\"a\r\nX-Evil: 1\""), { "\"a\0b\"", 5 }, SLICE("") }; /* of a file that was tampered with */
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(get_with(&p, "/me", bad[i], &reply, &err), RC_OK);
		assert_null(p.seen_etag);
	}
}

static void answer_large(struct peer *p UNUSED, const struct server_request *rq, struct server_reply *reply)
{
	char *text = arena_alloc(rq->arena, 200000);
	memset(text, ' ', 200000);
	text[0] = '{';
	text[199999] = '}';
	reply->body = (struct slice){ text, 200000 };
}

static void a_body_larger_than_the_callers_room_is_refused(void **unused UNUSED)
{
	PEER(p);
	CLEANUP(arena_done) struct arena small = arena_new(100000);
	struct spotify_reply reply;
	struct err err = { 0 };
	p.answer = answer_large;
	const struct spotify_request rq = { .url = arena_printf(&small, "%s/me", p.url).ptr };
	assert_int_equal(spotify_get(p.api, &rq, &small, &reply, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "/me"));
	assert_int_equal(p.calls, 1);
}

static void an_address_without_end_is_none(void **unused UNUSED)
{
	PEER(p);
	CLEANUP(buf_done) struct buf url = buf_new(1 << 24);
	buf_addf(&url, "%s/me?x=", p.url);
	for (int i = 0; i < 1 << 14; i++)
		buf_adds(&url, "0123456789abcdef");
	assert_false(spotify_is_api_url(p.api, buf_slice(&url)));
}

static void answer_401(struct peer *p UNUSED, const struct server_request *rq UNUSED, struct server_reply *reply)
{
	reply->status = 401;
	reply->body = SLICE("{\"error\":{\"status\":401,\"message\":\"Missing/invalid/expired access token\"}}");
}

/* A login that rotates would lose a token with each of a hundred playlists. */
static void tokens_that_are_refused_are_not_asked_for_again_and_again(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	p.answer = answer_401;
	for (int playlist = 0; playlist < 10; playlist++) {
		spotify_next_playlist(p.api);
		assert_int_equal(get(&p, "/playlists/x", &err), RC_RETRY);
		assert_non_null(strstr(err.msg, "just issued"));
		assert_true(err.retry_after_ms > 0);
	}
	assert_int_equal(p.tokens, 2);
	assert_int_equal(p.calls, 2);
	p.answer = NULL;
	clock_fake_advance_ms(&p.clock, 61000);
	assert_int_equal(get(&p, "/playlists/x", &err), RC_OK);
}

/* --- the list of playlists ------------------------------------------------------------------------------------ */

static void answer_no_page(struct peer *p, const struct server_request *rq UNUSED, struct server_reply *reply)
{
	static const char *const none[] = { "{}", "[]", "{\"items\":{}}", "{\"error\":{\"status\":500}}", "{\"items\":null}" };
	reply->body = slice_of(none[(size_t) p->calls % COUNT_OF(none)]);
}

static void an_answer_that_is_no_page_is_no_empty_list(void **unused UNUSED)
{
	PEER(p);
	struct spotify_listing list;
	struct err err = { 0 };
	p.answer = answer_no_page;
	assert_int_equal(spotify_my_playlists(p.api, SLICE("me"), &p.arena, &list, &err), RC_RETRY);
	assert_int_equal(p.calls, 3);
	p.answer = NULL; /* {} */
	struct spotify_user me;
	assert_int_equal(spotify_me(p.api, &p.arena, &me, &err), RC_RETRY);
	assert_int_equal(p.calls, 6);
}

/* Pages may be short, even empty: only `next` tells the end (or `total`, when next leads on for ever). */
static void answer_gaps(struct peer *p, const struct server_request *rq, struct server_reply *reply)
{
	bool empty = p->calls == 2 || p->calls > 3;
	reply->body = arena_printf(rq->arena, "{\"offset\":%d,\"total\":3,\"items\":[%s],\"next\":\"%s/me/playlists?o=%d\"}", p->calls * 50,
	                           empty ? "" : p->calls == 1 ? "{\"id\":\"a\"},null" : "{\"id\":\"b\"}", p->url, p->calls);
}

static void an_empty_page_is_not_the_end(void **unused UNUSED)
{
	PEER(p);
	struct spotify_listing list;
	struct err err = { 0 };
	p.answer = answer_gaps;
	enum rc rc = spotify_my_playlists(p.api, SLICE("me"), &p.arena, &list, &err);
	if (rc != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(list.count, 2);
	assert_int_equal(p.calls, 4);
}

static void answer_itself(struct peer *p, const struct server_request *rq, struct server_reply *reply)
{
	reply->body = arena_printf(rq->arena, "{\"items\":[{\"id\":\"a\"}],\"next\":\"%s/me/playlists?limit=50\"}", p->url);
}

static void answer_many(struct peer *p, const struct server_request *rq, struct server_reply *reply)
{
	struct buf text = buf_new(1 << 20);
	buf_addf(&text, "{\"offset\":%d,\"next\":\"%s/me/playlists?o=%d\",\"items\":[{\"id\":\"a\"}", p->calls, p->url, p->calls);
	for (int i = 0; i < 60000; i++)
		buf_adds(&text, ",{\"id\":\"a\"}");
	buf_adds(&text, "]}");
	reply->body = arena_copy(rq->arena, buf_slice(&text));
	buf_done(&text);
}

static void a_list_that_cannot_be_meant_is_given_up(void **unused UNUSED)
{
	PEER(p);
	struct spotify_listing list;
	struct err err = { 0 };
	p.answer = answer_itself;
	assert_int_equal(spotify_my_playlists(p.api, SLICE("me"), &p.arena, &list, &err), RC_REJECT);
	assert_in_range(p.calls, 1, 3);
	assert_non_null(strstr(err.msg, "no end"));
	p.calls = 0;
	p.answer = answer_many;
	assert_int_equal(spotify_my_playlists(p.api, SLICE("me"), &p.arena, &list, &err), RC_REJECT);
	assert_int_equal(p.calls, 1);
}

/* --- what is remembered -------------------------------------------------------------------------------------- */

static void a_moment_that_no_answer_named_forbids_nothing(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	const int64_t wrong[] = { INT64_MAX, INT64_MAX - 998, INT64_MIN, -1, 0, NOW_MS - 1, NOW_MS + 8 * DAY_MS, NOW_MS + 30000 * DAY_MS };
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		spotify_set_not_before(p.api, wrong[i], "a clock that was wrong");
		if (get(&p, "/me", &err) != RC_OK)
			fail_msg("%lld: %s", (long long) wrong[i], err.msg);
		assert_int_equal(spotify_not_before(p.api), 0);
	}
	spotify_set_not_before(p.api, NOW_MS + 7 * DAY_MS, "the longest that is believed");
	assert_int_equal(get(&p, "/me", &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "no request before"));
}

/* --- the login ------------------------------------------------------------------------------------------------ */

static void a_login_needs_no_folder_beforehand(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	(void) snprintf(p.file, sizeof p.file, "%s/not/there/token.json", test_tmpdir());
	begin(&p, "", "seed");
	enum rc rc = get(&p, "/me", &err);
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err.msg);
}

static void what_is_wrong_with_the_login_is_not_the_playlists_fault(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	assert_int_equal(file_replace(p.file, SLICE("a file"), &err), RC_OK);
	(void) snprintf(p.file + strlen(p.file), 32, "/token.json"); /* below a file */
	begin(&p, "", "seed");
	enum rc rc = get(&p, "/me", &err);
	if (rc != RC_FATAL && rc != RC_RETRY)
		fail_msg("%s: %s", rc_name(rc), err.msg);
	assert_int_equal(p.calls, 0);
}

static void write_login(struct peer *p, const char *text)
{
	struct err err = { 0 };
	if (file_replace_secret(p->file, slice_of(text), &err) != RC_OK)
		fail_msg("%s", err.msg);
}

/* Another process may log in anew, or remove the file, while this one runs. */
static void a_login_that_is_gone_meanwhile_says_so(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	write_login(&p, "{\"client_id\":\"app\",\"refresh_token\":\"r\"}");
	begin(&p, "", "");
	assert_int_equal(get(&p, "/me", &err), RC_OK);
	clock_fake_advance_ms(&p.clock, 3600 * 1000);
	assert_int_equal(file_remove(p.file, &err), RC_OK);
	assert_int_equal(get(&p, "/me", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "sargam login"));
	write_login(&p, "{\"client_id\":\"another\",\"refresh_token\":\"r\"}");
	assert_int_equal(get(&p, "/me", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "belongs to the app another"));
	assert_int_equal(p.tokens, 1);
	write_login(&p, "{\"client_id\":\"app\",\"refresh_token\":\"r2\"}");
	assert_int_equal(get(&p, "/me", &err), RC_OK);
}

/* What the environment's token left there is nobody's login. */
static void the_rest_of_another_apps_token_is_in_nobodys_way(void **unused UNUSED)
{
	PEER(p);
	struct err err = { 0 };
	write_login(&p, arena_printf(&p.arena, "{\"client_id\":\"another\",\"refresh_token\":\"r\",\"seed_sha256\":\"%064d\"}", 7).ptr);
	begin(&p, "secret", "");
	if (get(&p, "/me", &err) != RC_OK)
		fail_msg("%s", err.msg);
	write_login(&p, "{\"client_id\":\"another\",\"refresh_token\":\"r\"}");
	begin(&p, "secret", "");
	for (int i = 0; i < 2; i++) /* not even when asked again */
		assert_int_equal(get(&p, "/me", &err), RC_FATAL);
}

static void odd_values_in_the_file_are_no_values(void **unused UNUSED)
{
	static const char *const odd[] = {
		"\"access_token\":\"a\\r\\nX-Evil: 1\",\"expires_ms\":1795003600000", "\"access_token\":\"a b\",\"expires_ms\":9223372036854775807",
		"\"access_token\":\"a\",\"expires_ms\":-9223372036854775808", "\"access_token\":{},\"expires_ms\":{}",
		"\"access_token\":\"\xc3\xa9\",\"expires_ms\":1795003600000",
	};
	PEER(p);
	struct err err = { 0 };
	struct token_facts facts;
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		write_login(&p, arena_printf(&p.arena, "{\"client_id\":\"app\",\"refresh_token\":\"r\",%s}", odd[i]).ptr);
		begin(&p, "", "");
		if (get(&p, "/me", &err) != RC_OK)
			fail_msg("%s: %s", odd[i], err.msg);
		assert_int_equal(p.tokens, i + 1);
	}
	static const char *const moment[] = { "9223372036854775807", "-9223372036854775808", "-1", "300000000000000", "\"x\"" };
	for (size_t i = 0; i < COUNT_OF(moment); i++) { /* the doctor counts days from it and prints it as a date */
		write_login(&p, arena_printf(&p.arena, "{\"client_id\":\"app\",\"refresh_token\":\"r\",\"authorized_ms\":%s}", moment[i]).ptr);
		assert_int_equal(token_facts(p.token, &facts, &err), RC_OK);
		assert_int_equal(facts.authorized_ms, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_etag_that_cannot_be_sent_back_is_none),
	cmocka_unit_test(a_body_larger_than_the_callers_room_is_refused),
	cmocka_unit_test(an_address_without_end_is_none),
	cmocka_unit_test(tokens_that_are_refused_are_not_asked_for_again_and_again),
	cmocka_unit_test(an_answer_that_is_no_page_is_no_empty_list),
	cmocka_unit_test(an_empty_page_is_not_the_end),
	cmocka_unit_test(a_list_that_cannot_be_meant_is_given_up),
	cmocka_unit_test(a_moment_that_no_answer_named_forbids_nothing),
	cmocka_unit_test(a_login_needs_no_folder_beforehand),
	cmocka_unit_test(what_is_wrong_with_the_login_is_not_the_playlists_fault),
	cmocka_unit_test(a_login_that_is_gone_meanwhile_says_so),
	cmocka_unit_test(the_rest_of_another_apps_token_is_in_nobodys_way),
	cmocka_unit_test(odd_values_in_the_file_are_no_values),
};
TEST_SUITE(spotify_hostile, tests)
