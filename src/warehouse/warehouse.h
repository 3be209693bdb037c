/* Warehouse: the tables of SPOTIFY_ANALYTICS, written beside the published version, audited, then published.
 *
 * schema()  makes what is missing (dataset, tables).
 * stage()   is told all gold files there are and makes the next version from the published one: files whose `inputs` differ
 *           from those loaded are replaced (a playlist group's rows, or the whole table), groups that are no longer
 *           there are removed.  Left-overs of a dead run are removed first.  When nothing differs nothing is staged.
 * audit()   checks the staged version, or the published one when none is staged; every check is reported to `on_check`
 *           and one violation makes the result RC_REJECT, naming the failed checks.
 * publish() puts the staged version in place of the published one; readers keep the version they opened.  Without a staged
 *           version it does nothing; one that has not passed its audit is RC_REJECT.
 * query()   reads the published version; rows go to `sink`, or to a Parquet file.
 *
 * Errors: RC_NOT_FOUND (nothing published yet), RC_REJECT (audit failed, bad SQL), RC_RETRY, RC_FATAL. */
#ifndef WAREHOUSE_WAREHOUSE_H
#define WAREHOUSE_WAREHOUSE_H

#include "base/arena.h"

#define WAREHOUSE_SCHEMA "SPOTIFY_ANALYTICS"

/* One gold file to load. */
struct warehouse_file {
	const char *table; /* upper case: CHART_HISTORY */
	const char *group; /* playlist_group, or NULL for a table that is one file */
	const char *path;  /* local Parquet file */
	const char *inputs; /* names its content: equal inputs mean equal rows */
};
struct warehouse_stage {
	const struct warehouse_file *file;
	size_t count;
	bool rebuild; /* start from nothing instead of the published version */
};
struct warehouse_staged {
	bool changed;       /* a next version was made */
	int64_t rows, files; /* loaded into it */
};
struct warehouse_check {
	const char *name, *what; /* "one_row_per_key", "TRACK has one row per (playlist_id, track_id)" */
	int64_t violations;
	const char *example; /* the first violation, "" when there is none */
};
/* What audit needs from outside the warehouse: the bronze files that its rows follow from, all partitions of all five tables. */
struct warehouse_bronze {
	const char *table; /* "bronze_entry" */
	const char *path;  /* local Parquet file */
};
struct warehouse_audit {
	const struct warehouse_bronze *bronze;
	size_t bronze_count;
	void *ctx;
	void (*on_check)(void *ctx, const struct warehouse_check *check); /* may be NULL */
};
enum column_type { COLUMN_BIGINT, COLUMN_BOOLEAN, COLUMN_STRING, COLUMN_DATE, COLUMN_TIMESTAMP, COLUMN_DOUBLE };
struct warehouse_cell {
	bool is_null;
	struct slice text; /* ISO dates and times, true/false, decimal */
};
struct warehouse_sink {
	void *ctx;
	enum rc (*columns)(void *ctx, const struct slice *name, const enum column_type *type, size_t count, struct err *err);
	enum rc (*row)(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err);
};

struct warehouse;
struct warehouse_ops {
	const char *name;
	enum rc (*schema)(struct warehouse *w, struct err *err);
	enum rc (*stage)(struct warehouse *w, const struct warehouse_stage *stage, struct warehouse_staged *out, struct err *err);
	enum rc (*audit)(struct warehouse *w, const struct warehouse_audit *audit, struct err *err);
	enum rc (*publish)(struct warehouse *w, bool *out_changed, struct err *err);
	enum rc (*query)(struct warehouse *w, const char *sql, const struct warehouse_sink *sink, struct err *err);
	/* The result as a Parquet file at `path`. */
	enum rc (*query_file)(struct warehouse *w, const char *sql, const char *path, struct err *err);
	void (*close)(struct warehouse *w);
};
struct warehouse {
	const struct warehouse_ops *ops;
};

/* The tables of the dataset, made from one description of their columns. */
struct warehouse_column {
	const char *name;
	enum column_type type;
	bool nullable;
};
struct warehouse_table {
	const char *name; /* upper case */
	const struct warehouse_column *column;
	size_t column_count;
	const char *key;  /* "playlist_id, track_id" */
	bool per_group;   /* loaded by playlist group */
};
extern const struct warehouse_table warehouse_table[];
extern const size_t warehouse_table_count;
const struct warehouse_table *warehouse_table_find(const char *name);

MUST_USE static inline enum rc warehouse_schema(struct warehouse *w, struct err *err)
{
	return w->ops->schema(w, err);
}
MUST_USE static inline enum rc warehouse_stage(struct warehouse *w, const struct warehouse_stage *stage,
                                               struct warehouse_staged *out, struct err *err)
{
	*out = (struct warehouse_staged){ 0 };
	return w->ops->stage(w, stage, out, err);
}
MUST_USE static inline enum rc warehouse_audit(struct warehouse *w, const struct warehouse_audit *audit, struct err *err)
{
	return w->ops->audit(w, audit, err);
}
MUST_USE static inline enum rc warehouse_publish(struct warehouse *w, bool *out_changed, struct err *err)
{
	*out_changed = false;
	return w->ops->publish(w, out_changed, err);
}
MUST_USE static inline enum rc warehouse_query(struct warehouse *w, const char *sql, const struct warehouse_sink *sink,
                                               struct err *err)
{
	return w->ops->query(w, sql, sink, err);
}
MUST_USE static inline enum rc warehouse_query_file(struct warehouse *w, const char *sql, const char *path, struct err *err)
{
	return w->ops->query_file(w, sql, path, err);
}
static inline void warehouse_close(struct warehouse *w)
{
	if (w)
		w->ops->close(w);
}
static inline void warehouse_closep(struct warehouse **w)
{
	warehouse_close(*w);
	*w = NULL;
}

struct warehouse_duckdb_options {
	const char *path;       /* published file; the staged one lies beside it as <path>.next */
	const char *temp_dir;   /* for spilling */
	int threads;
	int64_t memory_limit_mb;
	const char *bronze_dir; /* optional: queries see BRONZE_* views over the Parquet files below it; NULL for none */
};
MUST_USE enum rc warehouse_duckdb_open(const struct warehouse_duckdb_options *options, struct warehouse **out, struct err *err);
/* Decorator: call number `fail_at` fails with `rc`.  Owns `inner`. */
struct warehouse *warehouse_fault_open(struct warehouse *inner, int fail_at, bool after, enum rc rc);
bool warehouse_fault_fired(const struct warehouse *w);

#endif
