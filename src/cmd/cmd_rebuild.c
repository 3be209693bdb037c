/* rebuild: all tables anew from raw, beside the old ones, and compared with them row by row. */
#include "base/buf.h"
#include "bronze/partition.h"
#include "cmd/build.h"
#include "io/file.h"

/* The second build: the same raw, everything else in a scratch folder. */
struct second {
	struct app *app;
	char dir[4096 + 64], warehouse_path[4096 + 96];
	struct store *store;
	struct warehouse *warehouse;
};

static void second_close(struct second *s)
{
	warehouse_close(s->warehouse);
	store_close(s->store);
	if (s->dir[0])
		(void) !file_remove_tree(s->dir, NULL); /* what stays behind goes with the scratch folder */
}

static enum rc second_open(struct app *app, struct second *s, struct err *err)
{
	const char *scratch_dir;
	s->app = app;
	TRY(app_scratch_dir(app, &scratch_dir, err));
	(void) snprintf(s->dir, sizeof s->dir, "%s/rebuild", scratch_dir);
	(void) snprintf(s->warehouse_path, sizeof s->warehouse_path, "%s/warehouse.duckdb", s->dir);
	TRY(file_mkdirs(s->dir, err));
	TRY(store_folder_open(s->dir, &s->store, err));
	const struct warehouse_duckdb_options options = {
		.path = s->warehouse_path,
		.temp_dir = app_spill_dir(app),
		.threads = app_threads(app),
		.memory_limit_mb = app_config(app)->memory_limit_mb,
	};
	return warehouse_duckdb_open(&options, &s->warehouse, err);
}

static enum rc second_derived(void *ctx, struct store **out, struct err *err UNUSED)
{
	*out = ((struct second *) ctx)->store;
	return RC_OK;
}

static enum rc second_warehouse(void *ctx, struct warehouse **out, struct err *err UNUSED)
{
	*out = ((struct second *) ctx)->warehouse;
	return RC_OK;
}

static enum rc second_store(void *ctx, struct store **out, struct err *err)
{
	return app_store(((struct second *) ctx)->app, out, err);
}

static enum rc second_duck(void *ctx, struct duck **out, struct err *err)
{
	return app_duck(((struct second *) ctx)->app, out, err);
}

static enum rc build_again(struct pipeline *p, bool quiet, struct err *err)
{
	static const enum stage stages[] = { STAGE_bronze, STAGE_gold, STAGE_load, STAGE_verify, STAGE_publish };
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		struct stage_result result;
		TRY_WRAP(pipeline_stage(p, stages[i], &result, err), err, "rebuild: %s", stage_info[stages[i]].name);
		if (!quiet)
			(void) printf("%-8s %s\n", stage_info[stages[i]].name, result.summary);
	}
	return RC_OK;
}

/* Rows on one side only; files may be missing (an empty list). */
static enum rc count_only(struct duck_conn *conn, const char *left, const char *right, int64_t *out, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 64 << 20);
	buf_addf(&sql, "SELECT count(*) FROM (SELECT * FROM %s EXCEPT ALL SELECT * FROM %s)", left, right);
	TRY(buf_ok(&sql, "comparison", err));
	return duck_query_int(conn, buf_str(&sql), out, err);
}

struct tally {
	int64_t tables, rows, different;
};

static enum rc compare(struct duck_conn *conn, const char *name, const char *old, const char *new, struct tally *tally,
                       struct err *err)
{
	int64_t rows, vanished, appeared;
	CLEANUP(buf_done) struct buf sql = buf_new((size_t) 64 << 20);
	buf_addf(&sql, "SELECT count(*) FROM %s", new);
	TRY(buf_ok(&sql, "comparison", err));
	TRY(duck_query_int(conn, buf_str(&sql), &rows, err));
	TRY_WRAP(count_only(conn, old, new, &vanished, err), err, "compare %s", name);
	TRY_WRAP(count_only(conn, new, old, &appeared, err), err, "compare %s", name);
	tally->tables++;
	tally->rows += rows;
	tally->different += vanished + appeared;
	if (vanished || appeared)
		(void) printf("DIFFERS  %s: %lld rows are not what raw gives, %lld rows that raw gives are missing\n", name,
		              (long long) vanished, (long long) appeared);
	else
		(void) printf("equal    %s: %lld rows\n", name, (long long) rows);
	return RC_OK;
}

