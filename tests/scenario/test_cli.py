# SPDX-License-Identifier: Apache-2.0
"""The command line: apply, explain, key, cookie-key, help and version, exit codes, credentials."""

import os
import re
import socket
import stat
import subprocess
import threading
import time

import pytest

from lib.api import ApiError
from lib.setia import BINARY, SECRET_ID, SECRET_KEY, command
from lib.shape import must_issue, pair_of, servers
from lib.wait import SLOW, accepts, free_port, until
from lib.wire import Connection, fetch


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A product whose clock is not shifted: the commands sign with the machine's."""
    from lib.setia import Setia
    setia = Setia(tmp_path_factory.mktemp("cli"))
    try:
        yield setia.start()
        setia.stop()
    finally:
        setia.end()


def run(setia, *arguments, stdin=None, environment=None):
    """A command that talks to this product's API with its credentials file."""
    return command(*arguments, "--api", f"http://127.0.0.1:{setia.port}", "--data", setia.data,
                   stdin=stdin, environment=environment)


def api_key_environment():
    return {"SETIA_SECRET_ID": SECRET_ID, "SETIA_SECRET_KEY": SECRET_KEY}


# Help, version, exit codes


COMMANDS = ["run", "apply", "explain", "key", "cookie-key", "version", "help", "demo-server",
            "demo-echo"]


def test_version_and_help():
    done = command("version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout)
    assert command("--version").stdout == done.stdout
    for words in (["help"], ["--help"], ["-h"]):
        done = command(*words)
        assert done.returncode == 0 and done.stderr == ""
        for name in ("run", "apply", "explain", "key", "version", "help"):
            assert re.search(rf"^\s+{name}\b", done.stdout, re.M), name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name):
    help_ = command("help", name)
    option = command(name, "--help")
    assert help_.returncode == option.returncode == 0
    assert help_.stdout == option.stdout and f"setia {name}" in option.stdout
    assert help_.stderr == option.stderr == ""


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["help", "nonsense"], ["run"], ["run", "--nonsense"],
    ["run", "--data", "x", "--api", "nonsense"], ["run", "--data", "x", "--workers", "0"],
    ["run", "--data", "x", "--workers", "x"], ["run", "--data", "x", "--log-level", "loud"],
    ["run", "--data", "x", "--grace", "-1"], ["run", "--data", "x", "--default-vip", "x"],
    ["run", "--data", "x", "extra"], ["run", "--data"], ["apply"], ["apply", "a", "b"],
    ["apply", "--nonsense", "x"], ["apply", "x", "--wait", "soon"], ["explain"], ["explain", "GET"],
    ["key"], ["key", "nonsense"], ["key", "delete"], ["key", "list", "extra"], ["cookie-key"],
    ["cookie-key", "nonsense"], ["version", "extra"], ["demo-server"],
    ["demo-server", "--listen", "x", "--name", "y"],
    ["demo-echo"], ["demo-echo", "--listen", "x", "--name", "y"],
])
def test_misuse_is_exit_code_2_with_text_on_stderr(words, tmp_path):
    done = command(*words, directory=tmp_path)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stderr and done.stdout == ""
    assert os.listdir(tmp_path) == [], "nothing is made by a command that was not understood"


# Credentials


def test_first_start_makes_a_key_pair(make_setia):
    setia = make_setia(seed=False)
    setia.start()
    path = os.path.join(setia.data, "credentials")
    mode = os.stat(path)
    assert stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == os.geteuid()
    assert len(setia.api.secret_id) >= 20 and len(setia.api.secret_key) >= 32
    assert setia.api.secret_key not in setia.log()
    for name in ("setia.db", "snapshot"):
        full = os.path.join(setia.data, name)
        if os.path.exists(full):
            assert stat.S_IMODE(os.stat(full).st_mode) & 0o077 == 0, name
    pair = (setia.api.secret_id, setia.api.secret_key)
    setia.restart()
    assert (setia.api.secret_id, setia.api.secret_key) == pair
    # A file the operator took away is not written again.
    os.unlink(path)
    setia.stop()
    setia.seed = True
    setia.start()
    assert not os.path.exists(path)
    with pytest.raises(ApiError) as error:
        setia.api.with_key(SECRET_ID, SECRET_KEY).call("DescribeQuota")
    assert error.value.code == "AuthFailure.SecretIdNotFound", "seeds count at the first start only"
    setia.stop()


