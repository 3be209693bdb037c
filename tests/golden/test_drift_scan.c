/* Drift of whole histories: invented worlds through reader and bronze, every event against what the world was told to do. */
#include "base/time.h"
#include "bronze/build.h"
#include "bronze/drift.h"
#include "sim/world.h"
#include "support/line.h"
#include "test.h"

struct bench {
	struct line line;
	struct duck *duck;
	struct duck_conn *conn;
	int64_t groups;
	struct buf told; /* an event a line, in the order they came */
	struct drift_sum sum;
};

static void must(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s", err->msg);
}

static void open_bench(struct bench *b)
{
	struct err err = { 0 };
	*b = (struct bench){ .told = buf_new(1 << 20) };
	line_open(&b->line);
	const struct duck_options o = { .threads = 2, .memory_limit_mb = 256, .temp_dir = test_tmpdir() };
	must(duck_open(&o, &b->duck, &err), &err);
	must(duck_connect(b->duck, &b->conn, &err), &err);
}

static void close_bench(struct bench *b)
{
	buf_done(&b->told);
	duck_disconnect(b->conn);
	duck_close(b->duck);
	line_close(&b->line);
}

static void add_world(struct bench *b, const struct world *w)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	for (size_t p = 0; p < world_playlist_count(w); p++) {
		int64_t *times;
		size_t count;
		world_times(w, p, &arena, &times, &count);
		for (size_t i = 0; i < count; i++) {
			CLEANUP(world_chart_closep) struct world_chart *chart = world_chart_open(w, p, times[i]);
			CLEANUP(buf_done) struct buf page = buf_new(1 << 24);
			world_page(chart, 0, 1000, &page);
			source_mem_add(b->line.source, slice_of(world_playlist(w, p)->id), times[i], SOURCE_PAGE, 0, buf_slice(&page));
		}
	}
}

static void build(struct bench *b)
{
	struct err err = { 0 };
	struct extract_result er;
	struct ingest_result ir;
	struct bronze_result br;
	must(line_extract(&b->line, &er, &err), &err);
	must(line_ingest(&b->line, &ir, &err), &err);
	const struct bronze_options o = {
		.raw = b->line.store, .out = b->line.store, .duck = b->duck, .scratch_dir = test_tmpdir(), .threads = 2,
		.playlist_groups = b->groups, .pages_max = 100, .page_limit_bytes = 1 << 22,
	};
	must(bronze_build(&o, &br, &err), &err);
}

static enum rc on_event(void *ctx, const struct drift_event *e, struct err *err)
{
	struct bench *b = ctx;
	(void) err;
	buf_addf(&b->told, "%.12s %s %s%s %s%s\n", e->playlist_id.ptr, watched_field_path[e->field], drift_what_name(e->change.what),
	         e->change.as_null ? " as null" : "", time_date(e->change.day_number).s, e->is_last ? "" : ", older");
	return RC_OK;
}

static enum rc scan(struct bench *b, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct partition_list list;
	must(partition_list(b->line.store, b->conn, &arena, &list, err), err);
	const struct drift_options o = { .store = b->line.store, .conn = b->conn, .partitions = &list, .ctx = b, .on_event = on_event };
	buf_reset(&b->told);
	buf_adds(&b->told, "");
	return drift_scan(&o, &b->sum, err);
}

static void scans_as(struct bench *b, const char *events)
{
	struct err err = { 0 };
	must(scan(b, &err), &err);
	assert_string_equal(buf_str(&b->told), events);
}

/* In every grouping. */
static void of_the_sample_exactly_what_it_was_told_to_do(void **state)
{
	(void) state;
	struct bench b;
	CLEANUP(world_closep) struct world *w = world_sample_open(1, 72);
	open_bench(&b);
	add_world(&b, w);
	for (b.groups = 0; b.groups < 2; b.groups++) {
		build(&b);
		scans_as(&b, "0SampleBolly track.popularity vanished 2026-02-24, older\n"
		             "0SampleBolly track.popularity came back 2026-03-06\n"
		             "0SampleBolly track.is_playable appeared 2026-01-25\n"
		             "0SampleTop50 track.is_playable appeared 2026-02-22\n");
		assert_int_equal(b.sum.playlists, 2);
		assert_int_equal(b.sum.older, 1);
		const struct drift_line *l = &b.sum.line[FIELD_is_playable][DRIFT_APPEARED];
		assert_int_equal(l->playlists, 2);
		assert_string_equal(time_date(l->since_day).s, "2026-01-25");
		assert_int_equal(l->since_at / 86400, l->since_day);
		assert_string_equal(l->playlist, WORLD_SAMPLE_BOLLYWOOD);
		assert_int_equal(b.sum.line[FIELD_popularity][DRIFT_VANISHED].playlists, 0);
	}
	close_bench(&b);
}

