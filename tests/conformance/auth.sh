#!/usr/bin/env bash
# Google's own auth library and src/gcp/, each with every type of credentials, against the same fake: what the library accepts the
# fake has right, and what the library sends we send (auth.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_client
exec build/conformance/bin/python -B tests/conformance/auth.py build/asan/fake-google build/asan/sargam-test "$TEST_TMP"
