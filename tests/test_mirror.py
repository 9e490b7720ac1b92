# SPDX-License-Identifier: Apache-2.0
"""mirror end to end: copies that are whole, bounded, and never in a client's way."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from peers import free_port
from simple import chunk, config, echo, get, post, rss
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Request

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

KIB = 1024


def mirrored(address: str, mirror: str, limits: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """One API, with copies to another upstream."""
    document = config(address, limits=limits, api={"policies": [
        {"headers": {"request": {"set": {"X-Set": "1"}}}}, {"mirror": {"upstream": "next", **options}}]})
    document["upstreams"]["next"] = {"endpoints": [mirror], "timeouts": {"connect": "300ms", "response": "300ms"}}
    return document


def copies(mirror: Upstream, count: int) -> list[Request]:
    """Once they are there."""
    return mirror.wait_for_requests(count)


def test_a_copy_is_what_the_upstream_gets(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, mirror = upstream(echo), upstream(b"HTTP/1.1 500 No\r\nX-Mirror: 1\r\nContent-Length: 5\r\n\r\nwrong")
    with gateway(mirrored(service.address, mirror.address)).connect() as client:
        for i in range(3):
            client.send(get(f"/{i}?a=b", "X-Other: 7\r\n"))
            answer = client.read_answer()
            assert (answer.status, answer.body, answer.get("x-mirror")) == (200, b"/%d?a=b" % i, None)
            copies(mirror, i + 1)
    # Copies may share a connection or not, and requests are listed by their connections.
    by_target = [sorted(requests, key=lambda request: request.target) for requests in (service.requests, copies(mirror, 3))]
    for sent, copied in zip(*by_target, strict=True):
        assert (copied.method, copied.target, copied.fields, copied.body) == (sent.method, sent.target, sent.fields, b"")
        assert copied.get("x-set") == "1" and copied.get("host") == "gw.test"


@pytest.mark.parametrize("size", [0, 1, 1000, 64 * KIB])
@pytest.mark.parametrize("framing", ["length", "chunked", "slowly", "waits"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_bodies_come_along(upstream: StartUpstream, gateway: StartGateway, size: int, framing: str, method: str) -> None:
    body = bytes(i * 7 % 251 for i in range(size))
    service, mirror = upstream(echo), upstream()
    with gateway(mirrored(service.address, mirror.address)).connect() as client:
        if framing == "length":
            client.send(get("/", f"Content-Length: {size}\r\n", method) + body)
        elif framing == "waits":
            client.send(get("/", f"Content-Length: {size}\r\nExpect: 100-continue\r\n", method))
            client.send(body)
        else:
            client.send(get("/", "Transfer-Encoding: chunked\r\n", method))
            step = 400 if framing == "slowly" else 30_000
            for at in range(0, size, step):
                client.send(chunk(body[at:at + step]))
            client.send(chunk(b"") + b"X-Sum: 1\r\n\r\n")
        assert client.read_answer().status == 200
    [copied] = copies(mirror, 1)
    assert hashlib.sha256(copied.body).digest() == hashlib.sha256(body).digest() and not copied.chunked
    assert service.requests[0].body == body


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_not_copied(upstream: StartUpstream, gateway: StartGateway, is_chunked: bool) -> None:
    service, mirror = upstream(), upstream()
    body = b"x" * 1001
    with gateway(mirrored(service.address, mirror.address, {"replay": "1000"})).connect() as client:
        if is_chunked:
            client.send(get("/", "Transfer-Encoding: chunked\r\n", "POST") + chunk(body) + chunk(b"") + b"\r\n")
        else:
            client.send(post(body))
        assert client.read_answer().status == 200
        client.send(post(body[1:]))
        assert client.read_answer().status == 200
    assert service.requests[0].body == body
    assert [request.body for request in copies(mirror, 1)] == [body[1:]]


def never(connection: UpstreamConnection) -> None:
    """Reads and says nothing."""
    connection.read_until_closed()


def test_a_mirror_that_is_dead_or_hangs_delays_nobody(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, hanging = upstream(echo), upstream(serve=never)
    for address in (f"127.0.0.1:{free_port()}", hanging.address):
        document = mirrored(service.address, address)
        document["upstreams"]["next"]["timeouts"] = {"connect": "1h", "response": "1h"}
        running = gateway(document)
        with running.connect() as client:
            for i in range(300):  # more than can be under way
                client.send(get(f"/{i}"))
                assert client.read_answer().body == b"/%d" % i
    hanging.wait_for(lambda: len(hanging.connections) == 256, "as many copies as there may be")
    # Stopping waits for none of them: the fixture asserts that it ends well.


def test_copies_end_in_time(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, hanging = upstream(), upstream(serve=never)
    with gateway(mirrored(service.address, hanging.address)).connect() as client:
        client.send(get("/"))
        assert client.read_answer().status == 200
        hanging.wait_for(lambda: hanging.connections, "the copy")
        hanging.wait_until_all_closed()


def test_a_share_of_the_requests(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, mirror = upstream(), upstream()
    for percent, low, high in ((0, 0, 0), (50, 60, 140), (100, 200, 200)):
        before = len(mirror.requests)
        with gateway(mirrored(service.address, mirror.address, percent=percent)) as running, running.connect() as client:
            for _ in range(200):
                client.send(get("/"))
                assert client.read_answer().status == 200
            if percent:
                mirror.wait_for(lambda: len(mirror.requests) - before >= low, "the copies")
        assert low <= len(mirror.requests) - before <= high


def test_what_a_policy_answers_is_not_copied(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, mirror = upstream(), upstream()
    document = mirrored(service.address, mirror.address)
    document["apis"]["closed"] = {"path": "/closed", "policies": [{"mirror": {"upstream": "next"}}, {"respond": {"status": 403}}]}
    with gateway(document).connect() as client:
        client.send(get("/closed"))
        assert client.read_answer().status == 403
        client.send(get("/open"))
        assert client.read_answer().status == 200
    assert [request.target for request in copies(mirror, 1)] == ["/open"]


def test_what_never_reaches_its_upstream_is_not_copied(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The client is told that it failed: the mirror must not carry it out all the same."""
    mirror = upstream()
    running = gateway(mirrored(f"127.0.0.1:{free_port()}", mirror.address))
    with running.connect() as client:
        for method in ("GET", "DELETE"):
            client.send(get("/", method=method))
            assert client.read_answer(method).status == 502
    document = mirrored(mirror.address, mirror.address)
    document["apis"]["all"]["policies"].pop()
    running.reload(document)
    assert running.get("/last").status == 200
    assert [request.target for request in mirror.requests] == ["/last"]


