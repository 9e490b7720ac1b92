# SPDX-License-Identifier: Apache-2.0
"""The cases of data/*attacks.json: what they say, the ways to send them, and what must come of each.

A case is sent on many connections at once, each of which gets the bytes in other pieces: the first pieces on all
connections, then the second ones, and so on. Between them a request on a connection of its own waits for its
answer: when that is there the gateway has read all pieces before it, for it takes its events in order. So a split
is seen as one, and no test has to sleep for it.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from gatehouse import DATA
from wire import Address, Answer, Connection, Fields, Malformed, Reader, Request

# Up to this many bytes a case is split at every offset.
SHORT = 128
# Beyond this many, byte by byte means so at both ends only.
LONG = 20_000
LONG_END = 500
# So many of the first pieces are surely read before the next one is sent, and of the rest each sixteenth.
WATCHED = 400
# Ends a test that hangs.
PATIENCE = 10.0

GOOD = b"GET /public/good HTTP/1.1\r\nHost: gw.test\r\n\r\n"
# Answered by the gateway itself.
NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: gw.test\r\n\r\n"
LAST = b"GET /public/last HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n"

HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade",
              "http2-settings", "proxy-authenticate", "proxy-authorization", "trailer"}
# Names that a service may trust, as a service could fold them.
MANAGED = re.compile(
    r"forwarded|x-forwarded-.+|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|client-ip|"
    r"x-original-.+|x-rewrite-url|x-http-method|x-http-method-override|x-method-override|"
    r"x-user-id|x-user|x-auth-user|remote-user|x-remote-.+|x-consumer-.+|client-cert|client-cert-chain|"
    r"x-ssl-.+|ssl-client-.+|proxy|x-gw-.+|x-gatehouse-.+")
# Never in trailers (RFC 9110 section 6.5.1).
NO_TRAILERS = {"content-length", "transfer-encoding", "host", "set-cookie", "location", "authorization", "cookie",
               "content-type", "content-encoding", "cache-control", "www-authenticate"} | HOP_BY_HOP


@dataclass
class Case:
    """One entry of a file of attacks."""

    id: str
    category: str
    raw: bytes
    expect: int | str
    note: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def meaning(self) -> bytes:
        """The same in bytes that the strict reader takes, which knows no extensions of chunks, for instance."""
        return str(self.more["means"]).encode("latin-1") if "means" in self.more else self.raw

    @property
    def is_legal(self) -> bool:
        """Whether it must be passed on."""
        return self.expect in ("forward-normalised", "forward")


def load(name: str, part: str | None = None) -> list[Case]:
    """The cases of a file, or of a part of it."""
    document = json.loads((DATA / name).read_text(encoding="utf-8"))
    cases = document[part] if part else document
    known = ("id", "category", "raw", "expect", "note", "ref")
    return [Case(c["id"], c["category"], c["raw"].encode("latin-1"),
                 int(c["expect"]) if str(c["expect"]).isdigit() else c["expect"], c["note"],
                 {key: value for key, value in c.items() if key not in known}) for c in cases]


def gateway_config(endpoint: str, seconds: float | None = None, jwks: Path | None = None) -> dict[str, Any]:
    """gateway.yaml for that upstream.

    `seconds` takes the place of every timeout, for cases that are not about time, and nobody is told that a worker is
    late. `jwks` has the keys of those that /admin lets in: the issuer and the audience are those of the cases' tokens,
    so that nothing but what a case is about is wrong with it; /guarded is such another place, for good tokens. Without
    it nobody gets in there.
    """
    config = yaml.safe_load((DATA / "gateway.yaml").read_text(encoding="utf-8"))
    config["listeners"]["main"]["address"] = "127.0.0.1:0"
    config["upstreams"]["app"]["endpoints"] = [endpoint]
    token = {"issuer": "https://idp.test", "audience": "gw", "jwks": f"file:{jwks}", "algorithms": ["RS256"],
             "forward": {"X-User-Id": "sub"}}
    refusal: dict[str, Any] = {"respond": {"status": 401}}
    config["apis"]["admin"]["policies"] = [{"jwt": token} if jwks else refusal]
    config["apis"]["guarded"] = config["apis"]["admin"] | {"path": "/guarded"}
    config["log"] = {"access": {"to": "stdout", "format": "json"}}
    if seconds:
        limits, timeouts = config["listeners"]["main"]["limits"], config["upstreams"]["app"]["timeouts"]
        limits.update(dict.fromkeys(("header_timeout", "body_timeout", "idle_timeout"), f"{seconds:g}s"))
        timeouts.update(dict.fromkeys(timeouts, f"{seconds:g}s"))
    return dict(config)


# Ways to send.


def bytewise(data: bytes) -> list[bytes]:
    """Each byte alone; of what is long, those at both ends."""
    if len(data) <= LONG:
        return [data[i:i + 1] for i in range(len(data))]
    middle = data[LONG_END:-LONG_END]
    return [*bytewise(data[:LONG_END]), *(middle[i:i + 97] for i in range(0, len(middle), 97)),
            *bytewise(data[-LONG_END:])]


def splits(data: bytes) -> dict[str, list[bytes]]:
    """One write, byte by byte, and in two: in the middle, or at every offset of a short one."""
    at = range(1, len(data)) if len(data) <= SHORT else (len(data) // 2,)
    ways = {"whole": [data], "bytewise": bytewise(data)}
    ways.update({f"split at {i}": [data[:i], data[i:]] for i in at})
    return ways


class Probe:
    """A connection on which a case is sent in one of the ways."""

    def __init__(self, name: str, pieces: Sequence[bytes], *, is_behind: bool = False):
        self.name = name
        self.pieces = pieces
        self.is_behind = is_behind
        self.answers: list[Answer] = []

    def open(self, address: Address, tls: ssl.SSLContext | None = None) -> None:
        """Connects."""
        self.connection = Connection(address, PATIENCE, tls)
        self.port = self.connection.port

    def read(self, method: str = "GET") -> Answer:
        """The next answer, which must come."""
        answer = self.connection.read_answer(method)
        self.answers.append(answer)
        return answer


def probes(raw: bytes) -> list[Probe]:
    """Every way to send a case: alone, and behind a good request."""
    middle = len(raw) // 2
    return [
        *(Probe(name, pieces) for name, pieces in splits(raw).items()),
        Probe("whole, pipelined", [GOOD + raw], is_behind=True),
        Probe("whole, behind", [GOOD, raw], is_behind=True),
        Probe("bytewise, behind", bytewise(GOOD + raw), is_behind=True),
        Probe("split, behind", [GOOD + raw[:middle], raw[middle:]], is_behind=True),
    ]


def few_probes(raw: bytes) -> list[Probe]:
    """For a wire that cuts bytes into pieces of its own."""
    middle = len(raw) // 2
    return [Probe("whole", [raw]), Probe("split", [raw[:middle], raw[middle:]]),
            Probe("whole, pipelined", [GOOD + raw], is_behind=True)]


def send_all(address: Address, batch: Sequence[Probe], tls: ssl.SSLContext | None = None) -> int:
    """The first piece on every connection, then the second, and so on. What the gateway closed gets no more.

    Returns how many requests of its own it made.
    """
    for probe in batch:
        probe.open(address, tls)
    at, asked, left = 0, 0, list(batch)
    with Connection(address, PATIENCE, tls) as witness:
        while left:
            if at < WATCHED or at % 16 == 0:
                witness.send(NOWHERE)
                answer = witness.read_answer()
                assert answer.status == 404, f"{answer.status} {answer.body!r}"
                asked += 1
            left = [probe for probe in left if at < len(probe.pieces) and probe.connection.send(probe.pieces[at])]
            at += 1
    return asked


# The same as HTTP/2.

# What these are about, HTTP/2 has not: lines, versions, chunks, time between bytes.
NOT_H2 = {"chunked", "version", "timeout"}
# Host may stand beside :authority when it says the same, and :authority is not counted among the fields.
GOOD_IN_H2 = {"host-002", "more-lim-07"}
# A field of these is malformed in HTTP/2, whatever it says.
CONNECTION_SPECIFIC = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings"}


@dataclass
class Translation:
    """A case as the fields and the content of one request of HTTP/2."""

    fields: Fields
    body: bytes
    is_malformed: bool  # although it was good as HTTP/1

    def as_request(self, case: Case) -> Request:
        """What the upstream should get, before the gateway's own rules: crumbs of cookies are joined."""
        pseudo = dict(self.fields[:4])
        fields = [("host", pseudo[":authority"])]
        fields += [field for field in self.fields[4:] if field[0] not in ("cookie", "host")]
        if crumbs := [value for name, value in self.fields if name == "cookie"]:
            fields.append(("cookie", "; ".join(crumbs)))
        meant = messages(case.meaning)
        return Request("HTTP/1.1", fields, self.body, method=pseudo[":method"],
                       target=meant[0].target if meant else pseudo[":path"])


