"""prometheus_check.py FILE [NAME[{LABEL=VALUE}]]... - is FILE Prometheus text 0.0.4, to the letter?

Read by the official client's parser, and by rules that parser does not check (prometheus.io/docs/instrumenting/exposition_formats):
one HELP and one TYPE for a family, before its samples; a family's lines in one group; no sample twice; counters end with _total;
buckets ascend, end with +Inf and agree with _count. Prints the value of each sample named, `none` when it is not there.
"""
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

text = open(sys.argv[1], newline="").read()
assert text.endswith("\n") and "\r" not in text, "lines end with LF, the last one too"

kinds, helps, samples, order = {}, set(), {}, []
for line in text[:-1].split("\n"):
    head = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
    if head:
        name = head[2]
        if head[1] == "HELP":
            assert name not in helps, f"two HELP lines: {name}"
            assert re.fullmatch(r"(?:[^\\]|\\\\|\\n)*", head[3]), f"help not escaped: {line}"
            helps.add(name)
        else:
            assert name in helps and name not in kinds, f"TYPE without HELP before it, or twice: {name}"
            assert head[3] in ("counter", "gauge", "histogram"), line
            kinds[name] = head[3]
            order.append(name)
        continue
    sample = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*",?)+\})? ([-+]?[0-9.e+]+)', line)
    assert sample, f"no sample: {line}"
    base = re.sub(r"_(bucket|sum|count)$", "", sample[1])
    family = base if kinds.get(base) == "histogram" else sample[1]
    assert family in kinds, f"a sample without TYPE: {line}"
    assert order[-1] == family, f"lines of {family} are not in one group"
    assert (kinds[family] == "counter") == sample[1].endswith("_total"), f"counters end with _total: {line}"
    assert (sample[1], sample[2]) not in samples, f"twice: {line}"
    samples[sample[1], sample[2]] = float(sample[3])

wanted = {}
for family in text_string_to_metric_families(text):
    for s in family.samples:
        wanted[s.name + "".join("{%s=%s}" % kv for kv in sorted(s.labels.items()))] = s.value
    if family.type != "histogram":
        continue
    series = {}
    for s in family.samples:
        key = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
        series.setdefault(key, {"le": []})[s.name[len(family.name):]] = s.value
        if s.name.endswith("_bucket"):
            series[key]["le"].append((float(s.labels["le"]), s.value))
    for key, one in series.items():
        bounds, counts = zip(*one["le"])
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf"), (family.name, key)
        assert list(counts) == sorted(counts) and counts[-1] == one["_count"], (family.name, key)
assert len(wanted) == len(samples), "the official parser sees another number of samples"
for name in sys.argv[2:]:
    print(f"{name} {wanted[name]:g}" if name in wanted else f"{name} none")
