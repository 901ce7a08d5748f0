"""What every policy does with its answer."""

import pytest

from bullpen.errors import Forbidden
from tests.stubs.policy import asking, shipped

USER = asking("user")


def test_require_gives_the_caller_back() -> None:
    """Whoever forgets to ask has no caller to work with."""
    assert shipped().require(USER, "agent:execute:basic") is USER


def test_require_names_what_is_missing() -> None:
    """The caller can tell an administrator what to grant."""
    with pytest.raises(Forbidden, match="`agent:execute`"):
        shipped().require(USER, "agent:execute")
