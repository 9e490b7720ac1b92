# SPDX-License-Identifier: Apache-2.0
"""`quota` that several gateways count together, over a real redis-server: exactness, windows by its clock, what outlives
what, and what holds when it is not there.

Windows are months, so that hardly one ends during a test.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway, faked_clock, run_command
from redis_peers import Cluster, FakeRedis, Redis
from simple import get
from test_quota import wait_for_written, written
from test_redis import PATIENT, write
from test_redis import config as limited
from wire import Answer, wait_until

StartGateway = Callable[..., Gateway]
StartRedis = Callable[..., Redis]

DAY = 86400


def config(store: str | dict[str, Any], *quotas: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One API that answers itself, behind these quotas by address."""
    return limited(store, *quotas, kind="quota", **more)


def answers(gateway: Gateway, times: int = 1, fields: str = "") -> list[Answer]:
    """So many, each on a connection of its own, so that any worker may give it."""
    given = []
    for _ in range(times):
        with gateway.connect() as client:
            client.send(get("/", f"Connection: close\r\n{fields}"))
            given.append(client.read_answer())
    return given


def ask(gateway: Gateway, times: int = 1, fields: str = "") -> list[int]:
    """Their statuses."""
    return [answer.status for answer in answers(gateway, times, fields)]


def wait_until_down(gateway: Gateway) -> None:
    """Until it has said so."""
    gateway.wait_for_message("is not available")


def count_of(server: Redis) -> int:
    """What the only key has."""
    key, = server.keys()
    return int(server.cli("get", key).partition(":")[2])


def first_of_next_month(now: int) -> int:
    """As Python has it."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC).replace(day=1, hour=0, minute=0, second=0)
    return int((day + datetime.timedelta(days=32)).replace(day=1).timestamp())


# Exactness, and what is told.


def test_gateways_admit_the_limit_together_whatever_their_clocks_say(redis: StartRedis, gateway: StartGateway) -> None:
    """Three of them with two workers each, whose clocks are five seconds apart; one of them in another month."""
    server = redis()
    wanted = config(server.address, {"limit": "100/1mo"})
    gateways = [gateway(wanted, workers=2, env=faked_clock(offset)) for offset in (-5, 0, 5, 40 * DAY)]
    statuses: list[int] = []

    def client(running: Gateway) -> None:
        with running.connect() as connection:
            for _ in range(50):
                connection.send(get())
                statuses.append(connection.read_answer().status)

    threads = [threading.Thread(target=client, args=(running,)) for running in gateways for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (100, 500)
    assert count_of(server) == 100


def test_what_is_told_is_by_its_clock(redis: StartRedis, gateway: StartGateway) -> None:
    """The gateway's is in another month; and the key goes a minute after the window has ended."""
    server = redis()
    running = gateway(config(server.address, {"limit": "2/1mo"}), env=faked_clock(40 * DAY))
    given = answers(running, 3)
    left = first_of_next_month(int(time.time())) - time.time()
    assert [answer.status for answer in given] == [200, 200, 429]
    assert re.fullmatch(r'"quota";q=2;w=\d{7}', given[0].get("ratelimit-policy") or "")
    told = [int(re.fullmatch(rf'"quota";r={rest};t=(\d+)', answer.get("ratelimit") or "")[1])  # type: ignore[index]
            for answer, rest in zip(given, (1, 0, 0), strict=True)]
    assert all(left <= seconds <= left + 60 for seconds in told)
    assert given[2].get("retry-after") == str(told[2])
    key, = server.keys()
    assert left + 50 <= int(server.cli("ttl", key)) <= left + 120
    assert {str(entry.get("reason")) for entry in running.wait_for_log(3)} == {"respond", "quota_exceeded"}


def test_no_clock_and_nothing_of_a_request_goes_over_the_wire(stack: contextlib.ExitStack, gateway: StartGateway) -> None:
    """What Redis sees: one command, with a key of 22 characters and numbers that are the quota's."""
    fake = FakeRedis(lambda words: b"*4\r\n:1\r\n:9\r\n:1775001600\r\n:5000000\r\n")
    stack.callback(fake.stop)
    running = gateway(config(fake.address, {"limit": "10/1mo", "by": "header:X-API-Key"}))
    answer, = answers(running, 1, "X-API-Key: very-secret\r\n")
    assert (answer.status, answer.get("ratelimit")) == (200, '"quota";r=9;t=5')
    assert answer.get("ratelimit-policy") == '"quota";q=10;w=2678400'
    command, = (words for words in fake.commands if words[0] == b"EVALSHA" and b"gateways" not in words[3])
    assert re.fullmatch(rb"gatehouse:\{[A-Za-z0-9_-]{22}\}", command[3])
    assert command[2] == b"1"
    assert command[4:] == [b"0", b"10", b"1", b"0"]
    assert b"very-secret" not in b" ".join(b" ".join(words) for words in fake.commands)


