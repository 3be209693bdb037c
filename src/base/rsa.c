#include "base/rsa.h"

#include "base/mem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define NUMBER_BYTES_MAX (RSA_BITS_MAX / 8 + 8) /* some spell leading zeros */
#define EXPONENT_BITS_MAX 64                   /* libcrypto uses no larger one with a long modulus */

struct rsa_key {
	EVP_PKEY *pkey;
};

static void bn_freep(BIGNUM **bn)
{
	BN_free(*bn);
}

static void builder_freep(OSSL_PARAM_BLD **builder)
{
	OSSL_PARAM_BLD_free(*builder);
}

static void params_freep(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

static void context_freep(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static BIGNUM *number(struct slice s)
{
	if (s.len > NUMBER_BYTES_MAX)
		return NULL;
	BIGNUM *bn = BN_bin2bn((const unsigned char *) s.ptr, (int) s.len, NULL);
	if (!bn)
		abort();
	return bn;
}

static EVP_PKEY *make(const BIGNUM *n, const BIGNUM *e)
{
	EVP_PKEY *pkey = NULL;
	CLEANUP(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	CLEANUP(context_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (!builder || !ctx || !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) ||
	    !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
		abort();
	CLEANUP(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	if (!params)
		abort();
	bool made = EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
	ERR_clear_error();
	return made ? pkey : NULL;
}

enum rc rsa_key_new(struct slice modulus, struct slice exponent, struct rsa_key **out, struct err *err)
{
	CLEANUP(bn_freep) BIGNUM *n = number(modulus);
	CLEANUP(bn_freep) BIGNUM *e = number(exponent);
	*out = NULL;
	if (!n || !BN_is_odd(n) || BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX)
		return err_set(err, RC_REJECT, "RSA key: want an odd modulus of %d to %d bits", RSA_BITS_MIN, RSA_BITS_MAX);
	if (!e || !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > EXPONENT_BITS_MAX)
		return err_set(err, RC_REJECT, "RSA key: want an odd exponent from 3, of at most %d bits", EXPONENT_BITS_MAX);
	EVP_PKEY *pkey = make(n, e);
	if (!pkey)
		return err_set(err, RC_REJECT, "RSA key: libcrypto does not take it");
	*out = mem_alloc(sizeof **out);
	(*out)->pkey = pkey;
	return RC_OK;
}

void rsa_key_free(struct rsa_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	mem_free(key);
}

bool rsa_verify(const struct rsa_key *key, struct slice text, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) != 1)
		abort();
	bool good = EVP_DigestVerify(ctx, (const unsigned char *) signature.ptr, signature.len, (const unsigned char *) text.ptr,
	                             text.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error(); /* why not is nobody's business, and the queue is the thread's */
	return good;
}
