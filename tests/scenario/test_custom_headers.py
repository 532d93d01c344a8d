# SPDX-License-Identifier: Apache-2.0
"""Custom configurations at work on heads (features.md section 10): headers on both ways, redirections,
pages in place of errors, the name in our own answers; through the API and from a file."""

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.custom import Custom
from lib.wait import free_port
from lib.wire import Connection, message

OWN = "setia/0."


@pytest.fixture
def site(make_site, make_backend):
    """A site with one server, whose answers its tests write."""
    backend = make_backend()
    made = make_site([backend])
    made.backend = backend
    return made


def says(site, *headers, status="200 OK", body=b"ok"):
    site.backend.script = lambda peer, request: peer.send(answer(body, status, headers))


def in_force(site, content):
    return Custom(site.api, content, site.load_balancer)


@pytest.mark.parametrize("status, is_added", [
    ("200 OK", True), ("201 Created", True), ("206 Partial Content", True), ("303 See Other", True),
    ("308 Permanent Redirect", True), ("202 Accepted", False), ("404 Not Found", False),
    ("503 Busy", False)])
def test_add_header(site, status, is_added):
    says(site, ("X-Frame-Options", "server"), status=status)
    with in_force(site, "add_header X-Frame-Options DENY;\nadd_header X-Note \"a; \\\"b\\\" # c\";"):
        got = site.fetch()
    assert got.all("X-Frame-Options") == (["server", "DENY"] if is_added else ["server"])
    assert got.one("X-Note") == ('a; "b" # c' if is_added else None)
    assert got.text == "ok"


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Busy"])
def test_more_set_headers(site, status):
    """They take the server's place in every answer; without a value they take it away."""
    says(site, ("Server", "nginx"), ("x-powered-by", "php"), ("X-POWERED-BY", "more"),
         ("X_Powered_By", "other"), status=status)
    with in_force(site, "more_set_headers 'Server: shop' 'X-Powered-By:';\n"
                        "add_header Server added;"):
        got = site.fetch()
    assert got.all("Server") == ["shop"] + (["added"] if status == "200 OK" else [])
    assert not got.all("X-Powered-By") and got.one("X_Powered_By") == "other"
    assert got.text == "ok"


def test_headers_of_our_own_answers(site):
    with in_force(site, "more_set_headers 'X-A: 1' 'Content-Type: text/plain';\n"
                        "add_header X-B 2;"):
        site.deregister(site.backend)
        got = site.fetch()
        assert (got.status, got.one("X-A"), got.one("X-B")) == (503, "1", None)
        assert got.one("Content-Type") == "text/plain"
        assert int(got.one("Content-Length")) == len(got.body)


