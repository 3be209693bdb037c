/* Calls that are done, in state.db: remembered for seven days, across restarts, whatever fails on the way. */
#include "raw/state_call.h"

#include "base/clock.h"
#include "base/fault.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>

#define NOW_MS INT64_C(1795446707000)
#define OK(call)                                        \
	do {                                            \
		if ((call) != RC_OK)                    \
			fail_msg("%s", f.err.msg);      \
	} while (0)

static const char sha_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

struct fixture {
	struct clock_fake clock;
	struct state *state;
	struct arena arena;
	struct err err;
	char path[512];
};

static void reopen(struct fixture *f)
{
	state_close(f->state);
	if (state_open(f->path, &f->clock.base, &f->state, &f->err) != RC_OK)
		fail_msg("%s", f->err.msg);
}

static void fixture_open(struct fixture *f)
{
	*f = (struct fixture){ .arena = arena_new(1 << 20) };
	clock_fake_init(&f->clock, NOW_MS);
	(void) snprintf(f->path, sizeof f->path, "%s/state.db", test_tmpdir());
	reopen(f);
}

static void fixture_done(struct fixture *f)
{
	state_close(f->state);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

static struct state_call get(struct fixture *f, const char *key)
{
	struct state_call call;
	if (state_call_get(f->state, slice_of(key), &f->arena, &call, &f->err) != RC_OK)
		fail_msg("%s", f->err.msg);
	return call;
}

static void an_answer_is_found_again(void **unused UNUSED)
{
	FIXTURE(f);
	assert_false(get(&f, "k").found);
	OK(state_call_put(f.state, SLICE("k"), sha_a, SLICE("{\"state\":\"done\"}"), &f.err));
	reopen(&f);
	struct state_call call = get(&f, "k");
	assert_true(call.found);
	assert_true(slice_is(call.answer, "{\"state\":\"done\"}"));
	assert_true(slice_is(call.request_sha256, sha_a));
	assert_int_equal(call.done_at, NOW_MS / 1000);
	assert_false(get(&f, "k2").found);
}

static void the_first_answer_stands(void **unused UNUSED)
{
	FIXTURE(f);
	OK(state_call_put(f.state, SLICE("k"), sha_a, SLICE("one"), &f.err));
	OK(state_call_put(f.state, SLICE("k"), sha_a, SLICE("two"), &f.err));
	assert_true(slice_is(get(&f, "k").answer, "one"));
}

static void after_seven_days_it_is_forgotten(void **unused UNUSED)
{
	FIXTURE(f);
	OK(state_call_put(f.state, SLICE("old"), sha_a, SLICE("one"), &f.err));
	f.clock.now_ms += (int64_t) STATE_CALL_KEEP_S * 1000 - 1000;
	assert_true(get(&f, "old").found);
	f.clock.now_ms += 1000;
	assert_false(get(&f, "old").found);
	OK(state_call_put(f.state, SLICE("old"), sha_a, SLICE("again"), &f.err)); /* the old one makes room */
	assert_true(slice_is(get(&f, "old").answer, "again"));
	f.clock.now_ms -= 30 * INT64_C(86400000); /* a clock that steps back forgets nothing */
	assert_true(get(&f, "old").found);
}

static void what_is_too_large_is_refused(void **unused UNUSED)
{
	static char big[STATE_CALL_ANSWER_BYTES_MAX + 1];
	FIXTURE(f);
	memset(big, 'x', sizeof big);
	assert_int_equal(state_call_put(f.state, (struct slice){ big, STATE_CALL_KEY_BYTES_MAX + 1 }, sha_a, SLICE("a"), &f.err), RC_REJECT);
	assert_int_equal(state_call_put(f.state, SLICE("k"), sha_a, (struct slice){ big, sizeof big }, &f.err), RC_REJECT);
	OK(state_call_put(f.state, (struct slice){ big, STATE_CALL_KEY_BYTES_MAX }, sha_a, (struct slice){ big, sizeof big - 1 }, &f.err));
	CLEANUP(arena_done) struct arena small = arena_new(1000);
	struct state_call call;
	assert_int_equal(state_call_get(f.state, (struct slice){ big, STATE_CALL_KEY_BYTES_MAX }, &small, &call, &f.err), RC_REJECT);
}

static void every_step_that_fails_heals(void **unused UNUSED)
{
	static const int errnums[] = { EIO, ENOSPC };
	for (size_t e = 0; e < COUNT_OF(errnums); e++) {
		uint64_t nth = 1;
		for (bool fired = true; fired; nth++) {
			FIXTURE(f);
			fault_arm("db.*", nth, errnums[e]);
			enum rc rc = state_call_put(f.state, SLICE("k"), sha_a, SLICE("one"), &f.err);
			fired = fault_fired();
			(void) fault_disarm();
			assert_int_equal(rc, fired ? RC_RETRY : RC_OK);
			assert_true(!fired || strstr(f.err.msg, f.path));
			OK(state_call_put(f.state, SLICE("k"), sha_a, SLICE("one"), &f.err));
			reopen(&f);
			assert_true(slice_is(get(&f, "k").answer, "one"));
		}
		assert_true(nth >= 6);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_answer_is_found_again),
	cmocka_unit_test(the_first_answer_stands),
	cmocka_unit_test(after_seven_days_it_is_forgotten),
	cmocka_unit_test(what_is_too_large_is_refused),
	cmocka_unit_test(every_step_that_fails_heals),
};
TEST_SUITE(state_call, tests)
