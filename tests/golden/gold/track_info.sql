-- case: the latest chart of each playlist, the seven columns of the original system first
-- p: day 1 has a at 1; day 2 has b (new) at 1 and a at 3; q has its latest chart on day 1. A later empty snapshot of p
-- changes nothing.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 0, 0),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 0, 0, 0),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, track_name, track_uri, track_href, track_url,
   isrc, duration_ms, explicit, popularity, album_id, album_name, release_date, artist_id, artist_name, artist_names,
   film_name) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a', 'Old', 'uri:a', 'href/a', 'url/a', 'I', 5, TRUE, 9, 'L', 'El', '1969', 'X', 'Ex', 'Ex, Why', 'Film'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 'b', 'Bee', 'uri:b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 'a', 'New', 'uri:A', 'href/A', 'url/A', 'J', 6, FALSE, 8, 'M', 'Em', '1969-12', 'Y', 'Why', 'Why, Ex', 'Movie'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'a', 'Old', 'uri:a', 'href/a', 'url/a', 'I', 5, TRUE, 9, 'L', 'El', '1969', 'X', 'Ex', 'Ex, Why', 'Film');
-- expect: TRACK_INFO (name, id, artist_id, href, release_date, uri, artist_name)
VALUES
  ('Bee', 'b', NULL, NULL,     NULL,      'uri:b', NULL),
  ('New', 'a', 'Y',  'href/A', '1969-12', 'uri:A', 'Why'),
  ('Old', 'a', 'X',  'href/a', '1969',    'uri:a', 'Ex')
-- expect: TRACK_INFO (playlist_id, chart_date, rank, status, movement, previous_rank, peak_rank, days_on_chart)
VALUES
  ('p', '1970-01-03', 1, 'NEW',   NULL, NULL, 1, 1),
  ('p', '1970-01-03', 3, 'DOWN',  -2,   1,    1, 2),
  ('q', '1970-01-02', 2, 'START', NULL, NULL, 2, 1)
-- expect: TRACK_INFO (playlist_id, id, artist_names, album_id, album_name, duration_ms, explicit, popularity, isrc, film_name, url)
VALUES
  ('p', 'b', NULL,      NULL, NULL, NULL, NULL,  NULL, NULL, NULL,    NULL),
  ('p', 'a', 'Why, Ex', 'M',  'Em', 6,    FALSE, 8,    'J',  'Movie', 'url/A'),
  ('q', 'a', 'Ex, Why', 'L',  'El', 5,    TRUE,  9,    'I',  'Film',  'url/a')
