#include "dag/cron.h"

#include "base/time.h"

#define DAY_S 86400
/* The calendar repeats after 400 years, weekdays too: what has not come by then never does. */
#define DAYS_MAX 146097
#define AFTER_S_MAX 253402214400 /* 9999-12-31: every zone still shows four digits */
/* A clock that was moved shows the same times again within this: two offsets are no further apart. */
#define REPEATED_S_MAX (2 * ZONE_OFFSET_S_MAX)

/* ---- reading ---- */

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static const struct field {
	const char *name;
	int least, most;
	const char *const *names; /* of least, least + 1, … */
	size_t name_count;
} fields[] = {
	{ "a minute", 0, 59, NULL, 0 },
	{ "an hour", 0, 23, NULL, 0 },
	{ "a day of the month", 1, 31, NULL, 0 },
	{ "a month", 1, 12, months, COUNT_OF(months) },
	{ "a day of the week", 0, 7, weekdays, COUNT_OF(weekdays) },
};

static const struct nickname {
	const char *name, *meaning;
} nicknames[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },  { "@midnight", "0 0 * * *" }, { "@hourly", "0 * * * *" },
};

struct reader {
	struct slice text;
	size_t at;
	const struct field *field;
};

static char look(const struct reader *r)
{
	return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static bool take(struct reader *r, char c)
{
	if (look(r) != c || r->at >= r->text.len)
		return false;
	r->at++;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static enum rc refuse(const struct reader *r, size_t at, const char *wanted, struct err *err)
{
	return err_set(err, RC_REJECT, "cron expression '%.*s': column %zu: want %s", SLICE_FMT(r->text), at + 1, wanted);
}

static enum rc refuse_value(const struct reader *r, size_t at, struct err *err)
{
	char wanted[128];
	const struct field *f = r->field;
	(void) snprintf(wanted, sizeof wanted, "%s from %d to %d%s%s%s%s", f->name, f->least, f->most, f->names ? " or " : ", or '*'",
	                f->names ? f->names[0] : "", f->names ? " to " : "", f->names ? f->names[f->name_count - 1] : "");
	return refuse(r, at, wanted, err);
}

static bool take_digits(struct reader *r, int *out)
{
	size_t from = r->at;
	*out = 0;
	for (; look(r) >= '0' && look(r) <= '9'; r->at++)
		*out = *out < 1000 ? *out * 10 + (look(r) - '0') : *out; /* any more is out of every range */
	return r->at > from;
}

static bool take_name(struct reader *r, int *out)
{
	struct slice rest = slice_sub(r->text, r->at, r->text.len - r->at);
	for (size_t i = 0; i < r->field->name_count && rest.len >= 3; i++) {
		const char *name = r->field->names[i];
		if (lower(rest.ptr[0]) != name[0] || lower(rest.ptr[1]) != name[1] || lower(rest.ptr[2]) != name[2])
			continue;
		r->at += 3;
		*out = r->field->least + (int) i;
		return true;
	}
	return false;
}

static enum rc read_value(struct reader *r, int *out, struct err *err)
{
	size_t from = r->at;
	if ((take_digits(r, out) || take_name(r, out)) && *out >= r->field->least && *out <= r->field->most)
		return RC_OK;
	return refuse_value(r, from, err);
}

/* '*', a value, a range, with a step behind the first and the last. */
static enum rc read_item(struct reader *r, uint64_t *inout_bits, struct err *err)
{
	int first = r->field->least, last = r->field->most, step = 1;
	bool one = false;
	if (last == 7) /* '*' is seven days, not eight */
		last = 6;
	if (!take(r, '*')) {
		TRY(read_value(r, &first, err));
		last = first;
		one = look(r) != '-';
		size_t from = r->at + 1;
		if (take(r, '-'))
			TRY(read_value(r, &last, err));
		if (last < first)
			return refuse(r, from, "the end of a range at or after its beginning", err);
	}
	size_t from = r->at;
	if (take(r, '/')) {
		if (one)
			return refuse(r, from, "no step behind a single value: '*' or a range such as 5-59 comes before '/'", err);
		if (!take_digits(r, &step) || step < 1 || step > r->field->most)
			return refuse(r, from + 1, "a step, a number from 1 to the largest value", err);
	}
	for (int v = first; v <= last; v += step)
		*inout_bits |= 1ull << v;
	return RC_OK;
}

static enum rc read_field(struct reader *r, const struct field *field, uint64_t *out_bits, bool *out_star, struct err *err)
{
	*out_bits = 0;
	r->field = field;
	*out_star = look(r) == '*';
	do {
		TRY(read_item(r, out_bits, err));
	} while (take(r, ','));
	if (r->at < r->text.len && !is_space(look(r)))
		return refuse(r, r->at, "',', '-', '/' or the end of the field", err);
	while (is_space(look(r)))
		r->at++;
	return RC_OK;
}

static enum rc read_fields(struct slice text, struct cron *out, struct err *err)
{
	struct reader r = { .text = text };
	uint64_t bits[COUNT_OF(fields)];
	bool star[COUNT_OF(fields)];
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (i > 0 && r.at == text.len)
			return refuse(&r, r.at, "five fields: minute, hour, day of the month, month, day of the week", err);
		TRY(read_field(&r, &fields[i], &bits[i], &star[i], err));
	}
	if (r.at < text.len)
		return refuse(&r, r.at, "nothing behind the five fields", err);
	*out = (struct cron){
		.minute = bits[0],
		.hour = (uint32_t) bits[1],
		.day = (uint32_t) bits[2],
		.month = (uint32_t) bits[3],
		.weekday = (uint32_t) ((bits[4] | bits[4] >> 7) & 0x7f), /* 7 is Sunday, too */
		.follows_wall_clock = star[0] || star[1],
		.either_day = !star[2] && !star[4],
	};
	return RC_OK;
}

static enum rc read_nickname(struct slice text, struct cron *out, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(nicknames); i++)
		if (slice_is(text, nicknames[i].name))
			return read_fields(slice_of(nicknames[i].meaning), out, err);
	return err_set(err, RC_REJECT, "cron expression '%.*s': column 1: want @yearly, @annually, @monthly, @weekly, @daily, "
	               "@midnight, @hourly or five fields", SLICE_FMT(text));
}

