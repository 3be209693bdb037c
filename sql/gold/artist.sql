-- table: ARTIST
-- grain: one artist with an id who ever had a track credit on a chart
-- key: artist_id
-- needs: BRONZE_CREDIT, CHART_HISTORY, ARTIST_CHART
-- scope: all
-- order: artist_id
--
-- Credits are the track credits of the rank's own item; an artist credited twice on a track counts once. Name and url
-- are the latest, nulls included, both from one credit: greatest (snapshot_at, playlist_id), then smallest position,
-- then smallest ordinal. tracks are distinct over all playlists, lead_tracks those on which the artist was ever
-- credited first (ordinal 1). chart_entries are rows of CHART_HISTORY; points are full credit, added up over playlists.
WITH by_track AS (
  SELECT
    c.artist_id,
    h.track_id,
    MIN(c.ordinal) AS first_ordinal,
    MAX(h.snapshot_at) AS last_at
  FROM CHART_HISTORY AS h
  JOIN BRONZE_CREDIT AS c ON c.playlist_id = h.playlist_id AND c.snapshot_at = h.snapshot_at AND c.position = h.rank
  WHERE c.scope = 'track' AND c.artist_id IS NOT NULL
  GROUP BY c.artist_id, h.track_id
),
catalogue AS (
  SELECT
    artist_id,
    COUNT(*) AS tracks,
    COUNT(CASE WHEN first_ordinal = 1 THEN 1 END) AS lead_tracks,
    MAX(last_at) AS last_at
  FROM by_track
  GROUP BY artist_id
),
by_playlist AS (
  SELECT
    artist_id,
    playlist_id,
    MIN(chart_date) AS first_date,
    MAX(chart_date) AS last_date,
    MIN(best_rank) AS best_rank,
    CAST(SUM(tracks) AS BIGINT) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM ARTIST_CHART
  GROUP BY artist_id, playlist_id
),
totals AS (
  SELECT
    artist_id,
    COUNT(*) AS playlists,
    MIN(first_date) AS first_date,
    MAX(last_date) AS last_date,
    MIN(best_rank) AS best_rank,
    CAST(SUM(chart_entries) AS BIGINT) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM by_playlist
  GROUP BY artist_id
),
-- only credits of the artist's latest second are put in order
recent AS (
  SELECT
    k.artist_id,
    c.artist_name,
    c.artist_url,
    ROW_NUMBER() OVER (PARTITION BY k.artist_id ORDER BY c.playlist_id DESC NULLS LAST, c.position ASC NULLS FIRST,
      c.ordinal ASC NULLS FIRST) AS age
  FROM catalogue AS k
  JOIN BRONZE_CREDIT AS c ON c.artist_id = k.artist_id AND c.snapshot_at = k.last_at
  JOIN CHART_HISTORY AS h ON h.playlist_id = c.playlist_id AND h.snapshot_at = c.snapshot_at AND h.rank = c.position
  WHERE c.scope = 'track'
)
SELECT
  t.artist_id,
  r.artist_name,
  r.artist_url,
  k.tracks,
  k.lead_tracks,
  t.playlists,
  t.first_date,
  t.last_date,
  t.best_rank,
  t.chart_entries,
  t.points
FROM totals AS t
JOIN catalogue AS k ON k.artist_id = t.artist_id
JOIN recent AS r ON r.artist_id = t.artist_id AND r.age = 1
