"""What a subscriber gets, when, how often and in which order.

From cloud.google.com/pubsub/docs: subscriber, pull, lease-management, handling-failures (dead letters, retry policy), ordering,
subscription-message-filter.
"""
import datetime
import time

from google.cloud import pubsub_v1
from google.protobuf import duration_pb2

from harness import call, check, data, nothing
from limits import NO_FILTERS

MARGIN_S = 0.4  # clocks, and the moment between a message handed out and its answer read
LATE_S = 6      # how late what comes again may come on a busy machine


def seconds(n):
    return duration_pb2.Duration(seconds=n)


def retry(low, high):
    return {"minimum_backoff": seconds(low), "maximum_backoff": seconds(high)}


# --- publish and pull --------------------------------------------------------------------------------------------------

@check("a message comes as it was published, with an id and a time")
def message_whole(t):
    topic, subscription = t.pair()
    before = datetime.datetime.now(datetime.timezone.utc)
    body = bytes(range(256))
    ids = t.publish(topic, {"data": body, "attributes": {"a": "b", "\u00fc": "\u65e5\u672c"}, "ordering_key": "k"},
                    {"attributes": {"only": "this"}, "ordering_key": "k"})
    got = sorted(t.wait(subscription, 2), key=lambda r: ids.index(r.message.message_id))
    assert [r.message.message_id for r in got] == ids and len(set(ids)) == 2
    assert got[0].message.data == body and dict(got[0].message.attributes) == {"a": "b", "\u00fc": "\u65e5\u672c"}
    assert got[0].message.ordering_key == "k" and got[1].message.data == b""
    assert abs((got[0].message.publish_time - before).total_seconds()) < 10
    assert got[0].delivery_attempt == 0, "without a dead letter policy the attempt is 0"


@check("what the publisher says of id and time does not count")
def message_id_given(t):
    topic, subscription = t.pair()
    then = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    ids = t.publish(topic, {"data": b"x", "message_id": "mine", "publish_time": then})
    got = t.wait(subscription, 1)[0].message
    assert [got.message_id] == ids != ["mine"] and got.publish_time.year > 2020, got


@check("the client library's own publisher, batching")
def library_publisher(t):
    topic, subscription = t.pair()
    publisher = pubsub_v1.PublisherClient(**t.options)
    futures = [publisher.publish(topic, b"%d" % i, n=str(i)) for i in range(30)]
    ids = {f.result(timeout=30) for f in futures}
    got = t.drain(subscription)
    publisher.stop()
    assert len(ids) == 30 and {r.message.message_id for r in got} == ids
    assert all(r.message.data.decode() == r.message.attributes["n"] for r in got)


@check("every subscription gets every message, of its own time")
def fan_out(t):
    topic = t.topic()
    t.publish(topic, b"too early")
    first, second = t.subscription(topic), t.subscription(topic)
    t.publish(topic, b"a", b"b")
    assert sorted(data(t.drain(first))) == [b"a", b"b"]
    assert sorted(data(t.drain(second))) == [b"a", b"b"]


@check("a pull gives no more than it was asked for")
def pull_most(t):
    topic, subscription = t.pair()
    t.publish(topic, *[b"%d" % i for i in range(10)])
    seen, deadline = [], time.monotonic() + 20
    while len(seen) < 10 and time.monotonic() < deadline:
        got = t.pull(subscription, 3)
        assert len(got) <= 3
        seen += data(got)
    assert sorted(seen) == sorted(b"%d" % i for i in range(10)), seen


@check("a pull that waits is answered when something comes")
def pull_waits(t):
    topic, subscription = t.pair()
    t.publish(topic, b"x")
    answer = call(t.subscriber.pull, {"subscription": subscription, "max_messages": 1})
    assert data(answer.received_messages) == [b"x"]


# --- leases ------------------------------------------------------------------------------------------------------------

@check("acknowledged, a message does not come again; else after its deadline, with another ack id")
def deadline(t):
    topic, subscription = t.pair(ack_deadline_seconds=10)
    t.publish(topic, b"acked", b"not")
    first = t.wait(subscription, 2)
    begin = time.monotonic()
    t.ack(subscription, [r for r in first if r.message.data == b"acked"])
    again = t.wait(subscription, 1, for_s=10 + LATE_S)
    took = time.monotonic() - begin
    assert data(again) == [b"not"], data(again)
    assert took > 10 - 2 * MARGIN_S, f"came again after {took:.1f} s of 10"
    assert again[0].ack_id not in [r.ack_id for r in first] and again[0].message.message_id in [r.message.message_id for r in first]
    t.ack(subscription, again)
    assert not t.wait(subscription, 1, for_s=12)


