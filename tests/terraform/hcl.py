"""hcl - a folder of Terraform files, as blocks and expressions; on python-hcl2, which knows the grammar.

Folder(path).blocks: Block(kind, labels, body, file, line).  A body maps names to values as python-hcl2 gives them: numbers and booleans are
themselves, '"…"' is a string as written (with its interpolations), '${…}' an expression, a list of dictionaries with "__is_block__" blocks.
"""
import os
import re

import hcl2

OPTIONS = hcl2.SerializationOptions(with_comments=False)
MARK = "__is_block__"
KEYWORDS = {"true", "false", "null", "for", "in", "if", "else", "endif", "endfor"}
TOKEN = re.compile(r'\s+|(?P<name>[A-Za-z_][\w-]*)|(?P<num>\d[\w.]*)|(?P<op>\.\.\.|=>|==|!=|<=|>=|&&|\|\||\.\*|\[\*\]|[^\w\s])')
parsed = {}  # by text: mutations of one file need not read the others again


class Block:
    def __init__(self, kind, labels, body, file, line):
        self.kind, self.labels, self.body, self.file, self.line = kind, labels, body, file, line

    @property
    def address(self):
        return ".".join([self.kind, *self.labels] if self.kind != "resource" else self.labels)


class Folder:
    """Raises SyntaxError, naming the file, when one cannot be read."""

    def __init__(self, path):
        self.path, self.blocks, self.text = path, [], {}
        for name in sorted(n for n in os.listdir(path) if n.endswith(".tf")):
            with open(os.path.join(path, name)) as f:
                self.text[name] = f.read()
            if self.text[name] not in parsed:
                try:
                    parsed[self.text[name]] = hcl2.loads(self.text[name], serialization_options=OPTIONS)
                except Exception as error:  # lark's, of several kinds
                    raise SyntaxError(f"{name}: {str(error).splitlines()[0]}") from error
            for kind, found in parsed[self.text[name]].items():
                for value in found if isinstance(found, list) else []:
                    self.add(kind, (), value, name)

    def add(self, kind, labels, value, file):
        if value.get(MARK):
            self.blocks.append(Block(kind, list(labels), value, file, self.line(file, kind, labels)))
            return
        for label, inner in value.items():
            self.add(kind, (*labels, unquote(label)), inner, file)

    def line(self, file, kind, labels):
        head = r"^\s*" + kind + "".join(rf'\s+"{re.escape(label)}"' for label in labels) + r"\s*\{"
        m = re.search(head, self.text[file], re.M)
        return self.text[file].count("\n", 0, m.start()) + 1 if m else 1

    def of(self, kind, first=None):
        return [b for b in self.blocks if b.kind == kind and (first is None or b.labels[0] == first)]

    def find(self, kind, *labels):
        return next((b for b in self.blocks if b.kind == kind and b.labels == list(labels)), None)

    def local(self, name):
        for block in self.of("locals"):
            if name in block.body:
                return block.body[name]
        return None


def unquote(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def is_blocks(value):
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and v.get(MARK) for v in value)


def nested(body, name):
    """The blocks of that name, those made by `dynamic` too."""
    plain = body.get(name, [])
    return (plain if is_blocks(plain) else []) + [content for _, content in dynamic(body, name)]


def dynamic(body, name=None):
    for entry in body.get("dynamic", []):
        for label, inner in entry.items():
            if label != MARK and name in (None, unquote(label)):
                yield inner, inner.get("content", [{}])[0]


def literal(value):
    """A string without interpolation, a number or a boolean; else None."""
    if isinstance(value, str):
        if len(value) > 1 and value[0] == value[-1] == '"' and "${" not in value and "%{" not in value:
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        return None
    return value if isinstance(value, (bool, int, float)) else None


def strings(value):
    """Every expression and string below, as code."""
    if isinstance(value, str):
        yield value[2:-1] if value.startswith("${") and value.endswith("}") else value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == MARK:
                continue
            if key.startswith("${"):
                yield key[2:-1]
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def constants(value):
    """Every quoted text below, those inside expressions too."""
    for code in strings(value):
        for kind, part in tokens(code):
            if kind == "text":
                yield part


def tokens(code):
    """(kind, text): name, num, op, text (a piece of a string), and those of the expressions inside strings."""
    at = 0
    while at < len(code):
        if code[at] == '"':
            at = yield from string_tokens(code, at + 1)
            continue
        if code.startswith("<<", at) and re.match(r"<<-?[A-Za-z_]\w*\n", code[at:]):
            at = yield from string_tokens(code, code.index("\n", at), None)
            continue
        m = TOKEN.match(code, at)
        if m.lastgroup:
            yield m.lastgroup, m[0]
        at = m.end()


def string_tokens(code, at, end='"'):
    text = ""
    while at < len(code) and code[at] != end:
        if code.startswith(("$${", "%%{"), at):
            text, at = text + code[at:at + 3], at + 3
        elif code.startswith(("${", "%{"), at):
            depth, stop, quoted = 1, at + 2, False
            while depth and stop < len(code):
                if code[stop] == '"' and code[stop - 1] != "\\":
                    quoted = not quoted
                depth += 0 if quoted else {"{": 1, "}": -1}.get(code[stop], 0)
                stop += 1
            yield "text", text
            yield "op", "("
            yield from tokens(code[at + 2:stop - 1])
            yield "op", ")"
            text, at = "", stop
        elif code[at] == "\\":
            text, at = text + code[at + 1:at + 2], at + 2
        else:
            text, at = text + code[at], at + 1
    yield "text", text
    return at + 1


class Reference:
    """root.part.part: parts are names; "[]" stands for an index or a splat."""

    def __init__(self, parts):
        self.parts = parts

    def __str__(self):
        return ".".join(self.parts).replace(".[]", "[…]")


def references(code):
    """(references, functions, names bound by `for`) of an expression."""
    stream, found, functions, bound = list(tokens(code)), [], [], set()
    for n, (kind, text) in enumerate(stream):
        if kind == "name" and text == "for":
            for k, t in stream[n + 1:]:
                if k == "name" and t == "in":
                    break
                if k == "name":
                    bound.add(t)
    n = 0
    while n < len(stream):
        kind, text = stream[n]
        after = stream[n + 1] if n + 1 < len(stream) else ("", "")
        n += 1
        if kind != "name" or text in KEYWORDS or (n > 1 and stream[n - 2] == ("op", ".")):
            continue
        if after == ("op", "("):
            functions.append(text)
            continue
        if after == ("op", "="):  # an object's key
            continue
        parts = [text]
        while n < len(stream):
            if stream[n] == ("op", ".") and n + 1 < len(stream) and stream[n + 1][0] == "name":
                parts.append(stream[n + 1][1])
                n += 2
            elif stream[n][1] in ("[*]", ".*"):
                parts.append("[]")
                n += 1
            elif stream[n] == ("op", "["):
                depth, inside = 0, n
                while True:
                    depth += {"[": 1, "]": -1}.get(stream[n][1], 0) if stream[n][0] == "op" else 0
                    n += 1
                    if depth == 0 or n == len(stream):
                        break
                inner = rebuild(stream[inside + 1:n - 1])
                for more, target in zip(references(inner), (found, functions, bound)):
                    target.update(more) if isinstance(target, set) else target.extend(more)
                parts.append("[]")
            else:
                break
        found.append(Reference(parts))
    return found, functions, bound


def rebuild(stream):
    return " ".join(text if kind != "text" else '""' for kind, text in stream)

