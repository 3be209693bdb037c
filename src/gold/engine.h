/* Engine: runs one gold table's SQL over Parquet files.
 *
 * The SQL reads tables by name (BRONZE_ENTRY, CHART_HISTORY); each is given as local Parquet files with the same columns, read as
 * they are: folder names such as playlist_group=… are no columns.  A table without files is empty, of the given columns.
 * The result is one Parquet file, sorted by `order`, with `inputs` in its key-value metadata.
 *
 * Safe for several threads.  Errors: RC_REJECT (bad SQL, a file that is no Parquet), RC_RETRY, RC_FATAL. */
#ifndef GOLD_ENGINE_H
#define GOLD_ENGINE_H

#include "base/arena.h"

struct engine_input {
	const char *name;        /* BRONZE_ENTRY */
	const char *columns;     /* "playlist_id VARCHAR, …": of the empty table; may be NULL when there are files */
	const struct slice *path;
	size_t path_count;
};
struct engine_job {
	struct slice sql;        /* one SELECT */
	struct slice order;      /* "playlist_id, rank" */
	const char *inputs;
	const struct engine_input *input;
	size_t input_count;
	const char *out_path;    /* replaced when it is there */
	bool frugal;             /* on one thread, with less memory; the caller runs nothing beside it */
};

struct engine;
struct engine_ops {
	const char *name;
	enum rc (*run)(struct engine *e, const struct engine_job *job, int64_t *out_rows, struct err *err);
	void (*close)(struct engine *e);
};
struct engine {
	const struct engine_ops *ops;
};

MUST_USE static inline enum rc engine_run(struct engine *e, const struct engine_job *job, int64_t *out_rows, struct err *err)
{
	assert(job->sql.len && job->order.len && job->out_path);
	return e->ops->run(e, job, out_rows, err);
}
static inline void engine_close(struct engine *e)
{
	if (e)
		e->ops->close(e);
}
static inline void engine_closep(struct engine **e)
{
	engine_close(*e);
	*e = NULL;
}

/* DuckDB in process: a connection of its own for each run; `duck` stays the caller's. */
struct duck;
struct engine *engine_duckdb_open(struct duck *duck);

#endif
