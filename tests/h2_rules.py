# SPDX-License-Identifier: Apache-2.0
"""The requirements of RFC 9113 as rows of a table: what a client sends, and what must come of it.

Their words stand in test_h2_conformance.py, which runs them. Frames that stand together are sent at once; between
them a row may wait for something.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from h2_frames import (ACK, COMPRESSION_ERROR, ENABLE_PUSH, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
                       FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS,
                       MAX_FRAME_SIZE, MAXIMUM, NO_ERROR, PADDED, PATIENCE, PING, PREFACE, PRIORITISED, PRIORITY,
                       PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW,
                       WINDOW_UPDATE, Client, block, continuation, data, frame, goaway, headers, integer, literal,
                       name_of, priority, reset, settings, update)
from upstream import Upstream, UpstreamConnection
from wire import Address, Fields, Request

# Of its own, for the question whether the connection serves on.
LAST_STREAM = 100_001
EMPTY_HOUR = 0.2  # seconds in which nothing comes, where nothing may
LIMIT = 1000  # streams at once that a test is willing to open
RESERVED = 1 << 31


class Service:
    """The upstream: it echoes, and answers at length, early, late or never, as the target says."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.requests: list[Request] = []  # whole ones, as they came, but for `/alive`
        self.upstream = Upstream(serve=self.serve)

    def serve(self, connection: UpstreamConnection) -> None:
        """One connection."""
        reader = connection.reader
        while not reader.at_end():
            while b"\r\n" not in reader.buffer and reader.fill():
                pass
            target = reader.buffer.split(b" ")[1].decode("latin-1")
            if target in ("/unread", "/early"):
                self.answer_early(connection, target)
                return
            request = connection.read_request()
            if request:
                connection.send(self.answer(request))

    def answer(self, request: Request) -> bytes:
        """To a whole request."""
        target = request.target
        if target != "/alive":
            self.requests.append(request)
        if target == "/hold":
            self.may_answer.wait(PATIENCE)
        status = {"/nothing": "204 No Content", "/same": "304 Not Modified"}.get(target, "200 OK")
        body = b"x" * int(target[7:]) if target.startswith("/bytes/") else \
            f"{request.method} {target} {len(request.body)}".encode("latin-1")
        head = f"HTTP/1.1 {status}\r\n" + ("" if target == "/nothing" else f"Content-Length: {len(body)}\r\n")
        has_body = request.method != "HEAD" and status == "200 OK"
        return head.encode("latin-1") + b"\r\n" + (body if has_body else b"")

    def answer_early(self, connection: UpstreamConnection, target: str) -> None:
        """Without a look at the body, of which not a byte is read."""
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while connection.reader.line():
            pass
        if target == "/early":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
        self.may_answer.wait(PATIENCE)

    def hold(self) -> None:
        """From now on those who are to wait do."""
        self.may_answer = threading.Event()

    def release(self) -> None:
        """Whoever waits goes on, and nobody waits any more."""
        self.may_answer.set()


class Guest(Client):
    """A client that has an understanding with the upstream."""

    def __init__(self, service: Service, address: Address, context: ssl.SSLContext | None = None):
        super().__init__(address, context)
        self.service = service
        self.before = len(service.requests)

    def forwarded(self) -> list[Request]:
        """What reached the upstream since."""
        return self.service.requests[self.before:]


# What must come.


class Expectation:
    """Something that a server must do in answer to the frames."""

    def check(self, client: Guest) -> None:
        """Asserts it."""
        raise NotImplementedError


def check_alive(client: Guest) -> None:
    """The connection serves on."""
    assert not client.goaway, client.story()
    assert client.ping(), f"no answer to a ping; {client.story()}"
    client.send(client.get(LAST_STREAM, "/alive"),
                *([update(LAST_STREAM, WINDOW)] if client.initial_window < WINDOW else []))
    stream, = client.wait(LAST_STREAM)
    assert (stream.status, stream.body) == (200, b"GET /alive 0"), client.story()


def check_end(client: Guest, codes: Sequence[int]) -> None:
    """GOAWAY with one of these codes came, and the connection ends."""
    wanted = " or ".join(map(name_of, codes))
    assert client.pump(lambda: client.goaway), f"no GOAWAY of {wanted}; {client.story()}"
    assert client.goaway
    assert client.goaway.error_code in codes, f"{name_of(client.goaway.error_code)} instead of {wanted}"
    assert client.pump(lambda: client.is_closed), f"the connection stays open; {client.story()}"


@dataclass
class Ends(Expectation):
    """An error of the connection."""

    codes: Sequence[int]

    def check(self, client: Guest) -> None:
        check_end(client, self.codes)


@dataclass
class Resets(Expectation):
    """An error of a stream, or the same of the connection."""

    codes: Sequence[int]
    stream: int = 1

    def check(self, client: Guest) -> None:
        stream = client.stream(self.stream)
        assert client.pump(lambda: stream.code is not None or client.goaway), f"no error; {client.story()}"
        assert client.goaway or stream.code in self.codes, client.story()
        client.ping()
        if client.goaway:
            check_end(client, self.codes)
        else:
            check_alive(client)


class Closed(Expectation):
    """A frame on a stream that is over: an error, or the server takes it for one that was under way. In no case is
    it another request."""

    def check(self, client: Guest) -> None:
        client.ping()
        if client.goaway:
            check_end(client, [STREAM_CLOSED, PROTOCOL_ERROR])
        else:
            check_alive(client)
        assert len(client.forwarded()) <= 1


