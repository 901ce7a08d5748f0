"""Everything reachable from an Agno agent, team or workflow.

Agno has some twenty places for a model: of an agent, of its memory, summaries, compression, learning, parser, output
and follow-ups, of the members of a team and the steps of a workflow. A list of them would be out of date with Agno's
next release, so Agno's own objects are walked instead, whatever their attributes are called.

What is not seen is what Python hides: an agent inside a function's closure. Such a function is the user's own code,
and its model calls are not guarded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from agno.agent import Agent
from agno.models.base import Model
from agno.team import Team
from agno.workflow import Workflow

from bullpen.llm import GuardedModel

__all__ = ["Runnable", "bare", "guard", "reachable", "unguardable", "unguarded"]

Runnable: TypeAlias = Agent | Team | Workflow

_PLAIN = (str, bytes, int, float, bool, type(None), type)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place that holds something: an attribute, or an entry of a list, tuple or dictionary."""

    owner: Any
    key: Any
    value: Any
    path: str

    def put(self, value: object) -> None:
        if isinstance(self.owner, list | dict):
            self.owner[self.key] = value
        else:
            setattr(self.owner, self.key, value)


def reachable(root: object) -> Iterator[Any]:
    """`root` and every Agno object in it, each once."""
    yield root
    seen = {id(root)}
    for slot in _slots(root):
        if _is_walked(slot.value) and not isinstance(slot.value, list | tuple | dict) and id(slot.value) not in seen:
            seen.add(id(slot.value))
            yield slot.value


def guard(root: object, guarded: Callable[[Model], Model]) -> None:
    """Puts `guarded(model)` in the place of every unguarded model; each place gets a guard of its own."""
    for slot in list(_slots(root)):
        # A tuple cannot be changed; `unguarded` tells of it.
        if isinstance(slot.value, Model) and _is_bare(slot) and not isinstance(slot.owner, tuple):
            slot.put(guarded(slot.value))


def bare(root: object) -> list[Model]:
    """The models in it that no guard is around yet."""
    return [slot.value for slot in _slots(root) if isinstance(slot.value, Model) and _is_bare(slot)]


def unguarded(root: object) -> list[str]:
    """Paths of models that would be called without a guard; empty is right."""
    return [slot.path for slot in _slots(root) if _is_bare(slot)]


def unguardable(root: object) -> list[str]:
    """Paths of models no guard can take the place of: those given by name only, or in a tuple."""
    return [
        slot.path
        for slot in _slots(root)
        if _is_bare(slot) and (isinstance(slot.value, str) or isinstance(slot.owner, tuple))
    ]


def _is_bare(slot: _Slot) -> bool:
    if isinstance(slot.value, Model):
        return not isinstance(slot.value, GuardedModel)
    # A model still given by name would be made by Agno at the first run.
    named = slot.key == "model" and isinstance(slot.value, str) and ":" in slot.value
    # Without a model Agno takes one of its own choice.
    missing = slot.key == "model" and slot.value is None and isinstance(slot.owner, Agent | Team)
    return named or missing


def _slots(root: object) -> Iterator[_Slot]:
    seen = {id(root)}
    waiting = [(root, type(root).__name__)]
    while waiting:
        owner, path = waiting.pop()
        for slot in _children(owner, path):
            yield slot
            if _is_walked(slot.value) and id(slot.value) not in seen:
                seen.add(id(slot.value))
                waiting.append((slot.value, slot.path))


def _children(owner: Any, path: str) -> Iterator[_Slot]:
    if isinstance(owner, dict):
        return (_Slot(owner, key, value, f"{path}[{key!r}]") for key, value in list(owner.items()))
    if isinstance(owner, list | tuple):
        return (_Slot(owner, index, value, f"{path}[{index}]") for index, value in enumerate(owner))
    return (_Slot(owner, name, value, f"{path}.{name}") for name, value in list(vars(owner).items()))


def _is_walked(value: object) -> bool:
    """Containers and Agno's own objects; not models, which are leaves, and nothing of the user's or of a library."""
    if isinstance(value, list | tuple | dict):
        return True
    if isinstance(value, (Model, *_PLAIN)) or not hasattr(value, "__dict__"):
        return False
    return any(base.__module__.partition(".")[0] == "agno" for base in type(value).__mro__)
