"""The pages under docs/reference agree with the code, so that they cannot drift."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from bullpen import errors
from bullpen.agents.definition import AgentDefinition
from bullpen.agents.mcp import McpServer
from bullpen.agents.tools import ToolEntry
from bullpen.api.app import described
from bullpen.api.errors import STATUS
from bullpen.api.routes.audit import RecordDocument
from bullpen.api.routes.contract import document
from bullpen.api.wire import AnswerDocument, ExecuteBody
from bullpen.bootstrap import bootstrap
from bullpen.cli import app
from bullpen.errors import BullpenError
from bullpen.limits.rules import LEVELS, MOST, Rules
from bullpen.security.audit import EventType
from bullpen.security.audit.personal import PERSONAL_DETAILS
from bullpen.security.authorization.document import built_in
from bullpen.security.authorization.vocabulary import TYPES, schema_with
from bullpen.settings import Settings
from bullpen.telemetry import Metrics
from tests.stubs.declared import commands_of, default_of, metrics_of, settings_of
from tests.stubs.pages import PROJECT, table

REFERENCE = PROJECT / "docs" / "reference"
FIRST_FIELDS: Mapping[str, type[BaseModel]] = {"type": AgentDefinition, "toolkit": ToolEntry, "command": McpServer}


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    """No setting is undocumented, none is made up, and every default is the one that counts."""
    told = {row[0]: row[1] for row in table(REFERENCE / "settings.md", header="Variable")}

    assert told == dict(settings_of(Settings))


@pytest.mark.parametrize("first", FIRST_FIELDS)
def test_the_catalogue_page_has_every_field_with_its_default(first: str) -> None:
    """Agents, tools and MCP servers have exactly the documented fields and defaults."""
    told = tables(table(REFERENCE / "catalogue.md", header="Field"), starts=FIRST_FIELDS)

    assert told[first] == {name: default_of(field) for name, field in FIRST_FIELDS[first].model_fields.items()}


def test_the_limits_page_has_every_section_level_and_field() -> None:
    """The page tells the sections, levels and fields there are, and each field's largest number."""
    page = REFERENCE / "limits.md"

    assert [row[0] for row in table(page, header="Section")] == [each.name for each in fields(Rules)]
    assert [row[0] for row in table(page, header="Level")] == list(LEVELS)
    assert {row[0]: int(row[1]) for row in table(page, header="Name")} == MOST


def test_the_audit_page_has_every_event_and_member() -> None:
    """The page tells the events there are, and the members of a row and of what is personal."""
    page = REFERENCE / "audit.md"
    personal = next(row[1] for row in table(page, header="Where") if row[0] == "audit_personal")

    assert [row[0] for row in table(page, header="Event")] == list(EventType)
    assert [row[0] for row in table(page, header="Row")] == list(RecordDocument.model_fields)
    assert all(name in personal for name in PERSONAL_DETAILS)


def test_the_error_table_is_the_tree() -> None:
    """Every kind of error is documented, with the status and title it leaves with."""
    told = {kind: (int(status), title) for kind, status, title in table(REFERENCE / "http.md", header="Kind")}

    assert told == {kind.kind: (status_of(kind), kind("").title) for kind in tree(BullpenError)}


def test_the_role_table_is_the_policys() -> None:
    """The documented roles grant exactly what the policy grants."""
    told = {role: set(granted.split(", ")) for role, granted in table(REFERENCE / "http.md", header="Role")}

    assert told == built_in().grants


def test_the_policy_page_has_every_rule_and_its_effect() -> None:
    """The shipped rules and the standing ones, in their order."""
    told = [(row[0], row[1]) for row in table(REFERENCE / "policies.md", header="Rule")]

    assert told == [(rule.id, rule.effect) for rule in built_in().rules]


def test_the_policy_page_has_every_attribute_and_entity() -> None:
    """With the type the schema gives it, and whether it is always there."""
    page = REFERENCE / "policies.md"
    subjects = {"User": "principal", "Resource": "resource", "Question": "context"}
    declared = re.findall(r"(?:entity|type) (\w+)[^{;]*{([^}]*)}", schema_with(()))
    schema = {
        (f"{subjects[name]}.{attribute}", kind, "no" if optional else "yes")
        for name, body in declared
        for attribute, optional, kind in re.findall(r"(\w+)(\??): ([\w<>]+)", body)
        if name in subjects
    }
    told = {(row[0], re.sub(r"Set of (\w+)", r"Set<\1>", row[1]), row[2]) for row in table(page, header="Attribute")}

    assert told == schema
    assert {row[0].partition("::")[0] for row in table(page, header="Entity")} == set(TYPES)


def test_requests_and_answers_have_the_documented_members() -> None:
    """The members of a request and of an answer are those of the wire's own models."""
    request = [row[0] for row in table(REFERENCE / "http.md", header="Field")]
    answer = [row[0] for row in table(REFERENCE / "http.md", header="Member")]

    assert request == list(ExecuteBody.model_fields)
    assert answer == list(AnswerDocument.model_fields)


async def test_the_endpoints_are_the_routes(tmp_path: Path) -> None:
    """Every route is documented and every documented endpoint is a route."""
    told = {row[0] for row in table(REFERENCE / "http.md", header="Endpoint")}
    settings = Settings(data_dir=tmp_path, config_dir=PROJECT / "config", model_name="offline")

    async with bootstrap(settings) as services:
        paths = document(described(services, settings))["paths"]

    assert told == {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}


def test_the_metrics_page_is_the_table() -> None:
    """Every metric is documented with its type and labels, and none that does not exist."""
    told = {row[0]: (row[1], row[2]) for row in table(REFERENCE / "metrics.md", header="Metric")}

    assert told == dict(metrics_of(Metrics()))


def test_the_command_page_has_every_command_and_option() -> None:
    """Every command and each of its options is documented, and none that does not exist."""
    rows = table(REFERENCE / "cli.md", header="Command")
    told = {command(row[0]): set(re.findall(r"--[\w-]+", row[1])) for row in rows}

    assert told == dict(commands_of(typer.main.get_command(app), "bullpen"))


def test_the_architecture_page_names_every_room_and_contract() -> None:
    """The rooms are the floors of the contract that exist, in their order, and every contract is explained."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    built = [name.strip() for floor in floors for name in floor.split("|") if "(" not in name]

    assert [row[0] for row in table(PROJECT / "ARCHITECTURE.md", header="Room")] == built
    told = [row[0] for row in table(PROJECT / "ARCHITECTURE.md", header="Contract")]
    assert told == [contract["name"] for contract in contracts]


def tables(rows: Iterable[list[str]], *, starts: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Tables of fields that follow one another, each by the name of its first field."""
    found: dict[str, dict[str, str]] = {first: {} for first in starts}
    current: dict[str, str] = {}
    for name, default, *_ in rows:
        current = found.get(name, current)
        current[name] = default
    return found


def tree(kind: type[BullpenError]) -> Iterator[type[BullpenError]]:
    """A kind and everything below it, what tests may have derived left out."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def status_of(kind: type[BullpenError]) -> int:
    """The status a kind leaves with: its own, or its nearest ancestor's."""
    return next(STATUS[each] for each in kind.__mro__ if each in STATUS)


def command(cell: str) -> str:
    """`bullpen run TYPE TASK` without what the caller fills in."""
    return " ".join(word for word in cell.split() if word.islower())
