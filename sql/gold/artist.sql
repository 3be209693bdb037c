-- table: ARTIST
-- grain: one artist with an id who ever had a track credit on a chart
-- key: artist_id
-- needs: BRONZE_CREDIT, CHART_HISTORY
-- scope: all
-- order: artist_id
--
-- Credits are the track credits of the rank's own item; an artist credited twice on a track counts once. Name and url
-- are the latest, nulls included, both from one credit: greatest (snapshot_at, playlist_id), then smallest position,
-- then smallest ordinal. tracks are distinct over all playlists, lead_tracks those on which the artist was ever
-- credited first (ordinal 1). chart_entries are rows of CHART_HISTORY; points are full credit, added up over playlists.
WITH credited AS (
  SELECT
    c.artist_id,
    h.playlist_id,
    h.snapshot_at,
    h.chart_date,
    h.track_id,
    h.rank,
    h.points,
    MIN(c.ordinal) AS ordinal
  FROM CHART_HISTORY AS h
  JOIN BRONZE_CREDIT AS c ON c.playlist_id = h.playlist_id AND c.snapshot_at = h.snapshot_at AND c.position = h.rank
  WHERE c.scope = 'track' AND c.artist_id IS NOT NULL
  GROUP BY c.artist_id, h.playlist_id, h.snapshot_at, h.chart_date, h.track_id, h.rank, h.points
),
by_track AS (
  SELECT
    artist_id,
    playlist_id,
    track_id,
    CASE WHEN MIN(ordinal) = 1 THEN track_id END AS lead_track_id,
    MIN(chart_date) AS first_date,
    MAX(chart_date) AS last_date,
    MAX(snapshot_at) AS last_at,
    MIN(rank) AS best_rank,
    COUNT(*) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM credited
  GROUP BY artist_id, playlist_id, track_id
),
totals AS (
  SELECT
    artist_id,
    COUNT(DISTINCT track_id) AS tracks,
    COUNT(DISTINCT lead_track_id) AS lead_tracks,
    COUNT(DISTINCT playlist_id) AS playlists,
    MIN(first_date) AS first_date,
    MAX(last_date) AS last_date,
    MAX(last_at) AS last_at,
    MIN(best_rank) AS best_rank,
    CAST(SUM(chart_entries) AS BIGINT) AS chart_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM by_track
  GROUP BY artist_id
),
-- only credits of the artist's latest second are put in order
recent AS (
  SELECT
    t.artist_id,
    c.playlist_id,
    c.snapshot_at,
    c.rank,
    c.ordinal,
    ROW_NUMBER() OVER (PARTITION BY t.artist_id
      ORDER BY c.playlist_id DESC NULLS LAST, c.rank ASC NULLS FIRST, c.ordinal ASC NULLS FIRST) AS age
  FROM totals AS t
  JOIN credited AS c ON c.artist_id = t.artist_id AND c.snapshot_at = t.last_at
)
SELECT
  t.artist_id,
  n.artist_name,
  n.artist_url,
  t.tracks,
  t.lead_tracks,
  t.playlists,
  t.first_date,
  t.last_date,
  t.best_rank,
  t.chart_entries,
  t.points
FROM totals AS t
JOIN recent AS r ON r.artist_id = t.artist_id AND r.age = 1
JOIN BRONZE_CREDIT AS n ON n.playlist_id = r.playlist_id AND n.snapshot_at = r.snapshot_at AND n.position = r.rank
  AND n.ordinal = r.ordinal AND n.scope = 'track'
