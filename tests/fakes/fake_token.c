/* Who gives out tokens: Google's token endpoint, the security token service, IAM credentials, the metadata server; and what every
 * route of an API asks: is this token good?
 *
 * POST /control {"set":{…}}: "expires_in" (any JSON value, sent as it is; null: left out), "life_s" (how long tokens are really good),
 * "token_bytes" (their length, at least), "same_token" (true: the metadata server hands out one token until it ends), "flavor" (false:
 * the metadata server's answers do not say that they are), "rotate" (true: a refresh gives a new refresh token, and the old one
 * dies), "clock_skew_s" (the assertion's times are compared with a clock that is so far off). */
#include "base/base64.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rsa.h"
#include "base/time.h"
#include "fakes/fake.h"

#include <stdio.h>

#define TOKENS_MAX 4096
#define LIFE_S 3600
#define TOKEN_BYTES 300 /* longer than any buffer somebody might have thought enough */
#define TOKEN_BYTES_MAX 30000
#define SKEW_S 300
#define REFRESH_MAX 64

struct issued {
	char *text, *email;
	int64_t end_ms;
	bool revoked;
};
struct tokens {
	pthread_mutex_t lock;
	struct clock *clock;
	struct issued *issued;
	size_t count;
	bool revoked; /* no grant is good any more */
	char *refresh[REFRESH_MAX]; /* the last is the one that is good */
	size_t refreshes;
	/* settings */
	struct json *expires_in; /* NULL: life_s */
	bool no_expires_in, same_token, flavor, rotate;
	int64_t life_s, token_bytes, skew_s;
};

static void settle(struct tokens *t)
{
	json_free(t->expires_in);
	t->expires_in = NULL;
	t->no_expires_in = t->same_token = t->rotate = false;
	t->flavor = true;
	t->life_s = LIFE_S;
	t->token_bytes = TOKEN_BYTES;
	t->skew_s = 0;
}

static void forget_refresh(struct tokens *t)
{
	for (size_t i = 0; i < t->refreshes; i++)
		mem_free(t->refresh[i]);
	t->refresh[0] = mem_strdup(FAKE_REFRESH_TOKEN);
	t->refreshes = 1;
}

struct tokens *tokens_new(struct clock *clock)
{
	struct tokens *t = mem_alloc(sizeof *t);
	*t = (struct tokens){ .lock = PTHREAD_MUTEX_INITIALIZER, .clock = clock, .issued = mem_alloc_array(TOKENS_MAX, sizeof *t->issued) };
	settle(t);
	forget_refresh(t);
	return t;
}

void tokens_free(struct tokens *t)
{
	for (size_t i = 0; i < t->count; i++) {
		mem_free(t->issued[i].text);
		mem_free(t->issued[i].email);
	}
	for (size_t i = 0; i < t->refreshes; i++)
		mem_free(t->refresh[i]);
	json_free(t->expires_in);
	(void) pthread_mutex_destroy(&t->lock);
	mem_free(t->issued);
	mem_free(t);
}

static void set_locked(struct tokens *t, const struct json *s)
{
	const struct json *expires = json_get(s, "expires_in");
	t->life_s = json_get_integer(s, "life_s", t->life_s);
	t->skew_s = json_get_integer(s, "clock_skew_s", t->skew_s);
	t->token_bytes = json_get_integer(s, "token_bytes", t->token_bytes);
	if (t->token_bytes > TOKEN_BYTES_MAX)
		t->token_bytes = TOKEN_BYTES_MAX;
	(void) json_bool(json_get(s, "same_token"), &t->same_token);
	(void) json_bool(json_get(s, "flavor"), &t->flavor);
	(void) json_bool(json_get(s, "rotate"), &t->rotate);
	if (json_type(expires) == JSON_ABSENT)
		return;
	json_free(t->expires_in);
	t->no_expires_in = json_type(expires) == JSON_NULL;
	t->expires_in = t->no_expires_in ? NULL : json_clone(expires);
}

void tokens_set(struct tokens *t, const struct json *settings)
{
	pthread_mutex_lock(&t->lock);
	set_locked(t, settings);
	pthread_mutex_unlock(&t->lock);
}

void tokens_reset(struct tokens *t)
{
	pthread_mutex_lock(&t->lock);
	settle(t);
	t->revoked = false;
	forget_refresh(t);
	pthread_mutex_unlock(&t->lock);
}

void tokens_expire(struct tokens *t)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->count; i++)
		t->issued[i].end_ms = 0;
	pthread_mutex_unlock(&t->lock);
}

