# SPDX-License-Identifier: Apache-2.0
"""Upstreams that fail at the worst moments, and clients that count what came of it.

`post_all`: POSTs with a number each, through a gateway, to an upstream that breaks connections at random points. It counts
every number whose body has come to it whole, whatever it does afterwards: none may come twice.

`ask_at_close`: requests that are sent when the upstream's idle timeout is just up.

`ask_steadily`: requests at a rate, to an upstream that answers 503 to everything.

Upstreams run in a process of their own. `torture.py` runs all of it at length, test_fragile.py in small.
"""

from __future__ import annotations

import asyncio
import ctypes
import enum
import multiprocessing
import multiprocessing.sharedctypes
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wire import Address

OK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
BUSY_ANSWER = b"HTTP/1.1 503 Not Well\r\nContent-Length: 0\r\n\r\n"
LARGE = 300_000  # more than is kept for another try, and than fits into the sockets' buffers at once
CONTEXT = multiprocessing.get_context("fork")


class Break(enum.IntEnum):
    """Where an upstream fails."""

    NEVER = 0
    BEFORE_READING = 1
    AFTER_HEAD = 2
    WITHIN_BODY = 3
    BEFORE_ANSWER = 4
    WITHIN_HEAD = 5
    WITHIN_ANSWER = 6
    AFTER_ANSWER = 7


