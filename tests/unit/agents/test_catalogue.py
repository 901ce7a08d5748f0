"""The catalogue finds every mistake at once, and says where."""

from pathlib import Path

import pytest

from bullpen.agents import Catalogue, Toolbox
from bullpen.errors import Misconfigured
from tests.stubs.stage import models, stage

SHIPPED = Path(__file__).parents[3] / "config"

WRONG = """\
type: one
modell: fast
temperature: "hot"
tools: [kalc]
---
type: two
model: fsat
tools: [calc, calk]
---
type: two
source: no_such_module:agent
---
description: nameless
---
type: three
output_schema:
  type: object
  properties:
    a: {type: nope}
---
type: four
output_schema: bullpen.agents.schemas:MarketAnalisis
---
type: five
instructions: Be kind.
source: tests.stubs.own:odd_team
---
type: six
isolation: instance
source: tests.stubs.own:stuck_instance
---
type: seven
source: tests.stubs.own:not_an_agent
---
type: eight
source: tests.stubs.own:hidden_team
---
type: nine
fallback_models: [fast, "openai:gpt-4o"]
---
type: ten
tools: [calc]
source: tests.stubs.own:steady_flow
---
type: eleven
tools: [calc]
source: tests.stubs.own:tools_per_session
"""


def load(folder: Path, text: str, *, tools: str = "") -> Catalogue:
    (folder / "config" / "agents").mkdir(parents=True)
    (folder / "config" / "agents" / "a.yaml").write_text(text, "utf-8")
    (folder / "config" / "tools.yaml").write_text(tools, "utf-8")
    box = Toolbox.load(folder / "config" / "tools.yaml")
    return Catalogue.load(folder / "config" / "agents", models=models(), toolbox=box)


def problems(folder: Path, text: str, *, tools: str = "") -> list[str]:
    with pytest.raises(Misconfigured) as raised:
        load(folder, text, tools=tools)
    return [text.partition("a.yaml:")[2] or text for text in raised.value.problems]


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """Nobody has to start the server eleven times to mend eleven mistakes."""
    found = problems(tmp_path, WRONG, tools="calc: {toolkit: 'agno.tools.calculator:CalculatorTools'}")
    expected = [
        ("2:", "unknown field `modell`. Did you mean `model`?"),
        ("3:", "`temperature`: input should be a valid number"),
        ("4:", "there is no tool `kalc`"),
        ("7:", "`fsat`"),
        ("8:", "there is no tool `calk` in tools.yaml. Did you mean `calc`?"),
        ("10:", "the type `two` is already defined at"),
        ("11:", "cannot import `no_such_module`"),
        ("13:", "`type` is missing"),
        ("19:", "`output_schema.properties.a.type`"),
        ("22:", "Did you mean `MarketAnalysis`?"),
        ("25:", "`instructions` has no effect with `source`"),
        ("26:", "unknown team mode `sequential`"),
        ("30:", "the toolkit `stuck` cannot be copied"),
        ("33:", "is not an Agno Agent, Team or Workflow"),
        ("36:", "members must be a list"),
        ("39:", "OPENAI_API_KEY"),
        ("42:", "`tools` cannot be added to a workflow"),
        ("46:", "`tools` cannot be added to a workflow"),
    ]
    missing = [want for want in expected if not any(one.startswith(want[0]) and want[1] in one for one in found)]
    assert not missing, found
    assert len(found) == len(expected)


def test_mistakes_of_the_toolbox_are_told_with_those_of_the_agents(tmp_path: Path) -> None:
    """A tool with a mistake is known by name, so no agent using it is blamed as well."""
    found = problems(tmp_path, "type: it\ntools: [bad]\nversion: 1", tools="bad: {toolkit: 'agno.tools.nope:Tools'}")
    assert len(found) == 2
    assert "tools.yaml:1: `bad`: cannot import `agno.tools.nope`" in found[0]
    assert found[1] == "3: `version`: input should be a valid string; put it in quotes"


