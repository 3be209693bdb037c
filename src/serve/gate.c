#include "serve/gate.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "serve/door.h"
#include "serve/oidc.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <strings.h>

#define LOG_GAP_MS 1000
#define RETRY_AFTER_MS 5000

struct gate {
	bool has_token;
	uint8_t token[HASH_BYTES];
	struct oidc *oidc;
	char *hosts;
	struct clock *clock;
	pthread_mutex_t lock;
	int64_t logged_ms; /* -1: never */
	int64_t unlogged;
};

/* --- the token ----------------------------------------------------------------------------------------------- */

/* b64token of RFC 6750, 2.1 */
static bool is_bearer(struct slice s)
{
	static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
	for (size_t i = 0; i < s.len; i++)
		if (!memchr(signs, s.ptr[i], sizeof signs - 1))
			return false;
	return s.len > 0;
}

static enum rc check_token(struct slice token, const char *where, struct err *err)
{
	if (token.len < GATE_TOKEN_BYTES_MIN || token.len > GATE_TOKEN_BYTES_MAX)
		return err_set(err, RC_FATAL, "%s: a token of %zu characters, want %d to %d; `openssl rand -hex 32` makes one", where, token.len,
		               GATE_TOKEN_BYTES_MIN, GATE_TOKEN_BYTES_MAX);
	if (!is_bearer(token))
		return err_set(err, RC_FATAL, "%s: want letters, digits and -._~+/= only; `openssl rand -hex 32` makes one", where);
	return RC_OK;
}

static enum rc read_file(const char *file, struct arena *arena, struct slice *out, struct err *err)
{
	struct file_info info;
	struct slice text;
	if (file_read_info(file, GATE_TOKEN_BYTES_MAX + 2, arena, &text, &info, err) != RC_OK)
		return err_wrap(err, RC_FATAL, "the service's token");
	if (!info.is_private)
		return err_set(err, RC_FATAL, "%s could be read by others: run `chmod 600 %s`, and make a new token if somebody may have", file, file);
	*out = slice_trim(slice_sub(text, 0, slice_find(text, '\n', 0)));
	return check_token(*out, file, err);
}

enum rc gate_token_read(const char *file, struct arena *arena, struct slice *out, struct err *err)
{
	const char *value = getenv(GATE_TOKEN_ENV);
	*out = SLICE_NULL;
	if (value && *value) {
		TRY(check_token(slice_of(value), GATE_TOKEN_ENV, err));
		*out = arena_copy(arena, slice_of(value));
		return RC_OK;
	}
	return file && *file ? read_file(file, arena, out, err) : RC_OK;
}

bool gate_is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 ? IN6_IS_ADDR_LOOPBACK(&v6) : strcasecmp(address, "localhost") == 0;
}

/* --- pages from elsewhere ------------------------------------------------------------------------------------ */

