# SPDX-License-Identifier: Apache-2.0
"""Memory of a connection that was answered once and then keeps silent: growth of the proportional set size, the kernel's
sockets not counted."""

import os
import socket
import statistics

from peers import memory_bytes, raise_roof, say, start_peers

MOST = 6000
ROUNDS = 3
SHARE = 3  # of the descriptors: this process holds one per connection, some proxies more than two
REQUEST = b"GET / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n\r\n"


def ask(client):
    client.sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < size:
        body += client.recv(65536)


def fill(peer, count):
    """`count` silent connections; the growth of memory for each in bytes, when half of them came before."""
    clients = []
    try:
        for number in range(count):
            client = socket.create_connection(("127.0.0.1", peer.ports["PLAIN"]), 10)
            clients.append(client)
            ask(client)
            if number == count // 2 - 1:
                half = memory_bytes(peer.pid)
        return (memory_bytes(peer.pid) - half) / (count - count // 2)
    finally:
        for client in clients:
            client.close()


def run(binary, work, options):
    count = min(MOST, raise_roof() // SHARE)
    peers, figures = [], {}
    for turn in range(ROUNDS):
        # Started anew each time: memory once taken is used again, and would not show.
        place = os.path.join(work, str(turn))
        os.mkdir(place)
        peers = start_peers(binary, place)
        try:
            for peer in peers:
                say(f"idle: {peer.name}, {turn + 1} of {ROUNDS}")
                figures.setdefault(peer.name, []).append(fill(peer, count))
        finally:
            for peer in peers:
                peer.end()
    say("")
    print(f"\nIdle connections ({count})\n{'':14}" + "".join(f"{peer.name + ' B':>14}" for peer in peers))
    print(f"{'each':14}" + "".join(f"{statistics.median(figures[peer.name]):14.0f}" for peer in peers))
    print("Bytes of memory per silent keep-alive connection, the kernel's sockets not counted.")
