#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""torture: changes without end under load, of which no client may notice anything.

    tests/torture.py reload [--seconds 60] [--changes 500] [--rate 2000] [--streams 200] [--workers 2]
    tests/torture.py replace [--seconds 60] [--changes 20] ...
    tests/torture.py large [--routes 50000] [--changes 10] [--runs 5]
    tests/torture.py scrape [--series 50000] [--runs 5]
    tests/torture.py resets [--pairs 1000000]
    tests/torture.py keys [--rate 1000]
    tests/torture.py posts [--count 1000000]
    tests/torture.py idle [--count 40000]
    tests/torture.py refused [--rate 1000] [--seconds 60]
    tests/torture.py memory [--memory 256MiB]
    tests/torture.py lag [--seconds 10] [--runs 5]
    tests/torture.py resilience [--seconds 6] [--runs 5]
    tests/torture.py exact [--limit 1000] | constant [--limit 1000] | distinct [--keys 1000000]
    tests/torture.py redis [--rate 5000] [--seconds 60]

`reload`: half of the reloads add or remove 50 routes, the others change one. `replace`: another process takes over, each
time. Meanwhile clients ask at a steady rate over connections that they keep, and streams are open from the beginning to
the end; each request that is not answered with 200 and each stream that ends or misses an event is a failure, and so is
a resident set that has grown by more than 5 %. `large`: one changed route out of many may take 200 ms until a client sees
it, and the 99th percentile of a steady load with one each second may be 1.2 times that without. `scrape`: reading 50,000
time series may take 50 ms, alone and beside a load, and as the workers have no part in it, the load's 99th percentile may
be 1.2 times that beside any program that computes as long.

`resets`: a client of HTTP/2 sends so many pairs of HEADERS and RST_STREAM within ten seconds. Its connection must be closed
for that, of its requests at most 200 may reach the upstream, and the 99th percentile of a steady load beside it may grow
by half.

`keys`: an issuer's keys rotate under load, then it is down for a minute, then 100,000 requests come with keys that nobody
has: nothing may be answered wrongly, and the last may cause two fetches.

`redis`: the Redis that limits are counted on is killed under load and comes back, once for each `on_failure`. While it is
gone each request must get what that says, its 99th percentile after the first 100 ms may be 1 ms worse than before, and
each change must be told by one line.

`posts`: an upstream breaks half of all connections, before, within and behind each request and answer; no body may come to
it twice. `idle`: one that closes idle connections when they are about to be used again: no GET and one POST of 1,000 may
fail. `refused`: one that answers 503 to everything, with three attempts: it may see 1,210 requests for 1,000.

`resilience`: what clients notice of one of three endpoints that fails; see resilience.py.

`memory`: clients hold more than there is memory for, in several ways: the process must stay below its bound, and serve
those who come after.

`lag`: twice as many clients come as one worker can serve, each patient for a second, with `limits.lag` and without. Where it
is a fifth of their patience, half of the processor's time at least must go into answers that come in time.

`exact`: a rate limit is offered a hundred times as much, by two bursts; `constant`: twice as much, for a minute; `distinct`: a
key for each request. What is admitted must be the limit within 1, in each second; memory must not grow.

The same in small is a part of `make test` (test_reload.py, test_replacement.py, test_h2.py, test_key_sets.py,
test_fragile.py, test_redis.py).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import concurrent.futures
import contextlib
import json
import secrets
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fragile
import large
import limits
import overload
import resilience
from gatehouse import Gateway
from issuer import Issuer
from peers import Nginx
from redis_peers import Redis
from soak import resident_bytes
from steady import WINDOW_SECONDS, WINDOWS, p99_of, timed_load
from wire import Address

EVENT_SECONDS = 0.25
GROWTH = 1.05
LATE = 0.01  # requests for which a busy machine's Redis may take longer than its timeout
WARM_SECONDS = 15  # until the rings of the log have been written all round
REQUEST = b"GET /plain/x HTTP/1.1\r\nHost: gw.test\r\n\r\n"


