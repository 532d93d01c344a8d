# SPDX-License-Identifier: Apache-2.0
"""`setia upgrade`: another binary takes over while clients are being served, and nobody notices; a
binary that cannot take over changes nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.backend import answer
from lib.load import Load
from lib.setia import BINARY, clean_environment, process_state
from lib.shape import must_issue, pair_of, servers
from lib.wait import SLOW, free_port, until
from lib.wire import Connection, fetch, message


@pytest.fixture
def start(make_setia, tmp_path):
    """A product whose binary is a file of its own: start(...) -> Setia, running."""

    def begin(**options):
        path = tmp_path / "bin" / "setia"
        path.parent.mkdir(exist_ok=True)
        shutil.copy2(BINARY, path)
        environment = options.pop("environment", {})
        if setia_clock := options.get("clock"):
            environment["SETIA_CLOCK_FILE"] = setia_clock.path
        return make_setia(binary=path, environment=environment, **options).start()

    return begin


def replace(setia, source=BINARY, text=None, mode=0o755):
    """Puts another binary at the path, as a package manager does: a new file, then a rename."""
    beside = setia.binary + ".new"
    if text is None:
        shutil.copyfile(source, beside)
    else:
        with open(beside, "w", encoding="ascii") as file:
            file.write(text)
    os.chmod(beside, mode)
    os.rename(beside, setia.binary)


def ask(setia, *words, timeout=40):
    return subprocess.run([BINARY, *words, "--data", setia.data], capture_output=True, text=True,
                          timeout=timeout * SLOW, check=False, env=clean_environment())


def status(setia):
    done = ask(setia, "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def upgrade(setia):
    done = ask(setia, "upgrade")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{setia.log_tail()}"
    assert done.stdout.count("\n") == 1 and "has taken over" in done.stdout
    return done.stdout


def refused(setia):
    done = ask(setia, "upgrade")
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.startswith("setia upgrade: ") and done.stderr.count("\n") == 1
    return done.stderr


def drained(setia, seconds=10):
    until(lambda: len(setia.pids()["proxy"]) == 1, seconds,
          f"the old proxy to end\n{setia.log_tail()}")


def tcp_listener(setia, backends, **fields):
    """A layer-4 listener with these targets; returns its port."""
    port = free_port()
    balancer = setia.load_balancer()
    made = setia.api.call("CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="TCP",
                          **fields)
    listener = made["ListenerIds"][0]
    setia.api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=listener,
                     Targets=[backend.target for backend in backends])
    return port


def echo(peer, request):
    """A WebSocket as far as a balancer sees it: 101, then every byte comes back."""
    if request.one("Upgrade") is None:
        return peer.send(answer(peer.backend.name))
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
              b"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
    while True:
        data = peer.socket.recv(65536)
        if not data:
            return False
        peer.send(data)


def open_tunnel(port):
    client = Connection(port)
    client.send(message(headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                 ("Sec-WebSocket-Version", "13"),
                                 ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
    assert client.read().status == 101
    return client


def says_back(client, text):
    client.send(text)
    assert client.read_exactly(len(text)) == text


# Nothing is lost


def test_nothing_is_lost_over_upgrades(start, pair):
    """Requests, new connections, WebSockets, TCP connections and pins over three upgrades."""
    for backend in pair:
        backend.script = echo
    setia = start()
    site = setia.site(pair, SessionExpireTime=1000)
    tcp = tcp_listener(setia, pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    sources = [f"127.0.0.{number}" for number in range(2, 14)]
    pinned = {source: fetch(tcp, source=source).text for source in sources}
    assert set(pinned.values()) == {"one", "two"}
    keeper = setia.pid("run")
    done = 0
    with Load(site.port, threads=20, pause=0.005) as load:
        for turn in range(3):
            tcp_load = Load(tcp, threads=6, pause=0.005)
            tcp_load.__enter__()
            tunnels = [open_tunnel(site.port), open_tunnel(tcp)]
            proxy, control = setia.pid("proxy"), setia.pid("control")
            replace(setia)
            upgrade(setia)
            assert setia.pid("run") == keeper
            assert len(setia.pids()["proxy"]) == 2 and proxy in setia.pids()["proxy"]
            for client in tunnels:
                says_back(client, b"still here %d" % turn)
            assert site.fetch(cookie=cookie).text == first.text
            assert {source: fetch(tcp, source=source).text for source in sources} == pinned
            until(lambda old=control: setia.pids()["control"] not in ([], [old]), 8, "new control")
            site.weight(pair[0], 20 + turn)  # changes reach the new proxy, and are done
            for client in tunnels:
                says_back(client, b"and after a change")
                client.close()
            # A TCP connection keeps the old proxy for as long as its client wants.
            assert len(setia.pids()["proxy"]) == 2
            tcp_load.stop()
            assert tcp_load.failures == []
            done += tcp_load.done
            drained(setia)
    assert load.failures == []
    assert load.done > 300 / SLOW and done > 100 / SLOW
    counters = next(row["counters"] for row in status(setia)["counters"]
                    if row["listener"] == site.listener)
    assert counters["connections"] > load.done // 4  # they were never set back
    setia.stop()


def test_connections_wait_for_nobody_to_accept(start, pair):
    """Not one connection is refused or reset while one process takes over from the other."""
    setia = start()
    site = setia.site(pair)
    failures, stop = [], threading.Event()

    def connect():
        while not stop.is_set():
            try:
                assert fetch(site.port).status == 200
            except (OSError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        upgrade(setia)
        drained(setia)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    setia.stop()


def test_signal_does_the_same(start, pair):
    setia = start()
    site = setia.site(pair)
    old = setia.pid("proxy")
    os.kill(setia.pid("run"), signal.SIGUSR2)
    until(lambda: setia.pids()["proxy"] not in ([], [old]), 5, "a new proxy")
    drained(setia)
    assert setia.pid("proxy") != old and site.fetch().status == 200
    setia.stop()


def test_a_product_without_any_listener(start, pair):
    setia = start()
    old = setia.pid("proxy")
    upgrade(setia)
    drained(setia)
    assert setia.pid("proxy") != old
    setia.wait_api()
    assert setia.site(pair).fetch().status == 200
    setia.stop()


def test_changes_during_upgrades(start, pair):
    """What the API called done is in force in whoever answers."""
    setia = start()
    site = setia.site(pair)
    stop, failures = threading.Event(), []

    def change():
        api = setia.api.with_key(setia.api.secret_id, setia.api.secret_key)
        turn = 0
        while not stop.is_set():
            gone = pair[turn % 2]
            try:
                for backend, weight in ((gone, 0), (pair[1 - turn % 2], 10)):
                    api.change("ModifyTargetWeight", **site.ids, LocationId=site.rule,
                               Targets=[backend.target], Weight=weight)
                seen = servers(fetch(site.port) for _ in range(4))
                if gone.name in seen:
                    failures.append(seen)
                api.change("ModifyTargetWeight", **site.ids, LocationId=site.rule,
                           Targets=[gone.target], Weight=10)
            except Exception as error:  # noqa: BLE001 - reported by the test
                failures.append(repr(error))
            turn += 1

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(3):
        time.sleep(0.5)
        upgrade(setia)
        drained(setia)
    time.sleep(0.5)
    stop.set()
    thread.join()
    assert failures == []
    setia.stop()


# What cannot take over


BROKEN = {
    "fails": ("#!/bin/sh\nexit 1\n", 0o755, "exit code 1"),
    "not executable": ("#!/bin/sh\nexit 0\n", 0o644, "Permission denied"),
    "no program": ("what is this\n", 0o755, "Exec format error"),
    "another version": ("#!/bin/sh\necho 'no the configuration: version 99' >&3\nexit 1\n", 0o755,
                        "the configuration: version 99"),
    "says nothing": ("#!/bin/sh\nexit 0\n", 0o755, "without an answer"),
    "is killed": ("#!/bin/sh\nkill -9 $$\n", 0o755, "signal KILL"),
}


def assert_unchanged(setia, site, before, why):
    assert setia.pids() == before, setia.log_tail()
    assert site.fetch().status == 200
    shown = status(setia)["upgrade"]
    assert shown["state"] == "none" and shown["last"]["done"] is False
    assert why in shown["last"]["text"] and "nothing has changed" in shown["last"]["text"]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_binary_changes_nothing(start, pair, name):
    text, mode, why = BROKEN[name]
    setia = start()
    site = setia.site(pair)
    before = setia.pids()
    replace(setia, text=text, mode=mode)
    with Load(site.port) as load:
        assert why in refused(setia)
    assert load.failures == []
    assert_unchanged(setia, site, before, why)
    replace(setia)
    upgrade(setia)
    setia.stop()


def test_binary_that_is_gone(start, pair):
    setia = start()
    site = setia.site(pair)
    before = setia.pids()
    os.unlink(setia.binary)
    assert "No such file" in refused(setia)
    assert_unchanged(setia, site, before, "No such file")
    # What falls comes back from the binary that runs, although its file is gone.
    old = setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), 5, "a proxy")
    assert site.fetch().status == 200
    setia.stop()


def test_binary_that_hangs(start, pair):
    setia = start()
    site = setia.site(pair)
    before = setia.pids()
    replace(setia, text="#!/bin/sh\nsleep 600 & wait\n")
    began = time.monotonic()
    why = refused(setia)
    assert "did not answer within 5 s" in why and 4 < time.monotonic() - began < 8 * SLOW
    assert_unchanged(setia, site, before, "did not answer")
    setia.stop()


def test_binary_that_passes_the_check_and_cannot_start(start, pair):
    """Its check says yes, then it is gone: the old keeper goes on with all it has."""
    setia = start()
    site = setia.site(pair)
    before = setia.pids()
    replace(setia, text=f"#!/bin/sh\nrm -f {setia.binary}\necho ok >&3\n")
    assert "cannot be started" in refused(setia)
    assert_unchanged(setia, site, before, "cannot be started")
    replace(setia)
    upgrade(setia)
    setia.stop()


def test_two_at_a_time_are_refused(start, pair):
    for backend in pair:
        backend.script = echo
    setia = start()
    site = setia.site(pair)
    tunnel = open_tunnel(site.port)
    old = setia.pid("proxy")
    upgrade(setia)
    for _ in range(2):
        assert f"the old traffic process {old} of the last upgrade" in refused(setia)
    rows = {row["role"]: row for row in status(setia)["processes"] if row["name"] == "proxy"}
    assert rows["draining"]["pid"] == old and 3500 < rows["draining"]["ends_in_s"] <= 3601
    assert set(rows) == {"serving", "draining"}
    says_back(tunnel, b"still here")
    tunnel.close()
    drained(setia)
    upgrade(setia)
    setia.stop()


def test_grace_ends_what_is_left(start, pair):
    for backend in pair:
        backend.script = echo
    setia = start(arguments=["--grace", "1"])
    site = setia.site(pair)
    tunnel = open_tunnel(site.port)
    upgrade(setia)
    says_back(tunnel, b"a moment")
    drained(setia, 4)
    assert tunnel.socket.recv(1) == b""
    setia.stop()


def test_stop_while_an_old_one_drains(start, pair):
    for backend in pair:
        backend.script = echo
    setia = start(arguments=["--grace", "2"])
    site = setia.site(pair)
    tunnel = open_tunnel(site.port)
    upgrade(setia)
    assert len(setia.pids()["proxy"]) == 2
    setia.stop()
    tunnel.close()


# Deaths in the middle


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def role_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return ""
    return words[1].decode("latin-1") if len(words) > 1 else ""


class Sniper:
    """Sends a signal to the new proxy of an upgrade as soon as it is one."""

    def __init__(self, setia, number):
        self.keeper, self.old, self.number = setia.pid("run"), setia.pid("proxy"), number
        self.hit = None
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self):
        deadline = time.monotonic() + 10 * SLOW
        while time.monotonic() < deadline and not self.hit:
            for pid in children_of(self.keeper):
                if pid != self.old and role_of(pid) == "proxy":
                    os.kill(pid, self.number)
                    self.hit = pid
                    return

    def wait(self):
        self.thread.join()
        assert self.hit
        return self.hit


def test_new_proxy_is_killed_before_it_is_live(start, pair):
    setia = start()
    site = setia.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    old, control = setia.pid("proxy"), setia.pid("control")
    with Load(site.port) as load:
        sniper = Sniper(setia, signal.SIGKILL)
        done = ask(setia, "upgrade")
        sniper.wait()
        if done.returncode == 0:
            pytest.skip("the new proxy was live before it could be killed")
        assert "ended with signal KILL before it was live" in done.stderr
        assert "goes on" in done.stderr
        assert setia.pid("proxy") == old and setia.pid("control") == control
    assert load.failures == []
    # The old proxy still follows changes, falls and rises; the next upgrade works.
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    site.weight(pair[0], 10)
    setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), 5, "a proxy")
    assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    upgrade(setia)
    drained(setia)
    assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    setia.stop()


def test_new_proxy_hangs_before_it_is_live(start, pair):
    setia = start()
    site = setia.site(pair)
    old = setia.pid("proxy")
    sniper = Sniper(setia, signal.SIGSTOP)
    done = ask(setia, "upgrade")
    hung = sniper.wait()
    if done.returncode == 0:
        os.kill(hung, signal.SIGCONT)
        pytest.skip("the new proxy was live before it could be stopped")
    assert "was not live within 10 s" in done.stderr
    until(lambda: process_state(hung) is None or process_state(hung)[0] == "Z", 3, "its end")
    assert setia.pid("proxy") == old and site.fetch().status == 200
    upgrade(setia)
    setia.stop()


def test_old_proxy_dies_while_the_new_one_starts(start, pair):
    setia = start()
    site = setia.site(pair)
    old = setia.pid("proxy")
    sniper = Sniper(setia, signal.SIGSTOP)
    asked = subprocess.Popen([BINARY, "upgrade", "--data", setia.data], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=clean_environment())
    new = sniper.wait()
    try:
        if asked.poll() is None:
            os.kill(old, signal.SIGKILL)
            time.sleep(0.2)
    finally:
        os.kill(new, signal.SIGCONT)
    out, error = asked.communicate(timeout=20 * SLOW)
    assert asked.returncode == 0, error
    drained(setia)
    assert setia.pid("proxy") == new and site.fetch().status == 200
    setia.wait_api()
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def listens(pid, port):
    """Whether the process has a listening socket of this TCP port open."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows
              if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    names = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return bool(inodes & names)


