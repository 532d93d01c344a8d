# SPDX-License-Identifier: Apache-2.0
"""Targets that refuse, close, break or cut their answers, and clients that leave: what the other
side of the balancer sees of it."""

import socket
import struct
import threading
import time

import pytest

from lib.backend import answer
from lib.shape import servers
from lib.wait import free_port, until
from lib.wire import Closed, message


def test_refused_connection_goes_to_another_target(make_site, pair):
    dead = {"EniIp": "127.0.0.1", "Port": free_port()}
    site = make_site([dead, pair[0], pair[1]])
    answers = [site.fetch() for _ in range(12)]
    assert set(servers(answers)) == {"one", "two"}
    with site.connect() as client:
        got = client.request("POST", "/", body=b"nothing was sent yet")
        assert got.status == 200


def test_all_targets_refuse_is_502(make_site):
    site = make_site([{"EniIp": "127.0.0.1", "Port": free_port()} for _ in range(2)])
    with site.connect() as client:
        assert client.get().status == 502
        # The client's connection survives an error that was the target's.
        assert client.get().status == 502


def test_no_targets_is_503(make_site, pair):
    site = make_site()
    with site.connect() as client:
        assert client.get().status == 503
        site.register(pair[0])
        assert client.get().text == "one"


def test_target_that_closes_idle_connections(make_site, make_backend):
    """Kept connections that the target closed are not trusted again: no request fails for it."""
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        for turn in range(6):
            assert client.get().status == 200
            for peer in list(backend.peers):
                peer.close()
            if turn % 2:
                time.sleep(0.02)
        for peer in list(backend.peers):
            peer.close()
        assert client.request("POST", "/", body=b"x").status in (200, 502)
    assert [request.method for request in backend.requests].count("POST") <= 1


@pytest.mark.parametrize("reset", [False, True])
def test_get_is_tried_again_when_the_kept_connection_breaks(make_site, make_backend, reset):
    """The target takes the second request of a connection and ends it without a byte."""
    backend = make_backend()
    counts = {}

    def script(peer, request):
        counts[peer] = counts.get(peer, 0) + 1
        if counts[peer] == 2:
            if reset:
                peer.reset()
            return False
        peer.send(answer("ok"))
        return None

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(4):
            assert client.get().text == "ok"


def test_post_is_never_executed_twice(make_site, pair):
    for backend in pair:
        backend.script = lambda peer, request: False
    site = make_site(pair)
    for _ in range(4):
        with site.connect() as client:
            assert client.request("POST", "/", body=b"pay").status == 502
    assert len(pair[0].requests) + len(pair[1].requests) == 4


def test_truncated_answers_are_visible(make_site, make_backend):
    backend = make_backend()
    cut = {"/length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50,
           "/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\nxxx",
           "/last": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxxx\r\n"}
    backend.script = lambda peer, request: (peer.send(cut[request.target]), False)[1]
    site = make_site([backend])
    for path in cut:
        with site.connect() as client:
            client.send(message(path=path))
            with pytest.raises((Closed, ConnectionError)):
                client.read()


def test_broken_chunk_of_an_answer_is_visible(make_site, make_backend):
    """Cut off, or 502 when nothing of it was on its way yet; never an answer that looks whole."""
    backend = make_backend()
    go = threading.Event()

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc")
        if request.target == "/late":
            go.wait(5)
        peer.send(b"X\r\n0\r\n\r\n")

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        client.send(message(path="/late"))
        assert client.read_head().status == 200
        go.set()
        with pytest.raises((Closed, ConnectionError)):
            while client.read_chunk():
                pass
    with site.connect() as client:
        client.send(message(path="/at-once"))
        try:
            assert client.read().status == 502
        except (Closed, ConnectionError):
            pass


def test_client_half_close_still_gets_its_answer(make_site, make_backend):
    backend = make_backend()
    go = threading.Event()
    backend.script = lambda peer, request: (go.wait(5), peer.send(answer("late")))[1]
    site = make_site([backend])
    with site.connect() as client:
        client.send(message(headers=[("Connection", "close")]))
        client.half_close()
        until(lambda: backend.requests, what="the request at the target")
        go.set()
        assert client.read().text == "late"
        assert client.is_closed()


def test_early_answer_before_the_body_is_read(make_site, make_backend):
    backend = make_backend()
    backend.reads_body = False
    backend.script = lambda peer, request: (peer.send(answer("too much", "413 Too Large")),
                                            time.sleep(0.2), False)[2]
    site = make_site([backend])
    with site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", str(30 << 20))]))
        client.send(b"x" * 1000)
        got = client.read()
        assert (got.status, got.text) == (413, "too much")


def test_client_that_resets_frees_the_target(make_site, make_backend):
    backend = make_backend()
    backend.script = lambda peer, request: peer.read_until(b"never")
    site = make_site([backend])
    client = site.connect()
    client.send(message())
    peer = until(lambda: backend.requests and backend.peers[-1], what="the request at the target")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    until(lambda: peer.is_ended, 5, "the target's connection to end")


def test_client_that_leaves_within_its_body_frees_the_target(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    client = site.connect()
    client.send(message("POST", "/", [("Content-Length", "1000")]) + b"half")
    peer = until(lambda: backend.requests and backend.peers[-1], what="the request at the target")
    client.close()
    until(lambda: peer.is_ended, 5, "the target's connection to end")
    assert site.fetch().text == "one"
