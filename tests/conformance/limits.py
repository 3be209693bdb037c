"""What is too much or malformed is refused, what is just within is taken.

From cloud.google.com/pubsub/quotas ("Resource limits"), the field texts of the reference, and docs/subscription-message-filter.
"""
from google.protobuf import duration_pb2

from harness import call, check, data, invalid, missing, out_of_range, refused

DAY_S = 86400


def seconds(n, nanos=0):
    return duration_pb2.Duration(seconds=n, nanos=nanos)


def publish_refused(t, *messages):
    topic, subscription = t.pair()
    invalid(t.publisher.publish, {"topic": topic, "messages": list(messages)})
    assert not t.pull(subscription), "refused, and delivered all the same"


# --- publish -----------------------------------------------------------------------------------------------------------

@check("publish: no message at all, an empty one, an empty one among others")
def publish_empty(t):
    publish_refused(t)
    publish_refused(t, {})
    publish_refused(t, {"data": b"x"}, {"ordering_key": "k"}, {"data": b"y"})


@check("publish: 1000 messages in one request, not 1001")
def publish_count(t):
    topic, subscription = t.pair()
    ids = t.publish(topic, *[b"%d" % i for i in range(1000)])
    assert len(set(ids)) == 1000
    assert sorted(map(int, data(t.drain(subscription, most=1000)))) == list(range(1000))
    publish_refused(t, *[{"data": b"x"}] * 1001)


@check("publish: a message of 9.9 MB")
def publish_large(t):
    topic, subscription = t.pair()
    body = bytes(range(256)) * 38672
    t.publish(topic, body)
    assert data(t.wait(subscription, 1)) == [body]


@check("publish: more than 10 MB of data is refused", lax={"emulator": "has no such limit"})
def publish_too_large(t):
    publish_refused(t, {"data": bytes(10_000_001)})


@check("publish: more than 10 MB in one request is refused", lax={"emulator": "has no such limit"})
def publish_too_large_together(t):
    publish_refused(t, *[{"data": bytes(3_500_000)}] * 3)


@check("publish: 100 attributes")
def publish_attributes(t):
    topic, subscription = t.pair()
    attributes = {f"k{i}": str(i) for i in range(100)}
    t.publish(topic, {"attributes": attributes})
    assert dict(t.wait(subscription, 1)[0].message.attributes) == attributes


@check("publish: 101 attributes are refused", lax={"emulator": "has no such limit"})
def publish_too_many_attributes(t):
    publish_refused(t, {"attributes": {f"k{i}": "v" for i in range(101)}})


@check("publish: an attribute's key of 256 bytes and a value of 1024")
def publish_attribute_sizes(t):
    topic, subscription = t.pair()
    attributes = {"k" * 256: "v" * 1024, "\u00e9" * 128: "\u00e9" * 512, "empty": ""}
    t.publish(topic, {"attributes": attributes})
    assert dict(t.wait(subscription, 1)[0].message.attributes) == attributes


@check("publish: an attribute's key of 257 bytes is refused", lax={"emulator": "has no such limit"})
def publish_long_key(t):
    publish_refused(t, {"attributes": {"k" * 257: "v"}})
    publish_refused(t, {"attributes": {"\u00e9" * 129: "v"}})


@check("publish: an attribute's value of 1025 bytes is refused", lax={"emulator": "has no such limit"})
def publish_long_value(t):
    publish_refused(t, {"attributes": {"k": "v" * 1025}})
    publish_refused(t, {"attributes": {"k": "\u00e9" * 513}})


@check("publish: an attribute's key that starts with goog is refused", lax={"emulator": "takes it"})
def publish_goog_key(t):
    publish_refused(t, {"attributes": {"goog": "v"}})
    publish_refused(t, {"attributes": {"googclient_x": "v"}})


@check("publish: an ordering key of 1024 bytes")
def publish_ordering_key(t):
    topic, subscription = t.pair()
    t.publish(topic, {"data": b"x", "ordering_key": "k" * 1024})
    assert t.wait(subscription, 1)[0].message.ordering_key == "k" * 1024


