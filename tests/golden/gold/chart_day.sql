-- case: the counts of a chart day, each kind of item at least once
-- Day 1 has the songs a, b, c at 1, 2, 12. On day 3 (day 2 was not taken) the chart holds c at 2, n (new) at 3, n again
-- at 4, a at 12; a reject stands at 1. So b left, c came up 10 and a went down 11: both are big moves. On day 4: a at 12,
-- b back at 5, n at 4 (down one).
-- The playlist's name is that of the snapshot that made the chart, not of the superseded one of day 3 at 08:00.
-- Artist A1 is credited on c and, twice, on n; the one without an id is not counted, album credits never are.
-- bronze
INSERT INTO BRONZE_SNAPSHOT
  (playlist_id, snapshot_at, chart_date, day_number, playlist_name, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 'Hits',     3, 0, 0),
  ('p', '1970-01-04 08:00:00', '1970-01-04', 3, 'Old name', 1, 7, 0),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3, NULL,       4, 1, 0),
  ('p', '1970-01-04 10:00:00', '1970-01-04', 3, 'Empty',    0, 2, 0),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 'New name', 3, 0, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, album_id, film_name, explicit, duration_ms)
   VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1,  1, 'a', 'A',  NULL,   NULL,  100),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1,  2, 'b', 'A',  NULL,   FALSE, NULL),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 12, 'c', NULL, NULL,   FALSE, 20),
  ('p', '1970-01-04 08:00:00', '1970-01-04', 3,  1, 'z', 'Z',  'Film', TRUE,  5000),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  2, 'c', 'C',  'Film', TRUE,  NULL),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  3, 'n', 'C',  'Film', TRUE,  7),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  4, 'n', 'Z',  NULL,   TRUE,  9000),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3, 12, 'a', 'A',  NULL,   FALSE, 100),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4,  4, 'n', NULL, NULL,   NULL,  NULL),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4,  5, 'b', NULL, NULL,   NULL,  NULL),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 12, 'a', NULL, NULL,   NULL,  NULL);
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id) VALUES
  ('p', '1970-01-04 08:00:00', '1970-01-04', 3,  1, 'z', 'track', 1, 'A9'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  2, 'c', 'track', 1, 'A1'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  2, 'c', 'album', 1, 'A8'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  3, 'n', 'track', 1, 'A1'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  3, 'n', 'track', 2, NULL),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  3, 'n', 'track', 3, 'A1'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  3, 'n', 'track', 4, 'A2'),
  ('p', '1970-01-04 09:00:00', '1970-01-04', 3,  4, 'n', 'track', 1, 'A7');
-- expect: CHART_DAY (playlist_id, playlist_name, chart_date, day_number, snapshot_at, snapshots, previous_date, gap_days)
VALUES
  ('p', 'Hits',     '1970-01-02', 1, '1970-01-02 00:10:00', 1, NULL,         NULL),
  ('p', NULL,       '1970-01-04', 3, '1970-01-04 09:00:00', 3, '1970-01-02', 1),
  ('p', 'New name', '1970-01-05', 4, '1970-01-05 00:10:00', 1, '1970-01-04', 0)
-- expect: CHART_DAY (chart_date, entries, rejects, duplicates, new_entries, re_entries, exits, up, down, same, big_moves)
VALUES
  ('1970-01-02', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  ('1970-01-04', 3, 1, 1, 1, 0, 1, 1, 1, 0, 2),
  ('1970-01-05', 3, 0, 0, 0, 1, 1, 0, 1, 1, 0)
-- expect: CHART_DAY (chart_date, artists, albums, film_tracks, explicit_tracks, total_duration_ms)
VALUES
  ('1970-01-02', 0, 1, 0, 0, 120),
  ('1970-01-04', 2, 2, 2, 2, 107),
  ('1970-01-05', 0, 0, 0, 0, 0)
