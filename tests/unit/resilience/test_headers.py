"""What providers say of their limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.resilience.headers import asked_rest, retry_after

NOW = 1_795_190_400.0  # 2026-11-20T16:00:00Z
NAMES = (
    "date",
    "retry-after",
    "retry-after-ms",
    *(f"x-ratelimit-{part}-{what}" for part in ("remaining", "reset") for what in ("requests", "tokens")),
    *(
        f"anthropic-ratelimit-{what}-{part}"
        for part in ("remaining", "reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("8.64s", 8.64), ("500µs", 0.0005), ("0s", 0)],
)
def test_a_spent_quota_of_openai_is_there_again_after_its_reset(written: str, seconds: float) -> None:
    """Its times are written as Go writes durations."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": written}
    assert asked_rest(headers, now=NOW) == pytest.approx(seconds)


@pytest.mark.parametrize("what", ["requests", "tokens", "input-tokens", "output-tokens"])
def test_a_spent_quota_of_anthropic_is_there_again_at_its_reset(what: str) -> None:
    """Its times are moments, by RFC 3339."""
    headers = {
        f"anthropic-ratelimit-{what}-remaining": "0",
        f"anthropic-ratelimit-{what}-reset": "2026-11-20T16:00:30Z",
    }
    assert asked_rest(headers, now=NOW) == pytest.approx(30)


def test_a_moment_is_held_against_the_answers_own_date() -> None:
    """Then it does not matter that our clock is an hour fast, or was just set."""
    headers = {
        "date": "Fri, 20 Nov 2026 16:00:00 GMT",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2026-11-20T16:00:30Z",
        "retry-after": "Fri, 20 Nov 2026 16:00:20 GMT",
    }
    assert asked_rest(headers, now=NOW + 3600) == pytest.approx(30)


def test_a_quota_with_something_left_asks_for_nothing() -> None:
    """Most answers are such."""
    headers = {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "100",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert asked_rest(headers, now=NOW) == 0


@pytest.mark.parametrize("headers", [{"retry-after": "7"}, {"retry-after-ms": "7000"}])
def test_one_header_is_enough(headers: dict[str, str]) -> None:
    """Most providers send no more than that with a refusal."""
    assert asked_rest(headers, now=NOW) == 7


def test_the_longest_of_several_counts() -> None:
    """Requests may be there again when tokens are not."""
    headers = {
        "retry-after": "2",
        "retry-after-ms": "2500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "3s",
    }
    assert asked_rest(headers, now=NOW) == 3
    assert asked_rest(headers | {"x-ratelimit-reset-tokens": "1s"}, now=NOW) == 2.5


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2", 2), (" 1.5 ", 1.5), ("Fri, 20 Nov 2026 16:00:20 GMT", 20), ("Fri, 20 Nov 2026 15:00:00 GMT", 0)],
)
def test_retry_after_is_seconds_or_a_date(written: str, seconds: float) -> None:
    """RFC 9110; a date that has passed is now."""
    assert retry_after(written, now=NOW) == seconds


@pytest.mark.parametrize("written", ["", "soon", "-1", "1e9", "nan", "inf", "9" * 400, "Fri, 99 Nov 2026 16:00:20 GMT"])
def test_what_is_not_written_so_is_ignored(written: str) -> None:
    """A header never fails a call, and a number that is none silences nobody."""
    headers = {"retry-after": written, "retry-after-ms": written, "date": written}
    spent = {name: "0" if "remaining" in name else written for name in NAMES}
    assert asked_rest(headers, now=NOW) == 0
    assert asked_rest(spent, now=NOW) == 0


def test_a_moment_without_an_offset_is_ignored() -> None:
    """Nobody knows when it is."""
    headers = {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-20T16:00:30"}
    assert asked_rest(headers, now=NOW) == 0


@given(
    headers=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40) | st.sampled_from(["0", "1s", "9999-12-31"]))
)
def test_nothing_in_a_header_raises(headers: dict[str, str]) -> None:
    """A span is what comes out, whatever went in."""
    assert 0 <= asked_rest(headers, now=NOW) < float("inf")
