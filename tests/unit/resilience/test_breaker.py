"""The state machine, held to a slow one that remembers every call."""

from dataclasses import dataclass
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from bullpen.resilience.breaker import BUSY, Breaker, BreakerPolicy, Report
from bullpen.resilience.ports import Outcome, State

POLICY: Final = BreakerPolicy(failures=3, ratio=0.5, window=30, open_seconds=60, successes=3, lease=45)
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(["failure", "failure", "success", "neutral"])


@dataclass(eq=False)
class Call:
    ticket: int
    spell: int  # how often the machine had opened or closed when it began
    probe: bool


class Remembering(RuleBasedStateMachine):
    """Everything a breaker may be asked, in any order, at any time; the answers are those of the list of all calls."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(POLICY)
        self.now = 1000.0
        self.spell = 0
        self.opened: float | None = None
        self.ended: list[tuple[float, bool]] = []
        self.probe: Call | None = None
        self.lease_ends = 0.0
        self.good = 0
        self.out: set[Call] = set()

    @rule(quarters=st.one_of(st.integers(0, 8), st.integers(0, 400)))
    def time_passes(self, quarters: int) -> None:
        self.now += quarters / 4

    @rule(target=calls)
    def a_call_begins(self) -> object:
        call = self.begin()
        return multiple() if call is None else call

    @rule(call=consumes(calls), outcome=OUTCOMES)
    def a_call_ends(self, call: Call, outcome: Outcome) -> None:
        self.end(call, outcome)

    @rule(number=st.integers(1, 6), outcome=OUTCOMES)
    def some_calls_begin_and_end(self, number: int, outcome: Outcome) -> None:
        for _ in range(number):
            call = self.begin()
            if call is not None:
                self.end(call, outcome)

    @rule(target=calls)
    def its_time_is_up(self) -> object:
        """Without this rule few histories would come as far as a probe."""
        if self.opened is not None:
            self.now = max(self.now, self.opened + POLICY.open_seconds)
        return self.a_call_begins()

    @invariant()
    def it_is_in_the_right_state(self) -> None:
        assert self.breaker.ripen(self.now) == self.state()

    @invariant()
    def it_says_when_to_ask(self) -> None:
        assert (self.breaker.wait(self.now) == 0) == self.may_pass()
        assert self.breaker.wait(self.now) <= POLICY.open_seconds

    @invariant()
    def one_probe_is_out_at_most(self) -> None:
        """Of all that were begun and have not ended, one at most would be heard."""
        assert self.state() == "closed" or sum(each.ticket == self.breaker.turn for each in self.out) <= 1

    def state(self) -> State:
        if self.opened is None:
            return "closed"
        return "half_open" if self.now >= self.opened + POLICY.open_seconds else "open"

    def may_pass(self) -> bool:
        place = self.probe is None or self.now >= self.lease_ends
        return self.state() == "closed" or (self.state() == "half_open" and place)

    def begin(self) -> Call | None:
        expected, state = self.may_pass(), self.state()
        ticket = self.breaker.enter(self.now)
        assert (ticket is not None) == expected
        if ticket is None:
            return None
        call = Call(ticket, self.spell, probe=state == "half_open")
        if call.probe:
            self.probe, self.lease_ends = call, self.now + POLICY.lease
        self.out.add(call)
        return call

    def end(self, call: Call, outcome: Outcome) -> None:
        self.out.remove(call)
        self.breaker.leave(call.ticket, outcome, self.now)
        if call.probe and call is self.probe:
            self.probe = None
            self.end_of_a_probe(outcome)
        elif not call.probe and call.spell == self.spell and outcome != "neutral":
            self.ended.append((self.now, outcome == "failure"))
            self.judge(outcome)

    def end_of_a_probe(self, outcome: Outcome) -> None:
        if outcome == "failure":
            self.open()
        self.good += outcome == "success"
        if self.good == POLICY.successes:
            self.opened, self.good, self.ended = None, 0, []
            self.spell += 1

    def judge(self, outcome: Outcome) -> None:
        young = [failed for at, failed in self.ended if self.now // 1 - at // 1 < POLICY.window]
        if outcome == "failure" and sum(young) >= POLICY.failures and sum(young) * 2 >= len(young):
            self.open()

    def open(self) -> None:
        self.opened, self.good = self.now, 0
        self.spell += 1


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def opened(now: float = 1000.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(POLICY.failures):
        breaker.leave(breaker.turn, "failure", now)
    assert breaker.state == "open"
    return breaker


def test_a_report_is_taken_over() -> None:
    """Open, half-open with a probe of somebody else's, and closed, as they stand elsewhere."""
    breaker = Breaker(POLICY)
    breaker.report(Report(opened_for=20, successes=0, probe="", lease=0), 1000.0)
    assert (breaker.state, breaker.wait(1000.0), breaker.opened_for(1000.0)) == ("open", 40, 20)
    breaker.report(Report(opened_for=61, successes=2, probe="theirs", lease=30), 1041.0)
    assert (breaker.state, breaker.successes, breaker.wait(1041.0)) == ("half_open", 2, BUSY)
    breaker.report(None, 1042.0)
    assert (breaker.state, breaker.wait(1042.0), breaker.opened_for(1042.0)) == ("closed", 0, None)


