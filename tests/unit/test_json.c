/* base/json: strict reading, the edges DATA.md names, deterministic writing. */
#include "test.h"

#include "base/json.h"
#include "base/mem.h"

static struct json *parsed(struct slice text)
{
	struct json *v;
	struct err err = { 0 };
	if (json_parse(text, &v, &err) != RC_OK)
		fail_msg("%.*s: %s", SLICE_FMT(text), err.msg);
	return v;
}

/* RC_REJECT, a message that starts with "byte <offset>: " and holds `part`. */
static void refused(struct slice text, size_t offset, const char *part)
{
	struct json *v;
	struct err err = { 0 };
	char prefix[40];
	(void) snprintf(prefix, sizeof prefix, "byte %zu: ", offset);
	assert_int_equal(json_parse(text, &v, &err), RC_REJECT);
	assert_null(v);
	if (!slice_starts(slice_of(err.msg), slice_of(prefix)) || !strstr(err.msg, part))
		fail_msg("'%s' is not '%s…%s'", err.msg, prefix, part);
}
#define REFUSED(lit, offset, part) refused(SLICE(lit), offset, part)

static void written_is(const struct json *v, enum json_style style, const char *want)
{
	struct buf out CLEANUP(buf_done) = buf_new(1 << 20);
	json_write(v, style, &out);
	assert_string_equal(buf_str(&out), want);
}

static void every_type_is_told_apart(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = parsed(SLICE("[null,true,1,\"s\",[],{}, 1.5]"));
	static const enum json_type want[] = { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT,
		                               JSON_NUMBER, JSON_ABSENT };
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_int_equal(json_type(json_at(v, i)), want[i]);
	assert_int_equal(json_size(v), 7);
	assert_int_equal(json_type(NULL), JSON_ABSENT);
	assert_string_equal(json_type_name(JSON_OBJECT), "an object");
}

static void readers_answer_no_to_other_types_and_to_nothing(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = parsed(SLICE("{\"n\":null,\"s\":\"x\",\"i\":7}"));
	bool b;
	int64_t i = 3;
	struct slice s;
	const struct json *others[] = { NULL, json_get(v, "n"), v };
	for (size_t k = 0; k < COUNT_OF(others); k++) {
		assert_false(json_bool(others[k], &b));
		assert_false(json_integer(others[k], &i));
		assert_false(json_string(others[k], &s));
		assert_null(json_at(others[k], 0));
	}
	assert_null(json_get(json_get(v, "s"), "x"));
	assert_null(json_get(NULL, "x"));
	assert_int_equal(json_size(json_get(v, "s")), 0);
	assert_null(json_get_string(v, "i").ptr);
	assert_true(slice_is(json_get_string(v, "s"), "x"));
	assert_int_equal(json_get_integer(v, "i", 9), 7);
	assert_int_equal(json_get_integer(v, "s", 9), 9);
	assert_int_equal(json_get_integer(v, "absent", 9), 9);
}

