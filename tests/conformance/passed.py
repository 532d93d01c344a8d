# SPDX-License-Identifier: Apache-2.0
"""The table of client messages that pass: name, section (9112 unless it says 9110), bytes, and to
the byte what reaches the target, request after request. `closes`: the client's connection ends
behind the last answer."""

from typing import NamedTuple

from refused import CHUNKED, END, HOST

ADDED = (b"127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: @PORT@\r\n"
         b"X-Real-IP: 127.0.0.1\r\n")


class Reached(NamedTuple):
    head: bytes
    body: bytes = b""
    trailers: bytes = b""


class Passed(NamedTuple):
    name: str
    section: str
    wire: bytes
    reached: list
    closes: bool = False


def at_target(line=b"GET /case", fields=b"", body=b"", host=b"a.example", behind=b"", before=b""):
    """`fields` in their place, `before` in X-Forwarded-For ahead of the client, `behind` last."""
    return Reached(line + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + fields + b"X-Forwarded-For: "
                   + before + ADDED + behind + b"\r\n", body)


def get(fields=b"", line=b"GET /case HTTP/1.1\r\n", host=HOST):
    return line + host + fields + b"\r\n"


def same_line(name, section, text):
    """The line passes as it is."""
    return name, section, get(line=text + b" HTTP/1.1\r\n"), [at_target(text)]


def dropped(name, section, fields):
    """These fields do not reach the target; everything else does."""
    return (name, section, get(b"X-A: b\r\n" + fields + b"X-C: d\r\n"),
            [at_target(fields=b"X-A: b\r\nX-C: d\r\n")])


def kept(name, section, fields):
    return name, section, get(fields), [at_target(fields=fields)]


def hosted(name, section, value, reached=None):
    return (name, section, get(host=b"Host: " + value + b"\r\n"),
            [at_target(host=value if reached is None else reached)])


def post(fields, body):
    return b"POST /case HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def chunked(name, section, body, payload, fields=CHUNKED):
    return name, section, post(fields, body), [at_target(b"POST /case", body=payload,
                                                         behind=CHUNKED)]


def trailed(name, section, fields, reached, head=b"", behind=CHUNKED):
    """These fields behind the body: what of them reaches the target."""
    one = at_target(b"POST /case", head, b"abc", behind=behind)
    return (name, section, post(head + CHUNKED, b"3\r\nabc\r\n0\r\n" + fields + b"\r\n"),
            [one._replace(trailers=reached)])


def sized(name, section, value, body, reached):
    return (name, section, post(b"Content-Length: " + value + b"\r\n", body),
            [at_target(b"POST /case", b"Content-Length: " + reached + b"\r\n", body)])


NEXT = get(line=b"GET /next HTTP/1.1\r\n")
TO_NEXT = at_target(b"GET /next")
OLD = b"GET /case HTTP/1.0\r\n"
SOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
TE = b"TE: trailers\r\nConnection: TE\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

