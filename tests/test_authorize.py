# SPDX-License-Identifier: Apache-2.0
"""Who may, on the wire: 401 for nobody, 403 for somebody who may not, and what each of them is told; for gRPC as well.

What is decided is the business of the unit tests and of `gatehouse test`; here it is what clients, services, the log, the
metrics and the commands see of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from test_metrics import scrape_when
from gatehouse import Gateway, run_command
from peers import curl
from simple import config, get
from upstream import Upstream

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

SECRET = "0123456789abcdef0123456789abcdef"
ISSUER = "https://id.example.com"
KEY_DIGEST = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of "key"
SIGNED_IN = {"any_of": [{"api_key": {}}, {"jwt": {"issuer": ISSUER, "audience": "orders", "secret": SECRET, "realm": "orders"}}]}


def house(address: str) -> dict[str, Any]:
    """Somebody must be known; admins are asked for a scope; one part is open."""
    routes = {
        "admin": {"match": {"path": "/admin"}, "policies": [{"authorize": {"scopes": ["admin", "write"]}}]},
        "partners": {"match": {"path": "/partners"}, "policies": [{"authorize": {"groups": ["partners"]}}]},
        "tried": {"match": {"path": "/tried"}, "policies": [{"authorize": {"groups": ["none"]}, "report": True}]},
        "open": {"match": {"path": "/open"}, "without": ["any_of"]},
    }
    document = config(address, api={"policies": [SIGNED_IN], "routes": routes})
    document["consumers"] = {"acme": {"groups": ["partners"], "api_keys": [KEY_DIGEST]}}
    document["admin"] = {"address": "127.0.0.1:0"}
    return document


def bearer(**claims: Any) -> str:
    token = jwt.encode({"iss": ISSUER, "aud": "orders", "exp": 4102444800, **claims}, SECRET, algorithm="HS256")
    return f"Authorization: Bearer {token}\r\n"


KEY = "X-API-Key: key\r\n"
SCOPE = 'Bearer error="insufficient_scope", scope="admin write"'

# Each: path, fields, status, reason, WWW-Authenticate, consumer.
ROWS: list[tuple[str, str, int, str, list[str], str]] = [
    ("/", "", 401, "credentials_missing", ['Bearer realm="orders"'], ""),
    ("/", "Authorization: Basic YTpi\r\n", 401, "credentials_missing", ['Bearer realm="orders"'], ""),
    ("/", "X-API-Key: kez\r\n", 401, "key_unknown", ["Gatehouse"], ""),
    ("/", "Authorization: Bearer x\r\n", 401, "token_malformed", ['Bearer realm="orders", error="invalid_token"'], ""),
    ("/", KEY, 200, "", [], "acme"),
    ("/", bearer(sub="alice"), 200, "", [], ""),
    ("/admin", "", 401, "credentials_missing", ['Bearer realm="orders"'], ""),
    ("/admin", KEY, 403, "scope_denied", [SCOPE], "acme"),
    ("/admin", bearer(scope="admin"), 403, "scope_denied", [SCOPE], ""),
    ("/admin", bearer(scope="write admin"), 200, "", [], ""),
    ("/partners", KEY, 200, "", [], "acme"),
    ("/partners", bearer(groups=["friends"]), 403, "group_denied", [], ""),
    ("/tried", KEY, 200, "", [], "acme"),
    ("/open", "", 200, "", [], ""),
    ("/open", "X-API-Key: kez\r\n", 200, "", [], ""),
]


def test_each_row(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    with gateway(house(service.address)) as running:
        for number, (path, fields, status, reason, challenges, consumer) in enumerate(ROWS):
            with running.connect() as client:
                client.send(get(path, fields))
                answer = client.read_answer()
            line = running.wait_for_log(number + 1)[number]
            assert (answer.status, answer.all("www-authenticate")) == (status, challenges), (path, fields)
            assert (line.get("reason", ""), line.get("consumer", "")) == (reason, consumer), line
            if path == "/tried":
                assert line["reported"] == "authorize=group_denied"
            assert "kez" not in json.dumps(line) and "eyJ" not in json.dumps(line)
        assert len(service.requests) == sum(row[2] == 200 for row in ROWS)


def test_answers_do_not_tell_what_was_wrong(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The same status, type, title and detail, whatever it was; who sees more is the log."""
    bodies = []
    with gateway(house(upstream().address)) as running:
        for fields in ("", "X-API-Key: kez\r\n", bearer(aud="others"), bearer(exp=1), bearer(iss="x")[:-12] + "\r\n"):
            with running.connect() as client:
                client.send(get("/", fields))
                problem = json.loads(client.read_answer().body)
            problem.pop("instance")
            bodies.append(problem)
        reasons = {line["reason"] for line in running.wait_for_log(5)}
    assert bodies[0]["status"] == 401 and bodies == [bodies[0]] * len(bodies)
    assert len(reasons) == 5, reasons


