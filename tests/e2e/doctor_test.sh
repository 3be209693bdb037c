#!/usr/bin/env bash
# sargam doctor: homes that are well and homes that are not; each line says the next step, and nothing changes.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

says() { grep -q "^$1  *$2" "$out"; } # says LEVEL PATTERN: a line of that level
ends() { [[ $status == "$1" && $(tail -1 "$out") == "$2" ]]; }

# --- no home

none() { sargam doctor; ends 0 '4 ok, 1 warning, 0 failed' && says warn "home .*does not exist yet: .sargam run. makes it" && [[ ! -e $home ]]; }
check 'no home: how to make one, and nothing made' none
file() { : >"$home" && sargam doctor; ends 1 '4 ok, 0 warnings, 1 failed' && says fail 'home .*is no folder: choose another --home' && rm "$home"; }
check 'a file in the place of the home' file
mkdir "$home"
empty() {
	sargam doctor
	ends 0 '8 ok, 4 warnings, 0 failed' && says warn 'state .*does not exist yet: .sargam run. or .sargam setup. makes it' && says warn 'bus .*does not exist yet' &&
		says warn 'warehouse .*nothing is published yet: run .sargam run. first' && says warn 'snapshots .*none yet: .sargam run. takes some' && [[ -z $(ls -A "$home") ]]
}
check 'an empty home: what is missing, and nothing made' empty
sargam setup
setup() { sargam doctor; [[ $status == 0 ]] && says ok 'state ' && says ok 'bus ' && says ok 'backlog .*no message waits'; }
check 'after setup the databases are there' setup

# --- a home that is well

