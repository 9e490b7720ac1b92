# SPDX-License-Identifier: Apache-2.0
"""Consumers: in the configuration and in files beside it, which are read again when they change; and what was revoked."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse import Gateway, run_command
from issuer import Issuer
from wire import Answer, wait_until


def digest(key: str) -> str:
    """As `gatehouse key hash` prints it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def consumer(name: str, key: str, **more: Any) -> dict[str, Any]:
    """A line of a file."""
    return {"name": name, "api_keys": [digest(key)], **more}


def write(path: Path, *lines: Any) -> None:
    """All at once, as a program that is careful does it."""
    new = path.with_suffix(".new")
    new.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    os.replace(new, path)


def config(**more: Any) -> dict[str, Any]:
    """A gateway that says who asks."""
    return {"listeners": {"main": {"address": "127.0.0.1:0"}}, "consumers": {"own": {"api_keys": [digest("own-key")]}},
            "consumers_from": ["consumers.jsonl"],
            "apis": {"all": {"policies": [{"api_key": {}}, {"respond": {"body": "${consumer.name} ${consumer.label.plan}"}}]}},
            **more}


def ask(gateway: Gateway, field: str) -> Answer:
    """One request with a field."""
    with gateway.connect() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: gw.test\r\n{field}\r\nConnection: close\r\n\r\n".encode())
        return client.read_answer("GET")


def who(gateway: Gateway, key: str) -> str:
    """Whose key it is."""
    answer = ask(gateway, f"X-API-Key: {key}")
    return answer.body.decode().strip() if answer.status == 200 else str(answer.status)


def test_consumers_of_a_file_are_known_beside_those_of_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "consumers.jsonl", consumer("acme", "acme-key", labels={"plan": "gold"}), "",
          consumer("globex", "globex-key"))
    with Gateway(config(), tmp_path, workers=2) as gateway:
        assert who(gateway, "own-key") == "own"
        assert who(gateway, "acme-key") == "acme gold"
        assert who(gateway, "globex-key") == "globex"
        assert who(gateway, "other-key") == "401"
        assert [line.get("consumer") for line in gateway.wait_for_log(4)].count("acme") == 1


def test_a_file_that_changes_is_read_again_alone(tmp_path: Path) -> None:
    path = tmp_path / "consumers.jsonl"
    write(path, consumer("acme", "acme-key"))
    with Gateway(config(), tmp_path, workers=2) as gateway:
        assert who(gateway, "acme-key") == "acme"
        write(path, consumer("globex", "globex-key"))
        wait_until(lambda: who(gateway, "globex-key") == "globex", "the new consumer")
        assert who(gateway, "acme-key") == "401"
        assert who(gateway, "own-key") == "own"
        gateway.wait_for_message("2 consumers were read again")
        assert {line["generation"] for line in gateway.log} == {1}  # the configuration is the same


