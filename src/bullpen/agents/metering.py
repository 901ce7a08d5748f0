"""Tool calls, timed and counted."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from inspect import Parameter, Signature, iscoroutinefunction
from typing import Any, Final

from bullpen.llm.run import current_run
from bullpen.telemetry import Metrics

__all__ = ["ToolHook"]

_OTHER: Final = "other"
_PARAMETERS: Final = ("function_name", "function_call", "arguments")


class ToolHook:
    """An Agno tool hook that times and counts every call.

    Calls of tools not in `names` are counted as `other`: a model can make names up. The hook is not a coroutine
    function on purpose. Were it one, Agno would run synchronous tools on the event loop instead of in a thread (trap
    T15), and one slow tool would hold up every run.
    """

    # Agno reads the signature a dozen times a call; working it out anew each time costs 0.2 ms.
    __signature__ = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in _PARAMETERS])

    def __init__(self, metrics: Metrics, *, names: Collection[str]) -> None:
        self._metrics = metrics
        self._names = names

    def __call__(self, function_name: str, function_call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """What the tool returned, or an awaitable of it when the tool is asynchronous."""
        tool = function_name if function_name in self._names else _OTHER
        if iscoroutinefunction(function_call):
            return self._awaited(tool, function_call, arguments)
        with self._counted(tool):
            return function_call(**arguments)

    async def _awaited(self, tool: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        with self._counted(tool):
            return await call(**arguments)

    @contextmanager
    def _counted(self, tool: str) -> Iterator[None]:
        run = current_run()
        status = "error"
        try:
            with run.away() if run else nullcontext():
                yield
            status = "success"
        finally:
            self._metrics.tool_calls_total.labels(tool, status).inc()
