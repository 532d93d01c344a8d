# SPDX-License-Identifier: Apache-2.0
"""Instances beside their making: stopping and starting, who may connect, the guards of deletion, the
table of details. features.md sections 1 and 16."""

import json
import socket
import threading

import pytest

from lib.api import ApiError
from lib.backend import Backend
from lib.load import Load
from lib.sdk import Sdk
from lib.setia import Setia, command
from lib.shape import must_issue, pair_of
from lib.tcp import Client, Echo, Layer4
from lib.udp import UdpClient, UdpServer
from lib.wait import free_port, is_port_free, until
from lib.wire import Connection


@pytest.fixture(scope="module")
def servers():
    made = [Backend("one"), Backend("two")]
    yield made
    for server in made:
        server.stop()


@pytest.fixture
def site(setia, servers):
    made = setia.site(servers, SessionExpireTime=600)
    yield made
    setia.api.change("SetLoadBalancerAccessControl", LoadBalancerId=made.load_balancer, Allow=[],
                     Deny=[])
    setia.api.change("SetLoadBalancerStartStatus", LoadBalancerId=made.load_balancer,
                     OperationType="Start")
    made.delete()


@pytest.fixture
def echo():
    made = Echo("one")
    yield made
    made.stop()


def own_layer4(setia, servers, **options):
    """On an instance of its own."""
    return Layer4(setia, servers, vip=options.pop("vip", {"Vip": "127.0.0.1"}), **options)


def set_status(site, operation, *listeners):
    site.api.change("SetLoadBalancerStartStatus", LoadBalancerId=balancer_of(site),
                    OperationType=operation, ListenerIds=list(listeners))


def balancer_of(site):
    return getattr(site, "load_balancer", None) or site.balancer


def set_lists(site, **lists):
    return site.api.change("SetLoadBalancerAccessControl", LoadBalancerId=balancer_of(site), **lists)


def flags(site):
    """Of the instance, and of each listener."""
    identity = balancer_of(site)
    [balancer] = site.api.call("DescribeLoadBalancers", LoadBalancerIds=[identity])["LoadBalancerSet"]
    listeners = site.api.call("DescribeListeners", LoadBalancerId=identity)["Listeners"]
    return balancer["AttributeFlags"], [listener["AttrFlags"] for listener in listeners]


