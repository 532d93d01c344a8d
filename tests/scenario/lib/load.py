# SPDX-License-Identifier: Apache-2.0
"""Clients that keep asking while a test changes or kills something, and count every failure."""

import threading
import time

from lib.wire import Connection, message


class Load:
    """Threads, half of which keep their connection and half of which open one per request. A kept
    connection that ends between two requests is no failure unless `strict`; anything else is."""

    def __init__(self, port, threads=4, strict=True, path="/", pause=0.001):
        self.port, self.path, self.strict, self.pause = port, path, strict, pause
        self.done = 0
        self.failures = []
        self.names = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number % 2 == 0,), daemon=True)
                         for number in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _note(self, name):
        with self._lock:
            self.done += 1
            self.names[name] = self.names.get(name, 0) + 1

    def _fail(self, error):
        with self._lock:
            self.failures.append((round(time.monotonic(), 3), repr(error)))

    def _run(self, keeps):
        client = None
        while not self._stop.is_set():
            was_open = client is not None
            try:
                if client is None:
                    client = Connection(self.port)
                client.send(message(path=self.path, headers=() if keeps else
                                    [("Connection", "close")]))
                got = client.read()
                if got.status != 200:
                    raise AssertionError(f"status {got.status}")
                self._note(got.text)
                if not keeps or got.one("Connection") == "close":
                    client.close()
                    client = None
            except Exception as error:  # noqa: BLE001 - every kind is a failed request
                if self.strict or not was_open:
                    self._fail(error)
                if client:
                    client.close()
                client = None
            time.sleep(self.pause)
        if client:
            client.close()
