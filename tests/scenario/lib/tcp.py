# SPDX-License-Identifier: Apache-2.0
"""Layer 4 as clients and servers see it: servers that say who they are and echo, connections of any
source address, and a listener through the API. Each server ends with its fixture."""

import socket
import struct
import threading

from lib.wait import SLOW, free_port

RESET = struct.pack("ii", 1, 0)


def reset(sock):
    """Breaks the connection off (RST)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Echo:
    """A server: says its name and a newline, then echoes, until the client ends. `script(sock)`
    does something else. `socks` are the connections in order of their arrival."""

    def __init__(self, name="one", ip="127.0.0.1", script=None):
        self.name, self.ip, self.script = name, ip, script or self.echo
        self.port, self.socks = free_port(), []
        self._arrived = threading.Condition()
        self._listen = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
        self._listen.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listen.bind((ip, self.port))
        self._listen.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def target(self):
        return {"EniIp": self.ip, "Port": self.port}

    def _accept(self):
        while True:
            try:
                sock, _ = self._listen.accept()
            except OSError:
                return
            with self._arrived:
                self.socks.append(sock)
                self._arrived.notify_all()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self.script(sock)
        except OSError:
            pass

    def echo(self, sock):
        sock.sendall(self.name.encode() + b"\n")
        while data := sock.recv(65536):
            sock.sendall(data)
        sock.close()

    def connection(self, number=0):
        """The connection of that number, waited for."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.socks) > number, 5 * SLOW), \
                f"{self.name} got {len(self.socks)} connections"
            return self.socks[number]

    def stop(self):
        # Wakes the threads that wait in them; closing alone would not.
        for sock in [self._listen, *self.socks]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


def silent(sock):
    """A script: the test does the talking, through Echo.connection()."""


class Client:
    """A connection to the listener; `name` is the server's first line, when it is asked for."""

    def __init__(self, port, source=None, ip="127.0.0.1", timeout=5.0):
        self.socket = socket.create_connection((ip, port), timeout * SLOW,
                                               source_address=(source, 0) if source else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            data = self.socket.recv(1)
            assert data, f"the end came behind {text}"
            text += data
        return text[:-1].decode()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            assert part, f"the end came behind {len(data)} of {size} bytes"
            data += part
        return data

    def says_back(self, text=b"ping"):
        self.socket.sendall(text)
        assert self.exactly(len(text)) == text

    def ends(self):
        """"end" or "reset": how the other side ended; everything before must have been read."""
        try:
            data = self.socket.recv(1)
        except ConnectionResetError:
            return "reset"
        assert data == b"", data
        return "end"


class Layer4:
    """Instance -> TCP or UDP listener -> targets; without health checks unless the test asks for
    them, so that servers hear its clients alone."""

    def __init__(self, setia, servers, protocol="TCP", vip=None, weights=None, **fields):
        self.setia, self.api, self.port = setia, setia.api, free_port()
        self.vip = vip
        self.balancer = setia.load_balancer(**vip) if vip else setia.borrow_balancer()
        fields.setdefault("HealthCheck", {"HealthSwitch": 0})
        self.listener = self.api.call("CreateListener", LoadBalancerId=self.balancer,
                                      Ports=[self.port], Protocol=protocol,
                                      **fields)["ListenerIds"][0]
        targets = [dict(server.target) for server in servers]
        for target, weight in zip(targets, weights or []):
            target["Weight"] = weight
        self.change("RegisterTargets", Targets=targets)

    def change(self, action, **fields):
        return self.api.change(action, LoadBalancerId=self.balancer, ListenerId=self.listener,
                               **fields)

    def register(self, *servers):
        return self.change("RegisterTargets", Targets=[server.target for server in servers])

    def deregister(self, *servers):
        return self.change("DeregisterTargets", Targets=[server.target for server in servers])

    def weight(self, server, weight):
        return self.change("ModifyTargetWeight", Targets=[server.target], Weight=weight)

    def modify(self, **fields):
        return self.change("ModifyListener", **fields)

    def connect(self, source=None, **options):
        return Client(self.port, source, **options)

    def end(self, source=None, timeout=5.0):
        """How a connection ends on which nothing is said: "end", "reset", "refused"."""
        try:
            with self.connect(source, timeout=timeout) as client:
                return client.ends()
        except ConnectionResetError:
            return "reset"
        except ConnectionRefusedError:
            return "refused"

    def visit(self, source=None):
        """A connection there and gone again; the name of the server that took it."""
        with self.connect(source) as client:
            return client.line()

    def delete(self):
        if self.vip:
            self.change("DeleteListener")
        else:
            self.setia.return_balancer(self.balancer)
