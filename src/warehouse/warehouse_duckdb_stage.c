/* stage: the next version, made from the published one by replacing what changed, or from nothing. */
#include "io/file.h"
#include "warehouse/warehouse_duckdb.h"

#include <stdlib.h>

struct loaded {
	struct slice table, group, inputs; /* group "" for a table that is one file */
};
struct plan {
	const struct warehouse_stage *stage;
	struct arena arena;
	struct loaded *loaded; /* of the published version, sorted by table and group */
	size_t loaded_count;
	bool published, fresh; /* fresh: start from nothing */
	bool *changed;         /* of each file of the stage */
	bool *gone;            /* of each loaded one: replaced or no longer there */
	size_t changed_count, gone_count;
};

static void plan_done(struct plan *p)
{
	arena_done(&p->arena);
}

static struct slice group_of(const struct warehouse_file *file)
{
	return file->group ? slice_of(file->group) : SLICE("");
}

static int by_table(const void *x, const void *y)
{
	const struct loaded *a = x, *b = y;
	int c = slice_cmp(a->table, b->table);
	return c ? c : slice_cmp(a->group, b->group);
}

static enum rc check_files(const struct warehouse_stage *stage, struct err *err)
{
	for (size_t i = 0; i < stage->count; i++) {
		const struct warehouse_file *f = &stage->file[i];
		const struct warehouse_table *t = warehouse_table_find(f->table);
		if (!t)
			return err_set(err, RC_REJECT, "%s: the warehouse has no table %s", f->path, f->table);
		if (t->per_group != (f->group != NULL))
			return err_set(err, RC_REJECT, "%s: table %s is loaded %s", f->path, f->table,
			               t->per_group ? "by playlist group" : "as one file");
	}
	return RC_OK;
}

static enum rc read_loaded(struct session *s, struct plan *p, struct err *err)
{
	int64_t count;
	TRY(duck_query_int(s->conn, "SELECT COUNT(*) FROM warehouse.SARGAM_META.LOADED", &count, err));
	p->loaded = arena_alloc_array(&p->arena, (size_t) count, sizeof *p->loaded);
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY(duck_query(s->conn, "SELECT table_name, playlist_group, inputs FROM warehouse.SARGAM_META.LOADED", &r, err));
	for (;;) {
		bool row;
		TRY(duck_next(r, &row, err));
		if (!row)
			break;
		assert(p->loaded_count < (size_t) count);
		p->loaded[p->loaded_count++] = (struct loaded){
			arena_copy(&p->arena, duck_string(r, 0)),
			arena_copy(&p->arena, duck_string(r, 1)),
			arena_copy(&p->arena, duck_string(r, 2)),
		};
	}
	qsort(p->loaded, p->loaded_count, sizeof *p->loaded, by_table);
	return RC_OK;
}

static enum rc read_published(const struct warehouse_duckdb *w, struct plan *p, struct err *err)
{
	struct file_info info;
	TRY(file_stat(w->path, &info, err));
	p->published = info.exists;
	if (!p->published || p->stage->rebuild)
		return RC_OK;
	CLEANUP(session_close) struct session s = { 0 };
	TRY(session_open(w, &s, err));
	int64_t format;
	TRY(session_attach(&s, w->path, true, &format, err));
	enum rc rc = format == WAREHOUSE_FORMAT ? read_loaded(&s, p, err) : RC_OK;
	return rc == RC_OK ? RC_OK : session_failed(w->path, rc, err);
}

/* Which files are new or other than loaded, and which loaded ones they replace or leave without a file. */
static void compare(struct plan *p)
{
	const struct warehouse_stage *stage = p->stage;
	p->changed = arena_alloc_array(&p->arena, stage->count, sizeof *p->changed);
	p->gone = arena_alloc_array(&p->arena, p->loaded_count, sizeof *p->gone);
	for (size_t i = 0; i < p->loaded_count; i++)
		p->gone[i] = true;
	for (size_t i = 0; i < stage->count; i++) {
		const struct loaded wanted = { .table = slice_of(stage->file[i].table), .group = group_of(&stage->file[i]) };
		const struct loaded *had =
			p->loaded_count ? bsearch(&wanted, p->loaded, p->loaded_count, sizeof wanted, by_table) : NULL;
		p->changed[i] = !had || !slice_is(had->inputs, stage->file[i].inputs);
		if (had)
			p->gone[had - p->loaded] = p->changed[i];
		p->changed_count += p->changed[i];
	}
	for (size_t i = 0; i < p->loaded_count; i++)
		p->gone_count += p->gone[i];
	/* Loading all is then no more work, and leaves no holes in the file. */
	p->fresh = p->loaded_count == 0 || p->changed_count + p->gone_count > p->loaded_count;
	for (size_t i = 0; i < stage->count && p->fresh; i++)
		p->changed[i] = true;
}

