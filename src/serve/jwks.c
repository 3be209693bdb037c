#include "serve/jwks.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rsa.h"
#include "io/http.h"

#include <pthread.h>
#include <strings.h>

#define FRESH_MS_MIN ((int64_t) 5 * 60 * 1000)
#define FRESH_MS_MAX ((int64_t) 24 * 3600 * 1000)
#define STALE_MS_MAX FRESH_MS_MAX
#define GAP_MS 60000      /* between two fetches that somebody else's wish or an error leads to */
#define GAP_EMPTY_MS 5000 /* while there are no keys at all */
#define CONNECT_MS 5000
#define FETCH_MS 10000
#define FETCH_ARENA_BYTES ((size_t) 2 << 20)

struct key {
	char *kid;
	size_t kid_len;
	struct rsa_key *rsa;
};
/* Never changed once it is made; those who use it hold it. */
struct set {
	int holders; /* under the lock of jwks */
	size_t count;
	struct key key[JWKS_KEYS_MAX];
};

struct jwks {
	char *url;
	struct clock *clock;
	struct http *http; /* the fetching thread's */
	pthread_mutex_t lock;
	pthread_cond_t fetched;
	bool fetching;
	uint64_t fetches; /* that ended */
	struct set *set;  /* NULL at first */
	int64_t fresh_until_ms, tried_ms; /* of the clock that never goes back; tried: -1 for never */
	struct err why;                   /* the last fetch failed; "" when it did not */
};

/* --- a set of keys ------------------------------------------------------------------------------------------ */

static void set_free(struct set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++) {
		mem_free(set->key[i].kid);
		rsa_key_free(set->key[i].rsa);
	}
	mem_free(set);
}

static void set_freep(struct set **set)
{
	set_free(*set);
}

static const struct key *set_find(const struct set *set, struct slice kid)
{
	for (size_t i = 0; i < set->count; i++)
		if (slice_eq((struct slice){ set->key[i].kid, set->key[i].kid_len }, kid))
			return &set->key[i];
	return NULL;
}

static bool absent_or(const struct json *key, const char *member, const char *value)
{
	return !json_get(key, member) || slice_is(json_get_string(key, member), value);
}

/* Passed over when it cannot be used: a set may hold keys of kinds that are not known yet (RFC 7517, 5). */
static void take_key(struct set *set, const struct json *v, struct arena *arena)
{
	struct slice kid = json_get_string(v, "kid"), n, e;
	struct rsa_key *rsa;
	arena_reset(arena);
	if (!slice_is(json_get_string(v, "kty"), "RSA") || !absent_or(v, "alg", "RS256") || !absent_or(v, "use", "sig"))
		return;
	if (!kid.len || kid.len > JWKS_KID_BYTES_MAX || set_find(set, kid))
		return;
	if (!base64url_decode(json_get_string(v, "n"), arena, &n) || !base64url_decode(json_get_string(v, "e"), arena, &e))
		return;
	if (rsa_key_new(n, e, &rsa, NULL) != RC_OK)
		return;
	struct key *key = &set->key[set->count++];
	*key = (struct key){ .kid = mem_alloc(kid.len + 1), .kid_len = kid.len, .rsa = rsa };
	memcpy(key->kid, kid.ptr, kid.len);
}

static enum rc parse(struct slice text, struct set **out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new(2 * JWKS_BYTES_MAX);
	if (text.len > JWKS_BYTES_MAX)
		return err_set(err, RC_REJECT, "a key set of %zu bytes, at most %zu are allowed", text.len, JWKS_BYTES_MAX);
	TRY(json_parse(text, &root, err));
	const struct json *list = json_get(root, "keys");
	if (json_type(list) != JSON_ARRAY)
		return err_set(err, RC_REJECT, "no key set: want {\"keys\":[...]}");
	if (json_size(list) > JWKS_KEYS_MAX)
		return err_set(err, RC_REJECT, "a key set of %zu keys, at most %d are allowed", json_size(list), JWKS_KEYS_MAX);
	CLEANUP(set_freep) struct set *set = mem_alloc(sizeof *set);
	for (size_t i = 0; i < json_size(list); i++)
		take_key(set, json_at(list, i), &arena);
	if (!set->count)
		return err_set(err, RC_REJECT, "a key set without an RSA key for RS256 of %d to %d bits", RSA_BITS_MIN, RSA_BITS_MAX);
	*out = TAKE(set);
	return RC_OK;
}

