# SPDX-License-Identifier: Apache-2.0
"""Peers that run in Node: gRPC, gRPC-Web and WebSocket servers and clients of tests/node, which see."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wire import DEADLINE

NODE = Path(__file__).resolve().parent / "node"
START = 4 * DEADLINE  # a script reads thousands of files first, which takes a slow machine its time


def install() -> None:
    """What the scripts need of npm is there after this; fails with what to do otherwise."""
    assert shutil.which("node"), "node is missing: tools/deps test"
    done = subprocess.run([NODE / "install"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr


class NodePeer:
    """One script, running. What it tells is kept, in order."""

    def __init__(self, script: str, **options: Any):
        install()
        self.process = subprocess.Popen(["node", NODE / script, json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1)
        self.changed = threading.Condition()
        self.told: list[dict[str, Any]] = []
        self.is_ended = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self.changed:
                self.told.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """The first thing it told of which the condition holds."""
        def found() -> dict[str, Any] | None:
            return next((told for told in self.told if condition(told)), None)

        with self.changed:
            self.changed.wait_for(lambda: found() is not None or self.is_ended, DEADLINE)
            told = found()
            assert told is not None, f"{what}: was not told, only {self.told}"
            return told

    def wait_for_event(self, event: str, count: int = 1, deadline: float = DEADLINE) -> list[dict[str, Any]]:
        """All events of this name, once there are so many."""
        def found() -> list[dict[str, Any]]:
            return [told for told in self.told if told.get("event") == event]

        with self.changed:
            self.changed.wait_for(lambda: len(found()) >= count or self.is_ended, deadline)
            state = "which has ended" if self.is_ended else f"within {deadline:.0f} s"
            assert len(found()) >= count, f"{event}: was not told {count} times, {state}, only {self.told}"
            return found()

    def events(self, event: str) -> list[dict[str, Any]]:
        """Those of this name that it has told up to now."""
        with self.changed:
            return [told for told in self.told if told.get("event") == event]

    def stop(self) -> None:
        """At once."""
        self.process.kill()
        self.process.wait(DEADLINE)
        self.thread.join(DEADLINE)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


class NodeServer(NodePeer):
    """A server: `address` is where it listens."""

    def __init__(self, script: str, **options: Any):
        super().__init__(script, **options)
        self.port = int(self.wait_for_event("listening", deadline=START)[0]["port"])
        self.address = f"127.0.0.1:{self.port}"


class NodeClient(NodePeer):
    """A client: `call()` does one thing, `begin()` and `end()` many at once."""

    def __init__(self, script: str):
        super().__init__(script)
        self.count = 0

    def begin(self, **command: Any) -> int:
        """Starts what the script's head describes."""
        self.count += 1
        assert self.process.stdin
        self.process.stdin.write(json.dumps({**command, "id": self.count}) + "\n")
        return self.count

    def end(self, begun: int) -> dict[str, Any]:
        """What came of it."""
        result = self.wait_for(lambda told: told.get("id") == begun, f"the result of {begun}")
        assert "exception" not in result, result["exception"]
        return result

    def call(self, **command: Any) -> dict[str, Any]:
        """Both."""
        return self.end(self.begin(**command))
