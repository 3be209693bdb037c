#!/usr/bin/env python3
"""service - clients of `sargam serve` for service_test.sh and soak_test.sh: they send what a folder of raw objects holds.

usage: service.py push URL RAW SEED           each object to POST /push, wrapped as Pub/Sub wraps it, in a chance order, some of them twice
       service.py publish FILE RAW SEED PART PARTS   every PARTS-th snapshot to the topic, again until it is acknowledged, some of it twice,
                                              poison between; FILE holds the URL, which may change; prints how many were acknowledged
       service.py hang FILE                   pulls from its own subscription of the topic and never acknowledges, until it is ended

Exit status 0 when all has been taken.
"""
import base64
import http.client
import json
import os
import random
import sys
import time
import urllib.parse

PROJECT = "/v1/projects/sargam/"
GIVE_UP_S = 1500


def message(path):
    """A raw object as the message it was."""
    folder, name = os.path.split(path)
    playlist, snapshot = folder.split("/")[-2:]
    at = snapshot.partition("=")[2]
    attributes = {"playlist_id": playlist.partition("=")[2], "schema_version": "1",
                  "snapshot_at": f"{at[0:4]}-{at[4:6]}-{at[6:8]}T{at[9:11]}:{at[11:13]}:{at[13:15]}Z"}
    kind = name.partition(".")[0]
    if kind.startswith("page-"):
        attributes |= {"type": "playlist_page", "page": str(int(kind[5:]))}
    else:
        attributes |= {"type": {"playlist": "playlist", "manifest": "snapshot_complete"}[kind]}
    with open(path, "rb") as f:
        return {"data": base64.b64encode(f.read()).decode(), "attributes": attributes}


def objects(raw):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(raw) for name in names)


def post(url, path, body, timeout_s=30):
    where = urllib.parse.urlsplit(url)
    if not where.hostname:
        raise OSError("nobody serves")
    c = http.client.HTTPConnection(where.hostname, where.port, timeout=timeout_s)
    try:
        c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


def push(url, raw, seed):
    chance = random.Random(seed)
    paths = objects(raw)
    paths += chance.sample(paths, len(paths) // 3)
    chance.shuffle(paths)
    for i, path in enumerate(paths):
        envelope = {"message": message(path) | {"messageId": str(1000 + i), "publishTime": "2026-01-01T00:00:00Z"},
                    "subscription": "projects/sargam/subscriptions/pushed", "deliveryAttempt": 1}
        status, text = post(url, "/push", envelope)
        if status != 204:
            sys.exit(f"service: {path}: {status} {text[:200]}")
    print(len(paths))


def insist(file, path, body):
    """Until a daemon, this one or the next, says that it has it."""
    until = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until:
        try:
            with open(file, encoding="ascii") as f:
                status, answer = post(f.read().strip(), path, body)
            if status == 200:
                return json.loads(answer)
            if status < 500:
                sys.exit(f"service: {path}: {status} {answer[:200]}")
        except (OSError, ValueError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    sys.exit(f"service: {path} was never taken")


def publish(file, raw, seed, part, parts):
    chance = random.Random(f"{seed}/{part}")
    paths = objects(raw)
    folders = sorted({os.path.dirname(p) for p in paths})[part::parts]
    batches = []
    for folder in folders:
        mine = [p for p in paths if os.path.dirname(p) == folder]
        mine += chance.sample(mine, chance.randint(0, len(mine)))
        chance.shuffle(mine)
        at = chance.randint(1, len(mine))
        batches += [mine[:at], mine[at:]]
    chance.shuffle(batches)
    acknowledged = 0
    for i, batch in enumerate(batches):
        messages = [message(path) for path in batch]
        if i % 4 == 0:  # its data tells it apart: a dead letter is named by its content
            messages.append({"data": base64.b64encode(f"poison {part}/{i}".encode()).decode(),
                             "attributes": {"type": "playlist_page", "playlist_id": "../../poison"}})
            print(f"poison {part}/{i}")
        if messages:
            acknowledged += len(insist(file, PROJECT + "topics/Spotify-etl:publish", {"messages": messages})["messageIds"])
        time.sleep(chance.random() * float(os.environ.get("SERVICE_PAUSE_S", "0.2")))
    print(f"acknowledged {acknowledged}", file=sys.stderr)


def hang(file):
    while True:
        try:
            with open(file, encoding="ascii") as f:
                post(f.read().strip(), PROJECT + "subscriptions/hung:pull", {"maxMessages": 100})
        except (OSError, ValueError, http.client.HTTPException):
            pass
        time.sleep(0.2)


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "push":
        push(*words)
    elif command == "publish":
        publish(words[0], words[1], words[2], int(words[3]), int(words[4]))
    elif command == "hang":
        hang(*words)
    else:
        sys.exit(__doc__)
