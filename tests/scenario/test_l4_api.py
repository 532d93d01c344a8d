# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP listeners through the API, files and the SDK: every field in and out, refused,
modified, and unchanged when it is not given."""

import contextlib
import os
import re
import socket
import sqlite3

import pytest
from test_sdk import Sdk

from lib.api import ApiError
from lib.setia import Setia, command
from lib.wait import accepts, free_port, is_port_free, until
from lib.wire import fetch


def both_free():
    """A port that is free for TCP and for UDP."""
    while True:
        port = free_port()
        with socket.socket(type=socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


@pytest.fixture
def api(setia):
    return setia.api


@pytest.fixture
def balancer(setia):
    made = setia.borrow_balancer()
    yield made
    setia.return_balancer(made)


def create(api, balancer, protocol, port=None, **fields):
    return api.change("CreateListener", LoadBalancerId=balancer, Protocol=protocol,
                      Ports=[port or both_free()], **fields)["ListenerIds"][0]


def describe(api, balancer, listener=None):
    found = api.call("DescribeListeners", LoadBalancerId=balancer,
                     ListenerIds=[listener] if listener else [])["Listeners"]
    return found[0] if listener else found


def refused(api, code, action, **fields):
    with pytest.raises(ApiError) as error:
        api.call(action, **fields)
    assert error.value.code == code, f"{action} {fields}: {error.value}"
    assert error.value.message
    return error.value


def without_identity(listener):
    return {name: value for name, value in listener.items()
            if name not in ("ListenerId", "CreateTime")}


# Listeners

DEFAULTS = {
    "EndPort": 0, "Rules": None, "Scheduler": "WRR", "SessionExpireTime": 0,
    "SessionType": "NORMAL", "TargetType": "NODE", "SniSwitch": 0, "KeepaliveEnable": None,
    "MaxConn": -1, "MaxCps": -1, "DeregisterTargetRst": False, "RescheduleStartTime": 0,
    "RescheduleInterval": 0, "AttrFlags": [], "Toa": False, "Certificate": None,
    "TargetGroup": None, "TargetGroupList": None, "DataCompressMode": None, "BindError": None,
    "DrainPolicy": "MOVE", "AccessLog": None, "AccessLogFormat": None,
}
CHECK = {
    "HealthSwitch": 1, "TimeOut": 2, "IntervalTime": 5, "HealthNum": 3, "UnHealthNum": 3,
    "HttpCode": None, "HttpCheckPath": None, "HttpCheckDomain": None, "HttpCheckMethod": "HEAD",
    "CheckPort": None, "ContextType": None, "SendContext": None, "RecvContext": None,
    "HttpVersion": None, "SourceIpType": 0, "ExtendedCode": None,
}


@pytest.mark.parametrize("protocol, own", [
    ("TCP", {"IdleConnectTimeout": 900, "UdpResponses": None,
             "HealthCheck": {**CHECK, "CheckType": "TCP"}}),
    ("UDP", {"IdleConnectTimeout": 300, "UdpResponses": 0,
             "HealthCheck": {**CHECK, "CheckType": "PING"}}),
])
def test_defaults(api, balancer, protocol, own):
    port = both_free()
    identity = create(api, balancer, protocol, port)
    found = describe(api, balancer, identity)
    expected = {**DEFAULTS, **own, "ListenerName": f"{protocol}-{port}", "Protocol": protocol,
                "Port": port}
    assert without_identity(found) == expected
    if protocol == "TCP":
        assert not is_port_free(port)


SETTINGS = {
    "TCP": {
        "SessionExpireTime": 60, "Scheduler": "WRR", "SessionType": "NORMAL", "MaxConn": 100,
        "MaxCps": 50, "IdleConnectTimeout": 900, "DeregisterTargetRst": True,
        "RescheduleTargetZeroWeight": True, "RescheduleUnhealthy": True,
        "RescheduleExpandTarget": True, "RescheduleStartTime": 1, "RescheduleInterval": 3600,
        "ProxyProtocol": True, "TargetType": "NODE", "SnatEnable": False,
        "HealthCheck": {"CheckType": "HTTP", "HttpCheckDomain": "a.example",
                        "HttpVersion": "HTTP/1.1", "HttpCheckPath": "/up", "HttpCode": 3,
                        "HttpCheckMethod": "GET", "CheckPort": 8080, "TimeOut": 3,
                        "IntervalTime": 7, "HealthNum": 2, "UnHealthNum": 10},
    },
    "UDP": {
        "Scheduler": "LEAST_CONN", "MaxConn": 7, "MaxCps": 16777216, "IdleConnectTimeout": 10,
        "UdpResponses": 65535, "DeregisterTargetRst": True, "RescheduleTargetZeroWeight": True,
        "RescheduleUnhealthy": True, "RescheduleExpandTarget": True, "RescheduleStartTime": 3600,
        "RescheduleInterval": 1, "SnatEnable": True,
        "HealthCheck": {"CheckType": "CUSTOM", "ContextType": "HEX", "SendContext": "00FF",
                        "RecvContext": "AB"},
    },
}
FLAGS = ("ProxyProtocol", "RescheduleTargetZeroWeight", "RescheduleUnhealthy",
         "RescheduleExpandTarget")
NOT_KEPT = ("SnatEnable",)


def assert_shown(found, settings):
    for name, value in settings.items():
        if name in FLAGS:
            assert (name in found["AttrFlags"]) == value, name
        elif name == "HealthCheck":
            for member in value:
                assert found[name][member] == value[member], member
        elif name not in NOT_KEPT:
            assert found[name] == value, name


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_every_setting_goes_in_and_comes_out(api, balancer, protocol):
    settings = SETTINGS[protocol]
    identity = create(api, balancer, protocol, **settings)
    found = describe(api, balancer, identity)
    assert_shown(found, settings)
    # What is not given stays.
    api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=identity, ListenerName="new")
    assert describe(api, balancer, identity) == {**found, "ListenerName": "new"}
    api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=identity,
               HealthCheck={"HealthNum": 9})
    assert describe(api, balancer, identity)["HealthCheck"] == {**found["HealthCheck"],
                                                                "HealthNum": 9}


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_every_setting_by_itself(api, balancer, protocol):
    """Each modifies what it names and nothing else."""
    identity = create(api, balancer, protocol)
    for name, value in SETTINGS[protocol].items():
        before = describe(api, balancer, identity)
        api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=identity, **{name: value})
        after = describe(api, balancer, identity)
        assert_shown(after, {name: value})
        changed = {key for key in after if after[key] != before[key]}
        assert changed <= {"AttrFlags" if name in FLAGS else name}, name


WRONG = [
    ("both", {"SessionExpireTime": 29}, "InvalidParameterValue"),
    ("both", {"SessionExpireTime": 3601}, "InvalidParameterValue"),
    ("both", {"SessionExpireTime": -1}, "InvalidParameterValue"),
    ("both", {"SessionExpireTime": "60"}, "InvalidParameter"),
    ("both", {"SessionExpireTime": 60.5}, "InvalidParameter"),
    ("both", {"SessionExpireTime": 60, "Scheduler": "LEAST_CONN"}, "InvalidParameter"),
    ("both", {"Scheduler": "IP_HASH"}, "InvalidParameterValue"),
    ("both", {"Scheduler": "wrr"}, "InvalidParameterValue"),
    ("TCP", {"SessionType": "QUIC_CID"}, "InvalidParameter"),
    ("UDP", {"SessionType": "QUIC_CID"}, "UnsupportedOperation"),
    ("UDP", {"SessionType": "QUIC_CID", "Scheduler": "LEAST_CONN"}, "InvalidParameter"),
    ("TCP", {"IdleConnectTimeout": 300}, "InvalidParameterValue"),
    ("UDP", {"IdleConnectTimeout": 9}, "InvalidParameterValue"),
    ("UDP", {"IdleConnectTimeout": 1981}, "InvalidParameterValue"),
    ("both", {"MaxConn": 0}, "InvalidParameterValue"),
    ("both", {"MaxCps": -2}, "InvalidParameterValue"),
    ("both", {"MaxConn": 16777217}, "InvalidParameterValue"),
    ("both", {"RescheduleStartTime": 3601}, "InvalidParameterValue"),
    ("both", {"RescheduleInterval": -1}, "InvalidParameterValue"),
    ("both", {"DeregisterTargetRst": "true"}, "InvalidParameter"),
    ("UDP", {"ProxyProtocol": True}, "InvalidParameter"),
    ("TCP", {"UdpResponses": 1}, "InvalidParameter"),
    ("UDP", {"UdpResponses": 65536}, "InvalidParameterValue"),
    ("both", {"TargetType": "TARGETGROUP-V2"}, "UnsupportedOperation"),
    ("both", {"KeepaliveEnable": 1}, "InvalidParameter"),
    ("both", {"SniSwitch": 1}, "InvalidParameter"),
    ("both", {"Certificate": {"CertId": "x"}}, "InvalidParameter"),
    ("both", {"DataCompressMode": "compatibility"}, "UnsupportedOperation"),
    ("TCP", {"HealthCheck": {"CheckType": "PING"}}, "InvalidParameterValue"),
    ("UDP", {"HealthCheck": {"CheckType": "HTTP"}}, "InvalidParameterValue"),
    ("TCP", {"HealthCheck": {"CheckType": "HTTP"}}, "InvalidParameter"),
    ("both", {"HealthCheck": {"CheckType": "CUSTOM"}}, "InvalidParameter"),
    ("both", {"HealthCheck": {"TimeOut": 5}}, "InvalidParameterValue"),
    ("both", {"HealthCheck": {"SourceIpType": 1}}, "UnsupportedOperation"),
    ("both", {"Nonsense": 1}, "UnknownParameter"),
]


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_what_is_wrong_is_refused_and_changes_nothing(api, balancer, protocol):
    identity = create(api, balancer, protocol, **{
        name: value for name, value in SETTINGS[protocol].items()
        if name not in ("SessionExpireTime", "Scheduler", "HealthCheck")})
    before = describe(api, balancer)
    for whose, fields, code in WRONG:
        if whose not in ("both", protocol):
            continue
        error = refused(api, code, "CreateListener", LoadBalancerId=balancer, Protocol=protocol,
                        Ports=[both_free(), both_free()], **fields)
        assert any(name in error.message for name in fields), error
        # Right fields beside a wrong one are not taken either.
        refused(api, code, "ModifyListener", LoadBalancerId=balancer, ListenerId=identity,
                **{"ListenerName": "half", "MaxConn": 1, **fields})
    assert describe(api, balancer) == before


def test_persistence_goes_with_wrr_alone(api, balancer):
    identity = create(api, balancer, "TCP", SessionExpireTime=60)
    ids = {"LoadBalancerId": balancer, "ListenerId": identity}
    refused(api, "InvalidParameter", "ModifyListener", **ids, Scheduler="LEAST_CONN")
    api.change("ModifyListener", **ids, Scheduler="LEAST_CONN", SessionExpireTime=0)
    refused(api, "InvalidParameter", "ModifyListener", **ids, SessionExpireTime=60)
    api.change("ModifyListener", **ids, Scheduler="WRR", SessionExpireTime=3600)
    found = describe(api, balancer, identity)
    assert (found["Scheduler"], found["SessionExpireTime"]) == ("WRR", 3600)


def test_quic_persistence_needs_ipv4(setia, api):
    six = setia.load_balancer(Vip="::1")
    refused(api, "InvalidParameter", "CreateListener", LoadBalancerId=six, Protocol="UDP",
            Ports=[both_free()], SessionType="QUIC_CID")
    api.change("DeleteLoadBalancer", LoadBalancerIds=[six])


@pytest.mark.parametrize("fields", [
    {"SessionExpireTime": 60}, {"Scheduler": "LEAST_CONN"}, {"IdleConnectTimeout": 900},
    {"DeregisterTargetRst": True}, {"RescheduleInterval": 1}, {"ProxyProtocol": True},
    {"UdpResponses": 1}, {"HealthCheck": {"HealthSwitch": 1}},
])
def test_http_listeners_have_none_of_it(api, balancer, fields):
    refused(api, "InvalidParameter", "CreateListener", LoadBalancerId=balancer, Protocol="HTTP",
            Ports=[both_free()], **fields)
    assert describe(api, balancer) == []


def test_several_ports_and_names(api, balancer):
    ports = [both_free() for _ in range(3)]
    made = api.change("CreateListener", LoadBalancerId=balancer, Protocol="UDP", Ports=ports,
                      ListenerNames=["a", "b", "c"], IdleConnectTimeout=20)["ListenerIds"]
    assert len(set(made)) == 3
    for identity, port, name in zip(made, ports, "abc"):
        found = describe(api, balancer, identity)
        assert (found["Port"], found["ListenerName"]) == (port, name)
        assert found["IdleConnectTimeout"] == 20
    assert len(api.call("DescribeListeners", LoadBalancerId=balancer, Protocol="UDP",
                        Port=ports[1])["Listeners"]) == 1
    refused(api, "InvalidParameter.ListenerIdNotFound", "DeleteLoadBalancerListeners",
            LoadBalancerId=balancer, ListenerIds=[made[0], "lbl-00000000"])
    refused(api, "InvalidParameterValue.Length", "DeleteLoadBalancerListeners",
            LoadBalancerId=balancer, ListenerIds=[])
    assert len(describe(api, balancer)) == 3
    api.change("DeleteLoadBalancerListeners", LoadBalancerId=balancer, ListenerIds=made[:2])
    assert [listener["ListenerId"] for listener in describe(api, balancer)] == made[2:]
    api.change("DeleteLoadBalancerListeners", LoadBalancerId=balancer)
    assert describe(api, balancer) == []


def test_two_spaces_of_ports(setia, api, balancer):
    port = both_free()
    create(api, balancer, "TCP", port)
    create(api, balancer, "UDP", port)
    same, any_ = setia.load_balancer(), setia.load_balancer(Vip="0.0.0.0")
    other = setia.load_balancer(Vip="127.0.0.2")
    for identity in (balancer, same, any_):
        for protocol in ("TCP", "UDP", "HTTP"):
            error = refused(api, "InvalidParameter.PortCheckFailed", "CreateListener",
                            LoadBalancerId=identity, Protocol=protocol, Ports=[both_free(), port])
            assert str(port) in error.message
    assert describe(api, same) == [] and describe(api, any_) == []
    create(api, other, "HTTP", port)
    refused(api, "InvalidParameter.PortCheckFailed", "CreateListener", LoadBalancerId=other,
            Protocol="TCP", Ports=[port])
    create(api, other, "UDP", port)
    api.change("DeleteLoadBalancer", LoadBalancerIds=[same, any_, other])


# Servers


def target(last, port=80, **fields):
    return {"EniIp": f"10.0.0.{last}", "Port": port, **fields}


def bound(api, balancer, listener):
    [found] = api.call("DescribeTargets", LoadBalancerId=balancer,
                       ListenerIds=[listener])["Listeners"]
    assert found["Rules"] is None
    return {(backend["PrivateIpAddresses"][0], backend["Port"]): backend
            for backend in found["Targets"]}


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_servers_are_bound_to_the_listener(api, balancer, protocol):
    identity = create(api, balancer, protocol)
    ids = {"LoadBalancerId": balancer, "ListenerId": identity}
    api.change("RegisterTargets", **ids, Targets=[
        target(1), target(2, Weight=0, Tag="t"), {"EniIp": "2001:DB8::1", "Port": 81}])
    found = bound(api, balancer, identity)
    assert set(found) == {("10.0.0.1", 80), ("10.0.0.2", 80), ("2001:db8::1", 81)}
    assert [backend["Weight"] for backend in found.values()] == [10, 0, 10]
    assert found["10.0.0.2", 80]["Tag"] == "t" and found["10.0.0.1", 80]["Type"] == "ENI"
    api.change("ModifyTargetWeight", **ids, Targets=[target(1), target(2, Weight=1)], Weight=100)
    api.change("ModifyTargetPort", **ids, Targets=[target(1)], NewPort=90)
    api.change("RegisterTargets", **ids, Targets=[{"EniIp": "2001:db8::1", "Port": 81,
                                                   "Weight": 3}])
    weights = {key: backend["Weight"] for key, backend in bound(api, balancer, identity).items()}
    assert weights == {("10.0.0.1", 90): 100, ("10.0.0.2", 80): 1, ("2001:db8::1", 81): 3}
    for filters, count in (([{"Name": "private-ip-address", "Values": ["10.0.0.2"]}], 1),
                           ([{"Name": "tag", "Values": ["t"]}], 1),
                           ([{"Name": "tag", "Values": ["x"]}], 0),
                           ([{"Name": "location-id", "Values": ["loc-00000000"]}], 0)):
        listeners = api.call("DescribeTargets", LoadBalancerId=balancer, Filters=filters)
        assert len(listeners["Listeners"]) == count, filters
        if count:
            assert len(listeners["Listeners"][0]["Targets"]) == 1
    assert api.call("DescribeLoadBalancers", BackendPrivateIps=["10.0.0.2"],
                    LoadBalancerIds=[balancer])["TotalCount"] == 1
    [counted] = api.call("DescribeLoadBalancers", LoadBalancerIds=[balancer],
                         AdditionalFields=["TargetCount"])["LoadBalancerSet"]
    assert counted["TargetCount"] == 3
    api.change("DeregisterTargets", **ids, Targets=[target(1, 90), target(2)])
    assert list(bound(api, balancer, identity)) == [("2001:db8::1", 81)]
    api.change("DeleteListener", **ids)


def test_servers_that_are_refused(api, balancer):
    identity = create(api, balancer, "TCP")
    ids = {"LoadBalancerId": balancer, "ListenerId": identity}
    api.change("RegisterTargets", **ids, Targets=[target(1), target(1, 81)])
    before = bound(api, balancer, identity)
    for action in ("RegisterTargets", "DeregisterTargets", "ModifyTargetWeight"):
        refused(api, "InvalidParameter.LocationNotFound", action, **ids,
                LocationId="loc-00000000", Targets=[target(1)])
        refused(api, "InvalidParameter.LocationNotFound", action, **ids, Url="/",
                Targets=[target(1)])
    for fields, code in [
        ([], "InvalidParameterValue.Length"),
        ([target(9) for _ in range(2)], "InvalidParameterValue.Duplicate"),
        ([target(n) for n in range(2, 23)], "InvalidParameterValue.Length"),
        ([target(2), target(3, 0)], "InvalidParameterValue"),
        ([target(2), target(3, Weight=101)], "InvalidParameterValue"),
        ([target(2), {"EniIp": "x", "Port": 1}], "InvalidParameter.FormatError"),
        ([target(2), {"EniIp": "224.0.0.1", "Port": 1}], "InvalidParameterValue"),
        ([target(2), {"Port": 1}], "MissingParameter"),
        ([target(2), {"InstanceId": "ins-1", "Port": 1}], "UnsupportedOperation"),
    ]:
        refused(api, code, "RegisterTargets", **ids, Targets=fields)
    refused(api, "InvalidParameter", "DeregisterTargets", **ids, Targets=[target(1), target(7)])
    refused(api, "InvalidParameter", "ModifyTargetWeight", **ids, Targets=[target(1), target(7)],
            Weight=1)
    refused(api, "InvalidParameterValue.Duplicate", "ModifyTargetPort", **ids,
            Targets=[target(1)], NewPort=81)
    refused(api, "InvalidParameter.ProtocolCheckFailed", "CreateRule", **ids,
            Rules=[{"Url": "/"}])
    refused(api, "InvalidParameter.ProtocolCheckFailed", "DeleteRule", **ids, Url="/")
    assert bound(api, balancer, identity) == before


def test_quota_of_servers(api, balancer):
    one, two = create(api, balancer, "TCP"), create(api, balancer, "UDP")
    for listener in (one, two):
        for third in range(5):
            api.call("RegisterTargets", LoadBalancerId=balancer, ListenerId=listener, Targets=[
                {"EniIp": f"10.0.{third}.{n}", "Port": 80} for n in range(1, 21)])
        refused(api, "LimitExceeded", "RegisterTargets", LoadBalancerId=balancer,
                ListenerId=listener, Targets=[{"EniIp": "10.1.0.1", "Port": 80}])
        api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=listener,
                   Targets=[{"EniIp": "10.0.0.1", "Port": 80, "Weight": 1}])
        assert len(bound(api, balancer, listener)) == 100


def test_health_is_told_as_far_as_it_is_known(setia, api, balancer):
    checked = create(api, balancer, "TCP")
    closed = create(api, balancer, "UDP", HealthCheck={"HealthSwitch": 0})
    for listener in (checked, closed):
        api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=listener,
                   Targets=[target(1, Weight=7)])
    [found] = api.call("DescribeTargetHealth", LoadBalancerIds=[balancer])["LoadBalancers"]
    assert found["LoadBalancerId"] == balancer
    for listener, healthy, detail in zip(found["Listeners"], (False, True), ("Unknown", "Close")):
        [rule] = listener["Rules"]
        assert (rule["LocationId"], rule["Domain"], rule["Url"]) == (None, None, None)
        [server] = rule["Targets"]
        assert (server["IP"], server["Port"], server["Weight"]) == ("10.0.0.1", 80, 7)
        assert server["HealthStatus"] is healthy
        assert server["HealthStatusDetail"] == server["HealthStatusDetial"] == detail
    [found] = api.call("DescribeTargetHealth", LoadBalancerIds=[balancer],
                       ListenerIds=[closed])["LoadBalancers"]
    assert [listener["ListenerId"] for listener in found["Listeners"]] == [closed]
    refused(api, "InvalidParameter.LBIdNotFound", "DescribeTargetHealth",
            LoadBalancerIds=[balancer, "lb-00000000"])
    refused(api, "InvalidParameterValue.Length", "DescribeTargetHealth",
            LoadBalancerIds=[balancer] * 31)


def test_what_the_api_says_reaches_the_traffic(api, balancer, pair):
    """HTTP servers behind a TCP listener: bound, kept by address, spread when that ends (SP-50)."""
    port = both_free()
    identity = create(api, balancer, "TCP", port, SessionExpireTime=60)
    ids = {"LoadBalancerId": balancer, "ListenerId": identity}
    api.change("RegisterTargets", **ids, Targets=[server.target for server in pair])
    assert len({fetch(port).text for _ in range(6)}) == 1
    api.change("ModifyListener", **ids, SessionExpireTime=0)
    assert {fetch(port).text for _ in range(4)} == {"one", "two"}
    api.change("ModifyTargetWeight", **ids, Targets=[pair[0].target], Weight=0)
    assert {fetch(port).text for _ in range(4)} == {"two"}
    api.change("DeleteListener", **ids)
    until(lambda: not accepts(port), 2, "the port to be closed")


# Kept, and in the books


def test_restart_keeps_all_of_it_and_refusals_are_audited(make_setia):
    setia = make_setia().start()
    balancer = setia.load_balancer()
    ids = [create(setia.api, balancer, protocol, **SETTINGS[protocol])
           for protocol in ("TCP", "UDP")]
    for identity in ids:
        setia.api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=identity,
                         Targets=[target(1), {"EniIp": "::1", "Port": 81, "Weight": 0}])
    before = describe(setia.api, balancer)
    servers = [bound(setia.api, balancer, identity) for identity in ids]
    codes = {}
    for fields in ({"MaxConn": 0}, {"MaxConn": "1"}, {"Nonsense": 1}):
        with pytest.raises(ApiError) as error:
            setia.api.call("ModifyListener", LoadBalancerId=balancer, ListenerId=ids[0], **fields)
        codes[error.value.request_id] = error.value.code
    broken = setia.api.raw("ModifyListener", b'{"LoadBalancerId":')
    codes[broken.response["RequestId"]] = broken.code
    setia.stop()
    with contextlib.closing(sqlite3.connect(
            f"file:{os.path.join(setia.data, 'setia.db')}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT request_id, action, result FROM audit").fetchall()
    for request, code in codes.items():
        assert (request, "ModifyListener", code) in rows
    setia.start()
    assert describe(setia.api, balancer) == before
    assert [bound(setia.api, balancer, identity) for identity in ids] == servers
    setia.stop()


# Files and the SDK, whose clocks are the machine's


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    setia = Setia(tmp_path_factory.mktemp("l4"))
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


def apply(setia, path, text, *options):
    path.write_text(text)
    return command("apply", str(path), "--api", f"http://127.0.0.1:{setia.port}", "--data",
                   setia.data, *options)


FILE = """LoadBalancers:
- LoadBalancerName: %(name)s
  Vip: 127.0.0.1
  Listeners:
  - Protocol: TCP
    Port: %(port)d
    SessionExpireTime: %(session)d
    MaxConn: 100
    ProxyProtocol: true
    RescheduleExpandTarget: true
    HealthCheck: {CheckType: CUSTOM, ContextType: TEXT, SendContext: a, RecvContext: b}
    Targets:
    - {EniIp: 10.0.0.1, Port: 80}
    - {EniIp: "2001:db8::1", Port: 81, Weight: 20, Tag: six}
  - Protocol: UDP
    Port: %(port)d
    Scheduler: LEAST_CONN
    IdleConnectTimeout: 10
    UdpResponses: 1
    HealthCheck: {HealthSwitch: 0}
    Targets:
    - {EniIp: 10.0.0.1, Port: 53}
