# SPDX-License-Identifier: Apache-2.0
"""What is ambiguous is refused from the first day: nothing of it reaches a server, and the
connection ends. The same for servers' answers: the client gets 502, and the next client never sees
a stray byte."""

import re

import pytest

from lib.backend import answer
from lib.wait import until
from lib.wire import message

HOST = b"Host: a.example\r\n"


def post(fields, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "two lengths that differ": (400, post(b"Content-Length: 3\r\nContent-Length: 5\r\n", b"abcde")),
    "two equal lengths": (400, post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc")),
    "a list of lengths": (400, post(b"Content-Length: 3, 3\r\n", b"abc")),
    "length and chunked": (400, post(b"Content-Length: 3\r\n" + CHUNKED, b"0\r\n\r\n")),
    "chunked and length": (400, post(CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n")),
    "signed length": (400, post(b"Content-Length: +3\r\n", b"abc")),
    "negative length": (400, post(b"Content-Length: -3\r\n", b"abc")),
    "hexadecimal length": (400, post(b"Content-Length: 0x3\r\n", b"abc")),
    "empty length": (400, post(b"Content-Length: \r\n", b"abc")),
    "length with a space": (400, post(b"Content-Length: 1 1\r\n", b"abc")),
    "huge length": (400, post(b"Content-Length: 99999999999999999999999\r\n")),
    "unknown coding": (400, post(b"Transfer-Encoding: gzip\r\n")),
    "chunked not last": (400, post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    "gzip then chunked": (501, post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    "chunked twice": (400, post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")),
    "two codings": (400, post(CHUNKED + CHUNKED, b"0\r\n\r\n")),
    "almost chunked": (400, post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")),
    "vertical tab before chunked": (400, post(b"Transfer-Encoding: \x0bchunked\r\n")),
    "coding with 1.0": (400, b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n"),
    "space before the colon": (400, post(b"Content-Length : 3\r\n", b"abc")),
    "tab before the colon": (400, post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n")),
    "folded field": (400, post(b"X-A: b\r\n c\r\n")),
    "folded with a tab": (400, post(b"X-A: b\r\n\tTransfer-Encoding: chunked\r\n")),
    "field begins with a space": (400, b"GET / HTTP/1.1\r\n " + HOST + b"\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    "bare LF between fields": (400, b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    "bare CR in a value": (400, post(b"X-A: b\rTransfer-Encoding: chunked\r\n")),
    "NUL in a value": (400, post(b"X-A: b\0c\r\n")),
    "NUL in a name": (400, post(b"X\0A: b\r\n")),
    "control in a value": (400, post(b"X-A: b\x01c\r\n")),
    "delete in a value": (400, post(b"X-A: b\x7fc\r\n")),
    "no colon": (400, post(b"X-A\r\n")),
    "empty name": (400, post(b": b\r\n")),
    "odd name": (400, post(b"X(A): b\r\n")),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "host with a path": (400, b"GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n"),
    "host with userinfo": (400, b"GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n"),
    "host with a bad port": (400, b"GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n"),
    "host list": (400, b"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"),
    "absolute form differs from host": (400,
                                        b"GET http://b.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "absolute form with userinfo": (400, b"GET http://u@a.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "other scheme": (400, b"GET ftp://a.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "connect": (405, b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
    "asterisk with GET": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "no slash": (400, b"GET x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "fragment": (400, b"GET /#x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space in the target": (400, b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "control in the target": (400, b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "high byte in the target": (400, b"GET /\xe9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "tab for a space": (400, b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space at the end": (400, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    "no version": (400, b"GET /\r\n" + HOST + b"\r\n"),
    "garbage version": (400, b"GET / HTTP/1.x\r\n" + HOST + b"\r\n"),
    "lower-case version": (400, b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    "version 1.2": (505, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "version 2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "bad method": (400, b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "HTTP/2 preface": (None, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "unknown expectation": (417, post(b"Expect: 200-maybe\r\n")),
    "too many fields": (431, post(b"".join(b"X-%d: y\r\n" % n for n in range(130)))),
    "a field of 70 KB": (431, post(b"X-A: " + b"y" * 70000 + b"\r\n")),
    "a target of 40 KB": (414, b"GET /" + b"y" * 40000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a body of 61 MB": (413, post(b"Content-Length: 63963136\r\n")),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_ambiguous_requests_are_refused(setia, shared_target, name):
    status, data = REFUSED[name]
    site, backend = shared_target
    before = len(backend.received)
    with site.connect() as client:
        # What stands behind must never be read as a request.
        try:
            client.send(data + b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n")
        except ConnectionError:
            pass
        seen, is_closed = client.drain(within=2)
    assert is_closed, f"the connection stays open after {seen[:100]!r}"
    assert seen.count(b"HTTP/1.1 ") == 1, seen
    got = int(re.match(rb"HTTP/1\.1 (\d{3}) ", seen).group(1))
    assert got == status or (status is None and got in (400, 405, 505)), seen[:200]
    assert b"connection: close" in seen.lower()
    assert len(backend.received) == before, bytes(backend.received[before:])[:300]


@pytest.fixture(scope="module")
def shared_target(shared_setia):
    """One site for the whole table: nothing in it may ever reach the server."""
    from lib.backend import Backend
    backend = Backend("one")
    site = shared_setia.site([backend])
    yield site, backend
    site.delete()
    backend.stop()


CHUNK_BODIES = {
    "no digits": b"\r\nabc\r\n0\r\n\r\n",
    "not hexadecimal": b"zz\r\n",
    "signed": b"+3\r\nabc\r\n0\r\n\r\n",
    "0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "space before the size": b" 3\r\nabc\r\n0\r\n\r\n",
    "bare LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "no CRLF behind the data": b"3\r\nabcd\r\n0\r\n\r\n",
    "bare LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "too large": b"ffffffffffffffffff\r\n",
    "bare CR in an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;a\0b\r\nabc\r\n0\r\n\r\n",
    "LF in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "endless extension": b"3;" + b"e" * 20000,
    "endless trailers": b"0\r\n" + b"X: y\r\n" * 20000,
    "bad trailer": b"0\r\nX y\r\n\r\n",
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
}


@pytest.mark.parametrize("name", list(CHUNK_BODIES))
def test_bad_chunks_end_the_request(make_site, make_backend, name):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer("must not happen"))
    site = make_site([backend])
    with site.connect() as client:
        try:
            client.send(post(CHUNKED, CHUNK_BODIES[name]) + message(path="/smuggled"))
        except ConnectionError:
            pass
        seen, is_closed = client.drain(within=2)
    assert is_closed
    assert not seen or seen.startswith(b"HTTP/1.1 400 "), seen[:200]
    assert seen.count(b"HTTP/1.1 ") <= 1
    assert all(request.target != "/smuggled" for request in backend.requests)
    # The half request ended with its connection: the next one starts on a clean one.
    backend.script = None
    for _ in range(3):
        assert site.fetch().text == "one"


def test_chunked_body_past_the_roof_is_413(make_site, make_backend):
    backend = make_backend()
    backend.reads_body = False

    def script(peer, request):
        while True:
            peer.received.clear()
            peer.more()

    backend.script = script
    site = make_site([backend])
    with site.connect(timeout=15) as client:
        try:
            client.send(post(CHUNKED))
            block = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
            for _ in range(62):
                client.send(block)
        except ConnectionError:
            pass
        seen, is_closed = client.drain(within=3)
    assert is_closed
    assert not seen or seen.startswith(b"HTTP/1.1 413 ")


ODD_BUT_GOOD = {
    "empty lines before": b"\r\nGET /ok HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown method": b"BREW /ok HTTP/1.1\r\n" + HOST + b"\r\n",
    "no space behind the colon": b"GET /ok HTTP/1.1\r\nHost:a.example\r\nX:y\r\n\r\n",
    "tabs around a value": b"GET /ok HTTP/1.1\r\nHost:\ta.example\t\r\nX:\t y \t\r\n\r\n",
    "odd target characters": b"GET /ok?a=|{}^`\"<>\\[] HTTP/1.1\r\n" + HOST + b"\r\n",
    "length 0": b"POST /ok HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "leading zeros": b"POST /ok HTTP/1.1\r\n" + HOST + b"Content-Length: 0003\r\n\r\nabc",
    "GET with a body": b"GET /ok HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
    "IPv6 host": b"GET /ok HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "chunk sizes with zeros": post(CHUNKED, b"0003\r\nabc\r\n000\r\n\r\n").replace(b"/ ", b"/ok "),
}


@pytest.mark.parametrize("name", list(ODD_BUT_GOOD))
def test_odd_but_good_requests_pass_once(make_site, make_backend, name):
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        client.send(ODD_BUT_GOOD[name] + message(path="/next"))
        assert client.read().status == 200
        assert client.read().status == 200
    assert [request.target.partition("?")[0] for request in backend.requests] == ["/ok", "/next"]


BAD_ANSWERS = {
    "garbage": b"hello\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "other version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n"
                                 b"Connection: upgrade\r\n\r\n",
    "head of 70 KB": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(130))
                       + b"\r\n",
    "closed at once": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("name", list(BAD_ANSWERS))
def test_bad_answers_become_502(make_site, make_backend, name):
    backend = make_backend()

    def script(peer, request):
        peer.send(BAD_ANSWERS[name])
        return False if name in ("closed at once", "half a head") else None

    backend.script = script
    site = make_site([backend])
    with site.connect() as client:
        got = client.get()
        assert got.status == 502
        backend.script = None
        # Never the same connection to the target again, and never its rest as the next answer.
        assert client.get().text == "one"
    until(lambda: sum(not peer.is_ended for peer in backend.peers) <= 1, 3,
          "the connection of the bad answer to end")


def test_bytes_behind_an_answer_never_reach_the_next_client(make_site, make_backend):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(
        answer("first") + answer("poison", headers=[("X-Poison", "1")]))
    site = make_site([backend])
    for _ in range(10):
        got = site.fetch()
        assert got.text == "first" and not got.all("X-Poison")
    with site.connect() as client:
        for _ in range(10):
            got = client.get()
            assert got.text == "first" and not got.all("X-Poison")


def test_unasked_bytes_on_an_idle_connection_are_not_an_answer(make_site, make_backend):
    import time
    backend = make_backend()
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(4):
            assert client.get().text == "one"
            backend.peers[-1].send(answer("poison"))
            time.sleep(0.03)
            assert client.get().text == "one"


def test_head_answer_with_a_body_does_not_desynchronise(make_site, make_backend):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer("body"))
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(3):
            got = client.request("HEAD", "/")
            assert got.status in (200, 502)
            backend.script = None
            assert client.get().text == "one"
            backend.script = lambda peer, request: peer.send(answer("body"))


def test_error_answers_are_small_and_name_a_request_id(make_site):
    site = make_site(Domain="a.example", Url="/x")
    with site.connect() as client:
        bodies = []
        for path in ("/none", "/none", "/x"):
            got = client.get(path, host="a.example")
            assert got.status == (503 if path == "/x" else 404)
            assert got.one("Content-Type").startswith("text/")
            assert got.one("Date")
            assert 20 < len(got.body) < 2000
            assert str(got.status).encode() in got.body
            bodies.append(got.body)
        assert bodies[0] != bodies[1], "each names its own request id"
        got = client.request("HEAD", "/none", host="a.example")
        assert got.status == 404 and int(got.one("Content-Length")) > 20
        assert client.get("/none", host="a.example").status == 404


def test_refused_heads_do_not_echo_what_was_sent(shared_target):
    site, _ = shared_target
    with site.connect() as client:
        client.send(b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: a b\r\n\r\n")
        seen, _ = client.drain()
    assert b"<script>" not in seen
