#!/usr/bin/env bash
# The event service on loopback: durable publishes (each answered after fsync) by batch and clients, pull and ack, push latency, requests
# of the API, memory at rest and with 10,000 idle connections.  Beside it what the disk gives one writer, Google's emulator, which keeps
# its messages in memory only, and what others use for a queue: SQLite, and where they are installed nats-server, redis-server, postgresql with pgbench.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."
make -s bench-tools
load=build/bench/load seconds=${SARGAM_BENCH_SECONDS:-3} pid='' holder='' port='' what='' disk=1
trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true; [[ -z $holder ]] || kill "$holder" 2>/dev/null || true' EXIT

cpu() { # seconds of the service so far
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.2f", ($12 + $13) / hz }' "/proc/$pid/stat"
}
spent() { awk -v now="$(cpu)" -v before="$1" 'BEGIN { printf "%.2f", now - before }'; } # CPU seconds since
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
resident() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$pid/status"; }
put() {
	curl -sf -o /dev/null -X PUT -H 'Content-Type: application/json' -d "$2" "http://127.0.0.1:$port/v1/projects/sargam/$1"
}
row() { # TITLE ARGUMENT...
	local title=$1 before each p50 p99
	before=$(cpu)
	if ! read -r each p50 p99 < <(timeout "$((seconds + 60))" "$load" "$port" "${@:2}"); then
		printf '| %s | %s | none: it ended, or did not within a minute | | | | |\n' "$what" "$title"
		return
	fi
	line "$title" "$each" "$p50" "$p99" "$(spent "$before")"
}
line() { # TITLE EACH P50 P99 CPU: with how many times what one writer's fdatasync gives, where messages become durable
	awk -v what="$what" -v title="$1" -v each="$2" -v p50="$3" -v p99="$4" -v cpu="$5" -v disk="$disk" 'BEGIN {
		ratio = title ~ /^(publish|append)/ ? sprintf("%.2f", each / disk) : ""
		printf "| %s | %s | %d | %s | %s | %s | %s |\n", what, title, each, ratio, p50, p99, cpu }'
}
empty() { # a new topic and subscription: the emulator takes many minutes to hand out what the rows of large batches leave
	local name
	for name in subscriptions topics; do
		curl -sf -o /dev/null -X DELETE "http://127.0.0.1:$port/v1/projects/sargam/$name/load" || true
	done
	put topics/load '{}'
	put subscriptions/load '{"topic":"projects/sargam/topics/load","ackDeadlineSeconds":600}'
}
serve_rows() { # what both services are asked
	local batch clients
	empty
	for batch in 1 100 1000; do
		for clients in 1 8 64; do
			row "publish, batch $batch, $clients clients" publish "$batch" "$clients" "$seconds"
			[[ $batch != 100 || $clients != 1 ]] || row 'pull and ack, 100 each, 8 clients' drain 100 8
			empty
		done
	done
	for clients in 1 8; do row "pull of nothing, $clients clients" look "$clients" "$seconds"; done
	row 'from publish to a waiting pull' wait "$seconds"
	row 'from publish to a push endpoint' push "$seconds"
	for clients in 1 8 64; do row "GET a topic, $clients clients" get "$clients" "$seconds"; done
}

printf '| service | what | a second | to a file | p50 ms | p99 ms | CPU s |\n|---|---|---|---|---|---|---|\n'
read -r disk p50 p99 < <("$load" "$TEST_TMP/file" disk "$seconds")
what='file'
line 'append 100 bytes and fdatasync, one writer' "$disk" "$p50" "$p99" ''

