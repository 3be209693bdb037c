#!/usr/bin/env bash
# timeout: 600
# Dead letters as a person meets them: made by runs over broken pages and by messages of others, listed, shown on a terminal,
# mended by file, standard input and editor, replayed, dropped; killed at every step of an edit; two editors at once.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
list=0DeadTestPlaylist00001 recorded=$TEST_TMP/recorded
raw=$home/raw/playlist_id=$list
cd "$TEST_TMP"

page() { # OFFSET COUNT TOTAL
	local i
	printf '{"offset":%d,"total":%d,"next":null,"items":[' "$1" "$3"
	for ((i = $1; i < $1 + $2; i++)); do
		if ((i > $1)); then printf ,; fi
		printf '{"added_at":null,"is_local":false,"track":{"type":"track","id":"track%d","name":"Track %d","uri":"spotify:track:track%d","artists":[{"id":"a%d","name":"Artist %d"}],"album":{"id":"b1","name":"B"}}}' $i $i $i $((i % 3)) $((i % 3))
	done
	printf ']}'
}
day() { # DAY: two good pages
	mkdir -p "$recorded/$list/2026-01-$1T00-10-00Z"
	page 0 2 4 >"$recorded/$list/2026-01-$1T00-10-00Z/page-0000.json"
	page 2 2 4 >"$recorded/$list/2026-01-$1T00-10-00Z/page-0001.json"
}
says() { grep -qE -e "$1" "$out" || { echo "# lacks: $1"; return 1; }; }
on() { sargam "$@" && [[ $status == 0 ]]; }

for d in 01 02 03 04 05 06; do day "$d"; done
second() { echo "$recorded/$list/2026-01-$1T00-10-00Z/page-0001.json"; }
page 2 2 4 >good.json
page 2 3 5 >longer.json
head -c 100 good.json >"$(second 02)"
printf '{"items":[{"track":{"name":"\033[31mred\033]0;title\007 \342\200\256evil' >"$(second 03)"
printf '\377\376\000binary\n' >"$(second 04)"
page 1 2 4 >"$(second 05)"

# --- list and show ---

sargam run --source "dir:$recorded"
listed() { on dead list && [[ $(wc -l <"$out") == 4 ]] && grep -q '^3 of reason invalid_json' "$err" && grep -q '^1 of reason inconsistent_pages' "$err"; }
check 'list has each letter, and how many of each reason' listed
chosen() { on dead list --reason inconsistent_pages && [[ $(cut -f1 "$out") == "inconsistent_pages/$list.20260105T001000Z" ]] && on dead list --playlist other && [[ ! -s $out ]] && on dead list --reason ../raw && [[ ! -s $out ]]; }
check 'by reason and by playlist' chosen
as_json() { on dead list --format json && python3 -c 'import json,sys; l=json.load(sys.stdin); assert len(l)==4 and all(x["attempts"]==1 and x["firstAt"] and x["lastAt"] for x in l)' <"$out"; }
check 'as JSON, with attempts, first and last time' as_json
as_table() { on_terminal 120 dead list && says 'letter.* +.*tried.* +.*last.* +.*detail' && says 'invalid_json/.* +1 +20.* page 1: '; }
check 'as a table on a terminal' as_table
calm() { ! grep -q $'\033\\[31m\|\033\\]0\|\007\|\342\200\256\|\377' "$out"; }
hostile() { on_terminal 120 dead show "invalid_json/$list.20260103" && says '^00000010 .* 1b 5b 33 31 +k' && calm && on_terminal 120 dead show "invalid_json/$list.20260104" && says '^00000000  ff fe 00 62' && calm; }
check 'hostile bytes do nothing to a terminal' hostile
exact() { on dead show "invalid_json/$list.20260104" --raw && cmp "$out" "$(second 04)"; }
check 'but are printed as they are when asked for' exact
check 'an option of another verb' fails 2 'force is not for it' dead list --force
check 'neither a name nor a choice' fails 2 'want a NAME, or --reason' dead replay
check 'both' fails 2 'not both' dead drop --all x
check 'a part that is none' fails 2 "want the number of a page" dead edit x --part two
check 'an attribute without a value' fails 2 'want KEY=VALUE' dead edit x --attr two
check 'a format that is none' fails 2 'want table, lines or json' dead list --format xml

# --- edit ---

