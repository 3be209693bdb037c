-- case: an album's attributes come from one item: latest second, greatest playlist, smallest position
-- p and q were taken in the same second of day 2. K: only on p, at 2 and 4: position 2. L: on p at 1 and on q at 3 and 5:
-- q's, there position 3. M: better placed on day 1 than on day 2, yet day 2's; its figures are of both days.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 0, 0),
  ('q', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 0, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, album_id, album_name) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'e', 'M', 'M of day 1'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 'a', 'L', 'L on p'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 'b', 'K', 'K at 2'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 'c', 'K', 'K at 4'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 6, 'e', 'M', 'M of day 2'),
  ('q', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 'b', 'L', 'L at 3'),
  ('q', '1970-01-03 00:10:00', '1970-01-03', 2, 5, 'a', 'L', 'L at 5');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name) VALUES
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 'b', 'album', 2, 'X', 'Ex'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 'c', 'album', 1, 'Y', 'Why');
-- Points on p's day 2: 6, 5, 3, 1; on q: 3, 1.
-- expect: ALBUM (album_id, album_name, artist_id, tracks, playlists, first_date, last_date, best_rank, chart_entries, points)
VALUES
  ('K', 'K at 2',     'X',  2, 1, '1970-01-03', '1970-01-03', 2, 2, 8),
  ('L', 'L at 3',     NULL, 2, 2, '1970-01-03', '1970-01-03', 1, 3, 10),
  ('M', 'M of day 2', NULL, 1, 1, '1970-01-02', '1970-01-03', 1, 2, 2)
