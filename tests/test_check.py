# SPDX-License-Identifier: Apache-2.0
"""`gatehouse check`: every mistake is found, at its place, in words that mend it; what is right passes in silence.

The files of config/bad hold the mistakes. Each ends in comments that say what must be printed: all of it, in order,
without the file's name and without the lines that are shown.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import argon2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatehouse import run_command

CONFIG = Path(__file__).resolve().parent / "config"
BAD = sorted((CONFIG / "bad").glob("*.yaml"))
GOOD = sorted((CONFIG / "good").glob("*.yaml"))

COVERED = {"policy-sibling-misspelt", "sections-of-wrong-kind"}

SECRET = "hunter2hunter2"
ENVIRONMENT = {"GATEHOUSE_TEST_SECRET": SECRET, "GATEHOUSE_TEST_HOST": "127.0.0.1"}

HEAD = re.compile(r"(?P<file>[^:\s]+):(?P<line>\d+):(?P<column>\d+): (?:error|warning): ")
SHOWN = re.compile(r"[ \d]{5} \| ?(?P<text>.*)")


def name_of(path: Path) -> str:
    """What a test is called by."""
    return path.stem


def check(path: Path) -> tuple[int, str]:
    """Exit code and what was said of a file, from within its folder."""
    done = run_command("check", "-c", path.name, cwd=path.parent, env=ENVIRONMENT)
    assert done.returncode == 0 or not done.stdout
    assert SECRET not in done.stderr
    return done.returncode, done.stderr


def wanted(path: Path) -> list[str]:
    """What must be said of a file, by the comments at its end."""
    mark = "# want "
    return [line.removeprefix(mark) for line in path.read_text("utf-8").splitlines() if line.startswith(mark)]


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_mistakes_are_found_in_their_place(path: Path) -> None:
    """All of them, in the order of the file, and nothing else."""
    code, said = check(path)
    heads = [line.removeprefix(f"{path.name}:") for line in said.splitlines() if not SHOWN.fullmatch(line)]
    assert heads == wanted(path)
    assert code == 1


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_the_line_is_shown_and_underlined(path: Path) -> None:
    """The line as it stands in the file, but for what may be a secret, and the first sign of the underline beneath the
    column."""
    lines = path.read_text("utf-8").split("\n")
    said = check(path)[1].splitlines()
    for head, shown, underline in zip(said[::3], said[1::3], said[2::3], strict=True):
        match = HEAD.match(head)
        assert match, head
        line = lines[int(match["line"]) - 1]
        written = f"{match['line']:>5} | {line.expandtabs(8)}"
        assert "".join(b if a == "*" else a for a, b in zip(shown, written, strict=True)) == written
        assert shown == written or path.stem in COVERED
        before = line[: int(match["column"]) - 1].expandtabs(8)
        assert re.fullmatch(r"      \| " + " " * len(before) + r"\^~*", underline), underline


def test_there_are_enough_mistakes() -> None:
    """Each is one that somebody will make."""
    assert len(BAD) >= 100
    assert all(wanted(path) for path in BAD)


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_what_is_right_passes(path: Path) -> None:
    """Without a word on standard error."""
    code, said = check(path)
    assert said == ""
    assert code == 0


def test_a_diagnostic_looks_as_promised(tmp_path: Path) -> None:
    """To the letter: people and editors read it."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text(
        "listeners: { main: { address: '127.0.0.1:0' } }\n"
        "upstreams:\n"
        "  orders: { endpoints: ['127.0.0.1:9'] }\n"
        "apis:\n"
        "  orders:\n"
        "    upstream: order   # é\n",
        "utf-8",
    )
    assert check(path) == (
        1,
        'gatehouse.yaml:6:15: error: apis.orders.upstream: no upstream is named "order"; did you mean "orders"?\n'
        "    6 |     upstream: order   # é\n"
        "      |               ^~~~~\n",
    )


