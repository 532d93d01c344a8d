#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py SETIA [--cells NAME,...] [--seconds S] [--rounds N]: figures of Setia, beside HAProxy's and nginx's with the
same small setups. Cells: requests, rules, hostile, idle, control (all of them by default).

Slices alternate, so the figure to read is the ratio, which is taken slice by slice; tables show medians."""

import argparse
import os
import shutil
import statistics
import tempfile

import control_cell
import hostile_cell
import idle_cell
import rules_cell
from peers import cpu_seconds, in_turns, raise_roof, say, start_origin, start_peers, wrk

CASES = {"plain": ("PLAIN", []), "sticky, new": ("STICKY", []), "sticky, hit": ("STICKY", ["hit"]),
         "close": ("PLAIN", ["close"])}
CONNECTIONS = 64


def one_slice(peer, case, seconds):
    """(CPU microseconds per request, requests per second)."""
    which, arguments = CASES[case]
    before = cpu_seconds(peer.pid)
    got = wrk(peer.ports[which], "browser.lua", seconds, CONNECTIONS, arguments)
    used = cpu_seconds(peer.pid) - before
    return used * 1e6 / max(got["requests"], 1), got["requests"] / got["seconds"]


def report(peers, figures):
    print(f"\nRequests\n{'':14}" + "".join(f"{peer.name + ' µs':>14}{'req/s':>10}" for peer in peers) +
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
    print("CPU microseconds per request (all threads, kernel work included) on one worker; below 1.00 Setia needs less.\n"
          "close: a connection for each request.")


def requests_cell(binary, work, options):
    peers, figures = start_peers(binary, work), {}
    try:
        for case in CASES:
            for peer in peers:
                one_slice(peer, case, 1)  # warm
            for turn in range(options.rounds):
                say(f"requests, {case}: slice {turn + 1} of {options.rounds}")
                for peer in in_turns(peers, turn):
                    figures.setdefault((case, peer.name), []).append(one_slice(peer, case, options.seconds))
    finally:
        for peer in peers:
            peer.end()
    say("")
    report(peers, figures)


CELLS = {"requests": requests_cell, "rules": rules_cell.run, "hostile": hostile_cell.run, "idle": idle_cell.run,
         "control": control_cell.run}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setia")
    parser.add_argument("--cells", type=lambda text: text.split(","), default=list(CELLS))
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if unknown := set(options.cells) - set(CELLS):
        parser.error(f"no cell {', '.join(unknown)}: {', '.join(CELLS)}")
    raise_roof()
    work = tempfile.mkdtemp(prefix="setia-bench-")
    os.chmod(work, 0o755)  # nginx's workers are another user's when root starts them
    origin = None
    try:
        origin = options.origin = start_origin(work)
        for name in options.cells:
            cell = os.path.join(work, name)
            os.mkdir(cell)
            CELLS[name](os.path.abspath(options.setia), cell, options)
    finally:
        if origin:
            origin.end()
        shutil.rmtree(work, ignore_errors=True)


main()
