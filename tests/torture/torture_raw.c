/* extract and ingest with call 1, 2, 3, … of source, bus and store failing, before and after the call did its work: the error
 * keeps its class, a second try heals, nothing is lost and nothing doubled. */
#include "raw/snapshot.h"
#include "support/line.h"
#include "test.h"

#define SNAPSHOTS 3

static void check_whole(struct line *l)
{
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct raw_snapshots list;
	struct err err = { 0 };
	assert_int_equal(raw_snapshots(l->store, SLICE_NULL, &a, &list, &err), RC_OK);
	assert_int_equal(list.count, SNAPSHOTS);
	for (size_t i = 0; i < list.count; i++)
		assert_true(list.snapshot[i].complete);
	assert_int_equal(line_count(l, "raw/"), SNAPSHOTS * 4); /* 2 pages, playlist, manifest: none twice */
	assert_int_equal(line_count(l, "quarantine/"), 0);
	struct bus_stats stats;
	assert_int_equal(bus_stats(l->bus, SUBSCRIPTION, &stats, &err), RC_OK);
	assert_int_equal(stats.waiting + stats.leased, 0);
}

enum victim { SOURCE, BUS, STORE, VICTIMS };

static bool fired(const struct line *l, enum victim victim)
{
	return victim == SOURCE ? source_fault_fired(l->source) : victim == BUS ? bus_fault_fired(l->bus)
	                                                                        : store_fault_fired(l->store);
}

/* Number of fault points gone through. */
static int rounds(enum victim victim, bool after, enum rc rc)
{
	for (int fail_at = 1;; fail_at++) {
		struct line l;
		struct extract_result er;
		struct ingest_result ir;
		struct err err = { 0 };
		line_open(&l);
		for (int64_t i = 0; i < SNAPSHOTS; i++)
			line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT + i * 86400, 2);
		if (victim == SOURCE)
			l.source = source_fault_open(l.source, fail_at, rc);
		else if (victim == BUS)
			l.bus = bus_fault_open(l.bus, fail_at, after, rc);
		else
			l.store = store_fault_open(l.store, fail_at, after, rc);
		enum rc got = line_extract(&l, &er, &err);
		if (got == RC_OK)
			got = line_ingest(&l, &ir, &err);
		bool hit = fired(&l, victim);
		if (hit && got != RC_OK) {
			assert_int_equal(got, rc);
			if (err.msg[0] == '\0')
				fail_msg("fault %d of victim %d leaves no message", fail_at, (int) victim);
		}
		if (!hit) {
			assert_int_equal(got, RC_OK);
			line_close(&l);
			return fail_at - 1;
		}
		/* the next run: what failed is done, what was done stays done */
		err = (struct err){ 0 };
		if (line_extract(&l, &er, &err) != RC_OK || line_ingest(&l, &ir, &err) != RC_OK)
			fail_msg("the second try fails after fault %d: %s", fail_at, err.msg);
		check_whole(&l);
		line_close(&l);
	}
}

static void every_call_may_fail_once(void **state)
{
	(void) state;
	static const char *const name[VICTIMS] = { "source", "bus", "store" };
	static const enum rc classes[] = { RC_RETRY, RC_FATAL };
	for (enum victim v = 0; v < VICTIMS; v++)
		for (int after = 0; after < (v == SOURCE ? 1 : 2); after++)
			for (size_t c = 0; c < COUNT_OF(classes); c++) {
				int n = rounds(v, after, classes[c]);
				print_message("# %s %s, %s: %d fault points\n", name[v], after ? "after" : "before", rc_name(classes[c]), n);
				assert_true(n >= 4);
			}
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_may_fail_once) };
TEST_SUITE(torture_raw, tests);
