# SPDX-License-Identifier: Apache-2.0
"""Endpoints out of DNS: they follow its answers, by their time to live, and outlive its absence."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from peers import Dnsmasq, free_port
from upstream import Upstream
from wire import wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]
StartDnsmasq = Callable[..., Dnsmasq]

FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def named(name: str) -> bytes:
    """An answer that tells who gave it."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode("ascii")


def config(server: Dnsmasq | ScriptedDns, /, **discovery: Any) -> dict[str, Any]:
    """One upstream, by what that server says."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"discovery": {"dns": "app.test", "servers": [server.address], **discovery},
                              "retries": {"attempts": 3, "backoff": "1ms"}}},
        "apis": {"all": {"upstream": "app"}},
    }


def endpoints_of(gateway: Gateway, count: int = 12) -> set[str]:
    """Who answers so many requests; all of them must be answered well."""
    answers = [gateway.get() for _ in range(count)]
    assert {answer.status for answer in answers} == {200}, gateway.errors
    return {answer.body.decode("ascii") for answer in answers}


class Client(threading.Thread):
    """Asks all the time, until it is told to stop; keeps what it got, and when it asked."""

    def __init__(self, gateway: Gateway):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.got: list[tuple[float, int, str]] = []
        self.is_ending = False
        self.start()

    def run(self) -> None:
        while not self.is_ending:
            asked = time.monotonic()
            answer = self.gateway.get()
            self.got.append((asked, answer.status, answer.body.decode("ascii")))

    def end(self) -> list[tuple[float, int, str]]:
        """What it got."""
        self.is_ending = True
        self.join()
        return self.got


A, CNAME, AAAA, SRV = 1, 5, 28, 33
SERVFAIL = 2


def wire_name(name: str) -> bytes:
    """As DNS writes it."""
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def read_name(wire: bytes) -> str:
    """As it is written elsewhere."""
    labels = []
    while wire[0]:
        labels.append(wire[1:1 + wire[0]].decode("ascii"))
        wire = wire[1 + wire[0]:]
    return ".".join(labels)


def record(name: str, kind: int, ttl: int, data: bytes) -> bytes:
    """A resource record."""
    return wire_name(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


class ScriptedDns:
    """A DNS server for what dnsmasq never says: `say` gives the code and the records for a name and a type, or None:
    silence.
    """

    def __init__(self, say: Callable[[str, int], tuple[int, list[bytes]] | None]):
        self.say = say
        self.late: dict[int, float] = {}  # seconds, by type
        self.asked = 0
        self.timers: list[threading.Timer] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            question, client = self.socket.recvfrom(4096)
            if not question:
                return
            self.asked += 1
            end = question.index(b"\0", 12) + 5
            kind = int.from_bytes(question[end - 4:end - 2], "big")
            said = self.say(read_name(question[12:end - 4]), kind)
            if not said:
                continue
            code, records = said
            answer = (question[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0) + question[12:end]
                      + b"".join(records))
            self.timers.append(threading.Timer(self.late.get(kind, 0), self.socket.sendto, (answer, client)))
            self.timers[-1].start()

    def stop(self) -> None:
        """Closes its socket; nothing is on its way then."""
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        for timer in self.timers:
            timer.join()
        self.socket.close()


def test_no_address_of_one_family_says_nothing_of_the_other(
        upstream: StartUpstream, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """A fails, and then it is said that there is no AAAA: as from a resolver that cannot reach the zone."""
    service = upstream(named("first"))
    fails = threading.Event()
    dns = ScriptedDns(lambda _, kind: (SERVFAIL, []) if kind == A and fails.is_set()
                      else (0, [record("app.test", A, 1, socket.inet_aton(FIRST))] if kind == A else []))
    stack.callback(dns.stop)
    running = gateway(config(dns, port=service.port))
    assert endpoints_of(running) == {"first"}
    dns.late[AAAA] = 0.3
    fails.set()
    running.wait_for_message("discovery of app.test: no DNS server answers; the last answer serves")
    assert endpoints_of(running) == {"first"}


def test_an_alias_that_changes_is_followed_within_its_time_to_live(
        upstream: StartUpstream, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """However long its target may be kept."""
    first = upstream(named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    target = ["one.test", FIRST]
    dns = ScriptedDns(lambda _, kind: (0, [record("app.test", CNAME, 1, wire_name(target[0]))]
                                       + [record(target[0], A, 3600, socket.inet_aton(target[1]))] * (kind == A)))
    stack.callback(dns.stop)
    running = gateway(config(dns, port=first.port))
    assert endpoints_of(running) == {"first"}
    target[:] = ["two.test", SECOND]
    wait_until(lambda: endpoints_of(running) == {"second"}, "the other address")


def test_a_target_that_dns_cannot_find_keeps_no_other_from_serving(
        upstream: StartUpstream, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """From the beginning; and it comes along when it is found."""
    first = upstream(named("first"))
    second = upstream(named("second"), host=SECOND)
    is_found = threading.Event()

    def say(name: str, kind: int) -> tuple[int, list[bytes]]:
        if kind == SRV:
            return 0, [record(name, SRV, 1, struct.pack(">HHH", 1, 1, port) + wire_name(target))
                       for target, port in (("lost.test", second.port), ("one.test", first.port))]
        if name == "lost.test" and not is_found.is_set():
            return SERVFAIL, []
        return 0, [record(name, A, 1, socket.inet_aton(FIRST if name == "one.test" else SECOND))] * (kind == A)

    dns = ScriptedDns(say)
    stack.callback(dns.stop)
    running = gateway(config(dns, dns="_web._tcp.app.test", type="SRV"))
    assert endpoints_of(running) == {"first"}
    running.wait_for_message("discovery of _web._tcp.app.test: no DNS server answers for some of its targets; "
                             "they keep the addresses that they had, if any")
    is_found.set()
    wait_until(lambda: endpoints_of(running) == {"first", "second"}, "the other one")


def test_a_target_that_dns_says_nothing_of_keeps_no_other_from_serving(
        upstream: StartUpstream, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """Not even the first request: it is waited for for less time than the gateway waits."""
    first = upstream(named("first"))

    def say(name: str, kind: int) -> tuple[int, list[bytes]] | None:
        if kind == SRV:
            return 0, [record(name, SRV, 60, struct.pack(">HHH", 1, 1, port) + wire_name(target))
                       for target, port in (("deaf.test", 1), ("deaf.test", 2), ("one.test", first.port))]
        return None if name == "deaf.test" else (0, [record(name, A, 60, socket.inet_aton(FIRST))] * (kind == A))

    dns = ScriptedDns(say)
    stack.callback(dns.stop)
    assert endpoints_of(gateway(config(dns, dns="_web._tcp.app.test", type="SRV"))) == {"first"}


def test_every_address_of_a_name_serves(upstream: StartUpstream, gateway: StartGateway,
                                        dnsmasq: StartDnsmasq) -> None:
    first = upstream(named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    running = gateway(config(dnsmasq({"app.test": [FIRST, SECOND]}), port=first.port))
    assert endpoints_of(running) == {"first", "second"}
    assert {line["endpoint"] for line in running.wait_for_log(12)} == {f"{FIRST}:{first.port}", f"{SECOND}:{first.port}"}
    assert {line["generation"] for line in running.log} == {1}


def sleep_until(end: float) -> float:
    """How much too long the longest of many short sleeps was: so late is what this machine does."""
    late = 0.0
    while (begin := time.monotonic()) < end:
        time.sleep(0.01)
        late = max(late, time.monotonic() - begin - 0.01)
    return late


def test_an_address_that_flips_is_followed_within_its_time_to_live(
        upstream: StartUpstream, gateway: StartGateway, stack: contextlib.ExitStack) -> None:
    """It flips just when it was told: the old one is asked for the two seconds that it may be kept, and a third at most. DNS
    and clients are this process, so that only the machine can make it later."""
    first = upstream(named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    told: list[float] = []

    def say(_: str, kind: int) -> tuple[int, list[bytes]]:
        if kind != A:
            return 0, []
        told.append(time.monotonic())
        return 0, [record("app.test", A, 2, socket.inet_aton(SECOND if len(told) > 1 else FIRST))]

    dns = ScriptedDns(say)
    stack.callback(dns.stop)
    running = gateway(config(dns, port=first.port))
    client = Client(running)
    late = sleep_until(told[0] + 4)
    got = client.end()
    assert {status for _, status, _ in got} == {200}
    assert got[0][2] == "first" and got[-1][2] == "second"
    last = max(asked for asked, _, who in got if who == "first") - told[0]
    assert last <= 3 + late, f"{last:.2f} s, and DNS asked after {told[1] - told[0]:.2f} s; the machine is {late:.2f} s late"
    assert {line["generation"] for line in running.log} == {1}, "other endpoints are no other configuration"


@pytest.mark.parametrize("says_nothing", [False, True], ids=["closed", "silent"])
@pytest.mark.parametrize("kind", ["A", "SRV"])
def test_a_first_name_server_that_is_dead_keeps_the_second_from_nothing(
        kind: str, says_nothing: bool, upstream: StartUpstream, gateway: StartGateway, dnsmasq: StartDnsmasq,
        stack: contextlib.ExitStack) -> None:
    """Neither at the start nor later. One that says nothing is waited for, for each question."""
    first = upstream(named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    dead = ScriptedDns(lambda *_: None)
    stack.callback(dead.stop)
    dns = dnsmasq({"app.test": [FIRST]}, services={"_web._tcp.test": [("app.test", first.port, 1, 1)]})
    document = config(dns, port=first.port) if kind == "A" else config(dns, dns="_web._tcp.test", type="SRV")
    closed = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    document["upstreams"]["app"]["discovery"]["servers"].insert(0, dead.address if says_nothing else closed)
    running = gateway(document)
    wait_until(lambda: running.get().status == 200, "the first answer")
    assert endpoints_of(running) == {"first"}
    dns.tell("app.test", SECOND)
    wait_until(lambda: endpoints_of(running, 1) == {"second"}, "the other address")
    assert not says_nothing or dead.asked, "it was asked first"


def test_more_targets_than_are_asked_for_at_once(upstream: StartUpstream, gateway: StartGateway,
                                                 dnsmasq: StartDnsmasq) -> None:
    """32 are, by name; those that there are come behind."""
    services = {f"t{number}.test": upstream(named(f"t{number}")).port for number in range(46, 50)}
    targets = [(f"t{number}.test", services.get(f"t{number}.test", 1), 1, 1) for number in range(10, 50)]
    dns = dnsmasq({target: [FIRST] for target in services}, services={"_web._tcp.test": targets})
    running = gateway(config(dns, dns="_web._tcp.test", type="SRV"))
    assert endpoints_of(running) == {"t46", "t47", "t48", "t49"}


def test_a_vanished_address_finishes_what_it_has(upstream: StartUpstream, gateway: StartGateway,
                                                 dnsmasq: StartDnsmasq) -> None:
    may_end = threading.Event()

    def slowly() -> Any:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"
        may_end.wait(20)
        yield b" ends"

    first = upstream(lambda request: slowly() if request.target == "/slow" else named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    dns = dnsmasq({"app.test": [FIRST]})
    running = gateway(config(dns, port=first.port))
    with running.connect() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n")
        first.wait_for_requests(1)
        dns.tell("app.test", SECOND)
        running.wait_for_message(f"discovery of app.test: 1: {SECOND}")
        wait_until(lambda: endpoints_of(running, 1) == {"second"}, "the other address")
        may_end.set()
        assert client.read_answer().body == b"first ends"


def test_the_last_answer_serves_while_dns_is_down(upstream: StartUpstream, gateway: StartGateway,
                                                  dnsmasq: StartDnsmasq) -> None:
    first = upstream(named("first"))
    upstream(named("second"), host=SECOND, port=first.port)
    dns = dnsmasq({"app.test": [FIRST]})
    running = gateway(config(dns, port=first.port))
    client = Client(running)
    dns.stop()
    running.wait_for_message("the last answer serves")
    time.sleep(3)
    dns.hosts["app.test"] = [SECOND]
    dns.start()
    running.wait_for_message("DNS answers again")
    wait_until(lambda: endpoints_of(running, 1) == {"second"}, "the other address")
    assert {status for _, status, _ in client.end()} == {200}


def test_a_name_that_is_gone_has_no_endpoints(upstream: StartUpstream, gateway: StartGateway,
                                              dnsmasq: StartDnsmasq) -> None:
    first = upstream(named("first"))
    dns = dnsmasq({"app.test": [FIRST]})
    running = gateway(config(dns, port=first.port))
    assert endpoints_of(running) == {"first"}
    dns.tell("app.test")
    running.wait_for_message("the name has no endpoints")
    wait_until(lambda: running.get().status == 503, "the end of the last endpoint")
    wait_until(lambda: any(line.get("reason") == "no_endpoint" for line in running.log), "the reason in the log")
    dns.tell("app.test", FIRST)
    wait_until(lambda: running.get().status == 200, "its return")


def test_services_say_port_weight_and_backup(upstream: StartUpstream, gateway: StartGateway,
                                             dnsmasq: StartDnsmasq) -> None:
    one, two, spare = (upstream(named(name)) for name in ("one", "two", "spare"))
    dns = dnsmasq({"a.test": [FIRST], "b.test": [FIRST]},
                  services={"_app._tcp.test": [("a.test", one.port, 1, 10), ("b.test", two.port, 1, 30),
                                               ("a.test", spare.port, 2, 10)]})
    running = gateway(config(dns, dns="_app._tcp.test", type="SRV"))
    assert endpoints_of(running, 40) == {"one", "two"}
    # Not 10 and 30 to the last one: another answer of DNS begins the round anew.
    assert 7 <= len(one.requests) <= 13 and not spare.requests
    one.stop()
    two.stop()
    assert endpoints_of(running, 4) == {"spare"}


def test_it_starts_without_dns_and_finds_it_later(upstream: StartUpstream, gateway: StartGateway,
                                                  dnsmasq: StartDnsmasq) -> None:
    first = upstream(named("first"))
    dns = dnsmasq({"app.test": [FIRST]})
    dns.stop()
    running = gateway(config(dns, port=first.port))
    answer = running.get()
    assert answer.status == 503 and json.loads(answer.body)["status"] == 503
    assert running.wait_for_log(1)[0]["reason"] == "no_endpoint"
    dns.start()
    wait_until(lambda: running.get().status == 200, "the first answer")


def test_a_reload_finds_before_it_serves(upstream: StartUpstream, gateway: StartGateway,
                                         dnsmasq: StartDnsmasq) -> None:
    first, second = upstream(named("first")), upstream(named("second"))
    dns = dnsmasq({"app.test": [FIRST], "new.test": [FIRST]})
    before = config(dns, port=first.port)
    running = gateway(before)
    client = Client(running)
    after = config(dns, dns="new.test", port=second.port)
    for wanted, who in [(after, "second"), (before, "first"), (after, "second")]:
        running.write_config({**wanted, "workers": 1})
        running.send_signal(1)
        wait_until(lambda who=who: running.get().body == who.encode("ascii"), "the reload")
    got = client.end()
    assert {status for _, status, _ in got} == {200}, running.errors


def test_another_process_finds_before_it_serves(upstream: StartUpstream, gateway: StartGateway,
                                                dnsmasq: StartDnsmasq) -> None:
    first = upstream(named("first"))
    dns = dnsmasq({"app.test": [FIRST]})
    running = gateway(config(dns, port=first.port))
    client = Client(running)
    running.replace()
    assert endpoints_of(running) == {"first"}
    assert {status for _, status, _ in client.end()} == {200}, running.errors


def test_commands_show_the_name(dnsmasq: StartDnsmasq, tmp_path: Any) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps(config(dnsmasq({}), port=8080)), encoding="utf-8")
    assert run_command("check", "-c", path).returncode == 0
    shown = run_command("explain", "-c", path, "GET", "http://gw.test/x")
    assert "upstream  app: app.test:8080" in shown.stdout and shown.returncode == 0, shown.stdout


def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    document = {"listeners": {"main": {"address": "127.0.0.1:0"}}, "apis": {"all": {"upstream": "app"}},
                "upstreams": {"app": {"discovery": {"dns": "app.test", "port": 1, "servers": ["127.0.0.1", "${SECRET}"]}},
                              "other": {"endpoints": [{"address": "${SECRET}"}]}}}
    path.write_text(json.dumps(document))
    done = run_command("check", "-c", path, env={"SECRET": "hunter2"})
    assert done.returncode == 1
    assert "upstreams.app.discovery.servers[1]: want addresses" in done.stderr
    assert "upstreams.other.endpoints[0].address: want host:port" in done.stderr
    assert "hunter2" not in done.stderr
