"""How a streamed run ended, by its events."""

from types import SimpleNamespace

import pytest
from agno.run.agent import RunOutput
from agno.run.base import RunStatus

from bullpen.agents.witness import Witness


def event(name: str, run_id: str = "r", **fields: object) -> SimpleNamespace:
    return SimpleNamespace(event=name, run_id=run_id, **fields)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("WorkflowCompleted", RunStatus.completed),
        ("WorkflowCancelled", RunStatus.cancelled),
        ("WorkflowPaused", RunStatus.paused),
        ("StepPaused", RunStatus.paused),
        ("WorkflowError", RunStatus.error),
    ],
)
def test_a_workflow_ends_by_an_event(name: str, status: RunStatus) -> None:
    """It yields no output of its own."""
    witness = Witness("r")
    witness.see(event(name))
    assert witness.ended is not None
    assert witness.ended.status is status


def test_an_agent_ends_by_its_output() -> None:
    """Its events say that it ends, and the output how."""
    witness = Witness("r")
    output = RunOutput(run_id="r", status=RunStatus.completed)
    for each in (event("RunStarted"), event("RunCompleted"), output):
        witness.see(each)
    assert witness.ended is output


def test_what_was_cancelled_stays_cancelled() -> None:
    """Trap T13: completed follows."""
    witness = Witness("r")
    for each in (event("WorkflowCancelled"), event("WorkflowCompleted")):
        witness.see(each)
    assert witness.ended is not None
    assert witness.ended.status is RunStatus.cancelled


def test_the_ends_of_others_are_kept_apart() -> None:
    """A member that failed is noted with the team that lost it, and is not the run's own end."""
    witness = Witness("r")
    witness.see(event("RunError", "member", parent_run_id="team"))
    witness.see(event("TeamRunCompleted", "team"))
    witness.see(RunOutput(run_id="member", status=RunStatus.error))
    assert witness.ended is None
    assert witness.inside.statuses == {"member": RunStatus.error, "team": RunStatus.completed}
    assert witness.inside.bereft == {"team"}
