# SPDX-License-Identifier: Apache-2.0
"""The control API at the level of the protocol: signatures, envelope, codes, the order of checks,
roofs and rates, tasks, keys."""

import http.client
import json
import re
import time
import uuid

import pytest

from lib.api import UNSIGNED, ApiError, authorization
from lib.wait import SLOW, until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


@pytest.fixture
def api(setia):
    return setia.api


def test_signer_gives_the_worked_examples():
    """The harness itself, against the contract's two vectors."""
    common = {"secret_id": "AKIDEXAMPLE0123456789", "secret_key": "SECRETEXAMPLE0123456789",
              "timestamp": 1760000000}
    post = authorization(
        **common, method="POST", query="",
        headers={"content-type": "application/json", "host": "clb.example.internal"},
        payload=b'{"LoadBalancerId":"lb-1a2b3c4d","Ports":[8080],"Protocol":"TCP",'
                b'"SessionExpireTime":30}')
    assert post.endswith("d74f60a1cb969f8aaf460bcd16c5efab5bd223bade8686f5410194002c38b17c")
    get = authorization(
        **common, method="GET", query="LoadBalancerId=lb-1a2b3c4d&ListenerIds.0=lbl-5e6f7a8b",
        headers={"content-type": "application/x-www-form-urlencoded",
                 "host": "clb.example.internal"}, payload=b"")
    assert get.endswith("39660c4a156a134516bb61c69bbdcb667f3ff398570a1828d3c1039bc72585ff")


# Envelope


def test_success_envelope(api):
    answer = api.raw("DescribeQuota")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert "Error" not in answer.response
    assert UUID.match(answer.response["RequestId"])
    assert answer.response["RequestId"] != api.raw("DescribeQuota").response["RequestId"]


def test_error_envelope(api):
    answer = api.raw("Nonsense")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.response) == {"Error", "RequestId"}
    assert set(answer.response["Error"]) == {"Code", "Message"}
    assert UUID.match(answer.response["RequestId"])


def test_identity_encoding_even_if_gzip_is_accepted(api):
    answer = api.raw("DescribeQuota", extra={"Accept-Encoding": "gzip,deflate"})
    assert answer.headers.get("Content-Encoding") is None
    assert answer.code is None


def test_trace_id_is_echoed_and_cannot_inject(api):
    trace = str(uuid.uuid4())
    for action in ("DescribeQuota", "Nonsense"):
        assert api.raw(action, extra={"X-TC-TraceId": trace}).headers["X-TC-TraceId"] == trace
    assert api.raw("DescribeQuota").headers.get("X-TC-TraceId") is None
    for bad in ("x" * 5000, "a\tb", "<a>\"'"):
        echoed = api.raw("DescribeQuota", extra={"X-TC-TraceId": bad}).headers.get("X-TC-TraceId")
        assert echoed is None or (len(echoed) <= 256 and re.fullmatch(r"[\w.:-]*", echoed))


def test_one_connection_carries_many_calls(api):
    api.call("DescribeQuota")
    before = api._connection.sock.getsockname()
    for _ in range(20):
        api.call("DescribeQuota")
    assert api._connection.sock.getsockname() == before


# Signatures


