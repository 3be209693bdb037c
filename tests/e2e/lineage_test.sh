#!/usr/bin/env bash
# sargam lineage: from a row of every table to the bytes it came from, against the files themselves, and every way to ask wrongly.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

not_yet() { fails 1 'does not exist yet: *sargam run* makes it' lineage ARTIST x; }
check 'a home that is not there: the next step' not_yet
mkdir -p "$home"
unpublished() { fails 1 'nothing is published yet*sargam run' lineage ARTIST x; }
check 'nothing published: the next step' unpublished

sargam run --quiet
check 'the sample runs' [ "$status" = 0 ]

row() { # row SQL: the cells of one row, as words
	sargam query --format csv "$1 LIMIT 1"
	tail -n +2 "$out" | tr , ' '
}

# origins TABLE SQL: SQL gives the keys of a row and, last, how many origins it must have, from counts the table itself holds.
origins() {
	local -a key
	local want
	read -r -a key < <(row "$2")
	want=${key[-1]}
	unset 'key[-1]'
	sargam lineage "$1" "${key[@]}" --limit 100000
	[[ $status == 0 && $want -gt 0 && $(head -1 "$out") == "$1 ${key[*]} comes from $want origin"* && $(grep -cE '^[^ ]+ [0-9-]{10}T[0-9:]{8}Z, (the snapshot|position [0-9]+)$' "$out") == "$want" && ! -s $err ]] ||
		{ echo "# $1 ${key[*]}: want $want"; return 1; }
}
check 'CHART_HISTORY: its item' origins CHART_HISTORY 'SELECT playlist_id, chart_date, track_id, 1 FROM CHART_HISTORY ORDER BY track_id'
check 'TRACK: an item for each day on the chart' origins TRACK 'SELECT playlist_id, track_id, days_on_chart FROM TRACK ORDER BY days_on_chart DESC, track_id'
check 'TRACK_INFO: its item' origins TRACK_INFO 'SELECT playlist_id, id, 1 FROM TRACK_INFO ORDER BY id'
check 'CHART_DAY: the snapshot, its entries and rejects' origins CHART_DAY \
	'SELECT playlist_id, chart_date, 1 + entries + rejects + duplicates FROM CHART_DAY ORDER BY rejects DESC, duplicates DESC, playlist_id, chart_date'
check 'CHART_EXIT: the last item, the snapshot it is missing from' origins CHART_EXIT 'SELECT playlist_id, chart_date, track_id, 2 FROM CHART_EXIT ORDER BY track_id, chart_date'
check 'ARTIST: an item for each chart entry' origins ARTIST 'SELECT artist_id, chart_entries FROM ARTIST ORDER BY chart_entries DESC, artist_id'
check 'ALBUM: an item for each chart entry' origins ALBUM 'SELECT album_id, chart_entries FROM ALBUM ORDER BY chart_entries DESC, album_id'
check "ARTIST_CHART: the day's items" origins ARTIST_CHART 'SELECT playlist_id, chart_date, artist_id, tracks FROM ARTIST_CHART ORDER BY tracks DESC, artist_id, chart_date'
check 'ARTIST_COLLABORATION: the items with both' origins ARTIST_COLLABORATION \
	'SELECT playlist_id, artist_a, artist_b, chart_entries FROM ARTIST_COLLABORATION ORDER BY chart_entries DESC, artist_a, artist_b'
check 'PLAYLIST_OVERLAP: both charts and what they share' origins PLAYLIST_OVERLAP 'SELECT playlist_a, playlist_b, 2 + 2 * shared FROM PLAYLIST_OVERLAP ORDER BY shared DESC'
check 'PLAYLIST_OVERLAP: in the other order' origins PLAYLIST_OVERLAP 'SELECT playlist_b, playlist_a, 2 + 2 * shared FROM PLAYLIST_OVERLAP ORDER BY shared DESC'
check 'DATA_HEALTH: every snapshot' origins DATA_HEALTH 'SELECT playlist_id, snapshots FROM DATA_HEALTH ORDER BY playlist_id'
at='strftime(snapshot_at, '"'%Y%m%dT%H%M%SZ')"
check 'BRONZE_SNAPSHOT' origins BRONZE_SNAPSHOT "SELECT playlist_id, $at, 1 FROM BRONZE_SNAPSHOT ORDER BY snapshot_at"
check 'BRONZE_ENTRY' origins BRONZE_ENTRY "SELECT playlist_id, $at, position, 1 FROM BRONZE_ENTRY ORDER BY snapshot_at, position DESC"
check 'BRONZE_CREDIT: one item however many credits' origins BRONZE_CREDIT \
	"SELECT playlist_id, $at, position, 1 FROM BRONZE_CREDIT GROUP BY playlist_id, snapshot_at, position ORDER BY COUNT(*) DESC, snapshot_at, position"
