# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens in this process: metadata and keys over HTTP or TLS, keys that rotate, and a count of who asked.

The tokens are PyJWT's. For a whole identity provider see node/oidc_provider.js.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


def make_key(algorithm: str = "RS256") -> Any:
    """A private key that fits the algorithm."""
    if ALGORITHMS[algorithm] == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def jwk_of(key: Any, kid: str, algorithm: str = "RS256") -> dict[str, Any]:
    """The public half, as a JWK."""
    kind = {"RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm,
            "OKP": jwt.algorithms.OKPAlgorithm}[ALGORITHMS[algorithm]]
    made = json.loads(kind.to_jwk(key.public_key())) | {"kid": kid}
    if made["kty"] == "EC":
        # PyJWT leaves out leading zeros, which RFC 7518 section 6.2.1.2 asks for.
        numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        made |= {name: base64.urlsafe_b64encode(getattr(numbers, name).to_bytes(size, "big")).rstrip(b"=").decode() for name in "xy"}
    return made


class Issuer:
    """Serves /.well-known/openid-configuration and /jwks.json on a port of its own until it is closed; or bytes as
    they are, where `raw` has some for a path."""

    def __init__(self, context: ssl.SSLContext | None = None, name: str = "127.0.0.1", port: int = 0):
        self.keys: dict[str, tuple[Any, str]] = {}
        self.asked: list[str] = []
        self.is_failing = False
        self.fields: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        self.raw: dict[str, bytes] = {}
        self.pause = 0.0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One question."""

            def do_GET(self) -> None:
                """Whatever is asked of an issuer."""
                issuer.answer(self)

            def log_message(self, *_arguments: Any) -> None:
                """Says nothing."""

        self.handler, self.context, self.port = Handler, context, port
        self.reopen()
        self.url = f"{'https' if context else 'http'}://{name}:{self.port}"
        self.rotate("first")

    def reopen(self) -> None:
        """Listens, on the port that it had before."""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        if self.context:
            self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def rotate(self, kid: str, algorithm: str = "RS256", keeps: bool = False) -> None:
        """From now on this key signs; those before are gone, or kept beside it."""
        if not keeps:
            self.keys.clear()
        self.keys[kid] = (make_key(algorithm), algorithm)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """To the handler's question."""
        self.asked.append(handler.path)
        time.sleep(self.pause)
        status, body = 200, b"{}"
        if handler.path in self.raw:
            handler.wfile.write(self.raw[handler.path])
            return
        if self.is_failing:
            status = 500
        elif handler.path == "/.well-known/openid-configuration":
            body = json.dumps({"issuer": self.url, "jwks_uri": self.url + "/jwks.json"} | self.metadata).encode()
        elif handler.path == "/jwks.json":
            body = json.dumps({"keys": [jwk_of(key, kid, of) for kid, (key, of) in self.keys.items()]}).encode()
        else:
            status = 404
        handler.send_response(status)
        for name, value in (self.fields | {"Content-Type": "application/json", "Content-Length": str(len(body))}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def token(self, claims: dict[str, Any] | None = None, kid: str | None = None, header: dict[str, Any] | None = None) -> str:
        """Signed by that key, or the newest."""
        kid = kid or list(self.keys)[-1]
        key, algorithm = self.keys[kid]
        claims = {"iss": self.url, "aud": "orders", "sub": "alice", "exp": int(time.time()) + 600} | (claims or {})
        return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm,
                          headers={"kid": kid} | (header or {}))

    def pem(self, kid: str) -> bytes:
        """A public key."""
        return self.keys[kid][0].public_key().public_bytes(serialization.Encoding.PEM,
                                                           serialization.PublicFormat.SubjectPublicKeyInfo)

    def fetches(self, path: str = "/jwks.json") -> int:
        """How often it was asked for that."""
        return self.asked.count(path)

    def close(self) -> None:
        """Nobody answers at its port any more."""
        self.server.shutdown()
        self.server.server_close()