def test_who_a_later_limit_refuses_gets_back_what_an_earlier_one_took(redis: StartRedis, gateway: StartGateway) -> None:
    running = gateway(config(redis().address, {"limit": "10/1mo", "name": "wide"}, {"limit": "2/365d", "name": "narrow"}))
    assert ask(running, 5) == [200, 200, 429, 429, 429]
    answer, = answers(running)
    assert (answer.get("ratelimit") or "").startswith('"wide";r=8;')


def test_another_number_goes_on(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config(server.address, {"limit": "5/1mo"}))
    assert ask(running, 4) == [200] * 4
    assert "in force" in running.reload(config(server.address, {"limit": "6/1mo"}))
    assert ask(running, 3) == [200, 200, 429]
    assert "in force" in running.reload(config(server.address, {"limit": "3/1mo"}))
    assert ask(running) == [429]


def test_counts_outlive_all_gateways(redis: StartRedis, gateway: StartGateway) -> None:
    wanted = config(redis().address, {"limit": "5/1mo"})
    running = gateway(wanted, workers=2)
    assert ask(running, 3, "X-Forwarded-For: 192.0.2.1\r\n") == [200] * 3
    running.stop()
    running = gateway(wanted, workers=2)
    assert ask(running, 3, "X-Forwarded-For: 192.0.2.1\r\n") == [200, 200, 429]
    assert ask(running, 1, "X-Forwarded-For: 192.0.2.2\r\n") == [200]


def test_a_cluster_is_followed(cluster: Cluster, gateway: StartGateway) -> None:
    """Keys of clients lie with three nodes, of which one is configured."""
    running = gateway(config(cluster.nodes[0].address, {"limit": "2/1mo"}), workers=2)
    for i in range(20):
        assert ask(running, 3, f"X-Forwarded-For: 192.0.2.{i}\r\n") == [200, 200, 429]
    assert len(cluster.keys()) == 20
    assert all(node.keys() for node in cluster.nodes)


# Windows, by the script itself.


@pytest.fixture
def script(stack: contextlib.ExitStack, gateway: StartGateway) -> str:
    """What the gateway sends to a server that does not have it, but that the time is told: seconds, microseconds."""
    fake = FakeRedis(lambda words: b"-NOSCRIPT\r\n" if words[0] == b"EVALSHA" else b"*1\r\n:1\r\n")
    stack.callback(fake.stop)
    ask(gateway(config(fake.address, {"limit": "10/1mo"})))
    source, = {words[1].decode() for words in fake.commands if words[0] == b"EVAL" and b"gateways" not in words[3]}
    assert source.count("redis.call('TIME')") == 1
    return source.replace("redis.call('TIME')", "{ ARGV[5], ARGV[6] }")


def evaluate(server: Redis, script: str, now: float, cost: int = 0, period: int = 0, of: int = 0) -> list[int]:
    """Whether it is admitted, what is left of ten, the window's end, and the microseconds until then."""
    numbers = (period, 10, cost, of, int(now), round(now % 1 * 1000000))
    return [int(number) for number in server.cli("eval", script, "1", "k", *map(str, numbers)).split()]


def test_months_are_those_of_the_calendar(redis: StartRedis, script: str) -> None:
    """All of 131 years at their edges, in one call: leap years, and 2100, which is none."""
    server = redis()
    edges = [first_of_next_month(0)]
    while len(edges) < 131 * 12:
        edges.append(first_of_next_month(edges[-1]))
    times = [edge + offset for edge in edges for offset in (-86400, -1, 0)]
    body = re.sub(r"^local time = .*\n", "", script)
    looped = ("local all = {}\nfor i = 1, #ARGV do\nlocal answer = (function(time, ARGV)\n" + body +
              "end)({ ARGV[i], 0 }, { '0', '10', '0', '0' })\nall[i] = answer[3]\nend\nreturn all\n")
    ends = [int(end) for end in server.cli("eval", looped, "1", "k", *map(str, times)).split()]
    assert ends == [first_of_next_month(now) for now in times]


