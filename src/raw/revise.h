/* Revisions: one object of a snapshot is replaced by a mended one, for whoever reads raw from then on (DATA.md, "Raw").
 *
 * Nothing is overwritten.  The mended bytes become an object of their own, named by their sha256; then the next
 * manifest.rev-<N>.json names it in place of the old one, which stays.  The manifest is created only when the name is free: of
 * two at once one builds on the other's, or is told that both meant the same object.  A death between the two writes leaves
 * an object nobody names; once more does the rest. */
#ifndef RAW_REVISE_H
#define RAW_REVISE_H

#include "bronze/snapshot_rows.h"

enum revise_part { REVISE_PAGE, REVISE_PLAYLIST, REVISE_MANIFEST };
struct revise_wish {
	struct slice playlist_id;
	int64_t snapshot_at;
	enum revise_part part;
	int64_t page;       /* of REVISE_PAGE; one more than the last adds a page */
	struct slice bytes; /* of the object; the new manifest itself for REVISE_MANIFEST */
};
struct revise_plan {
	struct raw_snapshot snapshot; /* as it stands; zero but for its name when nothing of it is there */
	struct manifest manifest;     /* as it would be */
	struct slice text;            /* the same as bytes */
	struct slice key;             /* of the mended object, SLICE_NULL for REVISE_MANIFEST */
	char now_sha256[HASH_HEX_BYTES]; /* what stands in its place, as the manifest that counts says; "" for nothing */
	bool is_named;                /* already: no revision is needed */
	bool is_there;                /* the object, with these bytes */
	bool is_taken;                /* its key, by other bytes (damaged: the key holds the hash): it can never be written */
	bool is_usable, is_complete;  /* bronze would take it; up to objects that are missing */
	const char *reason;           /* when it would not, or misses something */
	char why[ERR_MSG_BYTES];
	struct snapshot_sums sums;    /* when usable and complete */
};
/* What would come of it; writes nothing.  RC_REJECT when there is no manifest that can be read, no such page, or the bytes
 * are no manifest of this snapshot.  Owned by `arena`. */
MUST_USE enum rc revise_plan(struct store *store, const struct snapshot_limits *limits, const struct revise_wish *wish,
                             struct arena *arena, struct revise_plan *out, struct err *err);
/* Does it.  `base` is the now_sha256 the wish was made from: RC_REJECT when something else stands there by now.  *out_revision
 * counts then; it may be an older one that named these very bytes already.  Durable on return. */
MUST_USE enum rc revise_write(struct store *store, const struct revise_wish *wish, const char *base, int64_t *out_revision,
                              struct err *err);

#endif
