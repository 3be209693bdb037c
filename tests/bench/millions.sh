#!/usr/bin/env bash
# only when named: it takes minutes and 3 GB
# Ten million messages retained (SARGAM_BENCH_MESSAGES): the embedded bus empty, and then with all of them in one subscription's backlog.
# A second subscription keeps up with what is published; batches of 100, every publish and acknowledgement after its fsync.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."
make -s bench-tools
echo '| retained | publish, a second | pull and ack, a second | the same, from the backlog | pull of nothing, ms | stats, ms | stats of the backlog, ms | bus.db MiB |'
echo '|---|---|---|---|---|---|---|---|'
build/bench/millions "$TEST_TMP/bus.db" "${SARGAM_BENCH_MESSAGES:-10000000}" "${SARGAM_BENCH_SECONDS:-3}"
