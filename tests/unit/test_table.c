#include "cmd/table.h"
#include "test.h"

static const struct table_column columns[] = { { "NAME", false }, { "ROWS", true }, { "NOTE", false } };

static const char *printed(const struct table *t)
{
	static char out[4096];
	FILE *f = tmpfile();
	assert_non_null(f);
	table_print(t, f);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	(void) fclose(f);
	return out;
}

static void columns_are_aligned_and_lines_end_without_blanks(void **unused UNUSED)
{
	CLEANUP(table_done) struct table t = table_new(columns, COUNT_OF(columns));
	static const char *const rows[][2] = { { "gold", "first" }, { "a", "" }, { "publish", "last" } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		table_add(&t, "%s", rows[i][0]);
		table_add(&t, "%zu", i * 10000);
		table_add(&t, "%s", rows[i][1]);
	}
	assert_string_equal(printed(&t), "NAME      ROWS  NOTE\n"
	                                 "gold         0  first\n"
	                                 "a        10000\n"
	                                 "publish  20000  last\n");
}

static void a_table_without_rows_is_its_head(void **unused UNUSED)
{
	CLEANUP(table_done) struct table t = table_new(columns, COUNT_OF(columns));
	assert_string_equal(printed(&t), "NAME  ROWS  NOTE\n");
}

static void width_is_what_a_terminal_shows(void **unused UNUSED)
{
	assert_int_equal(table_width(SLICE("")), 0);
	assert_int_equal(table_width(SLICE("abc")), 3);
	assert_int_equal(table_width(SLICE("\xc3\xa9t\xc3\xa9")), 3);            /* été */
	assert_int_equal(table_width(SLICE("e\xcc\x81")), 1);                    /* e and a combining accent */
	assert_int_equal(table_width(SLICE("\xe6\x97\xa5\xe6\x9c\xac")), 4);     /* 日本 */
	assert_int_equal(table_width(SLICE("\xf0\x9f\x8e\xb5")), 2);             /* a note */
	assert_int_equal(table_width(SLICE("\xe0\xa4\xb9\xe0\xa5\x8d")), 1);     /* Devanagari with virama */
	assert_int_equal(table_width(SLICE("a\xff\xc3")), 3);                    /* ill-formed bytes count one each */

	CLEANUP(table_done) struct table t = table_new(columns, COUNT_OF(columns));
	table_add(&t, "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5");
	table_add(&t, "1");
	table_add(&t, "x\ny\033[m");
	assert_string_equal(printed(&t), "NAME    ROWS  NOTE\n"
	                                 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5     1  x?y?[m\n");
}

static void a_cell_that_is_too_long_is_cut(void **unused UNUSED)
{
	static char big[5000];
	memset(big, 'x', sizeof big - 1);
	CLEANUP(table_done) struct table t = table_new(columns, 1);
	for (int i = 0; i < 100; i++)
		table_add(&t, "%s", big);
	assert_int_equal(t.cell[99].len, 2047);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(columns_are_aligned_and_lines_end_without_blanks),
	cmocka_unit_test(a_table_without_rows_is_its_head),
	cmocka_unit_test(width_is_what_a_terminal_shows),
	cmocka_unit_test(a_cell_that_is_too_long_is_cut),
};
TEST_SUITE(table, tests);
