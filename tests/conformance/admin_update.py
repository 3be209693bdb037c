"""Updates by mask: what is named changes, what is not stays, what cannot change is refused.

From projects.topics.patch, projects.subscriptions.patch, projects.snapshots.patch and cloud.google.com/pubsub/docs/update-subscription.
"""
import datetime

from google.protobuf import duration_pb2

from harness import call, check, invalid, missing, out_of_range

DAY_S = 86400


def seconds(n):
    return duration_pb2.Duration(seconds=n)


def update_topic(t, topic, mask, **fields):
    return call(t.publisher.update_topic, {"topic": {"name": topic, **fields}, "update_mask": {"paths": mask}})


def update(t, subscription, mask, **fields):
    return call(t.subscriber.update_subscription, {"subscription": {"name": subscription, **fields}, "update_mask": {"paths": mask}})


def update_refused(t, subscription, mask, **fields):
    request = {"subscription": {"name": subscription, **fields}, "update_mask": {"paths": mask}}
    return out_of_range(t.subscriber.update_subscription, request)


@check("update topic: labels", lax={"emulator": "knows only its schema and retention"})
def topic_update_labels(t):
    topic = t.topic(labels={"a": "1"})
    update_topic(t, topic, ["labels"], labels={"b": "2"}, message_retention_duration=seconds(700))
    got = call(t.publisher.get_topic, {"topic": topic})
    assert dict(got.labels) == {"b": "2"} and "message_retention_duration" not in got, got


@check("update topic: retention")
def topic_update_retention(t):
    topic = t.topic(labels={"a": "1"})
    update_topic(t, topic, ["message_retention_duration"], message_retention_duration=seconds(700), labels={"b": "2"})
    got = call(t.publisher.get_topic, {"topic": topic})
    assert dict(got.labels) == {"a": "1"} and got.message_retention_duration.total_seconds() == 700, got


@check("update topic: no mask, no such field, no such topic")
def topic_update_refused(t):
    topic = t.topic()
    for mask in ([], ["no_such_field"], ["name"]):
        invalid(t.publisher.update_topic, {"topic": {"name": topic}, "update_mask": {"paths": mask}})
    missing(t.publisher.update_topic, {"topic": {"name": t.name("topics"), "labels": {"a": "b"}}, "update_mask": {"paths": ["labels"]}})


@check("update subscription: only what the mask names")
def subscription_mask(t):
    _, subscription = t.pair(ack_deadline_seconds=20)
    got = update(t, subscription, ["retry_policy"], ack_deadline_seconds=99,
                 retry_policy={"minimum_backoff": seconds(1), "maximum_backoff": seconds(2)})
    assert got.ack_deadline_seconds == 20 and got.retry_policy.maximum_backoff.total_seconds() == 2, got
    got = update(t, subscription, ["ack_deadline_seconds"], ack_deadline_seconds=99)
    assert got.ack_deadline_seconds == 99 and got.retry_policy.maximum_backoff.total_seconds() == 2, got
    assert t.get(subscription).ack_deadline_seconds == 99


@check("update subscription: several fields at once")
def subscription_several(t):
    _, subscription = t.pair()
    dead = t.topic()
    got = update(t, subscription, ["ack_deadline_seconds", "dead_letter_policy"], ack_deadline_seconds=33,
                 dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 9})
    assert got.ack_deadline_seconds == 33 and got.dead_letter_policy.max_delivery_attempts == 9, got


@check("update subscription: a policy named and not given is taken away")
def subscription_clear(t):
    _, subscription = t.pair(retry_policy={"minimum_backoff": seconds(1), "maximum_backoff": seconds(2)},
                             dead_letter_policy={"dead_letter_topic": t.topic(), "max_delivery_attempts": 5})
    update(t, subscription, ["retry_policy", "dead_letter_policy"])
    got = t.get(subscription)
    assert "retry_policy" not in got and "dead_letter_policy" not in got, got


@check("update subscription: retention")
def subscription_retention(t):
    _, subscription = t.pair()
    update(t, subscription, ["message_retention_duration", "retain_acked_messages"],
           message_retention_duration=seconds(1200), retain_acked_messages=True)
    got = t.get(subscription)
    assert got.retain_acked_messages and got.message_retention_duration.total_seconds() == 1200, got


