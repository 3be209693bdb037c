/* The calendar against the C library's, texts there and back, and the clock that stands still. */
#include "base/clock.h"
#include "base/rand.h"
#include "base/time.h"
#include "test.h"

static void days_agree_with_the_c_library(void **state UNUSED)
{
	struct rand_gen g = rand_fork(test_seed(), "days", 0);
	for (int i = 0; i < 20000; i++) {
		int64_t unix_s = (int64_t) rand_below(&g, 253402300800u + 62135596800u) - 62135596800; /* years 1 to 9999 */
		time_t t = (time_t) unix_s;
		struct tm tm;
		assert_non_null(gmtime_r(&t, &tm));
		struct civil c = time_civil(unix_s);
		assert_true(c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 && c.day == tm.tm_mday);
		assert_true(c.hour == tm.tm_hour && c.minute == tm.tm_min && c.second == tm.tm_sec);
		assert_true(time_unix(&c) == unix_s);
		assert_true(time_valid_date(c.year, c.month, c.day));
		int64_t day = time_day_of_civil(c.year, c.month, c.day);
		assert_true(day * 86400 <= unix_s && unix_s < (day + 1) * 86400);
		assert_true(time_day_number(unix_s, 0) == day);
	}
}

static void known_days(void **state UNUSED)
{
	assert_true(time_day_of_civil(1970, 1, 1) == 0);
	assert_true(time_day_of_civil(1969, 12, 31) == -1);
	assert_true(time_day_of_civil(2000, 2, 29) == 11016);
	assert_true(time_day_of_civil(2021, 3, 27) == 18713);
	assert_false(time_valid_date(2021, 2, 29));
	assert_true(time_valid_date(2020, 2, 29));
	assert_false(time_valid_date(1900, 2, 29));
	assert_true(time_valid_date(2000, 2, 29));
	assert_false(time_valid_date(2021, 4, 31));
	assert_false(time_valid_date(2021, 0, 1));
	assert_false(time_valid_date(2021, 13, 1));
	assert_false(time_valid_date(2021, 1, 0));
	assert_false(time_valid_date(0, 1, 1));
	assert_false(time_valid_date(10000, 1, 1));
}

/* 23:30 UTC is the next day in India; 00:30 UTC is the day before in New York. */
static void a_day_depends_on_the_offset(void **state UNUSED)
{
	int64_t day = time_day_of_civil(2021, 3, 27), late = day * 86400 + 23 * 3600 + 1800, early = day * 86400 + 1800;
	assert_true(time_day_number(late, 0) == day && time_day_number(late, 19800) == day + 1);
	assert_true(time_day_number(early, -18000) == day - 1);
	assert_true(time_day_number(-1, 0) == -1 && time_day_number(-86400, 0) == -1 && time_day_number(-86401, 0) == -2);
	assert_true(time_day_number(0, -1) == -1);
}

static void texts_go_there_and_back(void **state UNUSED)
{
	struct rand_gen g = rand_fork(test_seed(), "texts", 0);
	for (int i = 0; i < 5000; i++) {
		int64_t unix_s = (int64_t) rand_below(&g, 253402300800u), back = -1;
		assert_true(time_parse_rfc3339(slice_of(time_rfc3339(unix_s).s), &back) && back == unix_s);
		assert_true(time_parse_folder(slice_of(time_folder(unix_s).s), &back) && back == unix_s);
		assert_true(time_parse_compact(slice_of(time_compact(unix_s).s), &back) && back == unix_s);
		int64_t day = time_day_number(unix_s, 0);
		assert_true(time_parse_date(slice_of(time_date(day).s), &back) && back == day);
		assert_memory_equal(time_month(day).s, time_date(day).s, 7);
	}
	assert_string_equal(time_rfc3339(1616816289).s, "2021-03-27T03:38:09Z");
	assert_string_equal(time_folder(1616816289).s, "2021-03-27T03-38-09Z");
	assert_string_equal(time_compact(1616816289).s, "20210327T033809Z");
	assert_string_equal(time_month(18713).s, "2021-03");
}

