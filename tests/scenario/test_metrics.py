# SPDX-License-Identifier: Apache-2.0
"""/metrics of the API's server: its text read by a strict parser, who may read it, and that nothing
that is counted falls over deaths and changes."""

import http.client
import os
import socket
import stat

import pytest

from lib.prometheus import Bad, Metrics
from lib.tcp import Echo, Layer4
from lib.wait import SLOW, until


def ask(setia, method="GET", path="/metrics", headers=None, ip="127.0.0.1", body=None):
    connection = http.client.HTTPConnection(ip, setia.port, timeout=10 * SLOW)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        got = connection.getresponse()
        return got.status, got.headers, got.read().decode()
    finally:
        connection.close()


def metrics(setia):
    status, headers, text = ask(setia)
    assert status == 200, text
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    return Metrics(text)


def token_of(setia):
    with open(os.path.join(setia.data, "metrics_token"), encoding="ascii") as file:
        return file.read().strip()


def assert_monotone(before, after):
    now = after.counters()
    for key, value in before.counters().items():
        if key in now:
            assert now[key] >= value, (key, value, now[key])


@pytest.fixture
def make_tcp(setia):
    made = []

    def make(servers, **options):
        made.append(Layer4(setia, servers, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.delete()


# The parser itself


@pytest.mark.parametrize("text", [
    "a 1", "a 1\n", "# TYPE a gauge\na 1\n", "# HELP a x\n# TYPE a gauge\n",
    "# HELP a x\n# TYPE a counter\na 1\n", "# HELP a x\n# TYPE a gauge\na 1\na 1\n",
    "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
    "# HELP a x\n# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n", "# HELP a x\n# TYPE a gauge\na x\n",
    "# HELP a x\n# TYPE a gauge\n\na 1\n", "# HELP a x\n# HELP a y\n# TYPE a gauge\na 1\n",
    "# HELP a x\n# TYPE a gauge\na 1\n# HELP b x\n# TYPE b gauge\nb 1\na{c=\"d\"} 1\n",
    "# HELP a_total x\n# TYPE a_total counter\na_total -1\n",
    "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
])
def test_the_parser_is_strict(text):
    with pytest.raises(Bad):
        Metrics(text)


def test_the_parser_reads():
    read = Metrics('# HELP a x\n# TYPE a gauge\na{b="c\\"\\\\\\n",d=""} 1\na 2.5\n')
    assert read.find("a", d="") == [({"b": 'c"\\\n', "d": ""}, 1)]


# The text


def test_of_nothing(make_setia):
    setia = make_setia().start()
    read = metrics(setia)
    assert read.find("setia_build_info")[0][1] == 1
    assert read.one("setia_traffic_readable") == 1
    assert read.one("setia_workers") == 2
    assert not read.find("setia_connections_total")


def test_of_http(setia, make_site, pair):
    site = make_site(pair, Domain="a.example", Url="/x", SessionExpireTime=60)
    for _ in range(6):
        assert site.fetch("/x", host="a.example").status == 200
    assert site.fetch("/none", host="a.example").status == 404
    until(lambda: metrics(setia).one("setia_http_requests_total", listener=site.listener) == 7, 3,
          "7 requests")
    read = metrics(setia)
    ids = {"lb": site.load_balancer, "listener": site.listener, "protocol": "HTTP",
           "port": str(site.port)}
    assert read.one("setia_connections_total", **ids) >= 1
    assert read.one("setia_http_own_answers_total", **ids, cause="404") == 1
    assert read.one("setia_sessions_total", **ids, verdict="new") == 6
    labels, _ = read.find("setia_rule_request_duration_seconds_count", rule=site.rule)[0]
    assert (labels["domain"], labels["url"]) == ("a.example", "/x")
    for backend in pair:
        target = {"rule": site.rule, "target": f"127.0.0.1:{backend.port}"}
        assert read.one("setia_target_up", **target) == 1
        assert read.one("setia_target_weight", **target) == 10
    assert not read.find("setia_layer4_ended_total", **ids)


def test_of_tcp(setia, make_tcp):
    echo = Echo("one")
    try:
        listener = make_tcp([echo])
        with socket.create_connection(("127.0.0.1", listener.port), timeout=5 * SLOW) as client:
            client.sendall(b"hello")
            until(lambda: client.recv(100).endswith(b"hello"), 3, "the echo")
            until(lambda: metrics(setia).one("setia_open_connections", protocol="TCP",
                                             port=str(listener.port)) == 1, 3, "one open")
            assert metrics(setia).one("setia_target_open_connections", protocol="TCP",
                                      port=str(listener.port)) == 1
        until(lambda: metrics(setia).one("setia_layer4_ended_total", port=str(listener.port),
                                         protocol="TCP", cause="closed") == 1, 3, "its end")
        read = metrics(setia)
        assert read.one("setia_open_connections", port=str(listener.port), protocol="TCP") == 0
        assert not read.find("setia_http_requests_total", port=str(listener.port))
    finally:
        echo.stop()


def test_health_is_told(setia, make_site, pair):
    site = make_site(pair, HealthCheck={"HealthSwitch": 1})
    assert len(metrics(setia).find("setia_target_up", rule=site.rule)) == 2


def test_nothing_falls(make_setia, make_backend):
    """Over the death of each process, and a graceful restart of the traffic one."""
    setia = make_setia().start()
    backend = make_backend()
    site = setia.site([backend])
    before = None
    for victim in (None, "proxy", "control", "proxy"):
        if victim:
            setia.kill9(victim)
            if victim == "control":
                setia.wait_api()
        until(lambda: site.fetch().status == 200, 5, "an answer")
        until(lambda: metrics(setia).find("setia_http_requests_total",
                                          listener=site.listener), 5, "its metrics")
        after = metrics(setia)
        if before:
            assert_monotone(before, after)
            assert (after.one("setia_http_requests_total", listener=site.listener)
                    > before.one("setia_http_requests_total", listener=site.listener))
        before = after


# Who may read it


def test_only_get(setia):
    for method in ("POST", "PUT", "DELETE"):
        status, headers, text = ask(setia, method, body=b"x" * 100)
        assert (status, headers["Allow"]) == (405, "GET, HEAD"), text
    status, headers, text = ask(setia, "HEAD")
    assert (status, text) == (200, "")
    assert ask(setia, path="/metrics/")[0] == 404
    assert ask(setia, path="/metrics?x=y")[0] == 200


def test_what_was_passed_on_needs_the_token(setia):
    for name in ("X-Forwarded-For", "Forwarded", "Via"):
        status, headers, text = ask(setia, headers={name: "1.2.3.4"})
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer"), text
        good = {name: "1.2.3.4", "Authorization": f"Bearer {token_of(setia)}"}
        assert ask(setia, headers=good)[0] == 200


@pytest.mark.parametrize("value", ["Bearer ", "Bearer x", "Basic {0}", "Bearer {0}x", "{0}",
                                   "Bearer  {0}"])
def test_a_wrong_token_is_refused(setia, value):
    headers = {"Authorization": value.format(token_of(setia))}
    assert ask(setia, headers=headers)[0] == 401


def test_the_token_is_a_file_of_the_operator(make_setia):
    setia = make_setia().start()
    path = os.path.join(setia.data, "metrics_token")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    first = token_of(setia)
    assert len(first) == 40
    with open(path, "w", encoding="ascii") as file:
        file.write("an operator's own token\n")
    assert ask(setia, headers={"Authorization": f"Bearer {first}"})[0] == 401
    assert ask(setia, headers={"Authorization": "bearer an operator's own token"})[0] == 200
    with open(path, "w", encoding="ascii") as file:
        file.write("short\n")
    assert ask(setia, headers={"Authorization": "Bearer short"})[0] == 401
    setia.restart()
    assert token_of(setia) == "short"
