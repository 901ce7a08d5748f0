"""THE story: one caller asks one agent for one answer.

    may the caller use it? → is the request's schema sound? → a lane, in time → the agent → the answer, and its record

Every door ends here: `POST /agent/execute`, its stream, a batch, the command line. Nothing is governed twice or not
at all.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from bullpen.agents import AgentDefinition, Catalogue, OutputSchema, Result, Runner, Streamed
from bullpen.caller import Caller
from bullpen.errors import DeadlineExceeded
from bullpen.execution.authority import Authority
from bullpen.execution.record import Counters, Record, Spend
from bullpen.llm.run import ModelRun
from bullpen.messages import Answer, Done, Event, Request, Started
from bullpen.pool import Lane, Pool
from bullpen.resilience import Deadline
from bullpen.security.audit import Audit
from bullpen.security.authorization import Resource
from bullpen.telemetry import Metrics

__all__ = ["Execution"]


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything one run needs on its way down."""

    request: Request
    caller: Caller
    schema: OutputSchema | None
    model: ModelRun
    record: Record

    def started(self, lane: Lane) -> Started:
        """The first event of a stream."""
        return Started(
            run_id=self.request.run_id,
            session_id=self.request.session_id,
            agent_type=self.request.agent_type,
            agent_name=lane.name,
        )


class Execution:
    """Runs requests for callers."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        pool: Pool,
        runner: Runner,
        authority: Authority,
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self._catalogue = catalogue
        self._pool = pool
        self._runner = runner
        self._authority = authority
        self._audit = audit
        self._metrics = metrics
        self._counters: dict[str, Counters] = {}

    def agents(self, caller: Caller) -> list[AgentDefinition]:
        """The agents the caller may use, in the catalogue's order."""
        return [each for each in self._catalogue if self._authority.allows(caller, each.permission, _resource(each))]

    def agent(self, agent_type: str, caller: Caller) -> AgentDefinition:
        """The agent of that type.

        Raises:
            UnknownAgent: Names the ones the caller may use.
            Forbidden: It is there, and not for this caller.
        """
        definition = self._catalogue.find(agent_type)
        if definition is None:
            raise self._catalogue.unknown(agent_type, visible=[each.type for each in self.agents(caller)])
        self._authority.require(caller, definition.permission, _resource(definition))
        return definition

    async def execute(
        self, request: Request, caller: Caller, *, deadline: Deadline, spend: Spend | None = None
    ) -> Answer:
        """Runs the request to its answer.

        Args:
            request: What to do.
            caller: For whom.
            deadline: When at the latest.
            spend: Told the tokens of the run at its end, whatever came of it.

        Raises:
            BullpenError: Any kind of `Refused`, `Unavailable` or `RunFailed`, or `Unexpected`.
        """
        run = self._begin(request, caller, deadline, spend)
        with run.record.kept(), run.model.as_current():
            async with self._lane(run) as lane:
                result = await self._runner.run(lane.agent, request=request, caller=caller, schema=run.schema)
            return run.record.answer(result, lane)

    async def stream(
        self, request: Request, caller: Caller, *, deadline: Deadline, spend: Spend | None = None
    ) -> AsyncGenerator[Event]:
        """The same, told as it happens: `Started`, then deltas and tool steps, and `Done` last.

        The generator must be iterated and closed by one task: the run is found by its model calls in that task's
        context.
        """
        run = self._begin(request, caller, deadline, spend)
        with run.record.kept(), run.model.as_current():
            async with self._lane(run) as lane, aclosing(self._steps(run, lane)) as steps:
                yield run.started(lane)
                async for step in steps:
                    if isinstance(step, Result):
                        result = step.value
                    else:
                        yield step
            answer = run.record.answer(result, lane)
        yield Done(answer)

    def _steps(self, run: _Run, lane: Lane) -> AsyncGenerator[Streamed]:
        return self._runner.stream(lane.agent, request=run.request, caller=run.caller, schema=run.schema)

    def _begin(self, request: Request, caller: Caller, deadline: Deadline, spend: Spend | None) -> _Run:
        definition = self.agent(request.agent_type, caller)
        if request.output_schema is None:
            schema = self._catalogue.schema(definition.type)
        else:
            schema = OutputSchema.of_json_schema(request.output_schema)
        if request.timeout is not None:
            deadline = deadline.shortened(request.timeout)
        model = ModelRun(
            run_id=request.run_id,
            session_id=request.session_id,
            tenant=caller.tenant,
            user_id=caller.user_id,
            agent_type=definition.type,
            deadline=deadline,
        )
        record = Record(
            model,
            caller=caller,
            task_length=len(request.task),
            counters=self._counters_of(definition),
            audit=self._audit,
            spend=spend,
        )
        return _Run(request, caller, schema, model, record)

    def _counters_of(self, definition: AgentDefinition) -> Counters:
        counters = self._counters.get(definition.type)
        if counters is None:
            model = self._catalogue.model(definition.type)
            counters = self._counters[definition.type] = Counters(self._metrics, definition=definition, model=model)
        return counters

    @asynccontextmanager
    async def _lane(self, run: _Run) -> AsyncIterator[Lane]:
        """A lane, with everything inside bounded by the deadline."""
        deadline = run.model.deadline
        lanes = self._pool.lane(
            run.request.agent_type, tenant=run.caller.tenant, priority=run.request.priority, deadline=deadline
        )
        try:
            async with asyncio.timeout(deadline.remaining()) as bound, lanes as lane:
                run.record.granted(lane)
                yield lane
        except TimeoutError:
            if not bound.expired():
                raise
            raise self._too_late(run) from None
        # Agno may swallow the cancellation (trap T13); a late answer is late all the same.
        if bound.expired():
            raise self._too_late(run)

    @staticmethod
    def _too_late(run: _Run) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"Run {run.model.run_id} of agent '{run.request.agent_type}' outlived its deadline and was stopped. "
            "Send a longer `timeout`, or a smaller task."
        )


def _resource(definition: AgentDefinition) -> Resource:
    return Resource(kind="agent", id=definition.type)
