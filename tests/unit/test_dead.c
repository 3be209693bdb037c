/* Dead letters as people meet them: listed, found, tried again, dropped. */
#include "base/buf.h"
#include "bronze/partition.h"
#include "raw/dead.h"
#include "raw/key.h"
#include "raw/mend.h"
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
	assert_int_equal(list(&r), 1); /* until ingest has taken it */
	struct bus_delivery *d;
	size_t count;
	assert_int_equal(bus_pull(r.line.bus, SUBSCRIPTION, 10, 1 << 20, &r.arena, &d, &count, &r.err), RC_OK);
	assert_int_equal(count, 1);
	assert_true(slice_is(d[0].message.data, "\xff body"));
	assert_int_equal(d[0].message.attr_count, 4); /* the bus writes its own */
	assert_true(slice_is(bus_attr_get(&d[0].message, "playlist_id"), "../etc"));
	assert_true(slice_is(bus_attr_get(&d[0].message, LETTER_ATTR_ATTEMPTS), "1"));
	assert_true(slice_starts(bus_attr_get(&d[0].message, LETTER_ATTR_ID), SLICE("undeliverable/")));
	room_close(&r);
}

static void publish(struct room *r, const char *playlist_id, const char *data)
{
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), slice_of(playlist_id) },
		                   { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("run_id"), SLICE("r1") } };
	struct bus_message m = { .data = slice_of(data), .attr = attr, .attr_count = COUNT_OF(attr) };
	assert_int_equal(bus_publish(r->line.bus, TOPIC, &m, 1, &r->arena, &r->err), RC_OK);
}

static void ingest(struct room *r)
{
	struct ingest_result result;
	assert_int_equal(line_ingest(&r->line, &result, &r->err), RC_OK);
}

static void what_is_bad_again_comes_back_with_the_next_attempt(void **state UNUSED)
{
	struct room r;
	struct letter l;
	const char *next;
	room_open(&r);
	int64_t first = r.line.clock.now_ms / 1000;
	publish(&r, LINE_PLAYLIST, "no page number");
	ingest(&r);
	for (int64_t attempts = 1; attempts <= 3; attempts++) {
		assert_int_equal(list(&r), 1);
		assert_int_equal(find(&r, "bad_attributes/", &l), RC_OK);
		assert_int_equal(l.attempts, attempts);
		assert_int_equal(l.first_at, first);
		assert_int_equal(l.last_at, first + (attempts - 1) * HOUR);
		assert_int_equal(l.attr_count, attempts == 1 ? 4 : 3); /* the run's is not sent again, the count is no attribute of the letter */
		clock_fake_advance_ms(&r.line.clock, HOUR * 1000LL);
		assert_int_equal(replay(&r, &l, &next), RC_OK);
		ingest(&r);
	}
	room_close(&r);
}

/* A letter goes when the message it would send was used, not for one that only says so. */
static void only_the_letters_own_message_answers_it(void **state UNUSED)
{
	struct room r;
	struct letter l;
	room_open(&r);
	publish(&r, LINE_PLAYLIST, "no page number");
	ingest(&r);
	assert_int_equal(find(&r, "bad_attributes/", &l), RC_OK);
	struct slice id = arena_printf(&r.arena, "bad_attributes/%.*s", SLICE_FMT(l.name));
	const struct slice said[] = { id, SLICE("bad_attributes/x"), SLICE("../x"), SLICE("x"), SLICE("/") };
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist") }, { SLICE("playlist_id"), SLICE(LINE_PLAYLIST) },
			                   { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE(LETTER_ATTR_ID), said[i] } };
		struct bus_message m = { .data = said[i], .attr = attr, .attr_count = COUNT_OF(attr) };
		assert_int_equal(bus_publish(r.line.bus, TOPIC, &m, 1, &r.arena, &r.err), RC_OK);
		ingest(&r);
		assert_int_equal(line_count(&r.line, "raw/"), i + 1);
		assert_int_equal(line_count(&r.line, "quarantine/"), 2);
	}
	room_close(&r);
}

static void a_redelivery_is_no_attempt_another_publish_is(void **state UNUSED)
{
	struct room r;
	struct letter l;
	room_open(&r);
	const struct bus_message m = { .data = SLICE("x"), .publish_time_ms = 5000 };
	for (int i = 0; i < 3; i++)
		assert_int_equal(quarantine_put_message(r.line.store, &m, "too_large", "why", &r.err), RC_OK);
	assert_int_equal(find(&r, "too_large", &l), RC_OK);
	assert_int_equal(l.attempts, 1);
	const struct bus_message later = { .data = SLICE("x"), .publish_time_ms = 9000 };
	assert_int_equal(quarantine_put_message(r.line.store, &later, "too_large", "other words", &r.err), RC_OK);
	assert_int_equal(quarantine_put_message(r.line.store, &m, "too_large", "why", &r.err), RC_OK); /* late */
	assert_int_equal(find(&r, "too_large", &l), RC_OK);
	assert_int_equal(l.attempts, 2);
	assert_int_equal(l.first_at, 5);
	assert_int_equal(l.last_at, 9);
	assert_true(slice_is(l.detail, "other words"));
	room_close(&r);
}

