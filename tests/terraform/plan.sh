#!/usr/bin/env bash
# terraform validates, plans, applies and destroys the folder against a provider with the real ones' schema and nothing behind it
# (tests/terraform/provider); what it plans is looked at (planned.py).
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_terraform
need_readers

provider=$(readlink -f build/terraform)/provider
cat >"$TEST_TMP/terraformrc" <<END
provider_installation {
  dev_overrides {
    "hashicorp/google"      = "$provider"
    "hashicorp/google-beta" = "$provider"
  }
  direct {}
}
END
SCHEMA=$(readlink -f build/terraform)/schema.json
export SCHEMA
all=-var-file=$PWD/tests/terraform/everything.tfvars
least=(-var project=charts-example -var alert_email=charts@example.com)
plan() { terraform -chdir="$1" plan -no-color -input=false "${@:2}"; }

cp -r terraform "$TEST_TMP/folder"
cp -r terraform "$TEST_TMP/cycle"
check "terraform validate" terraform -chdir="$TEST_TMP/folder" validate -no-color
check "the least can be planned: no image, nothing switched on" plan "$TEST_TMP/folder" "${least[@]}" -out least
check "everything can be planned" plan "$TEST_TMP/folder" "$all" -out all
show() { terraform -chdir="$TEST_TMP/folder" show -json "$1" >"$TEST_TMP/$1.json"; }
show least
show all
while IFS= read -r line; do
	n=$((n + 1))
	echo "${line/ok /ok $n - }"
done < <(python3 tests/terraform/planned.py "$TEST_TMP/least.json" "$TEST_TMP/all.json")
check "everything can be applied" terraform -chdir="$TEST_TMP/folder" apply -no-color -input=false all
check "and then there is nothing to do" plan "$TEST_TMP/folder" "$all" -detailed-exitcode
check "everything can be destroyed" terraform -chdir="$TEST_TMP/folder" destroy -no-color -input=false -auto-approve "$all"

# What it would not find would be no proof.
broken() { # SCRIPT FOR SED, FILE: the copy is refused
	cp terraform/*.tf "$TEST_TMP/cycle"
	sed -i "$1" "$TEST_TMP/cycle/$2"
	not terraform -chdir="$TEST_TMP/cycle" validate -no-color && ! cmp -s "terraform/$2" "$TEST_TMP/cycle/$2"
}
check "resources that wait for each other are refused" broken 's/^  topic  *= google_pubsub_topic.dead.id/&\n  depends_on = [google_pubsub_subscription.raw]/' pubsub.tf
check "a list where a text belongs is refused" broken 's/location  *= var.region/location = [var.region]/' storage.tf
check "a value that cannot be computed is refused" broken 's/tostring(var.budget_amount)/tonumber("a")/' budget.tf
done_testing
