/* An issuer of ID tokens for tests: RSA keys made at run time, tokens signed with them, the key set as an issuer publishes it. */
#ifndef SUPPORT_JWT_H
#define SUPPORT_JWT_H

#include "base/arena.h"
#include "base/clock.h"

struct jwt_key;
/* `primes` 2, or more for a large key that is made quickly: to who verifies it is a modulus like any other. */
struct jwt_key *jwt_key_new(unsigned bits, unsigned primes);
void jwt_key_free(struct jwt_key *key);
/* {"kty":"RSA","alg":"RS256","use":"sig","kid":…,"n":…,"e":…} */
struct slice jwt_jwk(const struct jwt_key *key, const char *kid, struct arena *arena);
/* base64url(head) "." base64url(claims) "." signature; `alg` is what is done, whatever the head says: "RS256", "HS256" (with the
 * public key's modulus as the secret, the classic of attacks) or "none". */
struct slice jwt_sign(const struct jwt_key *key, const char *alg, struct slice head, struct slice claims, struct arena *arena);
/* A good one, but for what `more` says (",\"nbf\":1"): later names win. */
struct jwt_claims {
	const char *iss, *aud, *email, *email_verified; /* the last as JSON; NULL: that of a good one; "": left out */
	int64_t iat, exp;                               /* 0: now, and an hour from now */
	const char *more;
};
#define JWT_AUDIENCE "https://sargam.example/push"
#define JWT_EMAIL "push@project.iam.gserviceaccount.com"
struct slice jwt_token(const struct jwt_key *key, const char *kid, struct clock *clock, const struct jwt_claims *claims,
                       struct arena *arena);

/* The issuer's server: what it answers can be changed at any time. */
struct server;
struct jwt_issuer {
	struct server *server;
	char url[64];
	char body[64 << 10];
	char cache_control[96];
	int status, fetches; /* fetches: since it was opened */
	int64_t delay_ms;
};
void jwt_issuer_open(struct jwt_issuer *issuer);
void jwt_issuer_close(struct jwt_issuer *issuer);
/* {"keys":[one,two]}; `two` may be SLICE_NULL. */
void jwt_issuer_publish(struct jwt_issuer *issuer, struct slice one, struct slice two);

#endif
