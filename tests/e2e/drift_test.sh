#!/usr/bin/env bash
# sargam drift: recorded pages whose fields come and go from one day to the next, what is told of them, and what the policy does.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

not_yet() { fails 1 'does not exist yet: *sargam run* makes it' drift && [[ ! -e $home ]]; }
check 'a home that is not there: the next step, and nothing made' not_yet
mkdir -p "$home"
no_bronze() { fails 1 'no snapshot has been read yet: run *sargam run* first' drift && [[ -z $(ls -A "$home") ]]; }
check 'nothing read yet: the next step, and nothing made' no_bronze

recorded=$TEST_TMP/recorded
# day PLAYLIST DAY [EXPRESSION]: twelve tracks; EXPRESSION changes the item `i` (its track is `t`)
day() {
	mkdir -p "$recorded/$1/2026-03-$2T06-00-00Z"
	python3 - "${3:-}" >"$recorded/$1/2026-03-$2T06-00-00Z/page-0000.json" <<'END'
import json, sys
items = []
for n in range(12):
    t = {"type": "track", "id": f"t{n}", "name": f"Song {n}", "uri": f"spotify:track:t{n}", "popularity": 50 + n, "duration_ms": 200000, "explicit": False,
         "external_ids": {"isrc": f"INX0{n}"}, "artists": [{"id": "a", "name": "A"}], "album": {"id": "b", "name": "B", "images": []}}
    i = {"added_at": "2026-03-01T00:00:00Z", "track": t}
    exec(sys.argv[1])
    items.append(i)
json.dump({"offset": 0, "total": 12, "next": None, "items": items}, sys.stdout)
END
}
run() { sargam run --source "dir:$recorded" "$@"; }
published() { sha256sum <"$home/warehouse.duckdb"; }

for p in one two three; do day $p 08; done
run
check 'three lists run' [ "$status" = 0 ]
quiet() { ! grep -q drift "$err" && grep -q '^verify   55 checks passed' "$out"; }
check 'nothing drifts: no warning, no other check' quiet
none() { sargam drift; [[ $status == 0 && ! -s $out && $(<"$err") == 'none of 27 watched fields drifts in 3 playlists' ]]; }
check 'nothing drifts: it is said' none
header='field,what,drifts,since_date,since,playlists,of_playlists,first_playlist,policy,depends_on'
csv_none() { prints "$header" drift --format csv; }
check 'nothing drifts: csv has its header' csv_none
json_none() { prints $'[\n]' drift --format json; }
check 'nothing drifts: json is an empty array' json_none

# --- a warning

day one 09 'del t["popularity"]'
day two 09 't["popularity"] = None; n % 3 or t.pop("external_ids")'
day three 09 'n == 0 and t.update(popularity="high"); t["restrictions"] = {"reason": "market"}'
run
warned() {
	[[ $status == 0 ]] && grep -q '^publish  published' "$out" && [[ $(grep -c drift "$err") == 1 ]] &&
		grep -q 'track.popularity vanished in 2 of 3 playlists since 2026-03-09: .sargam drift. tells what depends on it' "$err"
}
check 'a field that vanished is one warning of run, and the rest is published' warned
table='field             what      since       lists   policy  depends on
----------------  --------  ----------  ------  ------  ------------------------------------------------------------------------------------------
track.popularity  vanished  2026-03-09  2 of 3  warn    BRONZE_ENTRY.popularity, CHART_HISTORY.popularity, TRACK.popularity, TRACK_INFO.popularity'
table() { prints "$table" drift && [[ $(<"$err") == '1 of 27 watched fields drifts' ]]; }
check 'the table: what, since when, where, what depends on it; a few odd items and restrictions are no drift' table
csv="$header
track.popularity,vanished,true,2026-03-09,2026-03-09T06:00:00Z,2,3,one,warn,\"BRONZE_ENTRY.popularity, CHART_HISTORY.popularity, TRACK.popularity, TRACK_INFO.popularity\""
csv() { prints "$csv" drift --format csv && [[ ! -s $err ]]; }
check 'csv' csv
run
again() { [[ $status == 0 ]] && ! grep -q drift "$err" && grep -q 'nothing staged' "$out"; }
check 'a run with nothing new looks at nothing' again

# --- a failure

day one 10 'del t["popularity"]; t["explicit"] = "no"'
day two 10 'del t["popularity"]'
day three 10 'del t["name"]'
before=$(published)
run --drift-policy 'track.name=fail, track.explicit = fail'
failed() {
	[[ $status == 1 && $(published) == "$before" ]] && ! grep -q '^publish' "$out" &&
		grep -q 'error: verify: track.name vanished in three since 2026-03-10, track.explicit changed type in one since 2026-03-10, and the setting drift_policy says fail: .*sargam drift.*the published version stays' "$err"
}
check 'a field whose policy is fail fails the audit: field, list, date and next step; the published version stays' failed
unpublished() { fails 1 '' publish && [[ $(published) == "$before" ]]; }
check 'nor can it be published by hand' unpublished
export SARGAM_DRIFT_POLICY=track.name=fail,track.explicit=fail
run
check 'the next run fails as well' [ "$status" = 1 ]
three='field             what          since       lists   policy  depends on
track.name        vanished      2026-03-10  1 of 3  fail
track.explicit    changed type  2026-03-10  1 of 3  fail
track.popularity  vanished      2026-03-09  2 of 3  warn'
report() {
	sargam drift
	[[ $status == 1 && $(sed 2d "$out" | sed 's/ *BRONZE.*//') == "$three" ]] &&
		grep -qF 'track.name vanished in three since 2026-03-10, track.explicit changed type in one since 2026-03-10, and the setting drift_policy says fail' "$err"
}
check 'drift: exit status 1, fields that fail first' report
worst_first() { sargam drift --drift-policy track.popularity=fail; [[ $status == 1 && $(sed -n 3p "$out") == track.popularity* && $(sed -n 4p "$out") == track.name* ]]; }
check 'whichever they are' worst_first
verify() { sargam verify; [[ $status == 1 ]] && grep -q '^FAILED drift' "$out" && grep -q '0 checks passed, 1 failed' "$out"; }
check 'verify names the check' verify
rebuild() { sargam rebuild --check; [[ $status == 1 && $(<"$err") != *drift* ]] && grep -q 'rows differ from a rebuild' "$err"; }
check 'rebuild --check compares all the same' rebuild
run --drift-policy '*=fail,track.name=warn,track.explicit=warn,track.popularity=warn'
let_go() { [[ $status == 0 && $(published) != "$before" ]] && grep -q '^verify   56 checks passed' "$out" && [[ $(grep -c 'warning.*drift' "$err") == 1 ]]; }
check 'with warn it is published all the same; that others would fail is a check of its own' let_go

