#!/usr/bin/env bash
# The image of deploy/Dockerfile for real: built by buildah on a Debian of its own, run by podman and runc as anybody would, with a
# read-only root, no rights, a memory limit, and one folder that can be written.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
. "${BASH_SOURCE[0]%/*}/deploy_lib.sh"
need_deploy
store=$TEST_TMP/store image=localhost/sargam-test pid='' net_pid='' url='' uid=65532
data=$TEST_TMP/data
run=$(mktemp -d /tmp/sargam.XXXXXX) # podman takes no longer path than 50 characters

# No systemd runs timers here, so health is asked for by hand; limits are given, since nobody here may raise them.
engine=(command podman --runtime runc --root "$store" --runroot "$run/run" --tmpdir "$run/tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --log-level fatal)
podman() {
	status=0
	"${engine[@]}" "$@" >"$out" 2>"$err" </dev/null || status=$?
	return "$status"
}
contain() { # NAME [OPTION]... -- [WORD]...: run with everything taken away
	local name=$1 option=()
	shift
	while [[ $1 != -- ]]; do option+=("$1") && shift; done
	podman run --name "$name" --read-only --read-only-tmpfs=false --network none --cap-drop all --security-opt no-new-privileges --memory 512m --memory-swap 512m --pids-limit 256 \
		--ulimit nofile=12000:12000 --ulimit nproc=1024:1024 --health-interval disable -v "$data:/data" "${option[@]}" "$image" "${@:2}"
}
clean_up() {
	"${engine[@]}" rm -f -t 0 -a >/dev/null 2>&1 || true
	rm -rf "$run" || true
}
trap clean_up EXIT
of() { "${engine[@]}" inspect --format "$2" "$1" 2>/dev/null; } # CONTAINER-OR-IMAGE FORMAT

# --- the image

built() { deploy/image --binary "$SARGAM" --tag "$image" --store "$store" >"$out" 2>"$err"; }
check 'it is built' built
small() {
	local bytes
	bytes=$(of "$image" '{{.Size}}')
	echo "# note: image $((bytes / 1000000)) MB"
	((bytes > 0 && bytes < 90000000))
}
check 'it is small: 90 MB at most' small
labels() { [[ $(of "$image" '{{index .Labels "org.opencontainers.image.title"}} {{index .Labels "org.opencontainers.image.version"}} {{.Config.User}} {{.Config.StopSignal}}') == "sargam $(<VERSION) 65532:65532 "@(SIGTERM|15) ]]; }
check 'its labels, user and signal' labels
inside() { # nothing but what it needs; the terms of what is in it
	local mount
	mount=$("${engine[@]}" image mount "$image") || return 1
	find "$mount" -type f -printf '/%P\n' >"$out"
	! grep -E '^/(usr/)?s?bin/' "$out" && ! find "$mount" -perm /6000 | grep . && grep -q '^/usr/share/doc/libcurl4/copyright$' "$out" && grep -q '^/usr/share/doc/sargam/LICENSE$' "$out" &&
		[[ $(stat -c '%u:%g %a' "$mount/data") == 65532:65532\ 7?? && $(stat -c %a "$mount/tmp") == 1777 ]]
}
check 'nothing in it but what it needs, no shell, nothing that lends rights' inside
version() { podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=64:64 --health-interval disable "$image" --version && grep -q "^sargam $(<VERSION)" "$out"; }
check 'it runs' version

# --- the daemon

mkdir -m 700 "$data"
chown $uid:$uid "$data"
up() { # NAME: $pid is the daemon as seen from here, $url its address in its network
	pid=$(of "$1" '{{.State.Pid}}') && net_pid=$pid && [[ $pid != 0 ]] && url=$(sed -n 's|.*"url": "\(.*\)",|\1|p' "$data/serve.json") && [[ -n $url ]] && alive
} 2>/dev/null
started() { contain one -d -- && soon 60 up one; }
check 'the daemon starts with no word said' started
restricted() { without_rights "$pid" $uid && [[ $(limit_of "$pid" 'Max open files') == '12000 12000' && $(awk '/^NSpid/ { print $NF }' "/proc/$pid/status") == 1 ]]; }
check 'as process 1 of its own, nobody, without rights' restricted
cannot_write() {
	local path inside=/proc/$pid/root
	for path in / /etc /usr/local/bin /usr/share /proc/sys/kernel; do
		! touch "$inside$path/x" 2>"$err" || { echo "# $path can be written"; return 1; }
	done
	touch "$inside/data/x" && rm "$data/x" && [[ $(awk '$5 == "/" { print substr($6, 1, 3) }' "/proc/$pid/mountinfo") == ro, ]]
}
check 'its root is read-only' cannot_write
check 'ready' ready
check 'a message is published' published
check 'and pulled' pulled
healthy() { podman healthcheck run one; }
check 'the health check says so' healthy
at_rest() {
	local kib
	kib=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	echo "# note: daemon at rest $((kib / 1024)) MiB"
	((kib > 0 && kib < 60 * 1024))
}
check 'at rest it takes less than 60 MiB' at_rest
whole_run() { podman exec one /usr/local/bin/sargam --memory-limit-mb 128 --threads 1 run && podman exec one /usr/local/bin/sargam chart --top 3 && grep -q 'Top 50' "$out" && alive; }
check 'a whole run beside it, within the memory of the container' whole_run
within() { # the kernel's own count; version 1 and 2 of control groups
	local group max
	group=$(sed -nE 's/^[0-9]+:memory:(.*)/\1/p' "/proc/$pid/cgroup")
	if [[ -n $group ]]; then
		max=/sys/fs/cgroup/memory$group/memory.limit_in_bytes
	else
		max=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max
	fi
	[[ $(<"$max") == 536870912 ]]
}
check 'which is 512 MiB' within
zombies() { [[ $(ps -o stat= --ppid "$pid") != *Z* ]]; }
check 'no child was left unburied' zombies
mine() { [[ -f $data/warehouse.duckdb && -z $(find "$data" ! -uid $uid) ]]; }
check 'its files are its own' mine
outside() { # the engine's own points to mount at, and nothing else
	podman diff one && ! grep -vE '^[AC] /(dev|proc|run|sys|etc)(/(hosts|hostname|resolv\.conf|mtab|\.containerenv|secrets))?$' "$out"
}
check 'no file outside the home was written' outside

# --- its end

stopped() { # the signal of the image; the engine would kill after 20 s
	local begin=$SECONDS
	podman stop -t 20 one && [[ $(of one '{{.State.ExitCode}}') == 0 && $((SECONDS - begin)) -lt 15 && ! -e $data/serve.json ]]
}
check 'stopped, it ends with 0' stopped
unhealthy() { contain two -d --entrypoint '["/usr/local/bin/sargam", "simulate", "--port", "0"]' -- && ! podman healthcheck run two && podman rm -f -t 1 two; }
check 'a container that does not serve is not healthy' unhealthy
again() { podman start one && soon 60 up one && pulled; }
check 'started, everything is there' again
killed() { kill -9 "$pid"; soon 60 gone_one && podman start one && soon 60 up one && pulled; }
gone_one() { [[ $(of one '{{.State.Running}}') == false ]]; }
check 'killed and started, too' killed
another() { # as a new image would
	podman rm -f -t 20 one && contain three -d -- && soon 60 up three && pulled && podman exec three /usr/local/bin/sargam chart --top 3
}
check 'another container on the same home goes on with it' another
foreign() { # who may not write the home hears so
	mkdir "$TEST_TMP/root-owned"
	data=$TEST_TMP/root-owned
	! contain four --rm -- && [[ $status == 1 ]] && grep -q '/data' "$err" "$out"
}
check 'a folder that is not its own is told' foreign
plan
