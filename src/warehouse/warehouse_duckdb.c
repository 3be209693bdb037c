#include "warehouse/warehouse_duckdb.h"

#include "base/mem.h"
#include "io/file.h"

static char *with_suffix(const char *path, const char *suffix)
{
	size_t size = strlen(path) + strlen(suffix) + 1;
	char *s = mem_alloc(size);
	(void) snprintf(s, size, "%s%s", path, suffix);
	return s;
}

enum rc session_open(const struct warehouse_duckdb *w, struct session *out, struct err *err)
{
	CLEANUP(session_close) struct session s = { 0 };
	const struct duck_options options = {
		.threads = w->threads,
		.memory_limit_mb = w->memory_limit_mb,
		.temp_dir = w->temp_dir,
	};
	TRY_WRAP(duck_open(&options, &s.duck, err), err, "warehouse %s", w->path);
	TRY_WRAP(duck_connect(s.duck, &s.conn, err), err, "warehouse %s", w->path);
	*out = (struct session){ TAKE(s.duck), TAKE(s.conn) };
	return RC_OK;
}

void session_close(struct session *s)
{
	duck_disconnectp(&s->conn);
	duck_closep(&s->duck);
}

enum rc session_attach(struct session *s, const char *path, bool read_only, int64_t *out_format, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
	buf_adds(&sql, "ATTACH ");
	duck_quote_text(slice_of(path), &sql);
	buf_adds(&sql, read_only ? " AS warehouse (TYPE duckdb, READ_ONLY)" : " AS warehouse (TYPE duckdb)");
	enum rc rc = duck_exec(s->conn, buf_str(&sql), NULL, err);
	if (rc == RC_REJECT) /* of a file's content, not of ours */
		rc = RC_FATAL;
	if (rc != RC_OK)
		return session_failed(path, rc, err);
	int64_t format = 0;
	rc = duck_query_int(s->conn, "SELECT format FROM warehouse.SARGAM_META.VERSION", &format, err);
	if (rc == RC_REJECT || rc == RC_NOT_FOUND)
		return err_set(err, RC_FATAL, "%s is a DuckDB file, but no warehouse of sargam: move it away, or name another with "
		                              "--warehouse", path);
	if (rc != RC_OK)
		return session_failed(path, rc, err);
	if (format > WAREHOUSE_FORMAT)
		return err_set(err, RC_FATAL, "warehouse %s was written by a newer sargam (format %lld, this one knows %d): use that "
		                              "one, or make the file anew with `sargam rebuild`",
		               path, (long long) format, WAREHOUSE_FORMAT);
	*out_format = format;
	return RC_OK;
}

enum rc session_failed(const char *path, enum rc rc, struct err *err)
{
	bool damaged = rc == RC_FATAL && !(err && strstr(err->msg, "Cannot open file"));
	return err_wrap(err, rc, "warehouse %s%s", path, damaged ? " is damaged (`sargam rebuild` makes it anew from raw)" : "");
}

void add_path_list(const char *const *path, size_t count, struct buf *sql)
{
	buf_addc(sql, '[');
	for (size_t i = 0; i < count; i++) {
		buf_adds(sql, i ? ", " : "");
		duck_quote_text(slice_of(path[i]), sql);
	}
	buf_addc(sql, ']');
}

/* Tables come with each version; what must be there before the first is the folder. */
static enum rc duckdb_schema(struct warehouse *base, struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	const char *slash = strrchr(w->path, '/');
	if (!slash || slash == w->path)
		return RC_OK;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	return file_mkdirs(arena_strdup(&arena, (struct slice){ w->path, (size_t) (slash - w->path) }), err);
}

enum rc warehouse_duckdb_publish(struct warehouse *base, bool *out_changed, struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	struct file_info audited, next;
	TRY(file_stat(w->audited, &audited, err));
	TRY(file_stat(w->next, &next, err));
	if (next.exists)
		return err_set(err, RC_REJECT, "the staged version %s has not passed its audit: run `sargam verify`", w->next);
	if (!audited.exists)
		return RC_OK;
	/* a log that somebody's own session left beside the old file must not be replayed into the new one */
	CLEANUP(mem_freep) char *wal = with_suffix(w->path, ".wal");
	TRY(file_remove(wal, err));
	TRY(file_move(w->audited, w->path, true, err));
	*out_changed = true;
	return RC_OK;
}

static void duckdb_close(struct warehouse *base)
{
	struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	mem_free(w->path);
	mem_free(w->staging);
	mem_free(w->next);
	mem_free(w->audited);
	mem_free(w->temp_dir);
	mem_free(w->bronze_dir);
	mem_free(w);
}

static const struct warehouse_ops duckdb_ops = {
	.name = "duckdb",
	.schema = duckdb_schema,
	.stage = warehouse_duckdb_stage,
	.audit = warehouse_duckdb_audit,
	.publish = warehouse_duckdb_publish,
	.query = warehouse_duckdb_query,
	.query_file = warehouse_duckdb_query_file,
	.close = duckdb_close,
};

enum rc warehouse_duckdb_open(const struct warehouse_duckdb_options *options, struct warehouse **out, struct err *err)
{
	if (!options->path || !*options->path)
		return err_set(err, RC_FATAL, "the warehouse needs a file: name one with --warehouse FILE.duckdb");
	struct warehouse_duckdb *w = mem_alloc(sizeof *w);
	*w = (struct warehouse_duckdb){
		.base.ops = &duckdb_ops,
		.path = mem_strdup(options->path),
		.staging = with_suffix(options->path, ".staging"),
		.next = with_suffix(options->path, ".next"),
		.audited = with_suffix(options->path, ".audited"),
		.temp_dir = options->temp_dir ? mem_strdup(options->temp_dir) : NULL,
		.bronze_dir = options->bronze_dir ? mem_strdup(options->bronze_dir) : NULL,
		.threads = options->threads,
		.memory_limit_mb = options->memory_limit_mb,
	};
	*out = &w->base;
	return RC_OK;
}