"""


def balancer_called(setia, name):
    [found] = setia.api.call("DescribeLoadBalancers", LoadBalancerName=name)["LoadBalancerSet"]
    return found["LoadBalancerId"]


def test_a_file_makes_changes_and_repeats(plain, tmp_path):
    path = tmp_path / "l4.yaml"
    values = {"name": "four", "port": both_free(), "session": 60}
    dry = apply(plain, path, FILE % values, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert f"+ listener TCP:{values['port']} in four" in dry.stdout
    assert f"+ target [2001:db8::1]:81 weight 20 in four TCP:{values['port']}" in dry.stdout
    assert is_port_free(values["port"])
    done = apply(plain, path, FILE % values)
    assert done.returncode == 0, done.stderr
    balancer = balancer_called(plain, "four")
    tcp, udp = describe(plain.api, balancer)
    assert (tcp["SessionExpireTime"], tcp["MaxConn"]) == (60, 100)
    assert tcp["AttrFlags"] == ["ProxyProtocol", "RescheduleExpandTarget"]
    assert tcp["HealthCheck"]["SendContext"] == "a"
    assert (udp["Scheduler"], udp["IdleConnectTimeout"], udp["UdpResponses"]) == (
        "LEAST_CONN", 10, 1)
    assert udp["HealthCheck"]["HealthSwitch"] == 0
    again = apply(plain, path, FILE % values)
    assert again.returncode == 0 and again.stdout.startswith("0 changes"), again.stdout
    # What the API changed since is changed back; a field left out has its default again.
    plain.api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=tcp["ListenerId"],
                     MaxCps=5, HealthCheck={"CheckPort": 99})
    done = apply(plain, path, (FILE % values).replace("    UdpResponses: 1\n", ""))
    assert "MaxCps 5 -> -1, HealthCheck" in done.stdout, done.stdout
    assert "UdpResponses 1 -> 0" in done.stdout, done.stdout
    now = describe(plain.api, balancer)
    assert now[0] == tcp and now[1] == {**udp, "UdpResponses": 0}
    # Another protocol on the port is another listener.
    done = apply(plain, path, f"""LoadBalancers:
