"""time_oracle - zones and cron expressions of sargam-test --time-probe against Python's zoneinfo and a search minute by minute.

usage: time_oracle.py SARGAM_TEST SEED

Nothing here knows how io/zone.c and dag/cron.c find their answers: offsets are zoneinfo's; the next time is found by trying each
minute a wall clock can show, one after the other, and asking zoneinfo when it does.
"""
import random
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

PROBE, SEED = sys.argv[1], int(sys.argv[2], 0)
UTC_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST, LAST = 0, 4102444800  # 1970 to 2100
OFFSETS_EACH, CRON_CASES, HORIZON_DAYS = 30, 1200, 400
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
rand = random.Random(SEED)
results = []


def check(name, wrong):
    results.append(name)
    for line in wrong[:10]:
        print("#", line)
    print(f"{'not ok' if wrong else 'ok'} {len(results)} - {name}")


def ask(questions):
    out = subprocess.run([PROBE, "--time-probe"], input="\n".join(questions) + "\n", capture_output=True, text=True, check=True).stdout
    answers = out.split("\n")[:-1]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def offset(zone, unix):
    return datetime.fromtimestamp(unix, zone).utcoffset().total_seconds()


def changes(zone, first, last):
    """The seconds at which the offset is another than the second before, in steps of two days."""
    found, at = [], first
    while at < last:
        low, high = at, at + 2 * 86400
        if offset(zone, low) != offset(zone, high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
            found.append(high)
        at += 2 * 86400
    return found


def some_change(zone):
    start = rand.randrange(FIRST, LAST - 400 * 86400)
    found = changes(zone, start, start + 400 * 86400)
    return rand.choice(found) if found else start


# ---- offsets ----

def offsets_agree(names):
    questions, wanted = [], []
    for name in names:
        zone = ZoneInfo(name)
        near = [some_change(zone) + d for d in (-1, 0, 1)]
        for unix in near + [rand.randrange(FIRST, LAST) for _ in range(OFFSETS_EACH)]:
            questions.append(f"offset {name} {unix}")
            wanted.append(str(int(offset(zone, unix))))
    wrong = [f"{q}: {a}, zoneinfo says {w}" for q, a, w in zip(questions, ask(questions), wanted) if a != w]
    check(f"{len(questions)} offsets of {len(names)} zones are those of zoneinfo", wrong)


# ---- cron ----

def make_field(least, most, names):
    def value():
        v = rand.randint(least, most)
        return rand.choice([str(v), names[v - least].title()]) if names and v - least < len(names) else str(v)

    def item():
        kind = rand.random()
        if kind < 0.5:
            return value()
        if kind < 0.7:
            return f"*/{rand.randint(1, most)}"
        a, b = sorted([rand.randint(least, most), rand.randint(least, most)])
        return f"{a}-{b}" if kind < 0.85 else f"{a}-{b}/{rand.randint(1, max(1, b - a))}"
    return ",".join(item() for _ in range(rand.choice([1, 1, 1, 2, 3])))


def make_expression():
    star = lambda chance, *field: "*" if rand.random() < chance else make_field(*field)
    return " ".join([star(0.2, 0, 59, None), star(0.35, 0, 23, None), star(0.7, 1, 31, None), star(0.8, 1, 12, MONTHS),
                     star(0.7, 0, 7, DAYS)])


def values(field, least, most, names):
    out = set()
    number = lambda s: names.index(s.lower()) + least if s.isalpha() else int(s)
    for item in field.split(","):
        body, _, step = item.partition("/")
        whole = f"{least}-{6 if most == 7 else most}"  # '*' is seven days, though Sunday has two numbers
        first, _, last = (whole if body == "*" else body).partition("-")
        out |= set(range(number(first), number(last or first) + 1, int(step or 1)))
    return out


class Cron:
    def __init__(self, text):
        f = text.split()
        self.minutes, self.hours = values(f[0], 0, 59, None), values(f[1], 0, 23, None)
        self.days, self.months = values(f[2], 1, 31, None), values(f[3], 1, 12, MONTHS)
        self.weekdays = {d % 7 for d in values(f[4], 0, 7, DAYS)}
        self.wall = f[0].startswith("*") or f[1].startswith("*")
        self.both = f[2].startswith("*") or f[4].startswith("*")

    def on(self, day):
        by = [day.day in self.days, day.isoweekday() % 7 in self.weekdays]
        return day.month in self.months and (all(by) if self.both else any(by))


def when(zone, local):
    """The moments at which a wall clock shows `local`; none, or the jump over it."""
    found = set()
    for fold in (0, 1):
        unix = (local.replace(tzinfo=zone, fold=fold) - UTC_EPOCH) // timedelta(seconds=1)
        if datetime.fromtimestamp(unix, zone).replace(tzinfo=None) == local:
            found.add(unix)
    return sorted(found)


def jump_over(zone, local):
    middle = (local.replace(tzinfo=timezone.utc) - UTC_EPOCH) // timedelta(seconds=1)
    low, high = middle - 2 * 86400, middle + 2 * 86400  # no clock is further from UTC
    for at in changes(zone, low, high):
        before, after = (datetime.fromtimestamp(at, timezone.utc) + timedelta(seconds=offset(zone, at + d)) for d in (-1, 0))
        if before.replace(tzinfo=None) <= local < after.replace(tzinfo=None):
            return at
    raise ValueError(f"{zone}: nothing jumps over {local}")


def next_time(cron, zone, after):
    best, first = None, datetime.fromtimestamp(after, zone).date() - timedelta(days=2)
    for n in range(HORIZON_DAYS):
        day = first + timedelta(days=n)
        if best is not None and day > datetime.fromtimestamp(best, zone).date() + timedelta(days=2):
            break
        if not cron.on(day):
            continue
        for minute in range(24 * 60):
            if minute // 60 not in cron.hours or minute % 60 not in cron.minutes:
                continue
            local = datetime(day.year, day.month, day.day, minute // 60, minute % 60)
            found = when(zone, local)
            if not cron.wall:
                found = found[:1] or [jump_over(zone, local)]
            for unix in found:
                if unix > after and (best is None or unix < best):
                    best = unix
    return best


def cron_agrees(names, cases, label):
    questions, wanted = [], []
    for _ in range(cases):
        name, expression = rand.choice(names), make_expression()
        zone = ZoneInfo(name)
        after = some_change(zone) + rand.randint(-2 * 86400, 86400)
        try:
            found = next_time(Cron(expression), zone, after)
        except ValueError as e:
            sys.exit(str(e))
        questions.append(f"next {name} {after} {expression}")
        wanted.append((found, after))
    wrong = []
    for q, a, (found, after) in zip(questions, ask(questions), wanted):
        late = found is None and (a.startswith("! ") and "no such day" in a or a.isdigit() and int(a) > after + (HORIZON_DAYS - 3) * 86400)
        if a != str(found) and not late:
            wrong.append(f"{q}: {a}, minute by minute {found}")
    check(f"{label}: {cases} next times are those of a search minute by minute", wrong)


def chains_agree(names, cases):
    """From one time to the next, over a change of the clock, none is left out and none comes twice."""
    wrong = []
    for _ in range(cases):
        name, expression = rand.choice(names), rand.choice(["*/15 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "7 */2 * * *", "* 2 * * *"])
        zone, cron = ZoneInfo(name), Cron(expression)
        at = some_change(zone) - 86400
        for _ in range(8):
            want, got = next_time(cron, zone, at), ask([f"next {name} {at} {expression}"])[0]
            if got != str(want):
                wrong.append(f"next {name} {at} {expression}: {got}, minute by minute {want}")
                break
            at = want
    check(f"{cases} chains of next times over a change of the clock", wrong)


def nicknames_agree():
    wrong = []
    for nick, fields in [("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"), ("@weekly", "0 0 * * 0"),
                         ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@hourly", "0 * * * *")]:
        at = rand.randrange(FIRST, LAST)
        a, b = ask([f"next Europe/Berlin {at} {nick}", f"next Europe/Berlin {at} {fields}"])
        if a != b:
            wrong.append(f"{nick} after {at}: {a}, {fields}: {b}")
    check("a nickname is the fields it stands for", wrong)


names = sorted(available_timezones() - {"localtime"})
changing = [n for n in names if changes(ZoneInfo(n), 1735689600, 1735689600 + 366 * 86400)]
print(f"# seed {SEED}, {len(names)} zones, {len(changing)} of them with summer time in 2025")
offsets_agree(names)
cron_agrees(names, CRON_CASES // 2, "any zone")
cron_agrees(changing, CRON_CASES // 2, "zones with summer time")
chains_agree(changing, 40)
nicknames_agree()
print(f"1..{len(results)}")
