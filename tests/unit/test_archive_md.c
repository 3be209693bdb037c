/* The archive's Markdown: headers of all its times, names full of its own punctuation, rows that are none. */
#include "source/archive_md.h"

#include "base/mem.h"
#include "test.h"

#define HEAD "### [A list](https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4)\n\n> What it is\n\n"
#define TABLE "| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n"
#define T(id) "](https://open.spotify.com/track/" id ")"
#define A(id) "](https://open.spotify.com/artist/" id ")"
#define B(id) "](https://open.spotify.com/album/" id ")"

struct page {
	struct arena head, names;
	struct md_reader md;
	struct md_row *row;
};

static enum md_reason open_page(struct page *p, const char *text)
{
	*p = (struct page){ .head = arena_new(MD_HEAD_BYTES), .names = arena_new((size_t) 1 << 20), .row = mem_alloc(sizeof *p->row) };
	return md_open(slice_of(text), &p->head, &p->md);
}

static void page_done(struct page *p)
{
	arena_done(&p->head);
	arena_done(&p->names);
	mem_free(p->row);
}
#define PAGE(p, text)                             \
	CLEANUP(page_done) struct page p = { 0 }; \
	assert_int_equal(open_page(&p, text), MD_FINE)

static void a_version_of_2021(void **unused UNUSED)
{
	PAGE(p, "pretty - [cumulative](/playlists/cumulative/A%20list.md)\n\n" HEAD TABLE
	        "| 1 | [Madaari (From \"Roohi\") [Remix]" T("t1") " | [Sachin-Jigar" A("a1") ", [IP Singh" A("a2") " | [Roohi [From \"X\"]" B("b1") " | 2:44 |\n"
	        "| 2 | [A | B" T("t2") " | [Salt, Pepa & Co" A("a3") " | [C | D | E" B("b2") " | 1:02:03 |\n");
	assert_true(slice_is(p.md.playlist_id, "4nNVfQ9eWidZXkBKZN5li4"));
	assert_true(slice_is(p.md.name, "A list") && slice_is(p.md.description, "What it is"));
	assert_true(!p.md.owner_name.ptr && !p.md.has_followers && !p.md.snapshot_id.ptr);
	assert_true(md_next(&p.md, &p.names, p.row));
	const struct import_item *item = &p.row->item;
	assert_int_equal(p.row->reason, MD_FINE);
	assert_int_equal(p.row->position, 1);
	assert_int_equal(p.row->line, 9);
	assert_true(item->kind == IMPORT_TRACK && slice_is(item->id, "t1") && slice_is(item->name, "Madaari (From \"Roohi\") [Remix]"));
	assert_int_equal(item->artist_count, 2);
	assert_true(slice_is(item->artist[0].name, "Sachin-Jigar") && slice_is(item->artist[1].id, "a2"));
	assert_true(slice_is(item->album_name, "Roohi [From \"X\"]") && slice_is(item->album_id, "b1"));
	assert_int_equal(item->duration_ms, 164000);
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_int_equal(p.row->reason, MD_FINE);
	assert_true(slice_is(item->name, "A | B") && slice_is(item->artist[0].name, "Salt, Pepa & Co") && slice_is(item->album_name, "C | D | E"));
	assert_int_equal(item->artist_count, 1);
	assert_int_equal(item->duration_ms, 3723000);
	assert_false(md_next(&p.md, &p.names, p.row));
	assert_false(md_next(&p.md, &p.names, p.row));
}

static void a_later_version_with_escapes_owner_and_id(void **unused UNUSED)
{
	PAGE(p, "### [E\\.T\\. \\- list](https://open.spotify.com/playlist/abc)\n\n> \n\n[o\\_wner](https://open.spotify.com/user/u1) - 1,234 likes - 2 songs - 6 min\n\n"
	        TABLE "| 1 | [E.T\\. \\- feat\\. \\(X\\) \\| \\\\" T("t1") " | [Ne\\-Yo" A("a1") " | [G\\*\\*n" B("b1") " | 0:05 |\n"
	        "| 2 | [¯\\_(ツ)_/¯ \\| x" T("t2") " | [AC\\DC" A("a2") " |  | 12:00 |\n\nSnapshot ID: `MTIz`\n");
	assert_true(slice_is(p.md.name, "E.T. - list") && slice_is(p.md.description, "") && slice_is(p.md.owner_id, "u1"));
	assert_true(slice_is(p.md.owner_name, "o_wner") && slice_is(p.md.snapshot_id, "MTIz"));
	assert_true(p.md.has_followers && p.md.followers == 1234);
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_true(slice_is(p.row->item.name, "E.T. - feat. (X) | \\") && slice_is(p.row->item.artist[0].name, "Ne-Yo"));
	assert_true(slice_is(p.row->item.album_name, "G**n"));
	assert_int_equal(p.row->item.duration_ms, 5000);
	assert_true(md_next(&p.md, &p.names, p.row)); /* a bare bracket: nothing was escaped here but the pipe */
	assert_true(slice_is(p.row->item.name, "¯\\_(ツ)_/¯ | x") && slice_is(p.row->item.artist[0].name, "AC\\DC"));
	assert_true(p.row->item.has_album && slice_is(p.row->item.album_name, ""));
	assert_false(md_next(&p.md, &p.names, p.row));
}

