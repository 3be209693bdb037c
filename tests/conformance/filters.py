#!/usr/bin/env python3
"""Holds our evaluator of subscription filters against that of Google's Go client (pstest) on generated filters.

usage: filters.py ORACLE OURS...     two programs that answer as filter_oracle/main.go says

The filters are made by the grammar of cloud.google.com/pubsub/docs/subscription-message-filter, each written plainly and in one of
the many ways that are allowed; every other one is then damaged. They follow from $SARGAM_SEED; $FILTERS says how many.

The two need not agree: pstest's lexer refuses some valid spellings and takes much that is no filter of the documentation. Every such
difference must fall under a rule below, which says what the documentation wants and has an example; the examples are part of every run, and
one that the two agree on fails it, so that the rules stay true.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys

DEFAULT_COUNT = 6000
BYTES_MAX = 256
SHOWN = 10
KEYS = ["name", "lang", "a-b_9", "iana.org/language_tag", "k\"e\\y", "\u307f\u306a", "NOT", "A", "9", "x y"]
VALUES = ["com", "co", "", "net", "en", "Com", "tab\there", "\u00ff", "q\"uo'te", "back\\slash", "\U0001f600"]
BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
LETTERS = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}


# --- valid filters: a tree, and two ways to write it ---------------------------------------------------------------------

def tree(r, depth):
    """("AND"|"OR", operands), ("NOT", operand), (":", key), ("="|"!="|"hasPrefix", key, value)"""
    operands = [term(r, depth) for _ in range(r.choice([1, 1, 2, 2, 3, 4]))]
    return operands[0] if len(operands) == 1 else (r.choice(["AND", "OR"]), operands)


def term(r, depth):
    if depth and r.random() < 0.35:
        made = tree(r, depth - 1)
    else:
        kind = r.choice([":", "=", "!=", "hasPrefix"])
        made = (kind, r.choice(KEYS)) if kind == ":" else (kind, r.choice(KEYS), r.choice(VALUES))
    return ("NOT", made) if r.random() < 0.3 else made


class Plain:
    """The one way that is clear to anybody: keys in quotes, single spaces."""

    def key(self, text):
        return self.literal(text)

    def literal(self, text):
        for c, letter in [("\\", "\\"), ('"', '"'), ("\t", "t")]:
            text = text.replace(c, "\\" + letter)
        return f'"{text}"'

    def negation(self):
        return "NOT "

    def space(self):
        return ""

    def some_space(self):
        return " "


class Wide:
    """Every way that the documentation allows."""

    def __init__(self, r):
        self.r = r

    def key(self, text):
        return text if BARE.match(text) and self.r.random() < 0.8 else self.literal(text)

    def literal(self, text):
        quote = self.r.choice('"""\'')
        return quote + "".join(self.character(c, quote) for c in text) + quote

    def character(self, c, quote):
        ways = ["\\u%04x" % ord(c) if ord(c) < 0x10000 else "\\U%08x" % ord(c), "\\U%08X" % ord(c)]
        if ord(c) < 0x100:
            ways += ["\\x%02x" % ord(c), "\\%03o" % ord(c)]
        if c in LETTERS:
            ways.append("\\" + LETTERS[c])
        if c in "\\\"'`?":
            ways.append("\\" + c)
        plain = ord(c) >= 0x20 and c not in ("\\", quote)
        return c if plain and self.r.random() < 0.95 else self.r.choice(ways)

    def negation(self):
        return self.r.choice(["-", "NOT" + self.some_space()])

    def space(self):
        return self.r.choice(["", "", "", "", " ", "  ", "\t"])

    def some_space(self):
        return self.r.choice([" ", " ", " ", "  ", "\t", "\n", " \r\n"])


