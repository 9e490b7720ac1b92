# SPDX-License-Identifier: Apache-2.0
"""Trying again, and whom to try: nothing may happen twice, and nothing that is safe may fail."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Answer, Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]
NOT_IDEMPOTENT = ["POST", "PATCH"]


def config(*endpoints: Any, retries: dict[str, Any] | None = None, limits: dict[str, Any] | None = None,
           **upstream: Any) -> dict[str, Any]:
    """One upstream with these endpoints."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "limits": limits or {}}},
        "upstreams": {"app": {"endpoints": list(endpoints), "retries": {"backoff": "1ms", **(retries or {})},
                              **upstream}},
        "apis": {"all": {"upstream": "app"}},
    }


def ask(gateway: Gateway, method: str = "GET", body: bytes | None = None, fields: str = "",
        path: str = "/") -> Answer:
    """One request on a connection of its own."""
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{length}{fields}\r\n"
    with gateway.connect() as client:
        client.send(head.encode("latin-1") + (body or b""))
        return client.read_answer(method)


@pytest.fixture
def refused() -> Iterator[str]:
    """An endpoint that refuses connections: bound, so that nobody else takes the port, and not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{sock.getsockname()[1]}"


class Moody:
    """Upstreams that fail the first so many requests in some way, and count all of them."""

    def __init__(self, failures: int, fail: Callable[[UpstreamConnection], None] | bytes):
        self.left = failures
        self.fail = fail
        self.lock = threading.Lock()
        self.requests: list[Request] = []

    def serve(self, connection: UpstreamConnection) -> None:
        """Reads a whole request, then fails or answers."""
        while request := connection.read_request():
            with self.lock:
                self.requests.append(request)
                fails = self.left > 0
                self.left -= fails
            if not fails:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            elif isinstance(self.fail, bytes):
                connection.send(self.fail)
            else:
                self.fail(connection)
                return


def close(connection: UpstreamConnection) -> None:
    """In order."""
    connection.end()


def reset(connection: UpstreamConnection) -> None:
    """With a RST."""
    connection.reset()


def hang(connection: UpstreamConnection) -> None:
    """Says nothing until the gateway gives up."""
    connection.read_until_closed()


# No connection came about.


@pytest.mark.parametrize("method", IDEMPOTENT + NOT_IDEMPOTENT)
def test_a_refused_connection_is_tried_elsewhere(upstream: StartUpstream, gateway: StartGateway, refused: str,
                                                 method: str) -> None:
    """Nothing was sent, so any method may."""
    service = upstream()
    running = gateway(config(refused, service.address))
    body = b"a body" if method in ("POST", "PUT", "PATCH") else None
    assert [ask(running, method, body).status for _ in range(6)] == [200] * 6
    assert [request.body for request in service.requests] == [body or b""] * 6
    attempts = [entry["attempts"] for entry in running.wait_for_log(6)]
    assert sorted(set(attempts)) == [1, 2]
    assert {entry["endpoint"] for entry in running.log} == {service.address}


def test_where_all_refuse_the_answer_says_so(gateway: StartGateway, refused: str) -> None:
    running = gateway(config(refused, retries={"attempts": 3}))
    assert ask(running).status == 502
    entry, = running.wait_for_log(1)
    assert (entry["reason"], entry["attempts"]) == ("upstream_connect_refused", 3)


def test_one_attempt_is_one_attempt(upstream: StartUpstream, gateway: StartGateway, refused: str) -> None:
    running = gateway(config(refused, upstream().address, retries={"attempts": 1}))
    statuses = Counter(ask(running).status for _ in range(6))
    assert statuses == {200: 3, 502: 3}


def test_a_body_is_not_lost_to_a_refused_connection(upstream: StartUpstream, gateway: StartGateway,
                                                    refused: str) -> None:
    """Also one that is larger than what is kept for another try: not a byte of it was used."""
    service = upstream()
    running = gateway(config(refused, service.address, limits={"replay": "1KiB"}))
    body = bytes(range(256)) * 4096
    for _ in range(4):
        assert ask(running, "POST", body).status == 200
    assert [request.body for request in service.requests] == [body] * 4


# Kept connections that have ended.


def test_connections_that_close_at_reuse_fail_no_request(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The upstream reads the second request of each connection and closes without a word: GETs are sent anew."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(OK_ANSWER)
        connection.read_request()
        connection.end()

    service = upstream(serve=serve)
    running = gateway(config(service.address))
    for _ in range(50):
        assert ask(running).status == 200
    log = running.wait_for_log(50)
    assert {entry["status"] for entry in log} == {200}
    assert {entry["attempts"] for entry in log[1:]} == {2}


def test_many_at_once_fail_no_request(upstream: StartUpstream, gateway: StartGateway) -> None:
    """All kept connections die at the same time, and nobody's retry meets another dead one."""
    count = 40
    gate = threading.Barrier(count)
    has_met = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        if not has_met.is_set():
            gate.wait(DEADLINE)
            has_met.set()
        connection.send(OK_ANSWER)
        if connection.read_request():
            connection.end()

    running = gateway(config(upstream(serve=serve).address))
    clients = [running.connect() for _ in range(count)]
    for _ in range(2):
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert {client.read_answer().status for client in clients} == {200}
    for client in clients:
        client.close()


