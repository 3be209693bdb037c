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

static bool starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* "/<group>/<month>/part-0.parquet" below the table's folder, each as one more path of *sql. */
static enum rc add_files(const char *folder, struct arena *arena, struct buf *sql, bool *out_any, struct err *err)
{
	struct file_names groups, months;
	enum rc rc = file_list(folder, arena, &groups, err);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	for (size_t g = 0; g < groups.count; g++) {
		const char *group = arena_printf(arena, "%s/%s", folder, groups.name[g]).ptr;
		if (!starts_with(groups.name[g], "playlist_group="))
			continue;
		TRY(file_list(group, arena, &months, err));
		for (size_t m = 0; m < months.count; m++) {
			struct slice path = arena_printf(arena, "%s/%s/part-0.parquet", group, months.name[m]);
			struct file_info info;
			TRY(file_stat(path.ptr, &info, err));
			if (!info.exists || !starts_with(months.name[m], "chart_month="))
				continue;
			buf_adds(sql, *out_any ? ", " : "");
			duck_quote_text(path, sql);
			*out_any = true;
		}
	}
	return RC_OK;
}

/* Views over the bronze files, listed by name (a pattern would trip over a folder named "a[b]"); a table without any file
 * has none. */
static enum rc add_bronze(const struct warehouse_duckdb *w, struct session *s, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(bronze_tables); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
		CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 30);
		bool any = false;
		buf_addf(&sql, "CREATE TEMP VIEW %s AS SELECT * FROM read_parquet([", bronze_tables[i]);
		TRY(add_files(arena_printf(&arena, "%s/%s", w->bronze_dir, bronze_tables[i]).ptr, &arena, &sql, &any, err));
		buf_adds(&sql, "], hive_partitioning = false, union_by_name = false)");
		if (any)
			TRY_WRAP(duck_exec(s->conn, buf_str(&sql), NULL, err), err, "%s below %s (`sargam bronze` mends it)",
			         bronze_tables[i], w->bronze_dir);
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
	TRY_WRAP(lock_up(s, bronze ? w->bronze_dir : NULL, out_file, err), err, "warehouse %s", w->path);
	return RC_OK;
}

/* RC_NOT_FOUND is kept for "nothing is published"; an error of the statement needs no path before it, one of the file does. */
static enum rc of_statement(const struct warehouse_duckdb *w, enum rc rc, struct err *err)
{
	if (rc == RC_FATAL)
		return session_failed(w->path, rc, err);
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

static enum rc hand_over(const struct warehouse_duckdb *w, struct duck_result *r, const struct warehouse_sink *sink, struct err *err)
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
		TRY(of_statement(w, duck_next(r, &row, err), err));
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
	TRY(of_statement(w, duck_check_read_only(s.conn, sql, err), err));
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY(of_statement(w, duck_query(s.conn, sql, &r, err), err));
	return hand_over(w, r, sink, err);
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
		TRY(of_statement(w, duck_check_read_only(s.conn, sql, err), err));
		CLEANUP(buf_done) struct buf copy = buf_new((size_t) 1 << 30);
		buf_adds(&copy, "COPY (");
		buf_add(&copy, without_end(sql));
		buf_adds(&copy, "\n) TO ");
		duck_quote_text(part, &copy);
		buf_adds(&copy, " (FORMAT parquet, COMPRESSION zstd)");
		rc = duck_exec(s.conn, buf_str(&copy), NULL, err);
		if (rc == RC_NOT_FOUND)
			rc = RC_REJECT;
	}
	if (rc == RC_OK)
		rc = file_move(part.ptr, path, false, err);
	if (rc != RC_OK)
		(void) !file_remove(part.ptr, NULL);
	return rc;
}
