#!/usr/bin/env bash
# timeout: 600
# Time zones and cron expressions against Python: zoneinfo for offsets, a search minute by minute (time_oracle.py) for what comes next.
set -euo pipefail
exec python3 "${BASH_SOURCE[0]%/*}/time_oracle.py" "${SARGAM_ASAN%/*}/sargam-test" "${SARGAM_SEED:-1}"
