# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.x client on a bare socket: it sends what it is told and shows the answer as it came."""

import socket
import time

from lib.wait import SLOW, until

TIMEOUT = 5.0


class Closed(Exception):
    """The peer ended the connection before a whole answer was there; `.data` holds what came."""

    def __init__(self, text, data=b""):
        super().__init__(f"{text}: {data[:120]!r}")
        self.data = data


class Response:
    def __init__(self, head):
        self.head = head
        line, *fields = head[:-4].split(b"\r\n")
        self.line = line.decode("latin-1")
        parts = self.line.split(" ", 2)
        self.version, self.status = parts[0], int(parts[1])
        self.reason = parts[2] if len(parts) > 2 else ""
        self.fields = []
        for field in fields:
            name, colon, value = field.partition(b":")
            assert colon, f"a field without a colon: {field!r}"
            self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body = b""
        self.trailers = b""
        self.framing = None

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("latin-1").strip()

    def __repr__(self):
        return f"<{self.line} {self.fields} {self.body[:80]!r}>"


class Connection:
    """One client connection. Every wait has a deadline."""

    def __init__(self, port, ip="127.0.0.1", source=None, receive_buffer=None, timeout=TIMEOUT):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.timeout = timeout * SLOW
        self.socket.settimeout(self.timeout)
        self.socket.connect((ip, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.trailers = b""
        self.host = f"{ip}:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def wait_taken(self):
        """Until the peer, on this machine, has accepted and has read all that was sent."""
        until(self._is_taken, self.timeout / SLOW, "the peer to read what was sent", every=0.005)
        return self

    def _is_taken(self):
        (_, here), (_, there) = self.socket.getsockname(), self.socket.getpeername()
        with open("/proc/net/tcp", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if (words[1].endswith(f":{there:04X}") and words[2].endswith(f":{here:04X}")):
                    return words[9] != "0" and int(words[4].partition(":")[2], 16) == 0
        return False

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        data = self.socket.recv(262144)
        if not data:
            raise Closed("closed", bytes(self.buffer))
        self.buffer += data

    def read_until(self, mark):
        """Bytes up to and with `mark`."""
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            start = max(0, len(self.buffer) - len(mark) + 1)
            self._more()
        data = bytes(self.buffer[:at + len(mark)])
        del self.buffer[:at + len(mark)]
        return data

    def read_exactly(self, size):
        while len(self.buffer) < size:
            self._more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def read_chunk(self):
        """The payload of one chunk; b"" for the last one, whose trailers go to self.trailers."""
        line = self.read_until(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            self.trailers = b""
            while (field := self.read_until(b"\r\n")) != b"\r\n":
                self.trailers += field
            return b""
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n"
        return data

    def read_head(self):
        return Response(self.read_until(b"\r\n\r\n"))

    def read(self, method="GET", informational=None):
        """One final answer with its body. 1xx answers go into the list `informational`."""
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            if informational is not None:
                informational.append(response)
        self.read_body(response, method)
        return response

    def read_body(self, response, method="GET"):
        if method == "HEAD" or response.status in (101, 204, 304):
            response.framing = "none"
        elif response.all("Transfer-Encoding"):
            assert response.one("Transfer-Encoding") == "chunked"
            assert not response.all("Content-Length"), "both framings"
            response.framing = "chunked"
            body = bytearray()
            while chunk := self.read_chunk():
                body += chunk
            response.body, response.trailers = bytes(body), self.trailers
        elif response.all("Content-Length"):
            response.framing = "length"
            response.body = self.read_exactly(int(response.one("Content-Length")))
        else:
            response.framing = "close"
            response.body = self.rest()

    def rest(self):
        """Everything until the peer closes."""
        while True:
            try:
                self._more()
            except Closed as closed:
                self.buffer.clear()
                return closed.data

    def request(self, method="GET", path="/", headers=(), body=None, host=None, version="1.1"):
        """Sends one request and returns the whole answer."""
        self.send(message(method, path, headers, body, host or self.host, version))
        return self.read(method)

    def get(self, path="/", cookie=None, headers=(), host=None):
        headers = list(headers)
        if cookie is not None:
            headers.append(("Cookie", cookie))
        return self.request("GET", path, headers, host=host)

    def stays_open(self, seconds):
        """Whether the peer neither sends nor closes for so long: real seconds, on slow builds too,
        since the product's timeouts run meanwhile."""
        return not self.is_closed(seconds / SLOW)

    def is_closed(self, within=2.0):
        """Whether the peer closes (FIN or RST) within this time, sending nothing more."""
        assert not self.buffer, bytes(self.buffer)
        self.socket.settimeout(within * SLOW)
        try:
            data = self.socket.recv(65536)
            assert not data, f"unexpected bytes: {data[:200]!r}"
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(self.timeout)

    def drain(self, within=2.0):
        """What the peer sends until it closes, and whether it did close in time."""
        deadline = time.monotonic() + within * SLOW
        data = bytearray(self.buffer)
        self.buffer.clear()
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                more = self.socket.recv(65536)
                if not more:
                    return bytes(data), True
                data += more
        except ConnectionError:
            return bytes(data), True
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(self.timeout)
        return bytes(data), False


def message(method="GET", path="/", headers=(), body=None, host="a.example", version="1.1"):
    """A request's bytes. A body of bytes gets a Content-Length; headers are (name, value) pairs."""
    lines = [f"{method} {path} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def fetch(port, path="/", method="GET", ip="127.0.0.1", source=None, cookie=None, headers=(),
          host=None, body=None):
    """One request on a connection of its own."""
    headers = list(headers)
    if cookie is not None:
        headers.append(("Cookie", cookie))
    with Connection(port, ip, source) as connection:
        return connection.request(method, path, headers, body, host)