static const char *type_name(enum column_type type)
{
	static const char *const name[] = {
		[COLUMN_BIGINT] = "BIGINT", [COLUMN_BOOLEAN] = "BOOLEAN",       [COLUMN_STRING] = "VARCHAR",
		[COLUMN_DATE] = "DATE",     [COLUMN_TIMESTAMP] = "TIMESTAMPTZ", [COLUMN_DOUBLE] = "DOUBLE",
	};
	return name[type];
}

static void add_schema(struct buf *sql)
{
	buf_adds(sql, "CREATE SCHEMA warehouse." WAREHOUSE_SCHEMA ";\nCREATE SCHEMA warehouse.SARGAM_META;\n"
	              "CREATE TABLE warehouse.SARGAM_META.VERSION (format BIGINT NOT NULL);\n"
	              "CREATE TABLE warehouse.SARGAM_META.LOADED (table_name VARCHAR NOT NULL, playlist_group VARCHAR NOT NULL, "
	              "inputs VARCHAR NOT NULL, rows BIGINT NOT NULL);\n"
	              "CREATE TABLE warehouse.SARGAM_META.MEMBER (table_name VARCHAR NOT NULL, playlist_group VARCHAR NOT NULL, "
	              "playlist_id VARCHAR NOT NULL);\n");
	buf_addf(sql, "INSERT INTO warehouse.SARGAM_META.VERSION (format) VALUES (%d);\n", WAREHOUSE_FORMAT);
	for (size_t i = 0; i < warehouse_table_count; i++) {
		const struct warehouse_table *t = &warehouse_table[i];
		buf_addf(sql, "CREATE TABLE warehouse." WAREHOUSE_SCHEMA ".%s (", t->name);
		for (size_t c = 0; c < t->column_count; c++)
			buf_addf(sql, "%s%s %s%s", c ? ", " : "", t->column[c].name, type_name(t->column[c].type),
			         t->column[c].nullable ? "" : " NOT NULL");
		buf_adds(sql, ");\n");
	}
}

/* Rows of groups that are replaced or gone, and what is remembered of them. */
static void add_deletes(const struct plan *p, const struct warehouse_table *t, struct buf *sql)
{
	CLEANUP(buf_done) struct buf groups = buf_new((size_t) 1 << 30);
	bool any = false;
	for (size_t i = 0; i < p->loaded_count; i++) {
		if (!p->gone[i] || !slice_is(p->loaded[i].table, t->name))
			continue;
		buf_adds(&groups, any ? ", " : "(");
		duck_quote_text(p->loaded[i].group, &groups);
		any = true;
	}
	if (!any)
		return;
	buf_addc(&groups, ')');
	if (t->per_group)
		buf_addf(sql, "DELETE FROM warehouse." WAREHOUSE_SCHEMA ".%s WHERE playlist_id IN (SELECT playlist_id FROM "
		              "warehouse.SARGAM_META.MEMBER WHERE table_name = '%s' AND playlist_group IN %s);\n",
		         t->name, t->name, buf_str(&groups));
	else
		buf_addf(sql, "DELETE FROM warehouse." WAREHOUSE_SCHEMA ".%s;\n", t->name);
	buf_addf(sql, "DELETE FROM warehouse.SARGAM_META.MEMBER WHERE table_name = '%s' AND playlist_group IN %s;\n", t->name,
	         buf_str(&groups));
	buf_addf(sql, "DELETE FROM warehouse.SARGAM_META.LOADED WHERE table_name = '%s' AND playlist_group IN %s;\n", t->name,
	         buf_str(&groups));
}

