"""Push subscriptions, to an endpoint of our own on loopback (cloud.google.com/pubsub/docs/push, payload-unwrapping).

102, 200, 201, 202 and 204 acknowledge; every other answer, and none within the ack deadline, is a nack.
"""
import base64
import http.server
import json
import threading
import time

from harness import call, check, data, invalid, nothing


class Endpoint:
    """An HTTP server for one check: answers by a list of statuses, the last of them again and again, and keeps what it was sent."""

    def __init__(self, *statuses):
        self.requests, statuses = [], list(statuses)
        endpoint, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    endpoint.requests.append((time.monotonic(), self.path, dict(self.headers), body))
                    status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                self.send_response_only(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/push?token=a"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *ignored):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count, for_s=20):
        end = time.monotonic() + for_s
        while len(self.requests) < count and time.monotonic() < end:
            nothing()
        assert len(self.requests) >= count, f"{len(self.requests)} requests of {count} after {for_s} s"
        return self.requests

    def quiet(self, for_s):
        before = len(self.requests)
        time.sleep(for_s)
        return len(self.requests) == before


def pushed(t, endpoint, **more):
    topic = t.topic()
    return topic, t.subscription(topic, push_config={"push_endpoint": endpoint.url, **more})


def stop(t, subscription):
    call(t.subscriber.modify_push_config, {"subscription": subscription, "push_config": {}})


@check("push: the wrapped body")
def push_wrapped(t):
    with Endpoint(204) as endpoint:
        topic, subscription = pushed(t, endpoint)
        ids = t.publish(topic, {"data": b"\x00\xff?>", "attributes": {"a": "b"}})
        _, path, headers, body = endpoint.wait(1)[0]
        assert endpoint.quiet(1.5), "acknowledged by 204, and it came again"
        stop(t, subscription)
    assert path == "/push?token=a" and headers["Content-Type"].split(";")[0] == "application/json", (path, headers)
    envelope = json.loads(body)
    message = envelope["message"]
    assert set(envelope) <= {"message", "subscription", "deliveryAttempt"} and envelope["subscription"] == subscription, envelope
    assert base64.b64decode(message["data"], validate=True) == b"\x00\xff?>" and message["attributes"] == {"a": "b"}, message
    assert message["messageId"] == message["message_id"] == ids[0], message
    assert message["publishTime"] == message["publish_time"] and "T" in message["publishTime"], message


@check("push: what 503 answers comes again, what 204 answers does not")
def push_again(t):
    with Endpoint(503, 500, 204) as endpoint:
        topic, subscription = pushed(t, endpoint)
        ids = t.publish(topic, b"x")
        endpoint.wait(3)
        assert endpoint.quiet(2), "acknowledged, and it came again"
        stop(t, subscription)
    assert {json.loads(r[3])["message"]["messageId"] for r in endpoint.requests} == set(ids)


@check("push: 200, 201 and 204 acknowledge")
def push_good_statuses(t):
    acknowledged_by(t, 200, 201, 204)


@check("push: 202 acknowledges", lax={"emulator": "takes it for a nack"})
def push_accepted(t):
    acknowledged_by(t, 202)


def acknowledged_by(t, *statuses):
    for status in statuses:
        with Endpoint(status) as endpoint:
            topic, subscription = pushed(t, endpoint)
            t.publish(topic, b"x")
            endpoint.wait(1)
            assert endpoint.quiet(1.2), f"{status} does not acknowledge"
            stop(t, subscription)
            assert not t.pull(subscription), f"{status}: still waiting"


@check("push: a redirect or an error of the client is a nack")
def push_bad_statuses(t):
    refused_by(t, 302, 400, 404, 429)


@check("push: other answers of the 200s are a nack", lax={"emulator": "takes them for an acknowledgement"})
def push_other_statuses(t):
    refused_by(t, 203, 206)


def refused_by(t, *statuses):
    for status in statuses:
        with Endpoint(status, 204) as endpoint:
            topic, subscription = pushed(t, endpoint)
            t.publish(topic, b"x")
            try:
                endpoint.wait(2)
            except AssertionError as e:
                raise AssertionError(f"{status}: {e}") from e
            stop(t, subscription)


@check("push: unwrapped, with metadata in headers")
def push_unwrapped(t):
    with Endpoint(204) as endpoint:
        topic, subscription = pushed(t, endpoint, no_wrapper={"write_metadata": True})
        ids = t.publish(topic, {"data": b"raw", "attributes": {"kind": "track"}})
        _, _, headers, body = endpoint.wait(1)[0]
        stop(t, subscription)
    lower = {k.lower(): v for k, v in headers.items()}
    assert body == b"raw", body
    assert lower.get("x-goog-pubsub-subscription-name") == subscription and lower.get("x-goog-pubsub-message-id") == ids[0], headers
    assert "T" in lower.get("x-goog-pubsub-publish-time", "") and lower.get("kind") == "track", headers


@check("push: unwrapped, bytes that are no text", lax={"emulator": "puts U+FFFD in their place"})
def push_unwrapped_bytes(t):
    with Endpoint(204) as endpoint:
        topic, subscription = pushed(t, endpoint, no_wrapper={"write_metadata": True})
        t.publish(topic, b"\x00raw\xff")
        body = endpoint.wait(1)[0][3]
        stop(t, subscription)
    assert body == b"\x00raw\xff", body


@check("push: unwrapped, without metadata")
def push_unwrapped_bare(t):
    with Endpoint(204) as endpoint:
        topic, subscription = pushed(t, endpoint, no_wrapper={"write_metadata": False})
        t.publish(topic, {"data": b"raw", "attributes": {"kind": "track"}})
        _, _, headers, body = endpoint.wait(1)[0]
        stop(t, subscription)
    assert body == b"raw" and not [h for h in headers if h.lower().startswith("x-goog-pubsub") or h.lower() == "kind"], headers


@check("push: the settings are kept and can be changed, to pull and back")
def push_changed(t):
    with Endpoint(204) as endpoint:
        topic, subscription = pushed(t, endpoint)
        assert t.get(subscription).push_config.push_endpoint == endpoint.url
        stop(t, subscription)
        assert t.get(subscription).push_config.push_endpoint == ""
        t.publish(topic, b"pulled")
        assert data(t.wait(subscription, 1)) == [b"pulled"]
        call(t.subscriber.update_subscription, {"subscription": {"name": subscription, "push_config": {"push_endpoint": endpoint.url}},
                                                "update_mask": {"paths": ["push_config"]}})
        t.publish(topic, b"pushed")
        bodies = [json.loads(r[3])["message"].get("data") for r in endpoint.wait(1)]
        assert base64.b64encode(b"pushed").decode() in bodies, bodies
        stop(t, subscription)


@check("push: dead letters after five answers that are no good")
def push_dead(t):
    dead_topic, dead = t.pair()
    with Endpoint(500) as endpoint:
        topic = t.topic()
        subscription = t.subscription(topic, push_config={"push_endpoint": endpoint.url},
                                      dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 5})
        t.publish(topic, b"x")
        letters = t.wait(dead, 1, for_s=60)
        stop(t, subscription)
    assert data(letters) == [b"x"] and letters[0].message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    attempts = [json.loads(r[3]).get("deliveryAttempt") for r in endpoint.requests]
    assert len(attempts) == 5, f"{len(attempts)} requests"


