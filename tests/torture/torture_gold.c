/* gold_build with DuckDB, the store and files failing at call 1, 2, 3 …: the class is right, the message names the object, and a
 * second try gives what an undisturbed build gives. */
#include "base/buf.h"
#include "base/fault.h"
#include "golden/history.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* A build's calls are eleven times the same few: two primes meet each of them. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7 /* the sanitizers make DuckDB's many allocations slow */
#else
#define STRIDE 3
#endif

static const struct history_snapshot history[] = { { "p1", "2021-03-01T08:00:00Z", "a b c" }, { "p1", "2021-03-02T08:00:00Z", "c z - a" } };

static enum rc build(struct history_home *home, struct store *gold, struct err *err)
{
	struct gold_result r;
	const struct gold_options options = {
		.bronze = home->store, .gold = gold, .duck = home->duck, .scratch_dir = home->scratch, .threads = 1,
	};
	return gold_build(&options, &r, err);
}

/* Keys and inputs of all gold files; whole files only. */
static const char *state_of(struct history_home *home, struct arena *arena)
{
	struct gold_file_list files;
	struct err err = { 0 };
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	if (gold_files(home->store, home->conn, arena, &files, &err) != RC_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < files.count; i++)
		buf_addf(&text, "%.*s %.*s\n", SLICE_FMT(files.file[i].key), SLICE_FMT(files.file[i].inputs));
	return arena_strdup(arena, buf_slice(&text));
}

static void must(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->msg);
}

/* Torn files are made again, over what is there. */
static void tear_all(struct history_home *home)
{
	struct gold_file_list files;
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	must(gold_files(home->store, home->conn, &arena, &files, &err), &err);
	assert_int_equal(files.count, 11);
	for (size_t i = 0; i < files.count; i++)
		assert_int_equal(truncate(files.file[i].path.ptr, 100), 0);
}

static void check_failed(enum rc rc, const struct err *err)
{
	if (rc != RC_RETRY || (!strstr(err->msg, "gold") && !strstr(err->msg, "bronze") && !strstr(err->msg, "duck.")))
		fail_msg("%s: '%s'", rc_name(rc), err->msg);
}

static void every_fault_below_heals(void **state)
{
	(void) state;
	static const char *const points[] = { "duck.*", "file.*" };
	struct history_home home;
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	history_open(&home);
	history_put(&home, history, COUNT_OF(history));
	must(build(&home, home.store, &err), &err);
	const char *want = state_of(&home, &arena);
	for (size_t p = 0; p < COUNT_OF(points); p++) {
		int fired = 0;
		for (uint64_t nth = 1;; nth += STRIDE, fired++) {
			tear_all(&home);
			fault_arm(points[p], nth, EIO);
			enum rc rc = build(&home, home.store, &err);
			bool hit = fault_fired();
			(void) fault_disarm();
			if (hit && rc != RC_OK)
				check_failed(rc, &err);
			else
				must(rc, &err);
			must(build(&home, home.store, &err), &err);
			assert_string_equal(state_of(&home, &arena), want);
			if (!hit)
				break;
		}
		print_message("# %s fired %d times\n", points[p], fired);
		assert_true(fired * STRIDE >= 11);
	}
	history_close(&home);
}

static void every_lost_call_of_the_store_heals(void **state)
{
	(void) state;
	struct history_home home;
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	history_open(&home);
	history_put(&home, history, COUNT_OF(history));
	must(build(&home, home.store, &err), &err);
	const char *want = state_of(&home, &arena);
	for (int lost = 0; lost < 2; lost++) {
		int fired = 0;
		for (int fail_at = 1;; fail_at += STRIDE, fired++) {
			tear_all(&home);
			struct store *inner = NULL;
			must(store_folder_open(home.store_dir, &inner, &err), &err);
			CLEANUP(store_closep) struct store *faulty = store_fault_open(inner, fail_at, lost, RC_RETRY);
			enum rc rc = build(&home, faulty, &err);
			bool hit = store_fault_fired(faulty);
			hit ? check_failed(rc, &err) : must(rc, &err);
			must(build(&home, home.store, &err), &err);
			assert_string_equal(state_of(&home, &arena), want);
			if (!hit)
				break;
		}
		print_message("# store fired %d times\n", fired);
		assert_true(fired * STRIDE >= 20);
	}
	history_close(&home);
}

static void what_does_not_fit_is_made_alone(void **state)
{
	(void) state;
	struct history_home home;
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	history_open(&home);
	history_put(&home, history, COUNT_OF(history));
	must(build(&home, home.store, &err), &err);
	const char *want = state_of(&home, &arena);
	for (uint64_t nth = 2; nth <= 24; nth += 4) { /* the first is the connection's */
		tear_all(&home);
		fault_arm("duck.exec", nth, ENOMEM);
		must(build(&home, home.store, &err), &err);
		assert_true(fault_fired());
		(void) fault_disarm();
		assert_string_equal(state_of(&home, &arena), want);
		int64_t threads = 0;
		must(duck_query_int(home.conn, "SELECT CAST(current_setting('threads') AS BIGINT)", &threads, &err), &err);
		assert_int_equal(threads, 2);
	}
	history_close(&home);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_fault_below_heals),
	cmocka_unit_test(every_lost_call_of_the_store_heals),
	cmocka_unit_test(what_does_not_fit_is_made_alone),
};
TEST_SUITE(gold_torture, tests);
