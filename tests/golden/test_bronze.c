/* Partitions: what is read, what is refused, what is built again.  Rows are judged through DuckDB on the Parquet files. */
#include "base/buf.h"
#include "bronze/build.h"
#include "bronze/partition.h"
#include "bronze/reader.h"
#include "raw/key.h"
#include "raw/manifest.h"
#include "raw/quarantine.h"
#include "support/line.h"
#include "test.h"

struct bench {
	struct line line;
	struct duck *duck;
	struct duck_conn *conn;
	int64_t offset_s, groups;
};

static void open_bench(struct bench *b)
{
	struct err err = { 0 };
	*b = (struct bench){ 0 };
	line_open(&b->line);
	const struct duck_options o = { .threads = 2, .memory_limit_mb = 256, .temp_dir = test_tmpdir() };
	assert_int_equal(duck_open(&o, &b->duck, &err), RC_OK);
	assert_int_equal(duck_connect(b->duck, &b->conn, &err), RC_OK);
}

static void close_bench(struct bench *b)
{
	duck_disconnect(b->conn);
	duck_close(b->duck);
	line_close(&b->line);
}

static struct bronze_result build(struct bench *b)
{
	struct bronze_result r;
	struct err err = { 0 };
	const struct bronze_options o = {
		.raw = b->line.store, .out = b->line.store, .duck = b->duck, .scratch_dir = test_tmpdir(), .threads = 2,
		.chart_offset_s = b->offset_s, .playlist_groups = b->groups, .pages_max = 100, .page_limit_bytes = 1 << 20,
	};
	if (bronze_build(&o, &r, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return r;
}

static void feed(struct bench *b)
{
	struct extract_result er;
	struct ingest_result ir;
	struct err err = { 0 };
	assert_int_equal(line_extract(&b->line, &er, &err), RC_OK);
	assert_int_equal(line_ingest(&b->line, &ir, &err), RC_OK);
}

/* `SELECT <what> FROM <all files of the table>` as one number. */
static int64_t ask(struct bench *b, enum bronze_table t, const char *what)
{
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	struct partition_list list;
	struct err err = { 0 };
	int64_t value = -1;
	assert_int_equal(partition_list(b->line.store, b->conn, &a, &list, &err), RC_OK);
	buf_addf(&sql, "SELECT %s FROM read_parquet([", what);
	for (size_t i = 0; i < list.count; i++) {
		struct slice path;
		assert_non_null(list.partition[i].inputs.ptr);
		assert_int_equal(store_get_file(b->line.store, list.partition[i].key[t], &a, &path, &err), RC_OK);
		buf_addf(&sql, "%s'%s'", i ? ", " : "", path.ptr);
	}
	buf_adds(&sql, "], hive_partitioning = false)");
	if (duck_query_int(b->conn, buf_str(&sql), &value, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return value;
}

static size_t letters(struct bench *b, const char *reason)
{
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct letters list;
	struct err err = { 0 };
	size_t n = 0;
	assert_int_equal(quarantine_list(b->line.store, &a, &list, &err), RC_OK);
	for (size_t i = 0; i < list.count; i++)
		n += slice_is(list.letter[i].reason, reason);
	return n;
}

static void rows_of_all_tables_follow_from_the_pages(void **state)
{
	(void) state;
	struct bench b;
	open_bench(&b);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT, 3);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT + 86400, 2);
	feed(&b);
	struct bronze_result r = build(&b);
	assert_int_equal(r.built, 1);
	assert_int_equal(r.entries, 10);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*)"), 10);
	assert_int_equal(ask(&b, BRONZE_CREDIT, "count(*)"), 10);
	assert_int_equal(ask(&b, BRONZE_REJECT, "count(*)"), 0);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*)"), 2);
	assert_int_equal(ask(&b, BRONZE_FIELD, "count(*)"), 2 * FIELD_COUNT);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (track_id = 'track' || (position - 1))"), 10);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (snapshot_at = TIMESTAMPTZ '2026-01-01 00:00:05+00' AND chart_date = "
	                                       "DATE '2026-01-01' AND day_number = 20454)"), 6);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (raw_object LIKE 'raw/playlist_id=0LineTestPlaylist00001/snapshot_at=%')"), 10);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "sum(raw_index)::BIGINT"), 5);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*) FILTER (playlist_name = 'A list' AND owner_id = 'o' AND spotify_snapshot_id = 's1' "
	                                          "AND source = 'mem' AND revision = 0 AND warnings = 0 AND total = items)"), 2);
	/* of the first snapshot, by hand: printf '1\tspotify:track:track0\n2\t…6\tspotify:track:track5\n' | sha256sum */
	char want[HASH_HEX_BYTES];
	hash_sha256_hex(SLICE("1\tspotify:track:track0\n2\tspotify:track:track1\n3\tspotify:track:track2\n"
	                      "4\tspotify:track:track3\n5\tspotify:track:track4\n6\tspotify:track:track5\n"), want);
	char what[200];
	(void) snprintf(what, sizeof what, "count(*) FILTER (content_sha256 = '%s')", want);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, what), 1);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*) FILTER (fields_missing LIKE '%track.popularity%' AND fields_missing NOT LIKE "
	                                          "'%track.name%')"), 2);
	close_bench(&b);
}

