#!/usr/bin/env bash
# io/file.h and the folder store keep their promises after a kill and after a power cut, wherever it strikes.
# timeout: 300
set -euo pipefail
exec python3 tests/crash/crash.py steps
