#include "serve/oidc.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "serve/jwks.h"

#include <strings.h>

#define SHOWN_BYTES 200 /* of a claim, in a message */

struct oidc {
	char *audience, *emails, *issuers;
	struct jwks *jwks;
	struct clock *clock;
};

/* --- lists --------------------------------------------------------------------------------------------------- */

static bool is_listed(const char *list, struct slice entry)
{
	struct slice rest = slice_of(list), one;
	while (slice_next_entry(&rest, &one))
		if (slice_eq(one, entry))
			return true;
	return false;
}

static bool is_empty(const char *list)
{
	struct slice rest = slice_of(list), ignored;
	return !list || !slice_next_entry(&rest, &ignored);
}

/* --- a token's parts ----------------------------------------------------------------------------------------- */

struct token {
	struct slice head, claims, signature; /* decoded */
	struct slice text;                    /* what was signed */
};

static enum rc split(struct slice s, struct arena *arena, struct token *out, struct err *err)
{
	if (s.len > OIDC_TOKEN_BYTES_MAX)
		return err_set(err, RC_REJECT, "a token of %zu bytes, at most %zu are allowed", s.len, OIDC_TOKEN_BYTES_MAX);
	size_t first = slice_find(s, '.', 0), second = slice_find(s, '.', first + 1);
	if (second >= s.len || slice_find(s, '.', second + 1) < s.len)
		return err_set(err, RC_REJECT, "no signed JSON Web Token: want three parts");
	out->text = slice_sub(s, 0, second);
	if (!base64url_decode(slice_sub(s, 0, first), arena, &out->head) ||
	    !base64url_decode(slice_sub(s, first + 1, second - first - 1), arena, &out->claims) ||
	    !base64url_decode(slice_sub(s, second + 1, s.len - second - 1), arena, &out->signature))
		return err_set(err, RC_REJECT, "no JSON Web Token: a part is not base64url");
	return RC_OK;
}

/* How many members the outermost object of a text that is JSON was written with. */
static size_t written_members(struct slice text)
{
	size_t depth = 0, members = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"')
			for (i++; i < text.len && text.ptr[i] != '"'; i++)
				i += text.ptr[i] == '\\';
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		members += c == ':' && depth == 1;
	}
	return members;
}

/* Of a name given twice one reader takes the first and another the last (RFC 7519, 4). */
static enum rc read_object(struct slice text, const char *what, struct json **out, struct err *err)
{
	TRY_WRAP(json_parse(text, out, err), err, "its %s", what);
	if (json_type(*out) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "its %s is no JSON object", what);
	if (written_members(text) != json_size(*out))
		return err_set(err, RC_REJECT, "its %s holds a name twice", what);
	return RC_OK;
}

static enum rc read_head(struct slice text, struct slice *out_kid, struct arena *arena, struct err *err)
{
	CLEANUP(json_freep) struct json *head = NULL;
	TRY(read_object(text, "header", &head, err));
	struct slice typ = json_get_string(head, "typ"), kid = json_get_string(head, "kid");
	if (!slice_is(json_get_string(head, "alg"), "RS256"))
		return err_set(err, RC_REJECT, "its alg is not RS256");
	if (json_get(head, "typ") && (typ.len != 3 || strncasecmp(typ.ptr, "JWT", 3) != 0))
		return err_set(err, RC_REJECT, "its typ is not JWT");
	if (json_get(head, "crit"))
		return err_set(err, RC_REJECT, "its header holds crit, which is not understood here");
	if (!kid.len || kid.len > JWKS_KID_BYTES_MAX)
		return err_set(err, RC_REJECT, "its header names no key (kid)");
	*out_kid = arena_copy(arena, kid);
	return RC_OK;
}

/* --- its claims ---------------------------------------------------------------------------------------------- */

