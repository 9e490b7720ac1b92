# SPDX-License-Identifier: Apache-2.0
"""`rate_limit` through the whole gateway, with two workers: what is admitted is counted, and is the limit exactly.

Limits are by the hour, so that no count depends on how quick a test is.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest

from admin import Admin
from gatehouse import Gateway, run_command
from h2_peers import H2Client
from simple import config, get
from upstream import Upstream
from wire import Answer

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

PROBLEM = "https://iana.org/assignments/http-problem-types#quota-exceeded"
SECRET = "0123456789abcdef0123456789abcdef"


def limit(**options: Any) -> dict[str, Any]:
    """One policy."""
    return {"rate_limit": options}


def having(endpoint: str, *policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One API that takes everything and has these policies; a client is who a proxy on this machine says."""
    return {**config(endpoint, listener={"trusted_proxies": ["127.0.0.1"]}, api={"policies": list(policies)}), **more}


def ask(gateway: Gateway, fields: str = "", path: str = "/", times: int = 1) -> list[Answer]:
    """So many answers, each on a connection of its own, so that any worker may get it."""
    answers = []
    for _ in range(times):
        with gateway.connect() as client:
            client.send(get(path, f"Connection: close\r\n{fields}"))
            answers.append(client.read_answer())
    return answers


def admitted(gateway: Gateway, fields: str = "", path: str = "/", times: int = 10) -> int:
    """How many of so many got in; the others were refused for their number."""
    statuses = [answer.status for answer in ask(gateway, fields, path, times)]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


def stands(told: str | None, *wanted: tuple[str, int, int]) -> bool:
    """Whether a RateLimit says of each limit what is left, and when all is back, give or take what a test takes."""
    found = re.findall(r'"([^"]+)";r=(\d+);t=(\d+)(?:, |$)', told or "")
    return len(found) == len(wanted) and all(
        (name, int(left)) == (want[0], want[1]) and want[2] - 60 <= int(until) <= want[2]
        for (name, left, until), want in zip(found, wanted, strict=True))


