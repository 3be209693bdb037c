/* query: one SELECT on the published file, by an instance that can reach nothing else. */
#include "io/file.h"
#include "warehouse/warehouse_duckdb.h"

#include <strings.h>

static const char *const bronze_tables[] = { "bronze_entry", "bronze_credit", "bronze_reject", "bronze_field",
	                                     "bronze_snapshot" };

static bool mentions_bronze(const char *sql)
{
	for (; *sql; sql++)
		if (strncasecmp(sql, "bronze_", 7) == 0)
			return true;
	return false;
}

/* A folder's name as a pattern that matches only itself. */
static void add_literal(const char *path, struct buf *glob)
{
	for (; *path; path++)
		buf_addf(glob, strchr("*?[", *path) ? "[%c]" : "%c", *path);
}

/* Views over the bronze files; a table without any file has none. */
static enum rc add_bronze(const struct warehouse_duckdb *w, struct session *s, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(bronze_tables); i++) {
		CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
		buf_addf(&sql, "CREATE TEMP VIEW %s AS SELECT * FROM read_parquet(", bronze_tables[i]);
		CLEANUP(buf_done) struct buf glob = buf_new((size_t) 1 << 20);
		add_literal(w->bronze_dir, &glob);
		buf_addf(&glob, "/%s/playlist_group=*/chart_month=*/part-0.parquet", bronze_tables[i]);
		duck_quote_text(buf_slice(&glob), &sql);
		buf_adds(&sql, ", hive_partitioning = false, union_by_name = false)");
		enum rc rc = duck_exec(s->conn, buf_str(&sql), NULL, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return err_wrap(err, rc, "%s below %s (`sargam bronze` mends it)", bronze_tables[i], w->bronze_dir);
	}
	return RC_OK;
}

/* From here on nothing but the attached file, what DuckDB spills, and the named places can be reached. */
static enum rc lock_up(struct session *s, const char *directory, const char *file, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
	buf_adds(&sql, "USE warehouse." WAREHOUSE_SCHEMA ";\n");
	if (directory) {
		buf_adds(&sql, "SET allowed_directories = ");
		add_path_list(&directory, 1, &sql);
		buf_adds(&sql, ";\n");
	}
	if (file) {
		buf_adds(&sql, "SET allowed_paths = ");
		add_path_list(&file, 1, &sql);
		buf_adds(&sql, ";\n");
	}
	buf_adds(&sql, "SET enable_external_access = false;\nSET lock_configuration = true;");
	return duck_exec(s->conn, buf_str(&sql), NULL, err);
}

static enum rc open_published(const struct warehouse_duckdb *w, const char *sql, const char *out_file, struct session *s,
                              struct err *err)
{
	struct file_info info;
	TRY(file_stat(w->path, &info, err));
	if (!info.exists)
		return err_set(err, RC_NOT_FOUND, "nothing is published yet: run `sargam run` first (there is no %s)", w->path);
	TRY(session_open(w, s, err));
	int64_t format;
	TRY(session_attach(s, w->path, true, &format, err));
	bool bronze = w->bronze_dir && mentions_bronze(sql);
	if (bronze)
		TRY(add_bronze(w, s, err));
	return lock_up(s, bronze ? w->bronze_dir : NULL, out_file, err);
}

/* RC_NOT_FOUND is kept for "nothing is published". */
static enum rc of_statement(enum rc rc)
{
	return rc == RC_NOT_FOUND ? RC_REJECT : rc;
}

static enum column_type column_type_of(enum duck_type type)
{
	switch (type) {
	case DUCK_BIGINT:
		return COLUMN_BIGINT;
	case DUCK_BOOLEAN:
		return COLUMN_BOOLEAN;
	case DUCK_DATE:
		return COLUMN_DATE;
	case DUCK_TIMESTAMP:
		return COLUMN_TIMESTAMP;
	case DUCK_DOUBLE:
		return COLUMN_DOUBLE;
	case DUCK_STRING:
	case DUCK_OTHER:
		break;
	}
	return COLUMN_STRING;
}

static enum rc hand_over(struct duck_result *r, const struct warehouse_sink *sink, struct err *err)
{
	size_t count = duck_column_count(r);
	CLEANUP(arena_done) struct arena columns = arena_new((size_t) 1 << 26);
	CLEANUP(arena_done) struct arena cells = arena_new((size_t) 1 << 26);
	struct slice *name = arena_alloc_array(&columns, count, sizeof *name);
	enum column_type *type = arena_alloc_array(&columns, count, sizeof *type);
	struct warehouse_cell *cell = arena_alloc_array(&columns, count, sizeof *cell);
	for (size_t i = 0; i < count; i++) {
		name[i] = slice_of(duck_column_name(r, i));
		type[i] = column_type_of(duck_column_type(r, i));
	}
	TRY(sink->columns(sink->ctx, name, type, count, err));
	for (;;) {
		bool row;
		TRY(of_statement(duck_next(r, &row, err)));
		if (!row)
			return RC_OK;
		arena_reset(&cells);
		for (size_t i = 0; i < count; i++) {
			cell[i].is_null = duck_is_null(r, i);
			cell[i].text = cell[i].is_null                           ? SLICE_NULL
			               : duck_column_type(r, i) == DUCK_STRING ? duck_string(r, i) /* of any size: not copied */
			                                                        : duck_text(r, i, &cells);
		}
		TRY(sink->row(sink->ctx, cell, count, err));
	}
}

enum rc warehouse_duckdb_query(struct warehouse *base, const char *sql, const struct warehouse_sink *sink, struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	CLEANUP(session_close) struct session s = { 0 };
	TRY(open_published(w, sql, NULL, &s, err));
	TRY(of_statement(duck_check_read_only(s.conn, sql, err)));
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY(of_statement(duck_query(s.conn, sql, &r, err)));
	return hand_over(r, sink, err);
}

static struct slice without_end(const char *sql)
{
	struct slice text = slice_trim(slice_of(sql));
	while (slice_ends(text, SLICE(";")))
		text = slice_trim(slice_sub(text, 0, text.len - 1));
	return text;
}

enum rc warehouse_duckdb_query_file(struct warehouse *base, const char *sql, const char *path, struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	struct slice part = arena_printf(&arena, "%s.part", path);
	enum rc rc;
	{
		CLEANUP(session_close) struct session s = { 0 };
		TRY(open_published(w, sql, part.ptr, &s, err));
		TRY(of_statement(duck_check_read_only(s.conn, sql, err)));
		CLEANUP(buf_done) struct buf copy = buf_new((size_t) 1 << 30);
		buf_adds(&copy, "COPY (");
		buf_add(&copy, without_end(sql));
		buf_adds(&copy, "\n) TO ");
		duck_quote_text(part, &copy);
		buf_adds(&copy, " (FORMAT parquet, COMPRESSION zstd)");
		rc = of_statement(duck_exec(s.conn, buf_str(&copy), NULL, err));
	}
	if (rc == RC_OK)
		rc = file_move(part.ptr, path, false, err);
	if (rc != RC_OK)
		(void) !file_remove(part.ptr, NULL);
	return rc;
}
