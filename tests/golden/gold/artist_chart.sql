-- case: an artist's day: full-credit points, shares split evenly among a track's distinct artists with an id
-- Ranks 1, 2, 3, 4: points 4, 3, 2, 1, ten in all. s: X twice and Y: 4 split in two. t: X alone: 3. u: nobody with an id:
-- 2 belong to no share. v: X, Y, Z and a credit without an id: 1 split in three.
-- X: 2 + 3 + 1/3 of 10 = 16/30, Y: 2 + 1/3 = 7/30, Z: 1/30.
-- X's name is that of s at the smaller ordinal, Y's that of s (rank 1) though v says another.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 't'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'u'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'v');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name)
   VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 1, 'Y',  NULL),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 2, 'X',  'Ex'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 3, 'X',  'A better Ex'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'album', 1, 'Q',  'Album only'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 't', 'track', 1, 'X',  'Ex at two'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'u', 'track', 1, NULL, 'Nobody'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'v', 'track', 1, 'X',  'Ex at four'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'v', 'track', 2, 'Y',  'Why'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'v', 'track', 3, NULL, 'Nobody'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'v', 'track', 4, 'Z',  'Zed');
-- expect: ARTIST_CHART (playlist_id, chart_date, day_number, artist_id, artist_name, tracks, best_rank, points, share)
VALUES
  ('p', '1970-01-02', 1, 'X', 'Ex',  3, 1, 8, 16e0 / 30),
  ('p', '1970-01-02', 1, 'Y', NULL,  2, 1, 5, 7e0 / 30),
  ('p', '1970-01-02', 1, 'Z', 'Zed', 1, 4, 1, 1e0 / 30)
