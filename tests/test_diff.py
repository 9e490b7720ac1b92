# SPDX-License-Identifier: Apache-2.0
"""`gatehouse diff`: what a change does to requests is told by class of risk; how it is written makes no difference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trustme

from gatehouse import run_command

CONFIG = """
listeners:
  public: { address: 127.0.0.1:8080, trusted_proxies: [10.0.0.0/8], limits: { body: 1MiB } }
upstreams:
  orders: { endpoints: ["10.0.0.5:80"] }
  next: { endpoints: ["10.0.0.6:80"] }
policies:
  door: { ip: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] } }
  pace: { rate_limit: { limit: 100/1m, burst: 20, by: [client_ip, api] } }
quotas: { file: quotas.db }
apis:
  orders:
    hosts: [api.example.com]
    path: /orders
    methods: [GET, POST]
    upstream: orders
    policies: [ { forward_auth: { url: https://auth.internal:9000/check } }, { use: door }, { headers: { request: { set: { A: b } } } } ]
    routes:
      one: { match: { path: "/{id}" } }
      parts: { match: { path: "/{id}/parts/{part}.json" }, upstream: next }
      beta: { match: { path: /beta, headers: { X-Beta: "yes" }, query: { v: "2" }, cookies: { c: "*" } } }
      numbers: { match: { path: "~^/n[0-9]+$" } }
  hello: { path: /hello, policies: [ { respond: { status: 418 } } ] }
  busy: { path: /busy, upstream: orders, policies: [ { quota: { limit: 5/1mo, by: api } }, { concurrency: { limit: 5, queue: 3 } } ] }
  paced: { path: /paced, upstream: orders, policies: [ { use: pace } ] }
"""


def diff(tmp_path: Path, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """The command over two texts."""
    (tmp_path / "old.yaml").write_text(before, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(after, encoding="utf-8")
    return run_command("diff", "old.yaml", "new.yaml", cwd=tmp_path, env={"S": "hunter2"})


def changed(*changes: str) -> str:
    """The configuration with each first text in the place of the one before it."""
    text = CONFIG
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    return text


AUTH = '{ forward_auth: { url: https://auth.internal:9000/check } }'

# Each: what is replaced and by what, lines that must be printed (all of them), the exit code.
ROUTE = 'route   '
CHANGES = {
    "a larger body": (["body: 1MiB", "body: 2MiB"], ["open    listeners.public.limits.body: 1MiB -> 2MiB"], 4),
    "anybody says who the client is": (["127.0.0.1:8080,", "127.0.0.1:8080, proxy_protocol: true,"],
                                       ["open    listeners.public.proxy_protocol: false -> true"], 4),
    "a smaller body": (["body: 1MiB", "body: 1KiB"], ["tight   listeners.public.limits.body: 1MiB -> 1KiB"], 0),
    "any number of requests": (["body: 1MiB", "body: 1MiB, requests_per_connection: 9"],
                               ["tight   listeners.public.limits.requests_per_connection: 0 -> 9"], 0),
    "more proxies are trusted": (["[10.0.0.0/8], limits", "[10.0.0.0/8, 172.16.0.0/12], limits"],
                                 ["open    listeners.public.trusted_proxies: added 172.16.0.0/12"], 4),
    "another address": (["127.0.0.1:8080", "0.0.0.0:8080"],
                        ['open    listeners.public.address: "127.0.0.1:8080" -> "0.0.0.0:8080"'], 4),
    "another listener": (["upstreams:", "  more: { address: 127.0.0.1:8081 }\nupstreams:"],
                         ["open    listeners.more is new"], 4),
    "a wider list": (["allow: [10.0.0.0/8]", "allow: [10.0.0.0/8, 0.0.0.0/0]"],
                     ["open    orders: door.allow: added 0.0.0.0/0"], 4),
    "a list that bounds nobody any more": (["allow: [10.0.0.0/8], ", ""],
                                           ["open    orders: door.allow: removed 10.0.0.0/8"], 4),
    "a higher limit": (["limit: 100/1m", "limit: 101/1m"], ["open    paced: pace.limit: 100/1m -> 101/1m"], 4),
    "a lower limit": (["limit: 100/1m", "limit: 100/2m"], ["tight   paced: pace.limit: 100/1m -> 100/2m"], 0),
    "a limit that is slower and lets more through at once": (
        ["limit: 100/1m", "limit: 2000/1h"], ["open    paced: pace.limit: 100/1m -> 2000/1h"], 4),
    "the same limit": (["limit: 100/1m", "limit: 100/60s"], [], 0),
    "a larger burst": (["burst: 20", "burst: 21"], ["open    paced: pace.burst: 20 -> 21"], 4),
    "a burst as large as the limit": (["burst: 20, ", ""], ["open    paced: pace.burst: 20 -> 100"], 4),
    "other clients count as one": (["[client_ip, api]", "client_ip"], ["open    paced: pace.by: removed api"], 4),
    "a greater quota": (["limit: 5/1mo", "limit: 6/1mo"], ["open    busy: quota.limit: 5/1mo -> 6/1mo"], 4),
    "a smaller quota": (["limit: 5/1mo", "limit: 4/1mo"], ["tight   busy: quota.limit: 5/1mo -> 4/1mo"], 0),
    "a quota of days, as small as it may be": (["limit: 5/1mo", "limit: 1/365d"],
                                               ["open    busy: quota.limit: 5/1mo -> 1/365d"], 4),
    "the gateway may be as late as it is": (["quotas:", "limits: { lag: 0s }\nquotas:"], ["open    limits.lag: 500ms -> 0s"], 4),
    "the gateway refuses earlier": (["quotas:", "limits: { lag: 100ms, memory: 1GiB }\nquotas:"],
                                    ["tight   limits.lag: 500ms -> 100ms", "tight   limits.memory: 0 -> 1GiB"], 0),
    "a listener is let in when no other is": (["127.0.0.1:8080,", "127.0.0.1:8080, priority: high,"],
                                              ["open    listeners.public.priority: normal -> high"], 4),
    "more at once": (["limit: 5, ", "limit: 6, "], ["open    busy: concurrency.limit: 5 -> 6"], 4),
    "a limit that is learnt": (["queue: 3", "queue: 3, adaptive: true"], ["open    busy: concurrency.adaptive: false -> true"], 4),
    "a longer queue": (["queue: 3", "queue: 4"], ["open    busy: concurrency.queue: 3 -> 4"], 4),
    "others count as one at once": (["queue: 3", "queue: 3, by: api"], ["open    busy: concurrency.by: added api"], 4),
    "a cost": (["burst: 20", "burst: 20, cost: 2"], ["open    paced: pace.cost: 1 -> 2"], 4),
    "a cost by a key": (["burst: 20", "burst: 20, cost: 'request.headers[\"X-Key\"] == \"hunter2\" ? 5 : 1'"],
                        ['open    paced: pace.cost: 1 -> request.headers["X-Key"] == "***" ? 5 : 1'], 4),
    "who goes first, by a key": (["queue: 3", "queue: 3, priority: 'request.headers[\"X-Key\"] == \"hunter2\" ? 5 : 1'"],
                                 ['other   busy: concurrency.priority: none -> request.headers["X-Key"] == "***" ? 5 : 1'], 0),
    "who goes first, by a number": (["queue: 3", "queue: 3, priority: 7"], ["other   busy: concurrency.priority: none -> 7"], 0),
    "a narrower list": (["allow: [10.0.0.0/8]", "allow: [10.2.0.0/16]"],
                        ["open    orders: door.allow: added 10.2.0.0/16, removed 10.0.0.0/8"], 4),
    "fewer are denied": (["deny: [10.1.0.0/16]", "deny: [10.1.1.0/24]"],
                         ["open    orders: door.deny: added 10.1.1.0/24, removed 10.1.0.0/16"], 4),
    "more are denied": (["deny: [10.1.0.0/16]", "deny: [10.1.0.0/16, 10.2.0.0/16]"],
                        ["tight   orders: door.deny: added 10.2.0.0/16"], 0),
    "a policy is gone": (["{ use: door }, ", ""], ["open    orders: door is gone"], 4),
    "a policy is new": (["policies: [ { respond", "policies: [ { ip: { deny: [10.0.0.1] } }, { respond"],
                        ["tight   hello: ip is new"], 0),
    "a policy that lets in is new": (
        ["policies: [ { respond", 'policies: [ { cors: { origins: ["https://a.test"], methods: [GET] } }, { respond'],
        ["open    hello: cors is new"], 4),
    "a route does without": (['match: { path: "/{id}" }', 'match: { path: "/{id}" }, without: [door]'],
                             ["open    orders/one: door is gone"], 4),
    "only reported": (["{ use: door }", "{ use: door, report: true }"],
                      ["open    orders: door: report: it refuses nothing any more"], 4),
    "only sometimes": (["{ use: door }", "{ use: door, when: 'request.method == \"GET\"' }"],
                       ['open    orders: door: when: always -> request.method == "GET"'], 4),
    "nobody is asked any more": ([f"policies: [ {AUTH}, {{ use: door }}", "policies: [ { use: door }"],
                                 ["public  orders: forward_auth is gone"], 4),
    "some are not asked any more": ([AUTH, AUTH[:-1] + ", when: 'request.method != \"GET\"' }"],
                                    ['public  orders: forward_auth: when: always -> request.method != "GET"'], 4),
    "a condition with a secret": ([AUTH, AUTH[:-1] + ", when: 'request.host == \"${S}\"' }"],
                                  ['public  orders: forward_auth: when: always -> ${...}'], 4),
    "a condition with a key that is written out": (
        [AUTH, AUTH[:-1] + ", when: 'request.headers[\"X-Key\"] == \"hunter2\"' }"],
        ['public  orders: forward_auth: when: always -> request.headers["X-Key"] == "***"'], 4),
    "nobody is kept out any more": ([AUTH, AUTH[:-1] + ", report: true }"],
                                    ["public  orders: forward_auth: report: it refuses nothing any more"], 4),
    "a route asks nobody": (["parts: { match", "parts: { without: [forward_auth], match"],
                            ["public  orders/parts: forward_auth is gone"], 4),
    "a new route asks nobody": (
        ["    routes:\n", "    routes:\n      new: { match: { path: /new }, without: [forward_auth] }\n"],
        ["public  orders/one -> orders/new: forward_auth is gone",
         ROUTE + "GET http://api.example.com/orders/new: orders/one -> orders/new"], 4),
    "a new API asks nobody": (
        ["  hello:", "  bye: { path: /bye, upstream: next }\n  hello:"],
        ["public  GET http://gw-probe.invalid/bye: bye needs no authentication",
         ROUTE + "GET http://gw-probe.invalid/bye: nobody (404) -> bye"], 4),
    "a new API asks": (
        ["  hello:", f"  bye: {{ path: /bye, upstream: next, policies: [ {AUTH} ] }}\n  hello:"],
        [ROUTE + "GET http://gw-probe.invalid/bye: nobody (404) -> bye"], 3),
    "who is asked twice loses one": ([AUTH, f"{AUTH}, {AUTH}"], ["tight   orders: forward_auth is new"], 0),
    "a failure lets in": ([AUTH, AUTH.replace("check", "check, on_failure: allow")],
                          ["open    orders: forward_auth.on_failure: deny -> allow"], 4),
    "somebody else decides": ([AUTH, AUTH.replace("check", "always")],
                              ['open    orders: forward_auth.url: "https://auth.internal:9000/check" -> '
                               '"https://auth.internal:9000/always"'], 4),
    "whoever decides knows less": ([AUTH, AUTH.replace("check", "check, headers: [Cookie]")],
                                   ["open    orders: forward_auth.headers: removed Authorization"], 4),
    "whoever decides knows the same": ([AUTH, AUTH.replace("check", "check, headers: [cookie, authorization]")],
                                       ["other   orders: forward_auth.headers: added cookie, authorization, removed Authorization, Cookie"], 0),
    "a decision holds for longer": ([AUTH, AUTH.replace("check", "check, cache: 1h")],
                                    ["open    orders: forward_auth.cache: 0s -> 1h"], 4),
    "some are answered before anybody is asked": (
        [AUTH, "{ respond: { status: 200 }, when: 'request.path == \"/orders/x\"' }, " + AUTH],
        ["public  orders: respond answers before forward_auth", ROUTE + "orders: respond answers before door",
         ROUTE + "orders: respond is new"], 4),
    "another value": (["A: b", "A: c"], ["other   orders: headers.request.set: added A: c, removed A: b"], 0),
    "a secret value": (["A: b", 'A: "${S}"'], ["other   orders: headers.request.set: added A: ***, removed A: ***"], 0),
    "a value that may be a secret by its name": (["A: b", "A: b, X-Functions-Key: b"], ["tight   orders: headers.request.set: added X-Functions-Key: ***"], 0),
    "a value beside a secret": (["{ A: b } } } }", '{ A: b, X-Key: "${S}" } } } }'],
                                ["tight   orders: headers.request.set: added X-Key: ***"], 0),
    "a value that looks like a secret": (["A: b", "A: Bearer b"], ["other   orders: headers.request.set: added A: ***, removed A: ***"], 0),
    "another policy of the kind before one": (
        ["{ use: door }, {", "{ use: door }, { headers: { request: { set: { B: c } } } }, {"],
        ["tight   orders: headers is new"], 0),
    "a URL with a key": ([AUTH, AUTH.replace("check", "check?code=hunter2")],
                         ["open    orders: forward_auth.url: changed"], 4),
    "another order": (["{ use: door }, { headers: { request: { set: { A: b } } } } ]",
                       "{ headers: { request: { set: { A: b } } } }, { use: door } ]"],
                      ["other   orders: policies run in another order"], 0),
    "another upstream": (["upstream: next", "upstream: orders"],
                         [ROUTE + "orders/parts: upstream next -> upstream orders"], 3),
    "another upstream for all": (["    upstream: orders", "    upstream: next"],
                                 [ROUTE + "orders: upstream orders -> upstream next"], 3),
    "weights": (["    upstream: orders", "    weighted: { orders: 95, next: 5 }"],
                [ROUTE + "orders: upstream orders -> weighted orders 95, next 5; by chance"], 3),
    "an answer of its own": (["  hello: { path: /hello, policies: [ { respond: { status: 418 } } ] }",
                              "  hello: { path: /hello, upstream: next }"],
                             [ROUTE + "hello: policy respond -> upstream next", ROUTE + "hello: respond is gone"], 3),
    "other endpoints": (["10.0.0.6:80", "10.0.0.7:80"],
                        ["other   upstreams.next.endpoints: added 10.0.0.7:80, removed 10.0.0.6:80"], 0),
    "another timeout": (['"10.0.0.6:80"]', '"10.0.0.6:80"], timeouts: { response: 1s }'],
                        ["other   upstreams.next.timeouts.response: 15s -> 1s"], 0),
    "TLS to an upstream": (['"10.0.0.6:80"]', '"10.0.0.6:80"], tls: {}'], ["tight   upstreams.next.tls is new"], 0),
    "health checks": (['"10.0.0.6:80"]', '"10.0.0.6:80"], health_check: { every: 3s }'],
                      ["other   upstreams.next.health_check is new", "other   upstreams.next.health_check.every: 2s -> 3s"], 0),
    "an ejection": (['"10.0.0.6:80"]', '"10.0.0.6:80"], outlier: {}'], ["other   upstreams.next.outlier is new"], 0),
    "a timeout of its own": (["upstream: next }", "upstream: next, timeouts: { response: 1s } }"],
                             ["other   orders/parts: timeouts.response: 15s -> 1s"], 0),
    "encoded slashes": (["    upstream: orders", "    encoded_slashes: keep\n    upstream: orders"],
                        ["open    orders: encoded slashes are kept"], 4),
    "a method less": (["[GET, POST]", "[GET]"],
                      [ROUTE + "POST http://api.example.com/orders: orders -> nobody (405)"], 3),
    "a method more": (["[GET, POST]", "[GET, POST, PUT]"],
                      [ROUTE + "PUT http://api.example.com/orders: nobody (405) -> orders"], 3),
    "another host": (["[api.example.com]", '["*.example.org"]'],
                     [ROUTE + "GET http://api.example.com/orders: orders -> nobody (404)",
                      ROUTE + "GET http://gw-probe.example.org/orders: nobody (404) -> orders"], 3),
    "a route in front of another": (["    routes:\n", "    routes:\n      new: { match: { path: /new }, without: [door] }\n"],
                                    ["open    orders/one -> orders/new: door is gone",
                                     ROUTE + "GET http://api.example.com/orders/new: orders/one -> orders/new"], 4),
    "a route that hides another": (["    routes:\n", '    routes:\n      all: { match: { path: "/{id}", hosts: [api.example.com] } }\n'],
                                   None, 1),
    "a route is gone": (['      parts: { match: { path: "/{id}/parts/{part}.json" }, upstream: next }\n', ""],
                        [ROUTE + "GET http://api.example.com/orders/gw-probe/parts/gw-probe.json: orders/parts -> orders"],
                        3),
    "a route with conditions is gone": (
        ['      beta: { match: { path: /beta, headers: { X-Beta: "yes" }, query: { v: "2" }, cookies: { c: "*" } } }\n', ""],
        [ROUTE + "GET http://api.example.com/orders/beta?v=2: orders/beta -> orders/one"], 3),
    "a route with a key is gone": (
        ['query: { v: "2" }', 'query: { api_key: "2" }'],
        [ROUTE + "GET http://api.example.com/orders/beta?api_key=***: orders/one -> orders/beta",
         ROUTE + "GET http://api.example.com/orders/beta?v=2: orders/beta -> orders/one"], 3),
    "another expression": (["n[0-9]+", "n[0-9]*"], [ROUTE + "orders/numbers: match changed"], 3),
    "an expression is gone": (['      numbers: { match: { path: "~^/n[0-9]+$" } }\n', ""],
                              [ROUTE + "orders/numbers: is gone"], 3),
    "an API is gone": (["  hello: { path: /hello, policies: [ { respond: { status: 418 } } ] }\n", ""],
                       [ROUTE + "GET http://gw-probe.invalid/hello: hello -> nobody (404)"], 3),
    "more streams and more to repeat": (
        ["body: 1MiB", "body: 1MiB, streams: 200, replay: 128KiB"],
        ["open    listeners.public.limits.replay: 64KiB -> 128KiB", "open    listeners.public.limits.streams: 100 -> 200"], 4),
    "no redirection": (["trusted_proxies", "redirect_to_https: 443, trusted_proxies"],
                       ["tight   listeners.public: redirect_to_https is on: nobody is served without TLS"], 0),
    "the log": (["apis:", "log: { level: debug }\napis:"], ["other   log.level: info -> debug"], 0),
    "quotas that no process keeps": (["quotas: { file: quotas.db }\n", ""], ['open    quotas.file: "quotas.db" -> ""'], 4),
    "no metrics": (["apis:", "metrics: { enabled: false }\napis:"], ["other   metrics.enabled: true -> false"], 0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_by_what_it_does(tmp_path: Path, name: str) -> None:
    changes, lines, code = CHANGES[name]
    done = diff(tmp_path, CONFIG, changed(*changes))
    assert done.returncode == code, done.stdout + done.stderr
    if lines is not None:
        assert done.stdout.splitlines() == lines
        assert "error" not in done.stderr
    assert "hunter2" not in done.stdout


# What changes in `tls` of an upstream: before, after, the lines, the exit code.
TLS_CHANGES = {
    "it is gone": ("tls: {}", "", ["open    upstreams.next.tls is gone: nothing is encrypted"], 4),
    "anybody is believed": ("tls: {}", "tls: { verify: false }", ["open    upstreams.next.tls.verify: true -> false"], 4),
    "anybody is believed from the start": ("", "tls: { verify: false }",
                                           ["open    upstreams.next.tls.verify: true -> false",
                                            "tight   upstreams.next.tls is new"], 4),
    "nobody is believed any more": ("tls: { verify: false }", "tls: {}",
                                    ["tight   upstreams.next.tls.verify: false -> true"], 0),
    "another authority": ("tls: {}", "tls: { ca: ca.pem }", ["open    upstreams.next.tls.ca: \"\" -> \"ca.pem\""], 4),
    "another name": ("tls: {}", "tls: { server_name: b.test }",
                     ["open    upstreams.next.tls.server_name: \"\" -> \"b.test\""], 4),
    "the same": ("tls: {}", "tls: { verify: true }", [], 0),
}


@pytest.mark.parametrize("name", TLS_CHANGES)
def test_whom_an_upstream_may_be_is_told(tmp_path: Path, name: str) -> None:
    before, after, lines, code = TLS_CHANGES[name]
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    texts = [changed('"10.0.0.6:80"]', f'"10.0.0.6:80"]{tls and ", "}{tls}') for tls in (before, after)]
    done = diff(tmp_path, *texts)
    assert (done.stdout.splitlines(), done.returncode) == (lines, code), done.stderr


@pytest.mark.parametrize("changes", [
    [],
    ["1MiB", "1024KiB"],
    ["body: 1MiB", "body: 1MiB, headers: 100"],
    ["quotas:", "limits: { lag: 500ms, memory: 0 }\nquotas:"],
    ["[GET, POST]", "[POST, GET]"],
    ["allow: [10.0.0.0/8]", 'allow: ["10.0.0.0/8"]'],
    ["upstream: orders\n", "upstream: orders # the same\n"],
    ["  door: { ip: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] } }\n", "",
     "{ use: door }", "{ ip: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] } }"],
    ['one: { match: { path: "/{id}" } }', 'one: { match: { path: "/{number}" } }'],
    ["policies: [ { respond", "policies: [ { respond"],
])
def test_what_no_request_notices_is_not_told(tmp_path: Path, changes: list[str]) -> None:
    done = diff(tmp_path, CONFIG, changed(*changes))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


KNOWN = """
listeners: { public: { address: 127.0.0.1:8080 } }
consumers: { alice: { groups: [a] }, bob: {} }
consumers_from: [one.jsonl]
apis: { all: { policies: [ api_key: {}, respond: {} ] } }
"""

# What changes in who is known: texts of the configuration, lines of the new one's file, the lines, the exit code.
KNOWN_CHANGES = {
    "nothing": ([], '{"name": "carol", "groups": ["c"]}', [], 0),
    "one more in the file": ([], '{"name": "carol", "groups": ["c"]}\n{"name": "dave"}', ["open    consumers.dave is new"], 4),
    "one less in the file": ([], "", ["tight   consumers.carol is gone"], 0),
    "other groups in the file": ([], '{"name": "carol", "groups": ["d"]}',
                                 ["open    consumers.carol.groups: added d", "tight   consumers.carol.groups: removed c"], 4),
    "one more in the configuration": (["bob: {}", "bob: {}, eve: {}"], '{"name": "carol", "groups": ["c"]}',
                                      ["open    consumers.eve is new"], 4),
    "more groups in the configuration": (["[a]", "[a, b]"], '{"name": "carol", "groups": ["c"]}',
                                         ["open    consumers.alice.groups: added b"], 4),
    "one that moves": (["alice: { groups: [a] }, ", ""],
                       '{"name": "carol", "groups": ["c"]}\n{"name": "alice", "groups": ["a", "b"]}',
                       ["open    consumers.alice.groups: added b"], 4),
    "another file": (["[one.jsonl]", "[one.jsonl, two.jsonl]"], '{"name": "carol", "groups": ["c"]}',
                     ["open    consumers_from: changed"], 4),
    "no file": (["consumers_from: [one.jsonl]\n", ""], "", ["tight   consumers.carol is gone", "other   consumers_from: changed"], 0),
}


@pytest.mark.parametrize("name", KNOWN_CHANGES)
def test_who_is_known_is_told_wherever_it_stands(tmp_path: Path, name: str) -> None:
    changes, file, lines, code = KNOWN_CHANGES[name]
    new = KNOWN.replace(*changes) if changes else KNOWN
    for folder, text, known in (("old", KNOWN, '{"name": "carol", "groups": ["c"]}'), ("new", new, file)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "c.yaml").write_text(text, encoding="utf-8")
        (tmp_path / folder / "one.jsonl").write_text(known + "\n", encoding="utf-8")
        (tmp_path / folder / "two.jsonl").write_text("", encoding="utf-8")
    done = run_command("diff", "old/c.yaml", "new/c.yaml", cwd=tmp_path)
    assert (done.stdout.splitlines(), done.returncode) == (lines, code), done.stderr


def test_a_secret_that_is_written_out_is_not_told(tmp_path: Path) -> None:
    old = changed("A: b } } } } ]", "A: b } } } }, { jwt: { issuer: a.test, audience: a, secret: "
                  "hunter2hunter2hunter2hunter2hunter2 } } ]")
    done = diff(tmp_path, old, old.replace("secret: h", "secret: X"))
    assert "unter2" not in done.stdout and "secret: changed" in done.stdout, done.stdout + done.stderr


SHARED = """
listeners: { public: { address: 127.0.0.1:8080 } }
upstreams: { app: { endpoints: ["10.0.0.5:80"] } }
policies:
  auth: { forward_auth: { url: https://auth.internal:9000/check, forward: [X-User] } }
  browsers: { cors: { origins: ["https://a.test"], methods: [GET] } }
  safe: { security_headers: {} }
  block: { respond: { status: 403 } }
apis:
  a: { path: /a, upstream: app, policies: [ { use: auth }, { use: browsers }, { use: safe } ] }
  b: { path: /b, upstream: app, policies: [ { use: auth }, { use: block, when: 'request.path.startsWith("/b/admin")' } ] }
"""

# What several APIs share is told for each of them that loses it, and options once, with the first.
SHARED_CHANGES = {
    "one reports only": (["/b, upstream: app, policies: [ { use: auth }", "/b, upstream: app, policies: [ { use: auth, report: true }"],
                         ["public  b: auth: report: it refuses nothing any more"], 4),
    "one asks sometimes": (["/b, upstream: app, policies: [ { use: auth }",
                            "/b, upstream: app, policies: [ { use: auth, when: 'request.method == \"GET\"' }"],
                           ['public  b: auth: when: always -> request.method == "GET"'], 4),
    "both lose it": (["/a, upstream: app, policies: [ { use: auth }, ", "/a, upstream: app, policies: [ ",
                      "/b, upstream: app, policies: [ { use: auth }, ", "/b, upstream: app, policies: [ "],
                     ["public  a: auth is gone", "public  b: auth is gone"], 4),
    "clients may say who they are": ([", forward: [X-User]", ""], ["open    a: auth.forward: removed X-User"], 4),
    "any method": ([", methods: [GET]", ""], ["open    a: browsers.methods: removed GET"], 4),
    "any field less": (["methods: [GET]", "methods: [GET], headers: [X-A]"], ["open    a: browsers.headers: added X-A"], 4),
    "no transport security": (["security_headers: {}", "security_headers: { hsts: off }"],
                              ["open    a: safe.hsts: added off"], 4),
    "nothing is blocked": ([", { use: block, when: 'request.path.startsWith(\"/b/admin\")' }", ""],
                           [ROUTE + "b: block is gone"], 3),
    "less is blocked": (["/b/admin", "/b/admin/x"],
                        [ROUTE + 'b: block: when: request.path.startsWith("/b/admin") -> '
                                 'request.path.startsWith("/b/admin/x")'], 3),
}


@pytest.mark.parametrize("name", SHARED_CHANGES)
def test_what_several_have_in_common_hides_nothing(tmp_path: Path, name: str) -> None:
    changes, lines, code = SHARED_CHANGES[name]
    after = SHARED
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in after
        after = after.replace(old, new, 1)
    done = diff(tmp_path, SHARED, after)
    assert (done.returncode, done.stdout.splitlines()) == (code, lines), done.stderr


GUARDED = """
listeners: { public: { address: 127.0.0.1:8080 } }
upstreams: { app: { endpoints: ["10.0.0.5:80"] } }
admin: { address: 127.0.0.1:9901, token: "sha256:%s" }
store: { redis: 127.0.0.1:6379, on_failure: deny, tls: {} }
log: { access: { redact: [pin, word] } }
apis:
  a:
    upstream: app
    policies:
      - request_id: {}
      - compress: {}
      - headers: { request: { set: { X-Role: user, X-Team: a }, remove: [X-A, X-B] }, response: { set: { X-C: c }, remove: [Server, X-D] } }
      - rewrite: { query: { set: { role: user }, remove: [admin, root] } }
      - api_key: { from: { header: X-Key } }
  b: { path: /b, upstream: app, policies: [ { headers: { request: { remove: [X-B] } } } ] }
  c: { path: /c, upstream: app, policies: [ { headers: { request: { add: { X-E: e } } } } ] }
  e: { path: /e, upstream: app, policies: [ { authorize: { when: 'request.query.key == "hunter2"' } } ] }
  f: { path: /f, upstream: app, policies: [ { authorize: { when: 'request.method == "GET"', groups: [a] } } ] }
  g: { path: "/g/{role}", upstream: app, policies: [ { headers: { request: { set: { X-Role: guest } } } } ] }
  h: { path: /h, upstream: app, policies: [ { cors: { origins: ["*"] }, when: 'request.path == "/h/a"' } ] }
  d: { path: /d, upstream: app, policies: [ { jwt: { issuer: me, audience: a, secret: "only a secret of a test: 32 bytes", algorithms: [HS512] } } ] }
""" % ("0" * 64)

# What opens something though no policy that guards is concerned, and what does not.
GUARDED_CHANGES = {
    "anybody may administer": ([', token: "sha256:' + "0" * 64 + '"', ""], ["open    admin.token: gone"], 4),
    "others may administer": (["sha256:0", "sha256:1"], ["open    admin.token: changed"], 4),
    "another admin address": (["9901", "9902"], ['other   admin.address: "127.0.0.1:9901" -> "127.0.0.1:9902"'], 0),
    "the admin address is a file's": (["127.0.0.1:9901", "unix:/tmp/a.sock"], ['other   admin.address: "127.0.0.1:9901" -> "unix:/tmp/a.sock"'], 0),
    "no admin address": (['admin: { address: 127.0.0.1:9901, token: "sha256:' + "0" * 64 + '" }\n', ""], ["tight   admin is gone"], 0),
    "limits let in while Redis is down": (["on_failure: deny", "on_failure: allow"], ["open    store.on_failure: deny -> allow"], 4),
    "limits count by themselves while Redis is down": (["on_failure: deny, ", ""], ["open    store.on_failure: deny -> local"], 4),
    "nothing to Redis is encrypted": ([", tls: {}", ""], ["open    store.tls is gone: nothing is encrypted"], 4),
    "any Redis is believed": (["tls: {}", "tls: { verify: false }"], ["open    store.tls.verify: true -> false"], 4),
    "another Redis": (["6379", "6380"], ["open    store.redis: added 127.0.0.1:6380, removed 127.0.0.1:6379"], 4),
    "other keys in Redis": (["on_failure: deny", "on_failure: deny, prefix: 'b:'"], ['open    store.prefix: "gatehouse" -> "b:"'], 4),
    "another database of Redis": (["on_failure: deny", "on_failure: deny, database: 2"], ["open    store.database: 0 -> 2"], 4),
    "each counts for itself": (["store: { redis: 127.0.0.1:6379, on_failure: deny, tls: {} }\n", ""], ["open    store: redis -> local"], 4),
    "more is logged": (["[pin, word]", "[pin]"], ["open    log.access.redact: removed word"], 4),
    "less is logged": (["[pin, word]", "[pin, word, nip]"], ["tight   log.access.redact: added nip"], 0),
    "clients choose ids": (["request_id: {}", "request_id: { trust: true }"], ["open    a: request_id.trust: false -> true"], 4),
    "no ids": (["      - request_id: {}\n", ""], ["other   a: request_id is gone"], 0),
    "secrets by their length": (["compress: {}", "compress: { with_credentials: true }"],
                                ["open    a: compress.with_credentials: false -> true"], 4),
    "no compression": (["      - compress: {}\n", ""], ["other   a: compress is gone"], 0),
    "compression of everything": (["c, upstream: app, policies: [", "c, upstream: app, policies: [ compress: { with_credentials: true }, "],
                                  ["open    c: compress is new"], 4),
    "compression": (["c, upstream: app, policies: [", "c, upstream: app, policies: [ compress: {}, "], ["other   c: compress is new"], 0),
    "fewer fields are kept from the service": (["[X-A, X-B]", "[X-A]"], ["open    a: headers.request.remove: removed X-B"], 4),
    "more fields are kept from the service": (["[X-A, X-B]", "[X-A, X-B, X-Z]"], ["tight   a: headers.request.remove: added X-Z"], 0),
    "a field is the client's again": (["X-Role: user, ", ""], ["open    a: headers.request.set: removed X-Role: user"], 4),
    "a field has another value": (["X-Role: user, ", "x-role: admin, "],
                                  ["other   a: headers.request.set: added x-role: admin, removed X-Role: user"], 0),
    "a field is a part of the path": (["X-Role: guest", 'X-Role: "${path.role}"'],
                                      ["open    g: headers.request.set: added X-Role: ${path.role}, removed X-Role: guest"], 4),
    "pages may read elsewhere": (["== \"/h/a\"", "!= \"/h/a\""],
                                 ['open    h: cors: when: request.path == "/h/a" -> request.path != "/h/a"'], 4),
    "a field is whatever clients say": (["X-Role: user, ", 'X-Role: "${request.header.X-As}", '],
                                        ["open    a: headers.request.set: added X-Role: ${request.header.X-As}, removed X-Role: user"], 4),
    "names in other letters": (["[X-A, X-B]", "[x-a, X-B]"], ["other   a: headers.request.remove: added x-a, removed X-A"], 0),
    "names by how they begin": (["[X-A, X-B]", '["X-*"]'], ["tight   a: headers.request.remove: added X-*, removed X-A, X-B"], 0),
    "names in yet other letters": (["[X-A, X-B]", "[X_A, x-b]"], ["tight   a: headers.request.remove: added X_A, x-b, removed X-A, X-B"], 0),
    "a field is removed in place of set": (["X-Role: user, X-Team: a }, remove: [X-A, X-B]", "X-Team: a }, remove: [X-A, X-B, X-R*]"],
                                           ["tight   a: headers.request.remove: added X-R*", "other   a: headers.request.set: removed X-Role: user"], 0),
    "a field is set in place of removed": (["X-Team: a }, remove: [X-A, X-B]", "X-Team: a, X-B: b }, remove: [X-A]"],
                                           ["tight   a: headers.request.set: added X-B: b", "other   a: headers.request.remove: removed X-B"], 0),
    "a field is what clients say in place of removed": (
        ["X-Team: a }, remove: [X-A, X-B]", 'X-Team: a, X-B: "${request.header.X-C}" }, remove: [X-A]'],
        ["open    a: headers.request.remove: removed X-B", "tight   a: headers.request.set: added X-B: ${request.header.X-C}"], 4),
    "fewer names by how they begin": (["[X-A, X-B]", '["X-A*"]'], ["open    a: headers.request.remove: added X-A*, removed X-A, X-B"], 4),
    "parameters in other letters": (["[pin, word]", "[PIN, word]"], ["other   log.access.redact: added PIN, removed pin"], 0),
    "a field of the answer is not set": (["response: { set: { X-C: c }, ", "response: { "],
                                         ["other   a: headers.response.set: removed X-C: c"], 0),
    "clients see more": (["[Server, X-D]", "[Server]"], ["open    a: headers.response.remove: removed X-D"], 4),
    "a parameter is the client's again": (["set: { role: user }, ", ""], ["open    a: rewrite.query.set: removed role: user"], 4),
    "more parameters pass": (["[admin, root]", "[admin]"], ["open    a: rewrite.query.remove: removed root"], 4),
    "no field is kept from the service": (["{ headers: { request: { remove: [X-B] } } }", ""], ["open    b: headers is gone"], 4),
    "a field is kept from the service": (["{ headers: { request: { add: { X-E: e } } } }",
                                          "{ headers: { request: { add: { X-E: e } } } }, { headers: { request: { remove: [X-F] } } }"],
                                         ["tight   c: headers is new"], 0),
    "a field is not added": (["{ headers: { request: { add: { X-E: e } } } }", ""], ["other   c: headers is gone"], 0),
    "fields pass sometimes": (["{ headers: { request: { remove: [X-B] } } }", "{ headers: { request: { remove: [X-B] } }, when: 'request.method == \"GET\"' }"],
                              ['open    b: headers: when: always -> request.method == "GET"'], 4),
    "a key elsewhere": (["header: X-Key", "header: X-Other"], ['open    a: api_key.from.header: "X-Key" -> "X-Other"'], 4),
    "a key under a name in other letters": (["header: X-Key", "header: x-key"], ['other   a: api_key.from.header: "X-Key" -> "x-key"'], 0),
    "another key in a condition": (["hunter2", "hunter3"],
                                   ['open    e: authorize.when: request.query["key"] == "***" -> request.query["key"] == "***"'], 4),
    "another condition": (["request.method", "request.path"],
                          ['open    f: authorize.when: request.method == "GET" -> request.path == "GET"'], 4),
    "a condition that is written otherwise": (["'request.method == \"GET\"'", "(request.method=='GET')"], [], 0),
    "no condition": (["when: 'request.method == \"GET\"', ", ""], ['open    f: authorize.when: request.method == "GET" -> none'], 4),
    "any algorithm": ([", algorithms: [HS512]", ""], ["open    d: jwt.algorithms: removed HS512"], 4),
}


@pytest.mark.parametrize("name", GUARDED_CHANGES)
def test_what_opens_something_beside_the_guards_is_told(tmp_path: Path, name: str) -> None:
    (old, new), lines, code = GUARDED_CHANGES[name]
    assert old in GUARDED
    done = diff(tmp_path, GUARDED, GUARDED.replace(old, new, 1))
    assert (done.returncode, done.stdout.splitlines()) == (code, lines), done.stderr
    assert "hunter" not in done.stdout


# The admin address before and after, the lines, the exit code.
ADMIN = """
listeners: { public: { address: 127.0.0.1:8080 } }
apis: { a: { policies: [ { respond: { status: 403 } } ] } }
"""
TOKEN = ', token: "sha256:' + "0" * 64 + '"'


@pytest.mark.parametrize(("before", "after", "lines", "code"), [
    ("", "admin: { address: 127.0.0.1:9901 }", ["open    admin is new, and wants no token"], 4),
    ("", f"admin: {{ address: 127.0.0.1:9901{TOKEN} }}", ["other   admin is new"], 0),
    ("", "admin: { address: 'unix:/tmp/a.sock' }", ["other   admin is new, and wants no token"], 0),
    ("admin: { address: 'unix:/tmp/a.sock' }", "admin: { address: 127.0.0.1:9901 }",
     ['open    admin.address: "unix:/tmp/a.sock" -> "127.0.0.1:9901"'], 4),
    ("admin: { address: 'unix:/tmp/a.sock' }", "admin: { address: 'unix:/tmp/b.sock' }",
     ['other   admin.address: "unix:/tmp/a.sock" -> "unix:/tmp/b.sock"'], 0),
])
def test_who_can_reach_the_admin_address_is_told(tmp_path: Path, before: str, after: str, lines: list[str], code: int) -> None:
    done = diff(tmp_path, f"{before}{ADMIN}", f"{after}{ADMIN}")
    assert (done.stdout.splitlines(), done.returncode) == (lines, code), done.stderr


TOKENS = """
listeners: { public: { address: 127.0.0.1:8080 } }
upstreams: { app: { endpoints: ["10.0.0.5:80"] } }
apis:
  a:
    upstream: app
    policies: [ { jwt: { issuer: me, audience: a, secret: "only a secret of a test: 32 bytes", strip: true, revoked: gone.txt } } ]
"""


@pytest.mark.parametrize(("old", "new", "line"), [
    ("strip: true", "strip: false", "open    a: jwt.strip: true -> false"),
    (", revoked: gone.txt", "", 'open    a: jwt.revoked: "gone.txt" -> ""'),
])
def test_what_a_token_may_no_longer_be_or_do_is_told(tmp_path: Path, old: str, new: str, line: str) -> None:
    """Services get the token that they did not get, or what was revoked is good again."""
    (tmp_path / "gone.txt").write_text("sub mallory\n", encoding="utf-8")
    done = diff(tmp_path, TOKENS, TOKENS.replace(old, new))
    assert (done.returncode, done.stdout.splitlines()) == (4, [line]), done.stderr


ASKED = """
listeners: { public: { address: 127.0.0.1:8080 } }
upstreams: { app: { endpoints: ["10.0.0.5:80"] } }
apis:
  a:
    upstream: app
    policies: [ { introspection: { url: "http://127.0.0.1:9100/i", client_id: a, client_secret: b, audience: [a, b], issuer: me } } ]
"""


@pytest.mark.parametrize(("old", "new", "code", "lines"), [
    (", audience: [a, b]", "", 4, ["open    a: introspection.audience: removed a, b"]),
    ("audience: [a, b]", "audience: any", 4, ["open    a: introspection.audience: added any, removed a, b"]),
    ("audience: [a, b]", "audience: b", 0, ["tight   a: introspection.audience: removed a"]),
    (", issuer: me", "", 4, ['open    a: introspection.issuer: "me" -> ""']),
])
def test_for_whom_tokens_are_made_is_told(tmp_path: Path, old: str, new: str, code: int, lines: list[str]) -> None:
    done = diff(tmp_path, ASKED, ASKED.replace(old, new))
    assert (done.returncode, done.stdout.splitlines()) == (code, lines), done.stderr


def test_without_authentication_anywhere_new_apis_are_no_risk(tmp_path: Path) -> None:
    before = CONFIG.replace(AUTH + ", ", "")
    done = diff(tmp_path, before, before.replace("  hello:", "  bye: { path: /bye, upstream: next }\n  hello:"))
    assert done.returncode == 3
    assert done.stdout.splitlines() == [ROUTE + "GET http://gw-probe.invalid/bye: nobody (404) -> bye"]


def test_a_rule_that_is_never_reached_is_told(tmp_path: Path) -> None:
    """`{}` goes before `*`, so the older rule is dead; that it was dead before is no change."""
    before = CONFIG.replace("    routes:\n", '    routes:\n      star: { match: { path: "/s/*" } }\n')
    after = before.replace("    routes:\n", '    routes:\n      name: { match: { path: "/s/{id}" } }\n')
    done = diff(tmp_path, before, after)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "route   GET http://api.example.com/orders/s/gw-probe: orders/star -> orders/name",
        "shadow  orders/star: no request reaches it; orders/name answers GET http://api.example.com/orders/s/gw-probe"]
    assert "shadow" not in diff(tmp_path, after, after.replace("A: b", "A: c")).stdout


def test_a_rule_that_others_leave_something_to_is_no_shadow(tmp_path: Path) -> None:
    before = CONFIG.replace("    routes:\n", '    routes:\n      plain: { match: { path: /s } }\n')
    after = before.replace("    routes:\n", '    routes:\n      without: { match: { path: /s, headers: { X-Old: "!" } } }\n')
    done = diff(tmp_path, before, after)
    assert "route   GET http://api.example.com/orders/s: orders/plain -> orders/without" in done.stdout
    assert "shadow" not in done.stdout


def test_the_riskiest_stands_first(tmp_path: Path) -> None:
    done = diff(tmp_path, CONFIG, changed("body: 1MiB", "body: 1KiB", "A: b", "A: c", "upstream: next", "upstream: orders",
                                          "{ use: door }, ", ""))
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["open", "route", "tight", "other"]
    assert done.returncode == 4


def test_two_policies_of_a_kind_in_another_order_are_the_same(tmp_path: Path) -> None:
    one, other = ("{ headers: { request: { remove: [%s] } } }" % name for name in ("X-A", "X-B"))
    before, after = (changed("{ use: door }, ", f"{{ use: door }}, {first}, {second}, ") for first, second in ((one, other), (other, one)))
    done = diff(tmp_path, before, after)
    assert (done.stdout.splitlines(), done.returncode) == (["other   orders: policies run in another order"], 0)


def test_mistakes_in_either_are_told(tmp_path: Path) -> None:
    bad = changed("use: door", "use: dor")
    for before, after in ((bad, CONFIG), (CONFIG, bad)):
        done = diff(tmp_path, before, after)
        assert done.returncode == 1 and not done.stdout
        assert 'no policy is named "dor"; did you mean "door"?' in done.stderr
    done = run_command("diff", "none.yaml", "old.yaml", cwd=tmp_path)
    assert done.returncode == 1 and "none.yaml" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["a.yaml"], ["a.yaml", "b.yaml", "c.yaml"]])
def test_misuse(arguments: list[str]) -> None:
    done = run_command("diff", *arguments)
    assert done.returncode == 2 and "want two configurations" in done.stderr


def test_many_routes_that_inherit_the_same_are_one_line(tmp_path: Path) -> None:
    routes = "".join(f"      r{i}: {{ match: {{ path: /r{i}/x }}, policies: [ {{ request_id: {{}} }} ] }}\n" for i in range(200))
    before = CONFIG.replace("    routes:\n", f"    routes:\n{routes}")
    after = before.replace("{ use: door }, ", "").replace("[GET, POST]", "[GET]").replace("    upstream: orders", "    upstream: next")
    done = diff(tmp_path, before, after)
    assert done.stdout.splitlines() == [
        "open    orders: door is gone",
        "route   POST http://api.example.com/orders: orders -> nobody (405)",
        "route   orders: upstream orders -> upstream next"]
