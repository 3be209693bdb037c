"""policy - what this project demands of its Terraform beyond what the provider does: each rule a function that yields (block, text).

Least rights, nothing public, nothing lost in silence (a dead letter, a subscription that expires, a schedule that does not try again), no
secret in a state, and one truth: names, filter and settings are those of the program's sources.
"""
import os
import re

import hcl

DATA = ("google_storage_bucket", "google_bigquery_table", "google_cloud_run_v2_service", "google_cloud_run_v2_job")
AUTHORITATIVE = re.compile(r"google_(project|folder|organization|storage_bucket|bigquery_dataset)_iam_(binding|policy)$|google_bigquery_dataset_access$")
KEYS = re.compile(r"-----BEGIN|^GOCSPX-|^ya29\.|^AIza[\w-]{30}|^[0-9a-f]{32}$|^AQ[\w-]{60}")
SECRET_NAME = re.compile(r"SECRET|PASSWORD|REFRESH_TOKEN|SERVE_TOKEN|PRIVATE_KEY")
ENVIRONMENT_ONLY = {"SARGAM_HOME", "SARGAM_SPOTIFY_CLIENT_SECRET", "SARGAM_SPOTIFY_REFRESH_TOKEN", "SARGAM_SERVE_TOKEN"}


def nobody_public(folder, _):
    for block in folder.blocks:
        for text in hcl.constants(block.body):
            if re.search(r"\ball(Authenticated)?Users\b", text):
                yield block, f"{text}: nobody is let in without a name"


def no_primitive_role(folder, _):
    for block in folder.blocks:
        for text in hcl.constants(block.body):
            if re.fullmatch(r"roles/(owner|editor|viewer)|roles/\w+\.(admin|owner)|roles/iam\.securityAdmin", text):
                yield block, f"{text}: name what is needed, not everything"


def rights_are_added(folder, _):
    for block in folder.of("resource"):
        if AUTHORITATIVE.match(block.labels[0]):
            yield block, "takes away what others have been given: use *_iam_member"
        if block.labels[0] == "google_service_account_key":
            yield block, "a key ends in the state: identities are attached or federated"


def data_is_protected(folder, _):
    for block in folder.of("resource"):
        if block.labels[0] in DATA[1:] and setting(folder, block.body.get("deletion_protection")) is not True:
            yield block, "deletion_protection is not true, nor a variable that is by default"


def buckets_are_closed(folder, _):
    for block in folder.of("resource", "google_storage_bucket"):
        if block.body.get("uniform_bucket_level_access") is not True:
            yield block, "uniform_bucket_level_access is not true"
        if hcl.literal(block.body.get("public_access_prevention")) != "enforced":
            yield block, "public_access_prevention is not enforced"
        for name in ("soft_delete_policy", "lifecycle_rule", "versioning"):
            if not hcl.nested(block.body, name):
                yield block, f"no {name}: say what becomes of what is deleted or old"


def subscriptions_last(folder, _):
    for block in folder.of("resource", "google_pubsub_subscription"):
        policies = hcl.nested(block.body, "expiration_policy")
        if [hcl.literal(p.get("ttl")) for p in policies] != [""]:
            yield block, 'expiration_policy { ttl = "" } is missing: it would be deleted after 31 days without a reader'
        deadline = setting(folder, block.body.get("ack_deadline_seconds"))
        if not isinstance(deadline, (int, float)) or not 10 <= deadline <= 600:
            yield block, f"ack_deadline_seconds {deadline}: want 10 to 600"
        if not hcl.nested(block.body, "retry_policy"):
            yield block, "no retry_policy: what fails comes again at once"
        for push in hcl.nested(block.body, "push_config"):
            for token in hcl.nested(push, "oidc_token") or [{}]:
                if not token.get("service_account_email") or not token.get("audience"):
                    yield block, "push_config without oidc_token { service_account_email, audience }"


