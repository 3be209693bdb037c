/* What people paste when they mean a playlist: its id, its URI, a link of open.spotify.com or of the API. */
#ifndef SPOTIFY_PLAYLIST_REF_H
#define SPOTIFY_PLAYLIST_REF_H

#include "base/slice.h"

/* 4nNVfQ9eWidZXkBKZN5li4
 * spotify:playlist:4nNVfQ9eWidZXkBKZN5li4              spotify:user:filtrindia:playlist:…
 * https://open.spotify.com/playlist/4nNV…?si=…          …/intl-de/playlist/…  …/user/NAME/playlist/…  …/embed/playlist/…
 * https://api.spotify.com/v1/playlists/4nNV…/items
 *
 * Anything without ':' and '/' is taken for an id as it stands (imported charts have ids such as chart-IN).  false for a link
 * to something else (an album, another host) or one whose id is none.  *out_id points into `text`. */
MUST_USE bool playlist_ref_parse(struct slice text, struct slice *out_id);
/* 22 base-62 characters: what Spotify gives its playlists. */
bool playlist_id_is_spotify(struct slice id);

#endif
