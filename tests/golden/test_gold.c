/* Hand-written histories against sql/gold: one case a file of tests/golden/gold (its README says how they are written). */
#include "base/buf.h"
#include "gold/plan.h"
#include "io/duck.h"
#include "io/file.h"
#include "test.h"

#include <stdio.h>

#define CASES "tests/golden/gold"

struct run {
	struct duck *duck;
	struct duck_conn *conn;
	struct arena arena; /* of the whole run */
	struct gold_plan plan;
	const char *file;
	struct err err;
	int failures;
	unsigned expected[32]; /* by table: cases with rows */
};

static void must(struct run *run, enum rc rc, const char *what)
{
	if (rc != RC_OK)
		fail_msg("%s: %s: %s", run->file, what, run->err.msg);
}

static void exec(struct run *run, const char *sql)
{
	must(run, duck_exec(run->conn, sql, NULL, &run->err), sql);
}

static size_t table_index(struct run *run, struct slice name)
{
	const struct gold_table *t = gold_plan_find(&run->plan, name);
	if (!t)
		fail_msg("%s: no table %.*s", run->file, SLICE_FMT(name));
	return (size_t) (t - run->plan.table);
}

/* Empty bronze tables: a case names the columns it needs, the others are null. */
static void create_bronze(struct run *run)
{
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "CREATE OR REPLACE TABLE %s (", bronze_table_name((enum bronze_table) t));
		struct slice rest = slice_of(bronze_table_columns((enum bronze_table) t));
		for (size_t at; (at = slice_find_str(rest, SLICE(" NOT NULL"))) != SIZE_MAX;) {
			buf_add(&sql, slice_sub(rest, 0, at));
			rest = slice_sub(rest, at + 9, rest.len - at - 9);
		}
		buf_add(&sql, rest);
		buf_addc(&sql, ')');
		exec(run, buf_str(&sql));
	}
}

static void make_table(struct run *run, size_t index, bool *made)
{
	const struct gold_table *t = &run->plan.table[index];
	if (made[index])
		return;
	made[index] = true;
	for (size_t n = 0; n < t->need_count; n++)
		make_table(run, t->need[n], made);
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	buf_addf(&sql, "CREATE OR REPLACE TABLE %s AS\n", t->name);
	buf_add(&sql, t->sql);
	exec(run, buf_str(&sql));
}

/* Prints what the query gives; how many rows. */
static int print_rows(struct run *run, const char *head, const char *sql)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 22);
	must(run, duck_query(run->conn, sql, &r, &run->err), sql);
	int rows = 0;
	for (;; rows++) {
		bool row;
		must(run, duck_next(r, &row, &run->err), sql);
		if (!row)
			return rows;
		CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
		for (size_t i = 0; i < duck_column_count(r); i++) {
			struct slice cell = duck_text(r, i, &arena);
			buf_adds(&text, i ? ", " : "");
			buf_add(&text, cell.ptr ? cell : SLICE("NULL"));
		}
		print_message("# %s: %s: %s\n", run->file, head, buf_str(&text));
	}
}

static void compare(struct run *run, const char *table, struct slice columns, struct slice rows)
{
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	buf_addf(&sql, "CREATE OR REPLACE TABLE EXPECTED AS SELECT %.*s FROM %s WHERE FALSE;\nINSERT INTO EXPECTED (%.*s)\n",
	         SLICE_FMT(columns), table, SLICE_FMT(columns));
	buf_add(&sql, rows);
	exec(run, buf_str(&sql));
	buf_reset(&sql);
	buf_addf(&sql, "SELECT %.*s FROM EXPECTED EXCEPT ALL SELECT %.*s FROM %s ORDER BY ALL", SLICE_FMT(columns), SLICE_FMT(columns),
	         table);
	run->failures += print_rows(run, "missing", buf_str(&sql));
	buf_reset(&sql);
	buf_addf(&sql, "SELECT %.*s FROM %s EXCEPT ALL SELECT %.*s FROM EXPECTED ORDER BY ALL", SLICE_FMT(columns), table,
	         SLICE_FMT(columns));
	run->failures += print_rows(run, "too many", buf_str(&sql));
}

/* "CHART_HISTORY (a, b)" */
static void check_rows(struct run *run, struct slice head, struct slice rows, bool *made)
{
	size_t open = slice_find(head, '(', 0), close = slice_find(head, ')', open);
	if (close == head.len)
		fail_msg("%s: '-- expect: %.*s': want TABLE (columns)", run->file, SLICE_FMT(head));
	size_t index = table_index(run, slice_trim(slice_sub(head, 0, open)));
	make_table(run, index, made);
	run->expected[index]++;
	compare(run, run->plan.table[index].name, slice_sub(head, open + 1, close - open - 1), rows);
}

static void check_none(struct run *run, struct slice head, bool *made)
{
	size_t index = table_index(run, head);
	make_table(run, index, made);
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
	buf_addf(&sql, "SELECT * FROM %s", run->plan.table[index].name);
	run->failures += print_rows(run, "none expected", buf_str(&sql));
}

static bool take_head(struct slice line, const char *start, struct slice *out_rest)
{
	if (!slice_starts(line, slice_of(start)))
		return false;
	*out_rest = slice_trim(slice_sub(line, strlen(start), line.len - strlen(start)));
	return true;
}