def test_names_in_two_files_point_at_both(tmp_path: Path) -> None:
    """The second is shown, the first is named."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "main.yaml").write_text(
        "include: [conf.d/*.yaml]\n"
        "listeners: { main: { address: '127.0.0.1:0' } }\n"
        "upstreams:\n"
        "  app: { endpoints: ['127.0.0.1:9'] }\n"
        "apis: { web: { upstream: app } }\n"
    )
    (tmp_path / "conf.d" / "b.yaml").write_text("upstreams:\n  other: { endpoints: ['127.0.0.1:9'] }\n  app: {}\n")
    assert check(tmp_path / "main.yaml") == (
        1,
        "conf.d/b.yaml:3:3: error: upstreams.app: this stands at main.yaml:4:3 already\n"
        "    3 |   app: {}\n"
        "      |   ^~~\n",
    )


def test_mistakes_in_included_files_have_their_own_places(tmp_path: Path) -> None:
    """Files come in the order in which they are read."""
    (tmp_path / "main.yaml").write_text(
        "include: [b.yaml]\nlisteners: { main: { address: '127.0.0.1:0' } }\napis: { web: { upstream: ap } }\n"
    )
    (tmp_path / "b.yaml").write_text("upstreams: { app: { endpoints: ['127.0.0.1:9'], balance: best } }\n")
    heads = [line for line in check(tmp_path / "main.yaml")[1].splitlines() if HEAD.match(line)]
    assert [head.split(": ")[:3] for head in heads] == [
        ["main.yaml:3:26", "error", "apis.web.upstream"],
        ["b.yaml:1:58", "error", "upstreams.app.balance"],
    ]


@pytest.mark.parametrize("byte", [0x00, 0x07, 0x1B, 0x7F, 0x80, 0xFF])
def test_no_byte_reaches_the_terminal_raw(tmp_path: Path, byte: int) -> None:
    """Neither in the line that is shown nor in the message."""
    path = tmp_path / "gatehouse.yaml"
    path.write_bytes(b"listeners: x" + bytes([byte]) + b"[31m\n")
    code, said = check(path)
    assert code == 1
    assert said.startswith("gatehouse.yaml:1:13: error: ")
    assert f"\\x{byte:02x}" in said
    assert all(character == "\n" or character.isprintable() for character in said)


def test_a_hundred_mistakes_are_printed(tmp_path: Path) -> None:
    """And the others are counted."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text("".join(f"section{number}: 1\n" for number in range(250)))
    said = check(path)[1].splitlines()
    assert len([line for line in said if HEAD.match(line)]) == 100
    assert said[-1] == "and 150 more"


def test_lists_that_are_too_long_are_told_and_not_read_further(tmp_path: Path) -> None:
    many = json.dumps([f"10.{i // 256}.{i % 256}.0/24" for i in range(5000)])
    names = json.dumps([f"host-{i}.test" for i in range(5000)])
    (tmp_path / "gatehouse.yaml").write_text(
        f"listeners: {{ main: {{ address: '127.0.0.1:0', trusted_proxies: {many}, tls: {{ certificates: "
        f"[{{ certificate: a.pem, key: a.key, names: {names} }}] }} }} }}\napis: {{ a: {{ policies: [respond: {{}}] }} }}\n")
    done = run_command("check", "-c", str(tmp_path / "gatehouse.yaml"))
    assert done.returncode == 1 and done.stderr.count("at most 1000") == 2, done.stderr[-2000:]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """There is no place to point at."""
    code, said = check(tmp_path / "gatehouse.yaml")
    assert code == 1
    assert said == "error: gatehouse.yaml cannot be opened: No such file or directory\n"


