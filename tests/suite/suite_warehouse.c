/* What every warehouse must do.  A new backend is one more entry of `backends` and one more TEST_SUITE below. */
#include "base/buf.h"
#include "bronze/partition.h"
#include "golden/history.h"
#include "io/file.h"
#include "test.h"
#include "warehouse/warehouse.h"

#include <stdio.h>

struct backend {
	struct warehouse *(*open)(const struct history_home *home);
};

static struct warehouse *open_duckdb(const struct history_home *home)
{
	const struct warehouse_duckdb_options options = {
		.path = home->warehouse_path, .temp_dir = home->scratch, .threads = 2, .memory_limit_mb = 256,
		.bronze_dir = home->bronze_dir,
	};
	struct warehouse *w = NULL;
	struct err err = { 0 };
	if (warehouse_duckdb_open(&options, &w, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return w;
}
static struct warehouse *open_fault(const struct history_home *home)
{
	return warehouse_fault_open(open_duckdb(home), 0, false, RC_RETRY);
}

static const struct backend backends[] = { { open_duckdb }, { open_fault } };

struct room {
	struct history_home home;
	struct warehouse *w;
	struct arena arena;
	struct err err;
	struct buf text; /* of the last query */
};

static void room_open_with(struct room *r, void **state, void (*open)(struct history_home *))
{
	const struct backend *backend = *state;
	*r = (struct room){ .arena = arena_new((size_t) 64 << 20), .text = buf_new(1 << 24) };
	open(&r->home);
	r->w = backend->open(&r->home);
}

static void room_open(struct room *r, void **state)
{
	room_open_with(r, state, history_open);
}

/* With the sample published. */
static void room_open_sample(struct room *r, void **state)
{
	room_open_with(r, state, history_open_sample);
}

static void room_close(struct room *r)
{
	warehouse_closep(&r->w);
	history_close(&r->home);
	arena_done(&r->arena);
	buf_done(&r->text);
}

static void must_at(struct room *r, enum rc rc, int line)
{
	if (rc != RC_OK)
		fail_msg("line %d: %s: %s", line, rc_name(rc), r->err.msg);
}
#define MUST(r, expr) must_at((r), (expr), __LINE__)

static enum rc on_columns(void *ctx, const struct slice *name, const enum column_type *type, size_t count, struct err *err)
{
	static const char letter[] = { [COLUMN_BIGINT] = 'i', [COLUMN_BOOLEAN] = 'b', [COLUMN_STRING] = 's',
		                       [COLUMN_DATE] = 'd', [COLUMN_TIMESTAMP] = 't', [COLUMN_DOUBLE] = 'f' };
	struct room *r = ctx;
	(void) err;
	for (size_t i = 0; i < count; i++)
		buf_addf(&r->text, "%s%.*s:%c", i ? "|" : "", SLICE_FMT(name[i]), letter[type[i]]);
	buf_addc(&r->text, '\n');
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	struct room *r = ctx;
	(void) err;
	for (size_t i = 0; i < count; i++)
		buf_addf(&r->text, "%s%.*s", i ? "|" : "", SLICE_FMT(cell[i].is_null ? SLICE("NULL") : cell[i].text));
	buf_addc(&r->text, '\n');
	return RC_OK;
}

static enum rc try_query(struct room *r, const char *sql)
{
	const struct warehouse_sink sink = { .ctx = r, .columns = on_columns, .row = on_row };
	buf_reset(&r->text);
	r->err.msg[0] = '\0';
	return warehouse_query(r->w, sql, &sink, &r->err);
}

/* "name:type|…\ncell|…\n" */
static const char *query(struct room *r, const char *sql)
{
	if (try_query(r, sql) != RC_OK)
		fail_msg("%s: %s", sql, r->err.msg);
	return buf_str(&r->text);
}

static struct warehouse_staged stage(struct room *r, bool rebuild)
{
	struct warehouse_stage s = history_stage(&r->home, &r->arena);
	struct warehouse_staged staged;
	s.rebuild = rebuild;
	MUST(r, warehouse_stage(r->w, &s, &staged, &r->err));
	return staged;
}

static void verify(struct room *r)
{
	const struct warehouse_audit a = history_audit(&r->home, &r->arena);
	MUST(r, warehouse_audit(r->w, &a, &r->err));
}

static bool publish(struct room *r)
{
	bool changed;
	MUST(r, warehouse_publish(r->w, &changed, &r->err));
	return changed;
}

static struct warehouse_staged load(struct room *r)
{
	(void) history_gold(&r->home);
	struct warehouse_staged staged = stage(r, false);
	verify(r);
	assert_true(publish(r) == staged.changed);
	return staged;
}

static void nothing_is_published_at_first(void **state)
{
	struct room r;
	room_open(&r, state);
	MUST(&r, warehouse_schema(r.w, &r.err));
	MUST(&r, warehouse_schema(r.w, &r.err));
	assert_int_equal(try_query(&r, "SELECT 1"), RC_NOT_FOUND);
	assert_non_null(strstr(r.err.msg, "nothing is published yet: run `sargam run` first"));
	assert_int_equal(warehouse_query_file(r.w, "SELECT 1", "/no/where", &r.err), RC_NOT_FOUND);
	const struct warehouse_audit none = { 0 };
	assert_int_equal(warehouse_audit(r.w, &none, &r.err), RC_NOT_FOUND);
	assert_false(publish(&r));
	const struct warehouse_stage nothing = { 0 };
	struct warehouse_staged staged;
	MUST(&r, warehouse_stage(r.w, &nothing, &staged, &r.err));
	assert_false(staged.changed);
	room_close(&r);
}

static void a_staged_version_is_seen_when_it_is_published(void **state)
{
	struct room r;
	room_open(&r, state);
	history_put(&r.home, history_sample, history_sample_count);
	(void) history_gold(&r.home);
	struct warehouse_staged staged = stage(&r, false);
	assert_true(staged.changed);
	assert_int_equal(staged.files, 19);
	assert_true(staged.rows > 100);
	assert_int_equal(try_query(&r, "SELECT 1"), RC_NOT_FOUND);
	bool changed = true;
	assert_int_equal(warehouse_publish(r.w, &changed, &r.err), RC_REJECT); /* not audited */
	assert_non_null(strstr(r.err.msg, "sargam verify"));
	verify(&r);
	assert_true(publish(&r));
	assert_false(publish(&r));
	assert_string_equal(query(&r, "SELECT name, id, playlist_id, rank, movement, chart_date, explicit FROM "
	                              "SPOTIFY_ANALYTICS.TRACK_INFO WHERE playlist_id = 'p2' ORDER BY rank LIMIT 2"),
	                    "name:s|id:s|playlist_id:s|rank:i|movement:i|chart_date:d|explicit:b\n"
	                    "Gānā 121|track121|p2|1|0|2021-03-05|false\nGānā 97|track97|p2|2|2|2021-03-05|false\n");
	room_close(&r);
}

static void the_acceptance_query_gives_the_current_charts(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	const char *text = query(&r, "SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY artist_name");
	const char *columns = "name:s|id:s|artist_id:s|href:s|release_date:s|uri:s|artist_name:s|playlist_id:s|chart_date:d|rank:i|"
	                      "status:s|movement:i|previous_rank:i|peak_rank:i|days_on_chart:i|artist_names:s|album_id:s|album_name:s|"
	                      "duration_ms:i|explicit:b|popularity:i|isrc:s|film_name:s|url:s\n";
	assert_memory_equal(text, columns, strlen(columns));
	int rows = -1;
	for (const char *c = text; *c; c++)
		rows += *c == '\n';
	assert_int_equal(rows, 6 + 4);
	room_close(&r);
}

static void cells_have_types_texts_and_nulls(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	assert_string_equal(query(&r, "SELECT snapshot_at, previous_date, gap_days, entries FROM CHART_DAY WHERE playlist_id = 'p1' "
	                              "AND chart_date <= DATE '2021-03-05' ORDER BY chart_date"),
	                    "snapshot_at:t|previous_date:d|gap_days:i|entries:i\n2021-03-01T08:00:00Z|NULL|NULL|6\n"
	                    "2021-03-02T20:00:00Z|2021-03-01|0|6\n2021-03-05T08:00:00Z|2021-03-02|2|12\n");
	assert_string_equal(query(&r, "SELECT share, tracks FROM ARTIST_CHART WHERE playlist_id = 'p2' AND chart_date = DATE '2021-03-01' "
	                              "ORDER BY artist_id LIMIT 1"),
	                    "share:f|tracks:i\n0.4|1\n");
	assert_string_equal(query(&r, "SELECT '' AS e, NULL AS n, SUM(rank) AS s, 1.5 AS d, true AS b FROM TRACK_INFO WHERE false"),
	                    "e:s|n:i|s:i|d:f|b:b\n|NULL|NULL|1.5|true\n");
	assert_string_equal(query(&r, "SELECT 1 AS x WHERE false"), "x:i\n");
	room_close(&r);
}

static void nothing_changed_stages_nothing(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	struct warehouse_staged staged = load(&r);
	assert_false(staged.changed);
	assert_int_equal(staged.rows, 0);
	assert_int_equal(staged.files, 0);
	assert_true(stage(&r, true).changed); /* rebuild is said, so it is done */
	room_close(&r);
}

/* All rows of all tables, in an order of their own. */
static const char *everything(struct room *r)
{
	struct buf all = buf_new(1 << 24);
	for (size_t i = 0; i < warehouse_table_count; i++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "SELECT * FROM SPOTIFY_ANALYTICS.%s ORDER BY %s", warehouse_table[i].name, warehouse_table[i].key);
		buf_addf(&all, "%s\n%s", warehouse_table[i].name, query(r, buf_str(&sql)));
	}
	const char *copy = arena_strdup(&r->arena, buf_slice(&all));
	buf_done(&all);
	return copy;
}

static void changes_step_by_step_equal_a_rebuild(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	static char name[4][16];
	struct history_snapshot more[4];
	for (int i = 0; i < 4; i++) { /* enough groups that one change is a small part */
		(void) snprintf(name[i], sizeof name[i], "q%d", i);
		more[i] = (struct history_snapshot){ name[i], "2021-03-07T08:00:00Z", "h g f a" };
	}
	history_put(&r.home, more, 4);
	(void) load(&r);
	static const struct history_snapshot changed[] = {
		{ "q1", "2021-03-07T08:00:00Z", "x" }, { "q1", "2021-03-08T08:00:00Z", "a x" }, { "q2", "2021-03-07T08:00:00Z", "" },
	};
	history_put(&r.home, changed, 3);
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		MUST(&r, store_remove(r.home.store, partition_key((enum bronze_table) t, SLICE("q3"), SLICE("2021-03"), &r.arena), &r.err));
	struct warehouse_staged staged = load(&r);
	assert_true(staged.changed);
	print_message("# %d files loaded\n", (int) staged.files);
	const char *steps = everything(&r);
	assert_null(strstr(steps, "q3|"));
	assert_non_null(strstr(steps, "q1|"));
	(void) stage(&r, true);
	verify(&r);
	assert_true(publish(&r));
	assert_string_equal(everything(&r), steps);
	room_close(&r);
}

static void groups_that_are_all_gone_leave_empty_tables(void **state)
{
	struct room r;
	room_open(&r, state);
	static const struct history_snapshot one[] = { { "p1", "2021-03-01T08:00:00Z", "a b" } };
	history_put(&r.home, one, 1);
	(void) load(&r);
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		MUST(&r, store_remove(r.home.store, partition_key((enum bronze_table) t, SLICE("p1"), SLICE("2021-03"), &r.arena), &r.err));
	assert_true(load(&r).changed);
	for (size_t i = 0; i < warehouse_table_count; i++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "SELECT COUNT(*) AS n FROM %s", warehouse_table[i].name);
		assert_string_equal(query(&r, buf_str(&sql)), "n:i\n0\n");
	}
	room_close(&r);
}

