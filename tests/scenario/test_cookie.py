# SPDX-License-Identifier: Apache-2.0
"""The persistence cookie itself (SP-30..SP-50): its form, what is read and what is left alone, and
what makes it void."""

import base64
import concurrent.futures
import re
import socket
import struct

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.shape import TOKEN, must_issue, ours, pair_of, servers
from lib.wire import Connection

DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"


def backend_of(pair, response):
    return next(backend for backend in pair if backend.name == response.text)


def half(count):
    return {"one": count // 2, "two": count // 2}


# Form (SP-30, SP-35, SP-36, SP-37)


def test_exact_form(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    for _ in range(2):
        text = site.fetch().one("Set-Cookie")
        assert re.fullmatch(r"setia_route=[A-Za-z0-9_-]{1,64}; Path=/; Expires=" + DATE
                            + r"; Max-Age=1000; HttpOnly", text), text


def test_value_shows_nobody_and_no_address(make_site, setia, pair, clock):
    site = make_site(pair, SessionExpireTime=1000)
    clock.align()
    values = {}
    for source in ("127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8"):
        got = site.fetch(source=source)
        value = must_issue(got).value
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        backend = backend_of(pair, got)
        for secret in (socket.inet_aton("127.0.0.1"), socket.inet_aton(source),
                       struct.pack(">H", backend.port) + socket.inet_aton("127.0.0.1"),
                       b"127.0.0.1", str(backend.port).encode()):
            assert secret not in raw and secret not in value.encode()
        values.setdefault(got.text, set()).add(value)
    # In one second one server has one value, whoever asks: it names no person.
    assert {name: len(found) for name, found in values.items()} == {"one": 1, "two": 1}
    assert values["one"] != values["two"]
    clock.advance(1)
    later = site.fetch()
    assert must_issue(later).value not in values[later.text]


def test_values_of_two_rules_differ(make_site, pair, clock):
    one = pair[0]
    site = make_site([one], Url="/a", SessionExpireTime=1000)
    site.add_rule([one.target], Url="/b", SessionExpireTime=1000)
    clock.align()
    assert must_issue(site.fetch("/a")).value != must_issue(site.fetch("/b")).value


@pytest.mark.parametrize("name", ["route", "A", "x" * 64, "!#$%&'*+-.^_`|~09azAZ"])
def test_cookie_name_of_a_rule(make_site, pair, name):
    site = make_site(pair, SessionExpireTime=1000, CookieName=name)
    assert site.describe_rule()["CookieName"] == name
    first = site.fetch()
    cookie = must_issue(first, name)
    assert not ours(first)
    assert servers(site.fetch(cookie=pair_of(cookie)) for _ in range(4)) == {first.text: 4}
    # The default name means nothing to this rule, and case matters.
    for wrong in ("setia_route", name + "x", name.swapcase() + "_"):
        got = [site.fetch(cookie=f"{wrong}={cookie.value}") for _ in range(2)]
        assert servers(got) == {"one": 1, "two": 1}


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a=b", "a;b", "a,b", 'a"b', "a\\b", "a(b",
                                  "é", "a\tb", "a/b", "[x]", "{x}", "a@b", "a:b", "a?b"])
def test_bad_cookie_names_are_refused(make_site, pair, name):
    site = make_site(pair)
    with pytest.raises(ApiError) as error:
        site.api.call("CreateRule", **site.ids,
                      Rules=[{"Url": "/x", "SessionExpireTime": 60, "CookieName": name}])
    assert error.value.code in ("InvalidParameterValue", "InvalidParameterValue.Length")
    assert "CookieName" in error.value.message
    assert error.value.code == "InvalidParameterValue"


# Refresh (SP-33)


def test_refreshed_after_a_second_and_not_before(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=1000)
    with site.connect() as client:
        clock.align()
        first = client.get()
        cookie = must_issue(first)
        again = client.get(cookie=pair_of(cookie))
        assert again.text == first.text and ours(again) is None
        clock.align()
        third = client.get(cookie=pair_of(cookie))
        fresh = must_issue(third)
        assert third.text == first.text and fresh.value != cookie.value


def test_left_alone_within_the_second(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=1000)
    with site.connect() as client:
        for _ in range(3):
            clock.align()
            value = None
            for _ in range(5):
                got = client.get(cookie=f"setia_route={value}" if value else None)
                if value is None:
                    value = must_issue(got).value
                else:
                    assert ours(got) is None


