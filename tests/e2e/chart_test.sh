#!/usr/bin/env bash
# sargam chart: every line against the rows of the warehouse, on a terminal and into a pipe, and every way to ask wrongly.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

not_yet() { fails 1 'does not exist yet: *sargam run* makes it' chart; }
check 'a home that is not there: the next step' not_yet
mkdir -p "$home"
unpublished() { fails 1 'nothing is published yet*sargam run' chart; }
check 'nothing published: the next step' unpublished

sargam run --quiet
check 'the sample runs' [ "$status" = 0 ]
sargam query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY'
cp "$out" "$TEST_TMP/history.csv"
sargam query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_DAY'
cp "$out" "$TEST_TMP/days.csv"
# A chart day in the middle of a history, one after a gap, and the first one.
read -r playlist middle < <(sed -n 40p "$TEST_TMP/days.csv" | cut -d, -f1,3 | tr , ' ')
gap=$(awk -F, -v p="$playlist" 'NR > 1 && $1 == p && $8 > 1 { print $3; exit }' "$TEST_TMP/days.csv")
first=$(awk -F, -v p="$playlist" 'NR > 1 && $1 == p { print $3 }' "$TEST_TMP/days.csv" | sort | head -1)

cat >"$TEST_TMP/expect.py" <<'END'
"""expect.py FILE PLAYLIST [DATE [TOP]]: FILE must be the chart as this independent code makes it from the tables."""
import csv, os, re, sys

