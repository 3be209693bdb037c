/* Which playlist does the user mean?  Those of the published warehouse, by id or by an unambiguous part of the name. */
#ifndef CMD_PLAYLIST_PICK_H
#define CMD_PLAYLIST_PICK_H

#include "warehouse/warehouse.h"

struct picked {
	struct slice playlist_id, name; /* name: of the latest chart, SLICE_NULL when it has none */
	struct slice last_date;         /* of the latest chart; SLICE_NULL when all its snapshots were empty */
	struct slice before, after;     /* chart days nearest to the date asked for, on it or around it */
};
struct picks {
	struct picked *pick; /* by name, then id */
	size_t count;
};
/* All playlists, or with `word` the one it names: its id, its whole name, or what only one name holds (in any case).
 * `date` (ISO) fills before and after; SLICE_NULL for none.  RC_NOT_FOUND lists what there is, RC_REJECT what fits.
 * Owned by `arena`. */
MUST_USE enum rc playlist_pick(struct warehouse *w, struct slice word, struct slice date, struct arena *arena,
                               struct picks *out, struct err *err);

#endif
