# SPDX-License-Identifier: Apache-2.0
"""A cookie jar as small as a client's can be, and the reading of Set-Cookie fields."""

import email.utils
import time


class SetCookie:
    """One Set-Cookie field's value, as text and in parts."""

    def __init__(self, text):
        self.text = text
        first, *attributes = text.split("; ")
        self.name, self.value = first.split("=", 1)
        self.attributes = {}
        for attribute in attributes:
            name, _, value = attribute.partition("=")
            self.attributes[name] = value

    @property
    def expires(self):
        """Unix time of Expires."""
        return parse_date(self.attributes["Expires"])


def parse_date(text):
    return email.utils.parsedate_to_datetime(text).timestamp()


class Jar:
    """Keeps cookies of one host. `now` is the client's own clock: by default, real time."""

    def __init__(self, now=time.time, honours_age=True):
        self.now, self.honours_age = now, honours_age
        self.cookies = {}

    def take(self, response):
        for text in response.all("Set-Cookie"):
            cookie = SetCookie(text)
            ends = None
            if "Max-Age" in cookie.attributes:
                ends = self.now() + int(cookie.attributes["Max-Age"])
            elif "Expires" in cookie.attributes:
                ends = cookie.expires
            self.cookies[cookie.name] = (cookie.value, ends)

    def header(self):
        """The Cookie field's value, or None."""
        now = self.now()
        pairs = [f"{name}={value}" for name, (value, ends) in self.cookies.items()
                 if not self.honours_age or ends is None or ends > now]
        return "; ".join(pairs) or None

    def value(self, name):
        return self.cookies[name][0] if name in self.cookies else None
