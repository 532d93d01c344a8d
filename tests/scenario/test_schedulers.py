# SPDX-License-Identifier: Apache-2.0
"""LEAST_CONN and IP_HASH for rules, and every scheduler with servers that are slow, draining or dead
(features.md section 4; session-persistence.md sections 2 and 5). Health is the checker's: time
passes by the test's clock, every interval is one step of it."""

import collections
import concurrent.futures
import itertools
import math
import select
import socket
import threading
import time

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.shape import must_issue, ours, pair_of, servers
from lib.tcp import Echo, Layer4
from lib.udp import UdpClient, UdpServer, ask_once
from lib.wait import SLOW, until
from test_explain import explain, good  # noqa: F401
from test_health import CHECK, Time, is_probe

SIGMAS = 5  # one run in millions strays further
TCP_CHECK = {**CHECK, "CheckType": "TCP"}
UDP_CHECK = {**CHECK, "CheckType": "CUSTOM", "ContextType": "TEXT", "SendContext": "alive?",
             "RecvContext": "yes"}


@pytest.fixture
def passing(setia, clock):
    return Time(setia, clock)


@pytest.fixture
def trio(make_backend):
    return [make_backend(name) for name in ("one", "two", "three")]


@pytest.fixture
def make_tcp(setia):
    made = []

    def make(backends, **options):
        made.append(Layer4(setia, backends, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


class Pausing(Echo):
    """A server that may stop to take connections; those it has go on."""

    def pause(self):
        self._listen.shutdown(socket.SHUT_RDWR)
        self._listen.close()

    def resume(self):
        self._listen = socket.socket()
        self._listen.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listen.bind((self.ip, self.port))
        self._listen.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()


@pytest.fixture
def echoes():
    made = [Pausing("one"), Pausing("two")]
    yield made
    for server in made:
        server.stop()


def names_of(responses):
    return [response.text for response in responses]


def other(name):
    return {"one": "two", "two": "one"}[name]


# LEAST_CONN

class Gate:
    """Requests that a server holds back until they are let go."""

    def __init__(self, backend):
        self.backend, self.count = backend, 0
        self.changed = threading.Condition()
        self.open = 0
        backend.script = self.script

    def script(self, peer, request):
        with self.changed:
            self.count += 1
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.open > 0, 20 * SLOW)
            self.open -= 1
            self.count -= 1
        peer.send(answer(self.backend.name))

    def let_go(self, count=1):
        with self.changed:
            self.open += count
            self.changed.notify_all()


class Held:
    """Requests that wait for their answers, each on a connection of its own."""

    def __init__(self, site, gates):
        self.site, self.gates, self.clients = site, gates, []

    def counts(self):
        return [gate.count for gate in self.gates]

    def send(self):
        """One more, and which server holds it."""
        before = self.counts()
        client = self.site.connect(timeout=20)
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.clients.append(client)
        until(lambda: sum(self.counts()) > sum(before), 5, "the request at a server")
        return next(at for at, count in enumerate(self.counts()) if count > before[at])

    def close(self):
        for gate in self.gates:
            gate.let_go(1000)
        for client in self.clients:
            client.close()


@pytest.fixture
def hold():
    made = []

    def make(site, backends):
        made.append(Held(site, [Gate(backend) for backend in backends]))
        return made[-1]

    yield make
    for held in made:
        held.close()


def test_least_conn_counts_what_is_active(make_site, trio, hold):
    """Over all workers, for the weights; whoever is done gets the next."""
    site = make_site(trio, weights=[10, 10, 20], Scheduler="LEAST_CONN")
    held = hold(site, trio)
    for _ in range(12):
        held.send()
    assert held.counts() == [3, 3, 6]
    held.gates[1].let_go(3)
    until(lambda: held.gates[1].count == 0, 5)
    for client in held.clients[:]:
        if client.socket.fileno() >= 0 and _has_answer(client):
            assert client.read().text == "two"
    assert [held.send() for _ in range(3)] == [1, 1, 1]


def _has_answer(client):
    return bool(select.select([client.socket], [], [], 0.2)[0])


def test_least_conn_leaves_slow_servers_alone(make_site, pair):
    site = make_site(pair, Scheduler="LEAST_CONN", KeepaliveEnable=1)

    def late(peer, request):
        time.sleep(0.15)
        peer.send(answer("one"))

    pair[0].script = late

    def visit(_):
        with site.connect() as client:
            return [client.get() for _ in range(15)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        counts = servers(itertools.chain.from_iterable(pool.map(visit, range(4))))
    assert counts["two"] > 3 * counts["one"], counts


def test_least_conn_without_load_goes_by_turn(make_site, trio):
    site = make_site(trio, weights=[20, 10, 10], Scheduler="LEAST_CONN")
    with site.connect() as client:
        assert servers(client.get() for _ in range(40)) == {"one": 20, "two": 10, "three": 10}


def websocket(site):
    client = site.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert client.read_head().status == 101
    return client


def test_least_conn_forgets_nothing_and_keeps_nothing(make_site, make_backend, pair, clock):
    """However a request ends, its target's count goes back: later ones go by turn alone."""
    dead = make_backend("dead")
    site = make_site([*pair, dead], Scheduler="LEAST_CONN")
    dead.stop()

    def various(peer, request):
        if request.target == "/cut":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return False
        if request.target == "/mute":
            return False
        if request.target == "/late":
            time.sleep(0.2)
        peer.send(answer(peer.backend.name))

    for backend in pair:
        backend.script = various
    for number in range(12):
        with site.connect() as client:  # left before the answer
            client.send(b"GET /late HTTP/1.1\r\nHost: a.example\r\n\r\n")
        with site.connect() as client:  # within the body
            client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 50\r\n\r\nhalf")
        site.fetch("/mute", method="POST", body=b"x")
        with site.connect() as client:
            client.send(b"GET /cut HTTP/1.1\r\nHost: a.example\r\n\r\n")
            client.drain()
        site.weight(pair[0], 10 + number % 2)
    dead.start()
    site.weight(pair[0], 10)
    time.sleep(0.5 * SLOW)
    clock.advance(11)  # whoever failed three times in a row is tried again
    time.sleep(0.3 * SLOW)
    names = names_of(site.fetch() for _ in range(21))
    assert all(len(set(names[at:at + 3])) == 3 for at in range(19)), names


def test_least_conn_counts_tunnels_through_changes(make_site, pair):
    """A WebSocket is one request, however long; it outlives generations, and so does its count."""
    site = make_site(pair, Scheduler="LEAST_CONN")

    def upgrade(peer, request):
        if not request.one("Upgrade"):
            peer.send(answer(peer.backend.name))
            return True
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\n\r\n" + peer.backend.name.encode() + b"\n")
        peer.more()
        return False

    for backend in pair:
        backend.script = upgrade
    with websocket(site) as tunnel:
        busy = tunnel.read_until(b"\n").decode().strip()
        for weight in (20, 10):
            site.weight(pair[0], weight)
            site.weight(pair[1], weight)
        assert {site.fetch().text for _ in range(10)} == {other(busy)}
    until(lambda: len({site.fetch().text for _ in range(4)}) == 2, 5)
    # On one connection, so on one worker: the count is given back before the next request is read.
    with site.connect() as client:
        names = names_of(client.get("/") for _ in range(10))
    assert all(left != right for left, right in itertools.pairwise(names)), names


# IP_HASH

def clients(count):
    return [f"127.0.{number // 250}.{number % 250 + 2}" for number in range(count)]


def placed(site, addresses):
    """{address: the server that answers it}."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda address: site.fetch(source=address), addresses)
    return {address: response.text for address, response in zip(addresses, found)}


def assert_share(had, total, share):
    spread = SIGMAS * math.sqrt(total * share * (1 - share))
    assert abs(had - total * share) <= spread, (had, total * share, spread)


def test_ip_hash_one_client_one_server(make_site, trio, setia):
    """SP-19: by the peer's address alone, on every worker and any port."""
    site = make_site(trio, Scheduler="IP_HASH")
    addresses = clients(30)
    first = placed(site, addresses)
    assert set(first.values()) == {"one", "two", "three"}
    for _ in range(3):
        assert placed(site, addresses) == first
    one = addresses[0]
    for forged in addresses[1:6]:
        response = site.fetch(source=one, headers=[("X-Forwarded-For", forged)])
        assert response.text == first[one] and ours(response) is None


def test_ip_hash_honours_weights(make_site, trio):
    site = make_site(trio, weights=[60, 30, 10], Scheduler="IP_HASH")
    counts = collections.Counter(placed(site, clients(400)).values())
    for name, share in (("one", 0.6), ("two", 0.3), ("three", 0.1)):
        assert_share(counts[name], 400, share)


def test_ip_hash_moves_only_who_must(make_site, trio, make_backend):
    site = make_site(trio, Scheduler="IP_HASH")
    addresses, added = clients(200), make_backend("four")
    before = placed(site, addresses)
    site.register(added)
    after = placed(site, addresses)
    moved = [address for address in addresses if before[address] != after[address]]
    assert {after[address] for address in moved} == {"four"}
    assert_share(len(moved), 200, 1 / 4)
    site.weight(added, 20)
    heavier = placed(site, addresses)
    assert all(heavier[address] in ("four", after[address]) for address in addresses)
    site.weight(trio[0], 0)
    drained = placed(site, addresses)
    assert all(drained[address] == heavier[address] for address in addresses
               if heavier[address] != "one")
    assert "one" not in drained.values()
    site.weight(trio[0], 10)
    site.deregister(added)
    assert placed(site, addresses) == before


def test_ip_hash_survives_a_proxy_that_died(make_setia, trio):
    setia = make_setia().start()
    site = setia.site(trio, Scheduler="IP_HASH")
    before = placed(site, clients(30))
    old = setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), what="a new proxy")
    assert placed(site, clients(30)) == before
    setia.stop()


