/* Lines of "Top Spotify Songs in 73 Countries": which column is which, and what one line says.
 *
 * Columns are known by their names, in any order; others are ignored.  A line is used as a whole or not at all, for a reason
 * with a name: what is wrong with a rank or a date would put a song where it never stood. */
#ifndef SOURCE_CSV_ROW_H
#define SOURCE_CSV_ROW_H

#include "source/csv.h"
#include "source/import_broken.h"

#define CSV_RANK_MAX 1000
#define CSV_COUNTRY_BYTES_MAX 16

/*        name                  required */
#define CSV_COLUMNS(X)          \
	X(spotify_id,           true)  \
	X(name,                 true)  \
	X(artists,              true)  \
	X(daily_rank,           true)  \
	X(country,              true)  \
	X(snapshot_date,        true)  \
	X(popularity,           false) \
	X(is_explicit,          false) \
	X(duration_ms,          false) \
	X(album_name,           false) \
	X(album_release_date,   false)

enum csv_column {
#define X(name, required) CSV_##name,
	CSV_COLUMNS(X)
#undef X
	CSV_COLUMN_COUNT
};
struct csv_columns {
	size_t at[CSV_COLUMN_COUNT]; /* SIZE_MAX: not there */
	size_t count;                /* of the header, known or not */
};
/* RC_FATAL names the required ones that are missing and what the file must be. */
MUST_USE enum rc csv_columns_read(const struct csv_record *header, struct csv_columns *out, struct err *err);

/*        name                    what is wrong */
#define CSV_REASONS(X)                                                                                          \
	X(wrong_columns,          "not as many columns as the header has")                                      \
	X(unterminated_quote,     "a quote that is not closed")                                                 \
	X(too_long,               "longer than a line may be")                                                  \
	X(not_utf8,               "not UTF-8 text")                                                             \
	X(missing_id,             "no spotify_id")                                                              \
	X(bad_id,                 "a spotify_id of other than letters and digits")                              \
	X(bad_rank,               "a daily_rank that is no whole number from 1 to 1000")                        \
	X(bad_date,               "a snapshot_date that is neither YYYY-MM-DD nor month/day/year")              \
	X(bad_country,            "a country of other than letters and digits")                                 \
	X(bad_number,             "a popularity or duration_ms that is no whole number")                        \
	X(bad_flag,               "an is_explicit that is neither true nor false")                              \
	X(duplicate_rank,         "a second line for one rank of a chart: the first one counts")

enum csv_reason {
	CSV_FINE = -1,
#define X(name, what) CSV_REASON_##name,
	CSV_REASONS(X)
#undef X
	CSV_REASON_COUNT
};
const struct broken_reason *csv_reason(enum csv_reason reason);

struct csv_row {
	struct slice id, name, artists, album_name; /* into the record; "" when empty or not there; artists untrimmed */
	char country[CSV_COUNTRY_BYTES_MAX + 1];    /* upper case; "GLOBAL" for an empty one */
	int64_t day, rank;
	bool has_popularity, has_duration, has_explicit;
	int64_t popularity, duration_ms;
	bool is_explicit;
	char release[32];                           /* YYYY, YYYY-MM or YYYY-MM-DD; "" when unknown */
	const char *release_precision;              /* "year", "month", "day"; NULL when unknown */
};
enum csv_reason csv_row_read(const struct csv_columns *columns, const struct csv_record *r, struct csv_row *out);

/* The next artist of a cell; false at its end.  Names are parted at ", " outside of a pair of quotes (`ANH TRAI "SAY HI", RHYDER`
 * are two); a name that holds ", " itself ("Tyler, The Creator") cannot be told from two. */
bool csv_next_artist(struct slice *inout_rest, struct slice *out_name);

#endif
