/* The simulated accounts service: who gets a token, and who does not. */
#include "sim/simulator.h"

#include "sim/world.h"
#include "support/sim.h"
#include "test.h"

#include <stdio.h>

/* RFC 7636, appendix B. */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define WRONG_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"
#define CALLBACK "http%3A%2F%2F127.0.0.1%3A8912%2Fcallback"
#define ASK "/authorize?response_type=code&client_id=app&redirect_uri=" CALLBACK
#define PKCE "&code_challenge_method=S256&code_challenge=" CHALLENGE
#define DAY_MS ((int64_t) 86400 * 1000)

static void assert_refused(struct sim *sim, const char *basic, const char *body, const char *error, const char *description)
{
	struct wire_reply r = sim_post(sim, "/api/token", basic, body);
	const struct json *answer = sim_parse(sim, r.body);
	if (r.status != 400 || !slice_is(json_get_string(answer, "error"), error) ||
	    !slice_eq(json_get_string(answer, "error_description"), slice_of(description)))
		fail_msg("%s: status %d: %.*s", body, r.status, SLICE_FMT(r.body));
}

static const struct json *granted(struct sim *sim, const char *basic, const char *body)
{
	struct wire_reply r = sim_post(sim, "/api/token", basic, body);
	if (r.status != 200)
		fail_msg("%s: status %d: %.*s", body, r.status, SLICE_FMT(r.body));
	const struct json *answer = sim_parse(sim, r.body);
	assert_true(slice_is(wire_header(&r, "Cache-Control"), "no-store"));
	assert_true(slice_is(json_get_string(answer, "token_type"), "Bearer") &&
	            json_get_string(answer, "access_token").len > 20);
	return answer;
}

static const char *code_of(struct sim *sim, const char *path)
{
	struct wire_reply r = sim_get(sim, path);
	struct slice code = sim_redirected(&r, "code");
	if (r.status != 302 || !code.ptr)
		fail_msg("%s: status %d: %.*s", path, r.status, SLICE_FMT(r.body));
	return arena_strdup(&sim->arena, code);
}

static const char *redeem(struct sim *sim, const char *code, const char *more)
{
	return arena_printf(&sim->arena, "grant_type=authorization_code&redirect_uri=%s&code=%s%s", CALLBACK, code, more).ptr;
}

static const char *text_of(struct sim *sim, const struct json *answer, const char *key)
{
	struct slice s = json_get_string(answer, key);
	return s.ptr ? arena_strdup(&sim->arena, s) : NULL;
}

static void client_credentials(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .client_id = "app", .client_secret = "s:ecret", .token_ttl_s = 60 });
	const struct json *answer = granted(&sim, "app:s:ecret", "grant_type=client_credentials");
	assert_int_equal(json_get_integer(answer, "expires_in", 0), 60);
	assert_true(!json_get(answer, "refresh_token") && !json_get(answer, "scope"));
	(void) granted(&sim, NULL, "grant_type=client_credentials&client_id=app&client_secret=s%3Aecret");
	assert_refused(&sim, NULL, "grant_type=client_credentials", "invalid_client", NULL);
	assert_refused(&sim, "app:wrong", "grant_type=client_credentials", "invalid_client", "Invalid client");
	assert_refused(&sim, "other:s:ecret", "grant_type=client_credentials", "invalid_client", "Invalid client");
	assert_refused(&sim, "app", "grant_type=client_credentials", "invalid_client", "Invalid client");
	assert_refused(&sim, "app:", "grant_type=client_credentials", "invalid_client", "Invalid client");
	assert_refused(&sim, NULL, "grant_type=client_credentials&client_id=app", "invalid_client", "Invalid client");
	assert_refused(&sim, "app:s:ecret", "grant_type=password", "unsupported_grant_type",
	               "grant_type must be client_credentials, authorization_code or refresh_token");
	assert_refused(&sim, "app:s:ecret", "", "unsupported_grant_type",
	               "grant_type must be client_credentials, authorization_code or refresh_token");
	assert_int_equal(sim_get(&sim, "/api/token").status, 405);
	sim_close(&sim);
}

static void tokens_follow_from_the_seed(void **state UNUSED)
{
	char token[3][128];
	for (int i = 0; i < 3; i++) {
		struct sim sim;
		sim_open(&sim, (struct simulator_options){ .seed = i == 2 ? 8 : 7 });
		sim_client_token(&sim);
		memcpy(token[i], sim.token, sizeof token[i]);
		sim_client_token(&sim);
		assert_string_not_equal(sim.token, token[i]);
		sim_close(&sim);
	}
	assert_string_equal(token[0], token[1]);
	assert_string_not_equal(token[0], token[2]);
}

