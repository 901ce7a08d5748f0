"""Groups of settings: what guards the door."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


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
