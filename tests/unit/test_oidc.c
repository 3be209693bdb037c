/* ID tokens: which are let in and which are not, with keys made here and an issuer that can fail. */
#include "serve/oidc.h"

#include "base/buf.h"
#include "base/rand.h"
#include "serve/jwks.h"
#include "support/jwt.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#define NOW_MS INT64_C(1795446707000)
#define ARENA_BYTES ((size_t) 64 << 20)

static struct jwt_key *key_a, *key_b; /* made once: that takes its time */

static int make_keys(void **unused UNUSED)
{
	key_a = jwt_key_new(2048, 2);
	key_b = jwt_key_new(3072, 2);
	return 0;
}

static int free_keys(void **unused UNUSED)
{
	jwt_key_free(key_a);
	jwt_key_free(key_b);
	return 0;
}

struct fixture {
	struct clock_fake clock;
	struct jwt_issuer issuer;
	struct oidc *oidc;
	struct arena arena;
};

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	*f = (struct fixture){ .arena = arena_new(ARENA_BYTES) };
	clock_fake_init(&f->clock, NOW_MS);
	jwt_issuer_open(&f->issuer);
	jwt_issuer_publish(&f->issuer, jwt_jwk(key_a, "a", &f->arena), SLICE_NULL);
	const struct oidc_options options = { .audience = JWT_AUDIENCE, .emails = "other@example.org, " JWT_EMAIL, .jwks_url = f->issuer.url,
		                              .clock = &f->clock.base };
	if (oidc_open(&options, &f->oidc, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void fixture_done(struct fixture *f)
{
	oidc_close(f->oidc);
	jwt_issuer_close(&f->issuer);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

/* The verdict and its reason, in which nothing of the token may stand. */
static void verdict(struct fixture *f, struct slice token, enum oidc_verdict want, const char *why)
{
	struct err err = { 0 };
	enum oidc_verdict got = oidc_check(f->oidc, token, &err);
	if (got != want || !strstr(err.msg, why))
		fail_msg("verdict %d, want %d for '%s': %s", (int) got, (int) want, why, err.msg);
	for (size_t i = 0; i + 20 <= token.len; i += 10)
		if (slice_find_str(slice_of(err.msg), slice_sub(token, i, 20)) != SIZE_MAX)
			fail_msg("the message shows the token: %s", err.msg);
}

static void claims(struct fixture *f, struct jwt_claims c, enum oidc_verdict want, const char *why)
{
	verdict(f, jwt_token(key_a, "a", &f->clock.base, &c, &f->arena), want, why);
}

static struct slice good_token(struct fixture *f, const struct jwt_key *key, const char *kid)
{
	return jwt_token(key, kid, &f->clock.base, &(struct jwt_claims){ 0 }, &f->arena);
}

/* --- claims -------------------------------------------------------------------------------------------------- */

static void a_good_token_comes_in(void **unused UNUSED)
{
	FIXTURE(f);
	claims(&f, (struct jwt_claims){ 0 }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .iss = "accounts.google.com" }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .email = "other@example.org" }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .more = ",\"azp\":\"x\",\"google\":{\"compute_engine\":{\"a\":[1,2]}}" }, OIDC_GOOD, "");
	assert_int_equal(f.issuer.fetches, 1);
}