void tokens_revoke(struct tokens *t, bool revoked)
{
	pthread_mutex_lock(&t->lock);
	t->revoked = revoked;
	for (size_t i = 0; revoked && i < t->count; i++)
		t->issued[i].revoked = true;
	pthread_mutex_unlock(&t->lock);
}

static struct slice issue_locked(struct tokens *t, const char *email, struct arena *arena)
{
	assert(t->count < TOKENS_MAX);
	struct issued *i = &t->issued[t->count++];
	CLEANUP(buf_done) struct buf text = buf_new(2 * TOKEN_BYTES_MAX);
	buf_adds(&text, "ya29.fake-");
	do
		buf_addf(&text, "%016llx", (unsigned long long) rand_os());
	while (text.len < (size_t) t->token_bytes);
	*i = (struct issued){ mem_strdup(buf_str(&text)), mem_strdup(email), clock_now_ms(t->clock) + t->life_s * 1000, false };
	return arena_copy(arena, buf_slice(&text));
}

struct slice tokens_issue(struct tokens *t, const char *email, struct arena *arena)
{
	pthread_mutex_lock(&t->lock);
	struct slice token = issue_locked(t, email, arena);
	pthread_mutex_unlock(&t->lock);
	return token;
}

bool tokens_check(struct tokens *t, const char *authorization, struct arena *arena, const char **out_email)
{
	bool good = false;
	if (!authorization || strncmp(authorization, "Bearer ", 7) != 0)
		return false;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->count && !good; i++) {
		const struct issued *one = &t->issued[i];
		if (strcmp(one->text, authorization + 7) != 0)
			continue;
		good = !one->revoked && clock_now_ms(t->clock) < one->end_ms;
		*out_email = good ? arena_strdup(arena, slice_of(one->email)) : "";
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return good;
}

