"""Tool calls, timed and counted."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from inspect import Parameter, Signature, iscoroutinefunction
from typing import Any, Final

import structlog

from bullpen.agents.blame import blame
from bullpen.llm.run import ModelRun, current_run
from bullpen.telemetry import Metrics

__all__ = ["ToolHook"]

_log = structlog.get_logger("bullpen.agents")

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
        except SystemExit as error:
            _tell(tool, run, error)
            # Left alone it would end the server.
            raise RuntimeError(f"the tool `{tool}` wanted to end the process") from error
        except Exception as error:
            _tell(tool, run, error)
            raise
        finally:
            self._metrics.tool_calls_total.labels(tool, status).inc()


def _tell(tool: str, run: ModelRun | None, error: BaseException) -> None:
    """Agno tells the model the text; the log gets what the tool's author needs to find the place."""
    _log.warning("tool_failed", tool=tool, run_id=run.run_id if run else None, **blame(error))
