# SPDX-License-Identifier: Apache-2.0
"""`concurrency` through the whole gateway: what is under way at the service is counted there, at the service.

A service that holds its answers until the test lets them go makes every order of events certain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway
from simple import config, get
from upstream import OK_ANSWER, Upstream
from websocket_peers import RawServer, connect, read_head
from wire import Answer, Connection, Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


class Holding:
    """What a service is asked, and answers one by one: `answer` for an upstream."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.paths: list[str] = []
        self.inside = 0
        self.most = 0
        self.may_leave = 0

    def answer(self, request: Request) -> bytes:
        """Holds the request until it is let go."""
        with self.changed:
            self.paths.append(request.target)
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.may_leave > 0, 30)
            self.may_leave -= 1
            self.inside -= 1
        return OK_ANSWER

    def let_go(self, count: int = 1) -> None:
        """So many of them, whichever."""
        with self.changed:
            self.may_leave += count
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many have come in all."""
        wait_until(lambda: len(self.paths) >= count, f"{count} requests at the service")


@pytest.fixture
def service() -> Holding:
    """One for each test."""
    return Holding()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Connections to be closed at the end."""
    with ExitStack() as stack:
        yield stack


def having(endpoint: str, *policies: dict[str, Any], **options: Any) -> dict[str, Any]:
    """One API with one limit, and a way to look at what waits."""
    document = config(endpoint, listener={"trusted_proxies": ["127.0.0.1"]},
                      api={"policies": [*policies, {"concurrency": options}]})
    return {**document, "admin": {"address": "127.0.0.1:0"}}


def ask(clients: ExitStack, gateway: Gateway, path: str = "/", fields: str = "") -> Connection:
    """A request on a connection of its own, whose answer is still to come."""
    client = clients.enter_context(gateway.connect())
    client.send(get(path, fields))
    return client


def wait_for(gateway: Gateway, active: int, waiting: int) -> None:
    """Until so many have slots, and so many wait."""
    admin = Admin(gateway)

    def is_so() -> bool:
        metrics = admin.metrics()
        name = "gatehouse_concurrency_requests"
        return (metrics[f'{name}{{state="active"}}'], metrics[f'{name}{{state="waiting"}}']) == (active, waiting)

    wait_until(is_so, f"{active} under way and {waiting} waiting")


def statuses(connections: list[Connection]) -> list[int]:
    """What each is answered."""
    return [client.read_answer().status for client in connections]


def test_never_more_and_always_as_many(upstream: StartUpstream, gateway: StartGateway, service: Holding) -> None:
    """A hundred clients that ask five times each, two workers, ten at once."""
    running = gateway(having(upstream(service.answer).address, limit=10, queue=100, queue_timeout="60s"), workers=2)
    answers: list[Answer] = []

    def client() -> None:
        for _ in range(5):
            with running.connect() as connection:
                connection.send(get(fields="Connection: close\r\n"))
                answers.append(connection.read_answer())

    threads = [threading.Thread(target=client) for _ in range(100)]
    for thread in threads:
        thread.start()
    for wave in range(50):
        wait_until(lambda: service.inside == 10, f"ten at the service in wave {wave}")
        service.let_go(10)
        wait_until(lambda wave=wave: len(service.paths) - service.inside >= 10 * (wave + 1), "ten to be answered")
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 500
    assert service.most == 10
    wait_for(running, 0, 0)


def test_beyond_the_limit(upstream: StartUpstream, gateway: StartGateway, service: Holding, clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=2), workers=2)
    held = [ask(clients, running) for _ in range(2)]
    service.wait_for(2)
    refused = ask(clients, running).read_answer()
    assert refused.status == 503
    assert refused.get("retry-after") == "1"
    assert refused.get("content-type") == "application/problem+json"
    service.let_go(2)
    assert statuses(held) == [200, 200]
    assert {str(entry.get("reason")) for entry in running.wait_for_log(3)} == {"None", "concurrency_limited"}


def test_each_client_by_itself(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                               clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=1, by="client_ip"), workers=2)
    first = ask(clients, running, fields="X-Forwarded-For: 192.0.2.1\r\n")
    service.wait_for(1)
    assert ask(clients, running, fields="X-Forwarded-For: 192.0.2.1\r\n").read_answer().status == 429
    second = ask(clients, running, fields="X-Forwarded-For: 192.0.2.2\r\n")
    service.wait_for(2)
    service.let_go(2)
    assert statuses([first, second]) == [200, 200]


def test_a_queue_in_order_and_by_priority(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                          clients: ExitStack) -> None:
    """Who finds it full takes the place of one with a smaller priority, or goes."""
    running = gateway(having(upstream(service.answer).address, limit=1, queue=3, queue_timeout="60s",
                             priority='int(request.headers["X-Rank"])'), workers=2)
    asked = [ask(clients, running, "/first")]
    service.wait_for(1)
    for place, (path, rank) in enumerate((("/a", 0), ("/b", 0), ("/high", 5))):
        asked.append(ask(clients, running, path, f"X-Rank: {rank}\r\n"))
        wait_for(running, 1, place + 1)
    assert ask(clients, running, "/c", "X-Rank: 0\r\n").read_answer().status == 503
    asked.append(ask(clients, running, "/higher", "X-Rank: 9\r\n"))
    assert asked[2].read_answer().status == 503
    for count in range(2, 5):
        service.let_go()
        service.wait_for(count)
    service.let_go()
    assert service.paths == ["/first", "/higher", "/high", "/a"]
    assert statuses([asked[0], asked[1], asked[3], asked[4]]) == [200] * 4


