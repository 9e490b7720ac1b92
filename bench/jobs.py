# SPDX-License-Identifier: Apache-2.0
"""The jobs of the bench. Each measures one promise and returns rows: figures beside the target they must meet."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tokens
from lab import (CONNECTIONS, OUTPUT, BenchError, Generator, H2Load, Handshakes, Lab, Load, Pair, Plan, Side, Upstream,
                 allow_files, measure, tell)
from proxies import PEERS, STARTERS, program, start_gatehouse, start_haproxy, start_nginx, start_relay

KIB_PATH, MIB_PATH, UPLOAD_PATH = "/bytes/1024", "/bytes/1048576", "/bytes/16"
MIB_CONNECTIONS = 16
H2_CONNECTIONS = 10


@dataclass
class Row:
    """One line of the table."""

    what: str
    gatehouse: str = ""
    nginx: str = ""
    haproxy: str = ""
    figure: str = ""
    target: str = ""
    is_met: bool | None = None
    details: list[str] = field(default_factory=list)


def microseconds(seconds: float) -> str:
    """As the table shows them."""
    return f"{seconds * 1e6:.1f} us"


def windows(pair: Pair) -> str:
    """The ratios of the windows, to show how far they scatter."""
    ratios = " ".join(f"{ratio:.3f}" for ratio in pair.ratios)
    return f"{pair.first.name} / {pair.second.name}: {ratios}"


# Pairs against each peer.

def against_peers(plan: Plan, path: str, script: Sequence[str] = (), connections: int = CONNECTIONS,
                  bodies: str = "small", generator: Generator = Load.on, **options: object) -> dict[str, Pair]:
    """The gateway beside each peer in turn; the peers want to know which bodies to be tuned for."""
    pairs = {}
    for peer in PEERS:
        with Lab() as lab:
            first = STARTERS["gatehouse"](lab, 0, **options)
            second = STARTERS[peer](lab, 1, bodies=bodies, **options)
            pairs[peer] = measure(plan, first, second, path, (script, script), connections, generator)
            tell(f"    {windows(pairs[peer])}")
    return pairs


def compare(what: str, pairs: dict[str, Pair], target: float, *, is_user: bool = False) -> Row:
    """The row of such pairs. The better peer is the one whose ratio is the higher."""
    ratios = {peer: pair.user_ratio if is_user else pair.ratio for peer, pair in pairs.items()}
    costs = {peer: pair.second.user_cost if is_user else pair.second.cost for peer, pair in pairs.items()}
    own = statistics.mean(pair.first.user_cost if is_user else pair.first.cost for pair in pairs.values())
    better = max(ratios, key=lambda peer: ratios[peer])
    return Row(what, microseconds(own), **{peer: microseconds(cost) for peer, cost in costs.items()},
               figure=f"{ratios[better]:.2f} of {better}", target=f"at most {target:.2f}",
               is_met=ratios[better] <= target, details=[] if is_user else [windows(pair) for pair in pairs.values()])


def job_plain(plan: Plan) -> list[Row]:
    """GET over HTTP/1.1, 1 KiB answers, no access log."""
    pairs = against_peers(plan, KIB_PATH)
    return [compare("1 KiB answers: CPU per request", pairs, 0.65),
            compare("the same in user space", pairs, 0.40, is_user=True)]


def job_log(plan: Plan) -> list[Row]:
    """The same with a JSON access log to a file on a tmpfs."""
    pairs = against_peers(plan, KIB_PATH, is_logging=True)
    return [compare("1 KiB answers with a JSON log: CPU per request", pairs, 0.65),
            compare("the same in user space", pairs, 0.40, is_user=True)]


def job_answers(plan: Plan) -> list[Row]:
    """Answers of 1 MiB."""
    pairs = against_peers(plan, MIB_PATH, connections=MIB_CONNECTIONS, bodies="answers")
    return [compare("1 MiB answers: CPU per MiB", pairs, 1.0)]


def job_uploads(plan: Plan) -> list[Row]:
    """Uploads of 64 KiB."""
    pairs = against_peers(plan, UPLOAD_PATH, ["upload.lua"], bodies="uploads")
    return [compare("64 KiB uploads: CPU per upload", pairs, 1.0)]


def job_tls(plan: Plan) -> list[Row]:
    """GET over HTTP/1.1 and TLS 1.3 on connections that are kept."""
    return [compare("TLS 1.3, 1 KiB answers: CPU per request", against_peers(plan, KIB_PATH, wire="tls"), 0.70)]


def job_handshakes(plan: Plan) -> list[Row]:
    """Full TLS 1.3 handshakes (ECDSA over P-256, X25519) and no request: bench/handshakes.c."""
    pairs = against_peers(plan, "", generator=Handshakes.on, wire="tls")
    row = compare("full handshakes: CPU each", pairs, 1.0)
    own = statistics.mean(pair.first.cost for pair in pairs.values())
    row.details.append(f"handshakes per second of CPU: gatehouse {1 / own:,.0f}, " + ", ".join(
        f"{peer} {1 / pair.second.cost:,.0f}" for peer, pair in pairs.items()))
    return [row]


def job_h2(plan: Plan) -> list[Row]:
    """HTTP/2 by h2load, 10 connections of 32 streams each: over TLS, and in clear text."""
    rows = []
    for wire, words in (("h2", "HTTP/2 over TLS"), ("h2c", "HTTP/2 in clear text")):
        pairs = against_peers(plan, KIB_PATH, connections=H2_CONNECTIONS, generator=H2Load.on, wire=wire)
        rows.append(compare(f"{words}, 1 KiB answers: CPU per request", pairs, 0.90))
    return rows


def beside_haproxy(plan: Plan, algorithm: str, target: float) -> Row:
    """The whole job of a gateway, with tokens: both over TLS, with routes and a log."""
    with Lab() as lab:
        made = tokens.make(lab.directory, algorithm)
        routes = made.gatehouse() + gatehouse_routes(route_paths("prefix", tokens.ROUTES))
        first = start_gatehouse(lab, 0, is_logging=True, wire="tls", routes=routes)
        second = start_haproxy(lab, 1, is_logging=True, wire="tls", rules=made.haproxy())
        script = ["tokens.lua", str(made.tokens), str(tokens.ROUTES)]
        pair = measure(plan, first, second, "/", (script, script))
    return compare(f"TLS, {tokens.ROUTES} routes, {algorithm} tokens, JSON log: CPU per request", {"haproxy": pair}, target)


def beside_no_tokens(plan: Plan) -> Row:
    """The same beside itself without looking at the tokens."""
    with Lab() as lab:
        made = tokens.make(lab.directory, "RS256")
        routes = gatehouse_routes(route_paths("prefix", tokens.ROUTES))
        first = start_gatehouse(lab, 0, is_logging=True, wire="tls", routes=made.gatehouse() + routes)
        second = start_gatehouse(lab, 1, is_logging=True, wire="tls", routes=routes)
        script = ["tokens.lua", str(made.tokens), str(tokens.ROUTES)]
        pair = measure(plan, first, second, "/", (script, script))
    return Row("the same with RS256: CPU per request", microseconds(pair.first.cost),
               figure=f"{pair.ratio:.3f} of that without tokens", target="at most 1.15", is_met=pair.ratio <= 1.15,
               details=[f"with tokens beside without: {windows(pair)}"])


def job_tokens(plan: Plan) -> list[Row]:
    """The whole job: TLS, 100 routes, a thousand tokens, a JSON log; against HAProxy with jwt_verify, and itself without."""
    return [beside_haproxy(plan, "RS256", 0.40), beside_haproxy(plan, "HS256", 0.50), beside_no_tokens(plan)]


# Limits that admit everything that a window asks for, by the client's address.
GATEHOUSE_LIMIT = "    policies: [ rate_limit: { limit: 1000000/1s%s } ]\n"
NGINX_ZONE = "limit_req_zone $binary_remote_addr zone=clients:16m rate=1000000r/s; limit_req_status 429;"
NGINX_LIMIT = "location / { limit_req zone=clients burst=1000000 nodelay; proxy_pass http://app; }"
HAPROXY_LIMIT = ("\tstick-table type ip size 1m expire 1m store http_req_rate(1s)\n\thttp-request track-sc0 src\n"
                 "\thttp-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }\n")


def job_limits(plan: Plan) -> list[Row]:
    """A limit by the client's address that admits all; against limit_req and stick-tables, which do not tell a client how
    things stand, so this does not either; and, telling it, against itself without one."""
    starters: dict[str, Callable[[Lab, int], Side]] = {
        "nginx": lambda lab, slot: start_nginx(lab, slot, zones=NGINX_ZONE, locations=NGINX_LIMIT),
        "haproxy": lambda lab, slot: start_haproxy(lab, slot, rules=HAPROXY_LIMIT),
        "gatehouse": start_gatehouse,
    }
    pairs = {}
    for name, start_peer in starters.items():
        limit = GATEHOUSE_LIMIT % ("" if name == "gatehouse" else ", headers: false")
        with Lab() as lab:
            pairs[name] = measure(plan, start_gatehouse(lab, 0, routes=limit), start_peer(lab, 1), KIB_PATH)
            tell(f"    {windows(pairs[name])}")
    without = pairs.pop("gatehouse")
    return [compare("with a limit by address, 1 KiB answers: CPU per request", pairs, 0.75),
            Row("the same beside no limit: CPU per request", microseconds(without.first.cost),
                figure=f"{without.ratio:.3f} of that without", target="at most 1.05", is_met=without.ratio <= 1.05,
                details=[f"with a limit beside without: {windows(without)}"])]


def job_floor(plan: Plan) -> list[Row]:
    """The gateway, and each peer, beside a relay that reads nothing: how much of the cost is the kernel's alone."""
    pairs = {}
    for name in ("gatehouse", *PEERS):
        with Lab() as lab:
            pairs[name] = measure(plan, STARTERS[name](lab, 0), start_relay(lab, 1), KIB_PATH)
    relay = statistics.median(pair.second.cost for pair in pairs.values())
    ratios = {name: f"{pair.ratio:.2f}" for name, pair in pairs.items()}
    return [Row("1 KiB answers: CPU over that of a relay that reads nothing", **ratios,
                figure=f"relay {microseconds(relay)}", details=[windows(pair) for pair in pairs.values()])]


