# SPDX-License-Identifier: Apache-2.0
"""A strict reader of Prometheus' text format 0.0.4: what promtool complains about is an error."""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf)|NaN")
TYPES = ("counter", "gauge", "histogram")
SUFFIXES = ("_bucket", "_sum", "_count")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Bad(AssertionError):
    pass


class Metrics:
    """types: {family: type}; samples: {(name, frozenset of (label, value)): number}."""

    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, {}
        self._closed, self._current = set(), None
        if not text.endswith("\n"):
            raise Bad("the last line has no end")
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self._line(line)
            except Bad as error:
                raise Bad(f"line {number}: {error}: {line[:200]}") from None
        self._check_families()

    def _line(self, line):
        if line.startswith("# "):
            kind, name, rest = (line[2:].split(" ", 2) + ["", ""])[:3]
            self._open(name)
            table = {"HELP": self.helps, "TYPE": self.types}.get(kind)
            if table is None or not NAME.fullmatch(name) or not rest:
                raise Bad("no HELP and no TYPE")
            if name in table:
                raise Bad(f"{kind} stands twice")
            if kind == "TYPE" and rest not in TYPES:
                raise Bad("an unknown type")
            table[name] = rest
        elif line:
            self._sample(line)
        else:
            raise Bad("an empty line")

    def _open(self, family):
        """A family's lines stand together."""
        if family == self._current:
            return
        if family in self._closed:
            raise Bad(f"{family} stands in two places")
        self._closed.add(self._current)
        self._current = family

    def _family(self, name):
        for suffix in SUFFIXES:
            base = name.removesuffix(suffix)
            if base != name and self.types.get(base) == "histogram":
                return base
        return name

    def _sample(self, line):
        match = NAME.match(line)
        if not match:
            raise Bad("no name")
        name, at, labels = match.group(), match.end(), {}
        if line[at:at + 1] == "{":
            at += 1
            while line[at] != "}":
                label = LABEL.match(line, at)
                if not label:
                    raise Bad(f"no label at {at}")
                if label.group(1) in labels:
                    raise Bad("a label stands twice")
                labels[label.group(1)] = re.sub(r"\\.", lambda found: ESCAPES[found.group()],
                                                label.group(2))
                at = label.end()
                if line[at] == ",":
                    at += 1
            at += 1
        value = line[at:]
        if value[:1] != " " or not NUMBER.fullmatch(value[1:]):
            raise Bad("no number")
        family = self._family(name)
        self._open(family)
        if family not in self.types or family not in self.helps:
            raise Bad("no TYPE or no HELP before it")
        key = (name, frozenset(labels.items()))
        if key in self.samples:
            raise Bad("a series stands twice")
        self.samples[key] = float(value.replace("Inf", "inf"))

    def _check_families(self):
        seen = {self._family(name) for name, _ in self.samples}
        for family, kind in self.types.items():
            if family not in seen:
                raise Bad(f"{family} has no sample")
            if (kind == "counter") != family.endswith("_total"):
                raise Bad(f"{family} is a {kind}")
            if kind == "histogram":
                self._check_histogram(family)
        for (name, labels), value in self.samples.items():
            kind = self.types[self._family(name)]
            if kind != "gauge" and (value < 0 or math.isnan(value)):
                raise Bad(f"{name} {dict(labels)} is {value}")

    def _check_histogram(self, family):
        rows = {}
        for (name, labels), value in self.samples.items():
            if name == family + "_bucket":
                end = float(dict(labels)["le"].replace("Inf", "inf"))
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                rows.setdefault(rest, {})[end] = value
        for labels, buckets in rows.items():
            ends = sorted(buckets)
            counts = [buckets[end] for end in ends]
            if ends[-1] != math.inf or counts != sorted(counts):
                raise Bad(f"{family} {dict(labels)}: buckets {buckets}")
            if self.samples[family + "_count", labels] != counts[-1]:
                raise Bad(f"{family} {dict(labels)}: the count is not the last bucket's")
            if (family + "_sum", labels) not in self.samples:
                raise Bad(f"{family} {dict(labels)}: no sum")

    def find(self, name, **wanted):
        """[(labels, value)] of the series with these labels."""
        return [(dict(labels), value) for (sample, labels), value in self.samples.items()
                if sample == name and wanted.items() <= dict(labels).items()]

    def one(self, name, **wanted):
        found = self.find(name, **wanted)
        assert len(found) == 1, (name, wanted, found)
        return found[0][1]

    def counters(self):
        """What may only rise: counters, and all of histograms."""
        return {key: value for key, value in self.samples.items()
                if self.types[self._family(key[0])] != "gauge"}
