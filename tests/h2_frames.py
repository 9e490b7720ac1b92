# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frame by frame: writing frames as wrong as a test wants them, and a client that believes no server.

Frames are bytes, made by the functions below. Field blocks are written without any compression, so that a frame
means the same wherever it stands. The client reads with hyperframe and hpack and keeps the server's accounts: the
first frame, the sizes, the windows, the shape of every answer. What RFC 9113 forbids a server is a `ServerBroke`.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import hpack
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (ContinuationFrame, DataFrame, ExtensionFrame, Frame, GoAwayFrame, HeadersFrame,
                              PingFrame, PushPromiseFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame)

from wire import Address, Fields

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 0x1, 0x1, 0x4, 0x8, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, \
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(12)
CODES = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM")

WINDOW = 65535
MAXIMUM = (1 << 31) - 1
PATIENCE = 10.0

# Never in an answer (RFC 9113 section 8.2.2).
CONNECTION_SPECIFIC = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}


class ServerBroke(AssertionError):
    """The server did what RFC 9113 forbids it."""


def name_of(code: int) -> str:
    """An error code in words."""
    return CODES[code] if code < len(CODES) else f"error {code:#x}"


# Frames.


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Any frame at all."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer of HPACK (RFC 7541 section 5.1) whose first byte has that many bits for it."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    out, value = bytearray((first | most,)), value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes((*out, value))


def text(value: str | bytes) -> bytes:
    """A string of HPACK's, without Huffman's code."""
    data = value if isinstance(value, bytes) else value.encode("latin-1")
    return integer(len(data), 7) + data


def literal(name: str | bytes, value: str | bytes, first: int = 0x00) -> bytes:
    """One field with its name in full: 0x00 leaves the table alone, 0x40 adds to it."""
    return bytes((first,)) + text(name) + text(value)


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    """A field block."""
    return b"".join(literal(name, value) for name, value in fields)


def headers(stream: int, payload: bytes, flags: int = END_HEADERS | END_STREAM) -> bytes:
    """HEADERS with these bytes."""
    return frame(HEADERS, flags, stream, payload)


def continuation(stream: int, payload: bytes, flags: int = END_HEADERS) -> bytes:
    """CONTINUATION."""
    return frame(CONTINUATION, flags, stream, payload)


def data(stream: int, payload: bytes = b"", flags: int = END_STREAM) -> bytes:
    """DATA."""
    return frame(DATA, flags, stream, payload)


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS of these, in this order."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def number(kind: int, stream: int, value: int) -> bytes:
    """A frame that is one number: RST_STREAM's code, WINDOW_UPDATE's increment."""
    return frame(kind, 0, stream, struct.pack(">I", value))


def reset(stream: int, code: int = CANCEL) -> bytes:
    """RST_STREAM."""
    return number(RST_STREAM, stream, code)


