# SPDX-License-Identifier: Apache-2.0
"""The admin address: what it tells and does, and whom it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway, run_command
from simple import echo, rss
from upstream import Upstream
from wire import DEADLINE, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

TOKEN = "correct horse battery staple"
HASH = "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()
BEARER = ("-H", f"Authorization: Bearer {TOKEN}")


def config(*endpoints: str, **more: Any) -> dict[str, Any]:
    """One upstream, one API, an admin address."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": list(endpoints) or ["127.0.0.1:1"]}},
        "apis": {"all": {"upstream": "app"}},
        "admin": {"address": "127.0.0.1:0"},
        **more,
    }


def test_health(gateway: StartGateway) -> None:
    admin = Admin(gateway(config()))
    for path, body in (("/healthz", b"ok\n"), ("/readyz", b"ready\n"), ("/readyz?verbose", b"ready\n")):
        said = admin.get(path)
        assert (said.status, said.body) == (200, body)
        assert said.fields["cache-control"] == "no-store"
    assert admin.ask("HEAD", "/healthz").status == 200


def test_not_ready_while_it_drains(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream(echo).address))
    admin = Admin(running)
    with running.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1\r\n\r\n")
        wait_until(lambda: admin.metrics()["http_server_active_requests"] == 1, "the request to be under way")
        running.send_signal(15)
        running.wait_for_message("draining")
        assert (admin.get("/readyz").status, admin.get("/healthz").status) == (503, 200)
        client.send(b"x")
        assert client.read_answer().status == 200
    assert running.wait() == 0


@pytest.mark.parametrize(("method", "path", "status", "allow"), [
    ("GET", "/nothing", 404, None), ("GET", "/v1", 404, None), ("GET", "/v1/config/", 404, None), ("GET", "//healthz", 404, None),
    ("GET", "/v1/../healthz", 404, None), ("GET", "/%68ealthz", 404, None), ("POST", "/v1/upstreams/", 404, None),
    ("POST", "/healthz", 405, "GET, HEAD"), ("DELETE", "/v1/config", 405, None), ("PUT", "/metrics", 405, None),
    ("GET", "/v1/reload", 405, "POST"), ("HEAD", "/v1/check", 405, "POST"), ("OPTIONS", "/v1/apis", 405, None),
    ("GET", "/v1/upstreams/app/endpoints/127.0.0.1:1/drain", 405, "POST"), ("BREW", "/healthz", 405, None),
])
def test_what_is_not_there(gateway: StartGateway, method: str, path: str, status: int, allow: str | None) -> None:
    said = Admin(gateway(config())).ask(method, path)
    assert said.status == status
    if method != "HEAD":
        assert said.fields["content-type"] == "application/problem+json"
        assert said.json["status"] == status
    if allow:
        assert said.fields["allow"] == allow


def test_consumers_are_listed_without_their_credentials(gateway: StartGateway) -> None:
    secret = "sha256:" + "ab" * 32
    document = config(consumers={"acme": {"groups": ["partners", "x"], "api_keys": [secret]}, "globex": {}})
    said = Admin(gateway(document)).get("/v1/consumers")
    assert sorted(said.json["consumers"], key=lambda consumer: consumer["name"]) == [
        {"name": "acme", "groups": ["partners", "x"], "password": False}, {"name": "globex", "groups": [], "password": False}]
    assert said.json["total"] == 2 and "abab" not in said.body.decode()


