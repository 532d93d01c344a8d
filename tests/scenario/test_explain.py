# SPDX-License-Identifier: Apache-2.0
"""`setia explain`: what the product would do with a request, and why, from the last good
snapshot."""

import os

import pytest

from lib.setia import command
from lib.shape import must_issue, pair_of
from lib.wait import free_port


@pytest.fixture
def explain(setia):
    """explain(url, ...) -> completed process; the clock is the product's."""
    def make(url, *arguments, method="GET"):
        words = [method, url] if method else [url]
        return command("explain", "--data", setia.data, *words, *arguments,
                       environment={"SETIA_CLOCK_FILE": setia.clock.path})
    return make


def good(done):
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stderr == ""
    return done.stdout


def test_listener_instance_rule_and_turn(make_site, explain, pair):
    site = make_site(pair, weights=[30, 10], Domain="a.example", Url="/api", SessionExpireTime=60)
    text = good(explain(f"http://a.example:{site.port}/api/x?y=1"))
    for part in (site.listener, site.load_balancer, site.rule, "/api", "a.example"):
        assert part in text, text
    # Without a cookie a turn decides; it cannot know whose, so it shows the candidates.
    for backend in pair:
        assert f"127.0.0.1:{backend.port}" in text
    assert "turn" in text.lower()


def test_verdicts(make_site, explain, setia, pair, clock):
    site = make_site(pair, SessionExpireTime=60)
    url = f"http://any.example:{site.port}/"
    first = site.fetch()
    cookie = pair_of(must_issue(first))
    pinned = next(backend for backend in pair if backend.name == first.text)
    other = next(backend for backend in pair if backend is not pinned)

    text = good(explain(url, "--cookie", f"a=1; {cookie}; b=2"))
    assert "valid until" in text and f"127.0.0.1:{pinned.port}" in text
    assert good(explain(url, "--cookie", cookie, "--from", "198.51.100.7"))

    lower = lambda *words: good(explain(url, *words)).lower()  # noqa: E731
    value = cookie.partition("=")[2]
    flipped = value[:-5] + ("A" if value[-5] != "A" else "B") + value[-4:]
    assert "forged" in lower("--cookie", f"setia_route={flipped}")
    assert "expired" not in lower("--cookie", f"setia_route={flipped}")
    for junk in ("setia_route=x", "setia_route="):
        assert "turn" in lower("--cookie", junk)
    assert "twice" in lower("--cookie", f"{cookie}; {cookie}") \
        or "duplicate" in lower("--cookie", f"{cookie}; {cookie}")

    elsewhere = make_site(pair, SessionExpireTime=60)
    foreign = pair_of(must_issue(elsewhere.fetch()))
    text = lower("--cookie", foreign)
    assert "another rule" in text or "other rule" in text or "foreign" in text

    site.weight(pinned, 0)
    text = lower("--cookie", cookie)
    assert "weight" in text and f"127.0.0.1:{other.port}" in text
    site.weight(pinned, 10)
    site.deregister(pinned)
    text = lower("--cookie", cookie)
    assert "unknown target" in text or "no longer" in text or "gone" in text
    clock.advance(62)
    assert "expired" in lower("--cookie", cookie)
    site.modify_rule(SessionExpireTime=0)
    assert "off" in lower("--cookie", cookie)


def test_what_it_says_is_what_happens(make_site, explain, pair):
    site = make_site(pair, SessionExpireTime=1000)
    for _ in range(4):
        first = site.fetch()
        cookie = pair_of(must_issue(first))
        pinned = next(backend for backend in pair if backend.name == first.text)
        assert f"127.0.0.1:{pinned.port}" in good(
            explain(f"http://x:{site.port}/", "--cookie", cookie))
        assert site.fetch(cookie=cookie).text == first.text


def test_redirection_no_rule_and_no_listener(make_site, explain, pair):
    site = make_site(pair, Domain="a.example", Url="/abc/")
    text = good(explain(f"http://a.example:{site.port}/abc"))
    assert "301" in text and "/abc/" in text
    done = explain(f"http://a.example:{site.port}/other")
    assert "404" in done.stdout + done.stderr
    done = explain("http://a.example:1/")
    assert done.returncode == 1 and "listener" in done.stderr
    done = explain(f"https://a.example:{site.port}/")
    assert done.returncode == 1 and "not built" in done.stderr


@pytest.fixture
def make_layer4(setia):
    """make_layer4(protocol, port, targets, ...) -> the ids of a listener on a spare instance."""
    balancer = setia.borrow_balancer()

    def make(protocol, port, targets, **settings):
        listener = setia.api.call("CreateListener", LoadBalancerId=balancer, Ports=[port],
                                  Protocol=protocol, **settings)["ListenerIds"][0]
        ids = {"LoadBalancerId": balancer, "ListenerId": listener}
        if targets:
            setia.api.call("RegisterTargets", **ids, Targets=targets)
        setia.api.change("ModifyListener", **ids, ListenerName="explained")
        return ids

    yield make
    setia.return_balancer(balancer)


