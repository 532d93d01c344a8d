#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py SETIA [--seconds S] [--rounds N]: wrk against Setia, HAProxy and nginx with the same small setups.

The proxy has the first core for itself where there are two or more; wrk and the servers have the last one. Slices alternate
(A B C, B C A, ...), so that a busy neighbour hits all alike; the figure to compare is the CPU time per request, as the ratio to
each peer slice by slice, and the table shows medians."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PORTS = {"ORIGIN1": 28091, "ORIGIN2": 28092, "ORIGIN3": 28093}
CASES = {"plain": ("PLAIN", []), "sticky, new": ("STICKY", []), "sticky, hit": ("STICKY", ["hit"])}
CONNECTIONS = 64


def pin(core):
    count = os.cpu_count() or 1
    return ["taskset", "-c", str(core % count)] if count > 1 and shutil.which("taskset") else []


def fill(name, work, ports):
    text = (HERE / "peers" / name).read_text()
    for key, value in {**PORTS, **ports, "WORK": work, "KILOBYTE": "x" * 1024}.items():
        text = text.replace(f"@{key}@", str(value))
    path = pathlib.Path(work) / name
    path.write_text(text)
    return str(path)


def wait_for(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench: nobody listens on port {port}: {process.args}")


def cpu_seconds(pid):
    """Run time of all threads of a process and of those it started, in seconds."""
    total, pids = 0, [pid]
    while pids:
        current = pids.pop()
        try:
            for task in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
                with open(f"/proc/{current}/task/{task}/children") as file:
                    pids += map(int, file.read().split())
        except OSError:
            continue
    return total / 1e9


class Peer:
    def __init__(self, name, number, work, command):
        self.name, self.ports = name, {"PLAIN": 28100 + number * 10, "STICKY": 28101 + number * 10}
        self.work = os.path.join(work, name)
        os.mkdir(self.work)
        self.log = open(os.path.join(self.work, "log"), "wb")
        self.process = subprocess.Popen(pin(0) + command(self), stdout=self.log, stderr=self.log)
        for port in self.ports.values():
            wait_for(port, self.process)

    def slice(self, case, seconds):
        """One wrk run: (CPU microseconds per request, requests per second)."""
        which, arguments = CASES[case]
        before = cpu_seconds(self.process.pid)
        done = subprocess.run(
            pin(-1) + ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "peers" / "browser.lua"),
                       f"http://127.0.0.1:{self.ports[which]}/", "--", *arguments],
            capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"bench: wrk: {done.stdout}{done.stderr}")
        used = cpu_seconds(self.process.pid) - before
        requests = int(re.search(r"(\d+) requests in", done.stdout).group(1))
        if re.search(r"Non-2xx|Socket errors", done.stdout) or not requests:
            print(f"bench: {self.name}: {case}: {done.stdout.strip()}", file=sys.stderr)
        rate = float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))
        return used * 1e6 / max(requests, 1), rate

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def setia_command(binary):
    def command(peer):
        config = fill("setia.yaml", peer.work, peer.ports)
        return [binary, "run", "--data", os.path.join(peer.work, "data"), "--api", "127.0.0.1:28199",
                "--workers", "1", "--config", config, "--log-level", "warning"]
    return command


def start_peers(binary, work):
    peers = [Peer("setia", 0, work, setia_command(binary))]
    if shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin"):
        peers.append(Peer("haproxy", 1, work, lambda peer: [
            "/usr/sbin/haproxy", "-f", fill("haproxy.cfg", peer.work, peer.ports)]))
    peers.append(Peer("nginx", 2, work, lambda peer: [
        "/usr/sbin/nginx", "-p", peer.work, "-e", "stderr", "-c", fill("nginx.conf", peer.work, peer.ports)]))
    return peers


def report(peers, figures):
    print(f"\n{'':14}" + "".join(f"{peer.name + ' µs':>14}{'req/s':>10}" for peer in peers) +
          "".join(f"{'setia / ' + peer.name:>18}" for peer in peers[1:]))
    for case in CASES:
        line = f"{case:14}"
        for peer in peers:
            line += f"{statistics.median(cpu for cpu, _ in figures[case, peer.name]):14.1f}"
            line += f"{statistics.median(rate for _, rate in figures[case, peer.name]):10.0f}"
        for peer in peers[1:]:
            ratios = [ours[0] / theirs[0] for ours, theirs in
                      zip(figures[case, "setia"], figures[case, peer.name])]
            line += f"{statistics.median(ratios):18.2f}"
        print(line)
    print("\nCPU microseconds per request (all threads, kernel work included) on one worker; below 1.00 Setia needs less.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setia")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="setia-bench-")
    started, figures = [], {}
    try:
        origin = subprocess.Popen(pin(-1) + ["/usr/sbin/nginx", "-p", work, "-e", "stderr", "-c",
                                             fill("origin.conf", work, {})], stderr=subprocess.DEVNULL)
        started.append(origin)
        wait_for(PORTS["ORIGIN1"], origin)
        peers = start_peers(os.path.abspath(options.setia), work)
        started += peers
        for case in CASES:
            for peer in peers:
                peer.slice(case, 1)  # warm
            for turn in range(options.rounds):
                first = turn % len(peers)
                for peer in peers[first:] + peers[:first]:
                    figures.setdefault((case, peer.name), []).append(peer.slice(case, options.seconds))
                print(f"\r{case}: slice {turn + 1} of {options.rounds}   ", end="", file=sys.stderr)
        print(file=sys.stderr)
        report(peers, figures)
    finally:
        for thing in reversed(started):
            if isinstance(thing, Peer):
                thing.end()
            else:
                thing.terminate()
                thing.wait()
        shutil.rmtree(work, ignore_errors=True)


main()
