# SPDX-License-Identifier: Apache-2.0
"""Requests shared out among upstreams by weight, clients that stay where they were, and endpoints for bad times."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from upstream import OK_ANSWER, Upstream
from wire import Answer

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def named(name: str) -> bytes:
    """An answer that tells who gave it."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode("ascii")


def config(endpoints: dict[str, str], api: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One upstream for each of the endpoints, and one API."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}},
        "upstreams": {name: {"endpoints": [endpoint], "retries": {"backoff": "1ms"}}
                      for name, endpoint in endpoints.items()},
        "apis": {"all": api},
        **more,
    }


def ask(gateway: Gateway, fields: str = "", path: str = "/") -> Answer:
    """One request on a connection of its own."""
    with gateway.connect() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{fields}\r\n".encode("latin-1"))
        answer = client.read_answer()
    assert answer.status == 200, gateway.errors
    return answer


def who(answer: Answer) -> str:
    """Which upstream it came from."""
    return answer.body.decode("ascii")


@pytest.fixture
def pair(upstream: StartUpstream) -> dict[str, str]:
    """Two upstreams that tell their names."""
    return {name: upstream(named(name)).address for name in ("orders", "next")}


def test_requests_are_shared_out_by_weight(pair: dict[str, str], gateway: StartGateway) -> None:
    running = gateway(config(pair, {"weighted": {"orders": 3, "next": 1}}))
    got = Counter(who(ask(running)) for _ in range(400))
    # 300 of 400 by chance: eight standard deviations to either side.
    assert 230 <= got["orders"] <= 370, got
    log = running.wait_for_log(400)
    assert Counter(line["upstream"] for line in log) == got


def test_a_weight_of_zero_gets_none(pair: dict[str, str], gateway: StartGateway) -> None:
    running = gateway(config(pair, {"weighted": {"orders": 0, "next": 1}}))
    assert {who(ask(running)) for _ in range(30)} == {"next"}


def test_an_address_stays_where_it_was(pair: dict[str, str], gateway: StartGateway) -> None:
    api = {"weighted": {"orders": 1, "next": 1}, "sticky": "client_ip"}
    first, second = gateway(config(pair, api)), gateway(config(pair, api), workers=3)
    clients = [f"X-Forwarded-For: 203.0.113.{i}\r\n" for i in range(60)]
    before = [who(ask(first, client)) for client in clients]
    assert [who(ask(first, client)) for client in clients] == before
    assert [who(ask(second, client)) for client in clients] == before, "another node chooses the same"
    assert 12 <= before.count("next") <= 48


def test_a_cookie_is_given_once_and_honoured(pair: dict[str, str], gateway: StartGateway) -> None:
    api = {"path": "/shop", "weighted": {"orders": 1, "next": 1}, "sticky": "cookie:gw"}
    running = gateway(config(pair, api))
    seen = set()
    for _ in range(12):
        answer = ask(running, path="/shop/1")
        cookie = answer.get("Set-Cookie")
        match = re.fullmatch(r"gw=([0-9a-f]{32}); Path=/shop; HttpOnly; SameSite=Lax", cookie or "")
        assert match, cookie
        seen.add(match[1])
        for fields in (f"Cookie: gw={match[1]}\r\n", f"Cookie: a=b; gw={match[1]}; c=d\r\n",
                       f"Cookie: a=b\r\nCookie: gw={match[1]}\r\n"):
            again = ask(running, fields, path="/shop/2")
            assert who(again) == who(answer)
            assert again.get("Set-Cookie") is None
    assert len(seen) == 12


@pytest.mark.parametrize("fields", ["Cookie: gw=\r\n", "Cookie: other=1\r\n", "Cookie: GW=1\r\n", "Cookie: gw\r\n"])
def test_what_is_no_cookie_of_ours_is_answered_with_one(pair: dict[str, str], gateway: StartGateway,
                                                        fields: str) -> None:
    running = gateway(config(pair, {"weighted": {"orders": 1, "next": 1}, "sticky": "cookie:gw"}))
    assert (ask(running, fields).get("Set-Cookie") or "").startswith("gw=")


def test_a_cookie_over_https_is_secure(pair: dict[str, str], gateway: StartGateway) -> None:
    running = gateway(config(pair, {"weighted": {"orders": 1, "next": 1}, "sticky": "cookie:gw"}))
    cookie = ask(running, "X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n").get("Set-Cookie")
    assert cookie and cookie.endswith("; SameSite=Lax; Secure")


def test_the_service_keeps_its_own_cookies(upstream: StartUpstream, gateway: StartGateway) -> None:
    app = upstream(OK_ANSWER.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))
    running = gateway(config({"app": app.address}, {"weighted": {"app": 1}, "sticky": "cookie:gw"}))
    cookies = ask(running).all("Set-Cookie")
    assert cookies[0] == "a=b" and cookies[1].startswith("gw=") and len(cookies) == 2


def test_a_route_has_its_own(pair: dict[str, str], gateway: StartGateway) -> None:
    api = {"upstream": "orders", "routes": {
        "new": {"match": {"path": "/new"}, "weighted": {"next": 1}},
        "same": {"match": {"path": "/same"}, "timeouts": {"response": "1s"}}}}
    running = gateway(config(pair, api))
    assert [who(ask(running, path=path)) for path in ("/", "/new", "/same")] == ["orders", "next", "orders"]


