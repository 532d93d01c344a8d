# SPDX-License-Identifier: Apache-2.0
"""Many things at once: callers that change everything while traffic runs, listeners that come and
go on one port, more connections than there are descriptors, IPv6."""

import concurrent.futures
import os
import resource
import socket
import subprocess
import threading

import pytest

from lib.api import ApiError
from lib.backend import Backend
from lib.load import Load
from lib.setia import BINARY, SECRET_ID, SECRET_KEY, clean_environment
from lib.shape import must_issue, pair_of, servers
from lib.wait import SLOW, free_port, until
from lib.wire import Connection


def test_many_callers_change_everything_under_load(make_setia, pair):
    """Each builds a site of its own, changes it, asks it, removes it; the quiet site next to them
    loses no request, and nothing is an InternalError."""
    setia = make_setia().start()
    quiet = setia.site(pair, SessionExpireTime=1000)
    sessions = [quiet.fetch() for _ in range(6)]
    balancer = setia.load_balancer()

    def work(number):
        api = setia.api.with_key(SECRET_ID, SECRET_KEY)
        ids = {"LoadBalancerId": balancer}
        for turn in range(4):
            port = free_port()
            ids["ListenerId"] = api.call("CreateListener", LoadBalancerId=balancer, Ports=[port],
                                         Protocol="HTTP")["ListenerIds"][0]
            location = api.call("CreateRule", **ids, Rules=[
                {"Url": "/", "SessionExpireTime": 60 * (turn % 2)}])["LocationIds"][0]
            targets = [backend.target for backend in pair]
            api.change("RegisterTargets", **ids, LocationId=location, Targets=targets)
            with Connection(port) as client:
                assert servers(client.get() for _ in range(4)) == {"one": 2, "two": 2}
                api.change("ModifyTargetWeight", **ids, LocationId=location, Targets=targets[:1],
                           Weight=0)
                assert servers(client.get() for _ in range(4)) == {"two": 4}
            api.change("DeleteListener", **ids)
        api.close()
        return number

    with Load(quiet.port) as load, concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))
    assert load.failures == []
    for first in sessions:
        assert quiet.fetch(cookie=pair_of(must_issue(first))).text == first.text
    assert setia.api.call("DescribeListeners", LoadBalancerId=balancer)["Listeners"] == []
    assert "InternalError" not in setia.log()
    setia.stop()


def test_listener_recreated_on_its_port_under_load(make_setia, pair):
    """The new listener takes the sockets over: every connection is answered, some by 404 or 503
    while there is no rule or no server. Only while there is no listener, between the two calls, may
    one be refused, or reset in the backlog of the socket that closes (deleted-listeners.md)."""
    setia = make_setia().start()
    site = setia.site(pair)
    stop = threading.Event()
    failures, statuses = [], set()

    def ask():
        while not stop.is_set():
            try:
                with Connection(site.port) as client:
                    statuses.add(client.get().status)
            except Exception as error:  # noqa: BLE001 - every kind is a failure
                failures.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    api, balancer = setia.api, site.load_balancer
    for _ in range(8):
        api.call("DeleteListener", LoadBalancerId=balancer, ListenerId=site.listener)
        site.listener = api.call("CreateListener", LoadBalancerId=balancer, Ports=[site.port],
                                 Protocol="HTTP")["ListenerIds"][0]
        site.rule = site.add_rule([backend.target for backend in pair], Url="/")
    stop.set()
    for thread in threads:
        thread.join()
    pids = setia.pids()
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    assert statuses <= {200, 404, 503} and 200 in statuses
    closed = ("ConnectionRefusedError", "ConnectionResetError")
    assert [text for text in failures if not text.startswith(closed)] == []
    assert setia.pids() == pids
    assert setia.log().count("event=child_died") == 0
    setia.stop()


def test_more_connections_than_descriptors(make_setia, pair):
    """The roof comes from RLIMIT_NOFILE: beyond it clients wait or are refused; nothing dies, and
    everything is back after the burst."""
    setia = make_setia()
    environment = {**clean_environment(), "SETIA_SECRET_ID": SECRET_ID,
                   "SETIA_SECRET_KEY": SECRET_KEY}
    with open(setia.log_path, "ab") as log:
        setia.process = subprocess.Popen(
            [BINARY, "run", "--data", setia.data, "--api", f"127.0.0.1:{setia.port}",
             "--workers", "2", "--api-rate", "0"], stderr=log, env=environment,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    setia.wait_api()
    site = setia.site(pair)
    pids = setia.pids()
    crowd = []
    for _ in range(400):
        client = Connection(site.port)
        crowd.append(client)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n")
    # Those that are served first still are.
    crowd[0].send("\r\n")
    assert crowd[0].read().status == 200
    for client in crowd:
        client.close()
    until(lambda: answers(site), 5, f"service to come back\n{setia.log_tail()}", every=0.1)
    assert servers(site.fetch() for _ in range(10)) == {"one": 5, "two": 5}
    # Changes still work, on new listeners too.
    other = setia.site(pair)
    assert other.fetch().status == 200
    assert setia.pids() == pids
    setia.stop()


def answers(site):
    try:
        return site.fetch().status == 200
    except OSError:
        return False


def test_more_listeners_than_descriptors_is_a_bind_error(make_setia, pair):
    setia = make_setia()
    environment = {**clean_environment(), "SETIA_SECRET_ID": SECRET_ID,
                   "SETIA_SECRET_KEY": SECRET_KEY}
    with open(setia.log_path, "ab") as log:
        setia.process = subprocess.Popen(
            [BINARY, "run", "--data", setia.data, "--api", f"127.0.0.1:{setia.port}",
             "--workers", "2", "--api-rate", "0"], stderr=log, env=environment,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)))
    setia.wait_api()
    site = setia.site(pair)
    pids = setia.pids()
    made = setia.api.call("CreateListener", LoadBalancerId=site.load_balancer, Protocol="HTTP",
                          Ports=[free_port() for _ in range(45)])
    task = setia.api.wait(made["RequestId"], status=1)
    assert "open files" in task["Message"].lower()
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    for listener in made["ListenerIds"]:
        setia.api.call("DeleteListener", LoadBalancerId=site.load_balancer, ListenerId=listener)
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    assert setia.pids() == pids
    until(lambda: len(setia.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)[
        "Listeners"]) == 1, 3)
    site.weight(pair[0], 0)
    setia.stop()


