# SPDX-License-Identifier: Apache-2.0
"""CPU per request with 10, 100, 1,000 and 10,000 rules in force: what a large site costs those who ask for a small part of
it. A listener takes 50 rules, an instance 50 listeners, so that is how many there are of those."""

import statistics

from peers import ORIGINS, Peer, cpu_seconds, in_turns, say, setia_command, wrk, write

COUNTS = (10, 100, 1000, 10000)
RULES_PER_LISTENER = 50
LISTENERS_PER_INSTANCE = 50
ASKED = 10  # rules that are asked for in turn, of the last listener
CONNECTIONS = 64


def rule_words(number):
    """(domain, URL) of a rule: a third each exact, *.domain and domain.*; every tenth URL is a regular expression."""
    pair = number // 2
    domain = (f"d{pair}.example", f"*.w{pair}.example", f"t{pair}.*")[pair % 3]
    return domain, "/" if number % 2 else "~^/path/[a-z]+$" if pair % 5 == 0 else "/path/"


def listener_text(port, first, count):
    lines = [f"      - {{ ListenerName: l{port}, Protocol: HTTP, Port: {port}, Rules: ["]
    for number in range(first, first + count):
        targets = ", ".join(f"{{ EniIp: 127.0.0.1, Port: {port} }}" for port in ORIGINS.values())
        domain, url = rule_words(number)
        lines.append(f"          {{ Domain: '{domain}', Url: '{url}', Targets: [{targets}] }},")
    return lines + ["        ] }"]


def config_text(count, base):
    """(YAML, port of the last listener, number of the first rule that is there)."""
    lines, port, first = ["LoadBalancers:"], base, 0
    while first < count:
        if (port - base) % LISTENERS_PER_INSTANCE == 0:
            lines += [f"  - LoadBalancerName: b{port}", "    Vip: 127.0.0.1", "    Listeners:"]
        share = min(RULES_PER_LISTENER, count - first)
        lines += listener_text(port, first, share)
        port, first = port + 1, first + share
    return "\n".join(lines) + "\n", port - 1, count - min(RULES_PER_LISTENER, count)


def run(binary, work, options):
    peers, firsts, figures = [], {}, {count: [] for count in COUNTS}
    try:
        for number, count in enumerate(COUNTS):
            text, last, first = config_text(count, 28200 + 300 * number)
            peers.append(Peer(str(count), {"LAST": last}, work, setia_command(
                binary, lambda peer, text=text: write("setia.yaml", peer.work, text), 28190 + number)))
            firsts[count] = first
            wrk(last, "rules.lua", 1, CONNECTIONS, [str(first), str(ASKED)])  # warm
        for turn in range(options.rounds):
            say(f"rules: slice {turn + 1} of {options.rounds}")
            for peer in in_turns(peers, turn):
                before = cpu_seconds(peer.pid)
                got = wrk(peer.ports["LAST"], "rules.lua", options.seconds, CONNECTIONS,
                          [str(firsts[int(peer.name)]), str(ASKED)])
                figures[int(peer.name)].append((cpu_seconds(peer.pid) - before) * 1e6 / max(got["requests"], 1))
    finally:
        for peer in peers:
            peer.end()
    say("")
    print(f"\nRules\n{'in force':14}{'setia µs':>14}{'/ with 10':>18}")
    for count in COUNTS:
        ratios = [ours / few for ours, few in zip(figures[count], figures[COUNTS[0]])]
        print(f"{count:<14}{statistics.median(figures[count]):14.1f}{statistics.median(ratios):18.2f}")
    print("CPU microseconds per request. Half of the rules name a path, a tenth by a regular expression; domains are exact,\n"
          "*.domain and domain.* by turns.")
