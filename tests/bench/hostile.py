#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py KIND PORT: a crowd of peers that misbehave, until standard input ends. Prints "ready" when all of it is
there and at the end one JSON line: connections opened, those the proxy ended, bytes sent.

Every kind has a roof of connections and of work per second, so that what is measured beside it is the proxy and not this
process; it should run with the scheduler's idle policy on another core than the proxy (chrt -i 0, taskset)."""

import json
import resource
import selectors
import socket
import struct
import sys
import time

TICK = 0.01
HEAD = b"GET /%s HTTP/1.1\r\nHost: bench.example\r\n"
POST = b"POST /%s HTTP/1.1\r\nHost: bench.example\r\n"


class Crowd:
    """`count` connections that are opened at up to `rate` a second and replaced when the proxy ends them. `pace` is how
    many of them act in a second, one after the other."""

    count, rate, pace = 500, 1000, 500
    receive_buffer = 0
    is_deaf = False

    def __init__(self, port):
        self.port = port
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        self.opened = self.ended = self.sent = 0
        self.at, self.due = 0, 0.0
        self.left = {}  # the rest of what could not be sent at once, where that matters

    def begin(self, client):
        """What a new connection says first."""

    def act(self, client):
        """What it says when its turn comes."""

    def say(self, client, data):
        try:
            self.sent += client.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(client)

    def open(self):
        client = socket.socket()
        if self.receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        client.settimeout(2)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            return
        client.setblocking(False)
        self.opened += 1
        self.sockets.append(client)
        if not self.is_deaf:
            self.selector.register(client, selectors.EVENT_READ)
        self.begin(client)

    def drop(self, client):
        if client not in self.sockets:
            return
        self.sockets.remove(client)
        self.left.pop(client, None)
        if not self.is_deaf:
            self.selector.unregister(client)
        client.close()
        self.ended += 1

    def heard(self, client, data):
        """An answer, or a part of one."""

    def listen(self, seconds):
        for key, _ in self.selector.select(seconds):
            try:
                data = key.fileobj.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                self.heard(key.fileobj, data)
            else:
                self.drop(key.fileobj)

    def turn(self, seconds):
        """One tick's share of the work."""
        for _ in range(max(1, int(self.rate * seconds))):
            if len(self.sockets) < self.count:
                self.open()
        self.due += self.pace * seconds
        while self.due >= 1 and self.sockets:
            self.due -= 1
            self.at = (self.at + 1) % len(self.sockets)
            self.act(self.sockets[self.at])


class Heads(Crowd):
    """Heads that never end, a field at a time."""

    def begin(self, client):
        self.say(client, HEAD % b"slow")

    def act(self, client):
        self.say(client, b"X-A: b\r\n")


class Bodies(Crowd):
    """Bodies that come byte by byte."""

    count = 300

    def begin(self, client):
        self.say(client, POST % b"slow" + b"Content-Length: 1000000\r\n\r\n")

    def act(self, client):
        self.say(client, b"x")


class Readers(Crowd):
    """Asks for megabytes and never reads."""

    count, pace, receive_buffer, is_deaf = 50, 0, 4096, True

    def begin(self, client):
        self.say(client, HEAD % b"large" + b"\r\n")


class Churn(Crowd):
    """Connections that come and go: silent, in the middle of a head or behind a request, by FIN and by RST."""

    count, rate, pace = 1, 0, 0
    words = [b"", HEAD % b"churn", HEAD % b"churn" + b"\r\n", b"\x16\x03\x01"]

    def turn(self, seconds):
        for _ in range(int(1000 * seconds)):
            self.open()

    def begin(self, client):
        self.say(client, self.words[self.opened % len(self.words)])
        if self.opened // len(self.words) % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop(client)


class Pipeline(Crowd):
    """Two hundred requests at once, and again when they are answered."""

    count, pace = 4, 20
    burst = (HEAD % b"flood" + b"\r\n") * 200

    def begin(self, client):
        self.left[client] = b""

    def act(self, client):
        data, sent = self.left[client] or self.burst, self.sent
        self.say(client, data)
        self.left[client] = data[self.sent - sent:]


class Once(Crowd):
    """Sends one message that no proxy should take, and comes again."""

    count, rate, pace = 16, 300, 0
    message = b""

    def begin(self, client):
        self.say(client, self.message)


class Extensions(Once):
    """Chunks whose extensions never end."""

    message = POST % b"chunks" + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"e" * 4000 + b"\r\nx\r\n") * 16


class Fields(Once):
    """Ten thousand fields."""

    message = HEAD % b"fields" + b"A:b\r\n" * 10000 + b"\r\n"


KINDS = {kind.__name__.lower(): kind
         for kind in (Heads, Bodies, Readers, Churn, Pipeline, Extensions, Fields)}


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = KINDS[sys.argv[1]](int(sys.argv[2]))
    stop = selectors.DefaultSelector()
    stop.register(sys.stdin, selectors.EVENT_READ)
    is_ready, last = False, time.monotonic()
    while not stop.select(0):
        crowd.listen(TICK)
        now = time.monotonic()
        if now - last < TICK:
            time.sleep(TICK - (now - last))
            now = time.monotonic()
        crowd.turn(min(now - last, 0.1))
        last = now
        if not is_ready and (len(crowd.sockets) >= crowd.count or crowd.opened > crowd.count):
            is_ready = True
            print("ready", flush=True)
    print(json.dumps({"opened": crowd.opened, "ended": crowd.ended, "sent": crowd.sent}), flush=True)


if __name__ == "__main__":
    main()
