# SPDX-License-Identifier: Apache-2.0
"""Target groups: servers that rules and TCP listeners share, changed under load and over restarts;
and servers of many listeners in one call."""

import time

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.load import Load
from lib.sdk import Sdk
from lib.setia import command
from lib.shape import must_issue, pair_of, servers
from lib.wait import SLOW, free_port, until
from lib.wire import fetch

CHECK = {"HealthSwitch": 1, "IntervalTime": 5, "TimeOut": 2, "HealthNum": 2, "UnHealthNum": 2}
OFF = {"HealthSwitch": 0}


def member(backend, **fields):
    return {"BindIP": "127.0.0.1", "Port": backend.port, **fields}


class Shared:
    """A group behind the rules / and /two of an HTTP listener and behind a TCP listener."""

    def __init__(self, setia, backends, checks=(OFF, OFF), **rule):
        self.setia, self.api = setia, setia.api
        self.port, self.tcp_port = free_port(), free_port()
        self.balancer = setia.borrow_balancer()
        ids = {"LoadBalancerId": self.balancer}
        self.listener = self.api.call("CreateListener", **ids, Ports=[self.port],
                                      Protocol="HTTP")["ListenerIds"][0]
        self.rules = self.api.call(
            "CreateRule", **ids, ListenerId=self.listener,
            Rules=[{"Url": url, "TargetType": "TARGETGROUP", "HealthCheck": check, **rule}
                   for url, check in zip(("/", "/two"), checks)])["LocationIds"]
        self.tcp = self.api.call("CreateListener", **ids, Ports=[self.tcp_port], Protocol="TCP",
                                 TargetType="TARGETGROUP", HealthCheck=OFF)["ListenerIds"][0]
        self.group = self.api.call(
            "CreateTargetGroup", TargetGroupName="pool",
            **({"TargetGroupInstances": [member(backend) for backend in backends]}
               if backends else {"Port": 80}))["TargetGroupId"]
        self.api.change("AssociateTargetGroups", Associations=self.associations)

    @property
    def associations(self):
        ids = {"LoadBalancerId": self.balancer, "TargetGroupId": self.group}
        return [*({**ids, "ListenerId": self.listener, "LocationId": rule} for rule in self.rules),
                {**ids, "ListenerId": self.tcp}]

    def change(self, action, *members):
        return self.api.change(action, TargetGroupId=self.group, TargetGroupInstances=members)

    def fetch(self, path="/", **options):
        return fetch(self.port, path, **options)

    def asked(self, port=None, path="/", count=8):
        return servers(fetch(port or self.port, path) for _ in range(count))

    def everywhere(self, expected, count=8):
        """All three that stand on the group share out `count` requests like this."""
        for port, path in ((self.port, "/"), (self.port, "/two"), (self.tcp_port, "/")):
            assert self.asked(port, path, count) == expected

    def described(self):
        listeners = self.api.call("DescribeTargets", LoadBalancerId=self.balancer)["Listeners"]
        return {owner.get("LocationId", listener["ListenerId"]):
                {target["Port"]: target["Weight"] for target in owner["Targets"]}
                for listener in listeners for owner in listener["Rules"] or [listener]}

    def health(self):
        (instance,) = self.api.call("DescribeTargetHealth",
                                    LoadBalancerIds=[self.balancer])["LoadBalancers"]
        return {rule["LocationId"]: [target["HealthStatusDetail"] for target in rule["Targets"]]
                for listener in instance["Listeners"] for rule in listener["Rules"]}

    def delete(self):
        self.setia.return_balancer(self.balancer)
        self.api.call("DeleteTargetGroups", TargetGroupIds=[self.group])


@pytest.fixture
def share(setia):
    made = []

    def make(backends, **fields):
        made.append(Shared(setia, backends, **fields))
        return made[-1]

    yield make
    for shared in made:
        shared.delete()


def test_two_rules_and_a_tcp_listener_share_a_group(share, pair, make_backend):
    shared, three = share(pair), make_backend("three")
    shared.everywhere({"one": 4, "two": 4})
    shared.change("RegisterTargetGroupInstances", member(three, Weight=20))
    shared.everywhere({"one": 2, "two": 2, "three": 4})
    shared.change("ModifyTargetGroupInstancesWeight", member(three, Weight=0))
    shared.everywhere({"one": 4, "two": 4})
    shared.change("DeregisterTargetGroupInstances", member(three), member(pair[1]))
    shared.everywhere({"one": 8})

    (group,) = shared.api.call("DescribeTargetGroups",
                               TargetGroupIds=[shared.group])["TargetGroupSet"]
    assert group["AssociatedRuleCount"] == 3 and group["RegisteredInstancesCount"] == 1
    assert [(item["ListenerId"], item["LocationId"], item["Protocol"], item["Port"], item["Url"])
            for item in group["AssociatedRule"]] == [
        (shared.listener, shared.rules[0], "HTTP", shared.port, "/"),
        (shared.listener, shared.rules[1], "HTTP", shared.port, "/two"),
        (shared.tcp, None, "TCP", shared.tcp_port, None)]
    with pytest.raises(ApiError) as caught:
        shared.api.call("DeleteTargetGroups", TargetGroupIds=[shared.group])
    assert caught.value.code == "FailedOperation"

    shared.api.change("DisassociateTargetGroups", Associations=shared.associations[1:])
    assert shared.asked() == {"one": 8}
    assert shared.fetch("/two").status == 503
    assert shared.described() == {shared.rules[0]: {pair[0].port: 10}, shared.rules[1]: {},
                                  shared.tcp: {}}


