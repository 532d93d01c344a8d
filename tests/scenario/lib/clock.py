# SPDX-License-Identifier: Apache-2.0
"""The shifted clock (src/base/clock.h): a file of two little-endian int64, added to boot and
wall time."""

import math
import mmap
import struct
import time


class Clock:
    """Owns the file that SETIA_CLOCK_FILE names; all processes that map it see a change at once."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack("<qq", 0, 0))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)
        # Written as whole words: a reader must never see half of a number.
        self._words = memoryview(self._map).cast("q")
        self.boot_ms = 0
        self.wall_ms = 0

    def _write(self):
        self._words[0] = self.boot_ms
        self._words[1] = self.wall_ms

    def advance(self, seconds):
        """Time passes: both clocks go on."""
        self.boot_ms += int(seconds * 1000)
        self.wall_ms += int(seconds * 1000)
        self._write()

    def step_wall(self, seconds):
        """Somebody sets the wall clock; no time passes."""
        self.wall_ms += int(seconds * 1000)
        self._write()

    def wall(self):
        """Unix time as the product sees it."""
        return time.time() + self.wall_ms / 1000

    def boot(self):
        """Seconds since boot as the product sees them; session seconds follow its whole part."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.boot_ms / 1000

    def align(self, fraction=0.05):
        """Goes on into the next session second, which has then just begun."""
        now = self.boot()
        self.advance(math.floor(now) + 1 + fraction - now)

    def close(self):
        self._words.release()
        self._map.close()
