# SPDX-License-Identifier: Apache-2.0
"""WebSockets through the gateway: real clients and servers, every way to end, and handshakes that are none."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import InvalidStatusCode
from websockets.legacy.client import connect as open_websocket
from websockets.typing import Subprotocol

from admin import Admin
from gatehouse import Gateway, binary, config_for, environment
from node_peers import NodeClient, NodeServer
from test_replacement import is_there, wait_for_end
from tls import secure
from upstream import Upstream
from websocket_peers import (KEY, RawServer, RawWebSocket, WebSocketServer, connect, frame, handshake, noise, opened,
                             read_head, run)
from wire import wait_until

StartGateway = Callable[..., Gateway]
StartServer = Callable[..., WebSocketServer]
StartUpstream = Callable[..., Upstream]
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture
def websocket_server(stack: contextlib.ExitStack) -> StartServer:
    """Starts servers of python3-websockets: `websocket_server(handler)`."""

    def start(*arguments: Any, **options: Any) -> WebSocketServer:
        started = WebSocketServer(*arguments, **options)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """An upstream whose every byte is the test's."""
    with RawServer() as server:
        yield server


@pytest.fixture
def tunnel(raw_server: RawServer, gateway: StartGateway) -> Callable[..., tuple[Gateway, RawWebSocket, RawWebSocket]]:
    """Starts a gateway and opens a WebSocket through it: the gateway, the client's end, the server's."""

    def start(timeouts: dict[str, str] | None = None, **options: Any) -> tuple[Gateway, RawWebSocket, RawWebSocket]:
        running = gateway(config(raw_server.address, timeouts), **options)
        return running, *open_through(running, raw_server)

    return start


