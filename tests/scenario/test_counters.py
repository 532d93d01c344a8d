# SPDX-License-Identifier: Apache-2.0
"""What is counted of listeners, rules and targets: known traffic and the exact numbers, over
several workers, a proxy that is killed and an upgrade; as `setia status --counters` shows them."""

import collections
import os
import shutil
import threading
import time

import pytest

from lib.backend import answer
from lib.setia import BINARY, command
from lib.tcp import Echo, Layer4, reset
from lib.udp import UdpClient, UdpServer
from lib.wait import SLOW, until
from lib.wire import Connection

FROM_CLIENT, TO_CLIENT = "bytes_from_client", "bytes_to_client"
TO_TARGET, FROM_TARGET = "bytes_to_target", "bytes_from_target"


def numbers(setia):
    """{id: Counter of name}"""
    done = command("status", "--data", setia.data, "--counters")
    assert done.returncode == 0, done.stderr
    found = collections.defaultdict(collections.Counter)
    for line in done.stdout.splitlines():
        identity, name, value = line.split(" ")
        assert name not in found[identity], f"{identity} has {name} twice"
        found[identity][name] = int(value)
    return found


def settles(setia, identity, **expected):
    """The last request is counted just after its last byte is sent."""
    got = {}

    def is_so():
        found = numbers(setia)[identity]
        got.update({name: found[name] for name in expected})
        return got == expected

    try:
        until(is_so, 3)
    except AssertionError:
        wrong = {name: (got[name], value) for name, value in expected.items() if got[name] != value}
        raise AssertionError(f"{identity}: got and expected: {wrong}") from None


def target_id(owner, server):
    return f"{owner}/{server.ip}:{server.port}"


class Talker:
    """A server's script: answers by path, and counts what it sends."""

    STATUSES = {"/404": "404 Not Found", "/502": "502 Bad Gateway", "/503": "503 Slow Down",
                "/504": "504 Late", "/301": "301 Away", "/500": "500 Oh"}

    def __init__(self, backend):
        self.backend, self.sent = backend, 0
        backend.script = self.talk

    def talk(self, peer, request):
        path = request.target.partition("?")[0]
        size = int(path[6:]) if path.startswith("/size/") else 5
        data = answer(b"x" * size, self.STATUSES.get(path, "200 OK"))
        self.sent += len(data)
        peer.send(data)


def ask(path, host="a.example", method="GET", body=b"", last=False, **fields):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if last:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def talk(port, *requests):
    """All of them on one connection, the last one closing it. Bytes sent, bytes got."""
    sent, got = 0, b""
    with Connection(port) as client:
        for request in requests:
            client.send(request)
            sent += len(request)
        while data := client.socket.recv(262144):
            got += data
    return sent, got


@pytest.fixture
def talkers(pair):
    return Talker(pair[0]), Talker(pair[1])


def test_http_is_exact(make_setia, pair, talkers):
    setia = make_setia(workers=3).start()
    site = setia.site(pair)
    sent = got = 0
    chunked = (b"POST /size/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer-A: b\r\n\r\n")
    for _ in range(12):
        up, down = talk(site.port, ask("/"), ask("/size/100000"), ask("/404"), ask("/503"), chunked,
                        ask("/301"), ask("/", method="POST", body=b"y" * 70000),
                        ask("/502"), ask("/504"), ask("/500", last=True))
        sent, got = sent + up, got + len(down)
    to_target = sum(len(backend.received) for backend in pair)
    from_target = sum(talker.sent for talker in talkers)
    statuses = {"2xx": 48, "3xx": 12, "4xx": 12, "5xx": 48, "404": 12, "502": 12, "503": 12,
                "504": 12}
    same = {"requests": 120, "target_requests": 120, FROM_CLIENT: sent, TO_CLIENT: got,
            TO_TARGET: to_target, FROM_TARGET: from_target,
            **{f"sent_{name}": count for name, count in statuses.items()},
            **{f"got_{name}": count for name, count in statuses.items()}}
    settles(setia, site.listener, http_requests=120, connections=12, **same)
    settles(setia, site.rule, **same)
    for backend, talker in zip(pair, talkers):
        settles(setia, target_id(site.rule, backend), target_requests=60,
                target_connections=len(backend.peers), **{
                    TO_TARGET: len(backend.received), FROM_TARGET: talker.sent})
    found = numbers(setia)
    for kind in ("request", "response"):
        assert sum(value for name, value in found[site.rule].items()
                   if name.startswith(f"{kind}_ms_")) == 120
    both = sum((found[target_id(site.rule, backend)] for backend in pair), collections.Counter())
    assert all(both[f"got_{name}"] == count for name, count in statuses.items())
    assert all(both[name] == found[site.listener][name] for name in both)
    setia.stop()


