# SPDX-License-Identifier: Apache-2.0
"""Fifty callers at once, in the same and in different instances: what each was answered is what there
is in the end. And retries: by ClientToken, over a control that was killed."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import sqlite3
import threading

import pytest

from lib.api import ApiError
from lib.setia import SECRET_ID, SECRET_KEY
from lib.wait import free_port, until

CLIENTS = 50
INSTANCES = 5


def together(work, count=CLIENTS):
    """work(number) of every number at the same time; the results in order."""
    barrier = threading.Barrier(count)

    def begin(number):
        barrier.wait()
        return work(number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def client_of(setia):
    return setia.api.with_key(SECRET_ID, SECRET_KEY)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A balancer that fifty clients have been at, and what they remember of it."""
    from lib.setia import Setia
    setia = Setia(tmp_path_factory.mktemp("parallel"))
    try:
        setia.start()
        setia.balancers = [setia.load_balancer() for _ in range(INSTANCES)]
        yield setia
        setia.stop()
    finally:
        setia.end()


def listeners_of(setia, balancer):
    return {listener["ListenerId"]: listener for listener in setia.api.call(
        "DescribeListeners", LoadBalancerId=balancer)["Listeners"]}


def test_every_answer_is_what_there_is(busy):
    ports = [free_port() for _ in range(2 * CLIENTS)]

    def work(number):
        """Makes two listeners, fills one, deletes the other; [(RequestId, ...)] and what is left."""
        api, tasks = client_of(busy), []
        ids = {"LoadBalancerId": busy.balancers[number % INSTANCES]}

        def call(action, **fields):
            response = api.call(action, **fields)
            tasks.append(response["RequestId"])
            return response

        kept, gone = (call("CreateListener", **ids, Ports=[port], Protocol="HTTP")["ListenerIds"][0]
                      for port in ports[2 * number:2 * number + 2])
        [rule] = call("CreateRule", **ids, ListenerId=kept, Rules=[
            {"Domain": f"client{number}.example", "Url": "/", "HealthCheck": {"HealthSwitch": 0}}
        ])["LocationIds"]
        call("RegisterTargets", **ids, ListenerId=kept, LocationId=rule, Targets=[
            {"EniIp": "127.0.0.1", "Port": 1000 + n, "Weight": number} for n in range(3)])
        call("DeleteListener", **ids, ListenerId=gone)
        call("ModifyListener", **ids, ListenerId=kept, ListenerName=f"client {number}")
        call("ModifyRule", **ids, ListenerId=kept, LocationId=rule, SessionExpireTime=30 + number)
        call("DeregisterTargets", **ids, ListenerId=kept, LocationId=rule,
             Targets=[{"EniIp": "127.0.0.1", "Port": 1001}])
        with pytest.raises(ApiError) as refused:
            call("DeleteListener", **ids, ListenerId=gone)
        assert refused.value.code == "InvalidParameter.ListenerIdNotFound"
        api.close()
        return tasks, kept, rule, gone

    results = together(work)
    for tasks, *_ in results:
        for task in tasks:
            done = busy.api.wait(task, 10)
            assert done["LoadBalancerIds"] is None or done["LoadBalancerIds"][0] in busy.balancers
    tasks = [task for result in results for task in result[0]]
    assert len(set(tasks)) == 8 * CLIENTS
    for place, balancer in enumerate(busy.balancers):
        found = listeners_of(busy, balancer)
        mine = range(place, CLIENTS, INSTANCES)
        assert sorted(found) == sorted(results[number][1] for number in mine)
        targets = {listener["ListenerId"]: listener for listener in busy.api.call(
            "DescribeTargets", LoadBalancerId=balancer)["Listeners"]}
        for number in mine:
            _, kept, rule, _ = results[number]
            assert found[kept]["ListenerName"] == f"client {number}"
            assert found[kept]["Port"] == ports[2 * number]
            [shown] = found[kept]["Rules"]
            assert (shown["LocationId"], shown["Domain"], shown["SessionExpireTime"]) == (
                rule, f"client{number}.example", 30 + number)
            [bound] = targets[kept]["Rules"]
            assert [(target["Port"], target["Weight"]) for target in bound["Targets"]] == [
                (1000, number), (1002, number)]
    assert "InternalError" not in busy.log()


