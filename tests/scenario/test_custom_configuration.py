# SPDX-License-Identifier: Apache-2.0
"""Custom configurations in force (features.md section 10, SP-52, SP-53): what each directive does to
traffic, live changes, and what bindings outlive."""

import socket
import threading
import time

import pytest

from lib.api import ApiError
from lib.backend import answer
from lib.custom import ACTION, Custom
from lib.wait import SLOW, free_port, until
from lib.wire import Connection, message
from test_sdk import Sdk
from test_timeouts import SOON, black_hole

MIB = 1 << 20


def in_force(site, content):
    return Custom(site.api, content, site.load_balancer)


def refused(api, **fields):
    with pytest.raises(ApiError) as error:
        api.call(ACTION, **fields)
    return error.value


def waits_for(client, clock, seconds):
    """Nothing happens until shortly before `seconds`, then the connection ends; what was sent."""
    client.wait_taken()
    clock.advance(seconds - 2)
    assert client.stays_open(0.4)
    clock.advance(3.5)
    seen, is_closed = client.drain(within=SOON)
    assert is_closed, f"still open after {seconds} s"
    return seen


# What each directive does


def test_keepalive_timeout_in_real_time(make_site, make_backend):
    site = make_site([make_backend()])
    with in_force(site, "keepalive_timeout 1500ms;"), site.connect() as client:
        assert client.get().status == 200
        start = time.monotonic()
        assert client.is_closed(within=4)
        assert 1.3 <= time.monotonic() - start <= 3.0 * SLOW


def test_client_header_timeout(make_site, make_backend, clock):
    site = make_site([make_backend()])
    with in_force(site, "client_header_timeout 30s;"), site.connect() as client:
        client.send("GET / HTTP/1.1\r\nHost: a")
        assert waits_for(client, clock, 30).startswith(b"HTTP/1.1 408 ")


def test_client_body_timeout(make_site, make_backend, clock):
    backend = make_backend()
    site = make_site([backend])
    with in_force(site, "client_body_timeout 2m;"), site.connect() as client:
        client.send(message("POST", "/", [("Content-Length", "100")]) + b"x" * 50)
        until(lambda: backend.requests, what="the request at the target")
        assert waits_for(client, clock, 120).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("content, size, status", [
    ("client_max_body_size 1M;", MIB, 200),
    ("client_max_body_size 1M;", MIB + 1, 413),
    ("client_max_body_size 61m;\nproxy_request_buffering off;", 61 * MIB, 200),
    ("keepalive_timeout 75s;", 60 * MIB + 1, 413),
])
def test_client_max_body_size(make_site, make_backend, content, size, status):
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(str(len(request.body)).encode()))
    site = make_site([backend])
    with in_force(site, content), site.connect(timeout=30) as client:
        client.send(message("POST", "/", [("Content-Length", str(size))]))
        if status == 200:
            block = b"x" * MIB
            for at in range(0, size, MIB):
                client.send(block[:size - at])
        got = client.read()
        assert got.status == status
        assert status != 200 or got.text == str(size)


