# SPDX-License-Identifier: Apache-2.0
"""Every attack of the data: refused, passed on or cut off as it says, however its bytes come.

Each test is one case on many connections at once. The gateway and the upstream serve all cases that one process
of pytest runs; what an upstream saw is told by the answers, which bear the number of the request they answer.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from attacks import (Case, GOOD_IN_H2, PATIENCE, LAST, NO_TRAILERS, HOP_BY_HOP, WATCHED, Probe, Translation,
                     check_forwarded, end_to_end, few_probes, folded, gateway_config, load, lower, messages, probes,
                     send_all, splits, translate)
from gatehouse import Gateway
from h2_frames import END_HEADERS, END_STREAM, Client, block, continuation, headers
from issuer import jwk_of, make_key
from tls import secure
from upstream import Upstream, UpstreamConnection
from wire import Answer, Connection, Reader, Request, Truncated, wait_until

CLIENT_CASES = [*load("attacks.json"), *load("more-attacks.json", "client")]
UPSTREAM_CASES = [*load("upstream-attacks.json"), *load("more-attacks.json", "upstream")]
LAST_STREAM = 101  # of HTTP/2: the question whether the connection serves on
SLOW_CASES = [case for case in CLIENT_CASES if case.category == "timeout"]
QUICK_CASES = [case for case in CLIENT_CASES if case.category != "timeout"]

# Where a case holds more than one message: what is answered, in order.
SEVERAL = {
    "chunk-036": [200, 401],
    "cl-033": [200, 400],
    "hop-011": [200, 401],
    "hop-012": [200, 401],
    "lim-015": [200] * 50,
}

# What is wrong with the tokens, each of which would be good but for that.
TOKEN_REASONS = {
    **dict.fromkeys(("jwt-001", "jwt-002", "jwt-003", "jwt-012"), "token_algorithm"),
    **dict.fromkeys(("jwt-006", "jwt-009", "jwt-010", "jwt-011", "jwt-024"), "token_signature"),
    **dict.fromkeys(("jwt-007", "jwt-016", "jwt-018", "jwt-019", "jwt-020", "jwt-025", "spoof-018"), "token_malformed"),
    "jwt-014": "token_key_unknown",
    "jwt-023": "token_missing",
}

# After a 400 of these nothing that follows may be parsed.
CLOSING = {"chunked", "header-syntax", "host", "request-line", "smuggling-cl", "smuggling-cl-te", "smuggling-te",
           "version", "hop-by-hop", "framing"}

# These break off where the upstream's connection ends; all others are decided by their bytes.
NEED_END = {"uch-001", "uch-002", "uch-020", "uin-009", "ust-019", "ust-020", "utm-006"}
# Tests of their own, below; and what only TLS can tell.
OWN_TESTS = {"utm-003", "utm-004", "utm-005"}
# Cut off before any of it was passed on, a 502 is as good.
EITHER = {"uch-018", "utm-006"}
TLS_ONLY = {"ufr-032": "forward"}
HEAD_CASES = {"unb-004", "unb-005", "unb-006"}
# There is more behind the answer, so that connection is not used again.
NOT_REUSED = {"ufr-027", "ufr-028", "uch-017", "uin-004", "unb-001", "unb-005", "ufr-034"}

WEBSOCKET = (b"GET /ws/x HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Plan: %d\r\n\r\n")


class Service:
    """The upstream of all cases: numbers the requests it gets, and says what a case wants said."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.accounted = 0
        self.plans: list[list[bytes]] = []
        self.case = ""
        self.ends = True
        self.said = 0
        self.reused: list[str] = []
        self.upstream = Upstream(serve=self.serve)

    def number(self, request: Request) -> int:
        """Records it."""
        with self.lock:
            self.requests.append(request)
            return len(self.requests) - 1

    def serve(self, connection: UpstreamConnection) -> None:
        """One connection. It stays open behind a plan that wants that, to be seen if it is used again."""
        case = ""
        while request := connection.read_request():
            plan = request.get("x-plan")
            if case:
                self.reused.append(case)
            if plan is None:
                connection.send(self.answer(request))
                continue
            case = self.case
            pieces = self.plans[int(plan)]
            for i, piece in enumerate(pieces):
                if i and i < WATCHED:  # so that the gateway looks at what it has by itself
                    time.sleep(0.02 if len(pieces) == 2 else 0.0002)
                connection.send(piece)
            with self.lock:
                self.said += 1
            if self.ends:
                connection.end()
                return

    def answer(self, request: Request) -> bytes:
        """200 with the request's number and target."""
        body = b"" if request.method == "HEAD" else request.target.encode("latin-1")
        return b"HTTP/1.1 200 OK\r\nX-Seen: %d\r\nContent-Length: %d\r\n\r\n%s" % (
            self.number(request), len(body), body)


