"""What was read from a policy file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bullpen.security.authorization.permission import ALL

__all__ = ["Policies", "Rule"]

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy of the file.

    Attributes:
        id: Its `@id`; no other rule has it.
        effect: What it does to what it matches.
        place: Where it is, as `policies.cedar:12`.
        by_attributes: It says so of itself, by `@by("attributes")`.
        role: The role its head asks for; None when it asks for none.
        permissions: What its head is about; `*` when it is about all.
        conditional: It has a condition beside its head, or a head that asks for one resource or principal.
    """

    id: str
    effect: Literal["permit", "forbid"]
    place: str
    by_attributes: bool
    role: str | None
    permissions: frozenset[str]
    conditional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """A policy file that has no mistake, with the standing rules.

    Attributes:
        text: In Cedar, the standing rules last.
        rules: Those of the file in its order, then the standing ones.
        roles: The roles named anywhere in the file, in its order.
        names_users: A rule names one user, so that who asks matters and not only what they have.
        names_resources: A rule names one resource.
        reads_tags: A rule looks at an attribute that has no place of its own.
        warnings: What is not wrong and probably not meant.
    """

    text: str
    rules: tuple[Rule, ...]
    roles: tuple[str, ...]
    names_users: bool = False
    names_resources: bool = False
    reads_tags: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def grants(self) -> Mapping[str, frozenset[str]]:
        """What each role is permitted by rules that ask for nothing else; an unconditional one for all is `*`."""
        found: dict[str, frozenset[str]] = {}
        for rule in self.rules:
            if rule.effect == "permit" and rule.role and not rule.conditional:
                found[rule.role] = found.get(rule.role, _NOTHING) | rule.permissions
        return found

    @property
    def everybody(self) -> frozenset[str]:
        """What is permitted whatever the roles."""
        free = (rule for rule in self.rules if rule.effect == "permit" and not rule.role and not rule.conditional)
        return frozenset(permission for rule in free for permission in rule.permissions)

    @property
    def open(self) -> bool:
        """Whether a rule permits everybody everything inside their tenant."""
        return ALL in self.everybody
