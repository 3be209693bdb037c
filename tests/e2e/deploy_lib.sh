# Sourced after lib.sh by the tests of deploy/: what makes and runs containers, and a daemon in a network of its own.
# shellcheck shell=bash disable=SC2154

skip() { # REASON
	echo "ok 1 - ${0##*/} # SKIP $1"
	echo "1..1"
	exit 0
}

# Programs and the small Debian, fetched once; without a network that is a skip.
need_deploy() {
	local status=0
	[[ $EUID == 0 ]] || skip "needs root"
	unshare --mount --pid --net --fork true 2>/dev/null || skip "needs the right to make namespaces"
	script/bootstrap --deploy 2>"$TEST_TMP/bootstrap" || status=$?
	[[ $status != 75 ]] || skip "needs the network, once, for what makes containers"
	[[ $status == 0 ]] || sed 's/^/# /' "$TEST_TMP/bootstrap"
	[[ $status == 0 ]] || { echo "not ok 1 - script/bootstrap --deploy"; exit 1; }
}

soon() { # soon SECONDS COMMAND...: true within so many
	local i
	for ((i = 0; i < $1 * 10; i++)); do
		"${@:2}" && return
		sleep 0.1
	done
	return 1
}

# in_net COMMAND...: in the network of process $net_pid. $url is the daemon's there.
in_net() { nsenter -t "$net_pid" -n "$@"; }
answers() { # STATUS PATTERN METHOD PATH [JSON]: the answer goes into $out
	local code
	code=$(in_net curl -s -m 30 -o "$out" -w '%{http_code}' -X "$3" -H 'Content-Type: application/json' "$url$4" ${5:+-d "$5"}) || return
	[[ $code == "$1" ]] && grep -qE -e "$2" "$out"
}
alive() { answers 200 alive GET /healthz; }
ready() { answers 200 '"ready":true' GET /readyz; }
published() { # a message, which waits in a subscription
	local at=/v1/projects/sargam
	answers 200 topic-a PUT $at/topics/topic-a '{}' && answers 200 topic-a PUT $at/subscriptions/sub-a '{"topic":"projects/sargam/topics/topic-a"}' &&
		answers 200 messageIds POST $at/topics/topic-a:publish '{"messages":[{"data":"aGVsbG8="}]}'
}
pulled() { # and comes again: nobody acknowledges it, its lease ends at once
	local id
	answers 200 aGVsbG8= POST /v1/projects/sargam/subscriptions/sub-a:pull '{"maxMessages":5}' || return
	id=$(sed 's/.*"ackId":"\([^"]*\)".*/\1/' "$out")
	answers 200 '^\{\}$' POST /v1/projects/sargam/subscriptions/sub-a:modifyAckDeadline "{\"ackIds\":[\"$id\"],\"ackDeadlineSeconds\":0}"
}
# without_rights PID UID: no capability, no way to one, filtered system calls
without_rights() {
	local want
	for want in "Uid:	$2	$2	$2	$2" 'CapPrm:	0000000000000000' 'CapEff:	0000000000000000' 'CapBnd:	0000000000000000' 'CapAmb:	0000000000000000' 'NoNewPrivs:	1' 'Seccomp:	2'; do
		grep -qx "$want" "/proc/$1/status" || { echo "# not so: $want"; return 1; }
	done
}
limit_of() { sed -nE "s/^$2 +([^ ]+) +([^ ]+) .*/\\1 \\2/p" "/proc/$1/limits"; } # PID NAME: "soft hard"
