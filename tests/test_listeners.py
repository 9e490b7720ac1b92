# SPDX-License-Identifier: Apache-2.0
"""Other ways in and out: the PROXY protocol, Unix sockets, several listeners."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gatehouse import Gateway
from simple import config, echo, forwarding, get
from upstream import Upstream

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]


def v2(command: int, family: int, addresses: bytes) -> bytes:
    """A PROXY protocol header, version 2."""
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x20 | command, family, len(addresses)) + addresses


V4 = socket.inet_aton("203.0.113.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4711, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + \
    struct.pack("!HH", 4712, 443)
INTRODUCTIONS = {
    "v1 TCP4": (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", "203.0.113.7", 4711),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4712 443\r\n", "2001:db8::7", 4712),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1", None),
    "v2 IPv4": (v2(1, 0x11, V4), "203.0.113.7", 4711),
    "v2 IPv6": (v2(1, 0x21, V6), "2001:db8::7", 4712),
    "v2 IPv4 with more behind": (v2(1, 0x11, V4 + b"\x04\0\x03abc"), "203.0.113.7", 4711),
    "v2 LOCAL": (v2(0, 0, b""), "127.0.0.1", None),
}


@pytest.mark.parametrize("name", INTRODUCTIONS)
def test_proxy_protocol(upstream: StartUpstream, gateway: StartGateway, name: str) -> None:
    header, ip, port = INTRODUCTIONS[name]
    service = upstream(echo)
    running = gateway(config(service.address, listener={"proxy_protocol": True}))
    for pieces in ([header + get() + get()], [header[:9], header[9:] + get() + get()], [header, get(), get()]):
        with running.connect() as client:
            client.send_pieces(pieces)
            assert client.read_answer().status == 200
            assert client.read_answer().status == 200
    for entry in running.wait_for_log(6):
        assert entry["client_ip"] == ip
        assert port is None or entry["client_port"] == port
    assert {request.get("x-forwarded-for") for request in service.requests} == {ip}


@pytest.mark.parametrize("data", [
    get(), b"PROXY TCP4 203.0.113.7\r\n" + get(), b"PROXY TCP4 a b 1 2\r\n" + get(), b"PROXY " + b"x" * 200,
    v2(1, 0x11, V4[:-4]) + get(), v2(2, 0x11, V4) + get(), b"\r\n\r\n\0\r\nQUIT\n\x10" + b"\0" * 30,
])
def test_without_a_proper_introduction_nobody_is_served(gateway: StartGateway, data: bytes) -> None:
    running = gateway(config("127.0.0.1:1", listener={"proxy_protocol": True}))
    with running.connect() as client:
        client.send(data)
        assert client.read_until_closed() == b""
    assert running.wait_for_message("PROXY protocol")


def test_a_flood_without_introductions_is_told_in_few_lines(gateway: StartGateway) -> None:
    """At most one in a second, and none is forgotten: the next line says how many were not written."""
    running, sent = gateway(config("127.0.0.1:1", listener={"proxy_protocol": True})), 20

    def flood(count: int) -> None:
        for _ in range(count):
            with running.connect() as client:
                client.send(get())
                assert client.read_until_closed() == b""

    def told(lines: Sequence[str]) -> tuple[int, int]:
        text = "\n".join(lines)
        return (text.count("a connection from 127.0.0.1 is closed"),
                sum(map(int, re.findall(r"(\d+) more connections were closed", text))))

    flood(sent - 1)
    time.sleep(1.1)
    flood(1)
    assert running.messages.wait_for(lambda lines: sum(told(lines)) == sent), running.errors
    assert told(running.messages.snapshot())[1] > 0


def test_unix_sockets(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    service = upstream(echo, path=str(tmp_path / "service.sock"))
    running = gateway(config(service.address, listener={"address": f"unix:{tmp_path / 'gateway.sock'}"}))
    with running.connect() as client:
        for i in range(3):
            client.send(get(f"/{i}"))
            assert client.read_answer().body == b"/%d" % i
    assert len(service.connections) == 1
    assert not service.requests[0].all("x-forwarded-port")
    assert running.wait_for_log(3)[0]["status"] == 200


def test_a_unix_sockets_path_is_free_again_after_the_end(upstream: StartUpstream, gateway: StartGateway,
                                                         tmp_path: Path) -> None:
    document = config(upstream(echo).address, listener={"address": f"unix:{tmp_path / 'gateway.sock'}"})
    for _ in range(2):
        running = gateway(document)
        assert running.get().status == 200
        running.stop()


def test_several_listeners(upstream: StartUpstream, gateway: StartGateway) -> None:
    document = config(upstream(echo).address)
    document["listeners"]["other"] = {"address": "127.0.0.1:0"}
    document["listeners"]["v6"] = {"address": "[::1]:0"}
    running = gateway(document)
    for name in ("main", "other", "v6"):
        assert running.get(listener=name).status == 200
    assert [entry["listener"] for entry in running.wait_for_log(3)] == ["main", "other", "v6"]
    assert running.log[2]["client_ip"] == "::1"


def test_ipv6_stands_in_brackets_where_it_must(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream(echo)
    running = gateway(config(service.address, listener={"address": "[::1]:0"}))
    assert running.get().status == 200
    told = forwarding(service.requests[0])
    assert told["x-forwarded-for"] == "::1"
    assert told["forwarded"].startswith('for="[::1]"')
