# SPDX-License-Identifier: Apache-2.0
"""One of three endpoints fails while clients ask at a steady rate: what they notice, without and with what there is against it.

    tests/torture.py resilience [--rate 300] [--seconds 6] [--runs 5]

FEATURES is a table of what an upstream is configured with. What this build does not know is left out, and said. When a
second try begins (`hedging.after`) is chosen as by an operator: the 95th percentile of a steady load, measured first.

What all of it together does is measured in several runs, and the medians of them must be good: nothing fails after the
first second, and the 99th percentile is at most twice the one before the failure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatehouse import Gateway, run_command

CLIENTS = 64
SLOW = 2.0  # seconds that a slow answer takes
GIVE_UP = 10.0  # seconds after which a client does
TIMES_SLOWER = 2.0  # as the 99th percentile may be after the failure
BOUNDS = {"timeouts": {"connect": "300ms", "response": "1s"}}

FEATURES: dict[str, dict[str, Any]] = {
    "nothing": {"retries": {"attempts": 1}},
    "retries": {"retries": {"attempts": 3, "on": ["connect", "reset", "timeout"], "backoff": "5ms", "budget": 50}},
    "health_check": {"health_check": {"path": "/healthz", "every": "300ms", "timeout": "200ms", "unhealthy_after": 2}},
    "outlier": {"outlier": {"consecutive_failures": 3, "eject_for": "10s", "max_ejected": 50}},
    "circuit_breaker": {"circuit_breaker": {"requests": 1024, "connections": 512, "pending": 256}},
    "hedging": {"hedging": {"budget": 30}},  # a sixth of the answers is slow, a twentieth takes longer than `after`
}


@dataclass
class Seen:
    """What clients saw: when each request began, since the failure, and how long it took; None: it failed."""

    times: list[tuple[float, float | None]] = field(default_factory=list)

    def failed(self, since: float) -> int:
        """Requests that began then or later, and failed."""
        return sum(took is None for at, took in self.times if at >= since)

    def percentile(self, percent: int, since: float, until: float = 1e9) -> float:
        """In milliseconds, of those that were answered."""
        took = sorted(took for at, took in self.times if took is not None and since <= at < until)
        return took[len(took) * percent // 100] * 1e3 if took else float("nan")

    def steady(self) -> float:
        """The 99th percentile before the failure."""
        return self.percentile(99, -1e9, 0)

    def failing(self) -> float:
        """From a second after it."""
        return self.percentile(99, 1)

    def ratio(self) -> float:
        """Of the two."""
        return self.failing() / self.steady()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_slow: Callable[[], bool]) -> None:
    """A connection of the gateway's."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            if is_slow():
                await asyncio.sleep(SLOW)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
            await writer.drain()
    writer.close()


async def endpoint() -> None:
    """A process of its own, which tells its port. SIGUSR1: each other answer is slow from then on."""
    state = {"slow": False}
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: state.update(slow=True))
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, lambda: state["slow"] and random.random() < 0.5), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


FAULTS = {"frozen": signal.SIGSTOP, "killed": signal.SIGKILL, "half of it slow": signal.SIGUSR1}


async def ask(streams: list[Any], address: tuple[str, int]) -> bool:
    """One request over the client's connection; whether it was answered as it should be."""
    if not streams:
        streams.extend(await asyncio.open_connection(*address))
    streams[1].write(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
    head = await streams[0].readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or b"0")
    await streams[0].readexactly(length)
    return bool(head.startswith(b"HTTP/1.1 200"))


