/* The page reader against rows written by hand (pages/), counts worked out by other means, and independent code. */
#include "expect.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "bronze/film.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define PAGES "tests/golden/pages"

static struct slice read_all(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("%s: cannot be read", path);
	(void) fseek(file, 0, SEEK_END);
	long size = ftell(file);
	rewind(file);
	char *bytes = arena_alloc(arena, (size_t) size + 1);
	size_t got = fread(bytes, 1, (size_t) size, file);
	(void) fclose(file);
	assert_int_equal(got, size);
	return (struct slice){ bytes, got };
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Calls visit(path) for every file below `folder`, in order. */
static size_t walk(struct arena *arena, const char *folder, void (*visit)(const char *path, void *ctx), void *ctx)
{
	struct dirent **names;
	size_t files = 0;
	int n = scandir(folder, &names, is_visible, alphasort);
	if (n < 0)
		fail_msg("%s: cannot be listed", folder);
	for (int i = 0; i < n; i++) {
		const char *path = arena_printf(arena, "%s/%s", folder, names[i]->d_name).ptr;
		if (names[i]->d_type == DT_DIR) {
			files += walk(arena, path, visit, ctx);
		} else {
			visit(path, ctx);
			files++;
		}
		free(names[i]);
	}
	free(names);
	return files;
}

/* --- pages with rows written by hand ------------------------------------------------------------------------ */

static void peek_agrees(const char *path, struct slice body, const struct page *read)
{
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct page peek;
	page_peek(body, &peek, &arena);
	if (!slice_eq(slice_of(peek.reason), slice_of(read->reason)))
		fail_msg("%s: page_peek says '%s', page_read '%s'", path, peek.reason, read->reason);
	if (read->reason)
		return;
	if (peek.offset.has != read->offset.has || peek.offset.value != read->offset.value ||
	    peek.total.has != read->total.has || peek.total.value != read->total.value ||
	    peek.has_next != read->has_next || peek.shape_items != read->shape_items || peek.items != read->items ||
	    peek.has_playlist != read->has_playlist ||
	    !slice_eq(peek.playlist.snapshot_id, read->playlist.snapshot_id))
		fail_msg("%s: page_peek and page_read disagree", path);
}

static void judge_golden(const char *path, void *ctx)
{
	size_t *pages = ctx;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct slice name = slice_of(path);
	struct page page;
	struct err err = { 0 };
	if (!slice_ends(name, SLICE(".json"))) {
		assert_true(slice_ends(name, SLICE(".expect")));
		return;
	}
	const char *expect_path = arena_printf(&arena, "%.*s.expect", (int) name.len - 5, name.ptr).ptr;
	struct slice expected = read_all(&arena, expect_path);
	struct slice body = read_all(&arena, path);
	enum rc rc = page_read(body, &arena, &page, &err);
	expect_page(expect_path, expected, rc, &page, &err);
	peek_agrees(path, body, &page);
	(*pages)++;
}

static void pages_give_the_rows_written_by_hand(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	size_t pages = 0, files = walk(&arena, PAGES, judge_golden, &pages);
	assert_int_equal(files, 2 * pages); /* no rows without a page, no page without rows */
	assert_true(pages >= 50);
}

static void a_playlist_object_gives_its_facts(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct playlist_facts facts;
	struct err err = { 0 };
	assert_int_equal(playlist_read(SLICE("{\"id\":\"P\",\"name\":\"Rain\",\"owner\":{\"id\":\"asha\",\"display_name\":\"Asha\"},"
	                                     "\"description\":\"\",\"snapshot_id\":\"S\",\"followers\":{\"total\":12.0}}"),
	                               &arena, &facts, &err), RC_OK);
	assert_true(slice_is(facts.id, "P") && slice_is(facts.name, "Rain") && slice_is(facts.owner_id, "asha"));
	assert_true(slice_is(facts.owner_name, "Asha") && slice_is(facts.snapshot_id, "S"));
	assert_true(facts.description.ptr && !facts.description.len);
	assert_true(facts.followers.has && facts.followers.value == 12);

	assert_int_equal(playlist_read(SLICE("{\"name\":7,\"owner\":[],\"followers\":{\"total\":\"many\"}}"), &arena, &facts, &err), RC_OK);
	assert_null(facts.name.ptr);
	assert_null(facts.owner_id.ptr);
	assert_false(facts.followers.has);

	assert_int_equal(playlist_read(SLICE("[{\"id\":\"P\"}]"), &arena, &facts, &err), RC_REJECT);
	assert_string_equal(err.msg, "a playlist is a JSON object, this is an array");
	assert_int_equal(playlist_read(SLICE("{\"id\":"), &arena, &facts, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "byte 6: invalid JSON"));
	struct arena tiny CLEANUP(arena_done) = arena_new(16);
	assert_int_equal(playlist_read(SLICE("{\"id\":\"P\",\"name\":\"longer than what is left\"}"), &tiny, &facts, &err), RC_REJECT);
	assert_null(facts.id.ptr);
}

static void a_playlist_without_its_items_is_peeked_at(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct page page;
	page_peek(SLICE("{\"type\":\"playlist\",\"id\":\"P\",\"snapshot_id\":\"S7\"}"), &page, &arena);
	assert_string_equal(page.reason, "no_items");
	assert_true(page.has_playlist && slice_is(page.playlist.snapshot_id, "S7"));
	page_peek(SLICE("{\"error\":{\"status\":404}}"), &page, &arena);
	assert_false(page.has_playlist);
}

/* --- the recorded answers of the API ------------------------------------------------------------------------ */

struct api_counts {
	const char *file;
	int64_t items, entries, track_credits, album_credits, relinked, restricted, playable, local, episodes;
	const char *snapshot_id;
	bool shape_items;
};

static void recorded_answers_give_the_counts_worked_out_elsewhere(void **state)
{
	(void) state;
	TEST_NEED_SHARED();
	static const struct api_counts all[] = {
		{ "2022-playlist-tracks-40.json", 40, 40, 70, 66, 0, 0, 0, 0, 0, NULL, false },
		{ "2026-playlist_1.json", 1, 1, 2, 2, 0, 0, 0, 0, 0, "AAAAAqEcxS92ddZ6R83Q8TWFhYshm18s", true },
		{ "2026-playlist_2.json", 2, 1, 1, 1, 0, 0, 0, 1, 0, "AAAAAoRTkoeSGwZYJQxBuBVJ4+cWjJZf", false },
		{ "2026-playlist_3.json", 3, 2, 2, 2, 0, 0, 0, 0, 1, "AAAABAH0cNr4wijSj1w6aGGVK+7f85Ex", false },
		{ "2026-playlist_items.json", 1, 1, 2, 2, 0, 0, 0, 0, 0, NULL, true },
		{ "bollywood-2019-market-call.json", 40, 40, 127, 64, 3, 2, 40, 0, 0, NULL, false },
		{ "episodes-and-tracks.json", 4, 2, 2, 2, 0, 0, 0, 0, 2, NULL, false },
		{ "top50-global-2024-05-15-full-playlist.json", 50, 50, 69, 63, 0, 0, 0, 0, 0,
		  "LdekOAAAAAAAAAAAAAAAAAAAAAAAAGVu", false },
	};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		const struct api_counts *want = &all[i];
		struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
		const char *path = arena_printf(&arena, "%s/data/api/%s", test_shared_dir(), want->file).ptr;
		struct page page;
		struct err err = { 0 };
		struct api_counts got = { .file = want->file };
		struct slice body = read_all(&arena, path);
		if (page_read(body, &arena, &page, &err) != RC_OK)
			fail_msg("%s: %s", path, err.msg);
		peek_agrees(path, body, &page);
		for (size_t k = 0; k < page.credit_count; k++)
			*(page.credit[k].scope == CREDIT_TRACK ? &got.track_credits : &got.album_credits) += 1;
		for (size_t k = 0; k < page.reject_count; k++)
			*(page.reject[k].reason == REJECT_EPISODE ? &got.episodes : &got.local) += 1;
		for (size_t k = 0; k < page.entry_count; k++)
			got.relinked += !slice_eq(page.entry[k].track_id, page.entry[k].playable_id);
		if (page.items != want->items || (int64_t) page.entry_count != want->entries ||
		    got.track_credits != want->track_credits || got.album_credits != want->album_credits ||
		    got.relinked != want->relinked || got.local != want->local || got.episodes != want->episodes)
			fail_msg("%s: other rows than expected", path);
		assert_int_equal(page.field[FIELD_restriction].present, want->restricted);
		assert_int_equal(page.field[FIELD_is_playable].present, want->playable);
		static const enum watched_field full[] = { FIELD_popularity, FIELD_isrc, FIELD_release_date,
			                                   FIELD_album_total_tracks, FIELD_release_precision };
		for (size_t f = 0; f < COUNT_OF(full); f++)
			assert_int_equal(page.field[full[f]].present, want->entries);
		assert_true(slice_eq(page.playlist.snapshot_id, slice_of(want->snapshot_id)));
		assert_int_equal(page.has_playlist, want->snapshot_id != NULL);
		assert_int_equal(page.shape_items, want->shape_items);
		assert_false(page.has_next);
		assert_true(page.total.has && page.total.value == want->items);
	}
}

