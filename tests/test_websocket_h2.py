# SPDX-License-Identifier: Apache-2.0
"""WebSockets over HTTP/2: an extended CONNECT of a client becomes the handshake of an upstream that has HTTP/1.1."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatehouse import Gateway, config_for
from h2_peers import H2Client, Stream
from upstream import Upstream
from websocket_peers import RawServer, RawWebSocket, accept_of, frame, noise, read_head
from wire import Reader

StartGateway = Callable[..., Gateway]
StartUpstream = Callable[..., Upstream]
TEXT, BINARY, CLOSE = 1, 2, 8


class H2WebSocket(RawWebSocket):
    """A stream of a client's connection, as an end of a WebSocket."""

    def __init__(self, client: H2Client, fields: list[tuple[str, str]], path: str, protocol: str):
        self.client = client
        self.number = client.begin(fields=fields, pseudo=[(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"),
                                                          (":path", path), (":authority", "gw.test")])
        self.reader = Reader(self._receive)

    @property
    def stream(self) -> Stream:
        """What came back."""
        return self.client.streams[self.number]

    def _receive(self) -> bytes:
        self.client.wait_for(lambda: self.stream.body or self.stream.is_over, "bytes of a WebSocket")
        data = bytes(self.stream.body)
        self.stream.body.clear()
        return data

    def status(self) -> int:
        """Of the answer."""
        self.client.wait_for(lambda: self.stream.fields, "the head of an answer")
        return self.stream.status

    def send(self, data: bytes) -> None:
        self.client.data(self.number, data)

    def end(self) -> None:
        """The client sends no more."""
        self.client.data(self.number, b"", end=True)


def ask(client: H2Client, path: str = "/", version: str = "13", protocol: str = "websocket",
        *lines: tuple[str, str]) -> H2WebSocket:
    """The handshake."""
    return H2WebSocket(client, [("sec-websocket-version", version), *lines], path, protocol)


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """An upstream whose every byte is the test's."""
    with RawServer() as server:
        yield server


def config(address: str, **more: Any) -> dict[str, Any]:
    """A listener that speaks both."""
    document = config_for(address, **more)
    document["listeners"]["main"]["protocols"] = ["h1", "h2"]
    return document


@pytest.fixture
def client(raw_server: RawServer, gateway: StartGateway) -> Iterator[tuple[Gateway, H2Client]]:
    """A gateway, and a connection to it."""
    running = gateway(config(raw_server.address))
    with H2Client(running.address()) as opened_client:
        opened_client.wait_for(lambda: opened_client.settings, "the settings")
        yield running, opened_client


def open_one(client: H2Client, server: RawServer) -> tuple[H2WebSocket, RawWebSocket]:
    """Both ends."""
    socket = ask(client)
    upstream = server.accept()
    assert socket.status() == 200
    return socket, upstream


def test_it_is_a_handshake_of_http_1_to_the_upstream(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    assert connection.settings[8] == 1  # RFC 8441 section 3
    socket = ask(connection, "/chat?room=1", "13", "WebSocket", ("sec-websocket-protocol", "a, b"),
                 ("sec-websocket-extensions", "permessage-deflate"), ("origin", "http://a.test"))
    socket.send(frame(TEXT, b"too early"))
    sock, _ = raw_server.listener.accept()
    sock.settimeout(30)
    server = RawWebSocket(sock)
    lines = read_head(server.reader).decode().split("\r\n")
    fields = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines[1:] if line}
    assert lines[0] == "GET /chat?room=1 HTTP/1.1"
    assert (fields["upgrade"], fields["connection"], fields["host"]) == ("websocket", "Upgrade", "gw.test")
    assert (fields["sec-websocket-protocol"], fields["sec-websocket-version"]) == ("a, b", "13")
    assert fields["sec-websocket-extensions"] == "permessage-deflate"
    assert "transfer-encoding" not in fields and "content-length" not in fields
    server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: b\r\n"
                b"Sec-WebSocket-Accept: " + accept_of(fields["sec-websocket-key"].encode()) + b"\r\n\r\n")
    assert socket.status() == 200
    assert socket.stream.fields["sec-websocket-protocol"] == "b"
    assert not {"sec-websocket-accept", "upgrade", "connection", "content-length"} & socket.stream.fields.keys()
    assert server.read_frame().content == b"too early"
    server.send(frame(CLOSE, b"\x03\xe8", mask=None))
    assert socket.read_frame().code == 1000
    socket.send(frame(CLOSE, b"\x03\xe8"))
    assert server.read_frame().code == 1000
    server.close()
    assert socket.reader.rest() == b""
    entry = running.wait_for_log(1)[0]
    assert (entry["status"], entry["method"], entry["path"], entry["protocol"]) == (200, "GET", "/chat", "HTTP/2.0")
    assert "reason" not in entry