def test_apis(gateway: StartGateway) -> None:
    document = config(apis={"orders": {
        "hosts": ["a.test", "*.b.test"], "path": "/o", "methods": ["GET", "DELETE"], "upstream": "app",
        "policies": [{"use": "tidy"}, {"respond": {"status": 204}, "when": 'request.method == "POST"'}],
        "routes": {"one": {"match": {"path": "/{id}", "headers": {"Authorization": "secret-word"}}, "policies": [{"request_id": {}}]}},
    }}, policies={"tidy": {"headers": {"request": {"remove": ["X-A"]}}}})
    said = Admin(gateway(document)).get("/v1/apis")
    assert said.fields["content-type"] == "application/json"
    tidy = {"name": "tidy", "kind": "headers"}
    respond = {"name": "respond", "kind": "respond", "when": True}
    assert said.json == {"generation": 1, "apis": [{
        "name": "orders", "hosts": ["a.test", "*.b.test"], "path": "/o", "methods": ["GET", "DELETE"], "upstream": "app",
        "policies": [tidy, respond],
        "routes": [{"name": "one", "match": {"path": "/{id}", "headers": {"Authorization": "***"}}, "upstream": "app",
                    "policies": [tidy, respond, {"name": "request_id", "kind": "request_id"}]}],
    }]}


def test_upstreams_tell_load_and_latency(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, "127.0.0.1:1"))
    admin = Admin(running)
    for _ in range(4):
        assert running.get().status == 200
    running.wait_for_log(4)
    told = admin.get("/v1/upstreams").json["upstreams"]
    assert [item["name"] for item in told] == ["app"]
    good, bad = told[0]["endpoints"]
    assert (good["address"], good["weight"], good["backup"], good["drained"], good["active"]) == \
        (service.address, 1, False, False, 0)
    assert good["requests"]["success"] == 4 and good["latency_ms"] > 0
    assert bad["requests"]["success"] == 0 and bad["latency_ms"] is None
    assert bad["requests"]["connect_failed"] >= 1


def test_drain_and_enable(upstream: StartUpstream, gateway: StartGateway) -> None:
    one, other = upstream(echo), upstream(echo)
    running = gateway(config(one.address, other.address))
    admin = Admin(running)
    path = f"/v1/upstreams/app/endpoints/{one.address}"
    up = f'gatehouse_upstream_endpoint_up{{upstream="app",endpoint="{one.address}"}}'
    assert admin.metrics()[up] == 1
    said = admin.post(f"{path}/drain")
    assert (said.status, said.json["drained"]) == (200, True)
    assert admin.metrics()[up] == 0
    for _ in range(6):
        assert running.get().status == 200
    assert (len(one.requests), len(other.requests)) == (0, 6)
    admin.post(f"/v1/upstreams/app/endpoints/{other.address}/drain")
    assert running.get().status == 503
    assert running.wait_for_log(7)[6]["reason"] == "no_endpoint"
    assert admin.post(f"{path}/enable").json["drained"] is False
    for _ in range(3):
        assert running.get().status == 200
    assert len(one.requests) == 3
    assert f"endpoint {one.address} of upstream app is drained" in running.errors


def test_a_drained_endpoint_stays_drained_over_a_reload(upstream: StartUpstream, gateway: StartGateway) -> None:
    one, other = upstream(echo), upstream(echo)
    document = config(one.address, other.address)
    running = gateway(document)
    admin = Admin(running)
    admin.post(f"/v1/upstreams/app/endpoints/{one.address}/drain")
    running.write_config({**document, "workers": 1, "apis": {"all": {"upstream": "app"}, "more": {"path": "/more", "upstream": "app"}}})
    assert admin.post("/v1/reload").json["outcome"] == "applied"
    for _ in range(4):
        assert running.get().status == 200
    assert len(one.requests) == 0


@pytest.mark.parametrize("path", [
    "/v1/upstreams/none/endpoints/127.0.0.1:1/drain", "/v1/upstreams/app/endpoints/127.0.0.1:2/drain",
    "/v1/upstreams/app/endpoints/127.0.0.1:1/stop", "/v1/upstreams/app/endpoints//drain", "/v1/upstreams/app/127.0.0.1:1/drain",
    "/v1/upstreams/app/endpoints/127.0.0.1:1", "/v1/upstreams/" + "x" * 3000 + "/endpoints/127.0.0.1:1/drain",
])
def test_endpoints_that_are_not_there(gateway: StartGateway, path: str) -> None:
    admin = Admin(gateway(config()))
    assert admin.post(path).status == 404
    assert admin.get("/v1/upstreams").json["upstreams"][0]["endpoints"][0]["drained"] is False