/* ---- days ---- */

static bool fits_day(const struct cron *c, const struct civil *date, int64_t day)
{
	bool by_day = c->day & 1u << date->day;
	bool by_weekday = c->weekday & 1u << ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	return c->either_day ? by_day || by_weekday : by_day && by_weekday;
}

/* The first fitting day at or after `day`; INT64_MAX when none ever comes. */
static int64_t find_day(const struct cron *c, int64_t day)
{
	for (int64_t last = day + DAYS_MAX; day <= last;) {
		struct civil date = time_civil(day * DAY_S);
		if (!(c->month & 1u << date.month))
			day = date.month == 12 ? time_day_of_civil(date.year + 1, 1, 1)
			                       : time_day_of_civil(date.year, date.month + 1, 1);
		else if (fits_day(c, &date, day))
			return day;
		else
			day++;
	}
	return INT64_MAX;
}

/* The first fitting time of day at or after that second of it; -1 when there is none left. */
static int64_t find_second(const struct cron *c, int64_t second)
{
	int64_t minute = (second + 59) / 60;
	for (; minute < 24 * 60; minute++) {
		if (!(c->hour & 1u << minute / 60))
			minute += 59 - minute % 60;
		else if (c->minute & 1ull << minute % 60)
			return minute * 60;
	}
	return -1;
}

/* The first fitting reading of a local clock at or after `local_s` (seconds as if it were UTC). */
static int64_t find_local(const struct cron *c, int64_t local_s)
{
	int64_t today = time_day_number(local_s, 0);
	int64_t day = find_day(c, today);
	int64_t second = day == INT64_MAX ? -1 : find_second(c, day == today ? local_s - today * DAY_S : 0);
	if (second < 0 && day == today) {
		day = find_day(c, today + 1);
		second = day == INT64_MAX ? -1 : find_second(c, 0);
	}
	return second < 0 ? INT64_MAX : day * DAY_S + second;
}

enum rc cron_parse(struct slice text, struct cron *out, struct err *err)
{
	text = slice_trim(text);
	if (text.len > CRON_BYTES_MAX)
		return err_set(err, RC_REJECT, "cron expression of %zu bytes: want at most %d", text.len, CRON_BYTES_MAX);
	if (text.len && text.ptr[0] == '@')
		TRY(read_nickname(text, out, err));
	else
		TRY(read_fields(text, out, err));
	if (find_local(out, 0) == INT64_MAX)
		return err_set(err, RC_REJECT, "cron expression '%.*s': no such day ever comes: want one that its months have",
		               SLICE_FMT(text));
	return RC_OK;
}

/* ---- moments ---- */

static int64_t next_by_wall_clock(const struct cron *c, const struct zone *z, int64_t after_s)
{
	struct zone_stretch s = zone_at(z, after_s + 1);
	for (int64_t from_s = after_s + 1;; from_s = s.until_s, s = zone_at(z, from_s)) {
		int64_t local_s = find_local(c, from_s + s.offset_s);
		if (local_s - s.offset_s < s.until_s)
			return local_s - s.offset_s;
	}
}

/* The latest reading the local clock has shown up to that moment: not the last one where it was set back. */
static int64_t latest_shown(const struct zone *z, int64_t unix_s)
{
	struct zone_stretch s = zone_at(z, unix_s);
	int64_t latest = unix_s + s.offset_s;
	while (s.from_s > unix_s - REPEATED_S_MAX) {
		int64_t last_s = s.from_s - 1;
		s = zone_at(z, last_s);
		if (last_s + s.offset_s > latest)
			latest = last_s + s.offset_s;
	}
	return latest;
}

/* When the local clock first shows that reading or a later one, at `from_s` or after. */
static int64_t first_shown(const struct zone *z, int64_t from_s, int64_t local_s)
{
	for (;;) {
		struct zone_stretch s = zone_at(z, from_s);
		int64_t at_s = local_s - s.offset_s;
		if (at_s <= from_s)
			return from_s;
		if (at_s < s.until_s)
			return at_s;
		from_s = s.until_s;
	}
}

int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after_s)
{
	if (after_s >= AFTER_S_MAX)
		return INT64_MAX;
	if (after_s < -AFTER_S_MAX)
		after_s = -AFTER_S_MAX;
	int64_t next_s = c->follows_wall_clock ? next_by_wall_clock(c, z, after_s)
	                                       : first_shown(z, after_s + 1, find_local(c, latest_shown(z, after_s) + 1));
	return next_s <= AFTER_S_MAX ? next_s : INT64_MAX;
}