/* --- independent code --------------------------------------------------------------------------------------- */

static struct json *text_or_null(struct slice s)
{
	return json_new_string(s);
}

static struct json *entry_line(const struct page *page, const struct entry_row *row)
{
	struct json *line = json_new_array(), *artists = json_new_array();
	for (size_t i = 0; i < page->credit_count; i++) {
		const struct credit_row *credit = &page->credit[i];
		if (credit->position != row->position || credit->scope != CREDIT_TRACK)
			continue;
		struct json *pair = json_new_array();
		json_append(pair, text_or_null(credit->artist_id));
		json_append(pair, text_or_null(credit->artist_name));
		json_append(artists, pair);
	}
	json_append(line, json_new_integer(row->position));
	json_append(line, json_new_string(SLICE("entry")));
	const struct slice texts[] = { row->track_id, row->track_name, row->track_uri, row->track_href, row->film_name,
		                       row->album_id, row->album_name };
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_append(line, text_or_null(texts[i]));
	json_append(line, row->duration_ms.has ? json_new_integer(row->duration_ms.value) : json_new_null());
	json_append(line, row->explicit_.has ? json_new_bool(row->explicit_.value) : json_new_null());
	json_append(line, artists);
	return line;
}

static struct json *reject_line(const struct reject_row *row)
{
	struct json *line = json_new_array();
	json_append(line, json_new_integer(row->position));
	json_append(line, json_new_string(SLICE("reject")));
	return line;
}