def test_instance_is_the_sum_of_its_listeners(make_setia, pair, talkers):
    setia = make_setia(workers=2).start()
    sites = [setia.site(pair) for _ in range(2)]
    for number, site in enumerate(sites):
        for _ in range(number + 2):
            talk(site.port, ask("/", last=True))
    for number, site in enumerate(sites):
        settles(setia, site.listener, requests=number + 2, sent_2xx=number + 2)
        settles(setia, site.rule, requests=number + 2, sent_2xx=number + 2)
    found = numbers(setia)
    for name in (TO_TARGET, FROM_TARGET):
        assert sum(found[site.listener][name] for site in sites) == {
            TO_TARGET: sum(len(backend.received) for backend in pair),
            FROM_TARGET: sum(talker.sent for talker in talkers)}[name]
    setia.stop()


def test_own_answers(make_setia, pair, talkers):
    setia = make_setia().start()
    site = setia.site(pair, Domain="a.example", Url="/shop/")
    sent = got = 0
    for request in (ask("/other", last=True), ask("/shop", last=True),
                    b"GET / HTTP/1.1\r\nBad Field: x\r\n\r\n", ask("/shop/", last=True)):
        up, down = talk(site.port, request)
        sent, got = sent + up, got + len(down)
    settles(setia, site.listener, requests=4, sent_2xx=1, sent_3xx=1, sent_4xx=2, sent_404=1,
            http_404=1, http_301=1, http_400=1, got_2xx=1, target_requests=1,
            **{FROM_CLIENT: sent, TO_CLIENT: got})
    settles(setia, site.rule, requests=2, sent_2xx=1, sent_3xx=1, sent_4xx=0)
    empty = setia.site()
    talk(empty.port, ask("/", last=True))
    settles(setia, empty.rule, requests=1, sent_5xx=1, sent_503=1, no_target=1, got_5xx=0)
    setia.stop()


def test_tries_that_fail(make_setia, pair):
    setia = make_setia(workers=1).start()
    site = setia.site(pair)
    pair[0].stop()
    for _ in range(4):
        talk(site.port, ask("/", last=True))
    # Passive checks leave it out after three failures; nobody knows which request came first.
    found = numbers(setia)
    tries = found[target_id(site.rule, pair[0])]["connect_failed"]
    assert tries in (2, 3)
    settles(setia, target_id(site.rule, pair[0]), target_connections=tries, target_requests=0,
            retries=0)
    settles(setia, target_id(site.rule, pair[1]), retries=tries, target_requests=4, got_2xx=4)
    settles(setia, site.rule, retries=tries, connect_failed=tries, requests=4, sent_2xx=4)
    settles(setia, site.listener, retries=tries, connect_failed=tries)
    setia.stop()


def test_broken_answers(make_setia, make_backend):
    """A reset before the answer is tried elsewhere or 502; one within its body is cut."""
    setia = make_setia(workers=1).start()
    backend = make_backend()
    site = setia.site([backend])

    def script(peer, request):
        if request.target == "/cut":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            time.sleep(0.1)
        peer.reset()
        return False

    backend.script = script
    _, got = talk(site.port, ask("/", method="POST", body=b"z", last=True))
    assert got.startswith(b"HTTP/1.1 502")
    settles(setia, target_id(site.rule, backend), target_resets=1, target_requests=1, got_2xx=0)
    settles(setia, site.rule, sent_502=1, requests=1)
    _, got = talk(site.port, ask("/cut", last=True))
    assert got.endswith(b"half")
    settles(setia, target_id(site.rule, backend), target_resets=2, target_requests=2, got_2xx=1)
    settles(setia, site.rule, sent_2xx=1, requests=2, **{TO_CLIENT: numbers(setia)[site.listener][
        TO_CLIENT]})
    setia.stop()