sargam run
photo() { find "$home" -printf '%P %y %s %T@ %C@ %i\n' | sort; } # names, sizes, times of change and of state
photo >"$TEST_TMP/before"
sargam doctor
well() {
	ends 0 '15 ok, 0 warnings, 0 failed' && says ok 'version .*sargam .*DuckDB .*SQLite' && says ok 'settings .*defaults' && says ok 'home .*can be written: .* are free' &&
		says ok 'source .*sample' && says ok 'spotify .*no credentials; the source does not need any' && says ok 'warehouse .*131 chart days are published, the latest 2026-03-17' && says ok 'lock .*nobody builds' &&
		says ok 'watch list .*empty: every playlist' && says ok 'snapshots .*0SampleBollywood960001: the latest is of 2026-03-17T' && says ok 'letters .*no dead letters' &&
		says ok 'drift .*none of 27 watched fields drifts in 2 playlists'
}
check 'the sample is well' well
check 'and nothing in the home has changed' diff "$TEST_TMP/before" <(photo)
quiet() { sargam doctor --quiet --offline; [[ $status == 0 && $(<"$out") == '15 ok, 0 warnings, 0 failed' ]]; }
check '--quiet: nothing of what is ok' quiet
settings() {
	sargam doctor --threads 2 --chart-utc-offset +05:30
	[[ $status == 0 ]] && says ok 'setting  *threads = 2 (command line)' && says ok 'setting  *chart_utc_offset = +05:30 (command line)' && ! grep -q defaults "$out"
}
check 'settings that differ from their defaults, and from where' settings
sargam watch add 0SampleTop50Sargam0001
sargam watch add 37i9dQZEVXbLZ52XmnySJg
watches() {
	sargam doctor
	ends 0 '14 ok, 1 warning, 0 failed' && says ok 'watch list .*2 playlists' && says ok 'snapshots .*0SampleTop50Sargam0001: ' && ! grep -q Bollywood "$out" &&
		says warn 'snapshots .*37i9dQZEVXbLZ52XmnySJg has none yet: .sargam run. with its source takes one'
}
check 'a watched list without a snapshot' watches
linked() { sargam doctor --playlists https://open.spotify.com/playlist/4nNVfQ9eWidZXkBKZN5li4; says ok 'watch list .*3 playlists' && says warn 'snapshots .*4nNVfQ9eWidZXkBKZN5li4 has none'; }
check 'lists of the settings are watched, too' linked

# --- what is wrong

held() {
	"${PYTHON:-python3}" - "$home/lock" "$SARGAM" "$home" >"$out" 2>"$err" <<'END'
import fcntl, subprocess, sys
with open(sys.argv[1], "r+") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    f.write("run 7, process 1, since 2026-03-18T00:00:00Z")
    f.flush()
    print(subprocess.run([sys.argv[2], "--home", sys.argv[3], "doctor"], stdout=subprocess.PIPE, text=True, check=True).stdout, end="")
    f.truncate(0)
END
	says ok 'lock .*a build is at work: run 7, process 1, since 2026-03-18'
}
check 'who holds the lock' held
unreadable() { sargam doctor --source dir:/nowhere; [[ $status == 1 ]] && says fail 'source .*dir:/nowhere: .*nowhere'; }
check 'a source that cannot be read' unreadable
key() { sargam doctor --source spotify; [[ $status == 1 ]] && says fail 'spotify .*no credentials: make an app'; }
check 'spotify without credentials' key
sargam extract --playlist 0SampleTop50Sargam0001 --sample-days 80
backlog() { sargam doctor; [[ $status == 0 ]] && says ok 'backlog .*24 messages wait in subscription spotify-raw'; }
check 'messages that wait' backlog
sargam run --quiet
page=$(find "$home/raw/playlist_id=0SampleTop50Sargam0001" -name 'page-*' | sort | tail -1)
latest() { sargam doctor && grep 'snapshots .*0SampleTop50Sargam0001: the latest is of' "$out"; }
before=$(latest)
mv "$page" "$TEST_TMP/page"
incomplete() { [[ $(latest) == "ok "*"the latest is of 2026-"* && $(latest) != "$before" ]] && sargam doctor && says ok 'letters' && ! grep -q '^warn  *incomplete' "$out"; }
check 'a snapshot that misses a page since just now is none yet' incomplete
later() {
	mv "$home/state.db" "$TEST_TMP/state.db" # without receipts its own time counts
	sargam doctor
	mv "$TEST_TMP/state.db" "$home/state.db"
	[[ $status == 0 ]] && says warn 'state .*does not exist' && says warn 'incomplete .*0SampleTop50Sargam0001, 2026-03-[0-9T:]*Z: 1 objects its manifest names are missing; run .sargam extract.'
}
check 'one that misses a page for a day: which, and the next step' later
mv "$TEST_TMP/page" "$page"
echo '{}' >"$home/raw/notes.txt"
strangers() { sargam doctor; [[ $status == 0 ]] && says warn "snapshots .*1 object below raw/ is none of sargam's, such as raw/notes.txt: move it away"; }
check 'what does not belong into raw' strangers
rm "$home/raw/notes.txt"
list=$TEST_TMP/recorded/0DoctorTestPlaylist001
page() { mkdir -p "$list/$1" && echo "$2" >"$list/$1/page-0000.json"; }
page 2026-01-01T10-00-00Z '{"items":[{"track":{"id":"a","name":"A","uri":"u","popularity":5}}]}'
page 2026-01-02T10-00-00Z '{"items":[{"track":{"id":"a","name":"A","uri":"u"}}]}'
page 2026-01-03T10-00-00Z '{"items":['
page 2026-01-04T10-00-00Z '{"items":[]'
home=$TEST_TMP/real
sargam run --source "dir:$TEST_TMP/recorded"
letters() { sargam doctor; [[ $status == 0 ]] && says warn 'letters .*2 of reason invalid_json: .sargam dead list. names them'; }
check 'dead letters by reason' letters
drift() { says warn 'drift .*track.popularity vanished in 0DoctorTestPlaylist001 since 2026-01-02: .sargam drift.' && ends 0 '12 ok, 2 warnings, 0 failed'; }
check 'a field that drifts' drift
drift_fail() { sargam doctor --drift-policy '*=fail'; [[ $status == 1 ]] && says fail 'drift .*track.popularity vanished .*drift_policy says fail: nothing new is published'; }
check 'one whose policy is fail: exit status 1' drift_fail
stale() { sargam doctor --source spotify; says warn 'snapshots .*0DoctorTestPlaylist001: the latest is of 2026-01-04T10:00:00Z, [0-9]* days ago: does .sargam run. still run'; }
check 'a live source whose latest snapshot is old' stale
rm "$home/bronze/bronze_entry/playlist_group=0DoctorTestPlaylist001/chart_month=2026-01/part-0.parquet"
torn() { sargam doctor; [[ $status == 0 ]] && says warn 'drift .*is torn: .sargam bronze. mends it'; }
check 'a torn partition' torn
for f in state.db bus.db warehouse.duckdb; do printf 'no database at all, though there are enough bytes for a header of one' >"$home/$f"; done
broken() { sargam doctor; [[ $status == 1 ]] && says fail 'state .*state.db' && says fail 'bus .*bus.db' && says fail 'warehouse .*warehouse.duckdb' && ends 1 "$(tail -1 "$out")"; }
check 'files that are no databases' broken
sets() { fails 2 "setting drift_policy: 'nonsense'" doctor --drift-policy nonsense; }
check 'wrong settings: exit status 2, as everywhere' sets

# --- on a terminal

colours() { on_terminal 100 doctor; grep -q $'^\033\[32mok\033\[0m' "$out" && grep -q $'^\033\[31mfail\033\[0m' "$out" && grep -q $'^\033\[33mwarn\033\[0m' "$out"; }
check 'on a terminal: colours' colours
plain() { NO_COLOR=1 on_terminal 100 doctor; ! grep -q $'\033' "$out"; }
check 'NO_COLOR: none' plain
plan
