# SPDX-License-Identifier: Apache-2.0
"""TLS to clients, by curl, openssl and python's ssl: which certificate, which policy, and what happens when files
change while it runs."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cryptography.x509
import httpx
import pytest
import trustme

from gatehouse import Gateway, binary, run_command
from h2_peers import H2Client
from pki import Authority, Pair, now
from wire import DEADLINE, Answer, Reader, wait_until

StartGateway = Callable[..., Gateway]

REREAD = 5.0  # seconds in which the contract wants changed files to be in force


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom the clients of a test trust."""
    return Authority()


def configuration(tls: dict[str, Any], **listener: Any) -> dict[str, Any]:
    """A gateway that answers itself, at one listener with TLS."""
    body = "${request.scheme} ${request.host}"
    return {"listeners": {"main": {"address": "127.0.0.1:0", "tls": tls, **listener}},
            "apis": {"all": {"policies": [{"respond": {"body": body}}]}}}


@contextlib.contextmanager
def connection(running: Gateway, context: ssl.SSLContext, name: str | None = "api.test",
               **options: Any) -> Iterator[ssl.SSLSocket]:
    """A connection with TLS to the gateway, for that name."""
    with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as raw:
        with context.wrap_socket(raw, server_hostname=name, **options) as secure:
            yield secure


def ask(secure: ssl.SSLSocket, host: str = "api.test") -> Answer:
    """One GET, and its answer."""
    secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = Reader(lambda: secure.recv(1 << 16)).answer("GET")
    assert answer, "the server closed without an answer"
    return answer


def serial(running: Gateway, name: str | None = "api.test", *, context: ssl.SSLContext | None = None) -> int:
    """Of the certificate that a client gets which asks for that name and believes anything."""
    trusting = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with connection(running, trusting, name) as secure:
        der = secure.getpeercert(binary_form=True)
    assert der
    return cryptography.x509.load_der_x509_certificate(der).serial_number


