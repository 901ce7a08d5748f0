"""What is weak about the settings."""

import secrets
from pathlib import Path

import pytest

from bullpen.operations.weaknesses import cautions, checker, weaknesses

STRONG = secrets.token_hex(32)
WEAK = "your-super-secure-jwt-secret-change-in-production"


def test_without_a_secret_nothing_is_served_to_others() -> None:
    """The message says how to make one, and what else there is."""
    (told,) = weaknesses(api_secret_key=None)
    assert told.startswith("API_SECRET_KEY: needed")
    assert "openssl" in told
    assert "127.0.0.1" in told


def test_both_secrets_are_looked_at() -> None:
    """The one before still opens everything. A strong one passes; the message never repeats a weak one."""
    assert weaknesses(api_secret_key=STRONG, api_secret_key_previous=STRONG[::-1]) == []
    told = weaknesses(api_secret_key=WEAK, api_secret_key_previous="a" * 40)
    assert [each.partition(":")[0] for each in told] == ["API_SECRET_KEY", "API_SECRET_KEY_PREVIOUS"]
    assert WEAK not in str(told)
    assert "aaaa" not in str(told)


@pytest.mark.parametrize(
    ("exposed", "value", "taken"),
    [(True, WEAK, False), (False, WEAK, True), (False, "short", False), (True, STRONG, True)],
    ids=["exposed-weak", "laptop-weak", "laptop-short", "exposed-strong"],
)
def test_a_secret_that_comes_later_is_held_to_the_same(exposed: bool, value: str, taken: bool) -> None:
    """What would have kept the server from starting is not taken while it runs; a laptop only needs the length."""
    check = checker(exposed=exposed)
    assert (check("API_SECRET_KEY", value) == []) is taken
    assert check("OPENAI_API_KEY", value) == []


def test_a_file_everybody_may_read_is_told(tmp_path: Path) -> None:
    """By its variable and path; one that is not there is somebody else's to tell."""
    for name, mode in (("open", 0o644), ("closed", 0o640)):
        (tmp_path / name).touch(mode)
        (tmp_path / name).chmod(mode)
    files = {"A": tmp_path / "open", "B": tmp_path / "closed", "C": tmp_path / "none"}
    assert cautions(files=files) == [f"A: anybody on this machine can read {tmp_path / 'open'}."]


def test_what_lets_everybody_in_is_told() -> None:
    """A network of all addresses in either version, every origin, and a log that says everything."""
    told = cautions(
        files={}, trusted_proxies=("10.0.0.0/8", "0.0.0.0/0", "::/0"), cors_origins=("*",), log_level="DEBUG"
    )
    assert [each.partition(":")[0] for each in told] == [
        "HTTP__TRUSTED_PROXIES",
        "HTTP__TRUSTED_PROXIES",
        "HTTP__CORS_ORIGINS",
        "LOG_LEVEL",
    ]
    assert cautions(files={}) == []