def test_a_post_is_never_sent_twice(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Not even when the kept connection dies under it; each was seen once at most, and answered truthfully."""

    def serve(connection: UpstreamConnection) -> None:
        for _ in range(2):
            if connection.read_request():
                connection.send(OK_ANSWER)
        if connection.read_request():
            connection.end()

    service = upstream(serve=serve)
    running = gateway(config(service.address))
    statuses = [ask(running, "POST", b"%d" % i if i % 2 else None, path=f"/{i}").status for i in range(60)]
    seen = Counter(request.target for request in service.requests)
    assert max(seen.values()) == 1
    assert set(statuses) == {200, 502}
    assert len(seen) == 60


def test_a_connection_that_ended_while_it_was_kept_is_not_used(upstream: StartUpstream,
                                                               gateway: StartGateway) -> None:
    """The upstream closes each connection behind its answer without saying so before."""
    service = upstream(OK_ANSWER, close=True)
    running = gateway(config(service.address))
    for i in range(1, 21):
        assert ask(running, "POST", b"x").status == 200
        service.wait_for(lambda i=i: len([c for c in service.connections if c.is_finished]) >= i, "the close")
    assert len(service.requests) == 20
    assert {entry["attempts"] for entry in running.wait_for_log(20)} == {1}


def test_kept_connections_end_as_their_keep_alive_says(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n")
    running = gateway(config(service.address, connections={"idle_timeout": "1h"}))
    assert ask(running).status == 200
    service.wait_until_all_closed()


def test_kept_connections_end_by_the_configuration(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(config(service.address, connections={"idle_timeout": "200ms"}))
    assert ask(running).status == 200
    service.wait_until_all_closed()
    assert ask(running).status == 200
    assert len(service.connections) == 2


def test_no_more_connections_are_kept_than_configured(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(config(service.address, connections={"idle": 0}))
    for _ in range(3):
        assert ask(running).status == 200
    assert len(service.connections) == 3


# The request was sent, and nothing came back.


@pytest.mark.parametrize("fail", [close, reset])
@pytest.mark.parametrize("method", IDEMPOTENT)
def test_silence_is_tried_once_more(upstream: StartUpstream, gateway: StartGateway, method: str,
                                    fail: Callable[[UpstreamConnection], None]) -> None:
    moody = Moody(1, fail)
    running = gateway(config(upstream(serve=moody.serve).address))
    body = b"a body" if method == "PUT" else None
    assert ask(running, method, body).status == 200
    assert [(request.method, request.body) for request in moody.requests] == [(method, body or b"")] * 2
    assert running.wait_for_log(1)[0]["attempts"] == 2


@pytest.mark.parametrize("fail", [close, reset])
@pytest.mark.parametrize("body", [None, b"", b"a body"])
@pytest.mark.parametrize("method", [*NOT_IDEMPOTENT, "ODD"])
def test_silence_is_final_for_others(upstream: StartUpstream, gateway: StartGateway, method: str, body: bytes | None,
                                     fail: Callable[[UpstreamConnection], None]) -> None:
    moody = Moody(1, fail)
    running = gateway(config(upstream(serve=moody.serve).address, retries={"attempts": 5}))
    answer = ask(running, method, body)
    assert answer.status == 502
    assert len(moody.requests) == 1
    entry, = running.wait_for_log(1)
    assert (entry["reason"], entry["attempts"]) == ("upstream_reset", 1)


def test_silence_is_tried_once_and_no_more(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(5, close)
    running = gateway(config(upstream(serve=moody.serve).address, retries={"attempts": 5}))
    assert ask(running).status == 502
    assert len(moody.requests) == 2


def test_half_a_head_is_no_silence(upstream: StartUpstream, gateway: StartGateway) -> None:
    def fail(connection: UpstreamConnection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n")
        connection.end()

    moody = Moody(1, fail)
    running = gateway(config(upstream(serve=moody.serve).address, retries={"attempts": 5}))
    assert ask(running).status == 502
    assert len(moody.requests) == 1


def test_a_malformed_answer_is_final(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
    running = gateway(config(upstream(serve=moody.serve).address,
                             retries={"attempts": 5, "on": ["connect", "reset", "502", "503", "504", "timeout"]}))
    assert ask(running).status == 502
    assert len(moody.requests) == 1


def test_nothing_is_tried_again_after_the_client_has_had_a_byte(upstream: StartUpstream,
                                                                gateway: StartGateway) -> None:
    def fail(connection: UpstreamConnection) -> None:
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")
        connection.end()

    moody = Moody(1, fail)
    running = gateway(config(upstream(serve=moody.serve).address, retries={"attempts": 5}))
    answer = ask(running)
    assert (answer.status, len(answer.interim)) == (502, 1)
    assert len(moody.requests) == 1


@pytest.mark.parametrize("on, tries", [([], 2), (["connect"], 1), (["reset"], 2)])
def test_silence_by_configuration(upstream: StartUpstream, gateway: StartGateway, on: list[str], tries: int) -> None:
    moody = Moody(1, close)
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": on} if on else {}))
    assert ask(running).status == (200 if tries == 2 else 502)
    assert len(moody.requests) == tries


# Bodies.


@pytest.mark.parametrize("size, is_replayed", [(1000, True), (1024, True), (1025, False), (100_000, False)])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_replayed_up_to_the_limit(upstream: StartUpstream, gateway: StartGateway, size: int,
                                             is_replayed: bool, chunked: bool) -> None:
    moody = Moody(1, close)
    running = gateway(config(upstream(serve=moody.serve).address, limits={"replay": "1KiB"}))
    body = bytes(i % 251 for i in range(size))
    answer = ask_chunked(running, body) if chunked else ask(running, "PUT", body)
    assert answer.status == (200 if is_replayed else 502)
    assert [request.body for request in moody.requests] == [body] * (2 if is_replayed else 1)


def ask_chunked(gateway: Gateway, body: bytes) -> Answer:
    """A PUT in chunks, with a trailer."""
    with gateway.connect() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 700):
            piece = body[i:i + 700]
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\nX-Sum: 1\r\n\r\n")
        return client.read_answer()


def test_a_body_under_way_is_replayed_too(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The first connection dies when half of the body is there."""
    has_died = threading.Event()
    bodies: list[bytes] = []

    def serve(connection: UpstreamConnection) -> None:
        if not has_died.is_set():
            while connection.reader.line():
                pass
            connection.reader.take(5)
            has_died.set()
            connection.reset()
            return
        request = connection.read_request()
        assert request
        bodies.append(request.body)
        connection.send(OK_ANSWER)

    running = gateway(config(upstream(serve=serve).address))
    with running.connect() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\n12345")
        assert has_died.wait(DEADLINE)
        time.sleep(0.05)  # so that the gateway may see the reset before the rest comes
        client.send(b"67890")
        assert client.read_answer().status == 200
    assert bodies == [b"1234567890"]


# Answers that say that the service is not well, and timeouts.


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "POST without a body"])
@pytest.mark.parametrize("is_asked_for", [True, False])
def test_statuses_are_tried_again_by_configuration(upstream: StartUpstream, gateway: StartGateway, status: int,
                                                   method: str, is_asked_for: bool) -> None:
    moody = Moody(1, b"HTTP/1.1 %d Not Well\r\nContent-Length: 4\r\n\r\nsick" % status)
    on = ["connect", "reset", *([str(status)] if is_asked_for else [])]
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": on}))
    answer = ask(running, method.partition(" ")[0], b"body" if method in ("PUT", "POST") else None)
    is_retried = is_asked_for and method in ("GET", "PUT")
    assert answer.status == (200 if is_retried else status)
    assert answer.body == (b"" if is_retried else b"sick")
    assert len(moody.requests) == (2 if is_retried else 1)
    entry, = running.wait_for_log(1)
    assert entry.get("reason") is None, "an upstream's own answer is no failure of the gateway's"


