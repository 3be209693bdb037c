/* What belongs to Spotify and needs no connection: references, answers, pages, the login's addresses, the token file. */
#include "base/base64.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "spotify/answer.h"
#include "spotify/login.h"
#include "spotify/paging.h"
#include "spotify/playlist_ref.h"
#include "spotify/token_file.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>

/* --- references --------------------------------------------------------------------------------------------- */

static void a_playlist_is_named_by_id_uri_or_link(void **unused UNUSED)
{
	static const char id[] = "4nNVfQ9eWidZXkBKZN5li4";
	static const char *const same[] = {
		"4nNVfQ9eWidZXkBKZN5li4",
		" 4nNVfQ9eWidZXkBKZN5li4\n",
		"spotify:playlist:4nNVfQ9eWidZXkBKZN5li4",
		"spotify:user:filtrindia:playlist:4nNVfQ9eWidZXkBKZN5li4",
		"https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4",
		"https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4?si=0123456789abcdef&pi=x",
		"https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4/",
		"https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4#login",
		"http://open.spotify.com/intl-de/playlist/4nNVfQ9eWidZXkBKZN5li4",
		"open.spotify.com/user/filtrindia/playlist/4nNVfQ9eWidZXkBKZN5li4",
		"https://open.spotify.com/embed/playlist/4nNVfQ9eWidZXkBKZN5li4?utm_source=x",
		"https://play.spotify.com/user/a/playlist/4nNVfQ9eWidZXkBKZN5li4",
		"https://api.spotify.com/v1/playlists/4nNVfQ9eWidZXkBKZN5li4/items?offset=50",
	};
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		struct slice got = SLICE_NULL;
		if (!playlist_ref_parse(slice_of(same[i]), &got) || !slice_is(got, id))
			fail_msg("'%s' gives '%.*s'", same[i], SLICE_FMT(got));
	}
	struct slice chart;
	assert_true(playlist_ref_parse(SLICE("chart-IN"), &chart) && slice_is(chart, "chart-IN"));
}

