# SPDX-License-Identifier: Apache-2.0
"""/v1/explain: what would become of a request under the configuration in force, and nothing happens."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from admin import Admin, Said
from gatehouse import Gateway, run_command
from simple import echo
from test_admin import config
from upstream import Upstream
from wire import wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

KEY = "the-key-of-acme-0123456789"


def ask(admin: Admin, url: str, method: str | None = None, *headers: str) -> Said:
    """The question as an operator would put it."""
    pairs = [("method", method)] if method else []
    return admin.get("/v1/explain?" + urlencode([*pairs, ("url", url), *[("header", header) for header in headers]]))


def explained(admin: Admin, url: str, method: str | None = None, *headers: str) -> Any:
    """What it says."""
    said = ask(admin, url, method, *headers)
    assert (said.status, said.fields["content-type"], said.fields["cache-control"]) == (200, "application/json", "no-store")
    return said.json


APIS: dict[str, Any] = {
    "orders": {"hosts": ["api.test"], "path": "/orders", "methods": ["GET", "DELETE"], "upstream": "app",
               "policies": [{"use": "tidy"}, {"rate_limit": {"limit": "1/1h", "by": "api"}},
                            {"respond": {"status": 410}, "when": 'request.query["old"] == "yes"'}],
               "routes": {"cancel": {"match": {"methods": ["DELETE"], "path": "/{id}"},
                                     "policies": [{"rewrite": {"path": "/v2/${path.id}"}}]},
                          "beta": {"match": {"path": "/{id}", "headers": {"X-Beta": "yes"}}}}},
    "shared": {"path": "/shared", "weighted": {"app": 1, "app2": 2}, "sticky": "client_ip"},
    "door": {"path": "/door", "policies": [{"ip": {"deny": ["127.0.0.0/8"]}}, {"respond": {}}]},
}


def document(*endpoints: str, **more: Any) -> dict[str, Any]:
    """Three APIs."""
    base = config(*endpoints)
    base["upstreams"]["app2"] = {"endpoints": ["127.0.0.1:2"]}
    base["upstreams"]["app"] |= {"timeouts": {"response": "7s"}, "retries": {"on": ["connect", 503]},
                                "hedging": {"after": "30ms", "budget": 7}}
    return {**base, "apis": APIS, "policies": {"tidy": {"headers": {"request": {"remove": ["X-A"]}}}}, **more}


def test_a_route_its_policies_and_its_upstream(gateway: StartGateway) -> None:
    told = explained(Admin(gateway(document("127.0.0.1:1", "127.0.0.1:3"))), "http://api.test/orders/7?a=b", "DELETE")
    keys = ("generation", "method", "url", "outcome", "status", "reason", "host", "path", "api", "route")
    assert {key: told[key] for key in keys} == {
        "generation": 1, "method": "DELETE", "url": "http://api.test/orders/7?a=b",
        "outcome": "matched", "status": None, "reason": None,
        "host": "api.test", "path": "/orders/7", "api": "orders", "route": "cancel"}
    assert told["why"].startswith("before apis.orders")
    assert told["match"] == {"host": "api.test (exact)", "path": "/orders/{id}", "parameters": {"id": "7"},
                             "conditions": ["the API's methods", "method DELETE"]}
    assert told["near_misses"][0] == {"api": "orders", "route": "beta", "path": "/orders/{id}",
                                      "condition": 'not so: header X-Beta = "yes"'}
    assert [(policy["name"], policy["kind"], policy["decision"]) for policy in told["policies"]] == [
        ("tidy", "headers", "continue"), ("rate_limit", "rate_limit", "continue"), ("respond", "respond", "skip"),
        ("rewrite", "rewrite", "continue")]
    assert told["policies"][1]["bounds"].startswith("1/1h")
    assert (told["policies"][2]["when"], told["policies"][2]["holds"]) == ('request.query["old"] == "yes"', False)
    upstream = told["upstream"]
    assert (upstream["name"], upstream["url"]) == ("app", "http://127.0.0.1:1/v2/7?a=b")
    assert upstream["bounds"] == {"timeouts": {"connect": "2s", "response": "7s", "idle": "1m"},
                                  "retries": {"attempts": 2, "on": ["connect", "503"], "budget": 20},
                                  "hedging": {"after": "30ms", "budget": 7}}
    assert [(endpoint["address"], endpoint["drained"], endpoint["active"]) for endpoint in upstream["endpoints"]] == [
        ("127.0.0.1:1", False, 0), ("127.0.0.1:3", False, 0)]


def test_what_does_not_come_so_far(gateway: StartGateway) -> None:
    admin = Admin(gateway(document()))
    told = explained(admin, "http://api.test/orders?old=yes")
    assert (told["outcome"], told["status"], told["reason"], told["upstream"]) == ("matched", 410, "respond", None)
    told = explained(admin, "/door")
    assert (told["outcome"], told["status"], told["reason"]) == ("matched", 403, "ip_denied")
    assert [policy["decision"] for policy in told["policies"]] == ["answer", None]
    told = explained(admin, "/nothing")
    assert (told["outcome"], told["status"], told["reason"], told["api"]) == ("no_route", 404, "no_route", None)
    assert told["near_misses"] == []
    assert "policies" not in told
    told = explained(admin, "http://api.test/orders", "PUT")
    assert (told["outcome"], told["status"], told["allowed"]) == ("no_route", 405, ["GET", "DELETE"])
    told = explained(admin, "http://x.test/orders")
    assert told["near_misses"][0]["condition"] == "host: is not api.test"
    told = explained(admin, "/a%2Fb")
    assert told["outcome"] in ("refused", "no_route")
    told = explained(admin, "/..")
    assert (told["outcome"], told["status"], told["reason"]) == ("refused", 400, "path_invalid")
    assert "path" not in told
    told = explained(admin, "/x", None, "Content-Length: x")
    assert (told["outcome"], told["status"]) == ("refused", 400) and told["detail"]


def in_lines(told: dict[str, Any]) -> list[str]:
    """What the command prints of it, as far as both have the same."""
    lines = []
    if "path" in told:
        lines += [f"host      {told['host']}", f"path      {told['path']}"]
    if told.get("match"):
        lines += [f"  host        {told['match']['host']}", f"  path        {told['match']['path']}", f"  why         {told['why']}"]
    for miss in told.get("near_misses", []):
        lines.append("    " + miss["condition"])
    for number, policy in enumerate(told.get("policies", []), 1):
        kind = "" if policy["name"] == policy["kind"] else f" ({policy['kind']})"
        bounds = f": {policy['bounds']}" if "bounds" in policy else ""
        when = f", when {policy['when']}" if "when" in policy else ""
        holds = {True: ": holds", False: ": does not hold", None: ""}[policy.get("holds")]
        lines.append(f"  {number}. {policy['name']}{kind}{bounds}{', reports only' if 'report' in policy else ''}{when}{holds}")
    if told["outcome"] == "refused":
        when = "after" if "path" in told else "before"
        lines.append(f"refused with {told['status']} {when} routing: {told.get('detail', told['reason'])}")
    elif told["outcome"] == "matched" and told["status"]:
        lines.append(f"answer    {told['status']} by the gateway itself ({told['reason']})")
    if told.get("upstream"):
        lines.append(f"url       {told['upstream']['url']}")
    return lines


@pytest.mark.parametrize(("method", "url", "headers"), [
    ("GET", "http://api.test/orders/7?a=b", ()), ("DELETE", "http://api.test/orders/7", ()),
    ("GET", "http://api.test/orders/7?old=yes", ("X-Beta: yes",)), ("GET", "/orders", ("Host: API.test:80",)),
    ("GET", "http://other.test/orders", ()), ("PUT", "http://api.test/orders", ()), ("GET", "/door", ()), ("GET", "/..", ()),
    ("GET", "/shared/x", ()), ("GET", "https://api.test/orders/./../orders/7", ()), ("GET", "/nothing", ()),
    ("CONNECT", "/x", ()), ("GET", "/x", ("Content-Length: x",)), ("OPTIONS", "*", ()),
])
def test_the_command_says_the_same(gateway: StartGateway, method: str, url: str, headers: tuple[str, ...]) -> None:
    running = gateway(document())
    arguments = [argument for header in headers for argument in ("-H", header)]
    done = run_command("explain", "-c", str(running.path), method, url, *arguments)
    told = explained(Admin(running), url, method, *headers)
    lines = in_lines(told)
    assert done.returncode == (0 if told["outcome"] == "matched" else 3)
    assert lines and [line for line in lines if line not in done.stdout.splitlines()] == [], done.stdout


@pytest.mark.parametrize(("query", "words"), [
    ("", 'url: read ""; want the URL of the request'), ("method=GET", "want the URL of the request"),
    ("url=orders", 'url: read "orders"; want http://host/path'), ("url=ftp://h/", "url: "), ("url=http://", "url: "),
    ("url=/a%20b", "without spaces"), ("url=/a%0d%0aX:y", "url: "), ("url=/%00", "url: "), ("url=/a&url=/b", "want one URL"),
    ("url=/" + "a" * 4100, "4096 bytes at most"),
    ("url=/&method=G%20T", 'method: read "G T"; want a name such as GET'),
    ("url=/&method=", 'method: read ""'), ("url=/&method=GET&method=GET", "want one method"),
    ("url=/&method=" + "A" * 33, "of 32 characters"),
    ("url=/&header=X", "header: read"), ("url=/&header=X%0aY:z", "want Name:value"),
    ("url=/&header=X:a%0d%0ab", 'read "X"; want a value of one line'),
    ("url=/&header=X:%00", "of one line"), ("url=/&header=X:" + "a" * 4100, "4096 bytes"),
    ("url=/&header=:x", "want Name:value"), ("url=/&header=X%20Y:z", "want Name:value"),
    ("url=/&" + "&".join(["header=X:1"] * 33), "32 of them at most"),
    ("url=/&uri=/", 'query: read "uri"; want method, url and header alone'), ("url=/&URL=/", "query: "),
], ids=range(24))
def test_what_is_no_question(gateway: StartGateway, query: str, words: str) -> None:
    said = Admin(gateway(document())).get(f"/v1/explain?{query}")
    assert (said.status, said.fields["content-type"]) == (400, "application/problem+json")
    assert words in said.json["detail"]


def test_methods_of_the_resource(gateway: StartGateway) -> None:
    admin = Admin(gateway(document()))
    assert admin.ask("POST", "/v1/explain?url=/").status == 405
    said = admin.ask("HEAD", "/v1/explain?url=/")
    assert (said.status, said.fields["content-type"]) == (200, "application/json")
    assert admin.get("/v1/explain").status == 400


def test_it_wants_the_token(gateway: StartGateway) -> None:
    token = "correct horse battery staple"
    hashed = "sha256:" + hashlib.sha256(token.encode()).hexdigest()
    admin = Admin(gateway(document(admin={"address": "127.0.0.1:0", "token": hashed})))
    assert admin.get("/v1/explain?url=/").status == 401
    assert admin.get("/v1/explain?url=/", "-H", f"Authorization: Bearer {token}").status == 200


SECRETS = ["from-outside", "word-of-the-file", "hunter2", KEY, "cookie-value", "in-the-query", "beta-secret", "of-the-gateway", "written-out"]


def test_no_secret_is_told(gateway: StartGateway, tmp_path: Path) -> None:
    word = tmp_path / "word"
    word.write_text("word-of-the-file\n")
    apis = {
        "keys": {"path": "/keys", "upstream": "app", "policies": [
            {"api_key": {"from": {"query": "k"}, "strip": False}},
            {"respond": {}, "when": 'request.headers["x-w"] == "${file:%s}"' % word},
            {"respond": {}, "when": 'request.headers["x-functions-key"] == "written-out"'},
            {"headers": {"request": {"set": {"X-Word": "${WORD}"}}}}]},
        "bot": {"path": "/bot", "upstream": "app", "policies": [
            {"rewrite": {"path": "/bot${WORD}/send", "query": {"set": {"w": "${WORD}"}}}}]},
        "pass": {"path": "/pass", "upstream": "app", "policies": [
            {"rewrite": {"query": {"set": {"c": "${request.header.Authorization}"}}}}]},
        "label": {"path": "/label", "upstream": "app", "policies": [
            {"api_key": {"from": {"query": "k"}}}, {"rewrite": {"query": {"set": {"w": "${consumer.label.backend}"}}}}]},
        "asked": {"path": "/asked", "upstream": "app", "policies": [
            {"introspection": {"url": "https://127.0.0.1:1/${WORD}", "audience": "any", "client_id": "gateway",
                               "client_secret": "of-the-gateway"}}]},
        "used": {"path": "/used", "upstream": "app", "policies": [{"use": "bot"}]},
        "match": {"path": "/match", "upstream": "app", "routes": {
            "one": {"match": {"headers": {"X-Api-Key": "beta-secret"}}},
            "two": {"match": {"headers": {"X-Beta": "${WORD}"}}}}},
    }
    consumers = {"acme": {"api_keys": ["sha256:" + hashlib.sha256(KEY.encode()).hexdigest()],
                          "labels": {"backend": "${WORD}"}}}
    policies = {"bot": {"rewrite": {"path": "/bot${WORD}/send"}}}
    running = gateway(document(apis=apis, consumers=consumers, policies=policies), env={"WORD": "from-outside"})
    admin = Admin(running)
    headers = ("Authorization: Bearer hunter2", "Cookie: a=cookie-value", "X-Api-Key: beta-secret",
               "X-Beta: from-outside", "X-W: word-of-the-file")
    for url in (f"/keys?k={KEY}&token=in-the-query", f"/bot?k={KEY}", f"/label?k={KEY}", "/asked", "/pass", "/used", "/match", "/keys?k=hunter2",
                "http://u:hunter2@h/keys"):
        for given in (headers, ()):
            said = ask(admin, url, None, *given)
            assert said.status == 200
            assert [secret for secret in SECRETS if secret in said.body.decode()] == [], said.body
        done = run_command("explain", "-c", str(running.path), "GET", url, *[part for field in headers for part in ("-H", field)],
                           env={"WORD": "from-outside"})
        assert done.stdout and [secret for secret in SECRETS if secret in done.stdout + done.stderr] == [], done.stdout
        lines = in_lines(explained(admin, url, None, *headers))
        assert [line for line in lines if line not in done.stdout.splitlines()] == [], done.stdout
    assert explained(admin, f"/keys?k={KEY}")["upstream"]["url"] == "http://127.0.0.1:1/keys?k=***"
    assert explained(admin, "/bot?a=b")["upstream"]["url"] == "http://127.0.0.1:1/***?***"
    assert explained(admin, f"/label?k={KEY}")["upstream"]["url"] == "http://127.0.0.1:1/label?***"
    assert explained(admin, "/asked", None, *headers)["because"] == [
        "introspection: the answers of https://127.0.0.1:1/*** are fetched by a gateway that runs, not here"]
    assert explained(admin, f"/keys?k={KEY}")["url"] == "/keys?k=***"
    said = ask(admin, "/x", None, "hunter2")
    assert said.status == 400 and "hunter2" not in said.body.decode()
    said = ask(admin, "/x", None, "Authorization Bearer hunter2:")
    assert said.status == 400 and "hunter2" not in said.body.decode()


def test_nothing_happens(upstream: StartUpstream, gateway: StartGateway) -> None:
    service, guard = upstream(echo), upstream(echo)
    document_ = config(service.address, apis={"all": {"upstream": "app", "policies": [
        {"forward_auth": {"url": f"http://{guard.address}/check"}}, {"rate_limit": {"limit": "1/1h", "by": "api"}},
        {"quota": {"limit": "1/30d", "by": "api"}}, {"concurrency": {"limit": 1, "by": "api"}}, {"mirror": {"upstream": "copy"}}]}})
    document_["upstreams"]["copy"] = {"endpoints": [upstream(echo).address]}
    document_["upstreams"]["app"] |= {"circuit_breaker": {"requests": 1}, "outlier": {}, "retries": {"budget": 20}}
    running = gateway(document_)
    admin = Admin(running)
    before = {name: value for name, value in admin.metrics().items() if not name.startswith("process_")}
    for _ in range(5):
        told = explained(admin, "/x")
        assert told["outcome"] == "matched" and told["status"] is None
        assert told["upstream"]["circuit_breaker"] == {"requests": {"now": 0, "max": 1}}
    after = {name: value for name, value in admin.metrics().items() if not name.startswith("process_")}
    assert {name for name in after if after[name] != before.get(name)} <= {"gatehouse_memory_bytes"}
    assert (service.requests, guard.requests) == ([], [])
    assert running.get().status == 200
    assert running.get().status == 429
    assert len(running.wait_for_log(2)) == 2


def test_it_tells_the_present_state(upstream: StartUpstream, gateway: StartGateway) -> None:
    one, other = upstream(echo), upstream(echo)
    document_ = config(one.address, other.address)
    document_["upstreams"]["app"]["slow_start"] = "1h"
    running = gateway(document_)
    admin = Admin(running)
    admin.post(f"/v1/upstreams/app/endpoints/{one.address}/drain")
    told = explained(admin, "/x")["upstream"]
    assert told == {**told, **admin.get("/v1/upstreams").json["upstreams"][0]}
    assert [(endpoint["health"], endpoint["drained"], endpoint["share"]) for endpoint in told["endpoints"]] == [
        ("drained", True, 0), ("healthy", False, 10)]


def test_the_new_configuration_answers_after_a_reload(gateway: StartGateway) -> None:
    running = gateway(document())
    admin = Admin(running)
    assert explained(admin, "/more")["outcome"] == "no_route"
    running.write_config(document(apis={**APIS, "more": {"path": "/more", "upstream": "app2"}}))
    assert explained(admin, "/more")["generation"] == 1
    assert admin.post("/v1/reload").json["outcome"] == "applied"
    told = explained(admin, "/more")
    assert (told["generation"], told["api"], told["upstream"]["name"]) == (2, "more", "app2")


def test_many_at_once(gateway: StartGateway) -> None:
    """Some are told to come again; the rest is right, while the gateway reloads."""
    running = gateway(document())
    admin = Admin(running)
    statuses: list[int] = []

    def run() -> None:
        for _ in range(5):
            statuses.append(ask(admin, "http://api.test/orders/7").status)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for count in range(3):
        running.write_config(document(apis={**APIS, f"n{count}": {"path": f"/n{count}", "upstream": "app2"}}))
        assert admin.post("/v1/reload").status == 200
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 503} and 200 in statuses
    wait_until(lambda: ask(admin, "/x").status == 200, "an answer")


def test_what_is_long_comes_whole(gateway: StartGateway) -> None:
    apis = {f"a{number}": {"path": "/same", "upstream": "app", "methods": [f"M{number}"]} for number in range(40)}
    told = explained(Admin(gateway(document(apis=apis))), "/same/" + quote("ü" * 100))
    assert (len(told["near_misses"]), told["near_misses_unlisted"]) == (20, 20)
