/* Conformance of the source port: the same tests on every backend, all of them over the same small history. */
#include "source/source.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "sim/world.h"
#include "support/archive.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED 11
#define DAYS 14
#define LIMIT 50
#define PAGE_LIMIT ((size_t) 1 << 20)
#define ARENA_BYTES ((size_t) 64 << 20)

/* Backends */

static struct source *open_sample(void)
{
	return source_sample_open(SEED, DAYS);
}

static struct source *open_dir(void)
{
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	const char *dir = test_tmpdir();
	struct source *s = NULL;
	struct err err = { 0 };
	if (world_write_recorded(w, dir, LIMIT, &err) != RC_OK || source_dir_open(dir, PAGE_LIMIT, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}

/* Filled backwards: the order of filling must not show. */
static struct source *open_mem(void)
{
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct source *s = source_mem_open();
	for (size_t p = 0; p < world_playlist_count(w); p++) {
		struct slice id = slice_of(world_playlist(w, p)->id);
		int64_t *at;
		size_t count;
		world_times(w, p, &arena, &at, &count);
		while (count-- > 0) {
			CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, p, at[count]);
			CLEANUP(buf_done) struct buf body = buf_new(PAGE_LIMIT);
			for (size_t page = world_chart_items(c) > LIMIT ? 2 : 1; page-- > 0;) {
				buf_reset(&body);
				world_page(c, page * LIMIT, LIMIT, &body);
				source_mem_add(s, id, at[count], SOURCE_PAGE, (int64_t) page, buf_slice(&body));
			}
			buf_reset(&body);
			world_playlist_json(c, &body);
			source_mem_add(s, id, at[count], SOURCE_PLAYLIST, 0, buf_slice(&body));
		}
	}
	return s;
}

/* The same charts as Markdown in a git repository: the same names, times and positions; the pages are its own. (The CSV cannot tell
 * this history: its charts are named chart-<country> and stand at noon. test_source_csv.c has its tests.) */
static struct source *open_archive(void)
{
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct source_archive_options o = { .path = arena_printf(&arena, "%s/archive.git", test_tmpdir()).ptr };
	struct source *s = NULL;
	struct err err = { 0 };
	archive_write_world(w, o.path);
	if (source_archive_open(&o, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}

static struct source *open_fault(void)
{
	return source_fault_open(open_dir(), 0, RC_RETRY);
}

static const struct {
	const char *name, *scheme;
	struct source *(*open)(void);
	bool own_pages; /* the same charts in other words */
} backends[] = {
	{ "sample", "sample", open_sample, false },
	{ "dir", "dir", open_dir, false },
	{ "mem", "mem", open_mem, false },
	{ "fault", "dir", open_fault, false },
	{ "archive", "archive", open_archive, true },
};
#define EACH_BACKEND(s)                                                               \
	for (size_t b_ = 0; b_ < COUNT_OF(backends); b_++)                            \
		for (CLEANUP(source_closep) struct source *s = backends[b_].open(); s; \
		     source_closep(&s))

/* A sink that keeps what it gets */

struct kept {
	enum source_object kind;
	int64_t page;
	struct slice body;
};
struct keeper {
	struct arena arena;
	struct kept object[16];
	size_t count, fail_at; /* 1-based; 0 = never */
};

static enum rc keep(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err)
{
	struct keeper *k = ctx;
	if (k->count + 1 == k->fail_at)
		return err_set(err, RC_REJECT, "the sink wants no more");
	assert_true(k->count < COUNT_OF(k->object));
	k->object[k->count++] = (struct kept){ kind, page, arena_copy(&k->arena, body) };
	return RC_OK;
}

static void keeper_done(struct keeper *k)
{
	arena_done(&k->arena);
}
#define KEEPER(k) CLEANUP(keeper_done) struct keeper k = { .arena = arena_new(ARENA_BYTES) }

static enum rc fetch(struct source *s, const char *id, int64_t at, struct keeper *k, struct err *err)
{
	const struct source_sink sink = { .ctx = k, .object = keep };
	return source_fetch(s, slice_of(id), at, &sink, err);
}

static struct source_times times_of(struct source *s, const char *id, struct arena *arena)
{
	struct source_times times;
	struct err err = { 0 };
	if (source_snapshots(s, slice_of(id), arena, &times, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return times;
}

/* The suite */

static void playlists_are_listed_in_order(void **state)
{
	(void) state;
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct source_ids ids;
		assert_int_equal(source_playlists(s, &arena, &ids, NULL), RC_OK);
		assert_int_equal(ids.count, 2);
		assert_true(slice_is(ids.id[0], WORLD_SAMPLE_BOLLYWOOD));
		assert_true(slice_is(ids.id[1], WORLD_SAMPLE_TOP50));
		assert_string_equal(source_scheme(s), backends[b_].scheme);
	}
}

static void snapshots_are_listed_in_order(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		for (size_t p = 0; p < 2; p++) {
			int64_t *at;
			size_t count;
			world_times(w, p, &arena, &at, &count);
			struct source_times times = times_of(s, world_playlist(w, p)->id, &arena);
			assert_int_equal(times.count, count);
			assert_memory_equal(times.unix_s, at, count * sizeof *at);
		}
	}
}

static void a_snapshot_is_the_playlist_and_then_its_pages(void **state)
{
	(void) state;
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct source_times times = times_of(s, WORLD_SAMPLE_BOLLYWOOD, &arena);
		for (size_t i = 0; i < times.count; i++) {
			KEEPER(k);
			struct err err = { 0 };
			int64_t items = 0, total = -1;
			if (fetch(s, WORLD_SAMPLE_BOLLYWOOD, times.unix_s[i], &k, &err) != RC_OK)
				fail_msg("%s: %s", backends[b_].name, err.msg);
			assert_int_equal(k.object[0].kind, SOURCE_PLAYLIST);
			for (size_t o = 1; o < k.count; o++) {
				CLEANUP(json_freep) struct json *page = NULL;
				assert_int_equal(k.object[o].kind, SOURCE_PAGE);
				assert_int_equal(k.object[o].page, o - 1);
				assert_int_equal(json_parse(k.object[o].body, &page, NULL), RC_OK);
				assert_int_equal(json_get_integer(page, "offset", -1), items);
				items += (int64_t) json_size(json_get(page, "items"));
				total = json_get_integer(page, "total", -1);
			}
			assert_int_equal(items, total);
			assert_int_equal(k.count, total == 0 ? 2 : 3);
		}
	}
}

static void all_backends_hand_out_the_same_pages_twice(void **state)
{
	(void) state;
	KEEPER(first);
	int64_t at = 0;
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct source_times times = times_of(s, WORLD_SAMPLE_TOP50, &arena);
		for (int again = 0; again < 2; again++) {
			KEEPER(k);
			if (at == 0 || (backends[b_].own_pages && again == 0)) {
				first.count = 0;
				at = times.unix_s[3];
				assert_int_equal(fetch(s, WORLD_SAMPLE_TOP50, at, &first, NULL), RC_OK);
			}
			assert_int_equal(fetch(s, WORLD_SAMPLE_TOP50, at, &k, NULL), RC_OK);
			assert_int_equal(k.count, first.count);
			for (size_t o = 1; o < k.count; o++)
				assert_true(slice_eq(k.object[o].body, first.object[o].body));
		}
	}
}

static void what_does_not_exist_is_named(void **state)
{
	(void) state;
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct source_times times = times_of(s, WORLD_SAMPLE_TOP50, &arena), none;
		KEEPER(k);
		struct err err = { 0 };
		assert_int_equal(source_snapshots(s, SLICE("0NoSuchPlaylist0000001"), &arena, &none, &err), RC_NOT_FOUND);
		assert_non_null(strstr(err.msg, "0NoSuchPlaylist0000001"));
		assert_int_equal(none.count, 0);
		assert_int_equal(fetch(s, "0NoSuchPlaylist0000001", times.unix_s[0], &k, &err), RC_NOT_FOUND);
		assert_non_null(strstr(err.msg, "0NoSuchPlaylist0000001"));
		err.msg[0] = '\0';
		assert_int_equal(fetch(s, WORLD_SAMPLE_TOP50, times.unix_s[0] + 1, &k, &err), RC_NOT_FOUND);
		assert_non_null(strstr(err.msg, WORLD_SAMPLE_TOP50));
		assert_int_equal(fetch(s, WORLD_SAMPLE_TOP50, 0, &k, &err), RC_NOT_FOUND);
		assert_int_equal(k.count, 0);
	}
}

