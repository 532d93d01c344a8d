# SPDX-License-Identifier: Apache-2.0
"""What the API tells of health: DescribeTargetHealth, and DescribeTargetHealthLog with the changes.
Time passes by the test's clock."""

import os
import time

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.tcp import Echo, Layer4
from lib.wait import SLOW, until

CHECK = {"HealthSwitch": 1, "IntervalTime": 5, "TimeOut": 2, "HealthNum": 2, "UnHealthNum": 2}


def targets_of(setia, balancer, **filters):
    found = setia.api.call("DescribeTargetHealth", LoadBalancerIds=[balancer], **filters)
    (instance,) = found["LoadBalancers"]
    assert instance["LoadBalancerId"] == balancer
    return {(target["IP"], target["Port"]): target
            for listener in instance["Listeners"] for rule in listener["Rules"]
            for target in rule["Targets"]}


def detail(setia, balancer, server):
    target = targets_of(setia, balancer)[server.target["EniIp"], server.port]
    assert target["HealthStatusDetail"] == target["HealthStatusDetial"]
    assert target["HealthStatus"] is (target["HealthStatusDetail"] in ("Alive", "Close"))
    return target["HealthStatusDetail"]


def pass_until(clock, question, what):
    """Steps of the clock until the answer is true."""
    for _ in range(40):
        if question():
            return
        clock.advance(CHECK["IntervalTime"])
        time.sleep(0.15 * SLOW)
    raise AssertionError(what)


def log_of(setia, **filters):
    return setia.api.call("DescribeTargetHealthLog", **{"Limit": 100, **filters})


@pytest.fixture
def tcp(setia):
    made, echo = [], Echo("one")

    def make(**fields):
        made.append(Layer4(setia, [echo], **fields))
        return made[-1], echo

    yield make
    for listener in made:
        listener.delete()
    echo.stop()


def test_http_servers_live_die_and_come_back(setia, clock, make_site, pair):
    site = make_site(pair, Domain="a.example", Url="/x", HealthCheck=CHECK)
    balancer, (one, two) = site.load_balancer, pair
    before = log_of(setia, LoadBalancerId=balancer)["TotalCount"]
    pass_until(clock, lambda: [detail(setia, balancer, server) for server in pair]
               == ["Alive", "Alive"], "both are alive")
    one.script = lambda peer, request: peer.send(answer(status="500 No"))
    site.modify_rule(HealthCheck={**CHECK, "HttpCode": 2})
    pass_until(clock, lambda: detail(setia, balancer, one) == "Dead", "one is dead")
    assert detail(setia, balancer, two) == "Alive"
    one.script = lambda peer, request: peer.send(answer())
    pass_until(clock, lambda: detail(setia, balancer, one) == "Alive", "one is back")

    found = log_of(setia, LoadBalancerId=balancer, ListenerId=site.listener, LocationId=site.rule,
                   EniIp="127.0.0.1", Port=one.port)
    rows = found["HealthLogSet"]
    assert [row["StatusDetail"] for row in rows][:3] == ["Alive", "Dead", "Alive"]
    assert [row["Status"] for row in rows][:3] == [True, False, True]
    assert rows[1]["Reason"] == "status"
    for row in rows:
        assert (row["LoadBalancerId"], row["ListenerId"], row["LocationId"]) == (
            balancer, site.listener, site.rule)
        assert (row["Protocol"], row["RsIp"], row["RsPort"]) == ("HTTP", "127.0.0.1", one.port)
        assert (row["Vip"], row["VPort"]) == ("127.0.0.1", site.port)
        assert (row["Domain"], row["Url"]) == ("a.example", "/x")
        assert (row["VpcId"], row["RsVpcId"]) == (-1, -1)
    assert log_of(setia, LoadBalancerId=balancer)["TotalCount"] > before
    paged = log_of(setia, LoadBalancerId=balancer, ListenerId=site.listener, LocationId=site.rule,
                   EniIp="127.0.0.1", Port=one.port, Offset=1, Limit=1)
    assert (paged["TotalCount"], paged["HealthLogSet"]) == (found["TotalCount"], rows[1:2])


