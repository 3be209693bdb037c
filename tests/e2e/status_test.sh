#!/usr/bin/env bash
# sargam status: what it tells of homes of every kind, beside a run, on a terminal and elsewhere; nothing in the home changes.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
run_pid=''
trap '[[ -z $run_pid ]] || kill -9 "$run_pid" 2>/dev/null || true' EXIT

says() { grep -qE "^$1 +$2" "$out"; } # says LABEL PATTERN
field() { python3 -c 'import json, sys; print(json.dumps(eval("j" + sys.argv[2], {"j": json.load(open(sys.argv[1]))})))' "$out" "$1"; }
is() { [[ $(field "$1") == "$2" ]]; } # is INDEX JSON

check 'no home: how to make one' fails 1 'sargam run' status
made() { [[ ! -e $home ]]; }
check 'and none is made' made
mkdir "$home"
empty() { sargam status && [[ $status == 0 && ! -s $err ]] && says runs 'none yet' && says topic 'none yet' && says charts 'nothing is published' && [[ -z $(ls -A "$home") ]]; }
check 'an empty home' empty

sargam run
sargam watch add 0SampleTop50Sargam0001
sargam watch add neverTaken
photo() { find "$home" -printf '%P %y %s %T@ %C@ %i\n' | sort; }
photo >"$TEST_TMP/before"
well() {
	sargam status && [[ $status == 0 && ! -s $err ]] && says daemon 'none: .sargam serve' && says 'last run' '[0-9TZ]+-[0-9a-f]{4} DONE .* ago after' &&
		says topic 'Spotify-etl-dead > spotify-dead: 0 messages' && grep -q 'Spotify-etl > spotify-raw: 0 messages wait$' "$out" &&
		says playlists '2 with snapshots, 2 watched; 0 snapshots today, the newest is of 2026-03-17T00:16:02Z' && says dead 'no dead letters' &&
		says charts 'the newest chart day is 2026-03-17' && says disk '.* free; bus.db .*MiB' && ! grep -q $'\033' "$out"
}
check 'a home that is well' well
check 'and nothing in it has changed' diff "$TEST_TMP/before" <(photo)
json() {
	sargam status --format json && [[ $status == 0 ]] && is '["runs"]["last"]["state"]' '"DONE"' && is '["daemon"]["state"]' '"none"' && is '["problems"]' '{}' &&
		is '["playlists"]["watched"][0]["newest_snapshot_at"]' '"2026-03-17T00:16:02Z"' && is '["newest_chart_day"]' '"2026-03-17"'
}
check 'as JSON' json
stale() { sargam status --playlists 0SampleBollywood960001 --stale-after-h 1 && grep -q '0SampleBollywood960001: no snapshot for 1 h (the last: 2026-' "$out"; }
check 'a stale playlist' stale
never() { sargam status --playlists 0SampleBollywood960001 --stale-after-h 0 && ! grep -q 'no snapshot for' "$out"; }
check 'none is stale when nobody wants to know' never
check 'a format that is none' fails 2 'text or json' status --format xml
check 'a pause that is none' fails 2 'every' status --every 0

narrow() {
	on_terminal 30 status --once && [[ $status == 0 ]] && grep -q '…' "$out" && ! sed 's/\x1b\[[0-9]*m//g' "$out" | LC_ALL=C.UTF-8 grep -qE '.{31}'
}
check 'a narrow terminal: no line is wider' narrow
no_color() { NO_COLOR=1 on_terminal 80 status --once && ! grep -q $'\033' "$out"; }
check 'NO_COLOR' no_color
live() {
	status=0
	script -qec "stty cols 80 rows 6 && timeout -s INT 8 $(printf %q "$SARGAM") --home $(printf %q "$home") status --every 1" /dev/null >"$out" </dev/null || status=$?
	[[ $(grep -o $'\033\\[H' "$out" | wc -l) -ge 2 && $(grep -c $'\033\\[?1049h' "$out") == 1 && $(grep -c $'\033\\[?1049l' "$out") == 1 ]] &&
		sed -n '/1049l/,$p' "$out" | grep -q 'free; bus.db'
}
check 'a live view: painted again, left as it was found, the last picture stays' live
dumb() { TERM=dumb on_terminal 80 status && [[ $status == 0 && $(grep -c '^charts' "$out") == 1 ]] && ! grep -q $'\033' "$out"; }
check 'a terminal that knows nothing gets one picture' dumb

# --- what is not well

for ((i = 0; i < 3; i++)); do # a page of another playlist that cannot be used
	mkdir -p "$TEST_TMP/pages/my-list/2026-01-0$((i + 1))T10-00-00Z"
	echo '{"items": [{' >"$TEST_TMP/pages/my-list/2026-01-0$((i + 1))T10-00-00Z/page-0000.json"
done
sample=$home home=$TEST_TMP/mine
sargam run --source "dir:$TEST_TMP/pages"
letters() { sargam status && says dead '3 dead letters: 3 invalid_json'; }
check 'dead letters by their reason' letters
home=$sample
beside() { # what a run does is seen while it is at work
	"$SARGAM" --home "$home" run --sample-days 400 --quiet >/dev/null 2>&1 </dev/null &
	run_pid=$!
	local seen=''
	for ((i = 0; i < 200; i++)); do
		sargam status --format json
		[[ $status == 0 ]] || return 1
		[[ $(field '["runs"]["stage"]') == null ]] || seen=$(field '["runs"]["stage"]')
		[[ -z $seen ]] || break
		sleep 0.05
	done
	sargam status
	[[ -n $seen ]] && says running '.* of 7 stages'
}
check 'beside a run: its stage' beside
killed() {
	kill -9 "$run_pid"
	wait "$run_pid" 2>/dev/null || true
	run_pid=''
	sargam status && grep -q '1 whose process ended: the next .sargam run. goes on' "$out"
}
check 'a run that was killed' killed
presence() { # a daemon that was killed: its file names a process that is no more
	local name
	name="$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid) 999999 1"
	printf '{"process":"%s","pid":999999,"port":1,"url":"http://127.0.0.1:1","since":"2026-01-01T00:00:00Z"}' "$name" >"$home/serve.json"
	sargam status && says daemon 'process 999999 has ended without saying so'
}
check 'a daemon that was killed' presence
hostile() { printf '{"process":"x","url":"\\u001b]0;owned\\u0007"}' >"$home/serve.json" && sargam status && says daemon 'serve.json names a process' && ! grep -q $'\033' "$out"; }
check 'a file of another making steers nothing' hostile
broken() {
	head -c 100 /dev/zero >"$home/state.db" && rm -f "$home"/state.db-* && sargam status && [[ $status == 0 ]] && says runs '.*state.db' && says charts 'the newest' && sargam status --format json &&
		is '["runs"]' null && [[ $(field '["problems"]["state"]') == *state.db* ]]
}
check 'a damaged state.db: the rest is told' broken
plan