class House:
    """A gateway with its service, and how far its log has been looked at."""

    def __init__(self, stack: contextlib.ExitStack, directory: Path, seconds: float | None, wire: str = "h1"):
        self.service = Service()
        stack.callback(self.service.upstream.stop)
        self.key = make_key()
        jwks = directory / "jwks.json"
        jwks.write_text(json.dumps({"keys": [jwk_of(self.key, "k1")]}), encoding="utf-8")
        config = gateway_config(self.service.upstream.address, seconds, jwks)
        self.wire = wire
        self.tls: ssl.SSLContext | None = None
        if wire == "tls":
            config["listeners"]["main"]["tls"], self.tls = secure(directory, "http/1.1")
        config["listeners"]["main"]["protocols"] = ["h2", "h1"] if wire == "h2" else ["h1"]
        self.gateway = Gateway(config, directory)
        stack.callback(self.gateway.stop)
        self.lines = 0

    def log_by_port(self, count: int) -> dict[int, list[dict[str, Any]]]:
        """The next lines of the log, `count` of them, by the client's port."""
        self.gateway.output.wait_for(lambda lines: len(lines) >= self.lines + count, PATIENCE)
        lines = self.gateway.output.snapshot()[self.lines:]
        assert len(lines) == count, f"{len(lines)} lines in the log for {count} exchanges: {lines[:5]}"
        self.lines += count
        by_port: dict[int, list[dict[str, Any]]] = {}
        for line in lines:
            entry = json.loads(line)
            by_port.setdefault(entry["client_port"], []).append(entry)
        return by_port

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """A case that fails is not to make the next ones fail, unless the gateway is gone."""
        assert self.gateway.process.poll() is None, self.gateway.errors
        try:
            yield
        except BaseException:
            time.sleep(0.5)
            assert self.gateway.process.poll() is None, self.gateway.errors
            self.service.accounted = len(self.service.requests)
            self.lines = len(self.gateway.output.snapshot())
            raise

    def check_end(self) -> None:
        """Nothing came late, and nothing malformed, nothing of /admin."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(self.service.requests) != self.service.accounted, "", 0.05)
        assert len(self.service.requests) == self.service.accounted
        assert len(self.gateway.output.snapshot()) == self.lines
        assert not self.service.upstream.violations
        assert not any(request.target.startswith("/admin") for request in self.service.requests)
        if self.wire != "h2":  # where such words may be content
            assert not re.search(rb"^[A-Z]+ /admin", self.service.upstream.received, re.MULTILINE)


def start_house(factory: pytest.TempPathFactory, seconds: float | None = 60, wire: str = "h1") -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        house = House(stack, factory.mktemp("attacks"), seconds, wire)
        yield house
        house.check_end()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """For all cases that are not about time: nothing is decided by a timeout."""
    yield from start_house(tmp_path_factory)


@pytest.fixture(scope="module")
def hasty_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With the timeouts of gateway.yaml."""
    yield from start_house(tmp_path_factory, None)


@pytest.fixture(scope="module")
def tls_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With TLS."""
    yield from start_house(tmp_path_factory, wire="tls")


@pytest.fixture(scope="module")
def h2_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With HTTP/2."""
    yield from start_house(tmp_path_factory, wire="h2")


def closes(answer: Answer) -> bool:
    """Whether the gateway says that the connection ends."""
    return answer.version == "HTTP/1.0" or answer.get("connection") == "close"


def wanted_statuses(case: Case) -> list[int | None]:
    """Of each answer; None stands for any refusal."""
    if case.expect == "forward-normalised":
        return list(case.more.get("answers") or SEVERAL.get(case.id, [200]))
    if case.expect == "close":
        return []
    return [case.expect if isinstance(case.expect, int) else None]


def check_refusal(case: Case, answer: Answer, wanted: int | None) -> None:
    """Status, and a problem document that tells it too."""
    assert answer.status >= 400
    assert wanted is None or answer.status == wanted, f"{answer.status} instead of {wanted}"
    if answer.status == 400 and case.category in CLOSING:
        assert answer.get("connection") == "close"
    if answer.status == 401:
        assert (answer.get("www-authenticate") or "").startswith("Bearer")
    if answer.body:
        assert answer.get("content-type") == "application/problem+json"
        assert f'"status":{answer.status}'.encode() in answer.body


