/* The client of Spotify before answers that no one should give, and with credentials that cannot be meant. */
#include "base/fault.h"
#include "io/file.h"
#include "io/server.h"
#include "spotify/account.h"
#include "spotify/api.h"
#include "spotify/token_file.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define ARENA_BYTES ((size_t) 64 << 20)
#define ANSWER_LIMIT ((size_t) 256 << 10)
#define SECRET "s3cret-of-the-app"
#define SEED "seed-refresh-token"

/* Accounts service and Web API in one; what is odd about them is set by the test. */
struct odd {
	struct server *server;
	char url[80], accounts[64], file[512];
	struct clock_fake clock;
	struct http *http;
	/* the accounts service */
	const char *expires;     /* as it stands in the answer; NULL: left out */
	bool rotate, fat;        /* a new refresh token each time, the old one dead; a body over the limit */
	int generation, tokens;  /* of the refresh token; requests */
	char authorization[256]; /* of the last request for a token */
	/* the API */
	int status, calls;
	const char *location;
	bool lists, stands_still; /* /me/playlists goes on for ever; its offset does not */
	int name_bytes;           /* of a playlist */
};

static void answer_token(struct odd *odd, const struct server_request *rq, struct server_reply *reply)
{
	const char *given = server_form(rq, "refresh_token"), *basic = server_header(rq, "Authorization");
	struct slice good = odd->generation ? arena_printf(rq->arena, "refresh-%d", odd->generation) : SLICE(SEED);
	odd->tokens++;
	(void) snprintf(odd->authorization, sizeof odd->authorization, "%s", basic ? basic : "");
	if (odd->fat) {
		reply->body = (struct slice){ arena_alloc(rq->arena, 2 * ANSWER_LIMIT), 2 * ANSWER_LIMIT };
		return;
	}
	if (given && odd->rotate && !slice_is(good, given)) {
		reply->status = 400;
		reply->body = SLICE("{\"error\":\"invalid_grant\",\"error_description\":\"Refresh token revoked\"}");
		return;
	}
	struct slice expires = odd->expires ? arena_printf(rq->arena, ",\"expires_in\":%s", odd->expires) : SLICE("");
	struct slice next = SLICE("");
	if (odd->rotate)
		next = arena_printf(rq->arena, ",\"refresh_token\":\"refresh-%d\"", ++odd->generation);
	reply->body = arena_printf(rq->arena, "{\"access_token\":\"access-%d\"%.*s%.*s}", odd->tokens, SLICE_FMT(expires), SLICE_FMT(next));
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct odd *odd = ctx;
	if (strcmp(rq->path, "/api/token") == 0) {
		answer_token(odd, rq, reply);
		return;
	}
	odd->calls++;
	reply->status = odd->status;
	reply->body = SLICE("{}");
	if (odd->location)
		server_reply_header(reply, "Location", odd->location);
	const char *page = server_query(rq, "page"), *other = page && strcmp(page, "a") == 0 ? "b" : "a";
	if (odd->lists)
		reply->body = arena_printf(rq->arena, "{\"offset\":%d,\"items\":[{\"id\":\"p\",\"name\":\"%0*d\"}],\"next\":\"%s/me/playlists?page=%s\"}",
		                           odd->stands_still ? 0 : odd->calls - 1, odd->name_bytes, 7, odd->url, other);
}

