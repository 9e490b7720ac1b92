# SPDX-License-Identifier: Apache-2.0
"""From API descriptions to a configuration: what becomes of servers, paths, methods, names and references."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatehouse import DATA, TOP, run_command

sys.path.insert(0, str(TOP / "bench"))

import openapi_to_config
from openapi_to_config import DescriptionError, configuration, read_description, template

SCRIPT = TOP / "bench" / "openapi_to_config.py"
REAL = {
    "petstore": DATA / "openapi" / "petstore.yaml",
    "asana": DATA / "openapi" / "asana.yaml",
    "digitalocean": DATA / "openapi" / "digitalocean_multifile.tar.gz",
}


@pytest.fixture
def describe(tmp_path: Path) -> Callable[..., openapi_to_config.Description]:
    """Reads a description made of these paths: `describe({"/a": {"get": {}}}, servers=[...])`."""

    def read(paths: Mapping[str, Any], **more: Any) -> openapi_to_config.Description:
        path = tmp_path / "api.yaml"
        path.write_text(yaml.safe_dump({"openapi": "3.0.0", "paths": paths, **more}, sort_keys=False))
        return read_description(path)

    return read


def apis(description: openapi_to_config.Description) -> dict[str, Any]:
    """The APIs of one description called `api`."""
    found: dict[str, Any] = configuration({"api": description}, {})["apis"]
    return found


def archive(path: Path, files: Mapping[str, Any]) -> Path:
    """A .tar.gz of documents."""
    with tarfile.open(path, "w:gz") as tar:
        for name, document in files.items():
            data = yaml.safe_dump(document).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("path", "expected"), [
    ("/", "/"),
    ("/pets/{petId}", "/pets/{petId}"),
    ("/Accounts/{sid}.json", "/Accounts/{sid}.json"),
    ("/compare/{base}...{head}", "/compare/{base}...{head}"),
    ("/a/{ id }/b", "/a/{_id_}/b"),
    ("/a/{x[y]}", "/a/{x_y_}"),
    ("/a/{id}/b/{id}", "/a/{id}/b/{id_2}"),
    ("/a/{id}/{id}/{id_2}", "/a/{id}/{id_2}/{id_2_2}"),
    ("/a/{}", "/a/{name}"),
    ("/a%20b/{id}", "/a%20b/{id}"),
])
def test_templates_get_names_that_the_gateway_takes(path: str, expected: str) -> None:
    assert template(path) == expected


@pytest.mark.parametrize(("path", "why"), [
    ("pets", "does not begin with /"),
    ("/<upload_url>", "has characters that no path may have"),
    ("/a b", "has characters that no path may have"),
    ("/a?b=c", "has characters that no path may have"),
    ("/a#b", "has characters that no path may have"),
    ("/a%2", "has characters that no path may have"),
    ("/a/{id", "has characters that no path may have"),
    ("/a/*", "has characters that no path may have"),
    ("/a/{b}{c}", "has two names with nothing between them"),
    ("/a/${b}", "would be taken for a variable of the configuration"),
])
def test_what_cannot_be_a_path_is_told_and_left_out(path: str, why: str, describe: Callable[..., Any]) -> None:
    description = describe({path: {"get": {}}, "/good": {"get": {}}})
    assert description.left_out == [f"GET {path} {why}"]
    assert [operation.path for operation in description.operations] == ["/good"]


def test_templates_that_cannot_be_told_apart_become_one_route(describe: Callable[..., Any]) -> None:
    description = describe({"/a/{id}": {"get": {}}, "/a/{slug}": {"get": {}, "put": {}}})
    assert description.left_out == ["GET /a/{slug} stands there twice"]
    assert [operation.method for operation in description.operations] == ["GET", "PUT"]


def test_routes_bear_the_operations_names_once_each(describe: Callable[..., Any]) -> None:
    description = describe({"/a": {"get": {"operationId": "read it"}, "post": {"operationId": "read it"}},
                            "/b/{x}": {"delete": {}, "parameters": [], "x-note": "no operation"}})
    assert apis(description)["api"]["routes"] == {
        "read-it": {"match": {"methods": ["GET"], "path": "/a"}},
        "read-it-2": {"match": {"methods": ["POST"], "path": "/a"}},
        "delete-b-x": {"match": {"methods": ["DELETE"], "path": "/b/{x}"}},
    }


@pytest.mark.parametrize(("servers", "hosts", "path"), [
    (None, None, "/"),
    ([], None, "/"),
    ([{"url": "/"}], None, "/"),
    ([{"url": "/v1/"}], None, "/v1"),
    ([{"url": "https://api.example.com"}], ["api.example.com"], "/"),
    ([{"url": "https://API.example.com:8443/v2/"}, {"url": "https://other"}], ["api.example.com"], "/v2"),
    ([{"url": "https://{tenant}.example.com/v3"}], None, "/v3"),
])
def test_servers_become_host_and_path(servers: Any, hosts: Any, path: str, describe: Callable[..., Any]) -> None:
    api = apis(describe({"/a": {"get": {}}}, **({} if servers is None else {"servers": servers})))["api"]
    assert (api.get("hosts"), api["path"]) == (hosts, path)


def test_an_operation_with_a_server_of_its_own_stands_in_an_api_beside(describe: Callable[..., Any]) -> None:
    found = apis(describe({"/a": {"get": {}}, "/b": {"get": {"servers": [{"url": "https://b.example.com/x"}]}},
                           "/c": {"servers": [{"url": "https://b.example.com/x"}], "get": {}}},
                          servers=[{"url": "https://a.example.com"}]))
    assert {name: (api["hosts"], list(api["routes"])) for name, api in found.items()} == {
        "api": (["a.example.com"], ["get-a"]),
        "api-b-example-com-x": (["b.example.com"], ["get-b", "get-c"]),
    }
    assert {api["upstream"] for api in found.values()} == {"api"}


def test_references_are_followed_within_the_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "api.tar.gz", {
        "deep/x/other.yml": {"openapi": "3.1.0", "paths": {}},
        "spec/api.yml": {"openapi": "3.0.0", "paths": {"/a": {"$ref": "paths/a.yml"}, "/b": {"$ref": "#/x-items/~1b"}},
                         "x-items": {"/b": {"post": {"operationId": "b"}}}},
        "spec/paths/a.yml": {"get": {"$ref": "../operations/a.yml#/items/1"}},
        "spec/operations/a.yml": {"items": [{}, {"operationId": "a"}]},
    })
    description = read_description(path)
    assert [(one.method, one.path, one.name) for one in description.operations] == [
        ("GET", "/a", "a"), ("POST", "/b", "b")]


@pytest.mark.parametrize(("reference", "words"), [
    ("missing.yml", "missing.yml is not in the archive"),
    ("../../etc/passwd", "is not in the archive"),
    ("#/nowhere", "nothing is at #/nowhere"),
    ("#/x-list/9", "nothing is at #/x-list/9"),
    ("#/paths/~1a", "references in a ring"),
])
def test_bad_references_are_errors(reference: str, words: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "api.tar.gz", {
        "api.yml": {"openapi": "3.0.0", "paths": {"/a": {"$ref": reference}}, "x-list": []}})
    with pytest.raises(DescriptionError, match=words):
        read_description(path)


def test_nothing_outside_the_folder_is_read(describe: Callable[..., Any]) -> None:
    with pytest.raises(DescriptionError, match="outside the description's folder"):
        describe({"/a": {"$ref": "../../../../etc/hostname"}})


@pytest.mark.parametrize("text", ["[]", "swagger: '2.0'", "openapi: 2.0.0", "just words"])
def test_what_is_no_description_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(text)
    with pytest.raises(DescriptionError, match="is not an OpenAPI 3 description"):
        read_description(path)


def run_script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The script as a user calls it."""
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_a_broken_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    for text in ("openapi: 3.0.0\npaths: [", "openapi: 2.0.0"):
        path.write_text(text)
        done = run_script(path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("openapi_to_config: ")
        assert "Traceback" not in done.stderr
    assert run_script(tmp_path / "missing.yaml").returncode == 1


def real_config(**upstreams: str) -> subprocess.CompletedProcess[str]:
    """The real descriptions, all in one configuration."""
    return run_script("--listen", "127.0.0.1:0",
                      *[f"--upstream={name}={address}" for name, address in upstreams.items()],
                      *[f"{name}={path}" for name, path in REAL.items()])


def test_real_descriptions() -> None:
    done = real_config(asana="127.0.0.1:7001")
    assert done.returncode == 0
    assert done.stderr == ("openapi_to_config: digitalocean: left out: "
                           "PUT /<upload_url> has characters that no path may have\n")
    config = yaml.safe_load(done.stdout)
    assert config["upstreams"]["asana"] == {"endpoints": ["127.0.0.1:7001"]}
    assert {name: (api.get("hosts"), api["path"], len(api["routes"])) for name, api in config["apis"].items()} == {
        "petstore": (["petstore3.swagger.io"], "/api/v3", 19),
        "asana": (["app.asana.com"], "/api/1.0", 247),
        "digitalocean": (["api.digitalocean.com"], "/", 644),
        "digitalocean-inference-do-ai-run": (["inference.do-ai.run"], "/", 13),
        "digitalocean-any-host": (None, "/", 1),
    }
    assert config["apis"]["digitalocean"]["routes"]["oneClicks_list"] == {
        "match": {"methods": ["GET"], "path": "/v2/1-clicks"}}
    for api in config["apis"].values():
        matches = Counter((route["match"]["methods"][0], openapi_to_config.shape(route["match"]["path"]))
                          for route in api["routes"].values())
        assert max(matches.values()) == 1


def test_the_same_input_gives_the_same_output() -> None:
    assert real_config().stdout == real_config().stdout


def test_the_gateway_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "gatehouse.yaml"
    path.write_text(real_config().stdout)
    done = run_command("check", "-c", path)
    assert done.returncode == 0, done.stderr