def test_client_that_leaves_and_target_that_hangs(make_setia, make_backend, own_clock):
    setia = make_setia(workers=1, clock=own_clock).start()
    backend = make_backend()
    free = threading.Event()
    backend.script = lambda peer, request: free.wait(20 * SLOW) and False
    site = setia.site([backend])
    with Connection(site.port) as client:
        client.send(ask("/"))
        until(lambda: len(backend.requests) == 1)
        reset(client.socket)
    settles(setia, site.rule, requests=1, sent_499=1, sent_4xx=1, got_4xx=0)
    with Connection(site.port) as client:
        client.send(ask("/"))
        until(lambda: len(backend.requests) == 2)
        own_clock.advance(61)
        assert client.read().status == 504
    settles(setia, site.rule, requests=2, sent_504=1, sent_5xx=1, target_timeouts=1)
    settles(setia, target_id(site.rule, backend), target_timeouts=1, target_requests=2)
    assert numbers(setia)[site.rule]["request_ms"] >= 61000
    assert numbers(setia)[site.rule]["request_ms_inf"] == 1
    free.set()
    setia.stop()


def test_persistence(make_setia, pair):
    setia = make_setia(workers=2).start()
    site = setia.site(pair, SessionExpireTime=300)
    first = site.fetch()
    cookie = first.one("Set-Cookie").partition(";")[0]
    name = cookie.partition("=")[0]
    server = next(backend for backend in pair if backend.name == first.text)
    other = pair[1 - pair.index(server)]
    for _ in range(5):
        assert site.fetch(cookie=cookie).text == server.name
    for bad in (f"{name}=rubbish", f"{cookie}; {cookie}"):
        site.fetch(cookie=bad)
    site.weight(server, 0)
    assert site.fetch(cookie=cookie).text == other.name
    site.deregister(server)
    assert site.fetch(cookie=cookie).text == other.name
    settles(setia, site.rule, session_new=1, session_kept=5, session_invalid=2, session_drained=1,
            session_gone=1, session_expired=0, session_dead=0, session_pinned=5)
    settles(setia, site.listener, session_new=1, session_kept=5, session_invalid=2,
            session_drained=1, session_gone=1)
    pinned = numbers(setia)[target_id(site.rule, other)]["session_pinned"]
    assert 2 <= pinned <= 4
    # Who comes back under the same address is another target, and begins at zero.
    assert target_id(site.rule, server) not in numbers(setia)
    site.register(server)
    assert target_id(site.rule, server) not in numbers(setia)
    setia.stop()


def test_slots_that_change_hands(make_setia, pair, talkers):
    setia = make_setia(workers=2).start()
    site = setia.site(pair)
    for _ in range(6):
        talk(site.port, ask("/", last=True))
    settles(setia, site.rule, requests=6)
    for turn in range(3):
        setia.api.change("DeleteRule", **site.ids, LocationIds=[site.rule])
        setia.api.change("CreateRule", **site.ids, Rules=[
            {"Domain": "x.example", "Url": f"/{turn}/", "HealthCheck": {"HealthSwitch": 0}}])
        site.rule = site.add_rule([backend.target for backend in pair], Url="/")
        talk(site.port, ask("/", last=True))
        settles(setia, site.rule, requests=1, sent_2xx=1)
        found = numbers(setia)
        assert sum(found[target_id(site.rule, backend)]["target_requests"]
                   for backend in pair) == 1
        settles(setia, site.listener, requests=7 + turn)
    setia.stop()


