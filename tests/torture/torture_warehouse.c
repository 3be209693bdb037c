/* Fail call 1, then 2, then 3 … until none fires, at the port and at every fault point of DuckDB and of files below it: the
 * class is right, the message names the object, what is published is the old version or the new one whole, a second
 * try heals. */
#include "base/buf.h"
#include "base/fault.h"
#include "golden/history.h"
#include "io/file.h"
#include "test.h"
#include "warehouse/warehouse_duckdb.h"

#include <errno.h>
#include <stdio.h>

/* An audit is one query like the other: only some of them are failed (fewer where the sanitizers make DuckDB slow). */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7
#else
#define STRIDE 3
#endif

struct room {
	struct history_home home;
	struct warehouse *w;
	struct arena arena;
	struct warehouse_stage stage;
	struct warehouse_audit audit;
	int64_t chart_rows;
};

static struct warehouse *open_warehouse(const struct history_home *home)
{
	const struct warehouse_duckdb_options options = {
		.path = home->warehouse_path, .temp_dir = home->scratch, .threads = 1, .memory_limit_mb = 128,
		.bronze_dir = home->bronze_dir,
	};
	struct warehouse *w = NULL;
	assert_int_equal(warehouse_duckdb_open(&options, &w, NULL), RC_OK);
	return w;
}

