#!/usr/bin/env bash
# sargam simulate: what it prints, serves and says at its end, every way to ask wrongly, and the examples of docs/simulator.md.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
page=$PWD/docs/simulator.md
log=$TEST_TMP/log url='' pid=''

stop() {
	[[ -z $pid ]] || kill -TERM "$pid" 2>/dev/null || true
	[[ -z $pid ]] || wait "$pid" 2>/dev/null || true
	pid=''
}
trap stop EXIT
# start ARGUMENT...: in the background, until it has printed where it is
start() {
	stop
	: >"$log"
	"$SARGAM" --home "$home" simulate "$@" >"$log" 2>"$err" </dev/null &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		grep -q '^playlist' "$log" && break
		sleep 0.05
	done
	url=$(awk '/^simulator/ { print $2 }' "$log")
	[[ $url == http://127.0.0.1:* ]]
}
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
token() { curl -sf -u id:secret -d grant_type=client_credentials "$url/api/token" | field "['access_token']"; }
status_of() { curl -s -o "$out" -w '%{http_code}' -H "Authorization: Bearer $bearer" "$url/v1$1"; }

prints_where() {
	start --seed 3 && [[ $(sed -n 1p "$log") == "simulator $url" ]] && grep -q '^playlist 0SampleTop50Sargam0001 ' "$log" &&
		(eval "$(grep ^export "$log")" && [[ $SARGAM_SPOTIFY_API_URL == "$url/v1" && $SARGAM_SPOTIFY_ACCOUNTS_URL == "$url" ]] &&
			curl -sf -u "$SARGAM_SPOTIFY_CLIENT_ID:$SARGAM_SPOTIFY_CLIENT_SECRET" -d grant_type=client_credentials "$url/api/token" >/dev/null)
}
check 'it prints its address and the lines that make sargam use it' prints_where
serves() { bearer=$(token) && [[ $(status_of /playlists/0SampleTop50Sargam0001) == 200 ]] && [[ $(field "['tracks']['total']" <"$out") == 50 ]]; }
check 'it serves a playlist to a client with a token' serves
no_home() { [[ ! -e $home && ! -e sargam-data ]]; }
check 'no home is made' no_home
control() {
	curl -sf -d '{"day": 8, "faults": ["500,at=1,on=page"]}' "$url/control" >/dev/null &&
		[[ $(status_of /playlists/0SampleTop50Sargam0001/tracks) == 500 ]] && [[ $(status_of /playlists/0SampleTop50Sargam0001/tracks) == 200 ]] &&
		[[ $(field "['items']" <"$out") == '[]' ]] # emptied on that day
}
check 'the control endpoint moves the day and sets faults' control
ends() {
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	pid=''
	[[ $status == 0 ]] && grep -q '^requests 5 (token 2, playlist 1, page 2, me 0, other 0)$' "$log" &&
		grep -q '^not modified 0, violations 0, repeats 0$' "$log" && grep -q '^fault 500 1$' "$log"
}
check 'SIGTERM ends it, exit status 0, and it says what was asked' ends
interrupted() { start && kill -INT "$pid" && wait "$pid" && pid='' && grep -q '^requests 0 ' "$log"; }
check 'so does SIGINT' interrupted

lists() { start --playlists 7 --size 130 --days 5 --nasty --day 2 && [[ $(grep -c ^playlist "$log") == 7 ]] && [[ $(curl -sf "$url/control" | field "['days']") == 5 ]]; }
check 'lists in any number' lists
same_seed() {
	local first
	first=$(token)
	start --playlists 7 --size 130 --days 5 --nasty --day 2 && [[ $(token) == "$first" ]] &&
		start --playlists 7 --seed 9 && [[ $(token) != "$first" ]]
}
check 'the same seed, the same tokens' same_seed
settings() {
	start --population new --shape items --limit 50 --token-ttl 77 --rotate --client-id abc --client-secret def --user me --fault 429,on=page --fault 500,on=me &&
		[[ $(curl -sf -u abc:def -d grant_type=client_credentials "$url/api/token" | field "['expires_in']") == 77 ]] &&
		[[ $(curl -s -u abc:x -d grant_type=client_credentials "$url/api/token") == *invalid_client* ]] && grep -q 'CLIENT_ID=abc SARGAM_SPOTIFY_CLIENT_SECRET=def$' "$log" &&
		curl -sf "$url/control" >"$out" && [[ $(field "['population']" <"$out") == new && $(field "['shape']" <"$out") == items ]] &&
		[[ $(field "['limit']" <"$out") == 50 && $(field "['rotate']" <"$out") == True && $(field "['user']" <"$out") == me ]] &&
		[[ $(field "['faults'][1]['spec']" <"$out") == 500,on=me ]]
}
check 'every option arrives' settings
recorded() {
	mkdir -p "$TEST_TMP/pages/my-list/2026-01-01T10-00-00Z"
	echo '{"total": 2, "items": [{"track": {"id": "t1"}}, {"track": {"id": "t2"}}]}' >"$TEST_TMP/pages/my-list/2026-01-01T10-00-00Z/page-0000.json"
	start --recorded "$TEST_TMP/pages" && bearer=$(token) && [[ $(status_of '/playlists/my-list/tracks?limit=1&offset=1') == 200 ]] &&
		[[ $(field "['items'][0]['track']['id']" <"$out") == t2 ]]
}
check 'recorded pages' recorded
taken() { fails 1 "port ${url##*:} of 127.0.0.1 is taken" simulate --port "${url##*:}"; }
check 'a taken port is named' taken

wrong() {
	fails 2 "--port '70000': want a number from 0 to 65535" simulate --port 70000 &&
		fails 2 "--days '0': want a number" simulate --days 0 &&
		fails 2 "--day '72': the history has days 0 to 71: ask for one of them, or for more --days" simulate --day 72 &&
		fails 2 "--limit '70': want 50 or 100" simulate --limit 70 &&
		fails 2 "--shape 'round': want auto, tracks, items, both or none" simulate --shape round &&
		fails 2 "--population 'old': want extended, existing or new" simulate --population old &&
		fails 2 "--world 'mine': want sample or lists" simulate --world mine &&
		fails 2 '--size: the sample is what it is' simulate --world sample --size 5 &&
		fails 2 '--days is about an invented world' simulate --recorded "$TEST_TMP/pages" --days 5 &&
		fails 2 "fault '501': known are 429, quota" simulate --fault 501 &&
		fails 2 "'colour=red': known are on=" simulate --fault 500,colour=red &&
		fails 2 'one word too many' simulate now && fails 2 "'--ports'" simulate --ports 1
}
check 'asked wrongly: exit status 2, and what is known' wrong
nowhere() { fails 1 '/nowhere/at/all: no such folder' simulate --recorded /nowhere/at/all; }
check 'no such folder' nowhere
help() { sargam simulate --help; [[ $status == 0 && $(<"$out") == *'--fault SPEC'*'--recorded DIR'* || $(<"$out") == *'--recorded DIR'*'--fault SPEC'* ]]; }
check '--help' help
every_fault() { # the page names every kind there is, and only those
	local kinds
	kinds=$("$SARGAM" simulate --fault 501 2>&1 | sed 's/.*known are //; s/, /\n/g')
	# shellcheck disable=SC2016
	diff <(sort <<<"$kinds") <(sed -n '/^## Faults/,/^## Control/p' "$page" | grep -oE '^\| `[^|]*\|' | grep -oE '`[a-z0-9_]+`' | tr -d '`' | grep -vxE 'playlist' | sort) >"$out"
}
check 'docs/simulator.md has every kind of fault' every_fault
stop

# --- the examples of the page: one shell, so that its variables last
cd "$TEST_TMP"
mkdir build
ln -s "$SARGAM" build/sargam
export SARGAM_HOME=$home
cat >examples.py <<'END'
"""examples.py PAGE: runs the `console` blocks in one shell, on a port that is free; a line per command, "ok" or what was printed instead."""
import re, socket, subprocess, sys

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
text = open(sys.argv[1], encoding="utf-8").read().replace("8910", str(port))
steps = [s for b in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S) for s in re.split(r"^\$ ", b, flags=re.M)[1:]]
shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
for step in steps:
    command, _, want = step.partition("\n")
    shell.stdin.write(command + "\nprintf '\\n@@done\\n'\n")
    shell.stdin.flush()
    got = ""
    for line in shell.stdout:
        if line == "@@done\n":
            break
        got += line
    pattern = "".join("(?:.*\n)*" if line == "…\n" else re.escape(line) for line in want.splitlines(True))
    fits = re.fullmatch(pattern, got) or re.fullmatch(pattern, got[:-1])  # without the line break that ends a body without one
    print("ok" if fits else f"not as printed: {got!r}", "-", command)
shell.stdin.write("kill %1; wait\n")
shell.stdin.close()
shell.wait()
END
python3 examples.py "$page" >"$out" 2>"$err"
cp "$out" examples
examples() { ! grep -v '^ok' examples >"$out" && (($(wc -l <examples) > 10)); }
check 'the examples of docs/simulator.md print what they say' examples
plan