def test_client_max_body_size_is_of_the_body_alone(make_site, make_backend):
    """Tiny chunks take seven times their body's bytes on the wire."""
    backend = make_backend()
    backend.script = lambda peer, request: peer.send(answer(str(len(request.body)).encode()))
    site = make_site([backend])
    with in_force(site, "client_max_body_size 1M;"), site.connect(timeout=30) as client:
        client.send(message("POST", "/", [("Transfer-Encoding", "chunked")]))
        piece = b"1;a\r\nx\r\n" * 65536
        for _ in range(MIB // 65536):
            client.send(piece)
        client.send(b"0\r\n\r\n")
        got = client.read()
        assert (got.status, got.text) == (200, str(MIB))


def test_client_max_body_size_of_chunks(make_site, make_backend):
    backend = make_backend()
    site = make_site([backend])
    with in_force(site, "client_max_body_size 1M;"), site.connect() as client:
        client.send(message("POST", "/", [("Transfer-Encoding", "chunked")]))
        try:
            for _ in range(17):
                client.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except ConnectionError:
            pass
        seen, is_closed = client.drain()
        assert is_closed and (not seen or seen.startswith(b"HTTP/1.1 413 "))
    assert site.fetch().status == 200


def test_keepalive_requests(make_site, make_backend):
    site = make_site([make_backend()])
    with in_force(site, "keepalive_requests 3;"), site.connect() as client:
        answers = [client.get() for _ in range(3)]
        assert [bool(one.all("Connection")) for one in answers] == [False, False, True]
        assert answers[2].one("Connection") == "close" and client.is_closed()


def test_proxy_connect_timeout(make_site, clock):
    port, keep = black_hole()
    site = make_site([{"EniIp": "127.0.0.1", "Port": port}])
    try:
        with in_force(site, "proxy_connect_timeout 20s;"), site.connect() as client:
            client.send(message())
            client.wait_taken()
            clock.advance(17)
            assert client.stays_open(0.4)
            for _ in range(4):
                clock.advance(21)
                time.sleep(0.3 * SLOW)
            assert client.read().status in (504, 502)
    finally:
        for sock in keep:
            sock.close()


def test_proxy_read_timeout_is_504_at_its_time(make_site, make_backend, clock):
    backend = make_backend()
    backend.script = lambda peer, request: peer.read_until(b"never")
    site = make_site([backend])
    with in_force(site, "proxy_read_timeout 30s;"), site.connect() as client:
        client.send(message())
        until(lambda: backend.requests, what="the request at the target")
        clock.advance(28)
        assert client.stays_open(0.4)
        clock.advance(3.5)
        assert client.read().status == 504


def test_proxy_read_timeout_can_be_long(make_site, make_backend, clock):
    backend = make_backend()
    go_on = threading.Event()

    def script(peer, request):
        go_on.wait(10 * SLOW)
        peer.send(answer(b"late"))

    backend.script = script
    site = make_site([backend])
    with in_force(site, "proxy_read_timeout 3600s;"), site.connect() as client:
        client.send(message())
        until(lambda: backend.requests, what="the request at the target")
        clock.advance(3500)
        assert client.stays_open(0.4)
        go_on.set()
        assert client.read().text == "late"


def test_send_timeout(make_site, make_backend, clock):
    backend = make_backend()
    ended = threading.Event()

    def script(peer, request):
        try:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 262144000\r\n\r\n")
            while True:
                peer.send(b"x" * 65536)
        finally:
            ended.set()

    backend.script = script
    site = make_site([backend])
    with in_force(site, "send_timeout 30s;"), site.connect(receive_buffer=65536) as client:
        client.send(message())
        client.read_head()
        time.sleep(1.0 * SLOW)
        clock.advance(20)
        assert not ended.wait(0.4)
        clock.advance(11)
        assert ended.wait(5 * SLOW), "the target's connection is still open"


def test_proxy_send_timeout(make_site, make_backend, clock):
    """A target that stops reading the body."""
    backend = make_backend()
    stop = threading.Event()

    backend.reads_body = False
    backend.script = lambda peer, request: stop.wait(20 * SLOW) and False
    site = make_site([backend])

    def push(client):
        try:
            while True:
                client.send(b"x" * 65536)
        except OSError:
            pass

    with in_force(site, "proxy_send_timeout 30s;\nclient_body_timeout 120s;"), \
            site.connect(timeout=60) as client:
        client.send(message("POST", "/", [("Content-Length", str(50 * MIB))]))
        pusher = threading.Thread(target=push, args=(client,))
        pusher.start()
        try:
            time.sleep(1.0 * SLOW)
            clock.advance(20)
            assert client.stays_open(0.4)
            client.socket.settimeout(5 * SLOW)
            clock.advance(11)
            assert client.read().status == 504
        finally:
            stop.set()
            client.socket.shutdown(socket.SHUT_RDWR)
            pusher.join()


# Live changes


def test_update_is_live_and_drops_nothing(make_site, pair, clock):
    """Connections that are open, and requests that are under way, go on over ten changes."""
    go_on = threading.Event()

    def script(peer, request):
        if request.target == "/slow":
            go_on.wait(20 * SLOW)
        peer.send(answer(b"ok"))

    for backend in pair:
        backend.script = script
    site = make_site(pair)
    with in_force(site, "keepalive_timeout 20s;") as custom, site.connect() as client, \
            site.connect() as slow:
        assert client.get().text == "ok"
        slow.send(message(path="/slow"))
        until(lambda: sum(len(backend.requests) for backend in pair) == 2, what="both requests")
        for turn in range(10):
            custom.update(f"keepalive_timeout {30 + turn}s; proxy_read_timeout {60 + turn}s;")
            assert client.get().text == "ok"
        custom.update("keepalive_timeout 5s;")
        assert client.get().text == "ok"
        clock.advance(3)
        assert client.stays_open(0.4)
        clock.advance(3.5)
        assert client.is_closed(within=SOON)
        go_on.set()
        assert slow.read().text == "ok"
        assert custom.describe()["ConfigContent"] == "keepalive_timeout 5s;"


def test_unbind_restores_75_s(make_site, pair, clock):
    site = make_site(pair)
    with in_force(site, "keepalive_timeout 5s;") as custom, site.connect() as client:
        assert client.get().status == 200
        custom.unbind(site.load_balancer)
        assert client.get().status == 200
        clock.advance(73)
        assert client.stays_open(0.4)
        clock.advance(3.5)
        assert client.is_closed(within=SOON)


def test_keepalive_0_ends_a_kept_connection_with_its_next_answer(make_site, pair):
    site = make_site(pair)
    with in_force(site, "#") as custom, site.connect() as client:
        assert not client.get().all("Connection")
        custom.update("keepalive_timeout 0;")
        assert client.get().one("Connection") == "close"
        assert client.is_closed()


def test_a_refused_update_changes_nothing(make_site, pair):
    site = make_site(pair)
    with in_force(site, "keepalive_requests 2;") as custom:
        for content, code, text in [
                ("keepalive_requests 5;\nkeepalive_timeout 3601s;", "InvalidParameterValue",
                 "line 2: keepalive_timeout"),
                ("keepalive_requests 5\n", "InvalidParameterValue", "line 1: keepalive_requests"),
                ("a 1;", "InvalidParameterValue", "line 1: a"),
                ("client_max_body_size 1G;\nproxy_request_buffering on;", "InvalidParameterValue",
                 "line 1: client_max_body_size: more than 256M"),
                ("\n\nerror_page 404 =200 /;", "UnsupportedOperation",
                 "line 3: error_page: a page is a redirection here"),
                ("#" * 65537, "InvalidParameterValue.Length", "ConfigContent")]:
            error = refused(site.api, OperationType="UPDATE", UconfigId=custom.id,
                            ConfigContent=content)
            assert (error.code, text in str(error)) == (code, True), error
        assert custom.describe()["ConfigContent"] == "keepalive_requests 2;"
        with site.connect() as client:
            assert [bool(client.get().all("Connection")) for _ in range(2)] == [False, True]


# Bindings


def test_one_configuration_for_many_instances(make_site, pair):
    one, two, other = make_site(pair), make_site(pair), make_site(pair)
    with Custom(one.api, "keepalive_requests 1;", one.load_balancer, two.load_balancer) as custom:
        for site in (one, two):
            assert site.fetch().one("Connection") == "close"
        assert not other.fetch().all("Connection")
        found = one.api.call("DescribeCustomizedConfigAssociateList", UconfigId=custom.id)
        assert found["TotalCount"] == 2
        assert {row["LoadBalancerId"] for row in found["BindList"]} == {one.load_balancer,
                                                                        two.load_balancer}
        with Custom(one.api, "#") as second:
            error = refused(one.api, OperationType="BIND", UconfigId=second.id,
                            LoadBalancerIds=[other.load_balancer, one.load_balancer])
            assert error.code == "InvalidParameter" and custom.id in str(error)
        assert refused(one.api, OperationType="DELETE",
                       UconfigId=custom.id).code == "FailedOperation"
        port = free_port()
        one.api.change("CreateListener", LoadBalancerId=one.load_balancer, Ports=[port],
                       Protocol="HTTP")
        with Connection(port) as client:
            answer_404 = client.get()
            assert (answer_404.status, answer_404.one("Connection")) == (404, "close")


def test_a_deleted_instance_is_unbound(setia):
    balancer = setia.load_balancer()
    custom = Custom(setia.api, "keepalive_timeout 1s;", balancer)
    setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[balancer])
    found = setia.api.call("DescribeCustomizedConfigAssociateList", UconfigId=custom.id)
    assert (found["TotalCount"], found["BindList"]) == (0, [])
    custom.bound = []
    custom.delete()


