#!/usr/bin/env python3
"""bindings - what a Terraform provider knows, taken from its prebuilt CDK bindings.

usage: bindings.py OUT.json WHEEL...     WHEEL: cdktf-cdktf-provider-google of PyPI, and -google-beta; each holds the bindings as JavaScript

The bindings are generated from the provider's own schema (`terraform providers schema`), so they say the same of resources, arguments
and blocks; the provider itself is not needed.  OUT.json:

    {"google": {"version": "6.50.0", "provider": BODY, "resource": {"google_pubsub_topic": BODY, …}, "data": {…}}, "google-beta": {…}}
    BODY = {"set": {NAME: [TYPE, REQUIRED]},                TYPE: string, number, boolean, stringList, stringSet, stringMap, …, any
            "block": {NAME: [BODY, REQUIRED, MANY, NESTING]},  MANY: may stand more than once; NESTING: list, set, struct
            "get": {NAME: TYPE or {NAME: …}}}               what can be read of it, of the resource itself only
"""
import io
import json
import re
import sys
import tarfile
import zipfile

ATTR = re.compile(r'^ +(\w+): \{\n +value: (.*),\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "(\w+)",', re.M)
INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", re.M | re.S)
PROPERTY = re.compile(r"^    readonly (\w+)(\??): (.*?)(?:;|\{)$", re.M)
CLASS = re.compile(r"^class (\w+) extends cdktf\.(\w+) \{\n(.*?)^\}", re.M | re.S)
FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.M | re.S)
KINDS = {"TerraformResource": "resource", "TerraformDataSource": "data", "TerraformProvider": "provider"}


class Module:
    """One index.js with its index.d.ts (and those it re-exports)."""

    def __init__(self, js, types):
        self.classes = {m[1]: m for m in CLASS.finditer(js)}
        self.functions = {m[1][0].upper() + m[1][1:]: m[2] for m in FUNCTION.finditer(js)}
        self.interfaces = {m[1]: {p[1]: (p[2] == "", p[3]) for p in PROPERTY.finditer(m[2])} for m in INTERFACE.finditer(types)}
        self.js = js

    def settable(self, text, interface):
        props, out = self.interfaces[interface], {"set": {}, "block": {}}
        for name, value, is_block, nesting, kind in ATTR.findall(text):
            prop = re.search(r"(?:struct\.|this\._)(\w+)", value)[1]
            # A name that means something in TypeScript already has got a tail there.
            required, declared = props[prop] if prop in props else props[prop + "Attribute"]
            inner = re.sub(r"(List|Set|Map)$", "", kind)
            if is_block == "true":
                if inner not in self.functions:
                    inner = kind
                body = self.settable(self.functions[inner], inner)
                out["block"][name] = [body, required, "[]" in declared, nesting]
            else:
                kind = kind.replace("List", "Set") if nesting == "set" else kind
                out["set"][name] = [kind if inner in ("string", "number", "boolean") else "any", required]
        return out

    def readable(self, class_name, seen=()):
        if class_name.endswith("List") and class_name not in seen and class_name[:-4] + "OutputReference" in self.classes:
            class_name = class_name[:-4] + "OutputReference"
        if class_name not in self.classes or class_name in seen:
            return None
        text, out = self.classes[class_name][3], {}
        for kind, name in re.findall(r"\.get(\w+)Attribute\('(\w+)'\)", text):
            kind = kind[0].lower() + kind[1:]
            out[name] = {"list": "stringList"}.get(kind, kind)
        for inner, name in re.findall(r'= new (?:\w+\.)?(\w+)\(this, "(\w+)"', text):
            out[name] = self.readable(inner, (*seen, class_name)) or "any"
        return out


def read(wheel):
    with zipfile.ZipFile(wheel) as outer:
        inner = next(n for n in outer.namelist() if n.endswith(".jsii.tgz"))
        files = {}
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as tar:
            for member in tar:
                m = re.fullmatch(r"package/lib/([\w-]+)/([\w/-]+)\.(js|d\.ts)", member.name)
                if m:
                    text = tar.extractfile(member).read().decode()
                    key = (m[1], m[3])
                    files[key] = files.get(key, "") + text
    out = {"version": None, "provider": None, "resource": {}, "data": {}}
    for folder, kind in sorted(files):
        if kind != "js":
            continue
        module = Module(files[folder, "js"], files[folder, "d.ts"])
        for name, match in module.classes.items():
            if match[2] not in KINDS:
                continue
            text = match[3]
            hcl = text[text.index("synthesizeHclAttributes()"):]
            body = module.settable(hcl, name + "Config")
            body["get"] = module.readable(name)
            tf_type = re.search(rf'^{name}\.tfResourceType = "([\w-]+)"', module.js, re.M)[1]
            if match[2] == "TerraformProvider":
                out["provider"] = body
            else:
                out[KINDS[match[2]]][tf_type] = body
                version = re.search(r"providerVersion: '([^']+)'", text)[1]
                assert out["version"] in (None, version), (tf_type, version)
                out["version"] = version
    return "google-beta" if "google_beta" in wheel.rsplit("/", 1)[-1] else "google", out


def main(args):
    if len(args) < 2:
        sys.exit(__doc__.strip())
    known = dict(read(wheel) for wheel in args[1:])
    for name, provider in known.items():
        if len(provider["resource"]) < 500 or not provider["provider"]:
            sys.exit(f"bindings: {name}: {len(provider['resource'])} resources: the bindings have another shape than this script reads")
    with open(args[0], "w") as f:
        json.dump(known, f, separators=(",", ":"))
    for name, provider in known.items():
        print(f"{name} {provider['version']}: {len(provider['resource'])} resources, {len(provider['data'])} data sources")


if __name__ == "__main__":
    main(sys.argv[1:])