/* Everything odd that items hold, strewn everywhere: only what is switched for whole pages may be told. */
static void odd_items_of_any_kind_are_no_drift(void **state)
{
	(void) state;
	for (uint64_t seed = test_seed(), last = seed + 2; seed < last; seed++) {
		struct bench b;
		CLEANUP(world_closep) struct world *w = world_nasty_open(seed, 30, 5, 25);
		open_bench(&b);
		b.groups = (int64_t) (seed % 2);
		add_world(&b, w);
		build(&b);
		struct err err = { 0 };
		must(scan(&b, &err), &err);
		for (size_t f = 0; f < FIELD_COUNT; f++)
			for (size_t what = 0; what < DRIFT_WHAT_COUNT; what++)
				if (f != FIELD_popularity && f != FIELD_is_playable && b.sum.line[f][what].playlists)
					fail_msg("seed %llu: %s", (unsigned long long) seed, buf_str(&b.told));
		assert_null(strstr(buf_str(&b.told), "type"));
		close_bench(&b);
	}
}

static void nothing_there_is_nothing_told(void **state)
{
	(void) state;
	struct bench b;
	open_bench(&b);
	scans_as(&b, "");
	assert_int_equal(b.sum.playlists, 0);
	source_mem_add(b.line.source, SLICE(LINE_PLAYLIST), LINE_AT, SOURCE_PAGE, 0, SLICE("{\"items\":[null],\"total\":1}"));
	build(&b);
	scans_as(&b, ""); /* a snapshot without entries says nothing */
	assert_int_equal(b.sum.playlists, 0);
	close_bench(&b);
}

/* Snapshots without entries between two others, months apart. */
static void months_follow_each_other(void **state)
{
	(void) state;
	static const char with[] = "{\"items\":[{\"track\":{\"id\":\"a\",\"name\":\"A\",\"uri\":\"u\",\"popularity\":5}}]}";
	static const char none[] = "{\"items\":[{\"track\":{\"id\":\"a\",\"name\":\"A\",\"uri\":\"u\",\"popularity\":null}}]}";
	static const char text[] = "{\"items\":[{\"track\":{\"id\":\"a\",\"name\":\"A\",\"uri\":\"u\",\"popularity\":\"5\"}}]}";
	static const char nothing[] = "{\"items\":[null]}";
	static const char *const pages[] = { with, nothing, none, nothing, none, text, with, text };
	struct bench b;
	open_bench(&b);
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		source_mem_add(b.line.source, SLICE(LINE_PLAYLIST), LINE_AT + (int64_t) i * 31 * 86400, SOURCE_PAGE, 0, slice_of(pages[i]));
	build(&b);
	scans_as(&b, "0LineTestPla track.popularity vanished as null 2026-03-04, older\n"
	             "0LineTestPla track.popularity changed type 2026-06-05, older\n"
	             "0LineTestPla track.popularity came back 2026-07-06, older\n"
	             "0LineTestPla track.popularity changed type 2026-08-06\n");
	assert_int_equal(b.sum.older, 3);
	const struct drift_policy policy = { 0 };
	CLEANUP(buf_done) struct buf line = buf_new(1 << 12);
	drift_tell(&b.sum, &policy, false, &line);
	assert_string_equal(buf_str(&line), "track.popularity changed type in " LINE_PLAYLIST " since 2026-08-06");
	close_bench(&b);
}

static void a_torn_partition_is_not_read(void **state)
{
	(void) state;
	struct bench b;
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	open_bench(&b);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT, 1);
	build(&b);
	scans_as(&b, "");
	assert_int_equal(b.sum.playlists, 1);
	must(store_remove(b.line.store, partition_key(BRONZE_CREDIT, SLICE(LINE_PLAYLIST), SLICE("2026-01"), &arena), &err), &err);
	assert_int_equal(scan(&b, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "bronze of " LINE_PLAYLIST ", 2026-01 is torn: `sargam bronze` mends it"));
	close_bench(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(of_the_sample_exactly_what_it_was_told_to_do),
	cmocka_unit_test(odd_items_of_any_kind_are_no_drift),
	cmocka_unit_test(nothing_there_is_nothing_told),
	cmocka_unit_test(months_follow_each_other),
	cmocka_unit_test(a_torn_partition_is_not_read),
};
TEST_SUITE(drift_scan, tests)
