/* Cron expressions: what is read and refused, which days fit, what comes next where the clock is moved. */
#include "base/time.h"
#include "dag/cron.h"
#include "test.h"

static void refused(const char *text, const char *why)
{
	struct cron c;
	struct err err = { 0 };
	enum rc rc = cron_parse(slice_of(text), &c, &err);
	if (rc != RC_REJECT || !strstr(err.msg, why))
		fail_msg("'%s': want \"%s\", got %s \"%s\"", text, why, rc_name(rc), err.msg);
}

static void what_is_malformed_is_refused_with_the_column(void **state UNUSED)
{
	refused("", "column 1: want a minute from 0 to 59, or '*'");
	refused("60 * * * *", "column 1: want a minute from 0 to 59");
	refused("0 24 * * *", "column 3: want an hour from 0 to 23");
	refused("0 0 0 * *", "column 5: want a day of the month from 1 to 31");
	refused("0 0 32 * *", "column 5: want a day of the month");
	refused("0 0 * 13 *", "column 7: want a month from 1 to 12 or jan to dec");
	refused("0 0 * * 8", "column 9: want a day of the week from 0 to 7 or sun to sat");
	refused("0 0 * * monday", "column 12: want ','");
	refused("0 0 * * mo", "column 9: want a day of the week");
	refused("0 0 * mon *", "column 7: want a month");
	refused("0 0 jan * *", "column 5: want a day of the month");
	refused("* * * *", "column 8: want five fields");
	refused("* * * * * *", "column 11: want nothing behind the five fields");
	refused("*/0 * * * *", "column 3: want a step");
	refused("*/ * * * *", "column 3: want a step");
	refused("*/60 * * * *", "column 3: want a step");
	refused("*/99999999999999999999 * * * *", "column 3: want a step");
	refused("5/10 * * * *", "column 2: want no step behind a single value");
	refused("10-5 * * * *", "column 4: want the end of a range");
	refused("1- * * * *", "column 3: want a minute");
	refused("1,,2 * * * *", "column 3: want a minute");
	refused("1, * * * *", "column 3: want a minute");
	refused("-1 * * * *", "column 1: want a minute");
	refused("1-2-3 * * * *", "column 4: want ','");
	refused("** * * * *", "column 2: want ','");
	refused("? * * * *", "column 1: want a minute");
	refused("0 0 L * *", "column 5: want a day of the month");
	refused("99999999999999999999999 * * * *", "column 1: want a minute");
	refused("@dayly", "column 1: want @yearly");
	refused("@daily x", "want @yearly");
	refused("@", "want @yearly");
	refused("0 0\n* * *", "column 4: want ','");
}

static void days_that_never_come_are_refused(void **state UNUSED)
{
	refused("0 0 31 2 *", "no such day ever comes");
	refused("0 0 30 2 *", "no such day ever comes");
	refused("0 0 31 4,6,9,11 *", "no such day ever comes");
}

static void too_long_is_refused(void **state UNUSED)
{
	char text[600];
	size_t len = 0;
	while (len < 500)
		len += (size_t) snprintf(text + len, sizeof text - len, "1,");
	(void) snprintf(text + len, sizeof text - len, "1 * * * *");
	refused(text, "at most 256");
	struct cron c;
	struct err err = { 0 };
	assert_int_equal(cron_parse(SLICE("0 0 * *\0 *"), &c, &err), RC_REJECT);
	assert_int_equal(cron_parse(SLICE_NULL, &c, &err), RC_REJECT);
}

