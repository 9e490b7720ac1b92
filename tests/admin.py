# SPDX-License-Identifier: Apache-2.0
"""The admin address of a running gateway, asked by curl as an operator would, or by raw bytes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatehouse import Gateway
from wire import DEADLINE, Connection


@dataclass
class Said:
    """What curl got."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


class Admin:
    """`admin.ask("GET", "/v1/apis")`. `more` are further arguments of curl; with `ca` it asks by TLS."""

    def __init__(self, gateway: Gateway, unix: str | None = None, ca: Path | None = None):
        line = gateway.wait_for_message("admin listening on")
        self.where = line.rpartition(" ")[2].replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
        self.unix = unix
        self.ca = ca

    @property
    def port(self) -> int:
        """Where it listens on the loopback."""
        return int(self.where.rpartition(":")[2])

    def connect(self) -> Connection:
        """A raw connection."""
        return Connection(self.unix or ("127.0.0.1", self.port))

    def ask(self, method: str, path: str, *more: str, body: bytes | None = None, host: str = "") -> Said:
        """One request."""
        where = ["--unix-socket", self.unix] if self.unix else []
        whom = ["--cacert", str(self.ca)] if self.ca else []
        how = ["--head"] if method == "HEAD" else ["--request", method]
        what = ["--data-binary", "@-", "-H", "Content-Type: application/yaml", "-H", "Expect:"] if body is not None else []
        url = f"{'https' if self.ca else 'http'}://{host or ('localhost' if self.unix else self.where)}{path}"
        done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--max-time", str(int(DEADLINE)),
                               "--path-as-is", *whom, *how, *where, *what, *more, url],
                              input=body if body is not None else b"", capture_output=True, check=True, timeout=2 * DEADLINE)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Said(int(lines[0].split()[1]), fields, rest)

    def get(self, path: str, *more: str) -> Said:
        """GET."""
        return self.ask("GET", path, *more)

    def post(self, path: str, *more: str, body: bytes | None = None) -> Said:
        """POST."""
        return self.ask("POST", path, *more, body=body)

    def metrics(self) -> dict[str, float]:
        """All samples, by their text in front of the value."""
        said = self.get("/metrics")
        assert said.status == 200, said
        samples = [line for line in said.body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (sample.rpartition(" ") for sample in samples)}
