#include "base/hash.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *ctx;
};

struct hash *hash_open(void)
{
	struct hash *h = mem_alloc(sizeof *h);
	h->ctx = EVP_MD_CTX_new();
	int ok = h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL);
	assert(ok);
	return h;
}

void hash_add(struct hash *h, struct slice bytes)
{
	int ok = EVP_DigestUpdate(h->ctx, bytes.ptr, bytes.len);
	assert(ok);
}

static void to_hex(const unsigned char *digest, size_t len, char *out_hex)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out_hex[2 * i] = digits[digest[i] >> 4];
		out_hex[2 * i + 1] = digits[digest[i] & 15];
	}
	out_hex[2 * len] = '\0';
}

void hash_hex(const struct hash *h, char out_hex[static HASH_HEX_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	int ok = copy && EVP_MD_CTX_copy_ex(copy, h->ctx) && EVP_DigestFinal_ex(copy, digest, &len) && len == 32;
	assert(ok);
	EVP_MD_CTX_free(copy);
	to_hex(digest, len, out_hex);
}

void hash_close(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	mem_free(h);
}

void hash_sha256(struct slice bytes, uint8_t out[static HASH_BYTES])
{
	unsigned len = 0;
	int ok = EVP_Digest(bytes.len ? bytes.ptr : "", bytes.len, out, &len, EVP_sha256(), NULL);
	assert(ok && len == HASH_BYTES);
}

void hash_sha256_hex(struct slice bytes, char out_hex[static HASH_HEX_BYTES])
{
	unsigned char digest[HASH_BYTES];
	hash_sha256(bytes, digest);
	to_hex(digest, HASH_BYTES, out_hex);
}

uint64_t hash_u64(struct slice bytes)
{
	unsigned char digest[HASH_BYTES];
	hash_sha256(bytes, digest);
	uint64_t x = 0;
	for (int i = 0; i < 8; i++)
		x = x << 8 | digest[i];
	return x;
}

bool hash_same(const uint8_t a[static HASH_BYTES], const uint8_t b[static HASH_BYTES])
{
	return CRYPTO_memcmp(a, b, HASH_BYTES) == 0;
}