what='sargam serve'
"$SARGAM" --home "$TEST_TMP/home" serve --bus-only --port 0 >"$TEST_TMP/log" 2>&1 </dev/null &
pid=$!
until grep -q '^sargam serves' "$TEST_TMP/log"; do sleep 0.1; done
port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$TEST_TMP/log")
at_rest=$(resident)
serve_rows
worked=$(resident)
mkfifo "$TEST_TMP/hold"
"$load" "$port" idle 9990 <"$TEST_TMP/hold" >"$TEST_TMP/idle" &
holder=$!
exec 9>"$TEST_TMP/hold"
until grep -q ready "$TEST_TMP/idle" || ! kill -0 "$holder"; do sleep 0.1; done
with_idle=$(resident)
exec 9>&-
wait "$holder"
holder=''
sleep 2
after_idle=$(resident)
kill "$pid"
wait "$pid"
pid=''

jar=$(find "$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null || true)/platform/pubsub-emulator/lib" -name 'cloud-pubsub-emulator-*.jar' 2>/dev/null | head -n 1 || true)
if [[ -n $jar ]] && command -v java >/dev/null; then
	what='emulator, in memory'
	port=$(free_port)
	java -Xmx4g -jar "$jar" --host=127.0.0.1 --port="$port" >"$TEST_TMP/emulator" 2>&1 </dev/null &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		put topics/ready '{}' 2>/dev/null && break
		sleep 0.1
	done
	serve_rows
	emulator=$(resident)
	kill "$pid"
	wait "$pid" || true
	pid=''
fi
what='SQLite, WAL, synchronous FULL, one writer in its own process'
for batch in 1 100 1000; do
	read -r each p50 p99 cpu_s taken < <(python3 tests/bench/sqlite_queue.py "$TEST_TMP/sqlite.db" "$batch" "$seconds")
	line "publish, batch $batch" "$each" "$p50" "$p99" "$cpu_s"
done
line 'pull and ack, 100 each' "$taken" '' '' ''

if command -v nats-server >/dev/null; then # its word that a message is kept comes after fsync
	what='NATS JetStream, sync always'
	port=$(free_port)
	printf 'listen: 127.0.0.1:%s\njetstream { store_dir: "%s", sync_interval: always }\n' "$port" "$TEST_TMP/nats" >"$TEST_TMP/nats.conf"
	if nats-server -c "$TEST_TMP/nats.conf" -t >/dev/null 2>&1; then # 2.10 and newer know it
		nats-server -c "$TEST_TMP/nats.conf" >"$TEST_TMP/nats.log" 2>&1 </dev/null &
		pid=$!
		until grep -q 'Server is ready' "$TEST_TMP/nats.log"; do sleep 0.1; done
		for batch in 1 100 1000; do
			for clients in 1 8 64; do row "publish, batch $batch, $clients clients" nats-publish "$batch" "$clients" "$seconds"; done
		done
		row 'pull and ack, 100 each, 8 clients' nats-drain 100 8
		kill "$pid"
		wait "$pid" || true
		pid=''
	fi
fi
if command -v redis-server >/dev/null; then # a stream; each answer after its fsync
	what='Redis stream, appendfsync always'
	port=$(free_port)
	redis-server --port "$port" --bind 127.0.0.1 --dir "$TEST_TMP" --save '' --appendonly yes --appendfsync always >"$TEST_TMP/redis" 2>&1 </dev/null &
	pid=$!
	until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
	for batch in 1 100 1000; do
		for clients in 1 8 64; do
			before=$(cpu)
			IFS=, read -r _ each _ _ p50 _ p99 _ < <(redis-benchmark -p "$port" -c "$clients" -P "$batch" -n $((clients * batch * (batch == 1000 ? 20 : 100))) --csv \
				XADD load '*' data "$(printf 'A%.0s' {1..100})" | tail -n 1 | tr -d '"')
			line "publish, batch $batch, $clients clients" "${each%.*}" "$p50" "$p99" "$(spent "$before")"
		done
	done
	redis-cli -p "$port" XGROUP CREATE load g 0 >/dev/null
	# shellcheck disable=SC2016
	take='local r = redis.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 100, "STREAMS", "load", ">") if not r then return 0 end
		local ids = {} for i, m in ipairs(r[1][2]) do ids[i] = m[1] end return redis.call("XACK", "load", "g", unpack(ids))'
	before=$(cpu)
	# the script, with commas in it, is the first field
	read -r each p50 p99 < <(redis-benchmark -p "$port" -c 8 -n 2000 --csv EVAL "$take" 0 | tail -n 1 | awk -F'","' '{ print $(NF - 6), $(NF - 3), $(NF - 1) }')
	line 'pull and ack, 100 each, 8 clients' "$(awk -v each="$each" 'BEGIN { print each * 100 }')" "$p50" "$p99" "$(spent "$before")"
	kill "$pid"
	wait "$pid" || true
	pid=''
