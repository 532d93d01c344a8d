# SPDX-License-Identifier: Apache-2.0
"""Each action's happy path and its refusals, as the API contract states them."""

import re

import pytest

from lib.api import ApiError
from lib.wait import free_port

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")


@pytest.fixture
def api(setia):
    return setia.api


def refused(api, code, action, **fields):
    with pytest.raises(ApiError) as error:
        api.call(action, **fields)
    codes = (code,) if isinstance(code, str) else code
    assert error.value.code in codes, f"{action} {fields}: {error.value}"
    assert error.value.message
    return error.value


@pytest.fixture
def balancer(setia):
    made = setia.borrow_balancer()
    yield made
    setia.return_balancer(made)


# Instances


def test_create_describe_modify_delete_load_balancer(api):
    made = api.change("CreateLoadBalancer", LoadBalancerType="INTERNAL", LoadBalancerName="first",
                      Vip="127.0.0.1", Forward=1, VpcId="vpc-1", SubnetId="subnet-1", ProjectId=7,
                      Tags=[{"TagKey": "a", "TagValue": "b"}], AddressIPVersion="ipv4")
    [identity] = made["LoadBalancerIds"]
    assert re.fullmatch(r"lb-[a-z0-9]{8}", identity)
    assert "DealName" in made
    found = api.call("DescribeLoadBalancers", LoadBalancerIds=[identity])
    assert found["TotalCount"] == 1
    [balancer] = found["LoadBalancerSet"]
    assert balancer["LoadBalancerId"] == identity
    assert balancer["LoadBalancerName"] == "first"
    assert balancer["LoadBalancerType"] == "INTERNAL"
    assert balancer["LoadBalancerVips"] == ["127.0.0.1"]
    assert balancer["AddressIPVersion"] == "ipv4"
    assert (balancer["Forward"], balancer["Status"], balancer["ProjectId"]) == (1, 1, 7)
    assert (balancer["VpcId"], balancer["SubnetId"]) == ("vpc-1", "subnet-1")
    assert balancer["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert TIME.match(balancer["CreateTime"])
    assert balancer["ChargeType"] == "POSTPAID_BY_HOUR" and balancer["IsBlock"] is False
    for name in ("Domain", "LoadBalancerDomain", "StatusTime", "Snat", "Isolation", "SecureGroups",
                 "NetworkAttributes", "ConfigId", "LoadBalancerPassToTarget", "SlaType",
                 "AttributeFlags", "Exclusive", "LogSetId", "LogTopicId"):
        assert name in balancer, name
    api.change("ModifyLoadBalancerAttributes", LoadBalancerId=identity, LoadBalancerName="second",
               DeleteProtect=True)
    [balancer] = api.call("DescribeLoadBalancers", LoadBalancerIds=[identity])["LoadBalancerSet"]
    assert balancer["LoadBalancerName"] == "second"
    assert "DeleteProtect" in balancer["AttributeFlags"]
    refused(api, ("FailedOperation", "OperationDenied"), "DeleteLoadBalancer",
            LoadBalancerIds=[identity])
    api.change("ModifyLoadBalancerAttributes", LoadBalancerId=identity, DeleteProtect=False)
    api.change("DeleteLoadBalancer", LoadBalancerIds=[identity])
    assert api.call("DescribeLoadBalancers", LoadBalancerIds=[identity])["TotalCount"] == 0
    refused(api, "InvalidParameter.LBIdNotFound", "DeleteLoadBalancer", LoadBalancerIds=[identity])
    refused(api, "InvalidParameter.LBIdNotFound", "DescribeListeners", LoadBalancerId=identity)


@pytest.mark.parametrize("fields, code", [
    ({"LoadBalancerType": None}, "MissingParameter"),
    ({"LoadBalancerType": "PUBLIC"}, "InvalidParameterValue"),
    ({"LoadBalancerType": 5}, "InvalidParameter"),
    ({"Forward": 0}, "InvalidParameterValue"),
    ({"LoadBalancerName": ""}, ("InvalidParameterValue.Length", "InvalidParameterValue")),
    ({"LoadBalancerName": "x" * 81}, "InvalidParameterValue.Length"),
    ({"LoadBalancerName": "a\nb"}, "InvalidParameterValue"),
    ({"LoadBalancerName": "\U0001F600"}, "InvalidParameterValue"),
    ({"Number": 0}, "InvalidParameterValue.Range"),
    ({"Number": 21}, "InvalidParameterValue.Range"),
    ({"Vip": "127.0.0"}, "InvalidParameter.FormatError"),
    ({"Vip": "x"}, "InvalidParameter.FormatError"),
    ({"Vip": "192.0.2.1"}, "ResourceInsufficient"),
    ({"AddressIPVersion": "IPV6"}, "UnsupportedOperation"),
    ({"AddressIPVersion": "IPV5"}, "InvalidParameterValue"),
    ({"Tags": [{"TagKey": str(n), "TagValue": "v"} for n in range(21)]},
     "InvalidParameterValue.Length"),
    ({"Tags": [{"TagKey": "k"}]}, "MissingParameter"),
    ({"InternetAccessible": {"InternetMaxBandwidthOut": 0}}, "InvalidParameterValue.Range"),
    ({"MasterZoneId": "zone-1"}, "UnsupportedOperation"),
    ({"SnatPro": True}, "UnsupportedOperation"),
    ({"SnatPro": False}, None),
    ({"LBChargeType": "PREPAID"}, "UnsupportedOperation"),
    ({"ExclusiveCluster": {"L4Clusters": []}}, ("UnsupportedOperation", None)),
    ({"Nonsense": 1}, "UnknownParameter"),
    ({"InternetAccessible": {"Nonsense": 1}}, "UnknownParameter"),
])
def test_create_load_balancer_checks(api, fields, code):
    before = api.call("DescribeLoadBalancers")["TotalCount"]
    fields = {"LoadBalancerType": "OPEN", "Vip": "127.0.0.1", **fields}
    if code is None or isinstance(code, tuple) and None in code:
        try:
            made = api.change("CreateLoadBalancer", **fields)
            api.change("DeleteLoadBalancer", LoadBalancerIds=made["LoadBalancerIds"])
        except ApiError as error:
            assert code and error.code in code
    else:
        refused(api, code, "CreateLoadBalancer", **fields)
    assert api.call("DescribeLoadBalancers")["TotalCount"] == before


def test_used_names_are_replaced_and_number_makes_several(api):
    one = api.change("CreateLoadBalancer", LoadBalancerType="OPEN", LoadBalancerName="same",
                     Vip="127.0.0.1")["LoadBalancerIds"]
    many = api.change("CreateLoadBalancer", LoadBalancerType="OPEN", LoadBalancerName="same",
                      Vip="127.0.0.1", Number=3)["LoadBalancerIds"]
    assert len(set(many + one)) == 4
    found = api.call("DescribeLoadBalancers", LoadBalancerIds=one + many)["LoadBalancerSet"]
    names = [balancer["LoadBalancerName"] for balancer in found]
    assert len(set(names)) == 4 and names.count("same") == 1
    api.change("DeleteLoadBalancer", LoadBalancerIds=one + many)


def test_describe_load_balancers_filters_and_pages(api):
    made = [api.call("CreateLoadBalancer", LoadBalancerType=kind, LoadBalancerName=name,
                     Vip=vip)["LoadBalancerIds"][0]
            for kind, name, vip in (("OPEN", "page-a", "127.0.0.1"),
                                    ("OPEN", "page-b", "127.0.0.2"),
                                    ("INTERNAL", "page-c", "127.0.0.1"))]

    def names(**fields):
        found = api.call("DescribeLoadBalancers", **fields)
        return [balancer["LoadBalancerName"] for balancer in found["LoadBalancerSet"]
                if balancer["LoadBalancerName"].startswith("page-")]

    try:
        assert sorted(names()) == ["page-a", "page-b", "page-c"]
        assert sorted(names(LoadBalancerType="OPEN")) == ["page-a", "page-b"]
        assert names(LoadBalancerName="page-b") == ["page-b"]
        assert names(LoadBalancerVips=["127.0.0.2"]) == ["page-b"]
        assert names(SearchKey=made[2]) == ["page-c"]
        assert sorted(names(LoadBalancerIds=made[:2])) == ["page-a", "page-b"]
        assert names(LoadBalancerIds=["lb-00000000"]) == []
        ordered = names(OrderBy="LoadBalancerName", OrderType=0, LoadBalancerIds=made)
        assert ordered == ["page-a", "page-b", "page-c"]
        assert names(OrderBy="LoadBalancerName", OrderType=1, LoadBalancerIds=made) == ordered[::-1]
        page = api.call("DescribeLoadBalancers", LoadBalancerIds=made, OrderType=0,
                        OrderBy="LoadBalancerName", Offset=1, Limit=1)
        assert page["TotalCount"] == 3
        assert [row["LoadBalancerName"] for row in page["LoadBalancerSet"]] == ["page-b"]
        refused(api, "InvalidParameterValue.Range", "DescribeLoadBalancers", Limit=101)
        refused(api, "InvalidParameterValue.Length", "DescribeLoadBalancers",
                LoadBalancerIds=["lb-00000000"] * 21)
        refused(api, ("InvalidParameterValue.InvalidFilter", "InvalidParameterValue"),
                "DescribeLoadBalancers", Filters=[{"Name": "nonsense", "Values": ["x"]}])
    finally:
        api.change("DeleteLoadBalancer", LoadBalancerIds=made)


def test_delete_load_balancer_is_all_or_nothing(api, balancer):
    refused(api, "InvalidParameter.LBIdNotFound", "DeleteLoadBalancer",
            LoadBalancerIds=[balancer, "lb-00000000"])
    assert api.call("DescribeLoadBalancers", LoadBalancerIds=[balancer])["TotalCount"] == 1
    refused(api, "InvalidParameterValue.Length", "DeleteLoadBalancer", LoadBalancerIds=[])
    refused(api, "InvalidParameterValue.Length", "DeleteLoadBalancer",
            LoadBalancerIds=["lb-00000000"] * 21)


def test_delete_guard_for_many_targets(setia, api):
    site = setia.site([{"EniIp": "127.0.0.1", "Port": port} for port in range(1, 21)])
    refused(api, "FailedOperation.TargetNumCheckRisk", "DeleteLoadBalancer",
            LoadBalancerIds=[site.load_balancer])
    site.delete()


def test_delete_guard_for_many_deletions(make_setia, own_clock):
    """Thirty in five minutes, whatever ForceDelete says."""
    setia = make_setia(clock=own_clock).start()
    made = setia.api.change("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1",
                            Number=20)["LoadBalancerIds"]
    more = setia.api.change("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1",
                            Number=12)["LoadBalancerIds"]
    setia.api.change("DeleteLoadBalancer", LoadBalancerIds=made)
    for identity in more[:10]:
        setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[identity])
    for force in (False, True):
        refused(setia.api, "FailedOperation.FrequencyCheckRisk", "DeleteLoadBalancer",
                LoadBalancerIds=[more[10]], ForceDelete=force)
    own_clock.advance(301)
    setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[more[10]])
    setia.stop()


