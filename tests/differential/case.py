# SPDX-License-Identifier: Apache-2.0
"""A message on which the parsers disagree, as the rules look at it: cut with as little judgement as
possible, by a third reader of its own, so that no rule believes either parser."""

import ipaddress
import re
from functools import cached_property

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9112 7.1.1, with the white space that it calls bad but legal.
EXTENSIONS = (rb"(?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN
              + rb'|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*')


class Case:
    def __init__(self, difference):
        self.kind = difference.record.kind
        self.ours, self.theirs = difference.ours, difference.theirs
        self.code = difference.their_notes["error"]
        self.status = difference.our_notes["status"]
        self.is_in_body = difference.our_notes["in_body"]
        self.wire = difference.record.wire[difference.start:]
        self.before = difference.record.wire[difference.before:difference.start]
        self.at = {"ours": difference.our_notes["at"] - difference.start,
                   "theirs": difference.their_notes["at"] - difference.start}

    @cached_property
    def blank(self):
        """What stands before the first line."""
        return re.match(rb"[\r\n]*", self.wire).group()

    @cached_property
    def lines(self):
        """Of the head, without their ends."""
        return self.wire[len(self.blank):].partition(b"\r\n\r\n")[0].split(b"\r\n")

    @cached_property
    def parts(self):
        """Of a request line: method, target, version, as far as they are there."""
        return [part for part in self.lines[0].split(b" ") if part]

    def part(self, number):
        return self.parts[number] if number < len(self.parts) else b""

    @property
    def method(self):
        return self.part(0)

    @property
    def target(self):
        return self.part(1)

    @property
    def version(self):
        return self.part(2) if self.kind == "Q" else self.lines[0].partition(b" ")[0]

    @property
    def answer_status(self):
        return self.lines[0].split(b" ")[1] if b" " in self.lines[0] else b""

    @cached_property
    def fields(self):
        """(name in small letters, value with the white space around it)"""
        return [(name.lower(), value) for name, _, value in
                (line.partition(b":") for line in self.lines[1:])]

    def raw_values(self, name):
        return [value for other, value in self.fields if other == name]

    def values(self, name):
        return [value.strip(b" \t") for value in self.raw_values(name)]

    def value(self, name):
        """The only one, or None."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None

    @property
    def options(self):
        """Of Connection, in small letters, the empty ones left out."""
        return [option.strip(b" \t").lower() for value in self.raw_values(b"connection")
                for option in value.split(b",") if option.strip(b" \t")]

    @cached_property
    def body_at(self):
        return body_at(self.wire)

    def line_until(self, whose):
        """The body's line in which that parser stopped, up to where it stopped."""
        end = self.at[whose]
        begin = max(self.wire.rfind(b"\n", 0, end - 1) + 1, self.body_at)
        return self.wire[begin:end]

    def chunk_line(self, whose):
        """The whole line in which that parser stopped."""
        begin = self.at[whose] - len(self.line_until(whose))
        end = self.wire.find(b"\r\n", begin)
        return self.wire[begin:len(self.wire) if end < 0 else end]

    @property
    def chunk_lines(self):
        return chunks(self.wire)[0]

    @property
    def trailers(self):
        return trailers(self.wire)


def body_at(wire):
    blank = len(wire) - len(wire.lstrip(b"\r\n"))
    end = wire.find(b"\r\n\r\n", blank)
    return len(wire) if end < 0 else end + 4


def chunks(wire):
    """(size lines, trailer section) of a message's chunked body, as far as it can be followed."""
    at, lines = body_at(wire), []
    while True:
        line = wire[at:].partition(b"\r\n")[0]
        size = int(re.match(rb"[0-9a-fA-F]*", line).group() or b"0", 16)
        lines.append(line)
        at += len(line) + 2
        if not size or at >= len(wire):
            return lines, wire[at:].partition(b"\r\n\r\n")[0]
        at += size + 2


def trailers(wire):
    """(name in small letters, value) of the lines behind the last chunk."""
    return [(name.lower(), value) for name, _, value in
            (line.partition(b":") for line in chunks(wire)[1].split(b"\r\n"))]


def is_authority(text):
    """uri-host [":" port], RFC 9110 7.2 and RFC 3986 3.2.2, without the forms that nobody has."""
    match = re.fullmatch(rb"(\[(?P<literal>[^\]]*)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|"
                         rb"%[0-9A-Fa-f]{2})+)(?::(?P<port>[0-9]*))?", text)
    if not match or int(match["port"] or b"0") > 65535:
        return False
    if match["literal"] is None:
        return True
    try:
        ipaddress.IPv6Address(match["literal"].decode("ascii"))
    except ValueError:
        return False
    return b"%" not in match["literal"]


def absolute_parts(target):
    """(scheme, authority, rest) of an absolute-form target, or None."""
    match = re.match(rb"(?i)(https?)://([^/?]*)(.*)", target, re.S)
    return match and (match[1].lower(), match[2], match[3])


def default_port(scheme, authority):
    """(host in small letters, port as a number)"""
    match = re.fullmatch(rb"(.*?)(?::([0-9]*))?", authority)
    return match[1].lower(), int(match[2] or (b"443" if scheme == b"https" else b"80"))
