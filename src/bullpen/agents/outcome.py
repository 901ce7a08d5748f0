"""What became of a run, once Agno says it is over.

Agno does not raise: a failed model, tool or guardrail is a status, and the error's text is in the content (trap T1).
A failed workflow step is skipped and the workflow says completed (trap T12). Here every such end becomes an answer
or an error of ours, whose text never repeats a provider's, a tool's or the user's.

A team whose member failed has not failed: the leader is told and decides. What counts is whether the leader answered,
and where the member's word is the team's, as in `route` mode, a failed member is a failed team.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.run.workflow import WorkflowRunOutput
from agno.workflow import StepOutput

from bullpen.agents.output import OutputSchema, plain
from bullpen.errors import BullpenError, Cancelled, ModelNonsense, RunFailed
from bullpen.llm.run import current_run
from bullpen.messages import Json, Request

__all__ = ["Ended", "Inside", "failure", "settled"]

_log = structlog.get_logger("bullpen.agents")

Ended: TypeAlias = RunOutput | TeamRunOutput | WorkflowRunOutput
_Steps: TypeAlias = Iterable[StepOutput | list[StepOutput]]

# What a leader calls to hand the task over.
_DELEGATION: Final = "delegate_task"


@dataclass(frozen=True, slots=True)
class Inside:
    """How the runs inside a streamed one were seen to end.

    Attributes:
        statuses: By run id. A run nobody saw is asked itself.
        bereft: Ids of the teams that lost a member.
    """

    statuses: dict[str, RunStatus] = field(default_factory=dict)
    bereft: set[str] = field(default_factory=set)


def settled(
    ended: Ended | None, *, request: Request, schema: OutputSchema | None, inside: Inside | None = None
) -> Json:
    """The result of a run that succeeded; `inside` is known when it was streamed.

    Raises:
        RunFailed: It did not: the cause a model call left behind, or that a step or the run itself failed.
        ResultMismatch: The result does not match `schema`.
        ModelNonsense: There is no result.
        Cancelled: It was cancelled.
    """
    if ended is None or ended.status is not RunStatus.completed:
        raise failure(request, status=ended.status if ended else None)
    failed = next(_failed(ended, inside or Inside()), None)
    if failed is not None:
        raise failure(request, part=failed)
    return _result(ended.content, request, schema)


def failure(request: Request, *, status: RunStatus | None = None, part: str | None = None) -> BullpenError:
    """The error to raise for a run that did not succeed."""
    run = current_run()
    cause = run.failure if run else None
    _log.warning(
        "run_did_not_succeed",
        run_id=request.run_id,
        agent_type=request.agent_type,
        status=status.value if status else "none",
        part=part,
        cause=cause.kind if cause else None,
    )
    if status is RunStatus.cancelled:
        return Cancelled(f"The run {request.run_id} was cancelled.")
    if cause is not None:
        return cause
    if status is RunStatus.paused:
        return RunFailed(f"The agent `{request.agent_type}` waits for a person's approval, which is not served yet.")
    if part is not None:
        return RunFailed(f"A part of `{request.agent_type}` failed. The log has more under {request.run_id}.")
    return RunFailed(f"The agent `{request.agent_type}` did not finish. The log has more under {request.run_id}.")


def _result(content: object, request: Request, schema: OutputSchema | None) -> Json:
    if content is None or (isinstance(content, str) and not content.strip()):
        raise ModelNonsense(f"The agent `{request.agent_type}` answered nothing. Try again, or say more.")
    if schema is not None:
        return schema.check(content)
    if isinstance(content, str):
        return content
    try:
        return plain(content)
    except (TypeError, ValueError):
        raise RunFailed(f"The agent `{request.agent_type}` returned something that has no JSON form.") from None


def _failed(ended: Ended, inside: Inside) -> Iterator[str]:
    """Names of the parts whose failure is the whole run's."""
    if isinstance(ended, TeamRunOutput):
        yield from _failed_members(ended, inside)
    if isinstance(ended, WorkflowRunOutput):
        yield from _failed_steps(ended, inside)


def _failed_members(team: TeamRunOutput, inside: Inside) -> Iterator[str]:
    last = team.messages[-1] if team.messages else None
    if last is None or not (last.tool_name or "").startswith(_DELEGATION):
        return
    # A stream's own end says nothing of members that failed.
    if team.run_id in inside.bereft:
        yield "member"
    for member in team.member_responses:
        if member.status is RunStatus.error or next(_failed(member, inside), None):
            yield "member"


def _failed_steps(ended: WorkflowRunOutput, inside: Inside) -> Iterator[str]:
    failed = {each.run_id for each in ended.step_executor_runs or () if each.run_id and _is_broken(each, inside)}
    for step in _flat(ended.step_results):
        # An agent's failure is a step that succeeded, with the error for content.
        if step.step_run_id in failed or not step.success:
            yield step.step_name or "unnamed"


def _is_broken(part: Ended, inside: Inside) -> bool:
    status = inside.statuses.get(part.run_id or "", part.status)
    return status is not RunStatus.completed or next(_failed(part, inside), None) is not None


def _flat(steps: _Steps) -> Iterator[StepOutput]:
    for step in steps:
        if isinstance(step, list):
            yield from _flat(step)
            continue
        yield step
        yield from _flat(step.steps or ())
