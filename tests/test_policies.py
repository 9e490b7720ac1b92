# SPDX-License-Identifier: Apache-2.0
"""The policies, each once through the whole gateway: what a client sees, what the service gets, what the log says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatehouse import Gateway
from simple import chunk, config, get, post
from upstream import OK_ANSWER, Upstream
from wire import DEADLINE, Answer, Request, Truncated

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def having(endpoint: str, *policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One API that takes everything and has these policies."""
    return config(endpoint, api={"policies": list(policies)}, **more)


def ask(gateway: Gateway, request: bytes) -> Answer:
    """The answer to one request on a connection of its own."""
    with gateway.connect() as client:
        client.send(request)
        return client.read_answer()


def reason_of_last(gateway: Gateway, count: int) -> str | None:
    """The reason in that line of the log."""
    reason = gateway.wait_for_log(count)[count - 1].get("reason")
    assert reason is None or isinstance(reason, str)
    return reason


def test_ip_goes_by_the_client_that_a_trusted_proxy_speaks_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    rules = {"ip": {"allow": ["127.0.0.0/8", "192.0.2.0/24"], "deny": ["192.0.2.66"]}}
    running = gateway(having(service.address, rules, listener={"trusted_proxies": ["127.0.0.1"]}))
    for client, status in (("192.0.2.7", 200), ("192.0.2.66", 403), ("203.0.113.9", 403)):
        assert ask(running, get(fields=f"X-Forwarded-For: {client}\r\n")).status == status
    assert ask(running, get()).status == 200
    assert len(service.requests) == 2
    assert reason_of_last(running, 3) == "ip_denied"


def test_ip_does_not_believe_a_stranger(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"ip": {"allow": ["192.0.2.0/24"]}}))
    answer = ask(running, get(fields="X-Forwarded-For: 192.0.2.7\r\n"))
    assert answer.status == 403
    assert json.loads(answer.body)["detail"] == "This client is not let in."
    assert answer.get("proxy-status") == "gatehouse; error=http_request_denied"
    assert service.requests == []


def test_security_headers_are_on_every_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Frame-Options: ALLOWALL\r\n"
                       b"Strict-Transport-Security: max-age=1\r\n\r\n")
    running = gateway(having(service.address, {"security_headers": {"referrer": "off"}},
                             {"ip": {"deny": ["192.0.2.7"]}}, listener={"trusted_proxies": ["127.0.0.1"]}))
    for client, status in (("192.0.2.6", 200), ("192.0.2.7", 403)):
        for scheme, hsts in (("http", None), ("https", "max-age=31536000")):
            answer = ask(running, get(fields=f"X-Forwarded-For: {client}\r\nX-Forwarded-Proto: {scheme}\r\n"))
            assert answer.status == status
            assert answer.get("x-frame-options") == "DENY"
            assert answer.get("x-content-type-options") == "nosniff"
            assert answer.get("referrer-policy") is None
            assert answer.get("strict-transport-security") == hsts


def test_redirect_takes_path_and_query_along(gateway: StartGateway) -> None:
    to = "https://new.example.com${request.path}?${request.query}"
    running = gateway(having("127.0.0.1:9", {"redirect": {"to": to, "status": 308}}))
    with running.connect() as client:
        for target, location in (("/a%20b?c=d", "/a%20b?c=d"), ("/a", "/a"), ("//evil.test/", "/evil.test/")):
            client.send(get(target))
            answer = client.read_answer()
            assert (answer.status, answer.body) == (308, b"")
            assert answer.get("location") == "https://new.example.com" + location
            assert answer.get("content-type") is None
    assert reason_of_last(running, 3) == "redirect"


def test_redirect_leads_to_no_host_but_the_configuration_s(gateway: StartGateway) -> None:
    to = "https://${request.query.shop}.shops.example.com/"
    running = gateway(having("127.0.0.1:9", {"redirect": {"to": to}}))
    assert ask(running, get("/?shop=acme")).get("location") == "https://acme.shops.example.com/"
    for shop in ("evil.test/", "evil.test%2F", "a%0d%0aX-Injected:%20b", "evil.test%23", "me@evil.test%3f", ""):
        answer = ask(running, get(f"/?shop={shop}"))
        assert answer.status == 400
        assert answer.get("location") is None
        assert answer.get("x-injected") is None


