# SPDX-License-Identifier: Apache-2.0
"""Health: who is asked, what is made of the answers, and who gets requests after that."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from admin import Admin
from gatehouse import Gateway, run_command
from h2_upstream import H2Request, H2Upstream
from node_peers import NodeServer
from peers import Dnsmasq, FileServer, Nginx, free_port
from upstream import Upstream, UpstreamConnection
from wire import DEADLINE, Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

CHECK = {"path": "/healthz", "every": "100ms", "timeout": "5s", "healthy_after": 2, "unhealthy_after": 2}
# Slower than any test: what it says first, it says for ever.
SELDOM = {**CHECK, "every": "1h", "unhealthy_after": 1}


def answer(status: int, body: str) -> bytes:
    """One that tells who gave it."""
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode("ascii")


class Patient:
    """An upstream that is as well as it is told to be."""

    def __init__(self, start: StartUpstream, name: str, health: int = 200, work: int = 200, **where: Any):
        self.name, self.health, self.work = name, health, work
        self.silent = False
        self.upstream = start(self.answer, **where)
        self.address = self.upstream.address

    def answer(self, request: Request) -> bytes | None:
        """Checks and requests."""
        if request.target.startswith("/healthz"):
            return None if self.silent else answer(self.health, "")
        return answer(self.work, self.name)

    @property
    def checks(self) -> list[Request]:
        """Those that it was asked."""
        return [request for request in self.upstream.requests if request.target.startswith("/healthz")]

    @property
    def requests(self) -> int:
        """How many were no checks."""
        return sum(not request.target.startswith("/healthz") for request in self.upstream.requests)


def config(*endpoints: Any, **upstream: Any) -> dict[str, Any]:
    """One upstream of them, and an admin address."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": list(endpoints), "retries": {"attempts": 1}, **upstream}},
        "apis": {"all": {"upstream": "app"}},
        "admin": {"address": "127.0.0.1:0"},
    }


def healths(gateway: Gateway, upstream: str = "app") -> dict[str, str]:
    """Each endpoint's, as the admin address tells it."""
    told = Admin(gateway).get("/v1/upstreams").json["upstreams"]
    return {endpoint["address"]: endpoint["health"]
            for each in told if each["name"] == upstream for endpoint in each["endpoints"]}


def shares(gateway: Gateway, upstream: str = "app") -> dict[str, int]:
    """How much of its weight each endpoint has, in percent."""
    told = Admin(gateway).get("/v1/upstreams").json["upstreams"]
    return {endpoint["address"]: endpoint["share"]
            for each in told if each["name"] == upstream for endpoint in each["endpoints"]}


def wait_for_health(gateway: Gateway, upstream: str = "app", /, **wanted: str) -> None:
    """Until each of them is as wanted: `_8080="healthy"`, by its port."""
    def found() -> bool:
        told = {"_" + address.rpartition(":")[2]: health for address, health in healths(gateway, upstream).items()}
        return all(told.get(port) == health for port, health in wanted.items())

    wait_until(found, f"{wanted}, with {gateway.errors}")


def by_port(*patients: tuple[Any, str]) -> dict[str, str]:
    """For wait_for_health()."""
    return {f"_{patient.address.rpartition(':')[2]}": health for patient, health in patients}


def who_answers(gateway: Gateway, count: int = 12) -> set[str]:
    """So many requests; all of them must be answered well."""
    answers = [gateway.get() for _ in range(count)]
    assert {got.status for got in answers} == {200}, gateway.errors
    return {got.body.decode("ascii") for got in answers}


def metrics(gateway: Gateway, name: str) -> dict[str, float]:
    """The lines of one family."""
    lines = Admin(gateway).get("/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")}


# Checks.


