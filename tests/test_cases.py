# SPDX-License-Identifier: Apache-2.0
"""`gatehouse test`: what is expected of a request is compared with what the gateway does, and nothing passes unseen.

Most of it is about cases that must fail: a test that cannot fail tests nothing.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse import run_command
from pki import write_for_examples

CONFIG = """
listeners:
  public:
    address: 127.0.0.1:8443
    trusted_proxies: [10.9.0.0/16]
    limits: { body: 1KiB, headers: 20 }
upstreams:
  orders: { endpoints: ["127.0.0.1:1"] }
  next: { endpoints: ["nowhere.invalid:80"], retries: { on: [503], attempts: 3, backoff: 0s } }
policies:
  tag: { headers: { request: { set: { X-Scheme: "${request.scheme}", X-Client: "${client.ip}" } } } }
apis:
  orders:
    hosts: [api.example.com]
    path: /orders
    methods: [GET, HEAD, POST, DELETE]
    upstream: orders
    policies: [ { use: tag }, { request_id: {} } ]
    routes:
      cancel: { match: { methods: [DELETE], path: "/{id}" }, upstream: next }
      old: { match: { path: "/old/{id}" }, policies: [ { rewrite: { path: "/v2/${path.id}" } } ] }
  hello:
    path: /hello
    policies: [ { respond: { status: 418, body: tea, headers: { Set-Cookie: "a=secret" } } } ]
