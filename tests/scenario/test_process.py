# SPDX-License-Identifier: Apache-2.0
"""Three processes: each may die, the configuration may change and the database may be lost, and
traffic goes on as promised."""

import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from lib.backend import answer
from lib.load import Load
from lib.shape import must_issue, pair_of, servers
from lib.setia import BINARY, SECRET_ID, SECRET_KEY, command
from lib.thread import stopped
from lib.wait import SLOW, accepts, free_port, until
from lib.wire import Connection, message


def wait_new(setia, role, old, seconds=3.0):
    """The pid of the process that came in the place of `old`."""
    return until(lambda: next((pid for pid in setia.pids()[role] if pid != old), None), seconds,
                 f"a new {role}\n{setia.log_tail()}")


def test_three_processes(make_setia):
    setia = make_setia().start()
    assert {role: len(pids) for role, pids in setia.pids().items()} == {
        "run": 1, "control": 1, "proxy": 1}
    assert setia.pid("run") == setia.process.pid
    setia.stop()


# Deaths


def test_kill_control_leaves_traffic_alone(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=1000)
    with Load(site.port) as load, site.connect() as client:
        first = client.get()
        for _ in range(2):
            killed = time.monotonic()
            old = setia.kill9("control")
            wait_new(setia, "control", old)
            setia.wait_api(1.0)
            assert time.monotonic() - killed < 1.0 * SLOW
            assert client.get(cookie=pair_of(must_issue(first))).text == first.text
            time.sleep(0.1)
        site.weight(pair[0], 0)
        site.weight(pair[0], 10)
    assert load.failures == [] and load.done > 20
    setia.stop()


