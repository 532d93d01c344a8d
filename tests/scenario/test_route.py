# SPDX-License-Identifier: Apache-2.0
"""Which rule answers: domains, exact and prefix paths, the default domain, the trailing slash."""

import pytest

from lib.api import ApiError


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
    ({"Url": "~ /x"}, ("UnsupportedOperation",)),
    ({"Url": "~* /x"}, ("UnsupportedOperation",)),
    ({"Url": "^~ /x"}, ("UnsupportedOperation",)),
    ({"Url": "/x", "Domain": "*.example.com"}, ("UnsupportedOperation",)),
    ({"Url": "/x", "Domain": "www.example.*"}, ("UnsupportedOperation",)),
    ({"Url": "/x", "Domain": "~^a.*"}, ("UnsupportedOperation",)),
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
