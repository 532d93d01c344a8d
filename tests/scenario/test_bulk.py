# SPDX-License-Identifier: Apache-2.0
"""Large bodies take another way through the kernel: their connections must stay as good as any."""

import hashlib
import os

import pytest

from lib.backend import answer

BODY = os.urandom(3 << 20)


@pytest.mark.parametrize("size", [1, 16 << 10, 64 << 10, (1 << 20) - 1, 1 << 20, len(BODY)])
def test_connections_are_kept_behind_large_answers(make_site, make_backend, size):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(BODY[:size])) or True
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(4):
            got = client.get()
            assert got.status == 200
            assert hashlib.sha256(got.body).digest() == hashlib.sha256(BODY[:size]).digest()
    assert len(backend.peers) == 1


def test_bytes_behind_a_large_answer_never_reach_the_next(make_site, make_backend):
    backend = make_backend()
    lie = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
    backend.script = lambda peer, request: peer.send(answer(BODY) + lie) or True
    site = make_site([backend])
    with site.connect() as client:
        for _ in range(4):
            assert client.get().body == BODY
    assert len(backend.peers) == 4
