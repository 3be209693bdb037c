#!/usr/bin/env bash
# sargam serve as a stranger meets it: what comes by its doors becomes charts with nothing else called, on a schedule, beside commands,
# over stops, kills and full disks; and who is not let in.
# timeout: 1500
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
here=${BASH_SOURCE[0]%/*} log=$TEST_TMP/log page=$TEST_TMP/page url='' pid='' timed='' stopped='' disk='' base=$TEST_TMP/base
SEED=${SARGAM_SEED:-1}
export SARGAM_SAMPLE_DAYS=6 SARGAM_SCHEDULE=''

cleanup() {
	for p in $stopped $pid $timed; do kill -9 "$p" 2>/dev/null || true; done
	[[ -z $disk ]] || umount "$disk" || true
}
trap cleanup EXIT
launch() { # OPTION...: a daemon, its lines in $log, its process in $pid
	: >"$log"
	"$SARGAM" --home "$home" serve --port 0 "$@" >"$log" 2>&1 </dev/null &
	pid=$!
	await_serve
	url=$served_at
}
stop() { # SIGNAL: its exit status goes into $status, how long it took into $took
	local from=$SECONDS
	status=0
	kill "-$1" "$pid"
	{ wait "$pid" || status=$?; } 2>/dev/null
	took=$((SECONDS - from))
	pid=''
}
soon() { # soon SECONDS COMMAND...
	local until=$((SECONDS + 4 * $1)) # on a machine that does much else, too
	while ((SECONDS <= until)); do
		"${@:2}" && return
		sleep 0.1
	done
	return 1
}
post() { # PATH [CURL OPTION...]: the status goes into $code, the answer into $page
	code=$(curl -s -o "$page" -D "$page.head" -w '%{http_code}' -X POST "${@:2}" "$url$1" || true)
	cp "$page" "$out" 2>/dev/null || : >"$out"
}
extract() { post /extract "$@" && [[ $code == 200 ]] && grep -q '"state":"done"' "$page"; }
dump() { "$SARGAM" --home "$1" query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL' 2>/dev/null; }
charts_as() { dump "$home" | cmp -s - "$1"; } # FILE
child_of() { pgrep -P "$1" >"$TEST_TMP/child" && read -r child <"$TEST_TMP/child"; }
gone() { [[ ! -d /proc/$1 ]]; }
no_zombie() { [[ -z $(ps -o stat= --ppid "$pid" | sed -n '/Z/p') ]]; }
whole() { sargam rebuild --check && [[ $status == 0 ]]; }
resident_kb() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; }
built() { ! child_of "$pid" && sargam dag runs && ! grep -q RUNNING "$out"; }

# What the same days give without a daemon.
home=$base
sargam run
dump "$home" >"$TEST_TMP/want"
sargam run --sample-days 7
dump "$home" >"$TEST_TMP/want7"

# --- on the schedule; it takes minutes, so it goes on beside the rest

home=$TEST_TMP/timed
SARGAM_SCHEDULE='* * * * *' "$SARGAM" --home "$home" serve --port 0 >"$TEST_TMP/timed.log" 2>&1 </dev/null &
timed=$!

# --- by its doors

home=$TEST_TMP/home
launch
ready() { [[ $(curl -s -o "$out" -w '%{http_code}' "$url/readyz") == 200 ]]; }
check 'a fresh home is served' soon 20 ready
key=(-H 'X-CloudScheduler-JobName: daily' -H 'X-CloudScheduler-ScheduleTime: 2026-01-01T00:00:00Z')
check 'the scheduler asks for an extraction' extract "${key[@]}"
check 'charts appear, nothing else is called' soon 60 charts_as "$TEST_TMP/want"
again() { extract "${key[@]}" && grep -qi '^Idempotent-Replayed: true' "$page.head"; }
check 'the same run of the schedule is answered again' again
check 'it comes to rest' soon 60 built
at_rest() {
	local kb
	kb=$(resident_kb)
	echo "# note: $kb KiB at rest"
	((kb < 60 * 1024))
}
check 'less than 60 MB at rest after a build' at_rest
check 'no zombie is left' no_zombie
check 'the tables are those of a rebuild' whole
by_hand() { sargam run --sample-days 7 && [[ $status == 0 ]] && soon 60 charts_as "$TEST_TMP/want7"; }
check 'a run by hand beside it' by_hand
restarted() { stop TERM && [[ $status == 0 ]] && launch && again && charts_as "$TEST_TMP/want7"; }
check 'a restart keeps what was answered, and the charts' restarted
two() {
	local first=$pid first_url=$url
	launch
	local second=$pid
	local since=(-H 'Content-Type: application/json' -d '{"since":"2026-01-01"}')
	extract "${since[@]}" && url=$first_url && extract "${since[@]}" || return 1
	kill -TERM "$first" && wait "$first" || return 1
	pid=$second
	soon 60 built && url=$(sed -n 's/^sargam serves.* at //p' "$log") && extract && whole && charts_as "$TEST_TMP/want7"
}
check 'two daemons on one home' two
stop TERM

home=$TEST_TMP/pushed
launch
pushed() { python3 "$here/service.py" push "$url" "$base/raw" "$SEED" >"$out" 2>"$err" && soon 90 charts_as "$TEST_TMP/want7"; }
check 'pushed messages in any order, some twice, become the same charts' pushed
unusable() {
	post /push -H 'Content-Type: application/json' -d '{"message":{"messageId":"1","data":"@@@"}}' && [[ $code == 204 ]] &&
		post /push -H 'Content-Type: application/json' -d '{"hello":1}' && [[ $code == 400 ]] && sargam dead list && grep -q bad_envelope "$out"
}
check 'what cannot be used is kept, what is no envelope is refused' unusable
stop TERM

home=$TEST_TMP/watched
rows=1
count_rows() { dump "$home" >"$TEST_TMP/have" || true; wc -l <"$TEST_TMP/have"; }
more_than() { (($(count_rows) > $1)); }
launch
watched() { sargam watch add 0SampleTop50Sargam0001 && extract && grep -q 'snapshots of 1 playlist' "$page" && soon 60 more_than 1; }
check 'what is watched by then is what the next extraction takes' watched

# --- stops and kills while a child builds

# A build that stands still as soon as it has begun; $child is its process.
held_build() { # DAYS
	soon 60 built || return 1
	"$SARGAM" --home "$home" extract --sample-days "$1" --quiet >"$out" 2>"$err" || return 1
	for ((i = 0; i < 3000; i++)); do
		if child_of "$pid" && tr '\0' ' ' <"/proc/$child/cmdline" | grep -q 'run --from bronze'; then
			kill -STOP "$child" && stopped=$child
			return
		fi
		sleep 0.01
	done
	return 1
}
goes_on() { # what was extracted is built by the next daemon
	launch
	soon 90 more_than "$rows" && soon 60 built && soon 60 whole && no_zombie
}
rows=$(count_rows)
term_soft() { held_build 8 && kill -CONT "$child" && stop TERM && [[ $status == 0 ]] && ((took < 10)) && gone "$child" && goes_on; }
check 'SIGTERM while a child builds: both end, the next one builds it' term_soft
rows=$(count_rows)
term_hard() { held_build 9 && stop TERM && [[ $status == 0 ]] && ((took < 10)) && soon 5 gone "$child" && goes_on; }
check 'SIGTERM while a child hangs: it is killed, all within ten seconds' term_hard
rows=$(count_rows)
orphan() { held_build 10 && stop KILL && kill -CONT "$child" && soon 60 gone "$child" && goes_on; }
check 'kill -9 while a child builds: the child ends by itself, the next one goes on' orphan
rows=$(count_rows)
killed_child() {
	held_build 11 && kill -9 "$child" && stopped='' && soon 10 grep -q 'build: ended with status 137.*tried again in 60 s' "$log" || return 1
	sargam dag runs && grep -q 'UNFINISHED.*its process ended' "$out" && extract || return 1 # the doors are open meanwhile
	soon 120 more_than "$rows" && soon 60 built && sargam dag runs && ! grep -q UNFINISHED "$out" && soon 60 whole && no_zombie
}
check 'kill -9 of the child: log and run log say so, it is built again' killed_child
stop TERM
stopped=''

# --- a full disk

disk=$TEST_TMP/disk
mkdir -p "$disk"
if mount -t tmpfs -o size=64m tmpfs "$disk" 2>/dev/null; then
	full() { # the store is full while messages come: nothing is given up on, nothing is lost
		home=$TEST_TMP/full
		mkdir -p "$disk/store"
		SARGAM_STORE=$disk/store SARGAM_RETRY_MIN_MS=100 SARGAM_RETRY_MAX_MS=200 launch
		dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null || true
		extract && soon 20 grep -q 'tried again until it can be done' "$log" || return 1
		sleep 20
		kill -0 "$pid" && rm "$disk/filler" && export SARGAM_STORE=$disk/store && soon 120 charts_as "$TEST_TMP/want" && sargam dead list && ! grep -q undeliverable "$out"
	}
	check 'a store that is full for a while: no message is given up on, all goes on with room' full
	unset SARGAM_STORE
	stop TERM
	full_home() {
		home=$disk/home
		rm -rf "${disk:?}"/*
		launch
		dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null || true
		post /extract
		[[ $code == 5* ]] || return 1
		sleep 3
		kill -0 "$pid" && rm "$disk/filler" && extract && soon 120 charts_as "$TEST_TMP/want"
	}
	check 'a home on a full disk: refused, alive, and done with room' full_home
	stop TERM
else
	disk=''
	n=$((n + 1))
	echo "ok $n - a full disk # SKIP needs the right to mount"
fi

# --- who is let in

home=$TEST_TMP/home
open_to_all() { fails 2 'SARGAM_SERVE_TOKEN' serve --port 0 --serve-address 0.0.0.0; }
check 'an address that others reach is refused without a token' open_to_all
other_loopback() { launch --serve-address 127.0.0.2 && [[ $url == http://127.0.0.2:* ]] && ready && stop TERM && [[ $status == 0 ]]; }
check 'all of 127/8 is this machine' other_loopback
token=0123456789abcdef0123456789abcdef-token
with_token() {
	SARGAM_SERVE_TOKEN=$token launch --serve-address 0.0.0.0
	url=http://127.0.0.1:${url##*:}
	post /extract && [[ $code == 401 ]] && grep -qi '^WWW-Authenticate: Bearer' "$page.head" &&
		post /extract -H "Authorization: Bearer ${token}x" && [[ $code == 401 ]] &&
		post /extract -H 'Authorization: Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJhY2NvdW50cy5nb29nbGUuY29tIn0.' && [[ $code == 401 ]] &&
		[[ $(curl -s -o "$out" -w '%{http_code}' "$url/api/dead") == 401 ]] && ready && extract -H "Authorization: Bearer $token"
}
check 'with one: nobody without it, nor with a forged one' with_token
unsaid() { ! grep -rqa "$token" "$log" "$home/serve.json" && stop TERM && [[ $status == 0 ]]; }
check 'the token is written nowhere' unsaid
launch
origin() { post /extract -H 'Origin: http://evil.example' && [[ $code == 403 ]] && post /extract -H 'Host: evil.example' && [[ $code == 403 ]]; }
check 'a page of elsewhere is kept out' origin
stop TERM
launch --bus-only
no_doors() { post /extract && [[ $code == 404 ]] && post /push && [[ $code == 404 ]] && [[ $(curl -s -o "$out" -w '%{http_code}' "$url/api/dead") == 404 ]]; }
check '--bus-only has no doors' no_doors
stop TERM

# --- on the schedule

home=$TEST_TMP/timed
timed_runs() { grep -q "scheduled run 'run'" "$TEST_TMP/timed.log" && charts_as "$TEST_TMP/want"; }
check 'every minute: charts appear by themselves' soon 150 timed_runs
another_run() { (($(grep -c "scheduled run 'run'" "$TEST_TMP/timed.log") > $1)); }
# The next run stands still over the following minute: that one does not begin beside it.
no_overlap() {
	for ((i = 0; i < 9000; i++)); do
		child_of "$timed" && tr '\0' ' ' <"/proc/$child/cmdline" | grep -q 'exe run --quiet' && break
		sleep 0.01
	done
	kill -STOP "$child" && stopped=$child || return 1
	local begun
	begun=$(grep -c "scheduled run 'run'" "$TEST_TMP/timed.log")
	for ((i = 0; i < 65; i++)); do
		sleep 1
		[[ $(pgrep -P "$timed") == "$child" ]] || return 1
	done
	[[ $(grep -c "scheduled run 'run'" "$TEST_TMP/timed.log") == "$begun" ]] && kill -CONT "$child" && soon 60 gone "$child" || return 1
	stopped=''
	soon 30 another_run "$begun"
}
check 'a run that takes longer than a minute is not run beside itself' no_overlap
timed_ends() { pid=$timed && timed='' && stop TERM && [[ $status == 0 ]]; }
check 'and it ends well' timed_ends
plan
