"""What is wrong with a setting, in one line."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("HTTP__MAX_BODY_BITES", "there is no such setting. Did you mean `MAX_BODY_BYTES`?"),
        ("AUTH__CLAIMS__ROLE", "there is no such setting. Did you mean `ROLES`?"),
        ("ENDPOINTS__VLLM__API_KEYS", "there is no such setting. Did you mean `API_KEY`?"),
        ("SECRET__XYZ", "there is no such setting. Known are: OVERLAP, RELOAD_EVERY."),
        ("POOL", "must be a JSON object, or be set entry by entry as POOL__NAME."),
        ("API_SECRET_KEY", "must have at least 32 bytes; `openssl rand -hex 32` makes one"),
    ],
)
def test_a_problem_names_its_variable_and_a_remedy(monkeypatch: pytest.MonkeyPatch, variable: str, told: str) -> None:
    """At any depth; and never what was typed, which may be a secret."""
    monkeypatch.setenv("ENDPOINTS__VLLM__BASE_URL", "http://127.0.0.1:8001/v1")
    monkeypatch.setenv(variable, "typed")
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert caught.value.problems == (f"{variable}: {told}",)