fi

postgres=$(command -v postgres || find /usr/lib/postgresql -name postgres -path '*/bin/*' 2>/dev/null | sort -V | tail -n 1)
if [[ -n $postgres ]] && command -v pgbench >/dev/null; then # rows of a table, a transaction each batch
	what='PostgreSQL table'
	port=$(free_port)
	as=()
	[[ $EUID -ne 0 ]] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups) # it refuses to run as root
	mkdir "$TEST_TMP/postgres"
	chmod a+rx "$TEST_TMP/.." "$TEST_TMP"
	[[ $EUID -ne 0 ]] || chown nobody "$TEST_TMP/postgres"
	"${as[@]}" "${postgres%/*}/initdb" -D "$TEST_TMP/postgres" -U load -A trust >"$TEST_TMP/initdb" 2>&1
	"${as[@]}" "$postgres" -D "$TEST_TMP/postgres" -h 127.0.0.1 -p "$port" -k '' -c max_connections=100 >"$TEST_TMP/postgres.log" 2>&1 </dev/null &
	pid=$!
	sql() { psql -q -h 127.0.0.1 -p "$port" -U load -c "$1" postgres; }
	for ((i = 0; i < 300; i++)); do
		! sql 'CREATE TABLE load(id bigserial PRIMARY KEY, data text NOT NULL)' 2>/dev/null || break
		sleep 0.1
	done
	bench() { # TITLE EACH CLIENTS TRANSACTIONS SCRIPT: so many messages a transaction
		rm -f "$TEST_TMP"/pgbench.*
		echo "$5" >"$TEST_TMP/script.sql"
		(cd "$TEST_TMP" && pgbench -n -h 127.0.0.1 -p "$port" -U load -c "$3" -t "$4" -f script.sql -l --log-prefix=pgbench postgres >pgbench.out 2>&1)
		read -r p50 p99 < <(sort -n -k3,3 "$TEST_TMP"/pgbench.[0-9]* | awk '{ us[NR] = $3 }
			END { printf "%.2f %.2f\n", us[int((NR + 1) / 2)] / 1000, us[int(NR * 0.99 + 0.99)] / 1000 }')
		line "$1" "$(awk -v each="$2" '/^tps = / { print int($3 * each) }' "$TEST_TMP/pgbench.out")" "$p50" "$p99" ''
	}
	for batch in 1 100 1000; do
		for clients in 1 8 64; do
			bench "publish, batch $batch, $clients clients" "$batch" "$clients" $((batch == 1000 ? 20 : 100)) \
				"INSERT INTO load(data) SELECT repeat('A', 100) FROM generate_series(1, $batch);"
		done
	done
	bench 'pull and ack, 100 each, 8 clients' 100 8 100 'DELETE FROM load WHERE id IN (SELECT id FROM load ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING data;'
	kill -INT "$pid"
	wait "$pid" || true
	pid=''
fi
printf '\nsargam serve: %s MiB at rest, %s after the rows above, %s with 9,990 connections that have asked once, %s after them.\n' \
	"$at_rest" "$worked" "$with_idle" "$after_idle"
[[ -z ${emulator:-} ]] || printf 'The emulator: %s MiB after the rows.\n' "$emulator"
