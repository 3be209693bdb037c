# Sourced by scripts that drive the binary: one check, one line of TAP; what went wrong follows as `# …` lines.
# shellcheck shell=bash
export TERM=xterm-256color # what runs the tests may have none
n=0
home=$TEST_TMP/home out=$TEST_TMP/out err=$TEST_TMP/err status=0

check() { # check NAME COMMAND...
	n=$((n + 1))
	if "${@:2}"; then
		echo "ok $n - $1"
	else
		echo "# exit status $status; standard error, then standard output:"
		cut -c1-300 "$err" "$out" 2>/dev/null | sed -n '1,40s/^/# /p' || true
		echo "not ok $n - $1"
	fi
}

plan() { # the last line of a script
	echo "1..$n"
}

# Leaves the exit status in $status, what was printed in the files $out and $err.
sargam() {
	status=0
	"$SARGAM" --home "$home" "$@" >"$out" 2>"$err" </dev/null || status=$?
}

# Waits until the daemon whose lines go into the file $log listens; its address goes into $served_at.
await_serve() {
	: "${log:?}"
	for ((i = 0; i < 1200; i++)); do
		grep -q '^sargam serves' "$log" && break
		sleep 0.05
	done
	# shellcheck disable=SC2034 # for the script that asked
	served_at=$(sed -n 's/^sargam serves.* at //p' "$log")
}

# On a terminal of so many columns: both streams land in $out, as people see them.
on_terminal() { # on_terminal COLUMNS ARGUMENT...
	local line
	line=$(printf '%q ' "$SARGAM" --home "$home" "${@:2}")
	status=0
	script -qec "stty cols $1 && $line" /dev/null >"$out" </dev/null || status=$?
	tr -d '\r' <"$out" >"$out.lf" && mv "$out.lf" "$out"
	: >"$err"
}

# fails STATUS PATTERN ARGUMENT...: exit status STATUS, nothing on standard output, one line on standard error that holds PATTERN (a glob).
fails() {
	sargam "${@:3}"
	# shellcheck disable=SC2053
	[[ $status == "$1" && ! -s $out && $(wc -l <"$err") == 1 && $(<"$err") == *$2* ]]
}

# prints TEXT ARGUMENT...: done, and standard output is exactly TEXT.
prints() {
	sargam "${@:2}"
	diff <(printf '%s\n' "$1") "$out" | sed 's/^/# /'
	[[ $status == 0 && $(<"$out") == "$1" ]]
}
