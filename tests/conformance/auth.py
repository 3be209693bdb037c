#!/usr/bin/env python3
"""Google's auth library (google-auth) and src/gcp/ against the same strict fake.

usage: auth.py FAKE-GOOGLE SARGAM-TEST FOLDER

FAKE-GOOGLE is started in FOLDER and ended; SARGAM-TEST makes our side's calls. For each type of credentials both get a token that
an API of the fake takes, and the requests they made for it are held against each other as the fake logged them: the assertion's head
and claims, the impersonation's body, the paths.
"""
import json
import os
import subprocess
import sys
import traceback
import urllib.request

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FAKE_EMAIL = "sargam-test@fake-project.iam.gserviceaccount.com"
PATH = "/v1/projects/-/serviceAccounts/x"  # demands a token, answers 400
TYPES = ["service_account", "authorized_user", "external_account", "external_account_json", "external_account_impersonating",
         "external_account_authorized_user", "impersonated_service_account", "impersonated_by_user"]


class Fake:
    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, "--credentials", folder], stdout=subprocess.PIPE, text=True)
        self.host = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.url = f"http://{self.host}"

    def control(self, method, path="", body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control{path}", data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def log(self):
        return self.control("GET", "/log")["requests"]

    def close(self):
        self.process.terminate()
        self.process.wait()


def theirs(fake, credentials):
    """Their library's requests for a token, which the fake must take."""
    fake.control("DELETE")
    session = google.auth.transport.requests.Request()
    credentials.refresh(session)
    answer = session(f"{fake.url}{PATH}", headers={"Authorization": f"Bearer {credentials.token}"})
    assert answer.status == 400, f"the fake answers {answer.status} to Google's library"
    return fake.log()


def ours(fake, program, env):
    fake.control("DELETE")
    env = dict(os.environ, CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=fake.url, GCE_METADATA_HOST=fake.host, **env)
    done = subprocess.run([program, "--gcp-call", PATH], env=env, capture_output=True, text=True)
    assert done.stdout == "400\n", f"{done.stdout}{done.stderr}"
    return fake.log()


def essence(entry):
    """What of a request must be the same; an assertion's times are now, and its audience is a choice: Google's library names its own
    endpoint always, we name the one that is asked, as the file says. Both are what the endpoint takes."""
    note = json.loads(json.dumps(entry.get("note") or {}))
    claims = note.get("claims", {})
    if claims:
        assert claims["exp"] - claims["iat"] == 3600, claims
        assert claims["aud"].endswith("/token"), claims
        note["claims"] = {k: v for k, v in claims.items() if k not in ("iat", "exp", "aud")}
    if "delegates" in note:
        note["delegates"] = note["delegates"] or []
    return entry["method"], entry["target"].split("?")[0], entry["status"], entry["email"], note


def load(fake, path):
    """A workload identity's project is not looked up: that would ask Google. For a user's login and for impersonation Google's Python
    library asks its own endpoints, whatever the file says (its Go library does not)."""
    with open(path) as f:
        info = json.load(f)
    if info["type"] == "external_account":
        return google.auth.identity_pool.Credentials.from_file(path, scopes=[SCOPE])
    credentials, _ = google.auth.load_credentials_from_file(path, scopes=[SCOPE])
    for one in (credentials, getattr(credentials, "_source_credentials", None)):
        if getattr(one, "refresh_token", None) and str(getattr(one, "_token_uri", "")).startswith("https://oauth2.googleapis.com/"):
            one._token_uri = f"{fake.url}/token"
    if info["type"] == "impersonated_service_account":
        credentials._iam_endpoint_override = info["service_account_impersonation_url"]
    return credentials


def check_type(fake, program, folder, kind):
    path = os.path.join(folder, f"{kind}.json")
    credentials = load(fake, path)
    a = [essence(e) for e in theirs(fake, credentials)]
    b = [essence(e) for e in ours(fake, program, {"GOOGLE_APPLICATION_CREDENTIALS": path})]
    assert a == b, f"Google's library:\n{json.dumps(a, indent=1)}\nsargam:\n{json.dumps(b, indent=1)}"


def check_metadata(fake, program, folder):
    credentials = google.auth.compute_engine.Credentials(scopes=[SCOPE])
    a = theirs(fake, credentials)
    b = ours(fake, program, {})
    assert any(e["target"].startswith("/computeMetadata/v1/instance/service-accounts/") and e["status"] == 200 for e in a), a
    tokens = {essence(e)[1:4] for e in b if "/token" in e["target"]}
    assert tokens <= {(t.replace(e, "default"), s, m) for t, s, m in (essence(x)[1:4] for x in a) for e in (FAKE_EMAIL, "default")}, (a, b)
    project = google.auth.default(scopes=[SCOPE])[1]
    assert project == "fake-project", project


def check_revoked(fake, program, folder):
    path = os.path.join(folder, "authorized_user.json")
    credentials = load(fake, path)
    fake.control("DELETE")
    fake.control("POST", body={"do": "revoke"})
    try:
        credentials.refresh(google.auth.transport.requests.Request())
        raise AssertionError("a revoked login is taken")
    except google.auth.exceptions.RefreshError as e:
        assert "invalid_grant" in str(e), e
    env = dict(os.environ, CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=fake.url, GOOGLE_APPLICATION_CREDENTIALS=path)
    done = subprocess.run([program, "--gcp-call", PATH], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "invalid_grant" in done.stderr, done.stderr


def load_library():
    """It reads the metadata server's address when it is loaded."""
    global google
    import google.auth
    import google.auth.compute_engine
    import google.auth.exceptions
    import google.auth.identity_pool
    import google.auth.transport.requests


def main(args):
    if len(args) != 3:
        print(__doc__.strip())
        return 2
    program, ours_program, folder = args
    fake = Fake(program, folder)
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "PUBSUB_EMULATOR_HOST",
                 "GOOGLE_CLOUD_QUOTA_PROJECT"):
        os.environ.pop(name, None)
    os.environ.update(HOME=folder, CLOUDSDK_CONFIG=os.path.join(folder, "none"), NO_PROXY="127.0.0.1", GCE_METADATA_HOST=fake.host,
                      GCE_METADATA_IP=fake.host)
    load_library()
    checks = [(kind, lambda kind=kind: check_type(fake, ours_program, folder, kind)) for kind in TYPES]
    checks.append(("the metadata server", lambda: check_metadata(fake, ours_program, folder)))
    checks.append(("a revoked login", lambda: check_revoked(fake, ours_program, folder)))
    print(f"1..{len(checks)}")
    failed = 0
    try:
        for n, (name, check) in enumerate(checks, 1):
            try:
                check()
                print(f"ok {n} - {name}")
            except Exception:
                failed += 1
                print(f"not ok {n} - {name}")
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
    finally:
        fake.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
