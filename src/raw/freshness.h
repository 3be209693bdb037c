/* How fresh each playlist is, from the receipts of state.db: a few steps into an index for each playlist, whatever is kept. */
#ifndef RAW_FRESHNESS_H
#define RAW_FRESHNESS_H

#include "raw/state.h"

struct freshness {
	struct slice playlist_id;
	int64_t newest_at; /* of the newest snapshot whose manifest was received, seconds since 1970 UTC; 0 for none */
	int64_t count;     /* snapshots from `since_s` on whose manifest was received */
};
struct freshness_list {
	struct freshness *playlist; /* sorted by playlist_id, bytewise */
	size_t count;
};
/* Every playlist with a receipt.  RC_REJECT when they need more memory than `arena` has. */
MUST_USE enum rc freshness_list(struct state *st, int64_t since_s, struct arena *arena, struct freshness_list *out,
                                struct err *err);
/* One of them, 0 and 0 when there is no receipt. */
MUST_USE enum rc freshness_look(struct state *st, struct slice playlist_id, int64_t since_s, struct freshness *out,
                                struct err *err);

#endif
