# SPDX-License-Identifier: Apache-2.0
"""Another process takes over the sockets: of which no client may notice anything."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from admin import Admin
from gatehouse import Gateway, binary, config_for
from held import all_but_the_first
from test_reload import said, says
from torture import Torture
from upstream import OK_ANSWER, Upstream
from wire import Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]
WORKERS = pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.workers)])
CONTAINER = ["unshare", "--pid", "--fork", "--kill-child"]
GET = b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n"


def is_there(pid: int) -> bool:
    """Whether the process runs; one that has ended may be waited for still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    """Until it has gone by itself."""
    wait_until(lambda: not is_there(pid), f"process {pid} to end")


@WORKERS
def test_another_process_serves_at_the_same_place(gateway: StartGateway, workers: int) -> None:
    running = gateway(says("one", workers=workers))
    port = running.port()
    for number in range(3):  # the second one is replaced by the third
        running.write_config(says(f"process {number}", workers=workers))
        old = running.replace()
        assert running.pid != old
        wait_for_end(old)
        assert {said(running) for _ in range(4)} == {f"process {number}"}
        assert running.port() == port
    assert "generation 2 in force" in running.reload(says("reloaded", workers=workers))
    assert said(running) == "reloaded"


def test_a_request_under_way_is_answered_by_the_old_one(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_answer = threading.Event()

    def slow(request: Request) -> bytes:
        may_answer.wait(20)
        return OK_ANSWER

    service = upstream(slow)
    running = gateway(config_for(service))
    with running.connect() as client:
        client.send(GET)
        wait_until(lambda: service.requests, "the upstream to be asked")
        running.write_config(says("new"))
        old = running.replace()
        assert said(running) == "new"
        assert is_there(old)
        may_answer.set()
        answer = client.read_answer()
        assert answer.body == b"ok\n" and answer.get("connection") == "close"
        assert client.is_closed_by_server()
    wait_for_end(old)


def test_an_idle_client_may_ask_once_more(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    with running.connect() as client, running.connect() as silent:
        client.send(GET)
        assert client.read_answer().get("connection") is None
        old = running.replace()
        time.sleep(0.1)
        client.send(GET)
        answer = client.read_answer()
        assert answer.status == 200 and answer.get("connection") == "close"
        assert client.is_closed_by_server()
        silent.send(GET)  # a connection on which nothing was said before
        assert silent.read_answer().get("connection") == "close"
    wait_for_end(old)


def test_one_that_was_replaced_stops_by_a_signal(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    with running.connect() as idle:
        idle.send(GET)
        idle.read_answer()
        old = running.replace()
        time.sleep(0.1)
        assert is_there(old)
        os.kill(old, signal.SIGTERM)
        wait_for_end(old)
        assert idle.is_closed_by_server()
    assert said(running) == "one"


BROKEN = {
    "not there": None,
    "no program": "nonsense",
    "ends at once": "#!/bin/sh\nexit 1\n",
    "ends later": "#!/bin/sh\nsleep 0.3\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_program_that_does_not_start_leaves_the_old_one(gateway: StartGateway, tmp_path: Path, monkeypatch: Any,
                                                          name: str) -> None:
    program = tmp_path / "gatehouse"
    shutil.copy(binary(), program)
    monkeypatch.setenv("GATEHOUSE", str(program))
    running = gateway(says("one"))
    text = BROKEN[name]
    program.rename(tmp_path / "moved")
    if text is not None:
        program.write_text(text)
        program.chmod(0o755)
    running.send_signal(signal.SIGUSR2)
    running.wait_for_message("this one goes on")
    assert said(running) == "one"
    assert "generation 2 in force" in running.reload(says("two"))
    program.unlink(missing_ok=True)
    shutil.copy(tmp_path / "moved", program)  # the next release is better
    old = running.replace()
    wait_for_end(old)
    assert said(running) == "two"


def test_a_configuration_with_errors_leaves_the_old_one(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    running.write_config("nonsense: 1\n")
    running.send_signal(signal.SIGUSR2)
    running.wait_for_message("ended before it served; this one goes on")
    assert "nonsense: unknown key" in running.errors
    assert said(running) == "one"


def test_a_second_signal_starts_no_second_process(gateway: StartGateway, tmp_path: Path, monkeypatch: Any) -> None:
    program = tmp_path / "gatehouse"
    shutil.copy(binary(), program)
    monkeypatch.setenv("GATEHOUSE", str(program))
    running = gateway(says("one"))
    program.rename(tmp_path / "moved")
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    running.send_signal(signal.SIGUSR2)
    running.wait_for_message("is starting")
    running.send_signal(signal.SIGUSR2)
    running.wait_for_message("SIGUSR2 while another process is starting: nothing is done")
    assert said(running) == "one"
    running.stop()  # and with it the other
    assert [line.endswith("is starting") for line in running.messages.snapshot()].count(True) == 1


def test_a_reload_waits_for_what_comes_of_it(gateway: StartGateway, tmp_path: Path, monkeypatch: Any) -> None:
    """However it is asked for: the other process may have read the files already. Where it gets nowhere, it is the reload's
    turn."""
    program = tmp_path / "gatehouse"
    shutil.copy(binary(), program)
    monkeypatch.setenv("GATEHOUSE", str(program))
    running = gateway({**says("one"), "admin": {"address": "127.0.0.1:0"}}, arguments=["--watch"])
    admin = Admin(running)
    program.rename(tmp_path / "moved")
    program.write_text("#!/bin/sh\nread line < " + str(tmp_path / "fifo") + "\n")
    program.chmod(0o755)
    os.mkfifo(tmp_path / "fifo")
    running.send_signal(signal.SIGUSR2)
    running.wait_for_message("is starting")
    running.write_config({**says("two"), "admin": {"address": "127.0.0.1:0"}})
    running.send_signal(signal.SIGHUP)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(lambda: admin.post("/v1/reload").status)
        time.sleep(1.5)  # --watch as well has seen it
        assert said(running) == "one" and not asked.done()
        (tmp_path / "fifo").write_text("\n")
        assert asked.result() == 200
    running.wait_for_message("ended before it served; this one goes on")
    assert said(running) == "two"


@WORKERS
def test_listeners_may_differ(gateway: StartGateway, workers: int) -> None:
    document = says("one", workers=workers)
    document["listeners"]["gone"] = {"address": "127.0.0.1:0"}
    running = gateway(document)
    gone = running.address("gone")
    document = says("two", workers=workers)
    document["listeners"]["come"] = {"address": "127.0.0.1:0"}
    running.write_config(document)
    old = running.replace()
    wait_for_end(old)
    assert said(running) == "two"
    line = running.wait_for_message("listener come listening on ")
    running.addresses["come"] = ("127.0.0.1", int(line.rpartition(":")[2]))
    assert said(running, "come") == "two"
    running.wait_for_message("inherited socket \"gone\": no listener has its name or address: closed")
    with pytest.raises(ConnectionRefusedError):
        running.addresses["gone"] = gone
        running.get(listener="gone")


@pytest.mark.workers
@pytest.mark.parametrize("workers", [(1, 3), (3, 1)])
def test_the_number_of_workers_may_differ(gateway: StartGateway, workers: tuple[int, int]) -> None:
    running = gateway(says("one", workers=workers[0]))
    running.write_config(says("two", workers=workers[1]))
    wait_for_end(running.replace())
    assert {said(running) for _ in range(20)} == {"two"}


def test_who_waits_at_a_socket_that_goes_is_let_in(gateway: StartGateway) -> None:
    """Of four workers' sockets one is taken over; at all of them clients wait."""
    running = gateway(says("one", workers=4))
    running.write_config(says("two", workers=1))
    with ThreadPoolExecutor() as pool, contextlib.ExitStack() as waiting:
        with all_but_the_first(running):
            clients = [waiting.enter_context(running.connect()) for _ in range(64)]
            for client in clients:
                client.send(GET)
            replaced = pool.submit(running.replace)
            wait_until(lambda: running.errors.count("listener main listening") == 2, "the other process")
        assert {client.read_answer().status for client in clients} == {200}
    wait_for_end(replaced.result())


def test_the_first_process_of_a_container_stays(gateway: StartGateway) -> None:
    """All others would end with it."""
    if subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces may be made here")
    running = gateway(says("one"), prefix=CONTAINER)
    gatehouse = int(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text())
    os.kill(gatehouse, signal.SIGUSR2)
    wait_until(lambda: "the first process of a container cannot be replaced" in running.errors, "the refusal")
    assert said(running) == "one"
    os.kill(gatehouse, signal.SIGTERM)


@WORKERS
def test_unix_sockets_are_handed_over(gateway: StartGateway, tmp_path: Path, workers: int) -> None:
    path = tmp_path / "gw.sock"
    document = says("one", workers=workers)
    document["listeners"]["odd:näme,100%"] = {"address": f"unix:{path}"}
    running = gateway(document)
    inode = path.stat().st_ino
    for number in range(3):
        running.write_config({**document, **{"apis": says(str(number))["apis"]}})
        wait_for_end(running.replace())
        running.addresses["local"] = str(path)
        assert said(running, "local") == str(number)
    assert path.stat().st_ino == inode


def test_nothing_is_left_open(gateway: StartGateway) -> None:
    """A process knows what it was given and nothing else: not the pipes, the logs, the connections of the old one."""
    running = gateway(says("one", log={"access": {"to": "file:access.log"}}))
    counts = []
    for _ in range(4):
        with running.connect() as client:
            client.send(GET)
            client.read_answer()
            old = running.replace()
        wait_for_end(old)
        counts.append(len(os.listdir(f"/proc/{running.pid}/fd")))
    assert len(set(counts)) == 1, counts
    environment = Path(f"/proc/{running.pid}/environ").read_bytes()
    assert environment.count(b"GATEHOUSE_SOCKETS=") == 1
    assert environment.count(b"GATEHOUSE_READY=") == 1


@pytest.mark.slow
@WORKERS
def test_replacements_under_load(tmp_path: Path, workers: int) -> None:
    run = Torture(tmp_path, rate=200, streams=10, workers=workers)
    try:
        run.run(run.replace, changes=4, seconds=4)
    finally:
        failures = run.stop()
    assert not failures
    assert sum(run.load.answered) > 100
