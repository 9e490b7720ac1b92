# SPDX-License-Identifier: Apache-2.0
"""Measuring: what two proxies spend on a request, at the same time, on the same processor.

One run after the other scatters by 20 to 30 % on a shared machine. So both proxies stand pinned to one
processor and work at the same time, each under a load generator of its own on the other processor, before
the same upstream; what disturbs one disturbs the other. A window is a few seconds of that: the CPU time of
each process over the requests it completed in it, and the ratio of the two. The median of five such
ratios repeats to about 1 %.

The scheduler's own clock (schedstat) counts CPU time in nanoseconds. How it divides into user and kernel
is only sampled, at every tick of the kernel, so that part is summed over all windows.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent
TOP = BENCH.parent
OUTPUT = TOP / "build" / "bench"

PROXY_CPU = 0
LOAD_CPU = 1 if (os.cpu_count() or 1) > 1 else 0
CONNECTIONS = 64
OPEN_FILES = 20000
LISTENERS = 2
DEADLINE = 20.0
SLACK = 2.0  # what a load of a set time runs longer than the last window


class BenchError(Exception):
    """Something that makes a figure meaningless."""


def wait_until(condition: Callable[[], bool], what: str, deadline: float = DEADLINE) -> None:
    """Polls; BenchError when it never comes true."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise BenchError(f"waited in vain for {what}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def allow_files() -> None:
    """As many open files as 10,000 connections need, or as may be had."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass
class Spent:
    """CPU time up to now, in seconds; the parts are the kernel's estimate."""

    total: float
    user: float
    system: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.total - other.total, self.user - other.user, self.system - other.system)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.total + other.total, self.user + other.user, self.system + other.system)

    @property
    def user_share(self) -> float:
        """The part of it that was spent in user space."""
        both = self.user + self.system
        return self.user / both if both else 0.0


class Process:
    """A process, with its children and all their threads, pinned to one processor."""

    def __init__(self, command: Sequence[str | Path], cpu: int, *, stdout: int | None = subprocess.DEVNULL,
                 messages: Path | None = None):
        def prepare() -> None:
            os.sched_setaffinity(0, {cpu})
            allow_files()

        self.command = [str(word) for word in command]
        self.messages = messages
        with open(messages or os.devnull, "wb") as stderr:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                          preexec_fn=prepare)
        self.pid = self.popen.pid

    def pids(self) -> list[int]:
        """Itself and all that came from it."""
        found = [self.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def spent(self) -> Spent:
        """CPU time up to now."""
        total, user, system = 0, 0, 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        tick = os.sysconf("SC_CLK_TCK")
        return Spent(total / 1e9, user / tick, system / tick)

    def resident_bytes(self) -> int:
        """Resident memory, counted page by page."""
        rows = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids())
        return sum(int(match[1]) * 1024 for row in rows if (match := re.search(r"^Rss:\s+(\d+)", row, re.M)))

    def said(self) -> str:
        """What it wrote on standard error."""
        return self.messages.read_text(errors="replace") if self.messages else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and waits. A signal may be lost on a process that is only about to sleep, so it is told again."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.popen.poll() is None:
                self.popen.send_signal(number)
            try:
                return self.popen.wait(2)
            except subprocess.TimeoutExpired:
                continue
        self.popen.kill()
        return self.popen.wait()


