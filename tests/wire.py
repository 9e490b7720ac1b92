# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes: strict reading of messages, and a raw connection to a server.

Nothing here is lenient. A test that reads what the gateway wrote through a forgiving parser proves
nothing, so whatever RFC 9112 does not allow a sender to write is `Malformed` here, and what merely
ends too early is `Truncated`. Fields keep their order, their case and their repetitions.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

# Generous on purpose: a deadline ends a test that hangs, it never decides whether one passes.
DEADLINE = 30.0

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) (HTTP/1\.[01])")
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)")
VISIBLE = rb"[\x21-\x7e\x80-\xff]"
FIELD_LINE = re.compile(rb"(%s):[ \t]*((?:%s(?:[\t \x21-\x7e\x80-\xff]*%s)?)?)[ \t]*" % (TOKEN, VISIBLE, VISIBLE))
CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}")
DIGITS = re.compile(r"[0-9]{1,18}")

Fields = list[tuple[str, str]]


class Malformed(Exception):
    """Bytes that no correct sender writes."""


class Truncated(Exception):
    """The stream ended inside a message."""


@dataclass
class Message:
    """What requests and answers have in common."""

    version: str
    fields: Fields
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    chunked: bool = False

    def all(self, name: str) -> list[str]:
        """Every value under that name, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The only value under that name, or None; a repetition is a failure of the test."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def names(self) -> set[str]:
        """The names of all fields, in lower case."""
        return {key.lower() for key, _ in self.fields}


@dataclass
class Request(Message):
    """A request as an upstream received it."""

    method: str = ""
    target: str = ""


@dataclass
class Answer(Message):
    """A final answer; `interim` holds the 1xx ones before it."""

    status: int = 0
    reason: str = ""
    interim: list[Answer] = field(default_factory=list)
    until_close: bool = False


class Reader:
    """Messages out of a stream of bytes. `receive` gives the next bytes, or none at the end."""

    def __init__(self, receive: Callable[[], bytes]):
        self.receive = receive
        self.buffer = b""
        self.ended = False

    @classmethod
    def over(cls, data: bytes) -> Reader:
        """A reader of bytes that are there already."""
        pieces = [data]
        return cls(lambda: pieces.pop() if pieces else b"")

    def fill(self) -> bool:
        """Takes more bytes; False at the end of the stream."""
        if self.ended:
            return False
        data = self.receive()
        self.buffer += data
        self.ended = not data
        return not self.ended

    def at_end(self) -> bool:
        """Whether nothing at all follows. Waits for a byte or the end."""
        return not self.buffer and not self.fill()

    def take(self, count: int) -> bytes:
        """Exactly that many bytes."""
        pieces, missing = [], count
        while True:
            piece, self.buffer = self.buffer[:missing], self.buffer[missing:]
            pieces.append(piece)
            missing -= len(piece)
            if not missing:
                return b"".join(pieces)
            if not self.fill():
                raise Truncated(f"{missing} of {count} bytes are missing")

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        pieces = [self.buffer]
        self.buffer = b""
        while self.fill():
            pieces.append(self.buffer)
            self.buffer = b""
        return b"".join(pieces)

    def line(self) -> bytes:
        """One line, which ends in CRLF and has neither CR nor LF in it."""
        while b"\n" not in self.buffer:
            if not self.fill():
                raise Truncated(f"a line without its end: {self.buffer[:200]!r}")
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise Malformed(f"a line end that is not CRLF: {line[:200]!r}")
        return line[:-1]

    def fields(self) -> Fields:
        """Field lines up to and with the empty line."""
        fields = []
        while line := self.line():
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise Malformed(f"not a field line: {line[:200]!r}")
            fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
        return fields

    def chunks(self) -> tuple[bytes, Fields]:
        """A chunked body and its trailers."""
        body: list[bytes] = []
        while True:
            line = self.line()
            if not CHUNK_LINE.fullmatch(line):
                raise Malformed(f"not a chunk size: {line[:200]!r}")
            size = int(line, 16)
            if size == 0:
                return b"".join(body), self.fields()
            body.append(self.take(size))
            if self.take(2) != b"\r\n":
                raise Malformed("a chunk is longer than its size")

    def framed_body(self, message: Message) -> bool:
        """Reads the body that the framing fields tell of; False when they tell of none."""
        length, coding = message.all("content-length"), message.all("transfer-encoding")
        if len(length) + len(coding) > 1:
            raise Malformed(f"ambiguous framing: {length} {coding}")
        if coding:
            if coding[0].lower() != "chunked" or message.version != "HTTP/1.1":
                raise Malformed(f"transfer coding {coding[0]!r} in {message.version}")
            message.chunked = True
            message.body, message.trailers = self.chunks()
        elif length:
            if not DIGITS.fullmatch(length[0]):
                raise Malformed(f"content length {length[0]!r}")
            message.body = self.take(int(length[0]))
        return bool(length or coding)

    def request(self) -> Request | None:
        """The next request; None when the stream ended before its first byte."""
        if self.at_end():
            return None
        line = self.line()
        match = REQUEST_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"not a request line: {line[:200]!r}")
        method, target, version = (part.decode("latin-1") for part in match.groups())
        request = Request(version=version, fields=self.fields(), method=method, target=target)
        if len(request.all("host")) != 1 and version == "HTTP/1.1":
            raise Malformed(f"Host fields: {request.all('host')}")
        self.framed_body(request)
        return request

    def head_of_answer(self) -> Answer:
        """A status line and its fields."""
        line = self.line()
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"not a status line: {line[:200]!r}")
        return Answer(version=match[1].decode(), fields=self.fields(), status=int(match[2]),
                      reason=match[3].decode("latin-1"))

    def answer(self, method: str = "GET") -> Answer | None:
        """The next final answer to such a request; None when the stream ended before its first byte."""
        if self.at_end():
            return None
        interim = []
        answer = self.head_of_answer()
        while 100 <= answer.status < 200 and answer.status != 101:
            interim.append(answer)
            answer = self.head_of_answer()
        answer.interim = interim
        bodiless = answer.status in (101, 204, 304) or method == "HEAD"
        bodiless = bodiless or (method == "CONNECT" and 200 <= answer.status < 300)
        if not bodiless and not self.framed_body(answer):
            answer.until_close = True
            answer.body = self.rest()
        return answer


def parse_requests(data: bytes) -> list[Request]:
    """All requests in these bytes, which hold nothing else."""
    reader, requests = Reader.over(data), []
    while request := reader.request():
        requests.append(request)
    return requests


def parse_answers(data: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """All answers in these bytes, which hold nothing else. The nth answers a request of the nth method (GET)."""
    reader = Reader.over(data)
    answers: list[Answer] = []
    while not reader.at_end():
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        answer = reader.answer(method)
        assert answer
        answers.append(answer)
    return answers


def wait_until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """For what cannot be waited on by an event: looks again and again until it holds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


