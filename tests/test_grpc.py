# SPDX-License-Identifier: Apache-2.0
"""gRPC and gRPC-Web through the gateway, by the clients and servers that people use: @grpc/grpc-js and grpc-web."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from gatehouse import Gateway, config_for
from h2_peers import H2Client
from h2_upstream import H2Request, H2Upstream
from node_peers import NodeClient, NodeServer
from peers import free_port
from upstream import Upstream
from wire import Answer, wait_until

StartGateway = Callable[..., Gateway]
StartServer = Callable[..., NodeServer]
StartClient = Callable[[str], NodeClient]

OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, NOT_FOUND, DENIED, EXHAUSTED = 0, 1, 2, 4, 5, 7, 8
UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 12, 13, 14
METHOD = "/gatehouse.test.Echo/Unary"


def asks(*texts: str, **more: Any) -> list[dict[str, Any]]:
    """Messages with these texts."""
    return [{"text": text, **more} for text in texts]


def texts(result: dict[str, Any]) -> list[str]:
    """What came back."""
    return [reply["text"] for reply in result["replies"]]


def grpc_config(server: NodeServer | str, policies: list[Any] | None = None, **upstream: Any) -> dict[str, Any]:
    """Calls from anybody over HTTP/1 or HTTP/2 without TLS, to a server over HTTP/2."""
    config = config_for(server if isinstance(server, str) else server.address)
    config["listeners"]["main"]["protocols"] = ["h1", "h2"]
    config["upstreams"]["app"].update({"protocol": "h2", **upstream})
    config["apis"]["all"]["policies"] = policies or []
    return config


class House:
    """A gRPC server, the gateway in front of it, and a client."""

    def __init__(self, server: NodeServer, running: Gateway, client: NodeClient):
        self.server, self.gateway, self.client = server, running, client

    def begin(self, kind: str, sent: list[dict[str, Any]], **more: Any) -> int:
        """A call through the gateway."""
        return self.client.begin(target=f"127.0.0.1:{self.gateway.port()}", kind=kind, asks=sent, **more)

    def call(self, kind: str, sent: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """The same, to its end."""
        return self.client.end(self.begin(kind, sent, **more))


@pytest.fixture
def house(node_server: StartServer, node_client: StartClient, gateway: StartGateway) -> Callable[..., House]:
    """Builds it: `house(policies, **upstream)`."""

    def build(policies: list[Any] | None = None, server: dict[str, Any] | None = None, **upstream: Any) -> House:
        started = node_server("grpc_server.js", **(server or {}))
        return House(started, gateway(grpc_config(started, policies, **upstream)), node_client("grpc_client.js"))

    return build


# gRPC: what works.

@pytest.mark.parametrize("kind, sent, received", [
    ("unary", asks("a"), ["a"]),
    ("collect", asks("a", "b", "c"), ["abc"]),
    ("count", asks("a", replies=3), ["a", "a", "a"]),
    ("talk", asks("a", "b"), ["a", "b"]),
    ("collect", [], [""]),
    ("count", asks("a"), []),
    ("talk", [], []),
])
def test_calls_of_each_kind(kind: str, sent: list[dict[str, Any]], received: list[str],
                            house: Callable[..., House]) -> None:
    """Messages, metadata and trailers, also such as are bytes."""
    result = (running := house()).call(kind, sent, metadata={"x-a": "1", "x-b-bin": "AP8="})
    assert (result["code"], texts(result)) == (OK, received), result
    assert (result["head"]["x-a"], result["head"]["x-b-bin"]) == (["1"], ["AP8="])
    assert (result["trailers"]["trailer-x-a"], result["trailers"]["trailer-x-b-bin"]) == (["1"], ["AP8="])
    entry = running.gateway.wait_for_log(1)[0]
    assert (entry["status"], entry["method"], entry["upstream"], entry.get("reason")) == (200, "POST", "app", None)


def test_a_conversation(house: Callable[..., House]) -> None:
    """Each side waits for the other: nothing is held back on either way, and heads come before bodies end."""
    words = [str(number) for number in range(20)]
    result = house().call("talk", asks(*words), in_turn=True)
    assert (result["code"], texts(result)) == (OK, words)


def test_many_calls_at_once(house: Callable[..., House]) -> None:
    """On one connection from the client, of all kinds."""
    running = house()
    kinds = {"unary": (1, 1), "collect": (3, 1), "count": (1, 4), "talk": (3, 3)}
    begun = [(kind, running.begin(kind, asks(*["a"] * kinds[kind][0], replies=4, size=1000)))
             for _ in range(25) for kind in kinds]
    for kind, call in begun:
        result = running.client.end(call)
        assert (result["code"], len(result["replies"])) == (OK, kinds[kind][1]), (kind, result)


@pytest.mark.parametrize("compress", [False, True])
def test_large_messages(compress: bool, house: Callable[..., House]) -> None:
    """Larger than every window and buffer, also compressed by gRPC itself."""
    running = house(server={"compress": compress})
    large = "x" * 3_000_000
    result = running.call("talk", asks(large, large, size=5_000_000), compress=compress)
    assert (result["code"], [(len(reply["text"]), reply["size"]) for reply in result["replies"]]) == (
        OK, [(3_000_000, 5_000_000)] * 2)


def test_what_the_upstream_is_told(house: Callable[..., House]) -> None:
    """Who is calling, and none of what is the gateway's to say."""
    running = house()
    assert running.call("unary", asks("a"), metadata={"x-forwarded-for": "9.9.9.9"})["code"] == OK
    metadata = running.server.wait_for_event("call")[0]["metadata"]
    assert metadata["x-forwarded-for"] == ["127.0.0.1"]
    assert "x-request-id" in metadata and "connection" not in metadata


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_by_tls_on_both_sides(protocol: str, node_server: StartServer, node_client: StartClient,
                              gateway: StartGateway, tmp_path: Path) -> None:
    """Each kind of call, and a refusal."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("gw", "app"):
        leaf = authority.issue_cert(f"{name}.test")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    server = node_server("grpc_server.js", key=str(tmp_path / "app.key"), certificate=str(tmp_path / "app.pem"))
    config = grpc_config(server, protocol=protocol, tls={"ca": str(tmp_path / "ca.pem"), "server_name": "app.test"})
    config["listeners"]["main"]["tls"] = {
        "certificates": [{"certificate": str(tmp_path / "gw.pem"), "key": str(tmp_path / "gw.key")}]}
    config["apis"]["all"]["path"] = "/gatehouse.test.Echo"
    running, client = gateway(config), node_client("grpc_client.js")
    target = {"target": f"127.0.0.1:{running.port()}", "ca": str(tmp_path / "ca.pem"), "name": "gw.test"}
    for kind, received in (("unary", ["a"]), ("collect", ["ab"]), ("count", ["a", "a"]), ("talk", ["a", "b"])):
        result = client.call(**target, kind=kind, asks=asks("a", "b", replies=2), in_turn=kind == "talk")
        assert (result["code"], texts(result)) == (OK, received), (kind, result)
    server.stop()
    assert client.call(**target, kind="unary", asks=asks("a"))["code"] == UNAVAILABLE


# gRPC: what fails.

def test_errors_of_the_server_are_its_own(house: Callable[..., House]) -> None:
    """With an answer before them, and without."""
    running = house()
    for kind in ("unary", "collect", "talk"):
        result = running.call(kind, asks("sorry: 100% é", fail=NOT_FOUND), metadata={"x-a": "1"})
        assert (result["code"], result["details"]) == (NOT_FOUND, "told to fail: sorry: 100% é"), kind
        assert result["trailers"]["trailer-x-a"] == ["1"]
    result = running.call("count", asks("a", replies=2, fail=DENIED))
    assert (result["code"], texts(result)) == (DENIED, ["a", "a"])


@pytest.mark.parametrize("policy, code, reason", [
    ({"ip": {"deny": ["127.0.0.1"]}}, DENIED, "ip_denied"),
    ({"fault": {"abort": 401}}, 16, "fault_injected"),
    ({"fault": {"abort": 429}}, EXHAUSTED, "fault_injected"),
    ({"fault": {"abort": 503}}, UNAVAILABLE, "fault_injected"),
    ({"fault": {"abort": 500}}, UNKNOWN, "fault_injected"),
    ({"body_limit": {"size": 3}}, UNKNOWN, "body_too_large"),
])
def test_refusals_are_statuses(policy: dict[str, Any], code: int, reason: str, house: Callable[..., House]) -> None:
    """In every kind of call, and as the same words in the log as ever."""
    running = house([policy])
    kinds = ("unary", "collect", "count", "talk")
    for kind in kinds:
        result = running.call(kind, asks("a", replies=1))
        assert (result["code"], texts(result)) == (code, []), (kind, result)
        assert result["details"]
    assert {(entry["status"], entry["reason"]) for entry in running.gateway.wait_for_log(len(kinds))} == {(200, reason)}


def test_no_route_and_no_endpoint(gateway: StartGateway, node_client: StartClient) -> None:
    """Before there is an upstream at all."""
    config = grpc_config(f"127.0.0.1:{free_port()}")
    config["apis"]["all"]["path"] = "/gatehouse.test.Echo/Unary"
    running, client = gateway(config), node_client("grpc_client.js")
    target = f"127.0.0.1:{running.port()}"
    result = client.call(target=target, kind="talk", asks=asks("a"))
    assert (result["code"], result["details"]) == (UNIMPLEMENTED, "Nothing is served under this address.")
    assert client.call(target=target, kind="unary", asks=asks("a"))["code"] == UNAVAILABLE
    assert [entry["reason"] for entry in running.wait_for_log(2)] == ["no_route", "upstream_connect_refused"]


def test_a_server_that_dies(house: Callable[..., House]) -> None:
    """Between two messages the call is ended in its own words."""
    running = house()
    result = running.call("count", asks("a", replies=2, die=True))
    assert (result["code"], result["details"], texts(result)) == (UNAVAILABLE, "the service broke off", ["a", "a"])
    assert running.gateway.wait_for_log(1)[0]["reason"] == "upstream_aborted"


def test_errors_of_http_are_statuses(upstream: Callable[..., Upstream], gateway: StartGateway,
                                     node_client: StartClient) -> None:
    """As of a load balancer that stands between, or of a service that is none of gRPC."""
    service = upstream(b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nbusy")
    running = gateway(grpc_config(service.address, protocol="h1"))
    result = node_client("grpc_client.js").call(target=f"127.0.0.1:{running.port()}", kind="unary", asks=asks("a"))
    assert (result["code"], result["details"]) == (UNAVAILABLE, "the service answered with HTTP status 503")


# Time.

def test_deadlines_go_on(house: Callable[..., House]) -> None:
    """The server learns what is left of all the time that there is."""
    running = house(timeouts={"total": "20s"})
    assert running.call("unary", asks("a"), deadline_ms=10_000)["code"] == OK
    assert running.call("unary", asks("a"), deadline_ms=1_000_000)["code"] == OK
    assert running.call("unary", asks("a"))["code"] == OK
    first, second, third = [call["deadline_ms"] for call in running.server.wait_for_event("call", 3)]
    assert first <= 10_000 and 10_000 < second <= 20_000 and third is None


@pytest.mark.parametrize("kind", ["unary", "count", "talk"])
def test_deadlines_are_kept(kind: str, house: Callable[..., House]) -> None:
    """By a gateway whose client would wait on."""
    running = house()
    result = running.call(kind, asks("a", replies=0, wait=True), metadata={"grpc-timeout": "300m"},
                          in_turn=kind == "talk")
    assert result["code"] == DEADLINE_EXCEEDED, result
    running.server.wait_for_event("cancelled")


def test_time_without_a_deadline(house: Callable[..., House]) -> None:
    """Totals do not cut a call that is answered; silence does, and is told."""
    running = house([{"timeout": {"total": "1s"}}], timeouts={"total": "1s", "idle": "3s"})
    result = running.call("count", asks("a", replies=12, delay_ms=100, wait=True))
    assert (result["code"], result["details"]) == (DEADLINE_EXCEEDED, "the service did not go on in time"), result
    assert len(result["replies"]) == 12
    assert running.gateway.wait_for_log(1)[0]["reason"] == "upstream_read_timeout"


def test_times_that_cannot_be_understood(house: Callable[..., House]) -> None:
    """They are refused, not ignored: the client counts on them."""
    running = house()
    assert running.call("unary", asks("a"), metadata={"grpc-timeout": "123456789S"})["code"] == INTERNAL
    assert running.call("unary", asks("a"), metadata={"grpc-timeout": "0m"})["code"] == DEADLINE_EXCEEDED
    assert [entry["reason"] for entry in running.gateway.wait_for_log(2)] == ["header_malformed", "total_timeout"]
    assert running.server.events("call") == []


def test_cancelling_reaches_the_server(house: Callable[..., House]) -> None:
    """Before the answer."""
    running = house()
    begun = running.begin("unary", asks("a", wait=True))
    running.server.wait_for_event("call")
    running.client.call(cancel=begun)
    assert running.client.end(begun)["code"] == CANCELLED
    running.server.wait_for_event("cancelled")
    assert running.gateway.wait_for_log(1)[0]["reason"] == "client_aborted"


@pytest.mark.parametrize("kind, cancel_after", [("count", 2), ("talk", 1)])
def test_cancelling_within_the_answer_reaches_the_server(kind: str, cancel_after: int, house: Callable[..., House]) -> None:
    running = house()
    # node ends its half before it cancels, and the server must not answer that by its own end.
    sent = asks("a", replies=2, wait=True) if kind != "talk" else asks("a", hold=True)
    result = running.call(kind, sent, cancel_after=cancel_after, in_turn=kind == "talk")
    assert (result["code"], len(result["replies"])) == (CANCELLED, cancel_after)
    running.server.wait_for_event("cancelled")
    assert running.gateway.wait_for_log(1)[0]["reason"] == "client_aborted"


# gRPC-Web.

@pytest.mark.parametrize("form", ["text", "binary"])
def test_web_calls(form: str, house: Callable[..., House], node_client: StartClient) -> None:
    """By the browsers' own client: both kinds that there are, with metadata and trailers, over HTTP/1."""
    running, client = house(), node_client("grpc_web_client.js")
    url = f"http://127.0.0.1:{running.gateway.port()}"
    result = client.call(url=url, format=form, kind="unary", ask={"text": "a", "size": 100_000},
                         metadata={"x-a": "1"})
    assert result["replies"] == [{"text": "a", "number": 1, "size": 100_000}], result
    assert result["head"]["x-a"] == "1"
    result = client.call(url=url, format=form, kind="count", ask={"text": "b", "replies": 5, "size": 1000})
    assert [reply["number"] for reply in result["replies"]] == [1, 2, 3, 4, 5], result
    assert "error" not in result
    assert [call["kind"] for call in running.server.wait_for_event("call", 2)] == ["unary", "count"]