# Listeners


def test_create_describe_modify_delete_listener(api, balancer):
    ports = [free_port(), free_port()]
    made = api.change("CreateListener", LoadBalancerId=balancer, Ports=ports, Protocol="HTTP",
                      ListenerNames=["first", "second"])
    assert all(re.fullmatch(r"lbl-[a-z0-9]{8}", identity) for identity in made["ListenerIds"])
    found = api.call("DescribeListeners", LoadBalancerId=balancer)
    assert found["TotalCount"] == 2
    by_id = {listener["ListenerId"]: listener for listener in found["Listeners"]}
    for identity, port, name in zip(made["ListenerIds"], ports, ["first", "second"]):
        listener = by_id[identity]
        assert (listener["Port"], listener["ListenerName"]) == (port, name)
        assert (listener["Protocol"], listener["EndPort"], listener["SniSwitch"]) == ("HTTP", 0, 0)
        assert listener["Rules"] == [] and listener["KeepaliveEnable"] == 1
        assert listener["SessionExpireTime"] == 0 and listener["BindError"] is None
        assert TIME.match(listener["CreateTime"])
        for field in ("Certificate", "HealthCheck", "Scheduler", "SessionType", "TargetType",
                      "TargetGroup", "AttrFlags", "MaxConn", "MaxCps", "IdleConnectTimeout", "Toa",
                      "DeregisterTargetRst", "TargetGroupList", "DataCompressMode"):
            assert field in listener, field
    first, second = made["ListenerIds"]
    api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=first, ListenerName="new",
               KeepaliveEnable=0)
    [listener] = api.call("DescribeListeners", LoadBalancerId=balancer, ListenerIds=[first]
                          )["Listeners"]
    assert (listener["ListenerName"], listener["KeepaliveEnable"]) == ("new", 0)
    api.change("ModifyListener", LoadBalancerId=balancer, ListenerId=first)
    assert api.call("DescribeListeners", LoadBalancerId=balancer, Port=ports[1], Protocol="HTTP"
                    )["Listeners"][0]["ListenerId"] == second
    assert api.call("DescribeListeners", LoadBalancerId=balancer, Protocol="TCP")["TotalCount"] == 0
    assert api.call("DescribeListeners", LoadBalancerId=balancer, ListenerIds=["lbl-00000000"]
                    )["Listeners"] == []
    api.change("DeleteListener", LoadBalancerId=balancer, ListenerId=first)
    refused(api, "InvalidParameter.ListenerIdNotFound", "DeleteListener", LoadBalancerId=balancer,
            ListenerId=first)
    refused(api, ("InvalidParameter.ListenerIdNotFound", "InvalidParameter"), "ModifyListener",
            LoadBalancerId=balancer, ListenerId=first, ListenerName="x")


