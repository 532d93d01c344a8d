# SPDX-License-Identifier: Apache-2.0
"""Which rule answers: domains, exact and prefix paths, the default domain, the trailing slash."""

import urllib.request

import pytest

from lib.api import ApiError
from lib.prometheus import Metrics


@pytest.fixture
def route(make_site, make_backend):
    """route(rules) -> site whose rules answer with their names. A rule is (name, domain, url)."""
    def make(*rules):
        site = None
        for name, domain, url in rules:
            rule = {"Url": url, **({"Domain": domain} if domain else {})}
            if site is None:
                site = make_site([make_backend(name)], **rule)
            else:
                site.add_rule([make_backend(name).target], **rule)
        return site
    return make


def who(site, path="/", host="a.example"):
    got = site.fetch(path, host=host)
    return got.text if got.status == 200 else got.status


def test_exact_then_longest_prefix(route):
    site = route(("root", "a.example", "/"), ("api", "a.example", "/api"),
                 ("users", "a.example", "/api/users"), ("exact", "a.example", "=/api/users"),
                 ("deep", "a.example", "/api/users/1/x"))
    assert who(site, "/") == "root"
    assert who(site, "/other") == "root"
    assert who(site, "/api") == "api"
    assert who(site, "/api/") == "api"
    assert who(site, "/api/x") == "api"
    assert who(site, "/api/users") == "exact"
    assert who(site, "/api/users?a=b") == "exact"
    assert who(site, "/api/users/") == "users"
    assert who(site, "/api/users/1") == "users"
    assert who(site, "/api/users/1/x/y") == "deep"
    assert who(site, "/API/users") == "root"


def test_no_rule_is_404(route):
    site = route(("a", "a.example", "/only"))
    assert who(site, "/only/x") == "a"
    assert who(site, "/") == 404
    assert who(site, "/onl") == 404
    got = site.fetch("/none", host="a.example")
    assert got.status == 404 and got.body


def test_domains_are_compared_without_case_and_port(route):
    site = route(("a", "a.example", "/"), ("b", "b.example", "/"))
    for host in ("b.example", "B.Example", "b.example:80", "B.EXAMPLE:12345", "b.example."):
        assert who(site, host=host) == "b", host


def test_unknown_hosts_go_to_the_default_domain(route):
    """The first rule's domain is the default one."""
    site = route(("a", "a.example", "/"), ("b", "b.example", "/"))
    for host in ("unknown.example", "xa.example", "a.example.org", "127.0.0.1", "[::1]:80", "x"):
        assert who(site, host=host) == "a", host
    with site.connect() as client:
        client.send("GET / HTTP/1.0\r\n\r\n")
        assert client.read().text == "a"


def test_default_domain_moves(route):
    site = route(("a", "a.example", "/"), ("b", "b.example", "/"), ("c", "c.example", "/"))
    rules = site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]
    assert [rule["Domain"] for rule in rules if rule["DefaultServer"]] == ["a.example"]
    site.api.change("DeleteRule", **site.ids, Domain="a.example",
                    NewDefaultServerDomain="c.example")
    assert who(site, host="unknown") == "c"
    site.api.change("DeleteRule", **site.ids, Domain="c.example")
    assert who(site, host="unknown") == "b"
    site.api.change("DeleteRule", **site.ids, Domain="b.example")
    assert who(site, host="unknown") == 404


def test_new_rule_can_take_the_default(route, make_backend):
    site = route(("a", "a.example", "/"))
    site.add_rule([make_backend("b").target], Domain="b.example", Url="/", DefaultServer=True)
    assert who(site, host="unknown") == "b"
    assert who(site, host="a.example") == "a"


def test_rules_without_a_domain_take_any_other_host(route):
    site = route(("any", None, "/"), ("a", "a.example", "/"))
    assert who(site, host="a.example") == "a"
    for host in ("unknown", "b.example", "127.0.0.1"):
        assert who(site, host=host) == "any"


def test_no_fall_through_between_hosts(route):
    site = route(("any", "any.example", "/"), ("a", "a.example", "/x"))
    assert who(site, "/x", host="a.example") == "a"
    assert who(site, "/y", host="a.example") == 404


def test_trailing_slash_is_redirected(route):
    site = route(("dir", "a.example", "/abc/"), ("plain", "a.example", "/def"))
    got = site.fetch("/abc", host="a.example")
    assert got.status == 301
    assert got.one("Location") in ("/abc/", "http://a.example/abc/")
    got = site.fetch("/abc?x=1&y=2", host="a.example:81")
    assert got.status == 301
    assert got.one("Location") in ("/abc/?x=1&y=2", "http://a.example:81/abc/?x=1&y=2")
    assert who(site, "/abc/") == "dir"
    assert who(site, "/abc/d") == "dir"
    assert who(site, "/def") == "plain"
    assert who(site, "/def/") == "plain"
    assert who(site, "/abcd") == 404


