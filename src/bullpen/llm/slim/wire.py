"""JSON as it goes over the wire: by orjson, and what orjson will not take by the standard library, as the SDK does it.

That is half of a surrogate pair, NaN, an integer over 64 bits: servers cut answers in the middle of an emoji.
"""

import json
from typing import Any

import orjson
from pydantic import BaseModel

__all__ = ["decode", "encode"]


def encode(body: Any) -> bytes:
    """A request's body; pydantic models in it as the SDK sends them. Raises `TypeError` or `ValueError`."""
    try:
        return orjson.dumps(body, default=_plain)
    except TypeError:
        text = json.dumps(body, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()


def decode(text: bytes) -> Any:
    """What an answer says. Raises `ValueError` when it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True)
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
