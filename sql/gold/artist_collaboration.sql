-- table: ARTIST_COLLABORATION
-- grain: one pair of artists with an id credited together on a track that charted on one playlist
-- key: playlist_id, artist_a, artist_b
-- needs: BRONZE_CREDIT, CHART_HISTORY, ARTIST
-- scope: group
-- order: playlist_id, artist_a, artist_b
--
-- artist_a < artist_b by bytes. Credits are the track credits of the rank's own item; an artist credited twice counts
-- once. tracks are distinct, chart_entries are rows of CHART_HISTORY with both. The names are ARTIST's, the latest over
-- all playlists: ARTIST has scope all, so every group is written again when ARTIST has changed.
WITH credited AS (
  SELECT DISTINCT h.playlist_id, h.chart_date, h.track_id, h.rank, c.artist_id
  FROM CHART_HISTORY AS h
  JOIN BRONZE_CREDIT AS c ON c.playlist_id = h.playlist_id AND c.snapshot_at = h.snapshot_at AND c.position = h.rank
  WHERE c.scope = 'track' AND c.artist_id IS NOT NULL
),
by_track AS (
  SELECT
    a.playlist_id,
    a.artist_id AS artist_a,
    b.artist_id AS artist_b,
    a.track_id,
    COUNT(*) AS chart_entries,
    MIN(a.chart_date) AS first_date,
    MAX(a.chart_date) AS last_date
  FROM credited AS a
  JOIN credited AS b ON b.playlist_id = a.playlist_id AND b.chart_date = a.chart_date AND b.rank = a.rank
  WHERE a.artist_id < b.artist_id
  GROUP BY a.playlist_id, a.artist_id, b.artist_id, a.track_id
),
pairs AS (
  SELECT
    playlist_id,
    artist_a,
    artist_b,
    COUNT(*) AS tracks,
    CAST(SUM(chart_entries) AS BIGINT) AS chart_entries,
    MIN(first_date) AS first_date,
    MAX(last_date) AS last_date
  FROM by_track
  GROUP BY playlist_id, artist_a, artist_b
)
SELECT
  p.playlist_id,
  p.artist_a,
  p.artist_b,
  x.artist_name AS name_a,
  y.artist_name AS name_b,
  p.tracks,
  p.chart_entries,
  p.first_date,
  p.last_date
FROM pairs AS p
JOIN ARTIST AS x ON x.artist_id = p.artist_a
JOIN ARTIST AS y ON y.artist_id = p.artist_b