def test_one_port_is_given_once(busy):
    """All ask for the same port of the same instance: one gets it, the others hear why not."""
    port, ids = free_port(), {"LoadBalancerId": busy.balancers[0]}

    def work(number):
        api = client_of(busy)
        answer = api.raw("CreateListener", json.dumps(
            {**ids, "Ports": [port], "Protocol": "HTTP", "ListenerNames": [f"n{number}"]}).encode())
        api.close()
        assert answer.status == 200
        return answer.response

    responses = together(work)
    made = [response for response in responses if "Error" not in response]
    assert len(made) == 1
    assert {response["Error"]["Code"] for response in responses if "Error" in response} == {
        "InvalidParameter.PortCheckFailed"}
    busy.api.wait(made[0]["RequestId"])
    assert [listener for listener in listeners_of(busy, busy.balancers[0]).values()
            if listener["Port"] == port][0]["ListenerId"] == made[0]["ListenerIds"][0]


def test_different_fields_of_one_noun_all_hold(busy):
    """Changes of different fields of one rule, and of different servers behind it, do not undo each
    other, however they fall."""
    ids = {"LoadBalancerId": busy.balancers[1]}
    ids["ListenerId"] = busy.api.call("CreateListener", **ids, Ports=[free_port()],
                                      Protocol="HTTP")["ListenerIds"][0]
    rule = busy.api.call("CreateRule", **ids, Rules=[{"Domain": "one.example", "Url": "/"}]
                         )["LocationIds"][0]
    ids["LocationId"] = rule
    changes = [("ModifyRule", {"Url": "/shop"}), ("ModifyRule", {"SessionExpireTime": 77}),
               ("ModifyRule", {"HealthCheck": {"HealthSwitch": 1, "IntervalTime": 60}}),
               ("ModifyListener", {"ListenerName": "together"}),
               ("ModifyListener", {"KeepaliveEnable": 1})]
    changes += [("RegisterTargets", {"Targets": [
        {"EniIp": "127.0.0.1", "Port": 2000 + n, "Weight": n}]}) for n in range(45)]

    def work(number):
        api = client_of(busy)
        action, fields = changes[number]
        known = {name: value for name, value in ids.items()
                 if name != "LocationId" or action != "ModifyListener"}
        api.change(action, **known, **fields)
        api.close()

    together(work)
    listener = listeners_of(busy, ids["LoadBalancerId"])[ids["ListenerId"]]
    assert (listener["ListenerName"], listener["KeepaliveEnable"]) == ("together", 1)
    [shown] = listener["Rules"]
    assert (shown["Url"], shown["SessionExpireTime"]) == ("/shop", 77)
    assert (shown["HealthCheck"]["HealthSwitch"], shown["HealthCheck"]["IntervalTime"]) == (1, 60)
    [bound] = [listener for listener in busy.api.call(
        "DescribeTargets", LoadBalancerId=ids["LoadBalancerId"])["Listeners"]
               if listener["ListenerId"] == ids["ListenerId"]][0]["Rules"]
    assert sorted((target["Port"], target["Weight"]) for target in bound["Targets"]) == [
        (2000 + n, n) for n in range(45)]


# ClientToken


def create(api, token, name="retried"):
    return api.call("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1",
                    LoadBalancerName=name, ClientToken=token)


def count_named(setia, name):
    return len(setia.api.call("DescribeLoadBalancers", LoadBalancerName=name)["LoadBalancerSet"])


def test_a_token_makes_one_instance_however_often_and_at_once(busy):
    def work(_):
        api = client_of(busy)
        response = create(api, "at-once", "at once")
        api.close()
        return response

    responses = together(work)
    assert all(response == responses[0] for response in responses)
    assert count_named(busy, "at once") == 1
    task = busy.api.wait(responses[0]["RequestId"])
    assert task["LoadBalancerIds"] == responses[0]["LoadBalancerIds"]
    with pytest.raises(ApiError) as error:
        create(busy.api, "at-once", "something else")
    assert error.value.code == "InvalidParameter"
    assert "ClientToken" in error.value.message
    assert count_named(busy, "something else") == 0


def committed_token(setia, token):
    path = os.path.join(setia.data, "setia.db")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute("SELECT answer FROM client_token WHERE token = ?",
                                (token,)).fetchone()
    finally:
        database.close()


def try_to_create(api, token, name):
    """The answer may be lost with the connection."""
    with contextlib.suppress(OSError, http.client.HTTPException, ApiError):
        create(api, token, name)


def test_a_lost_answer_is_given_again_after_a_crash(make_setia):
    """Control is killed when the change is in the database and nobody has read the answer yet; the
    next one gives the same answer, ends its task, and makes nothing twice."""
    setia = make_setia().start()
    for turn in range(3):
        token, name = f"crash-{turn}", f"crashed {turn}"
        caller = client_of(setia)
        lost = threading.Thread(target=try_to_create, args=(caller, token, name))
        lost.start()
        [kept] = until(lambda: committed_token(setia, token), 5, "the commit", every=0)
        old = setia.kill9("control")
        lost.join()
        caller.close()
        until(lambda: [pid for pid in setia.pids()["control"] if pid != old], 5, "a new control")
        setia.wait_api()
        again = create(setia.api, token, name)
        assert again == json.loads(kept)["Response"]
        task = setia.api.wait(again["RequestId"])
        assert task["LoadBalancerIds"] == again["LoadBalancerIds"]
        assert count_named(setia, name) == 1
    setia.stop()


