# SPDX-License-Identifier: Apache-2.0
"""A steady load of h2load's, and how long its requests take."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from wire import Address

WINDOWS, WINDOW_SECONDS = 5, 8  # of pairs of measurements


def p99_of(address: Address, rate: float, seconds: float, folder: Path) -> float:
    """The 99th percentile of a steady load, in seconds; each answer must be 200."""
    log, connections = folder / "h2load.log", 8
    log.unlink(missing_ok=True)
    subprocess.run(["h2load", "--h1", "-t1", f"-c{connections}", f"--rps={rate / connections:g}", f"-D{seconds:g}",
                    f"--log-file={log}", "http://%s:%d/plain/x" % address], check=True, stdout=subprocess.DEVNULL)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert lines and all(status == "200" for _, status, _ in lines), "not every answer was 200"
    return statistics.quantiles((int(took) / 1e6 for _, _, took in lines), n=100)[98]


def timed_load(address: Address, rate: float, seconds: float, log: Path) -> subprocess.Popen[bytes]:
    """A steady load; each line of the log: when it began in microseconds, the status, how long it took."""
    connections = 16
    return subprocess.Popen(["h2load", "--h1", "-t1", f"-c{connections}", f"--rps={rate / connections:g}", f"-D{round(seconds)}",
                             f"--log-file={log}", "http://%s:%d/" % address], stdout=subprocess.DEVNULL)
