#include "source/csv_row.h"

#include "base/buf.h"
#include "base/time.h"

#include <strings.h>

static const char *const column_name[CSV_COLUMN_COUNT] = {
#define X(name, required) #name,
	CSV_COLUMNS(X)
#undef X
};
static const bool column_required[CSV_COLUMN_COUNT] = {
#define X(name, required) required,
	CSV_COLUMNS(X)
#undef X
};
static const struct broken_reason reasons[CSV_REASON_COUNT] = {
#define X(name, what) { "csv_" #name, what },
	CSV_REASONS(X)
#undef X
};

const struct broken_reason *csv_reason(enum csv_reason reason)
{
	assert((unsigned) reason < CSV_REASON_COUNT);
	return &reasons[reason];
}

/* --- the header --------------------------------------------------------------------------------------------- */

static bool is_name(struct slice s, const char *name)
{
	s = slice_trim(s);
	return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

enum rc csv_columns_read(const struct csv_record *header, struct csv_columns *out, struct err *err)
{
	CLEANUP(buf_done) struct buf missing = buf_new(1024);
	out->count = header->count;
	for (size_t c = 0; c < CSV_COLUMN_COUNT; c++) {
		out->at[c] = SIZE_MAX;
		for (size_t i = header->count; i-- > 0;) /* the first of two */
			if (is_name(header->field[i], column_name[c]))
				out->at[c] = i;
		if (column_required[c] && out->at[c] == SIZE_MAX)
			buf_addf(&missing, "%s%s", missing.len ? ", " : "", column_name[c]);
	}
	if (missing.len)
		return err_set(err, RC_FATAL,
		               "its first line lacks the column%s %s: want the CSV of \"Top Spotify Songs in 73 Countries\" with a "
		               "header line (spotify_id,name,artists,daily_rank,…,country,snapshot_date,…)",
		               strchr(buf_str(&missing), ',') ? "s" : "", buf_str(&missing));
	return RC_OK;
}

/* --- cells -------------------------------------------------------------------------------------------------- */

static struct slice cell(const struct csv_columns *columns, const struct csv_record *r, enum csv_column c)
{
	return columns->at[c] == SIZE_MAX ? SLICE("") : slice_trim(r->field[columns->at[c]]);
}

static struct slice behind(struct slice s, size_t from)
{
	return slice_sub(s, from, s.len - from);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whole numbers, also as "85.0". */
static bool read_whole(struct slice s, int64_t *out)
{
	size_t dot = slice_find(s, '.', 0);
	for (size_t i = dot + 1; i < s.len; i++)
		if (s.ptr[i] != '0')
			return false;
	return slice_to_int(slice_sub(s, 0, dot), out);
}

/* Digits up to `stop` (0: up to the end), at most `digits_max` of them; moves on behind it. */
static bool take_digits(struct slice *rest, char stop, size_t digits_max, int64_t *out)
{
	size_t end = stop ? slice_find(*rest, stop, 0) : rest->len;
	struct slice digits = slice_sub(*rest, 0, end);
	if (digits.len == 0 || digits.len > digits_max || (stop && end == rest->len) || !is_digit(digits.ptr[0]))
		return false;
	*rest = behind(*rest, end + (stop != 0));
	return slice_to_int(digits, out);
}

/* 2025-02-12, or as spreadsheets of the United States write it: 2/12/2025. */
static bool read_date(struct slice s, int64_t *out_day)
{
	int64_t year, month, day;
	if (time_parse_date(s, out_day))
		return true;
	if (!take_digits(&s, '/', 2, &month) || !take_digits(&s, '/', 2, &day) || s.len != 4 || !take_digits(&s, 0, 4, &year) ||
	    year < 1 || month > 12 || day > 31 || !time_valid_date(year, (int) month, (int) day))
		return false;
	*out_day = time_day_of_civil(year, (int) month, (int) day);
	return true;
}

static bool read_country(struct slice s, char out[static CSV_COUNTRY_BYTES_MAX + 1])
{
	if (s.len == 0)
		s = SLICE("GLOBAL");
	if (s.len > CSV_COUNTRY_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c >= 'a' && c <= 'z')
			c = (char) (c - 'a' + 'A');
		if (!is_digit(c) && !(c >= 'A' && c <= 'Z'))
			return false;
		out[i] = c;
	}
	out[s.len] = '\0';
	return true;
}

static bool read_optional(struct slice s, bool *out_has, int64_t *out)
{
	*out_has = s.len > 0;
	return s.len == 0 || (read_whole(s, out) && *out >= 0);
}

static bool read_flag(struct slice s, bool *out_has, bool *out)
{
	static const char *const yes[] = { "true", "1" }, *const no[] = { "false", "0" };
	*out_has = s.len > 0;
	for (size_t i = 0; i < COUNT_OF(yes); i++) {
		*out = is_name(s, yes[i]);
		if (*out || is_name(s, no[i]))
			return true;
	}
	return s.len == 0;
}

/* An unreadable date of an album is no reason to lose a place of a chart: it is unknown then. */
static void read_release(struct slice s, struct csv_row *out)
{
	int64_t day, year, month;
	struct slice rest = s;
	out->release[0] = '\0';
	out->release_precision = NULL;
	if (read_date(s, &day)) {
		(void) snprintf(out->release, sizeof out->release, "%s", time_date(day).s);
		out->release_precision = strlen(out->release) == 10 ? "day" : NULL;
	} else if (s.len == 7 && take_digits(&rest, '-', 4, &year) && rest.len == 2 && take_digits(&rest, 0, 2, &month) && month >= 1 &&
	           month <= 12) {
		(void) snprintf(out->release, sizeof out->release, "%.7s", s.ptr);
		out->release_precision = "month";
	} else if (s.len == 4 && take_digits(&rest, 0, 4, &year)) {
		(void) snprintf(out->release, sizeof out->release, "%.4s", s.ptr);
		out->release_precision = "year";
	}
}

static bool id_ok(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!is_digit(id.ptr[i]) && !((id.ptr[i] | 0x20) >= 'a' && (id.ptr[i] | 0x20) <= 'z'))
			return false;
	return id.len <= 64;
}

