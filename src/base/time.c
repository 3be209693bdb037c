#include "base/time.h"

#define DAY_S 86400

int64_t time_day_of_civil(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static struct civil civil_of_day(int64_t day)
{
	day += 719468;
	int64_t era = (day >= 0 ? day : day - 146096) / 146097;
	int64_t doe = day - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int) (mp < 10 ? mp + 3 : mp - 9);
	return (struct civil){ .year = yoe + era * 400 + (month <= 2), .month = month,
		               .day = (int) (doy - (153 * mp + 2) / 5 + 1) };
}

int64_t time_day_number(int64_t unix_s, int64_t offset_s)
{
	int64_t local = unix_s + offset_s;
	return local >= 0 ? local / DAY_S : -((-local + DAY_S - 1) / DAY_S);
}

struct civil time_civil(int64_t unix_s)
{
	int64_t day = time_day_number(unix_s, 0);
	struct civil c = civil_of_day(day);
	int64_t second = unix_s - day * DAY_S;
	c.hour = (int) (second / 3600);
	c.minute = (int) (second / 60 % 60);
	c.second = (int) (second % 60);
	return c;
}

int64_t time_unix(const struct civil *c)
{
	return time_day_of_civil(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
}

bool time_valid_date(int64_t year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

/* Reads `pattern` against `s`: 'Y' 'M' 'D' 'h' 'm' 's' are digits of that field, the rest is literal. */
static bool parse_pattern(struct slice s, const char *pattern, struct civil *out)
{
	struct civil c = { .month = 1, .day = 1 };
	if (s.len != strlen(pattern))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = s.ptr[i] - '0';
		bool is_field = strchr("YMDhms", pattern[i]) != NULL;
		if (is_field ? (digit < 0 || digit > 9) : s.ptr[i] != pattern[i])
			return false;
		switch (pattern[i]) {
		case 'Y': c.year = c.year * 10 + digit; break;
		case 'M': c.month = (i && pattern[i - 1] == 'M' ? c.month * 10 : 0) + digit; break;
		case 'D': c.day = (i && pattern[i - 1] == 'D' ? c.day * 10 : 0) + digit; break;
		case 'h': c.hour = c.hour * 10 + digit; break;
		case 'm': c.minute = c.minute * 10 + digit; break;
		case 's': c.second = c.second * 10 + digit; break;
		default: break;
		}
	}
	if (!time_valid_date(c.year, c.month, c.day) || c.hour > 23 || c.minute > 59 || c.second > 60)
		return false;
	*out = c;
	return true;
}

bool time_parse_offset(struct slice s, int64_t *out_offset_s)
{
	if (slice_is(s, "Z") || slice_is(s, "z")) {
		*out_offset_s = 0;
		return true;
	}
	struct civil c;
	if (s.len != 6 || (s.ptr[0] != '+' && s.ptr[0] != '-'))
		return false;
	if (s.ptr[1] < '0' || s.ptr[1] > '2' || s.ptr[4] < '0' || s.ptr[4] > '5')
		return false;
	char text[] = "2000-01-01hh:mm";
	memcpy(text + 10, s.ptr + 1, 5);
	if (!parse_pattern((struct slice){ text, 15 }, "YYYY-MM-DDhh:mm", &c))
		return false;
	int64_t offset = c.hour * 3600 + c.minute * 60;
	*out_offset_s = s.ptr[0] == '-' ? -offset : offset;
	return true;
}

bool time_parse_rfc3339(struct slice s, int64_t *out_unix_s)
{
	struct civil c;
	if (s.len < 20 || !parse_pattern(slice_sub(s, 0, 19), "YYYY-MM-DDThh:mm:ss", &c))
		return false;
	size_t at = 19;
	if (s.ptr[at] == '.') {
		size_t from = ++at;
		while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
			at++;
		if (at == from)
			return false;
	}
	int64_t offset;
	if (!time_parse_offset(slice_sub(s, at, s.len - at), &offset))
		return false;
	*out_unix_s = time_unix(&c) - offset;
	return true;
}

bool time_parse_folder(struct slice s, int64_t *out_unix_s)
{
	struct civil c;
	if (!parse_pattern(s, "YYYY-MM-DDThh-mm-ssZ", &c))
		return false;
	*out_unix_s = time_unix(&c);
	return true;
}

bool time_parse_compact(struct slice s, int64_t *out_unix_s)
{
	struct civil c;
	if (!parse_pattern(s, "YYYYMMDDThhmmssZ", &c))
		return false;
	*out_unix_s = time_unix(&c);
	return true;
}

bool time_parse_date(struct slice s, int64_t *out_day)
{
	struct civil c;
	if (!parse_pattern(s, "YYYY-MM-DD", &c))
		return false;
	*out_day = time_day_of_civil(c.year, c.month, c.day);
	return true;
}

#define FORMAT(fmt, ...)                                                \
	({                                                              \
		struct time_text text_;                                 \
		(void) snprintf(text_.s, sizeof text_.s, fmt, __VA_ARGS__); \
		text_;                                                  \
	})

static struct civil printable(int64_t unix_s)
{
	struct civil c = time_civil(unix_s);
	assert(c.year >= 0 && c.year <= 9999);
	return c;
}

struct time_text time_rfc3339(int64_t unix_s)
{
	struct civil c = printable(unix_s);
	return FORMAT("%04d-%02d-%02dT%02d:%02d:%02dZ", (int) c.year, c.month, c.day, c.hour, c.minute, c.second);
}

struct time_text time_folder(int64_t unix_s)
{
	struct civil c = printable(unix_s);
	return FORMAT("%04d-%02d-%02dT%02d-%02d-%02dZ", (int) c.year, c.month, c.day, c.hour, c.minute, c.second);
}

struct time_text time_compact(int64_t unix_s)
{
	struct civil c = printable(unix_s);
	return FORMAT("%04d%02d%02dT%02d%02d%02dZ", (int) c.year, c.month, c.day, c.hour, c.minute, c.second);
}

struct time_text time_date(int64_t day)
{
	struct civil c = printable(day * DAY_S);
	return FORMAT("%04d-%02d-%02d", (int) c.year, c.month, c.day);
}

struct time_text time_month(int64_t day)
{
	struct civil c = printable(day * DAY_S);
	return FORMAT("%04d-%02d", (int) c.year, c.month);
}
