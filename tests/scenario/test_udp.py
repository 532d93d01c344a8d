# SPDX-License-Identifier: Apache-2.0
"""UDP listeners: whose answer reaches whom and from which address, persistence by source address,
how flows end, floods; with raw sockets and with real programs. Time passes by the test's clock, and
for real as well with SETIA_TEST_LONG=1."""

import collections
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import time

import pytest

from lib.setia import BINARY, SECRET_ID, SECRET_KEY, clean_environment, command
from lib.tcp import Layer4
from lib.udp import UdpClient, UdpServer, ask_once, ask_patiently, free_udp_port
from lib.wait import SLOW, accepts, until

IS_LONG = os.environ.get("SETIA_TEST_LONG") == "1"
real = pytest.mark.skipif(not IS_LONG, reason="SETIA_TEST_LONG=1: minutes of real time")
LARGEST_IPV4, LARGEST_IPV6 = 65507, 65527


@pytest.fixture
def make_server():
    made = []

    def make(name="one", **options):
        made.append(UdpServer(name, **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def servers(make_server):
    return make_server("one"), make_server("two")


@pytest.fixture
def make_udp(setia):
    made = []

    def make(servers, **options):
        made.append(Layer4(setia, servers, "UDP", **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


class Passing:
    """Time that passes by the clock of the test, or for real."""

    def __init__(self, clock):
        self.clock = clock

    def wait(self, seconds):
        if self.clock:
            self.clock.advance(seconds)
            time.sleep(0.15 * SLOW)  # workers look at a shifted clock every 0.1 s
        else:
            time.sleep(seconds)


@pytest.fixture(params=["clock", pytest.param("real", marks=real)])
def passing(request, clock):
    clock.align()
    return Passing(clock if request.param == "clock" else None)


def echo(data):
    return [data]


def counters(setia, listener):
    done = command("status", "--data", setia.data, "--counters")
    assert done.returncode == 0, done.stderr
    rows = (line.split(" ") for line in done.stdout.splitlines())
    return collections.Counter({name: int(value) for identity, name, value in rows
                                if identity == listener.listener})


# Datagrams as they are

@pytest.mark.parametrize("vip, ip, largest", [
    (None, "127.0.0.1", LARGEST_IPV4),
    ({"Vip": "::1"}, "::1", LARGEST_IPV6)])
def test_every_size(make_udp, make_server, vip, ip, largest):
    listener = make_udp([make_server(script=echo, ip=ip)], vip=vip)
    with UdpClient(listener.port, ip=ip) as client:
        for size in (0, 1, 64, 511, 512, 1232, 1452, 1472, 1473, 1500, 4096, 9000, 40000, largest):
            data = os.urandom(size)
            assert client.ask(data) == data, size


def test_ipv6_listener_ipv4_server(make_udp, make_server):
    listener = make_udp([make_server(script=echo)],
                        vip={"Vip": "::1"})
    with UdpClient(listener.port, ip="::1") as client:
        assert client.ask(b"mixed") == b"mixed"
        client.socket.send(b"x" * LARGEST_IPV6)  # longer than IPv4 can carry: dropped alone
        assert client.hears_nothing()
        assert client.ask(b"y" * LARGEST_IPV4) == b"y" * LARGEST_IPV4
    assert counters(listener.setia, listener)["udp_dropped"] == 1


def test_ipv4_listener_ipv6_server(make_udp, make_server):
    listener = make_udp([make_server(script=echo, ip="::1")])
    with UdpClient(listener.port) as client:
        assert client.ask(b"mixed") == b"mixed"


@pytest.mark.parametrize("vip, ips", [
    ({"Vip": "0.0.0.0"}, ["127.0.0.1", "127.0.0.2", "127.1.2.3"]),
    ({"Vip": "::"}, ["::1"])])
def test_answers_come_from_the_address_that_was_asked(make_udp, make_server, vip, ips):
    """A connected client hears only that one. One source asking two of ours makes two flows."""
    listener = make_udp([make_server(script=echo)], vip=vip)
    for ip in ips:
        with UdpClient(listener.port, ip=ip) as client:
            for number in range(3):
                assert client.ask(b"%d" % number) == b"%d" % number
    if len(ips) > 1:
        with socket.socket(type=socket.SOCK_DGRAM) as one:
            one.settimeout(3 * SLOW)
            for ip in ips * 2:
                one.sendto(ip.encode(), (ip, listener.port))
                assert one.recvfrom(100) == (ip.encode(), (ip, listener.port))


def test_bursts_keep_their_order(make_udp, make_server):
    listener = make_udp([make_server(script=echo)])
    sizes = [100] * 20 + [1300] * 10 + [0, 5, 5, 3] + [700, 699, 700]
    with UdpClient(listener.port) as client:
        for _ in range(10):
            burst = [bytes([number]) * size for number, size in enumerate(sizes)]
            for data in burst:
                client.socket.send(data)
            assert [client.socket.recv(65536) for _ in burst] == burst


def test_a_server_may_go_on_speaking(make_udp, make_server):
    server = make_server(script=lambda data: [b"%d" % number for number in range(50)])
    listener = make_udp([server])
    with UdpClient(listener.port) as client:
        assert client.ask() == b"0"
        assert [client.socket.recv(100) for _ in range(49)] == [b"%d" % n for n in range(1, 50)]
        server.send(b"later", server.last_peer())
        assert client.socket.recv(100) == b"later"


# Which server

def test_a_flow_has_one_server(make_udp, servers):
    listener = make_udp(servers)
    with UdpClient(listener.port) as client, UdpClient(listener.port) as other:
        names = {client.name() for _ in range(20)}
        assert len(names) == 1 and {other.name() for _ in range(20)} == {"one", "two"} - names
    assert len(servers[0].peers) == len(servers[1].peers) == 1


def test_weights(make_udp, make_server):
    three = [make_server(name) for name in ("a", "b", "c")]
    listener = make_udp(three, weights=[10, 20, 30])
    names = collections.Counter(ask_once(listener.port) for _ in range(60))
    assert names == {"a": 10, "b": 20, "c": 30}


def test_least_connections(make_udp, servers):
    listener = make_udp(servers, Scheduler="LEAST_CONN")
    clients = [UdpClient(listener.port) for _ in range(20)]
    try:
        assert collections.Counter(client.name() for client in clients) == {"one": 10, "two": 10}
        # Whose flows end is whose turn it is.
        listener.weight(servers[0], 0)
        assert {ask_once(listener.port) for _ in range(6)} == {"two"}
        listener.weight(servers[0], 10)
        assert [ask_once(listener.port) for _ in range(6)] == ["one"] * 6
    finally:
        for client in clients:
            client.socket.close()


# Persistence

def test_changing_ports_have_one_server(make_udp, servers, passing):
    """T2-k."""
    listener = make_udp(servers, SessionExpireTime=30)
    seen = set()
    for _ in range(20 if passing.clock else 4):
        names = set()
        for _ in range(4):
            names.add(ask_once(listener.port))
            passing.wait(5)
        assert len(names) == 1
        seen |= names
        passing.wait(30)
    assert not passing.clock or seen == {"one", "two"}


def test_an_idle_flow_does_not_keep_a_pin(make_udp, servers, clock):
    """Its end by silence is no activity either."""
    listener = make_udp(servers, SessionExpireTime=30, IdleConnectTimeout=40)
    clock.align()
    seen = set()
    for _ in range(8):
        seen.add(ask_once(listener.port))
        for _ in range(5):
            clock.advance(9)
            time.sleep(0.15 * SLOW)
    assert seen == {"one", "two"}


def test_datagrams_keep_a_pin(make_udp, servers, clock):
    """SP-25: also those that only come back."""
    listener = make_udp(servers, SessionExpireTime=30)
    clock.align()
    with UdpClient(listener.port) as client:
        name = client.name()
        server = next(server for server in servers if server.name == name)
        flow = server.last_peer()
        for _ in range(4):
            clock.advance(25)
            server.send(b"tick", flow)
            assert client.socket.recv(10) == b"tick"
            assert ask_once(listener.port) == name


def test_each_client_has_its_server(make_udp, servers):
    """As T2-h."""
    listener = make_udp(servers, SessionExpireTime=60)
    hosts = [f"127.0.0.{number}" for number in range(2, 22)]
    first = [ask_once(listener.port, host) for host in hosts]
    assert collections.Counter(first) == {"one": 10, "two": 10}
    for _ in range(3):
        assert [ask_once(listener.port, host) for host in hosts] == first


def test_persistence_off_is_off_at_once(make_udp, servers):
    """As T2-l."""
    listener = make_udp(servers, SessionExpireTime=60)
    assert len({ask_once(listener.port) for _ in range(10)}) == 1
    listener.modify(SessionExpireTime=0)
    assert collections.Counter(ask_once(listener.port) for _ in range(10)) == {"one": 5, "two": 5}


def test_pins_survive_a_crash(make_setia, make_server):
    """SP-51: kill -9 of the traffic process."""
    setia = make_setia().start()
    three = [make_server(name) for name in ("one", "two", "three")]
    listener = Layer4(setia, three, "UDP", SessionExpireTime=600)
    hosts = [f"127.0.0.{number}" for number in range(2, 62)]
    first = [ask_once(listener.port, host) for host in hosts]
    assert len(set(first)) == 3
    for _ in range(3):
        old = setia.kill9("proxy")
        until(lambda: setia.pids()["proxy"] not in ([], [old]), 5)
        assert [ask_patiently(listener.port, host) for host in hosts] == first
    setia.stop()


# How flows end

def test_answers_end_a_flow(make_udp, make_server):
    server = make_server()
    listener = make_udp([server], UdpResponses=1)
    with UdpClient(listener.port) as client:
        for number in range(1, 6):
            client.name()
            assert len(server.peers) == number  # each time from another port
        server.send(b"late", server.last_peer())
        assert client.hears_nothing()
        # Two questions at once, as resolvers ask for A and AAAA: both are answered.
        client.socket.send(b"A")
        client.socket.send(b"AAAA")
        assert [client.socket.recv(10), client.socket.recv(10)] == [b"one", b"one"]
    assert counters(listener.setia, listener)["l4_closed"] >= 6


def test_silence_ends_a_flow(make_udp, make_server, passing):
    server = make_server()
    listener = make_udp([server], IdleConnectTimeout=10)
    with UdpClient(listener.port) as client:
        client.name()
        for _ in range(3):
            passing.wait(8)
            client.name()
        assert len(server.peers) == 1
        passing.wait(10.5)
        client.name()
        assert len(server.peers) == 2
    assert counters(listener.setia, listener)["l4_idle"] == 1


def test_a_changed_time_is_of_flows_that_live(make_udp, make_server, clock):
    server = make_server()
    listener = make_udp([server], IdleConnectTimeout=100)
    with UdpClient(listener.port) as client:
        client.name()
        listener.modify(IdleConnectTimeout=20)
        Passing(clock).wait(21)
        client.name()
        assert len(server.peers) == 2


def test_a_dead_server_loses_its_flows(make_udp, servers):
    """Nobody at its port: those who never had an answer from it go to another, and stay there."""
    listener = make_udp(servers, SessionExpireTime=60)
    first = ask_once(listener.port)
    dead = next(server for server in servers if server.name == first)
    dead.stop()
    assert ask_patiently(listener.port) != first
    assert {ask_once(listener.port) for _ in range(6)} == {"one", "two"} - {first}
    assert counters(listener.setia, listener)["udp_unreachable"] >= 1
    dead.start()
    assert first not in {ask_once(listener.port) for _ in range(6)}  # no way back (SP-46)


def test_no_server_anywhere(make_udp, servers):
    listener = make_udp(servers)
    for server in servers:
        server.stop()
    with UdpClient(listener.port) as client:
        client.socket.send(b"?")
        assert client.hears_nothing()
        servers[0].start()
        servers[1].start()
        assert ask_patiently(listener.port) in ("one", "two")


def test_flows_of_an_unbound_server_move(make_udp, servers):
    """SP-44."""
    listener = make_udp(servers, SessionExpireTime=60)
    with UdpClient(listener.port) as client:
        first = client.name()
        gone = next(server for server in servers if server.name == first)
        listener.deregister(gone)
        assert {client.name() for _ in range(5)} == {"one", "two"} - {first}
        listener.register(gone)
        assert {client.name() for _ in range(5)} == {"one", "two"} - {first}


def test_a_drained_server_keeps_its_flows(make_udp, servers):
    """SP-45, as T2-j."""
    listener = make_udp(servers, SessionExpireTime=60)
    with UdpClient(listener.port) as client:
        first = client.name()
        drained = next(server for server in servers if server.name == first)
        listener.weight(drained, 0)
        assert {client.name() for _ in range(5)} == {first}
        assert {ask_once(listener.port) for _ in range(5)} == {"one", "two"} - {first}
        assert {client.name() for _ in range(5)} == {first}


def test_a_weight_of_zero_reschedules(make_udp, servers, clock):
    listener = make_udp(servers, RescheduleTargetZeroWeight=True, RescheduleStartTime=2)
    with UdpClient(listener.port) as client:
        first = client.name()
        listener.weight(next(server for server in servers if server.name == first), 0)
        assert client.name() == first
        Passing(clock).wait(3)
        assert client.name() != first
    assert counters(listener.setia, listener)["l4_rescheduled"] == 1


def test_a_deleted_listener_is_silent(setia, servers):
    listener = Layer4(setia, servers, "UDP")
    with UdpClient(listener.port) as client:
        name = client.name()
        server = next(server for server in servers if server.name == name)
        setia.return_balancer(listener.balancer)
        until(lambda: not setia.api.call("DescribeListeners",
                                         LoadBalancerId=listener.balancer)["Listeners"])
        time.sleep(0.3 * SLOW)
        server.send(b"late", server.last_peer())
        assert client.hears_nothing()


def test_max_conn(make_udp, make_server):
    listener = make_udp([make_server()], MaxConn=3)
    clients = [UdpClient(listener.port) for _ in range(5)]
    assert [client.name() for client in clients[:3]] == ["one"] * 3
    for client in clients[3:]:
        client.socket.send(b"?")
        assert client.hears_nothing(0.2)
    assert [client.name() for client in clients[:3]] == ["one"] * 3
    assert counters(listener.setia, listener)["refused_max_conn"] == 2
    for client in clients:
        client.socket.close()


# Many

def descriptors(setia):
    return len(os.listdir(f"/proc/{setia.pid('proxy')}/fd"))


def test_thousands_of_short_flows_need_few_sockets(make_udp, servers):
    listener = make_udp(servers, UdpResponses=1)
    setia = listener.setia
    before, asked = descriptors(setia), 0
    deadline = time.monotonic() + 3 * SLOW
    while asked < 6000 and time.monotonic() < deadline:
        clients = [UdpClient(listener.port) for _ in range(50)]
        for client in clients:
            client.socket.send(b"?")
        for client in clients:
            assert client.socket.recv(10) in (b"one", b"two")
            client.socket.close()
        asked += 50
    assert asked >= 1000
    assert descriptors(setia) - before < 300
    got = counters(setia, listener)
    assert got["connections"] == got["l4_closed"] == asked
    assert servers[0].asked == servers[1].asked == asked / 2


def small_setia(setia, limit):
    """With a limit of descriptors."""
    environment = {**clean_environment(), "SETIA_SECRET_ID": SECRET_ID,
                   "SETIA_SECRET_KEY": SECRET_KEY}
    with open(setia.log_path, "ab") as log:
        setia.process = subprocess.Popen(
            [BINARY, "run", "--data", setia.data, "--api", f"127.0.0.1:{setia.port}",
             "--workers", "1", "--api-rate", "0"], stderr=log, env=environment,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    setia.wait_api()
    return setia


def test_a_flood_does_not_touch_live_flows(make_setia, make_server):
    """New sources without end, and no answers: the room is taken, nobody who is there suffers."""
    setia = small_setia(make_setia(), 400)
    quick = make_server(script=lambda data: echo(data) if data != b"flood" else [])
    listener = Layer4(setia, [quick], "UDP")
    clients = [UdpClient(listener.port) for _ in range(40)]
    assert all(client.ask(b"in") == b"in" for client in clients)
    memory = setia.resident_kb()
    for number in range(6000):
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.bind((f"127.{1 + number % 200}.{number // 200}.9", 0))
            stranger.sendto(b"flood", ("127.0.0.1", listener.port))
        if number % 50 == 0:
            client = clients[number // 50 % len(clients)]
            assert client.ask(b"%d" % number) == b"%d" % number
    assert all(client.ask(b"still") == b"still" for client in clients)
    got = counters(setia, listener)
    assert got["udp_flows_full"] > 4000 and got["connections"] < 1000
    assert descriptors(setia) < 400
    assert setia.resident_kb() < memory + 8192 * SLOW
    # The other kind of listener still has room.
    site = setia.site()
    assert site.fetch().status == 503
    for client in clients:
        client.socket.close()
    setia.stop()


def test_sockets_are_given_back(make_udp, make_server, clock):
    listener = make_udp([make_server()], IdleConnectTimeout=10)

    def minutes_pass():
        for _ in range(15):
            Passing(clock).wait(10)
        return descriptors(listener.setia)

    before = minutes_pass()
    clients = [UdpClient(listener.port) for _ in range(200)]
    assert all(client.name() == "one" for client in clients)
    assert descriptors(listener.setia) >= before + 200
    for client in clients:
        client.socket.close()
    assert minutes_pass() <= before


# Upgrades and stops

def test_an_upgrade_loses_no_pin_and_no_answer(make_setia, make_server):
    setia = make_setia().start()
    three = [make_server(name) for name in ("one", "two", "three")]
    listener = Layer4(setia, three, "UDP", SessionExpireTime=600)
    slow = make_server()
    late = Layer4(setia, [slow], "UDP", UdpResponses=1)
    slow.script = lambda data: []
    clients = [UdpClient(listener.port, f"127.0.0.{number}") for number in range(2, 42)]
    first = [client.name() for client in clients]
    waiting = UdpClient(late.port)
    waiting.socket.send(b"?")
    until(lambda: slow.peers, 3)
    done = command("upgrade", "--data", setia.data)
    assert done.returncode == 0, done.stdout + done.stderr
    # Its question went through the old process, and so does the answer.
    slow.send(b"worth waiting for", slow.last_peer())
    assert waiting.socket.recv(100) == b"worth waiting for"
    for _ in range(3):
        assert [client.name() for client in clients] == first
    for client in [*clients, waiting]:
        client.socket.close()
    setia.stop()


def test_a_stop_does_not_wait_for_the_idle(make_setia, make_server):
    setia = make_setia().start()
    listener = Layer4(setia, [make_server(script=lambda data: [])], "UDP")
    with UdpClient(listener.port) as client:
        client.socket.send(b"never answered")
        until(lambda: counters(setia, listener)["connections"] == 1, 3)
        began = time.monotonic()
        setia.stop()
        assert time.monotonic() - began < 8 * SLOW


# Real programs

def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert path, f"{name} is missing: ./script/setup test"
    return path


class Process:
    def __init__(self, *words):
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server:
    def __init__(self, port):
        self.target = {"EniIp": "127.0.0.1", "Port": port}


@pytest.fixture
def dnsmasq(tmp_path):
    """A server of names, over UDP and TCP."""
    port = free_udp_port()
    text = ",".join(f'"{"x" * 200}{number}"' for number in range(8))
    process = Process(program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null",
                      "--no-resolv", "--no-hosts", "--bind-interfaces", f"--port={port}",
                      "--listen-address=127.0.0.1", "--user=", "--group=",
                      f"--pid-file={tmp_path}/pid", "--address=/example.test/192.0.2.7",
                      "--address=/example.test/2001:db8::7", "--edns-packet-max=4096",
                      f"--txt-record=large.test,{text}", "--cache-size=0")
    until(lambda: accepts(port), 5, "dnsmasq")
    yield Server(port)
    process.stop()


def dig(port, *words):
    done = subprocess.run([program("dig"), "@127.0.0.1", "-p", str(port), "+tries=1",
                           f"+time={int(3 * SLOW)}", *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dig_and_dnsmasq(setia, make_udp, dnsmasq):
    listener = make_udp([dnsmasq], UdpResponses=1, IdleConnectTimeout=10, SessionExpireTime=30)
    over_tcp = setia.api.change("CreateListener", LoadBalancerId=listener.balancer,
                                Ports=[listener.port], Protocol="TCP")["ListenerIds"][0]
    setia.api.change("RegisterTargets", LoadBalancerId=listener.balancer, ListenerId=over_tcp,
                     Targets=[dnsmasq.target])
    port = listener.port
    assert dig(port, "+short", "+notcp", "a.example.test", "A") == "192.0.2.7\n"
    assert dig(port, "+short", "a.example.test", "AAAA") == "2001:db8::7\n"
    large = dig(port, "+bufsize=4096", "large.test", "TXT")
    assert len(re.findall("x{200}", large)) == 8 and "Truncated" not in large
    assert "(UDP)" in large or "TCP" not in large
    # An answer that does not fit says so, and is asked for again over TCP, at the same port.
    small = dig(port, "+noedns", "large.test", "TXT")
    assert len(re.findall("x{200}", small)) == 8 and "Truncated" in small
    queries = [word for number in range(200) for word in (f"n{number}.example.test", "A")]
    assert dig(port, "+short", *queries).split() == ["192.0.2.7"] * 200
    got = counters(setia, listener)
    assert got["udp_dropped"] == got["udp_flows_full"] == 0
    assert got["l4_closed"] == got["connections"] >= 203


@pytest.mark.parametrize("way", ["to the server", "to the client"])
def test_iperf3(setia, make_udp, way):
    """One port for both of its kinds: control over TCP, load over UDP."""
    port = free_udp_port()
    iperf = Process(program("iperf3"), "--server", "--bind", "127.0.0.1", "--port", str(port))
    try:
        until(lambda: accepts(port), 5, "iperf3")
        listener = make_udp([Server(port)])
        over_tcp = setia.api.change("CreateListener", LoadBalancerId=listener.balancer,
                                    Ports=[listener.port], Protocol="TCP")["ListenerIds"][0]
        setia.api.change("RegisterTargets", LoadBalancerId=listener.balancer, ListenerId=over_tcp,
                         Targets=[{"EniIp": "127.0.0.1", "Port": port}])
        words = [program("iperf3"), "--client", "127.0.0.1", "--port", str(listener.port), "--udp",
                 "--bitrate", "2M", "--length", "600", "--time", "3", "--json"]
        done = subprocess.run(words + (["--reverse"] if way == "to the client" else []),
                              capture_output=True, text=True, timeout=30 * SLOW, check=False)
        got = json.loads(done.stdout)
        assert "error" not in got, got["error"]
        total = got["end"]["sum"]
        assert total["packets"] > 1000 / SLOW
        assert counters(setia, listener)["udp_dropped"] == 0
        # iperf3's own buffer holds 160 datagrams: when it does not run for 0.4 s, some are lost.
        assert total["lost_percent"] < 10 * SLOW, total
    finally:
        iperf.stop()