@pytest.mark.parametrize("form", ["text", "binary"])
def test_web_errors(form: str, house: Callable[..., House], node_client: StartClient) -> None:
    """Of the server, before and behind an answer, and of the gateway."""
    running, client = house([{"ip": {"deny": ["127.0.0.1"]}, "when": 'request.headers["x-bad"] == "1"'}]), None
    client = node_client("grpc_web_client.js")
    url = f"http://127.0.0.1:{running.gateway.port()}"
    for kind, replies in (("unary", 0), ("count", 0), ("count", 2)):
        result = client.call(url=url, format=form, kind=kind, ask={"text": "é", "fail": NOT_FOUND, "replies": replies})
        assert (result["error"]["code"], result["error"]["message"]) == (NOT_FOUND, "told to fail: é"), result
        assert len(result["replies"]) == replies
    result = client.call(url=url, format=form, kind="unary", ask={"text": "a"}, metadata={"x-bad": "1"})
    assert (result["error"]["code"], result["error"]["message"]) == (DENIED, "This client is not let in.")


def test_web_streams_as_it_comes(house: Callable[..., House], node_client: StartClient) -> None:
    """The messages are there while the call goes on: until its deadline, which is told behind them."""
    running, client = house(), node_client("grpc_web_client.js")
    result = client.call(url=f"http://127.0.0.1:{running.gateway.port()}", format="text", kind="count",
                         ask={"text": "a", "replies": 3, "wait": True}, metadata={"grpc-timeout": "800m"})
    assert [reply["number"] for reply in result["replies"]] == [1, 2, 3]
    assert result["error"]["code"] == DEADLINE_EXCEEDED


