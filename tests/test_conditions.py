# SPDX-License-Identifier: Apache-2.0
"""`when` and `report` beside policies, through the whole gateway: who is let in, and what the log says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from simple import config, get
from upstream import Upstream
from wire import Answer

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

KEY_DIGEST = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of "key"
OTHER_DIGEST = "sha256:" + hashlib.sha256(b"other").hexdigest()

# Expression, target, fields, method, and whether it holds.
ROWS: list[tuple[str, str, str, str, bool]] = [
    ('request.method != "GET"', "/", "", "GET", False),
    ('request.method != "GET"', "/", "", "DELETE", True),
    ('request.path.startsWith("/private/")', "/private/x", "", "GET", True),
    ('request.path.startsWith("/private/")', "/public/../private/x", "", "GET", True),
    ('request.path.startsWith("/private/")', "/%70rivate/x", "", "GET", True),
    ('request.path.startsWith("/private/")', "/private", "", "GET", False),
    ('request.headers["X-Key"] == "open"', "/", "X-Key: open\r\n", "GET", True),
    ('request.headers["X-Key"] != "open"', "/", "", "GET", False),
    ('!(request.headers["X-Key"] == "open")', "/", "", "GET", True),
    ('request.query["a"] == "1 2"', "/?a=1%202", "", "GET", True),
    ('request.query["a"] == "1 2"', "/?b=1%202", "", "GET", False),
    ('request.cookies["s"] == "1"', "/", "Cookie: t=2; s=1\r\n", "GET", True),
    ('client.ip in ["127.0.0.0/8"]', "/", "", "GET", True),
    ('client.ip in ["10.0.0.0/8"]', "/", "", "GET", False),
    ('now > timestamp("2020-01-01T00:00:00Z")', "/", "", "GET", True),
    ('has(claims.sub) || consumer.name == "acme"', "/", "", "GET", False),
    ('request.query["a"] == "1"', "/?" + "%61" * 2500 + "=1&%61=1", "", "GET", True),
]


def having(endpoint: str, *policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One API that takes everything and has these policies."""
    return config(endpoint, api={"policies": list(policies)}, **more)


def ask(gateway: Gateway, request: bytes) -> Answer:
    """The answer to one request on a connection of its own."""
    with gateway.connect() as client:
        client.send(request)
        return client.read_answer()


def marked(number: int) -> dict[str, Any]:
    """A policy that can be seen to have taken part."""
    return {"headers": {"response": {"set": {f"X-Row-{number}": "yes"}}}}


