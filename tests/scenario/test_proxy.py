# SPDX-License-Identifier: Apache-2.0
"""Forwarding HTTP/1.1: connections kept on both sides, bodies both ways, fields."""

import concurrent.futures
import hashlib
import itertools
import os
import threading
import time

import pytest

from lib.backend import answer
from lib.wait import SLOW, until
from lib.wire import Connection, message

BIG = 50 << 20


def test_keeps_connections_to_both_sides(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(50):
            got = client.get()
            assert got.status == 200 and got.one("Connection") != "close"
    assert len(backend.peers) == 1
    assert len(backend.requests) == 50


def test_keepalive_to_targets_can_be_off(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend], KeepaliveEnable=0)
    with site.connect() as client:
        for _ in range(5):
            assert client.get().one("Connection") != "close"
    assert len(backend.peers) == 5
    assert [request.one("Connection") for request in backend.requests] == ["close"] * 5


def test_connection_close_of_either_side(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        got = client.get(headers=[("Connection", "close")])
        assert got.one("Connection") == "close"
        assert client.is_closed()
    backend.script = lambda peer, request: (
        peer.send(answer("one", headers=[("Connection", "close")])), False)[1]
    with site.connect() as client:
        for _ in range(3):
            got = client.get()
            assert got.text == "one" and got.one("Connection") != "close"


def test_http_1_0_clients(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        client.send("GET /old HTTP/1.0\r\n\r\n")
        got = client.read()
        assert (got.version, got.status, got.text) == ("HTTP/1.1", 200, "one")
        assert client.is_closed()
    assert backend.last.version == "HTTP/1.1"
    assert backend.last.one("Host")
    with site.connect() as client:
        for _ in range(3):
            client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            got = client.read()
            assert got.one("Connection").lower() == "keep-alive"
    # A chunked answer cannot go to a 1.0 client as it is.
    backend.script = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    with site.connect() as client:
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        got = client.read()
        assert not got.all("Transfer-Encoding")
        assert got.body == b"abcde"


# Bodies


def test_chunked_request_streams_to_the_target(make_site, make_backend):
    backend = make_backend()
    backend.reads_body = False
    seen, trailers = [], []

    def script(peer, request):
        assert request.one("Transfer-Encoding") == "chunked" and not request.all("Content-Length")
        body = b""
        while size := int(peer.read_until(b"\r\n"), 16):
            body += peer.read_exactly(size)
            seen.append(body)
            peer.read_exactly(2)
        while line := peer.read_until(b"\r\n")[:-2]:
            trailers.append(line)
        peer.send(answer(body))

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        client.send(message("POST", "/", [("Transfer-Encoding", "chunked")]))
        client.send("3;a=b;c=\"d\"\r\nabc\r\n")
        until(lambda: seen and seen[-1] == b"abc", what="the first chunk at the target")
        client.send("A\r\n0123456789\r\n")
        until(lambda: seen[-1] == b"abc0123456789", what="the second chunk at the target")
        client.send("0\r\nX-Trailer: kept\r\nHost: dropped\r\n\r\n")
        assert client.read().body == b"abc0123456789"
        assert trailers == [b"X-Trailer: kept"]
        client.send(message("POST", "/", [("Transfer-Encoding", "Chunked")]) + b"0\r\n\r\n")
        assert client.read().body == b""


def test_chunked_answer_streams_to_the_client(make_site, make_backend):
    backend = make_backend()
    step = threading.Semaphore(0)

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in (b"one", b"two", b"x" * 70000):
            peer.send(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk))
            step.acquire(timeout=10)
        peer.send(b"0\r\nX-Trailer: t\r\n\r\n")

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(2):
            client.send(message())
            head = client.read_head()
            assert head.one("Transfer-Encoding") == "chunked"
            got = b""
            for want in (b"one", b"onetwo", b"onetwo" + b"x" * 70000):
                while len(got) < len(want):
                    got += client.read_chunk()
                assert got == want
                step.release()
            assert client.read_chunk() == b""
            assert client.trailers == b"X-Trailer: t\r\n"
    assert len(backend.peers) == 1


def test_answer_until_close_becomes_chunked(make_site, make_backend):
    backend = make_backend()

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + b"z" * 100000)
        return False

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(2):
            got = client.get()
            assert got.framing == "chunked" and got.body == b"z" * 100000


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_big_bodies_both_ways(make_site, make_backend, framing):
    block = os.urandom(1 << 20)
    count = BIG >> 20
    want = hashlib.sha256()
    for _ in range(count):
        want.update(block)
    backend = make_backend()
    backend.reads_body = False
    got_at_target = []

    def script(peer, request):
        digest = hashlib.sha256()
        chunked = bool(request.all("Transfer-Encoding"))
        left = 0 if chunked else int(request.one("Content-Length"))
        while True:
            if chunked and (left := int(peer.read_until(b"\r\n"), 16)) == 0:
                peer.read_until(b"\r\n")
                break
            while left:
                if peer.read_at == len(peer.received):
                    peer.received.clear()
                    peer.read_at = 0
                    peer.more()
                have = bytes(peer.received[peer.read_at:peer.read_at + left])
                peer.read_at += len(have)
                digest.update(have)
                left -= len(have)
            if not chunked:
                break
            peer.read_exactly(2)
        got_at_target.append(digest.digest())
        if chunked:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        for _ in range(count):
            peer.send(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        if chunked:
            peer.send(b"0\r\n\r\n")

    backend.script = script
    site = make_site([backend])
    with site.connect(timeout=30) as client:
        if framing == "chunked":
            client.send(message("POST", "/", [("Transfer-Encoding", "chunked")]))
            for _ in range(count):
                client.send(b"%x\r\n%s\r\n" % (len(block), block))
            client.send(b"0\r\n\r\n")
        else:
            client.send(message("POST", "/", [("Content-Length", str(BIG))]))
            for _ in range(count):
                client.send(block)
        head = client.read_head()
        digest = hashlib.sha256()
        left = BIG
        if framing == "chunked":
            while chunk := client.read_chunk():
                digest.update(chunk)
                left -= len(chunk)
        else:
            assert int(head.one("Content-Length")) == BIG
            while left:
                part = client.read_exactly(min(left, 1 << 20))
                digest.update(part)
                left -= len(part)
        assert left == 0 and digest.digest() == want.digest()
    assert got_at_target == [want.digest()]


def test_files_from_nginx_are_whole(make_site, nginx):
    blob = os.urandom((8 << 20) + 12345)
    with open(os.path.join(nginx.files, "blob"), "wb") as file:
        file.write(blob)
    site = make_site(nginx.targets)
    with site.connect() as client:
        for _ in range(2):
            assert client.get("/files/blob").body == blob
        got = client.get("/files/blob", headers=[("Range", "bytes=100-199")])
        assert got.status == 206 and got.body == blob[100:200]
        assert client.get("/missing").status == 404


def stalled_at(count, seconds=6.0):
    """The value at which a rising count() comes to rest."""
    last, since = count(), time.monotonic()
    deadline = since + seconds * SLOW
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 0.6 * SLOW:
            return last
    raise AssertionError(f"still rising: {last}")


def test_a_client_that_does_not_read_holds_the_target_back(make_site, setia, make_backend):
    backend = make_backend()
    sent = [0]
    total = 300 << 20

    def script(peer, request):
        if request.target == "/small":
            peer.send(answer("small"))
            return None
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        block = b"b" * 65536
        for _ in range(total // len(block)):
            peer.send(block)
            sent[0] += len(block)

    backend.script = script
    site = make_site([backend])
    site.fetch("/small")
    before = setia.resident_kb()
    with site.connect(receive_buffer=65536) as client:
        client.send(message(path="/big"))
        client.read_head()
        stopped = stalled_at(lambda: sent[0])
        # Kernel buffers on both sides and ours: far from 300 MB.
        assert stopped < 64 << 20
        assert setia.resident_kb() - before < 16 << 10
        assert site.fetch("/small").text == "small"
        client.read_exactly(16 << 20)
        until(lambda: sent[0] > stopped, what="the target going on")


def test_a_target_that_does_not_read_holds_the_client_back(make_site, setia, make_backend):
    backend = make_backend()
    backend.reads_body = False
    go = threading.Event()
    backend.script = lambda peer, request: (go.wait(20), peer.read_body(request),
                                            peer.send(answer("done")))[2]
    site = make_site([backend])
    sent = [0]
    size = 48 << 20
    with site.connect(timeout=20) as client:
        def upload():
            client.send(message("POST", "/", [("Content-Length", str(size))]))
            while sent[0] < size:
                client.send(b"u" * 65536)
                sent[0] += 65536

        thread = threading.Thread(target=upload, daemon=True)
        thread.start()
        before = setia.resident_kb()
        assert stalled_at(lambda: sent[0]) < size
        assert setia.resident_kb() - before < 16 << 10
        go.set()
        assert client.read().text == "done"
        thread.join(5)


# Framing of answers without bodies, 1xx, pipelining


def test_head_204_304(make_site, make_backend):
    backend = make_backend()
    replies = {
        "/head": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n",
        "/headchunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "/zero": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    }
    backend.script = lambda peer, request: peer.send(replies[request.target])
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(2):
            got = client.request("HEAD", "/head")
            assert got.one("Content-Length") == "1000"
            got = client.get("/204")
            assert got.status == 204
            assert not got.all("Content-Length") and not got.all("Transfer-Encoding")
            got = client.get("/304")
            assert (got.status, got.one("ETag")) == (304, '"x"')
            assert client.request("HEAD", "/headchunked").status == 200
            assert client.get("/zero").body == b""
        # No stray byte anywhere: the next answer is read where it begins.
        assert client.get("/zero").status == 200
    assert len(backend.peers) == 1


def test_100_continue_end_to_end(make_site, make_backend):
    backend = make_backend()
    backend.reads_body = False

    def script(peer, request):
        assert request.one("Expect").lower() == "100-continue"
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.read_body(request)
        peer.send(answer(request.body))

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(2):
            client.send(message("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")]))
            assert client.read_head().status == 100
            client.send("hello")
            assert client.read().body == b"hello"


def test_expect_refused_by_the_target(make_site, make_backend):
    backend = make_backend()
    backend.reads_body = False
    backend.script = lambda peer, request: (peer.send(answer("no", "417 No")), False)[1]
    site = make_site([backend])
    with site.connect() as client:
        client.send(message("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")]))
        assert client.read().status == 417


