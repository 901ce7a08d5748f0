"""The user's guardrails and hooks, made to fail closed.

Agno logs whatever a hook raises, but for its own two exceptions, and goes on with the run (trap T2): a guardrail with
a defect in it lets everything pass. Wrapped, it ends the run.

A guardrail that works and refuses is another thing: the caller can do something about it. Agno tells both alike, so a
refusal is left in the current run, in words of ours: the guardrail's own may hold the task.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from agno.exceptions import AgentRunException, CheckTrigger, InputCheckError, OutputCheckError, RunCancelledException
from agno.guardrails import BaseGuardrail
from agno.run.agent import RunInput
from agno.run.team import TeamRunInput

from bullpen.errors import GuardrailRefused
from bullpen.llm.run import current_run

__all__ = ["fail_closed"]

_Refusal = type[InputCheckError] | type[OutputCheckError]
_STEERING = (AgentRunException, RunCancelledException)


def fail_closed(hook: Any, *, refusal: _Refusal) -> Any:
    """`hook` in a form that ends the run with `refusal` when it breaks; what is no guardrail or function is kept."""
    if isinstance(hook, _Strict):
        return hook
    if isinstance(hook, BaseGuardrail):
        return _Strict(hook)
    if getattr(hook, _MARK, False) or not callable(hook):
        return hook
    return _strict_function(hook, refusal)


_MARK = "_bullpen_fails_closed"


class _Strict(BaseGuardrail):
    def __init__(self, inner: BaseGuardrail) -> None:
        self._inner = inner

    def check(self, run_input: RunInput | TeamRunInput) -> None:
        self._inner.check(run_input)

    async def async_check(self, run_input: RunInput | TeamRunInput) -> None:
        with _closed(self._inner, InputCheckError):
            await self._inner.async_check(run_input)


def _strict_function(hook: Callable[..., Any], refusal: _Refusal) -> Callable[..., Any]:
    @wraps(hook)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        with _closed(hook, refusal):
            return await hook(*args, **kwargs)

    @wraps(hook)
    def called(*args: Any, **kwargs: Any) -> Any:
        with _closed(hook, refusal):
            return hook(*args, **kwargs)

    # Agno decides by this whether to await; it looks at the signature of what is wrapped.
    strict = awaited if iscoroutinefunction(hook) else called
    setattr(strict, _MARK, True)
    return strict


@contextmanager
def _closed(hook: object, refusal: _Refusal) -> Iterator[None]:
    try:
        yield
    except (InputCheckError, OutputCheckError) as refused:
        _tell(refused)
        raise
    except _STEERING:
        raise
    except (Exception, SystemExit) as error:
        raise _broken(hook, refusal) from error


def _tell(refused: InputCheckError | OutputCheckError) -> None:
    run = current_run()
    if run is not None:
        side = "input" if isinstance(refused, InputCheckError) else "output"
        text = f"A guardrail of the agent `{run.agent_type}` refused the {side}. Change the task."
        run.failure = GuardrailRefused(text)


def _broken(hook: object, refusal: _Refusal) -> InputCheckError | OutputCheckError:
    trigger = CheckTrigger.INPUT_NOT_ALLOWED if refusal is InputCheckError else CheckTrigger.OUTPUT_NOT_ALLOWED
    return refusal(f"{type(hook).__name__} failed, and a check that fails refuses", check_trigger=trigger)
