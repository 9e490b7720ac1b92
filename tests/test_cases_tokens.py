# SPDX-License-Identifier: Apache-2.0
"""`gatehouse test` with identities: tokens that are made for the route, keys that stand in, keys of consumers, and
certificates.

Each row says what a request bears and how it must be answered, over one configuration with two issuers.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse import run_command
from issuer import jwk_of
from pki import Authority

ONE, TWO, FAR = "https://id.example.com", "https://two.example.com", "https://far.example.com"
KEY_DIGEST = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of "key"
CLOCK = 1767225600  # 2026-01-01T00:00:00Z


def configuration() -> dict[str, Any]:
    """Two issuers and keys; one route for admins, one for everybody, and one whose keys are fetched."""
    issuers: list[dict[str, Any]] = [
        {"issuer": ONE, "audience": "orders", "secret": "0123456789abcdef0123456789abcdef"},
        {"issuer": TWO, "audience": ["orders", "x"], "keys": ["two.pem"], "algorithms": ["ES256", "RS256"]},
    ]
    token: dict[str, Any] = {"issuers": issuers, "forward": {"X-User": "sub"}, "strip": True}
    say = {"X-Plan": "${consumer.label.plan}", "X-Sub": "<${claim.sub}>", "X-Consumer": "${consumer.name}"}
    return {
        "listeners": {"public": {"address": "127.0.0.1:8080"}},
        "upstreams": {"orders": {"endpoints": ["10.0.0.5:8080"]}},
        "consumers": {"acme": {"groups": ["partners"], "labels": {"plan": "gold"}, "api_keys": [KEY_DIGEST]}},
        "policies": {"signed-in": {"any_of": [{"api_key": {}}, {"jwt": token}]}},
        "apis": {
            "orders": {
                "path": "/orders",
                "upstream": "orders",
                "policies": [{"use": "signed-in"}, {"headers": {"request": {"set": say}}}],
                "routes": {
                    "admin": {"match": {"path": "/admin"}, "policies": [{"authorize": {"scopes": ["admin"]}}]},
                    "mine": {
                        "match": {"path": "/of/{who}"},
                        "policies": [{"authorize": {"when": 'claims.sub == path["who"]'}}],
                    },
                    "open": {"match": {"path": "/open"}, "without": ["signed-in", "headers"]},
                },
            },
            "bound": {
                "path": "/bound",
                "upstream": "orders",
                "policies": [{"jwt": {**issuers[0], "bound": "certificate"}}],
            },
            "proven": {"path": "/proven", "upstream": "orders", "policies": [{"jwt": {**issuers[0], "bound": "dpop"}}]},
        },
    }


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "two.pem").write_bytes(pem)
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(configuration()), encoding="utf-8")
    return tmp_path


def run_cases(folder: Path, *cases: dict[str, Any], **more: Any) -> subprocess.CompletedProcess[str]:
    """The command over these cases."""
    named = [{"name": f"case {number}", **case} for number, case in enumerate(cases)]
    (folder / "cases.yaml").write_text(json.dumps({**more, "cases": named}), encoding="utf-8")
    return run_command("test", "cases.yaml", cwd=folder)


def ask(path: str, token: dict[str, Any] | None = None, **headers: Any) -> dict[str, Any]:
    """A request of a case."""
    request: dict[str, Any] = {"url": f"https://gw.test{path}", "headers": headers}
    return request if token is None else {**request, "token": token}


def denied(status: int, reason: str) -> dict[str, Any]:
    return {"status": status, "reason": reason, "upstream": ""}


ROWS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (ask("/orders/1"), {**denied(401, "credentials_missing"), "headers": {"WWW-Authenticate": "Bearer"}}),
    (
        ask("/orders/1", {"sub": "alice"}, **{"X-User": "mallory", "X-Consumer": "mallory"}),
        {
            "status": 200,
            "forwarded": {
                "headers": {"X-User": "alice", "X-Sub": "<alice>"},
                "absent": ["Authorization", "X-Plan", "X-Consumer"],
            },
        },
    ),
    (ask("/orders/1", {"iss": TWO, "sub": "bob"}), {"status": 200, "forwarded": {"headers": {"X-User": "bob"}}}),
    (ask("/orders/1", {"iss": FAR}), denied(401, "token_issuer")),
    (ask("/orders/1", {"iss": None}), denied(401, "token_issuer")),
    (ask("/orders/1", {"aud": "others"}), denied(401, "token_audience")),
    (ask("/orders/1", {"aud": None}), denied(401, "token_audience")),
    (ask("/orders/1", {"aud": ["others", "orders"]}), {"status": 200}),
    (ask("/orders/1", {"iss": TWO, "aud": "x"}), {"status": 200}),
    (ask("/orders/1", {"exp": CLOCK - 31}), denied(401, "token_expired")),
    (ask("/orders/1", {"exp": None}), denied(401, "token_expired")),
    (ask("/orders/1", {"exp": "never"}), denied(401, "token_claims")),
    (ask("/orders/1", {"nbf": CLOCK + 31}), denied(401, "token_not_yet_valid")),
    (ask("/orders/1", {"sub": "a\nb"}), denied(400, "value_invalid")),
    (ask("/orders/admin", {"scope": "read"}), denied(403, "scope_denied")),
    (ask("/orders/admin", {"scope": "read admin"}), {"status": 200, "route": "admin"}),
    (ask("/orders/admin", {"scp": ["admin"]}), {"status": 200}),
    (ask("/orders/admin"), denied(401, "credentials_missing")),
    (ask("/orders/of/alice", {"sub": "alice"}), {"status": 200}),
    (ask("/orders/of/alice", {"sub": "bob"}), denied(403, "condition_denied")),
    (ask("/orders/of/alice", **{"X-API-Key": "key"}), denied(403, "condition_denied")),
    (
        ask("/orders/1", **{"X-API-Key": "key"}),
        {"status": 200, "forwarded": {"headers": {"X-Plan": "gold", "X-Sub": "<>", "X-Consumer": "acme"}}},
    ),
    (ask("/orders/1", {"sub": "alice"}, **{"X-API-Key": "kez"}), denied(401, "key_unknown")),
    (ask("/orders/open"), {"status": 200, "upstream": "orders"}),
]


@pytest.mark.parametrize(("request_", "expect"), ROWS)
def test_who_asks_decides(folder: Path, request_: dict[str, Any], expect: dict[str, Any]) -> None:
    done = run_cases(folder, {"request": request_, "expect": expect})
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_can_fail(folder: Path) -> None:
    done = run_cases(folder, {"request": ask("/orders/1", {"sub": "alice"}), "expect": {"status": 401}})
    assert done.returncode == 1 and 'expected "401", got "200"' in done.stdout, done.stdout


def test_what_is_explained_is_what_the_case_saw(folder: Path) -> None:
    request = {"url": "http://gw.test/orders/admin", "token": {"sub": "alice", "scope": "read"}}
    done = run_cases(folder, {"name": "may", "request": request, "expect": {"status": 200}})
    assert done.returncode == 1
    assert "(scope_denied)" in done.stdout + done.stderr and "token_expired" not in done.stdout + done.stderr


def test_a_token_is_made_anew_when_the_clock_goes_on(folder: Path) -> None:
    case = {"request": ask("/orders/1", {"sub": "alice"}), "repeat": 3, "advance": "2h"}
    done = run_cases(folder, {**case, "meanwhile": {"status": 200}, "expect": {"status": 200}})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/orders/open", "/proven", "/nowhere"])
def test_a_token_that_nobody_takes_is_told(folder: Path, path: str) -> None:
    done = run_cases(folder, {"request": ask(path, {"sub": "alice"}), "expect": {"status": 200}})
    assert done.returncode == 1 and "no policy of the route takes a token" in done.stdout, done.stdout


@pytest.mark.parametrize("named", ["url", "issuer"])
def test_keys_that_would_be_fetched_stand_in(folder: Path, named: str) -> None:
    url = f"{FAR}/keys.json" if named == "url" else FAR
    config = configuration()
    options = {"issuer": FAR, "audience": "far", **({"jwks": url} if named == "url" else {})}
    config["apis"]["far"] = {"path": "/far", "upstream": "orders", "policies": [{"jwt": options}]}
    (folder / "gatehouse.yaml").write_text(json.dumps(config), encoding="utf-8")
    private = ec.generate_private_key(ec.SECP256R1())
    (folder / "far.json").write_text(json.dumps({"keys": [jwk_of(private, "k1", "ES256")]}), encoding="utf-8")
    claims = {"iss": FAR, "aud": "far", "exp": CLOCK + 60, "sub": "alice"}
    own = jwt.encode(claims, private, algorithm="ES256", headers={"kid": "k1"})
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "k1"})
    cases = [
        {"request": ask("/far", Authorization=f"Bearer {own}"), "expect": {"status": 200}},
        {"request": ask("/far", Authorization=f"Bearer {forged}"), "expect": denied(401, "token_signature")},
        {"request": ask("/far", {"sub": "bob"}), "expect": {"status": 200}},
        {"request": ask("/far", Authorization=f"Bearer {own}"), "expect": {"status": 200}},
    ]
    done = run_cases(folder, *cases, keys={url: "far.json"})
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_cases(folder, {**cases[0], "expect": denied(503, "auth_unavailable")})
    assert done.returncode == 0, done.stdout + done.stderr


ASKED = "http://127.0.0.1:9100"


def asking(folder: Path, **options: Any) -> None:
    """A configuration with a route whose tokens an issuer is asked about."""
    config = configuration()
    policy = {"url": f"{ASKED}/introspect", "client_id": "gateway", "client_secret": "s", "audience": ["a", "b"], "issuer": ONE,
              "forward": {"X-User": "sub"}, "consumer": "client_id", **options}
    config["apis"]["asked"] = {"path": "/asked", "upstream": "orders", "policies": [{"introspection": policy}]}
    (folder / "gatehouse.yaml").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize(("claims", "expect"), [
    ({"sub": "alice", "client_id": "acme"}, {"status": 200, "consumer": "acme", "forwarded": {"headers": {"X-User": "alice"}}}),
    ({"client_id": "acme", "aud": ["x", "b"]}, {"status": 200}),
    ({"client_id": "nobody"}, {**denied(401, "token_consumer_unknown"), "consumer": ""}),
    ({"client_id": "acme", "active": False}, denied(401, "token_inactive")),
    ({"client_id": "acme", "active": None}, denied(503, "auth_unavailable")),
    ({"client_id": "acme", "aud": "x"}, denied(401, "token_audience")),
    ({"client_id": "acme", "aud": None}, denied(401, "token_audience")),
    ({"client_id": "acme", "iss": TWO}, denied(401, "token_issuer")),
    ({"client_id": "acme", "iss": None}, denied(401, "token_issuer")),
    ({"client_id": "acme", "exp": CLOCK}, denied(401, "token_expired")),
])
@pytest.mark.parametrize("place", [{}, {"from": {"header": "X-Token"}}, {"from": {"cookie": "token"}}], ids=["bearer", "header", "cookie"])
def test_what_a_case_says_of_a_token_is_the_issuers_answer(folder: Path, claims: dict[str, Any], expect: dict[str, Any],
                                                           place: dict[str, Any]) -> None:
    asking(folder, **place)
    no = {"status": 200, "body": '{"active": false}'}  # of tokens that the cases do not make
    done = run_cases(folder, {"request": ask("/asked", claims), "expect": expect}, upstreams={ASKED: no})
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_made_for_one_case_is_nothing_to_the_next(folder: Path) -> None:
    asking(folder)
    bearing = ask("/asked", Authorization="Bearer of-this-case")
    cases = [{"request": ask("/asked", {"client_id": "acme"}), "repeat": 2, "advance": "1h", "meanwhile": {"status": 200},
              "expect": {"status": 200}}, {"request": bearing, "expect": denied(503, "auth_unavailable")}]
    done = run_cases(folder, *cases)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_cases(folder, {"request": ask("/asked", {"client_id": "acme", "aud": "x"}), "expect": {"status": 200}})
    assert "because   introspection: `aud` is x, wanted a, b" in done.stdout, done.stdout
    done = run_cases(folder, {"request": ask("/orders/1", {"sub": "alice"}), "expect": {"consumer": "acme"}})
    assert 'consumer: expected "acme", got ""' in done.stdout, done.stdout


def test_stand_ins_of_keys_that_are_wrong_are_told(folder: Path) -> None:
    config = configuration()
    policy = {"jwt": {"issuer": FAR, "audience": "far"}}
    config["apis"]["far"] = {"path": "/far", "upstream": "orders", "policies": [policy]}
    (folder / "gatehouse.yaml").write_text(json.dumps(config), encoding="utf-8")
    (folder / "bad.json").write_text('{"keys": 1}', encoding="utf-8")
    case = {"request": ask("/orders/1"), "expect": {"status": 401}}
    for keys, words in (({FAR: "none.json"}, "none.json"), ({FAR: "bad.json"}, "keys"), ({ONE: "bad.json"}, "no keys are fetched")):
        done = run_cases(folder, case, keys=keys)
        assert done.returncode == 1 and words in done.stderr and not done.stdout, done.stderr


# ---- certificates ----

@pytest.fixture(name="desk")
def fixture_desk(folder: Path) -> Path:
    """The same, with clients who show certificates: acme.pem, stranger.pem, and files that hold none."""
    authority = Authority()
    config = configuration()
    config["listeners"]["secure"] = {"address": "127.0.0.1:8443", "tls": {
        "certificates": [authority.issue("gw.test").write(folder, "server")],
        "client_ca": str(authority.write(folder)), "client_certificate": "optional"}}
    config["consumers"]["acme"]["certificates"] = ["CN=acme,O=Acme"]
    config["consumers"]["globex"] = {"certificates": ["dns:globex.test"]}
    policy = {"client_certificate": {"certificate": True, "forward": {"X-Consumer-Name": "name"}}}
    config["apis"]["partners"] = {"path": "/partners", "upstream": "orders", "policies": [policy]}
    (folder / "gatehouse.yaml").write_text(json.dumps(config), encoding="utf-8")
    for name, pair in (("acme", authority.issue(subject="CN=acme,O=Acme")), ("globex", authority.issue("globex.test")),
                       ("stranger", authority.issue(subject="CN=stranger"))):
        pair.write(folder, name)
    (folder / "empty.pem").write_text("")
    (folder / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return folder


def show(path: str, name: str, token: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request on a connection whose client shows this certificate."""
    return {**ask(path, token), "certificate": f"{name}.pem"}


