#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns API descriptions (OpenAPI 3) into a configuration of the gateway, with one route for each operation.

    bench/openapi_to_config.py [--listen ADDRESS] [--upstream NAME=ADDRESS]... [NAME=]DESCRIPTION...

A description is a file, or a .tar.gz of several that refer to each other; its name is that of the file unless
one is given. It becomes one API: hosts and path are those of its `servers`, the routes bear the operations'
own names. Operations with servers of their own stand in a further API beside it. What is referred to by
`$ref` is read from the same folder or archive and from nowhere else. The output depends on nothing but
the input. A path that cannot be a path of HTTP is told on standard error and left out.
"""

from __future__ import annotations

import argparse
import posixpath
import re
import sys
import tarfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NAME = re.compile(r"\{([^{}/]*)\}")
LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})*")
REFERENCES_MAX = 32
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DescriptionError(Exception):
    """A description that makes no sense."""


class Documents:
    """The files of a description, parsed when they are needed."""

    def __init__(self, path: Path):
        self.texts: dict[str, bytes] | None = None
        self.parsed: dict[str, Any] = {}
        self.folder = path.parent
        if path.name.endswith((".tar", ".tar.gz", ".tgz")):
            with tarfile.open(path) as archive:
                self.texts = {member.name: reader.read() for member in archive
                              if member.isfile() and (reader := archive.extractfile(member))}
            self.root = self._find_root()
        else:
            self.root = path.name

    def _find_root(self) -> str:
        """The archive's one description: the file nearest to the top that says which OpenAPI it is."""
        assert self.texts is not None
        candidates = [name for name, text in self.texts.items()
                      if name.endswith((".yaml", ".yml", ".json")) and re.search(rb'^\W*"?openapi"?\s*:', text, re.M)]
        if not candidates:
            raise DescriptionError("no OpenAPI description in the archive")
        return min(candidates, key=lambda name: (name.count("/"), name))

    def load(self, name: str) -> Any:
        """A whole file."""
        if name not in self.parsed:
            if self.texts is None:
                target = (self.folder / name).resolve()
                if not target.is_relative_to(self.folder.resolve()):
                    raise DescriptionError(f"{name} is outside the description's folder")
                text = target.read_bytes()
            elif name in self.texts:
                text = self.texts[name]
            else:
                raise DescriptionError(f"{name} is not in the archive")
            self.parsed[name] = yaml.load(text, LOADER)
        return self.parsed[name]

    def resolve(self, name: str, value: Any) -> tuple[str, Any]:
        """Follows `$ref` until there is none; the file that the value stands in, and the value."""
        for _ in range(REFERENCES_MAX):
            if not isinstance(value, Mapping) or "$ref" not in value:
                return name, value
            target, _, pointer = value["$ref"].partition("#")
            if target:
                name = posixpath.normpath(posixpath.join(posixpath.dirname(name), urllib.parse.unquote(target)))
            value = self._follow(self.load(name), pointer)
        raise DescriptionError(f"{name}: references in a ring")

    @staticmethod
    def _follow(value: Any, pointer: str) -> Any:
        for word in pointer.split("/")[1:]:
            word = urllib.parse.unquote(word).replace("~1", "/").replace("~0", "~")
            try:
                value = value[int(word)] if isinstance(value, list) else value[word]
            except (KeyError, IndexError, ValueError, TypeError):
                raise DescriptionError(f"nothing is at #{pointer}") from None
        return value


@dataclass(frozen=True)
class Server:
    """Where an API is: a host, none when the description leaves it open, and a path."""

    host: str
    path: str

    @classmethod
    def of(cls, servers: Sequence[Mapping[str, Any]]) -> Server:
        """The first of a list of servers."""
        url = str(servers[0]["url"]) if servers else "/"
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or "" if "{" not in parts.netloc else ""
        return cls(host, "/" + parts.path.strip("/"))


@dataclass(frozen=True)
class Operation:
    """One operation: where, what, and its own name."""

    server: Server
    method: str
    path: str
    name: str


@dataclass
class Description:
    """What a description says about its operations."""

    server: Server
    operations: list[Operation] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def why_not(path: str) -> str:
    """What keeps a path from being one of the gateway's; empty when nothing does."""
    if not path.startswith("/"):
        return "does not begin with /"
    if not LITERAL.fullmatch(NAME.sub("", path)):
        return "has characters that no path may have"
    if "${" in path:
        return "would be taken for a variable of the configuration"
    if "}{" in path:
        return "has two names with nothing between them"
    return ""


