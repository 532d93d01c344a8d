# SPDX-License-Identifier: Apache-2.0
"""The product under test: `setia run` in a directory of its own, its three processes, its end."""

import functools
import os
import re
import signal
import subprocess
import time

from lib.api import Api, ApiError
from lib.wait import SLOW, accepts, free_port, is_port_free, until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BINARY = os.path.abspath(os.environ.get("SETIA", os.path.join(ROOT, "build", "setia")))

SECRET_ID = "AKIDscenario0123456789"
SECRET_KEY = "scenarioSECRET0123456789scenario"

SANITIZER_REPORT = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:"
    r"|SUMMARY: \w+Sanitizer|ThreadSanitizer: |AddressSanitizer:")


@functools.cache
def sanitizer():
    """"address", "thread" or None: what the binary was built with."""
    listing = subprocess.run(["nm", "-D", "--undefined-only", BINARY], capture_output=True,
                             text=True, check=False).stdout
    listing += subprocess.run(["nm", BINARY], capture_output=True, text=True, check=False).stdout
    if "__asan_init" in listing:
        return "address"
    return "thread" if "__tsan_init" in listing else None


def command(*arguments, environment=None, timeout=20, stdin=None, directory=None):
    """Runs the binary to its end; returns the completed process with text output."""
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, input=stdin,
                          timeout=timeout * SLOW, check=False, cwd=directory,
                          env={**clean_environment(), **(environment or {})})


def clean_environment():
    """This process's environment without what would change the product's behaviour."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("SETIA", "FAKETIME"))}


def process_state(pid):
    """(state letter, threads, start time) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[17]), fields[19]


def processes_of(directory):
    """{role: [pid]} of all living `setia run|control|proxy` whose data directory this is."""
    found = {"run": [], "control": [], "proxy": []}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        role = words[1].decode("latin-1") if len(words) > 1 else ""
        state = process_state(name)
        if role in found and os.fsencode(directory) in words and state and state[0] != "Z":
            found[role].append(int(name))
    return found


