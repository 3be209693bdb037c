/* io/duck: types and NULLs both ways, results of any size, classes of errors, what counts as reading. */
#include "io/duck.h"

#include "base/buf.h"
#include "base/fault.h"
#include "test.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct duck *duck;
static struct duck_conn *conn;

static int open_memory(void **state)
{
	(void) state;
	struct duck_options options = { .threads = 2, .memory_limit_mb = 256 };
	return duck_open(&options, &duck, NULL) != RC_OK || duck_connect(duck, &conn, NULL) != RC_OK;
}

static int close_memory(void **state)
{
	(void) state;
	duck_disconnectp(&conn);
	duck_closep(&duck);
	return 0;
}

static void exec(const char *sql)
{
	struct err err = { 0 };
	if (duck_exec(conn, sql, NULL, &err) != RC_OK)
		fail_msg("%s: %s", sql, err.msg);
}

static enum rc exec_rc(const char *sql, struct err *err)
{
	return duck_exec(conn, sql, NULL, err);
}

/* All cells of the result as text: "a|b\nc|NULL\n". */
static const char *text_of(const char *sql)
{
	static char text[1 << 16];
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct err err = { 0 };
	if (duck_query(conn, sql, &r, &err) != RC_OK)
		fail_msg("%s: %s", sql, err.msg);
	size_t len = 0;
	text[0] = '\0';
	for (;;) {
		bool row;
		assert_int_equal(duck_next(r, &row, &err), RC_OK);
		if (!row)
			return text;
		for (size_t i = 0; i < duck_column_count(r); i++) {
			struct slice cell = duck_text(r, i, &arena);
			len += (size_t) snprintf(text + len, sizeof text - len, "%s%.*s", i ? "|" : "",
			                         SLICE_FMT(cell.ptr ? cell : SLICE("NULL")));
			assert_true(len < sizeof text);
		}
		len += (size_t) snprintf(text + len, sizeof text - len, "\n");
	}
}

static enum duck_type type_of(const char *sql)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	assert_int_equal(duck_query(conn, sql, &r, NULL), RC_OK);
	return duck_column_type(r, 0);
}

