# SPDX-License-Identifier: Apache-2.0
"""The SDK takes a balancer through its whole life, while clients ask it without a pause: none of
them may notice more than what was asked for."""

import contextlib

import pytest

from lib.load import Load
from lib.sdk import Sdk
from lib.setia import Setia
from lib.shape import servers
from lib.wait import free_port, until
from lib.wire import Connection

CHECK = {"HealthSwitch": 1, "HttpCheckPath": "/", "IntervalTime": 3, "TimeOut": 2, "HealthNum": 2,
         "UnHealthNum": 2}


# The SDK signs with the machine's clock.
@pytest.fixture
def sdk(tmp_path):
    setia = Setia(tmp_path)
    try:
        client = Sdk(setia.start())
        yield client
        client.stop()
        setia.stop()
    finally:
        setia.end()


class Journey:
    """Ids that calls have in common."""

    def __init__(self, sdk):
        self.sdk = sdk
        made = sdk.call("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1")
        [self.balancer] = made["LoadBalancerIds"]
        sdk.wait(made)
        self.port = free_port()
        [self.listener] = self.do("CreateListener", "ListenerIds", Ports=[self.port], Protocol="HTTP")

    def do(self, action, field=None, **params):
        """A change, until it is live."""
        answer = self.sdk.call(action, **params if "LoadBalancerId" in params else
                               {"LoadBalancerId": self.balancer, **params})
        self.sdk.wait(answer)
        return answer[field] if field else answer

    def at(self, action, field=None, **params):
        """... on the listener."""
        return self.do(action, field, ListenerId=self.listener, **params)

    def rule(self, url, **settings):
        [made] = self.at("CreateRule", "LocationIds",
                         Rules=[{"Url": url, "HealthCheck": CHECK, **settings}])
        return made

    def change(self, action, **params):
        """One that belongs to no instance."""
        answer = self.sdk.call(action, **params)
        self.sdk.wait(answer)
        return answer

    def health(self):
        """{rule: {port: state}}"""
        answer = self.sdk.call("DescribeTargetHealth", LoadBalancerIds=[self.balancer])
        [listener] = answer["LoadBalancers"][0]["Listeners"]
        return {rule["LocationId"]: {target["Port"]: target["HealthStatusDetail"]
                                     for target in rule["Targets"]}
                for rule in listener["Rules"]}

    def fetch(self, path):
        with Connection(self.port) as client:
            return client.get(path)


def targets(*backends, **more):
    return [{**backend.target, **more} for backend in backends]


def members(*backends, **more):
    return [{"BindIP": backend.target["EniIp"], "Port": backend.target["Port"], **more}
            for backend in backends]


def test_a_life_without_a_failed_request(sdk, pair, make_backend):
    one, two = pair
    third = make_backend("three")
    journey = Journey(sdk)
    at, change = journey.at, journey.change
    main, old = journey.rule("/"), journey.rule("/old")
    shared = journey.rule("/shared/", TargetType="TARGETGROUP")
    at("RegisterTargets", LocationId=main, Targets=targets(one, two))
    group = change("CreateTargetGroup", TargetGroupName="shop", Port=80,
                   TargetGroupInstances=members(one, Weight=10))["TargetGroupId"]
    bound = [{"LoadBalancerId": journey.balancer, "ListenerId": journey.listener,
              "LocationId": shared, "TargetGroupId": group}]
    change("AssociateTargetGroups", Associations=bound)
    until(lambda: set(journey.health()[main].values()) == {"Alive"} and
          set(journey.health()[shared].values()) == {"Alive"}, 20, "the servers' health")

    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(journey.port, threads=2)),
                 stack.enter_context(Load(journey.port, threads=2, path="/shared/x"))]
        # Weights and servers.
        at("ModifyTargetWeight", LocationId=main, Targets=targets(one), Weight=0)
        assert servers(journey.fetch("/") for _ in range(4)) == {"two": 4}
        journey.do("BatchModifyTargetWeight", ModifyList=[
            {"ListenerId": journey.listener, "LocationId": main, "Targets": targets(one), "Weight": 30},
            {"ListenerId": journey.listener, "LocationId": main, "Targets": targets(two), "Weight": 10}])
        made = journey.do("BatchRegisterTargets", Targets=[
            {"ListenerId": journey.listener, "LocationId": main, **targets(third)[0]}])
        assert made["FailListenerIdSet"] == []
        journey.do("BatchDeregisterTargets", Targets=[
            {"ListenerId": journey.listener, "LocationId": main, **targets(third)[0]}])
        # A custom configuration comes, changes, goes.
        pz = change("SetCustomizedConfigForLoadBalancer", OperationType="ADD", ConfigName="fields",
                    ConfigContent="add_header X-Stage one;")["ConfigId"]
        change("SetCustomizedConfigForLoadBalancer", OperationType="BIND", UconfigId=pz,
               LoadBalancerIds=[journey.balancer])
        assert journey.fetch("/").one("X-Stage") == "one"
        change("SetCustomizedConfigForLoadBalancer", OperationType="UPDATE", UconfigId=pz,
               ConfigContent="add_header X-Stage two; keepalive_timeout 20s;")
        assert journey.fetch("/").one("X-Stage") == "two"
        # A redirection.
        rewrite = {"SourceListenerId": journey.listener, "TargetListenerId": journey.listener,
                   "RewriteInfos": [{"SourceLocationId": old, "TargetLocationId": main,
                                     "RewriteCode": 301, "TakeUrl": False}]}
        journey.do("ManualRewrite", **rewrite)
        sent = journey.fetch("/old/page")
        assert (sent.status, sent.one("Location")) == (301, f"http://127.0.0.1:{journey.port}/")
        [shown] = sdk.call("DescribeRewrite", LoadBalancerId=journey.balancer)["RewriteSet"]
        assert shown["RewriteTarget"]["TargetLocationId"] == main
        journey.do("DeleteRewrite", **rewrite)
        # The group's servers change under its rule.
        change("RegisterTargetGroupInstances", TargetGroupId=group,
               TargetGroupInstances=members(two, Weight=10))
        until(lambda: set(journey.health()[shared].values()) == {"Alive"}, 20, "the new member")
        until(lambda: journey.fetch("/shared/").text == "two", 5, "a turn of the new member")
        change("ModifyTargetGroupInstancesWeight", TargetGroupId=group,
               TargetGroupInstances=members(one, Weight=0))
        assert servers(journey.fetch("/shared/") for _ in range(4)) == {"two": 4}
        change("DeregisterTargetGroupInstances", TargetGroupId=group,
               TargetGroupInstances=members(one))
        change("SetCustomizedConfigForLoadBalancer", OperationType="UNBIND", UconfigId=pz,
               LoadBalancerIds=[journey.balancer])
        assert journey.fetch("/").all("X-Stage") == []
        change("SetCustomizedConfigForLoadBalancer", OperationType="DELETE", UconfigId=pz)
    for load in loads:
        assert load.failures == [] and load.done > 100

    change("DisassociateTargetGroups", Associations=bound)
    change("DeleteTargetGroups", TargetGroupIds=[group])
    at("DeleteRule", LocationIds=[main, old, shared])
    at("DeleteListener")
    change("DeleteLoadBalancer", LoadBalancerIds=[journey.balancer])
    assert sdk.call("DescribeLoadBalancers")["TotalCount"] == 0
    assert sdk.call("DescribeTargetGroups")["TotalCount"] == 0
