#!/usr/bin/env bash
# sargam query: every format, on a terminal and into a pipe, and every way to ask wrongly.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

not_yet() { fails 1 'does not exist yet: *sargam run* makes it' query 'SELECT 1'; }
check 'a home that is not there: the next step' not_yet
mkdir -p "$home"
unpublished() { fails 1 'nothing is published yet*sargam run' query 'SELECT 1' && [[ -z $(ls -A "$home") ]]; }
check 'nothing published: the next step, and nothing made' unpublished

sargam run --quiet
check 'the sample runs' [ "$status" = 0 ]
version=$(sha256sum <"$home/warehouse.duckdb")

# --- table

acceptance() {
	sargam query 'SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY artist_name'
	[[ $status == 0 && $(head -1 "$out" | tr -s ' ') == 'name id artist_id href release_date uri artist_name playlist_id '* ]] &&
		[[ $(($(wc -l <"$out") - 2)) == "$(sed 's/ rows$//' "$err")" ]] && (($(wc -l <"$out") > 100))
}
check 'the acceptance query prints the current charts' acceptance

aligned='name    count  day         yes    gone  share
------  -----  ----------  -----  ----  -----
नीली        1  2021-03-27  true   NULL    0.5
日本語    -22  NULL        false  NULL   NULL
é         333  2000-01-01  NULL   NULL    inf'
table() {
	prints "$aligned" query "SELECT * FROM (VALUES ('नीली', 1, DATE '2021-03-27', true, NULL, 0.5::DOUBLE), ('日本語', -22, NULL, false, NULL, NULL),
		('é', 333, DATE '2000-01-01', NULL, NULL, 'inf')) AS t(name, count, day, yes, gone, share)" && [[ $(<"$err") == '3 rows' ]]
}
check 'a table is aligned by what a terminal shows, numbers to the right' table
quiet() { sargam query --quiet 'SELECT 1'; [[ $status == 0 && ! -s $err ]]; }
check '--quiet: no count of rows' quiet
empty='a  b
-  -'
nothing() { prints "$empty" query 'SELECT 1 AS a, 2 AS b WHERE false' && [[ $(<"$err") == '0 rows' ]]; }
check 'no rows: the header' nothing
harmless='x
------------
␛[31mred␊␉␡�'
controls() { prints "$harmless" query "SELECT chr(27) || '[31mred' || chr(10) || chr(9) || chr(127) || chr(8238) AS x"; }
check 'control characters of a name are shown, not obeyed' controls
stream() {
	sargam query "SELECT i, CASE WHEN i = 2999 THEN repeat('x', 5000) ELSE 'x' END AS t FROM range(3000) AS r(i)"
	[[ $status == 0 && $(wc -l <"$out") == 3002 && $(sed -n 3p "$out") == '  0  x' && $(tail -1 "$out" | wc -c) == 5007 ]]
}
check 'rows after the thousandth stream: whole, and the first ones no wider' stream
bronze() { sargam query --format csv 'SELECT SUM(items) = (SELECT COUNT(*) FROM BRONZE_ENTRY) + (SELECT COUNT(*) FROM bronze_reject) AS x FROM BRONZE_SNAPSHOT'; [[ $(<"$out") == $'x\ntrue' ]]; }
check 'the bronze tables are there' bronze

# --- on a terminal

narrow() {
	on_terminal 60 query 'SELECT name, uri, href, rank FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY rank, name LIMIT 3'
	[[ $status == 0 ]] && grep -q '…' "$out" && python3 - "$out" <<'END'
import re, sys, unicodedata
width = lambda s: sum(0 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
lines = [re.sub(r"\033\[[0-9]*m", "", l) for l in open(sys.argv[1], encoding="utf-8").read().splitlines()]
assert lines[-1] == "3 rows" and len(lines) == 6, lines
assert max(map(width, lines)) <= 60 and lines[0].split() == ["name", "uri", "href", "rank"], lines
END
}
check 'long cells are cut to the width of the terminal' narrow
too_narrow() {
	on_terminal 70 query 'SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO LIMIT 1'
	[[ $status == 0 && $(tail -1 "$out") == *'more columns are not shown: the terminal is too narrow'* ]]
}
check 'columns without room are left out, and that is said' too_narrow
plain() {
	NO_COLOR=1 on_terminal 80 query 'SELECT NULL AS x'
	[[ $status == 0 ]] && ! grep -q $'\033' "$out" && grep -qx NULL "$out"
}
check 'NO_COLOR: no escape sequences' plain
dim() { on_terminal 80 query 'SELECT NULL AS x'; grep -qF $'\033[2mNULL\033[0m' "$out"; }
check 'colours: NULL is dim' dim

# --- csv

csv='a,"b,c","d""e"
,"",x
"1,5","say ""hi""","two
lines"'
csv() {
	prints "$csv" query --format csv "SELECT NULL AS a, '' AS \"b,c\", 'x' AS \"d\"\"e\" UNION ALL SELECT '1,5', 'say \"hi\"', 'two
lines'"
}
check 'csv: header, quoting, NULL and the empty string apart' csv
types='big,yes,day,at,micros,share,text
9007199254740993,true,2021-03-27,2021-03-27T03:38:09Z,2021-03-27T03:38:09.000001Z,0.1,x'
csv_types() {
	prints "$types" query --format csv "SELECT 9007199254740993 AS big, true AS yes, DATE '2021-03-27' AS day, TIMESTAMPTZ '2021-03-27 03:38:09+00' AS at,
		TIMESTAMP '2021-03-27 03:38:09.000001' AS micros, 0.1::DOUBLE AS share, 'x' AS text" && [[ ! -s $err ]]
}
check 'csv: true and false, ISO dates and times, every digit' csv_types

# --- json

json() {
	sargam query --format json "SELECT 9007199254740993 AS big, true AS yes, NULL AS gone, DATE '2021-03-27' AS day, 0.1::DOUBLE AS share, 'nan'::DOUBLE AS odd,
		'\"' || chr(10) || 'नी' AS \"te\"\"xt\" UNION ALL SELECT -1, false, 1, DATE '2000-01-01', -1e300, '-inf', ''"
	[[ $status == 0 ]] && python3 - "$out" <<'END'
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
assert json.loads(text) == [
    {"big": 9007199254740993, "yes": True, "gone": None, "day": "2021-03-27", "share": 0.1, "odd": "nan", 'te"xt': '"\nनी'},
    {"big": -1, "yes": False, "gone": 1, "day": "2000-01-01", "share": -1e300, "odd": "-inf", 'te"xt': ""}], text
lines = text.split("\n")
assert lines[0] == "[" and lines[-2:] == ["]", ""] and all(json.loads(l.rstrip(",")) for l in lines[1:-2]), text
END
}
check 'json: an array, an object to a line, numbers and booleans typed' json
none='[
]'
json_none() { prints "$none" query --format json 'SELECT 1 AS a WHERE false'; }
check 'json: no rows' json_none
twice() { fails 1 "two columns are called 'a'*AS" query --format json 'SELECT 1 AS a, 2 AS a'; }
check 'json: two columns of one name are refused' twice
same() {
	sargam query --format json 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY playlist_id, chart_date, rank'
	cp "$out" "$TEST_TMP/history.json"
	sargam query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY ORDER BY playlist_id, chart_date, rank'
	python3 - "$TEST_TMP/history.json" "$out" <<'END'
import csv, json, sys
rows = json.load(open(sys.argv[1], encoding="utf-8"))
text = lambda v: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v)
with open(sys.argv[2], encoding="utf-8", newline="") as f:
    cells = list(csv.DictReader(f))
assert len(rows) > 5000 and [{k: text(v) for k, v in r.items()} for r in rows] == cells
END
}
check 'csv and json hold the same rows' same