@pytest.mark.parametrize("lines, words", [
    (['{"name": "acme"'], "consumers.jsonl:1: that is no JSON"),
    (["", "[]"], "consumers.jsonl:2: want a JSON object"),
    (['\ufeff{"name": "a"}'], "consumers.jsonl:1: JSON has no byte order mark before it"),
    (['{"name": "a\\u0000"}'], "consumers.jsonl:1: no \\u0000 may stand in a text of JSON"),
    (['{"name": "a", "groups": ' + "[" * 40 + "]" * 40 + "}"], "JSON is nested too deep"),
    ([{"name": "a", "groups": ["g"] * 1001}], "want at most 1000 items in a list"),
    (['{"groups": ["a"]}'], "consumers.jsonl:1: want a name"),
    (['{"name": ""}'], "want a name"),
    (['{"name": "a", "name": "b"}'], "a name stands twice in an object"),
    (['{"name": "a", "key": "x"}'], 'unknown key "key"; allowed: name, groups, api_keys, basic, certificates and labels'),
    (['{"name": "a", "group": ["secret"]}'], 'consumers.jsonl:1: unknown key "group"; did you mean "groups"?'),
    (['{"name": "a", "' + "k" * 60000 + '": 1}'], f'unknown key "{"k" * 40}"; allowed: name'),
    (['{"name": "a", "k\\u001b[1m": 1}'], 'unknown key "k"; allowed: name'),
    (['{"name": ["a"]}'], "name: want a text"),
    (['{"name": "a", "groups": "x"}'], "want a list of texts"),
    (['{"name": "a", "groups": [1]}'], "want a list of texts"),
    (['{"name": "a", "labels": {"plan": 1}}'], "want a map of texts"),
    (['{"name": "a", "basic": {}}'], "basic: want"),
    (['{"name": "a", "basic": {"password": "secret"}}'], "want the hash of a password"),
    (['{"name": "a", "basic": {"password": "$2y$10$secret"}}'], "only Argon2id is taken"),
    (['{"name": "a", "basic": {"password": "$apr1$secret$x"}}'], "`gatehouse password hash` makes one"),
    (['{"name": "a", "basic": {"password": "$argon2id$secret"}}'], "want $argon2id$v=19$m=M,t=T,p=P"),
    (['{"name": "a", "api_keys": ["secret"]}'], "want sha256: and 64 hexadecimal digits"),
    (['{"name": "a", "certificates": ["acme"]}'], "want a subject such as CN=acme"),
    (['{"name": "a", "certificates": ["/C=DE/O=secret/CN=acme"]}'], "the last part first, such as CN=acme,O=Acme,C=DE"),
    (['{"name": "a", "certificates": ["CN = a, O = A", "CN=a,O=A"]}'], "this certificate stands twice"),
    (['{"name": "a", "certificates": ["CN=a"]}', '{"name": "b", "certificates": ["CN=a"]}'], "this certificate is somebody's already"),
    ([{"name": "a", "api_keys": [digest("k"), digest("k")]}], "consumers.jsonl:1: this key stands twice"),
    (['{"name": "a\\n"}'], "want a name without control characters"),
    (['{"name": "a", "groups": ["b", "a\\u007f"]}'], "want no control characters"),
    (['{"name": "a", "groups": ["b,c"]}'], "want no comma, which is between groups"),
    (['{"name": "a", "labels": {"a": "b\\u0001c"}}'], "want no control characters"),
    (['{"name": "a"}', '{"name": "a"}'], "consumers.jsonl:2: another consumer has this name"),
    ([consumer("a", "k"), consumer("b", "k")], "consumers.jsonl:2: this key is somebody's already"),
    (['{"name": "own"}'], 'consumers.jsonl: consumer "own": its name or a credential of it is in the configuration, too'),
    ([consumer("a", "own-key")], "is in the configuration, too"),
    (['{"name": "' + "a" * 70000 + '"}'], "the line is too long"),
])
def test_what_is_wrong_in_a_file_is_told_with_its_line(lines: list[Any], words: str, tmp_path: Path) -> None:
    write(tmp_path / "consumers.jsonl", *lines)
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config()))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == 1 and words in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("parameters, words", [
    ("m=65536,t=3,p=1", ""),
    ("m=1024,t=1,p=1", "warning: consumers.alice.basic.password: whoever waits for the answer can tell this name"),
    ("m=1048576,t=100,p=255", "error: consumers.alice.basic.password: want $argon2id$v=19$m=M,t=T,p=P$SALT$HASH with P at most 4"),
])
def test_what_a_password_may_cost_is_bounded(parameters: str, words: str, tmp_path: Path) -> None:
    hashed = f"$argon2id$v=19${parameters}$c29tZXNhbHRzb21lc2FsdA$ZjuxTRTmUWCgNQMRIh7/aDCqz4MyT2v6KrQ6ZyXs7hE"
    alice = {"api_keys": [digest("alice-key")], "basic": {"password": hashed}}
    write(tmp_path / "consumers.jsonl")
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config(consumers={"alice": alice}), indent=1))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == (1 if "error" in words else 0)
    assert words in done.stderr and bool(done.stderr) == bool(words)