def test_ip_hash_with_dead_servers(make_site, trio, passing):
    """Before the checker noticed: each client is answered, by its own second choice. Afterwards the
    same; and when it comes back, its clients come back."""
    site = make_site(trio, Scheduler="IP_HASH", HealthCheck=CHECK)
    addresses = clients(60)
    passing.until_state("Alive", *trio)
    before = placed(site, addresses)
    trio[1].stop()
    unnoticed = placed(site, addresses)
    passing.until_state("Dead", trio[1])
    assert placed(site, addresses) == unnoticed
    assert all(unnoticed[address] == before[address] for address in addresses
               if before[address] != "two")
    assert {unnoticed[address] for address in addresses if before[address] == "two"} == {
        "one", "three"}
    trio[1].start()
    passing.until_state("Alive", trio[1])
    assert placed(site, addresses) == before


def test_explain_knows_where_a_client_goes(make_site, trio, explain):  # noqa: F811
    site = make_site(trio, weights=[10, 20, 30], Scheduler="IP_HASH")
    url = f"http://a.example:{site.port}/"
    for address, name in placed(site, clients(20)).items():
        text = good(explain(url, "--from", address))
        assert f"target     127.0.0.1:{of_name(trio, name).port} weight" in text, text
        assert "persistence off -> the client's address" in text and "candidate" not in text
    assert good(explain(url)).count("candidate") == 3
    site.modify_rule(Scheduler="LEAST_CONN")
    assert "fewest open connections" in good(explain(url))


