# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenario tests: the real binary, real clients, real servers, all on the loopback.

SETIA names the binary (default build/setia); SETIA_TEST_SLOW multiplies every deadline. Everything
that a fixture starts is ended by it."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from lib.backend import Backend, Nginx  # noqa: E402
from lib.clock import Clock  # noqa: E402
from lib.setia import BINARY, Setia  # noqa: E402


def pytest_report_header():
    return f"setia: {BINARY}"


def pytest_configure(config):
    if not os.access(BINARY, os.X_OK):
        raise pytest.UsageError(f"no binary at {BINARY}: build it, or name another in SETIA")


@pytest.fixture(scope="module")
def shared_clock(tmp_path_factory):
    clock = Clock(str(tmp_path_factory.mktemp("clock") / "clock"))
    yield clock
    clock.close()


@pytest.fixture(scope="module")
def shared_setia(tmp_path_factory, shared_clock):
    """One product for a whole file of tests, with a clock that the tests move."""
    setia = Setia(tmp_path_factory.mktemp("setia"), clock=shared_clock)
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


@pytest.fixture
def setia(shared_setia):
    """The shared product; a test during which one of its processes died has failed."""
    before = shared_setia.pids()
    yield shared_setia
    after = shared_setia.pids()
    assert after == before, f"a process died: {before}, {after}\n{shared_setia.log_tail()}"
    shared_setia.check_log()


@pytest.fixture
def clock(shared_clock):
    return shared_clock


@pytest.fixture
def make_setia(tmp_path):
    """Products of a test's own: make_setia(workers=1, ...) -> Setia, not started yet."""
    made = []

    def make(name=None, **options):
        directory = tmp_path / (name or f"setia{len(made)}")
        directory.mkdir(exist_ok=True)
        made.append(Setia(directory, **options))
        return made[-1]

    yield make
    for setia in made:
        setia.end()


@pytest.fixture
def own_clock(tmp_path):
    clock = Clock(str(tmp_path / "clock"))
    yield clock
    clock.close()


@pytest.fixture
def make_backend():
    made = []

    def make(name="one", **options):
        made.append(Backend(name, **options))
        return made[-1]

    yield make
    for backend in made:
        backend.stop()


@pytest.fixture
def pair(make_backend):
    """Two equal servers."""
    return make_backend("one"), make_backend("two")


@pytest.fixture
def make_site(setia):
    """Sites of the shared product, deleted after the test."""
    made = []

    def make(backends=(), **options):
        made.append(setia.site(backends, **options))
        return made[-1]

    yield make
    for site in made:
        site.delete()


@pytest.fixture
def nginx(tmp_path):
    server = Nginx(tmp_path, ["red", "green"])
    yield server
    server.stop()