static void the_sink_can_end_a_fetch(void **state)
{
	(void) state;
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		int64_t at = times_of(s, WORLD_SAMPLE_BOLLYWOOD, &arena).unix_s[0];
		for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
			KEEPER(k);
			struct err err = { 0 };
			k.fail_at = fail_at;
			assert_int_equal(fetch(s, WORLD_SAMPLE_BOLLYWOOD, at, &k, &err), RC_REJECT);
			assert_string_equal(err.msg, "the sink wants no more");
			assert_int_equal(k.count, fail_at - 1);
		}
	}
}

static void names_that_lead_elsewhere_are_not_found(void **state)
{
	(void) state;
	static const char *const names[] = { "..", ".", "a/b", "../x", "x\n", "%2e", "ü" };
	EACH_BACKEND(s) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			struct source_times none;
			assert_int_equal(source_snapshots(s, slice_of(names[i]), &arena, &none, NULL), RC_NOT_FOUND);
		}
	}
}

/* The recorded folder: what people and other programs leave there */

static const char good_page[] = "{\"href\":\"\",\"items\":[],\"limit\":50,\"next\":null,\"offset\":0,\"previous\":null,\"total\":0}";

static struct slice path_in(const char *dir, const char *name)
{
	static char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_true(n > 0 && (size_t) n < sizeof path);
	return (struct slice){ path, (size_t) n };
}

