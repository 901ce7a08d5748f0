"""The group of model calls: which client makes them, and how long each part of one may take."""

from typing import Literal

from pydantic import Field

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Seconds

__all__ = ["LlmSettings"]


class LlmSettings(Group):
    """Calls of models."""

    client: Literal["sdk", "slim"] = Field(
        default="slim", description="What speaks OpenAI's chat wire: Bullpen's own client, or OpenAI's SDK"
    )
    connect_timeout: Seconds = Field(default=5, description="Longest wait for a connection to a provider, seconds")
    first_token_timeout: Seconds = Field(default=20, description="Longest wait for a stream's first token, seconds")
    between_tokens_timeout: Seconds = Field(default=10, description="Longest silence between two tokens, seconds")
