-- case: each pair of distinct artists of a track counts once a chart row; names are the latest anywhere
-- Song s (B, A, A again, nobody) charts on p on days 1 and 3, song t (A, B, C) and song u (D alone) on p on day 2, song s
-- (A, B) on q on day 4, where A has a new name. D has an album credit on s, which is no collaboration.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 0, 0),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 0, 0),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 'u'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't'),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 's'),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 's');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name)
   VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 1, 'B',  'Bee'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 2, 'A',  'Ay'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 3, 'A',  'Ay'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 4, NULL, 'Nobody'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'album', 1, 'D',  'Dee'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 'u', 'track', 1, 'D',  'Dee'),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 's', 'track', 1, 'B',  'Bee'),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 's', 'track', 2, 'A',  'Ay'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't', 'track', 1, 'A',  'Ay'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't', 'track', 2, 'B',  'Bee'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't', 'track', 3, 'C',  NULL),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 's', 'track', 1, 'A',  'Ay the second'),
  ('q', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 's', 'track', 2, 'B',  'Bee');
-- expect: ARTIST_COLLABORATION (playlist_id, artist_a, artist_b, name_a, name_b, tracks, chart_entries, first_date, last_date)
VALUES
  ('p', 'A', 'B', 'Ay the second', 'Bee', 2, 3, '1970-01-02', '1970-01-04'),
  ('p', 'A', 'C', 'Ay the second', NULL,  1, 1, '1970-01-03', '1970-01-03'),
  ('p', 'B', 'C', 'Bee',           NULL,  1, 1, '1970-01-03', '1970-01-03'),
  ('q', 'A', 'B', 'Ay the second', 'Bee', 1, 1, '1970-01-05', '1970-01-05')
