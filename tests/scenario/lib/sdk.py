# SPDX-License-Identifier: Apache-2.0
"""The cloud's own SDK (npm: tencentcloud-sdk-nodejs), told nothing but the endpoint."""

import json
import os
import shutil
import subprocess

from lib.api import ApiError
from lib.wait import SLOW, until

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Sdk:
    """One node process with the SDK's client, called by lines of JSON."""

    def __init__(self, setia):
        node = shutil.which("node")
        assert node, "node is missing: ./script/setup test"
        assert os.path.isdir(os.path.join(HERE, "node_modules", "tencentcloud-sdk-nodejs")), \
            "the SDK is missing: run npm ci in tests/scenario (./script/setup test does)"
        self.process = subprocess.Popen(
            [node, os.path.join(HERE, "sdk", "client.js"), f"127.0.0.1:{setia.port}",
             setia.api.secret_id, setia.api.secret_key],
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def raw(self, action, method="POST", key=None, **params):
        line = {"action": action, "params": params, "method": method, "key": key}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, action, method="POST", **params):
        got = self.raw(action, method, **params)
        if "ok" not in got:
            raise ApiError(got["code"], got["message"], got["requestId"])
        assert got["ok"]["RequestId"]
        return got["ok"]

    def wait(self, response, method="POST"):
        def ended():
            task = self.call("DescribeTaskStatus", method, TaskId=response["RequestId"])
            return task if task["Status"] != 2 else None
        task = until(ended, 5, "the task")
        assert task["Status"] == 0, task
        return task

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
