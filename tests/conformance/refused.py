# SPDX-License-Identifier: Apache-2.0
"""The table of client messages that are refused: name, section (9112 unless it says 9110), status,
bytes. Each is answered once, with that status and Connection: close, and nothing of it, nor of what
stands behind it, reaches the target as a request."""

from typing import NamedTuple

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
LINE = b"POST /case HTTP/1.1\r\n"
HOST = b"Host: a.example\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


class Refused(NamedTuple):
    name: str
    section: str
    status: int
    wire: bytes


def post(fields=b"", body=b"", line=LINE, host=HOST):
    return line + host + fields + b"\r\n" + body


def line(text):
    return post(line=text + b"\r\n")


def host(value):
    return post(host=b"Host: " + value + b"\r\n")


def coding(value, body=END):
    return post(b"Transfer-Encoding: " + value + b"\r\n", body + SMUGGLED)


def length(value, body=b"abc"):
    return post(b"Content-Length: " + value + b"\r\n", body + SMUGGLED)


def chunks(body):
    return post(CHUNKED, body + SMUGGLED)


REQUEST_LINE = [
    ("bare LF ends the line", "2.2", 400, b"GET /case HTTP/1.1\n" + HOST + b"\r\n"),
    ("bare LF everywhere", "2.2", 400, b"GET /case HTTP/1.1\nHost: a\n\n"),
    ("bare CR ends the line", "2.2", 400, b"GET /case HTTP/1.1\r" + HOST + b"\r\n"),
    ("CR CR LF", "2.2", 400, b"GET /case HTTP/1.1\r\r\n" + HOST + b"\r\n"),
    ("LF CR", "2.2", 400, b"GET /case HTTP/1.1\n\r" + HOST + b"\r\n"),
    ("white space before the first field", "2.2", 400,
     b"GET /case HTTP/1.1\r\n " + HOST + HOST + b"\r\n"),
    ("tab before the first field", "2.2", 400, b"GET /case HTTP/1.1\r\n\t" + HOST + HOST + b"\r\n"),
    ("three empty lines before", "2.2", 400, b"\r\n" * 3 + line(b"GET /case HTTP/1.1")),
    ("space before the method", "3", 400, line(b" GET /case HTTP/1.1")),
    ("two spaces behind the method", "3", 400, line(b"GET  /case HTTP/1.1")),
    ("tab behind the method", "3", 400, line(b"GET\t/case HTTP/1.1")),
    ("tab before the version", "3", 400, line(b"GET /case\tHTTP/1.1")),
    ("two spaces before the version", "3", 400, line(b"GET /case  HTTP/1.1")),
    ("space at the end", "3", 400, line(b"GET /case HTTP/1.1 ")),
    ("form feed for a space", "3", 400, line(b"GET\x0c/case\x0cHTTP/1.1")),
    ("no target", "3", 400, line(b"GET HTTP/1.1")),
    ("empty target", "3", 400, line(b"GET  HTTP/1.1")),
    ("no version (HTTP/0.9)", "3", 400, b"GET /case\r\n\r\n"),
    ("no version, but fields", "3", 400, line(b"GET /case")),
    ("space in the target", "3.2", 400, line(b"GET /a b HTTP/1.1")),
    ("second request in the line", "3.2", 400, line(b"GET /a HTTP/1.1 GET /smuggled HTTP/1.1")),
    ("empty method", "9110 9.1", 400, line(b" /case HTTP/1.1")),
    ("parenthesis in the method", "9110 9.1", 400, line(b"G(T /case HTTP/1.1")),
    ("NUL in the method", "9110 9.1", 400, line(b"GE\0T /case HTTP/1.1")),
    ("high byte in the method", "9110 9.1", 400, line(b"GE\xc3\xa9 /case HTTP/1.1")),
    ("colon in the method", "9110 9.1", 400, line(b"GET: /case HTTP/1.1")),
    ("CONNECT", "9110 9.3.6", 405, line(b"CONNECT a.example:443 HTTP/1.1")),
    ("CONNECT in origin form", "9110 9.3.6", 405, line(b"CONNECT /case HTTP/1.1")),
    ("version in lower case", "2.3", 400, line(b"GET /case http/1.1")),
    ("version without a minor", "2.3", 400, line(b"GET /case HTTP/1")),
    ("version with a comma", "2.3", 400, line(b"GET /case HTTP/1,1")),
    ("version of two digits", "2.3", 400, line(b"GET /case HTTP/1.10")),
    ("major of two digits", "2.3", 400, line(b"GET /case HTTP/11.1")),
    ("letter for a minor", "2.3", 400, line(b"GET /case HTTP/1.x")),
    ("signed minor", "2.3", 400, line(b"GET /case HTTP/1.-1")),
    ("other protocol", "2.3", 400, line(b"GET /case ICAP/1.0")),
    ("version 0.9", "9110 2.5", 505, line(b"GET /case HTTP/0.9")),
    ("version 1.2", "9110 2.5", 505, line(b"GET /case HTTP/1.2")),
    ("version 2.0", "9110 2.5", 505, line(b"GET /case HTTP/2.0")),
    ("version 3.1", "9110 2.5", 505, line(b"GET /case HTTP/3.1")),
    ("the preface of HTTP/2", "9110 2.5", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a TLS hello", "3", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("asterisk with GET", "3.2.4", 400, line(b"GET * HTTP/1.1")),
    ("asterisk and more", "3.2.4", 400, line(b"OPTIONS *x HTTP/1.1")),
    ("asterisk with TRACE", "3.2.4", 400, line(b"TRACE * HTTP/1.1")),
    ("target without a slash", "3.2.1", 400, line(b"GET case HTTP/1.1")),
    ("target is a query", "3.2.1", 400, line(b"GET ?a=b HTTP/1.1")),
    ("target is a backslash", "3.2.1", 400, line(b"GET \\case HTTP/1.1")),
    ("fragment", "3.2", 400, line(b"GET /case#smuggled HTTP/1.1")),
    ("NUL in the target", "3.2", 400, line(b"GET /ca\0se HTTP/1.1")),
    ("control in the target", "3.2", 400, line(b"GET /ca\x01se HTTP/1.1")),
    ("escape in the target", "3.2", 400, line(b"GET /ca\x1bse HTTP/1.1")),
    ("delete in the target", "3.2", 400, line(b"GET /ca\x7fse HTTP/1.1")),
    ("bare CR in the target", "3.2", 400, line(b"GET /ca\rse HTTP/1.1")),
    ("UTF-8 in the target", "3.2", 400, line(b"GET /caf\xc3\xa9 HTTP/1.1")),
    ("target of 33 KB", "3", 414, line(b"GET /" + b"a" * 33000 + b" HTTP/1.1")),
    ("target of 70 KB", "3", 414, line(b"GET /" + b"a" * 70000 + b" HTTP/1.1")),
    ("method of 70 KB", "3", 414, line(b"G" * 70000 + b" /case HTTP/1.1")),
]

TARGET_HOST = [
    ("no Host", "3.2", 400, post(host=b"")),
    ("two equal Hosts", "3.2", 400, post(HOST)),
    ("two Hosts", "3.2", 400, post(b"Host: b.example\r\n")),
    ("Host and HOST", "3.2", 400, post(b"HOST: a.example\r\n")),
    ("list of hosts", "3.2", 400, host(b"a.example, b.example")),
    ("Host with a path", "3.2", 400, host(b"a.example/smuggled")),
    ("Host with a query", "3.2", 400, host(b"a.example?b")),
    ("Host with userinfo", "3.2", 400, host(b"u:p@a.example")),
    ("Host with a space", "3.2", 400, host(b"a.example b.example")),
    ("Host with a scheme", "3.2", 400, host(b"http://a.example")),
    ("Host with a large port", "3.2", 400, host(b"a.example:65536")),
    ("Host with a signed port", "3.2", 400, host(b"a.example:-80")),
    ("Host with a name for a port", "3.2", 400, host(b"a.example:http")),
    ("Host with two ports", "3.2", 400, host(b"a.example:80:80")),
    ("Host is a port", "3.2", 400, host(b":80")),
    ("Host with an open bracket", "3.2", 400, host(b"[::1")),
    ("Host with a bad literal", "3.2", 400, host(b"[::g]")),
    ("Host with text behind a literal", "3.2", 400, host(b"[::1]x")),
    ("Host without a literal's brackets", "3.2", 400, host(b"::1")),
    ("Host with a bad percent", "3.2", 400, host(b"a%zz.example")),
    ("Host with a high byte", "3.2", 400, host(b"\xe4.example")),
    ("Host with a quote", "3.2", 400, host(b"\"a.example\"")),
    ("Host with an angle", "3.2", 400, host(b"<a.example>")),
    ("1.0 with two Hosts", "3.2", 400, post(HOST, line=b"GET /case HTTP/1.0\r\n")),
    ("absolute form and another Host", "3.2.2", 400, line(b"GET http://b.example/case HTTP/1.1")),
    ("absolute form and another port", "3.2.2", 400,
     line(b"GET http://a.example:81/case HTTP/1.1")),
    ("absolute form without Host", "3.2.2", 400,
     post(line=b"GET http://a.example/case HTTP/1.1\r\n", host=b"")),
    ("absolute form and empty Host", "3.2.2", 400,
     post(line=b"GET http://a.example/case HTTP/1.1\r\n", host=b"Host:\r\n")),
    ("absolute form without a host", "3.2.2", 400, line(b"GET http:///case HTTP/1.1")),
    ("absolute form with userinfo", "9110 4.2.4", 400, line(b"GET http://u@a.example/ HTTP/1.1")),
    ("absolute form with a fragment", "3.2.2", 400, line(b"GET http://a.example/#a HTTP/1.1")),
    ("absolute form of another scheme", "3.2.2", 400, line(b"GET ftp://a.example/case HTTP/1.1")),
    ("absolute form with one slash", "3.2.2", 400, line(b"GET http:/a.example/case HTTP/1.1")),
    ("authority form with GET", "3.2.3", 400, line(b"GET a.example:80 HTTP/1.1")),
]

FIELDS = [
    ("space before the colon", "5.1", 400, post(b"Content-Length : 3\r\n", b"abc")),
    ("tab before the colon", "5.1", 400, post(b"Transfer-Encoding\t: chunked\r\n", END)),
    ("space before the colon of Host", "5.1", 400, post(host=b"Host : a.example\r\n")),
    ("space within a name", "5.1", 400, post(b"X A: b\r\n")),
    ("no colon", "5", 400, post(b"X-A\r\n")),
    ("empty name", "5.1", 400, post(b": b\r\n")),
    ("colon alone", "5.1", 400, post(b":\r\n")),
    ("parenthesis in a name", "5.1", 400, post(b"X(A): b\r\n")),
    ("at sign in a name", "5.1", 400, post(b"X@A: b\r\n")),
    ("slash in a name", "5.1", 400, post(b"X/A: b\r\n")),
    ("NUL in a name", "5.1", 400, post(b"X\0A: b\r\n")),
    ("high byte in a name", "5.1", 400, post(b"X\xe4: b\r\n")),
    ("name begins with a byte order mark", "5.1", 400,
     post(b"\xef\xbb\xbfContent-Length: 3\r\n", b"abc")),
    ("vertical tab before the colon", "5.1", 400, post(b"Content-Length\x0b: 3\r\n", b"abc")),
    ("bare CR before the colon", "5.1", 400, post(b"Content-Length\r: 3\r\n", b"abc")),
    ("folded with a space", "5.2", 400, post(b"X-A: b\r\n c\r\n")),
    ("folded with a tab", "5.2", 400, post(b"X-A: b\r\n\tTransfer-Encoding: chunked\r\n")),
    ("folded coding", "5.2", 400, post(b"Transfer-Encoding:\r\n chunked\r\n", END)),
    ("folded length", "5.2", 400, post(b"Content-Length:\r\n 3\r\n", b"abc")),
    ("folded at the end", "5.2", 400, post(b"X-A: b\r\n \r\n")),
    ("NUL in a value", "9110 5.5", 400, post(b"X-A: b\0c\r\n")),
    ("NUL behind chunked", "9110 5.5", 400, coding(b"chunked\0")),
    ("control in a value", "9110 5.5", 400, post(b"X-A: b\x01c\r\n")),
    ("escape in a value", "9110 5.5", 400, post(b"X-A: \x1b[2J\r\n")),
    ("delete in a value", "9110 5.5", 400, post(b"X-A: b\x7fc\r\n")),
    ("vertical tab in a value", "9110 5.5", 400, post(b"X-A: b\x0bc\r\n")),
    ("bare CR in a value", "2.2", 400, post(b"X-A: b\rX-B: c\r\n")),
    ("bare CR at a value's begin", "2.2", 400, post(b"X-A: \rb\r\n")),
    ("bare CR at a value's end", "2.2", 400, post(b"X-A: b\r\r\n")),
    ("bare LF in a value", "2.2", 400, post(b"X-A: b\nTransfer-Encoding: chunked\r\n", END)),
    ("bare LF ends the head", "2.2", 400, LINE + HOST + b"X-A: b\r\n\n" + SMUGGLED),
    ("bare CR CR ends the head", "2.2", 400, LINE + HOST + b"X-A: b\r\r\r\n" + SMUGGLED),
    ("129 fields", "5", 431, post(b"".join(b"X-%d: y\r\n" % n for n in range(128)))),
    ("5,000 fields", "5", 431, post(b"".join(b"X-%d: y\r\n" % n for n in range(5000)))),
    ("field of 70 KB", "5", 431, post(b"X-A: " + b"y" * 70000 + b"\r\n")),
    ("name of 70 KB", "5", 431, post(b"X" * 70000 + b": y\r\n")),
    ("fields of 90 KB", "5", 431, post(b"".join(b"X-%d: " % n + b"y" * 900 + b"\r\n"
                                                for n in range(100)))),
    ("65 options in Connection", "9110 7.6.1", 431,
     post(b"Connection: " + b", ".join(b"x%d" % n for n in range(65)) + b"\r\n")),
    ("unknown expectation", "9110 10.1.1", 417, post(b"Expect: 200-maybe\r\n")),
    ("two expectations", "9110 10.1.1", 417, post(b"Expect: 100-continue, x\r\n")),
    ("known and unknown expectation", "9110 10.1.1", 417,
     post(b"Expect: 100-continue\r\nExpect: x\r\n")),
    ("empty expectation", "9110 10.1.1", 417, post(b"Expect:\r\n")),
]

FRAMING = [
    ("CL.TE", "6.3", 400, post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\nG" + SMUGGLED)),
    ("TE.CL", "6.3", 400, post(CHUNKED + b"Content-Length: 4\r\n", b"2d\r\n" + SMUGGLED + END)),
    ("length 0 and chunked", "6.3", 400, post(b"Content-Length: 0\r\n" + CHUNKED, END)),
    ("two lengths", "6.3", 400,
     post(b"Content-Length: 3\r\nContent-Length: 48\r\n", b"abc" + SMUGGLED)),
    ("two equal lengths", "6.3", 400, post(b"Content-Length: 3\r\n" * 2, b"abc")),
    ("lengths of two spellings", "6.3", 400,
     post(b"Content-Length: 3\r\ncontent-length: 48\r\n", b"abc" + SMUGGLED)),
    ("list of lengths", "6.3", 400, length(b"3, 48")),
    ("list of equal lengths", "6.3", 400, length(b"3, 3")),
    ("length with a comma", "6.3", 400, length(b"3,")),
    ("signed length", "9110 8.6", 400, length(b"+3")),
    ("negative length", "9110 8.6", 400, length(b"-3")),
    ("negative zero", "9110 8.6", 400, length(b"-0")),
    ("hexadecimal length", "9110 8.6", 400, length(b"0x3")),
    ("length with a letter", "9110 8.6", 400, length(b"3a")),
    ("length with a point", "9110 8.6", 400, length(b"3.0")),
    ("length with an exponent", "9110 8.6", 400, length(b"3e0")),
    ("length with an underscore", "9110 8.6", 400, length(b"1_0")),
    ("length with a space within", "9110 8.6", 400, length(b"1 1")),
    ("quoted length", "9110 8.6", 400, length(b'"3"')),
    ("empty length", "9110 8.6", 400, length(b"")),
    ("length of 2^63", "9110 8.6", 400, length(b"9223372036854775808")),
    ("length of 2^64 + 3", "9110 8.6", 400, length(b"18446744073709551619")),
    ("length of 30 digits", "9110 8.6", 400, length(b"9" * 30)),
    ("length in other digits", "9110 8.6", 400, length(b"\xd9\xa3")),
    ("vertical tab before a length", "9110 8.6", 400, length(b"\x0b3")),
    ("length of 61 MB", "9110 15.5.14", 413, post(b"Content-Length: 63963136\r\n")),
    ("unknown coding", "6.1", 400, coding(b"gzip")),
    ("identity", "6.1", 400, coding(b"identity", b"")),
    ("empty coding", "6.1", 400, coding(b"")),
    ("chunked not last", "6.3", 400, coding(b"chunked, gzip")),
    ("chunked and identity", "6.3", 400, coding(b"chunked, identity")),
    ("chunked twice", "6.1", 400, coding(b"chunked, chunked")),
    ("gzip before chunked", "6.1", 501, coding(b"gzip, chunked")),
    ("identity before chunked", "6.1", 501, coding(b"identity, chunked")),
    ("list that begins with a comma", "6.1", 400, coding(b", chunked")),
    ("list that ends with a comma", "6.1", 400, coding(b"chunked,")),
    ("chunked in two fields", "6.1", 400, post(CHUNKED + CHUNKED, END + SMUGGLED)),
    ("chunked, then identity in a field", "6.1", 400,
     post(CHUNKED + b"Transfer-Encoding: identity\r\n", END + SMUGGLED)),
    ("gzip, then chunked in a field", "6.1", 400,
     post(b"Transfer-Encoding: gzip\r\n" + CHUNKED, END + SMUGGLED)),
    ("almost chunked", "6.1", 400, coding(b"xchunked")),
    ("chunked and a letter", "6.1", 400, coding(b"chunkedx")),
    ("quoted chunked", "6.1", 400, coding(b'"chunked"')),
    ("chunked in single quotes", "6.1", 400, coding(b"'chunked'")),
    ("chunked with a parameter", "7.1", 400, coding(b"chunked;a=b")),
    ("chunked with an empty parameter", "7.1", 400, coding(b"chunked;")),
    ("quoted parameter hides a comma", "7.1", 400, coding(b'x;a="b, chunked", chunked')),
    ("vertical tab before chunked", "6.1", 400, coding(b"\x0bchunked")),
    ("form feed before chunked", "6.1", 400, coding(b"\x0cchunked")),
    ("high byte behind chunked", "6.1", 400, coding(b"chunked\xa0")),
    ("chunked with a control", "6.1", 400, coding(b"chunked\x01")),
    ("chunked with a space within", "6.1", 400, coding(b"chun ked")),
    ("coding in 1.0", "6.1", 400,
     post(CHUNKED, END + SMUGGLED, line=b"POST /case HTTP/1.0\r\n")),
    ("coding and length in 1.0", "6.1", 400,
     post(CHUNKED + b"Content-Length: 5\r\n", END + SMUGGLED, line=b"POST /case HTTP/1.0\r\n")),
]

# Whether the head has reached the target depends on how the bytes came; the request never ends
# there, and the connection that carried it is not used again.
CHUNK = [
    ("no digits", "7.1", 400, chunks(b"\r\nabc\r\n" + END)),
    ("semicolon for digits", "7.1", 400, chunks(b";a\r\nabc\r\n" + END)),
    ("not hexadecimal", "7.1", 400, chunks(b"g\r\n")),
    ("signed size", "7.1", 400, chunks(b"+3\r\nabc\r\n" + END)),
    ("negative size", "7.1", 400, chunks(b"-3\r\nabc\r\n" + END)),
    ("size with 0x", "7.1", 400, chunks(b"0x3\r\nabc\r\n" + END)),
    ("size with an underscore", "7.1", 400, chunks(b"1_0\r\n" + b"a" * 16 + b"\r\n" + END)),
    ("quoted size", "7.1", 400, chunks(b'"3"\r\nabc\r\n' + END)),
    ("space before a size", "7.1", 400, chunks(b" 3\r\nabc\r\n" + END)),
    ("space behind a size", "7.1", 400, chunks(b"3 \r\nabc\r\n" + END)),
    ("tab behind the last size", "7.1", 400, chunks(b"3\r\nabc\r\n0\t\r\n\r\n")),
    ("size of two words", "7.1", 400, chunks(b"3 3\r\nabc\r\n" + END)),
    ("size of 17 digits", "7.1", 400, chunks(b"00000000000000003\r\nabc\r\n" + END)),
    ("size of 2^64 + 3", "7.1", 400, chunks(b"10000000000000003\r\nabc\r\n" + END)),
    ("size of 2^63", "7.1", 400, chunks(b"8000000000000000\r\nabc\r\n" + END)),
    ("size of 16 f", "7.1", 400, chunks(b"ffffffffffffffff\r\nabc\r\n" + END)),
    ("bare LF behind a size", "7.1", 400, chunks(b"3\nabc\r\n" + END)),
    ("bare CR behind a size", "7.1", 400, chunks(b"3\rabc\r\n" + END)),
    ("CR CR LF behind a size", "7.1", 400, chunks(b"3\r\r\nabc\r\n" + END)),
    ("NUL behind a size", "7.1", 400, chunks(b"3\0\r\nabc\r\n" + END)),
    ("data is longer", "7.1", 400, chunks(b"3\r\nabcd\r\n" + END)),
    ("data is shorter", "7.1", 400, chunks(b"4\r\nabc\r\n" + END)),
    ("bare LF behind the data", "7.1", 400, chunks(b"3\r\nabc\n" + END)),
    ("bare CR behind the data", "7.1", 400, chunks(b"3\r\nabc\r" + END)),
    ("nothing behind the data", "7.1", 400, chunks(b"3\r\nabc" + END)),
    ("two bytes of anything behind the data", "7.1", 400, chunks(b"3\r\nabcXX" + END)),
    ("bare LF behind the last size", "7.1", 400, chunks(b"0\n\r\n")),
    ("bare LF at the end", "7.1", 400, chunks(b"0\r\n\n")),
    ("bare LF in an extension", "7.1.1", 400, chunks(b"3;a\nb\r\nabc\r\n" + END)),
    ("bare CR in an extension", "7.1.1", 400, chunks(b"3;a\rb\r\nabc\r\n" + END)),
    ("NUL in an extension", "7.1.1", 400, chunks(b"3;a\0\r\nabc\r\n" + END)),
    ("empty extension", "7.1.1", 400, chunks(b"3;\r\nabc\r\n" + END)),
    ("extension without a name", "7.1.1", 400, chunks(b"3;=b\r\nabc\r\n" + END)),
    ("extension without a value", "7.1.1", 400, chunks(b"3;a=\r\nabc\r\n" + END)),
    ("extension of odd letters", "7.1.1", 400, chunks(b"3;a{b}\r\nabc\r\n" + END)),
    ("open quote in an extension", "7.1.1", 400, chunks(b'3;a="b\r\nabc\r\n' + END)),
    ("LF in a quoted extension", "7.1.1", 400, chunks(b'3;a="b\n"\r\nabc\r\n' + END)),
    ("CRLF in a quoted extension", "7.1.1", 400, chunks(b'3;a="\r\n"\r\nabc\r\n' + END)),
    ("extension of 5,000 bytes", "7.1.1", 400, chunks(b"3;" + b"e" * 5000 + b"\r\nabc\r\n" + END)),
    ("many large extensions", "7.1.1", 400,
     chunks((b"1;" + b"e" * 4000 + b"\r\nx\r\n") * 10 + END)),
    ("trailer without a colon", "7.1.2", 400, chunks(b"0\r\nX-A\r\n\r\n")),
    ("trailer without a name", "7.1.2", 400, chunks(b"0\r\n: b\r\n\r\n")),
    ("space before a trailer's colon", "7.1.2", 400, chunks(b"0\r\nX-A : b\r\n\r\n")),
    ("folded trailer", "7.1.2", 400, chunks(b"0\r\nX-A: b\r\n c\r\n\r\n")),
    ("bare LF in a trailer", "7.1.2", 400, chunks(b"0\r\nX-A: b\nX-B: c\r\n\r\n")),
    ("bare CR in a trailer", "7.1.2", 400, chunks(b"0\r\nX-A: b\rX-B: c\r\n\r\n")),
    ("NUL in a trailer", "7.1.2", 400, chunks(b"0\r\nX-A: \0\r\n\r\n")),
    ("trailers of 9 KB", "7.1.2", 400, chunks(b"0\r\n" + b"X-A: bbb\r\n" * 900 + b"\r\n")),
    ("129 trailers", "7.1.2", 400, chunks(b"0\r\n" + b"A: b\r\n" * 129 + b"\r\n")),
    ("65 options in a trailer", "7.1.2", 400,
     chunks(b"0\r\nConnection: " + b"a," * 65 + b"\r\n\r\n")),
    ("request line for a trailer", "7.1.2", 400, chunks(b"0\r\n")),
]

GROUPS = {"line": REQUEST_LINE, "host": TARGET_HOST, "field": FIELDS, "framing": FRAMING}


def rows(groups):
    """(id, Refused) of whole groups."""
    return [(f"{group}: {row[0]}", Refused(*row)) for group, table in groups.items()
            for row in table]