static void whole_numbers_within_64_bits_are_integers(void **state)
{
	(void) state;
	static const struct { const char *text; bool is; int64_t value; } cases[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "-0.0", true, 0 }, { "50.0", true, 50 }, { "1E2", true, 100 },
		{ "1.5e1", true, 15 }, { "9e18", true, 9000000000000000000 },
		{ "9223372036854775807", true, INT64_MAX }, { "-9223372036854775808", true, INT64_MIN },
		{ "-9223372036854775808.0", true, INT64_MIN },
		{ "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 },
		{ "9223372036854775808.0", false, 0 }, { "1e99", false, 0 }, { "1e400", false, 0 }, { "-1e400", false, 0 },
		{ "123456789012345678901234567890", false, 0 }, { "0.5", false, 0 }, { "1e-400", true, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct json *v CLEANUP(json_freep) = parsed(slice_of(cases[i].text));
		int64_t value = 0;
		assert_int_equal(json_type(v), JSON_NUMBER);
		if (json_integer(v, &value) != cases[i].is || value != cases[i].value)
			fail_msg("%s: read as %lld", cases[i].text, (long long) value);
	}
}

static void a_number_too_big_spoils_nothing_around_it(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = parsed(SLICE(
		"{\"99999999999999999999\":\"1e999 \\\" 99999999999999999999\",\"big\":99999999999999999999,"
		"\"real\" : -1.0e+999 ,\"a\":[1e999,-99999999999999999999],\"ok\":9223372036854775807}"));
	int64_t i;
	assert_true(slice_is(json_get_string(v, "99999999999999999999"), "1e999 \" 99999999999999999999"));
	assert_int_equal(json_type(json_get(v, "big")), JSON_NUMBER);
	assert_false(json_integer(json_get(v, "big"), &i));
	assert_false(json_integer(json_get(v, "real"), &i));
	assert_int_equal(json_size(json_get(v, "a")), 2);
	assert_int_equal(json_get_integer(v, "ok", 0), INT64_MAX);
	/* …and mends nothing that is broken */
	REFUSED("[1e999,99999999999999999999x]", 28, "']' expected");
	REFUSED("[1e999,01]", 8, "invalid token");
	REFUSED("[1e999,99999999999999999999", 27, "expected near end of file");
}

static void the_last_of_duplicate_keys_wins(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = parsed(SLICE("{\"a\":1,\"b\":2,\"a\":{\"c\":1,\"c\":3}}"));
	assert_int_equal(json_size(v), 2);
	assert_int_equal(json_get_integer(json_get(v, "a"), "c", 0), 3);
	written_is(v, JSON_COMPACT, "{\"a\":{\"c\":3},\"b\":2}");
}

static void members_come_in_the_order_of_the_text(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = parsed(SLICE("{\"z\":1,\"a\":2,\"\":3,\"m\":4,\"k\":5,\"b\":6}"));
	static const char *const want[] = { "z", "a", "", "m", "k", "b" };
	void *iter = NULL;
	struct slice key;
	const struct json *value;
	size_t n = 0;
	while (json_next(v, &iter, &key, &value)) {
		int64_t i;
		assert_true(n < COUNT_OF(want) && slice_is(key, want[n]));
		assert_true(json_integer(value, &i) && i == (int64_t) ++n);
	}
	assert_int_equal(n, COUNT_OF(want));
	assert_false(json_next(v, &iter, &key, &value));
	iter = NULL;
	assert_false(json_next(json_get(v, "z"), &iter, &key, &value));
	assert_false(json_next(NULL, &iter, &key, &value));
}

static struct json *nested(size_t levels, bool object, enum rc want)
{
	struct buf text CLEANUP(buf_done) = buf_new(1 << 20);
	buf_adds(&text, "[\"[[[{{{\\\"[[\","); /* brackets in strings do not count */
	for (size_t i = 1; i < levels; i++)
		buf_adds(&text, object ? "{\"k\":" : "[");
	buf_adds(&text, object ? "7" : "");
	for (size_t i = 1; i < levels; i++)
		buf_addc(&text, object ? '}' : ']');
	buf_adds(&text, "]");
	struct json *v;
	struct err err = { 0 };
	assert_int_equal(json_parse(buf_slice(&text), &v, &err), want);
	if (want == RC_REJECT)
		assert_non_null(strstr(err.msg, "nested deeper than 256 levels"));
	return v;
}

static void nesting_ends_at_256_levels(void **state)
{
	(void) state;
	static const size_t levels[] = { 2, 255, 256, 257, 100000 };
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		for (int object = 0; object < 2; object++) {
			struct json *v CLEANUP(json_freep) =
				nested(levels[i], object, levels[i] <= 256 ? RC_OK : RC_REJECT);
			assert_int_equal(v != NULL, levels[i] <= 256);
		}
	}
	/* side by side is not nested */
	struct buf wide CLEANUP(buf_done) = buf_new(1 << 20);
	buf_adds(&wide, "[0");
	for (int i = 0; i < 10000; i++)
		buf_adds(&wide, ",[{}]");
	buf_adds(&wide, "]");
	struct json *v CLEANUP(json_freep) = parsed(buf_slice(&wide));
	assert_int_equal(json_size(v), 10001);
}

