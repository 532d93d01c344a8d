# SPDX-License-Identifier: Apache-2.0
"""setia backup, setia restore and setia audit: with a balancer and without, with good files and bad."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
import threading

import pytest

from lib.api import ApiError
from lib.setia import command
from lib.shape import must_issue, pair_of, servers
from lib.wait import free_port, until


def done(*words, **options):
    result = command(*map(str, words), **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(*words, **options):
    result = command(*map(str, words), **options)
    assert result.returncode == 1, (result.stdout, result.stderr)
    return result.stderr


def contents(directory):
    """What is in a directory, byte for byte."""
    found = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def configuration(setia):
    balancers = setia.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
    return [(balancer, setia.api.call("DescribeListeners", LoadBalancerId=balancer["LoadBalancerId"]
                                      )["Listeners"],
             [[(target["PrivateIpAddresses"], target["Port"], target["Weight"])
               for rule in listener["Rules"] for target in rule["Targets"]]
              for listener in setia.api.call("DescribeTargets",
                                             LoadBalancerId=balancer["LoadBalancerId"])["Listeners"]])
            for balancer in balancers]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A stopped balancer with a site, and a backup of it."""
    from lib.setia import Setia
    setia = Setia(tmp_path_factory.mktemp("saved"))
    try:
        setia.start()
        setia.site([{"EniIp": "127.0.0.1", "Port": 9}], SessionExpireTime=60)
        setia.file = os.path.join(setia.directory, "backup.db")
        done("backup", setia.file, "--data", setia.data)
        setia.stop()
        yield setia
    finally:
        setia.end()


# Backup and restore


def test_restored_elsewhere_everything_goes_on(make_setia, own_clock, pair, tmp_path):
    """While everything changes a backup is of one moment; in another directory it gives the same
    configuration, the same keys, and cookies stay valid, although the wall clock was set back."""
    environment = {"SETIA_CLOCK_FILE": own_clock.path}
    setia = make_setia(clock=own_clock, seed=False).start()
    site = setia.site(pair, SessionExpireTime=1000)
    issued = [site.fetch() for _ in range(4)]
    assert servers(issued) == {"one": 2, "two": 2}
    own_clock.advance(500)
    before = configuration(setia)
    file = tmp_path / "first.db"
    done("backup", file, "--data", setia.data, environment=environment)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    site.weight(pair[0], 77)
    setia.stop()
    own_clock.step_wall(-5000)
    other = make_setia("elsewhere", clock=own_clock, seed=False)
    done("restore", file, "--data", other.data, environment=environment)
    other.start()
    assert configuration(other) == before
    until(lambda: site.fetch().status == 200, 5, "traffic")
    for first in issued:
        again = site.fetch(cookie=pair_of(must_issue(first)))
        assert again.text == first.text
    # It can be changed, and a second backup of it is as good as the first.
    other.api.change("CreateListener", LoadBalancerId=site.load_balancer, Ports=[site.port + 1],
                     Protocol="TCP")
    done("backup", tmp_path / "second.db", "--data", other.data, environment=environment)
    other.stop()


def test_restored_in_place_the_old_one_is_kept(make_setia, pair, tmp_path):
    setia = make_setia().start()
    site = setia.site(pair)
    file = tmp_path / "backup.db"
    done("backup", file, "--data", setia.data)
    site.weight(pair[0], 0)
    # A running balancer is left alone.
    bytes_before = file.read_bytes()
    assert "runs on" in refused("restore", file, "--data", setia.data)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    # Killed: what was committed stands in the -wal, and goes where the old one goes.
    setia.kill9("run")
    until(lambda: not any(setia.pids().values()), 3)
    setia.process = None
    done("restore", file, "--data", setia.data)
    assert file.read_bytes() == bytes_before
    old = os.path.join(setia.data, "setia.db.before-restore")
    with contextlib.closing(sqlite3.connect(f"file:{old}?mode=ro&immutable=1", uri=True)) as database:
        assert database.execute("SELECT weight FROM target ORDER BY number").fetchall() == [
            (0,), (10,)]
    assert "snapshot" not in os.listdir(setia.data)
    setia.start()
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    setia.stop()
    # And back again.
    shutil.copy(old, tmp_path / "newer.db")
    done("restore", tmp_path / "newer.db", "--data", setia.data)
    setia.start()
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()


