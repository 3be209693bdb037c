/* Bronze: complete raw snapshots become the five Parquet tables, partition by partition.
 *
 * A partition is a pure function of the complete snapshots of its group and month: equal `inputs` mean nothing to do, anything
 * else rebuilds it whole and replaces it.  Partitions run in parallel; memory is bounded by one page for each thread and the
 * engine's limit, whatever the number of snapshots or the size of a playlist.  Files of partitions that have no snapshot
 * any more are removed.
 *
 * A snapshot that cannot be read (a page that is no JSON, pages that do not fit together) becomes a letter of kind
 * LETTER_SNAPSHOT; its raw bytes stay, the others of its partition go on.  Each reading that fails is an attempt of that
 * letter.  A letter of a snapshot that reads well now is taken back, and so is one whose reason has become another. */
#ifndef BRONZE_BUILD_H
#define BRONZE_BUILD_H

#include "io/duck.h"
#include "store/store.h"

struct bronze_options {
	struct store *raw; /* raw/ and quarantine/ */
	struct store *out; /* bronze/ */
	struct duck *duck;
	struct clock *clock; /* when a letter was written; NULL: its time is unknown */
	const char *scratch_dir; /* files grow here before they are put */
	int threads;
	int64_t chart_offset_s, playlist_groups, pages_max;
	size_t page_limit_bytes;
	void (*on_progress)(void *ctx, size_t done, size_t total); /* partitions; called under a lock */
	void *ctx;
	const atomic_bool *stop; /* asked between snapshots; may be NULL */
};
struct bronze_result {
	int64_t built, unchanged, removed; /* partitions */
	int64_t snapshots, letters;        /* read; refused */
	int64_t bytes, items, entries, rejects;
	int64_t incomplete;                /* snapshots passed over: objects are missing */
};

MUST_USE enum rc bronze_build(const struct bronze_options *o, struct bronze_result *out, struct err *err);

#endif