static void every_type_has_one_text(void **state)
{
	(void) state;
	static const struct {
		const char *sql;
		enum duck_type type;
		const char *text;
	} cases[] = {
		{ "SELECT 9223372036854775807", DUCK_BIGINT, "9223372036854775807\n" },
		{ "SELECT CAST(-9223372036854775807 - 1 AS BIGINT)", DUCK_BIGINT, "-9223372036854775808\n" },
		{ "SELECT CAST(-5 AS TINYINT)", DUCK_BIGINT, "-5\n" },
		{ "SELECT CAST(-300 AS SMALLINT)", DUCK_BIGINT, "-300\n" },
		{ "SELECT CAST(250 AS UTINYINT)", DUCK_BIGINT, "250\n" },
		{ "SELECT CAST(65535 AS USMALLINT)", DUCK_BIGINT, "65535\n" },
		{ "SELECT CAST(4294967295 AS UINTEGER)", DUCK_BIGINT, "4294967295\n" },
		{ "SELECT CAST(18446744073709551615 AS UBIGINT)", DUCK_BIGINT, "18446744073709551615\n" },
		{ "SELECT SUM(x) FROM (VALUES (9223372036854775807), (1)) AS t(x)", DUCK_BIGINT, "9223372036854775808\n" },
		{ "SELECT CAST('-170141183460469231731687303715884105728' AS HUGEINT)", DUCK_BIGINT,
		  "-170141183460469231731687303715884105728\n" },
		{ "SELECT true", DUCK_BOOLEAN, "true\n" },
		{ "SELECT false", DUCK_BOOLEAN, "false\n" },
		{ "SELECT 'it''s \u0939\u093f'", DUCK_STRING, "it's \u0939\u093f\n" },
		{ "SELECT ''", DUCK_STRING, "\n" },
		{ "SELECT DATE '2021-03-27'", DUCK_DATE, "2021-03-27\n" },
		{ "SELECT DATE '1969-12-31'", DUCK_DATE, "1969-12-31\n" },
		{ "SELECT TIMESTAMPTZ '2021-03-27 03:38:09+00'", DUCK_TIMESTAMP, "2021-03-27T03:38:09Z\n" },
		{ "SELECT TIMESTAMPTZ '2021-03-27 03:38:09+05:30'", DUCK_TIMESTAMP, "2021-03-26T22:08:09Z\n" },
		{ "SELECT TIMESTAMPTZ '2021-03-27 03:38:09.000250+00'", DUCK_TIMESTAMP, "2021-03-27T03:38:09.000250Z\n" },
		{ "SELECT TIMESTAMPTZ '1969-12-31 23:59:59.5+00'", DUCK_TIMESTAMP, "1969-12-31T23:59:59.500000Z\n" },
		{ "SELECT TIMESTAMP '2021-03-27 03:38:09'", DUCK_TIMESTAMP, "2021-03-27T03:38:09Z\n" },
		{ "SELECT 1e0 / 3", DUCK_DOUBLE, "0.3333333333333333\n" },
		{ "SELECT 0.1e0 + 0.2e0", DUCK_DOUBLE, "0.30000000000000004\n" },
		{ "SELECT 5e0", DUCK_DOUBLE, "5\n" },
		{ "SELECT CAST('nan' AS DOUBLE)", DUCK_DOUBLE, "nan\n" },
		{ "SELECT CAST(0.5 AS FLOAT)", DUCK_DOUBLE, "0.5\n" },
		{ "SELECT 12.345", DUCK_DOUBLE, "12.345\n" },
		{ "SELECT CAST('12345678901234567890.123' AS DECIMAL(38, 3))", DUCK_STRING, "12345678901234567890.123\n" },
		{ "SELECT [1, 2];  ", DUCK_STRING, "[1, 2]\n" },
		{ "SELECT TIME '10:11:12' -- the time", DUCK_STRING, "10:11:12\n" },
		{ "SELECT CAST(NULL AS VARCHAR)", DUCK_STRING, "NULL\n" },
		{ "SELECT CAST(NULL AS BIGINT)", DUCK_BIGINT, "NULL\n" },
		{ "SELECT CAST(NULL AS DECIMAL(9, 2))", DUCK_DOUBLE, "NULL\n" },
		{ "SELECT CAST('ab' AS BLOB)", DUCK_STRING, "ab\n" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		print_message("# %s\n", cases[i].sql);
		assert_string_equal(text_of(cases[i].sql), cases[i].text);
		assert_int_equal(type_of(cases[i].sql), cases[i].type);
	}
}

static void cast_columns_keep_names_order_and_place(void **state)
{
	(void) state;
	assert_string_equal(text_of("SELECT 1.5 AS a, 'x' AS a, [1] AS \"q\"\"q\", 2.5 AS a"), "1.5|x|[1]|2.5\n");
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	assert_int_equal(duck_query(conn, "SELECT 1.5 AS a, 'x' AS a, [1] AS \"q\"\"q\"", &r, NULL), RC_OK);
	assert_string_equal(duck_column_name(r, 0), "a");
	assert_string_equal(duck_column_name(r, 1), "a");
	assert_string_equal(duck_column_name(r, 2), "q\"q");
	assert_string_equal(text_of("SELECT x, [x] FROM (VALUES (3), (1), (2)) AS t(x) ORDER BY x DESC"), "3|[3]\n2|[2]\n1|[1]\n");
}

static void a_type_that_cannot_be_wrapped_is_refused_not_garbled(void **state)
{
	(void) state;
	struct err err = { 0 };
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	assert_int_equal(duck_query(conn, "SELECT [1]; -- done", &r, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "CAST(x AS VARCHAR)"));
}

static void typed_readers_read_their_type(void **state)
{
	(void) state;
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	assert_int_equal(duck_query(conn,
	                            "SELECT DATE '1970-02-01', TIMESTAMPTZ '1970-01-01 00:00:01+00', true, 2.5e0, 'ab', NULL::BIGINT, "
	                            "CAST('170141183460469231731687303715884105727' AS HUGEINT), 7",
	                            &r, NULL),
	                 RC_OK);
	bool row;
	assert_int_equal(duck_next(r, &row, NULL), RC_OK);
	assert_true(row);
	assert_int_equal(duck_int(r, 0), 31);
	assert_int_equal(duck_int(r, 1), 1000000);
	assert_int_equal(duck_int(r, 2), 1);
	assert_true(duck_double(r, 3) == 2.5);
	assert_true(slice_is(duck_string(r, 4), "ab"));
	assert_true(duck_is_null(r, 5));
	assert_true(duck_int(r, 6) == INT64_MAX);
	assert_true(duck_double(r, 7) == 7.0);
	assert_int_equal(duck_next(r, &row, NULL), RC_OK);
	assert_false(row);
	assert_int_equal(duck_next(r, &row, NULL), RC_OK);
	assert_false(row);
}

static void a_big_result_streams(void **state)
{
	(void) state;
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	struct err err = { 0 };
	/* 2 GB of strings through a memory limit of 256 MiB */
	assert_int_equal(duck_query(conn, "SELECT i, repeat('x', 1000) AS s FROM range(2000000) AS t(i)", &r, &err), RC_OK);
	int64_t rows = 0, sum = 0;
	for (;; rows++) {
		bool row;
		assert_int_equal(duck_next(r, &row, &err), RC_OK);
		if (!row)
			break;
		sum += duck_int(r, 0) == rows && duck_string(r, 1).len == 1000;
	}
	assert_int_equal(rows, 2000000);
	assert_int_equal(sum, 2000000);
}

static void an_error_in_the_middle_of_a_stream_is_told(void **state)
{
	(void) state;
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	struct err err = { 0 };
	enum rc rc = duck_query(conn, "SELECT CASE WHEN i = 1500000 THEN error('broken row') ELSE CAST(i AS VARCHAR) END "
	                              "FROM range(2000000) AS t(i)", &r, &err);
	bool row = true;
	while (rc == RC_OK && row)
		rc = duck_next(r, &row, &err);
	assert_int_equal(rc, RC_REJECT);
	if (!strstr(err.msg, "broken row"))
		fail_msg("%s", err.msg);
	assert_int_equal(exec_rc("SELECT 1", NULL), RC_OK);
}

static void a_result_may_be_left_before_its_end(void **state)
{
	(void) state;
	for (int i = 0; i < 3; i++) {
		CLEANUP(duck_result_closep) struct duck_result *r = NULL;
		bool row;
		assert_int_equal(duck_query(conn, "SELECT i FROM range(10000000) AS t(i)", &r, NULL), RC_OK);
		assert_int_equal(duck_next(r, &row, NULL), RC_OK);
		assert_int_equal(duck_int(r, 0), 0);
	}
	assert_string_equal(text_of("SELECT 1 WHERE false"), "");
}

static void exec_counts_rows_and_runs_all_statements(void **state)
{
	(void) state;
	int64_t changed = -1;
	assert_int_equal(duck_exec(conn, "CREATE OR REPLACE TABLE n (x BIGINT); INSERT INTO n (x) SELECT i FROM range(5000) AS t(i)",
	                           &changed, NULL), RC_OK);
	assert_int_equal(changed, 5000);
	int64_t value = 0;
	assert_int_equal(duck_query_int(conn, "SELECT SUM(x) FROM n", &value, NULL), RC_OK);
	assert_int_equal(value, 12497500);
	struct err err = { 0 };
	assert_int_equal(duck_query_int(conn, "SELECT MAX(x) FROM n WHERE x > 9999", &value, &err), RC_NOT_FOUND);
	assert_non_null(strstr(err.msg, "SELECT MAX(x)"));
}

static void quoting_survives_quotes(void **state)
{
	(void) state;
	CLEANUP(buf_done) struct buf sql = buf_new(1000);
	buf_adds(&sql, "SELECT ");
	duck_quote_text(SLICE("a'b\"c''"), &sql);
	buf_adds(&sql, " AS ");
	duck_quote_name(SLICE("n'\"x"), &sql);
	assert_string_equal(text_of(buf_str(&sql)), "a'b\"c''\n");
}

static void errors_have_a_class_and_one_line(void **state)
{
	(void) state;
	static const struct {
		const char *sql;
		enum rc rc;
		const char *says;
	} cases[] = {
		{ "SELECT * FORM x", RC_REJECT, "syntax error at or near \"x\"" },
		{ "SELECT * FROM no_such", RC_REJECT, "Table with name no_such does not exist" },
		{ "SELECT CAST('a' AS BIGINT)", RC_REJECT, "Could not convert string 'a'" },
		{ "SELECT * FROM read_parquet('/no/such/file.parquet')", RC_NOT_FOUND, "/no/such/file.parquet" },
		{ "COPY (SELECT 1) TO '/no/such/folder/x.parquet'", RC_FATAL, "/no/such/folder/x.parquet" },
		{ "COPY (SELECT 1) TO '/dev/full' (FORMAT csv)", RC_RETRY, "free some space" },
		{ "SELECT COUNT(*) FROM (SELECT DISTINCT i, repeat(CAST(i AS VARCHAR), 30) FROM range(10000000) AS t(i))", RC_RETRY,
		  "Out of Memory" },
		{ "INSERT INTO one VALUES (1)", RC_REJECT, "Constraint" },
		{ "INSTALL httpfs", RC_REJECT, "" },
	};
	exec("CREATE OR REPLACE TABLE one (x BIGINT PRIMARY KEY); INSERT INTO one VALUES (1)");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (cases[i].says[0] == '\0') /* needs the network; only that nothing is loaded matters */
			continue;
		struct err err = { 0 };
		enum rc rc = exec_rc(cases[i].sql, &err);
		print_message("# %s -> %s: %s\n", cases[i].sql, rc_name(rc), err.msg);
		assert_int_equal(rc, cases[i].rc);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].says, err.msg);
		assert_null(strchr(err.msg, '\n'));
		assert_null(strstr(err.msg, "LINE 1"));
		CLEANUP(duck_result_closep) struct duck_result *r = NULL;
		bool row = true;
		rc = duck_query(conn, cases[i].sql, &r, &err);
		while (rc == RC_OK && row)
			rc = duck_next(r, &row, &err);
		assert_int_equal(rc, cases[i].rc);
	}
}

