/* The completion protocol: any order, twice, mixed, incomplete; conflicts and unusable things. */
#include "raw/key.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"
#include "support/line.h"
#include "test.h"

#include "base/rand.h"

static bool is_complete(struct line *l, const char *playlist_id, int64_t at)
{
	struct raw_snapshot s;
	struct err err = { 0 };
	return raw_snapshot_look(l->store, slice_of(playlist_id), at, &s, &err) == RC_OK && s.complete;
}

static void extracted_snapshots_become_complete_and_are_not_asked_for_again(void **state)
{
	(void) state;
	struct line l;
	struct extract_result er;
	struct ingest_result ir;
	struct err err = { 0 };
	line_open(&l);
	for (int64_t i = 0; i < 5; i++)
		line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT + i * 86400, 3);
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	assert_int_equal(er.snapshots, 5);
	assert_int_equal(er.pages, 15);
	assert_int_equal(line_ingest(&l, &ir, &err), RC_OK);
	assert_int_equal(ir.received, 25); /* 3 pages, the playlist, the manifest */
	assert_int_equal(ir.objects, 25);
	assert_int_equal(ir.completed, 5);
	assert_true(is_complete(&l, LINE_PLAYLIST, LINE_AT));
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	assert_int_equal(er.snapshots, 0);
	assert_int_equal(er.known, 5);
	assert_int_equal(line_ingest(&l, &ir, &err), RC_OK);
	assert_int_equal(ir.received, 0);
	line_close(&l);
}

/* Takes everything off the subscription and gives it to ingest_message in a shuffled order, some of it twice. */
static void messages_may_come_in_any_order_and_twice(void **state)
{
	(void) state;
	struct rand_gen g = rand_new(test_seed());
	for (int round = 0; round < 40; round++) {
		CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
		struct line l;
		struct extract_result er;
		struct ingest_result ir = { 0 };
		struct err err = { 0 };
		struct bus_delivery *d;
		size_t count;
		line_open(&l);
		line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT, 1 + (int64_t) rand_below(&g, 5));
		line_add_snapshot(&l, "other", LINE_AT, 2);
		assert_int_equal(line_extract(&l, &er, &err), RC_OK);
		assert_int_equal(bus_pull(l.bus, SUBSCRIPTION, 1000, 1 << 24, &a, &d, &count, &err), RC_OK);
		for (size_t i = count - 1; i > 0; i--) {
			size_t k = rand_below(&g, i + 1);
			struct bus_delivery swap = d[i];
			d[i] = d[k];
			d[k] = swap;
		}
		const struct ingest_options o = { .bus = l.bus, .store = l.store, .clock = &l.clock.base, .run_id = "t",
			                          .page_limit_bytes = 1 << 20 };
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(ir.completed < 2, true);
			for (uint64_t times = 1 + rand_below(&g, 2); times > 0; times--)
				assert_int_equal(ingest_message(&o, &d[i].message, &ir, &err), RC_OK);
		}
		assert_int_equal(ir.objects, count);
		assert_int_equal(ir.completed, 2);
		assert_int_equal(ir.quarantined, 0);
		assert_int_equal(line_count(&l, "quarantine/"), 0);
		assert_true(is_complete(&l, LINE_PLAYLIST, LINE_AT) && is_complete(&l, "other", LINE_AT));
		line_close(&l);
	}
}

static void a_snapshot_that_misses_an_object_is_not_complete(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct line l;
	struct extract_result er;
	struct err err = { 0 };
	struct bus_delivery *d;
	size_t count;
	line_open(&l);
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT, 3);
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	assert_int_equal(bus_pull(l.bus, SUBSCRIPTION, 1000, 1 << 24, &a, &d, &count, &err), RC_OK);
	const struct ingest_options o = { .bus = l.bus, .store = l.store, .clock = &l.clock.base, .run_id = "t",
		                          .page_limit_bytes = 1 << 20 };
	for (size_t missing = 0; missing < count; missing++) {
		struct ingest_result ir = { 0 };
		CLEANUP(store_closep) struct store *fresh = store_mem_open(test_tmpdir());
		struct ingest_options other = o;
		other.store = fresh;
		for (size_t i = 0; i < count; i++)
			if (i != missing)
				assert_int_equal(ingest_message(&other, &d[i].message, &ir, &err), RC_OK);
		assert_int_equal(ir.completed, 0);
		assert_int_equal(ingest_message(&other, &d[missing].message, &ir, &err), RC_OK);
		assert_int_equal(ir.completed, 1);
	}
	line_close(&l);
}