def test_an_endpoint_that_is_a_path(gateway: StartGateway, tmp_path: Path) -> None:
    where = f"unix:{tmp_path}/a b.sock"
    admin = Admin(gateway(config(where)))
    for path in (where.replace(" ", "%20"), where.replace("/", "%2F").replace(" ", "%20")):
        said = admin.post(f"/v1/upstreams/app/endpoints/{path}/drain")
        assert (said.status, said.json["endpoint"]) == (200, where)


# Reload and check.

def test_reload(gateway: StartGateway) -> None:
    document = config(workers=1)
    running = gateway(document)
    admin = Admin(running)
    assert admin.post("/v1/reload").json == {"outcome": "unchanged", "generation": 1, "errors": [], "warnings": []}
    running.write_config({**document, "apis": {"other": {"upstream": "app"}}})
    assert admin.post("/v1/reload").json["generation"] == 2
    assert admin.get("/v1/apis").json["apis"][0]["name"] == "other"
    running.write_config({**document, "apis": {"other": {"upstream": "none"}}})
    refused = admin.post("/v1/reload")
    assert refused.status == 422
    assert (refused.json["outcome"], refused.json["generation"]) == ("refused", 2)
    assert "no upstream is named" in refused.json["errors"][0]
    assert admin.get("/v1/apis").json["apis"][0]["name"] == "other"
    metrics = admin.metrics()
    assert [metrics[f'gatehouse_config_reloads_total{{outcome="{word}"}}'] for word in ("success", "failure", "unchanged")] == [1, 1, 1]
    assert metrics["gatehouse_config_generation"] == 2


def test_check(gateway: StartGateway) -> None:
    running = gateway(config())
    admin = Admin(running)
    good = admin.post("/v1/check", body=b"listeners: { a: { address: '127.0.0.1:0' } }\n")
    assert (good.status, good.json["outcome"], good.json["errors"]) == (200, "good", [])
    bad = admin.post("/v1/check", body=b"listeners: { a: { address: 'x' } }\nnonsense: 1\n")
    assert (bad.status, bad.json["outcome"], len(bad.json["errors"])) == (422, "refused", 2)
    assert bad.json["errors"][0].startswith("candidate.yaml:1:28: listeners.a.address: ")
    assert admin.post("/v1/check", body=b"a: [").status == 422
    assert admin.post("/v1/check", body=b"").status == 400
    assert admin.get("/v1/config").json["generation"] == 1
    assert admin.metrics()['gatehouse_config_reloads_total{outcome="failure"}'] == 0


def test_check_does_not_read_files_to_whoever_asks(gateway: StartGateway, tmp_path: Path) -> None:
    (tmp_path / "private.yaml").write_text("very-secret-word: another-secret-word\n", encoding="utf-8")
    admin = Admin(gateway(config(), env={"SECRET": "third-secret-word"}))
    said = admin.post("/v1/check", body=f"""
include: [../private.yaml, /etc/passwd]
workers: "${{file:{tmp_path}/private.yaml}}"
log: {{ level: "${{SECRET}}" }}
""".encode())
    assert said.status == 422
    assert len(said.json["errors"]) >= 3
    assert any("private.yaml" in line and "not part of the candidate" in line for line in said.json["errors"]), said
    assert b"secret-word" not in said.body and b"root:" not in said.body


