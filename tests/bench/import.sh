#!/usr/bin/env bash
# Imports: an invented CSV of two million lines (500 MB) and the recorded archive, into raw only and again; wall and CPU seconds, peak
# memory. `extract` of the CSV with an empty range of days is the pass over the file alone.
set -euo pipefail
here=${BASH_SOURCE[0]%/*}

measure() { # NAME COMMAND...
	local name=$1 out wall user sys peak
	out=$(python3 "$here/measure.py" "${@:2}" 3>"$TEST_TMP/figures" 2>/dev/null | grep -E '^(Imported|extract)' | tail -n 1)
	read -r wall user sys peak <"$TEST_TMP/figures"
	awk -v wall="$wall" -v user="$user" -v sys="$sys" -v peak="$peak" -v name="$name" -v out="$out" \
		'BEGIN { printf "| %s | %.2f | %.2f | %d | %s |\n", name, wall, user + sys, peak / 1024, out }'
}

csv=$TEST_TMP/charts.csv home=$TEST_TMP/home
python3 - "$csv" <<'END'
import datetime, random, sys
random.seed(7)
countries = [""] + [a + b for a in "ABCDEFGHI" for b in "ABCDEFGH"]
names = [f"Song {i} of the {random.choice(['long', 'short', 'new', 'old'])} evening" for i in range(20000)]
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write('"spotify_id","name","artists","daily_rank","daily_movement","weekly_movement","country","snapshot_date","popularity","is_explicit","duration_ms","album_name",'
            '"album_release_date","danceability","energy","key","loudness","mode","speechiness","acousticness","instrumentalness","liveness","valence","tempo","time_signature"\n')
    for day in range(548):
        date = (datetime.date(2025, 6, 11) - datetime.timedelta(day)).isoformat()
        for n, country in enumerate(countries):
            base = (day * 3 + n * 251) % 19000
            for rank in range(1, 51):
                i = base + rank * 7 % 50
                f.write(f'"{i:022d}","{names[i]}","Artist {i % 997}, The {i % 31} Others","{rank}","0","0","{country}","{date}","{i % 100}","{bool(i % 3)}","{180000 + i}",'
                        f'"Album {i // 5}","2024-05-{i % 28 + 1:02d}","0.521","0.592","6","-7.777","0","0.0304","0.308","0.0","0.122","0.535","157.969","3"\n')
END
printf '%d lines, %d MB\n\n| what | wall s | CPU s | peak MiB | summary |\n|---|---|---|---|---|\n' "$(wc -l <"$csv")" "$(($(stat -c %s "$csv") / 1000000))"
measure 'the pass alone' "$SARGAM" --home "$home" import csv "$csv" --raw --since 2000-01-01 --until 2000-01-01
measure 'one country, raw only' "$SARGAM" --home "$home" import csv "$csv" --raw --playlist chart-AB
measure 'the same again' "$SARGAM" --home "$home" import csv "$csv" --raw --playlist chart-AB
rm -rf "$home"
[[ -n ${SARGAM_SHARED:-} ]] || exit 0
bundle=$SARGAM_SHARED/data/archive/playlist-archive.bundle
measure 'the recorded archive, to charts' "$SARGAM" --home "$home" import archive "$bundle"
measure 'the same again' "$SARGAM" --home "$home" import archive "$bundle"
