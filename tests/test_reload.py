# SPDX-License-Identifier: Apache-2.0
"""Another configuration while clients are served: what changes, what stays, and what is refused."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import SANITIZER, Gateway, binary, config_for
from peers import free_port
from torture import Torture
from upstream import OK_ANSWER, Upstream
from wire import Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]
WORKERS = pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.workers)])


def says(text: str, **more: Any) -> dict[str, Any]:
    """A configuration whose gateway answers with that text itself."""
    return {"listeners": {"main": {"address": "127.0.0.1:0"}},
            "apis": {"all": {"policies": [{"respond": {"body": text}}]}}, **more}


def said(running: Gateway, listener: str | None = None) -> str:
    """What it answers with."""
    return running.get("/", listener=listener).body.decode()


def address_now(running: Gateway, name: str) -> tuple[str, int]:
    """Where a listener is that was added by a reload."""
    line = running.wait_for_message(f"listener {name} listening on ")
    host, _, port = line.rpartition(" ")[2].rpartition(":")
    return host, int(port)


def is_refused(address: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(address) != 0


# What is in force.


@WORKERS
def test_another_configuration_is_in_force(gateway: StartGateway, workers: int) -> None:
    running = gateway(says("one"), workers=workers)
    for number in range(2, 8):
        line = running.reload(says(f"value {number}", workers=workers))
        assert f"generation {number} in force" in line
        assert {said(running) for _ in range(4 * workers)} == {f"value {number}"}
    assert [entry["generation"] for entry in running.wait_for_log(24 * workers)][-1] == 7


@WORKERS
def test_the_same_bytes_are_no_change(gateway: StartGateway, workers: int) -> None:
    running = gateway(says("one"), workers=workers)
    for _ in range(3):
        assert "the files are the same; generation 1 stays" in running.reload()
    running.path.write_bytes(running.path.read_bytes())
    assert "the files are the same; generation 1 stays" in running.reload()
    assert said(running) == "one"
    assert running.wait_for_log(1)[0]["generation"] == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_that_comes_too_early_is_heard_later(tmp_path: Path, number: int) -> None:
    """As sent to whoever has the name, while one of them is starting."""
    path = tmp_path / "gatehouse.yaml"
    reader, writer = os.pipe()
    path.write_text('listeners: { main: { address: "127.0.0.1:0" } }\n'
                    f'apis: {{ all: {{ policies: [ {{ respond: {{ body: "${{file:/dev/fd/{reader}}}" }} }} ] }} }}\n')
    process = subprocess.Popen([binary(), "run", "-c", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               pass_fds=[reader])
    os.write(writer, b"first")
    wait_until(lambda: fcntl.ioctl(reader, termios.FIONREAD, b"1234") == b"\0\0\0\0", "it to read")
    process.send_signal(number)
    time.sleep(0.1)
    os.close(writer)  # whoever reads it again finds nothing
    os.close(reader)
    assert process.stderr
    assert "listening" in process.stderr.readline()
    if number == signal.SIGHUP:
        assert "reload by SIGHUP: generation 2 in force" in process.stderr.readline()
    process.terminate()
    assert process.wait(30) == 0
    process.stderr.close()


def test_links_that_lead_round_or_far_are_watched_all_the_same(gateway: StartGateway, tmp_path: Path) -> None:
    """One through the other, and many files in one folder: all of it is followed on a fiber's stack."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(200):
        (many / f"{number:04d}.yaml").write_text("{}")
    for number in range(14):
        (tmp_path / f"link{number}").symlink_to("last" if number == 13 else f"link{number + 1}")
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "x.yaml").write_text("{}")
    (tmp_path / "ring").symlink_to("ring")
    running = gateway(says("one"), arguments=["--watch"])
    include = [f"{many}/*.yaml", f"{tmp_path}/link0/x.yaml"]
    running.write_config(says("two", include=[*include, f"{tmp_path}/ring/x.yaml"]))
    assert "refused" in running.wait_for_outcome(0)
    running.write_config(says("three", include=include))
    wait_until(lambda: said(running) == "three", "what was mended")