def template(path: str) -> str:
    """The path with names that the gateway takes: letters, digits, `_`, `-` and `.`, each once."""
    used: set[str] = set()

    def rename(match: re.Match[str]) -> str:
        name = first = re.sub(r"[^A-Za-z0-9_.-]", "_", match[1]) or "name"
        number = 2
        while name in used:
            name, number = f"{first}_{number}", number + 1
        used.add(name)
        return f"{{{name}}}"

    return NAME.sub(rename, path)


def shape(path: str) -> str:
    """What two templates must differ in to be told apart."""
    return NAME.sub("{}", path)


def operations_of(documents: Documents, server: Server) -> Iterator[Operation]:
    """Every operation, in the order of the description."""
    root = documents.load(documents.root)
    for path, item in root.get("paths", {}).items():
        name, item = documents.resolve(documents.root, item)
        for method in METHODS:
            if method not in item:
                continue
            _, operation = documents.resolve(name, item[method])
            servers = operation.get("servers") or item.get("servers")
            yield Operation(Server.of(servers) if servers else server, method.upper(), path,
                            str(operation.get("operationId") or f"{method} {path}"))


def read_description(path: Path) -> Description:
    """All of it that routes are made from."""
    documents = Documents(path)
    root = documents.load(documents.root)
    if not isinstance(root, Mapping) or not str(root.get("openapi", "")).startswith("3."):
        raise DescriptionError(f"{path} is not an OpenAPI 3 description")
    description = Description(Server.of(root.get("servers") or []))
    seen = set()
    for operation in operations_of(documents, description.server):
        key = (operation.server, operation.method, shape(operation.path))
        why = "stands there twice" if key in seen else why_not(operation.path)
        seen.add(key)
        if why:
            description.left_out.append(f"{operation.method} {operation.path} {why}")
        else:
            description.operations.append(operation)
    return description


def slug(text: str) -> str:
    """A name that is easy to type."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-") or "root"


def unique(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it when somebody has it already."""
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def apis_of(name: str, description: Description) -> dict[str, Any]:
    """The description's APIs: its own, and one for each further server."""
    apis: dict[str, Any] = {}
    names = {description.server: name}
    for operation in description.operations:
        server = operation.server
        if server not in names:
            names[server] = unique(f"{name}-{slug((server.host or 'any-host') + server.path)}", apis)
        api = apis.setdefault(names[server], {
            **({"hosts": [server.host]} if server.host else {}), "path": server.path, "upstream": name, "routes": {}})
        api["routes"][unique(slug(operation.name), api["routes"])] = {
            "match": {"methods": [operation.method], "path": template(operation.path)}}
    return apis


def configuration(descriptions: Mapping[str, Description], upstreams: Mapping[str, str],
                  listen: str = "127.0.0.1:8080") -> dict[str, Any]:
    """The gateway's configuration: an upstream for each description, by its name."""
    apis: dict[str, Any] = {}
    for name, description in descriptions.items():
        for api_name, api in apis_of(name, description).items():
            apis[unique(api_name, apis)] = api
    return {
        "listeners": {"main": {"address": listen}},
        "upstreams": {name: {"endpoints": [upstreams.get(name, "127.0.0.1:8081")]} for name in descriptions},
        "apis": apis,
    }


def split_name(argument: str) -> tuple[str, Path]:
    """`NAME=PATH`, or a path whose file names it."""
    name, equals, path = argument.partition("=")
    return (name, Path(path)) if equals else (slug(Path(argument).name.split(".")[0]), Path(argument))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:8080", metavar="ADDRESS", help="where the gateway listens")
    parser.add_argument("--upstream", action="append", default=[], metavar="NAME=ADDRESS",
                        help="where a description's service is (127.0.0.1:8081)")
    parser.add_argument("description", nargs="+", metavar="[NAME=]DESCRIPTION", help="a file or an archive")
    arguments = parser.parse_args()
    try:
        descriptions = {name: read_description(path) for name, path in map(split_name, arguments.description)}
    except (DescriptionError, OSError, tarfile.TarError, yaml.YAMLError) as error:
        print(f"openapi_to_config: {error}", file=sys.stderr)
        return 1
    for name, description in descriptions.items():
        for what in description.left_out:
            print(f"openapi_to_config: {name}: left out: {what}", file=sys.stderr)
    upstreams = dict(pair.split("=", 1) for pair in arguments.upstream)
    yaml.safe_dump(configuration(descriptions, upstreams, arguments.listen), sys.stdout, sort_keys=False,
                   default_flow_style=None, width=200)
    return 0


if __name__ == "__main__":
    sys.exit(main())
