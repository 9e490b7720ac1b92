# SPDX-License-Identifier: Apache-2.0
"""jwt end to end: whom it lets in, what the service is told, and what stays between the client and the gateway.

The tokens are PyJWT's. Forged ones are in test_jwt_forged.py, keys of issuers that are asked in test_key_sets.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from gatehouse import Gateway, run_command
from h2_frames import END_HEADERS, END_STREAM, Client, block, headers
from issuer import jwk_of, make_key
from pki import Authority
from simple import config, get
from upstream import Upstream
from wire import Answer, Connection, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

ISSUER = "https://id.example.com"
SECRET = "0123456789abcdef0123456789abcdef"
FAR = 4102444800
BASE: dict[str, Any] = {"issuer": ISSUER, "audience": "orders", "secret": SECRET}
INVALID = 'Bearer error="invalid_token"'


def make(key: Any = SECRET, algorithm: str = "HS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token that is good unless the claims say otherwise."""
    named = {"iss": ISSUER, "aud": "orders", "sub": "alice", "exp": FAR} | claims
    return jwt.encode({name: value for name, value in named.items() if value is not None}, key, algorithm, header)


def bearer(token: str) -> str:
    """Its field."""
    return f"Authorization: Bearer {token}\r\n"


def guarded(address: str, policy: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One API behind that, and an open one beside it."""
    document = config(address, api={"policies": [{"jwt": BASE | policy}]}) | more
    document["apis"]["open"] = {"path": "/open", "upstream": "app"}
    return document


def ask(running: Gateway, fields: str = "", path: str = "/") -> Answer:
    """One request."""
    with running.connect() as client:
        client.send(get(path, fields))
        return client.read_answer()


# Each: what of the policy differs, the claims, the reason. A negative date is one before now.
CLAIMS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({}, {"aud": ["users", "orders"]}, ""),
    ({}, {"aud": "users"}, "token_audience"),
    ({"audience": ["orders", "users"]}, {"aud": "users"}, ""),
    ({"audience": "any"}, {"aud": None}, ""),
    ({"audience": "any"}, {"aud": "any"}, ""),
    ({"audience": ["any", "orders"]}, {"aud": None}, "token_audience"),
    ({}, {"iss": "https://id.example.org"}, "token_issuer"),
    ({}, {"exp": None}, "token_expired"),
    ({"require_expiry": False}, {"exp": None}, ""),
    ({"require_expiry": False}, {"exp": 1}, "token_expired"),
    ({"skew": "10m"}, {"exp": -60}, ""),
    ({"skew": "0s"}, {"exp": -60}, "token_expired"),
    ({}, {"nbf": FAR}, "token_not_yet_valid"),
    ({"require": ["tenant"]}, {}, "token_claims"),
    ({"require": ["tenant"]}, {"tenant": ""}, ""),
    ({"require": ["org.id"]}, {"org": {"id": 0}}, ""),
    ({"require": ["org.id"]}, {"org": "id"}, "token_claims"),
    ({"claims": {"tenant": ["a", "b"]}}, {"tenant": "b"}, ""),
    ({"claims": {"tenant": ["a", "b"]}}, {"tenant": ["x", "a"]}, ""),
    ({"claims": {"tenant": ["a", "b"]}}, {"tenant": "ab"}, "token_claims"),
    ({"claims": {"tenant": "a"}}, {}, "token_claims"),
    ({"claims": {"level": 7}}, {"level": 7}, ""),
    ({"claims": {"level": 7}}, {"level": 8}, "token_claims"),
    ({"claims": {"is_admin": True}}, {"is_admin": False}, "token_claims"),
    ({"consumer": "sub"}, {"sub": "acme"}, ""),
    ({"consumer": "sub"}, {"sub": "Acme"}, "token_consumer_unknown"),
    ({"consumer": "client.id"}, {}, "token_consumer_unknown"),
]


@pytest.mark.parametrize(("policy", "claims", "reason"), CLAIMS)
def test_what_a_token_says_is_held_against_the_policy(upstream: StartUpstream, gateway: StartGateway, policy: dict[str, Any],
                                                      claims: dict[str, Any], reason: str) -> None:
    service = upstream()
    running = gateway(guarded(service.address, policy, consumers={"acme": {}}))
    if (claims.get("exp") or 0) < 0:
        claims = claims | {"exp": int(time.time()) + claims["exp"]}
    for _ in range(2):  # the second time it is remembered
        answer = ask(running, bearer(make(**claims)))
        assert (answer.status, answer.get("www-authenticate")) == ((401, INVALID) if reason else (200, None))
    assert [line.get("reason", "") for line in running.wait_for_log(2)] == [reason] * 2
    assert len(service.requests) == (0 if reason else 2)


def test_access_tokens_only(upstream: StartUpstream, gateway: StartGateway) -> None:
    """RFC 9068 section 4: a token of another type, such as who logged in, opens nothing."""
    running = gateway(guarded(upstream().address, {"types": ["at+jwt"]}))
    for kind, status in (("at+jwt", 200), ("application/at+jwt", 200), ("AT+JWT", 200), ("JWT", 401), ("id+jwt", 401), (None, 401)):
        assert ask(running, bearer(make(header={"typ": kind} if kind else {"typ": ""}))).status == status, kind
    assert {line.get("reason") for line in running.wait_for_log(6)} == {None, "token_type"}


@pytest.mark.parametrize(("claims", "words"), [
    ({"iss": "https://elsewhere.test"}, "`iss` is https://elsewhere.test, wanted "), ({"iss": None}, "`iss` is missing, wanted "),
    ({"aud": ["a", "b\n"]}, "`aud` is a,b\\x0a, wanted "), ({"exp": 5}, "`exp` is 5, `nbf` missing"),
], ids=["issuer", "none", "audience", "expired"])
def test_explain_tells_what_was_found_and_what_is_wanted(tmp_path: Path, claims: dict[str, Any], words: str) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(guarded("127.0.0.1:9", {})), encoding="utf-8")
    shown = run_command("explain", "-c", path, "GET", "http://gw.test/", "-H", f"Authorization: Bearer {make(**claims)}").stdout
    assert "401 by the gateway itself" in shown and "\nbecause   jwt: " in shown and words in shown, shown


def test_the_service_is_told_who_that_is_and_by_nobody_else(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    forward = {"X-User": "sub", "X-Org": "org.id", "X-Roles": "roles", "X-None": "none", "X-Object": "org"}
    running = gateway(guarded(service.address, {"forward": forward}))
    spoofed = "".join(f"{name}: root\r\n" for name in ("X-User", "x_user", "X.Org", "X-ORG", "X-None", "x_object", "X-Roles"))
    token = make(org={"id": 7}, roles=["a", "b"])
    assert ask(running, bearer(token) + spoofed).status == 200
    assert ask(running, spoofed, "/open").status == 200
    told, opened = service.requests
    names = ("x-user", "x-org", "x-roles", "x-none", "x-object", "x_user", "x.org", "x_object")
    assert [told.all(name) for name in names] == [["alice"], ["7"], ["a,b"], [], [], [], [], []]
    assert [opened.all(name) for name in names] == [[]] * len(names)
    assert told.get("authorization") == f"Bearer {token}"


CLAIMED = [("a\r\nX-Admin: 1", 400, []), ("a\nb", 400, []), ("a\0b", 401, []), ("\u20ac", 200, ["\xe2\x82\xac"]), ("", 200, []),
           ("a" * 5000, 200, ["a" * 5000]), ("a, b", 200, ["a, b"]), ("a\tb", 200, ["a\tb"]), (" a ", 400, []), ("\ta", 400, [])]


@pytest.mark.parametrize(("value", "status", "told"), CLAIMED, ids=[repr(row[0][:9]) for row in CLAIMED])
def test_a_claim_cannot_break_out_of_its_field(upstream: StartUpstream, gateway: StartGateway, value: str, status: int,
                                               told: list[str]) -> None:
    service = upstream()
    running = gateway(guarded(service.address, {"forward": {"X-User": "sub"}}))
    assert ask(running, bearer(make(sub=value)) + "X-User: root\r\n").status == status
    assert not service.violations
    assert [request.all("x-user") for request in service.requests] == ([told] if status == 200 else [])
    assert all("x-admin" not in request.names() for request in service.requests)


PLACES = [
    ({"header": "X-Token"}, "X-Token: {}\r\n", "/"),
    ({"cookie": "token"}, "Cookie: a=1; token={}; b=2\r\n", "/"),
    ({"query": "token"}, "", "/?a=1&token={}&b=2"),
]


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize(("place", "fields", "path"), PLACES)
def test_a_token_elsewhere_and_not_passed_on(upstream: StartUpstream, gateway: StartGateway, place: dict[str, str], fields: str,
                                             path: str, strip: bool) -> None:
    service, token = upstream(), make()
    running = gateway(guarded(service.address, {"from": place, "strip": strip}))
    assert ask(running, bearer(token)).status == 401
    assert ask(running, fields.format(token), path.format(token)).status == 200
    got = service.requests[0]
    assert (token in got.target + json.dumps(got.fields)) != strip
    assert "a=1" in got.target + (got.get("cookie") or "") or "header" in place
    log = json.dumps(running.wait_for_log(2)) + running.errors
    assert token not in log and token.split(".")[2] not in log


def test_another_scheme_is_no_token(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(guarded(upstream().address, {"realm": "orders"}))
    token = make()
    for value, reason in ((f"Basic {token}", "token_missing"), (token, "token_missing"), ("Bearer", "token_missing"),
                          (f"DPoP {token}", "token_missing"), (f"bearer  {token}", ""), (f"BEARER {token}", "")):
        answer = ask(running, f"Authorization: {value}\r\n")
        assert (answer.status, answer.get("www-authenticate")) == ((401, 'Bearer realm="orders"') if reason else (200, None)), value
    answer = ask(running, bearer(token + "x"))
    assert answer.get("www-authenticate") == 'Bearer realm="orders", error="invalid_token"'


def test_every_refusal_looks_the_same(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(guarded(upstream().address, {"require": ["x"]}))
    bad = [make(exp=1, x=1), make(aud="users", x=1), make(iss="x", x=1), make(), make("another secret of thirty-two bytes", x=1),
           make(nbf=FAR, x=1), "a.b.c"]
    answers = [ask(running, bearer(token)) for token in bad]
    seen = {(answer.status, answer.get("www-authenticate"), answer.get("proxy-status"),
             *(json.loads(answer.body).get(name) for name in ("type", "title", "detail"))) for answer in answers}
    assert len(seen) == 1, seen
    assert len({line["reason"] for line in running.wait_for_log(len(bad))}) == len(bad)


def test_each_token_is_held_against_its_own_issuer(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """The key of one is worth nothing in the name of another, nor is what was remembered of one policy for another's."""
    one, two = make_key("ES256"), make_key("RS256")
    (tmp_path / "one.json").write_text(json.dumps({"keys": [jwk_of(one, "k", "ES256")]}), encoding="utf-8")
    pem = two.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "two.pem").write_bytes(pem)
    issuers: list[dict[str, Any]] = [
        {"issuer": "one", "audience": "orders", "jwks": f"file:{tmp_path}/one.json"},
        {"issuer": "two", "audience": "users", "keys": [f"{tmp_path}/two.pem"], "algorithms": ["RS256"]}]
    document = config(upstream().address, api={"policies": [{"jwt": {"issuers": issuers}}]})
    document["apis"]["two"] = {"path": "/two", "upstream": "app", "policies": [{"jwt": issuers[1] | {"issuer": "one"}}]}
    running = gateway(document)
    good = make(one, "ES256", iss="one")
    rows = [(good, "/", ""), (make(two, "RS256", iss="two", aud="users"), "/", ""),
            (make(two, "RS256", iss="two"), "/", "token_audience"), (make(one, "ES256", iss="one", aud="users"), "/", "token_audience"),
            (make(two, "RS256", iss="one"), "/", "token_key_unknown"), (make(one, "ES256", iss="two", aud="users"), "/", "token_algorithm"),
            (make(two, "PS256", iss="two", aud="users"), "/", "token_algorithm"), (make(one, "ES256", iss="three"), "/", "token_issuer"),
            (good, "/two", "token_algorithm"), (good, "/", "")]
    for token, path, reason in rows:
        assert ask(running, bearer(token), path).status == (401 if reason else 200), reason
    assert [line.get("reason", "") for line in running.wait_for_log(len(rows))] == [reason for *_, reason in rows]