def test_old_proxy_dies_while_it_drains(start, pair):
    for backend in pair:
        backend.script = echo
    setia = start()
    site = setia.site(pair)
    tunnel = open_tunnel(site.port)
    old = setia.pid("proxy")
    assert listens(old, site.port)
    upgrade(setia)
    until(lambda: not listens(old, site.port), 5, "the old proxy accepts no more")
    with Load(site.port) as load:
        os.kill(old, signal.SIGKILL)
        drained(setia)
        assert status(setia)["upgrade"]["state"] == "none"
    assert load.failures == []
    assert setia.pid("proxy") != old
    tunnel.close()
    upgrade(setia)
    setia.stop()


def test_new_proxy_dies_while_the_old_one_drains(start, pair):
    """Two proxies count in two banks, whoever of them is started anew."""
    for backend in pair:
        backend.script = echo
    setia = start()
    site = setia.site(pair)
    tunnel = open_tunnel(site.port)
    old = setia.pid("proxy")
    upgrade(setia)
    new = next(pid for pid in setia.pids()["proxy"] if pid != old)
    os.kill(new, signal.SIGKILL)
    until(lambda: len(setia.pids()["proxy"]) == 2 and new not in setia.pids()["proxy"], 5, "anew")
    assert site.fetch().status == 200
    says_back(tunnel, b"not mine")
    rows = {row["role"]: row for row in status(setia)["processes"] if row["name"] == "proxy"}
    assert rows["serving"]["incarnation"] % 2 != rows["draining"]["incarnation"] % 2
    tunnel.close()
    drained(setia)
    setia.stop()