static void time_counts_give_or_take_a_minute(void **unused UNUSED)
{
	const int64_t now = NOW_MS / 1000;
	FIXTURE(f);
	claims(&f, (struct jwt_claims){ .iat = now - 3659, .exp = now - 59 }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .iat = now - 3660, .exp = now - 60 }, OIDC_BAD, "expired");
	claims(&f, (struct jwt_claims){ .iat = now + 60 }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .iat = now + 61 }, OIDC_BAD, "not valid yet");
	char more[64];
	(void) snprintf(more, sizeof more, ",\"nbf\":%lld", (long long) now + 60);
	claims(&f, (struct jwt_claims){ .more = more }, OIDC_GOOD, "");
	(void) snprintf(more, sizeof more, ",\"nbf\":%lld", (long long) now + 61);
	claims(&f, (struct jwt_claims){ .more = more }, OIDC_BAD, "not valid yet");
	claims(&f, (struct jwt_claims){ .exp = INT64_MAX }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .exp = INT64_MIN }, OIDC_BAD, "expired");
	claims(&f, (struct jwt_claims){ .iat = INT64_MIN }, OIDC_GOOD, "");
	claims(&f, (struct jwt_claims){ .more = ",\"nbf\":\"now\"" }, OIDC_BAD, "no number");
	clock_fake_advance_ms(&f.clock, 0);
	struct slice token = good_token(&f, key_a, "a");
	f.clock.now_ms += 3659 * 1000;
	verdict(&f, token, OIDC_GOOD, "");
	f.clock.now_ms += 1000;
	verdict(&f, token, OIDC_BAD, "expired");
}

static void claims_must_be_there_and_of_their_type(void **unused UNUSED)
{
	const struct slice head = SLICE("{\"alg\":\"RS256\",\"kid\":\"a\"}");
	static const char *const without[] = { "{}", "[]", "1", "\"x\"", "null", "{\"iss\":\"https://accounts.google.com\"}",
		                               "{\"iss\":[\"https://accounts.google.com\"],\"exp\":9999999999,\"iat\":1}",
		                               "{\"iss\":\"https://accounts.google.com\",\"exp\":\"9999999999\",\"iat\":1}",
		                               "{\"iss\":\"https://accounts.google.com\",\"exp\":9999999999}",
		                               "{\"iss\":\"https://accounts.google.com\",\"exp\":99999999999999999999,\"iat\":1}",
		                               "{\"iss\":\"https://accounts.google.com\",\"exp\":null,\"iat\":1}", "", "{", "{\"a\":1} x" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(without); i++)
		verdict(&f, jwt_sign(key_a, "RS256", head, slice_of(without[i]), &f.arena), OIDC_BAD, "its ");
}

static void another_issuer_is_not_believed(void **unused UNUSED)
{
	FIXTURE(f);
	claims(&f, (struct jwt_claims){ .iss = "https://accounts.google.com.evil.example" }, OIDC_BAD, "issuer");
	claims(&f, (struct jwt_claims){ .iss = "https://accounts.google.com,accounts.google.com" }, OIDC_BAD, "issuer");
	claims(&f, (struct jwt_claims){ .iss = "" }, OIDC_BAD, "issuer");
}

static void a_true_token_of_somebody_else_is_told_apart(void **unused UNUSED)
{
	FIXTURE(f);
	claims(&f, (struct jwt_claims){ .aud = "https://other.example" }, OIDC_OTHER, "audience");
	claims(&f, (struct jwt_claims){ .aud = JWT_AUDIENCE "/" }, OIDC_OTHER, "audience");
	claims(&f, (struct jwt_claims){ .aud = "" }, OIDC_OTHER, "audience");
	claims(&f, (struct jwt_claims){ .aud = "", .more = ",\"aud\":[\"" JWT_AUDIENCE "\"]" }, OIDC_OTHER, "audience");
	claims(&f, (struct jwt_claims){ .email = "evil@example.org" }, OIDC_OTHER, "email");
	claims(&f, (struct jwt_claims){ .email = "other@example.org, " JWT_EMAIL }, OIDC_OTHER, "email");
	claims(&f, (struct jwt_claims){ .email = JWT_EMAIL "\\u0000" }, OIDC_OTHER, "email");
	claims(&f, (struct jwt_claims){ .email = "" }, OIDC_OTHER, "email");
	claims(&f, (struct jwt_claims){ .email_verified = "false" }, OIDC_OTHER, "verified");
	claims(&f, (struct jwt_claims){ .email_verified = "\"true\"" }, OIDC_OTHER, "verified");
	claims(&f, (struct jwt_claims){ .email_verified = "1" }, OIDC_OTHER, "verified");
	claims(&f, (struct jwt_claims){ .email_verified = "" }, OIDC_OTHER, "verified");
}

