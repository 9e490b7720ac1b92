# SPDX-License-Identifier: Apache-2.0
"""any_of on the wire: keys, passwords and tokens at one door; the first that knows its own credential decides."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from gatehouse import Gateway
from simple import config, get
from upstream import Upstream

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

SECRET = "0123456789abcdef0123456789abcdef"
ISSUER = "https://id.example.com"
KEY_DIGEST = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of "key"
# Of "secret", and cheap to check.
PASSWORD = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8o"


def doors(address: str) -> dict[str, Any]:
    """Three ways to be known, one of them by a policy with a name."""
    token = {"jwt": {"issuer": ISSUER, "audience": "orders", "secret": SECRET, "forward": {"X-User": "sub"}}}
    ways = [{"api_key": {"forward": {"X-User": "name"}}}, {"use": "people"}, token]
    document = config(address, api={"policies": [{"any_of": ways}]})
    document["policies"] = {"people": {"basic": {"realm": "orders", "forward": {"X-User": "name"}}}}
    document["consumers"] = {"acme": {"api_keys": [KEY_DIGEST]}, "alice": {"basic": {"password": PASSWORD}}}
    return document


def basic(name: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}\r\n"


def bearer(secret: str = SECRET, **claims: Any) -> str:
    named = {"iss": ISSUER, "aud": "orders", "exp": 4102444800, **claims}
    return f"Authorization: Bearer {jwt.encode(named, secret, algorithm='HS256')}\r\n"


KEY, BAD_KEY = "X-API-Key: key\r\n", "X-API-Key: kez\r\n"

# Each: what the request bears, the status, the reason, who the service is told that it is.
ROWS = [
    (KEY, 200, "", "acme"),
    (basic("alice", "secret"), 200, "", "alice"),
    (bearer(sub="bob"), 200, "", "bob"),
    ("", 401, "credentials_missing", ""),
    ("Authorization: Digest a\r\n", 401, "credentials_missing", ""),
    ("X-User: acme\r\n", 401, "credentials_missing", ""),
    (BAD_KEY, 401, "key_unknown", ""),
    (basic("alice", "secreT"), 401, "password_wrong", ""),
    (basic("nobody", "secret"), 401, "password_wrong", ""),
    (bearer("another secret of thirty-two bytes"), 401, "token_signature", ""),
    # A bad one is not passed over for a good one behind it, and a good one is enough.
    (BAD_KEY + bearer(sub="bob"), 401, "key_unknown", ""),
    (BAD_KEY + basic("alice", "secret"), 401, "key_unknown", ""),
    (KEY + bearer("another secret of thirty-two bytes"), 200, "", "acme"),
    (KEY + "X-User: mallory\r\nx_user: mallory\r\n", 200, "", "acme"),
]


@pytest.mark.parametrize(("fields", "status", "reason", "user"), ROWS)
def test_the_first_that_knows_its_own_decides(upstream: StartUpstream, gateway: StartGateway, fields: str, status: int,
                                              reason: str, user: str) -> None:
    service = upstream()
    with gateway(doors(service.address)) as running:
        with running.connect() as client:
            client.send(get("/", fields))
            assert client.read_answer().status == status
        line = running.wait_for_log(1)[0]
    assert line.get("reason", "") == reason, line
    assert [request.all("x-user") for request in service.requests] == ([[user]] if status == 200 else [])
    assert all("x_user" not in request.names() and "x-api-key" not in request.names() for request in service.requests)


def test_who_bears_none_hears_of_all(upstream: StartUpstream, gateway: StartGateway) -> None:
    with gateway(doors(upstream().address)) as running, running.connect() as client:
        client.send(get("/"))
        challenges = client.read_answer().all("www-authenticate")
    assert [challenge.split(" ", 1)[0] for challenge in challenges] == ["Basic", "Bearer"], challenges


@pytest.mark.parametrize(("fields", "cookie", "told"), [
    (KEY, "a=1; sid=key; b=2", {"authorization": [], "x-api-key": [], "cookie": ["a=1; b=2"]}),
    (KEY + basic("alice", "secret"), "sid=key", {"authorization": [], "x-api-key": [], "cookie": []}),
    (bearer(sub="bob"), "sid=key", {"authorization": [bearer(sub="bob")[15:-2]], "cookie": []}),
    (basic("alice", "secret"), "sid=", {"authorization": [], "cookie": []}),
])
def test_no_service_gets_the_credential_of_a_policy_that_has_not_decided(
        upstream: StartUpstream, gateway: StartGateway, fields: str, cookie: str, told: dict[str, list[str]]) -> None:
    """Each policy's `strip` holds, whoever was known: jwt alone leaves its token, as it does elsewhere."""
    service = upstream()
    document = doors(service.address)
    document["apis"]["all"]["policies"][0]["any_of"].append({"api_key": {"from": {"cookie": "sid"}}})
    with gateway(document).connect() as client:
        client.send(get("/", f"{fields}Cookie: {cookie}\r\n"))
        assert client.read_answer().status == 200
    assert {name: service.requests[0].all(name) for name in told} == told


def test_a_key_in_the_query_is_neither_passed_on_nor_logged(upstream: StartUpstream, gateway: StartGateway) -> None:
    """However long the query is, however the name is written: the names that the configuration gives are as good as the usual."""
    service = upstream()
    document = doors(service.address) | {"log": {"access": {"query": True}}}
    document["listeners"]["main"]["limits"] = {"request_line": "1MiB", "header_size": "1MiB"}
    document["apis"]["all"]["policies"] = [{"any_of": [{"api_key": {"from": {"query": "mine"}}}]}]
    running = gateway(document)
    for begin in ("a=1&", "a=1&" * 200_000, ""):
        for name in ("mine", "%6dine"):
            with running.connect() as client:
                client.send(get(f"/?{begin}{name}=key&b=2"))
                assert client.read_answer().status == 200, len(begin)
            target = service.requests[-1].target
            assert "ine=" not in target and target in (f"/?{begin}b=2", "/"), target[-100:]
    for line in running.wait_for_log(6):
        assert "=key" not in str(line), str(line)[-300:]
    assert running.wait_for_log(6)[-1]["path"].endswith("?%6dine=***&b=2")