@pytest.mark.parametrize("lines", [
    "consumers: { a: { api_keys: [hunter2hunter2] } }", "consumers:\n  a:\n    api_keys:\n      - hunter2hunter2",
    "consumers: { a: { basic: { password: \"hunter2hunter2\" } } }", "apis: { a: { policies: [ jwt: { secret: 'hunter2hunter2' } ] } }",
    "apis: { a: { policies: [ oidc: { isuer: x, client_secret: hunter2hunter2, session_secret: hunter2hunter2 } ] } }",
])
def test_a_secret_that_is_written_out_is_covered(tmp_path: Path, lines: str) -> None:
    """What check prints ends in the logs of machines that build."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text(lines + "\nlisteners: { public: { address: 127.0.0.1:8080 } }\n", encoding="utf-8")
    code, said = check(path)
    assert code == 1 and "**************" in said, said


def test_a_secret_is_covered_in_json_too(tmp_path: Path) -> None:
    """Where its key, in quotes, begins the line."""
    path = tmp_path / "gatehouse.yaml"
    path.write_text(json.dumps({"listeners": {"public": {"address": "127.0.0.1:8080"}},
                                "consumers": {"a": {"basic": {"password": SECRET}}, "b": {"api_keys": [SECRET]}}}, indent=1), encoding="utf-8")
    code, said = check(path)
    assert code == 1 and said.count('"**************"') == 2 and '"password"' in said, said


REACHED = ("listeners: { main: { address: '0.0.0.0:0'%s } }\napis: { web: { policies: [%s, respond: {}] } }\n"
           "consumers_from: [consumers.jsonl]\n")
TOKEN = "issuer: a, secret: 'a secret of at least 32 bytes, it is'"
ASKS = "url: '%s', audience: orders, client_id: gateway, client_secret: only an example"
HASH = "sha256:" + 64 * "a"
SERVED = "listeners: { main: { address: '127.0.0.1:0' } }\napis: { web: { policies: [%s, respond: {}]%s } }\n"


@pytest.mark.parametrize("text, words", [
    (SERVED % ("api_key: {}", ""), "apis.web.policies[0].api_key: nobody has an API key"),
    (SERVED % ("api_key: {}", "") + f"consumers: {{ acme: {{ api_keys: ['{HASH}'] }} }}\n", ""),
    (SERVED % ("api_key: {}", "") + "consumers_from: [consumers.jsonl]\n", ""),
    (SERVED % ("basic: {}", "") + f"consumers: {{ acme: {{ api_keys: ['{HASH}'] }} }}\n", "nobody has a password"),
    (SERVED % ("client_certificate: {}", "") + "consumers: { acme: { certificates: [CN=a] } }\n", "no listener asks for certificates"),
    (SERVED % ("any_of: [ api_key: {} ]", ""), "any_of[0].api_key: nobody has an API key"),
    (SERVED % ("request_id: {}", "") + "policies: { auth: { request_id: {} } }\n", 'policies.auth: policy "auth" is used nowhere'),
    (SERVED % ("request_id: {}", ", routes: { open: { match: { path: /open }, without: [basic] } }")
     + "defaults: { policies: [ basic: {}, authorize: {} ] }\nconsumers_from: [consumers.jsonl]\n",
     "defaults.policies[1]: no policy before this one authenticates in apis.web.routes.open: consumer and claims are missing, and "
     "who must be known is refused (401)"),
    (SERVED % ("rate_limit: { limit: 1/1s, by: consumer }", ""), "apis.web: consumer and claims are missing\n"),
    (SERVED % ("signature: { keys: [{ id: a, algorithm: hmac-sha256, key: 'a secret of at least 32 bytes, it is' }], "
               "components: ['@path', method] }", ""), 'signature.components[1]: this is a field\'s name; did you mean "@method"?'),
    (SERVED % (f"introspection: {{ {ASKS % 'http://id.example.com/i'} }}", ""), "introspection.url: client_secret and tokens that go by http can be read"),
    (SERVED % (f"introspection: {{ {ASKS % 'https://id.example.com/i'} }}", ""), ""),
    (SERVED % (f"introspection: {{ {ASKS % 'http://localhost:9/i'} }}", ""), ""),
    (SERVED % ("forward_auth: { url: http://auth.example.com/i }", ""), "forward_auth.url: credentials that go by http can be read"),
    (SERVED % ("forward_auth: { url: 'http://[::1]/i' }", ""), ""),
    (REACHED % ("", "basic: {}"), "listeners.main.address: credentials (basic of apis.web) can be read on their way here"),
    (REACHED % (", trusted_proxies: [10.0.0.0/8]", "basic: {}"), ""),
    (REACHED % (", proxy_protocol: true", "basic: {}"), ""),
    (REACHED % (", redirect_to_https: true", "basic: {}"), ""),
    (REACHED % ("", "request_id: {}"), ""),
    (SERVED % (f"jwt: {{ {TOKEN}, audience: a, bound: certificate }}", ""), "jwt.bound: no listener asks for certificates"),
    (SERVED % (f"jwt: {{ {TOKEN}, audience: any }}", ""), "jwt.audience: a token that was made for somebody else is taken too"),
    (SERVED % (f"jwt: {{ {TOKEN}, audience: [any, orders] }}", ""), 'jwt.audience: "any" beside others is a name like them'),
    (SERVED % (f"jwt: {{ {TOKEN}, audience: orders }}", ""), ""),
    (SERVED % ("request_id: {}", "") + "consumers: { acme: { certificates: ['O = Acme, CN = acme'] } }\n",
     "certificates[0]: RFC 4514 writes the most specific part first: CN=acme,O=Acme"),
    (SERVED % ("request_id: {}", "") + "consumers: { acme: { certificates: ['OU=a,O=Acme', 'CN=b,O=Acme,CN=c', 'dns:CN=d'] } }\n", ""),
    ((REACHED % ("", "basic: {}")).replace("0.0.0.0", "127.0.0.1"), ""),
    ((REACHED % ("", "basic: {}")).replace("0.0.0.0:0", "unix:/run/gatehouse.sock"), ""),
])
def test_what_cannot_be_meant_is_warned_of(text: str, words: str, tmp_path: Path) -> None:
    """Once, and it passes all the same."""
    (tmp_path / "consumers.jsonl").write_text("")
    (tmp_path / "gatehouse.yaml").write_text(text)
    code, said = check(tmp_path / "gatehouse.yaml")
    assert code == 0 and words in said
    assert said.count("warning: ") == (words != ""), said


@pytest.mark.parametrize("consumers, said_of", [
    ("'a:b': { basic: { password: '%s' } }", ['consumers["a:b"]: want a name without a colon']),
    ("a: { api_keys: ['sha256:12'] }", ["consumers.a.api_keys[0]: want sha256:"]),
    ("a: { certificates: ['subject=CN=acme,O=Acme'] }", ["certificates[0]: leave `subject=` out"]),
    ("a: { certificates: ['subject= O = Acme, CN = acme'] }", ["certificates[0]: leave `subject=` out"]),
])
def test_a_consumer_that_would_never_be_known_is_refused(consumers: str, said_of: list[str], tmp_path: Path) -> None:
    """And nothing is said that follows from it: there is one who has a key."""
    password = argon2.PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1).hash("correct horse")
    (tmp_path / "gatehouse.yaml").write_text(SERVED % ("any_of: [ api_key: {}, basic: {} ]", "")
                                             + "consumers: { " + consumers.replace("%s", password) + " }\n")
    code, said = check(tmp_path / "gatehouse.yaml")
    heads = [line for line in said.splitlines() if HEAD.match(line)]
    assert code == 1 and len(heads) == len(said_of) and all(words in head for words, head in zip(said_of, heads, strict=True)), said


@pytest.mark.parametrize("options", ["jwt: { audience: a, keys: [key.pem] }", "jwt: { audience: a, jwks: 'file:key.pem' }",
                                     "signature: { keys: [{ id: a, algorithm: ed25519, key: 'file:key.pem' }] }"])
def test_a_private_key_is_told_from_a_public_one(options: str, tmp_path: Path) -> None:
    """Nothing of it is shown."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "gatehouse.yaml").write_text(SERVED % (options, ""))
    code, said = check(tmp_path / "gatehouse.yaml")
    assert code == 1 and "this is a private key: `openssl pkey -pubout` makes the public one of it" in said
    assert not any(line in said for line in key.splitlines())


