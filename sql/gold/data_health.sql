-- table: DATA_HEALTH
-- grain: one playlist with at least one complete snapshot
-- key: playlist_id
-- needs: BRONZE_SNAPSHOT
-- scope: group
-- order: playlist_id
--
-- Dates and chart_days are over chart days, those with a snapshot that has entries; missing_days are the calendar days
-- between the first and the last without a chart. snapshots, rejects and warnings are over all complete snapshots,
-- superseded and empty ones too; fields_missing is that of the latest one. A playlist with empty snapshots only has
-- no dates, 0 chart days and 0 missing days.
WITH totals AS (
  SELECT
    playlist_id,
    MIN(CASE WHEN entries > 0 THEN chart_date END) AS first_date,
    MAX(CASE WHEN entries > 0 THEN chart_date END) AS last_date,
    MIN(CASE WHEN entries > 0 THEN day_number END) AS first_day,
    MAX(CASE WHEN entries > 0 THEN day_number END) AS last_day,
    COUNT(DISTINCT CASE WHEN entries > 0 THEN day_number END) AS chart_days,
    COUNT(*) AS snapshots,
    CAST(SUM(rejects) AS BIGINT) AS rejects,
    CAST(SUM(warnings) AS BIGINT) AS warnings,
    MAX(snapshot_at) AS last_at
  FROM BRONZE_SNAPSHOT
  GROUP BY playlist_id
)
SELECT
  t.playlist_id,
  t.first_date,
  t.last_date,
  t.chart_days,
  COALESCE(t.last_day - t.first_day + 1 - t.chart_days, 0) AS missing_days,
  t.snapshots,
  t.rejects,
  t.warnings,
  s.fields_missing
FROM totals AS t
JOIN BRONZE_SNAPSHOT AS s ON s.playlist_id = t.playlist_id AND s.snapshot_at = t.last_at
