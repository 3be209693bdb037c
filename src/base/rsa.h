/* RSA signatures of others (libcrypto): RS256 of RFC 7518, that is RSASSA-PKCS1-v1_5 with SHA-256.
 *
 * A key is public: modulus and exponent, as a JSON Web Key has them.  It may be used by several threads at once. */
#ifndef BASE_RSA_H
#define BASE_RSA_H

#include "base/slice.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

struct rsa_key;
/* Big-endian numbers.  RC_REJECT: the modulus is even or not of 2048 to 8192 bits, the exponent is even, 1 or over 64 bits. */
MUST_USE enum rc rsa_key_new(struct slice modulus, struct slice exponent, struct rsa_key **out, struct err *err);
void rsa_key_free(struct rsa_key *key);
static inline void rsa_key_freep(struct rsa_key **key)
{
	rsa_key_free(*key);
	*key = NULL;
}
/* Is `signature` this key's of `text`?  A signature of any other length than the modulus has is none. */
bool rsa_verify(const struct rsa_key *key, struct slice text, struct slice signature);

#endif
