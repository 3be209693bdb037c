/* Letters of every kind, made by ingest and bronze, mended: what raw holds then, and that bronze takes it. */
#include "base/json.h"
#include "bronze/build.h"
#include "bronze/partition.h"
#include "raw/dead_edit.h"
#include "raw/key.h"
#include "raw/manifest.h"
#include "raw/mend.h"
#include "raw/snapshot.h"
#include "support/line.h"
#include "test.h"

#include <pthread.h>

#define PAGE_LIMIT ((size_t) 1 << 20)
static const struct dead_part any_part = { .kind = DEAD_PART_ANY };

struct bench {
	struct line line;
	struct duck *duck;
	struct arena arena;
	struct err err;
	struct dead_outcome outcome; /* of the last edit */
};

static void bench_open(struct bench *b)
{
	*b = (struct bench){ .arena = arena_new((size_t) 4 << 30) };
	line_open(&b->line);
	const struct duck_options o = { .threads = 1, .memory_limit_mb = 256, .temp_dir = test_tmpdir() };
	assert_int_equal(duck_open(&o, &b->duck, &b->err), RC_OK);
}

static void bench_done(struct bench *b)
{
	duck_close(b->duck);
	line_close(&b->line);
	arena_done(&b->arena);
}
#define BENCH(b)                                 \
	CLEANUP(bench_done) struct bench b;      \
	bench_open(&(b))

static struct slice page(struct bench *b, int64_t offset, int64_t count, int64_t total)
{
	return line_page(&b->arena, offset, count, total);
}

/* A snapshot of these pages through source, bus and ingest. */
static void take(struct bench *b, int64_t at, const struct slice *body, size_t count)
{
	struct extract_result er;
	struct ingest_result ir;
	for (size_t i = 0; i < count; i++)
		source_mem_add(b->line.source, SLICE(LINE_PLAYLIST), at, SOURCE_PAGE, (int64_t) i, body[i]);
	assert_int_equal(line_extract(&b->line, &er, &b->err), RC_OK);
	assert_int_equal(line_ingest(&b->line, &ir, &b->err), RC_OK);
}

static struct bronze_result build(struct bench *b)
{
	struct bronze_result r;
	const struct bronze_options o = {
		.raw = b->line.store, .out = b->line.store, .duck = b->duck, .clock = &b->line.clock.base, .scratch_dir = test_tmpdir(),
		.threads = 1, .pages_max = 100, .page_limit_bytes = PAGE_LIMIT,
	};
	if (bronze_build(&o, &r, &b->err) != RC_OK)
		fail_msg("%s", b->err.msg);
	return r;
}

/* The only letter there is, of this reason when one is given; false when there is none. */
static bool letter(struct bench *b, const char *reason, struct letter *out)
{
	struct letters all;
	assert_int_equal(dead_list(b->line.store, NULL, &b->line.clock.base, 24, &b->arena, &all, &b->err), RC_OK);
	size_t count = 0;
	for (size_t i = 0; i < all.count; i++)
		if (!reason || slice_is(all.letter[i].reason, reason)) {
			*out = all.letter[i];
			count++;
		}
	if (count > 1 || (reason && count == 0))
		fail_msg("%zu letters of %s, %zu in all, the first of %.*s", count, reason ? reason : "any reason", all.count,
		         all.count ? (int) all.letter[0].reason.len : 0, all.count ? all.letter[0].reason.ptr : "");
	return count == 1;
}

static const struct dead_edit_options *options(struct bench *b)
{
	struct dead_edit_options *o = arena_alloc(&b->arena, sizeof *o);
	*o = (struct dead_edit_options){ .store = b->line.store, .page_limit_bytes = PAGE_LIMIT, .pages_max = 100 };
	return o;
}

static enum rc edit_part(struct bench *b, const struct letter *l, struct dead_part part, const struct dead_change *change)
{
	struct dead_subject s;
	TRY(dead_edit_open(options(b), l, part, &b->arena, &s, &b->err));
	return dead_edit(options(b), &s, change, &b->arena, &b->outcome, &b->err);
}

static enum rc edit(struct bench *b, const struct letter *l, struct slice data)
{
	return edit_part(b, l, any_part, &(struct dead_change){ .data = data });
}

static void says(struct bench *b, const char *text)
{
	if (!strstr(b->err.msg, text))
		fail_msg("want '%s', got '%s'", text, b->err.msg);
}

