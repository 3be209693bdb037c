/* The audit: every check passes on a right version and fails, by its own name, when one row is wrong. */
#include "golden/history.h"

#include "base/buf.h"
#include "gold/gold.h"
#include "io/file.h"
#include "test.h"
#include "warehouse/audit_checks.h"
#include "warehouse/warehouse_duckdb.h"

#include <stdio.h>

struct seen {
	char failed[4096]; /* " name name …" */
	int64_t checks;
	bool print;
};

static void on_check(void *ctx, const struct warehouse_check *check)
{
	struct seen *seen = ctx;
	seen->checks++;
	if (check->violations == 0)
		return;
	size_t len = strlen(seen->failed);
	(void) snprintf(seen->failed + len, sizeof seen->failed - len, " %s ", check->name);
	assert_true(check->example[0] != '\0');
	if (seen->print)
		print_message("# %s: %s: %d, first: %s\n", check->name, check->what, (int) check->violations, check->example);
}

static struct warehouse *open_warehouse(const struct history_home *home)
{
	const struct warehouse_duckdb_options options = {
		.path = home->warehouse_path, .temp_dir = home->scratch, .threads = 2, .memory_limit_mb = 256,
	};
	struct warehouse *w = NULL;
	assert_int_equal(warehouse_duckdb_open(&options, &w, NULL), RC_OK);
	return w;
}

static void must(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->msg);
}

