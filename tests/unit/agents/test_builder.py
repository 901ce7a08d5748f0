"""From a definition to something that runs."""

from pathlib import Path

import pytest
from agno.agent import Agent
from agno.workflow import Step, Workflow

from bullpen.agents.walker import reachable, unguarded
from bullpen.errors import Misconfigured
from tests.stubs import own
from tests.stubs.scripted import INPUT_TOKENS, ScriptedModel
from tests.stubs.stage import stage


def source(name: str, more: str = "") -> str:
    return f"type: it\nsource: tests.stubs.own:{name}\n{more}"


async def test_a_described_agent_is_what_its_definition_says(tmp_path: Path) -> None:
    """And nothing of Agno's own that we do not want is on."""
    text = "type: it\ndescription: D\ninstructions: I\nreasoning: tools\ntools: [calc]"
    async with stage(tmp_path, text, tools="calc: {toolkit: 'agno.tools.calculator:CalculatorTools'}") as it:
        agent = await it.agent("it")
    assert (agent.id, agent.description, agent.instructions) == ("it", "D", "I")
    assert [tool.name for tool in agent.tools] == ["calculator", "reasoning_tools"]
    assert [agent.telemetry, agent.cache_callables, agent.retries, agent.markdown, agent.db] == [
        False,
        False,
        0,
        False,
        None,
    ]
    assert unguarded(agent) == []


async def test_braces_stay_as_they_are(tmp_path: Path) -> None:
    """In a task and in instructions, even those that name something Agno would fill in."""
    text = "type: it\ninstructions: 'Say {user_id} and {context}'"
    async with stage(tmp_path, text, script=lambda m: "|".join(str(each.content) for each in m)) as it:
        shown = str(await it.run("it", "Do {user_id} and {context}", context={"order": 4711}))
    assert "Say {user_id} and {context}" in shown
    assert "Do {user_id} and {context}" in shown


async def test_native_reasoning_gets_a_guarded_model_of_its_own(tmp_path: Path) -> None:
    """One guard a role."""
    async with stage(tmp_path, "type: it\nreasoning: native") as it:
        agent = await it.agent("it")
    assert agent.reasoning_model is not agent.model
    assert unguarded(agent) == []


@pytest.mark.parametrize("name", ["plain", "nameless", "team", "everywhere", "steady_flow"])
async def test_nothing_of_a_users_own_object_is_left_unguarded(tmp_path: Path, name: str) -> None:
    """An agent without a model gets the catalogue's, where Agno would take one of its own choice."""
    async with stage(tmp_path, source(name)) as it:
        agent = await it.agent("it")
    assert unguarded(agent) == []
    for each in reachable(agent):
        if isinstance(each, Agent):
            assert [each.telemetry, each.retries, each.fallback_config, each.fallback_models] == [False, 0, None, None]
        if isinstance(each, Workflow):
            assert not each.telemetry
        if isinstance(each, Step):
            assert each.max_retries == 0


async def test_a_users_own_agent_keeps_its_model(tmp_path: Path) -> None:
    """It answers through the guard, which books the call."""
    async with stage(tmp_path, source("plain", "model: scripted:other")) as it:
        agent = await it.agent("it")
        await it.run("it")
    assert isinstance(agent.model.inner, ScriptedModel)
    assert agent.model.id == "scripted"
    assert it.runs[0].attempts == 1
    assert it.runs[0].input_tokens == INPUT_TOKENS


async def test_tools_of_the_toolbox_join_those_of_the_object(tmp_path: Path) -> None:
    """That is how a Python agent gets at an MCP server."""
    tools = "who: {function: 'tests.stubs.own:who'}"
    async with stage(tmp_path, source("plain", "tools: [who]"), tools=tools) as it:
        agent = await it.agent("it")
    assert agent.tools == [own.who]


async def test_isolated_instances_have_tools_of_their_own_and_share_the_model(tmp_path: Path) -> None:
    """A toolkit's state is one lane's; a client is everybody's. Building twice adds nothing twice."""
    async with stage(tmp_path, source("counting_instance", "isolation: instance")) as it:
        definition = next(iter(it.catalogue))
        one, two = await it.builder.build(definition), await it.builder.build(definition)
    assert isinstance(one, Agent)
    assert isinstance(two, Agent)
    assert isinstance(one.tools, list)
    assert isinstance(two.tools, list)
    assert one.tools[0] is not two.tools[0]
    assert one.model is two.model
    assert one.tool_hooks == two.tool_hooks
    assert len(one.tool_hooks or []) == 1


async def test_a_call_is_counted_once_though_two_types_name_one_object(tmp_path: Path) -> None:
    """Each mends the object; the second finds what the first did."""
    agents = [f"type: {name}\nsource: tests.stubs.own:counting_instance" for name in ("a", "b")]
    async with stage(tmp_path, *agents) as it:
        await it.agent("a")
        await it.agent("b")
        await it.run("a")
        labels = {"tool": "next", "status": "success"}
        assert it.metrics.registry.get_sample_value("bullpen_tool_calls_total", labels) == 1


async def test_isolated_agents_of_the_toolbox_have_fresh_toolkits(tmp_path: Path) -> None:
    """They come from the definition, so there is nothing to copy."""
    tools = "count: {toolkit: 'tests.stubs.own:Counter'}"
    async with stage(tmp_path, "type: it\nisolation: instance\ntools: [count]", tools=tools) as it:
        definition = next(iter(it.catalogue))
        one, two = await it.builder.build(definition), await it.builder.build(definition)
    assert isinstance(one, Agent)
    assert isinstance(two, Agent)
    assert isinstance(one.tools, list)
    assert isinstance(two.tools, list)
    assert one.tools[0] is not two.tools[0]


async def test_a_model_that_turns_up_later_is_refused(tmp_path: Path) -> None:
    """A function may make something else each time; better no agent than one nobody bounds, meters and pays for."""
    async with stage(tmp_path, source("unsteady")) as it:
        with pytest.raises(Misconfigured, match="cannot guard"):
            await it.agent("it")


async def test_the_pool_is_told_how_lanes_are_made(tmp_path: Path) -> None:
    """Bound and sharing come from the definition."""
    agents = ("type: a\nmax_concurrent: 3", "type: b\nisolation: instance")
    async with stage(tmp_path, *agents) as it:
        kinds = {kind.agent_type: kind for kind in it.builder.kinds()}
        built = await kinds["b"].build()
        await kinds["b"].close(built)
    assert (kinds["a"].max_concurrent, kinds["a"].shared) == (3, True)
    assert (kinds["b"].max_concurrent, kinds["b"].shared) == (None, False)
    assert isinstance(built, Agent)
