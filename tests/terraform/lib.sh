# Sourced by the scripts of this folder: what they need, or a skip that says what is missing; results as TAP.
# shellcheck shell=bash
n=0

skip() { # REASON
	echo "ok 1 - ${0##*/} # SKIP $1"
	echo "1..1"
	exit 0
}

# What reads and judges Terraform files, in build/terraform. Fetched once; without a network that is a skip.
need_readers() {
	local status=0
	script/bootstrap --terraform 2>"$TEST_TMP/bootstrap" || status=$?
	[[ $status != 75 ]] || skip "needs the network, once, for what reads Terraform files"
	[[ $status == 0 ]] || { sed 's/^/# /' "$TEST_TMP/bootstrap"; echo "not ok 1 - script/bootstrap --terraform"; exit 1; }
}

# terraform itself, as a machine without an account and without settings has it.
need_terraform() {
	command -v terraform >/dev/null || skip "needs terraform"
	: >"$TEST_TMP/terraformrc"
	export TF_CLI_CONFIG_FILE=$TEST_TMP/terraformrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
}

# check NAME COMMAND...: one result; what the command printed stands above a failure
check() {
	n=$((n + 1))
	if "${@:2}" >"$TEST_TMP/out" 2>&1; then
		echo "ok $n - $1"
	else
		sed -n '1,40s/^/# /p' "$TEST_TMP/out"
		echo "not ok $n - $1"
	fi
}

# not COMMAND...: it fails, but not for want of the program
not() {
	local status=0
	"$@" || status=$?
	[[ $status != 0 && $status -lt 126 ]]
}

done_testing() { echo "1..$n"; }