class Events:
    """An upstream, and the clients of its streams: numbered events, each of which must arrive."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.failures: list[str] = []
        self.arrived = 0
        self.open = 0
        self.is_over = False
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024), self.loop).result()
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        self.clients: list[Any] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            number = 0
            while not self.is_over:
                writer.write(b"data: %d\n\n" % number)
                await writer.drain()
                number += 1
                await asyncio.sleep(EVENT_SECONDS)
            writer.write(b"data: end\n\n")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client's side tells
        finally:
            writer.close()

    async def _read(self, address: Address) -> None:
        number = 0
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /events HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            self.open += 1
            while (line := (await reader.readuntil(b"\n\n")).rpartition(b"data: ")[2].strip()) != b"end":
                assert int(line) == number, f"{line!r} instead of {number}"
                number += 1
                self.arrived += 1
        except (OSError, asyncio.IncompleteReadError, AssertionError, ValueError) as why:
            self.failures.append(f"a stream after {number} events: {type(why).__name__}: {why}")
        finally:
            if writer:
                writer.close()

    def open_streams(self, address: Address, count: int) -> None:
        """Opens them, and waits until all are."""
        assert not isinstance(address, str)
        self.clients = [asyncio.run_coroutine_threadsafe(self._read(address), self.loop) for _ in range(count)]
        end = time.monotonic() + 30
        while self.open < count and not self.failures and time.monotonic() < end:
            time.sleep(0.01)
        assert self.open == count, self.failures or f"{self.open} of {count} streams are open"

    def end_streams(self) -> None:
        """In order: each client sees the end."""
        self.is_over = True
        for client in self.clients:
            client.result(30)
        self.clients, self.open, self.is_over = [], 0, False

    def close(self) -> None:
        """Ends it with all its streams."""
        self.end_streams()
        asyncio.run_coroutine_threadsafe(self._finish(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _finish(self) -> None:
        """What was closed is closed in later turns of the loop."""
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.05)


class Load:
    """Clients that ask at a steady rate, each over a connection that it keeps as long as it may."""

    def __init__(self, address: Address, rate: float, threads: int = 8, request: Callable[[], bytes] = lambda: REQUEST):
        self.address = address
        self.request = request
        self.interval = threads / rate
        self.failures: list[str] = []
        self.answered = [0] * threads
        self.connections = [0] * threads
        self.times: list[float] = []
        self.is_over = False
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def _connect(self, number: int) -> socket.socket:
        self.connections[number] += 1
        assert not isinstance(self.address, str)
        return socket.create_connection(self.address, timeout=30)

    def _ask(self, sock: socket.socket) -> bytes:
        sock.sendall(self.request())
        answer = sock.recv(65536)
        while b"\r\n\r\n" not in answer or not answer.endswith(b"ok\n"):
            more = sock.recv(65536)
            if not more:
                raise ConnectionError(f"closed after {answer!r}")
            answer += more
        return answer

    def _run(self, number: int) -> None:
        sock = None
        due = time.monotonic()
        while not self.is_over:
            due += self.interval
            time.sleep(max(0.0, due - time.monotonic()))
            begin = time.monotonic()
            try:
                sock = sock or self._connect(number)
                answer = self._ask(sock)
            except OSError as why:
                self.failures.append(f"{time.strftime('%T')} {type(why).__name__}: {why}")
                if sock:
                    sock.close()
                sock = None
                continue
            self.times.append(time.monotonic() - begin)
            self.answered[number] += 1
            if not answer.startswith(b"HTTP/1.1 200"):
                self.failures.append(answer[:200].decode("latin-1"))
            if b"\r\nConnection: close\r\n" in answer:
                sock.close()
                sock = None
        if sock:
            sock.close()

    def stop(self) -> None:
        """Every request under way is answered still."""
        self.is_over = True
        for thread in self.threads:
            thread.join()


def nginx_for(directory: Path) -> Nginx:
    """An upstream that answers `ok`."""
    directory.mkdir()
    return Nginx(directory, directory, "location / { return 200 'ok\\n'; } keepalive_requests 100000000;")


def config(plain: str, events: str, routes: int, value: str, workers: int) -> dict[str, Any]:
    """What is in force: some routes beside those that are asked for, and one value."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"plain": {"endpoints": [plain]}, "events": {"endpoints": [events]}},
        "apis": {
            "plain": {
                "path": "/plain",
                "upstream": "plain",
                "routes": {f"r{i}": {"match": {"path": f"/r{i}/{{id}}"}} for i in range(routes)},
            },
            "events": {"path": "/events", "upstream": "events"},
            "value": {"path": "/value", "policies": [{"respond": {"body": value}}]},
        },
        "log": {"access": {"to": "file:access.log"}},
        "workers": workers,
    }


