-- case: the peak is the best rank so far, its date the first day it was reached, times count only that rank
-- Song a stands at 3, 2, 4, 2, 1, 2, 1 on days 1 to 7; reaching rank 2 again on day 4 keeps day 2 as the date, a better
-- rank on day 5 starts the count anew.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 1, 0, 0),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 1, 0, 0),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 1, 0, 0),
  ('p', '1970-01-06 00:10:00', '1970-01-06', 5, 1, 0, 0),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 1, 0, 0),
  ('p', '1970-01-08 00:10:00', '1970-01-08', 7, 1, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 3, 'a'),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 2, 'a'),
  ('p', '1970-01-04 00:10:00', '1970-01-04', 3, 4, 'a'),
  ('p', '1970-01-05 00:10:00', '1970-01-05', 4, 2, 'a'),
  ('p', '1970-01-06 00:10:00', '1970-01-06', 5, 1, 'a'),
  ('p', '1970-01-07 00:10:00', '1970-01-07', 6, 2, 'a'),
  ('p', '1970-01-08 00:10:00', '1970-01-08', 7, 1, 'a');
-- expect: CHART_HISTORY (chart_date, rank, peak_rank, peak_date, times_at_peak, movement)
VALUES
  ('1970-01-02', 3, 3, '1970-01-02', 1, NULL),
  ('1970-01-03', 2, 2, '1970-01-03', 1, 1),
  ('1970-01-04', 4, 2, '1970-01-03', 1, -2),
  ('1970-01-05', 2, 2, '1970-01-03', 2, 2),
  ('1970-01-06', 1, 1, '1970-01-06', 1, 1),
  ('1970-01-07', 2, 1, '1970-01-06', 1, -1),
  ('1970-01-08', 1, 1, '1970-01-06', 2, 1)
-- expect: TRACK (peak_rank, peak_date, times_at_peak, days_to_peak, points)
VALUES (1, '1970-01-06', 2, 4, 7)
