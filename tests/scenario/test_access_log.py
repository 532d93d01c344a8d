# SPDX-License-Identifier: Apache-2.0
"""The access log: a line of every kind compared field by field, hostile clients, and files that are
moved, full, missing, or no files at all (features.md section 13)."""

import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lib.backend import answer
from lib.load import Load
from lib.setia import BINARY, clean_environment
from lib.wait import SLOW, free_port, until
from lib.wire import Closed, message

NAMES = """stgw_request_id time_local protocol_type server_addr:server_port server_name
remote_addr:remote_port status upstream_addr upstream_status proxy_host request request_length
bytes_sent http_host http_user_agent http_referer request_time upstream_response_time
upstream_connect_time upstream_header_time tcpinfo_rtt connection connection_requests
ssl_handshake_time ssl_cipher ssl_protocol vip_vpcid uri server_protocol""".split()
TIMES = ["request_time", "upstream_response_time", "upstream_connect_time", "upstream_header_time"]
TARGET_FIELDS = ["upstream_addr", "upstream_status", *TIMES[1:]]


def parse_brackets(line):
    values = re.findall(r"\[([^\[\]]*)\]", line)
    assert " ".join(f"[{value}]" for value in values) == line, line
    assert len(values) == len(NAMES) == 29, line
    return dict(zip(NAMES, values))


def parse_json(line):
    def unique(pairs):
        assert [name for name, _ in pairs] == NAMES
        return dict(pairs)

    return json.loads(line, object_pairs_hook=unique, parse_constant=pytest.fail)


class Log:
    """The lines of one file, and a site whose listener writes them."""

    count = 0

    def __init__(self, setia, name=None, form="brackets", directory=None):
        Log.count += 1
        self.name = name or f"access{Log.count}.log"
        self.path = os.path.join(directory or os.path.join(setia.data, "log"), self.name)
        self.parse = parse_json if form == "json" else parse_brackets
        self.fields = {"AccessLog": self.name, "AccessLogFormat": form}

    def text(self):
        try:
            with open(self.path, "rb") as file:
                return file.read().decode()
        except FileNotFoundError:
            return ""

    def lines(self, count):
        """Exactly so many lines, once they are there."""
        until(lambda: self.text().count("\n") >= count, 3, f"{count} lines in {self.path}")
        lines = self.text().split("\n")
        assert lines.pop() == "" and len(lines) == count, lines
        return [self.parse(line) for line in lines]

    def line(self):
        return self.lines(1)[0]


@pytest.fixture(params=["brackets", "json"])
def log(request, setia):
    return Log(setia, form=request.param)


def check(line, **wanted):
    """Fields of a line: those that are named, by value; None is absent in either format."""
    is_json = isinstance(line["status"], int)
    for name, value in {"ssl_handshake_time": None, "ssl_cipher": None, "ssl_protocol": None,
                        "vip_vpcid": -1, **wanted}.items():
        if not is_json:
            value = "-" if value is None else str(value)
        assert line[name] == value, f"{name}: {line[name]!r}, not {value!r}"
    assert re.fullmatch(r"[0-9a-f]{16}", line["stgw_request_id"])
    written = time.mktime(time.strptime(line["time_local"][:20], "%d/%b/%Y:%H:%M:%S"))
    assert re.fullmatch(r"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", line["time_local"])
    assert written > 0
    for name in TIMES:
        assert is_json or line[name] == "-" or re.fullmatch(r"\d+\.\d{3}", line[name])


def seconds(line, name):
    return float(line[name])


def no_target(line):
    for name in TARGET_FIELDS:
        assert line[name] in (None, "-"), name


def address(backend):
    return f"127.0.0.1:{backend.target['Port']}"


def port_of(client):
    return f"127.0.0.1:{client.socket.getsockname()[1]}"


# A line of each kind


