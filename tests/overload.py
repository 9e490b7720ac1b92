# SPDX-License-Identifier: Apache-2.0
"""Overload in large, for `tests/torture.py memory` and `tests/torture.py lag`: more than there is memory for, and more
than there is time for."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import random
import re
import resource
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2_frames
from admin import Admin
from gatehouse import Gateway
from peers import Nginx
from soak import resident_bytes
from wire import Address, wait_until

MIB = 1 << 20
PAUSED = 'gatehouse_overload_total{reason="accepts_paused"}'
CLIENTS = 3000  # of each kind
PATIENCE = 30  # seconds: what waits for an upstream ends after 20
UPLOAD = b"POST /silent HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
LARGE_HEAD = b"GET /silent HTTP/1.1\r\nHost: gw.test\r\n" + b"".join(
    b"X-Filler-%d: %s\r\n" % (number, b"y" * 7000) for number in range(4)) + b"\r\n"


def raise_descriptors() -> int:
    """As many as may be."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Silent:
    """An upstream that takes connections, and reads and says nothing."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.taken: list[socket.socket] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.server.accept()[0])

    def close(self) -> None:
        """Lets go of all."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        for taken in self.taken:
            taken.close()


class Sampler:
    """What the process has and what it says that workers hold, at their highest."""

    def __init__(self, gateway: Gateway, admin: Admin):
        self.gateway, self.admin = gateway, admin
        self.resident = self.charged = self.checks = 0
        self.is_over = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.is_over:
            self.resident = max(self.resident, resident_bytes(self.gateway.pid))
            if self.admin.get("/healthz").status == 200:
                self.checks += 1
            self.charged = max(self.charged, int(self.admin.metrics()["gatehouse_memory_bytes"]))

    def stop(self) -> None:
        """The end."""
        self.is_over = True
        self.thread.join()


def h2_streams() -> bytes:
    """What a client of HTTP/2 sends that opens a hundred streams, fills the window of each, and reads nothing."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", "/silent"), (":authority", "gw.test")]
    return h2_frames.PREFACE + h2_frames.settings() + b"".join(
        h2_frames.headers(stream, h2_frames.block(fields), h2_frames.END_HEADERS) +
        b"".join(h2_frames.data(stream, b"z" * 16000, 0) for _ in range(4)) for stream in range(1, 200, 2))


def send(address: Any, data: bytes) -> socket.socket | None:
    """A client that sends as much as is taken within a moment, and stays."""
    client = socket.socket()
    client.settimeout(0.05)
    with contextlib.suppress(OSError):
        client.connect(address)
        client.sendall(data)
    return client


def abuse(address: Any, data: bytes, count: int) -> list[socket.socket]:
    """Many of them, for a while."""
    clients: list[socket.socket] = []
    end = time.monotonic() + 15
    while len(clients) < count and time.monotonic() < end:
        client = send(address, data)
        if client:
            clients.append(client)
    return clients


def memory_config(silent: str, plain: str, limit: str) -> dict[str, Any]:
    """A small bound."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "protocols": ["h1", "h2"]},
                      "watch": {"address": "127.0.0.1:0", "priority": "high"}},
        "limits": {"memory": limit, "lag": "0s"},
        "upstreams": {"silent": {"endpoints": [silent], "timeouts": {"response": "20s"}}, "plain": {"endpoints": [plain]}},
        "apis": {"silent": {"path": "/silent", "upstream": "silent"}, "plain": {"upstream": "plain"},
                 "watch": {"path": "/watch", "policies": [{"respond": {"body": "ok\n"}}]}},
        "log": {"access": {"to": "file:access.log"}},
        "admin": {"address": "127.0.0.1:0"},
        "metrics": {"enabled": True},
        "workers": 2,
    }


def status_of(gateway: Gateway, path: str, listener: str) -> int:
    """What a client gets who behaves; 0: nothing in two seconds."""
    with contextlib.suppress(OSError, IndexError, ValueError), \
            socket.create_connection(gateway.address(listener), timeout=2) as client:  # type: ignore[arg-type]
        client.settimeout(2)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n".encode())
        return int(client.recv(65536).split()[1])
    return 0