LINES = [
    same_line("the plain request", "3", b"GET /case"),
    same_line("unknown method", "9110 9.1", b"BREW /case"),
    same_line("method in lower case is another method", "9110 9.1", b"get /case"),
    same_line("method of odd letters", "9110 9.1", b"!#$%&'*+-.^_`|~ /case"),
    same_line("DELETE", "9110 9.3.5", b"DELETE /case"),
    same_line("OPTIONS", "9110 9.3.7", b"OPTIONS /case"),
    same_line("TRACE", "9110 9.3.8", b"TRACE /case"),
    same_line("PATCH", "9110 9.1", b"PATCH /case"),
    same_line("HEAD", "9110 9.3.2", b"HEAD /case"),
    same_line("percent stays as it is", "3.2.1", b"GET /%61%2F%2e%2E/%00?%zz"),
    same_line("broken percent", "3.2.1", b"GET /%"),
    same_line("dots stay", "3.2.1", b"GET /a/../../b/./c"),
    same_line("slashes stay", "3.2.1", b"GET //a///b//"),
    same_line("backslash in a path", "3.2.1", b"GET /a\\..\\b"),
    same_line("odd characters in a path", "3.2.1", b"GET /[a]|{b}^`\"<c>~!$&'()*+,;=:@"),
    same_line("question marks", "3.2.1", b"GET /a?b?c=/?d"),
    same_line("empty query", "3.2.1", b"GET /case?"),
    same_line("a URL within a path", "3.2.1", b"GET /http://b.example/"),
    same_line("target of 32,000 bytes", "3", b"GET /" + b"a" * 31999),
    same_line("OPTIONS about the server", "3.2.4", b"OPTIONS *"),
    ("an empty line before", "2.2", b"\r\n" + get(), [at_target()]),
    ("two empty lines before", "2.2", b"\r\n\r\n" + get(), [at_target()]),
    ("absolute form", "3.2.2", get(line=b"GET http://a.example/case?q HTTP/1.1\r\n"),
     [at_target(b"GET /case?q")]),
    ("absolute form in capitals", "3.2.2", get(line=b"GET HTTP://A.EXAMPLE/case HTTP/1.1\r\n"),
     [at_target(host=b"A.EXAMPLE")]),
    ("absolute form with the default port", "3.2.2",
     get(line=b"GET http://a.example:80/case HTTP/1.1\r\n"), [at_target(host=b"a.example:80")]),
    ("absolute form without a path", "3.2.2", get(line=b"GET http://a.example HTTP/1.1\r\n"),
     [at_target(b"GET /")]),
    ("absolute form with a query alone", "3.2.2", get(line=b"GET http://a.example?q HTTP/1.1\r\n"),
     [at_target(b"GET /?q")]),
    ("absolute form of OPTIONS", "3.2.4", get(line=b"OPTIONS http://a.example HTTP/1.1\r\n"),
     [at_target(b"OPTIONS *")]),
    ("absolute form in 1.0 without Host", "3.2.2",
     get(line=b"GET http://a.example/case HTTP/1.0\r\n", host=b""), [at_target()], True),
]

HOSTS = [
    hosted("Host with a port", "3.2", b"a.example:8080"),
    hosted("Host in capitals", "3.2", b"A.Example"),
    hosted("Host with an empty port", "3.2", b"a.example:", b"a.example"),
    hosted("IPv4", "3.2", b"192.0.2.1"),
    hosted("IPv6", "3.2", b"[2001:db8::1]:80"),
    hosted("Host with an underscore", "3.2", b"a_b.example"),
    hosted("Host with a dot at its end", "3.2", b"a.example."),
    ("Host is not the first field", "3.2", get(host=b"X-A: b\r\nHost: a.example\r\nX-C: d\r\n"),
     [at_target(fields=b"X-A: b\r\nX-C: d\r\n")]),
    ("Host without spaces", "5.1", get(host=b"Host:a.example\r\n"), [at_target()]),
    ("Host between tabs", "5.1", get(host=b"Host:\t a.example \t\r\n"), [at_target()]),
]

