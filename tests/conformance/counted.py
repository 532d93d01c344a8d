# SPDX-License-Identifier: Apache-2.0
"""What the product counted: `setia status --counters`, by listener."""

import collections
import contextlib
import re
import time

from lib.setia import command
from lib.wait import until

# These rise with every request, whatever becomes of it: what went through (process/traffic.h), which
# tests/scenario/test_counters.py holds to the last byte.
USUAL = re.compile(r"connections|http_requests|requests|target_(connections|requests|resets|timeouts)"
                   r"|(bytes|packets)_(to|from)_(client|target)|(request|response)_ms|(sent|got)_\w+"
                   r"|session_pinned")


def read(site):
    """Counter of all counters of the site's listener."""
    done = command("status", "--data", site.setia.data, "--counters")
    assert done.returncode == 0, done.stderr
    counts = collections.Counter()
    for line in done.stdout.splitlines():
        listener, name, value = line.split()
        if listener == site.listener:
            counts[name] += int(value)
    return counts


def grown(site, before):
    counts = read(site)
    counts.subtract(before)
    return {name: count for name, count in counts.items() if count and not USUAL.fullmatch(name)}


def check(site, before, **expected):
    """These counters have risen by so much since, and no others."""
    try:
        until(lambda: grown(site, before) == expected, 3)
        time.sleep(0.05)
        assert grown(site, before) == expected
    except AssertionError:
        raise AssertionError(f"counted {grown(site, before)}, not {expected}") from None


@contextlib.contextmanager
def exactly(site, **expected):
    """The same of a block."""
    before = read(site)
    yield
    check(site, before, **expected)
