"""What tests of the pool share: a ticket's owner that is no task, and an admission on a clock of the test's."""

from collections.abc import Mapping, Sequence

from bullpen.pool.admission import Admission, Rules
from bullpen.pool.gauges import Gauges
from bullpen.pool.places import LocalPlaces
from bullpen.pool.ports import Places
from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Call as TicketCall
from bullpen.pool.ticket import Outcome, Ticket
from bullpen.telemetry import Metrics

__all__ = ["Call", "admission", "ticket"]


class Call:
    """Hears what became of a ticket: `outcomes` has one at the end, if all is well."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.is_cancelled = False

    def set_result(self, outcome: Outcome, /) -> None:
        self.outcomes.append(outcome)

    def cancelled(self) -> bool:
        return self.is_cancelled


def ticket(
    agent_type: str = "a",
    *,
    tenant: Tenant | None = None,
    priority: int = 3,
    since: float = 0.0,
    until: float = 1e9,
    call: TicketCall | None = None,
) -> Ticket:
    """A ticket of a tenant of its own, where none is given."""
    return Ticket(
        agent_type=agent_type,
        tenant=tenant or Tenant("t", weight=1.0),
        priority=priority,
        since=since,
        until=until,
        called=call or Call(),
    )


def admission(
    agent_types: Sequence[str] = ("a", "b"),
    *,
    lanes: int = 1,
    rules: Rules | None = None,
    most: Mapping[str, int] | None = None,
    places: Places | None = None,
    metrics: Metrics | None = None,
) -> Admission:
    """Begins at 0."""
    return Admission(
        agent_types,
        lanes=lanes,
        rules=rules or Rules(),
        places=places or LocalPlaces(most or {}),
        gauges=Gauges(metrics or Metrics(), agent_types),
        now=0.0,
    )
