/* Writer of one partition: rows of the five tables are appended to temporary tables of one connection (DuckDB spills them when
 * they pass its memory limit) and leave as Parquet through DuckDB's writer, in the order they were appended. */
#ifndef BRONZE_WRITER_H
#define BRONZE_WRITER_H

#include "bronze/partition.h"
#include "bronze/reader.h"

/* What all rows of a snapshot share. */
struct snapshot_head {
	struct slice playlist_id;
	int64_t snapshot_at, day_number;
};
/* The row of bronze_snapshot. */
struct snapshot_row {
	struct slice spotify_snapshot_id;
	struct playlist_facts playlist;
	struct opt_int total;
	int64_t pages, items, entries, rejects, warnings;
	struct slice fields_missing, source;
	const char *content_sha256;
	int64_t revision;
};

struct bronze_writer;
MUST_USE enum rc bronze_writer_open(struct duck *duck, struct bronze_writer **out, struct err *err);
void bronze_writer_close(struct bronze_writer *w);
static inline void bronze_writer_closep(struct bronze_writer **w)
{
	bronze_writer_close(*w);
	*w = NULL;
}
/* Entries, credits and rejects of one page that lies at `raw_object`. */
MUST_USE enum rc bronze_writer_page(struct bronze_writer *w, const struct snapshot_head *head, const struct page *page,
                                    struct slice raw_object, struct err *err);
/* Field counts and the snapshot's own row: ends the snapshot. */
MUST_USE enum rc bronze_writer_snapshot(struct bronze_writer *w, const struct snapshot_head *head,
                                        const struct snapshot_row *row, const struct field_count field[static FIELD_COUNT],
                                        struct err *err);
/* Takes back every row of a snapshot whose later page cannot be used. */
MUST_USE enum rc bronze_writer_discard(struct bronze_writer *w, const struct snapshot_head *head, struct err *err);
/* One file for each table at <dir>/<name>.<table>.parquet. */
MUST_USE enum rc bronze_writer_finish(struct bronze_writer *w, const char *dir, const char *name, const char *inputs,
                                      struct err *err);

#endif