def test_who_waits_in_vain(upstream: StartUpstream, gateway: StartGateway, service: Holding, clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=1, queue=3, queue_timeout="50ms"))
    held = ask(clients, running)
    service.wait_for(1)
    late = ask(clients, running).read_answer()
    assert late.status == 503 and late.get("retry-after") == "1"
    assert "concurrency_queue_timeout" in {entry.get("reason") for entry in running.wait_for_log(1)}
    wait_for(running, 1, 0)
    service.let_go()
    assert held.read_answer().status == 200


def test_who_goes_leaves_the_queue(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                   clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=1, queue=1, queue_timeout="60s"), workers=2)
    held = ask(clients, running, "/held")
    service.wait_for(1)
    gone = ask(clients, running, "/gone")
    wait_for(running, 1, 1)
    gone.reset()
    wait_for(running, 1, 0)
    next_one = ask(clients, running, "/next")
    wait_for(running, 1, 1)
    service.let_go(2)
    assert statuses([held, next_one]) == [200, 200]
    assert service.paths == ["/held", "/next"]
    wait_for(running, 0, 0)


def test_who_goes_while_it_is_served(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                     clients: ExitStack) -> None:
    """The slot is the next one's, though the service is still at it."""
    running = gateway(having(upstream(service.answer).address, limit=1, queue=1, queue_timeout="60s"))
    gone = ask(clients, running, "/gone")
    service.wait_for(1)
    waiting = ask(clients, running, "/next")
    wait_for(running, 1, 1)
    gone.reset()
    service.wait_for(2)
    service.let_go(2)
    assert waiting.read_answer().status == 200
    wait_for(running, 0, 0)


def test_a_reload_knows_what_is_under_way(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                          clients: ExitStack) -> None:
    """Also one that changes the number."""
    address = upstream(service.answer).address
    running = gateway(having(address, limit=3), workers=2)
    held = [ask(clients, running) for _ in range(3)]
    service.wait_for(3)
    assert "in force" in running.reload(having(address, {"request_id": {}}, limit=3, queue=1, queue_timeout="60s"))
    waiting = ask(clients, running)
    wait_for(running, 3, 1)
    assert "in force" in running.reload(having(address, {"request_id": {}}, limit=2))
    assert ask(clients, running).read_answer().status == 503
    service.let_go()
    service.wait_for(4)  # who waits has what it was told when it came
    service.let_go(3)
    assert statuses([*held, waiting]) == [200] * 4
    wait_for(running, 0, 0)


def test_a_stopping_gateway_serves_the_queue(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                             clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=1, queue=3, queue_timeout="60s"), workers=2)
    asked = [ask(clients, running) for _ in range(3)]
    wait_for(running, 1, 2)
    running.send_signal(15)
    running.wait_for_message("draining")
    service.let_go(3)
    assert statuses(asked) == [200] * 3
    assert running.wait() == 0


def test_a_limit_that_is_learnt(upstream: StartUpstream, gateway: StartGateway, clients: ExitStack) -> None:
    """A service whose every request waits for those before it: soon no more than a few are let in at once. What a
    request takes alone is seen before that; who has never seen it finds out in half a minute.
    """
    lock, inside, most = threading.Lock(), 0, [0]
    counting = threading.Lock()

    def answer(_: Request) -> bytes:
        nonlocal inside
        with counting:
            inside += 1
            most[0] = max(most[0], inside)
        with lock:
            time.sleep(0.01)
        with counting:
            inside -= 1
        return OK_ANSWER

    running = gateway(having(upstream(answer).address, adaptive=True, queue=100, queue_timeout="60s"), workers=2)
    is_over = threading.Event()
    with running.connect() as alone:
        for _ in range(50):
            alone.send(get())
            assert alone.read_answer().status == 200

    def client() -> None:
        with running.connect() as connection:
            while not is_over.is_set():
                connection.send(get())
                assert connection.read_answer().status == 200

    threads = [threading.Thread(target=client) for _ in range(60)]
    for thread in threads:
        thread.start()

    def most_lately() -> int:
        most[0] = 0
        time.sleep(0.5)
        return most[0]

    admin = Admin(running)

    def told() -> tuple[float, float]:
        [policy] = admin.get("/v1/apis").json["apis"][0]["policies"]
        return admin.metrics()['gatehouse_concurrency_limit{policy="concurrency",api="all"}'], policy["limit"]

    try:
        wait_until(lambda: 0 < most_lately() <= 15, "the limit to come down to what the service can do")
        wait_until(lambda: max(told()) <= 20, "the limit to be told as it is")
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert ask(clients, running).read_answer().status == 200
    wait_for(running, 0, 0)
    metric, view = told()
    assert metric == view >= 4


def test_a_limit_that_is_given_is_not_told_as_learnt(upstream: StartUpstream, gateway: StartGateway, service: Holding,
                                                     clients: ExitStack) -> None:
    running = gateway(having(upstream(service.answer).address, limit=3))
    asked = ask(clients, running)
    wait_for(running, 1, 0)
    assert not [name for name in Admin(running).metrics() if name.startswith("gatehouse_concurrency_limit")]
    service.let_go(1)
    assert statuses([asked]) == [200]


def test_a_websocket_has_its_slot_until_it_is_closed(gateway: StartGateway) -> None:
    with RawServer() as server:
        running = gateway(having(server.address, limit=1), workers=2)
        client = connect(running.address())
        peer = server.accept()
        assert read_head(client.reader).startswith(b"HTTP/1.1 101 ")
        wait_for(running, 1, 0)
        with connect(running.address()) as refused:
            assert read_head(refused.reader).startswith(b"HTTP/1.1 503 ")
        wait_for(running, 1, 0)
        client.reset()
        peer.reset()
        wait_for(running, 0, 0)