static void the_first_versions(void **unused UNUSED)
{
	PAGE(p, "### [L](http://open.spotify.com/user/spotify/playlist/abc) ([abc](https://github.com/x))\r\n\r\n> d\r\n> more\r\n\r\n"
	        "| No. | Title | Artist(s) | Album | Length |\r\n|-----|-------|-----------|-------|--------|\r\n"
	        "| 1 | [T" T("t1") " | [X" A("a1") " | [Y" B("b1") " | 45 |");
	assert_true(slice_is(p.md.playlist_id, "abc") && slice_is(p.md.description, "d more"));
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_int_equal(p.row->item.duration_ms, 45000);
	assert_false(md_next(&p.md, &p.names, p.row));
}

static void an_empty_table_and_one_without_dashes(void **unused UNUSED)
{
	PAGE(p, HEAD TABLE);
	assert_false(md_next(&p.md, &p.names, p.row));
	assert_int_equal(p.md.position, 0);
	PAGE(q, HEAD "| No. | Title | Artist(s) | Album | Length |\n| 1 | [T" T("t1") " |  | [Y" B("b1") " |  |\n");
	assert_true(md_next(&q.md, &q.names, q.row));
	assert_int_equal(q.row->reason, MD_FINE);
	assert_true(q.row->item.artist_count == 0 && !q.row->item.has_duration);
}

static void local_files_and_episodes(void **unused UNUSED)
{
	PAGE(p, HEAD TABLE "| 1 | My song | Me | My album | 3:00 |\n| 2 | [Ep (1)](https://open.spotify.com/episode/e1) |  | [Show](https://open.spotify.com/show/s1) | 61:00 |\n"
	        "| 3 | [T" T("t3") " | Nobody, [X" A("a1") " | Plain album | 1:00 |\n"
	        "| 4 | a \\| b | c | d \\| e | 1:00 |\n");
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_true(p.row->item.kind == IMPORT_LOCAL && slice_is(p.row->item.name, "My song") && !p.row->item.id.ptr);
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_true(p.row->item.kind == IMPORT_EPISODE && slice_is(p.row->item.id, "e1") && !p.row->item.album_id.ptr);
	assert_int_equal(p.row->item.duration_ms, 3660000);
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_true(p.row->reason == MD_FINE && p.row->item.artist_count == 2 && !p.row->item.artist[0].id.ptr);
	assert_true(slice_is(p.row->item.artist[0].name, "Nobody") && slice_is(p.row->item.artist[1].id, "a1"));
	assert_true(slice_is(p.row->item.album_name, "Plain album") && !p.row->item.album_id.ptr);
	assert_true(md_next(&p.md, &p.names, p.row));
	assert_true(p.row->item.kind == IMPORT_LOCAL && slice_is(p.row->item.name, "a | b"));
}

