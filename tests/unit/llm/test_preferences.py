"""Slow models stand back behind their fallbacks."""

from bullpen.llm import ModelName, Preferences
from bullpen.llm.link import Link
from tests.stubs.scripted import ScriptedModel

A, B, C = (Link(ModelName("x", name), ScriptedModel(id=name)) for name in "abc")


def test_a_slow_model_is_asked_last_and_the_rest_in_order() -> None:
    """It stays in the chain."""
    preferences = Preferences()
    preferences.prefer_fallback("x:a")
    assert list(preferences.ordered((A, B, C))) == [B, C, A]
    assert preferences.standing_back == {"x:a"}


def test_a_model_gets_its_place_back() -> None:
    """As if nothing had been; twice is as good as once."""
    preferences = Preferences()
    preferences.prefer_fallback("x:a")
    preferences.restore("x:a")
    preferences.restore("x:a")
    assert list(preferences.ordered((A, B))) == [A, B]


def test_without_a_fallback_nothing_changes() -> None:
    """Somebody has to answer; and where all are slow, the order is the catalogue's."""
    preferences = Preferences()
    preferences.prefer_fallback("x:a")
    assert list(preferences.ordered((A,))) == [A]
    preferences.prefer_fallback("x:b")
    assert list(preferences.ordered((A, B))) == [A, B]