static struct raw_snapshot look(struct bench *b, int64_t at, struct manifest *out)
{
	struct raw_snapshot s;
	assert_int_equal(raw_snapshot_look(b->line.store, SLICE(LINE_PLAYLIST), at, &s, &b->err), RC_OK);
	if (out)
		assert_int_equal(raw_manifest_read(b->line.store, &s, &b->arena, out, &b->err), RC_OK);
	return s;
}

/* Bronze reads it, and takes the letter back. */
static void reads_well(struct bench *b, int64_t items)
{
	struct letter l;
	struct bronze_result r = build(b);
	assert_int_equal(r.letters, 0);
	assert_int_equal(r.items, items);
	assert_false(letter(b, NULL, &l));
}

/* --- snapshots ---------------------------------------------------------------------------------------------- */

static void a_page_that_is_no_json_is_mended(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	struct slice broken = SLICE("{\"offset\":2,\"items\":[");
	const struct slice pages[] = { page(&b, 0, 2, 4), broken };
	take(&b, LINE_AT, pages, 2);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "invalid_json", &l));
	size_t before = line_count(&b.line, "");
	assert_int_equal(edit(&b, &l, SLICE("{\"still\":")), RC_REJECT);
	says(&b, "still be unusable: invalid_json");
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .data = page(&b, 2, 2, 4), .dry_run = true }), RC_OK);
	assert_true(b.outcome.is_usable && b.outcome.is_complete && b.outcome.is_new);
	assert_int_equal(b.outcome.entries, 4);
	assert_int_equal(line_count(&b.line, ""), before); /* neither has written anything */
	assert_int_equal(edit(&b, &l, page(&b, 2, 2, 4)), RC_OK);
	assert_int_equal(b.outcome.revision, 1);
	assert_int_equal(look(&b, LINE_AT, &m).revision, 1);
	assert_int_equal(m.page[1].items, 2);
	assert_true(m.page[1].original.has && m.page[1].original.bytes == (int64_t) broken.len);
	assert_false(m.page[0].original.has);
	assert_int_equal(edit(&b, &l, page(&b, 2, 2, 4)), RC_OK); /* twice is once */
	assert_false(b.outcome.is_new);
	assert_int_equal(line_count(&b.line, ""), before + 2);
	struct slice there;
	assert_int_equal(store_get(b.line.store, l.object, &b.arena, &there, NULL, &b.err), RC_OK);
	assert_true(slice_eq(there, broken)); /* the original, for ever */
	reads_well(&b, 4);
}

static void the_original_stays_the_first_one_and_can_come_back(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	struct slice broken = SLICE("[");
	take(&b, LINE_AT, &broken, 1);
	build(&b);
	assert_true(letter(&b, "invalid_json", &l));
	assert_int_equal(edit(&b, &l, page(&b, 0, 2, 2)), RC_OK);
	assert_int_equal(edit(&b, &l, page(&b, 0, 3, 3)), RC_OK);
	assert_int_equal(look(&b, LINE_AT, &m).revision, 2);
	assert_int_equal(m.page[0].original.bytes, 1);
	assert_int_equal(m.total, 3);
	assert_int_equal(edit(&b, &l, broken), RC_REJECT);
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .data = broken, .force = true }), RC_OK);
	assert_int_equal(look(&b, LINE_AT, &m).revision, 3);
	assert_false(m.page[0].original.has);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "invalid_json", &l));
	assert_int_equal(l.attempts, 2);
}

static void pages_that_do_not_fit_are_mended_one_at_a_time(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	const struct slice overlap[] = { page(&b, 0, 2, 4), page(&b, 1, 2, 4) }, shortfall[] = { page(&b, 0, 2, 6), page(&b, 2, 2, 6) };
	take(&b, LINE_AT, overlap, 2);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "inconsistent_pages", &l));
	assert_int_equal(edit(&b, &l, page(&b, 0, 4, 4)), RC_REJECT); /* the page at fault is the second */
	assert_int_equal(edit(&b, &l, page(&b, 2, 2, 4)), RC_OK);
	reads_well(&b, 4);
	take(&b, LINE_AT + 86400, shortfall, 2);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "inconsistent_pages", &l));
	assert_int_equal(edit(&b, &l, page(&b, 4, 2, 6)), RC_REJECT);
	says(&b, "part 0 to 1 (part 2 adds a page)");
	const struct dead_part third = { DEAD_PART_PAGE, 2 }, fourth = { DEAD_PART_PAGE, 3 };
	const struct dead_change change = { .data = page(&b, 4, 2, 6) };
	assert_int_equal(edit_part(&b, &l, fourth, &change), RC_REJECT);
	says(&b, "names pages 0 to 1");
	assert_int_equal(edit_part(&b, &l, third, &change), RC_OK);
	reads_well(&b, 10);
}