class Setia:
    """One `setia run`. Made stopped; start() waits for its API."""

    def __init__(self, directory, *, workers=2, clock=None, arguments=(), environment=None,
                 api_rate=0, seed=True, port=None, binary=BINARY):
        self.binary = str(binary)
        self.directory = str(directory)
        self.data = os.path.join(self.directory, "data")
        self.log_path = os.path.join(self.directory, "log")
        self.workers, self.clock = workers, clock
        self.arguments, self.api_rate, self.seed = list(arguments), api_rate, seed
        self.environment = dict(environment or {})
        self.port = port or free_port()
        self.process = None
        self.spare = []
        self.known = {}
        now = clock.wall if clock else time.time
        self.api = Api(self.port, SECRET_ID, SECRET_KEY, now)

    # Life

    def spawn(self, arguments=()):
        """Starts the keeper without waiting for anything."""
        words = [self.binary, "run", "--data", self.data, "--api", f"127.0.0.1:{self.port}",
                 "--workers", str(self.workers)]
        if self.api_rate is not None:
            words += ["--api-rate", str(self.api_rate)]
        words += [*self.arguments, *arguments]
        environment = {**clean_environment(), **self.environment}
        if self.seed:
            environment.setdefault("SETIA_SECRET_ID", SECRET_ID)
            environment.setdefault("SETIA_SECRET_KEY", SECRET_KEY)
        if self.clock:
            environment["SETIA_CLOCK_FILE"] = self.clock.path
        log = open(self.log_path, "ab")
        with log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log,
                                            env=environment)
        return self

    def start(self, arguments=()):
        assert os.access(BINARY, os.X_OK), f"no binary at {BINARY}: build first, or set SETIA"
        self.spawn(arguments)
        if not self.seed:
            self.take_credentials()
        self.wait_api()
        # A child that was forked a moment ago still has its parent's command line.
        until(lambda: all(len(pids) == 1 for pids in self.pids().values()), 5, "one of each")
        return self

    def take_credentials(self):
        """Uses the key pair that the first start wrote."""
        path = os.path.join(self.data, "credentials")
        until(lambda: os.path.exists(path) and os.path.getsize(path) > 60, 5, path)
        with open(path, encoding="ascii") as file:
            values = dict(line.strip().split(" = ", 1) for line in file if " = " in line)
        self.api.secret_id, self.api.secret_key = values["secret_id"], values["secret_key"]

    def wait_api(self, seconds=10.0):
        until(self._is_answering, seconds, f"the API\n{self.log_tail()}")

    def _is_answering(self):
        if self.process.poll() is not None:
            raise AssertionError(f"setia ended with {self.process.returncode}\n{self.log_tail()}")
        try:
            self.api.call("DescribeQuota")
        except (OSError, ApiError):
            return False
        return True

    def stop(self, seconds=15.0):
        """Graceful end: exit code 0, no process left, no sanitizer report."""
        self.api.close()
        before = [pid for pids in self.pids().values() for pid in pids]
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"setia does not stop\n{self.log_tail()}") from None
        self.process = None
        assert code == 0, f"exit code {code}\n{self.log_tail()}"
        assert not any(self.pids().values()), f"left behind: {self.pids()} of {before}"
        self.check_log()

    def restart(self, arguments=()):
        self.stop()
        return self.start(arguments)

    def end(self):
        """For fixtures: whatever state the test left, nothing of it lives on."""
        self.api.close()
        try:
            if self.process and self.process.poll() is None:
                self.stop()
        finally:
            for pids in self.pids().values():
                for pid in pids:
                    try:
                        os.kill(pid, signal.SIGCONT)
                        os.kill(pid, signal.SIGKILL)
                    except OSError:
                        pass
            if self.process:
                self.process.wait()
        self.check_log()

    # Processes

    def pids(self):
        """{role: [pid]}. A killed process of which a thread has not ended yet counts: it has no
        command line any more, but still its sockets."""
        found = processes_of(self.data)
        for pid, (role, started) in list(self.known.items()):
            state = process_state(pid)
            if state is None or state[2] != started or state[0] == "Z" and state[1] <= 1:
                del self.known[pid]
            elif not any(pid in pids for pids in found.values()):
                found[role].append(pid)
        for role, pids in found.items():
            self.known.update({pid: (role, state[2]) for pid in pids
                               if (state := process_state(pid))})
        return found

    def pid(self, role):
        """The one living process of this role: "run", "control", "proxy"."""
        return until(lambda: self.pids()[role] if len(self.pids()[role]) == 1 else None, 2,
                     f"one {role}\n{self.log_tail()}")[0]

    def kill9(self, role):
        """Kills one process; returns its pid."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        if role == "run":
            self.process.wait()
        return pid

    def resident_kb(self, role="proxy"):
        with open(f"/proc/{self.pid(role)}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    # Log

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    def check_log(self):
        report = SANITIZER_REPORT.search(self.log())
        assert not report, f"sanitizer report:\n{self.log()[max(0, report.start() - 200):][:6000]}"

    # Configuration shortcuts, each waited for until it is live

    def borrow_balancer(self):
        """An instance without listeners. Deleting instances is limited to 30 in 5 minutes, so tests
        that need any instance give it back instead."""
        return self.spare.pop() if self.spare else self.load_balancer()

    def return_balancer(self, identity):
        for listener in self.api.call("DescribeListeners", LoadBalancerId=identity)["Listeners"]:
            self.api.call("DeleteListener", LoadBalancerId=identity,
                          ListenerId=listener["ListenerId"])
        self.spare.append(identity)

    def load_balancer(self, **fields):
        response = self.api.change("CreateLoadBalancer",
                                   **{"LoadBalancerType": "OPEN", "Vip": "127.0.0.1", **fields})
        return response["LoadBalancerIds"][0]

    def site(self, backends=(), *, weights=None, **rule):
        """An instance with one HTTP listener, one rule and its targets."""
        return Site(self, backends, weights, rule)


class Site:
    """Instance -> listener -> rule -> targets, and requests to it."""

    def __init__(self, setia, backends, weights, rule):
        self.setia, self.api = setia, setia.api
        self.port = free_port()
        self.load_balancer = setia.borrow_balancer()
        listener = {name: rule.pop(name) for name in ("KeepaliveEnable", "AccessLog", "AccessLogFormat")
                    if name in rule}
        self.listener = self.api.call(
            "CreateListener", LoadBalancerId=self.load_balancer, Ports=[self.port],
            Protocol="HTTP", **listener)["ListenerIds"][0]
        targets = [dict(backend.target if hasattr(backend, "target") else backend)
                   for backend in backends]
        for target, weight in zip(targets, weights or []):
            target["Weight"] = weight
        self.rule = self.add_rule(targets, **{"Url": "/", **rule})

    @property
    def ids(self):
        return {"LoadBalancerId": self.load_balancer, "ListenerId": self.listener}

    def add_rule(self, targets=(), **rule):
        """Without health checks unless the test asks for them: servers hear its clients alone."""
        rule.setdefault("HealthCheck", {"HealthSwitch": 0})
        response = self.api.call("CreateRule", **self.ids, Rules=[rule])
        location = response["LocationIds"][0]
        if targets:
            response = self.api.call("RegisterTargets", **self.ids, LocationId=location,
                                     Targets=list(targets))
        self.api.wait(response["RequestId"])
        return location

    def modify_rule(self, location=None, **fields):
        return self.api.change("ModifyRule", **self.ids, LocationId=location or self.rule, **fields)

    def register(self, *backends, location=None, weight=None):
        targets = [dict(backend.target) for backend in backends]
        for target in targets:
            if weight is not None:
                target["Weight"] = weight
        return self.api.change("RegisterTargets", **self.ids, LocationId=location or self.rule,
                               Targets=targets)

    def deregister(self, *backends, location=None):
        return self.api.change("DeregisterTargets", **self.ids, LocationId=location or self.rule,
                               Targets=[backend.target for backend in backends])

    def weight(self, backend, weight, location=None):
        return self.api.change("ModifyTargetWeight", **self.ids, LocationId=location or self.rule,
                               Targets=[backend.target], Weight=weight)

    def describe_rule(self, location=None):
        listeners = self.api.call("DescribeListeners", **{"LoadBalancerId": self.load_balancer}
                                  )["Listeners"]
        return next(rule for listener in listeners for rule in listener["Rules"]
                    if rule["LocationId"] == (location or self.rule))

    def connect(self, **options):
        from lib.wire import Connection
        return Connection(self.port, **options)

    def fetch(self, path="/", **options):
        from lib.wire import fetch
        return fetch(self.port, path, **options)

    def delete(self):
        self.setia.return_balancer(self.load_balancer)


__all__ = ["BINARY", "ROOT", "SECRET_ID", "SECRET_KEY", "Setia", "Site", "accepts", "command",
           "is_port_free", "processes_of", "sanitizer"]