def test_a_limit_admits_its_number_exactly(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Eight clients, on two workers, at once, and a hundred times too much."""
    running = gateway(having(upstream().address, limit(limit="100/1d")), workers=2)
    statuses: list[int] = []

    def client() -> None:
        for _ in range(25):
            with running.connect() as connection:
                for _ in range(50):
                    connection.send(get())
                    statuses.append(connection.read_answer().status)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 10_000
    assert statuses.count(200) == 100
    assert statuses.count(429) == 9_900


def test_what_a_client_is_told(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, limit(limit="2/1h", name="per hour")), workers=2)
    answers = ask(running, times=3)
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert {answer.get("ratelimit-policy") for answer in answers} == {'"per hour";q=2;w=3600'}
    for answer, left, until in zip(answers, (1, 0, 0), (1800, 3600, 3600), strict=True):
        assert stands(answer.get("ratelimit"), ("per hour", left, until))
    refused = answers[2]
    assert 1740 <= int(refused.get("retry-after") or 0) <= 1800
    assert refused.get("content-type") == "application/problem+json"
    assert refused.get("proxy-status") == "gatehouse; error=http_request_denied"
    problem = json.loads(refused.body)
    assert problem.pop("instance")
    assert problem == {"type": PROBLEM, "title": "Quota Exceeded", "status": 429,
                       "detail": "There were too many requests lately.", "violated-policies": ["per hour"]}
    assert len(service.requests) == 2
    assert sorted(str(entry.get("reason")) for entry in running.wait_for_log(3)) == ["None", "None", "rate_limited"]


def test_answers_of_the_gateway_tell_it_too(gateway: StartGateway) -> None:
    running = gateway(having("127.0.0.1:1", limit(limit="9/1h")))
    answer, = ask(running)
    assert answer.status == 502
    assert stands(answer.get("ratelimit"), ("default", 8, 400))


def test_two_limits_are_told_in_one_line(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(having(upstream().address, limit(limit="5/1h", name="hour"), limit(limit="40/1d", name="day")))
    answer, = ask(running)
    assert answer.all("ratelimit-policy") == ['"hour";q=5;w=3600, "day";q=40;w=86400']
    assert len(answer.all("ratelimit")) == 1
    assert stands(answer.get("ratelimit"), ("hour", 4, 720), ("day", 39, 2160))


def test_over_http2_and_to_grpc(upstream: StartUpstream, gateway: StartGateway) -> None:
    document = having(upstream().address, limit(limit="1/1h"))
    document["listeners"]["main"]["protocols"] = ["h1", "h2"]
    running = gateway(document, workers=2)
    with H2Client(running.address()) as client:
        assert client.get().status == 200
        refused = client.get()
        assert refused.status == 429
        assert refused.fields["ratelimit-policy"] == '"default";q=1;w=3600'
        assert json.loads(refused.body)["violated-policies"] == ["default"]
        call = client.get(method="POST", fields=[("content-type", "application/grpc"), ("te", "trailers")], body=b"")
        assert call.status == 200
        assert call.fields["grpc-status"] == "8"
        assert stands(call.fields["ratelimit"], ("default", 0, 3600))
        assert int(call.fields["retry-after"]) > 3500


# Who counts as one.

def test_clients_by_address(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(having(upstream().address, limit(limit="3/1h")), workers=2)
    for first, second in (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")):
        assert admitted(running, f"X-Forwarded-For: {first}\r\n") == 3
        assert admitted(running, f"X-Forwarded-For: {second}\r\n") == 3
    assert admitted(running, "X-Forwarded-For: 2001:db8::ffff:1:2:3\r\n") == 0
    assert admitted(running, 'Forwarded: for="[2001:db8:0:0:9::]"\r\n') == 0
    assert admitted(running, "X-Forwarded-For: ::ffff:192.0.2.1\r\n") == 0
    assert admitted(running) == 3


def test_a_unix_socket_is_one_client(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    document = config(upstream().address, listener={"address": f"unix:{tmp_path / 'gateway.sock'}"},
                      api={"policies": [limit(limit="3/1h")]})
    assert admitted(gateway(document)) == 3


def test_consumers(upstream: StartUpstream, gateway: StartGateway) -> None:
    consumers = {name: {"api_keys": ["sha256:" + hashlib.sha256(f"{name}-{i}".encode()).hexdigest() for i in range(2)]}
                 for name in ("acme", "globex")}
    running = gateway(having(upstream().address, {"api_key": {}}, limit(limit="4/1h", by="consumer"),
                             consumers=consumers), workers=2)
    assert admitted(running, "X-API-Key: acme-0\r\n", times=3) == 3
    assert admitted(running, "X-API-Key: acme-1\r\nX-Forwarded-For: 192.0.2.1\r\n") == 1
    assert admitted(running, "X-API-Key: globex-0\r\n") == 4


def test_claims_and_fields(upstream: StartUpstream, gateway: StartGateway) -> None:
    issuer = {"issuer": "https://id.example.com", "audience": "app", "secret": SECRET}
    by = ["claim:org.id", "header:X-Tenant"]
    running = gateway(having(upstream().address, {"jwt": {"issuers": [issuer]}}, limit(limit="3/1h", by=by)), workers=2)

    def fields(organisation: int, *tenants: str) -> str:
        claims = {"iss": issuer["issuer"], "aud": "app", "exp": int(time.time()) + 600, "org": {"id": organisation}}
        token = jwt.encode(claims, SECRET, "HS256")
        return f"Authorization: Bearer {token}\r\n" + "".join(f"X-Tenant: {tenant}\r\n" for tenant in tenants)

    assert admitted(running, fields(1, "a")) == 3
    assert admitted(running, fields(1, "b")) == 3
    assert admitted(running, fields(2, "a")) == 3
    assert admitted(running, fields(1)) == 3
    assert admitted(running, fields(1, "")) == 3
    assert admitted(running, fields(1, "a", "b")) == 3
    assert admitted(running, fields(1, "a, b")) == 0


def several_apis(endpoint: str, by: str | list[str]) -> dict[str, Any]:
    """Two APIs with two routes each, over one named limit."""
    routes = {"x": {"match": {"path": "/x"}}, "y": {"match": {"path": "/y"}}}
    return {**config(endpoint), "policies": {"shared": limit(limit="6/1h", by=by)}, "apis": {
        name: {"path": f"/{name}", "upstream": "app", "policies": [{"use": "shared"}], "routes": routes} for name in "ab"}}


@pytest.mark.parametrize(("by", "want"), [
    ("client_ip", [6, 0, 0, 0]), ("api", [6, 0, 6, 0]), ("route", [6, 6, 6, 6]), (["client_ip", "api"], [6, 0, 6, 0]),
])
def test_a_named_limit_is_one_unless_it_says_otherwise(upstream: StartUpstream, gateway: StartGateway, by: str | list[str],
                                                       want: Sequence[int]) -> None:
    running = gateway(several_apis(upstream().address, by), workers=2)
    assert [admitted(running, path=path) for path in ("/a/x", "/a/y", "/b/x", "/b/y")] == want


def test_defaults_count_everything_together(upstream: StartUpstream, gateway: StartGateway) -> None:
    document = several_apis(upstream().address, "api")
    document["defaults"] = {"policies": [limit(limit="8/1h", name="all")]}
    running = gateway(document, workers=2)
    assert [admitted(running, path=path) for path in ("/a/x", "/b/x")] == [6, 2]


# Several limits, costs, and trying one out.

def test_what_a_later_limit_refuses_costs_nothing(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(having(upstream().address, limit(limit="10/1h", name="all", by="api"), limit(limit="2/1h")), workers=2)
    assert admitted(running, times=20) == 2
    assert admitted(running, "X-Forwarded-For: 192.0.2.1\r\n", times=20) == 2
    answer, = ask(running)
    assert stands(answer.get("ratelimit"), ("all", 6, 1440), ("default", 0, 3600))


def test_costs(upstream: StartUpstream, gateway: StartGateway) -> None:
    cost = 'request.path == "/dear" ? 4 : request.path == "/free" ? 0 : request.path == "/absurd" ? 11 : 1'
    running = gateway(having(upstream().address, limit(limit="10/1h", cost=cost)), workers=2)
    assert admitted(running, path="/dear", times=1) == 1
    absurd, = ask(running, path="/absurd")
    assert (absurd.status, absurd.get("retry-after")) == (429, None)
    assert stands(absurd.get("ratelimit"), ("default", 6, 1440))
    assert admitted(running, path="/dear") == 1
    assert admitted(running) == 2
    assert admitted(running, path="/free") == 10


def test_report_refuses_nobody(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(having(upstream().address, {**limit(limit="2/1h"), "report": True}), workers=2)
    answers = ask(running, times=4)
    assert {(answer.status, answer.get("ratelimit"), answer.get("ratelimit-policy")) for answer in answers} == {(200, None, None)}
    reported = [entry.get("reported") for entry in running.wait_for_log(4)]
    assert (reported.count(None), reported.count("rate_limit=rate_limited")) == (2, 2)


# Over time, and over reloads.

def test_a_reload_keeps_counts_where_a_limit_stays(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream().address
    running = gateway(having(service, limit(limit="10/1h")), workers=2)
    assert admitted(running, times=4) == 4
    assert "in force" in running.reload(having(service, {"request_id": {}}, limit(limit="10/1h", name="x"), workers=2))
    assert admitted(running, times=20) == 6
    assert "in force" in running.reload(having(service, limit(limit="11/1h"), workers=2))
    assert admitted(running, times=20) == 11


def test_a_limiter_recovers_under_load(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Asked far too often all the time, it lets in what the rate gives, from the first second to the last."""
    running = gateway(having(upstream().address, limit(limit="50/1s", burst=1)), workers=2)
    statuses, missed = [], 0.0
    with running.connect() as client:
        began = asked = time.monotonic()
        while asked - began < 3:
            client.send(get())
            statuses.append(client.read_answer().status)
            last, asked = asked, time.monotonic()
            missed += max(0.0, asked - last - 1 / 50)  # who did not ask for longer was not let in so often
    assert len(statuses) > statuses.count(200) + 50
    assert 0.8 * 50 * (asked - began - missed) <= statuses.count(200) <= 50 * (asked - began) + 2


def test_cases_may_advance_the_clock(tmp_path: Path) -> None:
    document = {**having("127.0.0.1:1", limit(limit="6/1m"))}
    cases = [
        {"name": "too many", "request": {"url": "http://gw.test/"}, "repeat": 7, "meanwhile": {"status": 200},
         "expect": {"status": 429, "reason": "rate_limited", "headers": {"Retry-After": "10"}}},
        {"name": "every ten seconds", "request": {"url": "http://gw.test/"}, "repeat": 50, "advance": "10s",
         "expect": {"status": 200}},
        {"name": "each case by itself", "request": {"url": "http://gw.test/"}, "repeat": 6, "expect": {"status": 200}},
    ]
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(document))
    (tmp_path / "cases.yaml").write_text(json.dumps({"cases": cases}))
    done = run_command("test", "-c", tmp_path / "gatehouse.yaml", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


# What operators see.

def test_metrics_tell_decisions_and_evictions(upstream: StartUpstream, gateway: StartGateway) -> None:
    document = having(upstream().address, limit(limit="2/1h"), admin={"address": "127.0.0.1:0"})
    running = gateway(document, workers=2)
    assert admitted(running, times=5) == 2
    running.wait_for_log(5)
    metrics = Admin(running).metrics()
    assert metrics['gatehouse_policy_decisions_total{policy="rate_limit",api="all",decision="continue"}'] == 2
    assert metrics['gatehouse_policy_decisions_total{policy="rate_limit",api="all",decision="answer"}'] == 3
    assert metrics["gatehouse_rate_limit_evictions_total"] == 0


def test_a_check_warns_where_nobody_is_known(tmp_path: Path) -> None:
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(having("127.0.0.1:1", limit(limit="5/1s", by="consumer"))))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == 0
    assert "no policy before this one authenticates" in done.stderr