@check("update subscription: labels", lax={"emulator": "knows no such field"})
def subscription_labels(t):
    _, subscription = t.pair(labels={"a": "b"})
    update(t, subscription, ["labels"], labels={"x": "y"})
    assert dict(t.get(subscription).labels) == {"x": "y"}
    update(t, subscription, ["labels"])
    assert not t.get(subscription).labels


@check("update subscription: expiration", lax={"emulator": "says that it cannot"})
def subscription_expiration(t):
    _, subscription = t.pair()
    update(t, subscription, ["expiration_policy"], expiration_policy={"ttl": seconds(2 * DAY_S)})
    assert t.get(subscription).expiration_policy.ttl.total_seconds() == 2 * DAY_S
    update(t, subscription, ["expiration_policy"], expiration_policy={})
    got = t.get(subscription)
    assert "expiration_policy" in got and "ttl" not in got.expiration_policy, got


@check("update subscription: no mask, no such field, no such subscription")
def subscription_update_refused(t):
    _, subscription = t.pair()
    update_refused(t, subscription, [], ack_deadline_seconds=20)
    update_refused(t, subscription, ["no_such_field"])
    missing(t.subscriber.update_subscription, {"subscription": {"name": t.name("subscriptions"), "ack_deadline_seconds": 20},
                                               "update_mask": {"paths": ["ack_deadline_seconds"]}})
    assert t.get(subscription).ack_deadline_seconds == 10


# Fixed when a subscription is made: its topic, filter and ordering (docs/subscription-properties).
@check("update subscription: name, topic, filter and ordering cannot change")
def subscription_immutable(t):
    _, subscription = t.pair()
    other = t.topic()
    update_refused(t, subscription, ["name"])
    update_refused(t, subscription, ["topic"], topic=other)
    update_refused(t, subscription, ["filter"], filter="attributes:a")
    update_refused(t, subscription, ["enable_message_ordering"], enable_message_ordering=True)


@check("update subscription: values out of range are refused, and nothing of the update is done",
       lax={"emulator": "does what comes before"})
def subscription_update_range(t):
    _, subscription = t.pair()
    update_refused(t, subscription, ["message_retention_duration", "ack_deadline_seconds"], ack_deadline_seconds=50,
                   message_retention_duration=seconds(599))
    assert t.get(subscription).ack_deadline_seconds == 10


@check("update subscription: an ack deadline of 9 or 601 s is refused", lax={"emulator": "takes any ack deadline"})
def subscription_update_deadline(t):
    _, subscription = t.pair()
    for bad in (9, 601, -1):
        update_refused(t, subscription, ["ack_deadline_seconds"], ack_deadline_seconds=bad)
    assert t.get(subscription).ack_deadline_seconds == 10


@check("update subscription: a dead letter topic that is not there")
def subscription_update_dead(t):
    _, subscription = t.pair()
    policy = {"dead_letter_topic": t.name("topics"), "max_delivery_attempts": 5}
    missing(t.subscriber.update_subscription, {"subscription": {"name": subscription, "dead_letter_policy": policy},
                                               "update_mask": {"paths": ["dead_letter_policy"]}})


@check("update snapshot: labels and expire time", lax={"emulator": "answers 501"})
def snapshot_update(t):
    _, subscription = t.pair()
    name = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription, "labels": {"a": "1"}})
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
    call(t.subscriber.update_snapshot, {"snapshot": {"name": name, "labels": {"b": "2"}}, "update_mask": {"paths": ["labels"]}})
    got = call(t.subscriber.get_snapshot, {"snapshot": name})
    assert dict(got.labels) == {"b": "2"}, got
    call(t.subscriber.update_snapshot, {"snapshot": {"name": name, "expire_time": soon}, "update_mask": {"paths": ["expire_time"]}})
    got = call(t.subscriber.get_snapshot, {"snapshot": name})
    assert abs((got.expire_time - soon).total_seconds()) < 2, got.expire_time
    for mask in ([], ["no_such_field"], ["topic"]):
        invalid(t.subscriber.update_snapshot, {"snapshot": {"name": name}, "update_mask": {"paths": mask}})
    missing(t.subscriber.update_snapshot, {"snapshot": {"name": t.name("snapshots"), "labels": {"a": "b"}}, "update_mask": {"paths": ["labels"]}})
