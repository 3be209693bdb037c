/* Bronze partitions as they lie in the store: one playlist group's chart month in each of the five tables,
 *
 *	bronze/<table>/playlist_group=<g>/chart_month=<YYYY-MM>/part-0.parquet
 *
 * Each file's key-value metadata holds `inputs`, the hash of everything its rows follow from.  A partition may be read only
 * when all five files are there and carry equal inputs: `inputs` is SLICE_NULL otherwise (torn by a dead run; bronze mends it). */
#ifndef BRONZE_PARTITION_H
#define BRONZE_PARTITION_H

#include "io/duck.h"
#include "store/store.h"

enum bronze_table { BRONZE_ENTRY, BRONZE_CREDIT, BRONZE_REJECT, BRONZE_FIELD, BRONZE_SNAPSHOT, BRONZE_TABLE_COUNT };
const char *bronze_table_name(enum bronze_table table);   /* "bronze_entry" */
/* Column definitions in the order of DATA.md, as in CREATE TABLE ("playlist_id VARCHAR NOT NULL, …"); for CREATE TABLE of
 * an empty table and for the writer. */
const char *bronze_table_columns(enum bronze_table table);

struct partition {
	struct slice group, month; /* "37i9…" or "g0007"; "2021-03" */
	struct slice inputs;       /* 64 hex digits, or SLICE_NULL when torn */
	struct slice key[BRONZE_TABLE_COUNT];  /* SLICE_NULL when missing */
	int64_t bytes;
};
struct partition_list {
	struct partition *partition; /* sorted by group, month */
	size_t count;
};
/* All partitions in the store, with their inputs (read through `conn`). */
MUST_USE enum rc partition_list(struct store *store, struct duck_conn *conn, struct arena *arena, struct partition_list *out,
                                struct err *err);
struct slice partition_key(enum bronze_table table, struct slice group, struct slice month, struct arena *arena);

/* The group of a playlist: its id, or with groups > 0 "g%04u" of hash_u64(id) modulo groups. */
struct slice partition_group(struct slice playlist_id, int64_t groups, struct arena *arena);

#endif
