/* From a row of a gold or bronze table back to the items it was made of. */
#ifndef CMD_LINEAGE_H
#define CMD_LINEAGE_H

#include "base/buf.h"
#include "warehouse/warehouse.h"

/* An item, or a whole snapshot. */
struct origin {
	struct slice playlist_id;
	int64_t snapshot_at;
	bool has_position;     /* false: the row follows from the snapshot as a whole */
	int64_t position, raw_index;
	struct slice raw_object; /* key of the page; SLICE_NULL when bronze does not hold the item any more */
	struct slice name;       /* of the track; a reject's reason and detail */
	bool rejected;
};
struct origins {
	struct origin *origin; /* latest snapshot first, then by playlist and position */
	size_t count;
	int64_t total; /* there are so many, `limit` or fewer are here */
};

/* The details of `sargam lineage --help`: every table with the words of its key. */
extern const char lineage_help[];

/* The question for the origins of the row of `table` with these keys, as SQL.  RC_FATAL is a usage error: no such table,
 * another number of keys, a key of the wrong form. */
MUST_USE enum rc lineage_sql(const char *table, char *const *key, size_t key_count, int64_t limit, struct buf *sql,
                             struct err *err);
/* Its answer, owned by `arena`; no origin means that there is no such row. */
MUST_USE enum rc lineage_find(struct warehouse *w, const char *sql, struct arena *arena, struct origins *out, struct err *err);

#endif
