# SPDX-License-Identifier: Apache-2.0
"""A raw target that records every byte. It reads requests more strictly than any server would, so a
message that two servers could read differently shows as a fault, and a message hidden in another
shows as a request that nobody sent."""

import re
import socket
import struct
import threading
import time

from lib.wait import SLOW, free_port

LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff]"
                   rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*")
SIZE = re.compile(rb"[0-9a-f]{1,16}")


class Fault(Exception):
    """The balancer sent what no balancer may send."""


class Seen:
    """One request as it came in, whole."""

    def __init__(self, head):
        self.head = head
        self.line, *lines = head[:-4].split(b"\r\n")
        if not LINE.fullmatch(self.line):
            raise Fault(f"request line {self.line!r}")
        self.method, self.target, _ = self.line.decode("ascii").split(" ")
        self.fields = []
        for line in lines:
            field = FIELD.fullmatch(line)
            if not field:
                raise Fault(f"field line {line!r}")
            self.fields.append((field[1].decode("ascii"), field[2].decode("latin-1")))
        self.body = self.trailers = b""
        self.wire = head
        self.peer = None
        self._frame()

    def _frame(self):
        hosts, lengths = self.all("Host"), self.all("Content-Length")
        codings = self.all("Transfer-Encoding")
        if len(hosts) != 1:
            raise Fault(f"hosts {hosts}")
        if len(lengths) + len(codings) > 1 or not all(text.isdecimal() for text in lengths) \
                or not all(text == "chunked" for text in codings):
            raise Fault(f"framing {lengths} {codings}")
        self.is_chunked = bool(codings)
        self.length = int(lengths[0]) if lengths else 0

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.line.decode('latin-1')} {self.body[:40]!r}>"


class Peer:
    """One connection from the balancer, on a thread of its own."""

    def __init__(self, sock):
        self.socket = sock
        self.buffer = bytearray()
        self.received = bytearray()
        self.is_reading = False  # in the middle of a request
        self.is_ended = False

    def more(self):
        try:
            data = self.socket.recv(262144)
        except OSError:
            data = b""
        if not data:
            self.is_ended = True
            raise EOFError
        self.buffer += data
        if len(self.received) < 1 << 20:
            self.received += data
        return data

    def take(self, size):
        while len(self.buffer) < size:
            self.more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def take_line(self):
        while (at := self.buffer.find(b"\r\n")) < 0:
            self.more()
        return self.take(at + 2)

    def take_head(self):
        if not self.buffer:
            self.is_reading = False
            self.more()
        self.is_reading = True
        while (at := self.buffer.find(b"\r\n\r\n")) < 0:
            self.more()
        seen = Seen(self.take(at + 4))
        seen.peer = self
        return seen

    def take_body(self, seen):
        if not seen.is_chunked:
            seen.body = self.take(seen.length)
            seen.wire += seen.body
            return
        parts = []
        while True:
            line = self.take_line()
            if not SIZE.fullmatch(line[:-2]):
                raise Fault(f"chunk size line {line!r}")
            if int(line, 16) == 0:
                break
            data = self.take(int(line, 16) + 2)
            parts += [line, data]
            if data[-2:] != b"\r\n":
                raise Fault(f"chunk end {data[-2:]!r}")
        seen.body = b"".join(data[:-2] for data in parts[1::2])
        parts.append(line)
        while (line := self.take_line()) != b"\r\n":
            if not FIELD.fullmatch(line[:-2]):
                raise Fault(f"trailer {line!r}")
            seen.trailers += line
        seen.wire += b"".join(parts) + seen.trailers + b"\r\n"

    def send(self, data):
        self.socket.sendall(data)

    def send_torn(self, data, pieces=6):
        """The same bytes in several segments."""
        step = max(1, -(-len(data) // pieces))
        for at in range(0, len(data), step):
            self.send(data[at:at + step])
            time.sleep(0.002)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def echo(seen):
    """The plain answer: it names what it answers, so that a mixed-up answer shows."""
    body = seen.target.encode("ascii")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Body: %d\r\n\r\n" % (len(body),
                                                                       len(seen.body))
    return head if seen.method == "HEAD" else head + body


class Recorder:
    """Answers with echo() unless `script` is set: script(peer, seen) returns False to close. With
    `reads_body` False the script is called as soon as the head is there."""

    ip = "127.0.0.1"

    def __init__(self):
        self.script, self.reads_body = None, True
        self.log, self.faults, self.peers = [], [], []
        self.lock = threading.Lock()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.ip, free_port()))
        self.socket.listen(1024)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def target(self):
        return {"EniIp": self.ip, "Port": self.port}

    @property
    def targets(self):
        """Request targets of all whole requests, in order of arrival."""
        return [seen.target for seen in self.log]

    @property
    def is_quiet(self):
        """No connection stands in the middle of a request."""
        return not any(peer.is_reading and not peer.is_ended for peer in list(self.peers))

    def reset(self):
        self.script, self.reads_body = None, True
        self.log, self.faults = [], []
        self.peers = [peer for peer in self.peers if not peer.is_ended]

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            while self._serve_one(peer):
                pass
        except Fault as fault:
            self.faults.append(str(fault))
        except (EOFError, OSError):
            pass
        finally:
            peer.is_ended = True
            peer.close()

    def _serve_one(self, peer):
        seen = peer.take_head()
        if self.reads_body:
            peer.take_body(seen)
        with self.lock:
            self.log.append(seen)
        peer.is_reading = bool(peer.buffer)
        if self.script:
            return self.script(peer, seen) is not False
        peer.send(echo(seen))
        return True

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for peer in list(self.peers):
            peer.close()


__all__ = ["Fault", "Peer", "Recorder", "SLOW", "Seen", "echo"]