def test_a_backup_is_of_one_moment(make_setia, tmp_path):
    """Listeners are made and deleted in pairs, in one call each: a backup never holds half a pair."""
    setia = make_setia().start()
    balancer = setia.load_balancer()
    ports = [free_port(), free_port()]
    stop = threading.Event()

    def change():
        api = setia.api.with_key(setia.api.secret_id, setia.api.secret_key)
        while not stop.is_set():
            made = api.call("CreateListener", LoadBalancerId=balancer, Ports=ports,
                            Protocol="TCP")["ListenerIds"]
            api.call("DeleteLoadBalancerListeners", LoadBalancerId=balancer, ListenerIds=made)
        api.close()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for n in range(6):
            file = tmp_path / f"{n}.db"
            done("backup", file, "--data", setia.data)
            with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert database.execute("SELECT count(*) FROM listener").fetchone()[0] in (0, 2)
                assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    finally:
        stop.set()
        thread.join()
    assert sorted(os.listdir(tmp_path)) == sorted([f"{n}.db" for n in range(6)] + ["setia0"])
    setia.stop()


def test_backup_replaces_nothing_by_accident(saved, tmp_path):
    file = tmp_path / "backup.db"
    file.write_text("precious")
    assert "--force" in refused("backup", file, "--data", saved.data)
    assert file.read_text() == "precious"
    done("backup", file, "--force", "--data", saved.data)
    assert file.read_bytes()[:15] == b"SQLite format 3"
    database = os.path.join(saved.data, "setia.db")
    before = contents(saved.data)
    assert "itself" in refused("backup", database, "--force", "--data", saved.data)
    assert "no plain file" in refused("backup", tmp_path, "--force", "--data", saved.data)
    assert "No such file" in refused("backup", tmp_path / "x" / "y", "--data", saved.data)
    assert "No such file" in refused("backup", tmp_path / "z", "--data", tmp_path)
    assert contents(saved.data) == before
    assert os.listdir(tmp_path) == ["backup.db"]


def change_by(sql):
    def change(path):
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            database.executescript(sql)
    return change


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def scribble(path):
    with open(path, "r+b") as file:
        for place in range(8192, os.path.getsize(path), 4096):
            file.seek(place + 8)
            file.write(b"\xff" * 16)


def write(data):
    def change(path):
        with open(path, "wb") as file:
            file.write(data)
    return change


def beside(path):
    with open(path + "-wal", "wb") as file:
        file.write(b"x")


def make_directory(path):
    os.unlink(path)
    os.mkdir(path)


def make_pipe(path):
    os.unlink(path)
    os.mkfifo(path)


