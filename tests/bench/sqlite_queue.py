"""A table of SQLite as a queue, by one process: what is left of its speed is what a service around it costs.

usage: sqlite_queue.py FILE BATCH SECONDS

Prints one line: messages of 100 bytes written a second, a transaction each BATCH of them, durable when it ends; p50 and p99 of a
transaction in ms; CPU seconds; messages taken out again a second, 100 a transaction.
"""
import sqlite3
import sys
import time


def write(db, batch, seconds):
    rows, took = [("A" * 100,)] * batch, []
    begin, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - begin < seconds:
        at = time.monotonic()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO load(data) VALUES (?)", rows)
        db.execute("COMMIT")
        took.append(time.monotonic() - at)
    each = len(took) * batch / (time.monotonic() - begin)
    took.sort()
    return each, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000, time.process_time() - cpu


def take(db, seconds):
    begin, taken = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        db.execute("BEGIN IMMEDIATE")
        got = db.execute("SELECT id, data FROM load ORDER BY id LIMIT 100").fetchall()
        if got:
            db.execute("DELETE FROM load WHERE id <= ?", (got[-1][0],))
        db.execute("COMMIT")
        taken += len(got)
        if not got:
            break
    return taken / (time.monotonic() - begin)


def main():
    path, batch, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS load(id INTEGER PRIMARY KEY, data TEXT NOT NULL)")
    print("%d %.2f %.2f %.2f %d" % (*write(db, batch, seconds), take(db, seconds)))


main()
