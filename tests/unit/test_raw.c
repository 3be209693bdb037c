/* Names, manifests, completeness and quarantine of the raw layer. */
#include "raw/key.h"
#include "raw/manifest.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"
#include "support/line.h"
#include "test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void an_id_from_outside_cannot_leave_its_folder(void **state)
{
	(void) state;
	static const char *const good[] = { "37i9dQZEVXbLZ52XmnySJg", "chart-IN", "chart-GLOBAL", "a", "a.b_c-d" };
	static const char *const bad[] = { "", ".", "..", ".hidden", "a/b", "a b", "a\\b", "a=b", "\xc3\xa9", "a\n", "a:b" };
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(playlist_id_ok(slice_of(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(playlist_id_ok(slice_of(bad[i])));
	char long_id[PLAYLIST_ID_BYTES_MAX + 2];
	memset(long_id, 'x', sizeof long_id);
	assert_true(playlist_id_ok((struct slice){ long_id, PLAYLIST_ID_BYTES_MAX }));
	assert_false(playlist_id_ok((struct slice){ long_id, PLAYLIST_ID_BYTES_MAX + 1 }));
	assert_false(playlist_id_ok((struct slice){ "a\0b", 3 }));
}

static void raw_objects_are_named_as_the_contract_says(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 16);
	struct slice id = SLICE("chart-IN");
	assert_true(slice_is(raw_page_key(id, LINE_AT, 7, HEX64, &a),
	                     "raw/playlist_id=chart-IN/snapshot_at=20260101T000005Z/page-00007.0123456789abcdef.json"));
	assert_true(slice_is(raw_playlist_key(id, LINE_AT, HEX64, &a),
	                     "raw/playlist_id=chart-IN/snapshot_at=20260101T000005Z/playlist.0123456789abcdef.json"));
	assert_true(slice_is(raw_manifest_key(id, LINE_AT, 0, &a),
	                     "raw/playlist_id=chart-IN/snapshot_at=20260101T000005Z/manifest.json"));
	struct slice rev = raw_manifest_key(id, LINE_AT, 12, &a);
	struct raw_name n;
	assert_true(raw_key_parse(rev, &n));
	assert_true(slice_is(n.playlist_id, "chart-IN") && n.snapshot_at == LINE_AT && n.is_manifest && n.revision == 12);
	assert_true(raw_key_parse(raw_page_key(id, LINE_AT, 7, HEX64, &a), &n));
	assert_false(n.is_manifest);
	static const char *const strangers[] = {
		"raw/playlist_id=x/manifest.json", "raw/playlist_id=/snapshot_at=20260101T000005Z/manifest.json",
		"raw/playlist_id=x/snapshot_at=2026/manifest.json", "raw/playlist_id=x/snapshot_at=20260101T000005Z/a/b.json",
		"bronze/playlist_id=x/snapshot_at=20260101T000005Z/manifest.json",
	};
	for (size_t i = 0; i < COUNT_OF(strangers); i++)
		assert_false(raw_key_parse(slice_of(strangers[i]), &n));
}

static void a_manifest_reads_back_as_it_was_written(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 20);
	struct manifest_page pages[2] = { { .page = 0, .bytes = 10, .has_offset = true, .offset = 0, .items = 50, .sha256 = HEX64 },
		                          { .page = 1, .bytes = 0, .sha256 = HEX64 } };
	struct slice warnings[] = { SLICE("98 items of a total of 100"), SLICE("") };
	struct manifest m = {
		.playlist_id = SLICE("chart-IN"), .snapshot_at = LINE_AT, .source = SLICE("dir"), .has_total = true, .total = 100,
		.snapshot_id_first = SLICE("s\"1"), .page = pages, .page_count = 2, .has_playlist = true, .playlist_bytes = 5,
		.playlist_sha256 = HEX64, .warning = warnings, .warning_count = 2, .origin = SLICE("{\"file\":\"a.csv\",\"line\":2}"),
	};
	CLEANUP(buf_done) struct buf one = buf_new(1 << 16), two = buf_new(1 << 16);
	manifest_write(&m, &one);
	struct manifest back;
	struct err err = { 0 };
	assert_int_equal(manifest_parse(buf_slice(&one), &a, &back, &err), RC_OK);
	manifest_write(&back, &two);
	assert_string_equal(buf_str(&one), buf_str(&two));
	assert_int_equal(back.page_count, 2);
	assert_false(back.page[1].has_offset);
	assert_null(back.snapshot_id_last.ptr);
	assert_true(slice_is(back.origin, "{\"file\":\"a.csv\",\"line\":2}"));
}

static void a_manifest_that_is_none_says_why(void **state)
{
	(void) state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "manifest" },
		{ "[]", "not a JSON object" },
		{ "{}", "schema_version" },
		{ "{\"schema_version\":2}", "this sargam reads 1" },
		{ "{\"schema_version\":1,\"playlist_id\":\"../x\"}", "playlist_id" },
		{ "{\"schema_version\":1,\"playlist_id\":\"x\",\"snapshot_at\":\"yesterday\"}", "snapshot_at" },
		{ "{\"schema_version\":1,\"playlist_id\":\"x\",\"snapshot_at\":\"2026-01-01T00:00:05Z\"}", "source" },
		{ "{\"schema_version\":1,\"playlist_id\":\"x\",\"snapshot_at\":\"2026-01-01T00:00:05Z\",\"source\":\"dir\",\"pages\":[]}", "pages" },
		{ "{\"schema_version\":1,\"playlist_id\":\"x\",\"snapshot_at\":\"2026-01-01T00:00:05Z\",\"source\":\"dir\","
		  "\"pages\":[{\"page\":1,\"bytes\":1,\"sha256\":\"" HEX64 "\"}]}", "pages[0]" },
		{ "{\"schema_version\":1,\"playlist_id\":\"x\",\"snapshot_at\":\"2026-01-01T00:00:05Z\",\"source\":\"dir\","
		  "\"pages\":[{\"page\":0,\"bytes\":1,\"sha256\":\"../../../etc\"}]}", "pages[0]" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(arena_done) struct arena a = arena_new(1 << 20);
		struct manifest m;
		struct err err = { 0 };
		assert_int_equal(manifest_parse(slice_of(cases[i].text), &a, &m, &err), RC_REJECT);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
	}
}

