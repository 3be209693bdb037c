/* Bronze partitions: names, groups, and which ones may be read. */
#include "bronze/partition.h"

#include "base/buf.h"
#include "test.h"

#include <stdio.h>

struct fixture {
	struct store *store;
	struct duck *duck;
	struct duck_conn *conn;
	const char *dir;
};

static int set_up(void **state)
{
	static struct fixture f;
	const struct duck_options options = { .threads = 1, .memory_limit_mb = 128 };
	f = (struct fixture){ .dir = test_tmpdir() };
	f.store = store_mem_open(f.dir);
	*state = &f;
	return duck_open(&options, &f.duck, NULL) != RC_OK || duck_connect(f.duck, &f.conn, NULL) != RC_OK;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	duck_disconnectp(&f->conn);
	duck_closep(&f->duck);
	store_closep(&f->store);
	return 0;
}

static void put(struct fixture *f, enum bronze_table table, const char *group, const char *month, const char *inputs)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice path = arena_printf(&arena, "%s/x.parquet", f->dir);
	struct slice sql = inputs ? arena_printf(&arena, "COPY (SELECT 1 AS x) TO '%s' (FORMAT parquet, KV_METADATA {inputs: '%s'})",
	                                         path.ptr, inputs)
	                          : arena_printf(&arena, "COPY (SELECT 1 AS x) TO '%s' (FORMAT csv)", path.ptr);
	assert_int_equal(duck_exec(f->conn, sql.ptr, NULL, NULL), RC_OK);
	struct slice key = partition_key(table, slice_of(group), slice_of(month), &arena);
	assert_int_equal(store_put_file(f->store, key, path.ptr, STORE_ANY_VERSION, false, NULL, NULL), RC_OK);
}

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void put_all(struct fixture *f, const char *group, const char *month, const char *inputs)
{
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		put(f, (enum bronze_table) t, group, month, inputs);
}

static void a_key_names_table_group_and_month(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	assert_true(slice_is(partition_key(BRONZE_FIELD, SLICE("37i9"), SLICE("2021-03"), &arena),
	                     "bronze/bronze_field/playlist_group=37i9/chart_month=2021-03/part-0.parquet"));
}

static void a_group_is_the_playlist_or_a_bucket(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	assert_true(slice_is(partition_group(SLICE("37i9dQ"), 0, &arena), "37i9dQ"));
	bool seen[3] = { 0 };
	for (int i = 0; i < 100; i++) {
		struct slice id = arena_printf(&arena, "playlist%d", i);
		struct slice group = partition_group(id, 3, &arena);
		assert_true(slice_eq(group, partition_group(id, 3, &arena)));
		assert_int_equal(group.len, 5);
		assert_true(slice_starts(group, SLICE("g000")) && group.ptr[4] >= '0' && group.ptr[4] <= '2');
		seen[group.ptr[4] - '0'] = true;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_true(slice_is(partition_group(SLICE("x"), 1, &arena), "g0000"));
}

static void only_whole_partitions_have_inputs(void **state)
{
	struct fixture *f = *state;
	put_all(f, "p2", "2021-03", A);
	put_all(f, "p1", "2021-04", A);
	put_all(f, "p1", "2021-03", B);
	put_all(f, "torn", "2021-01", A);
	put(f, BRONZE_REJECT, "torn", "2021-01", B); /* one file is newer */
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++) /* one is missing */
		if (t != BRONZE_SNAPSHOT)
			put(f, (enum bronze_table) t, "torn", "2021-02", A);
	put_all(f, "torn", "2021-03", A);
	put(f, BRONZE_ENTRY, "torn", "2021-03", NULL); /* one is no Parquet */
	put_all(f, "torn", "2021-04", "short");
	assert_int_equal(store_put_if_absent(f->store, SLICE("bronze/notes.txt"), SLICE("x"), NULL, NULL), RC_OK);
	assert_int_equal(store_put_if_absent(f->store, SLICE("bronze/bronze_entry/playlist_group=p9/part-0.parquet"), SLICE("x"), NULL,
	                                     NULL), RC_OK);
	assert_int_equal(store_put_if_absent(f->store, SLICE("bronze/bronze_other/playlist_group=p9/chart_month=2021-03/part-0.parquet"),
	                                     SLICE("x"), NULL, NULL), RC_OK);

	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	struct partition_list list;
	assert_int_equal(partition_list(f->store, f->conn, &arena, &list, NULL), RC_OK);
	for (size_t i = 0; i < list.count; i++) {
		const struct partition *p = &list.partition[i];
		buf_addf(&text, "%.*s %.*s %.2s\n", SLICE_FMT(p->group), SLICE_FMT(p->month), p->inputs.ptr ? p->inputs.ptr : "-");
		assert_true(p->bytes > 0);
		for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
			if (p->inputs.ptr)
				assert_true(slice_eq(p->key[t], partition_key((enum bronze_table) t, p->group, p->month, &arena)));
	}
	assert_string_equal(buf_str(&text), "p1 2021-03 bb\np1 2021-04 aa\np2 2021-03 aa\n"
	                                    "torn 2021-01 -\ntorn 2021-02 -\ntorn 2021-03 -\ntorn 2021-04 -\n");
	assert_null(list.partition[4].key[BRONZE_SNAPSHOT].ptr);
}

static void an_empty_store_has_no_partitions(void **state)
{
	struct fixture *f = *state;
	CLEANUP(store_closep) struct store *empty = store_mem_open(test_tmpdir());
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct partition_list list = { .count = 9 };
	assert_int_equal(partition_list(empty, f->conn, &arena, &list, NULL), RC_OK);
	assert_int_equal(list.count, 0);
}

static void the_columns_make_tables(void **state)
{
	struct fixture *f = *state;
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		struct err err = { 0 };
		buf_addf(&sql, "CREATE TEMP TABLE %s (%s)", bronze_table_name((enum bronze_table) t), bronze_table_columns((enum bronze_table) t));
		if (duck_exec(f->conn, buf_str(&sql), NULL, &err) != RC_OK)
			fail_msg("%s", err.msg);
	}
	int64_t columns = 0;
	assert_int_equal(duck_query_int(f->conn, "SELECT COUNT(*) FROM duckdb_columns() WHERE table_name = 'bronze_entry'", &columns, NULL),
	                 RC_OK);
	assert_int_equal(columns, 39);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_key_names_table_group_and_month),
	cmocka_unit_test(a_group_is_the_playlist_or_a_bucket),
	cmocka_unit_test(only_whole_partitions_have_inputs),
	cmocka_unit_test(an_empty_store_has_no_partitions),
	cmocka_unit_test(the_columns_make_tables),
};
TEST_SUITE_WITH(partition, tests, set_up, tear_down);