def test_early_hints_pass_and_endless_ones_do_not(make_site, make_backend):
    backend = make_backend()
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    backend.script = lambda peer, request: peer.send(
        hint * (2 if request.target == "/" else 1000) + answer("final"))
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(2):
            early = []
            client.send(message())
            assert client.read(informational=early).text == "final"
            assert [got.status for got in early] == [103, 103]
            assert early[0].one("Link") == "</s.css>; rel=preload"
    with site.connect() as client:
        early = []
        client.send(message(path="/endless"))
        assert client.read(informational=early).status == 502
        assert len(early) <= 10


def test_pipelined_requests_are_answered_in_order(make_site, pair):
    for backend in pair:
        backend.script = lambda peer, request: peer.send(
            answer(f"{request.method} {request.target} {request.body.decode()}"))
    site = make_site(pair)
    with site.connect() as client:
        client.send(b"".join(
            message("POST", f"/{number}", body=b"b%d" % number) if number % 3 else
            message("GET", f"/{number}") for number in range(30)))
        for number in range(30):
            want = f"POST /{number} b{number}" if number % 3 else f"GET /{number}"
            assert client.read().text == want
    assert len(pair[0].requests) == len(pair[1].requests) == 15


def test_requests_byte_by_byte(make_site, make_backend):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(request.body or b"none"))
    site = make_site([backend])
    with site.connect() as client:
        data = message("POST", "/x", [("Transfer-Encoding", "chunked")]) + b"3\r\nabc\r\n0\r\n\r\n"
        for at in range(len(data)):
            client.send(data[at:at + 1])
        assert client.read().body == b"abc"
        assert client.get().body == b"none"