struct section {
	enum { CASE, BRONZE, EXPECT, EXPECT_NONE } kind;
	struct slice head, body;
};

/* Sections of a file; a body runs to the next section's line. */
static size_t split(struct run *run, struct slice text, struct section *section, size_t max)
{
	size_t count = 0;
	for (size_t at = 0, end; at < text.len; at = end + 1) {
		end = slice_find(text, '\n', at);
		struct slice line = slice_sub(text, at, end - at), head = SLICE_NULL;
		struct section found = { .kind = CASE };
		if (take_head(line, "-- case:", &head))
			found.kind = CASE;
		else if (take_head(line, "-- bronze", &head))
			found.kind = BRONZE;
		else if (take_head(line, "-- expect none:", &head))
			found.kind = EXPECT_NONE;
		else if (take_head(line, "-- expect:", &head))
			found.kind = EXPECT;
		if (!head.ptr) {
			if (count)
				section[count - 1].body.len = end - (size_t) (section[count - 1].body.ptr - text.ptr);
			continue;
		}
		if (count == max)
			fail_msg("%s: more than %zu sections", run->file, max);
		found.head = head;
		found.body = slice_sub(text, end < text.len ? end + 1 : end, 0);
		section[count++] = found;
	}
	return count;
}

static void run_case(struct run *run, struct slice text)
{
	struct section section[40];
	size_t count = split(run, text, section, COUNT_OF(section)), expects = 0;
	bool made[COUNT_OF(run->expected)] = { 0 };
	if (count == 0 || section[0].kind != CASE)
		fail_msg("%s: does not start with '-- case:'", run->file);
	create_bronze(run);
	for (size_t i = 0; i < count; i++) {
		char *body = arena_strdup(&run->arena, section[i].body);
		switch (section[i].kind) {
		case CASE:
			print_message("# %s: %.*s\n", run->file, SLICE_FMT(section[i].head));
			break;
		case BRONZE:
			exec(run, body);
			break;
		case EXPECT:
			check_rows(run, section[i].head, slice_of(body), made);
			expects++;
			break;
		case EXPECT_NONE:
			check_none(run, section[i].head, made);
			expects++;
			break;
		}
	}
	if (expects == 0)
		fail_msg("%s: expects nothing", run->file);
}

static void open_run(struct run *run)
{
	const struct duck_options options = { .threads = 2, .memory_limit_mb = 256 };
	*run = (struct run){ .arena = arena_new(1 << 24), .file = "" };
	must(run, duck_open(&options, &run->duck, &run->err), "open");
	must(run, duck_connect(run->duck, &run->conn, &run->err), "connect");
	must(run, gold_plan_embedded(&run->arena, &run->plan, &run->err), "plan");
	assert_true(run->plan.count <= COUNT_OF(run->expected));
}

static void close_run(struct run *run)
{
	duck_disconnectp(&run->conn);
	duck_closep(&run->duck);
	arena_done(&run->arena);
}

static void every_hand_written_history_gives_its_rows(void **state)
{
	(void) state;
	struct run run;
	struct file_names names;
	open_run(&run);
	must(&run, file_list(CASES, &run.arena, &names, &run.err), CASES);
	for (size_t i = 0; i < names.count; i++) {
		struct slice text;
		if (!slice_ends(slice_of(names.name[i]), SLICE(".sql")))
			continue;
		struct slice path = arena_printf(&run.arena, CASES "/%s", names.name[i]);
		run.file = names.name[i];
		must(&run, file_read(path.ptr, 1 << 20, &run.arena, &text, &run.err), "read");
		run_case(&run, text);
	}
	for (size_t t = 0; t < run.plan.count; t++)
		if (run.expected[t] == 0)
			fail_msg("no case expects rows of %s", run.plan.table[t].name);
	assert_int_equal(run.failures, 0);
	close_run(&run);
}

/* The runner itself can fail: a wrong value, a missing row and a row too many are each seen. */
static void a_wrong_expectation_is_seen(void **state)
{
	(void) state;
#define BRONZE_ONE                                                                                                               \
	"-- case: x\n-- bronze\nINSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, "  \
	"warnings) VALUES ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 0, 1, 0);\n"
	static const struct {
		const char *text;
		int failures;
	} cases[] = {
		{ BRONZE_ONE "-- expect: DATA_HEALTH (playlist_id, snapshots)\nVALUES ('p', 1)\n", 0 },
		{ BRONZE_ONE "-- expect: DATA_HEALTH (playlist_id, snapshots)\nVALUES ('p', 2)\n", 2 },
		{ BRONZE_ONE "-- expect: DATA_HEALTH (playlist_id, snapshots)\nVALUES ('p', 1), ('p', 1)", 1 },
		{ BRONZE_ONE "-- expect: DATA_HEALTH (playlist_id, first_date)\nVALUES ('p', '1970-01-02')\n", 2 },
		{ BRONZE_ONE "-- expect none: DATA_HEALTH\n", 1 },
		{ BRONZE_ONE "-- expect none: CHART_DAY\n", 0 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		open_run(&run);
		run.file = "wrong on purpose";
		run_case(&run, slice_of(cases[i].text));
		assert_int_equal(run.failures, cases[i].failures);
		close_run(&run);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_hand_written_history_gives_its_rows),
	cmocka_unit_test(a_wrong_expectation_is_seen),
};
TEST_SUITE(gold, tests);
