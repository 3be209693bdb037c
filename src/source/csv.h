/* Comma-separated text, one record at a time (RFC 4180, and what exporters make of it).
 *
 * A field that begins with a quote ends with one; a doubled quote within is a quote, commas and line ends within are text.
 * Elsewhere a quote is a character like any other.  Lines end with LF or CR LF.  A line that is one quoted field as a whole,
 * perhaps with ';' after it, is unwrapped once more by whoever knows that there must be several (csv_unwrap).
 *
 * Broken lines never take others with them: a quote that is not closed, or is closed in the middle of a word, costs the line it
 * stands on, and reading goes on with the next line. */
#ifndef SOURCE_CSV_H
#define SOURCE_CSV_H

#include "base/slice.h"

#define CSV_RECORD_BYTES_MAX 65536
#define CSV_COLUMNS_MAX 128

enum csv_state {
	CSV_RECORD,
	CSV_MORE,               /* the text ends before the record does */
	CSV_UNTERMINATED_QUOTE, /* `raw` is the first line only */
	CSV_TOO_LONG,           /* no line end within CSV_RECORD_BYTES_MAX: `raw` is the part looked at, its line goes on */
	CSV_TOO_MANY_COLUMNS,
};
/* About 70 KiB: not for the stack of a thread with a small one. */
struct csv_record {
	struct slice field[CSV_COLUMNS_MAX]; /* into the text, or into `unquoted` */
	size_t count;
	struct slice raw;  /* as it stands there, without its line end */
	size_t bytes;      /* with it: the next record begins there */
	int64_t lines;     /* how many it spans */
	bool wrapped;      /* one quoted field, which may be a record in quotes */
	char unquoted[CSV_RECORD_BYTES_MAX];
	size_t unquoted_len;
};
/* Why a file that begins so is no such text, with the next step; NULL when it may be one. */
const char *csv_unfit(struct slice head);
/* The record at the beginning of `text`, which is not empty; `at_end`: nothing follows the text.  CSV_MORE is never the answer
 * at the end, nor when CSV_RECORD_BYTES_MAX bytes are there. */
enum csv_state csv_read(struct slice text, bool at_end, struct csv_record *out);
/* The record within the only field of `outer`; `raw`, `bytes` and `lines` stay those of the outer one. */
enum csv_state csv_unwrap(const struct csv_record *outer, struct csv_record *out);
/* Only the first line of a record that spans several, which turned out to be no record. */
void csv_first_line(struct csv_record *r);

#endif
