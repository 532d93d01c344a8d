# SPDX-License-Identifier: Apache-2.0
"""What a large configuration costs: 1,000 listeners of 10 rules of 10 servers (111,000 objects) applied as one YAML file to an
empty balancer, the same file again, one weight changed until every worker follows it, and the memory of the three processes."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenario"))

from lib.api import Api  # noqa: E402
from peers import cpu_seconds, family, say  # noqa: E402

INSTANCES, LISTENERS, RULES, TARGETS = 20, 50, 10, 10  # 50 listeners to an instance: its quota
CHANGES = 100  # timed ones
MORE_CHANGES = 1000  # after which memory is looked at again
API_PORT, FIRST_PORT = 28190, 29000
SECRET_ID, SECRET_KEY = "AKIDbench0123456789", "benchSECRET0123456789"
ROLES = {"run": "keeper", "control": "control", "proxy": "proxy"}


def config_text():
    lines = ["LoadBalancers:"]
    for number in range(INSTANCES * LISTENERS):
        if number % LISTENERS == 0:
            lines += [f"  - LoadBalancerName: b{number // LISTENERS}", "    Vip: 127.0.0.1", "    Listeners:"]
        lines += ["      - Protocol: HTTP", f"        Port: {FIRST_PORT + number}", "        Rules:"]
        for rule in range(RULES):
            lines += [f"          - Domain: d{rule}.example", "            Url: /", "            Targets:"]
            for target in range(TARGETS):
                lines += [f"              - EniIp: 127.{rule + 1}.{number % 250}.{target + 1}", "                Port: 80"]
    return "\n".join(lines) + "\n"


class Balancer:
    """One `setia run` without a configuration, and a client of its API."""

    def __init__(self, binary, work):
        environment = {**os.environ, "SETIA_SECRET_ID": SECRET_ID, "SETIA_SECRET_KEY": SECRET_KEY}
        with open(os.path.join(work, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [binary, "run", "--data", os.path.join(work, "data"), "--api", f"127.0.0.1:{API_PORT}", "--workers", "2",
                 "--api-rate", "0", "--log-level", "warning", "--grace", "1"], stdout=log, stderr=log, env=environment)
        self.api = Api(API_PORT, SECRET_ID, SECRET_KEY)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.api.call("DescribeQuota")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.end()
                    sys.exit("bench: setia does not answer")
                time.sleep(0.02)

    def timed(self, action, **fields):
        """(seconds until the answer, seconds until it is live, seconds of CPU until the answer, the answer)."""
        used, begin = cpu_seconds(self.process.pid), time.monotonic()
        answer = self.api.call(action, **fields)
        answered, used = time.monotonic() - begin, cpu_seconds(self.process.pid) - used
        self.api.wait(answer["RequestId"], 30)
        return answered, time.monotonic() - begin, used, answer

    def memory(self):
        """{role: resident bytes}"""
        found = {}
        for pid in family(self.process.pid):
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="latin-1")
            except OSError:
                continue
            role = ROLES.get(words[1].decode("latin-1") if len(words) > 1 else "")
            resident = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
            if role and resident:
                found[role] = int(resident.split()[1]) << 10
        return found

    def end(self):
        self.api.close()
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def one_target(api):
    """The fields of ModifyTargetWeight that name one server in the middle."""
    instances = api.call("DescribeLoadBalancers", Limit=100)["LoadBalancerSet"]
    instance = instances[len(instances) // 2]["LoadBalancerId"]
    listeners = api.call("DescribeListeners", LoadBalancerId=instance)["Listeners"]
    listener = listeners[len(listeners) // 2]
    rule = listener["Rules"][RULES // 2]["LocationId"]
    bound = api.call("DescribeTargets", LoadBalancerId=instance, ListenerIds=[listener["ListenerId"]])
    for candidate in bound["Listeners"][0]["Rules"]:
        if candidate["LocationId"] == rule:
            target = candidate["Targets"][TARGETS // 2]
            ip = target["PrivateIpAddresses"][0]
            return {"LoadBalancerId": instance, "ListenerId": listener["ListenerId"], "LocationId": rule,
                    "Targets": [{"EniIp": ip, "Port": target["Port"]}]}
    sys.exit("bench: the rule is gone")


def change(balancer, where, count):
    """Seconds until each of `count` changes was live, one after the other."""
    return [balancer.timed("ModifyTargetWeight", **where, Weight=10 + number % 90)[1] for number in range(count)]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def one_round(binary, work):
    text = config_text()
    balancer = Balancer(binary, work)
    try:
        empty = balancer.memory()
        say("control: applying")
        first = balancer.timed("ApplyConfiguration", Content=text)
        assert len(first[3]["Changes"]) > 100000, len(first[3]["Changes"])
        say("control: applying again")
        again = balancer.timed("ApplyConfiguration", Content=text)
        assert not again[3]["Changes"], again[3]["Changes"][:5]
        where = one_target(balancer.api)
        say("control: changing")
        change(balancer, where, 10)
        times = change(balancer, where, CHANGES)
        before = balancer.memory()
        change(balancer, where, MORE_CHANGES)
        return {"first": first[:3], "again": again[:3], "times": times, "empty": empty, "before": before,
                "after": balancer.memory()}
    finally:
        balancer.end()


def report(rounds):
    def median(of):
        return statistics.median(of(one) for one in rounds)

    times = [value * 1000 for one in rounds for value in one["times"]]
    print(f"\nControl ({INSTANCES * LISTENERS:,} listeners x {RULES} rules x {TARGETS} servers, medians of {len(rounds)})")
    print(f"{'apply, answered':28}{median(lambda one: one['first'][0]):10.2f} s"
          f"{median(lambda one: one['first'][2]):10.2f} s of CPU")
    print(f"{'apply, live':28}{median(lambda one: one['first'][1]):10.2f} s")
    print(f"{'the same file again':28}{median(lambda one: one['again'][0]):10.2f} s"
          f"{median(lambda one: one['again'][2]):10.2f} s of CPU")
    print(f"{'one weight, live: median':28}{statistics.median(times):10.1f} ms")
    print(f"{'                  p99':28}{percentile(times, 0.99):10.1f} ms")
    print(f"\n{'resident MB':14}{'empty':>10}{'full':>10}{'later':>10}")
    for role in ROLES.values():
        line = "".join(f"{median(lambda one, when=when: one[when].get(role, 0)) / 1e6:10.1f}"
                       for when in ("empty", "before", "after"))
        print(f"{role:14}{line}")
    print(f"later: after {MORE_CHANGES:,} more changes. Live: until every worker follows it, seen through the API every 3 ms.")


def run(binary, work, options):
    rounds = []
    for number in range(min(options.rounds, 3)):
        place = os.path.join(work, str(number))
        os.mkdir(place)
        rounds.append(one_round(binary, place))
    say("")
    report(rounds)