def check_answers(house: House, case: Case, probe: Probe) -> None:
    """Reads and checks everything that the gateway says on a connection, to its end."""
    sent = messages(case.meaning) if case.is_legal else []
    method = case.raw.removeprefix(b"\r\n").partition(b" ")[0].decode("latin-1")
    if probe.is_behind:
        assert probe.read().status == 200
    for i, wanted in enumerate(wanted_statuses(case)):
        answer = probe.read(method)
        if wanted != 200:
            check_refusal(case, answer, wanted)
            continue
        assert answer.status == 200
        check_forwarded(sent[i], house.service.requests[int(answer.get("x-seen") or "")], house.gateway.port(),
                        "https" if house.tls else "http")
    if case.expect == "close":
        probe.connection.send_end()
    elif not closes(probe.answers[-1]):
        probe.connection.send(LAST)
        assert probe.read().body == b"/public/last"
    assert probe.connection.is_closed_by_server(), "bytes behind the last answer"
    assert not probe.connection.was_reset or case.expect == "close", "the answer could have been lost"


def check_log(case: Case, probe: Probe, entries: list[dict[str, Any]]) -> None:
    """One line for each answer, and why it was refused."""
    statuses = [answer.status for answer in probe.answers] + ([499] if case.expect == "close" else [])
    assert [entry["status"] for entry in entries] == statuses
    for entry in entries:
        reason = entry.get("reason", "")
        assert reason != "unknown"
        assert bool(reason) == (entry["status"] >= 400), entry
        assert case.id not in TOKEN_REASONS or reason in ("", TOKEN_REASONS[case.id]), entry


def run_case(house: House, case: Case, batch: list[Probe]) -> None:
    """Sends the case in each way, and checks what came of it everywhere."""
    with house.settled(), contextlib.ExitStack() as stack:
        asked = send_all(house.gateway.address(), batch, house.tls)
        for probe in batch:
            stack.callback(probe.connection.close)
        for probe in batch:
            try:
                check_answers(house, case, probe)
            except (AssertionError, TimeoutError, Truncated) as why:
                raise AssertionError(f"{case.id} ({case.note}), {probe.name}: {type(why).__name__} {why}") from why
        seen = [int(answer.get("x-seen") or "") for probe in batch for answer in probe.answers
                if answer.status == 200]
        assert len(seen) == len(set(seen))
        assert len(house.service.requests) - house.service.accounted == len(seen), "the upstream got more than was sent"
        house.service.accounted += len(seen)
        count = asked + sum(len(probe.answers) for probe in batch) + (len(batch) if case.expect == "close" else 0)
        by_port = house.log_by_port(count)
        for probe in batch:
            check_log(case, probe, by_port[probe.port])


@pytest.mark.parametrize("case", QUICK_CASES, ids=lambda case: case.id)
def test_client_attack(house: House, case: Case) -> None:
    run_case(house, case, probes(case.raw))


@pytest.mark.parametrize("case", [case for case in QUICK_CASES if case.expect != "close"], ids=lambda case: case.id)
def test_client_attack_over_tls(tls_house: House, case: Case) -> None:
    run_case(tls_house, case, few_probes(case.raw))


SPOOF_CASES = [case for case in QUICK_CASES if case.category == "header-spoof" and case.is_legal
               and case.raw.startswith(b"GET /public/")]
H2_CASES = [(case, translation) for case in QUICK_CASES if (translation := translate(case))]


