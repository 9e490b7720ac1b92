# SPDX-License-Identifier: Apache-2.0
"""Overload: at its bound on memory, or when it is late, the gateway refuses what is new, serves what it has and those who
watch it, and goes on afterwards. The same in large: `tests/torture.py memory` and `lag`."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import overload
from admin import Admin
from gatehouse import Gateway, run_command
from peers import Nginx
from simple import config, get, post
from tls import secure
from upstream import Upstream
from wire import Connection, Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

MIB = 1 << 20
SHORT = 'gatehouse_overload_total{reason="memory"}'
LATE = 'gatehouse_overload_total{reason="lag"}'
PAUSED = 'gatehouse_overload_total{reason="accepts_paused"}'


def told_memory(text: str, folder: Path) -> str:
    """The line of `check`, or what is wrong."""
    (folder / "gatehouse.yaml").write_text(text)
    done = run_command("check", "-c", "gatehouse.yaml", cwd=folder)
    return done.stdout.partition("\n")[2] or done.stderr


SMALL = """
listeners: {{ main: {{ address: "127.0.0.1:0", limits: {{ connections: 1000 }} }} }}
apis: {{ web: {{ policies: [ respond: {{ body: ok }} ] }} }}
metrics: {{ enabled: false }}
workers: 2
{more}
"""


def test_check_tells_how_much_memory_it_takes_at_most(tmp_path: Path) -> None:
    """With the largest parts first."""
    line = told_memory(SMALL.format(more=""), tmp_path)
    assert re.fullmatch(r"memory: at most [\d.]+ GiB: 131072 requests in flight [\d.]+ GiB, heads and bodies in flight 4 GiB, "
                        r"256 encoders 320 MiB, .*; \d+ MiB before anybody has come: .*\n", line), line
    more = told_memory(SMALL.format(more="").replace("connections: 1000", "connections: 10000000"), tmp_path)
    assert more.startswith("memory: at most ") and "10000000 connections of clients 9.5 GiB" in more


def test_a_bound_is_what_check_tells_then(tmp_path: Path) -> None:
    """And one with which nobody could be served is an error."""
    line = told_memory(SMALL.format(more="limits: { memory: 512MiB }"), tmp_path)
    assert re.match(r"memory: at most 512 MiB \(limits.memory\): \d+ MiB for connections and requests, ", line), line
    wrong = told_memory(SMALL.format(more="limits: { memory: 32MiB }"), tmp_path)
    least = re.search(r"error: limits.memory: this configuration needs (\d+)MiB at least", wrong)
    assert least, wrong
    assert told_memory(SMALL.format(more="limits: { memory: %sMiB }" % least[1]), tmp_path).startswith("memory: at most ")


def checked(count: int, check: str) -> str:
    """A configuration whose upstream has so many endpoints, and their checks."""
    endpoints = ", ".join(f"'127.0.0.1:{port}'" for port in range(10000, 10000 + count))
    return SMALL.format(more=f"upstreams: {{ many: {{ endpoints: [{endpoints}], {check} }} }}")


def mib_before_anybody(line: str) -> int:
    """Of the line of `check`."""
    found = re.search(r"; (\d+) MiB before anybody has come: ", line)
    assert found, line
    return int(found[1])


def test_health_checks_take_memory(tmp_path: Path) -> None:
    """So many at a time, the more the more they must hold of an answer."""
    by_http, by_grpc = "health_check: {}", "health_check: { type: grpc }"
    none, one, many, more, large = (
        mib_before_anybody(told_memory(text, tmp_path))
        for text in (checked(1000, ""), checked(1, by_http), checked(128, by_http), checked(1000, by_http), checked(128, by_grpc)))
    assert none - 1 <= one <= none + 1
    assert none + 40 < many <= more < many + 5
    assert many + 80 < large
    assert "1000 health checks " in told_memory(checked(1000, by_http), tmp_path)


def test_tables_of_limits_take_memory(tmp_path: Path) -> None:
    """Each where it is used: so much for quotas, so much for limits of concurrency."""
    text = ("listeners: { main: { address: '127.0.0.1:0' } }\nquotas: { file: q.db }\n"
            "apis: { web: { policies: [%srespond: {}] } }\n")
    none, quota, both = (mib_before_anybody(told_memory(text % policies, tmp_path)) for policies in (
        "", "quota: { limit: 1/1mo, by: client_ip }, ", "quota: { limit: 1/1mo, by: client_ip }, concurrency: { limit: 9 }, "))
    assert none + 39 <= quota <= none + 41
    assert quota + 27 <= both <= quota + 29


class Holding:
    """An upstream that answers when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, request: Request) -> bytes:
        if request.target.startswith("/hold"):
            self.go.wait(60)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def bounded(endpoint: str, **limits: Any) -> dict[str, Any]:
    """One listener for clients and one for those who watch."""
    made = config(endpoint, timeouts={"response": "100s"})
    made["listeners"]["watch"] = {"address": "127.0.0.1:0", "priority": "high"}
    return {**made, "limits": limits, "admin": {"address": "127.0.0.1:0"}, "log": {"access": {"to": "stdout"}}}


