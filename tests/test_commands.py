# SPDX-License-Identifier: Apache-2.0
"""The commands: help, exit codes, and that what is written about them is true."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import argon2
import jsonschema
import pytest
import yaml

from gatehouse import DATA, TOP, Gateway, Lines, binary, environment, run_command
from peers import curl
from pki import Authority
from wire import DEADLINE, Connection

COMMANDS = ["run", "check", "explain", "test", "diff", "demo", "echo", "key", "password", "schema", "manual", "version"]

CONFIG = """
listeners: { main: { address: 127.0.0.1:0 } }
upstreams: { app: { endpoints: ["127.0.0.1:9"] } }
apis:
  orders:
    hosts: [api.example.com]
    path: /orders
    methods: [GET, POST]
    upstream: app
    policies: [ { rewrite: { strip_prefix: /orders } } ]
    routes:
      one: { match: { path: "/{id}", headers: { X-Beta: "yes" } } }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small configuration."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


# Help and misuse.


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(arguments: list[str]) -> None:
    done = run_command(*arguments)
    assert done.returncode == 0 and not done.stderr
    assert re.findall(r"^  (\w+) +\S", done.stdout, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str) -> None:
    done = run_command(command, "--help")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.startswith(f"usage: gatehouse {command}")
    assert len(done.stdout.splitlines()) >= 3
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("arguments, words", [
    ([], "usage:"),
    (["chekc"], 'did you mean "check"?'),
    (["check", "-c"], "-c needs a file"),
    (["check", "a.yaml"], "unexpected argument: a.yaml"),
    (["run", "--wach"], "unexpected argument"),
    (["version", "x"], "unexpected argument"),
    (["schema", "x"], "unexpected argument"),
    (["manual", "x"], "unexpected argument"),
    (["demo", "x"], "unexpected argument"),
    (["echo", "--listen"], "--listen needs"),
    (["echo", "x"], "unexpected argument"),
    (["key"], "want `new` or `hash`"),
    (["key", "old"], "want `new` or `hash`: old"),
    (["key", "hash", "gh_secret"], "`hash` takes no argument: it reads standard input"),
    (["password", "new"], "want `hash`: new"),
    (["explain"], "usage: gatehouse explain"),
    (["explain", "GET", "ftp://a"], "want a URL"),
    (["test"], "want files with cases"),
    (["explain", "GET"], "usage: gatehouse explain"),
    (["explain", "GET", "/", "-H"], "usage: gatehouse explain"),
])
def test_misuse_is_told_and_exits_with_2(arguments: list[str], words: str) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2
    assert words in done.stderr and not done.stdout
    assert "gh_secret" not in done.stderr


def test_version() -> None:
    for arguments in (["version"], ["--version"]):
        done = run_command(*arguments)
        assert done.returncode == 0
        assert re.match(r"gatehouse \d+\.\d+\S* \(.+\)\nfeatures: .+\nlibraries: .+ \d", done.stdout), done.stdout


# Credentials.


def test_a_new_key_comes_with_its_hash() -> None:
    first, second = run_command("key", "new"), run_command("key", "new")
    key, digest = (line.split()[1] for line in first.stdout.splitlines())
    assert re.fullmatch(r"gh_[A-Za-z0-9_-]{43}", key)
    assert digest == "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    assert first.stdout != second.stdout and key not in first.stderr
    hashed = subprocess.run([binary(), "key", "hash"], input=key + "\n", capture_output=True, text=True, check=True)
    assert hashed.stdout.strip() == digest and not hashed.stderr


def test_a_key_that_can_be_guessed_is_told() -> None:
    done = subprocess.run([binary(), "key", "hash"], input="short", capture_output=True, text=True, check=True)
    assert "can be guessed" in done.stderr and "short" not in done.stderr