@check("push: ordered messages one after the other, the failed one first")
def push_ordered(t):
    with Endpoint(503, 204) as endpoint:
        topic = t.topic()
        subscription = t.subscription(topic, enable_message_ordering=True, push_config={"push_endpoint": endpoint.url})
        t.publish(topic, *[{"data": b"%d" % i, "ordering_key": "k"} for i in range(3)])
        endpoint.wait(4)
        stop(t, subscription)
    seen = [base64.b64decode(json.loads(r[3])["message"]["data"]).decode() for r in endpoint.requests]
    assert seen[0] == "0" and seen[1:4] == ["0", "1", "2"], seen


# "the payload … is in the form of the JSON representation of a PubsubMessage" (PubsubWrapper)
@check("push: the ordering key is in the wrapped body", lax={"emulator": "leaves it out"})
def push_ordering_key(t):
    with Endpoint(204) as endpoint:
        topic = t.topic()
        subscription = t.subscription(topic, enable_message_ordering=True, push_config={"push_endpoint": endpoint.url})
        t.publish(topic, {"data": b"x", "ordering_key": "k"})
        message = json.loads(endpoint.wait(1)[0][3])["message"]
        stop(t, subscription)
    assert message.get("orderingKey") == "k", message


@check("push: an endpoint that is no address is refused")
def push_no_address(t):
    topic = t.topic()
    for bad in ("no address", "ftp://127.0.0.1/x", "/path"):
        invalid(t.subscriber.create_subscription, {"name": t.name("subscriptions"), "topic": topic, "push_config": {"push_endpoint": bad}})
    invalid(t.subscriber.modify_push_config, {"subscription": t.subscription(topic), "push_config": {"push_endpoint": "ftp://127.0.0.1/x"}})