# --- back again

day one 11
day two 11 't["popularity"] = float(n)'
day three 11 'i["item"] = i.pop("track")'
run
check 'fields that are back: the run is done' [ "$status" = 0 ]
back() { sargam drift; [[ $status == 0 && ! -s $out && $(<"$err") == 'none of 27 watched fields drifts in 3 playlists; '*'sargam drift --all'*' lists 8 older events, too' ]]; }
check 'and nothing drifts; another shape of the items is none' back
all='since_date,field,what,is_last,drifts,policy,playlist_id
2026-03-09,track.popularity,vanished,false,false,warn,one
2026-03-09,track.popularity,vanished,false,false,warn,two
2026-03-10,track.explicit,changed_type,false,false,fail,one
2026-03-10,track.name,vanished,false,false,fail,three
2026-03-11,track.explicit,came_back,true,false,fail,one
2026-03-11,track.popularity,came_back,true,false,warn,one
2026-03-11,track.name,came_back,true,false,fail,three
2026-03-11,track.popularity,came_back,true,false,warn,two'
all() { sargam drift --all --format csv; [[ $status == 0 && $(cut -d, -f1,3-8 "$out") == "$all" ]]; }
check '--all: every event of every list, oldest first' all
json() {
	sargam drift --all --format json
	python3 - "$out" <<'END'
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 8 and rows[0]["since"] == "2026-03-09T06:00:00Z" and rows[0]["is_last"] is False and "TRACK.popularity" in rows[0]["depends_on"]
END
}
check '--all: json' json
day one 12 'i["added_by"] = {"id": "me"}'
run
appeared() { sargam drift; [[ $status == 0 && $(sed -n 3p "$out") == 'added_by.id  appeared  2026-03-12  1 of 3  -       BRONZE_ENTRY.added_by_id' ]]; }
check 'a field that is new is told, and is no drift' appeared
json_type() { sargam drift --format json; [[ $(sed -n 2p "$out") == *'"what":"appeared","drifts":false,"since_date":"2026-03-12"'*'"playlists":1,"of_playlists":3'* ]]; }
check 'json: numbers and booleans typed' json_type

# --- on a terminal

day two 13 't["popularity"] = None'
run
narrow() {
	on_terminal 80 drift
	[[ $status == 0 && $(sed -n 3p "$out") == *track.popularity* && $(sed -n 4p "$out") == *added_by.id* ]] && grep -q $'\033\[33mvanished (null)' "$out" && grep -q $'\033\[32mappeared' "$out" && grep -q '…' "$out" &&
		[[ $(sed 's/\x1b\[[0-9;]*m//g' "$out" | wc -L) -le 80 ]] && grep -q 'depends on' "$out" && on_terminal 80 drift --all && grep -q playlist "$out"
}
check 'on a terminal: colours, and lines of its width with every column' narrow
plain() { NO_COLOR=1 on_terminal 90 drift; [[ $status == 0 ]] && ! grep -q $'\033' "$out"; }
check 'NO_COLOR: no escape sequences' plain
red() { SARGAM_DRIFT_POLICY='*=fail' on_terminal 120 drift; [[ $status == 1 ]] && grep -q $'\033\[31mfail' "$out"; }
check 'what fails is red' red

# --- asked wrongly

unset SARGAM_DRIFT_POLICY
field() { fails 2 "setting drift_policy: 'track.popularty' is no watched field; there are \* added_at *track.album.release_date_precision" drift --drift-policy track.popularty=fail; }
check 'a field that is not watched: exit status 2, and the known ones' field
word() { fails 2 "'track.name=stop': want track.name=warn or track.name=fail" run --drift-policy track.name=stop; }
check 'an unknown word, before anything is done' word
in_file() { echo 'drift_policy = nonsense' >"$TEST_TMP/conf" && fails 2 "'nonsense' is no watched field" --config "$TEST_TMP/conf" config; }
check 'in a configuration file' in_file
format() { fails 2 "'parquet': known are table, csv and json" drift --format parquet; }
check 'an unknown format: the known ones' format
words() { fails 2 "'x' is one word too many" drift x; }
check 'words' words
rm "$home"/bronze/bronze_credit/playlist_group=two/chart_month=2026-03/part-0.parquet
torn() { fails 1 'bronze of two, 2026-03 is torn: *sargam bronze* mends it' drift; }
check 'a torn partition: the next step' torn
sargam bronze
mended() { sargam drift; [[ $status == 0 && -s $out ]]; }
check 'and that is right' mended
plan
