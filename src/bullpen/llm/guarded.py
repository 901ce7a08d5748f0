"""The guarded model: what every agent, team and workflow calls instead of the model itself.

Composition, not inheritance, so that any model can be guarded, a user's own instance too. Agno looks at a model from
many sides, and meets a wrong guess with silence rather than an error. What must look like the inner model, and why, is
said at each place; `tests/contract/test_traps_model.py` holds the guard to the same answers as the model without it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import cache, partial
from typing import Any, NoReturn, Self

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from bullpen.llm.call import CallSettings
from bullpen.llm.formats import dressed
from bullpen.llm.hedge import hedged
from bullpen.llm.link import Link
from bullpen.llm.metered import Meter
from bullpen.llm.places import close_up
from bullpen.llm.ports import ModelName
from bullpen.llm.run import current_run
from bullpen.llm.tokens import speaks
from bullpen.llm.trials import Trials

__all__ = ["GuardedModel", "guarded"]

_NEVER_SYNC = "A guarded model is asynchronous only: call `arun` of the agent, team or workflow, never `run`."


def guarded(chain: Sequence[Link], *, call: CallSettings, meter: Meter) -> "GuardedModel":
    """A guard around the models of `chain`, of a class named like the first one's.

    Agno tells native reasoning models by the name of their class, and skips reasoning without a word when it is not
    one it knows.
    """
    return _class(type(chain[0].model).__name__)(chain, call=call, meter=meter)


@cache
def _class(name: str) -> "type[GuardedModel]":
    return type(name, (GuardedModel,), {"__doc__": GuardedModel.__doc__})


class GuardedModel(Model):
    """A model whose every call is bounded, classified, metered, priced and booked. Make one with `guarded`.

    Attributes:
        chain: The models to try, in order. Agno sees the first.
        call: How.
        inner: The first model.
    """

    def __init__(self, chain: Sequence[Link], *, call: CallSettings, meter: Meter) -> None:
        inner = chain[0].model
        self.chain = tuple(chain)
        self.call = call
        self.inner = inner
        self._meter = meter
        # Retries and cache are the base class's own and stay off: there is one place that retries.
        super().__init__(
            id=inner.id,
            name=inner.name,
            provider=inner.provider,
            supports_native_structured_outputs=inner.supports_native_structured_outputs,
            supports_json_schema_outputs=inner.supports_json_schema_outputs,
            system_prompt=inner.system_prompt,
            instructions=inner.instructions,
            tool_message_role=inner.tool_message_role,
            assistant_message_role=inner.assistant_message_role,
        )
        self._tool_choice = inner._tool_choice  # noqa: SLF001 - Agno reads it off whatever model it is given

    async def ainvoke(self, *, messages: list[Message], **others: Any) -> ModelResponse:
        """One model call, whole.

        Raises:
            ModelCallFailed: With our failure in it, which is also left in the current run.
        """
        chain = self._meter.preferences.ordered(self.chain)
        if self.call.hedge_after is None:
            return await self._whole(chain, messages, **others)

        async def leg(links: Sequence[Link]) -> AsyncGenerator[ModelResponse]:
            yield await self._whole(links, messages, **others)

        async with aclosing(self._hedged(leg, chain, after=self.call.hedge_after)) as answers:
            return await anext(answers)

    async def ainvoke_stream(self, *, messages: list[Message], **others: Any) -> AsyncIterator[ModelResponse]:
        """One model call, piece by piece; raises as `ainvoke` does, also between two pieces."""
        chain = self._meter.preferences.ordered(self.chain)
        if self.call.hedge_after is None:
            pieces = self._pieces(chain, messages, **others)
        else:
            pieces = self._hedged(
                lambda links: self._pieces(links, messages, **others), chain, after=self.call.hedge_after
            )
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _whole(
        self, chain: Sequence[Link], messages: list[Message], *, response_format: Any = None, **others: Any
    ) -> ModelResponse:
        trials = Trials(self._meter, chain, messages, call=self.call, stream=False)
        while True:
            attempt = await trials.next()
            model = attempt.model
            async with attempt:
                wanted = dressed(response_format, model)
                response = await attempt.wait(model.ainvoke(messages=messages, response_format=wanted, **others))
                attempt.received(response)
            if attempt.failed is None:
                return response

    async def _pieces(
        self, chain: Sequence[Link], messages: list[Message], *, response_format: Any = None, **others: Any
    ) -> AsyncGenerator[ModelResponse]:
        trials = Trials(self._meter, chain, messages, call=self.call, stream=True)
        while True:
            attempt = await trials.next()
            model = attempt.model
            async with attempt:
                wanted = dressed(response_format, model)
                pieces: Any = model.ainvoke_stream(messages=messages, response_format=wanted, **others)
                async with aclosing(pieces):
                    while (piece := await attempt.wait(anext(pieces, None))) is not None:
                        attempt.received(piece)
                        yield piece
            if attempt.failed is None:
                return

    async def _hedged(
        self, begin: Callable[[Sequence[Link]], AsyncGenerator[ModelResponse]], chain: Sequence[Link], *, after: float
    ) -> AsyncGenerator[ModelResponse]:
        """The second call begins with the first fallback, if there is one."""

        def leg(number: int) -> AsyncGenerator[ModelResponse]:
            return begin((*chain[number:], *chain[:number]))

        may_hedge = partial(self._may_hedge, chain[0].name)
        async with aclosing(hedged(leg, after=after, may_hedge=may_hedge, speaks=speaks)) as pieces:
            async for piece in pieces:
                # The two are one call: what the other one failed with is made good.
                if (run := current_run()) is not None:
                    run.failure = None
                yield piece

    def _may_hedge(self, slow: ModelName) -> bool:
        """A second call is one more, as a retry is, and taken from the same budget."""
        if not self._meter.safeguards.budgets.take(str(slow)):
            return False
        self._meter.usage.hedged(slow)
        return True

    def invoke(self, *_: Any, **__: Any) -> NoReturn:
        """Never: a synchronous call would hold up every other run in the process."""
        raise RuntimeError(_NEVER_SYNC)

    def invoke_stream(self, *_: Any, **__: Any) -> NoReturn:
        """Never, for the same reason."""
        raise RuntimeError(_NEVER_SYNC)

    def get_client(self) -> NoReturn:
        """Never: Agno would ask Anthropic over it what a model can do, unbounded and holding up the loop."""
        raise RuntimeError(_NEVER_SYNC)

    def parse_tool_calls(self, tool_calls_data: list[Any]) -> list[dict[str, Any]]:
        """Joins streamed pieces of tool calls.

        Each provider's pieces have a shape of their own, and any model of the chain may have sent them: the parser
        that makes dicts of them is the right one.
        """
        with suppress(TypeError):
            close_up(tool_calls_data)
        for link in self.chain:
            with suppress(AttributeError, TypeError):
                calls = link.model.parse_tool_calls(tool_calls_data)
                if all(isinstance(call, dict) for call in calls):
                    return calls
        return tool_calls_data

    def get_provider(self) -> str:
        """The inner model's: OpenAI's chat model adds a word to it."""
        return self.inner.get_provider()

    def get_system_message_for_model(self, tools: list[Any] | None = None) -> str | None:
        """The inner model's: Claude has one when there are tools."""
        return self.inner.get_system_message_for_model(tools)

    def get_instructions_for_model(self, tools: list[Any] | None = None) -> list[str] | None:
        """The inner model's."""
        return self.inner.get_instructions_for_model(tools)

    def format_function_call_results(self, *args: Any, **kwargs: Any) -> None:
        """The inner model's: some providers want tool results in a message of their own shape."""
        self.inner.format_function_call_results(*args, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """The inner model's."""
        return self.inner.to_dict()

    # Agno's base class asks for the next two; only those of an inner model are ever called.

    def _parse_provider_response(self, response: Any, **_: Any) -> NoReturn:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> NoReturn:
        raise NotImplementedError

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Agno's own copy drops the injected client, and the next call would make one from the environment.
        return self

    def __getattr__(self, name: str) -> Any:
        # What a provider's model has beyond the base class, such as Claude's `thinking`.
        inner = self.__dict__.get("inner")
        if inner is None:
            raise AttributeError(name)
        return getattr(inner, name)