# Changes of the scheduler

def test_a_scheduler_may_change(make_site, pair, hold):
    site = make_site(pair)
    assert site.describe_rule()["Scheduler"] == "WRR"
    site.modify_rule(Scheduler="IP_HASH")
    addresses = clients(20)
    first = placed(site, addresses)
    assert set(first.values()) == {"one", "two"} and placed(site, addresses) == first
    site.modify_rule(Scheduler="LEAST_CONN")
    assert site.describe_rule()["Scheduler"] == "LEAST_CONN"
    held = hold(site, pair)
    assert sorted(held.send() for _ in range(6)) == [0, 0, 0, 1, 1, 1]
    held.close()
    for backend in pair:
        backend.script = None
    site.modify_rule(Scheduler="WRR")
    names = names_of(site.fetch() for _ in range(10))
    assert all(left != right for left, right in itertools.pairwise(names)), names


@pytest.mark.parametrize("scheduler", ["LEAST_CONN", "IP_HASH"])
def test_persistence_goes_with_turns_alone(make_site, pair, scheduler):
    """SP-12 .. SP-18 on every way to a rule."""
    site = make_site(pair, Scheduler=scheduler)
    with pytest.raises(ApiError) as refused:
        site.modify_rule(SessionExpireTime=60)
    assert refused.value.code == "InvalidParameter"
    with pytest.raises(ApiError) as refused:
        site.add_rule(Url="/x", Scheduler=scheduler, SessionExpireTime=60)
    assert refused.value.code == "InvalidParameter"
    site.modify_rule(Scheduler="WRR", SessionExpireTime=60)
    must_issue(site.fetch())
    with pytest.raises(ApiError) as refused:
        site.modify_rule(Scheduler=scheduler)
    assert refused.value.code == "InvalidParameter"
    rule = site.describe_rule()
    assert (rule["Scheduler"], rule["SessionExpireTime"]) == ("WRR", 60)
    site.modify_rule(Scheduler=scheduler, SessionExpireTime=0)
    assert ours(site.fetch()) is None


