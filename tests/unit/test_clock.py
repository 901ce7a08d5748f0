"""The machine's clocks."""

import time

from bullpen.clock import Clock, SystemClock


def test_the_system_clock_is_a_clock_and_does_not_go_back() -> None:
    """Monotonic time never decreases; wall time is the machine's."""
    clock: Clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)
    before = time.time()
    assert before <= clock.now() <= time.time()