def test_seeded_keys(plain):
    with open(os.path.join(plain.data, "credentials"), encoding="ascii") as file:
        text = file.read()
    assert text == f"secret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n"


# apply


def configuration(port, pair, session=0, extra="", name="web", weights=(10, 10)):
    one, two = pair
    return f"""# The whole truth about the instance "{name}".
LoadBalancers:
  - LoadBalancerName: {name}
    Vip: 127.0.0.1
    Listeners:
      - Protocol: HTTP
        Port: {port}
        ListenerName: front
        Rules:
          - Url: /
            SessionExpireTime: {session}
            Targets:
              - {{EniIp: 127.0.0.1, Port: {one.port}, Weight: {weights[0]}}}
              - {{EniIp: 127.0.0.1, Port: {two.port}, Weight: {weights[1]}}}
{extra}"""


def apply(setia, path, text, *arguments):
    path.write_text(text)
    return run(setia, "apply", str(path), *arguments)


def test_apply_creates_changes_and_deletes_only_what_differs(plain, pair, tmp_path):
    path, port = tmp_path / "setia.yaml", free_port()
    site = plain.site(pair)
    done = apply(plain, path, configuration(port, pair, 1000))
    assert done.returncode == 0, done.stderr
    assert "web" in done.stdout and str(port) in done.stdout
    # Live when the command returns.
    first = fetch(port)
    cookie = pair_of(must_issue(first))
    assert servers(fetch(port, cookie=cookie) for _ in range(4)) == {first.text: 4}

    done = apply(plain, path, configuration(port, pair, 1000))
    assert done.returncode == 0 and done.stdout.startswith("0 changes"), done.stdout

    # Targets that stay keep their identity: the cookie still counts after other changes.
    extra = f"""          - Url: /new
            Domain: a.example
            Targets: [{{EniIp: 127.0.0.1, Port: {pair[0].port}}}]
"""
    weights = (20, 10)
    done = apply(plain, path, configuration(port, pair, 500, extra, weights=weights))
    assert done.returncode == 0, done.stderr
    assert servers(fetch(port, cookie=cookie) for _ in range(4)) == {first.text: 4}
    assert fetch(port, "/new/x", host="a.example").text == "one"
    done = apply(plain, path, configuration(port, pair, 500, weights=weights))
    assert done.returncode == 0
    [balancer] = plain.api.call("DescribeLoadBalancers", LoadBalancerName="web")["LoadBalancerSet"]
    [listener] = plain.api.call("DescribeListeners", LoadBalancerId=balancer["LoadBalancerId"]
                                )["Listeners"]
    assert [rule["Url"] for rule in listener["Rules"]] == ["/"]
    assert listener["ListenerName"] == "front"
    # Another port: the listener is replaced. What the file does not name stays.
    moved = free_port()
    done = apply(plain, path, configuration(moved, pair, 500))
    assert done.returncode == 0, done.stderr
    assert accepts(moved)
    until(lambda: not accepts(port), 2, "the old port to be closed")
    assert site.fetch().status == 200
    site.delete()


def test_dry_run_prints_and_changes_nothing(plain, pair, tmp_path):
    path, port = tmp_path / "setia.yaml", free_port()
    before = plain.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
    done = apply(plain, path, configuration(port, pair, name="dry"), "--dry-run")
    assert done.returncode == 0 and "dry" in done.stdout and str(port) in done.stdout
    assert plain.api.call("DescribeLoadBalancers")["LoadBalancerSet"] == before
    assert not accepts(port)
    real = apply(plain, path, configuration(port, pair, name="dry"))
    changes = [line for line in real.stdout.splitlines() if not re.match(r"\d+ change", line)]
    assert changes == [line for line in done.stdout.splitlines()
                       if not re.match(r"\d+ change", line)]


def test_apply_from_stdin(plain, pair):
    port = free_port()
    done = run(plain, "apply", "-", stdin=configuration(port, pair, name="stdin"))
    assert done.returncode == 0, done.stderr
    assert fetch(port).status == 200


