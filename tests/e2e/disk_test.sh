#!/usr/bin/env bash
# A real disk that is full or read-only (a small tmpfs): a clear error, and the next run with room finishes the work.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

disk=$TEST_TMP/disk
mkdir -p "$disk"
if ! mount -t tmpfs -o size=64m tmpfs "$disk" 2>/dev/null; then
	echo "ok 1 - a full disk # SKIP needs the right to mount"
	echo "1..1"
	exit 0
fi
trap 'umount "$disk"' EXIT

small=(--sample-days 6 --task-attempts-max 1)
home=$TEST_TMP/whole
sargam run "${small[@]}"
dump() { "$SARGAM" --home "$1" query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY ALL'; }
dump "$home" >"$TEST_TMP/want"

full() { # full KIB: a run on so much room fails and says why; with room the next one is done and whole
	rm -rf "${disk:?}"/*
	mount -o remount,size="$1k" "$disk" || return 1
	sargam run "${small[@]}"
	if [[ $status == 0 ]]; then # it was enough
		enough=$1
		return 0
	fi
	[[ $status == 1 ]] && grep -qiE 'no space left|disk is full|database or disk is full|out of' "$err" || return 1
	mount -o remount,size=64m "$disk"
	sargam run "${small[@]}"
	[[ $status == 0 ]] && dump "$home" | cmp -s - "$TEST_TMP/want" || return 1
	sargam rebuild --check
	[[ $status == 0 ]]
}
home=$disk/home
enough=0 tried=0
for ((kib = 64; enough == 0 && kib < 65536; kib = kib * 8 / 5)); do
	check "a disk of $kib KiB" full "$kib"
	tried=$((tried + 1))
done
check 'the disk was full at many different steps' [ "$tried" -ge 8 ]

mount -o remount,size=64m "$disk"
rm -rf "${disk:?}"/*
sargam run "${small[@]}"
mount -o remount,ro "$disk"
read_only() { fails 1 "$home" run "${small[@]}" && grep -qiE 'read-?only' "$err"; }
check 'a run on a read-only home says so and names it' read_only
still() { dump "$home" | cmp -s - "$TEST_TMP/want"; }
check 'a read-only home can still be queried' still
mount -o remount,rw "$disk"
plan
