# SPDX-License-Identifier: Apache-2.0
"""Every refusal, timeout, roof and breach is counted by its cause, once and under no other name; what
is answered with 5xx is logged with the id that the client was given."""

import fcntl
import os
import re
import socket
import threading
import time

import pytest

import counted
from lib.setia import Setia
from lib.wait import SLOW, free_port, until
from lib.wire import Connection, message

CHUNKED = [("Transfer-Encoding", "chunked")]
POST = message("POST", "/case", CHUNKED)
SOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
          ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
OK = b"HTTP/1.1 200 OK\r\n"

CLIENTS = [
    ("bad line", b"GET /case HTTP/1.1\nHost: a\n\n", 400, "http_400"),
    ("two lengths", message(headers=[("Content-Length", "1")] * 2), 400, "http_400"),
    ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "http_405"),
    ("a long body", message("POST", headers=[("Content-Length", str(1 << 40))]), 413, "http_413"),
    ("long target", b"GET /" + b"a" * 70000, 414, "http_414"),
    ("target above its roof", message(path="/" + "a" * 40000), 414, "http_414"),
    ("an expectation", message(headers=[("Expect", "tea")]), 417, "http_417"),
    ("a large head", b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70000, 431, "http_431"),
    ("many fields", message(headers=[("A", "b")] * 130), 431, "http_431_fields"),
    ("many options", message(headers=[("Connection", "a," * 65)]), 431, "http_431_fields"),
    ("a coding", message("POST", headers=[("Transfer-Encoding", "gzip, chunked")]), 501,
     "http_501"),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "http_505"),
    ("bad chunk", POST + b"x\r\n", 400, "http_400_body"),
    ("bad trailer", POST + b"0\r\nA\r\n\r\n", 400, "http_400_body"),
    ("long chunk line", POST + b"1;" + b"e" * 5000, 400, "http_400_roof"),
    ("much framing", POST + (b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 50, 400, "http_400_roof"),
    ("large trailers", POST + b"0\r\nA: " + b"b" * 9000, 400, "http_400_roof"),
    ("many trailers", POST + b"0\r\n" + b"A: b\r\n" * 129, 400, "http_400_roof"),
]


@pytest.mark.parametrize("wire, status, counter", [row[1:] for row in CLIENTS],
                         ids=[row[0] for row in CLIENTS])
def test_refused_requests(site, recorder, wire, status, counter):
    with counted.exactly(site, **{counter: 1}):
        with site.connect() as client:
            client.send(wire)
            assert client.read().status == status


def test_routes(make_site, recorder):
    site = make_site([recorder], Url="/dir/")
    with counted.exactly(site, http_404=2, http_301=1):
        assert [site.fetch(path).status for path in ("/a", "/b", "/dir")] == [404, 404, 301]


def test_good_requests_are_counted_as_nothing_else(site, recorder):
    before = counted.read(site)
    with counted.exactly(site):
        with site.connect() as client:
            for _ in range(3):
                assert client.get("/case").status == 200
    after = counted.read(site)
    assert after["http_requests"] - before["http_requests"] == 3
    assert after["connections"] - before["connections"] == 1


TARGETS = [
    ("nothing", b"", True, {"http_502_closed": 1, "target_reset": 1, "no_target": 1}),
    ("half a head", b"HTTP/1.1 2", True, {"http_502_closed": 1, "target_reset": 1}),
    ("no HTTP", b"hello\r\n\r\n", True, {"http_502_answer": 1}),
    ("two lengths", OK + b"Content-Length: 1\r\n" * 2 + b"\r\na", True, {"http_502_answer": 1}),
    ("many fields", OK + b"A: b\r\n" * 129 + b"\r\n", True, {"http_502_roof": 1}),
    ("a large head", OK + b"A: " + b"b" * 70000, True, {"http_502_roof": 1}),
    ("interim answers", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11, True, {"http_502_roof": 1}),
]


@pytest.mark.parametrize("wire, closes, expected", [row[1:] for row in TARGETS],
                         ids=[row[0] for row in TARGETS])
def test_bad_answers(make_site, make_recorder, wire, closes, expected):
    recorder = make_recorder()
    recorder.script = lambda peer, seen: peer.send(wire) or not closes
    site = make_site([recorder])
    with counted.exactly(site, **expected):
        assert site.fetch("/case").status == 502


