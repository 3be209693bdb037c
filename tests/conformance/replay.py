"""Seek and snapshots: what was acknowledged comes again, what waits is purged (cloud.google.com/pubsub/docs/replay-overview)."""
import datetime
import time

from google.protobuf import duration_pb2

from harness import call, check, data


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def ago(s):
    return now() - datetime.timedelta(seconds=s)


def seek(t, subscription, **to):
    call(t.subscriber.seek, {"subscription": subscription, **to})


@check("seek: to now purges what waits, also what is outstanding")
def seek_purges(t):
    topic, subscription = t.pair()
    t.publish(topic, b"outstanding")
    got = t.wait(subscription, 1)
    t.publish(topic, b"waiting")
    time.sleep(0.2)
    seek(t, subscription, time=now() + datetime.timedelta(seconds=1))
    t.lease(subscription, got, 0)
    assert not t.wait(subscription, 1, for_s=2)
    t.publish(topic, b"later")
    assert data(t.wait(subscription, 1)) == [b"later"]


@check("seek: back in time brings acknowledged messages again where they are retained")
def seek_back(t):
    topic, subscription = t.pair(retain_acked_messages=True)
    t.publish(topic, b"early")
    time.sleep(1.5)
    between = now()
    time.sleep(1.5)
    t.publish(topic, b"late")
    assert sorted(data(t.drain(subscription))) == [b"early", b"late"]
    seek(t, subscription, time=between)
    assert data(t.drain(subscription)) == [b"late"]
    seek(t, subscription, time=ago(3600))
    assert sorted(data(t.drain(subscription))) == [b"early", b"late"]


@check("seek: back in time brings nothing again where acknowledged messages are not retained")
def seek_back_not_retained(t):
    topic, subscription = t.pair()
    t.publish(topic, b"acked", b"waiting")
    got = t.wait(subscription, 2)
    t.ack(subscription, [r for r in got if r.message.data == b"acked"])
    seek(t, subscription, time=ago(3600))
    assert data(t.wait(subscription, 1)) == [b"waiting"]
    assert not t.wait(subscription, 1, for_s=1)


@check("seek: retention asked for later keeps from then on")
def retain_later(t):
    topic, subscription = t.pair()
    t.publish(topic, b"before")
    t.drain(subscription)
    call(t.subscriber.update_subscription, {"subscription": {"name": subscription, "retain_acked_messages": True},
                                            "update_mask": {"paths": ["retain_acked_messages"]}})
    t.publish(topic, b"after")
    t.drain(subscription)
    seek(t, subscription, time=ago(3600))
    assert data(t.drain(subscription)) == [b"after"]


@check("seek: what a topic retains can be brought again, also from before the subscription",
       lax={"emulator": "topic retention keeps nothing"})
def topic_retention(t):
    topic = t.topic(message_retention_duration=duration_pb2.Duration(seconds=3600))
    t.publish(topic, b"before")
    subscription = t.subscription(topic)
    t.publish(topic, b"acked")
    assert data(t.drain(subscription)) == [b"acked"]
    seek(t, subscription, time=ago(60))
    assert sorted(data(t.drain(subscription))) == [b"acked", b"before"]
    assert t.get(subscription).topic_message_retention_duration.total_seconds() == 3600


@check("snapshot: seek brings back what was unacknowledged then, and what came after")
def snapshot_seek(t):
    topic, subscription = t.pair()
    t.publish(topic, b"acked before", b"acked after")
    got = t.wait(subscription, 2)
    t.ack(subscription, [r for r in got if r.message.data == b"acked before"])
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": subscription})
    t.ack(subscription, [r for r in got if r.message.data == b"acked after"])
    t.publish(topic, b"published after")
    assert data(t.drain(subscription)) == [b"published after"]
    for _ in range(2):
        seek(t, subscription, snapshot=snapshot)
        assert sorted(data(t.drain(subscription))) == [b"acked after", b"published after"]


# "you can copy the acknowledgment state of one subscription to another by using seek in combination with a snapshot"
@check("snapshot: of one subscription, for another of the same topic")
def snapshot_other(t):
    topic, subscription = t.pair()
    other = t.subscription(topic, retain_acked_messages=True)
    t.publish(topic, b"a", b"b")
    t.ack(subscription, [r for r in t.wait(subscription, 2) if r.message.data == b"a"])
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": subscription})
    assert sorted(data(t.drain(other))) == [b"a", b"b"]
    seek(t, other, snapshot=snapshot)
    assert data(t.drain(other)) == [b"b"]


# "A snapshot retains the unacknowledged messages of the source subscription at the time of creation of the snapshot"
@check("snapshot: for a subscription that is younger", lax={"emulator": "keeps no messages of its own"})
def snapshot_younger(t):
    topic, subscription = t.pair()
    t.publish(topic, b"x")
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": subscription})
    other = t.subscription(topic)
    assert not t.wait(other, 1, for_s=0.5)
    seek(t, other, snapshot=snapshot)
    assert data(t.drain(other)) == [b"x"]
    assert data(t.drain(subscription)) == [b"x"], "the first one is as it was"


@check("snapshot: a seek back to it acknowledges nothing that waits")
def snapshot_waiting(t):
    topic, subscription = t.pair()
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": subscription})
    t.publish(topic, b"x")
    seek(t, subscription, snapshot=snapshot)
    assert data(t.drain(subscription)) == [b"x"]


@check("snapshot: deleted, it can no longer be sought")
def snapshot_deleted(t):
    _, subscription = t.pair()
    snapshot = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": snapshot, "subscription": subscription})
    call(t.subscriber.delete_snapshot, {"snapshot": snapshot})
    try:
        seek(t, subscription, snapshot=snapshot)
    except Exception as e:  # pylint: disable=broad-except
        assert getattr(e, "code", 0) == 404, e
        return
    raise AssertionError("it was found")
