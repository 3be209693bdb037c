#!/usr/bin/env bash
# deploy/sargam.service for real: a small Debian boots its systemd in a container of its own (systemd-nspawn), the unit is installed as
# docs/service.md says and runs there with everything it takes away; the daemon serves, writes nothing but its home, and comes back.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
. "${BASH_SOURCE[0]%/*}/deploy_lib.sh"
need_deploy
root=$TEST_TMP/root nspawn='' leader='' pid='' net_pid='' url=http://127.0.0.1:8085 person=alice
state=$root/var/lib/sargam

# --- what systemd says of the files

exposed() { systemd-analyze security --offline=true --no-pager --threshold=13 "$1" >"$out" 2>"$err"; } # status 1 above 1.3 of 10
check 'the unit gives away next to nothing' exposed deploy/sargam.service
sed '/^SystemCallFilter/d' deploy/sargam.service >"$TEST_TMP/loose.service"
loose() { ! exposed "$TEST_TMP/loose.service"; }
check 'which one line less would not pass' loose
mkdir "$root"
tar -C "$root" -xf build/base/root.tar
install -m 755 "$SARGAM" "$root/usr/local/bin/sargam"
install -D -m 644 deploy/sargam.service "$root/etc/systemd/system/sargam.service"
install -D -m 644 deploy/sargam.sysusers "$root/usr/lib/sysusers.d/sargam.conf"
install -D -m 600 deploy/sargam.env "$root/etc/sargam/sargam.env"
install -D -m 755 "$SARGAM" "$root/home/alice/.local/bin/sargam"
install -D -m 644 deploy/sargam-user.service "$root/home/alice/.config/systemd/user/sargam.service"
printf 'SARGAM_SPOTIFY_CLIENT_SECRET=S3CRET\n' >>"$root/etc/sargam/sargam.env"
systemctl --root "$root" -q enable sargam.service
chroot "$root" useradd -M -u 2000 alice
mkdir -p "$root/var/lib/systemd/linger" && touch "$root/var/lib/systemd/linger/alice"
chown -R 2000:2000 "$root/home/alice"
chmod 700 "$root/home/alice"

# --- the machine

stop_machine() {
	[[ -n $nspawn ]] || return 0
	kill "$nspawn" 2>/dev/null || true
	soon 60 gone "$nspawn" || kill -9 "$nspawn" 2>/dev/null || true
	wait "$nspawn" 2>/dev/null || true
}
gone() { [[ ! -d /proc/$1 ]] || grep -q '^State:	Z' "/proc/$1/status" 2>/dev/null; }
trap stop_machine EXIT
guest() { nsenter -t "$leader" -m -p -n -u -i -- "$@"; }
has_leader() { leader=$(pgrep -o -P "$nspawn") && net_pid=$leader; }
show() { guest systemctl show -p "$2" --value "$1"; } # UNIT PROPERTY
journal() { guest journalctl -o cat --no-pager -n 40 "$@" >"$err" 2>&1; }
running() { # the unit is up; $pid is its process as seen from here
	[[ $(show sargam ActiveState 2>/dev/null) == active ]] && pid=$(pgrep -f -P "$leader" '^/usr/local/bin/sargam --home /var/lib/sargam ')
}
boot() {
	systemd-nspawn -q -D "$root" --boot --register=no --keep-unit --private-network --console=pipe >"$TEST_TMP/console" 2>&1 </dev/null &
	nspawn=$!
	soon 60 has_leader && soon 60 running && return
	journal -u sargam
	cat "$TEST_TMP/console" >>"$err"
	return 1
}
check 'a machine boots and the service is up once it listens' boot
# nspawn lays another boot id over the kernel's, and the service's own view of /proc lacks it: what a real machine has is one.
while guest umount /proc/sys/kernel/random/boot_id 2>/dev/null; do :; done
valid() { guest systemd-analyze verify sargam.service >"$err" 2>&1 && [[ ! -s $err ]]; }
check 'the unit has no warning' valid
uid=$(guest id -u sargam)

restricted() { without_rights "$pid" "$uid" && [[ $(limit_of "$pid" 'Max open files') == '16384 16384' && $(limit_of "$pid" 'Max core file size') == '0 0' ]]; }
check 'it is nobody: no capability, filtered calls, its own user' restricted
private() { [[ $(stat -c '%u %a' "$state") == "$uid 700" && $(stat -c %u "$state/bus.db") == "$uid" && -z $(find "$state" -perm /077) ]]; }
check 'its home is for itself' private
cannot_write() { # even root cannot from within: what is mounted read-only stays so
	local path
	for path in / /etc /usr/local/bin /var/lib /var/log /home /root /boot; do
		! nsenter -t "$pid" -m -- touch "$path/x" 2>"$err" || { echo "# $path can be written"; return 1; }
	done
	nsenter -t "$pid" -m -- touch /var/lib/sargam/x && rm "$state/x" && ! nsenter -t "$pid" -m -- test -e "/home/$person"
}
check 'nothing but its home can be written, and no other home be seen' cannot_write
secret() { # systemd gives it to the process alone
	tr '\0' '\n' <"/proc/$pid/environ" | grep -qx 'SARGAM_SPOTIFY_CLIENT_SECRET=S3CRET' && ! guest systemctl show sargam | grep -q S3CRET && ! guest journalctl -o cat --no-pager | grep -q S3CRET
}
check 'a secret of the environment file reaches it and nobody else' secret

