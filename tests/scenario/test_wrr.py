# SPDX-License-Identifier: Apache-2.0
"""Weighted round robin: smooth, exact over all workers, untouched by sticky requests and edits."""

import concurrent.futures
import itertools

import pytest

from lib.shape import must_issue, ours, pair_of, servers


def names_of(responses):
    return [response.text for response in responses]


@pytest.fixture
def trio(make_backend):
    return [make_backend(name) for name in ("one", "two", "three")]


def test_equal_weights_alternate_on_connections_of_their_own(make_site, pair):
    site = make_site(pair)
    names = names_of(site.fetch() for _ in range(20))
    assert all(left != right for left, right in itertools.pairwise(names)), names


def test_three_to_one_is_smooth(make_site, pair):
    site = make_site(pair, weights=[30, 10])
    with site.connect() as client:
        names = names_of(client.get() for _ in range(40))
    assert (names.count("one"), names.count("two")) == (30, 10)
    # Interleaved: any four in a row hold the lighter server exactly once.
    assert all(names[at:at + 4].count("two") == 1 for at in range(37)), names


def test_five_one_one_is_smooth(make_site, trio):
    site = make_site(trio, weights=[50, 10, 10])
    names = names_of(site.fetch() for _ in range(35))
    for at in range(0, 29):
        window = names[at:at + 7]
        assert (window.count("one"), window.count("two"), window.count("three")) == (5, 1, 1)
    joined = " ".join(names)
    assert "one one one one one" not in joined


@pytest.mark.parametrize("weights", [(100, 1), (99, 98), (1, 100), (7, 3)])
def test_odd_weights_are_exact_over_a_period(make_site, pair, weights):
    site = make_site(pair, weights=weights)
    total = sum(weights)
    with site.connect() as client:
        for _ in range(2 if total < 150 else 1):
            assert servers(client.get() for _ in range(total)) == {
                "one": weights[0], "two": weights[1]}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_exact_over_workers_and_connections(make_setia, trio, workers):
    setia = make_setia(workers=workers).start()
    site = setia.site(trio, weights=[20, 20, 10])

    def few(_):
        with site.connect() as client:
            return [client.get() for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(few, range(40))))
    assert servers(answers) == {"one": 80, "two": 80, "three": 40}
    setia.stop()


def test_weight_0_gets_nothing(make_site, trio):
    site = make_site(trio, weights=[10, 0, 10])
    assert servers(site.fetch() for _ in range(12)) == {"one": 6, "three": 6}
    assert trio[1].requests == []


def test_all_weights_0_is_503(make_site, pair):
    site = make_site(pair, weights=[0, 0])
    assert site.fetch().status == 503
    site.weight(pair[1], 1)
    assert servers(site.fetch() for _ in range(3)) == {"two": 3}


def test_default_weight_is_10(make_site, pair):
    site = make_site()
    site.register(pair[0])
    site.register(pair[1], weight=10)
    assert servers(site.fetch() for _ in range(10)) == {"one": 5, "two": 5}


def test_sticky_requests_take_no_turn(make_site, trio):
    site = make_site(trio, SessionExpireTime=1000)
    with site.connect() as client:
        first = client.get()
        cookie = pair_of(must_issue(first))
        order = [first.text]
        for round_ in range(6):
            for _ in range(round_ + 1):
                assert client.get(cookie=cookie).text == first.text
            order.append(client.get().text)
    assert all(len(set(order[at:at + 3])) == 3 for at in range(len(order) - 2)), order


def test_newcomers_do_not_flood_an_added_server(make_site, make_backend):
    """Thirty sticky clients keep asking; newcomers spread by weight alone, from the first."""
    old = [make_backend("one"), make_backend("two")]
    added = make_backend("three")
    site = make_site(old, SessionExpireTime=1000)
    with site.connect() as client:
        sticky = [pair_of(must_issue(client.get())) for _ in range(30)]
        asks = itertools.cycle(sticky)
        for _ in range(90):
            client.get(cookie=next(asks))
        site.register(added)
        newcomers = []
        for _ in range(30):
            for _ in range(10):
                assert client.get(cookie=next(asks)).text != "three"
            newcomers.append(client.get())
    assert servers(newcomers) == {"one": 10, "two": 10, "three": 10}
    names = names_of(newcomers)
    assert all(len(set(names[at:at + 3])) == 3 for at in range(0, 30, 3)), names


def test_newcomers_follow_a_changed_weight_at_once(make_site, pair):
    site = make_site(pair, weights=[10, 1], SessionExpireTime=1000)
    with site.connect() as client:
        sticky = [pair_of(must_issue(client.get())) for _ in range(11)]
        asks = itertools.cycle(sticky)
        for _ in range(100):
            client.get(cookie=next(asks))
        site.weight(pair[1], 10)
        newcomers = []
        for _ in range(20):
            client.get(cookie=next(asks))
            newcomers.append(client.get())
    assert servers(newcomers) == {"one": 10, "two": 10}


def test_edits_give_nobody_two_turns_and_skip_nobody(make_site, make_backend):
    """Equal servers, one connection: the order goes on across every edit of the list."""
    backends = {name: make_backend(name) for name in "abcde"}
    site = make_site([backends["a"], backends["b"], backends["c"]])
    with site.connect() as client:
        order = names_of(client.get() for _ in range(4))
        assert order == ["a", "b", "c", "a"]
        site.register(backends["d"])
        assert names_of(client.get() for _ in range(5)) == ["b", "c", "d", "a", "b"]
        site.deregister(backends["a"])
        assert names_of(client.get() for _ in range(4)) == ["c", "d", "b", "c"]
        # The one whose turn it is goes: the next that is still there follows.
        site.deregister(backends["d"])
        assert names_of(client.get() for _ in range(3)) == ["b", "c", "b"]
        site.register(backends["e"])
        assert names_of(client.get() for _ in range(3)) == ["c", "e", "b"]
        # A tag or an unchanged weight is no edit of the order.
        site.weight(backends["b"], 10)
        assert names_of(client.get() for _ in range(3)) == ["c", "e", "b"]


def test_edits_elsewhere_do_not_disturb(make_site, pair, make_backend):
    site = make_site(pair, Url="/a")
    second = site.add_rule([backend.target for backend in pair], Url="/b")
    extra = make_backend("three")
    order = []
    with site.connect() as client:
        for step in range(12):
            order.append(client.get("/a").text)
            if step % 3 == 0:
                site.register(extra, location=second)
            elif step % 3 == 1:
                site.weight(pair[0], step + 1, location=second)
            else:
                site.deregister(extra, location=second)
    assert all(left != right for left, right in itertools.pairwise(order)), order


def test_rules_have_turns_of_their_own(make_site, pair):
    site = make_site(pair, Url="/a")
    site.add_rule([backend.target for backend in pair], Url="/b")
    with site.connect() as client:
        answers = [client.get(path).text for path in ("/a", "/b") * 10]
    assert answers[0::2].count("one") == answers[1::2].count("one") == 5


def test_turns_survive_a_proxy_that_died(make_setia, pair):
    """The counter lives in shared memory that the keeper holds."""
    from lib.wait import until
    setia = make_setia().start()
    site = setia.site(pair)
    first = site.fetch().text
    old = setia.kill9("proxy")
    until(lambda: setia.pids()["proxy"] not in ([], [old]), what="a new proxy")
    assert site.fetch().text != first
    setia.stop()


def test_persistence_off_sets_no_cookie(make_site, pair):
    site = make_site(pair)
    assert all(ours(site.fetch()) is None for _ in range(4))
