"""The crash tests' conductor: tests/crash/*.sh call it, TAP goes to standard output.

  crash.py steps     io/file.h and the folder store against a recorded log: what they promised is there after any stop
"""
import atexit
import concurrent.futures
import os
import random
import shutil
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
        if kind in ("may-go", "loose"):
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
        ours = os.path.basename(name).startswith((".tmp-", ".store-")) or "loose/" in name
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


if __name__ == "__main__":
    sys.exit({"steps": steps}[sys.argv[1]]())
