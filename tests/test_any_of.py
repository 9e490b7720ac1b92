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
