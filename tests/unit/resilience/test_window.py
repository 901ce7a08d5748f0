"""Counts over a sliding time."""

from hypothesis import given
from hypothesis import strategies as st

from bullpen.resilience.window import Window

# Quarters of a second are exact in a float, and a window of 30 s has slices of 1 s.
STEPS = st.lists(st.tuples(st.integers(0, 60).map(lambda quarters: quarters / 4), st.booleans()), max_size=60)


@given(STEPS, st.integers(0, 200).map(lambda quarters: quarters / 4))
def test_it_counts_what_is_young_enough(steps: list[tuple[float, bool]], rest: float) -> None:
    """Nothing older than the window counts, and everything younger than all but one slice of it does."""
    window, now, ended = Window(30), 1000.0, list[tuple[float, bool]]()
    for seconds, failed in steps:
        now += seconds
        window.add(failed=failed, now=now)
        ended.append((now, failed))
    now += rest
    window.slide(now)
    for failed, counted in ((True, window.failures), (False, window.successes)):
        ages = [now - at for at, each in ended if each is failed]
        assert sum(age <= 29 for age in ages) <= counted <= sum(age < 30 for age in ages)
    assert window.calls == window.failures + window.successes


def test_its_size_does_not_grow() -> None:
    """A million calls and an hour of silence later it is as large as at first."""
    window = Window(30)
    sizes = (len(window._failures), len(window._successes))
    for number in range(100_000):
        window.add(failed=number % 2 == 0, now=number / 1000)
    window.slide(3_600)
    assert (len(window._failures), len(window._successes)) == sizes
    assert window.calls == 0


def test_a_clock_that_stands_still_or_goes_back_forgets_nothing() -> None:
    """What was counted at a later moment stays, and nothing is counted twice."""
    window = Window(30)
    window.add(failed=True, now=1000)
    window.add(failed=True, now=990)
    window.slide(995)
    assert (window.failures, window.calls) == (2, 2)


def test_clearing_forgets_everything() -> None:
    """And counting goes on from there."""
    window = Window(30)
    window.add(failed=True, now=1000)
    window.clear()
    assert window.calls == 0
    window.add(failed=False, now=1000)
    assert (window.failures, window.successes) == (0, 1)
