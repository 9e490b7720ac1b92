# SPDX-License-Identifier: Apache-2.0
"""TLS to upstreams: who is believed, what a client and the log are told of the others, and what connections have in
common. The upstreams are python's ssl and nginx."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from admin import Admin
from gatehouse import Gateway, run_command
from peers import Nginx, free_port
from pki import Authority, Pair
from upstream import OK_ANSWER, Upstream, UpstreamConnection
from wire import DEADLINE, Answer, wait_until

StartTls = Callable[..., "TlsUpstream"]
StartGateway = Callable[..., Gateway]


class TlsUpstream(Upstream):
    """An upstream behind TLS, which remembers its handshakes. The context may be another one at any time."""

    def __init__(self, context: ssl.SSLContext, *arguments: Any, **options: Any):
        self.context = context
        self.handshakes: list[ssl.SSLSocket] = []
        self.resumed: list[bool] = []  # of each, whether it took up a session
        self.refused: list[str] = []
        self.asked: list[str | None] = []
        super().__init__(*arguments, **options)

    def _run(self, connection: UpstreamConnection) -> None:
        self.context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        try:
            secured = self.context.wrap_socket(connection.socket, server_side=True)
        except OSError as why:
            with self.changed:
                self.refused.append(str(why))
                connection.is_finished = True
                self.changed.notify_all()
            connection.socket.close()
            return
        connection.socket = secured
        self.resumed.append(bool(secured.session_reused))
        self.handshakes.append(secured)
        super()._run(connection)


@pytest.fixture
def tls(stack: contextlib.ExitStack) -> StartTls:
    """Starts upstreams behind TLS; what the gateway sent them malformed fails the test."""

    def check(started: TlsUpstream) -> None:
        assert not started.violations

    def start(context: ssl.SSLContext, *arguments: Any, **options: Any) -> TlsUpstream:
        started = TlsUpstream(context, *arguments, **options)
        stack.callback(check, started)
        stack.callback(started.stop)
        return started

    return start


@pytest.fixture
def authority() -> Authority:
    """The one that the gateway is told to believe."""
    return Authority()


def server(folder: Path, pair: Pair) -> ssl.SSLContext:
    """A service's context with this certificate."""
    files = pair.write(folder, f"service-{pair.serial}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["certificate"], files["key"])
    return context


def config(*endpoints: str, tls: dict[str, Any] | None, **upstream: Any) -> dict[str, Any]:
    """One upstream with these endpoints."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": list(endpoints), "tls": tls, "retries": {"backoff": "1ms"}, **upstream}},
        "apis": {"all": {"upstream": "app"}},
    }


def named(upstream: Upstream, host: str = "localhost") -> str:
    """Its endpoint by a name."""
    return f"{host}:{upstream.port}"


def ask(gateway: Gateway, method: str = "GET", body: bytes | None = None, path: str = "/") -> Answer:
    """One request on a connection of its own."""
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    with gateway.connect() as client:
        client.send(f"{method} {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{length}\r\n".encode())
        client.send(body or b"")
        return client.read_answer(method)


ERRORS = {
    "upstream_certificate_invalid": (502, "tls_certificate_error"),
    "upstream_tls_refused": (502, "tls_alert_received"),
    "upstream_tls_failed": (502, "tls_protocol_error"),
    "upstream_connect_timeout": (504, "connection_timeout"),
}


def check_failure(gateway: Gateway, reason: str, method: str = "GET") -> dict[str, Any]:
    """The answer and the line in the log that tell of it."""
    answer = ask(gateway, method)
    status, error = ERRORS[reason]
    assert answer.status == status
    assert answer.get("Proxy-Status") == f"gatehouse; error={error}"
    assert b"127.0.0.1" not in answer.body and b"localhost" not in answer.body
    entry = gateway.wait_for_log(1)[-1]
    assert (entry["status"], entry["reason"]) == (status, reason)
    return entry


# ---- who is believed ----

SERVICES: dict[str, tuple[list[str], dict[str, Any], str, str, str]] = {
    # names of the certificate, more of it, the endpoint's host, server_name, words in the journal when it is not good
    "good": (["localhost"], {}, "localhost", "", ""),
    "RSA": (["localhost"], {"kind": "rsa"}, "localhost", "", ""),
    "an address": (["127.0.0.1"], {}, "127.0.0.1", "", ""),
    "another name is wanted": (["orders.internal"], {}, "127.0.0.1", "orders.internal", ""),
    "a wildcard": (["*.svc.internal"], {}, "localhost", "orders.svc.internal", ""),
    "another name": (["other.test"], {}, "localhost", "", "for another name"),
    "another address": (["127.0.0.2"], {}, "127.0.0.1", "", "for another address"),
    "the endpoint's, but another is wanted": (["localhost"], {}, "localhost", "orders.internal", "for another name"),
    "a common name only": ([], {"subject": "CN=localhost"}, "localhost", "", "for another name"),
    "expired": (["localhost"], {"days": -1, "since": 9}, "localhost", "", "has expired"),
    "of tomorrow": (["localhost"], {"since": -1}, "localhost", "", "not valid yet"),
}


@pytest.mark.parametrize("case", SERVICES)
def test_who_is_believed(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path, case: str) -> None:
    names, more, host, server_name, words = SERVICES[case]
    upstream = tls(server(tmp_path, authority.issue(*names, **more)))
    options = {"ca": str(authority.write(tmp_path)), **({"server_name": server_name} if server_name else {})}
    running = gateway(config(named(upstream, host), tls=options))
    if not words:
        assert ask(running).status == 200
        assert upstream.asked == [None if host == "127.0.0.1" and not server_name else server_name or host]
        return
    check_failure(running, "upstream_certificate_invalid", "POST")
    assert words in running.wait_for_message("upstream_certificate_invalid")
    assert upstream.received == b""
    # Nobody is asked twice for nothing, and not everybody's failure is told again.
    ask(running)
    assert running.errors.count("upstream_certificate_invalid") == 1


@pytest.mark.parametrize("case", SERVICES)
def test_anybody_is_believed_who_was_not_asked(gateway: StartGateway, tls: StartTls, authority: Authority,
                                               tmp_path: Path, case: str) -> None:
    names, more, host, server_name, _ = SERVICES[case]
    upstream = tls(server(tmp_path, authority.issue(*names, **more)))
    running = gateway(config(named(upstream, host), tls={"verify": False, "server_name": server_name}))
    assert ask(running, "POST", b"x").status == 200


def self_signed(folder: Path) -> Pair:
    """A certificate that nobody else has signed."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "self.key", "-out", folder / "self.pem", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True, timeout=DEADLINE)
    pem = (folder / "self.pem").read_bytes()
    return Pair(pem, (folder / "self.key").read_bytes(), x509.load_pem_x509_certificate(pem))


@pytest.mark.parametrize("who", ["somebody unknown", "itself"])
def test_who_vouches_for_a_service_must_be_known(gateway: StartGateway, tls: StartTls, authority: Authority,
                                                 tmp_path: Path, who: str) -> None:
    stranger = Authority("Stranger")
    pair = self_signed(tmp_path) if who == "itself" else stranger.issue("localhost")
    upstream = tls(server(tmp_path, pair))
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    check_failure(running, "upstream_certificate_invalid")
    assert upstream.received == b""
    believed = tmp_path / "believed.pem"
    believed.write_bytes(pair.certificate if who == "itself" else stranger.pem)
    running.reload(config(named(upstream), tls={"ca": str(believed)}))
    assert ask(running).status == 200


def test_the_system_is_believed_unless_something_else_is_said(gateway: StartGateway, tls: StartTls,
                                                              authority: Authority, tmp_path: Path) -> None:
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    env = {"SSL_CERT_FILE": str(authority.write(tmp_path)), "SSL_CERT_DIR": "/nowhere"}
    running = gateway(config(named(upstream), tls={}), env=env)
    assert ask(running).status == 200
    # And nobody else then.
    other = Authority("Other")
    running.reload(config(named(upstream), tls={"ca": str(other.write(tmp_path, "other"))}))
    assert ask(running).status == 502


def test_a_reload_takes_who_the_system_believes_now(gateway: StartGateway, tls: StartTls, authority: Authority,
                                                    tmp_path: Path) -> None:
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    bundle = Authority("Other").write(tmp_path, "bundle")
    running = gateway(config(named(upstream), tls={}), env={"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": "/nowhere"})
    assert ask(running).status == 502
    authority.write(tmp_path, "bundle")
    assert "generation 2 in force" in running.reload()
    assert ask(running).status == 200
    assert "the files are the same" in running.reload()


def test_belief_in_everybody_is_loud(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path) -> None:
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    text = config(named(upstream), tls={"verify": False})
    path = tmp_path / "loud.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == 0
    assert "warning: upstreams.app.tls.verify: whoever answers is believed" in done.stderr + done.stdout
    running = gateway(text)
    running.wait_for_message("whoever answers is believed")
    before = running.errors.count("whoever answers is believed")
    running.reload({**text, "log": {"level": "info"}})
    wait_until(lambda: running.errors.count("whoever answers is believed") > before, "the warning of the reload")


# ---- who the gateway is ----

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def demanding(folder: Path, authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A service that wants a certificate of its authority."""
    context = server(folder, authority.issue("localhost"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem.decode())
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_is_shown_to_who_asks(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path,
                                            version: ssl.TLSVersion) -> None:
    upstream = tls(demanding(tmp_path, authority, version))
    own = authority.issue(subject="CN=gateway").write(tmp_path, "gw")
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path)), **own}))
    assert ask(running, "POST", b"x").status == 200
    shown = upstream.handshakes[0].getpeercert()
    assert shown and shown["subject"] == ((("commonName", "gateway"),),)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_a_service_may_refuse(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path,
                              version: ssl.TLSVersion, who: str) -> None:
    upstream = tls(demanding(tmp_path, authority, version))
    own = Authority("Stranger").issue(subject="CN=gateway").write(tmp_path, "gw") if who == "a stranger" else {}
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path)), **own}))
    check_failure(running, "upstream_tls_refused", "POST")
    assert "alert" in running.wait_for_message("upstream_tls_refused")
    upstream.wait_for(lambda: upstream.refused, "a handshake that is refused")
    assert upstream.requests == []


# ---- who speaks no TLS ----

def close_at_once(connection: UpstreamConnection) -> None:
    """Reads the client's hello and leaves."""
    connection.socket.recv(1)


def close_in_the_middle(connection: UpstreamConnection) -> None:
    """Begins an answer to the client's hello and leaves."""
    connection.socket.recv(1 << 16)
    connection.send(b"\x16\x03\x03\x00\x7a\x02")


def say_nothing(connection: UpstreamConnection) -> None:
    """Until the other one leaves."""
    while connection.socket.recv(1 << 16):
        pass


def speak_plainly(connection: UpstreamConnection) -> None:
    """As if nothing had been encrypted; what is said so early must not be believed."""
    connection.send(OK_ANSWER)
    say_nothing(connection)


@pytest.mark.parametrize("serve, reason", [
    (close_at_once, "upstream_tls_failed"),
    (close_in_the_middle, "upstream_tls_failed"),
    (say_nothing, "upstream_connect_timeout"),
    (speak_plainly, "upstream_tls_failed"),
])
def test_who_speaks_no_tls_gets_no_request(gateway: StartGateway, upstream: Callable[..., Upstream], tmp_path: Path,
                                           authority: Authority, serve: Callable[[UpstreamConnection], None],
                                           reason: str) -> None:
    started = upstream(serve=serve)
    running = gateway(config(named(started), tls={"ca": str(authority.write(tmp_path))},
                             timeouts={"connect": "100ms" if serve is say_nothing else "10s"}))
    entry = check_failure(running, reason, "POST")
    assert entry["attempts"] == 2  # nothing was sent, so any method may be tried again
    assert b"HTTP/1.1" not in started.received


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_before_1_2_is_not_spoken(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path) -> None:
    context = server(tmp_path, authority.issue("localhost"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    upstream = tls(context)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    assert ask(running).status == 502
    assert running.wait_for_log(1)[-1]["reason"] in ("upstream_tls_refused", "upstream_tls_failed")
    assert upstream.handshakes == []


# ---- tries ----

@pytest.mark.parametrize("serve", [close_at_once, speak_plainly, None])
def test_a_handshake_that_failed_is_tried_elsewhere(gateway: StartGateway, upstream: Callable[..., Upstream],
                                                    tls: StartTls, authority: Authority, tmp_path: Path,
                                                    serve: Callable[[UpstreamConnection], None] | None) -> None:
    """A POST, too: not a byte of it has left."""
    bad = upstream(serve=serve) if serve else tls(server(tmp_path, authority.issue("other.test")))
    good = tls(server(tmp_path, authority.issue("localhost")))
    running = gateway(config(named(bad), named(good), tls={"ca": str(authority.write(tmp_path))}))
    for _ in range(4):
        assert ask(running, "POST", b"once").status == 200
    assert [request.body for request in good.wait_for_requests(4)] == [b"once"] * 4
    assert b"once" not in bad.received


def test_a_dead_connection_costs_no_request(gateway: StartGateway, tls: StartTls, authority: Authority,
                                            tmp_path: Path) -> None:
    """The service leaves kept connections without a word; a POST must arrive once all the same."""
    upstream = tls(server(tmp_path, authority.issue("localhost")), close=True)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    for count in range(1, 6):
        assert ask(running, "POST", b"x").status == 200
        assert len(upstream.wait_for_requests(count)) == count
        upstream.wait_until_all_ended()
    assert all(entry["attempts"] == 1 for entry in running.wait_for_log(5))


# ---- connections and sessions ----

@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_carries_many_requests(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path,
                                            version: ssl.TLSVersion) -> None:
    context = server(tmp_path, authority.issue("localhost"))
    context.minimum_version = context.maximum_version = version
    upstream = tls(context)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    for _ in range(10):
        assert ask(running, "POST", b"x").status == 200
    assert len(upstream.handshakes) == 1 and len(upstream.requests) == 10
    assert upstream.handshakes[0].version() == ("TLSv1.2" if version is VERSIONS[0] else "TLSv1.3")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_taken_up(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path,
                               version: ssl.TLSVersion) -> None:
    context = server(tmp_path, authority.issue("localhost"))
    context.minimum_version = context.maximum_version = version
    upstream = tls(context)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}, connections={"idle": 0}))
    for _ in range(5):
        assert ask(running).status == 200
    assert upstream.resumed == [False] + 4 * [True]


def test_what_differs_has_nothing_in_common(gateway: StartGateway, tls: StartTls, authority: Authority,
                                            tmp_path: Path) -> None:
    """Upstreams with one address: neither a connection nor a session of one serves another."""
    context = server(tmp_path, authority.issue("localhost", "orders.internal"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem.decode())
    who: list[str] = []

    def serve(connection: UpstreamConnection) -> None:
        shown = connection.socket.getpeercert()  # type: ignore[attr-defined]
        while request := connection.read_request():
            who.append(f"{request.target} {dict(part[0] for part in shown['subject'])['commonName'] if shown else '-'}")
            connection.send(OK_ANSWER)

    upstream = tls(context, serve=serve)
    ca = str(authority.write(tmp_path))
    ways: dict[str, dict[str, Any]] = {
        "plain": {"ca": ca},
        "first": {"ca": ca, **authority.issue(subject="CN=first").write(tmp_path, "first")},
        "second": {"ca": ca, **authority.issue(subject="CN=second").write(tmp_path, "second")},
        "name": {"ca": ca, "server_name": "orders.internal"},
        "anybody": {"verify": False},
    }
    running = gateway({
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {name: {"endpoints": [named(upstream)], "tls": way} for name, way in ways.items()},
        "apis": {name: {"path": f"/{name}", "upstream": name} for name in ways},
    })
    for _ in range(3):
        for name in ways:
            assert ask(running, path=f"/{name}").status == 200
    assert upstream.resumed == [False] * len(ways)
    shown = {"first": "first", "second": "second"}
    assert who == [f"/{name} {shown.get(name, '-')}" for _ in range(3) for name in ways]


def test_a_service_may_change_its_certificate(gateway: StartGateway, tls: StartTls, authority: Authority,
                                              tmp_path: Path) -> None:
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}, connections={"idle": 0}))
    assert ask(running).status == 200
    upstream.context = server(tmp_path, authority.issue("localhost"))
    assert ask(running).status == 200
    upstream.context = server(tmp_path, Authority("Other").issue("localhost"))
    assert ask(running).status == 502


