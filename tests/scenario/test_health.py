# SPDX-License-Identifier: Apache-2.0
"""Health checks with servers that die, hang, slow down, fail and come back (features.md section 6).
Time passes by the test's clock: every interval is one step of it."""

import collections
import itertools
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from lib.backend import answer
from lib.setia import BINARY, clean_environment
from lib.tcp import Echo, Layer4
from lib.udp import UdpServer, ask_once
from lib.wait import SLOW, until

CHECK = {"HealthSwitch": 1, "IntervalTime": 5, "TimeOut": 2, "HealthNum": 3, "UnHealthNum": 3}
OFF = {"HealthSwitch": 0}
INTERVAL = CHECK["IntervalTime"]
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


def changes(setia, server):
    """What the log says of a server's health, in order: dictionaries."""
    lines = [dict(PAIR.findall(line)) for line in setia.log().splitlines()
             if " event=target_health " in line]
    return [line for line in lines if line["rsport"] == str(server.port)]


def state(setia, server):
    found = changes(setia, server)
    return found[-1]["to"] if found else "Unknown"


def is_probe(request):
    return request.one("User-Agent") == "clb-healthcheck"


def probes(server):
    return [request for request in list(server.requests) if is_probe(request)]


def visits(server):
    """Requests of clients."""
    return [request for request in list(server.requests) if not is_probe(request)]


class Time:
    """Intervals that pass one by one."""

    def __init__(self, setia, clock):
        self.setia, self.clock = setia, clock

    def step(self, seconds=INTERVAL):
        self.clock.advance(seconds)
        time.sleep(0.15 * SLOW)  # loops look at a shifted clock every 0.1 s

    def until_state(self, wanted, *servers, steps=30):
        """Intervals pass until all of them are in this state; how many it took."""
        for count in range(steps):
            if all(state(self.setia, server) == wanted for server in servers):
                return count
            self.step()
        raise AssertionError(f"not {wanted}: {[changes(self.setia, one) for one in servers]}\n"
                             f"{self.setia.log_tail(5)}")

    def until_probed(self, server, more=1):
        """Intervals pass until a server of HTTP was probed so many more times."""
        wanted = len(probes(server)) + more
        for _ in range(30 * more):
            if len(probes(server)) >= wanted:
                time.sleep(0.05 * SLOW)  # the answer is on its way back
                return
            self.step(INTERVAL / 2)
        raise AssertionError(f"{server.name} is not probed")


@pytest.fixture
def passing(setia, clock):
    return Time(setia, clock)


def spread(site, count=12):
    """How many of so many new clients each server got."""
    return collections.Counter(site.fetch().text for _ in range(count))


