# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the gateway: it sheds, says so, serves everybody else, and is well again afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse import SANITIZER_OPTIONS, Gateway, binary, environment
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Malformed, Request, Truncated, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

GET = b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n"
LORISES = 10_000
DISK_SIZE = 64 * 1024
# What was freed is used again at once: resident memory is then what the gateway needs.
FRUGAL = {"ASAN_OPTIONS": SANITIZER_OPTIONS["ASAN_OPTIONS"]
          + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


def config(endpoint: str, *, limits: dict[str, Any] | None = None, timeouts: dict[str, str] | None = None,
           **more: Any) -> dict[str, Any]:
    """One listener, one upstream, one API that takes everything."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "limits": limits or {}}},
        "upstreams": {"app": {"endpoints": [endpoint], "timeouts": timeouts or {}}},
        "apis": {"all": {"upstream": "app"}},
        **more,
    }


def rss(gateway: Gateway) -> int:
    """Resident bytes of the gateway."""
    status = Path(f"/proc/{gateway.pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def descriptors(gateway: Gateway) -> int:
    """How many the gateway has open."""
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


def is_served(gateway: Gateway) -> bool:
    """Whether a request on a new connection is answered with 200."""
    try:
        return gateway.get().status == 200
    except (OSError, Truncated, AssertionError):
        return False


# Clients that take their time.


def spare_descriptors() -> int:
    """How many sockets this process may open beside those that it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - len(os.listdir("/proc/self/fd")) - 200


@pytest.mark.slow
def test_slow_lorises_hurt_nobody_else(upstream: StartUpstream, gateway: StartGateway,
                                       stack: contextlib.ExitStack) -> None:
    """Thousands that never end their heads: others are served as ever, and each is told and sent away in time."""
    count = min(LORISES, spare_descriptors())
    if count < LORISES:
        print(f"only {count} of {LORISES} clients: RLIMIT_NOFILE is {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}")
    log = {"access": {"to": "file:access.log"}}
    running = gateway(config(upstream().address, limits={"header_timeout": "8s"}, log=log), env=FRUGAL)
    before, begin = rss(running), time.monotonic()
    lorises = []
    for i in range(count):
        sock = socket.create_connection(("127.0.0.1", running.port()), DEADLINE, (f"127.0.{i >> 12}.9", 0))
        lorises.append(stack.enter_context(sock))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX-Slow: ")
    assert running.get().status == 200  # when it is, all before it were let in
    opened, times = time.monotonic() - begin, []
    for _ in range(200):
        ask = time.monotonic()
        assert running.get().status == 200
        times.append(time.monotonic() - ask)
    median = sorted(times)[len(times) // 2]
    print(f"{count} clients within {opened:.1f} s, {(rss(running) - before) / count / 1024:.1f} KiB each; beside them "
          f"{len(times)} requests, the median {median * 1000:.2f} ms, the slowest {max(times) * 1000:.1f} ms")
    assert median < 0.1
    statuses = Counter(sock.recv(4096).split(b" ", 2)[1] for sock in lorises)
    assert statuses == {b"408": count}
    for sock in lorises:
        sock.close()
    wait_until(lambda: descriptors(running) < 50, "the connections to be gone")
    assert is_served(running)
    log_path = running.path.with_name("access.log")
    wait_until(lambda: log_path.read_bytes().count(b'"header_timeout"') == count, "a line for each")


def test_who_asks_without_end_hurts_nobody_else(upstream: StartUpstream, gateway: StartGateway) -> None:
    """One client that sends requests faster than the gateway answers them by itself: others have their turns."""
    apis = {"here": {"path": "/here", "policies": [{"respond": {"body": "x"}}]}, "all": {"upstream": "app"}}
    running = gateway(config(upstream().address, apis=apis, workers=1, log={"access": {"to": "off"}}))
    requests = b"GET /here HTTP/1.1\r\nHost: gw.test\r\n\r\n" * 2000
    until = time.monotonic() + 4
    times = []

    def ask_on(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                client.sendall(requests)
            client.shutdown(socket.SHUT_RDWR)

    with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as greedy:
        greedy.settimeout(None)  # for what follows, which waits where it reads
        reader = subprocess.Popen(["cat"], stdin=greedy, stdout=subprocess.DEVNULL)
        writer = threading.Thread(target=ask_on, args=(greedy,))
        writer.start()
        while time.monotonic() < until - 1:
            ask = time.monotonic()
            assert running.get().status == 200
            times.append(time.monotonic() - ask)
        writer.join()
        reader.wait(DEADLINE)
    print(f"{len(times)} requests beside it, the slowest {max(times) * 1000:.1f} ms")
    assert len(times) >= 5  # one that is starved waits until the other has done


def test_a_body_that_drips_is_no_way_to_stay(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A head is timed as a whole: bytes now and then do not prolong it."""
    running = gateway(config(upstream().address, limits={"header_timeout": "600ms"}))
    with running.connect() as client:
        begin = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() - begin < DEADLINE / 2 and client.send(b"e"):
            client.socket.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                if client.reader.fill():
                    break
        client.socket.settimeout(DEADLINE)
        assert client.read_answer().status == 408
        assert time.monotonic() - begin < 8, "the default is 10 s, and none would be half of the deadline"


# The log has nowhere to go.


def test_a_log_that_cannot_be_written_stops_nothing(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address, log={"access": {"to": "file:/dev/full"}}))
    with running.connect() as client:
        for _ in range(200):
            client.send(GET)
            assert client.read_answer().status == 200
    assert running.wait_for_message("No space left")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here; the test of /dev/full stands in")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_that_has_room_again(upstream: StartUpstream, gateway: StartGateway, small_disk: Path) -> None:
    """What does not fit waits; when there is room again not a line is lost, and none is torn."""
    path = small_disk / "access.log"
    running = gateway(config(upstream().address, log={"access": {"to": f"file:{path}"}}))
    with running.connect() as client:
        for _ in range(1000):
            client.send(GET)
            assert client.read_answer().status == 200
    assert running.wait_for_message("No space left")
    moved: list[bytes] = []

    def is_all_there() -> bool:
        data = path.read_bytes()
        if len(data) == DISK_SIZE:  # nothing can be written now, so nothing is lost when it is moved away
            moved.append(data)
            os.truncate(path, 0)
            data = b""
        return (b"".join(moved) + data).count(b"\n") == 1000

    wait_until(is_all_there, "a line for each request")
    assert len(moved) > 3
    lines = (b"".join(moved) + path.read_bytes()).splitlines()
    assert {json.loads(line)["status"] for line in lines} == {200}
    assert running.wait_for_message("written again")


# No more descriptors.


def with_descriptors(count: int) -> list[str]:
    """A prefix that lets a command have so many."""
    return ["sh", "-c", f'ulimit -n {count} && exec "$@"', "sh"]


def test_no_descriptors_left(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Accepts pause and the reason is told; those who are in stay in; when some leave, others come in."""
    running = gateway(config(upstream().address), prefix=with_descriptors(64))
    first = running.connect()
    first.send(GET)
    assert first.read_answer().status == 200
    crowd = [running.connect() for _ in range(100)]
    message = running.wait_for_message("accepts paused")
    assert "open files" in message
    for _ in range(5):
        first.send(GET)
        assert first.read_answer().status == 200, "it has its connections, also the kept one to the upstream"
    for client in crowd:
        client.close()
    wait_until(lambda: is_served(running), "room for another client")
    first.close()
    wait_until(lambda: descriptors(running) < 40, "the descriptors to come back")
    paused = [line for line in running.messages.snapshot() if "accepts paused" in line]
    assert len(paused) < 40, "told now and then, not for each attempt"


def test_no_descriptor_for_the_upstream(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The client is answered: 503, and why."""
    running = gateway(config(upstream().address), prefix=with_descriptors(40))
    crowd = [running.connect() for _ in range(60)]
    running.wait_for_message("accepts paused")
    crowd[0].send(GET)
    answer = crowd[0].read_answer()
    assert answer.status == 503
    assert answer.get("retry-after")
    assert running.wait_for_log(1)[0]["reason"] == "overloaded"
    for client in crowd:
        client.close()
    wait_until(lambda: is_served(running), "another client")


# An upstream that dies.


class Echo:
    """`gatehouse echo` as a process of its own, to be killed."""

    def __init__(self, port: int = 0):
        self.process = subprocess.Popen([binary(), "echo", "--listen", f"127.0.0.1:{port}"], env=environment(),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self.process.stderr
        line = self.process.stderr.readline().decode()
        assert "listening on" in line, line
        self.port = int(line.rpartition(":")[2])

    def kill(self) -> None:
        """As the kernel would for lack of memory."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr
        self.process.stderr.close()


def test_an_upstream_that_is_killed_mid_body(gateway: StartGateway) -> None:
    service = Echo()
    try:
        running = gateway(config(f"127.0.0.1:{service.port}"))
        with running.connect() as client:
            client.send(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            head = client.reader.head_of_answer()
            assert head.status == 200
            client.read_bytes(1_000_000)
            service.kill()
            with pytest.raises(Truncated):
                client.reader.framed_body(head)
        entry, = running.wait_for_log(1)
        assert (entry["status"], entry["reason"]) == (200, "upstream_aborted")
        assert 1_000_000 < entry["response_bytes"] < 1_000_000_000
        assert running.get("/").status == 502
        service = Echo(service.port)
        assert running.get("/").status == 200
    finally:
        service.kill()


# Abuse that goes on.


def abuse(running: Gateway, chance: random.Random) -> None:
    """One client that behaves badly in one of several ways."""
    with running.connect() as client:
        kind = chance.randrange(7)
        if kind == 0:
            client.send(GET[:chance.randrange(len(GET))])
        elif kind == 1:
            client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        elif kind == 2:
            client.send(GET * 20)
        elif kind == 3:
            client.send(chance.randbytes(500))
        elif kind == 4:
            client.send(b"GET /large HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            client.read_bytes(100)
        elif kind == 5:
            client.send(b"GET /broken HTTP/1.1\r\nHost: gw.test\r\n\r\n" + GET)
            with contextlib.suppress(Truncated, AssertionError, Malformed):
                client.read_answer()
        else:
            client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX: " + b"a" * 100_000)
        if chance.random() < 0.5:
            client.reset()


def test_memory_is_flat_under_abuse(upstream: StartUpstream, gateway: StartGateway) -> None:
    """As large after many rounds as after a few. `make soak` does it for minutes."""

    def answer(request: Request) -> bytes | None:
        if request.target == "/large":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
        if request.target == "/broken":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX"
        return OK_ANSWER

    service = upstream(answer, record=False)
    running = gateway(config(service.address, log={"access": {"to": "off"}}), env=FRUGAL)
    chance = random.Random(4711)
    sizes = []
    for _ in range(14):
        for _ in range(250):
            abuse(running, chance)
        assert is_served(running)
        sizes.append(rss(running))
    print("resident, MiB:", *(f"{size / (1 << 20):.1f}" for size in sizes))
    assert sizes[-1] - sizes[9] < 2 << 20
    wait_until(lambda: descriptors(running) < 60, "no descriptor to be lost")


def test_idle_connections_cost_little(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Bounded generously here, for sanitizers pad what is allocated; `make bench` measures it."""
    count = min(2000, spare_descriptors())
    running = gateway(config(upstream().address, limits={"header_timeout": "5m", "idle_timeout": "5m"}), env=FRUGAL)
    warm = [running.connect() for _ in range(200)]
    for client in warm:
        client.send(GET)
        assert client.read_answer().status == 200
    before = rss(running)
    clients = [running.connect() for _ in range(count)]
    for client in clients:
        client.send(GET)
        assert client.read_answer().status == 200
    each = (rss(running) - before) / count
    print(f"{each:.0f} bytes for each idle connection")
    assert each < 4096
    for client in warm + clients:
        client.close()


# The end.


class Slow:
    """An upstream that answers when it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def serve(self, connection: UpstreamConnection) -> None:
        while connection.read_request():
            assert self.may_answer.wait(DEADLINE)
            connection.send(OK_ANSWER)


def is_refused(gateway: Gateway) -> bool:
    """Whether nobody listens any more."""
    try:
        gateway.connect().close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain(upstream: StartUpstream, gateway: StartGateway, number: signal.Signals) -> None:
    """No more accepts, idle connections close, what is in flight is finished and says that it was the last."""
    slow = Slow()
    service = upstream(serve=slow.serve)
    running = gateway(config(service.address))
    with running.connect() as idle, running.connect() as busy, running.connect() as uploading:
        busy.send(GET + GET)
        uploading.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\n12345")
        service.wait_for(lambda: service.requests and len(service.connections) == 2, "both requests")
        running.send_signal(number)
        assert idle.is_closed_by_server()
        running.wait_for_message("draining")
        wait_until(lambda: is_refused(running), "the listener to close")
        uploading.send(b"67890")
        slow.may_answer.set()
        for client in (busy, uploading):
            answer = client.read_answer()
            assert (answer.status, answer.get("connection")) == (200, "close")
            assert client.is_closed_by_server()
    assert running.wait() == 0
    assert [entry["status"] for entry in running.log] == [200, 200]


def test_a_second_signal_stops_at_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    slow = Slow()
    service = upstream(serve=slow.serve)
    running = gateway(config(service.address))
    with running.connect() as busy:
        busy.send(GET)
        service.wait_for_requests(1)
        running.send_signal(signal.SIGTERM)
        running.wait_for_message("draining")
        assert running.process.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait() == 0
        busy.read_until_closed()
    slow.may_answer.set()
    assert [entry["reason"] for entry in running.log] == ["shutting_down"]


def test_a_drain_without_anyone_ends_at_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address))
    assert is_served(running)
    begin = time.monotonic()
    running.stop()
    assert time.monotonic() - begin < 5


def test_the_port_is_free_again(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A successor can listen where connections of the last one are still remembered by the kernel."""
    document = config(upstream().address)
    running = gateway(document)
    assert is_served(running)
    document["listeners"]["main"]["address"] = f"127.0.0.1:{running.port()}"
    running.stop()
    assert is_served(gateway(document))


def test_an_address_in_use_is_told(gateway: StartGateway, tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        document = config("127.0.0.1:1")
        document["listeners"]["main"]["address"] = f"127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(AssertionError, match=r"did not start \(1\)(.|\n)*in use"):
            Gateway(document, tmp_path)


def test_two_gateways_do_not_share_a_port(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """Workers do, so the kernel would let a second gateway in, started by mistake."""
    document = config(upstream().address)
    running = gateway(document)
    document["listeners"]["main"]["address"] = f"127.0.0.1:{running.port()}"
    with pytest.raises(AssertionError, match=r"did not start \(1\)(.|\n)*in use"):
        Gateway(document, tmp_path)
    assert is_served(running)


# Several workers.


@pytest.mark.workers
def test_several_workers_share_the_work(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Many clients at once, some of them rude; each request is answered and logged once, to the end."""
    running = gateway(config(upstream().address), workers=4)
    answered: list[int] = []

    def client(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(20):
            with running.connect() as connection:
                count = chance.randrange(1, 6)
                connection.send(b"".join(
                    GET if chance.random() < 0.5 else
                    b"POST / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n\r\nhello" for _ in range(count)))
                answered.extend(connection.read_answer().status for _ in range(count))

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answered) == {200}
    log = running.wait_for_log(len(answered))
    assert len(log) == len(answered)
    assert len({entry["request_id"] for entry in log}) == len(log)
    running.stop()
    assert len(running.log) == len(answered)


@pytest.mark.workers
def test_several_workers_drain_under_load(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Whoever was let in is answered or told to go; the process ends well."""
    running = gateway(config(upstream().address), workers=3)
    outcomes: Counter[str] = Counter()
    has_begun = threading.Barrier(7)

    def client() -> None:
        is_first = True
        while True:
            try:
                with running.connect() as connection:
                    connection.send(GET)
                    outcomes[str(connection.read_answer().status)] += 1
            except (OSError, AssertionError, Truncated) as why:
                outcomes[type(why).__name__] += 1
                return
            if is_first:
                is_first = False
                has_begun.wait(DEADLINE)

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    has_begun.wait(DEADLINE)
    wait_until(lambda: outcomes["200"] > 200, "some load")
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 0
    for thread in threads:
        thread.join()
    print(dict(outcomes))
    assert outcomes["200"] > 200 and not outcomes["503"]
    assert len(running.log) == outcomes["200"]


@pytest.mark.workers
def test_several_workers_stop_at_once(upstream: StartUpstream, gateway: StartGateway) -> None:
    slow = Slow()
    service = upstream(serve=slow.serve)
    running = gateway(config(service.address), workers=3)
    clients = [running.connect() for _ in range(12)]
    for client in clients:
        client.send(GET)
    service.wait_for_requests(12)
    for _ in range(2):
        running.send_signal(signal.SIGTERM)
        running.wait_for_message("draining")
    assert running.wait() == 0
    slow.may_answer.set()
    for client in clients:
        client.read_until_closed()
        client.close()
    assert len(running.log) == 12


@pytest.mark.workers
def test_several_workers_at_a_unix_socket(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    document = config(upstream().address)
    document["listeners"]["main"]["address"] = f"unix:{tmp_path / 'gateway.sock'}"
    running = gateway(document, workers=3)
    for _ in range(20):
        with running.connect() as client:
            client.send(GET)
            assert client.read_answer().status == 200
    assert len(running.wait_for_log(20)) == 20


@pytest.mark.workers
def test_several_workers_share_an_upstreams_load(upstream: StartUpstream, gateway: StartGateway) -> None:
    """least_requests counts what all of them have under way."""
    slow = Slow()
    services = [upstream(serve=slow.serve) for _ in range(3)]
    document = config(services[0].address)
    document["upstreams"]["app"] = {"endpoints": [service.address for service in services],
                                    "balance": "least_requests"}
    running = gateway(document, workers=3)
    clients = []
    for i in range(12):
        clients.append(running.connect())
        clients[-1].send(GET)
        wait_until(lambda i=i: sum(len(service.requests) for service in services) == i + 1, "the request")
    assert [len(service.requests) for service in services] == [4, 4, 4]
    slow.may_answer.set()
    for client in clients:
        assert client.read_answer().status == 200
        client.close()
