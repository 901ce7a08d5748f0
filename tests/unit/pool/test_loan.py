"""One lane, lent for a block."""

import pytest

from bullpen.errors import DeadlineExceeded, ModelFailed
from bullpen.pool.admission import Admission, Rules
from bullpen.pool.agents import Closing
from bullpen.pool.bay import Bay
from bullpen.pool.gauges import Gauges
from bullpen.pool.loan import Lender, Loan
from bullpen.pool.permits import Permits
from bullpen.pool.places import LocalPlaces
from bullpen.pool.tally import Tally
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.workshop import Workshop


class Counter:
    """Lends the lanes of one type, and keeps what it is told."""

    def __init__(self, *, shared: bool = True) -> None:
        self.clock = StillClock()
        self.workshop = Workshop()
        gauges = Gauges(Metrics(), ["general"])
        self.admission = Admission(
            ["general"], lanes=2, rules=Rules(), places=LocalPlaces({}), gauges=gauges, now=self.clock.monotonic()
        )
        self.bay = Bay(self.workshop.kind(shared=shared), limit=lambda: 2, closing=Closing())
        self.returned: list[Bay] = []
        self.tally = Tally()
        self._lender = Lender(
            permits=Permits(self.admission, max_wait=1.0, clock=self.clock),
            tally=self.tally,
            gauges=gauges,
            clock=self.clock,
            returned=self.returned.append,
        )

    def loan(self) -> Loan:
        return Loan(self._lender, self.bay, tenant="t", priority=3, deadline=Deadline.after(60, clock=self.clock))


async def test_a_loan_takes_nothing_before_it_is_entered_and_keeps_nothing_after() -> None:
    """Its lane, its number and its agent are there for the next one."""
    counter = Counter()
    loan = counter.loan()
    assert counter.admission.in_use == 0
    async with loan as lane:
        assert (lane.name, counter.admission.in_use, counter.returned) == ("general_0", 1, [])
    assert (counter.admission.in_use, counter.returned) == (0, [counter.bay])
    async with counter.loan() as lane:
        assert lane.name == "general_0"


async def test_a_run_is_measured_from_its_lane_to_its_end() -> None:
    """Building is no part of it."""
    counter = Counter()
    async with counter.loan():
        counter.clock.pass_time(5)
    assert (counter.bay.tasks, counter.tally.average) == (1, 5)


async def test_a_permit_is_given_back_when_there_is_no_agent_for_it() -> None:
    """And whoever closes what is not used any more is told of it."""
    counter = Counter()
    counter.workshop.build_error = OSError("no")
    with pytest.raises(OSError, match="no"):
        async with counter.loan():
            pytest.fail("there is nothing to work with")
    assert (counter.admission.in_use, counter.returned, counter.bay.tasks) == (0, [counter.bay], 0)


@pytest.mark.parametrize(
    ("error", "kept"), [(ModelFailed("known"), 1), (DeadlineExceeded("late"), 0), (KeyError("what"), 0)]
)
async def test_what_was_raised_passes_through(error: Exception, kept: int) -> None:
    """An agent of its own is kept only after an end we know, and which did not interrupt it."""
    counter = Counter(shared=False)
    with pytest.raises(type(error)):
        async with counter.loan():
            raise error
    assert counter.bay.agents.count == kept
