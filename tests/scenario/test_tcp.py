# SPDX-License-Identifier: Apache-2.0
"""TCP listeners: bytes and ends as they are, persistence by source address (session-persistence.md
sections 3, 5 and 8), roofs, idle connections; with raw sockets and with real programs. Time passes by
the test's clock, and for real as well with SETIA_TEST_LONG=1, which also moves 1 GiB."""

import collections
import hashlib
import json
import os
import random
import resource
import select
import shutil
import socket
import subprocess
import threading
import time

import pytest

from lib.api import ApiError
from lib.backend import Nginx
from lib.setia import BINARY, SECRET_ID, SECRET_KEY, clean_environment
from lib.tcp import Client, Echo, Layer4, reset, silent
from lib.wait import SLOW, until

IS_LONG = os.environ.get("SETIA_TEST_LONG") == "1"
MIB = 1 << 20
SIZE = (1024 if IS_LONG else 64) * MIB
real = pytest.mark.skipif(not IS_LONG, reason="SETIA_TEST_LONG=1: minutes of real time")


@pytest.fixture
def make_echo():
    made = []

    def make(name="one", **options):
        made.append(Echo(name, **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def echoes(make_echo):
    return make_echo("one"), make_echo("two")


@pytest.fixture
def make_tcp(setia):
    made = []

    def make(servers, **options):
        made.append(Layer4(setia, servers, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


def other(name):
    return {"one": "two", "two": "one"}[name]


# Scenario 2 of session-persistence.md

class Passing:
    """Time that passes by the clock of the test, or for real."""

    def __init__(self, clock):
        self.clock = clock

    def wait(self, seconds):
        if self.clock:
            self.clock.advance(seconds)
        else:
            time.sleep(seconds)


@pytest.fixture(params=["clock", pytest.param("real", marks=real)])
def passing(request, clock):
    clock.align()
    return Passing(clock if request.param == "clock" else None)


def test_one_connection_has_one_server(make_tcp, echoes, passing):
    """T2-a, SP-56."""
    listener = make_tcp(echoes)
    with listener.connect() as client:
        assert client.line() in ("one", "two")
        for number in range(20):
            client.says_back(f"message {number}".encode())
            passing.wait(3)
    assert len(echoes[0].socks) + len(echoes[1].socks) == 1


def test_connections_are_scheduled_afresh(make_tcp, echoes):
    """T2-b."""
    listener = make_tcp(echoes)
    assert [listener.visit() for _ in range(6)] == ["one", "two"] * 3


def test_an_idle_connection_is_released(make_tcp, echoes, clock):
    """T2-c, SP-54, SP-55: RST to both ends."""
    listener = make_tcp(echoes)
    with listener.connect() as client:
        server = echoes[0] if client.line() == "one" else echoes[1]
        clock.advance(895)
        client.says_back()
        clock.advance(890)
        time.sleep(0.3)
        client.says_back()
        clock.advance(910)
        assert client.ends() == "reset"
        until(lambda: server.connection().fileno() < 0 or is_gone(server.connection()), 5)


def is_gone(sock):
    """Whether the server's own thread, or we, see that the connection broke."""
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) or \
            sock.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_byte_now_and_then_keeps_it(make_tcp, echoes, clock):
    """T2-d."""
    listener = make_tcp(echoes)
    with listener.connect() as client:
        client.line()
        for _ in range(3):
            clock.advance(800)
            time.sleep(0.3)
            client.says_back(b"x")


def test_many_connections_of_one_client(make_tcp, echoes):
    """T2-e, SP-22."""
    listener = make_tcp(echoes, SessionExpireTime=30)
    assert len({listener.visit() for _ in range(10)}) == 1


def test_idle_clients_are_scheduled_afresh(make_tcp, echoes, passing):
    """T2-f, SP-24."""
    listener = make_tcp(echoes, SessionExpireTime=30)
    names = []
    for _ in range(5):
        names.append(listener.visit())
        passing.wait(35)
    assert set(names) == {"one", "two"}


def test_expiry_is_idle_time(make_tcp, echoes, passing):
    """T2-g, SP-23."""
    listener = make_tcp(echoes, SessionExpireTime=30)
    names = set()
    for _ in range(10):
        names.add(listener.visit())
        passing.wait(20)
    assert len(names) == 1


def test_each_client_has_its_server(make_tcp, echoes):
    """T2-h."""
    listener = make_tcp(echoes, SessionExpireTime=60)
    hosts = [f"127.0.0.{number}" for number in range(2, 22)]
    first = [listener.visit(host) for host in hosts]
    assert collections.Counter(first) == {"one": 10, "two": 10}
    assert [listener.visit(host) for host in hosts] == first


def test_persistence_goes_with_turns_only(make_tcp, echoes):
    """T2-i, SP-14, SP-16, SP-17."""
    with pytest.raises(ApiError) as error:
        make_tcp(echoes, SessionExpireTime=60, Scheduler="LEAST_CONN")
    assert error.value.code == "InvalidParameter"
    listener = make_tcp(echoes, SessionExpireTime=60)
    with pytest.raises(ApiError):
        listener.modify(Scheduler="LEAST_CONN")
    assert listener.visit() == listener.visit()
    listener.modify(Scheduler="LEAST_CONN", SessionExpireTime=0)


def test_a_drained_server_keeps_its_connections(make_tcp, echoes):
    """T2-j, SP-45: the new connection is pinned where it went."""
    listener = make_tcp(echoes, SessionExpireTime=60)
    with listener.connect() as client:
        name = client.line()
        listener.weight(echoes[name == "two"], 0)
        client.says_back()
        assert {listener.visit() for _ in range(4)} == {other(name)}
        listener.weight(echoes[name == "two"], 10)
        client.says_back()
        assert {listener.visit() for _ in range(4)} == {other(name)}


def test_persistence_off_is_off_at_once(make_tcp, echoes):
    """T2-l, SP-50; and what was pinned before is not found again."""
    listener = make_tcp(echoes, SessionExpireTime=60)
    name = listener.visit()
    listener.modify(SessionExpireTime=0)
    assert [listener.visit() for _ in range(4)] == [other(name), name] * 2
    listener.modify(SessionExpireTime=60)
    assert {listener.visit() for _ in range(4)} == {other(name)}


def test_pins_are_of_one_listener(make_tcp, echoes):
    """SP-28."""
    listeners = [make_tcp(echoes, SessionExpireTime=60) for _ in range(2)]
    listeners[1].visit("127.0.0.9")  # its turns stand elsewhere now
    assert [listener.visit() for listener in listeners] == ["one", "two"]
    assert [listener.visit() for listener in listeners] == ["one", "two"]


def test_an_unbound_server_loses_its_clients(make_tcp, echoes):
    """SP-44, SP-43: bound again it is another."""
    listener = make_tcp(echoes, SessionExpireTime=60)
    name = listener.visit()
    server = echoes[name == "two"]
    listener.deregister(server)
    assert listener.visit() == other(name)
    listener.register(server)
    assert [listener.visit() for _ in range(3)] == [other(name)] * 3


def test_a_dead_server_loses_its_clients(make_tcp, echoes):
    listener = make_tcp(echoes, SessionExpireTime=60)
    name = listener.visit()
    echoes[name == "two"].stop()
    assert [listener.visit() for _ in range(3)] == [other(name)] * 3


def test_bytes_keep_a_pin(make_tcp, echoes, clock):
    """SP-25: an entry does not expire under a live connection; the end counts too."""
    listener = make_tcp(echoes, SessionExpireTime=30)
    with listener.connect() as client:
        name = client.line()
        for _ in range(4):
            clock.advance(25)
            time.sleep(0.2)
            client.says_back()
        clock.advance(25)
        time.sleep(0.2)
    time.sleep(0.2)
    clock.advance(25)
    assert listener.visit() == name


# Ends

def test_half_close_both_ways(make_tcp, make_echo):
    server = make_echo(script=silent)
    listener = make_tcp([server])
    with listener.connect() as client:
        far = server.connection(0)
        client.socket.sendall(b"question")
        client.socket.shutdown(socket.SHUT_WR)
        assert read_all(far) == b"question"
        for number in range(3):
            far.sendall(b"part %d;" % number)
            time.sleep(0.05)
        far.close()
        assert read_all(client.socket) == b"part 0;part 1;part 2;"
    with listener.connect() as client:
        far = server.connection(1)
        far.sendall(b"greeting and end")
        far.shutdown(socket.SHUT_WR)
        assert read_all(client.socket) == b"greeting and end"
        client.socket.sendall(b"still talking")
        client.socket.close()
        assert read_all(far) == b"still talking"


def read_all(sock):
    data = b""
    sock.settimeout(5 * SLOW)
    while part := sock.recv(65536):
        data += part
    return data


def test_resets_both_ways(make_tcp, make_echo):
    server = make_echo(script=silent)
    listener = make_tcp([server])
    client = listener.connect()
    far = server.connection(0)
    reset(client.socket)
    far.settimeout(5 * SLOW)
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    with listener.connect() as client:
        far = server.connection(1)
        far.sendall(b"last words")
        reset(far)
        assert client.exactly(10) == b"last words"
        assert client.ends() == "reset"


def test_no_server_is_a_reset(make_tcp, echoes):
    listener = make_tcp(echoes)
    for server in echoes:
        server.stop()
    assert listener.end() == "reset"


def test_a_server_that_says_nothing_more(make_tcp, make_echo):
    """One that takes the connection and ends it at once."""
    server = make_echo(script=lambda sock: sock.close())
    listener = make_tcp([server])
    assert listener.end() == "end"


# Schedulers and roofs

def test_weights(make_tcp, echoes):
    listener = make_tcp(echoes, weights=[30, 10])
    assert collections.Counter(listener.visit() for _ in range(40)) == {"one": 30, "two": 10}


def test_least_connections(make_tcp, echoes):
    listener = make_tcp(echoes, Scheduler="LEAST_CONN", weights=[20, 10])
    clients = [listener.connect() for _ in range(12)]
    names = [client.line() for client in clients]
    assert collections.Counter(names) == {"one": 8, "two": 4}
    for client, name in zip(clients, names):
        if name == "one":
            client.socket.close()
    until(lambda: all(sock.fileno() < 0 for sock in echoes[0].socks), 5)
    late = [listener.connect() for _ in range(6)]
    assert {client.line() for client in late} == {"one"}
    for client in clients + late:
        client.socket.close()


def test_max_conn(make_tcp, make_echo):
    server = make_echo(script=silent)
    listener = make_tcp([server], MaxConn=5)
    crowd = [listener.connect() for _ in range(5)]
    for number in range(5):
        server.connection(number)
    for _ in range(3):
        assert listener.end() == "reset"
    reset(crowd.pop().socket)
    until(lambda: is_accepted(listener, server), 5, "room for one")
    for client in crowd:
        client.socket.close()


def is_accepted(listener, server):
    before = len(server.socks)
    try:
        listener.end(timeout=0.2)
    except TimeoutError:
        pass
    return len(server.socks) > before


def test_max_cps(make_tcp, make_echo, clock):
    server = make_echo(script=silent)
    listener = make_tcp([server], MaxCps=10)
    clock.align()
    crowd = [crowd_member(listener) for _ in range(30)]
    until(lambda: len(server.socks) >= 10, 5)
    time.sleep(0.2)
    # A second may begin anew within the burst.
    assert len(server.socks) in (10, 20)
    clock.advance(1)
    before = len(server.socks)
    with listener.connect():
        server.connection(before)
    for client in crowd:
        if client:
            client.socket.close()


def crowd_member(listener):
    try:
        return listener.connect()
    except ConnectionResetError:
        return None


# What edits do to open connections: SP-48

def test_without_switches_connections_live_on(make_tcp, echoes):
    listener = make_tcp(echoes)
    clients = [listener.connect() for _ in range(4)]
    for client in clients:
        client.line()
    listener.weight(echoes[0], 0)
    listener.deregister(echoes[1])
    for client in clients:
        client.says_back()
        client.socket.close()


def test_connections_of_a_deleted_listener_live_on(setia, make_tcp, echoes):
    listener = make_tcp(echoes)
    with listener.connect() as client:
        client.line()
        listener.change("DeleteListener")
        client.says_back()
        until(lambda: listener.end() == "refused", 2)
        client.says_back()


@pytest.mark.parametrize("action", ["DeregisterTargets", "DeleteListener"])
def test_deregistered_servers_are_cut(make_tcp, echoes, action):
    listener = make_tcp(echoes, DeregisterTargetRst=True)
    clients = [listener.connect() for _ in range(4)]
    names = [client.line() for client in clients]
    if action == "DeleteListener":
        listener.change(action)
    else:
        listener.deregister(echoes[0])
    for client, name in zip(clients, names):
        if name == "one" or action == "DeleteListener":
            assert client.ends() == "reset"
        else:
            client.says_back()
        client.socket.close()


def test_a_weight_of_zero_reschedules(make_tcp, echoes, clock):
    listener = make_tcp(echoes, RescheduleTargetZeroWeight=True, RescheduleStartTime=10,
                        RescheduleInterval=10)
    clients = [listener.connect() for _ in range(8)]
    names = [client.line() for client in clients]
    listener.weight(echoes[0], 0)
    clock.advance(8)
    time.sleep(0.3)
    for client in clients:
        client.says_back()
    clock.advance(13)
    for client, name in zip(clients, names):
        if name == "one":
            assert client.ends() == "reset"
        else:
            client.says_back()
        client.socket.close()
    assert {listener.visit() for _ in range(4)} == {"two"}


def test_more_servers_reschedule(make_tcp, make_echo, echoes, clock):
    listener = make_tcp(echoes, RescheduleExpandTarget=True, RescheduleInterval=5)
    clients = [listener.connect() for _ in range(6)]
    for client in clients:
        client.line()
    listener.register(make_echo("three"))
    clock.advance(6)
    for client in clients:
        assert client.ends() == "reset"
        client.socket.close()
    assert {listener.visit() for _ in range(6)} == {"one", "two", "three"}


# Both families, and who the client is

def test_ipv6_listener_ipv4_server(make_tcp, make_echo):
    listener = make_tcp([make_echo()], vip={"Vip": "::1"}, SessionExpireTime=60)
    with listener.connect(ip="::1") as client:
        assert client.line() == "one"
        client.says_back()


def test_ipv4_listener_ipv6_server(make_tcp, make_echo):
    listener = make_tcp([make_echo(ip="::1")])
    with listener.connect() as client:
        client.says_back(client.line().encode())


class TellingNginx(Nginx):
    SERVER = """    server {{
        listen 127.0.0.1:{port} proxy_protocol;
        location / {{ return 200 "$proxy_protocol_addr:$proxy_protocol_port "; }}
    }}
"""


def test_proxy_protocol_tells_nginx_the_client(make_tcp, tmp_path):
    nginx = TellingNginx(tmp_path, ["red"])
    try:
        class Server:
            target = nginx.targets[0]
        listener = make_tcp([Server], ProxyProtocol=True)
        with listener.connect("127.0.0.77") as client:
            port = client.socket.getsockname()[1]
            client.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert read_all(client.socket).endswith(f"127.0.0.77:{port} ".encode())
    finally:
        nginx.stop()


def test_proxy_protocol_comes_before_a_silent_client(make_tcp, make_echo):
    server = make_echo(script=silent)
    listener = make_tcp([server], ProxyProtocol=True)
    with listener.connect():
        far = server.connection()
        far.settimeout(5 * SLOW)
        header = far.recv(100)
        assert header.startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01")
        assert int.from_bytes(header[26:28], "big") == listener.port


# Bulk and real programs

def transfer(source, sink, size):
    """Moves `size` bytes of no pattern; returns (sum sent, sum received)."""
    sums = [hashlib.sha256(), hashlib.sha256()]
    block = random.Random(size).randbytes(MIB)

    def push():
        for number in range(size // MIB):
            part = number.to_bytes(8, "big") + block[8:]
            sums[0].update(part)
            source.sendall(part)
        source.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=push)
    thread.start()
    sink.settimeout(60 * SLOW)
    got = 0
    while data := sink.recv(MIB):
        sums[1].update(data)
        got += len(data)
    thread.join()
    return got, sums[0].hexdigest() == sums[1].hexdigest()


@pytest.mark.parametrize("way", ["up", "down"])
def test_bulk(make_tcp, make_echo, way):
    server = make_echo(script=silent)
    listener = make_tcp([server])
    with listener.connect(timeout=60) as client:
        far = server.connection()
        far.settimeout(60 * SLOW)
        ends = (client.socket, far) if way == "up" else (far, client.socket)
        assert transfer(*ends, SIZE) == (SIZE, True)


def test_bulk_both_ways_at_once(make_tcp, make_echo):
    server = make_echo(script=silent)
    listener = make_tcp([server])
    with listener.connect(timeout=60) as client:
        far = server.connection()
        far.settimeout(60 * SLOW)
        results = []
        thread = threading.Thread(
            target=lambda: results.append(transfer(far, client.socket, SIZE // 4)))
        thread.start()
        results.append(transfer(client.socket, far, SIZE // 4))
        thread.join()
        assert results == [(SIZE // 4, True)] * 2


def test_wrk_over_nginx(make_tcp, nginx):
    class Server:
        def __init__(self, target):
            self.target = target

    listener = make_tcp([Server(target) for target in nginx.targets])
    program = shutil.which("wrk")
    assert program, "wrk is missing: ./script/setup test"
    here = os.path.dirname(os.path.abspath(__file__))
    for words in ([], ["-H", "Connection: close"]):
        done = subprocess.run(
            [program, "-t2", "-c32", "-d2s", "--timeout", f"{int(5 * SLOW)}s", *words, "-s",
             os.path.join(here, "lib", "session.lua"), f"http://127.0.0.1:{listener.port}/"],
            capture_output=True, text=True, timeout=40 * SLOW, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        got = json.loads(done.stdout.splitlines()[-1])
        assert {name: got[name] for name in ("connect", "read", "write", "timeout", "status")} == \
            dict.fromkeys(("connect", "read", "write", "timeout", "status"), 0), got
        assert got["requests"] > 300 / SLOW


# Crashes and roofs of the process

def test_pins_survive_a_crash(make_setia, make_echo):
    """SP-51: kill -9 of the traffic process; each client keeps its server."""
    setia = make_setia().start()
    servers = [make_echo(name) for name in ("one", "two", "three")]
    listener = Layer4(setia, servers, SessionExpireTime=600)
    hosts = [f"127.0.0.{number}" for number in range(2, 62)]
    first = [listener.visit(host) for host in hosts]
    assert len(set(first)) == 3
    for _ in range(3):
        old = setia.kill9("proxy")
        until(lambda: setia.pids()["proxy"] not in ([], [old]), 5)
        assert [patiently(listener, host) for host in hosts] == first
    setia.stop()


def patiently(listener, host):
    """A visit; the new process may still be on its way."""
    deadline = time.monotonic() + 5 * SLOW
    while True:
        try:
            return listener.visit(host)
        except (ConnectionError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_more_connections_than_descriptors(make_setia, make_echo):
    """At the roof accepting pauses, nothing dies, and it goes on by itself."""
    setia = make_setia()
    environment = {**clean_environment(), "SETIA_SECRET_ID": SECRET_ID,
                   "SETIA_SECRET_KEY": SECRET_KEY}
    with open(setia.log_path, "ab") as log:
        setia.process = subprocess.Popen(
            [BINARY, "run", "--data", setia.data, "--api", f"127.0.0.1:{setia.port}",
             "--workers", "2", "--api-rate", "0"], stderr=log, env=environment,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    setia.wait_api()
    server = make_echo()
    listener = Layer4(setia, [server])
    pids = setia.pids()
    crowd = [Client(listener.port) for _ in range(300)]
    # Which of them stand in the backlog is the workers' race.
    until(lambda: len(server.socks) > 60, 5)
    time.sleep(0.3)
    served = select.select([client.socket for client in crowd], [], [], 0)[0]
    assert 60 < len(server.socks) < 128 and len(served) == len(server.socks)
    for client in crowd:
        if client.socket in served:
            assert client.line() == "one"
            client.says_back()
    for client in crowd:
        client.socket.close()
    until(lambda: patiently(listener, None) == "one", 10)
    assert all(listener.visit() == "one" for _ in range(10))
    assert setia.pids() == pids
    setia.stop()


def test_nothing_is_left(setia, make_tcp, echoes):
    """Descriptors of the traffic process after a crowd came and went, in every way there is."""
    listener = make_tcp(echoes, SessionExpireTime=60)
    listener.visit()
    folder = f"/proc/{setia.pid('proxy')}/fd"
    before = len(os.listdir(folder))
    for number in range(120):
        client = listener.connect()
        if number % 3:
            client.line()
        if number % 4 == 0:
            reset(client.socket)
        elif number % 4 == 1:
            client.socket.shutdown(socket.SHUT_WR)
            read_all(client.socket)
        client.socket.close()
    until(lambda: len(os.listdir(folder)) <= before, 5, "descriptors to come back")
