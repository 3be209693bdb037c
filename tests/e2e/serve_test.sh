#!/usr/bin/env bash
# sargam serve as a program of another meets it: Pub/Sub's REST API by curl, beside the commands on the same home, stopped and killed.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
log=$TEST_TMP/log url='' pid=''

stop() { # SIGNAL: its exit status goes into $status
	status=0
	kill "-$1" "$pid"
	wait "$pid" || status=$?
	pid=''
}
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true' EXIT
serve() {
	: >"$log"
	"$SARGAM" --home "$home" serve --bus-only --port 0 >"$log" 2>&1 </dev/null &
	pid=$!
	await_serve
	url=$served_at/v1/projects/sargam
}
ask() { # METHOD PATH [JSON]: the answer goes into $out
	curl -s -o "$out" -w '%{http_code}' -X "$1" -H 'Content-Type: application/json' "$url/$2" ${3:+-d "$3"} >"$TEST_TMP/status"
}
answers() { # STATUS PATTERN METHOD PATH [JSON]
	ask "${@:3}" && [[ $(<"$TEST_TMP/status") == "$1" ]] && grep -qE -e "$2" "$out"
}

serve
check 'the topic of the pipeline is there' answers 200 'projects/sargam/topics/Spotify-etl"' GET topics
check 'and its filtered subscription' answers 200 'attributes.type = ' GET subscriptions/spotify-raw
check 'a topic of one'\''s own' answers 200 topic-a PUT topics/topic-a '{}'
check 'and a subscription' answers 200 ACTIVE PUT subscriptions/sub-a '{"topic":"projects/sargam/topics/topic-a"}'
check 'a message' answers 200 'messageIds":\["[0-9]+"\]' POST topics/topic-a:publish '{"messages":[{"data":"aGVsbG8="}]}'
killed() { stop KILL; serve && answers 200 aGVsbG8= POST subscriptions/sub-a:pull '{"maxMessages":5}'; }
check 'what was accepted survives kill -9' killed
acked() {
	local id
	id=$(sed 's/.*"ackId":"\([^"]*\)".*/\1/' "$out")
	answers 200 '^\{\}$' POST subscriptions/sub-a:acknowledge "{\"ackIds\":[\"$id\"]}" && answers 200 '^\{\}$' POST subscriptions/sub-a:pull '{"maxMessages":5,"returnImmediately":true}'
}
check 'acknowledged, it does not come again' acked
beside() { sargam run && [[ $status == 0 ]] && answers 200 '^\{\}$' POST subscriptions/spotify-raw:pull '{"maxMessages":5,"returnImmediately":true}'; }
check 'a run works beside it' beside
by_hand() {
	sargam extract --sample-days 80 && [[ $status == 0 ]] && answers 200 '"type":"(playlist|playlist_page|snapshot_complete)"' POST subscriptions/spotify-raw:pull '{"maxMessages":1}'
}
check 'what extract publishes can be pulled' by_hand
check 'another project is not here' answers 404 'NOT_FOUND' GET ../other/topics
check 'nor is anything but Pub/Sub' answers 404 'Pub/Sub is below' GET ../../../index.html
form() { curl -s -o "$out" -X PUT -d '{}' "$url/topics/topic-b" && grep -q 'want application/json' "$out"; }
check 'a body that does not say it is JSON' form
taken() {
	local port=${url#http://127.0.0.1:}
	fails 1 "${port%%/*}" serve --port "${port%%/*}"
}
check 'a port that is taken' taken
check 'a project that cannot be one' fails 2 "'A B'" serve --project 'A B'
check 'a port that cannot be one' fails 2 'a number from 0 to 65535' serve --port 70000
ended() {
	local from=$SECONDS waiting
	curl -s -o "$TEST_TMP/late" -X POST -H 'Content-Type: application/json' -d '{"maxMessages":5}' "$url/subscriptions/sub-a:pull" &
	waiting=$!
	sleep 1
	stop TERM
	wait "$waiting" && [[ $status == 0 && $(<"$TEST_TMP/late") == '{}' ]] && ((SECONDS - from < 8))
}
check 'stopped while a pull waits: it is answered, and the service ends well' ended
plan
