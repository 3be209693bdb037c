#!/usr/bin/env bash
# The whole daemon under ThreadSanitizer: clients on its API, its own consumer, deliverer, extraction and builds, all at once.  DuckDB, which
# only the builds start, is not instrumented: what it synchronizes by atomics looks like a race, so of them only races in our files count.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
root=${BASH_SOURCE[0]%/*}/../.. log=$TEST_TMP/log pid=''
load=$root/build/bench/load
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null' EXIT
export TSAN_OPTIONS="log_path=$TEST_TMP/report exitcode=0"

"$root/build/tsan/sargam" --home "$home" serve --port 0 >"$log" 2>&1 </dev/null &
pid=$!
daemon=$pid
await_serve
base=$served_at
port=${base##*:}
put() { curl -sf -o "$out" -X PUT -H 'Content-Type: application/json' -d "$2" "$base/v1/projects/sargam/$1"; }
made() { put topics/load '{}' && put subscriptions/load '{"topic":"projects/sargam/topics/load","ackDeadlineSeconds":600}'; }
check 'it serves' made
worked() {
	local jobs=() job
	curl -sf -o "$out" -X POST -H 'Content-Type: application/json' -d '{}' "$base/extract" &
	jobs+=($!)
	"$load" "$port" publish 1 16 4 >"$out.1" &
	jobs+=($!)
	"$load" "$port" publish 100 4 4 >"$out.2" &
	jobs+=($!)
	"$load" "$port" push 4 >"$out.3" &
	jobs+=($!)
	"$load" "$port" get 8 4 >"$out.4" &
	jobs+=($!)
	for ((i = 0; i < 20; i++)); do
		for page in metrics readyz healthz api/dead; do curl -s -o /dev/null "$base/$page" || return 1; done
		sleep 0.2
	done
	for job in "${jobs[@]}"; do wait "$job" || return 1; done
	"$load" "$port" drain 100 8 >"$out"
}
check 'clients of every kind at once are answered' worked
built() {
	for ((i = 0; i < 600; i++)); do
		[[ ! -e $home/warehouse.duckdb ]] || return 0
		sleep 0.1
	done
	return 1
}
check 'what was extracted is built beside them' built
stopped() { kill -TERM "$pid" && wait "$pid" && pid=''; }
check 'it stops when asked' stopped
clean() {
	local ours=()
	mapfile -t ours < <(grep -lE '^SUMMARY: .* src/' "$TEST_TMP"/report.* 2>/dev/null)
	[[ ! -e $TEST_TMP/report.$daemon ]] || ours+=("$TEST_TMP/report.$daemon")
	[[ ${#ours[@]} == 0 ]] || { head -n 60 "${ours[@]}"; return 1; }
}
check 'no thread touched what another one wrote' clean
plan
