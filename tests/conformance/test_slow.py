# SPDX-License-Identifier: Apache-2.0
"""Slow and greedy peers: each meets a roof, gives back what it took, and a good client beside
them is answered all the while. Timeouts come by moving the product's clock."""

import os
import socket
import struct
import threading
import time

import pytest

import counted
from lib.setia import sanitizer
from lib.wait import SLOW, until
from lib.wire import Closed, Connection, message
from recorder import echo

CROWD = 300
CHUNKED = [("Transfer-Encoding", "chunked")]


class Neighbour:
    """A well-behaved client, asking again and again. Every request must be answered, the slowest
    but one in a hundred within a second. The clock may leap only between its requests, or a timeout
    that is meant for the crowd would be its own."""

    def __init__(self, port, clock):
        self.port, self.clock, self.times, self.failures = port, clock, [], []
        self._between = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        if not kind:
            until(lambda: len(self.times) > 20 or self.failures, 10, "the neighbour's requests")
        self._stop.set()
        self._thread.join(10 * SLOW)
        if not kind:
            assert not self.failures, self.failures[:3]
            slow = sorted(self.times)[len(self.times) * 99 // 100 - 1]
            assert slow < 1.0 * SLOW, f"{slow:.3f} s beside the crowd"

    def leap(self, seconds):
        """Moves the clock, waits until every event loop has looked at it, and lets the neighbour
        ask once more, so that leap upon leap does not make it idle."""
        with self._between:
            self.clock.advance(seconds)
            time.sleep(0.25 * SLOW)
            count = len(self.times)
        until(lambda: len(self.times) > count or self.failures, 10, "the neighbour's next request")

    def _ask(self, client):
        with self._between:
            start = time.monotonic()
            body = client.get("/well-behaved").body
            self.times.append(time.monotonic() - start)
        if body != b"/well-behaved":
            self.failures.append(body)
        time.sleep(0.005)

    def _run(self):
        try:
            while not self._stop.is_set():
                with Connection(self.port, timeout=10) as client:
                    for _ in range(100):
                        if not self._stop.is_set():
                            self._ask(client)
        except (Closed, OSError) as error:
            self.failures.append(error)


@pytest.fixture
def neighbour(site, clock):
    with Neighbour(site.port, clock) as neighbour:
        yield neighbour


@pytest.fixture
def roofs(setia, site):
    """At the end every descriptor is back, and the memory of the crowd is not kept per head."""
    assert site.fetch("/before").status == 200

    def descriptors():
        return len(os.listdir(f"/proc/{setia.pid('proxy')}/fd"))

    before, memory = descriptors(), setia.resident_kb()
    yield
    until(lambda: descriptors() <= before + 70, 8, "descriptors to come back")
    assert sanitizer() or setia.resident_kb() - memory < 96 << 10


@pytest.fixture
def counts(site):
    """counts(name=n): what the crowd did was counted by its cause, and nothing else was."""
    before = counted.read(site)
    return lambda **expected: counted.check(site, before, **expected)


@pytest.fixture
def crowd(site):
    made = []

    def gather(count=CROWD, **options):
        made.extend(Connection(site.port, **options) for _ in range(count))
        return made[-count:]

    yield gather
    for client in made:
        client.close()


def ends(clients, status, within=5):
    """All are answered with this status (None: any, or nothing), and closed."""
    for client in clients:
        seen, is_closed = client.drain(within)
        assert is_closed, f"still open behind {seen[:100]!r}"
        if status:
            assert seen.startswith(b"HTTP/1.1 %d " % status), seen[:200]


def send_all(clients, data):
    for client in clients:
        try:
            client.send(data)
        except OSError:
            pass


def test_slowloris_heads(site, recorder, roofs, crowd, neighbour, counts):
    """A line of a head now and then buys no time: 60 s for all of it, then 408."""
    clients = crowd()
    send_all(clients, "GET /slow HTTP/1.1\r\nHost: a.example\r\n")
    for number in range(7):
        neighbour.leap(9)
        send_all(clients, f"X-{number}: y\r\n")
    ends(clients, 408)
    assert "/slow" not in recorder.targets
    counts(http_408_head=CROWD)


def test_slowloris_empty_lines(site, recorder, roofs, crowd, neighbour, counts):
    clients = crowd(50)
    for _ in range(7):
        send_all(clients, "\r\n" * 20)
        neighbour.leap(9)
    ends(clients, None)
    counts(http_400=50)


def test_slow_bodies(site, recorder, roofs, crowd, neighbour, counts):
    """Sixty seconds without a byte of the body: 408, and the target hears no whole request."""
    clients = crowd()
    send_all(clients, message("POST", "/slow", [("Content-Length", "1000")]) + b"x" * 10)
    send_all(clients[::2], b"x")
    time.sleep(0.3 * SLOW)
    neighbour.leap(62)
    ends(clients, 408)
    until(lambda: recorder.is_quiet, what="the half requests' connections to end")
    assert "/slow" not in recorder.targets
    counts(http_408_body=CROWD)


def test_heads_of_60_kb_that_never_end(site, recorder, roofs, crowd, neighbour, counts):
    """The roof of a head is held per connection, and given back with it."""
    clients = crowd(100)
    send_all(clients, b"GET /slow HTTP/1.1\r\nHost: a.example\r\nX-A: " + b"y" * 60000)
    time.sleep(0.3 * SLOW)
    neighbour.leap(62)
    ends(clients, 408)
    counts(http_408_head=100)


def test_readers_that_never_read(site, recorder, roofs, crowd, neighbour, counts):
    """The target is held back; after 60 s the client is cut, the target's connection freed."""
    body = b"x" * (48 << 20)
    sent = []

    def script(peer, seen):
        if seen.target == "/well-behaved":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n/well-behaved")
            return True
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        peer.send(body)
        sent.append(seen)
        return False

    recorder.script = script
    clients = crowd(10, receive_buffer=4096)
    send_all(clients, message(path="/greedy"))
    until(lambda: recorder.targets.count("/greedy") == 10, what="the requests")
    time.sleep(0.5 * SLOW)
    assert not sent, "48 MiB went somewhere"
    for _ in range(3):
        neighbour.leap(31)
    until(lambda: not [peer for peer in recorder.peers if peer.is_reading and not peer.is_ended],
          what="the targets' connections to end")
    for client in clients:
        with pytest.raises((Closed, ConnectionError)):
            client.read()
    counts(http_send_timeout=10)


def test_targets_that_drip(site, recorder, roofs, crowd, neighbour, counts):
    """A byte now and then is life: the answers are whole, however slow."""
    def script(peer, seen):
        if seen.target == "/well-behaved":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n/well-behaved")
            return
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello":
            peer.send(bytes([byte]))
            time.sleep(0.01)

    recorder.script = script
    clients = crowd(50)
    send_all(clients, message(path="/drip"))
    for client in clients:
        assert client.read().body == b"hello"
    counts()


def test_targets_that_never_read(site, recorder, roofs, crowd, neighbour, counts):
    """An upload into a wall: the client is held back, and cut after the send timeout."""
    recorder.reads_body = False
    wall = threading.Event()

    def script(peer, seen):
        if seen.target == "/well-behaved":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n/well-behaved")
            return True
        wall.wait(30)
        return False

    recorder.script = script
    clients = crowd(5)
    try:
        for client in clients:
            client.socket.setblocking(False)
            client.socket.send(message("POST", "/wall", [("Content-Length", str(50 << 20))]))
            went, block = 0, b"x" * (1 << 20)
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and went < 50 << 20:
                try:
                    went += client.socket.send(block)
                except BlockingIOError:
                    time.sleep(0.05)
            assert went < 40 << 20, "nobody holds the client back"
            client.socket.settimeout(client.timeout)
        neighbour.leap(62)
        ends(clients, None)
        counts(http_504_send=5)
    finally:
        wall.set()


def test_connection_churn(site, recorder, roofs, neighbour):
    """Four thousand connections that come and go, by FIN and by RST, with and without a word."""
    words = [b"", b"G", b"GET /churn HTTP/1.1\r\n", message(path="/churn"), b"\x16\x03\x01"]
    for number in range(4000):
        client = socket.create_connection(("127.0.0.1", site.port))
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        word = words[number % len(words)]
        if word:
            client.send(word)
        client.close()


def test_pipelining_flood(setia, site, recorder, roofs, neighbour):
    """Requests without end and no reading: nothing is read that is not answered soon, and a
    connection carries a thousand."""
    flood = message(path="/flood") * 5000
    with Connection(site.port, timeout=20) as client:
        def pour():
            try:
                client.send(flood)
            except OSError:
                pass

        thread = threading.Thread(target=pour)
        thread.start()
        count = 0
        while True:
            got = client.read()
            assert got.body == b"/flood"
            count += 1
            if got.one("Connection") == "close":
                break
        assert count == 1000
        assert client.drain(10)[1]
        thread.join(10)
    until(lambda: recorder.is_quiet)
    assert recorder.targets.count("/flood") == 1000


def test_pipelining_without_reading(setia, site, recorder, roofs, crowd, neighbour, counts):
    """What is not read is not answered: requests wait in the client's own socket."""
    seen = [0]

    def stands_still():
        count = sum(len(target) > 8000 for target in recorder.targets)
        seen.append(count)
        return count == seen[-2] > 0

    clients = crowd(5, receive_buffer=4096)
    for client in clients:
        client.socket.setblocking(False)
        try:
            for _ in range(200):
                client.socket.send(message(path="/" + "f" * 9000) * 30)
        except OSError:
            pass
        client.socket.settimeout(client.timeout)
    until(stands_still, 20, "the answers to fill every buffer", every=0.3 * SLOW)
    for _ in range(3):
        neighbour.leap(31)
    ends(clients, None)
    counts(http_send_timeout=5)


def test_bodies_in_chunks_of_one_byte(site, recorder, roofs, neighbour, counts):
    """Legal, and as expensive as a body can be made: it arrives whole."""
    size = 200000
    with Connection(site.port, timeout=20) as client:
        client.send(message("POST", "/tiny", CHUNKED) + b"1\r\nx\r\n" * size + b"0\r\n\r\n")
        assert client.read().one("X-Body") == str(size)
    counts()


@pytest.mark.parametrize("drip", [b"1;" + b"e" * 4096, b"0\r\n" + b"X-A: b\r\n" * 4096,
                                  b"0" * 4096, (b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 100])
def test_endless_framing(site, recorder, roofs, crowd, neighbour, counts, drip):
    clients = crowd(50)
    send_all(clients, message("POST", "/framing", CHUNKED) + drip)
    ends(clients, 400)
    until(lambda: recorder.is_quiet, what="the half requests' connections to end")
    assert "/framing" not in recorder.targets
    counts(**{"http_400_body" if drip[:2] == b"00" else "http_400_roof": 50})


def test_heads_of_thousands_of_fields(site, recorder, roofs, crowd, neighbour, counts):
    clients = crowd(100)
    send_all(clients, b"GET /fields HTTP/1.1\r\nHost: a\r\n" + b"A:b\r\n" * 10000 + b"\r\n")
    ends(clients, 431)
    assert "/fields" not in recorder.targets
    counts(http_431_fields=100)


def test_uploads_past_the_roof(site, recorder, roofs, neighbour, counts):
    """61 MiB in chunks, which nobody could foresee: 413 or an end, and no whole request."""
    recorder.reads_body = False

    def script(peer, seen):
        while seen.target == "/large":
            peer.more()
            del peer.buffer[:]
        peer.send(echo(seen))

    recorder.script = script
    with Connection(site.port, timeout=20) as client:
        try:
            client.send(message("POST", "/large", CHUNKED))
            for _ in range(70):
                client.send(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
        except OSError:
            pass
        seen, is_closed = client.drain(10)
    assert is_closed and (not seen or seen.startswith(b"HTTP/1.1 413 "))
    until(lambda: recorder.is_quiet, what="the half request's connection to end")
    counts(http_413=1)


def test_idle_connections_give_their_memory_back(setia, site, recorder, roofs, crowd, neighbour,
                                                 counts):
    """A connection that waits for its next request holds no buffer."""
    clients = crowd(400)
    for client in clients:
        assert client.get("/idle").status == 200
    counts()
    before = setia.resident_kb()
    send_all(clients, b"GET /idle HTTP/1.1\r\nHost: a\r\nX-A: " + b"y" * 3000)
    send_all(clients, b"\r\n\r\n")
    for client in clients:
        assert client.read().status == 200
    assert sanitizer() or setia.resident_kb() - before < 24 << 10
