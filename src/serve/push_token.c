#include "serve/push_token.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/jwt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rsa_secret.h"
#include "io/file.h"
#include "serve/door.h"
#include "serve/reply.h"

#include <pthread.h>

#define PATH_BYTES 4200
#define LIFE_S 3600
#define RENEW_S 300
#define SKEW_S 30 /* a token of the future is signed anew: the clock was set back */
#define KEPT_MAX 64
#define ARENA_BYTES ((size_t) 256 << 10)
#define KID_BYTES 17
#define LOG "push"

struct kept {
	char *email, *audience, *token; /* NULL: free */
	int64_t issued_s;
};
struct push_tokens {
	char *key_path, *issuer;
	struct clock *clock;
	pthread_mutex_t lock; /* of all below */
	struct rsa_secret *key; /* NULL until it is needed */
	char kid[KID_BYTES];
	struct kept kept[KEPT_MAX];
};

struct push_tokens *push_tokens_open(const char *key_path, struct clock *clock)
{
	struct push_tokens *t = mem_alloc(sizeof *t);
	*t = (struct push_tokens){ .key_path = mem_strdup(key_path), .issuer = mem_strdup(""), .clock = clock,
		                   .lock = PTHREAD_MUTEX_INITIALIZER };
	return t;
}

static void forget(struct kept *k)
{
	mem_free(k->email);
	mem_free(k->audience);
	if (k->token)
		explicit_bzero(k->token, strlen(k->token));
	mem_free(k->token);
	*k = (struct kept){ 0 };
}

void push_tokens_close(struct push_tokens *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		forget(&t->kept[i]);
	rsa_secret_free(t->key);
	(void) pthread_mutex_destroy(&t->lock);
	mem_free(t->key_path);
	mem_free(t->issuer);
	mem_free(t);
}

void push_tokens_set_issuer(struct push_tokens *t, const char *url)
{
	pthread_mutex_lock(&t->lock);
	mem_free(t->issuer);
	t->issuer = mem_strdup(url);
	pthread_mutex_unlock(&t->lock);
}

/* --- the key ------------------------------------------------------------------------------------------------- */

static enum rc read_key(const char *path, struct rsa_secret **out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct slice pem;
	struct file_info info;
	TRY(file_read_info(path, RSA_SECRET_PEM_BYTES_MAX, &arena, &pem, &info, err));
	enum rc rc = RC_OK;
	struct err why = { 0 };
	if (!info.is_private)
		rc = err_set(err, RC_FATAL, "%s: others can read this secret key: delete it, the next push makes a new one", path);
	else if (rsa_secret_parse(pem, out, &why) != RC_OK)
		rc = err_set(err, RC_FATAL, "%s: %s: delete it, the next push makes a new one", path, why.msg);
	explicit_bzero((char *) (uintptr_t) pem.ptr, pem.len);
	return rc;
}

/* Under a name of its own first: of two processes that make one, the first one's is both's. */
static enum rc make_key(const char *path, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(rsa_secret_freep) struct rsa_secret *key = rsa_secret_new();
	char own[PATH_BYTES];
	bool created;
	(void) snprintf(own, sizeof own, "%s.%016llx", path, (unsigned long long) rand_os());
	struct slice pem = rsa_secret_pem(key, &arena);
	enum rc rc = file_replace_secret(own, pem, err);
	explicit_bzero((char *) (uintptr_t) pem.ptr, pem.len);
	TRY(rc);
	return file_move_new(own, path, true, &created, err);
}

static void name_key(struct push_tokens *t)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	char hex[HASH_HEX_BYTES];
	struct slice modulus, exponent;
	rsa_secret_public(t->key, &arena, &modulus, &exponent);
	hash_sha256_hex(modulus, hex);
	(void) snprintf(t->kid, sizeof t->kid, "%.16s", hex);
}

static enum rc need_key(struct push_tokens *t, struct err *err)
{
	if (t->key)
		return RC_OK;
	enum rc rc = read_key(t->key_path, &t->key, err);
	if (rc == RC_NOT_FOUND) {
		TRY(make_key(t->key_path, err));
		rc = read_key(t->key_path, &t->key, err);
	}
	TRY(rc);
	name_key(t);
	return RC_OK;
}

/* --- a token ------------------------------------------------------------------------------------------------- */

static struct json *claims(const struct push_tokens *t, const char *email, const char *audience, int64_t now_s)
{
	struct json *root = json_new_object();
	json_set(root, "aud", json_new_string(slice_of(audience)));
	json_set(root, "azp", json_new_string(slice_of(email)));
	json_set(root, "email", json_new_string(slice_of(email)));
	json_set(root, "email_verified", json_new_bool(true));
	json_set(root, "exp", json_new_integer(now_s + LIFE_S));
	json_set(root, "iat", json_new_integer(now_s));
	json_set(root, "iss", json_new_string(slice_of(t->issuer)));
	json_set(root, "sub", json_new_string(slice_of(email)));
	return root;
}

