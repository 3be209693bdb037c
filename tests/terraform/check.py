#!/usr/bin/env python3
"""check - holds a Terraform folder against its providers' schemas, its own names and this project's policies.

usage: check.py SCHEMA.json FOLDER     SCHEMA.json: of bindings.py; exit status 1 when something is found
       check.py --variables FOLDER     prints the table of variables for its README

What `terraform validate` would say of resources, arguments, blocks and references, where the providers cannot be installed; and policy.py.
A finding is `file:line: rule: what to do`.
"""
import difflib
import json
import os
import re
import sys

import hcl
import policy

META = {"count", "for_each", "depends_on", "provider", "lifecycle", "dynamic", "provisioner", "connection", hcl.MARK}
LIFECYCLE = {"create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by", "precondition", "postcondition", hcl.MARK}
KINDS = {"terraform", "provider", "variable", "locals", "output", "resource", "data", "module", "moved", "import", "removed", "check"}
SCHEMES = {"number": (int, float), "boolean": (bool,), "string": (str,)}
FUNCTIONS = set("""abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 basename can ceil chomp chunklist cidrhost
cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode dirname distinct element endswith file
filebase64 filebase64sha256 fileexists filemd5 fileset filesha256 flatten floor format formatdate formatlist indent index join jsondecode
jsonencode keys length log lookup lower matchkeys max md5 merge min nonsensitive one parseint pathexpand plantimestamp pow range regex
regexall replace reverse rsadecrypt sensitive setintersection setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split
startswith strcontains strrev substr sum templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp timestamp title
tobool tolist tomap tonumber toset tostring transpose trim trimprefix trimspace trimsuffix try type upper urlencode uuid uuidv5 values
yamldecode yamlencode zipmap""".split())


