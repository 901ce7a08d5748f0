"""THE story: one caller asks one agent for one answer.

    may the caller use it? → is the request's schema sound? → a lane, in time → the agent → the answer, and its record

Every door ends here: `POST /agent/execute`, its stream, a batch, the command line. Nothing is governed twice or not
at all.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from bullpen.agents import AgentDefinition, Catalogue, OutputSchema, Result, Runner, Streamed
from bullpen.caller import Caller
from bullpen.execution.authority import Authority
from bullpen.execution.record import Counters, Observe, Record, Spend, unobserved
from bullpen.execution.run import Run
from bullpen.execution.together import Together
from bullpen.llm.run import ModelRun
from bullpen.messages import Answer, Done, Event, Json, Request
from bullpen.pool import Lane, Pool
from bullpen.resilience import Deadline
from bullpen.security.audit import Audit
from bullpen.security.authorization import Resource
from bullpen.telemetry import Metrics

__all__ = ["Execution"]


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
        observe: Observe = unobserved,
        together: int = 10,
        together_wait: float = 1.0,
    ) -> None:
        """Composes the rooms a run goes through.

        Args:
            catalogue: The agents there are.
            pool: Lends lanes.
            runner: Runs an agent.
            authority: Says who may.
            audit: Where each run is recorded.
            metrics: Where it is counted.
            observe: Hears how long each run took, and whether it succeeded.
            together: Tasks at most that an agent with `batch: prompt` is given in one prompt.
            together_wait: Seconds the first of them waits for others.
        """
        self._catalogue = catalogue
        self._pool = pool
        self._runner = runner
        self._authority = authority
        self._audit = audit
        self._metrics = metrics
        self._observe = observe
        self._counters: dict[str, Counters] = {}
        self._together = Together(self._alone, size=together, wait=together_wait)

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
            result, lane = await (self._together.ask(run) if run.is_batched else self._alone(run))
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
            async with aclosing(self._told(run)) as told:
                async for step in told:
                    if isinstance(step, Answer):
                        answer = step
                    else:
                        yield step
        yield Done(answer)

    async def _told(self, run: Run) -> AsyncGenerator[Event | Answer]:
        """What happens in a run, and its answer last."""
        if run.is_batched:
            result, lane = await self._together.ask(run)
            yield run.started(lane)
            yield run.record.answer(result, lane)
            return
        async with self._lane(run) as lane, aclosing(self._steps(run, lane)) as steps:
            yield run.started(lane)
            async for step in steps:
                if isinstance(step, Result):
                    result = step.value
                else:
                    yield step
        yield run.record.answer(result, lane)

    async def aclose(self) -> None:
        """Ends what is done for several callers together."""
        await self._together.aclose()

    async def _alone(self, run: Run) -> tuple[Json, Lane]:
        async with self._lane(run) as lane:
            result = await self._runner.run(lane.agent, request=run.request, caller=run.caller, schema=run.schema)
        return result, lane

    def _steps(self, run: Run, lane: Lane) -> AsyncGenerator[Streamed]:
        return self._runner.stream(lane.agent, request=run.request, caller=run.caller, schema=run.schema)

    def _begin(self, request: Request, caller: Caller, deadline: Deadline, spend: Spend | None) -> Run:
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
        batched = definition.batch == "prompt" and request.output_schema is None
        return Run(request, caller, schema, model, record, is_batched=batched)

    def _counters_of(self, definition: AgentDefinition) -> Counters:
        counters = self._counters.get(definition.type)
        if counters is None:
            model = self._catalogue.model(definition.type)
            counters = self._counters[definition.type] = Counters(
                self._metrics, definition=definition, model=model, observe=self._observe
            )
        return counters

    @asynccontextmanager
    async def _lane(self, run: Run) -> AsyncIterator[Lane]:
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
            raise run.too_late() from None
        # Agno may swallow the cancellation (trap T13); a late answer is late all the same.
        if bound.expired():
            raise run.too_late()


def _resource(definition: AgentDefinition) -> Resource:
    return Resource(kind="agent", id=definition.type)