def s_client(running: Gateway, *arguments: str, stdin: str = "") -> str:
    """What openssl's client has to say."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{running.port()}", *arguments], input=stdin,
                          text=True, capture_output=True, timeout=DEADLINE, check=False)
    return done.stdout + done.stderr


def curl(running: Gateway, authority_file: Path, *arguments: str, name: str = "api.test") -> str:
    """What curl got, with its head."""
    done = subprocess.run(
        ["curl", "-sS", "-i", "--cacert", authority_file, "--connect-to", f"{name}::127.0.0.1:{running.port()}",
         *arguments, f"https://{name}/"], text=True, capture_output=True, timeout=DEADLINE, check=False)
    return done.stdout + done.stderr


# Who is served.


def test_a_browser_is_served(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]}))
    answer = curl(running, authority.write(tmp_path), "--http1.1")
    assert answer.startswith("HTTP/1.1 200 OK") and answer.endswith("https api.test")
    assert curl(running, authority.write(tmp_path)).startswith("HTTP/2 200")
    entries = running.wait_for_log(2)
    assert [entry["tls_version"] for entry in entries] == ["TLSv1.3"] * 2
    assert [entry["protocol"] for entry in entries] == ["HTTP/1.1", "HTTP/2.0"]


def test_a_certificate_of_trustme(gateway: StartGateway, tmp_path: Path) -> None:
    """RSA keys, a name and an address."""
    ca = trustme.CA()
    issued = ca.issue_cert("api.test", "127.0.0.1")
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "a.key"))
    running = gateway(configuration({"certificates": [{"certificate": str(tmp_path / "a.pem"),
                                                       "key": str(tmp_path / "a.key")}]}))
    with httpx.Client(verify=str(tmp_path / "ca.pem"), http2=True) as client:
        answer = client.get(f"https://127.0.0.1:{running.port()}/")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


def test_what_the_upstream_is_told(gateway: StartGateway, upstream: Callable[..., Any], authority: Authority,
                                   tmp_path: Path) -> None:
    app = upstream()
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    config |= {"upstreams": {"app": {"endpoints": [app.address]}}, "apis": {"all": {"upstream": "app"}}}
    running = gateway(config)
    with connection(running, authority.client()) as secure:
        assert ask(secure).status == 200
    request = app.requests[0]
    assert request.get("x-forwarded-proto") == "https"
    assert request.get("x-forwarded-port") == str(running.port())
    assert "proto=https" in request.get("forwarded")


def test_hsts_goes_with_tls_alone(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    config["listeners"]["plain"] = {"address": "127.0.0.1:0"}
    config["apis"]["all"]["policies"].insert(0, {"security_headers": {"hsts": "365d"}})
    running = gateway(config)
    with connection(running, authority.client()) as secure:
        assert "max-age=31536000" in (ask(secure).get("strict-transport-security") or "")
    assert running.get("/", listener="plain").get("strict-transport-security") is None


# Which certificate.


def test_the_name_chooses_the_certificate(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    pairs = {"first": authority.issue("first.test"), "api": authority.issue("api.test"),
             "wild": authority.issue("*.wild.test"), "exact": authority.issue("a.wild.test"),
             "named": authority.issue("other.test")}
    entries = [pair.write(tmp_path, name) for name, pair in pairs.items()]
    entries[-1]["names"] = ["Named.test", "*.deep.wild.test"]  # type: ignore[assignment]
    running = gateway(configuration({"certificates": entries}))
    rows = {"first.test": "first", "api.test": "api", "API.test": "api", "b.wild.test": "wild", "a.wild.test": "exact",
            "named.test": "named", "x.deep.wild.test": "named", "nobody.test": "first", "other.test": "first",
            None: "first"}
    for name, wanted in rows.items():
        assert serial(running, name) == pairs[wanted].serial, name


def test_the_client_chooses_the_kind_of_key(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    elliptic, classic = authority.issue("api.test"), authority.issue("api.test", kind="rsa")
    running = gateway(configuration({"certificates": [elliptic.write(tmp_path, "ec"), classic.write(tmp_path, "rsa")]}))
    for sigalgs, pair in (("ECDSA+SHA256", elliptic), ("RSA-PSS+SHA256", classic)):
        said = s_client(running, "-servername", "api.test", "-sigalgs", sigalgs, "-showcerts")
        found = re.search(r"-----BEGIN.*?END CERTIFICATE-----", said, re.DOTALL)
        assert found and found[0].encode().strip() == pair.certificate.strip(), said


def test_the_oldest_version(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    new, old = authority.issue("new.test").write(tmp_path, "new"), authority.issue("old.test").write(tmp_path, "old")
    running = gateway(configuration({"minimum": "1.3", "certificates": [new, {**old, "minimum": "1.2"}]}))
    context = authority.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connection(running, context, "old.test") as secure:
        assert ask(secure, "old.test").status == 200
    with pytest.raises(ssl.SSLError), connection(running, context, "new.test"):
        pass
    assert "no version of TLS that is allowed" in running.wait_for_message("TLS handshake with 127.0.0.1 failed")
    said = s_client(running, "-servername", "old.test", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert "Cipher is (NONE)" in said or "alert" in said


# Certificates of clients.


def client_of(authority: Authority, tmp_path: Path, clients: Authority | None) -> ssl.SSLContext:
    """One that shows a certificate of that authority, or none."""
    pair = clients.issue("c.test", "spiffe://test/c", subject="CN=acme,O=Acme") if clients else None
    return authority.client(pair, tmp_path)


@pytest.mark.parametrize(("mode", "known", "unknown", "none"), [
    ("required", True, False, False), ("optional", True, False, True), ("none", True, True, True)])
def test_clients_certificates(gateway: StartGateway, authority: Authority, tmp_path: Path, mode: str, known: bool,
                              unknown: bool, none: bool) -> None:
    """TLS 1.3 tells a client only when it reads that it was refused."""
    partners = Authority("Partners")
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")],
                                     "client_ca": str(partners.write(tmp_path, "partners")),
                                     "client_certificate": mode}))
    for who, is_served in ((partners, known), (Authority("Strangers"), unknown), (None, none)):
        context = client_of(authority, tmp_path, who)
        if is_served:
            with connection(running, context) as secure:
                assert ask(secure).status == 200
        else:
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)), connection(running, context) as secure:
                ask(secure)


def test_what_a_certificate_says_can_be_asked(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    partners = Authority("Partners")
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")],
                            "client_ca": str(partners.write(tmp_path, "partners")), "client_certificate": "optional"})
    config["apis"]["all"]["policies"].insert(0, {"respond": {"status": 403},
                                                 "when": 'certificate.subject != "CN=acme,O=Acme"'})
    config["apis"]["all"]["policies"].insert(0, {"respond": {"status": 401}, "when": "!has(certificate.subject)"})
    running = gateway(config)
    with connection(running, client_of(authority, tmp_path, partners)) as secure:
        assert ask(secure).status == 200


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    """As a file."""
    path = folder / "gatehouse.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


# Sessions, and requests for another host.


def two_policies(authority: Authority, partners: Authority, folder: Path) -> dict[str, Any]:
    """Two names that anybody may ask for, one for partners only."""
    return {"certificates": [
        authority.issue("api.test", "127.0.0.1").write(folder, "api"), authority.issue("www.test").write(folder, "www"),
        {**authority.issue("partners.test").write(folder, "partners"), "client_certificate": "required",
         "client_ca": str(partners.write(folder, "partners-ca"))}]}


def test_a_host_of_another_policy_is_misdirected(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    running = gateway(configuration(two_policies(authority, Authority("Partners"), tmp_path)))
    with connection(running, authority.client()) as secure:
        assert ask(secure, "www.test").status == 200
        assert ask(secure, "unknown.test").status == 200
        assert ask(secure, "partners.test").status == 421
        assert ask(secure, "PARTNERS.test:443").status == 421
        assert ask(secure, "api.test").status == 200
    reasons = [entry.get("reason") for entry in running.wait_for_log(5)]
    assert reasons.count("misdirected_request") == 2
    with httpx.Client(verify=authority.client(), http2=True) as client:
        answer = client.get(f"https://127.0.0.1:{running.port()}/", headers={"Host": "partners.test"},
                            extensions={"sni_hostname": "api.test"})
    assert (answer.status_code, answer.http_version) == (421, "HTTP/2")


def test_a_policy_that_was_reloaded_is_for_open_connections_too(gateway: StartGateway, authority: Authority,
                                                               tmp_path: Path) -> None:
    """They end, and serve until then only whom a handshake would let in now."""
    first, second = Authority("First"), Authority("Second")
    (tmp_path / "both.pem").write_bytes(first.pem + second.pem)
    entry = authority.issue("api.test").write(tmp_path, "api")
    by_first = {"client_certificate": "optional", "client_ca": str(first.write(tmp_path, "first"))}
    shown = first.issue(subject="CN=partner")
    rows: list[tuple[Pair | None, dict[str, Any], dict[str, Any], int]] = [
        (None, {}, {"minimum": "1.3"}, 200), (None, {}, by_first, 200), (None, by_first, {}, 200),
        (None, by_first, {**by_first, "client_certificate": "required"}, 421), (shown, by_first, {}, 421),
        (shown, by_first, {**by_first, "client_certificate": "required"}, 200),
        (shown, by_first, {**by_first, "client_ca": str(tmp_path / "both.pem")}, 200),
        (shown, by_first, {**by_first, "client_ca": str(second.write(tmp_path, "second"))}, 421)]
    running = gateway(configuration({"certificates": [entry]}))
    for pair, before, after, wanted in rows:
        running.reload(configuration({"certificates": [{**entry, **before}]}))
        contexts = [authority.client(), authority.client()]
        contexts[1].set_alpn_protocols(["h2"])
        for context in contexts if pair else []:
            context.load_cert_chain(*pair.write(tmp_path, "partner").values())
        with connection(running, contexts[0]) as http1, connection(running, contexts[1]) as secure:
            client = H2Client(secure)
            assert ask(http1).status == client.answer(client.begin(host="api.test", end=True)).status == 200
            assert "in force" in running.reload(configuration({"certificates": [{**entry, **after}]}))
            assert ask(http1).status == client.answer(client.begin(host="api.test", end=True)).status == wanted, after
            assert http1.recv(1) == b""
            client.wait_for_end()
            assert client.goaways


def test_a_certificate_with_a_pass_phrase_is_not_asked_for(authority: Authority, tmp_path: Path) -> None:
    """Not even at a terminal: whoever waits for one would wait for ever."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
                                     "00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n")
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(configuration({
        "certificates": [authority.issue("api.test").write(tmp_path, "api")],
        "client_ca": "ca.pem", "client_certificate": "optional"})), encoding="utf-8")
    done = subprocess.run(["script", "-qec", f"{binary()} check", "/dev/null"], cwd=tmp_path, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert "a certificate in client_ca is damaged" in done.stdout and "pass phrase" not in done.stdout, done.stdout


def test_sessions_are_resumed_under_their_name_alone(gateway: StartGateway, authority: Authority,
                                                     tmp_path: Path) -> None:
    running = gateway(configuration(two_policies(authority, Authority("Partners"), tmp_path)), workers=2)
    context = authority.client()
    session = session_of(running, context)
    with connection(running, context, session=session) as secure:
        assert secure.session_reused
        assert ask(secure).status == 200
    context.check_hostname = False
    for name in ("www.test", "partners.test"):
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            with connection(running, context, name, session=session) as secure:
                assert not secure.session_reused, name


def session_of(running: Gateway, context: ssl.SSLContext) -> Any:
    """With TLS 1.3 it comes behind the handshake, with the first answer."""
    with connection(running, context) as secure:
        assert ask(secure).status == 200
        return secure.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_outlive_a_reload_and_a_replacement(gateway: StartGateway, authority: Authority, tmp_path: Path,
                                                     version: ssl.TLSVersion) -> None:
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    config["listeners"]["main"]["address"] = "127.0.0.1:0"
    running = gateway(config)
    context = authority.client()
    context.minimum_version = context.maximum_version = version
    session = session_of(running, context)
    config["log"] = {"level": "debug"}
    assert "in force" in running.reload(config)
    with connection(running, context, session=session) as secure:
        assert secure.session_reused
        assert ask(secure).status == 200
        session = secure.session
    running.replace()
    with connection(running, context, session=session) as secure:
        assert secure.session_reused
        assert ask(secure).status == 200


# Files that change.


def test_a_new_certificate_is_taken_while_connections_go_on(gateway: StartGateway, authority: Authority,
                                                            tmp_path: Path) -> None:
    first, second = authority.issue("api.test"), authority.issue("api.test")
    running = gateway(configuration({"certificates": [first.write(tmp_path, "a")]}), workers=2)
    with connection(running, authority.client()) as secure:
        assert ask(secure).status == 200
        second.write(tmp_path, "a")
        began = time.monotonic()
        wait_until(lambda: serial(running) == second.serial, "the new certificate")
        assert time.monotonic() - began < 2 * REREAD
        assert ask(secure).status == 200
    assert {serial(running) for _ in range(8)} == {second.serial}
    assert not Gateway.outcomes(running.messages.snapshot())
    assert [entry["generation"] for entry in running.log] == [1, 1]


def test_what_does_not_belong_together_is_not_taken(gateway: StartGateway, authority: Authority,
                                                    tmp_path: Path) -> None:
    first, second = authority.issue("api.test"), authority.issue("api.test")
    running = gateway(configuration({"certificates": [first.write(tmp_path, "a")]}))

    def expect(words: str, wanted: Pair) -> None:
        before = len(told(running))
        wait_until(lambda: len(told(running)) > before, words)
        assert words in told(running)[-1]
        assert serial(running) == wanted.serial

    (tmp_path / "a.key").write_bytes(second.key)
    expect("the key does not belong to the certificate", first)
    (tmp_path / "a.pem").write_bytes(second.certificate[:200])
    expect("the certificate in this file is damaged", first)
    (tmp_path / "a.pem").unlink()
    expect("cannot be opened", first)
    count = len(told(running))
    time.sleep(4)  # two looks: each change is told once
    assert len(told(running)) == count
    (tmp_path / "a.pem").write_bytes(second.certificate)
    expect("read again", second)
    first.write(tmp_path, "a")
    expect("read again", first)


def test_what_cannot_be_opened_for_want_of_descriptors_is_opened_later(gateway: StartGateway, authority: Authority,
                                                                       tmp_path: Path) -> None:
    first, second = authority.issue("api.test"), authority.issue("api.test")
    running = gateway(configuration({"certificates": [first.write(tmp_path, "a")]}))
    with running.without_descriptors():
        second.write(tmp_path, "a")
        running.wait_for_message("a.pem: cannot be opened: Too many open files; the certificate before stays")
        time.sleep(4)  # two looks
        assert len(told(running)) == 1
    wait_until(lambda: serial(running) == second.serial, "the new certificate")


def told(running: Gateway) -> list[str]:
    """What was said of the files."""
    return [line for line in running.messages.snapshot() if "/a.pem" in line or "/a.key" in line]


def test_one_bad_pair_does_not_hold_up_another(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    one, other = authority.issue("one.test"), authority.issue("other.test")
    running = gateway(configuration({"certificates": [one.write(tmp_path, "one"), other.write(tmp_path, "other")]}))
    (tmp_path / "one.key").write_bytes(b"nothing")
    renewed = authority.issue("other.test")
    renewed.write(tmp_path, "other")
    wait_until(lambda: serial(running, "other.test") == renewed.serial, "the new certificate")
    assert serial(running, "one.test") == one.serial
    running.wait_for_message("one.key: no key in this file; the certificate before stays")


def test_a_reload_wants_all_of_them_right(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    running = gateway(config)
    (tmp_path / "a.key").write_bytes(authority.issue("api.test").key)
    assert "refused" in running.reload({**config, "log": {"level": "debug"}})
    pair = authority.issue("api.test")
    pair.write(tmp_path, "a")
    assert "in force" in running.reload({**config, "log": {"level": "debug"}})
    assert serial(running) == pair.serial


# OCSP.


def test_a_staple_is_handed_out(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("api.test")
    (tmp_path / "a.ocsp").write_bytes(authority.staple(pair))
    entry = {**pair.write(tmp_path, "a"), "ocsp": str(tmp_path / "a.ocsp")}
    running = gateway(configuration({"certificates": [entry]}))
    for version in ("-tls1_2", "-tls1_3"):
        said = s_client(running, "-status", "-servername", "api.test", version)
        assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
    (tmp_path / "a.ocsp").write_bytes(authority.staple(pair, days=-1))
    running.wait_for_message("the OCSP response has expired; clients get none")
    assert "no response sent" in s_client(running, "-status", "-servername", "api.test")


# The way in.


def test_plaintext_is_told_where_it_is(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]}))
    answer = running.get("/x")
    assert answer.status == 400
    assert json.loads(answer.body)["detail"] == "This port speaks https only."
    assert running.wait_for_log(1)[0]["reason"] == "tls_required"


@pytest.mark.parametrize("data", [b"garbage" * 10, b"\x00" * 100, b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02",
                                  b"\x17" + random.Random(1).randbytes(198), b"\r\n\r\n" * 4])
def test_garbage_is_closed(gateway: StartGateway, authority: Authority, tmp_path: Path, data: bytes) -> None:
    if data[:1].isupper():
        data = b"\x01" + data
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]},
                                    limits={"handshake_timeout": "1s"}))
    with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as raw:
        raw.sendall(data)
        with contextlib.suppress(ConnectionError):
            while raw.recv(4096):
                pass
    with connection(running, authority.client()) as secure:
        assert ask(secure).status == 200
    assert len(running.wait_for_log(1)) == 1  # no line for what was no request


