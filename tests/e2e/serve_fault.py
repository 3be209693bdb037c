#!/usr/bin/env python3
"""serve_fault - clients of `sargam serve` that behave badly or in great number; for serve_fault_test.sh.

usage: serve_fault.py PORT crowd PID N        N connections, others served meanwhile; memory of PID before, with and after
       serve_fault.py PORT slow N             N clients that send a byte a second, others served meanwhile
       serve_fault.py PORT hostile            heads and bodies over the limits, methods and bytes out of place
       serve_fault.py PORT left               a client that goes away while its pull waits takes no message along
       serve_fault.py PORT publish FILE       publishes on 8 connections until the server goes; what was acknowledged goes to FILE
       serve_fault.py PORT drain FILE         pulls and acknowledges all; each line of FILE must come, once

Exit status 0 when all is as it should be; what is not is printed.
"""
import base64
import http.client
import json
import resource
import socket
import sys
import threading
import time

PROJECT = "/v1/projects/sargam/"
AT_REST_KB = 60 * 1024
PORT = int(sys.argv[1])


def fail(text):
    sys.exit(f"serve_fault: {text}")


def call(c, method, path, body=None):
    c.request(method, PROJECT + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    return r.status, json.loads(r.read())


def connect(timeout_s=30):
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout_s)


def ask(method, path, body=None):
    c = connect()
    try:
        return call(c, method, path, body)
    finally:
        c.close()


def served():
    """A client that comes now: its answer, and how long it took."""
    begin = time.monotonic()
    status, _ = ask("GET", "topics")
    return status == 200 and time.monotonic() - begin < 5


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def raw():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=30)
    s.settimeout(30)
    return s


def read_all(s):
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
            head, mark, body = got.partition(b"\r\n\r\n")
            lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            if mark and lengths and len(body) >= lengths[0]:
                break
    except (ConnectionError, socket.timeout):
        pass
    return got


