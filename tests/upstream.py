# SPDX-License-Identifier: Apache-2.0
"""An upstream that records every byte it receives and answers what it is told to.

It reads requests strictly: what is malformed becomes a violation of the connection, and the fixture
fails the test for it. It may answer with bytes that are as wrong as the test wants them.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from wire import DEADLINE, Malformed, Reader, Request, Truncated

OK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"

# What the upstream says to a request: bytes, pieces of them (each a write of its own), or None, which closes.
Said = bytes | Iterable[bytes] | None


class UpstreamConnection:
    """One connection from the gateway, as it was and is."""

    def __init__(self, upstream: Upstream, sock: socket.socket):
        self.upstream = upstream
        self.socket = sock
        self.received = bytearray()
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.was_truncated = False
        self.was_reset = False
        self.has_ended = False
        self.is_finished = False
        self.reader = Reader(self._receive)

    def _receive(self) -> bytes:
        try:
            data = self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            return b""
        except TimeoutError:
            return b""
        if self.upstream.keeps_record:
            with self.upstream.changed:
                self.received += data
                self.upstream.changed.notify_all()
        return data

    def read_request(self) -> Request | None:
        """The next request, recorded; None when the gateway closed."""
        request = self.reader.request()
        if request and self.upstream.keeps_record:
            with self.upstream.changed:
                self.requests.append(request)
                self.upstream.changed.notify_all()
        return request

    def send(self, data: bytes) -> bool:
        """All of it; False when the gateway is gone."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def read_until_closed(self) -> None:
        """Records everything up to the gateway's close."""
        self.reader.rest()

    def end(self) -> None:
        """Sends FIN; what the gateway still sends is recorded."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        with self.upstream.changed:
            self.has_ended = True
            self.upstream.changed.notify_all()
        self.read_until_closed()

    def reset(self) -> None:
        """Breaks the connection with a RST, as a killed process' machine may."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Upstream:
    """A threaded server on a free port.

    `answer`: bytes for every request, or a function from the request to them. `close`: whether it closes after
    each answer. `serve`: takes the whole connection into its own hands instead. `record`: false for runs so long that
    their record would not fit; violations are kept all the same.
    """

    def __init__(self, answer: Said | Callable[[Request], Said] = OK_ANSWER, *, close: bool = False,
                 serve: Callable[[UpstreamConnection], None] | None = None, path: str | None = None,
                 host: str = "127.0.0.1", port: int = 0, record: bool = True):
        self.answer = answer
        self.close_after = close
        self.keeps_record = record
        self.serve = serve or self._serve_requests
        self.changed = threading.Condition()
        self.connections: list[UpstreamConnection] = []
        self.failures: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.listener = self._listen(path, host, port)
        self.address = f"unix:{path}" if path else f"{host}:{self.listener.getsockname()[1]}"
        self.stopping = False
        self._start(self._accept)

    @staticmethod
    def _listen(path: str | None, host: str, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        if not path:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(path or (host, port))
        listener.listen(1024)
        return listener

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    @property
    def requests(self) -> list[Request]:
        """All complete requests, connection by connection."""
        with self.changed:
            return [request for connection in self.connections for request in connection.requests]

    @property
    def received(self) -> bytes:
        """Every byte, connection by connection."""
        with self.changed:
            return b"".join(bytes(connection.received) for connection in self.connections)

    @property
    def violations(self) -> list[str]:
        """What was malformed in what the gateway sent."""
        with self.changed:
            return [words for connection in self.connections for words in connection.violations]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Until it holds; looked at whenever something arrived or ended here."""
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), f"the upstream waited in vain for {what}"

    def wait_for_requests(self, count: int) -> list[Request]:
        """Until that many complete requests are here."""
        self.wait_for(lambda: len(self.requests) >= count, f"{count} requests")
        return self.requests

    def wait_until_all_ended(self) -> None:
        """Until every connection seen so far was left by this side, whether or not the gateway knows."""
        self.wait_for(lambda: all(c.has_ended for c in self.connections), "leaving all connections")

    def wait_until_all_closed(self) -> None:
        """Until every connection seen so far has ended."""
        self.wait_for(lambda: all(c.is_finished for c in self.connections), "the end of all connections")

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(DEADLINE)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = UpstreamConnection(self, sock)
            with self.changed:
                self.connections.append(connection)
                self._start(self._run, connection)
                self.changed.notify_all()

    def _run(self, connection: UpstreamConnection) -> None:
        try:
            self.serve(connection)
        except Malformed as why:
            connection.violations.append(str(why))
        except Truncated:
            connection.was_truncated = True
        except BaseException as why:  # told to the test by stop()
            if not self.stopping:
                self.failures.append(why)
        finally:
            connection.socket.close()
            with self.changed:
                connection.is_finished = True
                if not self.keeps_record and not connection.violations:
                    self.connections.remove(connection)
                    self.threads.remove(threading.current_thread())
                self.changed.notify_all()

    def _serve_requests(self, connection: UpstreamConnection) -> None:
        while request := connection.read_request():
            said = self.answer(request) if callable(self.answer) else self.answer
            for piece in (said,) if isinstance(said, bytes) else said or ():
                if not connection.send(piece):
                    return
            if said is None or self.close_after:
                connection.end()
                return

    def stop(self) -> None:
        """Closes everything, and passes on what went wrong in its threads."""
        self.stopping = True
        with self.changed:
            sockets = [self.listener, *(connection.socket for connection in self.connections)]
            threads = list(self.threads)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already
        self.listener.close()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a thread of the upstream hangs"
        if self.failures:
            raise self.failures[0]

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