static struct buf got_lines;
static struct buf oracle_paths; /* quoted for the shell */

static void add_page_lines(const char *path, void *ctx)
{
	(void) ctx;
	struct slice name = slice_of(path);
	if (slice_ends(name, SLICE("playlist.json")))
		return;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct page page;
	struct err err = { 0 };
	if (page_read(read_all(&arena, path), &arena, &page, &err) != RC_OK)
		fail_msg("%s: %s", path, err.msg);
	buf_addf(&oracle_paths, " '%s'", path);
	json_write_string(name, &got_lines);
	buf_addc(&got_lines, '\n');
	size_t entry = 0, reject = 0;
	for (int64_t i = 0; i < page.items; i++) {
		bool is_entry = entry < page.entry_count && page.entry[entry].raw_index == i;
		assert_true(is_entry || page.reject[reject].raw_index == i);
		struct json *line CLEANUP(json_freep) =
			is_entry ? entry_line(&page, &page.entry[entry++]) : reject_line(&page.reject[reject++]);
		json_write(line, JSON_COMPACT, &got_lines);
		buf_addc(&got_lines, '\n');
	}
}

/* Runs reader_oracle.py and compares its lines with `got`. */
static size_t compare_with_oracle(const char *mode, struct slice paths, struct slice got)
{
	struct buf command CLEANUP(buf_done) = buf_new(1 << 20);
	buf_addf(&command, "python3 tests/golden/reader_oracle.py '%s/tools' %s%.*s", test_shared_dir(), mode, SLICE_FMT(paths));
	FILE *pipe = popen(buf_str(&command), "r");
	assert_non_null(pipe);
	char *line = NULL;
	size_t cap = 0, lines = 0, at = 0;
	ssize_t len;
	while ((len = getline(&line, &cap, pipe)) > 0) {
		struct slice want = { line, (size_t) len };
		size_t end = slice_find(got, '\n', at) + 1;
		struct slice have = slice_sub(got, at, end <= got.len ? end - at : got.len - at);
		if (!slice_eq(want, have))
			fail_msg("line %zu: the oracle says %.*s", lines + 1, (int) want.len, want.ptr);
		at += have.len;
		lines++;
	}
	free(line);
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(at, got.len);
	return lines;
}

