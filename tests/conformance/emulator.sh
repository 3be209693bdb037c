#!/usr/bin/env bash
# The same suite against Google's emulator: the checks are what the documentation says, not what we happen to do; and where the
# emulator is laxer is listed in the checks, and printed.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_client
need_emulator
exec build/conformance/bin/python -B tests/conformance/pubsub.py emulator "$TEST_TMP"
