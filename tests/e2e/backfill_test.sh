#!/usr/bin/env bash
# sargam dag backfill and dag schedule as a person meets them: a history told day by day, cut off and gone on with, refused where there is
# none; when the next run is due, with settings that are right and wrong.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
export SARGAM_SAMPLE_DAYS=40
range=(--since 2026-01-05 --until 2026-01-16)

says() { grep -q -e "$1" "$out" "$err" || { echo "# nothing says: $1"; return 1; }; }
rows() { "$SARGAM" --home "$1" query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL'; }
runs() { sargam dag runs --format json && python3 -c "import json,sys; print(len(json.load(sys.stdin)))" <"$out"; }
of_last() { # FIELD...: of the last run
	sargam dag show last --format json && python3 -c "
import json,sys
value = json.load(sys.stdin)
for key in sys.argv[1:]: value = value[int(key) if key.isdigit() else key]
print(value)" "$@" <"$out"
}

# ---- backfill ----

check 'both ends of the range are wanted' fails 2 'both --since DATE and --until' dag backfill --since 2026-01-05
check 'in order' fails 2 'no day is left' dag backfill --since 2026-01-06 --until 2026-01-05
check 'a century is enough' fails 2 'more than 36525 days' dag backfill --since 1900-01-01 --until 2026-01-01
check 'no words behind it' fails 2 'schedule or backfill' dag backfill today
live() { fails 2 'no history: want --source dir:PATH' dag backfill "${range[@]}" --source spotify && [[ ! -e $home ]]; }
check 'a live source has no history, and nobody is asked to log in for it' live
check 'a folder that is not there' fails 2 nowhere dag backfill "${range[@]}" --source dir:nowhere
check 'a playlist the source does not have' fails 1 "no playlist 'nobody'" dag backfill "${range[@]}" --playlist nobody --quiet
check 'days the source does not tell of' fails 1 'tells 2026-01-05 to 2026-02-13' dag backfill --since 2020-01-01 --until 2020-12-31

one() { sargam dag backfill --since 2026-01-05 --until 2026-01-05 && [[ $status == 0 ]] && says '^2026-01-05 *2 *2 *0 *2' && says 'publish  published' && says '1 days: 1 changed'; }
check 'one day' one
all() { sargam dag backfill "${range[@]}" && [[ $status == 0 && $(grep -c '^2026-01-' "$out") == 11 ]] && says '12 days: 11 changed, 1 were there already, 0 without'; }
check 'a range, of which one day is there' all
args() { [[ $(runs) == 14 ]] && sargam dag runs --limit 2 --format json && grep -q '"since_day": 20469' "$out" && grep -q '"until_day": 20469' "$out" && grep -q '"to": "ingest"' "$out"; }
check 'each day was a run of its own' args
same() {
	local whole=$TEST_TMP/whole
	"$SARGAM" --home "$whole" run "${range[@]}" >"$out" 2>"$err" && diff <(rows "$home") <(rows "$whole") >"$out"
}
check 'the charts are those of one run over all days' same
again() { sargam dag backfill "${range[@]}" && [[ $status == 0 && $(runs) == 15 ]] && sargam dag backfill "${range[@]}" && says '12 days: 0 changed, 12 were there already' && says 'publish  nothing changed'; }
check 'a second time costs one look' again
one_playlist() {
	home=$TEST_TMP/single
	local id
	id=$("$SARGAM" --home "$TEST_TMP/whole" query --format csv 'SELECT min(playlist_id) FROM SPOTIFY_ANALYTICS.CHART_HISTORY' | tail -1)
	sargam dag backfill "${range[@]}" --playlist "$id" && [[ $status == 0 ]] &&
		sargam query --format csv 'SELECT count(DISTINCT playlist_id) FROM SPOTIFY_ANALYTICS.CHART_HISTORY' && [[ $(tail -1 "$out") == 1 ]]
}
check 'one playlist of it' one_playlist

home=$TEST_TMP/killed
killed() { # the process dies at ever later commits, at last it comes through
	local n
	for n in 20 60 40 80 120; do
		SARGAM_FAULT="kill:db.commit.after:$n" sargam dag backfill "${range[@]}"
		[[ $status == 137 ]] || break
	done
	sargam dag backfill "${range[@]}" && [[ $status == 0 ]] && diff <(rows "$home") <(rows "$TEST_TMP/whole") >"$out"
}
check 'one that is killed again and again goes on where it stopped' killed
no_run_left() { sargam dag runs --limit 1000 && ! grep -q UNFINISHED "$out"; }
check 'and leaves no run unfinished' no_run_left
days_once() { sargam dag runs --limit 1000 --format json && python3 - "$out" <<'PY'; }
import collections, json, sys
runs = [r for r in json.load(open(sys.argv[1])) if r["args"].get("to")]
days = collections.Counter(r["args"]["since_day"] for r in runs if r["state"] == "DONE")
sys.exit(not days or max(days.values()) > 1)
PY
check 'no day was done twice' days_once

home=$TEST_TMP/stopped
stopped() {
	"$SARGAM" --home "$home" dag backfill --since 2026-01-05 --until 2026-02-13 >"$out" 2>"$err" </dev/null &
	local pid=$!
	for ((i = 0; i < 600; i++)); do grep -q 'day 3 of' "$err" && break; sleep 0.02; done
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	[[ $status == 1 ]] && says 'the same .sargam dag backfill. goes on' && says 'changed,' && ! says '^publish' >/dev/null &&
		sargam dag backfill --since 2026-01-05 --until 2026-02-13 && [[ $status == 0 ]] && says 'publish  published'
}
check 'one that is stopped says what it did, and goes on' stopped

home=$TEST_TMP/failing
failing() { # an object of the first day finds the disk full
	SARGAM_FAULT=fail:file.link.before:1:28 sargam dag backfill --since 2026-01-05 --until 2026-01-06 --task-attempts-max 1 && [[ $status == 1 ]] &&
		says 'free some space' && says '^2026-01-06 *2 *0 *2' && says 'the same command goes on' && ! says '^publish' >/dev/null
}
check 'a day that fails ends it' failing
retried() { [[ $(of_last state) == FAILED ]] && sargam dag retry && [[ $status == 0 && $(of_last state) == DONE && $(of_last tasks 1 task) == ingest ]] && ! of_last tasks 2 task 2>/dev/null; }
check 'dag retry does that day again, and no more than the day' retried

home=$TEST_TMP/recorded
recorded() {
	"${SARGAM_ASAN%/*}/sargam-test" --world-dump "$TEST_TMP/world" 7 12 >/dev/null && rm -rf "$home"
	local days
	days=$(find "$TEST_TMP/world" -mindepth 2 -maxdepth 2 -type d -printf '%f\n' | cut -c1-10 | sort -u)
	sargam dag backfill --source "dir:$TEST_TMP/world" --since "$(head -1 <<<"$days")" --until "$(tail -1 <<<"$days")" &&
		[[ $status == 0 && $(grep -c '^20..-..-.. ' "$out") == $(wc -l <<<"$days") ]]
}
check 'a recorded folder is told the same way' recorded
broken() {
	local page
	page=$(find "$TEST_TMP/world" -name 'page-0000.json' | sort | head -1)
	mkdir -p "$TEST_TMP/world2" && cp -r "$TEST_TMP/world/." "$TEST_TMP/world2" && rm -rf "$home"
	page=$TEST_TMP/world2${page#"$TEST_TMP/world"}
	head -c 40 "$page" >"$page.cut" && mv "$page.cut" "$page"
	sargam dag backfill --source "dir:$TEST_TMP/world2" --since 2026-01-05 --until 2026-01-06 --strict && [[ $status == 4 ]] && says 'sargam dead list'
}
check 'a page that cannot be read is exit status 4 with --strict' broken

# ---- schedule ----

home=$TEST_TMP/none
check 'no wrong cron expression' fails 2 "schedule = '0 25 * * \*' (command line): *column 3: want an hour from 0 to 23" dag schedule --schedule '0 25 * * *'
check 'no day that never comes' fails 2 'no such day ever comes' run --schedule '0 0 31 2 *'
check 'no unknown zone' fails 2 "Asia/Bombay" dag schedule --schedule-time-zone Asia/Bombay
check 'no way out of the folder of zones' fails 2 'want a name such as' dag schedule --schedule-time-zone ../../../etc/passwd
check 'no unknown policy' fails 2 'want catch_up or skip' dag schedule --schedule-missed sometimes
check 'no endless jitter' fails 2 'from 0 to 3600' dag schedule --schedule-jitter-s 3601
no_zones() { TZDIR=$TEST_TMP/nothing fails 2 'apt-get install tzdata' dag schedule --schedule-time-zone Asia/Kolkata && TZDIR=$TEST_TMP/nothing sargam dag schedule && [[ $status == 0 ]]; }
check 'a machine without zones still knows UTC' no_zones
file() { printf 'schedule = 0 6 * * fri ; weekly\nschedule_time_zone = Asia/Kolkata\n' >"$TEST_TMP/conf" && sargam --config "$TEST_TMP/conf" dag schedule && says '^schedule  0 6 \* \* fri in Asia/Kolkata' && [[ ! -e $home ]]; }
check 'settings from a file, without a home' file
dues() { [[ $(grep -cE '^[-0-9]{10}T06:00:00\+05:30  [-0-9]{10}T00:30:00Z  [-0-9]{10}T00:30:00Z$' "$out") == 5 ]]; }
check 'five due times, in the zone and in UTC' dues
check 'an empty setting is no schedule' prints 'no schedule: the setting schedule is empty' dag schedule --schedule ''
check 'in JSON too' prints '[]' dag schedule --schedule '' --format json
json() { sargam dag schedule --format json --schedule @hourly --schedule-jitter-s 600 && python3 - "$out" <<'PY'; }
import datetime as d, json, sys
job, = json.load(open(sys.argv[1]))
time = lambda s: d.datetime.fromisoformat(s.replace("Z", "+00:00"))
assert job["job"] == "run" and job["last"] is None and job["missed"] == 0 and len(job["next"]) == 5
for due in job["next"]:
    assert time(due["due"]) == time(due["local"]) and 0 <= (time(due["start"]) - time(due["due"])).total_seconds() <= 600
assert 0 < (time(job["next"][0]["due"]) - d.datetime.now(d.timezone.utc)).total_seconds() <= 3600
PY
check 'JSON tells due and start' json
remembered() { # as a daemon leaves it that ended long ago
	home=$TEST_TMP/stopped
	python3 - "$home/state.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO schedule VALUES ('run', '0 9 * * * in Asia/Kolkata', 1600140600, 3)")
db.execute("INSERT INTO schedule_start VALUES (7, 'run', 1600054200, 1, 'x', 1600054201000, 1600054213500, 'FAILED', 'gold: no room')")
db.commit()
PY
	sargam dag schedule --schedule '0 9 * * *' --schedule-time-zone Asia/Kolkata && says '^missed    3;' &&
		says '^last      FAILED, due 2020-09-14T09:00:00+05:30, started 2020-09-14T03:30:01Z, 12.5 s$' && says '^error     gold: no room$' &&
		says '^overdue   since 2020-09-15T09:00:00+05:30: .sargam serve. makes up for it with one run$' && [[ $(grep -c 'T09:00:00+05:30  ' "$out") == 5 ]]
}
check 'what became of the last time, and what is overdue' remembered
plan
