# SPDX-License-Identifier: Apache-2.0
"""WebSockets for tests: python3-websockets as server and client, and ends of one that send what they are told to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.legacy.server import serve

from wire import DEADLINE, Address, Reader

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

Handler = Callable[[Any], Awaitable[None]]


async def echo(peer: Any) -> None:
    """Every message back."""
    async for message in peer:
        await peer.send(message)


def run(talk: Coroutine[Any, Any, Any]) -> Any:
    """A client's part, to its end."""
    return asyncio.run(asyncio.wait_for(talk, DEADLINE))


class WebSocketServer:
    """python3-websockets, in a thread of its own. It keeps how each connection was closed."""

    def __init__(self, handler: Handler = echo, **options: Any):
        self.handler = handler
        self.options: dict[str, Any] = {"max_size": None, **options}
        self.codes: list[int | None] = []
        self.changed = threading.Condition()
        self.is_ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.end: asyncio.Future[None]
        self.port = 0
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=[self._serve()], daemon=True)
        self.thread.start()
        assert self.is_ready.wait(DEADLINE)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def _handle(self, peer: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.handler(peer)
        await peer.wait_closed()
        with self.changed:
            self.codes.append(peer.close_code)
            self.changed.notify_all()

    async def _serve(self) -> None:
        self.end = self.loop.create_future()
        async with serve(self._handle, "127.0.0.1", 0, **self.options) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self.is_ready.set()
            with contextlib.suppress(asyncio.CancelledError):
                await self.end

    def wait_for_codes(self, count: int) -> list[int | None]:
        """How so many connections were closed."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.codes) >= count, DEADLINE)
            assert len(self.codes) >= count, self.codes
            return list(self.codes)

    def stop(self) -> None:
        """With its connections."""
        self.loop.call_soon_threadsafe(self.end.cancel)
        self.thread.join(DEADLINE)
        self.loop.close()


def accept_of(key: bytes) -> bytes:
    """The proof that the key was read."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def handshake(path: str = "/", *lines: str) -> bytes:
    """A request for a WebSocket; lines go over those that it has anyway."""
    head = {"host": "gw.test", "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": KEY.decode(),
            "sec-websocket-version": "13"}
    head |= {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return (f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items() if value) +
            "\r\n").encode()


def frame(opcode: int, content: bytes = b"", *, is_final: bool = True, mask: bytes | None = b"\x01\x02\x03\x04",
          reserved: int = 0) -> bytes:
    """One frame; from a server with mask=None."""
    head = bytes([is_final << 7 | reserved << 4 | opcode])
    masked = 0x80 if mask else 0
    if len(content) < 126:
        head += bytes([masked | len(content)])
    elif len(content) < 1 << 16:
        head += bytes([masked | 126]) + struct.pack(">H", len(content))
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", len(content))
    if not mask:
        return head + content
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))


@dataclass
class Frame:
    """One that was read."""

    opcode: int
    content: bytes
    is_final: bool
    is_masked: bool

    @property
    def code(self) -> int:
        """Of a close frame."""
        assert self.opcode == 8, self
        return int.from_bytes(self.content[:2], "big")


class RawWebSocket:
    """An end of one, of bytes: `reader` has what comes."""

    def __init__(self, sock: socket.socket):
        self.socket = sock
        self.was_reset = False
        self.reader = Reader(self._receive)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            return b""

    def read_frame(self) -> Frame:
        """The next one, its mask taken off."""
        first, second = self.reader.take(2)
        length = second & 0x7f
        if length > 125:
            length = int.from_bytes(self.reader.take(2 if length == 126 else 8), "big")
        mask = self.reader.take(4) if second & 0x80 else b"\0\0\0\0"
        content = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.reader.take(length)))
        return Frame(first & 0x0f, content, bool(first & 0x80), bool(second & 0x80))

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def reset(self) -> None:
        """Breaks the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """In order."""
        self.socket.close()

    def __enter__(self) -> RawWebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: Address, request: bytes | None = None) -> RawWebSocket:
    """A client's end, of which the handshake was sent."""
    assert not isinstance(address, str)
    sock = socket.create_connection(address, DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened = RawWebSocket(sock)
    opened.send(handshake() if request is None else request)
    return opened


def opened(address: Address, request: bytes | None = None) -> RawWebSocket:
    """The same, and the 101 was read."""
    client = connect(address, request)
    answer = read_head(client.reader)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return client


def read_head(reader: Reader) -> bytes:
    """A head as it is."""
    lines = []
    while line := reader.line():
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n"


class RawServer:
    """An upstream that opens WebSockets: `accept()` gives the next one's end."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.settimeout(DEADLINE)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def accept(self, answer: bytes | None = None) -> RawWebSocket:
        """Reads the request and says the answer; None: the right one."""
        sock, _ = self.listener.accept()
        sock.settimeout(DEADLINE)
        peer = RawWebSocket(sock)
        head = read_head(peer.reader)
        fields = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in head.split(b"\r\n")}
        key = fields[b"sec-websocket-key"]
        peer.send(answer or b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n")
        return peer

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.listener.close()


def noise(size: int) -> bytes:
    """Bytes that nothing compresses."""
    return os.urandom(size)