def split_head(raw: bytes) -> tuple[list[str], list[tuple[str, str]], bytes] | None:
    """Request line, fields and the rest, without a judgement; None when lines are what is wrong with it."""
    head, mark, body = raw.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = [first.partition(" ")[0], *first.partition(" ")[2].rpartition(" ")[::2]]
    if not mark or words[2] != "HTTP/1.1" or any(":" not in line for line in lines):
        return None
    fields = [(line.partition(":")[0], line.partition(":")[2].strip(" \t")) for line in lines]
    return words, fields, body


def translate(case: Case) -> Translation | None:
    """None when it makes no sense. Names get lower case, and Host becomes :authority where there is one."""
    parts = split_head(case.raw)
    if case.category in NOT_H2 or not parts:
        return None
    (method, target, _), lines, body = parts
    names = [name.lower() for name, _ in lines]
    lengths = [value for name, value in lines if name.lower() == "content-length"]
    fields = [(":method", method), (":scheme", "http"), (":path", target)]
    fields += [(":authority", value) for name, value in lines if name.lower() == "host"][:1]
    hosts = 0
    for name, value in lines:
        hosts += name.lower() == "host"
        if name.lower() != "host" or hosts > 1:
            fields.append((name.lower(), value))
    is_malformed = bool(CONNECTION_SPECIFIC & set(names)) or not target.startswith("/") \
        or any(name.lower() == "te" and value.lower() != "trailers" for name, value in lines) \
        or bool(lengths) and [value.lstrip("0") for value in lengths] != [str(len(body)).lstrip("0")]
    return Translation(fields, body, is_malformed)