static void half_mended_it_is_still_one_letter_that_counts(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	const struct slice pages[] = { SLICE("["), SLICE("{}") };
	take(&b, LINE_AT, pages, 2);
	build(&b);
	assert_true(letter(&b, "invalid_json", &l));
	int64_t first = l.first_at;
	clock_fake_advance_ms(&b.line.clock, 5000);
	assert_int_equal(edit(&b, &l, page(&b, 0, 2, 4)), RC_REJECT);
	says(&b, "no_items"); /* the other page is wrong, too */
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .data = page(&b, 0, 2, 4), .force = true }), RC_OK);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "no_items", &l));
	assert_int_equal(l.attempts, 2);
	assert_int_equal(l.first_at, first);
	assert_int_equal(l.last_at, first + 5);
	assert_int_equal(edit(&b, &l, page(&b, 2, 2, 4)), RC_OK);
	assert_int_equal(look(&b, LINE_AT, NULL).revision, 2);
	reads_well(&b, 4);
}

static void a_playlist_object_is_mended(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	struct slice good = page(&b, 0, 2, 2);
	source_mem_add(b.line.source, SLICE(LINE_PLAYLIST), LINE_AT, SOURCE_PLAYLIST, 0, SLICE("[1]"));
	take(&b, LINE_AT, &good, 1);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "invalid_playlist", &l));
	assert_int_equal(edit(&b, &l, SLICE("[2]")), RC_REJECT);
	assert_int_equal(edit(&b, &l, SLICE("{\"name\":\"A list\"}")), RC_OK);
	(void) look(&b, LINE_AT, &m);
	assert_true(m.playlist_original.has && m.playlist_original.bytes == 3);
	reads_well(&b, 2);
}

static void damaged_bytes_keep_their_name(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct slice good = page(&b, 0, 2, 2), longer = arena_printf(&b.arena, "%.*s\n", SLICE_FMT(good));
	take(&b, LINE_AT, &good, 1);
	struct manifest m;
	(void) look(&b, LINE_AT, &m);
	struct slice key = manifest_page_key(&m, 0, &b.arena);
	assert_int_equal(store_replace(b.line.store, key, STORE_ANY_VERSION, SLICE("rotten"), NULL, &b.err), RC_OK);
	assert_int_equal(build(&b).letters, 1);
	assert_true(letter(&b, "damaged_object", &l));
	assert_int_equal(edit(&b, &l, good), RC_REJECT);
	says(&b, "line break");
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .data = good, .force = true }), RC_REJECT);
	assert_int_equal(edit(&b, &l, longer), RC_OK);
	reads_well(&b, 2);
}

