-- table: ARTIST_CHART
-- grain: one artist with an id on one chart day of one playlist
-- key: playlist_id, chart_date, artist_id
-- needs: BRONZE_CREDIT, CHART_HISTORY
-- scope: group
-- order: playlist_id, chart_date, artist_id
--
-- Credits are the track credits of the rank's own item; an artist credited twice on a track counts once. The name is
-- that of the artist's best track of the day, there the smallest ordinal. points are full credit. share is the artist's
-- part of the day's points when a track's points are split evenly among its distinct artists with an id: exact integers
-- in units of 1/27720 (divisible by 1 to 12) are rounded down and added, and divided once at the end.
WITH ordered AS (
  SELECT
    h.playlist_id,
    h.chart_date,
    h.day_number,
    h.rank,
    h.points,
    c.artist_id,
    c.artist_name,
    c.ordinal,
    MIN(c.ordinal) OVER (PARTITION BY h.playlist_id, h.chart_date, h.rank, c.artist_id) AS first_ordinal
  FROM CHART_HISTORY AS h
  JOIN BRONZE_CREDIT AS c ON c.playlist_id = h.playlist_id AND c.snapshot_at = h.snapshot_at AND c.position = h.rank
  WHERE c.scope = 'track' AND c.artist_id IS NOT NULL
),
split AS (
  SELECT
    playlist_id,
    chart_date,
    day_number,
    rank,
    points,
    artist_id,
    artist_name,
    COUNT(*) OVER (PARTITION BY playlist_id, chart_date, rank) AS credited,
    MIN(rank) OVER (PARTITION BY playlist_id, chart_date, artist_id) AS best_rank
  FROM ordered
  WHERE ordinal = first_ordinal
),
days AS (
  SELECT playlist_id, chart_date, CAST(SUM(points) AS BIGINT) AS day_points
  FROM CHART_HISTORY
  GROUP BY playlist_id, chart_date
),
summed AS (
  SELECT
    playlist_id,
    chart_date,
    day_number,
    artist_id,
    MAX(CASE WHEN rank = best_rank THEN artist_name END) AS artist_name,
    COUNT(*) AS tracks,
    MIN(rank) AS best_rank,
    CAST(SUM(points) AS BIGINT) AS points,
    CAST(SUM(CAST(FLOOR(points * 27720e0 / credited) AS BIGINT)) AS BIGINT) AS units
  FROM split
  GROUP BY playlist_id, chart_date, day_number, artist_id
)
SELECT
  s.playlist_id,
  s.chart_date,
  s.day_number,
  s.artist_id,
  s.artist_name,
  s.tracks,
  s.best_rank,
  s.points,
  s.units * 1e0 / (d.day_points * 27720) AS share
FROM summed AS s
JOIN days AS d ON d.playlist_id = s.playlist_id AND d.chart_date = s.chart_date
