#!/usr/bin/env bash
# terraform itself takes good values of the variables and refuses bad ones (variables.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_terraform
exec python3 tests/terraform/variables.py terraform "$TEST_TMP"
