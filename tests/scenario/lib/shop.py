# SPDX-License-Identifier: Apache-2.0
"""The servers of a small shop (shop/server.js), each a process of Node's."""

import os
import shutil
import subprocess

from lib.wait import accepts, free_port, until

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "shop", "server.js")


class ShopServer:
    """One process of the shop."""

    def __init__(self, name):
        self.name, self.port = name, free_port()
        self.process = None
        node = shutil.which("node")
        assert node, "node is missing: ./script/setup test"
        self.words = [node, SCRIPT, name, str(self.port)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n", \
            "the shop does not start: ./script/setup test"

    @property
    def target(self):
        return {"EniIp": "127.0.0.1", "Port": self.port}

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        until(lambda: not accepts(self.port), what="the port to be closed")
