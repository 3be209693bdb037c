/* The gate: which request may pass to the handlers behind it.
 *
 * A server that only this machine can reach and that has neither a token nor OIDC lets everybody on this machine in, but no browser
 * page from elsewhere: the Host must be a name of this machine (else a page whose name was made to mean 127.0.0.1 could read and write:
 * DNS rebinding), and what changes something must not come from another Origin (Fetch standard; a page can send, though not read).
 * Otherwise a request must carry `Authorization: Bearer …` with the service's token or an ID token that OIDC finds good; only
 * /healthz and /readyz are open.  Then Host and Origin do not matter: a page of elsewhere has no token, and browsers add none.
 *
 * 401 with WWW-Authenticate: no token or none that is good.  403: a true token of the wrong audience or address; a page from
 * elsewhere.  503 with Retry-After: a token that cannot be checked now.  The answer does not say which check failed; the log does, in
 * at most one line a second, and never shows a token. */
#ifndef SERVE_GATE_H
#define SERVE_GATE_H

#include "io/server.h"

#define GATE_TOKEN_ENV "SARGAM_SERVE_TOKEN"
#define GATE_TOKEN_BYTES_MIN 32
#define GATE_TOKEN_BYTES_MAX 4096

struct clock;
struct oidc;
struct gate_options {
	const char *address; /* where the server listens: "127.0.0.1", "::1", "localhost", "0.0.0.0", … */
	struct slice token;  /* of gate_token_read; SLICE_NULL for none; only its hash is kept */
	struct oidc *oidc;   /* not owned; NULL for none */
	const char *hosts;   /* other names this machine is called by (a proxy's), "a.example,b.example"; NULL or "" for none; copied */
	struct clock *clock;
};
struct gate;
/* RC_FATAL: others could reach that address and there is neither a token nor OIDC; the message says what to do. */
MUST_USE enum rc gate_open(const struct gate_options *options, struct gate **out, struct err *err);
void gate_close(struct gate *g); /* takes NULL; no request may be under way */
/* Answers what may not pass; false for a request that may.  Ask it before all handlers.  On any thread. */
bool gate_handle(struct gate *g, const struct server_request *rq, struct server_reply *reply);

/* The service's token: GATE_TOKEN_ENV in the environment, else the first line of `file` (NULL or "": none), which nobody else may be able
 * to read; SLICE_NULL when neither is there.  RC_FATAL: it is too short, too long or no bearer token (RFC 6750), or the file cannot be
 * read or others could read it.  Wipe it after gate_open (explicit_bzero). */
MUST_USE enum rc gate_token_read(const char *file, struct arena *arena, struct slice *out, struct err *err);
/* Is that an address which only this machine can reach? */
bool gate_is_loopback(const char *address);

#endif
