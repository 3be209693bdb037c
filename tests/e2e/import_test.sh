#!/usr/bin/env bash
# timeout: 900
# sargam import: the recorded data's own history from its git bundle gives the same tables row by row; the CSV's charts against an
# independent reader; twice changes nothing; broken lines between good ones; lineage to the line and the commit; every wrong path.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
here=${BASH_SOURCE[0]%/*}
cd "$TEST_TMP"
bundle=${SARGAM_SHARED:-}/data/archive/playlist-archive.bundle
csv=${SARGAM_SHARED:-}/data/csv/universal_top_spotify_songs-2025-02-12.csv
india=37i9dQZEVXbLZ52XmnySJg bollywood=4nNVfQ9eWidZXkBKZN5li4
header=spotify_id,name,artists,daily_rank,country,snapshot_date,popularity,is_explicit,duration_ms,album_name,album_release_date

says() { grep -qF -e "$2" "$1" || { echo "# $1 lacks: $2"; return 1; }; }
# All that importing made: raw, quarantine, bronze, gold and the warehouse, with times and inodes.
made() { (cd "$home" && find raw quarantine bronze gold warehouse.duckdb -type f -printf '%p %s %T@ %i\n' 2>/dev/null | sort); }
rows() { "$SARGAM" --home "$1" query --format csv "SELECT * FROM $2 ORDER BY ALL"; }
imports() { # imports PATTERN ARGUMENT...: done, and the summary holds PATTERN (a glob)
	sargam import "${@:2}"
	# shellcheck disable=SC2053
	[[ $status == 0 && $(<"$out") == *$1* ]]
}
unchanged() { # unchanged ARGUMENT...: importing again leaves every file as it is
	local before
	before=$(made)
	imports 'Imported:   0 snapshots of ' "$@" && diff <(echo "$before") <(made) | sed 's/^/# /' && [[ $before == "$(made)" ]]
}

# --- the archive

if [[ -z ${SARGAM_SHARED:-} ]]; then
	echo "ok 1 - archive # SKIP needs ../shared"
	echo "ok 2 - csv # SKIP needs ../shared"
	n=2
else
	home=$TEST_TMP/recorded
	sargam run --quiet --source "dir:$SARGAM_SHARED/data/recorded"
	check 'the recorded pages run' [ "$status" = 0 ]
	home=$TEST_TMP/archive
	check 'the bundle imports' imports 'Imported:   63 snapshots of 2 playlists' archive "$bundle"
	for table in CHART_HISTORY CHART_EXIT CHART_DAY TRACK ARTIST ALBUM ARTIST_CHART ARTIST_COLLABORATION PLAYLIST_OVERLAP DATA_HEALTH TRACK_INFO \
		BRONZE_CREDIT BRONZE_REJECT BRONZE_FIELD; do
		equal() { [[ $(rows "$TEST_TMP/archive" "$table" | tee have | wc -l) == $(rows "$TEST_TMP/recorded" "$table" | tee want | wc -l) ]] && cmp -s want have; }
		check "$table is that of the recorded pages, row by row" equal
	done
	items() {
		local columns='playlist_id, snapshot_at, position, track_id, track_name, track_uri, track_href, track_url, duration_ms, album_id, album_name, album_uri, artist_count, artist_id, artist_names, film_name'
		cmp <("$SARGAM" --home "$TEST_TMP/archive" query --format csv "SELECT $columns FROM BRONZE_ENTRY ORDER BY ALL") \
			<("$SARGAM" --home "$TEST_TMP/recorded" query --format csv "SELECT $columns FROM BRONZE_ENTRY ORDER BY ALL")
	}
	check 'so is BRONZE_ENTRY, but for the names of its objects' items
	oracle() {
		[[ ! -f $SARGAM_SHARED/tools/oracle.py ]] && return
		SARGAM=$SARGAM python3 "$here/../parity/compare.py" "$SARGAM_SHARED/tools/oracle.py" "$SARGAM_SHARED/data/recorded" "$home" archive >"$out" 2>"$err"
		! grep '^not ok' "$out"
	}
	check 'the independent oracle agrees' oracle
	check 'importing it again touches no file' unchanged archive "$bundle"
	check 'nor does a clone of it' bash -c "git clone -q '$bundle' clone"
	check 'a clone with files' unchanged archive clone
	bare() { git clone -q --bare "$bundle" bare.git && unchanged archive bare.git; }
	check 'a bare clone' bare
	scratch() { [[ -z $(find "$home/tmp" -mindepth 1 -print -quit) ]]; }
	check 'nothing is left of the unpacked bundle' scratch
	lineage() {
		local track line commit
		track=$(sargam query --format csv "SELECT track_id FROM CHART_HISTORY WHERE playlist_id = '$india' AND chart_date = DATE '2021-04-01' AND rank = 17" && tail -1 "$out")
		sargam lineage CHART_HISTORY "$india" 2021-04-01 "$track"
		line=$(sed -n 's/.*origin .*Top 50 - India.md, line \([0-9]*\) (of .*/\1/p' "$out")
		commit=$(sed -n 's/.*origin .*, commit \([0-9a-f]*\)$/\1/p' "$out")
		[[ $(git -C clone show "$commit:playlists/pretty/Top 50 - India.md" | sed -n "${line}p") == "| 17 | "*"/track/$track)"* ]] &&
			says "$out" "sha256 $(git -C clone show "$commit:playlists/pretty/Top 50 - India.md" | sha256sum | cut -d' ' -f1)"
	}
	check 'lineage reaches the line of the file in its commit' lineage
	home=$TEST_TMP/one
	one() { imports 'Imported:   24 snapshots of 1 playlists' archive "$bundle" --playlist "$bollywood" && [[ $(ls "$home/raw") == "playlist_id=$bollywood" ]]; }
	check 'a chosen playlist only' one
	range() { imports 'Imported:   3 snapshots of 1 playlists' archive "$bundle" --playlist "$india" --since 2021-05-07 --until 2021-05-09; }
	check 'a range of days' range
	rest() { imports ', 27 were there already' archive "$bundle" && cmp -s <(rows "$home" TRACK_INFO) <(rows "$TEST_TMP/recorded" TRACK_INFO); }
	check 'then the rest: the same charts' rest
	unknown() { fails 1 "no playlist 'nobody' in its history" import archive "$bundle" --playlist nobody --raw || { sargam import archive "$bundle" --playlist nobody; [[ $status == 1 ]] && says "$err" "'nobody'"; }; }
	check 'an unknown playlist is named' unknown
	home=$TEST_TMP/raw
	only_raw() { imports 'sargam run --from bronze' archive "$bundle" --raw && [[ -d $home/raw && ! -e $home/bronze && ! -e $home/warehouse.duckdb ]]; }
	check '--raw stops when the snapshots are stored' only_raw
	from_bronze() { sargam run --from bronze && cmp -s <(rows "$home" CHART_DAY) <(rows "$TEST_TMP/recorded" CHART_DAY); }
	check 'and run --from bronze goes on' from_bronze
	with_run() { sargam run --quiet --source "archive:$bundle" && [[ $status == 0 && ! -s $out ]]; }
	check 'run --source archive: is the same' with_run
	shared_home() { home=$TEST_TMP/archive; imports 'Imported:   41 snapshots of 41 playlists' csv "$csv" && sargam query "SELECT 1" && [[ $status == 0 ]]; }
	check 'real sources share a home' shared_home

	# --- the CSV, against Python's own reader

	home=$TEST_TMP/csv
	check 'the CSV imports' imports "Imported:   41 snapshots of 41 playlists (2050 items)" csv "$csv"
	same_as_python() { # PATH: every chart row
		sargam query --format csv "SELECT h.playlist_id, h.snapshot_at, h.chart_date, h.rank, h.track_id, h.track_name, h.artist_names, h.artist_id, h.popularity, h.explicit,
			h.duration_ms, e.album_name, e.release_date, e.release_precision, d.playlist_name FROM CHART_HISTORY AS h
			JOIN BRONZE_ENTRY AS e ON e.playlist_id = h.playlist_id AND e.snapshot_at = h.snapshot_at AND e.position = h.rank
			JOIN CHART_DAY AS d ON d.playlist_id = h.playlist_id AND d.chart_date = h.chart_date"
		python3 - "$1" "$out" <<'END'
import csv, sys
def iso(date):
    if "/" not in date:
        return date
    month, day, year = date.split("/")
    return f"{year}-{int(month):02d}-{int(day):02d}"
def split(artists):
    names, depth, name = [], 0, ""
    for i, c in enumerate(artists):
        depth ^= c == '"'
        if c == "," and artists[i + 1:i + 2] == " " and not depth:
            names.append(name)
            name = ""
        else:
            name += c
    return [n.strip() for n in names + [name] if n.strip()]
want = []
with open(sys.argv[1], newline="", encoding="utf-8-sig") as f:
    for r in csv.DictReader(f):
        country, day, names = r["country"] or "GLOBAL", iso(r["snapshot_date"]), split(r["artists"])
        want.append([f"chart-{country}", f"{day}T12:00:00Z", day, r["daily_rank"], r["spotify_id"], r["name"].strip(), ", ".join(names), f"name:{names[0]}", r["popularity"],
                     r["is_explicit"].lower(), r["duration_ms"], r["album_name"], iso(r["album_release_date"]), "day", "Top Songs – " + ("Global" if country == "GLOBAL" else country)])
with open(sys.argv[2], newline="", encoding="utf-8") as f:
    have = list(csv.reader(f))[1:]
only = sorted(set(map(tuple, want)) ^ set(map(tuple, have)))
for row in only[:6]:
    print("#", row)
sys.exit(bool(only) or len(want) != len(have) or len(want) < 2000)
END
	}
	check 'every chart row is what Python reads from the file' same_as_python "$csv"
	charts() { sargam query --format csv 'SELECT COUNT(*) FROM CHART_DAY' && [[ $(tail -1 "$out") == $(python3 -c 'import csv,sys; print(len({(r["country"],r["snapshot_date"]) for r in csv.DictReader(open(sys.argv[1],newline="",encoding="utf-8"))}))' "$csv") ]]; }
	check 'as many charts as the file has' charts
	check 'importing it again touches no file' unchanged csv "$csv"
	csv_lineage() {
		local line track
		track=$(sargam query --format csv "SELECT id FROM TRACK_INFO WHERE playlist_id = 'chart-IN' AND rank = 31" && tail -1 "$out")
		sargam lineage TRACK_INFO chart-IN "$track"
		line=$(sed -n 's/.*origin .*csv, line \([0-9]*\) (of .*/\1/p' "$out")
		[[ $(sed -n "${line}p" "$csv") == "$track,"*",31,"*",IN,"* ]] && says "$out" "sha256 $(sha256sum <"$csv" | cut -d' ' -f1)"
	}
	check 'lineage reaches the line of the file' csv_lineage
	iso_dates() {
		python3 - "$csv" iso.csv <<'END'
import csv, sys
def iso(d):
    m, t, j = d.split("/")
    return f"{j}-{int(m):02d}-{int(t):02d}"
with open(sys.argv[1], newline="", encoding="utf-8") as f, open(sys.argv[2], "w", newline="", encoding="utf-8-sig") as g:
    r = csv.DictReader(f)
    w = csv.DictWriter(g, [*reversed(r.fieldnames), "more"], quoting=csv.QUOTE_ALL, lineterminator="\n")
    w.writeheader()
    for row in r:
        w.writerow({**row, "snapshot_date": iso(row["snapshot_date"]), "album_release_date": iso(row["album_release_date"]), "more": "x"})
END
		home=$TEST_TMP/iso
		imports 'Imported:   41 snapshots of 41 playlists (2050 items)' csv iso.csv && cmp <(rows "$TEST_TMP/csv" CHART_HISTORY) <(rows "$TEST_TMP/iso" CHART_HISTORY)
	}
	check 'ISO dates, all quoted, other columns in another order: the same charts' iso_dates
	wrapped() { # as some exporter writes it: each line in quotes as a whole, with a semicolon
		python3 -c 'import sys
for line in open(sys.argv[1], encoding="utf-8", newline=""):
    print("\"" + line.rstrip("\r\n").replace("\"", "\"\"") + "\";")' "$csv" >wrapped.csv
		home=$TEST_TMP/wrapped
		imports 'Imported:   1 snapshots of 1 playlists (50 items)' csv wrapped.csv --playlist chart-IN &&
			cmp <(rows "$home" CHART_HISTORY) <("$SARGAM" --home "$TEST_TMP/csv" query --format csv "SELECT * FROM CHART_HISTORY WHERE playlist_id = 'chart-IN' ORDER BY ALL")
	}
	check 'lines in quotes as a whole, one country: its chart' wrapped