static void odd_open(struct odd *odd)
{
	struct err err = { 0 };
	*odd = (struct odd){ .status = 200, .expires = "3600" };
	const struct server_options so = { .what = "odd", .connections_max = 8, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = odd };
	const struct http_options ho = { .connect_timeout_ms = 10000, .timeout_ms = 60000, .body_limit_bytes = ANSWER_LIMIT,
		                         .user_agent = "sargam-test" };
	if (server_open(&so, &odd->server, &err) != RC_OK || http_open(&ho, &odd->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(odd->accounts, sizeof odd->accounts, "http://127.0.0.1:%d", server_port(odd->server));
	(void) snprintf(odd->url, sizeof odd->url, "%s/v1", odd->accounts);
	(void) snprintf(odd->file, sizeof odd->file, "%s/token.json", test_tmpdir());
	clock_fake_init(&odd->clock, (int64_t) 1795000000 * 1000);
}

static void odd_close(struct odd *odd)
{
	http_close(odd->http);
	server_close(odd->server);
}
#define ODD(o)                           \
	CLEANUP(odd_close) struct odd o; \
	odd_open(&(o))

static void token_closep(struct token_keeper **t)
{
	token_close(*t);
}

static struct token_keeper *keeper(struct odd *odd, const char *id, const char *secret, const char *refresh)
{
	return token_open(&(struct token_options){ .http = odd->http, .clock = &odd->clock.base, .accounts_url = odd->accounts, .client_id = id,
	                                           .client_secret = secret, .refresh_token = refresh, .file = odd->file });
}

static void api_closep(struct spotify_api **a)
{
	spotify_api_close(*a);
}

static struct spotify_api *api(struct odd *odd, struct token_keeper *token)
{
	return spotify_api_open(&(struct spotify_api_options){ .http = odd->http, .token = token, .clock = &odd->clock.base,
	                                                       .rand = rand_new(test_seed()), .api_url = odd->url, .gap_ms = 100, .attempts_max = 5,
	                                                       .budget_ms = 300000, .playlist_budget_ms = 30000 });
}

static enum rc get(struct spotify_api *a, const char *path, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	const struct spotify_request rq = { .url = arena_printf(&arena, "%s%s", spotify_api_url(a), path).ptr };
	struct spotify_reply reply;
	return spotify_get(a, &rq, &arena, &reply, err);
}

/* --- credentials -------------------------------------------------------------------------------------------- */

static void credentials_of_any_bytes_are_refused_and_not_repeated(void **unused UNUSED)
{
	static const struct {
		const char *id, *secret, *refresh, *named;
	} cases[] = {
		{ "a\xff\xfe""b", SECRET, "", "spotify_client_id" }, { "a b", SECRET, "", "spotify_client_id" }, { "a:b", SECRET, "", "spotify_client_id" },
		{ "app", "s3cret\n", "", "SARGAM_SPOTIFY_CLIENT_SECRET" }, { "app", "", "ref\xc3\xa9resh", "SARGAM_SPOTIFY_REFRESH_TOKEN" },
		{ "app", "", "refresh ", "SARGAM_SPOTIFY_REFRESH_TOKEN" },
	};
	ODD(odd);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, cases[i].id, cases[i].secret, cases[i].refresh);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct err err = { 0 };
		struct slice token;
		assert_int_equal(token_check(t, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, cases[i].named));
		assert_null(strstr(err.msg, "s3cret"));
		assert_null(strstr(err.msg, "resh"));
		assert_int_equal(token_get(t, &arena, &token, &err), RC_FATAL);
		assert_int_equal(token_exchange(t, SLICE("code"), SLICE("verifier"), SLICE("uri"), &err), RC_FATAL);
	}
	assert_int_equal(odd.tokens, 0);
}

static void a_token_file_that_is_none_says_what_to_do(void **unused UNUSED)
{
	static const char *const texts[] = { "", "{", "[]", "null", "\"x\"", "{}x" };
	ODD(odd);
	struct err err = { 0 };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", "", "");
		assert_int_equal(file_replace_secret(odd.file, slice_of(texts[i]), &err), RC_OK);
		assert_int_equal(token_check(t, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, odd.file));
	}
	static const char *const empty[] = { "{}", "{\"refresh_token\":7,\"client_id\":[],\"expires_ms\":\"x\"}" };
	for (size_t i = 0; i < COUNT_OF(empty); i++) {
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", "", "");
		assert_int_equal(file_replace_secret(odd.file, slice_of(empty[i]), &err), RC_OK);
		assert_int_equal(token_check(t, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, "no credentials"));
	}
	assert_int_equal(remove(odd.file), 0);
	assert_int_equal(mkdir(odd.file, 0700), 0);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", "", "");
	assert_int_equal(token_check(t, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, odd.file));
}

/* Another process may have spent the token that was just read: what was read must not be put back. */
static void making_a_file_private_does_not_write_it(void **unused UNUSED)
{
	ODD(odd);
	CLEANUP(token_file_done) struct token_file f = { 0 };
	struct err err = { 0 };
	struct stat before, after;
	assert_int_equal(file_replace_secret(odd.file, SLICE("{\"client_id\":\"app\",\"refresh_token\":\"r\"}"), &err), RC_OK);
	assert_int_equal(chmod(odd.file, 0644), 0);
	assert_int_equal(stat(odd.file, &before), 0);
	assert_int_equal(token_file_read(odd.file, &f, &err), RC_OK);
	assert_int_equal(stat(odd.file, &after), 0);
	assert_int_equal(after.st_mode & 0777, 0600);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, before.st_size);
}

