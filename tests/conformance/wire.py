"""What the clients never send or hide: raw HTTP and JSON.

JSON by protobuf.dev/programming-guides/json ("ProtoJSON": names in both cases, numbers as text, both alphabets of base64, enums by
number), addresses and errors by google.aip.dev/127 and 193, `$alt` and friends by cloud.google.com/apis/docs/system-parameters.
"""
import base64
import json

from harness import check, short


def path(name):
    return name.split("/", 2)[2]


def answers(answer, status, word=None):
    assert answer.status == status, f"want {status}, got {answer.status}: {answer.body[:300]}"
    if word:
        assert answer.json["error"]["status"] == word, answer.body
    return answer


def bad(answer):
    return answers(answer, 400, "INVALID_ARGUMENT")


def new(t, kind="topics"):
    return path(t.name(kind))


def create(t, topic_, **fields):
    """A subscription by raw fields: its answer."""
    return t.http("PUT", new(t, "subscriptions"), {"topic": topic_, **fields})


@check("wire: an error is JSON with code, message and status")
def error_body(t):
    answer = answers(t.http("GET", new(t)), 404, "NOT_FOUND")
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    error = answer.json["error"]
    assert error["code"] == 404 and isinstance(error["message"], str) and error["message"]


@check("wire: no such method, collection or verb")
def no_such_method(t):
    topic = path(t.topic())
    for method, where in (("GET", "nothing"), ("GET", "nothing/abc"), ("POST", f"{topic}:frobnicate"), ("GET", f"{topic}/nothing")):
        answer = t.http(method, where, None if method == "GET" else {})
        assert answer.status == 404, f"{method} {where}: {answer.status}"


@check("wire: unknown fields are refused, also inside others")
def unknown_fields(t):
    topic = t.topic()
    bad(t.http("PUT", new(t), {"nameless": 1}))
    bad(create(t, topic, nameless=1))
    bad(create(t, topic, retryPolicy={"nameless": 1}))
    bad(create(t, topic, deadLetterPolicy={"nameless": 1}))
    bad(t.http("POST", f"{path(topic)}:publish", {"messages": [{"data": "eA==", "nameless": 1}]}))
    bad(t.http("POST", f"{path(topic)}:publish", {"messages": [{"data": "eA=="}], "nameless": 1}))
    subscription = t.subscription(topic)
    bad(t.http("POST", f"{path(subscription)}:pull", {"maxMessages": 1, "returnImmediately": True, "nameless": 1}))
    bad(t.http("POST", f"{path(subscription)}:acknowledge", {"ackIds": ["x"], "nameless": 1}))
    assert not t.pull(subscription)


@check("wire: a body that does not say it is JSON does nothing")
def content_type(t):
    topic, subscription = t.pair()
    body = json.dumps({"messages": [{"data": "eA=="}]})
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream"):
        answer = t.http("POST", f"{path(topic)}:publish", body, {"Content-Type": kind})
        assert 400 <= answer.status < 500, f"{kind}: {answer.status}"
    assert not t.pull(subscription)
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        assert t.http("POST", f"{path(topic)}:publish", body, {"Content-Type": kind}).status == 200, kind


# "The type and subtype tokens are case-insensitive." (RFC 9110, 8.3.1)
@check("wire: Application/JSON in capitals is JSON", lax={"emulator": "answers 404"})
def content_type_case(t):
    answers(t.http("PUT", new(t), "{}", {"Content-Type": "Application/JSON"}), 200)


@check("wire: what is not JSON, or not an object")
def not_json(t):
    for body in ("{", "[]", '"x"', "1", '{"messages":[{"data":"eA=="}]', '{"messages":{}}', '{"messages":[1]}', '{"messages":"x"}', "{}{}",
                 "[" * 5000):
        bad(t.http("POST", f"{path(t.topic())}:publish", body))


@check("wire: text that is not UTF-8", lax={"emulator": "puts U+FFFD in its place"})
def not_utf8(t):
    topic, subscription = t.pair()
    bad(t.http("POST", f"{path(topic)}:publish", b'{"messages":[{"attributes":{"a":"\xff"}}]}'))
    assert not t.pull(subscription)