def test_members_change_under_load(share, pair, make_backend):
    shared, three = share(pair), make_backend("three")
    with Load(shared.port) as http, Load(shared.tcp_port) as tcp:
        def seen(name):
            before = [load.names.get(name, 0) for load in (http, tcp)]
            until(lambda: all(load.names.get(name, 0) > count + 3
                              for load, count in zip((http, tcp), before)), 5, name)

        seen("one")
        for _ in range(3):
            shared.change("RegisterTargetGroupInstances", member(three))
            seen("three")
            shared.change("ModifyTargetGroupInstancesWeight", member(three, Weight=0),
                          member(pair[1], Weight=30))
            seen("two")
            shared.change("DeregisterTargetGroupInstances", member(three))
            seen("one")
    assert http.failures == [] and tcp.failures == []


def test_persistence_survives_what_other_members_do(share, pair, make_backend):
    shared, three = share(pair, SessionExpireTime=1000), make_backend("three")
    first = shared.fetch()
    cookie = pair_of(must_issue(first))
    mine = next(backend for backend in pair if backend.name == first.text)
    other = next(backend for backend in pair if backend is not mine)
    for action, changed in (("RegisterTargetGroupInstances", member(three, Weight=100)),
                            ("ModifyTargetGroupInstancesWeight", member(mine, Weight=1)),
                            ("DeregisterTargetGroupInstances", member(other))):
        shared.change(action, changed)
        assert servers(shared.fetch(cookie=cookie) for _ in range(6)) == {mine.name: 6}
    # On another port it is another server: the cookie leads nowhere.
    moved = make_backend("moved")
    shared.change("ModifyTargetGroupInstancesPort", member(mine, NewPort=moved.port))
    got = servers(shared.fetch(cookie=cookie) for _ in range(4))
    assert mine.name not in got and "three" in got


def test_health_is_a_rules_own(share, pair, clock):
    """Both rules have the same two servers; one's check passes and the other's does not."""
    for backend in pair:
        backend.script = lambda peer, request: peer.send(
            answer(status="500 No" if request.target == "/bad" else "200 OK"))
    good, bad = ({**CHECK, "HttpCode": 2, "HttpCheckPath": path} for path in ("/good", "/bad"))
    shared = share(pair, checks=(good, bad))
    for _ in range(40):
        if shared.health() == {shared.rules[0]: ["Alive"] * 2, shared.rules[1]: ["Dead"] * 2,
                               None: ["Close"] * 2}:
            return
        clock.advance(CHECK["IntervalTime"])
        time.sleep(0.1 * SLOW)
    raise AssertionError(shared.health())


def test_groups_outlive_processes(make_setia, pair):
    setia = make_setia(workers=1).start()
    shared = Shared(setia, pair, SessionExpireTime=1000)
    cookie = pair_of(must_issue(shared.fetch()))
    mine = shared.fetch(cookie=cookie).text

    def state():
        return (shared.described(), setia.api.call("DescribeTargetGroups")["TargetGroupSet"],
                setia.api.call("DescribeListeners", LoadBalancerId=shared.balancer)["Listeners"])

    before = state()
    setia.kill9("control")
    setia.wait_api()
    assert state() == before
    setia.restart()
    assert state() == before
    assert servers(shared.fetch(cookie=cookie) for _ in range(4)) == {mine: 4}
    shared.change("DeregisterTargetGroupInstances", member(pair[0]))
    shared.everywhere({"two": 4}, 4)
    setia.stop()


