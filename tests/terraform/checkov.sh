#!/usr/bin/env bash
# timeout: 1800
# checkov's rules for Google Cloud, with everything switched on; terraform/.checkov.yaml says which are left out and why. It ends with 0 when
# it cannot read a file, so that is asked for.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
need_readers

# judge FOLDER PASSED: what checkov says of it, and 0 when that is nothing and it has looked
judge() {
	build/terraform/checkov/bin/python -m checkov.main -d "$1" --config-file terraform/.checkov.yaml --skip-download --compact --quiet \
		--var-file tests/terraform/everything.tfvars -o json >"$TEST_TMP/judged" || true
	python3 - "$TEST_TMP/judged" "$2" <<-'END'
		import json, sys
		said = json.load(open(sys.argv[1]))
		said = said if "results" in said else {"results": {"failed_checks": []}, "summary": said}
		failed, summary = said["results"]["failed_checks"], said["summary"]
		for f in failed:
		    print(f"{f['file_path']}:{f['file_line_range'][0]}: {f['check_id']} {f['check_name']}: {f['resource']}")
		print(summary)
		sys.exit(bool(failed or summary["parsing_errors"] or summary["passed"] < int(sys.argv[2])))
	END
}
# finds FOLDER TEXT: it is judged badly, and this is said
finds() {
	if judge "$1" 0 >"$TEST_TMP/said"; then return 1; fi
	cat "$TEST_TMP/said"
	grep -q -e "$2" "$TEST_TMP/said"
}
check "checkov finds nothing" judge terraform 45
mkdir "$TEST_TMP/open" "$TEST_TMP/broken"
sed 's/"enforced"/"inherited"/' terraform/storage.tf >"$TEST_TMP/open/storage.tf"
check "it finds a bucket that may become public" finds "$TEST_TMP/open" "CKV_GCP_114 .*google_storage_bucket.store"
sed 's/amount {/amount {{/' terraform/budget.tf >"$TEST_TMP/broken/budget.tf"
check "a file that cannot be read is noticed" finds "$TEST_TMP/broken" "'parsing_errors': 1"
done_testing
