# SPDX-License-Identifier: Apache-2.0
"""Much in one configuration, for `tests/torture.py large` and `tests/torture.py scrape`: how soon a change of it is in effect,
how long it takes to read all that is counted, and what clients notice of either, beside what they notice of any program that
computes as long: that is the machine's."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from admin import Admin
from gatehouse import Gateway
from peers import Nginx, curl
from soak import resident_bytes
from steady import WINDOW_SECONDS, p99_of

EVERY = 1.0  # seconds, between two changes or scrapes
SLOWER = 1.2  # times the 99th percentile without
CHANGE_SECONDS = 0.2  # from SIGHUP until a client sees it
SCRAPE_SECONDS = 0.05
SERIES_PER_ROUTE = 19  # of a histogram

# What any program costs others that computes as long, each second.
SPINNING = """
import sys, time
while True:
    until = time.thread_time() + float(sys.argv[1])
    while time.thread_time() < until:
        pass
    time.sleep(1)
"""


@contextlib.contextmanager
def spinning(seconds: float) -> Iterator[None]:
    """Such a program."""
    with subprocess.Popen([sys.executable, "-c", SPINNING, str(seconds)]) as spinner:
        try:
            yield
        finally:
            spinner.kill()


@contextlib.contextmanager
def repeating(action: Callable[[], object]) -> Iterator[None]:
    """It, each second."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(EVERY):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Memory that this machine has, and nobody needs: a virtual one may have none. Its host takes back what is free, and for each
# MiB that is asked for again it takes 1 to 2 ms, thirty times what the system needs to give one that is there.
TOUCHING = """
import mmap, sys
memory = mmap.mmap(-1, int(sys.argv[1]), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_HUGEPAGE)
for at in range(0, len(memory), mmap.PAGESIZE):
    memory[at] = 1
"""


def find_memory(size: int) -> None:
    """So much is there, for about two seconds."""
    subprocess.run([sys.executable, "-c", TOUCHING, str(size)], check=True)


@dataclass
class Beside:
    """The 99th percentile of a steady load: by itself, beside a program that computes, and beside something of the gateway's
    that takes as long."""

    steady: list[float] = field(default_factory=list)
    spun: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def measure(self, runs: int, load: Callable[[], float], seconds: float, action: Callable[[], object]) -> None:
        """The action takes that long; the first of the runs warms up."""
        for run in range(runs + 1):
            quiet = load()
            with spinning(seconds):
                spun = load()
            with repeating(action):
                busy = load()
            time.sleep(1)
            if run:
                self.steady.append(quiet)
                self.spun.append(spun)
                self.busy.append(busy)

    def tell(self, rate: float, what: str) -> None:
        """All of it."""
        print(f"p99 at {rate:g} requests/s: steady {statistics.median(self.steady) * 1e3:.2f} ms, with {what} each second "
              f"{statistics.median(self.busy) * 1e3:.2f} ms; ratio of {len(self.busy)} pairs: {spread(self.busy, self.steady)}; "
              f"with a program that computes as long instead: {spread(self.spun, self.steady)}")


def ratio_of(busy: list[float], others: list[float]) -> float:
    """The median of the pairs'."""
    return statistics.median(one / other for one, other in zip(busy, others))


def spread(busy: list[float], others: list[float]) -> str:
    """The same with the lowest and the highest."""
    ratios = [one / other for one, other in zip(busy, others)]
    return f"median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"


def slower(what: str, than: str, ratio: float) -> list[str]:
    """What is wrong with that."""
    print(f"p99 with {what} is {ratio:.2f} times that {than} (wanted: {SLOWER:g} at most)")
    return [f"p99 with {what} is {ratio:.2f} times that {than} (wanted: {SLOWER:g} at most)"] * (ratio > SLOWER)


def late(what: str, took: list[float], wanted: float) -> list[str]:
    """Prints how long each took; what is wrong with that."""
    longest, over = max(took) * 1e3, sum(one > wanted for one in took)
    print(f"{what}: median {statistics.median(took) * 1e3:.0f} ms, highest {longest:.0f} ms (wanted {wanted * 1e3:.0f} ms)")
    return [f"{what}: {over} of {len(took)} took longer than wanted: {longest:.0f} ms (wanted: {wanted * 1e3:.0f} ms "
            "at most)"] * bool(over)


@contextlib.contextmanager
def nginx_in(folder: Path) -> Iterator[Nginx]:
    """What the load asks for."""
    (folder / "x").write_text("x")
    (folder / "nginx").mkdir()
    nginx = Nginx(folder / "nginx", folder, server="location = /plain/x { return 200 x; }")
    try:
        yield nginx
    finally:
        nginx.stop()


# One changed route of many.

def many_routes(nginx: Nginx, workers: int, count: int) -> str:
    """So many, and at the end the beginning of one that is to be changed."""
    routes = "".join(f"      r{i}: {{ match: {{ path: '/service-{i % 1000}/r{i}/{{id}}' }} }}\n" for i in range(count))
    return (f"listeners: {{ main: {{ address: '127.0.0.1:0' }} }}\nworkers: {workers}\n"
            "log: { access: { to: off } }\n"
            f"upstreams: {{ app: {{ endpoints: ['127.0.0.1:{nginx.port}'] }} }}\n"
            f"apis:\n  all:\n    path: /\n    upstream: app\n    routes:\n{routes}      changed:\n")