@check("a longer deadline holds, a shorter one ends sooner")
def deadline_changed(t):
    topic, subscription = t.pair(ack_deadline_seconds=10)
    t.publish(topic, b"long", b"short")
    first = t.wait(subscription, 2)
    begin = time.monotonic()
    t.lease(subscription, [r for r in first if r.message.data == b"long"], 60)
    t.lease(subscription, [r for r in first if r.message.data == b"short"], 3)
    again = t.wait(subscription, 1, for_s=3 + LATE_S)
    assert data(again) == [b"short"] and time.monotonic() - begin > 3 - MARGIN_S, data(again)
    t.ack(subscription, again)
    time.sleep(max(0, 13 - (time.monotonic() - begin)))
    assert not t.pull(subscription), "came again within the 60 s"
    t.ack(subscription, first)


@check("a nack brings it back at once")
def nack(t):
    topic, subscription = t.pair(ack_deadline_seconds=60)
    t.publish(topic, b"x")
    t.lease(subscription, t.wait(subscription, 1), 0)
    assert data(t.wait(subscription, 1, for_s=LATE_S)) == [b"x"]


@check("acknowledged twice is acknowledged")
def ack_twice(t):
    topic, subscription = t.pair()
    t.publish(topic, b"x")
    got = t.wait(subscription, 1)
    t.ack(subscription, got)
    t.ack(subscription, got)
    t.lease(subscription, got, 0)
    assert not t.wait(subscription, 1, for_s=1)


# --- dead letters, backoff ---------------------------------------------------------------------------------------------

@check("dead letter: after five attempts, with where it comes from")
def dead_letter(t):
    dead_topic, dead = t.pair()
    topic = t.topic()
    subscription = t.subscription(topic, dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 5})
    t.publish(topic, {"data": b"poison", "attributes": {"mine": "kept"}}, {"data": b"poison", "attributes": {"second": "1"}})
    attempts = {}
    end = time.monotonic() + 40
    letters = []
    while len(letters) < 2 and time.monotonic() < end:
        for r in t.pull(subscription):
            attempts.setdefault(r.message.message_id, []).append(r.delivery_attempt)
            t.lease(subscription, [r], 0)
        letters += t.pull(dead) or nothing()
    assert sorted(map(tuple, attempts.values())) == [(1, 2, 3, 4, 5)] * 2, attempts
    letter = next(r.message for r in letters if "mine" in r.message.attributes)
    a = dict(letter.attributes)
    assert letter.data == b"poison" and a.pop("mine", None) == "kept"
    assert a.pop("CloudPubSubDeadLetterSourceDeliveryCount", None) == "5", letter.attributes
    assert a.pop("CloudPubSubDeadLetterSourceSubscription", None) == subscription.rsplit("/", 1)[1], letter.attributes
    assert a.pop("CloudPubSubDeadLetterSourceSubscriptionProject", None) == t.project, letter.attributes
    assert "T" in a.pop("CloudPubSubDeadLetterSourceTopicPublishTime", ""), letter.attributes
    assert not a, f"more attributes than documented: {a}"
    assert not t.wait(subscription, 1, for_s=1), "it is dead, and still delivered"


@check("dead letter: the attempt is told from the first on; acknowledged, it is no letter")
def dead_letter_attempt(t):
    dead_topic, dead = t.pair()
    topic = t.topic()
    subscription = t.subscription(topic, dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 5})
    t.publish(topic, b"x")
    got = t.wait(subscription, 1)
    assert got[0].delivery_attempt == 1
    t.lease(subscription, got, 0)
    got = t.wait(subscription, 1)
    assert got[0].delivery_attempt == 2
    t.ack(subscription, got)
    assert not t.wait(dead, 1, for_s=1)


@check("retry policy: a nack waits at least the minimum, and longer each time", lax={"emulator": "the first nack waits for nothing"})
def backoff(t):
    topic, subscription = t.pair(ack_deadline_seconds=600, retry_policy=retry(2, 600))
    t.publish(topic, b"x")
    waits = []
    got = t.wait(subscription, 1)
    for _ in range(2):
        t.lease(subscription, got, 0)
        begin = time.monotonic()
        got = t.wait(subscription, 1, for_s=30)
        waits.append(time.monotonic() - begin)
        assert got, f"nothing after {waits[-1]:.1f} s"
    assert waits[0] > 2 - MARGIN_S and waits[1] > waits[0], f"came again after {waits} s"