def test_a_field_that_cannot_be_written_is_left_out_alone(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(OK_ANSWER)
    changes = {"set": {"X-Bad": "${request.query.q}", "X-Good": "a"}, "add": {"X-Better": "b"}}
    running = gateway(having(service.address, {"headers": {"response": changes}}))
    answer = ask(running, get("/?q=a%0d%0ab"))
    assert answer.status == 200
    assert answer.get("x-bad") is None
    assert (answer.get("x-good"), answer.get("x-better")) == ("a", "b")


def preflight(origin: str, method: str, fields: str = "", path: str = "/orders") -> bytes:
    """What a browser asks before it asks."""
    return get(path, f"Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n{fields}", "OPTIONS")


def with_cors(endpoint: str) -> dict[str, Any]:
    """An API for the pages of one origin and of whatever is under another, and for known clients only."""
    cors = {"origins": ["https://app.example.com", "https://*.preview.example.com"], "credentials": True,
            "headers": ["Content-Type"], "expose": ["X-Total"]}
    policies = [{"ip": {"allow": ["192.0.2.7"]}}, {"cors": cors}]
    return config(endpoint, api={"methods": ["GET", "POST"], "policies": policies},
                  listener={"trusted_proxies": ["127.0.0.1"]})


def test_a_preflight_is_answered_before_anybody_is_asked_who_he_is(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(with_cors(service.address))
    answer = ask(running, preflight("https://x.preview.example.com", "POST",
                                    "Access-Control-Request-Headers: content-type\r\n"))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.get("access-control-allow-origin") == "https://x.preview.example.com"
    assert answer.get("access-control-allow-credentials") == "true"
    assert answer.get("access-control-allow-methods") == "POST"
    assert answer.get("access-control-allow-headers") == "Content-Type"
    assert answer.get("access-control-max-age") == "600"
    assert "Origin" in answer.all("vary")
    for denied in (preflight("https://evil.test", "POST"),
                   preflight("https://app.example.com", "POST", "Access-Control-Request-Headers: x-a\r\n")):
        answer = ask(running, denied)
        assert answer.status == 403
        assert answer.get("content-type") == "application/problem+json"
    assert ask(running, preflight("https://app.example.com", "DELETE")).status == 405
    assert service.requests == []
    reasons = [entry.get("reason") for entry in running.wait_for_log(4)]
    assert reasons == ["cors_preflight", "cors_denied", "cors_denied", "method_not_allowed"]


@pytest.mark.parametrize("options", [{"report": True}, {"when": "request.headers['x-none'] == '1'"}])
def test_a_preflight_that_is_not_answered_is_a_request_like_any_other(upstream: StartUpstream, gateway: StartGateway,
                                                                      options: dict[str, Any]) -> None:
    """By its own route, and not behind the policies of the route that it asks about."""
    service = upstream()
    document = config(service.address)
    cors = {"cors": {"origins": ["https://app.example.com"]}, **options}
    document["apis"]["all"]["routes"] = {"got": {"match": {"methods": ["GET"]}, "policies": [cors, {"ip": {"deny": ["127.0.0.1"]}}]}}
    running = gateway(document)
    assert ask(running, preflight("https://app.example.com", "GET")).status == 200
    assert ask(running, preflight("https://app.example.com", "PUT")).status == 200
    assert [request.method for request in service.requests] == ["OPTIONS"] * 2
    assert running.wait_for_log(2)[0].get("reported") == ("cors=cors_preflight" if "report" in options else None)


def test_cors_fields_are_on_errors_too(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nVary: Accept\r\n"
                       b"Access-Control-Allow-Origin: *\r\n\r\n")
    running = gateway(with_cors(service.address))
    for client, status in (("192.0.2.7", 404), ("192.0.2.8", 403)):
        fields = f"X-Forwarded-For: {client}\r\nOrigin: "
        answer = ask(running, get("/orders", fields + "https://app.example.com\r\n"))
        assert answer.status == status
        assert answer.get("access-control-allow-origin") == "https://app.example.com"
        assert answer.get("access-control-expose-headers") == "X-Total"
        answer = ask(running, get("/orders", fields + "https://evil.test\r\n"))
        assert answer.status == status
        assert answer.get("access-control-allow-origin") is None
        assert "Origin" in answer.all("vary")


def test_cors_fields_are_on_what_is_refused_before_any_policy(upstream: StartUpstream, gateway: StartGateway) -> None:
    """As soon as it is known whose API it is; and there is nothing to say of what is nobody's."""
    service = upstream()
    document = with_cors(service.address)
    document["listeners"]["main"]["limits"] = {"body": 10}
    document["apis"]["all"]["path"] = "/orders"
    running = gateway(document)
    origin = "Origin: https://app.example.com\r\n"
    with running.connect() as client:
        for request, method, status, allowed in (
                (get("/orders", origin, "DELETE"), "DELETE", 405, "https://app.example.com"),
                (get("/orders", "Origin: https://evil.test\r\n", "DELETE"), "DELETE", 405, None),
                (get("/orders", origin, "HEAD"), "HEAD", 405, "https://app.example.com"),
                (get("/orders", origin + "Content-Length: 11\r\n", "POST") + b"x" * 11, "POST", 413, "https://app.example.com"),
                (get("/orders", "Origin: https://evil.test\r\nContent-Length: 11\r\n", "POST") + b"x" * 11, "POST", 413, None)):
            client.send(request)
            answer = client.read_answer(method)
            assert (answer.status, answer.get("access-control-allow-origin")) == (status, allowed), request
            assert "Origin" in answer.all("vary") and answer.get("allow") == ("GET, POST" if status == 405 else None)
        client.send(get("/none", origin + "Content-Length: 11\r\n", "POST") + b"x" * 11)
        answer = client.read_answer("POST")
        assert (answer.status, answer.get("access-control-allow-origin"), answer.get("vary")) == (404, None, None)
    entries = running.wait_for_log(6)
    assert [entry.get("api") for entry in entries] == [None, None, None, "all", "all", None]
    assert service.requests == []


def test_what_is_only_to_report_leaves_the_answer_as_it_was(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: https://b.test\r\n"
                       b"Strict-Transport-Security: max-age=1\r\nContent-Length: 4000\r\n\r\n" + b"text" * 1000)
    policies: list[dict[str, Any]] = [
        {"security_headers": {}}, {"cors": {"origins": ["https://app.example.com"]}}, {"compress": {}},
        {"request_id": {"trust": True, "header": "X-Id"}}]
    running = gateway(having(service.address, *({**policy, "report": True} for policy in policies)))
    answer = ask(running, get("/", "Origin: https://app.example.com\r\nAccept-Encoding: gzip\r\nX-Id: of-the-client\r\n"))
    assert answer.body == b"text" * 1000
    assert answer.get("access-control-allow-origin") == "https://b.test"
    assert answer.get("strict-transport-security") == "max-age=1"
    assert not any(answer.get(name) for name in ("x-frame-options", "vary", "content-encoding", "x-id"))
    assert "of-the-client" not in running.wait_for_log(1)[0].values()


def test_a_preflight_that_nobody_answers_does_not_let_options_in(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    policies = [{"cors": {"origins": "*"}, "report": True}]
    running = gateway(config(service.address, api={"methods": ["POST"], "policies": policies}))
    assert ask(running, preflight("https://app.example.com", "POST")).status == 405
    assert service.requests == []


def test_a_body_is_limited_when_its_length_is_told(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"body_limit": {"size": 10}}))
    assert ask(running, post(b"x" * 10)).status == 200
    answer = ask(running, post(b"x" * 11))
    assert answer.status == 413
    assert json.loads(answer.body)["detail"] == "The body is too large."
    assert ask(running, get("/", "Content-Length: 11\r\nExpect: 100-continue\r\n", "POST")).status == 413
    assert [request.body for request in service.requests] == [b"x" * 10]
    assert reason_of_last(running, 3) == "body_too_large"


def test_a_body_is_limited_when_its_length_turns_out(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"body_limit": {"size": 10}}))
    chunked = get("/", "Transfer-Encoding: chunked\r\n", "POST")
    assert ask(running, chunked + chunk(b"x" * 10) + chunk(b"") + b"\r\n").status == 200
    with running.connect() as client:
        client.send(chunked + chunk(b"x" * 6))
        client.send(chunk(b"x" * 5))
        assert client.read_answer().status == 413
        assert client.is_closed_by_server()
    assert [request.body for request in service.requests] == [b"x" * 10]
    assert reason_of_last(running, 2) == "body_too_large"


