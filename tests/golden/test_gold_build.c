/* gold_build: what is recomputed, what is left alone, and that both give the same rows. */
#include "golden/history.h"

#include "base/buf.h"
#include "bronze/partition.h"
#include "gold/gold.h"
#include "io/file.h"
#include "test.h"

#include <stdio.h>
#include <unistd.h>

static void must(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->msg);
}

/* Which files were written since `before`: their tables and groups. */
static const char *written_since(struct history_home *home, const struct gold_file_list *before, struct arena *arena)
{
	struct gold_file_list now;
	struct err err = { 0 };
	must(gold_files(home->store, home->conn, arena, &now, &err), &err);
	struct buf text = buf_new(1 << 16);
	for (size_t i = 0; i < now.count; i++) {
		bool same = false;
		for (size_t k = 0; k < before->count; k++)
			same |= slice_eq(before->file[k].key, now.file[i].key) && before->file[k].version == now.file[i].version;
		if (!same)
			buf_addf(&text, "%s%s%.*s\n", now.file[i].table, now.file[i].group.ptr ? " " : "", SLICE_FMT(now.file[i].group));
	}
	const char *copy = arena_strdup(arena, buf_slice(&text));
	buf_done(&text);
	return copy;
}

static struct gold_file_list files_of(struct history_home *home, struct arena *arena)
{
	struct gold_file_list files;
	struct err err = { 0 };
	must(gold_files(home->store, home->conn, arena, &files, &err), &err);
	return files;
}

/* One hash over all rows of all gold files, by table. */
static const char *content(struct history_home *home, struct arena *arena)
{
	struct gold_file_list files = files_of(home, arena);
	struct buf text = buf_new(1 << 16);
	for (size_t i = 0; i < files.count; i++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		struct err err = { 0 };
		int64_t hash = 0;
		buf_addf(&sql, "SELECT COALESCE(CAST(SUM(hash(q) %% 1000000007) AS BIGINT), 0) FROM read_parquet('%s', hive_partitioning = false) AS q",
		         files.file[i].path.ptr);
		must(duck_query_int(home->conn, buf_str(&sql), &hash, &err), &err);
		buf_addf(&text, "%.*s %lld\n", SLICE_FMT(files.file[i].key), (long long) hash);
	}
	const char *copy = arena_strdup(arena, buf_slice(&text));
	buf_done(&text);
	return copy;
}

static void equal_inputs_mean_nothing_to_do(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	struct gold_result r = history_gold(&home);
	assert_int_equal(r.tables_written, 2 * 8 + 3);
	assert_int_equal(r.tables_unchanged, 0);
	assert_int_equal(r.groups_changed, 2);
	assert_true(r.rows > 100);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct gold_file_list before = files_of(&home, &arena);
	assert_int_equal(before.count, 19);
	r = history_gold(&home);
	assert_int_equal(r.tables_written, 0);
	assert_int_equal(r.tables_unchanged, 19);
	assert_int_equal(r.groups_changed, 0);
	assert_int_equal(r.rows, 0);
	assert_string_equal(written_since(&home, &before, &arena), "");
	history_close(&home);
}

static void only_what_follows_from_a_change_is_recomputed(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct gold_file_list before = files_of(&home, &arena);
	static const struct history_snapshot more[] = { { "p2", "2021-04-09T09:00:00Z", "y x h" } };
	history_put(&home, more, 1);
	struct gold_result r = history_gold(&home);
	assert_int_equal(r.groups_changed, 1);
	assert_int_equal(r.tables_written, 8 + 3 + 1);
	assert_string_equal(written_since(&home, &before, &arena),
	                    "ALBUM\nARTIST\nARTIST_CHART p2\nARTIST_COLLABORATION p1\nARTIST_COLLABORATION p2\nCHART_DAY p2\n"
	                    "CHART_EXIT p2\nCHART_HISTORY p2\nDATA_HEALTH p2\nPLAYLIST_OVERLAP\nTRACK p2\nTRACK_INFO p2\n");
	history_close(&home);
}

