#!/usr/bin/env bash
# timeout: 900
# The live source as a person meets it, against `sargam simulate`: credentials, login, watch list, run, refusals, deferral, kills,
# secrets, and charts equal to those of the recorded pages.
# shellcheck source-path=SCRIPTDIR disable=SC2016
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
unset "${!SARGAM_SPOTIFY_@}"
log=$TEST_TMP/log url='' pid='' login_pid=''

stop() {
	[[ -z $pid ]] || kill -TERM "$pid" 2>/dev/null || true
	[[ -z $pid ]] || wait "$pid" 2>/dev/null || true
	pid=''
}
trap 'stop; [[ -z $login_pid ]] || kill "$login_pid" 2>/dev/null || true' EXIT
# simulator ARGUMENT...: in the background; its address goes into $url and the environment
simulator() {
	stop
	: >"$log"
	"$SARGAM" simulate "$@" >"$log" 2>/dev/null </dev/null &
	pid=$!
	for ((i = 0; i < 400; i++)); do
		grep -q '^playlist' "$log" && break
		sleep 0.05
	done
	eval "$(grep ^export "$log")"
	url=$SARGAM_SPOTIFY_ACCOUNTS_URL
	export SARGAM_SPOTIFY_GAP_MS=0
	mapfile -t lists < <(awk '/^playlist/ { print $2 }' "$log")
}
control() { curl -sf -X POST "$url/control" -d "$1" >/dev/null; }
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
stat_of() { curl -sf "$url/control" | field "['stats']$1"; }
requests() { stat_of "['requests']" | python3 -c "import ast, sys; d = ast.literal_eval(sys.stdin.read()); print(d['playlist'] + d['page'])"; }
says() { grep -qF -e "$2" "$1" || { echo "# lacks: $2"; return 1; }; }

# ---- without credentials ----
no_credentials() { fails 2 'no credentials' run --source spotify && says "$err" 'sargam login' && says "$err" 'import archive' && [[ ! -e $home ]]; }
check 'without credentials the ways to get some are told, and nothing is made' no_credentials
bad_url() {
	local trap
	for trap in http://127.0.0.1:80@example.org/v1 https://example.org/v1?x=y 'https://example.org /v1' $'https://example.org/\xff' https://api.spotify.com/v1#x; do
		SARGAM_SPOTIFY_API_URL=$trap fails 2 'want scheme, host and path alone' run --source spotify &&
			SARGAM_SPOTIFY_ACCOUNTS_URL=$trap fails 2 'want scheme, host and path alone' login || return 1
	done
	SARGAM_SPOTIFY_API_URL=http://example.org/v1 fails 2 'want https' run --source spotify &&
		SARGAM_SPOTIFY_MARKET=india fails 2 'two capital letters' run --source spotify &&
		SARGAM_SPOTIFY_BODIES=half fails 2 'full or fields' run --source spotify && [[ ! -e $home ]]
}
check 'settings that would send a token in clear, and other wrong ones, are refused' bad_url