@pytest.mark.parametrize("arguments", [["key", "hash"], ["password", "hash"]])
@pytest.mark.parametrize("given", ["", "\n", "x" * 5000, "first\nsecond\n", "first\n\n", "first\rsecond\n"])
def test_a_secret_is_one_line(arguments: list[str], given: str) -> None:
    done = subprocess.run([binary(), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "want the secret" in done.stderr and not done.stdout


def test_the_hash_of_a_password_is_one_of_argon2id() -> None:
    done = subprocess.run([binary(), "password", "hash"], input="correct horse\n", capture_output=True, text=True, check=True)
    assert argon2.PasswordHasher().verify(done.stdout.strip(), "correct horse")
    assert done.stdout.startswith("$argon2id$v=19$m=65536,t=3,p=1$") and "horse" not in done.stdout


# The configuration's place.


def test_without_c_the_working_directory_counts(config: Path, tmp_path: Path) -> None:
    done = run_command("check", cwd=config.parent)
    assert done.returncode == 0
    assert "gatehouse.yaml: ok: 1 listeners, 1 upstreams, 1 apis" in done.stdout
    empty = tmp_path / "empty"
    empty.mkdir()
    if not Path("/etc/gatehouse/gatehouse.yaml").exists():
        for command in (["check"], ["run"], ["explain", "GET", "/"]):
            done = run_command(*command, cwd=empty)
            assert done.returncode == 1
            assert "no configuration" in done.stderr


@pytest.mark.parametrize("command", [["check"], ["run"], ["explain", "GET", "/"]])
def test_what_is_wrong_is_told_by_all_and_exits_with_1(config: Path, command: list[str]) -> None:
    config.write_text(CONFIG.replace("upstream: app", "upstream: ap").replace("methods", "metods"), encoding="utf-8")
    done = run_command(command[0], "-c", config, *command[1:])
    assert done.returncode == 1
    assert re.search(r'gatehouse\.yaml:9:15: error: .*did you mean "app"\?', done.stderr), done.stderr
    assert re.search(r'gatehouse\.yaml:8:5: error: .*did you mean "methods"\?', done.stderr), done.stderr


@pytest.mark.parametrize("command", [["check"], ["run"], ["explain", "GET", "/"]])
def test_a_missing_file_is_told(tmp_path: Path, command: list[str]) -> None:
    done = run_command(command[0], "-c", tmp_path / "no.yaml", *command[1:])
    assert done.returncode == 1
    assert "no.yaml" in done.stderr and "No such file" in done.stderr


# explain.


@pytest.mark.parametrize("arguments, code, words", [
    (["GET", "http://api.example.com/orders/7?x=1"], 0,
     ["matched apis.orders", r'not so: header X-Beta = "yes"', "1. rewrite", "http://127.0.0.1:9/7?x=1"]),
    (["GET", "http://api.example.com/orders/7", "-H", "X-Beta: yes"], 0,
     ["matched apis.orders.routes.one", "id = 7", "{} goes before **"]),
    (["GET", "/orders/7", "-H", "Host: api.example.com"], 0, ["matched apis.orders"]),
    (["GET", "http://API.example.com/orders//a/../7"], 0, ["path      /orders/7"]),
    (["GET", "http://other.example.com/orders/7"], 3, ["no route", "host: is not api.example.com"]),
    (["DELETE", "http://api.example.com/orders/7"], 3, ["only the method is wrong", "GET, POST"]),
    (["GET", "http://api.example.com/orders/%2e%2e/%2e%2e/x"], 3, []),
    (["GET", "http://api.example.com/orders/a%2Fb"], 3, []),
])
def test_explain(config: Path, arguments: list[str], code: int, words: list[str]) -> None:
    done = run_command("explain", "-c", config, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stdout, done.stdout


def test_explain_says_how_the_service_is_asked(config: Path) -> None:
    config.write_text(CONFIG.replace('endpoints: ["127.0.0.1:9"]', 'endpoints: ["127.0.0.1:9"], tls: {}'), encoding="utf-8")
    done = run_command("explain", "-c", config, "GET", "http://api.example.com/orders/7?x=1")
    assert done.returncode == 0 and "https://127.0.0.1:9/7?x=1" in done.stdout, done.stdout + done.stderr


def test_explain_says_what_the_gateway_does(config: Path, tmp_path: Path) -> None:
    """The same requests, explained and asked: matched is not 404 or 405."""
    folder = tmp_path / "run"
    folder.mkdir()
    asked = [("GET", "/orders/7", ""), ("GET", "/orders", ""), ("GET", "/ordersx", ""), ("DELETE", "/orders/7", ""),
             ("GET", "/orders/7", "X-Beta: yes"), ("POST", "/Orders", ""), ("GET", "/", "")]
    with Gateway(CONFIG, folder) as gateway:
        for count, (method, path, header) in enumerate(asked, 1):
            more = ["-H", header] if header else []
            explained = run_command("explain", "-c", config, method, f"http://api.example.com{path}", *more)
            with gateway.connect() as client:
                lines = f"{header}\r\n" if header else ""
                client.send(f"{method} {path} HTTP/1.1\r\nHost: api.example.com\r\n{lines}\r\n".encode())
                status = client.read_answer().status
            assert (explained.returncode == 3) == (status in (404, 405)), (method, path, status)
            entry = gateway.wait_for_log(count)[-1]
            if explained.returncode == 0:
                name = re.search(r"^matched apis\.(\S+)", explained.stdout, re.MULTILINE)
                assert name and name[1] == ".routes.".join(filter(None, [entry["api"], entry.get("route")]))


# schema and manual.


class Yaml12(yaml.SafeLoader):
    """PyYAML, but `yes` and `off` are words, as YAML 1.2 has it."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"),
                             list("tTfF"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Of the schema that the program prints, which must be one."""
    schema = json.loads(run_command("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documentation_examples() -> Iterator[tuple[str, str]]:
    """Every block of YAML in the documents that is a whole configuration; cases behind it are test_cases.py's."""
    for path in [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        for number, match in enumerate(re.finditer(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
            if re.search(r"^listeners:", match[1], re.MULTILINE):
                yield f"{path.relative_to(TOP)}-{number}", match[1].split("\n---\n")[0]


def attack_gateway() -> str:
    """gateway.yaml of the attacks, as far as it can be served today."""
    document = yaml.safe_load((DATA / "gateway.yaml").read_text(encoding="utf-8"))
    document["listeners"]["main"]["address"] = "127.0.0.1:0"
    document["upstreams"]["app"]["endpoints"] = ["127.0.0.1:9"]
    document["apis"]["admin"]["policies"] = [{"respond": {"status": 401}}]
    return json.dumps(document)


GOOD = {
    **{f"good/{path.stem}": path.read_text(encoding="utf-8")
       for path in sorted((TOP / "tests/config/good").glob("*.yaml"))},
    **dict(documentation_examples()),
    "attacks": attack_gateway(),
    "commands": CONFIG,
}
BAD = {
    "unknown key": "listeners: { a: { address: x, adress: y } }",
    "missing key": "listeners: { a: { } }",
    "wrong type": "listeners: { a: { address: [x] } }",
    "not a duration": "listeners: { a: { address: x, limits: { header_timeout: soon } } }",
    "not one of the words": "upstreams: { a: { endpoints: [x:1], balance: fair } }",
    "no endpoint": "upstreams: { a: { endpoints: [] } }",
    "weight beyond its range": "upstreams: { a: { endpoints: [ { address: 'x:1', weight: 1001 } ] } }",
    "unknown policy": "apis: { a: { policies: [ { magic: {} } ] } }",
    "unknown option of a policy": "apis: { a: { policies: [ { respond: { stauts: 200 } } ] } }",
    "workers": "workers: many",
}


@pytest.mark.parametrize("name", GOOD)
def test_the_schema_takes_what_is_right(validator: jsonschema.Draft202012Validator, name: str) -> None:
    if re.search(r"\$\{(?!request|path|client|api|route|upstream|consumer)|^include:", GOOD[name], re.MULTILINE):
        pytest.skip("what it will be is known only when it is loaded")
    validator.validate(yaml.load(GOOD[name], Loader=Yaml12))


@pytest.mark.parametrize("name", BAD)
def test_the_schema_refuses_what_is_wrong(validator: jsonschema.Draft202012Validator, tmp_path: Path,
                                          name: str) -> None:
    """And so does check."""
    assert list(validator.iter_errors(yaml.load(BAD[name], Loader=Yaml12)))
    path = tmp_path / "bad.yaml"
    path.write_text(BAD[name], encoding="utf-8")
    assert run_command("check", "-c", path).returncode == 1


def test_the_examples_of_the_documents_pass(tmp_path: Path) -> None:
    """With the certificates that they name."""
    examples = dict(documentation_examples())
    assert "README.md-0" in examples
    authority = Authority()
    authority.write(tmp_path, "clients")
    for name in "api", "gateway":
        authority.issue("localhost").write(tmp_path, name)
    for name, text in examples.items():
        path = tmp_path / "example.yaml"
        path.write_text(text, encoding="utf-8")
        done = run_command("check", "-c", path)
        assert done.returncode == 0, f"{name}:\n{done.stderr}"
        assert not done.stderr, f"{name}:\n{done.stderr}"


def test_the_reference_is_current() -> None:
    """docs/reference.md is what `gatehouse manual` prints; `make` does not write it, people do."""
    path = TOP / "docs" / "reference.md"
    manual = run_command("manual")
    assert manual.returncode == 0
    assert path.exists() and path.read_text(encoding="utf-8") == manual.stdout, \
        "run: build/gatehouse manual > docs/reference.md"


def test_the_manual_is_sound() -> None:
    """Each link leads somewhere, and each option has a sentence."""
    text = run_command("manual").stdout
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', text))
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links <= anchors, links - anchors
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert not [row for row in rows if not row.rstrip(" |").endswith(".")]


# demo and echo.


class Process:
    """A command that goes on until it is told to stop."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen([binary(), *arguments], env=environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output, self.messages = Lines(self.process.stdout), Lines(self.process.stderr)

    def stop(self) -> int:
        """With SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        for lines in (self.output, self.messages):
            lines.thread.join(DEADLINE)
        return code


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that it prints do what it says of them, and leave a line each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    demo = Process("demo")
    try:
        if not demo.messages.wait_for(lambda lines: any("secure listening on" in line for line in lines)):
            words = "\n".join(demo.messages.snapshot())
            if "in use" in words:
                pytest.skip("somebody else has one of its ports")
            raise AssertionError(words)
        # Standard output and standard error are read by threads of their own: one may be behind the other.
        assert demo.output.wait_for(lambda lines: sum(line.strip().startswith("curl") for line in lines) == 9)
        calls = [line.strip() for line in demo.output.snapshot() if line.strip().startswith("curl")]
        statuses, heads, bodies = [], [], []
        for call in calls:
            done = curl(*shlex.split(call, comments=True)[1:])
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            statuses.append(int(head.split(b" ")[1]))
            heads.append(head.decode().lower())
            bodies.append(body)
        assert statuses == [200, 200, 200, 405, 200, 308, 504, 200, 200]
        assert json.loads(bodies[0]) == {"hello": "world"}
        assert json.loads(bodies[1])["path"] == "/order-service/v2/42"
        assert json.loads(bodies[2])["body"] == '{"item": 7}'
        assert "access-control-allow-origin: https://app.example.com" in heads[4]
        assert "location: /orders?page=2" in heads[5]
        assert heads[7].startswith("http/2 200") and "strict-transport-security" not in heads[0]
        assert b'http_server_request_duration_seconds_count{' in bodies[8] and b'gatehouse_api="orders"' in bodies[8]
        assert (tmp_path / "gatehouse/demo.key").stat().st_mode & 0o777 == 0o600
        assert demo.output.wait_for(lambda lines: sum(line.startswith("{") for line in lines) == 8)
        demo.process.send_signal(signal.SIGHUP)
        assert demo.messages.wait_for(lambda lines: any("reload by SIGHUP: no file to read" in line for line in lines))
    finally:
        code = demo.stop()
    assert code == 0
    assert sum("no file to read" in line for line in demo.messages.snapshot()) == 1


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, int]]:
    """Where `gatehouse echo` listens."""
    process = Process("echo", "--listen", "127.0.0.1:0")
    try:
        line = process.messages.wait_for(lambda lines: lines[0] if lines else None)
        assert line and "echo listening on 127.0.0.1:" in line
        yield "127.0.0.1", int(line.rpartition(":")[2])
    finally:
        code = process.stop()
    assert code == 0
    assert not re.search("Sanitizer|runtime error", "\n".join(process.messages.snapshot()))


def ask_echo(address: tuple[str, int], request: bytes, method: str = "GET") -> Any:
    """One answer."""
    with Connection(address) as client:
        client.send(request)
        return client.read_answer(method)


def test_echo_tells_what_it_got(echo: tuple[str, int]) -> None:
    answer = ask_echo(echo, b"POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-A: \xe9\"\r\nContent-Length: 5\r\n\r\nhello")
    assert (answer.status, answer.get("content-type")) == (200, "application/json")
    told = json.loads(answer.body)
    assert (told["method"], told["path"], told["query"], told["body"]) == ("POST", "/a/b", "c=d", "hello")
    assert ["Host", "x"] in told["headers"] and told["body_bytes"] == 5


def test_echo_paths(echo: tuple[str, int]) -> None:
    begin = time.monotonic()
    assert ask_echo(echo, b"GET /delay/200 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
    assert time.monotonic() - begin >= 0.2
    for status in (200, 204, 304, 404, 503):
        assert ask_echo(echo, b"GET /status/%d HTTP/1.1\r\nHost: x\r\n\r\n" % status).status == status
    assert len(ask_echo(echo, b"GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n").body) == 100_000
    assert ask_echo(echo, b"GET /bytes/0 HTTP/1.1\r\nHost: x\r\n\r\n").body == b""
    head = ask_echo(echo, b"HEAD /bytes/7 HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD")
    assert head.get("content-length") == "7"


def test_echo_events(echo: tuple[str, int]) -> None:
    with Connection(echo) as client:
        client.send(b"GET /sse HTTP/1.1\r\nHost: x\r\n\r\n")
        head = client.reader.head_of_answer()
        assert (head.status, head.get("content-type")) == (200, "text/event-stream")
        assert b"data:" in client.read_bytes(20)


def test_without_a_thread_it_does_not_start(tmp_path: Path) -> None:
    """A thread's stack is as large as the limit says: no memory has room for this one."""
    (tmp_path / "gatehouse.yaml").write_text(
        "listeners: { main: { address: 127.0.0.1:0 } }\napis: { all: { policies: [ respond: {} ] } }\n")
    for command in ["run", "-c", str(tmp_path / "gatehouse.yaml")], ["demo"], ["echo", "--listen", "127.0.0.1:0"]:
        done = subprocess.run(["prlimit", f"--stack={1 << 50}", binary(), *command], env=environment(), text=True,
                              capture_output=True, timeout=DEADLINE, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no thread" in done.stderr and "Resource temporarily unavailable" in done.stderr


def test_echo_cannot_listen() -> None:
    for address in ("nonsense", "127.0.0.1:99999", "203.0.113.1:80"):
        done = run_command("echo", "--listen", address)
        assert done.returncode == 1 and address in done.stderr
