/* Calendar arithmetic on the proleptic Gregorian calendar, UTC only.
 * Days and civil dates: Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms". */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/slice.h"

struct civil {
	int64_t year;
	int month, day;              /* from 1 */
	int hour, minute, second;
};

int64_t time_day_of_civil(int64_t year, int month, int day); /* days since 1970-01-01 */
struct civil time_civil(int64_t unix_s);
int64_t time_unix(const struct civil *c);
/* Floor division: the day a second lies in, `offset_s` east of UTC. */
int64_t time_day_number(int64_t unix_s, int64_t offset_s);
bool time_valid_date(int64_t year, int month, int day);

/* "YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM|-HH:MM)" (RFC 3339) to seconds; fractions are cut, not rounded. */
MUST_USE bool time_parse_rfc3339(struct slice s, int64_t *out_unix_s);
/* "2021-03-27T03-38-09Z": how recorded folders are named (no ':' in file names). */
MUST_USE bool time_parse_folder(struct slice s, int64_t *out_unix_s);
/* "20210327T033809Z": how snapshots are named in keys. */
MUST_USE bool time_parse_compact(struct slice s, int64_t *out_unix_s);
/* "YYYY-MM-DD" to a day number. */
MUST_USE bool time_parse_date(struct slice s, int64_t *out_day);
/* "+05:30", "-03:00", "Z" to seconds east of UTC. */
MUST_USE bool time_parse_offset(struct slice s, int64_t *out_offset_s);

#define TIME_TEXT_BYTES 32
struct time_text {
	char s[TIME_TEXT_BYTES];
};
struct time_text time_rfc3339(int64_t unix_s);  /* 2021-03-27T03:38:09Z */
struct time_text time_folder(int64_t unix_s);   /* 2021-03-27T03-38-09Z */
struct time_text time_compact(int64_t unix_s);  /* 20210327T033809Z */
struct time_text time_date(int64_t day);        /* 2021-03-27 */
struct time_text time_month(int64_t day);       /* 2021-03 */

#endif