# ---- with the app's credentials ----
simulator --playlists 2 --size 110 --days 20 --day 15 --nasty --seed 11 --shape both
watch() {
	prints "${lists[0]} is watched from now on" watch add "https://open.spotify.com/playlist/${lists[0]}?si=0123" &&
		prints "${lists[0]} is watched already" watch add "spotify:playlist:${lists[0]}" &&
		prints "${lists[1]} is watched from now on" watch add "${lists[1]}" &&
		fails 2 'its URI or its link' watch add https://open.spotify.com/album/4nNVfQ9eWidZXkBKZN5li4
}
check 'watch takes ids, URIs and links' watch
first_run() { sargam run --source spotify && [[ $status == 0 ]] && says "$out" '2 new snapshots of 2 playlists' && says "$out" 'requests ('; }
check 'a run takes what is watched and says how many requests it took' first_run
chart_rows() { # home, condition
	"$SARGAM" --home "$1" query --format csv "SELECT playlist_id, rank, id, name, artist_id, href, release_date, uri, artist_name, artist_names, album_id, album_name, duration_ms,
		explicit, popularity, isrc, film_name, url FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY 1, 2" 2>/dev/null
}
same_as_recorded() {
	local until
	until=$(curl -sf "$url/control" | field "['date']")
	"${SARGAM_ASAN%/*}/sargam-test" --world-dump "$TEST_TMP/recorded" 11 20 2 110 >/dev/null &&
		"$SARGAM" --home "$TEST_TMP/recorded-home" run --source "dir:$TEST_TMP/recorded" --until "$until" >/dev/null 2>&1 &&
		diff <(chart_rows "$TEST_TMP/recorded-home") <(chart_rows "$home") | sed -n '1,6s/^/# /p' &&
		[[ $(chart_rows "$home") == "$(chart_rows "$TEST_TMP/recorded-home")" && $(chart_rows "$home" | wc -l) -gt 100 ]]
}
if [[ -n ${SARGAM_ASAN:-} ]]; then check 'its charts are those of the same pages, recorded' same_as_recorded; fi
only_fields() {
	SARGAM_SPOTIFY_BODIES=fields "$SARGAM" --home "$TEST_TMP/fields" run --source spotify --playlist "${lists[0]}" --playlist "${lists[1]}" >/dev/null 2>&1 &&
		[[ $(chart_rows "$TEST_TMP/fields") == "$(chart_rows "$home")" ]] &&
		(($(cat "$TEST_TMP"/fields/raw/*/*/page-* | wc -c) < $(cat "$home"/raw/*/*/page-* | wc -c)))
}
check 'with only the fields that are needed the charts are the same, and the pages smaller' only_fields
unchanged() {
	local before after
	before=$(stat_of "['not_modified']")
	sargam run --source spotify && after=$(stat_of "['not_modified']") && [[ $status == 0 ]] && says "$out" '2 new snapshots' && ((after - before >= 8)) &&
		(($(find "$home/raw" -name 'page-00000.*' | wc -l) == 4))
}
check 'what did not change is answered 304 and stands in raw again, under its new time' unchanged
another_home() { fails 2 'another invented history' run; }
check 'a simulator is invented: the sample is another history' another_home

# ---- deferred ----
deferred() {
	control '{"faults": ["quota,on=page,at=2,after=3"]}' && sargam run --source spotify && [[ $status == 3 ]] &&
		says "$err" 'QUOTA_EXCEEDED' && says "$out" 'playlists deferred' && says "$out" 'publish'
}
check 'a spent quota ends with status 3, and what was taken is published' deferred
not_yet() { local before; before=$(requests); sargam extract --source spotify && [[ $status == 3 && $(requests) == "$before" ]] && says "$err" 'no request before'; }
check 'before the time that was said nothing is asked' not_yet
resumed() {
	sleep 5
	sargam run --source spotify && [[ $status == 0 ]] && says "$err" 'going on with the snapshot' && [[ $(stat_of "['violations']") == 0 ]] && prints '' dead list
}
check 'the next run goes on with it' resumed
dag_says() { sargam dag runs && says "$out" DEFERRED && says "$out" 'QUOTA_EXCEEDED'; }
check 'dag runs shows that a run was deferred, and why' dag_says
killed() {
	local before
	control '{"day": 17, "clear": true, "faults": ["slow,on=page,ms=3000,at=2,playlist='"${lists[0]}"'"]}'
	"$SARGAM" --home "$home" extract --source spotify --playlist "${lists[0]}" >/dev/null 2>&1 </dev/null &
	local victim=$!
	for ((i = 0; i < 200; i++)); do
		compgen -G "$home/pending/spotify/playlist_id=${lists[0]}/page-00000.*" >/dev/null && break
		sleep 0.05
	done
	kill -9 $victim
	wait $victim 2>/dev/null || true
	control '{"clear": true}'
	before=$(requests)
	sargam run --source spotify --playlist "${lists[0]}" && [[ $status == 0 ]] && says "$err" 'going on with the snapshot' && says "$out" '1 new snapshots' &&
		(($(requests) - before == $(find "$home/raw/playlist_id=${lists[0]}" -name 'page-*' | sed 's/.*snapshot_at=\([^/]*\).*/\1/' | sort | uniq -c | sort -k2 | tail -1 | awk '{print $1}') - 1 + 2))
}
check 'a killed extract is gone on with, without asking for a page that is here' killed
one_at_a_time() {
	control '{"clear": true}'
	python3 - "$home/live.lock" "$SARGAM" "$home" >"$out" 2>"$err" <<'END'
import fcntl, subprocess, sys
with open(sys.argv[1], "a") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    sys.exit(subprocess.run([sys.argv[2], "--home", sys.argv[3], "extract", "--source", "spotify", "--lock-wait-s", "1"]).returncode != 1)
END
	says "$err" 'live.lock is locked by' && sargam extract --source spotify && [[ $status == 0 ]]
}
check 'two runs on one home take turns at Spotify' one_at_a_time
behind_a_proxy() { http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 sargam extract --source spotify && [[ $status == 0 ]]; }
check 'a proxy of the environment is none for a simulator' behind_a_proxy
interrupted() {
	control '{"clear": true, "faults": ["429,after=20,on=playlist"]}'
	"$SARGAM" --home "$home" run --source spotify >"$out" 2>"$err" </dev/null &
	local victim=$! from=$SECONDS
	for ((i = 0; i < 200; i++)); do
		grep -q 'asks for a pause' "$err" && break
		sleep 0.05
	done
	kill -INT $victim
	status=0
	wait $victim || status=$?
	control '{"clear": true}'
	[[ $status == 1 ]] && ((SECONDS - from < 15)) && says "$err" 'the next `sargam run` goes on'
}
check 'a wait can be interrupted' interrupted