def config(address: str, timeouts: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """All goes to that upstream."""
    document = config_for(address, **more)
    if timeouts:
        document["upstreams"]["app"]["timeouts"] = timeouts
    return document


def open_through(running: Gateway, server: RawServer) -> tuple[RawWebSocket, RawWebSocket]:
    """Both ends of another one."""
    client = connect(running.address())
    upstream = server.accept()
    assert read_head(client.reader).startswith(b"HTTP/1.1 101 ")
    return client, upstream


def url(running: Gateway, path: str = "/") -> str:
    """For real clients."""
    return running.url(path).replace("http:", "ws:")


# Messages.

def test_messages_pass_as_they_are(websocket_server: StartServer, gateway: StartGateway) -> None:
    server = websocket_server(subprotocols=["chat"])
    running = gateway(config(server.address))
    large = noise(10 << 20)

    async def parts() -> AsyncIterator[bytes]:
        for size in (0, 1, 125, 126, 65535, 65536, 3):
            yield b"p" * size

    async def talk() -> None:
        async with open_websocket(url(running, "/chat?room=1"), max_size=None,
                                  subprotocols=[Subprotocol("other"), Subprotocol("chat")]) as client:
            assert client.subprotocol == "chat"
            assert [extension.name for extension in client.extensions] == ["permessage-deflate"]
            messages: list[str | bytes] = ["", "text", "\N{SNOWMAN}" * 1000, b"", b"\0" * 70000, large]
            for message in messages:
                await client.send(message)
                assert await client.recv() == message
            await client.send(parts())
            assert len(await client.recv()) == 0 + 1 + 125 + 126 + 65535 + 65536 + 3
            await (await client.ping(b"are you there"))
        assert client.close_code == 1000

    run(talk())
    assert server.wait_for_codes(1) == [1000]
    entry = running.wait_for_log(1)[0]
    assert (entry["status"], entry["path"], entry["method"]) == (101, "/chat", "GET")
    assert "reason" not in entry
    assert entry["request_bytes"] > len(large) and entry["response_bytes"] > len(large)


def test_many_talk_at_once(websocket_server: StartServer, gateway: StartGateway) -> None:
    server = websocket_server()
    running = gateway(config(server.address), workers=2)

    async def one(number: int) -> None:
        async with open_websocket(url(running)) as client:
            for turn in range(20):
                await client.send(f"{number}-{turn}" * 10)
                assert await client.recv() == f"{number}-{turn}" * 10

    async def talk() -> None:
        await asyncio.gather(*(one(number) for number in range(50)))

    run(talk())
    assert {entry["status"] for entry in running.wait_for_log(50)} == {101}


@pytest.mark.parametrize("compress", [False, True])
def test_node_on_either_side(compress: bool, node_server: Callable[..., NodeServer], node_client: Callable[..., NodeClient],
                             gateway: StartGateway) -> None:
    server, client = node_server("ws_server.js", protocols=["chat"], compress=compress), node_client("ws_client.js")
    running = gateway(config(server.address))
    result = client.call(url=url(running, "/x"), send=["a", "ping"], binary=[70000, 5 << 20], expect=3, protocols=["chat"],
                         compress=compress)
    assert result["messages"] == ["a", {"size": 70000, "is_same": True}, {"size": 5 << 20, "is_same": True}]
    assert (result["protocol"], result["code"], result["pings"]) == ("chat", 1000, 1)
    assert bool(result["extensions"]) == compress
    closed = client.call(url=url(running), send=["close 4000 enough"], expect=9)
    assert (closed["code"], closed["words"]) == (4000, "enough")
    assert client.call(url=url(running), send=["die"])["code"] == 1006
    assert [entry.get("reason") for entry in running.wait_for_log(3)] == [None, None, "upstream_aborted"]


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
def test_close_codes_pass(code: int, websocket_server: StartServer, gateway: StartGateway) -> None:
    async def closes_when_told(peer: Any) -> None:
        if await peer.recv() == "you":
            await peer.close(code, "the server's words")
        await peer.wait_closed()

    server = websocket_server(closes_when_told)
    running = gateway(config(server.address))

    async def talk(word: str) -> tuple[int | None, str | None]:
        async with open_websocket(url(running)) as client:
            await client.send(word)
            if word == "I":
                await client.close(code, "the client's words")
            await client.wait_closed()
            return client.close_code, client.close_reason

    assert run(talk("you")) == (code, "the server's words")
    assert run(talk("I"))[0] == code
    assert server.wait_for_codes(2) == [code, code]
    assert all("reason" not in entry for entry in running.wait_for_log(2))


# Ends.

def test_a_reset_of_the_client_reaches_the_server(tunnel: Callable[..., Any]) -> None:
    running, client, server = tunnel()
    client.reset()
    assert server.reader.rest() == b""
    server.close()
    assert running.wait_for_log(1)[0]["reason"] == "client_aborted"


def test_a_reset_of_the_server_reaches_the_client(tunnel: Callable[..., Any]) -> None:
    running, client, server = tunnel()
    server.send(frame(TEXT, b"last words", mask=None))
    assert client.read_frame().content == b"last words"
    server.reset()
    assert client.reader.rest() == b""
    client.close()
    assert running.wait_for_log(1)[0]["reason"] == "upstream_aborted"


def test_an_end_is_passed_on_and_the_other_way_goes_on(tunnel: Callable[..., Any]) -> None:
    _, client, server = tunnel()
    client.socket.shutdown(socket.SHUT_WR)
    assert server.reader.rest() == b""
    server.send(frame(TEXT, b"still here", mask=None))
    assert client.read_frame().content == b"still here"
    server.close()
    assert client.reader.rest() == b""
    client.close()


def test_silence_ends_it(tunnel: Callable[..., Any]) -> None:
    running, client, server = tunnel({"tunnel": "200ms"})
    assert client.read_frame().code == 1001
    told = server.read_frame()
    assert (told.code, told.is_masked) == (1001, True)
    assert running.wait_for_log(1)[0]["reason"] == "tunnel_timeout"
    client.close()
    server.close()


def test_who_does_not_read_holds_up_who_writes(tunnel: Callable[..., Any]) -> None:
    """What is under way is bounded by the buffers of sockets and one read of the gateway's."""
    _, client, server = tunnel()
    piece = frame(BINARY, noise(64 << 10), mask=None)
    server.socket.settimeout(1.0)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 256 << 20:
            sent += server.socket.send(piece[sent % len(piece):])
    assert sent < 64 << 20
    server.socket.settimeout(30)
    client.send(frame(TEXT, b"the other way is free"))
    assert server.read_frame().content == b"the other way is free"
    expected = (piece * (sent // len(piece) + 1))[:sent]
    assert client.reader.take(sent) == expected
    client.close()
    server.close()


SERVER = """
import asyncio, sys, websockets
async def main():
    async with websockets.serve(lambda peer: peer.wait_closed(), "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"""


def test_an_upstream_that_is_killed_ends_all_of_them(gateway: StartGateway) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    running = gateway(config(f"127.0.0.1:{int(server.stdout.readline())}", admin={"address": "127.0.0.1:0"}), workers=2)
    clients = [opened(running.address()) for _ in range(200)]
    page = Admin(running).get("/metrics").body.decode()
    assert 'gatehouse_connections{listener="main",state="active"} 200' in page
    server.kill()
    server.wait()
    server.stdout.close()
    for client in clients:
        assert client.reader.rest() == b""
        client.close()
    assert {entry["reason"] for entry in running.wait_for_log(200)} == {"upstream_aborted"}
    wait_until(lambda: 'state="active"} 0' in Admin(running).get("/metrics").body.decode(), "nobody to be active")


# The gateway goes away.

@pytest.mark.parametrize("within_a_frame", [False, True])
def test_draining_tells_both_sides(within_a_frame: bool, tunnel: Callable[..., Any]) -> None:
    running, client, server = tunnel()
    client.send(frame(TEXT, b"hello"))
    assert server.read_frame().content == b"hello"
    if within_a_frame:
        server.send(frame(TEXT, b"in two parts", mask=None)[:5])
        assert client.reader.take(1) == b"\x81"
    running.send_signal(signal.SIGTERM)
    running.wait_for_message("draining")
    told = server.read_frame()
    assert (told.code, told.is_masked) == (1001, True)
    if within_a_frame:  # its end comes before the last word
        server.send(frame(TEXT, b"in two parts", mask=None)[5:])
        assert client.reader.take(13) == frame(TEXT, b"in two parts", mask=None)[1:]
    told = client.read_frame()
    assert (told.code, told.is_masked) == (1001, False)
    assert client.reader.rest() == b""
    assert server.reader.rest() == b""
    client.close()
    server.close()
    running.stop()
    assert running.log[0]["reason"] == "shutting_down"


def test_real_peers_see_1001(websocket_server: StartServer, gateway: StartGateway) -> None:
    server = websocket_server()
    running = gateway(config(server.address))

    async def talk() -> Any:
        async with open_websocket(url(running)) as client:
            await client.send("a")
            assert await client.recv() == "a"
            running.send_signal(signal.SIGTERM)
            await client.wait_closed()
            return client.close_code

    assert run(talk()) == 1001
    assert server.wait_for_codes(1) == [1001]
    running.stop()


def test_a_second_signal_does_not_wait(tunnel: Callable[..., Any]) -> None:
    running, client, server = tunnel()
    server.send(frame(TEXT, b"a part only", mask=None)[:5])
    client.reader.take(5)
    running.send_signal(signal.SIGTERM)
    assert server.read_frame().code == 1001
    running.send_signal(signal.SIGTERM)
    running.stop()
    assert client.reader.rest() == b""
    client.close()
    server.close()


def test_a_reload_does_not_touch_them(tunnel: Callable[..., Any], raw_server: RawServer) -> None:
    running, client, server = tunnel()
    assert "generation 2 in force" in running.reload(config(raw_server.address, {"idle": "5s"}))
    client.send(frame(TEXT, b"as before"))
    assert server.read_frame().content == b"as before"
    client.close()
    server.close()
    assert running.wait_for_log(1)[0]["generation"] == 1


def test_a_listener_that_goes_tells_them(tunnel: Callable[..., Any], raw_server: RawServer) -> None:
    running, client, server = tunnel()
    document = config(raw_server.address)
    document["listeners"] = {"other": {"address": "127.0.0.1:0"}}
    assert "generation 2 in force" in running.reload(document)
    assert client.read_frame().code == 1001
    assert server.read_frame().code == 1001
    client.close()
    server.close()


def test_the_process_that_was_replaced_keeps_them(tunnel: Callable[..., Any], raw_server: RawServer) -> None:
    running, client, server = tunnel()
    old = running.replace()
    second, second_server = open_through(running, raw_server)
    for ends in ((client, server), (second, second_server)):
        ends[0].send(frame(TEXT, b"on it goes"))
        assert ends[1].read_frame().content == b"on it goes"
    assert is_there(old)
    client.close()
    server.close()
    wait_for_end(old)
    second.close()
    second_server.close()


def test_a_drained_endpoint_keeps_them(raw_server: RawServer, gateway: StartGateway) -> None:
    running = gateway(config(raw_server.address, admin={"address": "127.0.0.1:0"}))
    client, server = open_through(running, raw_server)
    assert Admin(running).ask("POST", f"/v1/upstreams/app/endpoints/{raw_server.address}/drain").status == 200
    client.send(frame(TEXT, b"as before"))
    assert server.read_frame().content == b"as before"
    client.close()
    server.close()


# TLS.

def secured(directory: Path, server: ssl.SSLContext) -> tuple[dict[str, Any], dict[str, Any], ssl.SSLContext]:
    """The `tls` of a listener and of an upstream, and a context for clients; `server` gets its certificate."""
    tls, client = secure(directory, "http/1.1")
    authority = trustme.CA()
    authority.issue_cert("app.test").configure_cert(server)
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    return tls, {"ca": str(directory / "ca.pem"), "server_name": "app.test"}, client


def test_tls_on_both_sides(websocket_server: StartServer, gateway: StartGateway, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls, upstream_tls, trusting = secured(tmp_path, context)
    server = websocket_server(ssl=context)
    document = config(server.address)
    document["listeners"]["main"]["tls"] = tls
    document["upstreams"]["app"]["tls"] = upstream_tls
    running = gateway(document)
    large = noise(5 << 20)

    def secure_socket() -> Any:
        return open_websocket(f"wss://gw.test:{running.port()}/", host="127.0.0.1", ssl=trusting,
                              server_hostname="gw.test", max_size=None)

    async def talk() -> None:
        async with secure_socket() as client:
            for size in (0, 1, 16384, 16385, 200_000):
                await client.send(large[:size])
                assert await client.recv() == large[:size]
            await client.send(large)
            assert await client.recv() == large
            await asyncio.gather(*(client.send(large[:100_000]) for _ in range(20)))
            for _ in range(20):
                assert await client.recv() == large[:100_000]
        assert client.close_code == 1000
        async with secure_socket() as client:
            await client.send("a")
            assert await client.recv() == "a"
            running.send_signal(signal.SIGTERM)
            await client.wait_closed()
            assert client.close_code == 1001

    run(talk())
    assert server.wait_for_codes(2) == [1000, 1001]
    running.stop()
    assert [entry.get("reason") for entry in running.log] == [None, "shutting_down"]


# Handshakes.

def test_nothing_passes_before_the_switch(raw_server: RawServer, gateway: StartGateway) -> None:
    running = gateway(config(raw_server.address))
    client = connect(running.address(), handshake() + frame(TEXT, b"too early"))
    sock, _ = raw_server.listener.accept()
    server = RawWebSocket(sock)
    head = read_head(server.reader)
    sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in head
    assert b"\r\nsec-websocket-key: " + KEY + b"\r\n" in head
    sock.settimeout(30)
    server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" + frame(TEXT, b"at once", mask=None))
    assert server.read_frame().content == b"too early"
    assert read_head(client.reader).startswith(b"HTTP/1.1 101 ")
    assert client.read_frame().content == b"at once"
    client.close()
    server.close()


@pytest.mark.parametrize(("change", "status", "reason"), [
    ("sec-websocket-version: 8", 426, "websocket_version_unsupported"),
    ("sec-websocket-version:", 426, "websocket_version_unsupported"),
    ("sec-websocket-key:", 400, "websocket_malformed"),
    ("sec-websocket-key: short", 400, "websocket_malformed"),
    ("content-length: 5", 400, "framing_ambiguous"),
    ("transfer-encoding: chunked", 400, "framing_ambiguous"),
])
def test_a_bad_handshake_is_refused(change: str, status: int, reason: str, upstream: StartUpstream,
                                    gateway: StartGateway) -> None:
    app = upstream()
    running = gateway(config_for(app))
    with running.connect() as client:
        client.send(handshake("/", change))
        answer = client.read_answer()
        assert answer.status == status
        if status == 426:
            assert (answer.get("Sec-WebSocket-Version"), answer.get("Upgrade")) == ("13", "websocket")
    assert running.wait_for_log(1)[0]["reason"] == reason
    assert not app.connections


@pytest.mark.parametrize("change", ["upgrade: h2c", "upgrade:", "connection: keep-alive"])
def test_what_asks_for_none_is_a_request_like_others(change: str, upstream: StartUpstream, gateway: StartGateway) -> None:
    app = upstream()
    running = gateway(config_for(app))
    with running.connect() as client:
        client.send(handshake("/", change))
        assert client.read_answer().status == 200
    assert not {"upgrade", "connection"} & app.connections[0].requests[0].names()


def test_a_service_that_is_spoken_to_by_http_2_has_none(gateway: StartGateway) -> None:
    document = {"listeners": {"main": {"address": "127.0.0.1:0", "protocols": ["h2"]}},
                "apis": {"all": {"policies": [{"respond": {"body": "hello"}}]}}}
    service = gateway(document)
    behind = config(f"127.0.0.1:{service.port()}")
    behind["upstreams"]["app"]["protocol"] = "h2"
    running = gateway(behind)
    assert running.get("/").body == b"hello"
    with running.connect() as client:
        client.send(handshake())
        assert client.read_answer().status == 502
    assert running.wait_for_log(2)[1]["reason"] == "upstream_upgrade_failed"
    assert running.get("/").body == b"hello"


def test_policies_refuse_one_as_any_request(websocket_server: StartServer, gateway: StartGateway) -> None:
    server = websocket_server()
    document = config(server.address)
    document["apis"]["all"]["policies"] = [{"ip": {"deny": ["127.0.0.1"]}}]
    running = gateway(document)

    async def talk() -> int:
        try:
            async with open_websocket(url(running)):
                return 101
        except InvalidStatusCode as refused:
            return int(refused.status_code)

    assert run(talk()) == 403
    assert running.wait_for_log(1)[0]["reason"] == "ip_denied"


# The echo.

@pytest.fixture(scope="module")
def echo_address() -> Iterator[tuple[str, int]]:
    """Where `gatehouse echo` listens."""
    process = subprocess.Popen([binary(), "echo", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, env=environment())
    assert process.stderr
    line = process.stderr.readline().decode()
    yield "127.0.0.1", int(line.rpartition(":")[2])
    process.terminate()
    assert process.wait(30) == 0
    assert b"Sanitizer" not in process.stderr.read()
    process.stderr.close()


def test_the_echo_serves_real_clients(echo_address: tuple[str, int]) -> None:
    async def talk() -> None:
        async with open_websocket(f"ws://127.0.0.1:{echo_address[1]}/ws?x", max_size=None) as client:
            messages: list[str | bytes] = ["", "hello", noise(3 << 20)]
            for message in messages:
                await client.send(message)
                assert await client.recv() == message
            await (await client.ping(b"there"))
            await client.pong(b"nobody asked")
        assert client.close_code == 1000

    run(talk())


def test_the_echo_keeps_the_parts(echo_address: tuple[str, int]) -> None:
    sent = [(TEXT, b"a", False), (PING, b"p", True), (0, b"", False), (0, b"b", True), (CLOSE, b"\x03\xe8bye", True)]
    with opened(echo_address, handshake("/ws")) as client:
        for piece in b"".join(frame(opcode, content, is_final=is_final) for opcode, content, is_final in sent):
            client.send(bytes([piece]))
        for opcode, content, is_final in sent:
            got = client.read_frame()
            assert (got.opcode, got.content, got.is_final) == (PONG if opcode == PING else opcode, content, is_final)
            assert not got.is_masked
        assert client.reader.rest() == b""


@pytest.mark.parametrize("wrong", [
    frame(TEXT, b"x", mask=None),
    frame(TEXT, b"x", reserved=4),
    frame(3, b"x"),
    frame(11, b"x"),
    frame(0, b"x"),
    frame(TEXT, b"x", is_final=False) + frame(TEXT, b"x"),
    frame(PING, b"x", is_final=False),
    frame(PING, b"x" * 126),
    b"\x82\xfe\x00\x7d\0\0\0\0",
    b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\0\0\0\0",
])
def test_the_echo_refuses_what_is_forbidden(wrong: bytes, echo_address: tuple[str, int]) -> None:
    with opened(echo_address, handshake("/ws")) as client:
        client.send(wrong + b"and more")
        while (got := client.read_frame()).opcode != CLOSE:
            continue
        assert got.code == 1002
        assert client.reader.rest() == b""


def test_the_echo_answers_other_requests_there_as_ever(echo_address: tuple[str, int]) -> None:
    for request in (handshake("/ws", "sec-websocket-version: 8"), handshake("/ws", "upgrade:"), handshake("/other")):
        with connect(echo_address, request) as client:
            assert read_head(client.reader).startswith(b"HTTP/1.1 200 ")