@pytest.mark.parametrize("fields, code", [
    ({"Ports": []}, "InvalidParameterValue.Length"),
    ({"Ports": [0]}, "InvalidParameterValue"),
    ({"Ports": [65536]}, "InvalidParameterValue"),
    ({"Ports": [20001, 20001]}, "InvalidParameter.PortCheckFailed"),
    ({"Ports": None}, "MissingParameter"),
    ({"Ports": 80}, "InvalidParameter"),
    ({"Protocol": "FTP"}, "InvalidParameterValue"),
    ({"Protocol": "HTTPS"}, "UnsupportedOperation"),
    ({"Protocol": "TCP_SSL"}, "UnsupportedOperation"),
    ({"Protocol": "QUIC"}, "UnsupportedOperation"),
    ({"Protocol": None}, "MissingParameter"),
    ({"ListenerNames": ["a", "b"]}, "InvalidParameterValue.Length"),
    ({"ListenerNames": ["x" * 81]}, "InvalidParameterValue.Length"),
    ({"HealthCheck": {"HealthSwitch": 1}}, "InvalidParameter"),
    ({"SessionExpireTime": 60}, "InvalidParameter"),
    ({"SessionExpireTime": 0}, None),
    ({"Scheduler": "IP_HASH"}, "InvalidParameterValue"),
    ({"KeepaliveEnable": 2}, "InvalidParameterValue"),
    ({"EndPort": 90}, "UnsupportedOperation"),
    ({"FullEndPorts": [90]}, "UnsupportedOperation"),
    ({"LoadBalancerId": "lb-00000000"}, "InvalidParameter.LBIdNotFound"),
    ({"Nonsense": 1}, "UnknownParameter"),
])
def test_create_listener_checks(api, balancer, fields, code):
    fields = {"LoadBalancerId": balancer, "Ports": [free_port()], "Protocol": "HTTP", **fields}
    if code is None:
        api.change("CreateListener", **fields)
        return
    refused(api, code, "CreateListener", **fields)
    assert api.call("DescribeListeners", LoadBalancerId=balancer)["TotalCount"] == 0