def test_a_switch_that_is_off_is_close(setia, make_site, pair):
    site = make_site(pair)
    assert [detail(setia, site.load_balancer, server) for server in pair] == ["Close", "Close"]


def test_a_new_server_is_unknown(setia, make_site, make_backend):
    backend = make_backend()
    site = make_site([backend], HealthCheck={**CHECK, "IntervalTime": 300, "HealthNum": 10})
    assert detail(setia, site.load_balancer, backend) == "Unknown"
    assert targets_of(setia, site.load_balancer)["127.0.0.1", backend.port]["Weight"] == 10


def test_layer_4_has_no_rule(setia, clock, tcp):
    listener, echo = tcp(HealthCheck=CHECK)
    pass_until(clock, lambda: detail(setia, listener.balancer, echo) == "Alive", "alive")
    found = setia.api.call("DescribeTargetHealth", LoadBalancerIds=[listener.balancer],
                           ListenerIds=[listener.listener])
    (rule,) = found["LoadBalancers"][0]["Listeners"][0]["Rules"]
    assert (rule["LocationId"], rule["Domain"], rule["Url"]) == (None, None, None)
    row = log_of(setia, LoadBalancerId=listener.balancer,
                 ListenerId=listener.listener)["HealthLogSet"][0]
    assert (row["Protocol"], row["LocationId"], row["Url"]) == ("TCP", None, None)
    assert (row["StatusDetail"], row["Reason"]) == ("Alive", "passed")


def test_what_is_known_outlives_control_and_the_proxy(make_setia, own_clock, make_backend):
    setia = make_setia(clock=own_clock).start()
    backend = make_backend()
    site = setia.site([backend], HealthCheck=CHECK)
    pass_until(own_clock, lambda: detail(setia, site.load_balancer, backend) == "Alive", "alive")
    rows = log_of(setia)["HealthLogSet"]
    for victim in ("control", "proxy"):
        setia.kill9(victim)
        setia.wait_api()
        until(lambda: site.fetch().status == 200, 5, "traffic")
        assert detail(setia, site.load_balancer, backend) == "Alive"
        assert log_of(setia)["HealthLogSet"][-len(rows):] == rows


def test_a_deleted_rule_leaves_its_changes(setia, clock, make_site, make_backend):
    backend = make_backend()
    site = make_site([backend], HealthCheck=CHECK)
    pass_until(clock, lambda: detail(setia, site.load_balancer, backend) == "Alive", "alive")
    setia.api.change("DeleteRule", **site.ids, LocationIds=[site.rule])
    row = log_of(setia, EniIp="127.0.0.1", Port=backend.port)["HealthLogSet"][0]
    assert (row["ListenerId"], row["LocationId"], row["Url"]) == (site.listener, None, None)


@pytest.mark.parametrize("fields, code", [
    ({"ListenerId": "lbl-00000000"}, "MissingParameter"),
    ({"LocationId": "loc-00000000"}, "MissingParameter"),
    ({"LoadBalancerId": "lb-00000000"}, "InvalidParameter.LBIdNotFound"),
    ({"EniIp": "localhost"}, "InvalidParameter.FormatError"),
    ({"Port": 0}, "InvalidParameterValue"),
    ({"Limit": 101}, "InvalidParameterValue"),
    ({"Offset": -1}, "InvalidParameterValue"),
    ({"Nonsense": 1}, "UnknownParameter"),
])
def test_wrong_questions(setia, fields, code):
    with pytest.raises(ApiError) as error:
        log_of(setia, **fields)
    assert error.value.code == code


def test_control_cannot_write_what_traffic_counts(setia):
    """Its mapping and its descriptors of the region are for reading."""
    pid = setia.pid("control")
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        rights = [line.split()[1] for line in file if "setia-regions" in line]
    assert rights and all(right.startswith("r--") for right in rights)
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            assert "setia-regions" not in os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