bool tokens_secret(struct tokens *t, size_t i, struct arena *arena, struct slice *out)
{
	static const char *const fixed[] = { FAKE_REFRESH_TOKEN, FAKE_SUBJECT_TOKEN, FAKE_CLIENT_SECRET };
	bool found = true;
	pthread_mutex_lock(&t->lock);
	if (i < COUNT_OF(fixed))
		*out = slice_of(fixed[i]);
	else if (i - COUNT_OF(fixed) < t->count)
		*out = arena_copy(arena, slice_of(t->issued[i - COUNT_OF(fixed)].text));
	else
		found = false;
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* --- answers -------------------------------------------------------------------------------------------------- */

static void refuse(struct fake_call *call, const char *error, const char *description)
{
	struct json *root = json_new_object();
	json_set(root, "error", json_new_string(slice_of(error)));
	json_set(root, "error_description", json_new_string(slice_of(description)));
	fake_json(call, 400, root);
}

static bool is_revoked(struct tokens *t)
{
	pthread_mutex_lock(&t->lock);
	bool revoked = t->revoked;
	pthread_mutex_unlock(&t->lock);
	return revoked;
}

static struct json *granted(struct tokens *t, const char *email, bool may_repeat, struct arena *arena)
{
	struct json *root = json_new_object();
	pthread_mutex_lock(&t->lock);
	const struct issued *last = t->count ? &t->issued[t->count - 1] : NULL;
	bool again = may_repeat && t->same_token && last && !last->revoked && clock_now_ms(t->clock) < last->end_ms;
	struct slice token = again ? arena_copy(arena, slice_of(last->text)) : issue_locked(t, email, arena);
	int64_t left_s = (t->issued[t->count - 1].end_ms - clock_now_ms(t->clock)) / 1000;
	json_set(root, "access_token", json_new_string(token));
	if (!t->no_expires_in)
		json_set(root, "expires_in", t->expires_in ? json_clone(t->expires_in) : json_new_integer(left_s));
	json_set(root, "token_type", json_new_string(SLICE("Bearer")));
	pthread_mutex_unlock(&t->lock);
	return root;
}

static bool is_post(struct fake_call *call, const char *type)
{
	const char *sent = server_header(call->rq, "Content-Type");
	if (strcmp(call->rq->method, "POST") == 0 && sent && strncmp(sent, type, strlen(type)) == 0)
		return true;
	fake_error(call, 400, NULL, "want a POST of the right Content-Type");
	return false;
}

/* --- the token endpoint --------------------------------------------------------------------------------------- */

static const char *text(const struct json *claims, const char *name, struct arena *arena)
{
	struct slice s = json_get_string(claims, name);
	return s.ptr ? arena_strdup(arena, s) : "";
}

static const char *check_claims(struct fake_call *call, const struct json *claims)
{
	struct tokens *t = fake_tokens(call->fake);
	struct arena *arena = call->rq->arena;
	pthread_mutex_lock(&t->lock);
	int64_t now_s = clock_now_ms(t->clock) / 1000 + t->skew_s;
	pthread_mutex_unlock(&t->lock);
	int64_t iat = json_get_integer(claims, "iat", 0), exp = json_get_integer(claims, "exp", 0);
	const char *aud = text(claims, "aud", arena);
	if (strcmp(text(claims, "iss", arena), FAKE_EMAIL) != 0)
		return "Invalid grant: account not found";
	if (strcmp(aud, arena_printf(arena, "%s/token", fake_url(call->fake)).ptr) != 0 && strcmp(aud, "https://oauth2.googleapis.com/token") != 0)
		return "Invalid JWT: Failed audience check.";
	if (exp <= iat || exp - iat > LIFE_S || iat > now_s + SKEW_S || exp < now_s)
		return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values.";
	if (!strstr(text(claims, "scope", arena), "https://www.googleapis.com/auth/"))
		return "Invalid OAuth scope or ID token audience provided.";
	return NULL;
}

static bool decode(struct slice part, struct arena *arena, struct json **out)
{
	struct slice bytes;
	return base64url_decode(part, arena, &bytes) && json_parse(bytes, out, NULL) == RC_OK;
}

/* NULL: a good assertion.  The claims become the log's note. */
static const char *check_assertion(struct fake_call *call, struct slice jwt)
{
	CLEANUP(json_freep) struct json *head = NULL;
	CLEANUP(json_freep) struct json *claims = NULL;
	CLEANUP(rsa_key_freep) struct rsa_key *key = NULL;
	struct arena *arena = call->rq->arena;
	size_t one = slice_find(jwt, '.', 0), two = slice_find(jwt, '.', one + 1);
	struct slice modulus, exponent, signature;
	if (two >= jwt.len || slice_find(jwt, '.', two + 1) < jwt.len)
		return "Invalid JWT: want three parts";
	if (!decode(slice_sub(jwt, 0, one), arena, &head) || !decode(slice_sub(jwt, one + 1, two - one - 1), arena, &claims) ||
	    !base64url_decode(slice_sub(jwt, two + 1, jwt.len - two - 1), arena, &signature))
		return "Invalid JWT: not base64url of JSON";
	call->note = json_new_object();
	json_set(call->note, "head", json_clone(head));
	json_set(call->note, "claims", json_clone(claims));
	if (strcmp(text(head, "alg", arena), "RS256") != 0 || strcmp(text(head, "typ", arena), "JWT") != 0)
		return "Invalid JWT: want RS256";
	if (strcmp(text(head, "kid", arena), FAKE_KEY_ID) != 0)
		return "Invalid JWT Signature. (no such kid)";
	rsa_secret_public(fake_key(call->fake), arena, &modulus, &exponent);
	if (rsa_key_new(modulus, exponent, &key, NULL) != RC_OK || !rsa_verify(key, slice_sub(jwt, 0, two), signature))
		return "Invalid JWT Signature.";
	return check_claims(call, claims);
}

static bool is_good_refresh(struct tokens *t, const char *token)
{
	pthread_mutex_lock(&t->lock);
	bool good = strcmp(t->refresh[t->refreshes - 1], token) == 0;
	pthread_mutex_unlock(&t->lock);
	return good;
}

static void rotate(struct tokens *t, struct json *answer)
{
	pthread_mutex_lock(&t->lock);
	if (t->rotate && t->refreshes < REFRESH_MAX) {
		CLEANUP(buf_done) struct buf next = buf_new(256);
		buf_addf(&next, FAKE_REFRESH_TOKEN "-%zu", t->refreshes);
		t->refresh[t->refreshes++] = mem_strdup(buf_str(&next));
		json_set(answer, "refresh_token", json_new_string(buf_slice(&next)));
	}
	pthread_mutex_unlock(&t->lock);
}

/* The client's id and secret: in the form, or in the Authorization header. */
static bool is_client(struct fake_call *call, bool basic)
{
	const char *id = server_form(call->rq, "client_id"), *secret = server_form(call->rq, "client_secret");
	const char *header = server_header(call->rq, "Authorization");
	if (!basic)
		return id && secret && strcmp(id, FAKE_CLIENT_ID) == 0 && strcmp(secret, FAKE_CLIENT_SECRET) == 0;
	struct slice want = base64_encode(SLICE(FAKE_CLIENT_ID ":" FAKE_CLIENT_SECRET), call->rq->arena);
	return header && strncmp(header, "Basic ", 6) == 0 && slice_is(want, header + 6);
}

static void refresh(struct fake_call *call, bool basic)
{
	struct tokens *t = fake_tokens(call->fake);
	const char *token = server_form(call->rq, "refresh_token");
	if (!is_client(call, basic)) {
		refuse(call, "invalid_client", "The OAuth client was not found.");
	} else if (!token || !is_good_refresh(t, token) || is_revoked(t)) {
		refuse(call, "invalid_grant", "Token has been expired or revoked.");
	} else {
		struct json *answer = granted(t, "user@example.com", false, call->rq->arena);
		rotate(t, answer);
		fake_json(call, 200, answer);
	}
}

static void token_endpoint(struct fake_call *call)
{
	struct tokens *t = fake_tokens(call->fake);
	if (!is_post(call, "application/x-www-form-urlencoded"))
		return;
	const char *grant = server_form(call->rq, "grant_type"), *assertion = server_form(call->rq, "assertion");
	if (grant && strcmp(grant, "refresh_token") == 0) {
		refresh(call, false);
		return;
	}
	if (!grant || !assertion || strcmp(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer") != 0) {
		refuse(call, "unsupported_grant_type", "Invalid grant_type");
		return;
	}
	const char *wrong = check_assertion(call, slice_of(assertion));
	if (wrong || is_revoked(t))
		refuse(call, "invalid_grant", wrong ? wrong : "Invalid JWT Signature.");
	else
		fake_json(call, 200, granted(t, FAKE_EMAIL, false, call->rq->arena));
}

/* --- the security token service ------------------------------------------------------------------------------- */

static void sts_token(struct fake_call *call)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange" },
		{ "audience", FAKE_AUDIENCE },
		{ "requested_token_type", "urn:ietf:params:oauth:token-type:access_token" },
		{ "subject_token_type", "urn:ietf:params:oauth:token-type:jwt" },
	};
	struct tokens *t = fake_tokens(call->fake);
	if (!is_post(call, "application/x-www-form-urlencoded"))
		return;
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		const char *sent = server_form(call->rq, want[i].name);
		if (!sent || strcmp(sent, want[i].value) != 0) {
			refuse(call, "invalid_request", arena_printf(call->rq->arena, "Invalid value for %s", want[i].name).ptr);
			return;
		}
	}
	const char *subject = server_form(call->rq, "subject_token"), *scope = server_form(call->rq, "scope");
	if (!scope || !strstr(scope, "https://www.googleapis.com/auth/")) {
		refuse(call, "invalid_scope", "no scope");
	} else if (!subject || strcmp(subject, FAKE_SUBJECT_TOKEN) != 0 || is_revoked(t)) {
		refuse(call, "invalid_grant", "The subject token is not valid for this provider.");
	} else {
		struct json *answer = granted(t, "principal://fake/subject/1", false, call->rq->arena);
		json_set(answer, "issued_token_type", json_new_string(SLICE("urn:ietf:params:oauth:token-type:access_token")));
		fake_json(call, 200, answer);
	}
}

