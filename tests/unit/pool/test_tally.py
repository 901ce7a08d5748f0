"""The figures of a pool."""

import pytest

from bullpen.pool.tally import Tally


def test_the_average_starts_at_the_first_value_and_follows_slowly() -> None:
    """An exponential moving average with alpha 0.1."""
    tally = Tally()
    assert tally.average == 0
    averages = []
    for seconds in (10, 20, 0):
        tally.finish(seconds)
        averages.append(tally.average)
    assert averages == pytest.approx([10, 11, 9.9])
    assert tally.processed == 3


def test_the_hit_rate_is_a_share_of_what_was_granted() -> None:
    """0 before anything happened, never above 1."""
    tally = Tally()
    assert tally.hit_rate == 0
    for hit in (True, True, True, False):
        tally.grant(hit=hit)
    assert tally.hit_rate == 0.75


@pytest.mark.parametrize(
    ("average", "waiting", "lanes", "seconds"),
    [(0, 0, 1, 1), (0.2, 0, 20, 1), (10, 0, 1, 10), (10, 1, 2, 10), (10, 9, 4, 25), (1.1, 0, 1, 2)],
)
def test_when_to_come_back(average: float, waiting: int, lanes: int, seconds: int) -> None:
    """Whole seconds, at least one: those before you and you, at the average pace of all lanes, rounded up."""
    tally = Tally()
    tally.finish(average)
    assert tally.retry_after(waiting=waiting, lanes=lanes) == seconds
