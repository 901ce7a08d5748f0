"""The environment: what is JSON, what is empty, and names within names."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


def test_what_should_be_json_is_told_like_any_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text where an object belongs is one line by its variable, beside the others, and not a traceback."""
    monkeypatch.setenv("HTTP__BODY_LIMITS", "{4096")
    monkeypatch.setenv("MODELS", "offline")
    monkeypatch.setenv("POOL", "[1]")
    monkeypatch.setenv("AGENT_TIMEOUT", "-1")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    told = dict(problem.split(": ", 1) for problem in caught.value.problems)
    assert {name for name, text in told.items() if "JSON" in text} == {"HTTP__BODY_LIMITS", "MODELS", "POOL"}
    assert "AGENT_TIMEOUT" in told


def test_endpoints_and_aliases_are_named_by_their_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ENDPOINTS__VLLM__BASE_URL` and `MODELS__FAST` make an endpoint and an alias, in small letters."""
    monkeypatch.setenv("ENDPOINTS__VLLM__BASE_URL", "http://127.0.0.1:8001/v1")
    monkeypatch.setenv("MODELS__FAST", "vllm:small")
    settings = Settings.load()
    assert str(settings.endpoints["vllm"].base_url) == "http://127.0.0.1:8001/v1"
    assert settings.models == {"fast": "vllm:small"}


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty line in a ConfigMap does not change a default."""
    monkeypatch.setenv("MAX_CONCURRENT_AGENTS", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = Settings.load()
    assert settings.max_concurrent_agents == 20
    assert settings.openai_api_key is None