/* One table's Parquet files of a store as a relation. */
static enum rc bronze_relation(struct store *store, struct duck_conn *conn, enum bronze_table t, struct arena *arena,
                               struct buf *out, struct err *err)
{
	struct partition_list list;
	size_t files = 0;
	TRY(partition_list(store, conn, arena, &list, err));
	buf_adds(out, "read_parquet([");
	for (size_t i = 0; i < list.count; i++) {
		struct slice path;
		if (!list.partition[i].key[t].ptr)
			continue;
		TRY(store_get_file(store, list.partition[i].key[t], arena, &path, err));
		buf_adds(out, files++ ? ", " : "");
		duck_quote_text(path, out);
	}
	buf_adds(out, "], hive_partitioning = false)");
	if (files == 0) {
		buf_reset(out);
		buf_addf(out, "empty_%s", bronze_table_name(t));
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "CREATE TEMP TABLE IF NOT EXISTS empty_%s (%s)", bronze_table_name(t), bronze_table_columns(t));
		TRY(duck_exec(conn, buf_str(&sql), NULL, err));
	}
	return buf_ok(out, "list of files", err);
}

static enum rc compare_bronze(struct second *s, struct duck_conn *conn, struct tally *tally, struct err *err)
{
	struct store *home;
	TRY(app_store(s->app, &home, err));
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX / 4);
		CLEANUP(buf_done) struct buf old = buf_new((size_t) 32 << 20), new = buf_new((size_t) 32 << 20);
		TRY(bronze_relation(home, conn, t, &arena, &old, err));
		TRY(bronze_relation(s->store, conn, t, &arena, &new, err));
		TRY(compare(conn, bronze_table_name(t), buf_str(&old), buf_str(&new), tally, err));
	}
	return RC_OK;
}

/* Any backend can write a query's result to a file: that is all the comparison needs. */
static enum rc export_table(struct second *s, struct warehouse *w, const char *table, const char *side, struct buf *out,
                            struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 12), path = buf_new(1 << 13);
	buf_addf(&sql, "SELECT * FROM " WAREHOUSE_SCHEMA ".%s", table);
	buf_addf(&path, "%s/%s.%s.parquet", s->dir, side, table);
	TRY(warehouse_query_file(w, buf_str(&sql), buf_str(&path), err));
	buf_adds(out, "read_parquet(");
	duck_quote_text(buf_slice(&path), out);
	buf_adds(out, ", hive_partitioning = false)");
	return RC_OK;
}

static enum rc compare_warehouse(struct second *s, struct duck_conn *conn, struct tally *tally, struct err *err)
{
	struct warehouse *home;
	TRY(app_warehouse(s->app, &home, err));
	for (size_t i = 0; i < warehouse_table_count; i++) {
		const char *table = warehouse_table[i].name;
		CLEANUP(buf_done) struct buf old = buf_new(1 << 13), new = buf_new(1 << 13);
		TRY(export_table(s, home, table, "old", &old, err));
		TRY(export_table(s, s->warehouse, table, "new", &new, err));
		TRY(compare(conn, table, buf_str(&old), buf_str(&new), tally, err));
	}
	return RC_OK;
}

