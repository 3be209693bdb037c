#!/usr/bin/env bash
# What reads a stranger's bytes, under libFuzzer: each target for some seconds, from its seeds and what earlier runs have kept.
#
#   tests/fuzz/fuzz.sh [SECONDS [NAME...]]    5 seconds each, all of tests/fuzz/fuzz_*.c
#
# An input that breaks a promise is kept: build/fuzz/NAME-crash-*; `build/fuzz/fuzz_NAME FILE` shows it again.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."
seconds=${1:-5}
out=build/fuzz
shift || true
make -s -j"$(nproc)" CFG=fuzz fuzzers
if [[ $# -eq 0 ]]; then
	for target in tests/fuzz/fuzz_*.c; do set -- "$@" "$(basename "${target#tests/fuzz/fuzz_}" .c)"; done
fi

seeds() { # NAME: folders with inputs to begin with
	case $1 in
	reader) echo tests/golden/pages ;;
	*) [[ ! -d tests/fuzz/seeds/$1 ]] || echo "tests/fuzz/seeds/$1" ;;
	esac
}
dictionary() { # NAME
	local file=tests/fuzz/$1.dict
	[[ $1 != reader ]] || file=tests/fuzz/json.dict
	[[ ! -e $file ]] || echo "-dict=$file"
}

echo "1..$#"
n=0 failed=0
for name; do
	n=$((n + 1))
	log=$out/$name.log
	mkdir -p "$out/corpus/$name"
	# print_funcs: the names of new functions cost a symbolizer's start each
	# shellcheck disable=SC2046
	if "$out/fuzz_$name" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 -print_funcs=0 -print_final_stats=1 \
		-artifact_prefix="$out/$name-" $(dictionary "$name") "$out/corpus/$name" $(seeds "$name") >"$log" 2>&1; then
		echo "ok $n - fuzz_$name keeps its promises"
		printf '# note: %s: %s inputs in %s s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds"
	else
		echo "not ok $n - fuzz_$name keeps its promises"
		tail -n 60 "$log" | sed 's/^/# /'
		failed=1
	fi
done
exit "$failed"
