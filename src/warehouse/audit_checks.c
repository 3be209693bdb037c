#include "warehouse/audit_checks.h"

/* "a b c" of columns; NULLs are left out. */
#define AT(columns) "CAST(concat_ws(' ', " columns ") AS VARCHAR)"
#define SNAPSHOT(t) AT(t ".playlist_id, " t ".snapshot_at")
#define CHART(t) AT(t ".playlist_id, " t ".chart_date")
#define CHART_TRACK(t) AT(t ".playlist_id, " t ".chart_date, " t ".track_id")
/* Rows that stand on one side only, or more often there: one pass, NULLs are equal. */
#define SIDES_DIFFER(place, left, right)                                                                                       \
	"SELECT " place " || CASE WHEN side > 0 THEN ' is missing' ELSE ' is too many' END FROM (SELECT * EXCLUDE (side), "          \
	"SUM(side) AS side FROM (SELECT *, 1 AS side FROM (" left ") AS l UNION ALL SELECT *, -1 FROM (" right ") AS r) AS both_sides " \
	"GROUP BY ALL HAVING SUM(side) <> 0) AS x"

/* The snapshot that makes the chart of a day, from bronze alone. */
#define CHOSEN                                                                                                        \
	"(SELECT playlist_id, chart_date, day_number, MAX(snapshot_at) AS snapshot_at FROM BRONZE_SNAPSHOT WHERE entries > 0 " \
	"GROUP BY playlist_id, chart_date, day_number)"
/* Each chart row beside what the previous taken chart day of its playlist says. */
#define WITH_PREVIOUS                                                                                                    \
	"(SELECT h.playlist_id, h.chart_date, h.track_id, h.rank, h.previous_rank, h.movement, h.status, h.streak, "           \
	"d.previous_date, p.rank AS rank_before, p.streak AS streak_before, p.track_id IS NOT NULL AS stood "                    \
	"FROM CHART_HISTORY AS h JOIN CHART_DAY AS d ON d.playlist_id = h.playlist_id AND d.chart_date = h.chart_date "          \
	"LEFT JOIN CHART_HISTORY AS p ON p.playlist_id = h.playlist_id AND p.chart_date = d.previous_date "                      \
	"AND p.track_id = h.track_id)"
/* Each chart row beside the same track's row before it, however long ago. */
#define WITH_LAST                                                                                                         \
	"(SELECT playlist_id, chart_date, track_id, rank, status, peak_rank, peak_date, times_at_peak, days_on_chart, debut_date, " \
	"debut_rank, LAG(peak_rank) OVER t AS peak_before, LAG(peak_date) OVER t AS peak_date_before, "                          \
	"LAG(times_at_peak) OVER t AS times_before, LAG(days_on_chart) OVER t AS days_before, "                                  \
	"LAG(debut_date) OVER t AS debut_date_before, LAG(debut_rank) OVER t AS debut_rank_before "                              \
	"FROM CHART_HISTORY WINDOW t AS (PARTITION BY playlist_id, track_id ORDER BY day_number))"

