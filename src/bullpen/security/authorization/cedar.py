"""Cedar, spoken here and nowhere else: the grammar, the check against the schema, and the decisions.

The binding is not Cedar's own project's, so everything of it stays behind `Policy` and the few functions here.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import cedarpy
import orjson
import structlog

from bullpen.caller import Caller
from bullpen.security.authorization.permission import ALL, covering
from bullpen.security.authorization.policies import Policies, Rule
from bullpen.security.authorization.ports import HOUSE, Decision, Resource

__all__ = ["CedarPolicy", "fault", "outline", "violations"]

_log = structlog.get_logger("bullpen.security")

_DECISIONS_KEPT: Final = 4096
_LARGEST: Final = 2**63
_CALLER: Final = "caller"
_ANOTHER: Final = "another"
_THING: Final = "thing"
_UNSEEN: Final[tuple[tuple[str, str], ...]] = ()
_Entity: TypeAlias = dict[str, Any]


class _Question(NamedTuple):
    """Everything an evaluation can look at, and nothing else, so that it is also the key its decision is kept under."""

    permission: str
    roles: frozenset[str]
    permissions: frozenset[str]
    tenant: str
    department: str | None
    clearance_level: int | None
    project: str | None
    mfa: bool
    tags: tuple[tuple[str, str], ...]
    user: str
    kind: str
    id: str
    its_tenant: str | None
    its_department: str | None
    owner: str | None


class CedarPolicy:
    """Implements `Policy` by a policy file.

    Decisions are remembered, a bounded number of them, until the policies change.
    Who asks and which one it is asked for count only where a rule names a user or a resource. So a few decisions
    serve all callers with the same roles and attributes.

    Failure mode: closed. An evaluation that fails, or a single rule that does, refuses, and is logged.
    """

    def __init__(self, policies: Policies) -> None:
        self._current = _Edition(policies)

    @property
    def policies(self) -> Policies:
        """Those that decide now."""
        return self._current.policies

    def replace(self, policies: Policies) -> None:
        """Decides by these from the next question on, and forgets every decision of those before."""
        self._current = _Edition(policies)

    def decide(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> Decision:
        """See `Policy.decide`."""
        edition = self._current
        policies = edition.policies
        kind, number, tenant, owner, department = resource
        user, attributes = caller.user_id, caller.attributes
        if policies.names_users:
            who = f"{caller.tenant}/{user}"
            owner = None if owner is None else f"{tenant or ''}/{owner}"
        else:
            who = _CALLER
            owner = None if owner is None else _CALLER if owner == user and tenant == caller.tenant else _ANOTHER
        level = attributes.get("clearance_level")
        # The members of `_Question` in their order; making one for every question asked would double the time it takes.
        return edition.decided(
            (
                permission,
                caller.roles,
                caller.permissions,
                caller.tenant,
                _text(attributes.get("department")),
                level if level is None else _number(level),
                _text(attributes.get("project")),
                "mfa" in caller.factors,
                _tags(attributes) if policies.reads_tags else _UNSEEN,
                who,
                kind,
                f"{kind}/{number}" if policies.names_resources else _THING,
                tenant,
                department,
                owner,
            )
        )


class _Edition:
    """Policies and the decisions made by them. Both go together, so no decision outlives its policies."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self.decided: Callable[[tuple[object, ...]], Decision] = lru_cache(_DECISIONS_KEPT)(self._decided)
        self._set = cedarpy.PolicySet.from_str(policies.text)
        self._rules = {rule.id: rule for rule in policies.rules}
        # A rule about everything, such as the one about tenants, guards no permission in particular.
        self._guarded = frozenset[str]().union(
            *(rule.permissions for rule in policies.rules if rule.by_attributes and rule.effect == "forbid")
        ) - {ALL}

    def _decided(self, members: tuple[object, ...]) -> Decision:
        return self._decide(_Question._make(members))

    def _decide(self, question: _Question) -> Decision:
        found = self._ask(question)
        if found is None:
            return Decision(allowed=False)
        owned = _owned(question)
        asked, covered_by = covering(question.permission, owned=owned)
        matched = [self._rules[name] for name in found.diagnostics.id_annotations_by_reason.values()]
        # Of several rules that permit, one that does so by the role alone would have been enough.
        enough = all if found.allowed else any
        looked = enough(rule.by_attributes or (bool(owned) and _own_only(rule, covered_by)) for rule in matched)
        if found.allowed and not looked and self._guarded & (covered_by | {asked}):
            looked = not self._would_do_without(question)
        return Decision(found.allowed, tuple(sorted(rule.id for rule in matched)), bool(matched) and looked)

    def _ask(self, question: _Question) -> cedarpy.AuthzResult | None:
        asked, covered_by = covering(question.permission, owned=_owned(question))
        try:
            request, entities = _request(question, asked, covered_by), _entities(question, asked, covered_by)
            found = cedarpy.is_authorized(request, self._set, orjson.dumps(entities).decode())
        except (TypeError, ValueError) as error:
            # Such as a name that is not Unicode. The binding's text would repeat it.
            _log.warning("policy_failed", permission=asked, problems=[type(error).__name__])
            return None
        if found.diagnostics.errors:
            _log.warning("policy_failed", permission=asked, problems=[_last(one) for one in found.diagnostics.errors])
            return None
        return found

    def _would_do_without(self, question: _Question) -> bool:
        """Whether the caller would be allowed the same with no attributes at all."""
        found = self._ask(
            question._replace(department=None, clearance_level=None, project=None, mfa=False, tags=_UNSEEN)
        )
        return found is not None and found.allowed


