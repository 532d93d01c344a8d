# SPDX-License-Identifier: Apache-2.0
"""From records to the differences among them, each with the names of the rules that explain it."""

from typing import NamedTuple

from compare import Difference, Record, difference, shown, verdicts
from rule import RULES
from rules import LATE

# What may follow an unfinished head: the rest of a line, of a field, of a head.
HOST = b"Host: a\r\n"
REQUEST_ENDS = [end + HOST + b"\r\n" for end in (
    b"\r\n", b"\n", b" / HTTP/1.1\r\n", b"/ HTTP/1.1\r\n", b" HTTP/1.1\r\n", b"1\r\n", b".1\r\n",
    b":b\r\n", b"a:b\r\n")]
REQUEST_ENDS += [b"\r\n\r\n", b"\n\r\n"]
ANSWER_ENDS = [end + b"\r\n\r\n" for end in (
    b"", b" 200 OK", b"200 OK", b"0 OK", b"/1.1 200 OK", b"1.1 200 OK", b":b", b"a:b")]
ANSWER_ENDS += [b"\n\r\n"]


class Found(NamedTuple):
    difference: Difference
    names: list     # of the rules that explain it; it is a fault when there is none
    text: str       # both verdicts, for people


def explained(one):
    return [rule.name for rule in RULES if rule.explains(one)]


def is_late(one):
    """Ours looks at a head when all of it has come; llhttp has refused this one before."""
    return one.direction == "theirs" and not one.ours and one.our_notes["status"] == 0


def late_names(late):
    """{record: names} of late differences. A head that ours would refuse in the end is no
    difference; one that it could still read has to be explained."""
    tries = [(one, one.record._replace(wire=one.record.wire + end)) for one in late
             for end in (REQUEST_ENDS if one.record.kind == "Q" else ANSWER_ENDS)]
    names = {one.record: {LATE} for one in late}
    for (one, record), (ours, theirs) in zip(tries, verdicts([record for _, record in tries])):
        again = difference(record, ours, theirs)
        if again and again.start == one.start and again.ours and names[one.record]:
            names[one.record].discard(LATE)
            more = explained(again)
            names[one.record] = names[one.record] | set(more) if more else set()
    return names


def differences(records):
    """([(record, text)] of those whose pieces are not read like the whole, [Found])"""
    torn, found = [], []
    for record, (ours, theirs) in zip(records, verdicts(records)):
        text = f"ours\n{shown(ours)}\ntheirs\n{shown(theirs)}"
        if ours.notes["torn"] or theirs.notes["torn"]:
            torn.append((record, text))
        one = difference(record, ours, theirs)
        if one:
            found.append(Found(one, [] if is_late(one) else explained(one), text))
    names = late_names([one.difference for one in found if is_late(one.difference)])
    return torn, [one._replace(names=sorted(names.get(one.difference.record, one.names)))
                  for one in found]