static void authorize_sends_a_code_back(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ 0 });
	struct wire_reply r = sim_get(&sim, ASK "&state=a%20b%26c&scope=playlist-read-private");
	assert_int_equal(r.status, 302);
	struct slice to = wire_header(&r, "Location");
	assert_true(slice_starts(to, SLICE("http://127.0.0.1:8912/callback?code=")) && slice_ends(to, SLICE("&state=a%20b%26c")));
	r = sim_get(&sim, "/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fa.example%2F%3Fx%3D1");
	assert_true(slice_starts(wire_header(&r, "Location"), SLICE("https://a.example/?x=1&code=")));
	r = sim_get(&sim, ASK "&state=s&deny=1");
	assert_true(slice_is(wire_header(&r, "Location"), "http://127.0.0.1:8912/callback?error=access_denied&state=s"));
	sim_close(&sim);
}

static void authorize_refuses_what_the_real_one_refuses(void **state UNUSED)
{
	static const char *const bad[] = {
		"/authorize",
		"/authorize?response_type=code&client_id=other&redirect_uri=" CALLBACK,
		"/authorize?response_type=code&redirect_uri=" CALLBACK,
		"/authorize?response_type=token&client_id=app&redirect_uri=" CALLBACK,
		"/authorize?client_id=app&redirect_uri=" CALLBACK,
		"/authorize?response_type=code&client_id=app",
		"/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2Flocalhost%3A8912%2Fcallback",
		"/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1.evil.example%2F",
		"/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2Fa.example%2F",
		"/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fa.example%2F%0d%0aX-Evil%3A1",
		ASK "&code_challenge=" CHALLENGE,
		ASK "&code_challenge_method=plain&code_challenge=" CHALLENGE,
		ASK "&code_challenge_method=S256&code_challenge=short",
	};
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .client_id = "app" });
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct wire_reply r = sim_get(&sim, bad[i]);
		if (r.status != 400 || wire_header(&r, "Location").ptr)
			fail_msg("%s: status %d", bad[i], r.status);
	}
	assert_int_equal(
		sim_get(&sim, "/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2F[::1]%3A9%2F").status, 302);
	sim_close(&sim);
}

static void pkce_proves_who_asked(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ 0 });
	const char *path = ASK PKCE "&scope=playlist-read-private%20playlist-read-collaborative";
	assert_refused(&sim, NULL, redeem(&sim, code_of(&sim, path), "&client_id=app&code_verifier=" WRONG_VERIFIER),
	               "invalid_grant", "code_verifier was incorrect");
	assert_refused(&sim, NULL, redeem(&sim, code_of(&sim, path), "&client_id=app"), "invalid_grant",
	               "code_verifier was incorrect");
	assert_refused(&sim, NULL, redeem(&sim, code_of(&sim, path), "&client_id=app&code_verifier=short"), "invalid_grant",
	               "code_verifier was incorrect");
	assert_refused(&sim, "app:secret", redeem(&sim, code_of(&sim, path), ""), "invalid_grant", "code_verifier was incorrect");
	const struct json *answer =
		granted(&sim, NULL, redeem(&sim, code_of(&sim, path), "&client_id=app&code_verifier=" VERIFIER));
	assert_true(slice_is(json_get_string(answer, "scope"), "playlist-read-private playlist-read-collaborative"));
	assert_int_equal(json_get_integer(answer, "expires_in", 0), 3600);
	assert_non_null(text_of(&sim, answer, "refresh_token"));
	(void) snprintf(sim.token, sizeof sim.token, "%s", text_of(&sim, answer, "access_token"));
	assert_int_equal(sim_get(&sim, "/v1/me").status, 200);
	sim_close(&sim);
}

static void a_code_is_good_once_for_its_own(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ 0 });
	const char *code = code_of(&sim, ASK);
	(void) granted(&sim, "app:secret", redeem(&sim, code, ""));
	assert_refused(&sim, "app:secret", redeem(&sim, code, ""), "invalid_grant", "Invalid authorization code");
	assert_refused(&sim, "app:secret", redeem(&sim, "made-up", ""), "invalid_grant", "Invalid authorization code");
	assert_refused(&sim, "other:secret", redeem(&sim, code_of(&sim, ASK), ""), "invalid_grant", "Invalid authorization code");
	assert_refused(&sim, NULL, redeem(&sim, code_of(&sim, ASK), "&client_id=app"), "invalid_grant",
	               "a code without code_challenge needs the client's secret");
	assert_refused(&sim, "app:secret",
	               arena_printf(&sim.arena, "grant_type=authorization_code&redirect_uri=http://127.0.0.1/x&code=%s",
	                            code_of(&sim, ASK))
	                       .ptr,
	               "invalid_grant", "Invalid redirect URI");
	code = code_of(&sim, ASK);
	clock_fake_advance_ms(&sim.clock, 600000);
	assert_refused(&sim, "app:secret", redeem(&sim, code, ""), "invalid_grant", "Authorization code expired");
	sim_close(&sim);
}