static void the_last_stage_counts(void **state)
{
	struct room r;
	room_open(&r, state);
	static const struct history_snapshot one[] = { { "p1", "2021-03-01T08:00:00Z", "a b" } }, two[] = { { "p1", "2021-03-01T08:00:00Z", "c" } };
	history_put(&r.home, one, 1);
	(void) history_gold(&r.home);
	(void) stage(&r, false);
	verify(&r);
	history_put(&r.home, two, 1);
	(void) load(&r);
	assert_string_equal(query(&r, "SELECT id FROM TRACK_INFO"), "id:s\ntrack99\n");
	room_close(&r);
}

static void files_of_no_table_are_refused(void **state)
{
	struct room r;
	room_open(&r, state);
	static const struct warehouse_file wrong[] = {
		{ .table = "TRACKS", .group = "p1", .path = "x.parquet", .inputs = "1" },
		{ .table = "TRACK", .path = "x.parquet", .inputs = "1" },
		{ .table = "ARTIST", .group = "p1", .path = "x.parquet", .inputs = "1" },
	};
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		const struct warehouse_stage s = { .file = &wrong[i], .count = 1 };
		struct warehouse_staged staged;
		assert_int_equal(warehouse_stage(r.w, &s, &staged, &r.err), RC_REJECT);
		assert_non_null(strstr(r.err.msg, "x.parquet"));
		assert_non_null(strstr(r.err.msg, wrong[i].table));
	}
	room_close(&r);
}