@check("publish: an ordering key of 1025 bytes is refused", lax={"emulator": "has no such limit"})
def publish_long_ordering_key(t):
    publish_refused(t, {"data": b"x", "ordering_key": "k" * 1025})


# "All PubsubMessages published in a given PublishRequest must specify the same ordering_key value."
@check("publish: different ordering keys in one request are refused", lax={"emulator": "takes them"})
def publish_mixed_ordering_keys(t):
    publish_refused(t, {"data": b"x", "ordering_key": "a"}, {"data": b"y", "ordering_key": "b"})
    publish_refused(t, {"data": b"x", "ordering_key": "a"}, {"data": b"y"})


# --- pull and acknowledge ----------------------------------------------------------------------------------------------

@check("pull: max_messages must be positive: 0")
def pull_count_zero(t):
    _, subscription = t.pair()
    out_of_range(t.subscriber.pull, {"subscription": subscription, "max_messages": 0, "return_immediately": True})


@check("pull: max_messages must be positive: -1", lax={"emulator": "takes it"})
def pull_count_negative(t):
    _, subscription = t.pair()
    out_of_range(t.subscriber.pull, {"subscription": subscription, "max_messages": -1, "return_immediately": True})


@check("acknowledge, modifyAckDeadline: no ids are refused")
def no_ack_ids(t):
    _, subscription = t.pair()
    invalid(t.subscriber.acknowledge, {"subscription": subscription, "ack_ids": []})
    invalid(t.subscriber.modify_ack_deadline, {"subscription": subscription, "ack_ids": [], "ack_deadline_seconds": 10})


@check("modifyAckDeadline: 600 s is taken, -1 and 601 s are refused", lax={"emulator": "takes any"})
def modify_range(t):
    topic, subscription = t.pair()
    t.publish(topic, b"x")
    got = t.wait(subscription, 1)
    t.lease(subscription, got, 600)
    for bad in (-1, 601):
        out_of_range(t.subscriber.modify_ack_deadline,
                     {"subscription": subscription, "ack_ids": [got[0].ack_id], "ack_deadline_seconds": bad})


# --- subscriptions -----------------------------------------------------------------------------------------------------

def create_refused(t, **fields):
    return out_of_range(t.subscriber.create_subscription, {"name": t.name("subscriptions"), "topic": t.topic(), **fields})


@check("subscription: ack deadlines of 10 and 600 s")
def deadline_range(t):
    for good in (10, 600):
        _, subscription = t.pair(ack_deadline_seconds=good)
        assert t.get(subscription).ack_deadline_seconds == good


@check("subscription: ack deadlines of 9 and 601 s are refused", lax={"emulator": "takes any ack deadline"})
def deadline_refused(t):
    for bad in (9, 601, -1):
        create_refused(t, ack_deadline_seconds=bad)


@check("subscription: retention of 10 minutes and of 31 days", lax={"emulator": "knows 7 days at most"})
def retention_range(t):
    for good in (600, 31 * DAY_S):
        _, subscription = t.pair(message_retention_duration=seconds(good))
        assert t.get(subscription).message_retention_duration.total_seconds() == good


@check("subscription: retention of 599 s is refused")
def retention_too_short(t):
    create_refused(t, message_retention_duration=seconds(599))


@check("subscription: retention of more than 31 days is refused")
def retention_too_long(t):
    create_refused(t, message_retention_duration=seconds(31 * DAY_S + 1))


@check("subscription: backoffs from 0 to 600 s, the minimum not over the maximum")
def backoff_range(t):
    for low, high in ((0, 0), (0, 600), (600, 600)):
        t.pair(retry_policy={"minimum_backoff": seconds(low), "maximum_backoff": seconds(high)})


@check("subscription: a backoff over 600 s or below 0 is refused")
def backoff_refused(t):
    create_refused(t, retry_policy={"minimum_backoff": seconds(10), "maximum_backoff": seconds(601)})
    create_refused(t, retry_policy={"minimum_backoff": seconds(-1), "maximum_backoff": seconds(10)})


@check("subscription: a minimum backoff over the maximum is refused")
def backoff_crossed(t):
    create_refused(t, retry_policy={"minimum_backoff": seconds(20), "maximum_backoff": seconds(10)})


