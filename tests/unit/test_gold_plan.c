/* The plan of gold tables: the files in the binary, and what is wrong with others. */
#include "gold/plan.h"
#include "test.h"
#include "warehouse/warehouse.h"

#include <stdio.h>

static enum rc make(const struct gold_sql *file, size_t count, struct gold_plan *plan, struct arena *arena, struct err *err)
{
	return gold_plan_make(file, count, arena, plan, err);
}

static void the_built_in_tables_stand_after_what_they_need(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct gold_plan plan;
	struct err err = { 0 };
	if (gold_plan_embedded(&arena, &plan, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(plan.count, 11);
	assert_int_equal(plan.stage_count, 3);
	for (size_t i = 0; i < plan.count; i++)
		for (size_t n = 0; n < plan.table[i].need_count; n++)
			assert_true(plan.table[i].need[n] < i);
	static const struct {
		const char *name;
		int stage;
	} stages[] = { { "CHART_HISTORY", 0 }, { "CHART_DAY", 0 }, { "TRACK_INFO", 0 }, { "ARTIST", 1 }, { "ALBUM", 1 },
		       { "PLAYLIST_OVERLAP", 1 }, { "ARTIST_COLLABORATION", 2 } };
	for (size_t i = 0; i < COUNT_OF(stages); i++)
		assert_int_equal(gold_plan_find(&plan, slice_of(stages[i].name))->stage, stages[i].stage);
	const struct gold_table *day = gold_plan_find(&plan, SLICE("chart_day"));
	assert_true(day->bronze[BRONZE_SNAPSHOT]);
	assert_false(day->bronze[BRONZE_ENTRY]);
	assert_int_equal(day->need_count, 3);
	assert_true(slice_is(day->order, "playlist_id, chart_date"));
	assert_null(gold_plan_find(&plan, SLICE("CHART")));
}

static void the_warehouse_has_the_same_tables_keys_and_scopes(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct gold_plan plan;
	assert_int_equal(gold_plan_embedded(&arena, &plan, NULL), RC_OK);
	assert_int_equal(plan.count, warehouse_table_count);
	for (size_t i = 0; i < plan.count; i++) {
		const struct warehouse_table *t = warehouse_table_find(plan.table[i].name);
		assert_non_null(t);
		assert_true(slice_is(plan.table[i].key, t->key));
		assert_int_equal(plan.table[i].per_group, t->per_group);
	}
}

#define HEAD(name, needs, scope) \
	"-- table: " name "\n-- grain: x\n-- key: k\n-- needs: " needs "\n-- scope: " scope "\n-- order: k\n--\n-- prose\nSELECT 1 AS k\n"
#define FILE_OF(name, text) { name, { text, sizeof(text) - 1 } }

static void a_wrong_file_is_named_with_what_is_wrong(void **state)
{
	(void) state;
	static const struct {
		struct gold_sql file[2];
		const char *says;
	} cases[] = {
		{ { FILE_OF("a", HEAD("A", "B", "group")), FILE_OF("b", HEAD("B", "A", "group")) }, "sql/gold/b.sql: needs itself" },
		{ { FILE_OF("a", HEAD("A", "A", "all")), FILE_OF("b", HEAD("B", "A", "all")) }, "sql/gold/b.sql: needs itself" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "group")), FILE_OF("b", HEAD("B", "A,  CHART", "group")) },
		  "sql/gold/b.sql: needs 'CHART', which no file" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRIES", "group")), FILE_OF("b", HEAD("B", "A", "group")) },
		  "sql/gold/a.sql: needs 'BRONZE_ENTRIES'" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "group")), FILE_OF("b", HEAD("C", "A", "group")) },
		  "sql/gold/b.sql: defines 'C': want the file's name in upper case, B" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "some")), FILE_OF("b", HEAD("B", "A", "all")) },
		  "sql/gold/a.sql: scope 'some'" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "all") ), FILE_OF("b", "SELECT 1\n") }, "sql/gold/b.sql: no header line '-- table:'" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "all") ), FILE_OF("b", "-- table: B\n" HEAD("B", "A", "all")) },
		  "sql/gold/b.sql: two lines '-- table:'" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "all") ), FILE_OF("b", HEAD("B", "", "all")) }, "sql/gold/b.sql: '-- needs:' is empty" },
		{ { FILE_OF("a", HEAD("A", "BRONZE_ENTRY", "all") ), FILE_OF("b", "") }, "sql/gold/b.sql: no header line '-- table:'" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct gold_plan plan;
		struct err err = { 0 };
		assert_int_equal(make(cases[i].file, 2, &plan, &arena, &err), RC_FATAL);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
	}
}

static void stages_end_where_other_groups_are_read(void **state)
{
	(void) state;
	static const struct gold_sql file[] = {
		FILE_OF("a", HEAD("A", "E", "all")), FILE_OF("b", HEAD("B", "A, C", "group")), FILE_OF("c", HEAD("C", "D", "group")),
		FILE_OF("d", HEAD("D", "BRONZE_FIELD, BRONZE_REJECT", "group")), FILE_OF("e", HEAD("E", "C, BRONZE_CREDIT", "all")),
	};
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct gold_plan plan;
	assert_int_equal(make(file, COUNT_OF(file), &plan, &arena, NULL), RC_OK);
	assert_int_equal(plan.stage_count, 4);
	char text[100] = "";
	for (size_t i = 0; i < plan.count; i++)
		(void) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d ", plan.table[i].name, plan.table[i].stage);
	assert_string_equal(text, "D0 C0 E1 A2 B3 ");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_built_in_tables_stand_after_what_they_need),
	cmocka_unit_test(the_warehouse_has_the_same_tables_keys_and_scopes),
	cmocka_unit_test(a_wrong_file_is_named_with_what_is_wrong),
	cmocka_unit_test(stages_end_where_other_groups_are_read),
};
TEST_SUITE(gold_plan, tests);