static void a_file_with_other_columns_is_refused(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	struct warehouse_stage s = history_stage(&r.home, &r.arena);
	struct warehouse_file *file = arena_alloc_array(&r.arena, s.count, sizeof *file);
	const char *history = NULL;
	for (size_t i = 0; i < s.count; i++) {
		file[i] = s.file[i];
		if (strcmp(file[i].table, "CHART_HISTORY") == 0)
			history = file[i].path;
	}
	for (size_t i = 0; i < s.count; i++)
		if (strcmp(file[i].table, "TRACK") == 0) {
			file[i].path = history;
			file[i].inputs = "other";
		}
	s.file = file;
	struct warehouse_staged staged;
	assert_int_equal(warehouse_stage(r.w, &s, &staged, &r.err), RC_REJECT);
	assert_non_null(strstr(r.err.msg, "TRACK"));
	assert_false(staged.changed);
	assert_false(publish(&r)); /* nothing is left that could be published */
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM TRACK_INFO"), "n:i\n10\n");
	room_close(&r);
}

static void only_reading_is_allowed(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	CLEANUP(buf_done) struct buf path = buf_new(1000);
	buf_addf(&path, "SELECT * FROM read_text('%s/../secret.txt')", r.home.bronze_dir);
	static const char secret[] = "secret";
	CLEANUP(buf_done) struct buf secret_path = buf_new(1000);
	buf_addf(&secret_path, "%s/secret.txt", r.home.store_dir);
	MUST(&r, file_replace(buf_str(&secret_path), (struct slice){ secret, 6 }, &r.err));
	CLEANUP(buf_done) struct buf direct = buf_new(1000), with_bronze = buf_new(2000), attach = buf_new(1000);
	buf_addf(&direct, "SELECT * FROM read_text('%s')", buf_str(&secret_path));
	buf_addf(&with_bronze, "SELECT * FROM read_text('%s') -- bronze_", buf_str(&secret_path));
	buf_addf(&attach, "ATTACH '%s' AS other", buf_str(&secret_path));
	const char *const refused[] = {
		"", "DELETE FROM TRACK", "UPDATE SPOTIFY_ANALYTICS.TRACK SET points = 0", "INSERT INTO TRACK SELECT * FROM TRACK",
		"DROP TABLE TRACK", "CREATE TABLE x (a BIGINT)", "CREATE TEMP TABLE x (a BIGINT)", "SELECT 1; SELECT 2",
		"SELECT 1; DROP TABLE TRACK", "COPY TRACK TO '/tmp/sargam-test-x.csv'", "EXPORT DATABASE '/tmp/sargam-test-x'",
		"SET threads = 1", "SET enable_external_access = true", "RESET lock_configuration", "LOAD parquet",
		"INSTALL httpfs", "CALL pragma_version()", "EXPLAIN ANALYZE DELETE FROM TRACK", "SELECT * FROM read_csv('/etc/hostname')",
		"SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM '/etc/hostname'", "SELECT * FROM glob('/*')",
		"SELECT * FROM read_blob('/etc/hostname')", "SELECT * FROM read_json('/etc/hostname')", "SELECT * FROM nowhere",
		"SELECT * FROM read_text('/etc/hostname') -- bronze_", "SELECT * FROM glob('/*') -- bronze_",
		buf_str(&path), buf_str(&direct), buf_str(&with_bronze), buf_str(&attach),
	};
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		enum rc rc = try_query(&r, refused[i]);
		if (rc != RC_REJECT || r.err.msg[0] == '\0')
			fail_msg("%s -> %s: %s", refused[i], rc_name(rc), r.err.msg);
	}
	assert_int_equal(try_query(&r, "SELECT * FROM TRACKINFO"), RC_REJECT);
	assert_non_null(strstr(r.err.msg, "TRACK_INFO")); /* what was meant */
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM TRACK_INFO"), "n:i\n10\n");
	room_close(&r);
}

