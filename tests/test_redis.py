# SPDX-License-Identifier: Apache-2.0
"""Limits that several gateways share, over a real redis-server: exactness, and what holds when it is not there.

Limits are by the hour, so that no count depends on how quick a test is.
"""

from __future__ import annotations

import binascii
import contextlib
import email.utils
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway, faked_clock, run_command
from pki import Authority
from redis_peers import Cluster, FakeRedis, Redis, quiet_port
from simple import get
from wire import wait_until

StartGateway = Callable[..., Gateway]
StartRedis = Callable[..., Redis]

PATIENT = "5s"  # where a test is about something else than time


def config(store: str | dict[str, Any], *limits: dict[str, Any], kind: str = "rate_limit", **more: Any) -> dict[str, Any]:
    """One API that answers itself, behind these limits by address; a client is who a proxy on this machine says."""
    if isinstance(store, str):
        store = {"redis": [store], "timeout": PATIENT}
    return {
        "listeners": {"main": {"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}},
        "store": store,
        "admin": {"address": "127.0.0.1:0"},
        "apis": {"all": {"policies": [*({kind: {"by": "client_ip", **limit}} for limit in limits), {"respond": {"status": 200}}]}},
        **more,
    }


def ask(gateway: Gateway, times: int = 1, fields: str = "") -> list[int]:
    """So many answers' statuses, each on a connection of its own, so that any worker may get it."""
    statuses = []
    for _ in range(times):
        with gateway.connect() as client:
            client.send(get("/", f"Connection: close\r\n{fields}"))
            statuses.append(client.read_answer().status)
    return statuses


def lines(gateway: Gateway) -> list[str]:
    """What the gateway said of its store."""
    return [line for line in gateway.messages.snapshot() if " store: " in line]


def wait_for_lines(gateway: Gateway, count: int) -> list[str]:
    """The same once there are so many."""
    assert gateway.messages.wait_for(lambda said: sum(" store: " in line for line in said) >= count), gateway.errors
    return lines(gateway)


def storm(gateways: list[Gateway], clients: int, each: int, fields: str = "") -> list[int]:
    """All at once, over connections that are kept."""
    statuses: list[int] = []

    def client(gateway: Gateway) -> None:
        with gateway.connect() as connection:
            for _ in range(each):
                connection.send(get("/", fields))
                statuses.append(connection.read_answer().status)

    threads = [threading.Thread(target=client, args=(gateway,)) for gateway in gateways for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == len(gateways) * clients * each
    return statuses


# Exactness.


def test_three_gateways_admit_the_limit_whatever_their_clocks_say(redis: StartRedis, gateway: StartGateway) -> None:
    """Six workers, 1,800 requests, clocks that are five seconds apart: a limit of 100 admits 100."""
    wanted = config(redis().address, {"limit": "100/1h"})
    gateways = [gateway(wanted, workers=2, env=faked_clock(offset)) for offset in (-5, 0, 5)]
    dates = [email.utils.parsedate_to_datetime(running.get().get("date") or "") for running in gateways]
    assert all(3 <= (later - earlier).total_seconds() for earlier, later in zip(dates, dates[1:], strict=False))
    statuses = storm(gateways, clients=4, each=150) + [200] * 3
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == 100


def test_no_clock_and_nothing_of_a_request_goes_over_the_wire(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """What Redis sees: a key of 22 characters, and numbers that are the limit's."""
    fake = FakeRedis(lambda words: b"*3\r\n:1\r\n:1\r\n:36000000000\r\n")
    stack.callback(fake.stop)
    running = gateway(config(fake.address, {"limit": "100/1h", "by": "header:X-API-Key"}))
    assert ask(running, fields="X-API-Key: very-secret\r\n") == [200]
    command = next(words for words in fake.commands if words[0] == b"EVALSHA" and b"gateways" not in words[3])
    assert re.fullmatch(rb"gatehouse:\{[A-Za-z0-9_-]{22}\}", command[3])
    assert command[2] == b"1"
    assert command[4:] == [b"1000", b"36000000000", b"3600000000000", b"1", b"1"]
    assert b"very-secret" not in b" ".join(b" ".join(words) for words in fake.commands)


def test_a_limit_is_told_and_paid_back_as_in_memory(redis: StartRedis, gateway: StartGateway) -> None:
    running = gateway(config(redis().address, {"limit": "4/1h", "cost": "request.method == \"POST\" ? 3 : 1"}))
    with running.connect() as client:
        for method, status, told in (("GET", 200, '"default";r=3;t=900'), ("POST", 200, '"default";r=0;t=3600'),
                                     ("GET", 429, '"default";r=0;t=3600')):
            client.send(get(method=method, fields="Content-Length: 0\r\n" if method == "POST" else ""))
            answer = client.read_answer()
            assert (answer.status, answer.get("ratelimit")) == (status, told)
    assert 840 <= int(answer.get("retry-after") or 0) <= 900


def test_who_a_later_limit_refuses_gets_back_what_an_earlier_one_took(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config(server.address, {"limit": "10/1h", "name": "wide"}, {"limit": "2/1h", "name": "narrow"}))
    assert ask(running, 5) == [200, 200, 429, 429, 429]
    assert running.get().get("ratelimit", ).startswith('"wide";r=8;')  # type: ignore[union-attr]
    assert len(server.keys()) == 2


def test_a_limit_recovers_under_any_load(redis: StartRedis, gateway: StartGateway) -> None:
    """Twice the limit and more without end: what is admitted is the limit."""
    running = gateway(config(redis().address, {"limit": "50/1s", "burst": 5}))
    began = time.monotonic()
    admitted = 0
    while time.monotonic() - began < 3:
        admitted += storm([running], clients=2, each=20).count(200)
    passed = time.monotonic() - began
    assert 50 * passed * 0.8 - 5 <= admitted <= 50 * passed + 5 + 1


def test_a_limit_recovers_when_redis_clock_was_put_back(redis: StartRedis, gateway: StartGateway) -> None:
    """What is kept lies an hour ahead then; a client waits for a whole burst, and not for an hour."""
    server = redis()
    running = gateway(config(server.address, {"limit": "2/1s"}))
    assert ask(running) == [200]
    (key,) = server.keys()
    seconds, _ = server.cli("TIME").split()
    server.cli("SET", key, f"{(int(seconds) + 3600) * 1000000}:0", "EX", "3600")
    assert ask(running) == [429]
    wait_until(lambda: ask(running) == [200], "the limit to let somebody in")


def test_keys_go_by_themselves(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config(server.address, {"limit": "10/1s"}))
    assert ask(running, 3, "X-Forwarded-For: 192.0.2.1\r\n") == [200, 200, 200]
    wait_until(lambda: not server.keys(), "the key to go")


def test_a_script_that_was_forgotten_is_sent_again(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config(server.address, {"limit": "5/1h"}))
    assert ask(running, 2) == [200, 200]
    server.cli("script", "flush")
    assert ask(running, 4) == [200, 200, 200, 429]
    assert not lines(running)


# Taken ahead.


def test_what_is_taken_ahead_is_never_too_much(redis: StartRedis, gateway: StartGateway) -> None:
    """By the hour the limit gives nothing more, so all that is admitted was in the burst, whoever took it."""
    wanted = config(redis().address, {"limit": "360000/1h", "burst": 500, "sync": "100ms"})
    gateways = [gateway(wanted, workers=2) for _ in range(3)]
    began = time.monotonic()
    statuses = storm(gateways, clients=3, each=300)
    passed = time.monotonic() - began
    assert set(statuses) == {200, 429}
    assert 500 <= statuses.count(200) <= 500 + 100 * (passed + 0.1) + 1


def test_taking_ahead_asks_seldom(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config(server.address, {"limit": "100000/1s", "sync": "1s"}))
    storm([running], clients=2, each=1000)
    calls = Admin(running).metrics()['gatehouse_store_calls_total{outcome="answered"}']
    assert calls < 200


# When it is not there.


@pytest.mark.parametrize(("mode", "wanted"), [("local", {200: 3, 429: 5}), ("allow", {200: 8}), ("deny", {503: 8})])
def test_what_holds_without_redis(redis: StartRedis, gateway: StartGateway, mode: str, wanted: dict[int, int]) -> None:
    """It never was there, it is killed, it comes back: as configured, and one line for each change."""
    server = redis()
    server.kill()
    running = gateway(config(server.address, {"limit": "3/1h", "on_failure": mode}), workers=2)
    down, = wait_for_lines(running, 1)
    assert f"redis {server.address} is not available: no connection: Connection refused" in down
    statuses = ask(running, 8)
    assert {status: statuses.count(status) for status in set(statuses)} == wanted
    server.start()
    assert wait_for_lines(running, 2)[1].endswith(f"redis {server.address} is available again")
    assert ask(running, 4) == [200, 200, 200, 429]
    server.kill()
    wait_for_lines(running, 3)
    statuses = ask(running, 8)
    if mode == "local":
        assert set(statuses) == {429}  # from before
    else:
        assert {status: statuses.count(status) for status in set(statuses)} == wanted
    assert len(lines(running)) == 3


def test_the_reason_is_told(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    server.kill()
    running = gateway(config({"redis": server.address, "on_failure": "deny"}, {"limit": "3/1h"}))
    wait_for_lines(running, 1)
    answer = running.get()
    assert (answer.status, answer.get("retry-after"), answer.get("ratelimit")) == (503, "1", None)
    assert running.wait_for_log(1)[0]["reason"] == "limit_unavailable"


def test_a_share_is_what_so_many_gateways_leave(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    gateways = [gateway(config(server.address, {"limit": "9/1h"})) for _ in range(3)]
    for running in gateways:
        wait_until(lambda one=running: Admin(one).metrics()["gatehouse_store_gateways"] == 3, "the gateways")
    server.kill()
    for running in gateways:
        wait_for_lines(running, 1)
        assert sorted(ask(running, 6)) == [200] * 3 + [429] * 3


def test_redis_that_stands_still_holds_nobody_up_for_long(redis: StartRedis, gateway: StartGateway) -> None:
    """Those that wait for it wait for the timeout, a few; nobody does from then on, until it goes on."""
    server = redis()
    running = gateway(config({"redis": server.address, "timeout": "500ms", "on_failure": "allow"}, {"limit": "3/1h"}))
    assert ask(running) == [200]
    server.freeze()
    began = time.monotonic()
    assert ask(running, 5) == [200] * 5
    assert time.monotonic() - began > 2
    down, = wait_for_lines(running, 1)
    assert "is not available: it does not answer in time" in down
    skipped = 'gatehouse_store_calls_total{outcome="skipped"}'
    before = Admin(running).metrics()[skipped]
    assert ask(running, 50) == [200] * 50
    assert Admin(running).metrics()[skipped] == before + 50
    server.thaw()
    wait_for_lines(running, 2)
    assert 429 in ask(running, 4)
    assert len(lines(running)) == 2


def test_redis_that_cannot_even_be_connected_to(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """Its machine takes no more connections, and says nothing: nobody waits until that is sure."""
    full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(4):
        one = stack.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    running = gateway(config({"redis": "127.0.0.1:%d" % full.getsockname()[1], "timeout": "30ms", "on_failure": "allow"},
                             {"limit": "3/1h"}))
    wait_until(lambda: ask(running, 3) == [200] * 3 and lines(running), "the line")
    down, = lines(running)
    assert "is not available: it does not answer in time" in down
    skipped = 'gatehouse_store_calls_total{outcome="skipped"}'
    before = Admin(running).metrics()[skipped]
    assert ask(running, 20) == [200] * 20
    assert Admin(running).metrics()[skipped] == before + 20


def test_a_late_answer_is_nobody_elses(redis: StartRedis, gateway: StartGateway) -> None:
    """It stands still for one request, and the next gets its own answer."""
    server = redis()
    running = gateway(config({"redis": server.address, "timeout": "300ms", "on_failure": "allow"},
                             {"limit": "5/1h", "by": "header:X-Who"}))
    assert ask(running, 5, "X-Who: a\r\n") == [200] * 5
    server.freeze()
    assert ask(running, 2, "X-Who: a\r\n") == [200, 200]  # let through
    server.thaw()
    assert ask(running, 3, "X-Who: b\r\n") == [200] * 3
    assert ask(running, 1, "X-Who: a\r\n") == [429]
    assert not lines(running)


HOSTILE = {
    "garbage": b"garbage\r\n",
    "http": b"HTTP/1.1 200 OK\r\n\r\n",
    "huge": b"$999999999\r\n",
    "endless": b"+" + b"a" * 4096,
    "deep": b"*1\r\n" * 100,
    "many": b"*1000000\r\n",
    "push": b">1\r\n+x\r\n",
    "twice": b"*3\r\n:1\r\n:1\r\n:0\r\n*3\r\n:1\r\n:1\r\n:0\r\n",
    "closed": None,
}
STRANGE = {
    "simple": b"+OK\r\n",
    "null": b"$-1\r\n",
    "text": b"*3\r\n$1\r\n1\r\n:1\r\n:0\r\n",
    "short": b"*2\r\n:1\r\n:1\r\n",
    "long": b"*9\r\n" + b":1\r\n" * 9,
    "granted too much": b"*3\r\n:1\r\n:1000\r\n:0\r\n",
    "granted nothing": b"*3\r\n:1\r\n:0\r\n:0\r\n",
    "negative": b"*3\r\n:1\r\n:1\r\n:-5\r\n",
    "neither": b"*3\r\n:7\r\n:1\r\n:0\r\n",
    "error": b"-ERR no such thing\x1b[31m\r\n",
    "moved nowhere": b"-MOVED 99999 127.0.0.1:1\r\n",
    "moved without a port": b"-MOVED 1 127.0.0.1\r\n",
    "to and fro": b"-NOSCRIPT no\r\n",
}


@pytest.mark.parametrize("case", [*HOSTILE, *STRANGE])
def test_whatever_it_answers(stack: contextlib.ExitStack, gateway: StartGateway, case: str) -> None:
    """No answer of a limit is made of it. What breaks the protocol ends the connection."""
    fake = FakeRedis(lambda words: {**HOSTILE, **STRANGE}[case])
    stack.callback(fake.stop)
    running = gateway(config({"redis": fake.address, "timeout": PATIENT, "on_failure": "deny"}, {"limit": "3/1h"}))
    statuses = ask(running, 6)
    if case == "twice":
        assert statuses[-1] in (200, 503)
    else:
        assert set(statuses) == {503}
    said = wait_for_lines(running, 1)[0]
    if case in HOSTILE:
        assert "is not available" in said or case == "twice"
        wait_until(lambda: fake.connections > 1, "another connection")
    else:
        assert "answers what the script does not return" in said or "answers with an error" in said
        metrics = Admin(running).metrics()
        assert metrics['gatehouse_store_calls_total{outcome="answered"}'] == 0
        outcome = "error" if STRANGE[case].startswith(b"-") else "broken"
        assert metrics[f'gatehouse_store_calls_total{{outcome="{outcome}"}}'] >= 1


def test_who_answers_and_was_not_asked(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    fake = FakeRedis(lambda words: None, greeting=b"+PONG\r\n+PONG\r\n")
    stack.callback(fake.stop)
    running = gateway(config({"redis": fake.address, "on_failure": "deny"}, {"limit": "3/1h"}))
    assert "sent what nobody had asked for" in wait_for_lines(running, 1)[0]
    assert ask(running) == [503]


# Who may ask it, and how.


@pytest.mark.parametrize("who", [{"password": "s3cret"}, {"username": "gate", "password": "0ther-pass"}])
def test_a_password_is_shown(redis: StartRedis, gateway: StartGateway, who: dict[str, str]) -> None:
    server = redis("--requirepass", "s3cret", cli=("-a", "s3cret", "--no-auth-warning"))
    server.cli("acl", "setuser", "gate", "on", ">0ther-pass", "~*", "+@all")
    running = gateway(config({"redis": server.address, "timeout": PATIENT, "database": 3, **who}, {"limit": "2/1h"}))
    assert ask(running, 3) == [200, 200, 429]
    assert len(server.cli("-n", "3", "--scan", "--pattern", "gatehouse:*").split()) == 2
    shown = Admin(running).get("/v1/config").body
    assert b"***" in shown and who["password"].encode() not in shown
    running.stop()
    assert who["password"] not in running.errors


def test_the_least_that_a_user_must_be_allowed(redis: StartRedis, gateway: StartGateway) -> None:
    """What the manual says."""
    manual = run_command("manual").stdout
    rights = re.search(r"Its user needs `([^`]+)` on `(~[^`]+)`", manual)
    assert rights
    server = redis()
    server.cli("acl", "setuser", "gate", "on", ">least-pass", rights[2], *rights[1].split())
    running = gateway(config({"redis": server.address, "timeout": PATIENT, "on_failure": "deny", "username": "gate",
                              "password": "least-pass"}, {"limit": "2/1h"}, {"limit": "1/1h"}))
    assert ask(running, 2) == [200, 429]
    wait_until(lambda: server.cli("zcard", "gatehouse:{gateways}") == "1", "the census")
    assert not lines(running)


def test_a_wrong_password_is_told(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis("--requirepass", "s3cret")
    running = gateway(config({"redis": server.address, "password": "guessed", "on_failure": "deny"}, {"limit": "2/1h"}))
    down, = wait_for_lines(running, 1)
    assert "it refuses: WRONGPASS" in down and "guessed" not in down
    assert ask(running) == [503]


def test_a_refusal_that_quotes_the_password_is_cut(redis: StartRedis, gateway: StartGateway) -> None:
    """Who knows no such command says all that came with it."""
    server = redis("--rename-command", "AUTH", '""')
    running = gateway(config({"redis": server.address, "username": "gate", "password": "0ther-pass", "on_failure": "deny"},
                             {"limit": "2/1h"}))
    down, = wait_for_lines(running, 1)
    assert "it refuses: ERR unknown command 'AUTH'" in down and "0the" not in down


@pytest.mark.parametrize("is_trusted", [True, False])
def test_redis_over_tls(redis: StartRedis, gateway: StartGateway, tmp_path: Path, is_trusted: bool) -> None:
    authority = Authority()
    files = authority.issue("127.0.0.1").write(tmp_path, "redis")
    server = redis("--tls-cert-file", files["certificate"], "--tls-key-file", files["key"], "--tls-auth-clients", "no",
                   is_open=False)
    ca = (authority if is_trusted else Authority("Another CA")).write(tmp_path)
    running = gateway(config({"redis": server.address, "timeout": PATIENT, "on_failure": "deny", "tls": {"ca": str(ca)}},
                             {"limit": "20/1h"}), workers=2)
    if is_trusted:
        assert storm([running], clients=4, each=25).count(200) == 20
        assert not lines(running)
    else:
        assert "is not available" in wait_for_lines(running, 1)[0]
        assert ask(running) == [503]


def test_a_replica_is_not_counted_on(redis: StartRedis, gateway: StartGateway) -> None:
    """It says so, and the next address is asked."""
    primary = redis()
    replica = redis("--replicaof", "127.0.0.1", str(primary.port))
    running = gateway(config({"redis": [replica.address, primary.address], "timeout": PATIENT, "on_failure": "allow"},
                             {"limit": "2/1h"}))
    wait_until(lambda: 429 in ask(running), "the primary to be found")
    assert primary.keys()


def test_where_there_is_a_replica_only_it_is_told_once(redis: StartRedis, gateway: StartGateway) -> None:
    """It greets as any Redis does, and is asked less and less often whether it can count by now."""
    def connections() -> int:
        told = re.search(r"total_connections_received:(\d+)", replica.cli("INFO", "stats"))
        assert told
        return int(told[1])

    primary = redis("--repl-diskless-sync-delay", "0")
    replica = redis("--replicaof", "127.0.0.1", str(primary.port))
    wait_until(lambda: "master_link_status:up" in replica.cli("INFO", "replication"), "the replica to have loaded")
    running = gateway(config({"redis": [replica.address], "timeout": PATIENT, "on_failure": "allow"}, {"limit": "2/1h"}), workers=1)
    before, until = connections(), time.monotonic() + 4
    while time.monotonic() < until:
        assert ask(running) == [200]
        time.sleep(0.01)
    assert len(lines(running)) == 1 and "it is a replica, and cannot count" in lines(running)[0]
    assert connections() - before < 20, "a pause that does not grow is 50 ms at most"
    replica.cli("REPLICAOF", "NO", "ONE")
    wait_until(lambda: 429 in ask(running), "it to count")
    assert "is available again" in wait_for_lines(running, 2)[1]


def test_a_reload_keeps_connections_and_counts(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    wanted = config(server.address, {"limit": "5/1h"})
    running = gateway(wanted, workers=2)
    assert ask(running, 3) == [200] * 3
    wait_until(lambda: server.cli("client", "list").count("id=") == 3, "both workers")
    before = sorted(re.findall(r"\bid=(\d+)", server.cli("client", "list")))[:2]
    running.reload({**wanted, "log": {"level": "debug"}})
    assert sorted(re.findall(r"\bid=(\d+)", server.cli("client", "list")))[:2] == before
    assert ask(running, 3) == [200, 200, 429]
    running.reload({**wanted, "store": "local"})
    assert ask(running, 6) == [200] * 5 + [429]
    wait_until(lambda: server.cli("client", "list").count("id=") == 1, "the connections to end")
    assert not lines(running)


# A cluster.


def slot_of(cluster: Cluster, key: str) -> int:
    """As Redis has it."""
    return int(cluster.nodes[0].cli("cluster", "keyslot", key))


def test_a_cluster_is_found_out_and_followed(cluster: Cluster, gateway: StartGateway) -> None:
    """Keys of 30 clients lie with three nodes, of which one is configured; each limit is exact."""
    running = gateway(config(cluster.nodes[0].address, {"limit": "2/1h"}), workers=2)
    for i in range(30):
        assert ask(running, 3, f"X-Forwarded-For: 192.0.2.{i}\r\n") == [200, 200, 429]
    assert len(cluster.keys()) == 30
    assert all(node.keys() for node in cluster.nodes)
    assert not lines(running)


def test_a_slot_moves_under_way(cluster: Cluster, gateway: StartGateway) -> None:
    """Its keys are asked for where they are: before, while (ASK) and after (MOVED)."""
    running = gateway(config(cluster.nodes[0].address, {"limit": "5/1h"}), workers=2)
    assert ask(running, 2) == [200, 200]
    key, = cluster.keys()
    slot = slot_of(cluster, key)
    source = cluster.owner(slot)
    target = next(node for node in cluster.nodes if node is not source)
    target.cli("cluster", "setslot", str(slot), "importing", source.cli("cluster", "myid"))
    source.cli("cluster", "setslot", str(slot), "migrating", target.cli("cluster", "myid"))
    assert ask(running) == [200]
    source.cli("migrate", "127.0.0.1", str(target.port), key, "0", "5000")
    assert ask(running) == [200]  # the source says ASK
    assert key in target.keys()
    for node in (target, source):
        node.cli("cluster", "setslot", str(slot), "node", target.cli("cluster", "myid"))
    assert ask(running, 2) == [200, 429]  # the source says MOVED
    assert not lines(running)


class Moving:
    """Sends the first call of a key to another node, and says then of its cluster what it is told to."""

    def __init__(self, node: str, slots: bytes):
        self.node, self.slots = node, slots
        self.moved: set[bytes] = set()

    def answer(self, words: list[bytes]) -> bytes:
        """To one command."""
        if words[0] == b"CLUSTER":
            return self.slots
        if b"{gateways}" in words[3]:
            return b"*1\r\n:1\r\n"
        if words[3] not in self.moved:
            self.moved.add(words[3])
            slot = binascii.crc_hqx(words[3].partition(b"{")[2].rstrip(b"}"), 0) % 16384
            return b"-MOVED %d %s\r\n" % (slot, self.node.encode())
        return b"*3\r\n:1\r\n:1\r\n:5\r\n"


def range_of(address: str) -> bytes:
    """All slots, as CLUSTER SLOTS has them."""
    host, _, port = address.rpartition(":")
    return b"*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n" % (len(host), host.encode(), port.encode())


def is_up(admin: Admin) -> bool:
    """As `gatehouse_store_up` tells it."""
    return "\ngatehouse_store_up 1\n" in admin.get("/metrics").body.decode()


def test_a_node_that_nobody_asks_is_forgotten_when_it_has_left(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """Although no call fails that would have the gateway look again."""
    dead = f"127.0.0.1:{quiet_port()}"
    moving = Moving(dead, b"")
    fake = FakeRedis(moving.answer)
    stack.callback(fake.stop)
    moving.slots = b"*2\r\n" + range_of(dead) + range_of(fake.address)
    running = gateway(config(fake.address, {"limit": "9/1h"}))
    admin = Admin(running)
    ask(running)
    wait_until(lambda: not is_up(admin), "that a node is missed")
    moving.slots = b"*1\r\n" + range_of(fake.address)
    wait_until(lambda: is_up(admin), "that it is missed no longer")
    assert [f"redis {dead} {what}" in line for what, line in
            zip(("is not available", "is no part of the cluster any more"), lines(running), strict=True)] == [True] * 2
    assert ask(running) == [200]


def test_a_cluster_gives_way_to_one_redis(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """At the address that is configured. What nodes it had is forgotten."""
    moving = Moving(f"127.0.0.1:{quiet_port()}", b"-ERR This instance has cluster support disabled\r\n")
    fake = FakeRedis(moving.answer)
    stack.callback(fake.stop)
    running = gateway(config({"redis": fake.address, "timeout": PATIENT, "on_failure": "deny"}, {"limit": "9/1h"}))
    ask(running)
    wait_until(lambda: ask(running) == [200], "that it is asked again")
    assert is_up(Admin(running))


def test_a_node_of_a_cluster_that_dies_takes_its_slots_along(cluster: Cluster, gateway: StartGateway) -> None:
    running = gateway(config({"redis": [node.address for node in cluster.nodes], "timeout": PATIENT, "on_failure": "allow"},
                             {"limit": "1/1h"}))
    clients = [f"X-Forwarded-For: 192.0.2.{i}\r\n" for i in range(12)]
    assert [ask(running, 1, client) for client in clients] == [[200]] * 12
    cluster.nodes[2].kill()
    wait_for_lines(running, 1)
    statuses = [ask(running, 1, client)[0] for client in clients]
    assert set(statuses) == {200, 429}


# What check and diff say, and what is tried out without a network.


KINDS = pytest.mark.parametrize("kind", ["rate_limit", "quota"])


def write(folder: Path, name: str, store: Any, limit: dict[str, Any] | None = None, kind: str = "rate_limit") -> Path:
    """A file of the configuration."""
    document = config("127.0.0.1:1", {"limit": "1/1d", **(limit or {})}, kind=kind) | {"store": store}
    (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return folder / name


@KINDS
@pytest.mark.parametrize(("before", "after", "line", "code"), [
    ("deny", "local", "open    all: KIND.on_failure: deny -> local", 4),
    ("local", "allow", "open    all: KIND.on_failure: local -> allow", 4),
    ("allow", "deny", "tight   all: KIND.on_failure: allow -> deny", 0),
    ("local", None, "open    all: KIND.store: redis -> local", 4),
    (None, "local", "tight   all: KIND.store: local -> redis", 0),
])
def test_diff_tells_what_becomes_weaker(tmp_path: Path, kind: str, before: str | None, after: str | None, line: str,
                                        code: int) -> None:
    files = [write(tmp_path, name, {"redis": "127.0.0.1:1", "on_failure": mode} if mode else "local", kind=kind)
             for name, mode in (("old.yaml", before), ("new.yaml", after))]
    done = run_command("diff", *files)
    assert done.returncode == code
    assert line.replace("KIND", kind) in done.stdout.splitlines()


@KINDS
def test_what_is_tried_out_asks_nobody(kind: str, stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """`explain` and `test` count for themselves, as if Redis were there."""
    fake = FakeRedis(lambda words: b"-ERR\r\n")
    stack.callback(fake.stop)
    path = write(tmp_path, "gatehouse.yaml", {"redis": fake.address, "on_failure": "deny"}, kind=kind)
    cases = tmp_path / "cases.yaml"
    cases.write_text(json.dumps({"cases": [{"name": "two", "request": {"url": "http://gw.test/"}, "repeat": 2,
                                            "meanwhile": {"status": 200}, "expect": {"status": 429}}]}), encoding="utf-8")
    assert run_command("test", "-c", path, cases).returncode == 0
    assert run_command("explain", "-c", path, "GET", "http://gw.test/").returncode == 0
    assert run_command("check", "-c", path).returncode == 0
    assert fake.connections == 0


def test_a_password_in_the_clear_is_warned_of(tmp_path: Path) -> None:
    for address, is_warned in (("127.0.0.1:1", False), ("unix:/run/redis.sock", False), ("10.0.0.1:6379", True)):
        done = run_command("check", "-c", write(tmp_path, "a.yaml", {"redis": address, "password": "s3cret"}))
        assert done.returncode == 0
        assert ("goes over the network in the clear" in done.stderr) == is_warned
        assert "s3cret" not in done.stderr


@pytest.mark.parametrize(("store", "limit", "words"), [
    ("remote", {}, "want local, or a map such as { redis: [HOST:PORT] }"),
    ({}, {}, 'needs "redis"'),
    ({"redis": ["127.0.0.1"]}, {}, "want host:port"),
    ({"redis": "127.0.0.1:1", "username": "a"}, {}, 'needs "password"'),
    ({"redis": "127.0.0.1:1", "prefix": "a{b}"}, {}, "want 1 to 64 letters"),
    ({"redis": "127.0.0.1:1", "on_failure": "ignore"}, {}, "on_failure"),
    ({"redis": "unix:/run/redis.sock", "tls": {}}, {}, "server_name"),
    ("local", {"store": "redis"}, "the configuration names no Redis"),
    ("local", {"on_failure": "deny"}, "only a limit that is counted on Redis"),
    ("local", {"sync": "1s"}, "only a limit that is counted on Redis"),
    ({"redis": "127.0.0.1:1"}, {"store": "local", "sync": "1s"}, "only a limit that is counted on Redis"),
])
def test_what_check_refuses(tmp_path: Path, store: Any, limit: dict[str, Any], words: str) -> None:
    done = run_command("check", "-c", write(tmp_path, "gatehouse.yaml", store, limit))
    assert done.returncode == 1
    assert words in done.stderr