def dead_letters_are_kept(folder, _):
    subscriptions = folder.of("resource", "google_pubsub_subscription")
    for block in subscriptions:
        for dead in hcl.nested(block.body, "dead_letter_policy"):
            topic = str(dead.get("dead_letter_topic"))
            readers = [b for b in subscriptions if str(b.body.get("topic")) == topic]
            if not readers:
                yield block, f"nobody is subscribed to the dead-letter topic {topic}: it would lose them"
            for reader in readers:
                if setting(folder, reader.body.get("message_retention_duration")) != "2678400s":
                    yield reader, "dead letters are kept for 31 days (2678400s)"
            if not granted(folder, "google_pubsub_topic_iam_member", "topic", topic, "roles/pubsub.publisher"):
                yield block, "Pub/Sub's agent may not publish to the dead-letter topic"
            if not granted(folder, "google_pubsub_subscription_iam_member", "subscription", f"google_pubsub_subscription.{block.labels[1]}.", "roles/pubsub.subscriber"):
                yield block, "Pub/Sub's agent may not take what it moves off the subscription"
    attempts = [a for b in subscriptions for d in hcl.nested(b.body, "dead_letter_policy") for a in [setting(folder, d.get("max_delivery_attempts"))]]
    for block in subscriptions[:1]:
        if any(not isinstance(a, (int, float)) or not 5 <= a <= 100 for a in attempts) or not attempts:
            yield block, f"max_delivery_attempts {attempts}: want 5 to 100"


def granted(folder, kind, argument, target, role):
    for block in folder.of("resource", kind):
        if "google_project_service_identity." in str(block.body.get("member")) and target in str(block.body.get(argument)) and hcl.literal(block.body.get("role")) == role:
            return True
    return False


def schedules_try_again(folder, _):
    for block in folder.of("resource", "google_cloud_scheduler_job"):
        counts = [setting(folder, r.get("retry_count")) for r in hcl.nested(block.body, "retry_config")]
        if not counts or not isinstance(counts[0], (int, float)) or not 1 <= counts[0] <= 5:
            yield block, "retry_config.retry_count is not 1 to 5: by default nothing is tried again"
        deadline = re.fullmatch(r"(\d+)s", str(setting(folder, block.body.get("attempt_deadline"))))
        if not deadline or not 15 <= int(deadline[1]) <= 1800:
            yield block, "attempt_deadline: want 15s to 1800s"
        for target in hcl.nested(block.body, "http_target"):
            of_google = "googleapis.com" in str(target.get("uri"))
            if of_google and not hcl.nested(target, "oauth_token"):
                yield block, "Google's APIs want oauth_token"
            if not of_google and not all(t.get("audience") for t in hcl.nested(target, "oidc_token") or [{}]):
                yield block, "a service wants oidc_token with its audience"


def services_have_a_gate(folder, _):
    for block in folder.of("resource", "google_cloud_run_v2_service") + folder.of("resource", "google_cloud_run_v2_job"):
        if not any("service_account" in t for t in walk(block.body) if isinstance(t, dict)):
            yield block, "no service_account: it would run as the project's default one"
    for block in folder.of("resource", "google_cloud_run_v2_service"):
        if hcl.literal(block.body.get("ingress")) != "INGRESS_TRAFFIC_INTERNAL_ONLY":
            yield block, "ingress is not INGRESS_TRAFFIC_INTERNAL_ONLY: anybody could knock"
        if block.body.get("invoker_iam_disabled") is True:
            names = set()
            for inner, _content in (d for t in walk(block.body) if isinstance(t, dict) for d in hcl.dynamic(t, "env")):
                names |= keys_of(folder, inner.get("for_each"))
            for name in {"SARGAM_SERVE_OIDC_AUDIENCE", "SARGAM_SERVE_OIDC_EMAILS"} - names:
                yield block, f"neither Cloud Run nor sargam checks who calls: no {name}"
        for template in hcl.nested(block.body, "template"):
            if not all("max_instance_count" in s for s in hcl.nested(template, "scaling") or [{}]):
                yield block, "no max_instance_count: a bill without an end"


def no_secret_in_the_state(folder, _):
    for block in folder.blocks:
        if block.kind == "resource" and block.labels[0].startswith("google_secret_manager_secret_version"):
            yield block, "its value would lie in the state: versions are added by gcloud"
        if block.kind == "variable" and re.search(r"secret|password|token|private_key", block.labels[0]) and not block.labels[0].endswith("_version"):
            yield block, "a secret that is a variable lies in plans and states"
        for text in hcl.constants(block.body):
            if KEYS.search(text):
                yield block, "a literal that looks like a key or secret"
        for code in hcl.strings(block.body):
            for key in re.findall(r"\b(\w+)\s*=(?!=|\s*\{)", code):
                if SECRET_NAME.search(key):
                    yield block, f"{key} is given as a value"
        for table in (t for t in walk(block.body) if isinstance(t, dict)):
            name = hcl.literal(table.get("name"))
            if isinstance(name, str) and SECRET_NAME.search(name) and "value" in table:
                yield block, f"{name}: want value_source.secret_key_ref"
            for key, value in table.items():
                if SECRET_NAME.search(key) and isinstance(value, str):
                    yield block, f"{key} is given as a value"