static bool is_fresh(const struct kept *k, int64_t now_s)
{
	return k->token && now_s >= k->issued_s - SKEW_S && now_s < k->issued_s + LIFE_S - RENEW_S;
}

/* The place of that token, else the one that has gone longest without being signed. */
static struct kept *place_of(struct push_tokens *t, const char *email, const char *audience)
{
	struct kept *oldest = &t->kept[0];
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct kept *k = &t->kept[i];
		if (k->token && strcmp(k->email, email) == 0 && strcmp(k->audience, audience) == 0)
			return k;
		if (!k->token || (oldest->token && k->issued_s < oldest->issued_s))
			oldest = k;
	}
	return oldest;
}

static enum rc get(struct push_tokens *t, const char *email, const char *audience, struct arena *arena, struct slice *out,
                   struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(ARENA_BYTES);
	int64_t now_s = clock_now_ms(t->clock) / 1000;
	struct kept *k = place_of(t, email, audience);
	bool is_ours = k->token && strcmp(k->email, email) == 0 && strcmp(k->audience, audience) == 0;
	if (!is_ours || !is_fresh(k, now_s)) {
		TRY(need_key(t, err));
		struct slice token = jwt_make(t->key, t->kid, claims(t, email, audience, now_s), &scratch);
		if (!token.ptr)
			return err_set(err, RC_REJECT, "the e-mail and the audience of the push token are too long");
		forget(k);
		*k = (struct kept){ mem_strdup(email), mem_strdup(audience), mem_strdup(token.ptr), now_s };
	}
	struct slice token = slice_of(k->token);
	if (!arena_fits(arena, token.len + 1))
		return err_set(err, RC_REJECT, "the push token is too long");
	*out = arena_copy(arena, token);
	return RC_OK;
}

enum rc push_tokens_get(struct push_tokens *t, const char *email, const char *audience, struct arena *arena, struct slice *out,
                        struct err *err)
{
	*out = SLICE_NULL;
	pthread_mutex_lock(&t->lock);
	enum rc rc = get(t, email, audience, arena, out, err);
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* --- what others verify with ---------------------------------------------------------------------------------- */

static void append_text(struct json *root, const char *name, const char *only)
{
	struct json *list = json_new_array();
	json_append(list, json_new_string(slice_of(only)));
	json_set(root, name, list);
}

static struct json *discovery(const struct push_tokens *t, struct arena *arena)
{
	struct json *root = json_new_object();
	json_set(root, "issuer", json_new_string(slice_of(t->issuer)));
	json_set(root, "jwks_uri", json_new_string(arena_printf(arena, "%s" PUSH_CERTS_PATH, t->issuer)));
	append_text(root, "response_types_supported", "id_token");
	append_text(root, "subject_types_supported", "public");
	append_text(root, "id_token_signing_alg_values_supported", "RS256");
	return root;
}

static struct json *certs(const struct push_tokens *t, struct arena *arena)
{
	struct json *root = json_new_object(), *list = json_new_array(), *key = json_new_object();
	struct slice modulus, exponent;
	rsa_secret_public(t->key, arena, &modulus, &exponent);
	json_set(key, "kty", json_new_string(SLICE("RSA")));
	json_set(key, "alg", json_new_string(SLICE("RS256")));
	json_set(key, "use", json_new_string(SLICE("sig")));
	json_set(key, "kid", json_new_string(slice_of(t->kid)));
	json_set(key, "n", json_new_string(base64url_encode(modulus, arena)));
	json_set(key, "e", json_new_string(base64url_encode(exponent, arena)));
	json_append(list, key);
	json_set(root, "keys", list);
	return root;
}

bool push_tokens_handle(struct push_tokens *t, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct err err = { 0 };
	bool is_certs = strcmp(rq->path, PUSH_CERTS_PATH) == 0;
	if (!is_certs && strcmp(rq->path, PUSH_DISCOVERY_PATH) != 0)
		return false;
	if (door_wrong_method(rq, reply, "GET"))
		return true;
	pthread_mutex_lock(&t->lock);
	enum rc rc = is_certs ? need_key(t, &err) : RC_OK;
	if (rc == RC_OK)
		root = is_certs ? certs(t, rq->arena) : discovery(t, rq->arena);
	pthread_mutex_unlock(&t->lock);
	if (rc == RC_OK) {
		reply_json(rq, reply, root);
		server_reply_header(reply, "Cache-Control", "public, max-age=3600");
		return true;
	}
	log_warn(LOG, "%s", err.msg); /* the answer goes to anybody */
	door_error(rq, reply, rc == RC_FATAL ? 500 : 503, "the key cannot be read or made; the log says why");
	return true;
}