@pytest.mark.parametrize("after", [None, 0.0, 0.02, 0.05])
def test_keeper_dies_during_an_upgrade(start, pair, after):
    """Before it has read the question (None), or at some moment behind it: the asker hears that the
    upgrade was done only when it was, and what is started next has everything."""
    setia = start()
    site = setia.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    if after is None:
        os.kill(setia.process.pid, signal.SIGSTOP)
    asked = subprocess.Popen([BINARY, "upgrade", "--data", setia.data], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=clean_environment(), text=True)
    time.sleep(after or 0)
    os.kill(setia.process.pid, signal.SIGKILL)
    setia.process.wait()
    told, _ = asked.communicate(timeout=10 * SLOW)
    assert asked.returncode == 1 or after is not None and "has taken over" in told
    until(lambda: not any(setia.pids().values()), 3, "the children to end")
    setia.process = None
    setia.start()
    assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    setia.stop()


def test_socket_stays_open_to_the_asker(start, pair):
    """Whoever waits for an upgrade over two lives of the keeper gets the answer of the second."""
    setia = start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        directory = os.open(setia.data, os.O_PATH)
        try:
            door.connect(f"/proc/self/fd/{directory}/keeper.sock")
        finally:
            os.close(directory)
        door.settimeout(20 * SLOW)
        door.send(b"upgrade")
        told = json.loads(door.recv(65536))
        assert told["done"] is True and "has taken over" in told["text"]
        assert door.recv(16) == b""
    setia.stop()