def test_200(setia, make_site, make_backend, log):
    backend = make_backend()
    site = make_site([backend], Domain="a.example", **log.fields)
    request = message(path="/p/q?x=1&y", host="a.example:80",
                      headers=[("User-Agent", "agent/1 (x; y)"), ("Referer", "http://b.example/?z")])
    with site.connect() as client:
        client.send(request)
        got = client.read()
        sent = len(got.head) + len(got.body)
        line = log.line()
        check(line, **{
            "protocol_type": "HTTP", "server_addr:server_port": f"127.0.0.1:{site.port}",
            "server_name": "a.example", "remote_addr:remote_port": port_of(client),
            "status": 200, "upstream_addr": address(backend), "upstream_status": "200",
            "proxy_host": site.rule, "request": "GET /p/q?x=1&y HTTP/1.1",
            "request_length": len(request), "bytes_sent": sent, "http_host": "a.example:80",
            "http_user_agent": "agent/1 (x; y)", "http_referer": "http://b.example/?z",
            "connection_requests": 1, "uri": "/p/q", "server_protocol": "HTTP/1.1"})
        assert int(line["tcpinfo_rtt"]) > 0
        assert 0 <= seconds(line, "upstream_connect_time") <= seconds(line, "request_time") < 2
        # The connection stays the same, the request does not.
        client.get()
        first, second = log.lines(2)
        assert first["connection"] == second["connection"]
        assert int(second["connection_requests"]) == 2
        assert first["stgw_request_id"] != second["stgw_request_id"]
        check(second, http_user_agent=None, http_referer=None)


