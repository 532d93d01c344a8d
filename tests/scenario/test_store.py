# SPDX-License-Identifier: Apache-2.0
"""What is kept on disk and what happens when it is lost: the database, the last good snapshot, the
configuration file."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

from lib.api import ApiError
from lib.load import Load
from lib.shape import must_issue, pair_of, servers
from lib.wait import accepts, free_port, until
from lib.wire import Connection


def wait_new(setia, role, old, seconds=3.0):
    """The pid of the process that came in the place of `old`."""
    return until(lambda: next((pid for pid in setia.pids()[role] if pid != old), None), seconds,
                 f"a new {role}\n{setia.log_tail()}")


def damage(path, how):
    if how == "missing":
        os.unlink(path)
    elif how == "empty":
        os.truncate(path, 0)
    elif how == "junk":
        with open(path, "r+b") as file:
            file.write(os.urandom(8192))
    elif how == "cut":
        os.truncate(path, os.path.getsize(path) // 2)
    elif how == "flipped":
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0x40]))


def lose_database(setia, how):
    path = os.path.join(setia.data, "setia.db")
    for name in (path + "-wal", path + "-shm"):
        if os.path.exists(name):
            os.unlink(name)
    damage(path, how)


@pytest.mark.parametrize("how", ["missing", "junk", "cut", "empty"])
def test_lost_database_traffic_goes_on(make_setia, pair, how):
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    setia.stop()
    lose_database(setia, how)
    setia.spawn()
    until(lambda: accepts(site.port), 5, f"traffic\n{setia.log_tail()}")
    answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(4)]
    assert servers(answers) == {first.text: 4}

    def refusal():
        try:
            setia.api.call("DescribeLoadBalancers")
        except ApiError as error:
            return error
        except OSError:
            return None
        raise AssertionError("the API works without its database")

    error = until(refusal, 5, f"the API's answer\n{setia.log_tail()}")
    assert error.code == "ServiceUnavailable"
    assert "setia.db" in error.message or "database" in error.message.lower()
    assert "setia.db" in setia.log() or "database" in setia.log().lower()
    assert site.fetch().status == 200
    setia.stop()


def test_database_lost_while_running(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    lose_database(setia, "junk")
    old = setia.kill9("control")
    wait_new(setia, "control", old)
    time.sleep(0.3)
    with Load(site.port) as load:
        time.sleep(0.5)
    assert load.failures == [] and load.done > 10
    old = setia.kill9("proxy")
    assert site.fetch().status == 200
    wait_new(setia, "proxy", old)
    setia.stop()


@pytest.mark.parametrize("how", ["missing", "junk", "cut", "empty", "flipped"])
def test_damaged_snapshot_on_disk_is_never_adopted(make_setia, pair, how):
    """With a whole database the configuration is back as soon as control has published it."""
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    setia.stop()
    damage(os.path.join(setia.data, "snapshot"), how)
    setia.start()
    until(lambda: accepts(site.port), 5, "traffic")
    answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(4)]
    assert servers(answers) == {first.text: 4}
    setia.stop()


def test_database_and_snapshot_both_damaged(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    setia.stop()
    damage(os.path.join(setia.data, "snapshot"), "junk")
    lose_database(setia, "junk")
    setia.spawn()
    until(lambda: accepts(setia.port), 5, "the API's port")
    time.sleep(0.3)
    assert setia.process.poll() is None
    assert {role: len(pids) for role, pids in setia.pids().items()} == {
        "run": 1, "control": 1, "proxy": 1}
    assert not accepts(site.port)
    setia.stop()


def test_snapshot_is_written_before_it_is_needed(make_setia, pair):
    """Every acknowledged change is on disk: killed and without its database, the last counts."""
    setia = make_setia().start()
    site = setia.site(pair)
    site.weight(pair[0], 0)
    setia.kill9("run")
    until(lambda: not any(setia.pids().values()), 3)
    setia.process = None
    lose_database(setia, "missing")
    setia.spawn()
    until(lambda: accepts(site.port), 5, "traffic")
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


# The configuration file


CONFIGURATION = """
LoadBalancers:
  - LoadBalancerName: web
    Vip: 127.0.0.1
    Listeners:
      - Protocol: HTTP
        Port: {port}
        Rules:
          - Url: /
            SessionExpireTime: {session}
            Targets:
              - {{EniIp: 127.0.0.1, Port: {one}, Weight: 10}}
              - {{EniIp: 127.0.0.1, Port: {two}, Weight: 10}}