fi

# --- invented files

home=$TEST_TMP/small
{
	echo "$header"
	echo 'aa,First,"One, Two",1,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'too,few'
	echo 'bb,Second,One,2,IN,2/12/2025,90,TRUE,1000,Al,2024-05'
	echo 'cc,"never closed,One,3,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'dd,Third,"Two, Three",3,IN,2025-02-12,90,TRUE,1000,Al,5/4/2024'
	echo 'ee,Again,One,1,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo ',Nobody,One,4,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'ff,Late,One,4,IN,30/2/2025,90,TRUE,1000,Al,2024'
	printf 'gg,\xff,One,4,IN,2025-02-12,90,TRUE,1000,Al,2024\n'
	echo 'hh,Low,One,1001,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'ii,Many,One,4,IN,2025-02-12,many,TRUE,1000,Al,2024'
	echo 'jj,Where,One,4,I/N,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'kk,Perhaps,One,4,IN,2025-02-12,90,perhaps,1000,Al,2024'
	echo 'll?,Odd,One,4,IN,2025-02-12,90,TRUE,1000,Al,2024'
	echo 'mm,Fifth,One,5,IN,2025-02-12,90,TRUE,1000,Al,2024'
} >small.csv
broken() {
	imports $'Imported:   1 snapshots of 1 playlists (5 items), 0 were there already\nBroken:     11 lines, kept with their numbers and reasons: sargam dead list' csv small.csv &&
		says "$out" ', 11 broken lines: ' && says "$out" 'Not usable: 11 things'
}
check 'good lines between broken ones count, the broken ones are counted' broken
places() { prints $'rank,track_id\n1,aa\n2,bb\n3,dd\n5,mm' query --format csv 'SELECT rank, track_id FROM CHART_HISTORY ORDER BY rank'; }
check 'places hold' places
dead_list() {
	sargam dead list
	local reason
	for reason in wrong_columns unterminated_quote duplicate_rank missing_id bad_date not_utf8 bad_rank bad_number bad_country bad_flag bad_id; do
		grep -q "^csv_$reason/[0-9a-f]*	import	.*1 line: .*the first: small.csv, line [0-9]*$" "$out" || { echo "# $reason"; return 1; }
	done
	[[ $(wc -l <"$out") == 11 ]]
}
check 'dead list names file, line and reason of each' dead_list
dead_show() { prints $'5\tcc,"never closed,One,3,IN,2025-02-12,90,TRUE,1000,Al,2024' dead show csv_unterminated --bytes; }
check 'dead show has the line with its number' dead_show
replay() { sargam dead replay csv_bad_date && [[ $status == 0 && $(<"$out") == *'mend those lines in the file and import it again, then drop this letter' ]] && sargam dead list && grep -q ^csv_bad_date "$out"; }
check 'dead replay says what to do' replay
check 'importing it again changes nothing' unchanged csv small.csv
strict() {
	sargam import csv small.csv --strict
	[[ $status == 4 ]]
}
check '--strict: exit status 4' strict
drop() { sargam dead drop csv_bad_rank && [[ $status == 0 ]] && imports 'Broken:     11 lines' csv small.csv && sargam dead list && ! grep -q ^csv_bad_rank "$out"; }
check 'a dropped letter does not come back' drop
grown() {
	cp small.csv grown.csv
	printf 'aa,First,"One, Two",2,IN,2025-02-13,90,TRUE,1000,Al,2024\nnn,New,One,1,IN,2025-02-13,90,TRUE,1000,Al,2024\n' >>grown.csv
	sargam dead list && cp "$out" letters && imports 'Imported:   1 snapshots of 1 playlists (2 items), 1 were there already' csv grown.csv && sargam dead list && diff letters "$out" &&
		prints $'track_id,status,movement\nnn,NEW,\naa,DOWN,-1' query --format csv "SELECT track_id, status, movement FROM CHART_HISTORY WHERE chart_date = DATE '2025-02-13' ORDER BY rank"
}
check 'a file that grew: the new day only, no letter twice' grown
no_such_chart() { sargam import csv small.csv --playlist chart-XX; [[ $status == 1 && $(<"$err") == *"no chart 'chart-XX' in it"* ]]; }
check 'an unknown chart is named' no_such_chart
invented() { home=$TEST_TMP/sample; sargam extract --quiet --sample-days 2 && fails 2 'this home holds the invented sample' import csv small.csv; }
check 'not into a home of the invented sample' invented

