# SPDX-License-Identifier: Apache-2.0
"""UDP as clients and servers see it: servers that answer with their name, clients of any source
address and port. Each server ends with its fixture."""

import socket
import threading

from lib.wait import SLOW, free_port

BUFFER = 4 << 20
MOST = 65536


def udp_socket(ip, port=0):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock.bind((ip, port))
    return sock


_asked_from = set()


def new_client_socket(ip):
    """From a port that no client of these tests had before: a flow of an old one may still be
    there, and would answer for its server."""
    passed = []
    try:
        while True:
            sock = udp_socket(ip)
            name = sock.getsockname()[:2]
            if name not in _asked_from:
                _asked_from.add(name)
                return sock
            passed.append(sock)
    finally:
        for sock in passed:
            sock.close()


def free_udp_port():
    """Free for TCP and for UDP."""
    while True:
        port = free_port()
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port


class UdpServer:
    """Answers each datagram with its name, or with what `script(data)` returns (a list of answers).
    `peers` are the addresses it was asked from, in order, each once."""

    def __init__(self, name="one", ip="127.0.0.1", script=None, port=0):
        self.name, self.ip = name, ip
        self.script = script or (lambda data: [self.name.encode()])
        self.peers, self.asked = {}, 0
        self._open(port)
        self.port = self._socket.getsockname()[1]

    @property
    def target(self):
        return {"EniIp": self.ip, "Port": self.port}

    def _open(self, port):
        self._socket = udp_socket(self.ip, port)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), daemon=True)
        self._thread.start()

    def _serve(self, sock):
        while True:
            try:
                data, peer = sock.recvfrom(MOST)
            except OSError:
                return
            if sock is not self._socket:
                return
            self.peers[peer[:2]] = True
            self.asked += 1
            for answer in self.script(data):
                sock.sendto(answer, peer)

    def send(self, data, peer):
        """Speaks without being asked."""
        self._socket.sendto(data, peer)

    def last_peer(self):
        return list(self.peers)[-1]

    def stop(self):
        """Nobody is at its port any more."""
        sock, self._socket = self._socket, None
        if sock:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
            self._thread.join(5 * SLOW)

    def start(self):
        self._open(self.port)


class UdpClient:
    """One source address and port; hears nobody but the listener."""

    def __init__(self, port, source=None, ip="127.0.0.1", timeout=3.0):
        self.socket = new_client_socket(source or ("::" if ":" in ip else "0.0.0.0"))
        self.socket.settimeout(timeout * SLOW)
        self.socket.connect((ip, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, data=b"?"):
        """The answer."""
        self.socket.send(data)
        return self.socket.recv(MOST)

    def name(self):
        """Of the server that answers."""
        return self.ask().decode()

    def hears_nothing(self, seconds=0.3):
        self.socket.settimeout(seconds)
        try:
            raise AssertionError(f"an answer: {self.socket.recv(MOST)[:60]}")
        except (TimeoutError, socket.timeout):
            return True
        finally:
            self.socket.settimeout(3 * SLOW)


def ask_once(port, source=None, ip="127.0.0.1", data=b"?", timeout=3.0):
    with UdpClient(port, source, ip, timeout) as client:
        return client.ask(data).decode()


def ask_patiently(port, source=None, seconds=5.0):
    """As a resolver does: again when no answer comes."""
    for _ in range(int(seconds * SLOW / 0.1)):
        try:
            return ask_once(port, source, timeout=0.1)
        except (TimeoutError, ConnectionRefusedError, socket.timeout):
            pass
    raise AssertionError("no answer")
