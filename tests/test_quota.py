# SPDX-License-Identifier: Apache-2.0
"""`quota` through the whole gateway: counts that outlive processes, and files that cannot be written.

Windows are months, so that hardly one ends during a test.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from admin import Admin
from gatehouse import Gateway, run_command
from simple import config, get
from test_replacement import wait_for_end
from upstream import Upstream
from wire import Answer, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

PROBLEM = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def having(endpoint: str, file: Path | None, number: int = 1000000, **options: Any) -> dict[str, Any]:
    """One API with a quota by address, and where its counts are kept."""
    policy = {"quota": {"limit": f"{number}/1mo", "by": "client_ip", **options}}
    document = config(endpoint, listener={"trusted_proxies": ["127.0.0.1"]}, api={"policies": [policy]})
    return {**document, "admin": {"address": "127.0.0.1:0"}, **({"quotas": {"file": str(file)}} if file else {})}


def ask(gateway: Gateway, times: int = 1, fields: str = "") -> list[Answer]:
    """So many answers, each on a connection of its own, so that any worker may get it."""
    answers = []
    for _ in range(times):
        with gateway.connect() as client:
            client.send(get(fields=f"Connection: close\r\n{fields}"))
            answers.append(client.read_answer())
    return answers


def left(gateway: Gateway, fields: str = "") -> int:
    """What one more request leaves."""
    answer, = ask(gateway, fields=fields)
    found = re.fullmatch(r'"quota";r=(\d+);t=\d+', answer.get("ratelimit") or "")
    assert found, answer
    return int(found[1])


def rows(file: Path) -> list[tuple[int, int, int]]:
    """What the file has."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as database:
        return database.execute("SELECT key, window, count FROM counts").fetchall()


def written(file: Path) -> int:
    """The sum of all counts; 0 while there is no table."""
    try:
        return sum(count for _, _, count in rows(file))
    except sqlite3.OperationalError:
        return 0


def wait_for_written(file: Path, count: int) -> None:
    """Until so much is in the file."""
    wait_until(lambda: written(file) == count, f"{count} in the file")


def test_two_workers_count_exactly(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    running = gateway(having(upstream().address, tmp_path / "quota.db", 100), workers=2)
    statuses: list[int] = []

    def client() -> None:
        for _ in range(10):
            with running.connect() as connection:
                for _ in range(20):
                    connection.send(get())
                    statuses.append(connection.read_answer().status)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (100, 700)
    wait_for_written(tmp_path / "quota.db", 100)
    assert Admin(running).metrics()["gatehouse_quota_evictions_total"] == 0


def test_what_a_client_is_told(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    running = gateway(having(upstream().address, tmp_path / "quota.db", 1, name="plan"))
    _, refused = ask(running, 2)
    assert refused.status == 429
    assert 0 < int(refused.get("retry-after") or 0) <= 31 * 86400
    assert re.fullmatch(r'"plan";q=1;w=\d{7}', refused.get("ratelimit-policy") or "")
    problem = json.loads(refused.body)
    assert problem.pop("instance")
    assert problem == {"type": PROBLEM, "title": "Quota Exceeded", "status": 429, "detail": "The quota is used up.",
                       "violated-policies": ["plan"]}
    assert {str(entry.get("reason")) for entry in running.wait_for_log(2)} == {"None", "quota_exceeded"}


def test_counts_outlive_a_restart(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """And a reload that changes the number; no address is in the file."""
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 10), workers=2)
    ask(running, 7, "X-Forwarded-For: 192.0.2.77\r\n")
    running.stop()
    assert written(file) == 7
    assert b"192.0.2.77" not in file.read_bytes()
    running = gateway(having(address, file, 10), workers=2)
    assert left(running, "X-Forwarded-For: 192.0.2.77\r\n") == 2
    assert left(running, "X-Forwarded-For: 192.0.2.78\r\n") == 9
    assert "in force" in running.reload(having(address, file, 100))
    assert left(running, "X-Forwarded-For: 192.0.2.77\r\n") == 91
    assert "in force" in running.reload(having(address, file, 5))
    assert ask(running, fields="X-Forwarded-For: 192.0.2.77\r\n")[0].status == 429


def test_a_killed_process_loses_no_more_than_its_last_second(upstream: StartUpstream, gateway: StartGateway,
                                                            tmp_path: Path) -> None:
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 100))
    ask(running, 7)
    wait_for_written(file, 7)
    ask(running, 3)
    running.kill()
    assert 90 - 1 <= left(gateway(having(address, file, 100))) <= 93 - 1


def test_a_replacement_loses_nothing_and_counts_nothing_twice(upstream: StartUpstream, gateway: StartGateway,
                                                              tmp_path: Path) -> None:
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file), workers=2)
    is_over = threading.Event()
    counts = [0] * 4

    def client(number: int) -> None:
        while not is_over.is_set():
            with running.connect() as connection:
                for _ in range(10):
                    connection.send(get())
                    answer = connection.read_answer()
                    assert answer.status == 200
                    counts[number] += 1
                    if answer.get("connection") == "close":
                        break

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = sum(counts)
        old = running.replace()
        wait_for_end(old)
        wait_until(lambda before=before: sum(counts) > before + 100, "more requests")
    is_over.set()
    for thread in threads:
        thread.join()
    wait_for_written(file, sum(counts))
    assert left(running) == 1000000 - sum(counts) - 1


