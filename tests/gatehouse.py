# SPDX-License-Identifier: Apache-2.0
"""The gateway under test: the real binary, started with a configuration and watched until it ends.

`Gateway` writes the configuration, waits until every listener has told its address, keeps what comes out
on both outputs, and stops with SIGTERM. Stopping asserts what must hold after every test: exit code 0
and no report of a sanitizer. The binary is $GATEHOUSE, or else the one that `make test` or `make` built.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from upstream import Upstream
from wire import DEADLINE, Address, Answer, Connection

TOP = Path(__file__).resolve().parent.parent
DATA = TOP / "tests" / "data"

REPLACED = re.compile(r"replacement: process (\d+) serves")
LISTENING = re.compile(r"listener (\S+) listening on (\S+)")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")

# A report must end the process, with an exit code of its own. What the environment says goes first.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:exitcode=99",
}


def binary() -> Path:
    """The gateway's program."""
    if named := os.environ.get("GATEHOUSE"):
        return Path(named).resolve()
    for folder in ("build/asan", "build"):
        if (program := TOP / folder / "gatehouse").exists():
            return program
    raise FileNotFoundError("no gatehouse is built: run make, or set GATEHOUSE")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for the gateway's process."""
    return {**SANITIZER_OPTIONS, **os.environ, **(more or {})}


def run_command(*arguments: str | Path, stdin: str | None = None, env: Mapping[str, str] | None = None,
                cwd: Path | None = None, deadline: float = DEADLINE) -> subprocess.CompletedProcess[str]:
    """One command of the gateway's, to its end: `run_command("check", "-c", path)`."""
    done = subprocess.run([binary(), *arguments], input=stdin, env=environment(env), cwd=cwd, text=True,
                          capture_output=True, timeout=deadline, check=False)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done


def config_for(upstream: Upstream | str, **more: Any) -> dict[str, Any]:
    """The smallest configuration: all that comes in at `main` goes to that upstream. `more` adds top-level keys."""
    endpoint = upstream if isinstance(upstream, str) else upstream.address
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "upstreams": {"app": {"endpoints": [endpoint]}},
        "apis": {"all": {"upstream": "app"}},
        **more,
    }


def count_listeners(text: str) -> int:
    """How many addresses the gateway will tell."""
    document = yaml.safe_load(text)
    listeners = document.get("listeners") if isinstance(document, dict) else None
    return len(listeners) if isinstance(listeners, dict) else 1


def adopt_orphans() -> None:
    """From now on what a child leaves behind is ours to wait for."""
    assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER


def wait_for_orphan(pid: int, deadline: float) -> int:
    """The exit code of a child of a child's."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError(f"process {pid} did not end")


class Lines:
    """The lines of one output of a process, as they come."""

    def __init__(self, stream: Any):
        self.stream = stream
        self.changed = threading.Condition()
        self.lines: list[str] = []
        self.is_ended = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for line in self.stream:
            with self.changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        self.stream.close()
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()

    def snapshot(self) -> list[str]:
        """The lines up to now."""
        with self.changed:
            return list(self.lines)

    def wait_for(self, condition: Callable[[list[str]], Any], deadline: float = DEADLINE) -> Any:
        """What the condition says of the lines, once that is true; false when the output ended or time is up."""
        with self.changed:
            self.changed.wait_for(lambda: condition(self.lines) or self.is_ended, deadline)
            return condition(self.lines)


def faked_clock(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is wrong by so much."""
    library, = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": "verify_asan_link_order=0"}


def as_text(config: str | Mapping[str, Any]) -> str:
    """For a file."""
    return config if isinstance(config, str) else json.dumps(config, indent=2, ensure_ascii=False)


def with_default(config: str | Mapping[str, Any], name: str, value: Any) -> str:
    """Its text, with this at its top level unless it says it itself."""
    text = as_text(config)
    if not text.strip():
        return text
    if text.lstrip().startswith("{"):
        return as_text({name: value, **json.loads(text)})
    if re.search(rf"^{name}:", text, re.MULTILINE):
        return text
    return f"{text.rstrip()}\n{name}: {json.dumps(value)}\n"