def test_a_binding_outlives_control_proxy_and_restart(make_setia, make_backend):
    setia = make_setia().start()
    site = setia.site([make_backend()])
    custom = Custom(setia.api, "keepalive_requests 1;", site.load_balancer)
    for role in ("control", "proxy"):
        setia.kill9(role)
        until(lambda: setia.api.call("DescribeCustomizedConfigList", ConfigType="CLB"), 5,
              "the API")
        until(lambda: site.fetch().one("Connection") == "close", 5, "traffic")
    setia.stop()
    setia.start()
    assert site.fetch().one("Connection") == "close"
    assert custom.describe()["ConfigContent"] == "keepalive_requests 1;"
    custom.delete()
    assert not site.fetch().all("Connection")
    setia.stop()


def test_an_instance_of_a_file_keeps_its_binding(setia, make_backend):
    backend, port = make_backend(), free_port()

    def apply(seconds):
        target = backend.target
        setia.api.change("ApplyConfiguration", Content=f"""
LoadBalancers:
  - LoadBalancerName: custom-of-a-file
    Vip: 127.0.0.1
    Listeners:
      - Protocol: HTTP
        Port: {port}
        Rules:
          - Url: /
            SessionExpireTime: {seconds}
            Targets: [{{EniIp: {target["EniIp"]}, Port: {target["Port"]}}}]
""")

    apply(0)
    [found] = setia.api.call("DescribeLoadBalancers", LoadBalancerName="custom-of-a-file"
                             )["LoadBalancerSet"]
    balancer = found["LoadBalancerId"]
    assert found["ConfigId"] == ""
    with Custom(setia.api, "keepalive_requests 1;", balancer) as custom:
        for seconds in (0, 60, 60):
            apply(seconds)
            [found] = setia.api.call("DescribeLoadBalancers", LoadBalancerIds=[balancer]
                                     )["LoadBalancerSet"]
            assert found["ConfigId"] == custom.id
            with Connection(port) as client:
                got = client.get()
                assert got.one("Connection") == "close"
                assert bool(got.all("Set-Cookie")) == (seconds > 0)
    setia.api.change("DeleteLoadBalancer", LoadBalancerIds=[balancer])


