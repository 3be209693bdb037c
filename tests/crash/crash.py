"""The crash tests' conductor: tests/crash/*.sh call it, TAP goes to standard output.

  crash.py steps     io/file.h and the folder store: what they promised is there after a kill or power cut at any point
  crash.py writes    `sargam run`: a home rebuilt from a prefix of its writes is finished by the next run
  crash.py kills     `sargam run`: killed at every named step, and at 100 random ones, it is finished by the next run

writes and kills end with the same tables as an undisturbed run, with nothing left in the bus, and `rebuild --check` agrees;
before they go on, each acknowledged message must have its raw object. SARGAM_CRASH_SECONDS is the time writes may take.
"""
import atexit
import concurrent.futures
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TOOLS = os.path.join(ROOT, "build", "crash")
SEED = int(os.environ.get("SARGAM_SEED") or random.SystemRandom().randrange(1, 2**63))
WORKERS = 2
MEMORY_NEEDED = 1 << 30


def scratch_folder():
    """In memory where there is enough: thousands of homes are built. Else where the tests are told to write."""
    memory = "/dev/shm"
    if os.path.isdir(memory) and os.access(memory, os.W_OK):
        st = os.statvfs(memory)
        if st.f_bavail * st.f_frsize >= MEMORY_NEEDED:
            return tempfile.mkdtemp(prefix="sargam-crash.", dir=memory)
    return tempfile.mkdtemp(prefix="sargam-crash.", dir=os.environ.get("TEST_TMP"))


TMP = scratch_folder()
if not os.environ.get("SARGAM_KEEP_TMP"):
    atexit.register(shutil.rmtree, TMP, ignore_errors=True)


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def check(self, name, good, *reasons):
        self.count += 1
        self.failures += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        for reason in reasons if not good else ():
            for line in str(reason).splitlines()[:40]:
                print(f"#   {line}", flush=True)

    def done(self):
        print(f"1..{self.count}", flush=True)
        return 1 if self.failures else 0


def note(text):
    print(f"# {text}", flush=True)


def recorded(command, home, log, **env):
    """Runs a command whose changes below `home` are appended to `log`."""
    home = os.path.realpath(home)
    env = {**os.environ, **env, "LD_PRELOAD": f"{TOOLS}/recorder.so", "SARGAM_RECORD_HOME": home, "SARGAM_RECORD_LOG": log}
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


class Record:
    def __init__(self, line):
        number, self.op, self.path, self.more, size = line.split("\t")
        self.number, self.bytes = int(number), int(size)


def read_log(log):
    out = subprocess.run([f"{TOOLS}/replay", log, "list"], capture_output=True, text=True, check=True).stdout
    return [Record(line) for line in out.splitlines()]


def rebuild(log, count, mode, out, drop=None):
    command = [f"{TOOLS}/replay", log, "build", str(count), str(mode), out] + ([drop] if drop else [])
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr}")


def files_below(folder):
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            yield os.path.relpath(path, folder), path


def same_tree(a, b):
    """None, or what differs. SQLite's mapped index is nobody's data."""
    left = {name: path for name, path in files_below(a) if not name.endswith("-shm")}
    right = {name: path for name, path in files_below(b) if not name.endswith("-shm")}
    if left.keys() != right.keys():
        return f"names: {sorted(left.keys() ^ right.keys())[:5]}"
    for name, path in left.items():
        with open(path, "rb") as x, open(right[name], "rb") as y:
            if x.read() != y.read():
                return f"bytes of {name}"
    return None


# steps: promises of io/file.h


def content(version):
    return f"{version:06d}\n" * (1 + version * 37 % 900)


def version_in(path):
    """The version a file holds; None when it is not whole."""
    with open(path, encoding="ascii", errors="replace") as f:
        text = f.read()
    version = int(text[:6]) if text[:6].isdigit() else None
    return version if version is not None and text == content(version) else None


