# SPDX-License-Identifier: Apache-2.0
"""Random messages from the grammar of RFC 9112, with oddities drawn on purpose and bytes mutated on
top. Number N of a seed is the same message whatever the others are, as long as words.py and the
kept messages, some of which are mutated, stay as they are."""

import random

import words
from compare import Record
from messages import kept


class Maker:
    """Draws one record. `oddness` is how often an odd alternative is taken."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}/{number}")
        self.oddness = self.random.choice([0, 0, 0.01, 0.01, 0.02, 0.05, 0.15])

    def chance(self, share):
        return self.random.random() < share

    def one_of(self, *these):
        return self.random.choice(these)

    def draw(self, what):
        """One of words.WHAT, or now and then of words.ODD_WHAT."""
        prefix = "ODD_" if self.chance(self.oddness) else ""
        return self.random.choice(getattr(words, prefix + what))

    def field(self, name, value):
        return b"".join([name, self.draw("COLONS"), self.draw("SPACES"), value,
                         self.draw("TAIL_SPACES"), self.draw("ENDS")])

    def plain_fields(self):
        fields = [self.field(self.draw("NAMES"), self.draw("VALUES"))
                  for _ in range(self.one_of(0, 0, 1, 1, 2, 3))]
        if self.chance(0.25):
            fields.append(self.field(self.draw("CONNECTION_NAMES"), self.draw("CONNECTIONS")))
        if self.chance(self.oddness):
            fields.append(self.field(b"Connection", self.random.choice(words.ODD_CONNECTIONS)))
        if self.chance(self.oddness):
            fields.append(self.field(b"Upgrade", self.random.choice(words.UPGRADES)))
            fields.append(self.field(b"Connection", self.one_of(b"upgrade", b"x, Upgrade")))
        if self.chance(0.01):
            fields += [b"X-%d: y\r\n" % n for n in range(self.one_of(31, 32, 33, 60, 127, 129))]
        return fields

    def chunks(self):
        body = b""
        for _ in range(self.one_of(0, 1, 1, 2, 3)):
            data = self.random.choice(words.DATA)
            body += self.chunk(len(data), data + self.draw("ENDS"))
        if self.chance(0.9):
            body += self.chunk(0, b"")
            if self.chance(0.25):
                body += self.draw("TRAILERS")
            body += self.draw("ENDS")
        return body

    def chunk(self, size, data):
        if self.chance(self.oddness / 4):
            size = max(0, size + self.one_of(-1, 1, 2))
        text = self.draw("SIZES").replace(b"%x", b"%x" % size).replace(b"%X", b"%X" % size)
        if self.chance(0.2):
            text += self.draw("EXTENSIONS")
        return text + self.draw("ENDS") + data

    def framing(self):
        """(fields, body)"""
        way = self.one_of("none", "length", "chunked", "chunked")
        fields, body = [], b""
        if way == "length" or self.chance(self.oddness):
            length = self.draw("LENGTHS")
            size = int(length) if length.isdigit() and len(length) < 5 else 3
            fields.append(self.field(self.draw("LENGTH_NAMES"), length))
            body = bytes(self.random.choice(b"ab\r\n0: ") for _ in range(size))
        if way == "chunked" or self.chance(self.oddness):
            fields.append(self.field(self.draw("CODING_NAMES"), self.draw("CODINGS")))
            body = self.chunks()
        if fields and self.chance(self.oddness / 2):
            fields.append(self.random.choice(fields))
        return fields, body

    def request(self):
        line = b"".join([self.draw("METHODS"), self.draw("GAPS"), self.draw("TARGETS"),
                         self.draw("GAPS"), self.draw("VERSIONS"), self.draw("ENDS")])
        fields, body = self.framing()
        fields += self.plain_fields()
        if not self.chance(self.oddness):
            host = self.draw("HOSTS")
            if b"://a.example" in line.lower() and not self.chance(self.oddness):
                host = b"a.example"
            fields.append(self.field(self.draw("HOST_NAMES"), host))
        if self.chance(self.oddness):
            fields.append(self.field(b"Host", self.draw("HOSTS")))
        if self.chance(0.03):
            fields.append(self.field(b"Expect", self.draw("EXPECTS")))
        self.random.shuffle(fields)
        return self.draw("BLANKS") + line + b"".join(fields) + self.draw("ENDS") + body

    def answer(self):
        status = self.draw("STATUSES")
        line = b"".join([self.draw("VERSIONS"), self.draw("GAPS"), status, self.draw("REASONS"),
                         self.draw("ENDS")])
        fields, body = self.framing()
        if status[:1] == b"1" and not self.chance(self.oddness):
            fields, body = [], b""
        fields += self.plain_fields()
        self.random.shuffle(fields)
        before = self.draw("BLANKS") if self.chance(self.oddness) else b""
        return before + line + b"".join(fields) + self.draw("ENDS") + body

    def mutated(self, wire):
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            at = self.random.randrange(len(wire) + 1)
            what = self.random.randrange(6)
            if what == 0:
                wire = wire[:at] + bytes([self.random.randrange(256)]) + wire[at + 1:]
            elif what == 1:
                wire = wire[:at] + self.random.choice(words.SPECIAL) + wire[at:]
            elif what == 2:
                wire = wire[:at] + wire[at + self.random.choice([1, 1, 2, 4]):]
            elif what == 3:
                wire = wire[:at] + self.random.choice(words.SPECIAL) + wire[at + 1:]
            elif what == 4:
                other = self.random.randrange(len(wire) + 1)
                at, other = min(at, other), max(at, other)
                wire = wire[:other] + wire[at:other][:200] + wire[other:]
            elif what == 5 and at < len(wire):
                wire = wire[:at] + bytes([wire[at] ^ 1 << self.random.randrange(8)]) + wire[at + 1:]
        return wire


KEPT = []


def record(seed, number):
    maker = Maker(seed, number)
    kind = maker.random.choice("QQQQAAH")
    if maker.chance(0.15):
        KEPT[:] = KEPT or [one for one in kept() if len(one.wire) < 2000]
        kind, wire = maker.random.choice(KEPT)[1:3]
        wire = maker.mutated(wire)
    else:
        count = maker.random.choice([1, 1, 1, 2, 3])
        wire = b"".join(maker.request() if kind == "Q" else maker.answer() for _ in range(count))
        if maker.chance(0.2):
            wire = maker.mutated(wire)
    if maker.chance(0.05):
        wire = wire[:maker.random.randrange(len(wire) + 1)]
    return Record(f"seed {seed} number {number}", kind, wire, maker.random.randrange(1 << 32))