def test_a_limit_cannot_widen_what_the_listener_allows(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"body_limit": {"size": 20}}, limits={"body": 10}))
    assert ask(running, post(b"x" * 11)).status == 413
    assert service.requests == []


def test_a_timeout_bounds_the_whole_exchange(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answer(request: Request) -> bytes:
        if request.target == "/quick":
            return OK_ANSWER
        assert released.wait(DEADLINE)
        return OK_ANSWER

    released = threading.Event()
    service = upstream(answer)
    running = gateway(having(service.address, {"timeout": {"total": "300ms"}}))
    assert ask(running, get("/quick")).status == 200
    slow = ask(running, get("/slow"))
    released.set()
    assert slow.status == 504
    assert json.loads(slow.body)["status"] == 504
    assert reason_of_last(running, 2) == "upstream_timeout"


def test_a_timeout_counts_what_policies_wait_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"timeout": {"total": "200ms"}}, {"fault": {"delay": "5m", "abort": 418}}))
    assert ask(running, get()).status == 504
    assert service.requests == []
    assert reason_of_last(running, 1) == "total_timeout"


def test_a_timeout_is_no_failure_of_whoever_is_asked(upstream: StartUpstream, gateway: StartGateway) -> None:
    """What was waited for is silent, and would have had more time."""
    released = threading.Event()
    service, silent = upstream(), upstream(lambda _: OK_ANSWER if released.wait(DEADLINE) else b"")
    asking: list[dict[str, Any]] = [{"forward_auth": {"url": f"http://{silent.address}/", **more}}
                                    for more in ({}, {"cache": "1m"}, {"on_failure": "allow"})]
    asking.append({"introspection": {"url": f"http://{silent.address}/", "client_id": "gateway", "client_secret": "s"}})
    document = config(service.address)
    document["apis"] = {f"api{at}": {"path": f"/{at}", "upstream": "app", "policies": [{"timeout": {"total": "200ms"}}, policy]}
                        for at, policy in enumerate(asking)}
    running = gateway(document)
    began = time.monotonic()
    for at in range(len(asking)):
        assert ask(running, get(f"/{at}", "Authorization: Bearer t\r\n")).status == 504
    assert time.monotonic() - began < 5 * len(asking)
    released.set()
    assert [entry["reason"] for entry in running.wait_for_log(len(asking))] == ["total_timeout"] * len(asking)
    assert service.requests == [] and "no answer" not in running.errors


