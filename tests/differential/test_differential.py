# SPDX-License-Identifier: Apache-2.0
"""Both parsers read the same messages. Every difference is explained by a rule, every rule by a
message; and however the bytes come, each parser says what it says about the whole."""

import collections

import pytest

import messages
import rules
from compare import Record, difference, shown, verdicts
from explain import differences, explained
from generate import record
from rule import RULES, chunks, request

BATCH = 2000
SHOWN_MOST = 5
BY_NAME = {"argvalues": RULES, "ids": [rule.name for rule in RULES]}


def check(records):
    """How often each rule explained a difference; fails with what no rule explains."""
    torn, found = differences(records)
    faults = [(one.difference.record, one.text) for one in found if not one.names]
    assert not torn and not faults, "\n\n".join(
        f"{what}: {one.name}, kind {one.kind}\n{one.wire!r}\n{text}"
        for what, pairs in (("torn", torn), ("no rule", faults))
        for one, text in pairs[:SHOWN_MOST])
    return collections.Counter(name for one in found for name in one.names)


@pytest.fixture(scope="module")
def shown_cases():
    """{(rule name, "example" or "neighbour"): (record, ours, theirs)}"""
    records = {(rule.name, which): Record(f"{which} of {rule.name}", rule.kinds[0], wire)
               for rule in RULES
               for which, wire in (("example", rule.example), ("neighbour", rule.neighbour))}
    both = verdicts(records.values())
    return {key: (one, *pair) for (key, one), pair in zip(records.items(), both)}


@pytest.mark.parametrize("rule", **BY_NAME)
def test_rule_explains_its_example_alone(shown_cases, rule):
    one, ours, theirs = shown_cases[rule.name, "example"]
    found = difference(one, ours, theirs)
    assert found, f"both say\n{shown(ours)}"
    assert explained(found) == [rule.name], f"ours\n{shown(ours)}\ntheirs\n{shown(theirs)}"


@pytest.mark.parametrize("rule", **BY_NAME)
def test_neighbour_is_read_alike(shown_cases, rule):
    one, ours, theirs = shown_cases[rule.name, "neighbour"]
    assert not difference(one, ours, theirs), f"ours\n{shown(ours)}\ntheirs\n{shown(theirs)}"
    assert ours.read["messages"] or ours.read["end"] == "refused"


def test_names_of_rules_are_unique():
    assert len({rule.name for rule in RULES} | {rules.LATE}) == len(RULES) + 1


def test_refusal_of_half_a_head():
    """llhttp refuses it before ours looks at it. That explains nothing that ours would read."""
    _, found = differences([Record("bad", "Q", b"GET /a\x01"), Record("good", "Q", b"BREW /"),
                            Record("bad", "A", b"HTTP/1.1 2x"), Record("good", "A", b"HTTP/1.7")])
    assert [one.names for one in found] == [[rules.LATE], ["method-unknown"], [rules.LATE],
                                            ["version-minor"]]


def test_everything_is_compared():
    """What both say about a message that has everything, to the byte."""
    wire = chunks(b"3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
    size = len(wire)
    wire += request(b"GET /next HTTP/1.0", b"X-A:\tb \r\n")
    (ours, theirs), = verdicts([Record("everything", "Q", wire + b"rest")])
    first, second = ours.read["messages"]
    assert ours.text == theirs.text and ours.read["end"] == "closed"
    assert first == {"line": [b"POST".hex(), b"/".hex(), 1, 1],
                     "fields": [[b"Host".hex(), b"a".hex()],
                                [b"Transfer-Encoding".hex(), b"chunked".hex()]],
                     "stays": True, "upgrade": False, "body": b"abc".hex(),
                     "trailers": [[b"X-Sum".hex(), b"1".hex()]], "end": size}
    assert second["line"] == [b"GET".hex(), b"/next".hex(), 1, 0]
    assert second["fields"][1] == [b"X-A".hex(), b"b".hex()]
    assert (second["end"], second["stays"]) == (len(wire), False)


def test_kept_messages(request):
    folder = request.config.getoption("--corpus")
    assert check(messages.kept() + list(messages.corpora(folder) if folder else []))


def test_random_messages(request):
    seed, first, count = (request.config.getoption(name)
                          for name in ("--seed", "--first", "--count"))
    explained_by = collections.Counter()
    for at in range(first, first + count, BATCH):
        numbers = range(at, min(at + BATCH, first + count))
        explained_by += check([record(seed, number) for number in numbers])
    print(f"{count} messages, {explained_by.total()} differences: {dict(explained_by)}")


def test_table_is_what_the_rules_say():
    with open(rules.DOCUMENT) as file:
        text = file.read()
    assert rules.MARKS[0] + rules.table() + rules.MARKS[1] in text, \
        "python3 tests/differential/rules.py"
