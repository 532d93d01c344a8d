# SPDX-License-Identifier: Apache-2.0
"""Every wait has an end (features.md section 10), with the clock moved instead of waited for; slow
and greedy peers meet a roof and never slow the others."""

import socket
import threading
import time

import pytest

from lib.backend import answer
from lib.shape import servers
from lib.wait import SLOW, free_port, until
from lib.wire import Closed, Connection, message

# Event loops look at a shifted clock at least every 200 ms.
SOON = 1.5


def status_when_late(client, clock, seconds):
    """Nothing happens until shortly before `seconds`, then it ends; the answer's status."""
    client.wait_taken()
    clock.advance(seconds - 2)
    assert client.stays_open(0.4)
    clock.advance(3.5)
    seen, is_closed = client.drain(within=SOON)
    assert is_closed, f"still open after {seconds} s"
    return int(seen.split(b" ")[1]) if seen else None


def test_half_a_head_is_408_after_60_s(make_site, make_backend, clock):
    site = make_site([make_backend()])
    with site.connect() as client:
        client.send("GET / HTTP/1.1\r\nHost: a")
        assert status_when_late(client, clock, 60) == 408


def test_dripping_head_does_not_extend_its_time(make_site, make_backend, clock):
    site = make_site([make_backend()])
    with site.connect() as client:
        client.send("GET / HTTP/1.1\r\n")
        for number in range(7):
            client.wait_taken()
            clock.advance(8.8)
            client.send(f"X-{number}: y\r\n")
        assert number == 6
        seen, is_closed = client.drain(within=SOON)
    assert is_closed and (not seen or seen.startswith(b"HTTP/1.1 408 "))


def test_silent_connection_ends_after_60_s(make_site, make_backend, clock):
    site = make_site([make_backend()])
    with site.connect() as client:
        assert status_when_late(client, clock, 60) in (None, 408)


@pytest.mark.parametrize("fields, part", [
    ([("Content-Length", "100")], b"x" * 50),
    ([("Transfer-Encoding", "chunked")], b"64\r\nxxx"),
])
def test_stalled_body_is_408_after_60_s(make_site, make_backend, clock, fields, part):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        client.send(message("POST", "/", fields) + part)
        until(lambda: backend.requests, what="the request at the target")
        assert status_when_late(client, clock, 60) in (408, None)
    assert site.fetch().text == "one"


def test_body_that_keeps_coming_has_all_the_time(make_site, make_backend, clock):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(request.body))
    site = make_site([backend])
    with site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "5")]))
        for letter in "abcde":
            client.wait_taken()
            clock.advance(40)
            time.sleep(0.25 * SLOW)
            client.send(letter)
        assert client.read().body == b"abcde"


def test_silent_target_is_504_after_60_s(make_site, make_backend, clock):
    backend = make_backend()
    backend.script = lambda peer, request: peer.read_until(b"never")
    site = make_site([backend])
    with site.connect() as client:
        client.send(message())
        until(lambda: backend.requests, what="the request at the target")
        clock.advance(58)
        assert client.stays_open(0.4)
        clock.advance(3.5)
        assert client.read().status == 504


def test_target_that_stops_in_the_body_is_visible(make_site, make_backend, clock):
    backend = make_backend()

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        peer.read_until(b"never")

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        client.send(message())
        head = client.read_head()
        assert head.status == 200 and client.read_exactly(4) == b"half"
        clock.advance(61.5)
        with pytest.raises((Closed, ConnectionError)):
            client.read_exactly(96)


def black_hole():
    """A port whose handshakes never end: its accept queue is full. And what to close later."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", free_port()))
    listening.listen(0)
    port = listening.getsockname()[1]
    keep = [listening]
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        keep.append(filler)
    time.sleep(0.05)
    return port, keep


def test_connect_timeout_goes_to_another_target(make_site, make_backend, clock):
    port, keep = black_hole()
    try:
        site = make_site([{"EniIp": "127.0.0.1", "Port": port}, make_backend()], weights=[100, 1])
        with site.connect() as client:
            client.send(message())
            client.wait_taken()
            assert client.stays_open(0.4)
            clock.advance(4.5)
            assert client.read().text == "one"
    finally:
        for sock in keep:
            sock.close()


def test_connect_timeout_everywhere_is_504(make_site, clock):
    port, keep = black_hole()
    try:
        site = make_site([{"EniIp": "127.0.0.1", "Port": port}])
        with site.connect() as client:
            client.send(message())
            for _ in range(4):
                clock.advance(4.5)
                time.sleep(0.3 * SLOW)
            assert client.read().status in (504, 502)
    finally:
        for sock in keep:
            sock.close()


def test_client_that_never_reads_is_cut_after_60_s(make_site, make_backend, clock):
    backend = make_backend()
    ended = threading.Event()

    def script(peer, request):
        try:
            for _ in range(4000):
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 262144000\r\n\r\n"
                          if _ == 0 else b"x" * 65536)
        finally:
            ended.set()

    backend.script = script
    site = make_site([backend])
    with site.connect(receive_buffer=65536) as client:
        client.send(message())
        client.read_head()
        time.sleep(1.0 * SLOW)
        assert not ended.is_set()
        clock.advance(63)
        assert ended.wait(5 * SLOW), "the target's connection is still open"


def test_idle_connections_to_targets_end(make_site, make_backend, clock):
    backend = make_backend()
    site = make_site([backend])
    assert site.fetch().text == "one"
    time.sleep(0.1)
    assert not backend.peers[0].is_ended
    clock.advance(65)
    until(lambda: backend.peers[0].is_ended, 3, "the idle connection to the target to end")
    assert site.fetch().text == "one"


def test_requests_per_connection_have_a_roof_that_is_told(make_site, make_backend):
    """keepalive_requests: the last answer says Connection: close, then the connection ends."""
    backend = make_backend()
    site = make_site([backend])
    with site.connect(timeout=20) as client:
        for turn in range(1, 1001):
            got = client.get()
            assert got.status == 200
            if got.one("Connection") == "close":
                break
        assert turn == 1000
        assert client.is_closed()


def test_slow_peers_do_not_slow_the_others(make_site, pair):
    """A crowd of half requests, unread answers and floods next to one well-behaved client."""
    for backend in pair:
        backend.script = lambda peer, request: peer.send(answer(
            b"x" * (4 << 20) if request.target == "/big" else b"ok"))
    site = make_site(pair)
    crowd = []
    try:
        for number in range(120):
            client = Connection(site.port, receive_buffer=4096)
            crowd.append(client)
            if number % 3 == 0:
                client.send("POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            elif number % 3 == 1:
                client.send(message("POST", "/", [("Content-Length", "1000")]) + b"x")
            else:
                client.send(message(path="/big") * 3)
        times = []
        with site.connect() as client:
            for _ in range(100):
                start = time.monotonic()
                assert client.get().text == "ok"
                times.append(time.monotonic() - start)
        assert sorted(times)[90] < 0.2 * SLOW
    finally:
        for client in crowd:
            client.close()
    assert servers(site.fetch() for _ in range(2))


def test_half_a_request_on_a_kept_connection_is_not_idle(make_site, make_backend, clock):
    """Once bytes of the next request came, the header time counts, not the idle time."""
    site = make_site([make_backend()])
    with site.connect() as client:
        assert client.get().status == 200
        clock.advance(50)
        client.send("GET / HTTP/1.1\r\n")
        client.wait_taken()
        clock.advance(40)
        assert client.stays_open(0.4)
        client.send("Host: a\r\n\r\n")
        assert client.read().status == 200
