"""Settings: the names users rely on, and one message for everything that is wrong."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings

SEED_NAMES = {
    "MODEL_NAME": "gpt-4",
    "MAX_CONCURRENT_AGENTS": "10",
    "AGENT_TIMEOUT": "300",
    "CACHE_TTL": "3600",
    "DATABASE_URL": "postgresql://db:5432/app",
    "REDIS_URL": "redis://redis:6379",
    "VECTOR_DB_URL": "http://qdrant:6333",
    "LOG_LEVEL": "info",
    "ENABLE_METRICS": "true",
    "OPENAI_API_KEY": "key-of-openai",
    "ANTHROPIC_API_KEY": "key-of-anthropic",
    "API_SECRET_KEY": "s" * 32,
    "DATABASE_PASSWORD": "db-password",
    "REDIS_PASSWORD": "redis-password",
    "ENVIRONMENT": "production",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SEED_NAMES:
        monkeypatch.delenv(name, raising=False)


def test_every_seed_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that sets the variables of the seeds gets every one of them."""
    for name, value in SEED_NAMES.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    for name, value in SEED_NAMES.items():
        read = getattr(settings, name.lower())
        shown = read.get_secret_value() if hasattr(read, "get_secret_value") else read
        assert str(shown).lower().removesuffix(".0") == value.lower()


def test_every_problem_is_told_at_once_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three mistakes make one error that names three variables."""
    monkeypatch.setenv("MAX_CONCURRENT_AGENTS", "none")
    monkeypatch.setenv("HTTP__MAX_BODY_BITES", "1")
    monkeypatch.setenv("API_SECRET_KEY", "short")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert {problem.partition(":")[0] for problem in caught.value.problems} == {
        "MAX_CONCURRENT_AGENTS",
        "HTTP__MAX_BODY_BITES",
        "API_SECRET_KEY",
    }


def test_no_default_is_out_of_bounds() -> None:
    """The defaults pass their own validation."""
    assert Settings.load().agent_timeout == 300
