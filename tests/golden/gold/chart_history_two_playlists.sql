-- case: playlists have calendars and histories of their own
-- Song a starts p at 1 on day 1, is missing on day 2 and back at 1 on day 3; q was not taken on day 2, which is p's
-- business only, and has a at 4 on day 1 and at 2 on days 3 and 4. Song b
-- is new to p on day 2, at 3, and stands on q at 3 throughout.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 0, 0),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 0, 0),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 2, 0),
  ('q', '1970-01-04 00:10:00', '1970-01-04', 3, 2, 1, 0),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 2, 1, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 'b'),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 'a'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'b'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'a'),
  ('q', '1970-01-04 00:10:00', '1970-01-04', 3, 2, 'a'),
  ('q', '1970-01-04 00:10:00', '1970-01-04', 3, 3, 'b'),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 2, 'a'),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 3, 'b');
-- expect: CHART_HISTORY (playlist_id, chart_date, track_id, status, days_on_chart, streak, points)
VALUES
  ('p', '1970-01-02', 'a', 'START', 1, 1, 1),
  ('p', '1970-01-03', 'b', 'NEW',   1, 1, 1),
  ('p', '1970-01-04', 'a', 'RE',    2, 1, 1),
  ('q', '1970-01-02', 'b', 'START', 1, 1, 2),
  ('q', '1970-01-02', 'a', 'START', 1, 1, 1),
  ('q', '1970-01-04', 'a', 'UP',    2, 2, 2),
  ('q', '1970-01-04', 'b', 'SAME',  2, 2, 1),
  ('q', '1970-01-05', 'a', 'SAME',  3, 3, 2),
  ('q', '1970-01-05', 'b', 'SAME',  3, 3, 1)
-- expect: CHART_HISTORY (playlist_id, chart_date, track_id, peak_rank, peak_date, times_at_peak, debut_date, debut_rank)
VALUES
  ('p', '1970-01-02', 'a', 1, '1970-01-02', 1, '1970-01-02', 1),
  ('p', '1970-01-03', 'b', 3, '1970-01-03', 1, '1970-01-03', 3),
  ('p', '1970-01-04', 'a', 1, '1970-01-02', 2, '1970-01-02', 1),
  ('q', '1970-01-02', 'b', 3, '1970-01-02', 1, '1970-01-02', 3),
  ('q', '1970-01-02', 'a', 4, '1970-01-02', 1, '1970-01-02', 4),
  ('q', '1970-01-04', 'a', 2, '1970-01-04', 1, '1970-01-02', 4),
  ('q', '1970-01-04', 'b', 3, '1970-01-02', 2, '1970-01-02', 3),
  ('q', '1970-01-05', 'a', 2, '1970-01-04', 2, '1970-01-02', 4),
  ('q', '1970-01-05', 'b', 3, '1970-01-02', 3, '1970-01-02', 3)
-- expect: CHART_EXIT (playlist_id, chart_date, track_id)
VALUES
  ('p', '1970-01-03', 'a'),
  ('p', '1970-01-04', 'b')
