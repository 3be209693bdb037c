#include "base/clock.h"
#include "dag/runlog.h"
#include "dag/schedule.h"
#include "io/db.h"
#include "raw/state.h"
#include "test.h"

#define NOW_S 1795446707

static struct clock_fake clock_at_noon;

static const char *home_file(char *out, size_t size)
{
	(void) snprintf(out, size, "%s/state.db", test_tmpdir());
	return out;
}

static struct state *open_at(const char *path)
{
	struct state *st = NULL;
	struct err err = { 0 };
	clock_fake_init(&clock_at_noon, NOW_S * 1000LL + 250);
	if (state_open(path, &clock_at_noon.base, &st, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return st;
}

static struct state *open_new(void)
{
	char path[512];
	return open_at(home_file(path, sizeof path));
}

#define OK(expr)                                                                 \
	do {                                                                     \
		enum rc ok_rc_ = (expr);                                         \
		if (ok_rc_ != RC_OK)                                             \
			fail_msg("%s: %s: %s", #expr, rc_name(ok_rc_), err.msg); \
	} while (0)

static void meta_keeps_the_last_value(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	CLEANUP(arena_done) struct arena arena = arena_new(4096);
	struct err err = { 0 };
	struct slice value;

	OK(state_meta_get(st, "kernel", &arena, &value, &err));
	assert_null(value.ptr);
	OK(state_meta_set(st, "kernel", SLICE("1"), &err));
	OK(state_meta_set(st, "kernel", SLICE("2"), &err));
	OK(state_meta_get(st, "kernel", &arena, &value, &err));
	assert_true(slice_is(value, "2"));
}

static void meta_refuses_what_cannot_be_read_back(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	CLEANUP(arena_done) struct arena arena = arena_new(64);
	struct err err = { 0 };
	struct slice value;
	static char big[5000];

	memset(big, 'x', sizeof big);
	assert_int_equal(state_meta_set(st, "k", (struct slice){ big, sizeof big }, &err), RC_REJECT);
	OK(state_meta_set(st, "k", (struct slice){ big, 100 }, &err));
	assert_int_equal(state_meta_get(st, "k", &arena, &value, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "'k'"));
}

static void a_home_never_mixes_invented_and_real_data(void **unused UNUSED)
{
	struct err err = { 0 };

	CLEANUP(state_closep) struct state *invented = open_new();
	OK(state_check_source(invented, "sample", &err));
	OK(state_check_source(invented, "sample", &err));
	assert_int_equal(state_check_source(invented, "dir:/recorded", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "holds the invented sample (sample)"));
	assert_non_null(strstr(err.msg, "another --home for dir:/recorded"));
	assert_int_equal(state_check_source(invented, "sample:2", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "another invented history"));
	OK(state_check_source(invented, "sample", &err));

	CLEANUP(state_closep) struct state *real = open_new();
	OK(state_check_source(real, "dir:/recorded", &err));
	OK(state_check_source(real, "spotify", &err));
	OK(state_check_source(real, "sampled", &err)); /* only the scheme counts */
	assert_int_equal(state_check_source(real, "sample", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "holds real data (dir:/recorded)"));
}

static void a_home_remembers_its_source_when_it_is_opened_again(void **unused UNUSED)
{
	char path[512];
	struct err err = { 0 };
	struct state *first = open_at(home_file(path, sizeof path));
	OK(state_check_source(first, "sample", &err));
	state_close(first);

	CLEANUP(state_closep) struct state *again = open_at(path);
	assert_int_equal(state_check_source(again, "spotify", &err), RC_FATAL);
}

static void the_watch_list_is_sorted_and_holds_each_playlist_once(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct err err = { 0 };
	struct state_watches list;
	bool done;

	OK(state_watch_list(st, &arena, &list, &err));
	assert_int_equal(list.count, 0);
	OK(state_watch_add(st, SLICE("b"), &done, &err));
	assert_true(done);
	OK(state_watch_add(st, SLICE("chart-IN"), &done, &err));
	OK(state_watch_add(st, SLICE("B"), &done, &err));
	clock_fake_advance_ms(&clock_at_noon, 5000);
	OK(state_watch_add(st, SLICE("b"), &done, &err));
	assert_false(done);

	OK(state_watch_list(st, &arena, &list, &err));
	assert_int_equal(list.count, 3);
	assert_true(slice_is(list.watch[0].playlist_id, "B"));
	assert_true(slice_is(list.watch[1].playlist_id, "b"));
	assert_true(slice_is(list.watch[2].playlist_id, "chart-IN"));
	assert_int_equal(list.watch[1].added_at, NOW_S);

	OK(state_watch_remove(st, SLICE("b"), &done, &err));
	assert_true(done);
	OK(state_watch_remove(st, SLICE("b"), &done, &err));
	assert_false(done);
	OK(state_watch_list(st, &arena, &list, &err));
	assert_int_equal(list.count, 2);
}

static void a_watch_list_larger_than_the_memory_allowed_is_refused(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	CLEANUP(arena_done) struct arena arena = arena_new(300);
	struct err err = { 0 };
	struct state_watches list;
	bool done;

	OK(state_watch_add(st, SLICE("a"), &done, &err));
	OK(state_watch_add(st, SLICE("b"), &done, &err));
	assert_int_equal(state_watch_list(st, &arena, &list, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "watch list"));
}

static void what_is_no_playlist_id_is_refused(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	struct err err = { 0 };
	static char longest[129];
	bool done;

	memset(longest, 'x', sizeof longest);
	OK(state_watch_add(st, (struct slice){ longest, 128 }, &done, &err));
	const struct slice bad[] = { SLICE(""), SLICE_NULL, SLICE("../raw"), SLICE("a/b"), SLICE("a b"), SLICE("-a"),
		                     SLICE("\xc3\xa9"), { longest, sizeof longest } };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(state_watch_add(st, bad[i], &done, &err), RC_REJECT);
		assert_non_null(strstr(err.msg, "no playlist id"));
		assert_int_equal(state_watch_remove(st, bad[i], &done, &err), RC_REJECT);
	}
}

static const struct state_receipt two[] = {
	{ .message_id = { "m1", 2 }, .run_id = { "r1", 2 }, .playlist_id = { "p", 1 }, .snapshot_at = 7,
	  .kind = { "playlist_page", 13 }, .key = { "raw/k", 5 }, .sha256 = { "ab", 2 }, .bytes = 12 },
	{ .message_id = { "m2", 2 }, .playlist_id = { "p", 1 }, .kind = { "playlist_page", 13 }, .key = { "raw/k", 5 } },
};

static void receipts_are_found_by_key_and_stand_once(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct err err = { 0 };
	struct state_receipts found;

	OK(state_receipts_add(st, NULL, 0, &err));
	OK(state_receipts_add(st, two, 2, &err));
	clock_fake_advance_ms(&clock_at_noon, 60000);
	struct state_receipt again[] = { two[0], two[1] };
	again[0].run_id = SLICE("r2");
	again[1].key = SLICE("raw/other");
	OK(state_receipts_add(st, again, 2, &err));

	OK(state_receipts_by_key(st, SLICE("raw/k"), &arena, &found, &err));
	assert_int_equal(found.count, 2);
	assert_true(slice_is(found.receipt[0].message_id, "m1"));
	assert_true(slice_is(found.receipt[0].run_id, "r1"));
	assert_true(slice_is(found.receipt[0].key, "raw/k"));
	assert_true(slice_is(found.receipt[0].sha256, "ab"));
	assert_int_equal(found.receipt[0].snapshot_at, 7);
	assert_int_equal(found.receipt[0].bytes, 12);
	assert_int_equal(found.receipt[0].received_at, NOW_S);
	assert_true(slice_is(found.receipt[1].message_id, "m2"));
	/* a bus that was made anew counts its ids from the start */
	OK(state_receipts_by_key(st, SLICE("raw/other"), &arena, &found, &err));
	assert_int_equal(found.count, 1);
	OK(state_receipts_by_key(st, SLICE("raw/none"), &arena, &found, &err));
	assert_int_equal(found.count, 0);
}

static void receipts_beyond_the_memory_allowed_are_refused(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	struct err err = { 0 };
	struct state_receipts found;
	OK(state_receipts_add(st, two, 2, &err));
	for (size_t limit = 16; limit < 500; limit += 80) {
		CLEANUP(arena_done) struct arena arena = arena_new(limit);
		assert_int_equal(state_receipts_by_key(st, SLICE("raw/k"), &arena, &found, &err), RC_REJECT);
		assert_int_equal(found.count, 0);
	}
}

static void snapshot_at_never_repeats_and_never_goes_back(void **unused UNUSED)
{
	CLEANUP(state_closep) struct state *st = open_new();
	struct err err = { 0 };
	int64_t at;

	OK(state_snapshot_at_last(st, SLICE("p"), &at, &err));
	assert_int_equal(at, 0);
	OK(state_snapshot_at_next(st, SLICE("p"), 1000, &at, &err));
	assert_int_equal(at, 1000);
	OK(state_snapshot_at_next(st, SLICE("p"), 1000, &at, &err)); /* the same second */
	assert_int_equal(at, 1001);
	OK(state_snapshot_at_next(st, SLICE("p"), 10, &at, &err)); /* the clock jumped back */
	assert_int_equal(at, 1002);
	OK(state_snapshot_at_next(st, SLICE("q"), 10, &at, &err)); /* each playlist for itself */
	assert_int_equal(at, 10);
	OK(state_snapshot_at_seen(st, SLICE("p"), 500, &err));
	OK(state_snapshot_at_last(st, SLICE("p"), &at, &err));
	assert_int_equal(at, 1002);
	OK(state_snapshot_at_seen(st, SLICE("p"), 2000, &err));
	OK(state_snapshot_at_next(st, SLICE("p"), 1999, &at, &err));
	assert_int_equal(at, 2001);
}

/* ---- homes of other versions ---- */

/* A database made by the statements of a file, as an older sargam left it. */
static void make_old_home(const char *path, const char *fixture)
{
	FILE *f = fopen(fixture, "re");
	if (!f)
		fail_msg("%s: run the tests at the top of the checkout", fixture);
	static char sql[1 << 16];
	sql[fread(sql, 1, sizeof sql - 1, f)] = '\0';
	(void) fclose(f);
	CLEANUP(db_closep) struct db *db = NULL;
	struct err err = { 0 };
	OK(db_open(path, NULL, 0, &db, &err));
	OK(db_exec(db, sql, &err));
}

/* Tables and indexes, without white space: how a statement was laid out does not matter. */
static void read_shape(const char *path, char *out, size_t size)
{
	CLEANUP(state_closep) struct state *st = open_at(path);
	CLEANUP(db_donep) struct db_stmt *stmt = NULL;
	struct err err = { 0 };
	bool row;
	OK(db_query(state_db(st), "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)", &stmt, &err));
	OK(db_step(stmt, &row, &err));
	struct slice text = db_column_text(stmt, 0);
	size_t len = 0;
	for (size_t i = 0; i < text.len && len + 1 < size; i++)
		if (!strchr(" \t\n", text.ptr[i]))
			out[len++] = text.ptr[i];
	out[len] = '\0';
}

static void opens_with_all_it_holds(const char *fixture)
{
	char old_path[512], new_path[512];
	struct err err = { 0 };
	make_old_home(home_file(old_path, sizeof old_path), fixture);
	{
		CLEANUP(state_closep) struct state *st = open_at(old_path);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
		struct state_watches watches;
		struct state_receipts receipts;
		int64_t at;
		assert_int_equal(state_check_source(st, "sample", &err), RC_FATAL);
		OK(state_check_source(st, "dir:recorded", &err));
		OK(state_watch_list(st, &arena, &watches, &err));
		assert_int_equal(watches.count, 2);
		assert_true(slice_is(watches.watch[1].playlist_id, "chart-IN"));
		OK(state_receipts_by_key(st, SLICE("raw/playlist_id=chart-IN/k"), &arena, &receipts, &err));
		assert_int_equal(receipts.count, 1);
		assert_true(slice_is(receipts.receipt[0].message_id, "17"));
		OK(state_snapshot_at_next(st, SLICE("chart-IN"), 5, &at, &err));
		assert_int_equal(at, 1600000201);
	}
	/* A new home has the same shape as one that came all the way. */
	static char old_shape[1 << 15], new_shape[1 << 15];
	state_close(open_at(home_file(new_path, sizeof new_path)));
	read_shape(old_path, old_shape, sizeof old_shape);
	read_shape(new_path, new_shape, sizeof new_shape);
	assert_string_equal(old_shape, new_shape);
}

static void a_home_of_an_older_schema_opens_with_all_it_holds(void **unused UNUSED)
{
	opens_with_all_it_holds("tests/fixtures/state-schema-1.sql");
	opens_with_all_it_holds("tests/fixtures/state-schema-2.sql");
}

static void what_an_older_sargam_had_scheduled_stays_so(void **unused UNUSED)
{
	char path[512];
	struct err err = { 0 };
	make_old_home(home_file(path, sizeof path), "tests/fixtures/state-schema-2.sql");
	CLEANUP(state_closep) struct state *st = open_at(path);
	CLEANUP(arena_done) struct arena arena = arena_new(4096);
	CLEANUP(zone_closep) struct zone *zone = NULL;
	CLEANUP(schedule_closep) struct schedule *s =
		schedule_open(&(struct schedule_options){ .state = st, .clock = &clock_at_noon.base });
	struct schedule_job job;
	struct schedule_status status;
	OK(zone_open(SLICE("Asia/Kolkata"), &zone, &err));
	OK(schedule_job_init(&job, "run", "0 9 * * *", zone, SCHEDULE_CATCH_UP, 0, &err));
	OK(schedule_look(s, &job, &arena, &status, &err));
	assert_true(status.known && status.started && status.outcome == SCHEDULE_FAILED);
	assert_int_equal(status.next_due_s, 1600140600);
	assert_int_equal(status.missed, 3);
	assert_true(slice_is(status.error, "extract: as it was"));
}

static void a_run_that_an_older_sargam_left_is_gone_on_with(void **unused UNUSED)
{
	static const struct task_spec chain[] = {
		{ "extract", "", { NULL } }, { "ingest", "", { "extract" } }, { "bronze", "", { "ingest" } }, { "gold", "", { "bronze" } },
	};
	char path[512];
	struct err err = { 0 };
	make_old_home(home_file(path, sizeof path), "tests/fixtures/state-schema-1.sql");
	CLEANUP(state_closep) struct state *st = open_at(path);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct rand_gen rand = rand_new(1);
	struct runlog log;
	static struct plan plan;
	struct takeover taken;
	runlog_init(&log, st, &rand);
	OK(plan_init(&plan, chain, COUNT_OF(chain), NULL, &err));
	OK(runlog_take_over(&log, SLICE("{\"source\":\"sample\"}"), &plan, &arena, &taken, &err));
	assert_true(taken.adopted);
	assert_string_equal(taken.id.s, "20200913T123000Z-0002");
	assert_int_equal(plan.task[1].state, TASK_DONE);
	assert_int_equal(plan.task[1].attempt, 2);
	assert_string_equal(plan_next(&plan, NOW_S * 1000LL).task->spec->name, "bronze");
}

static void a_home_of_a_newer_sargam_is_refused_and_untouched(void **unused UNUSED)
{
	char path[512];
	struct err err = { 0 };
	state_close(open_at(home_file(path, sizeof path)));
	{
		static struct db_migration newer[100]; /* what a later version may have come to */
		CLEANUP(db_closep) struct db *db = NULL;
		for (size_t i = 0; i < COUNT_OF(newer); i++)
			newer[i].sql = "CREATE TABLE IF NOT EXISTS unheard_of (x INTEGER)";
		OK(db_open(path, newer, COUNT_OF(newer), &db, &err));
	}
	for (int i = 0; i < 2; i++) {
		struct state *st = NULL;
		assert_int_equal(state_open(path, &clock_at_noon.base, &st, &err), RC_FATAL);
		assert_null(st);
		assert_non_null(strstr(err.msg, path));
		assert_non_null(strstr(err.msg, "newer sargam"));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(meta_keeps_the_last_value),
	cmocka_unit_test(meta_refuses_what_cannot_be_read_back),
	cmocka_unit_test(a_home_never_mixes_invented_and_real_data),
	cmocka_unit_test(a_home_remembers_its_source_when_it_is_opened_again),
	cmocka_unit_test(the_watch_list_is_sorted_and_holds_each_playlist_once),
	cmocka_unit_test(a_watch_list_larger_than_the_memory_allowed_is_refused),
	cmocka_unit_test(what_is_no_playlist_id_is_refused),
	cmocka_unit_test(receipts_are_found_by_key_and_stand_once),
	cmocka_unit_test(receipts_beyond_the_memory_allowed_are_refused),
	cmocka_unit_test(snapshot_at_never_repeats_and_never_goes_back),
	cmocka_unit_test(a_home_of_an_older_schema_opens_with_all_it_holds),
	cmocka_unit_test(what_an_older_sargam_had_scheduled_stays_so),
	cmocka_unit_test(a_run_that_an_older_sargam_left_is_gone_on_with),
	cmocka_unit_test(a_home_of_a_newer_sargam_is_refused_and_untouched),
};
TEST_SUITE(state, tests);
