-- case: an artist's name and url come from one credit: latest second, greatest playlist, smallest position and ordinal
-- All on day 2 unless said; p and r were taken in the same second, q one second before.
-- K: on p and q, so p's. L: on p and r, so r's, although its rank is worse; the null url is kept. M: position 3 beats 4.
-- N: ordinal 2 beats 3, and the album credit is none. O: day 2 beats the better rank of day 1, though its name is null.
-- Credits that are not of a rank's own item give no name: G stands at 7 and on position 6, a duplicate of k; H stands on
-- p and, in the same second, on a snapshot of z that a later one of that day replaced.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 7, 0, 0),
  ('q', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 0, 0),
  ('r', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 0, 0),
  ('z', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 0, 0),
  ('z', '1970-01-03 00:00:03', '1970-01-03', 2, 1, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'o'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 'l'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 2, 'k'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 3, 'm'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 4, 'n'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 5, 'o'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 6, 'k'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 7, 'g'),
  ('q', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'k'),
  ('r', '1970-01-03 00:00:02', '1970-01-03', 2, 9, 'l'),
  ('z', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 'g'),
  ('z', '1970-01-03 00:00:03', '1970-01-03', 2, 1, 'x');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name, artist_url) VALUES
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 2, 'k', 'track', 1, 'K', 'K on p',      'k/p'),
  ('q', '1970-01-03 00:00:01', '1970-01-03', 2, 1, 'k', 'track', 1, 'K', 'K on q',      'k/q'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 'l', 'track', 1, 'L', 'L on p',      'l/p'),
  ('r', '1970-01-03 00:00:02', '1970-01-03', 2, 9, 'l', 'track', 1, 'L', 'L on r',      NULL),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 3, 'm', 'track', 2, 'M', 'M at 3',      'm/3'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 4, 'n', 'track', 1, 'M', 'M at 4',      'm/4'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 4, 'n', 'album', 1, 'N', 'N the album', 'n/0'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 4, 'n', 'track', 2, 'N', 'N second',    'n/2'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 4, 'n', 'track', 3, 'N', 'N third',     'n/3'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'o', 'track', 1, 'O', 'O',           'o/1'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 5, 'o', 'track', 1, 'O', NULL,          'o/2'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 6, 'k', 'track', 1, 'G', 'G at 6',      'g/6'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 7, 'g', 'track', 1, 'G', 'G at 7',      'g/7'),
  ('p', '1970-01-03 00:00:02', '1970-01-03', 2, 7, 'g', 'track', 2, 'H', 'H on p',      'h/p'),
  ('z', '1970-01-03 00:00:02', '1970-01-03', 2, 1, 'g', 'track', 1, 'H', 'H on z',      'h/z');
-- expect: ARTIST (artist_id, artist_name, artist_url)
VALUES
  ('G', 'G at 7',   'g/7'),
  ('H', 'H on p',   'h/p'),
  ('K', 'K on p',   'k/p'),
  ('L', 'L on r',   NULL),
  ('M', 'M at 3',   'm/3'),
  ('N', 'N second', 'n/2'),
  ('O', NULL,       'o/2')