static size_t changed_paths(const struct plan *p, const char *table, const char **out_path)
{
	size_t count = 0;
	for (size_t i = 0; i < p->stage->count; i++)
		if (p->changed[i] && (!table || strcmp(p->stage->file[i].table, table) == 0))
			out_path[count++] = p->stage->file[i].path;
	return count;
}

/* By name on both sides: the order of a file's columns does not matter, a missing one is an error. */
static void add_insert(const struct warehouse_table *t, const char *const *path, size_t count, struct buf *sql)
{
	CLEANUP(buf_done) struct buf columns = buf_new(1 << 16);
	for (size_t c = 0; c < t->column_count; c++)
		buf_addf(&columns, "%s%s", c ? ", " : "", t->column[c].name);
	buf_addf(sql, "INSERT INTO warehouse." WAREHOUSE_SCHEMA ".%s (%s) SELECT %s FROM read_parquet(", t->name, buf_str(&columns),
	         buf_str(&columns));
	add_path_list(path, count, sql);
	buf_adds(sql, ", hive_partitioning = false)");
}

static void add_members(const struct warehouse_table *t, const char *const *path, size_t count, struct buf *sql)
{
	buf_adds(sql, "INSERT INTO warehouse.SARGAM_META.MEMBER (table_name, playlist_group, playlist_id) "
	              "SELECT DISTINCT f.table_name, f.playlist_group, p.playlist_id FROM read_parquet(");
	add_path_list(path, count, sql);
	buf_addf(sql, ", hive_partitioning = false, filename = true) AS p JOIN STAGED_FILE AS f ON f.path = p.filename "
	              "AND f.table_name = '%s'", t->name);
}

static enum rc load_table(struct session *s, struct plan *p, const struct warehouse_table *t, struct warehouse_staged *out,
                          struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 30);
	const char **path = arena_alloc_array(&p->arena, p->stage->count, sizeof *path);
	if (!p->fresh)
		add_deletes(p, t, &sql);
	if (sql.len)
		TRY(duck_exec(s->conn, buf_str(&sql), NULL, err));
	size_t count = changed_paths(p, t->name, path);
	if (count == 0)
		return RC_OK;
	buf_reset(&sql);
	add_insert(t, path, count, &sql);
	int64_t rows = 0;
	TRY(duck_exec(s->conn, buf_str(&sql), &rows, err));
	out->rows += rows;
	out->files += (int64_t) count;
	if (!t->per_group)
		return RC_OK;
	buf_reset(&sql);
	add_members(t, path, count, &sql);
	return duck_exec(s->conn, buf_str(&sql), NULL, err);
}

/* The files to load as a temporary table, to name a row's group by its file. */
static enum rc list_files(struct session *s, const struct plan *p, struct err *err)
{
	TRY(duck_exec(s->conn, "CREATE TEMP TABLE STAGED_FILE (table_name VARCHAR, playlist_group VARCHAR, path VARCHAR, "
	                       "inputs VARCHAR)", NULL, err));
	CLEANUP(duck_append_closep) struct duck_append *a = NULL;
	TRY(duck_append_open(s->conn, "STAGED_FILE", &a, err));
	for (size_t i = 0; i < p->stage->count; i++) {
		if (!p->changed[i])
			continue;
		duck_append_string(a, slice_of(p->stage->file[i].table));
		duck_append_string(a, group_of(&p->stage->file[i]));
		duck_append_string(a, slice_of(p->stage->file[i].path));
		duck_append_string(a, slice_of(p->stage->file[i].inputs));
		TRY(duck_append_end_row(a, err));
	}
	return duck_append_flush(a, err);
}