enum csv_reason csv_row_read(const struct csv_columns *columns, const struct csv_record *r, struct csv_row *out)
{
	if (r->count != columns->count)
		return CSV_REASON_wrong_columns;
	if (!slice_is_utf8(r->raw, NULL) || memchr(r->raw.ptr, 0, r->raw.len))
		return CSV_REASON_not_utf8;
	out->id = cell(columns, r, CSV_spotify_id);
	if (out->id.len == 0)
		return CSV_REASON_missing_id;
	if (!id_ok(out->id))
		return CSV_REASON_bad_id;
	if (!read_whole(cell(columns, r, CSV_daily_rank), &out->rank) || out->rank < 1 || out->rank > CSV_RANK_MAX)
		return CSV_REASON_bad_rank;
	if (!read_date(cell(columns, r, CSV_snapshot_date), &out->day) || out->day < 0)
		return CSV_REASON_bad_date;
	if (!read_country(cell(columns, r, CSV_country), out->country))
		return CSV_REASON_bad_country;
	if (!read_optional(cell(columns, r, CSV_popularity), &out->has_popularity, &out->popularity) ||
	    !read_optional(cell(columns, r, CSV_duration_ms), &out->has_duration, &out->duration_ms))
		return CSV_REASON_bad_number;
	if (!read_flag(cell(columns, r, CSV_is_explicit), &out->has_explicit, &out->is_explicit))
		return CSV_REASON_bad_flag;
	out->name = cell(columns, r, CSV_name);
	out->artists = r->field[columns->at[CSV_artists]]; /* with the space behind a last comma */
	out->album_name = cell(columns, r, CSV_album_name);
	read_release(cell(columns, r, CSV_album_release_date), out);
	return CSV_FINE;
}

/* --- artists ------------------------------------------------------------------------------------------------ */

/* Behind the closing quote of the pair that opens at `at`; `at` + 1 when it has no partner. */
static size_t behind_quotes(struct slice s, size_t at)
{
	size_t close = slice_find(s, '"', at + 1);
	return close < s.len ? close + 1 : at + 1;
}

bool csv_next_artist(struct slice *rest, struct slice *out_name)
{
	while (rest->len) {
		size_t end = 0;
		while (end < rest->len && !(rest->ptr[end] == ',' && end + 1 < rest->len && rest->ptr[end + 1] == ' '))
			end = rest->ptr[end] == '"' ? behind_quotes(*rest, end) : end + 1;
		*out_name = slice_trim(slice_sub(*rest, 0, end));
		*rest = behind(*rest, end < rest->len ? end + 2 : end);
		if (out_name->len)
			return true;
	}
	return false;
}
