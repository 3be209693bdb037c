# Sourced by the scripts of this folder: other people's programs, or a skip that says what is missing.
# shellcheck shell=bash
EMULATOR_VERSION=0.8.20 # the table of differences is about this one

skip() { # REASON
	echo "ok 1 - ${0##*/} # SKIP $1"
	echo "1..1"
	exit 0
}

# Google's client and filter evaluator, in build/conformance. Fetched once; without a network that is a skip.
need_client() {
	local status=0
	script/bootstrap --conformance 2>"$TEST_TMP/bootstrap" || status=$?
	[[ $status != 75 ]] || skip "needs the network, once, for Google's Pub/Sub client"
	[[ $status == 0 ]] || sed 's/^/# /' "$TEST_TMP/bootstrap"
	[[ $status == 0 ]] || { echo "not ok 1 - script/bootstrap --conformance"; exit 1; }
}

need_gcloud() {
	command -v gcloud >/dev/null || skip "needs gcloud"
}

# Sets PUBSUB_EMULATOR_JAR.
need_emulator() {
	local root
	command -v java >/dev/null || skip "needs the official Pub/Sub emulator: java"
	if [[ -z ${PUBSUB_EMULATOR_JAR:-} ]]; then
		command -v gcloud >/dev/null || skip "needs the official Pub/Sub emulator: the Cloud SDK"
		root=$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null)
		export PUBSUB_EMULATOR_JAR=$root/platform/pubsub-emulator/lib/cloud-pubsub-emulator-$EMULATOR_VERSION-all.jar
	fi
	[[ -f $PUBSUB_EMULATOR_JAR ]] || skip "needs the official Pub/Sub emulator: $EMULATOR_VERSION"
}
