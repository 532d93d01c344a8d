# SPDX-License-Identifier: Apache-2.0
"""Exchanges in which the order of the bytes of both sides matters: 100-continue, interim answers,
early answers, unasked bytes, half closed connections, and reuse that must never mix clients."""

import threading
import time

import pytest

from lib.wait import SLOW, until
from lib.wire import Closed, Connection, message
from recorder import echo

EXPECT = [("Expect", "100-continue")]
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = [("Transfer-Encoding", "chunked")]



# 100-continue (RFC 9110 10.1.1)

@pytest.mark.parametrize("fields, body", [([("Content-Length", "3")], b"abc"),
                                          (CHUNKED, b"3\r\nabc\r\n0\r\n\r\n")])
def test_100_continue_goes_end_to_end(site, recorder, fields, body):
    """The client's body waits for the target's word, not for the balancer's."""
    recorder.reads_body = False
    asked, may_speak = threading.Event(), threading.Event()

    def script(peer, seen):
        assert seen.one("Expect") == "100-continue"
        asked.set()
        may_speak.wait(5)
        peer.send(CONTINUE)
        peer.take_body(seen)
        peer.send(OK)

    recorder.script = script
    with site.connect() as client:
        client.send(message("POST", "/case", EXPECT + fields))
        assert asked.wait(5)
        assert client.stays_open(0.2), "nobody but the target may say 100"
        may_speak.set()
        interim = client.read_head()
        assert interim.status == 100 and not interim.all("Content-Length")
        client.send(body)
        assert client.read().body == b"ok"
    assert recorder.log[0].body == b"abc"


