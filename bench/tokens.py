# SPDX-License-Identifier: Apache-2.0
"""Tokens for the job that clients do: a thousand different ones of one issuer, and what each proxy verifies them by."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER, AUDIENCE, TOKENS, ROUTES = "https://id.bench", "bench", 1000, 100


@dataclass
class Tokens:
    """What was made for one run: files in its folder."""

    algorithm: str
    tokens: Path
    key: Path  # the public one, or the secret

    def gatehouse(self) -> str:
        """Lines beneath the gateway's API."""
        key = f'keys: ["{self.key}"]' if self.algorithm == "RS256" else f'secret: "{self.key.read_text()}"'
        return (f"    policies:\n      - jwt: {{ issuer: \"{ISSUER}\", audience: {AUDIENCE}, {key}, "
                f"algorithms: [{self.algorithm}], forward: {{ X-User: sub }} }}\n")

    def haproxy(self) -> str:
        """The same as rules of HAProxy's frontend."""
        paths = self.key.with_suffix(".paths")
        paths.write_text("".join(f"/r{i:05d}/\n" for i in range(ROUTES)))
        key = self.key if self.algorithm == "RS256" else self.key.read_text()
        return f"""	http-request deny deny_status 404 unless {{ path_beg -f {paths} }}
	http-request set-var(txn.bearer) http_auth_bearer
	http-request deny deny_status 401 unless {{ var(txn.bearer) -m found }}
	http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_header_query('$.alg') -m str {self.algorithm} }}
	http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_payload_query('$.iss') -m str {ISSUER} }}
	http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_payload_query('$.aud') -m str {AUDIENCE} }}
	http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
	http-request set-var(txn.now) date()
	http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
	http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify("{self.algorithm}","{key}") 1 }}
	http-request set-header X-User %[var(txn.bearer),jwt_payload_query('$.sub')]
"""


def make(folder: Path, algorithm: str) -> Tokens:
    """A key and the tokens that it signs."""
    if algorithm == "RS256":
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = private.public_key().public_bytes(serialization.Encoding.PEM,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
        signing = private
    else:
        signing = secrets.token_hex(32)
        public = signing.encode()
    made = Tokens(algorithm, folder / "tokens", folder / "tokens.key")
    made.key.write_bytes(public)
    made.key.chmod(0o644)
    now = int(time.time())
    made.tokens.write_text("".join(
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{i}", "jti": secrets.token_hex(8), "iat": now,
                    "exp": now + 3600, "scope": "orders:read orders:write", "org": "acme"}, signing, algorithm,
                   headers={"kid": "bench-1"}) + "\n" for i in range(TOKENS)))
    return made