# UDP


class Echo:
    """A UDP server that answers every datagram with its name and the datagram."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.target = {"EniIp": "127.0.0.1", "Port": self.socket.getsockname()[1]}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, client = self.socket.recvfrom(65536)
            except OSError:
                return
            if not data:
                return
            self.socket.sendto(self.name + b" " + data, client)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.target["Port"]))
        self.socket.close()


def test_datagrams_go_on(start):
    """Clients that send all the time, each on one socket: pinned, answered, over two upgrades."""
    setia = start()
    echoes = [Echo(b"one"), Echo(b"two")]
    port = free_port()
    balancer = setia.load_balancer()
    made = setia.api.call("CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="UDP",
                          SessionExpireTime=1000)
    setia.api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=made["ListenerIds"][0],
                     Targets=[echo.target for echo in echoes])
    stop, seen, lost = threading.Event(), {}, []

    def talk(number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((f"127.0.2.{number}", 0))
            client.connect(("127.0.0.1", port))
            client.settimeout(2 * SLOW)
            turn = 0
            while not stop.is_set():
                turn += 1
                client.send(b"%d" % turn)
                try:
                    name, text = client.recv(100).split(b" ")
                except TimeoutError:
                    lost.append((number, turn))
                    continue
                assert text == b"%d" % turn
                seen.setdefault(number, set()).add(name)
                time.sleep(0.002)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            time.sleep(0.3)
            upgrade(setia)
            time.sleep(0.5)
            drained(setia)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for one in echoes:
            one.close()
    assert len(seen) == 8 and all(len(names) == 1 for names in seen.values()), seen
    assert lost == []
    setia.stop()
