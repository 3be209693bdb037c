/* audit: every check of audit_checks.c over the staged version, else the published one. */
#include "io/file.h"
#include "warehouse/audit_checks.h"
#include "warehouse/warehouse_duckdb.h"

/* Bronze tables by the names the checks use, with the columns they read.  The small ones are read once; entries and credits,
 * which may be larger than the memory, are read where they lie. */
static const struct bronze_table {
	const char *name, *columns, *types;
	bool copied;
} bronze_tables[] = {
	{ "bronze_snapshot", "playlist_id, snapshot_at, chart_date, day_number, items, entries, rejects, warnings",
	  "playlist_id VARCHAR, snapshot_at TIMESTAMPTZ, chart_date DATE, day_number BIGINT, items BIGINT, entries BIGINT, "
	  "rejects BIGINT, warnings BIGINT", true },
	{ "bronze_entry", "playlist_id, snapshot_at, position, track_id",
	  "playlist_id VARCHAR, snapshot_at TIMESTAMPTZ, position BIGINT, track_id VARCHAR", false },
	{ "bronze_credit", "playlist_id, snapshot_at, position, scope, artist_id",
	  "playlist_id VARCHAR, snapshot_at TIMESTAMPTZ, position BIGINT, scope VARCHAR, artist_id VARCHAR", false },
	{ "bronze_reject", "playlist_id, snapshot_at, position",
	  "playlist_id VARCHAR, snapshot_at TIMESTAMPTZ, position BIGINT", true },
};

static enum rc add_bronze(struct session *s, const struct warehouse_audit *audit, const struct bronze_table *t, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	const char **path = arena_alloc_array(&arena, audit->bronze_count, sizeof *path);
	size_t count = 0;
	for (size_t i = 0; i < audit->bronze_count; i++)
		if (strcmp(audit->bronze[i].table, t->name) == 0)
			path[count++] = audit->bronze[i].path;
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 30);
	if (count == 0) {
		buf_addf(&sql, "CREATE TEMP TABLE %s (%s)", t->name, t->types);
	} else {
		buf_addf(&sql, "CREATE TEMP %s %s AS SELECT %s FROM read_parquet(", t->copied ? "TABLE" : "VIEW", t->name, t->columns);
		add_path_list(path, count, &sql);
		buf_adds(&sql, ", hive_partitioning = false, union_by_name = false)");
	}
	return duck_exec(s->conn, buf_str(&sql), NULL, err);
}

enum rc audit_add_names(struct session *s, const struct warehouse_audit *audit, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(bronze_tables); i++)
		TRY_WRAP(add_bronze(s, audit, &bronze_tables[i], err), err, "%s", bronze_tables[i].name);
	/* As in gold: Parquet files give DuckDB nothing to guess a join order by, so the checks' own stands. */
	return duck_exec(s->conn, "CREATE TEMP VIEW META_LOADED AS SELECT table_name, rows FROM warehouse.SARGAM_META.LOADED; "
	                          "USE warehouse." WAREHOUSE_SCHEMA "; SET disabled_optimizers = 'join_order'", NULL, err);
}

/* `text` with {table} and {key} filled in. */
static void fill_in(const char *text, const struct warehouse_table *t, struct buf *out)
{
	for (; *text; text++) {
		if (t && strncmp(text, "{table}", 7) == 0) {
			buf_adds(out, t->name);
			text += 6;
		} else if (t && strncmp(text, "{key}", 5) == 0) {
			buf_adds(out, t->key);
			text += 4;
		} else {
			buf_addc(out, *text);
		}
	}
}

static void note(struct audit_sum *sum, const struct warehouse_check *check)
{
	sum->checks++;
	if (check->violations == 0)
		return;
	sum->failed++;
	size_t len = strlen(sum->failures);
	(void) snprintf(sum->failures + len, sizeof sum->failures - len, "%s%s (%lld, first: %.80s)", len ? "; " : "", check->what,
	                (long long) check->violations, check->example);
}

