/* What follows from each watched field.  Written by hand from reader_entry.c and sql/gold/; tests/golden/test_drift_depends.c
 * takes one field after the other out of a history and compares every column. */
#include "bronze/drift.h"

#define ALWAYS false
#define WHERE_IT_APPLIES true

const struct drift_depends drift_depends[FIELD_COUNT] = {
#define FIELD(field, when, columns_) [FIELD_##field] = { .where_it_applies = when, .columns = columns_ },
	FIELD(added_at, ALWAYS, "BRONZE_ENTRY.added_at")
	FIELD(added_by_id, ALWAYS, "BRONZE_ENTRY.added_by_id")
	FIELD(track_name, ALWAYS,
	      "BRONZE_ENTRY.track_name, BRONZE_ENTRY.film_name, ALBUM.film_name, CHART_DAY.film_tracks, "
	      "CHART_EXIT.track_name, CHART_HISTORY.track_name, CHART_HISTORY.film_name, TRACK.track_name, "
	      "TRACK.film_name, TRACK_INFO.name, TRACK_INFO.film_name")
	FIELD(track_uri, ALWAYS, "BRONZE_ENTRY.track_uri, BRONZE_SNAPSHOT.content_sha256, TRACK_INFO.uri")
	FIELD(track_href, ALWAYS, "BRONZE_ENTRY.track_href, TRACK_INFO.href")
	FIELD(track_url, ALWAYS, "BRONZE_ENTRY.track_url, CHART_HISTORY.track_url, TRACK.track_url, TRACK_INFO.url")
	FIELD(isrc, ALWAYS, "BRONZE_ENTRY.isrc, TRACK.isrc, TRACK_INFO.isrc")
	FIELD(duration_ms, ALWAYS,
	      "BRONZE_ENTRY.duration_ms, CHART_DAY.total_duration_ms, CHART_HISTORY.duration_ms, TRACK.duration_ms, "
	      "TRACK_INFO.duration_ms")
	FIELD(explicit_, ALWAYS,
	      "BRONZE_ENTRY.explicit, CHART_DAY.explicit_tracks, CHART_HISTORY.explicit, TRACK.explicit, "
	      "TRACK_INFO.explicit")
	FIELD(popularity, ALWAYS,
	      "BRONZE_ENTRY.popularity, CHART_HISTORY.popularity, TRACK.popularity, TRACK_INFO.popularity")
	FIELD(disc_number, ALWAYS, "BRONZE_ENTRY.disc_number")
	FIELD(track_number, ALWAYS, "BRONZE_ENTRY.track_number")
	FIELD(is_playable, ALWAYS, "BRONZE_ENTRY.is_playable")
	FIELD(restriction, WHERE_IT_APPLIES, "BRONZE_ENTRY.restriction")
	FIELD(linked_from, WHERE_IT_APPLIES,
	      "BRONZE_ENTRY.track_id, BRONZE_ENTRY.track_uri, BRONZE_ENTRY.track_href, BRONZE_ENTRY.track_url, "
	      "BRONZE_CREDIT.track_id, ALBUM.tracks, ARTIST.tracks, ARTIST.lead_tracks, ARTIST_COLLABORATION.tracks, "
	      "CHART_DAY.new_entries, CHART_DAY.re_entries, CHART_DAY.exits, CHART_DAY.up, CHART_DAY.down, "
	      "CHART_DAY.same, CHART_DAY.big_moves, CHART_EXIT.*, CHART_HISTORY.*, PLAYLIST_OVERLAP.shared, "
	      "TRACK.*, TRACK_INFO.*")
	FIELD(artists, ALWAYS,
	      "BRONZE_ENTRY.artist_count, BRONZE_ENTRY.artist_id, BRONZE_ENTRY.artist_name, BRONZE_ENTRY.artist_names, "
	      "BRONZE_CREDIT.*, ALBUM.artist_id, ALBUM.artist_name, ARTIST.*, ARTIST_CHART.*, ARTIST_COLLABORATION.*, "
	      "CHART_DAY.artists, CHART_EXIT.artist_name, CHART_HISTORY.artist_id, CHART_HISTORY.artist_name, "
	      "CHART_HISTORY.artist_names, TRACK.artist_id, TRACK.artist_name, TRACK.artist_names, "
	      "TRACK_INFO.artist_id, TRACK_INFO.artist_name, TRACK_INFO.artist_names")
	FIELD(album_id, ALWAYS,
	      "BRONZE_ENTRY.album_id, ALBUM.*, CHART_DAY.albums, CHART_HISTORY.album_id, TRACK.album_id, "
	      "TRACK_INFO.album_id")
	FIELD(album_name, ALWAYS,
	      "BRONZE_ENTRY.album_name, BRONZE_ENTRY.film_name, ALBUM.album_name, ALBUM.film_name, "
	      "CHART_DAY.film_tracks, CHART_HISTORY.film_name, TRACK.film_name, TRACK_INFO.album_name, "
	      "TRACK_INFO.film_name")
	FIELD(album_type, ALWAYS, "BRONZE_ENTRY.album_type, ALBUM.album_type")
	FIELD(album_uri, ALWAYS, "BRONZE_ENTRY.album_uri")
	FIELD(album_href, ALWAYS, "BRONZE_ENTRY.album_href")
	FIELD(album_url, ALWAYS, "BRONZE_ENTRY.album_url, ALBUM.album_url")
	FIELD(album_images, ALWAYS, "BRONZE_ENTRY.album_image_url, ALBUM.album_image_url")
	FIELD(album_total_tracks, ALWAYS, "BRONZE_ENTRY.album_total_tracks, ALBUM.album_total_tracks")
	FIELD(album_artists, ALWAYS, "BRONZE_CREDIT.*, ALBUM.artist_id, ALBUM.artist_name")
	FIELD(release_date, ALWAYS,
	      "BRONZE_ENTRY.release_date, BRONZE_ENTRY.release_day, ALBUM.release_date, ALBUM.release_day, "
	      "TRACK.release_date, TRACK_INFO.release_date")
	FIELD(release_precision, ALWAYS, "BRONZE_ENTRY.release_precision, ALBUM.release_precision")
#undef FIELD
};