# --- parquet

parquet() {
	sargam query --format parquet 'SELECT * FROM SPOTIFY_ANALYTICS.TRACK;'
	[[ $status == 0 && ! -s $err && $(head -c 4 "$out") == PAR1 && $(tail -c 4 "$out") == PAR1 && -z $(find "$home/tmp" -type f) ]] &&
		grep -qa longest_streak "$out"
}
check 'parquet: a whole file, nothing left behind' parquet
parquet_terminal() { on_terminal 80 query --format parquet 'SELECT 1 AS x'; [[ $status == 2 && $(<"$out") == *'> file.parquet'* && $(<"$out") != *PAR1* ]]; }
check 'parquet: not on a terminal' parquet_terminal
parquet_bad() { fails 1 'Catalog Error' query --format parquet 'SELECT * FROM nowhere' && [[ -z $(find "$home/tmp" -type f) ]]; }
check 'parquet: bad SQL leaves nothing behind' parquet_bad

# --- where SQL comes from and where rows go

from_stdin() {
	"$SARGAM" --home "$home" query - >"$out" 2>"$err" <<<'SELECT 42 AS answer -- and a comment'
	[[ $(tail -1 "$out") == '    42' ]]
}
check 'SQL from standard input' from_stdin
nul() { status=0; printf 'SELECT\0 1' | "$SARGAM" --home "$home" query - >"$out" 2>"$err" || status=$?; [[ $status == 2 && $(<"$err") == *'NUL byte'* ]]; }
check 'a NUL byte in SQL is refused' nul
large() { status=0; head -c 1100000 /dev/zero | tr '\0' ' ' | "$SARGAM" --home "$home" query - >"$out" 2>"$err" || status=$?; [[ $status == 2 && $(<"$err") == *'over the limit of 1048576 bytes'* ]]; }
check 'SQL of more than a megabyte is refused' large
full() { # a disk without room
	local format
	for format in table csv json parquet; do
		status=0
		"$SARGAM" --home "$home" query --format "$format" 'SELECT * FROM CHART_HISTORY' >/dev/full 2>"$err" || status=$?
		[[ $status == 1 && $(<"$err") == *'standard output'* ]] || return 1
	done
}
check 'a full disk: exit status 1, and it is said' full
head_only() { set +o pipefail; "$SARGAM" --home "$home" query 'SELECT * FROM CHART_HISTORY' 2>"$err" | head -1 >"$out"; set -o pipefail; [[ $(head -c 11 "$out") == playlist_id && ! -s $err ]]; }
check 'a reader that goes away ends it quietly' head_only

