# SPDX-License-Identifier: Apache-2.0
"""Forged tokens: whatever can be done to a good one without its key. All are refused, and nothing falls over.

Each forgery is a good token but for one thing, so that no other check hides the one that it is about; the good ones
beside them show that. The tokens are put together by hand: a library would refuse to make most of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from gatehouse import Gateway
from issuer import jwk_of
from wire import Connection

ISSUER, AUDIENCE = "https://id.example.com", "orders"
SECRET = b"an example of a secret of many bytes, more than sixty-four of them, so that it fits"
FAR = 4102444800
RSA_KEY, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC_KEY, OTHER_EC = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
P384_KEY, OTHER_P384 = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
P521_KEY = ec.generate_private_key(ec.SECP521R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DIGESTS: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def b64(data: bytes | str | dict[str, Any]) -> str:
    """base64url of bytes, of a text, or of an object's JSON."""
    raw = json.dumps(data).encode() if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def fixed(signature: bytes, size: int) -> bytes:
    """ECDSA as JWS has it: r and s of a fixed length, instead of DER."""
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def sign(algorithm: str, key: Any, text: bytes) -> bytes:
    """The signature of RFC 7518 for that algorithm, with a key that may not fit it at all."""
    family, digest = algorithm[:2], DIGESTS.get(algorithm[2:], hashes.SHA256)()
    if family == "HS":
        return hmac.new(key, text, {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}[algorithm[2:]]).digest()
    if family == "RS":
        return bytes(key.sign(text, padding.PKCS1v15(), digest))
    if family == "PS":
        return bytes(key.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest))
    if family == "ES":
        return fixed(key.sign(text, ec.ECDSA(digest)), (key.key_size + 7) // 8)
    return bytes(key.sign(text))


CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": FAR}
KIDS = {"RS": "rsa", "PS": "rsa", "ES": "p256", "Ed": "ed"}


def make(algorithm: str = "RS256", key: Any = RSA_KEY, *, header: Any = None, claims: Any = None,
         named: str | None = None) -> str:
    """A token. `named` is the algorithm that its header names, where that is not the one that signs it."""
    head = {"alg": named or algorithm, "kid": KIDS.get((named or algorithm)[:2], "none")} if header is None else header
    signed = f"{b64(head)}.{b64(CLAIMS if claims is None else claims)}"
    return f"{signed}.{b64(sign(algorithm, key, signed.encode()))}"


def encodings_of(key: Any) -> dict[str, bytes]:
    """The public key in each form that somebody could take for a secret."""
    public = key.public_key()
    forms = {"SPKI PEM": (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
             "SPKI DER": (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)}
    if isinstance(key, rsa.RSAPrivateKey):
        forms["PKCS#1 PEM"] = (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        forms["PKCS#1 DER"] = (serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    found = {name: public.public_bytes(*form) for name, form in forms.items()}
    found |= {f"{name} without its last line's end": text.rstrip(b"\n") for name, text in found.items() if "PEM" in name}
    return found


@dataclass
class Forgery:
    """A token, what was done to it, and the reason why it must be refused; empty: whichever."""

    name: str
    token: str
    reason: str = ""
    path: str = "/keys"


def wrong_algorithms() -> Iterator[Forgery]:
    """What the header names is not what the key is for."""
    for key, kid, kind in ((RSA_KEY, "rsa", "RSA"), (EC_KEY, "p256", "EC")):
        for name, secret in encodings_of(key).items():
            for bits in DIGESTS:
                for header in ({"alg": f"HS{bits}", "kid": kid}, {"alg": f"HS{bits}"}):
                    token = make(f"HS{bits}", secret, header=header)
                    yield Forgery(f"HS{bits} by the {kind} key's {name}", token, "token_algorithm")
                    # Even where there is a secret too, and so the algorithm is good.
                    yield Forgery(f"HS{bits} by the {kind} key's {name}, both", token, path="/both")
    for secret in (b"", b"\0", b"\0" * 32, b"secret", SECRET[:-1], SECRET + b"\0", SECRET.upper()):
        yield Forgery(f"HS256 by {secret!r}", make("HS256", secret, header={"alg": "HS256"}), "token_signature", "/secret")
    for none in ("none", "None", "NONE", "nOnE", "none ", "\tnone", "", "null", "rs256", "RS256 ", "RS1", "HS1", "ES256K",
                 "RSA-OAEP", "dir", "PBES2-HS256+A128KW", "ed25519", "Ed448", "ES999", "RS25", "RS2566"):
        header = {"alg": none, "kid": "rsa"}
        for path in ("/keys", "/secret", "/both"):
            yield Forgery(f"alg {none!r}, signed", make(header=header), "token_algorithm", path)
            yield Forgery(f"alg {none!r}, not signed", make(header=header).rpartition(".")[0] + ".", "token_algorithm", path)
    values: list[Any] = [None, 1, True, [], ["RS256"], {}, {"alg": "RS256"}]
    for value in values:
        yield Forgery(f"alg {value!r}", make(header={"alg": value, "kid": "rsa"}), "token_malformed")
    yield Forgery("no alg", make(header={"kid": "rsa"}))
    # Each key with each algorithm that it is not for.
    for algorithm, key in (("RS256", RSA_KEY), ("PS256", RSA_KEY), ("ES256", EC_KEY), ("EdDSA", ED_KEY)):
        for named in ("RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA", "HS256"):
            if named != algorithm:
                for head in ({"alg": named, "kid": KIDS[algorithm[:2]]}, {"alg": named}):
                    yield Forgery(f"{algorithm} called {head}", make(algorithm, key, header=head))


def wrong_keys() -> Iterator[Forgery]:
    """Signed well, by somebody else."""
    for algorithm, key in (("RS256", OTHER_RSA), ("PS256", OTHER_RSA), ("ES256", OTHER_EC),
                           ("EdDSA", ed25519.Ed25519PrivateKey.generate())):
        yield Forgery(f"another's {algorithm}", make(algorithm, key), "token_signature")
        without = make(algorithm, key, header={"alg": algorithm})
        yield Forgery(f"another's {algorithm} without kid", without, "token_signature")
        for kid in ("", "RSA", "rsa ", "rsa\0", "../../../../dev/null", "' OR 1=1 --", "k" * 4000, "\u00e9"):
            head = {"alg": algorithm, "kid": kid}
            yield Forgery(f"{algorithm} with the kid {kid[:20]!r}", make(algorithm, key, header=head))
    yield Forgery("wrong curve", make("ES256", P384_KEY), "token_signature")
    for algorithm, key, kid in (("ES384", OTHER_P384, "p384"), ("ES384", P521_KEY, "p384"), ("ES512", P384_KEY, "p521"),
                                ("ES384", EC_KEY, "p384"), ("ES512", EC_KEY, "p521"), ("ES256", P384_KEY, "p384"),
                                ("ES256", P521_KEY, "p521"), ("ES512", P521_KEY, "p256"), ("ES384", P384_KEY, "p256")):
        yield Forgery(f"{algorithm} by {key.curve.name} for {kid}", make(algorithm, key, header={"alg": algorithm, "kid": kid}))
    # Keys that a token brings with it or points to.
    mine = jwk_of(OTHER_RSA, "rsa")
    places: list[dict[str, Any]] = [
        {"jwk": mine}, {"jku": "http://127.0.0.1:1/"}, {"x5u": "http://127.0.0.1:1/"}, {"x5c": ["AA=="]}, {"x5t": "AA"},
        {"x5t#S256": "AA"}, {"jwk": mine, "kid": None}, {"jwk": mine, "kid": "mine"},
    ]
    for more in places:
        head = {name: value for name, value in ({"alg": "RS256", "kid": "rsa"} | more).items() if value is not None}
        yield Forgery(f"another's key in {sorted(more)}", make("RS256", OTHER_RSA, header=head))
    values: list[Any] = [None, 1, [], {}, True]
    for value in values:
        yield Forgery(f"kid {value!r}", make(header={"alg": "RS256", "kid": value}), "token_malformed")


def wrong_signatures() -> Iterator[Forgery]:
    """A good head and good claims, with something else behind them."""
    for algorithm, key, size in (("RS256", RSA_KEY, 256), ("PS256", RSA_KEY, 256), ("ES256", EC_KEY, 64), ("EdDSA", ED_KEY, 64)):
        good = make(algorithm, key)
        signed, _, tail = good.rpartition(".")
        signature = base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
        half = size // 2
        others = {
            "nothing": b"", "zeros": b"\0" * size, "ones": b"\xff" * size, "one byte": b"\0", "text": b"x" * size,
            "one byte less": signature[:-1], "one byte more": signature + b"\0", "one before": b"\0" + signature,
            "its first half": signature[:half], "twice": signature * 2, "backwards": signature[::-1],
            "its halves swapped": signature[half:] + signature[:half], "its first bit": bytes([signature[0] ^ 0x80]) + signature[1:],
            "its last bit": signature[:-1] + bytes([signature[-1] ^ 1]),
        }
        if algorithm == "ES256":
            r, s = signature[:half], signature[half:]
            order = P256_ORDER.to_bytes(half, "big")
            others |= {
                "DER": bytes(EC_KEY.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))),
                "r 0": b"\0" * half + s, "s 0": r + b"\0" * half, "r and s the order": order * 2, "s the order": r + order,
                "r 1 and s 1": (b"\0" * 31 + b"\1") * 2, "r of 0 and s of 1": b"\0" * 63 + b"\1",
            }
        for name, other in others.items():
            yield Forgery(f"{algorithm}: {name} for a signature", f"{signed}.{b64(other)}", "token_signature")
        head, claims, _ = good.split(".")
        more = b64(CLAIMS | {"sub": "root"})
        yield Forgery(f"{algorithm}: other claims", f"{head}.{more}.{tail}", "token_signature")
        yield Forgery(f"{algorithm}: another head", f"{b64({'alg': algorithm, 'kid': KIDS[algorithm[:2]], 'x': 1})}.{claims}.{tail}",
                      "token_signature")


def wrong_shapes() -> Iterator[Forgery]:
    """Not what a token looks like."""
    good = make()
    head, claims, tail = good.split(".")
    shapes = {
        "two parts": f"{head}.{claims}", "four parts": f"{good}.{tail}", "five parts": f"{head}..{claims}.{tail}.{tail}",
        "one part": head, "dots": "..", "one dot": ".", "four dots": "....", "a dot before": "." + good, "a dot behind": good + ".",
        "no head": f".{claims}.{tail}", "no claims": f"{head}..{tail}", "an equals sign": good + "=",
        "padding of the head": f"{head}=.{claims}.{tail}", "padding of the claims": f"{head}.{claims}==.{tail}",
        "plus": f"{head}.{claims}.+{tail[1:]}", "slash": f"{head}.{claims}./{tail[1:]}", "percent": f"%65{good[1:]}",
        "a space": f"{head}. {claims}.{tail}", "a tab": f"{head}.\t{claims}.{tail}", "a comma": f"{good},{good}",
        "two": f"{good} {good}", "quotes": f'"{good}"', "a letter more": good + "A", "a letter less": good[:-1],
        "JSON": json.dumps({"payload": claims, "protected": head, "signature": tail}).replace(" ", ""),
        "a byte above ASCII": f"{head}.{claims}.\u00e9{tail[1:]}", "Bearer twice": f"Bearer {good}",
    }
    # Bits of the last letter that stand for no byte: another spelling of the same bytes.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(tail) % 4:
        shapes["another spelling"] = good[:-1] + letters[letters.index(good[-1]) ^ 1]
    for name, token in shapes.items():
        yield Forgery(name, token, "" if name in ("Bearer twice", "a letter more") else "token_malformed")
    for at in range(0, len(good) - 1, 37):
        yield Forgery(f"cut off at {at}", good[:at])
    yield Forgery("huge", "A" * 20_000, "token_too_large")
    yield Forgery("huge and good", make(claims=CLAIMS | {"x": "y" * 16_000}), "token_too_large")


def signed_nonsense() -> Iterator[Forgery]:
    """By the key itself, so that only the reader of it is in the way."""
    good_head, good_claims = json.dumps({"alg": "RS256", "kid": "rsa"}), json.dumps(CLAIMS)
    inner = good_claims[1:-1]
    heads: dict[str, str | bytes] = {
        "empty": "", "a list": "[]", "a text": '"RS256"', "null": "null", "two": good_head * 2, "cut": good_head[:-1],
        "a comma more": good_head[:-1] + ",}", "alg twice": '{"alg":"RS256","alg":"RS256","kid":"rsa"}',
        "alg twice, none last": '{"alg":"RS256","kid":"rsa","alg":"none"}', "alg twice, escaped": '{"alg":"RS256","\\u0061lg":"none"}',
        "crit": '{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}', "an empty crit": '{"alg":"RS256","kid":"rsa","crit":[]}',
        "crit b64": '{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false}', "crit null": '{"alg":"RS256","kid":"rsa","crit":null}',
        "not UTF-8": b'{"alg":"RS256","kid":"rsa","x":"\xff"}', "a NUL": '{"alg":"RS256","kid":"rsa","x":"\\u0000"}',
        "half a surrogate": '{"alg":"RS256","kid":"rsa","x":"\\ud800"}', "a comment": '{"alg":"RS256",/* */"kid":"rsa"}',
        "deep": '{"alg":"RS256","kid":"rsa","x":' + "[" * 1000 + "]" * 1000 + "}", "a BOM": "\ufeff" + good_head,
        "NaN": '{"alg":"RS256","kid":"rsa","x":NaN}', "single quotes": "{'alg':'RS256','kid':'rsa'}",
        "typ a number": '{"alg":"RS256","kid":"rsa","typ":1}',
    }
    bodies: dict[str, str | bytes] = {
        "empty": "", "a list": "[]", "a text": '"alice"', "null": "null", "a number": "1", "two": good_claims * 2,
        "cut": good_claims[:-1], "sub twice": "{" + inner + ',"sub":"root"}', "sub twice, escaped": "{" + inner + ',"s\\u0075b":"root"}',
        "iss twice": "{" + inner + ',"iss":"https://id.example.com"}', "twice deep inside": "{" + inner + ',"x":{"a":1,"a":2}}',
        "deep": "{" + inner + ',"x":' + "[" * 2000 + "]" * 2000 + "}", "deep objects": "{" + inner + ',"x":' + '{"a":' * 1000 + "1" + "}" * 1000 + "}",
        "not UTF-8": b"{" + inner.encode() + b',"x":"\xc3\x28"}', "a NUL": "{" + inner + ',"x":"a\\u0000b"}',
        "a raw NUL": "{" + inner + ',"x":"a\0b"}', "a trailing comma": "{" + inner + ",}", "NaN": "{" + inner + ',"x":NaN}',
        "Infinity": "{" + inner + ',"x":-Infinity}', "a huge number": "{" + inner + ',"x":1e999}', "a BOM": "\ufeff" + good_claims,
    }
    for name, head in heads.items():
        signed = f"{b64(head)}.{b64(good_claims)}"
        yield Forgery(f"head: {name}", f"{signed}.{b64(sign('RS256', RSA_KEY, signed.encode()))}", "token_malformed")
    for name, body in bodies.items():
        signed = f"{b64(good_head)}.{b64(body)}"
        yield Forgery(f"claims: {name}", f"{signed}.{b64(sign('RS256', RSA_KEY, signed.encode()))}", "token_malformed")


def wrong_claims() -> Iterator[Forgery]:
    """Signed well, and not for here and now."""
    now = int(time.time())
    rows: list[tuple[dict[str, Any], str]] = [
        ({"iss": None}, "token_issuer"), ({"iss": ISSUER + "/"}, "token_issuer"), ({"iss": ISSUER.upper()}, "token_issuer"),
        ({"iss": [ISSUER]}, "token_issuer"), ({"iss": 1}, "token_issuer"), ({"iss": ""}, "token_issuer"),
        ({"iss": ISSUER + "\n"}, "token_issuer"),
        ({"aud": None}, "token_audience"), ({"aud": "order"}, "token_audience"), ({"aud": "Orders"}, "token_audience"),
        ({"aud": []}, "token_audience"), ({"aud": ["a", "b"]}, "token_audience"), ({"aud": {"orders": 1}}, "token_audience"),
        ({"aud": [["orders"]]}, "token_audience"), ({"aud": "orders users"}, "token_audience"), ({"aud": 1}, "token_audience"),
        ({"exp": None}, "token_expired"), ({"exp": now - 3600}, "token_expired"), ({"exp": 0}, "token_expired"),
        ({"exp": -1}, "token_expired"), ({"exp": str(FAR)}, "token_claims"), ({"exp": [FAR]}, "token_claims"),
        ({"exp": True}, "token_claims"), ({"exp": {}}, "token_claims"),
        ({"nbf": now + 3600}, "token_not_yet_valid"), ({"nbf": "0"}, "token_claims"), ({"iat": now + 3600}, "token_not_yet_valid"),
        ({"iat": "now"}, "token_claims"), ({"nbf": 1e300}, "token_not_yet_valid"),
    ]
    for more, reason in rows:
        claims = {name: value for name, value in (CLAIMS | more).items() if value is not None}
        yield Forgery(f"claims {more}", make(claims=claims), reason)
    for kind in ("secevent+jwt", "logout+jwt", "dpop+jwt", "JOSE", "id", "at+jwt ", "application/at+jw", "application/application/jwt"):
        yield Forgery(f"typ {kind}", make(header={"alg": "RS256", "kid": "rsa", "typ": kind}), "token_type")


def mutations() -> Iterator[Forgery]:
    """One letter of a good token is another."""
    source = random.Random(20_250_101)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "
    for algorithm, key in (("RS256", RSA_KEY), ("ES256", EC_KEY), ("EdDSA", ED_KEY)):
        good = make(algorithm, key)
        for _ in range(100):
            at, letter = source.randrange(len(good)), source.choice(letters)
            if good[at] != letter and not (at == len(good) - 1 and letter == " "):
                yield Forgery(f"{algorithm}: {letter!r} at {at}", good[:at] + letter + good[at + 1:])


GOOD = [Forgery("RS256", make()), Forgery("PS256", make("PS256")), Forgery("ES256", make("ES256", EC_KEY)),
        Forgery("EdDSA", make("EdDSA", ED_KEY)), Forgery("RS512", make("RS512")),
        Forgery("ES384", make("ES384", P384_KEY, header={"alg": "ES384", "kid": "p384"})),
        Forgery("ES512", make("ES512", P521_KEY, header={"alg": "ES512", "kid": "p521"})),
        Forgery("without kid", make(header={"alg": "RS256"})),
        Forgery("at+jwt", make(header={"alg": "RS256", "kid": "rsa", "typ": "application/AT+JWT"})),
        Forgery("several audiences", make(claims=CLAIMS | {"aud": ["a", AUDIENCE]})),
        Forgery("a fraction", make(claims=CLAIMS | {"exp": FAR + 0.5, "nbf": 0, "iat": 1})),
        Forgery("a secret", make("HS256", SECRET, header={"alg": "HS256"}), path="/secret"),
        Forgery("a secret of two issuers", make("HS512", SECRET, header={"alg": "HS512"}, claims=CLAIMS | {"iss": "shared"}), path="/both"),
        Forgery("a key of two issuers", make(), path="/both")]
KINDS = [wrong_algorithms, wrong_keys, wrong_signatures, wrong_shapes, signed_nonsense, wrong_claims, mutations]


@pytest.fixture(scope="module", name="house")
def start_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that answers itself whom it lets in: by keys, by a secret, or by either, of two issuers."""
    folder = tmp_path_factory.mktemp("forged")
    keys = [jwk_of(RSA_KEY, "rsa"), jwk_of(EC_KEY, "p256", "ES256"), jwk_of(P384_KEY, "p384", "ES256"),
            jwk_of(P521_KEY, "p521", "ES256"), jwk_of(ED_KEY, "ed", "EdDSA")]
    (folder / "keys.json").write_text(json.dumps({"keys": keys}), encoding="utf-8")
    by_keys = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": f"file:{folder}/keys.json"}
    by_secret = {"issuer": ISSUER, "audience": AUDIENCE, "secret": SECRET.decode()}
    doors = {"keys": by_keys, "secret": by_secret, "both": {"issuers": [by_keys, by_secret | {"issuer": "shared"}]}}
    limits = {"header_field": "32KiB", "header_size": "64KiB"}
    config = {"listeners": {"main": {"address": "127.0.0.1:0", "limits": limits}},
              "apis": {name: {"path": f"/{name}", "policies": [{"jwt": policy}, {"respond": {"body": "in"}}]}
                       for name, policy in doors.items()}}
    with Gateway(config, folder) as gateway:
        yield gateway


def ask(gateway: Gateway, tokens: list[Forgery]) -> list[tuple[int, str, str]]:
    """Status, challenge and reason of each, asked for on one connection."""
    before = len(gateway.log)
    answers = []
    with Connection(gateway.address()) as client:
        for forgery in tokens:
            client.send(f"GET {forgery.path} HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {forgery.token}\r\n\r\n".encode())
            answers.append(client.read_answer())
    lines = gateway.wait_for_log(before + len(tokens))[before:]
    return [(answer.status, answer.get("www-authenticate") or "", line.get("reason", ""))
            for answer, line in zip(answers, lines, strict=True)]


def test_good_ones_are_let_in(house: Gateway) -> None:
    for forgery, (status, _, reason) in zip(GOOD, ask(house, GOOD), strict=True):
        assert (status, reason) == (200, "respond"), forgery.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_forged_ones_are_refused(house: Gateway, kind: Any) -> None:
    """Twice: what was refused is not remembered as good. The client hears the same of all."""
    forgeries = list(kind())
    assert len({forgery.name + forgery.path for forgery in forgeries}) > 10
    for _ in range(2):
        for forgery, (status, challenge, reason) in zip(forgeries, ask(house, forgeries), strict=True):
            assert status == 401, f"{forgery.name}: {status} {reason}"
            assert challenge in ('Bearer error="invalid_token"', "Bearer"), forgery.name
            assert (challenge == "Bearer") == (reason == "token_missing"), forgery.name
            assert reason == forgery.reason if forgery.reason else reason.startswith("token_"), f"{forgery.name}: {reason}"
    assert house.process.poll() is None
    written = house.errors + json.dumps(house.log)
    assert not any(forgery.token in written for forgery in forgeries if len(forgery.token) > 40)


def test_good_ones_are_let_in_after_all_that(house: Gateway) -> None:
    test_good_ones_are_let_in(house)
    assert Path(f"/proc/{house.pid}").exists()