def test_a_client_that_goes_and_an_upstream_that_breaks(upstream: StartUpstream, gateway: StartGateway) -> None:
    def break_off(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"

    service, mirror = upstream(break_off, close=True), upstream()
    running = gateway(mirrored(service.address, mirror.address, compare=True))
    with running.connect() as client:
        client.send(get("/broken"))
        client.read_until_closed()
    with running.connect() as client:  # a body that never ends is no request
        client.send(get("/", "Content-Length: 100\r\n", "POST") + b"half")
    running.wait_for_log(2)
    assert [request.target for request in copies(mirror, 1)] == ["/broken"]
    assert "differs" not in running.errors


def test_answers_are_compared(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answer(request: Request) -> Any:
        if request.target == "/chunked":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n2\r\nk\n\r\n0\r\n\r\n"
        return OK_ANSWER

    def other(request: Request) -> bytes:
        return {
            "/status": b"HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nok\n",
            "/body": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok?",
            "/shorter": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        }.get(request.target, OK_ANSWER)

    service, mirror = upstream(answer), upstream(other)
    running = gateway(mirrored(service.address, mirror.address, compare=True))
    with running.connect() as client:
        for i, path in enumerate(("/same", "/chunked", "/status", "/body", "/shorter")):
            client.send(get(path, "Accept-Encoding: gzip\r\n"))
            assert client.read_answer().body == b"ok\n"
            copies(mirror, i + 1)
    ids = {request.target: request.get("x-request-id") for request in copies(mirror, 5)}  # in whatever order they came
    for path in ("/status", "/body", "/shorter"):
        running.wait_for_message(f"request {ids[path]}")
    assert not any(f"request {ids[path]}" in running.errors for path in ("/same", "/chunked"))
    assert "status 404 and 3 bytes, where 200 and 3 were sent" in running.errors


def test_compressed_for_the_client_and_compared_as_they_came(upstream: StartUpstream, gateway: StartGateway) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n" + b"a" * 5000
    service, mirror = upstream(body), upstream(body)
    document = mirrored(service.address, mirror.address, compare=True)
    document["apis"]["all"]["policies"].append({"compress": {}})
    running = gateway(document)
    with running.connect() as client:
        client.send(get("/", "Accept-Encoding: gzip\r\n"))
        assert client.read_answer().get("content-encoding") == "gzip"
        copies(mirror, 1)
    mirror.wait_for_requests(1)
    running.stop()
    assert "differs" not in running.errors


def test_two_mirrors_and_a_retry(upstream: StartUpstream, gateway: StartGateway) -> None:
    seen = []

    def once(request: Request) -> bytes | None:
        seen.append(request.target)
        return None if len(seen) == 1 else OK_ANSWER  # the first try is answered by silence

    service, first, second = upstream(once), upstream(), upstream()
    document = mirrored(service.address, first.address)
    document["upstreams"]["third"] = {"endpoints": [second.address]}
    document["apis"]["all"]["policies"].append({"mirror": {"upstream": "third"}})
    with gateway(document).connect() as client:
        client.send(get("/", "Content-Length: 3\r\n", "PUT") + b"abc")
        assert client.read_answer().status == 200
    assert len(seen) == 2
    assert [copies(mirror, 1)[0].body for mirror in (first, second)] == [b"abc", b"abc"]


def test_nothing_grows(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, mirror = upstream(echo, record=False), upstream(record=False)
    running = gateway(mirrored(service.address, mirror.address, compare=True))
    body = b"x" * 60_000
    with running.connect() as client:
        for i in range(1500):
            client.send(post(body))
            assert client.read_answer().status == 200
            if i == 300:
                before = rss(running)
    assert rss(running) - before < 32 << 20


def test_a_draining_gateway_does_not_wait(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, hanging = upstream(), upstream(serve=never)
    document = mirrored(service.address, hanging.address)
    document["upstreams"]["next"]["timeouts"] = {"response": "1h"}
    running = gateway(document)
    assert running.get("/").status == 200
    hanging.wait_for(lambda: hanging.connections, "the copy")
    begin = time.monotonic()
    running.stop()
    assert time.monotonic() - begin < DEADLINE / 2


@pytest.mark.parametrize("options, words", [
    ("{}", "upstream"),
    ("{ upstream: ap }", 'did you mean "app"'),
    ("{ upstream: app, percent: 101 }", "percent"),
    ("{ upstream: app, compare: maybe }", "compare"),
    ("{ upstream: [app] }", "upstream"),
])
def test_mistakes_are_told(tmp_path: Path, options: str, words: str) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text("listeners: { a: { address: 127.0.0.1:0 } }\nupstreams: { app: { endpoints: [127.0.0.1:9] } }\n"
                    f"apis: {{ all: {{ upstream: app, policies: [ mirror: {options} ] }} }}\n", encoding="utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == 1 and words in done.stderr + done.stdout
