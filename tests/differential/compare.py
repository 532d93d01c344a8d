# SPDX-License-Identifier: Apache-2.0
"""Runs both parsers over records and finds where what they read begins to differ.

Both print a line for a record: {"messages": [...], "end": "open" | "closed" | "refused"}, a tab,
and notes. A message has its line, fields, body and trailers in hexadecimal, whether the connection
`stays` for another one, whether it is an `upgrade`, and its `end` within the record (None while it
is not complete). Nothing of a refused message is listed. "closed": what follows is not read."""

import json
import os
import struct
import subprocess
import tempfile
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SETIA = os.environ.get("SETIA", os.path.join(ROOT, "build", "setia"))
OURS = [os.path.join(os.path.dirname(SETIA), "tests", "differential", "ours")]
THEIRS = ["node", os.path.join(HERE, "theirs.js")]


class Record(NamedTuple):
    """`kind`: Q request, A answer to GET, H answer to HEAD."""
    name: str
    kind: str
    wire: bytes
    seed: int = 1


class Verdict(NamedTuple):
    text: str
    notes: dict

    @property
    def read(self):
        return json.loads(self.text)


def verdicts(records):
    """[(ours, theirs)] of the records; both programs run at the same time."""
    with tempfile.TemporaryFile() as wires:
        for record in records:
            wires.write(struct.pack(">cII", record.kind.encode(), record.seed, len(record.wire)))
            wires.write(record.wire)
        wires.flush()
        outputs = [tempfile.TemporaryFile() for _ in (OURS, THEIRS)]
        running = []
        for command, output in zip((OURS, THEIRS), outputs):
            # Each reads from the beginning, so each needs an offset of its own.
            with open(f"/proc/self/fd/{wires.fileno()}", "rb") as wires_again:
                running.append(subprocess.Popen(command, stdin=wires_again, stdout=output))
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError(f"{OURS[0]} and {THEIRS[0]} ended with {codes}")
        lines = []
        for output in outputs:
            output.seek(0)
            lines.append(output.read().decode().splitlines())
            output.close()
    if not len(lines[0]) == len(lines[1]) == len(records):
        raise RuntimeError(f"{len(records)} records, but {[len(one) for one in lines]} lines")
    return list(zip(map(verdict_of, lines[0]), map(verdict_of, lines[1])))


def verdict_of(line):
    text, _, notes = line.partition("\t")
    return Verdict(text, json.loads(notes))


class Difference(NamedTuple):
    """`direction`: "ours" refuses what theirs reads, "theirs" refuses what ours reads, or
    "framing": both read it and see another message. `start`: where in the wire it begins;
    `before`: where the message before it does."""
    record: Record
    direction: str
    before: int
    start: int
    ours: dict      # the first message that differs; None when there is none
    theirs: dict
    our_notes: dict
    their_notes: dict


def difference(record, ours, theirs):
    """None when both say the same."""
    if ours.text == theirs.text:
        return None
    left, right = ours.read, theirs.read
    same = before = start = 0
    for one, other in zip(left["messages"], right["messages"]):
        if one != other or one["end"] is None:
            break
        same += 1
        before, start = start, one["end"]
    one, other = (read["messages"][same] if same < len(read["messages"]) else None
                  for read in (left, right))
    direction = "framing"
    if one is None and left["end"] == "refused":
        direction = "ours"
    elif other is None and right["end"] == "refused":
        direction = "theirs"
    return Difference(record, direction, before, start, one, other, ours.notes, theirs.notes)


def shown(verdict):
    """A verdict for people."""
    def text(value):
        return bytes.fromhex(value).decode("latin-1")

    def pairs(fields):
        return [(text(name), text(value)) for name, value in fields]

    lines = []
    for one in verdict.read["messages"]:
        line = " ".join(text(part) if isinstance(part, str) else str(part) for part in one["line"])
        lines.append(f"  {line!r} fields {pairs(one['fields'])} "
                     f"body {bytes.fromhex(one['body'])!r} trailers {pairs(one['trailers'])} "
                     f"end {one['end']} stays {one['stays']} upgrade {one['upgrade']}")
    lines.append(f"  then {verdict.read['end']}, notes {verdict.notes}")
    return "\n".join(lines)