@pytest.mark.parametrize("name, options, code", [
    ("unknown key", {"authorize_with": ("AKIDnobody", None)}, "AuthFailure.SecretIdNotFound"),
    ("wrong secret", {"authorize_with": (None, "wrong")}, "AuthFailure.SignatureFailure"),
    ("skip", {"authorize": "SKIP"}, "AuthFailure.InvalidAuthorization"),
    ("empty", {"authorize": ""}, "AuthFailure.InvalidAuthorization"),
    ("other algorithm", {"authorize": "TC3-HMAC-MD5 Credential=a/2026-01-01/clb/tc3_request, "
                         "SignedHeaders=host, Signature=00"}, "AuthFailure.InvalidAuthorization"),
    ("no parts", {"authorize": "TC3-HMAC-SHA256"}, "AuthFailure.InvalidAuthorization"),
    ("no signature", {"authorize": "TC3-HMAC-SHA256 Credential=a/2026-01-01/clb/tc3_request, "
                      "SignedHeaders=content-type;host"}, "AuthFailure.InvalidAuthorization"),
    ("short scope", {"authorize": "TC3-HMAC-SHA256 Credential=a/clb, SignedHeaders=host, "
                     "Signature=" + "0" * 64}, "AuthFailure.InvalidAuthorization"),
    ("short signature", {"authorize": "TC3-HMAC-SHA256 Credential=a/2026-01-01/clb/tc3_request, "
                         "SignedHeaders=host, Signature=abc"}, "AuthFailure.InvalidAuthorization"),
    ("endless", {"authorize": "TC3-HMAC-SHA256 Credential=" + "a" * 6000},
     "AuthFailure.InvalidAuthorization"),
    ("basic", {"authorize": "Basic eDp5"}, "AuthFailure.InvalidAuthorization"),
    ("missing", {"drop": ("Authorization",)}, "AuthFailure.InvalidAuthorization"),
    ("too old", {"shift": -301}, "AuthFailure.SignatureExpire"),
    ("too new", {"shift": 302}, "AuthFailure.SignatureExpire"),
    ("token", {"extra": {"X-TC-Token": "t"}}, "AuthFailure.TokenFailure"),
    ("old enough", {"shift": -290}, None),
    ("new enough", {"shift": 290}, None),
])
def test_signatures(api, name, options, code):
    options = dict(options)
    if "shift" in options:
        options["timestamp"] = int(api.now()) + options.pop("shift")
    who = options.pop("authorize_with", None)
    client = api.with_key(who[0] or api.secret_id, who[1] or api.secret_key) if who else api
    answer = client.raw("DescribeQuota", **options)
    assert answer.code == code, answer.body
    assert api.secret_key.encode() not in answer.body


def test_timestamp_must_be_there_and_a_number(api):
    for value in ("", "x", "-1", "1e9", "99999999999999999999", " "):
        answer = api.raw("DescribeQuota", extra={"X-TC-Timestamp": value})
        assert answer.code and answer.code.startswith("AuthFailure."), answer.body
    assert api.raw("DescribeQuota", drop=("X-TC-Timestamp",)).code.startswith("AuthFailure.")


def test_a_changed_byte_of_anything_signed_is_refused(api):
    body = b'{"LoadBalancerType":"OPEN"}'
    timestamp = int(api.now())
    good = authorization(api.secret_id, api.secret_key, method="POST", query="",
                         headers={"content-type": "application/json",
                                  "host": f"127.0.0.1:{api.port}"},
                         payload=body, timestamp=timestamp)
    for changed in ({"body": body.replace(b"OPEN", b"OPEM")},
                    {"content_type": "application/JSON2"}, {"host": "localhost"},
                    {"timestamp": timestamp + 1}):
        options = {"body": body, "timestamp": timestamp, **changed}
        answer = api.raw("CreateLoadBalancer", authorize=good, **options)
        assert answer.code == "AuthFailure.SignatureFailure", changed
    for at in (-1, -64):
        letter = "0" if good[at] != "0" else "1"
        answer = api.raw("CreateLoadBalancer", body, timestamp=timestamp,
                         authorize=good[:at] + letter + (good[at + 1:] if at != -1 else ""))
        assert answer.code == "AuthFailure.SignatureFailure"


def test_date_of_the_scope_must_be_the_timestamps(api):
    timestamp = int(api.now())
    wrong = authorization(api.secret_id, api.secret_key, method="POST", query="",
                          headers={"content-type": "application/json",
                                   "host": f"127.0.0.1:{api.port}"}, payload=b"{}",
                          timestamp=timestamp - 86400 * 2)
    answer = api.raw("DescribeQuota", b"{}", timestamp=timestamp, authorize=wrong)
    assert answer.code == "AuthFailure.SignatureFailure"