def update(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return number(WINDOW_UPDATE, stream, increment)


def priority(depends_on: int = 0, weight: int = 15) -> bytes:
    """The five bytes that PRIORITY and HEADERS may have."""
    return struct.pack(">IB", depends_on, weight)


def goaway(last: int = 0, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


# The client.


@dataclass
class Stream:
    """What came on a stream."""

    window: int  # what the server may send still
    fields: Fields = field(default_factory=list)
    interim: list[Fields] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)
    body: bytes = b""
    is_ended: bool = False
    code: int | None = None

    @property
    def status(self) -> int:
        """Of the final answer; 0 before it."""
        return int(dict(self.fields).get(":status", "0"))

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self.is_ended or self.code is not None


def check_section(fields: Fields, is_trailers: bool) -> None:
    """The shape of what the server answers (sections 8.1 to 8.3)."""
    names = [name for name, _ in fields]
    pseudo = [name for name in names if name.startswith(":")]
    if pseudo != ([] if is_trailers else [":status"]) or names[:len(pseudo)] != pseudo:
        raise ServerBroke(f"pseudo-header fields {pseudo} in {'trailers' if is_trailers else 'an answer'}")
    for name, value in fields:
        if not re.fullmatch(r":status|[!#$%&'*+.^_`|~0-9a-z-]+", name) or name in CONNECTION_SPECIFIC:
            raise ServerBroke(f"a field named {name!r}")
        if re.search(r"[\0\r\n]|^[ \t]|[ \t]$", value):
            raise ServerBroke(f"{name} is {value!r}")


class Client:
    """One connection. It acknowledges SETTINGS by itself, and nothing else: windows are opened by the test."""

    def __init__(self, address: Address, context: ssl.SSLContext | None = None, host: str = "gw.test"):
        self.socket = socket.create_connection(address, PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
            assert self.socket.selected_alpn_protocol() == "h2"
        self.scheme = "https" if context else "http"
        self.received = b""
        self.frames: list[Frame] = []
        self.decoder = hpack.Decoder()
        self.streams: dict[int, Stream] = {}
        self.blocks: list[bytes] = []
        self.block_stream, self.block_ends_stream = 0, False
        self.window, self.initial_window, self.max_frame = WINDOW, WINDOW, 16384
        self.unacknowledged: list[dict[int, int]] = []
        self.server: dict[int, int] = {}
        self.send_window = WINDOW
        self.send_windows: dict[int, int] = {}
        self.goaway: GoAwayFrame | None = None
        self.is_closed = False
        self.acknowledges = True
        self.pings = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # Sending.

    def send(self, *pieces: bytes) -> None:
        """All of it at once, and on the client's accounts; a server that has closed says so when it is read."""
        sent = b"".join(pieces)
        self._account(sent.removeprefix(PREFACE))
        try:
            self.socket.sendall(sent)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def _account(self, sent: bytes) -> None:
        """SETTINGS that widen something count at once, those that narrow it when they are acknowledged."""
        while sent:
            length, stream = int.from_bytes(sent[:3], "big"), int.from_bytes(sent[5:9], "big")
            kind, flags, payload, sent = sent[3], sent[4], sent[9:9 + length], sent[9 + length:]
            if kind == SETTINGS and not flags & ACK:
                changed = dict(struct.iter_unpack(">HI", payload[:length // 6 * 6]))
                if changed.get(INITIAL_WINDOW_SIZE, -1) > self.initial_window:
                    self._apply_window(changed.pop(INITIAL_WINDOW_SIZE))
                self.max_frame = max(self.max_frame, changed.get(MAX_FRAME_SIZE, 0))
                self.unacknowledged.append(changed)
            elif kind == WINDOW_UPDATE and length == 4 and stream:
                self.stream(stream).window += int.from_bytes(payload, "big") & MAXIMUM
            elif kind == WINDOW_UPDATE and length == 4:
                self.window += int.from_bytes(payload, "big") & MAXIMUM

    def start(self, *pairs: tuple[int, int]) -> None:
        """Preface and SETTINGS; waits for the server's, and for its acknowledgement."""
        self.send(PREFACE, settings(*pairs))
        assert self.pump(lambda: self.frames and not self.unacknowledged), f"no SETTINGS came; {self.story()}"

    def request(self, path: str = "/x", method: str = "GET", *more: tuple[str, str]) -> Fields:
        """The fields of a good request."""
        return [(":method", method), (":scheme", self.scheme), (":authority", "gw.test"), (":path", path), *more]

    def get(self, stream: int = 1, path: str = "/x", *more: tuple[str, str]) -> bytes:
        """A good request without a body."""
        return headers(stream, block(self.request(path, "GET", *more)))

    def post(self, stream: int = 1, path: str = "/x", *more: tuple[str, str]) -> bytes:
        """The head of one with a body."""
        return headers(stream, block(self.request(path, "POST", *more)), END_HEADERS)

    def send_body(self, stream: int, body: bytes, padding: int = 0, most: int = 16384, *, ends: bool = True) -> None:
        """DATA within the server's windows, as these open. Each frame may have some padding."""
        extra = padding + 1 if padding else 0
        while body:
            def room() -> int:
                return min(self.send_window, self.send_windows[stream], most) - extra
            self.send_windows.setdefault(stream, self.server.get(INITIAL_WINDOW_SIZE, WINDOW))
            assert self.pump(lambda: room() > 0 or self.stream(stream).is_over or self.goaway), \
                f"the server gives no window, {len(body)} bytes are left; {self.story()}"
            if self.stream(stream).is_over or self.goaway:
                return
            piece, body = body[:room()], body[room():]
            self.send_window -= len(piece) + extra
            self.send_windows[stream] -= len(piece) + extra
            flags = (0 if body or not ends else END_STREAM) | (PADDED if padding else 0)
            prefix, suffix = (bytes((padding,)), bytes(padding)) if padding else (b"", b"")
            self.send(data(stream, prefix + piece + suffix, flags))

    # Reading.

    def stream(self, stream: int) -> Stream:
        """What is known of it."""
        return self.streams.setdefault(stream, Stream(self.initial_window))

    def _take(self, count: int, end: float) -> bytes | None:
        while len(self.received) < count:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                more = b""
            if not more:
                if self.received:
                    raise ServerBroke(f"closed within a frame: {self.received!r}")
                return None
            self.received += more
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def read_frame(self, deadline: float = PATIENCE) -> Frame | None:
        """The next one, looked at; None when the server has closed."""
        end = time.monotonic() + deadline
        head = self._take(9, end)
        if head is None:
            self.is_closed = True
            return None
        try:
            read, length = Frame.parse_frame_header(memoryview(head))
            if length > self.max_frame:
                raise ServerBroke(f"a frame of {length} bytes")
            read.parse_body(memoryview(self._take(length, end) or b""))
        except HyperframeError as why:
            raise ServerBroke(f"not a frame: {head!r}: {why!r}") from why
        if not self.frames and (not isinstance(read, SettingsFrame) or "ACK" in read.flags):
            raise ServerBroke(f"the first frame is {read}")
        self.frames.append(read)
        self._look_at(read, length)
        return read

    def pump(self, condition: Callable[[], object], deadline: float = PATIENCE) -> bool:
        """Reads until it holds; False when the server closed first, or time is up."""
        end = time.monotonic() + deadline
        while not condition():
            try:
                if self.is_closed or not self.read_frame(max(0.0, end - time.monotonic())):
                    return bool(condition())
            except TimeoutError:
                return False
        return True

    def _look_at(self, read: Frame, length: int) -> None:
        if self.block_stream and not isinstance(read, ContinuationFrame):
            raise ServerBroke(f"{read} within a field block")
        if isinstance(read, SettingsFrame):
            self._take_settings(read)
        elif isinstance(read, WindowUpdateFrame):
            self._take_update(read)
        elif isinstance(read, (HeadersFrame, ContinuationFrame)):
            self._take_block(read)
        elif isinstance(read, DataFrame):
            self._take_data(read, length)
        elif isinstance(read, RstStreamFrame):
            self._take_reset(read)
        elif isinstance(read, GoAwayFrame):
            if self.goaway and read.last_stream_id > self.goaway.last_stream_id:
                raise ServerBroke("a later GOAWAY takes on more streams")
            self.goaway = read
        elif isinstance(read, PushPromiseFrame):
            raise ServerBroke("a push")
        elif not isinstance(read, (PingFrame, ExtensionFrame)):
            raise ServerBroke(f"{read} from a server")

    def _take_settings(self, read: SettingsFrame) -> None:
        if "ACK" in read.flags:
            if not self.unacknowledged:
                raise ServerBroke("an acknowledgement of nothing")
            changed = self.unacknowledged.pop(0)
            if INITIAL_WINDOW_SIZE in changed:
                self._apply_window(changed[INITIAL_WINDOW_SIZE])
            if HEADER_TABLE_SIZE in changed:
                self.decoder.max_allowed_table_size = changed[HEADER_TABLE_SIZE]
            return
        if read.settings.get(ENABLE_PUSH, 0) or read.settings.get(INITIAL_WINDOW_SIZE, 0) > MAXIMUM \
                or not 1 << 14 <= read.settings.get(MAX_FRAME_SIZE, 1 << 14) < 1 << 24:
            raise ServerBroke(f"{read}")
        if INITIAL_WINDOW_SIZE in read.settings:
            change = read.settings[INITIAL_WINDOW_SIZE] - self.server.get(INITIAL_WINDOW_SIZE, WINDOW)
            self.send_windows = {stream: window + change for stream, window in self.send_windows.items()}
        self.server.update(read.settings)
        if self.acknowledges:
            self.send(frame(SETTINGS, ACK))

    def _apply_window(self, size: int) -> None:
        for stream in self.streams.values():
            stream.window += size - self.initial_window
        self.initial_window = size

    def _take_update(self, read: WindowUpdateFrame) -> None:
        if read.window_increment == 0:
            raise ServerBroke("a WINDOW_UPDATE of nothing")
        if read.stream_id:
            initial = self.server.get(INITIAL_WINDOW_SIZE, WINDOW)
            self.send_windows[read.stream_id] = self.send_windows.get(read.stream_id, initial) + read.window_increment
        else:
            self.send_window += read.window_increment

    def _check_open(self, stream: int, what: Frame) -> Stream:
        if stream % 2 == 0 or stream not in self.streams and stream > MAXIMUM:
            raise ServerBroke(f"{what}")
        found = self.stream(stream)
        if found.is_over:
            raise ServerBroke(f"{what} on a stream that is over")
        return found

    def _take_block(self, read: HeadersFrame | ContinuationFrame) -> None:
        if isinstance(read, HeadersFrame):
            self._check_open(read.stream_id, read)
            self.block_stream, self.block_ends_stream = read.stream_id, "END_STREAM" in read.flags
        elif read.stream_id != self.block_stream:
            raise ServerBroke(f"{read} without its HEADERS")
        self.blocks.append(read.data)
        if "END_HEADERS" not in read.flags:
            return
        try:
            decoded = [(str(name), str(value)) for name, value in self.decoder.decode(b"".join(self.blocks))]
        except hpack.HPACKError as why:
            raise ServerBroke(f"a field block that cannot be decoded: {why!r}") from why
        self.blocks = []
        stream, self.block_stream = self.stream(self.block_stream), 0
        self._take_section(stream, decoded)

    def _take_section(self, stream: Stream, decoded: Fields) -> None:
        check_section(decoded, bool(stream.fields))
        if stream.fields and not self.block_ends_stream:
            raise ServerBroke("trailers that are not the end")
        if stream.fields:
            stream.trailers = decoded
        elif decoded[0][1].startswith("1"):
            if self.block_ends_stream or decoded[0][1] == "101":
                raise ServerBroke(f"an interim answer: {decoded}")
            stream.interim.append(decoded)
        else:
            stream.fields = decoded
        stream.is_ended = self.block_ends_stream

    def _take_data(self, read: DataFrame, length: int) -> None:
        stream = self._check_open(read.stream_id, read)
        if not stream.fields:
            raise ServerBroke("DATA before an answer")
        stream.window -= length
        self.window -= length
        if length and (stream.window < 0 or self.window < 0):
            raise ServerBroke(f"DATA beyond the window: {stream.window}, {self.window}")
        stream.body += read.data
        stream.is_ended = "END_STREAM" in read.flags

    def _take_reset(self, read: RstStreamFrame) -> None:
        stream = self.stream(read.stream_id)
        if stream.code is not None:
            raise ServerBroke(f"a stream is reset twice: {read}")
        stream.code = read.error_code

    # What tests ask.

    def ping(self) -> bool:
        """Whether it answers still. All that was sent before has been looked at then."""
        self.pings += 1
        payload = b"alive%03d" % self.pings
        self.send(frame(PING, 0, 0, payload))
        return self.pump(lambda: self.answers_to_pings().count(payload))

    def answers_to_pings(self) -> list[bytes]:
        """Their payloads."""
        return [one.opaque_data for one in self.frames if isinstance(one, PingFrame) and "ACK" in one.flags]

    def wait(self, *streams: int) -> Sequence[Stream]:
        """Until nothing more can come on these."""
        found = [self.stream(stream) for stream in streams]
        assert self.pump(lambda: all(stream.is_over for stream in found)), f"{streams} do not end; {self.story()}"
        return found

    def story(self) -> str:
        """What came, for a test that fails."""
        return f"came: {', '.join(map(str, self.frames[-20:])) or 'nothing'}{', closed' if self.is_closed else ''}"
