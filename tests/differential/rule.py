# SPDX-License-Identifier: Apache-2.0
"""What a rule is, and the messages that rules are shown with."""

from typing import Callable, NamedTuple

from case import Case


class Rule(NamedTuple):
    """`direction`: who refuses, "ours" or "theirs", or "framing" when both read the message and
    only `differs` is not the same. `said`: our status (0 for answers), or llhttp's code."""
    name: str
    direction: str
    kinds: str
    said: object
    what: str
    why: str
    section: str
    test: Callable[[Case], bool]
    example: bytes
    neighbour: bytes
    differs: frozenset = frozenset()

    def explains(self, difference):
        if difference.direction != self.direction or difference.record.kind not in self.kinds:
            return False
        if self.direction == "ours" and difference.our_notes["status"] != self.said:
            return False
        if self.direction == "theirs" and difference.their_notes["error"] != self.said:
            return False
        if self.direction == "framing":
            one, other = difference.ours, difference.theirs
            if not one or not other:
                return False
            if not {key for key in one if one[key] != other[key]} <= self.differs:
                return False
        return bool(self.test(Case(difference)))


RULES = []


def rule(name, direction, kinds, said, what, why, section, example, neighbour, differs=()):
    def add(test):
        RULES.append(Rule(name, direction, kinds, said, what, why, section, test, example,
                          neighbour, frozenset(differs)))
        return test

    return add


def request(line=b"GET / HTTP/1.1", fields=b"", body=b"", host=b"Host: a\r\n"):
    return line + b"\r\n" + host + fields + b"\r\n" + body


def answer(fields=b"", body=b"", line=b"HTTP/1.1 200 OK"):
    return line + b"\r\n" + fields + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def chunks(body):
    return request(b"POST / HTTP/1.1", CHUNKED, body)