class Check:
    def __init__(self, schema, folder):
        self.schema, self.folder, self.findings, self.used = schema, folder, [], set()

    def say(self, block, rule, text):
        self.findings.append(f"{block.file}:{block.line}: {rule}: {block.address}: {text}")

    def run(self):
        for block in self.folder.blocks:
            if block.kind not in KINDS:
                self.say(block, "block", f"{block.kind} is no block of Terraform's")
            elif block.kind in ("resource", "data", "provider"):
                self.against_schema(block)
            elif block.kind == "variable":
                self.variable(block)
            elif block.kind == "output" and not hcl.literal(block.body.get("description")):
                self.say(block, "output", "no description")
            elif block.kind == "terraform":
                self.versions(block)
        self.duplicates()
        for block in self.folder.blocks:
            self.expressions(block, block.body, set())
        self.unused()
        return self.findings

    # --- resources, arguments, blocks

    def against_schema(self, block):
        if block.kind == "provider":
            known = self.schema.get(block.labels[0])
            if not known:
                self.say(block, "schema", "no such provider in the schema")
                return
            self.body(block, block.body, known["provider"], "")
            return
        provider = block.body.get("provider", "google")
        provider = re.sub(r"^\$\{|\}$", "", str(provider)).split(".")[0]
        table = self.schema.get(provider, {}).get(block.kind, {})
        if block.labels[0] not in table:
            self.say(block, "schema", f"{provider} has no {block.kind} {block.labels[0]}{like(block.labels[0], table)}")
            return
        self.body(block, block.body, table[block.labels[0]], "")

    def body(self, block, body, schema, path):
        for name, value in body.items():
            if name in META:
                if path and name not in ("dynamic", hcl.MARK) and name not in schema["set"]:
                    self.say(block, "schema", f"{path}{name}: has a meaning at a resource only")
                continue
            self.member(block, name, value, schema, path)
        for inner, content in hcl.dynamic(body):
            for label in (hcl.unquote(k) for e in body["dynamic"] for k, v in e.items() if v is inner):
                if "for_each" not in inner:
                    self.say(block, "schema", f"{path}dynamic {label}: no for_each")
                if label not in schema["block"]:
                    self.say(block, "schema", f"{path}{label}: no such block{like(label, schema['block'])}")
                else:
                    self.body(block, content, schema["block"][label][0], f"{path}{label}.")
        made = {hcl.unquote(label) for entry in body.get("dynamic", []) for label in entry}
        for name, (_, required) in schema["set"].items():
            if required and name not in body:
                self.say(block, "schema", f"{path}{name} is missing")
        for name, (_, required, *_) in schema["block"].items():
            if required and name not in body and name not in made:
                self.say(block, "schema", f"block {path}{name} is missing")
        for name in body.get("lifecycle", [{}])[0]:
            if name not in LIFECYCLE:
                self.say(block, "schema", f"lifecycle.{name}: no such argument")

    def member(self, block, name, value, schema, path):
        if name in schema["block"]:
            inner, _, many, _ = schema["block"][name]
            if not hcl.is_blocks(value):
                self.say(block, "schema", f"{path}{name} is a block: write {name} {{ … }}")
                return
            if len(value) > 1 and not many:
                self.say(block, "schema", f"block {path}{name} may stand once")
            for entry in value:
                self.body(block, entry, inner, f"{path}{name}.")
        elif name in schema["set"] and (name != "id" or schema["set"]["id"][1]):
            if hcl.is_blocks(value):
                self.say(block, "schema", f"{path}{name} is an argument: write {name} = …")
            else:
                self.kind(block, value, schema["set"][name][0], f"{path}{name}")
        elif name in schema.get("get", {}):
            self.say(block, "schema", f"{path}{name} can be read only")
        else:
            self.say(block, "schema", f"{path}{name}: no such argument{like(name, {**schema['set'], **schema['block']})}")

    def kind(self, block, value, kind, path):
        constant = hcl.literal(value)
        if kind in SCHEMES:
            if isinstance(value, (dict, list)):
                self.say(block, "type", f"{path}: want one {kind}")
            elif kind == "boolean" and constant is not None and constant not in (True, False, "true", "false"):
                self.say(block, "type", f"{path}: want true or false")
            elif kind == "number" and constant is not None and (isinstance(constant, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", str(constant))):
                self.say(block, "type", f"{path}: want a number")
        elif kind.endswith(("List", "Set")) and (isinstance(value, dict) or constant is not None):
            self.say(block, "type", f"{path}: want a list")
        elif kind.endswith("Map") and (isinstance(value, list) or constant is not None):
            self.say(block, "type", f"{path}: want a map")

    # --- declarations

    def versions(self, block):
        if "required_version" not in block.body:
            self.say(block, "versions", "no required_version")
        for entry in block.body.get("required_providers", []):
            for name, wanted in entry.items():
                if name == hcl.MARK:
                    continue
                version = hcl.literal(wanted.get("version")) or ""
                minor = ".".join(self.schema.get(name, {}).get("version", "?").split(".")[:2])
                if not re.fullmatch(rf"~> {re.escape(minor)}\.\d+", version):
                    self.say(block, "versions", f"{name} {version}: want ~> {minor}.0, which the schema is of")

    def variable(self, block):
        if not hcl.literal(block.body.get("description")):
            self.say(block, "variable", "no description")
        if "type" not in block.body:
            self.say(block, "variable", "no type")
        if str(block.body.get("type")) not in ("bool", "${map(string)}") and not block.body.get("validation"):
            self.say(block, "variable", "no validation")
        for rule in block.body.get("validation", []):
            if f"var.{block.labels[0]}" not in str(rule.get("condition")) or not rule.get("error_message"):
                self.say(block, "variable", "a validation wants a condition on the variable and an error_message")

    def duplicates(self):
        seen = {}
        for block in self.folder.blocks:
            if block.kind == "locals":
                names = [f"local.{name}" for name in block.body if name != hcl.MARK]
            else:
                names = [f"{block.kind} {block.address}"] if block.labels else []
            for name in names:
                if name in seen and block.kind != "provider":
                    self.say(block, "duplicate", f"{name} stands in {seen[name]}, too")
                seen[name] = block.file

    def unused(self):
        for block in self.folder.blocks:
            if block.kind == "variable" and f"var.{block.labels[0]}" not in self.used:
                self.say(block, "unused", "no expression uses it")
            if block.kind == "locals":
                for name in block.body:
                    if name != hcl.MARK and f"local.{name}" not in self.used:
                        self.say(block, "unused", f"local.{name}: no expression uses it")

    # --- references

    def expressions(self, block, body, iterators):
        for name, value in body.items():
            if name == "dynamic":
                for entry in value:
                    for label, inner in entry.items():
                        if label == hcl.MARK:
                            continue
                        own = re.sub(r"\W", "", str(inner.get("iterator", hcl.unquote(label))))
                        self.expressions(block, {"for_each": inner.get("for_each", "")}, iterators)
                        for content in inner.get("content", []):
                            self.expressions(block, content, iterators | {own})
            elif hcl.is_blocks(value):
                for entry in value:
                    self.expressions(block, entry, iterators)
            elif name not in ("ignore_changes", "type", "provider", hcl.MARK) or (name == "type" and block.kind != "variable"):
                for code in hcl.strings(value):
                    self.expression(block, name, code, iterators, whole=name in ("depends_on", "replace_triggered_by"))

    def expression(self, block, name, code, iterators, whole):
        found, functions, bound = hcl.references(code)
        for function in functions:
            if function not in FUNCTIONS:
                self.say(block, "reference", f"{name}: no function {function}(){like(function, FUNCTIONS)}")
        for ref in found:
            if ref.parts[0] not in bound | iterators:
                self.reference(block, name, ref, whole)

    def reference(self, block, name, ref, whole):
        root, rest = ref.parts[0], [p for p in ref.parts[1:]]
        if root == "var" and block.kind == "variable" and rest[:1] == block.labels:
            return  # its own validation: no use
        if root in ("var", "local"):
            self.used.add(f"{root}.{rest[0]}" if rest else root)
            known = [b.labels[0] for b in self.folder.of("variable")] if root == "var" else [n for b in self.folder.of("locals") for n in b.body]
            if not rest or rest[0] not in known:
                self.say(block, "reference", f"{name}: {ref}: not declared{like(rest[0] if rest else '', known)}")
        elif root == "each":
            if "for_each" not in block.body:
                self.say(block, "reference", f"{name}: {ref}: there is no for_each")
        elif root == "count":
            if "count" not in block.body or rest != ["index"]:
                self.say(block, "reference", f"{name}: {ref}: there is no count")
        elif root == "path":
            if rest not in (["module"], ["root"], ["cwd"]):
                self.say(block, "reference", f"{name}: {ref}: want path.module")
        elif root == "data":
            self.resource(block, name, ref, "data", rest, whole)
        elif root == "module":
            if not rest or not self.folder.find("module", rest[0]):
                self.say(block, "reference", f"{name}: {ref}: no such module")
        elif root == "terraform":
            return
        elif root.startswith("google_"):
            self.resource(block, name, ref, "resource", [root, *rest], whole)
        elif rest or block.kind != "variable":
            self.say(block, "reference", f"{name}: {ref}: neither a resource nor a name that is known here")

    def resource(self, block, name, ref, kind, parts, whole):
        target = self.folder.find(kind, *parts[:2]) if len(parts) > 1 else None
        if not target:
            self.say(block, "reference", f"{name}: {ref}: no such {kind}{like('.'.join(parts[:2]), ['.'.join(b.labels) for b in self.folder.of(kind)])}")
            return
        rest, repeated = parts[2:], "count" in target.body or "for_each" in target.body
        if target is block:
            self.say(block, "reference", f"{name}: {ref}: refers to itself")
        if whole or (repeated and not rest):
            if rest:
                self.say(block, "reference", f"{name}: {ref}: want the resource alone")
            return
        if repeated != (rest[:1] == ["[]"]):
            self.say(block, "reference", f"{name}: {ref}: " + ("it is repeated: say which one" if repeated else "it is not repeated: no index"))
            return
        provider = re.sub(r"\W*$", "", str(target.body.get("provider", "google")))
        schema = self.schema.get(provider, {}).get(kind, {}).get(target.labels[0])
        readable = schema and schema["get"]
        for part in rest:
            if part == "[]":
                continue
            if not isinstance(readable, dict):
                return
            if part not in readable:
                self.say(block, "reference", f"{name}: {ref}: {target.labels[0]} has no {part}{like(part, readable)}")
                return
            readable = readable[part]


def like(name, known):
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; {close[0]}?" if close else ""


def check(schema, path, root):
    """All findings of the folder; `root` is the checkout the policies compare it with."""
    try:
        folder = hcl.Folder(path)
    except SyntaxError as error:
        return [f"{error}"]
    if not folder.blocks:
        return [f"{path}: no Terraform file"]
    return Check(schema, folder).run() + policy.check(folder, root)


def variables(path):
    rows = ["| variable | type | default | what it is |", "|---|---|---|---|"]
    for block in hcl.Folder(path).of("variable"):
        kind = re.sub(r"^\$\{(.*)\}$", r"\1", str(block.body["type"]))
        default = "required" if "default" not in block.body else f"`{show(block.body['default'])}`"
        rows.append(f"| `{block.labels[0]}` | {kind} | {default} | {hcl.literal(block.body['description'])} |")
    return "\n".join(rows)


def show(value):
    return json.dumps(value) if not isinstance(value, str) else value


def main(args):
    if len(args) == 2 and args[0] == "--variables":
        print(variables(args[1]))
        return 0
    if len(args) != 2:
        sys.exit(__doc__.strip())
    with open(args[0]) as f:
        schema = json.load(f)
    found = check(schema, args[1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