static void a_claim_given_twice_is_refused(void **unused UNUSED)
{
	FIXTURE(f);
	claims(&f, (struct jwt_claims){ .more = ",\"aud\":\"" JWT_AUDIENCE "\"" }, OIDC_BAD, "twice");
	claims(&f, (struct jwt_claims){ .aud = "https://other.example", .more = ",\"aud\":\"" JWT_AUDIENCE "\"" }, OIDC_BAD, "twice");
	claims(&f, (struct jwt_claims){ .email = "evil@example.org", .more = ",\"\\u0065mail\":\"" JWT_EMAIL "\"" }, OIDC_BAD, "twice");
	claims(&f, (struct jwt_claims){ .more = ",\"x\":{\"aud\":1,\"email\":\"{\\\":\"},\"y\":[{\"aud\":2}]" }, OIDC_GOOD, "");
	verdict(&f, jwt_sign(key_a, "RS256", SLICE("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"a\"}"), SLICE("{}"), &f.arena), OIDC_BAD, "twice");
}

/* --- the signature ------------------------------------------------------------------------------------------- */

static void only_rs256_by_a_named_key_is_a_signature(void **unused UNUSED)
{
	static const struct {
		const char *alg, *head, *why;
	} cases[] = {
		{ "none", "{\"alg\":\"none\",\"kid\":\"a\"}", "alg" },     { "none", "{\"alg\":\"RS256\",\"kid\":\"a\"}", "signature" },
		{ "RS256", "{\"alg\":\"none\",\"kid\":\"a\"}", "alg" },    { "HS256", "{\"alg\":\"HS256\",\"kid\":\"a\"}", "alg" },
		{ "HS256", "{\"alg\":\"RS256\",\"kid\":\"a\"}", "signature" }, { "RS256", "{\"alg\":\"HS256\",\"kid\":\"a\"}", "alg" },
		{ "RS256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", "alg" },   { "RS256", "{\"alg\":\"rs256\",\"kid\":\"a\"}", "alg" },
		{ "RS256", "{\"alg\":\"PS256\",\"kid\":\"a\"}", "alg" },   { "RS256", "{\"alg\":[\"RS256\"],\"kid\":\"a\"}", "alg" },
		{ "RS256", "{\"kid\":\"a\"}", "alg" },                     { "RS256", "{\"alg\":\"RS256\"}", "kid" },
		{ "RS256", "{\"alg\":\"RS256\",\"kid\":\"\"}", "kid" },    { "RS256", "{\"alg\":\"RS256\",\"kid\":1}", "kid" },
		{ "RS256", "{\"alg\":\"RS256\",\"kid\":\"a\",\"crit\":[\"b64\"],\"b64\":false}", "crit" },
		{ "RS256", "{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"at+jwt\"}", "typ" },
		{ "RS256", "{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":1}", "typ" },
		{ "RS256", "[]", "header" }, { "RS256", "", "header" }, { "RS256", "{\"alg\":\"RS256\",\"kid\":\"a\"", "header" },
	};
	FIXTURE(f);
	struct slice body = SLICE("{\"iss\":\"https://accounts.google.com\",\"aud\":\"" JWT_AUDIENCE "\",\"email\":\"" JWT_EMAIL
	                          "\",\"email_verified\":true,\"iat\":1,\"exp\":9999999999}");
	verdict(&f, jwt_sign(key_a, "RS256", SLICE("{\"alg\":\"RS256\",\"kid\":\"a\"}"), body, &f.arena), OIDC_GOOD, "");
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		verdict(&f, jwt_sign(key_a, cases[i].alg, slice_of(cases[i].head), body, &f.arena), OIDC_BAD, cases[i].why);
}

static void another_keys_signature_is_none(void **unused UNUSED)
{
	FIXTURE(f);
	verdict(&f, good_token(&f, key_b, "a"), OIDC_BAD, "signature");
	jwt_issuer_publish(&f.issuer, jwt_jwk(key_a, "a", &f.arena), jwt_jwk(key_b, "b", &f.arena));
	f.clock.mono_ns += INT64_C(60000000000);
	verdict(&f, good_token(&f, key_b, "b"), OIDC_GOOD, "");
	verdict(&f, good_token(&f, key_b, "a"), OIDC_BAD, "signature");
	verdict(&f, good_token(&f, key_a, "b"), OIDC_BAD, "signature");
}

