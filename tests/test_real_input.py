# SPDX-License-Identifier: Apache-2.0
"""Real input end to end: published API descriptions as routes, unmodified servers behind, real clients in front.

Behind the gateway stand nginx serving files and python's http.server, as Debian ships them; in front curl, httpx
and wrk. Bodies are checked by hash in both directions, and the gateway must not grow while they pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from gatehouse import DATA, TOP, Gateway
from peers import curl
from wire import DEADLINE, Answer, Connection, wait_until

sys.path.insert(0, str(TOP / "bench"))

from openapi_to_config import configuration, read_description

MIB = 1 << 20
SIZES = (0, 1, 1023, 16384, 65535, 65536, 65537, MIB + 1, 24 * MIB)
GROWTH = 32 * MIB  # what the gateway may grow by while a body passes; a sanitizer needs most of it
LARGE = 1024 * MIB
LARGE_DEADLINE = 240.0

DESCRIPTIONS = {
    "petstore": DATA / "openapi" / "petstore.yaml",
    "asana": DATA / "openapi" / "asana.yaml",
    "digitalocean": DATA / "openapi" / "digitalocean_multifile.tar.gz",
}
# nginx tells what it was asked for, whatever it answers.
TELLS = 'add_header X-Asked "$request_method $request_uri" always; add_header X-Host $http_host always;'
TAKES_FILES = "client_max_body_size 0; location /put/ { dav_methods PUT; create_full_put_path on; }"


class LoggingFileServer:
    """python3 -m http.server, and what it wrote down of its requests."""

    def __init__(self, root: Path, log: Path):
        self.log = log
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "0"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert self.process.stdout
        match = re.search(r"port (\d+)", self.process.stdout.readline())
        assert match
        self.address = f"127.0.0.1:{match[1]}"

    def asked(self) -> list[str]:
        """Method and target of each request."""
        return re.findall(r'"([A-Z]+ \S+) HTTP/1\.[01]" \d+', self.log.read_text())

    def __enter__(self) -> LoggingFileServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()


class Call(NamedTuple):
    """One request to one route."""

    api: str
    route: str
    upstream: str
    host: str
    method: str
    target: str


def calls_of(config: dict[str, Any]) -> Iterator[Call]:
    """A request for every route."""
    for name, api in config["apis"].items():
        for route, rule in api["routes"].items():
            host, match = api.get("hosts", ["any.test"])[0], rule["match"]
            path = (api["path"].rstrip("/") + match["path"]).replace("{", "a-").replace("}", "-z")
            yield Call(name, route, api["upstream"], host, match["methods"][0], path)


def send(connection: Connection, call: Call) -> Answer:
    """The request, with an empty body where one belongs."""
    length = "Content-Length: 0\r\n" if call.method in ("POST", "PUT", "PATCH") else ""
    connection.send(f"{call.method} {call.target} HTTP/1.1\r\nHost: {call.host}\r\n{length}\r\n".encode())
    return connection.read_answer(call.method)


def header(answer: Answer, name: str) -> str | None:
    """The first field of that name."""
    return next((value for key, value in answer.fields if key.lower() == name.lower()), None)


def test_every_route_of_the_descriptions_reaches_its_upstream(
        gateway: Callable[..., Gateway], nginx: Callable[..., Any], tmp_path: Path,
        stack: contextlib.ExitStack) -> None:
    root = tmp_path / "root"
    root.mkdir()
    web = nginx(root, server=TELLS)
    files = stack.enter_context(LoggingFileServer(root, tmp_path / "http.server.log"))
    upstreams = {"petstore": web.address, "asana": files.address, "digitalocean": web.address}
    config = configuration({name: read_description(path) for name, path in DESCRIPTIONS.items()}, upstreams,
                           "127.0.0.1:0")
    calls = list(calls_of(config))
    assert len(calls) == 924
    random.Random(1).shuffle(calls)

    started = gateway(config)
    with started.connect() as connection:
        for call in calls:
            answer = send(connection, call)
            asked = None if call.upstream == "asana" else f"{call.method} {call.target}"
            assert header(answer, "X-Asked") == asked, (call, answer)
            assert answer.status in (404, 405, 501), (call, answer)  # nobody has these files

    expected = [f"{call.method} {call.target}" for call in calls if call.upstream == "asana"]
    wait_until(lambda: len(files.asked()) >= len(expected), "the log of http.server")
    assert files.asked() == expected
    logged = [tuple(line[key] for key in ("api", "route", "upstream", "method", "path"))
              for line in started.wait_for_log(len(calls))]
    assert logged == [(call.api, call.route, call.upstream, call.method, call.target) for call in calls]


@pytest.mark.parametrize(("target", "arrives"), [
    ("/api/v3/pet/%7Ea%2db", "/api/v3/pet/~a-b"),
    ("/api/v3/pet/a%20b", "/api/v3/pet/a%20b"),
    ("/api/v3/pet/%c3%a9", "/api/v3/pet/%C3%A9"),
    ("/api//v3/./pet/x/../7", "/api/v3/pet/7"),
    ("/api/v3/pet/findByStatus?status=a%20b&status=%2F..", "/api/v3/pet/findByStatus?status=a%20b&status=%2F.."),
])
def test_paths_arrive_normalised_and_queries_untouched(target: str, arrives: str, gateway: Callable[..., Gateway],
                                                       nginx: Callable[..., Any], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    web = nginx(root, server=TELLS)
    started = gateway(configuration({"petstore": read_description(DESCRIPTIONS["petstore"])},
                                    {"petstore": web.address}, "127.0.0.1:0"))
    answer = started.get(target, host="petstore3.swagger.io")
    assert header(answer, "X-Asked") == f"GET {arrives}"


# Bodies.

class Body(NamedTuple):
    """A file and its hash."""

    path: Path
    size: int
    digest: str


def make_body(path: Path, size: int) -> Body:
    """Bytes of which no two stretches are alike, so that what is lost, doubled or moved changes the hash."""
    block = random.Random(size).randbytes(MIB)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for start in range(0, size, MIB):
            piece = (start.to_bytes(8, "big") + block[8:])[:size - start]
            digest.update(piece)
            file.write(piece)
    return Body(path, size, digest.hexdigest())


def digest_of(path: Path) -> str:
    """The hash of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resident_bytes(pid: int) -> int:
    """A process's resident memory."""
    match = re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert match
    return int(match[1]) * 1024