@dataclass
class Malformed(Expectation):
    """A request that is none: reset, or refused first; nothing of it is passed on."""

    stream: int = 1
    statuses: Sequence[int] = (400,)

    def check(self, client: Guest) -> None:
        stream = client.stream(self.stream)
        assert client.pump(lambda: stream.is_over or client.goaway), f"it is not refused; {client.story()}"
        if client.goaway:
            check_end(client, [PROTOCOL_ERROR])
            assert not client.forwarded(), "it was passed on"
            return
        if stream.status:
            assert stream.status in self.statuses, stream.fields
        else:
            assert stream.code == PROTOCOL_ERROR, client.story()
        check_alive(client)
        assert not client.forwarded(), "it was passed on"


@dataclass
class Answers(Expectation):
    """No error at all: an answer, and the connection serves on."""

    body: bytes | None = b"GET /x 0"
    stream: int = 1
    status: int = 200
    forwarded: Mapping[str, str] = field(default_factory=dict)
    trailers: Fields = field(default_factory=list)

    def check(self, client: Guest) -> None:
        stream, = client.wait(self.stream)
        assert stream.status == self.status, client.story()
        assert stream.is_ended
        assert stream.code in (None, NO_ERROR)
        assert self.body is None or stream.body == self.body
        if self.forwarded or self.trailers:
            request = client.forwarded()[-1]
            assert {name: request.get(name) for name in self.forwarded} == self.forwarded
            assert not self.trailers or request.trailers == self.trailers
        check_alive(client)


class Lives(Expectation):
    """Nothing comes of it."""

    def check(self, client: Guest) -> None:
        check_alive(client)


class Holds(Expectation):
    """The row asserts all by itself."""

    def check(self, client: Guest) -> None:
        pass


Step = bytes | Callable[[Guest], object]


@dataclass
class Row:
    """One requirement: what is sent, which may be waited for in between, and what must come."""

    name: str
    send: Callable[[Guest], Step | Sequence[Step]]
    expect: Expectation
    starts: bool = True


def send_steps(client: Guest, sent: Step | Sequence[Step]) -> None:
    """Sends what stands together at once."""
    batch: list[bytes] = []
    for step in (sent,) if isinstance(sent, bytes) or callable(sent) else sent:
        if isinstance(step, bytes):
            batch.append(step)
            continue
        client.send(*batch)
        batch = []
        step(client)
    client.send(*batch)


def answered(stream: int = 1) -> Step:
    """Waits for all of an answer."""
    return lambda client: client.wait(stream)


def release(client: Guest) -> None:
    """The upstream answers what waits there."""
    client.service.release()


def head_of(stream: int = 1) -> Step:
    """Waits for the head of an answer."""
    def wait(client: Guest) -> None:
        assert client.pump(lambda: client.stream(stream).status), client.story()
    return wait


def seen(client: Guest) -> None:
    """Waits until the server has looked at what was sent."""
    assert client.ping(), client.story()


# Rows that take more than a line.


def say_something_else(client: Guest) -> None:
    """Whatever the server says to it, in whatever protocol, it closes."""
    client.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + client.get())
    with contextlib.suppress(ConnectionResetError):
        while client.socket.recv(1 << 16):
            pass
    assert not client.forwarded()


def exact(client: Guest, stream: int, count: int, what: str) -> None:
    """So much of the body came, and no more comes."""
    found = client.stream(stream)
    assert client.pump(lambda: len(found.body) >= count), f"{what}: {len(found.body)} bytes; {client.story()}"
    assert not client.pump(lambda: len(found.body) > count or found.is_over, EMPTY_HOUR), f"{what}: more came"


def send_with_small_windows(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 10)))
    client.send(client.get(1, "/bytes/30"))
    exact(client, 1, 10, "a window of 10")
    client.send(update(1, 7))
    exact(client, 1, 17, "7 more")
    client.send(update(1, 13))
    client.wait(1)


def stay_in_the_connections_window(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    client.send(client.get(1, "/bytes/100000"))
    exact(client, 1, WINDOW, "the connection's window")
    client.send(update(0, 100_000))
    client.wait(1)


def share_the_connections_window(client: Guest) -> None:
    client.send(client.get(1, "/bytes/50000"), client.get(3, "/bytes/50000"))
    def total() -> int:
        return len(client.stream(1).body) + len(client.stream(3).body)
    assert client.pump(lambda: total() == WINDOW), client.story()
    assert not client.pump(lambda: total() > WINDOW, EMPTY_HOUR)
    client.send(update(0, 100_000))
    client.wait(1, 3)


def raise_the_initial_window(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 0)))
    client.send(client.get(1, "/bytes/100"))
    exact(client, 1, 0, "a window of nothing")
    client.send(settings((INITIAL_WINDOW_SIZE, 40)))
    exact(client, 1, 40, "40 by SETTINGS")
    client.send(settings((INITIAL_WINDOW_SIZE, 200)))
    client.wait(1)


def make_the_window_negative(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 100)))
    client.send(client.get(1, "/bytes/300"))
    exact(client, 1, 100, "100")
    client.send(settings((INITIAL_WINDOW_SIZE, 20)))
    assert client.pump(lambda: not client.unacknowledged)
    client.send(update(1, 80))
    exact(client, 1, 100, "a window of 0, which was -80")
    client.send(update(1, 5))
    exact(client, 1, 105, "5 more")
    client.send(update(1, 500))
    client.wait(1)


