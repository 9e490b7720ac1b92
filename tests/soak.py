#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""soak: minutes of mixed abuse, after which the gateway must be as small and as well as before.

    tests/soak.py [--seconds N] [--clients N] [--seed N]        `make soak`

Clients do at random what clients should not: attacks, abandoned heads and bodies, resets, slow reading, upstreams
that break off. One well-behaved client asks all the time, and must always be answered. Memory is the resident set
of the process: over the last third of the run it must not stand above the third before it, and when the abuse is
over, the descriptors are those from before.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gatehouse import DATA, Gateway
from upstream import OK_ANSWER, Upstream
from wire import Connection, Malformed, Request, Truncated, wait_until

SAMPLE_SECONDS = 2
ALLOWED_GROWTH = 1.02, 1 << 20  # a factor, and bytes above it
CANARY = b"GET /public/ok HTTP/1.1\r\nHost: gw.test\r\n\r\n"
CONFIG = """
listeners:
  main:
    address: 127.0.0.1:0
    limits: { body: 1MiB, header_timeout: 2s, body_timeout: 2s, idle_timeout: 3s }
upstreams:
  app:
    endpoints: ["%s"]
    timeouts: { connect: 1s, response: 2s, idle: 2s }
apis:
  public: { hosts: [gw.test], path: /public, methods: [GET, HEAD, POST], upstream: app }
log: { access: { to: "off" } }
"""

CLIENT_ATTACKS = [case["raw"].encode("latin-1") for case in json.loads((DATA / "attacks.json").read_text())]
UPSTREAM_ATTACKS = [case["raw"].encode("latin-1") for case in json.loads((DATA / "upstream-attacks.json").read_text())]

Chance = random.Random
Behaviour = Callable[[Connection, Chance], None]


def answer(request: Request) -> bytes | None:
    """What the upstream says; the target names it."""
    what, _, number = request.target.removeprefix("/public/").partition("/")
    if what == "size":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (int(number), b"x" * int(number))
    if what == "attack":
        return UPSTREAM_ATTACKS[int(number)]
    return None if what == "close" else OK_ANSWER


def request_for(path: str, fields: str = "") -> bytes:
    """A GET of that path."""
    return f"GET /public/{path} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n".encode()


def read_a_little(connection: Connection, chance: Chance) -> None:
    """Some of what comes, and then no more."""
    connection.socket.settimeout(0.3)
    try:
        for _ in range(chance.randrange(4)):
            connection.socket.recv(chance.randrange(1, 65536))
    except OSError:
        pass  # the gateway was right to give up on us


# What clients do. Each has a connection of its own, which is closed or reset after it.


def attack(connection: Connection, chance: Chance) -> None:
    """Bytes that nobody should send."""
    data = chance.choice(CLIENT_ATTACKS)
    chance.choice([connection.send, connection.send_bytewise])(data)
    read_a_little(connection, chance)


def abandon_head(connection: Connection, chance: Chance) -> None:
    """Half a head."""
    data = request_for("ok", "X: " + "y" * chance.randrange(4000) + "\r\n")
    connection.send(data[:chance.randrange(len(data))])


def dawdle(connection: Connection, chance: Chance) -> None:
    """A head byte by byte until the gateway has had enough."""
    connection.socket.settimeout(10)
    for byte in request_for("ok", "X: " + "y" * 100)[:-2]:
        if not connection.send(bytes([byte])):
            return
        time.sleep(0.02)


def abandon_body(connection: Connection, chance: Chance) -> None:
    """Less body than was promised."""
    size = chance.randrange(1, 500_000)
    head = f"POST /public/ok HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {size}\r\n\r\n".encode()
    connection.send(head + b"b" * chance.randrange(size))