def after(gateway: Gateway, admin: Admin) -> tuple[float, int]:
    """How long until a client is served, and what the process has some seconds later."""
    begin = time.monotonic()
    while status_of(gateway, "/x", "main") != 200:
        if time.monotonic() - begin > 60:
            return 60.0, 0
    took = time.monotonic() - begin
    time.sleep(8)
    print(f"  held in the end {admin.metrics()['gatehouse_memory_bytes'] / MIB:.1f} MiB")
    return took, resident_bytes(gateway.pid)


def memory_round(what: str, data: bytes, count: int, limit: str, folder: Path) -> list[str]:
    """One kind of abuse."""
    silent, failures = Silent(), []
    folder.mkdir()
    (folder / "nginx").mkdir()
    nginx = Nginx(folder / "nginx", folder / "nginx", "location / { return 200 'ok\\n'; }")
    bound = int(re.sub(r"MiB", "", limit)) * MIB
    with Gateway(memory_config(silent.address, nginx.address, limit), folder, workers=None) as gateway:
        admin = Admin(gateway)
        sampler = Sampler(gateway, admin)
        begin = resident_bytes(gateway.pid)
        clients = abuse(gateway.address("main"), data, count)
        watched = [status_of(gateway, "/watch", "watch") for _ in range(5)]
        metrics = admin.metrics()
        for client in clients:
            client.close()
        took, resident = after(gateway, admin)
        sampler.stop()
        refused = metrics['gatehouse_overload_total{reason="memory"}']
        print(f"{what}: {len(clients)} clients; resident {begin / MIB:.0f} MiB before, {sampler.resident / MIB:.0f} at most, "
              f"{resident / MIB:.0f} after; held {sampler.charged / MIB:.0f} of "
              f"{metrics['gatehouse_memory_limit_bytes'] / MIB:.0f} MiB; refused {refused:.0f}, accepts paused {metrics[PAUSED]:.0f} "
              f"times; health answered {sampler.checks} times; served again after {took:.1f} s")
        if sampler.resident > bound:
            failures.append(f"{what}: {sampler.resident / MIB:.0f} MiB is more than {limit}")
        if watched.count(200) < 5:
            failures.append(f"{what}: those of high priority got {watched}")
        if took > PATIENCE:
            failures.append(f"{what}: nobody was served for {took:.0f} s")
    nginx.stop()
    silent.close()
    return failures


def memory(options: argparse.Namespace) -> list[str]:
    """Each kind of abuse, with a gateway of its own."""
    raise_descriptors()
    limit = options.memory
    failures: list[str] = []
    kinds: list[tuple[str, bytes, int]] = [
        ("uploads that nobody takes", UPLOAD, CLIENTS),
        ("large heads", LARGE_HEAD, CLIENTS),
        ("streams of HTTP/2", h2_streams(), 100),
        ("idle connections", b"", CLIENTS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, data, count) in enumerate(kinds):
            failures += memory_round(what, data, count, limit, Path(folder) / str(number))
    return failures


WORDS = 300_000  # bytes of an answer: some milliseconds of brotli
PATIENT = 1.0  # seconds from when a client comes until it gives up
CROWD = 2.0  # times as many come as a whole processor can serve
LAGS = {"0s": 0.0, "500ms": 0.2, "200ms": 0.5, "100ms": 0.5}  # the share of the processor's time that must be of use
VISIT = b"GET / HTTP/1.1\r\nHost: gw.test\r\nAccept-Encoding: br\r\nConnection: close\r\n\r\n"


@dataclass
class Visits:
    """What became of those who came: how long each waited who was served or refused, how many got anything else, and how
    late the clients' own side was."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    given_up: int = 0
    broken: int = 0
    late: float = 0.0


def write_words(file: Path) -> None:
    """Random words from a list: a text as long to compress as any."""
    draw = random.Random(1)
    words = ["%x" % draw.getrandbits(draw.choice((12, 20, 28))) for _ in range(3000)]
    file.write_text(" ".join(draw.choices(words, k=WORDS // 4))[:WORDS])


def lag_config(lag: str, service: str) -> dict[str, Any]:
    """One worker whose work is to compress. Without a bound it has the one by default."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "limits": {"lag": lag} if lag else {},
        "upstreams": {"app": {"endpoints": [service]}},
        "apis": {"all": {"upstream": "app", "policies": [{"compress": {"algorithms": ["br"]}}]}},
        "log": {"access": {"to": "file:access.log"}},
        "workers": 1,
    }


