# SPDX-License-Identifier: Apache-2.0
"""The cloud's own SDK (npm: tencentcloud-sdk-nodejs) drives the product, told nothing but the
endpoint."""

import json
import os
import re
import subprocess

import pytest

from lib.sdk import Sdk
from lib.shape import must_issue, servers
from lib.wait import free_port
from lib.wire import Connection

HERE = os.path.dirname(os.path.abspath(__file__))


# The SDK signs with the machine's clock, so these tests use a product whose clock is not shifted.
@pytest.fixture(scope="module")
def plain_setia(tmp_path_factory):
    from lib.setia import Setia
    setia = Setia(tmp_path_factory.mktemp("sdk"))
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


@pytest.fixture(scope="module")
def sdk(plain_setia):
    client = Sdk(plain_setia)
    yield client
    client.stop()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_whole_journey(sdk, nginx, method):
    def call(action, **params):
        return sdk.call(action, method, **params)

    made = call("CreateLoadBalancer", LoadBalancerType="OPEN",
                LoadBalancerName=f"sdk {method} \u00e9", Vip="127.0.0.1",
                Tags=[{"TagKey": "team", "TagValue": "a&b=c"}])
    [balancer] = made["LoadBalancerIds"]
    assert sdk.wait(made, method)["LoadBalancerIds"] == [balancer]
    port = free_port()
    made = call("CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="HTTP",
                ListenerNames=["front"])
    [listener] = made["ListenerIds"]
    sdk.wait(made, method)
    ids = {"LoadBalancerId": balancer, "ListenerId": listener}
    made = call("CreateRule", **ids, Rules=[{
        "Domain": "www.example.com", "Url": "/", "SessionExpireTime": 1000, "Scheduler": "WRR",
        "HealthCheck": {"HealthSwitch": 1, "HttpCheckPath": "/", "HttpCode": 31}}])
    [location] = made["LocationIds"]
    sdk.wait(made, method)
    red, green = nginx.targets
    sdk.wait(call("RegisterTargets", **ids, LocationId=location, Targets=[
        {**red, "Weight": 10}, {**green, "Weight": 10}]), method)

    def fetch(cookie=None):
        with Connection(port) as client:
            return client.get(cookie=cookie, host="www.example.com")

    assert servers(fetch() for _ in range(10)) == {"red": 5, "green": 5}
    first = fetch()
    cookie = f"setia_route={must_issue(first).value}"
    assert servers(fetch(cookie) for _ in range(5)) == {first.text: 5}

    sdk.wait(call("ModifyTargetWeight", **ids, LocationId=location, Targets=[red], Weight=0),
             method)
    assert servers(fetch() for _ in range(4)) == {"green": 4}
    sdk.wait(call("ModifyRule", **ids, LocationId=location, SessionExpireTime=0), method)
    assert not fetch().all("Set-Cookie")

    [found] = call("DescribeLoadBalancers", LoadBalancerIds=[balancer])["LoadBalancerSet"]
    assert found["LoadBalancerName"] == f"sdk {method} \u00e9"
    assert found["Tags"] == [{"TagKey": "team", "TagValue": "a&b=c"}]
    [found] = call("DescribeListeners", LoadBalancerId=balancer)["Listeners"]
    assert (found["ListenerName"], found["Port"]) == ("front", port)
    assert found["Rules"][0]["SessionExpireTime"] == 0
    [found] = call("DescribeTargets", LoadBalancerId=balancer)["Listeners"]
    weights = {target["Port"]: target["Weight"] for target in found["Rules"][0]["Targets"]}
    assert weights == {red["Port"]: 0, green["Port"]: 10}

    sdk.wait(call("DeregisterTargets", **ids, LocationId=location, Targets=[red]), method)
    sdk.wait(call("DeleteRule", **ids, LocationIds=[location]), method)
    sdk.wait(call("DeleteListener", **ids), method)
    sdk.wait(call("DeleteLoadBalancer", LoadBalancerIds=[balancer]), method)
    assert call("DescribeLoadBalancers", LoadBalancerIds=[balancer])["LoadBalancerSet"] == []


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("action, params, code", [
    ("DescribeListeners", {"LoadBalancerId": "lb-00000000"}, "InvalidParameter.LBIdNotFound"),
    ("CreateLoadBalancer", {}, "MissingParameter"),
    ("CreateLoadBalancer", {"LoadBalancerType": "NONE"}, "InvalidParameterValue"),
    ("AutoRewrite", {}, "UnsupportedOperation"),
    ("NoSuchAction", {}, "InvalidAction"),
    ("DescribeQuota", {"Nonsense": "1"}, "UnknownParameter"),
])
def test_error_codes_reach_the_caller(sdk, method, action, params, code):
    got = sdk.raw(action, method, **params)
    assert got["code"] == code, got
    assert got["message"]
    assert re.fullmatch(r"[0-9a-f-]{36}", got["requestId"])


def test_trace_id_reaches_the_callers_errors(sdk):
    assert sdk.raw("NoSuchAction")["traceId"]


def test_wrong_keys(sdk, plain_setia):
    got = sdk.raw("DescribeQuota", key={"secretId": "AKIDnobody", "secretKey": "x"})
    assert got["code"] == "AuthFailure.SecretIdNotFound"
    got = sdk.raw("DescribeQuota", key={"secretId": plain_setia.api.secret_id, "secretKey": "x"})
    assert got["code"] == "AuthFailure.SignatureFailure"
    got = sdk.raw("DescribeQuota", key={"secretId": plain_setia.api.secret_id,
                                        "secretKey": plain_setia.api.secret_key, "token": "t"})
    assert got["code"] == "AuthFailure.TokenFailure"


def test_every_method_of_the_sdk_gets_an_honest_answer(sdk, plain_setia):
    """Nothing in the model is unknown to the product: each action is built, or says it is not."""
    script = ("const {clb} = require('tencentcloud-sdk-nodejs');"
              "const names = Object.getOwnPropertyNames(clb.v20180317.Client.prototype);"
              "console.log(JSON.stringify(names.filter(name => name !== 'constructor')))")
    names = json.loads(subprocess.run(["node", "-e", script], cwd=HERE, capture_output=True,
                                      text=True, check=True).stdout)
    assert len(names) >= 150
    bad = {}
    for name in names:
        code = plain_setia.api.raw(name, b"{}").code
        if code in ("InvalidAction", "InternalError") or (code or "").startswith("AuthFailure"):
            bad[name] = code
    assert bad == {}
