# SPDX-License-Identifier: Apache-2.0
"""Rate limits under more than they admit, for `tests/torture.py exact`, `constant` and `distinct`: what was admitted is told
by the gateway's own log, by the time at which each request began, to the microsecond."""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from admin import Admin
from gatehouse import Gateway
from soak import resident_bytes

MIB = 1 << 20
LUA_KEYS = """
local number, thread = 0, 0
function setup(t) t:set("id", thread); thread = thread + 1 end
function request()
  number = number + 1
  return wrk.format("GET", "/", {["X-Key"] = id .. "-" .. number})
end
"""


def config(limit: str, by: str) -> dict[str, Any]:
    """A limit, and an answer of the gateway's own behind it: what is offered is bounded by nobody else."""
    return {
        "listeners": {"main": {"address": "127.0.0.1:0"}},
        "limits": {"lag": "0s"},
        "apis": {"all": {"policies": [{"rate_limit": {"limit": limit, "by": by}}, {"respond": {"body": "ok"}}]}},
        "log": {"access": {"to": "file:access.log", "format": "${time} ${status}"}},
        "admin": {"address": "127.0.0.1:0"},
        "workers": 2,
    }


@contextlib.contextmanager
def limited(limit: str, by: str = "api") -> Iterator[tuple[Gateway, Admin, Path]]:
    """A gateway with that limit, and its log."""
    with tempfile.TemporaryDirectory() as folder, Gateway(config(limit, by), Path(folder), workers=None) as gateway:
        yield gateway, Admin(gateway), Path(folder) / "access.log"


def h2load(gateway: Gateway, seconds: float, *options: str) -> float:
    """One thread of it, over HTTP/1.1; requests a second."""
    program = shutil.which("h2load")
    assert program, "h2load is missing: tools/deps bench"
    done = subprocess.run([program, "--h1", "-t1", f"-D{seconds:g}", *options, gateway.url()],
                          capture_output=True, text=True, check=True)
    found = re.search(r"requests: (\d+) total, .* (\d+) done", done.stdout)
    assert found, done.stdout
    return int(found[2]) / seconds