static void names_resolve_with_and_without_the_dataset(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	static const char *const same[] = {
		"SELECT COUNT(*) AS n FROM SPOTIFY_ANALYTICS.TRACK_INFO", "SELECT COUNT(*) AS n FROM TRACK_INFO;",
		"select count(*) as n from spotify_analytics.track_info -- done", "WITH x AS (SELECT * FROM TRACK_INFO) SELECT COUNT(*) AS n FROM x",
		"/* bronze_ */ SELECT COUNT(*) AS n FROM SPOTIFY_ANALYTICS.TRACK_INFO",
	};
	for (size_t i = 0; i < COUNT_OF(same); i++)
		assert_string_equal(query(&r, same[i]), "n:i\n10\n");
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM (SHOW TABLES) AS t"), "n:i\n11\n");
	assert_non_null(strstr(query(&r, "DESCRIBE TRACK"), "days_to_peak|BIGINT"));
	assert_non_null(strstr(query(&r, "EXPLAIN SELECT * FROM TRACK"), "TRACK"));
	room_close(&r);
}

static void bronze_can_be_asked_too(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n, COUNT(DISTINCT playlist_id) AS p FROM BRONZE_SNAPSHOT"), "n:i|p:i\n11|2\n");
	assert_string_equal(query(&r, "SELECT reason, COUNT(*) AS n FROM bronze_reject GROUP BY reason"), "reason:s|n:i\nnull_item|4\n");
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM BRONZE_ENTRY AS e JOIN CHART_HISTORY AS h ON h.playlist_id = e.playlist_id "
	                              "AND h.snapshot_at = e.snapshot_at AND h.rank = e.position"),
	                    "n:i\n59\n");
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM BRONZE_FIELD"), "n:i\n11\n");
	assert_string_equal(query(&r, "SELECT COUNT(*) > 0 AS any FROM BRONZE_CREDIT"), "any:b\ntrue\n");
	room_close(&r);
}

