# SPDX-License-Identifier: Apache-2.0
"""Which endpoint gets a request: by lot, and by what requests have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatehouse import Gateway, run_command
from test_weighted import ask, named, who
from upstream import Upstream

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def config(addresses: list[str], balance: Any, **more: Any) -> dict[str, Any]:
    """One upstream of these endpoints."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}},
        "upstreams": {"app": {"endpoints": addresses, "balance": balance, "retries": {"attempts": 4, "backoff": "1ms",
                                                                                      "budget": 100}}},
        "apis": {"all": {"upstream": "app", **more}},
    }


@pytest.fixture
def four(upstream: StartUpstream) -> list[Upstream]:
    """Four endpoints that tell their names."""
    return [upstream(named(name)) for name in ("one", "two", "three", "four")]


def addresses(services: list[Upstream]) -> list[str]:
    """Where they listen."""
    return [service.address for service in services]


def test_random_meets_everybody(four: list[Upstream], gateway: StartGateway) -> None:
    running = gateway(config(addresses(four), "random"))
    got = Counter(who(ask(running)) for _ in range(200))
    # 50 each by chance, with a deviation of 6.
    assert len(got) == 4 and all(10 <= count <= 110 for count in got.values()), got


@pytest.mark.parametrize(("by", "field"), [
    ("client_ip", "X-Forwarded-For: 203.0.113.{}"),
    ("header:X-Cart", "x-cart: {}"),
    ("cookie:cart", "Cookie: a=b; cart={}"),
    ("consumer", "X-Forwarded-For: 203.0.113.{}"),
])
def test_the_same_key_meets_the_same_endpoint(four: list[Upstream], gateway: StartGateway, by: str,
                                              field: str) -> None:
    first = gateway(config(addresses(four), {"hash": by}))
    other = gateway(config(addresses(four)[::-1], {"hash": by}), workers=2)
    clients = [field.format(i) + "\r\n" for i in range(40)]
    before = [who(ask(first, client)) for client in clients]
    assert [who(ask(first, client)) for client in clients] == before
    assert [who(ask(other, client)) for client in clients] == before, "another node chooses the same"
    assert len(set(before)) >= 3


def test_what_has_no_key_goes_anywhere(four: list[Upstream], gateway: StartGateway) -> None:
    running = gateway(config(addresses(four), {"hash": "cookie:cart"}))
    assert len({who(ask(running)) for _ in range(60)}) >= 3
    assert ask(running).get("Set-Cookie") is None


def test_only_the_keys_of_who_is_gone_move(four: list[Upstream], gateway: StartGateway) -> None:
    running = gateway(config(addresses(four), {"hash": "header:X-Cart"}))
    clients = [f"X-Cart: {i}\r\n" for i in range(40)]
    before = [who(ask(running, client)) for client in clients]
    four[0].stop()
    after = [who(ask(running, client)) for client in clients]
    assert "one" not in after
    assert all(new == old for old, new in zip(before, after) if old != "one")
    assert [who(ask(running, client)) for client in clients] == after


def test_explain_and_diff_tell_the_balance(tmp_path: Path) -> None:
    paths = []
    for name, balance in (("a", "least_requests"), ("b", {"hash": "consumer"})):
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(yaml.safe_dump(config(["127.0.0.1:9", "127.0.0.1:10"], balance)))
    shown = [run_command("explain", "-c", str(path), "GET", "/").stdout for path in paths]
    assert "\nbalance   least_requests\n" in shown[0], shown[0]
    assert "\nbalance   hash of consumer\n" in shown[1], shown[1]
    told = run_command("diff", *map(str, paths)).stdout
    assert "balance" in told, told