# Turns with servers that are down

def test_turns_of_the_dead_pass(make_site, trio, passing):
    """A B C equal and B dead: A C A C, not A C C A C C."""
    site = make_site(trio, HealthCheck=CHECK)
    passing.until_state("Alive", *trio)
    trio[1].stop()
    passing.until_state("Dead", trio[1])
    names = names_of(site.fetch() for _ in range(20))
    assert set(names) == {"one", "three"}
    assert all(left != right for left, right in itertools.pairwise(names)), names


def test_shares_without_the_dead_are_exact(make_setia, own_clock, make_backend):
    """Over four workers, many connections, any weights; also of newcomers among sticky clients."""
    setia = make_setia(workers=4, clock=own_clock).start()
    backends = [make_backend(name) for name in "abcd"]
    site = setia.site(backends, weights=[30, 20, 50, 10], SessionExpireTime=1000,
                      HealthCheck=CHECK)
    passing = Time(setia, own_clock)
    passing.until_state("Alive", *backends)
    backends[2].stop()
    passing.until_state("Dead", backends[2])

    def few(_):
        with site.connect() as client:
            found = []
            for _ in range(6):
                found.append(client.get())
                cookie = pair_of(must_issue(found[-1]))
                assert client.get(cookie=cookie).text == found[-1].text
            return found

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(few, range(20))))
    assert servers(answers) == {"a": 60, "b": 40, "d": 20}
    setia.stop()


# Pins: HTTP

def pinned(site):
    """A new client: its cookie and its server."""
    response = site.fetch()
    return pair_of(must_issue(response)), response.text


def of_name(backends, name):
    return next(backend for backend in backends if backend.name == name)


def moves_to(site, cookie, name):
    """The client's next request is answered by this server, with a new cookie for it."""
    response = site.fetch(cookie=cookie)
    assert response.status == 200 and response.text == name
    moved = pair_of(must_issue(response))
    assert moved != cookie
    assert site.fetch(cookie=moved).text == name
    return moved


def test_weight_0_moves_its_clients(make_site, pair):
    """T1-k, SP-45."""
    site = make_site(pair, SessionExpireTime=1000)
    cookie, name = pinned(site)
    site.weight(of_name(pair, name), 0)
    moved = moves_to(site, cookie, other(name))
    site.weight(of_name(pair, name), 10)
    assert site.fetch(cookie=moved).text == other(name)


def test_a_draining_server_keeps_its_clients(make_site, pair, clock):
    """DrainPolicy KEEP: no new clients, and the pinned ones until they idle out."""
    site = make_site(pair, SessionExpireTime=60, DrainPolicy="KEEP")
    assert site.describe_rule()["DrainPolicy"] == "KEEP"
    cookie, name = pinned(site)
    site.weight(of_name(pair, name), 0)
    for _ in range(4):
        clock.advance(50)
        response = site.fetch(cookie=cookie)
        assert response.text == name
        cookie = pair_of(must_issue(response))
        assert site.fetch().text == other(name)
    clock.advance(62)
    moves_to(site, cookie, other(name))
    site.weight(of_name(pair, name), 10)
    cookie, name = pinned(site)
    site.weight(of_name(pair, name), 0)
    site.modify_rule(DrainPolicy="MOVE")
    moves_to(site, cookie, other(name))


