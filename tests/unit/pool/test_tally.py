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
