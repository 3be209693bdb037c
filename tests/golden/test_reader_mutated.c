/* The page reader on bytes that nobody should send: it refuses with a reason or keeps every promise (page_check.h). */
#include "test.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "golden/page_check.h"

#include <stdio.h>
#include <string.h>

#define ARENA_BYTES ((size_t) 16 << 20)

/* Small pages that between them walk every path of the reader. */
static const char *const seeds[] = { "plain", "item_wins", "relinked", "wrong_fields", "artists", "images",
	                             "release_dates", "full_playlist", "films", "names", "episode", "local_file" };

static struct slice seed_page(struct arena *arena, size_t i)
{
	const char *path = arena_printf(arena, "tests/golden/pages/%s.json", seeds[i]).ptr;
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("%s: cannot be read", path);
	char *bytes = arena_alloc(arena, 64 << 10);
	size_t len = fread(bytes, 1, 64 << 10, file);
	(void) fclose(file);
	assert_in_range(len, 1, (64 << 10) - 1);
	return (struct slice){ bytes, len };
}

static bool check(struct slice body, size_t arena_bytes)
{
	bool read;
	/* memory of its own: a byte too far is seen */
	char *copy CLEANUP(mem_freep) = mem_alloc(body.len);
	memcpy(copy, body.ptr, body.len);
	const char *fault = page_check((struct slice){ copy, body.len }, arena_bytes, &read);
	if (fault)
		fail_msg("%s, on: %.*s", fault, SLICE_FMT(body));
	return read;
}

static void flipped_bytes(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct rand_gen gen = rand_new(test_seed());
	static const char interesting[] = "{}[]\",:\\0-.eEtfn \x80\xc3\xe2\xf0\xff";
	size_t read = 0, all = 0;
	for (size_t s = 0; s < COUNT_OF(seeds); s++) {
		struct slice page = seed_page(&arena, s);
		char *bytes = mem_alloc(page.len);
		for (int round = 0; round < 400; round++) {
			memcpy(bytes, page.ptr, page.len);
			for (uint64_t n = 1 + rand_below(&gen, 4); n; n--) {
				char *at = &bytes[rand_below(&gen, page.len)];
				*at = rand_chance(&gen, 2) ? (char) rand_below(&gen, 256) :
				                             interesting[rand_below(&gen, sizeof interesting)];
			}
			read += check((struct slice){ bytes, page.len }, ARENA_BYTES);
			all++;
		}
		mem_free(bytes);
	}
	printf("# %zu of %zu flipped pages were still pages\n", read, all);
	assert_in_range(read, all / 50, all - all / 50);
}

/* --- values of the wrong kind in the right places ----------------------------------------------------------- */