static void equal_inputs_are_not_built_again_and_a_new_snapshot_builds_its_partition_only(void **state)
{
	(void) state;
	struct bench b;
	open_bench(&b);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT, 2);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT + 40 * 86400, 2);
	line_add_snapshot(&b.line, "other", LINE_AT, 2);
	feed(&b);
	assert_int_equal(build(&b).built, 3);
	struct bronze_result r = build(&b);
	assert_int_equal(r.built, 0);
	assert_int_equal(r.unchanged, 3);
	line_add_snapshot(&b.line, "other", LINE_AT + 3600, 2);
	feed(&b);
	r = build(&b);
	assert_int_equal(r.built, 1);
	assert_int_equal(r.unchanged, 2);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*)"), 4);
	/* a torn partition is mended */
	CLEANUP(arena_done) struct arena a = arena_new(1 << 16);
	struct err err = { 0 };
	assert_int_equal(store_remove(b.line.store, partition_key(BRONZE_CREDIT, SLICE("other"), SLICE("2026-01"), &a), &err), RC_OK);
	assert_int_equal(build(&b).built, 1);
	/* another time zone: 2026-01-01T00:00:05Z is still 2025 in -03:00 */
	b.offset_s = -3 * 3600;
	r = build(&b);
	assert_int_equal(r.built, 3);
	assert_int_equal(r.removed, 2); /* January of both; February stays February but is built anew */
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (chart_date = DATE '2025-12-31')"), 12);
	b.groups = 1;
	r = build(&b);
	assert_int_equal(r.built, 2); /* one group's December and February */
	assert_int_equal(r.removed, 3);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*)"), 4);
	close_bench(&b);
}

static void add_pages(struct bench *b, int64_t at, const char *one, const char *two)
{
	source_mem_add(b->line.source, SLICE(LINE_PLAYLIST), at, SOURCE_PAGE, 0, slice_of(one));
	if (two)
		source_mem_add(b->line.source, SLICE(LINE_PLAYLIST), at, SOURCE_PAGE, 1, slice_of(two));
}

#define ITEM(id) "{\"track\":{\"type\":\"track\",\"id\":\"" id "\",\"name\":\"n\",\"uri\":\"u:" id "\"}}"
#define TEN(p) ITEM(p "0") "," ITEM(p "1") "," ITEM(p "2") "," ITEM(p "3") "," ITEM(p "4") "," ITEM(p "5") "," ITEM(p "6") "," \
	ITEM(p "7") "," ITEM(p "8") "," ITEM(p "9")

/* Each lies between two good snapshots of the same partition, which must come through whole. */
static void a_snapshot_that_cannot_be_used_is_a_letter_and_the_others_go_on(void **state)
{
	(void) state;
	static const struct {
		const char *name, *reason, *one, *two;
	} cases[] = {
		{ "truncated", "invalid_json", "{\"items\":[", NULL },
		{ "empty", "invalid_json", "", NULL },
		{ "no items", "no_items", "{\"total\":5}", NULL },
		{ "second page broken", "invalid_json", "{\"offset\":0,\"total\":20,\"items\":[" TEN("a") "]}", "{\"offset\":10" },
		{ "overlap", "inconsistent_pages", "{\"offset\":0,\"total\":20,\"items\":[" TEN("a") "]}",
		  "{\"offset\":9,\"total\":20,\"items\":[" TEN("b") "]}" },
		{ "same page twice", "inconsistent_pages", "{\"offset\":0,\"total\":20,\"items\":[" TEN("a") "]}",
		  "{\"offset\":0,\"total\":20,\"items\":[" TEN("a") "]}" },
		{ "nothing of something", "inconsistent_pages", "{\"offset\":0,\"total\":3,\"items\":[]}", NULL },
		{ "17 of 20", "inconsistent_pages", "{\"offset\":0,\"total\":20,\"items\":[" TEN("a") "]}",
		  "{\"offset\":10,\"total\":20,\"items\":[" ITEM("b0") "," ITEM("b1") "," ITEM("b2") "," ITEM("b3") "," ITEM("b4") ","
		  ITEM("b5") "," ITEM("b6") "]}" },
		{ "total from another world", "inconsistent_pages", "{\"offset\":0,\"total\":9000000000000000000,\"items\":[" TEN("a") "]}", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench b;
		open_bench(&b);
		line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT, 2);
		add_pages(&b, LINE_AT + 86400, cases[i].one, cases[i].two);
		line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT + 2 * 86400, 2);
		feed(&b);
		struct bronze_result r = build(&b);
		if (r.letters != 1 || letters(&b, cases[i].reason) != 1)
			fail_msg("%s: not refused as %s", cases[i].name, cases[i].reason);
		assert_int_equal(r.snapshots, 2);
		assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*)"), 2);
		assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*)"), 8);
		assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (track_id LIKE 'a%' OR track_id LIKE 'b%')"), 0);
		assert_int_equal(line_count(&b.line, "raw/"), 8 + 1 + 1 + (cases[i].two != NULL)); /* its bytes stay */
		close_bench(&b);
	}
}

