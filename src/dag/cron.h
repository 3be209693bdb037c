/* Cron expressions: five fields, minute hour day-of-month month day-of-week, as crontab(5) and Cloud Scheduler read them.
 *
 * A field is a list, joined by ',', of '*', values and ranges 'a-b'; '*' and ranges may have a step '/n' behind them.  Months and
 * weekdays may be named by their first three letters (any case); Sunday is 0 and 7.  Fields are set apart by spaces or tabs.  For
 * the whole expression may stand one of @yearly @annually @monthly @weekly @daily @midnight @hourly.
 *
 * Which day (Vixie cron, crontab(5)): when neither day field begins with '*', a day that fits either of them is meant, else one
 * that fits both.
 *
 * Where the local clock is moved (cron(8) of Vixie cron, "Special considerations"): an expression whose minute or hour field
 * begins with '*' follows the wall clock, so in a repeated hour it comes twice and in a skipped one not at all.  Any other names
 * times of day: each comes when the local clock first shows it or a later one.  So a skipped time comes as the clock jumps,
 * once however many were skipped, and a repeated one the first time only.  Cron does so for jumps below three hours; here the
 * size does not matter.
 *
 * Pure: no clock, no I/O; any thread. */
#ifndef DAG_CRON_H
#define DAG_CRON_H

#include "io/zone.h"

#define CRON_BYTES_MAX 256

struct cron {
	uint64_t minute; /* bit n: value n */
	uint32_t hour, day, month, weekday;
	bool follows_wall_clock;
	bool either_day; /* both day fields say something */
};

/* RC_REJECT says the column (from 1) and what is wanted there, or that no such day ever comes. */
MUST_USE enum rc cron_parse(struct slice text, struct cron *out, struct err *err);
/* The first time after `after_s` in that zone; INT64_MAX past the year 9999. */
int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after_s);

#endif
