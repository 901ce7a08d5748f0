"""Settings of model calls."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


def test_there_are_two_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bullpen's own unless the SDK is asked for, and nothing else."""
    assert Settings.load().llm.client == "slim"
    monkeypatch.setenv("LLM__CLIENT", "sdk")
    assert Settings.load().llm.client == "sdk"
    monkeypatch.setenv("LLM__CLIENT", "curl")
    with pytest.raises(Misconfigured, match="LLM__CLIENT"):
        Settings.load()


@pytest.mark.parametrize("name", ["CONNECT_TIMEOUT", "FIRST_TOKEN_TIMEOUT", "BETWEEN_TOKENS_TIMEOUT"])
def test_no_bound_is_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A wait of no time would fail every call."""
    monkeypatch.setenv(f"LLM__{name}", "0")
    with pytest.raises(Misconfigured, match=name):
        Settings.load()
