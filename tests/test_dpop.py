# SPDX-License-Identifier: Apache-2.0
"""Tokens that are bound to a key (DPoP, RFC 9449): who shows one proves that he has it, once for each request."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import issuer
from gatehouse import Gateway
from simple import config, get
from upstream import Upstream
from wire import Answer

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

SECRET = "only a secret of a test: 32 bytes"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Its public half."""
    full = issuer.jwk_of(key, "", "ES256")
    return {name: full[name] for name in ("kty", "crv", "x", "y")}


def digest(data: bytes) -> str:
    """SHA-256 as JOSE writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 7638."""
    return digest(json.dumps(jwk_of(key), sort_keys=True, separators=(",", ":")).encode())


def token(**more: Any) -> str:
    """Of the issuer, bound to KEY."""
    claims = {"iss": "https://id.test", "aud": "orders", "sub": "alice", "exp": int(time.time()) + 600,
              "cnf": {"jkt": thumbprint(KEY)}, **more}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, SECRET, "HS256")


def proof(of: str, signer: ec.EllipticCurvePrivateKey = KEY, *, bears: ec.EllipticCurvePrivateKey | None = None,
          typ: str = "dpop+jwt", **more: Any) -> str:
    """For GET http://gw.test/orders/1 with that token."""
    claims = {"jti": str(uuid.uuid4()), "htm": "GET", "htu": "http://gw.test/orders/1", "iat": int(time.time()),
              "ath": digest(of.encode()), **more}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, signer, "ES256",
                      headers={"typ": typ, "jwk": jwk_of(bears or signer)})


def ask(running: Gateway, fields: str, path: str = "/orders/1") -> Answer:
    """One request on a connection of its own."""
    with running.connect() as connection:
        connection.send(get(path, fields))
        return connection.read_answer()


POLICY = {"issuer": "https://id.test", "audience": "orders", "secret": SECRET, "bound": "dpop",
          "forward": {"X-User": "sub"}}


@pytest.fixture(name="desk")
def start_desk(upstream: StartUpstream, gateway: StartGateway) -> Gateway:
    """Two workers that share what they have seen."""
    return gateway(config(upstream().address, api={"policies": [{"jwt": POLICY}]}), workers=2)


def test_who_has_the_key_gets_in(desk: Gateway) -> None:
    shown = token()
    assert ask(desk, f"Authorization: DPoP {shown}\r\nDPoP: {proof(shown)}\r\n").status == 200
    assert ask(desk, f"authorization: dpop {shown}\r\ndpop: {proof(shown)}\r\n").status == 200
    query = ask(desk, f"Authorization: DPoP {shown}\r\nDPoP: {proof(shown)}\r\n", "/orders/1?page=2")
    assert query.status == 200, "the query is no part of what is proven"


def test_a_proof_is_good_once_whoever_sees_it(desk: Gateway) -> None:
    """Sixteen at the same time, to both workers: one gets in."""
    shown = token()
    fields = f"Authorization: DPoP {shown}\r\nDPoP: {proof(shown)}\r\n"
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status for answer in pool.map(lambda _: ask(desk, fields), range(16))]
    assert sorted(statuses) == [200] + [401] * 15
    log = desk.wait_for_log(16)
    assert sorted(entry.get("reason", "") for entry in log) == [""] + ["token_replayed"] * 15


def test_who_only_reports_takes_no_proof(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A policy that is on trial before the one that refuses changes nothing."""
    policies = [{"jwt": POLICY, "report": True}, {"jwt": POLICY}]
    desk = gateway(config(upstream().address, api={"policies": policies}))
    shown = token()
    fields = f"Authorization: DPoP {shown}\r\nDPoP: {proof(shown)}\r\n"
    assert [ask(desk, fields).status for _ in range(2)] == [200, 401]


def test_what_proves_nothing_is_refused(desk: Gateway) -> None:
    shown, other = token(), token(sub="bob")
    now = int(time.time())
    proofs = {
        "none": "", "another method": proof(shown, htm="POST"), "another path": proof(shown, htu="http://gw.test/orders/2"),
        "another host": proof(shown, htu="http://evil.test/orders/1"), "another scheme": proof(shown, htu="https://gw.test/orders/1"),
        "another token": proof(other), "no token": proof(shown, ath=None), "old": proof(shown, iat=now - 3600),
        "of the future": proof(shown, iat=now + 3600), "without a time": proof(shown, iat=None),
        "without a name": proof(shown, jti=None), "no proof": proof(shown, typ="JWT"),
        "another key": proof(shown, OTHER), "another's signature": proof(shown, OTHER, bears=KEY),
        "cut": proof(shown)[:-8], "garbage": "a.b.c", "the token itself": shown,
    }
    for what, text in proofs.items():
        line = f"DPoP: {text}\r\n" if text else ""
        answer = ask(desk, f"Authorization: DPoP {shown}\r\n{line}")
        assert answer.status == 401, what
        assert (answer.get("www-authenticate") or "").startswith("DPoP"), what
    twice = proof(shown)
    answer = ask(desk, f"Authorization: DPoP {shown}\r\nDPoP: {twice}\r\nDPoP: {proof(shown)}\r\n")
    assert answer.status == 400, "two proofs"
    log = desk.wait_for_log(len(proofs) + 1)
    assert sorted(entry["reason"] for entry in log) == ["header_malformed"] + ["token_binding"] * len(proofs)


def test_a_bound_token_is_no_bearer_token(desk: Gateway) -> None:
    """And one that is not bound to a key is of no use here (RFC 9449 section 7.1)."""
    shown, free = token(), token(cnf=None)
    assert ask(desk, f"Authorization: Bearer {shown}\r\n").status == 401
    assert ask(desk, f"Authorization: Bearer {shown}\r\nDPoP: {proof(shown)}\r\n").status == 401
    assert ask(desk, f"Authorization: DPoP {free}\r\nDPoP: {proof(free)}\r\n").status == 401
    assert sorted(entry["reason"] for entry in desk.wait_for_log(3)) == ["token_binding", "token_missing", "token_missing"]