static void make_dir(const char *dir, const char *name)
{
	assert_int_equal(mkdir(path_in(dir, name).ptr, 0755), 0);
}

static void make_file(const char *dir, const char *name, struct slice bytes)
{
	FILE *f = fopen(path_in(dir, name).ptr, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

static struct source *open_at(const char *dir)
{
	struct source *s = NULL;
	struct err err = { 0 };
	if (source_dir_open(dir, 1000, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}

#define SNAP "2026-01-05T00-05-07Z"
#define SNAP_S ((int64_t) WORLD_SAMPLE_FIRST_DAY * 86400 + 307)

static const char *folder_with_one_snapshot(void)
{
	const char *dir = test_tmpdir();
	make_dir(dir, "list");
	make_dir(dir, "list/" SNAP);
	make_file(dir, "list/" SNAP "/page-0000.json", SLICE("{\"page\":0}"));
	return dir;
}

static void strange_names_are_skipped(void **state)
{
	(void) state;
	const char *dir = folder_with_one_snapshot();
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	make_file(dir, "README", SLICE("hello"));
	make_dir(dir, "not a playlist");
	make_dir(dir, ".hidden");
	make_dir(dir, "chart-IN");
	make_dir(dir, "list/2026-13-01T00-00-00Z");
	make_dir(dir, "list/2026-01-05T00-05-60Z"); /* a leap second there never was */
	make_dir(dir, "list/tmp");
	make_file(dir, "list/2026-01-06T00-00-00Z", SLICE("a file"));
	make_file(dir, "list/playlist.json.bak", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page-0000.json~", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page-00001.json", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page-001.json", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page--001.json", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page-.json", SLICE("{}"));
	CLEANUP(source_closep) struct source *s = open_at(dir);
	struct source_ids ids;
	struct source_times times;
	KEEPER(k);
	assert_int_equal(source_playlists(s, &arena, &ids, NULL), RC_OK);
	assert_int_equal(ids.count, 2);
	assert_true(slice_is(ids.id[0], "chart-IN") && slice_is(ids.id[1], "list"));
	assert_int_equal(source_snapshots(s, SLICE("chart-IN"), &arena, &times, NULL), RC_OK);
	assert_int_equal(times.count, 0);
	assert_int_equal(source_snapshots(s, SLICE("list"), &arena, &times, NULL), RC_OK);
	assert_int_equal(times.count, 1);
	assert_int_equal(times.unix_s[0], SNAP_S);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, NULL), RC_OK);
	assert_int_equal(k.count, 1);
	assert_true(slice_is(k.object[0].body, "{\"page\":0}"));
}

static void links_are_followed(void **state)
{
	(void) state;
	const char *there = folder_with_one_snapshot();
	const char *dir = test_tmpdir();
	char list[4096];
	(void) snprintf(list, sizeof list, "%s/list", there);
	assert_int_equal(symlink(list, path_in(dir, "linked").ptr), 0);
	assert_int_equal(symlink("/nowhere/at/all", path_in(dir, "broken").ptr), 0);
	CLEANUP(source_closep) struct source *s = open_at(dir);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct source_ids ids;
	KEEPER(k);
	assert_int_equal(source_playlists(s, &arena, &ids, NULL), RC_OK);
	assert_int_equal(ids.count, 1);
	assert_int_equal(fetch(s, "linked", SNAP_S, &k, NULL), RC_OK);
	assert_int_equal(k.count, 1);
}

static void a_missing_page_is_named_before_anything_is_handed_out(void **state)
{
	(void) state;
	const char *dir = folder_with_one_snapshot();
	CLEANUP(source_closep) struct source *s = open_at(dir);
	struct err err = { 0 };
	KEEPER(k);
	make_file(dir, "list/playlist.json", SLICE("{}"));
	make_file(dir, "list/" SNAP "/page-0001.json", slice_of(good_page));
	make_file(dir, "list/" SNAP "/page-0003.json", slice_of(good_page));
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "/list/" SNAP ": page-0002.json is missing"));
	assert_int_equal(unlink(path_in(dir, "list/" SNAP "/page-0000.json").ptr), 0);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-0000.json is missing"));
	make_dir(dir, "list/2026-01-07T00-00-00Z");
	assert_int_equal(fetch(s, "list", SNAP_S + 2 * 86400 - 307, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-0000.json is missing"));
	assert_int_equal(k.count, 0);
}

static void pages_beyond_9999_come_in_the_order_of_their_numbers(void **state)
{
	(void) state;
	const char *dir = test_tmpdir();
	make_dir(dir, "list");
	make_dir(dir, "list/" SNAP);
	for (int page = 0; page <= 10001; page++) {
		char name[64];
		(void) snprintf(name, sizeof name, "list/" SNAP "/page-%04d.json", page);
		assert_int_equal(symlink("/dev/null", path_in(dir, name).ptr), 0);
	}
	CLEANUP(source_closep) struct source *s = open_at(dir);
	struct err err = { 0 };
	KEEPER(k);
	/* All numbers are there; a device is no page, and says so at the first one. */
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-0000.json"));
	assert_int_equal(unlink(path_in(dir, "list/" SNAP "/page-10000.json").ptr), 0);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-10000.json is missing"));
}

static void a_page_over_the_limit_is_refused_unread(void **state)
{
	(void) state;
	const char *dir = folder_with_one_snapshot();
	CLEANUP(source_closep) struct source *s = open_at(dir);
	struct err err = { 0 };
	KEEPER(k);
	/* A hundred thousand times what fits: reading or allocating it first would not pass unnoticed. */
	make_file(dir, "list/" SNAP "/page-0001.json", SLICE("{"));
	assert_int_equal(truncate(path_in(dir, "list/" SNAP "/page-0001.json").ptr, (off_t) 1 << 40), 0);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-0001.json"));
	assert_non_null(strstr(err.msg, "1099511627776 bytes, over the limit of 1000"));
	assert_int_equal(truncate(path_in(dir, "list/" SNAP "/page-0001.json").ptr, 1001), 0);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_int_equal(truncate(path_in(dir, "list/" SNAP "/page-0001.json").ptr, 1000), 0);
	k.count = 0;
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_OK);
	assert_int_equal(k.object[1].body.len, 1000);
	make_file(dir, "list/playlist.json", SLICE("{"));
	assert_int_equal(truncate(path_in(dir, "list/playlist.json").ptr, 5000), 0);
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "list/playlist.json"));
}