async def ask(address: Address) -> int:
    """A connection for one request; the status when all of the answer is here."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(VISIT)
        answer = await reader.read(-1)
        return int(answer.split(b" ", 2)[1])
    finally:
        writer.close()


async def visit(address: Address, due: float, visits: Visits) -> None:
    """One client."""
    try:
        status = await asyncio.wait_for(ask(address), due + PATIENT - time.monotonic())
    except asyncio.TimeoutError:
        visits.given_up += 1
        return
    except (OSError, IndexError):
        status = 0
    if status in (200, 503):
        (visits.served if status == 200 else visits.refused).append(time.monotonic() - due)
    else:
        visits.broken += 1


async def crowd(address: Address, rate: float, seconds: float) -> Visits:
    """Clients that come at a steady rate, whatever becomes of those before them."""
    visits, begin, tasks = Visits(), time.monotonic(), []
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        visits.late = max(visits.late, time.monotonic() - due)
        tasks.append(asyncio.create_task(visit(address, due, visits)))
    await asyncio.gather(*tasks)
    return visits


async def queue(address: Address, seconds: float) -> int:
    """How many are served of eight clients that come again and again."""
    visits, end = Visits(), time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < end:
            await visit(address, time.monotonic(), visits)

    await asyncio.gather(*(client() for _ in range(8)))
    return len(visits.served)


def processor_time(pid: int) -> float:
    """What the process has had of it, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Round:
    """What a request costs of the processor's time, and what became of those who came and of that time."""

    cost: float
    visits: Visits
    spent: float

    def share(self) -> float:
        """Of the time, what went into answers that came in time. On a busy machine it says more than how many did."""
        return len(self.visits.served) * self.cost / self.spent


def lag_round(bound: str, service: str, seconds: float) -> Round:
    """So many as would take all of a processor are served in one; twice as many come."""
    with tempfile.TemporaryDirectory() as folder, Gateway(lag_config(bound, service), Path(folder), workers=None) as gateway:
        begin = processor_time(gateway.pid)
        served = asyncio.run(queue(gateway.address(), 3))
        cost = (processor_time(gateway.pid) - begin) / served
        begin = processor_time(gateway.pid)
        visits = asyncio.run(crowd(gateway.address(), CROWD / cost, seconds))
        spent = processor_time(gateway.pid) - begin
        assert visits.broken == 0
        wait_until(lambda: status_of(gateway, "/", "main") == 200, "the gateway to serve")
        return Round(cost, visits, spent)


def lag_row(bound: str, rounds: list[Round], seconds: float) -> float:
    """Medians of the rounds, a second; the share that is returned is, too."""
    def median(figure: Callable[[Round], float]) -> float:
        return statistics.median(map(figure, rounds))

    shares = sorted(one.share() for one in rounds)
    print(f"| {bound} | {median(lambda one: CROWD / one.cost):.0f} | {median(lambda one: len(one.visits.served) / seconds):.0f} | "
          f"{median(lambda one: len(one.visits.refused) / seconds):.0f} | {median(lambda one: one.visits.given_up / seconds):.0f} | "
          f"{median(lambda one: statistics.median(one.visits.served or [math.nan])) * 1e3:.0f} ms | "
          f"{statistics.median(shares) * 100:.0f} % ({shares[0] * 100:.0f} to {shares[-1] * 100:.0f}) | "
          f"{median(lambda one: one.visits.late) * 1e3:.0f} ms |", flush=True)
    return statistics.median(shares)


def lag(options: argparse.Namespace) -> list[str]:
    """Twice as many clients as can be served, with each bound and without one, in turns."""
    raise_descriptors()
    rounds: dict[str, list[Round]] = {bound: [] for bound in LAGS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        write_words(Path(folder) / "words.txt")
        nginx = Nginx(Path(folder), Path(folder), "location / { default_type text/plain; try_files /words.txt =404; }")
        stack.callback(nginx.stop)
        for _ in range(options.runs):
            for bound in LAGS:
                rounds[bound].append(lag_round(bound, nginx.address, options.seconds))
    print("| `limits.lag` | came/s | in time/s | refused/s | gave up/s | median wait | of the processor's time | clients late |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    shares = {bound: lag_row(bound, rounds[bound], options.seconds) for bound in LAGS}
    return [f"lag {bound}: {share * 100:.0f} % of the processor's time went into answers in time" for bound, share in shares.items()
            if share < LAGS[bound]]
