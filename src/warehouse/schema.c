/* The tables of SPOTIFY_ANALYTICS, one description for every backend.  What the columns mean stands in sql/gold; a test
 * compares names, order and types with what that SQL gives. */
#include "warehouse/warehouse.h"

#define NOT_NULL(name_, type_) { #name_, COLUMN_##type_, false },
#define NULLABLE(name_, type_) { #name_, COLUMN_##type_, true },

static const struct warehouse_column chart_history[] = {
	NOT_NULL(playlist_id, STRING) NOT_NULL(chart_date, DATE) NOT_NULL(day_number, BIGINT) NOT_NULL(snapshot_at, TIMESTAMP)
	NOT_NULL(rank, BIGINT) NOT_NULL(track_id, STRING) NOT_NULL(track_name, STRING) NULLABLE(artist_id, STRING)
	NULLABLE(artist_name, STRING) NULLABLE(artist_names, STRING) NULLABLE(album_id, STRING) NULLABLE(track_url, STRING)
	NULLABLE(duration_ms, BIGINT) NULLABLE(explicit, BOOLEAN) NULLABLE(popularity, BIGINT) NULLABLE(film_name, STRING)
	NULLABLE(previous_rank, BIGINT) NULLABLE(movement, BIGINT) NOT_NULL(status, STRING) NOT_NULL(peak_rank, BIGINT)
	NOT_NULL(peak_date, DATE) NOT_NULL(times_at_peak, BIGINT) NOT_NULL(days_on_chart, BIGINT) NOT_NULL(streak, BIGINT)
	NOT_NULL(debut_date, DATE) NOT_NULL(debut_rank, BIGINT) NOT_NULL(points, BIGINT)
};
static const struct warehouse_column chart_exit[] = {
	NOT_NULL(playlist_id, STRING) NOT_NULL(chart_date, DATE) NOT_NULL(day_number, BIGINT) NOT_NULL(track_id, STRING)
	NOT_NULL(track_name, STRING) NULLABLE(artist_name, STRING) NOT_NULL(last_rank, BIGINT) NOT_NULL(last_date, DATE)
	NOT_NULL(peak_rank, BIGINT) NOT_NULL(days_on_chart, BIGINT)
};
static const struct warehouse_column chart_day[] = {
	NOT_NULL(playlist_id, STRING) NULLABLE(playlist_name, STRING) NOT_NULL(chart_date, DATE) NOT_NULL(day_number, BIGINT)
	NOT_NULL(snapshot_at, TIMESTAMP) NOT_NULL(snapshots, BIGINT) NULLABLE(previous_date, DATE) NULLABLE(gap_days, BIGINT)
	NOT_NULL(entries, BIGINT) NOT_NULL(rejects, BIGINT) NOT_NULL(duplicates, BIGINT) NOT_NULL(new_entries, BIGINT)
	NOT_NULL(re_entries, BIGINT) NOT_NULL(exits, BIGINT) NOT_NULL(up, BIGINT) NOT_NULL(down, BIGINT) NOT_NULL(same, BIGINT)
	NOT_NULL(big_moves, BIGINT) NOT_NULL(artists, BIGINT) NOT_NULL(albums, BIGINT) NOT_NULL(film_tracks, BIGINT)
	NOT_NULL(explicit_tracks, BIGINT) NOT_NULL(total_duration_ms, BIGINT)
};
static const struct warehouse_column track[] = {
	NOT_NULL(playlist_id, STRING) NOT_NULL(track_id, STRING) NOT_NULL(track_name, STRING) NULLABLE(artist_id, STRING)
	NULLABLE(artist_name, STRING) NULLABLE(artist_names, STRING) NULLABLE(album_id, STRING) NULLABLE(isrc, STRING)
	NULLABLE(duration_ms, BIGINT) NULLABLE(explicit, BOOLEAN) NULLABLE(popularity, BIGINT) NULLABLE(release_date, STRING)
	NULLABLE(film_name, STRING) NULLABLE(track_url, STRING) NOT_NULL(debut_date, DATE) NOT_NULL(debut_rank, BIGINT)
	NOT_NULL(peak_rank, BIGINT) NOT_NULL(peak_date, DATE) NOT_NULL(times_at_peak, BIGINT) NOT_NULL(days_on_chart, BIGINT)
	NOT_NULL(longest_streak, BIGINT) NOT_NULL(runs, BIGINT) NOT_NULL(last_date, DATE) NOT_NULL(last_rank, BIGINT)
	NOT_NULL(on_chart, BOOLEAN) NOT_NULL(days_to_peak, BIGINT) NOT_NULL(points, BIGINT)
};
/* A name may be null wherever Spotify's latest credit has none. */
static const struct warehouse_column artist[] = {
	NOT_NULL(artist_id, STRING) NULLABLE(artist_name, STRING) NULLABLE(artist_url, STRING) NOT_NULL(tracks, BIGINT)
	NOT_NULL(lead_tracks, BIGINT) NOT_NULL(playlists, BIGINT) NOT_NULL(first_date, DATE) NOT_NULL(last_date, DATE)
	NOT_NULL(best_rank, BIGINT) NOT_NULL(chart_entries, BIGINT) NOT_NULL(points, BIGINT)
};
static const struct warehouse_column album[] = {
	NOT_NULL(album_id, STRING) NULLABLE(album_name, STRING) NULLABLE(album_type, STRING) NULLABLE(release_date, STRING)
	NULLABLE(release_precision, STRING) NULLABLE(release_day, BIGINT) NULLABLE(album_total_tracks, BIGINT)
	NULLABLE(album_url, STRING) NULLABLE(album_image_url, STRING) NULLABLE(artist_id, STRING) NULLABLE(artist_name, STRING)
	NULLABLE(film_name, STRING) NOT_NULL(tracks, BIGINT) NOT_NULL(playlists, BIGINT) NOT_NULL(first_date, DATE)
	NOT_NULL(last_date, DATE) NOT_NULL(best_rank, BIGINT) NOT_NULL(chart_entries, BIGINT) NOT_NULL(points, BIGINT)
};
static const struct warehouse_column artist_chart[] = {
	NOT_NULL(playlist_id, STRING) NOT_NULL(chart_date, DATE) NOT_NULL(day_number, BIGINT) NOT_NULL(artist_id, STRING)
	NULLABLE(artist_name, STRING) NOT_NULL(tracks, BIGINT) NOT_NULL(best_rank, BIGINT) NOT_NULL(points, BIGINT)
	NOT_NULL(share, DOUBLE)
};
static const struct warehouse_column artist_collaboration[] = {
	NOT_NULL(playlist_id, STRING) NOT_NULL(artist_a, STRING) NOT_NULL(artist_b, STRING) NULLABLE(name_a, STRING)
	NULLABLE(name_b, STRING) NOT_NULL(tracks, BIGINT) NOT_NULL(chart_entries, BIGINT) NOT_NULL(first_date, DATE)
	NOT_NULL(last_date, DATE)
};
static const struct warehouse_column playlist_overlap[] = {
	NOT_NULL(playlist_a, STRING) NOT_NULL(playlist_b, STRING) NOT_NULL(tracks_a, BIGINT) NOT_NULL(tracks_b, BIGINT)
	NOT_NULL(shared, BIGINT)
};
/* No dates where every snapshot was empty. */
static const struct warehouse_column data_health[] = {
	NOT_NULL(playlist_id, STRING) NULLABLE(first_date, DATE) NULLABLE(last_date, DATE) NOT_NULL(chart_days, BIGINT)
	NOT_NULL(missing_days, BIGINT) NOT_NULL(snapshots, BIGINT) NOT_NULL(rejects, BIGINT) NOT_NULL(warnings, BIGINT)
	NULLABLE(fields_missing, STRING)
};
static const struct warehouse_column track_info[] = {
	NOT_NULL(name, STRING) NOT_NULL(id, STRING) NULLABLE(artist_id, STRING) NULLABLE(href, STRING)
	NULLABLE(release_date, STRING) NOT_NULL(uri, STRING) NULLABLE(artist_name, STRING) NOT_NULL(playlist_id, STRING)
	NOT_NULL(chart_date, DATE) NOT_NULL(rank, BIGINT) NOT_NULL(status, STRING) NULLABLE(movement, BIGINT)
	NULLABLE(previous_rank, BIGINT) NOT_NULL(peak_rank, BIGINT) NOT_NULL(days_on_chart, BIGINT) NULLABLE(artist_names, STRING)
	NULLABLE(album_id, STRING) NULLABLE(album_name, STRING) NULLABLE(duration_ms, BIGINT) NULLABLE(explicit, BOOLEAN)
	NULLABLE(popularity, BIGINT) NULLABLE(isrc, STRING) NULLABLE(film_name, STRING) NULLABLE(url, STRING)
};