# An archive with broken rows, made by hand
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
row() { echo "| $1 | [Song $2](https://open.spotify.com/track/t$2) | [Artist](https://open.spotify.com/artist/a1) | [Album](https://open.spotify.com/album/b1) | 3:00 |"; }
page() { printf '### [My list](https://open.spotify.com/playlist/mylist)\n\n> \n\n| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n'; }
commit() { git -C hand add -A && git -C hand commit -qm x --date "@$1 +0000"; }
git init -q hand
mkdir -p hand/playlists/pretty hand/docs
{ page; row 1 1; echo '| 2 | Broken'; row 3 3; } >hand/playlists/pretty/my.md
echo hello >hand/docs/readme.md
echo nothing >hand/playlists/pretty/other.md
commit 1700000000
{ page; row 1 3; echo '| 2 | Broken'; row 3 4; } >hand/playlists/pretty/my.md
commit 1700000000
git -C hand mv playlists/pretty/my.md playlists/pretty/renamed.md
commit 1700000500
home=$TEST_TMP/hand
hand() {
	imports $'Imported:   2 snapshots of 1 playlists (6 items), 0 were there already\nBroken:     3 lines' archive hand &&
		prints $'snapshot_at,position,reason\n2023-11-14T22:13:20Z,2,null_item\n2023-11-14T22:13:21Z,2,null_item' query --format csv 'SELECT snapshot_at, position, reason FROM BRONZE_REJECT ORDER BY snapshot_at' &&
		sargam dead list && grep -q '^archive_bad_row/.*	import	mylist	.*2 lines: .*the first: playlists/pretty/my.md, line [0-9a-f]*:8$' "$out" && grep -q '^archive_no_header/.*other.md' "$out" &&
		sargam dead show archive_bad_row --bytes && [[ $(cut -f2 "$out") == '| 2 | Broken' ]]
}
check 'broken rows keep their place, are counted and shown' hand
check 'importing it again changes nothing' unchanged archive hand