tree() { (cd "$home" && find . -path './raw/*' -o -path './quarantine/*' -o -path './mended/*' -o -path './dropped/*' | sort | while read -r f; do [[ ! -f $f ]] || sha256sum "$f"; done); }
before=$(tree)
check 'without a terminal there is no editor' fails 1 'data FILE' dead edit "invalid_json/$list.20260102"
unusable() { head -c 50 good.json >bad.json && sargam dead edit "invalid_json/$list.20260102" --data bad.json && [[ $status == 1 ]] && grep -q 'still be unusable: invalid_json' "$err" && [[ $(tree) == "$before" ]]; }
check 'what would still be unusable is refused' unusable
dry() { on dead edit "invalid_json/$list.20260102" --data good.json --dry-run && says '^usable +the snapshot has 4 items' && says '^goes +invalid_json.* with the next run' && [[ $(tree) == "$before" ]]; }
check 'a dry run says what goes and writes nothing' dry
by_file() { on dead edit "invalid_json/$list.20260102" --data good.json && says 'revision 1' && [[ -e $raw/snapshot_at=20260102T001000Z/manifest.rev-1.json ]]; }
check 'by file' by_file
kept() { diff <(printf '%s\n' "$before") <(tree) | grep -q '^<' && return 1; return 0; }
check 'nothing that was there has changed' kept
again() { before=$(tree) && on dead edit "invalid_json/$list.20260102" --data good.json && says 'nothing changes' && [[ $(tree) == "$before" ]]; }
check 'twice is once' again
by_stdin() { status=0 && "$SARGAM" --home "$home" dead edit "invalid_json/$list.20260103" --data - >"$out" 2>"$err" <good.json || status=$?; [[ $status == 0 ]] && says 'revision 1'; }
check 'by standard input' by_stdin
export EDITOR="cp '$TEST_TMP/good.json'"
by_editor() { on_terminal 120 dead edit "invalid_json/$list.20260104" && [[ $status == 0 ]] && says 'revision 1' && ! compgen -G "$home/dead-edit*" >/dev/null; }
check 'by the editor' by_editor
page 0 2 4 >overlap.json
lost() { EDITOR="cp '$TEST_TMP/overlap.json'" on_terminal 120 dead edit inconsistent_pages && [[ $status == 1 ]] && says 'what you wrote is kept' && cmp "$home"/dead-edit-*.json overlap.json && rm "$home"/dead-edit-*; }
check 'what was written in the editor and refused is not lost' lost
failing() { EDITOR=false on_terminal 120 dead edit inconsistent_pages && [[ $status == 1 ]] && says 'ended in trouble' && rm "$home"/dead-edit-*; }
check 'an editor that fails changes nothing' failing
mended_rows='chart_date,entries
2026-01-01,4
2026-01-02,4
2026-01-03,4
2026-01-04,4
2026-01-06,4'
on run --source "dir:$recorded"
check 'a run has the mended rows in the charts' prints "$mended_rows" query --format csv 'SELECT chart_date, entries FROM CHART_DAY ORDER BY chart_date'
taken_back() { on dead list && [[ $(cut -f1 "$out") == "inconsistent_pages/$list.20260105T001000Z" ]]; }
check 'and takes the letters back' taken_back
check 'equal to a rebuild from raw' on rebuild --check
revision='revision,n
0,2
1,3'
check 'which snapshots were mended is a column' prints "$revision" query --format csv 'SELECT revision, COUNT(*) AS n FROM BRONZE_SNAPSHOT GROUP BY revision ORDER BY revision'
counted() { on dead replay inconsistent_pages && on run --source "dir:$recorded" && on dead show inconsistent_pages && says '^attempts +[2-9]'; }
check 'a snapshot that is tried again and still bad counts it' counted

# --- killed at every step ---

killed_everywhere() {
	local n=0 got
	cp -a "$home" pristine
	while ((++n < 400)); do
		rm -rf victim && cp -a pristine victim
		got=0
		{ SARGAM_FAULT="kill:*:$n" "$SARGAM" --home victim dead edit inconsistent_pages --data longer.json >"$out" </dev/null || got=$?; } 2>/dev/null
		"$SARGAM" --home victim dead edit inconsistent_pages --data longer.json >"$out" 2>"$err" </dev/null || { echo "# after kill $n"; return 1; }
		[[ $(find "victim/raw/playlist_id=$list/snapshot_at=20260105T001000Z" -name 'manifest.rev-*' | wc -l) == 1 ]] || { echo "# after kill $n"; return 1; }
		[[ $(find victim/raw -name '*.json' | wc -l) == $(($(find pristine/raw -name '*.json' | wc -l) + 2)) ]] || { echo "# after kill $n"; return 1; }
		((got == 137)) || break
	done
	echo "# $((n - 1)) kills"
	((n > 10 && n < 400))
}
check 'killed at any step: once more ends the same, with one revision' killed_everywhere
built() { status=0 && "$SARGAM" --home victim run --source "dir:$recorded" >"$out" 2>"$err" && "$SARGAM" --home victim rebuild --check >"$out" 2>"$err" && ! "$SARGAM" --home victim dead list 2>"$err" | grep -q .; }
check 'and its charts equal a rebuild from raw' built

# --- two editors at once ---

two_at_once() {
	local i a b ok told revisions
	for i in 1 2 3 4 5; do
		rm -rf victim && cp -a pristine victim
		"$SARGAM" --home victim dead edit inconsistent_pages --data good.json >a.out 2>a.err </dev/null & a=$!
		"$SARGAM" --home victim dead edit inconsistent_pages --data longer.json >b.out 2>b.err </dev/null & b=$!
		ok=0 told=0
		if wait $a; then ok=$((ok + 1)); else told=$((told + 1)); fi
		if wait $b; then ok=$((ok + 1)); else told=$((told + 1)); fi
		revisions=$(find victim/raw -path '*20260105*' -name 'manifest.rev-*' | wc -l)
		[[ $revisions == "$ok" && $ok -ge 1 ]] || { cat a.err b.err; return 1; }
		((told == 0)) || grep -q 'somebody else meanwhile' a.err b.err || { cat a.err b.err; return 1; }
	done
}
check 'of two at once none overwrites the other unseen' two_at_once