def test_all_draining_serve_their_clients_alone(make_site, pair):
    site = make_site(pair, SessionExpireTime=60, DrainPolicy="KEEP")
    cookie, name = pinned(site)
    for backend in pair:
        site.weight(backend, 0)
    assert site.fetch(cookie=cookie).text == name
    assert site.fetch().status == 503


def test_an_unbound_server_loses_its_clients(make_site, pair):
    """T1-l, SP-44."""
    site = make_site(pair, SessionExpireTime=1000)
    cookie, name = pinned(site)
    site.deregister(of_name(pair, name))
    moves_to(site, cookie, other(name))


def test_a_dead_server_loses_its_clients(make_site, pair, passing):
    """T1-l, SP-46: at once, before the checker knows; and no way back."""
    site = make_site(pair, SessionExpireTime=1000, HealthCheck=CHECK)
    passing.until_state("Alive", *pair)
    (cookie, name), (second, _) = pinned(site), pinned(site)
    dead = of_name(pair, name)
    dead.stop()
    moved = moves_to(site, cookie, other(name))
    passing.until_state("Dead", dead)
    # Who comes back only now is not sent there any more.
    moves_to(site, cookie, other(name))
    assert site.fetch(cookie=second).text == other(name)
    dead.start()
    passing.until_state("Alive", dead)
    assert site.fetch(cookie=moved).text == other(name)
    assert {site.fetch().text for _ in range(4)} == {"one", "two"}


def test_the_checker_moves_clients_of_a_server_that_still_answers(make_site, pair, passing):
    """SP-46: a server may be sick and answer all the same."""
    site = make_site(pair, SessionExpireTime=1000, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)
    cookie, name = pinned(site)
    sick = of_name(pair, name)
    sick.script = lambda peer, request: peer.send(
        answer(name, status="503 Sick" if is_probe(request) else "200 OK"))
    passing.until_state("Dead", sick)
    moved = moves_to(site, cookie, other(name))
    sick.script = None
    passing.until_state("Alive", sick)
    assert site.fetch(cookie=moved).text == other(name)


def test_failover_takes_one_connect_timeout(make_site, make_backend, clock):
    """A server that vanished without a word: the pinned client waits once, 4 s at most."""
    living, gone = make_backend("one"), make_backend("two")
    site = make_site([living, gone], SessionExpireTime=1000)
    cookie, name = pinned(site)
    if name == "one":
        cookie, name = pinned(site)
    assert name == "two"
    gone.stop()
    full = full_at(gone.port)
    try:
        with site.connect(timeout=20) as client:
            client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: {cookie}\r\n\r\n")
            time.sleep(0.3 * SLOW)
            clock.advance(4.2)
            response = client.read()
        assert response.text == "one"
        assert site.fetch(cookie=pair_of(must_issue(response))).text == "one"
    finally:
        for sock in full:
            sock.close()