static void an_empty_page_is_handed_on_and_a_folder_is_no_page(void **state)
{
	(void) state;
	const char *dir = folder_with_one_snapshot();
	CLEANUP(source_closep) struct source *s = open_at(dir);
	struct err err = { 0 };
	KEEPER(k);
	/* Whether bytes are JSON is not the source's business: they must become raw, and be refused there. */
	make_file(dir, "list/" SNAP "/page-0001.json", SLICE(""));
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_OK);
	assert_int_equal(k.count, 2);
	assert_int_equal(k.object[1].body.len, 0);
	make_dir(dir, "list/" SNAP "/page-0002.json");
	assert_int_equal(fetch(s, "list", SNAP_S, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page-0002.json"));
}

static void a_bad_path_is_fatal_and_says_what_is_wanted(void **state)
{
	(void) state;
	const char *dir = folder_with_one_snapshot();
	char long_path[5000];
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	const char *const bad[] = { "", "/no/such/folder", long_path, path_in(dir, "list/" SNAP "/page-0000.json").ptr };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct source *s = (struct source *) &dir;
		struct err err = { 0 };
		assert_int_equal(source_dir_open(bad[i], 1000, &s, &err), RC_FATAL);
		assert_null(s);
		assert_non_null(strstr(err.msg, "source dir:"));
		assert_true(strstr(err.msg, "name the folder") || strlen(bad[i]) > 1000);
	}
}

