"""Nobody gives a key more than they have."""

from collections.abc import Callable, Iterator
from typing import Final

from bullpen.caller import Caller
from bullpen.errors import FieldError
from bullpen.security.authentication.identity import ADMIN
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["beyond"]

_ALL: Final = "*"


def beyond(wanted: KeyRecord, *, giver: Caller, allows: Callable[[str], bool]) -> list[FieldError]:
    """What of a key's rights its giver may not give, field by field; nothing if all is well.

    A permission can be given by whoever may do it, a role by whoever has it, and an attribute by whoever has the same,
    or, if it is a number, at least as much. Roles are not taken apart: what one permits may hang on conditions that
    nobody can compare. Administrators who may do everything (`*`) give every role and attribute; others who may do
    everything do not, for a policy refuses them what it permits the role.

    Args:
        wanted: The key to be made.
        giver: Who makes it.
        allows: Whether the giver may do something.
    """
    more = [
        FieldError("permissions", f"you do not have `{permission}`")
        for permission in sorted(wanted.permissions)
        if not allows(permission)
    ]
    return more if ADMIN in giver.roles and allows(_ALL) else [*_more(wanted, giver), *more]


def _more(wanted: KeyRecord, giver: Caller) -> Iterator[FieldError]:
    for role in sorted(wanted.roles - giver.roles):
        yield FieldError("roles", f"you do not have the role `{role}`")
    for name, value in sorted(wanted.attributes.items()):
        if not _within(value, giver.attributes.get(name)):
            yield FieldError("attributes", f"your own `{name}` is another, or less")


def _within(wanted: str | int, held: str | int | None) -> bool:
    if isinstance(wanted, int) and isinstance(held, int):
        return wanted <= held
    return wanted == held
