/* The charts in a CSV of "Top Spotify Songs in 73 Countries": one pass over the file finds where each line of each chart
 * stands (24 bytes of memory a line), its sha256, and the lines that cannot be used; a line is read again when it is asked for.
 *
 * Errors: RC_FATAL (no such file, not of this kind, changed since the pass), RC_RETRY (I/O, stopped); the message names the
 * file. */
#ifndef SOURCE_CSV_FILE_H
#define SOURCE_CSV_FILE_H

#include "base/hash.h"
#include "source/csv_row.h"

#define CSV_LINES_MAX 50000000
#define CSV_CHARTS_MAX 4000000

struct csv_chart {
	char country[CSV_COUNTRY_BYTES_MAX + 1];
	int64_t day;
	size_t first, count; /* its lines, by rank */
	int64_t rank_max;
};
struct csv_line {
	uint64_t offset;
	uint32_t number, bytes; /* of its first line in the file; of the record */
	uint32_t chart;
	uint16_t rank, lines;   /* how many lines of the file the record spans */
};

struct csv_file;
/* Looks at the header (fault point "csv.read", at each read); `stop` may be NULL. */
MUST_USE enum rc csv_file_open(const char *path, const atomic_bool *stop, struct csv_file **out, struct err *err);
/* The pass over all of it, once; what follows needs it. */
MUST_USE enum rc csv_file_index(struct csv_file *f, struct err *err);
/* By country and day. */
size_t csv_file_chart_count(const struct csv_file *f);
const struct csv_chart *csv_file_chart(const struct csv_file *f, size_t i);
const struct csv_line *csv_file_line(const struct csv_file *f, size_t i);
/* What that line says; valid until the next call. */
MUST_USE enum rc csv_file_read(struct csv_file *f, size_t i, struct csv_row *out, struct err *err);
const char *csv_file_sha256(const struct csv_file *f);
const struct broken_set *csv_file_broken(const struct csv_file *f);
void csv_file_close(struct csv_file *f);
static inline void csv_file_closep(struct csv_file **f)
{
	csv_file_close(*f);
	*f = NULL;
}

#endif