static enum rc check_moment(const struct oidc *o, const struct json *claims, struct err *err)
{
	int64_t now = clock_now_ms(o->clock) / 1000, exp, iat, nbf = 0;
	if (!json_integer(json_get(claims, "exp"), &exp) || !json_integer(json_get(claims, "iat"), &iat) ||
	    (json_get(claims, "nbf") && !json_integer(json_get(claims, "nbf"), &nbf)))
		return err_set(err, RC_REJECT, "its exp, iat or nbf is missing or no number");
	if (exp <= now - OIDC_SKEW_S)
		return err_set(err, RC_REJECT, "it has expired");
	if (iat > now + OIDC_SKEW_S || nbf > now + OIDC_SKEW_S)
		return err_set(err, RC_REJECT, "it is not valid yet");
	return RC_OK;
}

/* For a message: a true token's claims are its issuer's words, some of them chosen by whoever asked for it. */
static int shown(struct slice s)
{
	return (int) (s.len < SHOWN_BYTES ? s.len : SHOWN_BYTES);
}

static enum oidc_verdict judge(const struct oidc *o, const struct json *claims, struct err *err)
{
	struct slice iss = json_get_string(claims, "iss"), aud = json_get_string(claims, "aud"), email = json_get_string(claims, "email");
	bool verified = false;
	enum rc rc = RC_OK;
	if (!iss.len || !is_listed(o->issuers, iss))
		rc = err_set(err, RC_REJECT, "its issuer (iss) is not one of %s", o->issuers);
	if (rc != RC_OK || check_moment(o, claims, err) != RC_OK)
		return OIDC_BAD;
	if (!slice_is(aud, o->audience))
		rc = err_set(err, RC_REJECT, "its audience (aud) is '%.*s', want '%s'", shown(aud), aud.ptr ? aud.ptr : "", o->audience);
	else if (!email.len || !is_listed(o->emails, email))
		rc = err_set(err, RC_REJECT, "its email is '%.*s', which is not on the list", shown(email), email.ptr ? email.ptr : "");
	else if (!json_bool(json_get(claims, "email_verified"), &verified) || !verified)
		rc = err_set(err, RC_REJECT, "its email is not verified (email_verified)");
	return rc == RC_OK ? OIDC_GOOD : OIDC_OTHER;
}

enum oidc_verdict oidc_check(struct oidc *o, struct slice text, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * OIDC_TOKEN_BYTES_MAX);
	CLEANUP(json_freep) struct json *claims = NULL;
	struct token token;
	struct slice kid;
	bool good = false;
	if (split(text, &arena, &token, err) != RC_OK || read_head(token.head, &kid, &arena, err) != RC_OK)
		return OIDC_BAD;
	enum rc rc = jwks_verify(o->jwks, kid, token.text, token.signature, &good, err);
	if (rc == RC_RETRY)
		return OIDC_UNKNOWN;
	if (rc == RC_OK && !good)
		rc = err_set(err, RC_REJECT, "its signature is not that of the key it names");
	if (rc != RC_OK || read_object(token.claims, "claims", &claims, err) != RC_OK)
		return OIDC_BAD;
	return judge(o, claims, err);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

enum rc oidc_open(const struct oidc_options *options, struct oidc **out, struct err *err)
{
	const char *url = options->jwks_url && options->jwks_url[0] ? options->jwks_url : OIDC_JWKS_URL;
	struct jwks *jwks;
	*out = NULL;
	if (!options->audience || !options->audience[0])
		return err_set(err, RC_FATAL, "OIDC: no audience: give the one the push subscription or job puts into its tokens");
	if (is_empty(options->emails))
		return err_set(err, RC_FATAL, "OIDC: no e-mail address: give those of the service accounts that may call");
	TRY(jwks_open(&(struct jwks_options){ .url = url, .clock = options->clock, .stop = options->stop }, &jwks, err));
	struct oidc *o = mem_alloc(sizeof *o);
	*o = (struct oidc){ .audience = mem_strdup(options->audience), .emails = mem_strdup(options->emails), .jwks = jwks,
		            .issuers = mem_strdup(is_empty(options->issuers) ? OIDC_ISSUERS : options->issuers), .clock = options->clock };
	*out = o;
	return RC_OK;
}

void oidc_close(struct oidc *o)
{
	if (!o)
		return;
	jwks_close(o->jwks);
	mem_free(o->audience);
	mem_free(o->emails);
	mem_free(o->issuers);
	mem_free(o);
}