/* --- tokens ------------------------------------------------------------------------------------------------- */

static void a_short_life_does_not_ask_for_a_token_each_time(void **unused UNUSED)
{
	static const char *const lives[] = { "1", "59", "0", "-5", "\"3600\"", "1e300", "9223372036854775807", "null", NULL };
	for (size_t i = 0; i < COUNT_OF(lives); i++) {
		ODD(odd);
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
		CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
		struct err err = { 0 };
		odd.expires = lives[i];
		for (int k = 0; k < 10; k++)
			assert_int_equal(get(a, "/me", &err), RC_OK);
		assert_int_equal(odd.calls, 10);
		assert_int_equal(odd.tokens, 1);
		clock_fake_advance_ms(&odd.clock, (int64_t) 86400 * 1000);
		assert_int_equal(get(a, "/me", &err), RC_OK);
		assert_int_equal(odd.tokens, 2);
	}
}

static void an_answer_too_large_is_no_verdict_on_the_playlist(void **unused UNUSED)
{
	ODD(odd);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
	CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
	struct err err = { 0 };
	odd.fat = true;
	assert_int_equal(get(a, "/me", &err), RC_RETRY);
	assert_int_equal(odd.calls, 0);
	odd.fat = false;
	assert_int_equal(get(a, "/me", &err), RC_OK);
}

static void the_environments_login_may_have_a_secret(void **unused UNUSED)
{
	ODD(odd);
	odd.rotate = true;
	struct err err = { 0 };
	for (int process = 0; process < 3; process++) {
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, SEED);
		CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
		assert_int_equal(get(a, "/me", &err), RC_OK);
		clock_fake_advance_ms(&odd.clock, (int64_t) 2 * 3600 * 1000);
		assert_int_equal(get(a, "/me", &err), RC_OK); /* with the successor */
		assert_string_equal(odd.authorization, "Basic YXBwOnMzY3JldC1vZi10aGUtYXBw");
		clock_fake_advance_ms(&odd.clock, (int64_t) 2 * 3600 * 1000);
	}
	assert_int_equal(odd.tokens, 6);
}

/* Each renewal kills the token before it: who comes second must use what the first one brought. */
static void two_processes_share_one_login(void **unused UNUSED)
{
	ODD(odd);
	odd.rotate = true;
	CLEANUP(token_closep) struct token_keeper *t1 = keeper(&odd, "app", "", SEED);
	CLEANUP(token_closep) struct token_keeper *t2 = keeper(&odd, "app", "", SEED);
	CLEANUP(api_closep) struct spotify_api *a1 = api(&odd, t1);
	CLEANUP(api_closep) struct spotify_api *a2 = api(&odd, t2);
	struct err err = { 0 };
	for (int hour = 0; hour < 6; hour++) {
		enum rc first = get(hour % 2 ? a1 : a2, "/me", &err), second = get(hour % 2 ? a2 : a1, "/me", &err);
		if (first != RC_OK || second != RC_OK)
			fail_msg("hour %d: %s", hour, err.msg);
		assert_int_equal(odd.tokens, hour + 1);
		clock_fake_advance_ms(&odd.clock, (int64_t) 3600 * 1000);
	}
}

/* A disk that takes nothing is found out before the token is spent; one that fails afterwards is asked again. */
static void a_fault_of_the_disk_loses_no_login(void **unused UNUSED)
{
	ODD(odd);
	odd.rotate = true;
	struct err err = { 0 };
	bool fired = true;
	int before = 0, after = 0;
	for (uint64_t nth = 1; fired; nth++) {
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", "", SEED);
		CLEANUP(token_closep) struct token_keeper *next = keeper(&odd, "app", "", SEED);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct slice token;
		(void) remove(odd.file);
		odd.generation = odd.tokens = 0;
		fault_arm("file.*", nth, ENOSPC);
		enum rc rc = token_get(t, &arena, &token, &err);
		fired = fault_fired();
		(void) fault_disarm();
		before += rc != RC_OK && odd.tokens == 0;
		after += rc != RC_OK && odd.tokens == 1;
		if (rc != RC_OK)
			assert_int_equal(token_get(t, &arena, &token, &err), RC_OK);
		assert_int_equal(odd.tokens, 1);
		clock_fake_advance_ms(&odd.clock, (int64_t) 3600 * 1000);
		if (token_get(next, &arena, &token, &err) != RC_OK)
			fail_msg("fault %d: %s", (int) nth, err.msg);
	}
	printf("# %d faults before the token was spent, %d after\n", before, after);
	assert_true(before >= 3 && after >= 3);
}