folder = os.path.dirname(sys.argv[0])
def rows(name):
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))
playlist = sys.argv[2]
days = sorted((d for d in rows("days.csv") if d["playlist_id"] == playlist), key=lambda d: d["chart_date"])
date = sys.argv[3] if len(sys.argv) > 3 and sys.argv[3] else days[-1]["chart_date"]
top = int(sys.argv[4]) if len(sys.argv) > 4 else 10**9
history = {(r["chart_date"], r["track_id"]): r for r in rows("history.csv") if r["playlist_id"] == playlist}
recent = [d["chart_date"] for d in days if d["chart_date"] <= date][-14:]
worst = max(int(r["rank"]) for (d, _), r in history.items() if d in recent)
def glyph(day, track):
    if (day, track) not in history:
        return "·"
    rank = int(history[day, track]["rank"])
    return "▁▂▃▄▅▆▇█"[7 if rank == 1 else (worst - rank) * 8 // worst]
def move(r):
    m = int(r["movement"] or 0)
    return {"NEW": "NEW", "RE": "RE", "START": "●"}.get(r["status"]) or (f"▲{m}" if m > 0 else f"▼{-m}" if m < 0 else "=")
chart = sorted((r for (d, _), r in history.items() if d == date), key=lambda r: int(r["rank"]))[:top]
want = []
for r in chart:
    artists = r["artist_names"] or r["artist_name"]
    name = (r["track_name"] or r["track_id"]).replace("\t", "␉") + (" – " + artists if artists else "")
    peak = r["peak_rank"] + (f" ({r['times_at_peak']}×)" if int(r["times_at_peak"]) > 1 else "")
    want.append([r["rank"], move(r), name, r["status"], r["days_on_chart"], peak, "".join(glyph(d, r["track_id"]) for d in recent)])
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
got = []
for line in lines[4:-1]:
    m = re.fullmatch(r" *(\d+)  (\S+) +(.*?) +(UP|DOWN|SAME|NEW|RE|START) +(\d+)  (\d+(?: \(\d+×\))?) +([·▁▂▃▄▅▆▇█]+)", line)
    assert m, line
    got.append(list(m.groups()))
for g, w in zip(got, want):
    assert g == w, f"{g}\n{w}"
assert len(got) == len(want), (len(got), len(want))
day = next(d for d in days if d["chart_date"] == date)
title = lines[0]
assert f"({playlist}) · chart of {date}" in title and f"{day['entries']} entries" in title, title
for key, word in (("new_entries", "new"), ("re_entries", "re-entr"), ("exits", "exit")):
    assert (int(day[key]) > 0) == (f" · {day[key]} {word}" in title), (title, key)
gap_days = int(day["gap_days"] or 0)
assert (gap_days > 0) == ("without a chart since" in title), title
assert (not day["previous_date"]) == ("the first chart" in title), title
END
expect() { # expect DATE TOP ARGUMENT...
	sargam chart "${@:3}"
	[[ $status == 0 ]] && python3 "$TEST_TMP/expect.py" "$out" "$playlist" "$1" "$2"
}
current() { expect '' 1000 "$playlist" && [[ ! -s $err ]]; }
check 'the current chart of a playlist, whole' current
middle() { expect "$middle" 1000 "$playlist" --date "$middle"; }
check 'the chart of a day' middle
after_gap() { [[ -n $gap ]] && expect "$gap" 1000 "$playlist" --date "$gap"; }
check 'the chart after a gap says so' after_gap
first_chart() { expect "$first" 1000 "$playlist" --date "$first"; }
check 'the first chart says so; no days before it' first_chart
some() { expect '' 7 "$playlist" --top 7 && [[ $(<"$err") == *'more: without --top all'* ]]; }
check '--top: the first rows, and how many there are' some
every() {
	sargam chart
	[[ $status == 0 && $(grep -c ' · chart of ' "$out") == 2 && $(grep -cE '^ *[0-9]+  ' "$out") == 20 ]] && grep -q 'top 10 of' "$out"
}
check 'without a playlist: the top 10 of each' every
by_name() { sargam chart 'BOLLYwood'; [[ $status == 0 && $(head -1 "$out") == *'0SampleBollywood960001'* ]]; }
check 'a part of the name, in any case' by_name
by_script() { sargam chart 'बॉलीवुड' --top 1; [[ $status == 0 && $(head -1 "$out") == *'0SampleBollywood960001'* ]]; }
check 'a part of the name, in any script' by_script
links() {
	sargam chart "$playlist" --links --top 5
	[[ $status == 0 && $(grep -cE ' https://open\.spotify\.com/track/[0-9A-Za-z]{22}$' "$out") == 5 ]] && ! grep -q $'\033' "$out"
}
check '--links: the address of every track' links

# --- on a terminal

width() { # width COLUMNS: no line of $out below the title is wider, escape sequences apart
	python3 - "$out" "$1" <<'END'
import re, sys, unicodedata
width = lambda s: sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
lines = re.sub(r"\033\[[0-9]*m|\033\]8;;[^\033]*\033\\", "", open(sys.argv[1], encoding="utf-8").read()).splitlines()
wide = [l for l in lines if re.match(r" *\d+  ", l) and width(l) > int(sys.argv[2])]
assert not wide, wide
spark = [l for l in lines if re.match(r" *\d+  ", l)]
assert len(spark) > 10 and len({width(l) for l in spark}) == 1 and width(spark[0]) == int(sys.argv[2]), spark
END
}
terminal() {
	on_terminal 80 chart "$playlist"
	[[ $status == 0 ]] && width 80 && grep -qF $'\033[32m▲' "$out" && grep -qF $'\033[31m▼' "$out" &&
		[[ $(grep -oE $'\033\\]8;;https://open.spotify.com/track/[0-9A-Za-z]{22}\033' "$out" | wc -l) == $(grep -cE 'UP|DOWN|SAME|NEW|RE|START' "$out") ]]
}
check 'a terminal: its width, colours, a link on every track' terminal
plain() { NO_COLOR=1 on_terminal 100 chart "$playlist"; [[ $status == 0 ]] && width 100 && ! grep -qF $'\033[' "$out" && grep -qF $'\033]8;;https' "$out"; }
check 'NO_COLOR: links, no colours' plain
dumb() { TERM=dumb on_terminal 100 chart "$playlist" --top 12; [[ $status == 0 ]] && ! grep -q $'\033' "$out"; }
check 'TERM=dumb: no escape sequence at all' dumb
head_only() { set +o pipefail; "$SARGAM" --home "$home" chart 2>"$err" | head -1 >"$out"; set -o pipefail; [[ -s $out && ! -s $err ]]; }
check 'a reader that goes away ends it quietly' head_only
full() { status=0; "$SARGAM" --home "$home" chart >/dev/full 2>"$err" || status=$?; [[ $status == 1 && $(<"$err") == *'standard output'* ]]; }
check 'a full disk: exit status 1, and it is said' full

# --- asked wrongly

two() { fails 1 "'sample' may be 'Bollywood*'Top 50*give more of the name, or the id" chart sample; }
check 'a part of two names: both are named' two
none() { fails 1 "no playlist 'zzz'; there are: *0SampleTop50Sargam0001" chart zzz; }
check 'no such playlist: those there are' none
quote() { fails 1 "no playlist 'x' OR 1=1 --'" chart "x' OR 1=1 --"; }
check 'a quote in the name is a quote' quote
before() { fails 1 "has no chart of 1999-12-31; the nearest is $first" chart "$playlist" --date 1999-12-31; }
check 'a day before the first chart: the nearest' before
in_gap() {
	local day
	day=$(date -u -d "$gap - 1 day" +%F)
	fails 1 "has no chart of $day; the nearest are *-* and $gap" chart "$playlist" --date "$day"
}
check 'a day in a gap: its neighbours' in_gap
no_day() { fails 1 'no playlist has a chart of 1999-12-31' chart --date 1999-12-31; }
check 'a day without any chart' no_day
bad_date() { fails 2 "'2021-02-30': want a chart day as YYYY-MM-DD" chart --date 2021-02-30; }
check 'no date' bad_date
bad_top() { fails 2 "'0': want a number of rows from 1 to 999999" chart --top 0 && fails 2 "'ten'" chart --top ten && fails 2 "'1000000'" chart --top 1000000 &&
	expect '' 999999 "$playlist" --top 999999; }
check 'no number of rows' bad_top
words() { fails 2 'one word too many' chart a b; }
check 'two playlists' words
option() { fails 2 "'--tops' is unknown" chart --tops; }
check 'an unknown option' option
check 'the beginning of an option is none' fails 2 "'--playlist' is unknown" chart --playlist 0SampleTop50Sargam0001
check 'nor is one with its value' fails 2 "'--playlist=x' is unknown" chart --playlist=x
help() { sargam chart --help; [[ $status == 0 && $(<"$out") == *'--top N'*'--date YYYY-MM-DD'*'--links'* ]]; }
check '--help' help
plan