def abandon_chunks(connection: Connection, chance: Chance) -> None:
    """Chunks without a last one."""
    connection.send(b"POST /public/ok HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.send_pieces([b"1000\r\n" + b"c" * 4096 + b"\r\n"] * chance.randrange(20))


def abandon_answer(connection: Connection, chance: Chance) -> None:
    """Leaves in the middle of a large answer."""
    connection.send(request_for(f"size/{chance.randrange(1, 4_000_000)}"))
    read_a_little(connection, chance)


def provoke_upstream(connection: Connection, chance: Chance) -> None:
    """Has the upstream answer with garbage."""
    connection.send(request_for(f"attack/{chance.randrange(len(UPSTREAM_ATTACKS))}"))
    read_a_little(connection, chance)


def pipeline(connection: Connection, chance: Chance) -> None:
    """Many requests at once, of which it reads a few answers."""
    connection.send(CANARY * chance.randrange(1, 200))
    read_a_little(connection, chance)


def behave(connection: Connection, chance: Chance) -> None:
    """What all should do."""
    for _ in range(chance.randrange(1, 20)):
        connection.send(request_for(chance.choice(["ok", "size/1024", "size/100000", "close"])))
        if connection.read_answer().status not in (200, 502):
            return


BEHAVIOURS: list[Behaviour] = [attack, abandon_head, dawdle, abandon_body, abandon_chunks, abandon_answer,
                               provoke_upstream, pipeline, behave]


class Soak:
    """One run."""

    def __init__(self, gateway: Gateway, seconds: float, clients: int, seed: int):
        self.gateway = gateway
        self.end = time.monotonic() + seconds
        self.seed = seed
        self.counts: Counter[str] = Counter()
        self.canary_answers = 0
        self.slowest = 0.0
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self.abuse, args=(number,)) for number in range(clients)]
        self.threads.append(threading.Thread(target=self.ask))

    def abuse(self, number: int) -> None:
        """One client after the other."""
        chance = random.Random(self.seed * 1000 + number)
        while time.monotonic() < self.end:
            behaviour = chance.choice(BEHAVIOURS)
            self.counts[behaviour.__name__] += 1
            try:
                connection = self.gateway.connect()
            except OSError as why:
                self.failures.append(f"no connection: {why}")
                return
            try:
                behaviour(connection, chance)
            except (OSError, Truncated, AssertionError):
                pass  # cut off by the gateway
            except Malformed as why:
                self.failures.append(f"{behaviour.__name__}: {why}")
            chance.choice([connection.close, connection.reset])()

    def ask(self) -> None:
        """The well-behaved client."""
        try:
            while time.monotonic() < self.end:
                begin = time.monotonic()
                with self.gateway.connect() as connection:
                    connection.send(CANARY)
                    assert connection.read_answer().status == 200
                self.canary_answers += 1
                self.slowest = max(self.slowest, time.monotonic() - begin)
                time.sleep(0.05)
        except (OSError, Truncated, Malformed, AssertionError) as why:
            self.failures.append(f"the well-behaved client: {type(why).__name__}: {why}")

    def run(self) -> list[int]:
        """Samples of the resident set, in bytes."""
        samples = []
        for thread in self.threads:
            thread.start()
        while any(thread.is_alive() for thread in self.threads):
            time.sleep(SAMPLE_SECONDS)
            samples.append(resident_bytes(self.gateway.pid))
        return samples


def resident_bytes(pid: int) -> int:
    """The resident set of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_descriptors(pid: int) -> int:
    """How many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_flat(samples: list[int]) -> bool:
    """Whether the last third stands no higher than the one before it."""
    third = len(samples) // 3
    if third < 3:
        return True  # too short a run to say
    before, after = statistics.median(samples[third:2 * third]), statistics.median(samples[-third:])
    figures = {"first": samples[0], "middle third": before, "last third": after, "highest": max(samples)}
    for words, size in figures.items():
        print(f"resident, {words:<13}{size / 2**20:>8.1f} MiB")
    factor, room = ALLOWED_GROWTH
    return after <= before * factor + room


def soak(seconds: float, clients: int, seed: int) -> list[str]:
    """The run, and what went wrong in it."""
    with tempfile.TemporaryDirectory() as folder, Upstream(answer, record=False) as upstream:
        with Gateway(CONFIG % upstream.address, Path(folder), workers=2) as gateway:
            gateway.get("/public/ok")
            descriptors = open_descriptors(gateway.pid)
            run = Soak(gateway, seconds, clients, seed)
            samples = run.run()
            for name, count in sorted(run.counts.items()):
                print(f"{name:<18}{count:>8}")
            print(f"well-behaved client: {run.canary_answers} answers, the slowest in {run.slowest * 1000:.0f} ms")
            if not is_flat(samples):
                run.failures.append("memory grew")
            # Pooled connections to the upstream may stay.
            wait_until(lambda: open_descriptors(gateway.pid) <= descriptors + 256, "descriptors to be closed")
        return run.failures + upstream.violations


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="minutes of mixed abuse")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS") or 600))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    Gateway.limits = {}  # those that a user has
    print(f"soak: {options.seconds:g} s, {options.clients} clients, seed {options.seed}", flush=True)
    failures = soak(options.seconds, options.clients, options.seed)
    for words in failures[:20]:
        print(f"failed: {words}")
    print(f"soak: {'failed' if failures else 'passed'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