def test_posts_count_their_bytes(setia, make_site, make_backend, log):
    """A body of a length, a chunked one with another request behind it, and answers of all sorts."""
    backend = make_backend()
    site = make_site([backend], **log.fields)
    chunked = (b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5;x=y\r\nhello\r\n0\r\n\r\n")
    with site.connect() as client:
        first, second = message("POST", "/a", body=b"x" * 70000), message("HEAD", "/b")
        client.send(first)
        got = [client.read()]
        client.send(chunked + second)
        got += [client.read(), client.read("HEAD")]
    lines = log.lines(3)
    for line, request, response, method in zip(lines, (first, chunked, second), got,
                                               ("POST /a", "POST /c", "HEAD /b")):
        check(line, status=200, request=f"{method} HTTP/1.1", request_length=len(request),
              bytes_sent=len(response.head) + (0 if "HEAD" in method else len(response.body)))


def test_times_are_those_of_a_slow_target(setia, make_site, make_backend, clock, log):
    def script(peer, request):
        clock.advance(2)
        time.sleep(0.3 * SLOW)
        peer.send(answer(b"x" * 10)[:-5])
        time.sleep(0.3 * SLOW)
        clock.advance(3)
        time.sleep(0.3 * SLOW)
        peer.send(b"x" * 5)

    backend = make_backend()
    backend.script = script
    site = make_site([backend], **log.fields)
    assert site.fetch().status == 200
    line = log.line()
    assert seconds(line, "upstream_connect_time") < SLOW
    assert 2 <= seconds(line, "upstream_header_time") < 2 + SLOW
    assert 5 <= seconds(line, "upstream_response_time") <= seconds(line, "request_time") < 5 + 3 * SLOW


def test_http_10(setia, make_site, make_backend, log):
    site = make_site([make_backend()], **log.fields)
    with site.connect() as client:
        assert client.request(version="1.0", host="old.example").status == 200
    check(log.line(), request="GET / HTTP/1.0", server_protocol="HTTP/1.0", http_host="old.example",
          status=200)


def test_301(setia, make_site, make_backend, log):
    site = make_site([make_backend()], **log.fields)
    site.add_rule([make_backend("two").target], Url="/dir/")
    assert site.fetch("/dir?a=b").status == 301
    line = log.line()
    check(line, status=301, uri="/dir", request="GET /dir?a=b HTTP/1.1")
    no_target(line)


@pytest.mark.parametrize("head, request_line, status", [
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1", 400),
    (b"hello\r\n\r\n", "hello", 400),
    (b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 200 + b"\r\n", "GET / HTTP/1.1", 431),
    (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", None, 414),
    (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "GET / HTTP/3.0", 505),
    (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:80 HTTP/1.1", 405),
])
def test_heads_that_are_none(setia, make_site, make_backend, log, head, request_line, status):
    site = make_site([make_backend()], **log.fields)
    with site.connect() as client:
        client.send(head)
        got = client.read()
        sent = len(got.head) + len(got.body)
        assert got.status == status
        line = log.line()
        check(line, status=status, bytes_sent=sent, connection_requests=1, server_protocol=None,
              http_host=None, uri=None, proxy_host=None,
              **({"request": request_line} if request_line else {}))
        assert line["remote_addr:remote_port"] == port_of(client)
        assert int(line["request_length"]) >= min(len(head), 30000)
        # The same name in the line and in the answer that the client sees.
        assert line["stgw_request_id"] in (got.head + got.body).decode()
        no_target(line)


def test_404(setia, make_site, make_backend, log):
    site = make_site([make_backend()], Url="/here", **log.fields)
    got = site.fetch("/there")
    assert got.status == 404
    line = log.line()
    check(line, status=404, proxy_host=None, server_name=None, uri="/there")
    assert line["stgw_request_id"] in (got.head + got.body).decode()
    no_target(line)


def test_408_of_a_head_and_of_a_body(setia, make_site, make_backend, clock, log):
    site = make_site([make_backend()], **log.fields)
    with site.connect() as client:
        client.send("GET /slow HTTP/1.1\r\nHost: a")
        client.wait_taken()
        clock.advance(61)
        assert client.read().status == 408
    line = log.line()
    check(line, status=408, request="GET /slow HTTP/1.1", request_length=27)
    assert 60 <= seconds(line, "request_time") < 70
    with site.connect() as client:
        head = message("POST", "/body", [("Content-Length", "10")])
        client.send(head + b"12345")
        client.wait_taken()
        time.sleep(0.2 * SLOW)
        clock.advance(61)
        assert client.read().status == 408
    line = log.lines(2)[1]
    check(line, status=408, request="POST /body HTTP/1.1", request_length=len(head) + 5,
          upstream_status=None)


def test_413(setia, make_site, make_backend, log):
    site = make_site([make_backend()], **log.fields)
    with site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", str(61 << 20))]))
        assert client.read().status == 413
    line = log.line()
    check(line, status=413, request="POST / HTTP/1.1")
    no_target(line)


def test_499(setia, make_site, make_backend, log):
    """The client leaves while the target thinks, in the middle of its body, and of its head."""
    backend = make_backend()
    seen = threading.Event()
    backend.script = lambda peer, request: seen.set() or time.sleep(0.5)
    site = make_site([backend], **log.fields)
    client = site.connect()
    client.send(message(path="/impatient"))
    assert seen.wait(3 * SLOW)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    line = log.line()
    check(line, status=499, bytes_sent=0, upstream_addr=address(backend), upstream_status=None,
          upstream_header_time=None, request="GET /impatient HTTP/1.1")
    for number, part in enumerate((message("POST", "/b", [("Content-Length", "10")]) + b"12345",
                                   b"GET /half HT")):
        with site.connect() as client:
            client.send(part)
            client.wait_taken()
            time.sleep(0.1 * SLOW)
            client.half_close()
            assert client.is_closed()
        check(log.lines(number + 2)[-1], status=499, bytes_sent=0, request_length=len(part))
    assert log.lines(3)[2]["request"] == "GET /half HT"


def test_502(setia, make_site, make_backend, log):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send("nonsense\r\n\r\n")
    site = make_site([backend], **log.fields)
    got = site.fetch()
    assert got.status == 502
    line = log.line()
    check(line, status=502, upstream_addr=address(backend), upstream_status="502",
          upstream_header_time=None, proxy_host=site.rule)
    assert line["stgw_request_id"] in (got.head + got.body).decode()


def test_502_of_several_targets(setia, make_site, log):
    dead = [{"EniIp": "127.0.0.1", "Port": free_port()} for _ in range(2)]
    site = make_site(dead, **log.fields)
    assert site.fetch().status == 502
    line = log.line()
    check(line, status=502, upstream_status="502, 502")
    assert sorted(line["upstream_addr"].split(", ")) == \
        sorted(f"127.0.0.1:{target['Port']}" for target in dead)


def test_retried(setia, make_site, make_backend, log):
    dead = {"EniIp": "127.0.0.1", "Port": free_port()}
    backend = make_backend()
    site = make_site([dead, backend], **log.fields)
    for _ in range(2):
        assert site.fetch().status == 200
    lines = {line["upstream_addr"]: line for line in log.lines(2)}
    both = f"127.0.0.1:{dead['Port']}, {address(backend)}"
    assert both in lines, lines
    check(lines[both], status=200, upstream_status="502, 200")


def test_503(setia, make_site, log):
    site = make_site([], **log.fields)
    assert site.fetch().status == 503
    line = log.line()
    check(line, status=503, proxy_host=site.rule)
    no_target(line)


def test_504(setia, make_site, make_backend, clock, log):
    backend = make_backend()
    seen = threading.Event()
    backend.script = lambda peer, request: seen.set() or time.sleep(1 * SLOW)
    site = make_site([backend], **log.fields)
    with site.connect() as client:
        client.send(message())
        assert seen.wait(3 * SLOW)
        time.sleep(0.2 * SLOW)
        clock.advance(61)
        assert client.read().status == 504
    line = log.line()
    check(line, status=504, upstream_addr=address(backend), upstream_status="504")
    assert seconds(line, "upstream_response_time") >= 60


def test_answer_that_breaks_off(setia, make_site, make_backend, log):
    """What the client was told is what is logged; the bytes say that it was not all."""
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(b"x" * 100)[:-50]) or False
    site = make_site([backend], **log.fields)
    with site.connect() as client, pytest.raises(Closed):
        client.get()
    line = log.line()
    check(line, status=200, upstream_status="200")
    assert int(line["bytes_sent"]) > 50


def test_websocket(setia, make_site, make_backend, log):
    def script(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\n\r\n")
        peer.send(peer.read_exactly(5))
        return False

    backend = make_backend()
    backend.script = script
    site = make_site([backend], **log.fields)
    head = message(headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                            ("Sec-WebSocket-Key", "eA=="), ("Sec-WebSocket-Version", "13")])
    with site.connect() as client:
        client.send(head)
        got = client.read()
        assert got.status == 101
        client.send(b"hello")
        assert client.read_exactly(5) == b"hello"
    check(log.line(), protocol_type="WS", status=101, upstream_status="101",
          request_length=len(head) + 5, bytes_sent=len(got.head) + 5)


def test_sticky(setia, make_site, pair, log):
    site = make_site(pair, SessionExpireTime=1000, **log.fields)
    got = site.fetch()
    cookie = got.one("Set-Cookie").split(";")[0]
    for _ in range(3):
        site.fetch(cookie=cookie)
    assert len({line["upstream_addr"] for line in log.lines(4)}) == 1


# Clients that would like to write it themselves


def test_clients_cannot_forge(setia, make_site, make_backend):
    """Quotes, brackets, backslashes, controls and bytes that are no UTF-8."""
    agent = b'x] [200] [y "\\ \t\xff\xc3\xbc\xc2\x9b{"a":1}'
    for form, wanted in (
            ("brackets", r'x\x5D \x5B200\x5D \x5By \x22\x5C \x09\xFFü\xC2\x9B{\x22a\x22:1}'),
            ("json", 'x] [200] [y "\\ \t\\xFFü\\xC2\\x9B{"a":1}')):
        log = Log(setia, form=form)
        site = make_site([make_backend()], **log.fields)
        with site.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + agent + b"\r\n\r\n")
            assert client.read().status == 200
            client.send(b"\x16\x03\x01] [\n\r\n\r\n")
            assert client.read().status == 400
        lines = log.lines(2)
        check(lines[0], status=200, http_user_agent=wanted)
        check(lines[1], status=400)


def test_long_texts_are_cut(setia, make_site, make_backend, log):
    site = make_site([make_backend()], **log.fields)
    path = "/" + "a" * 20000
    with site.connect() as client:
        client.send(message(path=path, headers=[("User-Agent", "u" * 5000),
                                                ("Referer", "\xff" * 5000)]))
        assert client.read().status == 200
    line = log.line()
    assert line["request"] == "GET " + path[:4092] and line["uri"] == path[:4092]
    assert line["http_user_agent"] == "u" * 1024
    assert set(line["http_referer"]) == set("\\xF") and len(line["http_referer"]) <= 2048


# Off and on


def test_off_is_off_and_may_change_at_any_time(setia, make_site, make_backend):
    log, other = Log(setia), Log(setia, form="json")
    site = make_site([make_backend()])
    with site.connect() as client:
        client.get("/none")
        for at, fields in (("/one", log.fields), ("/two", other.fields), ("/no", {"AccessLog": "off"})):
            setia.api.change("ModifyListener", **site.ids, **fields)
            client.get(at)
    assert log.line()["uri"] == "/one" and other.line()["uri"] == "/two"


def test_listeners_share_a_file(setia, make_site, make_backend):
    log = Log(setia)
    backend = make_backend()
    sites = [make_site([backend], **log.fields) for _ in range(2)]
    for site in sites:
        site.fetch()
    assert {line["server_addr:server_port"] for line in log.lines(2)} == \
        {f"127.0.0.1:{site.port}" for site in sites}


def test_file_is_private(setia, make_site, make_backend):
    log = Log(setia)
    make_site([make_backend()], **log.fields).fetch()
    log.line()
    assert os.stat(log.path).st_mode & 0o7777 & ~0o640 == 0
    assert os.stat(os.path.dirname(log.path)).st_mode & 0o7777 & ~0o750 == 0


# Files that move


def test_moved_files_lose_nothing(make_setia, make_backend):
    """mv and SIGUSR1 under load, with two workers: each request is in exactly one of the files."""
    setia = make_setia(workers=2).start()
    log = Log(setia)
    site = setia.site([make_backend()], **log.fields)
    moved = []
    with Load(site.port, threads=8, pause=0.001) as load:
        for number in range(4):
            time.sleep(0.2 * SLOW)
            moved.append(f"{log.path}.{number}")
            os.rename(log.path, moved[-1])
            setia.process.send_signal(signal.SIGUSR1)
            until(lambda: os.path.exists(log.path), 3, "a new file")
    setia.stop()
    text = log.text()
    for path in moved:
        with open(path, encoding="ascii") as file:
            text += file.read()
    ids = [parse_brackets(line)["stgw_request_id"] for line in text.splitlines()]
    assert len(ids) == len(set(ids)) >= load.done
    assert len(ids) <= load.done + 8


def test_upgrade_keeps_lines_whole(make_setia, make_backend):
    setia = make_setia(workers=2).start()
    log = Log(setia, form="json")
    site = setia.site([make_backend()], **log.fields)
    with Load(site.port, threads=6, pause=0.001) as load:
        time.sleep(0.2 * SLOW)
        done = subprocess.run([BINARY, "upgrade", "--data", setia.data], timeout=40 * SLOW,
                              capture_output=True, text=True, check=False,
                              env=clean_environment())
        assert done.returncode == 0, done.stderr
        time.sleep(0.2 * SLOW)
    setia.stop()
    lines = [parse_json(line) for line in log.text().splitlines()]
    assert len({line["stgw_request_id"] for line in lines}) == len(lines) >= load.done


def test_kill_9_loses_only_the_last_moment(make_setia, make_backend):
    setia = make_setia(workers=1).start()
    log = Log(setia)
    site = setia.site([make_backend()], **log.fields)
    for _ in range(20):
        site.fetch()
    time.sleep(0.3 * SLOW)
    setia.kill9("proxy")
    assert len(log.lines(20)) == 20
    until(lambda: len(setia.pids()["proxy"]) == 1, 5, "a new proxy")
    site.fetch()
    assert len(log.lines(21)) == 21


# Places that cannot be written to


def test_directory_of_its_own(make_setia, make_backend, tmp_path):
    place = tmp_path / "logs"
    setia = make_setia(arguments=["--log-dir", str(place)]).start()
    log = Log(setia, directory=str(place))
    site = setia.site([make_backend()], **log.fields)
    assert not place.exists()
    site.fetch()
    log.line()
    setia.stop()


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_no_plain_file_is_refused(make_setia, make_backend, tmp_path, kind):
    setia = make_setia().start()
    log = Log(setia)
    os.mkdir(os.path.dirname(log.path))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    if kind == "symlink":
        os.symlink(victim, log.path)
    elif kind == "fifo":
        os.mkfifo(log.path)
    else:
        os.mkdir(log.path)
    site = setia.site([make_backend()], **log.fields)
    for _ in range(5):
        assert site.fetch().status == 200
    until(lambda: "access_log_not_opened" in setia.log(), 3, "a word about it")
    setia.stop()
    assert setia.log().count("access_log_not_opened") == 1
    assert "access_log_lines_lost" in setia.log() and victim.read_text() == "mine"


def test_full_disk_never_holds_up_traffic(make_setia, make_backend):
    """Lines are lost and said to be; the first one after that is whole."""
    setia = make_setia(workers=1).start()
    log = Log(setia)
    site = setia.site([make_backend()], **log.fields)
    quiet = Log(setia)
    other_site = setia.site([make_backend("two")], **quiet.fields)
    for number in range(10):
        site.fetch("/" + "x" * 4000)
        log.lines(number + 1)
    size = os.path.getsize(log.path)
    assert size > 2 * os.path.getsize(setia.log_path), "the limit must not be met by both"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(setia.pid("proxy"), resource.RLIMIT_FSIZE, (size + 100, hard))
    for _ in range(20):
        assert site.fetch().status == 200
    until(lambda: "access_log_not_written" in setia.log(), 3, "a word about it")
    # One worker's lines are dealt with in their order: two turns later none of the twenty is left.
    for number in range(2):
        other_site.fetch()
        quiet.lines(number + 1)
    resource.prlimit(setia.pid("proxy"), resource.RLIMIT_FSIZE, (hard, hard))
    site.fetch("/again")
    until(lambda: "/again" in log.text(), 3, "a line")
    lines = log.text().splitlines()
    assert len(lines) == 12 and parse_brackets(lines[11])["uri"] == "/again"
    assert setia.log().count("access_log_not_written") == 1
    setia.stop()


def test_stderr_that_nobody_reads(make_setia, make_backend, tmp_path):
    """Lines of `stderr` go there whole; when it is a pipe that stands still, traffic goes on, and so
    do the other files."""
    setia = make_setia(workers=1)
    read_end, write_end = os.pipe()
    setia.log_path = f"/proc/{os.getpid()}/fd/{write_end}"
    setia.log = lambda: ""
    try:
        setia.start()
        noisy = setia.site([make_backend()], AccessLog="stderr")
        log = Log(setia)
        quiet = setia.site([make_backend("two")], **log.fields)
        for number in range(600):
            assert noisy.fetch(f"/{number}").status == 200
        assert quiet.fetch().status == 200
        log.line()
        os.set_blocking(read_end, False)
        text = b""
        while True:
            try:
                text += os.read(read_end, 65536)
            except BlockingIOError:
                break
            time.sleep(0.12 * SLOW)
        lines = [line for line in text.decode().splitlines() if line.startswith("[")]
        assert 50 < len(lines) < 600
        assert [int(parse_brackets(line)["uri"][1:]) for line in lines][:50] == list(range(50))
        setia.stop()
    finally:
        os.close(read_end)
        os.close(write_end)


def test_stderr_takes_whole_lines(make_setia, make_backend):
    setia = make_setia(workers=2).start()
    site = setia.site([make_backend()], AccessLog="stderr", AccessLogFormat="json")
    with Load(site.port, threads=4, pause=0.002) as load:
        time.sleep(0.5 * SLOW)
    setia.stop()
    lines = [parse_json(line) for line in setia.log().splitlines() if line.startswith("{")]
    assert len(lines) >= load.done > 20
