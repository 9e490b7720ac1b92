#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reloads: another configuration again and again, while requests and open streams must not notice.

    tests/reloads.py [--seconds N] [--reloads N] [--rate N] [--streams N] [--workers N] [--is-memory-free]

wrk asks the given number of times a second, and that many event streams stay open all the time. Every other
configuration has 50 routes more; a second listener, endpoints and options come and go. Each reload must come into
force, no request may fail, no stream may end, and afterwards the process may be as large as before, and little more.
"""

from __future__ import annotations

import argparse
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gatehouse import Gateway, binary, environment
from soak import open_descriptors, resident_bytes

ALLOWED_GROWTH = 1.05
CONNECTIONS = 16
WARM_UP = 2.0  # seconds of load before the first reload
FEW_RELOADS, MORE_ROUTES = 10, 50
STREAM = b"GET /sse HTTP/1.1\r\nHost: gw.test\r\n\r\n"
# Each connection waits after each answer, so that all together ask at about the given rate.
PACE = "function delay() return {delay} end\n"


def configuration(echo: str, number: int, workers: int) -> dict[str, Any]:
    """What is in force after that many reloads."""
    routes = {"plain": {"match": {"path": "/plain"}}, "events": {"match": {"path": "/sse"}}}
    listeners: dict[str, Any] = {"main": {"address": "127.0.0.1:0"}}
    upstreams: dict[str, Any] = {"app": {"endpoints": [echo]}}
    if number % 2:
        routes |= {f"more{i}": {"match": {"path": f"/more/{number}/{i}"}, "upstream": "other"}
                   for i in range(MORE_ROUTES)}
        upstreams["other"] = {"endpoints": [f"127.0.0.1:{1 + number % 1000}"], "balance": "least_requests"}
    if number % 3 == 1:
        listeners["other"] = {"address": "127.0.0.1:0"}
    return {"listeners": listeners, "upstreams": upstreams, "workers": workers,
            "apis": {"all": {"upstream": "app", "routes": routes}}, "log": {"access": {"to": "off"}}}


class Streams:
    """Event streams that stay open; a thread is not needed, for the kernel keeps what nobody reads yet."""

    def __init__(self, gateway: Gateway, count: int):
        self.selector = selectors.DefaultSelector()
        self.heard = 0
        self.cut = 0
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", gateway.port("main")))
            connection.sendall(STREAM)
            self.selector.register(connection, selectors.EVENT_READ)

    def listen(self, seconds: float) -> None:
        """Reads what comes, for that long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                if data := key.fileobj.recv(65536):
                    self.heard += data.count(b"data:")
                else:
                    self.cut += 1
                    self.selector.unregister(key.fileobj)

    def close(self) -> None:
        """All of them."""
        for key in list(self.selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()


def load(gateway: Gateway, seconds: float, rate: int, directory: Path) -> subprocess.Popen[str]:
    """wrk, under way."""
    script = directory / "pace.lua"
    script.write_text(PACE.format(delay=int(CONNECTIONS * 1000 / rate)))
    return subprocess.Popen(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", script,
                             gateway.url("/plain", "main")], stdout=subprocess.PIPE, text=True)


def failures_of(report: str) -> int:
    """Requests that wrk calls failed: no answer, or not a good one."""
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    return sum(map(int, errors.groups() if errors else ())) + (int(bad[1]) if bad else 0)


def reload_until(gateway: Gateway, streams: Streams, echo: str, numbers: range, pause: float, workers: int) -> None:
    """One after the other, each when its time has come and the one before is in force."""
    began = time.monotonic()
    for count, number in enumerate(numbers):
        gateway.write_config(configuration(echo, number, workers))
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_for_message(f"generation {number + 1} in force")
        streams.listen(max(0.001, began + (count + 1) * pause - time.monotonic()))


def start_echo(directory: Path) -> tuple[subprocess.Popen[str], str]:
    """The upstream, and its address."""
    process = subprocess.Popen([binary(), "echo", "--listen", "127.0.0.1:0"], cwd=directory, env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    line = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:\d+", line)
    assert found, line
    return process, found[0]


def storm(gateway: Gateway, echo: str, options: argparse.Namespace, directory: Path) -> list[str]:
    """What went wrong."""
    seconds, pid = options.seconds, gateway.pid
    streams = Streams(gateway, options.streams)
    asking = load(gateway, seconds + 2 * WARM_UP + 2, options.rate, directory)
    streams.listen(WARM_UP)
    first = resident_bytes(pid)
    few = min(FEW_RELOADS, options.reloads // 2)
    pause = seconds / options.reloads
    reload_until(gateway, streams, echo, range(1, few + 1), pause, options.workers)
    before, descriptors = resident_bytes(pid), open_descriptors(pid)
    reload_until(gateway, streams, echo, range(few + 1, options.reloads + 1), pause, options.workers)
    streams.listen(WARM_UP)
    after = resident_bytes(pid)
    report = asking.communicate()[0]
    print(report)
    figures = {"at first": first, f"after {few}": before, "at the end": after}
    for words, size in figures.items():
        print(f"resident, {words:<12}{size / 2**20:>8.2f} MiB")
    print(f"{options.reloads} reloads, {streams.heard} events on {options.streams} streams, {streams.cut} cut")
    wrong = [f"{failed} requests failed"] if (failed := failures_of(report)) else []
    wrong += [f"{streams.cut} streams were cut"] if streams.cut else []
    wrong += ["no events"] if options.streams and not streams.heard else []
    if after > before * ALLOWED_GROWTH and not options.is_memory_free:
        wrong.append(f"memory: {before} to {after} bytes")
    if (now := open_descriptors(pid)) > descriptors + CONNECTIONS:
        wrong.append(f"descriptors: {descriptors} to {now}")
    streams.close()
    return wrong


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--reloads", type=int, default=500)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--is-memory-free", action="store_true", help="it may grow: sanitizers keep what was freed")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("reloads: wrk is missing (tools/deps)")
        return 2
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        process, echo = start_echo(directory)
        gateway = Gateway(configuration(echo, 0, options.workers), directory, workers=None)
        try:
            wrong = storm(gateway, echo, options, directory)
            gateway.stop()
        finally:
            gateway.kill()
            process.kill()
    for what in wrong:
        print(f"reloads: {what}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