/* The claims of one token with the signature of another, and the like. */
static void parts_of_two_tokens_make_none(void **unused UNUSED)
{
	FIXTURE(f);
	struct slice one = good_token(&f, key_a, "a");
	struct slice two = jwt_token(key_a, "a", &f.clock.base, &(struct jwt_claims){ .email = "evil@example.org" }, &f.arena);
	size_t one_end = slice_find(one, '.', slice_find(one, '.', 0) + 1), two_end = slice_find(two, '.', slice_find(two, '.', 0) + 1);
	struct slice mixed = arena_printf(&f.arena, "%.*s%.*s", (int) one_end, one.ptr, (int) (two.len - two_end), two.ptr + two_end);
	verdict(&f, mixed, OIDC_BAD, "signature");
}

static void any_change_of_a_byte_is_seen(void **unused UNUSED)
{
	static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n{\"";
	FIXTURE(f);
	struct rand_gen g = rand_new(test_seed());
	struct slice token = good_token(&f, key_a, "a");
	verdict(&f, token, OIDC_GOOD, "");
	for (int i = 0; i < 1000; i++) {
		struct err err = { 0 };
		char *changed = arena_alloc(&f.arena, token.len + 2);
		size_t at = rand_below(&g, token.len), len = token.len;
		memcpy(changed, token.ptr, len);
		switch (rand_below(&g, 4)) {
		case 0: /* another sign */
		case 1:
			changed[at] = signs[rand_below(&g, sizeof signs - 1)];
			break;
		case 2: /* one more */
			memmove(changed + at + 1, changed + at, len - at);
			changed[at] = signs[rand_below(&g, sizeof signs - 1)];
			len++;
			break;
		default: /* one less */
			memmove(changed + at, changed + at + 1, len - at - 1);
			len--;
		}
		if (len == token.len && memcmp(changed, token.ptr, len) == 0)
			continue;
		if (oidc_check(f.oidc, (struct slice){ changed, len }, &err) == OIDC_GOOD)
			fail_msg("byte %zu changed and still good: %.*s", at, (int) len, changed);
	}
	assert_int_equal(f.issuer.fetches, 1); /* some of them named other keys; the clock stands still */
}

static void what_is_no_token_is_refused(void **unused UNUSED)
{
	static char huge[OIDC_TOKEN_BYTES_MAX + 1];
	static const char *const bad[] = { "", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.e30", " e30.e30.e30", "e30=.e30.e30", "e31.e30.e30" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		verdict(&f, slice_of(bad[i]), OIDC_BAD, "");
	memset(huge, 'A', sizeof huge);
	verdict(&f, (struct slice){ huge, sizeof huge }, OIDC_BAD, "16384 are allowed");
	huge[100] = huge[200] = '.';
	verdict(&f, (struct slice){ huge, sizeof huge - 1 }, OIDC_BAD, "");
	assert_int_equal(f.issuer.fetches, 0);
}

static void large_keys_are_keys_too(void **unused UNUSED)
{
	static const unsigned bits[] = { 4096, 8192 };
	for (size_t i = 0; i < COUNT_OF(bits); i++) {
		FIXTURE(f);
		struct jwt_key *key = jwt_key_new(bits[i], bits[i] == 8192 ? 5 : 4);
		jwt_issuer_publish(&f.issuer, jwt_jwk(key, "large", &f.arena), SLICE_NULL);
		verdict(&f, good_token(&f, key, "large"), OIDC_GOOD, "");
		struct slice token = good_token(&f, key, "large");
		((char *) (uintptr_t) token.ptr)[token.len - 10] ^= 1;
		verdict(&f, token, OIDC_BAD, "");
		jwt_key_free(key);
	}
}

/* --- the issuer's keys --------------------------------------------------------------------------------------- */

static void after_ms(struct fixture *f, int64_t ms)
{
	f->clock.mono_ns += ms * 1000000;
}

static void new_keys_are_found_by_their_id(void **unused UNUSED)
{
	FIXTURE(f);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	jwt_issuer_publish(&f.issuer, jwt_jwk(key_b, "b", &f.arena), SLICE_NULL);
	verdict(&f, good_token(&f, key_b, "b"), OIDC_BAD, "no key of that id"); /* once a minute */
	after_ms(&f, 59999);
	verdict(&f, good_token(&f, key_b, "b"), OIDC_BAD, "no key of that id");
	assert_int_equal(f.issuer.fetches, 1);
	after_ms(&f, 1);
	verdict(&f, good_token(&f, key_b, "b"), OIDC_GOOD, "");
	verdict(&f, good_token(&f, key_a, "a"), OIDC_BAD, "no key of that id"); /* withdrawn */
	assert_int_equal(f.issuer.fetches, 2);
}

static void forged_ids_cost_the_issuer_nothing(void **unused UNUSED)
{
	FIXTURE(f);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	for (int i = 0; i < 300; i++) {
		char kid[32];
		(void) snprintf(kid, sizeof kid, "forged-%d", i);
		after_ms(&f, 1000);
		verdict(&f, good_token(&f, key_a, kid), OIDC_BAD, "no key of that id");
	}
	assert_int_equal(f.issuer.fetches, 6); /* the first, and one for each of five minutes */
}

static void keys_are_fetched_anew_when_they_are_old(void **unused UNUSED)
{
	FIXTURE(f);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	after_ms(&f, 20000 * 1000 - 1);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	assert_int_equal(f.issuer.fetches, 1);
	after_ms(&f, 1);
	jwt_issuer_publish(&f.issuer, jwt_jwk(key_b, "b", &f.arena), SLICE_NULL);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_BAD, "no key of that id");
	verdict(&f, good_token(&f, key_b, "b"), OIDC_GOOD, "");
	assert_int_equal(f.issuer.fetches, 2);
}

static void an_issuer_that_is_down_is_lived_with_for_a_day(void **unused UNUSED)
{
	static const char *const garbage[] = { "", "{}", "{\"keys\":[]}", "<html>", "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\"}]}" };
	FIXTURE(f);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	after_ms(&f, 20000 * 1000);
	for (size_t i = 0; i <= COUNT_OF(garbage); i++) {
		f.issuer.status = i == COUNT_OF(garbage) ? 503 : 200;
		(void) snprintf(f.issuer.body, sizeof f.issuer.body, "%s", i < COUNT_OF(garbage) ? garbage[i] : "");
		verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
		verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
		assert_int_equal(f.issuer.fetches, 2 + i);
		after_ms(&f, 60000);
	}
	after_ms(&f, 24 * 3600 * 1000);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_UNKNOWN, "status 503");
	jwt_issuer_publish(&f.issuer, jwt_jwk(key_a, "a", &f.arena), SLICE_NULL);
	f.issuer.status = 200;
	verdict(&f, good_token(&f, key_a, "a"), OIDC_UNKNOWN, "status 503"); /* not again at once */
	after_ms(&f, 5000);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
}