# --- the service

touch "$TEST_TMP/before"
check 'it is alive' alive
check 'and ready' ready
check 'a message is published' published
check 'and pulled' pulled
beside() { guest setpriv --reuid sargam --regid sargam --clear-groups sargam --home /var/lib/sargam status >"$out" && grep -qE '^daemon +running for ' "$out"; }
check 'a command of its user finds it' beside
checked() { guest setpriv --reuid sargam --regid sargam --clear-groups sargam --home /var/lib/sargam status --check >"$out" && [[ $(<"$out") == "$url: alive" ]]; }
check 'status --check has an answer' checked
whole_run() { # the pipeline under the very same limits: DuckDB without writable code pages
	sed -e 's|^ExecStart=.*|ExecStart=/usr/local/bin/sargam --home /var/lib/sargam run --sample-days 12|' -e 's/^Type=.*/Type=oneshot/' -e '/^WatchdogSec\|^Restart/d' \
		deploy/sargam.service | guest cp /dev/stdin /run/systemd/system/sargam-run.service
	guest systemctl daemon-reload
	guest systemctl start sargam-run 2>"$err" || { journal -u sargam-run; return 1; }
	guest journalctl -o cat --no-pager -u sargam-run >"$out"
	grep -q '^publish ' "$out" && alive
}
check 'a whole run works under these limits, beside it' whole_run
outside() { find "$root" -xdev -newer "$TEST_TMP/before" -uid "$uid" -not -path "$state" -not -path "$state/*" >"$out" && [[ ! -s $out ]]; }
check 'no file outside the home was written' outside

# --- faults

killed() { local old=$pid; kill -9 "$pid"; soon 60 restarted "$old" && soon 60 alive && pulled; }
restarted() { running && [[ $pid != "$1" ]]; }
check 'killed, it is back by itself, and the message with it' killed
hangs() { # the watchdog's patience is shortened, nothing else
	local old
	guest mkdir -p /run/systemd/system/sargam.service.d
	printf '[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n' | guest cp /dev/stdin /run/systemd/system/sargam.service.d/short.conf
	guest systemctl daemon-reload
	guest systemctl restart sargam 2>"$err" && running || return 1
	old=$pid
	sleep 8
	if ! running || [[ $pid != "$old" ]]; then
		echo '# a daemon that is well was ended'
		return 1
	fi
	kill -STOP "$pid"
	soon 60 restarted "$old" && guest journalctl -o cat --no-pager -u sargam | grep -q 'Watchdog timeout' && soon 60 alive
}
check 'one that hangs is ended and started anew' hangs
wrong() { # exit status 2: another start would not help
	printf 'SARGAM_THREADS=many\n' | guest cp /dev/stdin /etc/sargam/sargam.env
	! guest systemctl restart sargam 2>"$err" && sleep 6 && [[ $(show sargam ActiveState)/$(show sargam NRestarts)/$(show sargam ExecMainStatus) == failed/0/2 ]]
}
check 'a wrong setting is not tried again and again' wrong
stops() {
	local begin=$SECONDS
	printf '\n' | guest cp /dev/stdin /etc/sargam/sargam.env
	guest systemctl reset-failed sargam
	guest systemctl restart sargam && running && alive && guest systemctl stop sargam &&
		[[ $((SECONDS - begin)) -lt 20 && $(show sargam Result)/$(show sargam ExecMainStatus) == success/0 && ! -e $state/serve.json ]]
}
check 'stopped, it ends with 0' stops
again() { guest systemctl start sargam && running && alive && pulled; }
check 'started, everything is there' again
power_cut() { # of the machine, as far as processes go: it is killed with all in it, and boots
	kill -9 "$nspawn" "$leader"
	wait "$nspawn" 2>/dev/null || true
	soon 60 gone "$leader" && boot && soon 60 alive && soon 30 pulled # whether a process of another machine lives is not known here: its lease runs out
}
check 'the machine dies and boots: everything is there' power_cut

# --- one person's own

guest systemctl stop sargam # both have port 8085
alice() { guest runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/2000 "$@"; }
own() {
	alice systemd-analyze --user verify "/home/$person"/.config/systemd/user/sargam.service >"$err" 2>&1 && [[ ! -s $err ]] || return 1
	alice systemctl --user start sargam 2>"$err" || { journal _UID=2000; return 1; }
	alive && ready && published && [[ $(stat -c '%u %a' "$root/home/alice/.local/share/sargam") == '2000 700' ]]
}
check 'the unit of a person without root serves, too' own
own_rights() {
	pid=$(pgrep -u 2000 -f '/\.local/bin/sargam --home ')
	grep -qx 'NoNewPrivs:	1' "/proc/$pid/status" && grep -qx 'Seccomp:	2' "/proc/$pid/status" && [[ $(limit_of "$pid" 'Max core file size') == '0 0' ]]
}
check 'with filtered calls' own_rights
own_stop() { alice systemctl --user stop sargam && [[ $(alice systemctl --user show -p Result -p ExecMainStatus --value sargam | tr '\n' ' ') =~ ^(0 success|success 0)' '$ ]]; }
check 'and stops' own_stop
down() { stop_machine && wait "$nspawn" 2>/dev/null; gone "$nspawn" && nspawn=''; }
check 'the machine shuts down' down
plan