static void an_item_that_is_a_reject_is_mended_by_its_pages_key(void **state UNUSED)
{
	BENCH(b);
	struct dead_subject s;
	struct manifest m;
	struct slice odd = SLICE("{\"offset\":0,\"total\":1,\"items\":[{\"track\":null}]}");
	take(&b, LINE_AT, &odd, 1);
	assert_int_equal(build(&b).rejects, 1);
	(void) look(&b, LINE_AT, &m);
	struct slice key = manifest_page_key(&m, 0, &b.arena);
	const struct dead_change change = { .data = page(&b, 0, 1, 1) };
	assert_int_equal(dead_edit_open_object(options(&b), key, &b.arena, &s, &b.err), RC_OK);
	assert_true(slice_eq(s.wish.bytes, odd));
	assert_int_equal(dead_edit(options(&b), &s, &change, &b.arena, &b.outcome, &b.err), RC_OK);
	struct bronze_result r = build(&b);
	assert_int_equal(r.rejects, 0);
	assert_int_equal(r.entries, 1);
	assert_int_equal(dead_edit_open_object(options(&b), key, &b.arena, &s, &b.err), RC_REJECT);
	says(&b, "mended already");
	static const char *const none[] = { "raw/x", "raw/playlist_id=a/snapshot_at=20260101T000005Z/manifest.json", "raw/../bus.db" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(dead_edit_open_object(options(&b), slice_of(none[i]), &b.arena, &s, &b.err), RC_REJECT);
}

static void a_missing_page_is_supplied(void **state UNUSED)
{
	for (int same = 0; same < 2; same++) {
		BENCH(b);
		struct letter l;
		struct manifest m;
		const struct slice pages[] = { page(&b, 0, 2, 4), page(&b, 2, 2, 4) };
		take(&b, LINE_AT, pages, 2);
		(void) look(&b, LINE_AT, &m);
		assert_int_equal(store_remove(b.line.store, manifest_page_key(&m, 1, &b.arena), &b.err), RC_OK);
		clock_fake_advance_ms(&b.line.clock, INT64_C(100) * 3600 * 1000);
		assert_true(letter(&b, "incomplete", &l));
		assert_int_equal(edit(&b, &l, SLICE_NULL), RC_REJECT);
		says(&b, "give its bytes");
		assert_int_equal(edit(&b, &l, same ? pages[1] : page(&b, 2, 3, 5)), RC_OK);
		assert_true(b.outcome.answered && b.outcome.is_complete);
		assert_int_equal(look(&b, LINE_AT, &m).revision, same ? 0 : 1); /* the very bytes need none */
		assert_int_equal(m.page[1].original.has, !same);
		reads_well(&b, same ? 4 : 5);
	}
}

static void several_missing_pages_are_asked_for_by_number(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	const struct slice pages[] = { page(&b, 0, 2, 6), page(&b, 2, 2, 6), page(&b, 4, 2, 6) };
	take(&b, LINE_AT, pages, 3);
	(void) look(&b, LINE_AT, &m);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(store_remove(b.line.store, manifest_page_key(&m, i, &b.arena), &b.err), RC_OK);
	clock_fake_advance_ms(&b.line.clock, INT64_C(100) * 3600 * 1000);
	assert_true(letter(&b, "incomplete", &l));
	assert_int_equal(edit(&b, &l, pages[1]), RC_REJECT);
	says(&b, "( 1 2 )");
	const struct dead_part second = { DEAD_PART_PAGE, 1 };
	assert_int_equal(edit_part(&b, &l, second, &(struct dead_change){ .data = pages[1] }), RC_OK);
	assert_true(b.outcome.is_usable && !b.outcome.is_complete);
	assert_string_equal(b.outcome.reason, "incomplete");
	assert_int_equal(edit(&b, &l, pages[2]), RC_OK);
	reads_well(&b, 6);
}

static void a_snapshot_without_a_manifest_takes_one(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct slice text, good = page(&b, 0, 2, 2), key = raw_manifest_key(SLICE(LINE_PLAYLIST), LINE_AT, 0, &b.arena);
	take(&b, LINE_AT, &good, 1);
	assert_int_equal(store_get(b.line.store, key, &b.arena, &text, NULL, &b.err), RC_OK);
	assert_int_equal(store_remove(b.line.store, key, &b.err), RC_OK);
	clock_fake_advance_ms(&b.line.clock, INT64_C(100) * 3600 * 1000);
	assert_true(letter(&b, "incomplete", &l));
	assert_int_equal(edit(&b, &l, text), RC_REJECT);
	says(&b, "part manifest");
	const struct dead_part manifest = { .kind = DEAD_PART_MANIFEST };
	assert_int_equal(edit_part(&b, &l, manifest, &(struct dead_change){ .data = good }), RC_REJECT);
	assert_int_equal(edit_part(&b, &l, manifest, &(struct dead_change){ .data = text }), RC_OK);
	assert_int_equal(look(&b, LINE_AT, NULL).revision, 1);
	reads_well(&b, 2);
}

/* --- messages ----------------------------------------------------------------------------------------------- */

struct sent {
	const char *type, *page, *sha256, *version, *playlist;
	struct slice data;
};

static void send(struct bench *b, const struct sent *s)
{
	struct bus_attr attr[8];
	struct bus_message m = { .data = s->data, .attr = attr };
	struct ingest_result r;
	const struct {
		const char *key, *value;
	} all[] = { { "type", s->type }, { "playlist_id", s->playlist ? s->playlist : LINE_PLAYLIST },
		    { "snapshot_at", "2026-01-01T00:00:05Z" }, { "page", s->page }, { "sha256", s->sha256 }, { "schema_version", s->version } };
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i].value)
			attr[m.attr_count++] = (struct bus_attr){ slice_of(all[i].key), slice_of(all[i].value) };
	assert_int_equal(bus_publish(b->line.bus, TOPIC, &m, 1, &b->arena, &b->err), RC_OK);
	assert_int_equal(line_ingest(&b->line, &r, &b->err), RC_OK);
}

