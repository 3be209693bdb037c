/* The footer of a TZif file: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3".
 *
 * stdoffset[dst[offset],start[/time],end[/time]] (POSIX.1-2017, section 8.3), with <…> around names and times of day from
 * -167 to 167 hours (RFC 8536, section 3.3.1).  A summer time without its rules is refused: POSIX leaves open which ones. */
#ifndef IO_ZONE_RULE_H
#define IO_ZONE_RULE_H

#include "io/zone.h"

struct zone_date {
	enum { ZONE_JULIAN_1, ZONE_JULIAN_0, ZONE_WEEKDAY } kind; /* J1 to J365, 0 to 365, Mm.w.d */
	int day, month, week;                                     /* of the year, or of the week (0 = Sunday) */
	int64_t time_s;                                           /* wall clock, from that day's midnight */
};
struct zone_rule {
	bool has_dst;
	int64_t standard_s, dst_s; /* east of UTC */
	struct zone_date start, end; /* of summer time */
};
/* False when it is no such string. */
MUST_USE bool zone_rule_parse(struct slice text, struct zone_rule *out);
struct zone_stretch zone_rule_at(const struct zone_rule *r, int64_t unix_s);

#endif