def job_self(plan: Plan) -> list[Row]:
    """nginx beside another nginx: what the method itself scatters by."""
    with Lab() as lab:
        pair = measure(plan, start_nginx(lab, 0), start_nginx(lab, 1), KIB_PATH)
    return [Row("nginx beside itself, 1 KiB answers", nginx=microseconds(pair.second.cost),
                figure=f"{pair.ratio:.3f}", target="within 0.03 of 1", is_met=abs(pair.ratio - 1) <= 0.03,
                details=[windows(pair)])]


# Many routes.

def route_paths(kind: str, count: int) -> list[str]:
    """Paths of that many routes, as the gateway writes them."""
    form = {"prefix": "/r{:05d}/**", "regex": "~^/r{:05d}/[a-z]+/[0-9]+$"}[kind]
    return [form.format(i) for i in range(count)]


def gatehouse_routes(paths: Sequence[str]) -> str:
    """Lines for the configuration's one API."""
    return "    routes:\n" + "".join(f'      r{i}: {{ match: {{ path: "{path}" }} }}\n' for i, path in enumerate(paths))


def nginx_locations(paths: Sequence[str]) -> str:
    """The same for nginx."""
    matches = (f'~ "{path[1:]}"' if path.startswith("~") else path.removesuffix("**") for path in paths)
    return "".join(f"location {match} {{ proxy_pass http://app; }}\n" for match in matches)