Address = tuple[str, int] | str


class Connection:
    """A client's raw connection: sends exactly the bytes it is told to, and reads strictly. In TLS with `tls`."""

    def __init__(self, address: Address, deadline: float = DEADLINE, tls: ssl.SSLContext | None = None,
                 host: str = "gw.test"):
        family = socket.AF_UNIX if isinstance(address, str) else \
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(deadline)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.connect(address)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except OSError:
            self.socket.close()
            raise
        self.was_reset = False
        self.reader = Reader(self._receive)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            return b""

    @property
    def port(self) -> int:
        """Where it comes from."""
        return int(self.socket.getsockname()[1])

    def send(self, data: bytes) -> bool:
        """All of it at once; False when the server had closed before."""
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return False
        return True

    def send_pieces(self, pieces: Iterable[bytes]) -> bool:
        """Each in a write of its own; stops when the server has closed."""
        return all(self.send(piece) for piece in pieces)

    def send_bytewise(self, data: bytes) -> bool:
        """Each byte in a write of its own."""
        return self.send_pieces(data[i:i + 1] for i in range(len(data)))

    def send_split(self, data: bytes, at: int) -> bool:
        """In two writes."""
        return self.send_pieces((data[:at], data[at:]))

    def send_end(self) -> None:
        """Half-closes: nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_answer(self, method: str = "GET") -> Answer:
        """The next final answer, which must come."""
        answer = self.reader.answer(method)
        assert answer, "the server closed without an answer"
        return answer

    def read_bytes(self, count: int) -> bytes:
        """Exactly that many bytes, whatever they are."""
        return self.reader.take(count)

    def read_until_closed(self) -> bytes:
        """Every byte up to the server's close, in order or by a reset (see `was_reset`)."""
        return self.reader.rest()

    def is_closed_by_server(self) -> bool:
        """Waits for the next byte or the end, and says which."""
        return self.reader.at_end()

    def close(self) -> None:
        """In order."""
        self.socket.close()

    def reset(self) -> None:
        """With a RST, as a crashed client's machine would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def exchange(address: Address, data: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """Sends the bytes on a connection of their own, half-closes, and reads every answer."""
    with Connection(address) as connection:
        connection.send(data)
        connection.send_end()
        return parse_answers(connection.read_until_closed(), methods)
