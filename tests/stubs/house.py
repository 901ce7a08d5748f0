"""The house around a scripted model: everything real, from the story down, opened by the composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from agno.models.base import Model

from bullpen.bootstrap import Crew, crew
from bullpen.caller import Caller
from bullpen.resilience import Deadline
from bullpen.settings import Settings

__all__ = ["ANN", "GUEST", "house", "soon"]

ANN = Caller(
    user_id="ann",
    tenant="acme",
    credential="test",
    roles=frozenset({"developer"}),
    attributes={"clearance_level": 2},
)
GUEST = Caller(user_id="guest", tenant="acme", credential="test", roles=frozenset({"user"}))


def soon(seconds: float = 20) -> Deadline:
    """A deadline no test should reach."""
    return Deadline.after(seconds)


@asynccontextmanager
async def house(folder: Path, model: Model, *agents: dict[str, Any], **settings: Any) -> AsyncIterator[Crew]:
    """A catalogue of `agents` in `folder`, each with the scripted model unless it names another."""
    (folder / "agents").mkdir()
    for agent in agents or ({"type": "actor"},):
        text = yaml.safe_dump({"model": "scripted:actor"} | agent)
        (folder / "agents" / f"{agent['type']}.yaml").write_text(text)
    chosen = Settings.load(config_dir=folder, data_dir=folder / "data", log_level="WARNING", **settings)
    async with crew(chosen, providers={"scripted": lambda _: model}) as works:
        yield works