def test_refresh_extends_the_session(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=30)
    first = site.fetch()
    clock.advance(25)
    second = site.fetch(cookie=pair_of(must_issue(first)))
    clock.advance(25)
    third = site.fetch(cookie=pair_of(must_issue(second)))
    assert first.text == second.text == third.text
    # Of the first value only 50 s idle are known to it: it is over, though the session lived on.
    assert servers(site.fetch(cookie=pair_of(must_issue(first))) for _ in range(2)) == half(2)


# The application's own cookies (SP-32, SP-38)


def placed(value):
    """Ours at the start, in the middle, at the end, quoted, padded; others odd but legal-ish."""
    ours_ = f"setia_route={value}"
    return [
        f"{ours_}",
        f"{ours_}; a=1",
        f"a=1; {ours_}",
        f"a=1; {ours_}; b=2",
        f"a=1;{ours_};b=2",
        f'a=1; setia_route="{value}"; b=2',
        f"a=1;   {ours_}  ; b=2",
        f"junk; =empty; {ours_}; novalue=; x==y; ;; {{json}}={{\"a\":1}}",
        f'q="a b"; {ours_}; $Version=1; u=\xe9\xff',
        f"xsetia_route=no; setia_routex=no; {ours_}; SETIA_ROUTE=no",
        f"a=setia_route=no; {ours_}",
    ]


@pytest.mark.parametrize("index", range(len(placed(""))))
def test_found_wherever_it_stands_and_passed_on_untouched(make_site, pair, index):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    field = placed(must_issue(first).value)[index]
    got = [site.fetch(cookie=field) for _ in range(4)]
    assert servers(got) == {first.text: 4}
    sent = [line for line in backend_of(pair, first).last.raw_fields
            if line.lower().startswith(b"cookie:")]
    assert [line.partition(b":")[2].strip(b" \t") for line in sent] == [
        field.strip(" \t").encode("latin-1")]


