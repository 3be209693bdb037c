"""Topics, subscriptions and snapshots: made, read, listed, deleted.

From the reference of projects.topics, projects.subscriptions and projects.snapshots (cloud.google.com/pubsub/docs/reference/rest).
"""
import datetime

from google.protobuf import duration_pb2

from harness import call, check, invalid, missing, out_of_range, refused, taken

DAY_S = 86400


def seconds(n):
    return duration_pb2.Duration(seconds=n)


# --- topics ------------------------------------------------------------------------------------------------------------

@check("topic: made, read, deleted, gone")
def topic_life(t):
    name = t.name("topics")
    assert call(t.publisher.create_topic, {"name": name}).name == name
    assert call(t.publisher.get_topic, {"topic": name}).name == name
    call(t.publisher.delete_topic, {"topic": name})
    missing(t.publisher.get_topic, {"topic": name})
    missing(t.publisher.delete_topic, {"topic": name})
    missing(t.publisher.publish, {"topic": name, "messages": [{"data": b"x"}]})


@check("topic: labels and retention are kept")
def topic_fields(t):
    name = t.topic(labels={"a": "b", "c": ""}, message_retention_duration=seconds(600))
    topic = call(t.publisher.get_topic, {"topic": name})
    assert dict(topic.labels) == {"a": "b", "c": ""}, topic.labels
    assert topic.message_retention_duration.total_seconds() == 600


@check("topic: one that is there already is a conflict")
def topic_twice(t):
    taken(t.publisher.create_topic, {"name": t.topic()})


@check("topic: a retention of 599 s or of 31 days and a second is refused")
def topic_retention_range(t):
    for good in (600, 31 * DAY_S):
        t.topic(message_retention_duration=seconds(good))
    for bad in (599, 31 * DAY_S + 1):
        out_of_range(t.publisher.create_topic, {"name": t.name("topics"), "message_retention_duration": seconds(bad)})


# "must start with a letter, and contain only letters ([A-Za-z]), numbers ([0-9]), dashes (-), underscores (_), periods (.), tildes (~), plus (+)
# or percent signs (%). It must be between 3 and 255 characters in length, and it must not start with "goog"."
GOOD_NAMES = ["abc", "a" * 255, "Az09-_.~+%", "a%2F", "agoog"]
BAD_NAMES = ["ab", "a" * 256, "1abc", "-abc", "_abc", "goog", "google-x", "a!bc", "a b c", "a*bc", "caf\u00e9"]


@check("names of topics")
def topic_names(t):
    for name in GOOD_NAMES:
        full = f"projects/{t.project}/topics/{name}"
        assert call(t.publisher.create_topic, {"name": full}).name == full, name
        call(t.publisher.delete_topic, {"topic": full})
    for name in BAD_NAMES:
        invalid(t.publisher.create_topic, {"name": f"projects/{t.project}/topics/{name}"})


@check("names of subscriptions")
def subscription_names(t):
    topic = t.topic()
    for name in GOOD_NAMES:
        full = f"projects/{t.project}/subscriptions/{name}"
        assert call(t.subscriber.create_subscription, {"name": full, "topic": topic}).name == full, name
        call(t.subscriber.delete_subscription, {"subscription": full})
    for name in BAD_NAMES:
        invalid(t.subscriber.create_subscription, {"name": f"projects/{t.project}/subscriptions/{name}", "topic": topic})


@check("names of snapshots")
def snapshot_names(t):
    _, subscription = t.pair()
    for name in GOOD_NAMES:
        full = f"projects/{t.project}/snapshots/{name}"
        assert call(t.subscriber.create_snapshot, {"name": full, "subscription": subscription}).name == full, name
        call(t.subscriber.delete_snapshot, {"snapshot": full})
    for name in BAD_NAMES:
        invalid(t.subscriber.create_snapshot, {"name": f"projects/{t.project}/snapshots/{name}", "subscription": subscription})


# --- lists -------------------------------------------------------------------------------------------------------------

def whole_list(method, request, field, page_size):
    """All names, by pages no larger than asked for."""
    names, token, pages = [], "", 0
    while True:
        page = next(call(method, {**request, "page_size": page_size, "page_token": token}).pages)
        items = getattr(page, field)
        assert len(items) <= page_size, f"{len(items)} on a page of {page_size}"
        names += [i if isinstance(i, str) else i.name for i in items]
        token, pages = page.next_page_token, pages + 1
        if not token:
            assert len(names) == len(set(names)), "one came twice"
            return names, pages


def is_listed_by_pages(t, method, request, field, mine, others=True):
    for page_size in (1, 2, 1000):
        names, pages = whole_list(method, request, field, page_size)
        assert set(mine) <= set(names), f"{set(mine) - set(names)} not listed by pages of {page_size}"
        assert others or sorted(names) == sorted(mine), names
        assert pages >= len(names) / page_size
    client = getattr(call(method, {**request, "page_size": 2}), "__iter__")()
    assert set(mine) <= {i if isinstance(i, str) else i.name for i in client}, "the client's own paging misses some"


