# SPDX-License-Identifier: Apache-2.0
"""The rules for what llhttp refuses and our parser reads, and for what both read and see
differently."""

import re

from case import TOKEN, trailers
from rule import CHUNKED, END, answer, chunks, request, rule

LLHTTP_METHODS = set(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH "
    b"SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY "
    b"SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK QUERY SOURCE PRI".split())
LLHTTP_RTSP_METHODS = set(
    b"DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH"
    .split())


# What Node refuses

@rule("method-unknown", "theirs", "Q", "HPE_INVALID_METHOD",
      "a method that llhttp's list does not have",
      "Methods are an open set, and it is the server that says 501.", "9110 9.1",
      request(b"BREW / HTTP/1.1"), request(b"PROPFIND / HTTP/1.1"))
def _(case):
    return re.fullmatch(TOKEN, case.method) and case.method not in LLHTTP_METHODS


@rule("method-rtsp", "theirs", "Q", "HPE_INVALID_CONSTANT",
      "methods that llhttp knows from RTSP",
      "Here they are methods like others.", "9110 9.1",
      request(b"DESCRIBE / HTTP/1.1"), request(b"SOURCE / HTTP/1.1"))
def _(case):
    return case.method in LLHTTP_RTSP_METHODS


@rule("method-pri", "theirs", "Q", "HPE_INVALID_VERSION",
      "the method PRI, which begins an HTTP/2 connection",
      "With HTTP/1.1 in its line it is a method like others.", "9110 9.1",
      request(b"PRI / HTTP/1.1"), request(b"PROPFIND / HTTP/1.1"))
def _(case):
    return case.method == b"PRI"


@rule("length-tab", "theirs", "QAH", "HPE_INVALID_CONTENT_LENGTH",
      "a tab behind a Content-Length",
      "Optional white space is space or tab, and is no part of the value.", "9110 5.5",
      request(fields=b"Content-Length: 0\t\r\n"), request(fields=b"Content-Length:\t0 \r\n"))
def _(case):
    values = case.raw_values(b"content-length")
    return len(values) == 1 and re.fullmatch(rb"[ \t]*[0-9]+ *\t[ \t]*", values[0])


@rule("coding-tab", "theirs", "Q", "HPE_INVALID_TRANSFER_ENCODING",
      "a tab behind `chunked`",
      "Optional white space is space or tab, and is no part of the value.", "9110 5.5",
      request(fields=b"Transfer-Encoding: chunked\t\r\n", body=END),
      request(fields=b"Transfer-Encoding:\tchunked \r\n", body=END))
@rule("coding-tab-answer", "framing", "AH", None,
      "a tab behind `chunked` in an answer, which llhttp then reads to the connection's end",
      "Optional white space is no part of the value. The body goes on framed anew, so that nobody "
      "behind reads the tab.", "9110 5.5",
      answer(b"Transfer-Encoding: chunked\t\r\n", END), answer(CHUNKED, END),
      ("body", "trailers", "end", "stays"))
@rule("coding-tab-answer-bad", "ours", "AH", 400,
      "a tab behind `chunked` in an answer, and chunks that are bad",
      "Optional white space is no part of the value: these are chunks, and bad ones.", "9110 5.5",
      answer(b"Transfer-Encoding: chunked\t\r\n", b"x\r\n"), answer(CHUNKED, b"x\r\n"))
def _(case):
    values = case.raw_values(b"transfer-encoding")
    return len(values) == 1 and re.fullmatch(rb"(?i)[ \t]*chunked *\t[ \t]*", values[0])


@rule("size-space", "theirs", "QAH", "HPE_INVALID_CHUNK_SIZE",
      "white space between a chunk size and its extension",
      "Bad white space is to be read, and dropped.", "9112 7.1.1",
      chunks(b"1 ;a\r\na\r\n" + END), chunks(b"1;a\r\na\r\n" + END))
def _(case):
    return re.fullmatch(rb"[0-9a-fA-F]+[ \t]", case.line_until("theirs"))


@rule("extension-space", "theirs", "QAH", "HPE_STRICT",
      "white space around the name or value of a chunk extension",
      "Bad white space is to be read, and dropped.", "9112 7.1.1",
      chunks(b"1; a\r\na\r\n" + END), chunks(b"1;a\r\na\r\n" + END))
def _(case):
    return (re.match(rb"[0-9a-fA-F]+;", case.line_until("theirs"))
            and case.line_until("theirs")[-1:] in b" \t")


@rule("trailer-framing", "theirs", "QAH", "HPE_INVALID_CONTENT_LENGTH",
      "Content-Length among trailers",
      "Trailers cannot frame; it is dropped.", "9110 6.5.1",
      chunks(b"0\r\nContent-Length: 3\r\n\r\n"), chunks(b"0\r\nContent-Lengths: 3\r\n\r\n"))
@rule("trailer-coding", "theirs", "QAH", "HPE_INVALID_TRANSFER_ENCODING",
      "Transfer-Encoding among trailers",
      "Trailers cannot frame; it is dropped.", "9110 6.5.1",
      chunks(b"0\r\n" + CHUNKED + b"\r\n"), chunks(b"0\r\nX-" + CHUNKED + b"\r\n"))
def _(case):
    return {b"content-length", b"transfer-encoding"} & {name for name, _ in case.trailers}


