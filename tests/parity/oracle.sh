#!/usr/bin/env bash
# timeout: 1200
# The warehouse against an independent reader of the same pages (oracle.py, beside the recorded data): the eleven tables it
# knows, row by row, on the recorded history and on invented worlds full of oddities; then once more, when nothing may change.
#
# The worlds follow from SARGAM_SEED; `sargam-test --world-dump DIR SEED DAYS PLAYLISTS SIZE` writes one again.
set -euo pipefail

worlds=( # DAYS [PLAYLISTS SIZE]; none: the bundled sample
	'72'
	'45 5 40'
	'30 3 120'
	'61 9 12'
	'9 1 700'
)
oracle_tables=11
oracle=${SARGAM_SHARED:-../shared}/tools/oracle.py
if [[ ! -f $oracle ]]; then
	echo "ok 1 - oracle # SKIP needs ../shared"
	echo "1..1"
	exit 0
fi

try() { # NAME COMMAND...
	local out
	if out=$("${@:2}" 2>&1); then
		echo "ok - $1"
	else
		printf '# %s\n' "${out//$'\n'/$'\n'# }"
		echo "not ok - $1"
	fi
}

run() { "$SARGAM" --home "$1" run --source "dir:$2" </dev/null; }

# What a build leaves: every file but the logs of messages and runs, with its time of writing.
built() { (cd "$1" && find . -type f ! -name 'bus.db*' ! -name 'state.db*' ! -name '*lock' -printf '%p %s %T@ %i\n' | sort); }

same_as_oracle() { # LABEL DIR
	local home=$TEST_TMP/home before
	try "$1: run" run "$home" "$2"
	python3 tests/parity/compare.py "$oracle" "$2" "$home" "$1"
	before=$(built "$home")
	try "$1: a second run" run "$home" "$2"
	try "$1: which changes nothing" diff <(echo "$before") <(built "$home")
	python3 tests/parity/compare.py "$oracle" "$2" "$home" "$1, again"
	rm -rf "$home"
}

same_as_oracle recorded "${SARGAM_SHARED:-../shared}/data/recorded"
for i in "${!worlds[@]}"; do
	seed=$(((${SARGAM_SEED:-1} + i) % 1000000007))
	echo "# world $i: sargam-test --world-dump DIR $seed ${worlds[i]}"
	# shellcheck disable=SC2086 # one word or three
	build/asan/sargam-test --world-dump "$TEST_TMP/world" "$seed" ${worlds[i]}
	same_as_oracle "world $i" "$TEST_TMP/world"
	rm -rf "$TEST_TMP/world"
done
echo "1..$(((1 + ${#worlds[@]}) * (3 + 2 * oracle_tables)))"
