#!/usr/bin/env bash
# Recorded pages of every broken kind between good ones: each is refused with its reason, the rest goes on, nothing is lost.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

list=$TEST_TMP/recorded/0BadInputPlaylist00001
day=0

item() { printf '{"track":{"type":"track","id":"%s","name":"%s","uri":"spotify:track:%s","artists":[{"id":"a%s","name":"A"}],"album":{"id":"b","name":"B"}}}' "$1" "$1" "$1" "$1"; }
items() { # items FROM COUNT
	local i
	for ((i = $1; i < $1 + $2; i++)); do
		[[ $i == "$1" ]] || printf ','
		item "t$i"
	done
}
page() { printf '{"offset":%s,"total":%s,"next":null,"items":[%s]}' "$1" "$2" "$3"; } # page OFFSET TOTAL ITEMS

# snapshot NAME: the folder of the next day; its pages come on standard input of `put NAME PAGE`
at() {
	day=$((day + 1))
	folder=$list/$(date -u -d "2026-01-01 + $day days" +%Y-%m-%d)T00-10-00Z
	mkdir -p "$folder"
}
good() { at; page 0 10 "$(items 0 10)" >"$folder/page-0000.json"; }
bad=()
bad() { # bad REASON TEXT_OF_PAGE_0 [TEXT_OF_PAGE_1]
	at
	# shellcheck disable=SC2059 # the texts hold escapes for bytes
	printf "$2" >"$folder/page-0000.json"
	# shellcheck disable=SC2059
	[[ $# -lt 3 ]] || printf "$3" >"$folder/page-0001.json"
	bad+=("$1 $(basename "$folder")")
	good
}

good
bad invalid_json '{"offset":0,"items":['                                             # truncated
bad invalid_json ''                                                                  # 0 bytes
bad invalid_json '<html><body>502 Bad Gateway</body></html>'
bad invalid_json '{"offset":0,"total":1,"items":[{"track":{"id":"\xff\xfe"}}]}'      # not UTF-8
bad invalid_json '{"items":[{"track":{"name":"\\ud800"}}]}'                          # a lone surrogate
bad invalid_json "$(printf '[%.0s' {1..300})$(printf ']%.0s' {1..300})"              # nested too deep
bad no_items '{"error":{"status":404,"message":"Resource not found"}}'
bad no_items '{"offset":0,"total":1,"items":{"a":1}}'
bad bad_offset '{"offset":-1,"total":1,"items":[null]}'
bad inconsistent_pages "$(page 0 9000000000000000000 "$(items 0 10)")"
bad inconsistent_pages "$(page 0 20 "$(items 0 10)")" "$(page 9 20 "$(items 9 10)")" # overlapping
bad inconsistent_pages "$(page 0 20 "$(items 0 17)")"                                # fewer than 90 %%
bad inconsistent_pages "$(page 0 3 '')"
at; page 0 20 "$(items 0 10)" >"$folder/page-0000.json"; page 10 20 "$(items 10 10)" >"$folder/page-0002.json"
bad+=("extract_failed $(basename "$folder")") # page 1 is missing
at; truncate -s 100M "$folder/page-0000.json"
bad+=("extract_failed $(basename "$folder")") # 100 MB: refused before it is read
mkdir -p "$list/yesterday" "$TEST_TMP/recorded/.hidden"
: >"$list/notes.txt"
# odd, but usable: duplicate and unknown keys in any order, floats, wrong types, integers beyond 64 bits, both names, rejects of all kinds
at
odd='{"items":[{"zzz":[[[{}]]],"track":{"id":"old"},"track":{"uri":"spotify:track:x0","type":"track","name":"Odd","duration_ms":200000.0,"popularity":"high","disc_number":99999999999999999999,"explicit":1,"album":7,"artists":"A","id":"x0"}},'
odd+='{"track":null,"item":{"type":"track","id":"x1","name":"Both","uri":"u"}},null,{"track":null},{"is_local":true,"track":{"id":null,"uri":"spotify:local:a"}},'
odd+='{"track":{"type":"episode","id":"e","uri":"spotify:episode:e"}},{"track":{"type":"track","id":""}},{"track":{"type":"track","id":5}},"text"],"href":null,"total":9,"offset":0.0}'
printf '%s' "$odd" >"$folder/page-0000.json"
odd_day=$(basename "$folder")

sargam run --source "dir:$TEST_TMP/recorded"
check 'a run over broken pages is done' [ "$status" = 0 ]
letters() { grep -q "Not usable: ${#bad[@]} things" "$out"; }
check 'it says how many things could not be used' letters
sargam dead list
cp "$out" "$TEST_TMP/letters"
for b in "${bad[@]}"; do
	at=${b#* }
	want=$(printf '%s/0BadInputPlaylist00001.%s' "${b%% *}" "$(tr -d - <<<"$at")")
	check "${b%% *}: the snapshot of ${at%T*} is a dead letter with its reason" grep -qF "$want" "$TEST_TMP/letters"
done
count() { prints "n
$1" query --format csv "SELECT COUNT(*) AS n FROM $2"; }
check 'nothing else is a dead letter' [ "$(wc -l <"$TEST_TMP/letters")" = "${#bad[@]}" ]
check 'every good day is a chart day' count 15 CHART_DAY
check 'no row of a refused snapshot is left' count "$((14 * 10 + 2))" BRONZE_ENTRY
check 'all tracks of the good days never left' count 0 "CHART_EXIT WHERE chart_date <= DATE '2026-01-27'"
reasons='reason,n
episode,1
local_file,1
missing_id,1
null_item,2
wrong_type,2'
check 'every unusable item is a reject with its reason' prints "$reasons" query --format csv 'SELECT reason, COUNT(*) AS n FROM BRONZE_REJECT GROUP BY reason ORDER BY reason'
odd_row='track_name,duration_ms,popularity,disc_number,explicit,album_id
Odd,200000,,,,'
check 'fields of a wrong type are null, whole floats are integers' prints "$odd_row" query --format csv "SELECT track_name, duration_ms, popularity, disc_number, explicit, album_id FROM BRONZE_ENTRY WHERE track_id = 'x0'"
wrong='field,wrong_type
track.album.id,1
track.artists,1
track.disc_number,1
track.explicit,1
track.popularity,1'
check 'and they are counted' prints "$wrong" query --format csv "SELECT field, wrong_type FROM BRONZE_FIELD WHERE wrong_type > 0 AND snapshot_at = TIMESTAMPTZ '${odd_day%T*} 00:10:00+00' AND field IN ('track.album.id', 'track.artists', 'track.disc_number', 'track.explicit', 'track.popularity') ORDER BY field"
bytes() {
	sargam dead show --bytes "invalid_json/0BadInputPlaylist00001.$(tr -d - <<<"${bad[0]#* }")"
	[[ $status == 0 && $(<"$out") == '{"offset":0,"items":[' ]]
}
check 'the bytes of a refused page can be shown' bytes
check 'a dead letter that is not there: the next step' fails 1 'dead list' dead show nothing

sargam run --source "dir:$TEST_TMP/recorded" --strict
check '--strict: exit status 4 with dead letters' [ "$status" = 4 ]
sargam dead list
check 'a second run finds the same dead letters' diff "$TEST_TMP/letters" "$out"

# mend one at its source: raw is immutable, so it is the snapshot that never came that can come now
page 0 10 "$(items 0 10)" >"$list/$(printf '%s' "${bad[-1]#* }")/page-0000.json"
sargam run --source "dir:$TEST_TMP/recorded"
mended() { sargam dead list; ! grep -qF "$(tr -d - <<<"${bad[-1]#* }")" "$out" && [[ $(wc -l <"$out") == $((${#bad[@]} - 1)) ]]; }
check 'a snapshot the source can deliver at last is taken, its letter taken back' mended
sargam dead drop no_items/
check 'an ambiguous name: how many it fits' grep -q 'fits 2 dead letters' "$err"
dropped() {
	sargam dead drop "no_items/0BadInputPlaylist00001.$(tr -d - <<<"${bad[6]#* }")" && sargam rebuild && sargam dead list &&
		[[ $(wc -l <"$out") == $((${#bad[@]} - 2)) ]]
}
check 'a dropped letter does not come back, not even with a rebuild' dropped
replayed() {
	sargam dead replay "bad_offset/" && [[ $status == 0 ]] && sargam run --source "dir:$TEST_TMP/recorded" && sargam dead list &&
		grep -q bad_offset "$out"
}
check 'a replayed snapshot that is still wrong comes back' replayed
sargam rebuild --check
check 'the tables equal a rebuild from raw' [ "$status" = 0 ]
plan
