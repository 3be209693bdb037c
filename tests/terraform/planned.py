#!/usr/bin/env python3
"""planned - looks at what terraform plans: the least, and everything. A line `ok WHAT` or `not ok WHAT` each.

usage: planned.py LEAST.json ALL.json     of terraform show -json
"""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
NUMBER = "123456789012"  # the project's, as the provider without anything behind it says


class Plan:
    def __init__(self, path):
        with open(path) as f:
            self.plan = json.load(f)
        self.values = {r["address"]: r["values"] for r in self.plan["planned_values"]["root_module"]["resources"]}

    def of(self, kind):
        return {a: v for a, v in self.values.items() if a.startswith(kind + ".")}


def look(least, all_):
    runs = ("google_cloud_run", "google_cloud_scheduler", "google_composer", "google_compute", "google_billing", "google_iam_workload")
    yield "the least has nothing that runs or costs", not any(a.startswith(runs) for a in least.values)
    yield "its subscription keeps messages, since there is nobody to push to", least.values["google_pubsub_subscription.raw"]["push_config"] == []
    push = all_.values["google_pubsub_subscription.raw"]["push_config"]
    consumer = f"https://sargam-consumer-{NUMBER}.us-central1.run.app"
    yield "messages are pushed to the consumer, signed for it", push[0]["push_endpoint"] == consumer + "/push" and push[0]["oidc_token"][0]["audience"] == consumer
    service = all_.values["google_cloud_run_v2_service.consumer[0]"]
    environment = env(service)
    yield "which is told that audience", environment["SARGAM_SERVE_OIDC_AUDIENCE"] == consumer and "SARGAM_SERVE_OIDC_EMAILS" in environment
    yield "and holds no secret", not any("SECRET" in n or "TOKEN" in n for n in environment)
    yield "it has as long as the lease", service["template"][0]["timeout"] == f"{all_.values['google_pubsub_subscription.raw']['ack_deadline_seconds']}s"
    extract = env(all_.values["google_cloud_run_v2_service.extract[0]"])
    yield "the extractor follows the playlists", extract["SARGAM_PLAYLISTS"] == "37i9dQZEVXbMDoHDwVN2tF,37i9dQZF1DX0XUfTFmNBRM"
    yield "its secrets are references", extract["SARGAM_SPOTIFY_CLIENT_SECRET"] is None and extract["SARGAM_SPOTIFY_REFRESH_TOKEN"] is None
    yield "bus, store and warehouse are those of the outputs", all(
        extract[f"SARGAM_{name.upper()}"] == all_.plan["planned_values"]["outputs"][name]["value"] for name in ("bus", "store", "warehouse"))
    job = all_.values["google_cloud_run_v2_job.transform[0]"]["template"][0]["template"][0]["containers"][0]
    yield "the job has half of its memory for the SQL engine", env_of(job)["SARGAM_MEMORY_LIMIT_MB"] == "2048" and job["resources"][0]["limits"]["memory"] == "4Gi"

    tables = {v["table_id"]: v for v in all_.of("google_bigquery_table").values()}
    files = {f[:-5] for f in os.listdir(os.path.join(ROOT, "terraform/schemas"))}
    yield f"{len(files)} tables", set(tables) == files and len(files) == 11
    history = tables.get("CHART_HISTORY", {})
    yield "CHART_HISTORY by month and playlist", history.get("time_partitioning", [{}])[0].get("type") == "MONTH" and history["clustering"] == ["playlist_id", "track_id"]
    yield "ALBUM without partitions", tables["ALBUM"]["time_partitioning"] == []

    rights = {(v["managed_folder"], a.split('"')[1].split("/")[1]): v.get("role") for a, v in all_.of("google_storage_managed_folder_iam_member").items()}
    made_here = [key for key, role in rights.items() if role is None]  # a role's name is known when it has been made
    yield "the consumer has the role that adds to raw/", made_here == [("charts/raw/", "consumer")]
    yield "which can neither overwrite nor delete", all_.values["google_project_iam_custom_role.appender"]["permissions"] == ["storage.objects.create", "storage.objects.get", "storage.objects.list"]
    yield "nobody may change raw/", not [r for (folder, _), r in rights.items() if folder == "charts/raw/" and r == "roles/storage.objectUser"]
    yield "only transform and Spark write gold/", {who for (folder, who) in rights if folder == "charts/gold/"} == {"transform", "spark"}
    yield "nobody public anywhere", not re.search(r"all(Authenticated)?Users", json.dumps(all_.plan["planned_values"]))
    yield "Airflow instead of the schedule", not all_.of("google_cloud_scheduler_job") and "google_composer_environment.airflow[0]" in all_.values
    yield "each role is somebody", len(all_.of("google_service_account")) == 8


def env(service):
    return env_of(service["template"][0]["containers"][0])


def env_of(container):
    return {e["name"]: e.get("value") for e in container["env"]}


def main(least, all_):
    for what, good in look(Plan(least), Plan(all_)):
        print("ok" if good else "not ok", what)


if __name__ == "__main__":
    main(*sys.argv[1:])
