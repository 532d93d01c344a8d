# SPDX-License-Identifier: Apache-2.0
"""Waiting with a deadline, and the free ports and addresses of the loopback that tests use."""

import os
import random
import socket
import time

# Sanitizer builds are slower: every deadline is multiplied by this.
SLOW = float(os.environ.get("SETIA_TEST_SLOW", "1"))

# Below the kernel's ephemeral range, so that no outgoing connection takes a free port. Test processes
# that run side by side have ports of their own.
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_share = 14000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PORT_FIRST = 18000 + _share * _process
PORT_LAST = PORT_FIRST + _share - 1
_random = random.Random(os.getpid() ^ time.time_ns())
_given = set()


def until(question, seconds=5.0, what="", every=0.01):
    """Asks until the answer is true (and returns it); fails after `seconds` (times SLOW)."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * SLOW:.1f} s in vain: {what or question}")
        time.sleep(every)


def is_port_free(port, ip="0.0.0.0"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True


def free_port():
    """A TCP port that nobody listens on, never given out twice by this process."""
    for _ in range(1000):
        port = _random.randint(PORT_FIRST, PORT_LAST)
        if port not in _given and is_port_free(port):
            _given.add(port)
            return port
    raise AssertionError("no free port")


def accepts(port, ip="127.0.0.1"):
    """Whether a connection to this port is accepted now."""
    try:
        with socket.create_connection((ip, port), timeout=1 * SLOW):
            return True
    except OSError:
        return False