static void without_keys_nobody_comes_in_and_it_can_be_tried_again(void **unused UNUSED)
{
	FIXTURE(f);
	f.issuer.status = 500;
	for (int i = 0; i < 50; i++)
		verdict(&f, good_token(&f, key_a, "a"), OIDC_UNKNOWN, "status 500");
	assert_int_equal(f.issuer.fetches, 1);
	f.issuer.status = 302;
	after_ms(&f, 5000);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_UNKNOWN, "status 302");
	f.issuer.status = 200;
	after_ms(&f, 5000);
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	jwt_issuer_close(&f.issuer);
	f.issuer.server = NULL;
	verdict(&f, good_token(&f, key_a, "a"), OIDC_GOOD, "");
	after_ms(&f, 60000);
	verdict(&f, good_token(&f, key_a, "x"), OIDC_BAD, "no key of that id");
}

struct racer {
	struct fixture *f;
	struct slice token;
	enum oidc_verdict got;
};

static void *race(void *ctx)
{
	struct racer *r = ctx;
	r->got = oidc_check(r->f->oidc, r->token, NULL);
	return NULL;
}

static void many_at_once_fetch_once(void **unused UNUSED)
{
	FIXTURE(f);
	struct racer racer[24];
	pthread_t thread[COUNT_OF(racer)];
	f.issuer.delay_ms = 300;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(racer); i++)
			racer[i] = (struct racer){ .f = &f, .token = good_token(&f, key_a, round ? "unknown" : "a") };
		for (size_t i = 0; i < COUNT_OF(racer); i++)
			assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
		for (size_t i = 0; i < COUNT_OF(racer); i++) {
			assert_int_equal(pthread_join(thread[i], NULL), 0);
			assert_int_equal(racer[i].got, round ? OIDC_BAD : OIDC_GOOD);
		}
		assert_int_equal(f.issuer.fetches, 1 + round);
		after_ms(&f, 60000);
	}
}

