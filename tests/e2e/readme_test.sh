#!/usr/bin/env bash
# README.md tells the truth: every command of its `console` blocks runs, and prints what is printed there.
# A line `…` stands for any lines. Blocks share a folder and a home, from the first five minutes on; the chart above them is checked last.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
readme=$PWD/README.md
cd "$TEST_TMP"
mkdir build
ln -s "$SARGAM" build/sargam
export SARGAM_HOME=$home

# One folder per command: `command`, and `want` with the lines that follow it.
python3 - "$readme" <<'END'
import os, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
steps = [re.split(r"^\$ ", b, flags=re.M)[1:] for b in blocks]
steps = [s for b in steps[1:] + steps[:1] for s in b]
for n, step in enumerate(steps):
    command, _, want = step.partition("\n")
    os.makedirs(f"step/{n:02}")
    open(f"step/{n:02}/command", "w", encoding="utf-8").write(command + "\n")
    open(f"step/{n:02}/want", "w", encoding="utf-8").write(want)
END

said() { # said FOLDER: the command runs and says what it should
	status=0
	bash -o pipefail "$1/command" >"$out" 2>"$err" || status=$?
	[[ $status == 0 ]] && python3 - "$1/want" "$out" <<'END'
import re, sys
want, got = (open(p, encoding="utf-8").read() for p in sys.argv[1:])
pattern = "".join("(?:.*\n)*" if line == "…\n" else re.escape(line) for line in want.splitlines(True))
sys.exit(not re.fullmatch(pattern, got))
END
}
for step in step/*; do
	check "$(<"$step/command")" said "$step"
done
enough() { ((n > 12)); }
check 'there were commands to check' enough
plan
