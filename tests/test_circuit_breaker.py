# SPDX-License-Identifier: Apache-2.0
"""Circuit breakers: how much of an upstream may be under way, over all workers, and what is said beyond it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway
from h2_upstream import H2Request, H2Upstream
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import Answer, Connection, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def config(address: str, breaker: dict[str, int], **upstream: Any) -> dict[str, Any]:
    """One upstream with these bounds."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "admin": {"address": "127.0.0.1:0"},
        "upstreams": {"app": {"endpoints": [address], "circuit_breaker": breaker, **upstream}},
        "apis": {"all": {"upstream": "app"}},
    }


class Gate:
    """Answers only when it is told to."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.lock = threading.Lock()
        self.under_way = self.highest = self.served = 0

    def answer(self, _: Any) -> bytes:
        """For an upstream over HTTP/1."""
        with self.lock:
            self.under_way += 1
            self.highest = max(self.highest, self.under_way)
        self.opened.wait(20)
        with self.lock:
            self.under_way -= 1
            self.served += 1
        return OK_ANSWER

    def wait_for(self, count: int) -> None:
        """Until so many wait here."""
        wait_until(lambda: self.under_way == count, f"{count} requests under way")


@contextlib.contextmanager
def asking(gateway: Gateway, count: int, method: str = "GET") -> Iterator[list[Connection]]:
    """So many requests, each on a connection of its own, not answered yet."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(gateway.connect()) for _ in range(count)]
        for client in clients:
            client.send(f"{method} / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n".encode("ascii"))
        yield clients


def assert_refused(answer: Answer, error: str) -> None:
    """As the contract says."""
    assert answer.status == 503
    assert answer.get("retry-after") == "1"
    assert answer.get("proxy-status") == f"gatehouse; error={error}"
    assert answer.get("content-type") == "application/problem+json"


@pytest.mark.workers
@pytest.mark.parametrize("workers", [1, 2])
def test_requests_are_bounded_exactly(upstream: StartUpstream, gateway: StartGateway, workers: int) -> None:
    gate = Gate()
    running = gateway(config(upstream(gate.answer).address, {"requests": 7}, retries={"attempts": 3, "on": ["503"]}),
                      workers=workers)
    admin = Admin(running)
    with asking(running, 7) as clients:
        gate.wait_for(7)
        for method in ("GET", "POST"):
            with asking(running, 20, method) as others:
                for other in others:
                    assert_refused(other.read_answer(), "destination_unavailable")
        shown, = admin.get("/v1/upstreams").json["upstreams"]
        assert shown["circuit_breaker"] == {"requests": {"now": 7, "max": 7}}
        metrics = admin.metrics()
        assert metrics['gatehouse_circuit_breaker_open{upstream="app",bound="requests"}'] == 1
        assert metrics['gatehouse_circuit_breaker_open{upstream="app",bound="connections"}'] == 0
        assert metrics['gatehouse_circuit_breaker_refused_total{upstream="app",bound="requests"}'] == 40
        assert metrics['gatehouse_retries_total{upstream="app"}'] == 0
        gate.opened.set()
        assert [client.read_answer().status for client in clients] == [200] * 7
    assert (gate.highest, gate.served) == (7, 7)
    wait_until(lambda: admin.get("/v1/upstreams").json["upstreams"][0]["circuit_breaker"]["requests"]["now"] == 0,
               "no request under way")
    assert running.get().status == 200
    log = running.wait_for_log(48)
    assert Counter(entry["reason"] for entry in log if entry["status"] == 503) == {"upstream_overloaded": 40}
    assert {entry["upstream"] for entry in log} == {"app"}


def test_a_reload_keeps_the_count(upstream: StartUpstream, gateway: StartGateway) -> None:
    """It belongs to the upstream's name; the bound is that of the configuration in force."""
    gate = Gate()
    service = upstream(gate.answer)
    running = gateway(config(service.address, {"requests": 3}))
    with asking(running, 3) as clients:
        gate.wait_for(3)
        assert "in force" in running.reload(config(service.address, {"requests": 4}, retries={"attempts": 1}))
        with asking(running, 1) as more:
            gate.wait_for(4)
            assert_refused(running.get(), "destination_unavailable")
            gate.opened.set()
            assert [client.read_answer().status for client in clients + more] == [200] * 4


def test_a_client_that_leaves_is_not_counted_any_more(upstream: StartUpstream, gateway: StartGateway) -> None:
    gate = Gate()
    running = gateway(config(upstream(gate.answer).address, {"requests": 1}))
    with asking(running, 1):
        gate.wait_for(1)
        assert running.get().status == 503
    gate.opened.set()
    wait_until(lambda: running.get().status == 200, "room again")


def test_a_websocket_is_a_request_as_long_as_it_is_open(upstream: StartUpstream, gateway: StartGateway) -> None:
    def serve(connection: UpstreamConnection) -> None:
        while request := connection.read_request():
            if not request.get("upgrade"):
                connection.send(OK_ANSWER)
                continue
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            connection.read_until_closed()
            return

    running = gateway(config(upstream(serve=serve).address, {"requests": 1}))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert client.read_answer().status == 101
        assert running.get().status == 503
    wait_until(lambda: running.get().status == 200, "the end of the WebSocket")


# Connections.