@pytest.mark.parametrize("options, words", [
    ("keys: [keys.json]", "keys[0]: this is JSON, not PEM: want jwks: file:PATH for a JWK Set"),
    ("keys: [consumers.jsonl]", "keys[0]: "),
    ("jwks: keys.json", "jwks: want a URL such as https://id.example.com/jwks.json, or file:PATH"),
    ("secret: '${file:gatehouse.yaml}', consumer: '${claim.sub}'", "jwt.consumer: want the claim's name, such as sub"),
    ("issuer: a, forward: { X-User: '${consumer}' }", "the environment variable consumer is not set; values of a request have"),
])
def test_what_a_jwt_has_wrong_is_told_with_its_mend(options: str, words: str, tmp_path: Path) -> None:
    """What stands in files, and what only the loader sees."""
    (tmp_path / "consumers.jsonl").write_text("")
    (tmp_path / "keys.json").write_text(' {"keys": []}')
    (tmp_path / "gatehouse.yaml").write_text(SERVED % (f"jwt: {{ audience: any, {options} }}", ""))
    code, said = check(tmp_path / "gatehouse.yaml")
    assert code == 1 and words in said


def test_only_what_is_written_is_counted(tmp_path: Path) -> None:
    """Not the upstreams that are made for what policies ask."""
    (tmp_path / "gatehouse.yaml").write_text(SERVED % ("forward_auth: { url: 'http://127.0.0.1:9/' }", ""))
    done = run_command("check", "-c", "gatehouse.yaml", cwd=tmp_path)
    assert done.stdout.startswith("gatehouse.yaml: ok: 1 listeners, 0 upstreams, 1 apis\nmemory: at most ")
