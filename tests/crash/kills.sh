#!/usr/bin/env bash
# Killed at every named step, the next run finishes: no message lost, no row doubled.
# timeout: 1500
set -euo pipefail
exec python3 tests/crash/crash.py kills