def test_a_token_expires_and_is_then_forgotten(make_setia, own_clock):
    setia = make_setia(clock=own_clock).start()
    first = create(setia.api, "day", "day")
    own_clock.advance(86400 - 600)
    assert create(setia.api, "day", "day") == first
    own_clock.advance(1200)
    with pytest.raises(ApiError) as error:
        create(setia.api, "day", "day")
    assert error.value.code == "InvalidParameter.ClientTokenLimitExceeded"
    assert count_named(setia, "day") == 1
    own_clock.advance(7 * 86400)
    # What is forgotten is forgotten by a timer.
    until(lambda: not committed_token(setia, "day"), 5, "the token's end")
    assert create(setia.api, "day", "another day")["LoadBalancerIds"] != first["LoadBalancerIds"]
    setia.stop()


# Quotas and rate


def test_quotas_are_settings_and_break_nothing_that_is(make_setia, pair):
    setia = make_setia().start(["--quota", "TOTAL_TARGET_BIND_QUOTA=122"])
    site = setia.site(pair)
    other = setia.load_balancer()
    many = [{"EniIp": "127.0.0.1", "Port": 1 + n, "Weight": 0} for n in range(120)]
    for first in range(0, 120, 20):
        setia.api.change("RegisterTargets", **site.ids, LocationId=site.rule,
                         Targets=many[first:first + 20])
    setia.restart(["--quota", "TOTAL_OPEN_CLB_QUOTA=1", "--quota", "TOTAL_LISTENER_QUOTA=0",
                   "--quota", "TOTAL_LISTENER_RULE_QUOTA=1", "--quota", "TOTAL_TARGET_BIND_QUOTA=2"])
    rows = {row["QuotaId"]: row for row in setia.api.call("DescribeQuota")["QuotaSet"]}
    assert rows["TOTAL_OPEN_CLB_QUOTA"] == {"QuotaId": "TOTAL_OPEN_CLB_QUOTA", "QuotaCurrent": 2,
                                            "QuotaLimit": 1}
    assert rows["TOTAL_INTERNAL_CLB_QUOTA"]["QuotaLimit"] == 100
    assert rows["TOTAL_LISTENER_QUOTA"]["QuotaLimit"] == 0
    until(lambda: site.fetch().status == 200, 5, "what there was")
    for action, fields in (
            ("CreateLoadBalancer", {"LoadBalancerType": "OPEN", "Vip": "127.0.0.1"}),
            ("CreateListener", {"LoadBalancerId": other, "Ports": [free_port()],
                                "Protocol": "HTTP"}),
            ("CreateRule", {**site.ids, "Rules": [{"Domain": "new.example", "Url": "/"}]}),
            ("RegisterTargets", {**site.ids, "LocationId": site.rule,
                                 "Targets": [{"EniIp": "127.0.0.1", "Port": 999}]})):
        with pytest.raises(ApiError) as error:
            setia.api.call(action, **fields)
        assert error.value.code == "LimitExceeded", action
        assert "_QUOTA: at most" in error.value.message
    site.weight(pair[0], 3)
    site.deregister(pair[0])
    [rule] = setia.api.call("DescribeTargets", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]
    assert len(rule["Targets"]) == 121
    setia.stop()


def test_the_rate_is_a_setting_per_key_and_action(make_setia):
    setia = make_setia(api_rate=1).start()
    keys = setia.api.call("CreateApiKey")
    other = setia.api.with_key(keys["SecretId"], keys["SecretKey"])
    codes = [setia.api.raw("DescribeListeners", b'{"LoadBalancerId":"lb-00000000"}').code
             for _ in range(20)]
    assert codes[0] == "InvalidParameter.LBIdNotFound"
    assert set(codes[1:]) <= {"RequestLimitExceeded", "InvalidParameter.LBIdNotFound"}
    assert "RequestLimitExceeded" in codes
    assert other.raw("DescribeListeners", b'{"LoadBalancerId":"lb-00000000"}').code == \
        "InvalidParameter.LBIdNotFound"
    assert setia.api.raw("DescribeTargets", b'{"LoadBalancerId":"lb-00000000"}').code == \
        "InvalidParameter.LBIdNotFound"
    other.close()
    setia.stop()
