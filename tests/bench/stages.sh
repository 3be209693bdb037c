#!/usr/bin/env bash
# Stage by stage: what each one did, wall and CPU seconds, MB of pages a CPU second, peak memory. Then a whole `run` in one
# process, and a second one with nothing new.
set -euo pipefail
here=${BASH_SOURCE[0]%/*}

# figures: wall user sys peak_kib; out: the command's last line
measure() {
	out=$(python3 "$here/measure.py" "$@" 3>"$TEST_TMP/figures" 2>/dev/null | tail -n 1)
	read -r wall user sys peak <"$TEST_TMP/figures"
	cpu=$(awk -v a="$user" -v b="$sys" 'BEGIN { printf "%.2f", a + b }')
}

row() { # name megabytes what
	awk -v name="$1" -v mb="$2" -v wall="$wall" -v cpu="$cpu" -v peak="$peak" -v what="$3" 'BEGIN {
		speed = ""
		if (mb > 0 && cpu > 0) speed = sprintf("%.1f", mb / cpu)
		printf "| %s | %.2f | %.2f | %s | %d | %s |\n", name, wall, cpu, speed, peak / 1024, what }'
}

bench() { # title, then the arguments that name a source
	local title=$1 home=$TEST_TMP/home stage megabytes
	shift
	rm -rf "$home"
	printf '%s\n\n| stage | wall s | CPU s | MB/CPU s | peak MiB | what |\n|---|---|---|---|---|---|\n' "$title"
	for stage in extract ingest bronze gold load verify publish; do
		if [[ $stage == extract ]]; then measure "$SARGAM" --home "$home" extract "$@"; else measure "$SARGAM" --home "$home" "$stage"; fi
		megabytes=0
		[[ $stage != @(ingest|bronze) ]] || megabytes=$(find "$home/raw" -name 'page-*' -printf '%s\n' | awk '{ s += $1 } END { print s / 1e6 }')
		row "$stage" "$megabytes" "${out#"$stage: "}"
	done
	rm -rf "$home"
	measure "$SARGAM" --home "$home" run "$@"
	row "run, all in one process" "$megabytes" ""
	measure -n 9 "$SARGAM" --home "$home" run "$@"
	row "run again, nothing new (median of 9)" 0 ""
	measure "$SARGAM" --home "$home" rebuild --check
	row "rebuild --check" 0 "$out"
	printf '\n'
}

bench "The invented sample" --source sample
[[ -z ${SARGAM_SHARED:-} ]] || bench "63 recorded snapshots" --source "dir:$SARGAM_SHARED/data/recorded"
bench "A year of the invented sample" --source sample --sample-days 365
