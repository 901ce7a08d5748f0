"""Whether a run would end in time."""

import pytest

from bullpen.pool.odds import Median, Odds


def cut_off(times: int, *, had: float = 5.0, now: float = 0.0) -> Odds:
    """Runs that had so many seconds, none of which ended in time."""
    odds = Odds()
    for _ in range(times):
        odds.learn(now, held=had, had=had, cut=True)
    return odds


def away(odds: Odds, *, now: float = 0.0, has: float = 5.0, median: float = 0.0) -> bool:
    return odds.turn_away(now, has=has, median=median)


def test_with_nothing_known_nobody_is_turned_away() -> None:
    """Neither of this caller nor of any other."""
    assert not away(Odds(), has=0.001)


def test_the_median_decides_where_nothing_is_remembered() -> None:
    """Half of all runs take longer than that."""
    assert away(Odds(), has=4.9, median=5.0)
    assert not away(Odds(), has=5.1, median=5.0)


def test_what_became_of_its_own_runs_decides_before_that() -> None:
    """Either way: a small task of a slow type ends in time, a large one of a quick type does not."""
    ended = Odds()
    ended.learn(0.0, held=0.5, had=5.0, cut=False)
    assert not away(ended, median=60.0)
    assert away(cut_off(1), median=0.1)


def test_other_times_are_another_matter() -> None:
    """Runs with twice the time may well end."""
    assert not away(cut_off(9), has=10.0)


def test_what_is_old_says_nothing() -> None:
    """A minute later the model may be as quick as ever."""
    assert not away(cut_off(9), now=61.0)


def test_who_left_was_not_late() -> None:
    """A run that was interrupted with time to spare says nothing, nor does a quick one that failed."""
    odds = Odds()
    odds.learn(0.0, held=1.0, had=5.0, cut=True)
    assert not away(odds)


def test_a_few_that_end_bring_the_others_back() -> None:
    """However many were cut off before."""
    odds = cut_off(50)
    for _ in range(3):
        odds.learn(0.0, held=1.0, had=5.0, cut=False)
    assert not away(odds)


def test_one_in_eight_is_tried_all_the_same_and_one_at_a_time() -> None:
    """Nobody is turned away for ever, and a crowd of those that are late keeps one lane busy at most."""
    odds = cut_off(9)
    assert [away(odds) for _ in range(100)].count(False) == 1
    assert [away(odds, now=5.0) for _ in range(8)] == [False, *[True] * 7]


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 300.0, 1e9, float("inf")])
def test_any_time_will_do(seconds: float) -> None:
    """None at all, and no bound."""
    odds = cut_off(3, had=seconds)
    assert away(odds, has=seconds)


def test_the_median_is_where_half_of_the_runs_are() -> None:
    """One run of five minutes among a hundred of a second does not move it by more than a tenth."""
    median = Median()
    for number in range(100):
        median.learn(float(number) / 10, 1.0, cut=False)
    assert median.known(10.0) == 1.0
    median.learn(10.0, 300.0, cut=False)
    assert median.known(10.0) == pytest.approx(1.1)
    median.learn(10.0, 1.0, cut=False)
    assert median.known(10.0) == pytest.approx(1.0)


def test_a_run_that_was_cut_off_never_lowers_the_median() -> None:
    """It would have taken longer; that raises it, if it took longer already."""
    median = Median()
    median.learn(0.0, 10.0, cut=False)
    median.learn(0.0, 2.0, cut=True)
    assert median.known(0.0) == 10.0
    median.learn(0.0, 30.0, cut=True)
    assert median.known(0.0) == pytest.approx(11.0)


def test_a_median_is_forgotten() -> None:
    """When no run said anything for a minute."""
    median = Median()
    median.learn(0.0, 10.0, cut=False)
    assert median.known(61.0) == 0.0
