# SPDX-License-Identifier: Apache-2.0
"""Starting the gateway and its peers, all with the same job: the files in bench/peers with the gaps filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import BENCH, PROXY_CPU, TOP, BenchError, Lab, Process, Side, accepts, build_tool, free_port, wait_until

# What each peer does best with, of what was tried: buffers of other sizes, with and without splicing.
NGINX_BUFFERS = {
    "small": "proxy_buffer_size 16k; proxy_buffers 16 16k;",
    "answers": "proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 16 64k;",
    "uploads": "proxy_request_buffering off; client_body_buffer_size 64k;",
}
NGINX_LISTEN = {"h1": "", "tls": " ssl", "h2": " ssl http2", "h2c": " http2"}
HAPROXY_BUFFERS = {"small": 16384, "answers": 65536, "uploads": 16384}

HAPROXY_LOG = (
    '{"time":"%[date,ltime(%Y-%m-%dT%H:%M:%S)]","request_id":"%[var(txn.id)]","client_ip":"%ci","client_port":%cp,'
    '"listener":"%ft","protocol":"%HV","method":"%HM","host":"%[capture.req.hdr(0),json(utf8s)]",'
    '"path":"%[var(txn.path),json(utf8s)]","status":%ST,"upstream":"%b","endpoint":"%s","request_bytes":%U,'
    '"response_bytes":%B,"duration_ms":%Ta,"upstream_ms":%Tr,"user_agent":"%[capture.req.hdr(1),json(utf8s)]",'
    '"referer":"%[capture.req.hdr(2),json(utf8s)]"}'
)
HAPROXY_CAPTURES = ("\thttp-request set-var(txn.path) path\n"
                    + "".join(f"\thttp-request capture req.hdr({name}) len 128\n"
                              for name in ("Host", "User-Agent", "Referer")))


def program(name: str) -> Path:
    """Where it is; the gateway's is $GATEHOUSE, or what `make release` built."""
    if name == "gatehouse":
        path = Path(os.environ.get("GATEHOUSE", TOP / "build" / "release" / "gatehouse")).resolve()
        if not path.exists():
            raise BenchError(f"{path} is missing: run make release, or set GATEHOUSE")
        return path
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not found:
        raise BenchError(f"{name} is missing: tools/deps bench")
    return Path(found)