def write(node, by, inside=False):
    kind = node[0]
    if kind in ("AND", "OR"):
        text = (by.some_space() + kind + by.some_space()).join(write(n, by, True) for n in node[1])
        return f"({by.space()}{text}{by.space()})" if inside else text
    if kind == "NOT":
        operand = write(node[1], by, True)
        return by.negation() + (f"({by.space()}{operand}{by.space()})" if node[1][0] == "NOT" else operand)
    if kind == ":":
        return f"attributes:{by.key(node[1])}"
    if kind == "hasPrefix":
        return f"hasPrefix({by.space()}attributes.{by.key(node[1])}{by.space()},{by.space() or ' '}{by.literal(node[2])}{by.space()})"
    return f"attributes.{by.key(node[1])}{by.space()}{kind}{by.space()}{by.literal(node[2])}"


# --- damaged ones ------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r"\s+|\w+|\\.|.", re.S)
PIECES = ["AND", "OR", "NOT", "-", "(", ")", "=", "!=", ":", ".", ",", " ", '"', "'", "\\", "attributes", "hasPrefix", "name", '"com"', "<", ">=",
          "*", "and", "or", "not", "true", "5", "data", "attributes:name", "messageId", "\u307f", "\\q", "\\u12", "\\x4", "\\7", "\\ud800", "0x1", "1.5"]


def damaged(r, text):
    tokens = TOKEN.findall(text)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        i = r.randrange(len(tokens) + 1)
        kind = r.randrange(4)
        if kind == 0 or i == len(tokens):
            tokens.insert(i, r.choice(PIECES))
        elif kind == 1:
            del tokens[i]
        elif kind == 2:
            tokens[i] = r.choice(PIECES)
        else:
            j = r.randrange(len(tokens))
            tokens[i], tokens[j] = tokens[j], tokens[i]
        if not tokens:
            break
    return "".join(tokens)


def generated(r, count):
    """(text, the same plainly or None): by the grammar, every other one damaged."""
    for n in range(count):
        node = tree(r, 3)
        while len(write(node, Plain()).encode()) > BYTES_MAX:
            node = tree(r, 2)
        text = write(node, Wide(r))
        yield (text, write(node, Plain())) if n % 2 == 0 else (damaged(r, text), None)


def messages(r):
    """None, each key alone, and random sets."""
    made = [{}] + [{k: r.choice(VALUES)} for k in KEYS]
    while len(made) < 24:
        made.append({k: r.choice(VALUES) for k in r.sample(KEYS, r.randrange(2, 6))})
    return made


# --- the rules ---------------------------------------------------------------------------------------------------------

# pstest refuses what the documentation allows. A rule writes it in a way that pstest reads; its answer must then be ours.
LITERAL = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
NAMED = re.compile(rf"({LITERAL})|(\battributes\s*[.:]\s*)([A-Za-z0-9_-]+)", re.S)
CLOSED = re.compile(rf"({LITERAL})|\s+(?=\))", re.S)


def quoted(text, which):
    """Bare keys for which `which` is true put into quotes."""
    return NAMED.sub(lambda m: m[1] or m[2] + (f'"{m[3]}"' if which(m[3]) else m[3]), text)


class Rewrite:
    def __init__(self, name, documentation, example, rewrite):
        self.name, self.documentation, self.example, self.rewrite = name, documentation, example, rewrite


REWRITES = [
    Rewrite("a bare key with a dash",
            "a key of letters, digits, dashes and underscores needs no quotes; pstest takes the dash for a minus",
            "attributes:a-b", lambda text: quoted(text, lambda k: "-" in k)),
    Rewrite("a bare key that is a number or an operator's name",
            "a key of letters, digits, dashes and underscores needs no quotes; pstest takes attributes:9 for a number and attributes:NOT for NOT",
            "attributes:9", lambda text: quoted(text, lambda k: k[0].isdigit() or k in ("AND", "OR", "NOT"))),
    Rewrite("white space before a closing parenthesis",
            "white space around parentheses has no meaning (google.aip.dev/160); pstest looks for another operand after it",
            "(attributes:a )", lambda text: CLOSED.sub(lambda m: m[1] or "", text)),
]


class Refusal:
    """pstest takes what the documentation does not allow: known by why we refuse it."""

    def __init__(self, why, documentation, *examples):
        self.why, self.documentation, self.examples = why, documentation, examples