# ---- what cannot be read ----
refusal() { # PATTERN ARGUMENT...
	sargam run --source spotify "${@:2}" && [[ $status == 1 ]] && says "$err" "$1"
}
check "one of Spotify's own lists is refused with the rule and the ways out" refusal 'closed to every app registered since 2024-11-27' --playlist 37i9dQZEVXbLZ52XmnySJg
says_ways() { says "$err" 'copy the tracks into a playlist of your own' && says "$err" 'sargam import'; }
check 'three ways out are named' says_ways
letter() { sargam dead list && [[ $(grep -c 37i9dQZEVXbLZ52XmnySJg "$out") == 1 ]] && sargam run --source spotify --playlist 37i9dQZEVXbLZ52XmnySJg; sargam dead list && [[ $(grep -c 37i9dQZEVXbLZ52XmnySJg "$out") == 1 ]]; }
check 'it is one dead letter, however often it is tried' letter
others_go_on() {
	sargam run --source spotify --playlist 37i9dQZEVXbLZ52XmnySJg --playlist "${lists[0]}" && [[ $status == 0 ]] && says "$out" '1 new snapshots' && says "$out" '1 playlists not read'
}
check 'the others go on' others_go_on
gone_meanwhile() { # a playlist that is owed and then refused does not hold up the round
	control '{"clear": true, "faults": ["503,on=playlist,times=5,playlist='"${lists[0]}"'"]}'
	sargam run --source spotify && [[ $status == 3 ]] && control '{"clear": true, "faults": ["not_found,on=playlist,times=1,playlist='"${lists[0]}"'"]}' &&
		sargam run --source spotify && says "$out" '1 playlists not read' && sargam run --source spotify && [[ $status == 0 ]] && says "$out" '2 new snapshots'
}
check 'a playlist that is owed and then refused ends the round' gone_meanwhile
population() { # NAME TEXT
	control '{"population": "'"$1"'"}' && sargam doctor && says "$out" "$2"
}
check 'doctor tells an app of extended quota' population extended "the app is one of: extended quota"
check 'doctor tells an app of development mode' population existing "the app is one of: development mode, from before 2026-02-11"
check 'doctor tells an app of 2026' population new "the app is one of: development mode, since 2026-02-11"
check 'an app of 2026 without a user reads no items' refusal 'an app registered since 2026-02-11 reads only playlists that its user owns' --playlist "${lists[0]}"
no_user() { fails 1 'run `sargam login`' playlists; }
check 'an app has no playlists' no_user
wrong_clock() { # what a machine of the year 2099 has noted, and another app
	local app
	app=$(grep -l not_before_ms "$home"/pending/spotify/app-*.json) && cp "$app" "$TEST_TMP/app.json" &&
		sed -i 's/"not_before_ms": *[0-9]*/"not_before_ms": 4085000000000/' "$app" && sargam doctor && says "$out" 'the app is one of' &&
		sed -i 's/"not_before_ms": *[0-9]*/"not_before_ms": '"$(($(date +%s) + 600))"000/ "$app" && sargam doctor && says "$out" 'no request before' &&
		mv "$app" "${app%/*}/app-0123456789abcdef.json" && sargam doctor && says "$out" 'the app is one of' && rm "${app%/*}/app-0123456789abcdef.json" &&
		mv "$TEST_TMP/app.json" "$app"
}
check 'doctor believes the pause of its own app, and no wrong clock' wrong_clock
no_app() { SARGAM_SPOTIFY_CLIENT_ID='' SARGAM_SPOTIFY_REFRESH_TOKEN=x SARGAM_SOURCE=spotify sargam doctor; says "$out" 'a refresh token without its app: set spotify_client_id'; }
check 'doctor misses the app of a refresh token' no_app
wrong_secret() {
	simulator --playlists 1 --size 20 --days 3 --client-id an-app --client-secret right && SARGAM_SPOTIFY_CLIENT_SECRET=wrong sargam --home "$TEST_TMP/h2" run --source spotify --playlist "${lists[0]}" &&
		[[ $status == 1 ]] && says "$err" 'does not know the app' && ! grep -q wrong "$err"
}
check 'a wrong secret is told, not printed' wrong_secret
premium() {
	simulator --playlists 1 --size 20 --days 3 --fault text && sargam --home "$TEST_TMP/h3" run --source spotify --playlist "${lists[0]}" && [[ $status == 1 ]] &&
		says "$err" 'Active premium subscription required'
}
check 'a refusal in plain text is told as it was said' premium

