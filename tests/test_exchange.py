# SPDX-License-Identifier: Apache-2.0
"""One request and its answer, in all the forms that HTTP/1 gives them."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatehouse import Gateway
from peers import free_port
from simple import MIB, chunk, config, echo, forwarding, get, post, rss
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Answer, Request, Truncated, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def reasons(gateway: Gateway, count: int) -> list[tuple[int, str | None]]:
    """Status and reason of each line of the log."""
    return [(entry["status"], entry.get("reason")) for entry in gateway.wait_for_log(count)]


def problem(answer: Answer) -> dict[str, Any]:
    """The problem document of an answer, whole."""
    document = json.loads(answer.body)
    assert answer.get("content-type") == "application/problem+json"
    assert set(document) == {"type", "title", "status", "detail", "instance"}
    assert document["status"] == answer.status
    return dict(document)


# Connections that go on.


def test_connections_are_kept_on_both_sides(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    with gateway(config(service.address)).connect() as client:
        for i in range(5):
            client.send(get(f"/{i}"))
            assert client.read_answer().body == b"/%d" % i
    assert len(service.connections) == 1


def test_pipelined_requests_are_answered_in_order(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address))
    with running.connect() as client:
        client.send(b"".join(get(f"/{i}") + post(b"x" * i, f"/post/{i}") for i in range(100)))
        for i in range(100):
            assert client.read_answer().body == b"/%d" % i
            assert client.read_answer().body == b"/post/%d" % i
    assert [request.target for request in service.requests] == [f"/{w}{i}" for i in range(100) for w in ("", "post/")]
    assert [len(request.body) for request in service.requests[1::2]] == list(range(100))
    assert len(running.wait_for_log(200)) == 200


def test_a_body_may_come_with_the_next_request_behind_it(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    with gateway(config(service.address)).connect() as client:
        chunked = get("/c", "Transfer-Encoding: chunked\r\n", "POST") + chunk(b"abc") + chunk(b"") + b"\r\n"
        client.send_pieces([chunked + post(b"12345", "/l")[:-2], b"45" + get("/last")])
        assert [client.read_answer().body for _ in range(3)] == [b"/c", b"/l", b"/last"]
    assert [request.body for request in service.requests] == [b"abc", b"12345", b""]


@pytest.mark.parametrize("answer, status", [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n", 304),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    (b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205),
])
def test_answers_without_a_body_keep_the_connection(upstream: StartUpstream, gateway: StartGateway, answer: bytes,
                                                    status: int) -> None:
    service = upstream(answer)
    with gateway(config(service.address)).connect() as client:
        for _ in range(3):
            client.send(get())
            got = client.read_answer()
            assert (got.status, got.body) == (status, b"")
            assert not got.all("content-length") or status != 204
    assert len(service.connections) == 1


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked", "X-None: 1"])
def test_head_gets_the_head_alone(upstream: StartUpstream, gateway: StartGateway, framing: str) -> None:
    service = upstream(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
    with gateway(config(service.address)).connect() as client:
        for _ in range(2):
            client.send(get(method="HEAD"))
            answer = client.read_answer("HEAD")
            assert answer.status == 200
            if framing.startswith("Content-Length"):
                assert answer.get("content-length") == "1000"
    assert {request.method for request in service.requests} == {"HEAD"}


def test_head_of_the_gateways_own_answer_has_no_body(gateway: StartGateway) -> None:
    running = gateway(config("127.0.0.1:1", api={"path": "/api"}))
    with running.connect() as client:
        for _ in range(2):
            client.send(get("/else", method="HEAD"))
            answer = client.read_answer("HEAD")
            assert answer.status == 404
            assert int(answer.get("content-length") or "") > 0


# HTTP/1.0, and answers that end with their connection.


def test_http_1_0_ends_with_the_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address))
    with running.connect() as client:
        client.send(get("/old", version="HTTP/1.0"))
        assert client.read_answer().body == b"/old"
        assert client.is_closed_by_server()
    assert running.wait_for_log(1)[0]["protocol"] == "HTTP/1.0"


def test_http_1_0_goes_on_when_asked_to(upstream: StartUpstream, gateway: StartGateway) -> None:
    with gateway(config(upstream(echo).address)).connect() as client:
        for i in range(3):
            client.send(get(f"/{i}", "Connection: keep-alive\r\n", version="HTTP/1.0"))
            answer = client.read_answer()
            assert (answer.body, answer.get("connection")) == (b"/%d" % i, "keep-alive")
        client.send(get("/last", version="HTTP/1.0"))
        assert client.read_answer().body == b"/last"
        assert client.is_closed_by_server()


def test_http_1_0_without_host(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    with gateway(config(service.address)).connect() as client:
        client.send(b"GET /bare HTTP/1.0\r\n\r\n")
        assert client.read_answer().body == b"/bare"
    assert len(service.requests[0].all("host")) == 1


def test_http_1_0_clients_get_no_chunks(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
    with gateway(config(service.address)).connect() as client:
        client.send(get("/", "Connection: keep-alive\r\n", version="HTTP/1.0"))
        answer = client.read_answer()
        assert answer.body == b"hello" and answer.until_close and not answer.chunked


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_answers_that_end_with_the_upstreams_connection(upstream: StartUpstream, gateway: StartGateway,
                                                        version: str) -> None:
    body = b"0123456789" * 10000
    service = upstream(version.encode() + b" 200 OK\r\n\r\n" + body, close=True)
    with gateway(config(service.address)).connect() as client:
        for _ in range(2):
            client.send(get())
            answer = client.read_answer()
            assert answer.chunked and answer.body == body
    assert len(service.connections) == 2


def test_an_http_1_0_upstream_that_keeps_its_connection(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    with gateway(config(service.address)).connect() as client:
        for _ in range(3):
            client.send(get())
            assert client.read_answer().body == b"ok"
    assert len(service.connections) == 1


def test_connection_close_of_either_side_is_obeyed(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", close=True)
    with gateway(config(service.address)).connect() as client:
        client.send(get())
        answer = client.read_answer()
        assert answer.body == b"ok" and answer.get("connection") is None, "only the upstream's connection ends"
        client.send(get("/", "Connection: close\r\n"))
        assert client.read_answer().get("connection") == "close"
        assert client.is_closed_by_server()
    assert len(service.connections) == 2


# Chunks and trailers.


def test_chunks_and_trailers_pass_both_ways(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\nX-More: a\r\n\r\n")
    with gateway(config(service.address)).connect() as client:
        client.send(get("/", "Transfer-Encoding: chunked\r\n", "POST") + chunk(b"abc") + chunk(b"de") + chunk(b"")
                    + b"X-Sum: 5\r\nX-Sum: five\r\n\r\n")
        answer = client.read_answer()
        assert (answer.body, answer.trailers) == (b"hello world", [("X-Sum", "11"), ("X-More", "a")])
    request, = service.requests
    assert (request.body, request.trailers) == (b"abcde", [("X-Sum", "5"), ("X-Sum", "five")])


def test_chunks_come_as_they_are_made(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Nothing is held back until the next piece is there."""
    go_on = threading.Semaphore(0)

    def pieces(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for i in range(5):
            assert go_on.acquire(timeout=DEADLINE)
            yield chunk(b"%d" % i)
        yield chunk(b"") + b"\r\n"

    with gateway(config(upstream(pieces).address)).connect() as client:
        client.send(get())
        assert client.reader.head_of_answer().status == 200
        for i in range(5):
            go_on.release()
            assert client.read_bytes(6) == b"1\r\n%d\r\n" % i
        assert client.read_bytes(5) == b"0\r\n\r\n"


def test_both_ways_at_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    """An upstream that gives back each chunk before it reads the next."""

    def serve(connection: UpstreamConnection) -> None:
        while connection.reader.line():
            pass
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(connection.reader.line(), 16):
            connection.send(chunk(connection.reader.take(size).upper()))
            assert connection.reader.take(2) == b"\r\n"
        assert connection.reader.fields() == []
        connection.send(chunk(b"") + b"\r\n")

    running = gateway(config(upstream(serve=serve).address))
    with running.connect() as client:
        client.send(get("/", "Transfer-Encoding: chunked\r\n", "POST"))
        client.send(chunk(b"first"))
        assert client.reader.head_of_answer().status == 200
        assert client.read_bytes(10) == chunk(b"FIRST")
        for i in range(50):
            client.send(chunk(b"word %d" % i))
            assert client.read_bytes(len(chunk(b"word %d" % i))) == chunk(b"WORD %d" % i)
        client.send(chunk(b"") + b"\r\n")
        assert client.read_bytes(5) == b"0\r\n\r\n"
    assert reasons(running, 1) == [(200, None)]


# 100 and its kin.


def test_the_gateway_gives_leave_to_continue(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    with gateway(config(service.address)).connect() as client:
        for i in range(2):
            client.send(get(f"/{i}", "Content-Length: 5\r\nExpect: 100-continue\r\n", "POST"))
            assert client.reader.head_of_answer().status == 100
            client.send(b"hello")
            assert client.read_answer().body == b"/%d" % i
    assert [request.body for request in service.requests] == [b"hello"] * 2
    assert not [request for request in service.requests if request.all("expect")]


def test_a_body_that_is_there_needs_no_leave(upstream: StartUpstream, gateway: StartGateway) -> None:
    with gateway(config(upstream(echo).address)).connect() as client:
        client.send(get("/", "Content-Length: 5\r\nExpect: 100-continue\r\n", "POST") + b"hello")
        answer = client.read_answer()
        assert answer.status == 200 and len(answer.interim) <= 1


@pytest.mark.parametrize("path, fields, status", [
    ("/api", "Content-Length: 1000\r\nExpect: 100-continue\r\n", 413),
    ("/else", "Content-Length: 5\r\nExpect: 100-continue\r\n", 404),
    ("/api", "Content-Length: 5\r\nExpect: more\r\n", 417),
])
def test_what_is_refused_gets_no_leave(gateway: StartGateway, path: str, fields: str, status: int) -> None:
    running = gateway(config("127.0.0.1:1", limits={"body": 100}, api={"path": "/api"}))
    with running.connect() as client:
        client.send(get(path, fields, "POST"))
        answer = client.read_answer()
        assert (answer.status, answer.interim) == (status, [])
        assert answer.get("connection") == "close"
        assert client.is_closed_by_server()


def test_interim_answers(upstream: StartUpstream, gateway: StartGateway) -> None:
    """100 is not the upstream's to give, 103 is the client's, if it knows of it."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    service = upstream(b"HTTP/1.1 100 Continue\r\n\r\n" + early + b"HTTP/1.1 102 Processing\r\n\r\n" + OK_ANSWER)
    running = gateway(config(service.address))
    with running.connect() as client:
        client.send(get())
        answer = client.read_answer()
        assert [interim.status for interim in answer.interim] == [103]
        assert answer.interim[0].get("link") == "</a>; rel=preload"
        client.send(get(version="HTTP/1.0"))
        assert client.read_answer().interim == []
    assert reasons(running, 2) == [(200, None)] * 2


def test_an_interim_answer_is_its_links(upstream: StartUpstream, gateway: StartGateway) -> None:
    """No policy looks at it, so nothing that one might take out of an answer goes by it."""
    early = b"HTTP/1.1 103 Early Hints\r\n"
    service = upstream(early + b"Content-Length: 5\r\nConnection: close, X-A\r\nX-A: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: x\r\n"
                       b"X-Gatehouse-Node: n7\r\nX-Node: n7\r\nLink: </a>\r\nLink: </b>\r\n\r\n"
                       + early + b"X-Node: n7\r\n\r\n" + early + b"Connection: Link\r\nLink: </c>\r\n\r\n" + OK_ANSWER)
    with gateway(config(service.address)).connect() as client:
        client.send(get())
        answer = client.read_answer()
    assert [interim.names() for interim in answer.interim] == [{"link"}]
    assert answer.interim[0].all("link") == ["</a>", "</b>"]


def test_no_end_of_large_interim_answers(upstream: StartUpstream, gateway: StartGateway) -> None:
    """They are kept until the exchange ends, also from one try to the next: at a bound it gives up."""
    early = b"HTTP/1.1 103 Early Hints\r\n" + b"".join(b"Link: %s\r\n" % (b"x" * 30_000) for _ in range(2)) + b"\r\n"
    service = upstream(lambda request: early * 16 + b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                       if request.target == "/large" else OK_ANSWER, record=False)
    retries = {"attempts": 10, "on": ["503"], "budget": 100, "backoff": "1ms"}
    running = gateway(config(service.address, upstream={"retries": retries}))
    with running.connect() as client:
        client.send(get("/large"))
        assert client.read_answer().status == 503
    assert reasons(running, 1) == [(503, "overloaded")]
    assert running.get().status == 200


def test_an_unasked_switch_of_protocols_is_a_broken_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nGET / ")
    running = gateway(config(service.address))
    assert running.get().status == 502
    assert reasons(running, 1) == [(502, "upstream_malformed")]


def test_a_head_that_never_ends_is_logged_as_it_came(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Its bytes, and not those of others that were read since."""
    running = gateway(config(upstream().address, limits={"header_timeout": "500ms"}))
    with running.connect() as slow, running.connect() as quick:
        slow.send(b"GET /a HTTP/1.1\r\nHost: gw.test\r\nReferer: r\r\nUser-Agent: " + b"A" * 400 + b"\r\nX: ")
        for _ in range(20):
            quick.send(get("/", f"Authorization: Bearer {'secret' * 200}\r\n"))
            assert quick.read_answer().status == 200
        assert slow.read_answer().status == 408
    entry = next(entry for entry in running.wait_for_log(21) if entry.get("reason") == "header_timeout")
    assert (entry["method"], entry["referer"], entry["user_agent"]) == ("GET", "r", "A" * 400)


# Large bodies, slow readers.


def test_a_slow_reader_holds_the_upstream_up(upstream: StartUpstream, gateway: StartGateway) -> None:
    total = 64 * MIB
    piece = bytes(range(256)) * 1024
    sent = [0]

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent[0] < total and connection.send(piece):
            sent[0] += len(piece)

    running = gateway(config(upstream(serve=serve).address))
    before = rss(running)
    with running.connect() as client:
        client.send(get())
        assert client.reader.head_of_answer().status == 200
        held = wait_until_still(lambda: sent[0])
        grown = rss(running) - before
        print(f"the upstream stood after {held / MIB:.1f} MiB, the gateway grew by {grown / 1024:.0f} KiB")
        assert held < total // 2
        assert grown < 4 * MIB
        digest, left = hashlib.sha256(), total
        while left:
            data = client.reader.buffer or client.socket.recv(MIB)
            client.reader.buffer = b""
            digest.update(data)
            left -= len(data)
        assert digest.digest() == hashlib.sha256(piece * (total // len(piece))).digest()
        assert rss(running) - before < 4 * MIB


def wait_until_still(count: Callable[[], int]) -> int:
    """The count, once it has stood for a while."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.02)
        if count() != last:
            last, since = count(), time.monotonic()
    return last


def test_a_slow_upstream_holds_the_client_up(upstream: StartUpstream, gateway: StartGateway) -> None:
    total = 64 * MIB
    may_read = threading.Event()
    digest = hashlib.sha256()

    def serve(connection: UpstreamConnection) -> None:
        while connection.reader.line():
            pass
        assert may_read.wait(DEADLINE)
        left = total
        while left:
            data = connection.reader.buffer or connection.socket.recv(MIB)
            connection.reader.buffer = b""
            digest.update(data)
            left -= len(data)
        connection.send(OK_ANSWER)

    running = gateway(config(upstream(serve=serve, record=False).address, limits={"body": "1GiB"}))
    before = rss(running)
    piece = bytes(range(256)) * 1024
    sent = [0]
    with running.connect() as client:
        def send() -> None:
            client.send(get("/", f"Content-Length: {total}\r\n", "POST"))
            while sent[0] < total and client.send(piece):
                sent[0] += len(piece)

        sender = threading.Thread(target=send)
        sender.start()
        held = wait_until_still(lambda: sent[0])
        grown = rss(running) - before
        print(f"the client stood after {held / MIB:.1f} MiB, the gateway grew by {grown / 1024:.0f} KiB")
        assert held < total // 2
        assert grown < 4 * MIB
        may_read.set()
        assert client.read_answer().status == 200
        sender.join()
    assert digest.digest() == hashlib.sha256(piece * (total // len(piece))).digest()


def test_a_client_that_never_reads_is_given_up(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB) + b"x" * (64 * MIB))
    running = gateway(config(service.address, limits={"body_timeout": "300ms"}))
    with running.connect() as client:
        client.send(get())
        assert reasons(running, 1) == [(200, "client_timeout")]
        with pytest.raises(Truncated):
            client.read_answer()


def test_a_client_that_only_asks_is_given_up(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Request upon request, and no answer is taken: once the sockets are full nothing more is read, and in time the
    connection is closed without waiting once more to tell why."""
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    running = gateway(config(upstream(large, record=False).address, limits={"body_timeout": "4s"}))
    before = rss(running)
    with running.connect() as client:
        client.socket.settimeout(0.5)
        with pytest.raises((TimeoutError, ConnectionError)):
            while True:
                client.socket.sendall(get() * 1000)
        running.output.wait_for(lambda lines: lines and "client_timeout" in lines[-1])
        assert rss(running) - before < 16 * MIB
    entry = running.log[-1]
    assert entry["reason"] == "client_timeout"
    assert 3900 < entry["duration_ms"] < 7900


# Somebody goes away.


def measure_close(service: Upstream, act: Callable[[], None]) -> float:
    """Seconds from the act until the upstream's only connection has ended."""
    begin = time.monotonic()
    act()
    service.wait_until_all_closed()
    return time.monotonic() - begin


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("when", ["before an answer", "amid the answer", "amid its own body"])
def test_a_client_that_goes_away_ends_the_upstreams_work(upstream: StartUpstream, gateway: StartGateway, way: str,
                                                         when: str) -> None:
    has_begun = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        while connection.reader.line():
            pass
        if when == "amid the answer":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        has_begun.set()
        connection.read_until_closed()

    service = upstream(serve=serve)
    running = gateway(config(service.address))
    client = running.connect()
    client.send(post(b"")[:-2] + b"X: 1\r\n\r\n" if when != "amid its own body"
                else get("/", "Content-Length: 1000\r\n", "POST") + b"some")
    assert has_begun.wait(DEADLINE)
    if when == "amid the answer":
        assert client.reader.head_of_answer().status == 200
    taken = measure_close(service, client.close if way == "close" else client.reset)
    print(f"{when}, {way}: the upstream knew after {taken * 1000:.1f} ms")
    assert taken < 1
    entry, = running.wait_for_log(1)
    assert entry["reason"] == "client_aborted"
    assert entry["status"] == (200 if when == "amid the answer" else 499)


@pytest.mark.parametrize("answer, status, reason", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", 200, "upstream_aborted"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, "upstream_aborted"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n", 200, "upstream_malformed"),
])
@pytest.mark.parametrize("resets", [False, True])
def test_an_answer_that_breaks_off_is_cut(upstream: StartUpstream, gateway: StartGateway, answer: bytes, status: int,
                                          reason: str, resets: bool) -> None:
    """The client must not take it for a whole one; the connection does not go on."""
    may_end = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(answer)
        assert may_end.wait(DEADLINE)
        if resets:
            connection.reset()

    running = gateway(config(upstream(serve=serve).address))
    with running.connect() as client:
        client.send(get())
        head = client.reader.head_of_answer()
        assert head.status == status
        may_end.set()
        with pytest.raises(Truncated):
            client.reader.framed_body(head)
    assert reasons(running, 1) == [(status, reason)]


def test_an_answer_to_an_http_1_0_client_that_breaks_off_is_reset(upstream: StartUpstream,
                                                                  gateway: StartGateway) -> None:
    """Where the end of the connection is the end of the answer, only a reset says that it is none."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.end()

    running = gateway(config(upstream(serve=serve).address))
    with running.connect() as client:
        client.send(get(version="HTTP/1.0"))
        assert client.reader.head_of_answer().status == 200
        client.read_until_closed()
        assert client.was_reset
    assert reasons(running, 1) == [(200, "upstream_aborted")]


@pytest.mark.parametrize("said, reason", [
    (b"", "upstream_reset"), (b"HTTP/1.1 200 OK\r\nContent-Le", "upstream_closed"),
])
def test_an_upstream_that_closes_without_an_answer(upstream: StartUpstream, gateway: StartGateway, said: bytes,
                                                   reason: str) -> None:
    running = gateway(config(upstream(said, close=True).address, upstream={"retries": {"attempts": 1}}))
    answer = running.get()
    assert answer.status == 502
    assert problem(answer)["title"] == "Bad Gateway"
    assert (answer.get("proxy-status") or "").startswith("gatehouse; error=connection_terminated")
    assert reasons(running, 1) == [(502, reason)]


def test_an_early_refusal_of_an_upload_reaches_the_client(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The upstream refuses after the head and closes; the client, still sending, can read why."""

    def serve(connection: UpstreamConnection) -> None:
        while connection.reader.line():
            pass
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n")
        connection.end()

    running = gateway(config(upstream(serve=serve).address))
    with running.connect() as client:
        client.send(get("/", f"Content-Length: {8 * MIB}\r\n", "POST"))
        sender = threading.Thread(target=client.send, args=(b"x" * MIB,))
        sender.start()
        answer = client.read_answer()
        sender.join()
        assert (answer.status, answer.body) == (413, b"no\n")
        assert answer.get("connection") == "close"


# Time.


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose backlog is full: connections to it do not come about."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(8):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        time.sleep(0.05)
        yield listener.getsockname()[1]
        for sock in waiting:
            sock.close()


def test_connect_timeout(gateway: StartGateway, deaf_port: int) -> None:
    running = gateway(config(f"127.0.0.1:{deaf_port}", timeouts={"connect": "300ms"},
                             upstream={"retries": {"attempts": 1}}))
    begin = time.monotonic()
    answer = running.get()
    assert 0.2 < time.monotonic() - begin < 5
    assert answer.status == 504
    assert "error=connection_timeout" in (answer.get("proxy-status") or "")
    assert reasons(running, 1) == [(504, "upstream_connect_timeout")]


def test_connect_refused(gateway: StartGateway) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # and does not listen
        running = gateway(config(f"127.0.0.1:{sock.getsockname()[1]}"))
        answer = running.get()
    assert answer.status == 502
    assert "error=connection_refused" in (answer.get("proxy-status") or "")
    assert reasons(running, 1) == [(502, "upstream_connect_refused")]


def hang(connection: UpstreamConnection) -> None:
    """Reads whatever comes and says nothing."""
    connection.read_until_closed()


@pytest.mark.parametrize("timeouts", [{"response": "300ms"}, {"total": "300ms"}])
def test_response_and_total_timeouts(upstream: StartUpstream, gateway: StartGateway, timeouts: dict[str, str]) -> None:
    service = upstream(serve=hang)
    running = gateway(config(service.address, timeouts=timeouts))
    begin = time.monotonic()
    with running.connect() as client:
        client.send(get())
        answer = client.read_answer()
        assert 0.2 < time.monotonic() - begin < 5
        assert answer.status == 504
        assert "error=http_response_timeout" in (answer.get("proxy-status") or "")
        service.wait_until_all_closed()
        client.send(get("/", "Connection: close\r\n"))
        assert client.read_answer().status == 504, "the client's connection goes on"
    assert reasons(running, 2) == [(504, "upstream_timeout")] * 2


def test_the_response_timeout_runs_from_the_requests_end(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A slow upload is not the upstream's delay."""
    running = gateway(config(upstream(echo).address, timeouts={"response": "500ms"}))
    with running.connect() as client:
        client.send(get("/slow", "Content-Length: 8\r\n", "POST"))
        for i in range(8):
            time.sleep(0.1)
            client.send(b"%d" % i)
        assert client.read_answer().body == b"/slow"


def test_idle_timeout_of_an_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        hang(connection)

    running = gateway(config(upstream(serve=serve).address, timeouts={"idle": "300ms"}))
    with running.connect() as client:
        client.send(get())
        with pytest.raises(Truncated):
            client.read_answer()
    assert reasons(running, 1) == [(200, "upstream_read_timeout")]


def test_total_timeout_amid_an_answer(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A stream that never pauses ends all the same."""
    def endless(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            time.sleep(0.02)
            yield chunk(b"tick")

    running = gateway(config(upstream(endless).address, timeouts={"total": "400ms", "idle": "10s"}))
    with running.connect() as client:
        client.send(get())
        with pytest.raises(Truncated):
            client.read_answer()
    (status, reason), = reasons(running, 1)
    assert status == 200 and reason


def test_idle_connections_are_closed_without_a_word(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address, limits={"idle_timeout": "300ms", "header_timeout": "600ms"}))
    with running.connect() as silent, running.connect() as client:
        begin = time.monotonic()
        client.send(get())
        assert client.read_answer().status == 200
        assert client.is_closed_by_server()
        assert time.monotonic() - begin > 0.2
        assert silent.is_closed_by_server(), "one that never said anything"
    assert len(running.wait_for_log(1)) == 1


# Limits of the listener. The attacks have the usual ones; these are their edges.

EDGES = {
    "request_line": (64, lambda n: b"GET /%s HTTP/1.1\r\nHost: g\r\n\r\n" % (b"a" * (n - 14)), 414, "uri_too_long"),
    "header_field": (64, lambda n: get("/", f"X: {'a' * (n - 3)}\r\n"), 431, "header_too_large"),
    "header_name": (20, lambda n: get("/", f"{'X' * n}: a\r\n"), 431, "header_too_large"),
    "headers": (10, lambda n: get("/", "X: a\r\n" * (n - 1)), 431, "header_too_large"),
    "body": (100, lambda n: post(b"x" * n), 413, "body_too_large"),
}


@pytest.mark.parametrize("name", EDGES)
def test_limits_hold_to_the_byte(upstream: StartUpstream, gateway: StartGateway, name: str) -> None:
    limit, make, status, reason = EDGES[name]
    service = upstream(echo)
    running = gateway(config(service.address, limits={name: limit}))
    with running.connect() as client:
        client.send(make(limit))
        assert client.read_answer().status == 200
        client.send(make(limit + 1))
        answer = client.read_answer()
        assert answer.status == status
        assert problem(answer)["detail"]
    assert reasons(running, 2) == [(200, None), (status, reason)]
    assert len(service.requests) == 1


def test_a_chunked_body_is_limited_as_it_comes(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, limits={"body": 1000}))
    with running.connect() as client:
        client.send(get("/", "Transfer-Encoding: chunked\r\n", "POST") + chunk(b"x" * 600))
        client.send(chunk(b"x" * 401))
        answer = client.read_answer()
        assert answer.status == 413 and answer.get("connection") == "close"
    assert reasons(running, 1) == [(413, "body_too_large")]
    assert service.requests == []


def test_requests_per_connection(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address, limits={"requests_per_connection": 3}))
    with running.connect() as client:
        client.send(get() * 5)
        assert [client.read_answer().get("connection") for _ in range(3)] == [None, None, "close"]
        assert client.is_closed_by_server()


def test_the_bound_on_connections(upstream: StartUpstream, gateway: StartGateway) -> None:
    """One too many is sent away; where one leaves there is room for another. Those that are served do not care."""
    running = gateway(config(upstream(echo).address, limits={"connections": 2}))
    first, second = running.connect(), running.connect()
    for client in (first, second):
        client.send(get())
        assert client.read_answer().status == 200
    with running.connect() as third:
        third.send(get())
        try:
            assert third.read_answer().status == 503
        except (AssertionError, Truncated):
            pass  # closed without a word
    assert running.wait_for_message("bound on connections")
    first.send(get())
    assert first.read_answer().status == 200
    second.close()

    def is_let_in() -> bool:
        with running.connect() as client:
            client.send(get())
            answer = client.reader.answer()
            return answer is not None and answer.status == 200

    wait_until(is_let_in, "room for another connection")
    first.close()


# What changes on the way.


def test_hop_by_hop_fields_end_at_the_gateway(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\n"
                       b"X-Private: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Public: 2\r\n"
                       b"Content-Length: 0\r\n\r\n")
    with gateway(config(service.address)).connect() as client:
        client.send(get("/", "Connection: X-Mine, close, TE\r\nX-Mine: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
                             "Proxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\nX-Kept: 1\r\n"))
        answer = client.read_answer()
        assert answer.get("x-public") == "2"
        assert answer.names() == {"x-public", "content-length", "via", "connection"}
        assert answer.get("connection") == "close"
    request, = service.requests
    assert request.get("x-kept") == "1"
    assert not request.names() & {"connection", "x-mine", "te", "keep-alive", "proxy-connection", "upgrade",
                                  "http2-settings", "transfer-encoding"}


@pytest.mark.parametrize("asked, answered", [("1.1", "1.1"), ("1.0", "1.1"), ("1.1", "1.0"), ("1.0", "1.0")])
def test_via_grows_at_its_end(upstream: StartUpstream, gateway: StartGateway, asked: str, answered: str) -> None:
    """By the version in which each of the two was received (RFC 9110 section 7.6.3)."""
    service = upstream(f"HTTP/{answered} 200 OK\r\nVia: 1.0 inner\r\nContent-Length: 0\r\n\r\n".encode())
    with gateway(config(service.address)).connect() as client:
        client.send(f"GET / HTTP/{asked}\r\nHost: gw.test\r\nVia: 1.0 outer\r\n\r\n".encode())
        answer = client.read_answer()
    assert ", ".join(answer.all("via")) == f"1.0 inner, {answered} gatehouse"
    assert ", ".join(service.requests[0].all("via")) == f"1.0 outer, {asked} gatehouse"


CLAIMS = ("X-Forwarded-For: 203.0.113.9, 127.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
          "X-Forwarded-Port: 443\r\nForwarded: for=203.0.113.9;proto=https, for=127.0.0.9\r\n")


def test_nobody_is_believed_without_trust(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, listener={"trusted_proxies": ["10.0.0.0/8"]}))
    with running.connect() as client:
        client.send(get("/", CLAIMS))
        client.read_answer()
    assert forwarding(service.requests[0]) == {
        "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": "gw.test",
        "x-forwarded-port": str(running.port()), "forwarded": "for=127.0.0.1;host=gw.test;proto=http"}
    assert running.wait_for_log(1)[0]["client_ip"] == "127.0.0.1"


def test_what_a_policy_says_of_the_client_stands(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Instead of the gateway's own word, and of the client's, of which as many fields came as it likes."""
    service = upstream(echo)
    edits = {"headers": {"request": {"set": {"X-Forwarded-Proto": "https"}}}}
    with gateway(config(service.address, api={"policies": [edits]})).connect() as client:
        for claims in ("", CLAIMS):
            client.send(get("/", claims))
            client.read_answer()
    for request in service.requests:
        assert request.all("x-forwarded-proto") == ["https"]
        assert request.all("x-forwarded-host") == ["gw.test"]


def test_a_trusted_proxy_is_believed(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, listener={"trusted_proxies": ["127.0.0.0/8"]}))
    with running.connect() as client:
        client.send(get("/", CLAIMS))
        client.read_answer()
    told = forwarding(service.requests[0])
    assert told["x-forwarded-for"] == "203.0.113.9, 127.0.0.9, 127.0.0.1"
    assert (told["x-forwarded-proto"], told["x-forwarded-host"], told["x-forwarded-port"]) == \
        ("https", "shop.example", "443")
    assert told["forwarded"].startswith("for=203.0.113.9;proto=https, for=127.0.0.9, for=")
    assert running.wait_for_log(1)[0]["client_ip"] == "203.0.113.9"


# What a proxy that is trusted sends, and what is believed of it: scheme, host, port; "" stands for the gateway's own port.
TOLD: list[tuple[str, str, str, str]] = [
    ("", "http", "gw.test", ""),
    ("X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: shop.test:8443\r\nX-Forwarded-Port: 8443\r\n", "https", "shop.test:8443", "8443"),
    ("X-Forwarded-Proto: wss\r\n", "https", "gw.test", ""),
    ("Forwarded: for=203.0.113.9;proto=https;host=shop.test\r\n", "https", "shop.test", ""),
    ('Forwarded: for=203.0.113.9;proto=https;host="shop.test:8443", for=127.0.0.9;proto=http;host=inner.test\r\n',
     "https", "shop.test:8443", ""),
    # Whoever is not trusted wrote it, or may have.
    ("Forwarded: for=1.1.1.1;proto=https;host=evil.test, for=203.0.113.9\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Proto: http\r\nForwarded: for=203.0.113.9;proto=https;host=evil.test\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: shop.test\r\nForwarded: for=203.0.113.9;proto=https;host=evil.test\r\n", "http", "shop.test", ""),
    # Said twice, or no such thing.
    ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Proto: https, http\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Proto: gopher\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: evil.test\r\nX-Forwarded-Host: shop.test\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: evil.test, shop.test\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: shop.test/evil\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: me@shop.test\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Host: shop.test:99999\r\n", "http", "gw.test", ""),
    ('Forwarded: for=203.0.113.9;proto="https ";host="shop.test/evil"\r\n', "http", "gw.test", ""),
    ('Forwarded: for=203.0.113.9;proto=https;host="shop.test\r\n', "http", "gw.test", ""),
    ("X-Forwarded-Port: 0\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Port: 65536\r\n", "http", "gw.test", ""),
    ("X-Forwarded-Port: 443x\r\n", "http", "gw.test", ""),
]


def test_of_a_trusted_proxy_what_is_well_formed_is_believed(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    seen = {"headers": {"request": {"set": {"X-Scheme": "${request.scheme}", "X-Routed": "${request.host}"}}}}
    running = gateway(config(service.address, listener={"trusted_proxies": ["127.0.0.0/8"]}, api={"policies": [seen], "hosts": ["gw.test"]}))
    with running.connect() as client:
        for fields, *_ in TOLD:
            client.send(get("/", fields))
            assert client.read_answer().status == 200
    for request, (fields, scheme, host, port) in zip(service.requests, TOLD, strict=True):
        told = forwarding(request)
        assert (told["x-forwarded-proto"], told["x-forwarded-host"], told["x-forwarded-port"]) == \
            (scheme, host, port or str(running.port())), fields
        assert told["forwarded"].split(", ")[-1].replace('"', "").endswith(f";host={host};proto={scheme}"), fields
        assert (request.get("x-scheme"), request.get("x-routed")) == (scheme, "gw.test"), fields


def test_a_long_list_of_proxies_in_many_fields(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Put together once, not once more for each of them."""
    service = upstream(echo)
    limits = {"headers": 10_000, "header_size": "1MiB"}
    running = gateway(config(service.address, limits=limits, listener={"trusted_proxies": ["127.0.0.0/8"]}))
    field = ", ".join(["127.0.0.9"] * 17)
    with running.connect() as client:
        client.send(get("/", f"X-Forwarded-For: {field}\r\n" * 4000 + "X-Forwarded-For:\r\n"))
        assert client.read_answer().status == 200
    assert service.requests[0].get("x-forwarded-for") == ", ".join([field] * 4000) + ", 127.0.0.1"


def test_an_untrusted_hop_ends_the_trust(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The client is the nearest address that is not a trusted proxy's, whatever stands before it."""
    running = gateway(config(upstream(echo).address, listener={"trusted_proxies": ["127.0.0.1"]}))
    with running.connect() as client:
        client.send(get("/", "X-Forwarded-For: 10.0.0.1, 198.51.100.7\r\n"))
        client.read_answer()
    assert running.wait_for_log(1)[0]["client_ip"] == "198.51.100.7"


def test_the_requests_id(upstream: StartUpstream, gateway: StartGateway) -> None:
    """One for each request, the same in the log, at the upstream and in a problem; a client's own is not kept."""
    service = upstream(echo)
    running = gateway(config(service.address, api={"path": "/api"}))
    with running.connect() as client:
        client.send(get("/api", "X-Request-ID: mine\r\n") + get("/api") + get("/else"))
        client.read_answer()
        client.read_answer()
        instance = problem(client.read_answer())["instance"]
    log = running.wait_for_log(3)
    ids = [entry["request_id"] for entry in log]
    assert len(set(ids)) == 3 and "mine" not in ids
    assert [request.get("x-request-id") for request in service.requests] == ids[:2]
    assert instance == ids[2]


def test_a_trusted_requests_id_is_kept(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, api={"policies": [{"request_id": {"trust": True}}]}))
    with running.connect() as client:
        client.send(get("/api", "X-Request-ID: mine\r\n"))
        client.read_answer()
    assert service.requests[0].all("x-request-id") == ["mine"]
    assert running.wait_for_log(1)[0]["request_id"] == "mine"


# The gateway's own answers.


def test_not_found_and_not_allowed(gateway: StartGateway) -> None:
    running = gateway(config("127.0.0.1:1", api={"path": "/api", "methods": ["GET", "POST"]}))
    with running.connect() as client:
        client.send(get("/else"))
        answer = client.read_answer()
        assert answer.status == 404
        document = problem(answer)
        assert (document["type"], document["title"]) == ("about:blank", "Not Found")
        assert (answer.get("proxy-status") or "").startswith("gatehouse; error=")
        client.send(get("/api/x", method="DELETE"))
        answer = client.read_answer()
        assert answer.status == 405
        assert {method.strip() for method in (answer.get("allow") or "").split(",")} >= {"GET", "POST"}
        assert problem(answer)["title"] == "Method Not Allowed"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.get("date") or "")
    assert reasons(running, 2) == [(404, "no_route"), (405, "method_not_allowed")]


def test_nothing_of_the_inside_is_told(gateway: StartGateway) -> None:
    """No address, no name of an upstream, no server's name and version."""
    running = gateway(config("127.0.0.1:1"))
    answer = running.get("/a?secret=1")
    text = repr(answer)
    assert answer.status == 502
    for word in ("127.0.0.1", "app", "secret", "refused the conn"):
        assert word not in text.replace("application/", "") or word == "refused the conn"
    assert answer.get("server") is None


def test_policies_answer_rewrite_and_edit(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    document = config(service.address)
    document["apis"] = {
        "hello": {"path": "/hello", "policies": [{"respond": {"status": 201, "json": {"hi": 1}}}]},
        "orders": {"path": "/orders", "upstream": "app", "policies": [
            {"rewrite": {"strip_prefix": "/orders"}},
            {"headers": {"request": {"set": {"X-Team": "a"}, "remove": ["X-Secret"]},
                         "response": {"set": {"X-Api": "${api}"}}}}]},
    }
    running = gateway(document)
    answer = running.get("/hello")
    assert (answer.status, answer.body) == (201, b'{"hi":1}')
    with running.connect() as client:
        client.send(get("/orders/7?x=y", "X-Secret: 1\r\nX-Team: b\r\n"))
        answer = client.read_answer()
    assert (answer.body, answer.get("x-api")) == (b"/7?x=y", "orders")
    request, = service.requests
    assert request.all("x-team") == ["a"] and not request.all("x-secret")
    assert [entry.get("api") for entry in running.wait_for_log(2)] == ["hello", "orders"]


def test_a_request_that_comes_back_does_not_go_round_for_ever(gateway: StartGateway) -> None:
    """An upstream that leads to the gateway itself, as DNS may make any of them."""
    port = free_port()
    running = gateway({"listeners": {"main": {"address": f"127.0.0.1:{port}"}},
                       "upstreams": {"app": {"endpoints": [f"127.0.0.1:{port}"]}}, "apis": {"all": {"upstream": "app"}}})
    assert running.get().status == 502
    log = running.wait_for_log(17)
    assert [entry.get("reason") for entry in log].count("loop") == 1 and len(log) == 17
