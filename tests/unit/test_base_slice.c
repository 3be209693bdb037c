/* Views of bytes, and errors. */
#include "base/slice.h"
#include "test.h"

#include <errno.h>

static void slices_compare_by_bytes(void **state UNUSED)
{
	assert_true(slice_cmp(SLICE("a"), SLICE("b")) < 0);
	assert_true(slice_cmp(SLICE("a"), SLICE("aa")) < 0);
	assert_true(slice_cmp(SLICE("a-b"), SLICE("a/b")) < 0);
	assert_true(slice_cmp(SLICE("\xc3"), SLICE("z")) > 0); /* unsigned */
	assert_int_equal(slice_cmp(SLICE(""), SLICE_NULL), 0);
	assert_true(slice_eq(SLICE("x"), slice_of("x")));
	assert_false(slice_eq(SLICE("x"), SLICE("xy")));
	assert_true(slice_is(SLICE(""), ""));
	assert_null(slice_of(NULL).ptr);
}

static void slices_are_searched(void **state UNUSED)
{
	struct slice s = SLICE("a,b,,c");
	assert_int_equal(slice_find(s, ',', 0), 1);
	assert_int_equal(slice_find(s, ',', 2), 3);
	assert_int_equal(slice_find(s, ',', 5), 6);
	assert_int_equal(slice_find(s, ',', 99), 6);
	assert_int_equal(slice_find_str(s, SLICE(",,")), 3);
	assert_int_equal(slice_find_str(s, SLICE("")), 0);
	assert_true(slice_find_str(s, SLICE("xx")) == SIZE_MAX);
	assert_true(slice_find_str(SLICE("a"), SLICE("aa")) == SIZE_MAX);
	assert_true(slice_starts(s, SLICE("a,")) && slice_starts(s, SLICE("")) && !slice_starts(SLICE("a"), s));
	assert_true(slice_ends(s, SLICE(",c")) && slice_ends(s, SLICE("")) && !slice_ends(SLICE("c"), s));
	assert_true(slice_is(slice_sub(s, 2, 3), "b,,"));
	assert_true(slice_is(slice_trim(SLICE(" \t\r\n x y \v\f")), "x y"));
	assert_int_equal(slice_trim(SLICE(" \n ")).len, 0);
}

static void integers_are_whole_or_refused(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "007", true, 7 },
		{ "-12", true, -12 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+1", false, 0 },
		{ "1 ", false, 0 },
		{ " 1", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "0x1", false, 0 },
		{ "--1", false, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t value = -77;
		bool ok = slice_to_int(slice_of(cases[i].text), &value);
		if (ok != cases[i].ok || value != (ok ? cases[i].value : -77))
			fail_msg("'%s' gave %d, %lld", cases[i].text, ok, (long long) value);
	}
}