def test_many_on_one_connection(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    _, connection = client
    pairs = [open_one(connection, raw_server) for _ in range(20)]
    large = noise(200_000)
    for number, (socket, server) in enumerate(pairs):
        socket.send(frame(TEXT, b"%d" % number))
        server.send(frame(BINARY, large, mask=None))
    for number, (socket, server) in enumerate(pairs):
        assert server.read_frame().content == b"%d" % number
        assert socket.read_frame().content == large
        server.close()
        assert socket.reader.rest() == b""


def test_large_messages_pass_both_ways(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    socket, server = open_one(client[1], raw_server)
    large = noise(3 << 20)
    server.socket.settimeout(60)
    socket.send(frame(BINARY, large, mask=b"\0\0\0\0"))
    assert server.reader.take(len(large) + 14)[14:] == large
    server.send(frame(BINARY, large, mask=None))
    assert socket.read_frame().content == large
    server.close()


def test_who_ends_is_told_to_the_other(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    socket, server = open_one(connection, raw_server)
    socket.end()
    assert server.reader.rest() == b""
    server.send(frame(TEXT, b"still here", mask=None))
    assert socket.read_frame().content == b"still here"
    server.close()
    assert socket.reader.rest() == b""
    socket, server = open_one(connection, raw_server)
    connection.reset(socket.number)
    assert server.reader.rest() == b""
    server.close()
    socket, server = open_one(connection, raw_server)
    server.reset()
    assert socket.reader.rest() == b""
    assert [entry["reason"] for entry in running.wait_for_log(3)] == ["client_aborted", "client_aborted", "upstream_aborted"]


def test_a_connection_that_breaks_ends_all(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    servers = [open_one(connection, raw_server)[1] for _ in range(3)]
    connection.close()
    for server in servers:
        assert server.reader.rest() == b""
        server.close()
    assert {entry["reason"] for entry in running.wait_for_log(3)} == {"client_aborted"}


def test_who_does_not_read_holds_up_who_writes(raw_server: RawServer, gateway: StartGateway) -> None:
    running = gateway(config(raw_server.address))
    with H2Client(running.address(), reads=False, window=65535) as connection:
        socket, server = open_one(connection, raw_server)
        server.socket.settimeout(1.0)
        piece, sent = frame(BINARY, noise(64 << 10), mask=None), 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += server.socket.send(piece[sent % len(piece):])
        assert sent < 64 << 20
        server.close()
        connection.reset(socket.number)


def test_draining_tells_both_sides(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    pairs = [open_one(connection, raw_server) for _ in range(3)]
    running.send_signal(signal.SIGTERM)
    for socket, server in pairs:
        told = server.read_frame()
        assert (told.code, told.is_masked) == (1001, True)
        assert socket.read_frame().code == 1001
        assert socket.reader.rest() == b""
        server.close()
    connection.wait_for(lambda: connection.goaways, "GOAWAY")
    connection.wait_for_end()
    running.stop()
    assert {entry["reason"] for entry in running.log} == {"shutting_down"}


def test_a_reload_does_not_touch_them(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    socket, server = open_one(connection, raw_server)
    document = config(raw_server.address)
    document["upstreams"]["app"]["timeouts"] = {"idle": "5s"}
    assert "generation 2 in force" in running.reload(document)
    socket.send(frame(TEXT, b"as before"))
    assert server.read_frame().content == b"as before"
    server.close()


@pytest.mark.parametrize(("asked", "status", "reason"), [
    ({"version": "8"}, 426, "websocket_version_unsupported"),
    ({"protocol": "connect-udp"}, 501, "method_unsupported"),
    ({"path": "/a/../../b"}, 400, "path_invalid"),
])
def test_a_bad_handshake_is_refused(asked: dict[str, str], status: int, reason: str, upstream: StartUpstream,
                                    gateway: StartGateway) -> None:
    app = upstream()
    running = gateway(config(app.address))
    with H2Client(running.address()) as connection:
        assert ask(connection, **asked).status() == status
    assert running.wait_for_log(1)[0]["reason"] == reason
    assert not app.connections


def test_an_upstream_that_does_not_want_it_answers(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").address))
    with H2Client(running.address()) as connection:
        socket = ask(connection)
        assert socket.status() == 403
        assert socket.reader.rest() == b"no"
        assert connection.get("/").status == 403  # the connection goes on


def test_a_wrong_proof_is_no_websocket(client: tuple[Gateway, H2Client], raw_server: RawServer) -> None:
    running, connection = client
    socket = ask(connection)
    server = raw_server.accept(b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
    assert socket.status() == 502
    assert running.wait_for_log(1)[0]["reason"] == "upstream_upgrade_failed"
    server.close()

