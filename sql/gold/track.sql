-- table: TRACK
-- grain: one track that ever charted on one playlist
-- key: playlist_id, track_id
-- needs: BRONZE_ENTRY, CHART_HISTORY
-- scope: group
-- order: playlist_id, track_id
--
-- Names and attributes are those of the track's latest chart day, nulls included, all from one item. That day's row of
-- CHART_HISTORY already carries peak and debut. runs is 1 + re-entries, longest_streak the longest unbroken run of chart
-- days, days_to_peak the calendar days from debut to peak. on_chart: stands on the playlist's latest chart.
WITH totals AS (
  SELECT
    playlist_id,
    track_id,
    MIN(day_number) AS debut_day,
    -- each row on which a better peak is first reached has chart_date = peak_date; the last of them is the peak
    MAX(CASE WHEN chart_date = peak_date THEN day_number END) AS peak_day,
    MAX(day_number) AS last_day,
    MAX(streak) AS longest_streak,
    COUNT(CASE WHEN status = 'RE' THEN 1 END) AS re_entries,
    CAST(SUM(points) AS BIGINT) AS points
  FROM CHART_HISTORY
  GROUP BY playlist_id, track_id
),
latest AS (
  SELECT playlist_id, MAX(last_day) AS latest_day
  FROM totals
  GROUP BY playlist_id
)
SELECT
  h.playlist_id,
  h.track_id,
  h.track_name,
  h.artist_id,
  h.artist_name,
  h.artist_names,
  h.album_id,
  e.isrc,
  h.duration_ms,
  h.explicit,
  h.popularity,
  e.release_date,
  h.film_name,
  h.track_url,
  h.debut_date,
  h.debut_rank,
  h.peak_rank,
  h.peak_date,
  h.times_at_peak,
  h.days_on_chart,
  t.longest_streak,
  1 + t.re_entries AS runs,
  h.chart_date AS last_date,
  h.rank AS last_rank,
  t.last_day = l.latest_day AS on_chart,
  t.peak_day - t.debut_day AS days_to_peak,
  t.points
FROM totals AS t
JOIN latest AS l ON l.playlist_id = t.playlist_id
JOIN CHART_HISTORY AS h ON h.playlist_id = t.playlist_id AND h.track_id = t.track_id AND h.day_number = t.last_day
JOIN BRONZE_ENTRY AS e ON e.playlist_id = h.playlist_id AND e.snapshot_at = h.snapshot_at AND e.position = h.rank
