#!/usr/bin/env bash
# Our evaluator of subscription filters against that of Google's Go client, on generated filters (filters.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_client
exec python3 -B tests/conformance/filters.py build/conformance/filter_oracle build/asan/sargam-test --filter-match
