#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""streams: what long-lived streams cost, and how long an event is under way. Run it on a release build.

    tests/streams.py tunnels [--count 10000] [--workers 1]      memory of the gateway for each open WebSocket
    tests/streams.py events [--seconds 20] [--clients 20]       from an event's write to its client, compressed or not

`tunnels`: each has carried a message both ways and is at rest; the resident set is divided by their number, those aside
that were open at first. At most 4 KiB each. `events`: the upstream writes an event every 10 ms or so to each client,
behind a compression and a bound on the total time and the body; the instant at which it was written stands in the event.
At most 10 ms at the 99th percentile. Exit code 1 where a bound is missed.

The same in small is a part of `make test` (test_websocket.py, test_events.py).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import Any

from gatehouse import Gateway, config_for
from soak import resident_bytes
from websocket_peers import RawServer, RawWebSocket, connect, frame, read_head

WARM = 200
SPARE_FILES = 200
KIB_EACH, MILLISECONDS = 4, 10
SETTLE_SECONDS = 2


def allow_files(count: int) -> int:
    """How many may be open: each takes two descriptors, here and in the gateway, which has the same bound."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * count + SPARE_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        return count
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return (hard - SPARE_FILES) // 2


# WebSockets at rest.

def open_many(running: Gateway, server: RawServer, opened: list[tuple[RawWebSocket, RawWebSocket]], total: int) -> int:
    """The resident set with so many."""
    while len(opened) < total:
        client = connect(running.address())
        upstream = server.accept()
        assert read_head(client.reader).startswith(b"HTTP/1.1 101 ")
        client.send(frame(1, b"a message"))
        assert upstream.read_frame().content == b"a message"
        upstream.send(frame(1, b"its answer", mask=None))
        assert client.read_frame().content == b"its answer"
        opened.append((client, upstream))
    time.sleep(SETTLE_SECONDS)
    return resident_bytes(running.pid)


def tunnels(count: int, workers: int) -> bool:
    """Whether each costs as little as it should."""
    count = min(count, allow_files(count))
    opened: list[tuple[RawWebSocket, RawWebSocket]] = []
    with tempfile.TemporaryDirectory() as directory, RawServer() as server, \
            Gateway(config_for(server.address), Path(directory), workers=workers) as running:
        before = open_many(running, server, opened, WARM)
        each = (open_many(running, server, opened, count) - before) / (count - WARM)
        for client, upstream in opened:
            client.close()
            upstream.close()
        running.wait_for_log(count)
    print(f"{count:,} open WebSockets: {each:.0f} bytes each in the gateway (at most {KIB_EACH} KiB)")
    return each <= KIB_EACH * 1024


# Events.

class EventServer:
    """An upstream whose every answer is a stream of events, each with the instant of its writing."""

    def __init__(self, interval: float):
        self.interval = interval
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self.loop).result()
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                event = b'data: {"written": %d, "what": "an event of some length, as they are"}\n\n' % time.monotonic_ns()
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
                await asyncio.sleep(self.interval * random.uniform(0.5, 1.5))
        except ConnectionError:
            writer.close()


async def read_events(address: Any, coding: str, until: float, took: list[float]) -> None:
    """One client: how many milliseconds each event was under way."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET /events HTTP/1.1\r\nHost: gw.test\r\nAccept-Encoding: {coding}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert (b"Content-Encoding: gzip" in head) == (coding == "gzip"), head
    inflate = zlib.decompressobj(31)
    text = b""
    while time.monotonic() < until:
        chunk = await reader.readexactly(int((await reader.readline()).strip(), 16))
        await reader.readexactly(2)
        now = time.monotonic_ns()
        text += inflate.decompress(chunk) if coding == "gzip" else chunk
        *events, text = text.split(b"\n\n")
        took += [(now - int(event.partition(b'"written": ')[2].partition(b",")[0])) / 1e6 for event in events]
    writer.close()


def events(seconds: int, clients: int) -> bool:
    """Whether they arrive in time."""
    server = EventServer(0.01)
    document = config_for(server.address)
    document["upstreams"]["app"]["timeouts"] = {"total": "2s", "idle": "5s"}
    document["apis"]["all"]["policies"] = [{"body_limit": {"size": "1KiB"}}, {"timeout": {"total": "2s"}}, {"compress": {}},
                                           {"security_headers": {}}]
    is_good = True
    with tempfile.TemporaryDirectory() as directory, Gateway(document, Path(directory)) as running:
        for coding in ("gzip", "identity"):
            took: list[float] = []

            async def all_clients(coding: str = coding, took: list[float] = took) -> None:
                until = time.monotonic() + seconds / 2
                await asyncio.gather(*(read_events(running.address(), coding, until, took) for _ in range(clients)))

            asyncio.run(all_clients())
            p50, p99 = (statistics.quantiles(took, n=100)[at] for at in (49, 98))
            print(f"{len(took):,} events as {coding}: {p50:.2f} ms at the median, {p99:.2f} ms at the 99th percentile "
                  f"(at most {MILLISECONDS} ms), {max(took):.2f} ms the slowest")
            is_good &= p99 <= MILLISECONDS
    return is_good


def main() -> int:
    """Which of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["tunnels", "events"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=20)
    given = parser.parse_args()
    Gateway.limits = {}  # those that a user has
    is_good = tunnels(given.count, given.workers) if given.what == "tunnels" else events(given.seconds, given.clients)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
