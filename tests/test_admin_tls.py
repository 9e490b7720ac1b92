# SPDX-License-Identifier: Apache-2.0
"""The admin address with TLS, where others than this machine reach it: who is served, and who is not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cryptography.x509
import pytest
import trustme

from admin import Admin
from gatehouse import Gateway, run_command
from pki import Authority, Pair
from wire import DEADLINE, Answer, Reader, wait_until

StartGateway = Callable[..., Gateway]

TOKEN = "correct horse battery staple"
HASH = "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()
BEARER = ("-H", f"Authorization: Bearer {TOKEN}")
ANYWHERE = "0.0.0.0:0"
LOOPBACK = "127.0.0.1:0"


class Desk:
    """An authority that clients trust, a certificate for the admin address, and the rows of `admin`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.authority = Authority()
        self.ca = self.authority.write(folder)
        self.pair = self.issue()

    def issue(self) -> Pair:
        """Another certificate, in the same files."""
        pair = self.authority.issue("gw.test", "127.0.0.1", "localhost")
        self.files = pair.write(self.folder, "admin")
        return pair

    def rows(self, address: str = ANYWHERE, **tls: Any) -> dict[str, Any]:
        """For `admin`."""
        return {"address": address, "token": HASH, "tls": {"certificates": [self.files], **tls}}

    def config(self, address: str = ANYWHERE, **tls: Any) -> dict[str, Any]:
        """A gateway that answers itself."""
        return {"listeners": {"main": {"address": "127.0.0.1:0"}}, "apis": {"all": {"policies": [{"respond": {"body": "yes"}}]}},
                "admin": self.rows(address, **tls)}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@contextlib.contextmanager
def connection(admin: Admin, context: ssl.SSLContext, name: str = "gw.test") -> Iterator[ssl.SSLSocket]:
    """By TLS to the admin address."""
    with socket.create_connection(("127.0.0.1", admin.port), DEADLINE) as raw, \
            context.wrap_socket(raw, server_hostname=name) as secure:
        yield secure