static void nothing_spills_without_a_temp_dir(void **state)
{
	(void) state;
	assert_string_equal(text_of("SELECT current_setting('temp_directory')"), "\n");
	assert_string_equal(text_of("SELECT current_setting('TimeZone')"), "UTC\n");
	assert_string_equal(text_of("SELECT current_setting('autoinstall_known_extensions')"), "false\n");
	assert_string_equal(text_of("SELECT current_setting('threads')"), "2\n");
	assert_string_equal(text_of("SELECT current_setting('memory_limit')"), "256.0 MiB\n");
}

/* DuckDB's files have the same names in every instance: sharing a folder one reads the other's. */
static void instances_that_spill_side_by_side_do_not_meet(void **state)
{
	(void) state;
	const struct duck_options options = { .threads = 1, .memory_limit_mb = 32, .temp_dir = test_tmpdir() };
	struct duck *own[2];
	struct duck_conn *side[2];
	struct err err = { 0 };
	for (int i = 0; i < 2; i++) {
		char sql[300];
		assert_int_equal(duck_open(&options, &own[i], &err), RC_OK);
		assert_int_equal(duck_connect(own[i], &side[i], &err), RC_OK);
		(void) snprintf(sql, sizeof sql, "CREATE TEMP TABLE kept AS SELECT md5(CAST(i + %d AS VARCHAR)) || repeat('x', 100) AS m, "
		                                 "i FROM range(600000) AS t(i)", i);
		if (duck_exec(side[i], sql, NULL, &err) != RC_OK)
			fail_msg("%s", err.msg);
	}
	for (int i = 0; i < 2; i++) {
		char sql[300];
		int64_t same = 0;
		(void) snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM kept WHERE m = md5(CAST(i + %d AS VARCHAR)) || repeat('x', 100)", i);
		if (duck_query_int(side[i], sql, &same, &err) != RC_OK)
			fail_msg("%s", err.msg);
		assert_int_equal(same, 600000);
	}
	for (int i = 0; i < 2; i++) {
		duck_disconnect(side[i]);
		duck_close(own[i]);
	}
	assert_int_equal(rmdir(options.temp_dir), 0); /* nothing stays */
}

