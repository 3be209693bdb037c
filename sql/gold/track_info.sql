-- table: TRACK_INFO
-- grain: one track on the latest chart of one playlist
-- key: playlist_id, id
-- needs: BRONZE_ENTRY, CHART_HISTORY
-- scope: group
-- order: playlist_id, rank
--
-- The current charts: the seven columns of the original system first (name, id, artist_id, href, release_date, uri,
-- artist_name), then the track's standing. The artist is the first credited, release_date the album's as given.
WITH latest AS (
  SELECT playlist_id, MAX(day_number) AS latest_day
  FROM CHART_HISTORY
  GROUP BY playlist_id
)
SELECT
  h.track_name AS name,
  h.track_id AS id,
  h.artist_id,
  e.track_href AS href,
  e.release_date,
  e.track_uri AS uri,
  h.artist_name,
  h.playlist_id,
  h.chart_date,
  h.rank,
  h.status,
  h.movement,
  h.previous_rank,
  h.peak_rank,
  h.days_on_chart,
  h.artist_names,
  h.album_id,
  e.album_name,
  h.duration_ms,
  h.explicit,
  h.popularity,
  e.isrc,
  h.film_name,
  h.track_url AS url
FROM latest AS l
JOIN CHART_HISTORY AS h ON h.playlist_id = l.playlist_id AND h.day_number = l.latest_day
JOIN BRONZE_ENTRY AS e ON e.playlist_id = h.playlist_id AND e.snapshot_at = h.snapshot_at AND e.position = h.rank
