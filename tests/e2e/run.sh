#!/usr/bin/env bash
# timeout: 600
# sargam as a person or a scheduler meets it: exit statuses, help, wrong words, two runs at once, kills, signals, a query
# during a run, a clock that jumps, a read-only home, a full disk, homes of other versions.
set -euo pipefail
sargam=${SARGAM:-$PWD/build/sargam}
cd "${TEST_TMP:-$(mktemp -d)}"
export SARGAM_SAMPLE_DAYS=20 SARGAM_SAMPLE_SEED=7
unset SARGAM_FAULT SARGAM_FAULT_COUNT

n=0
# check NAME FUNCTION...: one test; what the last call of `s` said is shown when it fails
check() {
	n=$((n + 1))
	if "${@:2}"; then
		echo "ok $n - $1"
	else
		sed 's/^/# /' out err 2>/dev/null || true
		echo "not ok $n - $1"
	fi
}
# s STATUS ARGUMENT...: runs sargam, wants that exit status; standard output in ./out, standard error in ./err
s() {
	local want=$1 got=0
	shift
	"$sargam" "$@" >out 2>err </dev/null || got=$?
	[[ $got == "$want" ]] || { echo "# sargam $*: exit status $got, want $want"; return 1; }
}
says() { grep -qF -e "$2" "$1" || { echo "# $1 lacks: $2"; return 1; }; }
silent() { [[ ! -s $1 ]] || { echo "# $1 is not empty"; return 1; }; }
# last_run HOME FIELD: of `dag show last`
last_run() { "$sargam" --home "$1" dag show last --format json | python3 -c "import json,sys; print(json.load(sys.stdin)['$2'])"; }
rows() { "$sargam" --home "$1" query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL' | sha256sum; }
# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local until=$((SECONDS + $1))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < until)) || { echo "# waited in vain for: $*"; return 1; }
		sleep 0.01
	done
}

# ---- words ----

