#!/usr/bin/env bash
# timeout: 1800
# terraform/schemas is what the program's own table of the warehouse says, and the README's table of variables what variables.tf says.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

same() { diff -ru "$1" "$2"; }
check "sargam-test --warehouse-tables writes them" build/asan/sargam-test --warehouse-tables "$TEST_TMP/schemas"
check "terraform/schemas is that, file by file" same terraform/schemas "$TEST_TMP/schemas"
check "eleven tables" test "$(find terraform/schemas -name '*.json' | wc -l)" = "$(grep -c '^	TABLE(' src/warehouse/schema.c)"
cp -r "$TEST_TMP/schemas" "$TEST_TMP/other"
sed -i 's/"rank", "type": "INTEGER"/"rank", "type": "STRING"/' "$TEST_TMP/other/CHART_HISTORY.json"
check "another type is noticed" not same terraform/schemas "$TEST_TMP/other"
rm "$TEST_TMP/other/CHART_HISTORY.json"
check "a missing table is noticed" not same terraform/schemas "$TEST_TMP/other"

need_readers
readme_table() { sed -n '/^| variable |/,/^$/p' "$1" | sed '/^$/d'; }
variables() { build/terraform/check/bin/python tests/terraform/check.py --variables "$1"; }
readme_table terraform/README.md >"$TEST_TMP/readme"
variables terraform >"$TEST_TMP/variables"
check "the README's variables are those of variables.tf" same "$TEST_TMP/readme" "$TEST_TMP/variables"
mkdir "$TEST_TMP/changed"
sed 's/default     = 120/default     = 90/' terraform/variables.tf >"$TEST_TMP/changed/variables.tf"
variables "$TEST_TMP/changed" >"$TEST_TMP/variables"
check "another default is noticed" not same "$TEST_TMP/readme" "$TEST_TMP/variables"
done_testing
