# SPDX-License-Identifier: Apache-2.0
"""The access log as operators read it: one line for each request, in the form asked for, which nobody can forge."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway
from upstream import OK_ANSWER, Upstream
from wire import wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

CLF = re.compile(r'(\S+) \S+ \S+ \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] '
                 r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


def config(endpoint: str, **access: Any) -> dict[str, Any]:
    """One API with a route; `access` are the settings of the log."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": [endpoint]}},
        "apis": {"shop": {"path": "/shop", "upstream": "app", "methods": ["GET", "POST"],
                          "routes": {"one": {"match": {"path": "/{id}"}}}}},
        "log": {"access": access},
    }


def ask(gateway: Gateway, path: str = "/shop/7", fields: str = "", method: str = "GET", body: bytes = b"") -> int:
    """The status of one request on a connection of its own."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    with gateway.connect() as client:
        client.send(f"{method} {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{length}{fields}\r\n"
                    .encode("latin-1") + body)
        return client.read_answer(method).status


def test_json_has_the_fields_of_the_contract(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    running = gateway(config(service.address))
    before = time.time()
    assert ask(running, "/shop/7?x=1", "User-Agent: test/1.0\r\nReferer: http://a.test/b?secret=1\r\n", "POST",
               b"hello") == 200
    entry, = running.wait_for_log(1)
    request, = service.requests
    assert list(entry) == [
        "time", "request_id", "client_ip", "client_port", "listener", "protocol", "method", "host", "path", "status",
        "api", "route", "upstream", "endpoint", "attempts", "request_bytes", "response_bytes", "duration_ms",
        "upstream_ms", "user_agent", "referer", "generation"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["time"])
    stamp = datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
    assert before - 1 < stamp < time.time() + 1
    assert entry["request_id"] == request.get("x-request-id")
    wanted = {"client_ip": "127.0.0.1", "listener": "main", "protocol": "HTTP/1.1", "method": "POST",
              "host": "gw.test", "path": "/shop/7", "status": 200, "api": "shop", "route": "one", "upstream": "app",
              "endpoint": service.address, "attempts": 1, "user_agent": "test/1.0", "referer": "http://a.test/b"}
    assert {name: entry[name] for name in wanted} == wanted
    assert 0 <= entry["upstream_ms"] <= entry["duration_ms"] < 30_000
    assert entry["request_bytes"] > 100 and entry["response_bytes"] > len(OK_ANSWER)


def test_the_time_of_the_upstream_is_its_own(upstream: StartUpstream, gateway: StartGateway) -> None:
    """What a policy takes before anybody is asked is in the duration only."""
    document = config(upstream().address)
    document["apis"]["shop"]["policies"] = [{"fault": {"delay": "300ms"}}]
    running = gateway(document)
    assert ask(running) == 200
    entry, = running.wait_for_log(1)
    assert 0 <= entry["upstream_ms"] <= entry["duration_ms"] - 290


def test_what_is_not_there_is_not_in_the_line(gateway: StartGateway) -> None:
    """A refused request has no route and no upstream, and says why."""
    running = gateway(config("127.0.0.1:1"))
    assert ask(running, "/else") == 404
    entry, = running.wait_for_log(1)
    assert entry["reason"] == "no_route"
    assert not {"api", "route", "upstream", "endpoint", "upstream_ms", "user_agent", "referer", "trace_id", "consumer",
                "tls_version"} & set(entry)


def test_the_path_is_the_one_asked_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    """A rewrite changes what the upstream gets, not what the client wanted."""
    service = upstream()
    settings = config(service.address, query=True)
    settings["apis"]["shop"]["policies"] = [{"rewrite": {"strip_prefix": "/shop", "query": {"remove": ["x"]}}}]
    running = gateway(settings)
    assert ask(running, "/shop//7?x=1&y=2") == 200
    entry, = running.wait_for_log(1)
    request, = service.requests
    assert request.target == "/7?y=2"
    assert entry["path"] == "/shop/7?x=1&y=2"


def test_bytes_are_counted_with_their_heads(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address))
    sent = b"POST /shop/7 HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    with running.connect() as client:
        client.send(sent)
        client.socket.settimeout(30)
        received = b""
        while not received.endswith(b"ok\n"):
            received += client.socket.recv(65536)
    entry, = running.wait_for_log(1)
    assert (entry["request_bytes"], entry["response_bytes"]) == (len(sent), len(received))


# Forms.


def test_clf_is_the_combined_format(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address, format="clf"))
    ask(running, "/shop/7?x=1", "User-Agent: test \"1.0\"\r\nReferer: http://a.test/\r\n")
    running.output.wait_for(bool)
    line, = running.output.snapshot()
    match = CLF.fullmatch(line)
    assert match, line
    ip, stamp, request, status, size, referer, agent = match.groups()
    assert (ip, request, status) == ("127.0.0.1", "GET /shop/7 HTTP/1.1", "200")
    assert int(size) > 0
    assert (referer, agent) == ("http://a.test/", 'test \\"1.0\\"')
    age = datetime.now(timezone.utc) - datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
    assert abs(age.total_seconds()) < 60


def test_a_template(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address,
                             format="${status} ${method} ${path} [${reason}] $${x} \"${user_agent}\" $5 ${api}"))
    ask(running, fields="User-Agent: a\tb\"c\r\n")
    ask(running, "/else")
    running.output.wait_for(lambda lines: len(lines) == 2)
    first, second = running.output.snapshot()
    assert re.fullmatch(r'200 GET /shop/7 \[-?\] \$\{x\} "a\\(x09|t)b\\"c" \$5 shop', first), first
    assert re.fullmatch(r'404 GET /else \[no_route\] \$\{x\} "-?" \$5 -?', second), second


@pytest.mark.parametrize("target", ["stdout", "stderr"])
def test_standard_streams(upstream: StartUpstream, gateway: StartGateway, target: str) -> None:
    running = gateway(config(upstream().address, to=target))
    ask(running)
    lines = running.output if target == "stdout" else running.messages
    line = lines.wait_for(lambda lines: next((line for line in lines if '"status":200' in line), None))
    assert json.loads(line)["path"] == "/shop/7"


def test_off_is_off(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address, to="off"))
    assert ask(running) == 200
    running.stop()
    assert running.output.snapshot() == []


def test_a_sample_is_about_that_many(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address, sample=10))
    with running.connect() as client:
        client.send(b"GET /shop/7 HTTP/1.1\r\nHost: gw.test\r\n\r\n" * 1000)
        for _ in range(1000):
            client.read_answer()
    running.stop()
    assert 30 < len(running.log) < 250  # of 1000, 100 on average: six standard deviations and more


# Nobody forges a line.

NASTY = {
    "quotes and backslashes": 'a"b\\c\\" ,"status":999,"x":"',
    "tab": "a\tb",
    "Latin-1": "caf\xe9",
    "UTF-8": "caf\xc3\xa9 \xe2\x82\xac",
    "invalid UTF-8": "\xff\xfe\xc0\xaf\xed\xa0\x80",
    "C1 controls": "a\xc2\x9b31mred\xc2\x85",
    "line separator": "a\xe2\x80\xa8b",
    "bidi override": "a\xe2\x80\xaeb",
    "dollar and braces": "${status} ${jndi:ldap://x} %s %n",
    "html": "<script>alert(1)</script>",
    "clf forgery": '" 200 1 "-" "-"',
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("form", ["json", "clf", "${status} ${user_agent} ${referer}"])
def test_values_are_escaped(upstream: StartUpstream, gateway: StartGateway, name: str, form: str) -> None:
    running = gateway(config(upstream().address, format=form, query=True))
    assert ask(running, fields=f"User-Agent: {NASTY[name]}\r\nReferer: {NASTY[name]}\r\n") == 200
    running.stop()
    text = "\n".join(running.output.snapshot())
    assert len(running.output.snapshot()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text), repr(text)
    if form == "json":
        entry = json.loads(text)
        assert entry["status"] == 200
        if name in ("quotes and backslashes", "tab", "UTF-8", "dollar and braces", "html"):
            assert entry["user_agent"] == NASTY[name].encode("latin-1").decode("utf-8")
    elif form == "clf":
        match = CLF.fullmatch(text)
        assert match and match[4] == "200", text
    else:
        assert text.startswith("200 ") and text.isascii()


@pytest.mark.parametrize("raw", [
    b"GET /shop/%0a%0d%1b[31m HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    b"GET /shop/7?a=%0a%0d%1b HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    b"GET /shop/\x1b[31m HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    b"GET /shop/7 HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: a\n{\"status\":200}\r\n\r\n",
    b"GET /shop/7 HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: a\r{\"status\":200}\r\n\r\n",
    b"{\"status\":200}\n{\"status\":200}\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\n\n\n\r\n\r\n",
])
def test_a_request_is_one_line_whatever_it_holds(upstream: StartUpstream, gateway: StartGateway, raw: bytes) -> None:
    running = gateway(config(upstream().address, query=True))
    with running.connect() as client:
        client.send(raw)
        client.read_answer()
    running.stop()
    line, = running.output.snapshot()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)
    entry = json.loads(line)
    assert bool(entry.get("reason")) == (entry["status"] >= 400)


def test_long_values_are_capped(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address, query=True))
    assert ask(running, "/shop/" + "p" * 5000 + "?" + "q" * 2000, f"User-Agent: {'u' * 8000}\r\n") == 200
    running.stop()
    line, = running.output.snapshot()
    entry = json.loads(line)
    assert len(line) < 8192
    assert entry["path"].startswith("/shop/ppp") and entry["user_agent"].startswith("uuu")


# Secrets.


def test_credentials_never_reach_a_log(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway({**config(upstream().address, query=True, redact=["pin"]),
                       "log": {"level": "debug", "access": {"query": True, "redact": ["pin"]}}})
    query = "access_token=SECRET1&a=fine&api_key=SECRET2&Pass%77ord=SECRET3&PIN=SECRET4&b=SECRETLESS"
    fields = ("Authorization: Bearer SECRET5\r\nCookie: session=SECRET6\r\nX-API-Key: SECRET7\r\n"
              "Proxy-Authorization: Basic SECRET8\r\nReferer: http://u:SECRET9@a.test/?token=SECRET0&c=fine\r\n")
    assert ask(running, f"/shop/7?{query}", fields) == 200
    running.stop()
    text = "\n".join(running.output.snapshot()) + running.errors
    assert re.findall(r"SECRET\d", text) == []
    entry, = running.log
    assert "a=fine" in entry["path"] and "b=SECRETLESS" in entry["path"]
    assert entry["path"].count("***") == 4
    assert "c=fine" in entry["referer"]


def test_queries_stay_out_unless_asked_for(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address))
    assert ask(running, "/shop/7?x=y", "Referer: http://a.test/b?c=d\r\n") == 200
    entry, = running.wait_for_log(1)
    assert (entry["path"], entry["referer"]) == ("/shop/7", "http://a.test/b")


# Files.


def test_a_file_is_appended_to(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("before\n", encoding="ascii")
    running = gateway(config(upstream().address, to=f"file:{path}"))
    ask(running)
    running.stop()
    before, line = path.read_text(encoding="ascii").splitlines()
    assert before == "before" and json.loads(line)["status"] == 200


def test_rotation(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Renamed, and opened anew at SIGUSR1, while requests come: every line is in one of the files."""
    running = gateway(config(upstream().address, to="file:access.log"))
    path = running.path.with_name("access.log")
    count = 0
    with running.connect() as client:
        for turn in range(4):
            for _ in range(100):
                client.send(b"GET /shop/7 HTTP/1.1\r\nHost: gw.test\r\n\r\n")
                assert client.read_answer().status == 200
                count += 1
            path.rename(path.with_suffix(f".{turn}"))
            running.send_signal(signal.SIGUSR1)
            wait_until(path.exists, "the new file")
    running.stop()
    files = [path, *path.parent.glob("access.?")]
    assert len(files) == 5
    lines = [line for file in files for line in file.read_text(encoding="ascii").splitlines()]
    assert len(lines) == count
    assert {json.loads(line)["status"] for line in lines} == {200}
    assert len({json.loads(line)["request_id"] for line in lines}) == count