def test_what_cannot_be_forwarded_is_told_at_its_place(tmp_path: Path) -> None:
    own = {"own": {"groups": ["a", "b,c"]}, "x\n": {}, "y": {"labels": {"plan": "a\nb"}}}
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config(consumers=own, consumers_from=["c\0x"]), indent=1))
    (tmp_path / "c").write_text("")
    said = run_command("check", "-c", tmp_path / "gatehouse.yaml").stderr
    assert "error: consumers.own.groups[1]: want no comma" in said
    assert "want a name without control characters" in said
    assert "error: consumers.y.labels.plan: want no control characters" in said
    assert "error: consumers_from[0]: want a path without a NUL in it" in said


def test_files_that_clash_are_both_named(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", consumer("acme", "a"))
    write(tmp_path / "b.jsonl", consumer("globex", "b"), consumer("other", "a"))
    write(tmp_path / "c.jsonl", consumer("initech", "c"))
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config(consumers_from=["a.jsonl", "b.jsonl", "c.jsonl"])))
    said = run_command("check", "-c", tmp_path / "gatehouse.yaml").stderr
    assert "error: consumers_from[1]: " in said and "b.jsonl: consumer" in said
    assert f"its name or a credential of it is in {tmp_path}/a.jsonl, too" in said
    assert "c.jsonl" not in said.splitlines()[0]


def test_a_file_that_clashes_while_it_runs_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", consumer("acme", "a"))
    write(tmp_path / "b.jsonl", consumer("globex", "b"))
    with Gateway(config(consumers_from=["a.jsonl", "b.jsonl"]), tmp_path) as gateway:
        write(tmp_path / "a.jsonl", consumer("globex", "a"))
        gateway.wait_for_message(f'b.jsonl: consumer "globex": its name or a credential of it is in {tmp_path}/a.jsonl, too')
        assert who(gateway, "a") == "acme"


def test_a_file_in_which_nobody_is_left_is_warned_of(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", consumer("acme", "a"))
    write(tmp_path / "b.jsonl", consumer("globex", "b"))
    with Gateway(config(consumers_from=["a.jsonl", "b.jsonl"]), tmp_path) as gateway:
        write(tmp_path / "b.jsonl")
        gateway.wait_for_message("b.jsonl: nobody is left in it")
        wait_until(lambda: who(gateway, "b") == "401", "the empty file")
        assert who(gateway, "a") == "acme"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config()))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == 1 and "consumers.jsonl: No such file" in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_told_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "consumers.jsonl"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero")}[kind]()
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(config()))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == 1 and "consumers.jsonl: want a regular file" in done.stdout + done.stderr


def test_a_file_that_becomes_wrong_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "consumers.jsonl"
    write(path, consumer("acme", "acme-key"))
    with Gateway(config(), tmp_path) as gateway:
        write(path, consumer("globex", "globex-key"), "oops")
        gateway.wait_for_message("consumers.jsonl:2: that is no JSON: the consumers from before stay")
        assert who(gateway, "acme-key") == "acme" and who(gateway, "globex-key") == "401"
        path.unlink()
        gateway.wait_for_message("No such file or directory: the consumers from before stay")
        write(path, consumer("globex", "globex-key"))
        wait_until(lambda: who(gateway, "globex-key") == "globex", "the new consumer")


def test_a_reload_takes_the_files_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "consumers.jsonl"
    write(path, consumer("acme", "acme-key"))
    with Gateway(config(), tmp_path) as gateway:
        write(path, consumer("globex", "globex-key"))
        gateway.reload(config(consumers={}))
        assert who(gateway, "globex-key") == "globex"
        assert who(gateway, "own-key") == "401" and who(gateway, "acme-key") == "401"


# What was revoked.