def test_tcp_is_exact(make_setia):
    setia = make_setia(workers=3).start()
    servers = [Echo("one"), Echo("two")]
    listener = Layer4(setia, servers)
    try:
        size = 0
        for number in range(8):
            with listener.connect() as client:
                client.line()
                data = os.urandom(1000 + number * 100000)
                threading.Thread(target=client.socket.sendall, args=(data,)).start()
                assert client.exactly(len(data)) == data
                size += len(data)
        settles(setia, listener.listener, connections=8, target_connections=8, l4_closed=8, **{
            FROM_CLIENT: size, TO_TARGET: size, FROM_TARGET: size + 8 * 4, TO_CLIENT: size + 8 * 4})
        found = numbers(setia)
        rows = [found[target_id(listener.listener, server)] for server in servers]
        assert [row["target_connections"] for row in rows] == [4, 4]
        assert sum(row[TO_TARGET] for row in rows) == size
        assert sum(row[FROM_TARGET] for row in rows) == size + 8 * 4
        # Of a connection that is open it shows what moved so far.
        with listener.connect() as client:
            client.line()
            client.says_back(b"ping")
            settles(setia, listener.listener, **{FROM_CLIENT: size + 4})
        servers[0].stop()
        for _ in range(4):
            listener.visit()
        found = numbers(setia)
        failed = found[target_id(listener.listener, servers[0])]["connect_failed"]
        assert failed == found[listener.listener]["connect_failed"] == 2
        assert found[target_id(listener.listener, servers[1])]["retries"] == 2
    finally:
        for server in servers:
            server.stop()
    setia.stop()


def test_udp_is_exact(make_setia):
    setia = make_setia(workers=2).start()
    servers = [UdpServer("one", script=lambda data: [data, data[:3]]),
               UdpServer("two", script=lambda data: [data, data[:3]])]
    listener = Layer4(setia, servers, "UDP")
    try:
        up = 0
        for flow in range(6):
            with UdpClient(listener.port) as client:
                for size in (3, 0, 1472, 9000):
                    data = os.urandom(size)
                    assert client.ask(data) == data
                    assert client.socket.recv(65536) == data[:3]
                    up += size
        down = up + 6 * 9
        settles(setia, listener.listener, connections=6, target_connections=6,
                packets_from_client=24, packets_to_target=24, packets_from_target=48,
                packets_to_client=48,
                **{FROM_CLIENT: up, TO_TARGET: up, FROM_TARGET: down, TO_CLIENT: down})
        found = numbers(setia)
        rows = [found[target_id(listener.listener, server)] for server in servers]
        assert [row["packets_to_target"] for row in rows] == [12, 12]
        assert sum(row[FROM_TARGET] for row in rows) == down
        assert FROM_CLIENT not in rows[0]
    finally:
        for server in servers:
            server.stop()
    setia.stop()


def test_layer4_persistence(make_setia):
    setia = make_setia(workers=2).start()
    servers = [Echo("one"), Echo("two")]
    listener = Layer4(setia, servers, SessionExpireTime=300)
    try:
        names = [listener.visit(source=f"127.0.0.{10 + number // 3}") for number in range(12)]
        assert names == [name for name in names[::3] for _ in range(3)]
        settles(setia, listener.listener, session_new=4, session_kept=8, session_pinned=4)
        found = numbers(setia)
        for server in servers:
            row = found[target_id(listener.listener, server)]
            assert (row["session_kept"], row["session_pinned"]) == (
                names[::3].count(server.name) * 2, names[::3].count(server.name))
    finally:
        for server in servers:
            server.stop()
    setia.stop()