def test_ports_are_unique_per_address_across_instances(setia, api, balancer):
    port = free_port()
    api.change("CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="HTTP",
               ListenerNames=["holder"])
    same = setia.load_balancer()
    other = setia.load_balancer(Vip="127.0.0.2")
    everywhere = setia.load_balancer(Vip="0.0.0.0")
    try:
        for identity in (balancer, same, everywhere):
            error = refused(api, "InvalidParameter.PortCheckFailed", "CreateListener",
                            LoadBalancerId=identity, Ports=[free_port(), port], Protocol="HTTP")
            assert str(port) in error.message
        api.change("CreateListener", LoadBalancerId=other, Ports=[port], Protocol="HTTP")
        assert api.call("DescribeListeners", LoadBalancerId=same)["TotalCount"] == 0
    finally:
        api.change("DeleteLoadBalancer", LoadBalancerIds=[same, other, everywhere])


def test_default_vip_meets_everybody(make_setia, pair):
    setia = make_setia(arguments=["--default-vip", "127.0.0.3"]).start()
    made = setia.api.change("CreateLoadBalancer", LoadBalancerType="OPEN")
    [balancer] = setia.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
    assert balancer["LoadBalancerVips"] == ["127.0.0.3"]
    port = free_port()
    setia.api.change("CreateListener", LoadBalancerId=made["LoadBalancerIds"][0], Ports=[port],
                     Protocol="HTTP")
    from lib.wait import accepts
    assert accepts(port, "127.0.0.3") and not accepts(port, "127.0.0.1")
    setia.stop()