static void replay(struct bench *b, const struct letter *l)
{
	const struct dead_replay_options o = { .store = b->line.store, .bus = b->line.bus };
	struct ingest_result r;
	const char *next;
	assert_int_equal(dead_replay(&o, l, &next, &b->err), RC_OK);
	assert_int_equal(line_ingest(&b->line, &r, &b->err), RC_OK);
}

static void attributes_are_mended_and_replay_sends_them(void **state UNUSED)
{
	static const struct bus_attr page0 = { { "page", 4 }, { "0", 1 } }, type = { { "type", 4 }, { "playlist", 8 } },
	                             list = { { "playlist_id", 11 }, { LINE_PLAYLIST, sizeof LINE_PLAYLIST - 1 } };
	static const struct slice version = { "schema_version", 14 }, sha256 = { "sha256", 6 };
	const struct {
		struct sent sent;
		const char *reason;
		struct dead_change change;
	} cases[] = {
		{ { .type = "playlist_page", .data = SLICE("x") }, "bad_attributes", { .set = &page0, .set_count = 1 } },
		{ { .type = "playlist", .playlist = "../etc", .data = SLICE("x") }, "bad_attributes", { .set = &list, .set_count = 1 } },
		{ { .type = "playlist_page", .page = "x", .data = SLICE("x") }, "bad_attributes", { .set = &type, .set_count = 1 } },
		{ { .type = "playlist", .version = "2", .data = SLICE("x") }, "schema_version", { .remove = &version, .remove_count = 1 } },
		{ { .type = "playlist", .sha256 = "00", .data = SLICE("x") }, "sha256_mismatch", { .remove = &sha256, .remove_count = 1 } },
		{ { .type = "playlist", .sha256 = "00", .data = SLICE("x") }, "sha256_mismatch", { .data = SLICE("y") } }, /* it follows */
		{ { .type = "snapshot_complete", .data = SLICE("{}") }, "bad_manifest", { .data = SLICE("{}"), .set = &type, .set_count = 1 } },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		BENCH(b);
		struct letter l;
		send(&b, &cases[i].sent);
		assert_true(letter(&b, cases[i].reason, &l));
		assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .dry_run = true }), RC_OK);
		assert_false(b.outcome.is_new || b.outcome.is_usable);
		assert_int_equal(edit_part(&b, &l, any_part, &cases[i].change), RC_OK);
		assert_int_equal(b.outcome.revision, 1);
		assert_false(b.outcome.in_raw);
		assert_int_equal(line_count(&b.line, "raw/"), 0);
		assert_int_equal(edit_part(&b, &l, any_part, &cases[i].change), RC_OK);
		assert_int_equal(b.outcome.revision, 1);
		assert_false(b.outcome.is_new);
		replay(&b, &l);
		if (line_count(&b.line, "quarantine/"))
			fail_msg("case %zu comes back", i);
		assert_int_equal(line_count(&b.line, "raw/"), 1);
		assert_true(line_count(&b.line, "mended/") >= 2); /* what came and what was made of it stay */
	}
}

static void what_would_come_back_is_refused_unless_forced(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	const struct bus_attr bad[] = { { SLICE("page"), SLICE("-1") }, { SLICE("page"), SLICE("\xff") }, { SLICE(""), SLICE("x") } };
	send(&b, &(struct sent){ .type = "playlist_page", .data = SLICE("x") });
	assert_true(letter(&b, "bad_attributes", &l));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .set = &bad[i], .set_count = 1 }), RC_REJECT);
	assert_int_equal(edit_part(&b, &l, (struct dead_part){ DEAD_PART_PAGE, 0 }, &(struct dead_change){ .data = SLICE("y") }), RC_REJECT);
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .set = &bad[1], .set_count = 1, .force = true }), RC_REJECT);
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .set = &bad[0], .set_count = 1, .force = true }), RC_OK);
	replay(&b, &l);
	assert_true(letter(&b, "bad_attributes", &l)); /* another name: another message; but its second attempt */
	assert_int_equal(l.attempts, 2);
}