static void rows_that_are_none_keep_their_place(void **unused UNUSED)
{
	static const char *const bad[] = {
		"|",
		"||||||",
		"| 2 |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:60 |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | -3:00 |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 1:2:3:4 |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:0x |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00 | 2021-01-01 |",
		"| 2 | [T" T("t") " and more | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 2 | [T" T("t") " | [X" A("a") "; [Z" A("z") " | [Y" B("b") " | 3:00 |",
		"| 2 | [T" T("../x") " | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 2 | [T](https://open.spotify.com/artist/x) | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 2 | [T](https://open.spotify.com/track/x | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 2 | [T" T("t") " | [X" A("a") " | [Y" B("b") " more | 3:00 |",
		"| 2 |  | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 2 | [\xff" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| two | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 0 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00 |",
		"| 4000 | [T" T("t") " | [X" A("a") " | [Y" B("b") " | 3:00 |",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
		buf_addf(&text, HEAD TABLE "| 1 | [T" T("t1") " | [X" A("a") " | [Y" B("b") " | 3:00 |\n%s\n", bad[i]);
		buf_adds(&text, "| 3 | [T" T("t3") " | [X" A("a") " | [Y" B("b") " | 3:00 |\n");
		PAGE(p, buf_str(&text));
		assert_true(md_next(&p.md, &p.names, p.row) && p.row->reason == MD_FINE);
		assert_true(md_next(&p.md, &p.names, p.row));
		if (p.row->reason == MD_FINE || p.row->position != 2 || p.row->item.kind != IMPORT_NULL)
			fail_msg("%s: position %lld", bad[i], (long long) p.row->position);
		assert_true(slice_is(p.row->text, bad[i]));
		assert_true(md_next(&p.md, &p.names, p.row) && p.row->reason == MD_FINE && p.row->position == 3);
		assert_false(md_next(&p.md, &p.names, p.row));
	}
}

static void numbers_tell_the_position(void **unused UNUSED)
{
#define ROW(n) "| " n " | [T" T("t" n) " | [X" A("a") " | [Y" B("b") " | 3:00 |\n"
	PAGE(p, HEAD TABLE ROW("1") ROW("3") ROW("3") ROW("2") "half a title](https://x) | y |\n" ROW("4"));
	static const struct {
		int64_t position;
		enum md_reason reason;
	} want[] = { { 1, MD_FINE }, { 3, MD_FINE }, { 0, MD_REASON_bad_number }, { 0, MD_REASON_bad_number }, { 0, MD_REASON_bad_row }, { 4, MD_FINE } };
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		assert_true(md_next(&p.md, &p.names, p.row));
		assert_int_equal(p.row->position, want[i].position);
		assert_int_equal(p.row->reason, want[i].reason);
	}
	assert_false(md_next(&p.md, &p.names, p.row));
}

static void other_files_are_told_apart(void **unused UNUSED)
{
	static const struct {
		const char *reason, *text;
	} cases[] = {
		{ "archive_no_header", "" },
		{ "archive_no_header", "# Readme\n\n- [a](b)\n" },
		{ "archive_no_header", "### [x](https://example.com/playlist/abc)\n" TABLE },
		{ "archive_no_header", "### [x](https://open.spotify.com/album/abc)\n" TABLE },
		{ "archive_no_header", "### [x](https://open.spotify.com/playlist/a/..)\n" TABLE },
		{ "archive_no_table", TABLE HEAD },
		{ "archive_no_table", HEAD },
		{ "archive_no_table", HEAD "| Title | Artist(s) | Album | Length | Added | Removed |\n|---|---|---|---|---|---|\n" },
		{ "archive_no_table", HEAD "| No. | Title | Artist(s) | Album |\n" },
		{ "archive_no_table", HEAD "| No. | Title | Artist(s) | Album | Length | More |\n" },
		{ "archive_not_utf8", "### [\xc3](https://open.spotify.com/playlist/abc)\n" TABLE },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(page_done) struct page p = { 0 };
		enum md_reason reason = open_page(&p, cases[i].text);
		assert_true(reason != MD_FINE);
		assert_string_equal(md_reason(reason)->name, cases[i].reason);
		assert_true(strlen(md_reason(reason)->what) > 0);
	}
}

/* What a file could do to memory: descriptions and owners without end. */
static void a_long_head_stays_within_its_arena(void **unused UNUSED)
{
	CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
	buf_adds(&text, "### [L](https://open.spotify.com/playlist/abc)\n");
	for (int i = 0; i < 200000; i++)
		buf_adds(&text, "> more and more and more and more\n[o](https://open.spotify.com/user/u) - 1 likes\n");
	buf_adds(&text, TABLE);
	PAGE(p, buf_str(&text));
	assert_true(p.md.description.len <= 65536);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_version_of_2021),
	cmocka_unit_test(a_later_version_with_escapes_owner_and_id),
	cmocka_unit_test(the_first_versions),
	cmocka_unit_test(an_empty_table_and_one_without_dashes),
	cmocka_unit_test(local_files_and_episodes),
	cmocka_unit_test(rows_that_are_none_keep_their_place),
	cmocka_unit_test(numbers_tell_the_position),
	cmocka_unit_test(other_files_are_told_apart),
	cmocka_unit_test(a_long_head_stays_within_its_arena),
};
TEST_SUITE(archive_md, tests)