@check("retry policy: the maximum holds")
def backoff_most(t):
    topic, subscription = t.pair(ack_deadline_seconds=600, retry_policy=retry(1, 1))
    t.publish(topic, b"x")
    got = t.wait(subscription, 1)
    for _ in range(4):
        t.lease(subscription, got, 0)
        got = t.wait(subscription, 1, for_s=1 + LATE_S)
        assert got, "not within the maximum of 1 s"


# --- filters -----------------------------------------------------------------------------------------------------------

MESSAGES = {"none": {"x": "y"}, "com": {"lang": "en", "name": "com"}, "net": {"name": "net", "iana.org/language_tag": "en"}}
# The examples of docs/subscription-message-filter, and what they let through.
FILTERS = {
    "attributes:name": "com net",
    "NOT attributes:name": "none",
    "-attributes:name": "none",
    'attributes.name = "com"': "com",
    'attributes.name != "com"': "net none",
    'hasPrefix(attributes.name, "co")': "com",
    'NOT hasPrefix(attributes.name, "co")': "net none",
    'attributes:"iana.org/language_tag" AND attributes.name = "net"': "net",
    'attributes:lang AND (attributes.name = "com" OR attributes.name = "net")': "com",
    'attributes:lang OR attributes:"iana.org/language_tag"': "com net",
    'attributes.name = "Com"': "",
    'attributes.name = "\\u0063om"': "com",
}


@check("filter: only what matches comes", lax=NO_FILTERS)
def filters(t):
    topic = t.topic()
    subscriptions = {text: t.subscription(topic, filter=text) for text in FILTERS}
    t.publish(topic, *[{"data": name.encode(), "attributes": a} for name, a in MESSAGES.items()])
    for text, subscription in subscriptions.items():
        got = sorted(d.decode() for d in data(t.drain(subscription, quiet_s=0.3)))
        assert got == FILTERS[text].split(), f"{text}: got {got}"


# --- ordering ----------------------------------------------------------------------------------------------------------

@check("ordering: a key's messages come in the order they were published")
def ordered(t):
    topic, subscription = t.pair(enable_message_ordering=True)
    for i in range(10):
        for key in "ab":
            t.publish(topic, {"data": b"%d" % i, "ordering_key": key})
    seen, end = {"a": [], "b": []}, time.monotonic() + 30
    while sum(map(len, seen.values())) < 20 and time.monotonic() < end:
        for r in t.pull(subscription, 3) or nothing():
            seen[r.message.ordering_key].append(int(r.message.data))
            t.ack(subscription, [r])
    assert seen == {"a": list(range(10)), "b": list(range(10))}, seen


# A message that is redelivered comes with all behind it of the same key, in order (docs/ordering).
@check("ordering: a nack brings back the message and all behind it, in order",
       lax={"emulator": "brings the nacked one last"})
def ordered_again(t):
    topic, subscription = t.pair(enable_message_ordering=True, ack_deadline_seconds=10)
    t.publish(topic, *[{"data": b"%d" % i, "ordering_key": "k"} for i in range(4)])
    got, end = [], time.monotonic() + 10
    while not got and time.monotonic() < end:
        got = t.pull(subscription, 4)
    t.lease(subscription, got[:1], 0)
    seen, end = [], time.monotonic() + 40
    while (not seen or seen[-1] != 3) and time.monotonic() < end:
        for r in t.pull(subscription, 4) or nothing():
            seen.append(int(r.message.data))
            t.ack(subscription, [r])
    assert seen == [0, 1, 2, 3], f"pulled {len(got)}, nacked 0, then came {seen}"


@check("ordering: nothing of a key comes while a message of it is outstanding; other keys do")
def ordered_outstanding(t):
    topic, subscription = t.pair(enable_message_ordering=True, ack_deadline_seconds=60)
    t.publish(topic, {"data": b"1", "ordering_key": "k"})
    first = t.wait(subscription, 1)
    t.publish(topic, {"data": b"2", "ordering_key": "k"})
    t.publish(topic, {"data": b"other", "ordering_key": "o"})
    t.publish(topic, {"data": b"none"})
    assert sorted(data(t.wait(subscription, 3, for_s=2))) == [b"none", b"other"]
    t.ack(subscription, first)
    assert data(t.wait(subscription, 1)) == [b"2"]


@check("ordering: not asked for, keys hold nothing back")
def unordered(t):
    topic, subscription = t.pair(ack_deadline_seconds=60)
    t.publish(topic, {"data": b"1", "ordering_key": "k"})
    assert data(t.wait(subscription, 1)) == [b"1"]
    t.publish(topic, {"data": b"2", "ordering_key": "k"})
    assert data(t.wait(subscription, 1)) == [b"2"]