class Gateway:
    """A running gateway. Use it as a context, or through the fixture `gateway`.

    `config` is a document or its text; in a text, `${NAME}` is for the gateway to take from `env`. `workers` is
    put into the configuration unless that names it, and so are `limits`, also at a reload. Listeners should ask for
    port 0.
    """

    limits: Mapping[str, Any] = {"lag": "0s"}  # it serves also where the machine is late

    def __init__(self, config: str | Mapping[str, Any], directory: Path, *, workers: int | None = 1,
                 env: Mapping[str, str] | None = None, arguments: Sequence[str] = (), prefix: Sequence[str] = ()):
        self.path = directory / "gatehouse.yaml"
        self.expected_exit = 0
        text = as_text(config) if workers is None else with_default(config, "workers", workers)
        self.write_config(text)
        self.listener_count = count_listeners(text)
        self.process = subprocess.Popen(
            [*prefix, binary(), "run", "-c", self.path, *arguments], cwd=directory, env=environment(env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.process.pid  # of the one that serves
        self.predecessors: list[int] = []
        self.output = Lines(self.process.stdout)
        self.messages = Lines(self.process.stderr)
        self.addresses = self._wait_for_addresses()

    def write_config(self, config: str | Mapping[str, Any]) -> None:
        """Replaces the file, for a reload."""
        replacement = self.path.with_suffix(".new")
        text = as_text(config)
        if self.limits:
            with contextlib.suppress(ValueError):  # of JSON that is broken
                text = with_default(text, "limits", self.limits)
        replacement.write_text(text, encoding="utf-8")
        replacement.replace(self.path)

    def _wait_for_addresses(self) -> dict[str, Address]:
        def told(lines: list[str]) -> dict[str, str] | None:
            found = {m[1]: m[2] for line in lines if (m := LISTENING.search(line))}
            return found if len(found) >= self.listener_count else None

        found = self.messages.wait_for(told)
        if not found:
            self.process.kill()
            self.wait()
            raise AssertionError(f"the gateway did not start ({self.process.returncode}):\n{self.errors}")
        return {name.strip('"'): self._address(text) for name, text in found.items()}

    @staticmethod
    def _address(text: str) -> Address:
        text = text.strip('",')
        if text.startswith("unix:"):
            return text.removeprefix("unix:")
        host, _, port = text.rpartition(":")
        host = host.strip("[]")
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)

    # Where it is.

    def address(self, listener: str | None = None) -> Address:
        """A listener's address; the first one's without a name."""
        return self.addresses[listener] if listener else next(iter(self.addresses.values()))

    def port(self, listener: str | None = None) -> int:
        """A TCP listener's port."""
        address = self.address(listener)
        assert not isinstance(address, str)
        return address[1]

    def url(self, path: str = "/", listener: str | None = None) -> str:
        """For real clients."""
        return f"http://127.0.0.1:{self.port(listener)}{path}"

    # Changing it.

    def reload(self, config: str | Mapping[str, Any] | None = None) -> str:
        """Another configuration, if there is one, and SIGHUP; the line that says what came of it."""
        if config is not None:
            self.write_config(config)
        before = len(self.outcomes(self.messages.snapshot()))
        self.send_signal(signal.SIGHUP)
        return self.wait_for_outcome(before)

    @staticmethod
    def outcomes(lines: Sequence[str]) -> list[str]:
        """What was said of each reload."""
        return [line for line in lines if " reload by " in line]

    def wait_for_outcome(self, before: int) -> str:
        """What is said of the reload after so many others."""
        found = self.messages.wait_for(lambda lines: self.outcomes(lines)[before:])
        assert found, f"waited in vain for a reload:\n{self.errors}"
        return str(found[0])

    def replace(self) -> int:
        """Another process takes over, by SIGUSR2; the old one's id. It goes by itself, some time."""
        adopt_orphans()
        before = len(self.successors(self.messages.snapshot()))
        old = self.pid
        self.send_signal(signal.SIGUSR2)
        found = self.messages.wait_for(lambda lines: self.successors(lines)[before:])
        assert found, f"waited in vain for another process:\n{self.errors}"
        self.predecessors.append(old)
        self.pid = found[0]
        return old

    @staticmethod
    def successors(lines: Sequence[str]) -> list[int]:
        """The processes that took over."""
        return [int(m[1]) for line in lines if (m := REPLACED.search(line))]

    # Talking to it.

    def connect(self, listener: str | None = None) -> Connection:
        """A raw connection; close it, or use it as a context."""
        return Connection(self.address(listener))

    def get(self, path: str = "/", host: str = "gw.test", listener: str | None = None) -> Answer:
        """One GET on a connection of its own."""
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        with self.connect(listener) as connection:
            connection.send(head.encode("latin-1"))
            return connection.read_answer()

    # What it says.

    @property
    def errors(self) -> str:
        """Its own messages: everything on standard error."""
        return "\n".join(self.messages.snapshot())

    @property
    def log(self) -> list[dict[str, Any]]:
        """The access log up to now; each line must be one JSON object."""
        entries = [json.loads(line) for line in self.output.snapshot()]
        assert all(isinstance(entry, dict) for entry in entries), entries
        return entries

    def wait_for_log(self, count: int) -> list[dict[str, Any]]:
        """The access log, once it has that many lines."""
        self.output.wait_for(lambda lines: len(lines) >= count)
        log = self.log
        assert len(log) >= count, f"{len(log)} of {count} lines in the log; {self.errors}"
        return log

    def wait_for_message(self, words: str) -> str:
        """The first line on standard error that has these words."""
        line = self.messages.wait_for(lambda lines: next((line for line in lines if words in line), None))
        assert line, f"waited in vain for {words!r} in:\n{self.errors}"
        return str(line)

    @contextlib.contextmanager
    def without_descriptors(self) -> Iterator[None]:
        """It can open nothing meanwhile; what is open stays so."""
        before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # more than poll() is asked for
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, before)

    # Its end.

    def send_signal(self, number: int) -> None:
        """Any signal, to the process that serves."""
        if self.predecessors:
            os.kill(self.pid, number)
        else:
            self.process.send_signal(number)

    def wait(self, deadline: float = DEADLINE) -> int:
        """For its end, however that came; its exit code (negative: the signal that killed it). Those that it has
        replaced end at the latest now."""
        code = self.process.wait(deadline)
        for pid in [*self.predecessors, self.pid] if self.predecessors else []:
            if pid != self.process.pid:
                code = code or wait_for_orphan(pid, deadline)
        self.output.thread.join(deadline)
        self.messages.thread.join(deadline)
        return code

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Drains and stops it, and asserts that it was well to the end. Once stopped, only the assertions remain."""
        if self.predecessors:
            self._stop_all(number)
        elif self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not stop within {DEADLINE} s:\n{self.errors}") from None
        assert not SANITIZER.search(self.errors), self.errors
        assert code == self.expected_exit, f"exit code {code}:\n{self.errors}"

    def _stop_all(self, number: int) -> None:
        """Also those that were replaced and wait for somebody who is idle."""
        for pid in [*self.predecessors, self.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        self.process.poll()

    def kill(self) -> None:
        """At once, for tests of what is left behind. A later stop() accepts it."""
        self.expected_exit = -signal.SIGKILL
        self.process.kill()
        self.wait()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
