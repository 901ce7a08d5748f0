"""Settings of what a faulty model may cost."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [("ADAPTIVE__FLOOR", "257"), ("ADAPTIVE__CEILING", "255"), ("ADAPTIVE__START", "3"), ("ADAPTIVE__START", "1025")],
)
def test_a_limit_begins_between_its_bounds(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Numbers that contradict one another are told at the start."""
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=r"ADAPTIVE.*FLOOR must not be above START"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADAPTIVE__FLOOR", "0"),
        ("ADAPTIVE__TOLERANCE", "0.9"),
        ("ADAPTIVE__REST_MAX", "inf"),
        ("RETRY__BUDGET", "1.1"),
        ("RETRY__KEPT", "0"),
    ],
)
def test_what_bounds_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """No call at all, growth that is a fault, a rest without end, more retries than calls."""
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name):
        Settings.load()
