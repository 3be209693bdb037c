/* RSA keys of our own (libcrypto): what they sign by RS256 (RFC 7518) is verified with base/rsa.h.
 *
 * A key is PEM (PKCS #8, RFC 7468) outside of memory, without a passphrase.  It may be used by several threads at once.  In memory
 * its secret numbers lie in libcrypto's secure heap, where that can be had: locked, left out of core files, wiped. */
#ifndef BASE_RSA_SECRET_H
#define BASE_RSA_SECRET_H

#include "base/arena.h"

#define RSA_SECRET_BITS 2048
#define RSA_SECRET_PEM_BYTES_MAX ((size_t) 16 << 10)

struct rsa_secret;
/* A new one; takes a tenth of a second, give or take. */
struct rsa_secret *rsa_secret_new(void);
/* RC_REJECT: it is no PEM of an RSA key that base/rsa.h would take, or it wants a passphrase. */
MUST_USE enum rc rsa_secret_parse(struct slice pem, struct rsa_secret **out, struct err *err);
void rsa_secret_free(struct rsa_secret *key);
static inline void rsa_secret_freep(struct rsa_secret **key)
{
	rsa_secret_free(*key);
	*key = NULL;
}
/* Owned by the arena; the caller wipes it (explicit_bzero). */
struct slice rsa_secret_pem(const struct rsa_secret *key, struct arena *arena);
/* Big-endian numbers, as rsa_key_new() takes them. */
void rsa_secret_public(const struct rsa_secret *key, struct arena *arena, struct slice *out_modulus, struct slice *out_exponent);
struct slice rsa_secret_sign(const struct rsa_secret *key, struct slice text, struct arena *arena);

#endif