static bool python_is_there(void)
{
	return system("python3 -c '' >/dev/null 2>&1") == 0;
}

static void independent_code_says_the_same_of_all_recorded_pages(void **state)
{
	(void) state;
	TEST_NEED_SHARED();
	if (!python_is_there())
		test_skip("needs python3");
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	got_lines = buf_new(64 << 20);
	oracle_paths = buf_new(1 << 20);
	(void) walk(&arena, arena_printf(&arena, "%s/data/recorded", test_shared_dir()).ptr, add_page_lines, NULL);
	static const char *const api[] = { "2022-playlist-tracks-40", "2026-playlist_1", "2026-playlist_2", "2026-playlist_3",
		                           "2026-playlist_items", "bollywood-2019-market-call", "episodes-and-tracks",
		                           "top50-global-2024-05-15-full-playlist" };
	for (size_t i = 0; i < COUNT_OF(api); i++)
		add_page_lines(arena_printf(&arena, "%s/data/api/%s.json", test_shared_dir(), api[i]).ptr, NULL);
	size_t lines = compare_with_oracle("rows", buf_slice(&oracle_paths), buf_slice(&got_lines));
	printf("# %zu lines of pages and items are the same\n", lines);
	assert_true(lines > 4000);
	buf_done(&got_lines);
	buf_done(&oracle_paths);
}

/* Names made of the pieces film_name looks for. */
static struct slice odd_name(struct rand_gen *gen, struct arena *arena)
{
	static const char *const pieces[] = {
		"(", "[", ")", "]", "(From \"", "[From \u201c", "\u201d)", "\"]", "\"", "\u201c", "\u201d", "From ", "from \"",
		"Original ", "Motion Picture ", "Soundtrack", "(Original Soundtrack)", "[Original Motion Picture Soundtrack]",
		"(Original Motion Picture Soundtrack", "Original Soundtrack]", " ", "  ", "\u00a0", "\u3000", "\n", "\t", "x",
		"Seven Rivers", "\u092c\u093e\u0930\u093f\u0936", "'", "\u2028", "\x1f", "\xc2\x85", "",
	};
	struct buf name CLEANUP(buf_done) = buf_new(4096);
	for (uint64_t n = rand_below(gen, 9); n; n--)
		buf_adds(&name, pieces[rand_below(gen, COUNT_OF(pieces))]);
	return arena_copy(arena, buf_slice(&name));
}

static void independent_code_finds_the_same_films_in_odd_names(void **state)
{
	(void) state;
	TEST_NEED_SHARED();
	if (!python_is_there())
		test_skip("needs python3");
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct rand_gen gen = rand_new(test_seed());
	struct json *pairs CLEANUP(json_freep) = json_new_array();
	struct buf got CLEANUP(buf_done) = buf_new(16 << 20);
	size_t films = 0;
	for (int i = 0; i < 50000; i++) {
		struct slice track = odd_name(&gen, &arena), album = odd_name(&gen, &arena);
		struct slice film = film_name(track, album);
		struct json *pair = json_new_array(), *line CLEANUP(json_freep) = json_new_string(film);
		json_append(pair, json_new_string(track));
		json_append(pair, json_new_string(album));
		json_append(pairs, pair);
		json_write(line, JSON_COMPACT, &got);
		buf_addc(&got, '\n');
		films += film.ptr != NULL;
	}
	const char *path = arena_printf(&arena, "%s/names.json", test_tmpdir()).ptr;
	struct buf text CLEANUP(buf_done) = buf_new(64 << 20);
	json_write(pairs, JSON_COMPACT, &text);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(compare_with_oracle("films", arena_printf(&arena, " '%s'", path), buf_slice(&got)), 50000);
	printf("# %zu films in 50000 odd pairs of names\n", films);
	assert_true(films > 2000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(pages_give_the_rows_written_by_hand),
	cmocka_unit_test(a_playlist_object_gives_its_facts),
	cmocka_unit_test(a_playlist_without_its_items_is_peeked_at),
	cmocka_unit_test(recorded_answers_give_the_counts_worked_out_elsewhere),
	cmocka_unit_test(independent_code_says_the_same_of_all_recorded_pages),
	cmocka_unit_test(independent_code_finds_the_same_films_in_odd_names),
};
TEST_SUITE(reader, tests);
