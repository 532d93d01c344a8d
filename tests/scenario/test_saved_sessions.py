# SPDX-License-Identifier: Apache-2.0
"""Pins by source IP outlive a crash of the traffic process and a restart of everything; a damaged
file of them is refused whole."""

import os
import struct

import pytest

from lib.setia import command
from lib.wait import SLOW, free_port, until
from lib.wire import fetch

SOURCES = [f"127.0.1.{number}" for number in range(1, 41)]


def tcp_listener(setia, backends, **fields):
    port = free_port()
    balancer = setia.load_balancer()
    made = setia.api.call("CreateListener", LoadBalancerId=balancer, Ports=[port], Protocol="TCP",
                          **fields)
    setia.api.change("RegisterTargets", LoadBalancerId=balancer, ListenerId=made["ListenerIds"][0],
                     Targets=[backend.target for backend in backends])
    return port


def pins(port):
    return {source: fetch(port, source=source).text for source in SOURCES}


@pytest.fixture
def five(make_backend):
    return [make_backend(name) for name in ("one", "two", "three", "four", "five")]


def sessions_file(setia):
    return os.path.join(setia.data, "sessions")


def test_restart_loses_nothing(make_setia, five, own_clock):
    """Time goes on while it is down: entries whose time ran out meanwhile are gone."""
    setia = make_setia(clock=own_clock).start()
    long, short = (tcp_listener(setia, five, SessionExpireTime=seconds) for seconds in (3600, 30))
    before = pins(long)
    assert len(set(before.values())) == 5
    pins(short)
    for _ in range(2):
        setia.stop()
        assert os.stat(sessions_file(setia)).st_size == 40 + 40 * 2 * len(SOURCES)
        assert os.stat(sessions_file(setia)).st_mode & 0o777 == 0o600
        own_clock.advance(1000)
        setia.start()
        assert pins(long) == before
    # All of the short listener are over: they begin anew, by turn.
    assert set(pins(short).values()) == {backend.name for backend in five}
    setia.stop()
    own_clock.advance(4000)
    setia.start()
    setia.stop()
    setia.check_log()


def test_crash_of_the_proxy_loses_nothing(make_setia, five):
    setia = make_setia().start()
    port = tcp_listener(setia, five, SessionExpireTime=1000)
    before = pins(port)
    for _ in range(3):
        old = setia.kill9("proxy")
        until(lambda old=old: setia.pids()["proxy"] not in ([], [old]), 5, "a proxy")
        assert pins(port) == before
    setia.stop()


def test_death_of_everything_leaves_the_last_file(make_setia, five):
    """As after a crash of the machine: what the last file holds is there again."""
    setia = make_setia().start()
    port = tcp_listener(setia, five, SessionExpireTime=1000)
    before = pins(port)
    setia.restart()
    setia.kill9("run")
    until(lambda: not any(setia.pids().values()), 3, "the children to end")
    setia.process = None
    setia.start()
    assert pins(port) == before
    setia.stop()


@pytest.mark.parametrize("how", ["bent", "cut", "foreign", "empty", "huge count"])
def test_damaged_file_is_refused(make_setia, five, how):
    setia = make_setia().start()
    port = tcp_listener(setia, five, SessionExpireTime=1000)
    pins(port)
    setia.stop()
    path = sessions_file(setia)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if how == "bent":
        data[200] ^= 1
    elif how == "cut":
        del data[-17:]
    elif how == "foreign":
        data = bytearray(b"SQLite format 3\0" * 100)
    elif how == "empty":
        data = bytearray()
    else:
        data[16:24] = struct.pack("<Q", 1 << 61)
    with open(path, "wb") as file:
        file.write(data)
    setia.start()
    until(lambda: "event=sessions_refused" in setia.log(), 5, "the refusal in the log")
    with open(path + ".refused", "rb") as file:
        assert file.read() == data
    after = pins(port)  # persistence begins anew
    assert pins(port) == after
    setia.restart()
    assert pins(port) == after
    setia.stop()


def test_roof_is_the_operators(make_setia, five):
    setia = make_setia(arguments=["--sessions", "1024"]).start()
    port = tcp_listener(setia, five, SessionExpireTime=1000)
    until(lambda: "of 1024;" in command("status", "--data", setia.data).stdout, 5 * SLOW)
    assert pins(port) == pins(port)
    until(lambda: f"{len(SOURCES)} of 1024;" in command("status", "--data", setia.data).stdout, 5)
    setia.stop()
