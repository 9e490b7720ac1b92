# SPDX-License-Identifier: Apache-2.0
"""introspection end to end: an issuer that is asked about tokens, seldom, and says yes, no, or nothing that can be used."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
import pytest

from gatehouse import Gateway, run_command
from node_peers import NodeServer
from peers import free_port
from simple import config, get
from upstream import Upstream
from wire import DEADLINE, Answer, Request

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

SECRET = "s3cret:/ +"


def says(body: Any, status: int = 200) -> bytes:
    """An answer of the issuer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n").encode() + text


def token_of(request: Request) -> str:
    """What the issuer is asked about."""
    return parse_qs(request.body.decode())["token"][0]


def issuer(request: Request) -> bytes:
    """Tokens are names; those of "bad" are good for nothing."""
    name = token_of(request)
    return says({"active": False} if name.startswith("bad") else {"active": True, "sub": name, "scope": "read"})


def guarded(address: str, auth: str, policies: list[dict[str, Any]] | None = None, **options: Any) -> dict[str, Any]:
    """One API that the issuer at `auth` decides about, and an open one."""
    policy = {"url": f"http://{auth}/introspect", "client_id": "gate way", "client_secret": SECRET,
              "audience": "any", "forward": {"X-User": "sub"}, **options}
    document = config(address, api={"policies": [{"introspection": policy}, *(policies or [])]})
    document["apis"]["open"] = {"path": "/open", "upstream": "app"}
    return document


def ask(running: Gateway, token: str | None, path: str = "/", more: str = "") -> Answer:
    """One request with a token."""
    with running.connect() as client:
        client.send(get(path, (f"Authorization: Bearer {token}\r\n" if token else "") + more))
        return client.read_answer()


