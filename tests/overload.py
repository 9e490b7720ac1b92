# SPDX-License-Identifier: Apache-2.0
"""Overload in large, for `tests/torture.py memory` and `tests/torture.py lag`: more than there is memory for, and more
than there is time for."""

from __future__ import annotations

import argparse
import contextlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import h2_frames
from admin import Admin
from gatehouse import Gateway
from peers import Nginx
from soak import resident_bytes
from wire import wait_until

MIB = 1 << 20
PAUSED = 'gatehouse_overload_total{reason="accepts_paused"}'
CLIENTS = 3000  # of each kind
PATIENCE = 30  # seconds: what waits for an upstream ends after 20
UPLOAD = b"POST /silent HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
LARGE_HEAD = b"GET /silent HTTP/1.1\r\nHost: gw.test\r\n" + b"".join(
    b"X-Filler-%d: %s\r\n" % (number, b"y" * 7000) for number in range(4)) + b"\r\n"


def raise_descriptors() -> int:
    """As many as may be."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Silent:
    """An upstream that takes connections, and reads and says nothing."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.taken: list[socket.socket] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.server.accept()[0])

    def close(self) -> None:
        """Lets go of all."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        for taken in self.taken:
            taken.close()


class Sampler:
    """What the process has and what it says that workers hold, at their highest."""

    def __init__(self, gateway: Gateway, admin: Admin):
        self.gateway, self.admin = gateway, admin
        self.resident = self.charged = self.checks = 0
        self.is_over = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.is_over:
            self.resident = max(self.resident, resident_bytes(self.gateway.pid))
            if self.admin.get("/healthz").status == 200:
                self.checks += 1
            self.charged = max(self.charged, int(self.admin.metrics()["gatehouse_memory_bytes"]))

    def stop(self) -> None:
        """The end."""
        self.is_over = True
        self.thread.join()


def h2_streams() -> bytes:
    """What a client of HTTP/2 sends that opens a hundred streams, fills the window of each, and reads nothing."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", "/silent"), (":authority", "gw.test")]
    return h2_frames.PREFACE + h2_frames.settings() + b"".join(
        h2_frames.headers(stream, h2_frames.block(fields), h2_frames.END_HEADERS) +
        b"".join(h2_frames.data(stream, b"z" * 16000, 0) for _ in range(4)) for stream in range(1, 200, 2))


def send(address: Any, data: bytes) -> socket.socket | None:
    """A client that sends as much as is taken within a moment, and stays."""
    client = socket.socket()
    client.settimeout(0.05)
    with contextlib.suppress(OSError):
        client.connect(address)
        client.sendall(data)
    return client


def abuse(address: Any, data: bytes, count: int) -> list[socket.socket]:
    """Many of them, for a while."""
    clients: list[socket.socket] = []
    end = time.monotonic() + 15
    while len(clients) < count and time.monotonic() < end:
        client = send(address, data)
        if client:
            clients.append(client)
    return clients


