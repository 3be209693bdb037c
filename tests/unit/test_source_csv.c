/* A CSV as a source: its charts, their pages and origin, and good lines between broken ones of every kind. */
#include "source/source.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define HEADER "spotify_id,name,artists,daily_rank,country,snapshot_date,popularity,is_explicit,duration_ms,album_name,album_release_date\n"

static const char *write_csv(struct slice bytes)
{
	static char path[4096];
	(void) snprintf(path, sizeof path, "%s/charts.csv", test_tmpdir());
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
	return path;
}

static struct source *open_csv(struct slice bytes)
{
	struct source *s = NULL;
	struct err err = { 0 };
	if (source_csv_open(write_csv(bytes), NULL, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}

struct got {
	struct buf playlist, page[32], origin, broken;
	size_t pages;
	int64_t broken_lines;
};

static struct got *got_new(void)
{
	struct got *g = mem_alloc(sizeof *g);
	g->playlist = buf_new(1 << 20);
	g->origin = buf_new(1 << 20);
	g->broken = buf_new(1 << 26);
	return g;
}

static void got_free(struct got **g)
{
	buf_done(&(*g)->playlist);
	buf_done(&(*g)->origin);
	buf_done(&(*g)->broken);
	for (size_t i = 0; i < (*g)->pages; i++)
		buf_done(&(*g)->page[i]);
	mem_free(*g);
}
#define GOT(g) CLEANUP(got_free) struct got *g = got_new()

static enum rc on_object(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err UNUSED)
{
	struct got *g = ctx;
	if (kind == SOURCE_PLAYLIST) {
		buf_add(&g->playlist, body);
		return RC_OK;
	}
	assert_int_equal(page, g->pages);
	g->page[g->pages] = buf_new(1 << 20);
	buf_add(&g->page[g->pages++], body);
	return RC_OK;
}

static void on_origin(void *ctx, struct slice json)
{
	buf_add(&((struct got *) ctx)->origin, json);
}

static int64_t noon(const char *date)
{
	int64_t day = 0;
	assert_true(time_parse_date(slice_of(date), &day));
	return day * 86400 + 43200;
}

static void fetch(struct source *s, const char *id, const char *date, struct got *g)
{
	const struct source_sink sink = { .ctx = g, .object = on_object, .origin = on_origin };
	struct err err = { 0 };
	if (source_fetch(s, slice_of(id), noon(date), &sink, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static enum rc on_broken(void *ctx, const struct source_broken *b, struct err *err UNUSED)
{
	struct got *g = ctx;
	assert_null(b->playlist_id.ptr);
	g->broken_lines += b->lines;
	buf_addf(&g->broken, "%.*s %lld %.*s\n%.*s", SLICE_FMT(b->reason), (long long) b->lines, SLICE_FMT(b->name), SLICE_FMT(b->bytes));
	return RC_OK;
}

static const char *broken_of(struct source *s, struct got *g)
{
	assert_int_equal(source_broken(s, on_broken, g, NULL), RC_OK);
	return buf_str(&g->broken);
}

/* "id@date,date " of all there is. */
static const char *told(struct source *s, struct arena *arena)
{
	struct source_ids ids;
	struct err err = { 0 };
	CLEANUP(buf_done) struct buf out = buf_new(1 << 20);
	if (source_playlists(s, arena, &ids, &err) != RC_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ids.count; i++) {
		struct source_times times;
		assert_int_equal(source_snapshots(s, ids.id[i], arena, &times, NULL), RC_OK);
		buf_addf(&out, "%.*s@", SLICE_FMT(ids.id[i]));
		for (size_t k = 0; k < times.count; k++)
			buf_addf(&out, "%s%s", k ? "," : "", time_rfc3339(times.unix_s[k]).s);
		buf_addc(&out, ' ');
	}
	return arena_strdup(arena, buf_slice(&out));
}

/* "id id - id" of the items of a page, "-" for null. */
static const char *ids_of(struct got *g, struct arena *arena)
{
	CLEANUP(buf_done) struct buf out = buf_new(1 << 20);
	for (size_t p = 0; p < g->pages; p++) {
		CLEANUP(json_freep) struct json *page = NULL;
		assert_int_equal(json_parse(buf_slice(&g->page[p]), &page, NULL), RC_OK);
		assert_int_equal(json_get_integer(page, "offset", -1), 50 * p);
		const struct json *items = json_get(page, "items");
		for (size_t i = 0; i < json_size(items); i++) {
			struct slice id = json_get_string(json_get(json_at(items, i), "item"), "id");
			buf_addf(&out, "%s%.*s", out.len ? " " : "", SLICE_FMT(id.ptr ? id : SLICE("-")));
		}
	}
	return arena_strdup(arena, buf_slice(&out));
}

static void a_country_is_a_playlist_and_a_day_its_snapshot(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(source_closep) struct source *s = open_csv(SLICE(HEADER
		"b,B,\"X, Y\",2,IN,2/12/2025,90,FALSE,1000,Al,5/4/2024\n" /* of both ways to write a date, in no order */
		"g,G,Z,1,,2025-02-12,80,TRUE,1000,Al,2019\n"
		"a,A,X,1,IN,2025-02-12,90,FALSE,1000,Al,2024-05\n"
		"c,C,,1,in,2025-02-11,,,,,\n"));
	assert_string_equal(told(s, &arena), "chart-GLOBAL@2025-02-12T12:00:00Z chart-IN@2025-02-11T12:00:00Z,2025-02-12T12:00:00Z ");
	GOT(g);
	fetch(s, "chart-IN", "2025-02-12", g);
	assert_string_equal(ids_of(g, &arena), "a b");
	assert_non_null(strstr(buf_str(&g->playlist), "\"id\":\"chart-IN\",\"name\":\"Top Songs – IN\""));
	const char *page = buf_str(&g->page[0]);
	assert_non_null(strstr(page, "{\"external_urls\":{},\"href\":null,\"id\":\"name:X\",\"name\":\"X\",\"type\":\"artist\",\"uri\":null}"));
	assert_non_null(strstr(page, "\"id\":\"name:Y\""));
	assert_non_null(strstr(page, "\"release_date\":\"2024-05\",\"release_date_precision\":\"month\""));
	assert_non_null(strstr(page, "\"release_date\":\"2024-05-04\",\"release_date_precision\":\"day\""));
	assert_non_null(strstr(page, "\"duration_ms\":1000,\"explicit\":false,\"is_local\":false,\"popularity\":90}"));
	assert_non_null(strstr(page, "https://open.spotify.com/track/a"));
	GOT(global);
	fetch(s, "chart-GLOBAL", "2025-02-12", global);
	assert_non_null(strstr(buf_str(&global->playlist), "Top Songs – Global"));
	GOT(bare);
	fetch(s, "chart-IN", "2025-02-11", bare);
	assert_non_null(strstr(buf_str(&bare->page[0]), "\"artists\":[],\"is_local\":false}"));
}

static void the_origin_names_file_sum_and_lines(void **unused UNUSED)
{
	static const char text[] = "\xef\xbb\xbf" HEADER
	                           "a,A,X,1,IN,2025-02-12,,,,,\r\n"
	                           "b,B,X,2,IN,2025-02-12,,,,,\r\n"
	                           "\r\n"
	                           "d,\"D\r\nD\",X,4,IN,2025-02-12,,,,,\r\n"
	                           "e,E,X,5,IN,2025-02-12,,,,,\r\n"
	                           "x,X,X,1,,2025-02-12,,,,,\r\n"
	                           "f,F,X,6,IN,2025-02-12,,,,,";
	struct slice bytes = { text, sizeof text - 1 };
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(source_closep) struct source *s = open_csv(bytes);
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(bytes, sha256);
	GOT(g);
	fetch(s, "chart-IN", "2025-02-12", g);
	assert_string_equal(ids_of(g, &arena), "a b - d e f");
	assert_string_equal(buf_str(&g->origin),
	                    arena_printf(&arena, "{\"kind\":\"csv\",\"file\":\"charts.csv\",\"sha256\":\"%s\",\"lines\":[[2,3],null,[5,7],[9,9]]}",
	                                 sha256).ptr);
	assert_string_equal(broken_of(s, g), "");
}

static void pages_of_fifty_with_holes(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	buf_adds(&text, HEADER);
	for (int rank = 1000; rank >= 1; rank -= 333)
		buf_addf(&text, "t%d,N,X,%d,US,2025-01-01,,,,,\n", rank, rank);
	CLEANUP(source_closep) struct source *s = open_csv(buf_slice(&text));
	GOT(g);
	fetch(s, "chart-US", "2025-01-01", g);
	assert_int_equal(g->pages, 20);
	const char *ids = ids_of(g, &arena);
	assert_true(strncmp(ids, "t1 - - ", 7) == 0 && strstr(ids, " - t334 - ") && strstr(ids, " - t667 - ") && strstr(ids, " - t1000"));
	assert_non_null(strstr(buf_str(&g->page[19]), "\"next\":null,\"offset\":950,"));
	assert_non_null(strstr(buf_str(&g->page[0]), "\"total\":1000,"));
}

static const char nasty[] = HEADER
	"a,A,X,1,IN,2025-02-12,,,,,\n"
	"b,B,X\n"
	"c,C,X,2,IN,2025-02-12,,,,,\n"
	"d,\"open,X,3,IN,2025-02-12,,,,,\n"
	"e,E,\"X, Y\",3,IN,2025-02-12,,,,,\n"
	"f,F,X,1,IN,2025-02-12,,,,,\n"
	",G,X,4,IN,2025-02-12,,,,,\n"
	"h,H,X,4,IN,2025-02-30,,,,,\n"
	"i,\xff,X,4,IN,2025-02-12,,,,,\n"
	"j,J,X,1001,IN,2025-02-12,,,,,\n"
	"k,K,X,4,IN,2025-02-12,x,,,,\n"
	"l,L,X,4,I/N,2025-02-12,,,,,\n"
	"m,M,X,4,IN,2025-02-12,,maybe,,,\n"
	"n?,N,X,4,IN,2025-02-12,,,,,\n"
	"o,O,X,4,IN,2025-02-12,,,,,\n"
	"p,\"two\nlines\nthat are,wrong\",X\n"
	"q,Q,X,5,IN,2025-02-12,,,,,\n"
	"r,R,X,6,IN,2025-02-12,,,,,\"";

static void good_lines_between_broken_ones_of_every_kind(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	buf_add(&text, (struct slice){ nasty, strcspn(nasty, "q") });
	buf_adds(&text, "long,");
	while (text.len < 300000)
		buf_addc(&text, 'x');
	buf_adds(&text, "\n");
	buf_adds(&text, nasty + strcspn(nasty, "q"));
	CLEANUP(source_closep) struct source *s = open_csv(buf_slice(&text));
	GOT(g);
	fetch(s, "chart-IN", "2025-02-12", g);
	assert_string_equal(ids_of(g, &arena), "a c e o q");
	static const char *const want[] = {
		"csv_bad_country 1 ", "csv_bad_date 1 ", "csv_bad_flag 1 ", "csv_bad_id 1 ", "csv_bad_number 1 ", "csv_bad_rank 1 ",
		"csv_duplicate_rank 1 ", "csv_missing_id 1 ", "csv_not_utf8 1 ", "csv_too_long 1 ", "csv_unterminated_quote 3 ",
		"csv_wrong_columns 3 ", "\n3\tb,B,X\n", "\n7\tf,F,X,1,IN,2025-02-12,,,,,\n", "\n5\td,\"open,X,3,IN,2025-02-12,,,,,\n17\tp,\"two\n",
		"\n18\tlines\n19\tthat are,wrong\",X\n", "\n20\tlong,xxx", "22\tr,R,X,6,IN,2025-02-12,,,,,\"\n",
	};
	const char *have = broken_of(s, g);
	for (size_t i = 0; i < COUNT_OF(want); i++)
		if (!strstr(have, want[i]))
			fail_msg("'%s' is not in: %.4000s", want[i], have);
	assert_int_equal(g->broken_lines, 16);
}

/* More lines below: the same broken ones have the same names. */
static void a_file_that_grew_tells_the_same_broken_lines(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	static const char first[] = HEADER "a,A,X,1,IN,2025-02-12,,,,,\nb,B,X\nc,C,X,1,IN,soon,,,,,\n";
	static const char more[] = HEADER "a,A,X,1,IN,2025-02-12,,,,,\nb,B,X\nc,C,X,1,IN,soon,,,,,\nd,D,X,1,IN,2025-02-13,,,,,\n";
	CLEANUP(source_closep) struct source *s = open_csv(slice_of(first));
	CLEANUP(source_closep) struct source *grown = open_csv(slice_of(more));
	GOT(g);
	GOT(h);
	assert_string_equal(broken_of(s, g), broken_of(grown, h));
	assert_string_equal(told(grown, &arena), "chart-IN@2025-02-12T12:00:00Z,2025-02-13T12:00:00Z ");
}

static void lines_wrapped_in_quotes_as_a_whole(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(source_closep) struct source *s = open_csv(SLICE(
		"\"spotify_id,\"\"name\"\",\"\"artists\"\",\"\"daily_rank\"\",\"\"country\"\",\"\"snapshot_date\"\"\";\n"
		"\"a,\"\"A \"\"\"\"q\"\"\"\"\"\",\"\"X, Y\"\",\"\"1\"\",\"\"\"\",\"\"2025-02-18\"\"\";\n"
		"b,B,X,2,,2025-02-18\n"
		"\"c,\"\"C\"\",\"\"X\"\",\"\"3\"\",\"\"\"\",\"\"2025-02-18\"\"\"\n"
		"\"d,\"\"D\"\",X\n"));
	GOT(g);
	fetch(s, "chart-GLOBAL", "2025-02-18", g);
	assert_string_equal(ids_of(g, &arena), "a b c");
	assert_non_null(strstr(buf_str(&g->page[0]), "\"name\":\"A \\\"q\\\"\""));
	assert_non_null(strstr(broken_of(s, g), "csv_unterminated_quote 1 "));
}

/* Records on the edges of what is read at once. */
static void records_of_every_length_around_the_window(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
	buf_adds(&text, HEADER);
	uint64_t x = test_seed();
	int days = 0;
	while (text.len < (3 << 20)) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		buf_addf(&text, "t%d,\"N", days);
		for (uint64_t i = (x >> 33) % ((x >> 20) % 10 == 0 ? 60000 : 300); i > 0; i--)
			buf_adds(&text, i % 97 == 0 ? "\n" : i % 31 == 0 ? "\"\"" : "x");
		buf_addf(&text, "\",X,1,IN,%s,,,,,\r\n", time_date(10000 + days++).s);
	}
	CLEANUP(source_closep) struct source *s = open_csv(buf_slice(&text));
	struct source_times times;
	assert_int_equal(source_snapshots(s, SLICE("chart-IN"), &arena, &times, NULL), RC_OK);
	assert_int_equal(times.count, days);
	for (int i = 0; i < days; i += 7) {
		GOT(g);
		fetch(s, "chart-IN", time_date(10000 + i).s, g);
		assert_string_equal(ids_of(g, &arena), arena_printf(&arena, "t%d", i).ptr);
	}
	GOT(g);
	assert_string_equal(broken_of(s, g), "");
}

static void what_is_no_such_file_is_named_with_the_next_step(void **unused UNUSED)
{
	static const struct {
		const char *bytes, *want;
	} cases[] = {
		{ "", "is empty" },
		{ "\n\r\n\n", "is empty" },
		{ "\xef\xbb\xbf", "is empty" },
		{ "id,name\n1,2\n", "lacks the columns spotify_id, artists, daily_rank, country, snapshot_date: want the CSV of" },
		{ "PK\x03\x04....", "is compressed: unpack it first" },
		{ "\x1f\x8b....", "is compressed: unpack it first" },
		{ "\xfd" "7zXZ....", "is compressed: unpack it first" },
		{ "spotify_id,name,artists,daily_rank,country,snapshot_date\ra,A,X,1,IN,2025-02-12\r", "ends its lines with CR alone: convert it first" },
		{ "\"spotify_id,name", "its first line is no header" },
	};
	struct source *s = (struct source *) (uintptr_t) cases;
	struct err err = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(source_csv_open(write_csv(slice_of(cases[i].bytes)), NULL, &s, &err), RC_FATAL);
		assert_null(s);
		if (!strstr(err.msg, cases[i].want) || !strstr(err.msg, "charts.csv"))
			fail_msg("%s", err.msg);
	}
	const char *dir = test_tmpdir();
	assert_int_equal(source_csv_open(dir, NULL, &s, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "is a folder: name the CSV file"));
	assert_int_equal(source_csv_open("/no/such.csv", NULL, &s, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "/no/such.csv: no such file"));
	assert_int_equal(source_csv_open("", NULL, &s, &err), RC_FATAL);
	char fifo[4096];
	(void) snprintf(fifo, sizeof fifo, "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(source_csv_open(fifo, NULL, &s, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "is no file"));
}

static void a_header_alone_has_no_chart(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(source_closep) struct source *s = open_csv(SLICE(HEADER));
	struct source_times times;
	struct err err = { 0 };
	assert_string_equal(told(s, &arena), "");
	static const char *const ids[] = { "chart-IN", "chart-", "IN", "chart", "../x" };
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		assert_int_equal(source_snapshots(s, slice_of(ids[i]), &arena, &times, &err), RC_NOT_FOUND);
		assert_non_null(strstr(err.msg, ids[i]));
	}
}

static void a_file_that_changes_meanwhile_is_refused(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	const char *path = write_csv(SLICE(HEADER "a,A,X,1,IN,2025-02-12,,,,,\n"));
	CLEANUP(source_closep) struct source *s = NULL;
	struct err err = { 0 };
	assert_int_equal(source_csv_open(path, NULL, &s, NULL), RC_OK);
	(void) told(s, &arena);
	FILE *f = fopen(path, "ab");
	assert_non_null(f);
	(void) fputs("b,B,X,2,IN,2025-02-12,,,,,\n", f);
	assert_int_equal(fclose(f), 0);
	GOT(g);
	const struct source_sink sink = { .ctx = g, .object = on_object };
	assert_int_equal(source_fetch(s, SLICE("chart-IN"), noon("2025-02-12"), &sink, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "changed while it was imported"));
}

static void the_stop_flag_ends_the_pass(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	atomic_bool stop = false;
	CLEANUP(source_closep) struct source *s = NULL;
	struct source_ids ids;
	assert_int_equal(source_csv_open(write_csv(SLICE(HEADER "a,A,X,1,IN,2025-02-12,,,,,\nb,B\n")), &stop, &s, NULL), RC_OK);
	stop = true;
	assert_int_equal(source_playlists(s, &arena, &ids, NULL), RC_RETRY);
	stop = false;
	assert_string_equal(told(s, &arena), "chart-IN@2025-02-12T12:00:00Z ");
	GOT(g);
	assert_non_null(strstr(broken_of(s, g), "csv_wrong_columns 1 "));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_country_is_a_playlist_and_a_day_its_snapshot),
	cmocka_unit_test(the_origin_names_file_sum_and_lines),
	cmocka_unit_test(pages_of_fifty_with_holes),
	cmocka_unit_test(good_lines_between_broken_ones_of_every_kind),
	cmocka_unit_test(a_file_that_grew_tells_the_same_broken_lines),
	cmocka_unit_test(lines_wrapped_in_quotes_as_a_whole),
	cmocka_unit_test(records_of_every_length_around_the_window),
	cmocka_unit_test(what_is_no_such_file_is_named_with_the_next_step),
	cmocka_unit_test(a_header_alone_has_no_chart),
	cmocka_unit_test(a_file_that_changes_meanwhile_is_refused),
	cmocka_unit_test(the_stop_flag_ends_the_pass),
};
TEST_SUITE(source_csv, tests)
