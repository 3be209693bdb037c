#!/usr/bin/env bash
# sargam serve, driven by Google's own Python client and by raw HTTP, held against the documentation of Pub/Sub (pubsub.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_client
exec build/conformance/bin/python -B tests/conformance/pubsub.py sargam "$TEST_TMP"
