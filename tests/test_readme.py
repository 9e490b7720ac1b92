# SPDX-License-Identifier: Apache-2.0
"""README.md: what it tells to type is typed here, line by line, into a shell, on ports of today."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from gatehouse import TOP, Gateway, binary
from upstream import Upstream
from wire import DEADLINE

README = (TOP / "README.md").read_text(encoding="utf-8")


def block(heading: str, language: str) -> str:
    """The first fenced block in that language under the heading."""
    found = re.search(rf"^## {heading}\n.*?^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


class Shell:
    """A shell in the gateway's folder, where `gatehouse` is the one under test."""

    def __init__(self, directory: Path, pid: int = 0):
        self.directory = directory
        (directory / "bin").mkdir()
        (directory / "bin/gatehouse").symlink_to(binary())
        self.environment = {**os.environ, "pid": str(pid), "PATH": f"{directory / 'bin'}:{os.environ['PATH']}"}

    def type(self, line: str) -> str:
        """One line; what it said. It must succeed."""
        done = subprocess.run(["bash", "-c", line], cwd=self.directory, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def test_the_quick_start(tmp_path: Path) -> None:
    """As far as nothing is started."""
    (tmp_path / "gatehouse.yaml").write_text(block("Quick start", "yaml"), encoding="utf-8")
    shell = Shell(tmp_path)
    check, explain, *_ = block("Quick start", "sh").splitlines()
    shell.type(check)
    assert "/42" in shell.type(explain)


def test_tls(gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    """The certificate is made as it says there, in the gateway's folder."""
    text = re.sub(r"0\.0\.0\.0:\d+", "127.0.0.1:0", block("TLS", "yaml"))
    shell = Shell(tmp_path)
    make, check, _, *calls = block("TLS", "sh").splitlines()
    shell.type(make)
    (tmp_path / "tls.yaml").write_text(text, encoding="utf-8")
    shell.type(check)
    running = gateway(re.sub(r"api\.(pem|key)", rf"{tmp_path}/api.\1", text))
    for call in calls:
        line = call.replace(":8443", f":{running.port('public')}").replace(":8080", f":{running.port('plain')}")
        assert json.loads(shell.type(line)) == {"hello": "world"}


def test_who_may_knock(gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    """A key that is made there opens its door, no other does; the token's door is held by its cases."""
    doors, cases = block("Who may knock", "yaml").replace("127.0.0.1:8080", "127.0.0.1:0").split("---\n")
    (tmp_path / "doors.yaml").write_text(doors, encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(cases, encoding="utf-8")
    shell = Shell(tmp_path)
    make, place, test, _, call = block("Who may knock", "sh").splitlines()
    shell.type(make)
    shell.type(place)
    assert "3 passed, 0 failed" in shell.type(test)
    # What runs here has the one door only: the other would look for an issuer that does not exist.
    text = (tmp_path / "doors.yaml").read_text(encoding="utf-8")
    running = gateway(text[: text.index("  orders:\n")])
    call = call.replace("127.0.0.1:8080", f"127.0.0.1:{running.port('public')}")
    assert json.loads(shell.type(call)) == {"hello": "billing"}
    assert json.loads(shell.type(call.replace("X-API-Key: ", "X-API-Key: x")))["status"] == 401


def test_changing_it_while_it_runs(upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]) -> None:
    first, second = upstream(), upstream()
    places = {"127.0.0.1:9001": first.address, "127.0.0.1:9002": second.address, "0.0.0.0:8080": "127.0.0.1:0"}

    def place(text: str) -> str:
        return re.sub("|".join(map(re.escape, places)), lambda m: places[m[0]], text)

    running = gateway(place(block("Quick start", "yaml").replace("127.0.0.1:9901", "127.0.0.1:0")))
    assert running.get("/orders/1", "localhost").get("cache-control") == "no-store"
    places["127.0.0.1:9901"] = running.wait_for_message("admin listening on").rpartition(" ")[2]
    shell, said = Shell(running.path.parent, running.pid), {}
    for line in block("Change it while it runs", "sh").splitlines():
        words = " ".join(line.partition(" #")[0].split()[:2])
        if words == "kill -USR2":
            running.replace()
            continue
        before = len(running.outcomes(running.messages.snapshot()))
        said[words] = shell.type(place(line)) + said.get(words, "")
        if words == "kill -HUP":
            assert "generation 2 in force" in running.wait_for_outcome(before)
    assert "Cache-Control: private" in said["gatehouse diff"]
    assert 'gatehouse_config_reloads_total{outcome="success"} 1' in said["curl -s"]
    assert '"drained":true' in said["curl -s"]
    upstreams = json.loads(said["curl -s"].splitlines()[0])["upstreams"]
    assert [endpoint["drained"] for endpoint in upstreams[0]["endpoints"]] == [False, True]
    assert running.get("/orders/1", "localhost").get("cache-control") == "private"
