# SPDX-License-Identifier: Apache-2.0
"""Fixtures: factories for gateways and upstreams, which are stopped and looked at when the test ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import peers
from gatehouse import Gateway
from node_peers import NodeClient, NodeServer
from redis_peers import Cluster, Redis
from upstream import Upstream


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """What a test starts ends with it, the last first."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def upstream(stack: contextlib.ExitStack) -> Callable[..., Upstream]:
    """Starts recording upstreams: `upstream(answer)`. Anything malformed that they were sent fails the test."""

    def check(started: Upstream) -> None:
        assert not started.violations, f"the upstream was sent malformed bytes: {started.violations}"

    def start(*arguments: object, **options: object) -> Upstream:
        started = Upstream(*arguments, **options)  # type: ignore[arg-type]
        stack.callback(check, started)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def gateway(stack: contextlib.ExitStack, tmp_path: Path) -> Callable[..., Gateway]:
    """Starts gateways: `gateway(config, workers=2)`. They must have ended well when the test ends."""
    count = 0

    def start(config: str | Mapping[str, Any], **options: Any) -> Gateway:
        nonlocal count
        directory = tmp_path / f"gateway-{count}"
        directory.mkdir()
        count += 1
        started = Gateway(config, directory, **options)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def redis(stack: contextlib.ExitStack, tmp_path: Path) -> Callable[..., Redis]:
    """Starts redis-servers: `redis("--requirepass", "x")`."""
    count = 0

    def start(*options: str, **more: object) -> Redis:
        nonlocal count
        count += 1
        started = Redis(tmp_path / f"redis-{count}", *options, **more)  # type: ignore[arg-type]
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def cluster(stack: contextlib.ExitStack, tmp_path: Path) -> Cluster:
    """Three nodes."""
    started = Cluster(tmp_path)
    stack.callback(started.stop)
    return started


@pytest.fixture
def nginx(stack: contextlib.ExitStack, tmp_path: Path) -> Callable[..., peers.Nginx]:
    """Starts an nginx that serves files: `nginx(root)`."""

    def start(root: Path, server: str = "", http: str = "") -> peers.Nginx:
        directory = tmp_path / "nginx"
        directory.mkdir()
        started = peers.Nginx(directory, root, server, http)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def dnsmasq(stack: contextlib.ExitStack, tmp_path: Path) -> Callable[..., peers.Dnsmasq]:
    """Starts a DNS server: `dnsmasq({"app.test": ["127.0.0.1"]})`."""

    def start(hosts: Mapping[str, Sequence[str]], **options: object) -> peers.Dnsmasq:
        directory = tmp_path / "dnsmasq"
        directory.mkdir()
        started = peers.Dnsmasq(directory, hosts, **options)  # type: ignore[arg-type]
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def file_server(stack: contextlib.ExitStack) -> Callable[[Path], peers.FileServer]:
    """Starts python's http.server: `file_server(root)`."""

    def start(root: Path) -> peers.FileServer:
        started = peers.FileServer(root)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def node_server(stack: contextlib.ExitStack) -> Callable[..., NodeServer]:
    """Starts a server of tests/node: `node_server("grpc_server.js")`."""

    def start(script: str, **options: object) -> NodeServer:
        started = NodeServer(script, **options)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def node_client(stack: contextlib.ExitStack) -> Callable[[str], NodeClient]:
    """Starts a client of tests/node: `node_client("grpc_client.js")`."""

    def start(script: str) -> NodeClient:
        started = NodeClient(script)
        stack.callback(started.stop)
        return started

    return start