@check("list: topics, by pages", alone=True)
def list_topics(t):
    mine = [t.topic() for _ in range(5)]
    is_listed_by_pages(t, t.publisher.list_topics, {"project": f"projects/{t.project}"}, "topics", mine)


@check("list: subscriptions, by pages", alone=True)
def list_subscriptions(t):
    topic = t.topic()
    mine = [t.subscription(topic) for _ in range(5)]
    is_listed_by_pages(t, t.subscriber.list_subscriptions, {"project": f"projects/{t.project}"}, "subscriptions", mine)


@check("list: snapshots, by pages", alone=True)
def list_snapshots(t):
    _, subscription = t.pair()
    mine = [t.name("snapshots") for _ in range(5)]
    for name in mine:
        call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription})
    is_listed_by_pages(t, t.subscriber.list_snapshots, {"project": f"projects/{t.project}"}, "snapshots", mine)


@check("list: subscriptions of a topic, by pages")
def list_topic_subscriptions(t):
    topic, _ = t.topic(), t.pair()
    mine = [t.subscription(topic) for _ in range(5)]
    is_listed_by_pages(t, t.publisher.list_topic_subscriptions, {"topic": topic}, "subscriptions", mine, others=False)


@check("list: snapshots of a topic, by pages")
def list_topic_snapshots(t):
    topic, subscription = t.pair()
    mine = [t.name("snapshots") for _ in range(5)]
    for name in mine:
        call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription})
    is_listed_by_pages(t, t.publisher.list_topic_snapshots, {"topic": topic}, "snapshots", mine, others=False)


@check("list: subscriptions of no topic", lax={"emulator": "lists none"})
def list_subscriptions_of_none(t):
    call(t.publisher.list_topic_subscriptions, {"topic": t.topic()})
    missing(t.publisher.list_topic_subscriptions, {"topic": t.name("topics")})


@check("list: snapshots of no topic", lax={"emulator": "lists none"})
def list_snapshots_of_none(t):
    call(t.publisher.list_topic_snapshots, {"topic": t.topic()})
    missing(t.publisher.list_topic_snapshots, {"topic": t.name("topics")})


# google.aip.dev/158: "If the user specifies a negative value for page_size, the API must send an INVALID_ARGUMENT error."
@check("list: a negative page size is refused", lax={"emulator": "takes it"})
def list_bad_size(t):
    project = {"project": f"projects/{t.project}"}
    invalid(t.publisher.list_topics, {**project, "page_size": -1})
    invalid(t.subscriber.list_subscriptions, {**project, "page_size": -1})


@check("list: a page token of nobody's is refused", lax={"emulator": "starts from the beginning"})
def list_bad_token(t):
    project = {"project": f"projects/{t.project}"}
    invalid(t.publisher.list_topics, {**project, "page_token": "no such token"})
    invalid(t.subscriber.list_subscriptions, {**project, "page_token": "no such token"})


# --- subscriptions -----------------------------------------------------------------------------------------------------

@check("subscription: made, read, deleted, gone")
def subscription_life(t):
    topic, name = t.topic(), t.name("subscriptions")
    made = call(t.subscriber.create_subscription, {"name": name, "topic": topic})
    assert (made.name, made.topic) == (name, topic)
    assert (t.get(name).name, t.get(name).topic) == (name, topic)
    call(t.subscriber.delete_subscription, {"subscription": name})
    missing(t.subscriber.get_subscription, {"subscription": name})
    missing(t.subscriber.delete_subscription, {"subscription": name})
    missing(t.subscriber.pull, {"subscription": name, "max_messages": 1, "return_immediately": True})
    missing(t.subscriber.acknowledge, {"subscription": name, "ack_ids": ["x"]})
    missing(t.subscriber.modify_ack_deadline, {"subscription": name, "ack_ids": ["x"], "ack_deadline_seconds": 10})
    missing(t.subscriber.seek, {"subscription": name, "time": datetime.datetime.now(datetime.timezone.utc)})


@check("subscription: of no topic, or there already")
def subscription_conflicts(t):
    topic, subscription = t.pair()
    missing(t.subscriber.create_subscription, {"name": t.name("subscriptions"), "topic": t.name("topics")})
    taken(t.subscriber.create_subscription, {"name": subscription, "topic": topic})


@check("subscription: defaults: a deadline of 10 s, retention of 7 days, pulled")
def subscription_defaults(t):
    _, subscription = t.pair()
    s = t.get(subscription)
    assert s.ack_deadline_seconds == 10, s.ack_deadline_seconds
    assert s.message_retention_duration.total_seconds() == 7 * DAY_S, s.message_retention_duration
    assert not (s.retain_acked_messages or s.enable_message_ordering or s.enable_exactly_once_delivery or s.detached)
    assert not (s.push_config.push_endpoint or s.filter or "dead_letter_policy" in s or "retry_policy" in s)