def refused(port, source=None, ip="127.0.0.1"):
    """Whether a connection is reset before anything is said, or not even accepted."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as client:
        client.settimeout(5)
        if source:
            client.bind((source, 0))
        try:
            client.connect((ip, port))
            return client.recv(1) == b"not this"
        except ConnectionError:
            return True


def counted(setia, listener, name):
    text = command("status", "--data", setia.data, "--counters").stdout
    for line in text.splitlines():
        words = line.split()
        if words[:2] == [listener, name]:
            return int(words[2])
    return 0


# Stop and start

def test_stop_closes_the_port_and_start_opens_it(site):
    assert site.fetch("/").status == 200
    set_status(site, "Stop")
    assert flags(site) == (["Stop"], [["Stop"]])
    # The keeper closes what nobody serves right after the change is live.
    until(lambda: is_port_free(site.port, "127.0.0.1"), 5, "the port to close")
    with pytest.raises(ConnectionError):
        Connection(site.port)
    with pytest.raises(ApiError) as refusal:
        site.api.call("CreateListener", LoadBalancerId=site.load_balancer, Ports=[site.port],
                      Protocol="TCP")
    assert refusal.value.code == "InvalidParameter.PortCheckFailed"
    set_status(site, "Start")
    assert flags(site) == ([], [[]])
    assert site.fetch("/").status == 200


def test_cookies_are_good_after_a_start(site):
    with site.connect() as client:
        first = client.get("/")
        cookie = pair_of(must_issue(first))
    set_status(site, "Stop")
    set_status(site, "Start")
    for _ in range(6):
        assert site.fetch("/", cookie=cookie).text == first.text
    assert counted(site.setia, site.listener, "session_kept") >= 6


def test_stopped_listeners_are_restored_stopped(make_setia, servers):
    """The flag is the store's and the snapshot's: neither a restart nor a crash starts a listener."""
    setia = make_setia().start()
    site = setia.site(servers)
    set_status(site, "Stop")
    setia.restart()
    assert flags(site) == (["Stop"], [["Stop"]])
    assert refused(site.port)
    set_status(site, "Start")
    assert site.fetch("/").status == 200
    setia.stop()


def test_one_listener_of_several(site):
    other = free_port()
    [second] = site.api.change("CreateListener", LoadBalancerId=site.load_balancer, Ports=[other],
                               Protocol="HTTP")["ListenerIds"]
    with Load(site.port, threads=2) as load:
        until(lambda: load.done > 20)
        set_status(site, "Stop", second)
        assert flags(site) == ([], [[], ["Stop"]])
        assert refused(other)
        set_status(site, "Start", second)
        until(lambda: load.done > 60)
    assert not load.failures
    with Connection(other) as client:
        assert client.get("/").status == 404
    set_status(site, "Stop", second, site.listener)
    assert flags(site) == (["Stop"], [["Stop"], ["Stop"]])
    set_status(site, "Start", second)
    assert flags(site) == ([], [["Stop"], []])
    assert refused(site.port)


def test_a_request_under_way_is_finished(setia):
    """As where a listener is deleted: a stop breaks no answer."""
    def slow(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        released.wait(10)
        peer.send(b"half")

    released = threading.Event()
    server = Backend("slow")
    server.script = slow
    site = setia.site([server])
    try:
        with site.connect() as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_until(b"half")
            set_status(site, "Stop")
            released.set()
            assert client.read_until(b"half") == b"half"
            # The next one finds nobody.
            assert client.get("/").status == 503
    finally:
        released.set()
        set_status(site, "Start")
        site.delete()
        server.stop()


def test_layer4_keeps_pins(setia, echo):
    two = Echo("two")
    listener = own_layer4(setia, [echo, two], SessionExpireTime=300)
    try:
        with listener.connect("127.0.0.77") as client:
            name = client.line()
            set_status(listener, "Stop")
            # What is open goes on, as where the listener is deleted.
            client.says_back()
        assert refused(listener.port)
        set_status(listener, "Start")
        for _ in range(3):
            with listener.connect("127.0.0.77") as client:
                assert client.line() == name
    finally:
        listener.delete()
        two.stop()


def test_health_of_what_is_stopped(setia, servers):
    site = setia.site(servers[:1], HealthCheck={"HealthSwitch": 1, "HttpCheckPath": "/"})

    def health():
        answer = site.api.call("DescribeTargetHealth", LoadBalancerIds=[site.load_balancer])
        [target] = answer["LoadBalancers"][0]["Listeners"][0]["Rules"][0]["Targets"]
        return target["HealthStatusDetail"], target["HealthStatus"]

    try:
        set_status(site, "Stop")
        assert health() == ("Unknown", False)
        asked = len(servers[0].received)
        assert command("status", "--data", setia.data).returncode == 0
        set_status(site, "Start")
        until(lambda: len(servers[0].received) > asked, 5, "a check")
    finally:
        site.delete()


# Who may connect

def test_http_by_source(site):
    set_lists(site, Allow=["127.0.0.0/16", "::/0"], Deny=["127.0.0.9/32", "127.0.0.64/26"])
    assert site.fetch("/", source="127.0.0.1").status == 200
    assert site.fetch("/", source="127.0.255.254").status == 200
    for source in ("127.0.0.9", "127.0.0.64", "127.0.0.127", "127.1.0.0", "127.255.0.1"):
        assert refused(site.port, source), source
    assert site.fetch("/", source="127.0.0.63").status == 200
    assert site.fetch("/", source="127.0.0.128").status == 200
    assert counted(site.setia, site.listener, "access_denied") == 5
    said = [line for line in site.setia.log().splitlines() if "access_denied" in line]
    assert 1 <= len(said) <= 2 * site.setia.workers, said
    for source, word in (("127.0.0.9", "denied"), ("127.0.0.1", "allowed")):
        told = command("explain", "--data", site.setia.data, "--from", source, "GET",
                       f"http://127.0.0.1:{site.port}/").stdout
        assert f"access     {word} by the lists of its instance" in told
        assert ("rule " in told) == (word == "allowed"), told
    set_lists(site, Allow=[])
    assert site.fetch("/", source="127.255.0.1").status == 200
    assert refused(site.port, "127.0.0.9")
    set_lists(site, Deny=[])
    assert site.fetch("/", source="127.0.0.9").status == 200


def test_what_is_open_stays(site):
    with site.connect(source="127.0.0.9") as client:
        assert client.get("/").status == 200
        set_lists(site, Deny=["127.0.0.0/8"])
        assert client.get("/").status == 200
        assert refused(site.port, "127.0.0.9")


def test_nothing_changes_for_others(site):
    with Load(site.port, threads=4) as load:
        until(lambda: load.done > 20)
        for number in range(5):
            set_lists(site, Deny=[f"127.0.{number + 1}.0/24"])
        before = load.done
        until(lambda: load.done > before + 20)
    assert not load.failures


def test_ten_thousand_networks(site):
    deny = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(0, 19996, 2)]
    answer = set_lists(site, Deny=[*deny, "127.0.0.9", "2001:db8::/32"])
    assert len(answer["Deny"]) == 10000
    assert site.fetch("/").status == 200
    assert refused(site.port, "127.0.0.9")
    assert len(site.api.call("DescribeLoadBalancerAccessControl",
                             LoadBalancerId=site.load_balancer)["Deny"]) == 10000
    with pytest.raises(ApiError) as refusal:
        set_lists(site, Deny=[*deny, *deny[:3]])
    assert refusal.value.code == "InvalidParameterValue.Length"


def test_ipv6(setia, echo):
    listener = own_layer4(setia, [echo], vip={"Vip": "::1", "AddressIPVersion": "IPv6FullChain"})
    try:
        set_lists(listener, Deny=["127.0.0.0/8"])
        with Client(listener.port, ip="::1") as client:
            assert client.line() == "one"
        set_lists(listener, Allow=["::1"], Deny=[])
        with Client(listener.port, ip="::1") as client:
            assert client.line() == "one"
        for lists in ({"Allow": ["2001:db8::/32"]}, {"Allow": ["127.0.0.0/8"]},
                      {"Allow": [], "Deny": ["::/127"]}):
            set_lists(listener, **{"Deny": [], **lists})
            assert refused(listener.port, ip="::1"), lists
    finally:
        listener.delete()


def test_tcp(setia, echo):
    listener = own_layer4(setia, [echo])
    try:
        set_lists(listener, Allow=["127.0.0.1"])
        with listener.connect("127.0.0.1") as client:
            assert client.line() == "one"
        before = len(echo.socks)
        assert refused(listener.port, "127.0.0.2")
        assert len(echo.socks) == before
        assert counted(setia, listener.listener, "access_denied") == 1
    finally:
        listener.delete()


def test_udp(setia):
    server = UdpServer("one")
    listener = own_layer4(setia, [server], protocol="UDP")
    try:
        with UdpClient(listener.port, "127.0.0.9") as old:
            assert old.name() == "one"
            set_lists(listener, Deny=["127.0.0.9"])
            # Its flow goes on; another one does not begin.
            assert old.name() == "one"
            with UdpClient(listener.port, "127.0.0.9") as new:
                new.socket.send(b"?")
                assert new.hears_nothing()
            with UdpClient(listener.port, "127.0.0.10") as other:
                assert other.name() == "one"
        assert counted(setia, listener.listener, "access_denied") == 1
        assert server.asked == 3
    finally:
        listener.delete()
        server.stop()


def test_a_file_says_who_and_what(setia, servers):
    port = free_port()
    tree = {"LoadBalancerName": "of a file", "Vip": "127.0.0.1",
            "Listeners": [{"Protocol": "HTTP", "Port": port, "Rules": [
                {"Url": "/", "HealthCheck": {"HealthSwitch": 0},
                 "Targets": [server.target for server in servers]}]}]}

    def apply(**changes):
        content = json.dumps({"LoadBalancers": [{**tree, **changes}]})
        return setia.api.change("ApplyConfiguration", Content=content)["Changes"]

    assert apply(Stopped=True)[-1] == "~ instance of a file: stopped"
    assert refused(port)
    assert apply(AccessControl={"Deny": ["127.0.0.9"]},
                 Tags=[{"TagKey": "stage", "TagValue": "test"}]) == [
        "~ instance of a file: Tags", "~ instance of a file: AccessControl",
        f"~ listener HTTP:{port} in of a file: started", "~ instance of a file: started"]
    assert refused(port, "127.0.0.9")
    with Connection(port) as client:
        assert client.get("/").status == 200
    apply()
    with Connection(port, source="127.0.0.9") as client:
        assert client.get("/").status == 200


# Guards of deletion

def test_traffic_guards_against_deletion(setia, clock):
    body = b"x" * (20 << 20)
    server = Backend("large")
    server.script = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    site = setia.site([server])
    try:
        site.api.call("DescribeQuota")  # the watch has looked at the instance by now or begins at 0
        for _ in range(4):
            assert len(site.fetch("/").body) == len(body)
        until(lambda: counted(setia, site.listener, "bytes_to_client") >= 4 * len(body), 5,
              "all to be counted")
        with pytest.raises(ApiError) as refusal:
            site.api.call("DeleteLoadBalancer", LoadBalancerIds=[site.load_balancer])
        assert refusal.value.code == "FailedOperation.TrafficCheckRisk"
        clock.advance(400)
        setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[site.load_balancer])
    finally:
        server.stop()


# Details, and the SDK

@pytest.fixture(scope="module")
def sdk_setia(tmp_path_factory):
    """The SDK signs with the machine's clock."""
    setia = Setia(tmp_path_factory.mktemp("sdk"))
    try:
        client = Sdk(setia.start())
        yield setia, client
        client.stop()
        setia.stop()
    finally:
        setia.end()