# --- asked wrongly

bad_sql() { fails 1 'Parser Error: syntax error at or near "SELEC"' query 'SELEC 1'; }
check "bad SQL: DuckDB's message" bad_sql
no_table() { fails 1 'Table with name TRAK does not exist' query 'SELECT * FROM TRAK'; }
check 'an unknown table' no_table
in_row() { sargam query --format csv "SELECT CAST(name AS INTEGER) FROM SPOTIFY_ANALYTICS.TRACK_INFO"; [[ $status == 1 && $(<"$err") == *'Conversion Error'* ]]; }
check 'an error in a row' in_row
writes() {
	local sql
	for sql in 'DELETE FROM TRACK' 'DROP TABLE TRACK' 'CREATE TABLE x AS SELECT 1' "COPY TRACK TO 'x.csv'" "ATTACH 'x.duckdb'" 'SET threads = 1' \
		'SELECT 1; SELECT 2' 'SELECT 1; DROP TABLE TRACK' "SELECT * FROM read_csv('/etc/passwd')"; do
		fails 1 '' query "$sql" || { echo "# $sql"; return 1; }
	done
	[[ $(sha256sum <"$home/warehouse.duckdb") == "$version" ]]
}
check 'what writes, and what reads elsewhere, is refused' writes
format() { fails 2 "'xml': known are table, csv, json and parquet" query --format xml 'SELECT 1'; }
check 'an unknown format: the known ones' format
no_sql() { fails 2 'usage: sargam query SQL' query; }
check 'no SQL' no_sql
blank() { fails 2 'the SQL is empty' query ' '; }
check 'empty SQL' blank
words() { fails 2 "'FROM' is one word too many" query SELECT FROM; }
check 'SQL in several words' words
help() { sargam query --help; [[ $status == 0 && $(<"$out") == *'--format NAME'*'table, csv, json and parquet'* ]]; }
check '--help' help
plan