def test_files_are_read_again_when_they_change(gateway: StartGateway, tls: StartTls, authority: Authority,
                                               tmp_path: Path) -> None:
    """A new authority: connections made by the word of the old one are of no use any more."""
    other = Authority("Other")
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    ca = authority.write(tmp_path)
    running = gateway(config(named(upstream), tls={"ca": str(ca)}), arguments=["--watch"])
    assert ask(running).status == 200
    replacement = tmp_path / "new.pem"
    replacement.write_bytes(other.pem)
    replacement.replace(ca)
    running.wait_for_outcome(0)
    assert ask(running).status == 502
    ca.write_text("half a file", encoding="utf-8")
    assert "refused" in running.wait_for_outcome(1) or "keeps" in running.errors
    assert ask(running).status == 502
    upstream.context = server(tmp_path, other.issue("localhost"))
    assert ask(running).status == 200


# ---- bodies ----

def test_large_bodies_go_both_ways(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path) -> None:
    sent, said = os.urandom(20 << 20), os.urandom(20 << 20)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n".encode()
    upstream = tls(server(tmp_path, authority.issue("localhost")), lambda request: head + said)
    running = gateway({**config(named(upstream), tls={"ca": str(authority.write(tmp_path))}),
                       "listeners": {"main": {"address": "127.0.0.1:0", "limits": {"body": "100MiB"}}}})
    for _ in range(2):
        answer = ask(running, "PUT", sent)
        assert answer.status == 200 and answer.body == said
    assert [hashlib.sha256(request.body).digest() for request in upstream.requests] == [hashlib.sha256(sent).digest()] * 2
    assert len(upstream.handshakes) == 1


UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhalf of it"


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_body_until_close_ends_with_the_word_for_it(gateway: StartGateway, tls: StartTls, authority: Authority,
                                                      tmp_path: Path, is_ended: bool) -> None:
    """Without close_notify anybody on the way may have cut it off: it must not pass for whole."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(UNTIL_CLOSE)
        if is_ended:
            with contextlib.suppress(OSError):
                connection.socket.unwrap()  # type: ignore[attr-defined]
        else:
            connection.socket.shutdown(socket.SHUT_RDWR)

    upstream = tls(server(tmp_path, authority.issue("localhost")), serve=serve)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        if is_ended:
            assert client.read_answer().body == b"half of it"
        else:
            assert not client.read_until_closed().endswith(b"0\r\n\r\n")
    entry = running.wait_for_log(1)[0]
    assert entry.get("reason") == (None if is_ended else "upstream_aborted"), entry


def test_a_service_that_breaks_tls_is_not_believed_further(gateway: StartGateway, tls: StartTls, authority: Authority,
                                                           tmp_path: Path) -> None:
    """Bytes beside TLS in the middle of an answer: somebody else has written them."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        raw = socket.socket(fileno=os.dup(connection.socket.fileno()))
        raw.sendall(b"A" * 99)
        raw.close()
        with contextlib.suppress(ssl.SSLError):  # the alert about it
            connection.read_until_closed()

    upstream = tls(server(tmp_path, authority.issue("localhost")), serve=serve)
    running = gateway(config(named(upstream), tls={"ca": str(authority.write(tmp_path))}))
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert b"A" * 9 not in client.read_until_closed()
    assert running.wait_for_log(1)[0]["reason"] in ("upstream_aborted", "upstream_reset")


