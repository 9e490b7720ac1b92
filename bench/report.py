# SPDX-License-Identifier: Apache-2.0
"""Telling what was measured: the table on the terminal, and docs/benchmarks.md.

The rows of every full-length job are kept in build/bench/results.json. The page is written from them when
every job is there, so that one job can be run again and only its rows change.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs import JOBS, Row
from lab import OUTPUT, TOP
from proxies import first_line, program

RESULTS = OUTPUT / "results.json"
PAGE = TOP / "docs" / "benchmarks.md"
QUIET = 1.0  # the load average of a machine that is not quite idle
HEADINGS = ("what", "gatehouse", "nginx", "HAProxy", "figure", "target", "")

INTRODUCTION = """\
# Benchmarks

Written by `make bench` (`bench/run`); do not edit. Every figure can be had again with the job named below:
`bench/run JOB`.

**How it is measured.** One run after the other scatters by 20 to 30 % on a shared machine, so runs are paired:
the gateway and a peer stand pinned to one processor and work at the same time, each under a wrk of its own
({connections} keep-alive connections, {large} for 1 MiB answers) pinned to the other processor, before the same
fixed-response upstream (`bench/upstream.c`). HTTP/2 is asked for by h2load, and handshakes by bench/handshakes.c, in
the same way; the certificate is an ECDSA one over P-256, and nobody resumes a session. A window is {seconds:g} s of that: the CPU time of each process (all
threads, user and kernel, from the scheduler's nanosecond clock) over the requests it completed. The figure is
the median over {windows} windows of the ratio of the two. Each has one worker and does the same job: new heads with
X-Forwarded-*, Forwarded, Via and a request id, connections to the upstream kept alive (`bench/peers/`).
Absolute times are of this machine; the ratios carry over. Time in user space is what the kernel samples at its
ticks, summed over all windows.
"""


def verdict(row: Row) -> str:
    """The last column."""
    return {True: "met", False: "**missed**", None: ""}[row.is_met]


def cells(row: Row) -> list[str]:
    """The columns of a row."""
    return [row.what, row.gatehouse, row.nginx, row.haproxy, row.figure, row.target, verdict(row)]


def table(rows: Sequence[Row]) -> str:
    """A table that reads as text and as Markdown."""
    lines = [list(HEADINGS), *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    text = ["| " + " | ".join(line) + " |" for line in padded]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def machine() -> dict[str, str]:
    """What the figures hang on."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} processors",
        "memory": f"{int(memory[1]) / (1 << 20):.0f} GiB" if memory else "?",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "TCP": f"congestion control {Path('/proc/sys/net/ipv4/tcp_congestion_control').read_text().strip()}",
        "gatehouse": first_line(program("gatehouse"), "version"),
        "commit": first_line("git", "-C", TOP, "rev-parse", "--short", "HEAD"),
        "compiler": first_line(os.environ.get("CC", "gcc"), "--version"),
        "nginx": first_line(program("nginx"), "-v"),
        "HAProxy": first_line(program("haproxy"), "-v"),
        "wrk": first_line("wrk", "-v"),
        "h2load": first_line("h2load", "--version"),
        "OpenSSL": first_line("openssl", "version"),
    }


def keep(job: str, load: float, rows: Sequence[Row]) -> None:
    """Remembers a full-length job's rows, and the load average that the run began with."""
    results = remembered()
    results[job] = {"time": time.strftime("%Y-%m-%d"), "load": load, "rows": [dataclasses.asdict(row) for row in rows]}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))


def remembered() -> dict[str, Any]:
    """What was kept, by job."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def write_page(plan: Any, connections: int, large: int) -> str:
    """Writes docs/benchmarks.md when no job is missing; says what it did."""
    results = remembered()
    missing = [job for job in JOBS if job not in results]
    if missing:
        return f"docs/benchmarks.md is left as it was: no results yet of {', '.join(missing)}"
    parts = [INTRODUCTION.format(connections=connections, large=large, seconds=plan.seconds, windows=plan.windows)]
    parts.append(table([Row(**row) for job in JOBS for row in results[job]["rows"]]))
    parts.append("\n## Machine and versions\n")
    parts.append("\n".join(f"- {name}: {value}" for name, value in machine().items()))
    parts.append("\n## Details\n")
    parts += [detail(job, results[job]) for job in JOBS]
    PAGE.write_text("\n".join(parts).rstrip() + "\n")
    return f"wrote {PAGE.relative_to(TOP)}"


def detail(job: str, result: dict[str, Any]) -> str:
    """What a job is, its command, and its windows."""
    load = f", with other work going on: load {result['load']:.1f}" if result["load"] > QUIET else ""
    lines = [f"**`bench/run {job}`** ({result['time']}{load}): {what(job)}", ""]
    lines += [f"- {line}" for row in result["rows"] for line in row["details"]]
    return "\n".join(lines) + "\n"


def what(job: str) -> str:
    """What a job is, in one line."""
    return " ".join((JOBS[job].__doc__ or "").split())


def quiet_enough() -> str:
    """A warning when somebody else is using the processors."""
    load = os.getloadavg()[0]
    return f"other work is going on here (load {load:.1f}); ratios scatter more" if load > QUIET else ""

