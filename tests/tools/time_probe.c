/* `sargam-test --time-probe`: zones and cron expressions for a test in another language.  One question a line of standard input,
 * one answer a line of standard output:
 *
 *	offset ZONE UNIX_S             seconds east of UTC
 *	next ZONE AFTER_S EXPRESSION   the first time after that; five fields or a nickname
 *
 * An error is answered as "! message". */
#include "base/slice.h"
#include "dag/cron.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>

static enum rc answer(struct slice what, struct slice zone, int64_t unix_s, struct slice rest, int64_t *out, struct err *err)
{
	static struct zone *open; /* questions about one zone come together */
	if (!open || strcmp(zone_name(open), zone.ptr) != 0) {
		zone_closep(&open);
		TRY(zone_open(zone, &open, err));
	}
	if (slice_is(what, "offset")) {
		*out = zone_at(open, unix_s).offset_s;
		return RC_OK;
	}
	struct cron cron;
	TRY(cron_parse(rest, &cron, err));
	*out = cron_next(&cron, open, unix_s);
	return RC_OK;
}

int test_time_probe(void)
{
	char line[1024], what[16], zone[ZONE_NAME_BYTES_MAX + 1];
	int64_t unix_s, result;
	int rest;
	while (fgets(line, sizeof line, stdin)) {
		struct err err = { 0 };
		if (sscanf(line, "%15s %64s %" SCNd64 " %n", what, zone, &unix_s, &rest) < 3)
			return 2;
		if (answer(slice_of(what), slice_of(zone), unix_s, slice_trim(slice_of(line + rest)), &result, &err) == RC_OK)
			printf("%" PRId64 "\n", result);
		else
			printf("! %s\n", err.msg);
	}
	return 0;
}
