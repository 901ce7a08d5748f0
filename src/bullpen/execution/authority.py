"""May you: the policy's decisions, each written into the audit trail. The gate and the story both ask here."""

from functools import cache

from bullpen.caller import Caller
from bullpen.errors import Forbidden
from bullpen.security.audit import Audit, EventType
from bullpen.security.authorization import HOUSE, Decision, Policy, Resource
from bullpen.telemetry import Metrics

__all__ = ["Authority"]


class Authority:
    """Lets callers do what the policy allows.

    Failure mode: closed. What nothing permits is refused.
    """

    def __init__(self, policy: Policy, *, audit: Audit, metrics: Metrics) -> None:
        self._policy = policy
        self._audit = audit
        self._denied = cache(metrics.authorizations_denied_total.labels)

    def allows(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> bool:
        """Whether the caller may; for lists and hints, so nothing is recorded."""
        return self._policy.decide(caller, permission, resource).allowed

    def require(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> Caller:
        """The caller, if they may; recorded either way.

        Raises:
            Forbidden: They may not; the text names the permission.
        """
        decision = self._policy.decide(caller, permission, resource)
        self._audit.record(
            _event(decision),
            caller,
            outcome="success" if decision.allowed else "denied",
            permission=permission,
            resource=f"{resource.kind}/{resource.id}",
            rules=",".join(decision.rules),
        )
        if decision.allowed:
            return caller
        self._denied(resource.kind).inc()
        raise Forbidden(
            f"This needs the permission `{permission}`. "
            "Ask an administrator for a role that has it, or for the rule that forbids it."
        )


def _event(decision: Decision) -> EventType:
    if not decision.allowed:
        return EventType.AUTHORIZATION_DENIED
    return EventType.ABAC_AUTHORIZATION_SUCCESS if decision.by_attributes else EventType.AUTHORIZATION_SUCCESS