# ---- nginx ----

@pytest.fixture
def secure_nginx(nginx: Callable[..., Nginx], authority: Authority, tmp_path: Path) -> tuple[Nginx, str]:
    """nginx with TLS, and its endpoint."""
    files = authority.issue("localhost").write(tmp_path, "nginx")
    root = tmp_path / "root"
    root.mkdir()
    (root / "large").write_bytes(bytes(range(256)) * 40000)
    (root / "small").write_bytes(b"small\n")
    port = free_port()
    return nginx(root, server=f"listen 127.0.0.1:{port} ssl; ssl_certificate {files['certificate']};"
                              f"ssl_certificate_key {files['key']}; ssl_protocols TLSv1.2 TLSv1.3;"
                              "add_header X-Reused $ssl_session_reused always;"
                              "add_header X-Requests $connection_requests always;"
                              "add_header X-Protocol $ssl_protocol always;"), f"localhost:{port}"


def test_nginx_is_a_service(gateway: StartGateway, secure_nginx: tuple[Nginx, str], authority: Authority,
                            tmp_path: Path) -> None:
    running = gateway(config(secure_nginx[1], tls={"ca": str(authority.write(tmp_path))}))
    for count in range(1, 4):
        answer = ask(running, path="/small")
        assert (answer.status, answer.body) == (200, b"small\n")
        assert (answer.get("X-Requests"), answer.get("X-Protocol")) == (str(count), "TLSv1.3")
    answer = ask(running, path="/large")
    assert answer.body == bytes(range(256)) * 40000
    running.reload(config(secure_nginx[1], tls={"ca": str(authority.write(tmp_path))}, connections={"idle": 0}))
    assert ask(running, path="/small").get("X-Requests") == "5"  # kept over the reload, and the last time
    reused = [ask(running, path="/small").get("X-Reused") for _ in range(4)]
    assert reused == ["r"] * 4


