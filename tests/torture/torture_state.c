/* state.db when its database fails: every step of every operation fails once, with a full disk and with a broken one.
 * The class and the message must be right, what was half done must be undone, and a second try must heal. */
#include "base/clock.h"
#include "base/fault.h"
#include "raw/state.h"
#include "test.h"

#include <errno.h>

static struct clock_fake clock_of_test;

static const struct state_receipt receipts[] = {
	{ .message_id = { "m1", 2 }, .key = { "raw/k", 5 }, .sha256 = { "ab", 2 }, .bytes = 12 },
	{ .message_id = { "m2", 2 }, .key = { "raw/k", 5 } },
	{ .message_id = { "m3", 2 }, .key = { "raw/k", 5 } },
};

static enum rc add_receipts(struct state *st, struct err *err)
{
	return state_receipts_add(st, receipts, COUNT_OF(receipts), err);
}
static enum rc check_source(struct state *st, struct err *err)
{
	return state_check_source(st, "sample:1", err);
}
static enum rc add_watch(struct state *st, struct err *err)
{
	bool added;
	return state_watch_add(st, SLICE("chart-IN"), &added, err);
}
static enum rc remove_watch(struct state *st, struct err *err)
{
	bool removed;
	return state_watch_remove(st, SLICE("kept"), &removed, err);
}
static enum rc next_snapshot(struct state *st, struct err *err)
{
	int64_t at = 0;
	TRY(state_snapshot_at_next(st, SLICE("p"), 1000, &at, err));
	return at >= 1000 && at <= 1002 ? RC_OK : RC_FATAL; /* a lost reply costs a second, nothing else */
}
static enum rc set_meta(struct state *st, struct err *err)
{
	return state_meta_set(st, "k", SLICE("v"), err);
}
static enum rc read_all(struct state *st, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct state_watches watches;
	struct state_receipts found;
	struct slice value;
	int64_t at;
	TRY(state_meta_get(st, "k", &arena, &value, err));
	TRY(state_watch_list(st, &arena, &watches, err));
	TRY(state_receipts_by_key(st, SLICE("raw/k"), &arena, &found, err));
	TRY(state_snapshot_at_last(st, SLICE("p"), &at, err));
	assert_true(found.count == 0 || found.count == COUNT_OF(receipts)); /* all or none */
	assert_true(watches.count >= 1);
	return RC_OK;
}

static struct state *open_home(const char *path)
{
	struct state *st = NULL;
	struct err err = { 0 };
	if (state_open(path, &clock_of_test.base, &st, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return st;
}

/* Fails the operation at its first, second, … step until none is left; gives the number of steps. */
static int torture(enum rc (*op)(struct state *st, struct err *err), int errnum)
{
	clock_fake_init(&clock_of_test, 1795446707000);
	for (int nth = 1;; nth++) {
		char path[512];
		bool added;
		struct err err = { 0 };
		(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
		CLEANUP(state_closep) struct state *st = open_home(path);
		if (state_watch_add(st, SLICE("kept"), &added, &err) != RC_OK)
			fail_msg("%s", err.msg);
		fault_arm("db.*", (uint64_t) nth, errnum);
		enum rc rc = op(st, &err);
		bool fired = fault_fired();
		(void) fault_disarm();
		if (!fired) {
			assert_int_equal(rc, RC_OK);
			return nth - 1;
		}
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(err.msg, path));
		assert_true(errnum != ENOSPC || strstr(err.msg, "free some space"));
		if (op != remove_watch && read_all(st, &err) != RC_OK)
			fail_msg("%s", err.msg);
		if (op(st, &err) != RC_OK)
			fail_msg("the second try: %s", err.msg);

		/* and what is in the file is what the handle shows */
		state_close(TAKE(st));
		st = open_home(path);
		if (op(st, &err) != RC_OK)
			fail_msg("after opening it again: %s", err.msg);
	}
}

static void every_operation_heals(void **unused UNUSED)
{
	static const struct {
		enum rc (*op)(struct state *st, struct err *err);
		int steps_min;
	} ops[] = {
		{ add_receipts, 6 }, { check_source, 5 }, { add_watch, 3 }, { remove_watch, 3 },
		{ next_snapshot, 5 }, { set_meta, 3 }, { read_all, 4 },
	};
	for (size_t i = 0; i < COUNT_OF(ops); i++) {
		assert_true(torture(ops[i].op, EIO) >= ops[i].steps_min);
		assert_true(torture(ops[i].op, ENOSPC) >= ops[i].steps_min);
	}
}

static void a_home_that_fails_to_open_opens_the_next_time(void **unused UNUSED)
{
	clock_fake_init(&clock_of_test, 1795446707000);
	int rounds = 0;
	for (;; rounds++) {
		char path[512];
		struct state *st = NULL;
		struct err err = { 0 };
		(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
		fault_arm("db.*", (uint64_t) rounds + 1, EIO);
		enum rc rc = state_open(path, &clock_of_test.base, &st, &err);
		bool fired = fault_fired();
		(void) fault_disarm();
		state_close(st);
		if (!fired)
			break;
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(err.msg, path));
		st = open_home(path);
		if (add_receipts(st, &err) != RC_OK)
			fail_msg("%s", err.msg);
		state_close(st);
	}
	assert_true(rounds >= 4);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_operation_heals),
	cmocka_unit_test(a_home_that_fails_to_open_opens_the_next_time),
};
TEST_SUITE(torture_state, tests);