static void broken_text_is_refused_with_its_byte(void **state)
{
	(void) state;
	REFUSED("", 0, "invalid JSON");
	REFUSED("   ", 3, "invalid JSON");
	REFUSED("\xef\xbb\xbf{}", 3, "invalid JSON");
	REFUSED("{\"a\":1", 6, "expected near end of file");
	REFUSED("{\"a\":tru}", 8, "invalid token");
	REFUSED("[1,]", 4, "unexpected token");
	REFUSED("{} {}", 4, "end of file expected");
	REFUSED("[01]", 2, "invalid token");
	REFUSED("[1.]", 3, "invalid token");
	REFUSED("[.5]", 2, "invalid token");
	REFUSED("[+1]", 2, "invalid token");
	REFUSED("[NaN]", 4, "invalid token");
	REFUSED("['a']", 2, "invalid token");
	REFUSED("[\"a\nb\"]", 3, "unexpected newline");
	REFUSED("[\"a\tb\"]", 3, "control character");
	REFUSED("[\"\\x\"]", 4, "invalid escape");
	REFUSED("[\"\\ud800\"]", 9, "invalid Unicode");
	REFUSED("[\"\\udc00x\"]", 10, "invalid Unicode");
	REFUSED("[\"\\ud800\\u0041\"]", 15, "invalid Unicode");
	REFUSED("{\"a\\u0000b\":1}", 11, "NUL byte in object key");
	REFUSED("[1\0,2]", 2, "NUL outside a string");
	REFUSED("[\"a\0b\"]", 3, "control character");
	REFUSED("]", 1, "invalid");
	REFUSED("\"", 1, "premature end of input");
	REFUSED("\"\\", 2, "invalid escape");
}

static void ill_formed_utf8_is_refused_with_its_byte(void **state)
{
	(void) state;
	REFUSED("{\"a\":\"\xff\"}", 6, "invalid UTF-8");
	REFUSED("{\"\xc3(\":1}", 2, "invalid UTF-8");
	REFUSED("[\"\xed\xa0\x80\"]", 2, "invalid UTF-8"); /* a surrogate */
	REFUSED("[\"\xc0\x80\"]", 2, "invalid UTF-8");     /* overlong */
	REFUSED("[\"\xf4\x90\x80\x80\"]", 2, "invalid UTF-8");
	REFUSED("[]\xe2\x82", 2, "invalid UTF-8");
}

static void strings_are_kept_whole(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) =
		parsed(SLICE("[\"a\\u0000b\",\"\\ud83c\\udfb5\",\"\\u0928\xe0\xa4\xb8\",\"\\/\\b\\f\\n\\r\\t\\\"\\\\\",\"\"]"));
	struct slice s;
	assert_true(json_string(json_at(v, 0), &s) && slice_eq(s, SLICE("a\0b")));
	assert_true(json_string(json_at(v, 1), &s) && slice_is(s, "\xf0\x9f\x8e\xb5"));
	assert_true(json_string(json_at(v, 2), &s) && slice_is(s, "\xe0\xa4\xa8\xe0\xa4\xb8"));
	assert_true(json_string(json_at(v, 3), &s) && slice_is(s, "/\b\f\n\r\t\"\\"));
	assert_true(json_string(json_at(v, 4), &s) && s.len == 0 && s.ptr);
	written_is(v, JSON_COMPACT, "[\"a\\u0000b\",\"\xf0\x9f\x8e\xb5\",\"\xe0\xa4\xa8\xe0\xa4\xb8\",\"/\\b\\f\\n\\r\\t\\\"\\\\\",\"\"]");
}

static void a_tree_beyond_all_measure_is_refused_before_it_is_built(void **state)
{
	(void) state;
	size_t count = JSON_TREE_BYTES_MAX / 350;
	struct buf text CLEANUP(buf_done) = buf_new(count * 3 + 16);
	buf_adds(&text, "[{}");
	for (size_t i = 0; i < count; i++)
		buf_adds(&text, ",{}");
	buf_adds(&text, "]");
	struct json *v;
	struct err err = { 0 };
	assert_int_equal(json_parse(buf_slice(&text), &v, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "too large"));
}

static void errors_do_not_repeat_the_text(void **state)
{
	(void) state;
	struct json *v;
	struct err err = { 0 };
	assert_int_equal(json_parse(SLICE("{\"refresh_token\":\"hush\" nonsense}"), &v, &err), RC_REJECT);
	assert_null(strstr(err.msg, "hush"));
	assert_null(strstr(err.msg, "nonsense"));
}