@pytest.mark.parametrize("case, sent", H2_CASES, ids=[case.id for case, _ in H2_CASES])
def test_client_attack_as_http2(h2_house: House, case: Case, sent: Translation) -> None:
    """The same refusal, or the same request for the upstream; then the connection serves on, or it said why not."""
    house, address = h2_house, h2_house.gateway.address()
    with house.settled(), Client(address) as client:
        client.start()
        port = client.socket.getsockname()[1]
        flags = END_HEADERS | (0 if sent.body else END_STREAM)
        client.send(*head_frames(1, block(sent.fields), flags))
        client.send_body(1, sent.body)
        stream = client.stream(1)
        assert client.pump(lambda: stream.is_over or client.goaway), client.story()
        status = stream.status
        if (case.is_legal or case.id in GOOD_IN_H2) and not sent.is_malformed:
            assert status == 200, client.story()
            answer = Answer("HTTP/2", fields=stream.fields, status=status, body=stream.body)
            got = house.service.requests[int(answer.get("x-seen") or "")]
            check_forwarded(sent.as_request(case), got, house.gateway.port())
            house.service.accounted += 1
        else:
            assert status >= 400 or stream.code is not None or client.goaway, client.story()
            assert status in (0, 400, case.expect) or not isinstance(case.expect, int) or sent.is_malformed, status
        if not client.goaway:
            client.send(headers(LAST_STREAM, block([(":method", "GET"), (":scheme", "http"), (":path", "/nowhere"),
                                                    (":authority", "gw.test")])))
            last, = client.wait(LAST_STREAM)
            assert last.status == 404
        lines = house.log_by_port((2 if status else 1) if not client.goaway else 0)
        assert not lines or [entry["status"] for entry in lines[port]][-1] == 404
    assert len(house.service.requests) == house.service.accounted, "it reached the upstream"


def of_alice(house: House) -> str:
    """A token that lets in."""
    claims = {"iss": "https://idp.test", "aud": "gw", "sub": "alice", "exp": 4102444800}
    return jwt.encode(claims, house.key, "RS256", headers={"kid": "k1"})


def check_identified(house: House, sent: Request, number: int) -> None:
    """The upstream is told who that is by the gateway, and what a client may say besides."""
    got = house.service.requests[number]
    assert [value for name, value in got.fields if folded(name) == "x-user-id"] == ["alice"]
    got.fields = [field for field in got.fields if field[0] != "X-User-Id"]
    check_forwarded(sent, got, house.gateway.port(), "https" if house.tls else "http")


@pytest.mark.parametrize("wire", ["house", "tls_house"])
@pytest.mark.parametrize("case", SPOOF_CASES, ids=lambda case: case.id)
def test_spoofed_names_on_a_protected_route(request: pytest.FixtureRequest, wire: str, case: Case) -> None:
    house: House = request.getfixturevalue(wire)
    bearer = f"Authorization: Bearer {of_alice(house)}\r\nConnection: close\r\n\r\n".encode()
    raw = case.raw.replace(b"/public/", b"/guarded/").removesuffix(b"\r\n") + bearer
    assert b"/guarded/" in raw
    with house.settled(), Connection(house.gateway.address(), PATIENCE, house.tls) as client:
        client.send(raw)
        answer = client.read_answer()
        assert answer.status == 200
        check_identified(house, messages(raw)[0], int(answer.get("x-seen") or ""))
        house.service.accounted += 1
        house.log_by_port(1)


@pytest.mark.parametrize("case", SPOOF_CASES, ids=lambda case: case.id)
def test_spoofed_names_on_a_protected_route_of_http2(h2_house: House, case: Case) -> None:
    house, sent = h2_house, translate(case)
    assert sent
    sent.fields = [(name, value.replace("/public/", "/guarded/") if name == ":path" else value)
                   for name, value in sent.fields] + [("authorization", f"Bearer {of_alice(house)}")]
    meant = sent.as_request(case)
    meant.target = dict(sent.fields[:4])[":path"]
    with house.settled(), Client(house.gateway.address()) as client:
        client.start()
        client.send(*head_frames(1, block(sent.fields), END_HEADERS | END_STREAM))
        stream, = client.wait(1)
        assert stream.status == 200, client.story()
        number = Answer("HTTP/2", fields=stream.fields, status=200).get("x-seen")
        check_identified(house, meant, int(number or ""))
        house.service.accounted += 1
        house.log_by_port(1)


def head_frames(stream: int, fields: bytes, flags: int) -> list[bytes]:
    """HEADERS, and what of it does not fit into one frame as CONTINUATION."""
    pieces = [fields[i:i + 16384] for i in range(0, len(fields), 16384)]
    if len(pieces) == 1:
        return [headers(stream, fields, flags)]
    return [headers(stream, pieces[0], flags & ~END_HEADERS),
            *(continuation(stream, piece, 0) for piece in pieces[1:-1]), continuation(stream, pieces[-1])]


