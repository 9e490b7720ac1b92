# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 to upstreams: sessions that requests share, what ends a stream, and upstreams that break the rules."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

import h2_frames as frames
from gatehouse import Gateway
from h2_peers import H2Client
from h2_upstream import H2Request, H2Upstream
from node_peers import NodeServer
from wire import DEADLINE, Answer, wait_until

StartUpstream = Callable[..., H2Upstream]
StartGateway = Callable[..., Gateway]


@pytest.fixture
def h2(stack: contextlib.ExitStack) -> StartUpstream:
    """Starts upstreams; what the gateway sent them against the rules fails the test."""

    def check(started: H2Upstream) -> None:
        assert not started.violations, f"the upstream was sent what breaks the rules: {started.violations}"

    def start(*arguments: Any, **options: Any) -> H2Upstream:
        started = H2Upstream(*arguments, **options)
        stack.callback(check, started)
        stack.callback(started.stop)
        return started

    return start


def config(*endpoints: Any, retries: dict[str, Any] | None = None, limits: dict[str, Any] | None = None,
           **upstream: Any) -> dict[str, Any]:
    """One upstream with these endpoints."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "limits": limits or {}}},
        "upstreams": {"app": {"endpoints": list(endpoints), "protocol": "h2",
                              "retries": {"backoff": "1ms", **(retries or {})}, **upstream}},
        "apis": {"all": {"upstream": "app"}},
    }


def ask(gateway: Gateway, method: str = "GET", body: bytes | None = None, fields: str = "", path: str = "/") -> Answer:
    """One request on a connection of its own."""
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{length}{fields}\r\n"
    with gateway.connect() as client:
        client.send(head.encode("latin-1") + (body or b""))
        return client.read_answer(method)


def ask_many(gateway: Gateway, count: int, *, at_a_time: int = 20, **how: Any) -> list[Answer]:
    """Each with a path of its own."""
    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(lambda at: ask(gateway, path=f"/{at}", **how), range(count)))


# What goes through.

def test_head(h2: StartUpstream, gateway: StartGateway) -> None:
    """A head of HTTP/1 is one of HTTP/2."""
    service = h2()
    running = gateway(config(service.address))
    answer = ask(running, "OPTIONS", path="/a?b=c", fields="X-Ray: 1\r\nCookie: a=b\r\nConnection: x-gone\r\n"
                                                           "X-Gone: 1\r\nTE: trailers\r\nAccept: */*\r\n")
    assert (answer.status, answer.body, answer.get("Via")) == (200, b"/a?b=c", "2.0 gatehouse")
    request = service.requests[0]
    assert request.fields[:4] == [(":method", "OPTIONS"), (":scheme", "http"), (":authority", "gw.test"),
                                  (":path", "/a?b=c")]
    names = [name for name, _ in request.fields]
    assert not {"host", "connection", "keep-alive", "transfer-encoding", "x-gone", "upgrade"} & set(names)
    assert (request.get("x-ray"), request.get("cookie"), request.get("via")) == ("1", "a=b", "1.1 gatehouse")


def test_bodies(h2: StartUpstream, gateway: StartGateway) -> None:
    """Large ones, both ways, with lengths and without, through windows of any size."""
    body = os.urandom(3_000_000)

    def answer_turned(request: H2Request) -> None:
        length = request.get("content-length") or "none"
        request.respond(body=request.body[::-1], fields=[("x-length", length)])

    service = h2(answer_turned, window=1000)
    running = gateway(config(service.address))
    answer = ask(running, "PUT", body)
    assert (answer.status, answer.get("X-Length"), answer.body) == (200, str(len(body)), body[::-1])
    with running.connect() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
                    b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n")
        answer = client.read_answer("PUT")
    assert (answer.get("X-Length"), answer.body) == ("none", b"dlrow olleh")
    assert service.requests[1].trailers == [("x-sum", "7")]


def test_answers(h2: StartUpstream, gateway: StartGateway) -> None:
    """Trailers, interim answers, and those without a body."""

    def answer(request: H2Request) -> None:
        if request.path == "/trailers":
            request.respond(body=b"hi", trailers=[("grpc-status", "0"), ("x-forwarded-for", "1.1.1.1")])
        elif request.path == "/hints":
            request.head(100)
            request.head(103, [("link", "</style>")])
            request.respond(body=b"hinted")
        elif request.path == "/empty":
            request.respond(204)
        else:
            is_head = request.get(":method") == "HEAD"
            request.respond(fields=[("content-length", "5")], body=b"" if is_head else b"12345")

    running = gateway(config(h2(answer).address))
    got = ask(running, path="/trailers", fields="TE: trailers\r\n")
    assert (got.body, got.trailers) == (b"hi", [("grpc-status", "0")])
    got = ask(running, path="/hints")
    assert (got.body, [interim.status for interim in got.interim]) == (b"hinted", [103])
    got = ask(running, path="/empty")
    assert (got.status, got.body, got.chunked) == (204, b"", False)
    got = ask(running, "HEAD")
    assert (got.status, got.get("Content-Length")) == (200, "5")
    assert ask(running).body == b"12345"


def test_answer_comes_first(h2: StartUpstream, gateway: StartGateway) -> None:
    """Both ways at a time: a head before the request has ended, and a piece for each piece."""
    service = h2(lambda request: request.head(), early=True)
    running = gateway(config(service.address))
    with running.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        head = client.reader.head_of_answer()
        assert head.status == 200
        request = service.requests[0]
        for _ in range(3):
            size = len(request.body)
            client.send(b"1\r\nb\r\n")
            service.wait_for(lambda size=size: len(request.body) > size, "a piece")  # type: ignore[misc]
            request.connection.data(request.stream, b"c")
            assert client.read_bytes(6) == b"1\r\nc\r\n"
        client.send(b"0\r\n\r\n")
        service.wait_for(lambda: request.is_ended, "the end")
        request.connection.data(request.stream, b"", end=True)
        assert client.read_bytes(5) == b"0\r\n\r\n"


def test_answer_instead_of_a_body(h2: StartUpstream, gateway: StartGateway) -> None:
    """What is answered before it has been sent is not sent on, and told so without a fault."""
    service = h2(lambda request: request.respond(413, b"too much"), early=True, window=1000, opens_windows=False)
    running = gateway(config(service.address))
    answer = ask(running, "POST", b"x" * 1_000_000)
    assert (answer.status, answer.body) == (413, b"too much")
    service.wait_for(lambda: service.requests[0].reset is not None, "the reset")
    assert service.requests[0].reset == 0


# Sharing.

def test_one_session(h2: StartUpstream, gateway: StartGateway) -> None:
    """Whatever comes, and however much at a time."""
    service = h2()
    running = gateway(config(service.address))
    answers = ask_many(running, 200)
    assert [answer.body for answer in answers] == [f"/{at}".encode() for at in range(200)]
    assert len(service.connections) == 1


def test_limit_of_streams(h2: StartUpstream, gateway: StartGateway) -> None:
    """As many at a time as the upstream takes on a connection; others are opened only where that is not enough."""
    gate = threading.Barrier(9, timeout=DEADLINE)

    def answer_together(request: H2Request) -> None:
        gate.wait()
        request.respond()

    def answer(request: H2Request) -> None:
        threading.Thread(target=answer_together, args=(request,), daemon=True).start()

    service = h2(answer, streams=3)
    running = gateway(config(service.address))
    assert {answer.status for answer in ask_many(running, 27, at_a_time=9)} == {200}
    assert (service.most, len(service.connections)) == (3, 3)


def test_slow_reader(h2: StartUpstream, gateway: StartGateway) -> None:
    """Who does not read holds up nobody else on the connection."""
    service = h2(lambda request: request.respond(body=b"x" * (20_000_000 if request.path == "/slow" else 1_000_000)))
    running = gateway(config(service.address))
    with running.connect() as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.send(b"GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        slow.read_bytes(15)
        assert {len(answer.body) for answer in ask_many(running, 20)} == {1_000_000}
        assert len(service.connections) == 1
        slow.reset()
    service.wait_for(lambda: service.requests[0].reset is not None, "the reset")


def test_cancelled(h2: StartUpstream, gateway: StartGateway) -> None:
    """A client that goes takes its stream along, and nothing else."""
    service = h2(lambda request: None if request.path == "/hold" else request.respond())
    running = gateway(config(service.address))
    with running.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        service.wait_for_requests(1)
    service.wait_for(lambda: service.requests[0].reset == frames.CANCEL, "CANCEL")
    assert ask(running).status == 200
    assert len(service.connections) == 1
    assert running.wait_for_log(2)[0]["reason"] == "client_aborted"


def test_idle_session_goes(h2: StartUpstream, gateway: StartGateway) -> None:
    """With a word."""
    service = h2()
    running = gateway(config(service.address, connections={"idle_timeout": "50ms"}))
    assert ask(running).status == 200
    service.wait_for(lambda: service.connections[0].is_closed, "the end of the connection")
    assert service.connections[0].goaway == 0
    assert ask(running).status == 200
    assert len(service.connections) == 2


def test_reload(h2: StartUpstream, gateway: StartGateway) -> None:
    """An endpoint that is gone: requests under way end, then the session."""
    held: list[H2Request] = []
    old, new = h2(held.append), h2()
    running = gateway(config(old.address))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        old.wait_for_requests(1)
        running.reload(config(new.address))
        assert ask(running).status == 200 and len(new.requests) == 1
        held[0].respond(body=b"late")
        assert client.read_answer().body == b"late"
    old.wait_for(lambda: old.connections[0].is_closed, "the end of the session")
    assert old.connections[0].goaway == 0


# Trying again.

RESETS = {name: getattr(frames, name, code) for name, code in
          [("NO_ERROR", 0), ("PROTOCOL_ERROR", 1), ("INTERNAL_ERROR", 2), ("CANCEL", 8), ("ENHANCE_YOUR_CALM", 11),
           ("HTTP_1_1_REQUIRED", 13)]}


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
@pytest.mark.parametrize("name", RESETS)
def test_reset(h2: StartUpstream, gateway: StartGateway, name: str, method: str) -> None:
    """After a reset the upstream may have acted: only what may be repeated is, once."""

    def answer(request: H2Request) -> None:
        if len(service.requests) == 1:
            request.refuse(RESETS[name])
        else:
            request.respond()

    service: H2Upstream = h2(answer)
    running = gateway(config(service.address))
    is_repeated = method in ("GET", "PUT")
    assert ask(running, method, b"hi").status == (200 if is_repeated else 502)
    assert len(service.requests) == (2 if is_repeated else 1)
    if not is_repeated:
        assert running.wait_for_log(1)[0]["reason"] == "upstream_reset"


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
def test_refused(h2: StartUpstream, gateway: StartGateway, method: str) -> None:
    """What was refused has not happened: any method is tried again, with its body."""

    def answer(request: H2Request) -> None:
        if len(service.requests) == 1:
            request.refuse()
        else:
            request.respond(body=request.body)

    service: H2Upstream = h2(answer)
    running = gateway(config(service.address))
    got = ask(running, method, b"hello")
    assert (got.status, got.body) == (200, b"hello")
    assert len(service.requests) == 2


def test_refused_for_good(h2: StartUpstream, gateway: StartGateway) -> None:
    """As often as the configuration says."""
    service = h2(lambda request: request.refuse())
    running = gateway(config(service.address, retries={"attempts": 3}))
    answer = ask(running, "POST", b"hello")
    assert (answer.status, len(service.requests)) == (503, 3)
    assert "destination_unavailable" in (answer.get("Proxy-Status") or "")
    entry = running.wait_for_log(1)[0]
    assert (entry["reason"], entry["attempts"]) == ("upstream_refused", 3)


def test_refused_and_too_large_to_keep(h2: StartUpstream, gateway: StartGateway) -> None:
    """A body that is gone is not sent again."""
    service = h2(lambda request: request.refuse())
    running = gateway(config(service.address))
    assert ask(running, "POST", b"x" * 200_000).status == 503
    assert len(service.requests) == 1


def test_goaway_under_load(h2: StartUpstream, gateway: StartGateway) -> None:
    """A server that sends its clients away again and again, and looks at nothing that comes behind: nobody notices."""

    def answer(request: H2Request) -> None:
        request.respond(body=request.body)
        if request.connection.last is None and len(request.connection.requests) >= 25:
            request.connection.say_goaway(request.stream)

    service = h2(answer)
    running = gateway(config(service.address))
    answers = ask_many(running, 400, method="POST", body=b"hi")
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"hi")] * 400
    assert service.goaways >= 5


@pytest.mark.parametrize("length", [5, 0, None], ids=["told", "none", "not told"])
@pytest.mark.parametrize("path", ["/", "/open"])
def test_no_client_can_say_who_it_is_in_a_trailer(h2: StartUpstream, gateway: StartGateway, path: str, length: int | None) -> None:
    """Nor where the length of the body was told, which over HTTP/2 says nothing of trailers."""
    service = h2()
    policy = {"forward_auth": {"url": "http://127.0.0.1:9/", "forward": ["X-Tenant"], "on_failure": "allow"}}
    document = config(service.address)
    document["apis"]["open"] = {"path": "/open", "upstream": "app"}
    document["apis"]["all"]["policies"] = [policy]
    document["listeners"]["main"]["protocols"] = ["h2", "h1"]
    with contextlib.closing(H2Client(gateway(document).address())) as client:
        fields = [("te", "trailers"), *([("content-length", str(length))] if length is not None else [])]
        stream = client.begin(path, "POST", fields)
        if length != 0:
            client.data(stream, b"hello")
        client.trailers(stream, [("x-tenant", "mallory"), ("x_tenant", "mallory"), ("x-sum", "7")])
        assert client.answer(stream).status == 200
    assert service.requests[0].trailers == [("x-sum", "7")]


def test_being_sent_away_costs_no_attempt(h2: StartUpstream, gateway: StartGateway) -> None:
    """Of two attempts the first is the one that was looked at."""

    def answer(request: H2Request) -> None:
        number = len(service.requests)
        if number == 1:
            request.connection.say_goaway(0)
        else:
            request.respond(503 if number == 2 else 200)

    service = h2(answer)
    running = gateway(config(service.address, retries={"attempts": 2, "on": ["503"]}))
    assert ask(running).status == 200
    assert (len(service.requests), running.wait_for_log(1)[0]["attempts"]) == (3, 3)


def test_closed_within(h2: StartUpstream, gateway: StartGateway) -> None:
    """One connection, and each of its requests has its own end."""

    def answer(request: H2Request) -> None:
        if request.path == "/begun":
            request.head(fields=[("content-length", "10")])
            request.connection.data(request.stream, b"12345")

    service = h2(answer)
    running = gateway(config(service.address, retries={"attempts": 1}))
    with running.connect() as begun, running.connect() as silent:
        begun.send(b"GET /begun HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        silent.send(b"GET /silent HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        service.wait_for_requests(2)
        assert begun.read_bytes(15) == b"HTTP/1.1 200 OK"
        service.connections[0].close()
        assert silent.read_answer().status == 502
        begun.read_until_closed()
    reasons = {entry["path"]: entry["reason"] for entry in running.wait_for_log(2)}
    assert reasons == {"/begun": "upstream_aborted", "/silent": "upstream_reset"}


def test_who_takes_no_streams_is_left_alone(h2: StartUpstream, gateway: StartGateway) -> None:
    """And not asked by one connection after the other."""
    service = h2(streams=0)
    running = gateway(config(service.address, retries={"attempts": 5}))
    assert {ask(running).status for _ in range(5)} == {502}
    assert len(service.connections) == 1 and not service.requests
    assert running.wait_for_log(5)[4]["reason"] == "upstream_connect_refused"


# Upstreams that break the rules.

HEAD = frames.block([(":status", "200")])


def of(fields: list[tuple[str, str]]) -> Callable[[int], bytes]:
    """An answer with these fields."""
    return lambda stream: frames.headers(stream, frames.block(fields))


MALFORMED: dict[str, Callable[[int], bytes]] = {
    "no status": of([("a", "b")]),
    "two": of([(":status", "200"), (":status", "200")]),
    "no number": of([(":status", "abc")]),
    "101": lambda stream: frames.headers(stream, frames.block([(":status", "101")]), frames.END_HEADERS),
    "upper case": of([(":status", "200"), ("Server", "x")]),
    "Connection": of([(":status", "200"), ("connection", "close")]),
    "Transfer-Encoding": of([(":status", "200"), ("transfer-encoding", "chunked")]),
    "a line end in a value": of([(":status", "200"), ("a", "b\r\nc: d")]),
    "a NUL in a value": of([(":status", "200"), ("a", "b\0")]),
    "a pseudo-field behind": of([("a", "b"), (":status", "200")]),
    "a request's": of([(":status", "200"), (":path", "/")]),
    "lengths that differ": of([(":status", "200"), ("content-length", "1"), ("content-length", "2")]),
    "a length, and no body": of([(":status", "200"), ("content-length", "3")]),
    "a body first": lambda stream: frames.data(stream, b"hi"),
    "no such table entry": lambda stream: frames.headers(stream, b"\xff\xff\xff"),
    "a push": lambda stream: frames.frame(frames.PUSH_PROMISE, frames.END_HEADERS, stream, b"\0\0\0\2" + HEAD),
    "an answer to nobody": lambda stream: frames.headers(stream + 100, HEAD),
    "a window of nothing": lambda stream: frames.update(0, 0),
    "a frame that is too large": lambda stream: frames.data(stream, b"x" * 20000),
    "HTTP/1": lambda stream: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "settings without end": lambda stream: frames.settings() * 5000,
    "pings without end": lambda stream: frames.frame(frames.PING, 0, 0, b"12345678") * 5000,
    "a head without end": lambda stream: frames.headers(stream, HEAD, 0) + frames.continuation(stream, b"", 0) * 5000,
    "a head too large": lambda stream: frames.headers(stream, HEAD, 0) + b"".join(
        frames.continuation(stream, frames.literal(f"a{at}", "v" * 16000), 0) for at in range(6)) +
        frames.continuation(stream, frames.literal("z", "")),
    "fields without end": lambda stream: frames.headers(stream, HEAD + frames.literal("a", "b") * 1000),
    "interim heads without end": lambda stream: frames.headers(stream, frames.block([(":status", "103")]),
                                                               frames.END_HEADERS) * 500,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(h2: StartUpstream, gateway: StartGateway, name: str) -> None:
    """Is 502, for nobody else's harm."""

    def answer(request: H2Request) -> None:
        if request.path == "/bad":
            request.connection.send(MALFORMED[name](request.stream))
        else:
            request.respond()

    service = h2(answer, is_wrong=True)
    running = gateway(config(service.address, retries={"attempts": 1}))
    assert ask(running, path="/first").status == 200  # so that both know each other's settings
    assert ask(running, path="/bad").status == 502
    assert running.wait_for_log(2)[1]["reason"] == "upstream_malformed"
    assert ask(running, path="/good").status == 200


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", b"SSH-2.0-OpenSSH\r\n",
                                      b""])