def test_a_reload_moves_the_admin_address(gateway: StartGateway, tmp_path: Path) -> None:
    document = config(workers=1)
    running = gateway(document)
    admin = Admin(running)
    path = str(tmp_path / "admin.sock")
    running.write_config({**document, "admin": {"address": f"unix:{path}"}})
    assert admin.post("/v1/reload").json["outcome"] == "applied"  # which the old address answers
    running.wait_for_message(f"admin listening on unix:{path}")
    moved = Admin(running, unix=path)
    assert moved.get("/healthz").status == 200
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", admin.port), DEADLINE)
    running.write_config({name: value for name, value in document.items() if name != "admin"})
    assert moved.post("/v1/reload").json["outcome"] == "applied"
    running.wait_for_message("admin listening no more")
    with pytest.raises(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_an_address_that_cannot_be_had(gateway: StartGateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        document = config(workers=1)
        running = gateway(document)
        admin = Admin(running)
        running.write_config({**document, "admin": {"address": f"127.0.0.1:{taken.getsockname()[1]}"}})
        admin.post("/v1/reload")
        assert "Address already in use" in running.wait_for_message("admin: cannot listen on")
        assert admin.get("/healthz").status == 200


# Who is refused.

def test_the_token(gateway: StartGateway) -> None:
    admin = Admin(gateway(config(admin={"address": "127.0.0.1:0", "token": HASH})))
    assert admin.get("/healthz").status == 200
    assert admin.get("/readyz").status == 200
    for path in ("/metrics", "/v1/config", "/nothing", "/v1/reload"):
        for more in ((), ("-H", "Authorization: Bearer wrong"), ("-H", f"Authorization: Bearer {TOKEN}x"),
                     ("-H", f"Authorization: Bearer {HASH}"), ("-H", f"Authorization: Basic {TOKEN}"), ("-H", "Authorization: Bearer "),
                     ("-H", f"X-Token: {TOKEN}")):
            said = admin.get(path, *more)
            assert said.status == 401, (path, more)
            assert said.fields["www-authenticate"].startswith("Bearer")
    assert admin.get("/metrics", *BEARER).status == 200
    assert admin.get("/nothing", *BEARER).status == 404
    assert admin.post("/v1/check", body=b"a: 1").status == 401
    shown = admin.get("/v1/config", *BEARER).body
    assert HASH.encode() not in shown and HASH[7:].encode() not in shown


@pytest.mark.parametrize("fields", [
    ["Host: evil.example"], ["Host: localhost.evil.example"], ["Host: 10.0.0.1"], ["Host: 127.0.0.1.evil.example:9901"],
    ["Origin: http://evil.example"], ["Origin: null"], ["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"],
    ["Via: 1.1 somebody"], ["Forwarded: for=10.0.0.1"], ["X-Forwarded-For: 10.0.0.1"],
])
def test_whom_it_refuses(gateway: StartGateway, fields: list[str]) -> None:
    admin = Admin(gateway(config()))
    more = [part for field in fields for part in ("-H", field)]
    for method, path in (("GET", "/v1/config"), ("POST", "/v1/reload"), ("GET", "/healthz"), ("GET", "/metrics")):
        said = admin.ask(method, path, *more)
        assert said.status == 403, said
        assert b"generation" not in said.body


def test_pages_of_its_own_are_served(gateway: StartGateway) -> None:
    admin = Admin(gateway(config()))
    for more in (("-H", f"Origin: http://{admin.where}"), ("-H", "Sec-Fetch-Site: same-origin"), ("-H", "Host: LOCALHOST:1"),
                 ("-H", "Host: [::1]:9901"), ("-H", "Host: 127.8.8.8")):
        assert admin.get("/v1/apis", *more).status == 200


def test_no_route_leads_there(gateway: StartGateway) -> None:
    """A name that DNS leads to the loopback: the configuration cannot know, the admin address does."""
    document = config(workers=1)
    running = gateway(document)
    port = Admin(running).port
    running.write_config({**document, "upstreams": {"app": {"endpoints": [f"{socket.gethostname()}:{port}", f"127.0.0.1:{port}"]}},
                          "admin": {"address": f"unix:{running.path.parent}/a.sock"}})
    said = Admin(running).post("/v1/reload")
    assert said.json["outcome"] == "applied"
    # And the other way round: the address is the endpoint's already.
    running.write_config({**document, "admin": {"address": f"127.0.0.1:{port}"},
                          "upstreams": {"app": {"endpoints": [f"localhost:{port}", f"127.0.0.1:{port}"]}}})
    refused = Admin(running, unix=f"{running.path.parent}/a.sock").post("/v1/reload")
    assert len(refused.json["errors"]) == 2
    assert all("leads to the admin address" in line for line in refused.json["errors"])


def test_what_the_gateway_forwards_is_refused(gateway: StartGateway) -> None:
    """Two gateways, so that the configuration of neither can tell."""
    admin = Admin(gateway(config()))
    other = gateway(config(admin.where))
    for path in ("/healthz", "/v1/config", "/metrics"):
        assert other.get(path, host="localhost").status == 403


@pytest.mark.parametrize("address", ["0.0.0.0:9901", "[::]:9901", "10.0.0.1:9901", ":9901"])
def test_it_does_not_start_where_others_could_read_it(tmp_path: Path, address: str) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(f"listeners: {{ a: {{ address: '127.0.0.1:0' }} }}\nadmin: {{ address: '{address}', token: '{HASH}' }}\n",
                    encoding="utf-8")
    for command in ("check", "run"):
        done = run_command(command, "-c", path)
        assert done.returncode == 1
        assert 'admin.address: others than this machine can reach this, so it needs "tls"; or' in done.stderr


# Hostile ones.

def test_slow_clients_do_not_keep_others_out(gateway: StartGateway) -> None:
    admin = Admin(gateway(config()))
    slow = [admin.connect() for _ in range(200)]
    for i, connection in enumerate(slow):
        connection.send(b"GET /healthz HT" if i % 2 else b"G")
    assert admin.get("/healthz").status == 200
    for connection in slow:
        connection.close()


def test_a_reader_that_does_not_read_holds_little(gateway: StartGateway) -> None:
    routes = {f"route-{i}": {"match": {"path": f"/{'x' * 60}/{i}"}} for i in range(20000)}
    running = gateway(config(apis={"all": {"upstream": "app", "routes": routes}}))
    admin = Admin(running)
    assert len(admin.get("/v1/apis").body) > 2_000_000
    before = rss(running)
    readers = [admin.connect() for _ in range(20)]
    for reader in readers:
        reader.send(b"GET /v1/apis HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert admin.get("/healthz").status == 200
    assert admin.metrics()["gatehouse_config_generation"] == 1
    assert rss(running) - before < 64 << 20
    for reader in readers:
        reader.close()


@pytest.mark.parametrize(("data", "status"), [
    (b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    (b"GET " + b"/x" * 10000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20000 + b"\r\n\r\n", b"431"),
    (b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    (b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", b"413"),
    (b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    (b"POST /v1/reload HTTP/1.1\r\nHost: evil\r\nContent-Length: 99999999\r\n\r\n", b"403"),
    (b"\x16\x03\x01\x02\x00\x01\x00", None), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
])
def test_what_is_no_request(gateway: StartGateway, data: bytes, status: bytes | None) -> None:
    running = gateway(config())
    admin = Admin(running)
    with admin.connect() as client:
        client.send(data)
        client.send_end()
        said = client.read_until_closed()
    if status:
        assert said.startswith(b"HTTP/1.1 " + status), said[:200]
    assert admin.get("/healthz").status == 200


def test_a_body_too_large_in_chunks(gateway: StartGateway) -> None:
    admin = Admin(gateway(config()))
    said = admin.post("/v1/check", "-H", "Transfer-Encoding: chunked", body=b"#" * (17 << 20))
    assert said.status == 413


def test_without_an_admin_address_there_is_none(gateway: StartGateway) -> None:
    document = config()
    del document["admin"]
    assert "admin" not in gateway(document).errors


# Secrets.

def test_no_secret_in_the_configuration(gateway: StartGateway, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("from-a-file\n", encoding="utf-8")
    document = config(admin={"address": "127.0.0.1:0", "token": HASH}, policies={
        "a": {"headers": {"request": {"set": {"Authorization": "Bearer shown-1", "X-Api-Key": "shown-2", "X-Auth-Token": "shown-3",
                                              "X-Env": "${WORD}", "X-File": f"${{file:{tmp_path}/word}}", "X-Part": "a-${WORD}-b",
                                              "X-Plain": "plain", "X-Url": "http://user:shown-4@host/", "Cookie": "s=shown-5"}}}},
        "b": {"respond": {"body": "Basic shown-6", "headers": {"Set-Cookie": "shown-7"}}},
    }, apis={"tokens": {"upstream": "app", "path": "/t", "routes": {"r": {"match": {
        "headers": {"Authorization": "~shown-8"}, "query": {"api_key": "shown-9"}, "cookies": {"sid": "shown-0"}}}}}})
    running = gateway(document, env={"WORD": "from-the-environment"})
    said = Admin(running).get("/v1/config", *BEARER)
    assert said.status == 200
    for word in (b"shown-", b"from-", HASH[7:].encode(), TOKEN.encode()):
        assert word not in said.body, said.body
    shown = said.json["config"]
    assert shown["policies"]["a"]["headers"]["request"]["set"]["X-Plain"] == "plain"
    assert shown["apis"]["tokens"]["path"] == "/t"
    assert shown["admin"] == {"address": "127.0.0.1:0", "token": "***"}


def test_a_restart_of_the_scraper_costs_nobody_anything(gateway: StartGateway) -> None:
    """Clients that go in the middle of an answer leave nothing behind."""
    routes = {f"route-{i}": {"match": {"path": f"/{i}"}} for i in range(5000)}
    running = gateway(config(apis={"all": {"upstream": "app", "routes": routes}}))
    admin = Admin(running)
    for path in ("/metrics", "/v1/apis", "/v1/config") * 5:
        with admin.connect() as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            client.read_bytes(10)
    end = time.monotonic() + DEADLINE
    while admin.metrics()["process_open_fds"] > 60 and time.monotonic() < end:
        time.sleep(0.1)
    assert admin.get("/healthz").status == 200


@pytest.mark.parametrize("where", ["127.0.0.1:0", "unix:{}/admin.sock"])
def test_another_process_takes_the_address_over(gateway: StartGateway, tmp_path: Path, where: str) -> None:
    """The socket is handed on: nobody is refused in between."""
    running = gateway(config(workers=1, admin={"address": where.format(tmp_path)}))
    admin = Admin(running, unix=f"{tmp_path}/admin.sock" if where.startswith("unix:") else None)
    ended = threading.Event()
    failures: list[object] = []

    def ask() -> None:
        while not ended.is_set():
            try:
                with admin.connect() as client:
                    client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if client.read_answer().status != 200:
                        failures.append("status")
            except OSError as error:
                failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(1, 4):
        old = running.replace()
        assert running.pid != old
        wait_until(lambda n=number: running.errors.count("stopped") == n, "the old process to end")  # type: ignore[misc]
        wait_until(lambda n=number: running.errors.count(f"admin listening on {admin.where}") == n + 1,  # type: ignore[misc]
                   "the next one to say where it listens")
        assert admin.metrics()["gatehouse_config_generation"] == 1
    ended.set()
    asking.join()
    assert not failures


@pytest.mark.parametrize("policy", [
    {"forward_auth": {"url": "http://127.0.0.1:9901/healthz"}}, {"forward_auth": {"url": "http://localhost:9901/"}},
])
def test_no_policy_leads_there(tmp_path: Path, policy: dict[str, Any]) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(json.dumps(config(admin={"address": "127.0.0.1:9901"}, apis={"all": {"upstream": "app", "policies": [policy]}})),
                    encoding="utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == 1
    assert "policies[0].forward_auth.url: this leads to the admin address" in done.stderr
