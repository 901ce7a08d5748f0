"""How one call is made."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.llm import CallSettings


def test_the_defaults_are_those_of_the_design() -> None:
    """Temperature 0.1, 2,048 tokens, 30 s a call, 3 retries from 1 s up to 10 s."""
    call = CallSettings()
    assert (call.temperature, call.max_tokens, call.timeout) == (0.1, 2048, 30.0)
    assert (call.retries, call.retry_delay, call.retry_delay_max, call.fallbacks) == (3, 1.0, 10.0, ())


def test_every_wrong_value_is_told_at_once() -> None:
    """One error names all six."""
    with pytest.raises(Misconfigured) as caught:
        CallSettings(temperature=3, max_tokens=0, timeout=0, retries=-1, retry_delay=-1, retry_delay_max=-2)
    assert len(caught.value.problems) == 6