static void a_letter_mended_after_its_replay_stays(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	const struct bus_attr first = { SLICE("page"), SLICE("0") }, second = { SLICE("page"), SLICE("1") };
	const struct dead_replay_options o = { .store = b.line.store, .bus = b.line.bus };
	struct ingest_result r;
	const char *next;
	send(&b, &(struct sent){ .type = "playlist_page", .data = SLICE("x") });
	assert_true(letter(&b, "bad_attributes", &l));
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .set = &first, .set_count = 1 }), RC_OK);
	assert_int_equal(dead_replay(&o, &l, &next, &b.err), RC_OK);
	assert_int_equal(edit_part(&b, &l, any_part, &(struct dead_change){ .set = &second, .set_count = 1 }), RC_OK);
	assert_int_equal(line_ingest(&b.line, &r, &b.err), RC_OK);
	assert_int_equal(line_count(&b.line, "raw/"), 1);
	assert_true(letter(&b, "bad_attributes", &l)); /* what came was not what it would send now */
	replay(&b, &l);
	assert_int_equal(line_count(&b.line, "raw/"), 2);
	assert_int_equal(line_count(&b.line, "quarantine/"), 0);
}

/* The snapshot stands, and its manifest names other bytes than the message can bring: the edit makes the revision. */
static void a_page_the_manifest_does_not_name_becomes_a_revision(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	const struct slice pages[] = { page(&b, 0, 2, 4), page(&b, 2, 2, 4) };
	take(&b, LINE_AT, pages, 2);
	send(&b, &(struct sent){ .type = "playlist_page", .page = "1", .sha256 = "00", .data = SLICE("garbled") });
	assert_true(letter(&b, "sha256_mismatch", &l));
	assert_int_equal(edit(&b, &l, SLICE("still garbled")), RC_REJECT);
	assert_int_equal(edit(&b, &l, page(&b, 1, 2, 4)), RC_REJECT);
	says(&b, "inconsistent_pages");
	assert_int_equal(edit(&b, &l, page(&b, 2, 3, 5)), RC_OK);
	assert_true(b.outcome.answered && b.outcome.in_raw);
	assert_int_equal(look(&b, LINE_AT, &m).revision, 1);
	assert_true(m.page[1].original.has);
	assert_false(letter(&b, NULL, &l));
	reads_well(&b, 5);
}

static void the_very_page_the_manifest_names_comes_by_replay(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	const struct slice pages[] = { page(&b, 0, 2, 4), page(&b, 2, 2, 4) };
	take(&b, LINE_AT, pages, 2);
	(void) look(&b, LINE_AT, &m);
	assert_int_equal(store_remove(b.line.store, manifest_page_key(&m, 1, &b.arena), &b.err), RC_OK);
	send(&b, &(struct sent){ .type = "playlist_page", .page = "1", .sha256 = m.page[1].sha256, .data = SLICE("garbled") });
	assert_true(letter(&b, "sha256_mismatch", &l));
	assert_int_equal(edit(&b, &l, pages[1]), RC_OK);
	assert_false(b.outcome.in_raw || b.outcome.answered);
	assert_false(look(&b, LINE_AT, NULL).complete);
	replay(&b, &l);
	assert_true(look(&b, LINE_AT, NULL).complete);
	assert_int_equal(look(&b, LINE_AT, NULL).revision, 0);
	reads_well(&b, 4);
}

static void another_manifest_is_made_the_one_that_counts(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	const struct slice pages[] = { page(&b, 0, 2, 2), page(&b, 0, 3, 3) };
	take(&b, LINE_AT, pages, 1);
	send(&b, &(struct sent){ .type = "playlist_page", .page = "0", .data = pages[1] }); /* of another extraction of that second */
	(void) look(&b, LINE_AT, &m);
	hash_sha256_hex(pages[1], m.page[0].sha256);
	m.page[0].bytes = (int64_t) pages[1].len;
	manifest_write(&m, &text);
	send(&b, &(struct sent){ .type = "snapshot_complete", .data = buf_slice(&text) });
	assert_true(letter(&b, "conflicting_manifest", &l));
	replay(&b, &l);
	assert_true(letter(&b, "conflicting_manifest", &l)); /* the first one wins, however often */
	assert_int_equal(l.attempts, 2);
	assert_int_equal(edit(&b, &l, SLICE_NULL), RC_OK); /* as it is */
	assert_true(b.outcome.answered && b.outcome.is_complete);
	assert_int_equal(look(&b, LINE_AT, NULL).revision, 1);
	reads_well(&b, 3);
}

