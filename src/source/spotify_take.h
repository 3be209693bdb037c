/* Taking one snapshot: the requests for a playlist and its pages, in order, with what is remembered in between. */
#ifndef SOURCE_SPOTIFY_TAKE_H
#define SOURCE_SPOTIFY_TAKE_H

#include "source/spotify_cursor.h"
#include "source/spotify_state.h"
#include "spotify/api.h"
#include "spotify/paging.h"

#define RESUME_S 3600 /* an unfinished snapshot is gone on with for so long; a chart must not be stitched from two days */

struct take {
	const struct source_spotify_options *o;
	struct spotify_state *state;
	struct slice playlist_id;
	struct cursor cursor, before; /* this snapshot; the one before, for its ETags */
	struct arena bodies;          /* the playlist, and the only page of a snapshot of one */
	struct slice head, only_page;
	struct slice checked;         /* what take_check() saw of a playlist that has changed: the head of the next take */
	struct cursor_object checked_object;
	char pages_before[HASH_HEX_BYTES]; /* of the take before: "" for none */
	enum answer_kind answer;      /* of the last request */
};
void take_done(struct take *t);
/* A new snapshot, in place of one that is remembered. */
void take_begin(struct take *t, int64_t snapshot_at, const char *settings);
/* Asks for the playlist: *out_same = false when it is not what the cursor says any more. */
MUST_USE enum rc take_check(struct take *t, bool *out_same, struct err *err);
/* Until the cursor is whole.  RC_NOT_FOUND, RC_REJECT: this playlist cannot be read, the message says why and what to do. */
MUST_USE enum rc take_read(struct take *t, struct err *err);
MUST_USE enum rc take_hand_out(struct take *t, const struct source_sink *sink, struct err *err);

#endif