# Rules


def test_create_describe_modify_delete_rule(make_site, api):
    site = make_site(Domain="A.Example", Url="/x", SessionExpireTime=60, CookieName="route",
                     HealthCheck={"HealthSwitch": 1, "HttpCheckPath": "/health", "IntervalTime": 7})
    rule = site.describe_rule()
    assert re.fullmatch(r"loc-[a-z0-9]{8}", rule["LocationId"])
    assert rule["ListenerId"] == site.listener
    assert (rule["Domain"], rule["Url"]) == ("a.example", "/x")
    assert (rule["Scheduler"], rule["SessionExpireTime"]) == ("WRR", 60)
    assert (rule["CookieName"], rule["StripCookie"]) == ("route", False)
    assert rule["DefaultServer"] is True and rule["ForwardType"] == "HTTP"
    assert rule["HealthCheck"]["HttpCheckMethod"] in ("HEAD", "GET")
    assert rule["HealthCheck"]["HttpCheckPath"] == "/health"
    assert rule["HealthCheck"]["IntervalTime"] == 7 and rule["HealthCheck"]["HealthSwitch"] == 1
    assert TIME.match(rule["CreateTime"])
    for field in ("Certificate", "RewriteTarget", "HttpGzip", "BeAutoCreated", "Http2",
                  "TargetType", "TargetGroup", "TargetGroupList", "QuicStatus", "Domains",
                  "WafDomainId", "TrpcCallee", "TrpcFunc", "OAuth"):
        assert field in rule, field
    site.modify_rule(Url="/y", SessionExpireTime=0,
                     HealthCheck={"HealthSwitch": 0, "HttpCheckMethod": "GET"})
    rule = site.describe_rule()
    assert (rule["Url"], rule["SessionExpireTime"]) == ("/y", 0)
    assert rule["HealthCheck"]["HealthSwitch"] == 0
    assert rule["HealthCheck"]["HttpCheckMethod"] == "GET"
    api.change("DeleteRule", **site.ids, Domain="a.example", Url="/y")
    refused(api, "InvalidParameter.LocationNotFound", "ModifyRule", **site.ids,
            LocationId=site.rule, Url="/z")


def test_rules_are_created_together_or_not_at_all(make_site, api):
    site = make_site()
    made = api.change("CreateRule", **site.ids, Rules=[{"Url": "/a"}, {"Url": "/b"}, {"Url": "/c"}])
    assert len(set(made["LocationIds"])) == 3
    error = refused(api, "InvalidParameterValue", "CreateRule", **site.ids,
                    Rules=[{"Url": "/d"}, {"Url": "/e", "SessionExpireTime": 5}])
    assert "Rules[1].SessionExpireTime" in error.message or "Rules.1" in error.message
    rules = api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]
    assert sorted(rule["Url"] for rule in rules) == ["/", "/a", "/b", "/c"]