static void sts_refresh(struct fake_call *call)
{
	const char *grant = server_form(call->rq, "grant_type");
	if (!is_post(call, "application/x-www-form-urlencoded"))
		return;
	if (!grant || strcmp(grant, "refresh_token") != 0)
		refuse(call, "unsupported_grant_type", "Invalid grant_type");
	else
		refresh(call, true);
}

/* The machine's own identity provider, for credentials of type external_account. */
static void subject(struct fake_call *call)
{
	const char *flavor = server_header(call->rq, "X-Subject"), *format = server_query(call->rq, "format");
	if (!flavor || strcmp(flavor, "yes") != 0)
		fake_error(call, 403, NULL, "want the header X-Subject: yes");
	else if (format && strcmp(format, "json") == 0)
		call->reply->body = SLICE("{\"value\":\"" FAKE_SUBJECT_TOKEN "\"}");
	else
		call->reply->body = SLICE(FAKE_SUBJECT_TOKEN);
}

/* --- IAM credentials ------------------------------------------------------------------------------------------ */

static void impersonate(struct fake_call *call)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct tokens *t = fake_tokens(call->fake);
	struct slice rest = slice_of(call->rq->path + sizeof "/v1/projects/-/serviceAccounts/" - 1);
	struct slice end = SLICE(":generateAccessToken");
	if (!is_post(call, "application/json"))
		return;
	if (!slice_ends(rest, end) || json_parse(call->rq->body, &root, NULL) != RC_OK) {
		fake_error(call, 400, NULL, "want …:generateAccessToken and a JSON body");
		return;
	}
	struct slice lifetime = json_get_string(root, "lifetime"), email = slice_sub(rest, 0, rest.len - end.len);
	int64_t life_s = 0;
	if (!json_size(json_get(root, "scope")) || !slice_ends(lifetime, SLICE("s")) ||
	    !slice_to_int(slice_sub(lifetime, 0, lifetime.len - 1), &life_s) || life_s < 1 || life_s > LIFE_S) {
		fake_error(call, 400, NULL, "want scope, and lifetime up to 3600s");
		return;
	}
	call->note = json_clone(root);
	pthread_mutex_lock(&t->lock);
	int64_t real_s = life_s < t->life_s ? life_s : t->life_s;
	pthread_mutex_unlock(&t->lock);
	struct json *answer = json_new_object();
	json_set(answer, "accessToken", json_new_string(tokens_issue(t, arena_strdup(call->rq->arena, email), call->rq->arena)));
	json_set(answer, "expireTime", json_new_string(slice_of(time_rfc3339(clock_now_ms(t->clock) / 1000 + real_s).s)));
	fake_json(call, 200, answer);
}

