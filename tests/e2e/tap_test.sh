#!/usr/bin/env bash
# tools/tap, which judges all other tests: what it counts as passed, failed and skipped, on programs made up for it.
set -euo pipefail
tap=$PWD/tools/tap
cd "${TEST_TMP:-$(mktemp -d)}"
mkdir -p tree/{tools,build/asan,tests/e2e}
cp "$tap" tree/tools/tap
cat >tree/build/asan/sargam-test <<'END'
#!/usr/bin/env bash
case $1 in
--list) echo good; echo bad; echo dies; echo short; echo empty; echo skips ;;
good) printf '1..2\nok 1 - a\nok 2 - b\n' ;;
bad) printf '1..2\nok 1 - a\nnot ok 2 - b\n# why\n'; exit 1 ;;
dies) printf '1..2\nok 1 - a\n'; kill -SEGV $$ ;;
short) printf '1..2\nok 1 - a\n' ;;
empty) ;;
skips) printf '1..3\n# SKIP skips.listed: too slow\nnot ok 1 # SKIP listed\n# SKIP skips.other: lazy\nnot ok 2 # SKIP other\n# SKIP skips.data: needs ../shared\nnot ok 3 # SKIP data\n' ;;
esac
END
printf '#!/bin/sh\n# timeout: 1\necho ok 1 - begins\nsleep 60\n' >tree/tests/e2e/slow.sh
printf '#!/bin/sh\necho ok 1 - a\nexit 3\n' >tree/tests/e2e/status.sh
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "ok 1 - x $SARGAM_SHARED"\n[ -d "$TEST_TMP" ] && [ -n "$SARGAM_SEED" ] && echo ok 2 - env\n' >tree/tests/e2e/env.sh
printf '#!/bin/sh\necho ok 1 - never\n' >tree/tests/e2e/library.sh
chmod +x tree/build/asan/sargam-test tree/tests/e2e/{slow,status,env}.sh
printf '# comment\nalways suite/skips.listed too *\nno-shared * needs ../shared\n' >tree/tests/skips.txt

n=0
# counts NAME LAST_LINE WANTED_IN_OUTPUT PATTERN...
counts() {
	local name=$1 last=$2 wanted=$3 out
	shift 3
	out=$(cd tree && unset SARGAM_SHARED && "${shared[@]}" tools/tap "$@" 2>&1) || true
	n=$((n + 1))
	if [[ ${out##*$'\n'} == "$last" && $out == *"$wanted"* ]]; then
		echo "ok $n - $name"
	else
		printf '%s\n' "# ${out//$'\n'/$'\n'# }"
		echo "not ok $n - $name"
	fi
}

shared=(env)
counts 'all passed' '2 passed, 0 failed, 0 skipped' '' suite/good
counts 'one failed, its output shown' '1 passed, 1 failed, 0 skipped' '| # why' suite/bad
counts 'a dead program failed' '1 passed, 1 failed, 0 skipped' 'died of signal 11' suite/dies
counts 'fewer results than planned failed' '1 passed, 1 failed, 0 skipped' '1 results of 2 planned' suite/short
counts 'no result failed' '0 passed, 1 failed, 0 skipped' 'ran no test' suite/empty
counts 'listed skips only' '0 passed, 1 failed, 2 skipped' 'does not allow it' suite/skips
shared=(env SARGAM_SHARED=.)
counts 'data that is there is no reason to skip' '0 passed, 2 failed, 1 skipped' 'data: skipped' suite/skips
shared=(env)
counts 'out of time' '1 passed, 1 failed, 0 skipped' 'still running after 1 s' e2e/slow
counts 'exit status' '1 passed, 1 failed, 0 skipped' 'exit status 3' e2e/status
counts 'environment of a script' '2 passed, 0 failed, 0 skipped' '' e2e/env
counts 'only executable files' '0 passed, 0 failed, 0 skipped' 'nothing matches' e2e/library
counts 'several programs add up' '3 passed, 1 failed, 0 skipped' '2 programs' suite/good suite/bad
status=0
(cd tree && tools/tap suite/bad) >/dev/null || status=$?
n=$((n + 1))
if [[ $status == 1 ]]; then echo "ok $n - failure is exit status 1"; else echo "not ok $n - failure is exit status 1"; fi
status=0
(cd tree && tools/tap suite/good) >/dev/null || status=$?
n=$((n + 1))
if [[ $status == 0 ]]; then echo "ok $n - success is exit status 0"; else echo "not ok $n - success is exit status 0"; fi
echo "1..$n"
