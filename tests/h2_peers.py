# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 whose every frame is the test's: python-h2 over a blocking socket."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from wire import DEADLINE, Address

Fields = Iterable[tuple[str, str]]


class Stream:
    """What came back on one stream."""

    def __init__(self) -> None:
        self.interim: list[dict[str, str]] = []
        self.fields: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.body = bytearray()
        self.is_ended = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        """Of its final answer."""
        return int(self.fields[":status"])

    @property
    def is_over(self) -> bool:
        """Whole, or reset."""
        return self.is_ended or self.reset is not None


def connect_to(address: Address) -> socket.socket:
    """Plain; what is sent leaves at once."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(address)
        return sock
    sock = socket.create_connection(address, DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class H2Client:
    """One connection. It breaks any rule that it is told to: what it sends is not checked.

    `window`: of a stream, at first. `reads`: whether what was read opens the windows again.
    """

    def __init__(self, where: Address | socket.socket, *, window: int = 1 << 20, reads: bool = True):
        self.socket = where if isinstance(where, socket.socket) else connect_to(where)
        self.socket.settimeout(DEADLINE)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = h2.settings.Settings(initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window,
                                                                      h2.settings.SettingCodes.ENABLE_PUSH: 0})
        # To the library a GOAWAY is the end; to the standard, streams under way go on behind it (section 6.8).
        goaway = h2.connection.ConnectionInputs.RECV_GOAWAY
        states = (h2.connection.ConnectionState.IDLE, h2.connection.ConnectionState.CLIENT_OPEN)
        machine = self.h2.state_machine
        machine._transitions = machine._transitions | {(state, goaway): (None, state) for state in states}
        self.reads = reads
        self.streams: dict[int, Stream] = {}
        self.goaways: list[tuple[int, int]] = []
        self.settings: dict[int, int] = {}
        self.acknowledged_pings: list[bytes] = []
        self.is_closed = False
        self.h2.initiate_connection()
        if reads:
            self.h2.increment_flow_control_window(1 << 24)
        self.flush()

    def flush(self) -> None:
        """Sends what the library has. A connection that the gateway has ended is no failure here."""
        data = self.h2.data_to_send()
        if data:
            self.send(data)

    def send(self, data: bytes) -> None:
        """Any bytes."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.is_closed = True

    # Requests.

    def begin(self, path: str = "/", method: str = "GET", fields: Fields = (), *, end: bool = False,
              host: str = "gw.test", pseudo: Sequence[tuple[str, str]] | None = None) -> int:
        """A head; the stream's number."""
        number = self.h2.get_next_available_stream_id()
        line = pseudo if pseudo is not None else [(":method", method), (":scheme", "http"), (":authority", host),
                                                  (":path", path)]
        self.streams[number] = Stream()
        self.h2.send_headers(number, [*line, *fields], end_stream=end)
        self.flush()
        return number

    def request(self, path: str = "/", method: str = "GET", fields: Fields = (), body: bytes | None = None) -> int:
        """A whole request, as far as the windows allow without waiting."""
        number = self.begin(path, method, fields, end=body is None)
        if body is not None:
            self.data(number, body, end=True)
        return number

    def data(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Content, in frames as large as they may be; waits for windows."""
        while data or end:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if data and room <= 0:
                self.receive()
                continue
            piece, data = data[:room], data[room:]
            self.h2.send_data(number, piece, end_stream=end and not data)
            self.flush()
            if not data:
                return

    def trailers(self, number: int, fields: Fields) -> None:
        """They end the request."""
        self.h2.send_headers(number, list(fields), end_stream=True)
        self.flush()

    def reset(self, number: int, code: int = h2.errors.ErrorCodes.CANCEL) -> None:
        """The client gives it up."""
        self.h2.reset_stream(number, code)
        self.flush()

    # What comes back.

    def receive(self) -> bool:
        """One read; false at the end of the connection."""
        try:
            data = self.socket.recv(1 << 18)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            self.is_closed = True
            return False
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()
        return True

    def _take(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaways.append((event.last_stream_id, int(event.error_code)))
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings |= {int(code): change.new_value for code, change in event.changed_settings.items()}
        elif isinstance(event, h2.events.PingAckReceived):
            self.acknowledged_pings.append(event.ping_data)
        elif stream:
            self._take_of_stream(stream, event)

    def _take_of_stream(self, stream: Stream, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            stream.fields = dict(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.reads and not stream.is_over:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.is_ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Reads until it holds."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            assert self.receive() or condition(), f"the connection ended before {what}"

    def answer(self, number: int) -> Stream:
        """What came back, once it is whole or was reset."""
        stream = self.streams[number]
        self.wait_for(lambda: stream.is_over, f"the answer on stream {number}")
        return stream

    def get(self, path: str = "/", method: str = "GET", fields: Fields = (), body: bytes | None = None) -> Stream:
        """A request and its answer."""
        return self.answer(self.request(path, method, fields, body))

    def wait_for_end(self) -> None:
        """Reads until the gateway closes."""
        end = time.monotonic() + DEADLINE
        while not self.is_closed:
            assert time.monotonic() < end, "the gateway does not close the connection"
            self.receive()

    def close(self) -> None:
        """At once."""
        self.socket.close()

    def __enter__(self) -> H2Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