def test_layer_4(make_layer4, explain, setia):
    port = free_port()
    targets = [{"EniIp": "127.0.0.1", "Port": 1, "Weight": 30},
               {"EniIp": "127.0.0.2", "Port": 2, "Weight": 10},
               {"EniIp": "127.0.0.3", "Port": 3, "Weight": 0}]
    tcp = make_layer4("TCP", port, targets, SessionExpireTime=60)
    udp = make_layer4("UDP", port, targets[:1], Scheduler="LEAST_CONN", IdleConnectTimeout=20)
    text = good(explain(f"tcp://127.0.0.1:{port}", "--from", "198.51.100.7", method=None))
    for part in (tcp["ListenerId"], "WRR", "60 s", "900 s", "not consulted", "198.51.100.7",
                 "127.0.0.1:1 weight 30, 75.0 %", "127.0.0.2:2 weight 10, 25.0 %"):
        assert part in text, text
    assert "127.0.0.3" not in text
    text = good(explain(f"udp://127.0.0.1:{port}", method=None))
    for part in (udp["ListenerId"], "LEAST_CONN", "20 s", "persistence off", "127.0.0.1:1"):
        assert part in text, text
    setia.api.change("ModifyListener", **tcp, SessionExpireTime=0)
    assert "persistence off" in good(explain(f"tcp://127.0.0.1:{port}", method=None))
    setia.api.change("DeregisterTargets", **tcp, Targets=targets[:2])
    assert "no server" in good(explain(f"tcp://127.0.0.1:{port}", method=None))
    done = explain(f"http://127.0.0.1:{port}/")
    assert done.returncode == 1 and "no HTTP listener" in done.stderr


def test_errors(explain, tmp_path):
    for words in (["explain", "--data", str(tmp_path), "GET", "http://a/"],
                  ["explain", "--snapshot", str(tmp_path / "none"), "GET", "http://a/"]):
        done = command(*words)
        assert done.returncode == 1 and done.stderr
    junk = tmp_path / "junk"
    junk.write_bytes(os.urandom(5000))
    done = command("explain", "--snapshot", str(junk), "GET", "http://a/")
    assert done.returncode == 1 and done.stderr
    for words in (["GET", "nonsense"], ["G(T", "http://a/"], ["GET", "http://a b/"]):
        assert command("explain", "--data", str(tmp_path), *words).returncode in (1, 2)


def test_why_a_rule_answers(make_site, make_backend, explain):
    """The domain and the URL that led there, each with its kind."""
    one = make_backend("one")
    site = make_site([one], Domain="*.why.example", Url="/")
    for domain, url in (("www.why.*", "/"), ("~^n[0-9]", "/"), ("a.why.example", "~[.]gif$"),
                        ("a.why.example", "^~/static"), ("a.why.example", "=/exact"),
                        ("a.why.example", "~*^/x$"), ("a.why.example", "/dir/")):
        site.add_rule([one.target], Domain=domain, Url=url)
    for host, path, lines in (
            ("b.why.example", "/", ("host       *.why.example: the longest", "path       /: the longest prefix")),
            ("www.why.org", "/", ("host       www.why.*: the longest",)),
            ("n1", "/", ("host       ~^n[0-9]: the first regular expression",)),
            ("other", "/", ("host       *.why.example: the default domain",)),
            ("a.why.example", "/static/x.gif", ("path       ^~/static: ", "ahead of regular expressions")),
            ("a.why.example", "/x.gif", ("host       a.why.example: the host's own name",
                                         "path       ~[.]gif$: the first regular expression that fits")),
            ("a.why.example", "/X", ("path       ~*^/x$: ", "in any case")),
            ("a.why.example", "/exact", ("path       =/exact: the path itself",)),
            ("a.why.example", "/dir", ("path       /dir/: ", "answer     301")),
            ("a.why.example", "/none", ("rule       none", "answer     404")),
            ("a.why.example", "/" + "a" * 3000, ("answer     500: the regular expression ~[.]gif$",))):
        text = good(explain(f"http://{host}:{site.port}{path}"))
        for line in lines:
            assert line in text, (host, path, text)


def test_where_a_redirection_leads(make_site, make_backend, explain):
    site = make_site([make_backend("old")], Domain="old.example", Url="/")
    new = site.add_rule([make_backend("new").target], Domain="new.example", Url="/")
    site.api.change("ManualRewrite", LoadBalancerId=site.load_balancer, SourceListenerId=site.listener,
                    TargetListenerId=site.listener,
                    RewriteInfos=[{"SourceLocationId": site.rule, "TargetLocationId": new,
                                   "SourceDomain": "old.example", "RewriteCode": 307, "TakeUrl": True}])
    text = good(explain(f"http://old.example:{site.port}/a?b"))
    assert f"answer     307: to http://new.example:{site.port}/a?b, as rule {site.rule} says" in text
    assert f"redirect   to rule {new}" in text
    assert "target" not in text
