/* The accounts service: /authorize and /api/token (developer.spotify.com/documentation/web-api, "Authorization"). */
#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sim/simulator_private.h"

#define CODE_TTL_MS (10 * 60 * 1000)
#define REFRESH_TTL_MS ((int64_t) 182 * 86400 * 1000) /* from the day the user said yes, however often it is used */
#define CREDENTIALS_BYTES_MAX 1024
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static bool fits(const char *wanted, const char *given)
{
	return wanted[0] == '\0' || strcmp(wanted, given) == 0;
}

/* --- /authorize: the browser's side; nobody is asked, the answer is yes (or no, when told so) */

static void refuse_page(struct call *c, const char *message)
{
	c->reply->status = 400;
	c->reply->body = arena_copy(c->rq->arena, slice_of(message));
	server_reply_header(c->reply, "Content-Type", "text/plain; charset=utf-8");
}

/* https, or a loopback address as a number; "localhost" is refused since 2025-04-09. */
static bool redirect_ok(const char *uri)
{
	static const char *const loopback[] = { "http://127.0.0.1", "http://[::1]" };
	if (strpbrk(uri, "\r\n \"<>#"))
		return false;
	if (strncmp(uri, "https://", 8) == 0)
		return uri[8] != '\0';
	for (size_t i = 0; i < COUNT_OF(loopback); i++) {
		size_t len = strlen(loopback[i]);
		if (strncmp(uri, loopback[i], len) == 0)
			return uri[len] == '\0' || uri[len] == ':' || uri[len] == '/' || uri[len] == '?';
	}
	return false;
}

static const char *authorize_problem(struct call *c)
{
	const char *type = server_query(c->rq, "response_type"), *id = server_query(c->rq, "client_id");
	const char *uri = server_query(c->rq, "redirect_uri"), *challenge = server_query(c->rq, "code_challenge");
	const char *method = server_query(c->rq, "code_challenge_method");
	if (!id || !*id || strlen(id) >= NAME_BYTES || !fits(c->set.client_id, id))
		return "INVALID_CLIENT: Invalid client";
	if (!type || strcmp(type, "code") != 0)
		return "response_type must be code";
	if (!uri)
		return "Missing required parameter: redirect_uri";
	if (!redirect_ok(uri))
		return "INVALID_CLIENT: Insecure redirect URI";
	if (method && strcmp(method, "S256") != 0)
		return "code_challenge_method must be S256";
	if (challenge && (!method || strlen(challenge) != 43 || strspn(challenge, UNRESERVED) != 43))
		return "code_challenge must be the base64url of a SHA-256, and code_challenge_method S256";
	return NULL;
}

static struct slice redirect_to(struct call *c, const char *key, const char *value)
{
	const char *uri = server_query(c->rq, "redirect_uri");
	struct slice state = raw_query(c->rq, "state");
	return arena_printf(c->rq->arena, "%s%c%s=%s%s%.*s", uri, strchr(uri, '?') ? '&' : '?', key, value,
	                    state.ptr ? "&state=" : "", SLICE_FMT(state));
}

void accounts_authorize(struct call *c)
{
	const char *problem = authorize_problem(c), *challenge = server_query(c->rq, "code_challenge");
	const char *scope = server_query(c->rq, "scope");
	if (problem) {
		refuse_page(c, problem);
		return;
	}
	struct slice to;
	if (c->set.deny || server_query(c->rq, "deny")) {
		to = redirect_to(c, "error", "access_denied");
	} else {
		simulator_lock(c->s);
		struct token *t = token_make(c->s, TOKEN_CODE, CODE_TTL_MS);
		t->user = true;
		t->redirect_uri = mem_strdup(server_query(c->rq, "redirect_uri"));
		t->scope = scope ? mem_strdup(scope) : NULL;
		(void) snprintf(t->client_id, sizeof t->client_id, "%s", server_query(c->rq, "client_id"));
		if (challenge)
			(void) snprintf(t->challenge, sizeof t->challenge, "%s", challenge);
		to = redirect_to(c, "code", t->text);
		simulator_unlock(c->s);
	}
	c->reply->status = 302;
	c->reply->body = SLICE("");
	server_reply_header(c->reply, "Location", to.ptr);
}