BAD = {
    "missing": (os.unlink, "No such file"),
    "directory": (make_directory, "no plain file"),
    "pipe": (make_pipe, "no plain file"),
    "empty": (write(b""), "is empty"),
    "text": (write(b"LoadBalancers:\n" * 1000), "not a database"),
    "cut": (cut, "malformed"),
    "scribbled": (scribble, "damaged"),
    "in use": (beside, "setia backup"),
    "foreign": (change_by("PRAGMA application_id = 7"), "no database of Setia"),
    "newer": (change_by("PRAGMA user_version = 9999"), "newer"),
    "other schema": (change_by("DROP INDEX listener_port"), "log line above"),
    "trigger": (change_by("CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM api_key; END"),
                "log line above"),
    "orphan": (change_by("DELETE FROM instance"), "damaged"),
    "bad row": (change_by("UPDATE rule SET url = 'no slash'"), "log line above"),
    "bad address": (change_by("UPDATE target SET ip = '224.0.0.1'"), "log line above"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_is_refused_and_nothing_touched(saved, tmp_path, how):
    change, word = BAD[how]
    file = str(tmp_path / "backup.db")
    shutil.copy(saved.file, file)
    change(file)
    before = contents(saved.data)
    text = refused("restore", file, "--data", saved.data)
    assert word in text, text
    assert contents(saved.data) == before


def test_restore_gives_back_a_way_in(saved, tmp_path):
    """DIR/credentials of another installation is put aside for a key that the database knows."""
    data = tmp_path / "data"
    data.mkdir(mode=0o750)
    (data / "credentials").write_text("secret_id = AKIDother\nsecret_key = other\n")
    done("restore", saved.file, "--data", data)
    assert saved.api.secret_id in (data / "credentials").read_text()
    assert stat.S_IMODE(os.stat(data / "credentials").st_mode) == 0o600
    assert "AKIDother" in (data / "credentials.before-restore").read_text()
    kept = (data / "credentials").read_text()
    done("restore", saved.file, "--data", data)
    assert (data / "credentials").read_text() == kept
    os.chmod(data, 0o777)
    assert "everybody" in refused("restore", saved.file, "--data", data)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_restore_as_root_gives_the_files_to_the_directorys_owner(saved):
    with tempfile.TemporaryDirectory(prefix="setia-restore-") as home:
        os.chmod(home, 0o755)
        data = os.path.join(home, "data")
        os.mkdir(data, 0o750)
        os.chown(data, 65534, 65534)
        done("restore", saved.file, "--data", data)
        assert {"setia.db", "credentials", "clock"} <= set(os.listdir(data))
        for name in os.listdir(data):
            assert os.stat(os.path.join(data, name)).st_uid == 65534, name


def test_misuse(saved):
    for words in (["backup"], ["backup", ""], ["backup", "a", "b"], ["backup", "--nonsense", "a"],
                  ["restore"], ["restore", "a", "b"], ["restore", "--force", "a"],
                  ["audit", "word"], ["audit", "--since", "yesterday"], ["audit", "-n", "0"],
                  ["audit", "--since", "2026-02-30"], ["audit", "--result", "maybe"],
                  ["audit", "--since", "9999999999999999d"], ["audit", "-n", "x"]):
        result = command(*words, "--data", saved.data)
        assert result.returncode == 2 and result.stderr, words
    for name in ("backup", "restore", "audit"):
        assert done("help", name).startswith(f"Usage: setia {name}")


# Audit


def test_audit_tells_who_did_what(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    keys = setia.api.call("CreateApiKey")
    other = setia.api.with_key(keys["SecretId"], keys["SecretKey"])
    with pytest.raises(ApiError):
        other.call("ModifyRule", **site.ids, LocationId=site.rule, SessionExpireTime=5)
    with pytest.raises(ApiError):
        other.call("DeleteListener", **site.ids, Nonsense=1)
    other.close()

    def audit(*words):
        return [json.loads(line) for line in
                done("audit", "--data", setia.data, "--json", *words).splitlines()]

    for _ in ("while it runs", "while it does not"):
        rows = audit()
        assert [row["Action"] for row in rows] == [
            "CreateLoadBalancer", "CreateListener", "CreateRule", "RegisterTargets", "CreateApiKey",
            "ModifyRule", "DeleteListener"]
        assert [row["Result"] for row in rows] == ["ok"] * 5 + ["InvalidParameterValue",
                                                                "UnknownParameter"]
        assert rows[0]["Detail"]["Concerns"] == [site.load_balancer]
        assert site.rule in rows[2]["Detail"]["Concerns"]
        assert all(row["RequestId"] and row["Time"].endswith("Z") for row in rows)
        assert audit("-n", "2") == rows[-2:]
        assert audit("--key", keys["SecretId"]) == rows[-2:]
        assert audit("--action", "CreateRule") == rows[2:3]
        assert audit("--result", "refused") == rows[-2:]
        assert audit("--result", "ok") == rows[:5]
        assert audit("--id", site.listener) == rows[1:4] + rows[5:]
        assert audit("--id", site.load_balancer[:-1]) == []
        assert audit("--since", "1h") == rows
        assert audit("--since", "2099-01-01T00:00:00Z") == []
        assert audit("--since", "2020-01-01", "--result", "ok", "-n", "1") == rows[4:5]
        lines = done("audit", "--data", setia.data).splitlines()
        assert [line.split(" ")[2] for line in lines] == [row["Action"] for row in rows]
        assert keys["SecretKey"] not in "".join(lines)
        if setia.process:
            setia.stop()


def test_audit_escapes_what_it_shows(saved, tmp_path):
    """Who writes to the file by hand moves no cursor and forges no line."""
    data = tmp_path / "data"
    done("restore", saved.file, "--data", data)
    hostile = "a\nb c\x1b[2J\x7f\u009bA\u202e\U0001f600\xe9"
    with contextlib.closing(sqlite3.connect(data / "setia.db")) as database:
        database.execute("INSERT INTO audit (wall_s, key_id, action, request_id, result, detail)"
                         " VALUES (?, ?, ?, ?, ?, ?)", (2**62, hostile, hostile, "", "ok", hostile))
        database.execute("INSERT INTO audit (wall_s, key_id, action, request_id, result, detail)"
                         " VALUES (1, 'k', 'a', 'r', 'ok', CAST(x'ff41' AS TEXT))")
        database.commit()
    line, bad = done("audit", "--data", data, "-n", "2").splitlines()
    assert line.split(" ")[0] == "?"
    assert line.split(" ")[1].startswith(r"a\x0ab\x20c\x1b[2J\x7f")
    assert not any(character in line for character in "\x1b\x7f\u009b")
    assert bad.endswith(r" \xffA")
    rows = [json.loads(text) for text in done("audit", "--data", data, "-n", "2", "--json").splitlines()]
    assert rows[0]["Key"] == hostile and rows[1]["Detail"] is None
    assert "No such file" in refused("audit", "--data", tmp_path)
    os.symlink(data / "setia.db", tmp_path / "setia.db")
    assert "no plain file" in refused("audit", "--data", tmp_path)
