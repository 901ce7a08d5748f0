"""A catalogue of agents over the stub model provider: one for every way it behaves, and a few with a point to prove."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["AGENTS", "OWN_CODE", "TOOLS", "write_catalogue"]

_BEHAVIOURS: Final = (
    *("stub", "stub-echo", "stub-tools", "stub-schema", "stub-badschema", "stub-empty", "stub-nonsense"),
    *("stub-garbage", "stub-hangup", "stub-stall", "stub-stall-midstream", "stub-error-midstream", "stub-slow-300ms"),
    *("stub-400", "stub-401", "stub-429", "stub-500", "stub-529"),
)
_VERDICT: Final = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}, "confidence": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["verdict", "confidence"],
    "additionalProperties": False,
}


def _behaving(provider: str, behaviour: str) -> dict[str, Any]:
    name = f"{provider}_{behaviour.removeprefix('stub-').replace('-', '_')}"
    return {"type": name, "model": f"{provider}:{behaviour}", "retries": 0}


def _pointed(type: str, model: str, **fields: Any) -> dict[str, Any]:  # noqa: A002 -- the catalogue's word for it
    return {"type": type, "model": f"openai:{model}", "retries": 0, **fields}


AGENTS: Final[Sequence[Mapping[str, Any]]] = (
    *(_behaving(provider, behaviour) for provider in ("openai", "anthropic") for behaviour in _BEHAVIOURS),
    _pointed("general", "stub", description="Answers anything", instructions="Answer briefly."),
    _pointed("adding", "stub-tools", tools=["calculator"]),
    _pointed("adding_anthropic", "", tools=["calculator"]) | {"model": "anthropic:stub-tools"},
    _pointed("blocking", "stub-tools", tools=["block"]),
    _pointed("blocking_long", "stub-tools", tools=["block_long"]),
    _pointed("judging", "stub-schema", output_schema=_VERDICT),
    _pointed("judging_anthropic", "", output_schema=_VERDICT) | {"model": "anthropic:stub-schema"},
    _pointed("misjudging", "stub-badschema", output_schema=_VERDICT),
    _pointed("rambling", "stub", output_schema=_VERDICT),
    _pointed("narrow", "stub-stall", max_concurrent=1),
    _pointed("impatient", "stub-stall", timeout=1.0),
    _pointed("restricted", "stub", permission="agent:execute"),
    _pointed("own_agent", "stub", source="own_code:agent"),
    _pointed("polite", "stub", source="own_code:polite"),
    _pointed("discreet", "stub", source="own_code:discreet"),
    _pointed("relay", "stub", source="own_code:relay"),
    _pointed("priced", "gpt-4o-mini"),
)
"""`{provider}_{behaviour}` for both providers and every behaviour of `tests.stubs.behaviour`, and then some."""

TOOLS: Final[Mapping[str, Any]] = {
    "calculator": {"toolkit": "agno.tools.calculator:CalculatorTools"},
    "block": {"function": "own_code:block"},
    "block_long": {"function": "own_code:block_long"},
}

OWN_CODE: Final = '''
"""A user's own agent and tool."""

import time

from agno.agent import Agent
from agno.exceptions import InputCheckError, OutputCheckError
from agno.models.openai import OpenAIChat
from agno.workflow import Step, Workflow


def no_shouting(run_input):
    if str(run_input.input_content).isupper():
        raise InputCheckError(f"PROVIDER-SECRET-TEXT: {run_input.input_content}")


async def no_answers(run_output):
    raise OutputCheckError(f"PROVIDER-SECRET-TEXT: {run_output.content}")


agent = Agent(name="Own", model=OpenAIChat(id="stub-echo"))
polite = Agent(name="Polite", model=OpenAIChat(id="stub"), pre_hooks=[no_shouting])
discreet = Agent(name="Discreet", model=OpenAIChat(id="stub"), post_hooks=[no_answers])
relay = Workflow(name="Relay", steps=[Step(name=each, agent=Agent(model=OpenAIChat(id="stub"))) for each in "abc"])


def block(seconds: float) -> str:
    """Waits without giving way.

    Args:
        seconds: How long.
    """
    time.sleep(1.5)
    return "blocked"


def block_long() -> str:
    """Waits without giving way, for five seconds."""
    time.sleep(5)
    return "blocked"
'''


def write_catalogue(
    folder: Path, *, agents: Sequence[Mapping[str, Any]] = AGENTS, tools: Mapping[str, Any] = TOOLS
) -> Path:
    """Writes a configuration folder below `folder`, with `own_code.py` beside it, and returns its path."""
    (folder / "config" / "agents").mkdir(parents=True)
    for agent in agents:
        (folder / "config" / "agents" / f"{agent['type']}.yaml").write_text(yaml.safe_dump(dict(agent)))
    (folder / "config" / "tools.yaml").write_text(yaml.safe_dump(dict(tools)))
    # A module's tests share a server and its users: what limits do is tested where limits are set.
    (folder / "config" / "limits.yaml").write_text("levels: {}\n")
    (folder / "own_code.py").write_text(OWN_CODE)
    return folder / "config"