# ---- what policies ask ----

def forward_auth(url: str, app: Upstream) -> dict[str, Any]:
    """An API whose requests are let through by another service."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": [app.address]}},
        "apis": {"all": {"upstream": "app", "policies": [{"forward_auth": {"url": url}}]}},
    }


def test_a_policy_may_ask_by_https(gateway: StartGateway, tls: StartTls, upstream: Callable[..., Upstream],
                                   authority: Authority, tmp_path: Path) -> None:
    app, auth = upstream(), tls(server(tmp_path, authority.issue("localhost")))
    env = {"SSL_CERT_FILE": str(authority.write(tmp_path)), "SSL_CERT_DIR": "/nowhere"}
    running = gateway(forward_auth(f"https://localhost:{auth.port}/check", app), env=env)
    for _ in range(3):
        assert ask(running).status == 200
    assert [request.target for request in auth.requests] == ["/check"] * 3
    assert auth.asked == ["localhost"] and len(auth.handshakes) == 1
    assert auth.requests[0].get("Host") == f"localhost:{auth.port}"


def test_a_policy_believes_the_system_alone(gateway: StartGateway, tls: StartTls, upstream: Callable[..., Upstream],
                                            authority: Authority, tmp_path: Path) -> None:
    app, auth = upstream(), tls(server(tmp_path, Authority("Other").issue("localhost")))
    env = {"SSL_CERT_FILE": str(authority.write(tmp_path)), "SSL_CERT_DIR": "/nowhere"}
    running = gateway(forward_auth(f"https://localhost:{auth.port}/check", app), env=env)
    assert ask(running).status == 503
    assert running.wait_for_log(1)[0]["reason"] == "auth_unavailable"
    assert "not known" in running.wait_for_message("upstream_certificate_invalid")
    assert app.requests == [] and auth.received == b""


# ---- what is not shown ----

def test_keys_are_not_shown(gateway: StartGateway, tls: StartTls, authority: Authority, tmp_path: Path) -> None:
    upstream = tls(server(tmp_path, authority.issue("localhost")))
    own = authority.issue(subject="CN=gateway").write(tmp_path, "gw")
    running = gateway({**config(named(upstream), tls={"ca": str(authority.write(tmp_path)), **own}), "admin": {"address": "127.0.0.1:0"}})
    assert ask(running).status == 200
    secret = Path(own["key"]).read_text(encoding="utf-8").splitlines()[1]
    assert secret not in running.errors
    assert all(secret not in json.dumps(entry) for entry in running.log)
    shown = Admin(running).get("/v1/config")
    tls_shown = shown.json["config"]["upstreams"]["app"]["tls"]
    assert (tls_shown["key"], tls_shown["certificate"]) == ("***", own["certificate"])
    assert secret.encode() not in shown.body