static void bytes_under_a_damaged_name_are_mended_under_another(void **state UNUSED)
{
	BENCH(b);
	struct letter l;
	struct manifest m;
	struct slice good = page(&b, 0, 2, 2), longer = arena_printf(&b.arena, "%.*s\n", SLICE_FMT(good));
	take(&b, LINE_AT, &good, 1);
	(void) look(&b, LINE_AT, &m);
	assert_int_equal(store_replace(b.line.store, manifest_page_key(&m, 0, &b.arena), STORE_ANY_VERSION, SLICE("rotten"), NULL, &b.err), RC_OK);
	send(&b, &(struct sent){ .type = "playlist_page", .page = "0", .data = good });
	assert_true(letter(&b, "conflicting_object", &l));
	assert_int_equal(edit(&b, &l, good), RC_OK); /* nothing is new; and it would not help */
	assert_false(b.outcome.is_usable);
	assert_int_equal(edit(&b, &l, longer), RC_OK);
	assert_true(b.outcome.answered);
	reads_well(&b, 2);
}

static void what_cannot_be_mended_says_what_to_do(void **state UNUSED)
{
	BENCH(b);
	struct letter l = { .reason = SLICE("extract_failed"), .name = SLICE("x"), .kind = LETTER_EXTRACT };
	assert_int_equal(edit(&b, &l, SLICE("x")), RC_REJECT);
	says(&b, "sargam run");
	l.kind = LETTER_IMPORT;
	assert_int_equal(edit(&b, &l, SLICE("x")), RC_REJECT);
	says(&b, "import it again");
	l.kind = LETTER_SNAPSHOT;
	assert_int_equal(edit(&b, &l, SLICE("x")), RC_REJECT);
	says(&b, "which snapshot");
}

/* --- two at once, and faults ---------------------------------------------------------------------------------- */

static void of_two_editors_one_is_told(void **state UNUSED)
{
	for (int message = 0; message < 2; message++) {
		BENCH(b);
		struct letter l;
		struct dead_subject mine, theirs;
		struct slice broken = SLICE("[");
		if (message)
			send(&b, &(struct sent){ .type = "playlist", .sha256 = "00", .data = SLICE("x") });
		else
			take(&b, LINE_AT, &broken, 1);
		build(&b);
		assert_true(letter(&b, NULL, &l));
		assert_int_equal(dead_edit_open(options(&b), &l, any_part, &b.arena, &mine, &b.err), RC_OK);
		assert_int_equal(dead_edit_open(options(&b), &l, any_part, &b.arena, &theirs, &b.err), RC_OK);
		assert_string_equal(mine.etag, theirs.etag);
		const struct dead_change first = { .data = page(&b, 0, 2, 2) }, other = { .data = page(&b, 0, 3, 3) };
		assert_int_equal(dead_edit(options(&b), &theirs, &first, &b.arena, &b.outcome, &b.err), RC_OK);
		assert_int_equal(dead_edit(options(&b), &mine, &other, &b.arena, &b.outcome, &b.err), RC_REJECT);
		says(&b, "somebody else");
		assert_int_equal(dead_edit(options(&b), &mine, &first, &b.arena, &b.outcome, &b.err), RC_OK); /* they mean the same */
		assert_int_equal(b.outcome.revision, 1);
		assert_int_equal(dead_edit_open(options(&b), &l, any_part, &b.arena, &theirs, &b.err), RC_OK);
		assert_string_not_equal(mine.etag, theirs.etag);
	}
}

struct editor {
	struct bench *b;
	int64_t page;
	enum rc rc;
	int64_t revision;
};

static void *edit_one_page(void *ctx)
{
	struct editor *e = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(DEAD_EDIT_MEMORY_BYTES);
	const struct revise_wish w = { .playlist_id = SLICE(LINE_PLAYLIST), .snapshot_at = LINE_AT, .page = e->page,
		                       .bytes = line_page(&arena, 2 * e->page, 2, 16) };
	char base[HASH_HEX_BYTES];
	hash_sha256_hex(arena_printf(&arena, "[%lld", (long long) e->page), base);
	e->rc = revise_write(e->b->line.store, &w, base, &e->revision, NULL);
	return NULL;
}

