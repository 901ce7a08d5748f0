"""When to stop calling what keeps failing, and when to try again: a state machine that is handed the time.

The pattern is Michael Nygard's (*Release It!*, 2007): closed, calls pass and are counted; open, none does; half-open,
a few try. Here they try one at a time, so that a model that has just come back is not run down by all who waited.
"""

from dataclasses import dataclass
from typing import Final

from bullpen.resilience.ports import Outcome, State
from bullpen.resilience.window import Window

__all__ = ["BUSY", "Breaker", "BreakerPolicy", "Report"]

BUSY: Final = 1.0
"""Seconds after which to come back while a probe is out: it may end at any moment."""

_NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens and when it closes. All times are in seconds.

    Attributes:
        failures: The fewest in the window that open it, 1 or more.
        ratio: The least part of the calls in the window that must have failed too, above 0 and up to 1.
        window: How far back calls count.
        open_seconds: How long no call passes.
        successes: Probes that must go well before it closes, 1 or more.
        lease: When a probe that has not come back loses its place. Longer than any model call may take, for a second
            probe goes out then.
    """

    failures: int = 5
    ratio: float = 0.5
    window: float = 30.0
    open_seconds: float = 60.0
    successes: int = 3
    lease: float = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """How a breaker that is not closed stands by the word of another machine. Times are in seconds.

    Attributes:
        opened_for: Since it opened.
        successes: Probes that went well.
        probe: The name of the probe that is out; empty when none is.
        lease: Until that one loses its place.
    """

    opened_for: float
    successes: int
    probe: str
    lease: float


class Breaker:
    """One breaker. `now` is in seconds, of a clock that does not go back.

    A call that may pass gets a ticket, and is told of with it when it has ended. Only the tickets of the present turn
    count. A turn ends when the breaker opens or closes, and with every probe: so a call that began before it opened
    changes nothing afterwards, nor does a probe that came back after its place was given to another.

    Attributes:
        state: As of the last call; time alone makes an open one half-open, in `ripen`.
        window: Calls that ended while it was closed.
        successes: Probes that went well since it was last open.
        turn: The ticket that counts.
    """

    __slots__ = ("_lease_ends", "_opened", "_policy", "state", "successes", "turn", "window")

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self.state: State = "closed"
        self.window = Window(policy.window)
        self.successes = 0
        self.turn = 0
        self._opened = _NEVER
        self._lease_ends = _NEVER

    def enter(self, now: float) -> int | None:
        """A ticket; None when this call may not pass, and `wait` says for how long."""
        if self.state == "closed":
            return self.turn
        return None if self.wait(now) else self.lend(now)

    def lend(self, now: float) -> int:
        """The ticket of a probe, which takes the only place."""
        self.turn += 1
        self._lease_ends = now + self._policy.lease
        return self.turn

    def wait(self, now: float) -> float:
        """Seconds until it is worth asking; 0 when a call may pass now."""
        if self.ripen(now) == "open":
            return self._opened + self._policy.open_seconds - now
        if self.state == "half_open":
            return max(0.0, min(BUSY, self._lease_ends - now))
        return 0.0

    def ripen(self, now: float) -> State:
        """The state now: half-open once an open one has been so long enough."""
        if self.state == "open" and now >= self._opened + self._policy.open_seconds:
            self.state = "half_open"
        return self.state

    def leave(self, ticket: int, outcome: Outcome, now: float) -> None:
        """The call with this ticket has ended. A neutral outcome gives a probe's place back, and counts nowhere."""
        self.count(ticket, outcome, now)
        self.decide(ticket, outcome, now)

    def count(self, ticket: int, outcome: Outcome, now: float) -> bool:
        """Counts the end of a call, but decides nothing; whether it counted at all."""
        if ticket != self.turn or self.state != "closed" or outcome == "neutral":
            return False
        self.window.add(failed=outcome == "failure", now=now)
        return True

    def decide(self, ticket: int, outcome: Outcome, now: float) -> None:
        """Opens or closes, if the end of this call, which has been counted, is a reason to."""
        if ticket != self.turn:
            return
        if self.state != "closed":
            self._settle(outcome, now)
        elif outcome == "failure":
            self._judge(now)

    def opened_for(self, now: float) -> float | None:
        """Seconds since it opened; None when it is closed."""
        return None if self.state == "closed" else now - self._opened

    def report(self, heard: Report | None, now: float, *, own: bool = False) -> None:
        """Takes over how it stands elsewhere; None means closed. `own`: the probe that is out there is from here."""
        if heard is None:
            if self.state != "closed":
                self._close()
            return
        if self.state == "closed" or not own:
            self.turn += 1
        self.state = "open"
        self._opened = now - heard.opened_for
        self.successes = heard.successes
        self._lease_ends = now + heard.lease if heard.probe else _NEVER
        self.ripen(now)

    def free(self) -> None:
        """Gives the place of a probe back, whoever has it."""
        self.turn += 1
        self._lease_ends = _NEVER

    def _judge(self, now: float) -> None:
        window, policy = self.window, self._policy
        if window.failures >= policy.failures and window.failures >= policy.ratio * window.calls:
            self._open(now)

    def _settle(self, outcome: Outcome, now: float) -> None:
        self.free()
        if outcome == "failure":
            self._open(now)
        elif outcome == "success":
            self.successes += 1
            if self.successes >= self._policy.successes:
                self._close()

    def _open(self, now: float) -> None:
        self.free()
        self.state = "open"
        self.successes = 0
        self._opened = now

    def _close(self) -> None:
        self.free()
        self.state = "closed"
        self.successes = 0
        self.window.clear()
