#!/usr/bin/env bash
# timeout: 1800
# Every resource, argument, block and reference against the providers' schemas, and this project's policies (check.py, policy.py); each rule
# is seen to find what it is there for (mutations.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_readers
mkdir "$TEST_TMP/mutations"
exec build/terraform/check/bin/python tests/terraform/mutations.py build/terraform/schema.json terraform "$TEST_TMP/mutations"
