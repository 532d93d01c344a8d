# SPDX-License-Identifier: Apache-2.0
"""Schedulers of rules, DrainPolicy and access logs in every path of configuration: the API, files,
the store. SP-11 to SP-20: persistence goes with WRR alone."""

import pytest

from lib.api import ApiError
from lib.setia import command
from lib.wait import free_port

FILE = """LoadBalancers:
- LoadBalancerName: sched
  Vip: 127.0.0.1
  Listeners:
  - Protocol: HTTP
    Port: {port}
    {listener}
    Rules:
    - {{Domain: a.example, Url: /, {rule}}}
  - {{Protocol: TCP, Port: {port4}, {layer4}}}
"""


def refused(api, code, action, **fields):
    with pytest.raises(ApiError) as error:
        api.call(action, **fields)
    assert error.value.code == code, error.value
    return error.value


def rules_of(site):
    return site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]


@pytest.mark.parametrize("scheduler", ["WRR", "LEAST_CONN", "IP_HASH"])
def test_each_scheduler_is_made_and_modified(make_site, pair, scheduler):
    site = make_site(pair, Scheduler=scheduler)
    assert site.describe_rule()["Scheduler"] == scheduler
    assert site.fetch().status == 200
    for other in ("LEAST_CONN", "IP_HASH", "WRR", scheduler):
        site.modify_rule(Scheduler=other)
        assert site.describe_rule()["Scheduler"] == other
        assert site.fetch().status == 200


@pytest.mark.parametrize("scheduler", ["LEAST_CONN", "IP_HASH"])
def test_sp_14_to_17(make_site, pair, scheduler):
    site = make_site(pair, SessionExpireTime=60)
    before = rules_of(site)
    refused(site.api, "InvalidParameter", "CreateRule", **site.ids,
            Rules=[{"Url": "/n", "Scheduler": scheduler, "SessionExpireTime": 60}])
    error = refused(site.api, "InvalidParameter", "ModifyRule", **site.ids, LocationId=site.rule,
                    Scheduler=scheduler)
    assert "SessionExpireTime" in error.message
    refused(site.api, "InvalidParameter", "ModifyRule", **site.ids, LocationId=site.rule,
            Scheduler=scheduler, SessionExpireTime=30)
    assert rules_of(site) == before
    site.modify_rule(Scheduler=scheduler, SessionExpireTime=0)
    assert site.describe_rule()["Scheduler"] == scheduler
    refused(site.api, "InvalidParameter", "ModifyRule", **site.ids, LocationId=site.rule,
            SessionExpireTime=60)
    assert (site.describe_rule()["Scheduler"], site.describe_rule()["SessionExpireTime"]) == (
        scheduler, 0)
    site.modify_rule(Scheduler="WRR", SessionExpireTime=60)
    assert site.describe_rule()["SessionExpireTime"] == 60


def test_drain_policy(make_site, pair, setia):
    site = make_site(pair)
    assert site.describe_rule()["DrainPolicy"] == "MOVE"
    site.modify_rule(DrainPolicy="KEEP")
    site.modify_rule(CookieName="other")
    assert site.describe_rule()["DrainPolicy"] == "KEEP"
    refused(site.api, "InvalidParameterValue", "ModifyRule", **site.ids, LocationId=site.rule,
            DrainPolicy="keep")
    refused(site.api, "InvalidParameter", "ModifyListener", **site.ids, DrainPolicy="KEEP")
    balancer, port = site.load_balancer, free_port()
    made = setia.api.change("CreateListener", LoadBalancerId=balancer, Ports=[port],
                            Protocol="TCP", DrainPolicy="KEEP")["ListenerIds"][0]
    ids = {"LoadBalancerId": balancer, "ListenerId": made}

    def shown():
        return setia.api.call("DescribeListeners", LoadBalancerId=balancer,
                              ListenerIds=[made])["Listeners"][0]["DrainPolicy"]

    assert shown() == "KEEP"
    setia.api.change("ModifyListener", **ids, DrainPolicy="MOVE")
    assert shown() == "MOVE"


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "/a", "../a", "a b", "a\n", "é",
                                  "a" * 65, "a\u0000"])
