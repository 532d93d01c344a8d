# SPDX-License-Identifier: Apache-2.0
"""proxy_request_buffering on: a body is read whole before any target hears of the request; what it
costs in memory and on disk, and how each way of going wrong ends. And what else a custom
configuration says about bodies: proxy_ignore_client_abort, proxy_buffer_size, proxy_buffers,
client_header_buffer_size."""

import hashlib
import json
import os
import resource
import socket
import struct
import subprocess
import threading

import pytest

from lib.backend import answer
from lib.custom import Custom
from lib.setia import Setia, command, sanitizer
from lib.shop import ShopServer
from lib.wait import SLOW, until
from lib.wire import message

KIB, MIB = 1 << 10, 1 << 20
ON = "proxy_request_buffering on;"
BIG = 250 * MIB
CHUNKED = ("Transfer-Encoding", "chunked")


def in_force(site, content):
    return Custom(site.api, content, site.load_balancer)


def tell_length(peer, request):
    peer.send(answer(str(len(request.body))))


def chunks(body, size=1000):
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def reset(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def body_files(setia):
    """Sizes of the bodies that the traffic process has on disk now; they have no names."""
    folder, sizes = f"/proc/{setia.pid('proxy')}/fd", []
    for name in os.listdir(folder):
        try:
            where = os.readlink(f"{folder}/{name}")
            if where.startswith(f"{setia.data}/body/"):
                sizes.append(os.stat(f"{folder}/{name}").st_size)
        except FileNotFoundError:
            pass
    return sizes


def body_names(setia):
    """What stands in the directory of bodies: nothing, ever."""
    folder = f"{setia.data}/body"
    return os.listdir(folder) if os.path.exists(folder) else []


def counted(site, name):
    """Of the site's listener."""
    done = command("status", "--data", site.setia.data, "--counters")
    assert done.returncode == 0, done.stderr
    found = {tuple(line.split(" ")[:2]): int(line.split(" ")[2])
             for line in done.stdout.splitlines()}
    return found.get((site.listener, name), 0)


@pytest.fixture
def backend(make_backend):
    one = make_backend()
    one.script = tell_length
    return one


# What the target sees


@pytest.mark.parametrize("size", [0, 1, 20 * KIB, 64 * KIB, 65 * KIB, 3 * MIB])
def test_chunks_become_a_length(setia, make_site, backend, size):
    site, body = make_site([backend]), os.urandom(size)
    with in_force(site, ON), site.connect() as client:
        client.send(message("POST", "/", [CHUNKED, ("Trailer", "X-Sum"), ("TE", "trailers")]))
        client.send(chunks(body)[:-2] + b"X-Sum: 1\r\n\r\n")
        assert client.read().text == str(size)
        seen = backend.last
        assert seen.body == body and seen.one("Content-Length") == str(size)
        assert not seen.all("Transfer-Encoding") and not seen.all("Trailer")
        assert client.get().status == 200  # the connection goes on
    assert body_names(setia) == []
    until(lambda: not body_files(setia), what="the body's file to be closed")


@pytest.mark.parametrize("size", [1, 16 * KIB, 100 * KIB, 3 * MIB])
def test_a_length_stays(make_site, backend, size):
    site, body = make_site([backend]), os.urandom(size)
    with in_force(site, ON), site.connect() as client:
        head = message("PUT", "/", [("Content-Length", str(size)), ("X-A", "1")])
        client.send(head + body + message("GET", "/next"))  # pipelined
        assert client.read().text == str(size)
        assert client.read().text == "0"
    assert backend.requests[0].body == body and backend.requests[0].one("X-A") == "1"
    assert backend.requests[1].target == "/next"


def test_no_body_is_no_matter(make_site, backend):
    site = make_site([backend])
    with in_force(site, ON), site.connect() as client:
        assert client.get().text == "0"
        assert client.request("POST", "/", [("Content-Length", "0")]).text == "0"


def test_a_slow_client_holds_no_target(make_site, backend):
    site = make_site([backend])
    with in_force(site, ON), site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "200000")]) + b"x" * 199999)
        client.wait_taken()
        assert not backend.peers
        client.send(b"x")
        assert client.read().text == "200000"
        assert len(backend.peers) == 1