def test_host_with_and_without_port_and_any_service(api):
    for options in ({"signed_host": "127.0.0.1"}, {"signed_host": f"127.0.0.1:{api.port}"},
                    {"host": "clb.example.internal"},
                    {"host": "clb.example.internal:99", "signed_host": "clb.example.internal"},
                    {"host": "Clb.Example.Internal", "signed_host": "clb.example.internal"},
                    {"service": "127"}, {"service": "lb"}, {"service": "anything-at_all.x"}):
        assert api.raw("DescribeQuota", **options).code is None, options
    answer = api.raw("DescribeQuota", signed_host="other.example")
    assert answer.code == "AuthFailure.SignatureFailure"


def test_more_signed_headers_and_unsigned_payload(api):
    assert api.raw("DescribeQuota", signed=("content-type", "host", "x-tc-action")).code is None
    assert api.raw("DescribeQuota", signed=("host", "content-type", "x-tc-timestamp",
                                            "x-tc-version")).code is None
    assert api.raw("DescribeQuota", unsigned_payload=True).code is None
    # The word counts only when the header says it.
    answer = api.raw("DescribeQuota", b"{}", authorize=authorization(
        api.secret_id, api.secret_key, method="POST", query="", timestamp=int(api.now()),
        headers={"content-type": "application/json", "host": f"127.0.0.1:{api.port}"},
        payload=UNSIGNED.encode()))
    assert answer.code == "AuthFailure.SignatureFailure"


