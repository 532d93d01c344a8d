# SPDX-License-Identifier: Apache-2.0
"""The rules for what our parser refuses and llhttp reads: where Setia is the stricter one."""

import re

from case import EXTENSIONS, absolute_parts, chunks as chunks_of, default_port, is_authority
from rule import CHUNKED, END, answer, chunks, request, rule


# Request lines

@rule("spaces-in-line", "ours", "Q", 400,
      "several spaces between method, target and version",
      "Where a target ends must not be a matter of how many spaces a reader forgives.", "9112 3",
      request(b"GET  / HTTP/1.1"), request(b"GET / HTTP/1.1"))
def _(case):
    parts = case.lines[0].split(b" ")
    return b"" in parts[1:-1] and len(case.parts) in (2, 3) and parts[0] and parts[-1]


@rule("no-version", "ours", "Q", 400,
      "a request line without a version, which llhttp reads as HTTP/0.9",
      "HTTP/0.9 is gone; what follows such a line has no framing.", "9112 3",
      b"GET /\r\n\r\n", request())
def _(case):
    return re.match(rb"[^ \r\n]+ +[^ \r\n]+\r?\n", case.wire[len(case.blank):])


@rule("version-request", "ours", "Q", 505,
      "HTTP/0.9 and HTTP/2.0 in a request line",
      "HTTP/2 does not begin like this, and HTTP/0.9 has no version.", "9110 2.5",
      request(b"GET / HTTP/2.0"), request(b"GET / HTTP/1.0"))
def _(case):
    return case.version in (b"HTTP/0.9", b"HTTP/2.0")


@rule("version-answer", "ours", "AH", 0,
      "HTTP/0.9 and HTTP/2.0 in a status line",
      "No server that was asked in 1.1 may answer so.", "9110 2.5",
      answer(b"Content-Length: 0\r\n", line=b"HTTP/2.0 200 OK"), answer(b"Content-Length: 0\r\n"))
def _(case):
    return case.version in (b"HTTP/0.9", b"HTTP/2.0")


@rule("protocol-other", "ours", "Q", 400,
      "ICE and RTSP for HTTP in a request line",
      "Other protocols with other framing.", "9112 2.3",
      request(b"SOURCE / ICE/1.0"), request(b"SOURCE / HTTP/1.1"))
@rule("protocol-other-answer", "ours", "AH", 0,
      "ICE and RTSP for HTTP in a status line",
      "Other protocols with other framing.", "9112 2.3",
      answer(b"Content-Length: 0\r\n", line=b"RTSP/1.0 200 OK"), answer(b"Content-Length: 0\r\n"))
def _(case):
    return case.version.startswith((b"ICE/", b"RTSP/"))


@rule("connect", "ours", "Q", 405,
      "CONNECT",
      "This is no forward proxy.", "9110 9.3.6",
      request(b"CONNECT a:443 HTTP/1.1"), request(b"OPTIONS /a:443 HTTP/1.1"))
def _(case):
    return case.method == b"CONNECT"


@rule("asterisk", "ours", "Q", 400,
      "a target that begins with `*`, but is not `OPTIONS *`",
      "The asterisk form is for OPTIONS alone, and whole.", "9112 3.2.4",
      request(b"GET * HTTP/1.1"), request(b"OPTIONS * HTTP/1.1"))
def _(case):
    return case.target[:1] == b"*" and (case.method, case.target) != (b"OPTIONS", b"*")


@rule("fragment", "ours", "Q", 400,
      "`#` in a target",
      "A target has no fragment; servers cut it off, routes would not.", "9112 3.2",
      request(b"GET /a#b HTTP/1.1"), request(b"GET /a%23b HTTP/1.1"))
def _(case):
    return b"#" in case.target


@rule("target-roof", "ours", "Q", 414,
      "a target above 32 KiB (Node counts the whole head)",
      "A roof: `HTTP_TARGET_MOST`.", "9112 3",
      request(b"GET /" + b"a" * 32768 + b" HTTP/1.1"),
      request(b"GET /" + b"a" * 32767 + b" HTTP/1.1"))
def _(case):
    return len(case.target) > 32768


@rule("target-form", "ours", "Q", 400,
      "a target that is neither a path nor begins with `http://` or `https://`",
      "Other schemes are for forward proxies, and nothing could be routed by them.", "9112 3.2",
      request(b"GET ftp://a/ HTTP/1.1"), request(b"GET http://a/ HTTP/1.1"))
def _(case):
    return case.target[:1] not in (b"/", b"*") and not absolute_parts(case.target)