/* The sample is published; gold has one playlist more, ready to be loaded. */
static void room_open(struct room *r)
{
	static const struct history_snapshot more[] = { { "p3", "2021-03-05T08:00:00Z", "a b c" } };
	*r = (struct room){ .arena = arena_new((size_t) 64 << 20) };
	history_open_sample(&r->home);
	history_put(&r->home, more, 1);
	(void) history_gold(&r->home);
	r->w = open_warehouse(&r->home);
	r->stage = history_stage(&r->home, &r->arena);
	r->audit = history_audit(&r->home, &r->arena);
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

static enum rc on_count(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	(void) count, (void) err;
	return slice_to_int(cell[0].text, &((struct room *) ctx)->chart_rows) ? RC_OK : RC_FATAL;
}

static enum rc count_rows(struct room *r, struct err *err)
{
	const struct warehouse_sink sink = { .ctx = r, .columns = on_columns, .row = on_count };
	r->chart_rows = -1;
	return warehouse_query(r->w, "SELECT COUNT(*) FROM CHART_HISTORY", &sink, err);
}

static void published_is(struct room *r, int64_t rows, int64_t or_rows)
{
	struct err err = { 0 };
	struct warehouse *plain = open_warehouse(&r->home), *w = r->w;
	r->w = plain;
	if (count_rows(r, &err) != RC_OK)
		fail_msg("the published version cannot be read: %s", err.msg);
	r->w = w;
	warehouse_close(plain);
	assert_true(r->chart_rows == rows || r->chart_rows == or_rows);
}

#define OLD 59
#define NEW 62

enum { STEP_STAGE = 1, STEP_AUDIT = 2, STEP_PUBLISH = 4, STEP_QUERY = 8 };

/* As the stages of a run call it; `staged` says to publish what stands as audited, without asking. */
static enum rc run_steps(struct room *r, int steps, struct err *err)
{
	struct warehouse_staged staged;
	bool changed;
	if (steps & STEP_STAGE) {
		TRY(warehouse_schema(r->w, err));
		TRY(warehouse_stage(r->w, &r->stage, &staged, err));
	}
	if (steps & STEP_AUDIT)
		TRY(warehouse_audit(r->w, &r->audit, err));
	if (steps & STEP_PUBLISH)
		TRY(warehouse_publish(r->w, &changed, err));
	if (steps & STEP_QUERY)
		TRY(count_rows(r, err));
	return RC_OK;
}

static char *named(const struct room *r, const char *suffix)
{
	static char path[2][400];
	static int turn;
	char *p = path[turn++ % 2];
	(void) snprintf(p, sizeof path[0], "%s%s", r->home.warehouse_path, suffix);
	return p;
}

/* Fails the nth passage of `points` during `steps`, n = 1, 1 + stride …; how many fired. */
static int fail_each(struct room *r, const char *points, int errnum, int steps, uint64_t stride)
{
	struct err err;
	int fired = 0;
	for (uint64_t nth = 1;; nth += stride, fired++) {
		err = (struct err){ 0 };
		fault_arm(points, nth, errnum);
		enum rc rc = run_steps(r, steps, &err);
		bool hit = fault_fired();
		(void) fault_disarm();
		if (!hit) {
			if (rc != RC_OK)
				fail_msg("no fault, but %s: %s", rc_name(rc), err.msg);
			return fired;
		}
		if (rc == RC_OK) /* a step whose failure harms nothing: sharing blocks, removing a left-over at the end */
			continue;
		if (rc != RC_RETRY || (!strstr(err.msg, ".duckdb") && !strstr(err.msg, "duck.") && !strstr(err.msg, r->home.dir)))
			fail_msg("%s %d of steps %d: %s: '%s'", points, (int) nth, steps, rc_name(rc), err.msg);
		published_is(r, OLD, NEW);
	}
}

static void every_fault_of_duckdb_heals(void **state)
{
	(void) state;
	struct room r;
	struct err err = { 0 };
	room_open(&r);
	int stage = fail_each(&r, "duck.*", EIO, STEP_STAGE, 1);
	published_is(&r, OLD, OLD);
	int audit = fail_each(&r, "duck.*", EIO, STEP_AUDIT, STRIDE);
	published_is(&r, OLD, OLD);
	int publish = fail_each(&r, "duck.*", EIO, STEP_PUBLISH, 1);
	published_is(&r, NEW, NEW);
	int query = fail_each(&r, "duck.*", EIO, STEP_QUERY, 1);
	print_message("# fired: stage %d, audit %d, publish %d, query %d\n", stage, audit, publish, query);
	assert_true(stage >= 30 && audit * STRIDE >= 50 && publish == 0 && query >= 6);
	assert_int_equal(run_steps(&r, STEP_STAGE | STEP_PUBLISH | STEP_QUERY, &err), RC_OK);
	assert_int_equal(r.chart_rows, NEW);
	room_close(&r);
}

static void every_fault_of_files_heals(void **state)
{
	(void) state;
	static const int errnums[] = { EIO, ENOSPC };
	for (size_t i = 0; i < COUNT_OF(errnums); i++) {
		struct room r;
		struct err err = { 0 };
		room_open(&r);
		int stage = fail_each(&r, "file.*", errnums[i], STEP_STAGE, 1);
		assert_int_equal(run_steps(&r, STEP_STAGE, &err), RC_OK);
		/* the audit is one rename; the rest of it is DuckDB's */
		assert_int_equal(run_steps(&r, STEP_AUDIT, &err), RC_OK);
		published_is(&r, OLD, OLD);
		int publish = 0;
		for (uint64_t nth = 1;; nth++, publish++) {
			fault_arm("file.*", nth, errnums[i]);
			enum rc rc = run_steps(&r, STEP_PUBLISH, &err);
			bool hit = fault_fired();
			(void) fault_disarm();
			if (!hit) {
				assert_int_equal(rc, RC_OK);
				break;
			}
			published_is(&r, OLD, NEW);
			struct file_info info;
			assert_int_equal(file_stat(named(&r, ".audited"), &info, NULL), RC_OK);
			if (!info.exists) { /* renamed, then the fsync failed: stage the same again */
				assert_int_equal(file_copy(r.home.warehouse_path, named(&r, ".audited"), NULL), RC_OK);
			}
		}
		published_is(&r, NEW, NEW);
		print_message("# fired: stage %d, publish %d\n", stage, publish);
		assert_true(stage >= 1 && publish >= 3);
		room_close(&r);
	}
}

static void every_lost_call_of_the_port_heals(void **state)
{
	(void) state;
	struct room r;
	struct err err = { 0 };
	room_open(&r);
	r.stage.rebuild = true; /* each round has something to do */
	for (int after = 0; after < 2; after++) {
		int fired = 0;
		for (int fail_at = 1;; fail_at++, fired++) {
			warehouse_close(r.w);
			r.w = warehouse_fault_open(open_warehouse(&r.home), fail_at, after, RC_RETRY);
			enum rc rc = run_steps(&r, STEP_STAGE | STEP_AUDIT | STEP_PUBLISH | STEP_QUERY, &err);
			if (!warehouse_fault_fired(r.w)) {
				assert_int_equal(rc, RC_OK);
				break;
			}
			assert_int_equal(rc, RC_RETRY);
			assert_non_null(strstr(err.msg, "of the warehouse"));
			published_is(&r, fired ? NEW : OLD, NEW);
			assert_int_equal(run_steps(&r, STEP_STAGE | STEP_AUDIT | STEP_PUBLISH | STEP_QUERY, &err), RC_OK);
			assert_int_equal(r.chart_rows, NEW);
		}
		assert_int_equal(fired, 5);
	}
	room_close(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_fault_of_duckdb_heals),
	cmocka_unit_test(every_fault_of_files_heals),
	cmocka_unit_test(every_lost_call_of_the_port_heals),
};
TEST_SUITE(warehouse_torture, tests);