static void step_by_step_gives_what_a_build_from_nothing_gives(void **state)
{
	(void) state;
	struct history_home steps, once;
	history_open(&steps);
	history_open(&once);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 26);
	/* the sample's partitions one by one, a playlist that comes and goes, a month that is corrected */
	static const struct history_snapshot other[] = { { "p3", "2021-03-01T09:00:00Z", "a c e" }, { "p1", "2021-03-01T08:00:00Z", "c" } };
	history_put(&steps, other, 2);
	(void) history_gold(&steps);
	for (size_t i = 0, from = 0; i < history_sample_count; i++) {
		bool last = i + 1 == history_sample_count || strcmp(history_sample[i].playlist, history_sample[i + 1].playlist) != 0 ||
		            strncmp(history_sample[i].at, history_sample[i + 1].at, 7) != 0;
		if (!last)
			continue;
		history_put(&steps, history_sample + from, i + 1 - from);
		(void) history_gold(&steps);
		from = i + 1;
	}
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		assert_int_equal(store_remove(steps.store, partition_key((enum bronze_table) t, SLICE("p3"), SLICE("2021-03"), &arena), NULL),
		                 RC_OK);
	assert_int_equal(history_gold(&steps).groups_changed, 1);
	history_put(&once, history_sample, history_sample_count);
	(void) history_gold(&once);
	assert_string_equal(content(&steps, &arena), content(&once, &arena));
	history_close(&steps);
	history_close(&once);
}

static void without_bronze_nothing_is_left(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	assert_int_equal(history_gold(&home).tables_written, 0);
	static const struct history_snapshot one[] = { { "p1", "2021-03-01T08:00:00Z", "c" } };
	history_put(&home, one, 1);
	assert_int_equal(history_gold(&home).tables_written, 11);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		assert_int_equal(store_remove(home.store, partition_key((enum bronze_table) t, SLICE("p1"), SLICE("2021-03"), &arena), NULL),
		                 RC_OK);
	assert_int_equal(history_gold(&home).groups_changed, 1);
	assert_int_equal(files_of(&home, &arena).count, 0);
	history_close(&home);
}

static enum rc build(struct history_home *home, struct err *err)
{
	struct gold_result r;
	const struct gold_options options = {
		.bronze = home->store, .gold = home->store, .duck = home->duck, .scratch_dir = home->scratch, .threads = 2,
	};
	return gold_build(&options, &r, err);
}

static void a_torn_partition_is_named(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	assert_int_equal(store_remove(home.store, partition_key(BRONZE_CREDIT, SLICE("p1"), SLICE("2021-04"), &arena), NULL), RC_OK);
	struct err err = { 0 };
	assert_int_equal(build(&home, &err), RC_RETRY);
	assert_string_equal(err.msg, "bronze partition p1/2021-04 is torn: run `sargam bronze`");
	history_close(&home);
}

static void a_torn_gold_file_is_made_again(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	const char *before = content(&home, &arena);
	struct gold_file_list files = files_of(&home, &arena);
	assert_int_equal(truncate(files.file[7].path.ptr, 100), 0);
	struct gold_file_list torn;
	struct err err = { 0 };
	assert_int_equal(gold_files(home.store, home.conn, &arena, &torn, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "run `sargam gold`"));
	assert_non_null(strstr(err.msg, files.file[7].key.ptr));
	assert_int_equal(history_gold(&home).tables_written, 1);
	assert_string_equal(content(&home, &arena), before);
	history_close(&home);
}

struct steps {
	size_t calls, done, total;
};

static void on_progress(void *ctx, size_t done, size_t total)
{
	struct steps *steps = ctx;
	steps->calls++;
	assert_int_equal(done, steps->done + 1);
	steps->done = done;
	steps->total = total;
}

static void many_groups_side_by_side(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	static char name[12][16];
	struct history_snapshot many[24];
	for (int i = 0; i < 12; i++) {
		(void) snprintf(name[i], sizeof name[i], "p%03d", i);
		many[2 * i] = (struct history_snapshot){ name[i], "2021-03-01T08:00:00Z", "a b c d e" };
		many[2 * i + 1] = (struct history_snapshot){ name[i], "2021-03-02T08:00:00Z", i % 2 ? "e d c b a" : "f a" };
	}
	history_put(&home, many, COUNT_OF(many));
	struct steps steps = { 0 };
	struct gold_result r;
	const struct gold_options options = {
		.bronze = home.store, .gold = home.store, .duck = home.duck, .scratch_dir = home.scratch, .threads = 8,
		.on_progress = on_progress, .ctx = &steps,
	};
	struct err err = { 0 };
	must(gold_build(&options, &r, &err), &err);
	assert_int_equal(r.tables_written, 12 * 8 + 3);
	assert_int_equal(steps.calls, r.tables_written);
	assert_int_equal(steps.total, r.tables_written);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct file_names left;
	must(file_list(home.scratch, &arena, &left, &err), &err);
	for (size_t i = 0; i < left.count; i++) /* the engine's own folder stays until it is closed */
		assert_false(slice_ends(slice_of(left.name[i]), SLICE(".parquet")));
	history_close(&home);
}

