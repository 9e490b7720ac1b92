# SPDX-License-Identifier: Apache-2.0
"""Hedging: another endpoint is asked beside one that is slow, within a budget, and the first answer counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway
from h2_upstream import H2Upstream
from test_retries import ask
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def config(*endpoints: str, hedging: dict[str, Any] | None = None, **upstream: Any) -> dict[str, Any]:
    """In turn, so that it is known who is asked first."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "admin": {"address": "127.0.0.1:0"},
        "upstreams": {"app": {"endpoints": list(endpoints), "hedging": {"after": "50ms", "budget": 100, **(hedging or {})},
                              "retries": {"attempts": 1}, **upstream}},
        "apis": {"all": {"upstream": "app"}},
    }


class Slow:
    """Answers when the gateway has given up, or never."""

    def __init__(self) -> None:
        self.asked = self.given_up = 0

    def serve(self, connection: UpstreamConnection) -> None:
        """One request, and then to the end."""
        while connection.read_request():
            self.asked += 1
            connection.read_until_closed()
            self.given_up += 1
            return


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_slow_endpoint_delays_nobody(upstream: StartUpstream, gateway: StartGateway, method: str) -> None:
    slow, quick = Slow(), upstream()
    running = gateway(config(upstream(serve=slow.serve).address, quick.address))
    admin = Admin(running)
    assert [ask(running, method).status for _ in range(6)] == [200] * 6
    wait_until(lambda: slow.given_up == slow.asked, "the end of those that lost")
    assert slow.asked in (3, 4, 5, 6)  # a second try moves the turn
    log = running.wait_for_log(6)
    assert {entry["endpoint"] for entry in log} == {quick.address}
    assert max(entry["duration_ms"] for entry in log) < 10_000  # the loser is not waited for, until `response`
    hedged = sum(entry["attempts"] == 2 for entry in log)
    assert hedged == slow.asked
    metrics = admin.metrics()
    assert metrics['gatehouse_hedges_total{upstream="app",outcome="won"}'] == hedged
    assert metrics['gatehouse_hedges_total{upstream="app",outcome="lost"}'] == 0
    shown, = admin.get("/v1/upstreams").json["upstreams"]
    assert [endpoint["active"] for endpoint in shown["endpoints"]] == [0, 0]