@contextlib.contextmanager
def crowd(gateway: Gateway, admin: Admin, request: bytes, is_enough: Callable[[dict[str, float]], bool]) -> Iterator[int]:
    """Clients that come until there are enough. How many."""
    clients: list[Connection] = []
    with contextlib.ExitStack() as stack:
        while not is_enough(admin.metrics()):
            assert len(clients) < 4000
            for _ in range(50):
                clients.append(stack.enter_context(gateway.connect("main")))
                clients[-1].send(request)
        yield len(clients)


def least_memory(endpoint: str, folder: Path, workers: int = 1) -> int:
    """The smallest bound that passes, in MiB."""
    (folder / "least.yaml").write_text(json.dumps({**bounded(endpoint, memory=MIB), "workers": workers}))
    said = run_command("check", "-c", "least.yaml", cwd=folder).stderr
    found = re.search(r"needs (\d+)MiB at least", said)
    assert found, said
    return int(found[1])


HEAVY = {"requests": get("/hold"), "bodies": post(b"x" * 60_000, "/hold"), "heads": get("/hold", "X-Big: %s\r\n" % ("y" * 8000))}


@pytest.mark.parametrize("request_bytes", HEAVY.values(), ids=HEAVY)
def test_at_its_bound_it_refuses_and_goes_on(request_bytes: bytes, upstream: StartUpstream, gateway: StartGateway,
                                             tmp_path: Path) -> None:
    """Who has begun is served, who is new gets 503, who watches gets through, and afterwards all is as before."""
    holding = Holding()
    app = upstream(holding)
    limit = least_memory(app.address, tmp_path)
    running = gateway(bounded(app.address, memory=f"{limit}MiB", lag="0s"))
    admin = Admin(running)
    with running.connect("main") as first, running.connect("main") as waiting:
        assert first.send(get("/before")) and first.read_answer().status == 200
        waiting.send(get("/hold"))
        app.wait_for_requests(2)
        with crowd(running, admin, request_bytes, lambda now: now[SHORT] >= 1 and now[PAUSED] >= 1):
            first.send(get("/refused"))
            refused = first.read_answer()
            assert refused.status == 503 and refused.get("Retry-After")
            assert running.get("/watched", listener="watch").status == 200
            assert admin.get("/healthz").status == 200 and admin.get("/readyz").status == 200
            now = admin.metrics()
            assert now["gatehouse_memory_bytes"] <= now["gatehouse_memory_limit_bytes"] <= 17 * MIB
            holding.go.set()
            assert waiting.read_answer().status == 200
    wait_until(lambda: running.get("/after").status == 200, "the gateway to serve again")
    wait_until(lambda: admin.metrics()["gatehouse_memory_bytes"] < 12 * MIB, "the memory to be given back")
    assert any(line["reason"] == "overloaded" and line["status"] == 503 for line in running.log if "reason" in line)


def test_what_many_workers_keep_for_later_is_given_back(upstream: StartUpstream, gateway: StartGateway,
                                                        tmp_path: Path) -> None:
    """Each keeps stacks for the next requests, all of them together nearly as much as there may be."""
    app = upstream()
    limit = least_memory(app.address, tmp_path, workers=8)
    running = gateway(bounded(app.address, memory=f"{limit}MiB", lag="0s"), workers=8)
    admin = Admin(running)
    with crowd(running, admin, b"G", lambda now: now[PAUSED] >= 1):
        pass
    wait_until(lambda: [running.get("/after").status for _ in range(16)] == [200] * 16, "all workers to serve again")


def test_a_reload_moves_the_bound(upstream: StartUpstream, gateway: StartGateway) -> None:
    """For workers that are at work."""
    app = upstream()
    running = gateway(bounded(app.address, memory="200MiB"))
    admin = Admin(running)
    before = admin.metrics()["gatehouse_memory_limit_bytes"]
    running.reload({**bounded(app.address, memory="300MiB"), "workers": 1})
    assert abs(admin.metrics()["gatehouse_memory_limit_bytes"] - before - 100 * MIB) < MIB
    assert running.get("/").status == 200


def flood(gateway: Gateway, is_over: threading.Event) -> None:
    """Requests one behind the other, again and again, with what is answered thrown away."""
    while not is_over.is_set():
        with contextlib.suppress(OSError), gateway.connect("main") as client:
            client.send(get("/here") * 300 + get("/here", "Connection: close\r\n"))
            client.read_until_closed()


