"""Nobody gives a key more than they have."""

from collections.abc import Callable, Collection, Iterator
from typing import Final

from bullpen.caller import Caller
from bullpen.errors import FieldError
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["beyond"]

_ALL: Final = "*"


def beyond(
    wanted: KeyRecord, *, giver: Caller, roles: Collection[str], allows: Callable[[str], bool]
) -> list[FieldError]:
    """What of a key's rights its giver may not give, field by field; nothing if all is well.

    A role can be given by whoever has it, a permission by whoever may do it, and an attribute by whoever has the same,
    or, if it is a number, at least as much. Who may do everything (`*`) may give everything there is. Roles are not
    taken apart: what one permits may hang on conditions that nobody can compare.

    Args:
        wanted: The key to be made.
        giver: Who makes it.
        roles: Those there are.
        allows: Whether the giver may do something.
    """
    unknown = [("roles", f"there is no role `{role}`") for role in sorted(wanted.roles.difference(roles))]
    more = () if allows(_ALL) else _more(wanted, giver, allows)
    return [FieldError(path, message) for path, message in (*unknown, *more)]


def _more(wanted: KeyRecord, giver: Caller, allows: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for role in sorted(wanted.roles - giver.roles):
        yield "roles", f"you do not have the role `{role}`"
    for permission in sorted(wanted.permissions):
        if not allows(permission):
            yield "permissions", f"you do not have `{permission}`"
    for name, value in sorted(wanted.attributes.items()):
        if not _within(value, giver.attributes.get(name)):
            yield "attributes", f"your own `{name}` is another, or less"


def _within(wanted: str | int, held: str | int | None) -> bool:
    if isinstance(wanted, int) and isinstance(held, int):
        return wanted <= held
    return wanted == held
