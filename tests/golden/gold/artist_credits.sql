-- case: which credits count for an artist
-- Song s charts on p (day 1 at 1, day 2 at 4 and, a duplicate, 5), song t on p (day 2 at 2), song r on q (day 1 at 5).
-- X is credited twice on s and counts once; on t X is second. Y leads t. The credit without an id leads r, so nobody
-- leads there. Z has an album credit only (and X one on r), W stood on a superseded snapshot only, V on the duplicate only.
-- Points: s 1 on day 1; t 3 and s 1 on day 2; r 1. X: s, t, s: 1 + 3 + 1. Y: t, r: 3 + 1.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 08:00:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 3, 2, 0),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 4, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 08:00:00', '1970-01-02', 1, 1, 's'),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 's'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 's'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 5, 's'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 5, 'r');
INSERT INTO BRONZE_CREDIT
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name) VALUES
  ('p', '1970-01-02 08:00:00', '1970-01-02', 1, 1, 's', 'track', 1, 'W',  'Double U'),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 's', 'track', 1, 'X',  'Ex'),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 's', 'track', 2, 'X',  'Ex'),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 's', 'album', 1, 'Z',  'Zed'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't', 'track', 1, 'Y',  'Why'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 't', 'track', 2, 'X',  'Ex'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 's', 'track', 1, 'X',  'Ex'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 4, 's', 'track', 2, 'X',  'Ex'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 5, 's', 'track', 1, 'V',  'Vee'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 5, 'r', 'album', 1, 'X',  'Ex'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 5, 'r', 'track', 1, NULL, 'Nobody'),
  ('q', '1970-01-02 00:10:00', '1970-01-02', 1, 5, 'r', 'track', 2, 'Y',  'Why');
-- expect: ARTIST (artist_id, artist_name, tracks, lead_tracks, playlists, first_date, last_date, best_rank, chart_entries, points)
VALUES
  ('X', 'Ex',  2, 1, 1, '1970-01-02', '1970-01-03', 1, 3, 5),
  ('Y', 'Why', 2, 1, 2, '1970-01-02', '1970-01-03', 2, 2, 4)
