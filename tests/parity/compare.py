#!/usr/bin/env python3
"""compare - the tables of a warehouse against the oracle's: a TAP line each, with the rows that only one of them has.

usage: SARGAM=BINARY compare.py ORACLE.py RECORDED_DIR HOME LABEL
"""
import collections
import csv
import importlib.util
import io
import os
import subprocess
import sys

ROWS_SHOWN = 5
FROM = {"film": "CHART_HISTORY"}  # the oracle's name for one column of it


def load_oracle(path):
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    return oracle


def query(home, sql):
    done = subprocess.run([os.environ["SARGAM"], "--home", home, "query", "--format", "csv", sql], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"query: exit status {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return list(csv.reader(io.StringIO(done.stdout.decode("utf-8"), newline="")))


def warehouse_rows(home, table, columns):
    rows = query(home, f"SELECT {', '.join(columns)} FROM SPOTIFY_ANALYTICS.{FROM.get(table, table.upper())}")
    if not rows or rows[0] != columns:
        raise RuntimeError(f"query: header {rows[:1]}, want {columns}")
    if "share" in columns:  # a DOUBLE: the oracle rounds
        at = columns.index("share")
        for row in rows[1:]:
            row[at] = f"{float(row[at]):.6f}"
    return rows[1:]


def differences(columns, want, have):
    want, have = collections.Counter(map(tuple, want)), collections.Counter(map(tuple, have))
    if want == have:
        return []
    lines = [f"{want.total()} rows of the oracle, {have.total()} of the warehouse"]
    for who, rows in (("oracle", want - have), ("warehouse", have - want)):
        lines.append(f"only the {who} has {rows.total()}:")
        lines += ["  " + " ".join(f"{c}={v}" for c, v in zip(columns, row)) for row in sorted(rows)[:ROWS_SHOWN]]
    return lines


def main(oracle_path, recorded, home, label):
    oracle = load_oracle(oracle_path)
    built = oracle.build(oracle.load(recorded))
    for table, columns in oracle.COLS.items():
        want = [[oracle.cell(row[c]) for c in columns] for row in built[table]]
        try:
            lines = differences(columns, want, warehouse_rows(home, table, columns))
        except RuntimeError as e:
            lines = [str(e)]
        for line in lines:
            print(f"# {line}")
        print(f"{'not ok' if lines else 'ok'} - {label}: {len(want)} rows of {table}")


if __name__ == "__main__":
    main(*sys.argv[1:])