@pytest.fixture
def make_layer4(setia):
    made = []

    def make(*arguments, **options):
        made.append(Layer4(setia, *arguments, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


@pytest.fixture
def trio(make_backend):
    return [make_backend(name) for name in ("one", "two", "three")]


# HTTP

def test_a_server_dies_and_comes_back(make_site, trio, passing, setia):
    site = make_site(trio, HealthCheck=CHECK, Domain="a.example", Url="/shop")
    assert spread_at(site) == {"one": 4, "two": 4, "three": 4}
    passing.until_state("Alive", *trio)
    trio[1].stop()
    passing.until_state("Dead", trio[1])
    assert spread_at(site) == {"one": 6, "three": 6}
    trio[1].start()
    passing.until_state("Alive", trio[1])
    assert spread_at(site) == {"one": 4, "two": 4, "three": 4}
    # The fields of the reference's health log.
    dead = next(line for line in changes(setia, trio[1]) if line["to"] == "Dead")
    wanted = {"protocol": "HTTP", "rsip": "127.0.0.1", "rsport": str(trio[1].port),
              "rs_vpcid": "-1", "vip": "127.0.0.1", "vport": str(site.port), "vpcid": "-1",
              "status": "false", "domain": "a.example", "url": "/shop", "rule": site.rule,
              "listener": site.listener, "from": "Alive", "to": "Dead", "reason": "refused"}
    assert {name: dead[name] for name in wanted} == wanted


def spread_at(site, count=12):
    return collections.Counter(site.fetch("/shop", host="a.example").text for _ in range(count))


def test_what_a_probe_asks(make_site, make_backend, passing):
    server, plain = make_backend("one"), make_backend("two")
    make_site([server], Domain="a.example", HealthCheck={
        **CHECK, "HttpCheckPath": "/alive?from=lb", "HttpCheckDomain": "probe.example",
        "HttpCheckMethod": "GET"})
    make_site([plain], HealthCheck=CHECK)
    passing.until_probed(server)
    passing.until_probed(plain)
    assert bytes(server.peers[0].received) == (
        b"GET /alive?from=lb HTTP/1.1\r\nHost: probe.example\r\nUser-Agent: clb-healthcheck\r\n"
        b"Connection: close\r\n\r\n")
    assert bytes(plain.peers[0].received) == (
        f"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:{plain.port}\r\nUser-Agent: clb-healthcheck\r\n"
        "Connection: close\r\n\r\n").encode()


def test_a_server_hangs(make_site, pair, passing, setia):
    site = make_site(pair, HealthCheck=CHECK)
    passing.until_state("Alive", *pair)
    release = threading.Event()

    def hang(peer, request):
        if is_probe(request):
            release.wait(20 * SLOW)
        peer.send(answer("one"))

    pair[0].script = hang
    try:
        passing.until_state("Dead", pair[0])
        assert changes(setia, pair[0])[-1]["reason"] == "timeout"
        assert spread(site) == {"two": 12}
    finally:
        release.set()
    passing.until_state("Alive", pair[0])
    assert spread(site) == {"one": 6, "two": 6}


def test_a_slow_server_is_alive(make_site, pair, passing, setia):
    def slow(peer, request):
        time.sleep(0.3)
        peer.send(answer("one") if request.method == "GET" else answer())

    pair[0].script = slow
    make_site(pair, HealthCheck=CHECK)
    wanted = len(probes(pair[0]))
    for _ in range(4):
        passing.step()
        time.sleep(0.4)
    assert len(probes(pair[0])) >= wanted + 3
    assert state(setia, pair[0]) == "Alive"


def test_statuses(make_site, pair, passing, setia):
    """The mask of codes: 5xx is alive by default, and not without bit 16."""
    strict, default = pair
    for server in pair:
        server.script = lambda peer, request: peer.send(answer(status="500 Oops"))
    make_site([strict], HealthCheck={**CHECK, "HttpCode": 15})
    make_site([default], HealthCheck=CHECK)
    passing.until_state("Dead", strict)
    assert changes(setia, strict)[-1]["reason"] == "status"
    passing.until_state("Alive", default)


def test_what_is_no_http(make_site, make_backend, passing, setia):
    server = make_backend("one")
    server.script = lambda peer, request: peer.send(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n")
    make_site([server], HealthCheck=CHECK)
    passing.until_state("Dead", server)
    assert changes(setia, server)[-1]["reason"] == "bad_answer"


def test_a_new_server_waits(make_site, trio, passing, setia):
    """For its third good answer; probes may come at any moment, also while we look."""
    site = make_site(trio[:2], HealthCheck=CHECK)
    passing.until_state("Alive", *trio[:2])
    site.register(trio[2])
    looks = 0
    while len(probes(trio[2])) < 3:
        seen = state(setia, trio[2]), spread(site)
        if len(probes(trio[2])) < 3:
            assert seen == ("Unknown", {"one": 6, "two": 6})
            looks += 1
        passing.step(INTERVAL / 2)
    assert looks >= 2 and len(probes(trio[2])) == 3
    until(lambda: state(setia, trio[2]) == "Alive", 3, "the third answer")
    assert spread(site) == {"one": 4, "two": 4, "three": 4}


def test_a_new_site_serves_at_once(make_site, trio, passing, setia):
    """Nothing is known to be alive yet: whoever did not fail gets requests."""
    trio[2].stop()
    site = make_site(trio, HealthCheck=CHECK)
    until(lambda: probes(trio[0]) and probes(trio[1]), 3)
    until(lambda: spread(site, 6) == {"one": 3, "two": 3}, 3)
    passing.until_state("Alive", *trio[:2])
    passing.until_state("Dead", trio[2])


def test_thresholds(make_site, pair, passing, setia):
    """Two failures and a good answer are nothing; three in a row are Dead."""
    make_site(pair, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)
    fails = []
    pair[0].script = lambda peer, request: peer.send(
        answer(status="500 Oops" if fails and fails.pop() else "200 OK"))
    fails += [True, True]
    passing.until_probed(pair[0], 3)
    fails += [True, True]
    passing.until_probed(pair[0], 3)
    assert state(setia, pair[0]) == "Alive"
    # Just three, and good answers behind them: two were not enough above.
    fails += [True] * 3
    passing.until_state("Dead", pair[0])
    assert not fails


def test_all_dead_is_all_alive(make_site, pair, passing):
    site = make_site(pair, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)

    def fail_probes(peer, request):
        is_sick = is_probe(request)
        peer.send(answer("" if is_sick else peer.backend.name,
                         status="503 Sick" if is_sick else "200 OK"))

    pair[0].script = fail_probes
    passing.until_state("Dead", pair[0])
    assert spread(site) == {"two": 12}
    pair[1].script = fail_probes
    passing.until_state("Dead", *pair)
    assert spread(site) == {"one": 6, "two": 6}
    pair[1].script = None
    passing.until_state("Alive", pair[1])
    assert spread(site) == {"two": 12}


def test_weight_0_is_checked(make_site, pair, passing):
    site = make_site(pair, weights=[10, 0], HealthCheck=CHECK)
    passing.until_state("Alive", *pair)
    pair[1].stop()
    passing.until_state("Dead", pair[1])
    assert spread(site) == {"one": 12}
    # That it is alive does not help: the only one of weight counts as alive when it is dead.
    pair[1].start()
    passing.until_state("Alive", pair[1])
    assert not visits(pair[1])


def test_the_switch(make_site, pair, passing):
    site = make_site(pair, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)
    pair[0].script = lambda peer, request: peer.send(
        answer("one", status="404 No" if is_probe(request) else "200 OK"))
    passing.until_state("Dead", pair[0])
    site.modify_rule(HealthCheck={"HealthSwitch": 0})
    assert spread(site) == {"one": 6, "two": 6}
    for server in pair:
        server.forget()
    for _ in range(3):
        passing.step()
    assert not probes(pair[0]) and not probes(pair[1])
    # On again: all that was known is forgotten.
    site.modify_rule(HealthCheck={"HealthSwitch": 1})
    until(lambda: probes(pair[0]) and spread(site, 6) == {"two": 6}, 3)


def test_a_deregistered_server_is_left_alone(make_site, pair, passing):
    site = make_site(pair, HealthCheck=CHECK)
    passing.until_probed(pair[0])
    site.deregister(pair[0])
    pair[0].forget()
    passing.until_probed(pair[1], 2)
    assert not pair[0].requests


def test_ipv6(make_site, passing):
    server = Echo("six", ip="::1", script=lambda sock: (
        sock.recv(4096), sock.sendall(answer()), sock.close()))
    try:
        make_site([server], HealthCheck=CHECK)
        passing.until_state("Alive", server)
    finally:
        server.stop()
    passing.until_state("Dead", server)


# Passive checks

def break_off(peer, request):
    return is_probe(request) and peer.send(answer())


@pytest.mark.parametrize("check", [OFF, CHECK])
def test_three_failures_block_for_10_s(make_site, pair, passing, clock, setia, check):
    site = make_site(pair, HealthCheck=check)
    if check is CHECK:
        passing.until_state("Alive", *pair)
    for server in pair:
        server.forget()
    pair[0].script = break_off
    # Each client is answered: the failed forward is tried again.
    assert spread(site, 10) == {"two": 10}
    blocked = until(lambda: [line for line in setia.log().splitlines() if "target_blocked" in line
                             and f"127.0.0.1:{pair[0].port}" in line], 3)
    assert len(blocked) == 1 and f"rule={site.rule}" in blocked[0]
    assert len(visits(pair[0])) == 3
    passing.step(9)
    assert spread(site, 4) == {"two": 4}
    assert len(visits(pair[0])) == 3
    pair[0].script = None
    passing.step(1.3)
    assert spread(site, 4) == {"one": 2, "two": 2}


def test_an_answer_between_is_no_row(make_site, pair, setia):
    site = make_site(pair, HealthCheck=OFF, KeepaliveEnable=0)
    failures = itertools.cycle([True, True, False])
    pair[0].script = lambda peer, request: not next(failures) and peer.send(answer("one"))
    assert spread(site, 30) == {"one": 5, "two": 25}
    assert f"target=127.0.0.1:{pair[0].port}" not in setia.log()


def test_the_only_server_is_never_left_out(make_site, make_backend, setia):
    server = make_backend("one")
    site = make_site([server], HealthCheck=OFF)
    server.script = break_off
    for _ in range(5):
        assert site.fetch().status == 502
    until(lambda: f"target=127.0.0.1:{server.port}" in setia.log(), 3)
    server.script = None
    assert site.fetch().text == "one"


# Layer 4

def test_tcp(make_layer4, passing, setia):
    servers = [Echo("one"), Echo("two")]
    try:
        listener = make_layer4(servers, HealthCheck=CHECK)
        passing.until_state("Alive", *servers)
        servers[0].stop()
        passing.until_state("Dead", servers[0])
        assert {listener.visit() for _ in range(6)} == {"two"}
        assert changes(setia, servers[0])[-1]["protocol"] == "TCP"
    finally:
        for server in servers:
            server.stop()


def test_http_on_tcp(make_layer4, make_backend, passing):
    server = make_backend("one")
    make_layer4([server], HealthCheck={**CHECK, "CheckType": "HTTP", "HttpVersion": "HTTP/1.0",
                                       "HttpCheckDomain": "a.example", "HttpCode": 2})
    passing.until_state("Alive", server)
    assert probes(server)[0].line == "HEAD / HTTP/1.0"
    assert probes(server)[0].one("Host") == "a.example"
    server.script = lambda peer, request: peer.send(answer(status="302 Away"))
    passing.until_state("Dead", server)


def test_check_port(make_layer4, passing):
    served, asked = Echo("one"), Echo("two")
    try:
        make_layer4([served], HealthCheck={**CHECK, "CheckPort": asked.port})
        passing.until_state("Alive", served)
        asked.stop()
        passing.until_state("Dead", served)
        assert len(served.socks) == 0
    finally:
        served.stop()
        asked.stop()


def test_custom_on_tcp(make_layer4, passing, setia):
    def pong(sock):
        sock.sendall(b"\x00PONG!" if sock.recv(16) == b"PING\n" else b"?")

    good, bad = Echo("one", script=pong), Echo("two", script=lambda sock: sock.sendall(b"220 hi"))
    try:
        make_layer4([good, bad], HealthCheck={
            **CHECK, "CheckType": "CUSTOM", "ContextType": "HEX", "SendContext": "50494E470A",
            "RecvContext": "00504F4E47"})
        passing.until_state("Alive", good)
        passing.until_state("Dead", bad)
        assert changes(setia, bad)[-1]["reason"] == "mismatch"
    finally:
        good.stop()
        bad.stop()


@pytest.fixture
def udp_pair():
    servers = [UdpServer("one"), UdpServer("two")]
    yield servers
    for server in servers:
        server.stop()


def test_udp(make_layer4, udp_pair, passing, setia):
    """A port that ICMP calls closed is dead, and alive again when somebody is there."""
    listener = make_layer4(udp_pair, "UDP", HealthCheck=CHECK)
    passing.until_state("Alive", *udp_pair)
    udp_pair[0].stop()
    passing.until_state("Dead", udp_pair[0])
    assert changes(setia, udp_pair[0])[-1]["reason"] == "refused"
    assert {ask_once(listener.port) for _ in range(6)} == {"two"}
    udp_pair[0].start()
    passing.until_state("Alive", udp_pair[0])


def test_udp_probe_says_what_it_is(make_layer4, passing):
    heard = []
    server = UdpServer("one", script=lambda data: heard.append(data) or [])
    try:
        make_layer4([server], "UDP", HealthCheck=CHECK)
        passing.until_state("Alive", server)
        assert set(heard) == {b"HEALTH CHECK"}
    finally:
        server.stop()


def test_custom_on_udp(make_layer4, passing, setia):
    good = UdpServer("one", script=lambda data: [b"PONG 7"] if data == b"PING" else [])
    dumb = UdpServer("two", script=lambda data: [])
    try:
        make_layer4([good, dumb], "UDP", HealthCheck={
            **CHECK, "CheckType": "CUSTOM", "ContextType": "TEXT", "SendContext": "PING",
            "RecvContext": "PONG"})
        passing.until_state("Alive", good)
        passing.until_state("Dead", dumb)
        assert changes(setia, dumb)[-1]["reason"] == "timeout"
    finally:
        good.stop()
        dumb.stop()


# Processes

@pytest.fixture
def own(make_setia, own_clock):
    setia = make_setia(clock=own_clock).start()
    return setia, Time(setia, own_clock)


def test_checks_go_on_without_control(own, pair):
    setia, passing = own
    site = setia.site(pair, HealthCheck=CHECK)
    passing.until_state("Alive", *pair)
    control = setia.pid("control")
    os.kill(control, signal.SIGSTOP)
    try:
        pair[0].stop()
        passing.until_state("Dead", pair[0])
        assert spread(site) == {"two": 12}
    finally:
        os.kill(control, signal.SIGCONT)
    setia.kill9("control")
    pair[0].start()
    passing.until_state("Alive", pair[0])
    setia.wait_api()


def test_states_outlive_the_proxy(own, trio):
    setia, passing = own
    site = setia.site(trio[:2], HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *trio[:2])
    trio[0].script = lambda peer, request: peer.send(answer("one", status="404 No" if is_probe(
        request) else "200 OK"))
    passing.until_state("Dead", trio[0])
    site.register(trio[2])
    passing.until_probed(trio[2])
    old = setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), 5)
    assert spread(site) == {"two": 12}
    # One good answer was counted before the crash.
    passing.until_probed(trio[2], 2)
    passing.until_state("Alive", trio[2], steps=1)
    assert spread(site) == {"two": 6, "three": 6}
    assert [line["to"] for line in changes(setia, trio[0])] == ["Alive", "Dead"]


def test_states_go_over_an_upgrade(make_setia, own_clock, pair, tmp_path):
    path = tmp_path / "setia"
    shutil.copy2(BINARY, path)
    setia = make_setia(binary=path, clock=own_clock).start()
    passing = Time(setia, own_clock)
    site = setia.site(pair, HealthCheck={**CHECK, "HttpCode": 2})
    passing.until_state("Alive", *pair)
    pair[0].script = lambda peer, request: peer.send(
        answer("one", status="404 No" if is_probe(request) else "200 OK"))
    passing.until_state("Dead", pair[0])
    with site.connect() as held:  # so that the old proxy stays
        assert held.get("/").text == "two"
        done = subprocess.run([BINARY, "upgrade", "--data", setia.data], capture_output=True,
                              text=True, timeout=40 * SLOW, check=False,
                              env=clean_environment())
        assert done.returncode == 0, done.stderr
        assert spread(site) == {"two": 12}
        # One checker: a probe an interval.
        passing.until_probed(pair[1])
        pair[1].forget()
        for _ in range(4):
            passing.step()
        assert len(probes(pair[1])) in (4, 5)
    assert [line["to"] for line in changes(setia, pair[0])] == ["Alive", "Dead"]


def test_many_changes_disturb_no_check(own, pair, make_backend):
    """Every change is a new generation; probes and states go on."""
    setia, passing = own
    site = setia.site(pair, HealthCheck=CHECK)
    passing.until_state("Alive", *pair)
    third = make_backend("three")
    pair[0].stop()
    for number in range(12):
        site.weight(pair[1], 10 + number)
        (site.deregister if number % 2 else site.register)(third)
        passing.step(2)
    passing.until_state("Dead", pair[0], steps=2)
    assert state(setia, pair[1]) == "Alive"