def test_an_access_log_is_a_name(make_site, name):
    site = make_site()
    refused(site.api, ("InvalidParameterValue.Length" if name == "" or len(name) > 64
                       else "InvalidParameterValue") if "\u0000" not in name
            else "InvalidParameter", "ModifyListener", **site.ids, AccessLog=name)


def test_access_logs_are_kept(make_setia):
    setia = make_setia().start()
    site = setia.site()

    def shown():
        listener = setia.api.call("DescribeListeners",
                                  LoadBalancerId=site.load_balancer)["Listeners"][0]
        return listener["AccessLog"], listener["AccessLogFormat"]

    assert shown() == ("off", "brackets")
    setia.api.change("ModifyListener", **site.ids, AccessLog="a-Z_0.log", AccessLogFormat="json")
    assert shown() == ("a-Z_0.log", "json")
    setia.restart()
    assert shown() == ("a-Z_0.log", "json")
    setia.api.change("ModifyListener", **site.ids, AccessLog="off")
    assert shown() == ("off", "json")


def test_grpc_checks_are_not_built(make_site):
    site = make_site()
    error = refused(site.api, "UnsupportedOperation", "ModifyRule", **site.ids,
                    LocationId=site.rule, HealthCheck={"CheckType": "GRPC"})
    assert "GRPC" in error.message


def apply(setia, path, text, *more):
    path.write_text(text)
    return command("apply", str(path), "--api", f"http://127.0.0.1:{setia.port}", *more,
                   environment={"SETIA_SECRET_ID": setia.api.secret_id,
                                "SETIA_SECRET_KEY": setia.api.secret_key})


def test_files_say_the_same(make_setia, tmp_path):
    setia = make_setia().start()
    ports = {"port": free_port(), "port4": free_port()}
    path = tmp_path / "site.yaml"
    plain = {"listener": "ListenerName: a", "rule": "CookieName: c", "layer4": "MaxConn: -1"}
    whole = {"listener": "AccessLog: a.log", "rule": "Scheduler: IP_HASH, DrainPolicy: KEEP",
             "layer4": "DrainPolicy: KEEP, Scheduler: LEAST_CONN"}

    def change(values, *more):
        done = apply(setia, path, FILE.format(**ports, **values), *more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    change(plain)
    told = change(whole, "--dry-run")
    for words in ("AccessLog off -> a.log", "Scheduler WRR -> IP_HASH",
                  "DrainPolicy MOVE -> KEEP", "Scheduler WRR -> LEAST_CONN"):
        assert words in told, told
    change(whole)
    assert "~" not in change(whole)
    balancer = setia.api.call("DescribeLoadBalancers", LoadBalancerName="sched")[
        "LoadBalancerSet"][0]["LoadBalancerId"]
    http, tcp = setia.api.call("DescribeListeners", LoadBalancerId=balancer)["Listeners"]
    assert (http["AccessLog"], http["AccessLogFormat"]) == ("a.log", "brackets")
    assert (http["Rules"][0]["Scheduler"], http["Rules"][0]["DrainPolicy"]) == ("IP_HASH", "KEEP")
    assert (tcp["Scheduler"], tcp["DrainPolicy"]) == ("LEAST_CONN", "KEEP")
    assert "KEEP -> MOVE" in change(plain)


@pytest.mark.parametrize("rule, field", [
    ("Scheduler: IP_HASH, SessionExpireTime: 60", "SessionExpireTime"),
    ("Scheduler: LEAST_CONN, SessionExpireTime: 60", "SessionExpireTime"),
    ("DrainPolicy: STAY", "DrainPolicy"),
])
def test_files_are_refused_as_a_whole(setia, tmp_path, rule, field):
    text = FILE.format(port=free_port(), port4=free_port(), listener="ListenerName: a", rule=rule,
                       layer4="MaxConn: -1")
    done = apply(setia, tmp_path / "bad.yaml", text)
    assert done.returncode != 0
    assert field in done.stderr and ":9" in done.stderr, done.stderr
    assert setia.api.call("DescribeLoadBalancers", LoadBalancerName="sched")["TotalCount"] == 0