@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Whose tokens are revoked."""
    served = Issuer()
    yield served
    served.close()


def revoking(issuer: Issuer) -> dict[str, Any]:
    """A gateway that looks at a list."""
    policy = {"issuer": issuer.url, "audience": "orders", "jwks": issuer.url + "/jwks.json", "revoked": "revoked.txt"}
    return {"listeners": {"main": {"address": "127.0.0.1:0"}},
            "apis": {"all": {"policies": [{"jwt": policy}, {"respond": {"body": "in"}}]}}}


def test_a_revoked_token_is_refused_from_then_on(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "revoked.txt").write_text("# nobody yet\n\n")
    with Gateway(revoking(issuer), tmp_path, workers=2) as gateway:
        first, second = (issuer.token({"jti": name, "sub": name}) for name in ("first", "second"))

        def status(token: str) -> int:
            return ask(gateway, f"Authorization: Bearer {token}").status

        for _ in range(4):
            assert status(first) == status(second) == 200
        write(tmp_path / "revoked.txt", "jti first")
        wait_until(lambda: status(first) == 401, "the revocation")
        assert status(second) == 200
        write(tmp_path / "revoked.txt", "sub second")
        wait_until(lambda: status(second) == 401, "the revocation")
        assert status(first) == 200
        assert "token_revoked" in [line["reason"] for line in gateway.log]


def test_a_list_that_becomes_wrong_changes_nothing(issuer: Issuer, tmp_path: Path) -> None:
    write(tmp_path / "revoked.txt", "jti first")
    with Gateway(revoking(issuer), tmp_path) as gateway:
        write(tmp_path / "revoked.txt", "jti second", "third")
        gateway.wait_for_message("revoked.txt:2: want `jti ID` or `sub NAME`")
        for name, status in ("first", 401), ("second", 200):
            assert ask(gateway, f"Authorization: Bearer {issuer.token({'jti': name})}").status == status
        (tmp_path / "revoked.txt").unlink()
        gateway.wait_for_message("revoked.txt: No such file or directory: what was revoked before stays so, and nothing else")
        assert ask(gateway, f"Authorization: Bearer {issuer.token({'jti': 'first'})}").status == 401


def test_what_cannot_be_opened_for_want_of_descriptors_is_opened_later(issuer: Issuer, tmp_path: Path) -> None:
    write(tmp_path / "revoked.txt", "# nobody yet")
    write(tmp_path / "consumers.jsonl", consumer("acme", "acme-key"))
    by_key = {"by-key": {"path": "/key", "policies": [{"api_key": {}}, {"respond": {"body": "${consumer.name}"}}]}}
    both = {**revoking(issuer), "consumers_from": ["consumers.jsonl"]}
    with Gateway({**both, "apis": {**both["apis"], **by_key}}, tmp_path) as gateway:
        def status(field: str, path: str) -> int:
            with gateway.connect() as client:
                client.send(f"GET {path} HTTP/1.1\r\nHost: gw.test\r\n{field}\r\nConnection: close\r\n\r\n".encode())
                return client.read_answer("GET").status

        token = "Authorization: Bearer " + issuer.token({"jti": "first"})
        assert status(token, "/") == 200 and status("X-API-Key: new-key", "/key") == 401
        with gateway.without_descriptors():
            write(tmp_path / "revoked.txt", "jti first")
            write(tmp_path / "consumers.jsonl", consumer("new", "new-key"))
            for name in ("revoked.txt", "consumers.jsonl"):
                gateway.wait_for_message(f"{name}: Too many open files")
            time.sleep(1)  # four looks
            assert gateway.errors.count("Too many open files") == 2
        wait_until(lambda: status(token, "/") == 401, "the revocation")
        wait_until(lambda: status("X-API-Key: new-key", "/key") == 200, "the new consumer")


@pytest.mark.parametrize("text, words", [(None, "revoked.txt: No such file"), ("first\n", "revoked.txt:1: want `jti ID`"),
                                         ("jti 1\nsub " + 1021 * "x" + "\n", "revoked.txt:2: want a line of at most")])
def test_check_reads_the_list(issuer: Issuer, text: str | None, words: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "revoked.txt").write_text(text)
    (tmp_path / "gatehouse.yaml").write_text(json.dumps(revoking(issuer)))
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert done.returncode == 1 and words in done.stdout + done.stderr
