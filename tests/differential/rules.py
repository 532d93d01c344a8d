# SPDX-License-Identifier: Apache-2.0
"""Why the parsers may disagree: all rules, and their table. `python3 tests/differential/rules.py`
writes it into docs/decisions/parser-differences.md."""

import os

import rules_ours  # noqa: F401
import rules_theirs  # noqa: F401
from compare import ROOT
from rule import RULES

DOCUMENT = os.path.join(ROOT, "docs", "decisions", "parser-differences.md")
MARKS = "<!-- rules: written by tests/differential/rules.py -->\n", "<!-- end of rules -->\n"
LATE = "late"


def write():
    with open(DOCUMENT) as file:
        text = file.read()
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    with open(DOCUMENT, "w") as file:
        file.write(before + MARKS[0] + table() + MARKS[1] + after)


def table():
    heads = {"ours": "Setia refuses, llhttp reads", "theirs": "llhttp refuses, Setia reads",
             "framing": "Both read, and see it differently"}
    text = ""
    for direction, head in heads.items():
        text += f"\n### {head}\n\n| rule | what | why Setia does it so | RFC |\n|---|---|---|---|\n"
        for one in RULES:
            if one.direction == direction:
                text += f"| `{one.name}` | {one.what} | {one.why} | {one.section} |\n"
    return text + "\n"


if __name__ == "__main__":
    write()
