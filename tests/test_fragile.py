# SPDX-License-Identifier: Apache-2.0
"""What `torture.py` does at length, in small: upstreams that break off at the worst moments (fragile.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fragile
from gatehouse import Gateway

StartGateway = Callable[..., Gateway]


def starts(gateway: StartGateway, **retries: Any) -> Callable[[str], Gateway]:
    """A gateway in front of the upstream, with two workers."""
    return lambda address: gateway(fragile.config(address, **retries), workers=2)


def test_no_post_comes_twice(gateway: StartGateway) -> None:
    """Whatever the upstream does, at whichever byte; and what is answered with 200 has come once."""
    posted = fragile.post_through(starts(gateway), 2000)
    print(posted)
    assert (posted.duplicates, posted.unknown) == (0, 0)
    assert set(posted.outcome.statuses) <= {0, 200, 502}  # 0: an answer that the upstream broke off
    assert posted.outcome.statuses[200] > 500
    assert posted.outcome.statuses[502] > 100
    assert all(posted.failures.values()), posted.failures


@pytest.mark.parametrize("method, may_fail", [("GET", 0), ("POST", 0.05)])
def test_connections_that_close_when_they_are_used_again(gateway: StartGateway, method: str, may_fail: float) -> None:
    """How many POSTs meet a close is the machine's, up to 2 of 100 closes; 9 to 22 if age did not count."""
    outcome, closes = fragile.ask_at_close(starts(gateway), method, 800)
    print(outcome, closes)
    assert closes > 20
    assert sum(outcome.statuses.values()) - outcome.statuses[200] <= may_fail * closes


def test_a_service_that_fails_everything_is_asked_a_fifth_more(gateway: StartGateway) -> None:
    sent, windows = fragile.ask_steadily(starts(gateway, budget=20), 200, 3)
    assert sent == 600
    assert max(windows) <= 1.2 * sent + 10
    assert sum(windows) / 10 <= 1.2 * sent + 10