static const char *refresh_with(struct sim *sim, const char *token, const char *more)
{
	return arena_printf(&sim->arena, "grant_type=refresh_token&refresh_token=%s%s", token, more).ptr;
}

static void a_refresh_keeps_its_token_unless_it_rotates(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ 0 });
	const char *token =
		text_of(&sim, granted(&sim, "app:secret", redeem(&sim, code_of(&sim, ASK "&scope=x"), "")), "refresh_token");
	for (int i = 0; i < 3; i++) {
		const struct json *answer = granted(&sim, "app:secret", refresh_with(&sim, token, ""));
		assert_null(json_get(answer, "refresh_token"));
		assert_true(slice_is(json_get_string(answer, "scope"), "x"));
		(void) snprintf(sim.token, sizeof sim.token, "%s", text_of(&sim, answer, "access_token"));
		assert_int_equal(sim_get(&sim, "/v1/me").status, 200);
	}
	assert_refused(&sim, "app:secret", refresh_with(&sim, "made-up", ""), "invalid_grant", "Invalid refresh token");
	assert_refused(&sim, "other:secret", refresh_with(&sim, token, ""), "invalid_grant", "Invalid refresh token");
	assert_refused(&sim, NULL, refresh_with(&sim, token, "&client_id=app"), "invalid_grant", "Invalid refresh token");
	simulator_revoke_tokens(sim.s);
	assert_refused(&sim, "app:secret", refresh_with(&sim, token, ""), "invalid_grant", "Refresh token revoked");
	sim_close(&sim);

	sim_open(&sim, (struct simulator_options){ .rotate = true });
	const char *code = code_of(&sim, ASK PKCE);
	token = text_of(&sim, granted(&sim, NULL, redeem(&sim, code, "&client_id=app&code_verifier=" VERIFIER)), "refresh_token");
	const char *next = text_of(&sim, granted(&sim, NULL, refresh_with(&sim, token, "&client_id=app")), "refresh_token");
	assert_true(next && strcmp(next, token) != 0);
	assert_refused(&sim, NULL, refresh_with(&sim, token, "&client_id=app"), "invalid_grant", "Refresh token revoked");
	assert_non_null(text_of(&sim, granted(&sim, NULL, refresh_with(&sim, next, "&client_id=app")), "refresh_token"));
	sim_close(&sim);
}

/* Six months from the user's yes, however often it was refreshed or rotated. */
static void refresh_tokens_die_of_age(void **state UNUSED)
{
	for (int rotate = 0; rotate < 2; rotate++) {
		struct sim sim;
		sim_open(&sim, (struct simulator_options){ .rotate = rotate });
		const char *token =
			text_of(&sim, granted(&sim, "app:secret", redeem(&sim, code_of(&sim, ASK), "")), "refresh_token");
		for (int i = 0; i < 2; i++) {
			clock_fake_advance_ms(&sim.clock, 90 * DAY_MS);
			const char *next =
				text_of(&sim, granted(&sim, "app:secret", refresh_with(&sim, token, "")), "refresh_token");
			token = next ? next : token;
		}
		clock_fake_advance_ms(&sim.clock, 2 * DAY_MS);
		assert_refused(&sim, "app:secret", refresh_with(&sim, token, ""), "invalid_grant", "Refresh token expired");
		sim_close(&sim);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(client_credentials),
	cmocka_unit_test(tokens_follow_from_the_seed),
	cmocka_unit_test(authorize_sends_a_code_back),
	cmocka_unit_test(authorize_refuses_what_the_real_one_refuses),
	cmocka_unit_test(pkce_proves_who_asked),
	cmocka_unit_test(a_code_is_good_once_for_its_own),
	cmocka_unit_test(a_refresh_keeps_its_token_unless_it_rotates),
	cmocka_unit_test(refresh_tokens_die_of_age),
};
TEST_SUITE(simulator_accounts, tests)