@pytest.mark.parametrize("rule, code", [
    ({"Url": None}, "MissingParameter"),
    ({"Url": 5}, "InvalidParameter"),
    ({"Scheduler": "IP_HASH", "SessionExpireTime": 60}, "InvalidParameter"),
    ({"Scheduler": "NONSENSE"}, "InvalidParameterValue"),
    ({"ForwardType": "TRPC"}, "UnsupportedOperation"),
    ({"ForwardType": "NONSENSE"}, "InvalidParameterValue"),
    ({"HealthCheck": {"TimeOut": 1}}, "InvalidParameterValue"),
    ({"HealthCheck": {"TimeOut": 9, "IntervalTime": 5}}, ("InvalidParameter",
                                                          "InvalidParameterValue")),
    ({"HealthCheck": {"HttpCode": 32}}, "InvalidParameterValue"),
    ({"HealthCheck": {"CheckType": "PING"}}, ("InvalidParameterValue", "InvalidParameter")),
    ({"HealthCheck": {"HttpCheckMethod": "POST"}}, "InvalidParameterValue"),
    ({"HealthCheck": {"SourceIpType": 1}}, "UnsupportedOperation"),
    ({"HealthCheck": {"Nonsense": 1}}, "UnknownParameter"),
    ({"Quic": True}, "UnsupportedOperation"),
    ({"TrpcCallee": "x"}, "UnsupportedOperation"),
    ({"TargetType": "TARGETGROUP-V2"}, "UnsupportedOperation"),
    ({"Nonsense": 1}, "UnknownParameter"),
])
def test_create_rule_checks(make_site, api, rule, code):
    site = make_site()
    refused(api, code, "CreateRule", **site.ids, Rules=[{"Url": "/new", **rule}])
    assert len(api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]) == 1


def test_delete_rule_forms(make_site, api):
    site = make_site(Domain="a.example", Url="/")
    for url in ("/a", "/b"):
        site.add_rule(Domain="b.example", Url=url)
    refused(api, "MissingParameter", "DeleteRule", **site.ids)
    refused(api, "InvalidParameter.LocationNotFound", "DeleteRule", **site.ids,
            LocationIds=["loc-00000000"])
    refused(api, "InvalidParameter.LocationNotFound", "DeleteRule", **site.ids,
            Domain="none.example")
    refused(api, "InvalidParameter.LocationNotFound", "DeleteRule", **site.ids, Domain="b.example",
            Url="/none")
    api.change("DeleteRule", **site.ids, Domain="b.example", Url="/a")
    api.change("DeleteRule", **site.ids, Domain="b.example")
    rules = api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]
    assert [rule["Domain"] for rule in rules] == ["a.example"]
    api.change("DeleteRule", **site.ids, LocationIds=[site.rule])


# Targets


def backends_of(site, location=None):
    found = site.api.call("DescribeTargets", LoadBalancerId=site.load_balancer)["Listeners"]
    for listener in found:
        for rule in listener["Rules"]:
            if rule["LocationId"] == (location or site.rule):
                return {(target["PrivateIpAddresses"][0], target["Port"]): target
                        for target in rule["Targets"]}
    return {}


