# SPDX-License-Identifier: Apache-2.0
"""The table of targets' answers: name, section (9112 unless it says 9110), bytes, what the client
gets, and whether the target closes behind them. BAD: 502, and the connection is never used again.
CUT: what came is passed on, and the client can see that it is not the whole. Else a Good."""

from typing import NamedTuple

BAD, CUT = "bad", "cut"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


class Good(NamedTuple):
    """`fields`: the client's head without Date and framing, to the byte. `is_reused`: the target's
    connection serves the next request as well."""
    body: bytes
    fields: bytes = b""
    line: bytes = b"HTTP/1.1 200 OK"
    framing: str = "length"
    is_reused: bool = True
    trailers: bytes = b""


class Answer(NamedTuple):
    name: str
    section: str
    wire: bytes
    outcome: object
    closes: bool = False
    method: str = "GET"


def sized(fields=b"", body=b"abc", line=OK):
    return line + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(body, fields=b""):
    return OK + fields + CHUNKED + b"\r\n" + body


def line(text):
    return sized(line=text + b"\r\n")


def length(value):
    return OK + b"Content-Length: " + value + b"\r\n\r\nabc" + POISON


def coding(value):
    return OK + b"Transfer-Encoding: " + value + b"\r\n\r\n" + b"3\r\nabc\r\n" + END + POISON


