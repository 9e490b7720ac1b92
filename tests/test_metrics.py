# SPDX-License-Identifier: Apache-2.0
"""/metrics as Prometheus reads it: the contract's names, and numbers that are what happened."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import held
from admin import Admin
from gatehouse import Gateway
from simple import echo, get
from upstream import Upstream
from wire import wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

Labels = dict[str, str]


def config(endpoint: str = "127.0.0.1:1", **more: Any) -> dict[str, Any]:
    """One upstream, one API, an admin address."""
    return {"listeners": {"main": {"address": "127.0.0.1:0"}}, "upstreams": {"app": {"endpoints": [endpoint]}},
            "apis": {"all": {"upstream": "app"}}, "admin": {"address": "127.0.0.1:0"}, **more}


class Scrape:
    """Everything of one scrape, read by Prometheus' own parser."""

    def __init__(self, running: Gateway):
        said = Admin(running).get("/metrics")
        assert said.status == 200
        assert said.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.families = {family.name: family for family in text_string_to_metric_families(said.body.decode())}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that have these labels; 0 without one."""
        return sum(sample.value for sample in self.samples
                   if sample.name == name and labels.items() <= sample.labels.items())

    def labels(self, name: str) -> list[Labels]:
        """Of each sample of that name."""
        return [sample.labels for sample in self.samples if sample.name == name]


def scrape_when(running: Gateway, count: float, **labels: str) -> Scrape:
    """A scrape in which so many requests have been counted, which is after their answers."""
    found: list[Scrape] = []

    def is_there() -> bool:
        found[:] = [Scrape(running)]
        return found[0].value("http_server_request_duration_seconds_count", **labels) == count

    wait_until(is_there, f"{count} requests to be counted")
    return found[0]


def test_the_names_of_the_contract(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address))
    assert running.get().status == 200
    families = scrape_when(running, 1).families
    kinds = {name: family.type for name, family in families.items()}
    assert kinds == kinds | {
        "http_server_request_duration_seconds": "histogram", "http_server_active_requests": "gauge",
        "http_client_request_duration_seconds": "histogram", "gatehouse_connections": "gauge",
        "gatehouse_upstream_endpoint_up": "gauge", "gatehouse_upstream_requests": "counter", "gatehouse_retries": "counter",
        "gatehouse_hedges": "counter", "gatehouse_budget_refused": "counter",
        "gatehouse_upstream_panic": "gauge", "gatehouse_circuit_breaker_refused": "counter", "gatehouse_policy_decisions": "counter",
        "gatehouse_reasons": "counter", "gatehouse_config_reloads": "counter", "gatehouse_config_generation": "gauge",
        "gatehouse_log_dropped": "counter", "gatehouse_rate_limit_evictions": "counter", "gatehouse_quota_evictions": "counter",
        "gatehouse_concurrency_requests": "gauge", "gatehouse_concurrency_limit": "gauge",
        "gatehouse_overload": "counter", "gatehouse_memory_bytes": "gauge",
        "gatehouse_memory_limit_bytes": "gauge", "gatehouse_upstream_health_checks": "counter", "gatehouse_upstream_ejections": "counter",
        "process_cpu_seconds": "counter", "process_resident_memory_bytes": "gauge", "process_open_fds": "gauge",
        "process_start_time_seconds": "gauge",
    }
    assert all(family.documentation for family in families.values())


def test_requests_by_route_method_and_status(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answers(request: Any) -> bytes:
        status = request.target.rpartition("/")[2]
        return f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()

    document = config(upstream(answers).address, apis={"a": {"upstream": "app", "path": "/a", "routes": {
        "one": {"match": {"path": "/one/{x}"}}}}})
    running = gateway(document)
    for method, path in (("GET", "/a/200"), ("GET", "/a/200"), ("GET", "/a/404"), ("POST", "/a/one/201"), ("BREW", "/a/one/500"),
                         ("GET", "/none")):
        with running.connect() as client:
            client.send(get(path, "Connection: close\r\n", method))
            client.read_answer(method)
    with running.connect() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.read_answer().status == 400
    scrape = scrape_when(running, 7)
    assert {tuple(labels.values()): scrape.value("gatehouse_reasons_total", **labels) for labels in scrape.labels("gatehouse_reasons_total")} == {
        ("", "no_route"): 1, ("", "request_line_malformed"): 1}
    counted = {tuple(sorted(labels.items())): scrape.value("http_server_request_duration_seconds_count", **labels)
               for labels in scrape.labels("http_server_request_duration_seconds_count")}

    def row(method: str, status: str, api: str, route: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted({"http_request_method": method, "http_response_status_code": status, "gatehouse_api": api,
                             "http_route": route}.items()))

    assert counted == {row("GET", "200", "a", ""): 2, row("GET", "404", "a", ""): 1, row("POST", "201", "a", "one"): 1,
                       row("_OTHER", "500", "a", "one"): 1, row("GET", "404", "", ""): 1, row("_OTHER", "400", "", ""): 1}


def test_histograms_hold_together(upstream: StartUpstream, gateway: StartGateway) -> None:
    def slow(_: Any) -> bytes:
        time.sleep(0.03)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    running = gateway(config(upstream(slow).address))
    for _ in range(3):
        assert running.get().status == 200
    scrape = scrape_when(running, 3)
    for name in ("http_server_request_duration_seconds", "http_client_request_duration_seconds"):
        buckets = [(float(sample.labels["le"]), sample.value) for sample in scrape.samples if sample.name == f"{name}_bucket"]
        assert len(buckets) == 17
        assert buckets == sorted(buckets)
        assert buckets[-1] == (float("inf"), 3)
        assert all(value == 0 for bound, value in buckets if bound < 0.03)
        assert scrape.value(f"{name}_sum") >= 0.09


def test_tries_and_retries(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    document = config(service.address)
    document["upstreams"]["app"] = {"endpoints": [service.address, "127.0.0.1:1"]}
    running = gateway(document)
    for _ in range(4):
        assert running.get().status == 200
    scrape = scrape_when(running, 4)
    name = "gatehouse_upstream_requests_total"
    refused = scrape.value(name, upstream="app", endpoint="127.0.0.1:1", outcome="connect_failed")
    assert refused >= 1
    assert scrape.value("gatehouse_retries_total", upstream="app") == refused
    assert scrape.value(name, endpoint=service.address, outcome="success") == 4
    assert scrape.value(name) == 4 + refused
    assert scrape.value("http_client_request_duration_seconds_count", server_address=service.address,
                        gatehouse_upstream="app") == 4


@pytest.mark.parametrize(("answer", "outcome"), [
    (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "server_error"), (b"HTTP/1.1 200 OK\r\nno field\r\n\r\n", "malformed"),
    (None, "reset"),
])
def test_how_a_try_ends(upstream: StartUpstream, gateway: StartGateway, answer: bytes | None, outcome: str) -> None:
    document = config(upstream(lambda _: answer).address)
    document["upstreams"]["app"]["retries"] = {"attempts": 1}
    running = gateway(document)
    running.get()
    assert scrape_when(running, 1).value("gatehouse_upstream_requests_total", outcome=outcome) == 1


def test_a_timeout_and_a_client_that_goes(upstream: StartUpstream, gateway: StartGateway) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        document = config(f"127.0.0.1:{silent.getsockname()[1]}")
        document["upstreams"]["app"]["timeouts"] = {"response": "50ms"}
        document["upstreams"]["patient"] = {"endpoints": document["upstreams"]["app"]["endpoints"]}
        document["apis"]["patient"] = {"path": "/patient", "upstream": "patient"}
        running = gateway(document)
        assert running.get().status == 504
        with running.connect() as client:
            client.send(get("/patient"))
            wait_until(lambda: Scrape(running).value("http_server_active_requests") == 1, "the request to be under way")
        scrape = scrape_when(running, 2)
        assert scrape.value("gatehouse_upstream_requests_total", upstream="app", outcome="timeout") == 1
        assert scrape.value("gatehouse_upstream_requests_total", upstream="patient", outcome="cancelled") == 1
        assert scrape.value("http_server_request_duration_seconds_count", http_response_status_code="499") == 1
        assert scrape.value("http_server_active_requests") == 0


def test_decisions(gateway: StartGateway) -> None:
    running = gateway(config(apis={"a": {"upstream": "app", "policies": [
        {"request_id": {}}, {"use": "teapot", "when": 'request.method == "POST"'},
        {"respond": {"status": 403}, "report": True}, {"respond": {"status": 204}}]}},
        policies={"teapot": {"respond": {"status": 418}}}))
    assert running.get().status == 204
    with running.connect() as client:
        client.send(get(method="POST"))
        assert client.read_answer().status == 418
    scrape = scrape_when(running, 2)

    def decided(policy: str) -> dict[str, float]:
        return {word: scrape.value("gatehouse_policy_decisions_total", policy=policy, api="a", decision=word)
                for word in ("continue", "answer", "report", "skip")}

    assert decided("request_id") == {"continue": 2, "answer": 0, "report": 0, "skip": 0}
    assert decided("teapot") == {"continue": 0, "answer": 1, "report": 0, "skip": 1}
    assert decided("respond") == {"continue": 0, "answer": 1, "report": 1, "skip": 0}


def test_connections(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address), workers=2)
    idle = [running.connect() for _ in range(3)]
    for client in idle:
        client.send(get())
        assert client.read_answer().status == 200
    with running.connect() as busy:
        busy.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1\r\n\r\n")

        def states() -> tuple[float, float]:
            scrape = Scrape(running)
            return tuple(scrape.value("gatehouse_connections", listener="main", state=state)  # type: ignore[return-value]
                         for state in ("active", "idle"))

        wait_until(lambda: states() == (1, 3), "one active and three idle connections")
        idle.pop().close()
        wait_until(lambda: states() == (1, 2), "one of them to go")
    for client in idle:
        client.close()
    wait_until(lambda: states() == (0, 0), "all to go")


def test_numbers_outlive_a_reload(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    document = config(service.address, workers=1)
    document["apis"]["gone"] = {"upstream": "app", "path": "/gone"}
    running = gateway(document)
    assert running.get("/gone").status == 200
    assert running.get().status == 200
    scrape_when(running, 2)
    with running.connect() as client:
        client.send(get())
        assert client.read_answer().status == 200
        running.write_config({**document, "apis": {"all": {"upstream": "app"}, "new": {"upstream": "app", "path": "/new"}}})
        assert Admin(running).post("/v1/reload").json["outcome"] == "applied"
        client.send(get("/new"))
        assert client.read_answer().status == 200
        scrape = scrape_when(running, 1, gatehouse_api="new")
        assert scrape.value("http_server_request_duration_seconds_count", gatehouse_api="all") == 2
        wait_until(lambda: "gone" not in {labels["gatehouse_api"] for labels in
                                          Scrape(running).labels("http_server_request_duration_seconds_count")},
                   "what nothing names any more to be gone")
        assert scrape.value("gatehouse_upstream_requests_total", outcome="success") == 4
        assert scrape.value("gatehouse_connections", listener="main") == 1
        assert scrape.value("gatehouse_config_generation") == 2


def test_switched_off_and_on(gateway: StartGateway) -> None:
    document = config(workers=1, apis={"a": {"policies": [{"respond": {"status": 204}}]}})
    running = gateway({**document, "metrics": {"enabled": False}})
    admin = Admin(running)
    assert running.get().status == 204
    assert admin.get("/metrics").status == 404
    assert "requests" not in (admin.get("/v1/upstreams").json["upstreams"][0]["endpoints"][0])
    running.write_config(document)
    assert admin.post("/v1/reload").json["outcome"] == "applied"
    assert running.get().status == 204
    assert scrape_when(running, 1).value("http_server_request_duration_seconds_count") == 1


def test_names_that_need_escaping(gateway: StartGateway) -> None:
    name = 'a "quoted" \\ name\nwith a line end, é'
    running = gateway(config(apis={name: {"policies": [{"respond": {"status": 204}}]}}))
    assert running.get().status == 204
    scrape = scrape_when(running, 1)
    assert scrape.labels("http_server_request_duration_seconds_count")[0]["gatehouse_api"] == name


def test_no_label_comes_from_a_client(gateway: StartGateway) -> None:
    running = gateway(config(apis={"a": {"policies": [{"respond": {"status": 204}}]}}))
    for i in range(50):
        with running.connect() as client:
            client.send(get(f"/path-{i}?q={i}", f"User-Agent: agent-{i}\r\nConnection: close\r\n", f"METHOD{i}"))
            assert client.read_answer().status == 204
    scrape = scrape_when(running, 50)
    assert len(scrape.labels("http_server_request_duration_seconds_count")) == 1


MANY = 300  # routes, of 19 series each: some dozens of pieces


def many_routes(endpoint: str = "127.0.0.1:1") -> dict[str, Any]:
    """Routes that answer themselves, and one that does not."""
    routes = {f"r{i}": {"match": {"path": f"/r{i}"}} for i in range(MANY)}
    return config(endpoint, apis={"a": {"policies": [{"respond": {"status": 204}}], "routes": routes},
                                  "app": {"path": "/app", "upstream": "app"}})


def ask_each_route(running: Gateway) -> None:
    """Once."""
    with running.connect() as client:
        for i in range(MANY):
            client.send(get(f"/r{i}"))
            assert client.read_answer().status == 204


def counts_of(scrape: Scrape) -> dict[str, float]:
    """By route; each histogram must have all its buckets, and no more in one than in the next."""
    counts, buckets = {}, defaultdict(list)
    for sample in scrape.samples:
        route = sample.labels.get("http_route", "")
        if sample.name == "http_server_request_duration_seconds_bucket":
            buckets[route].append(sample.value)
        if sample.name == "http_server_request_duration_seconds_count":
            counts[route] = sample.value
    for route, values in buckets.items():
        assert len(values) == 17 and values == sorted(values) and values[-1] == counts[route], (route, values)
    return counts


def test_a_scrape_is_no_work_of_the_workers(upstream: StartUpstream, gateway: StartGateway) -> None:
    """While all of them are held, and everything else but the thread that scrapes. `tests/torture.py scrape` measures what
    they notice of it."""
    may_end = threading.Event()
    service = upstream(lambda request: may_end.wait(20) and echo(request))
    running = gateway(many_routes(service.address), workers=2)
    with running.connect() as client:
        ask_each_route(running)
        client.send(get("/app"))
        service.wait_for_requests(1)
        scrape_when(running, MANY)
        with held.all_but_the_first(running) as threads:
            assert threads >= 2
            scrape = Scrape(running)
            assert len(counts_of(scrape)) == MANY and scrape.value("http_server_active_requests") == 1
            with running.connect() as other:
                other.send(get("/r0"))
                assert not select.select([other.socket], [], [], 0.2)[0], "they are held"
                scrape = Scrape(running)
            assert scrape.value("http_server_request_duration_seconds_count") == MANY
        may_end.set()
        assert client.read_answer().status == 200


@pytest.mark.workers
def test_scrapes_while_requests_are_served(gateway: StartGateway) -> None:
    """Each is whole, and counts no less than the one before it."""
    running = gateway(many_routes(), workers=2)
    ask_each_route(running)
    before = counts_of(scrape_when(running, MANY))
    is_over, answered = threading.Event(), []

    def ask() -> None:
        with running.connect() as client:
            while not is_over.is_set():
                client.send(get(f"/r{len(answered) % MANY}"))
                answered.append(client.read_answer().status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(10):
            begin = len(answered)
            counts = counts_of(Scrape(running))
            assert len(counts) == MANY and all(counts[route] >= before[route] for route in before)
            wait_until(lambda begin=begin: len(answered) > begin, "an answer meanwhile")
            before = counts
    finally:
        is_over.set()
        thread.join()
    assert set(answered) == {204}
    scrape_when(running, MANY + len(answered))
