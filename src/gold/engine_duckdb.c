#include "base/buf.h"
#include "base/mem.h"
#include "gold/engine.h"
#include "io/duck.h"

struct engine_duckdb {
	struct engine base;
	struct duck *duck;
};

/* Temporary, so that they are this connection's alone. */
static void add_input(const struct engine_input *in, struct buf *sql)
{
	if (in->path_count == 0) {
		assert(in->columns);
		buf_addf(sql, "CREATE TEMP TABLE %s (%s);\n", in->name, in->columns);
		return;
	}
	buf_addf(sql, "CREATE TEMP VIEW %s AS SELECT * FROM read_parquet([", in->name);
	for (size_t i = 0; i < in->path_count; i++) {
		buf_adds(sql, i ? ", " : "");
		duck_quote_text(in->path[i], sql);
	}
	buf_adds(sql, "], hive_partitioning = false, union_by_name = false);\n");
}

static enum rc set_threads(struct duck_conn *conn, int64_t threads, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new(100);
	buf_addf(&sql, "SET threads = %lld", (long long) threads);
	return duck_exec(conn, buf_str(&sql), NULL, err);
}

/* Each of DuckDB's threads keeps what it sorts and groups in memory of its own. */
static enum rc run_frugally(struct duck_conn *conn, const char *sql, int64_t *out_rows, struct err *err)
{
	int64_t threads;
	TRY(duck_query_int(conn, "SELECT CAST(current_setting('threads') AS BIGINT)", &threads, err));
	TRY(set_threads(conn, 1, err));
	enum rc rc = duck_exec(conn, sql, out_rows, err);
	enum rc back = set_threads(conn, threads, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? back : rc;
}

static enum rc duckdb_run(struct engine *e, const struct engine_job *job, int64_t *out_rows, struct err *err)
{
	struct engine_duckdb *d = CONTAINER_OF(e, struct engine_duckdb, base);
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	TRY(duck_connect(d->duck, &conn, err));
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 30);
	/* Parquet files tell DuckDB nothing about distinct values, and its guess let it join whole tables on playlist_id alone:
	 * 32 CPU seconds and all memory for 54,000 entries.  The files of sql/gold name their joins in a good order. */
	buf_adds(&sql, "SET disabled_optimizers = 'join_order';\n");
	for (size_t i = 0; i < job->input_count; i++)
		add_input(&job->input[i], &sql);
	buf_adds(&sql, "COPY (SELECT * FROM (\n");
	buf_add(&sql, job->sql);
	buf_adds(&sql, "\n) AS q ORDER BY ");
	buf_add(&sql, job->order);
	buf_adds(&sql, ") TO ");
	duck_quote_text(slice_of(job->out_path), &sql);
	buf_adds(&sql, " (FORMAT parquet, COMPRESSION zstd, KV_METADATA {inputs: ");
	duck_quote_text(slice_of(job->inputs), &sql);
	buf_adds(&sql, "})");
	TRY(buf_ok(&sql, "gold statement", err));
	return (job->frugal ? run_frugally : duck_exec)(conn, buf_str(&sql), out_rows, err);
}

static void duckdb_close(struct engine *e)
{
	mem_free(CONTAINER_OF(e, struct engine_duckdb, base));
}

static const struct engine_ops duckdb_ops = { .name = "duckdb", .run = duckdb_run, .close = duckdb_close };

struct engine *engine_duckdb_open(struct duck *duck)
{
	struct engine_duckdb *d = mem_alloc(sizeof *d);
	d->base.ops = &duckdb_ops;
	d->duck = duck;
	return &d->base;
}