def beside_few(plan: Plan, kind: str, few: int, many: int, asked: int) -> Row:
    """The gateway with many routes, of which some are asked for, beside itself with few, each of which is."""
    with Lab() as lab:
        first = start_gatehouse(lab, 0, routes=gatehouse_routes(route_paths(kind, many)))
        second = start_gatehouse(lab, 1, routes=gatehouse_routes(route_paths(kind, few)))
        pair = measure(plan, first, second, "/", (["routes.lua", str(many), str(asked)],
                                                  ["routes.lua", str(few), str(few)]))
    traffic = "each asked for in turn" if asked == many else f"{asked} of them asked for"
    return Row(f"{many:,} routes ({kind}), {traffic}: CPU per request", microseconds(pair.first.cost),
               figure=f"{pair.ratio:.3f} of that with {few}", target="at most 1.05", is_met=pair.ratio <= 1.05,
               details=[f"{many:,} {kind} routes, {traffic}, beside {few}: {windows(pair)}"])


def beside_nginx(plan: Plan, kind: str, many: int) -> Pair:
    """The gateway and nginx, both with many routes, each asked for in turn."""
    paths, script = route_paths(kind, many), ["routes.lua", str(many), str(many)]
    with Lab() as lab:
        first = start_gatehouse(lab, 0, routes=gatehouse_routes(paths))
        return measure(plan, first, start_nginx(lab, 1, locations=nginx_locations(paths)), "/", (script, script))


def job_routes(plan: Plan) -> list[Row]:
    """10,000 routes beside 10, as prefixes and as regular expressions: with the traffic of 10, which shows the cost of
    deciding, and with all asked for in turn, which adds that of memory that no cache holds."""
    rows, few, many = [], 10, 10_000
    for kind in ("prefix", "regex"):
        rows.append(beside_few(plan, kind, few, many, few))
        rows.append(beside_few(plan, kind, few, many, many))
        peer = beside_nginx(plan, kind, many)
        rows[-1].nginx = microseconds(peer.second.cost)
        rows[-1].details.append(f"{many:,} {kind} routes: {windows(peer)}")
    return rows


