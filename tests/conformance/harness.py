"""A check is a function that says with plain asserts what Google's documentation demands of a Pub/Sub service.

    @check("an ack deadline of 9 s", lax={"emulator": "takes any number"})
    def short_ack_deadline(t): ...

`lax` names the services that are known to fall short and says how. Such a check must fail there, and the run lists it; one that
passes has left the truth behind and fails the run. pending.py is the same for what sargam does not do yet, but tolerates success:
the run then says that the entry can go. Only a failed assert or an error of the service is a difference; anything else is a fault of
the check. Checks run several at a time, those marked `alone` after the others; each makes resources of its own, of random names.
"""
import concurrent.futures
import http.client
import itertools
import json
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
import traceback

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient, SubscriberClient

from pending import PENDING

PROJECT = "p"
AT_ONCE = 12  # most of a check is waiting
START_S, CALL_S = 60, 30
FAULT_LINES = 8
CHECKS = []


class Check:
    def __init__(self, name, run, lax, alone):
        self.name, self.run, self.lax, self.alone = name, run, lax, alone


def check(name, lax=None, alone=False):
    assert not any(c.name == name for c in CHECKS), f"two checks are named '{name}'"

    def register(function):
        CHECKS.append(Check(name, function, lax or {}, alone))
        return function
    return register


# --- the services ------------------------------------------------------------------------------------------------------

class Server:
    """A program that is started for the run and says on which port it listens."""

    def __init__(self, command, log, port_pattern):
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_S
        while not (found := re.search(port_pattern, self.text())):
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{command[0]} does not start:\n{self.text()}")
            time.sleep(0.05)
        self.port = int(found[1])

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        """Its exit status."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


def start(kind, tmp):
    if kind == "sargam":
        command = [os.environ["SARGAM"], "--home", f"{tmp}/home", "serve", "--bus-only", "--port", "0", "--project", PROJECT]
        return Server(command, f"{tmp}/sargam.log", r"http://127\.0\.0\.1:(\d+)")
    command = ["java", "-Xmx512m", "-jar", os.environ["PUBSUB_EMULATOR_JAR"], "--host=127.0.0.1", f"--port={free_port()}"]
    return Server(command, f"{tmp}/emulator.log", r"Server started, listening on (\d+)")


def free_port():
    """For the emulator, which does not say what it got when it is given port 0."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Service:
    """What a check is given: both official clients, raw HTTP, and names that nobody else has."""

    def __init__(self, kind, port):
        self.kind, self.port, self.project = kind, port, PROJECT
        self.local, self.serial = threading.local(), itertools.count()

    @property
    def options(self):
        return {"transport": "rest", "credentials": AnonymousCredentials(),
                "client_options": {"api_endpoint": f"http://127.0.0.1:{self.port}"}}

    @property
    def publisher(self):
        return self.client("publisher", PublisherClient)

    @property
    def subscriber(self):
        return self.client("subscriber", SubscriberClient)

    def client(self, name, kind):
        if not hasattr(self.local, name):
            setattr(self.local, name, kind(**self.options))
        return getattr(self.local, name)

    def name(self, kind, stem="x"):
        return f"projects/{PROJECT}/{kind}/{stem}-{secrets.token_hex(5)}-{next(self.serial)}"

    def topic(self, **fields):
        request = {"name": self.name("topics"), **fields}
        return call(self.publisher.create_topic, request).name

    def subscription(self, topic, **fields):
        request = {"name": self.name("subscriptions"), "topic": topic, **fields}
        return call(self.subscriber.create_subscription, request).name

    def pair(self, **fields):
        topic = self.topic()
        return topic, self.subscription(topic, **fields)

    def publish(self, topic, *messages):
        """Ids of messages: bytes, or dicts of a PubsubMessage's fields."""
        messages = [m if isinstance(m, dict) else {"data": m} for m in messages]
        return list(call(self.publisher.publish, {"topic": topic, "messages": messages}).message_ids)

    def pull(self, subscription, most=100):
        """What is there now, as a list."""
        request = {"subscription": subscription, "max_messages": most, "return_immediately": True}
        return list(call(self.subscriber.pull, request).received_messages)

    def wait(self, subscription, count, for_s=15, most=100):
        """At least `count` messages, or what came in that time. Nothing is acknowledged."""
        got, deadline = [], time.monotonic() + for_s
        while len(got) < count and time.monotonic() < deadline:
            got += self.pull(subscription, most) or nothing()
        return got

    def drain(self, subscription, quiet_s=1.5, most=100):
        """All that comes until nothing has come for so long, each acknowledged at once."""
        got, deadline = [], time.monotonic() + quiet_s
        while time.monotonic() < deadline:
            if fresh := self.pull(subscription, most):
                self.ack(subscription, fresh)
                got += fresh
                deadline = time.monotonic() + quiet_s
            else:
                nothing()
        return got

    def ack(self, subscription, received):
        call(self.subscriber.acknowledge, {"subscription": subscription, "ack_ids": [r.ack_id for r in received]})

    def lease(self, subscription, received, seconds):
        """0 s is a nack."""
        call(self.subscriber.modify_ack_deadline,
             {"subscription": subscription, "ack_ids": [r.ack_id for r in received], "ack_deadline_seconds": seconds})

    def get(self, subscription):
        return call(self.subscriber.get_subscription, {"subscription": subscription})

    def http(self, method, path, body=None, headers=None):
        """`body` is text or bytes as they are, an iterable for chunks, anything else as JSON; `path` below /v1/projects/PROJECT/."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_S)
        try:
            connection.request(method, f"/v1/projects/{PROJECT}/{path}", body, {"Content-Type": "application/json"} if headers is None else headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except TimeoutError as e:
            raise AssertionError(f"{method} {path}: no answer in {CALL_S} s") from e
        finally:
            connection.close()


def nothing():
    """A pause before the next look."""
    time.sleep(0.1)
    return []


def call(method, request, **more):
    """One call, without the client's own retries: what the service says is what is looked at."""
    return method(request=request, retry=None, timeout=CALL_S, **more)