@pytest.mark.parametrize("change, line, field", [
    (lambda text: text.replace("SessionExpireTime: 0", "SessionExpireTime: 29"), 11,
     "SessionExpireTime"),
    (lambda text: text.replace("SessionExpireTime: 0", "SessionExpireTime: soon"), 11,
     "SessionExpireTime"),
    (lambda text: text.replace("Url: /", "Url: x"), 10, "Url"),
    (lambda text: text.replace("          - Url: /", "          - Nonsense: /"), 10, "Nonsense"),
    (lambda text: text.replace("Weight: 10}", "Weight: 101}", 1), 13, "Weight"),
    (lambda text: text.replace("EniIp: 127.0.0.1", "EniIp: nowhere", 1), 13, "EniIp"),
    (lambda text: text.replace("Protocol: HTTP", "Protocol: FTP"), 6, "Protocol"),
    (lambda text: text.replace("Protocol: HTTP", "Protocol: HTTPS"), 6, "Protocol"),
    (lambda text: text.replace("        Port:", "        Port: 1\n        Port:"), 8, "Port"),
    (lambda text: text.replace("Vip: 127.0.0.1", "Vip: 192.0.2.1"), 4, "Vip"),
    (lambda text: text.replace("LoadBalancerName: bad", "LoadBalancerName: &a bad"), 3, ""),
    (lambda text: text.replace("    Vip:", "   Vip:"), 4, ""),
    (lambda text: text.replace("LoadBalancers:", "LoadBalancers: ["), None, ""),
    (lambda text: text.replace("SessionExpireTime: 0",
                               "SessionExpireTime: 60\n            Scheduler: LEAST_CONN"), None,
     "Scheduler"),
])
def test_errors_name_file_line_and_field(plain, pair, tmp_path, change, line, field):
    path, port = tmp_path / "bad.yaml", free_port()
    text = configuration(port, pair, name="bad")
    assert change(text) != text
    before = plain.api.call("DescribeLoadBalancers")["LoadBalancerSet"]
    done = apply(plain, path, change(text))
    assert done.returncode == 1, done.stdout
    found = re.search(r"bad\.yaml:(\d+):", done.stderr)
    assert found, done.stderr
    if line:
        assert int(found.group(1)) == line, done.stderr
    assert field in done.stderr
    assert plain.api.call("DescribeLoadBalancers")["LoadBalancerSet"] == before
    assert not accepts(port)


def test_one_error_applies_nothing_of_a_file(plain, pair, tmp_path):
    path, good, bad = tmp_path / "both.yaml", free_port(), free_port()
    text = configuration(good, pair, name="good") + configuration(bad, pair, name="worse").replace(
        "LoadBalancers:\n", "").replace("Weight: 10", "Weight: 1000")
    done = apply(plain, path, text)
    assert done.returncode == 1
    assert plain.api.call("DescribeLoadBalancers", LoadBalancerName="good")["TotalCount"] == 0
    assert not accepts(good)


def test_yaml_bombs_and_junk_are_refused(plain, tmp_path):
    path = tmp_path / "bomb.yaml"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12))
    for text in (bomb, "[" * 5000, "\0\0\0", "LoadBalancers: " + "{a: " * 3000, "- " * 100000, "x",
                 "", "LoadBalancers: 5", "{}", "\ufeff%YAML 9.9\n---\n"):
        start = time.monotonic()
        done = apply(plain, path, text)
        assert done.returncode in (0, 1), done.stderr
        assert done.returncode == 1 or text in ("", "{}")
        assert time.monotonic() - start < 5 * SLOW
    plain.api.call("DescribeQuota")


def test_a_task_that_fails_is_exit_code_1(plain, pair, make_backend, tmp_path):
    taken = make_backend("taken")
    done = apply(plain, tmp_path / "x.yaml", configuration(taken.port, pair, name="blocked"))
    assert done.returncode == 1
    assert str(taken.port) in done.stderr and "in use" in done.stderr.lower()
    [balancer] = plain.api.call("DescribeLoadBalancers", LoadBalancerName="blocked"
                                )["LoadBalancerSet"]
    plain.api.change("DeleteLoadBalancer", LoadBalancerIds=[balancer["LoadBalancerId"]])


def test_errors_before_the_api(plain, tmp_path):
    done = run(plain, "apply", str(tmp_path / "missing.yaml"))
    assert done.returncode == 1 and "missing.yaml" in done.stderr
    path = tmp_path / "x.yaml"
    path.write_text("{}")
    done = command("apply", str(path), "--api", f"http://127.0.0.1:{free_port()}",
                   "--data", plain.data)
    assert done.returncode == 1 and "127.0.0.1" in done.stderr
    done = command("apply", str(path), "--api", f"http://127.0.0.1:{plain.port}",
                   "--data", str(tmp_path))
    assert done.returncode == 1 and "credentials" in done.stderr
    done = command("apply", str(path), "--api", f"http://127.0.0.1:{plain.port}",
                   environment={"SETIA_SECRET_ID": "AKIDnobody", "SETIA_SECRET_KEY": "x"})
    assert done.returncode == 1 and "AuthFailure.SecretIdNotFound" in done.stderr


