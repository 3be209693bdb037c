/* Time zones: names, files that are whole, cut off and forged, rules of the years to come. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "dag/cron.h"
#include "io/file.h"
#include "io/zone.h"
#include "io/zone_rule.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#define JAN_2026 1767225600 /* 2026-01-01T00:00:00Z */
#define JUL_2026 1782864000 /* 2026-07-01T00:00:00Z */

static int64_t offset_at(const char *name, int64_t unix_s)
{
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct err err = { 0 };
	if (zone_open(slice_of(name), &z, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_string_equal(zone_name(z), name);
	return zone_at(z, unix_s).offset_s;
}

static void names_and_offsets_are_zones(void **state UNUSED)
{
	assert_int_equal(offset_at("UTC", JAN_2026), 0);
	assert_int_equal(offset_at("Z", JAN_2026), 0);
	assert_int_equal(offset_at("+05:30", JAN_2026), 19800);
	assert_int_equal(offset_at("-03:00", JUL_2026), -10800);
	assert_int_equal(offset_at("Asia/Kolkata", JAN_2026), 19800);
	assert_int_equal(offset_at("Europe/Berlin", JAN_2026), 3600);
	assert_int_equal(offset_at("Europe/Berlin", JUL_2026), 7200);
	assert_int_equal(offset_at("America/Argentina/Buenos_Aires", JUL_2026), -10800);
	assert_int_equal(offset_at("Etc/GMT+5", JUL_2026), -18000);
}

static void a_stretch_ends_where_the_clock_is_moved(void **state UNUSED)
{
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct err err = { 0 };
	assert_int_equal(zone_open(SLICE("Europe/Berlin"), &z, &err), RC_OK);
	struct zone_stretch s = zone_at(z, JUL_2026);
	assert_string_equal(time_rfc3339(s.from_s).s, "2026-03-29T01:00:00Z");
	assert_string_equal(time_rfc3339(s.until_s).s, "2026-10-25T01:00:00Z");
	assert_int_equal(zone_at(z, s.until_s - 1).offset_s, 7200);
	assert_int_equal(zone_at(z, s.until_s).offset_s, 3600);
	s = zone_at(z, INT64_MIN);
	assert_true(s.from_s == INT64_MIN && s.until_s < 0);
	(void) zone_at(z, INT64_MAX);
	assert_string_equal(zone_show(z, JUL_2026).s, "2026-07-01T02:00:00+02:00");
	zone_closep(&z);
	assert_int_equal(zone_open(SLICE("-03:30"), &z, &err), RC_OK);
	assert_string_equal(zone_show(z, JAN_2026).s, "2025-12-31T20:30:00-03:30");
	assert_true(zone_at(z, 0).until_s == INT64_MAX);
}

static void refused_name(const char *name, const char *why)
{
	struct zone *z = NULL;
	struct err err = { 0 };
	enum rc rc = zone_open(slice_of(name), &z, &err);
	if (rc != RC_FATAL || z || !strstr(err.msg, why))
		fail_msg("'%s': want \"%s\", got %s \"%s\"", name, why, rc_name(rc), err.msg);
}

static void what_is_no_name_is_refused_before_any_file_is_opened(void **state UNUSED)
{
	static const char *const bad[] = { "", "../passwd", "Asia/../../../etc/passwd", "/etc/passwd", "Asia/", "Asia//Kolkata", "./UTC",
		                           "Asia Kolkata", ".hidden", "a/.b", "Europe\\Berlin", "Europe/Z\xc3\xbcrich", "+05:30x",
		                           "A23456789012345678901234567890123456789012345678901234567890123456789" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused_name(bad[i], "want a name such as Asia/Kolkata");
	struct zone *z = NULL;
	struct err err = { 0 };
	assert_int_equal(zone_open(SLICE("UTC\0x"), &z, &err), RC_FATAL);
	assert_int_equal(zone_open(SLICE_NULL, &z, &err), RC_FATAL);
}

static void an_unknown_name_and_a_machine_without_zones_are_told_apart(void **state UNUSED)
{
	char folder[512];
	refused_name("Europe/Bombay", "has none of that name");
	refused_name("Europe", "has none of that name");
	refused_name("Europe/Berlin/Mitte", "has none of that name");
	refused_name("zone.tab", "it is no TZif file");
	(void) snprintf(folder, sizeof folder, "%s/none", test_tmpdir());
	assert_int_equal(setenv("TZDIR", folder, 1), 0);
	refused_name("Europe/Berlin", "apt-get install tzdata");
	assert_int_equal(offset_at("UTC", 0), 0);
	assert_int_equal(unsetenv("TZDIR"), 0);
}

static void a_file_that_is_too_large_or_no_file_is_refused(void **state UNUSED)
{
	char path[600];
	const char *folder = test_tmpdir();
	struct err err = { 0 };
	size_t size = (size_t) 1 << 19;
	CLEANUP(mem_freep) char *bytes = mem_alloc(size);
	assert_int_equal(setenv("TZDIR", folder, 1), 0);
	(void) snprintf(path, sizeof path, "%s/Large", folder);
	assert_int_equal(file_replace(path, (struct slice){ bytes, size }, &err), RC_OK);
	refused_name("Large", "time zone 'Large'");
	(void) snprintf(path, sizeof path, "%s/Empty", folder);
	assert_int_equal(file_replace(path, SLICE(""), &err), RC_OK);
	refused_name("Empty", "ends within a header");
	refused_name("Empty", "apt-get install --reinstall tzdata");
	assert_int_equal(unsetenv("TZDIR"), 0);
}

/* ---- files made by hand ---- */

static void put(struct buf *b, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_addc(b, (char) (i < 8 ? value >> 8 * i : 0));
}

struct made {
	char version;
	int64_t change_s[4];
	int index[4];
	int32_t offset_s[4];
	uint32_t changes, types, leaps;
	const char *footer;
};

static void put_block(struct buf *b, const struct made *m, int time_bytes)
{
	buf_adds(b, "TZif");
	buf_addc(b, m->version);
	put(b, 0, 8);
	put(b, 0, 7);
	const uint32_t counts[] = { 0, 0, m->leaps, m->changes, m->types, 4 };
	for (size_t i = 0; i < COUNT_OF(counts); i++)
		put(b, counts[i], 4);
	for (uint32_t i = 0; i < m->changes; i++)
		put(b, (uint64_t) m->change_s[i], time_bytes);
	for (uint32_t i = 0; i < m->changes; i++)
		put(b, (uint64_t) m->index[i], 1);
	for (uint32_t i = 0; i < m->types; i++) {
		put(b, (uint32_t) m->offset_s[i], 4);
		put(b, 0, 2);
	}
	buf_add(b, SLICE("ABC\0"));
	for (uint32_t i = 0; i < m->leaps; i++)
		put(b, 0, time_bytes + 4);
}

static void make(const struct made *m, struct buf *b)
{
	*b = buf_new(4096);
	put_block(b, m, 4);
	put_block(b, m, 8);
	buf_addf(b, "\n%s\n", m->footer);
}

static const struct made good = { '2', { -1000, 1000, 2000 }, { 1, 2, 0 }, { 3600, 7200, -3600 }, 3, 3, 0, "<-01>1" };

static void refused_file(struct made m, const char *why)
{
	CLEANUP(buf_done) struct buf b;
	struct zone *z = NULL;
	struct err err = { 0 };
	make(&m, &b);
	enum rc rc = zone_parse(SLICE("Made/Up"), buf_slice(&b), &z, &err);
	if (rc != RC_REJECT || z || !strstr(err.msg, why) || !strstr(err.msg, "'Made/Up'"))
		fail_msg("want \"%s\", got %s \"%s\"", why, rc_name(rc), err.msg);
}

static void the_offsets_of_a_file_are_found(void **state UNUSED)
{
	static const struct {
		int64_t at_s, offset_s;
	} wanted[] = { { INT64_MIN, 3600 }, { -1001, 3600 }, { -1000, 7200 }, { 999, 7200 }, { 1000, -3600 }, { 1999, -3600 },
		       { 2000, -3600 }, { INT64_MAX, -3600 } };
	CLEANUP(buf_done) struct buf b;
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct err err = { 0 };
	make(&good, &b);
	assert_int_equal(zone_parse(SLICE("Made/Up"), buf_slice(&b), &z, &err), RC_OK);
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		assert_int_equal(zone_at(z, wanted[i].at_s).offset_s, wanted[i].offset_s);
}

static void a_file_that_contradicts_itself_is_refused(void **state UNUSED)
{
	struct made m = good;
	m.version = '\0';
	refused_file(m, "version 1");
	m = good;
	m.change_s[2] = 1000;
	refused_file(m, "not in order");
	m = good;
	m.index[1] = 3;
	refused_file(m, "not there");
	m = good;
	m.types = 0;
	refused_file(m, "names no offset");
	m = good;
	m.offset_s[1] = 26 * 3600;
	refused_file(m, "more than a day");
	m.offset_s[1] = INT32_MIN;
	refused_file(m, "more than a day");
	m = good;
	m.leaps = 1;
	refused_file(m, "leap seconds");
	static const char *const rules[] = { "A1", "UTC", "<-01>25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
		                             "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J365", "CET-1CEST,0,366",
		                             "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0x", "<+01-1", "CET-1:60", "-1",
		                             "CET-99999999999999999999" };
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		m = good;
		m.footer = rules[i];
		refused_file(m, "no rule for later years");
	}
}

/* Whatever a file holds, it is refused or the zone answers; a cron expression over it comes to an end. */
static bool stands(struct slice tzif)
{
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct err err = { 0 };
	struct cron wall, fixed;
	if (zone_parse(SLICE("Made/Up"), tzif, &z, &err) != RC_OK)
		return false;
	assert_int_equal(cron_parse(SLICE("7 * * * *"), &wall, &err), RC_OK);
	assert_int_equal(cron_parse(SLICE("30 2 * * *"), &fixed, &err), RC_OK);
	for (int64_t t = -100000; t < 300000; t += 50000) {
		struct zone_stretch s = zone_at(z, t);
		assert_true(s.from_s <= t && t < s.until_s);
		assert_true(cron_next(&wall, z, t) > t && cron_next(&fixed, z, t) > t);
	}
	return true;
}

static void a_file_cut_off_anywhere_is_refused(void **state UNUSED)
{
	CLEANUP(buf_done) struct buf b;
	make(&good, &b);
	for (size_t len = 0; len < b.len; len++) {
		CLEANUP(mem_freep) char *exact = mem_alloc(len); /* a byte read behind it is seen */
		memcpy(exact, b.ptr, len);
		assert_false(stands((struct slice){ exact, len }));
	}
	assert_true(stands(buf_slice(&b)));
}

static void a_file_with_any_byte_changed_does_no_harm(void **state UNUSED)
{
	CLEANUP(buf_done) struct buf b;
	struct rand_gen rand = rand_new(test_seed());
	struct made m = good;
	m.footer = "CET-1CEST,M3.5.0,M10.5.0/3";
	make(&m, &b);
	size_t stood = 0, fell = 0;
	for (size_t at = 0; at < b.len; at++) {
		for (int i = 0; i < 8; i++) {
			char was = b.ptr[at];
			b.ptr[at] = (char) (i < 4 ? (const int[]){ 0, 0x7f, 0x80, 0xff }[i] : (int) rand_below(&rand, 256));
			*(stands(buf_slice(&b)) ? &stood : &fell) += 1;
			b.ptr[at] = was;
		}
	}
	assert_true(stood > 0 && fell > 0);
}

static void counts_beyond_the_file_take_no_memory(void **state UNUSED)
{
	CLEANUP(buf_done) struct buf b;
	make(&good, &b);
	for (size_t block = 0; block < 2; block++) {
		size_t head = block == 0 ? 0 : b.len - 8 - 3 * 9 - 3 * 6 - 4 - 44; /* the footer has 8 bytes */
		assert_memory_equal(b.ptr + head, "TZif", 4);
		for (size_t count = 20; count < 44; count += 4) {
			char was[4];
			memcpy(was, b.ptr + head + count, 4);
			memset(b.ptr + head + count, 0xff, 4);
			assert_false(stands(buf_slice(&b)));
			memcpy(b.ptr + head + count, was, 4);
		}
	}
}

/* ---- rules ---- */

static void rule_shows(const char *text, const char *at, int64_t offset_s, const char *until)
{
	struct zone_rule rule;
	int64_t unix_s;
	assert_true(zone_rule_parse(slice_of(text), &rule));
	assert_true(time_parse_rfc3339(slice_of(at), &unix_s));
	struct zone_stretch s = zone_rule_at(&rule, unix_s);
	if (s.offset_s != offset_s || (until && strcmp(time_rfc3339(s.until_s).s, until) != 0))
		fail_msg("%s at %s: offset %lld until %s", text, at, (long long) s.offset_s, time_rfc3339(s.until_s).s);
}

static void rules_of_every_form_are_followed(void **state UNUSED)
{
	rule_shows("IST-5:30", "2026-07-01T00:00:00Z", 19800, NULL);
	rule_shows("CET-1CEST,M3.5.0,M10.5.0/3", "2099-07-01T00:00:00Z", 7200, "2099-10-25T01:00:00Z");
	rule_shows("CET-1CEST,M3.5.0,M10.5.0/3", "2099-12-31T23:59:59Z", 3600, "2100-03-28T01:00:00Z");
	rule_shows("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-01-01T00:00:00Z", 39600, "2050-04-02T15:00:00Z");
	rule_shows("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-03-27T00:59:59Z", -7200, "2050-03-27T01:00:00Z");
	rule_shows("AAA3BBB,J60/0,J300/0", "2024-02-29T12:00:00Z", -10800, "2024-03-01T03:00:00Z"); /* J60 is 1 March every year */
	rule_shows("AAA3BBB,59/0,300/0", "2024-02-29T02:59:59Z", -10800, "2024-02-29T03:00:00Z");   /* 59 is the 60th day */
	rule_shows("XXX3EDT4,0/0,J365/23", "2026-01-01T03:30:00Z", -14400, NULL); /* RFC 8536, 3.3.1: summer time all year */
	rule_shows("XXX3EDT4,0/0,J365/23", "2026-12-31T23:30:00Z", -14400, NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(names_and_offsets_are_zones),
	cmocka_unit_test(a_stretch_ends_where_the_clock_is_moved),
	cmocka_unit_test(what_is_no_name_is_refused_before_any_file_is_opened),
	cmocka_unit_test(an_unknown_name_and_a_machine_without_zones_are_told_apart),
	cmocka_unit_test(a_file_that_is_too_large_or_no_file_is_refused),
	cmocka_unit_test(the_offsets_of_a_file_are_found),
	cmocka_unit_test(a_file_that_contradicts_itself_is_refused),
	cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
	cmocka_unit_test(a_file_with_any_byte_changed_does_no_harm),
	cmocka_unit_test(counts_beyond_the_file_take_no_memory),
	cmocka_unit_test(rules_of_every_form_are_followed),
};
TEST_SUITE(zone, tests);