static struct json *odd_value(struct rand_gen *gen)
{
	static const char *const odd[] = {
		"null", "true", "false", "0", "-1", "50.0", "1e99", "0.5", "9223372036854775807", "99999999999999999999",
		"\"\"", "\"x\"", "\"spotify:episode:E\"", "\"spotify:local::::1\"", "\"episode\"", "\"track\"", "\"2019-02-29\"",
		"\"a\\u0000\\ud83c\\udfb5\"", "[]", "{}", "[null]", "[{}]", "{\"id\":\"O\"}", "{\"id\":7,\"items\":[]}",
		"{\"items\":[{\"track\":{\"id\":\"Q\"}}]}", "[[[[1]]]]",
	};
	struct json *v;
	struct err err;
	if (json_parse(slice_of(odd[rand_below(gen, COUNT_OF(odd))]), &v, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return v;
}

/* A copy in which about one value in `one_in` is something else, and as many members are gone. */
static struct json *altered(const struct json *v, struct rand_gen *gen, uint64_t one_in)
{
	if (rand_chance(gen, one_in))
		return odd_value(gen);
	if (json_type(v) == JSON_ARRAY) {
		struct json *array = json_new_array();
		for (size_t i = 0; i < json_size(v); i++)
			if (!rand_chance(gen, one_in))
				json_append(array, altered(json_at(v, i), gen, one_in));
		return array;
	}
	if (json_type(v) != JSON_OBJECT)
		return json_clone(v);
	struct json *object = json_new_object();
	void *iter = NULL;
	struct slice key;
	const struct json *value;
	while (json_next(v, &iter, &key, &value))
		if (!rand_chance(gen, one_in))
			json_set(object, key.ptr, altered(value, gen, one_in));
	return object;
}

static void altered_values(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct rand_gen gen = rand_new(test_seed());
	size_t read = 0, all = 0;
	for (size_t s = 0; s < COUNT_OF(seeds); s++) {
		struct json *page CLEANUP(json_freep) = NULL;
		struct err err;
		assert_int_equal(json_parse(seed_page(&arena, s), &page, &err), RC_OK);
		for (int round = 0; round < 400; round++) {
			struct json *other CLEANUP(json_freep) = altered(page, &gen, 8 + rand_below(&gen, 50));
			struct buf text CLEANUP(buf_done) = buf_new(1 << 20);
			json_write(other, round % 2 ? JSON_COMPACT : JSON_INDENTED, &text);
			assert_false(text.over);
			read += check(buf_slice(&text), ARENA_BYTES);
			all++;
		}
	}
	printf("# %zu of %zu altered pages were still pages\n", read, all);
	assert_in_range(read, all / 4, all - all / 50);
}

/* --- one kind of damage at a time --------------------------------------------------------------------------- */

static void pages_cut_at_every_byte(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	for (size_t s = 0; s < COUNT_OF(seeds); s++) {
		struct slice page = slice_trim(seed_page(&arena, s));
		for (size_t len = 0; len <= page.len; len++)
			assert_int_equal(check(slice_sub(page, 0, len), ARENA_BYTES), len == page.len);
	}
}

static struct buf nested_page(size_t levels)
{
	struct buf text = buf_new(4 << 20);
	buf_adds(&text, "{\"items\":[{\"deep\":");
	for (size_t i = 3; i < levels; i++)
		buf_adds(&text, i % 2 ? "[" : "{\"k\":");
	buf_adds(&text, "null");
	for (size_t i = levels; i-- > 3;)
		buf_addc(&text, i % 2 ? ']' : '}');
	buf_adds(&text, ",\"track\":{\"id\":\"A\"}}]}");
	return text;
}

static void nesting_is_refused_beyond_256_levels(void **state)
{
	(void) state;
	static const struct { size_t levels; bool ok; } cases[] = { { 255, true }, { 256, true }, { 257, false }, { 100000, false } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf text CLEANUP(buf_done) = nested_page(cases[i].levels);
		assert_int_equal(check(buf_slice(&text), ARENA_BYTES), cases[i].ok);
	}
}

static void refused(struct slice body, const char *reason, const char *part)
{
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct page page;
	struct err err = { 0 };
	assert_int_equal(page_read(body, &arena, &page, &err), RC_REJECT);
	assert_string_equal(page.reason, reason);
	if (!strstr(err.msg, part))
		fail_msg("'%s' does not say '%s'", err.msg, part);
}

static void bad_utf8_is_refused_wherever_it_stands(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct slice page = slice_trim(seed_page(&arena, 0));
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff" };
	for (size_t b = 0; b < COUNT_OF(bad); b++) {
		for (size_t at = 0; at <= page.len; at += 7) {
			struct buf text CLEANUP(buf_done) = buf_new(64 << 10);
			char where[40];
			buf_add(&text, slice_sub(page, 0, at));
			buf_adds(&text, bad[b]);
			buf_add(&text, slice_sub(page, at, page.len - at));
			(void) snprintf(where, sizeof where, "byte %zu: invalid UTF-8", at);
			refused(buf_slice(&text), "invalid_json", where);
		}
	}
}

static void raw_nul_and_other_controls_are_refused(void **state)
{
	(void) state;
	refused(SLICE("{\"items\":[]\0}"), "invalid_json", "byte 11: NUL outside a string");
	refused(SLICE("{\"offset\":1\0,\"items\":[]}"), "invalid_json", "byte 11: NUL outside a string");
	refused(SLICE("{\"items\":[]}\0"), "invalid_json", "byte 12: NUL outside a string");
	refused(SLICE("{\"items\":[{\"track\":{\"id\":\"A\0\"}}]}"), "invalid_json", "control character");
	refused(SLICE("{\"items\":[\"\x01\"]}"), "invalid_json", "control character");
	refused(SLICE_NULL, "invalid_json", "byte 0");
}

static void a_page_over_the_limit_is_refused_unread(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new((size_t) 64 << 20);
	struct page page;
	struct err err = { 0 };
	char *only = mem_alloc(1); /* whoever looks at the second byte is caught */
	assert_int_equal(page_read((struct slice){ only, (size_t) 100 << 20 }, &arena, &page, &err), RC_REJECT);
	assert_string_equal(page.reason, "too_large");
	assert_string_equal(err.msg, "too large: 104857600 bytes of page do not fit the limit of 67108864 bytes");
	assert_int_equal(arena.used, 0);
	mem_free(only);
}

static void any_limit_of_the_arena_refuses_or_suffices(void **state)
{
	(void) state;
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	for (size_t s = 0; s < COUNT_OF(seeds); s++) {
		struct slice page = seed_page(&arena, s);
		bool was_read = false;
		for (size_t limit = 0; limit < 64000; limit += 112) {
			bool read = check(page, limit);
			assert_true(read || !was_read);
			was_read = read;
		}
		assert_true(was_read);
	}
	/* many items, little said of each */
	struct buf text CLEANUP(buf_done) = buf_new(4 << 20);
	buf_adds(&text, "{\"items\":[{\"track\":{\"id\":\"A\"}}");
	for (int i = 0; i < 20000; i++)
		buf_adds(&text, ",{\"track\":{\"id\":\"A\",\"artists\":[{}]}}");
	buf_adds(&text, "]}");
	assert_false(check(buf_slice(&text), text.len + 4096));
	assert_true(check(buf_slice(&text), (size_t) 64 << 20));
}

static void numbers_of_any_size_are_only_wrong_fields(void **state)
{
	(void) state;
	struct buf text CLEANUP(buf_done) = buf_new(1 << 20);
	buf_adds(&text, "{\"total\":1");
	for (int i = 0; i < 400; i++)
		buf_addc(&text, '0');
	buf_adds(&text, ",\"limit\":-1e999,\"items\":[{\"track\":{\"id\":\"A\",\"duration_ms\":");
	for (int i = 0; i < 100000; i++)
		buf_addc(&text, '9');
	buf_adds(&text, ",\"popularity\":7}}]}");
	struct arena arena CLEANUP(arena_done) = arena_new(ARENA_BYTES);
	struct page page;
	struct err err = { 0 };
	if (page_read(buf_slice(&text), &arena, &page, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_false(page.total.has || page.entry[0].duration_ms.has);
	assert_int_equal(page.field[FIELD_duration_ms].wrong_type, 1);
	assert_true(page.entry[0].popularity.has && page.entry[0].popularity.value == 7);
	assert_true(check(buf_slice(&text), ARENA_BYTES));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(flipped_bytes),
	cmocka_unit_test(altered_values),
	cmocka_unit_test(pages_cut_at_every_byte),
	cmocka_unit_test(nesting_is_refused_beyond_256_levels),
	cmocka_unit_test(bad_utf8_is_refused_wherever_it_stands),
	cmocka_unit_test(raw_nul_and_other_controls_are_refused),
	cmocka_unit_test(a_page_over_the_limit_is_refused_unread),
	cmocka_unit_test(any_limit_of_the_arena_refuses_or_suffices),
	cmocka_unit_test(numbers_of_any_size_are_only_wrong_fields),
};
TEST_SUITE(reader_mutated, tests);
