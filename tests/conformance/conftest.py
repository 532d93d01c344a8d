# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the conformance suite: RFC 9110 and RFC 9112 against the real binary, with raw
clients and a raw recording target. The product's life, its API and its waits come from
tests/scenario/lib; SETIA and SETIA_TEST_SLOW mean the same here."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "scenario"))

from lib.clock import Clock  # noqa: E402
from lib.setia import BINARY, Setia  # noqa: E402
from recorder import Recorder  # noqa: E402


def pytest_report_header():
    return f"setia: {BINARY}"


def pytest_configure():
    if not os.access(BINARY, os.X_OK):
        raise pytest.UsageError(f"no binary at {BINARY}: build it, or name another in SETIA")


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    clock = Clock(str(tmp_path_factory.mktemp("clock") / "clock"))
    yield clock
    clock.close()


@pytest.fixture(scope="module")
def one_setia(tmp_path_factory, clock, request):
    """One product per file of tests. A single worker unless the file says WORKERS, so that every
    client meets the connections to the targets that the clients before it left behind."""
    setia = Setia(tmp_path_factory.mktemp("setia"), clock=clock,
                  workers=getattr(request.module, "WORKERS", 1))
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


@pytest.fixture
def setia(one_setia):
    """A test during which one of the product's processes died has failed."""
    before = one_setia.pids()
    yield one_setia
    assert one_setia.pids() == before, f"a process died\n{one_setia.log_tail()}"
    one_setia.check_log()


@pytest.fixture(scope="module")
def one_recorder():
    recorder = Recorder()
    yield recorder
    recorder.stop()


@pytest.fixture(scope="module")
def one_site(one_setia, one_recorder):
    site = one_setia.site([one_recorder])
    yield site
    site.delete()


@pytest.fixture
def recorder(one_recorder):
    """The target of `site`, with nothing recorded yet. It must never see a broken message, nor one
    that stood inside another."""
    one_recorder.reset()
    yield one_recorder
    assert not one_recorder.faults, one_recorder.faults
    assert not [request for request in one_recorder.log if b"smuggled" in request.wire]


@pytest.fixture
def site(setia, one_site, recorder):
    return one_site


@pytest.fixture
def make_site(setia):
    made = []

    def make(backends=(), **options):
        made.append(setia.site(backends, **options))
        return made[-1]

    yield make
    for site in made:
        site.delete()


@pytest.fixture
def make_recorder():
    made = []

    def make():
        made.append(Recorder())
        return made[-1]

    yield make
    for recorder in made:
        recorder.stop()
