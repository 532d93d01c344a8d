# SPDX-License-Identifier: Apache-2.0
"""A database that is locked, full or read-only: the change is refused whole with a reason, traffic and
the running configuration stay, and when the cause is gone the next change works."""

import contextlib
import os
import resource
import sqlite3
import subprocess

import pytest

from lib.api import ApiError
from lib.setia import sanitizer
from lib.shape import servers
from lib.wait import accepts, until


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    from lib.backend import Backend
    from lib.setia import Setia
    backends = [Backend("one"), Backend("two")]
    setia = Setia(tmp_path_factory.mktemp("failure"))
    try:
        setia.start()
        setia.backends = backends
        setia.own = setia.site(backends)
        yield setia
        setia.stop()
    finally:
        setia.end()
        for backend in backends:
            backend.stop()


@contextlib.contextmanager
def locked(setia):
    """Another program holds the database's write lock."""
    database = sqlite3.connect(os.path.join(setia.data, "setia.db"), isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


@contextlib.contextmanager
def full(setia):
    """No file of control may grow: as on a disk without room."""
    pid = setia.pid("control")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def refused(setia, action, **fields):
    with pytest.raises(ApiError) as error:
        setia.api.call(action, **fields)
    return error.value


def state_of(setia):
    return setia.api.call("DescribeTargets", LoadBalancerId=setia.own.load_balancer)["Listeners"]


def check_works_again(setia):
    site = setia.own
    pids = setia.pids()
    site.weight(setia.backends[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    site.weight(setia.backends[0], 10)
    assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    assert setia.pids() == pids
    path = os.path.join(setia.data, "setia.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = database.execute("SELECT port, weight FROM target ORDER BY number").fetchall()
    assert rows == [(backend.port, 10) for backend in setia.backends]


@pytest.mark.parametrize("cause, word", [(locked, "locked"), (full, "full")])
def test_a_change_is_refused_whole_and_works_later(product, cause, word):
    setia, site = product, product.own
    target = setia.backends[0].target
    before = state_of(setia)
    with cause(setia):
        for action, fields in (
                ("ModifyTargetWeight", {**site.ids, "LocationId": site.rule, "Targets": [target],
                                        "Weight": 55}),
                ("RegisterTargets", {**site.ids, "LocationId": site.rule, "Targets": [
                    {"EniIp": "127.0.0.1", "Port": 1 + n} for n in range(20)]}),
                ("DeleteListener", site.ids),
                ("CreateApiKey", {})):
            error = refused(setia, action, **fields)
            assert error.code == "FailedOperation", (action, error)
            assert word in error.message and "nothing was changed" in error.message
        # The first waited for the lock, these wait a moment each.
        for _ in range(5):
            assert refused(setia, "CreateApiKey").code == "FailedOperation"
        # What only reads works, and so does traffic; nothing was half-applied.
        assert state_of(setia) == before
        assert len(setia.api.call("ListApiKeys")["Keys"]) == 1
        assert servers(site.fetch() for _ in range(4)) == {"one": 2, "two": 2}
    check_works_again(setia)
    assert "InternalError" not in setia.log()


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own under tmp_path/disk; None where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)],
                          capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def fill(place):
    """Leaves no block free."""
    with open(place / "ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_disk_without_room(make_setia, disk, pair):
    if sanitizer() == "thread":
        pytest.skip("its own files need the room")
    setia = make_setia("disk").start()
    site = setia.site(pair)
    fill(disk)
    codes = set()
    for n in range(200):
        try:
            site.register(*pair, weight=1 + n % 90)
        except ApiError as error:
            codes.add(error.code)
            assert "full" in error.message
            break
    assert codes == {"FailedOperation"}
    before = site.describe_rule()
    assert refused(setia, "DeleteListener", **site.ids).code == "FailedOperation"
    assert site.describe_rule() == before
    assert site.fetch().status == 200
    os.unlink(disk / "ballast")
    site.register(*pair, weight=10)
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.restart()
    until(lambda: servers(site.fetch() for _ in range(4)) == {"two": 4}, 5)
    setia.stop()


def test_a_database_that_is_read_only(make_setia, disk, pair):
    """Traffic runs from the snapshot, calls hear why there is no API, and it comes when the file can be
    written again."""
    setia = make_setia("disk").start()
    site = setia.site(pair)
    before = site.describe_rule()
    setia.stop()
    path = os.path.join(setia.data, "setia.db")
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        setia.spawn()
        until(lambda: accepts(site.port) and accepts(setia.port), 5, "traffic and the API's port")
        assert site.fetch().status == 200
        error = refused(setia, "DescribeQuota")
        assert error.code == "ServiceUnavailable"
        assert "setia.db" in error.message and "Read-only" in error.message
    finally:
        subprocess.run(["umount", path], check=True)
    setia.wait_api()
    assert site.describe_rule() == before
    site.weight(pair[0], 0)
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}
    setia.stop()