class Torture:
    """A gateway with everything around it."""

    def __init__(self, directory: Path, *, rate: float, streams: int, workers: int):
        self.workers, self.streams = workers, streams
        self.nginx = nginx_for(directory / "nginx")
        self.events = Events()
        self.gateway = Gateway(self.config(100, "begin"), directory, workers=None)
        self.events.open_streams(self.gateway.address(), streams)
        self.load = Load(self.gateway.address(), rate)
        self.resident: list[int] = []  # before, and after each change
        self.seconds: list[float] = []

    def config(self, routes: int, value: str) -> dict[str, Any]:
        """The configuration with that many further routes."""
        return config(self.nginx.address, self.events.address, routes, value, self.workers)

    def reload(self, number: int) -> None:
        """One change: each other one adds or removes routes."""
        routes = 150 if number // 2 % 2 else 100
        begin = time.monotonic()
        line = self.gateway.reload(self.config(routes, f"value {number}"))
        assert "in force" in line, line
        self.seconds.append(time.monotonic() - begin)

    def replace(self, number: int) -> None:
        """Another process."""
        begin = time.monotonic()
        self.gateway.replace()
        self.seconds.append(time.monotonic() - begin)
        assert self.gateway.get("/value").body == b"begin", number

    def run(self, change: Any, changes: int, seconds: float) -> None:
        """All of the changes, spread over the time."""
        begin = time.monotonic()
        self.resident.append(resident_bytes(self.gateway.pid))
        for number in range(changes):
            change(number)
            self.resident.append(resident_bytes(self.gateway.pid))
            time.sleep(max(0.0, begin + (number + 1) * seconds / changes - time.monotonic()))

    def settle(self) -> None:
        """Back to what it was in the beginning. The streams have been under the first configuration all the time, which
        goes when they end; others take their place."""
        count = self.events.open
        self.events.end_streams()
        self.reload(len(self.seconds) // 4 * 4)
        self.events.open_streams(self.gateway.address(), count)
        time.sleep(1)
        self.resident.append(resident_bytes(self.gateway.pid))

    def stop(self) -> list[str]:
        """Ends it; what went wrong."""
        self.load.stop()
        self.events.close()
        failures = self.load.failures + self.events.failures
        try:
            self.gateway.stop()
        except AssertionError as why:
            failures.append(str(why))
        self.nginx.stop()
        return failures

    def print_figures(self) -> None:
        """What it was like."""
        quantiles = statistics.quantiles(self.load.times, n=1000)
        took = sorted(self.seconds)
        print(f"requests answered   {sum(self.load.answered)} over {sum(self.load.connections)} connections, "
              f"failed {len(self.load.failures)}")
        print(f"their time          median {quantiles[499] * 1e3:.2f} ms, p99 {quantiles[989] * 1e3:.2f} ms, "
              f"highest {max(self.load.times) * 1e3:.0f} ms")
        print(f"streams             {self.streams} with {self.events.arrived} events, "
              f"failed {len(self.events.failures)}")
        print(f"changes             {len(took)}, median {statistics.median(took) * 1e3:.0f} ms, "
              f"highest {took[-1] * 1e3:.0f} ms")
        print(f"resident            {self.resident[0] / 2**20:.2f} MiB before, "
              f"{self.resident[len(self.resident) // 10] / 2**20:.2f} after a tenth, "
              f"{self.resident[-1] / 2**20:.2f} in the end")


def torture(options: argparse.Namespace) -> list[str]:
    """One of the first two."""
    with tempfile.TemporaryDirectory() as folder:
        run = Torture(Path(folder), rate=options.rate, streams=options.streams, workers=options.workers)
        time.sleep(WARM_SECONDS)
        try:
            run.run(run.reload if options.what == "reload" else run.replace, options.changes, options.seconds)
            if options.what == "reload":
                run.settle()
        finally:
            failures = run.stop()
        run.print_figures()
        if options.what == "reload" and run.resident[-1] > run.resident[0] * GROWTH:
            failures.append("the resident set has grown by more than 5 %")
        return failures


# The flood of resets.

def reset_pairs(count: int) -> bytes:
    """HEADERS and RST_STREAM for one stream after another."""
    block = bytes.fromhex("828684") + b"\x41\x07gw.test"  # GET http / gw.test
    head, reset = len(block).to_bytes(3, "big") + b"\1\5", b"\0\0\4\3\0"
    ids = ((2 * i + 1).to_bytes(4, "big") for i in range(count))
    return b"".join(b"%b%b%b%b%b\0\0\0\x08" % (head, stream, block, reset, stream) for stream in ids)


class Flood:
    """The client that sends them, evenly over the time, and what came of it."""

    def __init__(self, address: Address, pairs: bytes, seconds: float):
        self.address, self.pairs, self.seconds = address, pairs, seconds
        self.sent, self.received = 0, b""
        self.closed_after: float | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        assert not isinstance(self.address, str)
        begin, piece = time.monotonic(), len(self.pairs) // 1000 + 1
        with socket.create_connection(self.address) as sock:
            sock.settimeout(self.seconds)
            try:
                sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
                while self.sent < len(self.pairs):
                    sock.sendall(self.pairs[self.sent:self.sent + piece])
                    self.sent += piece
                    time.sleep(max(0.0, begin + self.seconds * self.sent / len(self.pairs) - time.monotonic()))
            except (BrokenPipeError, ConnectionResetError):
                self.closed_after = time.monotonic() - begin
            try:
                while data := sock.recv(65536):
                    self.received += data
                self.closed_after = self.closed_after or time.monotonic() - begin
            except (TimeoutError, ConnectionResetError):
                pass


def resets(options: argparse.Namespace) -> list[str]:
    """The flood, beside a steady load."""
    pairs, failures = reset_pairs(options.pairs), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nginx = nginx_for(folder / "nginx")
        document = {
            "listeners": {"main": {"address": "127.0.0.1:0", "protocols": ["h2", "h1"]}},
            "upstreams": {"app": {"endpoints": [nginx.address]}}, "apis": {"all": {"upstream": "app"}},
            "log": {"access": {"to": "off"}}, "workers": options.workers,
        }
        ratios, floods = [], []
        with Gateway(document, folder, workers=None) as gateway:
            address = gateway.address()
            p99_of(address, options.rate, WINDOW_SECONDS, folder)
            for _ in range(WINDOWS):
                steady = p99_of(address, options.rate, WINDOW_SECONDS, folder)
                flood = Flood(address, pairs, WINDOW_SECONDS)
                busy = p99_of(address, options.rate, WINDOW_SECONDS, folder)
                flood.thread.join()
                floods.append(flood)
                ratios.append(busy / steady)
            gateway.wait_for_message("too many requests are given up")
        nginx.stop()
        log = (folder / "nginx" / "access.log").read_text().splitlines()
        reached = sum('"GET / HTTP/1.1"' in line for line in log) / WINDOWS
    for flood in floods:
        print(f"{options.pairs} pairs: {flood.sent * options.pairs // len(pairs)} taken, then closed after "
              f"{flood.closed_after or 0:.3f} s")
        if flood.closed_after is None or flood.sent >= len(pairs):
            failures.append("the connection was not closed")
    print(f"of each flood {reached:g} requests reached the upstream")
    print(f"p99 at {options.rate:g} requests/s beside it: ratio of {WINDOWS} pairs: median "
          f"{statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    if reached > 200:
        failures.append(f"{reached:g} requests reached the upstream")
    if statistics.median(ratios) > 1.5:
        failures.append("the others wait longer by more than half")
    return failures


# The keys of an issuer.

def with_token(token: str) -> bytes:
    """A request that bears it."""
    return f"GET / HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {token}\r\n\r\n".encode("ascii")


def forge(address: Address, issuer: str, count: int) -> list[bytes]:
    """As many requests, each by a key that nobody has; what was answered otherwise than with 401."""
    claims = base64.urlsafe_b64encode(json.dumps({"iss": issuer, "aud": "torture", "exp": 4102444800}).encode()).rstrip(b"=")
    wrong = []
    assert not isinstance(address, str)
    with socket.create_connection(address, timeout=30) as sock:
        answers = sock.makefile("rb")
        for _ in range(count):
            header = json.dumps({"alg": "RS256", "kid": secrets.token_hex(8)}).encode()
            token = base64.urlsafe_b64encode(header).rstrip(b"=") + b"." + claims + b"." + b"A" * 342
            sock.sendall(with_token(token.decode("ascii")))
            status = answers.readline()
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
            if b" 401 " not in status:
                wrong.append(status)
    return wrong


def keys(options: argparse.Namespace) -> list[str]:
    """Keys that rotate under load, an issuer that is down, and keys that nobody knows."""
    issuer = Issuer()
    failures = []
    document = {
        "listeners": {"main": {"address": "127.0.0.1:0"}}, "workers": options.workers, "log": {"access": {"to": "off"}},
        "apis": {"all": {"policies": [
            {"jwt": {"issuer": issuer.url, "audience": "torture", "jwks": issuer.url + "/jwks.json"}},
            {"respond": {"body": "ok\n"}}]}},
    }

    def token() -> str:
        return issuer.token({"aud": "torture", "exp": int(time.time()) + 3600, "jti": secrets.token_hex(8)})

    def loaded(seconds: float, every: float, change: Callable[[], None]) -> None:
        """Asks at the rate for so long, with a change of the issuer's now and then, and a new token each second."""
        newest = [token()]
        load = Load(gateway.address(), options.rate, request=lambda: with_token(newest[0]))
        end, due = time.monotonic() + seconds, time.monotonic() + every
        while time.monotonic() < end:
            time.sleep(1)
            if time.monotonic() > due:
                change()
                due += every
            newest[0] = token()
        load.stop()
        failures.extend(load.failures)
        print(f"    {sum(load.answered)} answered, {len(load.failures)} wrong")

    with tempfile.TemporaryDirectory() as name, Gateway(document, Path(name), workers=None) as gateway:
        print(f"keys that rotate every 31 s at {options.rate:g} requests/s:")
        loaded(95, 31, lambda: issuer.rotate(secrets.token_hex(4), keeps=True))
        print(f"    {issuer.fetches()} fetches")
        issuer.close()
        print("the issuer is down:")
        loaded(60, 3600, lambda: None)
        issuer.reopen()
        time.sleep(35)  # until it was found again, and another key may be asked for
        before = issuer.fetches()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for wrong in pool.map(lambda _: forge(gateway.address(), issuer.url, 25_000), range(4)):
                failures.extend(status.decode("latin-1") for status in wrong)
        caused = issuer.fetches() - before
        print(f"100,000 keys that nobody knows: {caused} fetches")
        if caused > 2:
            failures.append(f"unknown keys caused {caused} fetches")
    issuer.close()
    return failures


# Upstreams that break off.

def with_gateway(options: argparse.Namespace, use: Callable[[Callable[[str], Gateway]], list[str]],
                 **retries: Any) -> list[str]:
    """What use() says, which is given how to start the gateway in front of an upstream."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        return use(lambda address: stack.enter_context(
            Gateway({**fragile.config(address, **retries), "workers": options.workers}, Path(name), workers=None)))


def posts(options: argparse.Namespace) -> list[str]:
    """None may come twice."""
    def use(start: Callable[[str], Gateway]) -> list[str]:
        posted = fragile.post_through(start, options.count)
        print(posted)
        return [f"{posted.duplicates} came twice, {posted.unknown} were answered and did not come once"] * bool(
            posted.duplicates or posted.unknown)
    return with_gateway(options, use)


def idle(options: argparse.Namespace) -> list[str]:
    """First GETs, then POSTs, half of them each."""
    failures = []
    for method, share in (("GET", 0.0), ("POST", 0.001)):
        def use(start: Callable[[str], Gateway], method: str = method, share: float = share) -> list[str]:
            outcome, closes = fragile.ask_at_close(start, method, options.count // 2)
            total = sum(outcome.statuses.values())
            failed = total - outcome.statuses[200]
            print(f"{method}: {total} in {outcome.seconds:.0f} s, {closes} connections were closed idle, {failed} failed "
                  f"({100 * failed / total:.3f} %)")
            return [f"{failed} {method}s failed"] * (failed > share * total)
        failures += with_gateway(options, use)
    return failures


def refused(options: argparse.Namespace) -> list[str]:
    """A fifth more, and ten."""
    def use(start: Callable[[str], Gateway]) -> list[str]:
        sent, windows = fragile.ask_steadily(start, int(options.rate), int(options.seconds))
        seen = sum(windows[::10])
        print(f"{sent} requests at {options.rate:g}/s: the upstream saw {seen}, {max(windows)} in its busiest second")
        return [f"it saw {seen}"] * (seen > 1.2 * sent + 10)
    return with_gateway(options, use, budget=20)


# A store that is gone.

def kill_redis(mode: str, options: argparse.Namespace, folder: Path) -> list[str]:
    """A third of the time with it, a third without, and a third with it again."""
    log, third, server = folder / "h2load.log", options.seconds / 9, Redis(folder / "redis")
    document = {
        "listeners": {"main": {"address": "127.0.0.1:0"}}, "workers": options.workers, "log": {"access": {"to": "off"}},
        "store": {"redis": server.address, "on_failure": mode},
        "apis": {"all": {"policies": [{"rate_limit": {"limit": "1000000/1s"}}, {"respond": {"body": "ok\n"}}]}},
    }
    with Gateway(document, folder, workers=None) as gateway:
        load = timed_load(gateway.address(), options.rate, 3 * third, log)
        time.sleep(third)
        killed = time.time()
        server.kill()
        time.sleep(third)
        back = time.time()
        server.start()
        load.wait()
        told = [line for line in gateway.messages.snapshot() if " store: " in line]
    server.stop()
    rows = [(int(began) / 1e6, int(status), int(took) / 1e6) for began, status, took in map(str.split, log.read_text().splitlines())]

    def p99(since: float, until: float) -> float:
        return statistics.quantiles((took for began, _, took in rows if since <= began < until), n=100)[98] * 1e3

    before, after = p99(killed - third + 0.5, killed - 0.1), p99(killed + 0.1, back)
    without = [status for began, status, _ in rows if killed + 0.1 <= began < back]
    wanted = 503 if mode == "deny" else 200
    late = sum(status != 200 for began, status, _ in rows if began < killed - 0.1)
    print(f"{mode}: {len(rows)} requests, {late} refused with it, {sum(status == wanted for status in without)} of "
          f"{len(without)} got {wanted} without it; "
          f"p99 {before:.2f} ms before, {after:.2f} ms without, {len(told)} lines")
    failures = [f"{mode}: {status} without it" for status in set(without) - {wanted}]
    failures += [f"{mode}: {late} requests got something else with it"] * (late > len(rows) * LATE)
    failures += [f"{mode}: p99 is {after - before:.2f} ms worse"] * (after > before + 1)
    return failures + [f"{mode}: {line}" for line in told if len(told) != 2]


def redis(options: argparse.Namespace) -> list[str]:
    """Redis killed under load."""
    failures = []
    for mode in ("local", "allow", "deny"):
        with tempfile.TemporaryDirectory() as folder:
            failures += kill_redis(mode, options, Path(folder))
    return failures


COMMANDS = {
    "reload": torture, "replace": torture, "large": large.large, "scrape": large.scrape, "resets": resets, "keys": keys,
    "posts": posts, "idle": idle, "refused": refused, "memory": overload.memory, "lag": overload.lag, "exact": limits.exact,
    "constant": limits.constant, "distinct": limits.distinct, "resilience": resilience.resilience, "redis": redis,
}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="changes without end under load")
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--changes", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--routes", type=int, default=50000)
    parser.add_argument("--series", type=int, default=50000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--count", type=int)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    Gateway.limits = {}  # those that a user has
    options.seconds = options.seconds or {"lag": 10, "resilience": 6}.get(options.what, 60)
    options.count = options.count or {"posts": 1_000_000, "idle": 40_000}.get(options.what, 0)
    options.rate = options.rate or {"keys": 1000, "refused": 1000, "redis": 5000, "resilience": 300}.get(options.what, 2000)
    options.changes = options.changes or {"reload": 500, "replace": 20, "large": 10}.get(options.what, 0)
    failures = COMMANDS[options.what](options)
    for words in failures[:20]:
        print(f"failed: {words}")
    print(f"torture: {'failed' if failures else 'passed'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