def test_answers_byte_by_byte(make_site, make_backend):
    backend = make_backend()

    def script(peer, request):
        data = (b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        for at in range(len(data)):
            peer.send(data[at:at + 1])

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(3):
            got = client.get()
            assert (got.body, got.one("X-A")) == (b"hello!", "b")


def test_many_clients_each_get_their_own_answers(make_site, pair):
    for backend in pair:
        backend.script = lambda peer, request: peer.send(answer(request.target + "|" +
                                                                request.body.decode()))
    site = make_site(pair)

    def visit(number):
        with site.connect() as client:
            for turn in range(15):
                body = f"{number}-{turn}".encode() * (turn + 1)
                got = client.request("POST", f"/{number}/{turn}", body=body)
                assert got.body == f"/{number}/{turn}|".encode() + body
        return True

    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        assert all(pool.map(visit, range(50)))


# Fields


def test_forwarded_fields(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    site.fetch(source="127.0.0.9")
    seen = backend.last
    assert seen.one("X-Forwarded-For") == "127.0.0.9"
    assert seen.one("X-Forwarded-Proto") == "http"
    assert seen.one("X-Forwarded-Port") == str(site.port)
    assert seen.one("X-Real-IP") == "127.0.0.9"
    site.fetch(source="127.0.0.9", headers=[
        ("X-Forwarded-For", "198.51.100.7"), ("X-FORWARDED-FOR", "203.0.113.1, 10.0.0.1"),
        ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "1"), ("X-Real-IP", "6.6.6.6")])
    seen = backend.last
    assert seen.one("X-Forwarded-For") == "198.51.100.7, 203.0.113.1, 10.0.0.1, 127.0.0.9"
    assert seen.one("X-Forwarded-Proto") == "http"
    assert seen.one("X-Forwarded-Port") == str(site.port)
    assert seen.one("X-Real-IP") == "127.0.0.9"


def test_end_to_end_fields_keep_order_case_and_bytes(make_site, make_backend):
    backend = make_backend()
    theirs = [("X-One", "1"), ("x-two", "a,  b"), ("X-ONE", "again"), ("Accept", "*/*"),
              ("Authorization", "Basic eDp5"), ("X-High", "\xe9\xff"), ("X-Empty", ""),
              ("Cookie", "a=1"), ("Content-Type", "text/plain")]
    replies = [("Server", "x"), ("x-lower", "1"), ("X-Rep", "1"), ("X-Rep", "2"),
               ("WWW-Authenticate", "Basic realm=\"a\""), ("X-High", "\xe9")]
    backend.script = lambda peer, request: peer.send(answer("one", headers=replies))
    site = make_site([backend])
    with site.connect() as client:
        got = client.request("POST", "/p?q=1&r=%20#"[:-1], theirs, b"body", host="Some.Host:81")
    assert backend.last.target == "/p?q=1&r=%20"
    assert backend.last.one("Host") == "Some.Host:81"
    assert [field for field in backend.last.fields if field in theirs] == theirs
    assert [field for field in got.fields if field in replies] == replies


def test_hop_by_hop_fields_stay_on_their_hop(make_site, make_backend):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer("one", headers=[
        ("Connection", "X-Private, keep-alive"), ("X-Private", "1"), ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"), ("Trailer", "X-T"), ("Upgrade", "h2c"),
        ("X-Public", "2")]))
    site = make_site([backend])
    got = site.fetch(headers=[
        ("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"), ("TE", "gzip"), ("Trailer", "X-T"),
        ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"), ("X-Public", "2")])
    for name in ("X-Mine", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
                 "HTTP2-Settings"):
        assert not backend.last.all(name), name
    assert "x-mine" not in (backend.last.one("Connection") or "").lower()
    assert backend.last.one("X-Public") == "2"
    for name in ("X-Private", "Keep-Alive", "Proxy-Connection", "Trailer", "Upgrade"):
        assert not got.all(name), name
    assert got.one("X-Public") == "2"


def test_absolute_form_becomes_origin_form(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        for target, seen in (("http://a.example/x?y=1", "/x?y=1"), ("http://a.example", "/"),
                             ("HTTP://a.example:80/z", "/z"), ("http://a.example?q", "/?q")):
            host = "a.example:80" if ":80" in target else "a.example"
            assert client.request("GET", target, host=host).status == 200
            assert backend.last.target == seen
            assert backend.last.one("Host") == host


def test_options_asterisk(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        # No path, so no rule is promised to match; what is forwarded goes on as it came.
        got = client.request("OPTIONS", "*")
        assert got.status in (200, 404)
        if got.status == 200:
            assert backend.last.line == "OPTIONS * HTTP/1.1"
        assert client.get().text == "one"


def test_websocket_is_a_tunnel_on_its_server(make_site, pair):
    """SP-42: an upgrade is one request and stays on its server until it is closed."""
    from lib.shape import must_issue, pair_of

    def script(peer, request):
        if request.one("Upgrade") is None:
            peer.send(answer(peer.backend.name))
            return None
        assert request.one("Upgrade") == "websocket"
        assert "upgrade" in request.one("Connection").lower()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
        while True:
            peer.more()
            data = bytes(peer.received[peer.read_at:])
            peer.read_at = len(peer.received)
            peer.send(peer.backend.name.encode() + b":" + data)

    for backend in pair:
        backend.script = script
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    with site.connect() as client:
        client.send(message(headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                     ("Sec-WebSocket-Key", "eA=="), ("Sec-WebSocket-Version", "13"),
                                     ("Cookie", pair_of(must_issue(first)))]))
        got = client.read()
        assert got.status == 101 and got.one("Upgrade") == "websocket"
        for word in (b"hello", b"\x00\xff\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            client.send(word)
            want = first.text.encode() + b":" + word
            assert client.read_exactly(len(want)) == want


def test_connection_churn_leaves_nothing_behind(make_site, setia, pair):
    site = make_site(pair, KeepaliveEnable=0)
    pid = setia.pid("proxy")
    site.fetch()
    count = lambda: len(os.listdir(f"/proc/{pid}/fd"))  # noqa: E731
    until(lambda: count() < 200, what="old connections to end")
    before = count()
    for turn in range(300):
        client = Connection(site.port)
        if turn % 3 == 0:
            client.send("GET / HT")
        elif turn % 3 == 1:
            client.send(message())
        client.close()
    until(lambda: count() <= before + 8, 5, f"descriptors: {before}")
    assert site.fetch().status == 200


def test_interleaved_sites_do_not_mix(make_site, make_backend):
    sites = [(make_site([make_backend(name)]), name) for name in ("red", "green", "blue")]
    clients = [(site.connect(), name) for site, name in sites]
    for client, name in itertools.islice(itertools.cycle(clients), 30):
        assert client.get().text == name
    for client, _ in clients:
        client.close()
