-- case: every pair of playlists with a chart, on their latest charts, whichever days these are
-- p had a, b on day 1 and has b, c on day 2 (c twice); q has a, b, c on day 1; r has d on day 5; s has only empty
-- snapshots and no chart. An empty snapshot of q on day 3 does not replace its chart.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 0, 0),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 0, 0),
  ('q', '1970-01-04 00:10:00', '1970-01-04', 3, 0, 0, 0),
  ('r', '1970-01-06 00:10:00', '1970-01-06', 5, 1, 0, 0),
  ('s', '1970-01-06 00:10:00', '1970-01-06', 5, 0, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'b'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 'b'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 'c'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 'c'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'b'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'c'),
  ('r', '1970-01-06 00:10:00', '1970-01-06', 5, 1, 'd');
-- expect: PLAYLIST_OVERLAP (playlist_a, playlist_b, tracks_a, tracks_b, shared)
VALUES
  ('p', 'q', 2, 3, 2),
  ('p', 'r', 2, 1, 0),
  ('q', 'r', 3, 1, 0)