def test_not_http2(h2: StartUpstream, gateway: StartGateway, greeting: bytes) -> None:
    """It is found out before a request is sent, so any method may be tried elsewhere."""
    wrong, right = h2(greeting=greeting), h2()
    running = gateway(config(wrong.address, right.address))
    for _ in range(4):
        assert ask(running, "POST", b"hi").status == 200
    running = gateway(config(wrong.address))
    assert ask(running).status == 502
    assert running.wait_for_log(1)[0]["reason"] in ("upstream_malformed", "upstream_connect_refused")


def test_silent(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """Who accepts and says nothing has no connection."""
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    running = gateway(config(f"127.0.0.1:{silent.getsockname()[1]}", timeouts={"connect": "100ms"}))
    assert {answer.status for answer in ask_many(running, 5)} == {504}
    assert {entry["reason"] for entry in running.wait_for_log(5)} == {"upstream_connect_timeout"}


def test_no_window(h2: StartUpstream, gateway: StartGateway) -> None:
    """An upstream that never opens one is waited for as long as one that never reads."""
    service = h2(window=0, opens_windows=False)
    running = gateway(config(service.address, timeouts={"idle": "200ms"}))
    assert ask(running, "POST", b"hello").status == 504
    assert running.wait_for_log(1)[0]["reason"] == "upstream_write_timeout"
    service.wait_for(lambda: service.requests[0].reset == frames.CANCEL, "CANCEL")


def test_no_answer(h2: StartUpstream, gateway: StartGateway) -> None:
    """In time."""
    service = h2(lambda request: None)
    running = gateway(config(service.address, timeouts={"response": "100ms"}))
    assert ask(running).status == 504
    assert running.wait_for_log(1)[0]["reason"] == "upstream_timeout"
    service.wait_for(lambda: service.requests[0].reset == frames.CANCEL, "CANCEL")


# With TLS.

def contexts(tmp_path: Path, *protocols: str) -> tuple[ssl.SSLContext, str]:
    """A server's context that offers these by ALPN, and the authority's file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context, str(tmp_path / "ca.pem")


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_tls(h2: StartUpstream, gateway: StartGateway, tmp_path: Path, protocol: str) -> None:
    """ALPN agrees on it."""
    context, ca = contexts(tmp_path, "h2", "http/1.1")
    body = os.urandom(2_000_000)
    service = h2(lambda request: request.respond(body=request.body or request.path.encode()), tls=context)
    running = gateway(config(service.address, protocol=protocol, tls={"ca": ca}))
    assert [answer.body for answer in ask_many(running, 50)] == [f"/{at}".encode() for at in range(50)]
    assert ask(running, "POST", body).body == body
    assert service.requests[0].get(":scheme") == "https"
    assert len(service.connections) == 1


def test_tls_without_http2(stack: contextlib.ExitStack, gateway: StartGateway, tmp_path: Path) -> None:
    """`auto` is content with HTTP/1, and `h2` is not."""
    context, ca = contexts(tmp_path, "http/1.1")
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    address = f"127.0.0.1:{listener.getsockname()[1]}"

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
            while secure.recv(1 << 16):
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh1")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    running = gateway(config(address, protocol="auto", tls={"ca": ca}))
    assert {answer.body for answer in ask_many(running, 30)} == {b"h1"}
    running = gateway(config(address, protocol="h2", tls={"ca": ca}))
    assert ask(running).status == 502
    assert running.wait_for_log(1)[0]["reason"] == "upstream_malformed"


def test_tls_learns_http2(h2: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """`auto` follows what ALPN says at each connection: first HTTP/1, then HTTP/2, then HTTP/1 again."""
    (tmp_path / "new").mkdir()
    old, ca = contexts(tmp_path, "http/1.1")
    new, new_ca = contexts(tmp_path / "new", "h2", "http/1.1")
    (tmp_path / "both.pem").write_bytes(Path(ca).read_bytes() + Path(new_ca).read_bytes())
    service = h2(tls=new)
    begin = service._begin

    def serve_old(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), old.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1 << 16)
            secure.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nh1")

    running = gateway(config(service.address, protocol="auto", tls={"ca": str(tmp_path / "both.pem")}))
    for serve, body in ((serve_old, b"h1"), (begin, b"/"), (serve_old, b"h1"), (begin, b"/")):
        setattr(service, "_begin", serve)
        for _ in range(3):
            assert ask(running).body == body
        for connection in service.connections:
            connection.close()


def test_tls_websocket(stack: contextlib.ExitStack, gateway: StartGateway, tmp_path: Path) -> None:
    """Where ALPN decides, a WebSocket gets HTTP/1, which the service must be asked for."""
    context, ca = contexts(tmp_path, "h2", "http/1.1")
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    agreed: list[str | None] = []

    def serve() -> None:
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as secure:
            agreed.append(secure.selected_alpn_protocol())
            head = secure.recv(1 << 16)
            key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n")
                       if line.lower().startswith(b"sec-websocket-key:"))
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            secure.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x02hi")
            secure.recv(1 << 16)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    running = gateway(config(f"127.0.0.1:{listener.getsockname()[1]}", protocol="auto", tls={"ca": ca}))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(b"0" * 16) + b"\r\n\r\n")
        assert client.reader.head_of_answer().status == 101
        assert client.read_bytes(4) == b"\x81\x02hi"
    thread.join(DEADLINE)
    assert agreed == ["http/1.1"]


# What asks besides the traffic.

def test_policies(h2: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """forward_auth and mirror ask by the same pools, and of an https URL ALPN says what is spoken."""
    context, ca = contexts(tmp_path, "h2")
    service, shadow = h2(), h2()
    guard = h2(lambda request: request.respond(fields=[("x-user", "ann")]), tls=context)
    document = config(service.address)
    document["upstreams"]["shadow"] = {"endpoints": [shadow.address], "protocol": "h2"}
    document["apis"]["all"]["policies"] = [
        {"forward_auth": {"url": f"https://{guard.address}/check", "forward": ["X-User"]}},
        {"mirror": {"upstream": "shadow"}},
    ]
    running = gateway(document, env={"SSL_CERT_FILE": ca})
    assert {answer.status for answer in ask_many(running, 10, method="POST", body=b"hi")} == {200}
    assert {request.get("x-user") for request in service.requests} == {"ann"}
    shadow.wait_for(lambda: sum(request.is_ended for request in shadow.requests) >= 10, "the copies")
    assert {request.body for request in shadow.requests} == {b"hi"}
    assert len(guard.requests) == 10 and len(guard.connections) == len(shadow.connections) == 1


# Other people's servers.

@pytest.fixture
def nghttpd(stack: contextlib.ExitStack) -> Callable[..., str]:
    """Starts nghttpd over a folder, and gives its address."""

    def start(root: Path, *options: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        program = shutil.which("nghttpd", path=os.environ["PATH"] + ":/usr/sbin")
        assert program, "nghttp2-server is not installed"
        process = subprocess.Popen([program, "--no-tls", "-a", "127.0.0.1", "-d", str(root), *options, str(port)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)

        def is_there() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        wait_until(is_there, "nghttpd")
        return f"127.0.0.1:{port}"

    return start


@pytest.mark.parametrize("options", [(), ("-m", "3"), ("-w", "14", "-W", "14"), ("--trailer", "x-sum: 7"),
                                     ("--padding", "200")])
def test_nghttpd(nghttpd: Callable[..., str], gateway: StartGateway, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Files large and small, with its odd options."""
    root = tmp_path / "files"
    root.mkdir()
    (root / "large").write_bytes(large := os.urandom(5_000_000))
    (root / "small").write_bytes(b"small")
    running = gateway(config(nghttpd(root, *options)), workers=2)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda at: ask(running, path="/small" if at % 4 else "/large"), range(48)))
    assert [answer.body for answer in answers] == [b"small" if at % 4 else large for at in range(48)]


