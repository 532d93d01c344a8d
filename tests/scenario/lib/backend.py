# SPDX-License-Identifier: Apache-2.0
"""Servers behind the balancer: one that records every byte it receives and answers as scripted, and
nginx from the distribution's packages. Each ends with its fixture."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading

from lib.wait import SLOW, accepts, free_port, until


class Request:
    """A request as the server received it."""

    def __init__(self, head, connection):
        self.head, self.connection = head, connection
        line, *fields = head[:-4].split(b"\r\n")
        self.line = line.decode("latin-1")
        self.method, self.target, self.version = self.line.split(" ", 2)
        self.raw_fields = fields
        self.fields = []
        for field in fields:
            name, _, value = field.partition(b":")
            self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body = b""

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.line} {self.fields}>"


class Peer:
    """One accepted connection, on a thread of its own."""

    def __init__(self, backend, sock):
        self.backend, self.socket = backend, sock
        self.received = bytearray()
        self.read_at = 0
        self.is_ended = False

    def more(self):
        try:
            data = self.socket.recv(262144)
        except OSError:
            data = b""
        if not data:
            self.is_ended = True
            raise EOFError
        self.received += data

    def read_until(self, mark):
        start = self.read_at
        while (at := self.received.find(mark, start)) < 0:
            start = max(self.read_at, len(self.received) - len(mark) + 1)
            self.more()
        data = bytes(self.received[self.read_at:at + len(mark)])
        self.read_at = at + len(mark)
        return data

    def read_exactly(self, size):
        while len(self.received) - self.read_at < size:
            self.more()
        data = bytes(self.received[self.read_at:self.read_at + size])
        self.read_at += size
        return data

    def read_request(self):
        request = Request(self.read_until(b"\r\n\r\n"), self)
        return request

    def read_body(self, request):
        if request.all("Transfer-Encoding"):
            body = bytearray()
            while True:
                size = int(self.read_until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    while self.read_until(b"\r\n") != b"\r\n":
                        pass
                    break
                body += self.read_exactly(size)
                assert self.read_exactly(2) == b"\r\n"
            request.body = bytes(body)
        elif request.all("Content-Length"):
            request.body = self.read_exactly(int(request.one("Content-Length")))

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def answer(body=b"", status="200 OK", headers=(), length=True):
    """An answer's bytes; headers are (name, value) pairs."""
    body = body if isinstance(body, bytes) else body.encode("latin-1")
    lines = [f"HTTP/1.1 {status}"] + [f"{name}: {value}" for name, value in headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Backend:
    """Answers every request with its name until `script` is set: script(peer, request) sends what
    it likes and returns False to end the connection. With `reads_body` False the script
    reads it."""

    def __init__(self, name, ip="127.0.0.1", port=0):
        self.name, self.ip = name, ip
        self.script = None
        self.reads_body = True
        self.requests = []
        self.peers = []
        self.lock = threading.Lock()
        self._listen(port)

    def _listen(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.ip, port or free_port()))
        self.socket.listen(512)
        self.port = self.socket.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()

    def _accept(self, listening):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(self, sock)
            with self.lock:
                self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            while True:
                request = peer.read_request()
                with self.lock:
                    self.requests.append(request)
                if self.reads_body:
                    peer.read_body(request)
                if self.script is None:
                    peer.send(answer(self.name, headers=[("X-Server", self.name)]
                                     ) if request.method != "HEAD" else
                              answer(headers=[("X-Server", self.name)]))
                elif self.script(peer, request) is False:
                    break
        except (EOFError, OSError):
            pass
        finally:
            peer.is_ended = True
            peer.close()

    @property
    def target(self):
        return {"EniIp": self.ip, "Port": self.port}

    @property
    def received(self):
        """All bytes that ever came, connection after connection."""
        return b"".join(bytes(peer.received) for peer in self.peers)

    @property
    def last(self):
        return self.requests[-1]

    def forget(self):
        with self.lock:
            self.requests.clear()

    def stop(self):
        """Refuses connections from now on, and ends the open ones."""
        if not self.is_open:
            return
        self.is_open = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for peer in list(self.peers):
            peer.close()

    def start(self):
        """Listens again on the same port."""
        self._listen(self.port)


class Nginx:
    """One nginx process with a port per name, each answering with its name; files below /files/."""

    CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
{servers}
}}
"""
    SERVER = """    server {{
        listen 127.0.0.1:{port};
        add_header X-Server {name} always;
        location / {{ return 200 "{name}\\n"; }}
        location /missing {{ return 404; }}
        location /files/ {{ alias {directory}/files/; }}
    }}
"""

    def __init__(self, directory, names):
        self.directory = str(directory)
        self.files = os.path.join(self.directory, "files")
        os.makedirs(self.files, exist_ok=True)
        self.ports = {name: free_port() for name in names}
        servers = "".join(self.SERVER.format(name=name, port=port, directory=self.directory)
                          for name, port in self.ports.items())
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.CONFIGURATION.format(directory=self.directory, servers=servers))
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        assert program, "nginx is missing: ./script/setup test"
        self.process = subprocess.Popen([program, "-p", self.directory, "-c", path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in self.ports.values():
            until(lambda port=port: accepts(port), what="nginx")

    @property
    def targets(self):
        return [{"EniIp": "127.0.0.1", "Port": port} for port in self.ports.values()]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5 * SLOW)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
