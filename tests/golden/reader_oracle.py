#!/usr/bin/env python3
"""What independent code says of the same pages, for tests/golden/test_reader.c.

usage: reader_oracle.py TOOLS rows PAGE...   a JSON array a line and item: of an entry
           [position, "entry", id, name, uri, href, film, album id, album name, duration, explicit, [[artist id, name], ...]]
           of any other [position, "reject"]; before each page its name
       reader_oracle.py TOOLS films FILE     FILE is a JSON array of [track name, album name]; a film (or null) a line
TOOLS holds oracle.py.
"""
import json
import sys


def paging(doc):
    if isinstance(doc, list):
        (doc,) = doc
    if isinstance(doc["items"] if "items" in doc else None, list):
        return doc
    return doc["items"] if isinstance(doc.get("items"), dict) else doc["tracks"]


def line(value):
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def whole(value):
    return int(value) if isinstance(value, float) else value


def main():
    tools, mode, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    sys.dont_write_bytecode = True
    sys.path.insert(0, tools)
    sys.stdout.reconfigure(encoding="utf-8")
    import oracle

    for path in paths:
        with open(path, encoding="utf-8") as file:
            doc = json.load(file)
        if mode == "films":
            for track, album in doc:
                line(oracle.film(track, album) or None)
            continue
        line(path)
        page = paging(doc)
        for index, item in enumerate(page["items"]):
            t = oracle.norm(item)
            position = page["offset"] + index + 1
            if t is None:
                line([position, "reject"])
                continue
            line([position, "entry", t["id"], t["name"], t["uri"], t["href"], t["film"] or None, t["album"],
                  t["album_name"], whole(t["dur"]), t["explicit"], t["artists"]])


main()
