-- case: the chart of a day is its last snapshot with an entry; superseded and empty ones never chart
-- Day 1: a list with x, then the chart, then an empty one. Day 2: only an empty one, so no chart day. Day 3: one second
-- before midnight, and the day after begins with a chart of its own.
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 08:00:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 0, 0),
  ('p', '1970-01-02 10:00:00', '1970-01-02', 1, 0, 0, 0),
  ('p', '1970-01-03 08:00:00', '1970-01-03', 2, 0, 3, 0),
  ('p', '1970-01-04 23:59:59', '1970-01-04', 3, 1, 0, 0),
  ('p', '1970-01-05 00:00:00', '1970-01-05', 4, 1, 0, 0);
INSERT INTO BRONZE_ENTRY (playlist_id, snapshot_at, chart_date, day_number, position, track_id) VALUES
  ('p', '1970-01-02 08:00:00', '1970-01-02', 1, 1, 'x'),
  ('p', '1970-01-02 09:00:00', '1970-01-02', 1, 1, 'a'),
  ('p', '1970-01-04 23:59:59', '1970-01-04', 3, 1, 'a'),
  ('p', '1970-01-05 00:00:00', '1970-01-05', 4, 1, 'x');
-- expect: CHART_HISTORY (chart_date, snapshot_at, track_id, status, streak)
VALUES
  ('1970-01-02', '1970-01-02 09:00:00', 'a', 'START', 1),
  ('1970-01-04', '1970-01-04 23:59:59', 'a', 'SAME',  2),
  ('1970-01-05', '1970-01-05 00:00:00', 'x', 'NEW',   1)
-- expect: CHART_DAY (chart_date, snapshots, previous_date, gap_days)
VALUES
  ('1970-01-02', 3, NULL,         NULL),
  ('1970-01-04', 1, '1970-01-02', 1),
  ('1970-01-05', 1, '1970-01-04', 0)
-- expect: TRACK (track_id, debut_date, days_on_chart)
VALUES
  ('a', '1970-01-02', 2),
  ('x', '1970-01-05', 1)
