"""Tasks of one caller that are put to a model together, in one prompt: for agents with `batch: prompt`.

Such an agent answers with a list, one result for each task. A list of another length says nothing about which result
is whose: its tasks are then done one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import structlog

from bullpen.errors import ResultMismatch
from bullpen.execution.run import Run
from bullpen.gathering import Gathering
from bullpen.llm.run import ModelRun
from bullpen.messages import Json, new_id
from bullpen.pool import Lane

__all__ = ["Together"]

_Alone: TypeAlias = Callable[[Run], Awaitable[tuple[Json, Lane]]]
_Key: TypeAlias = tuple[str, str, str, str]
_Part: TypeAlias = tuple[Json, Lane]

_PROMPT: Final = (
    "Below are {count} tasks, each under a heading `Task 1`, `Task 2` and so on. Do each on its own, as if there were "
    "no other. Answer with a list of exactly {count} results; the first is that of task 1, and so on.\n\n{tasks}"
)

_FOR_THE_OTHERS: Final = 0.25
"""Of the time a run has, at most: it must not be late for having waited for company."""

_log = structlog.get_logger("bullpen.execution")


class Together:
    """Gathers the runs of one caller and one agent, and runs them as one."""

    def __init__(self, alone: _Alone, *, size: int, wait: float) -> None:
        """`alone` runs what is gathered: `size` runs at most, the first of which waits `wait` seconds for others.

        A run with little time waits a quarter of it at most.
        """
        self._alone = alone
        self._gathering: Gathering[_Key, Run, _Part] = Gathering(self._serve, size=size, wait=wait)

    async def ask(self, run: Run) -> _Part:
        """The result of this run, and the lane that did it; raises what a run alone raises.

        A run with a context of its own is not mixed with others. Tokens and cost are divided evenly.
        """
        deadline = run.model.deadline
        began = deadline.clock.monotonic()
        try:
            async with asyncio.timeout(deadline.remaining()) as bound:
                result, lane = await self._result(run)
        except TimeoutError:
            if not bound.expired():
                raise
            raise run.too_late() from None
        took = deadline.clock.monotonic() - began
        # What the others were waited for is waiting, too, and neither the model's time nor ours.
        lane = replace(lane, wait=max(lane.wait, took - run.model.away_seconds))
        run.record.granted(lane)
        return result, lane

    async def aclose(self) -> None:
        """Ends what goes on, and serves nobody any more."""
        await self._gathering.aclose()

    async def _result(self, run: Run) -> _Part:
        if run.request.context is None:
            patience = run.model.deadline.remaining() * _FOR_THE_OTHERS
            return await self._gathering.ask(_key(run), run, patience=patience)
        ((result, lane),) = await self._in_one(run.request.agent_type, [run])
        return result, lane

    async def _serve(self, key: _Key, runs: Sequence[Run]) -> Sequence[_Part | Exception]:
        try:
            return await self._in_one(key[0], runs)
        except ResultMismatch as error:
            if len(runs) == 1:
                return [error]
            _log.info("batch_taken_apart", agent_type=key[0], tasks=len(runs))
        parts = await asyncio.gather(*(self._in_one(key[0], [run]) for run in runs), return_exceptions=True)
        return [part if isinstance(part, Exception) else _only(part) for part in parts]

    async def _in_one(self, agent_type: str, runs: Sequence[Run]) -> list[_Part]:
        """Runs them as one, at the pace of the one in the greatest hurry to begin and the least to end."""
        first = runs[0]
        request = replace(
            first.request,
            task=_prompt(runs),
            priority=min(run.request.priority for run in runs),
            run_id=new_id("run"),
        )
        model = ModelRun(
            run_id=request.run_id,
            session_id=request.session_id,
            tenant=first.caller.tenant,
            user_id=first.caller.user_id,
            agent_type=agent_type,
            deadline=max((run.model.deadline for run in runs), key=lambda deadline: deadline.at),
        )
        try:
            with model.as_current():
                results, lane = await self._alone(replace(first, request=request, model=model))
        finally:
            _share(model, runs)
        if not isinstance(results, list) or len(results) != len(runs):
            raise ResultMismatch(f"The agent `{agent_type}` did not answer with one result for each task. Try again.")
        return [(result, lane) for result in results]


def _key(run: Run) -> _Key:
    caller = run.caller
    return run.request.agent_type, caller.tenant, caller.user_id, caller.credential


def _only(parts: list[_Part] | BaseException) -> _Part:
    if isinstance(parts, BaseException):
        raise parts  # a cancellation, which is nobody's result
    return parts[0]


def _prompt(runs: Sequence[Run]) -> str:
    tasks = "\n\n".join(f"Task {number}\n{run.request.task}" for number, run in enumerate(runs, start=1))
    return _PROMPT.format(count=len(runs), tasks=tasks)


def _share(model: ModelRun, runs: Sequence[Run]) -> None:
    """Divides what was used, to the last token and micro-dollar."""
    count = len(runs)
    for number, run in enumerate(runs):
        run.model.input_tokens += (model.input_tokens + number) // count
        run.model.output_tokens += (model.output_tokens + number) // count
        run.model.cost += (model.cost + number) // count
        run.model.away_seconds += model.away_seconds
        run.model.model = model.model or run.model.model
