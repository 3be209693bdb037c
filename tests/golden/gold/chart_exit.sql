-- case: an exit stands on the chart day the track is missing and speaks of the chart day before
-- Song a leaves on day 4 (days 2 and 3 were not taken), returns on day 5 and leaves again on day 6 with another name.
-- Song b stays. Nothing can leave on the first chart day, and the last chart has not been left yet.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 0, 0),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 0, 0),
  ('p', '1970-01-06 00:10:00', '1970-01-06', 5, 2, 0, 0),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 1, 0, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, track_name, artist_name) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a', 'Song a', 'Singer'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'b', 'Song b', NULL),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 'b', 'Song b', NULL),
  ('p', '1970-01-06 00:10:00', '1970-01-06', 5, 1, 'b', 'Song b', NULL),
  ('p', '1970-01-06 00:10:00', '1970-01-06', 5, 2, 'a', 'Song a (live)', NULL),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 1, 'b', 'Song b', NULL);
-- expect: CHART_EXIT (playlist_id, chart_date, day_number, track_id, track_name, artist_name, last_rank, last_date, peak_rank, days_on_chart)
VALUES
  ('p', '1970-01-05', 4, 'a', 'Song a',        'Singer', 1, '1970-01-02', 1, 1),
  ('p', '1970-01-07', 6, 'a', 'Song a (live)', NULL,     2, '1970-01-06', 1, 2)