static void open_staged(struct history_home *home, struct warehouse **w)
{
	history_open_sample(home);
	*w = open_warehouse(home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct warehouse_stage stage = history_stage(home, &arena);
	stage.rebuild = true;
	struct warehouse_staged staged;
	struct err err = { 0 };
	must(warehouse_stage(*w, &stage, &staged, &err), &err);
	assert_true(staged.changed);
}

static enum rc audit(struct history_home *home, struct warehouse *w, struct seen *seen, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct warehouse_audit a = history_audit(home, &arena);
	a.on_check = on_check;
	a.ctx = seen;
	return warehouse_audit(w, &a, err);
}

static void a_right_version_passes_and_is_published(void **state)
{
	(void) state;
	struct history_home home;
	struct warehouse *w;
	open_staged(&home, &w);
	struct seen seen = { .print = true };
	struct err err = { 0 };
	must(audit(&home, w, &seen, &err), &err);
	assert_true(seen.checks == (int64_t) (audit_check_count + 2 * (warehouse_table_count - 1)));
	bool changed;
	must(warehouse_publish(w, &changed, &err), &err);
	assert_true(changed);
	must(audit(&home, w, &seen, &err), &err); /* the published one now */
	warehouse_close(w);
	history_close(&home);
}

static void an_empty_warehouse_passes_too(void **state)
{
	(void) state;
	static const struct history_snapshot empty[] = { { "p1", "2021-03-01T08:00:00Z", "" }, { "p1", "2021-03-02T08:00:00Z", "- -" } };
	struct history_home home;
	history_open(&home);
	history_put(&home, empty, 2);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	CLEANUP(warehouse_closep) struct warehouse *w = open_warehouse(&home);
	const struct warehouse_stage stage = history_stage(&home, &arena);
	struct warehouse_staged staged;
	struct seen seen = { .print = true };
	struct err err = { 0 };
	must(warehouse_stage(w, &stage, &staged, &err), &err);
	must(audit(&home, w, &seen, &err), &err);
	history_close(&home);
}

/* One row of the staged version is made wrong; this check must say so. */
#define P1 " WHERE playlist_id = 'p1'"
#define ON "playlist_id = 'p1' AND chart_date = DATE '2021-03-06'"
static const struct corruption {
	const char *check, *sql;
} corruptions[] = {
	{ "rows_loaded", "DELETE FROM TRACK_INFO WHERE playlist_id = 'p2' AND rank = 4" },
	{ "rows_loaded", "DELETE FROM ALBUM WHERE album_id = (SELECT MIN(album_id) FROM ALBUM)" },
	{ "one_row_per_key", "INSERT INTO CHART_HISTORY SELECT * FROM CHART_HISTORY WHERE " ON " AND rank = 1" },
	{ "one_row_per_key", "INSERT INTO CHART_DAY SELECT * FROM CHART_DAY WHERE " ON },
	{ "one_row_per_key", "INSERT INTO CHART_EXIT SELECT * FROM CHART_EXIT LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO TRACK SELECT * FROM TRACK LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO ARTIST SELECT * FROM ARTIST LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO ALBUM SELECT * FROM ALBUM LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO ARTIST_CHART SELECT * FROM ARTIST_CHART LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO ARTIST_COLLABORATION SELECT * FROM ARTIST_COLLABORATION LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO PLAYLIST_OVERLAP SELECT * FROM PLAYLIST_OVERLAP LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO DATA_HEALTH SELECT * FROM DATA_HEALTH LIMIT 1" },
	{ "one_row_per_key", "INSERT INTO TRACK_INFO SELECT * FROM TRACK_INFO LIMIT 1" },
	{ "chart_days_reconciled", "DELETE FROM CHART_DAY WHERE " ON },
	{ "chart_days_reconciled", "UPDATE CHART_DAY SET snapshot_at = snapshot_at - INTERVAL 12 HOUR WHERE snapshots = 2" },
	{ "ranks_are_positions", "UPDATE CHART_HISTORY SET rank = 13 WHERE " ON " AND rank = 12" },
	{ "ranks_are_positions", "DELETE FROM CHART_HISTORY WHERE " ON " AND rank = 12" },
	{ "ranks_are_positions", "UPDATE CHART_HISTORY SET track_id = 'other' WHERE " ON " AND rank = 12" },
	{ "no_rank_twice", "UPDATE CHART_HISTORY SET rank = 11 WHERE " ON " AND rank = 12" },
	{ "positions_accounted", "UPDATE CHART_DAY SET duplicates = duplicates + 1 WHERE " ON },
	{ "positions_accounted", "UPDATE CHART_DAY SET rejects = rejects + 1, duplicates = duplicates - 1 WHERE snapshots = 2" },
	{ "snapshots_counted", "UPDATE CHART_DAY SET snapshots = 1 WHERE snapshots = 2" },
	{ "health_reconciled", "UPDATE DATA_HEALTH SET rejects = rejects - 1" P1 },
	{ "health_reconciled", "UPDATE DATA_HEALTH SET warnings = warnings + 1" P1 },
	{ "health_reconciled", "UPDATE DATA_HEALTH SET chart_days = chart_days + 1" P1 },
	{ "day_entries_counted", "UPDATE CHART_DAY SET entries = entries + 1 WHERE " ON },
	{ "day_entries_counted", "UPDATE CHART_HISTORY SET status = 'GONE' WHERE status = 'START' AND rank = 2" },
	{ "day_statuses_counted", "UPDATE CHART_HISTORY SET status = 'GONE' WHERE " ON " AND rank = 2" },
	{ "day_statuses_counted", "UPDATE CHART_DAY SET up = up + 1, down = down - 1 WHERE " ON },
	{ "day_statuses_counted", "UPDATE CHART_DAY SET big_moves = big_moves - 1 WHERE " ON },
	{ "day_chain", "UPDATE CHART_DAY SET gap_days = 1 WHERE " ON },
	{ "day_chain", "UPDATE CHART_DAY SET previous_date = NULL WHERE " ON },
	{ "day_chain", "UPDATE CHART_DAY SET day_number = day_number + 1 WHERE " ON },
	{ "day_credits_counted", "UPDATE CHART_DAY SET artists = artists - 1 WHERE " ON },
	{ "day_credits_counted", "UPDATE CHART_DAY SET albums = albums + 1 WHERE " ON },
	{ "previous_rank", "UPDATE CHART_HISTORY SET previous_rank = 3 WHERE " ON " AND rank = 2" },
	{ "previous_rank", "UPDATE CHART_HISTORY SET previous_rank = NULL WHERE " ON " AND rank = 2" },
	{ "previous_rank", "UPDATE CHART_HISTORY SET movement = -movement WHERE " ON " AND rank = 1" },
	{ "status", "UPDATE CHART_HISTORY SET status = 'UP' WHERE " ON " AND rank = 2" },
	{ "status", "UPDATE CHART_HISTORY SET status = 'NEW' WHERE status = 'RE' AND track_id = 'track102'" },
	{ "streak", "UPDATE CHART_HISTORY SET streak = streak + 1 WHERE " ON " AND rank = 2" },
	{ "peak", "UPDATE CHART_HISTORY SET peak_rank = peak_rank + 1 WHERE " ON " AND rank = 2" },
	{ "peak", "UPDATE CHART_HISTORY SET peak_date = chart_date WHERE " ON " AND rank = 2" },
	{ "peak", "UPDATE CHART_HISTORY SET times_at_peak = 9 WHERE " ON " AND rank = 2" },
	{ "days_on_chart", "UPDATE CHART_HISTORY SET days_on_chart = 1 WHERE " ON " AND rank = 2" },
	{ "debut", "UPDATE CHART_HISTORY SET debut_rank = 1 WHERE " ON " AND rank = 2" },
	{ "debut", "UPDATE CHART_HISTORY SET debut_date = chart_date WHERE " ON " AND rank = 2" },
	{ "points", "UPDATE CHART_HISTORY SET points = points - 1 WHERE " ON " AND rank = 2" },
	{ "exits", "DELETE FROM CHART_EXIT WHERE track_id = 'track102'" },
	{ "exits", "UPDATE CHART_EXIT SET last_rank = last_rank + 1 WHERE track_id = 'track102'" },
	{ "exits", "UPDATE CHART_DAY SET exits = exits + 1 WHERE " ON },
	{ "tracks_known", "DELETE FROM TRACK WHERE track_id = 'track122'" },
	{ "tracks_known", "UPDATE TRACK SET track_id = 'other' WHERE track_id = 'track122'" },
	{ "tracks_known", "UPDATE TRACK SET points = points + 1 WHERE track_id = 'track122'" },
	{ "tracks_known", "UPDATE TRACK SET runs = runs + 1 WHERE track_id = 'track122'" },
	{ "track_latest", "UPDATE TRACK SET on_chart = NOT on_chart WHERE track_id = 'track122'" },
	{ "track_latest", "UPDATE TRACK SET last_rank = last_rank + 1 WHERE track_id = 'track122'" },
	{ "artists_known", "DELETE FROM ARTIST WHERE artist_id = 'artist1'" },
	{ "artists_known", "UPDATE ARTIST SET points = points + 1 WHERE artist_id = 'artist1'" },
	{ "artists_known", "INSERT INTO ARTIST SELECT * REPLACE ('other' AS artist_id) FROM ARTIST LIMIT 1" },
	{ "albums_known", "DELETE FROM ALBUM WHERE album_id = 'album1'" },
	{ "albums_known", "UPDATE ALBUM SET tracks = tracks + 1 WHERE album_id = 'album1'" },
	{ "credits_reconciled", "UPDATE ARTIST_CHART SET best_rank = best_rank + 1 WHERE " ON " AND artist_id = 'artist1'" },
	{ "credits_reconciled", "DELETE FROM ARTIST_CHART WHERE " ON " AND artist_id = 'artist1'" },
	{ "artist_shares", "UPDATE ARTIST_CHART SET share = 1.5e0 WHERE " ON " AND artist_id = 'artist1'" },
	{ "artist_shares", "UPDATE ARTIST_CHART SET share = 0.9e0 WHERE " ON },
	{ "collaborators_known", "UPDATE ARTIST_COLLABORATION SET name_a = 'somebody' WHERE artist_a = 'artist1'" },
	{ "collaborators_known", "UPDATE ARTIST_COLLABORATION SET artist_b = 'nobody' WHERE artist_a = 'artist1'" },
	{ "current_charts", "DELETE FROM TRACK_INFO WHERE playlist_id = 'p2' AND rank = 2" },
	{ "current_charts", "UPDATE TRACK_INFO SET rank = 7 WHERE playlist_id = 'p2' AND rank = 2" },
	{ "acceptance", "DELETE FROM TRACK_INFO" },
	{ "overlaps", "DELETE FROM PLAYLIST_OVERLAP" },
	{ "overlaps", "UPDATE PLAYLIST_OVERLAP SET tracks_a = tracks_a + 1" },
	{ "overlaps", "UPDATE PLAYLIST_OVERLAP SET shared = 9" },
};
/* Or of a bronze file. */
static const struct corruption bronze_corruptions[] = {
	{ "items_add_up", "bronze_snapshot SELECT * REPLACE (CASE WHEN items = 8 THEN 9 ELSE items END AS items) FROM t" },
	{ "entries_counted", "bronze_entry SELECT * FROM t WHERE NOT (chart_date = DATE '2021-03-06' AND position = 12)" },
	{ "entries_counted", "bronze_snapshot SELECT * FROM t WHERE chart_date <> DATE '2021-03-06'" },
	{ "rejects_counted", "bronze_reject SELECT * FROM t WHERE hour(snapshot_at) = 8" },
	{ "rejects_counted", "bronze_snapshot SELECT * FROM t WHERE hour(snapshot_at) = 8" },
	{ "one_item_per_position", "bronze_entry SELECT * REPLACE (CASE WHEN position = 12 THEN 11 ELSE position END AS position) FROM t" },
	{ "one_item_per_position", "bronze_reject SELECT * REPLACE (4 AS position) FROM t" },
	{ "credits_reconciled", "bronze_credit SELECT * FROM t WHERE NOT (chart_date = DATE '2021-03-06' AND position = 12 AND scope = 'track')" },
	{ "one_row_per_snapshot", "bronze_snapshot SELECT * FROM t UNION ALL (SELECT * FROM t LIMIT 1)" },
};

static void corrupt_staged(const struct history_home *home, const char *sql)
{
	CLEANUP(duck_closep) struct duck *duck = NULL;
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	CLEANUP(buf_done) struct buf path = buf_new(1000);
	CLEANUP(buf_done) struct buf statement = buf_new(10000);
	struct err err = { 0 };
	int64_t changed = 0;
	buf_addf(&path, "%s.next", home->warehouse_path);
	const struct duck_options options = { .path = buf_str(&path) };
	must(duck_open(&options, &duck, &err), &err);
	must(duck_connect(duck, &conn, &err), &err);
	buf_addf(&statement, "USE SPOTIFY_ANALYTICS; %s", sql);
	must(duck_exec(conn, buf_str(&statement), &changed, &err), &err);
	if (changed == 0)
		fail_msg("changes nothing: %s", sql);
	must(duck_exec(conn, "CHECKPOINT", NULL, &err), &err);
}

static void on_inputs(void *ctx, struct slice path, struct slice value)
{
	(void) path;
	(void) snprintf(ctx, 100, "%.*s", SLICE_FMT(value));
}

static void corrupt_bronze(struct history_home *home, const char *spec)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	size_t space = slice_find(slice_of(spec), ' ', 0);
	struct slice path = arena_printf(&arena, "%s/%.*s/playlist_group=p1/chart_month=2021-03/part-0.parquet", home->bronze_dir,
	                                 (int) space, spec);
	struct slice sql = arena_printf(&arena, "CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM read_parquet('%s', hive_partitioning = false); "
	                                        "CREATE OR REPLACE TEMP TABLE u AS %s",
	                                path.ptr, spec + space + 1);
	struct err err = { 0 };
	must(duck_exec(home->conn, sql.ptr, NULL, &err), &err);
	int64_t same = 1;
	must(duck_query_int(home->conn, "SELECT COUNT(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM u UNION ALL "
	                                "(SELECT * FROM u EXCEPT ALL SELECT * FROM t)) AS x", &same, &err), &err);
	if (same == 0)
		fail_msg("changes nothing: %s", spec);
	/* as the partition says it is, only its rows are other ones */
	char inputs[100] = "";
	must(duck_parquet_metadata(home->conn, &path, 1, "inputs", on_inputs, inputs, &err), &err);
	sql = arena_printf(&arena, "COPY u TO '%s' (FORMAT parquet, KV_METADATA {inputs: '%s'})", path.ptr, inputs);
	must(duck_exec(home->conn, sql.ptr, NULL, &err), &err);
}