def build_tool(name: str, *libraries: str) -> Path:
    """A C program of the bench's own, compiled when it is not there yet."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    program, source = OUTPUT / name, BENCH / f"{name}.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, source, *libraries], check=True)
    return program


class Upstream(Process):
    """bench/upstream.c. Each proxy has a listener of its own there, which counts its requests."""

    def __init__(self) -> None:
        super().__init__([build_tool("upstream"), str(LISTENERS)], LOAD_CPU, stdout=subprocess.PIPE)
        assert self.popen.stdout
        self.ports = [int(self.popen.stdout.readline()) for _ in range(LISTENERS)]

    @staticmethod
    def answered(port: int) -> int:
        """How many requests that listener has answered."""
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /count HTTP/1.1\r\nHost: upstream\r\n\r\n")
            data = b""
            while not (match := re.search(rb"\r\n\r\n(\d{20})", data)):
                data += sock.recv(4096)
            return int(match[1])


class Load(Process):
    """wrk, until it is stopped; it must have seen no error."""

    def __init__(self, port: int, path: str, script: Sequence[str] = (), connections: int = CONNECTIONS,
                 scheme: str = "http"):
        lua = ["-s", str(BENCH / script[0])] if script else []
        super().__init__(["wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "30s", *lua,
                          f"{scheme}://127.0.0.1:{port}{path}", "--", *script[1:]], LOAD_CPU, stdout=subprocess.PIPE)

    @classmethod
    def on(cls, side: Side, job: Job) -> Load:
        """For one side of a pair."""
        return cls(side.port, job.path, job.script, job.connections, side.scheme)

    def finish(self) -> None:
        """Stops it; BenchError for an error, or for an answer that was not 2xx or 3xx."""
        self.popen.send_signal(signal.SIGINT)
        output = self.popen.communicate(timeout=DEADLINE)[0].decode()
        if bad := re.search(r".*(Socket errors|Non-2xx).*", output):
            raise BenchError(f"{' '.join(self.command)}: {bad[0].strip()}")


class H2Load(Process):
    """h2load for a time that is set at its beginning; every request must have succeeded."""

    STREAMS = 32

    def __init__(self, side: Side, job: Job):
        super().__init__(["h2load", "-t1", f"-c{job.connections}", f"-m{self.STREAMS}", f"-D{round(job.seconds)}",
                          f"{side.scheme}://127.0.0.1:{side.port}{job.path}"], LOAD_CPU, stdout=subprocess.PIPE)

    @classmethod
    def on(cls, side: Side, job: Job) -> H2Load:
        """For one side of a pair."""
        return cls(side, job)

    def finish(self) -> None:
        """Waits for its end; BenchError for a request that failed, or for one over HTTP/1.1."""
        output = self.popen.communicate(timeout=DEADLINE)[0].decode()
        done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
        statuses = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
        if not done or not statuses or set(done.groups()[1:]) | set(statuses.groups()[1:]) != {"0"}:
            raise BenchError(f"{' '.join(self.command)}: {output[-600:]}")
        if not re.search(r"protocol: h2", output):
            raise BenchError(f"{' '.join(self.command)}: not HTTP/2")


class Handshakes(Process):
    """bench/handshakes.c, until it is stopped. It counts by itself, for no request reaches the upstream."""

    PROCESSES = 4

    def __init__(self, side: Side, counter: Path):
        self.counter = counter
        counter.write_bytes(bytes(8))
        super().__init__([build_tool("handshakes", "-lssl", "-lcrypto"), str(side.port), str(self.PROCESSES), counter],
                         LOAD_CPU, messages=counter.with_suffix(".messages"))

    @classmethod
    def on(cls, side: Side, job: Job) -> Handshakes:
        """For one side of a pair, whose meter it becomes."""
        load = cls(side, side.directory / "handshakes")
        side.meter = load.count
        return load

    def count(self) -> int:
        """Handshakes completed up to now."""
        return int.from_bytes(self.counter.read_bytes(), sys.byteorder)

    def finish(self) -> None:
        """BenchError when it has ended by itself."""
        if self.popen.poll() is not None:
            raise BenchError(f"{' '.join(self.command)}: {self.said()}")


class Lab:
    """A place on a tmpfs for the files of one job, the upstream, and what must be stopped in the end."""

    def __init__(self) -> None:
        place = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.temporary = tempfile.TemporaryDirectory(prefix="gatehouse-bench-", dir=place)
        self.directory = Path(self.temporary.name)
        self.processes: list[Process] = []
        self.upstream = Upstream()
        self.processes.append(self.upstream)

    def certificate(self) -> tuple[Path, Path]:
        """A certificate for this run and its key: ECDSA over P-256."""
        certificate, key = self.directory / "bench.pem", self.directory / "bench.key"
        if not certificate.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "30", "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench,IP:127.0.0.1",
                            "-keyout", key, "-out", certificate], check=True, capture_output=True)
            certificate.chmod(0o644)
            key.chmod(0o644)  # nginx's worker may be somebody else, and the folder is the run's own
        return certificate, key

    def run(self, process: Process) -> Process:
        """Keeps it, to be stopped at the end."""
        self.processes.append(process)
        return process

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.stop()
        self.temporary.cleanup()


@dataclass
class Side:
    """One proxy in a pair: its process, its port, the upstream's listener that counts for it, and its figures."""

    name: str
    process: Process
    port: int
    upstream_port: int
    log: Path | None = None
    scheme: str = "http"
    directory: Path = Path()
    meter: Callable[[], int] | None = None  # what counts instead of the upstream
    costs: list[float] = field(default_factory=list)  # seconds of CPU a request, one of each window
    spent: Spent = field(default_factory=lambda: Spent(0, 0, 0))
    requests: int = 0

    @property
    def cost(self) -> float:
        """CPU seconds a request: the median of the windows."""
        return statistics.median(self.costs)

    @property
    def user_cost(self) -> float:
        """CPU seconds a request in user space, over all windows."""
        return self.spent.total * self.spent.user_share / self.requests

    def reading(self) -> tuple[Spent, int]:
        """Both meters."""
        return self.process.spent(), self.meter() if self.meter else Upstream.answered(self.upstream_port)

    def record(self, before: tuple[Spent, int], after: tuple[Spent, int]) -> None:
        """One window."""
        spent, requests = after[0] - before[0], after[1] - before[1]
        if requests == 0:
            raise BenchError(f"{self.name} completed nothing; {self.process.said()}")
        self.costs.append(spent.total / requests)
        self.spent += spent
        self.requests += requests