static const char *type_name(enum column_type type)
{
	static const char *const name[] = {
		[COLUMN_BIGINT] = "BIGINT", [COLUMN_BOOLEAN] = "BOOLEAN", [COLUMN_STRING] = "VARCHAR",
		[COLUMN_DATE] = "DATE", [COLUMN_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE", [COLUMN_DOUBLE] = "DOUBLE",
	};
	return name[type];
}

static void files_have_the_columns_of_the_dataset(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct gold_file_list files = files_of(&home, &arena);
	size_t tables = 0;
	for (size_t i = 0; i < files.count; i++) {
		const struct warehouse_table *t = warehouse_table_find(files.file[i].table);
		tables += i == 0 || strcmp(files.file[i - 1].table, files.file[i].table) != 0;
		struct slice sql = arena_printf(&arena, "DESCRIBE SELECT * FROM read_parquet('%s', hive_partitioning = false)",
		                                files.file[i].path.ptr);
		CLEANUP(duck_result_closep) struct duck_result *r = NULL;
		struct err err = { 0 };
		must(duck_query(home.conn, sql.ptr, &r, &err), &err);
		for (size_t c = 0; c <= t->column_count; c++) {
			bool row;
			must(duck_next(r, &row, &err), &err);
			assert_true(row == (c < t->column_count));
			if (!row)
				break;
			print_message("# %s.%s\n", t->name, t->column[c].name);
			assert_true(slice_is(duck_string(r, 0), t->column[c].name));
			assert_true(slice_is(duck_string(r, 1), type_name(t->column[c].type)));
		}
	}
	assert_int_equal(tables, warehouse_table_count);
	history_close(&home);
}

static void files_are_sorted_as_their_header_says(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct gold_plan plan;
	struct err err = { 0 };
	must(gold_plan_embedded(&arena, &plan, &err), &err);
	struct gold_file_list files = files_of(&home, &arena);
	for (size_t i = 0; i < files.count; i++) {
		const struct gold_table *t = gold_plan_find(&plan, slice_of(files.file[i].table));
		struct slice sql = arena_printf(&arena, "SELECT COUNT(*) FROM (SELECT file_row_number AS n, ROW_NUMBER() OVER (ORDER BY %.*s) - 1 "
		                                        "AS want FROM read_parquet('%s', hive_partitioning = false, file_row_number = true)) AS x "
		                                        "WHERE n <> want",
		                                SLICE_FMT(t->order), files.file[i].path.ptr);
		int64_t wrong = -1;
		must(duck_query_int(home.conn, sql.ptr, &wrong, &err), &err);
		assert_int_equal(wrong, 0);
	}
	history_close(&home);
}

static void stop_when_one_is_made(void *ctx, size_t done, size_t total UNUSED)
{
	*(bool *) ctx = done == 1;
}

static void a_build_that_is_stopped_goes_on_later(void **state)
{
	(void) state;
	struct history_home home;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	struct err err = { 0 };
	struct gold_result r;
	atomic_bool stop = false;
	const struct gold_options options = {
		.bronze = home.store, .gold = home.store, .duck = home.duck, .scratch_dir = home.scratch, .threads = 1,
		.on_progress = stop_when_one_is_made, .ctx = &stop, .stop = &stop,
	};
	assert_int_equal(gold_build(&options, &r, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "stopped"));
	r = history_gold(&home);
	assert_int_equal(r.tables_written, 19 - 1);
	assert_int_equal(r.tables_unchanged, 1);
	history_close(&home);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_build_that_is_stopped_goes_on_later),
	cmocka_unit_test(equal_inputs_mean_nothing_to_do),
	cmocka_unit_test(only_what_follows_from_a_change_is_recomputed),
	cmocka_unit_test(step_by_step_gives_what_a_build_from_nothing_gives),
	cmocka_unit_test(without_bronze_nothing_is_left),
	cmocka_unit_test(a_torn_partition_is_named),
	cmocka_unit_test(a_torn_gold_file_is_made_again),
	cmocka_unit_test(many_groups_side_by_side),
	cmocka_unit_test(files_have_the_columns_of_the_dataset),
	cmocka_unit_test(files_are_sorted_as_their_header_says),
};
TEST_SUITE(gold_build, tests);
