# SPDX-License-Identifier: Apache-2.0
"""Our parser of HTTP/1 next to Node's (llhttp), message by message. SETIA names the binary, beside
which meson has built tests/differential/ours."""

import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compare import OURS, THEIRS  # noqa: E402


# The table of differences is about this one; another Node's parser differs in other ways.
LLHTTP = "9."


def llhttp():
    return subprocess.run([THEIRS[0], "-p", "process.versions.llhttp"], capture_output=True,
                          text=True, check=False).stdout.strip()


def pytest_collection_modifyitems(items):
    found = llhttp()
    if not found.startswith(LLHTTP):
        reason = f"Node here has llhttp {found}; the table is about {LLHTTP}x (Node 20 and later)"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_addoption(parser):
    parser.addoption("--seed", default=os.environ.get("DIFFERENTIAL_SEED", "1"),
                     help="of the random messages (DIFFERENTIAL_SEED)")
    parser.addoption("--first", type=int, default=0, help="the number of the first one")
    parser.addoption("--count", type=int, help="how many random messages (DIFFERENTIAL_COUNT)",
                     default=int(os.environ.get("DIFFERENTIAL_COUNT", "6000")))
    parser.addoption("--corpus", default=os.environ.get("DIFFERENTIAL_CORPUS"),
                     help="more messages: a folder like tests/fuzz/corpus (DIFFERENTIAL_CORPUS)")


def pytest_report_header(config):
    return (f"ours: {OURS[0]}; --seed {config.getoption('--seed')} "
            f"--count {config.getoption('--count')}")


def pytest_configure():
    if not os.access(OURS[0], os.X_OK):
        raise pytest.UsageError(f"no program at {OURS[0]}: build it")
    if not shutil.which(THEIRS[0]):
        raise pytest.UsageError("node is not installed: ./script/setup test")
