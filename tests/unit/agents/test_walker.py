"""Every model that can be reached is found."""

import pytest
from agno.agent import Agent
from agno.models.base import Model

from bullpen.agents.walker import bare, guard, reachable, unguarded
from bullpen.llm import CallSettings
from tests.stubs import own
from tests.stubs.scripted import ScriptedModel
from tests.stubs.stage import models


def guarded(model: Model) -> Model:
    return models().guard(model, call=CallSettings())


def test_a_model_is_found_in_every_place_a_workflow_has_for_one() -> None:
    """Roles of an agent, members of a team, steps within steps; whatever they are called."""
    workflow = own.everywhere()
    found = "\n".join(unguarded(workflow))
    for place in ("parser_model", "output_model", "reasoning_model", "followup_model", "memory_manager.model"):
        assert f"agent.{place}" in found
    assert "session_summary_manager.model" in found
    for place in ("team.members[1].model", "else_steps[0]", "choices[0]", "workflow.steps[0]"):
        assert place in found


def test_after_guarding_only_what_has_no_model_is_left() -> None:
    """The guard is put in each place; an agent without any model is the builder's to fill."""
    workflow = own.everywhere()
    guard(workflow, guarded)
    assert [path.rpartition("members")[2] for path in unguarded(workflow)] == ["[1].model"]


def test_each_place_gets_a_guard_of_its_own() -> None:
    """Agno marks a model with the one role it plays."""
    shared = ScriptedModel()
    agent = Agent(model=shared, output_model=shared, parser_model=shared)
    guard(agent, guarded)
    assert len({id(agent.model), id(agent.output_model), id(agent.parser_model)}) == 3


@pytest.mark.parametrize(("made", "path"), [(own.by_name, "memory_manager.model"), (own.in_tuple, "['spare'][0]")])
def test_what_cannot_be_guarded_is_told(made: object, path: str) -> None:
    """A model still given by name, or in a tuple, which cannot be changed."""
    assert callable(made)
    agent = made()
    guard(agent, guarded)
    assert any(path in each for each in unguarded(agent))


def test_everything_is_visited_once() -> None:
    """An agent used in two places is mended once, and one that holds itself does not go round in circles."""
    agent = own.plain()
    agent.metadata = {"itself": agent, "again": [agent]}
    assert [id(each) for each in reachable([agent, agent])].count(id(agent)) == 1


def test_the_models_themselves_can_be_had_until_they_are_guarded() -> None:
    """Their keys are looked for before anybody calls them."""
    agent = own.plain()
    model = agent.model
    assert model in bare(agent)
    guard(agent, guarded)
    assert bare(agent) == []
