# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests: an authority of one's own, with keys of either kind, any dates, and OCSP.

trustme makes what is usual; this makes what it cannot: ECDSA and RSA for one name, certificates that have expired,
clients' certificates with a subject, OCSP responses.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    """As certificates tell the time."""
    return datetime.datetime.utcnow().replace(microsecond=0)


def make_key(kind: str) -> Any:
    """A key: "ec" or "rsa"."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def name_of(text: str) -> x509.GeneralName:
    """A name as certificates have it: an address, a URI, an email address or a host."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    return x509.RFC822Name(text) if "@" in text else x509.DNSName(text)


@dataclass
class Pair:
    """A certificate with its chain, and its key, as PEM."""

    certificate: bytes
    key: bytes
    x509: x509.Certificate

    @property
    def serial(self) -> int:
        """By which a test tells it from others."""
        return self.x509.serial_number

    def write(self, folder: Path, name: str) -> dict[str, str]:
        """Files, and the entry of a configuration that names them."""
        (folder / f"{name}.pem").write_bytes(self.certificate)
        (folder / f"{name}.key").write_bytes(self.key)
        return {"certificate": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}


class Authority:
    """A certificate authority."""

    def __init__(self, name: str = "Test CA"):
        self.key = make_key("ec")
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self.name, self.key.public_key(), now() - DAY, now() + 3650 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.x509 = builder.sign(self.key, hashes.SHA256())
        self.pem = self.x509.public_bytes(serialization.Encoding.PEM)

    def _builder(self, subject: x509.Name, key: Any, before: datetime.datetime,
                 after: datetime.datetime) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self.name, subject_name=subject, public_key=key, serial_number=x509.random_serial_number(),
            not_valid_before=before, not_valid_after=after)

    def issue(self, *names: str, kind: str = "ec", subject: str = "", days: float = 90,
              since: float = 1) -> Pair:
        """A certificate for these names, good for so many days from now; the subject as "CN=a,O=b"."""
        key = make_key(kind)
        oids = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME}
        parts = [part.split("=", 1) for part in subject.split(",") if part]
        whole = x509.Name([x509.NameAttribute(oids[oid], value) for oid, value in reversed(parts)])
        builder = self._builder(whole, key.public_key(), now() - since * DAY, now() + days * DAY)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([name_of(name) for name in names]),
                                            critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return Pair(signed.public_bytes(serialization.Encoding.PEM),
                    key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()), signed)

    def staple(self, pair: Pair, *, days: float = 7, is_revoked: bool = False) -> bytes:
        """What an OCSP responder of this authority says of the certificate, DER."""
        status = ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=pair.x509, issuer=self.x509, algorithm=hashes.SHA1(), cert_status=status,
            this_update=now() - 30 * DAY, next_update=now() + days * DAY,
            revocation_time=now() - DAY if is_revoked else None, revocation_reason=None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, self.x509)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def write(self, folder: Path, name: str = "ca") -> Path:
        """Its own certificate as a file."""
        path = folder / f"{name}.pem"
        path.write_bytes(self.pem)
        return path

    def client(self, client: Pair | None = None, folder: Path | None = None) -> ssl.SSLContext:
        """For a client that trusts it, and shows a certificate if it has one."""
        context = ssl.create_default_context(cadata=self.pem.decode())
        if client and folder:
            files = client.write(folder, f"client-{client.serial}")
            context.load_cert_chain(files["certificate"], files["key"])
        return context


def write_for_examples(folder: Path) -> None:
    """The files that examples in documents name."""
    authority = Authority()
    authority.write(folder, "clients")
    authority.issue("gw.test").write(folder, "gateway")
    authority.issue(subject="CN=acme,O=Acme").write(folder, "acme")
