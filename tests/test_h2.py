# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 with clients, by prior knowledge: python-h2, httpx, curl, nghttp and h2load against the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import h2.errors
import httpx
import pytest

from gatehouse import SANITIZER_OPTIONS, Gateway, config_for
from h2_frames import Client
from h2_peers import H2Client, connect_to
from soak import resident_bytes
from tls import secure
from upstream import Upstream, UpstreamConnection
from wire import DEADLINE, Address, Request, wait_until

StartGateway = Callable[..., Gateway]
StartUpstream = Callable[..., Upstream]
Codes = h2.errors.ErrorCodes
LARGE_BEFORE_SMALL = 128 << 20  # far more than the buffers of both systems hold
# Under a sanitizer, what was freed counts for a while otherwise.
KEEPS_NOTHING_FREED = {"ASAN_OPTIONS": SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":quarantine_size_mb=1"}


def config(upstream: Upstream | str, protocols: tuple[str, ...] = ("h1", "h2"), limits: dict[str, Any] | None = None,
           **more: Any) -> dict[str, Any]:
    """One listener that speaks these."""
    document = config_for(upstream, **more)
    document["listeners"]["main"] |= {"protocols": list(protocols), "limits": limits or {}}
    return document


def say(request: Request) -> bytes:
    """What was asked, as JSON."""
    fields = [[name.lower(), value] for name, value in request.fields]
    body = json.dumps({"method": request.method, "target": request.target, "fields": fields,
                       "body": hashlib.sha256(request.body).hexdigest(), "length": len(request.body)}).encode()
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Mixed-Case: Yes\r\nContent-Length: %d\r\n\r\n"
            % len(body)) + body


Wire = Callable[[Gateway], Address | socket.socket]


def in_the_clear(running: Gateway) -> Address:
    """By prior knowledge."""
    return running.address()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], ssl.SSLContext]:
    """Of the gateway, and who believes it."""
    return secure(tmp_path_factory.mktemp("tls"), "h2")


@pytest.fixture(params=["clear", "tls"])
def open_client(request: pytest.FixtureRequest, gateway: StartGateway, upstream: StartUpstream,
                certificate: tuple[dict[str, Any], ssl.SSLContext]) -> Iterator[Callable[..., H2Client]]:
    """Starts an upstream and a gateway, and connects, in the clear or by TLS: `open_client(answer, limits={}, window=100)`.

    What a client needs to connect once more is its `wire`.
    """
    clients: list[H2Client] = []
    tls: dict[str, Any] | None = None
    wire: Wire = in_the_clear
    if request.param == "tls":
        tls, context = certificate

        def wire(running: Gateway) -> socket.socket:
            return context.wrap_socket(connect_to(running.address()), server_hostname="gw.test")

    def start(answer: Any = say, *, limits: dict[str, Any] | None = None, more: dict[str, Any] | None = None,
              env: dict[str, str] | None = None, **options: Any) -> H2Client:
        service = upstream(**answer) if isinstance(answer, dict) else upstream(answer)
        document = config(service, limits=limits, **(more or {}))
        if tls:
            document["listeners"]["main"]["tls"] = tls
        running = gateway(document, env=env)
        client = H2Client(wire(running), **options)
        client.gateway, client.service, client.wire = running, service, wire  # type: ignore[attr-defined]
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()


def gateway_of(client: H2Client) -> Gateway:
    """That `open_client` started."""
    return client.gateway  # type: ignore[attr-defined, no-any-return]


def service_of(client: H2Client) -> Upstream:
    """Behind it."""
    return client.service  # type: ignore[attr-defined, no-any-return]


def another(client: H2Client) -> H2Client:
    """One more connection of the same kind."""
    return H2Client(client.wire(gateway_of(client)))  # type: ignore[attr-defined]


def reloaded(client: H2Client, **more: Any) -> dict[str, Any]:
    """The configuration under which it runs, to be changed."""
    return json.loads(gateway_of(client).path.read_text()) | more  # type: ignore[no-any-return]


# What passes.

