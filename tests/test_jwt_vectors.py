# SPDX-License-Identifier: Apache-2.0
"""Tokens that HAProxy is tested with, each held against every public key: what verifies there verifies here, but for
`none`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import DATA, Gateway
from simple import get

VECTORS: dict[str, Any] = json.loads((DATA / "jwt_haproxy.json").read_text(encoding="utf-8"))
# Secrets there are shorter than their digests, which nobody may have here.
TESTS = [test for test in VECTORS["tests"] if not test["expect"].get("x-jwt-alg", "").startswith("HS")]


@pytest.fixture(name="running")
def fixture_running(gateway: Callable[..., Gateway], tmp_path: Path) -> Gateway:
    """An API for each key."""
    apis = {}
    for name, pem in VECTORS["keys_pem"].items():
        (tmp_path / name).write_text(pem, encoding="utf-8")
        policy = {"keys": [str(tmp_path / name)], "audience": "any", "require_expiry": False}
        apis[name.replace(".", "-")] = {"path": f"/{name}", "policies": [{"jwt": policy}, {"respond": {"body": "in"}}]}
    return gateway({"listeners": {"main": {"address": "127.0.0.1:0"}}, "apis": apis})


def ask(running: Gateway, name: str, token: str) -> int:
    """What a door answers to it."""
    with running.connect() as client:
        client.send(get(f"/{name}", f"Authorization: Bearer {token}\r\n"))
        return client.read_answer().status


def test_what_verifies_there_verifies_here(running: Gateway) -> None:
    good = 0
    for test in TESTS:
        verifies = any(name.startswith("x-jwt-verify") and value == "1" for name, value in test["expect"].items())
        verifies &= test["expect"].get("x-jwt-alg") != "none"  # there it can be had, and here it does not exist
        statuses = {name: ask(running, name, test["token"]) for name in VECTORS["keys_pem"]}
        assert set(statuses.values()) <= {200, 401}
        assert (200 in statuses.values()) == verifies, (test["client"], test["expect"], statuses)
        good += verifies
    assert good >= 6 and len(TESTS) - good >= 2, (good, len(TESTS))