def full_at(port):
    """Handshakes with this port never end: its accept queue is full. What to close later."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(0)
    made = [listening]
    for _ in range(8):
        made.append(socket.socket())
        made[-1].setblocking(False)
        made[-1].connect_ex(("127.0.0.1", port))
    time.sleep(0.05)
    return made


def test_when_all_are_dead_pins_are_honoured(make_site, pair, passing):
    """SP-47."""
    site = make_site(pair, SessionExpireTime=1000, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)
    jar = [pinned(site) for _ in range(4)]
    for backend in pair:
        backend.script = lambda peer, request: peer.send(
            answer(peer.backend.name, status="500 No" if is_probe(request) else "200 OK"))
    passing.until_state("Dead", *pair)
    for cookie, name in jar:
        assert site.fetch(cookie=cookie).text == name
    assert servers(site.fetch() for _ in range(6)) == {"one": 3, "two": 3}


# Pins: layer 4

def test_tcp_drain_policies(make_tcp, echoes, clock):
    """T2-j with MOVE; with KEEP the pinned client stays until it idles out."""
    listener = make_tcp(echoes, SessionExpireTime=60, DrainPolicy="KEEP")
    with listener.connect("127.0.0.5") as client:
        name = client.line()
        listener.weight(of_name(echoes, name), 0)
        assert listener.visit("127.0.0.5") == name
        assert listener.visit("127.0.0.6") == listener.visit("127.0.0.7") == other(name)
        client.says_back()
        listener.modify(DrainPolicy="MOVE")
        assert listener.visit("127.0.0.5") == other(name)
        client.says_back()
    listener.weight(of_name(echoes, name), 10)
    assert listener.visit("127.0.0.5") == other(name)
    listener.modify(DrainPolicy="KEEP")
    listener.weight(of_name(echoes, other(name)), 0)
    assert listener.visit("127.0.0.5") == other(name)
    time.sleep(0.3 * SLOW)  # the end of a connection is a use too
    clock.advance(62)
    assert listener.visit("127.0.0.5") == name


def test_tcp_pins_and_dead_servers(make_tcp, echoes, passing):
    """SP-46, SP-48: new connections go elsewhere and stay there, open ones stay where they are."""
    listener = make_tcp(echoes, SessionExpireTime=600, HealthCheck=TCP_CHECK)
    passing.until_state("Alive", *echoes)
    with listener.connect("127.0.0.5") as client:
        name = client.line()
        dead = of_name(echoes, name)
        dead.pause()
        passing.until_state("Dead", dead)
        assert [listener.visit("127.0.0.5") for _ in range(4)] == [other(name)] * 4
        assert {listener.visit() for _ in range(4)} == {other(name)}
        client.says_back()
        dead.resume()
        passing.until_state("Alive", dead)
        assert listener.visit("127.0.0.5") == other(name)
        assert {listener.visit(f"127.0.0.{host}") for host in range(10, 14)} == {"one", "two"}


def test_reschedule_unhealthy(make_tcp, echoes, passing):
    """SP-48: within the interval, both ends get RST; those of living servers stay."""
    listener = make_tcp(echoes, HealthCheck=TCP_CHECK, RescheduleUnhealthy=True)
    passing.until_state("Alive", *echoes)
    open_ones = [listener.connect() for _ in range(6)]
    try:
        names = [client.line() for client in open_ones]
        dead = of_name(echoes, "one")
        dead.pause()
        passing.until_state("Dead", dead)
        passing.step(2)
        for client, name in zip(open_ones, names):
            if name == "one":
                assert client.ends() == "reset"
            else:
                client.says_back()
        assert {listener.visit() for _ in range(4)} == {"two"}
    finally:
        for client in open_ones:
            client.socket.close()


def sick_pair():
    """Two servers, and the names of those that are silent for the checker alone."""
    dead = set()

    def script(name):
        def say(data):
            if data == b"alive?":
                return [] if name in dead else [b"yes"]
            return [name.encode()]
        return say

    return dead, [UdpServer(name, script=script(name)) for name in ("one", "two")]


def test_udp_pins_and_dead_servers(make_tcp, passing):
    """SP-46."""
    dead, backends = sick_pair()
    try:
        listener = make_tcp(backends, protocol="UDP", SessionExpireTime=600, HealthCheck=UDP_CHECK)
        passing.until_state("Alive", *backends)
        name = ask_once(listener.port)
        assert {ask_once(listener.port) for _ in range(4)} == {name}
        dead.add(name)
        passing.until_state("Dead", of_name(backends, name))
        assert {ask_once(listener.port) for _ in range(4)} == {other(name)}
        dead.clear()
        passing.until_state("Alive", of_name(backends, name))
        assert {ask_once(listener.port) for _ in range(4)} == {other(name)}
    finally:
        for server in backends:
            server.stop()


@pytest.mark.parametrize("switch", [False, True])
def test_udp_reschedule_unhealthy(make_tcp, passing, switch):
    """SP-48: a flow stays with a dead server unless the switch says otherwise."""
    dead, backends = sick_pair()
    try:
        listener = make_tcp(backends, protocol="UDP", RescheduleUnhealthy=switch, HealthCheck=UDP_CHECK)
        passing.until_state("Alive", *backends)
        with UdpClient(listener.port) as client:
            name = client.ask(b"?").decode()
            dead.add(name)
            passing.until_state("Dead", of_name(backends, name))
            passing.step(2)
            assert client.ask(b"?").decode() == (other(name) if switch else name)
    finally:
        for server in backends:
            server.stop()
