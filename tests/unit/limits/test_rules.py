"""Rules, and what becomes of them with exceptions."""

from itertools import product

import pytest

from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.rules import MOST, UNLIMITED, Rule, merged, most_generous


def test_what_is_left_out_has_a_default() -> None:
    """A minute, and a tenth of the rate at once, but at least one; tokens may be spent all at once."""
    assert Rule(rate=100).requests == Limit(100, 60 * MICROSECONDS, 10)
    assert Rule(rate=3).requests == Limit(3, 60 * MICROSECONDS, 1)
    assert Rule(tokens_per_minute=5000).tokens == Limit(5000, 60 * MICROSECONDS, 5000)
    assert UNLIMITED.requests is None
    assert UNLIMITED.tokens is None


def test_an_exception_replaces_what_it_names() -> None:
    """The rest stays; `None` lifts the whole level."""
    rule = Rule(rate=100, per=3600, burst=20, concurrent=5)
    assert merged(rule, Rule(rate=1000)) == Rule(rate=1000, per=3600, burst=20, concurrent=5)
    assert merged(rule, None) == UNLIMITED


def test_of_several_the_best_of_each_kind_counts() -> None:
    """By sustained rate, not by the number alone; no limit is better than any."""
    hourly, minutely = Rule(rate=1000, per=3600, concurrent=9), Rule(rate=100, per=60, tokens_per_minute=5)
    assert most_generous([hourly, minutely]) == Rule(rate=100, per=60)
    assert most_generous([hourly, Rule(rate=1, concurrent=20)]).concurrent == 20
    assert most_generous([hourly, UNLIMITED]) == UNLIMITED


@pytest.mark.parametrize("rate", [1, 999_999_937, MOST["rate"]])
def test_no_mix_of_allowed_numbers_is_too_large(rate: int) -> None:
    """Whatever the file may say can be counted exactly, also by one of a thousand replicas."""
    for per, burst in product((1, 59, 86_399, MOST["per"]), (None, 1, 49_999, MOST["burst"])):
        limit = Rule(rate=rate, per=per, burst=burst).requests
        assert limit is not None
        assert limit.shared_by(1000).burst >= 1
    tokens = Rule(tokens_per_minute=49_999_991, tokens_burst=MOST["tokens_burst"]).tokens
    assert tokens is not None
    assert tokens.shared_by(1000).burst >= 1