/* The rebuilt files take the old ones' places; each is replaced whole. */
static enum rc adopt_files(struct second *s, const char *prefix, struct err *err)
{
	struct store *home;
	struct slice from = SLICE_NULL;
	CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX / 4);
	TRY(app_store(s->app, &home, err));
	do {
		struct store_list list;
		TRY(store_list(s->store, slice_of(prefix), from, 1000, &arena, &list, err));
		for (size_t i = 0; i < list.count; i++) {
			struct slice path;
			CLEANUP(buf_done) struct buf copy = buf_new(1 << 13);
			TRY(store_get_file(s->store, list.object[i].key, &arena, &path, err));
			buf_addf(&copy, "%s/adopt.parquet", s->dir);
			TRY(file_copy(path.ptr, buf_str(&copy), err));
			TRY(store_put_file(home, list.object[i].key, buf_str(&copy), STORE_ANY_VERSION, false, NULL, err));
		}
		from = list.next;
	} while (from.ptr);
	return store_sync(home, err);
}

static enum rc replace_home(struct second *s, struct build *home, struct err *err)
{
	static const enum stage stages[] = { STAGE_bronze, STAGE_gold, STAGE_load, STAGE_verify, STAGE_publish };
	TRY(adopt_files(s, "bronze/", err));
	TRY(adopt_files(s, "gold/", err));
	home->options.rebuild = true;
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		struct stage_result result;
		TRY_WRAP(pipeline_stage(home->pipeline, stages[i], &result, err), err, "%s", stage_info[stages[i]].name);
	}
	return RC_OK;
}

static enum rc rebuild(struct app *app, const struct args *args, bool only_check, struct tally *tally, struct err *err)
{
	CLEANUP(build_close) struct build home = { 0 };
	CLEANUP(second_close) struct second s = { 0 };
	CLEANUP(pipeline_freep) struct pipeline *again = NULL;
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	struct duck *duck;
	TRY(app_need_home(app, err));
	TRY(build_open(app, args, "rebuild", &home, err));
	TRY(pipeline_hold(home.pipeline, err));
	TRY(second_open(app, &s, err));
	struct pipeline_options options = home.options;
	options.ports = (struct pipeline_ports){ .ctx = &s, .store = second_store, .derived = second_derived, .duck = second_duck,
		                                 .warehouse = second_warehouse };
	options.home = s.dir;
	options.drift_policy = NULL; /* the question is whether the tables are what raw gives, whatever raw lacks */
	again = pipeline_new(&options);
	TRY(build_again(again, app_quiet(app), err));
	progress_wipe(home.progress);
	TRY(app_duck(app, &duck, err));
	TRY(duck_connect(duck, &conn, err));
	TRY(compare_bronze(&s, conn, tally, err));
	enum rc rc = compare_warehouse(&s, conn, tally, err);
	if (rc == RC_NOT_FOUND && !only_check) /* nothing is published yet: then everything is new */
		tally->different++;
	else
		TRY(rc);
	if (!only_check && tally->different)
		TRY(replace_home(&s, &home, err));
	return RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	struct tally tally = { 0 };
	bool only_check = args_flag(args, "check");
	enum rc rc = rebuild(app, args, only_check, &tally, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (tally.different == 0) {
		(void) printf("%lld tables, %lld rows: equal to a rebuild from raw\n", (long long) tally.tables,
		              (long long) tally.rows);
		return EXIT_DONE;
	}
	if (only_check) {
		(void) err_set(err, RC_REJECT, "%lld rows differ from a rebuild from raw: `sargam rebuild` puts the rebuilt tables in place",
		               (long long) tally.different);
		return EXIT_FAILED;
	}
	(void) printf("%lld rows differed; the rebuilt tables are published\n", (long long) tally.different);
	return EXIT_DONE;
}

static const struct option_spec options[] = {
	{ "check", NULL, "only compare: exit with 1 when a row differs" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_rebuild;
const struct command cmd_rebuild = {
	.name = "rebuild",
	.summary = "make every table anew from raw and compare it with what is there",
	.words = "",
	.details = "Nothing is deleted: the second build lies in a scratch folder of the home. Without --check rebuilt tables that\n"
	           "differ are audited and published.",
	.option = options,
	.run = run,
};
