# SPDX-License-Identifier: Apache-2.0
"""What systemd and the gateway say to each other: sockets, readiness, and the unit files under deploy/."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse import TOP, Gateway, binary
from peers import free_port
from test_replacement import wait_for_end
from test_reload import said, says

StartGateway = Callable[..., Gateway]
WORKERS = pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.workers)])
UNITS = TOP / "deploy" / "systemd"

needs_activate = pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd is missing")
needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is missing")


# Sockets.


def knock(listen: str, stop: threading.Event) -> None:
    """Connects, as soon as there is something to connect to."""
    host, _, port = listen.rpartition(":")
    while not stop.is_set():
        with socket.socket(socket.AF_UNIX if listen[0] == "/" else socket.AF_INET) as sock:
            if sock.connect_ex(listen if listen[0] == "/" else (host, int(port))) == 0:
                stop.wait(30)
        stop.wait(0.05)


def activated(gateway: StartGateway, config: object, listen: str, *options: str, workers: int = 1) -> Gateway:
    """A gateway that is started by the first connection to a socket that was bound for it."""
    stop = threading.Event()
    knocking = threading.Thread(target=knock, args=(listen, stop))
    knocking.start()
    try:
        return gateway(config, workers=workers, prefix=["systemd-socket-activate", "-l", listen, *options])
    finally:
        stop.set()
        knocking.join()


@needs_activate
@WORKERS
def test_a_socket_belongs_to_the_listener_of_its_name(gateway: StartGateway, workers: int) -> None:
    port = free_port()
    document = says("x", workers=workers)
    document["listeners"] = {"other": {"address": "127.0.0.1:0"}, "main": {"address": "127.0.0.1:1"}}
    running = activated(gateway, document, f"127.0.0.1:{port}", "--fdname=main", workers=workers)
    assert running.port("main") == port
    assert {said(running, "main") for _ in range(8)} == {"x"}
    assert said(running, "other") == "x"


@needs_activate
def test_a_socket_belongs_to_the_listener_at_its_address(gateway: StartGateway) -> None:
    port = free_port()
    document = says("x")
    document["listeners"]["main"]["address"] = f"127.0.0.1:{port}"
    running = activated(gateway, document, f"127.0.0.1:{port}")
    assert said(running) == "x"
    assert "inherited socket" not in running.errors


@needs_activate
def test_a_unix_socket_stays_systemds(gateway: StartGateway, tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    document = says("x")
    document["listeners"]["local"] = {"address": f"unix:{path}"}
    running = activated(gateway, document, str(path))
    running.addresses["local"] = str(path)
    assert said(running, "local") == "x"
    del document["listeners"]["local"]
    assert "in force" in running.reload(document)
    assert path.exists()


@needs_activate
def test_a_socket_that_nobody_wants_is_told(gateway: StartGateway) -> None:
    running = activated(gateway, says("x"), f"127.0.0.1:{free_port()}", "--fdname=nobody")
    running.wait_for_message('inherited socket "nobody": no listener has its name or address: closed')
    assert said(running) == "x"


@needs_activate
@WORKERS
def test_a_socket_outlives_the_process_that_it_was_made_for(gateway: StartGateway, workers: int) -> None:
    port = free_port()
    document = says("one", workers=workers)
    document["listeners"]["main"]["address"] = f"127.0.0.1:{port}"
    running = activated(gateway, document, f"127.0.0.1:{port}", "--fdname=main", workers=workers)
    for number in range(2):
        running.write_config({**document, "apis": says(str(number))["apis"]})
        wait_for_end(running.replace())
        assert {said(running) for _ in range(8)} == {str(number)}


@needs_activate
@WORKERS
def test_a_socket_by_name_outlives_the_process_too(gateway: StartGateway, workers: int) -> None:
    """It is bound where the configuration does not say, and may not be bound a second time."""
    port = free_port()
    document = says("one", workers=1)
    document["listeners"]["main"]["address"] = "127.0.0.1:1"
    running = activated(gateway, document, f"127.0.0.1:{port}", "--fdname=main")
    for number in range(2):
        running.write_config({**document, "apis": says(str(number))["apis"], "workers": workers})
        wait_for_end(running.replace())
        assert running.port() == port
        assert {said(running) for _ in range(8)} == {str(number)}


@needs_activate
def test_a_unix_socket_stays_systemds_after_a_replacement(gateway: StartGateway, tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    document = says("x")
    document["listeners"]["local"] = {"address": f"unix:{path}"}
    running = activated(gateway, document, str(path))
    wait_for_end(running.replace())
    del document["listeners"]["local"]
    assert "in force" in running.reload(document)
    assert path.exists()


@pytest.mark.parametrize("variables", [
    {"LISTEN_PID": "1", "LISTEN_FDS": "1"},  # meant for somebody else
    {"LISTEN_PID": "x", "LISTEN_FDS": "1"},
    {"LISTEN_FDS": "1"},
    {"GATEHOUSE_SOCKETS": "nonsense"},
    {"GATEHOUSE_SOCKETS": "99:main,:,x:y,-1:main,7:"},  # none of these is open
    {"GATEHOUSE_READY": "nonsense"},
])
def test_variables_that_mean_nothing(gateway: StartGateway, variables: dict[str, str]) -> None:
    running = gateway(says("x"), env=variables)
    assert said(running) == "x"


# Readiness.


class Manager:
    """What a service manager hears."""

    def __init__(self, address: str):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(30)
        self.environment = {"NOTIFY_SOCKET": address}

    def hear(self) -> str:
        """The next word."""
        return self.socket.recv(1000).decode()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Listens at a path, or in the abstract namespace."""
    path = str(tmp_path / "notify")
    heard = Manager(path if request.param == "path" else "@" + path)
    yield heard
    heard.socket.close()


def test_the_manager_hears_what_happens(gateway: StartGateway, manager: Manager) -> None:
    running = gateway(says("one"), env=manager.environment)
    assert manager.hear() == "READY=1"
    for config in (says("two"), "nonsense: 1\n", says("three")):
        before = time.monotonic_ns() // 1000
        running.reload(config)
        reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.hear())
        assert reloading and before <= int(reloading[1]) <= time.monotonic_ns() // 1000
        assert manager.hear() == "READY=1"
    running.send_signal(signal.SIGTERM)
    assert manager.hear() == "STOPPING=1"
    assert running.wait() == 0


def test_the_manager_hears_of_another_process(gateway: StartGateway, manager: Manager) -> None:
    running = gateway(says("one"), env=manager.environment)
    assert manager.hear() == "READY=1"
    running.replace()
    assert {manager.hear(), manager.hear()} == {"READY=1", f"MAINPID={running.pid}"}


@pytest.mark.parametrize("address", ["", "relative", "/" + "x" * 200, "/nowhere/at/all", "@"])
def test_a_manager_that_is_not_there(gateway: StartGateway, address: str) -> None:
    running = gateway(says("one"), env={"NOTIFY_SOCKET": address})
    assert "in force" in running.reload(says("two"))


# Units.


@needs_analyze
def test_the_units_are_well_formed_and_hardened(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/usr/local/bin/gatehouse", str(binary()))
        (tmp_path / unit.name).write_text(text)
    units = [tmp_path / "gatehouse.service", tmp_path / "gatehouse.socket"]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not [line for line in done.stderr.splitlines() if "gatehouse" in line], done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", units[0]],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
