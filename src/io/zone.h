/* Time zones by name: what a clock on the wall shows at a moment.
 *
 * Names are "UTC", "Z", offsets as "+05:30", and those of the tz database ("Asia/Kolkata"): TZif files below $TZDIR, else
 * /usr/share/zoneinfo.  Read are version 2 and later with the footer that tells the years to come (RFC 8536, section 3;
 * the footer's rules: POSIX.1-2017, "TZ" in section 8.3, with the hours from -167 to 167 of RFC 8536 3.3.1).  Files that
 * count leap seconds ("right/…") are refused: sargam's seconds, as Unix's, do not.
 *
 * Times are seconds since 1970 UTC, offsets seconds east of UTC.  A zone never changes once it is open: any thread. */
#ifndef IO_ZONE_H
#define IO_ZONE_H

#include "base/arena.h"

/* No offset is further from UTC (RFC 8536, section 3.2: -24:59:59 to 25:59:59). */
#define ZONE_OFFSET_S_MAX (26 * 3600)
#define ZONE_NAME_BYTES_MAX 64

struct zone;
/* RC_FATAL names the zone and what to do: no such name, no tz database here, a file that is none or is broken.  RC_RETRY: the
 * disk failed. */
MUST_USE enum rc zone_open(struct slice name, struct zone **out, struct err *err);
/* The same from the bytes of a TZif file; they are not kept.  RC_REJECT says what is wrong with them. */
MUST_USE enum rc zone_parse(struct slice name, struct slice tzif, struct zone **out, struct err *err);
void zone_close(struct zone *z);
static inline void zone_closep(struct zone **z)
{
	zone_close(*z);
	*z = NULL;
}
/* As it was opened by. */
const char *zone_name(const struct zone *z);

/* A stretch of time with one offset: from_s <= t < until_s (INT64_MIN, INT64_MAX: no change is known).  Its neighbours may
 * have the same offset under another name. */
struct zone_stretch {
	int64_t from_s, until_s, offset_s;
};
struct zone_stretch zone_at(const struct zone *z, int64_t unix_s);

/* "2026-11-26T21:54:00+05:30"; an offset with seconds is shown with them. */
#define ZONE_TEXT_BYTES 64
struct zone_text {
	char s[ZONE_TEXT_BYTES];
};
struct zone_text zone_show(const struct zone *z, int64_t unix_s);

#endif