@rule("target-authority", "ours", "Q", 400,
      "an absolute-form target whose authority is not host and port (empty, with user, junk)",
      "Routing, Host and the target server would each read another host.", "9110 4.2.4",
      request(b"GET http://u@a/ HTTP/1.1"), request(b"GET http://a:80/u@ HTTP/1.1"))
def _(case):
    parts = absolute_parts(case.target)
    return parts and not is_authority(parts[1])


# Host

@rule("host-missing", "ours", "Q", 400,
      "HTTP/1.1 without Host (http.createServer refuses it above its parser)",
      "MUST be answered with 400.", "9112 3.2",
      request(host=b""), request(b"GET / HTTP/1.0", host=b""))
def _(case):
    return case.version == b"HTTP/1.1" and not case.values(b"host")


@rule("host-repeated", "ours", "Q", 400,
      "more than one Host, even equal ones",
      "MUST be answered with 400.", "9112 3.2",
      request(fields=b"host: a\r\n"), request(fields=b"hosts: a\r\n"))
def _(case):
    return len(case.values(b"host")) > 1


@rule("host-syntax", "ours", "Q", 400,
      "a Host that is not a host with or without a port",
      "MUST be answered with 400; what is not checked here is believed by a server behind.",
      "9112 3.2", request(host=b"Host: a/b\r\n"), request(host=b"Host: a:80\r\n"))
def _(case):
    value = case.value(b"host")
    return value and not is_authority(value)


@rule("host-other", "ours", "Q", 400,
      "an absolute-form target and a Host that name different hosts or ports",
      "A server must ignore Host then; the one behind may not, and would see another site.",
      "9112 3.2.2", request(b"GET http://b/ HTTP/1.1"), request(b"GET http://A:80/ HTTP/1.1"))
def _(case):
    parts, value = absolute_parts(case.target), case.value(b"host")
    if not parts or value is None or not is_authority(parts[1]):
        return False
    scheme, authority, _ = parts
    return default_port(scheme, authority) != default_port(scheme, value)


# Fields

@rule("fields-roof", "ours", "Q", 431,
      "more than 128 fields (Node drops those beyond 2,000 silently)",
      "A roof: `HTTP_FIELDS_MOST`.", "9110 5.4",
      request(fields=b"X: y\r\n" * 128), request(fields=b"X: y\r\n" * 127))
@rule("fields-roof-answer", "ours", "AH", 0,
      "more than 128 fields in an answer",
      "A roof: `HTTP_FIELDS_MOST`.", "9110 5.4",
      answer(b"X: y\r\n" * 129, line=b"HTTP/1.1 204 "),
      answer(b"X: y\r\n" * 128, line=b"HTTP/1.1 204 "))
def _(case):
    return len(case.fields) > 128


@rule("options-roof", "ours", "Q", 431,
      "more than 64 options in Connection",
      "A roof: each option costs a look at every field.", "9110 7.6.1",
      request(fields=b"Connection: " + b"x," * 65 + b"\r\n"),
      request(fields=b"Connection: " + b"x," * 64 + b"\r\n"))
@rule("options-roof-answer", "ours", "AH", 0,
      "more than 64 options in an answer's Connection",
      "A roof: each option costs a look at every field.", "9110 7.6.1",
      answer(b"Connection: " + b"x," * 65 + b"\r\n", line=b"HTTP/1.1 204 "),
      answer(b"Connection: " + b"x," * 64 + b"\r\n", line=b"HTTP/1.1 204 "))
def _(case):
    return len(case.options) > 64


@rule("expectation", "ours", "Q", 417,
      "an expectation other than `100-continue` (http.createServer answers 417 above its parser)",
      "An expectation that cannot be met is refused.", "9110 10.1.1",
      request(fields=b"Expect: x\r\n"), request(fields=b"Expect: 100-CONTINUE\r\n"))
def _(case):
    return any(value.lower() != b"100-continue" for value in case.values(b"expect"))


# Framing

@rule("length-roof", "ours", "Q", 400,
      "a Content-Length from 2^63 to 2^64 - 1",
      "No such body exists; a reader with signed numbers sees a negative one.", "9110 8.6",
      request(fields=b"Content-Length: 9223372036854775808\r\n"),
      request(fields=b"Content-Length: 9223372036854775807\r\n"))
@rule("length-roof-answer", "ours", "AH", 0,
      "a Content-Length from 2^63 to 2^64 - 1 in an answer",
      "No such body exists; a reader with signed numbers sees a negative one.", "9110 8.6",
      answer(b"Content-Length: 9223372036854775808\r\n"),
      answer(b"Content-Length: 9223372036854775807\r\n"))