def web_call(running: Gateway, content_type: str, body: bytes, more: str = "") -> Answer:
    """One call of gRPC-Web, byte by byte."""
    head = (f"POST {METHOD} HTTP/1.1\r\nHost: gw.test\r\nContent-Type: {content_type}\r\n{more}"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n")
    with running.connect() as client:
        client.send(head.encode("latin-1") + body)
        return client.read_answer("POST")


def message(payload: bytes) -> bytes:
    """As it stands in a body."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """Flags and content of all; nothing may be left over."""
    found = []
    while body:
        size = int.from_bytes(body[1:5], "big")
        assert len(body) >= 5 + size
        found.append((body[0], body[5:5 + size]))
        body = body[5 + size:]
    return found


ASK = message(b"\x0a\x01a")  # text: "a"
GRPC = [("content-type", "application/grpc")]
REPLY = b"\x0a\x01a\x10\x01\x1a\0"  # text: "a", number: 1, filling: ""


def decoded(text: bytes) -> bytes:
    """Several encodings in a row."""
    return b"".join(base64.b64decode(text[at:at + 4], validate=True) for at in range(0, len(text), 4))


def test_web_bytes(house: Callable[..., House]) -> None:
    """What is on the wire, in both encodings, and in the one that the client accepts."""
    running = house().gateway
    answer = web_call(running, "application/grpc-web+proto", ASK)
    (flag, reply), (last_flag, trailers) = frames(answer.body)
    assert (answer.status, answer.get("content-type")) == (200, "application/grpc-web+proto")
    assert (flag, reply, last_flag) == (0, REPLY, 0x80)
    assert b"grpc-status: 0\r\n" in trailers and answer.trailers == []
    text = web_call(running, "application/grpc-web-text", base64.b64encode(ASK[:4]) + base64.b64encode(ASK[4:]))
    assert text.get("content-type") == "application/grpc-web-text+proto"
    assert frames(decoded(text.body))[0] == (0, REPLY)
    mixed = web_call(running, "application/grpc-web", ASK, "Accept: application/grpc-web-text\r\n")
    assert frames(decoded(mixed.body))[0] == (0, REPLY)


def test_web_text_is_copied_as_the_upstream_gets_it(gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """To a mirror that has gRPC too."""
    def answer(request: H2Request) -> None:
        request.respond(body=message(REPLY), fields=GRPC, trailers=[("grpc-status", "0")])

    service, mirror = H2Upstream(answer), H2Upstream(answer)
    stack.callback(service.stop)
    stack.callback(mirror.stop)
    document = grpc_config(service.address, [{"mirror": {"upstream": "next", "compare": True}}])
    document["upstreams"]["next"] = {"endpoints": [mirror.address], "protocol": "h2"}
    running = gateway(document)
    web_call(running, "application/grpc-web-text", base64.b64encode(ASK))
    wait_until(lambda: mirror.requests and mirror.requests[0].is_ended, "the copy")
    for name in ("content-type", "te", ":path"):
        assert mirror.requests[0].get(name) == service.requests[0].get(name)
    assert mirror.requests[0].body == service.requests[0].body == ASK


TWO = [("grpc-status", "2"), ("grpc-message", "the service ended the call with more than one status")]
NONE = [("grpc-status", "2"), ("grpc-message", "the service ended the call without a status")]
EARLY = [*GRPC, ("grpc-status", "0")]
DETAILS = ("grpc-status-details-bin", "AA")
ENDS = {
    "two behind a message": ({"body": message(REPLY), "fields": GRPC, "trailers": [("grpc-status", "0"), ("grpc-status", "0"), DETAILS]}, TWO),
    "two in the head": ({"fields": [*EARLY, ("grpc-status", "7"), DETAILS]}, TWO),
    "two in the head of an error": ({"status": 503, "fields": [*EARLY, ("grpc-status", "7")]}, TWO),
    "one in the head of a page": ({"status": 404, "fields": [("content-type", "text/html"), ("grpc-status", "0")]},
                                  [("grpc-status", "12"), ("grpc-message", "the service answered with HTTP status 404")]),
    "one in the head and one behind": ({"fields": EARLY, "trailers": [("grpc-status", "7")]}, [("grpc-status", "7")]),
    "one behind a head that has no more to come": ({"fields": [*EARLY, ("content-length", "0")], "trailers": [("grpc-status", "7")]},
                                                   [("grpc-status", "7")]),
    "one before a message": ({"body": message(REPLY), "fields": EARLY}, NONE),
    "one before trailers": ({"fields": EARLY, "trailers": [("x-a", "b")]}, NONE),
    "one alone": ({"fields": [*GRPC, ("grpc-status", "5")]}, [("grpc-status", "5")]),
}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc-web"])
def test_a_call_has_one_status(gateway: StartGateway, stack: contextlib.ExitStack, kind: str, case: str) -> None:
    """Whoever reads another one must not take the call for something else."""
    said, ends = ENDS[case]
    service = H2Upstream(lambda request: request.respond(**said))
    stack.callback(service.stop)
    running = gateway(grpc_config(service.address))
    answer = web_call(running, kind, ASK)
    told = answer.fields + answer.trailers
    if kind != "application/grpc":
        assert not [name for name, _ in told if name.lower().startswith("grpc-")]
        told = [tuple(line.split(": ", 1)) for line in frames(answer.body)[-1][1].decode().splitlines()]
    assert answer.status == 200
    assert [(name.lower(), value) for name, value in told if name.lower().startswith("grpc-")] == ends


def test_web_text_that_is_none(house: Callable[..., House]) -> None:
    """The call is refused, and told so in its own format."""
    running = house().gateway
    for body in (b"AAAA!", b"AAA", b"\r\n", base64.b64encode(ASK)[:-1]):
        answer = web_call(running, "application/grpc-web-text", body)
        assert (answer.status, answer.get("content-type")) == (200, "application/grpc-web-text"), body
        ((flag, trailers),) = frames(decoded(answer.body))
        assert flag == 0x80 and b"grpc-status: 13\r\n" in trailers
    assert {entry["reason"] for entry in running.wait_for_log(4)} == {"base64_malformed"}
    with running.connect() as client:  # base64 that is none because its chunks are none
        client.send(f"POST {METHOD} HTTP/1.1\r\nHost: gw.test\r\nContent-Type: application/grpc-web-text\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n4\r\nAAAA\r\nxx\r\n".encode())
        assert client.read_answer("POST").status == 200
    assert running.wait_for_log(5)[4]["reason"] == "chunk_malformed"


def test_web_to_a_service_that_has_it_itself(upstream: Callable[..., Upstream], gateway: StartGateway) -> None:
    """Over HTTP/1 nothing is translated."""
    service = upstream(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 4\r\n\r\nAAAA")
    running = gateway(grpc_config(service.address, protocol="h1"))
    answer = web_call(running, "application/grpc-web-text", b"AAAA", "Accept: application/grpc-web-text\r\n")
    assert (answer.body, answer.get("content-type")) == (b"AAAA", "application/grpc-web-text")
    wait_until(lambda: service.requests, "the request")
    assert service.requests[0].body == b"AAAA"
    assert service.requests[0].get("accept") == "application/grpc-web-text"


def test_web_pages_of_other_origins(house: Callable[..., House]) -> None:
    """What a page may send and see is the policy's to say, on refusals too."""
    running = house([{"cors": {"origins": ["https://app.example.com"], "methods": ["POST"],
                               "headers": ["content-type", "x-grpc-web"], "expose": ["grpc-status"]}}]).gateway
    answer = web_call(running, "application/grpc-web", ASK, "Origin: https://app.example.com\r\n")
    assert answer.get("access-control-allow-origin") == "https://app.example.com"
    denied = web_call(running, "application/grpc-web", b"", "Origin: https://app.example.com\r\ngrpc-timeout: x\r\n")
    assert frames(denied.body)[0][0] == 0x80


# gRPC over HTTP/1, which has trailers too.

def test_trailers_through_http_1(house: Callable[..., House]) -> None:
    """A client of HTTP/1 that knows what to do with them."""
    chunk = f"{len(ASK):x}\r\n".encode() + ASK + b"\r\n0\r\n\r\n"
    with house().gateway.connect() as client:
        client.send(f"POST {METHOD} HTTP/1.1\r\nHost: gw.test\r\nContent-Type: application/grpc\r\n"
                    "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n".encode() + chunk)
        answer = client.read_answer("POST")
    assert frames(answer.body) == [(0, REPLY)]
    assert ("grpc-status", "0") in answer.trailers


@pytest.mark.parametrize("version", [1, 2])
def test_trailers_to_and_from_http_2(version: int, node_server: StartServer, gateway: StartGateway) -> None:
    """Both ways, whatever the client speaks; those that may be none stay here."""
    server = node_server("http2_server.js")
    running = gateway(grpc_config(server))
    sent = {"x-check": "1", "x-forwarded-for": "6.6.6.6"}
    if version == 1:
        with running.connect() as plain:  # who ends its half before it has the answer has gone
            plain.send(b"POST /a HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n"
                       b"3\r\nabc\r\n0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()).encode() + b"\r\n")
            answer = plain.read_answer("POST")
        body, trailers = answer.body, dict(answer.trailers)
    else:
        with H2Client(running.address()) as client:
            number = client.begin("/a", "POST", [("te", "trailers")])
            client.data(number, b"abc")
            client.trailers(number, list(sent.items()))
            stream = client.answer(number)
            body, trailers = bytes(stream.body), stream.trailers
    seen = json.loads(body)
    assert (seen["size"], seen["trailers"], seen["headers"]["te"]) == (3, {"x-check": "1"}, "trailers")
    assert trailers == {"answer-x-check": "1", "x-done": "1"}