/* This one check, as audit runs it, over all tables if it is for each. */
static void check_fails(struct session *s, const struct warehouse_audit *a, const struct corruption *c)
{
	struct err err = { 0 };
	struct audit_sum sum = { 0 };
	for (size_t i = 0; i < audit_check_count; i++) {
		const struct audit_check *check = &audit_check[i];
		if (strcmp(check->name, c->check) != 0)
			continue;
		for (size_t t = 0; t < (check->each_table ? warehouse_table_count : 1); t++)
			must(audit_run_check(s, check, check->each_table ? &warehouse_table[t] : NULL, a, &sum, &err), &err);
	}
	assert_true(sum.checks > 0);
	if (sum.failed == 0)
		fail_msg("'%s' does not see: %s", c->check, c->sql);
	assert_non_null(strstr(sum.failures, "first: "));
}

static void open_session(const struct history_home *home, struct warehouse *w, const struct warehouse_audit *a, struct session *s)
{
	CLEANUP(buf_done) struct buf next = buf_new(1000);
	struct err err = { 0 };
	int64_t format;
	buf_addf(&next, "%s.next", home->warehouse_path);
	must(session_open(CONTAINER_OF(w, struct warehouse_duckdb, base), s, &err), &err);
	must(session_attach(s, buf_str(&next), false, &format, &err), &err);
	must(audit_add_names(s, a, &err), &err);
}