mapfile -t commands < <("$sargam" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
overview() { s 0 --help && ((${#commands[@]} > 10)) && says out 'Exit status' && silent err; }
check 'help names the commands and the exit statuses' overview
for command in "${commands[@]}"; do
	# shellcheck disable=SC2317
	help() { s 0 "$command" --help && [[ $(head -1 out) == "sargam $command"* ]] && says out --home && silent err && [[ ! -e sargam-data ]]; }
	check "$command --help" help
done
no_command() { s 2 && says out 'usage: sargam'; }
check 'no command is a usage error that shows the commands' no_command
unknown_command() { s 2 charts && says err "'charts'" && says err chart && says err run; }
check 'an unknown command names the known ones' unknown_command
unknown_option() { s 2 run --fast && says err -- "'--fast'" && says err -- '--source' && s 2 --hoome x run && says err -- '--home'; }
check 'an unknown option names the known ones' unknown_option
unknown_scheme() {
	s 2 --home h-none run --source ftp://x && says err 'ftp://x' && says err 'sample' && says err 'dir:PATH' &&
		s 2 --home h-none run --bus kafka://x && says err 'kafka://x' && says err 'sqlite' &&
		s 2 --home h-none run --store s3://x && says err 's3://x' && says err 'folder' &&
		s 2 --home h-none run --warehouse snowflake://x && says err 'snowflake://x' && says err '.duckdb' &&
		s 2 --home h-none run --engine presto && says err 'presto' && says err 'duckdb'
}
check 'an unknown scheme names the known ones' unknown_scheme
unknown_stage() { s 2 --home h-none run --from silver && says err "'silver'" && says err 'bronze'; }
check 'an unknown stage names the known ones' unknown_stage
bad_setting() {
	s 2 --home h-none run --threads many && says err threads && says err 'from 0 to 256' &&
		s 2 --home h-none run --since yesterday && says err YYYY-MM-DD &&
		printf 'thread = 2\n' >bad.conf && s 2 --home h-none --config bad.conf run && says err "bad.conf:1" && says err "'thread'" &&
		s 2 --home h-none --config missing.conf run && says err "'missing.conf'"
}
check 'a wrong setting is named with where it stood and what is wanted' bad_setting
bad_verb() { s 2 --home h-none dag redo && says err "redo" && says err retry && s 2 --home h-none dag runs --limit 0 && says err "'0'"; }
check 'a wrong verb of dag names the known ones' bad_verb
no_home() { s 1 --home h-none dag runs && says err "'h-none'" && says err 'sargam run' && [[ ! -e h-none ]]; }
check 'what only reads does not make a home' no_home
no_source() { s 2 --home h-none2 run --source dir:nowhere && says err nowhere; }
check 'a folder that is not there is named' no_source

# ---- one run ----

first_run() { s 0 --home h1 run && says out 'sargam chart' && s 0 --home h1 query 'SELECT count(*) AS n FROM SPOTIFY_ANALYTICS.TRACK_INFO'; }
check 'a run from nothing publishes charts' first_run
again() { local before; before=$(rows h1); s 0 --home h1 run && says out 'nothing changed' && [[ $(rows h1) == "$before" ]]; }
check 'a second run changes nothing' again
shown() {
	s 0 --home h1 dag runs && [[ $(grep -c DONE out) == 2 ]] && s 0 --home h1 dag show && [[ $(grep -c ' DONE ' out) -ge 7 ]] &&
		s 0 --home h1 dag list && says out publish && s 1 --home h1 dag show 2000 && says err "'2000'" && says err 'dag runs'
}
check 'dag tells of both' shown
not_again() { s 1 --home h1 dag retry && says err 'is DONE'; }
check 'dag retry refuses a run that is done' not_again
other_kind() { mkdir -p empty && s 2 --home h1 run --source dir:empty && says err 'invented sample' && says err -- '--home'; }
check 'a home with the sample refuses real data' other_kind
bad_sql() { s 1 --home h1 query 'SELECT nothing FROM nowhere' && says err nowhere; }
check 'wrong SQL is exit status 1' bad_sql
full_pipe() { local got=0; "$sargam" --home h1 dag runs >/dev/full 2>err || got=$?; [[ $got == 1 ]] && says err 'standard output'; }
check 'a result that cannot be written is exit status 1' full_pipe

page() { printf '{"items":[{"added_at":"2021-03-27T00:00:00Z","track":{"id":"t1","name":"One","type":"track","uri":"spotify:track:t1","artists":[{"id":"a1","name":"A"}],"album":{"id":"b1","name":"B"}}}],"total":1,"offset":0,"next":null}'; }
strict() {
	mkdir -p rec/chart-XX/2021-03-27T03-38-09Z rec/chart-XX/2021-03-28T03-38-09Z
	page >rec/chart-XX/2021-03-27T03-38-09Z/page-0000.json
	page | head -c 60 >rec/chart-XX/2021-03-28T03-38-09Z/page-0000.json
	s 4 --home h-rec run --source dir:rec --strict && says out 'dead list' && s 0 --home h-rec run --source dir:rec &&
		s 0 --home h-rec query --format csv 'SELECT name FROM SPOTIFY_ANALYTICS.TRACK_INFO' && says out One
}
check 'a page that is cut off is exit status 4 with --strict, the other snapshot is a chart' strict

# ---- several at once, and kills ----

# Starts `run` in the background on HOME and waits until it builds (holds the lock).
start_run() {
	"$sargam" --home "$1" run "${@:2}" >bg.out 2>bg.err </dev/null &
	pid=$!
	wait_for 60 grep -qs "process $pid," "$1/lock"
}
building() { ! flock -n "$1/lock" true; }
# Stops (SIGSTOP) a run of the whole sample on HOME, which holds a first part of it, while it builds.
stop_midway() {
	until_date=$("$sargam" --home h1 query --format csv 'SELECT min(chart_date) + 3 AS d FROM SPOTIFY_ANALYTICS.CHART_DAY' | tail -1)
	s 0 --home "$1" run --until "${until_date:0:10}" || return 1
	start_run "$1" && kill -STOP "$pid" && building "$1"
}
side_by_side() {
	local before first second
	stop_midway h2 || return 1
	first=$(last_run h2 id)
	before=$(rows h2)
	s 0 --home h2 query 'SELECT count(*) FROM SPOTIFY_ANALYTICS.TRACK_INFO' || return 1
	"$sargam" --home h2 run >second.out 2>second.err </dev/null &
	second=$!
	wait_for 60 grep -q 'waiting for another build' second.err && says second.err "run $first, process $pid" || return 1
	[[ $(rows h2) == "$before" ]] || return 1
	kill -CONT "$pid"
	wait "$pid" && wait "$second" && [[ $(rows h2) == $(rows h1) ]]
}
check 'the second of two runs says whom it waits for; a query does not wait' side_by_side
impatient() {
	stop_midway h3 || return 1
	local ok=0
	{ s 1 --home h3 run --lock-wait-s 1 && says err "process $pid" && [[ $(grep -c 'waiting for another build' err) == 1 ]] &&
		[[ $(last_run h3 state) == FAILED ]] && s 1 --home h3 gold --lock-wait-s 0 && says err "process $pid"; } || ok=1
	kill -CONT "$pid"
	wait "$pid" && return "$ok"
}
check 'who does not want to wait any longer is told whom for, after waiting once' impatient
stopped_waiting() {
	local got=0 second ok=0
	stop_midway h14 || return 1
	"$sargam" --home h14 run >out 2>err </dev/null &
	second=$!
	wait_for 60 grep -q 'waiting for another build' err && kill -INT "$second"
	wait "$second" || got=$?
	{ [[ $got == 1 ]] && says err 'goes on with run'; } || ok=1
	kill -CONT "$pid"
	wait "$pid" && s 0 --home h14 run && [[ $(rows h14) == $(rows h1) ]] && return "$ok"
}
check 'who waits for another build can be interrupted' stopped_waiting
stopped_asking() {
	local got=0
	# what a script starts in the background ignores SIGINT from birth
	env --default-signal=INT "$sargam" --home h1 query 'SELECT COUNT(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range * b.range = 7' >out 2>err </dev/null &
	pid=$!
	sleep 0.5
	kill -INT "$pid"
	wait "$pid" || got=$?
	[[ $got == 130 ]]
}
check 'a query that takes too long ends with one interrupt' stopped_asking
together() {
	local pids=() p
	for _ in 1 2 3; do
		"$sargam" --home h4 run >/dev/null 2>>together.err </dev/null &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || { cat together.err; return 1; }; done
	[[ $(rows h4) == $(rows h1) ]]
}
check 'three first runs at once on one home' together
killed() {
	local id
	start_run h5 && kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	id=$(last_run h5 id)
	[[ $(last_run h5 state) == UNFINISHED ]] && s 0 --home h5 dag show "$id" && says out 'its process ended' &&
		s 0 --home h5 run && says err "$id" && s 0 --home h5 dag show "$id" && says out DONE && [[ $(rows h5) == $(rows h1) ]]
}
check 'a killed run is finished by the next' killed
killed_other() {
	local id
	start_run h6 && kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	id=$(last_run h6 id)
	s 0 --home h6 run --from ingest && says err "$id is abandoned" && s 0 --home h6 dag show "$id" && says out ABANDONED &&
		[[ $(rows h6) == $(rows h1) ]]
}
check 'a killed run that asked for something else is abandoned, its data is not' killed_other
interrupted() {
	local got=0
	stop_midway h7 && kill -INT "$pid" && kill -CONT "$pid" || return 1
	wait "$pid" || got=$?
	[[ $got == 1 ]] && grep -q 'goes on with run' bg.err && s 0 --home h7 run && [[ $(rows h7) == $(rows h1) ]]
}
check 'a signal ends a run between steps, the next goes on' interrupted

# ---- trouble from outside ----

full_once() {
	local nth fired=0 times=0
	for nth in 1 2 5 30 100 300 700; do
		rm -rf h8
		SARGAM_FAULT=fail:file.write.before:$nth:28 "$sargam" --home h8 run --task-attempts-max 1 >out 2>err || fired=$?
		if ((fired)); then
			[[ $fired == 1 ]] && says err 'No space left on device' && says err 'free some space' || return 1
			s 0 --home h8 dag show && says out FAILED || return 1
			s 0 --home h8 dag retry && s 0 --home h8 run || return 1
			times=$((times + 1))
		fi
		[[ $(rows h8) == $(rows h1) ]] || return 1
		fired=0
	done
	((times >= 4))
}
check 'a disk that is full at one write fails the run with the next step; dag retry heals it' full_once
in_mounts() { if ((EUID == 0)); then unshare -m "$@"; else unshare -Urm "$@"; fi; }
if in_mounts mount -t tmpfs none "$PWD" 2>/dev/null; then
	full_disk() {
		mkdir -p disk
		# shellcheck disable=SC2016
		in_mounts bash -c '
			mount -t tmpfs -o size=3m none disk
			got=0
			"$1" --home disk/h run --task-attempts-max 2 --retry-min-ms 1 --retry-max-ms 1 >out 2>err || got=$?
			echo "$got" >status
			mount -o remount,size=500m disk
			"$1" --home disk/h run >>out 2>>err || exit 1
			"$1" --home disk/h query --format csv "SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL" | sha256sum >rows
		' full "$sargam" || return 1
		[[ $(cat status) == 1 ]] && grep -qiE 'no space|disk.*full|free some space' err && [[ $(cat rows) == $(rows h1) ]]
	}
	check 'a disk that is really full: an error, and all is well when there is space again' full_disk
else
	n=$((n + 1))
	echo "ok $n - a disk that is really full # SKIP no file system can be mounted here"
fi
# As a user who may not write there; root is let in everywhere.
as_nobody() { if ((EUID == 0)); then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
read_only() {
	local got=0
	mkdir -p locked/home && chmod 755 . locked && chmod 555 locked/home
	exec 8<"$sargam"
	(cd locked && as_nobody "/proc/self/fd/8" --home home run) >out 2>err || got=$?
	exec 8<&-
	chmod 755 locked/home
	((got == 1 || got == 2)) && says err home && says err -- '--home' && [[ -z $(ls -A locked/home) ]]
}
check 'a read-only home is named with the next step' read_only
file_home() { echo x >h-file && s 1 --home h-file run && says err h-file && says err 'another name'; }
check 'a home that is a file is named' file_home
newer() {
	local db
	for db in state bus; do
		rm -rf h9 && cp -r h1 h9
		python3 -c "import sqlite3; sqlite3.connect('h9/$db.db').execute('PRAGMA user_version = 999')"
		s 1 --home h9 run && says err "h9/$db.db" && says err 'newer sargam' || return 1
	done
}
check 'a home of a newer version is refused by name' newer
foreign() { rm -rf h9 && cp -r h1 h9 && echo 'no database' >h9/state.db && rm -f h9/state.db-* && s 1 --home h9 run && says err h9/state.db; }
check 'a state.db that is no database is named' foreign
lost() {
	rm -rf h9 && cp -r h1 h9 && rm -f h9/state.db* h9/bus.db* && s 0 --home h9 run && [[ $(rows h9) == $(rows h1) ]] &&
		rm -rf h9/bronze h9/gold h9/warehouse.duckdb* && s 0 --home h9 run && [[ $(rows h9) == $(rows h1) ]]
}
check 'databases and tables that are lost are made anew from raw' lost

# A clock that goes wrong: CLOCK_REALTIME moved by $CLOCK_OFFSET_S, from the $CLOCK_AFTER-th question on.
cat >clock.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	static long asked;
	const char *offset = getenv("CLOCK_OFFSET_S"), *after = getenv("CLOCK_AFTER");
	if (!real)
		real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(id, ts);
	if (id == CLOCK_REALTIME && offset && __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED) > (after ? atol(after) : 0))
		ts->tv_sec += atol(offset);
	return rc;
}
END
gcc -shared -fPIC -O1 -o clock.so clock.c -ldl
# with_clock OFFSET_S AFTER COMMAND...
with_clock() { CLOCK_OFFSET_S=$1 CLOCK_AFTER=$2 LD_PRELOAD=$PWD/clock.so "${@:3}"; }
from_the_future() {
	local future now
	with_clock 172800 0 "$sargam" --home h10 run >out 2>err || return 1
	future=$(last_run h10 id)
	s 0 --home h10 run || return 1
	now=$(last_run h10 id)
	[[ $now != "$future" && $now < "$future" ]] && s 0 --home h10 dag runs && [[ $(sed -n 3p out) == "$now"* ]] && [[ $(rows h10) == $(rows h1) ]]
}
check 'a home that was made by a clock two days ahead works, the last run is the last' from_the_future
jumps() {
	local after
	for after in 3 50 400; do
		rm -rf h11
		with_clock -86400 "$after" "$sargam" --home h11 run >out 2>err || return 1
		[[ $(rows h11) == $(rows h1) ]] && [[ $(last_run h11 state) == DONE ]] || return 1
	done
}
check 'a clock that jumps back a day during a run changes nothing' jumps
jumps_between() {
	start_run_with_clock() { with_clock "$1" 0 "$sargam" --home h12 run >bg.out 2>bg.err </dev/null & pid=$!; }
	start_run_with_clock 86400
	wait_for 60 grep -qs "process" h12/lock && kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	s 0 --home h12 run --ack-deadline-s 10 && [[ $(rows h12) == $(rows h1) ]]
}
check 'a run killed a day in the future is finished now' jumps_between
echo "1..$n"
