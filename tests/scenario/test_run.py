# SPDX-License-Identifier: Apache-2.0
"""`./script/run --check`: the two-minute demonstration proves stickiness by itself and leaves
nothing behind."""

import os
import subprocess

import pytest

from lib.setia import ROOT, clean_environment, processes_of
from lib.wait import SLOW, is_port_free

SCRIPT = os.path.join(ROOT, "script", "run")
PORTS = (8080, 8081, 9080, 8091, 8092, 8093)


def demo_processes():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"demo-server" in words:
                found.append(int(name))
    return found


def test_run_check_exits_0_and_leaves_nothing(tmp_path):
    busy = [port for port in PORTS if not is_port_free(port)]
    if busy:
        pytest.skip(f"ports {busy} are in use on this machine")
    before = demo_processes()
    done = subprocess.run([SCRIPT, "--check"], cwd=ROOT, capture_output=True, text=True,
                          timeout=240 * SLOW, check=False, env=clean_environment())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "stick" in done.stdout.lower()
    assert set(demo_processes()) <= set(before)
    assert not any(processes_of(os.path.join(ROOT, "var")).values())
    assert [port for port in PORTS if not is_port_free(port)] == []