@pytest.mark.parametrize("kind", ["secret", "jwks"])
def test_a_key_that_a_reload_removes_is_refused_at_once(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path, kind: str) -> None:
    keys = [make_key("ES256"), make_key("ES256")]

    def policy(number: int) -> dict[str, Any]:
        if kind == "secret":
            return BASE | {"secret": SECRET + str(number)}
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"keys": [jwk_of(keys[number], "k", "ES256")]}), encoding="utf-8")
        return {"issuer": ISSUER, "audience": "orders", "jwks": f"file:{path}"}

    def document(number: int) -> dict[str, Any]:
        return config(service.address, api={"policies": [{"jwt": policy(number)}]})

    service = upstream()
    tokens = [make(SECRET + str(i)) if kind == "secret" else make(keys[i], "ES256", {"kid": "k"}) for i in range(2)]
    running = gateway(document(0))
    with running.connect() as client:  # a connection that stays
        for number in (0, 1, 0):
            running.reload(document(number))
            for token, status in ((tokens[number], 200), (tokens[1 - number], 401), (tokens[number], 200)):
                client.send(get("/", bearer(token)))
                assert client.read_answer().status == status


def test_what_is_remembered_expires_all_the_same(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(guarded(upstream().address, {"skew": "0s"}))
    token = make(exp=int(time.time()) + 3)
    statuses = []

    def is_refused() -> bool:
        statuses.append(ask(running, bearer(token)).status)
        return statuses[-1] == 401

    wait_until(is_refused, "it expires")
    assert set(statuses[:-1]) <= {200}
    assert running.wait_for_log(len(statuses))[-1]["reason"] == "token_expired"


def test_a_token_of_http2(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    document = guarded(service.address, {"forward": {"X-User": "sub"}})
    document["listeners"]["main"]["protocols"] = ["h2", "h1"]
    running = gateway(document)
    with Client(running.address()) as client:
        client.start()
        for number, (token, status) in enumerate(((make(), 200), (make() + "A", 401), (make(), 200))):
            fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "gw.test"),
                      ("authorization", f"Bearer {token}"), ("x-user", "root")]
            client.send(headers(1 + 2 * number, block(fields), END_HEADERS | END_STREAM))
            stream, = client.wait(1 + 2 * number)
            assert stream.status == status
    assert [request.all("x-user") for request in service.requests] == [["alice"]] * 2