const struct audit_check audit_check[] = {
	/* bronze: nothing was lost between the items and the rows */
	{ "items_add_up", "items = entries + rejects in every snapshot",
	  "SELECT " SNAPSHOT("s") " FROM BRONZE_SNAPSHOT AS s WHERE items <> entries + rejects", false },
	{ "entries_counted", "a snapshot's entries are its rows of BRONZE_ENTRY",
	  "SELECT " SNAPSHOT("x") " FROM (SELECT playlist_id, snapshot_at, entries AS n FROM BRONZE_SNAPSHOT UNION ALL "
	  "SELECT playlist_id, snapshot_at, -COUNT(*) FROM BRONZE_ENTRY GROUP BY playlist_id, snapshot_at) AS x "
	  "GROUP BY playlist_id, snapshot_at HAVING SUM(n) <> 0", false },
	{ "rejects_counted", "a snapshot's rejects are its rows of BRONZE_REJECT",
	  "SELECT " SNAPSHOT("x") " FROM (SELECT playlist_id, snapshot_at, rejects AS n FROM BRONZE_SNAPSHOT UNION ALL "
	  "SELECT playlist_id, snapshot_at, -COUNT(*) FROM BRONZE_REJECT GROUP BY playlist_id, snapshot_at) AS x "
	  "GROUP BY playlist_id, snapshot_at HAVING SUM(n) <> 0", false },
	{ "one_item_per_position", "every item of a snapshot has a position of its own",
	  "SELECT " AT("playlist_id, snapshot_at, position") " FROM (SELECT playlist_id, snapshot_at, position FROM BRONZE_ENTRY "
	  "UNION ALL SELECT playlist_id, snapshot_at, position FROM BRONZE_REJECT) AS x GROUP BY playlist_id, snapshot_at, position "
	  "HAVING COUNT(*) > 1", false },
	{ "one_row_per_snapshot", "BRONZE_SNAPSHOT has one row per (playlist_id, snapshot_at)",
	  "SELECT " SNAPSHOT("s") " FROM BRONZE_SNAPSHOT AS s GROUP BY playlist_id, snapshot_at HAVING COUNT(*) > 1", false },

	/* the load: what the gold files hold is in the tables, once */
	{ "rows_loaded", "{table} has as many rows as its gold files",
	  "SELECT CAST(loaded AS VARCHAR) || ' rows in the files, ' || CAST(present AS VARCHAR) || ' in the table' FROM (SELECT "
	  "(SELECT COALESCE(SUM(rows), 0) FROM META_LOADED WHERE table_name = '{table}') AS loaded, "
	  "(SELECT COUNT(*) FROM {table}) AS present) AS x WHERE loaded <> present", true },
	{ "one_row_per_key", "{table} has one row per ({key})",
	  "SELECT " AT("{key}") " FROM {table} GROUP BY {key} HAVING COUNT(*) > 1", true },

	/* charts against bronze */
	{ "chart_days_reconciled", "CHART_DAY has the days of bronze that have a snapshot with entries, each with the last one",
	  SIDES_DIFFER(AT("playlist_id, chart_date, snapshot_at"),
	               "SELECT playlist_id, chart_date, day_number, snapshot_at FROM " CHOSEN " AS c",
	               "SELECT playlist_id, chart_date, day_number, snapshot_at FROM CHART_DAY"), false },
	{ "ranks_are_positions", "on every chart day each track of the chosen snapshot has its smallest position as rank",
	  SIDES_DIFFER(AT("playlist_id, chart_date, track_id, rank"),
	               "SELECT e.playlist_id, c.chart_date, e.snapshot_at, e.track_id, MIN(e.position) AS rank FROM BRONZE_ENTRY AS e "
	               "JOIN " CHOSEN " AS c ON c.playlist_id = e.playlist_id AND c.snapshot_at = e.snapshot_at "
	               "GROUP BY e.playlist_id, c.chart_date, e.snapshot_at, e.track_id",
	               "SELECT playlist_id, chart_date, snapshot_at, track_id, rank FROM CHART_HISTORY"), false },
	{ "no_rank_twice", "no two tracks share a rank on a chart",
	  "SELECT " AT("playlist_id, chart_date, rank") " FROM CHART_HISTORY GROUP BY playlist_id, chart_date, rank "
	  "HAVING COUNT(*) > 1", false },
	{ "positions_accounted", "a chosen snapshot's items are its ranks, duplicates and rejects",
	  "SELECT " CHART("d") " FROM CHART_DAY AS d JOIN BRONZE_SNAPSHOT AS s ON s.playlist_id = d.playlist_id "
	  "AND s.snapshot_at = d.snapshot_at WHERE s.items <> d.entries + d.duplicates + d.rejects OR s.rejects <> d.rejects", false },
	{ "snapshots_counted", "CHART_DAY counts every snapshot of its day",
	  "SELECT " CHART("d") " FROM CHART_DAY AS d LEFT JOIN (SELECT playlist_id, chart_date, COUNT(*) AS n FROM BRONZE_SNAPSHOT "
	  "GROUP BY playlist_id, chart_date) AS s ON s.playlist_id = d.playlist_id AND s.chart_date = d.chart_date "
	  "WHERE d.snapshots <> COALESCE(s.n, 0)", false },
	{ "health_reconciled", "DATA_HEALTH sums up every snapshot of every playlist",
	  SIDES_DIFFER(AT("playlist_id"),
	               "SELECT playlist_id, COUNT(*) AS snapshots, CAST(SUM(rejects) AS BIGINT), CAST(SUM(warnings) AS BIGINT), "
	               "COUNT(DISTINCT CASE WHEN entries > 0 THEN chart_date END) FROM BRONZE_SNAPSHOT GROUP BY playlist_id",
	               "SELECT playlist_id, snapshots, rejects, warnings, chart_days FROM DATA_HEALTH"), false },

	/* a day's figures */
	{ "day_entries_counted", "CHART_DAY.entries are the rows of CHART_HISTORY, and every one has a status",
	  "SELECT " CHART("d") " FROM CHART_DAY AS d LEFT JOIN (SELECT playlist_id, chart_date, COUNT(*) AS n, "
	  "COUNT(CASE WHEN status = 'START' THEN 1 END) AS started FROM CHART_HISTORY GROUP BY playlist_id, chart_date) AS h "
	  "ON h.playlist_id = d.playlist_id AND h.chart_date = d.chart_date WHERE d.entries <> COALESCE(h.n, 0) "
	  "OR d.entries <> d.new_entries + d.re_entries + d.up + d.down + d.same + COALESCE(h.started, 0)", false },
	{ "day_statuses_counted", "CHART_DAY's new, re, up, down, same and big moves are those of CHART_HISTORY",
	  SIDES_DIFFER(AT("playlist_id, chart_date"),
	               "SELECT playlist_id, chart_date, COUNT(CASE WHEN status = 'NEW' THEN 1 END), "
	               "COUNT(CASE WHEN status = 'RE' THEN 1 END), COUNT(CASE WHEN status = 'UP' THEN 1 END), "
	               "COUNT(CASE WHEN status = 'DOWN' THEN 1 END), COUNT(CASE WHEN status = 'SAME' THEN 1 END), "
	               "COUNT(CASE WHEN ABS(movement) >= 10 THEN 1 END) FROM CHART_HISTORY GROUP BY playlist_id, chart_date",
	               "SELECT playlist_id, chart_date, new_entries, re_entries, up, down, same, big_moves FROM CHART_DAY"), false },
	{ "day_chain", "CHART_DAY.previous_date and gap_days name the chart day before",
	  "SELECT " CHART("x") " FROM (SELECT playlist_id, chart_date, day_number, previous_date, gap_days, "
	  "LAG(chart_date) OVER t AS date_before, LAG(day_number) OVER t AS day_before FROM CHART_DAY "
	  "WINDOW t AS (PARTITION BY playlist_id ORDER BY day_number)) AS x WHERE previous_date IS DISTINCT FROM date_before "
	  "OR gap_days IS DISTINCT FROM day_number - day_before - 1 OR chart_date <> DATE '1970-01-01' + CAST(day_number AS INTEGER)",
	  false },
	{ "day_credits_counted", "CHART_DAY.artists are the rows of ARTIST_CHART, albums the distinct ones of CHART_HISTORY",
	  "SELECT " CHART("d") " FROM CHART_DAY AS d LEFT JOIN (SELECT playlist_id, chart_date, COUNT(*) AS n FROM ARTIST_CHART "
	  "GROUP BY playlist_id, chart_date) AS a ON a.playlist_id = d.playlist_id AND a.chart_date = d.chart_date "
	  "LEFT JOIN (SELECT playlist_id, chart_date, COUNT(DISTINCT album_id) AS n FROM CHART_HISTORY GROUP BY playlist_id, "
	  "chart_date) AS h ON h.playlist_id = d.playlist_id AND h.chart_date = d.chart_date "
	  "WHERE d.artists <> COALESCE(a.n, 0) OR d.albums <> COALESCE(h.n, 0)", false },

	/* sequences */
	{ "previous_rank", "previous_rank is the rank on the previous chart day, movement the difference",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_PREVIOUS " AS x WHERE previous_rank IS DISTINCT FROM rank_before "
	  "OR movement IS DISTINCT FROM previous_rank - rank", false },
	{ "status", "status says what previous_rank and the track's past say",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_PREVIOUS " AS x JOIN (SELECT playlist_id, track_id, MIN(chart_date) AS first_date "
	  "FROM CHART_HISTORY GROUP BY playlist_id, track_id) AS f ON f.playlist_id = x.playlist_id AND f.track_id = x.track_id "
	  "WHERE x.status <> CASE WHEN x.previous_date IS NULL THEN 'START' WHEN f.first_date = x.chart_date THEN 'NEW' "
	  "WHEN NOT x.stood THEN 'RE' WHEN x.rank < x.rank_before THEN 'UP' WHEN x.rank > x.rank_before THEN 'DOWN' ELSE 'SAME' END",
	  false },
	{ "streak", "a streak grows by one while the track stays, else starts at 1",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_PREVIOUS " AS x WHERE streak <> COALESCE(streak_before, 0) + 1", false },
	{ "peak", "peak_rank is the best rank so far, peak_date and times_at_peak go with it",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_LAST " AS x WHERE peak_rank <> LEAST(rank, COALESCE(peak_before, rank)) "
	  "OR peak_date <> CASE WHEN peak_rank = peak_before THEN peak_date_before ELSE chart_date END "
	  "OR times_at_peak <> CASE WHEN peak_rank = peak_before THEN times_before ELSE 0 END + "
	  "CASE WHEN rank = peak_rank THEN 1 ELSE 0 END", false },
	{ "days_on_chart", "days_on_chart grows by one with each chart day of the track",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_LAST " AS x WHERE days_on_chart <> COALESCE(days_before, 0) + 1", false },
	{ "debut", "debut_date and debut_rank are those of the track's first chart day",
	  "SELECT " CHART_TRACK("x") " FROM " WITH_LAST " AS x WHERE debut_date <> COALESCE(debut_date_before, chart_date) "
	  "OR debut_rank <> COALESCE(debut_rank_before, rank)", false },
	{ "points", "points are the chart's largest rank + 1 - rank",
	  "SELECT " CHART_TRACK("h") " FROM CHART_HISTORY AS h JOIN (SELECT playlist_id, chart_date, MAX(rank) AS largest FROM "
	  "CHART_HISTORY GROUP BY playlist_id, chart_date) AS l ON l.playlist_id = h.playlist_id AND l.chart_date = h.chart_date "
	  "WHERE h.points <> l.largest + 1 - h.rank", false },
	{ "exits", "CHART_EXIT has the tracks of the previous chart day that are gone, and CHART_DAY.exits counts them",
	  SIDES_DIFFER(AT("playlist_id, chart_date, track_id"),
	               "SELECT d.playlist_id, d.chart_date, d.day_number, h.track_id, h.rank, h.chart_date AS last_date, h.peak_rank, "
	               "h.days_on_chart FROM CHART_DAY AS d JOIN CHART_HISTORY AS h ON h.playlist_id = d.playlist_id "
	               "AND h.chart_date = d.previous_date LEFT JOIN CHART_HISTORY AS n ON n.playlist_id = d.playlist_id "
	               "AND n.chart_date = d.chart_date AND n.track_id = h.track_id WHERE n.track_id IS NULL",
	               "SELECT playlist_id, chart_date, day_number, track_id, last_rank, last_date, peak_rank, days_on_chart "
	               "FROM CHART_EXIT")
	  " UNION ALL SELECT " CHART("d") " || ' counts others' FROM CHART_DAY AS d LEFT JOIN (SELECT playlist_id, chart_date, COUNT(*) "
	  "AS n FROM CHART_EXIT GROUP BY playlist_id, chart_date) AS e ON e.playlist_id = d.playlist_id "
	  "AND e.chart_date = d.chart_date WHERE d.exits <> COALESCE(e.n, 0)", false },

	/* dimensions against the charts */
	{ "tracks_known", "TRACK has every track of CHART_HISTORY and no other, with the sums of its chart rows",
	  SIDES_DIFFER(AT("playlist_id, track_id"),
	               "SELECT playlist_id, track_id, COUNT(*), CAST(SUM(points) AS BIGINT), MIN(rank), MIN(chart_date), "
	               "MAX(chart_date), MAX(streak), 1 + COUNT(CASE WHEN status = 'RE' THEN 1 END) FROM CHART_HISTORY "
	               "GROUP BY playlist_id, track_id",
	               "SELECT playlist_id, track_id, days_on_chart, points, peak_rank, debut_date, last_date, longest_streak, runs "
	               "FROM TRACK"), false },
	{ "track_latest", "TRACK's standing is that of its last chart row, on_chart when that is the playlist's latest",
	  SIDES_DIFFER(AT("playlist_id, track_id"),
	               "SELECT h.playlist_id, h.track_id, h.track_name, h.rank, h.debut_rank, h.peak_date, h.times_at_peak, "
	               "h.chart_date = l.last_date FROM CHART_HISTORY AS h JOIN (SELECT playlist_id, MAX(chart_date) AS last_date FROM "
	               "CHART_HISTORY GROUP BY playlist_id) AS l ON l.playlist_id = h.playlist_id WHERE (h.playlist_id, h.track_id, "
	               "h.chart_date) IN (SELECT playlist_id, track_id, MAX(chart_date) FROM CHART_HISTORY GROUP BY playlist_id, track_id)",
	               "SELECT playlist_id, track_id, track_name, last_rank, debut_rank, peak_date, times_at_peak, on_chart FROM TRACK"),
	  false },
	{ "artists_known", "ARTIST has every artist of ARTIST_CHART and no other, with the sums of those rows",
	  SIDES_DIFFER(AT("artist_id"),
	               "SELECT artist_id, CAST(SUM(points) AS BIGINT), CAST(SUM(tracks) AS BIGINT), MIN(best_rank), MIN(chart_date), "
	               "MAX(chart_date), COUNT(DISTINCT playlist_id) FROM ARTIST_CHART GROUP BY artist_id",
	               "SELECT artist_id, points, chart_entries, best_rank, first_date, last_date, playlists FROM ARTIST"), false },
	{ "albums_known", "ALBUM has every album of CHART_HISTORY and no other, with the sums of those rows",
	  SIDES_DIFFER(AT("album_id"),
	               "SELECT album_id, CAST(SUM(points) AS BIGINT), COUNT(*), COUNT(DISTINCT track_id), MIN(rank), MIN(chart_date), "
	               "MAX(chart_date), COUNT(DISTINCT playlist_id) FROM CHART_HISTORY WHERE album_id IS NOT NULL GROUP BY album_id",
	               "SELECT album_id, points, chart_entries, tracks, best_rank, first_date, last_date, playlists FROM ALBUM"), false },
	{ "credits_reconciled", "ARTIST_CHART has every artist credited on a chart row in bronze, once a track",
	  SIDES_DIFFER(AT("playlist_id, chart_date, artist_id"),
	               "SELECT playlist_id, chart_date, artist_id, COUNT(*) AS tracks, MIN(rank), CAST(SUM(points) AS BIGINT) FROM "
	               "(SELECT DISTINCT h.playlist_id, h.chart_date, h.rank, h.points, c.artist_id FROM CHART_HISTORY AS h "
	               "JOIN BRONZE_CREDIT AS c ON c.playlist_id = h.playlist_id AND c.snapshot_at = h.snapshot_at "
	               "AND c.position = h.rank WHERE c.scope = 'track' AND c.artist_id IS NOT NULL) AS d "
	               "GROUP BY playlist_id, chart_date, artist_id",
	               "SELECT playlist_id, chart_date, artist_id, tracks, best_rank, points FROM ARTIST_CHART"), false },
	{ "artist_shares", "an artist's share lies in 0 to 1, and a day's shares add up to no more than 1",
	  "SELECT " AT("playlist_id, chart_date, artist_id") " FROM ARTIST_CHART WHERE NOT (share >= 0 AND share <= 1) UNION ALL "
	  "SELECT " AT("playlist_id, chart_date") " FROM ARTIST_CHART GROUP BY playlist_id, chart_date HAVING SUM(share) > 1 + 1e-9",
	  false },
	{ "collaborators_known", "both artists of ARTIST_COLLABORATION are in ARTIST under the same names",
	  "SELECT " AT("c.playlist_id, c.artist_a, c.artist_b") " FROM ARTIST_COLLABORATION AS c "
	  "LEFT JOIN ARTIST AS a ON a.artist_id = c.artist_a LEFT JOIN ARTIST AS b ON b.artist_id = c.artist_b "
	  "WHERE a.artist_id IS NULL OR b.artist_id IS NULL OR c.artist_a >= c.artist_b "
	  "OR a.artist_name IS DISTINCT FROM c.name_a OR b.artist_name IS DISTINCT FROM c.name_b OR c.chart_entries < c.tracks", false },

	/* what people look at */
	{ "current_charts", "TRACK_INFO has one row for each entry of each playlist's latest chart",
	  SIDES_DIFFER(AT("playlist_id, id, rank"),
	               "SELECT h.playlist_id, h.track_id AS id, h.rank, h.chart_date, h.track_name, h.artist_id, h.status, h.peak_rank, "
	               "h.days_on_chart FROM CHART_HISTORY AS h WHERE (h.playlist_id, h.day_number) IN (SELECT playlist_id, "
	               "MAX(day_number) FROM CHART_DAY GROUP BY playlist_id)",
	               "SELECT playlist_id, id, rank, chart_date, name, artist_id, status, peak_rank, days_on_chart FROM TRACK_INFO"),
	  false },
	{ "acceptance", "SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY artist_name gives rows when there is a chart day",
	  "SELECT 'no row' FROM (SELECT (SELECT COUNT(*) FROM CHART_DAY) AS days, (SELECT COUNT(*) FROM (SELECT * FROM "
	  "SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY artist_name) AS q) AS n) AS x WHERE days > 0 AND n = 0", false },
	{ "overlaps", "PLAYLIST_OVERLAP has every pair of playlists with a chart and their sizes; shared fits into the smaller",
	  SIDES_DIFFER(AT("playlist_a, playlist_b"),
	               "SELECT a.playlist_id AS playlist_a, b.playlist_id AS playlist_b, a.n AS tracks_a, b.n AS tracks_b FROM "
	               "(SELECT playlist_id, COUNT(*) AS n FROM TRACK_INFO GROUP BY playlist_id) AS a JOIN "
	               "(SELECT playlist_id, COUNT(*) AS n FROM TRACK_INFO GROUP BY playlist_id) AS b ON a.playlist_id < b.playlist_id",
	               "SELECT playlist_a, playlist_b, tracks_a, tracks_b FROM PLAYLIST_OVERLAP")
	  " UNION ALL SELECT " AT("playlist_a, playlist_b") " || ' shares too many' FROM PLAYLIST_OVERLAP "
	  "WHERE shared < 0 OR shared > LEAST(tracks_a, tracks_b)", false },
};
const size_t audit_check_count = COUNT_OF(audit_check);