# The cloud's SDK


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_sdk_drives_it(make_setia, make_backend, method):
    """Its own clock: the SDK signs with the machine's."""
    setia = make_setia().start()
    sdk = Sdk(setia)
    try:
        def call(action, **params):
            response = sdk.call(action, method, **params)
            if action == ACTION:
                sdk.wait(response, method)
            return response

        site = setia.site([make_backend()])
        content = "# h\u00e9\r\nclient_max_body_size 222M;\nkeepalive_timeout 0;\n"
        custom = call(ACTION, OperationType="ADD", ConfigName="sdk & co",
                      ConfigContent=content)["ConfigId"]
        assert custom.startswith("pz-") and len(custom) == 11
        bound = {"UconfigId": custom, "LoadBalancerIds": [site.load_balancer]}
        call(ACTION, OperationType="BIND", **bound)
        assert site.fetch().one("Connection") == "close"
        found = call("DescribeCustomizedConfigList", ConfigType="CLB", Filters=[
            {"Name": "loadbalancer-id", "Values": [site.load_balancer]}])
        assert found["TotalCount"] == 1
        [row] = found["ConfigList"]
        assert (row["UconfigId"], row["ConfigType"], row["ConfigName"], row["ConfigContent"]) == (
            custom, "CLB", "sdk & co", content)
        time.strptime(row["CreateTimestamp"], "%Y-%m-%d %H:%M:%S")
        found = call("DescribeCustomizedConfigAssociateList", UconfigId=custom, Limit=1)
        assert [row["LoadBalancerId"] for row in found["BindList"]] == [site.load_balancer]
        call(ACTION, OperationType="UPDATE", UconfigId=custom, ConfigContent="send_timeout 9s;")
        assert not site.fetch().all("Connection")
        assert sdk.raw(ACTION, method, OperationType="UPDATE", UconfigId=custom,
                       ConfigContent="gzip on;")["code"] == "InvalidParameterValue"
        call(ACTION, OperationType="UNBIND", **bound)
        call(ACTION, OperationType="DELETE", UconfigId=custom)
        assert call("DescribeCustomizedConfigList", ConfigType="CLB")["ConfigList"] == []
        setia.stop()
    finally:
        sdk.stop()
