"""Kinds of values that several settings have."""

import pytest

from bullpen.settings import Settings


@pytest.mark.parametrize("given", ["10.0.0.0/8, 2001:db8::1", '["10.0.0.0/8", "2001:db8::1"]'])
def test_lists_are_words_with_commas_or_json(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Whichever the operator's tools write more easily."""
    monkeypatch.setenv("HTTP__TRUSTED_PROXIES", given)
    assert Settings.load().http.trusted_proxies == ("10.0.0.0/8", "2001:db8::1")