#define TABLE(upper, columns, key, per_group) { upper, columns, COUNT_OF(columns), key, per_group },

const struct warehouse_table warehouse_table[] = {
	TABLE("ALBUM", album, "album_id", false)
	TABLE("ARTIST", artist, "artist_id", false)
	TABLE("ARTIST_CHART", artist_chart, "playlist_id, chart_date, artist_id", true)
	TABLE("ARTIST_COLLABORATION", artist_collaboration, "playlist_id, artist_a, artist_b", true)
	TABLE("CHART_DAY", chart_day, "playlist_id, chart_date", true)
	TABLE("CHART_EXIT", chart_exit, "playlist_id, chart_date, track_id", true)
	TABLE("CHART_HISTORY", chart_history, "playlist_id, chart_date, track_id", true)
	TABLE("DATA_HEALTH", data_health, "playlist_id", true)
	TABLE("PLAYLIST_OVERLAP", playlist_overlap, "playlist_a, playlist_b", false)
	TABLE("TRACK", track, "playlist_id, track_id", true)
	TABLE("TRACK_INFO", track_info, "playlist_id, id", true)
};
const size_t warehouse_table_count = COUNT_OF(warehouse_table);

const struct warehouse_table *warehouse_table_find(const char *name)
{
	for (size_t i = 0; i < warehouse_table_count; i++)
		if (strcmp(warehouse_table[i].name, name) == 0)
			return &warehouse_table[i];
	return NULL;
}
