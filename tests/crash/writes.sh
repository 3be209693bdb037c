#!/usr/bin/env bash
# A home rebuilt from any prefix of its writes, with what was not synced lost, is finished by the next run.
# timeout: 900
set -euo pipefail
exec python3 tests/crash/crash.py writes
