# SPDX-License-Identifier: Apache-2.0
"""Keys of issuers: fetched at a URL or by discovery, rotated, gone for a while, and asked for by who has none."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from gatehouse import Gateway
from issuer import Issuer, make_key
from pki import Authority
from wire import Answer, wait_until

StartGateway = Callable[..., Gateway]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """One in the clear."""
    served = Issuer()
    yield served
    served.close()


def config(policy: dict[str, Any]) -> dict[str, Any]:
    """A gateway that answers itself whoever is let in."""
    return {"listeners": {"main": {"address": "127.0.0.1:0"}},
            "apis": {"all": {"policies": [{"jwt": policy}, {"respond": {"body": "in"}}]}}}


def at_url(issuer: Issuer, **more: Any) -> dict[str, Any]:
    """Its keys by their URL."""
    return {"issuer": issuer.url, "audience": "orders", "jwks": issuer.url + "/jwks.json"} | more


def discovered(issuer: Issuer, **more: Any) -> dict[str, Any]:
    """Its keys where its metadata say."""
    return {"issuer": issuer.url, "audience": "orders"} | more


def ask(gateway: Gateway, token: str) -> Answer:
    """One request with it."""
    with gateway.connect() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
        return client.read_answer("GET")


def reasons(gateway: Gateway, count: int) -> list[str]:
    """Of the requests so far."""
    return [line["reason"] for line in gateway.wait_for_log(count)]


@pytest.mark.parametrize("how", [at_url, discovered])
def test_keys_are_fetched_once_for_all(issuer: Issuer, how: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    both = config(how(issuer))
    both["apis"]["other"] = {"path": "/other", "policies": [{"jwt": how(issuer)}, {"respond": {"body": "in"}}]}
    with Gateway(both, tmp_path, workers=2) as gateway:
        for _ in range(20):
            assert ask(gateway, issuer.token()).status == 200
        assert issuer.fetches() == 1


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_keys_of_every_kind_are_read(issuer: Issuer, algorithm: str, tmp_path: Path) -> None:
    issuer.rotate("k", algorithm)
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        assert ask(gateway, issuer.token()).status == 200


def test_a_new_key_is_fetched_when_it_is_first_seen(issuer: Issuer, tmp_path: Path) -> None:
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        old = issuer.token()
        assert ask(gateway, old).status == 200
        issuer.rotate("second")
        assert ask(gateway, issuer.token()).status == 200
        assert issuer.fetches() == 2
        assert ask(gateway, old).status == 401  # known to the worker, and its key is gone
        assert reasons(gateway, 3)[-1] == "token_key_unknown"


def test_a_new_key_is_fetched_for_a_token_that_names_none(issuer: Issuer, tmp_path: Path) -> None:
    def nameless(signer: Any) -> str:
        return jwt.encode({"iss": issuer.url, "aud": "orders", "exp": int(time.time()) + 600}, signer, "RS256")

    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        assert ask(gateway, nameless(issuer.keys["first"][0])).status == 200
        issuer.rotate("second")
        assert ask(gateway, nameless(issuer.keys["second"][0])).status == 200
        for _ in range(5):
            assert ask(gateway, nameless(make_key())).status == 401
        assert issuer.fetches() == 2
        assert reasons(gateway, 3)[-1] == "token_signature"


HEADS = (b"HTTP/1.1 103 Early Hints\r\n" + b"".join(b"L: " + b"x" * 15000 + b"\r\n" for _ in range(4)) + b"\r\n") * 8


@pytest.mark.parametrize("item", [b"0", b"[]", b"{}", b"[" * 14 + b"0" + b"]" * 14, b'{"":[{}]}'],
                         ids=["numbers", "lists", "objects", "deep", "mixed"])
@pytest.mark.parametrize("heads", [b"", HEADS], ids=["none", "long"])
@pytest.mark.parametrize("path", ["/jwks.json", "/.well-known/openid-configuration"])
def test_no_answer_of_an_issuer_is_too_much(issuer: Issuer, path: str, heads: bytes, item: bytes, tmp_path: Path) -> None:
    """The most that is read of one, after the longest heads, and what takes most room when it is parsed."""
    body = b"[" + b",".join([item] * ((1024 * 1024 - 2) // (len(item) + 1))) + b"]"
    token = issuer.token()
    with Gateway(config(discovered(issuer)), tmp_path) as gateway:
        assert ask(gateway, token).status == 200
        issuer.raw[path] = heads + f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        issuer.rotate("second")
        fetches = issuer.fetches(path)
        assert ask(gateway, issuer.token()).status == 401
        assert issuer.fetches(path) > fetches
        assert ask(gateway, token).status == 200


def test_rotation_under_load_answers_nothing_wrong(issuer: Issuer, tmp_path: Path) -> None:
    wrong: list[int] = []
    over = threading.Event()
    with Gateway(config(at_url(issuer)), tmp_path, workers=2) as gateway:
        ask(gateway, issuer.token())

        def load() -> None:
            while not over.is_set():
                if (status := ask(gateway, issuer.token()).status) != 200:
                    wrong.append(status)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        issuer.rotate("second", keeps=True)
        time.sleep(0.7)
        over.set()
        for thread in threads:
            thread.join()
        assert not wrong and issuer.fetches() == 2


def test_unknown_keys_cause_one_fetch(issuer: Issuer, tmp_path: Path) -> None:
    forger = make_key()
    claims = {"iss": issuer.url, "aud": "orders", "exp": int(time.time()) + 600}
    with Gateway(config(at_url(issuer)), tmp_path, workers=2) as gateway:
        assert ask(gateway, issuer.token()).status == 200

        def forge() -> None:
            for _ in range(50):
                assert ask(gateway, jwt.encode(claims, forger, "RS256", headers={"kid": secrets.token_hex(8)})).status == 401

        threads = [threading.Thread(target=forge) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert issuer.fetches() == 2
        assert sorted(set(reasons(gateway, 401))) == ["respond", "token_key_unknown"]


def test_the_last_keys_hold_on_while_the_issuer_is_down(issuer: Issuer, tmp_path: Path) -> None:
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        assert ask(gateway, issuer.token()).status == 200
        issuer.is_failing = True
        old = issuer.token()
        issuer.rotate("second", keeps=True)
        assert ask(gateway, issuer.token()).status == 401  # asked for, and not had
        gateway.wait_for_message("the last ones hold on")
        assert all(ask(gateway, token).status == 200 for token in (old, issuer.token(kid="first")))
        issuer.is_failing = False
        gateway.wait_for_message("fetched again")
        assert ask(gateway, issuer.token()).status == 200


def test_without_any_keys_nobody_is_let_in(issuer: Issuer, tmp_path: Path) -> None:
    issuer.is_failing = True
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        answer = ask(gateway, issuer.token())
        assert answer.status == 503
        assert reasons(gateway, 1) == ["auth_unavailable"]
        gateway.wait_for_message("nobody who needs them is let in")
        issuer.is_failing = False
        wait_until(lambda: ask(gateway, issuer.token()).status == 200, "keys")


def test_a_request_waits_for_keys_that_are_on_their_way(issuer: Issuer, tmp_path: Path) -> None:
    issuer.pause = 0.5
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        assert ask(gateway, issuer.token()).status == 200


def hanging(count: int) -> list[socket.socket]:
    """So many issuers to which one can connect, and that never answer."""
    return [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]


@pytest.mark.parametrize(("hosts", "tenants"), [(1, 99), (40, 1)], ids=["one host", "many hosts"])
def test_issuers_that_hang_hold_up_no_other(issuer: Issuer, hosts: int, tenants: int, tmp_path: Path) -> None:
    """They stand before the one that answers, and are more than are asked at a time."""
    dark = hanging(hosts)
    issuers = [{"issuer": f"http://127.0.0.1:{each.getsockname()[1]}/{tenant}", "audience": "orders"}
               for each in dark for tenant in range(tenants)]
    with Gateway(config({"issuers": [*issuers, discovered(issuer)]}), tmp_path) as gateway:
        assert ask(gateway, issuer.token()).status == 200
        issuer.rotate("second")
        assert ask(gateway, issuer.token()).status == 200
    for each in dark:
        each.close()


@pytest.mark.parametrize("metadata", [
    {"issuer": "https://other.test"},
    {"issuer": None},
    {"jwks_uri": "ftp://127.0.0.1/jwks.json"},
    {"jwks_uri": ["a"]},
])
def test_metadata_of_another_are_not_believed(issuer: Issuer, metadata: dict[str, Any], tmp_path: Path) -> None:
    issuer.metadata = metadata
    with Gateway(config(discovered(issuer)), tmp_path) as gateway:
        assert ask(gateway, issuer.token()).status == 503
        assert issuer.fetches() == 0


@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_issuer_proves_who_it_is(is_trusted: bool, tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem if is_trusted else Authority().pem)
    (tmp_path / "issuer.pem").write_bytes((pair := authority.issue("localhost")).certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "issuer.pem")
    issuer = Issuer(context, "localhost")
    try:
        with Gateway(config(discovered(issuer)), tmp_path, env={"SSL_CERT_FILE": str(tmp_path / "ca.pem")}) as gateway:
            assert ask(gateway, issuer.token()).status == (200 if is_trusted else 503)
    finally:
        issuer.close()


def test_a_reload_keeps_what_was_fetched(issuer: Issuer, tmp_path: Path) -> None:
    with Gateway(config(at_url(issuer)), tmp_path) as gateway:
        token = issuer.token()
        assert ask(gateway, token).status == 200
        gateway.reload(config(at_url(issuer, skew="1s")))
        assert ask(gateway, token).status == 200
        assert issuer.fetches() == 1


def test_a_key_that_a_reload_removes_is_refused_at_once(issuer: Issuer, tmp_path: Path) -> None:
    token = issuer.token()
    keys = {name: tmp_path / f"{name}.pem" for name in ("first", "second")}
    issuer.rotate("second", keeps=True)
    for name, path in keys.items():
        path.write_bytes(issuer.pem(name))
    policy = {"issuer": issuer.url, "audience": "orders"}
    with Gateway(config(policy | {"keys": [str(path) for path in keys.values()]}), tmp_path) as gateway:
        assert ask(gateway, token).status == 200
        gateway.reload(config(policy | {"keys": [str(keys["second"])]}))
        assert ask(gateway, token).status == 401
        assert ask(gateway, issuer.token()).status == 200