def test_interim_and_upgraded_answers_are_the_servers_own(site):
    site.backend.script = lambda peer, request: peer.send(
        b"HTTP/1.1 103 Early Hints\r\nServer: a\r\n\r\n" + answer(b"ok", headers=[("Server", "a")]))
    interim = []
    with in_force(site, "more_set_headers 'Server: b';"), site.connect() as client:
        client.send(message())
        got = client.read(informational=interim)
        assert [one.one("Server") for one in interim] == ["a"] and got.one("Server") == "b"
        site.backend.script = lambda peer, request: peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Server: a\r\n\r\n")
        client.send(message(headers=[("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        assert client.read_head().one("Server") == "a"


def test_our_cookie_stays(make_site, make_backend):
    site = make_site([make_backend()], SessionExpireTime=60)
    with in_force(site, "add_header X-A b;\nmore_set_headers 'X-B: c';"):
        got = site.fetch()
        assert got.one("Set-Cookie") and (got.one("X-A"), got.one("X-B")) == ("b", "c")
        assert refused(site.api, "more_set_headers 'Set-Cookie:';") == (
            "InvalidParameterValue", "line 1: more_set_headers: this header is the balancer's own")


def refused(api, content):
    """The code, and the sentence up to its colon or full stop."""
    with pytest.raises(ApiError) as error:
        Custom(api, content).delete()
    text = str(error.value)
    start = text.index("line ")
    return error.value.code, text[start:].split(": ")[0] + ": " + ": ".join(
        text[start:].split(": ")[1:3])


def test_proxy_set_header(site):
    with in_force(site, "proxy_set_header X-Real-Port $remote_port;\n"
                        "proxy_set_header X-clb-stgw-vip $server_addr;\n"
                        "proxy_set_header Stgw-request-id $stgw_request_id;\n"
                        "proxy_set_header X-Forwarded-Port \"p${vport}\";\n"
                        "proxy_set_header X-Method $request_method;\n"
                        "proxy_set_header X-Uri \"$scheme://$host$uri|$request_uri\";\n"
                        "proxy_set_header X-Real-IP \"\";\n"
                        "proxy_set_header X-Forwarded-Proto fixed;"), site.connect() as client:
        port = client.socket.getsockname()[1]
        got = client.request("PUT", "/a%20b?c=d&e", [
            ("X-Real-Port", "1"), ("x_real_port", "2"), ("X-METHOD", "3"), ("X-Real-IP", "4"),
            ("Stgw-Request-Id", "5"), ("X-Other", "6")], b"body", host="shop.example:81")
    seen = site.backend.last
    assert got.status == 200
    assert seen.all("X-Real-Port") == [str(port)] and not seen.all("x_real_port")
    assert seen.all("X-clb-stgw-vip") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Port") == [f"p{site.port}"]
    assert seen.all("X-Method") == ["PUT"]
    assert seen.all("X-Uri") == ["http://shop.example/a%20b|/a%20b?c=d&e"]
    assert not seen.all("X-Real-IP") and seen.all("X-Forwarded-Proto") == ["fixed"]
    assert len(seen.one("Stgw-request-id")) == 16 and seen.one("X-Other") == "6"
    assert seen.one("X-Forwarded-For") == "127.0.0.1"


def test_without_a_configuration_heads_are_as_before(site):
    site.fetch(headers=[("X-Real-Port", "1")])
    seen = site.backend.last
    assert seen.one("X-Real-Port") == "1" and seen.one("X-Real-IP") == "127.0.0.1"
    assert seen.one("X-Forwarded-Port") == str(site.port)
    assert not seen.all("X-Uri") and not seen.all("Stgw-request-id")


def test_a_target_as_long_as_can_be_in_a_header(site):
    """It fits, or is refused with 431; nothing is cut."""
    path = "/" + "a" * 30000
    with in_force(site, "proxy_set_header X-Uri $request_uri;"):
        assert site.fetch(path).status == 200
        assert site.backend.last.one("X-Uri") == path
    with in_force(site, "proxy_set_header X-Uri $uri$uri$uri$uri;"):
        assert site.fetch(path).status == 431
        assert site.fetch("/b").status == 200 and site.backend.last.one("X-Uri") == "/b/b/b/b"


def test_a_large_answer_head_has_room_for_what_is_added(site):
    says(site, ("X-Large", "x" * 60000))
    with in_force(site, f"add_header X-A {'a' * 4000};\nmore_set_headers 'X-B: {'b' * 4000}';"):
        got = site.fetch()
    assert (len(got.one("X-Large")), len(got.one("X-A")), len(got.one("X-B"))) == (
        60000, 4000, 4000)


def test_server_tokens(site):
    site.deregister(site.backend)
    assert site.fetch().one("Server").startswith(OWN)
    with in_force(site, "server_tokens off;") as custom:
        assert site.fetch().one("Server") == "setia"
        with site.connect() as client:
            client.send("no http\r\n\r\n")
            assert client.read().one("Server") == "setia"
        custom.update("server_tokens on;")
        assert site.fetch().one("Server").startswith(OWN)
        custom.update("server_tokens off; more_set_headers 'Server:';")
        assert not site.fetch().all("Server")
    site.register(site.backend)
    says(site, ("Server", "nginx/1.2"))
    with in_force(site, "server_tokens off;"):
        assert site.fetch().one("Server") == "nginx/1.2"


def test_proxy_redirect(site):
    says(site, ("Location", "http://shop.example/a?b=http://c"), ("Refresh", "5; url=HTTP://d/"),
         ("X-Location", "http://e"), status="302 Found")
    with in_force(site, "proxy_redirect http:// https://;"):
        got = site.fetch()
        assert got.one("Location") == "https://shop.example/a?b=http://c"
        assert got.one("Refresh") == "5; url=https://d/"
        assert got.one("X-Location") == "http://e"
        says(site, ("Location", "/relative"), ("Refresh", "5"), status="302 Found")
        got = site.fetch()
        assert (got.one("Location"), got.one("Refresh")) == ("/relative", "5")
        says(site, ("Location", "https://f/"), status="201 Created")
        assert site.fetch().one("Location") == "https://f/"
    says(site, ("Location", "http://shop.example/"), status="302 Found")
    assert site.fetch().one("Location") == "http://shop.example/"


def test_error_page(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend], Url="/shop/")
    with in_force(site, "error_page 404 /missing?from=lb;\nerror_page 502 503 =307 /sorry;\n"
                        "add_header X-A b;"):
        got = site.fetch("/nowhere")
        assert (got.status, got.one("Location"), got.one("X-A")) == (302, "/missing?from=lb", "b")
        # A page that is missing itself does not come round for ever, nor lead to another.
        for path in ("/missing", "/missing?from=lb", "/sorry"):
            got = site.fetch(path)
            assert (got.status, got.all("Location")) == (404, [])
        # The server's own errors are its own.
        backend.script = lambda peer, request: peer.send(answer(b"mine", "404 Not Found"))
        got = site.fetch("/shop/x")
        assert (got.status, got.text) == (404, "mine")
        with site.connect() as client:
            client.send("no http\r\n\r\n")
            assert client.read().status == 400
        site.deregister(backend)
        with site.connect() as client:
            got = client.request("POST", "/shop/x", (), b"body")
            assert (got.status, got.one("Location")) == (307, "/sorry")
            assert client.get("/shop/y").one("Location") == "/sorry"


def test_what_is_not_built_is_refused(site):
    assert refused(site.api, "#\nerror_page 404 =200 /x;") == (
        "UnsupportedOperation",
        "line 2: error_page: a page is a redirection here")
    assert refused(site.api, "add_header Connection close;")[0] == "InvalidParameterValue"
    assert refused(site.api, "proxy_set_header Host a;")[0] == "InvalidParameterValue"


def test_tls_directives_are_kept(site):
    text = "ssl_protocols TLSv1.2 TLSv1.3;\nssl_early_data on;\nhttp2_max_field_size 8k;\n"
    with in_force(site, text) as custom:
        assert custom.describe()["ConfigContent"] == text
        assert site.fetch().status == 200


# From a file


def test_a_file_has_a_configuration_of_its_own(setia, make_backend):
    backend, port = make_backend(), free_port()
    target = backend.target

    def apply(custom, **fields):
        return setia.api.change("ApplyConfiguration", Source="shop.yaml", Content=f"""
LoadBalancers:
  - LoadBalancerName: custom-headers
    Vip: 127.0.0.1
{custom}    Listeners:
      - Protocol: HTTP
        Port: {port}
        Rules:
          - Url: /
            Targets: [{{EniIp: {target["EniIp"]}, Port: {target["Port"]}}}]
""", **fields)["Changes"]

    def header():
        with Connection(port) as client:
            return client.get().one("X-A")

    def custom(value):
        return f"    CustomConfig: |\n      # ours\n      add_header X-A {value};\n"

    try:
        assert "+ instance custom-headers: CustomConfig" in apply(custom("one"))
        assert header() == "one"
        assert apply(custom("one")) == []
        changes = ["~ instance custom-headers: CustomConfig line 2: "
                   "add_header X-A one; -> add_header X-A two;"]
        assert apply(custom("two"), DryRun=True) == changes and header() == "one"
        assert apply(custom("two")) == changes and header() == "two"
        with pytest.raises(ApiError) as error:
            apply(custom("two;\n      add_header Date b"))
        assert error.value.code == "InvalidParameterValue"
        assert "shop.yaml:8: LoadBalancers[0].CustomConfig: add_header: this header" in str(
            error.value)
        assert header() == "two"
        assert apply("") == ["- instance custom-headers: CustomConfig"]
        assert header() is None
    finally:
        [found] = setia.api.call("DescribeLoadBalancers", LoadBalancerName="custom-headers"
                                 )["LoadBalancerSet"]
        setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[found["LoadBalancerId"]])