static void each_check_sees_one_wrong_row_of_the_staged_version(void **state)
{
	(void) state;
	struct history_home home;
	struct warehouse *w;
	open_staged(&home, &w);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	const struct warehouse_audit a = history_audit(&home, &arena);
	CLEANUP(session_close) struct session s = { 0 };
	struct err err = { 0 };
	open_session(&home, w, &a, &s);
	for (size_t i = 0; i < COUNT_OF(corruptions); i++) {
		int64_t changed = 0;
		must(duck_exec(s.conn, "BEGIN", NULL, &err), &err);
		must(duck_exec(s.conn, corruptions[i].sql, &changed, &err), &err);
		if (changed == 0)
			fail_msg("changes nothing: %s", corruptions[i].sql);
		check_fails(&s, &a, &corruptions[i]);
		must(duck_exec(s.conn, "ROLLBACK", NULL, &err), &err);
	}
	warehouse_close(w);
	history_close(&home);
}

static void each_check_sees_a_wrong_bronze_file(void **state)
{
	(void) state;
	struct history_home home;
	struct warehouse *w;
	open_staged(&home, &w);
	for (size_t i = 0; i < COUNT_OF(bronze_corruptions); i++) {
		corrupt_bronze(&home, bronze_corruptions[i].sql);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
		const struct warehouse_audit a = history_audit(&home, &arena);
		CLEANUP(session_close) struct session s = { 0 };
		open_session(&home, w, &a, &s);
		check_fails(&s, &a, &bronze_corruptions[i]);
		history_put(&home, history_sample, history_sample_count);
	}
	warehouse_close(w);
	history_close(&home);
}