@contextlib.contextmanager
def flat_memory(pid: int) -> Iterator[None]:
    """The process must not grow by more than a little, at any moment while this lasts."""
    before, peak, done = resident_bytes(pid), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, resident_bytes(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    done.set()
    thread.join(DEADLINE)
    assert peak - before < GROWTH, f"{before} bytes resident before, {peak} at the peak"


class Site(NamedTuple):
    """Files, nginx that serves and takes them, and the gateway before it."""

    root: Path
    gateway: Gateway

    def url(self, path: str) -> str:
        """Through the gateway."""
        return self.gateway.url(path)


@pytest.fixture
def site(gateway: Callable[..., Gateway], nginx: Callable[..., Any], file_server: Callable[[Path], Any],
         tmp_path: Path) -> Site:
    """`/python/` is python's http.server; everything else is nginx."""
    root = tmp_path / "root"
    (root / "put").mkdir(parents=True)
    (root / "python").mkdir()
    return Site(root, gateway({
        "listeners": {"main": {"address": "127.0.0.1:0", "limits": {"body": "2GiB"}}},
        "upstreams": {"nginx": {"endpoints": [nginx(root, server=TAKES_FILES).address]},
                      "python": {"endpoints": [file_server(root).address]}},
        "apis": {"files": {"upstream": "nginx"}, "python": {"path": "/python", "upstream": "python"}},
    }))


def download_by_curl(url: str, deadline: float = DEADLINE) -> str:
    """The hash of what came, which is never held whole."""
    digest = hashlib.sha256()
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(deadline), url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while piece := process.stdout.read(MIB):
            digest.update(piece)
    assert process.returncode == 0
    return digest.hexdigest()


def upload_by_curl(body: Body, url: str, *more: str, deadline: float = DEADLINE) -> None:
    """PUT; by itself curl waits for 100 Continue when the body is large."""
    done = curl("--fail", "--max-time", str(deadline), "--upload-file", body.path, *more, url, deadline=deadline + 10)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["/", "/python/"])