# --- wrong paths: usage errors, and nothing is made

home=$TEST_TMP/nowhere
printf 'a,b\n1,2\n' >other.csv
: >empty
mkdir folder
git init -q unborn
git init -q nolist && echo x >nolist/x.txt && git -C nolist add -A && git -C nolist commit -qm x
git -C hand bundle create -q ../part.bundle HEAD~1..HEAD
git -C hand bundle create -q ../whole.bundle HEAD
head -c 300 whole.bundle >torn.bundle
nothing_made() { [[ ! -e $home ]]; }
wrong() { fails 2 "$@" && nothing_made; }
check 'csv: no such file' wrong 'no-such.csv: no such file: name the CSV' import csv no-such.csv
check 'csv: a folder' wrong 'folder: is a folder: name the CSV file' import csv folder
check 'csv: an empty file' wrong 'empty: is empty: want a header line' import csv empty
check 'csv: another file' wrong 'other.csv: its first line lacks the columns spotify_id, name, artists,*want the CSV of' import csv other.csv
check 'archive: no such path' wrong 'no-such: no such folder or file: name a clone' import archive no-such
check 'archive: a folder that is no repository' wrong 'folder: is no git repository: name a clone' import archive folder
check 'archive: a file that is no bundle' wrong 'other.csv: is neither a clone'"'"'s folder nor a git bundle' import archive other.csv
check 'archive: an empty file' wrong 'empty: is neither' import archive empty
check 'archive: no commit' wrong 'unborn: the repository has no commit yet' import archive unborn
check 'archive: no list in it' wrong 'nolist: no commit of it touches an .md file' import archive nolist
check 'archive: a bundle of a part' wrong 'part.bundle: the bundle holds a part of the history only' import archive part.bundle
check 'archive: a torn bundle' wrong 'torn.bundle: the bundle is damaged: fetch it again' import archive torn.bundle
check 'another kind' wrong "usage: sargam import archive|csv PATH: 'zip' is neither" import zip x
check 'no path' wrong 'usage: sargam import archive|csv PATH' import csv
check 'a wrong date' wrong "--since '1.1.2025': want a date" import csv small.csv --since 1.1.2025
check 'run: an unknown scheme names the known ones' wrong 'archive:PATH and csv:PATH' run --source zip:x
check 'run: the same wrong path' wrong 'no-such.csv: no such file' run --source csv:no-such.csv
no_git_home() { status=0; PATH=/nowhere "$SARGAM" --home "$home" import archive hand >"$out" 2>"$err" || status=$?; [[ $status == 2 && $(<"$err") == *'needs the program git, which is not there: install it'* ]] && nothing_made; }
check 'without git: what to install' no_git_home
unreadable() { SARGAM_FAULT=fail:csv.read:1:5 fails 1 'small.csv: cannot be read: Input/output error' import csv small.csv && nothing_made; }
check 'a disk that fails is no wrong usage' unreadable
as_nobody() { if ((EUID == 0)); then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
locked() { # KIND PATH: what this user may not read
	chmod 755 . && chmod 000 "$2"
	status=0
	exec 8<"$SARGAM"
	as_nobody /proc/self/fd/8 --home nowhere import "$1" "$2" >"$out" 2>"$err" || status=$?
	exec 8<&-
	chmod 700 "$2"
	[[ $status == 2 && $(<"$err") == *"$2: may not be read by this user: make it readable" ]] && nothing_made
}
cp small.csv locked.csv && cp whole.bundle locked.bundle && mkdir locked
check 'csv: a file that may not be read' locked csv locked.csv
check 'archive: a bundle that may not be read' locked archive locked.bundle
check 'archive: a folder that may not be read' locked archive locked
git clone -q --depth=1 "file://$TEST_TMP/hand" shallow
shallow() { home=$TEST_TMP/shallow-home; imports 'Imported:   1 snapshots' archive shallow --raw && says "$err" 'its history is cut off (a shallow clone)'; }
check 'a shallow clone: a warning' shallow
plan