SHOWN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (show("/partners", "acme"), {"status": 200, "forwarded": {"headers": {"X-Consumer-Name": "acme", "Client-Cert": "~^:.+:$"}}}),
    (show("/partners", "globex"), {"status": 200, "forwarded": {"headers": {"X-Consumer-Name": "globex"}}}),
    (show("/partners", "stranger"), denied(401, "certificate_unknown")),
    (ask("/partners"), denied(401, "certificate_missing")),
    (show("/bound", "acme", {"sub": "alice"}), {"status": 200}),
    (show("/bound", "acme", {"sub": "alice", "cnf": {"x5t#S256": "other"}}), denied(401, "token_binding")),
    (show("/bound", "acme", {"sub": "alice", "cnf": None}), denied(401, "token_binding")),
    (ask("/bound", {"sub": "alice"}), denied(401, "token_binding")),
]


@pytest.mark.parametrize(("request_", "expect"), SHOWN)
def test_what_is_shown_decides(desk: Path, request_: dict[str, Any], expect: dict[str, Any]) -> None:
    done = run_cases(desk, {"request": request_, "expect": expect})
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_told_what_certificate_nobody_has(desk: Path) -> None:
    Authority().issue("b.test", "c.test", subject="CN=two\nlines").write(desk, "odd")
    for name, words in (("stranger", "its subject is CN=stranger, its alternative names are none"),
                        ("odd", "its alternative names are dns:b.test, dns:c.test")):
        done = run_cases(desk, {"request": show("/partners", name), "expect": {"status": 200}})
        assert "because   client_certificate: no consumer has this certificate: " in done.stdout and words in done.stdout, done.stdout
        assert "two\nlines" not in done.stdout


@pytest.mark.parametrize(("request_", "words"), [
    (show("/partners", "none"), "none.pem"), (show("/partners", "empty"), "no certificate in this file"),
    (show("/partners", "damaged"), "the certificate in this file is damaged"),
    ({**show("/partners", "acme"), "url": "http://gw.test/partners"}, "needs a url with https"),
])
def test_a_certificate_that_cannot_be_shown_is_told(desk: Path, request_: dict[str, Any], words: str) -> None:
    done = run_cases(desk, {"request": request_, "expect": {"status": 401}})
    assert done.returncode == 1 and words in done.stderr and not done.stdout, done.stderr


def test_a_certificate_that_nobody_asks_for_is_told(folder: Path) -> None:
    Authority().issue("a.test").write(folder, "acme")
    done = run_cases(folder, {"request": show("/orders/1", "acme"), "expect": {"status": 401}})
    assert done.returncode == 1 and "no listener asks for certificates" in done.stderr, done.stderr