@pytest.mark.parametrize(("text", "expected"), [("type: [", "1: is not valid YAML"), ("- a", "1: must be a mapping")])
def test_what_is_not_a_mapping_in_yaml_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """Also a file that cannot be read at all is a mistake among others."""
    assert any(found.startswith(expected) for found in problems(tmp_path, text))


def test_an_empty_or_missing_folder_is_a_mistake(tmp_path: Path) -> None:
    """A server without agents is never what somebody wanted."""
    with pytest.raises(Misconfigured, match="there is no such folder"):
        Catalogue.load(tmp_path / "nowhere", models=models(), toolbox=Toolbox())
    assert "there is no agent in it" in problems(tmp_path, "# nothing yet")[0]


def test_a_file_nobody_reads_is_a_mistake(tmp_path: Path) -> None:
    """One named `.yml` would be missed in silence, and an empty one is a write that failed."""
    folder = tmp_path / "config" / "agents"
    folder.mkdir(parents=True)
    for name, text in {
        "a.yaml": "type: a",
        "b.yml": "type: b",
        "c.YAML": "type: c",
        "d.yaml": "",
        ".e.yaml": "[",
    }.items():
        (folder / name).write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as raised:
        Catalogue.load(folder, models=models(), toolbox=Toolbox())
    assert list(raised.value.problems) == [
        f"{folder}/b.yml:1: is not read. Name it `b.yaml`, or take it out of the folder",
        f"{folder}/c.YAML:1: is not read. Name it `c.yaml`, or take it out of the folder",
        f"{folder}/d.yaml:1: is empty. Write an agent into it, or delete it",
    ]


def test_an_unknown_type_is_answered_with_those_the_caller_may_use(tmp_path: Path) -> None:
    """And with no others: what a caller may not use does not exist for them."""
    catalogue = load(tmp_path, "type: open\n---\ntype: hidden")
    assert catalogue.find("opne") is None
    error = catalogue.unknown("opne", visible=["open"])
    assert "open" in error.detail
    assert "hidden" not in error.detail


async def test_a_module_beside_the_configuration_can_be_named(tmp_path: Path) -> None:
    """A user's agent is one Python file and two lines of YAML."""
    code = (
        "from agno.agent import Agent\nfrom tests.stubs.scripted import ScriptedModel\n"
        "mine = Agent(model=ScriptedModel(id='my-model'))\n"
    )
    async with stage(tmp_path, "type: it\nsource: mine_beside_config:mine", code={"mine_beside_config": code}) as it:
        assert await it.run("it") == "done"
        assert it.catalogue.model("it") == "my-model"


def test_a_key_missing_to_a_model_in_python_is_told_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agno would let the first caller find out."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code = "from agno.agent import Agent\nmine = Agent(model='openai:gpt-4o')\n"
    (tmp_path / "keyless_agents.py").write_text(code, "utf-8")
    found = problems(tmp_path, "type: it\nsource: keyless_agents:mine")
    assert found == ["2: `source`: The model openai:gpt-4o has no credentials. Set OPENAI_API_KEY."]


def test_the_shipped_catalogue_is_right() -> None:
    """The nine types users rely on, with the bounds the seeds give them."""
    box = Toolbox.load(SHIPPED / "tools.yaml")
    found = {each.type: each for each in Catalogue.load(SHIPPED / "agents", models=models(), toolbox=box)}
    bounds = {name: each.max_concurrent for name, each in found.items()}
    unbounded = dict.fromkeys(("general", "coder", "analyst", "writer", "structured_analyst"))
    assert bounds == unbounded | {"data_collector": 5, "data_analyzer": 3, "report_writer": 2, "quality_reviewer": 4}
    basic = {name for name, each in found.items() if each.permission == "agent:execute:basic"}
    assert basic == {"general", "coder", "analyst", "writer"}
    assert box.names == {"calculator"}
