# SPDX-License-Identifier: Apache-2.0
"""forward_auth end to end: a service that decides well, slowly, wrongly, at too great length, or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from peers import curl, free_port
from simple import MIB, chunk, config, get, post
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Request

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

PASS = b"HTTP/1.1 200 OK\r\nX-Auth-User: alice\r\nX-Auth-Role: a\r\nX-Auth-Role: b\r\nContent-Length: 0\r\n\r\n"


def guarded(address: str, auth: str, **options: Any) -> dict[str, Any]:
    """One API that the service at `auth` decides about."""
    policy = {"url": f"http://{auth}/check", "forward": ["X-Auth-User", "X-Auth-Role", "X-Tenant"], **options}
    return config(address, api={"policies": [{"forward_auth": policy}]})


def test_what_it_lets_pass_bears_its_word(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(PASS)
    with gateway(guarded(service.address, auth.address)).connect() as client:
        client.send(post(b"secret body", "/orders/1?a=b", "Authorization: Bearer t\r\nCookie: c=1\r\nX-Auth-User: mallory\r\n"
                                                         "x_auth_user: mallory\r\nX-Tenant: mallory\r\nX-Other: 1\r\n"))
        assert client.read_answer().status == 200
    asked, forwarded = auth.requests[0], service.requests[0]
    assert (asked.method, asked.target, asked.body, asked.get("host")) == ("GET", "/check", b"", auth.address)
    assert {name: asked.get(name) for name in ("x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri",
                                               "x-forwarded-for", "authorization", "cookie")} == {
        "x-forwarded-method": "POST", "x-forwarded-proto": "http", "x-forwarded-host": "gw.test",
        "x-forwarded-uri": "/orders/1?a=b", "x-forwarded-for": "127.0.0.1", "authorization": "Bearer t", "cookie": "c=1"}
    assert asked.get("x-request-id") == forwarded.get("x-request-id")
    assert not asked.names() & {"x-other", "x-auth-user", "x-tenant", "content-length", "connection"}
    assert (forwarded.all("x-auth-user"), forwarded.all("x-auth-role"), forwarded.all("x-tenant")) == (["alice"], ["a", "b"], [])
    assert "x_auth_user" not in forwarded.names() and forwarded.body == b"secret body"
    assert forwarded.get("authorization") == "Bearer t"


def test_it_gets_no_session_of_the_gateways(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Whoever had it could be that person in the API next door."""
    service, auth = upstream(), upstream(PASS)
    document = guarded(service.address, auth.address, cache="1m")
    document["apis"]["shop"] = {"path": "/shop", "upstream": "app", "policies": [{"oidc": {
        "issuer": f"http://{auth.address}", "client_id": "shop", "client_secret": "of the shop",
        "cookie": {"secret": "k" * 32}}}]}
    with gateway(document).connect() as client:
        for session in ("gatehouse_session=sealed; ", "gatehouse_session=anew; "):
            client.send(get("/", f"Cookie: a=1; {session}b=2\r\n"))
            assert client.read_answer().status == 200
    assert [request.get("cookie") for request in auth.requests if request.target == "/check"] == ["a=1; b=2"]
    assert service.requests[0].get("cookie") == "a=1; b=2"


