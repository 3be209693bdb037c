#!/usr/bin/env bash
# The live source against the simulator on loopback, without its pause between requests: what a snapshot costs on this side, in
# requests and CPU; and an unchanged list, which is answered 304.
set -euo pipefail
here=${BASH_SOURCE[0]%/*} pid=''
trap '[[ -z $pid ]] || kill "$pid"' EXIT

measure() { # NAME COMMAND...
	local name=$1 out wall user sys peak
	out=$(python3 "$here/measure.py" "${@:2}" 3>"$TEST_TMP/figures" 2>/dev/null | tail -n 1)
	read -r wall user sys peak <"$TEST_TMP/figures"
	awk -v wall="$wall" -v user="$user" -v sys="$sys" -v peak="$peak" -v name="$name" -v out="${out#extract: }" \
		'BEGIN { printf "| %s | %.2f | %.2f | %d | %s |\n", name, wall, user + sys, peak / 1024, out }'
}

bench() { # TITLE LISTS SIZE
	local home=$TEST_TMP/home list args=()
	"$SARGAM" simulate --playlists "$2" --size "$3" --days 2 --shape both >"$TEST_TMP/simulator" 2>/dev/null </dev/null &
	pid=$!
	until [[ $(grep -c '^playlist' "$TEST_TMP/simulator") == "$2" ]]; do sleep 0.1; done
	eval "$(grep ^export "$TEST_TMP/simulator")"
	export SARGAM_SPOTIFY_GAP_MS=0
	while read -r _ list _; do args+=(--playlist "$list"); done < <(grep '^playlist' "$TEST_TMP/simulator")
	measure "$1" "$SARGAM" --home "$home" extract --source spotify "${args[@]}"
	"$SARGAM" --home "$home" ingest >/dev/null 2>&1
	measure "$1, unchanged" "$SARGAM" --home "$home" extract --source spotify "${args[@]}"
	rm -rf "$home"
	measure "$1, needed fields only" "$SARGAM" --home "$home" extract --source spotify --spotify-bodies fields "${args[@]}"
	rm -rf "$home"
	kill "$pid"
	wait "$pid" 2>/dev/null || true
	pid=''
}

printf '| what | wall s | CPU s | peak MiB | summary |\n|---|---|---|---|---|\n'
bench '100 lists of 50' 100 50
bench 'one list of 5,000' 1 5000