def test_downloads_by_curl_and_httpx(folder: str, site: Site) -> None:
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        for size in SIZES:
            body = make_body(site.root / folder.strip("/") / f"body-{size}", size)
            url = site.url(f"{folder}body-{size}")
            with flat_memory(site.gateway.pid):
                assert download_by_curl(url) == body.digest
                answer = client.get(url)
            assert answer.status_code == 200
            assert answer.headers["Content-Length"] == str(size)
            assert hashlib.sha256(answer.content).hexdigest() == body.digest
            head = client.head(url)
            assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(size), b"")


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_uploads_by_curl_and_httpx(framing: str, site: Site, tmp_path: Path) -> None:
    chunked = ["--header", "Transfer-Encoding: chunked"] if framing == "chunked" else []
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        for size in SIZES:
            body = make_body(tmp_path / f"body-{size}", size)
            with flat_memory(site.gateway.pid):
                if size or not chunked:  # curl 7.88 sends no last chunk when there was no other
                    upload_by_curl(body, site.url(f"/put/curl-{size}"), *chunked)
                with open(body.path, "rb") as file:
                    content = iter(lambda: file.read(10_000), b"") if framing == "chunked" else file
                    answer = client.put(site.url(f"/put/httpx-{size}"), content=content)
            assert answer.status_code == 201
            for path in (site.root / "put").glob(f"*-{size}"):
                assert digest_of(path) == body.digest, path
    assert len(list((site.root / "put").iterdir())) == 2 * len(SIZES) - bool(chunked)


def test_parts_of_a_file_by_curl(site: Site) -> None:
    body = make_body(site.root / "body", 3 * MIB)
    content = body.path.read_bytes()
    for first, last in ((0, 0), (1, 65536), (MIB - 1, MIB), (3 * MIB - 1, 3 * MIB - 1)):
        done = curl("--fail", "--range", f"{first}-{last}", site.url("/body"))
        assert done.stdout == content[first:last + 1]


def test_many_bodies_at_once_by_httpx(site: Site, tmp_path: Path) -> None:
    sizes = [random.Random(size).randrange(1, 4 * MIB) for size in range(24)]
    served = [make_body(site.root / f"body-{index}", size) for index, size in enumerate(sizes)]
    sent = [make_body(tmp_path / f"body-{index}", size) for index, size in enumerate(reversed(sizes))]

    async def run() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
            async def download(index: int) -> None:
                answer = await client.get(site.url(f"/body-{index}"))
                assert hashlib.sha256(answer.content).hexdigest() == served[index].digest

            async def upload(index: int) -> None:
                answer = await client.put(site.url(f"/put/{index}"), content=sent[index].path.read_bytes())
                assert answer.status_code == 201

            await asyncio.gather(*map(download, range(24)), *map(upload, range(24)))

    with flat_memory(site.gateway.pid):
        asyncio.run(run())
    for index, body in enumerate(sent):
        assert digest_of(site.root / "put" / str(index)) == body.digest


@pytest.mark.slow
def test_a_gibibyte_both_ways(site: Site, tmp_path: Path) -> None:
    body = make_body(site.root / "large", LARGE)
    with flat_memory(site.gateway.pid):
        assert download_by_curl(site.url("/large"), LARGE_DEADLINE) == body.digest
        upload_by_curl(body, site.url("/put/large"), deadline=LARGE_DEADLINE)
    assert digest_of(site.root / "put" / "large") == body.digest
    down, up = site.gateway.wait_for_log(2)
    for counted in (down["response_bytes"], up["request_bytes"]):  # heads are counted too
        assert LARGE <= counted < LARGE + 4096


def test_load_by_wrk(site: Site) -> None:
    make_body(site.root / "small", 1024)
    connections = 16
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", "-d1s", site.url("/small")], capture_output=True,
                          text=True, timeout=DEADLINE, check=True)
    assert "Socket errors" not in done.stdout
    assert "Non-2xx" not in done.stdout
    match = re.search(r"(\d+) requests in", done.stdout)
    assert match
    requests = int(match[1])
    site.gateway.stop()
    log = site.gateway.log
    # What was on its way when wrk stopped is in the log and not in wrk's count.
    assert requests > 0
    assert requests <= len(log) <= requests + connections
    aborted = [line for line in log if line["status"] != 200]
    assert all(line["reason"] == "client_aborted" for line in aborted), aborted
    assert len({line["request_id"] for line in log}) in (1, len(log))