def test_final_answer_instead_of_100_ends_the_connection(site, recorder):
    """The client may or may not send the body it declared: nothing behind can be a request."""
    recorder.reads_body = False
    recorder.script = lambda peer, seen: peer.send(
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno") or False
    with site.connect() as client:
        client.send(message("POST", "/case", EXPECT + [("Content-Length", "40")]))
        got = client.read()
        assert (got.status, got.body, got.one("Connection")) == (403, b"no", "close")
        client.send(message(path="/smuggled"))
        assert client.drain() == (b"", True)
    recorder.reset()
    assert site.fetch("/next").body == b"/next"
    assert recorder.targets == ["/next"]


def test_client_that_does_not_wait_for_100(site, recorder):
    recorder.script = lambda peer, seen: peer.send(CONTINUE + OK)
    with site.connect() as client:
        client.send(message("POST", "/case", EXPECT, b"abc") + message(path="/next"))
        interim = []
        assert client.read(informational=interim).body == b"ok"
        assert [head.status for head in interim] == [100]
        assert client.read(informational=interim).body == b"ok"
    assert recorder.targets == ["/case", "/next"] and recorder.log[0].body == b"abc"


def test_client_that_gives_up_waiting_for_100(site, recorder):
    """A target that never says 100 still gets the body."""
    recorder.script = lambda peer, seen: peer.send(OK)
    with site.connect() as client:
        client.send(message("POST", "/case", EXPECT + [("Content-Length", "3")]))
        assert client.stays_open(0.2)
        client.send(b"abc")
        assert client.read().body == b"ok"
    assert recorder.log[0].body == b"abc"


# Interim answers (RFC 9110 15.2)

def test_103_arrives_before_the_final_answer(site, recorder):
    hinted = threading.Event()

    def script(peer, seen):
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        assert hinted.wait(5)
        peer.send(OK)

    recorder.script = script
    with site.connect() as client:
        client.send(message(path="/case"))
        head = client.read_head()
        assert head.head == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        hinted.set()
        assert client.read().body == b"ok"


def test_endless_interim_answers_are_502(site, recorder):
    def script(peer, seen):
        while True:
            peer.send(b"HTTP/1.1 103 Early Hints\r\nX-A: " + b"y" * 1000 + b"\r\n\r\n")
            time.sleep(0.001)

    recorder.script = script
    with site.connect() as client:
        client.send(message(path="/case"))
        interim = []
        assert client.read(informational=interim).status == 502
        assert len(interim) <= 10
        recorder.script = None
        assert client.get("/next").body == b"/next"


def test_large_interim_answers_pass_or_are_502(site, recorder):
    """Ten heads of 60 KB to a client that does not read meanwhile: a roof, not a crash."""
    big = b"HTTP/1.1 103 Early Hints\r\nX-A: " + b"y" * 60000 + b"\r\n\r\n"
    recorder.script = lambda peer, seen: peer.send(big * 10 + OK)
    with Connection(site.port, receive_buffer=4096) as client:
        client.send(message(path="/case"))
        time.sleep(0.2 * SLOW)
        interim = []
        assert client.read(informational=interim).status in (200, 502)
        assert all(len(head.head) == len(big) for head in interim)


# Early answers (RFC 9112 9.3)

def test_early_answer_ends_the_clients_connection(site, recorder):
    """An answer ahead of the request's end passes, and the rest of the body is no request."""
    recorder.reads_body = False
    recorder.script = lambda peer, seen: peer.send(OK) or False
    with site.connect() as client:
        client.send(message("POST", "/case", [("Content-Length", "1000")]) + b"x" * 10)
        got = client.read()
        assert got.body == b"ok" and got.one("Connection") == "close"
        try:
            client.send(message(path="/smuggled"))
        except ConnectionError:
            pass
        assert client.drain() == (b"", True)
    recorder.reset()
    assert site.fetch("/next").body == b"/next"
    assert recorder.targets == ["/next"]


def test_early_answer_while_the_body_goes_on(site, recorder):
    """A target that answers first and reads all the same: the answer is whole, in its own time."""
    recorder.reads_body = False

    def script(peer, seen):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        peer.take_body(seen)
        peer.send(b"3\r\nend\r\n0\r\n\r\n")

    recorder.script = script
    with site.connect() as client:
        client.send(message("POST", "/case", [("Content-Length", "6")]) + b"abc")
        head = client.read_head()
        assert client.read_chunk() == b"hello"
        client.send(b"def")
        assert client.read_chunk() == b"end" and client.read_chunk() == b""
        assert head.one("Connection") == "close" and client.is_closed()
    assert recorder.log[0].body == b"abcdef"


def test_answer_before_the_request_is_no_answer(site, recorder):
    """Bytes on a target's connection before any request was sent on it."""
    recorder.script = lambda peer, seen: peer.send(echo(seen) + b"HTTP/1.1 200 OK\r\n"
                                                   b"Content-Length: 6\r\n\r\npoison")
    for number in range(10):
        path = f"/turn-{number}"
        assert site.fetch(path).body == path.encode()


@pytest.mark.parametrize("poison", [b"H", b"\r\n", b"\0", OK, OK * 100])
def test_unasked_bytes_on_an_idle_connection(site, recorder, poison):
    with site.connect() as client:
        for number in range(5):
            path = f"/turn-{number}"
            assert client.get(path).body == path.encode()
            recorder.log[-1].peer.send(poison)
            time.sleep(0.02 * SLOW)
    assert len({id(seen.peer) for seen in recorder.log}) == 5, "each on a connection of its own"


# Reuse

def test_clients_share_targets_connections_and_never_answers(site, recorder):
    """Forty clients over few connections, with answers of every framing and of odd sizes."""
    def script(peer, seen):
        body = seen.target.encode() * (seen.target.count("7") * 50 + 1)
        if seen.target.endswith(("1", "4")):
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
                      % (len(body), body))
        elif seen.target.endswith("2"):
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            return False
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        return True

    recorder.script = script
    wrong = []

    def client(number):
        with site.connect() as connection:
            for turn in range(25):
                path = f"/{number}-{turn}"
                body = path.encode() * (path.count("7") * 50 + 1)
                try:
                    if turn % 3:
                        got = connection.get(path)
                    else:
                        got = connection.request("POST", path, body=b"x" * (turn * 300))
                    if got.body != body:
                        wrong.append((path, got))
                except (Closed, OSError) as error:
                    wrong.append((path, error))
                    return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30 * SLOW)
    assert not wrong, wrong[:3]
    assert len(recorder.log) == 1000
    assert len({id(seen.peer) for seen in recorder.log}) < 500, "connections are not reused"


def test_client_that_leaves_takes_its_answer_along(site, recorder):
    """A client is gone before its answer: the next one on the pool gets its own."""
    for number in range(10):
        with site.connect() as client:
            client.send(message(path=f"/left-{number}"))
            if number % 2:
                client.wait_taken()
        assert site.fetch(f"/stayed-{number}").body == f"/stayed-{number}".encode()


def test_half_a_body_never_ends_in_another_request(site, recorder):
    for number in range(5):
        with site.connect() as client:
            client.send(message("POST", "/left", [("Content-Length", "1000")]) + b"x" * 100)
            client.wait_taken()
        until(lambda: recorder.is_quiet, what="the half request's connection to end")
        assert site.fetch("/next").body == b"/next"
    assert recorder.targets == ["/next"] * 5


# Half closed connections (docs/decisions/half-close.md)

@pytest.mark.parametrize("wire, count", [
    (message(path="/case"), 1), (message(path="/case") * 5, 5),
    (message("POST", "/case", body=b"abc"), 1),
    (message("POST", "/case", CHUNKED) + b"3\r\nabc\r\n0\r\n\r\n", 1),
    (message(path="/case", version="1.0"), 1)])
def test_client_that_ends_its_side_gets_its_answers(site, recorder, wire, count):
    def script(peer, seen):
        time.sleep(0.05)
        peer.send(echo(seen))

    recorder.script = script
    with site.connect() as client:
        client.send(wire)
        client.half_close()
        for _ in range(count):
            assert client.read().body == b"/case"
        assert client.is_closed()


