# SPDX-License-Identifier: Apache-2.0
"""`setia status`: what a person sees of a running product, and that nobody can make the keeper wait
by asking."""

import json
import os
import re
import socket
import stat
import time

import pytest

from lib.setia import command
from lib.wait import SLOW, free_port, until
from lib.wire import fetch


def show(setia, *words):
    done = command("status", "--data", setia.data, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(setia):
    return json.loads(show(setia, "--json"))


def knock(setia):
    directory = os.open(setia.data, os.O_PATH)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        client.connect(f"/proc/self/fd/{directory}/keeper.sock")
    finally:
        os.close(directory)
    client.settimeout(10 * SLOW)
    return client


def test_processes_and_configurations(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    got = status(setia)
    rows = {row["name"]: row for row in got["processes"]}
    assert {name: row["pid"] for name, row in rows.items()} == {
        "keeper": setia.pid("run"), "control": setia.pid("control"), "proxy": setia.pid("proxy")}
    assert all(row["role"] == "serving" for row in rows.values())
    assert all(abs(row["started"] - time.time()) < 30 * SLOW for row in rows.values())
    assert rows["proxy"]["incarnation"] == 1
    assert rows["proxy"]["generation"] == got["generations"]["live"] > 0
    assert got["generations"]["saved"] == got["generations"]["live"]
    assert got["data"] == os.path.realpath(setia.data)
    assert got["upgrade"]["state"] == "none" and "last" not in got["upgrade"]
    assert got["listeners"] == {"count": 1, "unbound": [], "unbound_more": 0}
    until(lambda: status(setia)["sessions"]["entries_most"] > 900000, 3, "the table's figures")
    assert got["counters"][0]["listener"] == site.listener and got["counters_more"] == 0
    old = setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), 5, "a proxy")
    assert site.fetch().status == 200
    rows = {row["name"]: row for row in status(setia)["processes"]}
    assert rows["proxy"]["incarnation"] == 2 and rows["proxy"]["pid"] == setia.pid("proxy")
    setia.stop()


def test_table_for_people(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    site.fetch()
    text = show(setia)
    for role in ("run", "control", "proxy"):
        assert str(setia.pid(role)) in text
    for line in (r"^Setia \d+\.\d+\.\d+ on /", r"^PROCESS +STATE +PID +VERSION", "^keeper ",
                 "^control ", r"^proxy +serving +\d+ ", r"^Configuration: generation \d+ is live",
                 "^Sessions by source IP: 0 of ", "^Listeners: 1$", f"^{site.listener}$",
                 r"^  connections +1$"):
        assert re.search(line, text, re.M), (line, text)
    assert max(len(line) for line in text.splitlines()) < 120
    setia.stop()


def test_counters(make_setia, pair):
    setia = make_setia().start()
    first, second = setia.site(pair), setia.site()
    for _ in range(5):
        assert first.fetch().status == 200
    assert second.fetch().status == 503
    lines = [line.split(" ") for line in show(setia, "--counters").splitlines()]
    values = {(listener, counter): int(value) for listener, counter, value in lines}
    assert values[first.listener, "connections"] == 5
    assert values[second.listener, "connections"] == 1
    assert all(value > 0 for value in values.values())
    setia.stop()


def test_listener_that_is_not_open(make_setia, pair):
    setia = make_setia().start()
    site = setia.site(pair)
    port = free_port()
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        made = setia.api.call("CreateListener", LoadBalancerId=site.load_balancer, Ports=[port],
                              Protocol="HTTP")
        [row] = until(lambda: status(setia)["listeners"]["unbound"], 5, "the listener")
        assert row == {"listener": made["ListenerIds"][0], "address": f"127.0.0.1:{port}",
                       "transport": "tcp", "reason": "Address already in use"}
        assert f"NOT OPEN {made['ListenerIds'][0]} 127.0.0.1:{port} tcp" in show(setia)
    until(lambda: not status(setia)["listeners"]["unbound"], 5, "the listener to be open")
    setia.stop()


def test_nobody_there(tmp_path):
    for words in (("status",), ("status", "--json"), ("status", "--counters"), ("upgrade",)):
        done = command(*words, "--data", str(tmp_path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"setia {words[0]}: {tmp_path}: no setia runs on this data directory\n"
    assert command("status", "--data", str(tmp_path / "none")).returncode == 1


@pytest.mark.parametrize("words", [["status", "more"], ["status", "--what"], ["upgrade", "now"],
                                   ["upgrade", "--force"]])
def test_misuse(words):
    assert command(*words).returncode == 2


def test_left_behind_socket_is_replaced(make_setia):
    setia = make_setia().start()
    path = os.path.join(setia.data, "keeper.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    setia.kill9("run")
    setia.process = None
    assert os.path.exists(path)
    assert "no setia runs" in command("status", "--data", setia.data).stderr
    until(lambda: not any(setia.pids().values()), 3, "the children to end")
    setia.start()
    assert status(setia)["processes"]
    setia.stop()
    assert not os.path.exists(path)


def test_rude_clients(make_setia, pair):
    """Silent ones, many, talkative ones, ones that leave: the keeper goes on, and so does status."""
    setia = make_setia().start()
    site = setia.site(pair)
    silent = [knock(setia) for _ in range(8)]
    with knock(setia) as ninth:  # above the roof: closed at once
        assert ninth.recv(16) == b""
    # The keeper is not held up by any of them.
    site.weight(pair[0], 0)
    for client in silent[:3]:
        client.close()
    assert status(setia)["processes"]
    began = time.monotonic()
    for client in silent[3:]:
        assert client.recv(16) == b""  # two seconds to say a word
        client.close()
    assert time.monotonic() - began < 5 * SLOW
    for word in (b"what", b"status\n", b"\0", b"x" * 5000, b"STATUS"):
        with knock(setia) as client:
            client.send(word)
            assert json.loads(client.recv(4096))["done"] is False
            assert client.recv(16) == b""
    for _ in range(50):
        client = knock(setia)
        client.send(b"status")
        client.close()
    assert status(setia)["processes"] and fetch(site.port).status == 200
    setia.stop()


def test_long_data_directory(make_setia):
    """A socket's name has 107 bytes; the directory's may have many more."""
    setia = make_setia(name="d" * 120).start()
    assert status(setia)["data"] == os.path.realpath(setia.data)
    setia.stop()