def one_place(folder, _):
    places = {}
    for block in folder.of("resource"):
        if block.labels[0] in ("google_storage_bucket", "google_bigquery_dataset", "google_cloud_run_v2_service", "google_cloud_run_v2_job", "google_artifact_registry_repository"):
            places.setdefault(str(block.body.get("location")), block)
    for place, block in places.items():
        if place != "${var.region}":
            yield block, f"location {place}: a load job wants bucket and dataset in var.region"


def names_are_the_programs(folder, root):
    with open(os.path.join(root, "src/raw/extract.h")) as f:
        define = {m[1]: m[2].replace('\\"', '"') for m in re.finditer(r'#define (\w+)\s+(?:\\\n\s*)?"((?:\\.|[^"\\])*)"', f.read())}
    topics = {hcl.literal(b.body.get("name")): b for b in folder.of("resource", "google_pubsub_topic")}
    subscriptions = {hcl.literal(b.body.get("name")): b for b in folder.of("resource", "google_pubsub_subscription")}
    anywhere = folder.blocks[0]
    for name in ("TOPIC", "DEAD_TOPIC"):
        if define[name] not in topics:
            yield anywhere, f"no topic {define[name]}"
    for name, topic, text in (("SUBSCRIPTION", "TOPIC", define["SUBSCRIPTION_FILTER"]), ("DEAD_SUBSCRIPTION", "DEAD_TOPIC", None)):
        block = subscriptions.get(define[name])
        if not block:
            yield anywhere, f"no subscription {define[name]}"
            continue
        if hcl.literal(block.body.get("filter")) != text:
            yield block, f"filter is not that of src/raw/extract.h: {text}"
        if define[topic] in topics and str(block.body.get("topic")) != f"${{google_pubsub_topic.{topics[define[topic]].labels[1]}.id}}":
            yield block, f"not a subscription of {define[topic]}"
    with open(os.path.join(root, "src/warehouse/warehouse.h")) as f:
        dataset = re.search(r'#define WAREHOUSE_SCHEMA "(\w+)"', f.read())[1]
    if dataset not in [hcl.literal(b.body.get("dataset_id")) for b in folder.of("resource", "google_bigquery_dataset")]:
        yield anywhere, f"no dataset {dataset}"


def settings_are_known(folder, root):
    with open(os.path.join(root, "src/base/config.h")) as f:
        known = {f"SARGAM_{m.upper()}" for m in re.findall(r"^\tX\((\w+),", f.read(), re.M)} | ENVIRONMENT_ONLY
    for block in folder.blocks:
        keys = {k for t in walk(block.body) if isinstance(t, dict) for k in t}
        for code in hcl.strings(block.body):
            keys |= set(re.findall(r"\b(SARGAM_\w+)\s*=(?!=)", code))
        for name in sorted(k for k in keys if k.startswith("SARGAM_") and k not in known):
            yield block, f"{name} is no setting of the program (src/base/config.h)"


RULES = [nobody_public, no_primitive_role, rights_are_added, data_is_protected, buckets_are_closed, subscriptions_last, dead_letters_are_kept,
         schedules_try_again, services_have_a_gate, no_secret_in_the_state, one_place, names_are_the_programs, settings_are_known]


def setting(folder, value):
    """The constant behind a value: its own, a local's, a variable's default; else None."""
    m = re.fullmatch(r"\$\{(var|local)\.(\w+)\}", value) if isinstance(value, str) else None
    if not m:
        return hcl.literal(value)
    if m[1] == "local":
        return setting(folder, folder.local(m[2]))
    block = folder.find("variable", m[2])
    return hcl.literal(block.body.get("default")) if block else None


def keys_of(folder, value):
    """The names an expression's map surely has: its own and those of the locals that it is merged of."""
    if isinstance(value, dict):
        return set(value)
    found = set()
    for code in hcl.strings(value or ""):
        found |= set(re.findall(r"\b([A-Z][A-Z0-9_]+)\s*=(?!=)", code))
        for name in re.findall(r"\blocal\.(\w+)", code):
            found |= keys_of(folder, folder.local(name))
    return found


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(inner)


def check(folder, root):
    return [f"{block.file}:{block.line}: {rule.__name__}: {block.address}: {text}" for rule in RULES for block, text in rule(folder, root)]