def test_the_last_answer_is_passed_on(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(9, b"HTTP/1.1 503 Not Well\r\nContent-Length: 4\r\n\r\nsick")
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": ["503"], "attempts": 3}))
    answer = ask(running)
    assert (answer.status, answer.body) == (503, b"sick")
    assert len(moody.requests) == 3


@pytest.mark.parametrize("method, is_asked_for", [("GET", True), ("GET", False), ("POST", True), ("PATCH", True)])
def test_timeouts_are_tried_again_by_configuration(upstream: StartUpstream, gateway: StartGateway, method: str,
                                                   is_asked_for: bool) -> None:
    moody = Moody(1, hang)
    running = gateway(config(upstream(serve=moody.serve).address, timeouts={"response": "300ms"},
                             retries={"on": ["connect", *(["timeout"] if is_asked_for else [])]}))
    is_retried = is_asked_for and method == "GET"
    assert ask(running, method, b"x" if method == "POST" else None).status == (200 if is_retried else 504)
    assert len(moody.requests) == (2 if is_retried else 1)


def test_retry_after_is_waited_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, b"HTTP/1.1 503 Not Well\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": ["503"]}))
    begin = time.monotonic()
    assert ask(running).status == 200
    assert time.monotonic() - begin >= 0.9


def test_a_long_retry_after_is_the_clients_to_wait(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, b"HTTP/1.1 503 Not Well\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": ["503"]}))
    answer = ask(running)
    assert (answer.status, answer.get("retry-after")) == (503, "3600")
    assert len(moody.requests) == 1