def test_a_file_that_is_none(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """It is told once and left as it is; when it is taken away, all that was counted goes into a new one."""
    file = tmp_path / "quota.db"
    file.write_bytes(b"this is not a database\n" * 500)
    running = gateway(having(upstream().address, file, 10))
    told = running.wait_for_message("counts of quotas are not written")
    assert str(file) in told and "file is not a database" in told
    assert [answer.status for answer in ask(running, 12)] == [200] * 10 + [429] * 2
    assert file.read_bytes() == b"this is not a database\n" * 500
    file.unlink()
    running.wait_for_message("counts of quotas are written again")
    wait_for_written(file, 10)
    assert running.errors.count("counts of quotas are not written") == 1


def test_a_file_of_another_version(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """Whose keys are hashed in another way: nothing in it can be found, and nothing is added."""
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 10))
    ask(running, 1)
    running.stop()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE place SET hash = hash + 1")
    running = gateway(having(address, file, 10))
    running.wait_for_message("it was written by another version: counts of quotas are not written")
    assert left(running) == 9
    running.stop()
    assert written(file) == 1


def test_a_file_that_is_damaged_later(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    address, file = upstream().address, tmp_path / "quota.db"
    gateway(having(address, file, 100)).stop()
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    running = gateway(having(address, file, 10))
    running.wait_for_message("counts of quotas are not written")
    assert [answer.status for answer in ask(running, 12)] == [200] * 10 + [429] * 2


def test_a_file_that_is_locked(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """Requests are not kept waiting; what they counted is written when it can be."""
    file = tmp_path / "quota.db"
    running = gateway(having(upstream().address, file, 10))
    ask(running, 2)
    wait_for_written(file, 2)
    with sqlite3.connect(file, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        assert [answer.status for answer in ask(running, 4)] == [200] * 4
        running.wait_for_message("database is locked: counts of quotas are not written")
        assert [answer.status for answer in ask(running, 6)] == [200] * 4 + [429] * 2
        database.execute("COMMIT")
    running.wait_for_message("counts of quotas are written again")
    wait_for_written(file, 10)


def test_a_file_that_is_removed(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """While it is in use: all that was counted goes into a new one."""
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 10))
    ask(running, 2)
    wait_for_written(file, 2)
    for part in tmp_path.glob("quota.db*"):
        part.unlink()
    ask(running, 1)
    told = running.wait_for_message("it was removed or replaced")
    wait_for_written(file, 3)
    running.stop()
    assert str(file) in told and running.errors.count("it was removed or replaced") == 1
    assert left(gateway(having(address, file, 10))) == 6


def test_where_nothing_can_be_written(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """A folder that is not there, which is made later."""
    file = tmp_path / "later" / "quota.db"
    running = gateway(having(upstream().address, file, 10))
    running.wait_for_message("unable to open database file")
    assert [answer.status for answer in ask(running, 3)] == [200] * 3
    file.parent.mkdir()
    wait_for_written(file, 3)


def test_a_full_disk(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    """As the system says it of files that may not grow."""
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 10), prefix=("prlimit", "--fsize=8192"))
    running.wait_for_message("counts of quotas are not written")
    assert [answer.status for answer in ask(running, 12)] == [200] * 10 + [429] * 2


def test_another_file_after_a_reload(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    address = upstream().address
    running = gateway(having(address, None, 10))
    ask(running, 4)
    assert "in force" in running.reload(having(address, tmp_path / "quota.db", 10))
    wait_for_written(tmp_path / "quota.db", 4)
    running.stop()
    assert left(gateway(having(address, tmp_path / "quota.db", 10))) == 5


def test_windows_that_are_over_are_removed(upstream: StartUpstream, gateway: StartGateway, tmp_path: Path) -> None:
    address, file = upstream().address, tmp_path / "quota.db"
    running = gateway(having(address, file, 10))
    ask(running, 1)
    running.stop()
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO counts VALUES (1, 1000000, 5)")
    gateway(having(address, file, 10)).stop()
    assert [count for _, _, count in rows(file)] == [1]


def test_check_warns_where_nothing_is_kept(tmp_path: Path) -> None:
    for file, want in ((None, "counts begin afresh when the gateway is started again"), (tmp_path / "q.db", "")):
        (tmp_path / "gatehouse.yaml").write_text(json.dumps(having("127.0.0.1:1", file)), encoding="utf-8")
        told = run_command("check", cwd=tmp_path)
        assert told.returncode == 0
        assert want in told.stderr if want else "quota" not in told.stderr
    assert not (tmp_path / "q.db").exists()