def test_a_token_that_is_bound_to_a_certificate(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """RFC 8705 section 3: of no use to who has it, but not the key."""
    authority = Authority()
    mine, other = authority.issue("alice"), authority.issue("mallory")
    document = guarded(upstream().address, {"bound": "certificate"})
    document["listeners"]["main"]["tls"] = {
        "certificates": [authority.issue("gw.test").write(tmp_path, "server")],
        "client_ca": str(authority.write(tmp_path)), "client_certificate": "optional"}
    running = gateway(document)
    digest = hashlib.sha256(mine.x509.public_bytes(serialization.Encoding.DER)).digest()
    thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    bound = make(cnf={"x5t#S256": thumbprint})
    rows: list[tuple[Any, str, int]] = [
        (mine, bound, 200), (other, bound, 401), (None, bound, 401), (mine, make(), 401), (mine, make(cnf={}), 401),
        (mine, make(cnf={"x5t#S256": thumbprint[:-1]}), 401), (mine, make(cnf={"x5t#S256": [thumbprint]}), 401),
        (mine, make(cnf={"jkt": thumbprint}), 401), (mine, make(cnf=thumbprint), 401), (mine, bound, 200)]
    for pair, token, status in rows:
        with Connection(running.address(), tls=authority.client(pair, tmp_path)) as client:
            client.send(get("/", bearer(token)))
            assert client.read_answer().status == status
    reasons = [line.get("reason", "") for line in running.wait_for_log(len(rows))]
    assert reasons == ["" if status == 200 else "token_binding" for *_, status in rows]
