-- case: sums are over all snapshots; days are chart days only; the missing fields are the latest snapshot's
-- p has charts on days 1, 2 (twice) and 6, and an empty snapshot before them on day 0; day 4 had an empty snapshot only
-- and counts as missing, like 3 and 5. Its very last snapshot (day 8) is empty: fields_missing is that one's, last_date
-- is not. q never had a chart. r has one day.
-- bronze
INSERT INTO BRONZE_SNAPSHOT
  (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings, fields_missing) VALUES
  ('p', '1970-01-01 00:10:00', '1970-01-01', 0, 0, 0, 0, NULL),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 1, 0, 'track.popularity'),
  ('p', '1970-01-03 08:00:00', '1970-01-03', 2, 2, 2, 1, NULL),
  ('p', '1970-01-03 09:00:00', '1970-01-03', 2, 2, 0, 0, NULL),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 0, 4, 0, NULL),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 2, 0, 2, NULL),
  ('p', '1970-01-09 00:10:00', '1970-01-09', 8, 0, 0, 0, 'track.isrc,track.popularity'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 0, 3, 1, 'x'),
  ('q', '1970-01-03 00:10:00', '1970-01-03', 2, 0, 0, 0, NULL),
  ('r', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0, NULL);
-- expect: DATA_HEALTH (playlist_id, first_date, last_date, chart_days, missing_days, snapshots, rejects, warnings, fields_missing)
VALUES
  ('p', '1970-01-02', '1970-01-07', 3, 3, 7, 7, 3, 'track.isrc,track.popularity'),
  ('q', NULL,         NULL,         0, 0, 2, 3, 1, NULL),
  ('r', '1970-01-02', '1970-01-02', 1, 0, 1, 0, 0, NULL)
