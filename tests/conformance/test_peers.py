# SPDX-License-Identifier: Apache-2.0
"""Peers as they are out there: curl and ws as clients; nginx, Node and Python's http.server as
targets; large bodies by checksum and many connections. SETIA_TEST_LONG=1 for the full sizes."""

import contextlib
import hashlib
import os
import random
import resource
import subprocess
import sys

import pytest

from lib.backend import Nginx
from lib.setia import sanitizer
from lib.wait import SLOW, accepts, free_port, until
from lib.wire import Connection
from recorder import Recorder

WORKERS = 2
HERE = os.path.dirname(os.path.abspath(__file__))
IS_LONG = os.environ.get("SETIA_TEST_LONG") == "1"
MIB = 1 << 20
DOWN = (1024 if IS_LONG else 100) * MIB
CONNECTIONS = 10000 if IS_LONG else 2000
# A request's body has a roof of 60 MiB (413), so that large amounts go up in parts.
PART = 50 * MIB
PARTS = 21 if IS_LONG else 2

# The pattern of peers/origin.js.
BLOCK = bytes((i * 31 + (i >> 8) * 17) & 255 for i in range(65536))


def pattern_sum(size):
    digest = hashlib.sha256()
    for _ in range(size // len(BLOCK)):
        digest.update(BLOCK)
    digest.update(BLOCK[:size % len(BLOCK)])
    return digest.hexdigest()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A directory with "large" (DOWN bytes of the pattern), "part" and "small"."""
    directory = tmp_path_factory.mktemp("files")
    for name, size in (("large", DOWN), ("part", PART)):
        with open(directory / name, "wb") as file:
            for _ in range(size // len(BLOCK)):
                file.write(BLOCK)
    (directory / "small").write_bytes(b"small\n")
    yield directory
    for path in directory.iterdir():
        path.unlink()


@contextlib.contextmanager
def process(*words, **options):
    child = subprocess.Popen(words, stdin=subprocess.PIPE, **options)
    try:
        yield child
    finally:
        child.stdin.close()
        child.terminate()
        child.wait(10)


@pytest.fixture(scope="module")
def node():
    with process("node", os.path.join(HERE, "peers", "origin.js"), stdout=subprocess.PIPE) as child:
        yield {"EniIp": "127.0.0.1", "Port": int(child.stdout.readline())}
        child.stdout.close()


@pytest.fixture(scope="module")
def python(files):
    port = free_port()
    with process(sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1",
                 "--directory", str(files), stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL):
        until(lambda: accepts(port), what="http.server")
        yield {"EniIp": "127.0.0.1", "Port": port}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, files):
    directory = tmp_path_factory.mktemp("nginx")
    os.symlink(files, directory / "files")
    server = Nginx(directory, ["one"])
    yield server.targets[0]
    server.stop()


@pytest.fixture(scope="module")
def ports(one_setia, node, python, nginx):
    """A listener for each kind of target."""
    sites = {name: one_setia.site([target])
             for name, target in (("node", node), ("python", python), ("nginx", nginx))}
    yield {name: site.port for name, site in sites.items()}
    for site in sites.values():
        site.delete()


def curl(*words, stdin=None):
    done = subprocess.run(["curl", "-sS", "--max-time", str(int(60 * SLOW)), *words],
                          capture_output=True, stdin=stdin, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def download_sum(url, *words):
    digest = hashlib.sha256()
    with process("curl", "-sS", "-f", *words, url, stdout=subprocess.PIPE) as child:
        while data := child.stdout.read(MIB):
            digest.update(data)
        child.stdout.close()
        assert child.wait(10) == 0
    return digest.hexdigest()


def url(ports, name, path):
    return f"http://127.0.0.1:{ports[name]}{path}"


@pytest.mark.parametrize("name, path", [
    ("nginx", "/files/large"), ("python", "/large"), ("node", f"/bytes/{DOWN}"),
    ("node", f"/chunks/{DOWN}")])
def test_large_download(setia, ports, name, path):
    assert download_sum(url(ports, name, path)) == pattern_sum(DOWN)


def test_large_download_by_1_0(setia, ports):
    assert download_sum(url(ports, "node", f"/chunks/{DOWN}"), "-0") == pattern_sum(DOWN)


def test_downloads_side_by_side(setia, ports, tmp_path):
    """Eight at once, each read slowly, each whole."""
    size = 20 * MIB
    words = []
    for number in range(8):
        words += ["-o", str(tmp_path / str(number)), url(ports, "node", f"/bytes/{size}")]
    curl("-Z", "--limit-rate", "40M", *words)
    wanted = pattern_sum(size)
    for number in range(8):
        path = tmp_path / str(number)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == wanted
        path.unlink()


@pytest.mark.parametrize("words", [(), ("-H", "Transfer-Encoding: chunked"),
                                   ("-H", "Expect: 100-continue"), ("-0",)],
                         ids=["length", "chunked", "expect", "1.0"])
def test_large_upload(setia, ports, files, words):
    """All parts on one connection of curl's, each with its own sum."""
    parts = PARTS if not words else 2
    transfers = []
    for _ in range(parts):
        transfers += ["-T", str(files / "part"), url(ports, "node", "/sum")]
    out = curl(*words, *transfers).decode()
    assert out == f"{PART} {pattern_sum(PART)}" * parts


def test_upload_past_the_roof(setia, ports, files):
    out = curl("-o", "/dev/null", "-w", "%{http_code}", "-T", str(files / "large"),
               url(ports, "node", "/sum"))
    assert out == b"413"


@pytest.mark.parametrize("name, path", [("nginx", "/files/small"), ("python", "/small"),
                                        ("node", "/small")])
def test_curls_ways_of_asking(setia, ports, name, path):
    where = url(ports, name, path)
    body = curl(where)
    assert body
    assert curl("-0", where) == body
    assert curl("--http2", where) == body, "the offer of h2c goes no further"
    assert curl(where, where, where) == body * 3
    assert curl("-H", "Connection: close", where) == body
    assert curl("--request-target", f"http://127.0.0.1:{ports[name]}{path}", where) == body
    head = curl("-I", where)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert curl("-I", where, where).count(b"HTTP/1.1 200 ") == 2


def test_conditional_and_partial_answers(setia, ports):
    """304, 206 and 416 as nginx makes them, on one connection."""
    where = url(ports, "nginx", "/files/small")
    tag = next(line for line in curl("-I", where).decode().splitlines()
               if line.lower().startswith("etag")).partition(":")[2].strip()
    out = curl("-w", "<%{http_code}>", "-H", f"If-None-Match: {tag}", where, "--next", "-sS",
               "-w", "<%{http_code}>", "-r", "1-2", where, "--next", "-sS", "-w", "<%{http_code}>",
               "-o", os.devnull, "-r", "100-", where, "--next", "-sS", where)
    assert out == b"<304>ma<206><416>small\n"


def test_post_forms(setia, ports, files):
    small = hashlib.sha256(b"a=b&c=d").hexdigest()
    where = url(ports, "node", "/sum")
    assert curl("-d", "a=b", "-d", "c=d", where).decode() == f"7 {small}"
    size, _ = curl("-F", f"file=@{files / 'part'}", where).decode().split()
    assert int(size) > PART


@pytest.mark.parametrize("bye", [(), ("bye",)], ids=["client closes", "server closes"])
def test_websocket_of_ws(setia, ports, bye):
    """Twenty connections between ws and ws: text, binary, compressed, pings, closes."""
    done = subprocess.run(["node", os.path.join(HERE, "peers", "client.js"),
                           f"ws://127.0.0.1:{ports['node']}/socket?a=b", "20", "40", *bye],
                          capture_output=True, text=True, timeout=60 * SLOW, check=False)
    assert done.stdout == "ok 800\n", done.stdout + done.stderr


def test_many_keepalive_connections(setia, make_site):
    """All stay open and are answered twice, in any order; what they took comes back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    recorder = Recorder()
    clients = []
    try:
        site = make_site([recorder])
        assert site.fetch("/first").status == 200
        memory = setia.resident_kb()
        for number in range(CONNECTIONS):
            clients.append(Connection(site.port, timeout=20))
            assert clients[-1].get(f"/{number}").body == b"/%d" % number
        grown = setia.resident_kb() - memory
        assert sanitizer() or grown < max(4096, CONNECTIONS * 2), f"{grown} KiB"
        random.Random(1).shuffle(clients)
        for number, client in enumerate(clients):
            assert client.get(f"/again-{number}").body == b"/again-%d" % number
    finally:
        for client in clients:
            client.close()
        recorder.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    proxy = f"/proc/{setia.pid('proxy')}/fd"
    until(lambda: len(os.listdir(proxy)) < 300, 10, "the descriptors to come back")
