"""Why a policy decides as it does, in words for an operator."""

from collections.abc import Iterator
from dataclasses import dataclass

from bullpen.caller import Caller
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.permission import covering
from bullpen.security.authorization.policies import Policies, Rule
from bullpen.security.authorization.ports import Decision, Resource

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and what there is to say about it, a sentence a line."""

    decision: Decision
    lines: tuple[str, ...]


def explain(policies: Policies, caller: Caller, permission: str, resource: Resource) -> Explanation:
    """Decides, and says which rule it was or what is missing."""
    decision = CedarPolicy(policies).decide(caller, permission, resource)
    named = [rule for rule in policies.rules if rule.id in decision.rules]
    verdict = "Allowed" if decision.allowed else "Denied"
    told = [f"{verdict}: {_deed(rule)} ({rule.place})." for rule in named]
    if not named:
        told = ["Denied: nothing permits it.", _lacking(policies, caller, permission, resource)]
    return Explanation(decision, (*told, *_ignored(policies, caller)))


def _deed(rule: Rule) -> str:
    looks = ", by attributes" if rule.by_attributes else ""
    return f"rule `{rule.id}` {rule.effect}s it{looks}"


def _lacking(policies: Policies, caller: Caller, permission: str, resource: Resource) -> str:
    mine = resource.owner == caller.user_id and resource.tenant == caller.tenant
    asked, enough = covering(permission, owned=None if resource.owner is None else mine)
    roles = [role for role, granted in policies.grants.items() if granted & enough]
    having = f"one of the roles {', '.join(roles)}, or " if roles else ""
    return f"It needs {having}the permission `{asked}` or one that includes it."


def _ignored(policies: Policies, caller: Caller) -> Iterator[str]:
    """What the caller brings that no rule can see."""
    unknown = sorted(caller.roles - set(policies.roles))
    known = f"There are {', '.join(policies.roles)}." if policies.roles else "The file names none."
    if unknown:
        yield f"No rule names the role `{'` or `'.join(unknown)}`. {known}"
    for name, kind in (("department", str), ("clearance_level", int), ("project", str)):
        if type(caller.attributes.get(name, kind())) is not kind:
            yield f"The attribute {name} counts as absent: it must be a {'number' if kind is int else 'text'}."
