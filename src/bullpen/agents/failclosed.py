"""The user's guardrails and hooks, made to fail closed.

Agno logs whatever a hook raises, but for its own two exceptions, and goes on with the run (trap T2): a guardrail with
a defect in it lets everything pass. Wrapped, it ends the run.
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from agno.exceptions import AgentRunException, CheckTrigger, InputCheckError, OutputCheckError, RunCancelledException
from agno.guardrails import BaseGuardrail
from agno.run.agent import RunInput
from agno.run.team import TeamRunInput

__all__ = ["fail_closed"]

_Refusal = type[InputCheckError] | type[OutputCheckError]
_MEANT = (AgentRunException, InputCheckError, OutputCheckError, RunCancelledException)


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
        try:
            await self._inner.async_check(run_input)
        except _MEANT:
            raise
        except Exception as error:
            raise _broken(self._inner, InputCheckError) from error


def _strict_function(hook: Callable[..., Any], refusal: _Refusal) -> Callable[..., Any]:
    @wraps(hook)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        try:
            return await hook(*args, **kwargs)
        except _MEANT:
            raise
        except Exception as error:
            raise _broken(hook, refusal) from error

    @wraps(hook)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except _MEANT:
            raise
        except Exception as error:
            raise _broken(hook, refusal) from error

    # Agno decides by this whether to await; it looks at the signature of what is wrapped.
    strict = awaited if iscoroutinefunction(hook) else called
    setattr(strict, _MARK, True)
    return strict


def _broken(hook: object, refusal: _Refusal) -> InputCheckError | OutputCheckError:
    trigger = CheckTrigger.INPUT_NOT_ALLOWED if refusal is InputCheckError else CheckTrigger.OUTPUT_NOT_ALLOWED
    return refusal(f"{type(hook).__name__} failed, and a check that fails refuses", check_trigger=trigger)
