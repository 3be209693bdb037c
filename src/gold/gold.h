/* Gold: bronze partitions become the tables of sql/gold, each file recomputed when what it follows from has changed.
 *
 *	gold/<table>/playlist_group=<g>/part-0.parquet    tables of scope group
 *	gold/<table>/part-0.parquet                       tables of scope all
 *
 * A file's `inputs` (Parquet key-value metadata) is a hash over GOLD_VERSION, the table's SQL, the inputs of the bronze partitions and
 * of the gold files it reads.  Equal inputs: the file is not touched.  So a table of scope group that reads one of scope all is
 * made again for every group when that one's inputs change.  Files of groups that are gone are removed.
 *
 * One build at a time on a store: the caller holds the home's lock.  Where the store has versions a second one is noticed
 * (RC_RETRY).  Files are put without fsync, one store_sync ends the build.
 *
 * Errors: a torn bronze partition is RC_RETRY and says to run `sargam bronze`; messages name table and group. */
#ifndef GOLD_GOLD_H
#define GOLD_GOLD_H

#include "gold/plan.h"
#include "io/duck.h"
#include "store/store.h"

struct gold_options {
	struct store *bronze, *gold;
	struct duck *duck;       /* its memory limit and temp_dir bound the build */
	const char *scratch_dir; /* files lie here until they are put; made when missing */
	int threads;             /* groups side by side */
	/* After each file, `total` the files to make; called from one thread at a time.  May be NULL. */
	void (*on_progress)(void *ctx, size_t done, size_t total);
	void *ctx;
	const atomic_bool *stop; /* asked between files; may be NULL */
};
struct gold_result {
	int64_t tables_written, tables_unchanged; /* files */
	int64_t rows;                             /* written */
	int64_t groups_changed;                   /* groups with a changed partition, and those that are gone */
};
MUST_USE enum rc gold_build(const struct gold_options *options, struct gold_result *out, struct err *err);

/* The gold files there are, for `load`: sorted by table, then group. */
struct gold_file {
	const char *table;   /* CHART_HISTORY */
	struct slice group;  /* SLICE_NULL for a table of scope all */
	struct slice key;    /* in the store */
	struct slice path;   /* local */
	struct slice inputs; /* 64 hex digits; SLICE_NULL when the file is torn (gold_files refuses that) */
	int64_t version;     /* the object's */
};
struct gold_file_list {
	struct gold_file *file;
	size_t count;
};
/* RC_RETRY when a file is torn: `sargam gold` mends it. */
MUST_USE enum rc gold_files(struct store *gold, struct duck_conn *conn, struct arena *arena, struct gold_file_list *out,
                            struct err *err);

#endif
