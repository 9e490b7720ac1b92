# SPDX-License-Identifier: Apache-2.0
"""`gatehouse schema`: what an editor is told is what `gatehouse check` does.

Every good configuration fits the schema, and no bad one whose mistake a schema can know. The files are those of
test_check.py, read as YAML 1.2, which the gateway speaks, not as PyYAML's 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gatehouse import run_command
from test_check import BAD, GOOD, check, name_of

# Mistakes of syntax: there is no document to look at.
SYNTAX = {"anchor-unknown", "tab", "tag", "two-documents", "unclosed-bracket", "unclosed-quote"}

# Mistakes that only the gateway knows: names that must be there, formats, keys twice, rules that clash.
SEMANTIC = {
    "api-hosts-empty", "api-hosts-port", "api-hosts-wildcard", "api-methods-space", "api-path-query",
    "api-path-relative", "api-upstream-empty", "api-upstream-missing", "api-upstream-unknown",
    "api-upstream-unknown-far", "apis-same", "cors-credentials", "cors-origins", "fault-nothing", "file-missing",
    "headers-name", "headers-value-line", "headers-value-unknown", "include-missing", "ip-block", "ip-nothing",
    "key-twice-deep", "limits-too-large-duration", "listener-address-bad-v4", "listener-address-name",
    "listener-address-port-no-number", "listener-address-port-too-large", "listener-address-unset",
    "listener-address-v6-without-brackets", "listener-address-without-port", "listener-trusted-proxies-name",
    "listener-trusted-proxies-prefix", "listener-twice", "log-access-format", "log-access-template", "no-listeners",
    "policy-use-unknown", "policy-when-not-boolean", "policy-when-regex", "policy-when-type", "policy-when-unknown",
    "redirect-open", "request-id-header", "respond-body-and-json", "respond-header",
    "rewrite-host", "rewrite-path-relative", "rewrite-regex", "route-match-client-ip", "route-match-header-regex",
    "route-match-regex", "route-match-rest-within", "route-match-template-open", "route-match-template-twice",
    "route-same", "route-twice", "route-upstream-unknown", "route-without-unknown", "secret-as-an-address",
    "secret-as-an-upstream", "section-twice", "upstream-endpoint-with-scheme", "upstream-endpoint-without-port",
    "upstream-weights-all-zero",
}


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: only true and false are truth values, only decimals are numbers here."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}


Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]*$"), list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema that the gateway prints."""
    done = run_command("schema")
    assert done.returncode == 0
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def fits(schema: dict[str, Any], document: Any) -> bool:
    """Whether an editor would be content. An empty file is an empty map."""
    return jsonschema.Draft202012Validator(schema).is_valid({} if document is None else document)


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    """By the rules of the draft that it names."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_what_is_right_fits(schema: dict[str, Any], path: Path) -> None:
    """An editor underlines nothing in it."""
    document = yaml.load(path.read_text("utf-8"), Loader)  # noqa: S506
    errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    assert errors == []


@pytest.mark.parametrize("path", [path for path in BAD if path.stem not in SYNTAX], ids=name_of)
def test_what_is_wrong_fits_only_where_a_schema_cannot_know(schema: dict[str, Any], path: Path) -> None:
    """And there it does fit: the schema refuses nothing for another reason than the gateway's."""
    document = yaml.load(path.read_text("utf-8"), Loader)  # noqa: S506
    assert fits(schema, document) == (path.stem in SEMANTIC or path.stem in ("empty", "only-a-comment"))


def options(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every option of the schema with its key."""
    for table in [schema, *schema["$defs"].values()]:
        yield from table.get("properties", {}).items()


def test_every_option_is_described(schema: dict[str, Any]) -> None:
    """In a sentence: a capital letter, a full stop."""
    for key, option in options(schema):
        description = option["description"]
        assert re.match(r"[A-Z0-9`].*[.`)]$", description), (key, description)


def test_every_default_fits_its_option(schema: dict[str, Any]) -> None:
    """What holds without a word may be written out."""
    for key, option in options(schema):
        if "default" in option:
            part = {"$defs": schema["$defs"], "allOf": option["allOf"]}
            assert jsonschema.Draft202012Validator(part).is_valid(option["default"]), key


def defaults(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The defaults of one table."""
    properties = schema["$defs"][name]["properties"]
    return {key: option["default"] for key, option in properties.items() if "default" in option}


def test_defaults_written_out_are_accepted(schema: dict[str, Any], tmp_path: Path) -> None:
    """By the gateway itself, in a configuration that says every one of them."""
    path = tmp_path / "gatehouse.yaml"
    listener = {"address": "127.0.0.1:0", **defaults(schema, "listeners-name")}
    listener["limits"] = defaults(schema, "listeners-name-limits")
    upstream = {"endpoints": [{"address": "127.0.0.1:9", **defaults(schema, "upstreams-name-endpoints")}]}
    upstream |= defaults(schema, "upstreams-name")
    for part in ("retries", "timeouts", "connections"):
        upstream[part] = defaults(schema, f"upstreams-name-{part}")
    path.write_text(json.dumps({
        "listeners": {"main": listener},
        "upstreams": {"app": upstream},
        "apis": {"web": {"upstream": "app", **defaults(schema, "apis-name")}},
        "log": {**defaults(schema, "log"), "access": defaults(schema, "log-access")},
    }))
    assert check(path) == (0, "")