def test_old_signature_methods_are_refused(api):
    body = (b"Action=DescribeQuota&Version=2018-03-17&Nonce=1&SecretId=x&SignatureMethod=HmacSHA256"
            b"&Timestamp=1760000000&Signature=abc%3D")
    answer = api.exchange("POST", "/", body, {
        "Host": f"127.0.0.1:{api.port}", "Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.code) == (200, "AuthFailure.InvalidAuthorization")


# Order of the checks: of two faults the earlier one is answered


@pytest.mark.parametrize("code, action, body, options", [
    ("AuthFailure.SecretIdNotFound", "Nonsense", b"{", {"version": "1", "key": "nobody"}),
    ("InvalidAction", "Nonsense", b"{", {"version": "1"}),
    ("InvalidAction", None, b"{", {}),
    ("InvalidAction", "", b"{", {}),
    ("InvalidAction", "describequota", b"{}", {}),
    ("NoSuchVersion", "CreateListener", b"{", {"version": "2017-03-12"}),
    ("NoSuchVersion", "CreateListener", b"{", {"version": None}),
    ("InvalidParameter", "CreateListener", b'{"Nonsense": 1', {}),
    ("UnknownParameter", "CreateListener", b'{"Nonsense": 1, "Protocol": 5}', {}),
    ("MissingParameter", "CreateListener", b'{"Protocol": 5, "LoadBalancerId": "lb-00000000"}', {}),
    ("InvalidParameter", "CreateListener",
     b'{"LoadBalancerId": "lb-00000000", "Ports": ["x"], "Protocol": "NONE"}', {}),
    ("InvalidParameterValue", "CreateListener",
     b'{"LoadBalancerId": "lb-00000000", "Ports": [0], "Protocol": "HTTP"}', {}),
    ("InvalidParameterValue", "CreateListener",
     b'{"LoadBalancerId": "lb-00000000", "Ports": [80], "Protocol": "NONE"}', {}),
    ("InvalidParameter.LBIdNotFound", "CreateListener",
     b'{"LoadBalancerId": "lb-00000000", "Ports": [80], "Protocol": "HTTP"}', {}),
])
def test_order_of_checks(api, code, action, body, options):
    options = dict(options)
    client = api.with_key(options.pop("key"), "x") if "key" in options else api
    answer = client.raw(action, body, **options)
    assert answer.code == code, answer.body


@pytest.mark.parametrize("body, code", [
    (b"", None), (b"{}", None), (b"  {}\n", None),
    (b"[]", "InvalidParameter"), (b"1", "InvalidParameter"), (b"null", "InvalidParameter"),
    (b'"x"', "InvalidParameter"), (b"{}{}", "InvalidParameter"), (b"{]", "InvalidParameter"),
    (b'{"a":1,"a":2}', "InvalidParameter"), (b"\xff\xfe", "InvalidParameter"),
    (b'{"a":"\xc3\x28"}', "InvalidParameter"), (b"[" * 100000, "InvalidParameter"),
    (b'{"a":' * 1000 + b"1" + b"}" * 1000, "InvalidParameter"), (b"\0", "InvalidParameter"),
    (b'{"a":1e999}', "InvalidParameter"), (b'{"a":99999999999999999999}', "InvalidParameter"),
])
def test_bodies(api, body, code):
    assert api.raw("DescribeQuota", body).code == code


def test_message_of_bad_json_says_where(api):
    message = api.raw("DescribeQuota", b'{\n  "a": tru\n}').message
    assert "2" in message and "line" in message.lower()


# Transport


def test_other_methods_paths_and_roofs(setia, api):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = api.exchange(method, "/", b"", {"Host": "x", "X-TC-Action": "DescribeQuota"})
        assert (answer.status, answer.code) == (200, "UnsupportedProtocol"), method
    answer = api.exchange("GET", "/nonsense", None, {"Host": "x"})
    assert answer.status == 404
    assert json.loads(answer.body) is not None
    for path in ("/../etc/passwd", "/%2e%2e/", "/credentials", "/setia.db"):
        answer = api.exchange("GET", path, None, {"Host": "x"})
        assert answer.status in (400, 404) and api.secret_key.encode() not in answer.body
    answer = api.raw("DescribeQuota", method="GET", query="A=" + "b" * 40000)
    assert (answer.status, answer.code) == (200, "RequestSizeLimitExceeded")
    setia.api.call("DescribeQuota")


def test_body_roof(api):
    body = b'{"LoadBalancerName":"' + b"x" * (10 << 20) + b'"}'
    try:
        answer = api.raw("CreateLoadBalancer", body)
    except (OSError, http.client.HTTPException):
        pytest.fail("the answer was lost: the rest of the body has to be read")
    assert (answer.status, answer.code) == (200, "RequestSizeLimitExceeded")
    big = b'{"LoadBalancerName":"' + b"x" * ((10 << 20) - 100) + b'"}'
    assert api.raw("CreateLoadBalancer", big).code == "MissingParameter"
    api.call("DescribeQuota")


def test_get_with_flattened_query(api):
    assert api.get("DescribeLoadBalancers", **{
        "Limit": "5", "Offset": "0", "LoadBalancerIds.0": "lb-00000000"})["TotalCount"] == 0
    for flat, code in (({"Limit": "x"}, "InvalidParameter"), ({"Limit": "101"},
                       "InvalidParameterValue.Range"), ({"Nonsense": "1"}, "UnknownParameter"),
                       ({"LoadBalancerIds.x": "1"}, "InvalidParameter"),
                       ({"LoadBalancerIds.5": "lb-00000000"}, "InvalidParameter"),
                       ({"Limit.0": "1"}, "InvalidParameter"),
                       ({"Filters.0.Nonsense": "1"}, "UnknownParameter"),
                       ({"Filters.0.Values.0": "1"}, "MissingParameter")):
        with pytest.raises(ApiError) as error:
            api.get("DescribeLoadBalancers", **flat)
        assert error.value.code in (code, "UnknownParameter"
                                    if "." in next(iter(flat)) else code), flat


def test_get_changes_too(setia, api):
    made = api.get("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1",
                   LoadBalancerName="b\u00e9 & c=d",
                   **{"Tags.0.TagKey": "k", "Tags.0.TagValue": "v"})
    api.wait(made["RequestId"])
    [balancer] = api.call("DescribeLoadBalancers",
                          LoadBalancerIds=made["LoadBalancerIds"])["LoadBalancerSet"]
    assert balancer["LoadBalancerName"] == "b\u00e9 & c=d"
    assert balancer["Tags"] == [{"TagKey": "k", "TagValue": "v"}]
    api.change("DeleteLoadBalancer", LoadBalancerIds=made["LoadBalancerIds"])


def test_raw_garbage_at_the_api_port(setia):
    from lib.wire import Connection
    for data in (b"\0" * 1000, b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", b"\x16\x03\x01"):
        with Connection(setia.port) as client:
            try:
                client.send(data)
                client.half_close()
            except ConnectionError:
                pass
            client.drain(within=1)
    setia.api.call("DescribeQuota")


def test_slow_callers_do_not_stop_the_others(setia):
    from lib.wire import Connection
    crowd = [Connection(setia.port) for _ in range(100)]
    try:
        for client in crowd:
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        start = time.monotonic()
        for _ in range(10):
            setia.api.call("DescribeQuota")
        assert time.monotonic() - start < 2 * SLOW
    finally:
        for client in crowd:
            client.close()


def test_more_callers_than_there_is_room(setia):
    from lib.wire import Connection
    crowd = []
    try:
        for _ in range(400):
            crowd.append(Connection(setia.port, timeout=1))
    except OSError:
        pass
    finally:
        for client in crowd:
            client.close()
    setia.wait_api(5)


def test_rate(make_setia):
    setia = make_setia(api_rate=None).start()
    codes = [setia.api.raw("DescribeListeners", b'{"LoadBalancerId":"lb-00000000"}').code
             for _ in range(60)]
    assert codes[:20] == ["InvalidParameter.LBIdNotFound"] * 20
    assert "RequestLimitExceeded" in codes[20:]
    # Another action has a rate of its own, and this one's comes back.
    assert setia.api.raw("DescribeQuota").code is None
    until(lambda: setia.api.raw("DescribeListeners", b'{"LoadBalancerId":"lb-00000000"}').code
          != "RequestLimitExceeded", 3, "the rate to come back", every=0.1)
    setia.stop()


# Unsupported and unknown actions


@pytest.mark.parametrize("action", [
    "AutoRewrite", "DescribeLBListeners",
    "DescribeClassicalLBListeners", "InquiryPriceCreateLoadBalancer",
    "RegisterFunctionTargets", "DescribeCrossTargets",
    "CreateClsLogSet", "CloneLoadBalancer", "AddCustomizedConfig",
    "SetLoadBalancerClsLog",
    "ReplaceCertForLoadBalancers", "DescribeModelRouters", "CreateKey", "ChatCompletions"])
def test_actions_of_the_model_that_are_not_built(api, action):
    answer = api.raw(action, b'{"Whatever": 1}')
    assert answer.code == "UnsupportedOperation"
    assert action in answer.message


@pytest.mark.parametrize("action", ["Nonsense", "RunInstances", "describeloadbalancers", "x" * 3000,
                                    "DescribeQuot", "DescribeQuotas", "Describe Quota",
                                    "DescribeQuota\xc3\xa9"])
def test_names_outside_the_model(api, action):
    assert api.raw(action).code == "InvalidAction"


# Tasks


def test_tasks(setia, api):
    made = api.call("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1")
    task = api.wait(made["RequestId"])
    assert task["Status"] == 0
    assert task["LoadBalancerIds"] == made["LoadBalancerIds"] and len(made["LoadBalancerIds"]) == 1
    assert "Message" in task
    assert task["RequestId"] != made["RequestId"]
    balancer = made["LoadBalancerIds"][0]
    gone = api.call("DeleteLoadBalancer", LoadBalancerIds=[balancer])
    assert api.wait(gone["RequestId"])["Status"] == 0
    for fields, code in (({}, "MissingParameter"), ({"TaskId": "x"}, "InvalidParameter"),
                         ({"TaskId": str(uuid.uuid4())}, "InvalidParameter"),
                         ({"TaskId": 5}, "InvalidParameter")):
        with pytest.raises(ApiError) as error:
            api.call("DescribeTaskStatus", **fields)
        assert error.value.code == code
    # A call that reads has no task.
    read = api.call("DescribeQuota")
    with pytest.raises(ApiError):
        api.call("DescribeTaskStatus", TaskId=read["RequestId"])


def test_tasks_outlive_a_restart(make_setia):
    setia = make_setia().start()
    made = setia.api.change("CreateLoadBalancer", LoadBalancerType="OPEN", Vip="127.0.0.1")
    setia.restart()
    task = setia.api.call("DescribeTaskStatus", TaskId=made["RequestId"])
    assert (task["Status"], task["LoadBalancerIds"]) == (0, made["LoadBalancerIds"])
    setia.stop()


def test_burst_of_changes_is_queued_not_refused(setia, api):
    balancer = setia.load_balancer()
    from lib.wait import free_port
    made = [api.call("CreateListener", LoadBalancerId=balancer, Ports=[free_port()],
                     Protocol="HTTP")["RequestId"] for _ in range(40)]
    for request_id in made:
        api.wait(request_id)
    assert api.call("DescribeListeners", LoadBalancerId=balancer)["TotalCount"] == 40
    api.change("DeleteLoadBalancer", LoadBalancerIds=[balancer])


def test_client_token(setia, api):
    fields = {"LoadBalancerType": "OPEN", "Vip": "127.0.0.1", "ClientToken": "token-1"}
    first = api.change("CreateLoadBalancer", **fields)
    second = api.call("CreateLoadBalancer", **fields)
    assert second["LoadBalancerIds"] == first["LoadBalancerIds"]
    count = api.call("DescribeLoadBalancers", LoadBalancerIds=first["LoadBalancerIds"])
    assert count["TotalCount"] == 1
    with pytest.raises(ApiError) as error:
        api.call("CreateLoadBalancer", **{**fields, "LoadBalancerName": "other"})
    assert error.value.code.startswith("InvalidParameter")
    with pytest.raises(ApiError) as error:
        api.call("CreateLoadBalancer", **{**fields, "ClientToken": "t" * 65})
    assert error.value.code.startswith("InvalidParameterValue")
    api.change("DeleteLoadBalancer", LoadBalancerIds=first["LoadBalancerIds"])


# Keys


def test_keys_work_and_stop_without_a_restart(setia, api):
    made = api.call("CreateApiKey")
    other = api.with_key(made["SecretId"], made["SecretKey"])
    other.call("DescribeQuota")
    listed = api.call("ListApiKeys")
    assert made["SecretKey"] not in json.dumps(listed)
    assert {key["SecretId"]: key["Enabled"] for key in listed["Keys"]}[made["SecretId"]] is True
    api.call("ModifyApiKey", SecretId=made["SecretId"], Enabled=False)
    with pytest.raises(ApiError) as error:
        other.call("DescribeQuota")
    assert error.value.code.startswith("AuthFailure.")
    api.call("ModifyApiKey", SecretId=made["SecretId"], Enabled=True)
    other.call("DescribeQuota")
    api.call("DeleteApiKey", SecretId=made["SecretId"])
    with pytest.raises(ApiError) as error:
        other.call("DescribeQuota")
    assert error.value.code == "AuthFailure.SecretIdNotFound"
    for action, fields in (("DeleteApiKey", {}), ("ModifyApiKey", {"Enabled": False})):
        with pytest.raises(ApiError) as error:
            api.call(action, SecretId=api.secret_id, **fields)
        assert error.value.code == "FailedOperation"
    with pytest.raises(ApiError):
        api.call("DeleteApiKey", SecretId="AKIDnobody")


def test_keys_survive_a_restart(make_setia):
    setia = make_setia().start()
    made = setia.api.call("CreateApiKey")
    setia.kill9("control")
    setia.wait_api()
    setia.api.with_key(made["SecretId"], made["SecretKey"]).call("DescribeQuota")
    setia.stop()