def ask(client: socket.socket, path: str = "/v1/apis", *fields: str, host: str = "gw.test") -> Answer:
    """One GET with the token."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {TOKEN}", *fields, "", ""]
    client.sendall("\r\n".join(lines).encode())
    answer = Reader(lambda: client.recv(1 << 16)).answer("GET")
    assert answer, "closed without an answer"
    return answer


def serial(admin: Admin, desk: Desk) -> int:
    """Of the certificate that it shows."""
    with connection(admin, desk.authority.client()) as secure:
        der = secure.getpeercert(binary_form=True)
    assert der
    return cryptography.x509.load_der_x509_certificate(der).serial_number


# Who is served.

@pytest.mark.parametrize("address", [LOOPBACK, ANYWHERE, "[::]:0", "unix"])
def test_an_operator_is_served(gateway: StartGateway, desk: Desk, address: str) -> None:
    path = str(desk.folder / "a.sock") if address == "unix" else None
    admin = Admin(gateway(desk.config(f"unix:{path}" if path else address)), unix=path, ca=desk.ca)
    with_name = ("--resolve", f"gw.test:{admin.port}:127.0.0.1") if not path else ()
    host = {LOOPBACK: "", "unix": "localhost"}.get(address, f"gw.test:{0 if path else admin.port}")
    assert admin.ask("GET", "/v1/apis", *BEARER, *with_name, host=host).json["apis"][0]["name"] == "all"
    said = admin.ask("POST", "/v1/check", *BEARER, *with_name, host=host, body=b"listeners: { a: { address: '127.0.0.1:0' } }\n")
    assert said.json["outcome"] == "good"
    for token in ((), ("-H", "Authorization: Bearer wrong"), ("-H", f"Authorization: Bearer {HASH}")):
        assert admin.ask("GET", "/v1/apis", *token, *with_name, host=host).status == 401
    assert admin.ask("GET", "/readyz", *with_name, host=host).status == 200


def test_a_certificate_of_trustme(gateway: StartGateway, desk: Desk) -> None:
    ca = trustme.CA()
    leaf = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(desk.folder / "trustme.pem"))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(desk.folder / "both.pem"))
    files = {"certificate": str(desk.folder / "both.pem"), "key": str(desk.folder / "both.pem")}
    admin = Admin(gateway(desk.config(certificates=[files])), ca=desk.folder / "trustme.pem")
    assert admin.get("/metrics", *BEARER).status == 200


def test_http2_is_not_spoken(gateway: StartGateway, desk: Desk) -> None:
    admin = Admin(gateway(desk.config()))
    context = desk.authority.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connection(admin, context) as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"
        assert [ask(secure).status for _ in range(3)] == [200] * 3
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError), connection(admin, context) as secure:
        ask(secure)


def test_certificates_of_clients(gateway: StartGateway, desk: Desk) -> None:
    others, named = Authority("Others"), Authority("Operators")
    rules = {"client_ca": str(named.write(desk.folder, "operators")), "client_certificate": "required", "minimum": "1.3"}
    running = gateway(desk.config(**rules))
    admin = Admin(running)
    for shown in (None, others.issue(subject="CN=mallory")):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)), \
                connection(admin, desk.authority.client(shown, desk.folder)) as secure:
            ask(secure)
    running.wait_for_message("admin: the TLS handshake with 127.0.0.1 failed: ")
    with connection(admin, desk.authority.client(named.issue(subject="CN=anna"), desk.folder)) as secure:
        assert ask(secure).status == 200
        secure.sendall(b"GET /v1/apis HTTP/1.1\r\nHost: gw.test\r\n\r\n")  # it does not stand for the token
        answer = Reader(lambda: secure.recv(1 << 16)).answer("GET")
        assert answer and answer.status == 401
    old = desk.authority.client(named.issue(subject="CN=anna"), desk.folder)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), connection(admin, old):
        pass


# Who is not.

def test_a_session_of_a_listener_is_not_resumed(gateway: StartGateway, desk: Desk) -> None:
    """Not even where the listener is called `admin`, and has the same certificate and rules."""
    config = desk.config(LOOPBACK)
    config["listeners"] = {"admin": {"address": "127.0.0.1:0", "protocols": ["h1"], "tls": {"certificates": [desk.files]}}}
    running = gateway(config)
    admin = Admin(running, ca=desk.ca)
    admin.where = running.wait_for_message("info admin listening on").rpartition(" ")[2]  # not the listener
    context = desk.authority.client()

    def sessions(port: int, session: ssl.SSLSession | None = None) -> tuple[bool, ssl.SSLSession | None]:
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw, \
                context.wrap_socket(raw, server_hostname="gw.test", session=session) as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            secure.recv(1 << 16)
            return bool(secure.session_reused), secure.session

    there, here = sessions(running.port())[1], sessions(admin.port)[1]
    assert sessions(running.port(), there)[0] and sessions(admin.port, here)[0]
    assert not sessions(admin.port, there)[0] and not sessions(running.port(), here)[0]
    assert [item["listener"] for item in admin.get("/v1/certificates", *BEARER).json["certificates"]] == ["admin", "admin"]


@pytest.mark.parametrize("data", [
    b"GET /v1/config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n",
])
@pytest.mark.parametrize("address", [LOOPBACK, ANYWHERE])
def test_nothing_is_said_in_the_clear(gateway: StartGateway, desk: Desk, address: str, data: bytes) -> None:
    with Admin(gateway(desk.config(address))).connect() as client:
        client.send(data)
        said = client.read_until_closed()
    assert said.startswith(b"HTTP/1.1 400 ") and said.endswith(b"\r\n\r\nThis address speaks https.\n")


def test_handshakes_that_hang_do_not_keep_others_out(gateway: StartGateway, desk: Desk) -> None:
    admin = Admin(gateway(desk.config()), ca=desk.ca)
    hello = ssl.MemoryBIO()
    client = desk.authority.client().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="gw.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    first = hello.read()
    slow = [admin.connect() for _ in range(200)]
    for i, hanging in enumerate(slow):
        hanging.send((b"", b"\x16", first[:100], first)[i % 4])
    assert admin.get("/v1/apis", *BEARER).status == 200
    with connection(admin, desk.authority.client()) as secure:
        assert ask(secure).status == 200
    for hanging in slow:
        hanging.close()


@pytest.mark.parametrize("reads", [True, False])
def test_those_without_a_token_do_not_keep_others_out(gateway: StartGateway, desk: Desk, reads: bool) -> None:
    """They have begun to ask again, or do not read what they are answered."""
    admin = Admin(gateway(desk.config()), ca=desk.ca)
    context = desk.authority.client()
    question = b"GET /healthz HTTP/1.1\r\nHost: gw.test\r\n\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(64):
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            raw.connect(("127.0.0.1", admin.port))
            secure = held.enter_context(context.wrap_socket(raw, server_hostname="gw.test"))
            if reads:
                secure.sendall(question + b"G")
                assert b"ok" in secure.recv(1 << 16)
                continue
            secure.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                for _ in range(1000):
                    secure.sendall(question * 300)
        for _ in range(3):
            assert admin.get("/v1/apis", *BEARER).status == 200
            assert admin.get("/healthz").status == 200


@pytest.mark.parametrize(("fields", "status"), [
    (["Origin: https://gw.test"], 200), (["Origin: https://GW.test", "Sec-Fetch-Site: same-origin"], 200), (["Sec-Fetch-Site: none"], 200),
    (["Origin: http://gw.test"], 403), (["Origin: https://evil.example"], 403), (["Origin: https://gw.test:1"], 403), (["Origin: null"], 403),
    (["Sec-Fetch-Site: cross-site"], 403), (["Sec-Fetch-Site: same-site"], 403),
    (["Via: 1.1 somebody"], 403), (["Forwarded: for=10.0.0.1"], 403), (["X-Forwarded-For: 10.0.0.1"], 403),
])
def test_what_a_browser_says(gateway: StartGateway, desk: Desk, fields: list[str], status: int) -> None:
    admin = Admin(gateway(desk.config()))
    with connection(admin, desk.authority.client()) as secure:
        assert ask(secure, "/v1/apis", *fields).status == status


def test_a_loopback_keeps_its_name(gateway: StartGateway, desk: Desk) -> None:
    admin = Admin(gateway(desk.config(LOOPBACK)))
    with connection(admin, desk.authority.client()) as secure:
        assert ask(secure, host="localhost").status == 200
        assert ask(secure, host="gw.test").status == 403


def test_what_the_gateway_forwards_is_refused(gateway: StartGateway, desk: Desk) -> None:
    """Two gateways, so that the configuration of neither can tell, and a client that has the token."""
    admin = Admin(gateway(desk.config()))
    other = gateway({"listeners": {"main": {"address": "127.0.0.1:0"}}, "apis": {"all": {"upstream": "app"}},
                     "upstreams": {"app": {"endpoints": [admin.where], "tls": {"ca": str(desk.ca), "server_name": "gw.test"}}}})
    for path in ("/healthz", "/v1/config", "/metrics"):
        with other.connect() as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
            assert client.read_answer().status == 403


# What changes.

def test_certificates_are_read_again(gateway: StartGateway, desk: Desk) -> None:
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    assert serial(admin, desk) == desk.pair.serial
    shown = [item for item in admin.get("/v1/certificates", *BEARER).json["certificates"] if item["listener"] == "admin"]
    assert [(item["file"], item["names"]) for item in shown] == [(desk.files["certificate"], ["gw.test", "localhost"])]
    metrics = admin.get("/metrics", *BEARER).body.decode()
    assert 'gatehouse_certificate_expiry_timestamp_seconds{listener="admin"' in metrics
    fresh = desk.issue()
    running.wait_for_message(f"admin: {desk.files['certificate']}: read again")
    assert serial(admin, desk) == fresh.serial != desk.pair.serial


def test_a_reload_brings_another_certificate(gateway: StartGateway, desk: Desk) -> None:
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    other = desk.authority.issue("gw.test", "127.0.0.1")
    files = other.write(desk.folder, "other")
    with connection(admin, desk.authority.client()) as secure:
        assert "in force" in running.reload(desk.config(certificates=[files]))
        assert ask(secure).status == 200  # made by the one before, under the same rules
    assert serial(admin, desk) == other.serial
    assert "refused" in running.reload(desk.config(certificates=[{**files, "key": desk.files["key"]}]))
    assert serial(admin, desk) == other.serial
    assert "in force" in running.reload({**desk.config(certificates=[files]), "admin": {**desk.rows(), "token": "sha256:" + "0" * 64}})
    assert admin.get("/v1/apis", *BEARER).status == 401


def test_new_rules_are_for_open_connections_too(gateway: StartGateway, desk: Desk) -> None:
    operators = Authority("Operators")
    running = gateway(desk.config())
    admin = Admin(running)
    with connection(admin, desk.authority.client()) as before:
        assert ask(before).status == 200
        assert "in force" in running.reload(desk.config(client_ca=str(operators.write(desk.folder, "operators")),
                                                        client_certificate="required"))
        answer = ask(before)
        assert (answer.status, answer.get("Connection"), before.recv(1)) == (421, "close", b"")
    with connection(admin, desk.authority.client(operators.issue(subject="CN=anna"), desk.folder)) as after:
        assert ask(after).status == 200


def test_tls_comes_and_goes(gateway: StartGateway, desk: Desk) -> None:
    plain = {**desk.config(LOOPBACK), "admin": {"address": LOOPBACK, "token": HASH}}
    running = gateway(plain)
    admin = Admin(running)
    with admin.connect() as before:
        assert ask(before.socket, host="localhost").status == 200
        assert "in force" in running.reload(desk.config(LOOPBACK))
        assert ask(before.socket, host="localhost").status == 421
    with connection(admin, desk.authority.client()) as secure:
        assert ask(secure, host="localhost").status == 200
        assert "in force" in running.reload(plain)
        assert ask(secure, host="localhost").status == 200
    assert admin.get("/v1/apis", *BEARER).status == 200


def test_an_address_that_cannot_be_had_opens_nothing(gateway: StartGateway, desk: Desk) -> None:
    """It goes on where others reach it, by the rules that are for there."""
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.reload({**desk.config(), "admin": {"address": f"127.0.0.1:{taken.getsockname()[1]}"}})
        running.wait_for_message("admin: cannot listen on")
        assert admin.get("/v1/apis").status == 401
        assert admin.get("/v1/apis", *BEARER).status == 200
        with admin.connect() as client:
            client.send(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert b"https" in client.read_until_closed()


def test_certificates_of_the_address_before_are_read_again(gateway: StartGateway, desk: Desk) -> None:
    """It goes on where the next one could not be had, and so do its certificates."""
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    other = desk.authority.issue("gw.test").write(desk.folder, "other")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.reload(desk.config(f"127.0.0.1:{taken.getsockname()[1]}", certificates=[other]))
        running.wait_for_message("admin: cannot listen on")
        fresh = desk.issue()
        wait_until(lambda: serial(admin, desk) == fresh.serial, "the new certificate")


def test_a_move_that_failed_is_told_and_tried_again(gateway: StartGateway, desk: Desk) -> None:
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running.write_config(desk.config(f"127.0.0.1:{port}"))
        want = [f"admin: cannot listen on 127.0.0.1:{port}: cannot listen: Address already in use; "
                "the address before goes on by its own rules"]
        for outcome in ("applied", "unchanged"):
            said = admin.post("/v1/reload", *BEARER).json
            assert (said["outcome"], said["errors"], said["warnings"]) == (outcome, [], want)
        assert want[0] in running.errors
    assert admin.post("/v1/reload", *BEARER).json["warnings"] == []
    with pytest.raises(ConnectionRefusedError):
        admin.connect()
    admin.where = f"127.0.0.1:{port}"
    assert admin.get("/v1/apis", *BEARER).status == 200


@pytest.mark.parametrize(("before", "after"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "[::ffff:127.0.0.1]")])
def test_addresses_that_overlap(gateway: StartGateway, desk: Desk, before: str, after: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = gateway(desk.config(f"{before}:{port}"))
    admin = Admin(running, ca=desk.ca)
    running.write_config(desk.config(f"{after}:{port}"))
    said = admin.post("/v1/reload", *BEARER).json
    assert (said["outcome"], said["warnings"]) == ("applied", [])
    running.wait_for_message(f"admin listening on {after}:{port}")
    with connection(admin, desk.authority.client()) as secure:
        assert ask(secure, host="gw.test").status == (200 if after == "0.0.0.0" else 403)
    own = own_address()
    if own and after != "0.0.0.0":
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own, port), DEADLINE)


def test_an_address_before_keeps_no_configuration(gateway: StartGateway, desk: Desk) -> None:
    config = desk.config()
    config["apis"] = {"before": config["apis"]["all"]}
    running = gateway(config)
    admin = Admin(running, ca=desk.ca)
    running.get("/")
    assert b'"before"' in admin.get("/metrics", *BEARER).body
    assert "in force" in running.reload(desk.config("[::1]:0"))
    line = running.wait_for_message("admin listening on [::1]")
    admin.where = line.rpartition(" ")[2]
    wait_until(lambda: b'"before"' not in admin.ask("GET", "/metrics", "-k", *BEARER).body, "the old names to go")


def test_another_process_takes_the_address_over(gateway: StartGateway, desk: Desk) -> None:
    running = gateway(desk.config())
    admin = Admin(running, ca=desk.ca)
    context = desk.authority.client()
    with connection(admin, context) as before:
        assert ask(before).status == 200
        fresh = desk.issue()
        running.replace()
        wait_until(lambda: serial(admin, desk) == fresh.serial, "the other process to serve")
    assert admin.get("/v1/apis", *BEARER).json["generation"] == 1
    assert admin.port == Admin(running).port


# What check says.

def diagnose(folder: Path, text: str, *, is_good: bool = False) -> list[str]:
    """The errors of check, which are those of run, without the file's name."""
    path = folder / "g.yaml"
    path.write_text("listeners: { a: { address: '127.0.0.1:0' } }\n" + text, encoding="utf-8")
    done = run_command("check", "-c", path)
    assert done.returncode == (0 if is_good else 1), done.stderr
    if not is_good:
        assert run_command("run", "-c", path).stderr == done.stderr
    return [line.split(": error: ")[0].rpartition("g.yaml:")[2] + " " + line.split(": error: ")[1]
            for line in done.stderr.splitlines() if ": error: " in line]