static void a_built_tree_is_written_as_it_was_set(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = json_new_object();
	struct json *list = json_new_array();
	json_append(list, json_new_integer(INT64_MIN));
	json_append(list, json_new_real(50));
	json_append(list, json_new_real(0.1));
	json_append(list, json_new_real(1e300));
	json_append(list, json_new_real(1.0 / 3));
	json_append(list, json_new_string(SLICE_NULL));
	json_append(list, json_new_null());
	json_append(list, json_new_array());
	json_append(list, json_new_object());
	json_set(v, "z", json_new_string(SLICE("\x01\x1f\x7f\"\\ü")));
	json_set(v, "list", list);
	json_set(v, "a", json_new_bool(false));
	json_set(v, "z", json_new_string(SLICE("again")));
	struct json *copy CLEANUP(json_freep) = json_clone(v);
	json_set(v, "late", json_new_bool(true));
	written_is(copy, JSON_COMPACT, "{\"z\":\"again\",\"list\":[-9223372036854775808,50.0,0.1,1e+300,0.3333333333333333,"
		   "null,null,[],{}],\"a\":false}");
	json_set(v, "list", json_new_array());
	written_is(v, JSON_INDENTED, "{\n  \"z\": \"again\",\n  \"list\": [],\n  \"a\": false,\n  \"late\": true\n}");
	assert_null(json_clone(NULL));
}

static void written_text_reads_back_the_same(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) =
		parsed(SLICE("{\"a\":[1,-2.5e-7,{\"b\":[[]]},\"\\u0001\\u007f\\u2028\"],\"c\":{},\"d\":1e22}"));
	for (int style = 0; style < 2; style++) {
		struct buf once CLEANUP(buf_done) = buf_new(4096);
		struct buf twice CLEANUP(buf_done) = buf_new(4096);
		json_write(v, (enum json_style) style, &once);
		struct json *again CLEANUP(json_freep) = parsed(buf_slice(&once));
		json_write(again, (enum json_style) style, &twice);
		assert_string_equal(buf_str(&once), buf_str(&twice));
	}
	written_is(v, JSON_COMPACT, "{\"a\":[1,-2.5e-07,{\"b\":[[]]},\"\\u0001\x7f\xe2\x80\xa8\"],\"c\":{},\"d\":1e+22}");
}

static void a_string_written_is_always_utf8(void **state)
{
	(void) state;
	struct buf out CLEANUP(buf_done) = buf_new(256);
	json_write_string(SLICE("a\xff\xc3(\xed\xa0\x80\"z\xe2\x82"), &out);
	assert_string_equal(buf_str(&out), "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"z\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_reset(&out);
	json_write_string(SLICE_NULL, &out);
	assert_string_equal(buf_str(&out), "\"\"");
}

static void writing_ends_at_the_limit_of_the_buffer(void **state)
{
	(void) state;
	struct json *v CLEANUP(json_freep) = json_new_array();
	for (int i = 0; i < 100000; i++)
		json_append(v, json_new_string(SLICE("twelve bytes")));
	struct buf out CLEANUP(buf_done) = buf_new(1000);
	json_write(v, JSON_INDENTED, &out);
	assert_true(out.over);
	assert_true(out.len <= 1000 && out.cap <= 4096);
	struct err err;
	assert_int_equal(buf_ok(&out, "list", &err), RC_REJECT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_type_is_told_apart),
	cmocka_unit_test(readers_answer_no_to_other_types_and_to_nothing),
	cmocka_unit_test(whole_numbers_within_64_bits_are_integers),
	cmocka_unit_test(a_number_too_big_spoils_nothing_around_it),
	cmocka_unit_test(the_last_of_duplicate_keys_wins),
	cmocka_unit_test(members_come_in_the_order_of_the_text),
	cmocka_unit_test(nesting_ends_at_256_levels),
	cmocka_unit_test(broken_text_is_refused_with_its_byte),
	cmocka_unit_test(ill_formed_utf8_is_refused_with_its_byte),
	cmocka_unit_test(strings_are_kept_whole),
	cmocka_unit_test(a_tree_beyond_all_measure_is_refused_before_it_is_built),
	cmocka_unit_test(errors_do_not_repeat_the_text),
	cmocka_unit_test(a_built_tree_is_written_as_it_was_set),
	cmocka_unit_test(written_text_reads_back_the_same),
	cmocka_unit_test(a_string_written_is_always_utf8),
	cmocka_unit_test(writing_ends_at_the_limit_of_the_buffer),
};
TEST_SUITE(json, tests);