@pytest.mark.parametrize("piece", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_handshake_has_a_deadline(gateway: StartGateway, authority: Authority, tmp_path: Path,
                                    piece: bytes) -> None:
    """From the accept on: whoever drips does not get more of it."""
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]},
                                    limits={"handshake_timeout": "600ms"}))
    with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as raw:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            raw.sendall(piece)
            raw.settimeout(0.1)
            while time.monotonic() - began < DEADLINE:
                try:
                    if not raw.recv(4096):
                        break
                except TimeoutError:
                    raw.sendall(b"\x00" if len(piece) > 1 else b"")
        assert 0.3 < time.monotonic() - began < DEADLINE / 2


def test_many_failures_are_few_lines(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]}))
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as raw:
            raw.sendall(b"\x00" * 20)
            with contextlib.suppress(ConnectionError):
                raw.recv(100)
    running.wait_for_message("the TLS handshake with")
    failures = [line for line in running.messages.snapshot() if "TLS handshake" in line]
    assert 0 < len(failures) < 25


def test_the_proxy_protocol_comes_first(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    """In one piece with the handshake, or before it."""
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]},
                                    proxy_protocol=True))
    header = b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n"
    for is_one_piece in (True, False):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = authority.client().wrap_bio(incoming, outgoing, server_hostname="api.test")
        with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as raw:
            with contextlib.suppress(ssl.SSLWantReadError):
                secure.do_handshake()
            if is_one_piece:
                raw.sendall(header + outgoing.read())
            else:
                raw.sendall(header)
                time.sleep(0.1)
                raw.sendall(outgoing.read())
            while True:
                incoming.write(raw.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    secure.do_handshake()
                    break
            secure.write(b"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
            raw.sendall(outgoing.read())
            while piece := raw.recv(65536):
                incoming.write(piece)
    assert [entry["client_ip"] for entry in running.wait_for_log(2)] == ["203.0.113.9"] * 2


def test_the_end_is_said_in_tls(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    """close_notify: nobody can pass a cut for the end."""
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]},
                                    limits={"idle_timeout": "300ms"}))
    for head in ("Connection: close\r\n", ""):
        with connection(running, authority.client(), suppress_ragged_eofs=False) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: api.test\r\n{head}\r\n".encode())
            data = b""
            while piece := secure.recv(65536):
                data += piece
            assert data.startswith(b"HTTP/1.1 200")