# ---- login ----
simulator --playlists 4 --size 30 --days 9 --rotate --population new
unset SARGAM_SPOTIFY_CLIENT_SECRET
home=$TEST_TMP/user
export SARGAM_SPOTIFY_REDIRECT_PORT=$((20000 + RANDOM % 20000))
no_client() { SARGAM_SPOTIFY_CLIENT_ID='' fails 2 'spotify_client_id' login && [[ ! -e $home ]]; }
check 'login wants the id of an app' no_client
odd_client() { # told before anybody opens a browser
	local id
	for id in $'a\xff' 'a b' 'a:b'; do
		SARGAM_SPOTIFY_CLIENT_ID=$id fails 2 'spotify_client_id holds what no such text has' login && [[ ! -e $home ]] || return 1
	done
}
check 'login refuses an id that is none' odd_client
begin_login() { # INPUT: starts login, its address goes into $address
	: >"$out"
	# shellcheck disable=SC2002
	"$SARGAM" --home "$home" login <"$1" >"$out" 2>"$err" &
	login_pid=$!
	for ((i = 0; i < 200; i++)); do
		address=$(head -1 "$out")
		[[ $address == http* ]] && break
		sleep 0.05
	done
}
end_login() { status=0; wait "$login_pid" || status=$?; login_pid=''; }
mkfifo "$TEST_TMP/keys"
exec 9<>"$TEST_TMP/keys"
browser() {
	begin_login "$TEST_TMP/keys"
	curl -sf "http://127.0.0.1:$SARGAM_SPOTIFY_REDIRECT_PORT/callback?code=stolen&state=guessed" && return 1 # not ours
	curl -sfL "$address" >"$TEST_TMP/page" && end_login && [[ $status == 0 ]] && says "$TEST_TMP/page" 'You may close this page' && says "$out" 'logged in as'
}
check 'login waits for the browser and takes only the answer to its own question' browser
junk() { # any page of any browser on this machine can knock
	local long i
	rm -f "$home/spotify-token.json"
	begin_login "$TEST_TMP/keys"
	long=$(head -c 15000 /dev/zero | tr '\0' A)
	for ((i = 0; i < 90; i++)); do
		printf 'url="http://127.0.0.1:%s/callback?code=x&state=%s"\noutput=/dev/null\n' "$SARGAM_SPOTIFY_REDIRECT_PORT" "$long"
	done >"$TEST_TMP/knocks"
	curl -s -K "$TEST_TMP/knocks" || { echo '# it has gone'; return 1; }
	curl -s -o /dev/null "http://127.0.0.1:$SARGAM_SPOTIFY_REDIRECT_PORT/favicon.ico" && curl -s -o /dev/null --head "$address"
	curl -s -o /dev/null "http://127.0.0.1:$SARGAM_SPOTIFY_REDIRECT_PORT/callback?code=%00%ff&state=%00"
	curl -sfL "$address" >/dev/null && end_login && [[ $status == 0 ]] && says "$out" 'logged in as'
}
check 'login stands junk on its door' junk
private() { [[ $(stat -c %a "$home/spotify-token.json") == 600 ]]; }
check 'the login is kept with mode 0600' private
pasted() {
	rm -f "$home/spotify-token.json"
	begin_login "$TEST_TMP/keys"
	local redirected
	redirected=$(curl -s -o /dev/null -w '%{redirect_url}' "$address")
	echo 'http://127.0.0.1/callback?code=x&state=wrong' >&9
	for ((i = 0; i < 200; i++)); do
		grep -q 'not the answer to this login' "$err" && break
		sleep 0.05
	done
	echo "$redirected" >&9
	end_login && [[ $status == 0 ]] && says "$err" 'not the answer to this login' && [[ $(stat -c %a "$home/spotify-token.json") == 600 ]]
}
check 'the address can be pasted' pasted
declined() {
	control '{"deny": true}' && begin_login "$TEST_TMP/keys" && curl -sL "$address" >/dev/null && end_login && control '{"deny": false}' && [[ $status == 1 ]] && says "$err" 'declined in the browser'
}
check 'a login that is declined says so' declined
lists_them() { sargam playlists && [[ $status == 0 ]] && grep -q "^${lists[0]} .*own .*no " "$out" && says "$err" 'watch add'; }
check 'playlists lists what the account has' lists_them
own_ones() {
	sargam watch add "${lists[0]}" && sargam run --source spotify && [[ $status == 0 ]] && says "$out" '1 new snapshots' &&
		refusal 'its user owns or works on' --playlist "${lists[2]}"
}
check 'an app of 2026 reads what its user owns, and no more' own_ones
rotated() {
	local before after
	before=$(field "['refresh_token']" <"$home/spotify-token.json")
	control '{"expire_tokens": true}' && sargam run --source spotify && [[ $status == 0 ]] && after=$(field "['refresh_token']" <"$home/spotify-token.json") &&
		[[ -n $after && $after != "$before" ]] && sargam run --source spotify && [[ $status == 0 && $(stat -c %a "$home/spotify-token.json") == 600 ]]
}
check 'a token that runs out is renewed, and a rotated login kept' rotated
from_environment() {
	local seed
	seed=$(field "['refresh_token']" <"$home/spotify-token.json")
	cp "$home/spotify-token.json" "$TEST_TMP/kept.json"
	export SARGAM_SPOTIFY_REFRESH_TOKEN=$seed
	for _ in 1 2; do # the second run needs the successor of what the environment says
		control '{"expire_tokens": true}' && sargam run --source spotify && [[ $status == 0 ]] || return 1
	done
	[[ $(stat -c %a "$home/spotify-token-env.json") == 600 ]] && ! grep -q "$seed" "$home/spotify-token-env.json"
}
check 'a refresh token of the environment is rotated, too' from_environment
login_stays() { cmp "$home/spotify-token.json" "$TEST_TMP/kept.json"; }
check 'it does not take the place of a login' login_stays
login_beside() { fails 2 'SARGAM_SPOTIFY_REFRESH_TOKEN is set' login; }
check 'no login is kept that the environment would overrule' login_beside
revoked() { control '{"revoke_tokens": true, "expire_tokens": true}' && sargam run --source spotify && [[ $status == 1 ]] && says "$err" 'SARGAM_SPOTIFY_REFRESH_TOKEN' && says "$err" 'sargam login'; }
check 'a refresh token that has died says what to do' revoked
no_secret() {
	local secret
	for secret in $(python3 -c "import json; d = json.load(open('$home/spotify-token-env.json')); print(d['access_token'], d['refresh_token'])") "$SARGAM_SPOTIFY_REFRESH_TOKEN"; do
		grep -rlF -e "$secret" "$home" "$TEST_TMP"/*.err "$out" "$err" 2>/dev/null | grep -v 'spotify-token.*json' && return 1
	done
	return 0
}
check 'no token stands anywhere but in its file' no_secret
plan