enum rc jwks_look(struct slice text, size_t *out_count, struct err *err)
{
	CLEANUP(set_freep) struct set *set = NULL;
	TRY(parse(text, &set, err));
	*out_count = set->count;
	return RC_OK;
}

/* --- for how long it is good --------------------------------------------------------------------------------- */

static bool is_name(struct slice s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

/* "public, max-age=19000, must-revalidate" (RFC 9111, 5.2); 0 when it says nothing or says no. */
static int64_t max_age_s(struct slice cache_control)
{
	int64_t seconds = 0;
	for (size_t at = 0; at < cache_control.len;) {
		size_t end = slice_find(cache_control, ',', at);
		struct slice word = slice_trim(slice_sub(cache_control, at, end - at));
		size_t equals = slice_find(word, '=', 0);
		if (is_name(word, "no-store") || is_name(word, "no-cache"))
			return 0;
		if (equals < word.len && is_name(slice_sub(word, 0, equals), "max-age") &&
		    !slice_to_int(slice_sub(word, equals + 1, word.len - equals - 1), &seconds))
			seconds = 0;
		at = end + 1;
	}
	return seconds;
}

int64_t jwks_fresh_ms(struct slice cache_control, struct slice age)
{
	int64_t seconds = max_age_s(cache_control), age_s = 0;
	if (!slice_to_int(age, &age_s) || age_s < 0)
		age_s = 0;
	if (seconds <= FRESH_MS_MIN / 1000 || age_s >= seconds - FRESH_MS_MIN / 1000)
		return FRESH_MS_MIN;
	return seconds - age_s > FRESH_MS_MAX / 1000 ? FRESH_MS_MAX : (seconds - age_s) * 1000;
}

/* --- fetching ------------------------------------------------------------------------------------------------ */

static int64_t now_ms(const struct jwks *j)
{
	return clock_mono_ns(j->clock) / 1000000;
}

static enum rc fetch(struct jwks *j, struct set **out, int64_t *out_fresh_ms, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(FETCH_ARENA_BYTES);
	const struct http_request rq = { .method = "GET", .url = j->url };
	struct http_response r;
	TRY(http_send(j->http, &rq, &arena, &r, err));
	if (r.status != 200)
		return err_set(err, RC_RETRY, "%s: status %d", j->url, r.status);
	TRY_WRAP(parse(r.body, out, err), err, "%s", j->url);
	*out_fresh_ms = jwks_fresh_ms(http_response_header(&r, "Cache-Control"), http_response_header(&r, "Age"));
	return RC_OK;
}

static void drop(struct set *set)
{
	if (set && --set->holders == 0)
		set_free(set);
}

/* Called with the lock, which is open while the answer is waited for. */
static void fetch_now(struct jwks *j)
{
	struct set *set = NULL;
	struct err why = { 0 };
	int64_t fresh_ms = 0;
	bool has_old = j->set;
	j->fetching = true;
	(void) pthread_mutex_unlock(&j->lock);
	enum rc rc = fetch(j, &set, &fresh_ms, &why);
	if (rc != RC_OK && has_old) /* nobody else would say it */
		log_warn("serve", "no new keys to check tokens with, the old ones are used for up to a day: %s", why.msg);
	(void) pthread_mutex_lock(&j->lock);
	j->tried_ms = now_ms(j);
	j->why = why;
	if (rc == RC_OK) {
		drop(j->set);
		j->set = set;
		set->holders = 1;
		j->fresh_until_ms = j->tried_ms + fresh_ms;
	}
	j->fetching = false;
	j->fetches++;
	(void) pthread_cond_broadcast(&j->fetched);
}

static void wait_for_fetch(struct jwks *j)
{
	uint64_t before = j->fetches;
	while (j->fetches == before)
		(void) pthread_cond_wait(&j->fetched, &j->lock);
}

static bool may_fetch(const struct jwks *j, int64_t gap_ms)
{
	return j->tried_ms < 0 || now_ms(j) - j->tried_ms >= gap_ms;
}

/* Somebody needs the outcome: the one under way is good for all that came before its end. */
static void fetch_or_wait(struct jwks *j, int64_t gap_ms)
{
	if (j->fetching)
		wait_for_fetch(j);
	else if (may_fetch(j, gap_ms))
		fetch_now(j);
}

static bool has_keys(const struct jwks *j)
{
	return j->set && now_ms(j) - j->fresh_until_ms <= STALE_MS_MAX;
}

/* With the lock.  Old keys are used while somebody fetches new ones. */
static enum rc find(struct jwks *j, struct slice kid, const struct key **out, struct err *err)
{
	if (!has_keys(j))
		fetch_or_wait(j, GAP_EMPTY_MS);
	else if (now_ms(j) >= j->fresh_until_ms && !j->fetching && may_fetch(j, GAP_MS))
		fetch_now(j);
	if (!has_keys(j))
		return err_set(err, RC_RETRY, "no keys to check it with: %s", j->why.msg);
	*out = set_find(j->set, kid);
	if (*out)
		return RC_OK;
	fetch_or_wait(j, GAP_MS);
	*out = set_find(j->set, kid);
	return *out ? RC_OK : err_set(err, RC_NOT_FOUND, "the issuer has no key of that id");
}

enum rc jwks_verify(struct jwks *j, struct slice kid, struct slice text, struct slice signature, bool *out_good,
                    struct err *err)
{
	const struct key *key;
	struct set *held = NULL;
	*out_good = false;
	(void) pthread_mutex_lock(&j->lock);
	enum rc rc = find(j, kid, &key, err);
	if (rc == RC_OK) {
		held = j->set;
		held->holders++;
	}
	(void) pthread_mutex_unlock(&j->lock);
	if (rc != RC_OK)
		return rc;
	*out_good = rsa_verify(key->rsa, text, signature);
	(void) pthread_mutex_lock(&j->lock);
	drop(held);
	(void) pthread_mutex_unlock(&j->lock);
	return RC_OK;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

/* Whoever answers for the keys answers for who comes in.  (http://127.0.0.1:80@elsewhere/ is elsewhere.) */
static bool is_trusted(const char *url)
{
	static const char *const here[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };
	if (strncmp(url, "https://", 8) == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(here); i++) {
		size_t len = strlen(here[i]);
		if (strncmp(url, here[i], len) == 0 && (url[len] == ':' || url[len] == '/') && !strchr(url, '@'))
			return true;
	}
	return false;
}

enum rc jwks_open(const struct jwks_options *options, struct jwks **out, struct err *err)
{
	const struct http_options ho = { .connect_timeout_ms = CONNECT_MS, .timeout_ms = FETCH_MS, .body_limit_bytes = JWKS_BYTES_MAX,
		                         .user_agent = "sargam", .stop = options->stop };
	struct http *http;
	*out = NULL;
	if (!is_trusted(options->url))
		return err_set(err, RC_FATAL, "the address of the issuer's keys, '%.200s': want https://", options->url);
	TRY(http_open(&ho, &http, err));
	struct jwks *j = mem_alloc(sizeof *j);
	*j = (struct jwks){ .url = mem_strdup(options->url), .clock = options->clock, .http = http, .tried_ms = -1 };
	int failed = pthread_mutex_init(&j->lock, NULL) | pthread_cond_init(&j->fetched, NULL);
	assert(!failed);
	*out = j;
	return RC_OK;
}

void jwks_close(struct jwks *j)
{
	if (!j)
		return;
	drop(j->set);
	http_close(j->http);
	(void) pthread_cond_destroy(&j->fetched);
	(void) pthread_mutex_destroy(&j->lock);
	mem_free(j->url);
	mem_free(j);
}