BAD_HEADS = [
    ("no HTTP", "4", b"hello\r\n\r\n", BAD),
    ("SSH", "4", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", BAD),
    ("TLS alert", "4", b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", BAD),
    ("a request", "4", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("HTTP/0.9", "4", b"<html>hello</html>", BAD, True),
    ("HTTP/2 settings", "4",
     b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\r\n\r\n", BAD),
    ("version in lower case", "2.3", line(b"http/1.1 200 OK"), BAD),
    ("version 2.0", "2.3", line(b"HTTP/2.0 200 OK"), BAD),
    ("version of two digits", "2.3", line(b"HTTP/1.10 200 OK"), BAD),
    ("no status", "4", line(b"HTTP/1.1"), BAD),
    ("status of two digits", "4", line(b"HTTP/1.1 20 OK"), BAD),
    ("status of four digits", "4", line(b"HTTP/1.1 2000 OK"), BAD),
    ("signed status", "4", line(b"HTTP/1.1 +20 OK"), BAD),
    ("status of letters", "4", line(b"HTTP/1.1 abc OK"), BAD),
    ("status 099", "9110 15", line(b"HTTP/1.1 099 OK"), BAD),
    ("two spaces before the status", "4", line(b"HTTP/1.1  200 OK"), BAD),
    ("tab before the status", "4", line(b"HTTP/1.1\t200 OK"), BAD),
    ("reason behind a tab", "4", line(b"HTTP/1.1 200\tOK"), BAD),
    ("NUL in the reason", "4", line(b"HTTP/1.1 200 O\0K"), BAD),
    ("control in the reason", "4", line(b"HTTP/1.1 200 \x1b[2J"), BAD),
    ("bare CR in the reason", "2.2", line(b"HTTP/1.1 200 OK\rSet-Cookie: a=b"), BAD),
    ("empty line before", "2.2", b"\r\n" + sized(), BAD),
    ("bare LF ends the line", "2.2", b"HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\nabc", BAD),
    ("bare LF everywhere", "2.2", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", BAD),
    ("bare LF ends the head", "2.2", OK + b"Content-Length: 3\r\n\nabc\r\n\r\n", BAD),
    ("folded", "5.2", sized(b"X-A: b\r\n c\r\n"), BAD),
    ("folded first field", "5.2", sized(b" X-A: b\r\n"), BAD),
    ("space before the colon", "5.1", sized(b"X-A : b\r\n"), BAD),
    ("no colon", "5", sized(b"X-A\r\n"), BAD),
    ("empty name", "5.1", sized(b": b\r\n"), BAD),
    ("NUL in a name", "5.1", sized(b"X\0A: b\r\n"), BAD),
    ("NUL in a value", "9110 5.5", sized(b"X-A: \0\r\n"), BAD),
    ("control in a value", "9110 5.5", sized(b"X-A: b\x08\r\n"), BAD),
    ("bare CR in a value", "2.2", sized(b"X-A: b\rSet-Cookie: c\r\n"), BAD),
    ("bare LF in a value", "2.2", sized(b"X-A: b\nSet-Cookie: c\r\n"), BAD),
    ("129 fields", "5.4", sized(b"".join(b"X-%d: y\r\n" % n for n in range(128))), BAD),
    ("5,000 fields", "5.4", sized(b"".join(b"X-%d: y\r\n" % n for n in range(5000))), BAD),
    ("field of 70 KB", "5.4", sized(b"X-A: " + b"y" * 70000 + b"\r\n"), BAD),
    ("endless line", "5.4", b"HTTP/1.1 200 " + b"O" * 100000, BAD),
    ("nothing", "8", b"", BAD, True),
    ("half a line", "8", b"HTTP/1.1 2", BAD, True),
    ("half a head", "8", OK + b"Content-Le", BAD, True),
    ("head without its empty line", "8", OK + b"Content-Length: 3\r\n", BAD, True),
]

BAD_FRAMING = [
    ("two lengths", "6.3",
     OK + b"Content-Length: 3\r\nContent-Length: 48\r\n\r\nabc" + POISON, BAD),
    ("two equal lengths", "6.3", OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", BAD),
    ("list of lengths", "6.3", length(b"3, 3"), BAD),
    ("signed length", "9110 8.6", length(b"+3"), BAD),
    ("negative length", "9110 8.6", length(b"-3"), BAD),
    ("hexadecimal length", "9110 8.6", length(b"0x3"), BAD),
    ("empty length", "9110 8.6", length(b""), BAD),
    ("length of 2^64 + 3", "9110 8.6", length(b"18446744073709551619"), BAD),
    ("length with a space within", "9110 8.6", length(b"3 3"), BAD),
    ("length and chunked", "6.3",
     OK + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n3\r\nabc\r\n" + END, BAD),
    ("chunked and length", "6.3",
     OK + CHUNKED + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n" + END, BAD),
    ("unknown coding", "6.1", coding(b"gzip"), BAD),
    ("gzip before chunked", "6.1", coding(b"gzip, chunked"), BAD),
    ("chunked not last", "6.1", coding(b"chunked, gzip"), BAD),
    ("chunked twice", "6.1", coding(b"chunked, chunked"), BAD),
    ("chunked in two fields", "6.1", OK + CHUNKED * 2 + b"\r\n3\r\nabc\r\n" + END, BAD),
    ("almost chunked", "6.1", coding(b"chunkedx"), BAD),
    ("vertical tab before chunked", "6.1", coding(b"\x0bchunked"), BAD),
    ("empty coding", "6.1", coding(b""), BAD),
    ("coding in 1.0", "6.1", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n3\r\nabc\r\n" + END, BAD),
    ("101 that nobody asked for", "9110 15.2.2",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
     + POISON, BAD),
    ("101 to h2c", "9110 15.2.2",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", BAD),
    ("interim answer with a length", "9110 8.6",
     b"HTTP/1.1 103 Early Hints\r\nContent-Length: 48\r\n\r\n" + POISON, BAD),
    ("interim answer with chunks", "6.1",
     b"HTTP/1.1 100 Continue\r\n" + CHUNKED + b"\r\n" + END, BAD),
    ("11 interim answers", "9110 15.2", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11 + sized(), BAD),
    ("interim answers alone", "9110 15.2", b"HTTP/1.1 103 Early Hints\r\n\r\n", BAD, True),
]

# The head is good and on its way when the body breaks.
BROKEN_BODIES = [
    ("a length cut short", "8", OK + b"Content-Length: 9\r\n\r\nabc", CUT, True),
    ("a length and nothing", "8", OK + b"Content-Length: 9\r\n\r\n", CUT, True),
    ("a chunk cut short", "8", chunks(b"9\r\nabc"), CUT, True),
    ("no last chunk", "8", chunks(b"3\r\nabc\r\n"), CUT, True),
    ("half a last chunk", "8", chunks(b"3\r\nabc\r\n0\r\n"), CUT, True),
    ("chunk without digits", "7.1", chunks(b"\r\nabc\r\n" + END), CUT),
    ("signed chunk size", "7.1", chunks(b"+3\r\nabc\r\n" + END), CUT),
    ("chunk size with 0x", "7.1", chunks(b"0x3\r\nabc\r\n" + END), CUT),
    ("space behind a chunk size", "7.1", chunks(b"3 \r\nabc\r\n" + END), CUT),
    ("chunk size of 2^64 + 3", "7.1", chunks(b"10000000000000003\r\nabc\r\n" + END), CUT),
    ("bare LF behind a chunk size", "7.1", chunks(b"3\nabc\r\n" + END), CUT),
    ("chunk longer than its size", "7.1", chunks(b"3\r\nabcd\r\n" + END), CUT),
    ("bare LF behind a chunk", "7.1", chunks(b"3\r\nabc\n" + END), CUT),
    ("endless chunk extension", "7.1.1", chunks(b"3;" + b"e" * 70000), CUT),
    ("bare CR in a chunk extension", "7.1.1", chunks(b"3;a\rb\r\nabc\r\n" + END), CUT),
    ("bad trailer", "7.1.2", chunks(b"3\r\nabc\r\n0\r\nX A\r\n\r\n"), CUT),
    ("129 trailers", "7.1.2",
     chunks(b"3\r\nabc\r\n0\r\n" + b"A: b\r\n" * 129 + b"\r\n"), CUT),
    ("endless trailers", "7.1.2", chunks(b"3\r\nabc\r\n0\r\n" + b"X-A: bbb\r\n" * 9000), CUT),
]

GOOD_HEADS = [
    ("the plain answer", "4", sized(), Good(b"abc")),
    ("no reason", "4", line(b"HTTP/1.1 200 "), Good(b"abc", line=b"HTTP/1.1 200 ")),
    ("no space behind the status", "4", line(b"HTTP/1.1 200"), Good(b"abc", line=b"HTTP/1.1 200 ")),
    ("odd reason", "4", line(b"HTTP/1.1 200  \tO\xe9\xff: K "),
     Good(b"abc", line=b"HTTP/1.1 200  \tO\xe9\xff: K ")),
    ("unknown status", "9110 15", line(b"HTTP/1.1 799 Odd"),
     Good(b"abc", line=b"HTTP/1.1 799 Odd")),
    ("status 999", "9110 15", line(b"HTTP/1.1 999 Odd"), Good(b"abc", line=b"HTTP/1.1 999 Odd")),
    ("version 1.2", "9110 2.5", line(b"HTTP/1.2 200 OK"), Good(b"abc")),
    ("1.0 with a length", "9.3", line(b"HTTP/1.0 200 OK"), Good(b"abc", is_reused=False)),
    ("1.0 that stays", "9.3", sized(b"Connection: keep-alive\r\n", line=b"HTTP/1.0 200 OK\r\n"),
     Good(b"abc")),
    ("1.0 until its end", "6.3", b"HTTP/1.0 200 OK\r\n\r\nabc",
     Good(b"abc", framing="chunked", is_reused=False), True),
    ("fields in their bytes", "9110 5.3",
     sized(b"x-ODD:b\r\nSet-Cookie: a=b\r\nset-cookie:\tc=d \r\nX-A:\r\nX-E: \xe9\r\n"),
     Good(b"abc", b"x-ODD:b\r\nSet-Cookie: a=b\r\nset-cookie:\tc=d \r\nX-A:\r\nX-E: \xe9\r\n")),
    ("a field of 60 KB", "5.4", sized(b"X-A: " + b"y" * 60000 + b"\r\n"),
     Good(b"abc", b"X-A: " + b"y" * 60000 + b"\r\n")),
    ("100 fields", "5.4", sized(b"".join(b"X-%d: y\r\n" % n for n in range(100))),
     Good(b"abc", b"".join(b"X-%d: y\r\n" % n for n in range(100)))),
    ("hop-by-hop fields", "9110 7.6.1",
     sized(b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-A: b\r\n"
           b"Proxy-Connection: x\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\n"),
     Good(b"abc", b"X-A: b\r\n")),
    ("close", "9.6", sized(b"Connection: close\r\n"), Good(b"abc", is_reused=False)),
    ("close, and it does", "9.6", sized(b"Connection: close\r\n"), Good(b"abc", is_reused=False),
     True),
    ("an upgrade is offered", "9110 15.5.22",
     sized(b"Upgrade: h2c\r\nConnection: upgrade\r\n", line=b"HTTP/1.1 426 Upgrade Required\r\n"),
     Good(b"abc", line=b"HTTP/1.1 426 Upgrade Required")),
    ("one interim answer", "9110 15.2.1", b"HTTP/1.1 100 Continue\r\n\r\n" + sized(), Good(b"abc")),
    ("ten interim answers", "9110 15.2",
     b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 10 + sized(), Good(b"abc")),
    ("unknown interim answer", "9110 15.2", b"HTTP/1.1 199 Odd\r\n\r\n" + sized(), Good(b"abc")),
]

GOOD_BODIES = [
    ("length 0", "6.3", sized(body=b""), Good(b"")),
    ("zeros before a length", "9110 8.6", OK + b"Content-Length: 0003\r\n\r\nabc", Good(b"abc")),
    ("a body of answers", "6.3", sized(body=POISON.replace(b"poison", b"potion")),
     Good(POISON.replace(b"poison", b"potion"))),
    ("chunks", "7.1", chunks(b"3\r\nabc\r\n2\r\nde\r\n" + END), Good(b"abcde", framing="chunked")),
    ("no chunk", "7.1", chunks(END), Good(b"", framing="chunked")),
    ("chunk extensions", "7.1.1", chunks(b'3;a="b;c"\r\nabc\r\n0;d\r\n\r\n'),
     Good(b"abc", framing="chunked")),
    ("trailers", "7.1.2",
     chunks(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-odd:\te \r\n\r\n", b"Trailer: X-Sum\r\n"),
     Good(b"abc", b"Trailer: X-Sum\r\n", framing="chunked",
          trailers=b"X-Sum: 1\r\nx-odd:\te \r\n")),
    ("what may not be among trailers", "9110 6.5.1",
     chunks(b"3\r\nabc\r\n0\r\nSet-Cookie: a=b\r\nX-Sum: 1\r\nContent-Length: 9\r\n"
            b"Location: /\r\nContent-Type: c\r\nWWW-Authenticate: d\r\nConnection: close\r\n"
            b"set_cookie: e=f\r\n\r\n"),
     Good(b"abc", framing="chunked", trailers=b"X-Sum: 1\r\n")),
    ("Connection names a trailer", "9110 7.6.1",
     chunks(b"3\r\nabc\r\n0\r\nX-Hop: 1\r\nX-Sum: 2\r\n\r\n",
            b"Connection: x-hop\r\nTrailer: X-Hop\r\n"), Good(b"abc", framing="chunked")),
    ("128 trailers", "7.1.2", chunks(b"3\r\nabc\r\n0\r\n" + b"A: b\r\n" * 128 + b"\r\n"),
     Good(b"abc", framing="chunked", trailers=b"A: b\r\n" * 128)),
    ("HEAD with Trailer", "9110 9.3.2", OK + b"Trailer: X-Sum\r\n" + CHUNKED + b"\r\n",
     Good(b"", framing="none"), False, "HEAD"),
    ("until its end", "6.3", OK + b"\r\nabc",
     Good(b"abc", framing="chunked", is_reused=False), True),
    ("nothing until its end", "6.3", OK + b"\r\n",
     Good(b"", framing="chunked", is_reused=False), True),
    ("204", "6.3", b"HTTP/1.1 204 No Content\r\n\r\n",
     Good(b"", line=b"HTTP/1.1 204 No Content", framing="none")),
    ("204 with length 0", "9110 8.6", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     Good(b"", line=b"HTTP/1.1 204 No Content", framing="none")),
    ("204 with a body", "6.3", b"HTTP/1.1 204 No Content\r\nContent-Length: 48\r\n\r\n" + POISON,
     Good(b"", line=b"HTTP/1.1 204 No Content", framing="none", is_reused=False)),
    ("204 with chunks", "6.3", b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n" + END,
     Good(b"", line=b"HTTP/1.1 204 No Content", framing="none", is_reused=False)),
    ("205", "9110 15.3.6", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
     Good(b"", line=b"HTTP/1.1 205 Reset Content")),
    ("304 with a length", "9110 15.4.5", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n"
     b"Content-Length: 48\r\n\r\n", Good(b"", b"ETag: x\r\nContent-Length: 48\r\n",
                                         b"HTTP/1.1 304 Not Modified", "none")),
    ("304 with a body", "9110 15.4.5", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 48\r\n\r\n"
     + POISON, Good(b"", b"Content-Length: 48\r\n", b"HTTP/1.1 304 Not Modified", "none", False)),
    ("HEAD with a length", "9110 9.3.2", OK + b"Content-Length: 48\r\n\r\n",
     Good(b"", b"Content-Length: 48\r\n", framing="none"), False, "HEAD"),
    ("HEAD with chunked", "9110 9.3.2", OK + CHUNKED + b"\r\n",
     Good(b"", framing="none"), False, "HEAD"),
    ("HEAD without anything", "9110 9.3.2", OK + b"\r\n", Good(b"", framing="none"), False, "HEAD"),
    ("HEAD with a body", "9110 9.3.2", sized(body=POISON),
     Good(b"", b"Content-Length: %d\r\n" % len(POISON), framing="none", is_reused=False), False,
     "HEAD"),
    ("bytes behind a length", "9.3", sized() + POISON, Good(b"abc", is_reused=False)),
    ("bytes behind chunks", "9.3", chunks(b"3\r\nabc\r\n" + END) + POISON,
     Good(b"abc", framing="chunked", is_reused=False)),
    ("bytes behind trailers", "9.3", chunks(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n") + POISON,
     Good(b"abc", framing="chunked", is_reused=False, trailers=b"X-Sum: 1\r\n")),
    ("bytes behind a 204", "9.3", b"HTTP/1.1 204 No Content\r\n\r\n" + POISON,
     Good(b"", line=b"HTTP/1.1 204 No Content", framing="none", is_reused=False)),
    ("CRLF behind a length", "9.3", sized() + b"\r\n", Good(b"abc", is_reused=False)),
]

GROUPS = {"head": BAD_HEADS, "framing": BAD_FRAMING, "broken": BROKEN_BODIES, "good": GOOD_HEADS,
          "body": GOOD_BODIES}


def rows():
    return [(f"{group}: {row[0]}", Answer(*row)) for group, table in GROUPS.items()
            for row in table]