FIELDS = [
    kept("a value of white space", "5.1", b"X-A:  \t \r\n"),
    kept("an empty value", "9110 5.5", b"X-A:\r\n"),
    kept("tab within a value", "9110 5.5", b"X-A: b\tc\r\n"),
    kept("high bytes in a value", "9110 5.5", b"X-A: \xc3\xa9\xff\r\n"),
    kept("a repeated field keeps its order", "9110 5.3", b"X-A: b\r\nX-C: d\r\nx-a: e\r\n"),
    kept("letters of names stay", "9110 5.1", b"x-ODD-cAsE: b\r\n"),
    kept("odd letters of names", "9110 5.1", b"!#$%&'*+-.^_`|~9: b\r\n"),
    kept("a colon within a value", "5", b"X-A: Content-Length: 3\r\n"),
    kept("cookies", "9110 5.3", b"Cookie: a=b; c=\"d\"\r\nCookie: e\r\n"),
    kept("Forwarded", "9110 5.1", b"Forwarded: for=192.0.2.1\r\n"),
    kept("Authorization", "9110 11.6.2", b"Authorization: Basic eA==\r\n"),
    kept("Via and Max-Forwards", "9110 7.6", b"Via: 1.1 x\r\nMax-Forwards: 0\r\n"),
    kept("a field of 60 KB", "5.4", b"X-A: " + b"y" * 60000 + b"\r\n"),
    kept("100 fields", "5.4", b"".join(b"X-%d: y\r\n" % n for n in range(100))),
    dropped("Connection", "9110 7.6.1", b"Connection: keep-alive\r\n"),
    dropped("a named field", "9110 7.6.1", b"Connection: x-hop\r\nX-Hop: 1\r\nx-HOP: 2\r\n"),
    dropped("a field named behind it", "9110 7.6.1", b"X-Hop: 1\r\nConnection: x-hop\r\n"),
    dropped("several options", "9110 7.6.1",
            b"Connection: ,x-a1 ,, x-a2\r\nX-A1: 1\r\nConnection: x-a3\r\nX-A2: 2\r\nX-A3: 3\r\n"),
    dropped("Keep-Alive", "9110 7.6.1", b"Keep-Alive: timeout=5\r\n"),
    dropped("Proxy-Connection", "9110 7.6.1", b"Proxy-Connection: keep-alive\r\n"),
    dropped("TE", "9110 10.1.4", b"TE: gzip;q=0.5, deflate\r\nConnection: TE\r\n"),
    ("TE that takes trailers", "9110 10.1.4",
     get(b"TE: gzip ,, Trailers\r\nConnection: keep-alive, TE\r\n"), [at_target(behind=TE)]),
    ("TE in 1.0", "9110 10.1.4", get(b"TE: trailers\r\nConnection: TE\r\n", line=OLD),
     [at_target()], True),
    dropped("Trailer without chunks", "9110 6.6.2", b"Trailer: X-Sum\r\n"),
    dropped("Upgrade without Connection", "9110 7.8", b"Upgrade: websocket\r\n"),
    dropped("h2c", "9110 7.8", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
    dropped("an unknown upgrade", "9110 7.8", b"Connection: upgrade\r\nUpgrade: x/1\r\n"),
    dropped("TLS upgrade", "9110 7.8", b"Connection: upgrade\r\nUpgrade: TLS/1.2\r\n"),
    dropped("look-alike of a length", "9110 5.1", b"Content_Length: 3\r\n"),
    dropped("look-alike of a coding", "9110 5.1", b"Transfer_Encoding: chunked\r\n"),
    dropped("look-alikes of our own", "9110 5.1", b"X_Forwarded_For: 192.0.2.1\r\n"
            b"x-forwarded_for: 192.0.2.1\r\nX_Real_IP: 192.0.2.1\r\nX_FORWARDED_PROTO: https\r\n"),
    dropped("what only we may say", "9110 5.1", b"X-Real-IP: 192.0.2.1\r\n"
            b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n"),
    ("X-Forwarded-For is continued", "9110 5.3",
     get(b"X-Forwarded-For: 192.0.2.1\r\nX-A: b\r\nx-forwarded-for: 192.0.2.2 ,x\r\n"),
     [at_target(fields=b"X-A: b\r\n", before=b"192.0.2.1, 192.0.2.2 ,x, ")]),
    ("Connection cannot hide the client", "9110 7.6.1",
     get(b"Connection: X-Forwarded-For, X-Real-IP, Host\r\nX-Forwarded-For: 192.0.2.1\r\n"),
     [at_target(before=b"192.0.2.1, ")]),
    ("Connection cannot take a length away", "9110 7.6.1",
     post(b"Connection: Content-Length\r\nContent-Length: 3\r\n", b"abc"),
     [at_target(b"POST /case", b"Content-Length: 3\r\n", b"abc")]),
    ("Connection cannot take a coding away", "9110 7.6.1",
     post(b"Connection: Transfer-Encoding\r\n" + CHUNKED, b"3\r\nabc\r\n" + END),
     [at_target(b"POST /case", body=b"abc", behind=CHUNKED)]),
    ("close ends the client's connection only", "9.6", get(b"Connection: close\r\n"),
     [at_target()], True),
    ("close among others", "9.6", get(b"Connection: x, CLOSE , keep-alive\r\n"),
     [at_target()], True),
    ("close in the second field", "9.6", get(b"Connection: keep-alive\r\nConnection: close\r\n"),
     [at_target()], True),
    ("websocket is asked for", "9110 7.8", get(SOCKET + KEY), [at_target(fields=KEY,
                                                                         behind=SOCKET)]),
    ("websocket among others", "9110 7.8",
     get(b"Upgrade: h2c, WebSocket\r\nConnection: x, upgrade\r\n" + KEY),
     [at_target(fields=KEY, behind=SOCKET)]),
    ("websocket with POST", "9110 7.8",
     b"POST /case HTTP/1.1\r\n" + HOST + SOCKET + b"Content-Length: 0\r\n\r\n",
     [at_target(b"POST /case", b"Content-Length: 0\r\n")]),
    ("websocket with a body", "9110 7.8",
     get(SOCKET + b"Content-Length: 3\r\n") + b"abc",
     [at_target(fields=b"Content-Length: 3\r\n", body=b"abc")]),
    ("websocket in 1.0", "9110 7.8", get(SOCKET, line=OLD), [at_target()], True),
]

BODIES = [
    sized("a length", "6.2", b"3", b"abc", b"3"),
    sized("length 0", "6.2", b"0", b"", b"0"),
    sized("zeros before a length", "9110 8.6", b"0003", b"abc", b"3"),
    sized("length between tabs", "5.1", b"\t3\t", b"abc", b"3"),
    sized("a request for a body", "6.2", b"48",
          b"GET /hidden HTTP/1.1\r\nHost: a.example.com   \r\n\r\n", b"48"),
    sized("a body of NULs", "6.2", b"9", b"\0" * 9, b"9"),
    ("GET with a body", "9110 9.3.1", get(b"Content-Length: 3\r\n") + b"abc",
     [at_target(fields=b"Content-Length: 3\r\n", body=b"abc")]),
    ("HEAD with a body", "9110 9.3.2",
     get(b"Content-Length: 3\r\n", line=b"HEAD /case HTTP/1.1\r\n") + b"abc",
     [at_target(b"HEAD /case", b"Content-Length: 3\r\n", b"abc")]),
    ("length keeps its place", "6.2", post(b"X-A: b\r\ncontent-LENGTH:3\r\nX-C: d\r\n", b"abc"),
     [at_target(b"POST /case", b"X-A: b\r\nContent-Length: 3\r\nX-C: d\r\n", b"abc")]),
    ("POST without a length has no body", "6.3", post(b"", b""), [at_target(b"POST /case")]),
    chunked("chunks", "7.1", b"3\r\nabc\r\n2\r\nde\r\n" + END, b"abcde"),
    chunked("no chunk", "7.1", END, b""),
    chunked("size with zeros", "7.1", b"0003\r\nabc\r\n000\r\n\r\n", b"abc"),
    chunked("size in capitals", "7.1", b"0A\r\n0123456789\r\n" + END, b"0123456789"),
    chunked("an extension", "7.1.1", b"3;a=b\r\nabc\r\n0;c\r\n\r\n", b"abc"),
    chunked("spaces around an extension", "7.1.1", b"3 ; a = b\r\nabc\r\n" + END, b"abc"),
    chunked("a quoted extension", "7.1.1", b'3;a="b\\";c=\\\\"\r\nabc\r\n' + END, b"abc"),
    chunked("CRLF within data", "7.1", b"7\r\n\r\n0\r\n\r\n\r\n" + END, b"\r\n0\r\n\r\n"),
    chunked("a request within data", "7.1", b"18\r\nGET /hidden HTTP/1.1\r\n\r\n\r\n" + END,
            b"GET /hidden HTTP/1.1\r\n\r\n"),
    trailed("trailers", "7.1.2", b"X-Sum: 1\r\nx-odd:  \te \r\nX-Sum:\r\nB: \xff\r\n",
            b"X-Sum: 1\r\nx-odd:  \te \r\nX-Sum:\r\nB: \xff\r\n"),
    trailed("a short trailer", "7.1.2", b"A:\r\n", b"A:\r\n"),
    trailed("announced trailers", "9110 6.6.2", b"X-Sum: 1\r\n", b"X-Sum: 1\r\n",
            b"Trailer: X-Sum\r\n"),
    trailed("framing among trailers", "9110 6.5.1",
            b"Content-Length: 9\r\nX-Sum: 1\r\nTransfer-Encoding: x\r\nTE: y\r\nTrailer: z\r\n",
            b"X-Sum: 1\r\n"),
    trailed("routing among trailers", "9110 6.5.1",
            b"Host: b.example\r\nX-Forwarded-Host: c\r\nX-Original-URL: /d\r\nX-Sum: 1\r\n",
            b"X-Sum: 1\r\n"),
    trailed("who the client is among trailers", "9110 6.5.1",
            b"X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n"
            b"X_Forwarded_For: 192.0.2.1\r\nx-forwarded-PROTO: https\r\n", b""),
    trailed("credentials among trailers", "9110 6.5.1",
            b"Authorization: a\r\nCookie: b\r\nProxy-Authorization: c\r\nProxy_Authorization: d\r\n",
            b""),
    trailed("modifiers among trailers", "9110 6.5.1",
            b"Range: bytes=0-1\r\nIf-Match: a\r\nExpect: 100-continue\r\nCache-Control: b\r\n"
            b"Max-Forwards: 0\r\nContent-Encoding: gzip\r\nContent-Type: c\r\n", b""),
    trailed("Connection among trailers", "9110 7.6.1",
            b"Connection: close, X-Hop\r\nX-Hop: 1\r\nX-Sum: 2\r\nKeep-Alive: 3\r\n",
            b"X-Sum: 2\r\n"),
    ("Connection names a trailer", "9110 7.6.1",
     post(b"Connection: X-Hop\r\nTrailer: X-Hop\r\n" + CHUNKED,
          b"3\r\nabc\r\n0\r\nX-Hop: 1\r\nX-Sum: 2\r\n\r\n"),
     [at_target(b"POST /case", body=b"abc", behind=CHUNKED)]),
    trailed("128 trailers", "7.1.2", b"A: b\r\n" * 128, b"A: b\r\n" * 128),
    trailed("a trailer of 8 KB", "7.1.2", b"A: " + b"b" * 8185 + b"\r\n",
            b"A: " + b"b" * 8185 + b"\r\n"),
    chunked("chunked in capitals", "7", b"3\r\nabc\r\n" + END, b"abc",
            b"transfer-ENCODING:\tCHUNKED \r\n"),
    ("GET with chunks", "9110 9.3.1", get(CHUNKED) + b"3\r\nabc\r\n" + END,
     [at_target(body=b"abc", behind=CHUNKED)]),
    ("a known expectation", "9110 10.1.1",
     post(b"Expect: 100-CONTINUE\r\nContent-Length: 3\r\n", b"abc"),
     [at_target(b"POST /case", b"Expect: 100-CONTINUE\r\nContent-Length: 3\r\n", b"abc")]),
]

CONNECTIONS = [
    ("1.0", "9.3", get(line=OLD), [at_target()], True),
    ("1.0 that stays", "9.3", get(b"Connection: keep-alive\r\n", line=OLD), [at_target()]),
    ("1.0 that says both", "9.3", get(b"Connection: keep-alive, close\r\n", line=OLD),
     [at_target()], True),
    ("1.0 with Proxy-Connection", "C.2.2", get(b"Proxy-Connection: keep-alive\r\n", line=OLD),
     [at_target()], True),
    ("1.0 with a length", "6.3",
     b"POST /case HTTP/1.0\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
     [at_target(b"POST /case", b"Content-Length: 3\r\n", b"abc")], True),
    ("1.0 with an expectation", "9110 10.1.1",
     b"POST /case HTTP/1.0\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
     [at_target(b"POST /case", b"Content-Length: 3\r\n", b"abc")], True),
    ("three at once", "9.3.2", get() + NEXT + get(), [at_target(), TO_NEXT, at_target()]),
    ("length, then the next", "9.3.2", post(b"Content-Length: 3\r\n", b"abc") + NEXT,
     [at_target(b"POST /case", b"Content-Length: 3\r\n", b"abc"), TO_NEXT]),
    ("chunks, then the next", "9.3.2", post(CHUNKED, b"3\r\nabc\r\n" + END) + NEXT,
     [at_target(b"POST /case", body=b"abc", behind=CHUNKED), TO_NEXT]),
    ("chunks and trailers, then the next", "9.3.2",
     post(CHUNKED, b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n") + NEXT,
     [at_target(b"POST /case", body=b"abc", behind=CHUNKED)._replace(trailers=b"X-Sum: 1\r\n"),
      TO_NEXT]),
    ("HEAD, then the next", "9.3.2", get(line=b"HEAD /case HTTP/1.1\r\n") + NEXT,
     [at_target(b"HEAD /case"), TO_NEXT]),
    ("an empty line between two", "2.2",
     post(b"Content-Length: 3\r\n", b"abc") + b"\r\n" + NEXT,
     [at_target(b"POST /case", b"Content-Length: 3\r\n", b"abc"), TO_NEXT]),
    ("close, then one that is not read", "9.6",
     get(b"Connection: close\r\n") + get(line=b"GET /smuggled HTTP/1.1\r\n"), [at_target()], True),
    ("30 at once", "9.3.2", NEXT * 30, [TO_NEXT] * 30),
]

GROUPS = {"line": LINES, "host": HOSTS, "field": FIELDS, "body": BODIES, "connection": CONNECTIONS}


def rows():
    return [(f"{group}: {row[0]}", Passed(*row)) for group, table in GROUPS.items()
            for row in table]
