/* Authorization code with PKCE (RFC 7636; developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow): the address a
 * person opens, and the redirect that comes back. */
#ifndef SPOTIFY_LOGIN_H
#define SPOTIFY_LOGIN_H

#include "base/arena.h"

#define LOGIN_SCOPES "playlist-read-private playlist-read-collaborative"
#define LOGIN_CALLBACK "/callback"

struct login {
	char state[44], verifier[88], redirect_uri[64]; /* secrets of this login; state and verifier are new each time */
};
/* The redirect URI is http://127.0.0.1:<port>/callback: Spotify takes loopback addresses, not the word localhost. */
void login_begin(struct login *l, int port);
struct slice login_url(const struct login *l, const char *accounts_url, const char *client_id, struct arena *arena);

/* What the browser was sent to: the whole address, or what follows its '?'.  RC_REJECT when it is not this login's (another
 * state, no code): the right one may still come.  RC_FATAL when the user said no. */
MUST_USE enum rc login_read_redirect(const struct login *l, struct slice url, struct arena *arena, struct slice *out_code,
                                     struct err *err);

#endif