BARE_KEYS = "a key is bare when it has letters, digits, dashes and underscores only, else a string in quotes"
ATTRIBUTES_ONLY = "a filter is made of attributes:KEY, attributes.KEY = or != \"VALUE\" and hasPrefix(attributes.KEY, \"VALUE\")"
REFUSALS = [
    Refusal("at most 256 bytes are allowed", "the maximum length of a filter is 256 bytes", "attributes.x = \"" + 240 * "v" + '"'),
    Refusal("AND and OR together want parentheses", "AND and OR are combined by parentheses only",
            "attributes:a AND attributes:b OR attributes:c"),
    Refusal("want the key of an attribute", BARE_KEYS, "attributes:\u307f", "attributes:\\a"),
    Refusal("a key with this character in it", BARE_KEYS, "attributes:a\u307f"),
    Refusal("want AND or OR", BARE_KEYS, 'attributes:a"'),
    Refusal("want = or !=", "the comparisons are = and != (and a bare key ends before any other character)",
            'attributes.a <= "b"', 'attributes.a : "b"', 'attributes.a\\b = "b"'),
    Refusal("want ',' and the prefix", BARE_KEYS, 'hasPrefix(attributes.a\\b, "c")'),
    Refusal("want ')' after the prefix", "hasPrefix has two arguments", 'hasPrefix(attributes.a, "b",)'),
    Refusal("want attributes:KEY", ATTRIBUTES_ONLY, '"x" = "x"', '"b" = attributes.a'),
    Refusal("want attributes.KEY", ATTRIBUTES_ONLY, 'hasPrefix("abc", "a")'),
    Refusal("is no function here", ATTRIBUTES_ONLY, 'timestamp("2026-01-01T00:00:00Z") < timestamp("2026-01-02T00:00:00Z")'),
    Refusal("want a value", ATTRIBUTES_ONLY, "attributes.a = attributes.b"),
    Refusal("the prefix: a string in quotes", ATTRIBUTES_ONLY, "hasPrefix(attributes.a, attributes.b)"),
    Refusal("the key of an attribute is empty", "an attribute has a key", 'attributes:""'),
    Refusal("a control character in a string must be escaped", "the documentation is silent: it has escapes for them, and no string with a bare one",
            'attributes.a = "b\tc"'),
    Refusal("more than 32 parentheses inside each other", "the documentation is silent: a limit of our own, against deep recursion",
            "(" * 33 + "attributes:a" + ")" * 33),
]


def refusal_of(error):
    """The first of the rules whose text is in our error."""
    return next((rule for rule in REFUSALS if rule.why in error), None)


def rewritten(text):
    for rule in REWRITES:
        text = rule.rewrite(text)
    return text


# --- the comparison ----------------------------------------------------------------------------------------------------

class Evaluators:
    def __init__(self, oracle, ours, sets):
        self.commands, self.head = {"theirs": oracle, "ours": ours}, json.dumps({"messages": sets})

    def ask(self, who, filters):
        command, lines = self.commands[who], [self.head] + [json.dumps({"filter": text}) for text in filters]
        out = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8", check=False)
        if out.returncode:
            raise SystemExit(f"{command[0]}: exit status {out.returncode}: {out.stderr.strip()}")
        answers = [json.loads(line) for line in out.stdout.splitlines()]
        if len(answers) != len(filters):
            raise SystemExit(f"{command[0]}: {len(answers)} answers to {len(filters)} filters")
        return answers

    def both(self, filters):
        return self.ask("ours", filters), self.ask("theirs", filters)


def same(one, other):
    return ("error" in one) == ("error" in other) and one.get("passes") == other.get("passes")


def told(text, ours, theirs):
    brief = lambda answer: answer.get("passes") or answer["error"].strip().splitlines()[-1].strip()[:160]
    return f"{text!r}: we say {brief(ours)}, pstest says {brief(theirs)}"


count = 0


