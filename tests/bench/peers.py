# SPDX-License-Identifier: Apache-2.0
"""What the benches share: Setia, HAProxy, nginx and the servers behind them as processes, wrk, and what a process took.

The proxies have the first core for themselves where there are two or more; the servers and all clients have the last one."""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
ORIGINS = {"ORIGIN1": 28091, "ORIGIN2": 28092, "ORIGIN3": 28093}
LARGE = 4 << 20
FIRST, LAST = 0, -1


def raise_roof():
    """As many descriptors as the machine allows; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def pin(core):
    count = os.cpu_count() or 1
    return ["taskset", "-c", str(core % count)] if count > 1 and shutil.which("taskset") else []


def fill(name, work, values):
    """A file of peers/ with its @NAMES@ replaced, in `work`."""
    text = (HERE / "peers" / name).read_text()
    # HAProxy wants two descriptors for each of its connections, and some more.
    roof = resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 2 // 5
    more = {"WORK": work, "KILOBYTE": "x" * 1024, "MAXCONN": roof}
    for key, value in {**ORIGINS, **more, **values}.items():
        text = text.replace(f"@{key}@", str(value))
    return write(name, work, text)


def write(name, work, text):
    path = pathlib.Path(work) / name
    path.write_text(text)
    return str(path)


def wait_for(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench: nobody listens on port {port}: {process.args}")


def family(pid):
    """A process and all that it started."""
    found, left = [], [pid]
    while left:
        current = left.pop()
        found.append(current)
        try:
            for task in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{task}/children", encoding="ascii") as file:
                    left += map(int, file.read().split())
        except OSError:
            continue
    return found


def cpu_seconds(pid):
    """Run time of all threads of a process and of those it started, in seconds."""
    total = 0
    for member in family(pid):
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                with open(f"/proc/{member}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except OSError:
            continue
    return total / 1e9


def memory_bytes(pid):
    """Proportional set size of a process and of those it started."""
    total = 0
    for member in family(pid):
        try:
            with open(f"/proc/{member}/smaps_rollup", encoding="ascii") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return total << 10


class Peer:
    """One running proxy (or origin): `command(peer)` says how it is started."""

    def __init__(self, name, ports, work, command, core=FIRST):
        self.name, self.ports = name, ports
        self.work = os.path.join(work, name)
        os.mkdir(self.work)
        with open(os.path.join(self.work, "log"), "wb") as log:
            self.process = subprocess.Popen(pin(core) + command(self), stdout=log, stderr=log)
        for port in self.ports.values():
            wait_for(port, self.process)

    @property
    def pid(self):
        return self.process.pid

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def setia_command(binary, config, api=28199):
    return lambda peer: [
        binary, "run", "--data", os.path.join(peer.work, "data"), "--api", f"127.0.0.1:{api}", "--workers", "1",
        "--config", config(peer), "--log-level", "warning", "--grace", "1"]


def two_ports(number):
    return {"PLAIN": 28100 + number * 10, "STICKY": 28101 + number * 10}


def start_origin(work):
    with open(os.path.join(work, "large"), "wb") as file:
        file.truncate(LARGE)
    return Peer("origin", ORIGINS, work, lambda peer: [
        shutil.which("nginx", path=PATH), "-p", peer.work, "-e", "stderr", "-c",
        fill("origin.conf", peer.work, {"LARGE": os.path.join(work, "large")})], LAST)


def start_peers(binary, work):
    """Setia first, then the others, each with the setup of peers/."""
    peers = [Peer("setia", two_ports(0), work,
                  setia_command(binary, lambda peer: fill("setia.yaml", peer.work, peer.ports)))]
    if program := shutil.which("haproxy", path=PATH):
        peers.append(Peer("haproxy", two_ports(1), work, lambda peer: [
            program, "-f", fill("haproxy.cfg", peer.work, peer.ports)]))
    peers.append(Peer("nginx", two_ports(2), work, lambda peer: [
        shutil.which("nginx", path=PATH), "-p", peer.work, "-e", "stderr", "-c",
        fill("nginx.conf", peer.work, peer.ports)]))
    return peers


def wrk(port, script, seconds, connections, arguments=(), before=()):
    """One run of wrk with a script of peers/, which prints JSON as its last line. `before`: the words that start it."""
    done = subprocess.run(
        pin(LAST) + [*before, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "peers" / script),
                     f"http://127.0.0.1:{port}/", "--", *arguments],
        capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: wrk: {done.stdout}{done.stderr}")
    got = json.loads(done.stdout.splitlines()[-1])
    if got["errors"] or not got["requests"]:
        print(f"\nbench: port {port}, {script}: {done.stdout.strip()}", file=sys.stderr)
    return got


def in_turns(things, round_number):
    """A B C, then B C A, then C A B, so that a busy neighbour hits all alike."""
    first = round_number % len(things)
    return things[first:] + things[:first]


def say(text):
    """Progress, over the line before."""
    print(f"\r{text:60}", end="", file=sys.stderr, flush=True)
