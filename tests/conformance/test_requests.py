# SPDX-License-Identifier: Apache-2.0
"""What clients send, message by message: refused.py and passed.py, each in one piece and in torn
pieces, with a request behind it that shows where the balancer believes the message ends."""

import re
import time

import pytest

import passed
import refused
from lib.wait import until
from lib.wire import message

WAYS = ["whole", "torn"]
MARKER = message(path="/marker")


def send(client, data, way):
    """In one go; or torn: in segments of a byte when it is short, else in 200."""
    step = len(data) if way == "whole" else -(-len(data) // 200)
    try:
        for at in range(0, len(data), step):
            client.send(data[at:at + step])
            if way == "torn" and at // step % 25 == 0:
                time.sleep(0.001)
    except ConnectionError:
        pass


def parameters(rows):
    return {"argvalues": [row for _, row in rows], "ids": [name for name, _ in rows]}


def refuse(site, row, way):
    with site.connect() as client:
        send(client, row.wire + refused.SMUGGLED, way)
        seen, is_closed = client.drain()
    assert is_closed, f"still open behind {seen[:200]!r}"
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", seen) == [b"%d" % row.status], seen[:300]
    head = seen.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nconnection: close" in head
    assert b"smuggled" not in seen


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", **parameters(refused.rows(refused.GROUPS)))
def test_refused(site, recorder, row, way):
    refuse(site, row, way)
    assert site.fetch("/control").body == b"/control"
    assert recorder.targets == ["/control"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", **parameters(refused.rows({"chunk": refused.CHUNK})))
def test_refused_in_the_body(site, recorder, row, way):
    refuse(site, row, way)
    until(lambda: recorder.is_quiet, what="the half request's connection to end")
    assert site.fetch("/control").body == b"/control"
    assert recorder.targets == ["/control"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", **parameters(passed.rows()))
def test_passed(site, recorder, row, way):
    port = b"%d" % site.port
    reached = list(row.reached)
    with site.connect() as client:
        send(client, row.wire + MARKER, way)
        for one in reached:
            method, target = one.head.split(b" ")[:2]
            got = client.read(method.decode())
            assert got.status == 200
            assert got.body == (b"" if method == b"HEAD" else target)
            assert got.one("X-Body") == str(len(one.body))
        if row.closes:
            assert got.one("Connection") == "close"
            assert client.is_closed()
        else:
            assert got.one("Connection") in (None, "keep-alive")
            assert client.read().body == b"/marker"
            reached.append(passed.at_target(b"GET /marker"))
    assert len(recorder.log) == len(reached), recorder.log
    for seen, one in zip(recorder.log, reached):
        assert seen.head == one.head.replace(b"@PORT@", port)
        assert (seen.body, seen.trailers) == (one.body, one.trailers)


def test_the_tables_are_large_enough():
    """At least 150 messages, and every name once, so that a failure names its row."""
    names = [name for name, _ in
             refused.rows({**refused.GROUPS, "chunk": refused.CHUNK}) + passed.rows()]
    assert len(names) >= 150
    assert len(set(names)) == len(names)
