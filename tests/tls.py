# SPDX-License-Identifier: Apache-2.0
"""What a listener with TLS and a client that believes it need: a certificate of trustme's for gw.test."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import trustme


def secure(directory: Path, *protocols: str) -> tuple[dict[str, Any], ssl.SSLContext]:
    """A listener's `tls`, and a client's context that offers these protocols (ALPN)."""
    authority = trustme.CA()
    leaf = authority.issue_cert("gw.test")
    leaf.cert_chain_pems[0].write_to_path(directory / "gw.pem")
    leaf.private_key_pem.write_to_path(directory / "gw.key")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(list(protocols))
    return {"certificates": [{"certificate": str(directory / "gw.pem"), "key": str(directory / "gw.key")}]}, context