static void a_small_shortfall_and_a_gap_between_pages_are_kept(void **state)
{
	(void) state;
	struct bench b;
	open_bench(&b);
	add_pages(&b, LINE_AT, "{\"offset\":0,\"total\":21,\"items\":[" TEN("a") "]}", "{\"offset\":11,\"total\":21,\"items\":[" TEN("b") "]}");
	add_pages(&b, LINE_AT + 1, "{\"offset\":0,\"total\":0,\"items\":[]}", NULL);
	feed(&b);
	assert_int_equal(build(&b).snapshots, 2);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "max(position)"), 21);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*) FILTER (position = 11)"), 0);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "sum(warnings)::BIGINT"), 1);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "count(*) FILTER (items = 0 AND entries = 0)"), 1);
	close_bench(&b);
}

/* A mended page under a revision of the manifest: the highest counts, the letter is taken back. */
static void a_revision_mends_a_snapshot(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct bench b;
	struct err err = { 0 };
	open_bench(&b);
	add_pages(&b, LINE_AT, "{\"offset\":0,\"total\":10,\"items\":[" TEN("a"), NULL);
	feed(&b);
	assert_int_equal(build(&b).letters, 1);
	assert_int_equal(letters(&b, "invalid_json"), 1);
	struct slice mended = SLICE("{\"offset\":0,\"total\":10,\"items\":[" TEN("a") "]}");
	struct manifest_page page = { .bytes = (int64_t) mended.len, .has_offset = true, .items = 10 };
	hash_sha256_hex(mended, page.sha256);
	const struct manifest m = { .playlist_id = SLICE(LINE_PLAYLIST), .snapshot_at = LINE_AT, .source = SLICE("mem"), .page = &page,
		                    .page_count = 1 };
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	manifest_write(&m, &text);
	assert_int_equal(store_put_if_absent(b.line.store, raw_page_key(m.playlist_id, LINE_AT, 0, page.sha256, &a), mended, NULL, &err), RC_OK);
	assert_int_equal(store_put_if_absent(b.line.store, raw_manifest_key(m.playlist_id, LINE_AT, 1, &a), buf_slice(&text), NULL, &err), RC_OK);
	struct bronze_result r = build(&b);
	assert_int_equal(r.built, 1);
	assert_int_equal(r.letters, 0);
	assert_int_equal(letters(&b, "invalid_json"), 0);
	assert_int_equal(ask(&b, BRONZE_SNAPSHOT, "sum(revision)::BIGINT"), 1);
	assert_int_equal(ask(&b, BRONZE_ENTRY, "count(*)"), 10);
	close_bench(&b);
}

static void a_damaged_raw_object_is_noticed(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena a = arena_new(1 << 24);
	struct bench b;
	struct err err = { 0 };
	struct store_list list;
	open_bench(&b);
	line_add_snapshot(&b.line, LINE_PLAYLIST, LINE_AT, 1);
	feed(&b);
	assert_int_equal(store_list(b.line.store, SLICE("raw/"), SLICE_NULL, 100, &a, &list, &err), RC_OK);
	for (size_t i = 0; i < list.count; i++)
		if (slice_find_str(list.object[i].key, SLICE("/page-")) != SIZE_MAX)
			assert_int_equal(store_replace(b.line.store, list.object[i].key, STORE_ANY_VERSION, SLICE("{\"items\":[]}"), NULL, &err), RC_OK);
	assert_int_equal(build(&b).letters, 1);
	assert_int_equal(letters(&b, "damaged_object"), 1);
	close_bench(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rows_of_all_tables_follow_from_the_pages),
	cmocka_unit_test(equal_inputs_are_not_built_again_and_a_new_snapshot_builds_its_partition_only),
	cmocka_unit_test(a_snapshot_that_cannot_be_used_is_a_letter_and_the_others_go_on),
	cmocka_unit_test(a_small_shortfall_and_a_gap_between_pages_are_kept),
	cmocka_unit_test(a_revision_mends_a_snapshot),
	cmocka_unit_test(a_damaged_raw_object_is_noticed),
};
TEST_SUITE(bronze, tests);
