-- table: ALBUM
-- grain: one album with an id that ever had a track on a chart
-- key: album_id
-- needs: BRONZE_ENTRY, BRONZE_CREDIT, CHART_HISTORY
-- scope: all
-- order: album_id
--
-- Attributes are the latest, nulls included, all from one item: greatest (snapshot_at, playlist_id), then smallest
-- position. The artist is that item's lowest-ordinal album credit with an id, else its lowest-ordinal track credit with
-- an id, else null. tracks are the distinct charted ones; points add up over playlists.
WITH by_track AS (
  SELECT
    album_id,
    playlist_id,
    track_id,
    MIN(chart_date) AS first_date,
    MAX(chart_date) AS last_date,
    MAX(snapshot_at) AS last_at,
    MIN(rank) AS best_rank,
    COUNT(*) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM CHART_HISTORY
  WHERE album_id IS NOT NULL
  GROUP BY album_id, playlist_id, track_id
),
totals AS (
  SELECT
    album_id,
    COUNT(DISTINCT track_id) AS tracks,
    COUNT(DISTINCT playlist_id) AS playlists,
    MIN(first_date) AS first_date,
    MAX(last_date) AS last_date,
    MAX(last_at) AS last_at,
    MIN(best_rank) AS best_rank,
    CAST(SUM(chart_entries) AS BIGINT) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM by_track
  GROUP BY album_id
),
-- only items of the album's latest second are put in order
recent AS (
  SELECT
    t.album_id,
    h.playlist_id,
    h.snapshot_at,
    h.rank,
    ROW_NUMBER() OVER (PARTITION BY t.album_id
      ORDER BY h.playlist_id DESC NULLS LAST, h.rank ASC NULLS FIRST) AS age
  FROM totals AS t
  JOIN CHART_HISTORY AS h ON h.album_id = t.album_id AND h.snapshot_at = t.last_at
),
credits AS (
  SELECT
    r.album_id,
    c.artist_id,
    c.artist_name,
    ROW_NUMBER() OVER (PARTITION BY r.album_id
      ORDER BY CASE WHEN c.scope = 'album' THEN 1 ELSE 2 END ASC NULLS FIRST, c.ordinal ASC NULLS FIRST) AS turn
  FROM recent AS r
  JOIN BRONZE_CREDIT AS c ON c.playlist_id = r.playlist_id AND c.snapshot_at = r.snapshot_at AND c.position = r.rank
  WHERE r.age = 1 AND c.artist_id IS NOT NULL
)
SELECT
  t.album_id,
  e.album_name,
  e.album_type,
  e.release_date,
  e.release_precision,
  e.release_day,
  e.album_total_tracks,
  e.album_url,
  e.album_image_url,
  a.artist_id,
  a.artist_name,
  e.film_name,
  t.tracks,
  t.playlists,
  t.first_date,
  t.last_date,
  t.best_rank,
  t.chart_entries,
  t.points
FROM totals AS t
JOIN recent AS r ON r.album_id = t.album_id AND r.age = 1
JOIN BRONZE_ENTRY AS e ON e.playlist_id = r.playlist_id AND e.snapshot_at = r.snapshot_at AND e.position = r.rank
LEFT JOIN credits AS a ON a.album_id = t.album_id AND a.turn = 1
