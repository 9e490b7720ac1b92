# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a harness that sees no faults makes every test pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import gatehouse
import peers
from gatehouse import Gateway
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import Connection, Malformed, Reader, Truncated, exchange, parse_answers, parse_requests

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

MALFORMED_REQUESTS = {
    "LF as a line end": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "LF at the end of a field": b"GET / HTTP/1.1\r\nHost: a\n\r\n",
    "bare CR in a field": b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    "two spaces in the request line": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "another version": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "folded field": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "length and coding":
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
    "chunk size with 0x": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
    "chunk longer than its size":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
    "body of a request without one": GET + b"x\r\n",
}

MALFORMED_ANSWERS = {
    "no space after the status": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "bytes after the answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx\r\n",
    "body of a 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx\r\n",
}

FAKE = """
import json, os, signal, sys, time
config = open(sys.argv[3]).read()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(os.environ.get("CODE", "0"))))
if "silent" not in os.environ.get("MODE", ""):
    print("listener main listening on 127.0.0.1:1234", file=sys.stderr, flush=True)
else:
    sys.exit(1)
print(os.environ.get("SAY", ""), file=sys.stderr, flush=True)
print(os.environ.get("LOG", '{"status": 200}'), flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the gateway's program, told by the environment how to misbehave."""
    program = tmp_path / "fake-gatehouse"
    program.write_text(f"#!{sys.executable}\n{FAKE}")
    program.chmod(0o755)
    monkeypatch.setenv("GATEHOUSE", str(program))
    return tmp_path