@dataclass
class Pair:
    """What came of a paired run."""

    first: Side
    second: Side

    @property
    def ratios(self) -> list[float]:
        """The first's cost over the second's, of each window."""
        return [a / b for a, b in zip(self.first.costs, self.second.costs, strict=True)]

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)

    @property
    def user_ratio(self) -> float:
        """The same of user space alone, over all windows."""
        return self.first.user_cost / self.second.user_cost


@dataclass
class Plan:
    """How long to measure."""

    windows: int = 5
    seconds: float = 3.0
    warm_up: float = 1.0
    is_quick: bool = False


@dataclass
class Job:
    """What a load generator is to do."""

    path: str
    script: Sequence[str] = ()
    connections: int = CONNECTIONS
    seconds: float = 600.0  # for those that cannot be stopped


Generator = Callable[[Side, Job], Load | H2Load | Handshakes]


def measure(plan: Plan, first: Side, second: Side, path: str, scripts: Sequence[Sequence[str]] = ((), ()),
            connections: int = CONNECTIONS, generator: Generator = Load.on) -> Pair:
    """Both sides under load at the same time; the windows follow each other."""
    seconds = plan.warm_up + plan.windows * plan.seconds + SLACK
    loads = [generator(side, Job(path, script, connections, seconds))
             for side, script in zip((first, second), scripts, strict=True)]
    try:
        time.sleep(plan.warm_up)
        before = [side.reading() for side in (first, second)]
        for _ in range(plan.windows):
            time.sleep(plan.seconds)
            after = [side.reading() for side in (first, second)]
            for side, start, end in zip((first, second), before, after, strict=True):
                side.record(start, end)
                if side.log and side.log.exists():
                    os.truncate(side.log, 0)
            before = after
        for load in loads:
            load.finish()
    finally:
        for load in loads:
            load.stop(signal.SIGKILL)
    return Pair(first, second)


def tell(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