class Breaking(asyncio.Protocol):
    """One connection of the upstream that fails; half of its requests are answered."""

    def __init__(self, counts: Any, failures: Any, chance: random.Random):
        self.counts, self.failures, self.chance = counts, failures, chance
        self.received = bytearray()
        self.transport: Any = None
        self.fails = Break.NEVER
        self.is_over = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._begin()

    def _begin(self) -> None:
        self.fails = Break(self.chance.randrange(1, 8)) if self.chance.random() < 0.5 else Break.NEVER
        if self.fails == Break.BEFORE_READING:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(self.chance.random() / 500, self._break)

    def _break(self) -> None:
        """By a reset, or in order."""
        self.is_over = True
        if self.transport.is_closing():
            return  # the gateway was first
        self.failures[self.fails] += 1
        if self.chance.random() < 0.7:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        if self.fails == Break.AFTER_HEAD and self._is_part(end, 0.0):
            self._break()
            return
        length = int(self.received[:end].lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(self.received) - end - 4 < length:
            if self.fails == Break.WITHIN_BODY and self._is_part(end, 0.3 * length):
                self._break()
            return
        self._take(self.received[end + 4:end + 14])
        del self.received[:end + 4 + length]

    def _is_part(self, end: int, enough: float) -> bool:
        """So much of the body has come, and not all, or it would have to be counted."""
        length = int(self.received[:end].lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        return enough <= len(self.received) - end - 4 < length

    def _take(self, number: bytes) -> None:
        self.counts[int(number)] += 1
        if self.fails in (Break.NEVER, Break.BEFORE_READING, Break.AFTER_ANSWER):
            self.transport.write(OK_ANSWER)
        elif self.fails in (Break.WITHIN_HEAD, Break.WITHIN_ANSWER):
            self.transport.write(OK_ANSWER[:10 if self.fails == Break.WITHIN_HEAD else -2])
        if self.fails == Break.AFTER_ANSWER:
            asyncio.get_running_loop().call_later(self.chance.random() / 500, self._break)
            self.is_over = True
        elif self.fails != Break.NEVER:
            self._break()
        else:
            self._begin()


class Closing(asyncio.Protocol):
    """Answers, and closes what has been idle for a while; as a server does that looks for requests once more."""

    def __init__(self, idle: float, closes: Any):
        self.idle, self.closes = idle, closes
        self.received = b""
        self.transport: Any = None
        self.timer: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.timer:
            self.timer.cancel()
        self.received += data
        if self.received.endswith(b"\r\n\r\n") or self.received.endswith(b"body"):
            if b"Content-Length: 4" in self.received and not self.received.endswith(b"body"):
                return
            self.received = b""
            self.transport.write(OK_ANSWER)
            self.timer = asyncio.get_running_loop().call_later(self.idle, self._close)

    def _close(self) -> None:
        self.closes.value += 1
        self.transport.close()


class Refusing(asyncio.Protocol):
    """Answers 503 to everything, and counts by the tenth of a second."""

    def __init__(self, seen: Any):
        self.seen = seen
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self.seen[int(time.monotonic() * 10) % len(self.seen)] += 1
            self.transport.write(BUSY_ANSWER)


class Process:
    """A server of such connections, in a process of its own."""

    def __init__(self, make: Callable[[], asyncio.Protocol]):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.process = CONTEXT.Process(target=self._run, args=(make,), daemon=True)
        self.process.start()
        self.listener.close()

    def _run(self, make: Callable[[], asyncio.Protocol]) -> None:
        async def serve() -> None:
            server = await asyncio.get_running_loop().create_server(make, sock=self.listener)
            await server.serve_forever()
        asyncio.run(serve())

    def stop(self) -> None:
        """Its connections break."""
        self.process.terminate()
        self.process.join()


# Clients.


@dataclass
class Outcome:
    """What clients were told."""

    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    answered: set[int] = field(default_factory=set)  # the numbers of requests with 200
    seconds: float = 0.0


class Client:
    """A connection that is made again when it ends."""

    def __init__(self, address: Address):
        self.address = address
        self.reader: Any = None
        self.writer: Any = None

    async def ask(self, request: bytes) -> int:
        """The status; 0 when there was no answer."""
        try:
            if not self.writer:
                assert not isinstance(self.address, str)
                self.reader, self.writer = await asyncio.open_connection(*self.address)
            self.writer.write(request)
            head = await self.reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            if b"content-length:" in lower:
                await self.reader.readexactly(int(lower.partition(b"content-length:")[2].split(b"\r\n")[0]))
            if b"connection: close" in lower:
                self.close()
            return int(head[9:12])
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0

    def close(self) -> None:
        """The next request gets another one."""
        if self.writer:
            self.writer.close()
        self.writer = None


def post_all(address: Address, count: int, clients: int = 32) -> Outcome:
    """Each number once; nothing is asked again by the clients."""
    outcome = Outcome()
    numbers = iter(range(count))

    async def run() -> None:
        client, chance = Client(address), random.Random()
        for number in numbers:
            size = LARGE if chance.random() < 0.01 else chance.choice((10, 10, 100, 2_000, 30_000))
            body = (b"%010d" % number).ljust(size, b".")
            status = await client.ask(b"POST /%d HTTP/1.1\r\nHost: gw.test\r\nContent-Length: %d\r\n\r\n%b"
                                      % (number, size, body))
            outcome.statuses[status] += 1
            if status == 200:
                outcome.answered.add(number)
        client.close()

    async def run_all() -> None:
        await asyncio.gather(*(run() for _ in range(clients)))

    begin = time.monotonic()
    asyncio.run(run_all())
    outcome.seconds = time.monotonic() - begin
    return outcome


@dataclass
class Posted:
    """What came of `post_all`, on both sides."""

    outcome: Outcome
    duplicates: int  # numbers that came to the upstream more than once
    unknown: int  # answered with 200 without having come
    received: int
    failures: dict[str, int]

    def __str__(self) -> str:
        return (f"{sum(self.outcome.statuses.values())} POSTs in {self.outcome.seconds:.0f} s, answered "
                f"{dict(sorted(self.outcome.statuses.items()))}; {self.received} came whole, {self.duplicates} twice; "
                f"broken {self.failures}")


def post_through(start: Callable[[str], Any], count: int) -> Posted:
    """start(address of the upstream) gives a gateway in front of it."""
    counts: Any = multiprocessing.sharedctypes.RawArray(ctypes.c_uint8, count)
    failures: Any = multiprocessing.sharedctypes.RawArray(ctypes.c_uint32, len(Break))
    chance = random.Random()
    upstream = Process(lambda: Breaking(counts, failures, chance))
    try:
        outcome = post_all(start(upstream.address).address(), count)
    finally:
        upstream.stop()
    return Posted(outcome, sum(times > 1 for times in counts), sum(counts[number] != 1 for number in outcome.answered),
                  sum(times > 0 for times in counts), {where.name.lower(): failures[where] for where in Break if where})


def ask_at_close(start: Callable[[str], Any], method: str, count: int, clients: int = 4,
                 idle: float = 0.002) -> tuple[Outcome, int]:
    """Requests that are sent when the idle timeout of the upstream's connection is up, and how often one was closed."""
    closes: Any = multiprocessing.sharedctypes.RawValue(ctypes.c_uint64)
    upstream = Process(lambda: Closing(idle, closes))
    outcome = Outcome()
    body = b"Content-Length: 4\r\n\r\nbody" if method == "POST" else b"\r\n"
    request = b"%b / HTTP/1.1\r\nHost: gw.test\r\n%b" % (method.encode("ascii"), body)

    async def run(address: Address) -> None:
        client, chance = Client(address), random.Random()
        for _ in range(count // clients):
            outcome.statuses[await client.ask(request)] += 1
            due = time.monotonic() + idle * chance.uniform(0.7, 1.2)
            await asyncio.sleep(max(0.0, due - time.monotonic() - 0.0005))
            while time.monotonic() < due:
                pass  # the loop's own timers are too coarse
        client.close()

    async def run_all(address: Address) -> None:
        await asyncio.gather(*(run(address) for _ in range(clients)))

    begin = time.monotonic()
    try:
        asyncio.run(run_all(start(upstream.address).address()))
    finally:
        upstream.stop()
    outcome.seconds = time.monotonic() - begin
    return outcome, closes.value


def ask_steadily(start: Callable[[str], Any], rate: int, seconds: int) -> tuple[int, list[int]]:
    """How many GETs were sent to an upstream that answers 503, and how many it saw in each second of its time."""
    seen: Any = multiprocessing.sharedctypes.RawArray(ctypes.c_uint32, 10 * (seconds + 60))
    upstream = Process(lambda: Refusing(seen))
    clients, sent = 20, 0

    async def run(address: Address, number: int, begin: float) -> None:
        nonlocal sent
        client = Client(address)
        for turn in range(rate * seconds // clients):
            await asyncio.sleep(max(0.0, begin + (turn + number / clients) * clients / rate - time.monotonic()))
            assert await client.ask(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n") == 503
            sent += 1
        client.close()

    async def run_all(address: Address) -> None:
        begin = time.monotonic()
        await asyncio.gather(*(run(address, number, begin) for number in range(clients)))

    begin = int(time.monotonic() * 10)
    try:
        asyncio.run(run_all(start(upstream.address).address()))
    finally:
        upstream.stop()
    tenths = [seen[(begin + i) % len(seen)] for i in range(10 * (seconds + 5))]
    return sent, [sum(tenths[i:i + 10]) for i in range(len(tenths) - 9)]


def config(address: str, **retries: Any) -> dict[str, Any]:
    """A gateway that tries again whatever it may."""
    causes = ["connect", "reset", "502", "503", "504", "timeout"]
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": [address],
                              "retries": {"attempts": 3, "on": causes, "backoff": "1ms", "budget": 100, **retries}}},
        "apis": {"all": {"upstream": "app"}},
        "log": {"access": {"to": "off"}},
    }