def test_a_report_of_closed_keeps_what_was_counted() -> None:
    """Being told what one knows changes nothing: calls under way still count."""
    breaker = Breaker(POLICY)
    ticket = breaker.turn
    breaker.leave(ticket, "failure", 1000.0)
    breaker.report(None, 1000.0)
    breaker.leave(ticket, "failure", 1000.0)
    assert breaker.window.failures == 2


def test_calls_from_before_a_report_change_nothing() -> None:
    """Neither while it is open, nor after it has closed."""
    breaker = Breaker(POLICY)
    ticket = breaker.turn
    breaker.report(Report(opened_for=0, successes=0, probe="", lease=0), 1000.0)
    breaker.leave(ticket, "success", 1001.0)
    breaker.report(None, 1002.0)
    breaker.leave(ticket, "failure", 1003.0)
    assert breaker.window.calls == 0


def test_ones_own_probe_still_counts_after_a_report() -> None:
    """The report is of the probe that is out from here."""
    breaker = opened()
    ticket = breaker.lend(1060.0)
    breaker.report(Report(opened_for=61, successes=2, probe="ours", lease=44), 1061.0, own=True)
    breaker.leave(ticket, "success", 1062.0)
    assert breaker.state == "closed"


def test_another_ones_probe_ends_ones_own() -> None:
    """Its place was given to another: what it says is not heard."""
    breaker = opened()
    ticket = breaker.lend(1060.0)
    breaker.report(Report(opened_for=120, successes=2, probe="theirs", lease=30), 1110.0)
    breaker.leave(ticket, "success", 1111.0)
    assert breaker.state == "half_open"


def test_a_place_that_is_freed_can_be_had() -> None:
    """By one call."""
    breaker = opened()
    breaker.lend(1060.0)
    assert breaker.enter(1060.0) is None
    breaker.free()
    assert breaker.enter(1060.0) is not None
    assert breaker.enter(1060.0) is None


def test_counting_decides_nothing() -> None:
    """Whoever only counts leaves the decision to somebody else."""
    breaker = Breaker(POLICY)
    assert [breaker.count(breaker.turn, "failure", 1000.0) for _ in range(9)] == [True] * 9
    assert not breaker.count(breaker.turn, "neutral", 1000.0)
    assert (breaker.state, breaker.window.failures) == ("closed", 9)


def test_what_was_counted_before_it_opened_is_forgotten_when_it_closes() -> None:
    """Also if it was open for less than the window."""
    breaker = Breaker(BreakerPolicy(failures=2, window=30, open_seconds=1, successes=1))
    for _ in range(2):
        breaker.leave(breaker.turn, "failure", 1000.0)
    breaker.leave(breaker.lend(1001.0), "success", 1001.0)
    breaker.leave(breaker.turn, "failure", 1001.0)
    assert (breaker.state, breaker.window.calls) == ("closed", 1)