class Changes:
    """Changes of one route, to the other of two files that were written before: what writing one takes is not the gateway's."""

    def __init__(self, folder: Path, base: str):
        self.folder = folder
        self.values = itertools.cycle((1, 0))
        for value in (0, 1):
            (folder / str(value)).write_text(
                f"{base}        match: {{ path: /changed }}\n        policies: [{{ respond: {{ body: '{value}' }} }}]\n")

    def make(self, gateway: Gateway) -> int:
        """The next one; what will be answered."""
        value = next(self.values)
        (self.folder / "next").hardlink_to(self.folder / str(value))
        (self.folder / "next").replace(gateway.path)
        gateway.send_signal(1)
        return value

    def timed(self, gateway: Gateway) -> float:
        """From SIGHUP until a client sees it."""
        begin = time.monotonic()
        wanted = str(self.make(gateway)).encode()
        while gateway.get("/changed").body != wanted:
            assert time.monotonic() < begin + 30, gateway.errors
            time.sleep(0.005)
        return time.monotonic() - begin


def large(options: argparse.Namespace) -> list[str]:
    """From SIGHUP until a client sees it, and what other clients notice of one a second."""
    beside = Beside()
    with tempfile.TemporaryDirectory() as name, nginx_in(Path(name)) as nginx:
        folder = Path(name)
        changes = Changes(folder, many_routes(nginx, options.workers, options.routes))
        text = (folder / "0").read_text()
        with Gateway(text, folder, workers=None) as gateway:
            print(f"the first change, for which the system may have to find memory: {changes.timed(gateway) * 1e3:.0f} ms")
        with Gateway(text, folder, workers=None) as gateway:
            find_memory(2 * resident_bytes(gateway.pid))
            took = [changes.timed(gateway) for _ in range(options.changes)]
            beside.measure(options.runs, lambda: p99_of(gateway.address(), options.rate, WINDOW_SECONDS, folder),
                           statistics.median(took), lambda: changes.make(gateway))
            print(f"resident {resident_bytes(gateway.pid) / 2**20:.0f} MiB")
    failures = late(f"one changed of {options.routes} routes", took, CHANGE_SECONDS)
    beside.tell(options.rate, "a reload")
    return failures + slower("a reload each second", "without", ratio_of(beside.busy, beside.steady))


# Many series in one scrape.

def ask_each(gateway: Gateway, count: int) -> None:
    """Each route once, so that there is something to be told of it."""
    with gateway.connect() as client:
        for begin in range(0, count, 100):
            numbers = range(begin, min(begin + 100, count))
            client.send("".join(f"GET /r{i} HTTP/1.1\r\nHost: gw.test\r\n\r\n" for i in numbers).encode())
            assert all(client.read_answer().status == 204 for _ in numbers)


def series_of(url: str) -> int:
    """How many a scrape has."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return sum(not line.startswith(b"#") for line in answer.read().splitlines())


def scrape_once(url: str) -> float:
    """How long it took curl until all of it was there: it keeps nothing, and a client that does pays for the memory."""
    asked = curl("--fail", "--output", "/dev/null", "--write-out", "%{time_total}", url)
    assert asked.returncode == 0, asked.stderr
    return float(asked.stdout)


def scrape(options: argparse.Namespace) -> list[str]:
    """Scrapes each second, beside a steady load: how long they take, and what the load notices."""
    routes = -(-options.series // SERIES_PER_ROUTE)
    took: list[float] = []
    beside = Beside()
    with tempfile.TemporaryDirectory() as name, nginx_in(Path(name)) as nginx:
        document = {
            "listeners": {"main": {"address": "127.0.0.1:0"}}, "workers": options.workers, "log": {"access": {"to": "off"}},
            "upstreams": {"app": {"endpoints": [nginx.address]}}, "admin": {"address": "127.0.0.1:0"},
            "apis": {"plain": {"path": "/plain", "upstream": "app"}, "many": {
                "policies": [{"respond": {"status": 204}}],
                "routes": {f"r{i}": {"match": {"path": f"/r{i}"}} for i in range(routes)}}},
        }
        with Gateway(document, Path(name), workers=None) as gateway:
            url = f"http://{Admin(gateway).where}/metrics"
            ask_each(gateway, routes)
            series = series_of(url)
            assert series >= options.series, f"{series} series instead of {options.series}"
            alone = [scrape_once(url) for _ in range(10)]
            beside.measure(options.runs, lambda: p99_of(gateway.address(), options.rate, WINDOW_SECONDS, Path(name)),
                           statistics.median(alone), lambda: took.append(scrape_once(url)))
    failures = late(f"a scrape of {series} series", alone, SCRAPE_SECONDS)
    failures += late("a scrape beside the load", took, SCRAPE_SECONDS)
    beside.tell(options.rate, "a scrape")
    return failures + slower("a scrape each second", "with a program that computes as long", ratio_of(beside.busy, beside.spun))
