# SPDX-License-Identifier: Apache-2.0
"""docs/from-other-gateways.md: its files are what a user would paste, so they are taken out and put to work.

The job in all of them is asked the same questions through real nginx, real HAProxy and the gateway, over the same
services. What behaves differently by the page must differ so.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from gatehouse import TOP, Gateway, run_command
from peers import accepts, free_port
from upstream import Upstream
from wire import DEADLINE, Answer, Connection, Request, wait_until

PAGE = (TOP / "docs/from-other-gateways.md").read_text(encoding="utf-8")
SEARCH = "/usr/sbin:/usr/local/sbin:/usr/bin"
HOST = "api.example.com"
SERVICES = ("9001", "9002", "9003", "9004", "9005")  # the last digits of an address say which service it is


def blocks(language: str) -> list[str]:
    """Every fenced block of the page in that language, top to bottom."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def is_ours(text: str) -> bool:
    """A whole configuration of the gateway's."""
    return bool(re.search(r"^listeners:", text, re.MULTILINE))


OURS = [text for text in blocks("yaml") if is_ours(text)]
THEIRS = [text for text in blocks("yaml") if not is_ours(text)]


# The files by themselves.


@pytest.mark.parametrize("text", OURS)
def test_ours_pass_check_without_a_word(tmp_path: Path, text: str) -> None:
    (tmp_path / "gatehouse.yaml").write_text(text, encoding="utf-8")
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", THEIRS)
def test_kong_and_traefik_are_yaml(text: str) -> None:
    assert isinstance(yaml.safe_load(text), dict)


def test_the_page_has_them_all() -> None:
    assert OURS and len(blocks("nginx")) == 1 and len(blocks("haproxy")) == 1
    assert any("_format_version" in text for text in THEIRS) and any("entryPoints" in text for text in THEIRS)


# The job.


class Question(NamedTuple):
    """A request, and what must come of it through each of them."""

    method: str
    path: str
    status: int
    service: str | None = None  # who is asked; None: nobody
    target: str | None = None  # what it saw
    fields: str = ""
    body: bytes = b""
    host: str = HOST
    answer: dict[str, str | None] = {}


ORDERS = "9001 9002"
NO_STORE: dict[str, str | None] = {"cache-control": "no-store", "x-powered-by": None}

QUESTIONS = {
    "an order": Question("GET", "/orders/42?full=1", 200, ORDERS, "/42?full=1", answer=NO_STORE),
    "all orders": Question("GET", "/orders", 200, ORDERS, "/"),
    "all orders, with a slash": Question("GET", "/orders/", 200, ORDERS, "/"),
    "a head": Question("HEAD", "/orders/42", 200, ORDERS, "/42", answer=NO_STORE),
    "a delete": Question("DELETE", "/orders/42", 200, ORDERS, "/42"),
    "another order": Question("POST", "/orders", 200, ORDERS, "/", body=b'{"item": 7}'),
    "an order of a size that is allowed": Question("POST", "/orders", 200, ORDERS, "/", body=b"x" * 8192),
    "an order that is too large": Question("POST", "/orders", 413, body=b"x" * 8193),
    "a method that is not taken": Question("PUT", "/orders/42", 405),
    "a longer segment": Question("GET", "/ordersx", 404),
    "a segment in other letters": Question("GET", "/Orders", 404),
    "the next version": Question("GET", "/orders/42", 200, "9004", "/42", "X-Beta: yes\r\n", answer=NO_STORE),
    "not the next version": Question("GET", "/orders/42", 200, ORDERS, "/42", "X-Beta: no\r\n"),
    "a role": Question("GET", "/orders/42", 200, ORDERS, "/42", "X-Role: admin\r\n"),
    "a team": Question("GET", "/orders/42", 200, ORDERS, "/42", "X-Team: mallory\r\n"),
    "another client": Question("GET", "/orders/42", 200, ORDERS, "/42", "X-Forwarded-For: 10.1.2.3\r\n"),
    "an escape that stays": Question("GET", "/orders/a%20b", 200, ORDERS, "/a%20b"),
    "a roundabout path": Question("GET", "/x/..//orders//a/./b/../%7Euser", 200, ORDERS, "/a/~user"),
    "a path out of the api": Question("GET", "/orders/../reports/1", 403),
    "reports": Question("GET", "/reports/1", 403),
    "reports for whom a client says it is": Question("GET", "/reports/1", 403, fields="X-Forwarded-For: 10.1.2.3\r\n"),
    "what has moved": Question("GET", "/shop/cart?item=7", 308,
                               answer={"location": "https://shop.example.com/shop/cart?item=7"}),
    "what has moved, without a query": Question("POST", "/shop", 308, answer={"location": "https://shop.example.com/shop"}),
    "anything else": Question("GET", "/", 404),
    "a host in other letters": Question("GET", "/orders/42", 200, ORDERS, "/42", host="API.example.COM"),
    "another host": Question("GET", "/orders/42", 404, host="www.example.com"),
    "a host that begins so": Question("GET", "/orders/42", 404, host="api.example.com.evil.test"),
}


