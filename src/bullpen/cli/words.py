"""What several commands say, and take."""

import re
from typing import Final

from bullpen.errors import InvalidRequest
from bullpen.llm import Models

__all__ = ["described", "named_value"]

_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")


def named_value(text: str) -> tuple[str, str | int]:
    """Name and value of `name=value`; digits are a number. Raises `InvalidRequest` without either."""
    name, given, value = text.partition("=")
    if not (name and given):
        raise InvalidRequest(f"--attribute {text}: write `name=value`, as in `clearance_level=2`.")
    return name, int(value) if _NUMBER.fullmatch(value) else value


def described(models: Models) -> str:
    """Which models the aliases mean, in a sentence or two."""
    meant = ", ".join(f"{alias} = {model}" for alias, model in models.aliases.items())
    if models.offline_only:
        return f"Models: {meant}. Only the offline model answers: set OPENAI_API_KEY or ANTHROPIC_API_KEY for others."
    return f"Models: {meant}."
