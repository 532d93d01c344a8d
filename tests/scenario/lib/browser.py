# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, driven by the DevTools protocol over two pipes: no port, no driver, no
library. One thread reads; callers wait for the answer to their number."""

import json
import os
import shutil
import subprocess
import threading

from lib.wait import SLOW

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MESSAGE_MOST = 64 << 20

# Nothing but the loopback is ever asked for, whatever the browser itself would like to know. Its
# sandbox wants a user that is not root and namespaces that containers lack; all it shows is ours.
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--disable-background-networking", "--disable-component-update", "--no-first-run",
           "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
           "--remote-debugging-pipe"]


class PageError(Exception):
    """What the page threw, or what the browser said to a command."""


class Browser:
    def __init__(self, directory):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        assert program, "no Chromium on this machine: ./script/setup test"
        self._commands, self._answers = {}, {}
        self._number = 0
        self._changed = threading.Condition()
        self._is_open = True
        self._events = {}
        read_end, self._out = os.pipe()
        self._in, write_end = os.pipe()
        with open(os.path.join(directory, "browser.log"), "wb") as log:
            # The protocol's descriptors are 3 and 4: a shell puts them there.
            self._process = subprocess.Popen(
                ["sh", "-c", f'exec "$@" 3</dev/fd/{read_end} 4>/dev/fd/{write_end}', "sh", program, *OPTIONS,
                 f"--user-data-dir={directory}/profile", "about:blank"],
                pass_fds=(read_end, write_end), stdout=log, stderr=log)
        os.close(read_end)
        os.close(write_end)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self):
        try:
            self.command("Browser.close")
        except (AssertionError, OSError, PageError):
            pass
        try:
            self._process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        self._reader.join(5)
        os.close(self._in)

    def _read(self):
        buffer = bytearray()
        while data := os.read(self._in, 1 << 18):
            buffer += data
            assert len(buffer) < MESSAGE_MOST
            *lines, rest = buffer.split(b"\0")
            buffer = bytearray(rest)
            for line in lines:
                self._take(json.loads(line))
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def _take(self, message):
        with self._changed:
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                key = message.get("sessionId"), message["method"]
                self._events[key] = self._events.get(key, 0) + 1
            self._changed.notify_all()

    def wait_for(self, question, what, seconds=20.0):
        with self._changed:
            self._changed.wait_for(lambda: question() or not self._is_open, seconds * SLOW)
            assert question(), f"{what}: not within {seconds * SLOW:.0f} s"

    def events(self, session, method):
        """How many of these events there were."""
        return self._events.get((session, method), 0)

    def command(self, method, session=None, **params):
        with self._changed:
            self._number += 1
            number = self._number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        line = json.dumps(message).encode() + b"\0"
        while line:
            line = line[os.write(self._out, line):]
        self.wait_for(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        return answer["result"]

    def visitor(self):
        """A page with a cookie jar of its own."""
        return Page(self, self.command("Target.createBrowserContext")["browserContextId"])


class Page:
    """One tab of one visitor."""

    def __init__(self, browser, context):
        self.browser, self.context = browser, context
        target = browser.command("Target.createTarget", url="about:blank",
                                 browserContextId=context)["targetId"]
        self.session = browser.command("Target.attachToTarget", targetId=target,
                                       flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.command(f"{domain}.enable")

    def command(self, method, **params):
        return self.browser.command(method, self.session, **params)

    def close(self):
        self.browser.command("Target.disposeBrowserContext", browserContextId=self.context)

    def tab(self):
        """Another tab of the same visitor."""
        return Page(self.browser, self.context)

    def _loading(self, action):
        """Does what leads to another page, and waits until that is there with all its parts."""
        before = self.browser.events(self.session, "Page.loadEventFired")
        action()
        self.browser.wait_for(
            lambda: self.browser.events(self.session, "Page.loadEventFired") > before,
            "the page to load")

    def open(self, url):
        def navigate():
            answer = self.command("Page.navigate", url=url)
            if "errorText" in answer:
                raise PageError(f"{url}: {answer['errorText']}")
        self._loading(navigate)

    def follow(self, script):
        """Runs a script that leaves the page, such as a click."""
        self._loading(lambda: self.run(script))

    def run(self, script):
        """The value of an expression, or of the promise that it is."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True,
                              returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def cookies(self):
        """{name: attributes} of this visitor."""
        found = self.browser.command("Storage.getCookies", browserContextId=self.context)
        return {cookie["name"]: cookie for cookie in found["cookies"]}
