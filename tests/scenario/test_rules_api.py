# SPDX-License-Identifier: Apache-2.0
"""Domains and redirections as the API and files change them, and what traffic makes of it."""

import pytest

from lib.api import ApiError
from lib.load import Load
from lib.setia import command
from lib.wait import free_port
from lib.wire import fetch


def who(site, path="/", host="a.example"):
    got = site.fetch(path, host=host)
    return got.text if got.status == 200 else got.status


def rule(location):
    """What a rule without health checks takes; the others hear its clients alone."""
    return {"HealthCheck": {"HealthSwitch": 0}, **location}


@pytest.fixture
def site(make_site, make_backend):
    """Rules "one" (a, the default domain) and "two" (b and *.c.example)."""
    site = make_site([make_backend("one")], Domain="a.example")
    site.two = site.add_rule([make_backend("two").target], Domains=["b.example", "*.C.example"],
                             Url="/")
    return site


def second_listener(site):
    made = site.api.call("CreateListener", LoadBalancerId=site.load_balancer,
                         Ports=[free_port()], Protocol="HTTP")
    [listener] = made["ListenerIds"]
    [found] = site.api.call("DescribeListeners", LoadBalancerId=site.load_balancer,
                            ListenerIds=[listener])["Listeners"]
    return listener, found["Port"]


def redirect(site, source, target, listener=None, **options):
    return site.api.change(
        "ManualRewrite", LoadBalancerId=site.load_balancer, SourceListenerId=site.listener,
        TargetListenerId=listener or site.listener,
        RewriteInfos=[{"SourceLocationId": source, "TargetLocationId": target, **options}])


def domains(site):
    [listener] = site.api.call("DescribeListeners", **{"LoadBalancerId": site.load_balancer},
                               ListenerIds=[site.listener])["Listeners"]
    return [(" ".join(found["Domains"]), found["DefaultServer"]) for found in listener["Rules"]]


def test_a_rule_answers_all_of_its_domains(site):
    for host in ("b.example", "B.example", "x.c.example", "x.y.C.example"):
        assert who(site, host=host) == "two", host
    assert who(site, host="a.example") == who(site, host="c.example") == "one"
    site.api.change("ModifyDomainAttributes", **site.ids, Domain="b.example",
                    NewDomains=["www.d.*", "~^e[0-9]+\\.example$", "*.c.example"])
    for host in ("www.d.org", "e42.example", "x.c.example"):
        assert who(site, host=host) == "two", host
    assert who(site, host="b.example") == who(site, host="e.example") == "one"
    assert domains(site) == [("a.example", True),
                             ("www.d.* ~^e[0-9]+\\.example$ *.c.example", False)]
    site.api.change("ModifyDomainAttributes", **site.ids, Domain="www.d.*",
                    NewDomains=["~^e[0-9]+\\.example$"])
    assert who(site, host="x.c.example") == "one"
    assert who(site, host="e42.example") == "two"
    site.api.change("DeleteRule", **site.ids, Domain="~^e[0-9]+\\.example$")
    assert who(site, host="e42.example") == "one"


def test_the_default_domain_is_handed_over(site):
    site.api.change("ModifyDomainAttributes", **site.ids, Domain="a.example", DefaultServer=False,
                    NewDefaultServerDomain="*.c.example")
    assert who(site, host="nobody.example") == "two"
    site.api.change("ModifyDomainAttributes", **site.ids, Domain="a.example", DefaultServer=True)
    assert who(site, host="nobody.example") == "one"
    with pytest.raises(ApiError, match="NewDefaultServerDomain") as refused:
        site.api.call("ModifyDomainAttributes", **site.ids, Domain="a.example", DefaultServer=False)
    assert refused.value.code == "InvalidParameter"
    site.api.change("DeleteRule", **site.ids, Domain="a.example",
                    NewDefaultServerDomain="b.example")
    assert domains(site) == [("b.example *.c.example", True)]
    assert who(site, host="nobody.example") == "two"


def test_renaming_a_domain_loses_no_request(site):
    """The clients' domain goes through other names, one of which it always matches."""
    with Load(site.port) as load:
        for new in ("*.example", "a.*", "~^a\\.ex", "a.example", "*.example", "a.example"):
            before = load.done
            [(old, _), _] = domains(site)
            site.api.change("ModifyDomain", **site.ids, Domain=old, NewDomain=new)
            while load.done < before + 20 and not load.failures:
                load._stop.wait(0.005)
    assert load.failures == []
    assert set(load.names) == {"one"}
    with pytest.raises(ApiError) as refused:
        site.api.call("ModifyDomain", **site.ids, Domain="a.example", NewDomain="b.example")
    assert refused.value.code == "InvalidParameterValue"
    assert domains(site)[0] == ("a.example", True)


def location(site, path="/", host="a.example", method="GET"):
    got = site.fetch(path, host=host, method=method)
    return got.status, got.one("Location")


