# SPDX-License-Identifier: Apache-2.0
"""The Node peers by themselves: what a test later finds missing is the gateway's doing, not theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node_peers import NODE, NodeClient, NodeServer


def asks(*texts: str, **more: Any) -> list[dict[str, Any]]:
    """Messages with these texts."""
    return [{"text": text, **more} for text in texts]


@pytest.mark.parametrize("kind, sent, texts", [
    ("unary", asks("a"), ["a"]),
    ("collect", asks("a", "b", "c"), ["abc"]),
    ("count", asks("a", replies=3), ["a", "a", "a"]),
    ("talk", asks("a", "b"), ["a", "b"]),
])
def test_grpc_calls_of_each_kind(kind: str, sent: list[dict[str, Any]], texts: list[str],
                                 node_server: Callable[..., NodeServer],
                                 node_client: Callable[[str], NodeClient]) -> None:
    """Messages, metadata and trailers come and go."""
    server, client = node_server("grpc_server.js"), node_client("grpc_client.js")
    result = client.call(target=server.address, kind=kind, asks=sent, metadata={"x-a": "1", "x-b-bin": "AP8="})
    assert (result["code"], [reply["text"] for reply in result["replies"]]) == (0, texts)
    assert (result["head"]["x-a"], result["trailers"]["trailer-x-b-bin"]) == (["1"], ["AP8="])


def test_grpc_failures(node_server: Callable[..., NodeServer], node_client: Callable[[str], NodeClient]) -> None:
    """A status, a deadline, and a client that gives up."""
    server, client = node_server("grpc_server.js"), node_client("grpc_client.js")
    failed = client.call(target=server.address, kind="unary", asks=asks("no", fail=7))
    assert (failed["code"], failed["details"]) == (7, "told to fail: no")
    late = client.call(target=server.address, kind="unary", asks=asks("a", wait=True), deadline_ms=100)
    assert late["code"] == 4
    given_up = client.call(target=server.address, kind="talk", asks=asks("a"), in_turn=True, cancel_after=1)
    assert given_up["code"] == 1
    server.wait_for_event("cancelled")


def test_web_sockets(node_server: Callable[..., NodeServer], node_client: Callable[[str], NodeClient]) -> None:
    """Text, binary, protocol and close."""
    server, client = node_server("ws_server.js", protocols=["chat"]), node_client("ws_client.js")
    url = f"ws://{server.address}/x"
    result = client.call(url=url, send=["a", "ping"], binary=[70000], expect=2, protocols=["chat"])
    assert result["messages"] == ["a", {"size": 70000, "is_same": True}]
    assert (result["protocol"], result["code"], result["pings"]) == ("chat", 1000, 1)
    assert client.call(url=url, send=["close 4000 enough"], expect=9)["words"] == "enough"
    assert client.call(url=f"ws://{server.address}", send=["die"])["code"] == 1006


def test_the_lock_names_no_registry() -> None:
    """Any registry or mirror will do."""
    assert "resolved" not in (NODE / "package-lock.json").read_text(encoding="utf-8")