# --- messages of others ---

log=$TEST_TMP/log pid=''
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true' EXIT
publish() { # FILE with the request
	: >"$log"
	"$SARGAM" --home "$home" serve --bus-only --port 0 >"$log" 2>&1 </dev/null &
	pid=$!
	await_serve
	curl -sf -o "$out" -X POST -H 'Content-Type: application/json' "$served_at/v1/projects/sargam/topics/Spotify-etl:publish" -d @"$1"
	kill -TERM "$pid" && wait "$pid"
	pid=''
}
message() { # ATTRIBUTES: a page of the seventh, its attributes as JSON members
	printf '{"data":"%s","attributes":{"type":"playlist_page","playlist_id":"%s","snapshot_at":"2026-01-07T00:10:00Z"%s}}' "$(printf '{"items":[],"total":0}' | base64 -w0)" "$list" "$1"
}
rm -rf "$home/quarantine/inconsistent_pages"
printf '{"messages":[%s,%s]}' "$(message ',"page":"none","evil":"\u001b[31m"')" "$(message ',"page":"1","schema_version":"9"')" >bad-messages.json
sent() { publish bad-messages.json && sargam ingest && on dead list && [[ $(cut -d/ -f1 "$out" | tr '\n' ' ') == 'bad_attributes schema_version ' ]]; }
check 'a message that cannot be used is a letter' sent
shown() { on_terminal 120 dead show bad_attributes && says 'attribute +evil = ␛\[31m' && says '^attempts +1' && calm; }
check 'shown with its attributes, harmlessly' shown
come_back() { on dead replay bad_attributes && on ingest && on dead show bad_attributes && says '^attempts +2'; }
check 'replayed as it is it comes back, counted' come_back
check 'an attribute that is still wrong is refused' fails 1 'page is missing' dead edit bad_attributes --attr page=-1
mend() { on dead edit bad_attributes --attr page=0 --remove-attr evil && says 'goes +bad_attributes.* with replay' && on dead show bad_attributes && says 'mended to +page = 0'; }
check 'its attributes are mended' mend
gone() { on dead edit schema_version --attr schema_version=1 && on dead replay --playlist "$list" && says 'published again' && on ingest && on dead list && [[ ! -s $out ]] && [[ $(find "$raw/snapshot_at=20260107T001000Z" -type f | wc -l) == 2 ]]; }
check 'replay by playlist sends what was mended, and the letters are gone' gone
killed_replay() {
	local n=0 got verb
	printf '{"messages":[%s]}' "$(message ',"page":"none","evil":"yes"')" >one.json
	publish one.json && on ingest && on dead edit bad_attributes --attr page=2 --remove-attr evil || return 1
	rm -rf pristine && cp -a "$home" pristine
	while ((++n < 400)); do
		rm -rf victim && cp -a pristine victim
		got=0
		{ SARGAM_FAULT="kill:*:$n" "$SARGAM" --home victim dead replay bad_attributes >"$out" </dev/null || got=$?; } 2>/dev/null
		{ SARGAM_FAULT="kill:*:$((2 * n))" "$SARGAM" --home victim ingest >"$out" </dev/null || got=$?; } 2>/dev/null
		for verb in 'dead replay --all' ingest 'dead list'; do
			# shellcheck disable=SC2086
			"$SARGAM" --home victim $verb >"$out" 2>"$err" </dev/null || { echo "# after kill $n: $verb"; return 1; }
		done
		[[ ! -s $out && $(find "victim/raw/playlist_id=$list/snapshot_at=20260107T001000Z" -name 'page-00002*' | wc -l) == 1 ]] || { echo "# after kill $n"; return 1; }
		((got == 137)) || break
	done
	echo "# $((n - 1)) times"
	((n > 5 && n < 400)) && on dead replay bad_attributes && on ingest
}
check 'replay and ingest killed at any step: once more, and the letter is answered' killed_replay
{
	printf '{"messages":['
	for ((i = 0; i < 300; i++)); do if ((i)); then printf ,; fi; message ",\"page\":\"x$i\""; done
	printf ']}'
} >many.json
many() { publish many.json && on ingest && on dead list && [[ $(wc -l <"$out") == 300 ]] && on dead replay --all && [[ $(wc -l <"$out") == 300 ]] && on ingest && on dead list --reason bad_attributes && [[ $(wc -l <"$out") == 300 ]] && on dead show "$(sed -n 7p "$out" | cut -f1)" && says '^attempts +2'; }
check 'hundreds are replayed and come back, counted' many
dropped() { on dead drop --reason bad_attributes --why 'a test' && on dead list && [[ ! -s $out ]] && grep -rqs '"dropped_why": "a test"' "$home/dropped" && publish many.json && on ingest && on dead list && [[ ! -s $out ]]; }
check 'dropped with a reason they stay away' dropped
plan