/* --- /api/token */

/* Errors of this service look other than those of the Web API. */
static void refuse(struct call *c, const char *error, const char *description)
{
	CLEANUP(json_freep) struct json *body = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	json_set(body, "error", json_new_string(slice_of(error)));
	if (description)
		json_set(body, "error_description", json_new_string(slice_of(description)));
	json_write(body, JSON_COMPACT, &text);
	answer_json(c, 400, &text);
}

struct client {
	const char *id, *secret; /* NULL: not given */
};

/* By the Basic header, or in the body. */
static bool read_client(struct call *c, struct client *out)
{
	const char *header = server_header(c->rq, "Authorization");
	*out = (struct client){ 0 };
	if (!header) {
		out->id = server_form(c->rq, "client_id");
		out->secret = server_form(c->rq, "client_secret");
		return out->id != NULL;
	}
	struct slice plain;
	if (strncasecmp(header, "Basic ", 6) != 0 || strlen(header) > CREDENTIALS_BYTES_MAX ||
	    !base64_decode(slice_of(header + 6), c->rq->arena, &plain) || memchr(plain.ptr, '\0', plain.len))
		return false;
	size_t colon = slice_find(plain, ':', 0);
	out->id = arena_strdup(c->rq->arena, slice_sub(plain, 0, colon));
	out->secret = colon < plain.len ? arena_strdup(c->rq->arena, slice_sub(plain, colon + 1, plain.len - colon - 1)) : NULL;
	return true;
}

/* Tells what is wrong with it; `need_secret`: a client without one (PKCE) will not do. */
static bool client_ok(struct call *c, const struct client *client, bool need_secret)
{
	if (!client->id && !client->secret) {
		refuse(c, "invalid_client", NULL);
		return false;
	}
	bool known = client->id && client->id[0] && strlen(client->id) < NAME_BYTES && fits(c->set.client_id, client->id);
	bool secret = client->secret ? client->secret[0] && fits(c->set.client_secret, client->secret) : !need_secret;
	if (!known || !secret)
		refuse(c, "invalid_client", "Invalid client");
	return known && secret;
}

struct grant {
	bool user, pkce;
	int64_t granted_ms;
	const char *scope, *refresh; /* refresh: a new refresh token to hand out, or NULL */
};

static void hand_out(struct call *c, const struct client *client, const struct grant *g)
{
	CLEANUP(json_freep) struct json *body = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	simulator_lock(c->s);
	struct token *t = token_make(c->s, TOKEN_ACCESS, c->set.token_ttl_s * 1000);
	t->user = g->user;
	(void) snprintf(t->client_id, sizeof t->client_id, "%s", client->id);
	json_set(body, "access_token", json_new_string(slice_of(t->text)));
	simulator_unlock(c->s);
	json_set(body, "token_type", json_new_string(SLICE("Bearer")));
	json_set(body, "expires_in", json_new_integer(c->set.token_ttl_s));
	if (g->user && slice_is_utf8(slice_of(g->scope), NULL))
		json_set(body, "scope", json_new_string(slice_of(g->scope)));
	if (g->refresh)
		json_set(body, "refresh_token", json_new_string(slice_of(g->refresh)));
	json_write(body, JSON_COMPACT, &text);
	server_reply_header(c->reply, "Cache-Control", "no-store");
	answer_json(c, 200, &text);
}

/* With the lock held: a refresh token of the grant, its text in the request's arena. */
static const char *make_refresh(struct call *c, const struct client *client, const struct grant *g)
{
	int64_t left_ms = g->granted_ms + REFRESH_TTL_MS - clock_now_ms(c->s->clock);
	struct token *t = token_make(c->s, TOKEN_REFRESH, left_ms);
	t->user = true;
	t->pkce = g->pkce;
	t->granted_ms = g->granted_ms;
	t->scope = mem_strdup(g->scope);
	(void) snprintf(t->client_id, sizeof t->client_id, "%s", client->id);
	return arena_strdup(c->rq->arena, slice_of(t->text));
}

