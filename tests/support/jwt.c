#include "support/jwt.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "io/server.h"
#include "test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define SIGNATURE_BYTES_MAX 2048

struct jwt_key {
	EVP_PKEY *pkey;
};

struct jwt_key *jwt_key_new(unsigned bits, unsigned primes)
{
	struct jwt_key *key = mem_alloc(sizeof *key);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int) bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, (int) primes), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key->pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

void jwt_key_free(struct jwt_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	mem_free(key);
}

static struct slice number(const struct jwt_key *key, const char *name, struct arena *arena)
{
	BIGNUM *bn = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key->pkey, name, &bn), 1);
	unsigned char *bytes = arena_alloc(arena, (size_t) BN_num_bytes(bn));
	struct slice s = { (const char *) bytes, (size_t) BN_bn2bin(bn, bytes) };
	BN_free(bn);
	return s;
}

struct slice jwt_jwk(const struct jwt_key *key, const char *kid, struct arena *arena)
{
	struct slice n = base64url_encode(number(key, OSSL_PKEY_PARAM_RSA_N, arena), arena);
	struct slice e = base64url_encode(number(key, OSSL_PKEY_PARAM_RSA_E, arena), arena);
	return arena_printf(arena, "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\"%s\",\"n\":\"%.*s\",\"e\":\"%.*s\"}", kid,
	                    SLICE_FMT(n), SLICE_FMT(e));
}

static struct slice signature(const struct jwt_key *key, const char *alg, struct slice text, struct arena *arena)
{
	static unsigned char out[SIGNATURE_BYTES_MAX];
	size_t len = sizeof out;
	if (strcmp(alg, "none") == 0)
		return SLICE("");
	if (strcmp(alg, "HS256") == 0) {
		struct slice secret = number(key, OSSL_PKEY_PARAM_RSA_N, arena);
		unsigned mac_len = 0;
		assert_non_null(HMAC(EVP_sha256(), secret.ptr, (int) secret.len, (const unsigned char *) text.ptr, text.len, out, &mac_len));
		len = mac_len;
	} else {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey), 1);
		assert_int_equal(EVP_DigestSign(ctx, out, &len, (const unsigned char *) text.ptr, text.len), 1);
		EVP_MD_CTX_free(ctx);
	}
	return base64url_encode((struct slice){ (const char *) out, len }, arena);
}

struct slice jwt_sign(const struct jwt_key *key, const char *alg, struct slice head, struct slice claims, struct arena *arena)
{
	struct slice a = base64url_encode(head, arena), b = base64url_encode(claims, arena);
	struct slice text = arena_printf(arena, "%.*s.%.*s", SLICE_FMT(a), SLICE_FMT(b));
	struct slice sig = signature(key, alg, text, arena);
	return arena_printf(arena, "%.*s.%.*s", SLICE_FMT(text), SLICE_FMT(sig));
}

/* A member unless it is left out. */
static void add_member(struct buf *out, const char *name, const char *value, const char *otherwise, const char *quote)
{
	value = value ? value : otherwise;
	if (*value)
		buf_addf(out, ",\"%s\":%s%s%s", name, quote, value, quote);
}

struct slice jwt_token(const struct jwt_key *key, const char *kid, struct clock *clock, const struct jwt_claims *c,
                       struct arena *arena)
{
	CLEANUP(buf_done) struct buf claims = buf_new(1 << 20);
	int64_t now = clock_now_ms(clock) / 1000;
	buf_addf(&claims, "{\"sub\":\"113774264463038321964\",\"iat\":%lld,\"exp\":%lld", (long long) (c->iat ? c->iat : now),
	         (long long) (c->exp ? c->exp : now + 3600));
	add_member(&claims, "iss", c->iss, "https://accounts.google.com", "\"");
	add_member(&claims, "aud", c->aud, JWT_AUDIENCE, "\"");
	add_member(&claims, "email", c->email, JWT_EMAIL, "\"");
	add_member(&claims, "email_verified", c->email_verified, "true", "");
	buf_addf(&claims, "%s}", c->more ? c->more : "");
	struct slice head = arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
	return jwt_sign(key, "RS256", head, buf_slice(&claims), arena);
}

/* --- the issuer's server */

static void answer(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct jwt_issuer *issuer = ctx;
	(void) __atomic_add_fetch(&issuer->fetches, 1, __ATOMIC_SEQ_CST);
	if (issuer->delay_ms)
		clock_sleep_ms(clock_system(), issuer->delay_ms);
	reply->status = issuer->status;
	if (issuer->cache_control[0])
		server_reply_header(reply, "Cache-Control", issuer->cache_control);
	reply->body = arena_copy(rq->arena, slice_of(issuer->body));
}

void jwt_issuer_open(struct jwt_issuer *issuer)
{
	const struct server_options options = { .what = "issuer", .connections_max = 16, .body_limit_bytes = 1 << 16, .head_limit_bytes = 1 << 14,
		                                .idle_timeout_s = 30, .handle = answer, .ctx = issuer };
	struct err err = { 0 };
	*issuer = (struct jwt_issuer){ .status = 200, .cache_control = "public, max-age=20000, must-revalidate" };
	if (server_open(&options, &issuer->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(issuer->url, sizeof issuer->url, "http://127.0.0.1:%d/certs", server_port(issuer->server));
}

void jwt_issuer_close(struct jwt_issuer *issuer)
{
	server_close(issuer->server);
}

void jwt_issuer_publish(struct jwt_issuer *issuer, struct slice one, struct slice two)
{
	(void) snprintf(issuer->body, sizeof issuer->body, "{\"keys\":[%.*s%s%.*s]}", SLICE_FMT(one), two.ptr ? "," : "", SLICE_FMT(two));
}
