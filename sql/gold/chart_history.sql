-- table: CHART_HISTORY
-- grain: one track on one chart day of one playlist
-- key: playlist_id, chart_date, track_id
-- needs: BRONZE_SNAPSHOT, BRONZE_ENTRY
-- scope: group
-- order: playlist_id, chart_date, rank
--
-- The chart of a day is that day's last snapshot with at least one entry. A track's rank is its position, the smaller
-- one when it stands twice: rejects and duplicates leave holes. "Previous" is the previous day with a chart of this
-- playlist, so a day without a snapshot is a gap and never an exit. status: START on the playlist's first chart day,
-- NEW the first time ever, RE seen before but not on the previous chart day, else UP, DOWN or SAME. peak_rank is the
-- best rank so far, peak_date the first day it was reached, times_at_peak the days spent on it so far. points are
-- Borda points: the largest rank on the chart + 1 - rank.
WITH taken AS (
  SELECT playlist_id, day_number, MAX(snapshot_at) AS snapshot_at
  FROM BRONZE_SNAPSHOT
  WHERE entries > 0
  GROUP BY playlist_id, day_number
),
numbered AS (
  SELECT
    playlist_id,
    snapshot_at,
    ROW_NUMBER() OVER (PARTITION BY playlist_id ORDER BY day_number ASC NULLS FIRST) AS day_index
  FROM taken
),
ranked AS (
  SELECT
    e.playlist_id,
    e.snapshot_at,
    n.day_index,
    e.chart_date,
    e.track_id,
    MIN(e.position) AS rank
  FROM BRONZE_ENTRY AS e
  JOIN numbered AS n ON n.playlist_id = e.playlist_id AND n.snapshot_at = e.snapshot_at
  GROUP BY e.playlist_id, e.snapshot_at, n.day_index, e.chart_date, e.track_id
),
lengths AS (
  SELECT playlist_id, snapshot_at, MAX(rank) AS largest_rank
  FROM ranked
  GROUP BY playlist_id, snapshot_at
),
-- one pass along each track's days; the running minimum only falls, so its rows of one value are neighbours
followed AS (
  SELECT
    playlist_id,
    snapshot_at,
    day_index,
    chart_date,
    track_id,
    rank,
    LAG(rank) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST) AS seen_rank,
    LAG(day_index) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST) AS seen_index,
    MIN(rank) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS peak_rank,
    COUNT(*) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS days_on_chart,
    FIRST_VALUE(chart_date) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS debut_date,
    FIRST_VALUE(rank) OVER (PARTITION BY playlist_id, track_id ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS debut_rank
  FROM ranked
),
-- days of one unbroken run share day_index - days_on_chart
measured AS (
  SELECT
    playlist_id,
    snapshot_at,
    day_index,
    track_id,
    rank,
    CASE WHEN seen_index = day_index - 1 THEN seen_rank END AS previous_rank,
    peak_rank,
    FIRST_VALUE(chart_date) OVER (PARTITION BY playlist_id, track_id, peak_rank ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS peak_date,
    COUNT(CASE WHEN rank = peak_rank THEN 1 END) OVER (PARTITION BY playlist_id, track_id, peak_rank
      ORDER BY day_index ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS times_at_peak,
    days_on_chart,
    COUNT(*) OVER (PARTITION BY playlist_id, track_id, day_index - days_on_chart ORDER BY day_index ASC NULLS FIRST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS streak,
    debut_date,
    debut_rank
  FROM followed
)
SELECT
  m.playlist_id,
  e.chart_date,
  e.day_number,
  m.snapshot_at,
  m.rank,
  m.track_id,
  e.track_name,
  e.artist_id,
  e.artist_name,
  e.artist_names,
  e.album_id,
  e.track_url,
  e.duration_ms,
  e.explicit,
  e.popularity,
  e.film_name,
  m.previous_rank,
  m.previous_rank - m.rank AS movement,
  CASE
    WHEN m.day_index = 1 THEN 'START'
    WHEN m.days_on_chart = 1 THEN 'NEW'
    WHEN m.previous_rank IS NULL THEN 'RE'
    WHEN m.rank < m.previous_rank THEN 'UP'
    WHEN m.rank > m.previous_rank THEN 'DOWN'
    ELSE 'SAME'
  END AS status,
  m.peak_rank,
  m.peak_date,
  m.times_at_peak,
  m.days_on_chart,
  m.streak,
  m.debut_date,
  m.debut_rank,
  l.largest_rank + 1 - m.rank AS points
FROM measured AS m
JOIN lengths AS l ON l.playlist_id = m.playlist_id AND l.snapshot_at = m.snapshot_at
JOIN BRONZE_ENTRY AS e ON e.playlist_id = m.playlist_id AND e.snapshot_at = m.snapshot_at AND e.position = m.rank
