/* What the live source remembers of the app as a whole: when it may ask again, which endpoint answers it, which playlists a
 * deferred run had taken and which it still owes, and when each was last taken.  One small object,
 * spotify/app-<hash of API and client id>.json. */
#ifndef SOURCE_SPOTIFY_STATE_H
#define SOURCE_SPOTIFY_STATE_H

#include "source/source.h"

#define ROUND_S 3600 /* a deferred run is gone on with for so long */

#define SPOTIFY_STATE_NAME_BYTES 64

enum spotify_endpoint { ENDPOINT_UNKNOWN, ENDPOINT_ITEMS, ENDPOINT_TRACKS };
struct spotify_playlist {
	struct slice id;
	int64_t last_s;      /* snapshot_at of the last one taken; 0 = never */
	bool taken, owed;    /* in the round */
	bool done;           /* taken by an earlier run of the round that this one belongs to: decided when it begins */
};
struct spotify_state {
	struct arena arena;
	char name[SPOTIFY_STATE_NAME_BYTES];
	enum spotify_endpoint endpoint;
	int64_t not_before_ms;   /* 0 = now */
	struct slice why;
	int64_t round_s;         /* when the round began; 0 = none */
	struct spotify_playlist *playlist;
	size_t count, cap;
	bool changed;
};
/* The object's name: of this app at this API. */
void spotify_state_name(const char *api_url, const char *client_id, char out[static SPOTIFY_STATE_NAME_BYTES]);
/* An object that cannot be read is taken for none. */
MUST_USE enum rc spotify_state_load(struct spotify_state *st, const struct source_memory *m, const char *name, int64_t now_s,
                                    struct err *err);
/* Nothing when nothing changed. */
MUST_USE enum rc spotify_state_save(struct spotify_state *st, const struct source_memory *m, struct err *err);
void spotify_state_done(struct spotify_state *st);

/* Zeros, with no id, when nothing is known of it. */
const struct spotify_playlist *spotify_state_find(const struct spotify_state *st, struct slice id);
void spotify_state_take(struct spotify_state *st, struct slice id, int64_t snapshot_at);
/* Refused: it is not owed any more. */
void spotify_state_give_up(struct spotify_state *st, struct slice id);
void spotify_state_owe(struct spotify_state *st, struct slice id, int64_t now_s);
void spotify_state_set_not_before(struct spotify_state *st, int64_t ms, const char *why);

#endif