static void expect_refusal(struct history_home *home, struct warehouse *w, const char *check)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	assert_int_equal(audit(home, w, &seen, &err), RC_REJECT);
	assert_non_null(strstr(seen.failed, check));
	assert_non_null(strstr(err.msg, "checks failed"));
	bool changed = true;
	assert_int_equal(warehouse_publish(w, &changed, &err), RC_REJECT);
	assert_false(changed);
	assert_non_null(strstr(err.msg, "sargam verify"));
}

static void a_refused_version_is_not_published(void **state)
{
	(void) state;
	struct history_home home;
	struct warehouse *w;
	open_staged(&home, &w);
	corrupt_bronze(&home, "bronze_reject SELECT * FROM t WHERE hour(snapshot_at) = 8");
	expect_refusal(&home, w, " rejects_counted ");
	history_put(&home, history_sample, history_sample_count);
	struct err err = { 0 };
	must(audit(&home, w, &(struct seen){ .print = true }, &err), &err); /* passed: it is `.audited` now */
	corrupt_bronze(&home, "bronze_snapshot SELECT * FROM t UNION ALL (SELECT * FROM t LIMIT 1)");
	expect_refusal(&home, w, " one_row_per_snapshot "); /* but what is seen later counts */
	history_put(&home, history_sample, history_sample_count);
	corrupt_staged(&home, "UPDATE TRACK SET runs = 9 WHERE track_id = 'track122'");
	expect_refusal(&home, w, " tracks_known ");
	warehouse_close(w);
	history_close(&home);
}