static void only_statements_that_read_are_allowed(void **state)
{
	(void) state;
	static const char *const reads[] = {
		"SELECT 1", "select 1;", "VALUES (1)", "WITH x AS (SELECT 1) SELECT * FROM x", "FROM n", "SHOW TABLES", "DESCRIBE n",
		"DESCRIBE SELECT 1", "SUMMARIZE n", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "  -- hello\n /* x */ explain select 1",
		"EXPLAIN (FORMAT json) SELECT 1", "(SELECT 1)", "TABLE n",
	};
	static const char *const writes[] = {
		"", ";", "-- nothing", "SELECT 1; SELECT 2", "INSERT INTO n (x) VALUES (1)", "UPDATE n SET x = 1", "DELETE FROM n", "DROP TABLE n",
		"CREATE TABLE m (x BIGINT)", "CREATE VIEW v AS SELECT 1", "COPY n TO 'x.csv'", "COPY n FROM 'x.csv'", "ATTACH 'x.duckdb'",
		"SET threads = 1", "PRAGMA threads = 1", "LOAD parquet", "INSTALL httpfs", "CHECKPOINT", "BEGIN", "CALL pragma_version()",
		"EXPLAIN ANALYZE INSERT INTO n (x) VALUES (1)", "EXPLAIN ANALYZE CREATE TABLE m AS SELECT 1", "EXPLAIN INSERT INTO n (x) VALUES (1)",
		"EXPLAIN (ANALYZE) DELETE FROM n", "/* */ EXPLAIN -- \n ANALYZE DELETE FROM n", "USE memory", "VACUUM", "EXPORT DATABASE 'x'",
		"SET VARIABLE a = 1", "PREPARE p AS SELECT 1", "ALTER TABLE n ADD COLUMN y BIGINT", "SELECT 1 FORM x",
	};
	exec("CREATE OR REPLACE TABLE n (x BIGINT)");
	for (size_t i = 0; i < COUNT_OF(reads); i++) {
		struct err err = { 0 };
		if (duck_check_read_only(conn, reads[i], &err) != RC_OK)
			fail_msg("refused: %s: %s", reads[i], err.msg);
	}
	for (size_t i = 0; i < COUNT_OF(writes); i++) {
		struct err err = { 0 };
		if (duck_check_read_only(conn, writes[i], &err) == RC_OK)
			fail_msg("not refused: %s: %s", writes[i], err.msg);
		assert_true(err.msg[0] != '\0');
	}
}

