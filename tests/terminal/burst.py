"""Makes a host tell events in a burst while a reader of its stream does not read, and then reads what
that reader is told: every event by its number, or how many it has missed.

burst.py SOCKET EVENTS
"""

import json
import socket
import sys
import time

path, events = sys.argv[1], int(sys.argv[2])
AT_ONCE = 50


def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(path)
    return connection


def request(method, call):
    return f"{method} /manage/v1/{call} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


slow = connect()
slow.sendall(request("GET", "events/stream"))
told = b""
while b"\r\n\r\n" not in told:
    told += slow.recv(1)

orders = connect()
both = request("POST", "pause") + request("POST", "resume")
began = time.monotonic()
for _ in range(events // AT_ONCE):
    orders.sendall(both * (AT_ONCE // 2))
    answers = b""
    while answers.count(b'"changed":true}') < AT_ONCE:
        answers += orders.recv(65536)
took = time.monotonic() - began


def chunks():
    """The body, without what HTTP puts around its chunks."""
    waiting = b""
    while True:
        while b"\r\n" not in waiting:
            waiting += slow.recv(65536)
        size, waiting = waiting.split(b"\r\n", 1)
        size = int(size, 16)
        while len(waiting) < size + 2:
            waiting += slow.recv(65536)
        yield waiting[:size]
        waiting = waiting[size + 2 :]


orders.sendall(request("GET", "events"))
answer = b""
while b'"last_id":"' not in answer or not answer.endswith(b"}"):
    answer += orders.recv(65536)
last = int(answer.rsplit(b'"last_id":"', 1)[1].split(b'"')[0].rsplit(b"-", 1)[1])

heard, missed, gap, number, body = 0, 0, 0, None, b""
for chunk in chunks():
    body += chunk
    *whole, body = body.split(b"\n\n")
    for event in whole:
        fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
        if fields.get(b"event") == b"missed":
            gap = json.loads(fields[b"data"])["missed"]
            missed += gap
        elif b"id" in fields:
            this = int(fields[b"id"].rsplit(b"-", 1)[1])
            assert number is None or this == number + gap + 1, (number, gap, this)
            heard, gap, number = heard + 1, 0, this
    if number is not None and number >= last:
        break
assert missed > 0, "the reader did not fall behind"
print(f"   {events} events told in {took:.1f} s; the slow reader got {heard}, and was told that it missed {missed}")