class Counting:
    """An upstream's side of connections: how many there are at a time."""

    def __init__(self, gate: Gate, *, closes: bool = False):
        self.gate, self.closes = gate, closes
        self.lock = threading.Lock()
        self.open = self.highest = self.all = 0

    def serve(self, connection: UpstreamConnection) -> None:
        """Until the gateway closes, or after one answer."""
        with self.lock:
            self.open += 1
            self.all += 1
            self.highest = max(self.highest, self.open)
        try:
            while request := connection.read_request():
                answer = self.gate.answer(request)
                if self.closes:
                    # It is over for the gateway with the answer's last byte; counted before that.
                    with self.lock:
                        self.open -= 1
                    connection.send(answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                    connection.end()
                    return
                connection.send(answer)
        finally:
            with self.lock:
                self.open -= not self.closes


@pytest.mark.workers
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("closes", [False, True])
def test_connections_are_bounded_and_the_others_wait(upstream: StartUpstream, gateway: StartGateway, workers: int,
                                                     closes: bool) -> None:
    """Nobody is refused while there is room to wait, and what is beyond does not reach the upstream. (That it sees a
    close before the next connection is a matter of its own threads.)"""
    gate = Gate()
    service = Counting(gate, closes=closes)
    running = gateway(config(upstream(serve=service.serve).address, {"connections": 3, "pending": 40},
                             timeouts={"connect": "20s"}), workers=workers)
    admin = Admin(running)
    with asking(running, 43) as clients:
        gate.wait_for(3)
        wait_until(lambda: admin.get("/v1/upstreams").json["upstreams"][0]["circuit_breaker"]
                   == {"connections": {"now": 3, "max": 3}, "pending": {"now": 40, "max": 40}}, "the queue")
        assert_refused(running.get(), "connection_limit_reached")
        metrics = admin.metrics()
        assert metrics['gatehouse_circuit_breaker_open{upstream="app",bound="connections"}'] == 1
        assert metrics['gatehouse_circuit_breaker_refused_total{upstream="app",bound="connections"}'] == 1
        gate.opened.set()
        assert [client.read_answer().status for client in clients] == [200] * 43
    assert gate.highest == 3
    entry, = [entry for entry in running.wait_for_log(44) if entry["status"] == 503]
    assert entry["reason"] == "upstream_connections_exceeded"


def test_who_waits_in_vain_is_told(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Within the time to connect, without a try more, and in order."""
    gate = Gate()
    running = gateway(config(upstream(gate.answer).address, {"connections": 1}, timeouts={"connect": "300ms"},
                             retries={"attempts": 3, "on": ["connect", "503"]}))
    with asking(running, 1) as first, asking(running, 3) as others:
        gate.wait_for(1)
        for other in others:
            assert_refused(other.read_answer(), "connection_limit_reached")
        gate.opened.set()
        assert first[0].read_answer().status == 200
    assert gate.served == 1
    assert {entry["attempts"] for entry in running.wait_for_log(4)} == {1}


def test_who_leaves_the_queue_is_passed_over(upstream: StartUpstream, gateway: StartGateway) -> None:
    gate = Gate()
    running = gateway(config(upstream(gate.answer).address, {"connections": 1}, timeouts={"connect": "20s"}))
    admin = Admin(running)

    def pending() -> int:
        return int(admin.get("/v1/upstreams").json["upstreams"][0]["circuit_breaker"]["pending"]["now"])

    with asking(running, 1) as first:
        gate.wait_for(1)
        with asking(running, 5):
            wait_until(lambda: pending() == 5, "five that wait")
        wait_until(lambda: pending() == 0, "nobody that waits")
        with asking(running, 1) as last:
            wait_until(lambda: pending() == 1, "one that waits")
            gate.opened.set()
            assert [client.read_answer().status for client in first + last] == [200, 200]
    assert gate.served == 2


@pytest.mark.workers
def test_an_idle_connection_of_another_worker_is_let_go_of(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Each request comes to any of the workers; with one connection for all of them none may wait for long."""
    gate = Gate()
    gate.opened.set()
    service = Counting(gate)
    running = gateway(config(upstream(serve=service.serve).address, {"connections": 1}, timeouts={"connect": "20s"},
                             connections={"idle_timeout": "1h"}), workers=2)
    begin = time.monotonic()
    for _ in range(40):
        assert running.get().status == 200
    assert time.monotonic() - begin < 20
    assert service.highest == 1 or service.all > 1


def test_an_idle_connection_to_another_endpoint_is_let_go_of(upstream: StartUpstream, gateway: StartGateway) -> None:
    gate = Gate()
    gate.opened.set()
    services = [Counting(gate), Counting(gate)]
    document = config(upstream(serve=services[0].serve).address, {"connections": 1})
    document["upstreams"]["app"]["endpoints"].append(upstream(serve=services[1].serve).address)
    running = gateway(document)
    for _ in range(10):
        assert running.get().status == 200
    assert [service.all for service in services] == [5, 5]


def test_sessions_of_http2_are_connections(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """Four streams on each of two; the others wait for a stream."""
    gate = Gate()

    def answer(request: H2Request) -> None:
        def later() -> None:
            gate.answer(request)
            request.respond(200, b"ok")
        threading.Thread(target=later, daemon=True).start()

    service = H2Upstream(answer, streams=4)
    stack.callback(service.stop)
    running = gateway(config(service.address, {"connections": 2}, protocol="h2", timeouts={"connect": "20s"}))
    with asking(running, 1) as first:
        gate.wait_for(1)  # its settings are here
        with asking(running, 29) as others:
            gate.wait_for(8)
            gate.opened.set()
            assert [client.read_answer().status for client in first + others] == [200] * 30
    assert gate.highest <= 8
    assert len(service.connections) <= 2