def test_an_id_that_was_removed_is_told_nobody(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(PASS)
    document = guarded(service.address, auth.address)
    document["apis"]["all"]["policies"].insert(0, {"headers": {"request": {"remove": ["Forwarded", "X-Forwarded-*", "X-Request-ID"]}}})
    with gateway(document).connect() as client:
        client.send(get("/", "X-Request-ID: mine\r\n"))
        assert client.read_answer().status == 200
    assert "x-request-id" not in auth.requests[0].names() and "" not in auth.requests[0].names()
    assert service.requests[0].names() == {"host", "x-auth-user", "x-auth-role", "via"}


def test_no_client_can_say_it_on_any_route(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(PASS)
    document = guarded(service.address, auth.address)
    document["apis"]["open"] = {"path": "/open", "upstream": "app"}
    with gateway(document).connect() as client:
        client.send(get("/open", "X-Tenant: mallory\r\nx.tenant: mallory\r\nX_Tenant: mallory\r\nX-Tenants: 7\r\n"
                                 "Connection: X-Tenant\r\nTransfer-Encoding: chunked\r\n", "POST")
                    + chunk(b"abc") + chunk(b"") + b"X-Tenant: mallory\r\nx_tenant: mallory\r\nX-Sum: 6\r\n\r\n")
        assert client.read_answer().status == 200
    [request] = service.requests
    assert not request.names() & {"x-tenant", "x.tenant", "x_tenant"} and request.get("x-tenants") == "7"
    assert request.body == b"abc" and request.trailers == [("X-Sum", "6")]
    assert not auth.requests


@pytest.mark.parametrize("answer, status, body, fields", [
    (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nno way",
     401, b"no way", {"www-authenticate": 'Basic realm="x"', "content-type": "text/plain"}),
    (b"HTTP/1.1 302 Found\r\nLocation: https://login.test/?a=b\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n\r\n",
     302, b"", {"location": "https://login.test/?a=b", "set-cookie": "s=1"}),
    (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403, b"no", {}),
    (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
     302, b"", {"location": "/", "content-type": None}),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 500, b"oops", {}),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 418 Teapot\r\nContent-Length: 1\r\n\r\n!", 418, b"!", {"link": None}),
])
def test_a_refusal_is_the_clients(upstream: StartUpstream, gateway: StartGateway, answer: bytes, status: int, body: bytes,
                                  fields: dict[str, str]) -> None:
    service, auth = upstream(), upstream(answer)
    running = gateway(guarded(service.address, auth.address, on_failure="allow"))
    with running.connect() as client:
        for _ in range(2):  # and the connection goes on
            client.send(get("/"))
            got = client.read_answer()
            assert (got.status, got.body) == (status, body)
            assert {name: got.get(name) for name in fields} == fields
    assert not service.requests
    assert {entry["reason"] for entry in running.wait_for_log(2)} == {"auth_denied"}
    assert len(auth.connections) == 1


def test_a_refusal_keeps_all_of_its_fields(upstream: StartUpstream, gateway: StartGateway) -> None:
    many = [f"X-{i}: {i}" for i in range(200)]
    auth = upstream("\r\n".join(["HTTP/1.1 401 No", *many, "Set-Cookie: s=1", "Content-Length: 0", "", ""]).encode())
    document = guarded(upstream().address, auth.address)
    document["apis"]["all"]["policies"] += [{"headers": {"response": {"add": {f"Y-{i}": "1" for i in range(60)}}}}]
    answer = gateway(document).get("/")
    assert [answer.get(f"x-{i}") for i in range(200)] == [str(i) for i in range(200)]
    assert [answer.get(f"y-{i}") for i in range(60)] == ["1"] * 60
    assert (answer.status, answer.get("set-cookie"), answer.get("content-type")) == (401, "s=1", "application/problem+json")


def test_where_it_says_nothing_the_gateway_does(upstream: StartUpstream, gateway: StartGateway) -> None:
    auth = upstream(b"HTTP/1.1 401 No\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nWWW-Authenticate: X\r\n"
                    b"Content-Length: 0\r\n\r\n")
    answer = gateway(guarded(upstream().address, auth.address)).get("/")
    assert (answer.status, answer.get("www-authenticate")) == (401, "X")
    assert (answer.get("content-type"), answer.get("content-encoding")) == ("application/problem+json", None)
    assert json.loads(answer.body)["status"] == 401


def test_a_service_that_is_the_gateway_itself_is_asked_a_few_times(gateway: StartGateway, upstream: StartUpstream) -> None:
    """By a mistake, or because DNS says so: the questions end, and with them what was asked."""
    port = free_port()
    document = guarded(upstream().address, f"127.0.0.1:{port}")
    document["listeners"]["main"]["address"] = f"127.0.0.1:{port}"
    running = gateway(document)
    assert running.get("/").status == 502
    reasons = [entry["reason"] for entry in running.wait_for_log(17)]
    assert len(reasons) == 17 and set(reasons) == {"loop", "auth_denied"}


def test_what_it_replaces_it_may_look_at(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(b"HTTP/1.1 200 OK\r\nAuthorization: inner\r\nContent-Length: 0\r\n\r\n")
    running = gateway(guarded(service.address, auth.address, forward=["Authorization"]))
    with running.connect() as client:
        client.send(get("/", "Authorization: outer\r\n"))
        assert client.read_answer().status == 200
    assert auth.requests[0].get("authorization") == "outer"
    assert service.requests[0].get("authorization") == "inner"


def liar(data: bytes) -> Callable[[UpstreamConnection], None]:
    """Says this to whatever it is asked, and closes."""
    def serve(connection: UpstreamConnection) -> None:
        if connection.read_request():
            connection.send(data)
            connection.end()
    return serve


LIES = [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nX-Auth-User: a", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\nX: y\n\n",
        b"HTTP/1.1 101 Switching\r\n\r\n" * 9, b"HTTP/1.1 200 OK\r\nX-Auth-User: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Auth-User: a\rX-Admin: 1\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Auth-User: a\n X-Admin: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"]


@pytest.mark.parametrize("said", LIES)
@pytest.mark.parametrize("on_failure", ["deny", "allow"])
def test_what_is_no_answer_is_a_failure(upstream: StartUpstream, gateway: StartGateway, said: bytes, on_failure: str) -> None:
    service, auth = upstream(), upstream(serve=liar(said))
    running = gateway(guarded(service.address, auth.address, on_failure=on_failure))
    with running.connect() as client:
        client.send(get("/", "X-Auth-User: mallory\r\n"))
        got = client.read_answer()
    if on_failure == "deny":
        assert got.status == 503 and not service.requests and b"auth" not in got.body
        assert running.wait_for_log(1)[0]["reason"] == "auth_unavailable"
    else:
        assert got.status == 200
        assert not service.requests[0].names() & {"x-auth-user", "x-admin"}
        assert running.wait_for_log(1)[0]["reported"] == "forward_auth=auth_unavailable"


def test_dead_and_slow_are_failures_in_time(upstream: StartUpstream, gateway: StartGateway) -> None:
    hold = threading.Event()

    def slow(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        hold.wait(DEADLINE)

    service, auth = upstream(), upstream(slow)
    document = guarded(service.address, f"127.0.0.1:{free_port()}", timeout="300ms")
    document["apis"]["slow"] = {"path": "/slow", "upstream": "app", "policies": [
        {"forward_auth": {"url": f"http://{auth.address}/", "timeout": "300ms"}}]}
    running = gateway(document)
    try:
        for path in ("/", "/slow"):
            answer = running.get(path)
            assert answer.status == 503 and answer.get("retry-after")
    finally:
        hold.set()
    assert not service.requests
    assert [entry["reason"] for entry in running.wait_for_log(2)] == ["auth_unavailable"] * 2
    running.wait_for_message("forward_auth: http://127.0.0.1:")


@pytest.mark.parametrize("status, framing", [(200, "length"), (200, "chunked"), (403, "length"), (403, "chunked"), (403, "broken")])
def test_a_huge_answer_is_not_read(upstream: StartUpstream, gateway: StartGateway, status: int, framing: str) -> None:
    def huge(_: Request) -> Iterator[bytes]:
        head = f"HTTP/1.1 {status} X\r\nX-Auth-User: alice\r\nContent-Type: text/plain\r\n"
        if framing == "chunked":
            yield f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
            while True:
                yield chunk(b"x" * MIB)
        yield f"{head}Content-Length: {200 * MIB}\r\n\r\n".encode()
        for _ in range(1 if framing == "broken" else 200):
            yield b"x" * (10 if framing == "broken" else MIB)

    service, auth = upstream(), upstream(huge, close=True)
    running = gateway(guarded(service.address, auth.address, on_failure="allow", timeout="20s"))
    with running.connect() as client:
        client.send(get("/"))
        got = client.read_answer()
    assert got.status == status
    if status == 200:
        assert service.requests[0].get("x-auth-user") == "alice"
    else:
        assert not service.requests and got.get("content-type") == "application/problem+json"


def test_a_client_that_goes_takes_its_question_along(upstream: StartUpstream, gateway: StartGateway) -> None:
    def never(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.read_until_closed()

    service, auth = upstream(), upstream(serve=never)
    running = gateway(guarded(service.address, auth.address, timeout="1m"))
    with running.connect() as client:
        client.send(get("/"))
        auth.wait_for_requests(1)
    auth.wait_until_all_closed()
    assert running.wait_for_log(1)[0]["status"] == 499
    assert not service.requests


def test_what_is_remembered(upstream: StartUpstream, gateway: StartGateway) -> None:
    def decide(request: Request) -> bytes:
        user = (request.get("authorization") or "").removeprefix("Bearer ")
        if user == "nobody":
            return b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
        return f"HTTP/1.1 200 OK\r\nX-Auth-User: {user}\r\nContent-Length: 2\r\n\r\nok".encode()

    service, auth = upstream(), upstream(decide)
    with gateway(guarded(service.address, auth.address, cache="1m")).connect() as client:
        for user in ("alice", "bob", "alice", "nobody", "alice", "nobody", "bob"):
            client.send(get("/a", f"Authorization: Bearer {user}\r\n"))
            assert client.read_answer().status == (401 if user == "nobody" else 200)
        client.send(get("/b", "Authorization: Bearer alice\r\n"))  # another path is another question
        assert client.read_answer().status == 200
    assert [request.get("x-auth-user") for request in service.requests] == ["alice", "bob", "alice", "alice", "bob", "alice"]
    assert [request.get("authorization") for request in auth.requests] == [
        f"Bearer {user}" for user in ("alice", "bob", "nobody", "nobody", "alice")]


def test_what_is_remembered_is_forgotten_in_time(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(PASS)
    with gateway(guarded(service.address, auth.address, cache="100ms")).connect() as client:
        begin = time.monotonic()
        while len(auth.requests) < 3 and time.monotonic() < begin + DEADLINE:
            client.send(get("/"))
            assert client.read_answer().status == 200
            time.sleep(0.01)
        assert len(auth.requests) == 3 and len(service.requests) > 3


def test_a_kept_connection_that_is_dead_is_no_failure(upstream: StartUpstream, gateway: StartGateway) -> None:
    def once(connection: UpstreamConnection) -> None:
        if connection.read_request():
            connection.send(PASS)
            connection.reset()

    service, auth = upstream(), upstream(serve=once)
    with gateway(guarded(service.address, auth.address)).connect() as client:
        for _ in range(20):
            client.send(get("/"))
            assert client.read_answer().status == 200


def test_many_at_once_and_report(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    document = guarded(service.address, auth.address)
    document["apis"]["watched"] = {"path": "/watched", "upstream": "app", "policies": [
        {"forward_auth": {"url": f"http://{auth.address}/"}, "report": True}]}
    running = gateway(document)

    def ask(path: str) -> int:
        return running.get(path).status

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, ["/"] * 100)) == {403}
        assert set(pool.map(ask, ["/watched"] * 20)) == {200}
    assert running.wait_for_log(120)[-1]["reported"] == "forward_auth=auth_denied"


class Decides(BaseHTTPRequestHandler):
    """The kind of service that people write."""

    def do_GET(self) -> None:  # noqa: N802
        """By the token."""
        good = self.headers.get("Authorization") == "Bearer good"
        self.send_response(204 if good else 401)
        self.send_header("X-Auth-User", "alice")
        if not good:
            self.send_header("Content-Length", "4")
        self.end_headers()
        if not good:
            self.wfile.write(b"sad\n")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def test_pythons_own_server_decides(upstream: StartUpstream, gateway: StartGateway, stack: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Decides)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    service = upstream(OK_ANSWER)
    running = gateway(guarded(service.address, f"127.0.0.1:{server.server_port}"))
    for _ in range(3):
        assert curl("-H", "Authorization: Bearer good", running.url("/")).stdout == b"ok\n"
        assert curl("-w", "%{http_code}", "-H", "Authorization: Bearer bad", running.url("/")).stdout == b"sad\n401"
    assert {request.get("x-auth-user") for request in service.requests} == {"alice"}


@pytest.mark.parametrize("options, words", [
    ("", "url"),
    ("url: a.test", "want a URL"),
    ("url: ftp://a.test/", "want a URL"),
    ('url: "http://"', "want a"),
    ('url: "http://u:p@a.test/"', "nobody's name or password"),
    ('url: "http://a.test:0/"', "host and a port"),
    ('url: "http://a.test:70000/"', "host and a port"),
    ('url: "http://a.test/#x"', "want a URL"),
    ('url: "http://a.test/a b"', "want a URL"),
    ('url: "http://127.0.0.300/"', "host and a port"),
    ("url: http://a.test/, forward: [Content-Length]", "connection's"),
    ("url: http://a.test/, forward: [Host]", "rewrite"),
    ("url: http://a.test/, forward: [\"X-*\"]", "whole name"),
    ("url: http://a.test/, forward: [\"a b\"]", "no name of a field"),
    ("url: http://a.test/, headers: [Connection]", "connection's"),
    ("url: http://a.test/, timeout: 0s", "timeout"),
    ("url: http://a.test/, on_failure: open", "on_failure"),
    ("url: http://a.test/, cache: 2h", "cache"),
])
def test_mistakes_are_told(tmp_path: Any, options: str, words: str) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text("listeners: { a: { address: 127.0.0.1:0 } }\nupstreams: { app: { endpoints: [127.0.0.1:9] } }\n"
                    f"apis: {{ all: {{ upstream: app, policies: [ forward_auth: {{ {options} }} ] }} }}\n", encoding="utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == 1 and words in done.stderr + done.stdout


def test_the_service_may_be_named(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, auth = upstream(), upstream(PASS)
    document = guarded(service.address, f"localhost:{auth.port}")
    with gateway(document).connect() as client:
        client.send(get("/"))
        assert client.read_answer().status == 200
    assert auth.requests[0].get("host") == f"localhost:{auth.port}"
    assert socket.gethostbyname("localhost") == "127.0.0.1"