def test_a_policy_takes_part_when_its_condition_holds(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    policies = [{**marked(number), "when": row[0]} for number, row in enumerate(ROWS)]
    running = gateway(having(service.address, *policies))
    for number, (expression, target, fields, method, holds) in enumerate(ROWS):
        answer = ask(running, get(target, fields, method))
        assert answer.status == 200
        assert (answer.get(f"x-row-{number}") == "yes") == holds, expression


@pytest.mark.parametrize("when, target, fields", [
    ('request.path.matches("^/(a+)+$")', "/" + "a" * 60 + "!", ""),
    ('!request.path.matches("^/(a+)+$")', "/" + "a" * 60 + "!", ""),
    ('request.path.matches("^/(a+)+$") && request.headers["X-Key"] == "open"', "/" + "a" * 60 + "!", ""),
    ('request.headers["X-Key"] == "open"', "/", f"X-Key: {'a' * 6000}\r\nX-Key: {'a' * 6000}\r\n"),
])
def test_what_cannot_be_decided_gives_nothing_and_lets_nothing_pass(upstream: StartUpstream, gateway: StartGateway, when: str,
                                                                    target: str, fields: str) -> None:
    """Neither a policy that gives something nor one that keeps out can be had or avoided by a costly request."""
    service = upstream()
    given = {"headers": {"request": {"set": {"X-Role": "admin"}}}, "when": when}
    running = gateway(having(service.address, given))
    assert ask(running, get(target, fields)).status == 400
    assert not service.requests
    assert running.wait_for_log(1)[0]["reason"] == "condition_undecided"


def test_a_refusal_only_where_the_condition_holds(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Of a named policy and of its use both must hold; each use stands for itself."""
    service = upstream()
    named = {"policies": {"door": {"respond": {"status": 403}, "when": 'request.method == "DELETE"'}}}
    running = gateway(having(service.address, {"use": "door", "when": 'request.path.startsWith("/a")'},
                             {"use": "door", "when": 'request.path.startsWith("/b")'}) | named)
    statuses = [ask(running, get(target, method=method)).status for method in ("GET", "DELETE")
                for target in ("/a", "/b", "/c")]
    assert statuses == [200, 200, 200, 403, 403, 200]
    assert len(service.requests) == 4


def test_what_is_reported_is_let_through_and_logged(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    named = {"policies": {"door": {"ip": {"deny": ["127.0.0.1"]}}}}
    running = gateway(having(service.address, {"use": "door", "report": True},
                             {"ip": {"deny": ["127.0.0.0/8"]}, "report": True, "when": "request.query.x == \"1\""},
                             {"ip": {"deny": ["192.0.2.1"]}, "report": True}) | named)
    assert [ask(running, get(target)).status for target in ("/", "/?x=1")] == [200, 200]
    lines = running.wait_for_log(2)
    assert [line.get("reported") for line in lines] == ["door=ip_denied", "door=ip_denied, ip=ip_denied"]
    assert [line.get("reason") for line in lines] == [None, None]
    assert len(service.requests) == 2


def test_a_report_does_not_hide_a_refusal(gateway: StartGateway) -> None:
    running = gateway(having("127.0.0.1:9", {"ip": {"deny": ["127.0.0.1"]}, "report": True},
                             {"respond": {"status": 418}, "report": True}, {"ip": {"deny": ["127.0.0.1"]}}))
    assert ask(running, get()).status == 403
    (line,) = running.wait_for_log(1)
    assert (line["reason"], line["reported"]) == ("ip_denied", "ip=ip_denied, respond=respond")


def test_a_chain_that_only_reports_tells_what_it_would_do(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Who would be known is so to what only reports: nobody else hears of it, neither the service nor the log's `consumer`."""
    service = upstream()
    told = {"headers": {"request": {"set": {"X-Name": "${consumer.name}", "X-Seen": "yes"}}}}
    tried: list[dict[str, Any]] = [{**policy, "report": True} for policy in (
        {"api_key": {"forward": {"X-Consumer-Name": "name"}}}, {"authorize": {"groups": ["partners"]}}, told,
        {"headers": {"response": {"set": {"X-Answered": "yes"}}}}, {"rewrite": {"path": "/${consumer.name}"}})]
    document = having(service.address, *tried, {"headers": {"request": {"set": {"X-Known": "${consumer.name}"}}}})
    document["consumers"] = {"acme": {"groups": ["partners"], "api_keys": [KEY_DIGEST]}, "other": {"api_keys": [OTHER_DIGEST]}}
    running = gateway(document)
    answers = [ask(running, get("/asked", fields)) for fields in ("X-API-Key: key\r\n", "X-API-Key: other\r\n", "")]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert not any(answer.get("x-answered") for answer in answers)
    lines = running.wait_for_log(3)
    assert [line.get("reported") for line in lines] == [
        None, "authorize=group_denied", "api_key=key_missing, authorize=not_authenticated"]
    assert not any("consumer" in line for line in lines)
    for request in service.requests:
        assert request.target == "/asked"
        assert not any(request.all(name) for name in ("x-consumer-name", "x-name", "x-seen", "x-known"))
    assert service.requests[0].get("x-api-key") == "key"  # nothing is taken out either


def test_a_preflight_that_does_not_concern_cors_goes_on(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    cors = {"cors": {"origins": ["https://a.test"]}, "when": 'request.path != "/own"'}
    running = gateway(having(service.address, cors))
    fields = "Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n"
    assert ask(running, get("/", fields, "OPTIONS")).status == 204
    assert service.requests == []
    assert ask(running, get("/own", fields, "OPTIONS")).get("access-control-allow-origin") is None
    assert [request.target for request in service.requests] == ["/own"]


def test_expressions_in_every_place_are_checked(tmp_path: Path) -> None:
    """Mistakes of named policies, of defaults, APIs and routes, all in one go, each underlined."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text(BROKEN, "utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == 1
    assert re.findall(r"gatehouse.yaml:(\d+:\d+): error: (.*)", done.stderr) == [
        ("3:48", "policies.a.when: 1:8: want a value here, but the expression ends"),
        ("4:60", "defaults.policies[0].when: 1:11: + wants two values of one type, these are an int and a string"),
        ("8:52", "apis.web.policies[0].when: 1:1: there is no request.metod; did you mean \"request.method\"?"),
        ("11:45", "apis.web.routes.one.policies[0].when: 1:1: the expression must be a boolean, it is a string"),
    ]


BROKEN = """listeners: { main: { address: 127.0.0.1:0 } }
upstreams: { app: { endpoints: [127.0.0.1:9] } }
policies: { a: { request_id: {}, when: "true ||" } }
defaults: { policies: [ { request_id: {}, when: 'size("a") + "b" == 1' } ] }
apis:
  web:
    upstream: app
    policies: [ { headers: {}, report: true, when: request.metod == now } ]
    routes:
      one:
        policies: [ { request_id: {}, when: request.path } ]
"""
