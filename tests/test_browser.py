# SPDX-License-Identifier: Apache-2.0
"""A browser: Chromium, driven by chromedriver, loads a page over HTTP/2, opens a WebSocket and reads an event stream.

All three come through one listener with TLS, from upstreams of their own. What happens is told by the page itself, by
the gateway's log, and by the upstreams. The browser asks no name server and knows the certificate's key beforehand.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse import Gateway
from upstream import Said, Upstream
from websocket_peers import WebSocketServer
from wire import DEADLINE, Request, wait_until

HOST = "gw.test"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
           "--no-proxy-server", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]

PAGE = b"""<!DOCTYPE html>
<title>waiting</title>
<script>
const told = { events: [], messages: [] };
const source = new EventSource("/events");
source.onmessage = event => told.events.push(event.data);
const socket = new WebSocket("wss://" + location.host + "/ws");
socket.onopen = () => { socket.send("hello"); socket.send(new Uint8Array(100000)); };
socket.onmessage = event => told.messages.push(event.data.size || event.data);
socket.onclose = event => { told.code = event.code; };
Promise.all(Array.from({ length: 20 }, (_, i) => fetch("/data/" + i).then(answer => answer.text())))
    .then(texts => { told.texts = texts; });
function tell() {
    const entries = performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"));
    return { ...told, protocols: entries.map(entry => entry.nextHopProtocol) };
}
</script>
"""


def serve(request: Request) -> Said:
    """The page, what it fetches, and three events on a stream that stays open."""
    if request.target.startswith("/data/"):
        body, kind = request.target.encode("latin-1") * 100, "text/plain"
    elif request.target == "/":
        body, kind = PAGE, "text/html"
    elif request.target == "/events":
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        events = [b"data: %d\n\n" % i for i in range(3)]
        return [head, *(b"%x\r\n%s\r\n" % (len(event), event) for event in events)]
    else:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


class Browser:
    """Chromium, over WebDriver's HTTP."""

    def __init__(self, directory: Path, *options: str):
        program = shutil.which("chromedriver")
        assert program, "chromedriver is missing: tools/deps test"
        self.process = subprocess.Popen([program, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.base = f"http://127.0.0.1:{self._port()}/session"
        arguments = [*OPTIONS, f"--user-data-dir={directory}", *options]
        session = self._call("", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}})
        self.base += f"/{session['sessionId']}"

    def _port(self) -> int:
        assert self.process.stdout
        for line in self.process.stdout:
            if match := re.search(r"successfully on port (\d+)", line):
                return int(match[1])
        raise AssertionError("chromedriver does not start")

    def _call(self, path: str, body: dict[str, Any] | None, method: str = "POST") -> Any:
        asked = urllib.request.Request(self.base + path, json.dumps(body).encode() if body is not None else None,
                                       {"Content-Type": "application/json"}, method=method)
        with self.opener.open(asked, timeout=2 * DEADLINE) as answer:
            return json.load(answer)["value"]

    def load(self, url: str) -> None:
        """Until the page is there."""
        self._call("/url", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """In the page."""
        return self._call("/execute/sync", {"script": f"return {expression};", "args": []})

    def close(self) -> None:
        """Chromium goes with its driver."""
        with contextlib.suppress(OSError):
            self._call("", None, "DELETE")
        self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()


def key_hash(pem: bytes) -> str:
    """Of a certificate's public key, as Chromium wants to be told it."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()


@pytest.fixture
def certificate(tmp_path: Path) -> trustme.LeafCert:
    """For HOST, in gw.pem and gw.key."""
    leaf = trustme.CA().issue_cert(HOST)
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "gw.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "gw.key")
    return leaf


@pytest.fixture
def browser(tmp_path: Path, certificate: trustme.LeafCert) -> Iterator[Browser]:
    """One that believes the certificate."""
    spki = key_hash(certificate.cert_chain_pems[0].bytes())
    started = Browser(tmp_path / "chromium", f"--ignore-certificate-errors-spki-list={spki}")
    yield started
    started.close()


def test_a_browser_is_at_home(tmp_path: Path, upstream: Callable[..., Upstream], gateway: Callable[..., Gateway],
                              browser: Browser) -> None:
    """The browser comes last, so that it goes first: the gateway waits for a stream that is open."""
    with contextlib.ExitStack() as stack:
        sockets = WebSocketServer()
        stack.callback(sockets.stop)
        tls = {"certificates": [{"certificate": str(tmp_path / "gw.pem"), "key": str(tmp_path / "gw.key")}]}
        running = gateway({
            "listeners": {"main": {"address": "127.0.0.1:0", "tls": tls}},
            "upstreams": {"app": {"endpoints": [upstream(serve).address]}, "ws": {"endpoints": [sockets.address]}},
            "apis": {"app": {"upstream": "app"}, "ws": {"path": "/ws", "upstream": "ws"}},
        })
        browser.load(f"https://{HOST}:{running.port()}/")

        def tell() -> dict[str, Any]:
            return dict(browser.evaluate("tell()"))

        wait_until(lambda: len(tell()["messages"]) == 2 and len(tell()["events"]) == 3 and tell().get("texts"),
                   "the page to be through with all")
        told = tell()
        assert told["messages"] == ["hello", 100000]
        assert told["events"] == ["0", "1", "2"]
        assert told["texts"] == [f"/data/{i}" * 100 for i in range(20)]
        assert set(told["protocols"]) == {"h2"}, told["protocols"]
        browser.evaluate("socket.close(1000)")
        assert sockets.wait_for_codes(1) == [1000]
        wait_until(lambda: tell().get("code") == 1000, "the WebSocket to be closed")
        wait_until(lambda: any(entry["path"] == "/ws" for entry in running.log), "the WebSocket's line in the log")
    assert {entry["protocol"] for entry in running.log} == {"HTTP/2.0"}, "a WebSocket comes by extended CONNECT too"
    assert all(entry["tls_version"] == "TLSv1.3" for entry in running.log), running.log
