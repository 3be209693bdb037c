-- table: PLAYLIST_OVERLAP
-- grain: one pair of playlists that each have a chart
-- key: playlist_a, playlist_b
-- needs: TRACK_INFO
-- scope: all
-- order: playlist_a, playlist_b
--
-- playlist_a < playlist_b by bytes; every pair has a row, shared 0 included. Tracks are those of each playlist's latest
-- chart, whichever day that was.
WITH sizes AS (
  SELECT playlist_id, COUNT(*) AS tracks
  FROM TRACK_INFO
  GROUP BY playlist_id
),
common AS (
  SELECT x.playlist_id AS playlist_a, y.playlist_id AS playlist_b, COUNT(*) AS shared
  FROM TRACK_INFO AS x
  JOIN TRACK_INFO AS y ON y.id = x.id
  WHERE x.playlist_id < y.playlist_id
  GROUP BY x.playlist_id, y.playlist_id
)
SELECT
  a.playlist_id AS playlist_a,
  b.playlist_id AS playlist_b,
  a.tracks AS tracks_a,
  b.tracks AS tracks_b,
  COALESCE(c.shared, 0) AS shared
FROM sizes AS a
JOIN sizes AS b ON a.playlist_id < b.playlist_id
LEFT JOIN common AS c ON c.playlist_a = a.playlist_id AND c.playlist_b = b.playlist_id
