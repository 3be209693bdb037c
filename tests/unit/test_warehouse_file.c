/* The DuckDB warehouse's file: one that is damaged, foreign, newer or older is said so, and what dead runs leave is harmless. */
#include "base/buf.h"
#include "golden/history.h"
#include "io/file.h"
#include "test.h"
#include "warehouse/warehouse_duckdb.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct room {
	struct history_home home;
	struct warehouse *w;
	struct arena arena;
	struct err err;
	int rows;
};

static void room_open(struct room *r)
{
	*r = (struct room){ .arena = arena_new((size_t) 64 << 20) };
	history_open_sample(&r->home);
	const struct warehouse_duckdb_options options = {
		.path = r->home.warehouse_path, .temp_dir = r->home.scratch, .threads = 2, .memory_limit_mb = 128,
		.bronze_dir = r->home.bronze_dir,
	};
	assert_int_equal(warehouse_duckdb_open(&options, &r->w, NULL), RC_OK);
}

static void room_close(struct room *r)
{
	warehouse_closep(&r->w);
	history_close(&r->home);
	arena_done(&r->arena);
}

static enum rc on_columns(void *ctx, const struct slice *name, const enum column_type *type, size_t count, struct err *err)
{
	(void) ctx, (void) name, (void) type, (void) count, (void) err;
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	(void) cell, (void) count, (void) err;
	((struct room *) ctx)->rows++;
	return RC_OK;
}

static enum rc query(struct room *r, const char *sql)
{
	const struct warehouse_sink sink = { .ctx = r, .columns = on_columns, .row = on_row };
	r->rows = 0;
	r->err.msg[0] = '\0';
	return warehouse_query(r->w, sql, &sink, &r->err);
}

static enum rc stage(struct room *r, bool rebuild)
{
	struct warehouse_stage s = history_stage(&r->home, &r->arena);
	struct warehouse_staged staged;
	s.rebuild = rebuild;
	return warehouse_stage(r->w, &s, &staged, &r->err);
}

static void must(struct room *r, enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), r->err.msg);
}

static void rebuild(struct room *r)
{
	bool changed;
	const struct warehouse_audit audit = history_audit(&r->home, &r->arena);
	must(r, stage(r, true));
	must(r, warehouse_audit(r->w, &audit, &r->err));
	must(r, warehouse_publish(r->w, &changed, &r->err));
	must(r, query(r, "SELECT * FROM TRACK_INFO"));
	assert_int_equal(r->rows, 10);
}

static void overwrite(const char *path, off_t at, size_t count)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pwrite(fd, "\xa5", 1, at + (off_t) i), 1);
	assert_int_equal(close(fd), 0);
}

static void make_other(struct room *r, const char *sql)
{
	CLEANUP(duck_closep) struct duck *duck = NULL;
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	const struct duck_options options = { .path = r->home.warehouse_path };
	must(r, duck_open(&options, &duck, &r->err));
	must(r, duck_connect(duck, &conn, &r->err));
	must(r, duck_exec(conn, sql, NULL, &r->err));
	must(r, duck_exec(conn, "CHECKPOINT", NULL, &r->err));
}

static void expect_fatal(struct room *r, const char *says)
{
	if (query(r, "SELECT * FROM CHART_HISTORY") != RC_FATAL || !strstr(r->err.msg, says) || !strstr(r->err.msg, "warehouse.duckdb"))
		fail_msg("query: '%s' does not say '%s'", r->err.msg, says);
	if (stage(r, false) != RC_FATAL || !strstr(r->err.msg, says))
		fail_msg("stage: '%s' does not say '%s'", r->err.msg, says);
	print_message("# %s\n", r->err.msg);
}