def _owned(question: _Question) -> bool | None:
    return None if question.owner is None else question.owner == question.user


def fault(text: str) -> str | None:
    """What Cedar's grammar has against a text; None when nothing."""
    try:
        cedarpy.PolicySet.from_str(text)
    except ValueError as error:
        return str(error)
    return None


def outline(text: str) -> Mapping[str, Any] | None:
    """One policy as Cedar's JSON; None when it is a template, which would permit nothing by itself."""
    found = orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    return next(iter(found), None)


def violations(text: str, *, schema: str) -> list[str]:
    """What a policy does that the schema does not know: unknown attributes, wrong types and the like."""
    return [one.error for one in cedarpy.validate_policies(text, schema).errors]


def _request(question: _Question, asked: str, covered_by: frozenset[str]) -> dict[str, Any]:
    return {
        "principal": _uid("User", question.user),
        "action": _uid("Action", asked),
        "resource": _uid("Resource", question.id),
        "context": {"words": question.permission.split(":"), "covered_by": list(covered_by)},
    }


def _entities(question: _Question, asked: str, covered_by: frozenset[str]) -> list[_Entity]:
    user = {
        "tenant": question.tenant,
        "permissions": list(question.permissions),
        "mfa": question.mfa,
        "department": question.department,
        "clearance_level": question.clearance_level,
        "project": question.project,
    }
    thing = {
        "tenant": question.its_tenant,
        "department": question.its_department,
        "owner": None if question.owner is None else {"__entity": _uid("User", question.owner)},
    }
    return [
        _entity("User", question.user, user, {"Role": question.roles}) | {"tags": dict(question.tags)},
        _entity("Action", asked, {}, {"Action": covered_by - {asked}}),
        _entity("Resource", question.id, thing, {"Kind": [question.kind]}),
    ]


def _entity(kind: str, name: str, attributes: Mapping[str, Any], parents: Mapping[str, Iterable[str]]) -> _Entity:
    """An entity whose attributes without a value are absent."""
    return {
        "uid": _uid(kind, name),
        "attrs": {key: value for key, value in attributes.items() if value is not None},
        "parents": [_uid(above, each) for above, names in parents.items() for each in names],
    }


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    """A number that Cedar can hold. `True` is none, though Python takes it for 1."""
    return value if type(value) is int and -_LARGEST <= value < _LARGEST else None


def _tags(attributes: Mapping[str, str | int]) -> tuple[tuple[str, str], ...]:
    """Every attribute as text, in one order."""
    return tuple(sorted((name, str(value)) for name, value in attributes.items()))


def _own_only(rule: Rule, covered_by: frozenset[str]) -> bool:
    """Whether the rule permits this only because the thing is the caller's own."""
    deciding = rule.permissions & covered_by
    return bool(deciding) and all(each.endswith(":own") for each in deciding)


def _last(problem: str) -> str:
    """The binding's last line: those before repeat what was handed in, which is personal."""
    return problem.rpartition("\n")[2]