static void utf8_is_checked_as_unicode_says(void **state UNUSED)
{
	static const char *const good[] = { "",
		                            "ascii",
		                            "\xc2\x80",
		                            "\xdf\xbf",
		                            "\xe0\xa0\x80",
		                            "\xed\x9f\xbf",
		                            "\xee\x80\x80",
		                            "\xef\xbf\xbf",
		                            "\xf0\x90\x80\x80",
		                            "\xf4\x8f\xbf\xbf",
		                            "\xe0\xa4\xb9\xe0\xa4\xbf" };
	static const struct {
		const char *text;
		size_t bad;
	} bad[] = {
		{ "\x80", 0 },
		{ "ab\xff", 2 },
		{ "\xc0\x80", 0 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xed\xa0\x80", 0 },
		{ "\xed\xbf\xbf", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
		{ "x\xc3", 1 },
		{ "x\xe2\x82", 1 },
		{ "x\xf0\x9f\x98", 1 },
		{ "\xc3x", 0 },
		{ "\xe2\x82x", 0 },
		{ "\xf0\x9f\x98x", 0 },
	};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(slice_is_utf8(slice_of(good[i]), NULL));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		size_t at = 99;
		assert_false(slice_is_utf8(slice_of(bad[i].text), &at));
		assert_int_equal(at, bad[i].bad);
		assert_false(slice_is_utf8(slice_of(bad[i].text), NULL));
	}
}

static void contexts_stand_before_the_cause(void **state UNUSED)
{
	struct err err = { .retry_after_ms = 5 };
	assert_int_equal(err_set(&err, RC_REJECT, "byte %d: bad", 7), RC_REJECT);
	assert_int_equal(err.retry_after_ms, 0);
	assert_int_equal(err_wrap(&err, RC_REJECT, "page %d", 0), RC_REJECT);
	assert_int_equal(err_wrap(&err, RC_REJECT, "bronze %s", "x"), RC_REJECT);
	assert_string_equal(err.msg, "bronze x: page 0: byte 7: bad");
	/* its own message as an argument */
	assert_int_equal(err_set(&err, RC_RETRY, "again: %s", err.msg), RC_RETRY);
	assert_string_equal(err.msg, "again: bronze x: page 0: byte 7: bad");
	assert_int_equal(err_set(NULL, RC_FATAL, "nobody asks"), RC_FATAL);
	assert_int_equal(err_wrap(NULL, RC_FATAL, "nobody asks"), RC_FATAL);
	assert_int_equal(err_errno(NULL, EIO, "x"), RC_RETRY);
}

static void messages_are_cut_not_overrun(void **state UNUSED)
{
	struct err err = { 0 };
	char text[3000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void) err_set(&err, RC_RETRY, "%s", text);
	assert_int_equal(strlen(err.msg), ERR_MSG_BYTES - 1);
	(void) err_wrap(&err, RC_RETRY, "context");
	assert_int_equal(strlen(err.msg), ERR_MSG_BYTES - 1);
	assert_true(slice_starts(slice_of(err.msg), SLICE("context: xxx")));
	(void) err_set(&err, RC_RETRY, "cause");
	(void) err_wrap(&err, RC_RETRY, "%s", text);
	assert_string_equal(err.msg, "cause"); /* a context that would hide it is left out */
	(void) err_errno(&err, ENOSPC, "%s", text);
	assert_non_null(strstr(err.msg, "No space left"));
}

static void a_class_follows_from_errno(void **state UNUSED)
{
	struct err err = { 0 };
	assert_int_equal(err_errno(&err, ENOENT, "open %s", "f"), RC_NOT_FOUND);
	assert_string_equal(err.msg, "open f: No such file or directory");
	static const int fatal[] = { EROFS, EACCES, EPERM, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG };
	for (size_t i = 0; i < COUNT_OF(fatal); i++)
		assert_int_equal(err_errno(&err, fatal[i], "x"), RC_FATAL);
	static const int retry[] = { EIO, ENOSPC, EINTR, EAGAIN, EMFILE, ETIMEDOUT };
	for (size_t i = 0; i < COUNT_OF(retry); i++)
		assert_int_equal(err_errno(&err, retry[i], "x"), RC_RETRY);
	assert_string_equal(rc_name(RC_OK), "ok");
	assert_string_equal(rc_name(RC_NOT_FOUND), "not found");
	assert_string_equal(rc_name(RC_FATAL), "fatal");
}

static void lists_are_walked(void **state)
{
	(void) state;
	static const char *const lists[][4] = { { "a,b,c", "a", "b", "c" }, { " a b , c\t", "a b", "c" }, { ",,a,,", "a" }, { "", NULL }, { " , ", NULL } };
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		struct slice rest = slice_of(lists[i][0]), one;
		for (size_t k = 1; k < 4 && lists[i][k]; k++)
			assert_true(slice_next_entry(&rest, &one) && slice_is(one, lists[i][k]));
		assert_false(slice_next_entry(&rest, &one));
		assert_int_equal(one.len, 0);
	}
	struct slice none = SLICE_NULL, one;
	assert_false(slice_next_entry(&none, &one));
}

static enum rc wraps(enum rc rc, struct err *err)
{
	TRY_WRAP(rc == RC_OK ? RC_OK : err_set(err, rc, "cause"), err, "step %d", 1);
	return RC_OK;
}

static void try_hands_the_class_up(void **state UNUSED)
{
	struct err err = { .msg = "untouched" };
	assert_int_equal(wraps(RC_OK, &err), RC_OK);
	assert_string_equal(err.msg, "untouched");
	assert_int_equal(wraps(RC_RETRY, &err), RC_RETRY);
	assert_string_equal(err.msg, "step 1: cause");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(slices_compare_by_bytes),         cmocka_unit_test(slices_are_searched),
	cmocka_unit_test(integers_are_whole_or_refused),   cmocka_unit_test(utf8_is_checked_as_unicode_says),
	cmocka_unit_test(contexts_stand_before_the_cause), cmocka_unit_test(messages_are_cut_not_overrun),
	cmocka_unit_test(a_class_follows_from_errno),      cmocka_unit_test(try_hands_the_class_up),
	cmocka_unit_test(lists_are_walked),
};
TEST_SUITE(base_slice, tests);