def memory_config(silent: str, plain: str, limit: str) -> dict[str, Any]:
    """A small bound."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "protocols": ["h1", "h2"]},
                      "watch": {"address": "127.0.0.1:0", "priority": "high"}},
        "limits": {"memory": limit, "lag": "0s"},
        "upstreams": {"silent": {"endpoints": [silent], "timeouts": {"response": "20s"}}, "plain": {"endpoints": [plain]}},
        "apis": {"silent": {"path": "/silent", "upstream": "silent"}, "plain": {"upstream": "plain"},
                 "watch": {"path": "/watch", "policies": [{"respond": {"body": "ok\n"}}]}},
        "log": {"access": {"to": "file:access.log"}},
        "admin": {"address": "127.0.0.1:0"},
        "metrics": {"enabled": True},
        "workers": 2,
    }


def status_of(gateway: Gateway, path: str, listener: str) -> int:
    """What a client gets who behaves; 0: nothing in two seconds."""
    with contextlib.suppress(OSError, IndexError, ValueError), \
            socket.create_connection(gateway.address(listener), timeout=2) as client:  # type: ignore[arg-type]
        client.settimeout(2)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n".encode())
        return int(client.recv(65536).split()[1])
    return 0


def after(gateway: Gateway, admin: Admin) -> tuple[float, int]:
    """How long until a client is served, and what the process has some seconds later."""
    begin = time.monotonic()
    while status_of(gateway, "/x", "main") != 200:
        if time.monotonic() - begin > 60:
            return 60.0, 0
    took = time.monotonic() - begin
    time.sleep(8)
    print(f"  held in the end {admin.metrics()['gatehouse_memory_bytes'] / MIB:.1f} MiB")
    return took, resident_bytes(gateway.pid)


def memory_round(what: str, data: bytes, count: int, limit: str, folder: Path) -> list[str]:
    """One kind of abuse."""
    silent, failures = Silent(), []
    folder.mkdir()
    (folder / "nginx").mkdir()
    nginx = Nginx(folder / "nginx", folder / "nginx", "location / { return 200 'ok\\n'; }")
    bound = int(re.sub(r"MiB", "", limit)) * MIB
    with Gateway(memory_config(silent.address, nginx.address, limit), folder, workers=None) as gateway:
        admin = Admin(gateway)
        sampler = Sampler(gateway, admin)
        begin = resident_bytes(gateway.pid)
        clients = abuse(gateway.address("main"), data, count)
        watched = [status_of(gateway, "/watch", "watch") for _ in range(5)]
        metrics = admin.metrics()
        for client in clients:
            client.close()
        took, resident = after(gateway, admin)
        sampler.stop()
        refused = metrics['gatehouse_overload_total{reason="memory"}']
        print(f"{what}: {len(clients)} clients; resident {begin / MIB:.0f} MiB before, {sampler.resident / MIB:.0f} at most, "
              f"{resident / MIB:.0f} after; held {sampler.charged / MIB:.0f} of "
              f"{metrics['gatehouse_memory_limit_bytes'] / MIB:.0f} MiB; refused {refused:.0f}, accepts paused {metrics[PAUSED]:.0f} "
              f"times; health answered {sampler.checks} times; served again after {took:.1f} s")
        if sampler.resident > bound:
            failures.append(f"{what}: {sampler.resident / MIB:.0f} MiB is more than {limit}")
        if watched.count(200) < 5:
            failures.append(f"{what}: those of high priority got {watched}")
        if took > PATIENCE:
            failures.append(f"{what}: nobody was served for {took:.0f} s")
    nginx.stop()
    silent.close()
    return failures


def memory(options: argparse.Namespace) -> list[str]:
    """Each kind of abuse, with a gateway of its own."""
    raise_descriptors()
    limit = options.memory
    failures: list[str] = []
    kinds: list[tuple[str, bytes, int]] = [
        ("uploads that nobody takes", UPLOAD, CLIENTS),
        ("large heads", LARGE_HEAD, CLIENTS),
        ("streams of HTTP/2", h2_streams(), 100),
        ("idle connections", b"", CLIENTS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, data, count) in enumerate(kinds):
            failures += memory_round(what, data, count, limit, Path(folder) / str(number))
    return failures


def lag_config(lag: str) -> dict[str, Any]:
    """One worker that answers by itself, so that two cores suffice to bring it more than it can serve."""
    body = "".join("${request.header.x-%d} " % number for number in range(40))
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "limits": {"lag": lag},
        "apis": {"all": {"policies": [{"respond": {"body": body}}]}},
        "log": {"access": {"to": "file:access.log"}},
        "admin": {"address": "127.0.0.1:0"},
        "workers": 1,
    }


MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def said_by_wrk(text: str) -> tuple[int, int, float]:
    """Answers, those of them that were no success, and the 99th percentile of all, in milliseconds."""
    total = re.search(r"(\d+) requests in", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    assert total and slowest, text
    return int(total[1]), int(refused[1]) if refused else 0, float(slowest[1]) * MILLISECONDS[slowest[2]]


def lag_round(bound: str, connections: int, seconds: float, folder: Path) -> None:
    """What is served in a second, and how long clients wait; health is answered meanwhile, and a client afterwards."""
    folder.mkdir()
    with Gateway(lag_config(bound), folder, workers=None) as gateway:
        admin = Admin(gateway)
        answered: list[float] = []
        load = subprocess.Popen([shutil.which("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency",
                                 "--timeout", "30s", gateway.url()], stdout=subprocess.PIPE, text=True)
        while load.poll() is None:
            begin = time.monotonic()
            if admin.get("/healthz").status == 200:
                answered.append(time.monotonic() - begin)
        assert load.stdout
        total, refused, slowest = said_by_wrk(load.stdout.read())
        metrics = admin.metrics()
        print(f"lag {bound}, {connections} connections: {(total - refused) / seconds:.0f} served and {refused / seconds:.0f} refused a "
              f"second, accepts paused {metrics[PAUSED]:.0f} times; p99 {slowest:.0f} ms; "
              f"health answered {len(answered)} times, within {max(answered) * 1e3:.0f} ms")
        wait_until(lambda: status_of(gateway, "/", "main") == 200, "the gateway to serve")
        assert answered


def lag(options: argparse.Namespace) -> list[str]:
    """A worker with what it can serve, and with many times that, with the bound and without."""
    raise_descriptors()
    rounds = [("20ms", 32), ("0s", 2000), ("20ms", 2000)]
    with tempfile.TemporaryDirectory() as folder:
        for number, (bound, connections) in enumerate(rounds):
            lag_round(bound, connections, options.seconds, Path(folder) / str(number))
    return []