/* Rows as the files say, not as they arrived: the audit compares the two. */
static enum rc remember_files(struct session *s, struct plan *p, struct err *err)
{
	const char **path = arena_alloc_array(&p->arena, p->stage->count, sizeof *path);
	size_t count = changed_paths(p, NULL, path);
	if (count == 0)
		return RC_OK;
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 30);
	buf_adds(&sql, "INSERT INTO warehouse.SARGAM_META.LOADED (table_name, playlist_group, inputs, rows) "
	               "SELECT f.table_name, f.playlist_group, f.inputs, m.num_rows FROM parquet_file_metadata(");
	add_path_list(path, count, &sql);
	buf_adds(&sql, ") AS m JOIN STAGED_FILE AS f ON f.path = m.file_name");
	int64_t rows = 0;
	TRY(duck_exec(s->conn, buf_str(&sql), &rows, err));
	if ((size_t) rows != count)
		return err_set(err, RC_FATAL, "%zu gold files, but %lld were found again by their names", count, (long long) rows);
	return RC_OK;
}

static enum rc load(struct session *s, struct plan *p, struct warehouse_staged *out, struct err *err)
{
	TRY(list_files(s, p, err));
	TRY(duck_exec(s->conn, "BEGIN", NULL, err));
	if (p->fresh) {
		CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
		add_schema(&sql);
		TRY(duck_exec(s->conn, buf_str(&sql), NULL, err));
	}
	for (size_t i = 0; i < warehouse_table_count; i++)
		TRY_WRAP(load_table(s, p, &warehouse_table[i], out, err), err, "table %s", warehouse_table[i].name);
	TRY(remember_files(s, p, err));
	TRY(duck_exec(s->conn, "COMMIT", NULL, err));
	return duck_exec(s->conn, "CHECKPOINT warehouse", NULL, err);
}

static enum rc write_staging(const struct warehouse_duckdb *w, struct plan *p, struct warehouse_staged *out, struct err *err)
{
	CLEANUP(session_close) struct session s = { 0 };
	TRY(session_open(w, &s, err));
	if (p->fresh) {
		CLEANUP(buf_done) struct buf sql = buf_new((size_t) 1 << 20);
		buf_adds(&sql, "ATTACH ");
		duck_quote_text(slice_of(w->staging), &sql);
		buf_adds(&sql, " AS warehouse (TYPE duckdb)");
		TRY(duck_exec(s.conn, buf_str(&sql), NULL, err));
	} else {
		int64_t format;
		TRY(file_copy(w->path, w->staging, err));
		TRY(session_attach(&s, w->staging, false, &format, err));
	}
	TRY(load(&s, p, out, err));
	return duck_exec(s.conn, "DETACH warehouse", NULL, err);
}

static enum rc remove_with_log(const char *path, struct arena *arena, struct err *err)
{
	TRY(file_remove(path, err));
	return file_remove(arena_printf(arena, "%s.wal", path).ptr, err);
}

static enum rc check_no_log(const struct warehouse_duckdb *w, struct arena *arena, struct err *err)
{
	struct file_info info;
	struct slice log = arena_printf(arena, "%s.wal", w->staging);
	TRY(file_stat(log.ptr, &info, err));
	return info.exists ? err_set(err, RC_RETRY, "%s is still there after the checkpoint", log.ptr) : RC_OK;
}

enum rc warehouse_duckdb_stage(struct warehouse *base, const struct warehouse_stage *stage, struct warehouse_staged *out,
                               struct err *err)
{
	const struct warehouse_duckdb *w = CONTAINER_OF(base, struct warehouse_duckdb, base);
	CLEANUP(plan_done) struct plan p = { .stage = stage, .arena = arena_new((size_t) 1 << 30) };
	TRY(check_files(stage, err));
	TRY(remove_with_log(w->staging, &p.arena, err));
	TRY(remove_with_log(w->next, &p.arena, err));
	TRY(remove_with_log(w->audited, &p.arena, err));
	TRY(read_published(w, &p, err));
	compare(&p);
	if (p.changed_count + p.gone_count == 0 && (p.published || stage->count == 0) && !stage->rebuild)
		return RC_OK;
	struct warehouse_staged staged = { .changed = true };
	enum rc rc = write_staging(w, &p, &staged, err);
	if (rc == RC_FATAL && !p.fresh) /* the copy is as damaged as what it was made from */
		return session_failed(w->path, rc, err);
	TRY_WRAP(rc, err, "staging %s", w->staging);
	TRY(check_no_log(w, &p.arena, err));
	TRY(file_move(w->staging, w->next, false, err));
	*out = staged;
	return RC_OK;
}