def fill(template: str, to: Path, **values: str | int) -> Path:
    """The template with its @NAMES@ replaced."""
    text = (BENCH / "peers" / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    to.write_text(text)
    return to


def is_tls(wire: str) -> bool:
    """Whether that wire is: h1 and h2c are plain, tls and h2 are not."""
    return wire in ("tls", "h2")


def start(lab: Lab, name: str, slot: int, configure: Callable[[Path, int, int], tuple[Path, Path | None]],
          command: Callable[[Path], list[str | Path]], prefix: Sequence[str | Path] = (), wire: str = "h1") -> Side:
    """Configures and starts a proxy before the upstream's listener `slot`, and waits until it accepts."""
    directory = lab.directory / f"{name}-{len(lab.processes)}"
    directory.mkdir()
    directory.chmod(0o755)
    port, upstream_port = free_port(), lab.upstream.ports[slot]
    config, log = configure(directory, port, upstream_port)
    messages = directory / "messages"
    if name == "haproxy" and log:  # it logs to its standard output
        with open(log, "ab") as stdout:
            process = Process([*prefix, *command(config)], PROXY_CPU, stdout=stdout.fileno(), messages=messages)
    else:
        process = Process([*prefix, *command(config)], PROXY_CPU, messages=messages)
    lab.run(process)
    wait_until(lambda: process.popen.poll() is not None or accepts(port), f"{name} to listen")
    if process.popen.poll() is not None:
        raise BenchError(f"{name} does not start: {process.said()}")
    return Side(name, process, port, upstream_port, log, "https" if is_tls(wire) else "http", directory)


def start_gatehouse(lab: Lab, slot: int, *, is_logging: bool = False, routes: str = "",
                    prefix: Sequence[str | Path] = (), wire: str = "h1") -> Side:
    """The gateway; `routes` are lines beneath its one API."""

    def configure(directory: Path, port: int, upstream_port: int) -> tuple[Path, Path | None]:
        log = directory / "access.log" if is_logging else None
        access = f'{{ to: "file:{log}", format: json }}' if log else "{ to: off }"
        return fill("gatehouse.yaml", directory / "gatehouse.yaml", PORT=port, UPSTREAM_PORT=upstream_port,
                    ACCESS_LOG=access, ROUTES=routes, WIRE=gatehouse_wire(lab, wire)), log

    return start(lab, "gatehouse", slot, configure, lambda config: [program("gatehouse"), "run", "-c", config], prefix,
                 wire)


def gatehouse_wire(lab: Lab, wire: str) -> str:
    """What its listener says of that."""
    if not is_tls(wire):
        return ", protocols: [h2, h1]" if wire == "h2c" else ""
    certificate, key = lab.certificate()
    return f', tls: {{ certificates: [ {{ certificate: "{certificate}", key: "{key}" }} ] }}'


def start_nginx(lab: Lab, slot: int, *, is_logging: bool = False, bodies: str = "small", locations: str = "",
                zones: str = "", prefix: Sequence[str | Path] = (), wire: str = "h1") -> Side:
    """nginx; `locations` replace its one location, `zones` are what they share."""

    def configure(directory: Path, port: int, upstream_port: int) -> tuple[Path, Path | None]:
        log = directory / "access.log" if is_logging else None
        access = f"{log} json buffer=64k flush=1s" if log else "off"
        user = "user root;" if os.geteuid() == 0 else ""
        if prefix:  # under valgrind there should be one process
            user += " master_process off;"
        tls = "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s; ssl_certificate_key %s;" % lab.certificate() if is_tls(wire) else ""
        return fill("nginx.conf", directory / "nginx.conf", USER=user, DIRECTORY=directory, PORT=port,
                    UPSTREAM_PORT=upstream_port, ACCESS_LOG=access, LISTEN=NGINX_LISTEN[wire], TLS=tls, ZONES=zones,
                    BUFFERS=NGINX_BUFFERS[bodies], LOCATIONS=locations or "location / { proxy_pass http://app; }"), log

    def command(config: Path) -> list[str | Path]:
        return [program("nginx"), "-p", config.parent, "-c", config, "-e", config.parent / "nginx.error"]

    return start(lab, "nginx", slot, configure, command, prefix, wire)


def start_haproxy(lab: Lab, slot: int, *, is_logging: bool = False, bodies: str = "small", rules: str = "",
                  prefix: Sequence[str | Path] = (), wire: str = "h1") -> Side:
    """HAProxy; `rules` come before all others of its frontend."""

    def configure(directory: Path, port: int, upstream_port: int) -> tuple[Path, Path | None]:
        log = directory / "access.log" if is_logging else None
        lines = f"log global\n\tlog-format '{HAPROXY_LOG}'" if log else "no log"
        config = fill("haproxy.cfg", directory / "haproxy.cfg", PORT=port, UPSTREAM_PORT=upstream_port,
                      BUFFERS=HAPROXY_BUFFERS[bodies], LOG_TARGET="log stdout format raw local0 info" if log else "",
                      BIND=haproxy_bind(lab, wire), SCHEME="https" if is_tls(wire) else "http",
                      RULES=rules, LOG_LINES=lines, CAPTURES=HAPROXY_CAPTURES if log else "")
        return config, log

    return start(lab, "haproxy", slot, configure, lambda config: [program("haproxy"), "-db", "-f", config], prefix, wire)


def haproxy_bind(lab: Lab, wire: str) -> str:
    """What its `bind` says of that."""
    if not is_tls(wire):
        return " proto h2" if wire == "h2c" else ""
    both = lab.directory / "haproxy.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in lab.certificate()))
    return f" ssl crt {both} alpn {'h2,http/1.1' if wire == 'h2' else 'http/1.1'}"


def start_relay(lab: Lab, slot: int, **_: object) -> Side:
    """bench/relay.c: no proxy at all, only the kernel's work."""
    port, upstream_port = free_port(), lab.upstream.ports[slot]
    process = lab.run(Process([build_tool("relay"), str(port), str(upstream_port)], PROXY_CPU))
    wait_until(lambda: accepts(port), "relay to listen")
    return Side("relay", process, port, upstream_port)


STARTERS: dict[str, Callable[..., Side]] = {
    "gatehouse": start_gatehouse,
    "nginx": start_nginx,
    "haproxy": start_haproxy,
}
PEERS = ("nginx", "haproxy")


def first_line(*command: str | Path) -> str:
    """What a program says of its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n", 1)[0]
