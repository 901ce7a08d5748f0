"""The user's own Python, named as `module:attribute`.

A module is looked for where Python always looks, then in the project's working folder: the current directory and
the folder above the configuration. They are put last on the path, so that no file of a project can stand in for an
installed package.
"""

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.db.base import BaseDb
from agno.db.in_memory import InMemoryDb
from agno.team import Team, TeamMode
from agno.tools import Toolkit
from agno.workflow import Workflow

from bullpen.agents.walker import Runnable, reachable, unguardable
from bullpen.spelling import meant

__all__ = ["Source", "Unimportable", "importable", "load", "takes_tools"]


class Unimportable(Exception):
    """A reference leads nowhere; the text says why."""


def importable(folders: Iterable[Path]) -> None:
    """Makes modules in `folders` importable, for good: a user's module may import another one later."""
    for folder in map(str, (folder.resolve() for folder in folders)):
        if folder not in sys.path:
            sys.path.append(folder)


def load(reference: str) -> Any:
    """What `module:attribute` names; raises `Unimportable`."""
    module_name, _, path = reference.partition(":")
    try:
        found: Any = import_module(module_name)
    except (Exception, SystemExit) as error:
        # Importing runs the user's code, which may raise anything at all, or want to end the process.
        raise Unimportable(f"cannot import `{module_name}`: {type(error).__name__}: {error}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            known = [each for each in dir(found) if not each.startswith("_")]
            raise Unimportable(f"`{module_name}` has no `{name}`. {meant(name, known)}")
        found = getattr(found, name)
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """The user's own agent, team or workflow.

    Attributes:
        make: The object itself, each time the same, or what the user's function makes, each time a new one.
        is_factory: Which of the two.
        example: One of them, to look at.
    """

    make: Callable[[], Runnable]
    is_factory: bool
    example: Runnable

    @classmethod
    def load(cls, reference: str) -> "Source":
        """What `reference` names; a function is called once. Raises `Unimportable`."""
        found = load(reference)
        if isinstance(found, Runnable):
            return cls(lambda: found, is_factory=False, example=found)
        if not callable(found):
            raise Unimportable(f"`{reference}` is not an Agno Agent, Team or Workflow, nor a function making one")
        if iscoroutinefunction(found):
            raise Unimportable(
                f"`{reference}` is an `async def`; write a plain function, which is called without waiting"
            )
        try:
            example = found()
        except (Exception, SystemExit) as error:
            # It is the user's code: whatever it raises is the answer to why there is no agent.
            raise Unimportable(f"`{reference}()` failed: {type(error).__name__}: {error}") from error
        if not isinstance(example, Runnable):
            raise Unimportable(f"`{reference}()` made no Agno Agent, Team or Workflow, but a {type(example).__name__}")
        return cls(found, is_factory=True, example=example)

    def problems(self, *, copied: bool) -> Iterator[str]:
        """What Agno would accept in silence and do wrong; `copied` when each lane gets a copy of its own."""
        for path in unguardable(self.example):
            yield f"{path} cannot be guarded; give the model itself instead of its name, and in no tuple"
        for each in reachable(self.example):
            if isinstance(each, Team):
                yield from _team_problems(each)
            if isinstance(each, Agent | Team) and any(map(iscoroutinefunction, each.tool_hooks or ())):
                yield "its tool hooks are coroutine functions, with which Agno runs plain tools on the event loop"
            if isinstance(each, Runnable) and isinstance(each.db, BaseDb) and not isinstance(each.db, InMemoryDb):
                yield f"its database would hold up every other run; take Agno's asynchronous one, not {_name(each.db)}"
            if _is_mcp(each) and not each.initialized:
                yield "its MCPTools would be closed under other runs; put the server in tools.yaml, its name in `tools`"
            if copied and not self.is_factory and isinstance(each, Toolkit) and not _is_copyable(each):
                yield f"the toolkit `{each.name}` cannot be copied for `isolation: instance`; name a function instead"


def takes_tools(runnable: Runnable) -> bool:
    """Whether tools can be added: a workflow has none of its own, and a function's are not known beforehand."""
    return not isinstance(runnable, Workflow) and not callable(runnable.tools)


def _team_problems(team: Team) -> Iterator[str]:
    if callable(team.members):
        yield "a team's members must be a list: those of a function cannot be guarded"
    mode: object = team.mode
    known = [each.value for each in TeamMode]
    # A plain word is as good as the constant: Agno compares them by value.
    if mode is not None and mode not in known:
        yield f"unknown team mode `{mode}`. {meant(str(mode), known)}"


def _name(thing: object) -> str:
    return type(thing).__name__


def _is_mcp(tool: object) -> bool:
    """By name, as Agno itself knows them: importing the class would load the whole protocol."""
    return any(kind.__name__ == "MCPTools" for kind in type(tool).__mro__)


def _is_copyable(toolkit: Toolkit) -> bool:
    try:
        copy.deepcopy(toolkit)
    except Exception:  # noqa: BLE001 - copying runs the toolkit's own code, which may raise anything
        return False
    return True
