#include "cmd/terminal.h"

#include "base/rand.h"
#include "test.h"

#include <locale.h>

static int with_locale(void **state UNUSED)
{
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	return 0;
}

static void assert_shown(const char *given, size_t columns, const char *want, size_t want_columns)
{
	CLEANUP(buf_done) struct buf out = buf_new(4096);
	size_t used = display_add(slice_of(given), columns, &out);
	assert_string_equal(buf_str(&out), want);
	if (columns != SIZE_MAX)
		assert_int_equal(used, want_columns);
	assert_int_equal(display_columns(slice_of(want)), want_columns);
}

static void wide_characters_take_two_columns_and_marks_none(void **state UNUSED)
{
	assert_int_equal(display_columns(SLICE("")), 0);
	assert_int_equal(display_columns(SLICE("abc")), 3);
	assert_int_equal(display_columns(SLICE("é")), 1);
	assert_int_equal(display_columns(SLICE("e\xcc\x81")), 1); /* e and a combining acute accent */
	assert_int_equal(display_columns(SLICE("日本語")), 6);
	assert_int_equal(display_columns(SLICE("🎵")), 2);
	assert_int_equal(display_columns(SLICE("▲3 █·…")), 6);
}

static void what_fits_is_whole_and_what_does_not_ends_with_an_ellipsis(void **state UNUSED)
{
	assert_shown("abc", SIZE_MAX, "abc", 3);
	assert_shown("abc", 3, "abc", 3);
	assert_shown("abcd", 3, "ab…", 3);
	assert_shown("abcd", 1, "…", 1);
	assert_shown("abcd", 0, "", 0);
	assert_shown("", 0, "", 0);
	assert_shown("日本語", 6, "日本語", 6);
	assert_shown("日本語", 5, "日本…", 5);
	assert_shown("日本語", 4, "日…", 3); /* half a character is none */
	assert_shown("e\xcc\x81"
	             "fgh", 2, "e\xcc\x81…", 2);
}

static void characters_that_a_terminal_obeys_are_shown(void **state UNUSED)
{
	assert_shown("\033[31m\a\n\t\r", SIZE_MAX, "␛[31m␇␊␉␍", 9);
	assert_shown("\x7f", SIZE_MAX, "␡", 1);
	assert_shown("\xc2\x9b", SIZE_MAX, "\xef\xbf\xbd", 1);     /* U+009B, CSI in one character */
	assert_shown("\xe2\x80\xae", SIZE_MAX, "\xef\xbf\xbd", 1); /* U+202E, right-to-left override */
	assert_shown("\xe2\x81\xa6", SIZE_MAX, "\xef\xbf\xbd", 1); /* U+2066, an isolate */
	CLEANUP(buf_done) struct buf out = buf_new(64);
	(void) display_add((struct slice){ "a\0b", 3 }, SIZE_MAX, &out);
	assert_string_equal(buf_str(&out), "a␀b");
}

static void what_is_no_utf8_is_replaced_byte_by_byte(void **state UNUSED)
{
	assert_shown("a\xff"
	             "b", SIZE_MAX, "a\xef\xbf\xbd"
	                            "b", 3);
	assert_shown("\xe6\x97", SIZE_MAX, "\xef\xbf\xbd\xef\xbf\xbd", 2); /* 日 without its last byte */
	assert_shown("\xed\xa0\x80", SIZE_MAX, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3); /* a surrogate */
}

static void any_bytes_come_out_harmless_and_no_wider_than_asked(void **state UNUSED)
{
	struct rand_gen g = rand_new(test_seed());
	static const char *const piece[] = { "\033[2J", "日", "ी", "é", "🎵", "\xff", "\xe2\x80", "\n", "ab", "\xc2\x85", "" };
	for (int round = 0; round < 20000; round++) {
		CLEANUP(buf_done) struct buf given = buf_new(4096);
		CLEANUP(buf_done) struct buf out = buf_new(4096);
		for (uint64_t i = rand_next(&g) % 12; i > 0; i--)
			buf_adds(&given, piece[rand_next(&g) % COUNT_OF(piece)]);
		size_t columns = rand_next(&g) % 20, whole = display_columns(buf_slice(&given));
		size_t used = display_add(buf_slice(&given), columns, &out);
		assert_true(used <= columns && used <= whole);
		assert_int_equal(display_columns(buf_slice(&out)), used);
		assert_true(slice_is_utf8(buf_slice(&out), NULL));
		assert_true(whole > columns || used == whole);
		for (size_t i = 0; i < out.len; i++)
			assert_true((unsigned char) out.ptr[i] >= 0x20 && out.ptr[i] != 0x7f);
	}
}

static void only_plain_addresses_are_linked(void **state UNUSED)
{
	assert_true(terminal_url_ok(SLICE("https://open.spotify.com/track/1")));
	assert_false(terminal_url_ok(SLICE("")));
	assert_false(terminal_url_ok(SLICE_NULL));
	assert_false(terminal_url_ok(SLICE("https://x/\033\\")));
	assert_false(terminal_url_ok(SLICE("https://x/ y")));
	assert_false(terminal_url_ok(SLICE("https://x/é")));
	const struct terminal t = { .is_terminal = true, .links = true };
	CLEANUP(buf_done) struct buf out = buf_new(256);
	terminal_link(&t, SLICE("https://x/\033\\"), &out);
	assert_int_equal(out.len, 0);
	terminal_link(&t, SLICE("https://x/1"), &out);
	terminal_link(&t, SLICE_NULL, &out);
	assert_string_equal(buf_str(&out), "\033]8;;https://x/1\033\\\033]8;;\033\\");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(wide_characters_take_two_columns_and_marks_none),
	cmocka_unit_test(what_fits_is_whole_and_what_does_not_ends_with_an_ellipsis),
	cmocka_unit_test(characters_that_a_terminal_obeys_are_shown),
	cmocka_unit_test(what_is_no_utf8_is_replaced_byte_by_byte),
	cmocka_unit_test(any_bytes_come_out_harmless_and_no_wider_than_asked),
	cmocka_unit_test(only_plain_addresses_are_linked),
};
TEST_SUITE_WITH(terminal, tests, with_locale, NULL)
