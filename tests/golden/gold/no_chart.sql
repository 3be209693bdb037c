-- case: snapshots without a usable item make no chart, but the playlist keeps its row in DATA_HEALTH
-- bronze
INSERT INTO BRONZE_SNAPSHOT (playlist_id, snapshot_at, chart_date, day_number, entries, rejects, warnings) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 0, 1, 0),
  ('p', '1970-01-03 00:10:00', '1970-01-03', 2, 0, 0, 2);
INSERT INTO BRONZE_REJECT (playlist_id, snapshot_at, chart_date, day_number, position, reason) VALUES
  ('p', '1970-01-02 00:10:00', '1970-01-02', 1, 1, 'episode');
-- expect: DATA_HEALTH (playlist_id, first_date, last_date, chart_days, missing_days, snapshots, rejects, warnings)
VALUES ('p', NULL, NULL, 0, 0, 2, 1, 2)
-- expect none: CHART_HISTORY
-- expect none: CHART_EXIT
-- expect none: CHART_DAY
-- expect none: TRACK
-- expect none: ARTIST
-- expect none: ALBUM
-- expect none: ARTIST_CHART
-- expect none: ARTIST_COLLABORATION
-- expect none: PLAYLIST_OVERLAP
-- expect none: TRACK_INFO
