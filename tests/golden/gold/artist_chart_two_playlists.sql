-- case: two charts of one day are two charts: shares, best ranks and names of each are its own
-- On p, s at 1 (X and Y) and t at 3 (X): points 3 and 1. On q, t at 1 (X alone), s at 2 (Y alone): points 2 and 1.
-- On p X has 3/2 + 1 of 4 = 5/8 and Y 3/8; on q 2/3 and 1/3.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 1, 0),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 't'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 't'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 's');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 1, 'X', 'Ex on p'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 's', 'track', 2, 'Y', 'Why on p'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 't', 'track', 1, 'X', 'Ex at 3'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 't', 'track', 1, 'X', 'Ex on q'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 's', 'track', 1, 'Y', 'Why on q');
-- expect: ARTIST_CHART (playlist_id, artist_id, artist_name, tracks, best_rank, points, share)
VALUES
  ('p', 'X', 'Ex on p',  2, 1, 4, 5e0 / 8),
  ('p', 'Y', 'Why on p', 1, 1, 3, 3e0 / 8),
  ('q', 'X', 'Ex on q',  1, 1, 2, 2e0 / 3),
  ('q', 'Y', 'Why on q', 1, 2, 1, 1e0 / 3)
