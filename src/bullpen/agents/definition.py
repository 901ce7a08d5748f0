"""What an agent is, before it is built: the fields of one entry in the catalogue."""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bullpen.llm import CallSettings

__all__ = ["AgentDefinition", "Isolation", "Reasoning"]

Reasoning: TypeAlias = Literal["none", "tools", "native"]
Batching: TypeAlias = Literal["off", "prompt"]
Isolation: TypeAlias = Literal["shared", "instance"]

_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REFERENCE: Final = re.compile(r"[\w.]+:[\w.]+")


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("must be small letters, digits and `_`, a letter first, 64 at most")
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError("must be written `module:attribute`")
    return text


_Slug: TypeAlias = Annotated[str, AfterValidator(_slug)]
_Word: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
_Reference: TypeAlias = Annotated[str, AfterValidator(_reference)]
_Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Words: TypeAlias = Annotated[tuple[_Word, ...], Field(strict=False)]


class AgentDefinition(BaseModel):
    """One agent type, as an operator describes it.

    Attributes:
        type: The name callers use; also the id of the Agno agent.
        version: Changes whenever the agent's behaviour does.
        model: An alias of the settings such as `fast`, or `provider:id`. With a `source`, used only where the
            user's object brings no model of its own.
        fallback_models: Asked in order when `model` fails or is known to be away.
        retries: Of one model call, after failures that may pass.
        timeout: Seconds for one model call.
        first_token_timeout: Seconds until a streamed call's first token; None leaves the server's own bound.
        between_tokens_timeout: Seconds of silence between two tokens; None likewise.
        hedge_after: Seconds after which a model call that has not answered gets a second one beside it, and the first
            answer wins. Costs more; only for agents whose tools do not act.
        tools: Names from the toolbox. With a `source`, they are added to what the object brings.
        reasoning: `tools` gives the model a scratchpad, `native` uses the model's own reasoning.
        output_schema: A JSON Schema, or `module:attribute` of a pydantic model; the result must match it.
        batch: `prompt` puts several tasks of one caller to the model together. The output schema is then a list, and
            each task's result is one element of it.
        max_concurrent: Runs of this type at once; None leaves the pool's own bound.
        isolation: `shared` when one instance serves all runs, `instance` when its tools keep state.
        permission: What a caller needs to run it.
        task_category: A label for metrics.
        source: `module:attribute` of an Agno Agent, Team or Workflow, or of a function without arguments making one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: _Slug
    version: _Word = "1"
    description: str = ""
    instructions: str = ""
    model: _Word = "fast"
    fallback_models: _Words = ()
    retries: int = Field(default=3, ge=0, le=10)
    temperature: float = Field(default=0.1, ge=0, le=2, allow_inf_nan=False)
    max_tokens: int = Field(default=2048, ge=1)
    timeout: _Seconds = 30.0
    first_token_timeout: _Seconds | None = None
    between_tokens_timeout: _Seconds | None = None
    hedge_after: _Seconds | None = None
    tools: _Words = ()
    reasoning: Reasoning = "none"
    output_schema: dict[str, Any] | _Reference | None = None
    batch: Batching = "off"
    max_concurrent: int | None = Field(default=None, ge=1)
    isolation: Isolation = "shared"
    permission: _Word = "agent:execute:basic"
    task_category: _Slug = "general"
    source: _Reference | None = None

    @property
    def call(self) -> CallSettings:
        """How this agent's models are called."""
        return CallSettings(
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            timeout=self.timeout,
            retries=self.retries,
            first_token=self.first_token_timeout,
            between_tokens=self.between_tokens_timeout,
            fallbacks=self.fallback_models,
            hedge_after=self.hedge_after,
        )