static void a_folder_that_goes_away_is_fatal(void **state)
{
	(void) state;
	const char *dir = test_tmpdir();
	make_dir(dir, "records");
	CLEANUP(source_closep) struct source *s = open_at(path_in(dir, "records").ptr);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct source_ids ids;
	struct err err = { 0 };
	assert_int_equal(source_playlists(s, &arena, &ids, &err), RC_OK);
	assert_int_equal(ids.count, 0);
	assert_int_equal(rmdir(path_in(dir, "records").ptr), 0);
	assert_int_equal(source_playlists(s, &arena, &ids, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "records"));
}

static void memory_refuses_a_hole_too_and_keeps_the_later_body(void **state)
{
	(void) state;
	CLEANUP(source_closep) struct source *s = source_mem_open();
	struct err err = { 0 };
	KEEPER(k);
	source_mem_add(s, SLICE("a"), 5, SOURCE_PAGE, 0, SLICE("old"));
	source_mem_add(s, SLICE("a"), 5, SOURCE_PAGE, 0, SLICE("new"));
	source_mem_add(s, SLICE("b"), 5, SOURCE_PAGE, 0, SLICE(""));
	source_mem_add(s, SLICE("b"), 5, SOURCE_PAGE, 2, SLICE("x"));
	source_mem_add(s, SLICE("c"), 5, SOURCE_PLAYLIST, 7, SLICE("{}"));
	assert_int_equal(fetch(s, "a", 5, &k, &err), RC_OK);
	assert_int_equal(k.count, 1);
	assert_true(slice_is(k.object[0].body, "new"));
	assert_int_equal(fetch(s, "b", 5, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page 1 is missing"));
	assert_int_equal(fetch(s, "c", 5, &k, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "page 0 is missing"));
	assert_int_equal(k.count, 1);
}

static void any_world_is_a_source(void **state)
{
	(void) state;
	CLEANUP(source_closep) struct source *s = source_world_open(world_nasty_open(3, 5, 6, 230), 100);
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct source_ids ids;
	size_t pages = 0;
	assert_int_equal(source_playlists(s, &arena, &ids, NULL), RC_OK);
	assert_int_equal(ids.count, 6);
	for (size_t i = 0; i < ids.count; i++) {
		assert_true(i == 0 || slice_cmp(ids.id[i - 1], ids.id[i]) < 0);
		struct source_times times = times_of(s, ids.id[i].ptr, &arena);
		for (size_t t = 0; t < times.count; t++) {
			KEEPER(k);
			assert_int_equal(fetch(s, ids.id[i].ptr, times.unix_s[t], &k, NULL), RC_OK);
			pages += k.count - 1;
		}
	}
	assert_true(pages > 20);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(playlists_are_listed_in_order),
	cmocka_unit_test(snapshots_are_listed_in_order),
	cmocka_unit_test(a_snapshot_is_the_playlist_and_then_its_pages),
	cmocka_unit_test(all_backends_hand_out_the_same_pages_twice),
	cmocka_unit_test(what_does_not_exist_is_named),
	cmocka_unit_test(the_sink_can_end_a_fetch),
	cmocka_unit_test(names_that_lead_elsewhere_are_not_found),
	cmocka_unit_test(strange_names_are_skipped),
	cmocka_unit_test(links_are_followed),
	cmocka_unit_test(a_missing_page_is_named_before_anything_is_handed_out),
	cmocka_unit_test(pages_beyond_9999_come_in_the_order_of_their_numbers),
	cmocka_unit_test(a_page_over_the_limit_is_refused_unread),
	cmocka_unit_test(an_empty_page_is_handed_on_and_a_folder_is_no_page),
	cmocka_unit_test(a_bad_path_is_fatal_and_says_what_is_wanted),
	cmocka_unit_test(a_folder_that_goes_away_is_fatal),
	cmocka_unit_test(memory_refuses_a_hole_too_and_keeps_the_later_body),
	cmocka_unit_test(any_world_is_a_source),
};
TEST_SUITE(source, tests)