def line(name, wrong):
    """One line of TAP; `wrong` lists what is wrong."""
    global count
    count += 1
    for text in wrong[:SHOWN]:
        print(f"# {text}")
    if len(wrong) > SHOWN:
        print(f"# … {len(wrong)} in all")
    print(f"{'not ok' if wrong else 'ok'} {count} - {name}", flush=True)
    return not wrong


def valid_ones(evaluators, filters):
    """What the grammar made: the same messages pass, whoever reads it and however it is written."""
    plain = [clear for _, clear in filters if clear]
    ours, theirs = evaluators.both(plain)
    wide = evaluators.ask("ours", [text for text, clear in filters if clear])
    wrong = [told(*x) for x in zip(plain, ours, theirs) if not same(*x[1:]) or "error" in x[1]]
    yield f"{len(plain)} filters, written plainly: pstest passes the same messages", wrong
    some = sum(0 < a.get("passes", "").count("1") < len(a.get("passes", "")) for a in ours)
    yield "and a good part of them tells messages apart", [f"only {some} of {len(plain)}"] if some < len(plain) / 4 else []
    readings = [(text, we, clear) for (text, _), we, clear in zip((f for f in filters if f[1]), wide, ours) if len(text.encode()) <= BYTES_MAX]
    yield f"{len(readings)} of them in one of all the ways to write them: we read the same", [
        f"{text!r}: {we}, plainly {clear}" for text, we, clear in readings if not same(we, clear)]


def all_of_them(evaluators, filters):
    texts = [text for text, _ in filters]
    ours, theirs = evaluators.both(texts)
    differ = [x for x in zip(texts, ours, theirs) if not same(*x[1:])]
    accepted = [x for x in differ if "error" not in x[1]]
    again = evaluators.ask("theirs", [rewritten(text) for text, _, _ in accepted])
    print(f"# {len(texts)} filters: {len(texts) - len(differ)} with the same answer, {sum('error' in a for a in ours)} refused by us, "
          f"{sum('error' in a for a in theirs)} by pstest")
    yield f"{len(accepted)} that only pstest refuses or reads otherwise: written for its lexer, it passes what we pass", [
        told(text, we, they) for (text, we, _), they in zip(accepted, again) if not same(we, they)]
    refused = [x for x in differ if "error" in x[1]]
    yield f"{len(refused)} that only we refuse: by a listed rule", [told(*x) for x in refused if not refusal_of(x[1]["error"])]
    rules = collections.Counter(rule.why for rule in (refusal_of(we["error"]) for _, we, _ in refused) if rule)
    for why, times in rules.most_common():
        print(f"#   {times:5} {why}")


def the_rules(evaluators):
    for rule in REWRITES:
        ours, theirs = evaluators.both([rule.example, rule.rewrite(rule.example)])
        good = same(*(a[1] for a in (ours, theirs))) and same(*ours) and not same(ours[0], theirs[0])
        yield f"rule: {rule.name}: {rule.documentation}", [] if good else [told(rule.example, ours[0], theirs[0])]
    for rule in REFUSALS:
        ours, theirs = evaluators.both(rule.examples)
        wrong = [told(*x) for x in zip(rule.examples, ours, theirs) if "error" in x[2] or refusal_of(x[1].get("error", "")) is not rule]
        yield f"rule: {rule.why}: {rule.documentation}", wrong


def main(args):
    if len(args) < 2:
        print(__doc__.strip())
        return 2
    seed = int(os.environ.get("SARGAM_SEED") or random.SystemRandom().randrange(1, 2**63))
    print(f"# seed {seed} (again: SARGAM_SEED={seed})")
    r = random.Random(seed)
    filters = list(generated(r, int(os.environ.get("FILTERS") or DEFAULT_COUNT)))
    evaluators = Evaluators(args[:1], args[1:], messages(r))
    parts = [valid_ones(evaluators, filters), all_of_them(evaluators, filters), the_rules(evaluators)]
    results = [line(name, wrong) for part in parts for name, wrong in part]
    print(f"1..{count}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
