#!/usr/bin/env python3
"""measure.py [-n RUNS] COMMAND...: runs it and prints "wall user sys peak_kib" of the median run (by CPU time)
on standard error's place: file descriptor 3.  The command's own output goes where this program's goes."""
import os
import sys
import time


def once(argv):
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(3)
        os.execvp(argv[0], argv)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"measure: {' '.join(argv)} ended with status {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - start, usage.ru_utime, usage.ru_stime, usage.ru_maxrss


def main():
    args, runs = sys.argv[1:], 1
    if args[0] == "-n":
        runs, args = int(args[1]), args[2:]
    results = sorted((once(args) for _ in range(runs)), key=lambda r: r[1] + r[2])
    os.write(3, ("%.3f %.3f %.3f %d\n" % results[len(results) // 2]).encode())


main()