def crowd(pid, wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(wanted, hard - 200)
    before = resident_kb(pid)
    clients = [raw() for _ in range(count)]
    idle = resident_kb(pid)
    for s in clients[:: max(1, count // 1000)]:
        s.sendall(b"GET /v1/projects/sargam/topics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if b" 200 " not in read_all(s):
            fail("one of the crowd is not served")
    if count == wanted:  # the limit is reached: one more is closed, not left hanging
        more = raw()
        if more.recv(1) != b"":
            fail("one connection over the limit was not closed")
        clients.pop().close()
        time.sleep(0.5)
    if not served():
        fail("another client is not served beside the crowd")
    for s in clients:
        s.close()
    time.sleep(2)
    after = resident_kb(pid)
    print(f"{count} connections: {before} KiB at rest, {idle} with them, {after} after them")
    if before > AT_REST_KB or after > AT_REST_KB:
        fail(f"more than {AT_REST_KB} KiB at rest")


def slow(count):
    beginnings = [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"]
    clients = [raw() for _ in range(count)]
    for i, s in enumerate(clients):
        s.sendall(beginnings[i % 3])
    for _ in range(5):
        for s in clients:
            s.sendall(b"x")
        if not served():
            fail("nobody is served beside slow clients")
        time.sleep(0.5)


def hostile():
    head = b"Host: localhost\r\nContent-Type: application/json\r\n"
    cases = [
        ("a long address", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (414, 431)),
        ("a huge address", b"GET /" + b"a" * 2000000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (414, 431, 0)),
        ("a large head", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 17000 + b"\r\n\r\n", (431,)),
        ("a huge head", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 2000000 + b"\r\n\r\n", (431, 0)),
        ("many headers", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a:b\r\n" * 100000 + b"\r\n", (431, 413, 0)),
        ("a body over the limit", b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 99999999\r\n\r\n", (413,)),
        ("two lengths", b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", (400,)),
        ("length and chunks", b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
        ("no host", b"GET / HTTP/1.1\r\n\r\n", (400,)),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 100 + b"\r\n\r\n", (400, 0)),
        ("a body that is no JSON", b"POST /v1/projects/sargam/topics/topic-a:publish HTTP/1.1\r\n" + head + b"Content-Length: 3\r\n\r\n{\xff}", (400,)),
        ("deep JSON", b"PUT /v1/projects/sargam/topics/topic-a HTTP/1.1\r\n" + head + b"Content-Length: 100000\r\n\r\n" + b"[" * 100000, (400,)),
        ("a wrong type", b"PUT /v1/projects/sargam/topics/topic-b HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\n{}", (400,)),
        ("an unknown method", b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", (404, 405)),
    ]
    for name, request, wanted in cases:
        s = raw()
        try:
            s.sendall(request)
        except ConnectionError:
            pass
        got = read_all(s)
        s.close()
        status = int(got[9:12]) if got.startswith(b"HTTP/1.") else 0
        if status not in wanted:
            fail(f"{name}: {status or 'closed'}, want {' or '.join(map(str, wanted))}: {got[:200]!r}")
        if not served():
            fail(f"{name}: nobody is served after it")


def left():
    body = b'{"maxMessages":1}'
    for _ in range(20):
        s = raw()
        s.sendall(b"POST /v1/projects/sargam/subscriptions/sub-a:pull HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.05)
        s.close()
    ask("POST", "topics/topic-a:publish", {"messages": [{"data": base64.b64encode(b"left").decode()}]})
    status, got = ask("POST", "subscriptions/sub-a:pull", {"maxMessages": 1, "returnImmediately": True})
    received = got.get("receivedMessages", [])
    if status != 200 or len(received) != 1:
        fail(f"the message went to a client that had gone: {status} {got}")
    ask("POST", "subscriptions/sub-a:acknowledge", {"ackIds": [received[0]["ackId"]]})


def publish(path):
    lock, acknowledged, odd = threading.Lock(), [], []

    def work(worker):
        c, n = connect(), 0
        while True:
            data = [f"{path} {worker} {n} {k}" for k in range(1 + n % 3)]
            n += 1
            try:
                status, got = call(c, "POST", "topics/topic-a:publish",
                                   {"messages": [{"data": base64.b64encode(d.encode()).decode()} for d in data]})
            except (OSError, http.client.HTTPException, ValueError):
                return
            with lock:
                if status == 200:
                    acknowledged.extend(f"{i} {d}" for i, d in zip(got["messageIds"], data))
                else:
                    odd.append((status, got))
                    return

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    with open(path, "w") as f:
        f.writelines(line + "\n" for line in acknowledged)
    print(f"{len(acknowledged)} acknowledged")
    for status, got in odd:
        print(f"refused: {status} {json.dumps(got)}")


def drain(path):
    with open(path) as f:
        wanted = {line.rstrip("\n") for line in f}
    c, seen, more = connect(), {}, 0
    while True:
        status, got = call(c, "POST", "subscriptions/sub-a:pull", {"maxMessages": 1000, "returnImmediately": True})
        if status != 200:
            fail(f"pull: {status} {got}")
        received = got.get("receivedMessages", [])
        if not received:
            break
        for r in received:
            m = r["message"]
            line = f"{m['messageId']} {base64.b64decode(m['data']).decode()}"
            seen[line] = seen.get(line, 0) + 1
            more += line not in wanted
        status, got = call(c, "POST", "subscriptions/sub-a:acknowledge", {"ackIds": [r["ackId"] for r in received]})
        if status != 200:
            fail(f"acknowledge: {status} {got}")
    lost, twice = wanted - seen.keys(), [line for line, n in seen.items() if n > 1]
    print(f"{len(wanted)} acknowledged, {len(lost)} lost, {len(twice)} twice, {more} not acknowledged but there")
    if lost or twice:
        fail(f"lost: {sorted(lost)[:5]}, twice: {twice[:5]}")


if __name__ == "__main__":
    command, arguments = sys.argv[2], sys.argv[3:]
    {"crowd": lambda: crowd(int(arguments[0]), int(arguments[1])), "slow": lambda: slow(int(arguments[0])), "hostile": hostile,
     "left": left, "publish": lambda: publish(arguments[0]), "drain": lambda: drain(arguments[0])}[command]()