def test_the_issuer_is_asked_once_and_says_who_it_is(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(issuer)
    running = gateway(guarded(service.address, auth.address, [{"authorize": {"scopes": ["read"]}}]))
    for token in ("alice", "alice", "bob", "alice"):
        assert ask(running, token, more="X-User: mallory\r\nx_user: mallory\r\n").status == 200
    assert [request.all("x-user") for request in service.requests] == [["alice"], ["alice"], ["bob"], ["alice"]]
    assert not any("x_user" in request.names() for request in service.requests)
    assert [token_of(request) for request in auth.requests] == ["alice", "bob"]
    asked = auth.requests[0]
    assert (asked.method, asked.target, asked.get("content-type")) == ("POST", "/introspect", "application/x-www-form-urlencoded")
    kind, _, pair = (asked.get("authorization") or "").partition(" ")
    assert kind == "Basic" and base64.b64decode(pair) == b"gate%20way:s3cret%3A%2F%20%2B"
    assert "x-user" not in asked.names()


def test_a_token_that_is_no_good_is_asked_about_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(issuer)
    running = gateway(guarded(service.address, auth.address))
    for _ in range(3):
        answer = ask(running, "bad-secret-token")
        assert (answer.status, answer.get("www-authenticate")) == (401, 'Bearer error="invalid_token"')
    answer = ask(running, None)
    assert (answer.status, answer.get("www-authenticate")) == (401, "Bearer")
    assert len(auth.requests) == 1 and not service.requests
    assert [line["reason"] for line in running.wait_for_log(4)] == ["token_inactive"] * 3 + ["token_missing"]
    written = running.errors + json.dumps(running.log)
    assert "bad-secret-token" not in written and "s3cret" not in written


def test_no_client_can_say_who_it_is_on_any_route(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(issuer)
    assert ask(gateway(guarded(service.address, auth.address)), None, "/open", "X-User: m\r\nx.user: m\r\n").status == 200
    assert not service.requests[0].names() & {"x-user", "x.user"} and not auth.requests


def test_many_with_one_token_wait_for_one_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    go_on = threading.Event()

    def slow(request: Request) -> bytes:
        assert go_on.wait(DEADLINE)
        return issuer(request)

    service, auth = upstream(), upstream(slow)
    running = gateway(guarded(service.address, auth.address, timeout="30s"))
    clients = [running.connect() for _ in range(20)]
    try:
        for client in clients:
            client.send(get("/", "Authorization: Bearer alice\r\n"))
        auth.wait_for_requests(1)
        time.sleep(0.2)  # they would ask by now; if not, the test is only less severe
        go_on.set()
        assert [client.read_answer().status for client in clients] == [200] * 20
    finally:
        go_on.set()
        for client in clients:
            client.close()
    assert len(auth.requests) == 1
    assert [request.get("x-user") for request in service.requests] == ["alice"] * 20


def test_an_issuer_that_hangs_is_asked_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Who has waited does not begin anew: `timeout` holds for the whole, and the failure for all."""
    go_on = threading.Event()

    def hang(_: Request) -> bytes:
        go_on.wait(DEADLINE)
        return says({"active": True})

    auth = upstream(hang)
    running = gateway(guarded(upstream().address, auth.address, timeout="1s"))
    try:
        with ThreadPoolExecutor(20) as pool:
            assert {answer.status for answer in pool.map(lambda _: ask(running, "alice"), range(20))} == {503}
        assert len(auth.requests) == 1
    finally:
        go_on.set()


def test_nonsense_is_not_remembered(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A page that says that the issuer is under repair, with 200, serves for no other request."""
    answers = [says(b"<html>come again</html>"), says({"active": True, "sub": "alice"})]
    auth = upstream(lambda _: answers[min(len(auth.requests), 2) - 1])
    running = gateway(guarded(upstream().address, auth.address, cache="1h"))
    assert [ask(running, "alice").status for _ in range(3)] == [503, 200, 200]
    assert len(auth.requests) == 2


def test_who_waits_for_one_that_goes_asks_for_itself(upstream: StartUpstream, gateway: StartGateway) -> None:
    go_on = threading.Event()

    def slow(request: Request) -> bytes:
        assert go_on.wait(DEADLINE)
        return issuer(request)

    service, auth = upstream(), upstream(slow)
    running = gateway(guarded(service.address, auth.address, timeout="30s"))
    first, second = running.connect(), running.connect()
    try:
        first.send(get("/", "Authorization: Bearer alice\r\n"))
        auth.wait_for_requests(1)
        second.send(get("/", "Authorization: Bearer alice\r\n"))
        time.sleep(0.1)
        first.close()
        auth.wait_for_requests(2)
        go_on.set()
        assert second.read_answer().status == 200
    finally:
        go_on.set()
        second.close()


def test_an_answer_serves_no_longer_than_its_token(upstream: StartUpstream, gateway: StartGateway) -> None:
    auth = upstream(lambda _: says({"active": True, "sub": "a", "exp": int(time.time()) + 2}))
    running = gateway(guarded(upstream().address, auth.address, cache="1h"))
    until = time.monotonic() + DEADLINE
    asked = 1
    while ask(running, "a").status == 200:
        assert time.monotonic() < until
        time.sleep(0.05)
        asked += 1
    assert len(auth.requests) == 1
    assert running.wait_for_log(asked)[-1]["reason"] == "token_expired"


def test_without_a_cache_every_request_asks(upstream: StartUpstream, gateway: StartGateway) -> None:
    auth = upstream(issuer)
    running = gateway(guarded(upstream().address, auth.address, cache="0s"))
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status for answer in pool.map(lambda _: ask(running, "alice"), range(8))} == {200}
    assert len(auth.requests) == 8


@pytest.mark.parametrize("said", [
    says({"active": True}, 401), says({"active": True}, 201), says({"active": "true"}), says({}), says(b""), says(b"{"),
    says(b'{"active": false, "active": true}'), says(b"[" * 5000), says(b'{"active": true, "x": "' + b"y" * 70_000 + b'"}'),
    says({"active": True})[:-3], b"SSH-2.0-OpenSSH\r\n",
])
def test_what_is_neither_yes_nor_no_lets_nobody_in(upstream: StartUpstream, gateway: StartGateway, said: bytes) -> None:
    service, auth = upstream(), upstream(said, close=True)
    running = gateway(guarded(service.address, auth.address))
    for _ in range(2):
        answer = ask(running, "alice")
        assert answer.status == 503 and answer.get("www-authenticate") is None and b"issuer" not in answer.body
    assert not service.requests
    assert [line["reason"] for line in running.wait_for_log(2)] == ["auth_unavailable"] * 2


@pytest.mark.parametrize(("said", "words"), [
    (says({"error": "invalid_client"}, 401), "answered 401: invalid_client"), (says(b"no", 404), "answered 404"),
    (says({}), "does not say whether the token is `active`"), (says(b'{"active": true, "x": "' + b"y" * 70_000 + b'"}'), "too large"),
    (b"SSH-2.0-OpenSSH\r\n", "cannot be asked: malformed head of an answer"), (None, "cannot be asked: "),
], ids=["refused", "elsewhere", "something else", "too large", "no HTTP", "nobody"])
def test_the_log_says_why_it_is_of_no_help(upstream: StartUpstream, gateway: StartGateway, said: bytes | None, words: str) -> None:
    address = upstream(said, close=True).address if said else f"127.0.0.1:{free_port()}"
    running = gateway(json.dumps(guarded(upstream().address, address)).replace("/introspect", "/introspect?key=hush"))
    assert ask(running, "alice").status == 503
    line = running.wait_for_message(words)
    request = running.wait_for_log(1)[0]["request_id"]
    assert f"warn api all: request {request}: introspection: " in line and f"http://{address}/introspect" in line, line
    assert "alice" not in line and SECRET not in line and "hush" not in running.errors


def test_explain_asks_nobody_and_says_so(upstream: StartUpstream, tmp_path: Path) -> None:
    """In a rehearsal only a stand-in answers; of whoever was not asked nothing is said."""
    auth = upstream(issuer)
    (tmp_path / "gatehouse.json").write_text(json.dumps(guarded("127.0.0.1:9", auth.address)), encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(json.dumps({
        "upstreams": {f"http://{auth.address}": {"body": "[]"}},
        "cases": [{"name": "a", "request": {"url": "/", "headers": {"Authorization": "Bearer a"}}, "expect": {"status": 503}}]}))
    told = run_command("explain", "-c", "gatehouse.json", "GET", "/", "-H", "Authorization: Bearer a", cwd=tmp_path).stdout
    assert (f"because   introspection: the answers of http://{auth.address}/introspect are fetched by a gateway that runs, not here"
            in told and "does not say" not in told), told
    done = run_command("test", "-c", "gatehouse.json", "cases.yaml", cwd=tmp_path)
    assert done.returncode == 0 and not auth.requests, done.stdout


def test_an_issuer_that_is_down_is_not_remembered(upstream: StartUpstream, gateway: StartGateway) -> None:
    port = free_port()
    running = gateway(guarded(upstream().address, f"127.0.0.1:{port}"))
    assert ask(running, "alice").status == 503
    upstream(issuer, port=port)
    until = time.monotonic() + DEADLINE
    while ask(running, "alice").status != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_real_provider_knows_its_tokens(node_server: Callable[..., NodeServer], upstream: StartUpstream, gateway: StartGateway) -> None:
    """npm's oidc-provider: a token of the client credentials grant, revoked, and one of nobody's."""
    secret = "s+cret/of:the shop"
    machine = {"client_id": "machine", "client_secret": secret, "redirect_uris": [], "response_types": [],
               "grant_types": ["client_credentials"]}
    provider = node_server("oidc_provider.js", clients=[machine])
    base = provider.events("listening")[0]["issuer"]
    service = upstream()
    document = guarded(service.address, base.removeprefix("http://"), url=f"{base}/token/introspection", client_id="machine",
                       client_secret=secret, cache="0s", forward={"X-Client": "client_id"}, require=["exp", "client_id"])
    running = gateway(document)
    me = httpx.BasicAuth("machine", quote(secret, safe=""))
    with httpx.Client(auth=me, trust_env=False, timeout=DEADLINE) as client:
        token = client.post(f"{base}/token", data={"grant_type": "client_credentials", "scope": "read"}).json()["access_token"]
        assert ask(running, token).status == 200
        assert service.requests[0].all("x-client") == ["machine"]
        assert client.post(f"{base}/token/revocation", data={"token": token}).status_code == 200
    assert [ask(running, text).status for text in (token, "nobodys")] == [401, 401]
    provider.stop()
    assert ask(running, token).status == 503
    assert [line.get("reason") for line in running.wait_for_log(4)] == [None, "token_inactive", "token_inactive", "auth_unavailable"]
