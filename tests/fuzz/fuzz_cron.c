/* libFuzzer target for the schedule: a cron expression in a zone.  The file of the zone may be any bytes: refused, or every moment
 * has one stretch that holds it.  Whatever the zone does, the next time is later, and the same from any moment before it.
 *
 * Lines: the expression; seconds since 1970; then a zone's name, or the bytes of a TZif file. */
#include "dag/cron.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECONDS_MIN (-INT64_C(62135596800)) /* 0001-01-01 */
#define SECONDS_MAX INT64_C(253402300799)   /* 9999-12-31 */

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_cron: %s\n", what);
	abort();
}

static struct slice line_of(struct slice *rest)
{
	size_t end = slice_find(*rest, '\n', 0), after = end < rest->len ? end + 1 : end;
	struct slice line = slice_sub(*rest, 0, end);
	*rest = slice_sub(*rest, after, rest->len - after);
	return line;
}

static enum rc open_zone(struct slice text, struct zone **out, struct err *err)
{
	if (!slice_starts(text, SLICE("TZif")))
		return zone_open(text, out, err);
	enum rc rc = zone_parse(SLICE("fuzzed"), text, out, err);
	must(rc == RC_OK || rc == RC_REJECT, "bytes that are refused by another class");
	return rc;
}

static void check_stretch(const struct zone *z, int64_t at_s)
{
	struct zone_stretch s = zone_at(z, at_s);
	must(s.from_s <= at_s && at_s < s.until_s, "a moment outside of its stretch");
	must(s.offset_s >= -ZONE_OFFSET_S_MAX && s.offset_s <= ZONE_OFFSET_S_MAX, "an offset out of its range");
	must(zone_show(z, at_s).s[0], "a moment that cannot be shown");
	if (s.until_s < SECONDS_MAX)
		must(zone_at(z, s.until_s).from_s == s.until_s, "a gap between two stretches");
	if (s.from_s > SECONDS_MIN)
		must(zone_at(z, s.from_s - 1).until_s == s.from_s, "a gap before a stretch");
}

static void check_cron(const struct cron *c, const struct zone *z, int64_t after_s)
{
	for (int i = 0; i < 3; i++) {
		int64_t next = cron_next(c, z, after_s);
		must(next > after_s, "the next time is not later");
		if (next > SECONDS_MAX)
			return;
		int64_t local_s = next + zone_at(z, next).offset_s;
		int64_t minute = ((local_s % 3600 + 3600) % 3600) / 60;
		must(!c->follows_wall_clock || (c->minute >> minute & 1), "a minute that the expression does not have");
		must(cron_next(c, z, after_s + (next - after_s) / 2) == next, "from the middle it is another");
		must(cron_next(c, z, next - 1) == next, "from right before it is another");
		check_stretch(z, next);
		after_s = next;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *) data, size };
	struct slice expression = line_of(&rest), number = line_of(&rest);
	struct err err = { 0 };
	CLEANUP(zone_closep) struct zone *z = NULL;
	struct cron c;
	int64_t at_s;
	bool is_cron = cron_parse(expression, &c, &err) == RC_OK;
	must(is_cron || err.msg[0], "refused without a reason");
	if (!slice_to_int(number, &at_s) || at_s < SECONDS_MIN || at_s > SECONDS_MAX)
		at_s = 0;
	err = (struct err){ 0 };
	if (open_zone(rest, &z, &err) != RC_OK) {
		must(err.msg[0], "a zone refused without a reason");
		return 0;
	}
	check_stretch(z, at_s);
	if (is_cron)
		check_cron(&c, z, at_s);
	return 0;
}
