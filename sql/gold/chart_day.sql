-- table: CHART_DAY
-- grain: one chart day of one playlist
-- key: playlist_id, chart_date
-- needs: BRONZE_SNAPSHOT, CHART_HISTORY, CHART_EXIT, ARTIST_CHART
-- scope: group
-- order: playlist_id, chart_date
--
-- entries are distinct tracks. playlist_name, rejects and duplicates are those of the snapshot that made the chart;
-- snapshots counts all that were taken that day, superseded and empty ones too. gap_days are the calendar days between
-- this chart day and the previous one. artists are distinct artists with an id among the track credits. START is not
-- a new entry. A null duration counts 0 in total_duration_ms.
WITH observed AS (
  SELECT playlist_id, day_number, COUNT(*) AS snapshots
  FROM BRONZE_SNAPSHOT
  GROUP BY playlist_id, day_number
),
counted AS (
  SELECT
    playlist_id,
    chart_date,
    day_number,
    snapshot_at,
    COUNT(*) AS tracks,
    COUNT(CASE WHEN status = 'NEW' THEN 1 END) AS new_entries,
    COUNT(CASE WHEN status = 'RE' THEN 1 END) AS re_entries,
    COUNT(CASE WHEN status = 'UP' THEN 1 END) AS up,
    COUNT(CASE WHEN status = 'DOWN' THEN 1 END) AS down,
    COUNT(CASE WHEN status = 'SAME' THEN 1 END) AS same,
    COUNT(CASE WHEN ABS(movement) >= 10 THEN 1 END) AS big_moves,
    COUNT(DISTINCT album_id) AS albums,
    COUNT(film_name) AS film_tracks,
    COUNT(CASE WHEN explicit THEN 1 END) AS explicit_tracks,
    CAST(SUM(COALESCE(duration_ms, 0)) AS BIGINT) AS total_duration_ms
  FROM CHART_HISTORY
  GROUP BY playlist_id, chart_date, day_number, snapshot_at
),
departed AS (
  SELECT playlist_id, chart_date, COUNT(*) AS exits
  FROM CHART_EXIT
  GROUP BY playlist_id, chart_date
),
credited AS (
  SELECT playlist_id, chart_date, COUNT(*) AS artists
  FROM ARTIST_CHART
  GROUP BY playlist_id, chart_date
)
SELECT
  c.playlist_id,
  s.playlist_name,
  c.chart_date,
  c.day_number,
  c.snapshot_at,
  o.snapshots,
  LAG(c.chart_date) OVER (PARTITION BY c.playlist_id ORDER BY c.day_number ASC NULLS FIRST) AS previous_date,
  c.day_number - 1
    - LAG(c.day_number) OVER (PARTITION BY c.playlist_id ORDER BY c.day_number ASC NULLS FIRST) AS gap_days,
  c.tracks AS entries,
  s.rejects,
  s.entries - c.tracks AS duplicates,
  c.new_entries,
  c.re_entries,
  COALESCE(d.exits, 0) AS exits,
  c.up,
  c.down,
  c.same,
  c.big_moves,
  COALESCE(a.artists, 0) AS artists,
  c.albums,
  c.film_tracks,
  c.explicit_tracks,
  c.total_duration_ms
FROM counted AS c
JOIN BRONZE_SNAPSHOT AS s ON s.playlist_id = c.playlist_id AND s.snapshot_at = c.snapshot_at
JOIN observed AS o ON o.playlist_id = c.playlist_id AND o.day_number = c.day_number
LEFT JOIN departed AS d ON d.playlist_id = c.playlist_id AND d.chart_date = c.chart_date
LEFT JOIN credited AS a ON a.playlist_id = c.playlist_id AND a.chart_date = c.chart_date
