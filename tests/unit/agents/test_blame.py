"""Where an exception came from."""

import json

import pytest

from bullpen.agents.blame import blame

SECRET = "sk-live"


def test_the_users_own_line_is_named_and_not_the_text() -> None:
    """The innermost line outside the installed packages is where the author looks."""
    with pytest.raises(ValueError, match=SECRET) as raised:
        raise ValueError(SECRET)
    told = blame(raised.value)
    assert told["error"] == "ValueError"
    assert told["at"].startswith("test_blame.py:")
    assert SECRET not in json.dumps(told)


def test_what_was_never_raised_has_no_place() -> None:
    """An exception may be made and handed on."""
    assert blame(KeyError("x")) == {"error": "KeyError", "at": "unknown"}
