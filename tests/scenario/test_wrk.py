# SPDX-License-Identifier: Apache-2.0
"""wrk, as hard as it can for some seconds: no answer but 200, no connection that breaks, whatever is
changed through the API meanwhile."""

import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from lib.custom import Custom
from lib.wait import SLOW, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 64
SECONDS = 5
ERRORS = ("connect", "read", "write", "timeout", "status")


def wrk(port, *words, seconds=SECONDS):
    """One run; what its script counted."""
    program = shutil.which("wrk")
    assert program, "wrk is missing: ./script/setup test"
    done = subprocess.run(
        [program, "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{int(5 * SLOW)}s", "-s",
         os.path.join(HERE, "lib", "session.lua"), f"http://127.0.0.1:{port}/", "--", *words],
        capture_output=True, text=True, timeout=(seconds + 30) * SLOW, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def is_clean(got):
    assert {name: got[name] for name in ERRORS} == dict.fromkeys(ERRORS, 0), got
    assert got["requests"] > 500 / SLOW
    return got


@pytest.mark.parametrize("persistence", [{}, {"SessionExpireTime": 1000}], ids=["off", "on"])
def test_no_request_fails(make_site, nginx, persistence):
    site = make_site(nginx.targets, **persistence)
    is_clean(wrk(site.port))


def test_a_cookie_leads_every_request_home(make_site, nginx):
    site = make_site(nginx.targets, SessionExpireTime=1000)
    got = is_clean(wrk(site.port, "stay"))
    assert (got["moved"], got["homeless"]) == (0, 0)


def test_connections_of_one_request(make_site, setia, nginx):
    """A connection for every request: the balancer closes, in order."""
    site = make_site(nginx.targets)
    with Custom(setia.api, "keepalive_timeout 0s;", site.load_balancer):
        is_clean(wrk(site.port, seconds=3))


class Changes:
    """Ten changes a second, one kind after the other, each of which leaves the servers that the
    clients know in place. An error of the API is a failure."""

    def __init__(self, site, targets):
        self.site, self.targets = site, targets
        self.api = site.api.with_key(site.api.secret_id, site.api.secret_key)
        self.count, self.failures = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._kinds = [self._weight, self._rule, self._target, self._time, self._listener]
        self._other = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10 * SLOW)
        self.api.close()

    def _run(self):
        while not self._stop.wait(0.1):
            try:
                self._kinds[self.count % len(self._kinds)]()
                self.count += 1
            except Exception as error:  # noqa: BLE001 - every kind is a failure
                self.failures.append(repr(error))
                return

    def _call(self, action, **fields):
        return self.api.call(action, LoadBalancerId=self.site.load_balancer, **fields)

    def _weight(self):
        self._call("ModifyTargetWeight", ListenerId=self.site.listener, LocationId=self.site.rule,
                   Targets=self.targets[:1], Weight=5 + self.count % 20)

    def _rule(self):
        """Another rule comes; the one before it goes."""
        ids = {"ListenerId": self.site.listener}
        made = self._call("CreateRule", **ids, Rules=[{"Url": f"/changes-{self.count}/"}])
        if self._other:
            self._call("DeleteRule", **ids, LocationIds=[self._other.pop()])
        self._other.append(made["LocationIds"][0])

    def _target(self):
        """A server that nobody is sent to comes or goes."""
        ids = {"ListenerId": self.site.listener, "LocationId": self.site.rule}
        target = {"EniIp": "127.0.0.1", "Port": 9, "Weight": 0}
        is_there = self.count // len(self._kinds) % 2
        self._call("DeregisterTargets" if is_there else "RegisterTargets", **ids, Targets=[target])

    def _time(self):
        rule = self.site.describe_rule()
        if rule["SessionExpireTime"]:
            self._call("ModifyRule", ListenerId=self.site.listener, LocationId=self.site.rule,
                       SessionExpireTime=1000 + self.count % 7)

    def _listener(self):
        made = self._call("CreateListener", Ports=[free_port()], Protocol="HTTP")
        self._call("DeleteListener", ListenerId=made["ListenerIds"][0])


@pytest.mark.parametrize("words, expire", [((), 0), (("stay",), 1000)], ids=["off", "on"])
def test_changes_every_100_ms(make_setia, nginx, words, expire):
    setia = make_setia().start()
    site = setia.site(nginx.targets, SessionExpireTime=expire)
    pids = setia.pids()
    begin = time.monotonic()
    with Changes(site, nginx.targets) as changes:
        got = is_clean(wrk(site.port, *words))
    assert changes.failures == []
    assert changes.count > (time.monotonic() - begin) * 5 / SLOW
    assert got["moved"] == 0
    assert got["homeless"] == 0 or not expire
    assert setia.pids() == pids
    setia.stop()