def test_a_request_and_its_answer(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    answer = client.get("/a?b=c", fields=[("cookie", "a=1"), ("x-own", "Value"), ("cookie", "b=2")])
    assert answer.status == 200 and answer.is_ended and answer.reset is None
    assert answer.fields["x-mixed-case"] == "Yes"
    assert int(answer.fields["content-length"]) == len(answer.body)
    asked = json.loads(answer.body)
    assert (asked["method"], asked["target"]) == ("GET", "/a?b=c")
    fields = dict(asked["fields"])
    assert fields["host"] == "gw.test" and fields["cookie"] == "a=1; b=2" and fields["x-own"] == "Value"
    assert fields["via"] == "2.0 gatehouse" and "content-length" not in fields and "transfer-encoding" not in fields
    [entry] = gateway_of(client).wait_for_log(1)
    assert (entry["protocol"], entry["method"], entry["path"], entry["status"]) == ("HTTP/2.0", "GET", "/a", 200)
    assert entry["request_bytes"] > 10 and entry["response_bytes"] > len(answer.body)


def test_the_settings(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"streams": 7, "header_size": "4KiB", "request_line": "1KiB"})
    client.get()
    assert client.settings[3] == 7 and client.settings[4] == 65536 and client.settings[6] == 5120


@pytest.mark.parametrize("open_client", ["clear"], indirect=True)
def test_both_protocols_on_one_listener(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    running = gateway_of(client)
    assert running.get("/one").status == 200
    assert client.get("/two").status == 200
    with running.connect() as connection:  # begins as the preface does, and goes on otherwise
        connection.send(b"PRI /x HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n")
        assert connection.read_answer().status == 200
    assert [entry["protocol"] for entry in running.wait_for_log(3)] == ["HTTP/1.1", "HTTP/2.0", "HTTP/1.1"]


@pytest.mark.parametrize("open_client", ["clear"], indirect=True)
def test_a_preface_byte_by_byte(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    slow = connect_to(gateway_of(client).address())
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
        slow.sendall(bytes([byte]))
        time.sleep(0.001)
    slow.sendall(b"\0\0\0\4\0\0\0\0\0")
    assert slow.recv(9)[3] == 4
    slow.close()


def test_only_what_the_listener_speaks(gateway: StartGateway, upstream: StartUpstream) -> None:
    service = upstream(say)
    running = gateway(config(service, ("h2",)))
    with running.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert b"HTTP/1.1" not in connection.reader.rest()
    with H2Client(running.address()) as client:
        assert client.get().status == 200
    old = gateway(config(service, ("h1",)))
    with old.connect() as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert connection.read_answer().status in (400, 505)


@pytest.mark.parametrize("length", [0, 1, 65535, 65536, 300_000])
@pytest.mark.parametrize("has_length", [True, False])
def test_uploads(open_client: Callable[..., H2Client], length: int, has_length: bool) -> None:
    client = open_client()
    content = bytes(range(256)) * (length // 256 + 1)
    content = content[:length]
    fields = [("content-length", str(length))] if has_length else []
    asked = json.loads(client.get("/", "POST", fields, content).body)
    assert asked["length"] == length and asked["body"] == hashlib.sha256(content).hexdigest()
    names = [name for name, _ in asked["fields"]]
    assert ("content-length" in names) == has_length and ("transfer-encoding" in names) != has_length


def test_a_client_that_waits_for_leave(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    number = client.begin("/", "POST", [("expect", "100-continue"), ("content-length", "3")])
    client.wait_for(lambda: client.streams[number].interim, "100")
    assert client.streams[number].interim == [{":status": "100"}]
    client.data(number, b"abc", end=True)
    assert json.loads(client.answer(number).body)["length"] == 3


def test_trailers_both_ways(open_client: Callable[..., H2Client]) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> bytes:
        seen.append(request)
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"

    client = open_client(answer)
    number = client.begin("/", "POST")
    client.data(number, b"hello")
    client.trailers(number, [("x-check", "1"), ("x-forwarded-for", "6.6.6.6"), ("authorization", "no")])
    stream = client.answer(number)
    assert bytes(stream.body) == b"abc" and stream.trailers == {"x-sum": "6"}
    assert [(name.lower(), value) for name, value in seen[0].trailers] == [("x-check", "1")]


@pytest.mark.parametrize(("said", "status", "fields", "body"), [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, {}, b""),
    (b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 7\r\n\r\n", 304, {"etag": '"a"'}, b""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, {"content-length": "0"}, b""),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200, {}, b"a"),
    (b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\na", 200,
     {"content-length": "1"}, b"a"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200, {}, b"a"),
])
def test_answers(open_client: Callable[..., H2Client], said: bytes, status: int, fields: dict[str, str],
                 body: bytes) -> None:
    client = open_client(said)
    answer = client.get()
    assert (answer.status, bytes(answer.body), answer.is_ended) == (status, body, True)
    assert answer.fields.items() >= fields.items()
    assert not answer.fields.keys() & {"connection", "keep-alive", "transfer-encoding", "x-hop", "upgrade"}
    assert all(name == name.lower() for name in answer.fields)
    assert bool(answer.interim) == (b"103" in said)


def test_a_head_alone(open_client: Callable[..., H2Client]) -> None:
    client = open_client(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
    answer = client.get(method="HEAD")
    assert answer.status == 200 and answer.fields["content-length"] == "12" and answer.is_ended and not answer.body


@pytest.mark.parametrize("said", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
])
def test_an_answer_that_breaks_off(open_client: Callable[..., H2Client], said: bytes) -> None:
    client = open_client({"answer": said, "close": True})
    answer = client.get()
    assert answer.status == 200 and answer.reset == Codes.INTERNAL_ERROR and not answer.is_ended
    [entry] = gateway_of(client).wait_for_log(1)
    assert entry["reason"] == "upstream_aborted"
    assert client.get().status == 200  # the connection is none the worse


def test_an_answer_before_the_request_has_ended(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"body": "1KiB"})
    number = client.begin("/", "POST")
    client.data(number, b"x" * 5000)
    answer = client.answer(number)
    client.wait_for(lambda: client.streams[number].reset is not None, "the end of the request")
    assert answer.status == 413 and answer.is_ended and answer.reset == Codes.NO_ERROR
    assert client.get().status == 200


# What does not.

@pytest.mark.parametrize(("fields", "pseudo", "status", "reason"), [
    ([("Upper", "a")], None, 400, "header_malformed"),
    ([("connection", "close")], None, 400, "header_malformed"),
    ([("transfer-encoding", "chunked")], None, 400, "header_malformed"),
    ([("te", "gzip")], None, 400, "header_malformed"),
    ([("x-own", "a\r\nb: c")], None, 400, "header_malformed"),
    ([("x-own", " a")], None, 400, "header_malformed"),
    ([("x own", "a")], None, 400, "header_malformed"),
    ([("host", "other.test")], None, 400, "host_malformed"),
    ([("content-length", "3")], None, 400, "framing_ambiguous"),
    ([], [(":method", "GET"), (":scheme", "http"), (":path", "/")], 400, "host_malformed"),
    ([], [(":method", "GET"), (":scheme", "http"), (":authority", "gw.test")], 400, "header_malformed"),
    ([], [(":method", "GET"), (":scheme", "http"), (":authority", "gw.test"), (":path", "")], 400,
     "request_line_malformed"),
    ([], [(":method", "GET"), (":scheme", "http"), (":authority", "gw.test"), (":path", "*")], 400,
     "request_line_malformed"),
    ([], [(":method", "GET"), (":method", "GET"), (":scheme", "http"), (":authority", "gw.test"), (":path", "/")], 400,
     "header_malformed"),
    ([], [(":method", "CONNECT"), (":authority", "gw.test:443")], 405, "method_not_allowed"),
    ([("x-long", "a" * 10000)], None, 431, "header_too_large"),
    ([(f"x-{i}", "a") for i in range(101)], None, 431, "header_too_large"),
    ([], [(":method", "GET"), (":scheme", "http"), (":authority", "gw.test"), (":path", "/" + "a" * 9000)], 414,
     "uri_too_long"),
    ([("expect", "tea")], None, 417, "expectation_failed"),
    ([], [(":method", "GET"), (":scheme", "http"), (":authority", "gw.test"), (":path", "/a/../../b")], 400,
     "path_invalid"),
])
def test_requests_that_are_refused(open_client: Callable[..., H2Client], fields: list[tuple[str, str]],
                                   pseudo: list[tuple[str, str]] | None, status: int, reason: str) -> None:
    client = open_client()
    answer = client.answer(client.begin(fields=fields, pseudo=pseudo, end=True))
    assert answer.status == status and answer.is_ended
    assert json.loads(answer.body)["status"] == status
    [entry] = gateway_of(client).wait_for_log(1)
    assert (entry["reason"], entry["status"], entry["protocol"]) == (reason, status, "HTTP/2.0")
    assert not service_of(client).requests
    assert client.get().status == 200


def test_a_body_of_another_length(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    number = client.begin("/", "POST", [("content-length", "3")])
    # By hand: the library would refuse it.
    client.send(b"\0\0\4\0\1" + number.to_bytes(4, "big") + b"abcd")
    stream = client.answer(number)
    assert stream.reset == Codes.PROTOCOL_ERROR or stream.status == 400
    [entry] = gateway_of(client).wait_for_log(1)
    assert entry["status"] == 400 and not service_of(client).requests
    assert client.get().status == 200


@pytest.mark.parametrize("open_client", ["clear"], indirect=True)
def test_upgrade_is_not_h2c(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    with gateway_of(client).connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")
        answer = connection.read_answer()
    assert answer.status == 200
    assert not {name for name, _ in json.loads(answer.body)["fields"]} & {"upgrade", "http2-settings", "connection"}


# Many at a time.

def test_streams_do_not_wait_for_each_other(open_client: Callable[..., H2Client]) -> None:
    gate = threading.Event()

    def answer(request: Request) -> bytes:
        if request.target == "/slow":
            gate.wait(20)
        return say(request)

    client = open_client(answer)
    slow = client.request("/slow")
    for i in range(20):
        assert client.get(f"/{i}").status == 200
    assert not client.streams[slow].is_over
    gate.set()
    assert client.answer(slow).status == 200


def test_a_reader_that_stops_holds_up_nobody(open_client: Callable[..., H2Client]) -> None:
    def answer(request: Request) -> bytes:
        size = 5_000_000 if request.target == "/large" else 1000
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size

    client = open_client(answer, window=1000, reads=False)
    client.h2.increment_flow_control_window(1 << 24)
    client.flush()
    large = client.request("/large")
    client.wait_for(lambda: len(client.streams[large].body) == 1000, "the window to be full")
    for _ in range(10):
        assert len(client.get("/small").body) == 1000
    assert len(client.streams[large].body) == 1000


@pytest.mark.parametrize("downloads", [1, 3])
def test_a_fast_download_lets_other_answers_pass(open_client: Callable[..., H2Client], downloads: int) -> None:
    """Its upstream has always more than the client takes, so that the output is full at any time."""
    block = bytes(1 << 20)

    def serve(connection: UpstreamConnection) -> None:
        while request := connection.read_request():
            if request.target != "/large":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall")
                continue
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
            while connection.send(block):
                pass

    client = open_client({"serve": serve, "record": False}, window=1 << 24)
    large = [client.streams[client.request("/large")] for _ in range(downloads)]
    client.wait_for(lambda: all(stream.body for stream in large), "the downloads to begin")
    time.sleep(0.3)  # for all buffers on the way to be full
    small = [client.streams[client.request("/small")] for _ in range(3)]
    before = sum(len(stream.body) for stream in large)
    while not all(stream.is_ended for stream in small):
        assert client.receive()
        taken = sum(len(stream.body) for stream in large) - before
        assert taken < LARGE_BEFORE_SMALL, f"{[len(stream.body) for stream in small]} of the small answers came"
        time.sleep(0.002)  # the upstream is in this process
    assert all(bytes(stream.body) == b"small" for stream in small)


@pytest.mark.parametrize("open_client", ["clear"], indirect=True)
def test_a_slow_client_with_many_downloads(open_client: Callable[..., H2Client]) -> None:
    """Each waits for its turn longer than the client may take for a piece, and that is in order."""
    block = bytes(1 << 20)

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        while connection.send(block):
            pass

    client = open_client({"serve": serve, "record": False}, window=1 << 30, limits={"body_timeout": "2s"})
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    streams = [client.streams[client.request()] for _ in range(100)]
    began = time.monotonic()
    while sum(len(stream.body) for stream in streams) < 32 << 20:
        assert client.receive() and time.monotonic() < began + 2 * DEADLINE
        time.sleep(0.05)
    sizes = [len(stream.body) for stream in streams]
    assert all(stream.reset is None for stream in streams)
    assert min(sizes) > sum(sizes) / len(sizes) / 4


@pytest.mark.parametrize("window", [1, 100, 65535])
def test_small_windows(open_client: Callable[..., H2Client], window: int) -> None:
    content = bytes(range(256)) * 8
    client = open_client(b"HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n" + content, window=window)
    assert bytes(client.get().body) == content


def test_a_client_that_never_opens_its_window(open_client: Callable[..., H2Client]) -> None:
    client = open_client(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, window=10, reads=False,
                         limits={"body_timeout": "300ms"})
    stream = client.answer(client.request())
    assert stream.reset == Codes.INTERNAL_ERROR and len(stream.body) == 10
    [entry] = gateway_of(client).wait_for_log(1)
    assert entry["reason"] == "client_timeout"


def test_a_client_that_opens_none_of_its_windows(open_client: Callable[..., H2Client]) -> None:
    """Each stream holds a connection of the upstream until its time is over; those that follow shall not."""
    client = open_client(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, window=0, reads=False,
                         limits={"body_timeout": "300ms"})
    with another(client) as other:
        for _ in range(100):
            client.request()
        client.wait_for_end()
        assert client.goaways[-1][1] == Codes.ENHANCE_YOUR_CALM
        gateway_of(client).wait_for_message("too many answers are not taken")
        assert other.get().status == 200


def test_a_client_that_takes_nothing(open_client: Callable[..., H2Client]) -> None:
    size = 50_000_000
    client = open_client(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size), window=1 << 30,
                         limits={"body_timeout": "300ms"})
    client.h2.increment_flow_control_window(1 << 30)
    client.flush()
    for _ in range(3):
        client.request()
    assert {entry["reason"] for entry in gateway_of(client).wait_for_log(3)} <= {"client_timeout", "client_aborted"}
    service_of(client).wait_until_all_closed()
    # The connection is closed behind what the system had taken of it already.
    received = 0
    with contextlib.suppress(OSError):
        while piece := client.socket.recv(1 << 20):
            received += len(piece)
    assert received < 3 * size


def test_an_upload_that_stops(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"body_timeout": "300ms"})
    number = client.begin("/", "POST")
    client.data(number, b"abc")
    assert client.answer(number).status == 408
    [entry] = gateway_of(client).wait_for_log(1)
    assert entry["reason"] == "body_timeout"
    assert client.get().status == 200


def test_a_reset_reaches_the_upstream(open_client: Callable[..., H2Client]) -> None:
    ended = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        if connection.read_request():
            connection.read_until_closed()
            ended.set()

    client = open_client({"serve": serve})
    number = client.request()
    service_of(client).wait_for_requests(1)
    client.reset(number)
    assert ended.wait(DEADLINE), "it is still waited for"
    [entry] = gateway_of(client).wait_for_log(1)
    assert (entry["reason"], entry["status"]) == ("client_aborted", 499)


def test_a_client_that_goes_away(open_client: Callable[..., H2Client]) -> None:
    def serve(connection: UpstreamConnection) -> None:
        if connection.read_request():
            connection.read_until_closed()

    client = open_client({"serve": serve})
    for _ in range(5):
        client.request()
    service_of(client).wait_for_requests(5)
    client.close()
    service_of(client).wait_until_all_closed()
    assert {entry["reason"] for entry in gateway_of(client).wait_for_log(5)} == {"client_aborted"}


def test_a_large_download_and_upload(open_client: Callable[..., H2Client]) -> None:
    size = 100 << 20
    block = bytes(1 << 20)

    def serve(connection: UpstreamConnection) -> None:
        while connection.read_request():
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size >> 20):
                if not connection.send(block):
                    return

    client = open_client({"serve": serve, "record": False}, limits={"body": "200MiB"}, window=1 << 16)
    number = client.request()
    stream, total = client.streams[number], 0
    while not stream.is_over:
        assert client.receive()
        total += len(stream.body)
        stream.body.clear()
    assert stream.is_ended and total == size


def test_a_large_upload(gateway: StartGateway, upstream: StartUpstream) -> None:
    running = gateway(config(upstream(say, record=False), limits={"body": "200MiB"}))
    with H2Client(running.address()) as client:
        number = client.begin("/", "POST")
        for _ in range(32):
            client.data(number, bytes(1 << 20))
        client.data(number, b"", end=True)
        assert json.loads(client.answer(number).body)["length"] == 32 << 20


def test_ten_thousand_requests_on_a_connection(open_client: Callable[..., H2Client]) -> None:
    client = open_client({"answer": say, "record": False}, env=KEEPS_NOTHING_FREED)
    running = gateway_of(client)

    def run(rounds: int) -> None:
        for _ in range(rounds):
            numbers = [client.request("/x", fields=[("x-own", "a")]) for _ in range(50)]
            assert all(client.answer(number).status == 200 for number in numbers)
            client.streams.clear()

    run(40)
    before = resident_bytes(running.pid)
    run(160)
    assert resident_bytes(running.pid) - before < 8 << 20
    assert not client.goaways


# Ends.

def hold(gate: threading.Event) -> Callable[[Request], bytes]:
    """An answer that waits, where the path says so."""

    def answer(request: Request) -> bytes:
        if request.target == "/slow":
            gate.wait(20)
        return say(request)

    return answer


def test_draining_lets_streams_finish(open_client: Callable[..., H2Client]) -> None:
    gate = threading.Event()
    client = open_client(hold(gate))
    running = gateway_of(client)
    slow = client.request("/slow")
    service_of(client).wait_for_requests(1)
    running.send_signal(signal.SIGTERM)
    client.wait_for(lambda: len(client.goaways) >= 2, "both steps of the end")
    assert client.goaways == [((1 << 31) - 1, 0), (slow, 0)]
    gate.set()
    assert client.answer(slow).status == 200
    client.wait_for_end()
    assert running.wait() == 0


def test_draining_closes_what_is_idle(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    running = gateway_of(client)
    client.get()
    running.send_signal(signal.SIGTERM)
    client.wait_for_end()
    assert client.goaways[-1][1] == 0
    assert running.wait() == 0


def test_a_client_that_confirms_nothing_does_not_hold_up_the_end(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    running = gateway_of(client)
    client.get()
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 0
    assert time.monotonic() - began < DEADLINE / 2


def test_a_reload_that_keeps_the_listener(open_client: Callable[..., H2Client]) -> None:
    gate = threading.Event()
    client = open_client(hold(gate))
    running = gateway_of(client)
    slow = client.request("/slow")
    service_of(client).wait_for_requests(1)
    changed = reloaded(client)
    changed["apis"]["more"] = {"path": "/more", "policies": [{"respond": {"body": "new"}}]}
    running.reload(changed)
    assert bytes(client.get("/more").body) == b"new"
    gate.set()
    assert client.answer(slow).status == 200 and not client.goaways


def test_a_reload_that_drops_the_listener(open_client: Callable[..., H2Client]) -> None:
    gate = threading.Event()
    client = open_client(hold(gate))
    running = gateway_of(client)
    slow = client.request("/slow")
    service_of(client).wait_for_requests(1)
    changed = reloaded(client)
    changed["listeners"] = {"other": {"address": "127.0.0.1:0"}}
    running.reload(changed)
    client.wait_for(lambda: len(client.goaways) >= 2, "both steps of the end")
    gate.set()
    assert client.answer(slow).status == 200
    client.wait_for_end()


def test_the_bound_on_requests_of_a_connection(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"requests_per_connection": 3})
    for _ in range(3):
        assert client.get().status == 200
    client.wait_for_end()
    assert client.goaways[-1] == (5, 0)


def test_idle_connections_end(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"idle_timeout": "300ms"})
    client.get()
    client.wait_for_end()
    assert client.goaways[-1] == (1, 0)
    assert "is closed" not in gateway_of(client).errors


HALF_OPEN = [(b"", "0"), (b"hello", "5")]


@pytest.mark.parametrize(("body", "length"), HALF_OPEN)
def test_a_stream_that_the_client_does_not_end_holds_no_connection(open_client: Callable[..., H2Client], body: bytes,
                                                                   length: str) -> None:
    """All of its content has come, and never END_STREAM."""
    client = open_client(limits={"idle_timeout": "300ms"})
    number = client.begin("/", "POST", [("content-length", length)])
    client.data(number, body)
    assert client.answer(number).status == 200
    client.wait_for_end()
    assert client.goaways[-1] == (number, 0) and client.streams[number].reset is None


@pytest.mark.parametrize(("body", "length"), HALF_OPEN)
def test_a_stream_that_the_client_does_not_end_holds_up_no_drain(open_client: Callable[..., H2Client], body: bytes,
                                                                 length: str) -> None:
    client = open_client()
    running = gateway_of(client)
    number = client.begin("/", "POST", [("content-length", length)])
    client.data(number, body)
    assert client.answer(number).status == 200
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    client.wait_for_end()
    assert running.wait() == 0
    assert time.monotonic() - began < DEADLINE / 2


def test_a_head_that_does_not_end(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"header_timeout": "300ms"})
    client.get()
    client.send(b"\0\0\1\1\0\0\0\0\3\x82")
    client.wait_for_end()
    gateway_of(client).wait_for_message("a header section did not come to its end in time")


def test_a_connection_that_says_nothing(open_client: Callable[..., H2Client]) -> None:
    client = open_client(limits={"header_timeout": "300ms"})
    client.wait_for_end()


# Attacks. What each kind of flood costs is tested with the driver; here is that somebody is told.

def flood(client: H2Client, frames: Callable[[int], bytes]) -> None:
    """Until the gateway says that it is enough; what is sent long after that may cost the client its last word."""
    sent = 0
    client.receive()
    while not client.goaways and not client.is_closed and sent < 1_000_000:
        client.send(b"".join(frames(sent + i) for i in range(100)))
        sent += 100
        client.socket.settimeout(0.01)
        try:
            client.receive()
        except TimeoutError:
            pass
        client.socket.settimeout(20)
    client.wait_for_end()


HEAD = bytes.fromhex("82868441") + b"\7gw.test"  # GET http / gw.test


def rapid_reset(i: int) -> bytes:
    """HEADERS and RST_STREAM."""
    stream = (2 * i + 1).to_bytes(4, "big")
    return (len(HEAD).to_bytes(3, "big") + b"\1\5" + stream + HEAD) + b"\0\0\4\3\0" + stream + b"\0\0\0\x08"


def test_rapid_reset(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    running = gateway_of(client)
    with another(client) as other:
        flood(client, rapid_reset)
        assert other.get().status == 200
    assert client.goaways[-1][1] == Codes.ENHANCE_YOUR_CALM
    running.wait_for_message("too many requests are given up")
    assert len(service_of(client).requests) <= 200


@pytest.mark.parametrize(("frame", "words"), [
    (b"\0\0\x08\6\0\0\0\0\0" + b"12345678", "too many frames ask for nothing"),
    (b"\0\0\0\4\0\0\0\0\0", "too many frames ask for nothing"),
    (b"\0\0\4\x08\0\0\0\0\0\0\0\0\1", "too many frames ask for nothing"),
])
def test_floods(open_client: Callable[..., H2Client], frame: bytes, words: str) -> None:
    client = open_client()
    flood(client, lambda i: frame)
    assert client.goaways[-1][1] == Codes.ENHANCE_YOUR_CALM
    gateway_of(client).wait_for_message(words)


def test_a_flood_of_floods_is_told_once_in_a_while(open_client: Callable[..., H2Client]) -> None:
    client = open_client()
    running = gateway_of(client)
    for _ in range(20):
        with another(client) as other:
            other.send(b"\0\0\4\x08\0\0\0\0\0\0\0\0\0")
            other.wait_for_end()
    running.wait_for_message("HTTP/2 connection")
    lines = [line for line in running.messages.snapshot() if "HTTP/2 connection" in line]
    assert 1 <= len(lines) <= 10


# Real clients.

def test_httpx(gateway: StartGateway, upstream: StartUpstream) -> None:
    running = gateway(config(upstream(say)))

    async def run() -> list[tuple[int, str]]:
        async with httpx.AsyncClient(http1=False, http2=True) as client:
            answers = await asyncio.gather(*(client.post(running.url(f"/{i}"), content=b"x" * i) for i in range(100)))
        return [(answer.status_code, answer.http_version) for answer in answers]

    assert set(asyncio.run(run())) == {(200, "HTTP/2")}


def test_curl(gateway: StartGateway, upstream: StartUpstream) -> None:
    running = gateway(config(upstream(say)))
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-d", "abc", "-w", "\n%{http_version} %{http_code}",
                           running.url("/one")], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.endswith("\n2 200")


def test_nghttp(gateway: StartGateway, upstream: StartUpstream) -> None:
    running = gateway(config(upstream(say)))
    done = subprocess.run(["nghttp", "-nv", "-m", "20", running.url("/")], capture_output=True, text=True, check=True,
                          timeout=30)
    assert done.stdout.count(":status: 200") == 20
    assert "GOAWAY" not in re.sub(r"send GOAWAY", "", done.stdout)


def test_h2load(gateway: StartGateway, upstream: StartUpstream) -> None:
    running = gateway(config(upstream(say, record=False)))
    done = subprocess.run(["h2load", "-n", "3000", "-c", "10", "-m", "32", running.url("/")], capture_output=True,
                          text=True, check=True, timeout=60)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
    wait_until(lambda: len(running.log) == 3000, "every line of the log")


# Clients that will not go.

def keys(digest: str, protocol: str = "h2") -> dict[str, Any]:
    """A key, and an answer of the gateway's own behind it."""
    return {"listeners": {"main": {"address": "127.0.0.1:0", "protocols": [protocol]}},
            "consumers": {"acme": {"api_keys": [f"sha256:{digest}"]}},
            "apis": {"all": {"policies": [{"api_key": {}}, {"respond": {"body": "ok"}}]}}}


@pytest.mark.parametrize("how", ["reload", "stop"])
def test_who_goes_on_asking_is_told_for_good(gateway: StartGateway, how: str) -> None:
    """The listener is gone, or the gateway ends; the client confirms nothing and asks again and again."""
    running = gateway(keys(hashlib.sha256(b"key").hexdigest()))
    with Client(running.address()) as client:
        client.start()
        client.send(client.get(1, "/", ("x-api-key", "key")))
        assert client.wait(1)[0].status == 200
        if how == "reload":
            changed = keys("f" * 64)
            changed["listeners"]["other"] = changed["listeners"].pop("main")
            assert "in force" in running.reload(changed)
        else:
            running.process.send_signal(signal.SIGTERM)
        stream = 1
        end = time.monotonic() + 20
        while not client.is_closed and time.monotonic() < end:
            stream += 2
            client.send(client.get(stream, "/", ("x-api-key", "key")))
            client.pump(lambda: client.is_closed, 0.2)
        assert client.is_closed, f"{client.story()}, after {stream // 2} requests"
    if how == "stop":
        assert running.process.wait(20) == 0
