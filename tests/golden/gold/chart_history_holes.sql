-- case: a rank is the position; rejects and duplicates leave holes, points count from the largest rank
-- Position 2 is a reject. Song a stands at 1 and again at 5: its rank is 1, and the largest rank is 4, not 5.
-- The attributes are those of position 1, though the item at 5 says something else.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 1, 0);
INSERT INTO BRONZE_ENTRY
  (playlist_id, snapshot_at, chart_date, day_number, position, track_id, track_name, album_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'a', 'First',  NULL),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'b', 'Song b', 'B'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 4, 'c', 'Song c', 'C'),
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 5, 'a', 'Second', 'A');
INSERT INTO BRONZE_REJECT (playlist_id, snapshot_at, chart_date, day_number, position, reason) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 2, 'null_item');
-- expect: CHART_HISTORY (rank, track_id, track_name, album_id, points)
VALUES
  (1, 'a', 'First',  NULL, 4),
  (3, 'b', 'Song b', 'B',  2),
  (4, 'c', 'Song c', 'C',  1)
-- expect: CHART_DAY (entries, rejects, duplicates, albums)
VALUES (3, 1, 1, 2)
