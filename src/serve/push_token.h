/* ID tokens of the push deliverer's own: what a receiver gets where Google's would send one of its own
 * (cloud.google.com/pubsub/docs/authenticate-push-subscriptions), and what it verifies them with.
 *
 * RS256 by a key that lies beside the home's other files (PEM, mode 0600; RSA 2048, made at first use; processes on one home share it).
 * Claims: iss = the service's own URL, aud, sub = email, email, email_verified, iat, exp an hour later.  A token is kept for its
 * email and audience until five minutes before its end.  The public key is at /oauth2/v3/certs (RFC 7517), which
 * /.well-known/openid-configuration names (OpenID Connect Discovery 1.0), so that oidc.h with these settings lets such a token in.
 *
 * Errors: RC_FATAL: the key file is damaged, or others could read it; RC_RETRY: it cannot be made now.  All calls on any thread. */
#ifndef SERVE_PUSH_TOKEN_H
#define SERVE_PUSH_TOKEN_H

#include "io/server.h"

#define PUSH_DISCOVERY_PATH "/.well-known/openid-configuration"
#define PUSH_CERTS_PATH "/oauth2/v3/certs"

struct clock;
struct push_tokens;
/* `key_path` is copied. */
struct push_tokens *push_tokens_open(const char *key_path, struct clock *clock);
void push_tokens_close(struct push_tokens *t); /* takes NULL; no call may be under way */
/* "http://127.0.0.1:8085": who the tokens are of.  To be called before the first token is asked for. */
void push_tokens_set_issuer(struct push_tokens *t, const char *url);
MUST_USE enum rc push_tokens_get(struct push_tokens *t, const char *email, const char *audience, struct arena *arena, struct slice *out,
                                 struct err *err);
/* Answers the two addresses above, for everybody: they hold nothing secret.  False for anything else. */
bool push_tokens_handle(struct push_tokens *t, const struct server_request *rq, struct server_reply *reply);

#endif