def test_register_modify_deregister_targets(make_site, api):
    site = make_site(Domain="a.example", Url="/x")
    api.change("RegisterTargets", **site.ids, Domain="a.example", Url="/x", Targets=[
        {"EniIp": "127.0.0.1", "Port": 1001}, {"EniIp": "127.0.0.1", "Port": 1002, "Weight": 0,
                                              "Tag": "spare"},
        {"EniIp": "::1", "Port": 1003, "Weight": 100}])
    found = backends_of(site)
    assert {key: target["Weight"] for key, target in found.items()} == {
        ("127.0.0.1", 1001): 10, ("127.0.0.1", 1002): 0, ("::1", 1003): 100}
    for target in found.values():
        assert target["Type"] == "ENI" and TIME.match(target["RegisteredTime"])
        for field in ("InstanceId", "PublicIpAddresses", "InstanceName", "EniId", "Tag", "Zone"):
            assert field in target, field
    assert found[("127.0.0.1", 1002)]["Tag"] == "spare"
    # Bound already: a weight update.
    api.change("RegisterTargets", **site.ids, LocationId=site.rule,
               Targets=[{"EniIp": "127.0.0.1", "Port": 1001, "Weight": 33}])
    api.change("ModifyTargetWeight", **site.ids, LocationId=site.rule, Weight=44, Targets=[
        {"EniIp": "127.0.0.1", "Port": 1002}, {"EniIp": "::1", "Port": 1003, "Weight": 55}])
    api.change("ModifyTargetPort", **site.ids, LocationId=site.rule, NewPort=2002,
               Targets=[{"EniIp": "127.0.0.1", "Port": 1002}])
    assert {key: target["Weight"] for key, target in backends_of(site).items()} == {
        ("127.0.0.1", 1001): 33, ("127.0.0.1", 2002): 44, ("::1", 1003): 55}
    api.change("DeregisterTargets", **site.ids, LocationId=site.rule,
               Targets=[{"EniIp": "127.0.0.1", "Port": 1001}, {"EniIp": "::1", "Port": 1003}])
    assert list(backends_of(site)) == [("127.0.0.1", 2002)]
    found = api.call("DescribeTargets", LoadBalancerId=site.load_balancer)["Listeners"]
    assert (found[0]["ListenerId"], found[0]["Protocol"], found[0]["Port"]) == (
        site.listener, "HTTP", site.port)
    rule = found[0]["Rules"][0]
    assert (rule["LocationId"], rule["Domain"], rule["Url"]) == (site.rule, "a.example", "/x")


TARGET = {"EniIp": "127.0.0.1", "Port": 1001}


@pytest.mark.parametrize("action, fields, code", [
    ("RegisterTargets", {"Targets": []}, "InvalidParameterValue.Length"),
    ("RegisterTargets", {"Targets": [{**TARGET, "Port": port} for port in range(1, 22)]},
     "InvalidParameterValue.Length"),
    ("RegisterTargets", {"Targets": [TARGET, {**TARGET, "Weight": 5}]},
     "InvalidParameterValue.Duplicate"),
    ("RegisterTargets", {"Targets": [{"EniIp": "127.0.0.1"}]}, "MissingParameter"),
    ("RegisterTargets", {"Targets": [{"Port": 80}]}, ("MissingParameter", "InvalidParameter")),
    ("RegisterTargets", {"Targets": [{**TARGET, "Port": 0}]}, "InvalidParameterValue"),
    ("RegisterTargets", {"Targets": [{**TARGET, "Port": 65536}]}, "InvalidParameterValue"),
    ("RegisterTargets", {"Targets": [{**TARGET, "Weight": 101}]}, "InvalidParameterValue"),
    ("RegisterTargets", {"Targets": [{**TARGET, "Weight": -1}]}, "InvalidParameterValue"),
    ("RegisterTargets", {"Targets": [{**TARGET, "EniIp": "localhost"}]},
     "InvalidParameter.FormatError"),
    ("RegisterTargets", {"Targets": [{**TARGET, "EniIp": "0.0.0.0"}]},
     ("InvalidParameterValue", "InvalidParameter.FormatError", "InvalidParameter")),
    ("RegisterTargets", {"Targets": [{**TARGET, "EniIp": "224.0.0.1"}]},
     ("InvalidParameterValue", "InvalidParameter.FormatError", "InvalidParameter")),
    ("RegisterTargets", {"Targets": [{"InstanceId": "ins-1", "Port": 80}]}, "UnsupportedOperation"),
    ("RegisterTargets", {"Targets": [{**TARGET, "InstanceId": "ins-1"}]},
     ("InvalidParameter", "UnsupportedOperation")),
    ("RegisterTargets", {"LocationId": None, "Targets": [TARGET]}, "MissingParameter"),
    ("RegisterTargets", {"LocationId": "loc-00000000", "Targets": [TARGET]},
     "InvalidParameter.LocationNotFound"),
    ("RegisterTargets", {"ListenerId": "lbl-00000000", "Targets": [TARGET]},
     "InvalidParameter.ListenerIdNotFound"),
    ("DeregisterTargets", {"Targets": [{**TARGET, "Port": 9}]}, "InvalidParameter"),
    ("ModifyTargetWeight", {"Targets": [{**TARGET, "Port": 9}], "Weight": 5}, "InvalidParameter"),
    ("ModifyTargetWeight", {"Targets": [{"EniIp": "127.0.0.1", "Port": 1000}], "Weight": 101},
     "InvalidParameterValue"),
    ("ModifyTargetPort", {"Targets": [{"EniIp": "127.0.0.1", "Port": 1000}]}, "MissingParameter"),
    ("ModifyTargetPort", {"Targets": [{"EniIp": "127.0.0.1", "Port": 1000}], "NewPort": 0},
     "InvalidParameterValue"),
    ("ModifyTargetPort", {"Targets": [{"EniIp": "127.0.0.1", "Port": 1000}], "NewPort": 999},
     "InvalidParameterValue.Duplicate"),
])
def test_target_checks(make_site, api, action, fields, code):
    site = make_site([{"EniIp": "127.0.0.1", "Port": 1000}, {"EniIp": "127.0.0.1", "Port": 999}])
    before = backends_of(site)
    refused(api, code, action, **{**site.ids, "LocationId": site.rule, **fields})
    assert backends_of(site) == before


