# SPDX-License-Identifier: Apache-2.0
"""A TCP listener in front of programs that hold a connection for long: PostgreSQL with psql, and iperf3
over TCP in both directions."""

import glob
import json
import os
import pwd
import shutil
import subprocess
import tempfile

import pytest

from lib.tcp import Layer4
from lib.wait import SLOW, accepts, free_port, until


def program(name):
    """By name, or where Debian keeps the servers of PostgreSQL."""
    found = shutil.which(name)
    if not found:
        found = max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    assert found, f"{name} is missing: ./script/setup test"
    return found


class Server:
    def __init__(self, port):
        self.target = {"EniIp": "127.0.0.1", "Port": port}


def stop(process):
    process.terminate()
    try:
        process.wait(20 * SLOW)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def postgres():
    """A server of its own, without a socket file; it refuses to run as root, so root lends it a user."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    lend = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    home = tempfile.mkdtemp(prefix="setia-postgres-")
    data, port = os.path.join(home, "data"), free_port()
    if user:
        os.chown(home, user.pw_uid, user.pw_gid)
    process = None
    try:
        subprocess.run([program("initdb"), "-D", data, "-U", "setia", "--auth=trust", "--no-sync",
                        "--locale=C", "--encoding=UTF8"], check=True, cwd=home,
                       stdout=subprocess.DEVNULL, timeout=120 * SLOW, **lend)
        process = subprocess.Popen(
            [program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-F",
             "-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"], cwd=home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **lend)
        until(lambda: accepts(port), 30, "PostgreSQL")
        yield Server(port)
    finally:
        if process:
            stop(process)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def make_tcp(setia):
    made = []

    def make(servers, **options):
        made.append(Layer4(setia, servers, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


def psql(port, script, **options):
    return subprocess.run(
        [program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
         "-p", str(port), "-U", "setia", "-d", "postgres"], input=script, capture_output=True,
        text=True, timeout=60 * SLOW, check=False, **options)


def test_psql_and_postgresql(setia, make_tcp, postgres):
    listener = make_tcp([postgres], SessionExpireTime=60, Scheduler="WRR")
    done = psql(listener.port, """
        CREATE TABLE cart (client int, item text);
        INSERT INTO cart SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) n;
        SELECT count(*), sum(length(item)) FROM cart;
        BEGIN; DELETE FROM cart; ROLLBACK;
        SELECT count(*) FROM cart;
        COPY cart TO STDOUT;
    """)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["5000|5000000", "5000"] and len(lines) == 5002
    # Several at once, each with a transaction that stays open while the configuration changes.
    sessions = [subprocess.Popen(
        [program("psql"), "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(listener.port),
         "-U", "setia", "-d", "postgres", "-c", f"SELECT {n}, pg_sleep({0.5 * SLOW})"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(8)]
    for weight in (5, 50, 10):
        setia.api.change("ModifyTargetWeight", LoadBalancerId=listener.balancer,
                         ListenerId=listener.listener, Weight=weight, Targets=[postgres.target])
    for n, session in enumerate(sessions):
        out, err = session.communicate(timeout=60 * SLOW)
        assert (session.returncode, out.split("|")[0]) == (0, str(n)), err
    # A server that ends a session itself: its last words reach the client.
    done = psql(listener.port, "SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1;")
    assert done.returncode != 0 and "terminating connection" in done.stderr


@pytest.mark.parametrize("way", [[], ["--reverse"]], ids=["to the server", "to the client"])
def test_iperf3(make_tcp, way):
    port = free_port()
    server = subprocess.Popen([program("iperf3"), "--server", "--bind", "127.0.0.1", "--port",
                               str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: accepts(port), 5, "iperf3")
        listener = make_tcp([Server(port)])
        done = subprocess.run(
            [program("iperf3"), "--client", "127.0.0.1", "--port", str(listener.port), "--bytes",
             "3G", "--parallel", "4", "--json", *way], capture_output=True, text=True,
            timeout=60 * SLOW, check=False)
        got = json.loads(done.stdout)
        assert done.returncode == 0 and "error" not in got, done.stdout[-400:]
        # The streams stop together once the sum is reached: what was on its way then, at most what
        # the sockets of four streams hold, is not counted. A kernel that gives a socket 32 MiB lets
        # 300 MB be on their way, which is less than a tenth of this.
        assert got["end"]["sum_sent"]["bytes"] >= 3 << 30
        assert got["end"]["sum_received"]["bytes"] >= 0.9 * got["end"]["sum_sent"]["bytes"]
    finally:
        stop(server)