/* --- the API ------------------------------------------------------------------------------------------------ */

static void a_token_goes_nowhere_else(void **unused UNUSED)
{
	ODD(odd);
	ODD(elsewhere);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
	CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct err err = { 0 };
	odd.status = 302;
	odd.location = elsewhere.url;
	assert_int_equal(get(a, "/me", &err), RC_RETRY);
	assert_int_equal(elsewhere.calls, 0);
	struct slice good = arena_printf(&arena, "%s/me?offset=50", odd.url);
	assert_true(spotify_is_api_url(a, good));
	struct slice bad[] = {
		slice_of(odd.url), arena_printf(&arena, "%sx/me", odd.url), arena_printf(&arena, "%s@evil/me", odd.url), slice_of(elsewhere.url),
		arena_printf(&arena, "%s/a b", odd.url), arena_printf(&arena, "%s/a\r\nX: y", odd.url), arena_printf(&arena, "%s/\xc3\xa9", odd.url),
		SLICE(""), SLICE("file:///etc/passwd"),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (spotify_is_api_url(a, bad[i]))
			fail_msg("followed: %.*s", SLICE_FMT(bad[i]));
}

static void a_refused_token_is_replaced_once(void **unused UNUSED)
{
	ODD(odd);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
	CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
	struct err err = { 0 };
	odd.status = 401;
	assert_int_equal(get(a, "/me", &err), RC_RETRY);
	assert_int_equal(odd.calls, 2);
	assert_int_equal(odd.tokens, 2);
	assert_non_null(strstr(err.msg, "just issued"));
}

static void requests_keep_their_distance(void **unused UNUSED)
{
	ODD(odd);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
	CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
	struct err err = { 0 };
	clock_fake_advance_ms(&odd.clock, 1);
	int64_t begin_ns = clock_mono_ns(&odd.clock.base);
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(a, "/me", &err), RC_OK);
	assert_int_equal((clock_mono_ns(&odd.clock.base) - begin_ns) / 1000000, 400);
	assert_int_equal(spotify_counts(a).waited_ms, 0); /* good manners come out of no budget */
}

static void a_listing_without_end_is_given_up(void **unused UNUSED)
{
	for (int still = 0; still < 2; still++) {
		ODD(odd);
		CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
		CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct spotify_listing list;
		struct err err = { 0 };
		odd.lists = true;
		odd.stands_still = still;
		assert_int_equal(spotify_my_playlists(a, SLICE("me"), &arena, &list, &err), RC_REJECT);
		assert_non_null(strstr(err.msg, "no end"));
		assert_int_equal(odd.calls, still ? 2 : 1000);
	}
}

static void a_listing_larger_than_its_room_is_given_up(void **unused UNUSED)
{
	ODD(odd);
	CLEANUP(token_closep) struct token_keeper *t = keeper(&odd, "app", SECRET, "");
	CLEANUP(api_closep) struct spotify_api *a = api(&odd, t);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	struct spotify_listing list;
	struct err err = { 0 };
	odd.lists = true;
	odd.name_bytes = 150000;
	assert_int_equal(spotify_my_playlists(a, SLICE("me"), &arena, &list, &err), RC_REJECT);
	assert_true(odd.calls < 10);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(credentials_of_any_bytes_are_refused_and_not_repeated),
	cmocka_unit_test(a_token_file_that_is_none_says_what_to_do),
	cmocka_unit_test(making_a_file_private_does_not_write_it),
	cmocka_unit_test(a_short_life_does_not_ask_for_a_token_each_time),
	cmocka_unit_test(an_answer_too_large_is_no_verdict_on_the_playlist),
	cmocka_unit_test(the_environments_login_may_have_a_secret),
	cmocka_unit_test(two_processes_share_one_login),
	cmocka_unit_test(a_fault_of_the_disk_loses_no_login),
	cmocka_unit_test(a_token_goes_nowhere_else),
	cmocka_unit_test(a_refused_token_is_replaced_once),
	cmocka_unit_test(requests_keep_their_distance),
	cmocka_unit_test(a_listing_without_end_is_given_up),
	cmocka_unit_test(a_listing_larger_than_its_room_is_given_up),
};
TEST_SUITE(spotify_odd, tests)
