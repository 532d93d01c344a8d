# SPDX-License-Identifier: Apache-2.0
"""The messages that are kept in the repository, as records: the corpora of tests/fuzz and the
tables of tests/conformance."""

import os
import sys

from compare import HERE, ROOT, Record

sys.path.insert(0, os.path.join(ROOT, "tests", "conformance"))

import answers  # noqa: E402
import passed  # noqa: E402
import refused  # noqa: E402

CORPUS = os.path.join(ROOT, "tests", "fuzz", "corpus")
CHUNKED_POST = b"POST /case HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = refused.SMUGGLED


def of_corpus(folder, data):
    """(kind, wire) of a seed of tests/fuzz, whose first bytes are the target's own."""
    if folder == "request":
        return [("Q", data[1:])]
    if folder == "response":
        return [("H" if len(data) > 1 and data[1] & 1 else "A", data[2:])]
    if folder == "chunked":
        return [("Q", CHUNKED_POST + data[1:]), ("A", CHUNKED_OK + data[1:])]
    if folder == "edit":
        return [("Q", b"GET / HTTP/1.1\r\nHost: a\r\n" + data[3:] + b"\r\n"),
                ("A", b"HTTP/1.1 200 OK\r\n" + data[3:] + b"\r\n")]
    if folder == "cookie":
        return [("Q", b"GET / HTTP/1.1\r\nHost: a\r\nCookie:" + data + b"\r\n\r\n")]
    return []


def corpora(root=CORPUS):
    for folder in sorted(os.listdir(root)):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            with open(os.path.join(root, folder, name), "rb") as file:
                data = file.read()
            for kind, wire in of_corpus(folder, data):
                yield Record(f"corpus {folder}/{name} {kind}", kind, wire)


def conformance():
    for name, row in refused.rows({**refused.GROUPS, "chunk": refused.CHUNK}):
        yield Record(f"refused {name}", "Q", row.wire)
        yield Record(f"refused {name}, and next", "Q", row.wire + NEXT)
    for name, row in passed.rows():
        yield Record(f"passed {name}", "Q", row.wire)
        yield Record(f"passed {name}, and next", "Q", row.wire + NEXT)
    for name, row in answers.rows():
        yield Record(f"answers {name}", "H" if row.method == "HEAD" else "A", row.wire)


def kept():
    return list(corpora()) + list(conformance())
