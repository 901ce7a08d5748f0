"""The words a rule may use."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bullpen.security.authorization.permission import ALL

__all__ = ["ATTRIBUTES", "GRAMMAR", "TYPES", "is_permission", "schema_with"]

_SCHEMA: Final = Path(__file__).with_name("vocabulary.cedarschema").read_text("utf-8")
_CODE: Final = re.sub(r"//[^\n]*", "", _SCHEMA)

ATTRIBUTES: Final = tuple(dict.fromkeys(re.findall(r"(\w+)\??:", _CODE)))
"""Of the principal, of the resource and of the context."""
TYPES: Final = (*re.findall(r"entity (\w+)", _CODE), "Action")
"""Of entities."""
GRAMMAR: Final = (
    *("permit", "forbid", "principal", "action", "resource", "context", "when", "unless"),
    *("in", "is", "has", "like", "if", "then", "else", "true", "false"),
    *("contains", "containsAll", "containsAny", "isEmpty", "hasTag", "getTag"),
)
"""Cedar's own words."""

_PERMISSION: Final = re.compile(r"[^\s:*\"\\]+(:[^\s:*\"\\]+)*")
_ACTION: Final = 'action "{}" appliesTo {{ principal: [User], resource: [Resource], context: Question }};'


def is_permission(text: str) -> bool:
    """Whether it is words joined by colons, or `*`."""
    return text == ALL or _PERMISSION.fullmatch(text) is not None


def schema_with(actions: Iterable[str]) -> str:
    """The schema with these permissions as actions. There is no closed list of them: the catalogue may ask for any."""
    return "\n".join([_SCHEMA, *(_ACTION.format(name) for name in sorted({ALL, *actions}))])
