# SPDX-License-Identifier: Apache-2.0
"""What targets answer, row by row of answers.py, in one piece and torn. Whatever a target says, the
same client and the next one each get the answer to their own request."""

import re
import threading

import pytest

import answers
from lib.wire import Closed, message

ADDED = re.compile(rb"\r\n(?:Date|Transfer-Encoding): [^\r\n]*")
LENGTH = re.compile(rb"\r\nContent-Length: [^\r\n]*")


@pytest.fixture
def play(recorder):
    """play(row, way): the target answers /case as the row says; set() when all of it is sent."""
    def start(row, way):
        sent = threading.Event()

        def script(peer, seen):
            if seen.target != "/case":
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"[:None if seen.method
                                                                        != "HEAD" else -4])
                return True
            try:
                if way == "torn":
                    peer.send_torn(row.wire)
                else:
                    peer.send(row.wire)
            finally:
                sent.set()
            return not row.closes

        recorder.script = script
        return sent

    return start


def rows():
    return {"argvalues": [row for _, row in answers.rows()],
            "ids": [name for name, _ in answers.rows()]}


def check_bad(client):
    got = client.read()
    assert got.status == 502
    assert b"Request id" in got.body


def check_cut(client, row):
    """A 502 when it broke before anything was passed on; else an end that cannot be missed."""
    try:
        got = client.read_head()
    except Closed as closed:
        raise AssertionError("closed without an answer") from closed
    if got.status == 502:
        client.read_body(got)
        return
    assert got.status == 200
    with pytest.raises((Closed, ConnectionError)):
        client.read_body(got)


def check_good(client, row):
    interim = []
    while (got := client.read_head()).status < 200:
        interim.append(got)
    assert len(interim) == row.wire.count(b"HTTP/1.1 1")
    client.read_body(got, row.method)
    good = row.outcome
    assert (got.body, got.framing, got.trailers) == (good.body, good.framing, good.trailers)
    head = ADDED.sub(b"", got.head)
    if good.framing == "length":
        head = LENGTH.sub(b"", head)
    assert head == good.line + b"\r\n" + good.fields + b"\r\n"


@pytest.mark.parametrize("way", ["whole", "torn"])
@pytest.mark.parametrize("row", **rows())
def test_answer(site, recorder, play, row, way):
    sent = play(row, way)
    with site.connect() as client:
        client.send(message(row.method, "/case"))
        if row.outcome is answers.BAD:
            check_bad(client)
        elif row.outcome is answers.CUT:
            check_cut(client, row)
        else:
            check_good(client, row)
        assert sent.wait(5)
        carrier = recorder.log[-1].peer
        # Another client, and the same one when its connection goes on.
        assert site.fetch("/next").body == b"next"
        is_reused = recorder.log[-1].peer is carrier
        if row.outcome is not answers.CUT:
            client.send(message(path="/next"))
            assert client.read().body == b"next"
        assert is_reused == getattr(row.outcome, "is_reused", False)
    assert set(recorder.targets) == {"/case", "/next"}


OLD_CLIENT = [
    ("length", answers.sized(), False, b"abc", True),
    ("chunks", answers.chunks(b"3\r\nabc\r\n2\r\nde\r\n" + answers.END), False, b"abcde", False),
    ("trailers", answers.chunks(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", b"Trailer: X-Sum\r\n"), False,
     b"abc", False),
    ("until its end", answers.OK + b"\r\nabc", True, b"abc", False),
    ("interim answers", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + answers.sized(), False, b"abc",
     True),
]


@pytest.mark.parametrize("name, wire, closes, body, stays", OLD_CLIENT,
                         ids=[row[0] for row in OLD_CLIENT])
def test_answer_to_a_1_0_client(site, play, name, wire, closes, body, stays):
    """No chunks and nothing interim; without a length the connection's end is the body's."""
    play(answers.Answer(name, "", wire, None, closes), "torn")
    with site.connect() as client:
        client.send(message(path="/case", headers=[("Connection", "keep-alive")], version="1.0"))
        got = client.read_head()
        assert got.status == 200 and not got.all("Transfer-Encoding")
        client.read_body(got)
        assert got.body == body
        assert got.one("Connection") == ("keep-alive" if stays else "close")
        if stays:
            client.send(message(path="/next"))
            assert client.read().body == b"next"


@pytest.mark.parametrize("wire, closes", [
    (answers.chunks(b"9\r\nabc"), True), (answers.chunks(b"3\r\nabc\r\n"), True),
    (answers.chunks(b"3\r\nabc\r\nX\r\n"), False)])
def test_truncation_is_visible_to_a_1_0_client(site, play, wire, closes):
    """The end of the connection means a whole body to it, so a cut one ends with a reset."""
    play(answers.Answer("", "", wire, None, closes), "torn")
    with site.connect() as client:
        client.send(message(path="/case", version="1.0"))
        with pytest.raises(ConnectionResetError):
            got = client.read_head()
            assert got.status == 200
            client.read_body(got)


def test_date_is_added_and_kept(site, play):
    for fields, count in ((b"", 1), (b"Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n", 1)):
        play(answers.Answer("", "", answers.sized(fields), None), "whole")
        with site.connect() as client:
            client.send(message(path="/case"))
            dates = client.read().all("Date")
            assert len(dates) == count
            assert not fields or dates[0].startswith("Tue, 15 Nov 1994")



def test_the_table_is_large_enough():
    names = [name for name, _ in answers.rows()]
    assert len(names) >= 60 and len(set(names)) == len(names)