def test_redirections_answer_traffic(site, make_backend):
    new = site.add_rule([make_backend("new").target], Domain="a.example", Url="/new")
    old = site.add_rule([make_backend("old").target], Domain="a.example", Url="/old",
                        SessionExpireTime=60)
    redirect(site, old, new)
    assert location(site, "/old/x?y=1") == (302, f"http://a.example:{site.port}/new")
    assert who(site, "/new") == "new"
    described = site.describe_rule(old)
    assert described["RewriteTarget"] == {
        "TargetListenerId": site.listener, "TargetLocationId": new, "RewriteCode": 302,
        "TakeUrl": False, "RewriteType": "Manual"}
    assert site.describe_rule(new)["RewriteTarget"] is None
    listener, port = second_listener(site)
    made = site.api.call("CreateRule", LoadBalancerId=site.load_balancer, ListenerId=listener,
                         Rules=[rule({"Domain": "b.example", "Url": "/"})])
    [target] = made["LocationIds"]
    for code in (301, 307):
        redirect(site, site.rule, target, listener, RewriteCode=code, TakeUrl=True,
                 SourceDomain="a.example")
        assert location(site, "/x/?y=1", method="POST") == (
            code, f"http://b.example:{port}/x/?y=1")
        site.api.change("DeleteRewrite", LoadBalancerId=site.load_balancer,
                        SourceListenerId=site.listener, TargetListenerId=listener,
                        RewriteInfos=[{"SourceLocationId": site.rule,
                                       "TargetLocationId": target}])
        assert who(site) == "one"
    rewrites = site.api.call("DescribeRewrite", LoadBalancerId=site.load_balancer)["RewriteSet"]
    assert [found["LocationId"] for found in rewrites] == [old]
    site.api.change("DeleteRule", **site.ids, LocationIds=[new])
    assert who(site, "/old") == "old"
    assert site.api.call("DescribeRewrite", LoadBalancerId=site.load_balancer)["RewriteSet"] == []


def test_circles_are_refused(site):
    listener, _ = second_listener(site)
    made = site.api.change("CreateRule", LoadBalancerId=site.load_balancer, ListenerId=listener,
                           Rules=[rule({"Domain": "a.example", "Url": "/"}),
                                  rule({"Domain": "a.example", "Url": "/back"})])
    there, back = made["LocationIds"]
    other = site.add_rule(Domain="a.example", Url="/other")
    for source, target, options in ((site.rule, site.rule, {}),
                                    (site.rule, other, {"RewriteCode": 301, "TakeUrl": True})):
        with pytest.raises(ApiError, match="TargetLocationId") as refused:
            redirect(site, source, target, **options)
        assert refused.value.code == "InvalidParameter"
    redirect(site, site.rule, there, listener, RewriteCode=301, TakeUrl=True)
    for source, target in ((site.rule, other), (other, site.rule)):
        with pytest.raises(ApiError) as refused:
            redirect(site, source, target)
        assert refused.value.code == "InvalidParameter.RewriteAlreadyExist"
    with pytest.raises(ApiError, match="circle") as refused:
        site.api.call("ManualRewrite", LoadBalancerId=site.load_balancer,
                      SourceListenerId=listener, TargetListenerId=site.listener,
                      RewriteInfos=[{"SourceLocationId": back, "TargetLocationId": other,
                                     "RewriteCode": 301, "TakeUrl": True}])
    assert refused.value.code == "InvalidParameter"


FILE = """
LoadBalancers:
- LoadBalancerName: rules-file
  Listeners:
  - Protocol: HTTP
    Port: {front}
    Rules:
    - Domains: [a.example, "*.b.example"]
      Url: /
      HealthCheck: {{HealthSwitch: 0}}
      Targets: [{target}]
    - {{Domain: a.example, Url: /old, Redirect: {{Url: /, Code: 301}}}}
    - {{Domain: "~^[0-9]+$", Url: /, Redirect: {{Port: {back}, Domain: "", Url: /, TakeUrl: true}}}}
  - Protocol: HTTP
    Port: {back}
    Rules:
    - {{Url: /}}
"""


def test_a_file_has_domains_and_redirections(make_setia, make_backend, tmp_path):
    setia = make_setia().start()
    target = make_backend("one").target
    front, back = free_port(), free_port()
    path = tmp_path / "rules.yaml"

    def apply(text):
        path.write_text(text)
        return command("apply", str(path), "--api", f"http://127.0.0.1:{setia.port}", "--data",
                       setia.data)

    text = FILE.format(front=front, back=back,
                       target=f"{{EniIp: {target['EniIp']}, Port: {target['Port']}}}")
    done = apply(text)
    assert done.returncode == 0, done.stderr
    assert fetch(front, host="x.b.example").text == "one"
    got = fetch(front, "/old/x", host="a.example")
    assert (got.status, got.one("Location")) == (301, f"http://a.example:{front}/")
    got = fetch(front, "/x?y", host="42")
    assert (got.status, got.one("Location")) == (302, f"http://42:{back}/x?y")
    [balancer] = setia.api.call("DescribeLoadBalancers", SearchKey="rules-file")["LoadBalancerSet"]
    before = setia.api.call("DescribeListeners", LoadBalancerId=balancer["LoadBalancerId"])
    assert apply(text).returncode == 0
    after = setia.api.call("DescribeListeners", LoadBalancerId=balancer["LoadBalancerId"])
    assert before["Listeners"] == after["Listeners"]
    done = apply(text.replace("Url: /, Code", "Url: /x, Code"))
    assert done.returncode == 1 and "rules.yaml:12: " in done.stderr, done.stderr
    assert fetch(front, "/old", host="a.example").status == 301
    setia.stop()
