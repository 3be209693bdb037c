/* libFuzzer target for ID tokens and key sets.  Nobody comes in but with a header and claims that say so, signed by the issuer's key.
 *
 * The first byte says what the rest is: 'k' a key set, 't' a token, 's' a header and, behind its first line break, claims, which
 * the issuer then signs: so the judge of the claims is reached. */
#include "base/json.h"
#include "serve/jwks.h"
#include "serve/oidc.h"
#include "support/jwt.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW_MS INT64_C(1700000000000)
#define KID "k1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_token: %s\n", what);
	abort();
}

static struct clock_fake fake;
static struct jwt_issuer issuer;
static struct jwt_key *key;
static struct oidc *oidc;

/* One issuer for all inputs; its clock stands, so its keys are asked for once. */
static void open_issuer(void)
{
	static struct arena arena;
	const struct oidc_options options = { .audience = JWT_AUDIENCE, .emails = JWT_EMAIL, .jwks_url = issuer.url, .clock = &fake.base };
	struct err err = { 0 };
	arena = arena_new(1 << 20);
	clock_fake_init(&fake, NOW_MS);
	key = jwt_key_new(2048, 2);
	jwt_issuer_open(&issuer);
	jwt_issuer_publish(&issuer, jwt_jwk(key, KID, &arena), SLICE_NULL);
	must(oidc_open(&options, &oidc, &err) == RC_OK, err.msg);
	must(oidc_check(oidc, jwt_token(key, KID, &fake.base, &(struct jwt_claims){ 0 }, &arena), &err) == OIDC_GOOD, err.msg);
}

static void read_key_set(struct slice text)
{
	struct err err = { 0 };
	size_t count = 0;
	enum rc rc = jwks_look(text, &count, &err);
	must(rc == RC_OK || (rc == RC_REJECT && err.msg[0]), "a key set that is refused without a reason");
	must(rc != RC_OK || (count >= 1 && count <= JWKS_KEYS_MAX), "a key set of no keys, or of too many");
	int64_t fresh_ms = jwks_fresh_ms(text, text);
	must(fresh_ms >= 5 * 60000 && fresh_ms <= INT64_C(24) * 3600000, "fresh for ever, or not at all");
}

/* Written anew, from the header of oidc.h. */
static bool may_come_in(struct slice head, struct slice claims)
{
	CLEANUP(json_freep) struct json *h = NULL;
	CLEANUP(json_freep) struct json *c = NULL;
	int64_t exp, iat, nbf = 0, now = NOW_MS / 1000;
	bool verified = false;
	if (json_parse(head, &h, NULL) != RC_OK || json_parse(claims, &c, NULL) != RC_OK)
		return false;
	if (!slice_is(json_get_string(h, "alg"), "RS256") || !slice_is(json_get_string(h, "kid"), KID) || json_get(h, "crit"))
		return false;
	if (!json_integer(json_get(c, "exp"), &exp) || !json_integer(json_get(c, "iat"), &iat) ||
	    (json_get(c, "nbf") && !json_integer(json_get(c, "nbf"), &nbf)))
		return false;
	struct slice iss = json_get_string(c, "iss");
	return exp > now - OIDC_SKEW_S && iat <= now + OIDC_SKEW_S && nbf <= now + OIDC_SKEW_S &&
	       (slice_is(iss, "accounts.google.com") || slice_is(iss, "https://accounts.google.com")) &&
	       slice_is(json_get_string(c, "aud"), JWT_AUDIENCE) && slice_is(json_get_string(c, "email"), JWT_EMAIL) &&
	       json_bool(json_get(c, "email_verified"), &verified) && verified;
}

static void check_signed(struct slice text)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct err err = { 0 };
	size_t end = slice_find(text, '\n', 0), after = end < text.len ? end + 1 : end;
	struct slice head = slice_sub(text, 0, end), claims = slice_sub(text, after, text.len - after);
	enum oidc_verdict verdict = oidc_check(oidc, jwt_sign(key, "RS256", head, claims, &arena), &err);
	must(verdict == OIDC_GOOD || err.msg[0], "refused without a reason");
	must(verdict != OIDC_UNKNOWN, "the issuer is there, and yet it cannot be asked");
	must(verdict != OIDC_GOOD || may_come_in(head, claims), "let in with claims that do not allow it");
}

static void check_forged(struct slice token)
{
	struct err err = { 0 };
	must(oidc_check(oidc, token, &err) == OIDC_BAD && err.msg[0], "a token that nobody signed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!oidc)
		open_issuer();
	if (size == 0)
		return 0;
	struct slice rest = { (const char *) data + 1, size - 1 };
	if (data[0] == 'k')
		read_key_set(rest);
	else if (data[0] == 's')
		check_signed(rest);
	else
		check_forged(rest);
	return 0;
}
