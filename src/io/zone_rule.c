#include "io/zone_rule.h"

#include "base/time.h"

#define DAY_S 86400
#define NAME_LEN_MIN 3
#define OFFSET_HOURS_MAX 24
#define TIME_HOURS_MAX 167
#define TIME_DEFAULT_S (2 * 3600)

/* Beyond these nobody makes rules, and the arithmetic could overflow: the offset stays what it was. */
#define YEAR_MIN (-9999)
#define YEAR_MAX 99999

/* ---- reading ---- */

struct reader {
	struct slice rest;
};

static bool take(struct reader *r, char c)
{
	if (r->rest.len == 0 || r->rest.ptr[0] != c)
		return false;
	r->rest = slice_sub(r->rest, 1, r->rest.len - 1);
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool read_number(struct reader *r, int least, int most, int *out)
{
	int value = 0;
	size_t len = 0;
	for (; len < r->rest.len && len < 4 && is_digit(r->rest.ptr[len]); len++)
		value = value * 10 + (r->rest.ptr[len] - '0');
	r->rest = slice_sub(r->rest, len, r->rest.len - len);
	*out = value;
	return len > 0 && value >= least && value <= most;
}

/* "EST", or "<+0530>" */
static bool read_name(struct reader *r)
{
	bool quoted = take(r, '<');
	size_t len = 0;
	for (; len < r->rest.len; len++) {
		char c = r->rest.ptr[len];
		bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!is_letter && !(quoted && (is_digit(c) || c == '+' || c == '-')))
			break;
	}
	r->rest = slice_sub(r->rest, len, r->rest.len - len);
	return len >= NAME_LEN_MIN && (!quoted || take(r, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(struct reader *r, int hours_max, int64_t *out_s)
{
	bool negative = take(r, '-');
	int hour, minute = 0, second = 0;
	if (!negative)
		(void) take(r, '+');
	if (!read_number(r, 0, hours_max, &hour))
		return false;
	if (take(r, ':') && !read_number(r, 0, 59, &minute))
		return false;
	if (take(r, ':') && !read_number(r, 0, 59, &second))
		return false;
	*out_s = hour * 3600 + minute * 60 + second;
	if (negative)
		*out_s = -*out_s;
	return true;
}

/* POSIX counts west of Greenwich. */
static bool read_offset(struct reader *r, int64_t *out_s)
{
	if (!read_time(r, OFFSET_HOURS_MAX, out_s))
		return false;
	*out_s = -*out_s;
	return true;
}

static bool read_date(struct reader *r, struct zone_date *out)
{
	*out = (struct zone_date){ .time_s = TIME_DEFAULT_S };
	if (!take(r, ','))
		return false;
	bool ok;
	if (take(r, 'M')) {
		out->kind = ZONE_WEEKDAY;
		ok = read_number(r, 1, 12, &out->month) && take(r, '.') && read_number(r, 1, 5, &out->week) && take(r, '.') &&
		     read_number(r, 0, 6, &out->day);
	} else if (take(r, 'J')) {
		out->kind = ZONE_JULIAN_1;
		ok = read_number(r, 1, 365, &out->day);
	} else {
		out->kind = ZONE_JULIAN_0;
		ok = read_number(r, 0, 365, &out->day);
	}
	return ok && (!take(r, '/') || read_time(r, TIME_HOURS_MAX, &out->time_s));
}

bool zone_rule_parse(struct slice text, struct zone_rule *out)
{
	struct reader r = { text };
	*out = (struct zone_rule){ 0 };
	if (!read_name(&r) || !read_offset(&r, &out->standard_s))
		return false;
	if (r.rest.len == 0)
		return true;
	out->has_dst = true;
	out->dst_s = out->standard_s + 3600;
	if (!read_name(&r))
		return false;
	if (r.rest.len && r.rest.ptr[0] != ',' && !read_offset(&r, &out->dst_s))
		return false;
	return read_date(&r, &out->start) && read_date(&r, &out->end) && r.rest.len == 0;
}

/* ---- using ---- */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t day_of(const struct zone_date *d, int64_t year)
{
	int64_t first = time_day_of_civil(year, 1, 1);
	if (d->kind == ZONE_JULIAN_0)
		return first + d->day;
	if (d->kind == ZONE_JULIAN_1) /* 29 February is never counted */
		return first + d->day - 1 + (is_leap(year) && d->day >= 60);
	int64_t month = time_day_of_civil(year, d->month, 1);
	int64_t next = d->month == 12 ? time_day_of_civil(year + 1, 1, 1) : time_day_of_civil(year, d->month + 1, 1);
	int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	int64_t day = month + (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
	return day < next ? day : day - 7; /* week 5 is the last one */
}

struct change {
	int64_t at_s, offset_s; /* from when on which offset */
};

/* Those of the years around, in order.  Equal times keep the order of their years: where summer time ends as the next one
 * begins ("all year round") the beginning has the last word. */
static size_t list_changes(const struct zone_rule *r, int64_t year, struct change out[static 6])
{
	size_t count = 0;
	for (int64_t y = year - 1; y <= year + 1; y++) {
		struct change both[2] = {
			{ day_of(&r->start, y) * DAY_S + r->start.time_s - r->standard_s, r->dst_s },
			{ day_of(&r->end, y) * DAY_S + r->end.time_s - r->dst_s, r->standard_s },
		};
		bool south = both[1].at_s < both[0].at_s;
		out[count++] = both[south ? 1 : 0];
		out[count++] = both[south ? 0 : 1];
	}
	for (size_t i = 1; i < count; i++) {
		struct change c = out[i];
		size_t k = i;
		for (; k > 0 && out[k - 1].at_s > c.at_s; k--)
			out[k] = out[k - 1];
		out[k] = c;
	}
	return count;
}

struct zone_stretch zone_rule_at(const struct zone_rule *r, int64_t unix_s)
{
	struct zone_stretch s = { INT64_MIN, INT64_MAX, r->standard_s };
	const int64_t least = time_day_of_civil(YEAR_MIN, 1, 1) * DAY_S, most = time_day_of_civil(YEAR_MAX, 1, 1) * DAY_S;
	if (!r->has_dst || unix_s < least || unix_s >= most)
		return s;
	struct change change[6];
	size_t count = list_changes(r, time_civil(unix_s).year, change);
	for (size_t i = 0; i < count; i++) {
		if (change[i].at_s > unix_s) {
			s.until_s = change[i].at_s;
			break;
		}
		s.from_s = change[i].at_s;
		s.offset_s = change[i].offset_s;
	}
	return s;
}