static void publish(struct line *l, struct bus_attr *attr, size_t count, struct slice data)
{
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct err err = { 0 };
	struct bus_message m = { .data = data, .attr = attr, .attr_count = count };
	assert_int_equal(bus_publish(l->bus, TOPIC, &m, 1, &a, &err), RC_OK);
}

static void what_cannot_be_used_is_kept_with_its_reason_and_bytes(void **state)
{
	(void) state;
	static const struct {
		const char *reason;
		struct bus_attr attr[5];
		const char *data;
	} cases[] = {
		{ "bad_attributes", { { SLICE("type"), SLICE("playlist_page") } }, "a" },
		{ "bad_attributes", { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("../../etc") } }, "b" },
		{ "bad_attributes", { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("x") },
		                      { SLICE("snapshot_at"), SLICE("now") } }, "c" },
		{ "bad_attributes", { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("x") },
		                      { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("page"), SLICE("-1") } }, "d" },
		{ "sha256_mismatch", { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("x") },
		                       { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("page"), SLICE("0") },
		                       { SLICE("sha256"), SLICE("00") } }, "e" },
		{ "sha256_mismatch", { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("x") },
		                       { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("page"), SLICE("0") },
		                       { SLICE("bytes"), SLICE("2") } }, "f" },
		{ "schema_version", { { SLICE("type"), SLICE("playlist") }, { SLICE("playlist_id"), SLICE("x") },
		                      { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("schema_version"), SLICE("2") } }, "g" },
		{ "bad_manifest", { { SLICE("type"), SLICE("snapshot_complete") }, { SLICE("playlist_id"), SLICE("x") },
		                    { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") } }, "h" },
	};
	struct line l;
	line_open(&l);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bus_attr attr[5];
		size_t count = 0;
		for (; count < 5 && cases[i].attr[count].key.ptr; count++)
			attr[count] = cases[i].attr[count];
		publish(&l, attr, count, slice_of(cases[i].data));
	}
	struct bus_attr other[] = { { SLICE("type"), SLICE("extract_failed") } }; /* filtered, and skipped where filters are not applied */
	publish(&l, other, 1, SLICE("z"));
	struct ingest_result ir;
	struct err err = { 0 };
	assert_int_equal(line_ingest(&l, &ir, &err), RC_OK);
	assert_int_equal(ir.quarantined, COUNT_OF(cases));
	assert_int_equal(line_count(&l, "raw/"), 0);
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct letters letters;
	assert_int_equal(quarantine_list(l.store, &a, &letters, &err), RC_OK);
	assert_int_equal(letters.count, COUNT_OF(cases));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t hits = 0;
		for (size_t k = 0; k < letters.count; k++) {
			struct slice body;
			assert_int_equal(quarantine_body(l.store, &letters.letter[k], &a, &body, &err), RC_OK);
			hits += slice_is(body, cases[i].data) && slice_is(letters.letter[k].reason, cases[i].reason);
		}
		assert_int_equal(hits, 1);
	}
	line_close(&l);
}

/* Two extractors in the same second: their pages mix, the first manifest wins, the other is kept as a conflict. */
static void the_first_manifest_of_a_second_wins(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct line l, m;
	struct extract_result er;
	struct ingest_result ir = { 0 };
	struct err err = { 0 };
	line_open(&l);
	line_open(&m);
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT, 2);
	line_add_snapshot(&m, LINE_PLAYLIST, LINE_AT, 3);
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	assert_int_equal(line_extract(&m, &er, &err), RC_OK);
	struct bus_delivery *d, *e;
	size_t d_count, e_count;
	assert_int_equal(bus_pull(l.bus, SUBSCRIPTION, 100, 1 << 24, &a, &d, &d_count, &err), RC_OK);
	assert_int_equal(bus_pull(m.bus, SUBSCRIPTION, 100, 1 << 24, &a, &e, &e_count, &err), RC_OK);
	const struct ingest_options o = { .bus = l.bus, .store = l.store, .clock = &l.clock.base, .run_id = "t",
		                          .page_limit_bytes = 1 << 20 };
	for (size_t i = 0; i < e_count || i < d_count; i++) {
		if (i < d_count)
			assert_int_equal(ingest_message(&o, &d[i].message, &ir, &err), RC_OK);
		if (i < e_count)
			assert_int_equal(ingest_message(&o, &e[i].message, &ir, &err), RC_OK);
	}
	assert_int_equal(ir.completed, 1);
	assert_int_equal(ir.quarantined, 1);
	struct letters letters;
	assert_int_equal(quarantine_list(l.store, &a, &letters, &err), RC_OK);
	assert_int_equal(letters.count, 1);
	assert_true(slice_is(letters.letter[0].reason, "conflicting_manifest"));
	struct raw_snapshot s;
	struct manifest manifest;
	assert_int_equal(raw_snapshot_look(l.store, SLICE(LINE_PLAYLIST), LINE_AT, &s, &err), RC_OK);
	assert_true(s.complete);
	assert_int_equal(raw_manifest_read(l.store, &s, &a, &manifest, &err), RC_OK);
	assert_int_equal(manifest.page_count, 2);
	line_close(&l);
	line_close(&m);
}

