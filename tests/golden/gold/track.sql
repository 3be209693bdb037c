-- case: a track's names are its latest day's, nulls included; its figures are of its whole life on the playlist
-- Chart days 1, 2, 3, 6, 7, 9. Song a: rank 2, 2, -, 1, 3, -.  Song b stands on every one of them, at 4.
-- So a has two runs of two days, its peak comes 5 calendar days after its debut, and it is not on the latest chart.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 0, 0),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 0, 0),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 2, 0, 0),
  ('p', '1970-01-08 00:10:00', '1970-01-08', 7, 2, 0, 0),
  ('p', '1970-01-10 00:10:00', '1970-01-10', 9, 1, 0, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, track_name, artist_id, artist_name,
   artist_names, album_id, isrc, duration_ms, explicit, popularity, release_date, film_name, track_url) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'a', 'Old', 'X', 'Ex', 'Ex, Why', 'L', 'I1', 10, TRUE, 50, '1969', 'Film', 'u1'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 'a', 'Old', 'X', 'Ex', 'Ex, Why', 'L', 'I1', 10, TRUE, 50, '1969', 'Film', 'u1'),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 1, 'a', 'Old', 'X', 'Ex', 'Ex, Why', 'L', 'I1', 10, TRUE, 50, '1969', 'Film', 'u1'),
  ('p', '1970-01-08 00:10:00', '1970-01-08', 7, 3, 'a', 'New', NULL, 'Why', 'Why', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 4, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 4, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-08 00:10:00', '1970-01-08', 7, 4, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-10 00:10:00', '1970-01-10', 9, 4, 'b', 'Bee', 'Y', 'Why', 'Why, Zed', 'M', 'I2', 20, FALSE, 0, '1968-05', 'Movie', 'u2');
-- expect: TRACK (playlist_id, track_id, track_name, artist_id, artist_name, artist_names, album_id, isrc, duration_ms, explicit, popularity, release_date, film_name, track_url)
VALUES
  ('p', 'a', 'New', NULL, 'Why', 'Why',      NULL, NULL, NULL, NULL,  NULL, NULL,      NULL,    NULL),
  ('p', 'b', 'Bee', 'Y',  'Why', 'Why, Zed', 'M',  'I2', 20,   FALSE, 0,    '1968-05', 'Movie', 'u2')
-- Points of a: 3 + 3 + 4 + 2; of b, always the last: 1 each day.
-- expect: TRACK (track_id, debut_date, debut_rank, peak_rank, peak_date, times_at_peak, days_on_chart, longest_streak, runs, last_date, last_rank, on_chart, days_to_peak, points)
VALUES
  ('a', '1970-01-02', 2, 1, '1970-01-07', 1, 4, 2, 2, '1970-01-08', 3, FALSE, 5, 12),
  ('b', '1970-01-02', 4, 4, '1970-01-02', 6, 6, 6, 1, '1970-01-10', 4, TRUE,  0, 6)