def test_a_named_pipe_holds_nothing_up(gateway: StartGateway) -> None:
    """Nobody writes into it: that reload fails at once, and the next one is read."""
    running = gateway(says("one"))
    os.mkfifo(running.path.with_name("pipe"))
    running.write_config(says("${file:pipe}"))
    running.send_signal(signal.SIGHUP)
    assert "refused" in running.wait_for_outcome(0)
    assert said(running) == "one"
    assert "pipe is no regular file" in running.errors
    assert "generation 2 in force" in running.reload(says("two"))


BROKEN = {
    "syntax": "listeners: [\n",
    "unknown key": "listeners: { main: { address: 127.0.0.1:0 } }\nnonsense: 1\n",
    "no listener": "apis: {}\n",
    "dangling": "listeners: { main: { address: 127.0.0.1:0 } }\napis: { a: { upstream: none } }\n",
    "empty": "",
    "not text": "\x00\x01",
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_with_errors_is_refused(gateway: StartGateway, name: str) -> None:
    running = gateway(says("one"))
    line = running.reload(BROKEN[name])
    assert "refused" in line and "generation 1 stays" in line, line
    assert " error " in running.errors
    assert said(running) == "one"
    assert "generation 2 in force" in running.reload(says("two"))
    assert said(running) == "two"


def test_every_diagnostic_is_logged(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    running.reload("listeners: { main: { address: 127.0.0.1:0, x1: 1 } }\nx2: 2\nx3: 3\n")
    for key, place in {"x1": "1:44", "x2": "2:1", "x3": "3:1"}.items():
        assert f"{running.path}:{place}: " in running.errors, running.errors
        assert key in running.errors
    assert "refused with 3 errors" in running.errors


def test_a_file_that_is_gone_is_refused(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    running.path.unlink()
    assert "refused" in running.reload()
    assert said(running) == "one"


def test_what_was_refused_and_is_put_back_is_no_change(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    text = running.path.read_text()
    assert "refused" in running.reload("x: 1\n")
    running.write_config(text)
    assert "the files are the same; generation 1 stays" in running.reload()


def test_included_files_and_their_contents_count(gateway: StartGateway) -> None:
    running = gateway("include: [conf.d/*.yaml]\nlisteners: { main: { address: 127.0.0.1:0 } }\n")
    folder = running.path.parent / "conf.d"
    folder.mkdir()
    api = "apis: { %s: { path: /%s, policies: [ { respond: { body: '${file:secret}' } } ] } }\n"
    (folder / "secret").write_text("one\n")
    (folder / "a.yaml").write_text(api % ("a", "a"))
    assert "generation 2" in running.reload()
    assert running.get("/a").body == b"one"
    (folder / "b.yaml").write_text(api % ("b", "b"))
    assert "generation 3" in running.reload()
    assert running.get("/b").body == b"one"
    (folder / "secret").write_text("two\n")
    assert "generation 4" in running.reload()
    assert running.get("/a").body == b"two"
    (folder / "a.yaml").unlink()
    assert "generation 5" in running.reload()
    assert running.get("/a").status == 404
    assert "the files are the same" in running.reload()


def test_a_secret_of_a_refused_configuration_is_not_logged(gateway: StartGateway) -> None:
    running = gateway(says("one"), env={"SECRET": "hunter2hunter2"})
    assert "refused" in running.reload(
        "listeners: { main: { address: '${SECRET}' } }\napis: { a: { upstream: '${SECRET}' } }\n")
    assert "hunter2" not in running.errors


# What is under way.


@WORKERS
def test_a_request_ends_under_what_it_began_with(upstream: StartUpstream, gateway: StartGateway,
                                                  workers: int) -> None:
    may_answer = threading.Event()

    def slow(request: Request) -> bytes:
        may_answer.wait(20)
        return OK_ANSWER

    service = upstream(slow)
    running = gateway(config_for(service, workers=workers))
    with running.connect() as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: service.requests, "the upstream to be asked")
        assert "in force" in running.reload(says("new", workers=workers))  # its route and its upstream are gone
        assert said(running) == "new"
        may_answer.set()
        assert client.read_answer().body == b"ok\n"
        client.send(b"GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n")  # the connection goes on
        assert client.read_answer().body == b"new"
    assert sorted(entry["generation"] for entry in running.wait_for_log(3)) == [1, 2, 2]


def test_a_removed_route_drains(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_go_on = threading.Event()

    def answer(request: Request) -> Any:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin"
        may_go_on.wait(20)
        yield b"-done"

    service = upstream(answer)
    document = config_for(service)
    document["apis"] = {"a": {"path": "/a", "upstream": "app"}, "b": {"path": "/b", "upstream": "app"}}
    running = gateway(document)
    with running.connect() as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: service.requests, "the upstream to be asked")
        del document["apis"]["a"]
        assert "in force" in running.reload(document)
        assert running.get("/a").status == 404
        may_go_on.set()
        assert client.read_answer().body == b"begin-done"


def test_a_pooled_connection_is_kept(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    document = config_for(service)
    running = gateway(document)
    for number in range(5):
        assert running.get("/x").status == 200
        document["log"] = {"access": {"redact": [f"n{number}"]}}
        assert "in force" in running.reload(document)
    assert running.get("/x").status == 200
    assert len(service.connections) == 1


def test_a_client_that_is_idle_notices_nothing(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    with running.connect() as client:
        for number in range(2, 6):
            client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
            assert client.read_answer().status == 200
            assert "in force" in running.reload(says(str(number)))
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        answer = client.read_answer()
    assert answer.body == b"5" and answer.get("connection") is None


# Listeners.


@WORKERS
def test_listeners_come_and_go(gateway: StartGateway, workers: int) -> None:
    document = says("x", workers=workers)
    running = gateway(document)
    document["listeners"]["second"] = {"address": "127.0.0.1:0"}
    assert "in force" in running.reload(document)
    second = address_now(running, "second")
    running.addresses["second"] = second
    assert {said(running, "second") for _ in range(4)} == {"x"}
    del document["listeners"]["second"]
    assert "in force" in running.reload(document)
    assert is_refused(second)
    assert said(running) == "x"
    assert "listener second is closed" in running.errors


@WORKERS
def test_a_listener_that_goes_finishes_what_is_under_way(upstream: StartUpstream, gateway: StartGateway,
                                                          workers: int) -> None:
    may_answer = threading.Event()

    def slow(request: Request) -> bytes:
        may_answer.wait(20)
        return OK_ANSWER

    service = upstream(slow)
    document = config_for(service, workers=workers)
    document["listeners"]["second"] = {"address": "127.0.0.1:0"}
    running = gateway(document)
    second = running.address("second")
    with running.connect("second") as client, running.connect("second") as idle:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: service.requests, "the upstream to be asked")
        del document["listeners"]["second"]
        assert "in force" in running.reload(document)
        assert is_refused(second)  # type: ignore[arg-type]
        may_answer.set()
        answer = client.read_answer()
        assert answer.status == 200 and answer.get("connection") == "close"
        assert client.is_closed_by_server()
        assert idle.is_closed_by_server()


def test_a_listener_that_is_renamed_goes_on(gateway: StartGateway) -> None:
    port = free_port()
    document = says("x")
    document["listeners"] = {"old": {"address": f"127.0.0.1:{port}"}}
    running = gateway(document)
    with running.connect() as client:
        document["listeners"] = {"new": {"address": f"127.0.0.1:{port}"}}
        assert "in force" in running.reload(document)
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert client.read_answer().body == b"x"
    assert running.wait_for_log(1)[0]["listener"] == "new"
    assert "closed" not in running.errors


@WORKERS
def test_a_port_is_given_up_and_taken_again(gateway: StartGateway, workers: int) -> None:
    port = free_port()
    document = says("x", workers=workers)
    running = gateway(document)
    for _ in range(5):
        document["listeners"]["second"] = {"address": f"127.0.0.1:{port}"}
        assert "in force" in running.reload(document)
        running.addresses["second"] = ("127.0.0.1", port)
        assert said(running, "second") == "x"
        del document["listeners"]["second"]
        assert "in force" in running.reload(document)
        assert is_refused(("127.0.0.1", port))


@WORKERS
def test_a_port_may_be_widened_to_all_addresses(gateway: StartGateway, workers: int) -> None:
    port = free_port()
    document = says("x", workers=workers)
    document["listeners"]["main"]["address"] = f"127.0.0.1:{port}"
    running = gateway(document)
    document["listeners"]["main"]["address"] = f"0.0.0.0:{port}"
    assert "in force" in running.reload(document)
    assert {said(running) for _ in range(10)} == {"x"}


def test_a_port_in_use_leaves_the_old_one_in_force(gateway: StartGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        document = says("one")
        running = gateway(document)
        document = says("two")
        document["listeners"]["new"] = {"address": "127.0.0.1:0"}
        document["listeners"]["second"] = {"address": "127.0.0.1:%d" % taken.getsockname()[1]}
        line = running.reload(document)
        assert "failed" in line and "generation 1 stays" in line, line
        assert "listener second: cannot listen on 127.0.0.1:" in running.errors
        assert said(running) == "one"
        assert "listener new listening" not in running.errors
    assert "generation 2 in force" in running.reload()
    assert said(running) == "two"


def test_two_listeners_at_one_address_are_refused(gateway: StartGateway) -> None:
    port = free_port()
    document = says("one")
    running = gateway(document)
    document["listeners"] = {name: {"address": f"127.0.0.1:{port}"} for name in ("a", "b")}
    assert "generation 1 stays" in running.reload(document)
    assert said(running) == "one"
    assert is_refused(("127.0.0.1", port))


@WORKERS
def test_unix_sockets_come_and_go(gateway: StartGateway, tmp_path: Path, workers: int) -> None:
    path = tmp_path / "gw.sock"
    document = says("x", workers=workers)
    running = gateway(document)
    for _ in range(3):
        document["listeners"]["local"] = {"address": f"unix:{path}"}
        assert "in force" in running.reload(document)
        running.addresses["local"] = str(path)
        assert said(running, "local") == "x"
        del document["listeners"]["local"]
        assert "in force" in running.reload(document)
        assert not path.exists()


def test_limits_of_a_listener_that_goes_on_are_the_new_ones(gateway: StartGateway) -> None:
    document = says("x")
    running = gateway(document)
    with running.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX: " + b"y" * 1000 + b"\r\n\r\n")
        assert client.read_answer().status == 200
        document["listeners"]["main"]["limits"] = {"header_field": 500}
        assert "in force" in running.reload(document)
        client.send(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX: " + b"y" * 1000 + b"\r\n\r\n")
        assert client.read_answer().status == 431


# Logs, and what cannot change.


def test_the_access_log_moves(gateway: StartGateway) -> None:
    running = gateway(says("x"))
    said(running)
    running.wait_for_log(1)
    folder = running.path.parent
    assert "in force" in running.reload(says("x", log={"access": {"to": "file:a.log", "format": "clf"}}))
    said(running)
    wait_until(lambda: (folder / "a.log").read_text().count("GET / HTTP/1.1"), "a line in the new file")
    assert "in force" in running.reload(says("x", log={"access": {"to": "off"}}))
    said(running)
    assert "in force" in running.reload(says("x"))
    said(running)
    assert len(running.wait_for_log(2)) == 2
    assert (folder / "a.log").read_text().count("\n") == 1


def test_an_access_log_that_cannot_be_opened_leaves_the_old_one(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    line = running.reload(says("two", log={"access": {"to": "file:/nowhere/a.log"}},
                               listeners={"main": {"address": "127.0.0.1:0"}, "b": {"address": "127.0.0.1:0"}}))
    assert "failed" in line and "generation 1 stays" in line
    assert "/nowhere/a.log" in running.errors
    assert said(running) == "one"
    running.wait_for_log(1)


def test_the_level_of_the_log_changes(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    assert "in force" in running.reload(says("two"))
    running.write_config(says("three", log={"level": "error"}))
    running.send_signal(signal.SIGHUP)
    wait_until(lambda: said(running) == "three", "the third")
    time.sleep(0.1)
    assert "generation 3" not in running.errors  # an info
    running.write_config("x: 1\n")
    running.send_signal(signal.SIGHUP)
    running.wait_for_message("refused")


def test_another_number_of_workers_is_told(gateway: StartGateway) -> None:
    running = gateway(says("one", workers=1))
    assert "in force" in running.reload(says("two", workers=3))
    assert "workers: 1 go on" in running.errors
    assert said(running) == "two"


# Signals at other times.


def test_many_signals_at_once_end_with_the_newest(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    for number in range(30):
        running.write_config(says(str(number)))
        running.send_signal(signal.SIGHUP)
    wait_until(lambda: said(running) == "29", "the newest configuration")


def test_while_draining_nothing_is_read(upstream: StartUpstream, gateway: StartGateway) -> None:
    may_answer = threading.Event()

    def slow(request: Request) -> bytes:
        may_answer.wait(20)
        return OK_ANSWER

    service = upstream(slow)
    running = gateway(config_for(service))
    with running.connect() as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        wait_until(lambda: service.requests, "the upstream to be asked")
        running.send_signal(signal.SIGTERM)
        running.wait_for_message("draining")
        running.send_signal(signal.SIGHUP)
        running.wait_for_message("SIGHUP while draining: nothing is done")
        running.send_signal(signal.SIGUSR2)
        running.wait_for_message("SIGUSR2 while draining: nothing is done")
        may_answer.set()
        assert client.read_answer().status == 200
    assert running.wait() == 0


def test_a_stop_while_it_is_loading_is_no_crash(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    routes = {f"r{i}": {"match": {"path": f"/r{i}"}} for i in range(5000)}
    running.write_config(says("two", apis={"a": {"policies": [{"respond": {}}], "routes": routes}}))
    running.send_signal(signal.SIGHUP)
    running.stop()


def test_the_demo_has_nothing_to_read(stack: Any) -> None:
    process = stack.enter_context(subprocess.Popen([binary(), "demo"], stdout=subprocess.DEVNULL,
                                                   stderr=subprocess.PIPE, text=True))
    assert process.stderr
    seen = ""
    for line in process.stderr:
        seen += line
        if "listening" in line:
            process.send_signal(signal.SIGHUP)
        if "no file to read" in line or "cannot listen" in line:  # its port is fixed
            break
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=30)[1]
    assert not SANITIZER.search(seen + rest), seen + rest


# Watching.


def start_watching(gateway: StartGateway, document: Any, **options: Any) -> Gateway:
    """A gateway that watches its files."""
    return gateway(document, arguments=["--watch"], **options)


@WORKERS
def test_a_changed_file_is_noticed(gateway: StartGateway, workers: int) -> None:
    running = start_watching(gateway, says("one"), workers=workers)
    for number, write in enumerate([
            lambda text: running.path.write_text(text),
            running.write_config,  # beside it, and renamed
            lambda text: (running.path.rename(running.path.with_suffix(".bak")), running.path.write_text(text)),
            lambda text: (running.path.unlink(), running.path.write_text(text)),
    ], start=2):
        before = len(running.outcomes(running.messages.snapshot()))
        text = running.path.read_text().replace('"body": "', '"body": "x')
        write(text)
        wait_until(lambda: said(running) == "x" * (number - 1) + "one", "the change to be in force")
        assert "a changed file" in running.wait_for_outcome(before)


def test_a_mounted_volume_is_noticed(gateway: StartGateway, tmp_path: Path) -> None:
    """As Kubernetes changes it: a link to a folder is replaced."""
    volume = tmp_path / "volume"
    for name in ("1", "2"):
        (volume / name).mkdir(parents=True)
        (volume / name / "api.yaml").write_text(
            f"apis: {{ all: {{ policies: [ {{ respond: {{ body: '{name}' }} }} ] }} }}\n")
    (volume / "..data").symlink_to("1")
    (volume / "api.yaml").symlink_to("..data/api.yaml")
    running = start_watching(gateway, f"include: ['{volume}/*.yaml']\nlisteners: {{ main: {{ address: 127.0.0.1:0 }} }}\n")
    assert said(running) == "1"
    (volume / "..next").symlink_to("2")
    (volume / "..next").rename(volume / "..data")
    wait_until(lambda: said(running) == "2", "the other folder to be in force")


def test_a_mended_file_is_noticed(gateway: StartGateway) -> None:
    running = start_watching(gateway, "include: [conf.d/*.yaml]\nlisteners: { main: { address: 127.0.0.1:0 } }\n")
    folder = running.path.parent / "conf.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("apis: { a: { upstream: none } }\n")
    running.wait_for_message("refused")
    (folder / "a.yaml").write_text("apis: { a: { policies: [ respond: { body: mended } ] } }\n")
    wait_until(lambda: running.get("/").body == b"mended", "the mended file to be in force")


def test_what_the_system_has_no_descriptors_for_is_tried_again(gateway: StartGateway) -> None:
    running = start_watching(gateway, "include: [conf.d/*.yaml]\nlisteners: { main: { address: 127.0.0.1:0 } }\n")
    file = running.path.parent / "conf.d" / "a.yaml"
    file.parent.mkdir()
    file.write_text("apis: { a: { policies: [ respond: { body: one } ] } }\n")
    wait_until(lambda: running.get("/").body == b"one", "the first")
    with running.without_descriptors():
        file.write_text("apis: { a: { policies: [ respond: { body: two } ] } }\n")
        running.wait_for_message("refused")
        time.sleep(0.5)
        count = len(running.messages.snapshot())
        time.sleep(2.5)  # two tries
        assert len(running.messages.snapshot()) == count
    wait_until(lambda: running.get("/").body == b"two", "what was tried again")
    running.wait_for_message("generation 3 in force")
    # What is wrong with a file does not pass.
    file.write_text("apis: { a: { upstream: none } }\n")
    wait_until(lambda: running.errors.count("refused") == 2, "another refusal")
    count = len(running.messages.snapshot())
    time.sleep(2.5)
    assert len(running.messages.snapshot()) == count


def test_half_of_a_file_is_not_put_in_force(gateway: StartGateway) -> None:
    running = start_watching(gateway, "include: [conf.d/*.yaml]\nlisteners: { main: { address: 127.0.0.1:0 } }\n")
    file = running.path.parent / "conf.d" / "a.yaml"
    file.parent.mkdir()
    with file.open("w") as to:  # its first half is a configuration, too
        to.write("apis:\n  a:\n    policies:\n      - respond:\n          body: one\n")
        to.flush()
        time.sleep(0.5)
        assert running.get("/").status == 404
        to.write("          status: 401\n")
    assert "generation 2 in force" in running.wait_for_outcome(0)
    assert running.get("/").status == 401


def test_other_files_beside_it_mean_nothing(gateway: StartGateway) -> None:
    running = start_watching(gateway, says("one", log={"access": {"to": "file:access.log"}}))
    for number in range(5):
        said(running)
        (running.path.parent / f"other-{number}").write_text("x")
        time.sleep(0.05)
    os.utime(running.path)  # no other bytes
    time.sleep(1.2)
    assert not [line for line in running.outcomes(running.messages.snapshot()) if "the files are the same" not in line]


def test_without_watch_nothing_is_noticed(gateway: StartGateway) -> None:
    running = gateway(says("one"))
    running.write_config(says("two"))
    time.sleep(1.2)
    assert said(running) == "one"


# All at once. The whole of it is tests/torture.py.


@pytest.mark.slow
@WORKERS
def test_reloads_under_load(tmp_path: Path, workers: int) -> None:
    run = Torture(tmp_path, rate=200, streams=20, workers=workers)
    try:
        run.run(run.reload, changes=25, seconds=4)
    finally:
        failures = run.stop()
    assert not failures
    assert sum(run.load.answered) > 100
