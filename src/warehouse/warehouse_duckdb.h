/* What the files of the DuckDB warehouse share; nobody else includes it.
 *
 * Files beside the published one, by the state of the next version:
 *	<path>.staging   being written; a left-over is removed by the next stage
 *	<path>.next      staged, not audited
 *	<path>.audited   its audit passed: publish may rename it to <path>
 * Each is checkpointed and closed before it is renamed, so none has a write-ahead log.
 *
 * Beside SPOTIFY_ANALYTICS a file holds the schema SARGAM_META:
 *	VERSION (format)
 *	LOADED (table_name, playlist_group, inputs, rows)      one row a gold file; group '' for a table that is one file
 *	MEMBER (table_name, playlist_group, playlist_id)       whose rows came with which file */
#ifndef WAREHOUSE_WAREHOUSE_DUCKDB_H
#define WAREHOUSE_WAREHOUSE_DUCKDB_H

#include "base/buf.h"
#include "io/duck.h"
#include "warehouse/warehouse.h"

#define WAREHOUSE_FORMAT 1 /* of SARGAM_META and the tables; an older file is made anew from gold */

struct warehouse_duckdb {
	struct warehouse base;
	char *path, *staging, *next, *audited;
	char *temp_dir, *bronze_dir; /* may be NULL */
	int threads;
	int64_t memory_limit_mb;
};

/* An instance of DuckDB of its own, in memory; the file is attached to it as catalog `warehouse`. */
struct session {
	struct duck *duck;
	struct duck_conn *conn;
};
MUST_USE enum rc session_open(const struct warehouse_duckdb *w, struct session *out, struct err *err);
void session_close(struct session *s);
/* The file must be there.  One that is damaged, not ours or of a newer format is RC_FATAL with what to do. */
MUST_USE enum rc session_attach(struct session *s, const char *path, bool read_only, int64_t *out_format, struct err *err);

/* A statement on the attached file failed: what is fatal about it is the file, and the next step is said. */
MUST_USE enum rc session_failed(const char *path, enum rc rc, struct err *err);

/* "[a, b]" of quoted paths, for read_parquet. */
void add_path_list(const char *const *path, size_t count, struct buf *sql);

/* The parts of an audit: the names the checks use, then one check after the other (`t` NULL unless check->each_table). */
struct audit_check;
struct audit_sum {
	int64_t checks, failed;
	char failures[400]; /* for the error */
};
MUST_USE enum rc audit_add_names(struct session *s, const struct warehouse_audit *audit, struct err *err);
MUST_USE enum rc audit_run_check(struct session *s, const struct audit_check *check, const struct warehouse_table *t,
                                 const struct warehouse_audit *audit, struct audit_sum *sum, struct err *err);

MUST_USE enum rc warehouse_duckdb_stage(struct warehouse *base, const struct warehouse_stage *stage, struct warehouse_staged *out,
                              struct err *err);
MUST_USE enum rc warehouse_duckdb_audit(struct warehouse *base, const struct warehouse_audit *audit, struct err *err);
MUST_USE enum rc warehouse_duckdb_publish(struct warehouse *base, bool *out_changed, struct err *err);
MUST_USE enum rc warehouse_duckdb_query(struct warehouse *base, const char *sql, const struct warehouse_sink *sink, struct err *err);
MUST_USE enum rc warehouse_duckdb_query_file(struct warehouse *base, const char *sql, const char *path, struct err *err);

#endif
