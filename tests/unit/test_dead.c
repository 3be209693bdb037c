/* Dead letters as people meet them: listed, found, tried again, dropped. */
#include "bronze/partition.h"
#include "raw/dead.h"
#include "raw/key.h"
#include "support/line.h"
#include "test.h"

#define HOUR 3600

struct room {
	struct line line;
	struct state *state;
	struct arena arena;
	struct letters letters;
	struct err err;
};

static void room_open(struct room *r)
{
	*r = (struct room){ .arena = arena_new(1 << 26) };
	line_open(&r->line);
	char path[300];
	(void) snprintf(path, sizeof path, "%s/state.db", test_tmpdir());
	assert_int_equal(state_open(path, &r->line.clock.base, &r->state, &r->err), RC_OK);
}

static void room_close(struct room *r)
{
	state_closep(&r->state);
	line_close(&r->line);
	arena_done(&r->arena);
}

static size_t list(struct room *r)
{
	assert_int_equal(dead_list(r->line.store, r->state, &r->line.clock.base, 24, &r->arena, &r->letters, &r->err), RC_OK);
	return r->letters.count;
}

static enum rc find(struct room *r, const char *which, struct letter *out)
{
	return dead_find(r->line.store, r->state, &r->line.clock.base, 24, slice_of(which), &r->arena, out, &r->err);
}

static enum rc replay(struct room *r, const struct letter *l, const char **next)
{
	const struct dead_replay_options o = { .store = r->line.store, .bus = r->line.bus, .chart_offset_s = 6 * HOUR };
	return dead_replay(&o, l, next, &r->err);
}

static void put_page(struct room *r, int64_t at)
{
	static const char sha256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct slice key = raw_page_key(SLICE(LINE_PLAYLIST), at, 0, sha256, &r->arena);
	assert_int_equal(store_put_if_absent(r->line.store, key, SLICE("{}"), NULL, &r->err), RC_OK);
	const struct state_receipt receipt = { .message_id = SLICE("1"), .run_id = SLICE("r"), .playlist_id = SLICE(LINE_PLAYLIST),
		                               .snapshot_at = at, .kind = SLICE("playlist_page"), .key = key };
	assert_int_equal(state_receipts_add(r->state, &receipt, 1, &r->err), RC_OK);
}

static void a_snapshot_that_stays_incomplete_is_listed_found_and_dropped(void **state UNUSED)
{
	struct room r;
	struct letter l;
	const char *next;
	room_open(&r);
	r.line.clock.now_ms = (LINE_AT + 100 * HOUR) * 1000LL; /* received long after it was taken */
	put_page(&r, LINE_AT);
	assert_int_equal(list(&r), 0);
	clock_fake_advance_ms(&r.line.clock, 24 * HOUR * 1000LL - 1000);
	assert_int_equal(list(&r), 0);
	assert_int_equal(find(&r, "incomplete/", &l), RC_NOT_FOUND);
	clock_fake_advance_ms(&r.line.clock, 1000);
	assert_int_equal(list(&r), 1);
	assert_int_equal(find(&r, "incomplete/", &l), RC_OK);
	assert_int_equal(find(&r, LINE_PLAYLIST, &l), RC_OK);
	assert_int_equal(l.snapshot_at, LINE_AT);
	assert_int_equal(replay(&r, &l, &next), RC_OK);
	assert_non_null(strstr(next, "sargam run"));
	assert_int_equal(list(&r), 1);
	assert_int_equal(dead_drop(r.line.store, &l, &r.err), RC_OK);
	assert_int_equal(list(&r), 0);
	room_close(&r);
}

static void many_incomplete_snapshots_can_be_listed(void **state UNUSED)
{
	struct room r;
	room_open(&r);
	for (int64_t i = 0; i < 700; i++)
		put_page(&r, LINE_AT + i);
	r.line.clock.now_ms = (LINE_AT + 100 * HOUR) * 1000LL;
	clock_fake_advance_ms(&r.line.clock, 100 * HOUR * 1000LL);
	assert_int_equal(list(&r), 700);
	room_close(&r);
}

static void a_message_is_published_again_as_it_came(void **state UNUSED)
{
	struct room r;
	struct letter l;
	const char *next;
	room_open(&r);
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("../etc") },
		                   { SLICE("CloudPubSubDeadLetterSourceSubscription"), SLICE("spotify-raw") } };
	const struct bus_message m = { .data = SLICE("\xff body"), .attr = attr, .attr_count = COUNT_OF(attr), .id = SLICE("9") };
	assert_int_equal(quarantine_put_message(r.line.store, &m, "undeliverable", "why", &r.err), RC_OK);
	assert_int_equal(find(&r, "undeliverable", &l), RC_OK);
	assert_int_equal(replay(&r, &l, &next), RC_OK);
	assert_int_equal(list(&r), 0);
	struct bus_delivery *d;
	size_t count;
	assert_int_equal(bus_pull(r.line.bus, SUBSCRIPTION, 10, 1 << 20, &r.arena, &d, &count, &r.err), RC_OK);
	assert_int_equal(count, 1);
	assert_true(slice_is(d[0].message.data, "\xff body"));
	assert_int_equal(d[0].message.attr_count, 2); /* the bus writes its own */
	assert_true(slice_is(bus_attr_get(&d[0].message, "playlist_id"), "../etc"));
	room_close(&r);
}

static void a_snapshots_partition_is_marked_to_be_built_anew(void **state UNUSED)
{
	struct room r;
	struct letter l = { .reason = SLICE("invalid_json"), .detail = SLICE("why"), .kind = LETTER_SNAPSHOT,
		            .playlist_id = SLICE(LINE_PLAYLIST), .has_snapshot_at = true };
	const char *next;
	bool is_new;
	room_open(&r);
	l.snapshot_at = LINE_AT - 5 - HOUR; /* 23:00 on the last of December, January at +06:00 */
	l.name = letter_snapshot_name(l.playlist_id, l.snapshot_at, &r.arena);
	assert_int_equal(quarantine_put(r.line.store, &l, SLICE_NULL, &is_new, &r.err), RC_OK);
	static const char *const months[] = { "2025-12", "2026-01" };
	for (size_t i = 0; i < COUNT_OF(months); i++)
		assert_int_equal(store_put_if_absent(r.line.store, partition_key(BRONZE_SNAPSHOT, l.playlist_id, slice_of(months[i]), &r.arena),
		                                     SLICE("x"), NULL, &r.err), RC_OK);
	assert_int_equal(replay(&r, &l, &next), RC_OK);
	assert_int_equal(list(&r), 0);
	assert_int_equal(line_count(&r.line, "bronze/bronze_snapshot/playlist_group=" LINE_PLAYLIST "/chart_month=2025-12"), 1);
	assert_int_equal(line_count(&r.line, "bronze/bronze_snapshot/playlist_group=" LINE_PLAYLIST "/chart_month=2026-01"), 0);
	room_close(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_snapshot_that_stays_incomplete_is_listed_found_and_dropped),
	cmocka_unit_test(many_incomplete_snapshots_can_be_listed),
	cmocka_unit_test(a_message_is_published_again_as_it_came),
	cmocka_unit_test(a_snapshots_partition_is_marked_to_be_built_anew),
};
TEST_SUITE(dead, tests);
