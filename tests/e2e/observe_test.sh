#!/usr/bin/env bash
# A daemon as those who watch it see it: health, metrics, status, the webhook and its lines for machines.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
here=${BASH_SOURCE[0]%/*} log=$TEST_TMP/log hook=$TEST_TMP/hook page=$TEST_TMP/page url='' pid='' hook_pid='' hook_port=''
trap 'kill -9 $pid $hook_pid 2>/dev/null || true' EXIT

serve() { # serve [OPTION]...
	: >"$log"
	"$SARGAM" --home "$home" --log-format json serve --bus-only --port 0 "$@" >"$log" 2>"$log.err" </dev/null &
	pid=$!
	await_serve
	url=$served_at
}
stop() {
	status=0
	kill "-$1" "$pid"
	wait "$pid" || status=$?
	pid=''
}
get() { curl -s -o "$page" -w '%{http_code} %{content_type}' "$url$1" >"$out"; } # its status and type go into $out
scraped() { /usr/bin/python3 "$here/prometheus_check.py" "$page" "$@" >"$out"; }
soon() { # soon COMMAND...: true within ten seconds
	for ((i = 0; i < 100; i++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}
# A receiver that writes down what it gets, and takes nothing while the file `busy` is there.
cat >"$TEST_TMP/hook.py" <<'PY'
import http.server, os, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        busy = os.path.exists(sys.argv[1] + ".busy")
        self.send_response(503 if busy else 200)
        self.end_headers()
        if not busy:
            with open(sys.argv[1], "ab") as f:
                f.write(body + b"\n")
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 "$TEST_TMP/hook.py" "$hook" >"$TEST_TMP/hook.port" 2>/dev/null &
hook_pid=$!
has_port() { [[ -s $TEST_TMP/hook.port ]]; }
soon has_port && hook_port=$(<"$TEST_TMP/hook.port")
hook_url=http://127.0.0.1:$hook_port/services/S3CRET

sargam run
export SARGAM_WEBHOOK_URL=$hook_url
serve
alive() { get /healthz && [[ $(<"$out") == '200 application/json'* ]]; }
check 'it is alive' alive
ready() { get /readyz && [[ $(<"$out") == '200 application/json'* ]] && grep -q '"ready":true' "$page"; }
check 'and ready' ready
metrics() {
	get /metrics && [[ $(<"$out") == '200 text/plain; version=0.0.4; charset=utf-8' ]] && scraped 'sargam_subscription_backlog{subscription=spotify-raw}' 'sargam_runs{state=DONE}' \
		'sargam_http_requests_total{code=200}' 'sargam_look_failed{part=incomplete}' sargam_snapshots_incomplete 'sargam_stage_last_success{stage=publish}' &&
		diff "$out" <(printf '%s\n' 'sargam_subscription_backlog{subscription=spotify-raw} 0' 'sargam_runs{state=DONE} 1' 'sargam_http_requests_total{code=200} 2' \
			'sargam_look_failed{part=incomplete} 0' 'sargam_snapshots_incomplete 0' 'sargam_stage_last_success{stage=publish} 1')
}
check 'its figures are what the official parser reads' metrics
post() { curl -sf -o "$page" -X "$1" -H 'Content-Type: application/json' "$url/v1/projects/sargam/$2" -d "$3"; }
pull_one() { post POST subscriptions/sub-m:pull '{"maxMessages":1}' && id=$(sed -n 's/.*"ackId":"\([^"]*\)".*/\1/p' "$page") && [[ -n $id ]]; }
messages() { # one given back, taken again, acknowledged; acknowledged twice counts once
	post PUT topics/topic-m '{}' && post PUT subscriptions/sub-m '{"topic":"projects/sargam/topics/topic-m"}' && post POST topics/topic-m:publish '{"messages":[{"data":"eA=="}]}' || return
	pull_one && post POST subscriptions/sub-m:modifyAckDeadline "{\"ackIds\":[\"$id\"],\"ackDeadlineSeconds\":0}" && pull_one || return
	post POST subscriptions/sub-m:acknowledge "{\"ackIds\":[\"$id\"]}" && post POST subscriptions/sub-m:acknowledge "{\"ackIds\":[\"$id\"]}" && get /metrics || return
	scraped 'sargam_bus_deliveries_total{subscription=sub-m}' 'sargam_bus_redeliveries_total{subscription=sub-m}' 'sargam_bus_acks_total{subscription=sub-m}' 'sargam_bus_nacks_total{subscription=sub-m}' &&
		[[ $(sed 's/.* //' "$out" | tr '\n' ' ') == '2 1 1 1 ' ]]
}
check 'messages handed out, given back and acknowledged are counted' messages
by_hand() { # stages of another process count, too
	sargam run --sample-days 75 && [[ $status == 0 ]] && sleep 1.1 && get /metrics && scraped 'sargam_runs_ended_total{state=DONE}' 'sargam_stage_duration_seconds_count{stage=gold}' &&
		diff "$out" <(printf '%s\n' 'sargam_runs_ended_total{state=DONE} 1' 'sargam_stage_duration_seconds_count{stage=gold} 1')
}
check 'a run of another process is counted' by_hand
status_of() { sargam status && grep -qE "^daemon +running for .*, process $pid, $url\$" "$out"; }
check 'status finds it' status_of
kept() { [[ -f $home/serve.json ]]; }
stop KILL
check 'killed, its file stays' kept
dead() { sargam status && grep -qE '^daemon +process [0-9]+ has ended without saying so' "$out"; }
check 'and status says that it is dead' dead

# --- the webhook

fail_run() { # a run that ends as FAILED: a published version that cannot be read
	mv "$home/warehouse.duckdb" "$TEST_TMP/warehouse"
	mkdir "$home/warehouse.duckdb"
	sargam run --sample-days "$1" --task-attempts-max 1
	[[ $status == 1 ]] && rmdir "$home/warehouse.duckdb" && mv "$TEST_TMP/warehouse" "$home/warehouse.duckdb"
}
check 'a run that fails while nobody serves' fail_run 76
: >"$hook.busy"
serve
refused() { grep -q '"area":"webhook","message":"http://127.0.0.1:[0-9]* has not taken an event: it answered 503; 1 wait, next try in 1 min"' "$log.err"; }
check 'a receiver that does not take it' soon refused
stop TERM
ended() { [[ $status == 0 && ! -e $home/serve.json ]]; }
check 'stopped, its file is gone' ended
rm "$hook.busy"
sed -i 's/"next_try_ms":[0-9]*/"next_try_ms":0/' "$home/webhook.json" # a minute later
serve
told() { [[ -f $hook && $(wc -l <"$hook") == 1 ]] && grep -q '"text":"sargam (home): run .* failed: .*","event":"run_failed"' "$hook"; }
check 'is told after a restart' soon told
stop TERM
sargam run --sample-days 76
serve
recovered() { [[ $(wc -l <"$hook") == 2 ]] && tail -1 "$hook" | grep -q '"event":"run_recovered"'; }
check 'and of the recovery, once each' soon recovered
secret() { ! grep -rqa S3CRET "$log" "$log.err" "$home/webhook.json" "$home/serve.json"; }
check 'its address is written nowhere' secret
full() { stop TERM && serve --disk-free-min-mb 1048576 && get /readyz && [[ $(<"$out") == 503* ]] && grep -q '"check":"disk","ok":false' "$page" && get /healthz && [[ $(<"$out") == 200* ]]; }
check 'a disk that is full: alive, not ready' full
stop TERM
SARGAM_WEBHOOK_URL=http://example.com/S3CRET
wrong() { fails 2 'webhook_url: want https' serve --port 0; }
check 'an address that cannot be one' wrong
unsaid() { ! grep -q S3CRET "$err"; }
check 'which is not repeated' unsaid
unset SARGAM_WEBHOOK_URL

# --- lines for machines

lines() { # of an import with messages that cannot be used: each line of the log is an object, and those of messages name them
	local list=$TEST_TMP/pages/my-list/2026-01-01T10-00-00Z
	home=$TEST_TMP/mine
	mkdir -p "$list" && echo '{"items": [{' >"$list/page-0000.json"
	sargam extract --source "dir:$TEST_TMP/pages" && sargam --log-format json ingest --page-limit-bytes 1024 --source "dir:$TEST_TMP/pages" && head -c 5000 /dev/zero | tr '\0' 'x' >"$list/page-0000.json"
	rm -rf "$home" && sargam extract --source "dir:$TEST_TMP/pages" && sargam --log-format json ingest --page-limit-bytes 1024 --source "dir:$TEST_TMP/pages"
	python3 - "$err" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
told = [l for l in lines if "too_large" in l["message"]]
assert told and all({"time", "level", "area", "message", "run", "playlist", "message_id"} <= l.keys() for l in told), lines
assert told[0]["playlist"] == "my-list" and told[0]["message_id"] in told[0]["message"] and told[0]["area"] == "ingest", told
PY
}
check 'each line of a message names it, its run and its playlist' lines
plan