@check("subscription: the state is told", lax={"emulator": "tells none"})
def subscription_state(t):
    _, subscription = t.pair()
    assert t.get(subscription).state.name == "ACTIVE", t.get(subscription).state


@check("subscription: unset expiration is 31 days", lax={"emulator": "tells none"})
def subscription_expiration(t):
    _, subscription = t.pair()
    assert t.get(subscription).expiration_policy.ttl.total_seconds() == 31 * DAY_S, t.get(subscription).expiration_policy


@check("subscription: what is given is kept")
def subscription_fields(t):
    topic, dead = t.topic(), t.topic()
    subscription = t.subscription(
        topic, ack_deadline_seconds=77, retain_acked_messages=True, message_retention_duration=seconds(3600), labels={"team": "a"},
        enable_message_ordering=True, expiration_policy={}, filter='attributes:a AND NOT attributes.b = "c"',
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 7},
        retry_policy={"minimum_backoff": seconds(3), "maximum_backoff": seconds(30)})
    s = t.get(subscription)
    assert (s.ack_deadline_seconds, s.retain_acked_messages, s.enable_message_ordering) == (77, True, True)
    assert s.message_retention_duration.total_seconds() == 3600 and dict(s.labels) == {"team": "a"}
    assert s.filter == 'attributes:a AND NOT attributes.b = "c"'
    assert (s.dead_letter_policy.dead_letter_topic, s.dead_letter_policy.max_delivery_attempts) == (dead, 7)
    assert [d.total_seconds() for d in (s.retry_policy.minimum_backoff, s.retry_policy.maximum_backoff)] == [3, 30]
    assert "expiration_policy" in s and "ttl" not in s.expiration_policy, f"an empty policy means never: {s.expiration_policy}"


@check("subscription: its topic deleted, it says _deleted-topic_ and keeps what it has")
def subscription_orphan(t):
    topic, subscription = t.pair()
    t.publish(topic, b"left behind")
    call(t.publisher.delete_topic, {"topic": topic})
    assert t.get(subscription).topic == "_deleted-topic_", t.get(subscription).topic
    assert [r.message.data for r in t.wait(subscription, 1)] == [b"left behind"]


@check("subscription: a new topic of the old name is another topic")
def subscription_orphan_stays(t):
    topic, subscription = t.pair()
    call(t.publisher.delete_topic, {"topic": topic})
    call(t.publisher.create_topic, {"name": topic})
    t.publish(topic, b"for others")
    assert t.get(subscription).topic == "_deleted-topic_"
    assert not t.wait(subscription, 1, for_s=1)


@check("subscription: detached: no topic, no backlog, no pull", lax={"emulator": "answers 501"})
def subscription_detach(t):
    topic, subscription = t.pair()
    t.publish(topic, b"gone")
    call(t.publisher.detach_subscription, {"subscription": subscription})
    assert t.get(subscription).detached
    refused(400, "FAILED_PRECONDITION", t.subscriber.pull, {"subscription": subscription, "max_messages": 1, "return_immediately": True})
    missing(t.publisher.detach_subscription, {"subscription": t.name("subscriptions")})


# --- snapshots ---------------------------------------------------------------------------------------------------------

@check("snapshot: made, read, deleted, gone")
def snapshot_life(t):
    topic, subscription = t.pair()
    name = t.name("snapshots")
    made = call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription})
    left = (made.expire_time - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert (made.name, made.topic) == (name, topic), made
    assert 6.9 * DAY_S < left < 7.01 * DAY_S, f"expires in {left} s, want 7 days less the age of the oldest message"
    got = call(t.subscriber.get_snapshot, {"snapshot": name})
    assert (got.name, got.topic) == (name, topic)
    taken(t.subscriber.create_snapshot, {"name": name, "subscription": subscription})
    call(t.subscriber.delete_snapshot, {"snapshot": name})
    missing(t.subscriber.get_snapshot, {"snapshot": name})
    missing(t.subscriber.delete_snapshot, {"snapshot": name})
    missing(t.subscriber.create_snapshot, {"name": name, "subscription": t.name("subscriptions")})


@check("snapshot: labels are kept", lax={"emulator": "forgets them"})
def snapshot_labels(t):
    _, subscription = t.pair()
    name = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription, "labels": {"a": "b"}})
    got = call(t.subscriber.get_snapshot, {"snapshot": name})
    assert dict(got.labels) == {"a": "b"}, got


@check("snapshot: outlives its subscription")
def snapshot_outlives(t):
    topic, subscription = t.pair()
    name = t.name("snapshots")
    call(t.subscriber.create_snapshot, {"name": name, "subscription": subscription})
    call(t.subscriber.delete_subscription, {"subscription": subscription})
    assert call(t.subscriber.get_snapshot, {"snapshot": name}).topic == topic
