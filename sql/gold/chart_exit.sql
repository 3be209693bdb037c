-- table: CHART_EXIT
-- grain: one track that stood on the previous chart day of a playlist and is gone
-- key: playlist_id, chart_date, track_id
-- needs: CHART_HISTORY
-- scope: group
-- order: playlist_id, chart_date, last_rank
--
-- chart_date is the chart day on which the track is missing, last_date the chart day before it; names, last_rank,
-- peak_rank and days_on_chart are those of last_date. A track that leaves, returns and leaves again has two rows.
WITH charts AS (
  SELECT DISTINCT playlist_id, chart_date, day_number
  FROM CHART_HISTORY
),
followed_charts AS (
  SELECT
    playlist_id,
    day_number,
    LEAD(chart_date) OVER (PARTITION BY playlist_id ORDER BY day_number ASC NULLS FIRST) AS next_date,
    LEAD(day_number) OVER (PARTITION BY playlist_id ORDER BY day_number ASC NULLS FIRST) AS next_day
  FROM charts
),
standings AS (
  SELECT
    playlist_id,
    chart_date,
    day_number,
    rank,
    track_id,
    peak_rank,
    days_on_chart,
    LEAD(day_number) OVER (PARTITION BY playlist_id, track_id ORDER BY day_number ASC NULLS FIRST) AS seen_day
  FROM CHART_HISTORY
),
gone AS (
  SELECT
    s.playlist_id,
    f.next_date,
    f.next_day,
    s.track_id,
    s.rank,
    s.chart_date,
    s.peak_rank,
    s.days_on_chart
  FROM standings AS s
  JOIN followed_charts AS f ON f.playlist_id = s.playlist_id AND f.day_number = s.day_number
  WHERE f.next_day IS NOT NULL AND (s.seen_day IS NULL OR s.seen_day > f.next_day)
)
SELECT
  g.playlist_id,
  g.next_date AS chart_date,
  g.next_day AS day_number,
  g.track_id,
  h.track_name,
  h.artist_name,
  g.rank AS last_rank,
  g.chart_date AS last_date,
  g.peak_rank,
  g.days_on_chart
FROM gone AS g
JOIN CHART_HISTORY AS h ON h.playlist_id = g.playlist_id AND h.chart_date = g.chart_date AND h.track_id = g.track_id