def test_who_came_without_tls_is_sent_to_it(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    config["listeners"]["plain"] = {"address": "127.0.0.1:0", "redirect_to_https": True}
    running = gateway(config)
    answer = running.get("/a?b", listener="plain")
    assert (answer.status, answer.get("location")) == (301, f"https://gw.test:{running.port('main')}/a?b")
    with running.connect("plain") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n")
        assert client.read_answer("POST").status == 308
    config["listeners"]["plain"]["redirect_to_https"] = 443
    running.reload(config)
    assert running.get("/", listener="plain").get("location") == "https://gw.test/"
    assert {entry["reason"] for entry in running.wait_for_log(3)} == {"https_redirect"}


def test_behind_a_proxy_it_is_the_host_that_was_asked_for(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    """Who came by https to a proxy that is trusted is served; who did not is sent to the name that the proxy was asked for."""
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    config["listeners"]["plain"] = {"address": "127.0.0.1:0", "redirect_to_https": 443, "trusted_proxies": ["127.0.0.1"]}
    running = gateway(config)

    def ask(field: str) -> Answer:
        with running.connect("plain") as client:
            client.send(f"GET / HTTP/1.1\r\nHost: gw.test\r\n{field}\r\n\r\n".encode())
            return client.read_answer()

    for field, want in (("X-Forwarded-Host: Shop.test:8080", "https://shop.test/"),
                        ("Forwarded: for=192.0.2.1;host=shop.test;proto=http", "https://shop.test/"),
                        ("X-Forwarded-Host: a, b", "https://gw.test/")):
        assert ask(field).get("location") == want
    assert ask("Forwarded: for=192.0.2.1;proto=https").status != 301


def test_explain_and_cases_know_the_way_in(authority: Authority, tmp_path: Path) -> None:
    """By the scheme of the URL: which listener would be asked."""
    config = configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]})
    path = str(write_config(tmp_path, config))
    refused = run_command("explain", "-c", path, "GET", "http://api.test/a")
    assert refused.returncode == 3 and "refused with 400 before routing: tls_required" in refused.stdout
    assert run_command("explain", "-c", path, "GET", "https://api.test/a").returncode == 0
    config["listeners"]["main"]["address"] = "127.0.0.1:8443"
    config["listeners"]["plain"] = {"address": "127.0.0.1:0", "redirect_to_https": True}
    path = str(write_config(tmp_path, config))
    sent = run_command("explain", "-c", path, "GET", "http://api.test/a?b")
    assert "sent to https://api.test:8443/a?b with 301 before routing: https_redirect" in sent.stdout
    cases = [{"name": "http", "request": {"url": "http://api.test/x"},
              "expect": {"status": 301, "reason": "https_redirect", "headers": {"Location": "https://api.test:8443/x"}}},
             {"name": "https", "request": {"url": "https://api.test/x"}, "expect": {"status": 200}}]
    (tmp_path / "cases.yaml").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    done = run_command("test", "-c", path, str(tmp_path / "cases.yaml"))
    assert done.returncode == 0, done.stdout


