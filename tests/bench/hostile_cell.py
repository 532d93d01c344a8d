# SPDX-License-Identifier: Apache-2.0
"""Latency of a well-behaved client alone and beside crowds that misbehave (hostile.py), quiet and crowded slices in turns.
The client asks 8 times at once with pauses, about 3,000 requests a second, so that the proxy is far from full."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

from hostile import KINDS
from peers import HERE, LAST, cpu_seconds, family, pin, say, start_peers, wrk

CONNECTIONS = 8
SECONDS = 1
URGENT = 1  # a real-time priority: whatever else this machine does must not show in a slowest hundredth


@contextlib.contextmanager
def crowd(kind, port, told):
    """The crowd runs only when its core has nothing else to do: it must not slow the client that is measured."""
    idle = ["chrt", "-i", "0"] if shutil.which("chrt") else []
    process = subprocess.Popen(pin(LAST) + idle + [sys.executable, str(HERE / "hostile.py"), kind, str(port)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            sys.exit(f"bench: the crowd of {kind} did not come")
        time.sleep(0.3)
        begin = time.monotonic()
        yield
        process.stdin.close()
        told.append({**json.loads(process.stdout.readline()), "seconds": time.monotonic() - begin})
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def make_urgent(processes, policy=os.SCHED_FIFO, priority=URGENT):
    """Whether that is allowed: root's right. Nothing here computes without pauses, so nothing starves."""
    if not shutil.which("chrt"):
        return False
    try:
        for pid in [member for process in processes for member in family(process.pid)]:
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setscheduler(int(thread), policy, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def one_slice(peer, is_urgent):
    """{p50, p99, µs of CPU per second}."""
    before = cpu_seconds(peer.pid)
    got = wrk(peer.ports["PLAIN"], "visitor.lua", SECONDS, CONNECTIONS, before=["chrt", "-f", str(URGENT)] if is_urgent else [])
    return {"p50": got["p50"], "p99": got["p99"], "load": (cpu_seconds(peer.pid) - before) / got["seconds"]}


def pair_of_slices(peer, kind, is_urgent, is_quiet_first, told):
    """(quiet, crowded)."""
    quiet = one_slice(peer, is_urgent) if is_quiet_first else None
    with crowd(kind, peer.ports["PLAIN"], told):
        crowded = one_slice(peer, is_urgent)
    time.sleep(0.3)
    return quiet or one_slice(peer, is_urgent), crowded


def report(peers, figures, told):
    print(f"\nBeside hostile peers\n{'':24}{'quiet':>14}{'beside':>14}{'p50':>7}{'p99':>7}{'load':>7}   the crowd, a second")
    for kind in KINDS:
        for peer in peers:
            pairs, seen = figures[kind, peer.name], told[kind, peer.name]
            line = f"{kind if peer is peers[0] else '':14}{peer.name:10}"
            for side in (0, 1):
                p50, p99 = (statistics.median(pair[side][name] for pair in pairs) for name in ("p50", "p99"))
                line += f"{f'{p50:.0f} / {p99:.0f}':>14}"
            for name in ("p50", "p99"):
                line += f"{statistics.median(pair[1][name] / pair[0][name] for pair in pairs):7.2f}"
            line += f"{statistics.median(pair[1]['load'] for pair in pairs):7.2f}"
            opened, sent = (sum(one[name] for one in seen) / sum(one["seconds"] for one in seen)
                            for name in ("opened", "sent"))
            print(f"{line}   {opened:.0f} connections, {sent / 1e3:.0f} kB")
    print("Microseconds, median / slowest hundredth, of a well-behaved client alone and beside each crowd; the ratios of both;\n"
          "and the share of its core that the proxy used beside the crowd. What a proxy refuses, its crowd tries again.")


def run(binary, work, options):
    peers, figures, told = start_peers(binary, work), {}, {}
    is_urgent = make_urgent([*peers, options.origin])
    try:
        for kind in KINDS:
            for turn in range(options.rounds):
                say(f"hostile, {kind}: slice {turn + 1} of {options.rounds}")
                for peer in peers:
                    key = kind, peer.name
                    figures.setdefault(key, []).append(pair_of_slices(
                        peer, kind, is_urgent, turn % 2 == 0, told.setdefault(key, [])))
    finally:
        for peer in peers:
            peer.end()
        make_urgent([options.origin], os.SCHED_OTHER, 0)
    say("")
    report(peers, figures, told)
