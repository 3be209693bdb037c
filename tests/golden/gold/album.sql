-- case: an album's figures count the rows that named it, its attributes are one item's, its artist has an id
-- Song a moves from album L1 (day 1) to L2 (day 2). Song b is on L1 on day 1, song e on L1 on q's day 3. Song c has no
-- album id. Points: p day 1: a 3, b 2, c 1; p day 2: a 2, d 1; q day 3: e 1.
-- Artist: L1's album credits have no id at ordinal 1, so the one at 2; L2 has no album credit with an id: the track's at
-- ordinal 2, the first with an id; L3 has none at all.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:00:01', '1970-01-02', 1, 3, 0, 0),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 2, 0, 0),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 1, 3, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, album_id, album_name, album_type,
   release_date, release_precision, release_day, album_total_tracks, album_url, album_image_url, film_name) VALUES
  ('p', '1970-01-02 00:00:01', '1970-01-02', 1, 1, 'a', 'L1', 'Old', 'album',  '1969',       'year', -365, 9,    'u1', 'i1', 'F1'),
  ('p', '1970-01-02 00:00:01', '1970-01-02', 1, 2, 'b', 'L1', 'Old', 'album',  '1969',       'year', -365, 9,    'u1', 'i1', 'F1'),
  ('p', '1970-01-02 00:00:01', '1970-01-02', 1, 3, 'c', NULL, 'No',  NULL,     NULL,         NULL,   NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'a', 'L2', 'Two', 'single', '1970-01-01', 'day',  0,    1,    'u2', 'i2', 'F2'),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 2, 'd', 'L3', 'Six', NULL,     '1969-12',    'month', -31, NULL, NULL, NULL, NULL),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 4, 'e', 'L1', NULL,  'album',  NULL,         NULL,   NULL, 10,   'u3', NULL, NULL);
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name)
   VALUES
  ('p', '1970-01-02 00:00:01', '1970-01-02', 1, 1, 'a', 'album', 1, 'W',  'Wrong: an older item'),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 4, 'e', 'track', 1, 'T',  'Tee'),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 4, 'e', 'album', 1, NULL, 'Various'),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 4, 'e', 'album', 2, 'B2', 'Bee'),
  ('q', '1970-01-04 00:00:01', '1970-01-04', 3, 4, 'e', 'album', 3, 'B1', 'Three'),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'a', 'album', 1, NULL, 'Various'),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'a', 'track', 1, NULL, 'Nobody'),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'a', 'track', 2, 'C',  NULL),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'a', 'track', 3, 'A',  'Last'),
  ('p', '1970-01-03 00:00:01', '1970-01-03', 2, 2, 'd', 'track', 1, NULL, 'Nobody');
-- expect: ALBUM (album_id, album_name, album_type, release_date, release_precision, release_day, album_total_tracks, album_url, album_image_url, artist_id, artist_name, film_name)
VALUES
  ('L1', NULL,  'album',  NULL,         NULL,    NULL, 10,   'u3', NULL, 'B2', 'Bee', NULL),
  ('L2', 'Two', 'single', '1970-01-01', 'day',   0,    1,    'u2', 'i2', 'C',  NULL,  'F2'),
  ('L3', 'Six', NULL,     '1969-12',    'month', -31,  NULL, NULL, NULL, NULL, NULL,  NULL)
-- expect: ALBUM (album_id, tracks, playlists, first_date, last_date, best_rank, chart_entries, points)
VALUES
  ('L1', 3, 2, '1970-01-02', '1970-01-04', 1, 3, 6),
  ('L2', 1, 1, '1970-01-03', '1970-01-03', 1, 1, 2),
  ('L3', 1, 1, '1970-01-03', '1970-01-03', 2, 1, 1)
