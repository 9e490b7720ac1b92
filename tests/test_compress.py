# SPDX-License-Identifier: Apache-2.0
"""compress end to end: real decoders, every size and framing, and streams that must not be held back."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from gatehouse import Gateway
from peers import Nginx, curl
from simple import MIB, chunk, config, get, rss
from upstream import Upstream
from wire import DEADLINE, Answer, Request, Truncated

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

CODINGS = ["gzip", "br", "zstd"]
TYPE = "Content-Type: application/json\r\n"


def decode(coding: str | None, body: bytes) -> bytes:
    """By the library that clients use."""
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "br":
        return bytes(brotli.decompress(body))
    if coding == "zstd":
        return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(body))
    assert coding is None
    return body


class Decoder:
    """As a browser does: bytes in as they come, bytes out as far as they can be told."""

    def __init__(self, coding: str):
        self.process: Callable[[bytes], bytes] = {
            "gzip": lambda: zlib.decompressobj(31).decompress,
            "br": lambda: brotli.Decompressor().process,
            "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
        }[coding]()


def body_of(size: int) -> bytes:
    """Something like JSON, that compresses to about a third."""
    source = random.Random(size)
    piece = b"".join(b'{"id":%d,"name":"%x"},' % (i, source.getrandbits(64)) for i in range(4000))
    return (piece * (size // len(piece) + 1))[:size]


def compressing(address: str, more: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """One API behind compress."""
    return config(address, api={"policies": [{"compress": {"minimum": 0, **(more or {})}}]}, **options)


def length_of(body: bytes, fields: str = TYPE) -> bytes:
    """An answer of a known length."""
    return f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes, size: int, fields: str = TYPE) -> Iterator[bytes]:
    """The same in chunks, each sent by itself."""
    yield f"HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n".encode()
    for at in range(0, len(body), size):
        yield chunk(body[at:at + size])
    yield chunk(b"") + b"ETag: \"t\"\r\n\r\n"


def accept(coding: str) -> str:
    """The field."""
    return f"Accept-Encoding: {coding}\r\n"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_every_size_comes_back(upstream: StartUpstream, gateway: StartGateway, coding: str, framing: str) -> None:
    def answer(request: Request) -> Any:
        body = body_of(int(request.target[1:]))
        if framing == "chunked":
            return chunked(body, 7001)
        if framing == "length":
            return length_of(body)
        return f"HTTP/1.1 200 OK\r\n{TYPE}Connection: close\r\n\r\n".encode() + body

    service = upstream(answer, close=framing == "until close")
    with gateway(compressing(service.address)).connect() as client:
        for size in (0, 1, 100, 16384, 16385, 100_000, 3 * MIB):
            client.send(get(f"/{size}", accept(coding)))
            got = client.read_answer()
            assert (got.status, got.get("content-encoding"), got.get("vary")) == (200, coding, "Accept-Encoding")
            assert got.chunked and got.get("content-length") is None
            assert hashlib.sha256(decode(coding, got.body)).digest() == hashlib.sha256(body_of(size)).digest()
            assert size < 16384 or len(got.body) < size / 2
            assert got.trailers == ([("ETag", '"t"')] if framing == "chunked" else [])


@pytest.mark.parametrize("coding", CODINGS)
def test_events_arrive_at_once(upstream: StartUpstream, gateway: StartGateway, coding: str) -> None:
    went_on = threading.Semaphore(0)

    def answer(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        for i in range(20):
            assert went_on.acquire(timeout=DEADLINE)
            yield chunk(b"data: %d\n\n" % i)
        yield chunk(b"") + b"\r\n"

    service = upstream(answer)
    with gateway(compressing(service.address)).connect() as client:
        decoder = Decoder(coding)
        client.send(get("/", accept(coding)))
        reader, text = client.reader, b""
        assert reader.line() == b"HTTP/1.1 200 OK"  # before there is any event
        while reader.line():
            pass
        for i in range(20):
            went_on.release()
            while not text.endswith(b"data: %d\n\n" % i):  # nobody sends more until this one is here
                text += decoder.process(reader.take(int(reader.line(), 16)))
                assert reader.line() == b""
        assert text == b"".join(b"data: %d\n\n" % i for i in range(20))


def test_real_clients(gateway: StartGateway, tmp_path: Path, stack: Any) -> None:
    root = tmp_path / "root"
    root.mkdir()
    body = body_of(2 * MIB)
    (root / "data.json").write_bytes(body)
    (root / "image.png").write_bytes(body)
    server = Nginx(tmp_path, root, http="types { application/json json; image/png png; }")
    stack.callback(server.stop)
    running = gateway(compressing(server.address))
    for coding in CODINGS:
        got = curl("--compressed", "-H", f"Accept-Encoding: {coding}", "-D", tmp_path / "head", running.url("/data.json"))
        head = (tmp_path / "head").read_text().lower()
        assert f"content-encoding: {coding}" in head and 'etag: w/"' in head and "accept-ranges" not in head
        assert got.stdout == body
    for arguments in (("-H", "Accept-Encoding: identity"), ("-H", "Accept-Encoding: gzip", "-H", "Cookie: a=b")):
        got = curl(*arguments, "-D", tmp_path / "head", running.url("/data.json"))
        assert "content-encoding" not in (tmp_path / "head").read_text().lower() and got.stdout == body
    got = curl("-H", "Accept-Encoding: gzip", "-r", "100-199", "-D", tmp_path / "head", running.url("/data.json"))
    assert "206" in (tmp_path / "head").read_text().splitlines()[0] and got.stdout == body[100:200]
    got = curl("-H", "Accept-Encoding: gzip", running.url("/image.png"))
    assert got.stdout == body


def test_a_stored_answer_is_confirmed_by_its_weak_tag(gateway: StartGateway, tmp_path: Path, stack: Any) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "data.json").write_bytes(body_of(5000))
    server = Nginx(tmp_path, root, http="types { application/json json; }")
    stack.callback(server.stop)
    with gateway(compressing(server.address)).connect() as client:
        client.send(get("/data.json", accept("gzip")))
        tag = client.read_answer().get("etag")
        assert tag and tag.startswith('W/"')
        client.send(get("/data.json", accept("gzip") + f"If-None-Match: {tag}\r\n"))
        again = client.read_answer()
        assert (again.status, again.get("etag")) == (304, tag)
        client.send(get("/data.json", accept("gzip"), method="HEAD"))
        head = client.read_answer(method="HEAD")
        assert (head.get("content-encoding"), head.get("content-length"), head.get("etag")) == ("gzip", None, tag)


@pytest.mark.parametrize("fields, status", [
    ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 200),
    ("Content-Type: application/json\r\nCache-Control: no-transform\r\n", 200),
    ("Content-Type: image/png\r\n", 200),
    ("Content-Type: application/json\r\nContent-Range: bytes 0-9/20\r\n", 206),
])
def test_what_must_stay_stays(upstream: StartUpstream, gateway: StartGateway, fields: str, status: int) -> None:
    raw = f"HTTP/1.1 {status} X\r\n{fields}ETag: \"a\"\r\nContent-Length: 10\r\n\r\n0123456789".encode()
    service = upstream(raw)
    with gateway(compressing(service.address)).connect() as client:
        client.send(get("/", accept("gzip, br, zstd")))
        got = client.read_answer()
        assert (got.body, got.get("etag"), got.get("vary")) == (b"0123456789", '"a"', None)


def test_an_old_client_gets_it_until_close(upstream: StartUpstream, gateway: StartGateway) -> None:
    body = body_of(50_000)
    service = upstream(lambda _: length_of(body))
    with gateway(compressing(service.address)).connect() as client:
        client.send(get("/", accept("gzip"), version="HTTP/1.0"))
        got = client.read_answer()
        assert got.until_close and decode("gzip", got.body) == body


@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_that_breaks_off_is_no_whole_one(upstream: StartUpstream, gateway: StartGateway, coding: str) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\n{TYPE}Content-Length: 100000\r\n\r\n".encode() + body_of(50_000)

    service = upstream(answer, close=True)
    running = gateway(compressing(service.address))
    with running.connect() as client:
        client.send(get("/", accept(coding)))
        with pytest.raises(Truncated):
            client.read_answer()
    assert running.wait_for_log(1)[0]["reason"] == "upstream_aborted"


def test_a_client_may_go_in_the_middle(upstream: StartUpstream, gateway: StartGateway) -> None:
    body = body_of(MIB)
    service = upstream(lambda _: (length_of(body) if _.target == "/small" else chunked(body * 30, MIB)), record=False)
    running = gateway(compressing(service.address))
    for _ in range(20):
        with running.connect() as client:
            client.send(get("/large", accept("br")))
            assert client.reader.take(1000)
    with running.connect() as client:
        client.send(get("/small", accept("br")))
        assert decode("br", client.read_answer().body) == body


def test_more_than_can_be_compressed_at_a_time_go_as_they_are(upstream: StartUpstream, gateway: StartGateway) -> None:
    finish = threading.Event()

    def answer(_: Request) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\n{TYPE}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk(b"[1]")
        assert finish.wait(DEADLINE)
        yield chunk(b"[2]") + chunk(b"") + b"\r\n"

    service = upstream(answer)
    running = gateway(compressing(service.address))
    clients = [running.connect() for _ in range(140)]
    try:
        for client in clients:
            client.send(get("/", accept("gzip")))
            assert client.reader.fill()  # its head is here, so its encoder is taken or not
        finish.set()
        answers = [client.read_answer() for client in clients]
    finally:
        finish.set()
        for client in clients:
            client.close()
    codings = [answer.get("content-encoding") for answer in answers]
    assert {decode(coding, answer.body) for coding, answer in zip(codings, answers)} == {b"[1][2]"}
    assert codings.count("gzip") == 128 and codings.count(None) == 12


def test_large_bodies_leave_time_for_others_and_no_memory_behind(upstream: StartUpstream, gateway: StartGateway) -> None:
    body = body_of(MIB)

    def answer(request: Request) -> Any:
        return chunked(body * 40, MIB) if request.target == "/large" else length_of(b"[]")

    service = upstream(answer, record=False)
    running = gateway(compressing(service.address))

    def fetch_large(coding: str) -> Answer:
        with running.connect() as client:
            client.send(get("/large", accept(coding)))
            return client.read_answer()

    with running.connect() as client, ThreadPoolExecutor(3) as pool:
        before = rss(running)
        large = [pool.submit(fetch_large, coding) for coding in CODINGS]
        small = 0
        while not all(future.done() for future in large):
            client.send(get("/small"))
            assert client.read_answer().body == b"[]"
            small += 1
        wanted = hashlib.sha256(body * 40).digest()
        for coding, future in zip(CODINGS, large):
            assert hashlib.sha256(decode(coding, future.result().body)).digest() == wanted
        assert small > 20  # others were served meanwhile
        assert rss(running) - before < 64 * MIB


def test_respond_is_left_alone(gateway: StartGateway) -> None:
    document = config("127.0.0.1:9", api={"policies": [
        {"compress": {"minimum": 0}}, {"respond": {"json": {"a": "b" * 5000}}}]})
    with gateway(document).connect() as client:
        client.send(get("/", accept("gzip")))
        assert client.read_answer().get("content-encoding") is None