NEEDS = "admin.address: others than this machine can reach this, so it needs "


def test_what_is_missing_is_told_with_its_place(desk: Desk) -> None:
    tls = json.dumps({"certificates": [desk.files]})
    rest = "; or use 127.0.0.1:PORT or unix:/path"
    address = "admin:\n  address: '%s'\n"
    for where in ("0.0.0.0:9901", "[::]:9901", "10.0.0.1:9901", ":9901"):
        both = address % where
        assert diagnose(desk.folder, both) == [f'3:12 {NEEDS}"tls" and "token"{rest}']
        assert diagnose(desk.folder, f"{both}  token: {HASH}\n") == [f'3:12 {NEEDS}"tls"{rest}']
        assert diagnose(desk.folder, f"{both}  tls: {tls}\n") == [f'3:12 {NEEDS}"token"{rest}']
        diagnose(desk.folder, f"{both}  token: {HASH}\n  tls: {tls}\n", is_good=True)
    diagnose(desk.folder, f"{address % '127.0.0.1:9901'}  tls: {tls}\n", is_good=True)
    diagnose(desk.folder, f"{address % 'unix:/run/g.sock'}  tls: {tls}\n", is_good=True)


def test_diff_knows_what_opens(desk: Desk) -> None:
    ca = str(desk.ca)
    strict = {"client_ca": ca, "client_certificate": "required", "minimum": "1.3"}
    loopback = {"address": "127.0.0.1:9901"}
    public = desk.rows("0.0.0.0:9901")
    rows: list[tuple[dict[str, Any] | None, dict[str, Any] | None, int, list[str]]] = [
        (public, public, 0, []),
        (None, loopback, 4, ["open    admin is new, and wants no token"]),
        (None, public, 4, ["open    admin is new"]),
        ({**loopback, "token": HASH}, public, 4, ["open    admin: others than", "tight   admin.tls is new", "other   admin.address: ",
                                                  "other   admin.tls.certificates"]),
        (public, {**loopback, "token": HASH}, 4, ["open    admin.tls is gone: nothing is encrypted",
                                                  "tight   admin: others than this machine can reach it no more",
                                                  "other   admin.address", "other   admin.tls.certificates"]),
        (public, None, 0, ["tight   admin is gone"]),
        ({**loopback, "token": HASH}, loopback, 4, ["open    admin.token: gone"]),
        (loopback, {**loopback, "token": HASH}, 0, ["tight   admin.token: "]),
        (public, {**public, "token": "sha256:" + "0" * 64}, 4, ["open    admin.token: changed"]),
        (desk.rows("0.0.0.0:9901", **strict), public, 4, ["open    admin.tls.client_ca", "open    admin.tls.client_certificate: required -> none",
                                                          "open    admin.tls.minimum: 1.3 -> 1.2"]),
    ]
    for before, after, code, lines in rows:
        for name, admin in (("old.yaml", before), ("new.yaml", after)):
            config = desk.config()
            config["admin"] = admin
            (desk.folder / name).write_text(json.dumps({key: value for key, value in config.items() if value}), encoding="utf-8")
        done = run_command("diff", desk.folder / "old.yaml", desk.folder / "new.yaml")
        said = done.stdout.splitlines()
        assert done.returncode == code and len(said) == len(lines), (before, after, done.stdout + done.stderr)
        assert all(line.startswith(want) for line, want in zip(said, lines)), said
        assert HASH not in done.stdout


def own_address() -> str:
    """One of this machine's that is no loopback's."""
    told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((ip for ip in told if ":" not in ip), "")


def test_no_endpoint_leads_to_a_wildcard(desk: Desk) -> None:
    own = own_address()
    tls = json.dumps({"certificates": [desk.files]})
    text = f"admin: {{ address: '0.0.0.0:9901', token: '{HASH}', tls: {tls} }}\nupstreams: {{ app: {{ endpoints: ['%s'] }} }}\n"
    for there in ("127.0.0.1:9901", "localhost:9901", "0.0.0.0:9901", *([f"{own}:9901"] if own else [])):
        assert diagnose(desk.folder, text % there) == [
            "3:33 upstreams.app.endpoints[0]: this leads to the admin address, which no client may reach"], there
    for there in ("192.0.2.1:9901", "127.0.0.1:9902", "gw.test:9901"):
        diagnose(desk.folder, text % there, is_good=True)