/* --- one by one ---------------------------------------------------------------------------------------------- */

struct seen {
	struct buf ids;
	size_t stop_after;
};

static enum rc see(void *ctx, const struct letter *l, bool *out_stop, struct err *err UNUSED)
{
	struct seen *seen = ctx;
	buf_addf(&seen->ids, "%.*s/%.*s ", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	*out_stop = seen->stop_after && --seen->stop_after == 0;
	return RC_OK;
}

/* The ids of a walk, one page of `size` after the other, each from behind the last one of the former. */
static void walk_is(struct room *r, const char *reason, const char *playlist, size_t size, const char *want)
{
	const struct dead_place p = { r->line.store, r->state, &r->line.clock.base, 24 };
	const struct dead_filter filter = { slice_of(reason), slice_of(playlist) };
	CLEANUP(buf_done) struct buf all = buf_new(1 << 16);
	char last[256] = "";
	for (;;) {
		struct seen seen = { buf_new(1 << 16), size };
		assert_int_equal(dead_walk(&p, &filter, slice_of(*last ? last : NULL), &(struct letter_visit){ &seen, see }, &r->err), RC_OK);
		buf_add(&all, buf_slice(&seen.ids));
		bool more = seen.ids.len > 0 && size > 0;
		if (more) {
			const char *text = buf_str(&seen.ids), *from = text + seen.ids.len - 1;
			while (from > text && from[-1] != ' ')
				from--;
			(void) snprintf(last, sizeof last, "%.*s", (int) (text + seen.ids.len - 1 - from), from);
		}
		buf_done(&seen.ids);
		if (!more)
			break;
	}
	assert_string_equal(all.len ? buf_str(&all) : "", want);
}

static void a_walk_passes_every_letter_once_whatever_the_page(void **state UNUSED)
{
	struct room r;
	room_open(&r);
	static const char *const reason[] = { "bad_attributes", "incomplete_not", "zzz", "a" };
	for (size_t i = 0; i < COUNT_OF(reason); i++) {
		const struct letter l = { .reason = slice_of(reason[i]), .name = SLICE("n"), .playlist_id = slice_of(i % 2 ? "P" : LINE_PLAYLIST) };
		bool is_new;
		assert_int_equal(quarantine_put(r.line.store, &l, SLICE("body"), &is_new, &r.err), RC_OK);
	}
	put_page(&r, LINE_AT);
	put_page(&r, LINE_AT + 1);
	clock_fake_advance_ms(&r.line.clock, 100 * HOUR * 1000LL);
	static const char all[] = "a/n bad_attributes/n incomplete/" LINE_PLAYLIST ".20260101T000005Z incomplete/" LINE_PLAYLIST
	                          ".20260101T000006Z incomplete_not/n zzz/n ";
	for (size_t size = 0; size < 8; size++)
		walk_is(&r, NULL, NULL, size, all);
	walk_is(&r, "zzz", NULL, 1, "zzz/n ");
	walk_is(&r, "incomplete", NULL, 1, "incomplete/" LINE_PLAYLIST ".20260101T000005Z incomplete/" LINE_PLAYLIST ".20260101T000006Z ");
	walk_is(&r, NULL, "P", 1, "a/n incomplete_not/n ");
	walk_is(&r, "..", NULL, 1, "");
	walk_is(&r, "a/../zzz", NULL, 1, "");
	room_close(&r);
}

static void one_is_found_by_its_whole_name_without_a_list(void **state UNUSED)
{
	struct room r;
	struct letter l;
	room_open(&r);
	const struct dead_place p = { r.line.store, r.state, &r.line.clock.base, 24 };
	put_page(&r, LINE_AT);
	struct slice name = letter_snapshot_name(SLICE(LINE_PLAYLIST), LINE_AT, &r.arena);
	assert_int_equal(dead_get(&p, SLICE("incomplete"), name, &r.arena, &l, &r.err), RC_NOT_FOUND);
	clock_fake_advance_ms(&r.line.clock, 100 * HOUR * 1000LL);
	assert_int_equal(dead_get(&p, SLICE("incomplete"), name, &r.arena, &l, &r.err), RC_OK);
	assert_int_equal(l.snapshot_at, LINE_AT);
	static const char *const none[] = { "", ".", "..", "a/b", "x.20260101T000005Z", "no\nname", "\xff", "20260101T000005Z", "-.20260101T000005Z" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		for (int k = 0; k < 2; k++)
			assert_int_equal(dead_get(&p, k ? SLICE("incomplete") : SLICE("bad"), slice_of(none[i]), &r.arena, &l, &r.err), RC_NOT_FOUND);
	room_close(&r);
}

/* Whoever can write into the bucket can write letters, too. */
static void a_forged_letter_does_no_harm(void **state UNUSED)
{
	static const char *const forged[] = {
		"{", "[]", "{}", "{\"kind\":\"snapshot\",\"playlist_id\":\"../..\",\"snapshot_at\":\"2026-01-01T00:00:00Z\"}",
		"{\"kind\":\"message\",\"object\":\"spotify-token.json\"}", "{\"kind\":\"message\",\"object\":\"quarantine/../spotify-token.json\"}",
		"{\"kind\":\"snapshot\",\"attempts\":9223372036854775807}", "{\"kind\":\"message\",\"attempts\":-7}",
	};
	struct room r;
	struct letter l;
	struct slice body;
	struct bus_message m;
	int64_t revision;
	const char *next;
	room_open(&r);
	assert_int_equal(store_put_if_absent(r.line.store, SLICE("spotify-token.json"), SLICE("secret"), NULL, &r.err), RC_OK);
	for (size_t i = 0; i < COUNT_OF(forged); i++) {
		struct slice key = arena_printf(&r.arena, "quarantine/forged/n%zu.json", i);
		assert_int_equal(store_put_if_absent(r.line.store, key, slice_of(forged[i]), NULL, &r.err), RC_OK);
		assert_int_equal(find(&r, arena_printf(&r.arena, "forged/n%zu", i).ptr, &l), RC_OK);
		assert_true(letter_attempts(&l) >= 1 && letter_attempts(&l) < 10);
		assert_int_equal(quarantine_body(r.line.store, &l, &r.arena, &body, &r.err), RC_NOT_FOUND);
		if (l.kind == LETTER_MESSAGE)
			assert_int_equal(mend_read(r.line.store, &l, &r.arena, &m, &revision, &r.err), RC_NOT_FOUND);
		assert_int_not_equal(replay(&r, &l, &next), RC_OK);
	}
	CLEANUP(buf_done) struct buf many = buf_new(1 << 20);
	buf_adds(&many, "{\"kind\":\"message\",\"attributes\":{");
	for (int i = 0; i < 60000; i++)
		buf_addf(&many, "%s\"%d\":\"\"", i ? "," : "", i);
	buf_adds(&many, "}}");
	assert_int_equal(store_put_if_absent(r.line.store, SLICE("quarantine/forged/many.json"), buf_slice(&many), NULL, &r.err), RC_OK);
	assert_int_equal(find(&r, "forged/many", &l), RC_OK);
	assert_int_equal(l.attr_count, BUS_ATTRS_MAX);
	assert_int_equal(list(&r), COUNT_OF(forged) + 1);
	room_close(&r);
}

static void a_drop_keeps_who_said_why(void **state UNUSED)
{
	struct room r;
	struct letter l;
	struct slice text;
	room_open(&r);
	publish(&r, LINE_PLAYLIST, "x");
	ingest(&r);
	assert_int_equal(find(&r, "bad_attributes", &l), RC_OK);
	l.dropped_why = SLICE("a test of mine");
	l.dropped_at = LINE_AT;
	assert_int_equal(dead_drop(r.line.store, &l, &r.err), RC_OK);
	assert_int_equal(list(&r), 0);
	struct slice key = arena_printf(&r.arena, "dropped/bad_attributes/%.*s.json", SLICE_FMT(l.name));
	assert_int_equal(store_get(r.line.store, key, &r.arena, &text, NULL, &r.err), RC_OK);
	assert_true(slice_find_str(text, SLICE("\"dropped_why\": \"a test of mine\"")) != SIZE_MAX);
	assert_true(slice_find_str(text, SLICE("\"dropped_at\": \"2026-01-01T00:00:05Z\"")) != SIZE_MAX);
	publish(&r, LINE_PLAYLIST, "x");
	ingest(&r);
	assert_int_equal(list(&r), 0);
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
	assert_int_equal(list(&r), 1); /* until bronze has read it well */
	assert_int_equal(line_count(&r.line, "bronze/bronze_snapshot/playlist_group=" LINE_PLAYLIST "/chart_month=2025-12"), 1);
	assert_int_equal(line_count(&r.line, "bronze/bronze_snapshot/playlist_group=" LINE_PLAYLIST "/chart_month=2026-01"), 0);
	room_close(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_snapshot_that_stays_incomplete_is_listed_found_and_dropped),
	cmocka_unit_test(many_incomplete_snapshots_can_be_listed),
	cmocka_unit_test(a_message_is_published_again_as_it_came),
	cmocka_unit_test(a_snapshots_partition_is_marked_to_be_built_anew),
	cmocka_unit_test(what_is_bad_again_comes_back_with_the_next_attempt),
	cmocka_unit_test(only_the_letters_own_message_answers_it),
	cmocka_unit_test(a_redelivery_is_no_attempt_another_publish_is),
	cmocka_unit_test(a_walk_passes_every_letter_once_whatever_the_page),
	cmocka_unit_test(one_is_found_by_its_whole_name_without_a_list),
	cmocka_unit_test(a_forged_letter_does_no_harm),
	cmocka_unit_test(a_drop_keeps_who_said_why),
};
TEST_SUITE(dead, tests);