def test_rotation_that_cannot_open_the_file_goes_on_with_the_old_one(upstream: StartUpstream, gateway: StartGateway,
                                                                    tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    running = gateway(config(upstream().address, to=f"file:{folder / 'access.log'}"))
    assert ask(running) == 200
    moved = folder.rename(tmp_path / "moved")
    running.send_signal(signal.SIGUSR1)
    running.wait_for_message("cannot open")
    assert ask(running) == 200
    running.stop()
    assert len((moved / "access.log").read_text(encoding="ascii").splitlines()) == 2


def test_a_file_that_cannot_be_opened_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"did not start \(1\)(.|\n)*No such file"):
        Gateway(config("127.0.0.1:1", to=f"file:{tmp_path}/nowhere/access.log"), tmp_path)


@pytest.mark.workers
def test_lines_of_several_workers_do_not_mix(upstream: StartUpstream, gateway: StartGateway) -> None:
    running = gateway(config(upstream().address), workers=4)
    clients = [running.connect() for _ in range(8)]
    for client in clients:
        client.send((b"GET /shop/7 HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: %s\r\n\r\n" % (b"u" * 400)) * 50)
    for client in clients:
        for _ in range(50):
            assert client.read_answer().status == 200
        client.close()
    log = running.wait_for_log(400)
    assert len(log) == 400 and {len(entry["user_agent"]) for entry in log} == {400}