/* The next times after `after`, one after the other, as many as are named. */
static void comes(const char *text, const char *zone, const char *after, const char *const wanted[])
{
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct cron c;
	struct err err = { 0 };
	int64_t at_s;
	if (cron_parse(slice_of(text), &c, &err) != RC_OK || zone_open(slice_of(zone), &z, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_true(time_parse_rfc3339(slice_of(after), &at_s));
	for (size_t i = 0; wanted[i]; i++) {
		at_s = cron_next(&c, z, at_s);
		if (strcmp(zone_show(z, at_s).s, wanted[i]) != 0)
			fail_msg("%s in %s after %s: want %s, got %s", text, zone, after, wanted[i], zone_show(z, at_s).s);
	}
}
#define COMES(text, zone, after, ...) comes(text, zone, after, (const char *const[]){ __VA_ARGS__, NULL })

static void fields_of_every_form_are_read(void **state UNUSED)
{
	COMES("5 0 * 8 *", "UTC", "2026-08-31T00:05:00Z", "2027-08-01T00:05:00+00:00");
	COMES("*/20\t9-17/4 * * mon-fri", "UTC", "2026-11-27T09:40:00Z", "2026-11-27T13:00:00+00:00", "2026-11-27T13:20:00+00:00",
	      "2026-11-27T13:40:00+00:00", "2026-11-27T17:00:00+00:00", "2026-11-27T17:20:00+00:00", "2026-11-27T17:40:00+00:00",
	      "2026-11-30T09:00:00+00:00");
	COMES("  1,2-4,59 23 31 DEC *  ", "UTC", "2026-12-31T23:03:59Z", "2026-12-31T23:04:00+00:00", "2026-12-31T23:59:00+00:00",
	      "2027-12-31T23:01:00+00:00");
	COMES("0 12 * Jan-Mar Sun", "UTC", "2026-03-25T00:00:00Z", "2026-03-29T12:00:00+00:00", "2027-01-03T12:00:00+00:00");
	COMES("0 12 * * 7", "UTC", "2026-03-25T00:00:00Z", "2026-03-29T12:00:00+00:00");
	COMES("0 12 * * 5-7", "UTC", "2026-03-25T00:00:00Z", "2026-03-27T12:00:00+00:00", "2026-03-28T12:00:00+00:00",
	      "2026-03-29T12:00:00+00:00", "2026-04-03T12:00:00+00:00");
	COMES("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00+00:00");
	COMES("@hourly", "UTC", "2026-03-25T00:00:00Z", "2026-03-25T01:00:00+00:00");
}

static void either_day_field_is_enough_unless_one_begins_with_a_star(void **state UNUSED)
{
	COMES("0 0 1 * sat", "UTC", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00+00:00", "2026-11-07T00:00:00+00:00");
	COMES("0 0 1 * *", "UTC", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00");
	COMES("0 0 * * sat", "UTC", "2026-10-31T00:00:00Z", "2026-11-07T00:00:00+00:00");
	COMES("0 0 */10 * sat", "UTC", "2026-10-31T00:00:00Z", "2026-11-21T00:00:00+00:00"); /* days 1, 11, 21, 31 that are Saturdays */
	COMES("0 0 30 2 mon", "UTC", "2026-02-16T00:00:00Z", "2026-02-23T00:00:00+00:00");
}

static void the_next_time_is_later_even_by_a_second(void **state UNUSED)
{
	COMES("* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00+00:00");
	COMES("* * * * *", "UTC", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00+00:00");
	COMES("0 0 * * *", "Asia/Kolkata", "2026-01-01T18:29:59Z", "2026-01-02T00:00:00+05:30", "2026-01-03T00:00:00+05:30");
	COMES("0 0 * * *", "+05:45", "2026-01-01T18:15:00Z", "2026-01-03T00:00:00+05:45");
}

static void a_skipped_time_comes_once_as_the_clock_jumps(void **state UNUSED)
{
	COMES("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
	      "2026-03-30T02:30:00+02:00");
	COMES("10,20,50 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-29T03:10:00+02:00");
	COMES("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00");
	COMES("0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z", "2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00");
	COMES("0 12 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00",
	      "2011-12-31T12:00:00+14:00"); /* 30 December was left out */
}

static void a_repeated_time_comes_the_first_time_only(void **state UNUSED)
{
	COMES("30 2 * * *", "Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00");
	COMES("0 2,3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00+01:00");
	COMES("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T10:00:00Z", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30");
	COMES("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-26T02:30:00+01:00"); /* asked between the two */
}

static void a_wild_card_follows_the_wall_clock(void **state UNUSED)
{
	COMES("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00",
	      "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00");
	COMES("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00");
	COMES("* 2 * * *", "Europe/Berlin", "2026-03-28T01:59:00Z", "2026-03-30T02:00:00+02:00");
	COMES("@hourly", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00+01:00");
}

static void the_end_of_time_is_never(void **state UNUSED)
{
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct cron c;
	struct err err = { 0 };
	assert_int_equal(zone_open(SLICE("Europe/Berlin"), &z, &err), RC_OK);
	assert_int_equal(cron_parse(SLICE("30 2 29 2 *"), &c, &err), RC_OK);
	assert_true(cron_next(&c, z, INT64_MAX) == INT64_MAX);
	assert_true(cron_next(&c, z, INT64_MAX - 1) == INT64_MAX);
	assert_true(cron_next(&c, z, INT64_MIN) > INT64_MIN);
	assert_true(cron_next(&c, z, 253402300798) == INT64_MAX);
	assert_true(cron_next(&c, z, 253300000000) == INT64_MAX); /* after the last 29 February of four digits */
	assert_string_equal(time_rfc3339(cron_next(&c, z, 253202300798)).s, "9996-02-29T01:30:00Z");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_malformed_is_refused_with_the_column),
	cmocka_unit_test(days_that_never_come_are_refused),
	cmocka_unit_test(too_long_is_refused),
	cmocka_unit_test(fields_of_every_form_are_read),
	cmocka_unit_test(either_day_field_is_enough_unless_one_begins_with_a_star),
	cmocka_unit_test(the_next_time_is_later_even_by_a_second),
	cmocka_unit_test(a_skipped_time_comes_once_as_the_clock_jumps),
	cmocka_unit_test(a_repeated_time_comes_the_first_time_only),
	cmocka_unit_test(a_wild_card_follows_the_wall_clock),
	cmocka_unit_test(the_end_of_time_is_never),
};
TEST_SUITE(cron, tests);
