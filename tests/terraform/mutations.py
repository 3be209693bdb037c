#!/usr/bin/env python3
"""mutations - proves that check.py finds what it is there for: each damages a copy of the folder in one way and must be found.

usage: mutations.py SCHEMA.json FOLDER SCRATCH     TAP on standard output
"""
import json
import os
import shutil
import sys

import check

# what, file, text that is there, text instead, a part of the finding
MUTATIONS = [
    ("a misspelt argument", "pubsub.tf", "ack_deadline_seconds       = var", "ack_deadline_second        = var", "schema: google_pubsub_subscription.raw: ack_deadline_second: no such argument; ack_deadline_seconds?"),
    ("a misspelt argument of a nested block", "pubsub.tf", "minimum_backoff = ", "minimal_backoff = ", "retry_policy.minimal_backoff: no such argument; minimum_backoff?"),
    ("a misspelt argument inside dynamic content", "pubsub.tf", "push_endpoint =", "push_endpont  =", "push_config.push_endpont: no such argument"),
    ("a required argument is missing", "pubsub.tf", "  topic                      = google_pubsub_topic.etl.id\n", "", "schema: google_pubsub_subscription.raw: topic is missing"),
    ("a required argument of a block is missing", "pubsub.tf", '    ttl = ""\n', "", "expiration_policy.ttl is missing"),
    ("a required block is missing", "bigquery.tf", '  dataset_id                 = "SPOTIFY_ANALYTICS"\n', "", "dataset_id is missing"),
    ("a required block is missing (budget)", "budget.tf", "amount {", "budget_filter {", "block amount is missing"),
    ("an unknown resource", "scheduler.tf", '"google_cloud_scheduler_job" "extract"', '"google_cloud_schedule_job" "extract"', "google has no resource google_cloud_schedule_job; google_cloud_scheduler_job?"),
    ("a resource of the beta provider only", "pubsub.tf", "  provider = google-beta\n", "", "google has no resource google_project_service_identity"),
    ("an unknown data source", "versions.tf", 'data "google_project" "this"', 'data "google_projekt" "this"', "google has no data google_projekt"),
    ("an unknown block", "storage.tf", "soft_delete_policy {", "soft_deletion {", "soft_deletion: no such argument"),
    ("an unknown dynamic block", "run.tf", 'dynamic "env" {', 'dynamic "environment" {', "environment: no such block"),
    ("an argument where a block belongs", "storage.tf", "  versioning {\n    enabled = false\n  }", "  versioning = { enabled = false }", "versioning is a block"),
    ("a block where an argument belongs", "alerts.tf", 'labels       = { email_address = var.alert_email }', 'labels {\n email_address = var.alert_email\n }', "labels is an argument"),
    ("a block twice that may stand once", "pubsub.tf", '  retry_policy {\n    minimum_backoff = "10s"\n    maximum_backoff = "600s"\n  }\n\n  dead', '  retry_policy {\n    minimum_backoff = "10s"\n  }\n  retry_policy {\n    maximum_backoff = "600s"\n  }\n\n  dead', "block retry_policy may stand once"),
    ("what can be read only", "identities.tf", "  account_id   = ", '  email = "x"\n  account_id   = ', "email can be read only"),
    ("text where a number belongs", "pubsub.tf", "ack_deadline_seconds       = 60", 'ack_deadline_seconds       = "a minute"', "type: google_pubsub_subscription.dead: ack_deadline_seconds: want a number"),
    ("text where true or false belongs", "storage.tf", "uniform_bucket_level_access = true", 'uniform_bucket_level_access = "yes"', "want true or false"),
    ("one value where a list belongs", "run.tf", "custom_audiences     = [local.extract_url]", 'custom_audiences     = "https://x"', "want a list"),
    ("a reference to a resource that is not there", "pubsub.tf", "google_pubsub_topic.etl.id\n  filter", "google_pubsub_topic.elt.id\n  filter", "google_pubsub_topic.elt.id: no such resource; google_pubsub_topic.etl?"),
    ("a reference to an attribute that is not there", "pubsub.tf", "google_project_service_identity.pubsub.member", "google_project_service_identity.pubsub.mail", "google_project_service_identity has no mail"),
    ("a reference to a nested attribute that is not there", "outputs.tf", "config[0].dag_gcs_prefix", "config[0].dag_prefix", "google_composer_environment has no dag_prefix; dag_gcs_prefix?"),
    ("a reference inside a string", "outputs.tf", "${google_bigquery_dataset.analytics.dataset_id}", "${google_bigquery_dataset.analytic.dataset_id}", "google_bigquery_dataset.analytic.dataset_id: no such resource"),
    ("a reference inside an index", "storage.tf", "google_service_account.role[each.value.role].member", "google_service_account.role[ech.value.role].member", "ech.value.role: neither"),
    ("one of several, without saying which", "scheduler.tf", "google_cloud_run_v2_job.transform[0].name", "google_cloud_run_v2_job.transform.name", "it is repeated: say which one"),
    ("an index of what is not repeated", "secrets.tf", "google_secret_manager_secret.spotify_client_secret.id", "google_secret_manager_secret.spotify_client_secret[0].id", "it is not repeated"),
    ("a variable nobody declares", "storage.tf", "age            = lifecycle_rule.value", "age            = var.raw_days", "var.raw_days: not declared"),
    ("a local nobody declares", "alerts.tf", "notification_channels = local.channels", "notification_channels = local.channel", "local.channel: not declared; channels?"),
    ("a module nobody declares", "budget.tf", "tostring(var.budget_amount)", "module.budget.amount", "module.budget.amount: no such module"),
    ("a data source nobody declares", "budget.tf", "data.google_project.this.number", "data.google_project.that.number", "no such data"),
    ("each without for_each", "secrets.tf", "location = var.region", "location = each.key", "there is no for_each"),
    ("a function that is not there", "run.tf", "tostring(var.transform_memory_gib * 512)", "to_string(var.transform_memory_gib * 512)", "no function to_string(); tostring?"),
    ("depends_on something that is gone", "run.tf", "google_project_iam_member.transform_jobs,", "google_project_iam_member.transform_job,", "no such resource"),
    ("a variable without use", "variables.tf", 'variable "readers"', 'variable "reader_list"', "unused: variable.reader_list"),
    ("a variable without description", "variables.tf", '  description = "The project\'s id. It must exist and have a billing account."\n', "", "variable: variable.project: no description"),
    ("a variable without validation", "variables.tf", "var.unacked_minutes >= 5 && var.unacked_minutes <= 10080", "true", "a validation wants a condition on the variable"),
    ("two of one name", "secrets.tf", '"google_secret_manager_secret" "spotify_refresh_token"', '"google_secret_manager_secret" "spotify_client_secret"', "duplicate: google_secret_manager_secret.spotify_client_secret"),
    ("another version of the provider", "versions.tf", 'version = "~> 6.50.0"', 'version = ">= 6.0"', "versions: terraform: google >= 6.0"),
    ("a file that cannot be read", "budget.tf", "amount {", "amount = {{", "budget.tf: "),
    # policies
    ("allUsers", "scheduler.tf", 'member   = google_service_account.role["schedule"].member', 'member   = "allUsers"', "nobody_public: google_cloud_run_v2_job_iam_member.schedule"),
    ("allAuthenticatedUsers inside an expression", "bigquery.tf", "for_each = toset(var.readers)", 'for_each = toset(concat(var.readers, ["allAuthenticatedUsers"]))', "nobody_public"),
    ("a primitive role", "identities.tf", '"roles/bigquery.jobUser"', '"roles/editor"', "no_primitive_role: google_project_iam_member.transform_jobs"),
    ("an admin's role", "storage.tf", '"roles/storage.objectUser"\n', '"roles/storage.admin"\n', "no_primitive_role: google_storage_bucket_iam_member.operator"),
    ("a binding that takes away others' rights", "identities.tf", '"google_project_iam_member" "transform_jobs"', '"google_project_iam_binding" "transform_jobs"', "rights_are_added"),
    ("a bucket with access lists", "storage.tf", "  uniform_bucket_level_access = true\n", "", "buckets_are_closed: google_storage_bucket.store: uniform"),
    ("a bucket that may become public", "storage.tf", '  public_access_prevention    = "enforced"\n', "", "buckets_are_closed: google_storage_bucket.store: public"),
    ("a bucket that says nothing of what is deleted", "spark.tf", "  soft_delete_policy {\n    retention_duration_seconds = 0\n  }\n", "", "buckets_are_closed: google_storage_bucket.staging: no soft_delete_policy"),
    ("tables that anybody may drop", "bigquery.tf", "  deletion_protection = var.deletion_protection\n", "", "data_is_protected: google_bigquery_table.gold"),
    ("protection that is off by default", "variables.tf", "  type        = bool\n  default     = true", "  type        = bool\n  default     = false", "data_is_protected"),
    ("a dead-letter topic nobody reads", "pubsub.tf", "topic                      = google_pubsub_topic.dead.id", "topic                      = google_pubsub_topic.etl.id", "dead_letters_are_kept: google_pubsub_subscription.raw: nobody is subscribed"),
    ("dead letters that Pub/Sub may not move", "pubsub.tf", 'role   = "roles/pubsub.publisher"\n  member = google_project', 'role   = "roles/pubsub.viewer"\n  member = google_project', "agent may not publish"),
    ("dead letters that go after a week", "pubsub.tf", 'days_31 = "2678400s"', 'days_31 = "604800s"', "dead_letters_are_kept: google_pubsub_subscription.dead"),
    ("a subscription that expires", "pubsub.tf", 'ttl = ""', 'ttl = "2678400s"', "subscriptions_last: google_pubsub_subscription.raw: expiration_policy"),
    ("a push that nobody signs", "pubsub.tf", '      oidc_token {\n        service_account_email = google_service_account.role["push"].email\n        audience              = push_config.value\n      }\n', "", "push_config without oidc_token"),
    ("a deadline outside the limits", "variables.tf", "default     = 120", "default     = 900", "ack_deadline_seconds 900"),
    ("a schedule that tries once", "scheduler.tf", "retry_count          = 5", "retry_count          = 0", "schedules_try_again: google_cloud_scheduler_job.extract"),
    ("an ID token for Google's own API", "scheduler.tf", "oauth_token {", "oidc_token {", "Google's APIs want oauth_token"),
    ("a service the internet reaches", "run.tf", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_ALL", "services_have_a_gate: google_cloud_run_v2_service.extract: ingress"),
    ("a service that checks no caller", "run.tf", 'SARGAM_SERVE_OIDC_EMAILS   = google_service_account.role["push"].email', "", "services_have_a_gate: google_cloud_run_v2_service.consumer: neither"),
    ("a service as the default identity", "run.tf", '    service_account = google_service_account.role["consumer"].email\n', "", "services_have_a_gate: google_cloud_run_v2_service.consumer: no service_account"),
    ("a service without an upper limit", "run.tf", "      max_instance_count = var.consumer_instances_max\n", "", "no max_instance_count"),
    ("a secret's value in the state", "secrets.tf", '"google_secret_manager_secret_iam_member" "spotify_client_secret"', '"google_secret_manager_secret_version" "spotify_client_secret"', "no_secret_in_the_state"),
    ("a secret that is a variable", "variables.tf", 'variable "spotify_client_id"', 'variable "spotify_client_secret"', "no_secret_in_the_state: variable.spotify_client_secret"),
    ("a secret as plain environment", "run.tf", "SARGAM_SPOTIFY_CLIENT_ID   = var.spotify_client_id", "SARGAM_SPOTIFY_CLIENT_SECRET = var.spotify_client_id", "no_secret_in_the_state: locals"),
    ("a key as a literal", "run.tf", "var.spotify_client_id\n", '"0123456789abcdef0123456789abcdef"\n', "looks like a key"),
    ("buckets and dataset apart", "bigquery.tf", "location                   = var.region", 'location                   = "EU"', "one_place: google_bigquery_dataset.analytics"),
    ("another filter than the program's", "pubsub.tf", "OR attributes.type = \\\"playlist\\\" ", "", "names_are_the_programs: google_pubsub_subscription.raw: filter"),
    ("another topic than the program's", "pubsub.tf", '"Spotify-etl"', '"spotify-etl"', "no topic Spotify-etl"),
    ("a setting that the program has not got", "run.tf", "SARGAM_PLAYLISTS           =", "SARGAM_PLAYLIST            =", "settings_are_known"),
]


def main(schema_path, source, scratch):
    with open(schema_path) as f:
        schema = json.load(f)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    results = []
    before = check.check(schema, source, root)
    results.append(("the folder as it is", not before, before))
    for n, (what, file, old, new, want) in enumerate(MUTATIONS):
        folder = os.path.join(scratch, str(n))
        shutil.copytree(source, folder, ignore=lambda _, names: [name for name in names if not name.endswith(".tf")])
        with open(os.path.join(folder, file)) as f:
            text = f.read()
        with open(os.path.join(folder, file), "w") as f:
            f.write(text.replace(old, new, 1))
        found = check.check(schema, folder, root)
        seen = any(want in line for line in found)
        results.append((f"is found: {what}", old in text and seen, found if old in text else [f"{file} does not hold: {old}"]))
    for n, (what, good, details) in enumerate(results, 1):
        for line in [] if good else [*details[:10], "(nothing found)" if not details else ""]:
            print(f"# {line}")
        print(f"{'ok' if good else 'not ok'} {n} - {what}")
    print(f"1..{len(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
