# SPDX-License-Identifier: Apache-2.0
"""signature end to end: requests signed as RFC 9421 says by another implementation, and those that were touched on their way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from gatehouse import Gateway, run_command
from peers import curl
from simple import chunk, config, get
from upstream import Upstream
from wire import Answer

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

SECRET = "a secret of at least thirty-two bytes"
COVERED = ('"@method"', '"@path"', '"@authority"')

ED = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def sign_p256(base: bytes) -> bytes:
    """The two numbers, not their DER."""
    r, s = utils.decode_dss_signature(P256.sign(base, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


SIGNERS: dict[str, Callable[[bytes], bytes]] = {
    "ed25519": ED.sign,
    "ecdsa-p256-sha256": sign_p256,
    "rsa-pss-sha512": lambda base: RSA.sign(base, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512()),
    "hmac-sha256": lambda base: hmac.digest(SECRET.encode(), base, "sha256"),
}


def digest_of(body: bytes) -> str:
    """A Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class Signed:
    """A request while it is signed; what is changed afterwards is the test's."""

    def __init__(self, algorithm: str = "ed25519", method: str = "GET", path: str = "/orders", covered: tuple[str, ...] = COVERED,
                 fields: dict[str, str] | None = None, parameters: str = "", created: int = 0, key: str = ""):
        self.method, self.path, self.fields = method, path, dict(fields or {})
        values = {'"@method"': method, '"@path"': path.partition("?")[0], '"@authority"': "gw.test",
                  '"@query"': "?" + path.partition("?")[2], '"@scheme"': "http"}
        values |= {f'"{name.lower()}"': value for name, value in self.fields.items()}
        parts = f'({" ".join(covered)});created={int(time.time()) + created};keyid="{key or algorithm}"{parameters}'
        base = "\n".join([*(f"{name}: {values[name]}" for name in covered), f'"@signature-params": {parts}'])
        self.fields["Signature-Input"] = f"sig1={parts}"
        self.fields["Signature"] = f"sig1=:{base64.b64encode(SIGNERS[algorithm](base.encode())).decode()}:"

    def head(self, more: str = "") -> bytes:
        """As it is sent."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.fields.items())
        return get(self.path, fields + more, self.method)


def ask(running: Gateway, data: bytes) -> Answer:
    """One request."""
    with running.connect() as client:
        client.send(data)
        return client.read_answer()


def guarded(address: str, directory: Path, **options: Any) -> dict[str, Any]:
    """One API for those whose keys are written to the directory."""
    keys = []
    publics: dict[str, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey] = {
        "ed25519": ED.public_key(), "ecdsa-p256-sha256": P256.public_key(), "rsa-pss-sha512": RSA.public_key()}
    for name, public in publics.items():
        path = directory / f"{name}.pem"
        path.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        keys.append({"id": name, "algorithm": name, "key": f"file:{path}", "consumer": "acme"})
    keys.append({"id": "hmac-sha256", "algorithm": "hmac-sha256", "key": SECRET})
    document = config(address, api={"policies": [
        {"signature": {"keys": keys, **options}}, {"headers": {"request": {"set": {"X-Who": "${consumer.name}"}}}}]})
    document["consumers"] = {"acme": {"groups": ["partners"]}}
    return document


@pytest.fixture(name="door")
def start_door(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> Callable[..., tuple[Gateway, Upstream]]:
    """A gateway with these options, and the service behind it."""
    def start(**options: Any) -> tuple[Gateway, Upstream]:
        service = upstream()
        return gateway(guarded(service.address, tmp_path, **options)), service
    return start


Door = Callable[..., tuple[Gateway, Upstream]]


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_who_has_signed_gets_in(door: Door, algorithm: str) -> None:
    running, service = door()
    for more in ("", f';alg="{algorithm}"', f";expires={int(time.time()) + 30}", ';tag="x"'):
        assert ask(running, Signed(algorithm, path="/orders?a=b", parameters=more).head()).status == 200, running.log
    who = [] if algorithm == "hmac-sha256" else ["acme"]
    assert [request.all("x-who") for request in service.requests] == [who] * 4
    assert service.requests[0].get("signature")


def touched(change: str) -> bytes:
    """A good request, after this was done to it."""
    signed = Signed(covered=(*COVERED, '"x-amount"'), fields={"X-Amount": "10"})
    match change:
        case "method":
            signed.method = "DELETE"
        case "path":
            signed.path = "/orders/2"
        case "field":
            signed.fields["X-Amount"] = "1000"
        case "field gone":
            del signed.fields["X-Amount"]
        case "field added":
            return signed.head("X-Amount: 1000\r\n")
        case "host":
            return signed.head().replace(b"Host: gw.test", b"Host: other.test")
        case "created":
            signed.fields["Signature-Input"] = signed.fields["Signature-Input"].replace("created=1", "created=1", 1) + ";x"
        case "key":
            signed.fields["Signature-Input"] = signed.fields["Signature-Input"].replace('"ed25519"', '"hmac-sha256"')
        case "signature":
            signed.fields["Signature"] = f"sig1=:{base64.b64encode(bytes(64)).decode()}:"
        case "cut":
            signed.fields["Signature"] = "sig1=:YWJj:"
        case _:
            signed.fields["Signature-Input"] += ';alg="hmac-sha256"'
    return signed.head()


@pytest.mark.parametrize("change", ["method", "path", "field", "field gone", "field added", "host", "created", "key", "signature",
                                    "cut", "alg"])
def test_who_touches_it_does_not(door: Door, change: str) -> None:
    running, service = door()
    assert ask(running, touched(change)).status == 401
    assert not service.requests and running.wait_for_log(1)[0]["reason"] == "signature_wrong"


# Made when they are sent: they have their time in them.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: get("/orders"), "signature_missing"),
    "no input": (lambda: get("/orders", "Signature: sig1=:YWJj:\r\n"), "signature_malformed"),
    "no key": (lambda: get("/orders", "Signature-Input: sig1=()\r\n"), "signature_key_unknown"),
    "no list": (lambda: get("/orders", "Signature-Input: sig1=(\r\nSignature: sig1=:YWJj:\r\n"), "signature_malformed"),
    "a number": (lambda: get("/orders", 'Signature-Input: sig1=1;keyid="ed25519"\r\nSignature: sig1=:YWJj:\r\n'), "signature_malformed"),
    "twice": (lambda: Signed().head("Signature-Input: sig1=()\r\n"), "signature_malformed"),
    "nobody's": (lambda: Signed(key="nobody").head(), "signature_key_unknown"),
    "less": (lambda: Signed(covered=COVERED[:2]).head(), "signature_uncovered"),
    "of nothing": (lambda: Signed(covered=()).head(), "signature_uncovered"),
    "old": (lambda: Signed(created=-3600).head(), "signature_expired"),
    "of tomorrow": (lambda: Signed(created=3600).head(), "signature_expired"),
    "run out": (lambda: Signed(parameters=";expires=1").head(), "signature_expired"),
    "run out in words": (lambda: Signed(parameters=';expires="x"').head(), "signature_expired"),
    "of no time": (lambda: Signed().head().replace(b"created=", b"creates="), "signature_expired"),
    "another label": (lambda: Signed().head().replace(b"Signature: sig1", b"Signature: sig2"), "signature_malformed"),
    "not understood": (lambda: Signed().head().replace(b'"@path"', b'"@path";req "@path"'), "signature_malformed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_signature_is_told_apart_in_the_log_alone(door: Door, what: str) -> None:
    make, reason = REFUSED[what]
    running, service = door()
    answer = ask(running, make())
    assert answer.status == 401 and b"signature" not in answer.body
    assert not service.requests and running.wait_for_log(1)[0]["reason"] == reason


def test_one_good_signature_of_several_is_enough(door: Door) -> None:
    running, _ = door()
    signed = Signed()
    signed.fields["Signature-Input"] = 'a=();keyid="nobody", ' + signed.fields["Signature-Input"]
    signed.fields["Signature"] = "a=:YWJj:, " + signed.fields["Signature"]
    assert ask(running, signed.head()).status == 200


def test_a_nonce_is_good_once(door: Door) -> None:
    running, service = door()
    data = Signed(parameters=';nonce="n-1"').head()
    assert [ask(running, data).status for _ in range(3)] == [200, 401, 401]
    assert ask(running, Signed(parameters=';nonce="n-2"').head()).status == 200
    assert running.wait_for_log(4)[1]["reason"] == "token_replayed" and len(service.requests) == 2


@pytest.mark.parametrize("nonce", ["5", "abc", ":YWJj:", "?1"])
def test_a_nonce_is_a_text(door: Door, nonce: str) -> None:
    running, service = door()
    assert ask(running, Signed(parameters=f";nonce={nonce}").head()).status == 401
    assert running.wait_for_log(1)[0]["reason"] == "signature_malformed" and not service.requests


DIGEST = (*COVERED, '"content-digest"')


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
@pytest.mark.parametrize("is_good", [True, False])
def test_the_body_is_what_was_signed(door: Door, framing: str, size: int, is_good: bool) -> None:
    running, service = door(components=["@method", "@path", "@authority", "content-digest"])
    body = b"x" * size
    sent = body if is_good else body[:-1] + b"y"
    signed = Signed(method="POST", covered=DIGEST, fields={"Content-Digest": digest_of(body)})
    if framing == "length":
        data = signed.head(f"Content-Length: {len(sent)}\r\n") + sent
    else:
        pieces = [sent[at:at + 30_000] for at in range(0, len(sent), 30_000)]
        data = signed.head("Transfer-Encoding: chunked\r\n") + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"
    answer = ask(running, data)
    assert answer.status == (200 if is_good else 401)
    if is_good:
        assert service.requests[0].body == body
    else:
        assert answer.get("www-authenticate") == "Gatehouse"
        assert running.wait_for_log(1)[0]["reason"] == "digest_mismatch"
        assert not service.requests


@pytest.mark.parametrize("digest", ["sha-256=:YWJj:", "md5=:YWJj:", "sha-256=1", "", "sha-256", digest_of(b"x")])
def test_a_digest_that_is_none_or_anothers_is_refused(door: Door, digest: str) -> None:
    running, service = door()
    assert ask(running, Signed(covered=DIGEST, fields={"Content-Digest": digest}).head()).status == 401
    assert not service.requests and running.wait_for_log(1)[0]["reason"] == "digest_mismatch"


@pytest.mark.parametrize("wire", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_signs_over_both_wires(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path, wire: str) -> None:
    service = upstream()
    document = guarded(service.address, tmp_path, components=["@method", "@path", "@authority", "content-digest"])
    document["listeners"]["main"]["protocols"] = ["h1", "h2"]
    running = gateway(document)

    def send(method: str, *body: str) -> bytes:
        signed = Signed(method=method, covered=DIGEST, fields={"Content-Digest": digest_of(b"signed")})
        fields = [part for name, value in signed.fields.items() for part in ("-H", f"{name}: {value}")]
        return curl(wire, "-w", "%{http_code}", "-o", tmp_path / "answer", "-H", "Host: gw.test", *fields, "-X", "POST",
                    "-H", "Expect:", *body, running.url("/orders")).stdout

    assert send("POST", "--data-binary", "signed") == b"200"
    # Without a body: curl 7.88 takes an answer that comes before it has sent one over HTTP/2 for an error.
    assert [send("POST", "--data-binary", "singed"), send("PUT")] == [b"401", b"401"]
    assert sorted(line.get("reason", "") for line in running.wait_for_log(3)) == ["", "digest_mismatch", "signature_wrong"], running.log
    assert [request.body for request in service.requests] == [b"signed"]


def test_check_tells_of_keys_that_do_not_fit(tmp_path: Path) -> None:
    document = guarded("127.0.0.1:9", tmp_path)
    keys = document["apis"]["all"]["policies"][0]["signature"]["keys"]
    keys[0]["algorithm"] = "ecdsa-p256-sha256"
    keys[1]["key"] = "file:" + str(tmp_path / "none.pem")
    keys[2]["id"] = "ed25519"
    keys[3]["key"] = "short"
    path = tmp_path / "gatehouse.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    checked = run_command("check", "-c", path)
    for words in ("fits the algorithm", "none.pem", "another key is called so", "at least 32 bytes"):
        assert words in checked.stderr + checked.stdout
    assert checked.returncode == 1