static void append_one(struct duck_append *a, int64_t i)
{
	char text[80];
	(void) snprintf(text, sizeof text, i % 3 ? "short%d" : "a string that is longer than twelve %d", (int) i);
	bool null = i % 7 == 0;
	duck_append_int(a, i);
	null ? duck_append_null(a) : duck_append_string(a, slice_of(text));
	null ? duck_append_null(a) : duck_append_bool(a, i % 2);
	null ? duck_append_null(a) : duck_append_int(a, i % 20000);
	null ? duck_append_null(a) : duck_append_int(a, i * 1000000);
	null ? duck_append_null(a) : duck_append_double(a, (double) i / 4);
	i % 5 ? duck_append_string(a, SLICE("")) : duck_append_string(a, SLICE_NULL);
}

static void appended_rows_come_back_equal(void **state)
{
	(void) state;
	exec("CREATE OR REPLACE TABLE a (i BIGINT NOT NULL, s VARCHAR, b BOOLEAN, d DATE, t TIMESTAMPTZ, x DOUBLE, e VARCHAR)");
	const int64_t rows = 300001; /* over the appender's own 204,800 */
	CLEANUP(duck_append_closep) struct duck_append *a = NULL;
	struct err err = { 0 };
	assert_int_equal(duck_append_open(conn, "a", &a, &err), RC_OK);
	for (int64_t i = 0; i < rows; i++) {
		append_one(a, i);
		assert_int_equal(duck_append_end_row(a, &err), RC_OK);
		if (i == 1000)
			assert_int_equal(duck_append_flush(a, &err), RC_OK);
	}
	assert_int_equal(duck_append_flush(a, &err), RC_OK);
	assert_int_equal(duck_append_flush(a, &err), RC_OK);
	assert_string_equal(text_of("SELECT COUNT(*), COUNT(DISTINCT i), COUNT(s), COUNT(b), COUNT(d), COUNT(t), COUNT(x), COUNT(e) "
	                            "FROM a"),
	                    "300001|300001|257143|257143|257143|257143|257143|240000\n");
	assert_string_equal(text_of("SELECT COUNT(*) FROM a WHERE i % 7 <> 0 AND NOT (b = (i % 2 = 1) AND "
	                            "s = CASE WHEN i % 3 = 0 THEN 'a string that is longer than twelve ' ELSE 'short' END || i AND "
	                            "d = DATE '1970-01-01' + CAST(i % 20000 AS INTEGER) AND epoch_us(t) = i * 1000000 AND x = i / 4.0)"),
	                    "0\n");
	assert_string_equal(text_of("SELECT COUNT(*) FROM a WHERE i % 7 = 0 AND (s IS NOT NULL OR b IS NOT NULL OR d IS NOT NULL "
	                            "OR t IS NOT NULL OR x IS NOT NULL)"),
	                    "0\n");
	assert_string_equal(text_of("SELECT COUNT(*) FROM a WHERE (e IS NULL) <> (i % 5 = 0) OR e <> ''"), "0\n");
	assert_string_equal(text_of("SELECT * FROM a LIMIT 2 OFFSET 300000"),
	                    "300000|a string that is longer than twelve 300000|false|1970-01-01|1970-01-04T11:20:00Z|75000|NULL\n");
}