"""


def test_configuration_file_at_start_sighup_and_after_a_crash(make_setia, pair, tmp_path):
    path = tmp_path / "setia.yaml"
    values = {"port": free_port(), "one": pair[0].port, "two": pair[1].port, "session": 0}
    path.write_text(CONFIGURATION.format(**values))
    setia = make_setia(arguments=["--config", str(path)]).start()
    until(lambda: accepts(values["port"]), 5, f"the listener\n{setia.log_tail()}")

    def cookie_count():
        with Connection(values["port"]) as client:
            got = client.get()
            assert got.status == 200
            return len(got.all("Set-Cookie"))

    until(lambda: cookie_count() == 0, 3, "the targets")
    # Changed and read again.
    path.write_text(CONFIGURATION.format(**{**values, "session": 60}))
    assert cookie_count() == 0
    setia.process.send_signal(signal.SIGHUP)
    until(lambda: cookie_count() == 1, 5, f"the new file\n{setia.log_tail()}")
    # Refused: nothing of it is applied, the log names the line.
    path.write_text(CONFIGURATION.format(**{**values, "session": 5}).replace(
        f"Port: {values['port']}", f"Port: {free_port()}"))
    setia.process.send_signal(signal.SIGHUP)
    until(lambda: "SessionExpireTime" in setia.log(), 5, "the refusal in the log")
    assert f"{path.name}:10" in setia.log()
    assert cookie_count() == 1
    # What the API changed since is not undone by a control that was restarted after a crash.
    [balancer] = setia.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
    [listener] = setia.api.call("DescribeListeners", LoadBalancerId=balancer["LoadBalancerId"]
                                )["Listeners"]
    [rule] = listener["Rules"]
    setia.api.change("ModifyRule", LoadBalancerId=balancer["LoadBalancerId"],
                     ListenerId=listener["ListenerId"], LocationId=rule["LocationId"],
                     SessionExpireTime=0)
    path.write_text(CONFIGURATION.format(**{**values, "session": 60}))
    old = setia.kill9("control")
    wait_new(setia, "control", old)
    setia.wait_api()
    time.sleep(0.3)
    assert cookie_count() == 0
    path.unlink()
    setia.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert cookie_count() == 0
    setia.stop()


def test_bad_configuration_at_start_does_not_stop_the_rest(make_setia, pair, tmp_path):
    setia = make_setia().start()
    site = setia.site(pair)
    setia.stop()
    path = tmp_path / "bad.yaml"
    path.write_text("LoadBalancers:\n  - Nonsense: 1\n")
    setia.start(["--config", str(path)])
    until(lambda: "Nonsense" in setia.log(), 5, "the refusal in the log")
    assert "bad.yaml:2" in setia.log()
    assert site.fetch().status == 200
    setia.stop()


# The database


def test_database_is_whole_and_every_change_is_audited(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair, SessionExpireTime=60)
    changed = site.weight(pair[0], 5)["RequestId"]
    with pytest.raises(ApiError) as error:
        site.api.call("DeregisterTargets", **site.ids, LocationId=site.rule,
                      Targets=[{"EniIp": "127.0.0.1", "Port": 9}])
    made = setia.api.call("CreateApiKey")
    setia.api.call("DescribeQuota")
    setia.stop()
    path = os.path.join(setia.data, "setia.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA user_version").fetchone()[0] >= 1
        assert database.execute("PRAGMA application_id").fetchone()[0] != 0
        rows = database.execute("SELECT wall_s, key_id, action, request_id, result, detail"
                                " FROM audit ORDER BY number").fetchall()
    by_request = {row[3]: row for row in rows}
    wall_s, key_id, action, _, result, detail = by_request[changed]
    assert abs(wall_s - time.time()) < 60
    assert (key_id, action, result) == (setia.api.secret_id, "ModifyTargetWeight", "ok")
    assert str(pair[0].port) in detail
    assert by_request[error.value.request_id][4] == "InvalidParameter"
    assert {row[2] for row in rows} >= {"CreateLoadBalancer", "CreateListener", "CreateRule",
                                       "RegisterTargets", "ModifyTargetWeight", "CreateApiKey"}
    assert not any(row[2].startswith("Describe") for row in rows)
    assert not any(made["SecretKey"] in text for row in rows for text in map(str, row))


def test_newer_schema_is_refused(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    setia.stop()
    path = os.path.join(setia.data, "setia.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")
        database.commit()
    setia.spawn()
    until(lambda: accepts(site.port), 5, "traffic from the last good snapshot")
    until(lambda: accepts(setia.port), 5, "the API's port")
    assert until(lambda: setia.api.raw("DescribeQuota").code, 5) == "ServiceUnavailable"
    assert site.fetch().status == 200
    setia.stop()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    setia.start()
    assert site.describe_rule()["LocationId"] == site.rule
    setia.stop()


def test_sighup_without_a_file_changes_nothing(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    pids = setia.pids()
    setia.process.send_signal(signal.SIGHUP)
    assert site.fetch().status == 200
    setia.api.call("DescribeQuota")
    assert setia.pids() == pids
    setia.stop()