def test_several_cookie_fields(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    fields = ["a=1; b=2", f"c=3; {cookie}", "d=4"]
    for order in (fields, fields[::-1], fields[1:] + fields[:1]):
        got = [site.fetch(headers=[("Cookie", value) for value in order]) for _ in range(2)]
        assert servers(got) == {first.text: 2}
        assert backend_of(pair, first).last.all("Cookie") == order


@pytest.mark.parametrize("make", [
    lambda good: "setia_route=",
    lambda good: "setia_route",
    lambda good: "setia_route=x",
    lambda good: f"setia_route={good}; setia_route={good}",
    lambda good: f"setia_route={good}; setia_route=x",
    lambda good: f"setia_route={good[:-1]}",
    lambda good: f"setia_route={good}A",
    lambda good: f"setia_route={good}=",
    lambda good: f"setia_route={good} x",
    lambda good: "setia_route=" + "A" * len(good),
    lambda good: "setia_route=" + "_" * len(good),
    lambda good: "setia_route=" + "A" * 5000,
    lambda good: f"setia_route={good[:10]}\"{good[11:]}",
    lambda good: f'setia_route="{good}',
    lambda good: "setia_route=\xff\xfe\xfd",
    lambda good: f"setia_route={good.swapcase()}",
    lambda good: f"Setia_Route={good}",
    lambda good: "setia_route=127.0.0.1:80",
    lambda good: f"setia_route={good[1:] + good[:1]}",
])
def test_void_values_are_scheduled_and_replaced(make_site, pair, make):
    site = make_site(pair, SessionExpireTime=1000)
    good = must_issue(site.fetch()).value
    with site.connect() as client:
        got = [client.get(cookie=make(good)) for _ in range(10)]
    assert servers(got) == half(10)
    for response in got:
        must_issue(response)


def test_duplicates_in_two_fields_are_void(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    cookie = pair_of(must_issue(site.fetch()))
    got = [site.fetch(headers=[("Cookie", cookie), ("Cookie", cookie)]) for _ in range(4)]
    assert servers(got) == half(4)
    for response in got:
        must_issue(response)


def test_the_applications_set_cookie_fields_pass(make_site, make_backend):
    theirs = ["sid=abc; Path=/; HttpOnly", "SetIa_Route=theirs; Secure",
              "odd; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "u=\xe9; SameSite=None"]
    backend = make_backend("one")
    backend.script = lambda peer, request: peer.send(
        answer("one", headers=[("Set-Cookie", text) for text in theirs]))
    site = make_site([backend], SessionExpireTime=1000)
    got = site.fetch()
    cookie = must_issue(got)
    assert [text for text in got.all("Set-Cookie") if text != cookie.text] == theirs


def test_no_other_header_changes(make_site, make_backend):
    """The same answer with and without our cookie: one field more, nothing else."""
    fields = [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Server", "x/1"), ("ETag", '"e"'),
              ("Cache-Control", "public, max-age=60"), ("X-Odd", "a  b\tc"), ("Vary", "Accept"),
              ("Expires", "Sun, 06 Nov 1994 09:49:37 GMT"), ("Age", "0")]
    backend = make_backend("one")
    backend.script = lambda peer, request: peer.send(answer("one", headers=fields))
    plain = make_site([backend]).fetch()
    sticky = make_site([backend], SessionExpireTime=1000).fetch()
    cookie = must_issue(sticky)
    assert [field for field in sticky.fields if field[1] != cookie.text] == plain.fields
    assert [field for field in plain.fields if field in fields] == fields


def test_issued_on_every_kind_of_answer(make_site, make_backend):
    backend = make_backend("one")
    site = make_site([backend], SessionExpireTime=1000)
    for status in ("204 No Content", "304 Not Modified", "301 Moved", "404 Not Found",
                   "500 Oops", "206 Partial"):
        body = "" if status[:3] in ("204", "304") else "x"
        backend.script = lambda peer, request, status=status, body=body: peer.send(
            answer(body, status, length=bool(body)))
        got = site.fetch()
        assert got.status == int(status[:3])
        must_issue(got)
    backend.script = lambda peer, request: peer.send(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer("x"))
    informational = []
    with site.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        final = client.read(informational=informational)
    assert [early.status for early in informational] == [103]
    assert not informational[0].all("Set-Cookie")
    must_issue(final)


def test_passed_on_by_default_and_stripped_on_demand(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    backend = backend_of(pair, first)
    cookie = pair_of(must_issue(first))
    site.fetch(cookie=f"a=1; {cookie}; b=\"2\"")
    assert backend.last.all("Cookie") == [f"a=1; {cookie}; b=\"2\""]
    site.modify_rule(StripCookie=True)
    assert site.describe_rule()["StripCookie"] is True
    got = site.fetch(cookie=f"a=1; {cookie}; b=\"2\"")
    assert got.text == first.text
    [left] = backend.last.all("Cookie")
    assert "setia_route" not in left
    assert [part.strip() for part in left.split(";")] == ["a=1", 'b="2"']
    # Nothing left: no empty field. Junk and look-alikes stay.
    site.fetch(cookie=cookie)
    assert backend.last.all("Cookie") == []
    site.fetch(headers=[("Cookie", "a=1"), ("Cookie", cookie), ("Cookie", "b=2")])
    assert backend.last.all("Cookie") == ["a=1", "b=2"]
    site.fetch(cookie=f"xsetia_route=1; {cookie}; setia_routes=2; junk")
    [left] = backend.last.all("Cookie")
    assert [part.strip() for part in left.split(";")] == ["xsetia_route=1", "setia_routes=2",
                                                          "junk"]
    site.modify_rule(StripCookie=False)
    site.fetch(cookie=cookie)
    assert backend.last.all("Cookie") == [cookie]


# What makes a cookie void (SP-40, SP-43 .. SP-45)


def test_a_cookie_of_another_rule_is_overwritten(make_site, pair):
    site = make_site(pair, Url="/a", SessionExpireTime=1000)
    site.add_rule([backend.target for backend in pair], Url="/b", SessionExpireTime=1000)
    foreign = must_issue(site.fetch("/a"))
    got = [site.fetch("/b", cookie=pair_of(foreign)) for _ in range(10)]
    assert servers(got) == half(10)
    for response in got:
        assert must_issue(response).value != foreign.value


def test_a_cookie_of_another_listener_is_overwritten(make_site, pair):
    here, there = (make_site(pair, SessionExpireTime=1000) for _ in range(2))
    foreign = must_issue(here.fetch())
    got = [there.fetch(cookie=pair_of(foreign)) for _ in range(10)]
    assert servers(got) == half(10)


def test_another_installations_cookie_is_void(make_setia, make_site, pair):
    stranger = make_setia().start()
    foreign = must_issue(stranger.site(pair, SessionExpireTime=1000).fetch())
    stranger.stop()
    site = make_site(pair, SessionExpireTime=1000)
    got = [site.fetch(cookie=pair_of(foreign)) for _ in range(10)]
    assert servers(got) == half(10)


def test_unbind_and_bind_again_is_another_server(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    site.deregister(backend_of(pair, first))
    site.register(backend_of(pair, first))
    got = [site.fetch(cookie=cookie) for _ in range(10)]
    assert servers(got) == half(10)


def test_registering_again_without_unbinding_is_the_same_server(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    site.register(*pair, weight=50)
    site.weight(backend_of(pair, first), 1)
    got = [site.fetch(cookie=cookie) for _ in range(6)]
    assert servers(got) == {first.text: 6}


def test_a_modified_port_is_another_server(make_site, pair, make_backend):
    moved = make_backend("moved")
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    old = backend_of(pair, first)
    stays = next(backend for backend in pair if backend is not old)
    site.api.change("ModifyTargetPort", **site.ids, LocationId=site.rule, Targets=[old.target],
                    NewPort=moved.port)
    got = [site.fetch(cookie=cookie) for _ in range(10)]
    assert servers(got) == {"moved": 5, stays.name: 5}


def test_weight_0_and_back_leaves_the_pins_of_others(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    sessions = {}
    while len(sessions) < 2:
        got = site.fetch()
        sessions[got.text] = pair_of(must_issue(got))
    site.weight(pair[0], 0)
    assert servers(site.fetch(cookie=sessions["two"]) for _ in range(4)) == {"two": 4}
    assert servers(site.fetch(cookie=sessions["one"]) for _ in range(4)) == {"two": 4}
    assert servers(site.fetch() for _ in range(4)) == {"two": 4}


def test_in_flight_request_of_a_drained_server_finishes(make_site, pair):
    import threading
    go = threading.Event()
    site = make_site([pair[0]], SessionExpireTime=1000)
    pair[0].script = lambda peer, request: (go.wait(10), peer.send(answer("one")))[1]
    with site.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        from lib.wait import until
        until(lambda: pair[0].requests, what="the request at the server")
        site.register(pair[1])
        site.deregister(pair[0])
        go.set()
        assert client.read().text == "one"
        assert client.get().text == "two"


def test_cookies_by_domain_rules(make_site, pair):
    """Each rule of a listener judges the one cookie of the host for itself."""
    site = make_site(pair, Domain="a.example", SessionExpireTime=1000)
    site.add_rule([backend.target for backend in pair], Domain="b.example", Url="/",
                  SessionExpireTime=1000, CookieName="other")
    first = site.fetch(host="a.example")
    cookie = must_issue(first)
    assert servers(site.fetch(host="a.example", cookie=pair_of(cookie))
                   for _ in range(3)) == {first.text: 3}
    got = site.fetch(host="b.example", cookie=pair_of(cookie))
    must_issue(got, "other")
    assert ours(got) is None


def test_http_1_0_clients_are_sticky_too(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    names = set()
    cookie = ""
    for _ in range(4):
        with Connection(site.port) as client:
            client.send(f"GET / HTTP/1.0\r\n{cookie}\r\n")
            got = client.read()
        names.add(got.text)
        if not cookie:
            cookie = f"Cookie: {pair_of(must_issue(got))}\r\n"
    assert len(names) == 1


def test_many_clients_at_once_each_keep_their_server(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)

    def session(number):
        with site.connect(source=f"127.0.0.{number + 2}") as client:
            first = client.get()
            cookie = pair_of(must_issue(first))
            return first.text, {client.get(cookie=cookie).text for _ in range(20)}

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for first, later in pool.map(session, range(32)):
            assert later == {first}


def test_token_alphabet_and_length(make_site, pair):
    site = make_site(pair, SessionExpireTime=3600)
    for _ in range(20):
        assert TOKEN.match(must_issue(site.fetch()).value)