def distinct_keys(gateway: Gateway, seconds: float, script: Path) -> float:
    """As many keys as wrk can ask by, each once; requests a second."""
    program = shutil.which("wrk")
    assert program, "wrk is missing: tools/deps bench"
    done = subprocess.run([program, "-t2", "-c64", f"-d{seconds:g}s", "-s", script, gateway.url()],
                          capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def admitted(log: Path) -> list[float]:
    """When requests began that were let in, in seconds, in order."""
    with log.open(encoding="ascii") as lines:
        return sorted(datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()
                      for line in lines if line.endswith(" 200\n"))


def ahead(times: list[float], limit: int, burst: int) -> tuple[float, float]:
    """How many more were let in, at any time since the first, than the burst and what the limit gives until then; and how long
    at most nobody was let in who could have been: both workers were away, or nobody asked."""
    most, latest = 0.0, 0.0
    for number, at in enumerate(times, 1):
        most = max(most, number - burst - (at - times[0]) * limit)
        latest = max(latest, at - times[0] - max(0, number - burst) / limit) if number > burst else latest
    return most, latest


def windows(times: list[float], begin: float, count: int) -> list[int]:
    """So many seconds, one after the other."""
    return [sum(begin + number <= at < begin + number + 1 for at in times) for number in range(count)]


def judge(most: float, total: int, limit: int, latest: float) -> list[str]:
    """Never one too many; and too few only for the time in which the machine let no worker run."""
    failures = [f"{most:.2f} more than the limit"] if most > 1 else []
    return failures + ([f"{-total} fewer than the limit"] if total < -1 - limit * latest else [])


def exact(options: argparse.Namespace) -> list[str]:
    """A hundred times the limit, twice, with a pause in which the burst comes back. The requests are pipelined: so many one by one
    would be more than the machine can send."""
    failures: list[str] = []
    limit = options.limit or 1000
    pipelined = "-c8", "-m64"
    with limited(f"{limit}/1s") as (gateway, admin, log):
        offered = [h2load(gateway, options.seconds, *pipelined), time.sleep(3) or 0.0,
                   h2load(gateway, options.seconds, *pipelined)]
        time.sleep(0.5)
        dropped = admin.metrics()["gatehouse_log_dropped_total"]
        times = admitted(log)
    cut = next(number for number in range(1, len(times)) if times[number] - times[number - 1] > 2)
    print(f"limit {limit}/1s, a burst of as many, 2 workers; offered {offered[0]:.0f} and {offered[2]:.0f}/s, "
          f"{offered[0] / limit:.0f} and {offered[2] / limit:.0f} times as much; {dropped:.0f} lines of the log dropped")
    for part in times[:cut], times[cut:]:
        whole = int(part[-1] - part[0])
        counts = windows(part, part[0], whole)
        total = sum(counts) - limit * (whole + 1)
        most, latest = ahead(part, limit, limit)
        print(f"  the burst and the limit in the first second ({counts[0]}), then {min(counts[1:])} to {max(counts[1:])} in "
              f"each, in all {total:+d}; ahead of the limit by {most:.2f} at most, behind it by {latest * 1e3:.0f} ms at most")
        failures += judge(most, total, limit, latest)
    if min(offered[0], offered[2]) < 100 * limit:
        failures.append(f"only {min(offered[0], offered[2]) / limit:.0f} times the limit was offered")
    return failures


def steady(gateway: Gateway, rate: int, seconds: float) -> float:
    """A steady rate: so many clients, each with an even share of it."""
    clients = 20
    return h2load(gateway, seconds, f"-c{clients}", "-m1", f"--rps={rate / clients}")


def constant(options: argparse.Namespace) -> list[str]:
    """Twice the limit for a minute: a limiter that counted refused requests would let in fewer and fewer."""
    limit = options.limit or 1000
    with limited(f"{limit}/1s") as (gateway, admin, log):
        offered = steady(gateway, 2 * limit, options.seconds)
        time.sleep(0.5)
        dropped = admin.metrics()["gatehouse_log_dropped_total"]
        times = admitted(log)
    counts = windows(times, times[0], int(times[-1] - times[0]))
    total, (most, latest) = sum(counts) - limit * (len(counts) + 1), ahead(times, limit, limit)
    print(f"limit {limit}/1s, offered {offered:.0f}/s for {options.seconds:g} s: {min(counts[2:])} to {max(counts[2:])} admitted "
          f"in a second, in all {total:+d} of {limit * (len(counts) + 1)}; ahead of the limit by {most:.2f} at most, behind it by "
          f"{latest * 1e3:.0f} ms at most; {dropped:.0f} lines of the log dropped")
    return judge(most, total, limit, latest)


def distinct(options: argparse.Namespace) -> list[str]:
    """Each request by a key of its own."""
    with limited("1/1h", by="header:X-Key") as (gateway, admin, log), tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "keys.lua"
        script.write_text(LUA_KEYS, encoding="ascii")
        begin, most, asked = resident_bytes(gateway.pid), 0, 0.0
        table = 0
        while asked < options.keys:
            asked += 5 * distinct_keys(gateway, 5, script)
            log.write_text("")
            now, resident = admin.metrics()["gatehouse_rate_limit_evictions_total"], resident_bytes(gateway.pid)
            table = table or resident if now else 0
            most = max(most, resident)
            print(f"  {asked:.0f} keys: resident {resident / MIB:.1f} MiB, {now:.0f} evictions")
    print(f"resident {begin / MIB:.1f} MiB before, {table / MIB:.1f} when the table was full, {most / MIB:.1f} at most")
    return [] if not table or most < table + 4 * MIB else ["memory grew with the number of keys"]