def test_the_budget_bounds_retries_under_load(upstream: StartUpstream, gateway: StartGateway) -> None:
    """When everything fails, retries are a fifth of the requests and not as many again; a few are always free."""
    moody = Moody(10_000, b"HTTP/1.1 503 Not Well\r\nContent-Length: 0\r\n\r\n")
    running = gateway({**config(upstream(serve=moody.serve).address, retries={"on": ["503"], "budget": 20}),
                       "admin": {"address": "127.0.0.1:0"}})
    with running.connect() as client:
        for _ in range(200):
            client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            assert client.read_answer().status == 503
    retries = len(moody.requests) - 200
    assert 40 <= retries <= 60, retries
    metrics = Admin(running).metrics()
    assert metrics['gatehouse_retries_total{upstream="app"}'] == retries
    assert metrics['gatehouse_budget_refused_total{upstream="app",budget="retries"}'] == 200 - retries
    assert metrics['gatehouse_budget_refused_total{upstream="app",budget="hedging"}'] == 0


def test_what_is_not_tried_again_costs_no_budget(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Answers that ask the client to wait longer than the gateway does spend nothing of what others may need."""
    moody = Moody(50, b"HTTP/1.1 503 Not Well\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": ["503"]}))
    for _ in range(50):
        assert ask(running).status == 503
    moody.left, moody.fail = 1, b"HTTP/1.1 503 Not Well\r\nContent-Length: 0\r\n\r\n"
    assert ask(running).status == 200
    assert len(moody.requests) == 52


def test_no_budget_is_no_retry(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, b"HTTP/1.1 503 Not Well\r\nContent-Length: 0\r\n\r\n")
    running = gateway(config(upstream(serve=moody.serve).address, retries={"on": ["503"], "budget": 0}))
    assert ask(running).status == 503


def test_a_client_that_is_gone_is_not_tried_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, hang)
    running = gateway(config(upstream(serve=moody.serve).address, timeouts={"response": "300ms"},
                             retries={"on": ["timeout", "reset"]}))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: moody.requests, "the request")
    assert running.wait_for_log(1)[0]["reason"] == "client_aborted"
    time.sleep(0.4)
    assert len(moody.requests) == 1


# Whom to ask.


def named(name: str) -> bytes:
    """An answer that says whose it is."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode())


def test_round_robin_goes_round(upstream: StartUpstream, gateway: StartGateway) -> None:
    services = [upstream(named(name)) for name in "abc"]
    running = gateway(config(*(service.address for service in services), balance="round_robin"))
    order = "".join(ask(running).body.decode() for _ in range(9))
    assert order == order[:3] * 3 and set(order) == set("abc")


def test_round_robin_by_weight_is_even(upstream: StartUpstream, gateway: StartGateway) -> None:
    weights = {"a": 5, "b": 1, "c": 2, "none": 0}
    endpoints = [{"address": upstream(named(name)).address, "weight": weight} for name, weight in weights.items()]
    running = gateway(config(*endpoints, balance="round_robin"))
    answers = [ask(running).body.decode() for _ in range(24)]
    assert Counter(answers) == {"a": 15, "b": 3, "c": 6}
    for i in range(0, 24, 8):
        assert Counter(answers[i:i + 8]) == {"a": 5, "b": 1, "c": 2}, "in each round, not in the long run"
    assert "aaaa" not in "".join(answers), "spread over the round"


def test_least_requests_shuns_the_busy(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_end = threading.Event()

    def slow(connection: UpstreamConnection) -> None:
        while connection.read_request():
            assert may_end.wait(DEADLINE)
            connection.send(named("busy"))

    busy, free = upstream(serve=slow), upstream(named("free"))
    running = gateway(config(busy.address, free.address, balance="least_requests"))
    waiting = []
    while not busy.requests:  # equals share at random, so it comes to that one soon
        client = running.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        waiting.append(client)
        wait_until(lambda: len(busy.requests) + len(free.requests) == len(waiting), "the request")
    for _ in range(20):
        assert ask(running).body == b"free"
    may_end.set()
    assert waiting[-1].read_answer().body == b"busy"
    for client in waiting:
        client.close()


def test_least_requests_counts_by_weight(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Of eight that wait, the endpoint of weight 3 has six."""
    may_end = threading.Event()

    def wait(connection: UpstreamConnection) -> None:
        while connection.read_request():
            assert may_end.wait(DEADLINE)
            connection.send(OK_ANSWER)

    heavy, light = upstream(serve=wait), upstream(serve=wait)
    running = gateway(config({"address": heavy.address, "weight": 3}, light.address, balance="least_requests"))
    clients = []
    for i in range(8):
        clients.append(running.connect())
        clients[-1].send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda i=i: len(heavy.requests) + len(light.requests) == i + 1, "the request")
    assert (len(heavy.requests), len(light.requests)) == (6, 2)
    may_end.set()
    for client in clients:
        assert client.read_answer().status == 200
        client.close()


def test_a_backup_serves_only_when_no_other_can(upstream: StartUpstream, gateway: StartGateway,
                                                refused: str) -> None:
    backup = upstream(named("backup"))
    main = upstream(named("main"))
    spare = {"address": backup.address, "backup": True}
    running = gateway(config(main.address, spare))
    assert {ask(running).body for _ in range(6)} == {b"main"}
    assert not backup.connections
    alone = gateway(config(refused, spare))
    assert {ask(alone).body for _ in range(3)} == {b"backup"}


def test_another_try_goes_to_another_endpoint(upstream: StartUpstream, gateway: StartGateway) -> None:
    sick = upstream(b"HTTP/1.1 503 Not Well\r\nContent-Length: 0\r\n\r\n")
    well = upstream(named("well"))
    running = gateway(config(sick.address, well.address, retries={"on": ["503"]}))
    begin = time.monotonic()
    assert {ask(running).status for _ in range(20)} == {200}
    assert len(well.requests) == 20
    assert time.monotonic() - begin < 5, "each wait before another try is a few milliseconds"