@rule("version-minor", "theirs", "AH", "HPE_INVALID_VERSION",
      "HTTP/1.2 to HTTP/1.9 in a status line",
      "Every minor version is to be read as the highest one known.", "9110 2.5",
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.2 200 OK"), answer(b"Content-Length: 0\r\n"))
def _(case):
    return re.fullmatch(rb"HTTP/1\.[2-9]", case.version)


# Both read it

@rule("upgrade", "framing", "Q", None,
      "an Upgrade that is no WebSocket's first request: llhttp leaves HTTP behind it",
      "Setia passes on WebSocket alone; every other upgrade is left out and the request is one "
      "like others, which a server may always do.", "9110 7.8",
      request(fields=b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
      request(fields=b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
      ("upgrade", "stays", "body", "trailers", "end"))
@rule("upgrade-bad", "ours", "Q", 400,
      "such an Upgrade with bad chunks, at which llhttp does not look",
      "The body of such a request is a body.", "9110 7.8",
      request(fields=b"Connection: upgrade\r\nUpgrade: h2c\r\n" + CHUNKED, body=b"x\r\n"),
      request(fields=CHUNKED, body=b"x\r\n"))
def _(case):
    return ((case.theirs or {}).get("upgrade") and b"upgrade" in case.options
            and case.values(b"upgrade"))


@rule("switch", "framing", "AH", None,
      "101 to something else than WebSocket",
      "The proxy refuses it with 502, since only WebSocket is ever asked for.", "9110 15.2.2",
      answer(b"Connection: upgrade\r\nUpgrade: h2c\r\n", line=b"HTTP/1.1 101 "),
      answer(b"Connection: upgrade\r\nUpgrade: websocket\r\n", line=b"HTTP/1.1 101 "),
      ("upgrade",))
def _(case):
    return case.answer_status == b"101"


# Whether the connection stays

@rule("option-tab", "framing", "QAH", None,
      "a tab behind `close` or `keep-alive`, which llhttp then does not know",
      "Optional white space is space or tab, and is no part of the value.", "9110 5.5",
      request(fields=b"Connection: close\t\r\n"), request(fields=b"Connection:\tclose \r\n"),
      ("stays",))
def _(case):
    values = case.raw_values(b"connection") + case.raw_values(b"proxy-connection")
    return any(re.search(rb"(?i)(close|keep-alive) *\t", value) for value in values)


@rule("upgrade-tab", "framing", "QAH", None,
      "a tab behind `upgrade`, which llhttp then does not know",
      "Optional white space is space or tab, and is no part of the value.", "9110 5.5",
      request(fields=b"Connection: upgrade\t\r\nUpgrade: websocket\r\n"),
      request(fields=b"Connection:\tupgrade \r\nUpgrade: websocket\r\n"), ("stays", "upgrade"))
def _(case):
    values = case.raw_values(b"connection")
    return case.ours["upgrade"] and any(re.search(rb"(?i)upgrade *\t", value) for value in values)


@rule("option-both", "framing", "QAH", None,
      "`keep-alive` and `close` in HTTP/1.0, which llhttp keeps open",
      "`close` wins.", "9112 9.3",
      request(b"GET / HTTP/1.0", b"Connection: keep-alive, close\r\n"),
      request(b"GET / HTTP/1.1", b"Connection: keep-alive, close\r\n"), ("stays",))
def _(case):
    return (case.version == b"HTTP/1.0" and {b"keep-alive", b"close"} <= set(case.options)
            and not case.ours["stays"])


@rule("proxy-connection", "framing", "QAH", None,
      "Proxy-Connection, which llhttp reads like Connection",
      "No field of HTTP; a proxy that knows it is asked to keep a connection it cannot keep.",
      "9112 C.2.2", request(b"GET / HTTP/1.0", b"Proxy-Connection: keep-alive\r\n"),
      request(b"GET / HTTP/1.0", b"Connection: keep-alive\r\n"), ("stays",))
def _(case):
    return any(re.search(rb"(?i)close|keep-alive", value)
               for value in case.raw_values(b"proxy-connection"))


@rule("interim-close", "framing", "AH", None,
      "an interim answer in HTTP/1.0 or with `Connection: close`: llhttp reads nothing behind it",
      "The final answer is still to come on this connection.", "9110 15.2",
      answer(b"Connection: close\r\n", line=b"HTTP/1.1 103 Early Hints"),
      answer(b"Connection: x\r\n", line=b"HTTP/1.1 103 Early Hints"), ("stays",))
def _(case):
    return (re.fullmatch(rb"1[0-9][0-9]", case.answer_status) and case.ours["stays"]
            and (case.version == b"HTTP/1.0" or b"close" in case.options
                 or case.raw_values(b"proxy-connection")))


@rule("head-stays", "framing", "H", None,
      "an answer to HEAD without a length: llhttp says that it lasts to the connection's end, and "
      "reads on when more comes",
      "It has no body, so the connection can stay.", "9112 6.3",
      answer(), answer(b"Content-Length: 3\r\n"), ("stays",))
def _(case):
    return (case.ours["stays"] and not case.values(b"content-length")
            and not case.values(b"transfer-encoding"))


@rule("no-content-body", "framing", "AH", None,
      "204 that announces a body",
      "It has none; what such a server sends next is not read as an answer.", "9110 8.6",
      answer(b"Content-Length: 3\r\n", line=b"HTTP/1.1 204 No Content"),
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 204 No Content"), ("stays",))
def _(case):
    return case.answer_status == b"204" and not case.ours["stays"]


@rule("trailer-connection", "theirs", "QAH", "HPE_CLOSED_CONNECTION",
      "a message behind one whose trailers said `Connection: close`",
      "Trailers cannot change what the head said about the connection; it is dropped.",
      "9110 6.5.1",
      chunks(b"0\r\nConnection: close\r\n\r\n") + request(),
      chunks(b"0\r\nX-Connection: close\r\n\r\n") + request())
def _(case):
    return any(name in (b"connection", b"proxy-connection") and b"close" in value.lower()
               for name, value in trailers(case.before))
