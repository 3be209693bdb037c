/* Small chart histories as bronze partitions in a store, for the tests of gold and of the warehouse.
 *
 * An item is one word: "a".."y" a track (its artists and album follow from the letter), "z" a track without an album and
 * without artists that have an id, "-" a reject.  A word may stand twice (a duplicate). */
#ifndef GOLDEN_HISTORY_H
#define GOLDEN_HISTORY_H

#include "gold/gold.h"
#include "io/duck.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

struct history_snapshot {
	const char *playlist, *at; /* "2021-03-27T03:38:09Z" */
	const char *items;         /* "a b - c" */
};

/* A home in a temporary folder: a folder store, DuckDB, a scratch folder. */
struct history_home {
	const char *dir;
	char scratch[300], store_dir[300], bronze_dir[320], warehouse_path[320];
	struct store *store;
	struct duck *duck;
	struct duck_conn *conn;
};
void history_open(struct history_home *home);
void history_close(struct history_home *home);
/* A home in which the sample's bronze, gold and published warehouse stand already: made once a process, then copied. */
void history_open_sample(struct history_home *home);

/* Writes the partitions of these snapshots (sorted by playlist, then time); each month's must be given together. */
void history_put(struct history_home *home, const struct history_snapshot *snapshot, size_t count);
/* gold_build; fails the test when it fails. */
struct gold_result history_gold(struct history_home *home);

/* Gold files and bronze files as the warehouse wants them; they live in `arena`. */
struct warehouse_stage history_stage(struct history_home *home, struct arena *arena);
struct warehouse_audit history_audit(struct history_home *home, struct arena *arena);

/* Two playlists, two months, gaps, re-entries, duplicates, rejects, a superseded and an empty snapshot. */
extern const struct history_snapshot history_sample[];
extern const size_t history_sample_count;

#endif