def test_a_fault_delays_and_refuses(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"fault": {"delay": "50ms"}}, {"fault": {"abort": 429, "percent": 100}}))
    began = time.monotonic()
    answer = ask(running, get())
    assert time.monotonic() - began >= 0.05
    assert answer.status == 429
    assert json.loads(answer.body)["title"] == "Too Many Requests"
    assert service.requests == []
    assert reason_of_last(running, 1) == "fault_injected"


def test_a_fault_happens_to_some(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"fault": {"abort": 500, "percent": 50}}))
    with running.connect() as client:
        client.send(b"".join(get() for _ in range(200)))
        statuses = {client.read_answer().status for _ in range(200)}
    assert statuses == {200, 500}


def test_who_leaves_while_it_is_delayed_is_not_waited_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A client whose end comes together with its request is served, so it must be seen to wait before."""
    service = upstream()
    running = gateway(having(service.address, {"fault": {"delay": "5s", "abort": 503}}))
    for count, pause in enumerate((0.1, 0.5, 2.0), start=1):
        with running.connect() as client:
            client.send(get())
            time.sleep(pause)
        entry = running.wait_for_log(count)[count - 1]
        if entry.get("reason") == "client_aborted":
            break
    assert (entry["status"], entry.get("reason")) == (499, "client_aborted")
    assert service.requests == []


def test_a_timeout_counts_the_upload(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(having(service.address, {"timeout": {"total": "300ms"}}))
    with running.connect() as client:
        client.send(get("/", "Transfer-Encoding: chunked\r\n", "POST") + chunk(b"some"))
        assert client.read_answer().status == 504
        assert client.is_closed_by_server()
    assert reason_of_last(running, 1) in ("total_timeout", "upstream_timeout")  # whoever wakes first
    assert service.requests == []


def test_a_timeout_cuts_an_answer_off(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome"
        assert released.wait(DEADLINE)
        yield b"thing."

    released = threading.Event()
    running = gateway(having(upstream(answer).address, {"timeout": {"total": "300ms"}}))
    with running.connect() as client:
        client.send(get())
        with pytest.raises(Truncated):
            client.read_answer()
    released.set()
    entry = running.wait_for_log(1)[0]
    assert (entry["status"], entry.get("reason")) == (200, "upstream_read_timeout")


def test_the_shorter_timeout_holds(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answer(_: Request) -> bytes:
        assert released.wait(DEADLINE)
        return OK_ANSWER

    released = threading.Event()
    service = upstream(answer)
    running = gateway(having(service.address, {"timeout": {"total": "1d"}}, timeouts={"total": "200ms"}))
    assert ask(running, get()).status == 504
    released.set()
