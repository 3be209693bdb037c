/* Mending a dead letter.  Raw stays as it is for ever; what an edit writes is new:
 *
 *	a snapshot bronze refused, one that misses   the mended page (playlist, manifest) as an object of its own, and a manifest
 *	a page, one with an item that is a reject    revision that names it (raw/revise.h); bronze takes it from there
 *	a message ingest could not use               a mend beside the letter (raw/mend.h), which `replay` sends.  Where the snapshot's
 *	                                             manifest stands already and names other bytes, no delivery could change that:
 *	                                             the edit writes the revision itself and the letter is answered
 *	a fetch that failed, lines of a file         nothing: RC_REJECT says what to do instead
 *
 * What would still be unusable is refused unless forced.  The same edit twice is one; two different ones at once are one and an
 * RC_REJECT that says so.  Every step is durable and leaves nothing half done that once more would not finish. */
#ifndef RAW_DEAD_EDIT_H
#define RAW_DEAD_EDIT_H

#include "raw/dead.h"
#include "raw/revise.h"

#define DEAD_EDIT_MEMORY_BYTES ((size_t) 512 << 20) /* a limit for the arena of one edit, not a use */

struct dead_edit_options {
	struct store *store;
	size_t page_limit_bytes;
	int64_t pages_max;
};
/* Which object of a snapshot; by default the one the letter speaks of, or the only one that can be meant. */
enum dead_part_kind { DEAD_PART_ANY, DEAD_PART_PAGE, DEAD_PART_PLAYLIST, DEAD_PART_MANIFEST };
struct dead_part {
	enum dead_part_kind kind;
	int64_t page;
};
/* "3", "playlist", "manifest"; false for anything else. */
bool dead_part_parse(struct slice text, struct dead_part *out);

/* What an edit is about, as it stands. */
struct dead_subject {
	struct letter letter;  /* of a raw object named by its key: its snapshot, no reason */
	bool is_message;
	struct bus_message message; /* as it would be replayed */
	struct revise_wish wish; /* of a snapshot: which object; `bytes` as they are, SLICE_NULL when it is missing */
	char now_sha256[HASH_HEX_BYTES]; /* of these bytes, as the manifest says; "" for none */
	int64_t revision;      /* of the manifest, or of the message's mend */
	char etag[17];         /* changes when somebody mends the same thing */
};
/* Owned by `arena` (DEAD_EDIT_MEMORY_BYTES), but for the letter. */
MUST_USE enum rc dead_edit_open(const struct dead_edit_options *o, const struct letter *l, struct dead_part part,
                                struct arena *arena, struct dead_subject *out, struct err *err);
/* A page or playlist object by its key in raw/ (as bronze_reject.raw_object names it). */
MUST_USE enum rc dead_edit_open_object(const struct dead_edit_options *o, struct slice key, struct arena *arena,
                                       struct dead_subject *out, struct err *err);

struct dead_change {
	struct slice data; /* SLICE_NULL: as it is.  A message's sha256 and bytes attributes follow it unless they are set */
	const struct bus_attr *set; /* of a message */
	size_t set_count;
	const struct slice *remove; /* attributes, by key */
	size_t remove_count;
	bool dry_run; /* write nothing, whatever comes of it is RC_OK */
	bool force;   /* also what would still be unusable */
};
struct dead_outcome {
	bool is_new;    /* it changes something */
	bool is_usable; /* what stands there then; when not, reason and why say so, also of a snapshot that misses other objects */
	bool is_complete; /* the snapshot, when its manifest is known */
	bool answered;  /* the letter goes with the edit itself (in a dry run: would) */
	const char *reason;
	char why[ERR_MSG_BYTES];
	int64_t revision; /* that counts now, 0 for none */
	bool in_raw;      /* a revision of the manifest; else a mend of the message */
	struct slice object; /* key of the new object, SLICE_NULL for none */
	int64_t items, entries, rejects; /* of the whole snapshot, when complete */
	const char *next; /* what to do next */
};
MUST_USE enum rc dead_edit(const struct dead_edit_options *o, const struct dead_subject *s, const struct dead_change *change,
                           struct arena *arena, struct dead_outcome *out, struct err *err);

#endif