def test_decisions_are_counted(upstream: StartUpstream, gateway: StartGateway) -> None:
    with gateway(house(upstream().address)) as running:
        for path in ("/admin", "/tried", "/"):
            with running.connect() as client:
                client.send(get(path, KEY))
                client.read_answer()
        with running.connect() as client:
            client.send(get("/"))
            client.read_answer()
        scrape = scrape_when(running, 4)
    counted = {(policy, word): scrape.value("gatehouse_policy_decisions_total", policy=policy, api="all", decision=word)
               for policy in ("any_of", "authorize") for word in ("continue", "answer", "report")}
    assert counted == {("any_of", "continue"): 3, ("any_of", "answer"): 1, ("any_of", "report"): 0,
                       ("authorize", "continue"): 0, ("authorize", "answer"): 1, ("authorize", "report"): 1}
    assert {(labels["api"], labels["reason"]): scrape.value("gatehouse_reasons_total", **labels)
            for labels in scrape.labels("gatehouse_reasons_total")} == {
        ("all", "scope_denied"): 1, ("all", "credentials_missing"): 1}


@pytest.mark.parametrize(("path", "fields", "status"), [("/", [], 16), ("/admin", ["X-API-Key: key"], 7)])
def test_grpc_hears_its_own_status(upstream: StartUpstream, gateway: StartGateway, path: str, fields: list[str],
                                   status: int) -> None:
    document = house(upstream().address)
    document["listeners"]["main"]["protocols"] = ["h1", "h2"]
    with gateway(document) as running:
        headers = [part for field in ("Content-Type: application/grpc", "TE: trailers", *fields) for part in ("-H", field)]
        done = curl("-si", "--http2-prior-knowledge", *headers, "-d", "", running.url(path))
    head = done.stdout.lower()
    assert head.startswith(b"http/2 200") and b"\r\ngrpc-status: %d\r\n" % status in head, head


def test_explain_names_who_decides(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(house("127.0.0.1:9")), encoding="utf-8")
    shown = run_command("explain", "-c", path, "GET", "http://gw.test/admin", "-H", "X-API-Key: key").stdout
    assert "1. any_of" in shown and "2. authorize" in shown and "403 by the gateway itself (scope_denied)" in shown, shown
    assert "key" not in shown.replace("X-API-Key", "").replace("api_key", ""), shown
    assert "because   authorize: it is known by api_key as consumer acme, in groups partners" in shown, shown
    shown = run_command("explain", "-c", path, "GET", "http://gw.test/admin").stdout
    assert "401 by the gateway itself (credentials_missing)" in shown, shown