def _(case):
    value = case.value(b"content-length")
    return value and value.isdigit() and 1 << 63 <= int(value) < 1 << 64


@rule("coding-other", "ours", "Q", 501,
      "codings before `chunked`",
      "What cannot be decoded cannot be framed anew.", "9112 6.1",
      request(fields=b"Transfer-Encoding: gzip, chunked\r\n", body=END),
      request(fields=CHUNKED, body=END))
def _(case):
    members = (case.value(b"transfer-encoding") or b"").lower().split(b",")
    return len(members) > 1 and members[-1].strip(b" \t") == b"chunked"


@rule("coding-empty", "ours", "Q", 400,
      "an empty Transfer-Encoding, which llhttp takes for none",
      "Others take it for an unknown coding.", "9112 6.3",
      request(fields=b"Transfer-Encoding:\r\n"), request(fields=b"Transfer-Encodings:\r\n"))
def _(case):
    return b"" in case.values(b"transfer-encoding")


@rule("coding-comma", "ours", "Q", 400,
      "a list of codings with an empty first member",
      "Legal by the grammar of lists, sent by nobody, read in several ways.", "9110 5.6.1",
      request(fields=b"Transfer-Encoding: , chunked\r\n", body=END),
      request(fields=CHUNKED, body=END))
def _(case):
    return (case.value(b"transfer-encoding") or b"").startswith(b",")


@rule("coding-quoted", "ours", "Q", 400,
      "a quoted string in Transfer-Encoding",
      "A comma in quotes ends the coding for some readers and not for others.", "9112 7",
      request(fields=b"Transfer-Encoding: x;a=\"b, chunked\", chunked\r\n", body=END),
      request(fields=CHUNKED, body=END))
def _(case):
    return b'"' in (case.value(b"transfer-encoding") or b"")


@rule("coding-repeated", "ours", "Q", 400,
      "Transfer-Encoding in several fields",
      "One list by the grammar; in the field, the first or the last one wins.", "9112 6.3",
      request(fields=b"Transfer-Encoding: gzip\r\n" + CHUNKED, body=END),
      request(fields=CHUNKED, body=END))
def _(case):
    return len(case.values(b"transfer-encoding")) > 1


@rule("coding-old", "ours", "Q", 400,
      "Transfer-Encoding in HTTP/1.0",
      "Its framing is to be taken for faulty: a 1.0 proxy on the way did not know it.", "9112 6.1",
      request(b"POST / HTTP/1.0", CHUNKED, END), request(b"POST / HTTP/1.1", CHUNKED, END))
@rule("coding-old-answer", "ours", "AH", 0,
      "Transfer-Encoding in an answer in HTTP/1.0",
      "Its framing is to be taken for faulty: a 1.0 proxy on the way did not know it.", "9112 6.1",
      answer(CHUNKED, END, b"HTTP/1.0 200 OK"), answer(CHUNKED, END))
def _(case):
    return case.version == b"HTTP/1.0" and case.values(b"transfer-encoding")


@rule("coding-answer", "ours", "AH", 0,
      "a Transfer-Encoding of an answer that is not one `chunked` alone: llhttp reads it to the "
      "connection's end, or as chunked when that comes last",
      "What cannot be decoded cannot be framed anew.", "9112 6.1",
      answer(b"Transfer-Encoding: gzip\r\n", b"abc"), answer(CHUNKED, END))
def _(case):
    values = case.values(b"transfer-encoding")
    return values and [value.lower() for value in values] != [b"chunked"]