@check("subscription: an empty retry policy is 10 and 600 s")
def backoff_defaults(t):
    _, subscription = t.pair(retry_policy={})
    policy = t.get(subscription).retry_policy
    assert [d.total_seconds() for d in (policy.minimum_backoff, policy.maximum_backoff)] == [10, 600], policy


@check("subscription: 5 to 100 delivery attempts, 5 when not given")
def attempts_range(t):
    dead = t.topic()
    for given, want in ((5, 5), (100, 100), (0, 5)):
        _, subscription = t.pair(dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": given})
        assert t.get(subscription).dead_letter_policy.max_delivery_attempts == want


@check("subscription: 4 and 101 delivery attempts are refused")
def attempts_refused(t):
    dead = t.topic()
    for bad in (4, 101, -1):
        create_refused(t, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": bad})


# "The operation will fail if the topic does not exist." (DeadLetterPolicy)
@check("subscription: a dead letter topic that is not there")
def dead_letter_missing(t):
    missing(t.subscriber.create_subscription, {"name": t.name("subscriptions"), "topic": t.topic(),
                                               "dead_letter_policy": {"dead_letter_topic": t.name("topics"), "max_delivery_attempts": 5}})


@check("subscription: a topic that is no name is refused")
def topic_no_name(t):
    invalid(t.subscriber.create_subscription, {"name": t.name("subscriptions"), "topic": "no-name"})


@check("subscription: an expiration below a day is refused", lax={"emulator": "takes any"})
def expiration_refused(t):
    t.pair(expiration_policy={"ttl": seconds(DAY_S)})
    create_refused(t, expiration_policy={"ttl": seconds(DAY_S - 1)})


# --- filters -----------------------------------------------------------------------------------------------------------

LONGEST = 'attributes.x = "' + "v" * 239 + '"'
NO_FILTERS = {"emulator": "filters are neither checked nor applied (they came with gcloud 555)"}


@check("filter: 256 bytes")
def filter_longest(t):
    assert len(LONGEST) == 256
    _, subscription = t.pair(filter=LONGEST)
    assert t.get(subscription).filter == LONGEST


@check("filter: 257 bytes are refused", lax=NO_FILTERS)
def filter_too_long(t):
    create_refused(t, filter=LONGEST.replace("v", "vv", 1))
    create_refused(t, filter='attributes.x = "' + "\u00e9" * 120 + '"')


@check("filter: AND and OR without parentheses are refused", lax=NO_FILTERS)
def filter_mixed(t):
    create_refused(t, filter="attributes:a AND attributes:b OR attributes:c")
    create_refused(t, filter="attributes:a OR attributes:b AND attributes:c")


MALFORMED = ["attributes", "attributes.", 'attributes.a == "b"', "attributes.a = b", 'attributes.a < "b"', 'data = "x"',
             'hasSuffix(attributes.a, "b")', 'attributes.a.b = "c"', '(attributes:a', "attributes:a)", "attributes:a and attributes:b", "attributes:a attributes:b",
             'hasPrefix(attributes:a, "b")', 'attributes.a = "b', 'attributes.a = "\\q"', "NOT", "AND attributes:a", "attributes:a AND", " "]


@check("filter: malformed ones are refused", lax=NO_FILTERS)
def filter_malformed(t):
    for text in MALFORMED:
        try:
            create_refused(t, filter=text)
        except AssertionError as e:
            raise AssertionError(f"{text}: {e}") from e


# --- snapshots, seek ---------------------------------------------------------------------------------------------------

@check("seek: neither time nor snapshot, or a snapshot of another topic")
def seek_refused(t):
    _, subscription = t.pair()
    _, other = t.pair()
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": other})
    invalid(t.subscriber.seek, {"subscription": subscription})
    missing(t.subscriber.seek, {"subscription": subscription, "snapshot": t.name("snapshots")})
    refused(400, "INVALID_ARGUMENT|FAILED_PRECONDITION", t.subscriber.seek, {"subscription": subscription, "snapshot": snapshot})
