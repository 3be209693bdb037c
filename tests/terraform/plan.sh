#!/usr/bin/env bash
# timeout: 1800
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
mkdir "$TEST_TMP/cycle"
cp -r terraform/schemas "$TEST_TMP/cycle"
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
# The program takes the words it is started with: an unknown one would be a usage error.
words() { # ADDRESS: a word a line, the port as 0
	python3 - "$TEST_TMP/all.json" "$1" <<-'END'
		import json, sys
		for r in json.load(open(sys.argv[1]))["planned_values"]["root_module"]["resources"]:
		    if r["address"] == sys.argv[2]:
		        inner = r["values"]["template"][0]
		        inner = inner.get("template") and inner["template"][0] or inner
		        print("\n".join("0" if w == "8080" else w for w in inner["containers"][0]["args"]))
	END
}
serves() {
	local args pid i found=1
	mapfile -t args < <(words "$1")
	"$SARGAM" --home "$TEST_TMP/home" "${args[@]}" >"$TEST_TMP/served" 2>&1 </dev/null &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		if grep -q 'http://127' "$TEST_TMP/served"; then found=0; break; fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	cat "$TEST_TMP/served"
	return "$found"
}
runs() {
	local args
	mapfile -t args < <(words "$1")
	"$SARGAM" --home "$TEST_TMP/home" "${args[@]}"
}
check "sargam serves with the words of the extractor" serves 'google_cloud_run_v2_service.extract[0]'
check "sargam serves with the words of the consumer" serves 'google_cloud_run_v2_service.consumer[0]'
check "sargam runs with the words of the job" runs 'google_cloud_run_v2_job.transform[0]'
check "everything can be applied" terraform -chdir="$TEST_TMP/folder" apply -no-color -input=false all
check "and then there is nothing to do" plan "$TEST_TMP/folder" "$all" -detailed-exitcode
check "everything can be destroyed" terraform -chdir="$TEST_TMP/folder" destroy -no-color -input=false -auto-approve "$all"

# What it would not find would be no proof.
refused() { # SCRIPT FOR SED, FILE, WHAT IT SAYS
	cp terraform/*.tf "$TEST_TMP/cycle"
	sed -i "$1" "$TEST_TMP/cycle/$2"
	not terraform -chdir="$TEST_TMP/cycle" validate -no-color >"$TEST_TMP/refused" 2>&1 || return 1
	cat "$TEST_TMP/refused"
	grep -q -e "$3" "$TEST_TMP/refused"
}
check "resources that wait for each other are refused" refused 's/^  topic  *= google_pubsub_topic.dead.id/&\n  depends_on = [google_pubsub_subscription.raw]/' pubsub.tf 'Error: Cycle'
check "a list where a text belongs is refused" refused 's/location  *= var.region/location = [var.region]/' storage.tf 'string required'
check "a value that cannot be computed is refused" refused 's/tostring(var.budget_amount)/tonumber("a")/' budget.tf 'Invalid function argument'
done_testing
