/* The Spotify client of the settings: connection, tokens, API. Opened when first asked for; used by one thread. */
#ifndef CMD_SPOTIFY_CLIENT_H
#define CMD_SPOTIFY_CLIENT_H

#include "cmd/app.h"
#include "spotify/api.h"

struct spotify_client;
/* RC_FATAL for settings that cannot be meant: an address that would send the token in clear over a network, say.  Makes
 * nothing in the home. */
MUST_USE enum rc spotify_client_open(struct app *app, struct spotify_client **out, struct err *err);
void spotify_client_close(struct spotify_client *c); /* takes NULL */
static inline void spotify_client_closep(struct spotify_client **c)
{
	spotify_client_close(*c);
	*c = NULL;
}
struct spotify_api *spotify_client_api(struct spotify_client *c);
struct token_keeper *spotify_client_token(struct spotify_client *c);

/* Is the API of the settings one on this machine?  Then what it tells is invented. */
bool spotify_is_simulated(const struct config *c);

#endif
