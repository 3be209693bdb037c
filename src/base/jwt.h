/* JSON Web Tokens that we sign (RFC 7519, RS256 of RFC 7518). */
#ifndef BASE_JWT_H
#define BASE_JWT_H

#include "base/arena.h"
#include "base/json.h"
#include "base/rsa_secret.h"

#define JWT_CLAIMS_BYTES_MAX ((size_t) 32 << 10)

/* Takes `claims` over.  `kid` names the key, NULL when it has no name.  SLICE_NULL when the claims are longer than JWT_CLAIMS_BYTES_MAX.
 * The arena must have room for three times what comes out. */
struct slice jwt_make(const struct rsa_secret *key, const char *kid, struct json *claims, struct arena *arena);

#endif