def test_what_is_spoken_follows_a_reload(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    """With the same certificates too."""
    tls = {"certificates": [authority.issue("api.test").write(tmp_path, "a")]}
    running = gateway(configuration(tls))
    context = authority.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    for protocols, wanted in ((["h1", "h2"], "h2"), (["h1"], "http/1.1"), (["h2", "h1"], "h2")):
        running.reload(configuration(tls, protocols=protocols))
        with connection(running, context) as secure:
            assert secure.selected_alpn_protocol() == wanted


def test_a_listener_that_turns_to_tls(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    """Who is connected in the clear is served no more; and the other way round who has TLS still is."""
    tls = {"certificates": [authority.issue("api.test").write(tmp_path, "a")]}
    plain = configuration(tls)
    del plain["listeners"]["main"]["tls"]
    running = gateway(plain)
    with running.connect() as kept:
        kept.send(b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
        assert kept.read_answer().status == 200
        running.reload(configuration(tls))
        kept.send(b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
        assert kept.read_answer().status == 400
    with connection(running, authority.client()) as secure:
        assert ask(secure).status == 200
        running.reload(plain)
        assert ask(secure).status == 200
        assert running.get("/").status == 200


# What is told of it.


def test_expiry_is_told(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("api.test", "www.test", subject="CN=api.test", days=60)
    running = gateway({**configuration({"certificates": [pair.write(tmp_path, "a")]}),
                       "admin": {"address": "127.0.0.1:0"}})
    admin = running.wait_for_message("admin listening on").rpartition(" ")[2]
    with connection(running, authority.client()) as secure:
        assert ask(secure).status == 200
    found = httpx.get(f"http://{admin}/v1/certificates").json()["certificates"]
    expiry = int((pair.x509.not_valid_after - now()).total_seconds() + time.time())
    assert len(found) == 1
    assert found[0]["listener"] == "main" and found[0]["names"] == ["api.test", "www.test"]
    assert found[0]["subject"] == "CN=api.test" and found[0]["not_after"].startswith(str(now().year)[:3])
    metrics = httpx.get(f"http://{admin}/metrics").text
    line = re.search(r"^gatehouse_certificate_expiry_timestamp_seconds\{([^}]*)\} (\d+)$", metrics, re.MULTILINE)
    assert line and abs(int(line[2]) - expiry) < 100
    assert 'listener="main"' in line[1]
    assert 'gatehouse_tls_handshakes_total{listener="main",outcome="full"} 1' in metrics
    shown = httpx.get(f"http://{admin}/v1/config").text
    assert str(tmp_path / "a.pem") in shown and str(tmp_path / "a.key") not in shown


@pytest.mark.parametrize(("days", "words"), [(-0.5, "has expired on"), (5, "expires on"), (60, "")])
def test_check_warns_of_time(authority: Authority, tmp_path: Path, days: float, words: str) -> None:
    entry = authority.issue("api.test", days=days, since=2).write(tmp_path, "a")
    done = run_command("check", "-c", str(write_config(tmp_path, configuration({"certificates": [entry]}))))
    assert done.returncode == 0
    assert ("warning" in done.stderr and words in done.stderr) if words else "warning" not in done.stderr


def bad_rows(authority: Authority, folder: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """What check refuses, and with which words."""
    good, other = authority.issue("api.test"), authority.issue("other.test")
    entry, second = good.write(folder, "a"), other.write(folder, "b")
    ca = str(authority.write(folder, "ca"))
    (folder / "empty").write_bytes(b"")
    (folder / "bad.ocsp").write_bytes(b"x")
    (folder / "revoked.ocsp").write_bytes(authority.staple(good, is_revoked=True))
    (folder / "other.ocsp").write_bytes(authority.staple(other))
    (folder / "none").write_bytes(b"nothing\n")
    missing, empty = str(folder / "missing"), str(folder / "empty")
    required = {"client_ca": ca, "client_certificate": "required"}
    return {
        "no certificates": ({}, 'tls: the key "certificates" is missing'),
        "an empty list": ({"certificates": []}, "want at least 1 item"),
        "no key": ({"certificates": [{"certificate": entry["certificate"]}]}, 'the key "key" is missing'),
        "a file that is not there": ({"certificates": [{**entry, "certificate": missing}]}, "cannot be opened"),
        "a key that is not there": ({"certificates": [{**entry, "key": missing}]}, "cannot be opened"),
        "nothing in it": ({"certificates": [{**entry, "certificate": empty}]}, "no certificate in this file"),
        "no key in it": ({"certificates": [{**entry, "key": entry["certificate"]}]}, "no key in this file"),
        "another's key": ({"certificates": [{**entry, "key": second["key"]}]}, "does not belong"),
        "a version of old": ({"certificates": [entry], "minimum": "1.1"}, "want 1.2 or 1.3"),
        "a name that is none": ({"certificates": [{**entry, "names": ["a b"]}]}, "want a host name"),
        "a name with a port": ({"certificates": [{**entry, "names": ["a.test:443"]}]}, "want a host name"),
        "CAs for nothing": ({"certificates": [entry], "client_ca": ca}, "needs client_certificate"),
        "CAs for nothing at one": ({"certificates": [{**entry, "client_ca": ca}]}, "needs client_certificate"),
        "no CAs": ({"certificates": [entry], "client_certificate": "required"}, "needs client_ca"),
        "no CAs at one": ({"certificates": [{**entry, "client_certificate": "optional"}]}, "needs client_ca"),
        "no CA in it": ({"certificates": [entry], **required, "client_ca": str(folder / "none")}, "no certificate in client_ca"),
        "no OCSP": ({"certificates": [{**entry, "ocsp": str(folder / "bad.ocsp")}]}, "no OCSP response"),
        "a revoked one": ({"certificates": [{**entry, "ocsp": str(folder / "revoked.ocsp")}]}, "revoked"),
        "another's OCSP": ({"certificates": [{**entry, "ocsp": str(folder / "other.ocsp")}]}, "another certificate"),
        "two policies": ({"certificates": [entry, {**second, "names": ["api.test"], "minimum": "1.3"}]},
                         "another TLS policy already"),
        "what is unknown": ({"certificates": [entry], "ciphers": "ALL"}, "ciphers"),
    }


def test_check_tells_what_is_wrong(authority: Authority, tmp_path: Path) -> None:
    for name, (tls, words) in bad_rows(authority, tmp_path).items():
        done = run_command("check", "-c", str(write_config(tmp_path, configuration(tls))))
        assert done.returncode == 1 and words in done.stderr, f"{name}: {done.stderr}"
        assert "PRIVATE KEY" not in done.stderr


def test_stopping_with_tls_under_way(gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    running = gateway(configuration({"certificates": [authority.issue("api.test").write(tmp_path, "a")]}))
    with connection(running, authority.client()) as secure, connection(running, authority.client()):
        assert ask(secure).status == 200
        with socket.create_connection(("127.0.0.1", running.port()), DEADLINE) as half:
            half.sendall(b"\x16\x03\x01")
            running.send_signal(signal.SIGTERM)
            assert secure.recv(100) == b""
            running.send_signal(signal.SIGTERM)


def test_diff_knows_what_opens(authority: Authority, tmp_path: Path) -> None:
    """Name by name, whichever certificate bears the name."""
    first, second = authority.issue("api.test").write(tmp_path, "a"), authority.issue("b.test").write(tmp_path, "b")
    wild = {**authority.issue("*.test").write(tmp_path, "wild"), "client_certificate": "none"}
    ca = str(authority.write(tmp_path))

    def written(name: str, tls: dict[str, Any] | None, **listener: Any) -> str:
        config = configuration(tls or {}, **listener)
        if tls is None:
            del config["listeners"]["main"]["tls"]
        (tmp_path / name).write_text(json.dumps(config), encoding="utf-8")
        return str(tmp_path / name)

    strict = {"certificates": [first], "client_ca": ca, "client_certificate": "required", "minimum": "1.3"}
    rows: list[tuple[dict[str, Any] | None, dict[str, Any] | None, int, str]] = [
        (strict, strict, 0, ""),
        (strict, {**strict, "client_certificate": "none"}, 4, "api.test: client_certificate: required -> none"),
        ({**strict, "client_certificate": "none"}, strict, 0, "api.test: client_certificate: none -> required"),
        (strict, {**strict, "minimum": "1.2"}, 4, "api.test: TLS from 1.3 -> 1.2"),
        (strict, {**strict, "client_ca": first["certificate"]}, 4, "api.test: client_ca: "),
        (strict, None, 4, "listeners.main.tls is gone: nothing is encrypted"), (None, strict, 0, "listeners.main.tls is new"),
        (strict, {**strict, "certificates": [first, second]}, 0, "tls.certificates"),
        (strict, {**strict, "certificates": [first, {**second, "client_certificate": "none"}]}, 4,
         "b.test: client_certificate: required -> none"),
        (strict, {**strict, "certificates": [{**first, "client_certificate": "optional"}]}, 4,
         "api.test: client_certificate: required -> optional"),
        # A name that goes is the wildcard's from then on, if there is one, and not that of everybody.
        (with_wild := {**strict, "certificates": [second, wild, first]}, {**strict, "certificates": [second, wild]}, 4,
         "api.test: client_certificate: required -> none"),
        ({**strict, "certificates": [second, wild]}, with_wild, 0, "api.test: client_certificate: none -> required"),
    ]
    for before, after, code, words in rows:
        done = run_command("diff", written("old.yaml", before), written("new.yaml", after))
        assert done.returncode == code and words in done.stdout, (before, after, done.stdout)
        assert done.stdout.count("tls is") == words.count("tls is"), done.stdout  # told once
    off = run_command("diff", written("old.yaml", None, redirect_to_https=True), written("new.yaml", None))
    assert off.returncode == 4 and "redirect_to_https is off" in off.stdout and len(off.stdout.splitlines()) == 1
