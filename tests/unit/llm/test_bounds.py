"""Four bounds, of which the nearest holds."""

import pytest

from bullpen.errors import BullpenError, DeadlineExceeded, ModelTimeout
from bullpen.llm import CallSettings, ModelName
from bullpen.llm.bounds import Bounds

NAME = ModelName("x", "m")


def bounds(*, stream: bool = True, remaining: float = 100.0, **call: float) -> Bounds:
    settings = CallSettings(**{"timeout": 30.0, "first_token": 20.0, "between_tokens": 10.0, **call})  # type: ignore[arg-type] # all of them are seconds
    return Bounds(settings, now=1000.0, remaining=remaining, stream=stream)


def test_a_whole_answer_has_the_whole_time() -> None:
    """It comes in one piece: there is no first token to wait for."""
    whole = bounds(stream=False)
    assert whole.until(now=1000.0, spoken=False) == 1030.0
    assert "within 30 s" in whole.late(NAME).detail


def test_the_first_token_has_its_own_time() -> None:
    """However many empty pieces come before it."""
    stream = bounds()
    assert stream.until(now=1000.0, spoken=False) == 1020.0
    assert stream.until(now=1015.0, spoken=False) == 1020.0
    assert isinstance(stream.late(NAME), ModelTimeout)
    assert "within 20 s" in stream.late(NAME).detail


def test_every_further_token_has_its_own() -> None:
    """Counted from the one before, and never beyond the whole."""
    stream = bounds()
    assert stream.until(now=1005.0, spoken=True) == 1015.0
    assert "nothing for 10 s" in stream.late(NAME).detail
    assert stream.until(now=1025.0, spoken=True) == 1030.0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("spoken", [False, True])
def test_the_deadline_is_never_passed(*, stream: bool, spoken: bool) -> None:
    """And what ends there is the run's, not the model's."""
    near = bounds(stream=stream, remaining=5.0)
    assert near.until(now=1000.0, spoken=spoken) == 1005.0
    assert isinstance(near.late(NAME), DeadlineExceeded)


@pytest.mark.parametrize(("remaining", "kind"), [(25.0, DeadlineExceeded), (100.0, ModelTimeout)])
def test_a_stream_that_never_ends_is_not_silent(remaining: float, kind: type[BullpenError]) -> None:
    """Tokens come to the last: the end is the whole call's, or the run's, though silence was nearer before."""
    stream = bounds(remaining=remaining)
    stream.until(now=1000.0, spoken=False)
    stream.until(now=1005.0, spoken=True)
    stream.until(now=1024.0, spoken=True)
    assert type(stream.late(NAME)) is kind
    assert "nothing" not in stream.late(NAME).detail


def test_what_is_not_set_does_not_bound() -> None:
    """A call of its own time only."""
    stream = Bounds(CallSettings(timeout=30.0), now=1000.0, remaining=100.0, stream=True)
    assert stream.until(now=1000.0, spoken=False) == 1030.0
    assert stream.until(now=1010.0, spoken=True) == 1030.0


def test_a_bound_beyond_the_whole_does_not_hold() -> None:
    """The whole call is over first, and that is what is told."""
    stream = bounds(timeout=8.0)
    assert stream.until(now=1000.0, spoken=False) == 1008.0
    assert "within 8 s" in stream.late(NAME).detail
