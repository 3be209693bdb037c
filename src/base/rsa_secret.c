#include "base/rsa_secret.h"

#include "base/mem.h"
#include "base/rsa.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>

#define SECURE_HEAP_BYTES ((size_t) 1 << 20) /* a key of 8192 bits takes about 5 KB of it */
#define SECURE_HEAP_LEAST 32

struct rsa_secret {
	EVP_PKEY *pkey;
};

/* Without leave to lock memory it is not locked, without memory at all keys lie in the ordinary one, wiped all the same. */
static void open_secure_heap(void)
{
	(void) CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_LEAST);
}

static void need_secure_heap(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void) pthread_once(&once, open_secure_heap);
}

static struct rsa_secret *wrap(EVP_PKEY *pkey)
{
	struct rsa_secret *key = mem_alloc(sizeof *key);
	key->pkey = pkey;
	return key;
}

struct rsa_secret *rsa_secret_new(void)
{
	need_secure_heap();
	EVP_PKEY *pkey = EVP_RSA_gen(RSA_SECRET_BITS);
	if (!pkey)
		abort();
	return wrap(pkey);
}

/* Asked for a passphrase, libcrypto would ask the terminal. */
static int no_passphrase(char *out, int size, int for_writing, void *ctx)
{
	(void) out, (void) size, (void) for_writing, (void) ctx;
	return -1;
}

enum rc rsa_secret_parse(struct slice pem, struct rsa_secret **out, struct err *err)
{
	*out = NULL;
	if (pem.len > RSA_SECRET_PEM_BYTES_MAX)
		return err_set(err, RC_REJECT, "over %zu bytes, no RSA key is so long", RSA_SECRET_PEM_BYTES_MAX);
	need_secure_heap();
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int) pem.len);
	if (!bio)
		abort();
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	bool usable = pkey && EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN && EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX;
	if (usable) {
		*out = wrap(pkey);
		return RC_OK;
	}
	EVP_PKEY_free(pkey);
	return err_set(err, RC_REJECT, "no RSA key of %d to %d bits as PEM without a passphrase", RSA_BITS_MIN, RSA_BITS_MAX);
}

void rsa_secret_free(struct rsa_secret *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey); /* wipes it */
	mem_free(key);
}

struct slice rsa_secret_pem(const struct rsa_secret *key, struct arena *arena)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_secmem());
	if (!bio || PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	long len = BIO_get_mem_data(bio, &text);
	struct slice pem = arena_copy(arena, (struct slice){ text, (size_t) len });
	BIO_free(bio);
	return pem;
}

static struct slice number(const struct rsa_secret *key, const char *name, struct arena *arena)
{
	BIGNUM *bn = NULL;
	if (EVP_PKEY_get_bn_param(key->pkey, name, &bn) != 1)
		abort();
	unsigned char *bytes = arena_alloc(arena, (size_t) BN_num_bytes(bn));
	struct slice s = { (const char *) bytes, (size_t) BN_bn2bin(bn, bytes) };
	BN_free(bn);
	return s;
}

void rsa_secret_public(const struct rsa_secret *key, struct arena *arena, struct slice *out_modulus, struct slice *out_exponent)
{
	*out_modulus = number(key, OSSL_PKEY_PARAM_RSA_N, arena);
	*out_exponent = number(key, OSSL_PKEY_PARAM_RSA_E, arena);
}

struct slice rsa_secret_sign(const struct rsa_secret *key, struct slice text, struct arena *arena)
{
	size_t len = (size_t) EVP_PKEY_get_size(key->pkey);
	unsigned char *signature = arena_alloc(arena, len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, (const unsigned char *) text.ptr, text.len) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	return (struct slice){ (const char *) signature, len };
}
