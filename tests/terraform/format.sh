#!/usr/bin/env bash
# The Terraform files are formatted as terraform writes them, which reads them, too.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_terraform

check "terraform fmt -check" terraform fmt -check -diff -recursive terraform
mkdir "$TEST_TMP/odd" "$TEST_TMP/broken"
sed 's/^  name = /  name   = /' terraform/pubsub.tf >"$TEST_TMP/odd/pubsub.tf"
check "it notices a line that is not aligned" not terraform fmt -check "$TEST_TMP/odd"
sed 's/^  name = /  name = = /' terraform/pubsub.tf >"$TEST_TMP/broken/pubsub.tf"
check "it notices what is no Terraform" not terraform fmt -check "$TEST_TMP/broken"
done_testing
