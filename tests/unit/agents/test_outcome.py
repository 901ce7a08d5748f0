"""What became of a run."""

import pytest
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput
from agno.workflow import StepOutput

from bullpen.agents.outcome import settled
from bullpen.errors import BullpenError, Cancelled, ModelBusy, ModelNonsense, RunFailed
from bullpen.llm.run import ModelRun
from bullpen.messages import Request
from bullpen.resilience import Deadline
from tests.stubs.own import SECRET

REQUEST = Request(agent_type="it", task="go", run_id="r1")


def ended(status: RunStatus, content: object = SECRET) -> RunOutput:
    return RunOutput(run_id="r1", status=status, content=content)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (RunStatus.error, RunFailed),
        (RunStatus.cancelled, Cancelled),
        (RunStatus.paused, RunFailed),
        (RunStatus.pending, RunFailed),
        (RunStatus.running, RunFailed),
        (RunStatus.regenerated, RunFailed),
    ],
)
def test_only_completed_counts(status: RunStatus, kind: type[BullpenError]) -> None:
    """Whatever else Agno says is an error, whose text holds nothing of the content."""
    with pytest.raises(kind) as raised:
        settled(ended(status), request=REQUEST, schema=None)
    assert SECRET not in raised.value.detail


def test_a_run_that_waits_for_a_person_says_so() -> None:
    """Nobody would come to approve it."""
    with pytest.raises(RunFailed, match="approval, which is not served yet"):
        settled(ended(RunStatus.paused), request=REQUEST, schema=None)


def test_the_cause_a_model_call_left_behind_is_the_error() -> None:
    """It knows what happened and when to come back."""
    busy = ModelBusy("busy", retry_after=7)
    run = ModelRun(
        run_id="r1",
        session_id="s",
        tenant="t",
        user_id="u",
        agent_type="it",
        deadline=Deadline.after(60),
        failure=busy,
    )
    with run.as_current(), pytest.raises(ModelBusy) as raised:
        settled(ended(RunStatus.error), request=REQUEST, schema=None)
    assert raised.value is busy


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_an_empty_answer_is_no_answer(content: object) -> None:
    """A caller can do nothing with it, and a model that says nothing has failed."""
    with pytest.raises(ModelNonsense):
        settled(ended(RunStatus.completed, content), request=REQUEST, schema=None)


def test_what_has_no_json_form_is_an_error() -> None:
    """A workflow's function may return anything."""
    with pytest.raises(RunFailed, match="no JSON form"):
        settled(ended(RunStatus.completed, object()), request=REQUEST, schema=None)


def test_no_end_at_all_is_an_error() -> None:
    """A stream may just stop."""
    with pytest.raises(RunFailed):
        settled(None, request=REQUEST, schema=None)


def test_a_failed_step_fails_the_workflow_however_deep_it_is() -> None:
    """Agno skips it and says completed."""
    inner = StepOutput(step_name="inner", success=False, error=SECRET)
    outer = StepOutput(step_name="outer", steps=[StepOutput(step_name="fine"), inner])
    output = WorkflowRunOutput(run_id="r1", status=RunStatus.completed, content="fine", step_results=[[outer]])
    with pytest.raises(RunFailed, match="A part of `it` failed") as raised:
        settled(output, request=REQUEST, schema=None)
    assert SECRET not in raised.value.detail


def test_a_step_whose_agent_failed_is_a_failed_step() -> None:
    """For Agno the step succeeded, with the error for content."""
    step = StepOutput(step_name="a", step_run_id="child", content=SECRET, success=True)
    child = RunOutput(run_id="child", status=RunStatus.error)
    output = WorkflowRunOutput(
        run_id="r1", status=RunStatus.completed, content="fine", step_results=[step], step_executor_runs=[child]
    )
    with pytest.raises(RunFailed):
        settled(output, request=REQUEST, schema=None)