async def client(address: tuple[str, int], begin: float, first: float, every: float, until: float, seen: Seen) -> None:
    """A request each so often; what is due while another is waited for is left out."""
    streams: list[Any] = []
    due = first
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        at = time.monotonic()
        try:
            is_good = await asyncio.wait_for(ask(streams, address), GIVE_UP)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            is_good = False
            if streams:
                streams[1].close()
            streams.clear()
        now = time.monotonic()
        seen.times.append((at - begin, now - at if is_good else None))
        due += every * max(1, -(-int((now - due) * 1e6) // int(every * 1e6)))


async def load(address: tuple[str, int], rate: float, seconds: float, fail: Callable[[], None]) -> Seen:
    """A steady rate, half of the time before the failure and half after it."""
    seen = Seen()
    begin = time.monotonic() + seconds / 2
    asyncio.get_running_loop().call_later(seconds / 2, fail)
    every = CLIENTS / rate
    await asyncio.gather(*(client(address, begin, begin - seconds / 2 + number / rate, every, begin + seconds / 2, seen)
                           for number in range(CLIENTS)))
    return seen


def config(ports: list[int], features: dict[str, Any]) -> dict[str, Any]:
    """A gateway before the three."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": [f"127.0.0.1:{port}" for port in ports], **BOUNDS, **features}},
        "apis": {"all": {"upstream": "app"}},
        "log": {"access": {"to": "file:access.log"}},
        "workers": 2,
    }


def is_known(features: dict[str, Any]) -> bool:
    """Whether this build has it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gatehouse.yaml").write_text(json.dumps(config([1], features)))
        return run_command("check", "-c", "gatehouse.yaml", cwd=Path(folder)).returncode == 0


def break_one(fault: str, process: subprocess.Popen[str]) -> None:
    """A steady load has none that is broken."""
    if fault in FAULTS:
        process.send_signal(FAULTS[fault])


def round_of(fault: str, features: dict[str, Any], rate: float, seconds: float) -> Seen:
    """One failure, with one set of features."""
    processes = [subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        ports = [int(process.stdout.readline()) for process in processes if process.stdout]
        with tempfile.TemporaryDirectory() as folder, Gateway(config(ports, features), Path(folder), workers=None) as gateway:
            address = gateway.address()
            assert not isinstance(address, str)
            return asyncio.run(load(address, rate, 2 * seconds, lambda: break_one(fault, processes[0])))
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def hedge_after(rate: float, seconds: float) -> str:
    """The 95th percentile of a steady load, in whole milliseconds, rounded up."""
    seen = round_of("nothing", FEATURES["nothing"], rate, seconds)
    took = [seen.percentile(percent, -1e9) for percent in (50, 95, 99)]
    after = f"{max(1, math.ceil(took[1]))}ms"
    print(f"steady: median {took[0]:.1f} ms, p95 {took[1]:.1f} ms, p99 {took[2]:.1f} ms; hedging.after: {after}")
    return after


def print_row(fault: str, name: str, runs: list[Seen]) -> None:
    """Medians of the runs; of the ratio, also the lowest and the highest."""
    def median(figure: Callable[[Seen], float]) -> float:
        return statistics.median(figure(seen) for seen in runs)

    ratios = sorted(seen.ratio() for seen in runs)
    scatter = f" ({ratios[0]:.1f} to {ratios[-1]:.1f})" if len(runs) > 1 else ""
    print(f"| {fault} | {name} | {median(lambda seen: sum(at >= 0 for at, _ in seen.times)):.0f} | "
          f"{median(lambda seen: seen.failed(0)):.0f} | {median(lambda seen: seen.failed(1)):.0f} | "
          f"{median(Seen.steady):.1f} ms | {median(Seen.failing):.1f} ms | {statistics.median(ratios):.1f}{scatter} |", flush=True)


def verdict(fault: str, runs: list[Seen]) -> list[str]:
    """Of all that there is against it."""
    failures = []
    if failed := statistics.median(seen.failed(1) for seen in runs):
        failures.append(f"{fault}: {failed:.0f} requests failed after the first second")
    if (ratio := statistics.median(seen.ratio() for seen in runs)) > TIMES_SLOWER:
        failures.append(f"{fault}: the 99th percentile is {ratio:.1f} times the steady one")
    return failures


def resilience(options: argparse.Namespace) -> list[str]:
    """Each failure with each set, as rows of a table."""
    known = {name: features for name, features in FEATURES.items() if is_known(features)}
    if missing := sorted(FEATURES.keys() - known.keys()):
        print(f"not known to this build: {', '.join(missing)}")
    if "hedging" in known:
        after = hedge_after(options.rate, options.seconds)
        known["hedging"] = {"hedging": {**FEATURES["hedging"]["hedging"], "after": after}}
    rows = {**known, "all": {}}
    for features in list(known.values())[1:]:
        rows["all"].update(features)
    failures: list[str] = []
    print("| one of three endpoints is | with | requests | failed | of these after 1 s | p99 before | p99 after 1 s | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for fault in FAULTS:
        for name, features in rows.items():
            count = options.runs if name == "all" else 1
            runs = [round_of(fault, features, options.rate, options.seconds) for _ in range(count)]
            print_row(fault, name, runs)
            failures += verdict(fault, runs) if name == "all" else []
    return failures


if __name__ == "__main__":
    asyncio.run(endpoint())
