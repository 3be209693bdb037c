#!/usr/bin/env bash
# The event service on loopback: durable publishes (each answered after fsync) by batch and clients, pull and ack, requests of the
# API, memory at rest and with 10,000 idle connections.  Beside it what the disk gives one writer, and Google's emulator, which keeps
# its messages in memory only.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."
make -s bench-tools
load=build/bench/load seconds=${SARGAM_BENCH_SECONDS:-3} pid='' holder='' port='' what=''
trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true; [[ -z $holder ]] || kill "$holder" 2>/dev/null || true' EXIT

cpu() { # seconds of the service so far
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.2f", ($12 + $13) / hz }' "/proc/$pid/stat"
}
resident() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$pid/status"; }
put() {
	curl -sf -o /dev/null -X PUT -H 'Content-Type: application/json' -d "$2" "http://127.0.0.1:$port/v1/projects/sargam/$1"
}
row() { # TITLE ARGUMENT...
	local title=$1 before each p50 p99
	before=$(cpu)
	read -r each p50 p99 < <("$load" "$port" "${@:2}")
	awk -v what="$what" -v title="$title" -v each="$each" -v p50="$p50" -v p99="$p99" -v cpu="$(cpu)" -v before="$before" \
		'BEGIN { printf "| %s | %s | %d | %.2f | %.2f | %.2f |\n", what, title, each, p50, p99, cpu - before }'
}
drain() { "$load" "$port" drain 1000 4 >/dev/null; }
serve_rows() { # what both services are asked
	local batch clients
	put topics/load '{}'
	put subscriptions/load '{"topic":"projects/sargam/topics/load","ackDeadlineSeconds":600}'
	for batch in 1 100 1000; do
		for clients in 1 8 64; do
			row "publish, batch $batch, $clients clients" publish "$batch" "$clients" "$seconds"
			[[ $batch == 100 && $clients == 8 ]] || drain # what is left is for the next row
			[[ $batch == 100 && $clients == 8 ]] && row 'pull and ack, 100 each, 8 clients' drain 100 8
		done
	done
	for clients in 1 8 64; do row "GET a topic, $clients clients" get "$clients" "$seconds"; done
}

printf '| service | what | a second | p50 ms | p99 ms | CPU s |\n|---|---|---|---|---|---|\n'
read -r each p50 p99 < <("$load" "$TEST_TMP/file" disk "$seconds")
echo "| file | append 100 bytes and fdatasync, one writer | $each | $p50 | $p99 | |"

what='sargam serve'
"$SARGAM" --home "$TEST_TMP/home" serve --bus-only --port 0 >"$TEST_TMP/log" 2>&1 </dev/null &
pid=$!
until grep -q '^sargam serves' "$TEST_TMP/log"; do sleep 0.1; done
port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$TEST_TMP/log")
at_rest=$(resident)
serve_rows
worked=$(resident)
mkfifo "$TEST_TMP/hold"
"$load" "$port" idle 9990 <"$TEST_TMP/hold" >"$TEST_TMP/idle" &
holder=$!
exec 9>"$TEST_TMP/hold"
until grep -q ready "$TEST_TMP/idle" || ! kill -0 "$holder"; do sleep 0.1; done
with_idle=$(resident)
exec 9>&-
wait "$holder"
holder=''
sleep 2
after_idle=$(resident)
kill "$pid"
wait "$pid"
pid=''

jar=$(find "$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null || true)/platform/pubsub-emulator/lib" -name 'cloud-pubsub-emulator-*.jar' 2>/dev/null | head -n 1 || true)
if [[ -n $jar ]] && command -v java >/dev/null; then
	what='emulator, in memory'
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	java -Xmx512m -jar "$jar" --host=127.0.0.1 --port="$port" >"$TEST_TMP/emulator" 2>&1 </dev/null &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		put topics/ready '{}' 2>/dev/null && break
		sleep 0.1
	done
	serve_rows
	emulator=$(resident)
	kill "$pid"
	wait "$pid" || true
	pid=''
fi
printf '\nsargam serve: %s MiB at rest, %s after the rows above, %s with 9,990 connections that have asked once, %s after them.\n' \
	"$at_rest" "$worked" "$with_idle" "$after_idle"
[[ -z ${emulator:-} ]] || printf 'The emulator: %s MiB after the rows.\n' "$emulator"