def test_who_is_late_all_the_time_refuses(upstream: StartUpstream, gateway: StartGateway) -> None:
    """By a bound that any load is beyond; and no longer than the load lasts."""
    app = upstream()
    made = bounded(app.address, lag="1ms")
    made["apis"]["here"] = {"path": "/here", "policies": [{"respond": {"body": "x" * 1000}}]}
    running = gateway(made)
    admin = Admin(running)
    is_over = threading.Event()
    floods = [threading.Thread(target=flood, args=(running, is_over)) for _ in range(12)]
    for thread in floods:
        thread.start()
    try:
        wait_until(lambda: admin.metrics()[LATE] >= 10, "requests to be refused")
        assert running.get("/watched", listener="watch").status == 200
        assert admin.get("/healthz").status == 200
    finally:
        is_over.set()
        for thread in floods:
            thread.join()
    wait_until(lambda: running.get("/after").status == 200, "the gateway to serve again")
    assert "overloaded: who has waited for half of limits.lag is refused" in running.errors
    wait_until(lambda: sum(map(int, re.findall(r"no longer overloaded: (\d+) were refused", running.errors)))
               == admin.metrics()[LATE], "each worker to say that it is over")


def test_who_waits_for_a_request_before_it_does_not_make_the_worker_late(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Requests one behind the other, and a service that takes its time for each."""
    def answer(_: Request) -> bytes:
        time.sleep(0.4)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    running = gateway(bounded(upstream(answer).address, lag="100ms"))
    with running.connect("main") as client:
        client.send(get("/") * 5)
        assert [client.read_answer().status for _ in range(5)] == [200] * 5


def handshake_error(gateway: Gateway, context: ssl.SSLContext) -> str:
    """What a client says who tries; nothing: it is done."""
    try:
        with socket.create_connection(gateway.address("secure"), timeout=20) as plain, \
                context.wrap_socket(plain, server_hostname="gw.test"):
            return ""
    except OSError as why:
        return type(why).__name__


def test_late_it_closes_who_would_shake_hands(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """A handshake costs more than a request; afterwards it is made again."""
    tls, context = secure(tmp_path)
    made = bounded(upstream().address, lag="1ms")
    made["listeners"]["secure"] = {"address": "127.0.0.1:0", "tls": tls}
    made["apis"]["here"] = {"path": "/here", "policies": [{"respond": {"body": "x" * 1000}}]}
    running = gateway(made)
    assert handshake_error(running, context) == ""
    is_over = threading.Event()
    floods = [threading.Thread(target=flood, args=(running, is_over)) for _ in range(12)]
    for thread in floods:
        thread.start()
    try:
        wait_until(lambda: handshake_error(running, context) in ("SSLEOFError", "SSLZeroReturnError", "ConnectionResetError"),
                   "a handshake that is not made")
    finally:
        is_over.set()
        for thread in floods:
            thread.join()
    wait_until(lambda: handshake_error(running, context) == "", "handshakes to be made again")


def test_late_it_serves_those_who_have_not_waited_for_long(tmp_path: Path, stack: contextlib.ExitStack) -> None:
    """Twice as many come as can be served, each with a connection of its own: of what is done, enough is done for those who
    are still there. `tests/torture.py lag` measures it."""
    overload.write_words(tmp_path / "words.txt")
    nginx = Nginx(tmp_path, tmp_path, "location / { default_type text/plain; try_files /words.txt =404; }")
    stack.callback(nginx.stop)
    shares: list[float] = []
    while len(shares) < 3 and max(shares, default=0.0) <= 0.25:  # what else the machine does takes from it
        one = overload.lag_round("50ms", nginx.address, 4)
        assert one.visits.refused
        shares.append(one.share())
    assert max(shares) > 0.25, shares


def test_by_default_who_has_waited_for_a_quarter_of_a_second_may_be_refused(tmp_path: Path, stack: contextlib.ExitStack) -> None:
    """`limits.lag` is 500ms, which only this test has: elsewhere it is off, or as a test says. Nobody is refused before half
    of it, and those who wait for a second at most are refused in time."""
    overload.write_words(tmp_path / "words.txt")
    nginx = Nginx(tmp_path, tmp_path, "location / { default_type text/plain; try_files /words.txt =404; }")
    stack.callback(nginx.stop)
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(overload.lag_config("", nginx.address)))
    shown = run_command("explain", "-c", path, "GET", "http://gw.test/").stdout
    assert "or while a worker is 500ms late" in shown, shown
    refused: list[float] = []
    for _ in range(4):  # a machine with other work may keep the clients from coming
        refused = refused or overload.lag_round("", nginx.address, 4).visits.refused
    assert refused and min(refused) >= 0.245, min(refused, default=None)  # the kernel's clock has ticks