def leave_the_connections_window_alone(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    client.send(client.get(1, "/bytes/70000"))
    exact(client, 1, WINDOW, "the connection's window")
    client.send(settings((INITIAL_WINDOW_SIZE, 1 << 21)))
    exact(client, 1, WINDOW, "the connection's window after SETTINGS")
    client.send(update(0, 10_000))
    client.wait(1)


def exceed_the_servers_window(client: Guest) -> None:
    """To an upstream that reads nothing, so that the windows are used up at last."""
    client.send(client.post(1, "/unread"))
    stream = client.server.get(INITIAL_WINDOW_SIZE, WINDOW)
    client.send_windows[1] = stream
    def room() -> int:
        return min(client.send_window, client.send_windows[1])
    while client.pump(lambda: room() > 0, EMPTY_HOUR):
        client.send_body(1, bytes(min(room(), 1 << 20)), ends=False)
        assert not client.goaway, client.story()
    client.send(data(1, bytes(max(room(), 0) + 1), 0))


def upload(size: int, padding: int = 0, most: int = 16384) -> Step:
    """A whole body on stream 1, as the windows open."""
    return lambda client: client.send_body(1, bytes(size), padding, most)


def discard(client: Guest) -> None:
    """More than a window of bodies that nobody reads, on streams that are answered or reset before."""
    stream, total = 1, 0
    while total <= 4 * WINDOW:
        client.send(client.post(stream, "/early"))
        found = client.stream(stream)
        assert client.pump(lambda: found.status or found.is_over), client.story()
        assert client.pump(lambda: client.send_window > 0), f"no window of the connection; {client.story()}"
        size = min(client.send_window, 16384, client.server.get(INITIAL_WINDOW_SIZE, WINDOW))
        client.send_window -= size
        client.send(data(stream, bytes(size), 0), reset(stream))
        total, stream = total + size, stream + 2
        seen(client)


def shrink_the_table(client: Guest) -> None:
    client.send(client.get(1))
    client.wait(1)
    client.send(settings((HEADER_TABLE_SIZE, 0)))
    assert client.pump(lambda: not client.unacknowledged), client.story()
    client.send(client.get(3))
    client.wait(3)
    assert client.decoder.header_table_size == 0
    client.send(settings((HEADER_TABLE_SIZE, 64)))
    assert client.pump(lambda: not client.unacknowledged), client.story()


def keep_the_table(client: Guest) -> Sequence[Step]:
    """A request that is refused puts a field into the table, and the next one takes it from there."""
    bad = block(client.request()) + literal("X-Upper", "1") + literal(":path", "/kept", 0x40)
    good = block([field for field in client.request() if field[0] != ":path"]) + integer(62, 7, 0x80)
    return [headers(1, bad), headers(3, good)]


def keep_the_table_of_a_reset_stream(client: Guest) -> Sequence[Step]:
    first = block(client.request("/hold")) + literal("x-a", "1", 0x40)
    late = literal("x-b", "/kept", 0x40)
    good = block(field for field in client.request() if field[0] != ":path")
    return [headers(1, first, END_HEADERS), seen, reset(1), headers(1, late),
            headers(3, good + literal(":path", "/kept", 0x00) + integer(62, 7, 0x80))]


def fill_the_connection(client: Guest) -> None:
    """As many streams as there may be, and one more; then those that wait are answered."""
    limit = client.server.get(MAX_CONCURRENT_STREAMS, LIMIT + 1)
    assert limit <= LIMIT, f"the server's limit is {limit}"
    streams = [1 + 2 * i for i in range(limit)]
    client.send(*(client.get(stream, "/hold") for stream in streams), client.get(2 * limit + 1, "/refused"))
    refused = client.stream(2 * limit + 1)
    assert client.pump(lambda: refused.code is not None or client.goaway), client.story()
    assert client.goaway or refused.code in (REFUSED_STREAM, PROTOCOL_ERROR), client.story()
    release(client)
    if not client.goaway:
        assert {stream.status for stream in client.wait(*streams)} == {200}, client.story()


def reuse_the_connection(client: Guest) -> None:
    """Streams that are over do not count."""
    limit = min(client.server.get(MAX_CONCURRENT_STREAMS, 100), LIMIT)
    for turn in range(2):
        batch = [1 + 2 * (turn * limit + i) for i in range(limit)]
        client.send(*(client.get(stream) for stream in batch))
        assert all(stream.status == 200 for stream in client.wait(*batch)), client.story()


def many_settings(client: Guest) -> None:
    for size in (100, 200, 300):
        client.send(settings((INITIAL_WINDOW_SIZE, size)))
    assert client.pump(lambda: not client.unacknowledged), client.story()


def repeat_a_setting(client: Guest) -> None:
    client.send(settings((INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 25)), client.get(1, "/bytes/100"))
    exact(client, 1, 25, "the last value")
    assert client.initial_window == 25
    client.send(update(1, 75))
    client.wait(1)


def answers_in_our_frames(client: Guest) -> None:
    client.send(update(0, 1 << 20))
    client.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    client.send(client.get(1, "/bytes/100000"))
    client.wait(1)


def answers_in_larger_frames(client: Guest) -> None:
    client.send(settings((MAX_FRAME_SIZE, 1 << 17)))
    answers_in_our_frames(client)


def echo_pings(client: Guest) -> None:
    payloads = [bytes(range(8)), b"\xff" * 8, bytes(8)]
    client.send(*(frame(PING, 0, 0, payload) for payload in payloads))
    assert client.pump(lambda: len(client.answers_to_pings()) == 3), client.story()
    assert client.answers_to_pings() == payloads


def no_echo_of_answers(client: Guest) -> None:
    client.send(frame(PING, ACK, 0, b"12345678"))
    seen(client)
    assert b"12345678" not in client.answers_to_pings()


def reset_is_not_answered(client: Guest) -> None:
    client.send(client.get(1, "/hold"), reset(1))
    seen(client)
    assert client.stream(1).code is None and not client.stream(1).fields, client.story()


def goaway_names_the_last(client: Guest) -> None:
    client.send(client.get(1), client.get(3))
    client.wait(1, 3)
    client.send(frame(PING, 0, 0, b"short"))
    assert client.pump(lambda: client.goaway), client.story()
    assert client.goaway and client.goaway.last_stream_id == 3, client.story()


def finish_after_goaway(client: Guest) -> None:
    client.send(client.post(1), goaway(), data(1, b"abc"))
    stream, = client.wait(1)
    assert (stream.status, stream.body) == (200, b"POST /x 3"), client.story()


def too_large(client: Guest) -> int:
    """One byte more than a frame may have."""
    limit = client.server.get(MAX_FRAME_SIZE, 16384)
    if limit > 1 << 20:
        pytest.skip("its frames cannot be too large")
    return limit + 1


def filler(size: int) -> bytes:
    """Fields of so many bytes at least, each small."""
    one = literal("x-filler", "1" * 100)
    return one * (size // len(one) + 1)


def without(client: Guest, *names: str) -> bytes:
    """A request that lacks these."""
    return headers(1, block(field for field in client.request() if field[0] not in names))


def with_field(name: str, value: str = "1") -> Callable[[Guest], bytes]:
    """A good request with one more field."""
    return lambda client: client.get(1, "/x", (name, value))


def with_pseudo(**fields: str) -> Callable[[Guest], bytes]:
    """A request with other pseudo-header fields."""
    return lambda client: headers(1, block((name, fields.get(name[1:], value)) for name, value in client.request()))


def with_authority(authority: str | None, host: str | None = None) -> Callable[[Guest], bytes]:
    """A request for that host."""
    def make(client: Guest) -> bytes:
        fields = [field for field in client.request() if field[0] != ":authority"]
        fields += [(":authority", authority)] if authority is not None else []
        return headers(1, block(fields + ([("host", host)] if host is not None else [])))
    return make


def with_length(length: str, *bodies: bytes) -> Callable[[Guest], Sequence[Step]]:
    """A request whose Content-Length may be wrong."""
    def make(client: Guest) -> Sequence[Step]:
        if not bodies:
            return headers(1, block(client.request("/x", "POST", ("content-length", length)))),
        flags = [0] * (len(bodies) - 1) + [END_STREAM]
        return [client.post(1, "/x", ("content-length", length)),
                *(data(1, body, flag) for body, flag in zip(bodies, flags, strict=True))]
    return make


def with_trailers(*fields: tuple[str, str], flags: int = END_HEADERS | END_STREAM) -> Callable[[Guest], bytes]:
    """A body and a field block behind it."""
    return lambda client: client.post(1) + data(1, b"abc", 0) + headers(1, block(fields), flags)


def connect_with(*fields: tuple[str, str]) -> Callable[[Guest], bytes]:
    """A CONNECT of these."""
    return lambda _: headers(1, block([(":method", "CONNECT"), *fields]), END_HEADERS)


def broken_block(bad: bytes) -> Callable[[Guest], bytes]:
    """A good request and bytes behind it."""
    return lambda client: headers(1, block(client.request()) + bad)


def half(client: Guest, stream: int = 1) -> bytes:
    """HEADERS that wait for a CONTINUATION."""
    return headers(stream, block(client.request()), END_STREAM)


def rest(stream: int = 1) -> bytes:
    """The CONTINUATION."""
    return continuation(stream, literal("x-more", "1"))


def held(client: Guest) -> Sequence[Step]:
    """A request whose answer waits, so that its stream is half closed."""
    return [client.get(1, "/hold"), seen]


ROWS = [
    # 3.4
    Row("preface_of_something_else", lambda c: [say_something_else], Holds(), starts=False),
    Row("preface_without_settings", lambda c: PREFACE + c.get(), Ends([PROTOCOL_ERROR]), starts=False),
    Row("preface_with_a_request", lambda c: PREFACE + settings() + c.get(), Answers(), starts=False),
    # 4.1
    Row("frame_of_an_unknown_type", lambda c: [frame(0xe7, 0xff, 0, b"any"), frame(0xe7, 0, 1, b"any"), c.get()],
        Answers()),
    Row("undefined_flags", lambda c: [frame(PING, 0xfe, 0, bytes(8)), headers(1, block(c.request()), 0xc0 | 0x12 | 5)],
        Answers()),
    Row("reserved_bit", lambda c: headers(1 | RESERVED, block(c.request())), Answers()),
    # 4.2
    Row("frame_of_16384_bytes", lambda c: [frame(0xe7, 0, 0, bytes(16384)), c.post(), data(1, bytes(16384))],
        Answers(b"POST /x 16384")),
    Row("data_too_large", lambda c: [c.post(), data(1, bytes(too_large(c)))], Resets([FRAME_SIZE_ERROR])),
    Row("headers_too_large", lambda c: headers(1, block(c.request()) + filler(too_large(c))),
        Ends([FRAME_SIZE_ERROR])),
    Row("continuation_too_large", lambda c: half(c) + continuation(1, filler(too_large(c))),
        Ends([FRAME_SIZE_ERROR])),
    Row("settings_too_large", lambda c: frame(SETTINGS, 0, 0, bytes(6 * (too_large(c) // 6 + 1))),
        Ends([FRAME_SIZE_ERROR])),
    Row("unknown_frame_too_large", lambda c: frame(0xe7, 0, 0, bytes(too_large(c))), Ends([FRAME_SIZE_ERROR])),
    Row("headers_too_short_for_padding", lambda c: headers(1, b"", END_HEADERS | END_STREAM | PADDED),
        Ends([FRAME_SIZE_ERROR, PROTOCOL_ERROR])),
    Row("headers_too_short_for_priority", lambda c: headers(1, bytes(4), END_HEADERS | END_STREAM | PRIORITISED),
        Ends([FRAME_SIZE_ERROR, PROTOCOL_ERROR])),
    Row("data_too_short_for_padding", lambda c: c.post() + data(1, b"", END_STREAM | PADDED),
        Ends([FRAME_SIZE_ERROR, PROTOCOL_ERROR])),
    Row("answer_in_frames_of_our_size", lambda c: [answers_in_our_frames], Answers(b"x" * 100_000)),
    Row("answer_in_larger_frames", lambda c: [answers_in_larger_frames], Answers(b"x" * 100_000)),
    # 4.3
    Row("field_block_truncated", broken_block(b"\x00\x05ab"), Ends([COMPRESSION_ERROR])),
    Row("field_block_index_zero", broken_block(b"\x80"), Ends([COMPRESSION_ERROR])),
    Row("field_block_index_beyond", broken_block(integer(62, 7, 0x80)), Ends([COMPRESSION_ERROR])),
    Row("field_block_integer_too_large", broken_block(b"\x00\x7f" + b"\xff" * 12 + b"\x01"), Ends([COMPRESSION_ERROR])),
    Row("field_block_huffman_padding", broken_block(b"\x00\x81\x18\x01a"), Ends([COMPRESSION_ERROR])),
    Row("field_block_huffman_end", broken_block(b"\x00\x84\xff\xff\xff\xff\x01a"), Ends([COMPRESSION_ERROR])),
    Row("field_block_table_too_large", lambda c: headers(1, integer(1 << 20, 5, 0x20) + block(c.request())),
        Ends([COMPRESSION_ERROR])),
    Row("field_block_table_change_within", broken_block(integer(0, 5, 0x20)), Ends([COMPRESSION_ERROR])),
    Row("field_block_ends_within_continuations", lambda c: half(c) + continuation(1, b"\x00\x05ab"),
        Ends([COMPRESSION_ERROR])),
    Row("field_block_of_a_refused_request", keep_the_table, Answers(b"GET /kept 0", 3)),
    Row("field_block_table_of_ours", lambda c: [shrink_the_table], Answers(None, 3)),
    *(Row(f"field_block_interrupted_by_{name}", lambda c, other=other: half(c) + other(c) + rest(),
          Ends([PROTOCOL_ERROR]))
      for name, other in {
          "data": lambda c: data(1, b"a"),
          "headers": lambda c: headers(1, b""),
          "another_stream": lambda c: c.get(3),
          "priority": lambda c: frame(PRIORITY, 0, 1, priority()),
          "reset": lambda c: reset(1),
          "settings": lambda c: settings(),
          "ping": lambda c: frame(PING, 0, 0, bytes(8)),
          "window_update": lambda c: update(0, 1),
          "goaway": lambda c: goaway(),
          "anothers_continuation": lambda c: rest(3),
      }.items()),
    # 5.1
    Row("idle_stream_data", lambda c: data(1, b"a"), Ends([PROTOCOL_ERROR, STREAM_CLOSED])),
    Row("idle_stream_reset", lambda c: reset(1), Ends([PROTOCOL_ERROR])),
    Row("idle_stream_window_update", lambda c: update(1, 1), Ends([PROTOCOL_ERROR])),
    Row("half_closed_stream_data", lambda c: [*held(c), data(1, b"a")], Resets([STREAM_CLOSED])),
    Row("half_closed_stream_headers", lambda c: [*held(c), headers(1, block([("x-a", "1")]))], Resets([STREAM_CLOSED])),
    Row("half_closed_by_data", lambda c: [c.post(1, "/hold"), data(1, b"a"), data(1, b"b")], Resets([STREAM_CLOSED])),
    Row("half_closed_by_trailers", lambda c: [c.post(1, "/hold"), headers(1, block([("x-a", "1")])), data(1, b"b")],
        Resets([STREAM_CLOSED])),
    Row("half_closed_stream_window_update", lambda c: [*held(c), update(1, 9), seen, release], Answers(b"GET /hold 0")),
    Row("half_closed_stream_priority", lambda c: [*held(c), frame(PRIORITY, 0, 1, priority()), seen, release],
        Answers(b"GET /hold 0")),
    Row("half_closed_stream_reset", lambda c: [*held(c), reset(1), seen, release], Lives()),
    Row("closed_stream_data", lambda c: [c.get(), answered(), data(1, b"a")],
        Closed()),
    Row("closed_stream_headers", lambda c: [c.get(), answered(), c.get()], Closed()),
    Row("closed_stream_window_update", lambda c: [c.get(), answered(), update(1, 1)], Lives()),
    Row("closed_stream_reset", lambda c: [c.get(), answered(), reset(1)], Lives()),
    Row("closed_stream_priority", lambda c: [c.get(), answered(), frame(PRIORITY, 0, 1, priority())], Lives()),
    Row("reset_stream_data", lambda c: [c.post(1, "/hold"), seen, reset(1), data(1, b"a")],
        Closed()),
    Row("reset_stream_headers", lambda c: [c.post(1, "/hold"), seen, reset(1), c.get(1)], Closed()),
    # 5.1.1
    Row("stream_of_even_number", lambda c: c.get(2), Ends([PROTOCOL_ERROR])),
    Row("stream_of_lower_number", lambda c: [c.get(5), answered(5), c.get(3)],
        Ends([PROTOCOL_ERROR, STREAM_CLOSED])),
    Row("stream_numbers_skipped", lambda c: [c.get(7), answered(7), c.get(1001)], Answers(stream=1001)),
    Row("skipped_stream_is_not_idle", lambda c: [c.get(7), answered(7), update(5, 1)], Lives()),
    # 5.1.2
    Row("streams_beyond_the_limit", lambda c: [fill_the_connection], Holds()),
    Row("streams_that_are_over", lambda c: [reuse_the_connection], Lives()),
    # 5.2
    Row("windows_are_given_back", lambda c: [c.post(), upload(300_000)], Answers(b"POST /x 300000")),
    # 5.3
    Row("priority_of_headers", lambda c: headers(1, priority(RESERVED | 7, 200) + block(c.request()),
                                                 END_HEADERS | END_STREAM | PRIORITISED), Answers()),
    Row("priority_of_an_idle_stream", lambda c: [frame(PRIORITY, 0, 1, priority(3)), frame(PRIORITY, 0, 9, priority()),
                                                 c.get()], Answers()),
    Row("priority_update", lambda c: [frame(0x10, 0, 0, b"\0\0\0\1u=1"), c.get(1, "/x", ("priority", "u=1, i"))],
        Answers()),
    # 5.4
    Row("goaway_tells_the_last_stream", lambda c: [goaway_names_the_last], Ends([FRAME_SIZE_ERROR])),
    Row("reset_is_not_answered_by_reset", lambda c: [reset_is_not_answered], Lives()),
    Row("frames_behind_an_error", lambda c: [headers(1, block(c.request()) + literal("X-Upper", "1"), END_HEADERS),
                                             data(1, b"abc", 0), headers(1, block([("x-a", "1")])), reset(1)],
        Malformed()),
    # 5.5
    Row("unknown_frame_within_a_field_block", lambda c: half(c) + frame(0xe7, 0, 1, b"any") + rest(),
        Ends([PROTOCOL_ERROR])),
    Row("unknown_frame_on_a_closed_stream", lambda c: [c.get(), answered(), frame(0xe7, 0, 1, b"any")], Lives()),
    # 6.1
    Row("data_on_stream_0", lambda c: data(0, b"a"), Ends([PROTOCOL_ERROR])),
    Row("data_padding_too_long", lambda c: c.post() + data(1, b"\x04abc", END_STREAM | PADDED), Ends([PROTOCOL_ERROR])),
    Row("data_padding_as_long_as_all", lambda c: c.post() + data(1, b"\x03abc", END_STREAM | PADDED),
        Answers(b"POST /x 0")),
    Row("data_padding_is_no_body", lambda c: c.post() + data(1, b"\x09abc" + bytes(9), END_STREAM | PADDED),
        Answers(b"POST /x 3")),
    Row("data_padding_counts", lambda c: [c.post(), upload(600, padding=255, most=258)], Answers(b"POST /x 600")),
    Row("data_of_nothing", lambda c: c.post() + data(1, b"", 0) + data(1, b"abc", 0) + data(1), Answers(b"POST /x 3")),
    # 6.2
    Row("headers_on_stream_0", lambda c: c.get(0), Ends([PROTOCOL_ERROR])),
    Row("headers_padding_too_long", lambda c: headers(1, b"\xff" + block(c.request()), 5 | PADDED),
        Ends([PROTOCOL_ERROR])),
    Row("headers_padding", lambda c: headers(1, b"\x09" + block(c.request()) + bytes(9), 5 | PADDED), Answers()),
    Row("headers_padding_and_priority",
        lambda c: headers(1, b"\x09" + priority() + block(c.request()) + bytes(9), 5 | PADDED | PRIORITISED),
        Answers()),
    # 6.3
    Row("priority_on_stream_0", lambda c: frame(PRIORITY, 0, 0, priority()), Ends([PROTOCOL_ERROR])),
    Row("priority_too_short", lambda c: c.post(1, "/hold") + frame(PRIORITY, 0, 1, bytes(4)),
        Resets([FRAME_SIZE_ERROR])),
    Row("priority_too_long", lambda c: c.post(1, "/hold") + frame(PRIORITY, 0, 1, bytes(6)),
        Resets([FRAME_SIZE_ERROR])),
    # 6.4
    Row("reset_on_stream_0", lambda c: reset(0), Ends([PROTOCOL_ERROR])),
    Row("reset_too_short", lambda c: [*held(c), frame(RST_STREAM, 0, 1, bytes(3))], Ends([FRAME_SIZE_ERROR])),
    Row("reset_too_long", lambda c: [*held(c), frame(RST_STREAM, 0, 1, bytes(5))], Ends([FRAME_SIZE_ERROR])),
    Row("reset_ends_the_stream", lambda c: [c.get(1, "/hold"), seen, reset(1), seen, release, c.get(3)],
        Answers(stream=3)),
    # 6.5
    Row("settings_on_a_stream", lambda c: frame(SETTINGS, 0, 1), Ends([PROTOCOL_ERROR])),
    Row("settings_ack_with_values", lambda c: frame(SETTINGS, ACK, 0, bytes(6)), Ends([FRAME_SIZE_ERROR])),
    Row("settings_of_5_bytes", lambda c: frame(SETTINGS, 0, 0, bytes(5)), Ends([FRAME_SIZE_ERROR])),
    Row("settings_of_push_2", lambda c: settings((ENABLE_PUSH, 2)), Ends([PROTOCOL_ERROR])),
    Row("settings_of_too_large_a_window", lambda c: settings((INITIAL_WINDOW_SIZE, RESERVED)),
        Ends([FLOW_CONTROL_ERROR])),
    Row("settings_of_the_largest_window", lambda c: [settings((INITIAL_WINDOW_SIZE, MAXIMUM)), c.get()],
        Answers()),
    Row("settings_of_too_small_frames", lambda c: settings((MAX_FRAME_SIZE, 16383)), Ends([PROTOCOL_ERROR])),
    Row("settings_of_too_large_frames", lambda c: settings((MAX_FRAME_SIZE, 1 << 24)), Ends([PROTOCOL_ERROR])),
    Row("settings_unknown", lambda c: [settings((0xabcd, 7), (0, 1)), c.get()], Answers()),
    Row("settings_repeated", lambda c: [repeat_a_setting], Answers(b"x" * 100)),
    Row("settings_are_acknowledged", lambda c: [many_settings], Lives()),
    Row("settings_of_nothing", lambda c: [settings(), c.get()], Answers()),
    # 6.6
    Row("push_promise_of_a_client", lambda c: [*held(c), frame(PUSH_PROMISE, END_HEADERS, 1,
                                                               b"\0\0\0\2" + block(c.request()))],
        Ends([PROTOCOL_ERROR])),
    # 6.7
    Row("ping_is_answered", lambda c: [echo_pings], Lives()),
    Row("ping_answer_is_not_answered", lambda c: [no_echo_of_answers], Lives()),
    Row("ping_on_a_stream", lambda c: frame(PING, 0, 1, bytes(8)), Ends([PROTOCOL_ERROR])),
    Row("ping_of_7_bytes", lambda c: frame(PING, 0, 0, bytes(7)), Ends([FRAME_SIZE_ERROR])),
    Row("ping_of_9_bytes", lambda c: frame(PING, 0, 0, bytes(9)), Ends([FRAME_SIZE_ERROR])),
    # 6.8
    Row("goaway_on_a_stream", lambda c: frame(GOAWAY, 0, 1, bytes(8)), Ends([PROTOCOL_ERROR])),
    Row("goaway_too_short", lambda c: frame(GOAWAY, 0, 0, bytes(7)), Ends([FRAME_SIZE_ERROR])),
    Row("goaway_of_the_client", lambda c: [finish_after_goaway], Holds()),
    # 6.9
    Row("window_update_of_nothing", lambda c: c.post(1, "/hold") + update(1, 0), Resets([PROTOCOL_ERROR])),
    Row("window_update_of_nothing_on_stream_0", lambda c: update(0, 0), Ends([PROTOCOL_ERROR])),
    Row("window_update_of_3_bytes", lambda c: frame(WINDOW_UPDATE, 0, 0, bytes(3)), Ends([FRAME_SIZE_ERROR])),
    Row("window_update_of_5_bytes", lambda c: frame(WINDOW_UPDATE, 0, 0, bytes(5)), Ends([FRAME_SIZE_ERROR])),
    Row("window_update_reserved_bit", lambda c: [c.post(), update(1, RESERVED | 1), data(1)], Answers(b"POST /x 0")),
    Row("window_is_exceeded", lambda c: [exceed_the_servers_window], Resets([FLOW_CONTROL_ERROR])),
    Row("window_of_a_stream_is_kept", lambda c: [send_with_small_windows], Answers(b"x" * 30)),
    Row("window_of_the_connection_is_kept", lambda c: [stay_in_the_connections_window], Answers(b"x" * 100_000)),
    Row("window_of_the_connection_is_shared", lambda c: [share_the_connections_window], Answers(b"x" * 50_000, 3)),
    Row("window_of_a_stream_overflows", lambda c: c.post(1, "/hold") + update(1, MAXIMUM),
        Resets([FLOW_CONTROL_ERROR])),
    Row("window_of_the_connection_overflows", lambda c: update(0, MAXIMUM), Ends([FLOW_CONTROL_ERROR])),
    Row("window_of_the_connection_at_its_most", lambda c: [update(0, MAXIMUM - WINDOW), c.get()], Answers()),
    Row("window_initial_raised", lambda c: [raise_the_initial_window], Answers(b"x" * 100)),
    Row("window_negative", lambda c: [make_the_window_negative], Answers(b"x" * 300)),
    Row("window_initial_is_the_streams", lambda c: [leave_the_connections_window_alone], Answers(b"x" * 70_000)),
    Row("window_initial_overflows", lambda c: c.post(1, "/hold") + update(1, 1) + settings(
        (INITIAL_WINDOW_SIZE, MAXIMUM)), Ends([FLOW_CONTROL_ERROR])),
    Row("window_of_what_is_discarded", lambda c: [discard], Lives()),
    # 6.10
    Row("continuation_on_stream_0", lambda c: half(c) + rest(0), Ends([PROTOCOL_ERROR])),
    Row("continuation_of_nothing", lambda c: rest(1), Ends([PROTOCOL_ERROR])),
    Row("continuation_behind_the_end", lambda c: c.post(1, "/hold") + rest(1), Ends([PROTOCOL_ERROR])),
    Row("continuation_behind_another", lambda c: half(c) + rest() + rest(), Ends([PROTOCOL_ERROR, STREAM_CLOSED])),
    Row("continuation_behind_data", lambda c: c.post(1, "/hold") + data(1, b"a", 0) + rest(1), Ends([PROTOCOL_ERROR])),
    Row("continuations", lambda c: half(c) + continuation(1, literal("x-a", "1"), 0) + continuation(1, b"", 0) + rest(),
        Answers()),
    Row("continuations_of_trailers", lambda c: c.post() + data(1, b"abc", 0)
        + headers(1, literal("x-a", "1"), END_STREAM) + rest(), Answers(b"POST /x 3")),
    # 7
    Row("error_code_unknown", lambda c: [*held(c), reset(1, 0xdeadbeef), seen, c.get(3)], Answers(stream=3)),
    Row("error_code_unknown_of_goaway",
        lambda c: [c.post(), goaway(0, 0xdeadbeef, b"bye"), data(1, b"abc"), answered()],
        Holds()),
    # 8.1
    Row("trailers", with_trailers(("x-checksum", "1")), Answers(b"POST /x 3")),
    Row("trailers_without_an_end", with_trailers(("x-checksum", "1"), flags=END_HEADERS), Malformed()),
    Row("trailers_with_pseudo_header", with_trailers((":path", "/y")), Malformed()),
    Row("trailers_with_status", with_trailers((":status", "200")), Malformed()),
    Row("trailers_upper_case", with_trailers(("X-Checksum", "1")), Malformed()),
    Row("trailers_with_connection", with_trailers(("connection", "close")), Malformed()),
    Row("answer_without_a_body_to_head", lambda c: headers(1, block(c.request("/bytes/50", "HEAD"))), Answers(b"")),
    Row("answer_of_204", lambda c: c.get(1, "/nothing"), Answers(b"", status=204)),
    Row("answer_of_304", lambda c: c.get(1, "/same"), Answers(b"", status=304)),
    Row("answer_before_the_end", lambda c: [c.post(1, "/early"), data(1, b"abc", 0), head_of()], Answers(b"early")),
    # 8.1.1
    Row("length_without_a_body", with_length("3"), Malformed()),
    Row("length_too_long", with_length("5", b"abc"), Malformed()),
    Row("length_too_short", with_length("2", b"abc"), Malformed()),
    Row("length_too_short_for_many", with_length("5", b"abc", b"def"), Malformed()),
    Row("length_too_long_for_many", with_length("9", b"abc", b"def", b""), Malformed()),
    Row("length_too_long_before_trailers", lambda c: c.post(1, "/x", ("content-length", "5")) + data(1, b"abc", 0)
        + headers(1, literal("x-a", "1")), Malformed()),
    Row("length_of_no_number", with_length("3x", b"abc"), Malformed()),
    Row("length_negative", with_length("-3", b"abc"), Malformed()),
    Row("length_twice", lambda c: c.post(1, "/x", ("content-length", "3"), ("content-length", "4")) + data(1, b"abc"),
        Malformed()),
    Row("length_right", with_length("6", b"abc", b"def"), Answers(b"POST /x 6")),
    # 8.2
    *(Row(f"field_name_{words}", with_field(name), Malformed()) for words, name in {
        "upper_case": "X-Upper", "empty": "", "with_a_space": "x a", "with_a_tab": "x\ta", "with_nul": "x\0a",
        "with_cr": "x\ra", "with_lf": "x\na", "with_delete": "x\x7fa", "beyond_ascii": "x\xe4a",
        "with_a_colon": "x:a"}.items()),
    *(Row(f"field_value_{words}", with_field("x-a", value), Malformed()) for words, value in {
        "with_nul": "a\0b", "with_cr": "a\rb", "with_lf": "a\nb", "with_a_request": "a\r\n\r\nGET /y HTTP/1.1\r\n",
        "begins_with_space": " a", "begins_with_tab": "\ta", "ends_with_space": "a ", "ends_with_tab": "a\t"}.items()),
    Row("field_value_empty", with_field("x-a", ""), Answers()),
    *(Row(f"field_{name.replace('-', '_')}", with_field(name, value), Malformed()) for name, value in {
        "connection": "close", "proxy-connection": "keep-alive", "keep-alive": "timeout=5",
        "transfer-encoding": "chunked", "upgrade": "websocket"}.items()),
    Row("field_te_of_gzip", with_field("te", "gzip"), Malformed()),
    Row("field_te_of_more", with_field("te", "trailers, gzip"), Malformed()),
    Row("field_te_of_trailers", with_field("te", "trailers"), Answers()),
    Row("cookie_crumbs", lambda c: c.get(1, "/crumbs", ("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f")),
        Answers(b"GET /crumbs 0", forwarded={"cookie": "a=b; c=d; e=f"})),
    # 8.3
    Row("pseudo_header_unknown", lambda c: headers(1, block([*c.request(), (":unknown", "1")])), Malformed()),
    Row("pseudo_header_of_an_answer", lambda c: headers(1, block([*c.request(), (":status", "200")])), Malformed()),
    Row("pseudo_header_behind_a_field",
        lambda c: headers(1, block([*c.request()[:3], ("x-a", "1"), c.request()[3]])), Malformed()),
    *(Row(f"pseudo_header_{name[1:]}_twice", lambda c, name=name: headers(1, block(
        [*c.request(), next(field for field in c.request() if field[0] == name)])), Malformed())
      for name in (":method", ":scheme", ":authority", ":path")),
    *(Row(f"pseudo_header_{name[1:]}_missing", lambda c, name=name: without(c, name), Malformed())
      for name in (":method", ":scheme", ":path")),
    *(Row(f"pseudo_header_{name}_empty", with_pseudo(**{name: ""}), Malformed())
      for name in ("method", "scheme", "path")),
    Row("pseudo_header_upper_case", lambda c: headers(1, block([*c.request()[:3], (":Path", "/x")])), Malformed()),
    Row("method_of_no_token", with_pseudo(method="GET /y HTTP/1.1"), Malformed()),
    Row("path_without_a_slash", with_pseudo(path="x"), Malformed()),
    Row("path_of_a_star", with_pseudo(path="*"), Malformed()),
    Row("path_with_a_space", with_pseudo(path="/x y"), Malformed()),
    Row("path_with_a_line_end", with_pseudo(path="/x HTTP/1.1\r\nx-a: 1"), Malformed()),
    Row("authority_with_userinfo", with_authority("user@gw.test"), Malformed()),
    Row("authority_with_a_space", with_authority("gw.test x"), Malformed()),
    Row("authority_and_another_host", with_authority("gw.test", "other.test"), Malformed()),
    Row("authority_and_the_same_host", with_authority("gw.test", "gw.test"), Answers()),
    Row("authority_is_missing_but_host", with_authority(None, "gw.test"), Answers()),
    Row("authority_and_host_are_missing", with_authority(None), Malformed()),
    Row("authority_becomes_host", lambda c: c.get(1, "/host"), Answers(b"GET /host 0", forwarded={"host": "gw.test"})),
    Row("protocol_without_connect", lambda c: headers(1, block([*c.request(), (":protocol", "websocket")])),
        Malformed()),
    # 8.5
    Row("connect_with_scheme_and_path",
        connect_with((":scheme", "http"), (":authority", "gw.test:443"), (":path", "/x")),
        Malformed(statuses=(400, 405, 501))),
    Row("connect_without_authority", connect_with(), Malformed(statuses=(400, 405, 501))),
    Row("connect_is_refused", connect_with((":authority", "gw.test:443")), Malformed(statuses=(400, 403, 405, 501))),
]