def test_a_window_ends_and_another_begins(redis: StartRedis, script: str) -> None:
    server = redis()
    end = 1772323200  # 2026-03-01
    assert evaluate(server, script, end - 0.25, 7) == [1, 3, end, 250000]
    assert evaluate(server, script, end - 0.25, 4) == [0, 3, end, 250000]
    assert evaluate(server, script, end - 0.25, 3) == [1, 0, end, 250000]
    assert evaluate(server, script, end, 0) == [1, 10, end + 31 * DAY, 31 * DAY * 1000000]
    assert server.cli("get", "k") == f"{end}:10"  # who only looks writes nothing
    assert evaluate(server, script, end, 4) == [1, 6, end + 31 * DAY, 31 * DAY * 1000000]
    assert int(server.cli("ttl", "k")) in range(31 * DAY, 31 * DAY + 61)
    assert evaluate(server, script, 100 * DAY - 1, 1, DAY) == [1, 9, 100 * DAY, 1000000]
    assert evaluate(server, script, 100 * DAY, 1, 30 * DAY) == [1, 9, 120 * DAY, 20 * DAY * 1000000]


def test_a_window_that_has_begun_goes_on_when_the_clock_is_put_back(redis: StartRedis, script: str) -> None:
    """Over its beginning, and not over more than one."""
    server = redis()
    march, april, may = 1772323200, 1775001600, 1777593600
    assert evaluate(server, script, march, 7) == [1, 3, april, 31 * DAY * 1000000]
    assert evaluate(server, script, march - 5, 4) == [0, 3, april, 31 * DAY * 1000000]
    assert evaluate(server, script, march - 5, 2) == [1, 1, april, 31 * DAY * 1000000]
    assert evaluate(server, script, march - 5, -1, of=april)[:3] == [1, 2, april]
    assert evaluate(server, script, march + 1, 2)[:3] == [1, 0, april]
    assert evaluate(server, script, april, 3)[:3] == [1, 7, may]
    assert evaluate(server, script, march - 5, 1)[:3] == [1, 9, march]
    assert evaluate(server, script, 100 * DAY, 7, DAY) == [1, 3, 101 * DAY, DAY * 1000000]
    assert evaluate(server, script, 100 * DAY - 1, 3, DAY) == [1, 0, 101 * DAY, DAY * 1000000]


def test_only_of_its_own_window_something_is_given_back(redis: StartRedis, script: str) -> None:
    server = redis()
    end = 1772323200
    assert evaluate(server, script, end - 1, 7)[:2] == [1, 3]
    assert evaluate(server, script, end - 1, -2, of=end)[:2] == [1, 5]
    assert evaluate(server, script, end, 4)[:2] == [1, 6]
    assert evaluate(server, script, end, -2, of=end)[:2] == [1, 6]
    assert evaluate(server, script, end, -9, of=end + 31 * DAY)[:2] == [1, 10]  # and never more than there is
    assert evaluate(server, script, end, 9223372036854775807)[:2] == [0, 10]


def test_what_is_no_count_counts_nothing(redis: StartRedis, script: str) -> None:
    server = redis()
    for value in ("", "x", "1772323200", "1772323200:", "1772323200:x", ":5", "1772323200:5x"):
        server.cli("set", "k", value)
        assert evaluate(server, script, 1772323199, 1)[:2] == [1, 9]


# When it is not there.


@pytest.mark.parametrize(("mode", "wanted"), [("local", {200: 3, 429: 5}), ("allow", {200: 8}), ("deny", {503: 8})])
def test_what_holds_without_redis(redis: StartRedis, gateway: StartGateway, mode: str, wanted: dict[int, int]) -> None:
    """It is there, is killed, and comes back, with nothing in it."""
    server = redis()
    running = gateway(config({"redis": server.address, "on_failure": mode, "timeout": PATIENT}, {"limit": "3/1mo"}), workers=2)
    assert ask(running, 4) == [200, 200, 200, 429]
    running.wait_for_log(4)  # workers write in any order
    server.kill()
    wait_until_down(running)
    statuses = ask(running, 8)
    assert {status: statuses.count(status) for status in set(statuses)} == wanted
    reasons = {str(entry.get("reason")) for entry in running.wait_for_log(12)[4:]}
    assert reasons == {"local": {"respond", "quota_exceeded"}, "allow": {"respond"}, "deny": {"limit_unavailable"}}[mode]
    server.start()
    running.wait_for_message("is available again")
    assert ask(running, 4) == [200, 200, 200, 429]


