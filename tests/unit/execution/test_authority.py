"""May you: decided by the policy, and recorded."""

import pytest

from bullpen.caller import Caller
from bullpen.errors import Forbidden
from bullpen.execution import Authority
from bullpen.security.audit import Audit
from bullpen.security.authorization import HOUSE, Decision, Policy, Resource
from bullpen.telemetry import Metrics
from tests.stubs.exposition import Exposition
from tests.stubs.kept import Kept

ANN = Caller(user_id="ann", tenant="acme", credential="api_key:a1", roles=frozenset({"developer"}))
CODER = Resource(kind="agent", id="coder")


class Says(Policy):
    """Answers everything alike."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

    def decide(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> Decision:
        return self._decision


@pytest.mark.parametrize(
    ("decision", "event"),
    [
        (Decision(allowed=True, rules=("developers",)), "authorization_success"),
        (Decision(allowed=True, rules=("own",), by_attributes=True), "abac_authorization_success"),
    ],
)
async def test_what_is_allowed_is_recorded_with_its_rule(decision: Decision, event: str) -> None:
    """The caller comes back, and the trail says who was allowed what, and by which rule."""
    kept = Kept()
    audit = Audit(kept)
    assert Authority(Says(decision), audit=audit, metrics=Metrics()).require(ANN, "agent:execute", CODER) is ANN
    await audit.commit()
    (told,) = kept.events
    assert (told.type, told.outcome, told.tenant, told.actor) == (event, "success", "acme", "ann")
    assert told.details == {"permission": "agent:execute", "resource": "agent/coder", "rules": decision.rules[0]}


async def test_what_is_denied_is_recorded_too() -> None:
    """A refusal names the permission, is counted by what it was for, and is an event."""
    kept, metrics = Kept(), Metrics()
    audit = Audit(kept)
    with pytest.raises(Forbidden, match="`agent:execute`"):
        Authority(Says(Decision(allowed=False)), audit=audit, metrics=metrics).require(ANN, "agent:execute", CODER)
    await audit.commit()
    (told,) = kept.events
    assert (told.type, told.outcome) == ("authorization_denied", "denied")
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_authorizations_denied_total", resource="agent") == 1


async def test_a_look_is_no_event() -> None:
    """Lists and hints ask about many things; none of that is recorded."""
    kept = Kept()
    audit = Audit(kept)
    assert Authority(Says(Decision(allowed=True)), audit=audit, metrics=Metrics()).allows(ANN, "agent:execute")
    await audit.commit()
    assert kept.events == []