check 'BRONZE_REJECT' origins BRONZE_REJECT "SELECT playlist_id, $at, position, 1 FROM BRONZE_REJECT ORDER BY snapshot_at, position"
check 'BRONZE_FIELD' origins BRONZE_FIELD "SELECT playlist_id, $at, field, 1 FROM BRONZE_FIELD ORDER BY snapshot_at, field"
every_help() {
	sargam lineage --help
	local table
	for table in CHART_HISTORY TRACK TRACK_INFO CHART_DAY CHART_EXIT ARTIST ALBUM ARTIST_CHART ARTIST_COLLABORATION PLAYLIST_OVERLAP DATA_HEALTH \
		BRONZE_SNAPSHOT BRONZE_ENTRY BRONZE_CREDIT BRONZE_REJECT BRONZE_FIELD; do
		grep -q "^  $table [A-Z]" "$out" || { echo "# $table"; return 1; }
	done
}
check '--help names every table and its keys' every_help

# --- the bytes

read -r playlist date < <(row 'SELECT playlist_id, chart_date FROM CHART_DAY ORDER BY rejects DESC, playlist_id, chart_date')
bytes() {
	sargam lineage chart_day "$playlist" "$date" --item --limit 1000
	[[ $status == 0 ]] && python3 - "$out" "$home" <<'END'
import hashlib, json, os, re, sqlite3, sys
text, home = open(sys.argv[1], encoding="utf-8").read(), sys.argv[2]
blocks = text.split("\n\n")[1:]
receipts = {}
for path in [os.path.join(home, "state.db")]:
    for message, run, key, sha in sqlite3.connect(path).execute("SELECT message_id, run_id, key, sha256 FROM receipt"):
        receipts.setdefault(key, []).append((message, run, sha))
seen = 0
for block in blocks:
    if ", position " not in block.split("\n")[0]:
        continue
    position = int(re.search(r", position (\d+)$", block, re.M)[1])
    head, brace, item = re.search(r"(.*?\n)((?:\{|null|\"|\[|[0-9]).*)", block, re.S).expand(r"\1\0\2").partition("\0")
    field = dict(re.findall(r"^  (\w+) +(.*)$", head, re.M))
    with open(os.path.join(home, field["object"]), "rb") as f:
        body = f.read()
    page = json.loads(body)
    index = int(re.match(r"items\[(\d+)\]", field["item"])[1])
    assert page["items"][index] == json.loads(item), block
    assert page["offset"] + index + 1 == position, block
    sha = hashlib.sha256(body).hexdigest()
    assert field["sha256"] == f"{sha}, {len(body)} bytes" and sha[:16] in field["object"], block
    assert any(field["message"].startswith(f"{m} of run {r}, received ") and s == sha for m, r, s in receipts[field["object"]]), block
    assert os.path.exists(os.path.join(home, field["manifest"])) and field["source"] == "sample", block
    assert ("track" in field) != ("reject" in field), block
    seen += 1
assert seen > 40 and "  reject " in text, seen
END
}
check "each item of a chart is the raw object's, its hash and message the right ones" bytes
limit() {
	sargam lineage CHART_DAY "$playlist" "$date" --limit 2
	[[ $status == 0 && $(grep -c '^  manifest' "$out") == 2 && $(<"$err") == '2 of '*' shown, the latest first; --limit '*' shows all' ]]
}
check '--limit: so many, and how many there are' limit
newest() {
	local -a key
	read -r -a key < <(row 'SELECT playlist_id, track_id, last_date FROM TRACK ORDER BY days_on_chart DESC, track_id')
	sargam lineage TRACK "${key[0]}" "${key[1]}" --limit 1
	[[ $(sed -n 3p "$out") == "${key[0]} ${key[2]}T"* ]]
}
check 'the latest comes first' newest

