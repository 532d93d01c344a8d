# SPDX-License-Identifier: Apache-2.0
"""Cookie persistence, layer 7: T1-a..o of the specification's scenario 1, from the outside. The
clock is shifted instead of waited for; all servers and clients are real."""

import subprocess
import time

import pytest

from lib.api import ApiError
from lib.cookies import Jar, parse_date
from lib.custom import Custom
from lib.shape import must_issue, ours, pair_of, servers
from lib.wait import SLOW, until

BOTH = {"one": 5, "two": 5}


def other(name):
    return {"one": "two", "two": "one"}[name]


def backend_of(pair, response):
    return next(backend for backend in pair if backend.name == response.text)


# T1-a .. T1-e: no persistence


def test_t1_a_ten_requests_on_one_connection_alternate(make_site, pair):
    site = make_site(pair)
    with site.connect() as client:
        answers = [client.get() for _ in range(10)]
    assert servers(answers) == BOTH
    names = [answer.text for answer in answers]
    assert all(left != right for left, right in zip(names, names[1:])), names
    assert not any(answer.all("Set-Cookie") for answer in answers)


def test_t1_b_five_seconds_later_the_other_server(make_site, pair, clock):
    site = make_site(pair)
    with site.connect() as client:
        first = client.get().text
        clock.advance(5)
        assert client.get().text == other(first)


def test_t1_c_idle_connection_closes_between_75_and_77_s(make_site, pair, clock):
    site = make_site(pair)
    with site.connect() as client:
        assert client.get().status == 200
        clock.advance(73.5)
        assert client.stays_open(0.5)
        clock.advance(3)
        assert client.is_closed(within=1)


def test_idle_time_starts_again_with_every_request(make_site, pair, clock):
    site = make_site(pair)
    with site.connect() as client:
        for _ in range(3):
            assert client.get().status == 200
            clock.advance(60)
        assert client.stays_open(0.4)
        assert client.get().status == 200


def test_t1_d_keepalive_timeout_10_s(make_site, pair, clock):
    site = make_site(pair)
    with Custom(site.api, "keepalive_timeout 10s;", site.load_balancer), site.connect() as client:
        assert client.get().status == 200
        clock.advance(8.5)
        assert client.stays_open(0.5)
        clock.advance(3)
        assert client.is_closed(within=1)


def test_t1_e_keepalive_timeout_0_closes(make_site, pair):
    site = make_site(pair)
    with Custom(site.api, "keepalive_timeout 0;", site.load_balancer):
        for _ in range(3):
            with site.connect() as client:
                answer = client.get()
                assert answer.status == 200 and answer.one("Connection") == "close"
                assert client.is_closed()
    with site.connect() as client:
        assert not client.get().all("Connection")
        assert client.get().status == 200


# T1-f .. T1-n: persistence on


def test_t1_f_cookie_outlives_the_connection(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=1000)
    jar = Jar(clock.wall)
    with site.connect() as client:
        first = client.get()
        jar.take(first)
        cookie = must_issue(first)
        assert cookie.expires == parse_date(first.one("Date")) + 1000
        assert abs(parse_date(first.one("Date")) - clock.wall()) <= 1.5
        clock.advance(80)
        assert client.is_closed()
    for _ in range(4):
        answer = site.fetch(cookie=jar.header())
        assert answer.text == first.text