def test_the_sdk_stops_and_lists(sdk_setia, servers):
    setia, sdk = sdk_setia
    site = setia.site(servers)
    made = sdk.call("SetLoadBalancerStartStatus", LoadBalancerId=site.load_balancer,
                    OperationType="Stop", ListenerIds=[site.listener])
    sdk.wait(made)
    [row] = sdk.call("DescribeLoadBalancersDetail", Fields=["AttributeFlags"])["LoadBalancerDetailSet"]
    assert row["LoadBalancerId"] == site.load_balancer and row["AttributeFlags"] == ["Stop"]
    assert row["ListenerId"] is None and row["Address"] is None
    sdk.wait(sdk.call("SetLoadBalancerStartStatus", LoadBalancerId=site.load_balancer,
                      OperationType="Start"))
    assert site.fetch("/").status == 200
    asked = {"TargetType": "NODE", "Fields": ["TargetAddress", "TargetPort", "Url", "TargetHealth"]}
    answer = sdk.call("DescribeLoadBalancersDetail", **asked)
    assert answer["TotalCount"] == 2
    assert [(row["TargetAddress"], row["TargetPort"], row["Url"], row["TargetHealth"])
            for row in answer["LoadBalancerDetailSet"]] == \
        [(server.ip, server.port, "/", "Close") for server in servers]
    page = sdk.call("DescribeLoadBalancersDetail", Offset=1, Limit=1, **asked)
    assert page["TotalCount"] == 2
    assert page["LoadBalancerDetailSet"] == answer["LoadBalancerDetailSet"][1:]
    by_ip = sdk.call("DescribeLoadBalancersDetail", **asked, Filters=[
        {"Name": "target-ip", "Values": ["192.0.2.1"]}])
    assert by_ip["TotalCount"] == 0
    for action, fields in (
            ("SetLoadBalancerStartStatus", {"OperationType": "Stop", "ListenerIds": ["lbl-00000000"]}),
            ("SetLoadBalancerSecurityGroups", {"SecurityGroups": ["sg-1"]})):
        with pytest.raises(ApiError) as refusal:
            sdk.call(action, LoadBalancerId=site.load_balancer, **fields)
        assert refusal.value.code in ("InvalidParameter.ListenerIdNotFound", "UnsupportedOperation")


def test_details_of_many(sdk_setia):
    """Each row stands on one page."""
    setia, _ = sdk_setia
    balancer = setia.load_balancer(LoadBalancerName="many")
    [listener] = setia.api.change("CreateListener", LoadBalancerId=balancer, Ports=[free_port()],
                                  Protocol="TCP", HealthCheck={"HealthSwitch": 0})["ListenerIds"]
    for first in range(0, 100, 20):
        setia.api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=listener, Targets=[
            {"EniIp": "127.0.0.1", "Port": 1000 + first + number} for number in range(20)])
    ports = []
    for offset in range(0, 120, 30):
        answer = setia.api.call("DescribeLoadBalancersDetail", TargetType="NODE", Offset=offset,
                                Limit=30, Filters=[{"Name": "fuzzy-search", "Values": ["man"]}])
        assert answer["TotalCount"] == 100
        ports += [row["TargetPort"] for row in answer["LoadBalancerDetailSet"]]
    assert ports == list(range(1000, 1100))
