/* The envelope around items: what a reader of a playlist has to know to go on.  The items themselves are bronze's trade
 * (bronze/reader.h), which reads the same bytes again.
 *
 * A page is a paging object, or a playlist that holds one under `items` or `tracks` (`items` wins when it is an object). */
#ifndef SPOTIFY_PAGING_H
#define SPOTIFY_PAGING_H

#include "base/arena.h"

struct paging {
	int64_t offset, items; /* offset absent counts as 0 */
	bool has_total;
	int64_t total;
	struct slice next;     /* SLICE_NULL at the end */
};
/* RC_REJECT when the body is no page; slices are owned by the arena. */
MUST_USE enum rc paging_read(struct slice body, struct arena *arena, struct paging *out, struct err *err);

/* GET /playlists/{id} without its items. */
struct playlist_head {
	struct slice id, name, owner_id, owner_name, snapshot_id; /* SLICE_NULL when absent */
	bool has_items; /* an object `items` or `tracks` stands there: this app and user may read them */
	bool has_total;
	int64_t total;
};
MUST_USE enum rc playlist_head_read(struct slice body, struct arena *arena, struct playlist_head *out, struct err *err);

#endif
