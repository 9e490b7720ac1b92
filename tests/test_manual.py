# SPDX-License-Identifier: Apache-2.0
"""The generated manual: every policy has its section with a page and an example, and every example holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from admin import Admin
from gatehouse import Gateway, config_for, run_command
from pki import write_for_examples
from upstream import Upstream

BESIDE = {"use", "when", "report"}


def policies() -> list[str]:
    """The kinds that the gateway itself says it has."""
    schema = json.loads(run_command("schema").stdout)
    return [key for key in schema["$defs"]["policies"]["properties"] if key not in BESIDE]


def section(manual: str, anchor: str) -> str:
    """What stands from one anchor of the manual to the next of the same rank: its objects are part of a policy."""
    found = re.search(rf'<a id="{re.escape(anchor)}"></a>\n(.*?)(?=<a id="(?!{re.escape(anchor)}-)|\Z)', manual, re.DOTALL)
    assert found, anchor
    return found.group(1)


def example_of(manual: str, policy: str) -> tuple[str, str]:
    """Configuration and cases."""
    blocks = re.findall(r"^An example.*\n\n```yaml\n(.*?)^```", section(manual, f"policies-{policy}"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, policy
    config, mark, cases = blocks[0].partition("\n---\n")
    assert mark, f"{policy} has no cases"
    return config + "\n", cases


@pytest.fixture(scope="module")
def manual() -> str:
    """As the gateway prints it."""
    done = run_command("manual")
    assert done.returncode == 0
    return done.stdout


def names() -> Iterator[str]:
    """For the names of the tests."""
    yield from policies()


@pytest.mark.parametrize("policy", names())
def test_a_policy_has_an_example_that_holds(manual: str, policy: str, tmp_path: Path) -> None:
    """It uses the policy, passes check without a word, and its cases pass and reach the policy."""
    config, cases = example_of(manual, policy)
    assert re.search(rf"\b{policy}:", config), config
    (tmp_path / "gatehouse.yaml").write_text(config, "utf-8")
    (tmp_path / "cases.yaml").write_text(cases, "utf-8")
    write_for_examples(tmp_path)
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    done = run_command("test", "-c", tmp_path / "gatehouse.yaml", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("policy", names())
def test_a_policy_has_a_page(manual: str, policy: str) -> None:
    """More than the table of its options: what they alone do not say."""
    text = section(manual, f"policies-{policy}")
    prose = re.sub(r"^```.*?^```|^\|.*?$|^#.*?$|^An example.*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) > 20, prose


def test_the_example_of_an_expression_is_one(manual: str, tmp_path: Path) -> None:
    """The list of policies in the section on expressions can be pasted."""
    text = section(manual, "expressions")
    found = re.search(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    item = "".join(f"      {line}\n" for line in found.group(1).splitlines())
    (tmp_path / "gatehouse.yaml").write_text(
        "listeners: { main: { address: 127.0.0.1:0 } }\nupstreams: { app: { endpoints: [127.0.0.1:9] } }\n"
        f"apis:\n  web:\n    upstream: app\n    policies:\n{item}", "utf-8")
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_grpc_is_one(manual: str, tmp_path: Path) -> None:
    """It is a whole configuration."""
    found = re.search(r"^```yaml\n(.*?)^```", section(manual, "grpc"), re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "gatehouse.yaml").write_text(found.group(1), "utf-8")
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def rows(text: str) -> list[list[str]]:
    """The cells of its tables, without their heads."""
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in text.splitlines()
            if line.startswith("| `")]


def test_what_a_running_gateway_tells(manual: str, upstream: Callable[..., Upstream],
                                      gateway: Callable[..., Gateway]) -> None:
    """The log has no other fields and reasons, and everything of the admin address is there."""
    service = upstream()
    running = gateway(config_for(service, admin={"address": "127.0.0.1:0"}))
    admin = Admin(running)
    assert running.get("/x").status == 200 and running.get("/%zz").status == 400
    first, second = running.wait_for_log(2)
    fields = {row[0] for row in rows(section(manual, "access-log"))}
    assert set(first) | set(second) <= fields
    assert [second["reason"], str(second["status"])] in [row[:2] for row in rows(section(manual, "reasons"))]
    resources = [row[0] for row in rows(section(manual, "admin-resources"))]
    assert len(resources) == 13
    for resource in resources:
        method, path = resource.replace("NAME", "app").replace("ADDRESS", service.address).split(" ")
        body = running.path.read_bytes() if path == "/v1/check" else None
        assert admin.ask(method, path, body=body).status == 200, resource


def test_the_line_of_a_consumers_file_is_one(manual: str, tmp_path: Path) -> None:
    """It can be pasted."""
    found = re.search(r"^```json\n(.*?)^```", section(manual, "consumers-name"), re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "consumers.jsonl").write_text(found.group(1), "utf-8")
    (tmp_path / "gatehouse.yaml").write_text(
        "listeners: { main: { address: 127.0.0.1:0 } }\nconsumers_from: [consumers.jsonl]\n"
        "apis: { web: { policies: [api_key: {}, respond: {}] } }\n", "utf-8")
    done = run_command("check", "-c", tmp_path / "gatehouse.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_values_and_reasons_have_meanings_of_their_own(manual: str) -> None:
    """The client hears less: all of these say the same to it."""
    meanings = [row[2] for row in rows(section(manual, "reasons")) if row[1] in ("401", "403")]
    assert len(meanings) > 35 and len(set(meanings)) == len(meanings)
    values = {row[0] for row in rows(section(manual, "values"))}
    assert {"${file:PATH}", "${claim.NAME}", "${request.header.NAME}", "${api}"} <= values
