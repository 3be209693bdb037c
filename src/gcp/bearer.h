/* The access token at hand: one for all threads, refreshed by one of them while the others wait.
 *
 * It is renewed 225 s before it ends, as Google's clients do; when that fails the old one is used on while it is good.  A token
 * that lives shorter than that is used until it ends (the metadata server hands out what is left of its own), for at least
 * BEARER_USE_MS: a wrong expires_in cannot make a loop.  A token that was refused is never handed out again. */
#ifndef GCP_BEARER_H
#define GCP_BEARER_H

#include "gcp/credential.h"

#define BEARER_EARLY_MS 225000
#define BEARER_USE_MS 10000
#define BEARER_AGAIN_MS 30000 /* between early renewals that fail */

struct bearer; /* a counted token, in memory of its own */
struct bearers;
struct bearers *bearers_open(struct transport *t, struct credential *c); /* both not owned */
void bearers_close(struct bearers *b); /* takes NULL */
MUST_USE enum rc bearers_get(struct bearers *b, struct bearer **out, struct err *err);
/* An API answered 401 to this one. */
void bearers_refused(struct bearers *b, const struct bearer *which);
int64_t bearers_refreshes(struct bearers *b); /* so far, failed ones included */

/* "Bearer …", for the Authorization header; as long as it is held. */
struct slice bearer_header(const struct bearer *bearer);
void bearer_put(struct bearer *bearer); /* takes NULL */
static inline void bearer_putp(struct bearer **bearer)
{
	bearer_put(*bearer);
	*bearer = NULL;
}

#endif
