# SPDX-License-Identifier: Apache-2.0
"""Real Redis servers as Debian ships them, one or a cluster of them; and one that is none, and says what a test wants."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from peers import accepts
from wire import DEADLINE, wait_until


def quiet_port() -> int:
    """A free port that the system gives to nobody, with a free one 10,000 above, where nodes of a cluster meet."""
    while True:
        port = random.randrange(12_000, 22_000)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            return port


class Redis:
    """A redis-server that keeps nothing. `options` are those of its configuration file, such as ("--requirepass", "x")."""

    def __init__(self, directory: Path, *options: str, cli: Sequence[str] = (), is_open: bool = True):
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.options = options
        self.cli_options = cli
        self.is_open = is_open  # it listens in the clear
        self.port = quiet_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Comes up, on the same port as before, with nothing in it."""
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: tools/deps test"
        listen = ("--port", str(self.port)) if self.is_open else ("--port", "0", "--tls-port", str(self.port))
        self.process = subprocess.Popen(
            [program, *listen, "--bind", "127.0.0.1", "--dir", str(self.directory), "--save", "", "--appendonly", "no",
             *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or accepts(self.port), "redis-server")
        assert self.process.poll() is None, "redis-server does not start"

    def cli(self, *words: str) -> str:
        """What redis-cli prints."""
        done = subprocess.run(["redis-cli", "-p", str(self.port), *self.cli_options, *words], capture_output=True,
                              text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def keys(self) -> list[str]:
        """Of limits."""
        return sorted(key for key in self.cli("--scan").split() if "{gateways}" not in key)

    def kill(self) -> None:
        """At once, as if the machine had lost it."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def freeze(self) -> None:
        """It is there, and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """For good."""
        if self.process.poll() is None:
            self.thaw()
            self.kill()


class Cluster:
    """Three primaries, with all slots."""

    def __init__(self, directory: Path):
        self.nodes = [Redis(directory / f"node-{i}", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
                      for i in range(3)]
        done = subprocess.run(["redis-cli", "--cluster", "create", *(node.address for node in self.nodes),
                               "--cluster-replicas", "0", "--cluster-yes"], capture_output=True, text=True,
                              timeout=4 * DEADLINE, check=False)
        if done.returncode != 0:
            self.stop()
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until(lambda: all("cluster_state:ok" in node.cli("cluster", "info") for node in self.nodes), "the cluster")

    def owner(self, slot: int) -> Redis:
        """Who has a slot, as the first node knows it."""
        for line in self.nodes[0].cli("cluster", "nodes").splitlines():
            port, ranges = int(line.split()[1].split("@")[0].rpartition(":")[2]), line.split()[8:]
            if any(int(part.split("-")[0]) <= slot <= int(part.split("-")[-1]) for part in ranges if part[0] != "["):
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody has slot {slot}")

    def keys(self) -> list[str]:
        """Of limits, whoever has them."""
        return sorted(key for node in self.nodes for key in node.keys())

    def stop(self) -> None:
        """All of it."""
        for node in self.nodes:
            node.stop()


class FakeRedis:
    """Greets as Redis does, and answers each command after that with what `answer` gives for its words; None ends the
    connection. All that it was sent is kept."""

    def __init__(self, answer: Callable[[list[bytes]], bytes | None], *, greeting: bytes = b"+PONG\r\n"):
        self.answer = answer
        self.greeting = greeting
        self.commands: list[list[bytes]] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _read(sock: socket.socket) -> Iterator[list[bytes]]:
        stream = sock.makefile("rb")
        while line := stream.readline():
            assert line[:1] == b"*", line
            words = []
            for _ in range(int(line[1:])):
                length = int(stream.readline()[1:])
                words.append(stream.read(length + 2)[:-2])
            yield words

    def _serve(self, sock: socket.socket) -> None:
        try:
            for words in self._read(sock):
                self.commands.append(words)
                reply = self.greeting if words == [b"PING"] else self.answer(words)
                if reply is None:
                    break
                sock.sendall(reply)
        except OSError:
            pass
        finally:
            sock.close()

    def stop(self) -> None:
        """No more connections."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