def broken_promise(home, marks):
    promised, unsure = {}, set()
    for mark in marks:
        kind, path, version = mark.split(" ")
        if kind == "may-go":
            unsure.add(path)
            continue
        unsure.discard(path)
        promised[path] = (kind, int(version))
    for path, (kind, version) in promised.items():
        full = os.path.join(home, path)
        if path in unsure:
            continue
        if kind == "gone" and os.path.exists(full):
            return f"{path} was gone and is back"
        if kind == "dir" and not os.path.isdir(full):
            return f"the folder {path} is lost"
        if kind != "has":
            continue
        if not os.path.exists(full):
            return f"{path} is lost"
        found = version_in(full)
        if found is None or found < version:
            return f"{path} holds {found or 'half a file'}, promised was {version}"
    for name, path in files_below(home):
        ours = os.path.basename(name).startswith((".tmp-", ".store-")) or name == "loose/copy"
        if not ours and version_in(path) is None:
            return f"{name} is not whole"
    return None


def steps():
    tap = Tap()
    home, scratch, log = f"{TMP}/home", f"{TMP}/scratch", f"{TMP}/log"
    os.mkdir(home)
    os.mkdir(scratch)
    result = recorded([f"{TOOLS}/steps", home, scratch], home, log)
    tap.check("the steps run under the recorder", result.returncode == 0, result.stderr)
    records = read_log(log)
    note(f"seed {SEED}, {len(records)} records, {sum(r.op == 'mark' for r in records)} promises")
    rebuild(log, len(records), "all", f"{TMP}/whole")
    tap.check("the whole log gives the very home", same_tree(home, f"{TMP}/whole") is None, same_tree(home, f"{TMP}/whole"))

    def try_one(count, mode, drop=None):
        out = tempfile.mkdtemp(dir=TMP) + "/home"
        rebuild(log, count, mode, out, drop)
        wrong = broken_promise(out, [r.more for r in records[:count] if r.op == "mark"])
        shutil.rmtree(os.path.dirname(out))
        return wrong and f"after {count} changes, {mode}: {wrong}"

    # right before a promise the disk is the same and less is promised
    counts = [n for n in range(len(records) + 1) if n == len(records) or records[n].op != "mark"]

    def try_all(modes, drop=None):
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            wrong = pool.map(lambda job: try_one(*job, drop), [(n, mode) for n in counts for mode in modes])
            return [w for w in wrong if w]

    for name, modes in (("a kill", ["all"]), ("a power cut", ["synced"]), ("a power cut after some of it got to the disk", [SEED, SEED + 1])):
        wrong = try_all(modes)
        tap.check(f"no promise is broken by {name} at {len(counts)} points", not wrong, *wrong[:5])
    counts = counts[:: len(counts) // 20]
    for op in ("fsync", "dirsync"):
        tap.check(f"without {op} promises would break", try_all(["synced"], op) != [])
    return tap.done()


# sargam run


SARGAM = os.environ.get("SARGAM") or f"{ROOT}/build/sargam"
SECONDS = int(os.environ.get("SARGAM_CRASH_SECONDS", "150"))
RANDOM_KILLS = 100
DAYS = "3"
# These homes only have to survive this test: fsync() is free.
HASTY = {"LD_PRELOAD": f"{TOOLS}/recorder.so", "SARGAM_RECORD_NOSYNC": "1"}
FULL = ["run"]
PART = ["run", "--until", "2026-01-05"]


def base_env():
    names = [name for name in os.environ if name.startswith("SARGAM_") and name != "SARGAM_SEED"]
    env = {name: value for name, value in os.environ.items() if name not in names}
    return {**env, "SARGAM_SAMPLE_DAYS": DAYS, "SARGAM_SAMPLE_SEED": "1", "SARGAM_RETRY_MIN_MS": "1"}


def sargam(home, *words, **env):
    return subprocess.run([SARGAM, "--home", home, *words], env={**base_env(), **HASTY, **env}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=120)


def table_names(home):
    result = sargam(home, "query", "--format", "csv",
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'SPOTIFY_ANALYTICS' ORDER BY 1")
    return result.stdout.split()[1:]


def table_sums(home, tables):
    """Rows and their sum of hashes, a line a table."""
    parts = [f"SELECT '{t}' AS name, count(*) AS n, sum(hash(x)::HUGEINT) AS h FROM SPOTIFY_ANALYTICS.{t} AS x" for t in tables]
    result = sargam(home, "query", "--format", "csv", " UNION ALL ".join(parts) + " ORDER BY 1")
    return result.stdout if result.returncode == 0 else f"query: {result.stderr}"


def table_rows(home, table):
    return sargam(home, "query", "--format", "csv", f"SELECT * FROM SPOTIFY_ANALYTICS.{table} ORDER BY ALL").stdout


class Reference:
    """An undisturbed run."""

    def __init__(self):
        self.home = f"{TMP}/reference"
        result = sargam(self.home, *FULL)
        self.error = result.stderr if result.returncode else None
        self.tables = table_names(self.home)
        self.sums = table_sums(self.home, self.tables)
        self.rows = {t: table_rows(self.home, t) for t in self.tables}

    def difference(self, home, every_row=False):
        if table_sums(home, self.tables) == self.sums and not every_row:
            return None
        for t in self.tables:
            rows = table_rows(home, t)
            if rows != self.rows[t]:
                return f"{t}: {len(rows.splitlines())} lines, undisturbed {len(self.rows[t].splitlines())}"
        return None if every_row else f"sums differ: {table_sums(home, self.tables)}"


def rows_of(folder, name, sql):
    """From a copy: opening a database changes its log."""
    if not os.path.exists(f"{folder}/{name}"):
        return []
    with tempfile.TemporaryDirectory(dir=TMP) as copy:
        for end in ("", "-wal"):
            if os.path.exists(f"{folder}/{name}{end}"):
                shutil.copy(f"{folder}/{name}{end}", f"{copy}/{name}{end}")
        db = sqlite3.connect(f"{copy}/{name}")
        try:
            return db.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            db.close()


def lost_message(home):
    """A message that was acknowledged (given a number once, and gone) without its receipt and its raw object."""
    last = (rows_of(home, "bus.db", "SELECT seq FROM sqlite_sequence WHERE name = 'messages'") or [(0,)])[0][0]
    kept = {row[0] for row in rows_of(home, "bus.db", "SELECT message_id FROM messages")}
    receipts = {int(row[0]): row[1:] for row in rows_of(home, "state.db", "SELECT message_id, key, sha256 FROM receipt")}
    for number in set(range(1, last + 1)) - kept:
        if number not in receipts:
            return f"message {number} was acknowledged without a receipt"
        key, sha256 = receipts[number]
        try:
            with open(f"{home}/{key}", "rb") as f:
                if hashlib.sha256(f.read()).hexdigest() != sha256:
                    return f"message {number} was acknowledged, {key} holds other bytes"
        except FileNotFoundError:
            return f"message {number} was acknowledged, {key} is missing"
    return None


def wrong_after(home, reference, thorough):
    """Lets the next run finish what lies in `home`; None, or what is wrong then."""
    lost = lost_message(home)
    if lost:
        return lost
    result = sargam(home, *FULL)
    if result.returncode:
        return f"run: exit status {result.returncode}: {result.stderr}"
    if "which a process that died had begun" in result.stderr or "is abandoned" in result.stderr:
        half = [name for name, _ in files_below(home) if os.path.basename(name).startswith(".tmp-")]
        if half:
            return f"temporary files of the dead are left: {half}"
    left = rows_of(home, "bus.db", "SELECT count(*) FROM messages")
    if left != [(0,)]:
        return f"{left} messages are left in the bus"
    different = reference.difference(home)
    if different:
        return different
    result = sargam(home, "rebuild", "--check") if thorough else result
    return f"rebuild --check: exit status {result.returncode}: {result.stdout}{result.stderr}" if result.returncode else None


def keep(home, name):
    """A failed home is worth a look; the next line says where it is."""
    if not os.environ.get("SARGAM_KEEP_TMP"):
        return ""
    kept = f"{TMP}/failed-{name}"
    shutil.copytree(home, kept, dirs_exist_ok=True)
    return f" (a copy before the next run: {kept})"


def points_of(records):
    """Prefix lengths worth a look, with what stands at each: before and after all syncs, after names changed, random ones."""
    rng = random.Random(SEED)
    points = {}
    for r in records:
        kind = f"{r.op} {re.sub(r'[0-9a-f]{8,}|[0-9]+', '#', r.path)}"
        if r.op in ("fsync", "dirsync", "sync"):
            points.setdefault(r.number, "before " + kind)
            points.setdefault(r.number + 1, "after " + kind)
        elif r.op != "write":
            points.setdefault(r.number + 1, "after " + kind)
    for _ in range(len(records) // 4):
        points.setdefault(rng.randrange(len(records) + 1), "anywhere")
    # one of each kind first, then a second of each, as far as the time goes
    by_kind = {}
    for count, kind in points.items():
        by_kind.setdefault(kind, []).append(count)
    ranked = []
    for kind, counts in by_kind.items():
        rng.shuffle(counts)
        ranked += [(rank, rng.random(), count) for rank, count in enumerate(counts)]
    return [count for _, _, count in sorted(ranked)], len(by_kind)


def writes():
    tap = Tap()
    reference = Reference()
    tap.check("an undisturbed run", not reference.error and len(reference.tables) > 0, reference.error)
    home, log = f"{TMP}/home", f"{TMP}/log"
    os.mkdir(home)
    for words in (PART, FULL):
        result = recorded([SARGAM, "--home", home, *words], home, log, **{k: base_env()[k] for k in base_env() if k.startswith("SARGAM")})
        tap.check(f"{' '.join(words)} under the recorder", result.returncode == 0, result.stderr)
    records = read_log(log)
    points, kinds = points_of(records)
    rebuild(log, len(records), "all", f"{TMP}/whole")
    tap.check("the whole log gives the very home", same_tree(home, f"{TMP}/whole") is None, same_tree(home, f"{TMP}/whole"))
    tap.check("every row is that of an undisturbed run", reference.difference(home, True) is None, reference.difference(home, True))
    rebuild(log, len(records), "synced", f"{TMP}/forgetful", "dirsync:raw/")
    tap.check("a raw object lost after its acknowledgement would be seen", lost_message(f"{TMP}/forgetful") is not None)

    until = time.monotonic() + SECONDS
    done = {"all": 0, "synced": 0, "some": 0}

    def try_one(job):
        i, count, mode = job
        if time.monotonic() > until:
            return None
        folder = tempfile.mkdtemp(dir=TMP)
        out = f"{folder}/home"
        rebuild(log, count, SEED + count if mode == "some" else mode, out)
        copy = keep(out, f"{count}-{mode}")
        wrong = wrong_after(out, reference, i % 10 == 0)
        shutil.rmtree(folder)
        done[mode] += 1
        return wrong and f"after {count} of {len(records)} writes, {mode}{copy}: {wrong}"

    jobs = [(i, count, mode) for i, count in enumerate(points) for mode in ("synced", "some", "all")]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        wrong = [w for w in pool.map(try_one, jobs) if w]
    note(f"seed {SEED}: {len(records)} writes, {len(points)} points of {kinds} kinds; rebuilt {done}")
    tap.check("a home as a kill leaves it is finished", not [w for w in wrong if ", all" in w] and done["all"] > 0,
              *[w for w in wrong if ", all" in w][:10])
    tap.check("a home with only what was synced is finished", not [w for w in wrong if ", synced" in w] and done["synced"] > 0,
              *[w for w in wrong if ", synced" in w][:10])
    tap.check("a home with a part of the rest is finished", not [w for w in wrong if ", some" in w] and done["some"] > 0,
              *[w for w in wrong if ", some" in w][:10])
    return tap.done()


def counts_in(path):
    with open(path, encoding="utf-8") as f:
        return {name: int(count) for name, count in (line.split() for line in f)}


class Killer:
    """Runs that die on the way, in a fresh home or in one that holds an earlier state."""

    def __init__(self, reference, start):
        self.reference, self.start = reference, start
        folder, home = self.fresh()
        counts = f"{folder}/counts"
        self.result = sargam(home, *FULL, SARGAM_FAULT_COUNT=counts)
        self.counts = counts_in(counts)
        shutil.rmtree(folder)

    def fresh(self):
        folder = tempfile.mkdtemp(dir=TMP)
        if self.start:
            shutil.copytree(self.start, f"{folder}/home")
        return folder, f"{folder}/home"

    def kill(self, name, nth, thorough):
        """None, or what is wrong; threads pass a step more or less often, so the last passage is looked for."""
        for _ in range(5):
            folder, home = self.fresh()
            counts = f"{folder}/counts"
            result = sargam(home, *FULL, SARGAM_FAULT=f"kill:{name}:{nth}", SARGAM_FAULT_COUNT=counts)
            passed = counts_in(counts) if os.path.exists(counts) else {}
            hit = result.returncode == -signal.SIGKILL and (name == "*" and sum(passed.values()) >= nth or passed.get(name, 0) >= nth)
            if hit:
                break
            shutil.rmtree(folder)
            nth = sum(passed.values()) if name == "*" else passed.get(name, 0)
            if result.returncode or not nth:
                return f"kill:{name}:{nth} was not hit: exit status {result.returncode}: {result.stderr}"
        else:
            return f"kill:{name}:{nth} was not hit in 5 tries"
        copy = keep(home, f"{name}-{nth}")
        wrong = wrong_after(home, self.reference, thorough)
        shutil.rmtree(folder)
        return wrong and f"kill:{name}:{nth} in {'a home with data' if self.start else 'a fresh home'}{copy}: {wrong}"


def kills():
    tap = Tap()
    reference = Reference()
    tap.check("an undisturbed run", not reference.error and len(reference.tables) > 0, reference.error)
    earlier = f"{TMP}/earlier"
    result = sargam(earlier, *PART)
    tap.check("an earlier state", result.returncode == 0, result.stderr)
    tap.check("is told from the later one", reference.difference(earlier) is not None)
    killers = [Killer(reference, None), Killer(reference, earlier)]
    for killer in killers:
        tap.check(f"{len(killer.counts)} named steps, {sum(killer.counts.values())} passages", killer.result.returncode == 0,
                  killer.result.stderr)
    rng = random.Random(SEED)
    for killer in killers:
        for name, count in sorted(killer.counts.items()):
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                jobs = sorted({1, (count + 1) // 2, count})
                wrong = [w for w in pool.map(lambda nth, k=killer, n=name: k.kill(n, nth, nth == 1), jobs) if w]
            where = "data" if killer.start else "fresh"
            tap.check(f"{where}: killed at {name}, passages {', '.join(map(str, jobs))} of {count}", not wrong, *wrong)
    note(f"seed {SEED}")
    points = []
    for i in range(RANDOM_KILLS):
        killer = killers[i % 2]
        points.append((killer, rng.randint(1, sum(killer.counts.values())), i % 10 == 0))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        wrong = [w for w in pool.map(lambda p: p[0].kill("*", p[1], p[2]), points) if w]
    tap.check(f"killed at {RANDOM_KILLS} random passages of any step", not wrong, *wrong[:10])
    return tap.done()


if __name__ == "__main__":
    sys.exit({"steps": steps, "writes": writes, "kills": kills}[sys.argv[1]]())
