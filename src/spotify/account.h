/* What an app and its user are to Spotify: who is logged in, which playlists they have, which rules hold for the app. */
#ifndef SPOTIFY_ACCOUNT_H
#define SPOTIFY_ACCOUNT_H

#include "spotify/api.h"

struct spotify_user {
	struct slice id, name; /* name SLICE_NULL when the account has none */
};
/* GET /me; needs a user's token. */
MUST_USE enum rc spotify_me(struct spotify_api *a, struct arena *arena, struct spotify_user *out, struct err *err);

struct spotify_listed {
	struct slice id, name, owner_id, owner_name; /* names may be SLICE_NULL */
	bool own, collaborative;
	bool has_total;
	int64_t total;
};
struct spotify_listing {
	struct spotify_listed *playlist;
	size_t count;
};
/* GET /me/playlists, all pages; entries that are null are left out. */
MUST_USE enum rc spotify_my_playlists(struct spotify_api *a, struct slice user_id, struct arena *arena, struct spotify_listing *out,
                                      struct err *err);

/* The three populations of client ids (developer.spotify.com/blog: 2024-11-27, 2025-04-15, 2026-02-06 with its update of
 * 2026-03-09).  Told by two requests: one of Spotify's own lists, and GET /markets, which apps since 2026-02-11 do not have. */
enum spotify_population {
	POPULATION_EXTENDED, /* extended quota: reads everything, Spotify's own lists too */
	POPULATION_EXISTING, /* development mode, from before 2026-02-11: public playlists of others, not Spotify's own */
	POPULATION_NEW,      /* development mode, since 2026-02-11: only what its user owns or works on */
};
const char *spotify_population_name(enum spotify_population population);
const char *spotify_population_help(enum spotify_population population);
#define SPOTIFY_PROBE_PLAYLIST "37i9dQZEVXbMDoHDwVN2tF" /* "Top 50 - Global" */
MUST_USE enum rc spotify_population_find(struct spotify_api *a, enum spotify_population *out, struct err *err);

#endif