def test_a_share_is_what_so_many_gateways_leave(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    gateways = [gateway(config(server.address, {"limit": "9/1mo"})) for _ in range(3)]
    for running in gateways:
        wait_until(lambda one=running: Admin(one).metrics()["gatehouse_store_gateways"] == 3, "the gateways")
    server.kill()
    for running in gateways:
        wait_until_down(running)
        assert sorted(ask(running, 6)) == [200] * 3 + [429] * 3


def test_the_file_keeps_what_redis_does_not(redis: StartRedis, gateway: StartGateway, tmp_path: Path) -> None:
    """Nothing of what Redis counts; shares while it is away, over a restart; and a quota that says `store: local`."""
    server, file = redis(), tmp_path / "quota.db"
    wanted = config({"redis": server.address, "timeout": PATIENT}, {"limit": "10/1mo"}, quotas={"file": str(file)})
    running = gateway(wanted)
    assert ask(running, 4) == [200] * 4
    server.kill()
    wait_until_down(running)
    assert ask(running, 3) == [200] * 3
    wait_for_written(file, 3)
    running.stop()
    assert written(file) == 3
    running = gateway(wanted)
    wait_until_down(running)
    assert ask(running, 8) == [200] * 7 + [429]
    running.stop()
    running = gateway(config(server.address, {"limit": "10/365d", "store": "local"}, quotas={"file": str(file)}))
    assert ask(running, 11) == [200] * 10 + [429]
    wait_for_written(file, 20)


def test_redis_that_stands_still_holds_nobody_up_for_long(redis: StartRedis, gateway: StartGateway) -> None:
    server = redis()
    running = gateway(config({"redis": server.address, "timeout": "300ms", "on_failure": "allow"}, {"limit": "3/1mo"}))
    assert ask(running) == [200]
    server.freeze()
    assert ask(running, 6) == [200] * 6
    wait_until_down(running)
    skipped = 'gatehouse_store_calls_total{outcome="skipped"}'
    before = Admin(running).metrics()[skipped]
    assert ask(running, 20) == [200] * 20
    assert 20 <= Admin(running).metrics()[skipped] - before <= 25  # the census is a call, too
    server.thaw()
    running.wait_for_message("is available again")


@pytest.mark.parametrize("answer", [
    b"+OK\r\n", b"*3\r\n:1\r\n:1\r\n:1775001600\r\n", b"*4\r\n:1\r\n:1\r\n:1775001601\r\n:5\r\n",
    b"*4\r\n:1\r\n:4\r\n:1775001600\r\n:5\r\n", b"*4\r\n:7\r\n:1\r\n:1775001600\r\n:5\r\n",
    b"*4\r\n:1\r\n:1\r\n:9223372036854775807\r\n:5\r\n", b"*4\r\n:1\r\n:1\r\n:1775001600\r\n:-5\r\n", b"-ERR no\r\n", None])
def test_whatever_it_answers(stack: contextlib.ExitStack, gateway: StartGateway, answer: bytes | None) -> None:
    fake = FakeRedis(lambda words: answer)
    stack.callback(fake.stop)
    running = gateway(config({"redis": fake.address, "timeout": PATIENT, "on_failure": "deny"}, {"limit": "3/1mo"}))
    assert ask(running, 3) == [503] * 3


# What check says; what both kinds of limits have in common is in test_redis.py.


@pytest.mark.parametrize(("store", "quota", "is_warned"), [
    ("local", {}, True),
    ({"redis": "127.0.0.1:1"}, {}, False),
    ({"redis": "127.0.0.1:1"}, {"store": "redis"}, False),
    ({"redis": "127.0.0.1:1"}, {"store": "local"}, True),
])
def test_check_warns_where_nothing_is_kept(tmp_path: Path, store: Any, quota: dict[str, Any], is_warned: bool) -> None:
    done = run_command("check", "-c", write(tmp_path, "gatehouse.yaml", store, quota, "quota"))
    assert done.returncode == 0
    assert ("counts begin afresh when the gateway is started again" in done.stderr) == is_warned


@pytest.mark.parametrize(("store", "quota", "words"), [
    ("local", {"store": "redis"}, "the configuration names no Redis"),
    ("local", {"on_failure": "deny"}, "only a limit that is counted on Redis"),
    ({"redis": "127.0.0.1:1"}, {"store": "local", "on_failure": "deny"}, "only a limit that is counted on Redis"),
])
def test_what_check_refuses(tmp_path: Path, store: Any, quota: dict[str, Any], words: str) -> None:
    done = run_command("check", "-c", write(tmp_path, "gatehouse.yaml", store, quota, "quota"))
    assert done.returncode == 1
    assert words in done.stderr
