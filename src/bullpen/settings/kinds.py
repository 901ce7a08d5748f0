"""Kinds of values that several settings have."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

__all__ = ["Bytes", "Listed", "Seconds", "split"]

Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes: TypeAlias = Annotated[int, Field(gt=0)]


def split(given: Any) -> Any:
    """The words of a text with commas; anything else as it is."""
    return [word.strip() for word in given.split(",") if word.strip()] if isinstance(given, str) else given


Listed: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Words, as JSON or with commas between them."""
