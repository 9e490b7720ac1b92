# SPDX-License-Identifier: Apache-2.0
"""One deadline for all of a request: through tries and their waits, and on to the service that answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from test_retries import Moody, ask, config, hang
from upstream import OK_ANSWER, Upstream, UpstreamConnection

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]

NAME = "X-Request-Timeout"


def told(service: Upstream) -> list[int]:
    """What the service was told, request by request."""
    values = [[value for name, value in request.fields if name.lower() == NAME.lower()] for request in service.requests]
    assert all(len(value) == 1 for value in values), values
    return [int(value[0]) for value in values]


@pytest.mark.parametrize("timeouts, low, high", [
    ({}, 14_000, 15_000),
    ({"response": "3s"}, 2_000, 3_000),
    ({"response": "1h", "total": "9s"}, 5_000, 9_000),
    ({"response": "2s", "total": "9s"}, 1_000, 2_000),
])
def test_the_service_is_told_how_long_anybody_waits(upstream: StartUpstream, gateway: StartGateway,
                                                    timeouts: dict[str, str], low: int, high: int) -> None:
    service = upstream()
    running = gateway(config(service.address, timeouts={"pass": NAME, **timeouts}))
    assert ask(running).status == 200
    assert low <= told(service)[0] <= high


@pytest.mark.parametrize("says, low, high", [
    ("3000", 1_000, 3_000),
    ("0003000", 1_000, 3_000),
    ("99999999", 5_000, 9_000),
    ("99999999999999999999999999", 5_000, 9_000),
    ("-1", 5_000, 9_000),
    ("soon", 5_000, 9_000),
    ("", 5_000, 9_000),
])
def test_a_client_can_take_time_and_not_give_it(upstream: StartUpstream, gateway: StartGateway, says: str, low: int,
                                                high: int) -> None:
    service = upstream()
    running = gateway(config(service.address, timeouts={"pass": NAME, "total": "9s"}))
    for name in (NAME, NAME.lower()):
        assert ask(running, fields=f"{name}: {says}\r\n").status == 200
    assert all(low <= value <= high for value in told(service)), told(service)


def test_a_clients_deadline_is_kept(upstream: StartUpstream, gateway: StartGateway) -> None:
    moody = Moody(1, hang)
    running = gateway(config(upstream(serve=moody.serve).address, timeouts={"pass": NAME}))
    assert ask(running, fields=f"{NAME}: 200\r\n").status == 504
    # Without the option the field is the service's own affair.
    service = upstream()
    running = gateway(config(service.address))
    assert ask(running, fields=f"{NAME}: 1\r\n").status == 200
    assert told(service) == [1]


def test_each_try_is_told_anew(upstream: StartUpstream, gateway: StartGateway) -> None:
    """The second one has less time, by what the first took."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        if len(service.requests) == 1:
            connection.read_until_closed()
        else:
            connection.send(OK_ANSWER)

    service = upstream(serve=serve)
    running = gateway(config(service.address, timeouts={"pass": NAME, "response": "1500ms", "total": "2s"},
                             retries={"on": ["timeout"]}))
    assert ask(running).status == 200
    first, second = told(service)
    assert 1_000 <= first <= 1_500
    assert second <= 500
    assert running.wait_for_log(1)[0]["attempts"] == 2


def test_tries_end_with_the_total(upstream: StartUpstream, gateway: StartGateway) -> None:
    """Ten tries of a second each, and one second for all of them."""
    moody = Moody(10, hang)
    running = gateway(config(upstream(serve=moody.serve).address, timeouts={"response": "600ms", "total": "1s"},
                             retries={"on": ["timeout"], "attempts": 10}))
    begin = time.monotonic()
    assert ask(running).status == 504
    assert time.monotonic() - begin < 5
    assert len(moody.requests) == 2


def test_an_api_may_say_otherwise(upstream: StartUpstream, gateway: StartGateway) -> None:
    service = upstream()
    document: dict[str, Any] = config(service.address)
    document["apis"] = {"all": {"upstream": "app", "timeouts": {"pass": NAME, "response": "4s"}}}
    running = gateway(document)
    assert ask(running).status == 200
    assert 1_000 <= told(service)[0] <= 4_000


@pytest.mark.parametrize("name", ["Host", "Content-Length", "content_length", "Transfer-Encoding", "X-Forwarded-For", "a b", ""])
def test_names_with_a_meaning_are_refused(gateway: StartGateway, tmp_path: Any, name: str) -> None:
    file = tmp_path / "gatehouse.yaml"
    file.write_text("listeners: { main: { address: 127.0.0.1:0 } }\n"
                    f"upstreams: {{ app: {{ endpoints: [127.0.0.1:1], timeouts: {{ pass: '{name}' }} }} }}\n"
                    "apis: { all: { upstream: app } }\n")
    done = run_command("check", "-c", file)
    assert done.returncode == 1
    assert "upstreams.app.timeouts.pass: want a header's name that has no meaning yet" in done.stdout + done.stderr