def test_slow_clients_are_told_so_in_time(hasty_house: House) -> None:
    """All of them at once: each 408 comes after the 2 s of gateway.yaml, give or take one."""
    house = hasty_house
    batch = [(case, probe) for case in SLOW_CASES
             for probe in (Probe("whole", [case.raw]), Probe("split", [case.raw[:9], case.raw[9:]]))]
    begin = time.monotonic()
    asked = send_all(house.gateway.address(), [probe for _, probe in batch])
    for case, probe in batch:
        answer = probe.read()
        taken = time.monotonic() - begin
        assert answer.status == 408, case.id
        assert 1 <= taken <= 3, f"{case.id}: {taken:.2f} s"
        assert answer.get("connection") == "close"
        assert probe.connection.is_closed_by_server()
        probe.connection.close()
    by_port = house.log_by_port(asked + len(batch))
    for case, probe in batch:
        check_log(case, probe, by_port[probe.port])
    assert not house.service.requests


# What upstreams answer.


def wanted_answer(case: Case) -> Answer:
    """What a strict client would make of the upstream's bytes."""
    answer = Reader.over(case.meaning).answer(method_of(case))
    assert answer
    return answer


def method_of(case: Case) -> str:
    """What the client asks with."""
    return "HEAD" if case.id in HEAD_CASES or case.more.get("method") == "HEAD" else "GET"


def request_for(case: Case, plan: int) -> bytes:
    """The request that is answered by that plan."""
    if case.id in ("uin-012", "uin-016") or case.more.get("websocket"):
        return WEBSOCKET % plan
    return f"{method_of(case)} /public/x HTTP/1.1\r\nHost: gw.test\r\nX-Plan: {plan}\r\n\r\n".encode()


def check_passed_on(case: Case, answer: Answer) -> None:
    """The upstream's answer, without what is not the client's."""
    wanted = wanted_answer(case)
    assert (answer.status, answer.body) == (wanted.status, wanted.body)
    assert not answer.names() & (HOP_BY_HOP - {"transfer-encoding", "connection"})
    assert not [name for name in answer.names() if folded(name).startswith("x-gw-")]
    kept = [(name, value) for name, value in end_to_end(wanted.fields) if not name.startswith("x-gw-")]
    assert [(name, value) for name, value in end_to_end(answer.fields) if name != "via"] == kept
    assert lower(answer.trailers) == [(n, v) for n, v in lower(wanted.trailers) if n not in NO_TRAILERS]
    assert {interim.status for interim in answer.interim} <= {103}
    if answer.status == 204:
        assert not answer.all("content-length")
    if case.id == "unb-004":
        assert answer.get("content-length") == "100"


def expected_of(case: Case) -> str | int:
    """What must come of it over plain TCP."""
    return TLS_ONLY.get(case.id, case.expect)


def read_outcome(case: Case, probe: Probe) -> int:
    """Checks what the client gets for the case; the status that the log will have."""
    expected = expected_of(case)
    if expected == "close-mid-body":
        reader = probe.connection.reader
        head = reader.head_of_answer()
        if head.status == 502 and case.id in EITHER:
            assert reader.framed_body(head)
            return 502
        assert head.status == wanted_head(case)
        try:
            assert not reader.framed_body(head), "the answer came to a proper end"
        except Truncated:
            return head.status
        raise AssertionError("the answer came to a proper end")
    answer = probe.read(method_of(case))
    if expected == 502:
        assert answer.status == 502
        assert answer.get("content-type") == "application/problem+json"
        assert answer.get("proxy-status")
        assert not answer.interim or case.raw.startswith(b"HTTP/1.1 1")
    else:
        check_passed_on(case, answer)
    return answer.status


def wanted_head(case: Case) -> int:
    """The status of an answer whose body is broken."""
    return Reader.over(case.raw).head_of_answer().status


def ask_again(house: House, probe: Probe) -> int:
    """A good request behind the case gets its own answer and nothing else. How many lines it leaves."""
    if not probe.answers or closes(probe.answers[-1]):
        answer = house.gateway.get("/public/last")
    else:
        probe.connection.send(LAST)
        answer = probe.read()
        assert probe.connection.is_closed_by_server()
    assert (answer.status, answer.body) == (200, b"/public/last")
    return 1


