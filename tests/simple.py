# SPDX-License-Identifier: Apache-2.0
"""The simple things that most tests of the whole gateway begin with: one API, requests as bytes, an echo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gatehouse import Gateway
from wire import Request

MIB = 1 << 20


def config(endpoint: str, *, listener: dict[str, Any] | None = None, limits: dict[str, Any] | None = None,
           timeouts: dict[str, str] | None = None, upstream: dict[str, Any] | None = None,
           api: dict[str, Any] | None = None) -> dict[str, Any]:
    """One listener, one upstream, one API that takes everything."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "limits": limits or {}, **(listener or {})}},
        "upstreams": {"app": {"endpoints": [endpoint], "timeouts": timeouts or {}, **(upstream or {})}},
        "apis": {"all": {"upstream": "app", **(api or {})}},
    }


def get(path: str = "/", fields: str = "", method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """A request without a body."""
    return f"{method} {path} {version}\r\nHost: gw.test\r\n{fields}\r\n".encode("latin-1")


def post(body: bytes, path: str = "/", fields: str = "") -> bytes:
    """A request with a body of a known length."""
    return get(path, f"Content-Length: {len(body)}\r\n{fields}", "POST") + body


def chunk(data: bytes) -> bytes:
    """One chunk; the last one for no bytes, without the trailers' end."""
    return b"%x\r\n%s" % (len(data), data + b"\r\n" if data else b"")


def echo(request: Request) -> bytes:
    """The target as the body."""
    body = request.target.encode("latin-1")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def rss(gateway: Gateway) -> int:
    """Resident bytes of the gateway."""
    status = Path(f"/proc/{gateway.pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def forwarding(request: Request) -> dict[str, str]:
    """What the upstream is told of the client."""
    return {name: ", ".join(request.all(name)) for name in
            ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded")}