static void what_was_not_flushed_is_dropped(void **state)
{
	(void) state;
	exec("CREATE OR REPLACE TABLE a (i BIGINT)");
	struct duck_append *a = NULL;
	assert_int_equal(duck_append_open(conn, "a", &a, NULL), RC_OK);
	for (int64_t i = 0; i < 5000; i++) {
		duck_append_int(a, i);
		assert_int_equal(duck_append_end_row(a, NULL), RC_OK);
	}
	duck_append_int(a, 1); /* half a row */
	duck_append_closep(&a);
	assert_string_equal(text_of("SELECT COUNT(*) FROM a"), "0\n");
}

static void an_appender_tells_what_it_cannot_store(void **state)
{
	(void) state;
	struct err err = { 0 };
	CLEANUP(duck_append_closep) struct duck_append *a = NULL;
	assert_int_equal(duck_append_open(conn, "no_such_table", &a, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "no_such_table"));
	exec("CREATE OR REPLACE TABLE a (i BIGINT NOT NULL)");
	assert_int_equal(duck_append_open(conn, "a", &a, &err), RC_OK);
	duck_append_null(a);
	enum rc rc = duck_append_end_row(a, &err);
	if (rc == RC_OK)
		rc = duck_append_flush(a, &err);
	assert_int_equal(rc, RC_REJECT);
	assert_non_null(strstr(err.msg, "NOT NULL"));
	duck_append_closep(&a);
	assert_string_equal(text_of("SELECT COUNT(*) FROM a"), "0\n");
}