def test_check_warns_where_nobody_can_be_known(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    document = house("127.0.0.1:9")
    document["apis"]["all"]["routes"]["open"]["policies"] = [{"authorize": {}}]
    path.write_text(json.dumps(document), encoding="utf-8")
    checked = run_command("check", "-c", path)
    assert checked.returncode == 0 and checked.stderr.count("warning:") == 1, checked.stderr
    assert "no policy before this one authenticates" in checked.stderr


def test_check_warns_of_consumers_whom_nobody_knows(tmp_path: Path) -> None:
    """Written here or in a file of consumers, or misspelt; with nobody at all, others say who is one."""
    path = tmp_path / "gatehouse.yaml"
    document = house("127.0.0.1:9") | {"consumers_from": ["more.jsonl"]}
    document["consumers"] = {"acme": {"api_keys": ["sha256:" + "00" * 32]}}
    (tmp_path / "more.jsonl").write_text('{"name": "globex"}\n', encoding="utf-8")
    names = ["acme", "globex", "acne"]
    document["apis"]["all"]["routes"]["open"]["policies"] = [{"api_key": {}}, {"authorize": {"consumers": names}}]
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    checked = run_command("check", "-c", path)
    assert checked.returncode == 0 and checked.stderr.count("warning:") == 1, checked.stderr
    assert re.search(r'consumers\[2\]: no consumer is named "acne"; did you mean "acme"\?', checked.stderr), checked.stderr
    del document["consumers"], document["consumers_from"]
    path.write_text(json.dumps(document), encoding="utf-8")
    checked = run_command("check", "-c", path)
    assert checked.returncode == 0 and "named" not in checked.stderr, checked.stderr


def test_check_refuses_consumers_who_can_never_be(tmp_path: Path) -> None:
    """No file can bring them, and no service name them."""
    path = tmp_path / "gatehouse.yaml"
    document = house("127.0.0.1:9")
    asked = {"forward_auth": {"url": "http://127.0.0.1:9/", "consumer": "X-Who"}}
    unnamed = {"forward_auth": {"url": "http://127.0.0.1:9/"}}
    signed = {"signature": {"keys": [{"id": "k", "algorithm": "hmac-sha256", "key": SECRET, "consumer": "nobody"}]}}
    for policies, more, severity in (
            ([{"api_key": {}}, {"authorize": {"consumers": ["acne"]}}], {}, "error"),
            ([unnamed, {"authorize": {"consumers": ["acne"]}}], {}, "error"),
            ([asked, {"authorize": {"consumers": ["acne"]}}], {}, "warning"),
            ([signed], {}, "error"),
            ([asked, signed], {}, "error"),
            ([signed], {"consumers": {}}, "error"),
            ([signed], {"consumers_from": ["more.jsonl"]}, "warning"),
            ([{"authorize": {"consumers": ["broken"]}}], {"consumers": {"broken": {"api_keys": ["no"]}}}, "")):
        document["apis"]["all"]["routes"]["open"]["policies"] = policies
        (tmp_path / "more.jsonl").write_text("")
        path.write_text(json.dumps(document | more), encoding="utf-8")
        checked = run_command("check", "-c", path)
        assert re.findall(r":\d+: (\w+): [^\n]*no consumer is named", checked.stderr) == [severity] * bool(severity), checked.stderr


def test_a_key_that_is_taken_away_is_refused_at_the_next_request(upstream: StartUpstream, gateway: StartGateway) -> None:
    document = house(upstream().address)
    with gateway(document) as running, running.connect() as client:
        client.send(get("/", KEY))
        assert client.read_answer().status == 200
        document["consumers"]["acme"]["api_keys"] = ["sha256:" + "00" * 32]
        running.reload(document)
        client.send(get("/", KEY))
        assert client.read_answer().status == 401


def diff(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> tuple[int, str]:
    """What changes, and the exit code."""
    for name, document in (("old", before), ("new", after)):
        (folder / f"{name}.yaml").write_text(json.dumps(document), encoding="utf-8")
    done = run_command("diff", "old.yaml", "new.yaml", cwd=folder)
    return done.returncode, done.stdout


def changed(**options: Any) -> dict[str, Any]:
    """The house with other options of the API."""
    document = house("127.0.0.1:9")
    document["apis"]["all"].update(options)
    return document


def may(**conditions: Any) -> dict[str, Any]:
    return changed(policies=[SIGNED_IN, {"authorize": conditions}], routes={})


# Each: before, after, the class of risk that comes first, the exit code.
CHANGES: list[tuple[dict[str, Any], dict[str, Any], str, int]] = [
    (changed(routes={}), changed(routes={}, policies=[]), "public  all: any_of is gone", 4),
    (changed(routes={}), changed(routes={}, policies=[{**SIGNED_IN, "report": True}]), "public  all: any_of: report", 4),
    (changed(routes={}), changed(routes={}, policies=[{**SIGNED_IN, "when": "request.path == '/'"}]),
     "public  all: any_of: when", 4),
    (changed(routes={}, policies=[]), changed(routes={}), "tight   all: any_of is new", 0),
    (changed(routes={}), changed(routes={}, policies=[{"any_of": [*SIGNED_IN["any_of"], {"client_certificate": {}}]}]),
     "open    all: any_of", 4),
    (may(groups=["a"]), changed(routes={}), "open    all: authorize is gone", 4),
    (may(groups=["a"]), may(groups=["a", "b"]), "open    all: authorize.groups", 4),
    (may(groups=["a", "b"]), may(groups=["a"]), "tight   all: authorize.groups", 0),
    (may(groups=["a"]), may(), "open    all: authorize.groups", 4),
    (may(), may(groups=["a"]), "tight   all: authorize.groups", 0),
    (may(scopes=["a", "b"]), may(scopes=["a"]), "open    all: authorize.scopes", 4),
    (may(scopes=["a"]), may(scopes=["a", "b"]), "tight   all: authorize.scopes", 0),
    (may(any_scope=["a"]), may(any_scope=["a", "b"]), "open    all: authorize.any_scope", 4),
    (may(claims={"a": ["b"]}), may(claims={"a": ["c"]}), "open    all: authorize.claims", 4),
    (may(when="claims.a == 'b'"), may(when="claims.a == 'c'"), "open    all: authorize.when", 4),
]


def known(name: str = "acme", **options: Any) -> dict[str, Any]:
    """The house with another consumer."""
    return {**house("127.0.0.1:9"), "consumers": {name: {"groups": ["a"], "api_keys": [KEY_DIGEST], **options}}}


OTHER_KEY = "sha256:" + "ab" * 32
CHANGES += [
    (known(), known(groups=["a", "b"]), "open    consumers.acme.groups", 4),
    (known(groups=["a", "b"]), known(), "tight   consumers.acme.groups", 0),
    (known(), known(api_keys=[KEY_DIGEST, OTHER_KEY]), "open    consumers.acme.api_keys: changed\n", 4),
    (known(api_keys=[KEY_DIGEST, OTHER_KEY]), known(), "tight   consumers.acme.api_keys: changed\n", 0),
    (known(), known(certificates=["CN=acme"]), "open    consumers.acme.certificates", 4),
    (known(), known(labels={"plan": "gold"}), "open    consumers.acme.labels", 4),
    (known(), known("other"), "open    consumers.other is new\ntight   consumers.acme is gone\n", 4),
]


@pytest.mark.parametrize(("before", "after", "line", "code"), CHANGES)
def test_what_opens_is_told(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], line: str, code: int) -> None:
    told = diff(tmp_path, before, after)
    assert told[0] == code and told[1].startswith(line) and "ab" * 32 not in told[1], told
    assert diff(tmp_path, after, after) == (0, "")