class Ipv6Backend(Backend):
    def _listen(self, port):
        self.socket = socket.socket(socket.AF_INET6)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("::1", port or free_port()))
        self.socket.listen(64)
        self.ip, self.port = "::1", self.socket.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()


class Ipv6Connection(Connection):
    def __init__(self, port):  # noqa: D107 - the same over another family
        self.socket = socket.create_connection(("::1", port), timeout=5 * SLOW)
        self.timeout = 5 * SLOW
        self.buffer = bytearray()
        self.host = f"[::1]:{port}"


def test_ipv6_on_both_sides(make_setia):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    backend = Ipv6Backend("six")
    setia = make_setia().start()
    try:
        for vip in ("::1", "::"):
            balancer = setia.load_balancer(Vip=vip, AddressIPVersion="IPv6FullChain")
            [found] = setia.api.call("DescribeLoadBalancers", LoadBalancerIds=[balancer])[
                "LoadBalancerSet"]
            assert found["AddressIPVersion"] == "ipv6"
            port = free_port()
            ids = {"LoadBalancerId": balancer, "ListenerId": setia.api.call(
                "CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="HTTP")[
                    "ListenerIds"][0]}
            location = setia.api.call("CreateRule", **ids, Rules=[
                {"Url": "/", "SessionExpireTime": 60}])["LocationIds"][0]
            setia.api.change("RegisterTargets", **ids, LocationId=location,
                             Targets=[{"EniIp": "::1", "Port": backend.port}])
            with Ipv6Connection(port) as client:
                first = client.get()
                assert first.text == "six"
                assert backend.last.one("X-Forwarded-For") == "::1"
                assert backend.last.one("Host") == f"[::1]:{port}"
                assert client.get(cookie=pair_of(must_issue(first))).text == "six"
        with pytest.raises(ApiError):
            setia.load_balancer(Vip="127.0.0.1", AddressIPVersion="IPv6FullChain")
        setia.stop()
    finally:
        backend.stop()


def test_large_configuration(make_setia, pair):
    """Fifty listeners of fifty rules: each is live, and one more change is quick."""
    import time
    setia = make_setia().start()
    balancer = setia.load_balancer()
    ports = [free_port() for _ in range(50)]
    made = setia.api.change("CreateListener", LoadBalancerId=balancer, Ports=ports, Protocol="HTTP")
    targets = [backend.target for backend in pair]
    for listener in made["ListenerIds"]:
        setia.api.call("CreateRule", LoadBalancerId=balancer, ListenerId=listener,
                       Rules=[{"Domain": f"d{n}.example", "Url": "/"} for n in range(50)])
    ids = {"LoadBalancerId": balancer, "ListenerId": made["ListenerIds"][-1]}
    for number in (0, 49):
        setia.api.call("RegisterTargets", **ids, Domain=f"d{number}.example", Url="/",
                       Targets=targets)
    start = time.monotonic()
    setia.api.change("ModifyTargetWeight", **ids, Domain="d49.example", Url="/",
                     Targets=targets[:1], Weight=0)
    assert time.monotonic() - start < 1.5 * SLOW
    with Connection(ports[-1]) as client:
        assert servers(client.get(host="d49.example") for _ in range(4)) == {"two": 4}
        assert servers(client.get(host="d0.example") for _ in range(4)) == {"one": 2, "two": 2}
        assert client.get(host="d25.example").status == 503
    before = setia.api.call("DescribeListeners", LoadBalancerId=balancer)
    assert sum(len(listener["Rules"]) for listener in before["Listeners"]) == 2500
    setia.restart()
    assert setia.api.call("DescribeListeners", LoadBalancerId=balancer)["Listeners"] == \
        before["Listeners"]
    assert os.path.getsize(os.path.join(setia.data, "snapshot")) < 4 << 20
    setia.stop()