static void a_damaged_file_names_the_rebuild(void **state)
{
	(void) state;
	static const char junk[] = "this is not a database, and it is longer than a header would be, or so one would think";
	for (int damage = 0; damage < 5; damage++) {
		struct room r;
		room_open(&r);
		const char *path = r.home.warehouse_path;
		struct file_info info;
		must(&r, file_stat(path, &info, &r.err));
		switch (damage) {
		case 0:
			must(&r, file_replace(path, (struct slice){ junk, sizeof junk - 1 }, &r.err));
			break;
		case 1:
			assert_int_equal(truncate(path, info.bytes / 2), 0);
			break;
		case 2:
			assert_int_equal(truncate(path, 5000), 0);
			break;
		case 3: /* the headers */
			overwrite(path, 0, 12288);
			break;
		case 4: /* the blocks: their checksums tell */
			for (off_t at = 12288; at + 100 < info.bytes; at += 50000)
				overwrite(path, at, 100);
			break;
		}
		print_message("# damage %d\n", damage);
		expect_fatal(&r, "sargam rebuild");
		if (damage == 4)
			rebuild(&r);
		room_close(&r);
	}
}

static void a_foreign_file_is_left_alone(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	must(&r, file_remove(r.home.warehouse_path, &r.err));
	make_other(&r, "CREATE TABLE mine (x BIGINT)");
	expect_fatal(&r, "no warehouse of sargam");
	assert_non_null(strstr(r.err.msg, "--warehouse"));
	room_close(&r);
}

static void a_newer_format_is_not_touched(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	make_other(&r, "UPDATE SARGAM_META.VERSION SET format = 99");
	expect_fatal(&r, "newer sargam");
	room_close(&r);
}

static void an_older_format_is_read_and_made_anew(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	make_other(&r, "UPDATE SARGAM_META.VERSION SET format = 0; DROP TABLE SARGAM_META.LOADED");
	must(&r, query(&r, "SELECT * FROM TRACK_INFO"));
	struct warehouse_stage s = history_stage(&r.home, &r.arena);
	struct warehouse_staged staged;
	must(&r, warehouse_stage(r.w, &s, &staged, &r.err));
	assert_true(staged.changed);
	assert_int_equal(staged.files, s.count);
	room_close(&r);
}

static void leave(struct room *r, const char *suffix)
{
	CLEANUP(buf_done) struct buf path = buf_new(1000);
	buf_addf(&path, "%s%s", r->home.warehouse_path, suffix);
	must(r, file_replace(buf_str(&path), SLICE("left by a dead run"), &r->err));
}

static void left_overs_are_removed_first(void **state)
{
	(void) state;
	static const char *const suffix[] = { ".staging", ".staging.wal", ".next", ".next.wal", ".audited", ".audited.wal" };
	struct room r;
	room_open(&r);
	for (size_t i = 0; i < COUNT_OF(suffix); i++)
		leave(&r, suffix[i]);
	must(&r, stage(&r, false)); /* nothing has changed, so nothing is there now */
	bool changed = true;
	must(&r, warehouse_publish(r.w, &changed, &r.err));
	assert_false(changed);
	for (size_t i = 0; i < COUNT_OF(suffix); i++)
		leave(&r, suffix[i]);
	rebuild(&r);
	struct file_names names;
	must(&r, file_list(r.home.store_dir, &r.arena, &names, &r.err));
	for (size_t i = 0; i < names.count; i++)
		if (strncmp(names.name[i], "warehouse", 9) == 0)
			assert_string_equal(names.name[i], "warehouse.duckdb");
	room_close(&r);
}

/* Somebody worked on the published file with a session of his own that died. */
static void leave_real_log(struct room *r)
{
	CLEANUP(duck_closep) struct duck *duck = NULL;
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	const struct duck_options options = { .path = r->home.warehouse_path };
	must(r, duck_open(&options, &duck, &r->err));
	must(r, duck_connect(duck, &conn, &r->err));
	must(r, duck_exec(conn, "PRAGMA disable_checkpoint_on_shutdown; DELETE FROM SPOTIFY_ANALYTICS.TRACK_INFO", NULL, &r->err));
}

