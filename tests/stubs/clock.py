"""A clock that goes only when told to."""

__all__ = ["StillClock"]


class StillClock:
    """Both clocks start at `now` and move together."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def pass_time(self, seconds: float) -> None:
        self._now += seconds

    def monotonic(self) -> float:
        return self._now

    def now(self) -> float:
        return self._now