def test_without_the_directive_it_streams(make_site, backend):
    site = make_site([backend])
    with in_force(site, "proxy_request_buffering off;"), site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "10")]) + b"x" * 9)
        until(lambda: backend.requests, what="the head at the target")
        client.send(b"x")
        assert client.read().text == "10"


def test_expect_is_answered_here(make_site, backend):
    site = make_site([backend])
    with in_force(site, ON), site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "5"), ("Expect", "100-continue")]))
        assert client.read_head().line == "HTTP/1.1 100 Continue"
        assert not backend.peers
        client.send(b"hello")
        assert client.read().text == "5"
        assert not backend.last.all("Expect")


# Other tries


def test_a_body_is_sent_once_more(make_site, pair):
    """A PUT that was read by a server which then broke goes whole to the other one."""
    tried = []

    def break_once(peer, request):
        tried.append(len(request.body))
        if len(tried) == 1:
            peer.reset()
            return False
        return tell_length(peer, request)

    for one in pair:
        one.script = break_once
    site = make_site(pair)
    for body, text in [(b"x" * 300, "300"), (b"x" * MIB, str(MIB))]:
        tried.clear()
        with in_force(site, ON), site.connect() as client:
            client.send(message("PUT", "/", [("Content-Length", text)]) + body)
            assert client.read().text == text
            assert tried == [len(body)] * 2
        tried.clear()
        with in_force(site, ON), site.connect() as client:
            client.send(message("POST", "/", [("Content-Length", text)]) + body)
            assert client.read().status == 502 and tried == [len(body)]


# How it goes wrong


def test_too_large(make_site, backend):
    site = make_site([backend])
    with in_force(site, f"client_max_body_size 1M; {ON}"):
        with site.connect() as client:
            client.send(message("POST", "/", [("Content-Length", str(MIB + 1))]))
            assert client.read().status == 413
        with site.connect() as client:
            client.send(message("POST", "/", [CHUNKED]))
            client.send(b"80000\r\n" + b"x" * (MIB // 2) + b"\r\n")
            client.send(b"80000\r\n" + b"x" * (MIB // 2) + b"\r\n1\r\nx")
            assert client.read().status == 413
    assert not backend.peers


def test_bad_chunks(make_site, backend):
    site = make_site([backend])
    with in_force(site, ON), site.connect() as client:
        client.send(message("POST", "/", [CHUNKED]) + b"5\r\nhello\r\nnonsense\r\n")
        assert client.read().status == 400
    assert not backend.peers


def test_too_slow(make_site, backend, clock):
    site = make_site([backend])
    with in_force(site, f"client_body_timeout 30s; {ON}"), site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "100000")]) + b"x" * 99999)
        client.wait_taken()
        clock.advance(28)
        assert client.stays_open(0.3)
        clock.advance(3.5)
        assert client.read().status == 408
    assert not backend.peers


@pytest.mark.parametrize("leave", [reset, lambda client: client.close()], ids=["reset", "end"])
def test_the_client_leaves(setia, make_site, backend, leave):
    site = make_site([backend], AccessLog="left.log")
    path = f"{setia.data}/log/left.log"
    before = os.path.getsize(path) if os.path.exists(path) else 0
    with in_force(site, ON):
        client = site.connect()
        client.send(message("POST", "/gone", [("Content-Length", "200000")]) + b"x" * 100000)
        client.wait_taken()
        until(lambda: body_files(setia), what="the body's file")
        leave(client)
        until(lambda: os.path.exists(path) and os.path.getsize(path) > before, what="the line")
        with open(path, encoding="latin-1") as file:
            file.seek(before)
            assert "[499]" in file.read()
        until(lambda: not body_files(setia), what="the file to be closed")
    assert not backend.peers


# What it costs