static void rfc3339_takes_fractions_and_offsets(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} good[] = {
		{ "2021-03-27T03:38:09Z", 1616816289 },
		{ "2021-03-27T03:38:09.999Z", 1616816289 },
		{ "2021-03-27T09:08:09+05:30", 1616816289 },
		{ "2021-03-26T23:38:09.5-04:00", 1616816289 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
	};
	static const char *const bad[] = {
		"",
		"2021-03-27",
		"2021-03-27T03:38:09",
		"2021-03-27 03:38:09Z",
		"2021-03-27T03:38:09.Z",
		"2021-02-30T03:38:09Z",
		"2021-03-27T24:00:00Z",
		"2021-03-27T03:60:09Z",
		"2021-03-27T03:38:61Z",
		"2021-03-27T03:38:09ZZ",
		"2021-03-27T03:38:09+5:30",
		"2021-03-27T03:38:09+24:00",
		"2021-03-27T03:38:09+05:60",
		"2021-03-27T03:38:09+0530",
		"0000-03-27T03:38:09Z",
		"2021-3-27T03:38:09Z",
		"-021-03-27T03:38:09Z",
		"2021-03-27T03:38:09.1x",
		"20210327T033809Z",
	};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		int64_t unix_s = 0;
		if (!time_parse_rfc3339(slice_of(good[i].text), &unix_s) || unix_s != good[i].unix_s)
			fail_msg("'%s': %lld", good[i].text, (long long) unix_s);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int64_t unix_s;
		if (time_parse_rfc3339(slice_of(bad[i]), &unix_s))
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void other_forms_are_strict_too(void **state UNUSED)
{
	int64_t v;
	assert_false(time_parse_folder(SLICE("2021-03-27T03:38:09Z"), &v));
	assert_false(time_parse_folder(SLICE("2021-03-27T03-38-09"), &v));
	assert_false(time_parse_compact(SLICE("20210327T033809"), &v));
	assert_false(time_parse_compact(SLICE("20211327T033809Z"), &v));
	assert_false(time_parse_date(SLICE("2021-03"), &v));
	assert_false(time_parse_date(SLICE("2021-03-27x"), &v));
	assert_true(time_parse_offset(SLICE("-03:30"), &v) && v == -12600);
	assert_true(time_parse_offset(SLICE("Z"), &v) && v == 0);
	assert_false(time_parse_offset(SLICE("03:30"), &v));
	assert_false(time_parse_offset(SLICE("+3a:30"), &v));
	assert_false(time_parse_offset(SLICE(""), &v));
}

static void the_fake_clock_moves_only_when_told(void **state UNUSED)
{
	struct clock_fake f;
	clock_fake_init(&f, 5000);
	struct clock *c = &f.base;
	assert_true(clock_now_ms(c) == 5000 && clock_now_ms(c) == 5000);
	int64_t mono = clock_mono_ns(c);
	clock_sleep_ms(c, 250);
	assert_true(clock_now_ms(c) == 5250 && clock_mono_ns(c) == mono + 250000000 && f.slept_ms == 250);
	clock_fake_advance_ms(&f, 50);
	assert_true(clock_now_ms(c) == 5300 && f.slept_ms == 250);
	f.now_ms = 10; /* set back: durations do not care */
	assert_true(clock_now_ms(c) == 10 && clock_mono_ns(c) == mono + 300000000);
}

/* A clock whose second sleep is when the signal comes. */
static atomic_bool asked_to_stop;
static int sleeps;
static void sleep_then_stop(struct clock *c UNUSED, int64_t ms UNUSED)
{
	asked_to_stop = ++sleeps == 2;
}

static void a_long_sleep_ends_soon_after_it_is_asked_to(void **state UNUSED)
{
	static const struct clock_ops ops = { .sleep_ms = sleep_then_stop };
	struct clock c = { &ops };
	clock_sleep_unless(&c, 3600000, &asked_to_stop);
	assert_int_equal(sleeps, 2);
	clock_sleep_unless(&c, 3600000, &asked_to_stop);
	assert_int_equal(sleeps, 2);
	struct clock_fake f;
	clock_fake_init(&f, 0);
	clock_sleep_unless(&f.base, 1234, NULL);
	assert_true(f.slept_ms == 1234);
}

static void the_system_clock_runs(void **state UNUSED)
{
	struct clock *c = clock_system();
	int64_t mono = clock_mono_ns(c);
	clock_sleep_ms(c, 2);
	assert_true(clock_mono_ns(c) - mono >= 2000000);
	assert_true(clock_now_ms(c) > 1700000000000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(days_agree_with_the_c_library),       cmocka_unit_test(known_days),
	cmocka_unit_test(a_day_depends_on_the_offset),         cmocka_unit_test(texts_go_there_and_back),
	cmocka_unit_test(rfc3339_takes_fractions_and_offsets), cmocka_unit_test(other_forms_are_strict_too),
	cmocka_unit_test(the_fake_clock_moves_only_when_told), cmocka_unit_test(a_long_sleep_ends_soon_after_it_is_asked_to),
	cmocka_unit_test(the_system_clock_runs),
};
TEST_SUITE(base_time, tests);