- LoadBalancerName: four
  Vip: 127.0.0.1
  Listeners:
  - {{Protocol: HTTP, Port: {values['port']}}}
""")
    assert done.returncode == 0, done.stderr
    [only] = describe(plain.api, balancer)
    assert only["Protocol"] == "HTTP" and only["ListenerId"] != tcp["ListenerId"]


@pytest.mark.parametrize("before, after, line, field", [
    ("SessionExpireTime: 60", "SessionExpireTime: 29", 7, "SessionExpireTime"),
    ("SessionExpireTime: 60", "IdleConnectTimeout: 300", 7, "IdleConnectTimeout"),
    ("SessionExpireTime: 60", "UdpResponses: 1", 7, "UdpResponses"),
    ("SessionExpireTime: 60", "Rules: [{Url: /}]", 7, "Rules"),
    ("IdleConnectTimeout: 10", "ProxyProtocol: true", 18, "ProxyProtocol"),
    ("IdleConnectTimeout: 10", "SessionExpireTime: 60", 18, "SessionExpireTime"),
    ("UdpResponses: 1", "SessionType: QUIC_CID", 19, "SessionType"),
    ("{HealthSwitch: 0}", "{CheckType: HTTP}", 20, "HealthCheck.CheckType"),
    ("Port: 53", "Port: 0", 22, "Targets[0].Port"),
])
def test_a_file_is_refused_whole(plain, tmp_path, before, after, line, field):
    path = tmp_path / "bad.yaml"
    text = FILE % {"name": "bad", "port": both_free(), "session": 60}
    assert before in text
    done = apply(plain, path, text.replace(before, after))
    assert done.returncode == 1, done.stdout
    found = re.search(r"bad\.yaml:(\d+):", done.stderr)
    assert found and int(found.group(1)) == line, done.stderr
    assert field in done.stderr
    assert plain.api.call("DescribeLoadBalancers", LoadBalancerName="bad")["TotalCount"] == 0


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_sdk_drives_it(plain, method):
    sdk = Sdk(plain)

    def call(action, **params):
        return sdk.call(action, method, **params)

    try:
        made = call("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1")
        [balancer] = made["LoadBalancerIds"]
        sdk.wait(made, method)
        for protocol, settings in SETTINGS.items():
            made = call("CreateListener", LoadBalancerId=balancer, Protocol=protocol,
                        Ports=[both_free()], **settings)
            sdk.wait(made, method)
            [listener] = made["ListenerIds"]
            ids = {"LoadBalancerId": balancer, "ListenerId": listener}
            [found] = call("DescribeListeners", LoadBalancerId=balancer,
                           ListenerIds=[listener])["Listeners"]
            assert_shown(found, settings)
            sdk.wait(call("ModifyListener", **ids, MaxConn=-1, RescheduleUnhealthy=False), method)
            [found] = call("DescribeListeners", LoadBalancerId=balancer,
                           ListenerIds=[listener])["Listeners"]
            assert_shown(found, {**settings, "MaxConn": -1, "RescheduleUnhealthy": False})
            sdk.wait(call("RegisterTargets", **ids, Targets=[target(1), target(2)]), method)
            sdk.wait(call("ModifyTargetWeight", **ids, Targets=[target(1)], Weight=0), method)
            sdk.wait(call("DeregisterTargets", **ids, Targets=[target(2)]), method)
            [found] = call("DescribeTargets", LoadBalancerId=balancer,
                           ListenerIds=[listener])["Listeners"]
            assert [backend["Weight"] for backend in found["Targets"]] == [0]
        [found] = call("DescribeTargetHealth", LoadBalancerIds=[balancer])["LoadBalancers"]
        assert len(found["Listeners"]) == 2
        sdk.wait(call("DeleteLoadBalancerListeners", LoadBalancerId=balancer), method)
        sdk.wait(call("DeleteLoadBalancer", LoadBalancerIds=[balancer]), method)
    finally:
        sdk.stop()


@pytest.mark.parametrize("protocol, kind", [("TCP", socket.SOCK_STREAM), ("UDP", socket.SOCK_DGRAM)])
def test_a_port_that_another_program_has(plain, protocol, kind):
    api, port = plain.api, both_free()
    balancer = plain.load_balancer()
    with socket.socket(type=kind) as holder:
        holder.bind(("127.0.0.1", port))
        if protocol == "TCP":
            holder.listen()
        made = api.call("CreateListener", LoadBalancerId=balancer, Protocol=protocol, Ports=[port])
        task = api.wait(made["RequestId"], status=1)
        assert str(port) in task["Message"]
        assert describe(api, balancer, made["ListenerIds"][0])["BindError"]
    api.change("DeleteLoadBalancer", LoadBalancerIds=[balancer])