def test_many_servers_in_one_call(setia, make_site, pair):
    site = make_site()
    ids = {"LoadBalancerId": site.load_balancer}
    two = site.add_rule(Url="/two")
    tcp_port = free_port()
    tcp = setia.api.change("CreateListener", **ids, Ports=[tcp_port], Protocol="TCP",
                           HealthCheck=OFF)["ListenerIds"][0]

    def entries(*places, **fields):
        return [{**place, "EniIp": "127.0.0.1", "Port": backend.port, **fields}
                for place in places for backend in pair]

    http = [{"ListenerId": site.listener, "LocationId": rule} for rule in (site.rule, two)]
    done = setia.api.change("BatchRegisterTargets", **ids,
                            Targets=entries(*http, {"ListenerId": tcp}, Tag="blue"))
    assert (done["FailListenerIdSet"], done["Message"]) == ([], "")
    for port, path in ((site.port, "/"), (site.port, "/two"), (tcp_port, "/")):
        assert servers(fetch(port, path) for _ in range(8)) == {"one": 4, "two": 4}
    setia.api.change("BatchModifyTargetWeight", **ids, ModifyList=[
        {**http[0], "Weight": 0, "Targets": [pair[0].target]},
        {"ListenerId": tcp, "Targets": [{**pair[1].target, "Weight": 0}]}])
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    assert servers(fetch(tcp_port) for _ in range(4)) == {"one": 4}
    tagged = setia.api.change("BatchModifyTargetTag", **ids, ModifyList=[
        {"ListenerId": tcp, "Tag": "green", "Targets": [pair[0].target]}])
    assert setia.api.wait(tagged["RequestId"])["Status"] == 0
    (found,) = setia.api.call("DescribeTargets", **ids, Filters=[
        {"Name": "tag", "Values": ["green"]}])["Listeners"]
    assert [target["Port"] for target in found["Targets"]] == [pair[0].port]

    # One listener cannot: it is named and stays, the others are done.
    done = setia.api.change("BatchDeregisterTargets", **ids, Targets=[
        *entries(*http), {"ListenerId": tcp, "EniIp": "127.0.0.1", "Port": pair[0].port},
        {"ListenerId": tcp, "EniIp": "127.0.0.1", "Port": free_port()}])
    assert done["FailListenerIdSet"] == [tcp] and tcp in done["Message"]
    assert site.fetch().status == 503 and site.fetch("/two").status == 503
    assert servers(fetch(tcp_port) for _ in range(4)) == {"one": 4}


def test_groups_from_a_file(make_setia, pair, tmp_path):
    setia, path, port = make_setia(workers=1).start(), tmp_path / "pool.yaml", free_port()

    def apply(targets, group):
        path.write_text(f"""LoadBalancers:
- LoadBalancerName: filed
  Vip: 127.0.0.1
  Listeners:
  - Protocol: HTTP
    Port: {port}
    Rules:
    - {{Url: /, TargetGroup: {group}, HealthCheck: {{HealthSwitch: 0}}}}
TargetGroups:
- TargetGroupName: filed-pool
  Targets:
{targets}""")
        return command("apply", str(path), "--api", f"http://127.0.0.1:{setia.port}",
                       environment={
                           "SETIA_SECRET_ID": setia.api.secret_id,
                           "SETIA_SECRET_KEY": setia.api.secret_key})

    lines = [f"  - {{EniIp: 127.0.0.1, Port: {backend.port}}}\n" for backend in pair]
    done = apply("".join(lines), "filed-pool")
    assert done.returncode == 0, done.stderr
    assert servers(fetch(port) for _ in range(4)) == {"one": 2, "two": 2}
    assert apply("".join(lines), "filed-pool").stdout.startswith("0 changes")
    done = apply(lines[1], "filed-pool")
    assert f"- target 127.0.0.1:{pair[0].port} in target group filed-pool" in done.stdout
    assert servers(fetch(port) for _ in range(4)) == {"two": 4}
    done = apply(lines[1], "nothing")
    assert done.returncode == 1
    assert "pool.yaml:8: LoadBalancers[0].Listeners[0].Rules[0].TargetGroup" in done.stderr
    assert servers(fetch(port) for _ in range(4)) == {"two": 4}


@pytest.fixture
def sdk(make_setia):
    """The SDK signs with the machine's clock, so this product's is not shifted."""
    client = Sdk(make_setia(workers=1).start())
    yield client
    client.stop()