struct seen {
	int count;
	char text[4096];
};

static void on_value(void *ctx, struct slice path, struct slice value)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);
	const char *name = memrchr(path.ptr, '/', path.len);
	(void) snprintf(seen->text + len, sizeof seen->text - len, "%.*s=%.*s\n", (int) (path.ptr + path.len - name - 1), name + 1,
	                SLICE_FMT(value));
	seen->count++;
}

static struct slice file_named(const char *dir, const char *name)
{
	static char paths[16][512];
	static int next;
	char *path = paths[next++ % 16];
	(void) snprintf(path, 512, "%s/%s", dir, name);
	return slice_of(path);
}

static void write_bytes(struct slice path, const char *bytes, size_t len)
{
	FILE *f = fopen(path.ptr, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void write_parquet(struct slice path, const char *options)
{
	CLEANUP(buf_done) struct buf sql = buf_new(10000);
	buf_adds(&sql, "COPY (SELECT i, 'text ' || i AS s FROM range(3000) AS t(i)) TO ");
	duck_quote_text(path, &sql);
	buf_addf(&sql, " (FORMAT parquet%s)", options);
	exec(buf_str(&sql));
}

static void parquet_metadata_skips_what_cannot_be_read(void **state)
{
	(void) state;
	const char *dir = test_tmpdir();
	struct slice path[] = {
		file_named(dir, "b.parquet"), file_named(dir, "a'x[1].parquet"), file_named(dir, "none.parquet"),
		file_named(dir, "gone.parquet"), file_named(dir, "torn.parquet"), file_named(dir, "empty.parquet"),
		file_named(dir, "zeros.parquet"), file_named(dir, "text.parquet"),
	};
	write_parquet(path[0], ", KV_METADATA {inputs: 'two', other: 'x'}");
	write_parquet(path[1], ", KV_METADATA {inputs: 'one'}");
	write_parquet(path[2], "");
	write_parquet(path[4], ", KV_METADATA {inputs: 'three'}");
	assert_int_equal(truncate(path[4].ptr, 2000), 0);
	char zeros[5000] = { 0 };
	write_bytes(path[5], "", 0);
	write_bytes(path[6], zeros, sizeof zeros);
	write_bytes(path[7], "PAR1 is not enough PAR1", 23);
	struct seen seen = { 0 };
	struct err err = { 0 };
	assert_int_equal(duck_parquet_metadata(conn, path, 3, "inputs", on_value, &seen, &err), RC_OK);
	assert_string_equal(seen.text, "a'x[1].parquet=one\nb.parquet=two\n");
	for (size_t bad = 3; bad < COUNT_OF(path); bad++) {
		struct slice some[] = { path[0], path[bad], path[1] };
		seen = (struct seen){ 0 };
		assert_int_equal(duck_parquet_metadata(conn, some, 3, "inputs", on_value, &seen, &err), RC_OK);
		assert_string_equal(seen.text, "b.parquet=two\na'x[1].parquet=one\n");
		seen = (struct seen){ 0 };
		assert_int_equal(duck_parquet_metadata(conn, &path[bad], 1, "inputs", on_value, &seen, &err), RC_OK);
		assert_int_equal(seen.count, 0);
	}
	assert_int_equal(duck_parquet_metadata(conn, path, 0, "inputs", on_value, &seen, &err), RC_OK);
	fault_arm("duck.query", 1, EIO);
	assert_int_equal(duck_parquet_metadata(conn, path, 3, "inputs", on_value, &seen, &err), RC_RETRY);
	assert_int_equal(fault_disarm(), 1);
}

static void a_file_opens_read_only_locked_corrupt_or_missing(void **state)
{
	(void) state;
	const char *dir = test_tmpdir();
	struct slice path = file_named(dir, "w.duckdb");
	struct err err = { 0 };
	struct duck *d = NULL;
	struct duck_conn *c = NULL;
	struct duck_options options = { .path = path.ptr };
	assert_int_equal(duck_open(&options, &d, &err), RC_OK);
	assert_int_equal(duck_connect(d, &c, &err), RC_OK);
	assert_int_equal(duck_exec(c, "CREATE TABLE t (x BIGINT); INSERT INTO t (x) VALUES (1)", NULL, &err), RC_OK);
	duck_disconnectp(&c);
	duck_closep(&d);
	options.read_only = true;
	assert_int_equal(duck_open(&options, &d, &err), RC_OK);
	assert_int_equal(duck_connect(d, &c, &err), RC_OK);
	assert_int_not_equal(duck_exec(c, "INSERT INTO t (x) VALUES (2)", NULL, &err), RC_OK);
	assert_non_null(strstr(err.msg, "read-only"));
	duck_disconnectp(&c);
	duck_closep(&d);
	options.path = file_named(dir, "missing.duckdb").ptr;
	assert_int_equal(duck_open(&options, &d, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "missing.duckdb"));
	struct slice junk = file_named(dir, "junk.duckdb");
	write_bytes(junk, "this is no database, not at all, no, no, no", 43);
	options.path = junk.ptr;
	assert_int_equal(duck_open(&options, &d, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "junk.duckdb"));
	assert_null(d);
}

static void fault_points_fail_with_their_errno(void **state)
{
	(void) state;
	struct err err = { 0 };
	struct duck *d = NULL;
	struct duck_append *a = NULL;
	struct duck_options options = { 0 };
	fault_arm("duck.open", 1, EIO);
	assert_int_equal(duck_open(&options, &d, &err), RC_RETRY);
	fault_arm("duck.exec", 1, ENOSPC);
	assert_int_equal(exec_rc("CREATE TABLE never (x BIGINT)", &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "duck.exec"));
	exec("CREATE OR REPLACE TABLE a (i BIGINT)");
	fault_arm("duck.append", 2, EIO);
	assert_int_equal(duck_append_open(conn, "a", &a, &err), RC_OK);
	duck_append_int(a, 1);
	assert_int_equal(duck_append_end_row(a, &err), RC_OK);
	assert_int_equal(duck_append_flush(a, &err), RC_RETRY);
	duck_append_closep(&a);
	(void) fault_disarm();
	assert_string_equal(text_of("SELECT COUNT(*) FROM a"), "0\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_type_has_one_text),
	cmocka_unit_test(cast_columns_keep_names_order_and_place),
	cmocka_unit_test(a_type_that_cannot_be_wrapped_is_refused_not_garbled),
	cmocka_unit_test(typed_readers_read_their_type),
	cmocka_unit_test(a_big_result_streams),
	cmocka_unit_test(an_error_in_the_middle_of_a_stream_is_told),
	cmocka_unit_test(a_result_may_be_left_before_its_end),
	cmocka_unit_test(exec_counts_rows_and_runs_all_statements),
	cmocka_unit_test(quoting_survives_quotes),
	cmocka_unit_test(errors_have_a_class_and_one_line),
	cmocka_unit_test(nothing_spills_without_a_temp_dir),
	cmocka_unit_test(instances_that_spill_side_by_side_do_not_meet),
	cmocka_unit_test(only_statements_that_read_are_allowed),
	cmocka_unit_test(appended_rows_come_back_equal),
	cmocka_unit_test(what_was_not_flushed_is_dropped),
	cmocka_unit_test(an_appender_tells_what_it_cannot_store),
	cmocka_unit_test(parquet_metadata_skips_what_cannot_be_read),
	cmocka_unit_test(a_file_opens_read_only_locked_corrupt_or_missing),
	cmocka_unit_test(fault_points_fail_with_their_errno),
};
TEST_SUITE_WITH(duck, tests, open_memory, close_memory);