def test_tunnels_show_while_they_last(make_setia, make_backend):
    setia = make_setia().start()
    backend = make_backend()

    def script(peer, request):
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
        while True:
            peer.send(peer.read_exactly(4))

    backend.script = script
    site = setia.site([backend])
    with Connection(site.port) as client:
        head = ask("/", Upgrade="websocket", Connection="Upgrade", **{
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"})
        client.send(head)
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        settles(setia, site.rule, requests=1, sent_1xx=1, got_1xx=1)
        for number in range(3):
            client.send(b"ping")
            assert client.read_exactly(4) == b"ping"
            settles(setia, site.rule, **{FROM_CLIENT: len(head) + 4 * (number + 1)})
    settles(setia, site.listener, requests=1, sent_1xx=1, **{FROM_CLIENT: len(head) + 12})
    setia.stop()


def test_long_answers_show_while_they_last(make_setia, make_backend):
    setia = make_setia().start()
    backend = make_backend()
    go_on = threading.Event()

    def script(peer, request):
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {4 << 20}\r\n\r\n")
        peer.send(b"x" * (3 << 20))
        go_on.wait(20 * SLOW)
        peer.send(b"x" * (1 << 20))

    backend.script = script
    site = setia.site([backend])
    with Connection(site.port) as client:
        client.send(ask("/"))
        client.read_until(b"\r\n\r\n")
        client.read_exactly(3 << 20)
        until(lambda: numbers(setia)[site.rule][TO_CLIENT] > 5 << 19)
        assert numbers(setia)[site.rule]["requests"] == 0
        go_on.set()
        client.read_exactly(1 << 20)
        until(lambda: numbers(setia)[site.rule][TO_CLIENT] > 4 << 20)
        settles(setia, site.rule, requests=1)
    setia.stop()


def test_health_changes(make_setia, make_backend):
    setia = make_setia().start()
    backend = make_backend()
    site = setia.site([backend], HealthCheck={
        "HealthSwitch": 1, "IntervalTime": 3, "HealthNum": 2, "UnHealthNum": 2,
        "TimeOut": 2})
    identity = target_id(site.rule, backend)
    until(lambda: numbers(setia)[identity]["went_up"] == 1, 20)
    backend.stop()
    until(lambda: numbers(setia)[identity]["went_down"] == 1, 20)
    assert numbers(setia)[identity]["went_up"] == 1
    setia.stop()


# What outlives the proxy

def grown(before, after):
    """Nothing is ever less than it was."""
    for identity, row in before.items():
        for name, value in row.items():
            assert after[identity][name] >= value, (identity, name)
    return after


def test_killed_proxies(make_setia, pair, talkers):
    setia = make_setia(workers=2).start()
    site = setia.site(pair)
    echo = Echo("one")
    tcp = Layer4(setia, [echo])
    last = numbers(setia)
    try:
        for turn in range(1, 4):
            for _ in range(10):
                talk(site.port, ask("/", last=True))
            assert tcp.visit() == "one"
            settles(setia, site.rule, requests=10 * turn, sent_2xx=10 * turn)
            settles(setia, site.listener, requests=10 * turn, **{
                TO_TARGET: sum(len(backend.received) for backend in pair),
                FROM_TARGET: sum(talker.sent for talker in talkers)})
            settles(setia, tcp.listener, connections=turn, l4_closed=turn,
                    **{FROM_TARGET: 4 * turn})
            last = grown(last, numbers(setia))
            pid = setia.kill9("proxy")
            until(lambda old=pid: setia.pids()["proxy"] not in ([], [old]), 5)
            last = grown(last, numbers(setia))
    finally:
        echo.stop()
    setia.stop()


def test_upgrades(make_setia, pair, talkers, tmp_path):
    path = tmp_path / "setia-binary"
    shutil.copy2(BINARY, path)
    setia = make_setia(binary=path, workers=2).start()
    site = setia.site(pair)
    last = numbers(setia)
    for turn in range(1, 3):
        with Connection(site.port) as old:
            old.send(ask("/size/5"))
            assert old.read().status == 200
            done = command("upgrade", "--data", setia.data, timeout=40)
            assert done.returncode == 0, done.stderr
            for _ in range(10):
                talk(site.port, ask("/", last=True))
            old.send(ask("/size/5", last=True))  # the old proxy counts beside the new one
            assert old.read().status == 200
        settles(setia, site.rule, requests=12 * turn, sent_2xx=12 * turn)
        settles(setia, site.listener, requests=12 * turn, **{
            TO_TARGET: sum(len(backend.received) for backend in pair),
            FROM_TARGET: sum(talker.sent for talker in talkers)})
        last = grown(last, numbers(setia))
        until(lambda: len(setia.pids()["proxy"]) == 1, 15)
    setia.stop()