def test_kill_proxy_is_back_within_a_second(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=1000)
    sessions = [site.fetch() for _ in range(6)]
    for _ in range(2):
        old = setia.kill9("proxy")
        killed = time.monotonic()
        # The backlog waits in the kernel: the connection is accepted at once and answered soon.
        assert site.fetch().status == 200
        assert time.monotonic() - killed < 1.0 * SLOW
        wait_new(setia, "proxy", old)
        for first in sessions:
            assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
        time.sleep(0.2)
    # Changes still reach the new one.
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def test_new_connections_never_fail_while_the_proxy_dies(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    failures = []
    stop = threading.Event()

    def connect():
        while not stop.is_set():
            try:
                Connection(site.port).close()
            except OSError as error:
                failures.append(error)
            time.sleep(0.002)

    thread = threading.Thread(target=connect)
    thread.start()
    for _ in range(3):
        old = setia.kill9("proxy")
        wait_new(setia, "proxy", old)
        assert site.fetch().status == 200
    stop.set()
    thread.join()
    assert failures == []
    setia.stop()


def test_proxy_that_dies_often_comes_back_later(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    for _ in range(5):
        old = setia.kill9("proxy")
        wait_new(setia, "proxy", old, 8)
    with Connection(site.port, timeout=8) as client:
        assert client.get().status == 200
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def test_kill_keeper_leaves_no_orphans_and_starts_again(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    setia.kill9("run")
    until(lambda: not any(setia.pids().values()), 3, f"the children to end: {setia.pids()}")
    assert not accepts(site.port)
    setia.process = None
    setia.start()
    assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def test_all_three_killed_in_the_middle_of_changes(make_setia, pair):
    """Whatever the API had confirmed is there after a crash."""
    setia = make_setia().start()
    site = setia.site(pair)
    for turn in range(3):
        location = site.add_rule([pair[turn % 2].target], Url=f"/{turn}")
        site.api.call("CreateRule", **site.ids, Rules=[{"Url": f"/late{turn}"}])
        for pid in [pid for pids in setia.pids().values() for pid in pids]:
            os.kill(pid, signal.SIGKILL)
        setia.process.wait()
        until(lambda: not any(setia.pids().values()), 3)
        setia.api.close()
        setia.start()
        assert site.fetch(f"/{turn}").text == pair[turn % 2].name
        urls = [rule["Url"] for rule in site.api.call(
            "DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0]["Rules"]]
        assert f"/{turn}" in urls and f"/late{turn}" in urls
        assert site.describe_rule(location)["Url"] == f"/{turn}"
    setia.stop()


# Changes


def test_changes_under_load_fail_no_request(make_setia, pair, make_backend):
    setia = make_setia().start()
    site = setia.site(pair)
    extra = make_backend("three")
    with Load(site.port, threads=6) as load:
        for turn in range(8):
            site.register(extra)
            site.weight(pair[0], turn % 3 * 10)
            location = site.add_rule([extra.target], Url=f"/other{turn}")
            site.modify_rule(SessionExpireTime=[0, 60][turn % 2])
            other = setia.api.call("CreateListener", LoadBalancerId=site.load_balancer,
                                   Ports=[free_port()], Protocol="HTTP")
            setia.api.wait(other["RequestId"])
            site.deregister(extra)
            site.api.change("DeleteRule", **site.ids, LocationIds=[location])
            site.api.change("DeleteListener", LoadBalancerId=site.load_balancer,
                            ListenerId=other["ListenerIds"][0])
    assert load.failures == []
    assert load.done > 200 / SLOW
    assert load.names.get("three", 0) > 0
    setia.stop()


def test_done_means_live_in_every_worker(make_setia, pair):
    """The first request behind a finished task sees the change, on old connections too."""
    setia = make_setia(workers=4).start()
    site = setia.site(pair)
    clients = [site.connect() for _ in range(12)]
    for turn in range(12):
        gone, stays = pair[turn % 2], pair[1 - turn % 2]
        site.weight(gone, 0)
        assert servers(client.get() for client in clients) == {stays.name: 12}
        site.weight(gone, 10)
    for client in clients:
        client.close()
    for _ in range(6):
        port = free_port()
        made = setia.api.change("CreateListener", LoadBalancerId=site.load_balancer, Ports=[port],
                                Protocol="HTTP")
        assert accepts(port)
        setia.api.change("DeleteListener", LoadBalancerId=site.load_balancer,
                         ListenerId=made["ListenerIds"][0])
        until(lambda port=port: not accepts(port), 2, "the port to be closed")
    setia.stop()


def test_done_waits_for_the_slowest_worker(make_setia, pair):
    """A change is not done while one worker, stopped by a debugger, has not adopted it."""
    setia = make_setia(workers=2).start()
    site = setia.site(pair)
    pid = setia.pid("proxy")
    threads = sorted(int(name) for name in os.listdir(f"/proc/{pid}/task") if int(name) != pid)
    for weight, thread in enumerate(threads[-2:], 20):  # the workers are started last
        try:
            with stopped(thread):
                response = setia.api.call("ModifyTargetWeight", **site.ids, LocationId=site.rule,
                                          Targets=[pair[0].target], Weight=weight)
                time.sleep(0.3)
                task = setia.api.call("DescribeTaskStatus", TaskId=response["RequestId"])
                assert task["Status"] == 2
        except PermissionError:
            pytest.skip("this machine does not allow tracing")
        setia.api.wait(response["RequestId"])
    setia.stop()


def test_task_runs_until_the_proxy_has_acknowledged(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    pid = setia.pid("proxy")
    os.kill(pid, signal.SIGSTOP)
    try:
        response = setia.api.call("ModifyTargetWeight", **site.ids, LocationId=site.rule,
                                  Targets=[pair[0].target], Weight=0)
        time.sleep(0.4)
        task = setia.api.call("DescribeTaskStatus", TaskId=response["RequestId"])
        assert task["Status"] == 2
    finally:
        os.kill(pid, signal.SIGCONT)
    setia.api.wait(response["RequestId"])
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def test_deleted_listener_lets_its_requests_finish(make_setia, make_backend):
    backend = make_backend()
    go = threading.Event()
    backend.script = lambda peer, request: (go.wait(10), peer.send(answer("late")))[1]
    setia = make_setia().start()
    site = setia.site([backend])
    with site.connect() as client:
        client.send(message())
        until(lambda: backend.requests, what="the request at the target")
        setia.api.change("DeleteListener", **site.ids)
        until(lambda: not accepts(site.port), 2, "the port to be closed")
        go.set()
        assert client.read().text == "late"
    setia.stop()


def test_listener_moves_to_another_instance_on_the_same_port(make_setia, pair):
    """Delete and create with one address: the new listener takes its sockets over."""
    setia = make_setia().start()
    site = setia.site([pair[0]])
    setia.api.call("DeleteListener", **site.ids)
    made = setia.api.call("CreateListener", LoadBalancerId=site.load_balancer, Ports=[site.port],
                          Protocol="HTTP")
    site.listener = made["ListenerIds"][0]
    site.rule = site.add_rule([pair[1].target], Url="/")
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


# The end


def test_sigterm_finishes_slow_requests(make_setia, make_backend):
    backend = make_backend()
    go = threading.Event()

    def script(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nslow")
        go.wait(10)
        peer.send(b"done")

    backend.script = script
    setia = make_setia().start()
    site = setia.site([backend])
    with site.connect() as client, site.connect() as idle:
        client.send(message())
        assert client.read_head().status == 200
        setia.process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(site.port), 3, "new connections to be refused")
        assert idle.is_closed()
        assert setia.process.poll() is None
        go.set()
        assert client.read_exactly(8) == b"slowdone"
        assert client.is_closed()
    assert setia.process.wait(5 * SLOW) == 0
    assert not any(setia.pids().values())
    setia.process = None


def test_grace_ends_and_a_second_signal_ends_at_once(make_setia, make_backend):
    for arguments, second in ((["--grace", "1"], False), (["--grace", "60"], True)):
        backend = make_backend()
        backend.script = lambda peer, request: peer.read_until(b"never")
        setia = make_setia(arguments=arguments).start()
        site = setia.site([backend])
        with site.connect() as client:
            client.send(message())
            until(lambda: backend.requests, what="the request at the target")
            setia.process.send_signal(signal.SIGTERM)
            if second:
                until(lambda: not accepts(site.port), 3, "new connections to be refused")
                setia.process.send_signal(signal.SIGTERM)
            assert setia.process.wait(5 * SLOW) == 0
        assert not any(setia.pids().values())
        setia.process = None


def test_sigint_ends_too(make_setia):
    setia = make_setia().start()
    setia.process.send_signal(signal.SIGINT)
    assert setia.process.wait(10 * SLOW) == 0
    setia.process = None
    assert not any(setia.pids().values())


# Ports


def bind_error(setia, site, listener):
    [found] = setia.api.call("DescribeListeners", LoadBalancerId=site.load_balancer,
                             ListenerIds=[listener])["Listeners"]
    return found["BindError"]


def test_port_that_cannot_be_bound(make_setia, make_backend):
    """Reported on that listener; all else goes on; taken as soon as it is free."""
    setia = make_setia().start()
    blocker, backend = make_backend("blocker"), make_backend("one")
    site = setia.site([backend])
    port = free_port()
    response = setia.api.call("CreateListener", LoadBalancerId=site.load_balancer,
                              Ports=[blocker.port, port], Protocol="HTTP")
    task = setia.api.wait(response["RequestId"], status=1)
    assert str(blocker.port) in task["Message"] and "in use" in task["Message"].lower()
    blocked, opened = response["ListenerIds"]
    assert "in use" in bind_error(setia, site, blocked).lower()
    assert bind_error(setia, site, opened) is None
    assert bind_error(setia, site, site.listener) is None
    assert site.fetch().text == "one"
    assert accepts(port)
    # Other changes succeed meanwhile, and the configuration of the blocked one is kept.
    rule = setia.api.call("CreateRule", LoadBalancerId=site.load_balancer, ListenerId=blocked,
                          Rules=[{"Url": "/"}])
    setia.api.call("RegisterTargets", LoadBalancerId=site.load_balancer, ListenerId=blocked,
                   LocationId=rule["LocationIds"][0], Targets=[backend.target])
    site.weight(backend, 20)
    blocker.stop()
    until(lambda: bind_error(setia, site, blocked) is None, 6, "the port to be taken", every=0.1)
    with Connection(blocker.port) as client:
        assert client.get().text == "one"
    setia.stop()


def test_api_port_in_use_is_a_clear_error(make_setia, make_backend):
    taken = make_backend("taken")
    setia = make_setia(port=taken.port)
    setia.spawn()
    assert setia.process.wait(5 * SLOW) == 1
    setia.process = None
    assert str(taken.port) in setia.log() and "in use" in setia.log().lower()
    assert not any(setia.pids().values())


def test_second_keeper_on_one_directory(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    done = command("run", "--data", setia.data, "--api", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert setia.data in done.stderr
    assert site.fetch().status == 200
    setia.api.call("DescribeQuota")
    setia.stop()


# The log


def test_log_lines(make_setia, pair):
    import json
    setia = make_setia().start()
    site = setia.site(pair)
    site.fetch()
    setia.stop()
    for line in setia.log().splitlines():
        assert line.startswith("time=") and " level=" in line and " process=" in line
        assert " event=" in line
    before = len(setia.log().splitlines())
    setia.start(["--log-format", "json"])
    for _ in range(50):
        site.fetch()
    setia.stop()
    lines = setia.log().splitlines()[before:]
    for line in lines:
        tree = json.loads(line)
        assert {"time", "level", "process", "event"} <= set(tree)
    assert len(lines) < 50, "nothing per request"


def test_secrets_stay_out_of_log_and_command_lines(make_setia, pair):
    setia = make_setia(arguments=["--log-level", "debug"]).start()
    site = setia.site(pair, SessionExpireTime=60)
    token = must_issue(site.fetch()).value
    made = setia.api.call("CreateApiKey")
    for pid in [pid for pids in setia.pids().values() for pid in pids]:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read()
        assert SECRET_KEY.encode() not in words and made["SecretKey"].encode() not in words
    setia.stop()
    for secret in (SECRET_KEY, made["SecretKey"], token):
        assert secret not in setia.log()
    assert SECRET_ID


def test_runs_without_root(make_setia, pair, tmp_path):
    """As an ordinary user: everything above port 1024."""
    if os.geteuid() != 0:
        pytest.skip("the whole suite already runs without root")
    import pwd
    user = pwd.getpwnam("nobody")
    directory = tmp_path
    while directory != directory.parent and os.stat(directory).st_uid == 0 \
            and str(directory).startswith("/tmp/"):
        os.chmod(directory, 0o755)
        directory = directory.parent
    setia = make_setia()
    os.makedirs(setia.data)
    os.chown(setia.data, user.pw_uid, user.pw_gid)
    # The checkout may lie where others cannot go, as root's home.
    binary = shutil.copy(BINARY, tmp_path / "setia")
    with open(setia.log_path, "ab") as log:
        setia.process = subprocess.Popen(
            [binary, "run", "--data", setia.data, "--api", f"127.0.0.1:{setia.port}",
             "--api-rate", "0", "--workers", "2"], user="nobody", stderr=log,
            env={"SETIA_SECRET_ID": SECRET_ID, "SETIA_SECRET_KEY": SECRET_KEY})
    setia.wait_api()
    site = setia.site(pair)
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    setia.stop()


def test_children_run_as_another_user(make_setia, pair, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("--user needs root")
    directory = tmp_path
    while str(directory).startswith("/tmp/"):
        os.chmod(directory, 0o755)
        directory = directory.parent
    setia = make_setia(arguments=["--user", "nobody"]).start()
    import pwd
    uid = pwd.getpwnam("nobody").pw_uid
    assert os.stat(f"/proc/{setia.pid('run')}").st_uid == 0
    for role in ("control", "proxy"):
        with open(f"/proc/{setia.pid(role)}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Uid:"))
        assert set(line.split()[1:]) == {str(uid)}, line
    site = setia.site(pair)
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    setia.kill9("control")
    setia.wait_api()
    setia.restart()
    assert site.fetch().status == 200
    setia.stop()