@rule("interim-body", "ours", "AH", 0,
      "an interim answer that announces a body",
      "It has none; a server that says otherwise may send one, which would be the next head.",
      "9110 8.6", answer(b"Content-Length: 3\r\n", line=b"HTTP/1.1 103 Early Hints"),
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 103 Early Hints"))
def _(case):
    length = case.value(b"content-length")
    return (re.fullmatch(rb"1[0-9][0-9]", case.answer_status)
            and (case.values(b"transfer-encoding") or length and length.strip(b"0")))


# Status lines

@rule("status-class", "ours", "AH", 0,
      "a status below 100",
      "There is no such class.", "9110 15",
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 099 OK"),
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 599 OK"))
def _(case):
    return re.fullmatch(rb"0[0-9][0-9]", case.answer_status)


@rule("reason-control", "ours", "AH", 0,
      "control characters in a reason",
      "They end up in logs and terminals.", "9112 4",
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 200 O\x1bK"),
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 200 O\tK"))
@rule("reason-nul", "ours", "AH", 400,
      "NUL in a reason",
      "Readers in C see another line.", "9112 4",
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 200 O\0K"),
      answer(b"Content-Length: 0\r\n", line=b"HTTP/1.1 200 O\tK"))
def _(case):
    return re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", case.lines[0][12:])


# What stands before a message

@rule("blank-answer", "ours", "AH", 0,
      "empty lines before a status line",
      "Only requests may have them; bytes that nobody asked for poison the next answer.",
      "9112 2.2",
      b"\r\n" + answer(b"Content-Length: 0\r\n"), answer(b"Content-Length: 0\r\n"))
@rule("blank-answer-feed", "ours", "AH", 400,
      "bare LF before a status line",
      "Only requests may have empty lines before them, and those end with CRLF.", "9112 2.2",
      b"\n" + answer(b"Content-Length: 0\r\n"), answer(b"Content-Length: 0\r\n"))
def _(case):
    return case.blank


@rule("blank-request", "ours", "Q", 400,
      "more than two empty lines before a request line, or ends of lines that are not CRLF",
      "One is to be skipped, for old clients that send CRLF behind a body; the rest is a flood.",
      "9112 2.2", b"\r\n" * 3 + request(), b"\r\n" * 2 + request())
def _(case):
    return case.blank.replace(b"\r\n", b"", 2)


# Chunks

@rule("chunk-digits", "ours", "QAH", 400,
      "a chunk size of more than 16 digits, zeros before it",
      "A roof; readers that count bits differ from those that count digits.", "9112 7.1",
      chunks(b"0" * 16 + b"1\r\na\r\n" + END), chunks(b"0" * 15 + b"1\r\na\r\n" + END))
def _(case):
    return case.is_in_body and re.match(rb"0[0-9a-fA-F]{16}", case.line_until("ours"))


@rule("chunk-roof", "ours", "QAH", 400,
      "a chunk size from 2^63 to 2^64 - 1",
      "No such chunk exists; a reader with signed numbers sees a negative one.", "9112 7.1",
      chunks(b"8000000000000000\r\n"), chunks(b"7fffffffffffffff\r\n"))
def _(case):
    return case.is_in_body and re.fullmatch(rb"[89a-fA-F][0-9a-fA-F]{15}",
                                            case.line_until("ours"))


@rule("extension-syntax", "ours", "QAH", 400,
      "a chunk extension that the grammar does not have (`;=b`, `;a=`, ...)",
      "A size line that two readers end differently is how a request is smuggled.", "9112 7.1.1",
      chunks(b"1;a=\r\na\r\n" + END), chunks(b"1;a=b\r\na\r\n" + END))
def _(case):
    line = case.chunk_line("ours")
    return (case.is_in_body and re.match(rb"[0-9a-fA-F]+[ \t]*;", line)
            and not re.fullmatch(rb"[0-9a-fA-F]+" + EXTENSIONS, line))


@rule("extension-roof", "ours", "QAH", 400,
      "a size line above 4 KiB (llhttp's roof is 16 KiB of extensions in all)",
      "A roof: `HTTP_CHUNK_LINE_MOST`.", "9112 7.1.1",
      chunks(b"1;" + b"a" * 4096 + b"\r\na\r\n" + END),
      chunks(b"1;" + b"a" * 4000 + b"\r\na\r\n" + END))
def _(case):
    return case.is_in_body and len(case.line_until("ours")) > 4094


@rule("extension-excess", "ours", "QAH", 400,
      "size lines that together are far longer than what they frame",
      "A body of chunks of one byte with 4 KiB of extension each keeps a reader busy for nothing.",
      "9112 7.1.1", chunks((b"1;" + b"a" * 4000 + b"\r\na\r\n") * 5 + END),
      chunks((b"1;" + b"a" * 4000 + b"\r\na\r\n") * 4 + END))
def _(case):
    return case.is_in_body and sum(map(len, case.chunk_lines)) > 16384


@rule("trailer-roof", "ours", "QAH", 400,
      "trailers above 8 KiB or 128 fields (Node counts them with the head)",
      "A roof: `HTTP_TRAILER_MOST`.", "9112 7.1.2",
      chunks(b"0\r\n" + b"X: y\r\n" * 129 + b"\r\n"),
      chunks(b"0\r\n" + b"X: y\r\n" * 128 + b"\r\n"))
def _(case):
    section = chunks_of(case.wire)[1]
    return case.is_in_body and (len(section) > 8188 or section.count(b"\r\n") >= 128)
