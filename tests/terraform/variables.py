#!/usr/bin/env python3
"""variables - terraform refuses each bad value of a variable, by the variable's own validation, and takes the good ones.

usage: variables.py FOLDER SCRATCH     TAP on standard output; variables need no provider, so the folder is planned without one
"""
import json
import os
import re
import shutil
import subprocess
import sys

GOOD = {"project": "charts-example", "alert_email": "charts@example.com"}
CLIENT = "0" * 32
# In each round the bad ones must be named, and only they.
ROUNDS = [
    {"project": "Charts", "region": "us", "name": "a-name-that-is-too-long", "labels": {"Team": "x"}, "image": "sargam", "playlists": ["short"],
     "chart_utc_offset": "5:30", "spotify_client_secret_version": "latest", "spotify_refresh_token_version": "0",
     "extract_schedule": "@daily", "transform_schedule": "hourly", "time_zone": "UTC+1", "ack_deadline_s": 9, "delivery_attempts_max": 4,
     "consumer_instances_max": 0, "transform_memory_gib": 3, "store_prefix": "a/b", "raw_keep_days": 30, "soft_delete_days": 6,
     "readers": ["allUsers"], "operators": ["serviceAccount:x@y.z"], "alert_email": "nobody", "unacked_minutes": 4, "snapshot_missing_hours": 24,
     "billing_account": "0-0-0", "budget_amount": 0, "spark_subnet_range": "10.0.0.0/8", "airflow_enabled": True,
     "airflow_image_version": "composer-2-airflow-2.9", "ci_repository": "charts"},
    {"project": "a-project-id-that-is-far-too-long", "region": "US-CENTRAL1", "name": "9lives", "labels": {"team": "A"},
     "image": "host/sargam:latest", "playlists": ["0" * 22] * 45, "chart_utc_offset": "+15:00", "ack_deadline_s": 601, "delivery_attempts_max": 101,
     "consumer_instances_max": 101, "soft_delete_days": 91, "readers": ["domain:example.com"], "operators": ["allAuthenticatedUsers"],
     "unacked_minutes": 10081, "snapshot_missing_hours": 0, "budget_amount": 1.5, "spark_subnet_range": "fd00::/20", "ci_repository": "a/b/c"},
    {"spotify_client_id": "id"},  # apart: what is wrong with the image is said first
    {"spotify_client_id": CLIENT + "0"},
]
# An image wants the client's id; the id is what is wrong then.
TOGETHER = ({"image": "us-central1-docker.pkg.dev/p/r/sargam:1.0"}, {"spotify_client_id"})


def refused(folder, values):
    """The variables that terraform names, and what it said."""
    with open(os.path.join(folder, "terraform.tfvars.json"), "w") as f:
        json.dump({**GOOD, **values}, f)
    out = subprocess.run(["terraform", f"-chdir={folder}", "plan", "-json", "-input=false", "-refresh=false"], capture_output=True, text=True).stdout
    with open(os.path.join(folder, "variables.tf")) as f:
        lines = f.read().split("\n")
    names, said = set(), []
    for line in out.splitlines():
        entry = json.loads(line)
        if entry.get("@level") == "error":
            detail = entry["diagnostic"]["detail"]
            rule = re.search(r"validation rule at variables\.tf:(\d+)", detail)
            heads = [line.split('"')[1] for line in lines[:int(rule[1])] if line.startswith("variable ")] if rule else [entry["@message"]]
            names.add(heads[-1])
            said.append(f"{heads[-1]}: {detail.splitlines()[0]}")
    return names, said


def main(source, scratch):
    folder = os.path.join(scratch, "variables")
    os.mkdir(folder)
    shutil.copy(os.path.join(source, "variables.tf"), folder)
    results = [("good values are taken", *compare(folder, {"spotify_client_id": CLIENT, "image": "us-central1-docker.pkg.dev/p/r/s@sha256:" + "0" * 64,
                                                          "playlists": ["0" * 22] * 44, "region": "europe-west12", "time_zone": "America/Argentina/Buenos_Aires",
                                                          "raw_keep_days": 31, "soft_delete_days": 0, "readers": ["group:a@b.cd"], "ci_repository": "a-b/c.d"}, set()))]
    for n, values in enumerate(ROUNDS, 1):
        results.append((f"bad values are refused, round {n}: {len(values)} of them", *compare(folder, values, set(values))))
    results.append(("an image without the client's id is refused", *compare(folder, *TOGETHER)))
    with open(os.path.join(source, "variables.tf")) as f:
        declared = {line.split('"')[1] for line in f if line.startswith("variable ")}
    tried = set().union(*ROUNDS)
    free = {"deletion_protection", "spotify_user_login", "spark_enabled"}  # true or false
    results.append(("each variable has a bad value here", tried | free == declared, [f"not tried: {sorted(declared - tried - free)}"]))
    for n, (what, good, details) in enumerate(results, 1):
        for line in details if not good else []:
            print(f"# {line}")
        print(f"{'ok' if good else 'not ok'} {n} - {what}")
    print(f"1..{len(results)}")


def compare(folder, values, want):
    names, said = refused(folder, values)
    return names == want, [f"not refused: {sorted(want - names)}", f"refused, too: {sorted(names - want)}", *said]


if __name__ == "__main__":
    main(*sys.argv[1:])