def test_the_sdk_runs_the_family(sdk, make_backend):
    """Every action, with the SDK's own names."""
    one, two, three = (make_backend(name) for name in ("one", "two", "three"))
    port = free_port()

    def member(backend, **fields):
        return {"BindIP": "127.0.0.1", "Port": backend.port, **fields}

    created = sdk.call("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1")
    ids = {"LoadBalancerId": created["LoadBalancerIds"][0]}
    ids["ListenerId"] = sdk.call("CreateListener", **ids, Ports=[port],
                                 Protocol="HTTP")["ListenerIds"][0]
    rule = sdk.call("CreateRule", **ids, Rules=[
        {"Url": "/", "TargetType": "TARGETGROUP", "HealthCheck": {"HealthSwitch": 0}}])
    group = sdk.call("CreateTargetGroup", TargetGroupName="pool", VpcId="vpc-1", Type="v1",
                     TargetGroupInstances=[member(one), member(two, Weight=5)],
                     Tags=[{"TagKey": "team", "TagValue": "blue"}])["TargetGroupId"]
    association = {**ids, "TargetGroupId": group, "LocationId": rule["LocationIds"][0]}
    sdk.wait(sdk.call("AssociateTargetGroups", Associations=[association]))

    def ask(count):
        return servers(fetch(port) for _ in range(count))

    assert ask(6) == {"one": 4, "two": 2}
    for action, *members in (
            ("RegisterTargetGroupInstances", member(three)),
            ("ModifyTargetGroupInstancesWeight", member(one, Weight=0), member(two, Weight=0)),
            ("ModifyTargetGroupInstancesPort", member(two, NewPort=free_port()))):
        sdk.wait(sdk.call(action, TargetGroupId=group, TargetGroupInstances=members))
    assert ask(4) == {"three": 4}
    sdk.wait(sdk.call("DeregisterTargetGroupInstances", TargetGroupId=group,
                      TargetGroupInstances=[member(one)]))
    sdk.wait(sdk.call("ModifyTargetGroupAttribute", TargetGroupId=group, TargetGroupName="new",
                      Port=81))

    (found,) = sdk.call("DescribeTargetGroups", TargetGroupIds=[group])["TargetGroupSet"]
    assert (found["TargetGroupName"], found["Port"], found["TargetGroupType"]) == ("new", 81, "v1")
    assert (found["AssociatedRuleCount"], found["RegisteredInstancesCount"]) == (1, 2)
    assert found["AssociatedRule"][0]["LocationId"] == association["LocationId"]
    assert found["Tag"] == [{"TagKey": "team", "TagValue": "blue"}]
    listed = sdk.call("DescribeTargetGroupList", method="GET",
                      Filters=[{"Name": "TargetGroupName", "Values": ["new"]}])
    assert listed["TotalCount"] == 1 and listed["TargetGroupSet"][0]["AssociatedRule"] is None
    members = sdk.call("DescribeTargetGroupInstances", Limit=1,
                       Filters=[{"Name": "TargetGroupId", "Values": [group]}])
    assert (members["TotalCount"], members["RealCount"]) == (1, 2)
    assert members["TargetGroupInstanceSet"][0]["PrivateIpAddresses"] == ["127.0.0.1"]
    (shown,) = sdk.call("DescribeListeners", LoadBalancerId=ids["LoadBalancerId"])["Listeners"]
    assert shown["Rules"][0]["TargetGroup"]["TargetGroupId"] == group
    for action, params, code in (
            ("DescribeTargetGroupInstanceStatus", {"TargetGroupId": group}, "UnsupportedOperation"),
            ("DeleteTargetGroups", {"TargetGroupIds": [group]}, "FailedOperation"),
            ("CreateTargetGroup", {"Port": 80, "Type": "v2"}, "UnsupportedOperation")):
        with pytest.raises(ApiError) as caught:
            sdk.call(action, **params)
        assert caught.value.code == code

    sdk.wait(sdk.call("DisassociateTargetGroups", Associations=[association]))
    sdk.wait(sdk.call("DeleteTargetGroups", TargetGroupIds=[group]))
    assert sdk.call("DescribeTargetGroups")["TotalCount"] == 0
    # The batch calls, on a listener with servers of its own.
    port = free_port()
    tcp = sdk.call("CreateListener", LoadBalancerId=ids["LoadBalancerId"], Ports=[port],
                   Protocol="TCP", HealthCheck={"HealthSwitch": 0})["ListenerIds"][0]
    target = {"EniIp": "127.0.0.1", "Port": one.port}
    done = sdk.call("BatchRegisterTargets", LoadBalancerId=ids["LoadBalancerId"],
                    Targets=[{"ListenerId": tcp, **target, "Weight": 3, "Tag": "a"}])
    assert (done["FailListenerIdSet"], done["Message"]) == ([], "")
    for action, fields in (("BatchModifyTargetWeight", {"Weight": 7}),
                           ("BatchModifyTargetTag", {"Tag": "b"})):
        done = sdk.call(action, LoadBalancerId=ids["LoadBalancerId"],
                        ModifyList=[{"ListenerId": tcp, "Targets": [target], **fields}])
        sdk.wait(done)
    assert ask(2) == {"one": 2}
    done = sdk.call("BatchDeregisterTargets", LoadBalancerId=ids["LoadBalancerId"],
                    Targets=[{"ListenerId": tcp, **target}])
    assert done["FailListenerIdSet"] == []
    sdk.wait(done)
    sdk.wait(sdk.call("DeleteLoadBalancer", LoadBalancerIds=[ids["LoadBalancerId"]]))