/* Publishes another version when the first row arrives. */
struct meanwhile {
	struct room *r;
	int rows;
};

static enum rc no_columns(void *ctx, const struct slice *name, const enum column_type *type, size_t count, struct err *err)
{
	(void) ctx, (void) name, (void) type, (void) count, (void) err;
	return RC_OK;
}

static enum rc publish_at_first_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	struct meanwhile *m = ctx;
	(void) cell, (void) count, (void) err;
	if (m->rows++ == 0)
		assert_true(load(m->r).changed);
	return RC_OK;
}

static void a_reader_keeps_the_version_it_opened(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	static const struct history_snapshot more[] = { { "p3", "2021-03-01T09:00:00Z", "a c e" } };
	history_put(&r.home, more, 1);
	struct meanwhile m = { .r = &r };
	const struct warehouse_sink sink = { .ctx = &m, .columns = no_columns, .row = publish_at_first_row };
	/* the join makes more rows than the first chunk holds */
	MUST(&r, warehouse_query(r.w, "SELECT a.rank FROM CHART_HISTORY AS a, CHART_HISTORY AS b, CHART_HISTORY AS c", &sink, &r.err));
	assert_int_equal(m.rows, 59 * 59 * 59);
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM CHART_HISTORY"), "n:i\n62\n");
	room_close(&r);
}

