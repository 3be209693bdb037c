/* ID tokens of Google's kind: who is behind a request of Pub/Sub or Cloud Scheduler
 * (cloud.google.com/pubsub/docs/authenticate-push-subscriptions, developers.google.com/identity/openid-connect, RFC 7519,
 * RFC 8725 for what not to trust).
 *
 * A token is good when it is RS256 of a key its issuer publishes (serve/jwks.h), `iss` is one of the issuers, `exp`, `iat` and `nbf`
 * allow this moment give or take 60 s, `aud` is the audience, `email` one of the addresses and `email_verified` true.
 * Refused whatever it says: another alg, no kid, `crit`, a header or claim given twice, base64url that is not canonical, over 16 KiB.
 * No message holds the token or a part of its signature. */
#ifndef SERVE_OIDC_H
#define SERVE_OIDC_H

#include "base/slice.h"

#define OIDC_TOKEN_BYTES_MAX ((size_t) 16 << 10)
#define OIDC_SKEW_S 60
#define OIDC_ISSUERS "https://accounts.google.com,accounts.google.com"
#define OIDC_JWKS_URL "https://www.googleapis.com/oauth2/v3/certs"

struct clock;
struct oidc_options { /* strings are copied; lists are separated by commas, white space around an entry does not count */
	const char *audience; /* one; bytes are compared */
	const char *emails;   /* who may come in: at least one */
	const char *issuers;  /* NULL or "": OIDC_ISSUERS */
	const char *jwks_url; /* NULL or "": OIDC_JWKS_URL */
	struct clock *clock;
	const atomic_bool *stop; /* ends a fetch of keys; may be NULL */
};
struct oidc;
/* RC_FATAL names the option that is missing or wrong. */
MUST_USE enum rc oidc_open(const struct oidc_options *options, struct oidc **out, struct err *err);
void oidc_close(struct oidc *o); /* takes NULL; no call may be under way */

enum oidc_verdict {
	OIDC_GOOD,
	OIDC_BAD,     /* no token of such an issuer, or not now: 401 */
	OIDC_OTHER,   /* a true token, for another audience or of another address: 403 */
	OIDC_UNKNOWN, /* it cannot be checked at the moment: 503 */
};
/* `err` says why it is not good.  On any thread; may wait for the issuer's keys, 10 s at most. */
MUST_USE enum oidc_verdict oidc_check(struct oidc *o, struct slice token, struct err *err);

#endif