static void a_snapshot_the_source_cannot_deliver_is_a_letter_and_the_others_go_on(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct line l;
	struct extract_result er;
	struct ingest_result ir;
	struct err err = { 0 };
	line_open(&l);
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT, 2);
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT + 86400, 2);
	char *big = arena_alloc(&a, (1 << 20) + 1); /* over the limit of line_extract */
	source_mem_add(l.source, SLICE(LINE_PLAYLIST), LINE_AT + 86400, SOURCE_PAGE, 2, (struct slice){ big, (1 << 20) + 1 });
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT + 2 * 86400, 2);
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	assert_int_equal(er.snapshots, 2);
	assert_int_equal(er.failed, 1);
	assert_int_equal(line_ingest(&l, &ir, &err), RC_OK);
	assert_int_equal(ir.completed, 2);
	struct letters letters;
	assert_int_equal(quarantine_list(l.store, &a, &letters, &err), RC_OK);
	assert_int_equal(letters.count, 1);
	assert_true(slice_is(letters.letter[0].reason, "extract_failed"));
	assert_int_equal(letters.letter[0].snapshot_at, LINE_AT + 86400);
	line_close(&l);
}

static atomic_bool asked_to_stop;
static int64_t sleeping_now_ms(struct clock *c UNUSED)
{
	return 1000;
}
static int64_t sleeping_mono_ns(struct clock *c UNUSED)
{
	return 0;
}
static void stop_in_sleep(struct clock *c UNUSED, int64_t ms UNUSED)
{
	asked_to_stop = true;
}

static void waiting_for_messages_ends_when_asked_to(void **state)
{
	(void) state;
	static const struct clock_ops ops = { sleeping_now_ms, sleeping_mono_ns, stop_in_sleep };
	struct clock sleeping = { &ops };
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct line l;
	struct extract_result er;
	struct ingest_result ir;
	struct err err = { 0 };
	line_open(&l);
	line_add_snapshot(&l, LINE_PLAYLIST, LINE_AT, 2);
	assert_int_equal(line_extract(&l, &er, &err), RC_OK);
	struct bus_delivery *d;
	size_t count;
	assert_int_equal(bus_pull(l.bus, SUBSCRIPTION, 100, 1 << 24, &a, &d, &count, &err), RC_OK); /* another consumer */
	const struct ingest_options o = { .bus = l.bus, .store = l.store, .clock = &sleeping, .run_id = "t",
		                          .page_limit_bytes = 1 << 20, .wait_ms_max = 700000, .stop = &asked_to_stop };
	assert_int_equal(ingest_run(&o, &ir, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "stopped"));
	line_close(&l);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(waiting_for_messages_ends_when_asked_to),
	cmocka_unit_test(extracted_snapshots_become_complete_and_are_not_asked_for_again),
	cmocka_unit_test(messages_may_come_in_any_order_and_twice),
	cmocka_unit_test(a_snapshot_that_misses_an_object_is_not_complete),
	cmocka_unit_test(what_cannot_be_used_is_kept_with_its_reason_and_bytes),
	cmocka_unit_test(the_first_manifest_of_a_second_wins),
	cmocka_unit_test(a_snapshot_the_source_cannot_deliver_is_a_letter_and_the_others_go_on),
};
TEST_SUITE(ingest, tests);