static void different_pages_at_once_are_all_mended(void **state UNUSED)
{
	BENCH(b);
	struct slice pages[8];
	struct editor e[8];
	pthread_t thread[8];
	for (int64_t i = 0; i < 8; i++)
		pages[i] = arena_printf(&b.arena, "[%lld", (long long) i);
	take(&b, LINE_AT, pages, 8);
	for (int64_t i = 0; i < 8; i++) {
		e[i] = (struct editor){ .b = &b, .page = i };
		assert_int_equal(pthread_create(&thread[i], NULL, edit_one_page, &e[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(e[i].rc, RC_OK);
	}
	assert_int_equal(look(&b, LINE_AT, NULL).revision, 8);
	reads_well(&b, 16);
}

/* Every call of the store fails once, before and after it did its work; once more finishes it, and the end is the same. */
static void after_any_fault_once_more_ends_the_same(void **state UNUSED)
{
	int fired = 0;
	for (int kind = 0; kind < 3; kind++)
		for (int after = 0; after < 2; after++)
			for (int fail_at = 1;; fail_at++) {
				BENCH(b);
				struct letter l;
				const struct slice pages[] = { page(&b, 0, 2, 4), kind ? page(&b, 2, 2, 4) : SLICE("[") };
				if (kind < 2)
					take(&b, LINE_AT, pages, 2);
				if (kind == 0)
					build(&b);
				else
					send(&b, &(struct sent){ .type = "playlist_page", .page = "1", .sha256 = "00", .data = SLICE("garbled") });
				assert_true(letter(&b, NULL, &l));
				b.line.store = store_fault_open(b.line.store, fail_at, after, RC_RETRY);
				enum rc rc = edit(&b, &l, page(&b, 2, 3, 5));
				bool hit = store_fault_fired(b.line.store);
				assert_true(rc == RC_OK || (hit && rc == RC_RETRY));
				if (!hit)
					break;
				if (letter(&b, NULL, &l))
					assert_int_equal(edit(&b, &l, page(&b, 2, 3, 5)), RC_OK);
				if (kind == 2) {
					assert_int_equal(line_count(&b.line, "mended/"), 3); /* two bodies and one revision */
				} else {
					assert_int_equal(look(&b, LINE_AT, NULL).revision, 1);
					reads_well(&b, 5);
				}
				fired++;
			}
	print_message("# %d faults\n", fired);
	assert_true(fired > 40);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_page_that_is_no_json_is_mended),
	cmocka_unit_test(the_original_stays_the_first_one_and_can_come_back),
	cmocka_unit_test(pages_that_do_not_fit_are_mended_one_at_a_time),
	cmocka_unit_test(half_mended_it_is_still_one_letter_that_counts),
	cmocka_unit_test(a_playlist_object_is_mended),
	cmocka_unit_test(damaged_bytes_keep_their_name),
	cmocka_unit_test(an_item_that_is_a_reject_is_mended_by_its_pages_key),
	cmocka_unit_test(a_missing_page_is_supplied),
	cmocka_unit_test(several_missing_pages_are_asked_for_by_number),
	cmocka_unit_test(a_snapshot_without_a_manifest_takes_one),
	cmocka_unit_test(attributes_are_mended_and_replay_sends_them),
	cmocka_unit_test(what_would_come_back_is_refused_unless_forced),
	cmocka_unit_test(a_letter_mended_after_its_replay_stays),
	cmocka_unit_test(a_page_the_manifest_does_not_name_becomes_a_revision),
	cmocka_unit_test(the_very_page_the_manifest_names_comes_by_replay),
	cmocka_unit_test(another_manifest_is_made_the_one_that_counts),
	cmocka_unit_test(bytes_under_a_damaged_name_are_mended_under_another),
	cmocka_unit_test(what_cannot_be_mended_says_what_to_do),
	cmocka_unit_test(of_two_editors_one_is_told),
	cmocka_unit_test(different_pages_at_once_are_all_mended),
	cmocka_unit_test(after_any_fault_once_more_ends_the_same),
};
TEST_SUITE(dead_edit, tests);