def test_an_exact_rule_comes_before_the_redirection(route):
    site = route(("dir", "a.example", "/abc/"), ("exact", "a.example", "=/abc"))
    assert who(site, "/abc") == "exact"
    assert who(site, "/abc/") == "dir"


def test_paths_are_compared_as_they_came(route):
    site = route(("root", "a.example", "/"), ("a", "a.example", "/a/b"))
    assert who(site, "/a/b") == "a"
    assert who(site, "/a/./b") == "root"
    assert who(site, "/a%2Fb") == "root"
    assert who(site, "//a/b") == "root"


def test_changes_of_rules_apply_at_once(route, make_backend):
    site = route(("a", "a.example", "/"))
    with site.connect() as client:
        assert client.get("/new/x", host="a.example").text == "a"
        new = site.add_rule([make_backend("new").target], Domain="a.example", Url="/new")
        assert client.get("/new/x", host="a.example").text == "new"
        site.modify_rule(new, Url="/newer")
        assert client.get("/new/x", host="a.example").text == "a"
        assert client.get("/newer", host="a.example").text == "new"
        site.api.change("DeleteRule", **site.ids, LocationIds=[new])
        assert client.get("/newer", host="a.example").text == "a"


@pytest.mark.parametrize("rule, codes", [
    ({"Url": "~ /x"}, ("InvalidParameterValue",)),
    ({"Url": "^~ /x"}, ("InvalidParameterValue",)),
    ({"Url": "~"}, ("InvalidParameterValue",)),
    ({"Url": "~("}, ("InvalidParameterValue",)),
    ({"Url": "~[.]php~"}, ("InvalidParameterValue",)),
    ({"Url": "~^/(a+)+$"}, ("InvalidParameterValue",)),
    ({"Url": "~*^/(a|A)*$"}, ("InvalidParameterValue",)),
    ({"Url": "~(?R)"}, ("InvalidParameterValue",)),
    ({"Url": "~(*UTF)x"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "*"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "*a.example"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "a.*.example"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "*.a.*"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "~^(a)\\1"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "~a~"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "~A"}, ("InvalidParameterValue",)),
    ({"Url": "x"}, ("InvalidParameterValue",)),
    ({"Url": ""}, ("InvalidParameterValue", "InvalidParameterValue.Length")),
    ({"Url": "/" + "x" * 200}, ("InvalidParameterValue.Length",)),
    ({"Url": "/ x"}, ("InvalidParameterValue",)),
    ({"Url": "/\u00e9"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "_a.example"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "a b"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "a/b"}, ("InvalidParameterValue",)),
    ({"Url": "/x", "Domain": "a" * 81}, ("InvalidParameterValue.Length",
                                         "InvalidParameterValue")),
    ({"Url": "/x", "Domain": "a.example", "Domains": ["b.example"]}, ("InvalidParameter",)),
])
def test_forms_that_are_refused(make_site, rule, codes):
    site = make_site()
    with pytest.raises(ApiError) as error:
        site.api.call("CreateRule", **site.ids, Rules=[rule])
    assert error.value.code in codes, error.value


def test_same_domain_and_url_twice_is_refused(make_site):
    site = make_site(Domain="a.example", Url="/x")
    for rules in ([{"Domain": "a.example", "Url": "/x"}], [{"Domain": "A.EXAMPLE", "Url": "/x"}],
                  [{"Domain": "b.example", "Url": "/y"}, {"Domain": "b.example", "Url": "/y"}]):
        with pytest.raises(ApiError) as error:
            site.api.call("CreateRule", **site.ids, Rules=rules)
        assert error.value.code == "InvalidParameterValue"
    rules = site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer)["Listeners"][0][
        "Rules"]
    assert len(rules) == 1


def test_order_of_domains(route):
    """Each kind is asked before the next one, whatever the order of creation."""
    site = route(("any", None, "/"), ("late", r"~a", "/"), ("pattern", r"~^n\d+[.]a$", "/"),
                 ("trailing", "www.*", "/"), ("long trailing", "www.a.*", "/"),
                 ("leading", "*.a", "/"), ("long leading", "*.b.a", "/"), ("exact", "www.b.a", "/"))
    for host, name in (("www.b.a", "exact"), ("x.b.a", "long leading"), ("x.y.b.a", "long leading"),
                       ("b.a", "leading"), ("X.A:80", "leading"), ("n1.a", "leading"),
                       ("www.a.c", "long trailing"), ("www.c", "trailing"), ("www.x.y", "trailing"),
                       ("a", "late"), ("b.example.", "late"), ("x", "any"), ("www", "any")):
        assert who(site, host=host) == name, host


def test_domain_patterns_are_asked_in_order_of_creation(route):
    site = route(("one", r"~^n\d+[.]a$", "/"), ("two", r"~^n", "/"), ("three", "~[.]a$", "/x"))
    assert who(site, host="n1.a") == "one"
    assert who(site, host="N1.A") == "one"
    assert who(site, host="nx.a") == "two"
    assert who(site, "/x", host="x.a") == "three"
    assert who(site, "/y", host="x.a") == 404
    assert who(site, host="other") == "one"  # the first domain is the default one