def test_node(node_server: Callable[..., NodeServer], gateway: StartGateway) -> None:
    """node's http2: a large body up, trailers both ways, many at a time."""
    service = node_server("http2_server.js")
    running = gateway(config(f"127.0.0.1:{service.port}"))
    with running.connect() as client:
        client.send(b"PUT /up HTTP/1.1\r\nHost: gw.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            client.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        client.send(b"0\r\nX-Sum: 7\r\n\r\n")
        answer = client.read_answer("PUT")
    told = json.loads(answer.body)
    assert (told["size"], told["trailers"]) == (6553600, {"x-sum": "7"})
    assert sorted(answer.trailers) == [("answer-x-sum", "7"), ("x-done", "1")]
    assert {answer.status for answer in ask_many(running, 100)} == {200}


def test_time_of_a_piece(h2: StartUpstream, gateway: StartGateway) -> None:
    """A piece is passed on when it comes, and does not wait for the next."""
    service = h2(lambda request: request.head(fields=[("content-type", "text/event-stream")]))
    running = gateway(config(service.address))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert client.reader.head_of_answer().status == 200
        request = service.requests[0]
        for at in range(20):
            request.connection.data(request.stream, f"data: {at:02}\n\n".encode())
            assert client.read_bytes(15) == f"a\r\ndata: {at:02}\n\n\r\n".encode()
            time.sleep(0.001)
