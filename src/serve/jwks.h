/* The public keys of an issuer (a JSON Web Key Set, RFC 7517), fetched over https and kept.
 *
 * One request at a time fetches, the others that need the outcome wait for it.  Keys are fresh for the answer's
 * max-age, at least 5 minutes and at most 24 hours.  Then they are fetched anew; while that fails the old ones are used for another
 * 24 hours, and it is tried again at most once a minute.  A key id that is not among them leads to one fetch too (the issuer
 * may have new keys), but to at most one a minute, so that forged ids cost the issuer nothing.
 *
 * Used: keys of type RSA for signatures by RS256, 2048 to 8192 bits.  Others of the set are passed over; a set without one
 * that can be used, of more than 64 keys or of more than 256 KiB is no set and the old keys stay.  All functions may be
 * called on any thread. */
#ifndef SERVE_JWKS_H
#define SERVE_JWKS_H

#include "base/slice.h"

#define JWKS_BYTES_MAX ((size_t) 256 << 10)
#define JWKS_KEYS_MAX 64
#define JWKS_KID_BYTES_MAX 256

struct clock;
struct jwks_options {
	const char *url;    /* copied; https, or http on this machine */
	struct clock *clock;
	const atomic_bool *stop; /* ends a fetch; may be NULL */
};
struct jwks;
/* Nothing is fetched yet.  RC_FATAL: the URL is none of those. */
MUST_USE enum rc jwks_open(const struct jwks_options *options, struct jwks **out, struct err *err);
void jwks_close(struct jwks *j); /* takes NULL; no call may be under way */

/* Did the key of that id sign `text`?  RC_NOT_FOUND: there is no such key.  RC_RETRY: there are no keys at the moment. */
MUST_USE enum rc jwks_verify(struct jwks *j, struct slice kid, struct slice text, struct slice signature, bool *out_good,
                             struct err *err);

/* For tests of the parser: how many keys of the text can be used.  RC_REJECT as above. */
MUST_USE enum rc jwks_look(struct slice text, size_t *out_count, struct err *err);
/* For how long an answer with that Cache-Control and Age is fresh; SLICE_NULL: not said. */
int64_t jwks_fresh_ms(struct slice cache_control, struct slice age);

#endif
