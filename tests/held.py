# SPDX-License-Identifier: Apache-2.0
"""Threads of the gateway that are held, as a debugger would: what is done meanwhile is done without them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

import pytest

from gatehouse import Gateway

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17  # of ptrace(2)
WALL = 0x40000000  # __WALL of wait(2): threads too


def trace(request: int, thread: int) -> None:
    """One call of ptrace(2)."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(request, thread, None, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def all_but_the_first(gateway: Gateway) -> Iterator[int]:
    """All threads but the first, which reads the configuration and answers at the admin address; how many. Those that are
    held should be waiting, not in the middle of something that the first one waits for."""
    threads = sorted(int(name) for name in os.listdir(f"/proc/{gateway.pid}/task") if int(name) != gateway.pid)
    with contextlib.ExitStack() as held:
        for thread in threads:
            try:
                trace(SEIZE, thread)
            except PermissionError as why:
                if thread != threads[0]:
                    raise
                pytest.skip(f"no process may be traced here: {why}")
            held.callback(trace, DETACH, thread)
            trace(INTERRUPT, thread)
            os.waitpid(thread, WALL)
        yield len(threads)