def test_t1_g_without_a_jar_wrr_and_a_cookie_each_time(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    answers = [site.fetch() for _ in range(10)]
    assert servers(answers) == BOTH
    for answer in answers:
        must_issue(answer)


def test_t1_h_a_jar_that_honours_expires(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=30)
    jar = Jar(clock.wall)
    first = site.fetch()
    jar.take(first)
    clock.advance(35)
    assert jar.header() is None
    second = site.fetch(cookie=jar.header())
    assert second.text == other(first.text)
    must_issue(second)


def test_t1_i_use_keeps_the_session_alive(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=30)
    jar = Jar(clock.wall)
    answers = []
    for _ in range(10):
        answers.append(site.fetch(cookie=jar.header()))
        must_issue(answers[-1])
        jar.take(answers[-1])
        clock.advance(20)
    assert len(servers(answers)) == 1


def test_t1_j_two_source_addresses_share_a_cookie(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch(source="127.0.0.2")
    cookie = pair_of(must_issue(first))
    answers = [site.fetch(source=source, cookie=cookie)
               for source in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.3")]
    assert servers(answers) == {first.text: 4}


def test_t1_k_weight_0_moves_the_client(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = must_issue(first)
    drained = backend_of(pair, first)
    site.weight(drained, 0)
    second = site.fetch(cookie=pair_of(cookie))
    assert second.text == other(first.text)
    moved = must_issue(second)
    assert moved.value != cookie.value
    # Re-pinned: when the weight comes back, the client stays where it is now (SP-45, no fail-back).
    site.weight(drained, 10)
    answers = [site.fetch(cookie=pair_of(moved)) for _ in range(4)]
    assert servers(answers) == {second.text: 4}


def test_t1_l_unbound_server(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = must_issue(first)
    site.deregister(backend_of(pair, first))
    second = site.fetch(cookie=pair_of(cookie))
    assert (second.status, second.text) == (200, other(first.text))
    assert must_issue(second).value != cookie.value


def test_t1_l_pinned_server_that_refuses_connections(make_site, pair):
    """Not unhealthy by a check, but down: the request still succeeds, elsewhere, with a new pin."""
    site = make_site(pair, SessionExpireTime=1000)
    first = site.fetch()
    cookie = must_issue(first)
    backend_of(pair, first).stop()
    second = site.fetch(cookie=pair_of(cookie))
    assert (second.status, second.text) == (200, other(first.text))
    moved = must_issue(second)
    assert site.fetch(cookie=pair_of(moved)).text == second.text


def test_t1_m_tampered_cookies_are_scheduled_afresh(make_site, pair):
    site = make_site(pair, SessionExpireTime=1000)
    value = must_issue(site.fetch()).value
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    names = []
    with site.connect() as client:
        for at in range(len(value)):
            # The neighbour in the alphabet differs in the lowest bit: the smallest forgery.
            changed = alphabet[alphabet.index(value[at]) ^ 1]
            answer = client.get(cookie=f"setia_route={value[:at]}{changed}{value[at + 1:]}")
            assert answer.status == 200
            must_issue(answer)
            names.append(answer.text)
    assert all(left != right for left, right in zip(names, names[1:])), names


def test_t1_n_persistence_belongs_to_the_rule(make_site, pair):
    site = make_site(pair, Url="/a", SessionExpireTime=60)
    site.add_rule([backend.target for backend in pair], Url="/b", SessionExpireTime=0)
    for _ in range(2):
        assert must_issue(site.fetch("/a")).attributes["Max-Age"] == "60"
        assert ours(site.fetch("/b")) is None


@pytest.mark.parametrize("fields, code", [
    ({"SessionExpireTime": 29}, "InvalidParameterValue"),
    ({"SessionExpireTime": 1}, "InvalidParameterValue"),
    ({"SessionExpireTime": 3601}, "InvalidParameterValue"),
    ({"SessionExpireTime": 86400}, "InvalidParameterValue"),
    ({"SessionExpireTime": -1}, "InvalidParameterValue"),
    ({"SessionExpireTime": "60"}, "InvalidParameter"),
    ({"SessionExpireTime": 60.5}, "InvalidParameter"),
    ({"SessionExpireTime": True}, "InvalidParameter"),
    ({"SessionExpireTime": {}}, "InvalidParameter"),
    ({"SessionExpireTime": 60, "Scheduler": "LEAST_CONN"}, "InvalidParameter"),
    ({"SessionExpireTime": 60, "Scheduler": "IP_HASH"}, "InvalidParameter"),
])
def test_t1_o_refusals_change_nothing(make_site, pair, fields, code):
    site = make_site(pair, SessionExpireTime=60)
    before = site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"]
    with pytest.raises(ApiError) as create:
        site.api.call("CreateRule", **site.ids, Rules=[{"Url": "/new", **fields}])
    assert create.value.code == code
    with pytest.raises(ApiError) as modify:
        site.api.call("ModifyRule", **site.ids, LocationId=site.rule, **fields)
    assert modify.value.code == code
    assert "SessionExpireTime" in create.value.message or "Scheduler" in fields
    after = site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"]
    assert after == before


@pytest.mark.parametrize("seconds", [0, 30, 31, 1800, 3600])
def test_allowed_times(make_site, pair, seconds):
    site = make_site(pair, SessionExpireTime=seconds)
    assert site.describe_rule()["SessionExpireTime"] == seconds
    cookie = ours(site.fetch())
    assert (cookie.attributes["Max-Age"] if cookie else "0") == str(seconds)


def test_off_is_the_default(make_site, pair):
    site = make_site(pair)
    assert site.describe_rule()["SessionExpireTime"] == 0
    assert site.describe_rule()["Scheduler"] == "WRR"


# SP-16 .. SP-18, SP-50: changes of the rule


def test_scheduler_cannot_leave_wrr_while_persistence_is_on(make_site, pair):
    site = make_site(pair, SessionExpireTime=60)
    for scheduler in ("LEAST_CONN", "IP_HASH"):
        with pytest.raises(ApiError) as error:
            site.modify_rule(Scheduler=scheduler)
        assert error.value.code == "InvalidParameter"
    rule = site.describe_rule()
    assert (rule["Scheduler"], rule["SessionExpireTime"]) == ("WRR", 60)


def test_omitted_time_stays_and_zero_turns_off(make_site, pair):
    site = make_site(pair, SessionExpireTime=60)
    site.modify_rule(CookieName="kept")
    assert site.describe_rule()["SessionExpireTime"] == 60
    first = site.fetch()
    cookie = pair_of(must_issue(first, "kept"))
    site.modify_rule(SessionExpireTime=0)
    assert site.describe_rule()["SessionExpireTime"] == 0
    answers = [site.fetch(cookie=cookie) for _ in range(10)]
    assert servers(answers) == BOTH
    assert not any(answer.all("Set-Cookie") for answer in answers)


def test_changed_time_applies_from_the_next_request(make_site, pair, clock):
    site = make_site(pair, SessionExpireTime=1000)
    with site.connect() as client:
        first = client.get()
        cookie = must_issue(first)
        clock.advance(40)
        site.modify_rule(SessionExpireTime=30)
        answers = [client.get(cookie=pair_of(cookie)) for _ in range(4)]
        assert servers(answers) == {"one": 2, "two": 2}
        assert must_issue(answers[0]).attributes["Max-Age"] == "30"
        site.modify_rule(SessionExpireTime=3600)
        answers = [client.get(cookie=pair_of(cookie)) for _ in range(4)]
        assert servers(answers) == {first.text: 4}
        assert must_issue(answers[0]).attributes["Max-Age"] == "3600"


# SP-39, SP-51 and time


def test_the_balancer_ends_a_session_to_the_second(make_site, pair, clock):
    """Whatever the client keeps: alive at T - 0.9 s, over at T + 1.1 s after its last use."""
    for seconds in (30, 1000):
        site = make_site(pair, SessionExpireTime=seconds)
        first = site.fetch()
        used = clock.boot()
        cookie = pair_of(must_issue(first))
        clock.advance(used + seconds - 0.9 - clock.boot())
        answers = [site.fetch(cookie=cookie) for _ in range(4)]
        assert servers(answers) == {first.text: 4}
        clock.advance(max(0, used + seconds + 1.1 - clock.boot()))
        answers = [site.fetch(cookie=cookie) for _ in range(4)]
        assert servers(answers) == {"one": 2, "two": 2}


@pytest.mark.parametrize("hours", [2, -2, 26, -26])
def test_wall_clock_steps_move_no_session(make_site, pair, clock, hours):
    site = make_site(pair, SessionExpireTime=60)
    sessions = [site.fetch() for _ in range(8)]
    clock.step_wall(hours * 3600)
    try:
        for first in sessions:
            cookie = pair_of(must_issue(first))
            answers = [site.fetch(cookie=cookie) for _ in range(2)]
            assert servers(answers) == {first.text: 2}
        fresh = site.fetch()
        # Date and Expires are for people and browsers: they follow the wall.
        assert abs(parse_date(fresh.one("Date")) - clock.wall()) < 5
        assert abs(must_issue(fresh).expires - clock.wall() - 60) < 5
        assert must_issue(fresh).attributes["Max-Age"] == "60"
    finally:
        clock.step_wall(-hours * 3600)


def test_restart_keeps_pins_and_counts_its_downtime(make_setia, own_clock, pair):
    setia = make_setia(clock=own_clock).start()
    site = setia.site(pair, SessionExpireTime=100)
    sessions = [site.fetch() for _ in range(6)]
    setia.stop()
    own_clock.advance(60)
    setia.start()
    for first in sessions:
        answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(2)]
        assert servers(answers) == {first.text: 2}
    setia.stop()
    own_clock.advance(45)
    setia.start()
    answers = [site.fetch(cookie=pair_of(must_issue(sessions[0]))) for _ in range(4)]
    assert servers(answers) == {"one": 2, "two": 2}
    setia.stop()


def test_wall_steps_between_runs_move_no_session(make_setia, own_clock, pair):
    """The anchor is kept: a clock that was set while the product was down moves nothing either."""
    setia = make_setia(clock=own_clock).start()
    site = setia.site(pair, SessionExpireTime=60)
    sessions = [site.fetch() for _ in range(4)]
    for hours in (2, -4):
        setia.stop()
        own_clock.step_wall(hours * 3600)
        setia.start()
        for first in sessions:
            answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(2)]
            assert servers(answers) == {first.text: 2}
    setia.stop()


# Keys


def test_rotated_keys_open_old_cookies_for_an_hour(make_site, setia, pair, clock):
    site = make_site(pair, SessionExpireTime=3600)
    first = site.fetch()
    old = must_issue(first)
    setia.api.change("RotateCookieKey")
    kept = [site.fetch(cookie=pair_of(old)) for _ in range(4)]
    assert servers(kept) == {first.text: 4}
    clock.advance(3500)
    kept = [site.fetch(cookie=pair_of(old)) for _ in range(4)]
    assert servers(kept) == {first.text: 4}
    refreshed = must_issue(kept[0])
    assert refreshed.value != old.value
    clock.advance(200)
    answers = [site.fetch(cookie=pair_of(old)) for _ in range(4)]
    assert servers(answers) == {"one": 2, "two": 2}
    answers = [site.fetch(cookie=pair_of(refreshed)) for _ in range(4)]
    assert servers(answers) == {first.text: 4}


def test_too_many_living_keys_are_refused_and_room_returns(make_setia, own_clock, pair):
    setia = make_setia(clock=own_clock).start()
    site = setia.site(pair, SessionExpireTime=3600)
    first = site.fetch()
    with pytest.raises(ApiError) as error:
        for _ in range(20):
            setia.api.change("RotateCookieKey")
    assert error.value.code == "LimitExceeded"
    assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    own_clock.advance(3700)
    setia.api.change("RotateCookieKey")
    setia.restart()
    second = site.fetch()
    answers = [site.fetch(cookie=pair_of(must_issue(second))) for _ in range(3)]
    assert servers(answers) == {second.text: 3}
    setia.stop()


# The main job: nginx behind, curl with a jar in front


def test_curl_with_a_cookie_jar_stays_on_one_nginx(make_site, nginx, tmp_path):
    site = make_site(nginx.targets, SessionExpireTime=1000)
    jar = str(tmp_path / "jar")

    def curl(*arguments):
        done = subprocess.run(["curl", "-sS", "--max-time", str(5 * SLOW), *arguments,
                               f"http://127.0.0.1:{site.port}/"],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    without = [curl() for _ in range(10)]
    assert {name: without.count(name) for name in set(without)} == {"red": 5, "green": 5}
    with_jar = [curl("-b", jar, "-c", jar) for _ in range(10)]
    assert len(set(with_jar)) == 1
    with open(jar, encoding="ascii") as file:
        line = next(line for line in file if "setia_route" in line)
    assert line.startswith("#HttpOnly_127.0.0.1\t")
    ends = int(line.split("\t")[4])
    assert abs(ends - time.time() - 1000) < 10


@pytest.mark.parametrize("hours", [2, -2])
def test_faketime_steps_lose_no_session(make_setia, pair, tmp_path, hours):
    """The same with libfaketime under the real kernel clocks instead of the product's own shift."""
    import glob
    from lib.setia import sanitizer
    if sanitizer():
        pytest.skip("libfaketime cannot be preloaded under a sanitizer")
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    assert library, "libfaketime is missing: ./script/setup test"
    stamp = tmp_path / "faketime"
    stamp.write_text("+0\n")
    setia = make_setia(environment={
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1"}).start()
    site = setia.site(pair, SessionExpireTime=60)
    sessions = [site.fetch() for _ in range(8)]
    stamp.write_text(f"{hours * 3600:+d}\n")
    setia.api.now = lambda: time.time() + hours * 3600
    until(lambda: abs(parse_date(site.fetch().one("Date")) - time.time() - hours * 3600) < 5,
          what="the product to see the faked time")
    for first in sessions:
        answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(2)]
        assert servers(answers) == {first.text: 2}
    # The processes that come after the step agree with those before it.
    setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"], what="a new proxy")
    for first in sessions:
        assert site.fetch(cookie=pair_of(must_issue(first))).text == first.text
    setia.stop()