def run_upstream_case(house: House, case: Case, ends: bool) -> None:
    """Every way for an upstream to say it, all at once."""
    service = house.service
    service.plans = list(splits(case.raw).values()) if case.raw else [[]]
    service.case, service.ends, service.said = case.id, ends, 0
    ways = list(splits(case.raw)) if case.raw else ["nothing"]
    batch = [Probe(name, [request_for(case, i)]) for i, name in enumerate(ways)]
    outcomes = {}
    with house.settled(), contextlib.ExitStack() as stack:
        asked = send_all(house.gateway.address(), batch)
        for probe in batch:
            stack.callback(probe.connection.close)
        for probe in batch:
            try:
                outcomes[probe.port] = read_outcome(case, probe)
            except (AssertionError, TimeoutError, Truncated) as why:
                raise AssertionError(f"{case.id} ({case.note}), {probe.name}: {type(why).__name__} {why}") from why
        wait_until(lambda: service.said >= len(batch), "the upstream's last words")
        for probe in batch:
            ask_again(house, probe)
        service.accounted = len(service.requests)
        if case.id in NOT_REUSED or case.more.get("not_reused"):
            assert case.id not in service.reused
        by_port = house.log_by_port(asked + 2 * len(batch))
        for probe in batch:
            entry = by_port[probe.port][0]
            assert entry["status"] == outcomes[probe.port]
            is_good = isinstance(expected_of(case), str) and expected_of(case) == "forward"
            assert bool(entry.get("reason")) != is_good, entry
            assert entry.get("reason") != "unknown"


GENERIC_UPSTREAM_CASES = [case for case in UPSTREAM_CASES if case.id not in OWN_TESTS]


@pytest.mark.parametrize("case", GENERIC_UPSTREAM_CASES, ids=lambda case: case.id)
def test_upstream_attack(house: House, case: Case) -> None:
    run_upstream_case(house, case, ends=True)
    if case.id not in NEED_END | set(TLS_ONLY) and not case.more.get("needs_end") and not is_until_close(case):
        run_upstream_case(house, case, ends=False)


def is_until_close(case: Case) -> bool:
    """Whether only the end of the connection ends the answer."""
    try:
        return expected_of(case) == "forward" and wanted_answer(case).until_close
    except Truncated:
        return False


# The upstream's attacks that are about time.


def raw_of(name: str) -> bytes:
    """A case's bytes."""
    return next(case.raw for case in UPSTREAM_CASES if case.id == name)


def read_head(connection: UpstreamConnection) -> None:
    """Only the head of a request."""
    while connection.reader.line():
        pass


def test_an_answer_before_the_upload_has_ended(upstream: Callable[..., Upstream],
                                               gateway: Callable[..., Gateway]) -> None:
    """utm-003: it is passed on at once, and the connection ends, for the rest of the body is nobody's."""

    def serve(connection: UpstreamConnection) -> None:
        read_head(connection)
        connection.send(raw_of("utm-003"))
        connection.read_until_closed()

    running = gateway(gateway_config(upstream(serve=serve).address, 60))
    with running.connect() as client:
        client.send(b"POST /public/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 60000\r\n\r\n" + b"x" * 100)
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.get("connection") == "close"
        assert client.is_closed_by_server()
    assert [entry["status"] for entry in running.wait_for_log(1)] == [200]


def test_an_upstream_that_falls_silent(upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]) -> None:
    """utm-004: after the time without a byte the client's connection is cut."""

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(raw_of("utm-004"))
        connection.read_until_closed()

    running = gateway(gateway_config(upstream(serve=serve).address))
    with running.connect() as client:
        begin = time.monotonic()
        client.send(b"GET /public/x HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert client.reader.head_of_answer().status == 200
        assert client.read_bytes(10) == b"5\r\nhello\r\n"
        assert client.read_until_closed() == b""
        assert time.monotonic() - begin >= 1
    entry, = running.wait_for_log(1)
    assert (entry["status"], entry["reason"]) == (200, "upstream_read_timeout")


def test_an_event_is_passed_on_at_once(upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]) -> None:
    """utm-005: the event is here although nothing follows; then the upstream dies, and so does the answer."""
    may_die = threading.Event()

    def serve(connection: UpstreamConnection) -> None:
        connection.read_request()
        connection.send(raw_of("utm-005"))
        assert may_die.wait(PATIENCE)
        connection.reset()

    running = gateway(gateway_config(upstream(serve=serve).address, 60))
    with running.connect() as client:
        begin = time.monotonic()
        client.send(b"GET /public/x HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        assert client.reader.head_of_answer().get("content-type") == "text/event-stream"
        assert client.read_bytes(16) == b"b\r\ndata: one\n\n\r\n"
        taken = time.monotonic() - begin
        print(f"the event came after {taken * 1000:.1f} ms")
        assert taken < 1
        may_die.set()
        assert client.read_until_closed() == b""
    entry, = running.wait_for_log(1)
    assert (entry["status"], entry["reason"]) == (200, "upstream_aborted")
