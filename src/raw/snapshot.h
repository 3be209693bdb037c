/* Snapshots as they lie in the store. */
#ifndef RAW_SNAPSHOT_H
#define RAW_SNAPSHOT_H

#include "base/hash.h"
#include "raw/manifest.h"
#include "store/store.h"

struct raw_snapshot {
	struct slice playlist_id;
	int64_t snapshot_at;
	int64_t revision; /* of the manifest that counts, the highest */
	bool has_manifest, complete;
	size_t objects, missing; /* there; named by the manifest and not there */
	char manifest_sha256[HASH_HEX_BYTES];
};
struct raw_snapshots {
	struct raw_snapshot *snapshot; /* sorted by playlist_id, snapshot_at */
	size_t count;
};

/* All snapshots of one playlist, or of all (SLICE_NULL), complete or not.  A manifest that cannot be read counts as missing.
 * The result is owned by `arena`; listing itself needs memory for one snapshot at a time. */
MUST_USE enum rc raw_snapshots(struct store *store, struct slice playlist_id, struct arena *arena,
                               struct raw_snapshots *out, struct err *err);
/* One snapshot; RC_NOT_FOUND when nothing of it is there. */
MUST_USE enum rc raw_snapshot_look(struct store *store, struct slice playlist_id, int64_t snapshot_at,
                                   struct raw_snapshot *out, struct err *err);
const struct raw_snapshot *raw_snapshots_find(const struct raw_snapshots *list, struct slice playlist_id,
                                              int64_t snapshot_at);
/* The manifest that counts. */
MUST_USE enum rc raw_manifest_read(struct store *store, const struct raw_snapshot *s, struct arena *arena,
                                   struct manifest *out, struct err *err);

#endif
