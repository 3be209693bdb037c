/* DuckDB: the only home of duckdb.h (1.5, stable C API v1).
 *
 * One duck is one database instance: open it once a process (20 to 40 ms), share it; a duck_conn belongs to one thread at a
 * time.  Sessions run in UTC, insertion order is kept, nothing is fetched from outside (no extension install or load).
 *
 * Errors: disk full, I/O, lock -> RC_RETRY; out of memory (over memory_limit_mb with no temp_dir) -> RC_RETRY; bad SQL or bad data
 * -> RC_REJECT; cannot open, read-only, corrupt -> RC_FATAL; the message is DuckDB's first paragraph.
 * Fault points: duck.open, duck.exec, duck.query, duck.append. */
#ifndef IO_DUCK_H
#define IO_DUCK_H

#include "base/arena.h"

struct duck;
struct duck_conn;

struct duck_options {
	const char *path;        /* NULL = in memory */
	bool read_only;
	int threads;             /* 0 = all processors */
	int64_t memory_limit_mb; /* 0 = DuckDB's default */
	const char *temp_dir;    /* spills go into a folder of this instance below it (DuckDB gives its files the same names
	                          * everywhere); without it, or where nothing can be written, there are none */
};
MUST_USE enum rc duck_open(const struct duck_options *options, struct duck **out, struct err *err);
void duck_close(struct duck *d);
static inline void duck_closep(struct duck **d)
{
	duck_close(*d);
	*d = NULL;
}
MUST_USE enum rc duck_connect(struct duck *d, struct duck_conn **out, struct err *err);
void duck_disconnect(struct duck_conn *c);
static inline void duck_disconnectp(struct duck_conn **c)
{
	duck_disconnect(*c);
	*c = NULL;
}

/* Did this error come from the memory limit?  The same work on fewer threads, alone, may fit. */
bool duck_out_of_memory(const struct err *err);

/* 'text' with quotes doubled, and "name" likewise, appended to SQL that is being built. */
struct buf;
void duck_quote_text(struct slice text, struct buf *sql);
void duck_quote_name(struct slice name, struct buf *sql);

/* One or more statements, results ignored; *out_changed (may be NULL) = rows the last one changed or wrote. */
MUST_USE enum rc duck_exec(struct duck_conn *c, const char *sql, int64_t *out_changed, struct err *err);

/* Is `sql` exactly one statement that only reads (SELECT, EXPLAIN, SHOW, DESCRIBE, VALUES, WITH)?  RC_REJECT says why not. */
MUST_USE enum rc duck_check_read_only(struct duck_conn *c, const char *sql, struct err *err);

/* A result, walked row by row; it streams, so its size does not matter.  The connection runs nothing else until it is
 * closed: another statement ends the stream. */
struct duck_result;
enum duck_type { DUCK_BIGINT, DUCK_BOOLEAN, DUCK_STRING, DUCK_DATE, DUCK_TIMESTAMP, DUCK_DOUBLE, DUCK_OTHER };
MUST_USE enum rc duck_query(struct duck_conn *c, const char *sql, struct duck_result **out, struct err *err);
void duck_result_close(struct duck_result *r);
static inline void duck_result_closep(struct duck_result **r)
{
	duck_result_close(*r);
	*r = NULL;
}
size_t duck_column_count(const struct duck_result *r);
const char *duck_column_name(const struct duck_result *r, size_t column);
enum duck_type duck_column_type(const struct duck_result *r, size_t column); /* all integer widths are DUCK_BIGINT */
/* *out_row tells whether there is one more. */
MUST_USE enum rc duck_next(struct duck_result *r, bool *out_row, struct err *err);
/* Cells of the current row. */
bool duck_is_null(const struct duck_result *r, size_t column);
int64_t duck_int(const struct duck_result *r, size_t column);   /* BIGINT, BOOLEAN, DATE (day number), TIMESTAMP (microseconds) */
/* (a BIGINT column may be a HUGEINT, as of SUM: what does not fit is cut to INT64_MIN or INT64_MAX; duck_text has all digits) */
double duck_double(const struct duck_result *r, size_t column);
struct slice duck_string(const struct duck_result *r, size_t column); /* valid until duck_next; a BLOB's bytes too */
/* Any type as text: ISO dates and times ("2021-03-27", "2021-03-27T03:38:09Z"), true/false, shortest round-trip doubles. */
struct slice duck_text(const struct duck_result *r, size_t column, struct arena *arena);

/* The one value of a one-row query: shorthand. */
MUST_USE enum rc duck_query_int(struct duck_conn *c, const char *sql, int64_t *out, struct err *err);

/* Appender: rows from C into a table, in chunks of 2,048.  Strings must be UTF-8 (asserted in debug; checked by the reader).
 * One value per column in the table's order, then duck_append_end_row. */
struct duck_append;
MUST_USE enum rc duck_append_open(struct duck_conn *c, const char *table, struct duck_append **out, struct err *err);
void duck_append_int(struct duck_append *a, int64_t value);  /* BIGINT; DATE as day number; TIMESTAMP as microseconds */
void duck_append_bool(struct duck_append *a, bool value);
void duck_append_double(struct duck_append *a, double value);
void duck_append_string(struct duck_append *a, struct slice s); /* SLICE_NULL appends NULL */
void duck_append_null(struct duck_append *a);
MUST_USE enum rc duck_append_end_row(struct duck_append *a, struct err *err);
/* Rows are in the table after this. */
MUST_USE enum rc duck_append_flush(struct duck_append *a, struct err *err);
/* Drops what was not flushed; rows may have been by then, a bounded number waits. */
void duck_append_close(struct duck_append *a);
static inline void duck_append_closep(struct duck_append **a)
{
	duck_append_close(*a);
	*a = NULL;
}

/* Value of `key` in the key-value metadata of Parquet files; files that cannot be read or lack it are not reported. */
MUST_USE enum rc duck_parquet_metadata(struct duck_conn *c, const struct slice *path, size_t count, const char *key,
                                       void (*on_value)(void *ctx, struct slice path, struct slice value), void *ctx,
                                       struct err *err);

/* "v1.5.5" */
const char *duck_version(void);

#endif