static void what_is_no_playlist_is_none(void **unused UNUSED)
{
	static const char *const other[] = {
		"", "  ", "spotify:album:4nNVfQ9eWidZXkBKZN5li4", "spotify:playlist:", "spotify:playlist:short", "spotify:",
		"https://open.spotify.com/album/4nNVfQ9eWidZXkBKZN5li4", "https://open.spotify.com/playlist/",
		"https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li", "https://open.spotify.com/playlist",
		"https://example.org/playlist/4nNVfQ9eWidZXkBKZN5li4", "https://open.spotify.com.example.org/playlist/4nNVfQ9eWidZXkBKZN5li4",
		"https://open.spotify.com/playlist/../../etc/passwd0000", "https://api.spotify.com/v1/tracks/4nNVfQ9eWidZXkBKZN5li4",
		"spotify:playlist:4nNVfQ9eWidZXkBKZN5l-4",
	};
	for (size_t i = 0; i < COUNT_OF(other); i++) {
		struct slice got = SLICE_NULL;
		if (playlist_ref_parse(slice_of(other[i]), &got))
			fail_msg("'%s' gives '%.*s'", other[i], SLICE_FMT(got));
	}
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static void an_answer_has_one_class(void **unused UNUSED)
{
#define ERROR(status, message) "{\"error\":{\"status\":" #status ",\"message\":\"" message "\"}}"
	static const struct {
		int status;
		const char *body, *retry_after;
		enum answer_kind kind;
		int64_t wait_ms;
		const char *said;
	} table[] = {
		{ 200, "{}", NULL, ANSWER_OK, ANSWER_WAIT_UNKNOWN, "200" },
		{ 200, "", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "200 with an empty body" },
		{ 304, "", NULL, ANSWER_NOT_MODIFIED, ANSWER_WAIT_UNKNOWN, "304" },
		{ 204, "", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "204" },
		{ 302, "", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "302" },
		{ 400, ERROR(400, "Invalid limit"), NULL, ANSWER_REFUSED, ANSWER_WAIT_UNKNOWN, "400 Invalid limit" },
		{ 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Refresh token revoked\"}", NULL, ANSWER_REFUSED,
		  ANSWER_WAIT_UNKNOWN, "400 Refresh token revoked" },
		{ 400, "{\"error\":\"invalid_client\"}", NULL, ANSWER_REFUSED, ANSWER_WAIT_UNKNOWN, "400 invalid_client" },
		{ 401, ERROR(401, "Missing/invalid/expired access token"), NULL, ANSWER_UNAUTHORIZED, ANSWER_WAIT_UNKNOWN,
		  "401 Missing/invalid/expired access token" },
		{ 403, ERROR(403, "Forbidden"), NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403 Forbidden" },
		{ 403, "Active premium subscription required for the owner of the app.", NULL, ANSWER_APP_REFUSED, ANSWER_WAIT_UNKNOWN,
		  "403 Active premium subscription required" },
		{ 403, ERROR(403, "Active premium subscription required for the owner of the app."), NULL, ANSWER_APP_REFUSED, ANSWER_WAIT_UNKNOWN,
		  "403 Active premium" },
		{ 403, "User not registered in the Developer Dashboard", NULL, ANSWER_APP_REFUSED, ANSWER_WAIT_UNKNOWN, "403 User not" },
		{ 403, "Check settings on developer.spotify.com/dashboard, the user may not be registered.", NULL, ANSWER_APP_REFUSED,
		  ANSWER_WAIT_UNKNOWN, "403 Check settings" },
		{ 403, ERROR(403, "The user is not registered for this application."), NULL, ANSWER_APP_REFUSED, ANSWER_WAIT_UNKNOWN, "403 The user" },
		{ 403, ERROR(403, "Player command failed: Premium required"), NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403 Player" },
		{ 403, ERROR(403, "Insufficient client scope"), NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403 Insufficient client scope" },
		{ 403, "", NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403 with an empty body" },
		{ 403, "{\"error\":[\"\\u0000\"]}", NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403" },
		{ 403, "no", NULL, ANSWER_FORBIDDEN, ANSWER_WAIT_UNKNOWN, "403 no" },
		{ 404, ERROR(404, "Resource not found"), NULL, ANSWER_NOT_FOUND, ANSWER_WAIT_UNKNOWN, "404 Resource not found" },
		{ 410, "", NULL, ANSWER_NOT_FOUND, ANSWER_WAIT_UNKNOWN, "410" },
		{ 408, "", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "408" },
		{ 418, "", NULL, ANSWER_REFUSED, ANSWER_WAIT_UNKNOWN, "418" },
		{ 429, ERROR(429, "API rate limit exceeded"), "7", ANSWER_BUSY, 7000, "429 API rate limit exceeded" },
		{ 429, "", NULL, ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "soon", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "Wed, 21 Oct 2026 07:28:00 GMT", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "86400.0", ANSWER_BUSY, 86401000, "429" },
		{ 429, "", "1.5", ANSWER_BUSY, 2000, "429" },
		{ 429, "", ".5", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "1.5s", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "99999999999999999999", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "-3", ANSWER_BUSY, ANSWER_WAIT_UNKNOWN, "429" },
		{ 429, "", "0", ANSWER_BUSY, 0, "429" },
		{ 429, "", "9223372036854775807", ANSWER_BUSY, (int64_t) 7 * 86400000, "429" },
		{ 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\",\"reason\":\"QUOTA_EXCEEDED\"}}", "52531", ANSWER_QUOTA,
		  52531000, "429 Too many requests" },
		{ 429, "{\"error\":{\"status\":429,\"reason\":\"QUOTA_EXCEEDED\"}}", NULL, ANSWER_QUOTA, ANSWER_WAIT_UNKNOWN, "429" },
		{ 500, ERROR(500, "Server error."), NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "500 Server error." },
		{ 502, "<html><head><title>502 Bad\nGateway</title></head></html>", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN,
		  "502 502 Bad Gateway" },
		{ 503, "", "120", ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "503" },
		{ 504, "upstream \x1b[31mrequest timeout", NULL, ANSWER_PASSING, ANSWER_WAIT_UNKNOWN, "504 upstream [31mrequest timeout" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct http_header header = { SLICE("Retry-After"), slice_of(table[i].retry_after) };
		const struct http_response r = { .status = table[i].status, .body = slice_of(table[i].body), .header = &header,
			                         .header_count = table[i].retry_after ? 1 : 0 };
		struct answer a;
		answer_judge(&r, &a);
		if (a.kind != table[i].kind || a.wait_ms != table[i].wait_ms || !strstr(a.said, table[i].said))
			fail_msg("%d %s: %s, wait %lld, said '%s'", table[i].status, table[i].body, answer_kind_name(a.kind),
			         (long long) a.wait_ms, a.said);
	}
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static void a_page_tells_where_it_stands(void **unused UNUSED)
{
	static const char *const same[] = {
		"{\"items\":[null,{}],\"offset\":50,\"total\":101,\"next\":\"https://x/y\"}",
		"{\"items\":{\"items\":[1,2],\"offset\":50.0,\"total\":101,\"next\":\"https://x/y\"},\"id\":\"p\"}",
		"{\"tracks\":{\"items\":[1,2],\"offset\":50,\"total\":101,\"next\":\"https://x/y\"}}",
		"{\"tracks\":{\"items\":[]},\"items\":{\"items\":[1,2],\"offset\":50,\"total\":101,\"next\":\"https://x/y\"}}",
	};
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		struct paging p;
		struct err err = { 0 };
		if (paging_read(slice_of(same[i]), &arena, &p, &err) != RC_OK || p.offset != 50 || p.items != 2 || !p.has_total ||
		    p.total != 101 || !slice_is(p.next, "https://x/y"))
			fail_msg("%s: %s", same[i], err.msg);
	}
	struct paging last;
	assert_int_equal(paging_read(SLICE("{\"items\":[],\"next\":null}"), &arena, &last, NULL), RC_OK);
	assert_null(last.next.ptr);
	assert_false(last.has_total);
	static const char *const none[] = { "", "[]", "{}", "{\"items\":5}", "{\"error\":{\"status\":500}}", "{\"items\":{\"total\":3}}",
		                            "{\"items\":[],\"offset\":-1}", "<html>" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(paging_read(slice_of(none[i]), &arena, &last, NULL), RC_REJECT);
}

static void a_playlist_tells_whether_its_items_may_be_read(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct playlist_head h;
	assert_int_equal(playlist_head_read(SLICE("{\"id\":\"p\",\"snapshot_id\":\"s\",\"owner\":{\"id\":\"o\",\"display_name\":null},"
	                                          "\"items\":{\"total\":3}}"), &arena, &h, NULL), RC_OK);
	assert_true(h.has_items && h.has_total && h.total == 3 && slice_is(h.owner_id, "o") && slice_is(h.snapshot_id, "s"));
	assert_null(h.owner_name.ptr);
	assert_int_equal(playlist_head_read(SLICE("{\"id\":\"p\"}"), &arena, &h, NULL), RC_OK);
	assert_false(h.has_items || h.has_total);
	assert_null(h.snapshot_id.ptr);
	assert_int_equal(playlist_head_read(SLICE("{\"error\":{\"status\":404}}"), &arena, &h, NULL), RC_REJECT);
	assert_int_equal(playlist_head_read(SLICE("[]"), &arena, &h, NULL), RC_REJECT);
}

/* --- login -------------------------------------------------------------------------------------------------- */

static void each_login_has_secrets_of_its_own(void **unused UNUSED)
{
	struct login a, b;
	login_begin(&a, 8912);
	login_begin(&b, 8912);
	assert_string_not_equal(a.state, b.state);
	assert_string_not_equal(a.verifier, b.verifier);
	assert_int_equal(strlen(a.verifier), 86); /* RFC 7636: 43 to 128 of A-Z a-z 0-9 - . _ ~ */
	assert_int_equal(strspn(a.verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"), 86);
	assert_string_equal(a.redirect_uri, "http://127.0.0.1:8912/callback");
}

static void the_address_holds_the_challenge_and_not_the_verifier(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct login l;
	login_begin(&l, 8912);
	/* RFC 7636, appendix B */
	(void) snprintf(l.verifier, sizeof l.verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	struct slice url = login_url(&l, "https://accounts.spotify.com", "my id", &arena);
	assert_true(slice_starts(url, SLICE("https://accounts.spotify.com/authorize?client_id=my%20id&response_type=code&")));
	assert_true(slice_find_str(url, SLICE("code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&")) !=
	            SIZE_MAX);
	assert_true(slice_find_str(url, SLICE("redirect_uri=http%3A%2F%2F127.0.0.1%3A8912%2Fcallback")) != SIZE_MAX);
	assert_true(slice_find_str(url, slice_of(l.verifier)) == SIZE_MAX);
	assert_true(slice_find_str(url, slice_of(l.state)) != SIZE_MAX);
}

static void only_the_answer_to_this_login_is_taken(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct login l;
	struct slice code = SLICE_NULL;
	login_begin(&l, 8912);
	struct slice good[] = {
		arena_printf(&arena, "http://127.0.0.1:8912/callback?code=AQ%%2Bb&state=%s", l.state),
		arena_printf(&arena, " http://127.0.0.1:8912/callback?state=%s&code=AQ%%2Bb#_=_ \r\n", l.state),
		arena_printf(&arena, "code=AQ%%2Bb&state=%s", l.state),
	};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct err err = { 0 };
		if (login_read_redirect(&l, good[i], &arena, &code, &err) != RC_OK || !slice_is(code, "AQ+b"))
			fail_msg("%.*s: %s", SLICE_FMT(good[i]), err.msg);
	}
	struct slice bad[] = {
		SLICE(""), SLICE("hello"), SLICE("http://127.0.0.1:8912/callback?code=x"), SLICE("http://127.0.0.1:8912/callback?code=x&state="),
		SLICE("http://127.0.0.1:8912/callback?code=x&state=another"), SLICE("?error=access_denied&state=another"),
		arena_printf(&arena, "?state=%s", l.state), arena_printf(&arena, "?code=&state=%s", l.state),
		arena_printf(&arena, "?code=x&xstate=%s", l.state),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (login_read_redirect(&l, bad[i], &arena, &code, NULL) != RC_REJECT)
			fail_msg("taken: %.*s", SLICE_FMT(bad[i]));
	struct err err = { 0 };
	assert_int_equal(login_read_redirect(&l, arena_printf(&arena, "?error=access_denied&state=%s", l.state), &arena, &code, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "declined"));
	assert_int_equal(login_read_redirect(&l, arena_printf(&arena, "?error=invalid_scope&state=%s", l.state), &arena, &code, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "invalid_scope"));
}

/* --- the token file ----------------------------------------------------------------------------------------- */

static void a_login_is_kept_for_its_owner_alone(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	const char *path = arena_printf(&arena, "%s/token.json", test_tmpdir()).ptr;
	CLEANUP(token_file_done) struct token_file f = { 0 }, back = { 0 };
	struct err err = { 0 };
	struct stat st;
	assert_int_equal(token_file_read(path, &f, &err), RC_OK); /* there is none */
	assert_string_equal(f.refresh_token, "");
	f.expires_ms = 42;
	(void) snprintf(f.seed, sizeof f.seed, "%064d", 7);
	mode_t old = umask(0);
	assert_int_equal(token_file_write(path, &f, &err), RC_OK);
	(void) umask(old);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0644), 0); /* somebody copied it about */
	assert_int_equal(token_file_read(path, &back, &err), RC_OK);
	assert_int_equal(back.expires_ms, 42);
	assert_string_equal(back.seed, f.seed);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_replace(path, SLICE("not json"), &err), RC_OK);
	assert_int_equal(token_file_read(path, &back, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "sargam login"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_playlist_is_named_by_id_uri_or_link),
	cmocka_unit_test(what_is_no_playlist_is_none),
	cmocka_unit_test(an_answer_has_one_class),
	cmocka_unit_test(a_page_tells_where_it_stands),
	cmocka_unit_test(a_playlist_tells_whether_its_items_may_be_read),
	cmocka_unit_test(each_login_has_secrets_of_its_own),
	cmocka_unit_test(the_address_holds_the_challenge_and_not_the_verifier),
	cmocka_unit_test(only_the_answer_to_this_login_is_taken),
	cmocka_unit_test(a_login_is_kept_for_its_owner_alone),
};
TEST_SUITE(spotify, tests)