def answer_as(service: str) -> Callable[[Request], bytes]:
    """What a service says: who it is, and two fields that clients must not get."""

    def answer(request: Request) -> bytes:
        body = b"" if request.method == "HEAD" else service.encode()
        return (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: public\r\nX-Powered-By: steam\r\n"
                b"X-Service: %s\r\n\r\n%s" % (service.encode(), body))

    return answer


class Services:
    """The upstreams of the page, on ports of today."""

    def __init__(self) -> None:
        self.all = {name: Upstream(answer_as(name)) for name in SERVICES}

    def place(self, text: str, port: int) -> str:
        """The page's addresses replaced by those that there are."""
        ports = {name: str(service.port) for name, service in self.all.items()} | {"8080": str(port)}
        return re.sub(r"127\.0\.0\.1:(\d{4})\b", lambda m: f"127.0.0.1:{ports[m[1]]}", text)

    def asked(self) -> list[tuple[str, Request]]:
        """Every request up to now, and who was asked."""
        return [(name, request) for name, service in self.all.items() for request in service.requests]

    def forget(self) -> None:
        """What was asked."""
        for service in self.all.values():
            with service.changed:
                for connection in service.connections:
                    connection.requests.clear()

    def stop(self) -> None:
        """All of them; nobody may have sent them anything malformed."""
        for service in self.all.values():
            service.stop()
            assert not service.violations, service.violations


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Shared by all three."""
    started = Services()
    yield started
    started.stop()


class Peer:
    """A server that listens on the port that its file names."""

    def __init__(self, check: list[str | Path], run: list[str | Path], port: int, directory: Path):
        done = subprocess.run(check, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0 and "warn" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
        self.address = ("127.0.0.1", port)
        with (directory / "output").open("wb") as output:
            self.process = subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(lambda: self.process.poll() is not None or accepts(port), str(run[0]))
        assert self.process.poll() is None, (directory / "output").read_text()

    def stop(self) -> None:
        """At once."""
        self.process.terminate()
        self.process.wait(DEADLINE)


def program(name: str) -> str:
    """Where Debian put it."""
    found = shutil.which(name, path=SEARCH)
    assert found, f"{name} is missing: tools/deps test"
    return found


def start_nginx(services: Services, directory: Path) -> Peer:
    """With the page's file; only where it keeps its own files is ours to say."""
    port = free_port()
    text = services.place(blocks("nginx")[0], port).replace("/var/log/nginx", str(directory))
    kept = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(f"{user} daemon off; pid {directory}/pid;\n{text.replace('http {', f'http {{ {kept}', 1)}", "utf-8")
    command: list[str | Path] = [program("nginx"), "-p", directory, "-e", directory / "error.log", "-c", config]
    return Peer([*command, "-t"], command, port, directory)


def start_haproxy(services: Services, directory: Path) -> Peer:
    """With the page's file."""
    port = free_port()
    config = directory / "haproxy.cfg"
    config.write_text(services.place(blocks("haproxy")[0], port), "utf-8")
    command: list[str | Path] = [program("haproxy"), "-db", "-f", config]
    return Peer([*command, "-c"], command, port, directory)


def start_gatehouse(services: Services, directory: Path) -> Gateway:
    """With the page's file; the port is the system's choice."""
    return Gateway(services.place(OURS[0], 0), directory)


NAMES = ("nginx", "haproxy", "gatehouse")


Where = dict[str, tuple[str, int]]