static void freshness_is_bounded(void **unused UNUSED)
{
	static const struct {
		const char *cache_control, *age;
		int64_t s;
	} cases[] = {
		{ "public, max-age=19204, must-revalidate, no-transform", NULL, 19204 }, { "MAX-AGE=7200", "200", 7000 }, { "max-age=1", NULL, 300 },
		{ "max-age=999999999999", NULL, 86400 }, { "max-age=9223372036854775807", "1", 86400 }, { "max-age=99999999999999999999", NULL, 300 },
		{ "max-age=-5", NULL, 300 }, { "max-age=7200", "7000", 300 }, { "max-age=7200", "99999999", 300 }, { "max-age=7200", "-9", 7200 },
		{ "max-age=7200", "x", 7200 }, { "no-store, max-age=7200", NULL, 300 }, { "max-age=7200,no-cache", NULL, 300 }, { "s-maxage=7200", NULL, 300 },
		{ "max-age", NULL, 300 }, { ",,=,", NULL, 300 }, { NULL, NULL, 300 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(jwks_fresh_ms(slice_of(cases[i].cache_control), slice_of(cases[i].age)), cases[i].s * 1000);
}

static void a_key_set_is_read_and_bounded(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf many = buf_new(1 << 20);
	struct slice a = jwt_jwk(key_a, "a", &arena), even = jwt_jwk(key_a, "even", &arena);
	struct err err = { 0 };
	size_t count = 0;
	/* Kinds that are not for us, and ours with faults: passed over. */
	struct slice mixed = arena_printf(&arena, "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\"},1,null,{},%.*s,%.*s,"
	                                  "{\"kty\":\"RSA\",\"kid\":\"short\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
	                                  "{\"kty\":\"RSA\",\"kid\":\"bad\",\"n\":\"A=\",\"e\":\"AQAB\"}],\"other\":1}", SLICE_FMT(a), SLICE_FMT(a));
	assert_int_equal(jwks_look(mixed, &count, &err), RC_OK);
	assert_int_equal(count, 1);
	static const char *const change[][2] = { { "\"AQAB\"", "\"AQ\"" }, { "\"AQAB\"", "\"AQAA\"" }, { "\"AQAB\"", "\"AQAAAAAAAAAB\"" }, { "\"AQAB\"", "\"\"" },
		                                 { "RS256", "RS512" }, { "\"sig\"", "\"enc\"" }, { "\"even\"", "\"\"" }, { "\"even\"", "7" } };
	for (size_t i = 0; i < COUNT_OF(change); i++) {
		size_t at = slice_find_str(even, slice_of(change[i][0]));
		assert_true(at != SIZE_MAX);
		struct slice bad = arena_printf(&arena, "{\"keys\":[%.*s%s%s]}", (int) at, even.ptr, change[i][1], even.ptr + at + strlen(change[i][0]));
		assert_int_equal(jwks_look(bad, &count, &err), RC_REJECT);
	}
	for (int n = 64; n <= 65; n++) {
		buf_reset(&many);
		buf_adds(&many, "{\"keys\":[");
		for (int i = 0; i < n; i++)
			buf_addf(&many, "%s%s", i ? "," : "", jwt_jwk(key_a, arena_printf(&arena, "k%d", i).ptr, &arena).ptr);
		buf_adds(&many, "]}");
		assert_int_equal(jwks_look(buf_slice(&many), &count, &err), n == 64 ? RC_OK : RC_REJECT);
	}
	assert_int_equal(count, 64);
	char *blank = arena_alloc(&arena, JWKS_BYTES_MAX + 1);
	memset(blank, ' ', JWKS_BYTES_MAX + 1);
	memcpy(blank, mixed.ptr, mixed.len);
	assert_int_equal(jwks_look((struct slice){ blank, JWKS_BYTES_MAX }, &count, &err), RC_OK);
	assert_int_equal(jwks_look((struct slice){ blank, JWKS_BYTES_MAX + 1 }, &count, &err), RC_REJECT);
}

static void what_is_missing_is_told_at_the_start(void **unused UNUSED)
{
	static const struct {
		struct oidc_options options;
		const char *why;
	} cases[] = {
		{ { .emails = JWT_EMAIL }, "audience" }, { { .audience = "", .emails = JWT_EMAIL }, "audience" }, { { .audience = "a" }, "e-mail" },
		{ { .audience = "a", .emails = " , " }, "e-mail" },
		{ { .audience = "a", .emails = "b", .jwks_url = "http://example.org/certs" }, "https" },
		{ { .audience = "a", .emails = "b", .jwks_url = "http://127.0.0.1:80@example.org/" }, "https" },
		{ { .audience = "a", .emails = "b", .jwks_url = "http://localhost.example.org/" }, "https" },
		{ { .audience = "a", .emails = "b", .jwks_url = "file:///certs" }, "https" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct oidc *oidc;
		struct err err = { 0 };
		assert_int_equal(oidc_open(&cases[i].options, &oidc, &err), RC_FATAL);
		assert_null(oidc);
		assert_non_null(strstr(err.msg, cases[i].why));
	}
	struct oidc *oidc;
	assert_int_equal(oidc_open(&(struct oidc_options){ .audience = "a", .emails = "b", .clock = clock_system() }, &oidc, NULL), RC_OK);
	oidc_close(oidc);
	oidc_close(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_good_token_comes_in),
	cmocka_unit_test(time_counts_give_or_take_a_minute),
	cmocka_unit_test(claims_must_be_there_and_of_their_type),
	cmocka_unit_test(another_issuer_is_not_believed),
	cmocka_unit_test(a_true_token_of_somebody_else_is_told_apart),
	cmocka_unit_test(a_claim_given_twice_is_refused),
	cmocka_unit_test(only_rs256_by_a_named_key_is_a_signature),
	cmocka_unit_test(another_keys_signature_is_none),
	cmocka_unit_test(parts_of_two_tokens_make_none),
	cmocka_unit_test(any_change_of_a_byte_is_seen),
	cmocka_unit_test(what_is_no_token_is_refused),
	cmocka_unit_test(large_keys_are_keys_too),
	cmocka_unit_test(new_keys_are_found_by_their_id),
	cmocka_unit_test(forged_ids_cost_the_issuer_nothing),
	cmocka_unit_test(keys_are_fetched_anew_when_they_are_old),
	cmocka_unit_test(an_issuer_that_is_down_is_lived_with_for_a_day),
	cmocka_unit_test(without_keys_nobody_comes_in_and_it_can_be_tried_again),
	cmocka_unit_test(many_at_once_fetch_once),
	cmocka_unit_test(freshness_is_bounded),
	cmocka_unit_test(a_key_set_is_read_and_bounded),
	cmocka_unit_test(what_is_missing_is_told_at_the_start),
};
TEST_SUITE_WITH(oidc, tests, make_keys, free_keys)
