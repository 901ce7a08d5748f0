"""What the gate asks of a policy."""

from abc import abstractmethod
from typing import Protocol

from bullpen.caller import Caller
from bullpen.errors import Forbidden

__all__ = ["Policy"]


class Policy(Protocol):
    """Decides what a caller may do. A permission is words joined by colons, such as `agent:execute:basic`.

    Failure mode: closed. A policy that cannot decide refuses.
    """

    @abstractmethod
    def allows(self, caller: Caller, permission: str) -> bool:
        """Whether the caller may; never waits."""
        ...

    def require(self, caller: Caller, permission: str) -> Caller:
        """The caller, if they may.

        Raises:
            Forbidden: They may not; the text names the permission.
        """
        if not self.allows(caller, permission):
            raise Forbidden(f"This needs the permission `{permission}`. Ask an administrator for a role that has it.")
        return caller
