/* Access tokens of the accounts service (developer.spotify.com/documentation/web-api/concepts/authorization).
 *
 * Where they come from, in this order: the refresh token of `sargam login` or of the environment (a user's; reads what the
 * user reads); the app's id and secret (client credentials; no user).  Refreshing may bring a new refresh token; the old one
 * is dead then, so the new one is on disk before the access token is used.
 *
 * The file (mode 0600) holds the refresh token and the last access token.  Of a refresh token that came from the environment
 * it holds the successor, under the hash of what the environment says: a new value there is a new beginning.  Processes that
 * share the file ask for one new token between them.  No token, secret or code is ever part of a message.
 *
 * Errors: RC_FATAL (no or wrong credentials, a refresh token that has died: the message says what to do), RC_RETRY. */
#ifndef SPOTIFY_TOKEN_H
#define SPOTIFY_TOKEN_H

#include "base/clock.h"
#include "io/http.h"

struct token_options {
	struct http *http; /* not owned */
	struct clock *clock;
	const char *accounts_url; /* without a '/' at the end */
	const char *client_id, *client_secret, *refresh_token; /* "" when there is none */
	const char *file;
};
struct token_keeper;
struct token_keeper *token_open(const struct token_options *o);
void token_close(struct token_keeper *t); /* takes NULL; wipes what it held */

/* What there is to work with; reads the file.  The texts are owned by the keeper until it reads the file again. */
enum token_kind { TOKEN_NONE, TOKEN_APP, TOKEN_USER };
struct token_facts {
	enum token_kind kind;
	const char *client_id, *scope; /* "" when unknown */
	int64_t authorized_ms;         /* when a user agreed, by `sargam login`; 0 when unknown */
};
MUST_USE enum rc token_facts(struct token_keeper *t, struct token_facts *out, struct err *err);
/* RC_FATAL when id, secret or refresh token of the options hold what none does; the functions below ask that first, too. */
MUST_USE enum rc token_check_given(const struct token_keeper *t, struct err *err);
/* RC_FATAL, with what to do, when there is nothing to work with. */
MUST_USE enum rc token_check(struct token_keeper *t, struct err *err);
/* One that is good for at least a minute. */
MUST_USE enum rc token_get(struct token_keeper *t, struct arena *arena, struct slice *out_token, struct err *err);
/* The API did not take it: the next token_get() asks for another. */
void token_drop(struct token_keeper *t);
int64_t token_requests(const struct token_keeper *t);

/* `sargam login`: the code of the redirect becomes tokens in the file. */
MUST_USE enum rc token_exchange(struct token_keeper *t, struct slice code, struct slice verifier, struct slice redirect_uri,
                                struct err *err);

#endif
