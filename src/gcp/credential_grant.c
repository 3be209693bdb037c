/* Grants of the token endpoint: a signed assertion (RFC 7523), a refresh token (RFC 6749). */
#include "base/base64.h"
#include "base/jwt.h"
#include "gcp/credential.h"
#include "gcp/exchange.h"

#define LIFE_S 3600

static const struct http_header form_type = { { "Content-Type", 12 }, { "application/x-www-form-urlencoded", 33 } };

static struct slice assertion(const struct credential *c, int64_t now_s, struct arena *arena)
{
	struct json *claims = json_new_object();
	json_set(claims, "iss", json_new_string(slice_of(c->email)));
	json_set(claims, "scope", json_new_string(slice_of(c->scope)));
	json_set(claims, "aud", json_new_string(slice_of(c->token_url)));
	json_set(claims, "iat", json_new_integer(now_s));
	json_set(claims, "exp", json_new_integer(now_s + LIFE_S));
	struct slice signed_claims = jwt_make(c->key, c->key_id, claims, arena);
	assert(signed_claims.ptr); /* the fields of a file are bounded */
	return signed_claims;
}

static const char *hint(const struct credential *c, const struct google_answer *answer)
{
	if (c->type == CREDENTIAL_SERVICE_ACCOUNT)
		return slice_is(answer->reason, "invalid_grant") ?
		       "the key was deleted or disabled, the account is gone, or this machine's clock is wrong: make a new key, or set the clock" :
		       "compare the file with the account's keys: `gcloud iam service-accounts keys list`";
	if (slice_is(answer->reason, "invalid_grant"))
		return "the login has ended (revoked, expired, or the password was changed): " CREDENTIAL_LOGIN;
	return "log in again: " CREDENTIAL_LOGIN;
}

static enum rc ask(const struct credential *c, struct transport *t, const struct http_header *header, size_t headers, struct slice form,
                   struct arena *arena, struct json **out, struct err *err)
{
	struct google_answer answer;
	struct slice what = arena_printf(arena, "%s: the token endpoint %s", c->identity, c->token_url);
	const struct exchange x = { .what = what.ptr, .method = "POST", .url = c->token_url, .header = header, .header_count = headers, .body = form };
	enum rc rc = exchange_json(t, &x, arena, out, &answer, err);
	if (rc == RC_FATAL && *answer.said)
		return err_set(err, rc, "%s: %s: %s", what.ptr, answer.said, hint(c, &answer));
	TRY(rc);
	if (!exchange_is_token(json_get_string(*out, "access_token")))
		return err_set(err, RC_RETRY, "%s: the answer holds no access token", what.ptr);
	return RC_OK;
}

enum rc credential_fetch_service_account(const struct credential *c, struct transport *t, struct arena *arena, struct grant *out,
                                         struct err *err)
{
	CLEANUP(json_free_secretp) struct json *answer = NULL;
	struct slice form = SLICE("");
	exchange_form(&form, "grant_type", SLICE("urn:ietf:params:oauth:grant-type:jwt-bearer"), arena);
	exchange_form(&form, "assertion", assertion(c, clock_now_ms(t->clock) / 1000, arena), arena);
	TRY(ask(c, t, &form_type, 1, form, arena, &answer, err));
	*out = (struct grant){ arena_copy(arena, json_get_string(answer, "access_token")), exchange_life_s(answer) };
	return RC_OK;
}

/* What the endpoint gave in place of the old one, which is dead then. */
static void keep_renewed(struct credential *c, struct slice token)
{
	if (!token.len || slice_is(token, c->refresh_token) || !exchange_is_token(token))
		return;
	arena_reset(&c->renewed);
	if (arena_fits(&c->renewed, token.len + 1))
		c->refresh_token = arena_copy(&c->renewed, token).ptr;
}

enum rc credential_fetch_user(struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *answer = NULL;
	struct http_header header[2] = { form_type };
	size_t headers = 1;
	struct slice form = SLICE("");
	exchange_form(&form, "grant_type", SLICE("refresh_token"), arena);
	exchange_form(&form, "refresh_token", slice_of(c->refresh_token), arena);
	if (c->type == CREDENTIAL_USER) {
		exchange_form(&form, "client_id", slice_of(c->client_id), arena);
		exchange_form(&form, "client_secret", slice_of(c->client_secret), arena);
	} else {
		struct slice basic = base64_encode(ARENA_JOIN(arena, slice_of(c->client_id), SLICE(":"), slice_of(c->client_secret)), arena);
		header[headers++] = (struct http_header){ SLICE("Authorization"), ARENA_JOIN(arena, SLICE("Basic "), basic) };
	}
	TRY(ask(c, t, header, headers, form, arena, &answer, err));
	keep_renewed(c, json_get_string(answer, "refresh_token"));
	*out = (struct grant){ arena_copy(arena, json_get_string(answer, "access_token")), exchange_life_s(answer) };
	return RC_OK;
}