# key, cookie-key


def test_key_commands(plain):
    made = run(plain, "key", "create")
    assert made.returncode == 0, made.stderr
    values = dict(re.findall(r"^(secret_id|secret_key) = (\S+)$", made.stdout, re.M))
    other = plain.api.with_key(values["secret_id"], values["secret_key"])
    other.call("DescribeQuota")
    listed = run(plain, "key", "list")
    assert values["secret_id"] in listed.stdout and SECRET_ID in listed.stdout
    assert values["secret_key"] not in listed.stdout
    assert run(plain, "key", "disable", values["secret_id"]).returncode == 0
    with pytest.raises(ApiError):
        other.call("DescribeQuota")
    assert run(plain, "key", "enable", values["secret_id"]).returncode == 0
    other.call("DescribeQuota")
    assert run(plain, "key", "delete", values["secret_id"]).returncode == 0
    assert values["secret_id"] not in run(plain, "key", "list").stdout
    last = run(plain, "key", "delete", SECRET_ID)
    assert last.returncode == 1 and "FailedOperation" in last.stderr
    missing = run(plain, "key", "delete", "AKIDnobody")
    assert missing.returncode == 1 and missing.stderr


def test_credentials_come_from_file_or_environment(plain, tmp_path):
    api = f"http://127.0.0.1:{plain.port}"
    done = command("key", "list", "--api", api, environment=api_key_environment())
    assert done.returncode == 0, done.stderr
    path = tmp_path / "mine"
    path.write_text(f"secret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n")
    done = command("key", "list", "--api", api, "--credentials", str(path))
    assert done.returncode == 0, done.stderr
    path.write_text("nonsense\n")
    done = command("key", "list", "--api", api, "--credentials", str(path))
    assert done.returncode == 1 and str(path) in done.stderr


def test_cookie_key_rotation(plain, pair):
    site = plain.site(pair, SessionExpireTime=1000)
    first = site.fetch()
    done = run(plain, "cookie-key", "rotate")
    assert done.returncode == 0, done.stderr
    answers = [site.fetch(cookie=pair_of(must_issue(first))) for _ in range(4)]
    assert servers(answers) == {first.text: 4}
    site.delete()


# demo-server


def test_demo_server():
    port = free_port()
    process = subprocess.Popen([BINARY, "demo-server", "--listen", f"127.0.0.1:{port}",
                                "--name", "blue"], stderr=subprocess.PIPE)
    try:
        until(lambda: accepts(port), 5, "the demo server")
        with Connection(port) as client:
            for _ in range(3):
                got = client.get("/some/path?x=1")
                assert got.status == 200 and b"blue" in got.body and b"/some/path" in got.body
                assert got.one("X-Server") == "blue"
            assert client.request("HEAD", "/").status == 200
            assert client.request("POST", "/", body=b"x" * 100000).status == 200
            client.send("GARBAGE\r\n\r\n")
            assert client.drain()[1]
        process.terminate()
        assert process.wait(5 * SLOW) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


def test_demo_echo():
    port = free_port()
    process = subprocess.Popen([BINARY, "demo-echo", "--listen", f"127.0.0.1:{port}",
                                "--name", "green"], stderr=subprocess.PIPE)
    try:
        until(lambda: accepts(port), 5, "the demo server")
        with socket.create_connection(("127.0.0.1", port), timeout=5 * SLOW) as client:
            lines = client.makefile("rwb")
            assert lines.readline() == b"green\n"
            for size in (1, 10, 100_000):
                sent = b"x" * size + b"\n"
                writer = threading.Thread(target=client.sendall, args=(sent,))
                writer.start()
                assert lines.readline() == sent
                writer.join()
            client.shutdown(socket.SHUT_WR)
            assert lines.readline() == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5 * SLOW)
            client.connect(("127.0.0.1", port))
            for sent in (b"hello", b"", b"y" * 60_000):
                client.send(sent)
                assert client.recv(65536) == b"green: " + sent
        process.terminate()
        assert process.wait(5 * SLOW) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()
