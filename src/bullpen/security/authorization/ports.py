"""What the gate asks of a policy."""

from typing import Final, NamedTuple, Protocol

from bullpen.caller import Caller

__all__ = ["HOUSE", "Decision", "Policy", "Resource"]


class Resource(NamedTuple):
    """What the permission is asked for.

    Attributes:
        kind: What it is, such as `agent`, `audit` or `key`.
        id: Which one; empty for all of the kind.
        tenant: Whose it is; None when no tenant's.
        owner: The user's id inside the tenant; None when nobody's own.
        department: Whose data it is; None when no department's.
    """

    kind: str = "house"
    id: str = ""
    tenant: str | None = None
    owner: str | None = None
    department: str | None = None


HOUSE: Final = Resource()
"""What belongs to no tenant: the service itself."""


class Decision(NamedTuple):
    """A policy's answer.

    Attributes:
        allowed: Yes or no.
        rules: The names of the rules that decided; none when nothing permits it.
        by_attributes: Whether attributes decided, and not the role alone.
    """

    allowed: bool
    rules: tuple[str, ...] = ()
    by_attributes: bool = False


class Policy(Protocol):
    """Decides what a caller may do. A permission is words joined by colons, such as `agent:execute:basic`.

    Failure mode: closed. A policy that cannot decide refuses.
    """

    def decide(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> Decision:
        """Whether the caller may, and what says so; never waits."""
        ...