static bool same_name(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* "name:port" without the port; an address of IPv6 stands in brackets. */
static struct slice host_name(struct slice host)
{
	size_t bracket = slice_find(host, ']', 0);
	return slice_sub(host, 0, slice_find(host, ':', bracket < host.len ? bracket : 0));
}

static bool is_named(const char *list, struct slice name)
{
	struct slice rest = slice_of(list), one;
	while (slice_next_entry(&rest, &one))
		if (same_name(one, name))
			return true;
	return false;
}

static bool is_here(const struct gate *g, const char *host)
{
	struct slice name = host_name(slice_of(host));
	return is_named("localhost,127.0.0.1,[::1]", name) || is_named(g->hosts, name);
}

/* The page came from this very server: "http://" or "https://" and the Host. */
static bool same_origin(const char *origin, const char *host)
{
	const char *behind = strstr(origin, "://");
	bool web = strncasecmp(origin, "http://", 7) == 0 || strncasecmp(origin, "https://", 8) == 0;
	return web && same_name(slice_of(behind + 3), slice_of(host));
}

static bool changes_nothing(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

static enum rc check_page(const struct gate *g, const struct server_request *rq, struct err *err)
{
	const char *host = server_header(rq, "Host"), *origin = server_header(rq, "Origin");
	if (!host || !is_here(g, host))
		return err_set(err, RC_REJECT, "Host '%.200s' is no name of this machine", host ? host : "");
	if (origin && !changes_nothing(rq->method) && !same_origin(origin, host))
		return err_set(err, RC_REJECT, "a page of '%.200s' may not change anything here", origin);
	return RC_OK;
}

/* --- who it is ----------------------------------------------------------------------------------------------- */

/* "Bearer" and what follows it; SLICE_NULL when there is none. */
static struct slice bearer(const struct server_request *rq)
{
	static const char scheme[] = "Bearer ";
	const char *value = server_header(rq, "Authorization");
	if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
		return SLICE_NULL;
	return slice_trim(slice_of(value + sizeof scheme - 1));
}

static bool is_token(const struct gate *g, struct slice given)
{
	uint8_t hash[HASH_BYTES];
	hash_sha256(given, hash);
	return g->has_token && hash_same(hash, g->token);
}

static enum oidc_verdict look(struct gate *g, struct slice given, struct err *err)
{
	if (given.ptr && is_token(g, given))
		return OIDC_GOOD;
	if (given.ptr && g->oidc)
		return oidc_check(g->oidc, given, err);
	(void) err_set(err, RC_REJECT, given.ptr ? "another token than the service's" : "no bearer token");
	return OIDC_BAD;
}

/* A flood of bad requests must not become a flood of lines. */
static void tell(struct gate *g, const struct server_request *rq, const char *why)
{
	int64_t now_ms = clock_mono_ns(g->clock) / 1000000, others = 0;
	(void) pthread_mutex_lock(&g->lock);
	bool quiet = g->logged_ms >= 0 && now_ms - g->logged_ms < LOG_GAP_MS;
	if (quiet) {
		g->unlogged++;
	} else {
		others = g->unlogged;
		g->unlogged = 0;
		g->logged_ms = now_ms;
	}
	(void) pthread_mutex_unlock(&g->lock);
	if (!quiet && others)
		log_warn("serve", "%.20s %.200s refused: %s (%lld others since the last such line)", rq->method, rq->path, why, (long long) others);
	else if (!quiet)
		log_warn("serve", "%.20s %.200s refused: %s", rq->method, rq->path, why);
}

static void refuse(const struct server_request *rq, struct server_reply *reply, enum oidc_verdict verdict, bool has_token)
{
	if (verdict == OIDC_UNKNOWN) {
		door_later(rq, reply, RETRY_AFTER_MS, "the token cannot be checked at the moment");
	} else if (verdict == OIDC_OTHER) {
		door_error(rq, reply, 403, "this token may not come in here");
	} else {
		door_error(rq, reply, 401, "want Authorization: Bearer with a token of this service");
		server_reply_header(reply, "WWW-Authenticate",
		                    has_token ? "Bearer realm=\"sargam\", error=\"invalid_token\"" : "Bearer realm=\"sargam\"");
	}
}

bool gate_handle(struct gate *g, const struct server_request *rq, struct server_reply *reply)
{
	struct err err = { 0 };
	bool open = !g->has_token && !g->oidc;
	if (strcmp(rq->path, "/healthz") == 0 || strcmp(rq->path, "/readyz") == 0)
		return false;
	struct slice given = open ? SLICE_NULL : bearer(rq);
	if (open && check_page(g, rq, &err) == RC_OK)
		return false;
	enum oidc_verdict verdict = open ? OIDC_OTHER : look(g, given, &err);
	if (verdict == OIDC_GOOD)
		return false;
	tell(g, rq, err.msg);
	if (open)
		door_error(rq, reply, 403, "this service answers programs of this machine, not pages of other sites");
	else
		refuse(rq, reply, verdict, given.ptr != NULL);
	return true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

enum rc gate_open(const struct gate_options *options, struct gate **out, struct err *err)
{
	*out = NULL;
	if (!options->token.ptr && !options->oidc && !gate_is_loopback(options->address))
		return err_set(err, RC_FATAL,
		               "others could reach %.100s and everything would be open to them: set " GATE_TOKEN_ENV
		               " (%d characters or more) or OIDC, or listen on 127.0.0.1",
		               options->address, GATE_TOKEN_BYTES_MIN);
	struct gate *g = mem_alloc(sizeof *g);
	*g = (struct gate){ .has_token = options->token.ptr != NULL, .oidc = options->oidc, .clock = options->clock, .logged_ms = -1,
		            .hosts = mem_strdup(options->hosts ? options->hosts : "") };
	if (g->has_token)
		hash_sha256(options->token, g->token);
	int failed = pthread_mutex_init(&g->lock, NULL);
	assert(!failed);
	*out = g;
	return RC_OK;
}

void gate_close(struct gate *g)
{
	if (!g)
		return;
	(void) pthread_mutex_destroy(&g->lock);
	mem_free(g->hosts);
	mem_free(g);
}