def test_order_of_urls(route):
    """nginx's: exact, the longest prefix if it is ^~, expressions as they were made, the longest."""
    site = route(("root", "a.example", "/"), ("gif", "a.example", "~[.]gif$"),
                 ("nocase", "a.example", "~*^/UP/"), ("static", "a.example", "^~/static/"),
                 ("deep", "a.example", "/static/deep/"), ("exact", "a.example", "=/x.gif"))
    for path, name in (("/x.gif", "exact"), ("/y.gif", "gif"), ("/y.GIF", "root"),
                       ("/up/x", "nocase"), ("/Up/x.gif", "gif"), ("/static/x.gif", "static"),
                       ("/static/deep/x.gif", "gif"), ("/static/deep/x", "deep"),
                       ("/y.gif?a=b", "gif"), ("/y?a.gif", "root"), ("/up", "root")):
        assert who(site, path) == name, path
    assert who(site, "/static/deep") == 301


def test_several_domains_of_one_rule(make_site, make_backend):
    hosts = ["one.example", "*.two.example", "three.*", "~^four"]
    site = make_site([make_backend("many")], Domains=hosts, Url="/")
    site.add_rule([make_backend("other").target], Domain="other.example", Url="/")
    for host in ("one.example", "x.two.example", "three.org", "4four", "fourteen"):
        assert who(site, host=host) == "many", host
    assert who(site, host="other.example") == "other"


def test_same_place_is_refused(route):
    site = route(("a", "a.example", "/x"))
    with pytest.raises(ApiError) as error:
        site.api.call("CreateRule", **site.ids, Rules=[{"Domain": "a.example", "Url": "^~/x"}])
    assert error.value.code == "InvalidParameterValue"


def test_what_cannot_be_told_is_500(route):
    """An expression that gives up: nobody else's rule answers, and it is counted."""
    site = route(("root", "a.example", "/"), ("hard", "a.example", "~^/x*x*x*[yz]$"),
                 ("safe", "a.example", "^~/safe/"))
    assert who(site, "/xxxz") == "hard"
    assert who(site, "/" + "x" * 1000) == 500
    assert who(site, "/" + "a" * 2048) == 500
    assert who(site, "/" + "a" * 2047) == "root"
    assert who(site, "/safe/" + "a" * 4000) == "safe"
    assert who(site, "/?" + "a" * 4000) == "root"
    with urllib.request.urlopen(f"http://127.0.0.1:{site.setia.port}/metrics") as answer:
        metrics = Metrics(answer.read().decode())
    assert metrics.one("setia_http_own_answers_total", listener=site.listener, cause="500_pattern") == 2


def redirect(site, source, target, **settings):
    site.api.change("ManualRewrite", LoadBalancerId=site.load_balancer, SourceListenerId=site.listener,
                    TargetListenerId=site.listener,
                    RewriteInfos=[{"SourceLocationId": source, "TargetLocationId": target, **settings}])


@pytest.mark.parametrize("code", [301, 302, 307])
def test_redirection(make_site, make_backend, code):
    site = make_site([make_backend("old")], Domain="old.example", Url="/", SessionExpireTime=60)
    new = site.add_rule([make_backend("new").target], Domain="new.example", Url="/new")
    redirect(site, site.rule, new, SourceDomain="old.example", RewriteCode=code, TakeUrl=True)
    base = f"http://new.example:{site.port}"
    with site.connect() as client:
        for path in ("/", "/a?b=c", "/a//b?http://evil.example/"):
            got = client.get(path, host="old.example")
            assert got.status == code and got.one("Location") == base + path
            assert not got.all("Set-Cookie")
        assert client.get("/new", host="new.example").text == "new"
    site.api.change("DeleteRewrite", LoadBalancerId=site.load_balancer, SourceListenerId=site.listener,
                    TargetListenerId=site.listener,
                    RewriteInfos=[{"SourceLocationId": site.rule, "TargetLocationId": new}])
    assert who(site, host="old.example") == "old"


def test_redirection_to_the_rules_own_url(make_site, make_backend):
    """Without TakeUrl; a target rule that stands for several hosts keeps the one that was asked for."""
    site = make_site([make_backend("old")], Domain="x.new.example", Url="/old")
    new = site.add_rule([make_backend("new").target], Domain="*.new.example", Url="=/new")
    redirect(site, site.rule, new, SourceDomain="x.new.example", RewriteCode=302, TakeUrl=False)
    got = site.fetch("/old/x?y", host="X.new.example:9")
    assert got.status == 302
    assert got.one("Location").lower() == f"http://x.new.example:{site.port}/new"
    with site.connect() as client:
        client.send("HEAD /old HTTP/1.1\r\nHost: x.new.example\r\n\r\n")
        got = client.read(method="HEAD")
        assert got.status == 302 and got.body == b""
