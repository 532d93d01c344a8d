# SPDX-License-Identifier: Apache-2.0
"""WebSocket tunnels (RFC 9110 7.8, RFC 6455 4): how they begin, bytes both ways, ends of one side,
limits, and the upgrades that are not passed on."""

import hashlib
import socket
import struct
import threading
import time

import pytest

from lib.wait import SLOW, until
from lib.wire import message

KEY = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
ASK = message(path="/case", headers=UPGRADE + KEY)


def back(peer, seen):
    """Switches, then sends everything back until the client's side ends; then a last word."""
    peer.send(SWITCH)
    try:
        while True:
            data = peer.more()
            del peer.buffer[:]
            peer.send(data)
    except EOFError:
        peer.send(b"bye")
    return False


@pytest.fixture
def tunnel(site, recorder):
    recorder.script = back
    with site.connect() as client:
        client.send(ASK)
        head = client.read_head()
        assert head.status == 101
        yield client


def test_heads_of_the_switch(site, recorder):
    recorder.script = back
    with site.connect() as client:
        client.send(ASK)
        head = client.read_head()
        assert head.line == "HTTP/1.1 101 Switching Protocols"
        assert head.one("Connection").lower() == "upgrade"
        assert head.one("Upgrade").lower() == "websocket"
        assert head.one("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert not head.all("Content-Length") and not head.all("Transfer-Encoding")


def test_bytes_go_both_ways(tunnel):
    for data in (b"hello", b"\0\xff" * 100, b"\r\n\r\n", b"GET /smuggl", b"x" * 300000):
        tunnel.send(data)
        assert tunnel.read_exactly(len(data)) == data


def test_both_directions_at_once(tunnel):
    block = bytes(range(256)) * 4096
    writer = threading.Thread(target=lambda: [tunnel.send(block) for _ in range(8)])
    writer.start()
    digest = hashlib.sha256()
    for _ in range(8):
        digest.update(tunnel.read_exactly(len(block)))
    writer.join(10)
    assert digest.digest() == hashlib.sha256(block * 8).digest()


def test_client_that_speaks_before_it_was_answered(site, recorder):
    """Its bytes belong to the tunnel, and wait for it."""
    def script(peer, seen):
        time.sleep(0.05)
        return back(peer, seen)

    recorder.script = script
    with site.connect() as client:
        client.send(ASK + b"early")
        assert client.read_head().status == 101
        assert client.read_exactly(5) == b"early"
        client.send(b"late")
        assert client.read_exactly(4) == b"late"


def test_early_bytes_are_a_request_when_there_is_no_switch(site, recorder):
    recorder.script = None
    with site.connect() as client:
        client.send(ASK + message(path="/next"))
        assert client.read().body == b"/case" and client.read().body == b"/next"
    assert recorder.targets == ["/case", "/next"]


def test_target_that_speaks_with_its_switch(site, recorder):
    def script(peer, seen):
        peer.send(SWITCH + b"first")
        return back(peer, seen)

    recorder.script = script
    with site.connect() as client:
        client.send(ASK)
        assert client.read_head().status == 101
        assert client.read_exactly(5) == b"first"


def test_client_that_ends_its_side(tunnel, recorder):
    tunnel.send(b"last")
    tunnel.half_close()
    assert tunnel.read_exactly(7) == b"lastbye"
    assert tunnel.is_closed()
    until(lambda: recorder.log[0].peer.is_ended, what="the target's side to end")


def test_target_that_ends_its_side(site, recorder):
    """The client can still speak: its end comes when it wants."""
    got = []

    def script(peer, seen):
        peer.send(SWITCH + b"bye")
        peer.socket.shutdown(1)
        got.append(peer.take(5))
        return False

    recorder.script = script
    with site.connect() as client:
        client.send(ASK)
        assert client.read_head().status == 101
        assert client.rest() == b"bye"
        client.send(b"still")
        client.half_close()
        until(lambda: got == [b"still"], what="the client's last words")


def test_reset_of_the_target_ends_the_client(site, recorder):
    def script(peer, seen):
        peer.send(SWITCH)
        peer.take(5)
        peer.reset()
        return False

    recorder.script = script
    with site.connect() as client:
        client.send(ASK)
        assert client.read_head().status == 101
        client.send(b"reset")
        assert client.drain() == (b"", True)


def test_reset_of_the_client_ends_the_target(tunnel, recorder):
    tunnel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tunnel.socket.close()
    until(lambda: recorder.log[0].peer.is_ended, what="the target's side to end")


def test_idle_tunnel_ends_after_the_read_timeout(tunnel, recorder, clock):
    """60 s without a byte of either side; a byte of either one begins it anew."""
    for data in (b"a", b"b"):
        time.sleep(0.25 * SLOW)
        clock.advance(50)
        tunnel.send(data)
        assert tunnel.read_exactly(1) == data
    time.sleep(0.25 * SLOW)
    clock.advance(62)
    assert tunnel.is_closed()
    until(lambda: recorder.log[0].peer.is_ended, what="the target's side to end")


def test_refused_switch_is_a_plain_answer(site, recorder):
    recorder.script = lambda peer, seen: peer.send(
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    with site.connect() as client:
        client.send(ASK)
        assert client.read().body == b"no"
        client.send(message(path="/next"))
        assert client.read().body == b"no"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Content-Length: 9\r\n\r\n"])
def test_switch_to_something_else_is_502(site, recorder, answer):
    recorder.script = lambda peer, seen: peer.send(answer)
    with site.connect() as client:
        client.send(ASK)
        assert client.read().status == 502


def test_tunnels_end_is_not_the_next_clients_beginning(site, recorder):
    recorder.script = back
    for _ in range(10):
        with site.connect() as client:
            client.send(ASK)
            assert client.read_head().status == 101
            client.send(message(path="/smuggl-ed"))
    recorder.script = None
    until(lambda: all(seen.peer.is_ended for seen in recorder.log), what="the tunnels to end")
    assert site.fetch("/next").body == b"/next"
    assert recorder.targets == ["/case"] * 10 + ["/next"]


@pytest.mark.parametrize("fields", [
    [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
     ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")],
    [("Connection", "upgrade"), ("Upgrade", "TLS/1.3")],
    [("Connection", "upgrade"), ("Upgrade", "websocketx")]])
def test_other_upgrades_are_not_asked_for(site, recorder, fields):
    with site.connect() as client:
        assert client.get("/case", headers=fields).body == b"/case"
        assert client.get("/next").body == b"/next"
    seen = recorder.log[0]
    assert not seen.all("Upgrade") and not seen.all("Connection")
    assert not seen.all("HTTP2-Settings")


def test_tunnel_stays_with_its_target(setia, make_site, make_recorder):
    """The request's cookie chooses the tunnel's target; the switch's own cookie names it."""
    targets = [make_recorder(), make_recorder()]
    for recorder in targets:
        recorder.script = lambda peer, seen: back(peer, seen) if seen.all("Upgrade") else peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    site = make_site(targets, SessionExpireTime=300)
    first = site.fetch()
    cookie = first.one("Set-Cookie").partition(";")[0]
    chosen = next(recorder for recorder in targets if recorder.log)
    for _ in range(6):
        with site.connect() as client:
            client.send(message(path="/", headers=UPGRADE + KEY + [("Cookie", cookie)]))
            assert client.read_head().status == 101
    assert len(chosen.log) == 7
    with site.connect() as client:
        client.send(message(path="/", headers=UPGRADE + KEY))
        head = client.read_head()
        assert head.status == 101
        cookie = head.one("Set-Cookie").partition(";")[0]
    counts = [len(recorder.log) for recorder in targets]
    assert site.fetch(cookie=cookie).status == 200
    grown = [len(recorder.log) - count for recorder, count in zip(targets, counts)]
    assert sorted(grown) == [0, 1]