@pytest.fixture(scope="module")
def big_body(tmp_path_factory):
    """(path, sum) of a file of BIG bytes, no two mebibytes of which are the same."""
    path = tmp_path_factory.mktemp("upload") / "body"
    block, digest = os.urandom(MIB), hashlib.sha256()
    with open(path, "wb") as file:
        for number in range(BIG // MIB):
            part = number.to_bytes(8, "big") + block[8:]
            digest.update(part)
            file.write(part)
    yield str(path), digest.hexdigest()
    path.unlink()


def test_a_large_body_rests_on_disk(setia, make_site, big_body):
    path, wanted = big_body
    shop = ShopServer("red")
    site = make_site([shop])
    try:
        with in_force(site, f"client_max_body_size {BIG // MIB}m; {ON}"):
            memory, seen = setia.resident_kb(), [0]
            with subprocess.Popen(
                    ["curl", "-sS", "--max-time", str(60 * SLOW), "-H", "Expect:", "-T", path,
                     "-w", "\n%{http_code}", f"http://127.0.0.1:{site.port}/upload"],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as curl:
                while curl.poll() is None:
                    seen.append(sum(body_files(setia)))
                    assert sanitizer() or setia.resident_kb() - memory < 8 << 10
                    threading.Event().wait(0.02)
                text, _, status = curl.stdout.read().rpartition("\n")
            assert status == "200", text
            assert json.loads(text) == {"server": "red", "size": BIG, "sum": wanted}
            assert 0 < max(seen) <= BIG
            until(lambda: not body_files(setia), what="the file to be closed")
    finally:
        shop.kill()
    assert body_names(setia) == []


@pytest.fixture(scope="module")
def small_room(tmp_path_factory):
    """A product whose bodies may take 2 MiB."""
    setia = Setia(tmp_path_factory.mktemp("small"), workers=2, arguments=["--body-room", "2"])
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


def put(site, size, part=None):
    client = site.connect()
    client.send(message("PUT", "/", [("Content-Length", str(size))]) + b"x" * (part or size))
    return client


def test_the_room_has_a_roof(small_room, backend):
    site = small_room.site([backend])
    with in_force(site, ON):
        with put(site, 3 * MIB, part=1) as client:  # can never fit: refused by its length alone
            assert client.read().status == 503
        with put(site, 2 * MIB) as client:
            assert client.read().text == str(2 * MIB)
        until(lambda: not body_files(small_room), what="the room to be free")
        with put(site, MIB + MIB // 2, part=MIB) as first:
            first.wait_taken()
            with put(site, MIB + MIB // 2) as second:
                assert second.read().status == 503
            with put(site, 60 * KIB) as third:  # memory is another room
                assert third.read().text == str(60 * KIB)
            first.send(b"x" * (MIB // 2))
            assert first.read().text == str(MIB + MIB // 2)
        until(lambda: not body_files(small_room), what="the room to be free")
        with put(site, 2 * MIB) as client:
            assert client.read().text == str(2 * MIB)
    assert len(backend.requests) == 4
    assert counted(site, "http_503_body") == 2
    site.delete()


def test_the_disk_is_full(small_room, backend):
    """Which a roof on the size of files stands for: the write fails, the process goes on."""
    proxy, site = small_room.pid("proxy"), small_room.site([backend])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with in_force(site, ON):
        resource.prlimit(proxy, resource.RLIMIT_FSIZE, (300000, hard))
        try:
            with put(site, MIB) as client:
                assert client.read().status == 503
            with put(site, 200000) as client:
                assert client.read().text == "200000"
        finally:
            resource.prlimit(proxy, resource.RLIMIT_FSIZE, (hard, hard))
        with put(site, 2 * MIB) as client:
            assert client.read().text == str(2 * MIB)
    assert counted(site, "http_503_body") == 1
    assert len(backend.requests) == 2
    site.delete()


def test_no_room_at_all(make_setia, backend):
    """Where the directory should be is something else: small bodies pass, others are answered."""
    setia = make_setia(workers=1, arguments=["--body-dir", "/dev/null"]).start()
    site = setia.site([backend])
    with in_force(site, ON):
        with put(site, 60 * KIB) as client:
            assert client.read().text == str(60 * KIB)
        with put(site, MIB) as client:
            assert client.read().status == 503
        with put(site, 1) as client:
            assert client.read().text == "1"
    setia.stop()


def test_nothing_is_left_behind(small_room, backend):
    """The traffic process is killed while it holds bodies."""
    site = small_room.site([backend])
    with in_force(site, ON):
        with put(site, MIB + 1, part=MIB) as client:
            client.wait_taken()
            until(lambda: body_files(small_room), what="the body's file")
            small_room.kill9("proxy")
            assert client.is_closed()
        until(lambda: small_room.pids()["proxy"], what="the next traffic process")
        assert body_names(small_room) == []
        with put(site, MIB) as client:
            assert client.read().text == str(MIB)
    assert body_names(small_room) == []
    site.delete()


# The other directives


@pytest.mark.parametrize("switch", ["on", "off"])
def test_proxy_ignore_client_abort(setia, make_site, backend, switch):
    has_left, is_over, wrote = threading.Event(), threading.Event(), []

    def script(peer, request):
        if request.target == "/slow":
            has_left.wait(10 * SLOW)
            try:
                if switch == "off":
                    assert peer.socket.recv(1) == b""
                peer.send(answer(b"x" * MIB))
                wrote.append(MIB)
                peer.socket.settimeout(10 * SLOW)
            except OSError:
                pass
            finally:
                is_over.set()
        else:
            tell_length(peer, request)

    backend.script = script
    site = make_site([backend], AccessLog=f"abort-{switch}.log", KeepaliveEnable=1)
    path = f"{setia.data}/log/abort-{switch}.log"
    with in_force(site, f"proxy_ignore_client_abort {switch};"):
        client = site.connect()
        client.send(message("POST", "/slow", [("Content-Length", "3")]) + b"abc")
        until(lambda: backend.requests and backend.last.body == b"abc", what="the request")
        reset(client)
        if switch == "off":
            until(lambda: os.path.exists(path) and os.path.getsize(path), what="the line")
        has_left.set()
        assert is_over.wait(10 * SLOW)
        until(lambda: os.path.exists(path) and os.path.getsize(path), what="the line")
        with open(path, encoding="latin-1") as file:
            assert "[499]" in file.read()
        if switch == "on":
            assert wrote == [MIB]
            assert not backend.peers[0].is_ended


def test_proxy_ignore_client_abort_has_an_end(make_site, backend, clock):
    """What the target still says is read for proxy_read_timeout and no longer."""
    is_cut = threading.Event()

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                peer.send(b"x" * 100)
                threading.Event().wait(0.02)
        finally:
            is_cut.set()

    backend.script = script
    site = make_site([backend])
    with in_force(site, "proxy_ignore_client_abort on; proxy_read_timeout 40s;"):
        client = site.connect()
        client.send(message())
        client.read_until(b"\r\n\r\n")
        reset(client)
        assert not is_cut.wait(0.3)
        clock.advance(25)
        assert not is_cut.wait(0.3)
        clock.advance(20)
        assert is_cut.wait(5 * SLOW)


def test_proxy_buffer_size(make_site, backend):
    size = [0]

    def script(peer, request):
        peer.send(answer(b"ok", headers=[("X-Long", "y" * size[0])]))

    backend.script = script
    site = make_site([backend])
    with in_force(site, "proxy_buffers 8 4k; proxy_buffer_size 4k;"):
        for size[0], status in [(3900, 200), (4096, 502), (30000, 502)]:
            assert site.fetch().status == status
    size[0] = 30000
    assert site.fetch().status == 200


@pytest.mark.parametrize("form", ["length", "chunked", "close"])
def test_proxy_buffers_change_no_byte(make_site, backend, form):
    body = os.urandom(3 * MIB)

    def script(peer, request):
        if form == "length":
            peer.send(answer(body))
            return True
        head = b"HTTP/1.1 200 OK\r\n"
        if form == "chunked":
            peer.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, 5000))
            return True
        peer.send(head + b"\r\n" + body)
        return False

    backend.script = script
    site = make_site([backend])
    with in_force(site, "proxy_buffers 8 16k; proxy_buffer_size 16k;"):
        with site.connect(receive_buffer=4096, timeout=20) as client:
            client.send(message())
            client.wait_taken()
            assert client.read().body == body


def test_client_header_buffer_size(make_site, backend):
    site = make_site([backend])
    for content in ["client_header_buffer_size 1k;", "client_header_buffer_size 256k;"]:
        with in_force(site, content), site.connect() as client:
            long = [(f"X-{i}", "z" * 4000) for i in range(10)]
            assert client.request("GET", "/", long).status == 200
            assert client.request("GET", "/", [("X", "y" * 65500)]).status == 431