static void a_log_beside_the_old_file_is_not_replayed(void **state)
{
	(void) state;
	struct room r;
	struct file_info info;
	room_open(&r);
	const struct warehouse_audit audit = history_audit(&r.home, &r.arena);
	CLEANUP(buf_done) struct buf wal = buf_new(1000);
	buf_addf(&wal, "%s.wal", r.home.warehouse_path);
	must(&r, stage(&r, true));
	must(&r, warehouse_audit(r.w, &audit, &r.err));
	leave_real_log(&r);
	must(&r, file_stat(buf_str(&wal), &info, &r.err));
	assert_true(info.exists);
	bool changed = false;
	must(&r, warehouse_publish(r.w, &changed, &r.err));
	assert_true(changed);
	must(&r, file_stat(buf_str(&wal), &info, &r.err));
	assert_false(info.exists);
	must(&r, query(&r, "SELECT * FROM TRACK_INFO"));
	assert_int_equal(r.rows, 10);
	room_close(&r);
}

static void the_file_does_not_grow_with_each_load(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	int64_t most = 0;
	for (int round = 0; round < 7; round++) {
		static const char *const items[] = { "a b c", "c b a", "d", "e f g h i" };
		const struct history_snapshot day = { "p2", "2021-05-01T08:00:00Z", items[round % 4] };
		history_put(&r.home, &day, 1);
		(void) history_gold(&r.home);
		must(&r, stage(&r, false));
		CLEANUP(buf_done) struct buf next = buf_new(1000);
		buf_addf(&next, "%s.next", r.home.warehouse_path);
		struct file_info info;
		must(&r, file_stat(buf_str(&next), &info, &r.err));
		if (round == 3)
			most = info.bytes;
		if (round > 3)
			assert_true(info.bytes <= 2 * most);
		must(&r, file_move(buf_str(&next), r.home.warehouse_path, false, &r.err)); /* as published, without the audit */
	}
	room_close(&r);
}

static void a_query_spills_within_its_limit(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	/* 480 MB to sort with 128 MiB */
	must(&r, query(&r, "SELECT MAX(s), COUNT(*) FROM (SELECT i, repeat(CAST(hash(i) AS VARCHAR), 12) AS s FROM range(2000000) AS t(i) "
	                   "ORDER BY s DESC OFFSET 5) AS q"));
	assert_int_equal(r.rows, 1);
	room_close(&r);
}

static void a_folder_with_odd_letters_works(void **state)
{
	(void) state;
	struct room r;
	room_open(&r);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	const char *odd = arena_printf(&arena, "%s/it's [odd] *?", r.home.dir).ptr;
	assert_int_equal(rename(r.home.store_dir, odd), 0);
	warehouse_closep(&r.w);
	const struct warehouse_duckdb_options options = {
		.path = arena_printf(&arena, "%s/warehouse.duckdb", odd).ptr,
		.bronze_dir = arena_printf(&arena, "%s/bronze", odd).ptr,
	};
	assert_int_equal(warehouse_duckdb_open(&options, &r.w, NULL), RC_OK);
	must(&r, query(&r, "SELECT * FROM BRONZE_SNAPSHOT"));
	assert_int_equal(r.rows, 11);
	must(&r, query(&r, "SELECT * FROM TRACK_INFO"));
	assert_int_equal(r.rows, 10);
	room_close(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_damaged_file_names_the_rebuild),
	cmocka_unit_test(a_foreign_file_is_left_alone),
	cmocka_unit_test(a_newer_format_is_not_touched),
	cmocka_unit_test(an_older_format_is_read_and_made_anew),
	cmocka_unit_test(left_overs_are_removed_first),
	cmocka_unit_test(a_log_beside_the_old_file_is_not_replayed),
	cmocka_unit_test(the_file_does_not_grow_with_each_load),
	cmocka_unit_test(a_query_spills_within_its_limit),
	cmocka_unit_test(a_folder_with_odd_letters_works),
};
TEST_SUITE(warehouse_file, tests);
