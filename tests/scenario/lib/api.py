# SPDX-License-Identifier: Apache-2.0
"""A client of the control API: TC3-HMAC-SHA256 signing by hand, raw calls, typed errors, tasks."""

import hashlib
import hmac
import http.client
import json
import time
import urllib.parse

from lib.wait import SLOW, until

VERSION = "2018-03-17"
ALGORITHM = "TC3-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"


class ApiError(Exception):
    def __init__(self, code, message, request_id):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.request_id = code, message, request_id


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(secret_id, secret_key, *, method, query, headers, payload, timestamp,
                  signed=("content-type", "host"), service="clb"):
    """The Authorization value. `headers` has lower-case names; `payload` is what is hashed."""
    date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    canonical = "\n".join([method, "/", query, canonical_headers, ";".join(signed),
                           hashlib.sha256(payload).hexdigest()])
    scope = f"{date}/{service}/tc3_request"
    to_sign = "\n".join([ALGORITHM, str(timestamp), scope,
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = _hmac(_hmac(_hmac(("TC3" + secret_key).encode(), date), service), "tc3_request")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return (f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={';'.join(signed)}, "
            f"Signature={signature}")


class Answer:
    """A raw HTTP answer of the API."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def response(self):
        tree = json.loads(self.body)
        assert list(tree) == ["Response"], tree
        return tree["Response"]

    @property
    def code(self):
        return self.response.get("Error", {}).get("Code")

    @property
    def message(self):
        return self.response.get("Error", {}).get("Message")


class Api:
    """Calls to one endpoint with one key. `now` is the wall clock to sign with."""

    def __init__(self, port, secret_id, secret_key, now=time.time, ip="127.0.0.1"):
        self.port, self.ip = port, ip
        self.secret_id, self.secret_key = secret_id, secret_key
        self.now = now
        self._connection = None

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def with_key(self, secret_id, secret_key):
        return Api(self.port, secret_id, secret_key, self.now, self.ip)

    def exchange(self, method, path, body, headers):
        """One HTTP exchange as given; a kept connection that the server closed is opened anew."""
        for attempt in (1, 2):
            is_new = self._connection is None
            if is_new:
                self._connection = http.client.HTTPConnection(self.ip, self.port,
                                                              timeout=10 * SLOW)
            try:
                self._connection.putrequest(method, path, skip_host=True,
                                            skip_accept_encoding=True)
                for name, value in headers.items():
                    self._connection.putheader(name, value)
                if body is not None and "Content-Length" not in headers:
                    self._connection.putheader("Content-Length", str(len(body)))
                self._connection.endheaders(body)
                got = self._connection.getresponse()
                answer = Answer(got.status, got.headers, got.read())
                if got.will_close:
                    self.close()
                return answer
            except (OSError, http.client.HTTPException):
                self.close()
                if is_new or attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def raw(self, action, body=b"{}", *, method="POST", query="", host=None, signed_host=None,
            version=VERSION, timestamp=None, service="clb", region="local-1", extra=None,
            signed=("content-type", "host"), drop=(), unsigned_payload=False, authorize=None,
            content_type=None):
        """One call with every part open to change. `drop` leaves headers out after signing."""
        timestamp = int(self.now()) if timestamp is None else timestamp
        host = host or f"{self.ip}:{self.port}"
        if content_type is None:
            content_type = ("application/json" if method == "POST"
                            else "application/x-www-form-urlencoded")
        headers = {"Host": host, "Content-Type": content_type, "X-TC-Timestamp": str(timestamp)}
        if action is not None:
            headers["X-TC-Action"] = action
        if version is not None:
            headers["X-TC-Version"] = version
        if region is not None:
            headers["X-TC-Region"] = region
        headers.update(extra or {})
        payload = body if method == "POST" else b""
        if unsigned_payload:
            headers["X-TC-Content-SHA256"] = UNSIGNED
            payload = UNSIGNED.encode()
        if authorize is None:
            lower = {name.lower(): value for name, value in headers.items()}
            lower["host"] = signed_host or host
            authorize = authorization(self.secret_id, self.secret_key, method=method, query=query,
                                      headers=lower, payload=payload, timestamp=timestamp,
                                      signed=signed, service=service)
        headers["Authorization"] = authorize
        for name in drop:
            headers.pop(name, None)
        path = "/" + ("?" + query if query else "")
        return self.exchange(method, path, body if method == "POST" else None, headers)

    @staticmethod
    def _checked(answer):
        assert answer.status == 200, (answer.status, answer.body[:200])
        assert answer.headers["Content-Type"] == "application/json", answer.headers["Content-Type"]
        response = answer.response
        assert response["RequestId"], response
        if "Error" in response:
            raise ApiError(response["Error"]["Code"], response["Error"]["Message"],
                           response["RequestId"])
        return response

    def call(self, action, **fields):
        """The Response object, or ApiError."""
        return self._checked(self.raw(action, json.dumps(fields).encode()))

    def get(self, action, **flat):
        """The same by GET; names as flattened ("Ports.0"), values as text."""
        query = urllib.parse.urlencode(flat)
        return self._checked(self.raw(action, method="GET", query=query))

    def wait(self, request_id, seconds=5.0, status=0):
        """Waits until the task has ended; it must have ended as `status` (0 done, 1 failed)."""
        task = until(lambda: self._task_ended(request_id), seconds, f"task {request_id}",
                     every=0.003)
        assert task["Status"] == status, task
        return task

    def _task_ended(self, request_id):
        task = self.call("DescribeTaskStatus", TaskId=request_id)
        return task if task["Status"] != 2 else None

    def change(self, action, **fields):
        """A changing call that is waited for until it is live."""
        response = self.call(action, **fields)
        self.wait(response["RequestId"])
        return response
