"""Settings: the names users rely on, and one message for everything that is wrong."""

from pathlib import Path
from traceback import format_exception

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


def test_a_secret_is_never_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed into a secret's variable does not come back in an error, nor in its traceback."""
    monkeypatch.setenv("API_SECRET_KEY", "too-short-and-private")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert "too-short-and-private" not in "".join(format_exception(caught.value))


def test_a_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`NAME_FILE` names a file that holds the secret, a final newline not counted."""
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    key = Settings.load().openai_api_key
    assert key is not None
    assert key.get_secret_value() == "from-a-file"


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path that cannot be read is told with its variable."""
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "nothing"))
    with pytest.raises(Misconfigured, match=r"REDIS_PASSWORD_FILE, .*nothing, cannot be read"):
        Settings.load()


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A value and a file for the same secret leave no doubt about which holds: neither."""
    (tmp_path / "key").write_text("one")
    monkeypatch.setenv("OPENAI_API_KEY", "two")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(Misconfigured, match="both set"):
        Settings.load()


def test_files_of_secrets_are_told_with_everything_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two files that cannot be read, a secret given twice and a wrong number make one error of four problems."""
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(tmp_path))
    monkeypatch.setenv("REDIS_PASSWORD", "one")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "two"))
    monkeypatch.setenv("AGENT_TIMEOUT", "-1")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "AGENT_TIMEOUT",
        "REDIS_PASSWORD",
    ]


@pytest.mark.parametrize("content", ["", " \n", "\ufeff\n"])
def test_an_empty_secret_file_is_a_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    """Whoever named a file meant a secret: an empty one must not count as given, nor as left out."""
    (tmp_path / "secret").write_text(content)
    monkeypatch.setenv("API_SECRET_KEY_FILE", str(tmp_path / "secret"))
    with pytest.raises(Misconfigured, match=r"API_SECRET_KEY_FILE, .*secret, is empty"):
        Settings.load()


def test_white_space_is_no_part_of_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line end, or the mark some editors put at the start, changes no secret; nothing but spaces is none."""
    (tmp_path / "key").write_text("\ufeffof-a-file\r\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", " of-a-variable\n")
    monkeypatch.setenv("API_SECRET_KEY", " " * 40)
    settings = Settings.load()
    keys = [settings.openai_api_key, settings.anthropic_api_key]
    assert [key.get_secret_value() for key in keys if key] == ["of-a-file", "of-a-variable"]
    assert settings.api_secret_key is None


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


def test_no_default_is_out_of_bounds() -> None:
    """The defaults pass their own validation."""
    assert Settings.load().agent_timeout == 300


def test_a_secret_knows_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of groups too; a secret of a variable has none, and every one that is set is found by its variable."""
    for name in ("key", "vllm"):
        (tmp_path / name).write_text(f"of-{name}\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("REDIS_PASSWORD", "of-a-variable")
    monkeypatch.setenv("ENDPOINTS__VLLM__BASE_URL", "http://127.0.0.1:8001/v1")
    monkeypatch.setenv("ENDPOINTS__VLLM__API_KEY_FILE", str(tmp_path / "vllm"))
    found = Settings.load().secrets()
    assert {name: (each.get_secret_value(), getattr(each, "file", None)) for name, each in found.items()} == {
        "OPENAI_API_KEY": ("of-key", tmp_path / "key"),
        "REDIS_PASSWORD": ("of-a-variable", None),
        "ENDPOINTS__VLLM__API_KEY": ("of-vllm", tmp_path / "vllm"),
    }


def test_a_groups_secret_given_twice_or_empty_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As any other, and told by its variable."""
    (tmp_path / "empty").touch()
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(f"ENDPOINTS__{name}__BASE_URL", "http://127.0.0.1:8001/v1")
        monkeypatch.setenv(f"ENDPOINTS__{name}__API_KEY_FILE", str(tmp_path / "empty"))
    monkeypatch.setenv("ENDPOINTS__ONE__API_KEY", "given")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "ENDPOINTS__ONE__API_KEY",
        "ENDPOINTS__TWO__API_KEY",
    ]
    assert ["both set" in problem for problem in caught.value.problems] == [True, False]


def test_secrets_are_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen letters of two bytes each are the 32 that HS256 wants; both secrets are held to it."""
    monkeypatch.setenv("API_SECRET_KEY", "é" * 16)
    monkeypatch.setenv("API_SECRET_KEY_PREVIOUS", "e" * 31)
    with pytest.raises(Misconfigured, match="API_SECRET_KEY_PREVIOUS: must have at least 32 bytes") as caught:
        Settings.load()
    assert len(caught.value.problems) == 1


def test_settings_do_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor an address that has a password in it."""
    for name in ("DATABASE_URL", "REDIS_URL", "VECTOR_DB_URL", "QUEUE_URL"):
        monkeypatch.setenv(name, "scheme://u:hunter2@h")
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    settings = Settings.load()
    assert "hunter2" not in repr(settings) + str(settings)


@pytest.mark.parametrize("given", ["10.0.0.0/8, 2001:db8::1", '["10.0.0.0/8", "2001:db8::1"]'])
def test_lists_are_words_with_commas_or_json(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Whichever the operator's tools write more easily."""
    monkeypatch.setenv("HTTP__TRUSTED_PROXIES", given)
    assert Settings.load().http.trusted_proxies == ("10.0.0.0/8", "2001:db8::1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP__TRUSTED_PROXIES", "10.0.0.1/8"),
        ("HTTP__TRUSTED_PROXIES", "proxy.internal"),
        ("HTTP__CORS_ORIGINS", "app.example.com"),
        ("HTTP__CORS_ORIGINS", "https://app.example.com/"),
        ("HTTP__CORS_ORIGINS", "https://*.example.com"),
        ("HTTP__CORS_ORIGINS", "null"),
        ("HTTP__FORWARDED_BY", "x-real-ip"),
        ("SECRET__RELOAD_EVERY", "0"),
    ],
)
def test_what_guards_the_door_is_checked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A network with host bits, a name, half an origin or a pattern would not mean what it seems to."""
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name.partition("__")[0]):
        Settings.load()


def test_cookies_are_not_for_every_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Fetch standard forbids the two together, and so do we, at the start."""
    monkeypatch.setenv("HTTP__CORS_ORIGINS", "*")
    assert Settings.load().http.cors_origins == ("*",)
    monkeypatch.setenv("HTTP__CORS_CREDENTIALS", "true")
    with pytest.raises(Misconfigured, match="CORS_CREDENTIALS"):
        Settings.load()