@pytest.mark.parametrize("wire", [
    b"G", b"GET /case HTTP/1.1\r\nHost: a", b"\r\n",
    message("POST", "/case", [("Content-Length", "10")]) + b"abc",
    message("POST", "/case", CHUNKED) + b"a\r\nabc", message("POST", "/case", CHUNKED) + b"0\r\n"])
def test_client_that_ends_its_side_in_a_request(site, recorder, wire):
    with site.connect() as client:
        client.send(wire)
        client.half_close()
        seen, is_closed = client.drain()
        assert is_closed and not seen.startswith(b"HTTP/1.1 2")
    until(lambda: recorder.is_quiet, what="the half request's connection to end")
    assert recorder.targets == []


def test_target_that_ends_its_side_at_once(site, recorder):
    """Connection: close and FIN together with the answer, then the next client."""
    def script(peer, seen):
        peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        return False

    recorder.script = script
    with site.connect() as client:
        for _ in range(10):
            assert client.get("/case").body == b"ok"
    assert len({id(seen.peer) for seen in recorder.log}) == 10


def test_target_that_closes_without_a_word_between_requests(site, recorder):
    """The idle connection dies just as it is taken: a GET is tried again, and nobody notices."""
    def script(peer, seen):
        peer.send(echo(seen))
        return False

    recorder.script = script
    with site.connect() as client:
        for number in range(30):
            assert client.get(f"/{number}").body == f"/{number}".encode()


def test_post_is_never_executed_twice(site, recorder):
    """The target takes it, and breaks off without an answer: 502, and no second try."""
    assert site.fetch("/warm").status == 200

    def script(peer, seen):
        peer.reset()
        return False

    recorder.script = script
    with site.connect() as client:
        assert client.request("POST", "/pay", body=b"abc").status == 502
    recorder.script = None
    assert site.fetch("/next").body == b"/next"
    assert recorder.targets == ["/warm", "/pay", "/next"]


def test_a_safe_request_is_tried_on_three_targets_at_most(make_site, make_recorder):
    """docs/decisions/other-tries.md: each time another target, and never once its body was sent."""
    targets = [make_recorder() for _ in range(5)]
    for target in targets:
        target.script = lambda peer, seen: False
    site = make_site(targets)
    assert site.fetch("/get").status == 502
    assert sorted(len(target.log) for target in targets) == [0, 0, 1, 1, 1]
    for target in targets:
        target.log.clear()
    assert site.fetch("/put", method="PUT", body=b"abc").status == 502
    assert sorted(len(target.log) for target in targets) == [0, 0, 0, 0, 1]


# The balancer's own answers keep their place in the stream

OWN = [("404", "/none", 404), ("301", "/dir", 301), ("503", "/empty/x", 503)]
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
BODIES = [
    ("no body", [], b""), ("a length", [("Content-Length", str(len(HIDDEN)))], HIDDEN),
    ("chunks", CHUNKED, b"%x\r\n%b\r\n0\r\nX-A: b\r\n\r\n" % (len(HIDDEN), HIDDEN)),
    ("bad chunks", CHUNKED, b"xyz\r\n0\r\n\r\n"),
    ("half a body", [("Content-Length", "99999")], b"abc")]


@pytest.fixture(scope="module")
def two_rules(one_setia, one_recorder):
    """/case has a target, /dir/ as well, /empty/ has none."""
    site = one_setia.site([one_recorder], Url="/case")
    site.add_rule([one_recorder.target], Url="/dir/")
    site.add_rule(Url="/empty/")
    yield site
    site.delete()


@pytest.mark.parametrize("way", ["whole", "torn"])
@pytest.mark.parametrize("name, fields, body", BODIES, ids=[row[0] for row in BODIES])
@pytest.mark.parametrize("what, path, status", OWN, ids=[row[0] for row in OWN])
def test_own_answers_do_not_desynchronise(setia, two_rules, recorder, what, path, status, name,
                                          fields, body, way):
    """The rest of a refused request is skipped as what it is, or the connection ends."""
    data = message("POST", path, fields) + body + message(path="/case")
    with two_rules.connect() as client:
        if way == "whole":
            client.send(data)
        else:
            for at in range(0, len(data), 12):
                client.send(data[at:at + 12])
                time.sleep(0.001)
        got = client.read()
        assert got.status == status or (name, got.status) == ("bad chunks", 400)
        if got.one("Connection") == "close":
            assert client.drain()[1]
            assert recorder.targets == []
        else:
            assert name not in ("bad chunks", "half a body")
            assert client.read().body == b"/case"
            assert recorder.targets == ["/case"]
    assert name != "no body" or recorder.targets == ["/case"]