# With `hash` these requests have no key, and go anywhere.
@pytest.mark.parametrize("balance", ["round_robin", "least_requests", "random", {"hash": "header:Key"}])
def test_who_does_not_answer_well_gets_no_requests(balance: Any, upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad")
    running = gateway(config(good.address, bad.address, health_check=CHECK, balance=balance), workers=2)
    wait_for_health(running, **by_port((good, "healthy"), (bad, "healthy")))
    assert who_answers(running, 40) == {"good", "bad"}
    bad.health = 500
    wait_for_health(running, **by_port((bad, "unhealthy")))
    assert who_answers(running, 40) == {"good"}
    running.wait_for_message(f"endpoint {bad.address} is unhealthy: GET /healthz: answered 500")
    up = metrics(running, "gatehouse_upstream_endpoint_up")
    assert up == {f'gatehouse_upstream_endpoint_up{{upstream="app",endpoint="{good.address}"}}': 1,
                  f'gatehouse_upstream_endpoint_up{{upstream="app",endpoint="{bad.address}"}}': 0}
    bad.health = 204
    wait_for_health(running, **by_port((bad, "healthy")))
    assert who_answers(running, 40) == {"good", "bad"}
    checks = metrics(running, "gatehouse_upstream_health_checks_total")
    assert checks[f'gatehouse_upstream_health_checks_total{{upstream="app",endpoint="{bad.address}",outcome="failed"}}'] >= 2
    assert checks[f'gatehouse_upstream_health_checks_total{{upstream="app",endpoint="{good.address}",outcome="failed"}}'] == 0
    asked = good.checks[0]
    assert asked.method == "GET" and asked.target == "/healthz" and asked.get("host") == good.address


def test_a_change_is_told_once_and_the_admin_address_knows_why(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad")
    running = gateway(config(good.address, bad.address, health_check=CHECK))
    wait_for_health(running, **by_port((good, "healthy"), (bad, "healthy")))
    bad.silent = True
    wait_for_health(running, **by_port((bad, "unhealthy")))
    seen = len(bad.checks)
    wait_until(lambda: len(bad.checks) >= seen + 3, "three more checks")
    lines = [line for line in running.errors.splitlines() if f"{bad.address} is unhealthy" in line]
    assert len(lines) == 1 and " warn " in lines[0] and "GET /healthz: no answer: " in lines[0], lines
    told = Admin(running).get("/v1/upstreams").json["upstreams"][0]["endpoints"][1]
    assert told["last_failure"]["what"].startswith("GET /healthz: no answer: ") and told["since"].endswith("Z")
    assert Admin(running).get("/v1/upstreams").json["upstreams"][0]["endpoints"][0]["last_failure"] is None
    assert Admin(running).get("/readyz").status == 200


def test_at_the_start_nobody_waits_for_a_check(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_end = threading.Event()

    def never(request: Request) -> bytes:
        if request.target == "/healthz":
            may_end.wait(DEADLINE)
        return answer(200, "served")

    served = upstream(never)
    running = gateway(config(served.address, health_check={**CHECK, "every": "1m", "timeout": "1m"}))
    assert who_answers(running, 3) == {"served"}
    assert set(healths(running).values()) == {"unknown"}
    may_end.set()
    wait_for_health(running, **by_port((served, "healthy")))


def test_a_new_endpoint_gets_nothing_before_its_first_good_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    old, new = Patient(upstream, "old"), Patient(upstream, "new", health=503)
    running = gateway(config(old.address, health_check=CHECK))
    wait_for_health(running, **by_port((old, "healthy")))
    assert "in force" in running.reload(config(old.address, new.address, health_check=CHECK))
    assert who_answers(running, 20) == {"old"}
    wait_for_health(running, **by_port((new, "unhealthy")))
    assert new.requests == 0
    new.health = 200
    wait_for_health(running, **by_port((new, "healthy")))
    assert who_answers(running) == {"old", "new"}


def test_what_is_known_survives_a_reload(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", health=500)
    document = config(good.address, bad.address, health_check=SELDOM)
    running = gateway(document)
    wait_for_health(running, **by_port((good, "healthy"), (bad, "unhealthy")))
    bad.health = 200  # nobody will ask for an hour
    document["upstreams"]["app"]["timeouts"] = {"response": "20s"}
    document["apis"]["more"] = {"upstream": "app", "path": "/more"}
    assert "in force" in running.reload(document)
    assert who_answers(running, 20) == {"good"}
    assert healths(running) == {good.address: "healthy", bad.address: "unhealthy"}
    assert len(good.checks) == 1 and len(bad.checks) == 1
    assert running.errors.count("is unhealthy") == 1


def test_upstreams_share_a_check_and_never_an_answer_to_another(upstream: StartUpstream, gateway: StartGateway) -> None:
    patient = Patient(upstream, "both")
    other = Patient(upstream, "other")
    patient.answer = lambda request: answer(500 if "deep" in request.target else 200, "both")  # type: ignore[method-assign]
    patient.upstream.answer = patient.answer
    document = config(patient.address, other.address, health_check=SELDOM)
    document["upstreams"]["same"] = {"endpoints": [patient.address], "health_check": SELDOM}
    document["upstreams"]["deep"] = {"endpoints": [patient.address, other.address],
                                     "health_check": {**SELDOM, "path": "/healthz/deep"}}
    running = gateway(document, workers=2)
    wait_for_health(running, **by_port((patient, "healthy"), (other, "healthy")))
    wait_for_health(running, "deep", **by_port((patient, "unhealthy"), (other, "healthy")))
    wait_for_health(running, "same", **by_port((patient, "healthy")))
    assert Counter(request.target for request in patient.checks) == {"/healthz": 1, "/healthz/deep": 1}


def test_one_that_is_stopped_is_found_out_and_one_that_is_killed(
        file_server: Callable[[Path], FileServer], gateway: StartGateway, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("served", encoding="ascii")
    servers = [file_server(tmp_path) for _ in range(3)]
    running = gateway(config(*[server.address for server in servers],
                             health_check={**CHECK, "path": "/", "timeout": "500ms"}), workers=2)
    wait_for_health(running, **by_port(*[(server, "healthy") for server in servers]))
    try:
        servers[0].process.send_signal(signal.SIGSTOP)
        wait_for_health(running, **by_port((servers[0], "unhealthy")))
        running.wait_for_message("GET /: no answer: not in time")
        servers[1].process.kill()
        wait_for_health(running, **by_port((servers[1], "unhealthy")))
        running.wait_for_message("GET /: no connection: Connection refused")
        assert who_answers(running, 20) == {"served"}
    finally:
        servers[0].process.send_signal(signal.SIGCONT)
    wait_for_health(running, **by_port((servers[0], "healthy")))
    assert who_answers(running, 20) == {"served"}


def panic_of(running: Gateway) -> tuple[dict[str, float], bool]:
    """What the metrics say of it, and what the admin address does."""
    return metrics(running, "gatehouse_upstream_panic"), Admin(running).get("/v1/upstreams").json["upstreams"][0]["panic"]


def test_where_hardly_anybody_is_well_everybody_serves(upstream: StartUpstream, gateway: StartGateway) -> None:
    patients = [Patient(upstream, name) for name in "abc"]
    running = gateway(config(*[patient.address for patient in patients], health_check=CHECK, panic=50))
    wait_for_health(running, **by_port(*[(patient, "healthy") for patient in patients]))
    patients[0].health = patients[1].health = 500
    wait_for_health(running, **by_port((patients[0], "unhealthy"), (patients[1], "unhealthy")))
    running.wait_for_message("upstream app: 1 of 3 endpoints are well: all of them serve")
    assert who_answers(running) == {"a", "b", "c"}
    assert sum(metrics(running, "gatehouse_upstream_endpoint_up").values()) == 1
    assert panic_of(running) == ({'gatehouse_upstream_panic{upstream="app"}': 1}, True)
    patients[0].health = 200
    wait_for_health(running, **by_port((patients[0], "healthy")))
    running.wait_for_message("upstream app: enough endpoints are well: only they serve")
    assert panic_of(running) == ({'gatehouse_upstream_panic{upstream="app"}': 0}, False)
    assert who_answers(running) == {"a", "c"}


def test_without_a_panic_nobody_serves_where_nobody_is_well(upstream: StartUpstream, gateway: StartGateway) -> None:
    patients = [Patient(upstream, name, health=500) for name in "ab"]
    running = gateway(config(*[patient.address for patient in patients], health_check=CHECK, panic=0))
    wait_for_health(running, **by_port(*[(patient, "unhealthy") for patient in patients]))
    assert running.get().status == 503
    line = running.wait_for_log(1)[-1]
    assert (line["reason"], line["attempts"]) == ("no_endpoint", 0)
    assert Admin(running).get("/readyz").status == 200


def test_a_backup_that_is_well_serves_before_anyone_who_is_not(upstream: StartUpstream, gateway: StartGateway) -> None:
    main, spare = Patient(upstream, "main"), Patient(upstream, "spare")
    running = gateway(config(main.address, {"address": spare.address, "backup": True}, health_check=CHECK))
    wait_for_health(running, **by_port((main, "healthy"), (spare, "healthy")))
    assert who_answers(running) == {"main"}
    main.health = 500
    wait_for_health(running, **by_port((main, "unhealthy")))
    assert who_answers(running) == {"spare"}


def test_where_the_last_one_that_is_well_is_drained_others_serve(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", health=500)
    running = gateway(config(good.address, bad.address, health_check=CHECK))
    wait_for_health(running, **by_port((good, "healthy"), (bad, "unhealthy")))
    assert who_answers(running) == {"good"}
    assert Admin(running).ask("POST", f"/v1/upstreams/app/endpoints/{good.address}/drain").status == 200
    assert healths(running)[good.address] == "drained"
    assert who_answers(running) == {"bad"}
    assert Admin(running).ask("POST", f"/v1/upstreams/app/endpoints/{good.address}/enable").status == 200
    assert who_answers(running) == {"good"}


@pytest.mark.parametrize("kind", ["tcp", "port", "unix", "status"])
def test_other_questions(kind: str, upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    good = Patient(upstream, "good", health=500 if kind == "tcp" else 418)
    where: dict[str, Any] = {"path": str(tmp_path / "socket")} if kind == "unix" else {}
    asked = Patient(upstream, "asked", health=418, **where)
    check: dict[str, Any] = {**CHECK, "status": ["200-299", 418]}
    if kind == "tcp":
        check = {"type": "tcp", "every": "100ms"}
    if kind == "port":
        check["port"] = asked.upstream.port
    endpoint = asked.address if kind in ("unix", "status") else good.address
    running = gateway(config(endpoint, health_check=check))
    wait_until(lambda: healths(running) == {endpoint: "healthy"}, f"a good check: {running.errors}")
    if kind != "tcp":
        assert asked.checks and (kind != "unix" or asked.checks[0].get("host") == "localhost")
    assert not good.checks


BAD_ANSWERS = {
    "a status that is not wanted": (answer(404, ""), "answered 404"),
    "a redirect to nowhere": (b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", "answered 400"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer: "),
    "nothing": (None, "no answer: "),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", "no answer: "),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "no answer: "),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n" + b"X-Filling: " + b"x" * 4000 + b"\r\n" * 1 + b"X: y\r\n" * 10000, "no answer: "),
    "interim heads, each as large as one may be": (8 * (b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </%b>\r\n" % (b"x" * 240) * 60 + b"\r\n")
                                                   + answer(500, ""), "no answer: "),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "no answer: "),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_what_is_no_good_answer(case: str, upstream: StartUpstream, gateway: StartGateway) -> None:
    said, words = BAD_ANSWERS[case]
    bad, good = upstream(said, close=True), Patient(upstream, "good")
    running = gateway(config(bad.address, good.address, health_check=CHECK))
    wait_for_health(running, **by_port((bad, "unhealthy"), (good, "healthy")))
    running.wait_for_message(f"{bad.address} is unhealthy: GET /healthz: {words}")


def test_what_is_good_enough(upstream: StartUpstream, gateway: StartGateway) -> None:
    large = upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * (1 << 17))
    chunked = upstream(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"3\r\nabc\r\n0\r\n\r\n")
    running = gateway(config(large.address, chunked.address, health_check=CHECK))
    wait_for_health(running, **by_port((large, "healthy"), (chunked, "healthy")))


def test_checks_speak_what_the_upstream_speaks(nginx: Callable[..., Nginx], gateway: StartGateway, tmp_path: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    pair.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    port = free_port()
    nginx(tmp_path, http=f"""server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {tmp_path}/chain.pem;
        ssl_certificate_key {tmp_path}/key.pem;
        location /healthz {{ return 200 $server_protocol; }}
        location /h2 {{ if ($server_protocol = HTTP/2.0) {{ return 204; }} return 505; }}
        location / {{ return 200 served; }}
    }}""")
    address = f"localhost:{port}"
    document = config(address, protocol="h2", tls={"ca": str(tmp_path / "ca.pem")}, health_check={**CHECK, "path": "/h2"})
    document["upstreams"]["first"] = {"endpoints": [address], "tls": {"ca": str(tmp_path / "ca.pem")},
                                      "health_check": {**CHECK, "path": "/h2"}}
    document["upstreams"]["distrust"] = {"endpoints": [address], "tls": {"ca": str(tmp_path / "other.pem")},
                                         "health_check": {"type": "tcp", "every": "100ms"}}
    running = gateway(document)
    wait_until(lambda: healths(running) == {address: "healthy"}, f"HTTP/2: {running.errors}")
    wait_until(lambda: healths(running, "first") == {address: "unhealthy"}, "HTTP/1")
    wait_until(lambda: healths(running, "distrust") == {address: "unhealthy"}, "another authority")
    running.wait_for_message("upstream first: endpoint " + address + " is unhealthy: GET /h2: answered 505")
    running.wait_for_message("upstream distrust: endpoint " + address + " is unhealthy: tcp: no connection: ")
    assert who_answers(running, 3) == {"served"}


def test_grpc_is_asked_by_its_own_protocol(node_server: Callable[..., NodeServer], gateway: StartGateway) -> None:
    servers = [node_server("health_server.js", statuses={"": 1, "shop.Orders": 1}) for _ in range(2)]
    check = {"type": "grpc", "service": "shop.Orders", "every": "100ms", "timeout": "10s"}
    running = gateway(config(*[server.address for server in servers], protocol="h2", health_check=check))
    wait_for_health(running, **by_port((servers[0], "healthy"), (servers[1], "healthy")))
    assert servers[0].wait_for_event("asked")[0]["service"] == "shop.Orders"
    stdin = servers[0].process.stdin
    assert stdin
    stdin.write(json.dumps({"service": "shop.Orders", "status": 2}) + "\n")
    wait_for_health(running, **by_port((servers[0], "unhealthy")))
    running.wait_for_message(f"endpoint {servers[0].address} is unhealthy: grpc: answered NOT_SERVING")
    stdin.write(json.dumps({"service": "shop.Orders", "status": 1}) + "\n")
    wait_for_health(running, **by_port((servers[0], "healthy")))
    check["service"] = "shop.Unknown"
    running.reload(config(servers[1].address, protocol="h2", health_check=check))
    running.wait_for_message("is unhealthy: grpc: answered grpc-status 5")


SERVING = b"\0\0\0\0\2\x08\x01"
GRPC = [("content-type", "application/grpc")]
NO_GRPC = {
    "a page": ({"body": SERVING, "fields": [("content-type", "text/html")], "trailers": [("grpc-status", "0")]}, "answered what is not gRPC"),
    "a message, and the status before it": ({"body": SERVING, "fields": [*GRPC, ("grpc-status", "0")]}, "answered grpc-status none"),
    "one status before the message and another behind": (
        {"body": SERVING, "fields": [*GRPC, ("grpc-status", "0")], "trailers": [("grpc-status", "7")]}, "answered grpc-status 7"),
    "a message without a status": ({"body": SERVING, "fields": GRPC}, "answered grpc-status none"),
    "two statuses": ({"body": SERVING, "fields": GRPC, "trailers": [("grpc-status", "0"), ("grpc-status", "0")]}, "answered grpc-status twice"),
    "two statuses that differ": ({"body": SERVING, "fields": GRPC, "trailers": [("grpc-status", "0"), ("grpc-status", "5")]}, "answered grpc-status twice"),
    "a status without a message": ({"fields": [*GRPC, ("grpc-status", "0")]}, "answered what is no health check's answer"),
}


@pytest.mark.parametrize("case", NO_GRPC)
def test_what_is_no_good_answer_to_a_call(case: str, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    said, words = NO_GRPC[case]
    bad = H2Upstream(lambda request: request.respond(**said))
    good = H2Upstream(lambda request: request.respond(body=SERVING, fields=GRPC, trailers=[("grpc-status", "0")]))
    stack.callback(bad.stop)
    stack.callback(good.stop)
    check = {**CHECK, "type": "grpc"}
    del check["path"]
    running = gateway(config(bad.address, good.address, protocol="h2", health_check=check))
    wait_for_health(running, **by_port((bad, "unhealthy"), (good, "healthy")))
    running.wait_for_message(f"{bad.address} is unhealthy: grpc: {words}")


def test_a_check_that_hangs_does_not_hold_up_the_next(gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """One after another on time, so that the next begins in the turn in which the one before ended."""
    def answer(request: H2Request) -> None:
        if len(service.connections) > 1:
            request.respond(body=SERVING, fields=GRPC, trailers=[("grpc-status", "0")])

    service = H2Upstream(answer)
    stack.callback(service.stop)
    check = {"type": "grpc", "every": "100ms", "timeout": "300ms", "healthy_after": 1, "unhealthy_after": 1}
    running = gateway(config(service.address, protocol="h2", health_check=check))
    wait_for_health(running, **by_port((service, "healthy")))


@pytest.mark.parametrize("balance", ["round_robin", {"hash": "header:Key"}])
def test_those_that_dns_names_are_asked_and_forgotten(
        balance: Any, upstream: StartUpstream, gateway: StartGateway, dnsmasq: Callable[..., Dnsmasq]) -> None:
    first = Patient(upstream, "first")
    port = first.upstream.port
    second = Patient(upstream, "second", health=500, host="127.0.0.2", port=port)
    server = dnsmasq({"app.test": ["127.0.0.1"]})
    document = config(health_check=CHECK, balance=balance)
    document["upstreams"]["app"].pop("endpoints")
    document["upstreams"]["app"]["discovery"] = {"dns": "app.test", "port": port, "servers": [server.address]}
    running = gateway(document)
    wait_until(lambda: healths(running) == {first.address: "healthy"}, "the first one")
    server.tell("app.test", "127.0.0.1", "127.0.0.2")
    wait_until(lambda: healths(running) == {first.address: "healthy", second.address: "unhealthy"}, "the second one")
    assert who_answers(running) == {"first"} and second.requests == 0
    second.health = 200
    wait_until(lambda: healths(running) == {first.address: "healthy", second.address: "healthy"}, "both")
    assert who_answers(running, 40) == {"first", "second"}
    server.tell("app.test", "127.0.0.2")
    wait_until(lambda: healths(running) == {second.address: "healthy"}, "the second one alone")
    seen, later = len(first.checks), len(second.checks)
    wait_until(lambda: len(second.checks) >= later + 5, "more checks")
    assert len(first.checks) <= seen + 1


def test_an_endpoint_that_is_named_twice(upstream: StartUpstream, gateway: StartGateway) -> None:
    twice, other = Patient(upstream, "twice"), Patient(upstream, "other", health=500)
    document = config(twice.address, twice.address, other.address, health_check=SELDOM)
    running = gateway(document)
    wait_for_health(running, **by_port((twice, "healthy"), (other, "unhealthy")))
    document["upstreams"]["app"]["timeouts"] = {"response": "20s"}
    assert "in force" in running.reload(document)
    assert who_answers(running) == {"twice"}
    assert len(twice.checks) == 1


def test_checks_come_and_go_with_the_configuration(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", health=500)
    running = gateway(config(good.address, bad.address))
    assert who_answers(running) == {"good", "bad"}
    assert "in force" in running.reload(config(good.address, bad.address, health_check=CHECK))
    wait_for_health(running, **by_port((good, "healthy"), (bad, "unhealthy")))
    assert who_answers(running) == {"good"}
    # Another question: what is known holds until it has said otherwise.
    assert "in force" in running.reload(config(good.address, bad.address, health_check={**CHECK, "path": "/healthz/other"}))
    assert who_answers(running, 4) == {"good"}
    assert "in force" in running.reload(config(good.address, bad.address, slow_start="1s"))
    assert who_answers(running) == {"good", "bad"}
    seen = len(bad.checks)
    assert "in force" in running.reload(config(good.address, bad.address))
    assert who_answers(running) == {"good", "bad"}
    assert len(bad.checks) <= seen + 1


class Crowd:
    """A server on many addresses; counts the checks that it has at a time."""

    def __init__(self, start: StartUpstream, seconds: float):
        self.seconds, self.now, self.most, self.count = seconds, 0, 0, 0
        self.lock = threading.Lock()
        port = start(self.answer, host="0.0.0.0", record=False).port
        self.addresses = [f"127.0.{i // 200}.{i % 200 + 1}:{port}" for i in range(300)]

    def answer(self, request: Request) -> bytes:
        """After some time."""
        with self.lock:
            self.now += 1
            self.count += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return answer(200, request.target)


def test_only_so_many_are_asked_at_a_time(upstream: StartUpstream, gateway: StartGateway) -> None:
    crowd = Crowd(upstream, 0.3)
    running = gateway(config(*crowd.addresses, health_check={**SELDOM, "timeout": "1m"}))
    wait_until(lambda: set(healths(running).values()) == {"healthy"}, "all of them")
    assert crowd.count == 300 and 64 <= crowd.most <= 128, (crowd.count, crowd.most)


def test_those_that_wait_to_be_asked_may_be_forgotten(upstream: StartUpstream, gateway: StartGateway) -> None:
    crowd = Crowd(upstream, 0.5)
    running = gateway(config(*crowd.addresses, health_check={**SELDOM, "timeout": "1m"}))
    wait_until(lambda: crowd.now >= 100, "the first ones")
    assert "in force" in running.reload(config(*crowd.addresses[-2:], health_check={**SELDOM, "timeout": "1m"}))
    assert "in force" in running.reload(config(*crowd.addresses[-3:], health_check={**SELDOM, "timeout": "1m"}))
    wait_until(lambda: list(healths(running).values()) == ["healthy"] * 3, "those that are left")
    assert crowd.count <= 140, crowd.count
    crowd.seconds = 2  # and it may end while others are asked and wait
    assert "in force" in running.reload(config(*crowd.addresses, health_check={**SELDOM, "timeout": "1m"}))


# Requests.


OUTLIER = {"consecutive_failures": 3, "eject_for": "1h", "max_ejected": 50}


@pytest.mark.parametrize("fails", ["503", "reset", "refused"])
def test_who_fails_requests_is_ejected(fails: str, upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", work=503)
    if fails == "reset":
        bad.upstream.answer = None
    address = f"127.0.0.1:{free_port()}" if fails == "refused" else bad.address
    running = gateway(config(good.address, address, outlier=OUTLIER), workers=2)
    statuses: Counter[int] = Counter()

    def ejected() -> bool:
        statuses[running.get().status] += 1
        return healths(running)[address] == "ejected"

    wait_until(ejected, "an ejection")
    assert who_answers(running, 20) == {"good"}
    cause = {"503": "answered 503", "reset": "upstream_reset", "refused": "upstream_connect_refused"}[fails]
    running.wait_for_message(f"endpoint {address} is ejected for 3600000 ms: 3 failures in a row, the last: {cause}")
    assert 3 <= statuses[{"503": 503}.get(fails, 502)] <= 6
    assert metrics(running, "gatehouse_upstream_ejections_total")[
        f'gatehouse_upstream_ejections_total{{upstream="app",endpoint="{address}"}}'] == 1
    assert "in force" in running.reload(config(good.address, address, outlier=OUTLIER, slow_start="1s"))
    assert healths(running)[address] == "ejected"


def test_an_ejection_ends_and_the_next_one_is_longer(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", work=502)
    running = gateway(config(good.address, bad.address, outlier={**OUTLIER, "eject_for": "300ms"}))

    def again() -> bool:
        running.get()
        return f"{bad.address} is ejected for 600 ms" in running.errors

    wait_until(again, "two ejections")
    running.wait_for_message(f"{bad.address} is ejected for 300 ms")
    running.wait_for_message(f"{bad.address} is ejected no longer")
    bad.work = 200
    wait_for_health(running, **by_port((bad, "healthy")))
    assert who_answers(running) == {"good", "bad"}


def test_no_more_are_ejected_than_may_be(upstream: StartUpstream, gateway: StartGateway) -> None:
    patients = [Patient(upstream, name, work=503) for name in "abcd"]
    running = gateway(config(*[patient.address for patient in patients], outlier=OUTLIER), workers=2)
    for _ in range(80):
        assert running.get().status == 503
    wait_until(lambda: list(healths(running).values()).count("ejected") == 2, "half of them")
    for _ in range(40):
        assert running.get().status == 503
    assert list(healths(running).values()).count("ejected") == 2


def test_what_clients_do_ejects_nobody(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_end = threading.Event()

    def slow(request: Request) -> bytes:
        may_end.wait(DEADLINE)
        return answer(404, "x")

    patients = [upstream(slow) for _ in range(2)]
    running = gateway(config(*[patient.address for patient in patients],
                             outlier={**OUTLIER, "consecutive_failures": 1}))
    for broken in (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
                   b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n",
                   b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        with running.connect() as connection:
            connection.send(broken)
            if broken.startswith(b"GET"):
                wait_until(lambda: any(patient.requests for patient in patients), "the request")
    call = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\ngrpc-timeout: 50m\r\nContent-Length: 0\r\n\r\n"
    for _ in range(4):
        with running.connect() as connection:
            connection.send(call)
            assert connection.read_answer("POST").get("grpc-status") == "4"
    assert "upstream_timeout" in {line["reason"] for line in running.wait_for_log(7)}, running.log
    may_end.set()
    assert {running.get().status for _ in range(6)} == {404}
    assert set(healths(running).values()) == {"healthy"}, running.errors


def test_a_time_that_clients_set_ejects_nobody(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_end = threading.Event()

    def slow(request: Request) -> bytes:
        may_end.wait(DEADLINE)
        return answer(200, request.target)

    running = gateway(config(*[upstream(slow).address for _ in range(2)], timeouts={"pass": "X-Time-Left"},
                             outlier={**OUTLIER, "consecutive_failures": 1}))
    for _ in range(4):
        with running.connect() as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Time-Left: 50\r\n\r\n")
            assert connection.read_answer().status == 504
    may_end.set()
    assert running.get().status == 200
    assert set(healths(running).values()) == {"healthy"}, running.errors


def test_who_loses_a_race_is_not_ejected(upstream: StartUpstream, gateway: StartGateway) -> None:
    lost: list[bytes] = []

    def slow(connection: UpstreamConnection) -> None:
        while connection.read_request():
            connection.read_until_closed()
            lost.append(b"one")
            return

    addresses = [upstream(serve=slow).address, Patient(upstream, "quick").address]
    running = gateway(config(*addresses, hedging={"after": "20ms", "budget": 100},
                             outlier={**OUTLIER, "consecutive_failures": 1}))
    assert who_answers(running) == {"quick"}
    wait_until(lambda: len(lost) >= 4, "the end of those that lost")
    assert set(healths(running).values()) == {"healthy"}, running.errors


def test_an_endpoint_that_is_stopped_is_ejected(
        file_server: Callable[[Path], FileServer], gateway: StartGateway, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("served", encoding="ascii")
    servers = [file_server(tmp_path) for _ in range(2)]
    running = gateway(config(*[server.address for server in servers], outlier=OUTLIER, timeouts={"total": "300ms"}))
    try:
        servers[0].process.send_signal(signal.SIGSTOP)

        def ejected() -> bool:
            running.get()
            return healths(running)[servers[0].address] == "ejected"

        wait_until(ejected, "an ejection")
        assert who_answers(running) == {"served"}
        running.wait_for_message("3 failures in a row, the last: upstream_")
    finally:
        servers[0].process.send_signal(signal.SIGCONT)


def wait_for_ejection(running: Gateway, bad: Patient) -> None:
    """By requests, of which some meet it."""
    def ejected() -> bool:
        running.get()
        return healths(running)[bad.address] == "ejected"

    wait_until(ejected, "an ejection")


def test_checks_that_pass_do_not_end_an_ejection(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", work=503)
    running = gateway(config(good.address, bad.address, outlier=OUTLIER, health_check=CHECK))
    wait_for_health(running, **by_port((good, "healthy"), (bad, "healthy")))

    wait_for_ejection(running, bad)
    seen = len(bad.checks)
    wait_until(lambda: len(bad.checks) >= seen + 5, "checks that pass")
    assert healths(running)[bad.address] == "ejected"
    assert who_answers(running) == {"good"}


def test_checks_that_fail_take_over_and_bring_it_back(upstream: StartUpstream, gateway: StartGateway) -> None:
    good, bad = Patient(upstream, "good"), Patient(upstream, "bad", work=503)
    running = gateway(config(good.address, bad.address, outlier=OUTLIER, health_check=CHECK))
    wait_for_health(running, **by_port((good, "healthy"), (bad, "healthy")))

    wait_for_ejection(running, bad)
    bad.health = 500
    wait_for_health(running, **by_port((bad, "unhealthy")))
    bad.health = bad.work = 200
    wait_for_health(running, **by_port((bad, "healthy")))
    assert who_answers(running) == {"good", "bad"}


# Slow start.


def test_the_share_of_one_that_is_back_grows(upstream: StartUpstream, gateway: StartGateway) -> None:
    old, new = Patient(upstream, "old"), Patient(upstream, "new", health=500)
    running = gateway(config(old.address, new.address, health_check=CHECK, slow_start="6s"))
    wait_for_health(running, **by_port((old, "healthy"), (new, "unhealthy")))
    assert shares(running)[new.address] == 0
    time.sleep(6)  # the old one has grown
    new.health = 200
    wait_for_health(running, **by_port((new, "healthy")))
    assert shares(running)[old.address] == 100 and 10 <= shares(running)[new.address] < 60
    early = Counter(running.get().body for _ in range(44))[b"new"]
    wait_until(lambda: Counter(running.get().body for _ in range(20))[b"new"] == 10, "its whole share", 2 * DEADLINE)
    wait_until(lambda: shares(running)[new.address] == 100, "all of its weight")
    assert 1 <= early <= 15, early  # of 22; 4 if nothing took any time


# What is told before.


@pytest.mark.parametrize("options, words", [
    ({"health_check": {"every": "1s", "timeout": "2s"}}, "warning: upstreams.app.health_check.timeout: a timeout of 2s is longer than"),
    ({"health_check": {"every": "500ms"}}, 'warning: upstreams.app.health_check: a timeout of 1s is longer than "every" (500ms)'),
    ({"health_check": {"type": "grpc", "path": "/x"}}, "error: upstreams.app.health_check.path: belongs to `type: http`"),
    ({"health_check": {"type": "tcp", "status": 200}}, "error: upstreams.app.health_check.status: belongs to"),
    ({"health_check": {"service": "x"}}, "error: upstreams.app.health_check.service: belongs to `type: grpc`"),
    ({"health_check": {"status": "600"}}, "error: upstreams.app.health_check.status: want a status or a range"),
    ({"health_check": {"status": "300-200"}}, "error: upstreams.app.health_check.status: want a status or a range"),
    ({"health_check": {"path": "healthz"}}, "error: upstreams.app.health_check.path: want a path that begins with /"),
    ({"health_check": {"path": "/a b"}}, "error: upstreams.app.health_check.path: want a path that begins with /"),
    ({"health_check": {"host": "a\nb"}}, "error: upstreams.app.health_check.host: want a host"),
    ({"health_check": {"type": "grpc"}, "tls": {"verify": False}}, "error: upstreams.app.health_check.type: needs `protocol: h2`"),
    ({"outlier": {"max_ejected": 101}}, "error: upstreams.app.outlier.max_ejected: "),
    ({"panic": 101}, "error: upstreams.app.panic: "),
    ({"health_check": {"interval": "1s"}}, 'error: upstreams.app.health_check.interval: unknown key; here it is "every"'),
    ({"outlier_detection": {}}, 'error: upstreams.app.outlier_detection: unknown key; here it is "outlier"'),
    ({"hedging": {"budget": 5}}, 'warning: upstreams.app.hedging: asks nobody twice without "after"'),
    ({"circuit_breaker": {}}, 'warning: upstreams.app.circuit_breaker: bounds nothing without "requests" or "connections"'),
    ({"balance": "leastconn"}, 'read "leastconn"; here it is "least_requests"'),
    ({"balance": "hash"}, 'read "hash"; want what is hashed, such as { hash: client_ip }'),
])
def test_what_check_says(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config("127.0.0.1:1", **options)), encoding="utf-8")
    done = run_command("check", "-c", path)
    assert words in done.stdout + done.stderr, done.stdout + done.stderr
    assert (done.returncode == 0) == words.startswith("warning")


def test_a_socket_has_no_port_to_ask(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config("unix:/run/app", health_check={"port": 1})), encoding="utf-8")
    done = run_command("check", "-c", path)
    assert "upstreams.app.health_check.port: a Unix socket has no port" in done.stdout + done.stderr
    assert done.returncode == 1


def test_explain_names_who_would_not_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config("127.0.0.1:1", {"address": "127.0.0.1:2", "weight": 0}, health_check=CHECK)),
                    encoding="utf-8")
    done = run_command("explain", "-c", path, "GET", "http://gw.test/")
    assert "upstream  app: 127.0.0.1:1 127.0.0.1:2 (weight 0)\n" in done.stdout, done.stdout


def test_three_endpoints_that_are_asked_at_one_port(upstream: StartUpstream, gateway: StartGateway) -> None:
    """One of them named twice: each has one health, and the gateway lives on."""
    one, other = Patient(upstream, "one"), Patient(upstream, "other")
    asked = Patient(upstream, "asked")
    running = gateway(config(one.address, other.address, one.address,
                             health_check={**CHECK, "port": asked.upstream.port, "host": "a.test", "healthy_after": 1}))
    wait_until(lambda: set(healths(running).values()) == {"healthy"}, "health")
    assert set(healths(running)) == {one.address, other.address}
    asked.health = 500
    wait_until(lambda: set(healths(running).values()) == {"unhealthy"}, "no health")