def test_the_first_may_win_after_all(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The second is given up, and the connection of the first serves on."""
    slow = Slow()
    service: list[Upstream] = []

    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            if len(service[0].requests) == 1:
                wait_until(lambda: slow.asked == 1, "the second try")
            connection.send(OK_ANSWER)

    service.append(upstream(serve=serve))
    hesitant, other = service[0], upstream(serve=slow.serve)
    running = gateway({**config(hesitant.address, other.address)})
    statuses = [ask(running).status for _ in range(1)]
    if slow.asked == 1 and not hesitant.requests:
        pytest.skip("the slow one came first")
    assert statuses == [200]
    wait_until(lambda: slow.given_up == slow.asked, "the end of the one that lost")
    assert running.wait_for_log(1)[0]["endpoint"] == hesitant.address


@pytest.mark.parametrize("method, body", [("POST", b""), ("PUT", b"x"), ("DELETE", None), ("OPTIONS", None), ("GET", b"x")])
def test_what_is_not_safe_is_asked_once(upstream: StartUpstream, gateway: StartGateway, method: str,
                                        body: bytes | None) -> None:
    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            time.sleep(0.2)
            connection.send(OK_ANSWER)

    services = [upstream(serve=serve) for _ in range(2)]
    running = gateway(config(*(service.address for service in services)))
    assert ask(running, method, body).status == 200
    assert sum(len(service.requests) for service in services) == 1


def test_with_one_endpoint_there_is_nobody_else(upstream: StartUpstream, gateway: StartGateway) -> None:
    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            time.sleep(0.2)
            connection.send(OK_ANSWER)

    service = upstream(serve=serve)
    running = gateway(config(service.address))
    assert ask(running).status == 200
    assert len(service.requests) == 1


def test_second_tries_stay_within_their_budget(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Where everything is slow, a twentieth more is asked, and the ten that were saved up."""
    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            time.sleep(0.1)
            connection.send(OK_ANSWER)

    services = [upstream(serve=serve) for _ in range(2)]
    running = gateway(config(*(service.address for service in services), hedging={"after": "1ms", "budget": 5}))
    with ThreadPoolExecutor(20) as pool:
        assert [answer.status for answer in pool.map(lambda _: ask(running), range(100))] == [200] * 100
    asked = sum(len(service.requests) for service in services)
    assert 101 <= asked <= 115, asked
    metrics = Admin(running).metrics()
    made = sum(metrics[f'gatehouse_hedges_total{{upstream="app",outcome="{outcome}"}}'] for outcome in ("won", "lost"))
    assert metrics['gatehouse_budget_refused_total{upstream="app",budget="hedging"}'] == 100 - made


def test_the_circuit_breaker_comes_first(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Each try is a request for it; where there is no room the first one is waited for."""
    opened = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            opened.wait(20)
            connection.send(OK_ANSWER)

    services = [upstream(serve=serve) for _ in range(2)]
    running = gateway(config(*(service.address for service in services), circuit_breaker={"requests": 1}))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, running)
        wait_until(lambda: sum(len(service.requests) for service in services) == 1, "the first")
        time.sleep(0.2)
        assert sum(len(service.requests) for service in services) == 1
        opened.set()
        assert answer.result().status == 200
        assert ask(running).status == 200  # nothing is left in the count


def test_a_client_that_leaves_ends_both(upstream: StartUpstream, gateway: StartGateway) -> None:
    slows = [Slow(), Slow()]
    running = gateway(config(*(upstream(serve=slow.serve).address for slow in slows)))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: all(slow.asked for slow in slows), "both tries")
    wait_until(lambda: all(slow.given_up for slow in slows), "the end of both")
    assert running.wait_for_log(1)[0]["reason"] == "client_aborted"


def test_where_both_fail_the_answer_says_so(upstream: StartUpstream, gateway: StartGateway) -> None:
    slows = [Slow(), Slow()]
    running = gateway(config(*(upstream(serve=slow.serve).address for slow in slows), timeouts={"response": "300ms"}))
    assert ask(running).status == 504
    entry, = running.wait_for_log(1)
    assert (entry["reason"], entry["attempts"]) == ("upstream_timeout", 2)


def test_a_first_try_that_fails_leaves_the_second(upstream: StartUpstream, gateway: StartGateway) -> None:
    """One breaks off while the other is under way: its answer is waited for."""
    both = threading.Barrier(2)
    lock = threading.Lock()
    order: list[int] = []

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        with lock:
            order.append(1)
            is_first = len(order) == 1
        both.wait(20)
        if is_first:
            connection.reset()
        else:
            time.sleep(0.1)
            connection.send(OK_ANSWER)

    services = [upstream(serve=serve) for _ in range(2)]
    running = gateway(config(*(service.address for service in services)))
    assert ask(running).status == 200


def test_a_stream_of_http2_is_reset(stack: Any, gateway: StartGateway) -> None:
    """The session of the one that lost goes on."""
    services = [H2Upstream(lambda request: None), H2Upstream(lambda request: request.respond(200, b"ok"))]
    for service in services:
        stack.callback(service.stop)
    running = gateway(config(*(service.address for service in services), protocol="h2"))
    # The other one may be there before it is connected to.
    wait_until(lambda: ask(running).status == 200 and services[0].requests, "a request that came to it")
    connections = len(services[0].connections)
    assert [ask(running).status for _ in range(4)] == [200] * 4
    services[0].wait_for_requests(3)
    assert len(services[0].connections) == connections


@pytest.mark.workers
def test_many_race_at_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Both endpoints answer about when the second tries begin: whoever wins, each gets one whole answer."""
    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            time.sleep(0.004)
            connection.send(OK_ANSWER)

    services = [upstream(serve=serve) for _ in range(2)]
    running = gateway(config(*(service.address for service in services), hedging={"after": "4ms"}), workers=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(running), range(400)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"ok\n")}
    wait_until(lambda: all(endpoint["active"] == 0 for endpoint in
                           Admin(running).get("/v1/upstreams").json["upstreams"][0]["endpoints"]), "nothing under way")
