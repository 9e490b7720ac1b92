# SPDX-License-Identifier: Apache-2.0
"""An upstream that speaks HTTP/2, by python-h2, and does what the test wants, right or wrong.

What the gateway sends is checked strictly: a frame that breaks the rules, or a stream more than the upstream takes, is
a violation, and the fixture fails the test for it. What the upstream says may be as wrong as the test wants it.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from wire import DEADLINE

Fields = list[tuple[str, str]]


class H2Request:
    """A request, as far as it has come."""

    def __init__(self, connection: H2Connection, stream: int, fields: Fields):
        self.connection = connection
        self.stream = stream
        self.fields = fields
        self.body = b""
        self.trailers: Fields = []
        self.is_ended = False
        self.unacknowledged = 0  # bytes for which no window was given back

    @property
    def reset(self) -> int | None:
        """The gateway's code, when it has given the stream up; an answer then goes nowhere."""
        return self.connection.resets.get(self.stream)

    def get(self, name: str) -> str | None:
        """The only value under that name."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def path(self) -> str:
        """Its target."""
        return self.get(":path") or ""

    def respond(self, status: int = 200, body: bytes = b"", fields: Iterable[tuple[str, str]] = (),
                trailers: Fields | None = None) -> None:
        """The whole answer; the body goes as the windows allow."""
        end = not body and trailers is None
        with self.connection.lock:
            self.head(status, fields, end=end)
            if not end and self.reset is None:
                self.connection.send_body(self.stream, body, trailers)

    def head(self, status: int = 200, fields: Iterable[tuple[str, str]] = (), *, end: bool = False) -> None:
        """One head, also an interim one."""
        with self.connection.lock:
            if self.reset is not None:
                return
            self.connection.h2.send_headers(self.stream, [(":status", str(status)), *fields], end_stream=end)
            self.connection.flush()

    def refuse(self, code: int = h2.errors.ErrorCodes.REFUSED_STREAM) -> None:
        """RST_STREAM."""
        with self.connection.lock:
            self.connection.h2.reset_stream(self.stream, code)
            self.connection.flush()


class H2Connection:
    """One connection from the gateway."""

    def __init__(self, upstream: H2Upstream, sock: socket.socket):
        self.upstream = upstream
        self.socket = sock
        self.lock = threading.RLock()
        self.requests: dict[int, H2Request] = {}
        self.bodies: dict[int, tuple[bytes, Fields | None]] = {}
        self.resets: dict[int, int] = {}
        self.goaway: int | None = None  # the gateway's code
        self.last: int | None = None  # stream that it looks at, after a GOAWAY of its own
        self.is_closed = False
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=upstream.settings)
        # To the library a GOAWAY is the end; to the standard, streams under way go on behind it (section 6.8).
        states = (h2.connection.ConnectionState.IDLE, h2.connection.ConnectionState.SERVER_OPEN)
        sent, received = h2.connection.ConnectionInputs.SEND_GOAWAY, h2.connection.ConnectionInputs.RECV_GOAWAY
        machine = self.h2.state_machine
        machine._transitions = machine._transitions | {(state, way): (None, state) for state in states
                                                       for way in (sent, received)}
        self.h2.initiate_connection()
        self.flush()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Reads, from now on."""
        self.thread.start()

    # What it says.

    def flush(self) -> None:
        """What the library has to send."""
        with self.lock:
            self.send(self.h2.data_to_send())

    def send(self, data: bytes) -> None:
        """Any bytes; the gateway may be gone."""
        try:
            if data:
                self.socket.sendall(data)
        except OSError:
            pass

    def send_body(self, stream: int, body: bytes, trailers: Fields | None = None) -> None:
        """A body and its end, as the windows allow."""
        with self.lock:
            self.bodies[stream] = (body, trailers)
            self._pump()

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """One frame of DATA."""
        with self.lock:
            if stream in self.resets:
                return
            self.h2.send_data(stream, data, end_stream=end)
            self.flush()

    def say_goaway(self, last: int, code: int = h2.errors.ErrorCodes.NO_ERROR) -> None:
        """What comes after it is not looked at."""
        with self.lock:
            self.upstream.goaways += 1
            self.last = last
            self.h2.close_connection(error_code=code, last_stream_id=last)
            self.flush()

    def close(self) -> None:
        """FIN both ways."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _pump(self) -> None:
        for stream, (body, trailers) in list(self.bodies.items()):
            try:
                while body and (room := min(self.h2.local_flow_control_window(stream),
                                            self.h2.max_outbound_frame_size)):
                    self.h2.send_data(stream, body[:room])
                    body = body[room:]
                if not body and trailers is not None:
                    self.h2.send_headers(stream, trailers, end_stream=True)
                elif not body:
                    self.h2.end_stream(stream)
            except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                body = b""
            self.bodies[stream] = (body, trailers)
            if not body:
                del self.bodies[stream]
        self.flush()

    # What it hears.

    def _run(self) -> None:
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            with self.lock:
                self._receive(data)
        self.socket.close()
        with self.upstream.changed:
            self.is_closed = True
            self.upstream.changed.notify_all()

    def _receive(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as why:
            if not self.upstream.is_wrong:
                self.upstream.violations.append(f"{type(why).__name__}: {why}")
            events = []
        for event in events:
            if isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = int(event.error_code)
        for event in events:
            self._take(event)
        if self.upstream.opens_windows:
            for request in self.requests.values():
                self._open_window(request)
        self._pump()
        with self.upstream.changed:
            self.upstream.changed.notify_all()

    def _open_window(self, request: H2Request) -> None:
        """For all that was read."""
        unacknowledged, request.unacknowledged = request.unacknowledged, 0
        if unacknowledged:
            self.h2.acknowledge_received_data(unacknowledged, request.stream)

    def _take(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", 0) or 0
        request = self.requests.get(stream)
        if isinstance(event, h2.events.RequestReceived):
            request = H2Request(self, stream, [(str(name), str(value)) for name, value in event.headers])
            self.requests[stream] = request
            self._count()
            self.upstream.on_request(request, is_head=True)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif request is None:
            return
        elif isinstance(event, h2.events.DataReceived):
            request.body += event.data
            request.unacknowledged += event.flow_controlled_length
        elif isinstance(event, h2.events.TrailersReceived):
            request.trailers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            request.is_ended = True
            self.upstream.on_request(request, is_head=False)
        elif isinstance(event, h2.events.StreamReset):
            self.bodies.pop(stream, None)

    def _count(self) -> None:
        """Streams at a time, of which there must be no more than were allowed."""
        self.upstream.most = max(self.upstream.most, self.h2.open_inbound_streams)


class H2Upstream:
    """A server on a port of its own. `answer` is called with each request when it is there, or with `early` when its
    head is; without one, requests are answered with their path.
    """

    def __init__(self, answer: Callable[[H2Request], Any] | None = None, *, streams: int = 100, window: int = 65535,
                 early: bool = False, opens_windows: bool = True, is_wrong: bool = False,
                 tls: ssl.SSLContext | None = None, greeting: bytes | None = None):
        self.answer = answer or (lambda request: request.respond(body=request.path.encode()))
        self.settings = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: streams,
                         h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        self.early = early
        self.opens_windows = opens_windows
        self.is_wrong = is_wrong
        self.tls = tls
        self.greeting = greeting
        self.changed = threading.Condition()
        self.connections: list[H2Connection] = []
        self.requests: list[H2Request] = []
        self.violations: list[str] = []
        self.most = 0
        self.goaways = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """For a configuration."""
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._begin, args=(sock,), daemon=True).start()

    def _begin(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            if self.greeting is not None:
                sock.sendall(self.greeting)
                sock.recv(1 << 16)
                sock.close()
                return
        except OSError:
            return
        connection = H2Connection(self, sock)
        with self.changed:
            self.connections.append(connection)
            self.changed.notify_all()
        connection.start()

    def on_request(self, request: H2Request, *, is_head: bool) -> None:
        """By the connection."""
        if (last := request.connection.last) is not None and request.stream > last:
            return
        if is_head:
            self.requests.append(request)
        if is_head == self.early:
            self.answer(request)

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Until something has come."""
        with self.changed:
            end = time.monotonic() + DEADLINE
            while not (found := condition()):
                assert self.changed.wait(end - time.monotonic()), f"waited in vain for {what}"
            return found

    def wait_for_requests(self, count: int) -> list[H2Request]:
        """So many, whole or not."""
        self.wait_for(lambda: len(self.requests) >= count, f"{count} requests")
        return self.requests

    def stop(self) -> None:
        """Everything."""
        self.listener.close()
        for connection in self.connections:
            connection.close()