@check("wire: a body in chunks")
def chunks(t):
    topic, subscription = t.pair()
    body = json.dumps({"messages": [{"data": "eHl6"}]}).encode()
    answers(t.http("POST", f"{path(topic)}:publish", (body[i:i + 5] for i in range(0, len(body), 5))), 200)
    assert [r.message.data for r in t.wait(subscription, 1)] == [b"xyz"]


@check("wire: fields in snake_case are read as in lowerCamelCase")
def snake_case(t):
    topic, dead = t.topic(), t.topic()
    made = answers(create(t, topic, ack_deadline_seconds=44, retry_policy={"minimum_backoff": "1s", "maximum_backoff": "2s"},
                          dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 6}), 200).json
    assert made["ackDeadlineSeconds"] == 44 and made["retryPolicy"] == {"minimumBackoff": "1s", "maximumBackoff": "2s"}, made
    assert made["deadLetterPolicy"] == {"deadLetterTopic": dead, "maxDeliveryAttempts": 6}, made
    where = path(made["name"])
    for mask in ("ack_deadline_seconds", "ackDeadlineSeconds"):
        for wrapper in ("updateMask", "update_mask"):
            answers(t.http("PATCH", where, {"subscription": {"name": made["name"], "ack_deadline_seconds": 55}, wrapper: mask}), 200)
    answers(t.http("POST", f"{where}:pull", {"max_messages": 1, "return_immediately": True}), 200)


@check("wire: 32-bit numbers also as text, and whole ones with a fraction of zero")
def numbers(t):
    topic = t.topic()
    for given in (30, "30", 30.0, "30.0", "3e1"):
        made = answers(create(t, topic, ackDeadlineSeconds=given), 200).json
        assert made["ackDeadlineSeconds"] == 30, given
    for given in (30.5, "thirty", "", 1e10, "4294967306", True, {}):
        answer = create(t, topic, ackDeadlineSeconds=given)
        assert answer.status == 400, f"{given!r}: {answer.status}"


@check("wire: null is a field that is not given")
def nulls(t):
    topic = t.topic()
    made = answers(create(t, topic, ackDeadlineSeconds=None, filter=None, retryPolicy=None, deadLetterPolicy=None, labels=None), 200).json
    assert made["ackDeadlineSeconds"] == 10 and "retryPolicy" not in made, made


@check("wire: durations with and without a fraction")
def durations(t):
    topic = t.topic()
    for given, want in (("2s", "2s"), ("2.5s", "2.500s"), ("2.500000000s", "2.500s"), ("0s", "0s")):
        made = answers(create(t, topic, retryPolicy={"minimumBackoff": given, "maximumBackoff": "9s"}), 200).json
        assert made["retryPolicy"]["minimumBackoff"] in (want, "2.5s" if want == "2.500s" else want), made


@check("wire: what is no duration", lax={"emulator": "cuts the tenth digit of a fraction off"})
def durations_bad(t):
    topic = t.topic()
    for given in ("2", 2, "2m", "s", "2 s", "2.0000000001s", "", "1e1s", {"seconds": 2}):
        answer = create(t, topic, retryPolicy={"minimumBackoff": given, "maximumBackoff": "9s"})
        assert answer.status == 400, f"{given!r}: {answer.status}"


@check("wire: fields of the wrong type", lax={"emulator": "takes a number for a text, and a list of one for what is in it"})
def wrong_types(t):
    topic, subscription = t.pair()
    for fields in ({"filter": 1}, {"topic": 1}, {"retryPolicy": "x"}, {"ackDeadlineSeconds": [30]}, {"retryPolicy": []},
                   {"enableMessageOrdering": "yes"}, {"labels": []}, {"deadLetterPolicy": {"deadLetterTopic": 1}}):
        answer = create(t, topic, **fields)
        assert answer.status == 400, f"{fields}: {answer.status}"
    for message in ({"data": 1}, {"attributes": {"a": 1}}, {"attributes": {"a": None}}, {"attributes": []}, {"attributes": {"a": {"b": "c"}}},
                    {"data": "eA==", "orderingKey": 1}):
        answer = t.http("POST", f"{path(topic)}:publish", {"messages": [message]})
        assert answer.status == 400, f"{message}: {answer.status}"
    for body in ({"ackIds": "x"}, {"ackIds": [1]}, {"ackIds": {}}):
        bad(t.http("POST", f"{path(subscription)}:acknowledge", body))
    assert not t.pull(subscription)


