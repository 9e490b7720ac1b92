# SPDX-License-Identifier: Apache-2.0
"""Reloads under load, in small: `tests/reloads.py` is the whole of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STORM = Path(__file__).with_name("reloads.py")


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is missing")
def test_nobody_notices_reloads() -> None:
    """No request fails and no stream ends while configurations, listeners and endpoints come and go."""
    done = subprocess.run([sys.executable, STORM, "--seconds", "3", "--reloads", "24", "--streams", "20", "--rate", "200",
                           "--is-memory-free"], text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