def test_a_split_of_the_api_holds_for_its_routes(pair: dict[str, str], gateway: StartGateway) -> None:
    api = {"weighted": {"next": 1}, "sticky": "client_ip", "routes": {
        "timed": {"match": {"path": "/timed"}, "timeouts": {"response": "1s"}},
        "fixed": {"match": {"path": "/fixed"}, "upstream": "orders"},
        "cookie": {"match": {"path": "/cookie"}, "sticky": "cookie:r"}}}
    running = gateway(config(pair, api))
    answers = {path: ask(running, path=path) for path in ("/", "/timed", "/fixed", "/cookie")}
    assert [who(answer) for answer in answers.values()] == ["next", "next", "orders", "next"]
    assert [path for path, answer in answers.items() if answer.get("Set-Cookie")] == ["/cookie"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"upstream": "orders", "weighted": {"next": 1}}, 'instead of "upstream", not beside it'),
    ({"weighted": {"order": 1}}, 'no upstream is named "order"; did you mean "orders"?'),
    ({"weighted": {"orders": 0}}, "no upstream has a weight above 0"),
    ({"weighted": {}}, "want a map of 1 to 100 upstreams"),
    ({"upstream": "orders", "sticky": "client_ip"}, 'needs "weighted"'),
    ({"weighted": {"orders": 1}, "sticky": "header:X"}, "want consumer, client_ip or cookie:NAME"),
    ({"weighted": {"orders": 1}, "routes": {"r": {"match": {"path": "/r"}, "upstream": "next",
                                                   "sticky": "client_ip"}}}, 'needs "weighted"'),
]


@pytest.mark.parametrize(("api", "words"), BAD)
def test_what_makes_no_sense_is_told(tmp_path: Path, api: dict[str, Any], words: str) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config({"orders": "a:1", "next": "b:1"}, api)), encoding="utf-8")
    checked = run_command("check", "-c", path)
    assert checked.returncode == 1 and words in checked.stderr, checked.stderr
    assert checked.stderr.count("error:") == 1, checked.stderr


def test_a_consumer_stays_where_it_was(gateway: StartGateway, pair: dict[str, str]) -> None:
    keys = {f"consumer-{i}": f"key-{i}" for i in range(20)}
    consumers = {name: {"api_keys": ["sha256:" + hashlib.sha256(key.encode()).hexdigest()]} for name, key in keys.items()}
    api = {"weighted": {"orders": 50, "next": 50}, "sticky": "consumer", "policies": [{"api_key": {}}]}
    running = gateway(config(pair, api, consumers=consumers))
    chosen = [{who(ask(running, f"X-API-Key: {key}\r\n")) for _ in range(4)} for key in keys.values()]
    assert all(len(one) == 1 for one in chosen)
    assert len(set.union(*chosen)) == 2


def test_a_consumer_that_nobody_tells_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config({"a": "a:1"}, {"weighted": {"a": 1}, "sticky": "consumer"})), encoding="utf-8")
    checked = run_command("check", "-c", path)
    assert checked.returncode == 0 and "no policy tells the consumer" in checked.stderr


def test_explain_tells_shares_and_choice(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    api = {"weighted": {"orders": 95, "next": 5}, "sticky": "cookie:gw"}
    path.write_text(json.dumps(config({"orders": "a:1", "next": "b:1"}, api)), encoding="utf-8")
    chosen = set()
    for cookie in range(80):
        shown = run_command("explain", "-c", path, "GET", "http://gw.test/", "-H", f"Cookie: gw={cookie}").stdout
        assert "weighted  orders 95, next 5; by cookie gw\n" in shown, shown
        match = re.search(r"^upstream  (\w+):", shown, re.MULTILINE)
        assert match, shown
        chosen.add(match[1])
    assert chosen == {"orders", "next"}


# Endpoints for bad times.


def backed(*endpoints: Any) -> dict[str, Any]:
    """One upstream with these endpoints."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": list(endpoints), "retries": {"attempts": 3, "budget": 100, "backoff": "1ms"}}},
        "apis": {"all": {"upstream": "app"}},
    }


@pytest.mark.parametrize("balance", ["round_robin", "least_requests", "random", {"hash": "header:Absent"}])
def test_a_backup_serves_only_while_nobody_else_can(upstream: StartUpstream, gateway: StartGateway,
                                                    balance: Any) -> None:
    one, two, spare = (upstream(named(name)) for name in ("one", "two", "spare"))
    document = backed(one.address, two.address, {"address": spare.address, "backup": True})
    document["upstreams"]["app"]["balance"] = balance
    running = gateway(document)
    assert {who(ask(running)) for _ in range(20)} == {"one", "two"}
    one.stop()
    assert {who(ask(running)) for _ in range(10)} == {"two"}
    two.stop()
    assert {who(ask(running)) for _ in range(5)} == {"spare"}
    revived = upstream(named("two"), port=two.port)
    assert {who(ask(running)) for _ in range(5)} == {"two"} and revived.requests
    assert running.wait_for_log(40)[-1]["endpoint"] == two.address


def test_backups_alone_serve_too(upstream: StartUpstream, gateway: StartGateway) -> None:
    spare = upstream(named("spare"))
    running = gateway(backed({"address": spare.address, "backup": True}))
    assert who(ask(running)) == "spare"