static void put(struct store *s, const char *key, struct slice body)
{
	struct err err = { 0 };
	assert_int_equal(store_put_if_absent(s, slice_of(key), body, NULL, &err), RC_OK);
}

/* "raw/playlist_id=ab/" sorts behind "raw/playlist_id=ab-c/", and the list is asked by id. */
static void snapshots_are_found_whatever_order_their_keys_have(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	CLEANUP(store_closep) struct store *s = store_mem_open(test_tmpdir());
	static const char *const ids[] = { "ab", "ab-c", "ab.d", "ab0", "a" };
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		for (int64_t at = LINE_AT; at < LINE_AT + 3; at++)
			put(s, raw_page_key(slice_of(ids[i]), at, 0, HEX64, &a).ptr, SLICE("{}"));
	put(s, "raw/stranger", SLICE("?"));
	struct raw_snapshots list;
	struct err err = { 0 };
	assert_int_equal(raw_snapshots(s, SLICE_NULL, &a, &list, &err), RC_OK);
	assert_int_equal(list.count, 15);
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		for (int64_t at = LINE_AT; at < LINE_AT + 3; at++)
			assert_non_null(raw_snapshots_find(&list, slice_of(ids[i]), at));
	assert_null(raw_snapshots_find(&list, SLICE("ab"), LINE_AT + 3));
	assert_int_equal(raw_snapshots(s, SLICE("ab"), &a, &list, &err), RC_OK);
	assert_int_equal(list.count, 3);
}

static void letters_are_named_by_their_content_and_stay_dropped(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	CLEANUP(store_closep) struct store *s = store_mem_open(test_tmpdir());
	struct err err = { 0 };
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE("x") },
		                   { SLICE("run_id"), SLICE("one") }, { SLICE("odd"), SLICE("\xff\x01") } };
	struct bus_message m = { .data = SLICE("body \xff"), .attr = attr, .attr_count = COUNT_OF(attr), .id = SLICE("1") };
	assert_int_equal(quarantine_put_message(s, &m, "sha256_mismatch", "first", &err), RC_OK);
	attr[2].value = SLICE("two");
	m.id = SLICE("2");
	assert_int_equal(quarantine_put_message(s, &m, "sha256_mismatch", "second", &err), RC_OK);
	struct letters list;
	assert_int_equal(quarantine_list(s, &a, &list, &err), RC_OK);
	assert_int_equal(list.count, 1);
	assert_true(slice_is(list.letter[0].detail, "first"));
	struct slice body;
	assert_int_equal(quarantine_body(s, &list.letter[0], &a, &body, &err), RC_OK);
	assert_true(slice_is(body, "body \xff"));
	struct letter found;
	assert_int_equal(quarantine_find(s, SLICE("sha256"), &a, &found, &err), RC_OK);
	assert_int_equal(quarantine_find(s, SLICE("nothing"), &a, &found, &err), RC_NOT_FOUND);
	assert_non_null(strstr(err.msg, "dead list"));
	assert_int_equal(quarantine_drop(s, &list.letter[0], &err), RC_OK);
	assert_int_equal(quarantine_put_message(s, &m, "sha256_mismatch", "third", &err), RC_OK);
	assert_int_equal(quarantine_list(s, &a, &list, &err), RC_OK);
	assert_int_equal(list.count, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_id_from_outside_cannot_leave_its_folder),
	cmocka_unit_test(raw_objects_are_named_as_the_contract_says),
	cmocka_unit_test(a_manifest_reads_back_as_it_was_written),
	cmocka_unit_test(a_manifest_that_is_none_says_why),
	cmocka_unit_test(snapshots_are_found_whatever_order_their_keys_have),
	cmocka_unit_test(letters_are_named_by_their_content_and_stay_dropped),
};
TEST_SUITE(raw, tests);