static enum rc full(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	(void) ctx, (void) cell, (void) count;
	return err_set(err, RC_RETRY, "the paper is out");
}

static void what_the_sink_says_ends_the_query(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	const struct warehouse_sink sink = { .columns = no_columns, .row = full };
	assert_int_equal(warehouse_query(r.w, "SELECT * FROM TRACK", &sink, &r.err), RC_RETRY);
	assert_string_equal(r.err.msg, "the paper is out");
	room_close(&r);
}

static void a_result_as_a_file(void **state)
{
	struct room r;
	room_open_sample(&r, state);
	struct slice path = arena_printf(&r.arena, "%s/it's.parquet", r.home.dir);
	for (int i = 0; i < 2; i++) /* replaced the second time */
		MUST(&r, warehouse_query_file(r.w, "SELECT * FROM SPOTIFY_ANALYTICS.TRACK ORDER BY points -- all\n;", path.ptr, &r.err));
	CLEANUP(buf_done) struct buf sql = buf_new(1000);
	buf_adds(&sql, "SELECT COUNT(*) FROM ");
	duck_quote_text(path, &sql);
	int64_t rows = 0;
	MUST(&r, duck_query_int(r.home.conn, buf_str(&sql), &rows, &r.err));
	buf_reset(&sql);
	buf_addf(&sql, "n:i\n%d\n", (int) rows);
	assert_string_equal(query(&r, "SELECT COUNT(*) AS n FROM TRACK"), buf_str(&sql));
	static const char *const refused[] = { "DELETE FROM TRACK", "SELECT 1) TO '/tmp/x'; --", "SELECT * FROM nowhere", "",
		                               "SELECT * FROM read_text('/etc/hostname')" };
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_int_equal(warehouse_query_file(r.w, refused[i], path.ptr, &r.err), RC_REJECT);
	assert_int_equal(warehouse_query_file(r.w, "SELECT 1", "/no/such/folder/x.parquet", &r.err), RC_FATAL);
	struct file_names names;
	MUST(&r, file_list(r.home.dir, &r.arena, &names, &r.err));
	for (size_t i = 0; i < names.count; i++)
		assert_false(slice_ends(slice_of(names.name[i]), SLICE(".part")));
	room_close(&r);
}

static const struct CMUnitTest duckdb_tests[] = {
#define TEST(fn, backend) { #fn, fn, NULL, NULL, (void *) (uintptr_t) &backends[backend] }
#define TESTS(backend)                                                                                          \
	TEST(nothing_is_published_at_first, backend), TEST(a_staged_version_is_seen_when_it_is_published, backend),   \
	TEST(the_acceptance_query_gives_the_current_charts, backend), TEST(cells_have_types_texts_and_nulls, backend), \
	TEST(nothing_changed_stages_nothing, backend), TEST(changes_step_by_step_equal_a_rebuild, backend),          \
	TEST(groups_that_are_all_gone_leave_empty_tables, backend), TEST(the_last_stage_counts, backend),            \
	TEST(files_of_no_table_are_refused, backend), TEST(a_file_with_other_columns_is_refused, backend),           \
	TEST(only_reading_is_allowed, backend), TEST(names_resolve_with_and_without_the_dataset, backend),           \
	TEST(bronze_can_be_asked_too, backend), TEST(a_reader_keeps_the_version_it_opened, backend),                 \
	TEST(what_the_sink_says_ends_the_query, backend), TEST(a_result_as_a_file, backend)
	TESTS(0)
};
static const struct CMUnitTest fault_tests[] = { TESTS(1) };
TEST_SUITE(warehouse_duckdb, duckdb_tests);
TEST_SUITE(warehouse_fault, fault_tests);