@check("wire: base64 of both alphabets, with and without padding; answered in the standard one")
def base64_variants(t):
    topic, subscription = t.pair()
    body = b"\xfb\xef\xbe\xff"
    for text in ("++++/w==", "++++/w", "----_w==", "----_w"):
        answers(t.http("POST", f"{path(topic)}:publish", {"messages": [{"data": text}]}), 200)
    pulled = answers(t.http("POST", f"{path(subscription)}:pull", {"maxMessages": 10, "returnImmediately": True}), 200).json
    got = [r["message"]["data"] for r in pulled["receivedMessages"]]
    assert got == [base64.b64encode(body).decode()] * 4, got


@check("wire: what is no base64", lax={"emulator": "takes a wrong padding"})
def base64_bad(t):
    topic, subscription = t.pair()
    for text in ("e", "eA=", "!!!!", "eA==eA==", "e A=", "\u00e9\u00e9\u00e9\u00e9"):
        answer = t.http("POST", f"{path(topic)}:publish", {"messages": [{"data": text}]})
        assert answer.status == 400, f"{text!r}: {answer.status}"
    assert not t.pull(subscription)


@check("wire: enums by number where $alt asks for it, by name else", lax={"emulator": "tells no state"})
def enums(t):
    _, subscription = t.pair()
    where = path(subscription)
    assert answers(t.http("GET", where), 200).json.get("state") == "ACTIVE"
    assert answers(t.http("GET", where + "?%24alt=json%3Benum-encoding%3Dint"), 200).json.get("state") == 1


@check("wire: enums are read by number and by name; a state that is given is ignored", lax={"emulator": "believes it"})
def enums_read(t):
    topic = t.topic()
    for given in ("ACTIVE", 1, "RESOURCE_ERROR", 2, "STATE_UNSPECIFIED", 0):
        made = answers(create(t, topic, state=given), 200).json
        assert made.get("state") in (None, "ACTIVE"), made


@check("wire: an enum's name that does not exist")
def enums_bad(t):
    bad(create(t, t.topic(), state="NO_SUCH_STATE"))


@check("wire: the system parameters of Google's APIs are taken")
def system_parameters(t):
    topic = path(t.topic())
    for query in ("%24alt=json", "$alt=json%3Benum-encoding%3Dint", "alt=json", "prettyPrint=false", "key=AIza", "fields=name",
                  "%24prettyPrint=true"):
        answer = answers(t.http("GET", f"{topic}?{query}"), 200)
        assert short(answer.json["name"]) == short(topic), answer.body


@check("wire: names with % and + in the address")
def escaped_names(t):
    stem = short(t.name("topics"))
    made = answers(t.http("PUT", f"topics/{stem}+a%2Bb%25c%7e", {}), 200).json
    assert made["name"] == f"projects/{t.project}/topics/{stem}+a+b%c~", made
    answers(t.http("GET", f"topics/{stem}%2Ba+b%25c~"), 200)
    answers(t.http("DELETE", f"topics/{stem}+a+b%25c~"), 200)


@check("wire: the name in the body must be that of the address, or absent", lax={"emulator": "does not answer"})
def body_name(t):
    name = t.name("topics")
    answers(t.http("PUT", path(name), {"name": name}), 200)
    other = t.name("topics")
    made = t.http("PUT", path(other), {"name": name})
    assert made.status == 400 or made.json["name"] == other, made.body


@check("wire: the largest request there is")
def largest_body(t):
    topic, subscription = t.pair()
    text = base64.b64encode(bytes(9_900_000)).decode()
    answers(t.http("POST", f"{path(topic)}:publish", {"messages": [{"data": text}]}), 200)
    assert len(t.wait(subscription, 1)[0].message.data) == 9_900_000


@check("wire: a request of 40 MB is refused, and the service lives")
def body_too_large(t):
    topic = t.topic()
    try:
        answer = t.http("POST", f"{path(topic)}:publish", '{"messages":[{"data":"' + "A" * 40_000_000 + '"}]}')
        assert answer.status in (400, 413), answer.status
    except (ConnectionError, BrokenPipeError):
        pass  # closed before all was sent
    answers(t.http("GET", path(topic)), 200)
