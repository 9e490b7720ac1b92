# SPDX-License-Identifier: Apache-2.0
"""Consumers by the certificates that they show: whose it is, what the upstream is told, and what nobody can say instead."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from gatehouse import Gateway
from pki import Authority
from simple import get
from upstream import Upstream
from wire import Connection

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def test_a_certificate_is_its_consumers(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    authority = Authority()
    service = upstream()
    running = gateway({
        "listeners": {"main": {"address": "127.0.0.1:0", "tls": {
            "certificates": [authority.issue("gw.test").write(tmp_path, "server")],
            "client_ca": str(authority.write(tmp_path)), "client_certificate": "optional"}}},
        "upstreams": {"app": {"endpoints": [service.address]}},
        "consumers": {"acme": {"certificates": ["CN=acme,O=Acme"]}, "globex": {"certificates": ["dns:globex.test"]},
                      "spy": {"certificates": ["uri:spiffe://gw.test/spy"]}},
        "apis": {"all": {"upstream": "app", "policies": [
            {"client_certificate": {"certificate": True, "forward": {"X-Consumer-Name": "name"}}}]}},
    })
    acme = authority.issue(subject="CN=acme,O=Acme")
    rows: list[tuple[Any, int, str]] = [
        (acme, 200, "acme"), (authority.issue("a.test", "globex.test"), 200, "globex"),
        (authority.issue("spiffe://gw.test/spy"), 200, "spy"), (None, 401, "certificate_missing"),
        (authority.issue(subject="CN=acme"), 401, "certificate_unknown"),
        (authority.issue("globex.test.evil.test"), 401, "certificate_unknown"),
        (authority.issue("dns@globex.test"), 401, "certificate_unknown")]
    spoofs = "Client-Cert: :AAAA:\r\nX-Consumer-Name: root\r\nX_Consumer_Name: root\r\n"
    for pair, status, _ in rows:
        with Connection(running.address(), tls=authority.client(pair, tmp_path)) as client:
            client.send(get("/", spoofs))
            assert client.read_answer().status == status
    log = running.wait_for_log(len(rows))
    assert [line.get("consumer") or line["reason"] for line in log] == [word for *_, word in rows]
    assert [request.all("x-consumer-name") for request in service.requests] == [["acme"], ["globex"], ["spy"]]
    der = base64.b64encode(acme.x509.public_bytes(serialization.Encoding.DER)).decode()
    assert service.requests[0].all("client-cert") == [f":{der}:"]
    assert not any(request.all("x_consumer_name") for request in service.requests)