@pytest.mark.parametrize("data", MALFORMED_REQUESTS.values(), ids=MALFORMED_REQUESTS)
def test_malformed_requests_are_seen(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_requests(data)


@pytest.mark.parametrize("data", MALFORMED_ANSWERS.values(), ids=MALFORMED_ANSWERS)
def test_malformed_answers_are_seen(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_answers(data)


@pytest.mark.parametrize("cut", range(1, len(GET)))
def test_truncated_requests_are_seen(cut: int) -> None:
    with pytest.raises(Truncated):
        parse_requests(GET[:cut])


def test_pipelined_requests_are_read() -> None:
    post = (b"POST /x HTTP/1.1\r\nHost: b\r\nX-A: 1\r\nx-a:  2 \r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n")
    first, second, third = parse_requests(GET + post + GET)
    assert (first.method, first.target, first.version, first.body) == ("GET", "/", "HTTP/1.1", b"")
    assert second.body == b"abc0123456789" and second.chunked
    assert second.all("X-A") == ["1", "2"]
    assert second.trailers == [("T", "v")]
    assert third.get("host") == "a"
    with pytest.raises(AssertionError):
        second.get("x-a")


def test_pipelined_answers_are_read() -> None:
    data = (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 \r\n\r\nrest")
    first, second, third = parse_answers(data, ["HEAD"])
    assert first.status == 200 and first.body == b"" and [i.status for i in first.interim] == [103]
    assert second.status == 304 and second.body == b""
    assert third.body == b"rest" and third.until_close


def test_reading_is_the_same_for_any_split() -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    pieces = iter([data[i:i + 1] for i in range(len(data))] + [b""])
    assert Reader(lambda: next(pieces)).request() == parse_requests(data)[0]


def test_upstream_records_and_answers(upstream) -> None:
    server = upstream(lambda request: f"HTTP/1.1 200 OK\r\nContent-Length: {len(request.target)}\r\n\r\n"
                                      f"{request.target}".encode())
    address = ("127.0.0.1", server.port)
    with Connection(address) as connection:
        connection.send_bytewise(GET)
        assert connection.read_answer().body == b"/"
        connection.send_split(GET.replace(b"/ ", b"/two "), 9)
        assert connection.read_answer().body == b"/two"
    assert [r.target for r in server.wait_for_requests(2)] == ["/", "/two"]
    server.wait_until_all_closed()
    assert server.received == GET + GET.replace(b"/ ", b"/two ")


def test_upstream_sees_violations() -> None:
    with Upstream() as server:
        with Connection(("127.0.0.1", server.port)) as connection:
            connection.send(b"GET / HTTP/1.1\nHost: a\n\n")
            assert connection.read_until_closed() == b""
        server.wait_until_all_closed()
        assert len(server.violations) == 1 and not server.requests


def test_upstream_tells_truncation_from_violation() -> None:
    with Upstream() as server:
        with Connection(("127.0.0.1", server.port)) as connection:
            connection.send(GET[:-1])
        server.wait_for(lambda: server.connections, "the connection")
        server.wait_until_all_closed()
        assert server.connections[0].was_truncated and not server.violations and not server.requests


def test_upstream_closes_when_told() -> None:
    with Upstream(OK_ANSWER, close=True) as server:
        assert [a.status for a in exchange(("127.0.0.1", server.port), GET + GET)] == [200]
    with Upstream(None) as server:
        assert exchange(("127.0.0.1", server.port), GET) == []


def test_upstream_can_break_off() -> None:
    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        connection.reset()

    with Upstream(serve=serve) as server, Connection(("127.0.0.1", server.port)) as connection:
        connection.send(GET)
        connection.read_until_closed()
        assert connection.was_reset


def test_upstream_passes_on_what_went_wrong_in_it() -> None:
    def broken(_: object) -> bytes:
        raise KeyError("the test's own mistake")

    with pytest.raises(KeyError):
        with Upstream(broken) as server:
            assert exchange(("127.0.0.1", server.port), GET) == []


def test_gateway_starts_tells_and_stops(fake: Path) -> None:
    with Gateway({"listeners": {"main": {}}}, fake, workers=3) as running:
        assert running.address("main") == ("127.0.0.1", 1234)
        assert running.url("/x") == "http://127.0.0.1:1234/x"
        assert running.wait_for_log(1) == [{"status": 200}]
        assert '"workers": 3' in running.path.read_text()
    assert running.wait() == 0


@pytest.mark.parametrize("text, expected", [
    ("listeners: {main: {}}", "workers: 2"),
    ("workers: 7\nlisteners: {main: {}}", "workers: 7"),
    ('{"listeners": {"main": {}}}', '"workers": 2'),
])
def test_gateway_puts_workers_into_text(fake: Path, text: str, expected: str) -> None:
    with Gateway(text, fake, workers=2) as running:
        written = running.path.read_text()
    assert expected in written and written.count("workers") == 1


@pytest.mark.parametrize("env", [
    {"CODE": "3"},
    {"SAY": "==1==ERROR: AddressSanitizer: heap-use-after-free"},
    {"SAY": "x.c:1:2: runtime error: signed integer overflow"},
    {"SAY": "WARNING: ThreadSanitizer: data race"},
    {"MODE": "silent"},
])
def test_gateway_that_ends_badly_fails_the_test(fake: Path, env: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        with Gateway("{}", fake, env=env) as running:
            running.wait_for_log(1)


def test_gateway_whose_log_is_no_json_fails_the_test(fake: Path) -> None:
    with Gateway("{}", fake, env={"LOG": "no json"}) as running:
        with pytest.raises(ValueError):
            running.wait_for_log(1)


def test_gateway_that_dies_fails_the_test(fake: Path) -> None:
    with pytest.raises(AssertionError, match="exit code -9"):
        with Gateway("{}", fake) as running:
            running.process.kill()
            running.process.wait()


@pytest.mark.parametrize("text, address", [
    ("127.0.0.1:80", ("127.0.0.1", 80)),
    ("0.0.0.0:80", ("127.0.0.1", 80)),
    ("[::1]:80", ("::1", 80)),
    ("unix:/run/x.sock", "/run/x.sock"),
])
def test_addresses_are_read(text: str, address: object) -> None:
    assert Gateway._address(text) == address


def test_listeners_are_counted() -> None:
    assert gatehouse.count_listeners((gatehouse.DATA / "gateway.yaml").read_text()) == 1
    assert gatehouse.count_listeners("listeners: {a: {}, b: {}}") == 2


def test_real_peers_serve_files(nginx, file_server, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").write_text("content\n")
    for server in (nginx(root), file_server(root)):
        done = peers.curl(f"http://{server.address}/file.txt")
        assert (done.returncode, done.stdout) == (0, b"content\n"), done.stderr