@contextlib.contextmanager
def all_three(services: Services, directory: Path) -> Iterator[Where]:
    """Side by side, in front of the same services."""
    for name in NAMES:
        (directory / name).mkdir()
    with contextlib.ExitStack() as stack:
        nginx = start_nginx(services, directory / "nginx")
        stack.callback(nginx.stop)
        haproxy = start_haproxy(services, directory / "haproxy")
        stack.callback(haproxy.stop)
        gateway = stack.enter_context(start_gatehouse(services, directory / "gatehouse"))
        yield {"nginx": nginx.address, "haproxy": haproxy.address, "gatehouse": ("127.0.0.1", gateway.port())}


@pytest.fixture(scope="module")
def where(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Where]:
    """For all questions."""
    with all_three(services, tmp_path_factory.mktemp("three")) as places:
        yield places


def ask(address: tuple[str, int], question: Question) -> Answer:
    """On a connection of its own."""
    length = f"Content-Length: {len(question.body)}\r\n" if question.body else ""
    head = f"{question.method} {question.path} HTTP/1.1\r\nHost: {question.host}\r\n{length}{question.fields}\r\n"
    with Connection(address) as client:
        client.send(head.encode("ascii") + question.body)
        return client.read_answer(question.method)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("title", QUESTIONS)
def test_the_same_job(services: Services, where: Where, title: str, name: str) -> None:
    question = QUESTIONS[title]
    services.forget()
    answer = ask(where[name], question)
    assert answer.status == question.status
    for field, value in question.answer.items():
        assert answer.get(field) == value, field
    asked = services.asked()
    assert len(asked) == (1 if question.service else 0)
    if question.service:
        service, request = asked[0]
        assert service in question.service.split()
        assert (request.method, request.target, request.body) == (question.method, question.target, question.body)
        assert request.get("host") == question.host
        assert request.get("x-team") == "orders" and request.get("x-role") is None
        assert request.get("x-forwarded-for") == "127.0.0.1" and request.get("x-forwarded-proto") == "http"


@pytest.mark.parametrize("name", NAMES)
def test_a_backup_serves_when_nobody_else_does(tmp_path: Path, name: str) -> None:
    """At once, or once checks have noticed."""
    services = Services()
    try:
        with all_three(services, tmp_path) as places:
            for primary in ORDERS.split():
                services.all[primary].stop()
            question = QUESTIONS["an order"]
            wait_until(lambda: ask(places[name], question).get("x-service") == "9003", "the backup")
            assert ask(places[name], question).get("x-service") == "9003"
    finally:
        services.stop()


# What behaves differently.


def head(first: str = "GET /orders/1", fields: str = "", host: str = f"Host: {HOST}\r\n") -> bytes:
    """A request's head."""
    return f"{first} HTTP/1.1\r\n{host}{fields}\r\n".encode("ascii")


IN_WORDS = {
    "both `Content-Length` and `Transfer-Encoding`":
        head("POST /orders", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\n\r\n",
    "`Content-Length` twice, the same": head("POST /orders", "Content-Length: 5\r\nContent-Length: 5\r\n") + b"hello",
    "lines that end in a bare LF": head().replace(b"\r\n", b"\n"),
    "a field that goes on in the next line": head(fields="X-A: b\r\n c\r\n"),
    "`Host` twice, the same": head(fields=f"Host: {HOST}\r\n"),
    "`Authorization` twice": head(fields="Authorization: a\r\nAuthorization: b\r\n"),
}


def differences() -> Iterator[tuple[str, bytes, str, str]]:
    """The table: what is asked, its bytes, who is asked, and what the page says of it."""
    table = re.search(r"^\| request \| nginx \| HAProxy \| Gatehouse \|\n\|[- |]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table
    for line in table[1].splitlines():
        words, *said = (cell.strip() for cell in line.strip("|").split("|"))
        request_line = re.match(r"`([A-Z]+ [^`]+)`", words)
        for name, cell in zip(NAMES, said, strict=True):
            yield words, head(request_line[1]) if request_line else IN_WORDS[words], name, cell.strip("`")


def test_the_table_has_them_all() -> None:
    assert set(IN_WORDS) <= {words for words, *_ in differences()}


@pytest.mark.parametrize("request_bytes, name, said", [
    pytest.param(data, name, said, id=f"{words}-{name}") for words, data, name, said in differences()])
def test_what_differs(services: Services, where: Where, request_bytes: bytes, name: str, said: str) -> None:
    services.forget()
    with Connection(where[name]) as client:
        client.send(request_bytes)
        status = client.read_answer().status
    targets = [request.target for _, request in services.asked()]
    assert (targets or [str(status)]) == [said]
    assert (status == 200) == bool(targets)
