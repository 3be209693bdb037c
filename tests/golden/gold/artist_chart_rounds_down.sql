-- case: 27720 is not divisible by 17: each of 17 artists gets floor(27720 / 17) = 1630 units (17 * 1630 = 27710, and
-- 1630.6 is not rounded up), so shares stay below 1
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 7, 's');
INSERT INTO BRONZE_CREDIT (playlist_id, snapshot_at, chart_date, day_number, position, track_id, scope, ordinal, artist_id, artist_name)
SELECT 'p', '1970-01-02 00:10:00', '1970-01-02', 1, 7, 's', 'track', n, chr(CAST(64 + n AS INTEGER)), 'Singer' FROM range(1, 18) AS r(n);
-- expect: ARTIST_CHART (artist_id, points, share)
VALUES
  ('A', 1, 1630e0 / 27720), ('B', 1, 1630e0 / 27720), ('C', 1, 1630e0 / 27720), ('D', 1, 1630e0 / 27720),
  ('E', 1, 1630e0 / 27720), ('F', 1, 1630e0 / 27720), ('G', 1, 1630e0 / 27720), ('H', 1, 1630e0 / 27720),
  ('I', 1, 1630e0 / 27720), ('J', 1, 1630e0 / 27720), ('K', 1, 1630e0 / 27720), ('L', 1, 1630e0 / 27720),
  ('M', 1, 1630e0 / 27720), ('N', 1, 1630e0 / 27720), ('O', 1, 1630e0 / 27720), ('P', 1, 1630e0 / 27720),
  ('Q', 1, 1630e0 / 27720)