@pytest.mark.parametrize("wire, expected", [
    (b"Content-Length: 9\r\n\r\nabc", {"http_cut": 1, "target_reset": 1}),
    (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", {"http_cut": 1, "target_reset": 1}),
    (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", {"http_cut": 1})])
def test_answers_cut_short(site, recorder, wire, expected):
    went_on = threading.Event()

    def script(peer, seen):
        peer.send(OK + wire[:-5])
        went_on.wait(5)
        peer.send(wire[-5:])
        return False

    recorder.script = script
    with counted.exactly(site, **expected):
        with site.connect() as client:
            client.send(message(path="/case"))
            client.read_head()
            went_on.set()
            assert client.drain()[1]


def test_targets_that_cannot_be_reached(make_site):
    site = make_site([{"EniIp": "127.0.0.1", "Port": free_port()} for _ in range(2)])
    with counted.exactly(site, connect_failed=2, retries=1, no_target=1, http_502_connect=1):
        assert site.fetch().status == 502


def test_no_target(make_site):
    site = make_site([])
    with counted.exactly(site, no_target=1, http_503=1):
        assert site.fetch().status == 503


def test_another_try(make_site, make_recorder):
    """What the client does not notice is counted all the same."""
    good, bad = make_recorder(), make_recorder()
    bad.script = lambda peer, seen: False
    site = make_site([good, bad])
    with counted.exactly(site, retries=2, target_reset=2):
        assert [site.fetch().status for _ in range(4)] == [200] * 4


# Timeouts

def leap(clock, seconds):
    time.sleep(0.3 * SLOW)
    clock.advance(seconds)


@pytest.mark.parametrize("wire, status, expected", [
    (b"GET / HT", 408, {"http_408_head": 1}), (b"", None, {"http_keepalive_timeout": 1}),
    (message("POST", headers=[("Content-Length", "9")]) + b"abc", 408, {"http_408_body": 1})])
def test_clients_that_fall_silent(site, recorder, clock, wire, status, expected):
    with counted.exactly(site, **expected):
        with site.connect() as client:
            client.send(wire)
            leap(clock, 62)
            if status:
                assert client.read().status == status
            assert client.is_closed()


def test_idle_connections(site, recorder, clock):
    with counted.exactly(site, http_keepalive_timeout=1):
        with site.connect() as client:
            assert client.get("/case").status == 200
            leap(clock, 77)
            assert client.is_closed()


def test_clients_that_take_nothing(site, recorder, clock):
    def script(peer, seen):
        peer.send(OK + b"Content-Length: %d\r\n\r\n" % (32 << 20) + b"x" * (32 << 20))

    recorder.script = script
    with counted.exactly(site, http_send_timeout=1):
        with Connection(site.port, receive_buffer=4096) as client:
            client.send(message(path="/case"))
            client.read_head()
            time.sleep(0.5 * SLOW)
            for _ in range(3):
                leap(clock, 31)
            time.sleep(0.3 * SLOW)


def test_targets_that_fall_silent(site, recorder, clock):
    """Before the answer, and within it."""
    recorder.script = lambda peer, seen: time.sleep(1 * SLOW)
    with counted.exactly(site, http_504_read=1):
        with site.connect() as client:
            client.send(message(path="/case"))
            until(lambda: recorder.log)
            leap(clock, 62)
            assert client.read().status == 504
    recorder.script = lambda peer, seen: peer.send(OK + b"Content-Length: 9\r\n\r\nabc")
    with counted.exactly(site, http_504_read=1, http_cut=1):
        with site.connect() as client:
            client.send(message(path="/case"))
            client.read_head()
            leap(clock, 62)
            assert client.drain()[1]


def test_targets_that_take_nothing(site, recorder, clock):
    recorder.reads_body = False
    wall = threading.Event()
    recorder.script = lambda peer, seen: wall.wait(20) and False
    try:
        with counted.exactly(site, http_504_send=1):
            with site.connect() as client:
                client.send(message("POST", headers=[("Content-Length", str(50 << 20))]))
                client.socket.settimeout(0.5 * SLOW)
                with pytest.raises(TimeoutError):
                    client.socket.sendall(b"x" * (50 << 20))
                client.socket.settimeout(client.timeout)
                leap(clock, 62)
                assert client.drain()[1]
    finally:
        wall.set()


def test_targets_that_do_not_connect(make_site, clock):
    """A listener whose backlog is full lets nobody in and refuses nobody."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", free_port()))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.1)
        site = make_site([{"EniIp": "127.0.0.1", "Port": port}])
        with counted.exactly(site, connect_timeout=1, no_target=1, http_504_connect=1):
            with site.connect() as client:
                client.send(message())
                leap(clock, 5)
                assert client.read().status == 504
        for filler in fillers:
            filler.close()


def test_tunnels(site, recorder, clock):
    recorder.script = lambda peer, seen: peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    ) or time.sleep(1 * SLOW)
    with counted.exactly(site, http_tunnels=1, http_tunnel_idle=1):
        with site.connect() as client:
            client.send(message(path="/case", headers=SOCKET))
            assert client.read_head().status == 101
            leap(clock, 62)
            assert client.is_closed()


@pytest.mark.parametrize("wire", [
    b"GET / HT", message("POST", headers=[("Content-Length", "9")]) + b"abc"])
def test_clients_that_break_off(site, recorder, wire):
    """In a request, by an end."""
    with counted.exactly(site, client_reset=1):
        with site.connect() as client:
            client.send(wire)
            client.half_close()
            assert client.drain()[1]


def test_clients_that_reset(site, recorder):
    recorder.script = lambda peer, seen: time.sleep(0.3 * SLOW)
    with counted.exactly(site, client_reset=1):
        with site.connect() as client:
            client.send(message(path="/case"))
            until(lambda: recorder.log)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     b"\1\0\0\0\0\0\0\0")


# The log

def own_answers(log):
    return [dict(re.findall(r"(\S+?)=(\S+)", line)) for line in log.splitlines()
            if "event=own_answer " in line]


def test_own_answers_are_logged(setia, make_site):
    port = free_port()
    site = make_site([{"EniIp": "127.0.0.1", "Port": port}])
    got = site.fetch()
    ids = re.findall(r"[0-9a-f]{16}", got.text)
    lines = until(lambda: [line for line in own_answers(setia.log())
                           if line["request_id"] == ids[0]])
    assert len(ids) == len(lines) == 1
    line = lines[0]
    assert (line["level"], line["process"]) == ("warning", "proxy")
    assert (line["status"], line["reason"]) == ("502", "connect_failed")
    assert (line["client"], line["target"]) == ("127.0.0.1", f"127.0.0.1:{port}")
    assert (line["listener"], line["rule"]) == (site.listener, site.rule)
    assert not [line for line in own_answers(setia.log()) if line["status"] < "500"]


def test_a_flood_does_not_flood_the_log(setia, make_site, clock):
    """Ten lines a second and worker, then one line with how many more there were."""
    site = make_site([])
    time.sleep(1.1)
    before, counts = len(setia.log()), counted.read(site)
    start = time.monotonic()
    with site.connect() as client:
        for _ in range(300):
            assert client.get().status == 503
    took = time.monotonic() - start

    def told():
        return sum(map(int, re.findall(r"event=own_answers_suppressed count=(\d+)",
                                       setia.log()[before:])))

    until(lambda: len(own_answers(setia.log()[before:])) + told() == 300, 3, "all to be told of")
    assert len(own_answers(setia.log()[before:])) <= 10 * (took + 2)
    assert counted.read(site)["log_suppressed"] - counts["log_suppressed"] == told() > 0


class Unread(Setia):
    """Its stderr is a pipe that nobody reads until log() is called."""

    def spawn(self, arguments=()):
        os.mkfifo(self.log_path)
        self.reading = os.open(self.log_path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.reading, fcntl.F_SETPIPE_SZ, 4096)
        self.text = ""
        return super().spawn(arguments)

    def log(self):
        try:
            while data := os.read(self.reading, 65536):
                self.text += data.decode("utf-8", "replace")
        except BlockingIOError:
            pass
        return self.text


def test_a_log_that_nobody_reads_holds_nobody_up(tmp_path):
    """debug, so that every answer of our own is a line until its second's roof is met."""
    setia = Unread(tmp_path, workers=1, arguments=["--log-level", "debug"])
    try:
        setia.start()
        site = setia.site([])
        deadline = time.monotonic() + 30 * SLOW
        with site.connect() as client:
            for _ in range(8):
                for _ in range(30):
                    assert client.get().status == 503
                time.sleep(0.5)
        assert time.monotonic() < deadline
        setia.api.call("DescribeQuota")
        assert "own_answer" in setia.log()
        assert site.fetch().status == 503
        until(lambda: "event=log_lines_lost count=" in setia.log(), 3, "the lost lines' line")
        setia.stop()
    finally:
        setia.end()