/* --- the metadata server -------------------------------------------------------------------------------------- */

static void metadata(struct fake_call *call)
{
	static const char root[] = "/computeMetadata/v1/";
	struct tokens *t = fake_tokens(call->fake);
	const char *flavor = server_header(call->rq, "Metadata-Flavor"), *path = call->rq->path;
	pthread_mutex_lock(&t->lock);
	bool says = t->flavor;
	pthread_mutex_unlock(&t->lock);
	if (says)
		server_reply_header(call->reply, "Metadata-Flavor", "Google");
	if (!flavor || strcmp(flavor, "Google") != 0 || server_header(call->rq, "X-Forwarded-For")) {
		call->reply->status = 403;
		call->reply->body = SLICE("Missing Metadata-Flavor:Google header.");
		return;
	}
	path += strncmp(path, root, sizeof root - 1) == 0 ? sizeof root - 1 : 0;
	if (strcmp(path, "/") == 0 || strcmp(path, "/computeMetadata/v1") == 0)
		call->reply->body = SLICE("computeMetadata/\n");
	else if (strcmp(path, "instance/service-accounts/default/token") == 0 || strcmp(path, "instance/service-accounts/" FAKE_EMAIL "/token") == 0)
		fake_json(call, 200, granted(t, FAKE_EMAIL, true, call->rq->arena));
	else if (strcmp(path, "instance/service-accounts/default/email") == 0)
		call->reply->body = SLICE(FAKE_EMAIL);
	else if (strcmp(path, "instance/service-accounts/default/") == 0 || strcmp(path, "instance/service-accounts/" FAKE_EMAIL "/") == 0)
		call->reply->body = SLICE("{\"aliases\":[\"default\"],\"email\":\"" FAKE_EMAIL "\",\"scopes\":[\"https://www.googleapis.com/auth/cloud-platform\"]}");
	else if (strcmp(path, "project/project-id") == 0)
		call->reply->body = SLICE(FAKE_PROJECT);
	else if (strcmp(path, "project/numeric-project-id") == 0)
		call->reply->body = SLICE("123456789012");
	else
		call->reply->status = 404;
	if (call->reply->body.len && call->reply->body.ptr[0] == '{')
		server_reply_header(call->reply, "Content-Type", "application/json");
	else
		server_reply_header(call->reply, "Content-Type", "application/text");
}

void tokens_add_routes(struct fake *f)
{
	static const struct fake_route route[] = {
		{ .prefix = "=/token", .open = true, .handle = token_endpoint },
		{ .prefix = "=/v1/token", .open = true, .handle = sts_token },
		{ .prefix = "=/v1/oauthtoken", .open = true, .handle = sts_refresh },
		{ .prefix = "=/subject", .open = true, .handle = subject },
		{ .prefix = "/v1/projects/-/serviceAccounts/", .handle = impersonate },
		{ .prefix = "=/", .open = true, .handle = metadata },
		{ .prefix = "/computeMetadata/v1", .open = true, .handle = metadata },
	};
	for (size_t i = 0; i < COUNT_OF(route); i++)
		fake_route_add(f, &route[i]);
}