# --- what is gone or changed

read -r -a key < <(row "SELECT playlist_id, $at, position, raw_object FROM BRONZE_ENTRY ORDER BY snapshot_at, position")
object=$home/${key[3]}
forget() {
	mv "$home/state.db" "$TEST_TMP/state.db"
	sargam lineage BRONZE_ENTRY "${key[@]:0:3}"
	local good=$status
	rm -f "$home"/state.db*
	mv "$TEST_TMP/state.db" "$home/state.db"
	[[ $good == 0 ]] && grep -q 'message  *none remembered' "$out"
}
check 'without the receipts: that is said' forget
changed() {
	cp "$object" "$TEST_TMP/object"
	sed -i '1s/{/{ /' "$object"
	sargam lineage BRONZE_ENTRY "${key[@]:0:3}" --item
	[[ $status == 1 && $(<"$err") == *"${key[3]}: its bytes have the sha256 "*'not the one of its name'* ]] && ! grep -q '^{' "$out"
}
check 'a changed object is not shown as the one that came' changed
missing() {
	rm "$object"
	sargam lineage BRONZE_ENTRY "${key[@]:0:3}" --item
	[[ $status == 1 && $(<"$err") == *"${key[3]}"* ]] && sargam lineage BRONZE_ENTRY "${key[@]:0:3}" && [[ $status == 0 ]]
}
check 'a missing object: named with --item, else the rest is told' missing
cp "$TEST_TMP/object" "$object"
no_manifest() {
	local folder=${object%/*}
	mv "$folder/manifest.json" "$TEST_TMP/manifest.json"
	sargam lineage BRONZE_SNAPSHOT "${key[@]:0:2}"
	mv "$TEST_TMP/manifest.json" "$folder/manifest.json"
	[[ $status == 0 ]] && grep -q 'manifest  *gone from the store' "$out"
}
check 'a missing manifest: that is said' no_manifest

# --- asked wrongly

no_words() { fails 2 'usage: sargam lineage TABLE KEY' lineage; }
check 'no words: usage' no_words
no_table() { fails 2 "no table 'CHARTS'; there are CHART_HISTORY, TRACK,*BRONZE_FIELD" lineage CHARTS x; }
check 'an unknown table: the known ones' no_table
few() { fails 2 'CHART_EXIT has 3 key words; usage: sargam lineage CHART_EXIT PLAYLIST DATE TRACK' lineage CHART_EXIT a 2021-03-27; }
check 'too few keys: the key words' few
many() { fails 2 'ARTIST has 1 key word; usage: sargam lineage ARTIST ARTIST' lineage artist a b; }
check 'too many keys: the key words' many
no_row() { fails 1 'no such row: TRACK nobody nothing' lineage TRACK nobody nothing; }
check 'no such row' no_row
self() {
	local artist
	read -r playlist artist < <(row 'SELECT playlist_id, artist_a FROM ARTIST_COLLABORATION ORDER BY artist_a')
	fails 1 'no such row: ARTIST_COLLABORATION' lineage ARTIST_COLLABORATION "$playlist" "$artist" "$artist" &&
		fails 1 'no such row: PLAYLIST_OVERLAP' lineage PLAYLIST_OVERLAP "$playlist" "$playlist"
}
check 'nobody is a pair with oneself' self
quote() { fails 1 "no such row: ARTIST x' OR '1'='1" lineage ARTIST "x' OR '1'='1"; }
check 'a quote in a key is a quote' quote
bad_date() { fails 2 "DATE '27.3.2021': want a chart day as YYYY-MM-DD" lineage CHART_DAY x 27.3.2021; }
check 'no date' bad_date
bad_second() { fails 2 "SNAPSHOT_AT '2021': want a second as" lineage BRONZE_SNAPSHOT x 2021; }
check 'no second' bad_second
bad_position() { fails 2 "POSITION '0': want a whole number from 1 up" lineage BRONZE_ENTRY x 20210327T033809Z 0; }
check 'no position' bad_position
bad_utf8() { fails 2 'want UTF-8' lineage ARTIST $'\xff'; }
check 'a key that is no text' bad_utf8
bad_limit() { fails 2 "'0': want a number from 1 to" lineage ARTIST x --limit 0; }
check 'no limit' bad_limit
plan