def short(resource):
    return resource.rsplit("/", 1)[1]


def data(received):
    return [r.message.data for r in received]


def refused(http_status, statuses, method, request, **more):
    """The call must fail with this class of error, or one of these ("A|B") where the documentation does not say which."""
    try:
        answer = call(method, request, **more)
    except exceptions.GoogleAPICallError as e:
        error = e.response.json().get("error", {})
        assert e.code == http_status and error.get("status") in statuses.split("|"), \
            f"want {http_status} {statuses}, got {e.code} {error.get('status')}: {error.get('message')}"
        assert error.get("code") == http_status and error.get("message"), f"error body: {error}"
        return e
    raise AssertionError(f"want {http_status} {statuses}, but it was taken: {' '.join(str(answer).split())[:200]}")


def invalid(method, request, **more):
    return refused(400, "INVALID_ARGUMENT", method, request, **more)


def out_of_range(method, request, **more):
    return refused(400, "INVALID_ARGUMENT|OUT_OF_RANGE", method, request, **more)


def missing(method, request, **more):
    return refused(404, "NOT_FOUND", method, request, **more)


def taken(method, request, **more):
    return refused(409, "ALREADY_EXISTS", method, request, **more)


# --- the run -----------------------------------------------------------------------------------------------------------

def difference(one, service):
    """None when the check passes, else what differed. What is no difference is raised."""
    try:
        one.run(service)
    except AssertionError as e:
        return str(e).strip() or traceback.extract_tb(e.__traceback__)[-1].line
    except exceptions.GoogleAPICallError as e:
        return f"{e.code} {e.message}"
    return None


class Report:
    """Lines of TAP. `# note: …` is what tools/tap shows also when all is well."""

    def __init__(self, kind):
        self.kind, self.count, self.failed = kind, 0, 0
        self.notes = []

    def line(self, ok, name, why=""):
        self.count += 1
        self.failed += not ok
        for text in str(why).splitlines():
            print(f"# {text[:500]}")
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}", flush=True)

    def judge(self, one, found, fault):
        lax, pending = one.lax.get(self.kind), PENDING.get(one.name) if self.kind == "sargam" else None
        if fault:
            self.line(False, one.name, fault)
        elif lax and found:
            self.notes.append(f"{self.kind} is laxer: {one.name}: {lax}")
            self.line(True, f"{one.name} (known: {lax})", found)
        elif lax:
            self.line(False, one.name, f"the table says that {self.kind} falls short here ({lax}), but it does not: take the entry out")
        elif pending and found:
            self.notes.append(f"pending: {one.name}: {pending}")
            self.line(True, f"{one.name} (pending: {pending})", found)
        elif pending:
            self.notes.append(f"pending, but passes: take the entry out: {one.name}")
            self.line(True, one.name)
        else:
            self.line(found is None, one.name, found or "")


def attempt(one, service):
    try:
        return difference(one, service), None
    except Exception:  # pylint: disable=broad-except
        return None, "\n".join(traceback.format_exc().splitlines()[-FAULT_LINES:])


def run(kind, tmp, wanted):
    """Exit status."""
    assert set(PENDING) <= {c.name for c in CHECKS}, f"pending.py names no check: {set(PENDING) - {c.name for c in CHECKS}}"
    report = Report(kind)
    chosen = [c for c in CHECKS if not wanted or any(w in c.name for w in wanted)]
    server = start(kind, tmp)
    service = Service(kind, server.port)
    done = queue.Queue()
    try:
        with concurrent.futures.ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for one in (c for c in chosen if not c.alone):
                pool.submit(lambda one=one: done.put((one, *attempt(one, service))))
            for _ in range(sum(not c.alone for c in chosen)):
                report.judge(*done.get())
        for one in (c for c in chosen if c.alone):
            report.judge(one, *attempt(one, service))
    finally:
        status = server.stop()
    if kind == "sargam":
        report.line(status == 0, "the service ends well", f"exit status {status}\n{server.text()[-2000:]}" if status else "")
    for note in sorted(report.notes):
        print(f"# note: {note}")
    print(f"1..{report.count}")
    return 1 if report.failed else 0
