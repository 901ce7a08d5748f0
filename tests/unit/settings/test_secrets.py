"""Secrets: from a variable or a file, and never shown."""

from pathlib import Path
from traceback import format_exception

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


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
