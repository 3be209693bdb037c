#!/usr/bin/env bash
# The service under kills without end: publishers that repeat themselves, poison, a subscriber that never acknowledges, a push endpoint
# that is down, a schedule; meanwhile the daemon and its children are ended by -9 and TERM, by chance.  What was accepted has its effect
# once, or stands in quarantine.  SARGAM_SOAK_S: how many seconds (60); SARGAM_SEED repeats the order of the kills, not their moment.
# timeout: 3600
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
here=${BASH_SOURCE[0]%/*} log=$TEST_TMP/log url_file=$TEST_TMP/url pid='' clients='' base=$TEST_TMP/base
SEED=${SARGAM_SEED:-$RANDOM} SOAK_S=${SARGAM_SOAK_S:-60} PUBLISHERS=3 DAYS=8
RANDOM=$((SEED % 32768))
echo "# seed $SEED, $SOAK_S s"

trap 'kill -9 $pid $clients 2>/dev/null || true' EXIT
launch() {
	: >"$log" # not left to the one that starts: what the last one said is not to be taken for it
	"$SARGAM" --home "$home" serve --port 0 >"$log" 2>>"$log.err" </dev/null &
	pid=$!
	await_serve
	echo "$served_at" >"$url_file.new" && mv "$url_file.new" "$url_file"
}
stop() { # SIGNAL
	local from=$SECONDS
	status=0
	kill "-$1" "$pid"
	{ wait "$pid" || status=$?; } 2>/dev/null
	took=$((SECONDS - from))
}
soon() { # soon SECONDS COMMAND...
	local until=$((SECONDS + 4 * $1)) # on a machine that does much else, too
	while ((SECONDS <= until)); do
		"${@:2}" && return
		sleep 0.3
	done
	return 1
}
put() { # PATH JSON
	curl -sf -o "$out" -X PUT -H 'Content-Type: application/json' -d "$2" "$(<"$url_file")/v1/projects/sargam/$1"
}
dump() { "$SARGAM" --home "$1" query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL' 2>/dev/null; }
waits() { sargam status && sed -n "s/.*> $1: \([0-9]*\) messages\{0,1\} wait.*/\1/p" "$out"; } # SUBSCRIPTION

home=$base
sargam run --sample-days "$DAYS"
dump "$base" >"$TEST_TMP/want"

home=$TEST_TMP/home
export SARGAM_SAMPLE_DAYS=2 SARGAM_SCHEDULE='* * * * *'
launch
subscribed() {
	put subscriptions/hung '{"topic":"projects/sargam/topics/Spotify-etl","ackDeadlineSeconds":10}' &&
		put subscriptions/down '{"topic":"projects/sargam/topics/Spotify-etl","pushConfig":{"pushEndpoint":"http://127.0.0.1:9/"}}'
}
check 'a subscriber that will hang, an endpoint that is down' subscribed

publishers=''
for ((i = 0; i < PUBLISHERS; i++)); do # they are done when about two thirds of the time are over
	SERVICE_PAUSE_S=$(python3 -c "print($SOAK_S * 4 / 3 / (2 * $DAYS * 2 / $PUBLISHERS))") \
		python3 "$here/service.py" publish "$url_file" "$base/raw" "$SEED" "$i" "$PUBLISHERS" >"$TEST_TMP/publisher.$i" 2>"$TEST_TMP/publisher.$i.err" &
	publishers+=" $!"
done
clients=$publishers
python3 "$here/service.py" hang "$url_file" >"$TEST_TMP/hang" 2>&1 &
clients+=" $!"

declare -A did=([daemon-KILL]=0 [daemon-TERM]=0 [child-KILL]=0 [child-TERM]=0)
kill_child() { # SIGNAL: one of its children, when it has any
	local child
	child=$(pgrep -P "$pid" | head -1) || true
	[[ -n $child ]] && kill "-$1" "$child" 2>/dev/null && did[child-$1]=$((did[child-$1] + 1))
	return 0
}
kill_daemon() { # SIGNAL STATUS
	stop "$1"
	did[daemon-$1]=$((did[daemon-$1] + 1))
	if [[ $status != "$2" ]] || ((took >= 12)); then
		echo "# after $1: exit status $status, $took s"
		return 1
	fi
	launch
	[[ -s $url_file ]]
}
storm() {
	local until=$((SECONDS + SOAK_S))
	while ((SECONDS < until)); do
		sleep "$((RANDOM % 5)).$((RANDOM % 10))"
		kill -0 "$pid" || { echo '# the daemon ended by itself' && return 1; }
		case $((RANDOM % 6)) in
		0 | 1) kill_daemon KILL 137 || return 1 ;;
		2) kill_daemon TERM 0 || return 1 ;;
		3 | 4) kill_child KILL ;;
		5) kill_child TERM ;;
		esac
	done
	for what in "${!did[@]}"; do echo "# $what: ${did[$what]}"; done
	((did[daemon-KILL] + did[daemon-TERM] > 0))
}
check 'kills of all kinds: each ends as it should, the next one serves' storm
published() {
	local p
	[[ -s $url_file ]] || return 1
	for p in $publishers; do wait "$p" || return 1; done
	cat "$TEST_TMP"/publisher.*.err | sed 's/^/# /'
}
check 'all that was published was taken at last' published
stop TERM
launch # builds what is left without waiting for its retry

drained() { [[ $(waits spotify-raw) == 0 && $(waits spotify-dead) == 0 ]]; }
check 'the subscription is drained' soon 300 drained
given_up() { # what too many kills met in the middle stands in quarantine; once more and it is in
	find "$home/quarantine" -path '*undeliverable*' -type f 2>/dev/null | wc -l | sed 's/$/ given up on by the bus/; s/^/# /'
	sargam dead replay --reason undeliverable
	[[ $status == 0 ]] && soon 120 drained
}
check 'what the bus gave up on is replayed' given_up
same_raw() { diff -r "$base/raw" "$home/raw" | head -5 | sed 's/^/# /' && diff -rq "$base/raw" "$home/raw" >"$out"; }
check 'the raw objects are those that were published, no other' same_raw
same_charts() { dump "$home" | cmp -s - "$TEST_TMP/want"; }
check 'so are the charts' soon 180 same_charts
whole() { sargam rebuild --check && [[ $status == 0 ]]; }
check 'the tables are those of a rebuild' whole
poison() { # each is kept once
	cat "$TEST_TMP"/publisher.? | sort >"$TEST_TMP/poison"
	sargam dead list --reason bad_attributes --format json
	[[ -s $TEST_TMP/poison && $(grep -o '"reason":"bad_attributes"' "$out" | wc -l) == $(wc -l <"$TEST_TMP/poison") ]]
}
check 'every poison is in quarantine, once' poison
unacknowledged() { [[ $(waits hung) -gt 0 && $(waits down) -gt 0 ]]; }
check 'what nobody acknowledged still waits' unacknowledged
no_zombie() { [[ -z $(ps -o stat= --ppid "$pid" | sed -n '/Z/p') ]]; }
check 'no zombie is left' no_zombie
stop TERM
ended() { [[ $status == 0 ]]; }
check 'it ends well' ended
plan
