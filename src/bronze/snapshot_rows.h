/* Rows of one snapshot: its pages are read in order and handed to the writer, one page in memory at a time. */
#ifndef BRONZE_SNAPSHOT_ROWS_H
#define BRONZE_SNAPSHOT_ROWS_H

#include "bronze/writer.h"
#include "raw/snapshot.h"

struct snapshot_limits {
	size_t page_limit_bytes;
	int64_t pages_max, chart_offset_s;
};
struct snapshot_sums {
	int64_t bytes, items, entries, rejects;
};
/* Why a snapshot as a whole cannot be used. */
struct snapshot_refusal {
	const char *reason; /* invalid_json, no_items, inconsistent_pages, … */
	char detail[ERR_MSG_BYTES];
	char object[1100]; /* key of the page at fault, "" when it is none alone */
};

/* RC_REJECT fills `out_why` and leaves none of the snapshot's rows in the writer. */
MUST_USE enum rc snapshot_rows(struct store *raw, const struct raw_snapshot *s, const struct snapshot_limits *limits,
                               struct bronze_writer *writer, struct snapshot_sums *out, struct snapshot_refusal *out_why,
                               struct err *err);

/* The same judgement without a row written, of a snapshot as it would be: under another manifest, with an object that is not
 * in the store yet (`key` may be SLICE_NULL).  RC_REJECT fills `out_why`; its reason is SNAPSHOT_INCOMPLETE when all is well
 * up to an object that is not there. */
#define SNAPSHOT_INCOMPLETE "incomplete"
struct snapshot_trial {
	const struct manifest *manifest;
	struct slice key, body;
};
MUST_USE enum rc snapshot_judge(struct store *raw, const struct snapshot_trial *trial, const struct snapshot_limits *limits,
                                struct snapshot_sums *out, struct snapshot_refusal *out_why, struct err *err);

#endif
