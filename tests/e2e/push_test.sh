#!/usr/bin/env bash
# Push subscriptions of sargam serve, as an endpoint of another program meets them: refused, gone, killed in the middle.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
here=${BASH_SOURCE[0]%/*} log=$TEST_TMP/log base='' url='' pid='' endpoint=''
mkdir -p "$TEST_TMP/e"

trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null; [[ -z $endpoint ]] || kill -9 "$endpoint" 2>/dev/null' EXIT
stop() { # SIGNAL: its exit status goes into $status
	status=0
	kill "-$1" "$pid"
	wait "$pid" || status=$?
	pid=''
}
serve() {
	: >"$log"
	"$SARGAM" --home "$home" serve --port 0 >"$log" 2>&1 </dev/null &
	pid=$!
	await_serve
	base=$served_at
	url=$base/v1/projects/sargam
}
start_endpoint() {
	python3 "$here/push_endpoint.py" "$TEST_TMP/e" &
	endpoint=$!
	for ((i = 0; i < 200; i++)); do
		[[ ! -s $TEST_TMP/e/port ]] || break
		sleep 0.05
	done
}
ask() { # METHOD PATH [JSON]
	curl -sf -o "$out" -X "$1" -H 'Content-Type: application/json' "$url/$2" ${3:+-d "$3"}
}
subscribe() { # NAME [MORE]: a topic and a subscription of that name
	ask PUT "topics/$1" '{}'
	ask PUT "subscriptions/$1" "{\"topic\":\"projects/sargam/topics/$1\",\"pushConfig\":{\"pushEndpoint\":\"http://127.0.0.1:$(<"$TEST_TMP/e/port")/p\"${2:-}}}"
}
publish() { # TOPIC FROM TO
	local list
	list=$(seq "$2" "$3" | sed 's/.*/{"attributes":{"n":"&"}}/' | paste -sd,)
	ask POST "topics/$1:publish" "{\"messages\":[$list]}"
}
seen() { # FROM TO: those have come, whatever the order, however often
	local from=$1 to=$2
	for ((i = 0; i < 300; i++)); do
		diff <(seq "$from" "$to") <(sed -n 's/.*"n":"\([0-9]*\)".*/\1/p' "$TEST_TMP/e/seen" 2>/dev/null | awk -v a="$from" -v b="$to" '$1 >= a && $1 <= b' | sort -nu) >/dev/null && return 0
		sleep 0.1
	done
	return 1
}
answer() { echo "$1" >"$TEST_TMP/e/status.new" && mv "$TEST_TMP/e/status.new" "$TEST_TMP/e/status"; }

serve
start_endpoint
first() { subscribe topic-a && publish topic-a 1 20 && seen 1 20; }
check 'what is published is pushed' first
wrapped() { grep -qE '^- \{"message":\{"attributes":\{"n":"1"\},"messageId":"([0-9]+)","publishTime":"[-0-9]+T[0-9:.]+Z","message_id":"\1","publish_time":"[^"]+"\},"subscription":"projects/sargam/subscriptions/topic-a"\}$' "$TEST_TMP/e/seen"; }
check 'as the service writes it' wrapped
refused() { answer 503 && publish topic-a 21 40 && sleep 1 && answer 204 && seen 21 40 && grep -q "it answered 503" "$log"; }
check 'refused for a second, it comes again' refused
gone() {
	kill "$endpoint"
	wait "$endpoint" 2>/dev/null || true
	rm "$TEST_TMP/e/port"
	publish topic-a 41 60 && sleep 1
	start_endpoint
	ask POST subscriptions/topic-a:modifyPushConfig "{\"pushConfig\":{\"pushEndpoint\":\"http://127.0.0.1:$(<"$TEST_TMP/e/port")/p\"}}" && seen 41 60
}
check 'an endpoint that moves is found again' gone
killed() { answer hang && publish topic-a 61 80 && sleep 0.5 && stop KILL && answer 204 && serve && seen 61 80; }
check 'killed while messages are under way, they come again' killed
beside() {
	local second came=0
	"$SARGAM" --home "$home" serve --port 0 >"$TEST_TMP/second" 2>&1 </dev/null &
	second=$!
	publish topic-a 81 180
	seen 81 180 || came=1
	kill "$second"
	wait "$second" && return "$came"
}
check 'two services on one home push side by side' beside
drained() { for ((i = 0; i < 100; i++)); do curl -sf "$base/metrics" | grep -q '^sargam_push_latency_seconds_count{subscription="topic-a"} [1-9]' && return 0; sleep 0.1; done; return 1; }
check 'and it is measured' drained
signed() {
	subscribe topic-b ',"oidcToken":{"serviceAccountEmail":"push@home.example","audience":"sargam"}' && publish topic-b 1000 1000 && seen 1000 1000 &&
		grep -q '^Bearer [-_A-Za-z0-9]*\.[-_A-Za-z0-9]*\.[-_A-Za-z0-9]* .*"1000"' "$TEST_TMP/e/seen"
}
check 'with a token where one is wanted' signed
keys() { curl -sf "$base/.well-known/openid-configuration" | grep -q "\"issuer\":\"$base\"" && curl -sf "$base/oauth2/v3/certs" | grep -q '"kty":"RSA"' && [[ $(stat -c %a "$home/serve-key.pem") == 600 ]]; }
check 'whose key is published, and the secret half is private' keys
by_openssl() { # another program's opinion
	local token part
	token=$(sed -n 's/^Bearer \([^ ]*\) .*/\1/p' "$TEST_TMP/e/seen" | head -1)
	part=$(tr -- '-_' '+/' <<<"${token##*.}")
	while ((${#part} % 4)); do part+='='; done
	base64 -d <<<"$part" >"$TEST_TMP/signature"
	printf %s "${token%.*}" >"$TEST_TMP/signed"
	openssl rsa -in "$home/serve-key.pem" -pubout -out "$TEST_TMP/public.pem" 2>/dev/null
	openssl dgst -sha256 -verify "$TEST_TMP/public.pem" -signature "$TEST_TMP/signature" "$TEST_TMP/signed" >"$out"
}
check 'and signs what was sent' by_openssl
ended() {
	local from=$SECONDS
	answer hang && publish topic-a 181 200 && sleep 0.5 && stop TERM && [[ $status == 0 ]] && ((SECONDS - from < 8)) && answer 204 && serve && seen 181 200
}
check 'stopped while an endpoint hangs: it ends well, and they come again' ended
stop TERM
plan
