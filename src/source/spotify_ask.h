/* One answer of the Web API at a time, for a snapshot on its way: addresses, ETags, and why a playlist cannot be read. */
#ifndef SOURCE_SPOTIFY_ASK_H
#define SOURCE_SPOTIFY_ASK_H

#include "source/spotify_take.h"

#define ASK_URL_BYTES ((size_t) 64 << 10)

/* The first page at /items or /tracks. */
struct slice ask_first_url(const struct take *t, enum spotify_endpoint endpoint, struct arena *arena);

/* GET, with the ETag of what came from the same address before; a 304 gives those bytes.  `fits` as in spotify/api.h; what it
 * was called with last is *out_body.  `known`: it was there a moment ago.  The object's texts are owned by the cursor. */
MUST_USE enum rc ask(struct take *t, struct slice url, bool known, bool (*fits)(void *ctx, struct slice body, struct err *why),
                     void *ctx, struct arena *arena, struct slice *out_body, struct cursor_object *out, struct err *err);

/* The playlist without its items. */
struct head_answer {
	struct slice body;
	struct cursor_object object;
	struct playlist_head head;
};
MUST_USE enum rc ask_head(struct take *t, bool known, struct arena *arena, struct head_answer *out, struct err *err);
/* Does the head tell of the playlist that the cursor began with? */
bool head_is_same(const struct cursor *c, const struct playlist_head *h);

/* Puts the rule behind a 403 or 404, and what a person can do, behind the message; `head` is NULL when it was refused, too. */
MUST_USE enum rc ask_explain(const struct take *t, const struct playlist_head *head, enum rc rc, struct err *err);

#endif