static bool verifier_ok(struct call *c, const char *challenge, const char *verifier)
{
	uint8_t digest[HASH_BYTES];
	size_t len = verifier ? strlen(verifier) : 0;
	if (len < 43 || len > 128 || strspn(verifier, UNRESERVED) != len)
		return false;
	hash_sha256(slice_of(verifier), digest);
	return slice_is(base64url_encode((struct slice){ (const char *) digest, sizeof digest }, c->rq->arena), challenge);
}

/* With the lock held: its own client's attempt uses the code up, whatever comes of it.  The problem, or NULL. */
static const char *redeem(struct call *c, const struct client *client, struct grant *out)
{
	const char *code = server_form(c->rq, "code"), *uri = server_form(c->rq, "redirect_uri");
	struct token *t = code ? token_find(c->s, TOKEN_CODE, code) : NULL;
	if (!t || t->dead || strcmp(t->client_id, client->id) != 0)
		return "Invalid authorization code";
	t->dead = true;
	if (clock_now_ms(c->s->clock) >= t->expires_ms)
		return "Authorization code expired";
	if (!uri || strcmp(uri, t->redirect_uri) != 0)
		return "Invalid redirect URI";
	if (t->challenge[0] && !verifier_ok(c, t->challenge, server_form(c->rq, "code_verifier")))
		return "code_verifier was incorrect";
	if (!t->challenge[0] && !client->secret)
		return "a code without code_challenge needs the client's secret";
	*out = (struct grant){ .user = true, .pkce = t->challenge[0], .granted_ms = clock_now_ms(c->s->clock) };
	out->scope = arena_strdup(c->rq->arena, slice_of(t->scope ? t->scope : ""));
	out->refresh = make_refresh(c, client, out);
	return NULL;
}

/* With the lock held. */
static const char *refresh(struct call *c, const struct client *client, struct grant *out)
{
	const char *text = server_form(c->rq, "refresh_token");
	struct token *t = text ? token_find(c->s, TOKEN_REFRESH, text) : NULL;
	if (!t || strcmp(t->client_id, client->id) != 0)
		return "Invalid refresh token";
	if (t->dead)
		return "Refresh token revoked";
	if (clock_now_ms(c->s->clock) >= t->expires_ms)
		return "Refresh token expired";
	if (!t->pkce && !client->secret)
		return "Invalid refresh token";
	*out = (struct grant){ .user = true, .pkce = t->pkce, .granted_ms = t->granted_ms };
	out->scope = arena_strdup(c->rq->arena, slice_of(t->scope));
	t->dead = c->set.rotate;
	if (c->set.rotate)
		out->refresh = make_refresh(c, client, out);
	return NULL;
}

static void grant(struct call *c, const char *(*ask)(struct call *, const struct client *, struct grant *),
                  const struct client *client)
{
	struct grant g;
	simulator_lock(c->s);
	const char *problem = ask(c, client, &g);
	simulator_unlock(c->s);
	if (problem)
		refuse(c, "invalid_grant", problem);
	else
		hand_out(c, client, &g);
}

void accounts_token(struct call *c)
{
	const char *type = server_form(c->rq, "grant_type");
	struct client client;
	bool credentials = type && strcmp(type, "client_credentials") == 0;
	if (strcmp(c->rq->method, "POST") != 0) {
		answer_error(c, 405, "Method not allowed");
		return;
	}
	if (!read_client(c, &client) && server_header(c->rq, "Authorization")) {
		refuse(c, "invalid_client", "Invalid client");
		return;
	}
	if (!client_ok(c, &client, credentials))
		return;
	if (credentials)
		hand_out(c, &client, &(struct grant){ 0 });
	else if (type && strcmp(type, "authorization_code") == 0)
		grant(c, redeem, &client);
	else if (type && strcmp(type, "refresh_token") == 0)
		grant(c, refresh, &client);
	else
		refuse(c, "unsupported_grant_type", "grant_type must be client_credentials, authorization_code or refresh_token");
}