"""


class Bench:
    """A folder with a configuration and a file of cases."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "gatehouse.yaml").write_text(CONFIG, encoding="utf-8")

    def run(self, cases: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command over these cases."""
        (self.folder / "cases.yaml").write_text(cases, encoding="utf-8")
        return run_command("test", *arguments, "cases.yaml", cwd=self.folder, env=environment)

    def case(self, request: str, expect: str, more: str = "", head: str = "") -> subprocess.CompletedProcess[str]:
        """The command over one case, in flow style."""
        return self.run(f"{head}\ncases:\n  - {{ name: one, request: {{ {request} }}, expect: {{ {expect} }} {more} }}\n")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder to test in."""
    return Bench(tmp_path)


ORDER = 'url: "https://api.example.com/orders/1"'


@pytest.mark.parametrize("request_, expect", [
    (ORDER, "status: 200, reason: '', api: orders, route: '', upstream: orders"),
    (ORDER, "status: ~^2, api: ~^ord, upstream: ~.", ),
    (ORDER, "forwarded: { method: GET, path: /orders/1, query: '', body: '' }"),
    (ORDER, "forwarded: { headers: { X-Scheme: https, Via: ~gatehouse, Host: api.example.com } }"),
    ('url: "http://api.example.com/orders"', "forwarded: { headers: { X-Scheme: http, x-forwarded-proto: http } }"),
    ('url: "http://api.example.com/orders?a=b&c"', "forwarded: { path: /orders, query: 'a=b&c' }"),
    (f"{ORDER}, client_ip: 203.0.113.9", "forwarded: { headers: { X-Client: 203.0.113.9 } }"),
    (f"{ORDER}, client_ip: 2001:db8::1", "forwarded: { headers: { X-Client: 2001:db8::1 } }"),
    (f"{ORDER}, client_ip: 10.9.0.1, headers: {{ X-Forwarded-For: 192.0.2.4 }}",
     "forwarded: { headers: { X-Client: 192.0.2.4, X-Forwarded-For: '192.0.2.4, 10.9.0.1' } }"),
    (f"{ORDER}, headers: {{ X-Client: mallory, Connection: X-Own, X-Own: a }}",
     "forwarded: { headers: { X-Client: 127.0.0.1 }, absent: [X-Own, Connection] }"),
    (f"{ORDER}, method: POST, body: some", "forwarded: { method: POST, body: some, headers: { Content-Length: 4 } }"),
    (f"{ORDER}, method: DELETE", "route: cancel, upstream: next"),
    ('url: "https://api.example.com/orders/old/7"', "route: old, forwarded: { path: /v2/7 }"),
    ("url: /hello", "status: 418, reason: respond, upstream: '', body: tea, absent: [Via, Server]"),
    ("url: /nothing", "status: 404, reason: no_route, api: '', headers: { Content-Type: application/problem+json }"),
    ("url: /orders, headers: { Host: api.example.com }", "api: orders"),
    (f"{ORDER}, method: PUT", "status: 405, reason: method_not_allowed, headers: { Allow: ~HEAD }"),
    ("url: /..", "status: 400, reason: path_invalid"),
    ("url: /hello, headers: { 'X Y': z }", "status: 400, reason: header_malformed"),
    ("url: /hello, headers: { Host: 'a b' }", "status: 400, reason: host_malformed"),
    ('url: "https://api.example.com/orders", method: POST, headers: { Content-Length: 99999 }', "status: 413"),
    (f"{ORDER}, headers: {{ Transfer-Encoding: gzip }}, method: POST, body: x", "status: '~^[45]'"),
    ('url: "https://api.example.com"', "status: 404"),
    ('url: "https://api.example.com?x"', "status: 404"),
    ("url: '*', method: OPTIONS", "status: ~^4"),
])
def test_what_holds_passes(bench: Bench, request_: str, expect: str) -> None:
    done = bench.case(request_, expect)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cases     1 passed, 0 failed" in done.stdout and not done.stderr


@pytest.mark.parametrize("request_, expect, said", [
    (ORDER, "status: 201", 'status: expected "201", got "200"'),
    (ORDER, "status: ~^3", 'status: expected "~^3", got "200"'),
    (ORDER, "reason: no_route", 'reason: expected "no_route", got ""'),
    (ORDER, "api: hello", 'api: expected "hello", got "orders"'),
    (ORDER, "api: orders, route: cancel", 'route: expected "cancel", got ""'),
    (ORDER, "upstream: next", 'upstream: expected "next", got "orders"'),
    (ORDER, "upstream: ''", 'upstream: expected "", got "orders"'),
    (ORDER, "body: x", 'body: expected "x", got ""'),
    (ORDER, "headers: { X-None: a }", 'headers.X-None: expected "a", got nothing'),
    (ORDER, "headers: { Via: ~squid }", 'headers.Via: expected "~squid", got "1.1 gatehouse"'),
    (ORDER, "absent: [VIA]", 'headers.VIA: expected to be absent, got "1.1 gatehouse"'),
    (ORDER, "forwarded: { method: PUT }", 'forwarded.method: expected "PUT", got "GET"'),
    (ORDER, "forwarded: { path: /orders }", 'forwarded.path: expected "/orders", got "/orders/1"'),
    (ORDER, "forwarded: { query: a }", 'forwarded.query: expected "a", got ""'),
    (ORDER, "forwarded: { body: a }", 'forwarded.body: expected "a", got ""'),
    (ORDER, "forwarded: { headers: { X-Scheme: http } }", 'forwarded.headers.X-Scheme: expected "http", got "https"'),
    (ORDER, "forwarded: { absent: [host] }", 'forwarded.headers.host: expected to be absent, got "api.example.com"'),
    (f"{ORDER}, headers: {{ Authorization: hunter2 }}", "forwarded: { absent: [Authorization] }",
     "forwarded.headers.Authorization: expected to be absent, got ***"),
    ("url: /hello", "forwarded: {}", "forwarded: nothing was"),
    ("url: /hello", "headers: { Set-Cookie: b }", 'headers.Set-Cookie: expected "b", got ***'),
    ("url: /nothing", "status: 200", 'status: expected "200", got "404"'),
    ("url: /nothing", "api: hello", 'api: expected "hello", got ""'),
])
def test_what_does_not_hold_is_told(bench: Bench, request_: str, expect: str, said: str) -> None:
    done = bench.case(request_, expect)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "cases.yaml:3:5: failed: one"
    assert lines[1] == f"    {said}"
    assert "hunter2" not in done.stdout and "a=secret" not in done.stdout
    assert "    explain:" in lines
    assert lines[-1] == "cases     0 passed, 1 failed"


def test_all_that_differs_is_told(bench: Bench) -> None:
    done = bench.case(ORDER, "status: 201, api: hello, body: x, forwarded: { method: PUT, path: /x }")
    assert len(re.findall("expected", done.stdout)) == 5
    assert "matched apis.orders" in done.stdout


STAND_IN = """upstreams: { orders: { status: 503, headers: { X-From: a, Retry-After: 7 }, body: "busy\\n" },
  next: { status: 503 } }"""


def test_stand_ins_answer_as_written(bench: Bench) -> None:
    done = bench.case(ORDER, 'status: 503, reason: "", body: "busy\\n", headers: { x-from: a, Retry-After: 7 }', head=STAND_IN)
    assert done.returncode == 0, done.stdout
    done = bench.case(ORDER, 'body: "busy"', head=STAND_IN)
    assert 'body: expected "busy", got "busy\\n"' in done.stdout
    done = bench.case(f"{ORDER}, method: DELETE", "status: 503, upstream: next, forwarded: { method: DELETE }", head=STAND_IN)
    assert done.returncode == 0, done.stdout  # tried three times, and without waiting


def test_head_and_no_content_have_no_body(bench: Bench) -> None:
    head = "upstreams: { orders: { status: 204, body: gone }, next: { body: there } }"
    assert bench.case(ORDER, "status: 204, body: ''", head=head).returncode == 0
    assert bench.case(f"{ORDER}, method: HEAD", "status: 204, body: ''", head=head).returncode == 0
    assert bench.case(f"{ORDER}, method: DELETE", "body: there", head=head).returncode == 0


AUTH = """
listeners: { a: { address: 127.0.0.1:8080 } }
upstreams: { orders: { endpoints: ["127.0.0.1:1"] }, found: { discovery: { dns: catalog.invalid, port: 8080 } } }
apis:
  orders: { path: /orders, upstream: orders, policies: [ { forward_auth: { url: "http://auth.invalid:9000/check",
    forward: [X-User] } } ] }
  found: { path: /found, upstream: found }
  mixed: { path: /mixed, weighted: { orders: 0, found: 1 } }
  slow: { path: /slow, upstream: orders, policies: [ { fault: { delay: 1m } } ] }
"""


@pytest.mark.parametrize("head, request_, expect", [
    ('"http://auth.invalid:9000": { status: 401, body: "no" }', "url: /orders", "status: 401, upstream: ''"),
    ('"http://auth.invalid:9000": { headers: { X-User: alice } }', "url: /orders, headers: { X-User: mallory }",
     "status: 200, forwarded: { path: /orders, headers: { X-User: alice } }"),
    ("found: { body: here }", "url: /found", "upstream: found, body: here"),
    ("found: { body: here }", "url: /mixed", "upstream: found, body: here"),
    ("orders: {}", "url: /slow", "status: 200"),  # in no time
])
def test_what_policies_ask_of_the_world_is_a_stand_in(bench: Bench, head: str, request_: str, expect: str) -> None:
    (bench.folder / "gatehouse.yaml").write_text(AUTH, encoding="utf-8")
    done = bench.case(request_, expect, head=f"upstreams: {{ {head} }}")
    assert done.returncode == 0, done.stdout + done.stderr


# Time and repetition.


def test_the_clock_stands_still_but_for_advance(bench: Bench) -> None:
    head = "clock: 2026-02-03T04:05:06Z"
    date = "headers: { Date: 'Tue, 03 Feb 2026 04:0%s GMT' }"
    assert bench.case("url: /hello", date % "5:06", head=head).returncode == 0
    done = bench.case("url: /hello", date % "7:06", ", repeat: 4, advance: 30s", head)
    assert done.returncode == 0, done.stdout
    done = bench.case("url: /hello", date % "5:06", ", repeat: 4, advance: 30s", head)
    assert done.returncode == 1 and "this was request 4 of 4" in done.stdout


def test_each_but_the_last_is_answered_as_meanwhile_says(bench: Bench) -> None:
    assert bench.case("url: /hello", "status: 418", ", repeat: 5, meanwhile: { status: 418 }").returncode == 0
    done = bench.case("url: /hello", "status: 418", ", repeat: 5, meanwhile: { status: 200 }")
    assert done.returncode == 1
    assert 'status: expected "200", got "418"' in done.stdout and "this was request 1 of 5" in done.stdout
    done = bench.case("url: /hello", "status: 200", ", repeat: 5, meanwhile: { status: 418 }")
    assert "this was request 5 of 5" in done.stdout


def test_every_run_is_the_same(bench: Bench) -> None:
    runs = {bench.case("url: /nothing", "body: none").stdout for _ in range(2)}
    assert len(runs) == 1 and "instance" in runs.pop()


# Coverage.


def test_what_no_case_reaches_is_listed(bench: Bench) -> None:
    done = bench.case('url: "https://api.example.com/orders/old/1"', "status: 200")
    assert "routes    1 of 4 have a case\n" in done.stdout
    assert "policies  3 of 4 have a case\n" in done.stdout
    for name in ("orders", "orders/cancel", "hello"):
        assert f"  no case: {name}\n" in done.stdout
    assert "  no case: orders/old\n" not in done.stdout
    assert "  no case: respond of hello\n" in done.stdout


def test_policies_behind_an_answer_have_not_run(bench: Bench) -> None:
    config = CONFIG.replace("policies: [ { respond:", "policies: [ { headers: {} }, { respond:").replace(
        'secret" } } } ]', 'secret" } } }, { rewrite: { path: /never } } ]')
    assert "never" in config
    (bench.folder / "gatehouse.yaml").write_text(config, encoding="utf-8")
    done = bench.case("url: /hello", "status: 418")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no case: rewrite of hello" in done.stdout and "no case: headers of hello" not in done.stdout


def test_several_files_count_together(bench: Bench) -> None:
    case = "cases: [ {{ name: {0}, request: {{ url: {0} }}, expect: {{ status: {1} }} }} ]"
    (bench.folder / "first.yaml").write_text(case.format("/hello", 418), encoding="utf-8")
    (bench.folder / "second.yaml").write_text(case.format("/nothing", 200), encoding="utf-8")
    done = run_command("test", "first.yaml", "second.yaml", cwd=bench.folder)
    assert done.returncode == 1
    assert "second.yaml:1:10: failed: /nothing" in done.stdout and "cases     1 passed, 1 failed" in done.stdout
    assert "no case: hello" not in done.stdout


# JUnit.


def test_junit_has_each_case(bench: Bench) -> None:
    done = bench.run("""cases:
  - { name: "good & <sound>", request: { url: /hello }, expect: { status: 418 } }
  - { name: bad, request: { url: /hello }, expect: { status: 200, body: "\\u0001" } }
""", "--junit", "out.xml")
    assert done.returncode == 1
    suite = ElementTree.parse(bench.folder / "out.xml").getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("cases.yaml", "2", "1")
    good, bad = suite
    assert good.get("name") == "good & <sound>" and len(good) == 0 and good.get("line") == "2"
    assert bad[0].get("message") == 'status: expected "200", got "418"'
    assert 'body: expected "\\x01", got "tea"' in (bad[0].text or "")


def test_junit_that_cannot_be_written_is_a_failure(bench: Bench) -> None:
    good = "cases: [ { name: a, request: { url: /hello }, expect: { status: 418 } } ]"
    done = bench.run(good, "--junit", "no/such/folder.xml")
    assert done.returncode == 1 and "no/such/folder.xml: No such file" in done.stderr
    if Path("/dev/full").exists():
        done = bench.run(good, "--junit", "/dev/full")
        assert done.returncode == 1 and "could not be written" in done.stderr


# Mistakes in the file.


@pytest.mark.parametrize("cases, said", [
    ("", "cases.yaml:1:1: error: no cases: nothing would be tested"),
    ("clock: 2026-01-01T00:00:00Z", "no cases: nothing would be tested"),
    ("cases: []", "cases: "),
    ("cases: [", "cases.yaml:"),
    ("clock: noon\ncases: [ { name: a, request: { url: / }, expect: {} } ]",
     "cases.yaml:1:8: error: clock: want a time such as 2026-01-01T00:00:00Z"),
    ("keys: { a: b }", "keys.a: no keys are fetched from there: those of a file or a secret are read"),
    ("upstreams: { order: {} }", 'upstreams.order: no upstream is named "order"; did you mean "orders"?'),
    ("upstreams: { orders: { status: 99 } }", "upstreams.orders.status: want"),
    ("upstreams: { orders: { headers: { A: \"b\\r\\nc\" } } }", "headers.A: a header cannot hold a line end"),
    ("cases: [ { name: a, expect: { status: 200 } } ]", "cases[0]: needs a request"),
    ("cases: [ { name: a, request: { url: / } } ]", "cases[0]: expects nothing"),
    ("cases: [ { request: { url: / }, expect: {} } ]", 'cases[0]: the key "name" is missing'),
    ("cases: [ { name: a, request: {}, expect: {} } ]", "cases[0].request"),
    ("cases: [ { name: a, request: { url: '' }, expect: {} } ]", "cases[0].request.url: this must not be empty"),
    ("cases: [ { name: a, request: { url: ftp://a }, expect: {} } ]", "cases[0].request.url: want a URL such as"),
    ("cases: [ { name: a, request: { url: a b }, expect: {} } ]", "cases[0].request.url: want a URL such as"),
    ("cases: [ { name: a, request: { url: http:/// }, expect: {} } ]", "cases[0].request.url: want a URL such as"),
    ("cases: [ { name: a, request: { url: /, method: A B }, expect: {} } ]", "cases[0].request.method: want a method"),
    ("cases: [ { name: a, request: { url: /, client_ip: me }, expect: {} } ]", "client_ip: want an IP address"),
    ("cases: [ { name: a, request: { url: /, token: alice }, expect: {} } ]", "token: want the claims of a token"),
    ("cases: [ { name: a, request: { url: /, token: [] }, expect: {} } ]", "token: want the claims of a token"),
    ("cases: [ { name: a, request: { url: /, token: { sub: \"${request.id}\" } }, expect: {} } ]", "request.id"),
    ("cases: [ { name: a, request: { url: /, headers: { A: \"b\\nc\" } }, expect: {} } ]", "cannot hold a line end"),
    ("cases: [ { name: a, request: { url: / }, expect: { status: 600 } } ]", "want a status from 200 to 599"),
    ("cases: [ { name: a, request: { url: / }, expect: { status: ok } } ]", "want a status from 200 to 599"),
    ("cases: [ { name: a, request: { url: / }, expect: { statu: 200 } } ]", 'did you mean "status"?'),
    ("cases: [ { name: a, request: { url: / }, expect: { body: \"~(\" } } ]", "expect.body: missing closing parenthesis"),
    ("cases: [ { name: a, request: { url: / }, expect: { headers: { A: \"~(\" } } } ]", "missing closing parenthesis"),
    ("cases: [ { name: a, request: { url: / }, expect: { forwarded: { path: \"~[\" } } } ]", "forwarded.path: missing"),
    ("cases: [ { name: a, request: { url: / }, expect: { reason: no_rout } } ]", 'did you mean "no_route"?'),
    ("cases: [ { name: a, request: { url: / }, expect: { api: order } } ]", 'no API is named "order"'),
    ("cases: [ { name: a, request: { url: / }, expect: { api: hello, route: old } } ]", "no route of that API is named"),
    ("cases: [ { name: a, request: { url: / }, expect: { route: od } } ]", 'no route is named "od"; did you mean "old"?'),
    ("cases: [ { name: a, request: { url: / }, expect: { upstream: v } } ]", 'no upstream is named "v"'),
    ("cases: [ { name: a, request: { url: / }, expect: {}, repeat: 0 } ]", "repeat: want a whole number from 1"),
    ("cases: [ { name: a, request: { url: / }, expect: {}, advance: soon } ]", "advance: want a duration"),
    ("cases: [ { name: a, request: { url: / }, expect: {}, meanwhile: {} } ]", "needs a `repeat` of at least 2"),
    ("cases: [ { name: a, request: { url: \"${NOT_SET}\" }, expect: {} } ]", "NOT_SET"),
])
def test_mistakes_in_the_file_are_told(bench: Bench, cases: str, said: str) -> None:
    done = bench.run(cases)
    assert done.returncode == 1
    assert said in done.stderr, done.stderr
    assert not done.stdout


def test_no_case_runs_when_a_file_is_wrong(bench: Bench) -> None:
    (bench.folder / "bad.yaml").write_text("cases: 1", encoding="utf-8")
    done = bench.run("cases: [ { name: a, request: { url: / }, expect: { status: 200 } } ]", "bad.yaml", "none.yaml")
    assert done.returncode == 1 and not done.stdout
    assert "bad.yaml:1:8" in done.stderr and "none.yaml" in done.stderr


def test_a_wrong_configuration_is_told(bench: Bench) -> None:
    (bench.folder / "gatehouse.yaml").write_text(CONFIG.replace("use: tag", "use: tg"), encoding="utf-8")
    done = bench.case("url: /hello", "status: 418")
    assert done.returncode == 1 and 'no policy is named "tg"' in done.stderr and not done.stdout


def test_what_came_from_the_environment_is_not_shown(bench: Bench) -> None:
    cases = """cases: [ { name: a, request: { url: "https://api.example.com/orders", headers: { X-A: "${S}" } },
  expect: { forwarded: { headers: { X-A: "~^${S}$" } } } },
  { name: b, request: { url: "https://api.example.com/orders", headers: { X-A: "${S}" } },
  expect: { body: "${S}", forwarded: { headers: { X-A: "${S}x" } } } } ]"""
    done = bench.run(cases, S="hunter2")
    assert done.returncode == 1 and "cases     1 passed, 1 failed" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert "what ${...} stands for" in done.stdout


KEY = "the-key-of-acme-0123456789"
SECRET_CONFIG = """
listeners: { public: { address: "127.0.0.1:8080" } }
upstreams: { orders: { endpoints: ["10.0.0.5:80"] } }
consumers: { acme: { api_keys: ["sha256:HASH"], labels: { backend: "${LABEL}" } } }
apis:
  orders:
    path: /orders
    upstream: orders
    policies:
      - headers: { request: { set: { X-Whole: "${S}", X-Part: "${client.ip} ${S}", X-Plain: plain, X-Functions-Key: fnkey, X-Scheme: Bearer fntoken } } }
      - rewrite: { path: "/v2/${S}", query: { set: { w: "${S}", key: qkey } } }
      - introspection: { url: "https://127.0.0.1:1/${S}", audience: any, client_id: gateway, client_secret: "${S}" }
  hello: { path: /hello, policies: [ { respond: { body: "it is ${S}", headers: { Location: "https://a.test/?code=lkey&b=c" } } } ] }
  known: { path: /known, upstream: orders, policies: [ api_key: {}, headers: { request: { set: { X-Back: "by ${consumer.label.backend}" } } } ] }
""".replace("HASH", hashlib.sha256(KEY.encode()).hexdigest())


@pytest.mark.parametrize("request_, expect, said", [
    ("", "forwarded: { headers: { X-Whole: a } }", 'forwarded.headers.X-Whole: expected "a", got "***"'),
    ("", "forwarded: { headers: { X-Part: a } }", 'forwarded.headers.X-Part: expected "a", got "127.0.0.1 ***"'),
    ("", "forwarded: { absent: [X-Part] }", 'forwarded.headers.X-Part: expected to be absent, got "127.0.0.1 ***"'),
    ("", "forwarded: { headers: { X-Plain: a } }", 'forwarded.headers.X-Plain: expected "a", got "plain"'),
    ("", "forwarded: { headers: { X-Functions-Key: a } }", 'forwarded.headers.X-Functions-Key: expected "a", got ***'),
    ("", "forwarded: { headers: { X-Scheme: a } }", 'forwarded.headers.X-Scheme: expected "a", got ***'),
    (', headers: { X-Own: "is ${S}" }', "forwarded: { headers: { X-Own: a } }", 'forwarded.headers.X-Own: expected "a", got "is ***"'),
    ("", "forwarded: { path: /a }", 'forwarded.path: expected "/a", got "/v2/***"'),
    ("", "forwarded: { query: a }", 'forwarded.query: expected "a", got "a=***&w=***&key=***"'),
    (', method: POST, body: "a ${S} b"', "forwarded: { body: a }", 'forwarded.body: expected "a", got "a *** b"'),
])
def test_what_was_got_is_masked(bench: Bench, request_: str, expect: str, said: str) -> None:
    (bench.folder / "gatehouse.yaml").write_text(SECRET_CONFIG, encoding="utf-8")
    cases = f"""cases: [ {{ name: a, request: {{ url: "http://h.test/orders?a=${{S}}", token: {{ aud: any }}{request_} }}, expect: {{ {expect} }} }} ]"""
    done = bench.run(cases, S="hunter2+x=y", LABEL="of-acme")
    assert done.returncode == 1 and f"    {said}" in done.stdout.splitlines(), done.stdout + done.stderr
    for secret in ("hunter2", "fnkey", "fntoken", "qkey"):
        assert secret not in done.stdout + done.stderr
    assert "    explain:" in done.stdout and "url       http://10.0.0.5:80/***?***" in done.stdout


def test_what_is_compared_is_not_masked(bench: Bench) -> None:
    (bench.folder / "gatehouse.yaml").write_text(SECRET_CONFIG, encoding="utf-8")
    cases = """cases:
  - name: a
    request: { url: "http://h.test/orders", token: { aud: any } }
    expect: { status: 200, forwarded: { query: "w=hunter2&key=qkey", path: /v2/hunter2, headers: { X-Part: 127.0.0.1 hunter2 } } }
  - { name: b, request: { url: "http://h.test/hello" }, expect: { body: "it is ***", headers: { Location: hunter2 } } }"""
    done = bench.run(cases, S="hunter2", LABEL="of-acme")
    assert "cases     1 passed, 1 failed" in done.stdout
    assert 'body: expected "it is ***", got "it is ***"' in done.stdout
    assert 'headers.Location: expected "hunter2", got "https://a.test/?code=***&b=c"' in done.stdout


def test_what_a_consumer_has_from_outside_is_masked(bench: Bench) -> None:
    (bench.folder / "gatehouse.yaml").write_text(SECRET_CONFIG, encoding="utf-8")
    cases = f"""cases: [ {{ name: a, request: {{ url: "http://h.test/known", headers: {{ X-API-Key: {KEY} }} }},
  expect: {{ consumer: acme, forwarded: {{ headers: {{ X-Back: a }} }} }} }} ]"""
    done = bench.run(cases, S="hunter2", LABEL="of-acme")
    assert done.stdout.splitlines()[1:3] == ['    forwarded.headers.X-Back: expected "a", got "by ***"', "    explain:"], done.stdout
    assert "of-acme" not in done.stdout


PLAIN_CONFIG = """
listeners: { public: { address: "127.0.0.1:8080" } }
upstreams: { orders: { endpoints: ["10.0.0.5:80"] } }
apis:
  orders: { path: /orders, upstream: orders }
  hello: { path: /hello, policies: [ { respond: { json: { pem: "${file:pem.txt}", q: "${QUOTED}" } } } ] }
  whose: { path: /whose, policies: [ headers: { request: { set: { X-T: "${TENANT}" } } }, respond: { body: "${TENANT_K} of ${TENANT}" } ] }
  where: { path: /where, policies: [ { respond: { body: "${MODE:-production}" } } ] }
"""


@pytest.mark.parametrize("url, got", [
    ("/hello", r'{"pem":"***","q":"***"}'),
    ("/whose", "*** of ***"),
])
def test_what_was_got_is_masked_however_it_is_written(bench: Bench, url: str, got: str) -> None:
    (bench.folder / "gatehouse.yaml").write_text(PLAIN_CONFIG, encoding="utf-8")
    (bench.folder / "pem.txt").write_text("-----BEGIN KEY-----\nMIIBVQ\n-----END KEY-----\n", encoding="utf-8")
    done = bench.run(f'cases: [ {{ name: a, request: {{ url: "http://h.test{url}" }}, expect: {{ body: a }} }} ]',
                     QUOTED='a"b\\c-quoted', TENANT="acme", TENANT_K="acme-9f8e7d6c")
    assert f'    body: expected "a", got "{got}"' in done.stdout.splitlines(), done.stdout + done.stderr
    for secret in ("MIIBVQ", "quoted", "9f8e7d6c"):
        assert secret not in done.stdout + done.stderr


def test_a_default_is_shown(bench: Bench) -> None:
    (bench.folder / "gatehouse.yaml").write_text(PLAIN_CONFIG, encoding="utf-8")
    (bench.folder / "pem.txt").write_text("unused", encoding="utf-8")
    cases = 'cases: [ { name: a, request: { url: "http://h.test/where" }, expect: { body: a } } ]'
    unused = {"QUOTED": "unused", "TENANT": "unused", "TENANT_K": "unused"}
    assert 'body: expected "a", got "production"' in bench.run(cases, **unused).stdout
    assert 'body: expected "a", got "***"' in bench.run(cases, MODE="production", **unused).stdout


@pytest.mark.parametrize("secret", ['a"b-of-the-file', "c\\d-of-the-file", "a&b-of-the-file"])
def test_an_explanation_has_no_secrets_of_the_file_of_cases(bench: Bench, secret: str) -> None:
    (bench.folder / "gatehouse.yaml").write_text(PLAIN_CONFIG, encoding="utf-8")
    (bench.folder / "pem.txt").write_text("unused", encoding="utf-8")
    cases = """cases: [ { name: a, request: { url: "http://h.test/orders?token=${OWN}&b=${OWN}" }, expect: { status: 201 } } ]"""
    done = bench.run(cases, QUOTED="unused", TENANT="unused", TENANT_K="unused", OWN=secret)
    assert "url       http://10.0.0.5:80/orders?token=***&b=***" in done.stdout, done.stdout + done.stderr
    assert "of-the-file" not in done.stdout + done.stderr


def test_large_secrets_of_many_cases_are_masked(bench: Bench) -> None:
    (bench.folder / "fix.json").write_text("[" + ", ".join(f'"{n} of the file"' for n in range(5500)) + "]", encoding="utf-8")
    first = """  - name: first
    request: { url: "https://api.example.com/orders", method: POST, body: "${file:fix.json}" }
    expect: { status: 201, api: hello, headers: { A: a }, forwarded: { method: a, path: a, query: a, headers: { Host: a }, body: a } }
"""
    others = "".join(f'  - {{ name: "{n}", request: {{ url: /hello, body: "${{file:fix.json}}" }}, expect: {{ status: 418 }} }}\n'
                     for n in range(39))
    (bench.folder / "gatehouse.yaml").write_text(CONFIG.replace("body: 1KiB", "body: 1MiB"), encoding="utf-8")
    done = bench.run("cases:\n" + first + others)
    assert "cases     39 passed, 1 failed" in done.stdout, done.stdout[-500:] + done.stderr[-2000:]
    assert 'forwarded.body: expected "a", got "***"' in done.stdout and "of the file" not in done.stdout


@pytest.mark.parametrize("arguments, said", [
    ([], "want files with cases"),
    (["--junit"], "--junit needs a file"),
    (["--junit", "x.xml"], "want files with cases"),
    (["a.yaml", "--verbose"], "an unknown option"),
    (["-c"], "-c needs a file"),
])
def test_misuse(bench: Bench, arguments: list[str], said: str) -> None:
    done = run_command("test", *arguments, cwd=bench.folder)
    assert done.returncode == 2 and said in done.stderr and not done.stdout


# What people read.


TOP = Path(__file__).resolve().parent.parent


def examples() -> Iterator[tuple[str, str, str]]:
    """Every block of YAML in the documents that is a configuration with cases behind it."""
    for path in [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
            config, _, cases = block.partition("\n---\n")
            if cases:
                yield f"{path.relative_to(TOP)}-{number}", config, cases


@pytest.mark.parametrize("config, cases", [pytest.param(config, cases, id=name) for name, config, cases in examples()])
def test_the_examples_of_the_documents_hold(tmp_path: Path, config: str, cases: str) -> None:
    write_for_examples(tmp_path)
    (tmp_path / "gatehouse.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(cases, encoding="utf-8")
    done = run_command("test", "cases.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_and_manual_have_an_example() -> None:
    assert {name.rpartition("-")[0] for name, *_ in examples()} >= {"README.md", "docs/reference.md"}