# Quotas


def test_quotas(api, make_site):
    found = {row["QuotaId"]: row for row in api.call("DescribeQuota")["QuotaSet"]}
    for name, limit in (("TOTAL_OPEN_CLB_QUOTA", 100), ("TOTAL_INTERNAL_CLB_QUOTA", 100),
                        ("TOTAL_LISTENER_QUOTA", 50), ("TOTAL_LISTENER_RULE_QUOTA", 50),
                        ("TOTAL_TARGET_BIND_QUOTA", 100)):
        assert found[name]["QuotaLimit"] == limit
        assert "QuotaCurrent" in found[name]
    site = make_site()
    api.change("CreateRule", **site.ids, Rules=[{"Url": f"/{n}"} for n in range(49)])
    refused(api, "LimitExceeded", "CreateRule", **site.ids, Rules=[{"Url": "/one-too-many"}])
    for first in range(1, 100, 20):
        api.change("RegisterTargets", **site.ids, LocationId=site.rule, Targets=[
            {"EniIp": "127.0.0.1", "Port": port} for port in range(first, first + 20)])
    refused(api, "LimitExceeded", "RegisterTargets", **site.ids, LocationId=site.rule,
            Targets=[{"EniIp": "127.0.0.1", "Port": 5000}])
    api.change("RegisterTargets", **site.ids, LocationId=site.rule,
               Targets=[{"EniIp": "127.0.0.1", "Port": 1, "Weight": 5}])


def test_listener_quota(api, balancer):
    ports = [free_port() for _ in range(50)]
    api.change("CreateListener", LoadBalancerId=balancer, Ports=ports, Protocol="HTTP")
    refused(api, "LimitExceeded", "CreateListener", LoadBalancerId=balancer, Ports=[free_port()],
            Protocol="HTTP")


def test_instance_quota(make_setia):
    setia = make_setia().start()
    for _ in range(5):
        setia.api.change("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1", Number=20)
    refused(setia.api, "LimitExceeded", "CreateLoadBalancer", LoadBalancerType="OPEN",
            Vip="127.0.0.1")
    setia.api.change("CreateLoadBalancer", LoadBalancerType="INTERNAL", Vip="127.0.0.1")
    assert setia.api.call("DescribeLoadBalancers", Limit=100)["TotalCount"] == 101
    setia.stop()


def test_everything_survives_a_restart(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair, weights=[3, 7], Domain="a.example", Url="=/x", SessionExpireTime=60,
                      CookieName="c", StripCookie=True, HealthCheck={"HealthSwitch": 0})
    setia.load_balancer(LoadBalancerName="other", Tags=[{"TagKey": "k", "TagValue": "v"}])

    def everything():
        balancers = setia.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
        return balancers, [(setia.api.call(action, LoadBalancerId=balancer["LoadBalancerId"])[
            "Listeners"]) for balancer in balancers
            for action in ("DescribeListeners", "DescribeTargets")]

    before = everything()
    setia.restart()
    assert everything() == before
    assert site.describe_rule()["CookieName"] == "c"
    setia.stop()