static void no_check_goes_without_a_corruption(void **state)
{
	(void) state;
	for (size_t i = 0; i < audit_check_count; i++) {
		bool found = false;
		for (size_t k = 0; k < COUNT_OF(corruptions); k++)
			found |= strcmp(corruptions[k].check, audit_check[i].name) == 0;
		for (size_t k = 0; k < COUNT_OF(bronze_corruptions); k++)
			found |= strcmp(bronze_corruptions[k].check, audit_check[i].name) == 0;
		if (!found)
			fail_msg("no corruption proves that '%s' can fail", audit_check[i].name);
	}
}

static void the_published_version_stays_when_the_next_one_is_refused(void **state)
{
	(void) state;
	struct history_home home;
	struct warehouse *w;
	open_staged(&home, &w);
	struct seen seen = { .print = true };
	struct err err = { 0 };
	bool changed;
	must(audit(&home, w, &seen, &err), &err);
	must(warehouse_publish(w, &changed, &err), &err);
	struct file_info before, after;
	must(file_stat(home.warehouse_path, &before, &err), &err);

	static const struct history_snapshot more[] = { { "p3", "2021-03-05T08:00:00Z", "a b c" } };
	history_put(&home, more, 1);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	const struct warehouse_stage stage = history_stage(&home, &arena);
	struct warehouse_staged staged;
	must(warehouse_stage(w, &stage, &staged, &err), &err);
	corrupt_staged(&home, "UPDATE TRACK SET points = 0 WHERE playlist_id = 'p3'");
	assert_int_equal(audit(&home, w, &(struct seen){ 0 }, &err), RC_REJECT);
	assert_int_equal(warehouse_publish(w, &changed, &err), RC_REJECT);
	must(file_stat(home.warehouse_path, &after, &err), &err);
	assert_true(before.inode == after.inode && before.mtime_ns == after.mtime_ns);

	must(warehouse_stage(w, &stage, &staged, &err), &err); /* a second try heals */
	must(audit(&home, w, &seen, &err), &err);
	must(warehouse_publish(w, &changed, &err), &err);
	assert_true(changed);
	warehouse_close(w);
	history_close(&home);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_right_version_passes_and_is_published),
	cmocka_unit_test(an_empty_warehouse_passes_too),
	cmocka_unit_test(each_check_sees_one_wrong_row_of_the_staged_version),
	cmocka_unit_test(each_check_sees_a_wrong_bronze_file),
	cmocka_unit_test(a_refused_version_is_not_published),
	cmocka_unit_test(no_check_goes_without_a_corruption),
	cmocka_unit_test(the_published_version_stays_when_the_next_one_is_refused),
};
TEST_SUITE(audit, tests);
