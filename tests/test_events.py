# SPDX-License-Identifier: Apache-2.0
"""Server-sent events and other streams: each piece passes when it is there, and what has no end is not cut off for that."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatehouse import Gateway, binary, config_for, environment
from upstream import Upstream
from wire import DEADLINE, Connection, Reader, Request, Truncated

StartGateway = Callable[..., Gateway]
StartUpstream = Callable[..., Upstream]
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /events HTTP/1.1\r\nHost: gw.test\r\n\r\n"
TOTAL = 0.3


def chunk(content: bytes) -> bytes:
    """One, or the last."""
    return b"%x\r\n%s\r\n" % (len(content), content)


def read_head(reader: Reader) -> list[bytes]:
    """Its lines."""
    lines = []
    while line := reader.line():
        lines.append(line)
    return lines


def read_chunk(reader: Reader) -> bytes:
    """The next one's content."""
    content = reader.take(int(reader.line(), 16))
    assert reader.line() == b""
    return content


def bounded(upstream: Upstream, where: str, **timeouts: str) -> dict[str, Any]:
    """A bound on the total time, by the upstream, the API or a policy."""
    document = config_for(upstream)
    total = f"{int(TOTAL * 1000)}ms"
    document["upstreams"]["app"]["timeouts"] = {**timeouts, **({"total": total} if where == "upstream" else {})}
    if where == "api":
        document["apis"]["all"]["timeouts"] = {"total": total}
    if where == "policy":
        document["apis"]["all"]["policies"] = [{"timeout": {"total": total}}, {"compress": {}}]
    return document


@pytest.mark.parametrize("piece", [b"data: x\n\n", b": only a comment\n\n", b"d", b"\n"])
@pytest.mark.parametrize("kind", [b"text/event-stream", b"application/x-ndjson", b"text/plain"])
def test_each_piece_passes_when_it_is_there(kind: bytes, piece: bytes, upstream: StartUpstream,
                                            gateway: StartGateway) -> None:
    """The next is written when the client has the last: whoever held one back would wait for ever."""
    may_go_on = threading.Semaphore(0)

    def answer(_: Request) -> Iterator[bytes]:
        yield EVENTS % kind
        for _number in range(10):
            assert may_go_on.acquire(timeout=DEADLINE)
            yield chunk(piece)
        yield chunk(b"")

    with gateway(config_for(upstream(answer))).connect() as client:
        client.send(GET)
        read_head(client.reader)
        for _ in range(10):
            may_go_on.release()
            assert read_chunk(client.reader) == piece
        assert read_chunk(client.reader) == b""


def until_cut_off(client: Connection) -> int:
    """How many pieces came before the answer broke off."""
    read_head(client.reader)
    count = 0
    while True:
        try:
            read_chunk(client.reader)
        except Truncated:
            return count
        count += 1


@pytest.mark.parametrize("kind", [b"text/event-stream", b"Text/Event-Stream ; charset=utf-8"])
@pytest.mark.parametrize("where", ["upstream", "api", "policy"])
def test_a_stream_outlives_bounds_on_the_total_time(where: str, kind: bytes, upstream: StartUpstream,
                                                    gateway: StartGateway) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield EVENTS % kind
        for number in range(8):
            time.sleep(TOTAL / 3)
            yield chunk(b"data: %d\n\n" % number)
        yield chunk(b"")

    running = gateway(bounded(upstream(answer), where))
    with running.connect() as client:
        client.send(GET)
        answer_read = client.read_answer()
    assert answer_read.body.count(b"data: ") == 8
    assert "reason" not in running.wait_for_log(1)[0]


@pytest.mark.parametrize("where", ["upstream", "api", "policy"])
def test_other_answers_do_not(where: str, upstream: StartUpstream, gateway: StartGateway) -> None:
    is_over = threading.Event()

    def answer(_: Request) -> Iterator[bytes]:
        yield EVENTS % b"text/event-stream-like"
        while not is_over.wait(TOTAL / 10):
            yield chunk(b"more\n")

    running = gateway(bounded(upstream(answer), where))
    with running.connect() as client:
        client.send(GET)
        until_cut_off(client)
    is_over.set()
    assert running.wait_for_log(1)[0]["reason"] == "upstream_read_timeout"


def test_a_stream_must_begin_in_time(upstream: StartUpstream, gateway: StartGateway) -> None:
    is_over = threading.Event()

    def answer(_: Request) -> Iterator[bytes]:
        is_over.wait(DEADLINE)
        yield EVENTS % b"text/event-stream"

    running = gateway(bounded(upstream(answer), "upstream"))
    with running.connect() as client:
        client.send(GET)
        assert client.read_answer().status == 504
    is_over.set()


def test_a_silent_stream_is_cut_off_all_the_same(upstream: StartUpstream, gateway: StartGateway) -> None:
    is_over = threading.Event()

    def answer(_: Request) -> Iterator[bytes]:
        yield EVENTS % b"text/event-stream"
        yield chunk(b"data: 1\n\n")
        is_over.wait(DEADLINE)

    running = gateway(bounded(upstream(answer), "upstream", idle="200ms"))
    with running.connect() as client:
        client.send(GET)
        assert until_cut_off(client) == 1
    is_over.set()
    assert running.wait_for_log(1)[0]["reason"] == "upstream_read_timeout"


def test_whoever_hangs_up_ends_it(upstream: StartUpstream, gateway: StartGateway) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield EVENTS % b"text/event-stream"
        while True:
            time.sleep(0.02)
            yield chunk(b"data: 1\n\n")

    app = upstream(answer)
    running = gateway(bounded(app, "upstream"))
    with running.connect() as client:
        client.send(GET)
        read_head(client.reader)
        read_chunk(client.reader)
    app.wait_until_all_closed()
    assert running.wait_for_log(1)[0]["reason"] == "client_aborted"


def test_curl_shows_the_events_of_the_echo(gateway: StartGateway) -> None:
    echo = subprocess.Popen([binary(), "echo", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, env=environment())
    assert echo.stderr
    address = echo.stderr.readline().decode().rpartition(" ")[2].strip()
    running = gateway(config_for(address))
    curl = subprocess.Popen(["curl", "--silent", "--no-buffer", running.url("/sse")], stdout=subprocess.PIPE)
    assert curl.stdout
    assert [curl.stdout.readline() for _ in range(4)] == [b'data: {"event": 1}\n', b"\n", b'data: {"event": 2}\n', b"\n"]
    curl.terminate()
    curl.wait(DEADLINE)
    curl.stdout.close()
    echo.terminate()
    assert echo.wait(DEADLINE) == 0
    echo.stderr.close()
