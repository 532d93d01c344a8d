# SPDX-License-Identifier: Apache-2.0
"""Reading persistence cookies out of answers, and counting who answered."""

import collections
import re

from lib.cookies import SetCookie

NAME = "setia_route"
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def ours(response, name=NAME):
    """The one Set-Cookie of the balancer in this answer, or None."""
    found = [SetCookie(text) for text in response.all("Set-Cookie")
             if text.startswith(name + "=")]
    assert len(found) <= 1, f"set twice: {response}"
    return found[0] if found else None


def must_issue(response, name=NAME):
    cookie = ours(response, name)
    assert cookie, f"no persistence cookie: {response}"
    assert TOKEN.match(cookie.value), cookie.text
    return cookie


def pair_of(cookie):
    return f"{cookie.name}={cookie.value}"


def servers(responses):
    """Who answered how often; every answer must be a success."""
    responses = list(responses)
    bad = [response for response in responses if response.status != 200]
    assert not bad, bad[:3]
    return dict(collections.Counter(response.text for response in responses))
