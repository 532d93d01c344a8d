# SPDX-License-Identifier: Apache-2.0
"""One request with a body far beyond the default roof, where the custom configuration allows it:
64 MiB, or 1 GiB with SETIA_TEST_LONG=1. It passes through; nothing of its size is ever held."""

import hashlib
import json
import os
import subprocess

import pytest

from lib.custom import Custom
from lib.setia import sanitizer
from lib.shop import ShopServer
from lib.wait import SLOW

MIB = 1 << 20
SIZE = (1024 if os.environ.get("SETIA_TEST_LONG") == "1" else 64) * MIB
ROOF = f"client_max_body_size {SIZE // MIB}m;"  # chunks' frames do not count
SECONDS = 30 + SIZE / MIB / 10


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """(path, sum) of a file of SIZE bytes, no two mebibytes of which are the same."""
    path = tmp_path_factory.mktemp("upload") / "body"
    block, digest = os.urandom(MIB), hashlib.sha256()
    with open(path, "wb") as file:
        for number in range(SIZE // MIB):
            part = number.to_bytes(8, "big") + block[8:]
            digest.update(part)
            file.write(part)
    yield str(path), digest.hexdigest()
    path.unlink()


@pytest.fixture
def shop():
    server = ShopServer("red")
    yield server
    server.kill()


@pytest.mark.parametrize("words", [(), ("-H", "Transfer-Encoding: chunked"),
                                   ("-H", "Expect: 100-continue")],
                         ids=["length", "chunked", "expect"])
def test_one_large_request(setia, make_site, shop, body, words):
    path, wanted = body
    site = make_site([shop])
    with Custom(setia.api, ROOF, site.load_balancer):
        memory = setia.resident_kb()
        done = subprocess.run(
            ["curl", "-sS", "--max-time", str(SECONDS * SLOW), *words, "-T", path,
             "-w", "\n%{http_code}", f"http://127.0.0.1:{site.port}/upload"],
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer, _, status = done.stdout.rpartition("\n")
        assert status == "200", answer
        assert json.loads(answer) == {"server": "red", "size": SIZE, "sum": wanted}
        assert sanitizer() or setia.resident_kb() - memory < 16 << 10


def test_a_byte_more_is_refused(setia, make_site, shop):
    """By its length alone, before any of it is read."""
    site = make_site([shop])
    with Custom(setia.api, ROOF, site.load_balancer), site.connect() as client:
        client.send(f"PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE + 1}\r\n\r\n")
        assert client.read().status == 413