static enum rc run_query(struct session *s, const char *sql, struct duck_result **out, struct err *err)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	bool row;
	TRY(duck_query(s->conn, sql, &r, err));
	TRY(duck_next(r, &row, err));
	assert(row); /* of an aggregate */
	*out = TAKE(r);
	return RC_OK;
}

/* What does not fit into the memory on all threads may fit on one. */
static enum rc first_row(struct session *s, const char *sql, struct duck_result **out, struct err *err)
{
	struct err why = { 0 };
	enum rc rc = run_query(s, sql, out, &why);
	if (rc == RC_RETRY && duck_out_of_memory(&why)) {
		TRY(duck_exec(s->conn, "SET threads = 1", NULL, err));
		return run_query(s, sql, out, err);
	}
	if (rc != RC_OK && err)
		*err = why;
	return rc;
}

enum rc audit_run_check(struct session *s, const struct audit_check *check, const struct warehouse_table *t,
                        const struct warehouse_audit *audit, struct audit_sum *sum, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
	CLEANUP(buf_done) struct buf what = buf_new(1 << 16);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 28);
	fill_in(check->what, t, &what);
	buf_adds(&sql, "SELECT COUNT(*) AS n, COALESCE(MIN(LEFT(example, 200)), '') AS first FROM (");
	fill_in(check->sql, t, &sql);
	buf_adds(&sql, ") AS violation(example)");
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY_WRAP(first_row(s, buf_str(&sql), &r, err), err, "check %s", check->name);
	const struct warehouse_check result = {
		.name = check->name,
		.what = buf_str(&what),
		.violations = duck_int(r, 0),
		.example = arena_strdup(&arena, duck_string(r, 1)),
	};
	note(sum, &result);
	if (audit->on_check)
		audit->on_check(audit->ctx, &result);
	return RC_OK;
}

static enum rc run_checks(const struct warehouse_duckdb *w, const char *path, const struct warehouse_audit *audit,
                          struct audit_sum *sum, struct err *err)
{
	CLEANUP(session_close) struct session s = { 0 };
	int64_t format;
	TRY(session_open(w, &s, err));
	TRY(session_attach(&s, path, true, &format, err));
	TRY(audit_add_names(&s, audit, err));
	for (size_t i = 0; i < audit_check_count; i++) {
		if (!audit_check[i].each_table)
			TRY(audit_run_check(&s, &audit_check[i], NULL, audit, sum, err));
		for (size_t t = 0; t < warehouse_table_count && audit_check[i].each_table; t++)
			TRY(audit_run_check(&s, &audit_check[i], &warehouse_table[t], audit, sum, err));
	}
	return RC_OK;
}

/* The version to look at; *out_path NULL when there is none. */
static enum rc find_version(const struct warehouse_duckdb *w, const char **out_path, struct err *err)
{
	const char *const path[] = { w->next, w->audited, w->path };
	*out_path = NULL;
	for (size_t i = 0; i < COUNT_OF(path) && !*out_path; i++) {
		struct file_info info;
		TRY(file_stat(path[i], &info, err));
		if (info.exists)
			*out_path = path[i];
	}
	return RC_OK;
}

enum rc warehouse_duckdb_audit(struct warehouse *base, const struct warehouse_audit *audit, struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	const char *path;
	TRY(find_version(w, &path, err));
	if (!path)
		return err_set(err, RC_NOT_FOUND, "nothing is published yet: run `sargam run` first (there is no %s)", w->path);
	struct audit_sum sum = { 0 };
	enum rc rc = run_checks(w, path, audit, &sum, err);
	if (rc != RC_OK)
		return err_wrap(err, rc == RC_NOT_FOUND ? RC_RETRY : rc, "audit of %s", path);
	if (sum.failed && path == w->audited) /* a second audit sees what the first did not */
		TRY(file_move(w->audited, w->next, false, err));
	if (sum.failed)
		return err_set(err, RC_REJECT, "audit of %s: %lld of %lld checks failed: %s", path, (long long) sum.failed,
		               (long long) sum.checks, sum.failures);
	return path == w->next ? file_move(w->next, w->audited, false, err) : RC_OK;
}