# System calls.

def count_calls(plan: Plan, name: str) -> tuple[dict[str, float], int]:
    """System calls per request by name, while 64 connections are opened and used for a while."""
    with Lab() as lab:
        side = STARTERS[name](lab, 0)
        output = lab.directory / "strace"
        pids = [word for pid in side.process.pids() for word in ("-p", str(pid))]
        trace = subprocess.Popen(["strace", "-f", "-c", "-U", "name,calls", "-o", output, *pids],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert trace.stderr
        trace.stderr.readline()  # "attached"
        before = Upstream.answered(side.upstream_port)
        load = Load(side.port, KIB_PATH)
        time.sleep(plan.seconds)
        load.finish()
        requests = Upstream.answered(side.upstream_port) - before
        trace.send_signal(signal.SIGINT)
        trace.communicate()
        rows = re.findall(r"^(\w+)\s+(\d+)\s*$", output.read_text(), re.M)
    return {call: int(count) / requests for call, count in rows if call != "total"}, requests


def job_calls(plan: Plan) -> list[Row]:
    """System calls per request. epoll_wait is shared by the requests that one wake-up brings."""
    counted, details = {}, []
    for name in ("gatehouse", *PEERS):
        calls, requests = count_calls(plan, name)
        counted[name] = calls
        listed = ", ".join(f"{call} {share:.3f}" for call, share in sorted(calls.items(), key=lambda item: -item[1])
                           if share >= 0.001)
        details.append(f"{name}, {requests:,} requests: {listed}")
    own = sum(share for call, share in counted["gatehouse"].items() if not call.startswith("epoll_"))
    total = {name: f"{sum(calls.values()):.2f}" for name, calls in counted.items()}
    return [Row("system calls per request", **total, figure=f"{own:.2f} besides epoll_wait", target="at most 4.1",
                is_met=own <= 4.1, details=details)]


# Loading.

def job_load(plan: Plan) -> list[Row]:
    """`gatehouse check` on 50,000 routes: templates, prefixes and methods."""
    count, runs = 50_000, 1 if plan.is_quick else 5
    forms = ["/r{:05d}/items/{{id}}", "/r{:05d}/**", "/r{:05d}/items/{{id}}/parts/{{part}}.json", "/v2/r{:05d}/export"]
    routes = "    routes:\n" + "".join(
        f'      r{i}:\n        match: {{ methods: [GET, PUT], path: "{forms[i % len(forms)].format(i)}" }}\n'
        for i in range(count))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    config = OUTPUT / "50000.yaml"
    text = (Path(__file__).parent / "peers" / "gatehouse.yaml").read_text()
    for name, value in {"PORT": "8080", "UPSTREAM_PORT": "8081", "WIRE": "", "ACCESS_LOG": "{ to: off }", "ROUTES": routes}.items():
        text = text.replace(f"@{name}@", value)
    config.write_text(text)
    seconds, cpu, peaks = zip(*(check_once(config) for _ in range(runs)), strict=True)
    wall, peak = statistics.median(seconds), max(peaks) / 1e6
    return [Row(f"{count:,} routes loaded: time", f"{wall:.2f} s", figure=f"{wall:.2f} s", target="at most 1 s",
                is_met=wall <= 1, details=[f"runs: {' '.join(f'{one:.2f}' for one in seconds)} s, of which CPU time "
                         f"{' '.join(f'{one:.2f}' for one in cpu)} s"]),
            Row(f"{count:,} routes loaded: peak memory", f"{peak:.0f} MB", figure=f"{peak:.0f} MB",
                target="at most 200 MB", is_met=peak <= 200)]


def check_once(config: Path) -> tuple[float, float, int]:
    """Seconds, seconds of CPU time and peak resident bytes of one `gatehouse check`."""
    start = time.monotonic()
    process = subprocess.Popen([program("gatehouse"), "check", "-c", config], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    assert process.stderr
    message = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"gatehouse check: {message[:500]}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


# Idle connections.

def read_answer(sock: socket.socket, request: bytes) -> None:
    """One request whose answer has a Content-Length."""
    sock.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if not length or not head.startswith(b"HTTP/1.1 200"):
        raise BenchError(f"answered {head!r}")
    left = int(length[1]) - len(body)
    while left > 0:
        left -= len(receive(sock))


def receive(sock: socket.socket) -> bytes:
    """Some bytes; an end is an error."""
    data = sock.recv(65536)
    if not data:
        raise BenchError("the proxy closed the connection")
    return data


GET = b"GET /bytes/1024 HTTP/1.1\r\nHost: bench\r\n\r\n"


def tls_context() -> ssl.SSLContext:
    """A client that believes every certificate: there is nobody here but us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def idle_bytes(name: str, warm: int, count: int, wire: str = "h1") -> float:
    """Resident bytes for each of `count` connections that made one request and stay open."""
    with Lab() as lab:
        side = STARTERS[name](lab, 0, wire=wire)
        opened: list[socket.socket] = []
        context = tls_context() if wire == "tls" else None

        def open_until(total: int) -> int:
            while len(opened) < total:
                sock = socket.create_connection(("127.0.0.1", side.port))
                opened.append(context.wrap_socket(sock) if context else sock)
                read_answer(opened[-1], GET)
            time.sleep(0.5)
            return side.process.resident_bytes()

        try:
            before = open_until(warm)
            return (open_until(count) - before) / (count - warm)
        finally:
            for sock in opened:
                sock.close()


def job_idle(plan: Plan) -> list[Row]:
    """Idle keep-alive connections: resident memory of the process, the kernel's aside."""
    allow_files()
    count = 2_000 if plan.is_quick else 10_000
    figures = {name: idle_bytes(name, 100, count) for name in ("gatehouse", *PEERS)}
    own = figures["gatehouse"]
    return [Row(f"{count:,} idle connections: resident bytes each",
                **{name: f"{figure:.0f} B" for name, figure in figures.items()},
                figure=f"{own:.0f} B", target="at most 512 B", is_met=own <= 512)]


def job_idle_tls(plan: Plan) -> list[Row]:
    """The same over TLS 1.3: what an idle connection keeps of OpenSSL's and of ours, with the allocator's share."""
    allow_files()
    count = 1_000 if plan.is_quick else 10_000
    figures = {name: idle_bytes(name, 100, count, "tls") / 1024 for name in ("gatehouse", *PEERS)}
    own = figures["gatehouse"]
    return [Row(f"{count:,} idle TLS connections: resident memory each",
                **{name: f"{figure:.1f} KiB" for name, figure in figures.items()},
                figure=f"{own:.1f} KiB", target="at most 14.5 KiB", is_met=own <= 14.5)]


# Instructions.

def run_callgrind(name: str, requests: int, wire: str) -> int:
    """Instructions in user space of a whole run that serves that many requests, one after the other."""
    with Lab() as lab:
        out, log = lab.directory / "callgrind.out", lab.directory / "valgrind"
        side = STARTERS[name](lab, 0, prefix=["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                                              f"--log-file={log}"], wire=wire)
        with socket.create_connection(("127.0.0.1", side.port)) as plain:
            sock = tls_context().wrap_socket(plain) if wire == "tls" else plain
            for _ in range(requests):
                read_answer(sock, GET)
            sock.close()
        side.process.stop()
        collected = re.search(r"Collected\s*:\s*(\d+)", log.read_text())
        if not collected:
            raise BenchError(f"callgrind of {name}: {log.read_text()[-500:]}")
        return int(collected[1])


def instructions(name: str, requests: int, wire: str) -> float:
    """Instructions per request: the slope between two runs, so that starting and stopping cancel out."""
    few = requests // 10
    return (run_callgrind(name, requests, wire) - run_callgrind(name, few, wire)) / (requests - few)


def job_callgrind(plan: Plan) -> list[Row]:
    """Instructions per request in user space, counted by valgrind: the same on every machine, for regressions."""
    requests, rows = 500 if plan.is_quick else 2_000, []
    for wire, words in (("h1", ""), ("tls", ", over TLS 1.3")):
        figures = {name: instructions(name, requests, wire) for name in ("gatehouse", *PEERS)}
        better = min(PEERS, key=figures.__getitem__)
        shown = {name: f"{figure:,.0f}" for name, figure in figures.items()}
        rows.append(Row(f"instructions per request in user space{words}", **shown,
                        figure=f"{figures['gatehouse'] / figures[better]:.2f} of {better}", target=""))
    return rows


JOBS: dict[str, Callable[[Plan], list[Row]]] = {
    "plain": job_plain,
    "log": job_log,
    "answers": job_answers,
    "uploads": job_uploads,
    "tls": job_tls,
    "handshakes": job_handshakes,
    "h2": job_h2,
    "routes": job_routes,
    "calls": job_calls,
    "load": job_load,
    "idle": job_idle,
    "idle_tls": job_idle_tls,
    "tokens": job_tokens,
    "limits": job_limits,
    "callgrind": job_callgrind,
    "floor": job_floor,
    "self": job_self,
}