# What must come of it.


def normalised(path: str) -> str:
    """The one form of a legal path, made the slow and plain way."""
    unreserved = re.compile(r"[A-Za-z0-9._~-]")

    def decode(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if unreserved.fullmatch(character) else match[0].upper()

    path = re.sub(r"/+", "/", re.sub(r"%([0-9A-Fa-f]{2})", decode, path))
    kept: list[str] = []
    segments = path.split("/")[1:]
    for i, segment in enumerate(segments):
        if segment == ".." and kept:
            kept.pop()
        if segment not in (".", ".."):
            kept.append(segment)
        elif i == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def canonical_target(target: str) -> str:
    """The target that the upstream gets, by gateway.yaml."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path, mark, query = target.partition("?")
    path = normalised(path)
    if path == "/api/v1" or path.startswith("/api/v1/"):
        path = path.removeprefix("/api/v1") or "/"
    return path + mark + query


def messages(raw: bytes) -> list[Request]:
    """The requests that a client's bytes hold, up to the first malformed one."""
    return list(_messages(Reader.over(raw.removeprefix(b"\r\n"))))


def _messages(reader: Reader) -> Iterator[Request]:
    try:
        while request := reader.request():
            yield request
    except Malformed:
        return


def folded(name: str) -> str:
    """A name as a service could read it."""
    return re.sub(r"[_.]", "-", name.lower())


def end_to_end(fields: Fields) -> Fields:
    """Without what the connection carries, framing and Host; names in lower case."""
    nominated = {option.strip().lower() for name, value in fields if name.lower() == "connection"
                 for option in value.split(",")}
    dropped = HOP_BY_HOP | nominated | {"content-length", "host", "expect"}
    return [(name.lower(), value) for name, value in fields if name.lower() not in dropped]


def unmanaged(fields: Iterable[tuple[str, str]]) -> Fields:
    """Without the names that are the gateway's, and what only looks like framing."""
    return [(name, value) for name, value in fields
            if not MANAGED.fullmatch(folded(name)) and folded(name) not in ("content-length", "transfer-encoding")]


def check_forwarded(sent: Request, got: Request, port: int, scheme: str = "http") -> None:
    """What the upstream got is what the client sent, as it must be passed on. It was read strictly before."""
    host = (sent.get("host") or "").lower()
    assert got.method == sent.method
    assert got.version == "HTTP/1.1"
    assert got.target == canonical_target(sent.target)
    assert got.body == sent.body
    assert (got.get("host") or "").lower() == host
    assert len(got.all("content-length") + got.all("transfer-encoding")) <= 1
    hop = got.names() & (HOP_BY_HOP - {"transfer-encoding"})
    assert not hop or (got.all("connection"), got.all("upgrade")) == (["Upgrade"], ["websocket"]), hop
    ours = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": scheme, "x-forwarded-host": host,
            "x-forwarded-port": str(port)}
    for name, value in ours.items():
        assert (got.get(name) or "").lower() == value, name
    forwarded = (got.get("forwarded") or "").lower().replace('"', "").split(";")
    assert sorted(forwarded) == sorted(["for=127.0.0.1", f"host={host}", f"proto={scheme}"])
    assert not [name for name, _ in got.fields if MANAGED.fullmatch(folded(name))
                and name.lower() not in (*ours, "forwarded")]
    added = {"via", "x-request-id"}
    assert added <= got.names()
    passed = [(name, value) for name, value in unmanaged(end_to_end(got.fields)) if name not in added]
    wanted = [(name, value) for name, value in unmanaged(end_to_end(sent.fields)) if name not in added]
    assert passed == wanted
    assert lower(got.trailers) == [(name, value) for name, value in unmanaged(lower(sent.trailers))
                                   if name not in NO_TRAILERS]


def lower(fields: Fields) -> Fields:
    """Names in lower case."""
    return [(name.lower(), value) for name, value in fields]
